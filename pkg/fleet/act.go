package fleet

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

// actsAtOnce bounds mutating calls in flight; the schedule's own limits are lower.
const actsAtOnce = 16

// carryOut makes the calls of the chosen units, each unit's one after the
// other. When soft ends it begins no further unit.
func (e *Engine) carryOut(ctx, soft context.Context, units []unit, chosen []int) error {
	// Switchovers first: they must not queue behind slow builds.
	chosen = slices.Clone(chosen)
	slices.SortStableFunc(chosen, func(a, b int) int {
		return cmp.Compare(queueOrder(units[a].step.Queue), queueOrder(units[b].step.Queue))
	})
	var g errgroup.Group
	g.SetLimit(actsAtOnce)
	if e.cfg.Inline {
		for _, i := range chosen {
			if err := e.actOn(ctx, units[i]); err != nil {
				return err
			}
		}
		return nil
	}
	for _, i := range chosen {
		u := units[i]
		g.Go(func() error {
			if soft.Err() != nil {
				return nil
			}
			return e.actOn(ctx, u)
		})
	}
	return g.Wait()
}

func queueOrder(q bluegreen.Queue) int {
	if q == bluegreen.SwitchQueue {
		return 0
	}
	return 1
}

// actOn makes one unit's calls until one is refused.
func (e *Engine) actOn(ctx context.Context, u unit) error {
	sc := e.scope(u.scope)
	if pass, err := e.mayBuild(ctx, u); err != nil || !pass {
		return err
	}
	if u.removesGreen() {
		if pass, err := e.mayRollBack(ctx, u); err != nil || !pass {
			return err
		}
	}
	for _, a := range u.step.Actions {
		if (a.Group != nil || a.Options != nil) && !alone(a) && u.state.GoBack == "" {
			if err := e.ensureGroup(ctx, sc, u, a); err != nil {
				return e.settle(u, err)
			}
			continue
		}
		if a.Kind == bluegreen.Switchover {
			if pass, err := e.maySwitch(ctx, u); err != nil || !pass {
				return err
			}
		}
		if err := e.act(ctx, sc, u, a); err != nil {
			return e.settle(u, err)
		}
	}
	e.markGroup(u)
	e.mu.Lock()
	delete(e.resting, u.key)
	e.mu.Unlock()
	return nil
}

// ensureGroup makes a parameter or option group once, however many databases share it.
func (e *Engine) ensureGroup(ctx context.Context, sc Scope, u unit, a bluegreen.Action) error {
	key, step := groupStep(u.scope, a)
	unlock := e.locks.lock(key)
	defer unlock()
	e.mu.Lock()
	done := e.ensured[key] || e.ensured[step]
	e.mu.Unlock()
	if done {
		return nil
	}
	if err := e.act(ctx, sc, u, a); err != nil {
		return err
	}
	e.mu.Lock()
	e.ensured[step] = true
	e.epoch++
	e.mu.Unlock()
	return nil
}

// groupStep names the group that an action is about, and the action's part in making it.
func groupStep(scope string, a bluegreen.Action) (key, step string) {
	if a.Group == nil {
		key = scope + "option group " + a.Options.Name
		return key, key + "#" + string(a.Kind)
	}
	key = scope + a.Group.Name
	step = key + "#" + string(a.Kind) + fmt.Sprint(len(a.Group.Parameters))
	if n := len(a.Group.Parameters); n > 0 {
		step += a.Group.Parameters[0].Name
	}
	return key, step
}

// markGroup: all calls went through, so the group is complete.
func (e *Engine) markGroup(u unit) {
	creates := slices.ContainsFunc(u.step.Actions, func(a bluegreen.Action) bool { return a.Kind == bluegreen.CreateDeployment })
	if u.facts.Group == nil || !creates {
		return
	}
	key := u.scope + u.facts.Group.Spec.Name
	e.mu.Lock()
	if !e.ensured[key] {
		e.ensured[key] = true
		e.epoch++
	}
	e.mu.Unlock()
}

// act announces a call in the journal, makes it, and records its answer. The
// error it returns is the call's, or the journal's, which ends the run.
func (e *Engine) act(ctx context.Context, sc Scope, u unit, a bluegreen.Action) error {
	in := intentData{Action: a}
	if a.Kind == bluegreen.CreateDeployment {
		in.Blue, in.Replicas = u.facts.Instances[u.facts.ID], u.replicas()
		in.EstimatedMinutes = e.estimate(u)
	}
	if a.Kind == bluegreen.DeleteInstance {
		in.Blue = u.facts.Instances[a.Instance]
	}
	e.mu.Lock()
	if a.Kind == bluegreen.Switchover {
		if why := e.overtaken(u); why != "" {
			e.mu.Unlock()
			e.cfg.Log.Info().Str("db", u.key).Str("reason", why).Msg("switchover dropped")
			return nil
		}
	}
	if a.Kind == bluegreen.DeleteInstance {
		if why := e.forbidden(u); why != "" {
			e.mu.Unlock()
			e.cfg.Log.Info().Str("db", u.key).Str("reason", why).Msg("removal dropped")
			return nil
		}
	}
	intent, err := e.cfg.Store.append(journal.Entry{Kind: journal.Intent, Database: u.key, What: a.String(), At: e.cfg.Clock.Now()}, in)
	e.acted++
	e.mu.Unlock()
	if err != nil {
		return &journalError{err}
	}
	if err := e.cfg.Store.Check(); err != nil {
		return &journalError{err} // announced, and not made: the next holder sees that
	}
	out, err := sc.Cloud.Do(ctx, a)
	res := resultData{OK: err == nil, Already: out.Already, RequestID: out.RequestID}
	what := "done: " + a.String()
	if out.Already {
		what = "was there already: " + a.String()
	}
	if out.Deployment != nil {
		res.Deployment = out.Deployment.ID
	}
	if err == nil {
		e.groupChanged(u.scope, a)
	} else {
		f := faultOf(err)
		if e.learn(u, a, f) {
			f.Consequence = bluegreen.Retry
		}
		res.Code, res.Error, res.Consequence = f.Code, f.Error(), f.Consequence
		what = fmt.Sprintf("%s: %s", verb(f.Consequence), f.Error())
	}
	e.mu.Lock()
	_, jerr := e.cfg.Store.append(journal.Entry{Kind: journal.Result, Database: u.key, Ref: intent.Seq, What: what, At: e.cfg.Clock.Now()}, res)
	e.mu.Unlock()
	if jerr != nil {
		return &journalError{jerr}
	}
	e.cfg.Log.Info().Str("db", u.key).Str("action", a.String()).Bool("ok", err == nil).Str("code", res.Code).Msg("action")
	return err
}

