package fleet

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

var hookCall = HookCall{Hook: "h", When: plan.BeforeSwitchover, ID: "c/1/2/orders/switchover/bgd-1/1", Attempt: 2, Database: "orders", Greens: []string{"orders-green-abc123"}, By: "anna", At: time.Unix(1_800_000_000, 0).UTC()}

func TestCallProgram(t *testing.T) {
	t.Setenv("HOOK_SECRET", "geheim-42")
	t.Setenv("HOOK_PASSED", "passed")
	dir := t.TempDir()
	for name, c := range map[string]struct {
		script string
		pass   []string
		want   bluegreen.GateVerdict
		later  bool
		words  string
	}{
		"go":                        {"echo drained", nil, bluegreen.GatePass, false, "drained"},
		"not now":                   {"echo deploying >&2; exit 75", nil, bluegreen.GateFail, true, "deploying"},
		"veto":                      {"echo month end; exit 1", nil, bluegreen.GateFail, false, "exit code 1 month end"},
		"killed":                    {"kill -9 $$", nil, bluegreen.GateInconclusive, false, "signal: killed"},
		"reads its input":           {`grep -q '"database":"orders"' && echo ok`, nil, bluegreen.GatePass, false, "ok"},
		"has no secrets":            {`echo "[$HOOK_SECRET][$AWS_SECRET_ACCESS_KEY][$HOOK_PASSED]$RDSUPGRADE_HOOK"`, nil, bluegreen.GatePass, false, "[][][]before-switchover"},
		"has what it may have":      {`echo "$HOOK_PASSED"`, []string{"HOOK_PASSED"}, bluegreen.GatePass, false, "passed"},
		"gives no secret away":      {`echo "the key is $HOOK_SECRET, password=abc token: xyz https://u:p@h/"; exit 2`, []string{"HOOK_SECRET"}, bluegreen.GateFail, false, "exit code 2 the key is ***, password=*** token: *** https://***@h/"},
		"has much to say":           {`i=0; while [ $i -lt 30000 ]; do echo 0123456789; i=$((i+1)); done`, nil, bluegreen.GatePass, false, "0123456789 0123456789"},
		"says what terminals do":    {`printf 'a\033[31mb\n'`, nil, bluegreen.GatePass, false, "a [31mb"},
		"leaves a child behind":     {`sleep 600 & echo gone`, nil, bluegreen.GatePass, false, "gone"},
		"does not read its input":   {`exec 0<&-; echo deaf`, nil, bluegreen.GatePass, false, "deaf"},
		"is not a shell's business": {`echo "$1"`, nil, bluegreen.GatePass, false, "$(id); `id`"},
	} {
		t.Run(name, func(t *testing.T) {
			h := plan.Hook{Name: "h", When: plan.BeforeSwitchover, Command: []string{"/bin/sh", "-c", c.script, "sh", "$(id); `id`"}, PassEnv: c.pass, Timeout: time.Minute}
			t.Chdir(dir)
			a := CallHook([]string{"HOOK_SECRET"})(t.Context(), h, hookCall)
			if a.Verdict != c.want || a.Later != c.later || !strings.HasPrefix(a.Words, c.words) || len(a.Words) > mostWords+3 {
				t.Errorf("%+v", a)
			}
		})
	}
	a := CallHook(nil)(t.Context(), plan.Hook{Command: []string{filepath.Join(dir, "nothing")}, Timeout: time.Minute}, hookCall)
	if a.Verdict != bluegreen.GateInconclusive || !strings.Contains(a.Words, "no such file") {
		t.Errorf("a program that is not there: %+v", a)
	}
}

