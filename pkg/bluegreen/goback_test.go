package bluegreen

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

var backNow = time.Date(2027, 1, 10, 12, 0, 0, 0, time.UTC)

// back is a database that is going back, in the middle of the road: everything
// up to the compare is noted. Cases change it.
func back() Facts {
	f := Facts{Now: backNow, ID: "orders", Campaign: "q1", Policy: Policy{SQL: true}, Instances: map[string]*Instance{
		"orders":      {ID: "orders", ResourceID: "db-NEW", Version: "8.0.46", Status: "available", ParameterGroup: "own-new", ParameterStatus: "in-sync"},
		"orders-old1": {ID: "orders-old1", ResourceID: "db-OLD", Version: "5.7.44", Status: "available", ParameterGroup: "own-old", ParameterStatus: "in-sync"},
	}}
	f.Record = Record{BlueBefore: &Instance{ID: "orders", ResourceID: "db-OLD"}, SwitchedAt: backNow.Add(-time.Hour), SwitchedTo: "8.0.46"}
	g := GoBack{Human: Human{At: backNow.Add(-10 * time.Minute), By: "anna"}, Armed: true, From: "bin.000001:4",
		Pairs: []GoBackPair{{ID: "orders", Kept: "orders-old1", Aside: "orders-rolledback", New: "db-NEW", Old: "db-OLD"}},
		New:   GoBackSide{Version: "8.0.46", Group: "shared80", Own: "own-new", Family: "mysql8.0"},
		Old:   GoBackSide{Version: "5.7.44", Group: "shared57", Own: "own-old", Family: "mysql5.7"}}
	g.Was = SwitchedBefore{At: f.Record.SwitchedAt}
	c := g.Clone()
	closed := map[string]string{"read_only": "1", "event_scheduler": "OFF"}
	c.Set["own-new"], c.Set["own-old"] = cloneMap(closed), cloneMap(closed)
	for _, s := range []GoBackStep{GoBackBegin, GoBackPrepare, GoBackStop, GoBackCatchUp, GoBackEnd, GoBackCompare} {
		c.Reached[s] = backNow.Add(-time.Minute)
	}
	c.Place, c.OldPlace = "bin.000001:900", "bin.000009:500"
	f.Record.GoBack = c
	f.Watch.GoBack = &GoBackLook{At: backNow.Add(-time.Second),
		New: ServerLook{Version: "8.0.46", UUID: "new", ReadOnly: true, File: "bin.000001", Position: 900},
		Old: ServerLook{Version: "5.7.44", UUID: "old", ReadOnly: true, File: "bin.000009", Position: 500}}
	return f
}

// until takes the notes from a step on away.
func (f *Facts) until(step GoBackStep) {
	gone := false
	for _, row := range GoBackSteps {
		if gone = gone || row.Step == step; gone {
			delete(f.Record.GoBack.Reached, row.Step)
		}
	}
	f.follows(900)
}

// follows lets old blue replicate up to a position.
func (f *Facts) follows(at uint64) {
	f.Watch.GoBack.Old.Replication = Replication{Configured: true, Receiver: "Yes", Applier: "Yes", File: "bin.000001", Position: at}
}

func (f *Facts) rename(from, to string) {
	i := f.Instances[from]
	delete(f.Instances, from)
	i.ID = to
	f.Instances[to] = i
}

// roadSays is what the road says, in one line.
func roadSays(f Facts) string {
	step, m := f.goBack()
	var what []string
	for _, a := range m.actions {
		what = append(what, a.String())
	}
	for _, w := range m.work {
		what = append(what, string(w))
	}
	state := ""
	switch {
	case m.ambiguous:
		state = " AMBIGUOUS"
	case m.held:
		state = " HELD"
	}
	return fmt.Sprintf("%s%s [%s] %s", step, state, strings.Join(what, "; "), m.reason)
}

