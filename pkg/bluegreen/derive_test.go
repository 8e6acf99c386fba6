package bluegreen

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"
)

var today = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const (
	greenID   = "orders-green-abc123"
	greenR1   = "orders-r1-green-abc123"
	armPrefix = "arn:aws:rds:eu-1:123456789012:db:"
)

// idleFacts is an untouched 5.7 database with a replica.
func idleFacts() Facts {
	blue, replica := blueOrders(), replicaOrders()
	replica.ResourceID = "db-REPLICA"
	return Facts{Now: today, ID: "orders", Campaign: "q4", Hops: []Hop{toEight},
		Instances: map[string]*Instance{"orders": &blue, "orders-r1": &replica},
		Target: &Target{Version: "8.0.46", Family: "mysql8.0", Class: "db.m7g.large", CreateClass: "db.m7g.large", ParameterGroup: "orders-80",
			Storage:        StorageSpec{Type: "gp3", AllocatedGiB: 500},
			ReplicaClass:   map[string]string{"orders-r1": "db.r7g.large"},
			ReplicaStorage: map[string]StorageSpec{"orders-r1": {Type: "gp3"}}},
		Policy: Policy{StableReads: 3, MaxLag: 5 * time.Second, LagFor: time.Minute, LagMaxAge: 5 * time.Minute, Retries: 1, Soak: time.Hour,
			PrecheckMaxAge: 24 * time.Hour, SwitchTimeout: 5 * time.Minute, SQL: true, MaxBuild: 48 * time.Hour},
	}
}

// checkedFacts is one that passed its prechecks.
func checkedFacts() Facts {
	f := idleFacts()
	f.Record.Precheck = &PrecheckFact{From: "5.7.44", To: "8.0.46", Verdict: "ready", At: today.Add(-time.Hour)}
	return f
}

// builtFacts is one whose green is ready for the switchover.
func builtFacts() Facts {
	f := checkedFacts()
	green, gr := *f.Instances["orders"], *f.Instances["orders-r1"]
	green.ResourceID, gr.ResourceID = "db-GREEN", "db-GREENREPLICA"
	green.ID, green.ARN, green.Version, green.Class, green.StorageType, green.ParameterGroup = greenID, armPrefix+greenID, "8.0.46", "db.m7g.large", "gp3", "orders-80"
	gr.ID, gr.ARN, gr.Version, gr.Class, gr.StorageType, gr.IOPS, gr.ParameterGroup = greenR1, armPrefix+greenR1, "8.0.46", "db.r7g.large", "gp3", 0, "orders-80"
	f.Instances[greenID], f.Instances[greenR1] = &green, &gr
	f.Instances["orders"].Replicas = []string{"orders-r1", greenID} // as RDS shows it
	d := Deployment{ID: "bgd-1", Name: DeploymentName("q4", "orders", "8.0.46"), Source: armPrefix + "orders", Target: armPrefix + greenID,
		Status: Available, Created: today.Add(-3 * time.Hour), Tags: map[string]string{TagCampaign: "q4", TagDatabase: "orders"},
		Members: []Member{{Source: armPrefix + "orders", Target: armPrefix + greenID, Status: Available},
			{Source: armPrefix + "orders-r1", Target: armPrefix + greenR1, Status: Available}}}
	f.Deployments = []Deployment{d}
	f.Record.Deployment = d.Name
	f.Watch = Watch{StableReads: 3, LagOKSince: today.Add(-2 * time.Minute), Lag: &Lag{At: today, Known: true, Seconds: 0}}
	return f
}

// switchedFacts is one after its switchover.
func switchedFacts() Facts {
	f := builtFacts()
	old, oldR, now, nowR := f.Instances["orders"], f.Instances["orders-r1"], f.Instances[greenID], f.Instances[greenR1]
	before := *old
	old.ID, oldR.ID, now.ID, nowR.ID = "orders-old1", "orders-r1-old1", "orders", "orders-r1"
	f.Instances = map[string]*Instance{"orders": now, "orders-r1": nowR, "orders-old1": old, "orders-r1-old1": oldR}
	d := &f.Deployments[0]
	d.Status, d.Source, d.Target = SwitchoverCompleted, armPrefix+"orders-old1", armPrefix+"orders"
	d.Members = []Member{{Source: armPrefix + "orders-old1", Target: armPrefix + "orders", Status: SwitchoverCompleted}}
	f.Hops, f.Watch = nil, Watch{}
	f.Record.BlueBefore = &before
	return f
}

