package bluegreen

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// stepText is a step in words: its queue, calls and reads.
func stepText(st Step) []string {
	var out []string
	if st.Queue != NoQueue {
		out = append(out, "queue "+string(st.Queue))
	}
	for _, a := range st.Actions {
		out = append(out, a.String())
	}
	for _, w := range st.Work {
		out = append(out, "work "+string(w))
	}
	return out
}

func TestNext(t *testing.T) {
	create := "create deployment q4-orders-8-0-46, to 8.0.46, db.m7g.large, gp3, parameter group orders-80"
	settings := []Parameter{{Name: "a", Value: "1"}, {Name: "b", Value: "2"}}
	spec := ParameterSpec{Name: "orders-80", Family: "mysql8.0", Parameters: settings}
	rolledBack := func(f *Facts) { f.Record.Rollback = someone }
	tests := []struct {
		name   string
		base   func() Facts
		change func(*Facts)
		want   []string
	}{
		{"precheck first", idleFacts, nil, []string{"work precheck"}},
		{"nothing while loading", idleFacts, func(f *Facts) { f.Loading = "x" }, nil},
		{"create", checkedFacts, nil, []string{"queue build", create}},
		{"nothing while blue is busy", checkedFacts, func(f *Facts) { f.Instances["orders"].Status = "modifying" }, nil},
		{"the group first", checkedFacts, func(f *Facts) { f.Group = &GroupState{Spec: spec} },
			[]string{"queue build", "create parameter group orders-80 (mysql8.0)", "set 2 parameters in orders-80", create}},
		{"the rest of the group", checkedFacts, func(f *Facts) { f.Group = &GroupState{Spec: spec, Exists: true, Missing: settings[1:]} },
			[]string{"queue build", "set b=2 in orders-80", create}},
		{"the group is complete", checkedFacts, func(f *Facts) { f.Group = &GroupState{Spec: spec, Exists: true} }, []string{"queue build", create}},
		{"the deployment of the hop before goes, its old blue stays", func() Facts {
			f := confirmedFacts(2 * time.Hour)
			f.Hops, f.Target = []Hop{{From: "8.0.46", To: "8.4.7"}}, &Target{Version: "8.4.7"}
			f.Record.Precheck = &PrecheckFact{From: "8.0.46", To: "8.4.7", Verdict: "ready", At: today}
			return f
		}, nil, []string{"queue build", "delete deployment bgd-1"}},
		{"wait until it is gone", func() Facts {
			f := confirmedFacts(2 * time.Hour)
			f.Hops, f.Target = []Hop{{From: "8.0.46", To: "8.4.7"}}, &Target{Version: "8.4.7"}
			f.Record.Precheck = &PrecheckFact{From: "8.0.46", To: "8.4.7", Verdict: "ready", At: today}
			f.Deployments[0].Status = Deleting
			return f
		}, nil, nil},
		{"storage that is as wanted is not sent", checkedFacts, func(f *Facts) {
			f.Target.Storage = StorageSpec{Type: "gp2", AllocatedGiB: 500}
			f.Target.CreateClass = ""
		},
			[]string{"queue build", "create deployment q4-orders-8-0-46, to 8.0.46, parameter group orders-80"}},
		{"wait while building", builtFacts, func(f *Facts) { f.Deployments[0].Status = Provisioning }, nil},
		{"green and replica are brought to their target", builtFacts, func(f *Facts) {
			f.Instances[greenID].Class, f.Instances[greenR1].StorageType = "db.m5.large", "io1"
		}, []string{"modify " + greenID + ": class db.m7g.large", "modify " + greenR1 + ": storage gp3"}},
		{"nothing is built while a replica is busy", checkedFacts, func(f *Facts) { f.Instances["orders-r1"].Status = "modifying" }, nil},
		{"greens are left alone while the target is not certain", builtFacts, func(f *Facts) {
			f.Instances[greenID].Class, f.Loading = "db.m5.large", "throttled"
		}, nil},
		{"only the settled one is modified", builtFacts, func(f *Facts) {
			f.Instances[greenID].Class, f.Instances[greenR1].StorageType, f.Instances[greenR1].Status = "db.m5.large", "io1", "modifying"
		}, []string{"modify " + greenID + ": class db.m7g.large"}},
		{"lag", builtFacts, func(f *Facts) { f.Watch.Lag = nil }, []string{"work lag"}},
		{"lag goes on being asked while it is not known", builtFacts, func(f *Facts) {
			f.Watch.Lag, f.Watch.LagUnknown = &Lag{At: today, Reason: "x"}, OddReads
		}, []string{"work lag"}},
		{"verify", builtFacts, func(f *Facts) { f.Watch.StableReads = 1 }, []string{"work lag"}},
		{"precheck again when it has aged", builtFacts, func(f *Facts) { f.Record.Precheck.At = today.Add(-48 * time.Hour) }, []string{"work lag", "work precheck"}},
		{"switch over", builtFacts, nil, []string{"queue switch", "switch over bgd-1 (timeout 5m0s)", "work lag"}},
		{"no switchover of a paused one", builtFacts, func(f *Facts) { f.Record.Paused = someone }, []string{"work lag"}},
		{"wait while switching", builtFacts, func(f *Facts) { f.Deployments[0].Status = SwitchoverInProgress }, nil},
		{"ask for the reason", builtFacts, func(f *Facts) { f.Record.SwitchPending, f.Watch.IdleSwitch = true, idleReads }, []string{"work explain"}},
		{"failed for good: a person", builtFacts, func(f *Facts) { f.Record.SwitchAttempts, f.Record.SwitchError = 2, "x" }, nil},
		{"explain a failed build", builtFacts, func(f *Facts) { f.Deployments[0].Status = InvalidConfiguration }, []string{"work explain"}},
		{"an explained build waits for a person", builtFacts, func(f *Facts) { f.Deployments[0].Status, f.Record.BuildError = InvalidConfiguration, "x" }, nil},
		{"a retry removes the failed build", builtFacts, func(f *Facts) {
			f.Deployments[0].Status, f.Record.Retry = InvalidConfiguration, someone
		}, []string{"delete deployment bgd-1 and its green"}},
		{"an earlier retry does not", builtFacts, func(f *Facts) {
			f.Deployments[0].Status, f.Record.BuildError = InvalidConfiguration, "x"
			f.Record.Retry = &Human{At: f.Deployments[0].Created.Add(-time.Second)}
		}, nil},
		{"way back", builtFacts, rolledBack, []string{"delete deployment bgd-1 and its green"}},
		{"way back with deletion protection, of greens only", builtFacts, func(f *Facts) {
			rolledBack(f)
			for _, i := range f.Instances {
				i.Protected = true
			}
		}, []string{"modify " + greenID + ": deletion protection false", "modify " + greenR1 + ": deletion protection false", "delete deployment bgd-1 and its green"}},
		{"way back is under way", builtFacts, func(f *Facts) { rolledBack(f); f.Deployments[0].Status = Deleting }, nil},
		{"no way back in the middle of a switchover", builtFacts, func(f *Facts) { rolledBack(f); f.Deployments[0].Status = SwitchoverInProgress }, nil},
		{"compare blue", builtFacts, func(f *Facts) { rolledBack(f); f.Deployments = nil }, []string{"work compare-blue"}},
		{"note the switch", switchedFacts, nil, []string{"work record-switch"}},
		{"confirm the switch", switchedFacts, func(f *Facts) { f.Record.SwitchedAt = today }, []string{"work confirm"}},
		{"note the second hop's switch, too", switchedFacts, func(f *Facts) {
			f.Record.SwitchedAt, f.Record.SwitchedTo, f.Record.SwitchedBy = today.Add(-time.Hour), "8.0.46", "bgd-0"
		}, []string{"work record-switch"}},
		{"soak", func() Facts { return confirmedFacts(time.Minute) }, nil, nil},
		{"done", func() Facts { return confirmedFacts(time.Hour) }, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := tt.base()
			if tt.change != nil {
				tt.change(&f)
			}
			s := Derive(f)
			st := Next(f, s)
			if d := cmp.Diff(tt.want, stepText(st)); d != "" {
				t.Errorf("%s (%s): step (-want +got):\n%s", s.Stage, s.Reason, d)
			}
			checkStep(t, f, s, st)
		})
	}
}