func TestGoBackRoad(t *testing.T) {
	reg := func(f *Facts, change func(*GoBack)) { c := f.Record.GoBack.Clone(); change(c); f.Record.GoBack = c }
	cases := []struct {
		name   string
		change func(*Facts)
		want   string // beginning of what is told
	}{
		{"nothing begun", func(f *Facts) { reg(f, func(g *GoBack) { *g = *GoBack{Human: g.Human, Armed: true}.Clone() }) }, "begin [go-back-begin]"},
		{"no way and no word for the loss", func(f *Facts) { reg(f, func(g *GoBack) { *g = *GoBack{Human: g.Human}.Clone() }) }, "begin HELD [] no reverse replication was armed"},
		{"a green of the next hop stands", func(f *Facts) {
			reg(f, func(g *GoBack) { *g = *GoBack{Human: g.Human, Armed: true}.Clone() })
			f.Deployments = []Deployment{{ID: "bgd-2", Name: "next", Status: Available, Source: "orders", Target: "orders-green-abc123", Tags: map[string]string{TagCampaign: "q1", TagDatabase: "orders"}}}
		}, "begin HELD [] deployment next stands on orders"},
		{"old blue is gone", func(f *Facts) {
			reg(f, func(g *GoBack) { *g = *GoBack{Human: g.Human, Armed: true}.Clone() })
			delete(f.Instances, "orders-old1")
		}, "begin HELD [] the server from before the switchover is not there"},
		{"the shell stands", func(f *Facts) {
			f.until(GoBackPrepare)
			f.Deployments = []Deployment{{ID: "bgd-1", Name: "d", Status: SwitchoverCompleted, Source: "orders-old1", Target: "orders", Tags: map[string]string{TagCampaign: "q1", TagDatabase: "orders"}}}
		}, "delete-deployment [delete deployment bgd-1]"},
		{"the shell goes", func(f *Facts) {
			f.until(GoBackPrepare)
			f.Deployments = []Deployment{{ID: "bgd-1", Name: "d", Status: Deleting, Source: "orders-old1", Target: "orders", Tags: map[string]string{TagCampaign: "q1", TagDatabase: "orders"}}}
		}, "delete-deployment [] deployment d is being deleted"},
		{"old blue shares its group", func(f *Facts) {
			f.until(GoBackPrepare)
			f.Instances["orders-old1"].ParameterGroup = "shared57"
		}, "prepare-old [create parameter group own-old (mysql5.7); set 2 parameters in own-old; modify orders-old1: parameter group own-old]"},
		{"old blue waits for its reboot", func(f *Facts) { f.until(GoBackPrepare); f.Instances["orders-old1"].ParameterStatus = "pending-reboot" }, "prepare-old [reboot orders-old1]"},
		{"its reboot was just asked for", func(f *Facts) {
			f.until(GoBackPrepare)
			f.Instances["orders-old1"].ParameterStatus = "pending-reboot"
			reg(f, func(g *GoBack) { g.Touched["orders-old1"] = backNow.Add(-time.Second) })
		}, "prepare-old [] RDS does not show the reboot"},
		{"old blue is ready", func(f *Facts) { f.until(GoBackPrepare) }, "prepare-old [go-back-note] orders-old1 says read_only=1"},
		{"the way broke before anything hurt", func(f *Facts) {
			f.until(GoBackStop)
			f.Instances["orders"].ParameterGroup = "shared80"
			f.Watch.GoBack.New.ReadOnly = false
			f.Watch.GoBack.Old.Replication.Applier, f.Watch.GoBack.Old.Replication.ApplierError = "No", "Character set '#255' is not a compiled character set"
		}, "stop-writes HELD [go-back-look] the way back is broken, and old blue lacks what was written since (collation)"},
		{"a reboot left replication standing", func(f *Facts) {
			f.until(GoBackStop)
			f.Instances["orders"].ParameterGroup = "shared80"
			f.Watch.GoBack.New.ReadOnly = false
			f.Watch.GoBack.Old.Replication.Applier, f.Watch.GoBack.Old.Replication.Receiver = "No", "No"
		}, "stop-writes [go-back-start; go-back-look]"},
		{"nobody was asked yet", func(f *Facts) {
			f.until(GoBackStop)
			f.Instances["orders"].ParameterGroup = "shared80"
			f.Watch.GoBack = nil
		}, "stop-writes [go-back-look] orders-old1 could not be asked: not asked yet"},
		{"a look that is too old", func(f *Facts) {
			f.until(GoBackStop)
			f.Instances["orders"].ParameterGroup = "shared80"
			f.Watch.GoBack.At = backNow.Add(-time.Minute)
		}, "stop-writes [go-back-look] orders-old1 could not be asked: not asked yet"},
		{"one server behind both addresses", func(f *Facts) {
			f.until(GoBackStop)
			f.Instances["orders"].ParameterGroup = "shared80"
			f.Watch.GoBack.Old.UUID = "new"
		}, "stop-writes [go-back-look] orders-old1 could not be asked: both addresses lead to the same server"},
		{"writes are to be stopped", func(f *Facts) {
			f.until(GoBackStop)
			f.Instances["orders"].ParameterGroup = "shared80"
			f.Watch.GoBack.New.ReadOnly = false
		}, "stop-writes [create parameter group own-new (mysql8.0); set 2 parameters in own-new; modify orders: parameter group own-new]"},
		{"writes are stopped", func(f *Facts) { f.until(GoBackStop) }, "stop-writes [go-back-note] orders says read_only=1"},
		{"the setting takes no effect", func(f *Facts) {
			f.until(GoBackStop)
			f.Watch.GoBack.New.ReadOnly = false
			reg(f, func(g *GoBack) { g.Touched["own-new"] = backNow.Add(-time.Minute) })
		}, "stop-writes [reboot orders]"},
		{"and no reboot helps", func(f *Facts) {
			f.until(GoBackStop)
			f.Watch.GoBack.New.ReadOnly = false
			reg(f, func(g *GoBack) {
				g.Touched["own-new"], g.Touched["orders"] = backNow.Add(-time.Minute), backNow.Add(-30*time.Second)
			})
		}, "stop-writes HELD [go-back-look] orders was set closed to writes in own-new and rebooted"},
		{"old blue lags", func(f *Facts) { f.until(GoBackCatchUp); f.follows(850) }, "catch-up [go-back-look] old blue lacks 50 bytes"},
		{"old blue has everything", func(f *Facts) { f.until(GoBackCatchUp) }, "catch-up [go-back-note] old blue has applied the new server's log to its end at bin.000001:900"},
		{"the way broke after the stop", func(f *Facts) {
			f.until(GoBackCatchUp)
			f.follows(850)
			f.Watch.GoBack.Old.Replication.ApplierError = "Duplicate entry"
		}, "catch-up HELD [go-back-look] writes are stopped, and the way back broke (data); old blue lacks 50 bytes"},
		{"and its loss is accepted", func(f *Facts) {
			f.until(GoBackCatchUp)
			f.follows(850)
			f.Watch.GoBack.Old.Replication.ApplierError = "Duplicate entry"
			reg(f, func(g *GoBack) { g.AcceptLoss = true })
		}, "catch-up [go-back-note] loss accepted by anna"},
		{"somebody opened the new server before the end", func(f *Facts) { f.until(GoBackCatchUp); f.Watch.GoBack.New.ReadOnly = false }, "stop-writes [reboot orders]"},
		{"somebody opened the new server after it", func(f *Facts) { f.until(GoBackOpen); f.Watch.GoBack.New.ReadOnly = false }, "stop-writes AMBIGUOUS"},
		{"replication is to be ended", func(f *Facts) { f.until(GoBackEnd) }, "end-replication [go-back-end; go-back-look]"},
		{"replication is ended", func(f *Facts) { f.until(GoBackEnd); f.Watch.GoBack.Old.Replication = Replication{} }, "end-replication [go-back-note] orders-old1 does not replicate; its own log ends at bin.000009:500"},
		{"old blue is open already", func(f *Facts) {
			f.until(GoBackEnd)
			f.Watch.GoBack.Old.ReadOnly = false
		}, "end-replication AMBIGUOUS"},
		{"rows differ", func(f *Facts) {
			delete(f.Record.GoBack.Reached, GoBackCompare)
			reg(f, func(g *GoBack) { g.Failed = GoBackCompare })
		}, "compare HELD [] the servers differ"},
		{"old blue opens", func(*Facts) {}, "open-old [set 2 parameters in own-old]"},
		{"old blue is open", func(f *Facts) {
			f.opened()
			f.Record.GoBack.Reached = cloneMap(f.Record.GoBack.Reached)
			delete(f.Record.GoBack.Reached, GoBackOpen)
		}, "open-old [go-back-note] orders-old1 says read_only=0"},
		{"the new server makes room", func(f *Facts) { f.opened() }, "rename [modify orders: new name orders-rolledback]"},
		{"both are open", func(f *Facts) {
			f.opened()
			f.Watch.GoBack.New.ReadOnly = false
		}, "stop-writes AMBIGUOUS"},
		{"the new server cannot be asked right before", func(f *Facts) {
			f.opened()
			f.Watch.GoBack.New = ServerLook{Err: "no answer"}
		}, "rename [go-back-look] orders could not be asked"},
		{"old blue replicates again right before", func(f *Facts) { f.opened(); f.follows(900) }, "rename AMBIGUOUS"},
		{"the new server is being renamed", func(f *Facts) { f.opened(); f.Instances["orders"].Status = "renaming" }, "rename [] orders is renaming"},
		{"the name is free", func(f *Facts) { f.opened(); f.rename("orders", "orders-rolledback"); f.Watch.GoBack = nil }, "rename [modify orders-old1: new name orders]"},
		{"old blue has the name", func(f *Facts) {
			f.opened()
			f.rename("orders", "orders-rolledback")
			f.rename("orders-old1", "orders")
		}, "verify [go-back-verify]"},
		{"a third one has the name, seen once", func(f *Facts) {
			f.opened()
			f.rename("orders", "orders-rolledback")
			f.Instances["orders"] = &Instance{ID: "orders", ResourceID: "db-OTHER", Status: "available"}
		}, "rename [] the name orders belongs to db-OTHER"},
		{"a third one has the name", func(f *Facts) {
			f.opened()
			f.rename("orders", "orders-rolledback")
			f.Instances["orders"] = &Instance{ID: "orders", ResourceID: "db-OTHER", Status: "available"}
			f.Watch.Odd = OddReads
		}, "rename AMBIGUOUS [] the name orders belongs to db-OTHER"},
		{"somebody renamed old blue", func(f *Facts) { f.rename("orders-old1", "mine"); f.Watch.Odd = OddReads }, "open-old AMBIGUOUS [] the new server is called orders and the old one mine"},
		{"somebody swapped them the wrong way", func(f *Facts) {
			f.rename("orders-old1", "x")
			f.rename("orders", "orders-old1")
			f.rename("x", "orders")
			f.Watch.Odd = OddReads
		}, "open-old AMBIGUOUS"},
		{"somebody deleted the new server", func(f *Facts) { delete(f.Instances, "orders"); f.Watch.Odd = OddReads }, "open-old AMBIGUOUS [] the new server (db-NEW) is not there"},
		{"AWS refused", func(f *Facts) { f.Record.ActError = "ModifyDBInstance: AccessDenied" }, "open-old HELD [] AWS refused a change"},

		{"abandoned before it began", func(f *Facts) { reg(f, func(g *GoBack) { *g = *GoBack{Human: g.Human, Abandon: &Human{}}.Clone() }) }, "abandon [go-back-note] the order was taken back before anything was changed"},
		{"abandoned: old blue is closed again", func(f *Facts) { f.opened(); reg(f, func(g *GoBack) { g.Abandon = &Human{} }) }, "abandon [set 2 parameters in own-old]"},
		{"abandoned: old blue was set closed and is still open", func(f *Facts) {
			reg(f, func(g *GoBack) { g.Abandon = &Human{}; g.Touched["own-old"] = backNow.Add(-time.Second) })
			f.Watch.GoBack.Old.ReadOnly = false
		}, "abandon [go-back-look] orders-old1 is set closed to writes; it does not say so yet"},
		{"abandoned: and the setting takes no effect", func(f *Facts) {
			reg(f, func(g *GoBack) { g.Abandon = &Human{}; g.Touched["own-old"] = backNow.Add(-time.Minute) })
			f.Watch.GoBack.Old.ReadOnly = false
		}, "abandon [reboot orders-old1]"},
		{"abandoned: writes are given back", func(f *Facts) { reg(f, func(g *GoBack) { g.Abandon = &Human{} }) }, "abandon [set 2 parameters in own-new]"},
		{"abandoned: old blue was written to", func(f *Facts) {
			reg(f, func(g *GoBack) { g.Abandon = &Human{} })
			f.Watch.GoBack.Old.Position = 501
		}, "abandon AMBIGUOUS [go-back-look] orders-old1 has taken writes"},
		{"abandoned: old blue is missing in one read", func(f *Facts) {
			reg(f, func(g *GoBack) { g.Abandon = &Human{} })
			delete(f.Instances, "orders-old1")
		}, "open-old [] the old server (db-OLD) is not there"},
		{"abandoned: old blue is gone for good", func(f *Facts) {
			reg(f, func(g *GoBack) { g.Abandon = &Human{} })
			delete(f.Instances, "orders-old1")
			f.Watch.Odd, f.Watch.GoBack.Old = OddReads, ServerLook{Err: "nobody"}
		}, "abandon [set 2 parameters in own-new]"},
		{"abandoned while the first rename was under way", func(f *Facts) {
			f.opened()
			f.rename("orders", "orders-rolledback")
			reg(f, func(g *GoBack) { g.Abandon = &Human{}; g.Set["own-old"]["read_only"] = "1" })
			f.Watch.GoBack = nil
		}, "open-old [set 2 parameters in own-old]"},
		{"taken up again: the new server was set open, and does not show it yet", func(f *Facts) {
			reg(f, func(g *GoBack) { g.Set["own-new"]["read_only"] = "0" })
		}, "stop-writes [set 2 parameters in own-new]"},
		{"taken up again: what AWS answered to setting it open is not known", func(f *Facts) {
			reg(f, func(g *GoBack) { delete(g.Set["own-new"], "read_only") })
		}, "stop-writes [set 2 parameters in own-new]"},
		{"taken up again: the last look is from before it was set", func(f *Facts) {
			f.until(GoBackStop)
			reg(f, func(g *GoBack) { g.Touched["own-new"] = backNow })
		}, "stop-writes [go-back-look] orders is asked again"},
		{"taken up again: the last look is from before its reboot", func(f *Facts) {
			f.until(GoBackStop)
			reg(f, func(g *GoBack) { g.Touched["orders"] = backNow })
		}, "stop-writes [go-back-look] orders is asked again"},
		{"old blue may open, and nobody has seen the new server since a kill", func(f *Facts) { f.Watch.GoBack = nil },
			"open-old [go-back-look] orders could not be asked: not asked yet"},
		{"old blue may open, and the new server does not answer", func(f *Facts) { f.Watch.GoBack.New = ServerLook{Err: "i/o timeout"} },
			"open-old [go-back-look] orders could not be asked: i/o timeout"},
		{"old blue may open, and the new server's log has gone on", func(f *Facts) { f.Watch.GoBack.New.Position = 901 },
			"open-old AMBIGUOUS [go-back-look] the new server's log ended at bin.000001:900"},
		{"old blue may open, the log has gone on, and the loss is accepted", func(f *Facts) {
			f.Watch.GoBack.New.Position = 901
			reg(f, func(g *GoBack) { g.AcceptLoss = true })
		}, "open-old [set 2 parameters in own-old]"},
		{"old blue may open, the new server answers nobody, and the loss is accepted", func(f *Facts) {
			f.Watch.GoBack.New, f.Watch.GoBackUnread = ServerLook{Err: "i/o timeout"}, goBackReads
			reg(f, func(g *GoBack) { g.AcceptLoss = true })
		}, "open-old [set 2 parameters in own-old]"},
		{"old blue is rebooted to open, and nobody has seen the new server", func(f *Facts) {
			f.opened()
			f.Watch.GoBack.Old.ReadOnly, f.Watch.GoBack.New = true, ServerLook{Err: "i/o timeout"}
			reg(f, func(g *GoBack) { g.Touched["own-old"] = backNow.Add(-time.Minute); delete(g.Reached, GoBackOpen) })
		}, "open-old [go-back-look] orders could not be asked"},
		{"old blue was set open after an abandon, and has not said so when it is to get the name", func(f *Facts) {
			f.opened()
			f.rename("orders", "orders-rolledback")
			reg(f, func(g *GoBack) { g.Abandon = &Human{}; delete(g.Reached, GoBackOpen) })
			f.Watch.GoBack = nil
		}, "open-old [go-back-look] orders-old1 could not be asked"},
		{"abandoned: whether old blue was set open is not known", func(f *Facts) {
			f.until(GoBackCompare)
			reg(f, func(g *GoBack) { g.Abandon = &Human{}; delete(g.Set["own-old"], "read_only") })
		}, "abandon [set 2 parameters in own-old]"},
		{"abandoned too late", func(f *Facts) {
			f.opened()
			f.rename("orders", "orders-rolledback")
			reg(f, func(g *GoBack) { g.Abandon = &Human{} })
		}, "rename [modify orders-old1: new name orders]"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := back()
			c.change(&f)
			if got := roadSays(f); !strings.HasPrefix(got, c.want) {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if s := Derive(f); (s.Stage != RollingBack && s.Stage != Held) || s.GoBack == "" {
				t.Errorf("the stage is %+v", s)
			}
		})
	}
}