func confirmedFacts(ago time.Duration) Facts {
	f := switchedFacts()
	f.Record.SwitchedAt, f.Record.SwitchedTo = today.Add(-ago), "8.0.46"
	f.Record.ConfirmedAt = f.Record.SwitchedAt.Add(time.Minute)
	f.Record.OldBlues = []string{"orders-old1"}
	return f
}

var someone = &Human{At: today, By: "anna", Why: "freeze"}

func TestDerive(t *testing.T) {
	green := func(change func(*Instance)) func(*Facts) {
		return func(f *Facts) { change(f.Instances[greenID]) }
	}
	dep := func(change func(*Deployment)) func(*Facts) {
		return func(f *Facts) { change(&f.Deployments[0]) }
	}
	status := func(s string) func(*Facts) { return dep(func(d *Deployment) { d.Status = s }) }
	both := func(a ...func(*Facts)) func(*Facts) {
		return func(f *Facts) {
			for _, c := range a {
				c(f)
			}
		}
	}
	gone := func(f *Facts) { f.Deployments = nil }
	pending := func(f *Facts) { f.Record.SwitchPending, f.Record.SwitchAttempts = true, 1 }
	failed := func(n int) func(*Facts) {
		return func(f *Facts) { f.Record.SwitchAttempts, f.Record.SwitchError = n, "timed out" }
	}
	nothing := func(*Facts) {}
	tests := []struct {
		name   string
		base   func() Facts
		change func(*Facts)
		want   Stage
		reason string
	}{
		// Without a deployment.
		{"untouched", idleFacts, nothing, Pending, "not prechecked for 5.7.44 -> 8.0.46"},
		{"still loading", idleFacts, func(f *Facts) { f.Loading = "orderable classes are being read" }, Pending, "being read"},
		{"checked", checkedFacts, nothing, Checked, "prechecks passed"},
		{"checked, but blue is busy", checkedFacts, func(f *Facts) { f.Instances["orders"].Status = "backing-up" }, Checked, "orders is backing-up"},
		{"precheck is of another version", checkedFacts, func(f *Facts) { f.Record.Precheck.To = "8.4.7" }, Pending, "not prechecked"},
		{"precheck is too old", checkedFacts, func(f *Facts) { f.Now = f.Now.Add(25 * time.Hour) }, Pending, "not prechecked"},
		{"an old verdict that blocks stays", checkedFacts, func(f *Facts) {
			f.Now, f.Record.Precheck.Verdict, f.Record.Precheck.Reason = f.Now.Add(25*time.Hour), "blocked", "utf8mb3: t"
		}, Blocked, "utf8mb3"},
		{"precheck is inconclusive", checkedFacts, func(f *Facts) { f.Record.Precheck.Verdict = "unknown" }, Held, "inconclusive"},
		{"precheck has an unheard-of verdict", checkedFacts, func(f *Facts) { f.Record.Precheck.Verdict = "maybe" }, Held, "inconclusive"},
		{"no route", idleFacts, func(f *Facts) { f.Hops, f.RouteError = nil, "no way from 5.5" }, Blocked, "no way from 5.5"},
		{"an issue blocks", checkedFacts, func(f *Facts) {
			f.Issues = []Issue{{ID: "a", Severity: "warn"}, {ID: "b", Severity: "block", Message: "backups are off"}, {ID: "c", Severity: "block"}}
		}, Blocked, "backups are off (and 1 more)"},
		{"already on target", idleFacts, func(f *Facts) { f.Hops = nil; f.Instances["orders"].Version = "8.0.46" }, Skipped, "already on 8.0.46"},
		{"skipped by a person", checkedFacts, func(f *Facts) { f.Record.Skip = someone }, Skipped, "skipped by anna: freeze"},
		{"paused", checkedFacts, func(f *Facts) { f.Record.Paused = someone }, Held, "paused by anna: freeze"},
		{"AWS refused to create", checkedFacts, func(f *Facts) { f.Record.CreateError = "KMS" }, Failed, "KMS"},
		{"AWS refused something else", checkedFacts, func(f *Facts) { f.Record.ActError = "AccessDenied" }, Held, "AccessDenied"},
		{"a stranger's deployment", checkedFacts, func(f *Facts) {
			f.Deployments = []Deployment{{ID: "bgd-x", Name: "mine", Source: armPrefix + "orders", Status: Available}}
		}, Blocked, "made by somebody else"},
		{"a stranger's completed deployment is history", checkedFacts, func(f *Facts) {
			f.Deployments = []Deployment{{ID: "bgd-x", Name: "mine", Source: armPrefix + "orders", Status: SwitchoverCompleted}}
		}, Checked, ""},
		{"another campaign's deployment", checkedFacts, func(f *Facts) {
			f.Deployments = []Deployment{{ID: "bgd-x", Name: "q3-orders", Source: armPrefix + "orders", Status: Provisioning, Tags: map[string]string{TagCampaign: "q3", TagDatabase: "orders"}}}
		}, Blocked, "made by somebody else"},
		{"our deployment is not to be seen", builtFacts, gone, Building, "not visible in this read"},
		{"our deployment was deleted by somebody", builtFacts, both(gone, func(f *Facts) { f.Watch.Missing = OddReads }), Held, "deleted by somebody else"},
		{"rolled back, comparing", builtFacts, both(gone, func(f *Facts) { f.Record.Rollback = someone }), RollingBack, "compared with before"},
		{"rolled back", builtFacts, both(gone, func(f *Facts) { f.Record.Rollback, f.Record.RolledBack = someone, today }), RolledBack, "never touched"},

		// The name.
		{"no blue, first read", checkedFacts, func(f *Facts) { delete(f.Instances, "orders") }, Held, "in this read"},
		{"no blue for long", checkedFacts, func(f *Facts) { delete(f.Instances, "orders"); f.Watch.Odd = OddReads }, Held, "no instance is called orders"},
		{"no blue while switching", builtFacts, both(status(SwitchoverInProgress), func(f *Facts) { delete(f.Instances, "orders") }), Switching, "renaming"},
		{"half renamed for long", switchedFacts, func(f *Facts) { delete(f.Instances, "orders"); f.Watch.Odd = OddReads }, Held, "there is orders-old1"},

		// Building.
		{"provisioning", builtFacts, status(Provisioning), Building, "RDS is building"},
		{"provisioning, with its task", builtFacts, both(status(Provisioning), dep(func(d *Deployment) {
			d.Tasks = []Task{{"CREATING_READ_REPLICA_OF_SOURCE", "COMPLETED"}, {"DB_ENGINE_VERSION_UPGRADE", "IN_PROGRESS"}}
		})), Building, "db engine version upgrade"},
		{"provisioning for ever", builtFacts, both(status(Provisioning), func(f *Facts) { f.Now = f.Now.Add(72 * time.Hour) }), Held, "longer than 48h"},
		{"invalid configuration", builtFacts, status(InvalidConfiguration), Failed, "gives no reason yet"},
		{"invalid configuration, explained", builtFacts, both(status(InvalidConfiguration), func(f *Facts) { f.Record.BuildError = "old temporal" }), Failed, "old temporal"},
		{"deleting", builtFacts, status(Deleting), RollingBack, "being removed"},
		{"a status of the future", builtFacts, status("SWITCHOVER_REHEARSING"), Held, "which this build does not know"},
		{"no status at all", builtFacts, status(""), Held, "does not know"},

		// Adjusting.
		{"members are not listed", builtFacts, dep(func(d *Deployment) { d.Members = nil }), Adjusting, "does not list the members"},
		{"a member has no green", builtFacts, dep(func(d *Deployment) { d.Members[1].Target = "" }), Adjusting, "orders-r1 has no green yet"},
		{"blue is backed up when its green could be built", checkedFacts, busy("orders", "backing-up"), Checked, "orders is backing-up"},
		{"its replica is", checkedFacts, busy("orders-r1", "modifying"), Checked, "orders-r1 is modifying"},
		{"blue is stopped", checkedFacts, busy("orders", "stopped"), Blocked, "a member"},
		{"its replica is full", checkedFacts, busy("orders-r1", "storage-full"), Blocked, "a member"},
		{"what RDS offers is still being read", checkedFacts, func(f *Facts) { f.Loading = "throttled" }, Pending, "throttled"},
		{"and a green stands there", builtFacts, func(f *Facts) { f.Loading = "throttled" }, Adjusting, "throttled"},
		{"green is modifying", builtFacts, green(func(i *Instance) { i.Status = "modifying" }), Adjusting, greenID + " is modifying"},
		{"green's volume initializes", builtFacts, green(func(i *Instance) { i.StorageOperation, i.Progress = "storage-initialization", "40" }), Adjusting, "storage-initialization (40 %)"},
		{"green has pending changes", builtFacts, green(func(i *Instance) { i.Pending = []string{"DBInstanceClass=x"} }), Adjusting, "waiting for DBInstanceClass"},
		{"green is not visible", builtFacts, func(f *Facts) { delete(f.Instances, greenID) }, Adjusting, "not visible"},
		{"green has the old class", builtFacts, green(func(i *Instance) { i.Class = "db.m5.large" }), Adjusting, "needs class db.m7g.large"},
		{"green replica keeps its storage", builtFacts, func(f *Facts) { f.Instances[greenR1].StorageType = "io1" }, Adjusting, greenR1 + " needs storage gp3"},
		{"green has another parameter group", builtFacts, green(func(i *Instance) { i.ParameterGroup = "default.mysql8.0" }), Adjusting, "parameter group orders-80"},
		{"blue is modifying", builtFacts, func(f *Facts) { f.Instances["orders"].Status = "modifying" }, Adjusting, "orders is not available"},
		{"blue's replica is rebooting", builtFacts, func(f *Facts) { f.Instances["orders-r1"].Status = "rebooting" }, Adjusting, "orders-r1 is not available"},
		{"a member lags behind the deployment", builtFacts, dep(func(d *Deployment) { d.Members[1].Status = Provisioning }), Adjusting, "is PROVISIONING in the deployment"},

		// Lag, reads, prechecks.
		{"lag not read", builtFacts, func(f *Facts) { f.Watch.Lag = nil }, CatchingUp, "has not been read"},
		{"lag unknown once", builtFacts, func(f *Facts) { f.Watch.Lag = &Lag{At: today, Reason: "refused"}; f.Watch.LagUnknown = 1 }, CatchingUp, "refused"},
		{"lag unknown for long", builtFacts, func(f *Facts) { f.Watch.Lag = &Lag{At: today, Reason: "refused"}; f.Watch.LagUnknown = OddReads }, Held, "not known: refused"},
		{"lag is old", builtFacts, func(f *Facts) { f.Watch.Lag.At = today.Add(-time.Hour) }, CatchingUp, "1h0m0s old"},
		{"lag is high", builtFacts, func(f *Facts) { f.Watch.Lag.Seconds = 6 }, CatchingUp, "6 s, limit 5s"},
		{"lag at the limit", builtFacts, func(f *Facts) { f.Watch.Lag.Seconds = 5 }, Ready, ""},
		{"lag is low only since now", builtFacts, func(f *Facts) { f.Watch.LagOKSince = today.Add(-59 * time.Second) }, CatchingUp, "must stay"},
		{"no SQL", builtFacts, func(f *Facts) { f.Policy.SQL = false }, Held, "gives no SQL access"},
		{"no SQL, with a person's word", builtFacts, func(f *Facts) { f.Policy.SQL, f.Record.AllowNoSQL = false, someone }, Ready, ""},
		{"two good reads", builtFacts, func(f *Facts) { f.Watch.StableReads = 2 }, Verifying, "2 of 3 good reads"},
		{"precheck has aged", builtFacts, func(f *Facts) { f.Record.Precheck.At = today.Add(-25 * time.Hour) }, Verifying, "older than"},
		{"no precheck is known: journal lost", builtFacts, func(f *Facts) { f.Record = Record{} }, Verifying, "older than"},
		{"a later precheck blocks", builtFacts, func(f *Facts) { f.Record.Precheck.Verdict, f.Record.Precheck.Reason = "blocked", "new table" }, Blocked, "new table"},
		{"a later precheck is unknown", builtFacts, func(f *Facts) { f.Record.Precheck.Verdict = "unknown" }, Held, "inconclusive"},
		{"ready", builtFacts, nothing, Ready, "available and in step"},
		{"ready, found by name alone", builtFacts, func(f *Facts) { f.Deployments[0].Tags, f.Record.Deployment = nil, "" }, Ready, ""},
		{"ready, but paused", builtFacts, func(f *Facts) { f.Record.Paused = someone }, Held, "paused by anna"},
		{"ready, but skipped", builtFacts, func(f *Facts) { f.Record.Skip = someone }, Held, "skipped by anna"},
		{"adjusting, but paused", builtFacts, both(green(func(i *Instance) { i.Class = "db.m5.large" }), func(f *Facts) { f.Record.Paused = someone }), Held, "paused by anna"},
		{"a change was refused", builtFacts, func(f *Facts) { f.Record.ActError = "no capacity" }, Held, "no capacity"},
		{"green is there, but nothing remains to be done", builtFacts, func(f *Facts) { f.Hops = nil }, Held, "nothing remains"},
		{"green is there, but the route is not known", builtFacts, func(f *Facts) { f.Hops, f.RouteError = nil, "versions could not be read" }, Held, "could not be read"},

		// Switching.
		{"switching", builtFacts, status(SwitchoverInProgress), Switching, "is switching over"},
		{"switching, and a rollback was asked for", builtFacts, both(status(SwitchoverInProgress), func(f *Facts) { f.Record.Rollback = someone }), Switching, ""},
		{"announced, not visible yet", builtFacts, pending, Switching, "does not show it yet"},
		{"announced, never visible", builtFacts, both(pending, func(f *Facts) { f.Watch.IdleSwitch = idleReads }), Switching, "did not complete"},
		{"announced, failed", builtFacts, both(pending, status(SwitchoverFailed), func(f *Facts) { f.Watch.IdleSwitch = idleReads }), Switching, "did not complete"},
		{"announced, still shows the failure before", builtFacts, both(pending, status(SwitchoverFailed)), Switching, "does not show it yet"},
		{"a rollback waits for a switchover", builtFacts, both(pending, func(f *Facts) { f.Record.Rollback = &Human{} }), Switching, ""},
		{"refused for good while rolling back", builtFacts, func(f *Facts) { f.Record.Rollback, f.Record.ActError = &Human{}, "no" }, Held, "AWS refused"},
		{"a replica came later", builtFacts, func(f *Facts) {
			f.Instances["orders"].Replicas = append(f.Instances["orders"].Replicas, "orders-r9")
		}, Held, "replica orders-r9 has no green"},
		{"a pair is broken", builtFacts, func(f *Facts) { f.Deployments[0].Members[0].Status = "MISSING_TARGET" }, Held, "MISSING_TARGET"},
		{"green waits for a reboot", builtFacts, green(func(i *Instance) { i.ParameterStatus = "pending-reboot" }), Adjusting, "rebooted"},
		{"a person's word does not beat a known lag", builtFacts, func(f *Facts) {
			f.Record.AllowNoSQL, f.Watch.Lag = &Human{}, &Lag{At: f.Now, Known: true, Seconds: 9000}
		}, CatchingUp, "9000"},
		{"failed once, may try again", builtFacts, both(failed(1), status(SwitchoverFailed)), Ready, "timed out"},
		{"failed once, not settled", builtFacts, both(failed(1), status(SwitchoverFailed), green(func(i *Instance) { i.Status = "modifying" })), Adjusting, ""},
		{"failed twice", builtFacts, both(failed(2), status(SwitchoverFailed)), Failed, "2 switchovers were rolled back"},
		{"failed twice, AWS says available", builtFacts, failed(2), Failed, "timed out"},
		{"rollback before the switchover", builtFacts, func(f *Facts) { f.Record.Rollback = someone }, RollingBack, "blue keeps serving"},
		{"rollback of a failed build", builtFacts, both(status(InvalidConfiguration), func(f *Facts) { f.Record.Rollback = someone }), RollingBack, ""},

		{"not completed, but the names have moved", switchedFacts, status(Available), Held, "already bears the name orders"},
		{"the shell of a switched hop is being deleted", func() Facts { return confirmedFacts(2 * time.Hour) }, status(Deleting), Done, ""},

		// After.
		{"completed", switchedFacts, nothing, Switched, "are being confirmed"},
		{"completed, the journal is lost", switchedFacts, func(f *Facts) { f.Record = Record{} }, Switched, "are being confirmed"},
		{"completed, but the old version answers", switchedFacts, func(f *Facts) { f.Hops = []Hop{toEight}; f.Instances["orders"].Version = "5.7.44" }, Switched, "still shows 5.7.44"},
		{"completed, and the old version answers for long", switchedFacts, func(f *Facts) {
			f.Hops, f.Watch.Odd = []Hop{toEight}, OddReads
			f.Instances["orders"].Version = "5.7.44"
		}, Held, "but orders is 5.7.44"},
		{"not confirmed", switchedFacts, func(f *Facts) {
			f.Record.SwitchedAt, f.Record.ConfirmError = today, "the server answers 5.7.44"
		}, Held, "not confirmed"},
		{"the hop before was not confirmed, this one is not recorded", switchedFacts, func(f *Facts) {
			f.Record.SwitchedAt, f.Record.SwitchedBy, f.Record.ConfirmedAt = today, "bgd-0", today
		}, Switched, "are being confirmed"},
		{"soaking", func() Facts { return confirmedFacts(59 * time.Minute) }, nothing, Soaking, "on 8.0.46 since 2026-11-23 11:01 UTC"},
		{"soaked", func() Facts { return confirmedFacts(time.Hour) }, nothing, Done, "on 8.0.46"},
		{"done, deployment deleted", func() Facts { return confirmedFacts(2 * time.Hour) }, gone, Done, ""},
		{"soaking, deployment deleted", func() Facts { return confirmedFacts(time.Minute) }, gone, Soaking, ""},
		{"switched, deployment deleted before the confirmation", func() Facts { return confirmedFacts(time.Minute) }, both(gone, func(f *Facts) { f.Record.ConfirmedAt = time.Time{} }), Switched, ""},
		{"old blue is gone", func() Facts { return confirmedFacts(2 * time.Hour) }, func(f *Facts) { delete(f.Instances, "orders-old1"); f.Record.BlueBefore = nil }, Cleaned, ""},
		{"done, journal and deployment lost", switchedFacts, both(gone, func(f *Facts) { f.Record = Record{} }), Done, ""},
		{"next hop, soaking the first", func() Facts { return confirmedFacts(time.Minute) }, func(f *Facts) { f.Hops = []Hop{{From: "8.0.46", To: "8.4.7"}} }, Soaking, ""},
		{"next hop, after the soak", func() Facts { return confirmedFacts(2 * time.Hour) }, func(f *Facts) { f.Hops = []Hop{{From: "8.0.46", To: "8.4.7"}} }, Pending, "not prechecked for 8.0.46 -> 8.4.7"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := tt.base()
			tt.change(&f)
			s := Derive(f)
			if s.Stage != tt.want || !strings.Contains(s.Reason, tt.reason) {
				t.Errorf("stage %s (%s), want %s (%s)", s.Stage, s.Reason, tt.want, tt.reason)
			}
			if s.Reason == "" || s.NextStep == "" && s.Stage != Cleaned && s.Stage != Skipped {
				t.Errorf("reason %q, next step %q: a person learns nothing", s.Reason, s.NextStep)
			}
			checkStep(t, f, s, Next(f, s))
		})
	}
}

