package bluegreen

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var leftNow = time.Date(2026, 12, 20, 9, 0, 0, 0, time.UTC)

// leftFacts is a database that is done, with an old blue whose time is over,
// its read replica, and a person's word for both.
func leftFacts() CleanupFacts {
	switched := leftNow.Add(-20 * 24 * time.Hour)
	f := CleanupFacts{Keep: 14 * 24 * time.Hour, State: State{Stage: Done, Reason: "on 8.0.46"}}
	f.Now, f.ID, f.Campaign, f.Policy = leftNow, "orders", "q4", Policy{SQL: true}
	f.Record = Record{SwitchedAt: switched, ConfirmedAt: switched, SwitchedTo: "8.0.46", OldBlues: []string{"orders-old1"},
		Known: []Known{
			{ID: "orders", ResourceID: "db-BLUE0001", Version: "5.7.44", Deployment: "q4-orders-80", Since: switched},
			{ID: "orders-r1", ResourceID: "db-BLUER001", Version: "5.7.44", Deployment: "q4-orders-80", Replica: true, Since: switched},
		},
		Cleanups: []CleanupOrder{{Human: Human{At: leftNow.Add(-time.Hour), By: "anna"}, Resources: []string{"db-BLUE0001", "db-BLUER001"}}},
	}
	at := func(id, resource, version string) *Instance {
		return &Instance{ID: id, ARN: "arn:aws:rds:eu-west-1:1:db:" + id, ResourceID: resource, Version: version, Status: "available", Class: "db.m5.large", StorageType: "gp2", AllocatedGiB: 100}
	}
	f.Instances = map[string]*Instance{
		"orders":         at("orders", "db-GREEN001", "8.0.46"),
		"orders-r1":      at("orders-r1", "db-GREENR01", "8.0.46"),
		"orders-old1":    at("orders-old1", "db-BLUE0001", "5.7.44"),
		"orders-r1-old1": at("orders-r1-old1", "db-BLUER001", "5.7.44"),
	}
	f.Instances["orders"].Replicas = []string{"orders-r1"}
	f.Instances["orders-old1"].Replicas = []string{"orders-r1-old1"}
	f.Instances["orders-r1-old1"].ReplicaSource = "orders-old1"
	f.Deployments = []Deployment{{ID: "bgd-1", Name: "q4-orders-80", Status: SwitchoverCompleted, Tags: map[string]string{TagCampaign: "q4", TagDatabase: "orders"},
		Source: "arn:aws:rds:eu-west-1:1:db:orders-old1", Target: "arn:aws:rds:eu-west-1:1:db:orders"}}
	f.MemberOf = map[string][]Deployment{"orders": f.Deployments, "orders-old1": f.Deployments}
	f.Readings = map[string]CleanupReading{"db-BLUE0001": {}, "db-BLUER001": {}}
	return f
}

// alone takes the read replica away, so that old blue's turn has come.
func alone(f *CleanupFacts) {
	delete(f.Instances, "orders-r1-old1")
	f.Instances["orders-old1"].Replicas = nil
	f.Record.Removals = []Removal{{ResourceID: "db-BLUER001", Instance: "orders-r1-old1", Asked: leftNow, Sent: true, Proven: leftNow}}
}

func deletions(acts []Action) []string {
	out := []string{}
	for _, a := range acts {
		if a.Kind == DeleteInstance {
			out = append(out, a.Instance)
		}
	}
	return out
}