// TestStrangerWithOurGreenName: a deployment of another campaign is never
// adopted, switched or deleted, however much it looks like ours.
func TestStranger(t *testing.T) {
	for _, status := range []string{Provisioning, Available, SwitchoverInProgress, SwitchoverFailed, InvalidConfiguration, Deleting, "NEW"} {
		f := builtFacts()
		f.Record = Record{Precheck: f.Record.Precheck, Rollback: someone, Retry: someone}
		f.Deployments[0].Name, f.Deployments[0].Tags, f.Deployments[0].Status = "q3-orders-8-0-46", map[string]string{TagCampaign: "q3", TagDatabase: "orders"}, status
		for _, human := range []*Human{someone, nil} {
			f.Record.Rollback = human
			s := Derive(f)
			if st := Next(f, s); len(st.Actions) > 0 {
				t.Errorf("%s: %s: %v", status, s.Stage, stepText(st))
			}
		}
	}
}

// TestRandomFacts: whatever AWS, the journal and persons say, there is a
// stage, nothing panics, and no step breaks the rules of checkStep.
func TestRandomFacts(t *testing.T) {
	rnd := rand.New(rand.NewPCG(2026, 11))
	stages := map[Stage]int{}
	for n := range 60_000 {
		f := randomFacts(rnd)
		func() {
			defer func() {
				if p := recover(); p != nil {
					t.Errorf("facts %d: panic: %v\n%+v", n, p, f)
				}
			}()
			f.Watch = Look(f)
			s := Derive(f)
			stages[s.Stage]++
			checkStep(t, f, s, Next(f, s))
		}()
		if t.Failed() {
			t.Fatalf("facts %d: %+v", n, f)
		}
	}
	for _, row := range Stages {
		if stages[row.Stage] == 0 && row.Stage != Unobservable {
			t.Errorf("no random facts gave %s: the test does not reach it", row.Stage)
		}
	}
}

