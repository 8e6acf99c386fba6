package fleet

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

func stateHolder(who string) journal.Holder {
	return journal.Holder{Owner: who, Host: "h", PID: 1, Command: "run"}
}

// All of a campaign and a part of it exclude each other; two parts do not.
func TestSharesExcludeTheWhole(t *testing.T) {
	whole := State{Dir: t.TempDir()}
	part, other := whole, whole
	part.Share, other.Share = "account:111122223333", "wave:canary"
	var locked *journal.LockedError

	a, err := part.Open(t.Context(), stateHolder("anna"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := other.Open(t.Context(), stateHolder("ben"))
	if err != nil {
		t.Fatalf("two parts at once: %v", err)
	}
	if _, err := whole.Open(t.Context(), stateHolder("carl")); !errors.As(err, &locked) {
		t.Fatalf("the whole beside a part: %v", err)
	}
	if _, err := part.Open(t.Context(), stateHolder("carl")); !errors.As(err, &locked) || locked.Holder.Owner != "anna" {
		t.Fatalf("the same part twice: %v", err)
	}
	if err := errors.Join(a.Close(), b.Close()); err != nil {
		t.Fatal(err)
	}
	w, err := whole.Open(t.Context(), stateHolder("carl"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Open(t.Context(), stateHolder("anna")); !errors.As(err, &locked) {
		t.Errorf("a part beside the whole: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// What second terminals ask reaches every runner, and reading joins all journals.
func TestRequestsReachEveryShare(t *testing.T) {
	whole := State{Dir: t.TempDir()}
	part := whole
	part.Share = "account:111122223333"
	s, err := part.Open(t.Context(), stateHolder("anna"))
	if err != nil {
		t.Fatal(err)
	}
	r := journal.Request{Verb: "pause", Database: "111122223333/eu-west-1/orders", By: "ben", At: time.Now().UTC()}
	if err := whole.Submit(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if err := s.Collect(t.Context(), s.Say); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	read, err := whole.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := read.mem.record(r.Database).Paused; got == nil || got.By != "ben" {
		t.Errorf("paused: %v", got)
	}
}

// Of a damaged journal the good prefix is used, and nothing is appended to it.
func TestDamagedJournalIsReadToItsBreak(t *testing.T) {
	st := State{Dir: t.TempDir()}
	s, err := st.Open(t.Context(), stateHolder("anna"))
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"a/b/one", "a/b/two"} {
		if err := s.Say(journal.Request{Verb: "pause", Database: id, By: "ben", At: time.Now().UTC()}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(st.Dir, JournalFile)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-100] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	var d *journal.Damage
	if _, err := st.Open(t.Context(), stateHolder("anna")); !errors.As(err, &d) {
		t.Errorf("opened: %v", err)
	}
	read, err := st.Read(t.Context())
	if err != nil || read.Damage == nil {
		t.Fatalf("read: %v, %v", err, read)
	}
	if read.mem.record("a/b/one").Paused == nil || read.mem.record("a/b/two").Paused != nil {
		t.Error("the good prefix was not used, or more than it")
	}
}
