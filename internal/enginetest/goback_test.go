package enginetest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

// backFleet is one database with a read replica.
const backFleet = "mysql: {user: u, password: p}\naccounts:\n  - {id: \"" + account + "\", regions: [" + region + "]}\n" +
	"defaults: {engine_version: 5.7.44, class: db.m5.large, storage_type: gp2, allocated_storage: 100, backup_retention: 7, account: \"" + account + "\", region: " + region + "}\n" +
	"parameter_groups:\n  - {name: shared57, family: mysql5.7, parameters: {binlog_format: ROW, event_scheduler: \"ON\"}}\n" +
	"databases:\n  - {id: orders, parameter_group: shared57, tags: {service: s, env: staging}, replicas: [{id: orders-read}]}\n"

func backPlan() string {
	return strings.Replace(planOf("run: {poll: 30s", "run: {poll: 5s"), "  - {name: rest, select: {tags: {env: prod}}, limits: {build: 200, switch: 50}, error_budget: 20%, soak: 10m, approval: auto}\n", "", 1)
}

// backLab is a lab whose database has switched over, with clients that write
// at every tick.
func backLab(t *testing.T, change func(*servers)) (*lab, *servers) {
	t.Helper()
	return backLabIn(t, "", change)
}

// backLabIn is a backLab with faults.
func backLabIn(t *testing.T, faults string, change func(*servers)) (*lab, *servers) {
	t.Helper()
	l := newLab(t, backFleet, backPlan(), faults)
	s := newServers(l.sim)
	if change != nil {
		change(s)
	}
	l.sql = s
	if err := l.runWith(func(fleet.Status) bool { return false }); err != nil {
		t.Fatal(err)
	}
	l.expect("orders", "done")
	for range 5 {
		s.write("orders")
	}
	return l, s
}

// order journals the order to go back.
func (l *lab) order(r journal.Request) {
	l.t.Helper()
	store, err := fleet.OpenStore(l.dir, fleet.Holder("test"), journal.Options{NoSync: true})
	if err != nil {
		l.t.Fatal(err)
	}
	defer store.Close()
	if r.Verb == "" {
		r.Verb = fleet.VerbGoBack
	}
	r.Database, r.By, r.Why, r.At = account+"/"+region+"/orders", "anna", "it is slow", time.Now()
	if err := store.Say(r); err != nil {
		l.t.Fatal(err)
	}
}

