package fleet

import (
	"context"
	"strconv"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

// MomentGater is an SQL that can ask again what ages fast: after hooks and a
// drain, the answers of before may be minutes old.
type MomentGater interface {
	MomentGates(ctx context.Context, blue, green Endpoint) []bluegreen.Gate
}

// maySwitch tells whether a switchover may be asked for now.
func (e *Engine) maySwitch(ctx context.Context, u unit) (bool, error) {
	if e.cfg.Inline || !e.asksBefore(u) {
		return true, nil
	}
	if wait := e.checksHold(&u); e.gates.waitFor(u.key, wait) {
		return false, nil
	}
	return e.mayGo(ctx, u.key, func(ctx context.Context) gateAnswer { return e.askSwitch(ctx, u) })
}

// asksBefore tells whether anything is asked before a switchover.
func (e *Engine) asksBefore(u unit) bool {
	_, gater := e.cfg.SQL.(Gater)
	_, health := e.cfg.SQL.(HealthReader)
	p := e.cfg.Plan
	return gater || health && p.Soak.Measure || p.Switchover.Drain.Set || len(p.Switchover.Smoke) > 0 ||
		e.cfg.Hooks != nil && (len(e.hooks(u, plan.BeforeSwitchover)) > 0 || len(p.HooksFor(plan.BeforeWave, e.waveName(u), "")) > 0)
}

func (e *Engine) waveName(u unit) string { return e.cfg.Plan.Waves[u.wave].Name }

// askSwitch asks everything that must be asked before a switchover: the gates,
// then the hooks, then it waits for the drain, and asks again what has aged
// meanwhile. The application is asked to be quiet last and for the shortest time.
func (e *Engine) askSwitch(ctx context.Context, u unit) gateAnswer {
	blue, green := e.endpoint(u, u.facts.ID), e.endpoint(u, u.state.Green)
	if err := e.readBaseline(ctx, u, blue, false); err != nil {
		return gateAnswer{err: err}
	}
	if a := e.judge(ctx, u, e.gatesOf(ctx, u, blue, green), ""); !a.pass || a.err != nil {
		return a
	}
	if err := e.readBaseline(ctx, u, blue, true); err != nil {
		return gateAnswer{err: err}
	}
	asked := e.cfg.Clock.Now()
	if a := e.askWave(ctx, u); !a.pass || a.err != nil {
		return a
	}
	if a := e.askHooks(ctx, u, plan.BeforeSwitchover, bluegreen.StopSwitchover); !a.pass || a.err != nil {
		return a
	}
	if e.cfg.Plan.Switchover.Drain.Set {
		if a := e.judge(ctx, u, []bluegreen.Gate{e.drain(ctx, u, blue)}, "drain"); !a.pass || a.err != nil {
			return a
		}
	}
	if m, ok := e.cfg.SQL.(MomentGater); ok && e.cfg.Clock.Now().Sub(asked) > gatesFresh/2 {
		if a := e.judge(ctx, u, m.MomentGates(ctx, blue, green), "moment"); !a.pass || a.err != nil {
			return a
		}
	}
	if ctx.Err() != nil {
		return gateAnswer{}
	}
	if err := e.unstop(u); err != nil {
		return gateAnswer{err: err}
	}
	return gateAnswer{pass: true}
}

// gatesOf are all gates before a switchover but hooks and drain.
func (e *Engine) gatesOf(ctx context.Context, u unit, blue, green Endpoint) []bluegreen.Gate {
	var gates []bluegreen.Gate
	if r := e.reverser(); r != nil {
		gates = r.PrepareWayBack(ctx, blue, green)
	}
	if g, ok := e.cfg.SQL.(Gater); ok {
		gates = append(gates, e.checkGates(&u)...)
		gates = append(gates, e.diskGates(ctx, u, blue, green)...)
		gates = append(gates, e.smokeGreen(ctx, blue, green)...)
		gates = append(gates, g.Gates(ctx, blue, green)...) // those about the moment are its last
		return gates
	}
	return append(gates, e.smokeGreen(ctx, blue, green)...)
}

// judge journals what gates said, and what it means for the database. part
// tells the askings of one switchover apart.
func (e *Engine) judge(ctx context.Context, u unit, gates []bluegreen.Gate, part string) gateAnswer {
	if ctx.Err() != nil {
		return gateAnswer{}
	}
	e.mu.Lock()
	over := e.cfg.Store.mem.record(u.key).Overrides
	e.mu.Unlock()
	now := e.cfg.Clock.Now()
	key := u.key + "#" + part
	d := bluegreen.Decide(gates, over, e.gates.count(key, gates), now)
	for _, g := range e.gates.news(key, gates, d.Pass) {
		what := g.String()
		if o := bluegreen.Overridden(over, g.Name, now); o != nil && g.Verdict != bluegreen.GatePass {
			what += "; overridden by " + o.By + " until " + o.Until.UTC().Format("2006-01-02 15:04 MST") + ": " + o.Why
		}
		if err := e.append(u, journal.Gate, what, g); err != nil {
			return gateAnswer{err: err}
		}
	}
	a := gateAnswer{pass: d.Pass, again: now.Add(gatesRest)}
	if !d.Pass {
		a.no = d.Gate.String()
	}
	if d.Stop {
		a.err = e.stopUnit(u, bluegreen.StopSwitchover, d.Gate)
	}
	return a
}

// attempt numbers the switchovers of a deployment, from 1.
func attempt(u unit) string { return strconv.Itoa(u.facts.Record.SwitchAttempts + 1) }

// gateTimeout bounds reads that the gates of one plan's key make.
const gateTimeout = 2 * time.Minute
