package fleet

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

func TestFrozen(t *testing.T) {
	dir := t.TempDir()
	there := filepath.Join(dir, "there")
	if err := os.WriteFile(there, []byte("incident 4711\nmore"), 0o600); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/frozen":
			http.Error(w, "black friday", http.StatusLocked)
		case "/slow":
			<-r.Context().Done()
		}
	}))
	defer srv.Close()
	for _, c := range []struct {
		name string
		f    plan.Freeze
		want string // part of the reason, "" for free
	}{
		{"no signal", plan.Freeze{}, ""},
		{"no file", plan.Freeze{File: filepath.Join(dir, "none")}, ""},
		{"file", plan.Freeze{File: there}, "incident 4711"},
		{"unreadable file", plan.Freeze{File: dir}, "cannot be read"},
		{"command says go", plan.Freeze{Command: []string{"true"}}, ""},
		{"command says stop", plan.Freeze{Command: []string{"sh", "-c", "echo change freeze; exit 3"}}, "exited with 3: change freeze"},
		{"no such command", plan.Freeze{Command: []string{filepath.Join(dir, "none")}}, "cannot be run"},
		{"command hangs", plan.Freeze{Command: []string{"sleep", "1000"}, Timeout: 50 * time.Millisecond}, "did not end in time"},
		{"200", plan.Freeze{URL: srv.URL + "/free"}, ""},
		{"423", plan.Freeze{URL: srv.URL + "/frozen"}, "black friday"},
		{"no answer", plan.Freeze{URL: srv.URL + "/slow", Timeout: 50 * time.Millisecond}, "cannot be read"},
		{"nobody there", plan.Freeze{URL: "http://127.0.0.1:1/"}, "cannot be read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.f.Timeout == 0 {
				c.f.Timeout = 10 * time.Second
			}
			got := Frozen(t.Context(), c.f)
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
