package journal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// written makes a journal of n entries and returns its path.
func written(t *testing.T, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state", "journal.jsonl")
	j := opened(t, path, nil)
	for i := range n {
		e := journal.Entry{Kind: journal.Intent, Database: "111122223333/eu-west-1/db-1", What: fmt.Sprintf("call %d", i), Data: json.RawMessage(`{"n":1}`)}
		if i%2 == 1 {
			e.Kind, e.Ref = journal.Result, int64(i)
		}
		if _, err := j.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func opened(t *testing.T, path string, fold func(journal.Entry)) *journal.Journal {
	t.Helper()
	now := noon
	j, err := journal.Open(path, journal.Options{Now: func() time.Time { now = now.Add(time.Second); return now }}, fold)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestChain(t *testing.T) {
	path := written(t, 5)
	var got []journal.Entry
	if err := journal.Read(path, func(e journal.Entry) { got = append(got, e) }); err != nil {
		t.Fatal(err)
	}
	if len(got) != 5 {
		t.Fatalf("%d entries, want 5", len(got))
	}
	prev := ""
	for i, e := range got {
		if e.Seq != int64(i+1) || e.Prev != prev || len(e.Hash) != 64 {
			t.Errorf("entry %d: seq %d, prev %q, hash %q", i, e.Seq, e.Prev, e.Hash)
		}
		if want := noon.Add(time.Duration(i+1) * time.Second); !e.At.Equal(want) || e.At.Location() != time.UTC {
			t.Errorf("entry %d is of %v, want %v", i, e.At, want)
		}
		prev = e.Hash
	}
	sum, err := journal.Verify(path)
	if err != nil {
		t.Fatal(err)
	}
	want := journal.Summary{Entries: 5, First: got[0].At, Last: got[4].At, Head: got[4].Hash}
	if d := cmp.Diff(want, sum); d != "" {
		t.Errorf("summary (-want +got):\n%s", d)
	}
}

func TestReopenGoesOn(t *testing.T) {
	path := written(t, 3)
	var folded int
	j := opened(t, path, func(journal.Entry) { folded++ })
	if seq, head := j.Head(); folded != 3 || seq != 3 || head == "" {
		t.Errorf("reopened with %d folded, head %d %q", folded, seq, head)
	}
	e, err := j.Append(journal.Entry{Kind: journal.Note, What: "after"})
	if err != nil || e.Seq != 4 {
		t.Errorf("appended as %d: %v", e.Seq, err)
	}
	j.Close()
	if sum, err := journal.Verify(path); err != nil || sum.Entries != 4 || sum.Head != e.Hash {
		t.Errorf("verify: %+v, %v", sum, err)
	}
}

func TestHostileText(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	j := opened(t, path, nil)
	texts := []string{"two\nlines", "\x1b[31mred\x00", `","hash":"`, "<script>&", "\u2028", "\xff\xfe", strings.Repeat("ä", 70_000)}
	for _, s := range texts {
		if _, err := j.Append(journal.Entry{Kind: journal.Note, Database: s, What: s, By: s}); err != nil {
			t.Fatalf("%.20q: %v", s, err)
		}
	}
	j.Close()
	n := 0
	if err := journal.Read(path, func(e journal.Entry) {
		if want := strings.ToValidUTF8(texts[n], "\ufffd"); e.What != want && !strings.Contains(texts[n], "\xff") {
			t.Errorf("entry %d reads %.30q, want %.30q", n, e.What, want)
		}
		n++
	}); err != nil {
		t.Fatal(err)
	}
	if n != len(texts) || bytes.Count(read(t, path), []byte("\n")) != n {
		t.Errorf("%d entries in %d lines, want %d", n, bytes.Count(read(t, path), []byte("\n")), len(texts))
	}
}

// TestEveryByte changes every byte of a small journal in several ways; none may pass.
func TestEveryByte(t *testing.T) {
	path := written(t, 3)
	whole := read(t, path)
	for i := range whole {
		for _, to := range []byte{whole[i] ^ 1, whole[i] ^ 0x20, ' ', '\n', 0} {
			if to == whole[i] {
				continue
			}
			b := bytes.Clone(whole)
			b[i] = to
			write(t, path, b)
			if _, err := journal.Verify(path); err == nil {
				t.Fatalf("byte %d changed from %q to %q: not noticed", i, whole[i], to)
			}
		}
		write(t, path, append(bytes.Clone(whole[:i]), whole[i+1:]...))
		if _, err := journal.Verify(path); err == nil {
			t.Fatalf("byte %d %q removed: not noticed", i, whole[i])
		}
		write(t, path, append(append(bytes.Clone(whole[:i]), ' '), whole[i:]...))
		if _, err := journal.Verify(path); err == nil {
			t.Fatalf("blank put before byte %d: not noticed", i)
		}
	}
}

func TestLinesMoved(t *testing.T) {
	path := written(t, 4)
	l := bytes.SplitAfter(read(t, path), []byte("\n"))[:4]
	tests := []struct {
		name  string
		lines [][]byte
		at    int
		why   string
	}{
		{"first removed", [][]byte{l[1], l[2], l[3]}, 1, "removed, added or reordered"},
		{"middle removed", [][]byte{l[0], l[2], l[3]}, 2, "removed, added or reordered"},
		{"two swapped", [][]byte{l[0], l[2], l[1], l[3]}, 2, "removed, added or reordered"},
		{"one twice", [][]byte{l[0], l[1], l[1], l[2], l[3]}, 3, "removed, added or reordered"},
		{"empty line", [][]byte{l[0], []byte("\n"), l[1], l[2], l[3]}, 2, "not a journal entry"},
		{"other text", [][]byte{l[0], l[1], []byte("hello\n"), l[2], l[3]}, 3, "not a journal entry"},
		{"two in one line", [][]byte{l[0], bytes.TrimSuffix(l[1], []byte("\n")), l[2], l[3]}, 2, "not a journal entry"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			write(t, path, bytes.Join(tt.lines, nil))
			var good int
			err := journal.Read(path, func(journal.Entry) { good++ })
			var d *journal.Damage
			if !errors.As(err, &d) {
				t.Fatalf("read: %v, want damage", err)
			}
			if d.Line != tt.at || !strings.Contains(d.Why, tt.why) || d.Path != path || d.Torn {
				t.Errorf("damage is %+v, want line %d, %q", d, tt.at, tt.why)
			}
			if good != tt.at-1 {
				t.Errorf("%d good entries before the damage, want %d", good, tt.at-1)
			}
			if _, err := journal.Open(path, journal.Options{}, nil); !errors.As(err, &d) {
				t.Errorf("open for writing: %v, want damage", err)
			}
			if !bytes.Equal(read(t, path), bytes.Join(tt.lines, nil)) {
				t.Error("opening a damaged journal changed it")
			}
		})
	}
}

// TestForgedEntry rewrites an entry with a right hash of its own: the next
// line's link gives it away.
func TestForgedEntry(t *testing.T) {
	path := written(t, 3)
	lines := bytes.SplitAfter(read(t, path), []byte("\n"))
	other := filepath.Join(t.TempDir(), "other.jsonl")
	j := opened(t, other, nil)
	for _, what := range []string{"call 0", "forged"} {
		if _, err := j.Append(journal.Entry{Kind: journal.Intent, Database: "111122223333/eu-west-1/db-1", What: what, Data: json.RawMessage(`{"n":1}`)}); err != nil {
			t.Fatal(err)
		}
	}
	j.Close()
	forged := bytes.SplitAfter(read(t, other), []byte("\n"))
	if !bytes.Equal(forged[0], lines[0]) {
		t.Fatal("the two journals should begin alike")
	}
	write(t, path, bytes.Join([][]byte{lines[0], forged[1], lines[2]}, nil))
	var d *journal.Damage
	if _, err := journal.Verify(path); !errors.As(err, &d) || d.Line != 3 {
		t.Errorf("verify: %v, want damage in line 3", err)
	}
}

func TestTornLine(t *testing.T) {
	path := written(t, 3)
	whole := read(t, path)
	last := bytes.LastIndexByte(whole[:len(whole)-1], '\n') + 1
	for _, cut := range []int{last + 1, last + 40, len(whole) - 1} {
		write(t, path, whole[:cut])
		n := 0
		if err := journal.Read(path, func(journal.Entry) { n++ }); err != nil || n != 2 {
			t.Errorf("cut at %d: a reader beside a writer saw %d entries, %v; want 2 and no error", cut, n, err)
		}
		var d *journal.Damage
		if _, err := journal.Verify(path); !errors.As(err, &d) || !d.Torn || d.Line != 3 {
			t.Errorf("cut at %d: verify says %v, want a torn line 3", cut, err)
		}
		j := opened(t, path, nil)
		if got := read(t, path+".torn"); !bytes.Equal(got, whole[last:cut]) {
			t.Errorf("cut at %d: the torn line was not kept", cut)
		}
		if e, err := j.Append(journal.Entry{Kind: journal.Note, What: "after the crash"}); err != nil || e.Seq != 3 {
			t.Errorf("cut at %d: appended as %d, %v; want 3", cut, e.Seq, err)
		}
		j.Close()
		if sum, err := journal.Verify(path); err != nil || sum.Entries != 3 {
			t.Errorf("cut at %d: after mending: %+v, %v", cut, sum, err)
		}
	}
}

// TestLongTornLine: what a crash left of a long line is kept whole.
func TestLongTornLine(t *testing.T) {
	path := written(t, 1)
	torn := append([]byte(`{"seq":2,"what":"`), bytes.Repeat([]byte("x"), 200_000)...)
	write(t, path, append(read(t, path), torn...))
	opened(t, path, nil).Close()
	if got := read(t, path+".torn"); !bytes.Equal(got, torn) {
		t.Errorf("%d bytes of the torn line were kept, want %d", len(got), len(torn))
	}
}

func TestConcurrentAppend(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	j, err := journal.Open(path, journal.Options{NoSync: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	seen := map[int64]bool{}
	for range 8 {
		wg.Go(func() {
			for range 25 {
				e, err := j.Append(journal.Entry{Kind: journal.Note, What: "x"})
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				seen[e.Seq] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	j.Close()
	if sum, err := journal.Verify(path); err != nil || sum.Entries != 200 || len(seen) != 200 {
		t.Errorf("%d entries with %d numbers, %v; want 200", sum.Entries, len(seen), err)
	}
}

func TestEntryTooLong(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	j := opened(t, path, nil)
	defer j.Close()
	if _, err := j.Append(journal.Entry{Kind: journal.Note, What: strings.Repeat("x", journal.MaxLine)}); err == nil {
		t.Error("an entry beyond MaxLine was written")
	}
	if _, err := j.Append(journal.Entry{Kind: journal.Note, What: "short"}); err != nil {
		t.Errorf("a refused entry must not stop the journal: %v", err)
	}
	long := append(read(t, path), bytes.Repeat([]byte("y"), journal.MaxLine+1)...)
	other := filepath.Join(t.TempDir(), "long.jsonl")
	write(t, other, append(long, '\n'))
	var d *journal.Damage
	if _, err := journal.Verify(other); !errors.As(err, &d) || d.Line != 2 {
		t.Errorf("a line beyond MaxLine: %v, want damage in line 2", err)
	}
}

// TestFailedWriteIsFinal: after a hole nothing may be written.
func TestFailedWriteIsFinal(t *testing.T) {
	path := written(t, 1)
	j := opened(t, path, nil)
	j.Close() // every write fails from here
	for range 2 {
		if _, err := j.Append(journal.Entry{Kind: journal.Note, What: "x"}); err == nil || !strings.Contains(err.Error(), "write the journal") {
			t.Errorf("append to a closed file: %v", err)
		}
	}
	if sum, err := journal.Verify(path); err != nil || sum.Entries != 1 {
		t.Errorf("after failed writes: %+v, %v", sum, err)
	}
}

func TestMissingJournal(t *testing.T) {
	if _, err := journal.Verify(filepath.Join(t.TempDir(), "none.jsonl")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("verify of no file: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	dir := f.TempDir()
	path := filepath.Join(dir, "seed.jsonl")
	j, err := journal.Open(path, journal.Options{NoSync: true, Now: func() time.Time { return noon }}, nil)
	if err != nil {
		f.Fatal(err)
	}
	for _, what := range []string{"a", "b\n", "c"} {
		if _, err := j.Append(journal.Entry{Kind: journal.Note, What: what}); err != nil {
			f.Fatal(err)
		}
	}
	j.Close()
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add([]byte("{}\n"))
	f.Add([]byte(`{"seq":1,"hash":""}` + "\n"))
	f.Add([]byte("\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "j.jsonl")
		write(t, path, b)
		n := int64(0)
		err := journal.Read(path, func(e journal.Entry) {
			if n++; e.Seq != n {
				t.Fatalf("entry %d has number %d", n, e.Seq)
			}
		})
		sum, verr := journal.Verify(path)
		if sum.Entries != n || err != nil && verr == nil {
			t.Fatalf("read %d entries (%v), verified %d (%v)", n, err, sum.Entries, verr)
		}
		if verr == nil && n > 0 && !bytes.HasSuffix(b, []byte("\n")) {
			t.Fatal("an incomplete last line verified")
		}
		// What can be opened can be continued, and is whole then.
		j, oerr := journal.Open(path, journal.Options{NoSync: true}, nil)
		if (oerr == nil) != (err == nil) {
			t.Fatalf("read says %v, open says %v", err, oerr)
		}
		if oerr != nil {
			return
		}
		if _, err := j.Append(journal.Entry{Kind: journal.Note, What: "more"}); err != nil {
			t.Fatal(err)
		}
		j.Close()
		if sum, err := journal.Verify(path); err != nil || sum.Entries != n+1 {
			t.Fatalf("after append: %d entries, %v; want %d", sum.Entries, err, n+1)
		}
	})
}