// Every row of the table of guards keeps old blue from being deleted.
func TestCleanupGuards(t *testing.T) {
	old := func(f *CleanupFacts) *Instance { return f.Instances["orders-old1"] }
	live := Deployment{ID: "bgd-2", Name: "theirs", Status: Available}
	covered := map[string]bool{}
	for _, tt := range []struct {
		guard, name string
		change      func(*CleanupFacts)
		state       LeftoverState
		says        string
	}{
		{"serves", "a replica of what serves", func(f *CleanupFacts) {
			f.Instances["orders"].Replicas = append(f.Instances["orders"].Replicas, "orders-old1")
		}, LeftRefused, "what serves now"},
		{"name", "renamed by somebody", func(f *CleanupFacts) {
			i := old(f)
			delete(f.Instances, i.ID)
			i.ID = "orders-keep"
			f.Instances[i.ID] = i
		}, LeftRefused, "somebody wants it"},
		{"name", "almost the name", func(f *CleanupFacts) {
			i := old(f)
			delete(f.Instances, i.ID)
			i.ID = "orders-old1-copy"
			f.Instances[i.ID] = i
		}, LeftRefused, "somebody wants it"},
		{"time", "kept", func(f *CleanupFacts) { f.Keep = 21 * 24 * time.Hour }, LeftKept, "kept until 2026-12-21"},
		{"time", "a newer hop is kept", func(f *CleanupFacts) {
			f.Record.Known = append(f.Record.Known, Known{ID: "orders", ResourceID: "db-HOP2", Deployment: "q4-orders-84", Since: leftNow.Add(-time.Hour)})
			f.Instances["orders-old2"] = &Instance{ID: "orders-old2", ResourceID: "db-HOP2", Status: "available"}
		}, LeftKept, "kept until 2027-01-03"},
		{"ambiguous", "ambiguous", func(f *CleanupFacts) { f.State.Ambiguous, f.State.NextStep = true, "look" }, LeftHeld, "not clear who owns"},
		{"stage", "soaking", func(f *CleanupFacts) { f.State.Stage = Soaking }, LeftHeld, "its database is soaking"},
		{"stage", "next hop is being built", func(f *CleanupFacts) { f.State.Stage = Building }, LeftHeld, "provisioning"},
		{"stage", "switching", func(f *CleanupFacts) { f.State.Stage = Switching }, LeftHeld, "switching"},
		{"stage", "failed", func(f *CleanupFacts) { f.State.Stage = Failed }, LeftHeld, "failed"},
		{"stage", "held", func(f *CleanupFacts) { f.State.Stage = Held }, LeftHeld, "held"},
		{"stage", "rolling back", func(f *CleanupFacts) { f.State.Stage = RollingBack }, LeftHeld, "rolling-back"},
		{"stage", "rolled back: old blue is no server set aside", func(f *CleanupFacts) { f.State.Stage = RolledBack }, LeftHeld, "rolled-back"},
		{"stage", "could not be read", func(f *CleanupFacts) { f.State.Stage = Unobservable }, LeftHeld, "unknown"},
		{"people", "campaign paused", func(f *CleanupFacts) { f.Paused = "the campaign is paused by bert" }, LeftHeld, "paused by bert"},
		{"people", "database paused", func(f *CleanupFacts) { f.Record.Paused = &Human{By: "bert"} }, LeftHeld, "paused by bert"},
		{"people", "rollback asked for", func(f *CleanupFacts) { f.Record.Rollback = &Human{By: "bert", At: leftNow} }, LeftHeld, "bert asked to roll back"},
		{"people", "going back", func(f *CleanupFacts) { f.Record.GoBack = &GoBack{Human: Human{By: "bert"}} }, LeftHeld, "bert asked to go back"},
		{"deployment", "in a live deployment", func(f *CleanupFacts) { f.MemberOf["orders-old1"] = []Deployment{live} }, LeftHeld, "theirs, which is AVAILABLE"},
		{"deployment", "in one that is being built", func(f *CleanupFacts) {
			d := live
			d.Status = Provisioning
			f.MemberOf["orders-old1"] = append(f.MemberOf["orders-old1"], d)
		}, LeftHeld, "PROVISIONING"},
		{"deployment", "in a completed one of somebody else", func(f *CleanupFacts) {
			d := live
			d.Status = SwitchoverCompleted
			f.MemberOf["orders-old1"] = []Deployment{d}
		}, LeftHeld, "of somebody else"},
		{"source", "old blue replicates", func(f *CleanupFacts) { old(f).ReplicaSource = "users" }, LeftHeld, "read replica of users"},
		{"replicas", "an unknown replica", func(f *CleanupFacts) {
			old(f).Replicas = []string{"analytics"}
			f.Instances["analytics"] = &Instance{ID: "analytics", ResourceID: "db-A"}
		}, LeftHeld, "analytics hangs on it"},
		{"replicas", "a replica in another Region", func(f *CleanupFacts) { old(f).Replicas = []string{"arn:aws:rds:us-east-1:1:db:far"} }, LeftHeld, "far hangs on it"},
		{"replicas", "a replica cluster", func(f *CleanupFacts) { old(f).ReplicaClusters = []string{"aurora"} }, LeftHeld, "aurora hangs on it"},
		{"status", "stopped", func(f *CleanupFacts) { old(f).Status = "stopped" }, LeftHeld, "is stopped"},
		{"clients", "somebody is connected", func(f *CleanupFacts) { f.Readings["db-BLUE0001"] = CleanupReading{Clients: []string{"app@10.0.0.5"}} }, LeftHeld, "1 client on it: app@10.0.0.5"},
		{"clients", "not known who is", func(f *CleanupFacts) { f.Readings["db-BLUE0001"] = CleanupReading{ClientsErr: "refused"} }, LeftHeld, "not known: refused"},
		{"clients", "the policy cannot vouch without SQL", func(f *CleanupFacts) { f.Policy.SQL, f.Automatic, f.Record.Cleanups = false, true, nil }, LeftHeld, "no SQL access"},
		{"snapshot", "not readable", func(f *CleanupFacts) { f.Readings["db-BLUE0001"] = CleanupReading{SnapshotErr: "denied"} }, LeftHeld, "denied"},
		{"snapshot", "of another server", func(f *CleanupFacts) {
			f.Readings["db-BLUE0001"] = CleanupReading{Snapshot: &Snapshot{ResourceID: "db-X", Status: "available", Created: leftNow}}
		}, LeftHeld, "of another server (db-X)"},
		{"snapshot", "being made", func(f *CleanupFacts) {
			f.Readings["db-BLUE0001"] = CleanupReading{Snapshot: &Snapshot{ResourceID: "db-BLUE0001", Status: "creating", Created: leftNow}}
		}, LeftHeld, "is being made"},
		{"snapshot", "failed", func(f *CleanupFacts) {
			f.Readings["db-BLUE0001"] = CleanupReading{Snapshot: &Snapshot{ResourceID: "db-BLUE0001", Status: "failed", Created: leftNow}}
		}, LeftHeld, "of no use: failed"},
		{"snapshot", "from before the switchover", func(f *CleanupFacts) {
			f.Readings["db-BLUE0001"] = CleanupReading{Snapshot: &Snapshot{ResourceID: "db-BLUE0001", Status: "available", Created: leftNow.Add(-30 * 24 * time.Hour)}}
		}, LeftHeld, "of no use"},
		{"second key", "nobody confirmed", func(f *CleanupFacts) { f.Record.Cleanups = nil }, LeftDue, "a person must confirm"},
		{"second key", "confirmed for another server", func(f *CleanupFacts) { f.Record.Cleanups[0].Resources = []string{"db-BLUER001"} }, LeftDue, "a person must confirm"},
		{"second key", "confirmed before it was left", func(f *CleanupFacts) { f.Record.Cleanups[0].At = leftNow.Add(-21 * 24 * time.Hour) }, LeftDue, "a person must confirm"},
	} {
		covered[tt.guard] = true
		t.Run(tt.guard+"/"+tt.name, func(t *testing.T) {
			f := leftFacts()
			alone(&f)
			if got := deletions(Cleanup(f).Actions); !cmp.Equal(got, []string{"orders-old1"}) {
				t.Fatalf("without the change: %v", got)
			}
			f = leftFacts()
			alone(&f)
			tt.change(&f)
			c := Cleanup(f)
			if got := deletions(c.Actions); len(got) > 0 {
				t.Fatalf("deletes %v", got)
			}
			for _, l := range c.Leftovers {
				if l.ResourceID == "db-BLUE0001" {
					if l.State != tt.state || !strings.Contains(l.Reason, tt.says) || l.Next == "" {
						t.Errorf("%s: %s; %s", l.State, l.Reason, l.Next)
					}
					return
				}
			}
			t.Error("old blue is not listed")
		})
	}
	for _, g := range cleanupGuards {
		if !covered[g.name] {
			t.Errorf("no case for guard %q", g.name)
		}
	}
}

