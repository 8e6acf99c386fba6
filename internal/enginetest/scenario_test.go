package enginetest

import (
	"context"
	"errors"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim"
	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
	"github.com/rdsupgrade/rdsupgrade/pkg/precheck"
)

// inTime runs a story in virtual time.
func inTime(t *testing.T, story func(*testing.T)) {
	t.Helper()
	synctest.Test(t, story)
}

// runWith carries the campaign forward, calls each after every tick, and stops
// softly when each says so.
func (l *lab) runWith(each func(fleet.Status) (stop bool)) error {
	l.t.Helper()
	soft, stop := context.WithTimeout(l.t.Context(), longest)
	defer stop()
	e, _, done := l.open(nil, func(st fleet.Status) {
		l.last = st
		if each(st) {
			stop()
		}
	})
	defer done()
	st, err := e.Run(l.t.Context(), soft)
	l.last, l.acted = st, e.Acted()
	return err
}

// until runs until a database is in a stage, and stops there.
func (l *lab) until(id, stage string) {
	l.t.Helper()
	reached := false
	err := l.runWith(func(st fleet.Status) bool {
		for _, d := range st.Databases {
			reached = reached || d.ID == id && d.Stage == stage
		}
		return reached
	})
	if !reached || !errors.Is(err, fleet.ErrInterrupted) {
		l.t.Fatalf("%s never was %s: it is %s (%s); %v", id, stage, l.db(id).Stage, l.db(id).Reason, err)
	}
}

// rollback is what the rollback command does for one database.
func (l *lab) rollback(id string) {
	l.t.Helper()
	l.say("rollback", id, "")
	e, _, done := l.open(map[string]bool{account + "/" + region + "/" + id: true}, nil)
	defer done()
	soft, stop := context.WithTimeout(l.t.Context(), longest)
	defer stop()
	st, err := e.Run(l.t.Context(), soft)
	if err != nil {
		l.t.Fatalf("rollback: %v", err)
	}
	l.last, l.acted = st, e.Acted()
}

// ask makes a call at RDS as somebody else would.
func (l *lab) ask(action string, params ...string) {
	l.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	if _, err := l.sim.Ask(rdssim.Scope{Account: account, Region: region}, action, form); err != nil {
		l.t.Fatalf("%s: %v", action, err)
	}
}

// expectOutcome checks how the campaign stands.
func (l *lab) expectOutcome(want fleet.Outcome) {
	l.t.Helper()
	if l.last.Outcome != want {
		l.t.Errorf("outcome %s, want %s; waiting for %v", l.last.Outcome, want, l.last.Waiting)
	}
}

// expectAll checks that every database but those named is in the stage.
func (l *lab) expectAll(stage string, but ...string) {
	l.t.Helper()
	for _, d := range l.last.Databases {
		if d.Stage != stage && !slices.Contains(but, d.ID) {
			l.t.Errorf("%s is %s (%s), want %s", d.ID, d.Stage, d.Reason, stage)
		}
	}
}

// expectOnce checks that nothing was created or switched twice; twice names
// databases that may have been.
func (l *lab) expectOnce(twice ...string) {
	l.t.Helper()
	for what, param := range map[string]string{"CreateBlueGreenDeployment": "BlueGreenDeploymentName", "SwitchoverBlueGreenDeployment": "BlueGreenDeploymentIdentifier"} {
		for name, n := range l.calls(what, param) {
			if n != 1 && !slices.ContainsFunc(twice, func(id string) bool { return strings.Contains(name, id) }) {
				l.t.Errorf("%s of %s was made %d times", what, name, n)
			}
		}
	}
	if _, err := journal.Verify(journalPath(l.dir)); err != nil {
		l.t.Error(err)
	}
}

func (l *lab) expectReason(id, part string) {
	l.t.Helper()
	if d := l.db(id); !strings.Contains(d.Reason, part) {
		l.t.Errorf("%s: reason %q does not tell of %q", id, d.Reason, part)
	}
}

// history tells whether the journal of a database tells of something.
func (l *lab) expectHistory(id, part string) {
	l.t.Helper()
	for _, h := range l.db(id).History {
		if strings.Contains(h.What, part) {
			return
		}
	}
	l.t.Errorf("the journal of %s does not tell of %q", id, part)
}