func randomFacts(rnd *rand.Rand) Facts {
	pick := func(of ...string) string { return of[rnd.IntN(len(of))] }
	rare := func() bool { return rnd.IntN(8) == 0 }
	bases := []func() Facts{idleFacts, checkedFacts, builtFacts, builtFacts, switchedFacts, func() Facts { return confirmedFacts(time.Duration(rnd.IntN(120)) * time.Minute) }}
	f := bases[rnd.IntN(len(bases))]()
	human := func(h **Human) {
		if rare() {
			*h = &Human{At: today.Add(time.Duration(rnd.IntN(600)-300) * time.Minute), By: "x"}
		}
	}
	for _, h := range []**Human{&f.Record.Paused, &f.Record.Skip, &f.Record.Rollback, &f.Record.Retry, &f.Record.AllowNoSQL} {
		human(h)
	}
	for _, s := range []*string{&f.Record.CreateError, &f.Record.ActError, &f.Record.SwitchError, &f.Record.ConfirmError, &f.Record.BuildError} {
		if rare() {
			*s = "refused"
		}
	}
	for _, at := range []*time.Time{&f.Record.SwitchedAt, &f.Record.ConfirmedAt, &f.Record.RolledBack} {
		switch rnd.IntN(10) {
		case 0:
			*at = time.Time{}
		case 1:
			*at = today.Add(-time.Duration(rnd.IntN(7200)) * time.Second)
		}
	}
	if rare() {
		f.Record = Record{}
	}
	f.Record.SwitchPending, f.Record.DeploymentGone = f.Record.SwitchPending != rare(), rare()
	f.Record.SwitchAttempts = rnd.IntN(4)
	if p := f.Record.Precheck; p != nil && rare() {
		p.Verdict, p.At = pick("ready", "blocked", "unknown", ""), today.Add(-time.Duration(rnd.IntN(48))*time.Hour)
	}
	f.Watch.Odd, f.Watch.Missing, f.Watch.IdleSwitch, f.Watch.LagUnknown = rnd.IntN(10), rnd.IntN(10), rnd.IntN(6), rnd.IntN(10)
	if rare() {
		f.Watch.Lag = nil
	}
	for id, i := range f.Instances {
		switch rnd.IntN(12) {
		case 0:
			delete(f.Instances, id)
		case 1:
			i.Status = pick("modifying", "rebooting", "storage-full", "", "upgrading")
		case 2:
			i.Class, i.Protected = pick("db.m5.large", "db.t3.micro"), true
		case 3:
			i.Version, i.ParameterGroup = pick("5.7.44", "8.0.46", "8.4.7", ""), pick("", "x")
		}
	}
	randomDeployments(rnd, &f, pick, rare)
	switch rnd.IntN(8) {
	case 0:
		f.Hops = nil
	case 1:
		f.Hops = []Hop{{From: "5.7.44", To: "8.0.46"}, {From: "8.0.46", To: "8.4.7"}}
	case 2:
		f.RouteError, f.Hops = pick("", "no route"), nil
	case 3:
		f.Target = nil
	case 4:
		f.Group = &GroupState{Spec: ParameterSpec{Name: "g", Parameters: make([]Parameter, rnd.IntN(45))}, Exists: rare(), Missing: make([]Parameter, rnd.IntN(3))}
	case 5:
		f.Issues, f.Loading = []Issue{{Severity: pick("warn", "block", "")}}, pick("", "", "loading")
	case 6:
		f.Policy = Policy{SQL: rare(), Retries: rnd.IntN(3), StableReads: rnd.IntN(5)}
	}
	return f
}