// Whatever a stranger's instance is called, it is not touched.
func TestCleanupStrangers(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*CleanupFacts)
	}{
		{"another machine has the old name", func(f *CleanupFacts) { f.Instances["orders-old1"].ResourceID = "db-STRANGER" }},
		{"journal lost", func(f *CleanupFacts) { f.Record = Record{} }},
		{"recorded without a resource id", func(f *CleanupFacts) { f.Record.Known[0].ResourceID = ""; f.Instances["orders-old1"].ResourceID = "" }},
		{"never switched", func(f *CleanupFacts) { f.Record.Known[0].Since = time.Time{}; f.Record.Known[1].Since = time.Time{} }},
		{"serves again after a rollback", func(f *CleanupFacts) {
			i := f.Instances["orders-old1"]
			f.Instances["orders-rolledback"], f.Instances["orders"] = f.Instances["orders"], i
			delete(f.Instances, "orders-old1")
			i.ID = "orders"
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := leftFacts()
			alone(&f)
			f.Automatic = true
			tt.change(&f)
			c := Cleanup(f)
			for _, a := range c.Actions {
				if a.Kind != DeleteDeployment {
					t.Errorf("would %s", a)
				}
			}
			for _, l := range c.Leftovers {
				if l.Instance == "orders-old1" && (l.State != LeftRefused || !strings.Contains(l.Next, "by hand")) && tt.name != "never switched" {
					t.Errorf("%+v", l)
				}
			}
		})
	}
}