func TestPrecheckVerdicts(t *testing.T) {
	inTime(t, func(t *testing.T) {
		l := newLab(t, fleetOf(5, ""), planOf(), "")
		verdicts := map[string]precheck.Verdict{"db-0001": precheck.Blocked, "db-0003": precheck.Unknown}
		l.sql = &simSQL{sim: l.sim, verdict: func(id string) precheck.Verdict {
			if v, ok := verdicts[id]; ok {
				return v
			}
			return precheck.Ready
		}}
		l.run()
		l.expect("db-0001", "blocked")
		l.expect("db-0003", "held")
		l.expectAll("done", "db-0001", "db-0003")
		l.expectOutcome(fleet.OutcomeWaiting)
		if n := l.calls("CreateBlueGreenDeployment", "BlueGreenDeploymentName"); len(n) != 3 {
			t.Errorf("greens were built for %v", n)
		}
		clear(verdicts)
		l.say("retry", "db-0001", "")
		l.say("retry", "db-0003", "")
		l.run()
		l.expectAll("done")
		l.expectOutcome(fleet.OutcomeDone)
		l.expectOnce()
	})
}

func TestPrecheckInsideGreenFails(t *testing.T) {
	inTime(t, func(t *testing.T) {
		l := newLab(t, fleetOf(4, ""), planOf(), "faults: [{kind: precheck-failure, database: db-0001, count: 1, reason: oldTemporalCheck}]")
		l.run()
		l.expect("db-0001", "failed")
		l.expectReason("db-0001", "oldTemporalCheck")
		l.expectAll("done", "db-0001")
		l.expectOutcome(fleet.OutcomePartial)
		if w := l.last.Waves[0]; w.State != "partial" || w.Failed != 1 || w.Done != 2 {
			t.Errorf("first wave: %+v", w)
		}
		l.say("retry", "db-0001", "")
		l.run()
		l.expectAll("done")
		l.expectOnce("db-0001")
	})
}

func TestSwitchoverTimesOutOnce(t *testing.T) {
	inTime(t, func(t *testing.T) {
		l := newLab(t, fleetOf(4, ""), planOf(), "faults: [{kind: switchover-timeout, database: db-0001, count: 1}]")
		l.run()
		l.expectAll("done")
		l.expectOutcome(fleet.OutcomeDone)
		l.expectHistory("db-0001", "switchover rolled back by RDS: ")
		l.expectHistory("db-0001", "exceeded its timeout")
		if n := len(slices.Collect(slices.Values(l.switches("db-0001")))); n != 2 {
			t.Errorf("db-0001 was switched %d times, want 2", n)
		}
	})
}

// switches are the switchovers asked for a database's deployment.
func (l *lab) switches(id string) []string {
	var out []string
	for _, m := range l.sim.History() {
		if m.Action == "SwitchoverBlueGreenDeployment" && m.Error == "" {
			for _, h := range l.db(id).History {
				if strings.Contains(h.What, "switch over "+m.Params["BlueGreenDeploymentIdentifier"]) && h.Kind == "intent" {
					out = append(out, m.Time.String())
					break
				}
			}
		}
	}
	return out
}

func TestSwitchoverTimesOutForGood(t *testing.T) {
	for _, status := range []string{"SWITCHOVER_FAILED", "AVAILABLE"} {
		t.Run(status, func(t *testing.T) {
			inTime(t, func(t *testing.T) {
				l := newLab(t, fleetOf(4, ""), planOf(), "faults: [{kind: switchover-timeout, database: db-0001, count: 2, status: "+status+"}]")
				l.run()
				d := l.expect("db-0001", "failed")
				l.expectReason("db-0001", "2 switchovers were rolled back by RDS")
				if d.EngineVersion != "5.7.44" || d.WayBack.Kind != "delete-green" {
					t.Errorf("db-0001 answers as %s, way back %s", d.EngineVersion, d.WayBack.Kind)
				}
				l.expectAll("done", "db-0001")
				l.expectOutcome(fleet.OutcomePartial)
				l.say("retry", "db-0001", "")
				l.run()
				l.expectAll("done")
			})
		})
	}
}

func TestGuardrail(t *testing.T) {
	inTime(t, func(t *testing.T) {
		l := newLab(t, fleetOf(4, ""), planOf(), "faults: [{kind: guardrail, database: db-0002, count: 1}]")
		l.run()
		l.expectAll("done")
		l.expectHistory("db-0002", "data definition language")
	})
}

