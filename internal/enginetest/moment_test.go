package enginetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

// momentSQL answers what is asked around a switchover.
type momentSQL struct {
	*simSQL
	mu    sync.Mutex
	gates func(blue fleet.Endpoint) []bluegreen.Gate
	load  func() (bluegreen.AppLoad, error)
	smoke func(fleet.Endpoint) (bluegreen.Answer, error)
	asked map[string]int
}

func (s *momentSQL) count(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked == nil {
		s.asked = map[string]int{}
	}
	s.asked[what]++
}

func (s *momentSQL) Gates(_ context.Context, blue, _ fleet.Endpoint) []bluegreen.Gate {
	s.count("gates " + blue.ID)
	if s.gates == nil {
		return []bluegreen.Gate{{Name: "replication of green", Verdict: bluegreen.GatePass}}
	}
	return s.gates(blue)
}

func (s *momentSQL) MomentGates(ctx context.Context, blue, green fleet.Endpoint) []bluegreen.Gate {
	s.count("moment " + blue.ID)
	return s.Gates(ctx, blue, green)
}

func (s *momentSQL) AppLoad(context.Context, fleet.Endpoint) (bluegreen.AppLoad, error) {
	s.count("load")
	return s.load()
}

func (s *momentSQL) Smoke(_ context.Context, ep fleet.Endpoint, _ plan.Smoke) (bluegreen.Answer, error) {
	s.count("smoke " + ep.ID)
	return s.smoke(ep)
}

// hookLog is a hook that remembers its calls, and answers as it is told.
type hookLog struct {
	mu     sync.Mutex
	calls  []fleet.HookCall
	answer func(fleet.HookCall) fleet.HookAnswer
}

func (h *hookLog) call(_ context.Context, _ plan.Hook, c fleet.HookCall) fleet.HookAnswer {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, c)
	if h.answer != nil {
		return h.answer(c)
	}
	return fleet.HookAnswer{Verdict: bluegreen.GatePass}
}

// of are the calls of a moment about a database, "" for any.
func (h *hookLog) of(when, id string) []fleet.HookCall {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []fleet.HookCall
	for _, c := range h.calls {
		if c.When == when && (id == "" || c.Database == id) {
			out = append(out, c)
		}
	}
	return out
}

const allHooks = `
hooks:
  - {when: before-build, command: [hook]}
  - {when: after-build, command: [hook]}
  - {when: before-switchover, command: [hook]}
  - {when: after-switchover, command: [hook]}
  - {when: before-wave, command: [hook]}
  - {when: after-wave, command: [hook]}
`

func TestHooksAreAskedAndTold(t *testing.T) {
	inTime(t, func(t *testing.T) {
		l := newLab(t, fleetOf(4, ""), planOf()+allHooks, "")
		h := &hookLog{}
		l.hooks, l.sql = h.call, &momentSQL{simSQL: &simSQL{sim: l.sim}}
		l.run()
		l.expectAll("done")
		l.expectOutcome(fleet.OutcomeDone)
		for when, n := range map[string]int{plan.BeforeBuild: 4, plan.AfterBuild: 4, plan.BeforeSwitchover: 4, plan.AfterSwitchover: 4, plan.BeforeWave: 2, plan.AfterWave: 2} {
			if got := len(h.of(when, "")); got != n {
				t.Errorf("%s: %d calls, want %d", when, got, n)
			}
		}
		before, after := h.of(plan.BeforeSwitchover, "db-0003")[0], h.of(plan.AfterSwitchover, "db-0003")[0]
		if before.ID != after.ID || after.Outcome != "switched" || before.FromVersion != "5.7.44" || !strings.HasPrefix(before.ToVersion, "8.0") || len(before.Greens) != 1 || before.Endpoint == "" {
			t.Errorf("before %+v\nafter %+v", before, after)
		}
		l.run()
		if n := len(h.of(plan.AfterWave, "")) + len(h.of(plan.AfterSwitchover, "")); n != 6 {
			t.Errorf("a further run told again: %d calls", n)
		}
	})
}

