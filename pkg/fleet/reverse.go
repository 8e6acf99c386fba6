package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

// Reverser is an SQL that can arm the way back and read how it stands. It is
// off unless the plan asks for it (switchover.way_back).
type Reverser interface {
	WayBackWanted() bool
	// PrepareWayBack does before the switchover what must be there at it:
	// account, heartbeat table and retention; and says whether blue could follow.
	PrepareWayBack(ctx context.Context, blue, green Endpoint) []bluegreen.Gate
	// ArmWayBack starts the replication from the new server to old blue, at a
	// place in the new server's log, and returns when a row has arrived. To arm
	// what is armed already changes nothing.
	ArmWayBack(ctx context.Context, now, old Endpoint, file string, pos uint64) (what string, err error)
	// WayBack reads how it stands; a heartbeat row is written on the new server.
	WayBack(ctx context.Context, now, old Endpoint) bluegreen.Way
}

const (
	factWayArmed = "way-back-armed"
	factWay      = "way-back"
	// wayEvery is how often the way back is read while it is watched.
	wayEvery = time.Second
	// armRest is the time between two tries to arm.
	armRest = 5 * time.Second
)

// wayData is the fact's entry in the journal.
type wayData struct {
	Name string         `json:"name"`
	Way  *bluegreen.Way `json:"way,omitempty"`
}

// foldWay takes what was armed, and the last change of how it stands, in.
func (d *dbMemory) foldWay(e journal.Entry, name string) {
	if name != factWayArmed && name != factWay {
		if name == factSwitched { // another hop: its way back is another one
			d.armed, d.way = time.Time{}, nil
		}
		return
	}
	var data wayData
	if json.Unmarshal(e.Data, &data) != nil {
		return
	}
	if name == factWayArmed {
		d.armed = e.At
	}
	d.way = data.Way
}

// wayKeeper remembers the last reading of each way back, and what is under way.
type wayKeeper struct {
	mu    sync.Mutex
	busy  map[string]bool
	next  map[string]time.Time
	last  map[string]bluegreen.Way
	fault error // of the journal
}

// begin tells whether a database's way back may be dealt with now.
func (k *wayKeeper) begin(key string, now time.Time) (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.busy == nil {
		k.busy, k.next, k.last = map[string]bool{}, map[string]time.Time{}, map[string]bluegreen.Way{}
	}
	if k.fault != nil {
		return false, &journalError{k.fault}
	}
	if k.busy[key] || now.Before(k.next[key]) {
		return false, nil
	}
	k.busy[key] = true
	return true, nil
}

func (k *wayKeeper) end(key string, next time.Time, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.busy, key)
	k.next[key] = next
	if err != nil && k.fault == nil {
		k.fault = err
	}
}

// take keeps a reading, and tells whether people must hear of it: the state or
// its cause has changed.
func (k *wayKeeper) take(key string, w bluegreen.Way) (changed bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.last == nil {
		k.last = map[string]bluegreen.Way{}
	}
	was, known := k.last[key]
	k.last[key] = w
	return !known && w.State != bluegreen.WayArmed || known && (was.State != w.State || was.Cause != w.Cause)
}

func (k *wayKeeper) of(key string) (bluegreen.Way, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	w, ok := k.last[key]
	return w, ok
}

// watchWays arms the ways back of databases that have switched over, and reads
// those that are armed.
func (e *Engine) watchWays(ctx context.Context, units []unit) error {
	r, ok := e.cfg.SQL.(Reverser)
	if !ok || !r.WayBackWanted() {
		return nil
	}
	now := e.cfg.Clock.Now()
	for i := range units {
		u := units[i]
		if !u.hasWay() {
			continue
		}
		free, err := e.ways.begin(u.key, now)
		if err != nil {
			return err
		}
		if !free {
			continue
		}
		e.mu.Lock()
		armed := !e.cfg.Store.mem.db(u.key).armed.IsZero()
		e.mu.Unlock()
		e.group.Go(func() {
			if armed {
				e.ways.end(u.key, now.Add(wayEvery), e.readWay(ctx, r, u))
			} else {
				e.ways.end(u.key, now.Add(armRest), e.armWay(ctx, r, u))
			}
		})
	}
	return nil
}

