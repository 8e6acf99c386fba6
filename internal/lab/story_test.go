package lab

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// testWriter passes the story on to the test's log.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", p)
	return len(p), nil
}

// program builds the tool for the length of the test.
func program(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "rdsupgrade")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "../../cmd/rdsupgrade").CombinedOutput(); err != nil {
		t.Fatalf("build the tool: %v\n%s", err, out)
	}
	return bin
}

func TestStory(t *testing.T) {
	s := Story{Program: program(t), Dir: t.TempDir(), Rate: 200, Out: testWriter{t}, Before: time.Second, After: time.Second, Dark: 2 * time.Second}
	r, err := s.Tell(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !r.Good() {
		t.Errorf("the story went wrong: %+v", r)
	}
}

func TestOutages(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	acked := []Ack{{1, at(0)}, {4, at(500)}, {2, at(10)}, {6, at(900)}}
	errs := []Failure{{5, at(700), "error 3032"}, {3, at(20), "connection lost"}, {9, at(400), "error 3032"}, {7, at(1000), "error 1290"}}
	want := []Outage{
		{at(10), at(500), map[string]int{"connection lost": 1, "error 3032": 1}},
		{at(500), at(900), map[string]int{"error 3032": 1}},
	}
	if diff := cmp.Diff(want, outages(acked, errs)); diff != "" {
		t.Error(diff)
	}
}

func TestCompare(t *testing.T) {
	acked := []Ack{{N: 1}, {N: 2}, {N: 3}}
	got := compare(acked, map[int64]bool{4: true, 5: true}, map[int64]bool{6: true, 7: true}, map[int64]int{1: 1, 3: 2, 5: 1, 7: 1})
	want := Count{Acked: 3, Rows: 5, Lost: []int64{2}, Doubled: []int64{3}, Ghosts: []int64{5}, Unknown: 2, Kept: 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got.Good() || !(Count{Acked: 1, Unknown: 1}).Good() || (Count{}).Good() {
		t.Error("Good is wrong")
	}
}
