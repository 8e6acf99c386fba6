package fleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

// Store is a campaign's state directory: the journal, its lock and its inbox.
type Store struct {
	Dir     string
	journal appender // nil when read only
	lock    *journal.Lock
	mem     *memory
	entries int64
	remote  *remote // of a state in a bucket
	// Share is the part of the campaign that the store is for, "" for all.
	Share string
	// Damage is set when only a good prefix of the journal could be read.
	Damage *journal.Damage
}

// appender is where entries go.
type appender interface {
	Append(journal.Entry) (journal.Entry, error)
	Close() error
}

// MemoryStore is a state that nobody keeps, for simulations: entries are
// numbered and told to each, there is no chain, and no database has a history.
// each may be nil.
func MemoryStore(each func(journal.Entry)) *Store {
	s := &Store{journal: &passing{each: each}, mem: newMemory()}
	s.mem.forgets = true
	return s
}

// passing lets entries go by.
type passing struct {
	seq  int64
	each func(journal.Entry)
}

func (p *passing) Append(e journal.Entry) (journal.Entry, error) {
	p.seq++
	e.Seq, e.At = p.seq, e.At.UTC()
	if p.each != nil {
		p.each(e)
	}
	return e, nil
}

func (p *passing) Close() error { return nil }

// JournalFile is the journal's name in the state directory.
const JournalFile = "journal.jsonl"

// Holder describes this process for the lock.
func Holder(command string) journal.Holder {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	return journal.Holder{Owner: Operator(), Host: host, PID: os.Getpid(), Command: command, Since: time.Now().UTC()}
}

// Operator is the name under which decisions are journaled: RDSUPGRADE_OPERATOR,
// else the system's user.
func Operator() string {
	if s := os.Getenv("RDSUPGRADE_OPERATOR"); s != "" {
		return s
	}
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return "uid " + fmt.Sprint(os.Getuid())
}

// OpenStore locks the state directory and opens its journal for writing. The
// error is a *journal.LockedError when another run holds it, a *journal.Damage
// when the journal is broken.
func OpenStore(dir string, h journal.Holder, opts journal.Options) (*Store, error) {
	lock, err := journal.Acquire(dir, h)
	if err != nil {
		return nil, err
	}
	s := &Store{Dir: dir, lock: lock, mem: newMemory()}
	j, err := journal.Open(filepath.Join(dir, JournalFile), opts, s.fold)
	if err != nil {
		return nil, errors.Join(err, lock.Release())
	}
	s.journal = j
	return s, nil
}

// ReadStore reads the journal beside a run that may be writing it. A missing
// one is an empty history. Of a damaged one the good prefix is used and Damage is set.
func ReadStore(dir string) (*Store, error) {
	s := &Store{Dir: dir, mem: newMemory()}
	err := journal.Read(filepath.Join(dir, JournalFile), s.fold)
	var d *journal.Damage
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s, nil
	case errors.As(err, &d):
		s.Damage = d
		return s, nil
	}
	return s, err
}

func (s *Store) fold(e journal.Entry) {
	s.entries++
	s.mem.fold(e)
}

// Close releases the journal and the lock.
func (s *Store) Close() error {
	var errs []error
	if s.journal != nil {
		errs = append(errs, s.journal.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Release())
	}
	if s.remote != nil {
		errs = append(errs, s.remote.close())
	}
	return errors.Join(errs...)
}

// append writes an entry and folds it in. Callers hold the engine's mutex.
func (s *Store) append(e journal.Entry, data any) (journal.Entry, error) {
	if s.journal == nil {
		return e, errors.New("the state directory was opened for reading only")
	}
	if data != nil {
		b, err := json.Marshal(data)
		if err != nil {
			return e, fmt.Errorf("encode journal data: %w", err)
		}
		e.Data = b
	}
	e, err := s.journal.Append(e)
	if err != nil {
		return e, err
	}
	s.fold(e)
	return e, nil
}

// Say journals a person's request, for commands that hold the lock themselves.
func (s *Store) Say(r journal.Request) error {
	_, err := s.append(journal.Entry{Kind: journal.Human, Database: r.Database, Wave: r.Wave, By: r.By, At: r.At, What: requestText(r)}, r)
	return err
}

func requestText(r journal.Request) string {
	what := r.Verb
	switch {
	case r.Database != "":
		what += " database " + r.Database
	case r.Wave != "":
		what += " wave " + r.Wave
	default:
		what += " the campaign"
	}
	if r.Gate != "" {
		what += ", gate \"" + r.Gate + "\" until " + r.Until.UTC().Format("2006-01-02 15:04 MST")
	}
	if r.Why != "" {
		what += ": " + r.Why
	}
	return what
}

// LastEnd is how the last run ended, nil when there was none.
func (s *Store) LastEnd() *RunEnd { return s.mem.lastEnd }

// Claim makes sure that the state directory belongs to the campaign.
func (s *Store) Claim(campaign string) error {
	if c := s.mem.campaign; c != "" && c != campaign {
		return fmt.Errorf("the state directory %s belongs to campaign %q, not %q: give another --state-dir", s.Dir, c, campaign)
	}
	return nil
}

// Keys are the databases that the journal knows, as account/region/id.
func (s *Store) Keys() []string { return sortedKeys(s.mem.databases) }

// Seen are the databases that a run has seen, as account/region/id; others may
// stand in the journal because somebody spoke of them.
func (s *Store) Seen() []string {
	var keys []string
	for _, k := range s.Keys() {
		if s.mem.databases[k].stage != "" {
			keys = append(keys, k)
		}
	}
	return keys
}

// Head is the number of entries and the hash of the last one.
func (s *Store) Head() (int64, string) { return s.entries, s.mem.head }
