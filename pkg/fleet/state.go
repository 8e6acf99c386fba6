package fleet

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

// State is where a campaign's journal, lease and inbox are: a directory, or a
// prefix of a bucket that a team shares.
type State struct {
	// Dir is the directory; of a state in a bucket, the copy on this machine
	// that reports and audits read.
	Dir string
	// Objects and Prefix are of a state in a bucket; Objects nil: a directory.
	Objects journal.Objects
	Prefix  string
	// Share names a part of the campaign with a lease of its own: account:ID or
	// wave:NAME. "" is all of it.
	Share string
	// TakeOver is the id of a holding to break before its end.
	TakeOver string
	// Now is the clock, nil is time.Now. Options tune a journal in a directory.
	Now     func() time.Time
	Options journal.Options
}

var shareForm = regexp.MustCompile(`^(account|wave):([A-Za-z0-9][A-Za-z0-9._-]{0,39})$`)

// CheckShare says what is wrong with a share for the plan, "" when nothing is.
func CheckShare(share string, p *plan.Plan) string {
	m := shareForm.FindStringSubmatch(share)
	if m == nil {
		return fmt.Sprintf("%q is no share; want account:ID or wave:NAME", share)
	}
	for _, a := range p.Accounts {
		if m[1] == "account" && (a.ID == m[2] || a.Name == m[2]) {
			return ""
		}
	}
	for _, w := range p.Waves {
		if m[1] == "wave" && w.Name == m[2] {
			return ""
		}
	}
	return fmt.Sprintf("the plan has no %s %q", m[1], m[2])
}

// takes tells whether a member belongs to the share.
func takes(share string, p *plan.Plan, m member) bool {
	parts := shareForm.FindStringSubmatch(share)
	if parts == nil {
		return share == ""
	}
	if parts[1] == "wave" {
		return m.wave >= 0 && p.Waves[m.wave].Name == parts[2]
	}
	for _, a := range p.Accounts {
		if a.ID == m.account || a.ID == "" {
			return a.ID == parts[2] || a.Name == parts[2]
		}
	}
	return m.account == parts[2]
}

// part is the state of one share, or s itself for all.
func (s State) part(share string) State {
	if share == "" {
		return s
	}
	name := strings.ReplaceAll(share, ":", "-")
	s.Dir, s.Prefix = filepath.Join(s.Dir, "shares", name), path.Join(s.Prefix, "shares", name)
	return s
}

func (s State) leaseKey() string   { return path.Join(s.Prefix, "lease.json") }
func (s State) journalKey() string { return path.Join(s.Prefix, "journal") }
func (s State) inboxKey() string   { return path.Join(s.Prefix, "inbox") }

// Open locks the state, or the share of it, and opens its journal for writing.
// The error is a *journal.LockedError when another run holds it or a part that
// overlaps, a *journal.Damage when the journal is broken.
func (s State) Open(ctx context.Context, h journal.Holder) (*Store, error) {
	mine := s.part(s.Share)
	store, err := mine.open(ctx, h)
	if err != nil {
		return nil, err
	}
	if err := s.overlap(ctx, h); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	store.Share = s.Share
	return store, nil
}

func (s State) open(ctx context.Context, h journal.Holder) (*Store, error) {
	if s.Objects == nil {
		return OpenStore(s.Dir, h, s.Options)
	}
	lease, err := journal.AcquireLease(ctx, s.Objects, s.leaseKey(), h, s.TakeOver, s.Now)
	if err != nil {
		return nil, err
	}
	store := &Store{Dir: s.Dir, mem: newMemory(), remote: &remote{state: s, lease: lease}}
	opening := journal.Entry{Kind: journal.Note, By: h.Owner,
		What: fmt.Sprintf("generation %d of the lease, %s, begins: %s", lease.Generation(), lease.ID(), h.Command)}
	seg, text, err := journal.OpenSegments(ctx, s.Objects, s.journalKey(), lease.Check, opening, s.Now, store.fold)
	if err == nil {
		err = store.copyDown(text)
	}
	if err != nil {
		return nil, errors.Join(err, lease.Release(ctx))
	}
	store.journal = &twice{Segments: seg, path: filepath.Join(s.Dir, JournalFile)}
	store.remote.keep()
	return store, nil
}

// twice appends to the bucket, and to the copy on this machine.
type twice struct {
	*journal.Segments
	path string
}

// Append implements appender. The copy is a convenience: what it misses, the
// next reading brings.
func (t *twice) Append(e journal.Entry) (journal.Entry, error) {
	e, err := t.Segments.Append(e)
	if err != nil {
		return e, err
	}
	if line, err := journal.Line(e); err == nil {
		if f, err := os.OpenFile(t.path, os.O_APPEND|os.O_WRONLY, 0o600); err == nil {
			_, _ = f.Write(line)
			_ = f.Close()
		}
	}
	return e, nil
}

// remote is the shared side of a store.
type remote struct {
	state State
	lease *journal.Lease
	stop  context.CancelFunc
	done  sync.WaitGroup
}

// keep renews the lease until the store is closed.
func (r *remote) keep() {
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	r.done.Go(func() {
		for {
			if (WallClock{}).Sleep(ctx, journal.LeaseTTL/24) != nil {
				return
			}
			if r.lease.Due() {
				// A failure is tried again in a moment; Check stops the run before
				// the lease can be anybody else's.
				_ = r.lease.Renew(ctx)
			}
		}
	})
}