// TestAmbiguous: which server owns the name is not known; nothing may happen.
func TestAmbiguous(t *testing.T) {
	for name, f := range map[string]Facts{
		"no blue":       {ID: "orders", Watch: Watch{Odd: OddReads}},
		"not confirmed": func() Facts { f := switchedFacts(); f.Record.SwitchedAt, f.Record.ConfirmError = today, "x"; return f }(),
		"names have moved, but not completed": func() Facts {
			f := switchedFacts()
			f.Deployments[0].Status, f.Watch.Odd = Available, OddReads
			return f
		}(),
		"old version":       func() Facts { f := switchedFacts(); f.Hops, f.Watch.Odd = []Hop{toEight}, OddReads; return f }(),
		"blue half-renamed": func() Facts { f := switchedFacts(); delete(f.Instances, "orders"); f.Watch.Odd = OddReads; return f }(),
	} {
		s := Derive(f)
		if !s.Ambiguous || s.Stage != Held {
			t.Errorf("%s: %s, ambiguous %v", name, s.Stage, s.Ambiguous)
		}
		if st := Next(f, s); len(st.Actions)+len(st.Work) > 0 {
			t.Errorf("%s: next is %+v, want nothing", name, st)
		}
	}
	f := switchedFacts()
	f.Hops, f.Watch.Odd = []Hop{toEight}, OddReads-1
	if s := Derive(f); s.Ambiguous {
		t.Error("ambiguous before RDS had its time to become consistent")
	}
}