// opened notes that old blue takes writes.
func (f *Facts) opened() {
	g := f.Record.GoBack.Clone()
	g.Reached[GoBackOpen] = backNow.Add(-2 * time.Second)
	g.Set["own-old"] = map[string]string{"read_only": "0", "event_scheduler": "OFF"}
	f.Record.GoBack = g
	f.Watch.GoBack.Old.ReadOnly = false
}

// TestGoBackReplicas: replicas change places with their counterparts; those
// without one keep their names.
func TestGoBackReplicas(t *testing.T) {
	f := back()
	f.Record.GoBack = nil
	f.Instances["orders"].Replicas = []string{"orders-read", "orders-late"}
	f.Instances["orders-old1"].Replicas = []string{"orders-read-old1", "orders-gone-old1", "elsewhere"}
	for _, id := range []string{"orders-read", "orders-late", "orders-read-old1", "orders-gone-old1", "elsewhere"} {
		f.Instances[id] = &Instance{ID: id, ResourceID: "db-" + id, Status: "available"}
	}
	pairs, refusal := f.GoBackPairs(false)
	if refusal != "" || len(pairs) != 2 || pairs[1].ID != "orders-read" || pairs[1].Kept != "orders-read-old1" || pairs[1].Aside != "orders-read-rolledback" {
		t.Fatalf("%+v %s", pairs, refusal)
	}
	f.Instances["orders-rolledback"] = &Instance{ID: "orders-rolledback", ResourceID: "db-earlier"}
	if pairs, _ = f.GoBackPairs(false); pairs[0].Aside != "orders-rolledback2" {
		t.Errorf("a second time it makes room as %s", pairs[0].Aside)
	}
	long := strings.Repeat("a", 60) + "-b1"
	if n := f.asideName(long); len(n) > maxInstanceName || !strings.HasSuffix(n, "-rolledback") {
		t.Errorf("%s has %d letters", n, len(n))
	}
}

