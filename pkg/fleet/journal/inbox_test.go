package journal_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

// collect takes everything out of the inbox.
func collect(t *testing.T, dir string) []journal.Request {
	t.Helper()
	var got []journal.Request
	if err := journal.Collect(dir, func(r journal.Request) error { got = append(got, r); return nil }); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestInbox(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if got := collect(t, dir); got != nil {
		t.Errorf("an inbox that never was gave %v", got)
	}
	want := []journal.Request{
		{Verb: "approve", Wave: "prod", By: "anna", Why: "looks good", At: noon},
		{Verb: "pause", Database: "1/r/db", By: "bert", At: noon.Add(time.Second)},
		{Verb: "resume", By: "bert", At: noon.Add(time.Minute)},
	}
	for _, i := range []int{2, 0, 1} { // the order of time counts, not of arrival
		if err := journal.Submit(dir, want[i]); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff(want, collect(t, dir)); d != "" {
		t.Errorf("collected (-want +got):\n%s", d)
	}
	if got := collect(t, dir); got != nil {
		t.Errorf("collected twice: %v", got)
	}
}

func TestInboxOfOneMoment(t *testing.T) {
	dir := t.TempDir()
	for range 20 {
		if err := journal.Submit(dir, journal.Request{Verb: "pause", At: noon}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(collect(t, dir)); n != 20 {
		t.Errorf("%d of 20 requests of one moment arrived", n)
	}
}

// TestInboxRefused: a request that could not be taken in stays, with those after it.
func TestInboxRefused(t *testing.T) {
	dir := t.TempDir()
	for i := range 3 {
		if err := journal.Submit(dir, journal.Request{Verb: "pause", Database: string(rune('a' + i)), At: noon.Add(time.Duration(i))}); err != nil {
			t.Fatal(err)
		}
	}
	full := errors.New("disk full")
	err := journal.Collect(dir, func(r journal.Request) error {
		if r.Database == "b" {
			return full
		}
		return nil
	})
	if !errors.Is(err, full) {
		t.Errorf("collect: %v, want %v", err, full)
	}
	var left []string
	for _, r := range collect(t, dir) {
		left = append(left, r.Database)
	}
	if d := cmp.Diff([]string{"b", "c"}, left); d != "" {
		t.Errorf("left (-want +got):\n%s", d)
	}
}

func TestInboxBadFiles(t *testing.T) {
	dir := t.TempDir()
	if err := journal.Submit(dir, journal.Request{Verb: "pause", At: noon}); err != nil {
		t.Fatal(err)
	}
	box := filepath.Join(dir, "inbox")
	bad := map[string]string{"000-empty.json": "", "001-text.json": "hello", "002-no-verb.json": "{}", "999-list.json": "[]"}
	for name, text := range bad {
		write(t, filepath.Join(box, name), []byte(text))
	}
	write(t, filepath.Join(box, ".new-123"), []byte("half"))
	write(t, filepath.Join(box, "README"), []byte("not a request"))
	if n := len(collect(t, dir)); n != 1 {
		t.Errorf("%d requests, want the one good one", n)
	}
	entries, err := os.ReadDir(box)
	if err != nil {
		t.Fatal(err)
	}
	aside := 0
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".json") {
			t.Errorf("%s is still waiting", e.Name())
		}
		if strings.HasSuffix(e.Name(), ".bad") {
			aside++
		}
	}
	if aside != len(bad) {
		t.Errorf("%d bad files set aside, want %d", aside, len(bad))
	}
}
