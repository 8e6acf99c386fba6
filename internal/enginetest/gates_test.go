package enginetest

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

func failing(name, evidence string) func(fleet.Endpoint) []bluegreen.Gate {
	return func(blue fleet.Endpoint) []bluegreen.Gate {
		g := bluegreen.Gate{Name: name, Verdict: bluegreen.GatePass}
		if blue.ID == "db-0000" {
			g.Verdict, g.Evidence = bluegreen.GateFail, []string{evidence}
		}
		return []bluegreen.Gate{g}
	}
}

func TestLastingGateHoldsAndIsOverridden(t *testing.T) {
	inTime(t, func(t *testing.T) {
		l := newLab(t, fleetOf(4, ""), planOf(), "")
		sql := &momentSQL{simSQL: &simSQL{sim: l.sim}, gates: failing("parity of blue and green", "trigger shop.t is missing on green")}
		l.sql = sql
		l.run()
		l.expectOutcome(fleet.OutcomeWaiting)
		l.expect("db-0000", "held")
		l.expectAll("done", "db-0000", "db-0003") // the next wave waits for a decision
		l.expectReason("db-0000", "trigger shop.t")
		if n := sql.asked["gates db-0000"]; n != 2 {
			t.Errorf("asked %d times, want twice: a lasting no is looked at again once", n)
		}
		l.override("db-0000", "", "rows of blue and green", time.Hour)
		l.run()
		l.expect("db-0000", "held")
		l.override("db-0000", "", "parity of blue and green", time.Hour)
		l.run()
		l.expectOutcome(fleet.OutcomeDone)
		l.expectHistory("db-0000", "overridden by anna")
	})
}

func TestOverrideEnds(t *testing.T) {
	inTime(t, func(t *testing.T) {
		l := newLab(t, fleetOf(4, ""), planOf("approval: auto", "approval: manual"), "")
		l.sql = &momentSQL{simSQL: &simSQL{sim: l.sim}, gates: failing("parity of blue and green", "a trigger is missing")}
		l.override("db-0000", "", "parity of blue and green", time.Minute)
		l.run() // building alone takes longer
		l.say("approve", "", "canary")
		l.run()
		l.expect("db-0000", "held")
	})
}

func TestPassingGateKeepsReadyAndAsksAgain(t *testing.T) {
	inTime(t, func(t *testing.T) {
		l := newLab(t, fleetOf(4, ""), planOf(), "")
		begin := time.Now()
		busy := func() bool { return time.Since(begin) < 3*time.Hour }
		sql := &momentSQL{simSQL: &simSQL{sim: l.sim}, gates: func(blue fleet.Endpoint) []bluegreen.Gate {
			open := []bluegreen.Transaction{}
			if blue.ID == "db-0000" && busy() {
				open = append(open, bluegreen.Transaction{Connection: "7", For: time.Hour, Wrote: true})
			}
			return []bluegreen.Gate{bluegreen.GateTransactions(bluegreen.Reading[[]bluegreen.Transaction]{Value: open}, 10*time.Second)}
		}}
		l.sql = sql
		othersFirst := false
		if err := l.runWith(func(st fleet.Status) bool {
			d := l.db("db-0000")
			if busy() && (d.Stage == "held" || d.Stage == "switching") {
				t.Errorf("it is %s: %s", d.Stage, d.Reason)
			}
			othersFirst = othersFirst || d.Stage == "ready" && strings.Contains(d.Reason, "connection 7") && l.db("db-0001").Stage == "done"
			return st.Outcome == fleet.OutcomeDone
		}); err != nil && l.last.Outcome != fleet.OutcomeDone {
			t.Fatal(err)
		}
		l.expectAll("done")
		if !othersFirst {
			t.Error("the others of the wave waited for it, or its reason was not shown")
		}
		gates := 0
		for _, h := range l.db("db-0000").History {
			if h.Kind == "gate" {
				gates++
			}
		}
		if n := sql.asked["gates db-0000"]; n < 20 || gates > 6 {
			t.Errorf("asked %d times, journaled %d answers: want many askings, and what changed journaled", n, gates)
		}
	})
}

const drainPlan = `switchover: {drain: {max_connections: 1, max_transactions: 0, for: 10s, timeout: 3m}, timeout: 300s,`