// lookOnce looks as status does.
func (l *lab) lookOnce() {
	l.t.Helper()
	e, _, done := l.open(nil, nil)
	defer done()
	st, err := e.Survey(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	l.last = st
}

// goOn runs the engine for orders alone, and has clients write at every tick.
// each may end the process by force.
func (l *lab) goOn(s *servers, each func(fleet.Status) (kill bool)) error {
	l.t.Helper()
	hard, kill := context.WithCancel(l.t.Context())
	defer kill()
	soft, stop := context.WithTimeout(hard, 2*time.Hour)
	defer stop()
	e, _, done := l.open(map[string]bool{account + "/" + region + "/orders": true}, func(st fleet.Status) {
		l.last = st
		s.write("orders")
		if each != nil && each(st) {
			kill()
		}
	})
	defer done()
	st, err := e.Run(hard, soft)
	if st.Databases != nil {
		l.last, l.acted = st, e.Acted()
	}
	if err != nil && hard.Err() == nil {
		l.t.Fatalf("run: %v", err)
	}
	return err
}

// expectBack checks that old blue serves under every name and has every write.
func expectBack(t *testing.T, l *lab, s *servers) {
	t.Helper()
	d := l.expect("orders", "rolled-back")
	if d.GoBack == nil || d.GoBack.State != "done" {
		t.Errorf("the order is %+v", d.GoBack)
	}
	if len(l.last.Databases) != 1 {
		t.Errorf("the campaign has %d databases", len(l.last.Databases))
	}
	at := rdssim.Scope{Account: account, Region: region}
	for name, want := range map[string]string{"orders": "5.7", "orders-read": "5.7", "orders-rolledback": "8.0", "orders-read-rolledback": "8.0"} {
		v, ok := l.sim.Server(at, name)
		if !ok || !strings.HasPrefix(v.EngineVersion, want) {
			t.Errorf("behind %s is %q, want %s", name, v.EngineVersion, want)
		}
		if name == "orders" && v.ReadOnly || name == "orders-rolledback" && !v.ReadOnly {
			t.Errorf("read_only of %s is %v", name, v.ReadOnly)
		}
	}
	if _, err := journal.Verify(journalPath(l.dir)); err != nil {
		t.Error(err)
	}
	v, _ := l.sim.Server(at, "orders")
	before := len(s.acked)
	s.write("orders")
	if len(s.acked) == before {
		t.Error("orders takes no writes")
	}
	if bad := s.wrong(v.ResourceID, 0); len(bad) > 0 {
		t.Errorf("of %d acknowledged writes %v are lost or doubled", len(s.acked), bad)
	}
}

func TestGoingBack(t *testing.T) {
	inTime(t, func(t *testing.T) {
		l, s := backLab(t, nil)
		if w := l.db("orders").WayBack; w.Kind != "go-back" {
			t.Errorf("before: %+v", w)
		}
		l.order(journal.Request{})
		_ = l.goOn(s, nil)
		expectBack(t, l, s)
		d := l.db("orders")
		for _, step := range d.GoBack.Steps {
			t.Logf("%s %s: %s", step.At.Format(time.TimeOnly), step.Step, step.Proof)
		}
		for name, n := range l.calls("ModifyDBInstance", "NewDBInstanceIdentifier") {
			if name != "" && n != 1 {
				t.Errorf("renamed to %s %d times", name, n)
			}
		}
		// Nothing moves it on but a person, and then the upgrade begins anew.
		_ = l.goOn(s, nil)
		l.expect("orders", "rolled-back")
		if l.acted != 0 {
			t.Errorf("%d calls were made for a database that went back", l.acted)
		}
		l.say("retry", "orders", "")
		if err := l.runWith(func(fleet.Status) bool { return false }); err != nil {
			t.Fatal(err)
		}
		l.expect("orders", "done")
		if w := l.db("orders").WayBack; w.Kind != "go-back" {
			t.Errorf("after the second upgrade: %+v", w)
		}
	})
}

// TestGoingBackKilled ends the process by force in every step, after a number
// of looks at it, and begins a new one: ten processes for one way back.
func TestGoingBackKilled(t *testing.T) {
	for looks := 1; looks <= 4; looks++ {
		t.Run(fmt.Sprintf("after %d looks", looks), func(t *testing.T) {
			inTime(t, func(t *testing.T) {
				l, s := backLab(t, nil)
				l.order(journal.Request{})
				seen := map[string]int{}
				kills := 0
				for alive := false; !alive; {
					killed := false
					_ = l.goOn(s, func(st fleet.Status) bool {
						if g := st.Databases[0].GoBack; g != nil && g.State == "under-way" {
							seen[g.Step]++
							killed = seen[g.Step] == looks
						}
						return killed
					})
					if alive = !killed; killed {
						kills++
					}
				}
				expectBack(t, l, s)
				if kills < 5 {
					t.Errorf("only %d kills, in %v", kills, seen)
				}
				t.Logf("%d kills, in %v", kills, seen)
			})
		})
	}
}

// untilStep runs until a step of the road is under way, and is killed there.
func (l *lab) untilStep(s *servers, step string) {
	l.t.Helper()
	seen := false
	_ = l.goOn(s, func(st fleet.Status) bool {
		g := st.Databases[0].GoBack
		seen = seen || g != nil && g.Step == step && g.State == "under-way"
		return seen
	})
	if !seen {
		l.t.Fatalf("never came to %s: %s (%s)", step, l.db("orders").Stage, l.db("orders").Reason)
	}
}

// TestGoingBackWithoutAWay: what would be lost is told, and nothing is touched
// before a person accepts it.
func TestGoingBackWithoutAWay(t *testing.T) {
	cases := []struct {
		name, reason string
		change       func(*servers)
		spoil        func(*servers)
	}{
		{"never armed", "no reverse replication was armed", func(s *servers) { s.unarmed = true }, func(*servers) {}},
		{"broken", "the way back is broken", nil, func(s *servers) {
			s.catchUp("orders-old1")
			s.broken = "Character set '#255' is not a compiled character set"
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inTime(t, func(t *testing.T) {
				l, s := backLab(t, c.change)
				c.spoil(s)
				kept := len(s.acked)
				s.write("orders")
				l.order(journal.Request{})
				_ = l.goOn(s, nil)
				l.expect("orders", "held")
				l.expectReason("orders", c.reason)
				l.expectOutcome(fleet.OutcomeWaiting)
				at := rdssim.Scope{Account: account, Region: region}
				if v, _ := l.sim.Server(at, "orders"); v.ReadOnly || !strings.HasPrefix(v.EngineVersion, "8") {
					t.Fatalf("orders was touched: %+v", v)
				}
				l.order(journal.Request{AcceptLoss: true})
				_ = l.goOn(s, nil)
				d := l.expect("orders", "rolled-back")
				if d.GoBack == nil || d.GoBack.Lost == nil || !strings.Contains(d.GoBack.Lost.Text, "mysql-bin-changelog") {
					t.Fatalf("what was lost is told as %+v", d.GoBack)
				}
				t.Log(d.GoBack.Lost.Text)
				v, _ := l.sim.Server(at, "orders")
				if bad := s.wrong(v.ResourceID, 0); len(bad) == 0 || c.name == "broken" && bad[0] <= kept {
					t.Errorf("lost are %v of %d, kept until %d", bad, len(s.acked), kept)
				}
			})
		})
	}
}

// TestGoingBackAbandoned: until the first rename writes can be given back, with
// nothing lost and the way back armed anew.
func TestGoingBackAbandoned(t *testing.T) {
	for _, step := range []string{"begin", "prepare-old", "stop-writes", "catch-up", "end-replication", "compare", "open-old"} {
		t.Run(step, func(t *testing.T) {
			inTime(t, func(t *testing.T) {
				l, s := backLab(t, nil)
				l.order(journal.Request{})
				l.untilStep(s, step)
				l.order(journal.Request{Verb: fleet.VerbAbandonGoBack})
				_ = l.goOn(s, nil)
				l.expect("orders", "done")
				at := rdssim.Scope{Account: account, Region: region}
				now, _ := l.sim.Server(at, "orders")
				old, _ := l.sim.Server(at, "orders-old1")
				if now.ReadOnly || !strings.HasPrefix(now.EngineVersion, "8") || !old.ReadOnly {
					t.Errorf("orders %+v, orders-old1 %+v", now, old)
				}
				s.write("orders")
				_ = l.goOn(s, nil) // arms again
				l.lookOnce()
				if w := l.db("orders").WayBack; w.Kind != "go-back" {
					t.Errorf("the way back is %+v", w)
				}
				for _, id := range []string{now.ResourceID, old.ResourceID} {
					s.apply(s.m[old.ResourceID])
					if bad := s.wrong(id, 0); len(bad) > 0 {
						t.Errorf("of %d writes %s lacks or doubles %v", len(s.acked), id, bad)
					}
				}
			})
		})
	}
}

// TestGoingBackAbandonedWithoutOldBlue: old blue is gone while writes are
// stopped; they are given back all the same.
func TestGoingBackAbandonedWithoutOldBlue(t *testing.T) {
	inTime(t, func(t *testing.T) {
		l, s := backLab(t, nil)
		l.order(journal.Request{})
		l.untilStep(s, "end-replication")
		l.ask("DeleteDBInstance", "DBInstanceIdentifier", "orders-old1", "SkipFinalSnapshot", "true")
		_ = l.goOn(s, nil)
		l.expect("orders", "held")
		l.expectReason("orders", "is not there")
		l.order(journal.Request{Verb: fleet.VerbAbandonGoBack})
		_ = l.goOn(s, nil)
		at := rdssim.Scope{Account: account, Region: region}
		if now, _ := l.sim.Server(at, "orders"); now.ReadOnly || !strings.HasPrefix(now.EngineVersion, "8") {
			t.Errorf("orders %+v: %s", now, l.db("orders").Reason)
		}
		if d := l.db("orders"); d.GoBack != nil && d.GoBack.State != "done" {
			t.Errorf("the order is %+v", d.GoBack)
		}
	})
}

// TestGoingBackTooLateToAbandon: once the name has moved only the way on is open.
func TestGoingBackTooLateToAbandon(t *testing.T) {
	inTime(t, func(t *testing.T) {
		l, s := backLab(t, nil)
		l.order(journal.Request{})
		_ = l.goOn(s, func(st fleet.Status) bool { return st.Databases[0].EngineVersion == "" }) // nobody is called orders
		l.order(journal.Request{Verb: fleet.VerbAbandonGoBack})
		_ = l.goOn(s, nil)
		expectBack(t, l, s)
	})
}

// TestGoingBackFindsADifference: rows that differ stop it before old blue opens.
func TestGoingBackFindsADifference(t *testing.T) {
	inTime(t, func(t *testing.T) {
		l, s := backLab(t, func(s *servers) { s.differ = true })
		l.order(journal.Request{})
		_ = l.goOn(s, nil)
		l.expect("orders", "held")
		l.expectReason("orders", "shop.t has 3 rows on the new server, 2 on the old one")
		l.order(journal.Request{AcceptLoss: true})
		_ = l.goOn(s, nil)
		if d := l.expect("orders", "rolled-back"); d.GoBack.Lost == nil || !strings.Contains(d.GoBack.Lost.Text, "shop.t") {
			t.Errorf("the accepted difference is not told: %+v", d.GoBack)
		}
	})
}

// TestDrill goes back and forward again; afterwards all is as before.
func TestDrill(t *testing.T) {
	inTime(t, func(t *testing.T) {
		l, s := backLab(t, nil)
		l.order(journal.Request{Drill: true})
		_ = l.goOn(s, nil)
		d := l.expect("orders", "done")
		if d.GoBack == nil || d.GoBack.LastDrill == nil || !d.GoBack.LastDrill.Passed {
			t.Fatalf("the drill: %+v", d.GoBack)
		}
		_ = l.goOn(s, nil)
		l.lookOnce()
		if w := l.db("orders").WayBack; w.Kind != "go-back" {
			t.Errorf("the way back is %+v", w)
		}
		at := rdssim.Scope{Account: account, Region: region}
		for name, want := range map[string]string{"orders": "8.0", "orders-read": "8.0", "orders-old1": "5.7", "orders-read-old1": "5.7"} {
			if v, _ := l.sim.Server(at, name); !strings.HasPrefix(v.EngineVersion, want) {
				t.Errorf("behind %s is %q, want %s", name, v.EngineVersion, want)
			}
		}
		now, _ := l.sim.Server(at, "orders")
		old, _ := l.sim.Server(at, "orders-old1")
		s.apply(s.m[old.ResourceID])
		for _, id := range []string{now.ResourceID, old.ResourceID} {
			if bad := s.wrong(id, 0); len(bad) > 0 {
				t.Errorf("of %d writes %s lacks or doubles %v", len(s.acked), id, bad)
			}
		}
		for _, h := range d.History {
			if h.Kind == "fact" && strings.HasPrefix(h.What, "drill") {
				t.Log(h.What)
			}
		}
	})
}

// TestGoingBackAmbiguous: somebody else renames under way.
func TestGoingBackAmbiguous(t *testing.T) {
	inTime(t, func(t *testing.T) {
		l, s := backLab(t, nil)
		l.order(journal.Request{})
		l.untilStep(s, "catch-up")
		l.ask("ModifyDBInstance", "DBInstanceIdentifier", "orders-old1", "NewDBInstanceIdentifier", "orders-somewhere", "ApplyImmediately", "true")
		_ = l.goOn(s, nil)
		l.expect("orders", "held")
		l.expectOutcome(fleet.OutcomeAmbiguous)
		l.expectReason("orders", "orders-somewhere")
		l.ask("ModifyDBInstance", "DBInstanceIdentifier", "orders-somewhere", "NewDBInstanceIdentifier", "orders-old1", "ApplyImmediately", "true")
		time.Sleep(10 * time.Minute)
		_ = l.goOn(s, nil)
		expectBack(t, l, s)
	})
}

// TestGoingBackTwoHops: one hop goes back without loss; a second one only
// when its loss is accepted, since the server before it got no writes any more.
func TestGoingBackTwoHops(t *testing.T) {
	inTime(t, func(t *testing.T) {
		l := newLab(t, backFleet, strings.Replace(backPlan(), `engine_version: "8.0"`, `engine_version: "8.4"`, 1), "")
		s := newServers(l.sim)
		l.sql = s
		if err := l.runWith(func(fleet.Status) bool { s.write("orders"); return false }); err != nil {
			t.Fatal(err)
		}
		if d := l.expect("orders", "done"); !strings.HasPrefix(d.EngineVersion, "8.4") {
			t.Fatalf("orders is on %s", d.EngineVersion)
		}
		at := rdssim.Scope{Account: account, Region: region}
		l.order(journal.Request{})
		_ = l.goOn(s, nil)
		d := l.expect("orders", "rolled-back")
		if v, _ := l.sim.Server(at, "orders"); !strings.HasPrefix(v.EngineVersion, "8.0") {
			t.Fatalf("orders is on %s: %+v", v.EngineVersion, d.GoBack)
		}
		l.order(journal.Request{})
		_ = l.goOn(s, nil)
		l.expect("orders", "held")
		l.expectReason("orders", "begin: the journal knows of no switchover")
		l.order(journal.Request{AcceptLoss: true})
		_ = l.goOn(s, nil)
		d = l.expect("orders", "rolled-back")
		if v, _ := l.sim.Server(at, "orders"); !strings.HasPrefix(v.EngineVersion, "5.7") || v.ReadOnly || d.GoBack.Lost == nil {
			t.Fatalf("orders is on %s: %+v", v.EngineVersion, d.GoBack)
		}
		if len(l.last.Databases) != 1 {
			t.Errorf("the campaign has %d databases", len(l.last.Databases))
		}
	})
}

// TestGoingBackInRoughWeather: throttling, server errors, lost answers and
// reads that do not fit together change nothing of how it ends.
func TestGoingBackInRoughWeather(t *testing.T) {
	for name, faults := range map[string]string{
		"server errors": "{kind: server-error, rate: 0.1}",
		"throttling":    "{kind: throttle, rate: 0.3}",
		"lost answers":  "{kind: lost-answer, rate: 0.5}",
		"flapping":      "{kind: flapping, action: DescribeDBInstances, rate: 0.05}, {kind: flapping, action: DescribeBlueGreenDeployments, rate: 0.05}",
		"all at once":   "{kind: server-error, rate: 0.05}, {kind: throttle, rate: 0.05}, {kind: lost-answer, rate: 0.2}",
	} {
		t.Run(name, func(t *testing.T) {
			inTime(t, func(t *testing.T) {
				l, s := backLabIn(t, "faults: ["+faults+"]", nil)
				l.order(journal.Request{})
				_ = l.goOn(s, nil)
				expectBack(t, l, s)
			})
		})
	}
}
