package precheck

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqlver"
)

// ReadOptions bound what a read may cost the server. Zero values mean the defaults.
type ReadOptions struct {
	// Connections to one server at the same time; default 2.
	Connections int
	// Budget is the time the whole read may take; what is not read by then is
	// reported as failed. Default 10 minutes.
	Budget time.Duration
	// StatementTimeout becomes max_execution_time; default 2 minutes.
	StatementTimeout time.Duration
	// MaxThreadsRunning aborts the read when the server runs more threads
	// than this; default 64, negative: no limit.
	MaxThreadsRunning int
	// CheckTables runs CHECK TABLE ... FOR UPGRADE on every table.
	CheckTables bool
	// SampleZeroDates looks for zero dates in that many rows of every table
	// with a temporal column; 0: does not look at rows at all.
	SampleZeroDates int
	// MaxDigests bounds the statement digests that are kept, the most frequent
	// first; default 10,000.
	MaxDigests int
	// Schemas restricts the read; empty: every user schema.
	Schemas []string
	// Observe is told of every statement with its answer, one call at a time.
	Observe func(Exchange)
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

func (o ReadOptions) withDefaults() ReadOptions {
	if o.Connections <= 0 {
		o.Connections = 2
	}
	if o.Budget <= 0 {
		o.Budget = 10 * time.Minute
	}
	if o.StatementTimeout <= 0 {
		o.StatementTimeout = 2 * time.Minute
	}
	if o.MaxThreadsRunning == 0 {
		o.MaxThreadsRunning = 64
	}
	if o.MaxDigests <= 0 {
		o.MaxDigests = 10000
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Read reads a server's dictionary into a Catalog: few statements, each view
// that makes a 5.7 server open its tables at most once, nothing written.
//
// A statement that the server refuses does not end the read: its section says
// what failed and which grant is lacking. Read returns an error, always a
// *ConnectError, only when the server cannot be read at all, when the
// connection breaks for good, when the context ends, or when the server
// became too busy.
func Read(ctx context.Context, t Target, o ReadOptions) (*Catalog, error) {
	o = o.withDefaults()
	r := &reader{target: t, opts: o, cat: &Catalog{
		Format: CatalogFormat, ReadAt: o.Now().UTC(), Host: t.Address,
		Sections: map[Section]SectionState{}, Activity: Activity{FreeBytes: -1},
	}}
	cfg, err := t.config(o, func() { r.dialled.Store(true) })
	if err != nil {
		return nil, err
	}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, &ConnectError{Code: CodeBadDSN, Addr: t.Address, Err: err}
	}
	return r.read(ctx, connector)
}

func (r *reader) read(ctx context.Context, connector driver.Connector) (*Catalog, error) {
	o := r.opts
	r.db = sql.OpenDB(connector)
	defer r.db.Close()
	r.db.SetMaxOpenConns(o.Connections)
	r.db.SetMaxIdleConns(o.Connections)

	r.parent = ctx
	ctx, cancel := context.WithTimeout(ctx, o.Budget)
	defer cancel()
	defer r.closeSessions()
	if err := r.run(ctx); err != nil {
		return nil, err
	}
	r.recheck(ctx)
	r.finish()
	return r.cat, nil
}

// reader carries one read from its first statement to its last.
type reader struct {
	target  Target
	opts    ReadOptions
	parent  context.Context // tells the caller's end from the budget's
	db      *sql.DB
	dialled atomic.Bool
	cat     *Catalog
	version mysqlver.Version
	old     bool // 5.7: no data dictionary tables
	grants  grantSet

	mu       sync.Mutex // guards cat and the fields below
	observed sync.Mutex
	sessions []*session
	looked   time.Time // when Threads_running was last asked for

	names    []tableName // all user tables and views, in the server's order
	scopes   []scope     // what one dictionary statement covers
	innoType map[indexKey]int
	sizes    func(t *Table, page uint64)
	noInno   bool // INNODB_SYS_* cannot be read
	pfs      bool // performance_schema is on
}

// job reads one section, or a part of it.
type job struct {
	section Section
	run     func(context.Context, *session) error
}

func (r *reader) observe(x Exchange) {
	r.observed.Lock()
	defer r.observed.Unlock()
	r.opts.Observe(x)
}

func (r *reader) closeSessions() {
	for _, s := range r.sessions {
		if s != nil {
			s.close()
		}
	}
}

// run does the read in phases: a later one asks only for what an earlier one
// showed to be needed.
func (r *reader) run(ctx context.Context) error {
	first, err := r.open(ctx)
	if err != nil {
		return r.ended(err)
	}
	r.sessions = append(r.sessions, first)
	if err := r.readServer(ctx, first); err != nil {
		return err
	}
	for _, phase := range []func() []job{r.outline, r.dictionary, r.details} {
		if err := r.do(ctx, phase()); err != nil {
			return err
		}
	}
	return nil
}

// do runs jobs over the sessions, opening further ones as needed.
func (r *reader) do(ctx context.Context, jobs []job) error {
	queue := make(chan job, len(jobs))
	for _, j := range jobs {
		queue <- j
	}
	close(queue)
	workers := min(r.opts.Connections, len(jobs))
	for len(r.sessions) < workers {
		s, err := r.open(ctx)
		if err != nil {
			// One connection is enough to go on: a server short of
			// connections is no reason to know nothing about it.
			if ctx.Err() == nil {
				break
			}
			return r.ended(err)
		}
		r.sessions = append(r.sessions, s)
	}
	var wg sync.WaitGroup
	var failed atomic.Pointer[error]
	for i := range min(workers, len(r.sessions)) {
		wg.Go(func() {
			for j := range queue {
				if failed.Load() != nil {
					continue
				}
				if err := r.one(ctx, i, j); err != nil {
					failed.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	wg.Wait()
	if e := failed.Load(); e != nil {
		return *e
	}
	return nil
}

// one runs a job and settles its section. It returns an error only when the
// whole read must end.
func (r *reader) one(ctx context.Context, worker int, j job) error {
	if err := ctx.Err(); err != nil {
		return r.overBudget(j.section, err)
	}
	s := r.sessions[worker]
	if err := r.throttle(ctx, s); err != nil {
		return err
	}
	err := j.run(ctx, s)
	if err == nil {
		r.settle(j.section, SectionState{Status: SectionRead})
		return nil
	}
	if ctx.Err() != nil {
		return r.overBudget(j.section, err)
	}
	if isServerError(err) {
		r.settle(j.section, r.refused(j.section, err))
		return nil
	}
	if !isLost(err) && !errors.Is(err, context.DeadlineExceeded) {
		return &ConnectError{Code: CodeServerError, Addr: r.target.Address, Err: err}
	}
	// A killed or dropped connection costs its section; the next one needs a new session.
	r.settle(j.section, SectionState{Status: SectionFailed, Reason: "the connection was lost: " + plain(err)})
	s.close()
	fresh, err := r.open(ctx)
	if err != nil {
		return &ConnectError{Code: CodeLost, Addr: r.target.Address, Err: fmt.Errorf("connection lost, and no new one: %w", err)}
	}
	r.sessions[worker] = fresh
	return nil
}

// overBudget settles a section when time is over: the caller's own end is an
// error, the budget's end leaves a catalog with holes that say so.
func (r *reader) overBudget(s Section, err error) error {
	if r.parent.Err() != nil {
		return r.ended(err)
	}
	r.settle(s, SectionState{Status: SectionFailed, Reason: fmt.Sprintf("the time budget of %s was used up", r.opts.Budget)})
	return nil
}

func (r *reader) ended(err error) error {
	if cause := r.parent.Err(); cause != nil {
		code, line := CodeCanceled, "interrupted"
		if errors.Is(cause, context.DeadlineExceeded) {
			code, line = CodeTimeout, "the time for reading the server is over"
		}
		return &ConnectError{Code: code, Addr: r.target.Address, Err: &said{line: line, cause: cause}}
	}
	var c *ConnectError
	if errors.As(err, &c) {
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) && r.dialled.Load() {
		return &ConnectError{Code: CodeTimeout, Addr: r.target.Address,
			Err: &said{line: fmt.Sprintf("the server did not answer within the time budget of %s", r.opts.Budget), cause: err}}
	}
	return connectError(r.target, err, r.dialled.Load())
}

// throttle asks, once a second at most, how busy the server is.
func (r *reader) throttle(ctx context.Context, s *session) error {
	r.mu.Lock()
	now := r.opts.Now()
	due := r.looked.IsZero() || now.Sub(r.looked) >= time.Second
	if due {
		r.looked = now
	}
	r.mu.Unlock()
	if !due || r.opts.MaxThreadsRunning < 0 {
		return nil
	}
	var running int64
	err := s.query(ctx, "threads_running", "SHOW GLOBAL STATUS LIKE 'Threads_running'", func(w row) error {
		running = w.int(1)
		return nil
	})
	if err != nil {
		// The job that follows meets the same trouble and settles it.
		return nil
	}
	r.mu.Lock()
	r.cat.Activity.ThreadsRunning = max(r.cat.Activity.ThreadsRunning, running)
	r.mu.Unlock()
	if running > int64(r.opts.MaxThreadsRunning) {
		return &ConnectError{Code: CodeServerBusy, Addr: r.target.Address,
			Err: fmt.Errorf("stopped reading: %d threads are running, more than the limit of %d", running, r.opts.MaxThreadsRunning)}
	}
	return nil
}

// settle records a section's outcome; of several, the worst stays.
func (r *reader) settle(s Section, st SectionState) {
	if s == "" {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	have, ok := r.cat.Sections[s]
	if ok && rank(have.Status) >= rank(st.Status) {
		return
	}
	r.cat.Sections[s] = st
}

// lacking marks a section as incomplete and counts what is missing.
func (r *reader) lacking(s Section, missing int, reason, grant string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	have := r.cat.Sections[s]
	if have.Status == SectionFailed {
		return
	}
	have.Status = SectionPartial
	have.Missing += missing
	if have.Reason == "" || grant != "" {
		have.Reason, have.Grant = reason, grant
	}
	r.cat.Sections[s] = have
}

func rank(s SectionStatus) int {
	return slices.Index([]SectionStatus{"", SectionNotRead, SectionRead, SectionPartial, SectionFailed}, s)
}

// The error numbers that mean "you may not", by the server's errmsg list.
var privilegeCodes = map[uint16]bool{1044: true, 1045: true, 1142: true, 1143: true, 1227: true, 1345: true, 1370: true, 1401: true, 1419: true}

func (r *reader) refused(s Section, err error) SectionState {
	var my *mysql.MySQLError
	if !errors.As(err, &my) {
		return SectionState{Status: SectionFailed, Reason: plain(err)}
	}
	st := SectionState{Status: SectionFailed, Code: int(my.Number), Reason: plain(errors.New(my.Message))}
	switch {
	case privilegeCodes[my.Number]:
		st.Grant = r.grantFor(s)
		st.Reason = "the account may not read it"
		if st.Grant != "" {
			st.Reason = "the account lacks " + st.Grant
		}
	case my.Number == 3024:
		st.Reason = fmt.Sprintf("a statement took longer than %s", r.opts.StatementTimeout)
	case my.Number == 1728 && strings.Contains(my.Message, "mysql"):
		st.Reason = "the server cannot read one of its own system tables: " + plain(errors.New(my.Message))
	}
	return st
}