func TestHookVetoHoldsUntilARetryOrAnOverride(t *testing.T) {
	inTime(t, func(t *testing.T) {
		l := newLab(t, fleetOf(4, ""), planOf()+allHooks, "")
		veto := map[string]bool{"db-0000": true, "db-0001": true}
		h := &hookLog{}
		h.answer = func(c fleet.HookCall) fleet.HookAnswer {
			if c.When == plan.BeforeSwitchover && veto[c.Database] {
				return fleet.HookAnswer{Verdict: bluegreen.GateFail, Words: "month end"}
			}
			return fleet.HookAnswer{Verdict: bluegreen.GatePass}
		}
		l.hooks = h.call
		l.run()
		l.expectOutcome(fleet.OutcomeWaiting)
		d := l.expect("db-0000", "held")
		l.expectReason("db-0000", "month end")
		if !strings.Contains(d.NextStep, "retry --database db-0000") || !strings.Contains(d.NextStep, `--override-gate "hook hook"`) || d.Stopped == nil {
			t.Errorf("next step %q, stopped %+v", d.NextStep, d.Stopped)
		}
		if n := len(h.of(plan.AfterSwitchover, "db-0000")); n != 0 {
			t.Errorf("a hook that let nothing begin was told %d times of an end", n)
		}
		asked := len(h.of(plan.BeforeSwitchover, "db-0000"))
		l.run()
		if n := len(h.of(plan.BeforeSwitchover, "db-0000")); n != asked {
			t.Errorf("a veto was asked again by itself: %d calls, were %d", n, asked)
		}
		delete(veto, "db-0000")
		l.say("retry", "db-0000", "")
		l.override("db-0001", "", "hook hook", time.Hour)
		l.run()
		l.expectOutcome(fleet.OutcomeDone)
		l.expectOnce()
		if o := l.db("db-0001").Overrides; len(o) != 1 || o[0].By != "anna" {
			t.Errorf("overrides %+v", o)
		}
	})
}

// override is a person's word about a gate.
func (l *lab) override(db, wave, gate string, span time.Duration) {
	l.t.Helper()
	store, err := fleet.OpenStore(l.dir, fleet.Holder("test"), journal.Options{NoSync: true})
	if err != nil {
		l.t.Fatal(err)
	}
	defer store.Close()
	if db != "" {
		db = account + "/" + region + "/" + db
	}
	now := time.Now()
	if err := store.Say(journal.Request{Verb: fleet.VerbOverride, Database: db, Wave: wave, Gate: gate, Until: now.Add(span), By: "anna", Why: "test", At: now}); err != nil {
		l.t.Fatal(err)
	}
}

func TestHookThatSaysNotNowIsAskedAgain(t *testing.T) {
	inTime(t, func(t *testing.T) {
		l := newLab(t, fleetOf(4, ""), planOf()+allHooks, "")
		h := &hookLog{}
		h.answer = func(c fleet.HookCall) fleet.HookAnswer {
			if c.When == plan.BeforeSwitchover && c.Database == "db-0000" && c.Attempt < 30 {
				return fleet.HookAnswer{Verdict: bluegreen.GateFail, Later: true, Words: "deploying"}
			}
			return fleet.HookAnswer{Verdict: bluegreen.GatePass}
		}
		l.hooks = h.call
		said := false
		if err := l.runWith(func(st fleet.Status) bool {
			d := l.db("db-0000")
			said = said || d.Stage == "ready" && strings.Contains(d.Reason, "deploying")
			return st.Outcome == fleet.OutcomeDone
		}); err != nil && l.last.Outcome != fleet.OutcomeDone {
			t.Fatal(err)
		}
		calls := h.of(plan.BeforeSwitchover, "db-0000")
		if !said || len(calls) != 30 {
			t.Errorf("%d calls, want 30; its words were shown: %t", len(calls), said)
		}
		for i := 1; i < len(calls); i++ {
			if d := calls[i].At.Sub(calls[i-1].At); d < time.Minute {
				t.Errorf("asked again after %s, want a minute", d)
			}
		}
		// The others did not wait for it.
		if a, b := h.of(plan.BeforeSwitchover, "db-0001")[0].At, calls[29].At; a.After(b) {
			t.Errorf("db-0001 waited for db-0000: %s, %s", a, b)
		}
	})
}

