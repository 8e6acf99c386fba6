package journal_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

func TestLock(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	anna := journal.Holder{Owner: "anna", Host: "ops1", PID: 4711, Command: "run plan.yaml", Since: noon}
	first, err := journal.Acquire(dir, anna)
	if err != nil {
		t.Fatal(err)
	}
	_, err = journal.Acquire(dir, journal.Holder{Owner: "bert"})
	var locked *journal.LockedError
	if !errors.As(err, &locked) {
		t.Fatalf("second lock: %v, want a LockedError", err)
	}
	if d := cmp.Diff(anna, locked.Holder); d != "" {
		t.Errorf("holder (-want +got):\n%s", d)
	}
	for _, part := range []string{dir, "anna", "ops1", "4711", "run plan.yaml", "2026-11-23 12:00:00 UTC"} {
		if !strings.Contains(locked.Error(), part) {
			t.Errorf("%q does not name %q", locked.Error(), part)
		}
	}
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	// A shorter holder must not leave the rest of a longer one behind.
	second, err := journal.Acquire(dir, journal.Holder{Owner: "b"})
	if err != nil {
		t.Fatalf("lock after release: %v", err)
	}
	defer second.Release()
	if _, err = journal.Acquire(dir, anna); !errors.As(err, &locked) || locked.Holder.Owner != "b" || locked.Holder.Host != "" {
		t.Errorf("third lock: %v", err)
	}
}

func TestLockWithUnreadableHolder(t *testing.T) {
	dir := t.TempDir()
	l, err := journal.Acquire(dir, journal.Holder{Owner: "anna"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	write(t, filepath.Join(dir, "lock"), []byte("{"))
	var locked *journal.LockedError
	if _, err := journal.Acquire(dir, journal.Holder{}); !errors.As(err, &locked) || locked.Holder.Owner != "an unknown process" {
		t.Errorf("lock: %v", err)
	}
}

func TestLockWhereNothingCanBeMade(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, nil)
	if _, err := journal.Acquire(filepath.Join(file, "state"), journal.Holder{}); err == nil || !strings.Contains(err.Error(), "make the state directory") {
		t.Errorf("acquire under a file: %v", err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}
