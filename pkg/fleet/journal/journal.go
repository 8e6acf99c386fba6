// Package journal is the campaign's evidence: an append-only file of JSON
// lines, each carrying the hash of the one before, each synced to disk before
// Append returns. AWS is the truth about databases; the journal holds what AWS
// cannot tell, and proves the order in which things were announced and done.
package journal

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Kind tells entries apart.
type Kind string

// The kinds of entries.
const (
	RunStart Kind = "run-start"
	RunEnd   Kind = "run-end"
	Intent   Kind = "intent"   // a mutating call is about to be made
	Result   Kind = "result"   // its answer
	Stage    Kind = "stage"    // a database moved on
	Precheck Kind = "precheck" // a verdict
	Gate     Kind = "gate"     // a gate's evidence
	Fact     Kind = "fact"     // something AWS or a server showed that will not be there later
	Human    Kind = "human"    // a person decided
	Note     Kind = "note"
)

// Entry is one line.
type Entry struct {
	Seq      int64           `json:"seq"`
	At       time.Time       `json:"at"`
	Kind     Kind            `json:"kind"`
	Database string          `json:"db,omitempty"` // account/region/id
	Wave     string          `json:"wave,omitempty"`
	What     string          `json:"what"` // one line for a person
	By       string          `json:"by,omitempty"`
	Ref      int64           `json:"ref,omitempty"` // Result: the intent's Seq
	Data     json.RawMessage `json:"data,omitempty"`
	Prev     string          `json:"prev"` // hash of the line before, "" on the first
	Hash     string          `json:"hash"` // SHA-256 over the line with this field empty
}

// MaxLine bounds one line; an entry beyond it is refused, a longer line in a
// file is damage.
const MaxLine = 4 << 20

// Damage says where a journal stops being whole.
type Damage struct {
	Path string
	Line int
	Why  string
	// Torn is true when only the last line is incomplete, as a crash in the
	// middle of a write leaves it: nothing acknowledged was lost.
	Torn bool
}

// Error is one line with the place.
func (d *Damage) Error() string { return fmt.Sprintf("%s:%d: %s", d.Path, d.Line, d.Why) }

// Journal is an open journal. Its methods are safe for concurrent use.
type Journal struct {
	mu   sync.Mutex
	f    *os.File
	path string
	seq  int64
	prev string
	size int64
	err  error
	// NoSync leaves out fsync, for simulations whose journal nobody keeps.
	noSync bool
	now    func() time.Time
}

// Options tune Open.
type Options struct {
	// Now is the clock for entries; default time.Now.
	Now func() time.Time
	// NoSync leaves out fsync: for simulations only.
	NoSync bool
}

// Open reads the journal at path, gives every entry to fold, and opens it for
// appending; a missing file is created. A torn last line is moved to
// path+".torn" and cut off. Any other damage is returned as *Damage and
// nothing is opened: appending to a broken chain would hide the break.
func Open(path string, opts Options, fold func(Entry)) (*Journal, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the state directory: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	j := &Journal{f: f, path: path, noSync: opts.NoSync, now: opts.Now}
	if j.now == nil {
		j.now = time.Now
	}
	good, err := scan(f, path, func(e Entry) {
		j.seq, j.prev = e.Seq, e.Hash
		if fold != nil {
			fold(e)
		}
	})
	var d *Damage
	if errors.As(err, &d) && d.Torn {
		err = j.cutTorn(good)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	j.size = good
	if _, err := f.Seek(good, io.SeekStart); err != nil {
		f.Close()
		return nil, fmt.Errorf("seek in the journal: %w", err)
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		f.Close()
		return nil, err
	}
	return j, nil
}

// cutTorn keeps the half-written line beside the journal and truncates it.
func (j *Journal) cutTorn(good int64) error {
	rest, err := io.ReadAll(io.NewSectionReader(j.f, good, MaxLine))
	if err != nil {
		return fmt.Errorf("read the torn line: %w", err)
	}
	if err := os.WriteFile(j.path+".torn", rest, 0o600); err != nil {
		return fmt.Errorf("keep the torn line: %w", err)
	}
	if err := j.f.Truncate(good); err != nil {
		return fmt.Errorf("cut the torn line off: %w", err)
	}
	return j.f.Sync()
}

// Append completes the entry with its number, time and hashes, writes it and
// syncs it to disk. After a failed write every further Append fails: a journal
// with a hole must not go on.
func (j *Journal) Append(e Entry) (Entry, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return Entry{}, j.err
	}
	e.Seq, e.Prev, e.Hash = j.seq+1, j.prev, ""
	if e.At.IsZero() {
		e.At = j.now()
	}
	e.At = e.At.UTC()
	line, hash, err := encode(e)
	if err != nil {
		return Entry{}, err
	}
	e.Hash = hash
	if err := j.write(line); err != nil {
		j.err = fmt.Errorf("write the journal: %w", err)
		return Entry{}, j.err
	}
	j.seq, j.prev, j.size = e.Seq, e.Hash, j.size+int64(len(line))
	return e, nil
}

