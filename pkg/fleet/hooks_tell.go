package fleet

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

const (
	outcomeSwitched    = "switched"
	outcomeNotSwitched = "not-switched"
	outcomeBuilt       = "built"
	outcomeFailed      = "failed"
	// tellTries is how often a hook after a moment is called in vain, tellRest
	// how long after the first time; then twice as long each time.
	tellTries = 5
	tellRest  = 10 * time.Second
)

// teller remembers which hooks are being told, and when to try again.
type teller struct {
	mu   sync.Mutex
	busy map[string]bool
	next map[string]time.Time
	// pending are those that a run does not end before: they are being told, or
	// will be tried again soon.
	pending map[string]bool
	err     error // of the journal
}

// waits tells that hooks are still being told.
func (t *teller) waits() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.pending) > 0
}

func (t *teller) begin(key string, now time.Time) (bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err != nil {
		return false, &journalError{t.err}
	}
	if t.busy == nil {
		t.busy, t.next, t.pending = map[string]bool{}, map[string]time.Time{}, map[string]bool{}
	}
	if t.busy[key] || now.Before(t.next[key]) {
		return false, nil
	}
	t.busy[key], t.pending[key] = true, true
	return true, nil
}

func (t *teller) end(key string, next time.Time, patient bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.busy, key)
	if patient {
		delete(t.pending, key)
	}
	t.next[key] = next
	if err != nil && t.err == nil {
		t.err = err
	}
}

// tellHooks tells hooks of what has happened. What is owed stands in the
// journal before the first call and until an answer: a hook hears of each
// moment at least once, whenever the process ends.
func (e *Engine) tellHooks(ctx context.Context, units []unit, sch schedule) error {
	if e.cfg.Hooks == nil || len(e.cfg.Plan.Hooks) == 0 {
		return nil
	}
	for i := range units {
		u := units[i]
		if u.unread || e.cfg.Only != nil && !e.cfg.Only[u.key] {
			continue
		}
		if err := e.oweUnit(u); err != nil {
			return err
		}
		if err := e.tellDue(ctx, u.key, "", func(d hookData, h plan.Hook) HookCall { return e.callFor(u, h, d.ID, d.Outcome) },
			func(d hookData, h plan.Hook, a HookAnswer) error { return e.afterVeto(u, d, h, a) }); err != nil {
			return err
		}
	}
	return e.tellWaves(ctx, units, sch)
}

// oweUnit notes what a database's hooks must be told of: a green that is built,
// and a switchover that its hooks were asked about and that did not come.
func (e *Engine) oweUnit(u unit) error {
	switch {
	case u.state.Stage == bluegreen.Ready && u.state.Deployment != nil:
		if err := e.owe(u, plan.AfterBuild, e.buildID(u), outcomeBuilt); err != nil {
			return err
		}
	case u.state.Stage == bluegreen.Failed && u.facts.Record.SwitchedAt.IsZero() && u.state.Deployment != nil:
		if err := e.owe(u, plan.AfterBuild, e.buildID(u), outcomeFailed); err != nil {
			return err
		}
	}
	if g := u.facts.Record.GoBack; u.state.Stage == bluegreen.RolledBack && (g == nil || !g.Done.IsZero()) {
		if err := e.owe(u, plan.AfterRollback, e.rollbackID(u), outcomeRolledBack); err != nil {
			return err
		}
	}
	e.mu.Lock()
	open := e.hookMemory(u.key, "").open
	pending := e.cfg.Store.mem.record(u.key).SwitchPending
	e.mu.Unlock()
	st := u.state.Stage
	if open == "" || pending || u.state.Ambiguous || st == bluegreen.Switching || st == bluegreen.Switched || e.gates.active(u.key, e.cfg.Clock.Now()) {
		return nil
	}
	return e.owe(u, plan.AfterSwitchover, open, outcomeNotSwitched)
}

func (e *Engine) buildID(u unit) string {
	return e.cfg.Plan.Name + "/" + u.key + "/build/" + u.state.Deployment.ID
}

// oweSwitched notes, before a switchover counts as confirmed, that its hooks
// must be told.
func (e *Engine) oweSwitched(u unit) error {
	if e.cfg.Hooks == nil {
		return nil
	}
	e.mu.Lock()
	id := e.hookMemory(u.key, "").open
	e.mu.Unlock()
	if id == "" {
		dep := ""
		if u.state.Deployment != nil {
			dep = u.state.Deployment.ID
		}
		id = e.cfg.Plan.Name + "/" + u.key + "/switchover/" + dep + "/" + strconv.Itoa(max(1, u.facts.Record.SwitchAttempts))
	}
	return e.owe(u, plan.AfterSwitchover, id, outcomeSwitched)
}