func TestEndlessLag(t *testing.T) {
	inTime(t, func(t *testing.T) {
		l := newLab(t, fleetOf(4, ""), planOf(), "faults: [{kind: endless-lag, database: db-0001}]")
		ticks := 0
		err := l.runWith(func(st fleet.Status) bool {
			if l.db("db-0001").Stage == "catching-up" {
				ticks++
			}
			return ticks > 500
		})
		if !errors.Is(err, fleet.ErrInterrupted) {
			t.Errorf("run: %v", err)
		}
		l.expect("db-0001", "catching-up")
		l.expectReason("db-0001", "replica lag")
		if n := l.switches("db-0001"); len(n) > 0 {
			t.Errorf("switched %v", n)
		}
		l.rollback("db-0001")
		l.expect("db-0001", "rolled-back")
	})
}

func TestRoughWeather(t *testing.T) {
	weather := map[string]string{
		"server errors": "faults: [{kind: server-error, rate: 0.1}]",
		"throttling":    "faults: [{kind: throttle, rate: 0.3}]",
		"lost answers":  "faults: [{kind: lost-answer, rate: 0.5}]",
		"flapping":      "faults: [{kind: flapping, action: DescribeDBInstances, rate: 0.05}, {kind: flapping, action: DescribeBlueGreenDeployments, rate: 0.05}]",
		"all at once": "faults: [{kind: server-error, rate: 0.05}, {kind: throttle, rate: 0.05}, {kind: lost-answer, rate: 0.2}," +
			" {kind: flapping, action: DescribeDBInstances, rate: 0.02}, {kind: switchover-timeout, database: db-0004, count: 1}]",
		"an hour of nothing": "faults: [{kind: server-error, from: 40m, for: 1h}]",
	}
	for name, faults := range weather {
		t.Run(name, func(t *testing.T) {
			inTime(t, func(t *testing.T) {
				l := newLab(t, fleetOf(8, ""), planOf(), faults)
				l.run()
				l.expectAll("done")
				l.expectOutcome(fleet.OutcomeDone)
				for id, n := range l.calls("CreateBlueGreenDeployment", "BlueGreenDeploymentName") {
					if n != 1 {
						t.Errorf("%s was created %d times", id, n)
					}
				}
				if _, err := journal.Verify(journalPath(l.dir)); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestStrangersDeployment(t *testing.T) {
	inTime(t, func(t *testing.T) {
		l := newLab(t, fleetOf(4, ""), planOf(), "")
		l.ask("CreateBlueGreenDeployment", "BlueGreenDeploymentName", "bobs-own", "Source", "arn:aws:rds:"+region+":"+account+":db:db-0001", "TargetEngineVersion", "8.0.46")
		l.run()
		l.expect("db-0001", "blocked")
		l.expectReason("db-0001", "somebody else")
		l.expectAll("done", "db-0001")
		for _, m := range l.sim.History()[1:] {
			if strings.Contains(m.Params["Source"]+m.Params["BlueGreenDeploymentName"], "db-0001") {
				t.Errorf("touched: %s %v", m.Action, m.Params)
			}
		}
	})
}

func TestNoGravitonInOneCall(t *testing.T) {
	inTime(t, func(t *testing.T) {
		l := newLab(t, strings.Replace(fleetOf(5, ""), "    quotas", "    one_call_graviton: false\n    quotas", 1), planOf(), "")
		l.run()
		l.expectAll("done")
		l.expectOutcome(fleet.OutcomeDone)
		for _, d := range l.last.Databases {
			if !strings.HasPrefix(d.InstanceClass, "db.m7g") {
				t.Errorf("%s is %s", d.ID, d.InstanceClass)
			}
		}
		refused := 0
		for _, m := range l.sim.History() {
			if m.Action == "CreateBlueGreenDeployment" && m.Error != "" {
				refused++
			}
		}
		if refused == 0 || refused > 5 {
			t.Errorf("%d creates were refused before it was learnt", refused)
		}
	})
}

func TestRollbackBeforeSwitchover(t *testing.T) {
	inTime(t, func(t *testing.T) {
		l := newLab(t, strings.Replace(fleetOf(4, ""), "defaults: {", "defaults: {deletion_protection: true, ", 1), planOf("soak: 10m, approval: auto}\n  - {name: rest", "soak: 10m, approval: manual}\n  - {name: rest"), "")
		l.run()
		l.expect("db-0001", "ready")
		l.expectOutcome(fleet.OutcomeWaiting)
		before, _ := l.sim.Server(rdssim.Scope{Account: account, Region: region}, "db-0001")
		l.rollback("db-0001")
		d := l.expect("db-0001", "rolled-back")
		l.expectHistory("db-0001", "db-0001 is as before: 5.7.44")
		if d.WayBack.Kind != "done" || len(d.WayBack.Undone) < 2 {
			t.Errorf("way back: %+v", d.WayBack)
		}
		after, _ := l.sim.Server(rdssim.Scope{Account: account, Region: region}, "db-0001")
		if after.ResourceID != before.ResourceID || after.EngineVersion != "5.7.44" {
			t.Errorf("blue was %+v, is %+v", before, after)
		}
		for _, m := range l.sim.History() {
			if m.Action == "ModifyDBInstance" && m.Params["DBInstanceIdentifier"] == "db-0001" {
				t.Errorf("blue was modified: %v", m.Params)
			}
		}
		if d := l.db("db-0002"); d.Green == "" || d.Stage == "rolling-back" { // the way back of one touches no other
			t.Errorf("db-0002 is %s without its green", d.Stage)
		}
		l.say("approve", "", "canary")
		l.run()
		l.expectAll("done", "db-0001")
		l.expect("db-0001", "rolled-back")
		l.expectOutcome(fleet.OutcomePartial)
		l.say("retry", "db-0001", "")
		l.run()
		l.expectAll("done")
	})
}

func TestRequestsDuringRun(t *testing.T) {
	inTime(t, func(t *testing.T) {
		l := newLab(t, fleetOf(4, ""), planOf(), "")
		said := false
		submit := func(verb, db string) {
			if err := journal.Submit(l.dir, journal.Request{Verb: verb, Database: account + "/" + region + "/" + db, By: "bert", At: time.Now()}); err != nil {
				t.Error(err)
			}
		}
		if err := l.runWith(func(st fleet.Status) bool {
			if !said && l.db("db-0001").Stage == "adjusting" {
				said = true
				submit("pause", "db-0001")
				submit("rollback", "db-0002")
				submit("skip", "db-0003")
			}
			return false
		}); err != nil {
			t.Fatal(err)
		}
		if !said {
			t.Fatal("db-0001 never was adjusting")
		}
		l.expect("db-0000", "done")
		l.expect("db-0001", "held")
		l.expect("db-0002", "rolled-back")
		l.expectReason("db-0001", "paused by bert")
		l.expectReason("db-0003", "skipped by bert")
		l.expectOutcome(fleet.OutcomeWaiting)
		l.say("resume", "db-0001", "")
		l.run()
		l.expect("db-0001", "done")
	})
}

func TestApprovalAndWindow(t *testing.T) {
	inTime(t, func(t *testing.T) {
		l := newLab(t, fleetOf(4, ""), planOf("approval: auto}\n  - {name: rest", "approval: manual}\n  - {name: rest",
			"retries: 1}", `retries: 1, windows: [{days: [tue], from: "02:00", to: "04:00"}]}`), "")
		l.run()
		l.expectOutcome(fleet.OutcomeWaiting)
		if w := l.last.Waves[0]; w.State != "awaiting-approval" {
			t.Errorf("first wave: %+v", w)
		}
		if len(l.last.Waiting) == 0 || !strings.Contains(strings.Join(l.last.Waiting, "\n"), "approve --wave canary") {
			t.Errorf("waiting: %v", l.last.Waiting)
		}
		l.say("approve", "", "canary")
		l.run()
		l.expectOutcome(fleet.OutcomeWaiting)
		if w := l.last.Waves[0]; w.State != "waiting-for-window" || !strings.Contains(w.Reason, "Tue") {
			t.Errorf("first wave: %+v", w)
		}
		if n := l.sim.Calls("SwitchoverBlueGreenDeployment"); n != 0 {
			t.Errorf("%d switchovers before approval and window", n)
		}
		now := time.Now().UTC()
		opens := time.Date(now.Year(), now.Month(), now.Day(), 2, 1, 0, 0, time.UTC)
		for opens.Weekday() != time.Tuesday || opens.Before(now) {
			opens = opens.AddDate(0, 0, 1)
		}
		time.Sleep(opens.Sub(now))
		l.run()
		l.expect("db-0000", "done")
		for _, m := range l.sim.History() {
			if at := m.Time.UTC(); m.Action == "SwitchoverBlueGreenDeployment" && (at.Weekday() != time.Tuesday || at.Hour() < 2 || at.Hour() >= 4) {
				t.Errorf("switchover at %s, outside the window", at)
			}
		}
	})
}

func TestDeploymentDeletedByOthers(t *testing.T) {
	inTime(t, func(t *testing.T) {
		l := newLab(t, fleetOf(4, ""), planOf(), "")
		l.until("db-0001", "adjusting")
		l.ask("DeleteBlueGreenDeployment", "BlueGreenDeploymentIdentifier", l.db("db-0001").Deployment, "DeleteTarget", "true")
		l.run()
		l.expect("db-0001", "held")
		l.expectReason("db-0001", "deleted by somebody else")
		l.expectOutcome(fleet.OutcomeWaiting)
		l.say("retry", "db-0001", "")
		l.run()
		l.expectAll("done")
	})
}

// TestStateDirectoryLost: history is gone, correctness is not.
func TestStateDirectoryLost(t *testing.T) {
	for _, stage := range []string{"provisioning", "adjusting", "catching-up", "switching", "soaking", "done"} {
		t.Run(stage, func(t *testing.T) {
			inTime(t, func(t *testing.T) {
				l := newLab(t, fleetOf(5, ""), planOf("poll: 30s", "poll: 10s"), "")
				l.until("db-0001", stage)
				if err := os.RemoveAll(l.dir); err != nil {
					t.Fatal(err)
				}
				l.run()
				l.expectAll("done")
				l.expectOutcome(fleet.OutcomeDone)
				l.expectOnce()
			})
		})
	}
}

func TestTwoHops(t *testing.T) {
	inTime(t, func(t *testing.T) {
		l := newLab(t, fleetOf(4, ""), planOf(`"8.0"`, `"8.4"`), "")
		l.run()
		l.expectAll("done")
		l.expectOutcome(fleet.OutcomeDone)
		for _, d := range l.last.Databases {
			if !strings.HasPrefix(d.EngineVersion, "8.4.") || len(d.Route) != 3 {
				t.Errorf("%s: on %s by route %v", d.ID, d.EngineVersion, d.Route)
			}
			for _, old := range []string{"-old1", "-old2"} {
				if _, ok := l.sim.Server(rdssim.Scope{Account: account, Region: region}, d.ID+old); !ok {
					t.Errorf("there is no %s%s", d.ID, old)
				}
			}
		}
		l.expectOnce()
		l.run()
		if l.acted != 0 || l.last.Outcome != fleet.OutcomeDone {
			t.Errorf("second run: %s with %d calls", l.last.Outcome, l.acted)
		}
	})
}

// TestKilledBetweenAnnouncementAndCall: a switchover that was announced and
// never asked for is not one that RDS rolled back.
func TestKilledBetweenAnnouncementAndCall(t *testing.T) {
	inTime(t, func(t *testing.T) {
		l := newLab(t, fleetOf(4, ""), planOf("approval: auto}\n  - {name: rest", "approval: manual}\n  - {name: rest", "retries: 1}", "retries: 0}"), "")
		l.run()
		for range 3 {
			l.announce("db-0000", l.db("db-0000").Deployment)
			l.until("db-0000", "ready")
			if n := l.switches("db-0000"); len(n) > 0 {
				t.Fatalf("switched %v although only announced", n)
			}
		}
		l.say("approve", "", "canary")
		l.run()
		l.expectAll("done")
		l.expectHistory("db-0000", "never began")
		l.expectOnce()
	})
}

// announce writes into the journal what a run writes before a switchover.
func (l *lab) announce(id, deployment string) {
	l.t.Helper()
	j, err := journal.Open(journalPath(l.dir), journal.Options{NoSync: true}, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	defer j.Close()
	a := bluegreen.Action{Kind: bluegreen.Switchover, Database: id, Deployment: deployment, Timeout: 5 * time.Minute}
	if _, err := j.Append(journal.Entry{Kind: journal.Intent, Database: account + "/" + region + "/" + id, What: a.String(),
		Data: []byte(`{"action":{"kind":"switchover","database":"` + id + `","deployment":"` + deployment + `"}}`)}); err != nil {
		l.t.Fatal(err)
	}
}
