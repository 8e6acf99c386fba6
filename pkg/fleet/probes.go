package fleet

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

// probes are those under way, by database.
type probes struct {
	mu sync.Mutex
	m  map[string]*probe
}

// probeAll begins a probe for every switchover that is about to begin or under
// way, and ends those whose switchover is over.
func (e *Engine) probeAll(ctx context.Context, units []unit, chosen []int) error {
	pulser, ok := e.cfg.SQL.(Pulser)
	if !ok {
		return nil
	}
	acting := map[int]bool{}
	for _, i := range chosen {
		for _, a := range units[i].step.Actions {
			acting[i] = acting[i] || a.Kind == bluegreen.Switchover
		}
	}
	for i := range units {
		u := &units[i]
		p := e.probes.of(u.key)
		switch {
		case p == nil && u.writesStop():
			e.beginProbe(ctx, pulser, *u, u.state.GoBack != bluegreen.GoBackStop)
		case p == nil && (acting[i] || u.state.Stage == bluegreen.Switching):
			e.beginProbe(ctx, pulser, *u, u.state.Stage == bluegreen.Switching)
		case p != nil:
			if err := e.followProbe(u, p, acting[i]); err != nil {
				return err
			}
		case u.ungauged(e.gaugedAt(u.key)):
			if err := e.noteUngauged(u.key); err != nil {
				return err
			}
		}
	}
	return nil
}

// ungauged: a switchover of this campaign has ended, and nobody wrote down what
// clients felt of it, nor does anybody measure it now: the run that did was killed.
func (u *unit) ungauged(last time.Time) bool {
	rec := u.facts.Record
	return u.state.Stage != bluegreen.Switching && !rec.SwitchedAt.IsZero() && !rec.SwitchAskedAt.IsZero() && last.Before(rec.SwitchAskedAt) &&
		rec.SwitchedAt.After(rec.SwitchAskedAt)
}

func (e *Engine) gaugedAt(key string) time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	if d := e.cfg.Store.mem.databases[key]; d != nil {
		return d.gaugedAt
	}
	return time.Time{}
}

// noteUngauged says honestly that the downtime is not known.
func (e *Engine) noteUngauged(key string) error {
	const why = "no run felt the endpoint through the whole switchover"
	e.mu.Lock()
	defer e.mu.Unlock()
	_, err := e.cfg.Store.append(journal.Entry{Kind: journal.Fact, Database: key, What: "the downtime is not known: " + why, At: e.cfg.Clock.Now()},
		downtimeData{Name: factDowntime, Unknown: why})
	return err
}

func (ps *probes) of(key string) *probe {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return ps.m[key]
}

func (e *Engine) beginProbe(ctx context.Context, pulser Pulser, u unit, late bool) {
	line, err := pulser.Pulse(ctx, e.endpoint(u, u.facts.ID))
	if err != nil {
		e.cfg.Log.Warn().Str("db", u.key).Err(err).Msg("the downtime cannot be measured")
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	p := &probe{begun: e.cfg.Clock.Now(), late: late, of: u.measures(), cancel: cancel, done: make(chan struct{}), errors: map[string]int{}}
	e.probes.mu.Lock()
	if e.probes.m == nil {
		e.probes.m = map[string]*probe{}
	}
	e.probes.m[u.key] = p
	e.probes.mu.Unlock()
	go p.run(ctx, e.cfg.Clock, line)
}

// followProbe ends a probe when its switchover is over and writes go through.
func (e *Engine) followProbe(u *unit, p *probe, acting bool) error {
	now := e.cfg.Clock.Now()
	switch u.state.Stage {
	case bluegreen.Switching:
		p.left = time.Time{}
		return nil
	case bluegreen.RollingBack, bluegreen.Held:
		if u.writesStop() {
			p.left = time.Time{}
			return nil
		}
	case bluegreen.Ready:
		if acting || now.Sub(p.begun) < refusedAfter {
			return nil
		}
	}
	if p.left.IsZero() {
		p.left = now
	}
	if !p.well(now) && now.Sub(p.left) < patience {
		return nil
	}
	return e.endProbe(u.key, p)
}

// endProbe stops a probe and writes down what it felt.
func (e *Engine) endProbe(key string, p *probe) error {
	p.cancel()
	<-p.done
	e.probes.mu.Lock()
	delete(e.probes.m, key)
	e.probes.mu.Unlock()
	d, ok := p.downtime()
	if !ok {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	_, err := e.cfg.Store.append(journal.Entry{Kind: journal.Fact, Database: key, What: d.String(), At: e.cfg.Clock.Now()},
		downtimeData{Name: factDowntime, Of: p.of, Downtime: d})
	return err
}

// endProbes stops what is left when a run ends.
func (e *Engine) endProbes() error {
	e.probes.mu.Lock()
	left := maps.Clone(e.probes.m)
	e.probes.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(left)) {
		if err := e.endProbe(key, left[key]); err != nil {
			return err
		}
	}
	return nil
}