func TestDrainWaitsUntilBlueIsQuiet(t *testing.T) {
	inTime(t, func(t *testing.T) {
		l := newLab(t, fleetOf(4, ""), planOf("switchover: {timeout: 300s,", drainPlan)+allHooks, "")
		h := &hookLog{}
		sql := &momentSQL{simSQL: &simSQL{sim: l.sim}}
		var since atomic.Pointer[time.Time]
		h.answer = func(c fleet.HookCall) fleet.HookAnswer {
			if c.When == plan.BeforeSwitchover {
				now := time.Now()
				since.Store(&now)
			}
			return fleet.HookAnswer{Verdict: bluegreen.GatePass}
		}
		sql.load = func() (bluegreen.AppLoad, error) { // 40 connections, one less each second
			n := 40 - int(time.Since(*since.Load()).Seconds())
			return bluegreen.AppLoad{Connections: max(n, 1), Transactions: max(n-30, 0)}, nil
		}
		l.hooks, l.sql = h.call, sql
		l.run()
		l.expectAll("done")
		l.expectHistory("db-0000", "drain of blue: pass (1 connection and 0 open transactions are left after 4")
		if sql.asked["moment db-0000"] == 0 {
			t.Error("after the drain nobody asked again what ages fast")
		}
	})
}

func TestDrainThatTakesTooLong(t *testing.T) {
	inTime(t, func(t *testing.T) {
		l := newLab(t, fleetOf(4, ""), planOf("switchover: {timeout: 300s,", drainPlan)+allHooks, "")
		h := &hookLog{}
		sql := &momentSQL{simSQL: &simSQL{sim: l.sim}}
		broken := true
		sql.load = func() (bluegreen.AppLoad, error) { return bluegreen.AppLoad{Connections: 12}, nil }
		l.hooks, l.sql = h.call, sql
		l.run()
		l.expectOutcome(fleet.OutcomeWaiting)
		l.expect("db-0000", "held")
		l.expectReason("db-0000", "12 connections")
		after := h.of(plan.AfterSwitchover, "db-0000")
		if len(after) != 1 || after[0].Outcome != "not-switched" || after[0].ID != h.of(plan.BeforeSwitchover, "db-0000")[0].ID {
			t.Errorf("the hooks that let it begin were told %+v", after)
		}
		sql.load = func() (bluegreen.AppLoad, error) {
			if broken {
				return bluegreen.AppLoad{}, errors.New("no privilege")
			}
			return bluegreen.AppLoad{}, nil
		}
		l.say("retry", "db-0000", "")
		l.run()
		l.expect("db-0000", "held")
		l.expectReason("db-0000", "no privilege")
		broken = false
		for _, id := range []string{"db-0000", "db-0001", "db-0002"} {
			l.say("retry", id, "")
		}
		l.run()
		l.expectOutcome(fleet.OutcomeDone)
		l.expectOnce()
	})
}

const smokePlan = `switchover: {smoke: [{name: orders, sql: "SELECT COUNT(*) FROM shop.orders", value: "42"}], timeout: 300s,`

func TestSmokeQueriesBeforeAndAfter(t *testing.T) {
	inTime(t, func(t *testing.T) {
		l := newLab(t, fleetOf(4, ""), planOf("switchover: {timeout: 300s,", smokePlan, "error_budget: 2,", "error_budget: 1,"), "")
		sql := &momentSQL{simSQL: &simSQL{sim: l.sim}}
		wrong := ""
		sql.smoke = func(ep fleet.Endpoint) (bluegreen.Answer, error) {
			a := bluegreen.Answer{Rows: 1, First: "42", Took: time.Millisecond}
			if wrong != "" && strings.HasPrefix(ep.ID, wrong) {
				a.First = "7"
			}
			return a, nil
		}
		l.sql = sql
		wrong = "db-0000-green"
		l.run()
		l.expect("db-0000", "held")
		l.expectReason("db-0000", `"7", wanted "42"`)
		// Green is right, and the new server is wrong: the switchover is done and
		// confirmed, the wave stops.
		wrong = "db-0000"
		greens := sql.smoke
		sql.smoke = func(ep fleet.Endpoint) (bluegreen.Answer, error) {
			if strings.Contains(ep.ID, "-green-") {
				return bluegreen.Answer{Rows: 1, First: "42"}, nil
			}
			return greens(ep)
		}
		l.say("retry", "db-0000", "")
		l.run()
		d := l.expect("db-0000", "failed")
		if d.SwitchedAt == nil || d.WayBack.Kind == "delete-green" || l.last.Waves[0].State != "stopped" || !strings.Contains(d.NextStep, "rollback") {
			t.Errorf("switched %v, way back %+v, wave %+v, next step %q", d.SwitchedAt, d.WayBack, l.last.Waves[0], d.NextStep)
		}
		wrong = ""
		l.say("retry", "db-0000", "")
		l.run()
		l.expectOutcome(fleet.OutcomeDone)
		l.expectOnce()
	})
}