// owe journals once that hooks must be told of a moment.
func (e *Engine) owe(u unit, when, id, outcome string) error {
	var names []string
	for _, h := range e.hooks(u, when) {
		names = append(names, h.Name)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	m := e.hookMemory(u.key, "")
	if m.owed[id+" "+when+" "+outcome] || len(names) == 0 && m.open != id {
		return nil
	}
	_, err := e.cfg.Store.append(journal.Entry{Kind: journal.Fact, Database: u.key, At: e.cfg.Clock.Now(),
		What: fmt.Sprintf("%s is over: %s; hooks to tell: %d", id, outcome, len(names))},
		hookData{Name: factHooksDue, When: when, ID: id, Hooks: names, Outcome: outcome})
	return err
}

// tellDue begins the calls that are owed and whose time has come.
func (e *Engine) tellDue(ctx context.Context, key, wave string, call func(hookData, plan.Hook) HookCall, vetoed func(hookData, plan.Hook, HookAnswer) error) error {
	e.mu.Lock()
	var due []hookData
	for _, d := range e.hookMemory(key, wave).due {
		due = append(due, d)
	}
	e.mu.Unlock()
	slices.SortFunc(due, func(a, b hookData) int { return cmp.Compare(a.ID+a.Hook, b.ID+b.Hook) })
	for _, d := range due {
		k := key + wave + " " + d.ID + " " + d.Hook
		now := e.cfg.Clock.Now()
		free, err := e.tells.begin(k, now)
		if err != nil {
			return err
		}
		if !free {
			continue
		}
		h, ok := e.hookNamed(d)
		e.group.Go(func() {
			if !ok {
				e.tells.end(k, now, true, e.giveUp(key, wave, d, "the plan has no such hook any more"))
				return
			}
			rest, err := e.tell(ctx, key, wave, d, h, call(d, h), vetoed)
			e.tells.end(k, e.cfg.Clock.Now().Add(rest), rest == 0 || e.patient(key, wave, d), err)
		})
	}
	return nil
}

// patient tells that a hook asked for patience: a run does not wait for it.
func (e *Engine) patient(key, wave string, d hookData) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.hookMemory(key, wave).patient[d.ID+" "+d.Hook]
}

func (e *Engine) hookNamed(d hookData) (plan.Hook, bool) {
	for _, h := range e.cfg.Plan.Hooks {
		if h.When == d.When && h.Name == d.Hook {
			return h, true
		}
	}
	return plan.Hook{}, false
}

// tell calls one hook; rest is how long to wait before the next try.
func (e *Engine) tell(ctx context.Context, key, wave string, d hookData, h plan.Hook, c HookCall, vetoed func(hookData, plan.Hook, HookAnswer) error) (rest time.Duration, err error) {
	ans, err := e.callHook(ctx, key, wave, h, c)
	if err != nil || ctx.Err() != nil || ans.Verdict == bluegreen.GatePass {
		return 0, err
	}
	e.mu.Lock()
	tries := e.hookMemory(key, wave).calls[d.ID+" "+d.Hook]
	e.mu.Unlock()
	switch {
	case ans.Later:
		return cmp.Or(ans.After, h.Again), nil
	case ans.Verdict == bluegreen.GateFail && h.Vetoes(), tries >= tellTries:
		if err := e.giveUp(key, wave, d, hookText(h, ans)); err != nil || !h.Vetoes() {
			return 0, err
		}
		return 0, vetoed(d, h, ans)
	}
	return tellRest << min(tries-1, 6), nil
}

// giveUp journals that a hook is not called any more.
func (e *Engine) giveUp(key, wave string, d hookData, why string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	d.Name = factHookGivenUp
	_, err := e.cfg.Store.append(journal.Entry{Kind: journal.Fact, Database: key, Wave: wave, At: e.cfg.Clock.Now(),
		What: fmt.Sprintf("hook %s (%s) is not called again: %s", d.Hook, d.When, why)}, d)
	return err
}

// afterVeto: the no of a hook after the switchover stops the wave as a soak
// that fails does; at other moments there is nothing left to stop.
func (e *Engine) afterVeto(u unit, d hookData, h plan.Hook, a HookAnswer) error {
	if d.When != plan.AfterSwitchover || d.Outcome != outcomeSwitched {
		return nil
	}
	return e.stopUnit(u, bluegreen.StopSoak, hookGate(h, a))
}

// owes tells that hooks are still to be told, and are not asking for patience.
func (m *hookMemory) owes() bool {
	for k := range m.due {
		if !m.patient[k] {
			return true
		}
	}
	return false
}

// mayBuild tells whether a green may be built now: the hooks before it are asked.
func (e *Engine) mayBuild(ctx context.Context, u unit) (bool, error) {
	builds := slices.ContainsFunc(u.step.Actions, func(a bluegreen.Action) bool { return a.Kind == bluegreen.CreateDeployment })
	if !builds || e.cfg.Inline || len(e.hooks(u, plan.BeforeBuild)) == 0 {
		return true, nil
	}
	return e.mayGo(ctx, buildKey(u.key), func(ctx context.Context) gateAnswer {
		return e.askHooks(ctx, u, plan.BeforeBuild, bluegreen.StopBuild)
	})
}

func buildKey(key string) string { return key + "#build" }

// vain says which hooks were called in vain about something.
func (m *hookMemory) vain(what string) []string {
	var out []string
	for _, k := range sortedKeys(m.given) {
		if d := m.given[k]; d.When != plan.BeforeWave {
			out = append(out, what+": hook "+d.Hook+" ("+d.When+") never said yes and is not called again")
		}
	}
	return out
}