func TestHookThatCannotTellIsAskedAgainMoreAndMoreSlowly(t *testing.T) {
	inTime(t, func(t *testing.T) {
		l := newLab(t, fleetOf(4, ""), planOf()+allHooks, "")
		h := &hookLog{}
		h.answer = func(c fleet.HookCall) fleet.HookAnswer {
			if c.When == plan.BeforeSwitchover && c.Database == "db-0000" && c.Attempt < 3 {
				return fleet.HookAnswer{Verdict: bluegreen.GateInconclusive, Words: "no answer within 30s"}
			}
			return fleet.HookAnswer{Verdict: bluegreen.GatePass}
		}
		l.hooks = h.call
		l.run()
		for range 20 { // the run ends when only time or a person can go on; a job calls it again
			if l.last.Outcome != fleet.OutcomeWaiting {
				break
			}
			l.expect("db-0000", "held")
			time.Sleep(3 * time.Minute)
			l.run()
		}
		l.expectOutcome(fleet.OutcomeDone)
		calls := h.of(plan.BeforeSwitchover, "db-0000")
		if len(calls) != 3 || calls[1].At.Sub(calls[0].At) < 5*time.Minute || calls[2].At.Sub(calls[1].At) < 10*time.Minute {
			t.Errorf("calls at %v", slices.Collect(func(yield func(time.Time) bool) {
				for _, c := range calls {
					if !yield(c.At) {
						return
					}
				}
			}))
		}
	})
}

// TestHookAfterIsToldOverKills ends the process in the middle of every call,
// and before every answer.
func TestHookAfterIsToldOverKills(t *testing.T) {
	inTime(t, func(t *testing.T) {
		l := newLab(t, fleetOf(4, ""), planOf()+allHooks, "")
		h := &hookLog{}
		kill := func() {}
		killed := map[string]bool{}
		h.answer = func(c fleet.HookCall) fleet.HookAnswer {
			if k := c.When + c.ID; !killed[k] {
				killed[k] = true
				kill()
			}
			return fleet.HookAnswer{Verdict: bluegreen.GatePass}
		}
		l.hooks = h.call
		for n := 0; l.last.Outcome != fleet.OutcomeDone; n++ {
			if n > 40 {
				t.Fatalf("not done after %d kills: %v", n, l.last.Waiting)
			}
			ctx, cancel := context.WithTimeout(t.Context(), longest)
			kill = cancel
			e, _, done := l.open(nil, nil)
			st, err := e.Run(ctx, ctx)
			done()
			cancel()
			if err == nil {
				l.last = st
			}
		}
		l.expectOnce()
		for i := range 4 {
			id := fmt.Sprintf("db-%04d", i)
			told := 0
			for _, c := range h.of(plan.AfterSwitchover, id) {
				if c.Outcome == "switched" {
					told++
				}
			}
			if told == 0 {
				t.Errorf("nobody was told that %s was switched", id)
			}
		}
		calls := h.of(plan.AfterSwitchover, "db-0003")
		if last := calls[len(calls)-1]; last.Outcome != "switched" || last.Attempt < 2 {
			t.Errorf("the last call of db-0003 is %+v", last)
		}
	})
}