// The road of a removal, look by look.
func TestCleanupRoad(t *testing.T) {
	f := leftFacts()
	f.Instances["orders-old1"].Protected = true
	step := func(what string, acts ...string) {
		t.Helper()
		got := []string{}
		for _, a := range Cleanup(f).Actions {
			got = append(got, a.String())
		}
		if diff := cmp.Diff(append([]string{}, acts...), got); diff != "" {
			t.Errorf("%s: -want +got\n%s", what, diff)
		}
	}
	readings := f.Readings
	f.Readings = nil
	if c := Cleanup(f); len(c.Actions) > 0 || !cmp.Equal(c.Read, []string{"db-BLUE0001", "db-BLUER001"}) && !cmp.Equal(c.Read, []string{"db-BLUER001", "db-BLUE0001"}) {
		t.Errorf("before anything was read: %v, %v", c.Actions, c.Read)
	}
	f.Readings = readings
	step("replicas first", "delete read replica orders-r1-old1 (db-BLUER001), keeping its automated backups")

	removal := func(k Known, snapshot string) {
		f.Record.Removals = append(f.Record.Removals, Removal{ResourceID: k.ResourceID, Instance: k.ID + "-old1", Snapshot: snapshot, Asked: leftNow, Sent: true})
	}
	removal(f.Record.Known[1], "")
	f.Instances["orders-r1-old1"].Status = "deleting"
	step("the replica goes")
	delete(f.Instances, "orders-r1-old1")
	f.Instances["orders-old1"].Replicas = nil
	if c := Cleanup(f); len(c.Prove) != 1 || c.Prove[0].ResourceID != "db-BLUER001" {
		t.Errorf("to prove: %+v", c.Prove)
	}
	f.Record.Removals[0].Proven = leftNow
	step("protection is taken off", "modify orders-old1: deletion protection false")
	f.Instances["orders-old1"].Protected = false
	const name = "rdsupgrade-q4-orders-5-7-44-blue0001"
	step("deleted", "delete instance orders-old1 (db-BLUE0001) with final snapshot "+name+", keeping its automated backups")

	f.Readings["db-BLUE0001"] = CleanupReading{Snapshot: &Snapshot{ID: name, ResourceID: "db-BLUE0001", Status: "available", Created: leftNow}}
	step("an earlier attempt's snapshot is adopted", "delete instance orders-old1 (db-BLUE0001), whose final snapshot "+name+" is there already, keeping its automated backups")

	removal(f.Record.Known[0], name)
	f.Instances["orders-old1"].Status = "deleting"
	step("it goes")
	delete(f.Instances, "orders-old1")
	if c := Cleanup(f); len(c.Prove) != 1 || !c.Going || len(c.Actions) > 0 {
		t.Errorf("gone is not believed yet: %+v", c)
	}
	if s := f.Facts.finished(State{}, f.Instances["orders"]); s.Stage != Done || !strings.Contains(s.Reason, "being proven") {
		t.Errorf("before the proof: %s, %s", s.Stage, s.Reason)
	}
	f.Record.Removals[1].Proven = leftNow
	step("the shell is deleted, never a target", "delete deployment bgd-1")
	if s := f.Facts.finished(State{}, f.Instances["orders"]); s.Stage != Cleaned {
		t.Errorf("after the proof: %s, %s", s.Stage, s.Reason)
	}
	f.Deployments = nil
	step("nothing is left")
	for _, l := range Cleanup(f).Leftovers {
		if l.State != LeftRemoved || l.Removed == nil {
			t.Errorf("%+v", l)
		}
	}
}