// TestGoBackSettings: what was set stays set, events run only where writes are
// open, and opening restores what closing changed.
func TestGoBackSettings(t *testing.T) {
	value := func(ps []Parameter, name string) string { v, _ := parameter(ps, name); return v }
	s := GoBackSide{Version: "5.7.44", Own: "own", Parameters: []Parameter{{Name: "event_scheduler", Value: "ON"}, {Name: "max_connections", Value: "77"}, {Name: "read_only", Value: "{TrueIfReplica}"}}}
	closed, open := s.settings(false), s.settings(true)
	for name, want := range map[string][2]string{"read_only": {"1", "0"}, "event_scheduler": {"OFF", "ON"}, "max_connections": {"77", "77"}} {
		if value(closed, name) != want[0] || value(open, name) != want[1] {
			t.Errorf("%s is %q closed and %q open, want %v", name, value(closed, name), value(open, name), want)
		}
	}
	for version, want := range map[string]string{"5.7.44": "OFF", "8.0.46": "ON"} {
		if got := value(GoBackSide{Version: version}.switches(true), "event_scheduler"); got != want {
			t.Errorf("event_scheduler of %s opens to %q, want its default %s", version, got, want)
		}
	}
	if s.Parameters[0].Value != "ON" {
		t.Error("the side was changed")
	}
}