// TestEveryStatus crosses deployment, member and instance statuses: there is
// always a stage, and only what is known good is ready.
func TestEveryStatus(t *testing.T) {
	deployments := []string{Provisioning, Available, SwitchoverInProgress, SwitchoverCompleted, SwitchoverFailed, InvalidConfiguration, Deleting, "", "available", "NEW"}
	members := []string{Provisioning, Available, SwitchoverInProgress, SwitchoverFailed, InvalidConfiguration, "", "NEW"}
	instances := []string{"available", "modifying", "storage-initialization", "upgrading", "incompatible-parameters", "storage-full", ""}
	for _, d := range deployments {
		for _, m := range members {
			for _, i := range instances {
				f := builtFacts()
				f.Deployments[0].Status, f.Deployments[0].Members[0].Status, f.Instances[greenID].Status = d, m, i
				s := Derive(f)
				ready := (d == Available || d == SwitchoverFailed) && (m == Available || m == SwitchoverFailed) && i == "available"
				if (s.Stage == Ready) != ready {
					t.Errorf("deployment %q, member %q, green %q: %s (%s)", d, m, i, s.Stage, s.Reason)
				}
				checkStep(t, f, s, Next(f, s))
			}
		}
	}
}

// checkStep holds what must be true of every step, whatever the facts.
func checkStep(t *testing.T, f Facts, s State, st Step) {
	t.Helper()
	fail := func(format string, args ...any) {
		t.Helper()
		t.Errorf("%s (%s): %s", s.Stage, s.Reason, fmt.Sprintf(format, args...))
	}
	if s.Stage == "" {
		fail("no stage")
	}
	if s.Ambiguous && len(st.Actions)+len(st.Work) > 0 {
		fail("ambiguous, and yet %v %v", st.Actions, st.Work)
	}
	greens := map[string]bool{}
	for _, d := range f.Deployments {
		if f.Ours(d) && d.Status != SwitchoverCompleted {
			for _, m := range d.Members {
				greens[IDFromARN(m.Target)] = true
			}
		}
	}
	delete(greens, f.ID)
	for _, d := range f.Deployments {
		for _, m := range d.Members {
			if d.Status != SwitchoverCompleted {
				delete(greens, IDFromARN(m.Source))
			}
		}
	}
	for _, w := range st.Work {
		if w == WorkPrecheck && len(f.Hops) == 0 {
			fail("a precheck for no hop")
		}
		if w == WorkExplain && s.Deployment == nil {
			fail("nothing to explain")
		}
	}
	for _, a := range st.Actions {
		if a.Database != f.ID {
			fail("%s is for %q", a, a.Database)
		}
		switch a.Kind {
		case Switchover:
			if s.Stage != Ready || st.Queue != SwitchQueue || s.Deployment == nil || a.Deployment != s.Deployment.ID || !f.Ours(*s.Deployment) {
				fail("switchover of %s in queue %q", a.Deployment, st.Queue)
			}
		case CreateDeployment:
			if s.Stage != Checked || st.Queue != BuildQueue || f.Instances[f.ID] == nil || !f.Instances[f.ID].Available() {
				fail("create in queue %q", st.Queue)
			}
		case DeleteDeployment:
			d := f.deployment(a.Deployment)
			if d == nil || !f.Ours(*d) {
				fail("deletes %s, which is not ours", a.Deployment)
			} else if a.DeleteTarget && d.Status == SwitchoverCompleted {
				fail("deletes the green of a completed switchover: that is the database itself")
			}
		case DeleteInstance:
			fail("deletes an instance")
		case ModifyInstance:
			if !greens[a.Instance] {
				fail("modifies %s, which is no green of ours", a.Instance)
			}
		}
	}
}