func (r *remote) close() error {
	if r.stop != nil {
		r.stop()
		r.done.Wait()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return r.lease.Release(ctx)
}

// Check tells whether the holder of the state may still act.
func (s *Store) Check() error {
	if s.remote == nil {
		return nil
	}
	return s.remote.lease.Check()
}

// copyDown keeps the joined journal beside the reports on this machine.
func (s *Store) copyDown(text []byte) error {
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return fmt.Errorf("make the state's copy: %w", err)
	}
	tmp := filepath.Join(s.Dir, "."+JournalFile)
	if err := os.WriteFile(tmp, text, 0o600); err != nil {
		return fmt.Errorf("write the state's copy: %w", err)
	}
	if err := os.Rename(tmp, filepath.Join(s.Dir, JournalFile)); err != nil {
		return fmt.Errorf("write the state's copy: %w", err)
	}
	return nil
}

// overlap refuses to work beside a run whose part overlaps: all of the campaign
// and a share of it exclude each other. Both sides take their own lock first
// and look then, so that of two at the same moment at most one goes on.
func (s State) overlap(ctx context.Context, h journal.Holder) error {
	others := []string{""}
	if s.Share == "" {
		var err error
		if others, err = s.shares(ctx); err != nil {
			return err
		}
	}
	for _, share := range others {
		if err := s.part(share).free(ctx, h); err != nil {
			return err
		}
	}
	return nil
}

// free is an error when somebody holds the part.
func (s State) free(ctx context.Context, h journal.Holder) error {
	if s.Objects != nil {
		held, err := journal.HeldBy(ctx, s.Objects, s.leaseKey())
		if err == nil && held != nil {
			return held
		}
		return err
	}
	lock, err := journal.Acquire(s.Dir, h)
	if err != nil {
		return err
	}
	return lock.Release()
}

// shares are the names of the shares that have a state.
func (s State) shares(ctx context.Context) ([]string, error) {
	seen := map[string]bool{}
	add := func(name string) {
		if kind, rest, ok := strings.Cut(name, "-"); ok && shareForm.MatchString(kind+":"+rest) {
			seen[kind+":"+rest] = true
		}
	}
	if s.Objects == nil {
		entries, err := os.ReadDir(filepath.Join(s.Dir, "shares"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("read the shares: %w", err)
		}
		for _, e := range entries {
			add(e.Name())
		}
		return sortedKeys(seen), nil
	}
	base := path.Join(s.Prefix, "shares") + "/"
	keys, err := s.Objects.List(ctx, base)
	if err != nil {
		return nil, fmt.Errorf("list the shares: %w", err)
	}
	for _, k := range keys {
		name, _, _ := strings.Cut(strings.TrimPrefix(k, base), "/")
		add(name)
	}
	return sortedKeys(seen), nil
}

// Read reads the journals of the whole campaign beside runs that may be writing
// them. A missing one is an empty history; of a damaged one the good prefix is
// used and Damage is set.
func (s State) Read(ctx context.Context) (*Store, error) {
	store, err := s.readPart(ctx, &Store{Dir: s.Dir, mem: newMemory()})
	if err != nil {
		return nil, err
	}
	shares, err := s.shares(ctx)
	if err != nil {
		return nil, err
	}
	for _, share := range shares {
		if store, err = s.part(share).readPart(ctx, store); err != nil {
			return nil, err
		}
	}
	return store, nil
}

func (s State) readPart(ctx context.Context, into *Store) (*Store, error) {
	var err error
	if s.Objects == nil {
		err = journal.Read(filepath.Join(s.Dir, JournalFile), into.fold)
	} else {
		var text []byte
		if text, err = journal.ReadSegments(ctx, s.Objects, s.journalKey()); text != nil {
			if cerr := (&Store{Dir: s.Dir}).copyDown(text); cerr != nil {
				return nil, cerr
			}
			err = errors.Join(journal.ReadFrom(bytes.NewReader(text), s.journalKey(), into.fold), err)
		}
	}
	var d *journal.Damage
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist):
		return into, nil
	case errors.As(err, &d):
		into.Damage = d
		return into, nil
	}
	return nil, err
}

// Submit leaves a request for the run that holds the state, and for those that
// hold shares of it.
func (s State) Submit(ctx context.Context, r journal.Request) error {
	shares, err := s.shares(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, share := range append(shares, "") {
		errs = append(errs, s.part(share).submit(ctx, r))
	}
	return errors.Join(errs...)
}

func (s State) submit(ctx context.Context, r journal.Request) error {
	if s.Objects == nil {
		return journal.Submit(s.Dir, r)
	}
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode the request: %w", err)
	}
	key := path.Join(s.inboxKey(), fmt.Sprintf("%020d-%s.json", r.At.UnixNano(), rand.Text()[:8]))
	if _, err := s.Objects.Put(ctx, key, b, journal.Condition{Absent: true}); err != nil {
		return fmt.Errorf("leave the request: %w", err)
	}
	return nil
}

// Collect takes the waiting requests in; each is removed after take accepted it.
func (s *Store) Collect(ctx context.Context, take func(journal.Request) error) error {
	switch {
	case s.remote != nil:
		return s.remote.collect(ctx, take)
	case s.Dir == "":
		return nil
	}
	return journal.Collect(s.Dir, take)
}

func (r *remote) collect(ctx context.Context, take func(journal.Request) error) error {
	o := r.state.Objects
	keys, err := o.List(ctx, r.state.inboxKey()+"/")
	if err != nil {
		return nil // the bucket is away for a moment; the lease tells when it is for too long
	}
	for _, k := range keys {
		obj, err := o.Get(ctx, k)
		if err != nil {
			return nil
		}
		var q journal.Request
		if json.Unmarshal(obj.Data, &q) == nil && q.Verb != "" {
			if err := take(q); err != nil {
				return err
			}
		}
		if o.Delete(ctx, k) != nil {
			return nil // it is taken in again by the next tick, which is harmless
		}
	}
	return nil
}