// hasWay: a switchover was recorded with its place in the new server's log,
// and old blue is there.
func (u *unit) hasWay() bool {
	rec := u.facts.Record
	old := u.facts.Instances[u.oldBlue()]
	return !rec.SwitchedAt.IsZero() && rec.Binlog != "" && old != nil && old.Status != "deleting" && u.facts.Instances[u.facts.ID] != nil
}

// oldBlue is the blue of the last hop.
func (u *unit) oldBlue() string {
	if u.state.OldBlue != "" {
		return u.state.OldBlue
	}
	if n := len(u.facts.Record.OldBlues); n > 0 {
		return u.facts.Record.OldBlues[n-1]
	}
	return ""
}

func (e *Engine) armWay(ctx context.Context, r Reverser, u unit) error {
	file, pos, err := parsePlace(u.facts.Record.Binlog)
	if err != nil {
		return e.append(u, journal.Gate, "the way back could not be armed: "+err.Error(), nil)
	}
	what, err := r.ArmWayBack(ctx, e.endpoint(u, u.facts.ID), e.endpoint(u, u.oldBlue()), file, pos)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return e.append(u, journal.Gate, "the way back could not be armed yet, it is tried again: "+err.Error(), nil)
	}
	return e.append(u, journal.Fact, "the way back is armed: "+what, wayData{Name: factWayArmed})
}

// readWay reads how a way back stands, and journals changes: the alarm when it
// breaks, and the all-clear.
func (e *Engine) readWay(ctx context.Context, r Reverser, u unit) error {
	w := r.WayBack(ctx, e.endpoint(u, u.facts.ID), e.endpoint(u, u.oldBlue()))
	if ctx.Err() != nil || !e.ways.take(u.key, w) {
		return nil
	}
	what := "the way back stands: old blue follows"
	switch w.State {
	case bluegreen.WayBroken:
		what = fmt.Sprintf("ALARM: the way back is broken (%s): %s", w.Cause, w.Detail)
	case bluegreen.WayUnknown:
		what = "the way back could not be read: " + w.Detail
	}
	e.cfg.Log.Warn().Str("db", u.key).Str("state", string(w.State)).Str("cause", w.Cause).Msg("way back")
	return e.append(u, journal.Fact, what, wayData{Name: factWay, Way: &w})
}

// surveyWays reads the armed ways back once, for status and reports.
func (e *Engine) surveyWays(ctx context.Context, units []unit) {
	r, ok := e.cfg.SQL.(Reverser)
	if !ok || !r.WayBackWanted() {
		return
	}
	var wg sync.WaitGroup
	for i := range units {
		u := units[i]
		if mem := e.cfg.Store.mem.databases[u.key]; mem == nil || mem.armed.IsZero() || !u.hasWay() {
			continue
		}
		wg.Go(func() {
			e.work <- struct{}{}
			defer func() { <-e.work }()
			e.ways.take(u.key, r.WayBack(ctx, e.endpoint(u, u.facts.ID), e.endpoint(u, u.oldBlue())))
		})
	}
	wg.Wait()
}

// withWay puts the armed way back into what can still be undone.
func (e *Engine) withWay(w WayBack, key string, armed time.Time) WayBack {
	if armed.IsZero() || w.Kind != "rename-with-loss" {
		return w
	}
	at := armed
	w.ArmedAt = &at
	last, ok := e.ways.of(key)
	if !ok {
		w.Loss = "reverse replication was armed; it was not read now, so what would be lost is not known"
		return w
	}
	w.Reverse, w.Loss = &last, last.Loss()
	w.How = strings.Replace(w.How, "stop the writers;", "stop the writers; wait until status says that old blue has every write; CALL mysql.rds_stop_replication and rds_reset_external_master on it;", 1)
	return w
}

// parsePlace reads file:position.
func parsePlace(s string) (file string, pos uint64, err error) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return "", 0, fmt.Errorf("%q is no place in a binary log", s)
	}
	if _, err := fmt.Sscan(s[i+1:], &pos); err != nil {
		return "", 0, fmt.Errorf("%q is no place in a binary log", s)
	}
	return s[:i], pos, nil
}