// verb is the result of a refused call in a word.
func verb(c bluegreen.Consequence) string {
	switch c {
	case bluegreen.Ambiguous:
		return "answer lost"
	case bluegreen.Retry, bluegreen.Wait:
		return "not now"
	}
	return "refused"
}

// journalError ends the run: nothing may be done that is not written down.
type journalError struct{ err error }

func (j *journalError) Error() string { return j.err.Error() }
func (j *journalError) Unwrap() error { return j.err }

// settle turns a call's error into what the engine does about it: wait, leave
// it to the record, or end the run.
func (e *Engine) settle(u unit, err error) error {
	if j, ok := err.(*journalError); ok {
		return j
	}
	f := faultOf(err)
	switch f.Consequence {
	case bluegreen.Fatal:
		if f.Code != "AccessDenied" {
			return fmt.Errorf("%s: %w", u.key, err)
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	r := e.resting[u.key]
	r.tries++
	r.until = e.cfg.Clock.Now().Add(min(5*time.Minute, e.cfg.Plan.Run.Poll<<min(r.tries, 6)))
	if u.state.GoBack != "" { // clients wait
		r.until = e.cfg.Clock.Now().Add(min(goBackRest, e.cfg.Plan.Run.Poll))
	}
	e.resting[u.key] = r
	w := e.watch[u.key]
	w.StableReads = 0
	e.watch[u.key] = w
	return nil
}

// overtaken says why a switchover that was decided may not be asked for any
// more, "" when it may: calls wait for their turn at AWS, and meanwhile the
// window may have closed or a person may have spoken.
func (e *Engine) overtaken(u unit) string {
	now := e.cfg.Clock.Now()
	mem, rec := e.cfg.Store.mem, e.cfg.Store.mem.record(u.key)
	switch {
	case !e.cfg.Plan.Switchover.Open(now):
		return "the window has closed"
	case mem.paused != nil || mem.wave(e.cfg.Plan.Waves[u.wave].Name).paused != nil || rec.Paused != nil:
		return "it was paused"
	case rec.Skip != nil || rec.Rollback != nil:
		return "a person decided otherwise"
	case now.Sub(u.facts.Now) > max(time.Minute, 3*e.cfg.Plan.Run.Poll):
		return "the look at AWS is too old"
	}
	return ""
}

// oneCallRefusals are what RDS may answer to a class that the source version
// cannot run: whether it takes 5.7 -> 8.0 and Graviton in one call is not documented.
var oneCallRefusals = map[string]bool{"InvalidParameterCombination": true, "InvalidParameterValue": true,
	"SourceDatabaseNotSupportedFault": true, "SourceDatabaseNotSupported": true}

// learn notes that RDS does not take version and class in one call; the green
// is then built on its old class and modified. It reports whether that was it.
func (e *Engine) learn(u unit, a bluegreen.Action, f *bluegreen.Fault) bool {
	if quotaCodes[f.Code] {
		f.Consequence = bluegreen.Wait
		return false
	}
	if a.Kind != bluegreen.CreateDeployment || a.Create.Class == "" || !bluegreen.IsGraviton(a.Create.Class) || !oneCallRefusals[f.Code] {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if yes, known := e.cfg.Store.mem.oneCall[u.scope]; known && !yes {
		return true // learnt from another database while this call was under way
	}
	_, err := e.cfg.Store.append(journal.Entry{Kind: journal.Fact, At: e.cfg.Clock.Now(),
		What: "RDS does not take " + a.Create.Version + " and " + a.Create.Class + " in one call; greens are built on their old class and modified"},
		factData{Name: factOneCall, Scope: u.scope})
	e.epoch++
	return err == nil
}

// quotaCodes ask to wait until other greens or old blues are gone.
var quotaCodes = map[string]bool{"InstanceQuotaExceeded": true, "InstanceQuotaExceededFault": true, "StorageQuotaExceeded": true, "StorageQuotaExceededFault": true}

func (e *Engine) scope(key string) Scope {
	for _, s := range e.cfg.Scopes {
		if s.Key() == key {
			return s
		}
	}
	return Scope{}
}

// keyedMutex is a mutex per key. It is made of channels, because calls to AWS
// are waited for under it, and virtual time stands still at a sync.Mutex.
type keyedMutex struct {
	mu sync.Mutex
	m  map[string]chan struct{}
}

func (k *keyedMutex) lock(key string) (unlock func()) {
	k.mu.Lock()
	if k.m == nil {
		k.m = map[string]chan struct{}{}
	}
	l := k.m[key]
	if l == nil {
		l = make(chan struct{}, 1)
		k.m[key] = l
	}
	k.mu.Unlock()
	l <- struct{}{}
	return func() { <-l }
}
