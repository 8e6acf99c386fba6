package fleet

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

const outcomeRolledBack = "rolled-back"

func rollbackKey(key string) string { return key + "#rollback" }

// rollbackID names one order to roll back, or to go back after a switchover.
func (e *Engine) rollbackID(u unit) string {
	var at time.Time
	switch rec := u.facts.Record; {
	case rec.GoBack != nil:
		at = rec.GoBack.At
	case rec.Rollback != nil:
		at = rec.Rollback.At
	}
	return e.cfg.Plan.Name + "/" + u.key + "/rollback/" + strconv.FormatInt(at.Unix(), 10)
}

// removesGreen tells that a unit's step removes a green whose rollback a person
// asked for.
func (u *unit) removesGreen() bool {
	return u.state.Stage == bluegreen.RollingBack && u.state.GoBack == "" && slices.ContainsFunc(u.step.Actions, func(a bluegreen.Action) bool { return a.Kind == bluegreen.DeleteDeployment })
}

// mayRollBack tells whether a rollback may begin now: the hooks before it are
// asked. Their no never ends it: a way back that a person ordered waits, asks
// again, and shows how the no is overridden.
func (e *Engine) mayRollBack(ctx context.Context, u unit) (bool, error) {
	if e.cfg.Inline || len(e.hooks(u, plan.BeforeRollback)) == 0 {
		return true, nil
	}
	return e.mayGo(ctx, rollbackKey(u.key), func(ctx context.Context) gateAnswer { return e.askRollback(ctx, u) })
}

func (e *Engine) askRollback(ctx context.Context, u unit) gateAnswer {
	for _, h := range e.hooks(u, plan.BeforeRollback) {
		ans, err := e.callHook(ctx, u.key, "", h, e.callFor(u, h, e.rollbackID(u), ""))
		if err != nil || ctx.Err() != nil {
			return gateAnswer{err: err}
		}
		g, now := hookGate(h, ans), e.cfg.Clock.Now()
		e.mu.Lock()
		over := e.cfg.Store.mem.record(u.key).Overrides
		e.mu.Unlock()
		if g.Verdict == bluegreen.GatePass || !h.Vetoes() || bluegreen.Overridden(over, g.Name, now) != nil {
			continue
		}
		for _, n := range e.gates.news(rollbackKey(u.key), []bluegreen.Gate{g}, false) {
			if err := e.append(u, journal.Gate, "before the rollback: "+n.String(), n); err != nil {
				return gateAnswer{err: err}
			}
		}
		return gateAnswer{no: g.String(), again: now.Add(cmp.Or(ans.After, h.Again))}
	}
	return gateAnswer{pass: true}
}

// rollbackReason is why a rollback does not begin, where a hook is why.
func (e *Engine) rollbackReason(key, id, otherwise string) string {
	e.gates.mu.Lock()
	defer e.gates.mu.Unlock()
	a, ok := e.gates.answers[rollbackKey(key)]
	if !ok || a.pass || a.no == "" {
		return otherwise
	}
	return "a hook before the rollback says no, and is asked again: " + a.no + "; approve --database " + id + " --override-gate goes on without its yes"
}
