package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"
	"time"
)

// A segment is full at either of these: it is written anew with every entry.
const (
	segmentEntries = 64
	segmentBytes   = 128 << 10
)

// Segments is a journal in a bucket: one chain of entries cut into objects
// PREFIX/00000001.jsonl, PREFIX/00000002.jsonl, ... Every entry is one
// conditional write to the last of them. A full segment gets a closing entry
// before the next one may be created. A new writer first writes its opening
// entry: into the last segment, or as a new one when the last is closed. From
// then on every write of the one before it conflicts, however late it comes:
// that is the fence.
type Segments struct {
	objects Objects
	prefix  string
	check   func() error
	now     func() time.Time

	mu      sync.Mutex
	n       int // of the last segment
	text    []byte
	entries int
	etag    string
	seq     int64
	prev    string
	err     error
	closed  bool // the last segment has its closing entry
}

func (s *Segments) key(n int) string { return path.Join(s.prefix, fmt.Sprintf("%08d.jsonl", n)) }

// ReadSegments joins the segments to the text of one journal. It may run beside
// a writer.
func ReadSegments(ctx context.Context, o Objects, prefix string) ([]byte, error) {
	s := &Segments{objects: o, prefix: prefix}
	return s.load(ctx)
}

func (s *Segments) load(ctx context.Context) ([]byte, error) {
	keys, err := s.objects.List(ctx, s.prefix+"/")
	if err != nil {
		return nil, fmt.Errorf("list the journal's segments: %w", err)
	}
	var all []byte
	s.n, s.text, s.etag = 0, nil, ""
	for _, k := range keys {
		if k != s.key(s.n+1) {
			return all, &Damage{Path: k, Line: 1, Why: fmt.Sprintf("segment %s is expected here: one is missing", s.key(s.n+1))}
		}
		obj, err := s.objects.Get(ctx, k)
		if err != nil {
			return all, fmt.Errorf("read the journal's segment %s: %w", k, err)
		}
		s.n++
		s.text, s.etag = obj.Data, obj.ETag
		all = append(all, obj.Data...)
	}
	s.entries = bytes.Count(s.text, []byte("\n"))
	return all, nil
}

// fenceTries bounds how often a writer that is fenced out at the same time may
// force another look.
const fenceTries = 10

// OpenSegments reads the journal, gives every entry to fold, and fences off
// every earlier writer by writing opening as the next entry. check is asked
// before every write; it is the lease's. The text is the whole journal as read.
func OpenSegments(ctx context.Context, o Objects, prefix string, check func() error, opening Entry, now func() time.Time, fold func(Entry)) (*Segments, []byte, error) {
	if now == nil {
		now = time.Now
	}
	s := &Segments{objects: o, prefix: prefix, check: check, now: now}
	for range fenceTries {
		all, err := s.load(ctx)
		if err != nil {
			return nil, all, err
		}
		var list []Entry
		if _, err := scan(bytes.NewReader(all), prefix, func(e Entry) { list = append(list, e) }); err != nil {
			var d *Damage
			if errors.As(err, &d) {
				d.Torn = false // a segment is written as a whole: half a line is damage
			}
			for _, e := range list {
				if fold != nil {
					fold(e)
				}
			}
			return nil, all, err
		}
		s.seq, s.prev, s.closed = 0, "", false
		if n := len(list); n > 0 {
			s.seq, s.prev, s.closed = list[n-1].Seq, list[n-1].Hash, isClosing(list[n-1])
		}
		e, err := s.open(opening)
		if errors.Is(err, ErrConflict) {
			s.err = nil
			continue // an earlier writer was still at it: look again
		}
		if err != nil {
			return nil, all, err
		}
		if fold != nil {
			for _, old := range list {
				fold(old)
			}
			fold(e)
		}
		line, _, err := encode(e.bare())
		return s, append(all, line...), err
	}
	return nil, nil, fmt.Errorf("open the journal under %s: %w", prefix, ErrConflict)
}

// open writes the opening entry, into the last segment however full that is:
// the writer before may still have room there.
func (s *Segments) open(e Entry) (Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.check != nil {
		if err := s.check(); err != nil {
			return Entry{}, err
		}
	}
	return s.add(e)
}

// bare is the entry as it is given to encode.
func (e Entry) bare() Entry {
	e.Hash = ""
	return e
}

// Append writes an entry to the bucket. After a failed write every further one
// fails: a writer that was fenced off must stop.
func (s *Segments) Append(e Entry) (Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return Entry{}, s.err
	}
	if s.check != nil {
		if err := s.check(); err != nil {
			return Entry{}, err
		}
	}
	if !s.closed && (s.entries >= segmentEntries || len(s.text) >= segmentBytes) {
		if _, err := s.add(Entry{Kind: Note, What: closingText + s.key(s.n+1)}); err != nil {
			return Entry{}, err
		}
		s.closed = true
	}
	return s.add(e)
}

// closingText begins the entry that closes a segment.
const closingText = "the journal continues in "

// isClosing tells that no writer will add to the entry's segment any more.
func isClosing(e Entry) bool { return e.Kind == Note && strings.HasPrefix(e.What, closingText) }

// add makes e the next entry of the chain and writes it.
func (s *Segments) add(e Entry) (Entry, error) {
	e.Seq, e.Prev, e.Hash = s.seq+1, s.prev, ""
	if e.At.IsZero() {
		e.At = s.now()
	}
	e.At = e.At.UTC()
	line, hash, err := encode(e)
	if err != nil {
		return Entry{}, err
	}
	e.Hash = hash
	if err := s.write(line); err != nil {
		s.err = fmt.Errorf("write the journal: %w", err)
		return Entry{}, s.err
	}
	s.seq, s.prev = e.Seq, e.Hash
	return e, nil
}

// writeTimeout bounds one write; the lease is shorter than two of them.
const writeTimeout = 30 * time.Second

func (s *Segments) write(line []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	n, text, cond := s.n, append(bytes.Clone(s.text), line...), Condition{ETag: s.etag}
	if s.n == 0 || s.closed {
		n, text, cond = s.n+1, line, Condition{Absent: true}
	}
	etag, err := s.objects.Put(ctx, s.key(n), text, cond)
	if err != nil {
		// The write may have taken effect, and its repetition below us met itself.
		o, gerr := s.objects.Get(ctx, s.key(n))
		if gerr != nil || !bytes.Equal(o.Data, text) {
			return err
		}
		etag = o.ETag
	}
	if n != s.n {
		s.entries, s.closed = 0, false
	}
	s.n, s.text, s.etag, s.entries = n, text, etag, s.entries+1
	return nil
}

// Close has nothing to do: every entry was written when Append returned.
func (s *Segments) Close() error { return nil }
