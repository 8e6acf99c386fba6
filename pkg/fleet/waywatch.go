package fleet

import (
	"context"
	"sync"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

const (
	// wayLeast and wayMost bound the time between two readings of a way back;
	// between them it is the plan's poll.
	wayLeast, wayMost = time.Second, 5 * time.Second
	// armRest is the time between two tries to arm.
	armRest = 5 * time.Second
	// armPatience is how long a run that has nothing else to do goes on trying.
	armPatience = 2 * time.Minute
	// wayPatience is how long a run that has nothing else to do goes on reading a
	// way back whose trouble may pass: longer than the 60 s after which MySQL
	// tries a broken connection again.
	wayPatience = 90 * time.Second
	// wayTries is how often a look without a run asks a server that gave no answer.
	wayTries = 3
)

// wayKeeper remembers the last reading of each way back, and what is under way.
type wayKeeper struct {
	mu    sync.Mutex
	busy  map[string]bool
	since map[string]time.Time // when this run first dealt with it
	next  map[string]time.Time
	last  map[string]bluegreen.Way
	// passing are the ways back with trouble that may pass, since when.
	passing map[string]time.Time
	fault   error // of the journal
}

// begin tells whether a database's way back may be dealt with now.
func (k *wayKeeper) begin(key string, now time.Time) (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.busy == nil {
		k.busy, k.since, k.next = map[string]bool{}, map[string]time.Time{}, map[string]time.Time{}
	}
	if k.fault != nil {
		return false, &journalError{k.fault}
	}
	if k.busy[key] || now.Before(k.next[key]) {
		return false, nil
	}
	if k.since[key].IsZero() {
		k.since[key] = now
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
// its cause is another one than before. Where this run has not read it yet,
// before is what the journal holds.
func (k *wayKeeper) take(key string, w bluegreen.Way, before *bluegreen.Way) (changed bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.last == nil {
		k.last, k.passing = map[string]bluegreen.Way{}, map[string]time.Time{}
	}
	if !w.MayPass() {
		delete(k.passing, key)
	} else if k.passing[key].IsZero() {
		k.passing[key] = w.At
	}
	was, known := k.last[key]
	if !known && before != nil {
		was, known = *before, true
	}
	k.last[key] = w
	return !known && w.State != bluegreen.WayArmed || known && (was.State != w.State || was.Cause != w.Cause)
}

func (k *wayKeeper) of(key string) (bluegreen.Way, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	w, ok := k.last[key]
	return w, ok
}

// mayPass tells that the trouble of a way back is young, and of a kind that may
// be over at the next reading.
func (k *wayKeeper) mayPass(now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, since := range k.passing {
		if now.Sub(since) < wayPatience {
			return true
		}
	}
	return false
}

// forget drops the last reading: it was of a way back that was not armed yet.
func (k *wayKeeper) forget(key string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.last, key)
	delete(k.passing, key)
}

// open tells that there are ways back to look after.
func (k *wayKeeper) open() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.since) > 0
}

// triedFor is how long this run has dealt with a way back.
func (k *wayKeeper) triedFor(key string, now time.Time) time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	if at, ok := k.since[key]; ok {
		return now.Sub(at)
	}
	return 0
}

// reverser is the SQL that can arm ways back, nil when the plan wants none.
func (e *Engine) reverser() Reverser {
	if r, ok := e.cfg.SQL.(Reverser); ok && r.WayBackWanted() {
		return r
	}
	return nil
}

// wayEvery is the time between two readings of a way back.
func (e *Engine) wayEvery() time.Duration { return min(max(e.cfg.Plan.Run.Poll, wayLeast), wayMost) }