// TestHookThatHangsIsEnded: with its children. A child holds a FIFO open for
// writing: its other end reads to the end when, and only when, the child is gone.
func TestHookThatHangsIsEnded(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "held")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	held, err := os.OpenFile(fifo, os.O_RDWR, 0) // read and write: opening waits for nobody
	if err != nil {
		t.Fatal(err)
	}
	reader, err := os.OpenFile(fifo, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	a := CallHook(nil)(t.Context(), plan.Hook{Command: []string{"/bin/sh", "-c", `sleep 1000 >"$0" & echo begun >"$0"; wait`, fifo}, Timeout: time.Second}, hookCall)
	if a.Verdict != bluegreen.GateInconclusive || !strings.Contains(a.Words, "no answer within 1s") {
		t.Errorf("%+v", a)
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	// Ended by a signal, a process takes its time to go; ended by nobody, it stays.
	if err := reader.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(reader); err != nil || string(b) != "begun\n" {
		t.Errorf("its child lives on, or never was: %q, %v", b, err)
	}
}

func TestCallAddress(t *testing.T) {
	t.Setenv("HOOK_KEY", "signing-key")
	for name, c := range map[string]struct {
		code         int
		header, body string
		want         bluegreen.GateVerdict
		later        bool
		after        time.Duration
		words        string
	}{
		"go":                        {204, "", "", bluegreen.GatePass, false, 0, ""},
		"not now":                   {503, "120", "deploying", bluegreen.GateFail, true, 2 * time.Minute, "503 Service Unavailable deploying"},
		"too many":                  {429, "Fri, 31 Dec 1999 23:59:59 GMT", "", bluegreen.GateFail, true, 0, "429"},
		"patience has bounds":       {429, "999999999", "", bluegreen.GateFail, true, longestAfter, "429"},
		"veto":                      {409, "", "month end", bluegreen.GateFail, false, 0, "409 Conflict month end"},
		"elsewhere is no answer":    {302, "", "", bluegreen.GateFail, false, 0, "302"},
		"its server is broken":      {500, "", "", bluegreen.GateInconclusive, false, 0, "500"},
		"away, and nobody says how": {503, "soon", "", bluegreen.GateInconclusive, false, 0, "503"},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				calls++
				body, err := io.ReadAll(r.Body)
				var got HookCall
				if err != nil || json.Unmarshal(body, &got) != nil || got.Database != "orders" || got.Attempt != 2 || r.Method != http.MethodPost {
					t.Errorf("%s %s, %v", r.Method, body, err)
				}
				at := r.Header.Get("X-Rdsupgrade-Timestamp")
				if r.Header.Get("Idempotency-Key") != hookCall.ID || r.Header.Get("X-Rdsupgrade-Signature") != "sha256="+Signature("signing-key", at, body) {
					t.Errorf("headers %v", r.Header)
				}
				if c.header != "" {
					w.Header().Set("Retry-After", c.header)
				}
				if c.code == 302 {
					w.Header().Set("Location", "/elsewhere")
				}
				w.WriteHeader(c.code)
				_, _ = io.WriteString(w, c.body)
			}))
			defer srv.Close()
			a := CallHook(nil)(t.Context(), plan.Hook{URL: srv.URL, HMACEnv: "HOOK_KEY", Timeout: time.Minute}, hookCall)
			if a.Verdict != c.want || a.Later != c.later || a.After != c.after || !strings.HasPrefix(a.Words, c.words) || calls != 1 {
				t.Errorf("%+v after %d calls", a, calls)
			}
		})
	}
	srv := httptest.NewServer(http.NotFoundHandler())
	srv.Close()
	if a := CallHook(nil)(t.Context(), plan.Hook{URL: srv.URL, Timeout: time.Minute}, hookCall); a.Verdict != bluegreen.GateInconclusive {
		t.Errorf("nobody listens: %+v", a)
	}
	if a := CallHook(nil)(t.Context(), plan.Hook{URL: srv.URL, HMACEnv: "NOT_SET", Timeout: time.Minute}, hookCall); a.Verdict != bluegreen.GateInconclusive || !strings.Contains(a.Words, "NOT_SET") {
		t.Errorf("without a key: %+v", a)
	}
}