// A server that is gone without its snapshot is told loudly, and so is one that
// somebody else removed.
func TestCleanupGone(t *testing.T) {
	f := leftFacts()
	alone(&f)
	delete(f.Instances, "orders-old1")
	state := func() LeftoverState {
		for _, l := range Cleanup(f).Leftovers {
			if l.ResourceID == "db-BLUE0001" {
				return l.State
			}
		}
		return ""
	}
	if s := state(); s != LeftGone {
		t.Errorf("removed by somebody else: %s", s)
	}
	f.Record.Removals = append(f.Record.Removals, Removal{ResourceID: "db-BLUE0001", Instance: "orders-old1", Missing: "there is no final snapshot x"})
	if s := state(); s != LeftLost {
		t.Errorf("without its snapshot: %s", s)
	}
	if acts := Cleanup(f).Actions; len(acts) > 0 {
		t.Errorf("the deployment is all that tells of it, and is kept: %v", acts)
	}
}

// A server that a rollback set aside is removed from a database that is rolled back.
func TestCleanupAside(t *testing.T) {
	f := leftFacts()
	f.State = State{Stage: RolledBack}
	f.Record = Record{RolledBack: leftNow.Add(-20 * 24 * time.Hour),
		Known:    []Known{{ID: "orders", ResourceID: "db-GREEN001", Version: "8.0.46", Aside: true, Left: "orders-rolledback", Since: leftNow.Add(-20 * 24 * time.Hour)}},
		Cleanups: []CleanupOrder{{Human: Human{At: leftNow, By: "anna"}, Resources: []string{"db-GREEN001"}}}}
	aside := f.Instances["orders"]
	aside.ID, aside.Replicas = "orders-rolledback", nil
	f.Instances = map[string]*Instance{"orders": {ID: "orders", ResourceID: "db-BLUE0001", Status: "available"}, "orders-rolledback": aside}
	f.Readings = map[string]CleanupReading{"db-GREEN001": {}}
	if got := deletions(Cleanup(f).Actions); !cmp.Equal(got, []string{"orders-rolledback"}) {
		t.Errorf("%v, %+v", got, Cleanup(f).Leftovers)
	}
}

func TestFinalSnapshotName(t *testing.T) {
	k := Known{ID: "orders", ResourceID: "db-ABCDEFGHIJKLMN", Version: "5.7.44-RDS.20260212"}
	if got, want := FinalSnapshotName("q4", k), "rdsupgrade-q4-orders-5-7-44-rds-20260212-abcdefghij"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
