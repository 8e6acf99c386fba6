package journal

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func openSegments(t *testing.T, b *bucket, who string) (*Segments, []Entry) {
	t.Helper()
	var seen []Entry
	s, _, err := OpenSegments(t.Context(), b, "p/journal", nil, Entry{Kind: Note, What: who + " begins"}, nil, func(e Entry) { seen = append(seen, e) })
	if err != nil {
		t.Fatal(err)
	}
	return s, seen
}

func TestSegmentsAreOneChain(t *testing.T) {
	b := newBucket(time.Now)
	s, _ := openSegments(t, b, "anna")
	for n := range 200 {
		if _, err := s.Append(Entry{Kind: Note, What: fmt.Sprint("entry ", n)}); err != nil {
			t.Fatal(err)
		}
	}
	text, err := ReadSegments(t.Context(), b, "p/journal")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	if err := ReadFrom(bytes.NewReader(text), "j", func(e Entry) {
		if !isClosing(e) {
			n++
		}
	}); err != nil || n != 201 {
		t.Errorf("%d entries, %v", n, err)
	}
	if keys, _ := b.List(t.Context(), "p/journal/"); len(keys) < 3 {
		t.Errorf("200 entries stand in %v", keys)
	}
	_, seen := openSegments(t, b, "ben")
	if len(seen) != 205 || seen[204].What != "ben begins" {
		t.Errorf("%d entries were read", len(seen))
	}
}

// Whatever the old writer does after the new one began, nothing of it gets in.
func TestOldWriterIsFencedOff(t *testing.T) {
	for _, before := range []int{0, 1, 10, segmentEntries - 2, segmentEntries - 1, segmentEntries, segmentEntries + 1} {
		t.Run(fmt.Sprint(before), func(t *testing.T) {
			b := newBucket(time.Now)
			old, _ := openSegments(t, b, "anna")
			for n := range before {
				if _, err := old.Append(Entry{Kind: Note, What: fmt.Sprint(n)}); err != nil {
					t.Fatal(err)
				}
			}
			next, _ := openSegments(t, b, "ben")
			if _, err := old.Append(Entry{Kind: Intent, What: "too late"}); !errors.Is(err, ErrConflict) {
				t.Fatalf("the old writer got through: %v", err)
			}
			if _, err := next.Append(Entry{Kind: Note, What: "in time"}); err != nil {
				t.Fatal(err)
			}
			if _, err := old.Append(Entry{Kind: Intent, What: "again"}); err == nil {
				t.Fatal("the old writer goes on after it failed")
			}
			text, err := ReadSegments(t.Context(), b, "p/journal")
			if err == nil {
				err = ReadFrom(bytes.NewReader(text), "j", nil)
			}
			if err != nil || strings.Contains(string(text), "too late") {
				t.Errorf("the chain: %v", err)
			}
		})
	}
}

// The old writer is in the middle of its work while the new one opens.
func TestFenceAgainstAWriterAtWork(t *testing.T) {
	b := newBucket(time.Now)
	old, _ := openSegments(t, b, "anna")
	left := 3
	b.before = func(verb, key string) error {
		if verb == "put" && left > 0 {
			left--
			hook := b.before
			b.before = nil
			if _, err := old.Append(Entry{Kind: Note, What: "meanwhile"}); err != nil {
				t.Error(err)
			}
			b.before = hook
		}
		return nil
	}
	next, seen := openSegments(t, b, "ben")
	b.before = nil
	if len(seen) != 5 || seen[4].What != "ben begins" {
		t.Errorf("the new writer saw %d entries", len(seen))
	}
	if _, err := next.Append(Entry{Kind: Note, What: "on"}); err != nil {
		t.Error(err)
	}
}

func TestSegmentsLostAnswer(t *testing.T) {
	b := newBucket(time.Now)
	s, _ := openSegments(t, b, "anna")
	b.lose = 1
	if _, err := s.Append(Entry{Kind: Note, What: "the answer is lost"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(Entry{Kind: Note, What: "next"}); err != nil {
		t.Fatal(err)
	}
	text, err := ReadSegments(t.Context(), b, "p/journal")
	if err != nil || strings.Count(string(text), "the answer is lost") != 1 {
		t.Errorf("%v: %s", err, text)
	}
}

func TestSegmentsDamage(t *testing.T) {
	b := newBucket(time.Now)
	s, _ := openSegments(t, b, "anna")
	for range 150 {
		if _, err := s.Append(Entry{Kind: Note, What: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	o := b.objects["p/journal/00000002.jsonl"]
	for name, breakIt := range map[string]func(){
		"gone": func() { delete(b.objects, "p/journal/00000002.jsonl") },
		"changed": func() {
			b.objects["p/journal/00000002.jsonl"] = Object{Data: bytes.Replace(o.Data, []byte("x"), []byte("y"), 1), ETag: o.ETag}
		},
		"cut": func() { b.objects["p/journal/00000002.jsonl"] = Object{Data: o.Data[:len(o.Data)/2], ETag: o.ETag} },
	} {
		t.Run(name, func(t *testing.T) {
			breakIt()
			good := 0
			_, _, err := OpenSegments(t.Context(), b, "p/journal", nil, Entry{Kind: Note, What: "ben"}, nil, func(Entry) { good++ })
			var d *Damage
			if !errors.As(err, &d) || d.Torn {
				t.Errorf("opened a damaged journal: %v", err)
			}
			b.objects["p/journal/00000002.jsonl"] = o
		})
	}
}

// A writer whose lease is gone writes nothing.
func TestSegmentsAskTheLease(t *testing.T) {
	b := newBucket(time.Now)
	gone := false
	check := func() error {
		if gone {
			return ErrLeaseLost
		}
		return nil
	}
	s, _, err := OpenSegments(t.Context(), b, "p", check, Entry{Kind: Note, What: "x"}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	writes := b.writes
	gone = true
	if _, err := s.Append(Entry{Kind: Intent}); !errors.Is(err, ErrLeaseLost) || b.writes != writes {
		t.Errorf("%v, %d writes", err, b.writes-writes)
	}
}

func FuzzReadJournal(f *testing.F) {
	b := newBucket(time.Now)
	s, _, err := OpenSegments(f.Context(), b, "p", nil, Entry{Kind: Note, What: "x"}, nil, nil)
	if err != nil {
		f.Fatal(err)
	}
	if _, err := s.Append(Entry{Kind: Intent, Database: "a/b/c", What: "y"}); err != nil {
		f.Fatal(err)
	}
	f.Add(s.text)
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var seq int64
		err := ReadFrom(bytes.NewReader(data), "j", func(e Entry) {
			if e.Seq != seq+1 {
				t.Fatalf("entry %d after %d", e.Seq, seq)
			}
			seq = e.Seq
		})
		var d *Damage
		if err != nil && !errors.As(err, &d) {
			t.Fatalf("neither whole nor damaged: %v", err)
		}
	})
}