func (f Facts) deployment(id string) *Deployment {
	for i := range f.Deployments {
		if f.Deployments[i].ID == id {
			return &f.Deployments[i]
		}
	}
	return nil
}

// TestDerivePure: the facts are as they were, and the answer is the same twice.
func TestDerivePure(t *testing.T) {
	for name, base := range map[string]func() Facts{"idle": idleFacts, "checked": checkedFacts, "built": builtFacts, "switched": switchedFacts} {
		f := base()
		before := fmt.Sprintf("%+v %+v %+v", f.Record, f.Watch, f.Deployments)
		ids := fmt.Sprint(len(f.Instances), maps.Clone(f.Instances))
		a, b := Derive(f), Derive(f)
		if fmt.Sprintf("%+v", a) != fmt.Sprintf("%+v", b) {
			t.Errorf("%s: %+v, then %+v", name, a, b)
		}
		Next(f, a)
		if before != fmt.Sprintf("%+v %+v %+v", f.Record, f.Watch, f.Deployments) || ids != fmt.Sprint(len(f.Instances), f.Instances) {
			t.Errorf("%s: the facts were changed", name)
		}
	}
}

// TestStagesTable: every stage stands in the table once, and the road rises.
func TestStagesTable(t *testing.T) {
	last := 0
	seen := map[Stage]bool{}
	for _, row := range Stages {
		if seen[row.Stage] || row.Meaning == "" || row.MovedBy == "" {
			t.Errorf("row %+v", row)
		}
		seen[row.Stage] = true
		if row.Order != 0 && row.Order != last+1 {
			t.Errorf("%s has order %d after %d", row.Stage, row.Order, last)
		}
		if row.Order != 0 {
			last = row.Order
		}
		if row.Stage.Terminal() != (row.MovedBy == "nobody" || row.MovedBy == "person" && row.Stage != Held) {
			t.Errorf("%s: terminal %v, moved by %s", row.Stage, row.Stage.Terminal(), row.MovedBy)
		}
	}
	for stage, want := range map[Stage]bool{Pending: false, Checked: false, Building: true, Ready: true, Switching: true, Switched: false, Done: false, RollingBack: true, Held: false} {
		if stage.HasGreen() != want {
			t.Errorf("%s has a green: %v", stage, !want)
		}
	}
}

// busy is a member that is not available, with what the judgement says of it.
func busy(id, status string) func(*Facts) {
	return func(f *Facts) {
		f.Instances[id].Status = status
		f.Issues = append(f.Issues, Issue{ID: "instance-not-available", Severity: "block", Message: "a member is not available"})
	}
}