// watchWays arms the ways back of databases that have switched over, and reads
// those that are armed.
func (e *Engine) watchWays(ctx context.Context, units []unit) error {
	r := e.reverser()
	if r == nil {
		return nil
	}
	now := e.cfg.Clock.Now()
	for i := range units {
		if !units[i].hasWay() {
			continue
		}
		u := units[i] // for a goroutine: a copy of each would be megabytes in every tick
		free, err := e.ways.begin(u.key, now)
		if err != nil {
			return err
		}
		if !free {
			continue
		}
		armed, before := e.wayOf(u.key)
		e.group.Go(func() {
			e.quick <- struct{}{}
			defer func() { <-e.quick }()
			if armed {
				err := e.readWay(ctx, r, u, before)
				e.ways.end(u.key, e.cfg.Clock.Now().Add(e.wayEvery()), err)
			} else {
				err := e.armWay(ctx, r, u, before)
				e.ways.end(u.key, e.cfg.Clock.Now().Add(armRest), err)
			}
		})
	}
	return nil
}

// wayOf is what the journal holds of a way back.
func (e *Engine) wayOf(key string) (armed bool, last *bluegreen.Way) {
	e.mu.Lock()
	defer e.mu.Unlock()
	d := e.cfg.Store.mem.databases[key]
	if d == nil {
		return false, nil
	}
	return !d.armed.IsZero(), d.way
}

// readWay reads how a way back stands, and journals changes: the alarm when it
// breaks, and the all-clear.
func (e *Engine) readWay(ctx context.Context, r Reverser, u unit, before *bluegreen.Way) error {
	w := r.WayBack(ctx, e.endpoint(u, u.facts.ID), e.endpoint(u, u.oldBlue()))
	if err := r.Beat(ctx, e.endpoint(u, u.facts.ID)); err != nil && w.State == bluegreen.WayArmed {
		w.State, w.Detail = bluegreen.WayUnknown, err.Error()
	}
	if ctx.Err() != nil || !e.ways.take(u.key, w, before) {
		return nil
	}
	what := "the way back stands: old blue follows"
	if alarm := w.Alarm(); alarm != "" {
		what = "ALARM: " + alarm
	}
	e.cfg.Log.Warn().Str("db", u.key).Str("state", string(w.State)).Str("cause", w.Cause).Msg("way back")
	return e.append(u, journal.Fact, what, wayData{Name: factWay, Way: &w})
}

// surveyWays reads the armed ways back for status and reports, and writes
// nothing. A server that gave no answer is asked again before that is told.
func (e *Engine) surveyWays(ctx context.Context, units []unit) {
	r := e.reverser()
	if r == nil {
		return
	}
	var wg sync.WaitGroup
	for i := range units {
		u := units[i]
		if armed, _ := e.wayOf(u.key); !armed || !u.hasWay() {
			continue
		}
		wg.Go(func() {
			e.work <- struct{}{}
			defer func() { <-e.work }()
			for try := 1; ; try++ {
				w := r.WayBack(ctx, e.endpoint(u, u.facts.ID), e.endpoint(u, u.oldBlue()))
				e.ways.take(u.key, w, nil)
				if w.State != bluegreen.WayUnknown || try == wayTries || e.cfg.Clock.Sleep(ctx, wayLeast) != nil {
					return
				}
			}
		})
	}
	wg.Wait()
}

// stillArming keeps a run that has nothing else to do going until the ways
// back are armed, or have been tried in vain for long enough.
func (e *Engine) stillArming(units []unit) bool {
	if e.reverser() == nil {
		return false
	}
	now := e.cfg.Clock.Now()
	for i := range units {
		u := &units[i]
		if !u.hasWay() {
			continue
		}
		if armed, _ := e.wayOf(u.key); !armed && e.ways.triedFor(u.key, now) < armPatience {
			return true
		}
	}
	return false
}

// rest waits until the next tick, and looks after the ways back meanwhile: they
// must not wait for a long poll.
func (e *Engine) rest(ctx, soft context.Context, pause time.Duration, units []unit) error {
	for {
		step := pause
		if e.ways.open() {
			step = min(pause, e.wayEvery())
		}
		if err := e.cfg.Clock.Sleep(soft, step); err != nil {
			return err
		}
		if pause -= step; pause <= 0 || e.watchWays(ctx, units) != nil {
			return nil // the journal's fault ends the next tick
		}
	}
}