func TestWaveHooks(t *testing.T) {
	inTime(t, func(t *testing.T) {
		l := newLab(t, fleetOf(6, ""), planOf()+allHooks, "")
		h := &hookLog{}
		no := true
		h.answer = func(c fleet.HookCall) fleet.HookAnswer {
			if c.When == plan.BeforeWave && c.Wave == "rest" && no {
				return fleet.HookAnswer{Verdict: bluegreen.GateFail, Words: "not this week"}
			}
			return fleet.HookAnswer{Verdict: bluegreen.GatePass}
		}
		l.hooks = h.call
		l.run()
		l.expectOutcome(fleet.OutcomeWaiting)
		l.expect("db-0003", "ready")
		if w := l.last.Waiting; len(w) != 1 || !strings.Contains(w[0], "not this week") || !strings.Contains(w[0], "approve --wave rest") {
			t.Errorf("waiting for %q", w)
		}
		if n := len(h.of(plan.BeforeWave, "")); n != 2 {
			t.Errorf("%d calls before waves, want one for each", n)
		}
		no = false
		l.say("approve", "", "rest")
		l.run()
		l.expectOutcome(fleet.OutcomeDone)
		l.expectAll("done")
	})
}

const rollbackHooks = `
hooks:
  - {when: before-rollback, command: [hook]}
  - {when: after-rollback, command: [hook]}
  - {when: after-wave, command: [hook]}
`

func TestRollbackHooks(t *testing.T) {
	inTime(t, func(t *testing.T) {
		l := newLab(t, fleetOf(4, ""), planOf("approval: auto", "approval: manual")+rollbackHooks, "")
		h := &hookLog{}
		h.answer = func(c fleet.HookCall) fleet.HookAnswer {
			if c.When == plan.BeforeRollback && c.Attempt < 3 {
				return fleet.HookAnswer{Verdict: bluegreen.GateFail, Words: "ask anna first"}
			}
			return fleet.HookAnswer{Verdict: bluegreen.GatePass}
		}
		l.hooks = h.call
		l.run()
		l.expectAll("ready")
		l.rollback("db-0000")
		l.expect("db-0000", "rolled-back")
		calls := h.of(plan.BeforeRollback, "db-0000")
		after := h.of(plan.AfterRollback, "db-0000")
		if len(calls) != 3 || calls[2].At.Sub(calls[0].At) < 2*time.Minute || len(after) != 1 || after[0].ID != calls[0].ID || after[0].Outcome != "rolled-back" {
			t.Errorf("before %+v\nafter %+v", calls, after)
		}
		for _, m := range l.sim.History() {
			if m.Action == "DeleteBlueGreenDeployment" && m.Time.Before(calls[2].At) {
				t.Error("the green was removed before the hook said yes")
			}
		}
	})
}

// TestHookAfterIsTriedAgain: the run does not end before a hook was told, or
// called in vain often enough; then somebody is warned.
func TestHookAfterIsTriedAgain(t *testing.T) {
	for tries, warned := range map[int]bool{3: false, 99: true} {
		inTime(t, func(t *testing.T) {
			l := newLab(t, fleetOf(4, ""), planOf()+rollbackHooks, "")
			h := &hookLog{}
			h.answer = func(c fleet.HookCall) fleet.HookAnswer {
				if c.When == plan.AfterWave && c.Wave == "rest" && c.Attempt < tries {
					return fleet.HookAnswer{Verdict: bluegreen.GateInconclusive, Words: "no route"}
				}
				return fleet.HookAnswer{Verdict: bluegreen.GatePass}
			}
			l.hooks = h.call
			l.run()
			l.expectOutcome(fleet.OutcomeDone)
			n := 0
			for _, c := range h.of(plan.AfterWave, "") {
				if c.Wave == "rest" {
					n++
				}
			}
			if want := min(tries, 5); n != want {
				t.Errorf("%d calls, want %d", n, want)
			}
			if got := slices.ContainsFunc(l.last.Warnings, func(w string) bool { return strings.Contains(w, "wave rest: hook hook (after-wave)") }); got != warned {
				t.Errorf("warnings %q", l.last.Warnings)
			}
		})
	}
}