func randomDeployments(rnd *rand.Rand, f *Facts, pick func(...string) string, rare func() bool) {
	arn := func() string {
		return armPrefix + pick("orders", "orders-r1", greenID, greenR1, "orders-old1", "orders-old2", "other")
	}
	if rare() {
		f.Deployments = nil
	}
	for range rnd.IntN(3) {
		d := Deployment{ID: fmt.Sprint("bgd-", rnd.IntN(1000)+10), Name: pick("", "mine", DeploymentName("q4", "orders", "8.0.46"), DeploymentName("q4", "orders", "8.4.7")),
			Source: arn(), Target: pick("", arn()), Created: today.Add(-time.Duration(rnd.IntN(5000)) * time.Minute)}
		for range rnd.IntN(3) {
			d.Members = append(d.Members, Member{Source: arn(), Target: pick("", arn()), Status: pick(Available, Provisioning, "NEW")})
		}
		if rare() {
			d.Tags = map[string]string{TagCampaign: pick("q4", "q3"), TagDatabase: pick("orders", "other")}
		}
		f.Deployments = append(f.Deployments, d)
	}
	for i := range f.Deployments {
		if rnd.IntN(2) == 0 {
			f.Deployments[i].Status = pick(Provisioning, Available, SwitchoverInProgress, SwitchoverCompleted, SwitchoverFailed, InvalidConfiguration, Deleting, "", "NEW")
		}
	}
}

// TestNeverDeletesTheDatabase: whatever the stage says, a deployment whose
// target bears the database's own name is not deleted with its target.
func TestNeverDeletesTheDatabase(t *testing.T) {
	f := switchedFacts()
	d := &f.Deployments[0]
	for _, status := range []string{Available, SwitchoverFailed, InvalidConfiguration, SwitchoverCompleted} {
		d.Status = status
		if st := Next(f, State{Stage: RollingBack, Deployment: d}); len(st.Actions) > 0 {
			t.Errorf("%s: %v", status, stepText(st))
		}
	}
}

func TestBlueChanges(t *testing.T) {
	before := blueOrders()
	if got := BlueChanges(before, blueOrders()); len(got) > 0 {
		t.Errorf("nothing changed, but %v", got)
	}
	for name, change := range map[string]func(*Instance){
		"resource id": func(i *Instance) { i.ResourceID = "db-OTHER" }, "version": func(i *Instance) { i.Version = "8.0.46" },
		"class": func(i *Instance) { i.Class = "db.m7g.large" }, "storage type": func(i *Instance) { i.StorageType = "gp3" },
		"allocated storage": func(i *Instance) { i.AllocatedGiB++ }, "IOPS": func(i *Instance) { i.IOPS++ },
		"endpoint": func(i *Instance) { i.Address = "elsewhere" }, "parameter group": func(i *Instance) { i.ParameterGroup = "x" },
		"option group": func(i *Instance) { i.OptionGroup = "x" }, "deletion protection": func(i *Instance) { i.Protected = true },
		"status": func(i *Instance) { i.Status = "modifying" },
	} {
		now := blueOrders()
		change(&now)
		if got := BlueChanges(before, now); len(got) != 1 || !strings.HasPrefix(got[0], name+" was ") {
			t.Errorf("%s changed, but %q", name, got)
		}
	}
}
