package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

// HealthReader is an SQL that can read what a server counts about itself.
type HealthReader interface {
	Health(context.Context, Endpoint) (bluegreen.Health, error)
}

const (
	factBaseline = "health-baseline"
	// healthTimeout bounds one sample's question to one server.
	healthTimeout = 15 * time.Second
	// soakSamples is how many samples fit into a soak that is short for its pace.
	soakSamples = 10
)

// baselineData is the fact's entry in the journal.
type baselineData struct {
	Name string                `json:"name"`
	Rate *bluegreen.HealthRate `json:"rate"`
}

// foldBaseline takes what blue did before its switchover in.
func (d *dbMemory) foldBaseline(e journal.Entry, name string) {
	var data baselineData
	if name == factBaseline && json.Unmarshal(e.Data, &data) == nil {
		d.baseline = data.Rate
	}
}

// soakKeeper remembers the soaks that are measured.
type soakKeeper struct {
	mu    sync.Mutex
	first map[string]bluegreen.Health // blue's first reading, by database
	m     map[string]*soaking
	fault error // of the journal
}

// soaking is one soak, until its end.
type soaking struct {
	until   time.Time
	busy    bool
	next    time.Time
	soak    bluegreen.Soak
	verdict bluegreen.GateVerdict
}

// readBaseline reads blue's counters; the reading before the switchover, against
// the first one of this run, is what the new server is compared with.
func (e *Engine) readBaseline(ctx context.Context, u unit, blue Endpoint, last bool) error {
	r, ok := e.cfg.SQL.(HealthReader)
	if !ok || !e.cfg.Plan.Soak.Measure {
		return nil
	}
	read, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	h, err := r.Health(read, blue)
	if err != nil || ctx.Err() != nil {
		return nil // nothing is compared then, and every sample says so
	}
	h.At = e.cfg.Clock.Now()
	k := &e.soaks
	k.mu.Lock()
	if k.first == nil {
		k.first = map[string]bluegreen.Health{}
	}
	first, known := k.first[u.key]
	if !known {
		k.first[u.key], first = h, h
	}
	k.mu.Unlock()
	if !last {
		return nil
	}
	rate := bluegreen.Baseline(first, h)
	return e.append(u, journal.Fact, "blue before the switchover: "+rate.String(), baselineData{Name: factBaseline, Rate: &rate})
}

// watchSoaks samples the databases that soak, and sums up those that have.
func (e *Engine) watchSoaks(ctx context.Context, units []unit) error {
	r, ok := e.cfg.SQL.(HealthReader)
	if !ok || e.cfg.Inline || !e.cfg.Plan.Soak.Measure {
		return nil
	}
	now := e.cfg.Clock.Now()
	for i := range units {
		u := units[i]
		s, err := e.soaks.of(&u, now, e.cfg.Plan.Soak.Every)
		if err != nil {
			return err
		}
		if s == nil {
			continue
		}
		if !u.soaks() {
			if err := e.append(u, journal.Fact, "the soak was measured: "+s.soak.Summary(), nil); err != nil {
				return err
			}
			continue
		}
		e.group.Go(func() { e.soaks.end(s, e.sample(ctx, r, u, s)) })
	}
	return nil
}

// soaks tells that the new server is watched: while it soaks, and while it is
// held because it could not be.
func (u *unit) soaks() bool {
	stop := u.facts.Record.Stop
	return u.state.Stage == bluegreen.Soaking ||
		u.state.Stage == bluegreen.Held && stop != nil && stop.Phase == bluegreen.StopSoak && stop.Gate == bluegreen.GateHealth
}

// of is the soak of a database when something is to be done for it now: a
// sample whose time has come, or, once, the summary of one that is over.
func (k *soakKeeper) of(u *unit, now time.Time, every time.Duration) (*soaking, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fault != nil {
		return nil, &journalError{k.fault}
	}
	s := k.m[u.key]
	if !u.soaks() {
		if s == nil || s.busy {
			return nil, nil
		}
		delete(k.m, u.key)
		return s, nil
	}
	if until := u.state.SoakUntil; s == nil || !until.IsZero() && !until.Equal(s.until) {
		if s != nil && s.busy {
			return nil, nil
		}
		s = &soaking{until: until}
		if k.m == nil {
			k.m = map[string]*soaking{}
		}
		k.m[u.key] = s
	}
	if s.busy || now.Before(s.next) {
		return nil, nil
	}
	pace := every
	if soak := u.facts.Policy.Soak; soak > 0 {
		pace = min(every, max(time.Second, soak/soakSamples))
	}
	s.busy, s.next = true, now.Add(pace)
	return s, nil
}

func (k *soakKeeper) end(s *soaking, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	s.busy = false
	if err != nil && k.fault == nil {
		k.fault = err
	}
}

// due is when the next sample is, zero for none.
func (k *soakKeeper) due() (next time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, s := range k.m {
		if next.IsZero() || s.next.Before(next) {
			next = s.next
		}
	}
	return next
}