func (j *Journal) write(line []byte) error {
	if _, err := j.f.Write(line); err != nil {
		return err
	}
	if j.noSync {
		return nil
	}
	return j.f.Sync()
}

// Head is the number and hash of the last entry.
func (j *Journal) Head() (int64, string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.seq, j.prev
}

// Close closes the file.
func (j *Journal) Close() error { return j.f.Close() }

// encode renders the line and its hash. The hash covers the line as written
// with an empty hash field, so that any changed byte shows.
func encode(e Entry) (line []byte, hash string, err error) {
	bare, err := json.Marshal(e)
	if err != nil {
		return nil, "", fmt.Errorf("encode journal entry: %w", err)
	}
	sum := sha256.Sum256(bare)
	hash = hex.EncodeToString(sum[:])
	tail := []byte(`"hash":""}`)
	if !bytes.HasSuffix(bare, tail) {
		return nil, "", errors.New("encode journal entry: the hash is not the last field")
	}
	line = append(bare[:len(bare)-len(tail)], `"hash":"`+hash+"\"}\n"...)
	if len(line) > MaxLine {
		return nil, "", fmt.Errorf("journal entry %q is %d bytes, more than %d", e.What, len(line), MaxLine)
	}
	return line, hash, nil
}

// Read gives every whole entry of the journal at path to fold, without opening
// it for writing; it may run beside a writer. Damage is returned after the good
// prefix was folded; a torn last line is not damage to a reader.
func Read(path string, fold func(Entry)) error {
	err := readAll(path, fold)
	var d *Damage
	if errors.As(err, &d) && d.Torn {
		return nil
	}
	return err
}

// ReadFrom is Read for an open journal; name stands in messages.
func ReadFrom(r io.Reader, name string, fold func(Entry)) error {
	_, err := scan(r, name, fold)
	return err
}

// Line is an entry as it stands in a journal.
func Line(e Entry) ([]byte, error) {
	line, _, err := encode(e.bare())
	return line, err
}

func readAll(path string, fold func(Entry)) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open the journal: %w", err)
	}
	defer f.Close()
	_, err = scan(f, path, fold)
	return err
}

// Verify checks the whole chain: entries, first and last time, head hash. A
// torn last line is damage here: whether a crash cut it or a hand changed its
// end, the bytes do not say.
func Verify(path string) (Summary, error) {
	var s Summary
	err := readAll(path, func(e Entry) {
		if s.Entries == 0 {
			s.First = e.At
		}
		s.Entries, s.Last, s.Head = s.Entries+1, e.At, e.Hash
	})
	return s, err
}

// Summary is what Verify found.
type Summary struct {
	Entries int64     `json:"entries"`
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
	Head    string    `json:"head"`
}

// scan reads lines, checks the chain, and returns the length of the good prefix.
func scan(r io.Reader, path string, fold func(Entry)) (good int64, err error) {
	br := bufio.NewReaderSize(r, 1<<16)
	var seq int64
	var prev string
	for n := 1; ; n++ {
		line, err := readLine(br)
		if err == io.EOF && len(line) == 0 {
			return good, nil
		}
		if err == io.EOF {
			return good, &Damage{path, n, "the last line is incomplete, as a crash in the middle of a write leaves it; the next run sets it aside", true}
		}
		if err != nil {
			return good, &Damage{path, n, err.Error(), false}
		}
		e, why := check(line, seq, prev)
		if why != "" {
			return good, &Damage{path, n, why, false}
		}
		seq, prev = e.Seq, e.Hash
		good += int64(len(line))
		if fold != nil {
			fold(e)
		}
	}
}

func readLine(br *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := br.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > MaxLine {
			return nil, fmt.Errorf("line is longer than %d bytes", MaxLine)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

// check verifies one line against the chain by hashing its very bytes.
func check(line []byte, seq int64, prev string) (Entry, string) {
	var e Entry
	body := bytes.TrimSuffix(line, []byte("\n"))
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&e); err != nil || dec.More() {
		return e, "this is not a journal entry"
	}
	tail := []byte(`"hash":"` + e.Hash + `"}`)
	if !bytes.HasSuffix(body, tail) {
		return e, "the entry does not end with its hash"
	}
	bare := append(bytes.Clone(body[:len(body)-len(tail)]), `"hash":""}`...)
	sum := sha256.Sum256(bare)
	switch {
	case hex.EncodeToString(sum[:]) != e.Hash:
		return e, fmt.Sprintf("entry %d was changed: its hash does not match", e.Seq)
	case e.Prev != prev:
		return e, fmt.Sprintf("entry %d does not follow entry %d: lines were removed, added or reordered", e.Seq, seq)
	case e.Seq != seq+1:
		return e, fmt.Sprintf("entry %d stands where %d belongs", e.Seq, seq+1)
	}
	return e, ""
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open the state directory: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync the state directory: %w", err)
	}
	return nil
}