// TestGoBackRefused: what a person repeats is what they had ordered; a plain
// rollback would take an abandoned order up again.
func TestGoBackRefused(t *testing.T) {
	for _, abandon := range []bool{false, true} {
		f := back()
		f.Record.ActError = "AccessDenied"
		want := "mend the cause, then repeat: rollback --database orders"
		if abandon {
			g := f.Record.GoBack.Clone()
			g.Abandon = &Human{}
			f.Record.GoBack = g
			want = "mend the cause, then repeat: rollback --abandon --database orders"
		}
		if _, m := f.goBack(); m.next != want || !m.held {
			t.Errorf("abandoned %v: held %v, next: %s", abandon, m.held, m.next)
		}
	}
}

// TestGoBackTellsOfLaterLoss: a loss that was accepted does not hide what the
// new server took after writes were given back to it.
func TestGoBackTellsOfLaterLoss(t *testing.T) {
	f := back()
	f.opened()
	g := f.Record.GoBack.Clone()
	delete(g.Reached, GoBackOpen)
	g.AcceptLoss, g.Lost = true, &GoBackLoss{Text: "some", From: "bin.000001:700", To: "bin.000001:900"}
	f.Record.GoBack = g
	f.Watch.GoBack.New.Position = 950
	_, m := f.goBack()
	if m.note == nil || m.note.Step != GoBackOpen || m.note.Lost == nil {
		t.Fatalf("got %+v", m)
	}
	if l := m.note.Lost; l.From != "bin.000001:700" || l.To != "bin.000001:950" || l.Text != "some; and what the new server wrote after bin.000001:900, to bin.000001:950" {
		t.Errorf("lost: %+v", *l)
	}
	if g.Lost.To != "bin.000001:900" {
		t.Error("the order was changed in place")
	}
}