// sample looks at the new server once. What changes is journaled, and a soak
// that fails, or that nobody can tell, stops the database.
func (e *Engine) sample(ctx context.Context, r HealthReader, u unit, s *soaking) error {
	x := bluegreen.HealthSample{Replicas: map[string]bluegreen.Lag{}}
	read, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	x.Health = reading(r.Health(read, e.endpoint(u, u.facts.ID)))
	x.Health.Value.At = e.cfg.Clock.Now()
	if i := u.facts.Instances[u.facts.ID]; i != nil {
		for _, id := range i.Replicas { // one in another Region is given by its ARN, and is not read
			if u.facts.Instances[id] != nil {
				x.Replicas[id] = e.cfg.SQL.Lag(read, e.endpoint(u, id))
			}
		}
	}
	if w, ok := e.ways.of(u.key); ok {
		x.Reverse = &w
	}
	if ctx.Err() != nil {
		return nil
	}
	e.mu.Lock()
	mem := e.cfg.Store.mem.db(u.key)
	base, over := mem.baseline, mem.Overrides
	e.mu.Unlock()
	g, stop := s.soak.Take(x, base, soakLimits(e))
	if bluegreen.Overridden(over, g.Name, e.cfg.Clock.Now()) != nil {
		stop = false
	}
	if s.verdict != g.Verdict || stop {
		s.verdict = g.Verdict
		if err := e.append(u, journal.Gate, "while it soaks: "+g.String(), g); err != nil {
			return err
		}
	}
	switch {
	case stop && u.state.Stage == bluegreen.Soaking:
		return e.stopUnit(u, bluegreen.StopSoak, g)
	case g.Verdict == bluegreen.GatePass && u.state.Stage == bluegreen.Held:
		return e.unstop(u)
	}
	return nil
}

func soakLimits(e *Engine) bluegreen.SoakLimits {
	p := e.cfg.Plan.Soak
	return bluegreen.SoakLimits{ErrorShare: p.MaxErrorRate, LatencyRatio: p.MaxLatencyRatio, Threads: p.MaxThreads, Aborted: p.MaxAborted,
		ReplicaLag: p.MaxReplicaLag, ReverseLag: p.MaxReverseLag, Failures: p.FailureLimit, Inconclusives: p.InconclusiveLimit}
}

// Health implements HealthReader. The counters of statements are those of all
// accounts since the server started (MySQL 5.7 and 8.0 manual, "Statement
// Summary Tables"); the other lines of SHOW STATUS count whether or not
// performance_schema is on.
func (a *Access) Health(ctx context.Context, ep Endpoint) (bluegreen.Health, error) {
	var h bluegreen.Health
	s, err := a.dial(ctx, ep)
	if err != nil {
		return h, err
	}
	defer s.close()
	rows, err := s.rows(ctx, "health", "SHOW GLOBAL STATUS WHERE Variable_name IN ('Uptime','Aborted_connects','Threads_running')")
	if err != nil {
		return h, err
	}
	counts := map[string]uint64{}
	for _, r := range rows {
		if counts[r["Variable_name"]], err = strconv.ParseUint(r["Value"], 10, 64); err != nil {
			return h, fmt.Errorf("read the status of %s: %w", ep.ID, err)
		}
	}
	if counts["Uptime"] == 0 {
		return h, fmt.Errorf("%s gave no uptime", ep.ID)
	}
	h.Uptime, h.Aborted, h.Threads = time.Duration(counts["Uptime"])*time.Second, counts["Aborted_connects"], int(counts["Threads_running"])
	return h, s.statements(ctx, &h)
}

// statements reads the counters of performance_schema, where it is on and may be read.
func (s *server) statements(ctx context.Context, h *bluegreen.Health) error {
	rows, err := s.rows(ctx, "instrumented", "SELECT @@global.performance_schema AS ps")
	if err != nil || len(rows) != 1 || rows[0]["ps"] != "1" {
		return err
	}
	rows, err = s.rows(ctx, "latency", "SELECT SUM(COUNT_STAR) AS n, SUM(SUM_ERRORS) AS e, SUM(SUM_TIMER_WAIT) DIV 1000 AS ns "+
		"FROM performance_schema.events_statements_summary_global_by_event_name WHERE EVENT_NAME LIKE 'statement/sql/%'")
	if err != nil || len(rows) != 1 {
		return nil // no right to read it: the sample says that it is not known
	}
	n, err1 := strconv.ParseUint(rows[0]["n"], 10, 64)
	failed, err2 := strconv.ParseUint(rows[0]["e"], 10, 64)
	ns, err3 := strconv.ParseInt(rows[0]["ns"], 10, 64)
	if err1 == nil && err2 == nil && err3 == nil {
		h.Instrumented, h.Statements, h.Errors, h.Busy = true, n, failed, time.Duration(ns)
	}
	return nil
}
