package bluegreen

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rdsupgrade/rdsupgrade/internal/soak"
)

// chaos makes facts that no AWS and no journal should ever give.
type chaos struct{ *rand.Rand }

func (c chaos) one(of ...string) string { return of[c.IntN(len(of))] }
func (c chaos) in(n int) bool           { return c.IntN(n) == 0 }

var names = []string{"orders", "orders-r1", "orders-old1", "orders-r1-old1", "orders-old2", "orders-green-abc123", "orders-r1-green-abc123",
	"orders-green-xyz789", "other", "other-green-abc123", "x'; DROP TABLE y--", ""}

func (c chaos) arn() string {
	name := c.one(names...)
	switch c.IntN(12) {
	case 0:
		return name
	case 1:
		return c.one("", "arn:", "arn:aws:rds:eu-1:1:db:", ":::")
	}
	return armPrefix + name
}

func (c chaos) moment() time.Time {
	switch c.IntN(6) {
	case 0:
		return time.Time{}
	case 1:
		return today.Add(time.Duration(c.IntN(100)) * time.Hour) // ahead of us
	}
	return today.Add(-time.Duration(c.IntN(300_000)) * time.Second)
}

func (c chaos) human() *Human {
	if c.in(12) {
		return &Human{At: c.moment(), By: "x"}
	}
	return nil
}

func (c chaos) instance(id string) *Instance {
	return &Instance{ID: id, ARN: armPrefix + id, ResourceID: c.one("db-1", "db-2", "db-3", ""), Status: c.one("available", "available", "available", "available", "available", "modifying", "stopped", "", "?"),
		Version: c.one("5.7.44", "5.7.44", "8.0.46", "8.4.7", "", "x"), Class: c.one("db.m7g.large", "db.m7g.large", "db.m5.large"), StorageType: c.one("gp3", "gp3", "gp2"), AllocatedGiB: 500,
		ParameterGroup: c.one("orders-80", "orders-80", "p57"), ParameterStatus: c.one("in-sync", "in-sync", "in-sync", "pending-reboot", ""), Protected: c.in(4),
		Replicas: c.some(6, c.arn), Pending: c.some(12, c.arn), Roles: c.some(8, c.arn)}
}

// some is nothing mostly, else up to three.
func (c chaos) some(n int, f func() string) []string {
	if !c.in(n) {
		return nil
	}
	var out []string
	for range 1 + c.IntN(3) {
		out = append(out, f())
	}
	return out
}

func (c chaos) deployment() Deployment {
	d := Deployment{ID: c.one("bgd-1", "bgd-2", "bgd-3", ""), Name: c.one("q4-orders-8-0-46", "q4-orders-8-0-46", "q4-orders-8-4-7", "q3-orders-8-0-46", "bobs", ""),
		Source: c.arn(), Target: c.arn(), Created: c.moment(), Details: c.one("", "x"),
		Status: c.one(Available, Available, Available, Available, Provisioning, SwitchoverInProgress, SwitchoverCompleted, SwitchoverFailed, InvalidConfiguration, Deleting, "", "NEW")}
	if !c.in(3) { // as AWS would list it
		d.Source, d.Target = armPrefix+"orders", armPrefix+"orders-green-abc123"
		d.Members = append(d.Members, Member{Source: d.Source, Target: d.Target, Status: c.one(Available, Available, d.Status)})
		if c.in(3) {
			d.Members = append(d.Members, Member{Source: armPrefix + "orders-r1", Target: armPrefix + "orders-r1-green-abc123", Status: Available})
		}
	}
	if c.in(4) {
		for range c.IntN(4) {
			d.Members = append(d.Members, Member{Source: c.arn(), Target: c.arn(), Status: c.one(Available, Available, Provisioning, "MISSING_SOURCE", "MISSING_TARGET", "")})
		}
	}
	if !c.in(3) {
		d.Tags = map[string]string{TagCampaign: c.one("q4", "q4", "q4", "q3", ""), TagDatabase: c.one("orders", "orders", "orders", "other", "")}
	}
	return d
}

func (c chaos) record() Record {
	r := Record{Deployment: c.one("", "", "q4-orders-8-0-46", "bobs"), DeploymentGone: c.in(3), SwitchAttempts: c.IntN(5) - 1, SwitchPending: c.in(6), SwitchAccepted: c.in(2),
		SwitchAskedAt: c.moment(), SwitchedTo: c.one("", "8.0.46", "x"), SwitchedBy: c.one("", "bgd-1", "bgd-9"), BlueDiff: c.one("", "", "class"),
		Paused: c.human(), Skip: c.human(), Rollback: c.human(), Retry: c.human(), AllowNoSQL: c.human()}
	for _, s := range []*string{&r.SwitchError, &r.CreateError, &r.ActError, &r.ConfirmError, &r.BuildError} {
		if c.in(10) {
			*s = "refused"
		}
	}
	for _, at := range []*time.Time{&r.SwitchedAt, &r.ConfirmedAt, &r.RolledBack} {
		if c.in(5) {
			*at = c.moment()
		}
	}
	if !c.in(4) {
		r.Precheck = &PrecheckFact{From: c.one("5.7.44", "5.7.44", "5.7.44", "8.0.46", ""), To: c.one("8.0.46", "8.0.46", "8.0.46", "8.4.7", "x"),
			Verdict: c.one("ready", "ready", "ready", "ready", "blocked", "unknown", ""), At: c.moment(), Reason: "r"}
	}
	if c.in(3) {
		r.BlueBefore = c.instance("orders")
	}
	return r
}

func (c chaos) facts() Facts {
	f := Facts{Now: today, ID: "orders", Campaign: "q4", Instances: map[string]*Instance{}, Record: c.record(),
		Policy: Policy{StableReads: c.IntN(4), MaxLag: 5 * time.Second, LagFor: time.Minute, LagMaxAge: time.Duration(c.IntN(2)) * 5 * time.Minute, Retries: c.IntN(3), Soak: time.Hour,
			PrecheckMaxAge: time.Duration(c.IntN(2)) * 24 * time.Hour, SwitchTimeout: 5 * time.Minute, SQL: !c.in(4), MaxBuild: time.Duration(c.IntN(2)) * 48 * time.Hour}}
	for _, n := range names {
		likely := n == "orders" || n == "orders-green-abc123"
		if likely && !c.in(10) || c.in(3) {
			f.Instances[n] = c.instance(n)
		}
	}
	if i := f.Instances["orders"]; i != nil && !c.in(4) {
		i.Version, i.Status, i.Replicas = "5.7.44", "available", nil
	}
	if i := f.Instances["orders-green-abc123"]; i != nil && !c.in(4) {
		i.Version, i.Status, i.Class, i.StorageType, i.ParameterGroup, i.ParameterStatus, i.Pending = "8.0.46", "available", "db.m7g.large", "gp3", "orders-80", "in-sync", nil
	}
	for range []int{0, 0, 1, 1, 1, 2, 3}[c.IntN(7)] {
		f.Deployments = append(f.Deployments, c.deployment())
	}
	f.Hops = [][]Hop{nil, {toEight}, {toEight}, {toEight}, {toEight, {From: "8.0.46", To: "8.4.7", Family: "mysql8.4"}}}[c.IntN(5)]
	if !c.in(10) {
		f.Target = idleFacts().Target
	}
	if c.in(6) {
		f.Group = &GroupState{Spec: ParameterSpec{Name: "g", Family: "mysql8.0", Parameters: []Parameter{{Name: "a", Value: "1"}}}, Exists: c.in(2)}
	}
	if c.in(10) {
		f.Issues = []Issue{{ID: c.one("parameters-unknown", "instance-not-available", "backups-off"), Severity: c.one("warn", "block", ""), Message: "m"}}
	}
	if c.in(15) {
		f.Loading = "loading"
	}
	if c.in(15) {
		f.RouteError = "no route"
	}
	f.Watch = Watch{StableReads: c.IntN(5), Odd: c.IntN(10), Missing: c.IntN(10), IdleSwitch: c.IntN(6), LagUnknown: c.IntN(10), LagOf: c.one("", "bgd-1", "bgd-2", "bgd-3")}
	if !c.in(4) {
		f.Watch.Lag = &Lag{At: today.Add(-time.Duration(c.IntN(400)) * time.Second), Known: !c.in(6), Seconds: float64(c.IntN(8)), Reason: "r"}
		f.Watch.LagOKSince = today.Add(-time.Duration(c.IntN(200)) * time.Second)
	}
	return f
}

// nearly is a database about to be built, switched or done, with a few facts
// of chaos among its own.
func (c chaos) nearly() Facts {
	f, g := []func() Facts{checkedFacts, builtFacts, builtFacts, switchedFacts}[c.IntN(4)](), c.facts()
	c.mix(reflect.ValueOf(&f.Record).Elem(), reflect.ValueOf(g.Record), 40)
	c.mix(reflect.ValueOf(&f.Watch).Elem(), reflect.ValueOf(g.Watch), 40)
	c.mix(reflect.ValueOf(&f.Policy).Elem(), reflect.ValueOf(g.Policy), 40)
	for id, i := range f.Instances {
		if j := g.Instances[id]; j != nil {
			c.mix(reflect.ValueOf(i).Elem(), reflect.ValueOf(*j), 60)
		}
	}
	for n := range f.Deployments {
		c.mix(reflect.ValueOf(&f.Deployments[n]).Elem(), reflect.ValueOf(c.deployment()), 20)
	}
	if c.in(10) {
		f.Deployments = append(f.Deployments, g.Deployments...)
	}
	rest := Facts{Now: f.Now, ID: f.ID, Campaign: f.Campaign, Record: f.Record, Watch: f.Watch, Policy: f.Policy, Instances: f.Instances, Deployments: f.Deployments,
		Hops: g.Hops, Target: g.Target, Issues: g.Issues, Group: g.Group, Loading: g.Loading, RouteError: g.RouteError}
	c.mix(reflect.ValueOf(&f).Elem(), reflect.ValueOf(rest), 30)
	return f
}

// mix takes one in n fields over.
func (c chaos) mix(into, from reflect.Value, n int) {
	for i := range into.NumField() {
		if c.in(n) {
			into.Field(i).Set(from.Field(i))
		}
	}
}

// TestAbsurdFacts: whatever the facts, nothing is done that must not be. The
// rules here are written anew, without the functions that they judge.
func TestAbsurdFacts(t *testing.T) {
	seed := soak.Seed(t)
	c := chaos{rand.New(rand.NewPCG(seed, 3))}
	acts := map[ActionKind]int{}
	steps := soak.Number(t, "RDSUPGRADE_SOAK_FACTS", 100_000)
	for n := range steps {
		f := c.facts()
		if n%2 == 0 {
			f = c.nearly()
		}
		func() {
			defer func() {
				if p := recover(); p != nil {
					t.Errorf("panic: %v", p)
				}
			}()
			f.Watch = Look(f)
			s := Derive(f)
			st := Next(f, s)
			for _, a := range st.Actions {
				acts[a.Kind]++
			}
			for _, broken := range judge(f, s, st) {
				t.Errorf("%s (%s): %s", s.Stage, s.Reason, broken)
			}
			if n%16 == 0 {
				if again := Derive(f); !reflect.DeepEqual(s, again) || !reflect.DeepEqual(st, Next(f, again)) {
					t.Errorf("the same facts gave another answer: %s", cmp.Diff(s, again))
				}
			}
		}()
		if t.Failed() {
			t.Fatalf("seed %d, facts %d: %+v", seed, n, f)
		}
	}
	t.Logf("seed %d: %d steps, %v", seed, steps, acts)
	for _, k := range []ActionKind{CreateDeployment, CreateParameterGroup, SetParameters, ModifyInstance, RebootInstance, AddRole, Switchover, DeleteDeployment} {
		if acts[k] < steps/10_000 {
			t.Errorf("%s came %d times only: the test does not reach it", k, acts[k])
		}
	}
}

// judge lists the rules that a step breaks.
func judge(f Facts, s State, st Step) (broken []string) {
	bad := func(format string, args ...any) { broken = append(broken, fmt.Sprintf(format, args...)) }
	if s.Stage == "" || s.Reason == "" {
		bad("no stage or no reason")
	}
	if s.Ambiguous && len(st.Actions)+len(st.Work) > 0 {
		bad("nobody may touch it, and yet: %v %v", st.Actions, st.Work)
	}
	for _, a := range st.Actions {
		if a.Database != f.ID || a.Why == "" && a.Group == nil {
			bad("%s is nobody's, or without a reason", a)
		}
		switch a.Kind {
		case Switchover:
			broken = append(broken, judgeSwitch(f, st, a)...)
		case DeleteDeployment:
			broken = append(broken, judgeDelete(f, a)...)
		case CreateDeployment:
			broken = append(broken, judgeCreate(f, st, a)...)
		case ModifyInstance, RebootInstance, AddRole:
			if why := notGreen(f, a.Instance); why != "" {
				bad("%s: %s", a, why)
			}
			if m := a.Modify; m != nil && (m.NewID != "" || m.Protected != nil && *m.Protected) {
				bad("%s before the switchover", a)
			}
			if a.Modify == nil && a.Kind == ModifyInstance || a.Role == "" && a.Kind == AddRole {
				bad("%s is not complete", a.Kind)
			}
		case CreateParameterGroup, SetParameters, CreateOptionGroup:
			if st.Queue != BuildQueue && s.Stage != Adjusting || a.Group == nil && a.Options == nil || a.Group != nil && a.Group.Name == "" {
				bad("%s is not complete or counts for no limit", a.Kind)
			}
		default:
			bad("%s has no business here", a.Kind)
		}
	}
	return broken
}

// mine are the deployments with an id that are ours by tags, or by name and source.
func mine(f Facts, id string) (out []Deployment) {
	for _, d := range f.Deployments {
		tagged := d.Tags[TagCampaign] == "q4" && d.Tags[TagDatabase] == "orders"
		named := strings.HasPrefix(d.Name, "q4-orders-8-") && strings.TrimPrefix(d.Source, armPrefix) == "orders"
		if d.ID == id && (tagged || named || d.Name != "" && d.Name == f.Record.Deployment) {
			out = append(out, d)
		}
	}
	return out
}

// bears tells that a green of the deployment has the name already.
func bears(d Deployment, id string) bool {
	return strings.TrimPrefix(d.Target, armPrefix) == id ||
		slices.ContainsFunc(d.Members, func(m Member) bool { return strings.TrimPrefix(m.Target, armPrefix) == id })
}

func judgeSwitch(f Facts, st Step, a Action) (broken []string) {
	bad := func(format string, args ...any) {
		broken = append(broken, "switchover: "+fmt.Sprintf(format, args...))
	}
	ok := slices.ContainsFunc(mine(f, a.Deployment), func(d Deployment) bool {
		if d.Status != Available && d.Status != SwitchoverFailed || bears(d, f.ID) || len(d.Members) == 0 {
			return false
		}
		for _, m := range d.Members {
			g := f.Instances[strings.TrimPrefix(m.Target, armPrefix)]
			if m.Target == "" || g == nil || g.Status != "available" || len(g.Pending) > 0 || g.ParameterStatus == "pending-reboot" ||
				m.Status != Available && m.Status != SwitchoverFailed {
				return false
			}
		}
		return true
	})
	if !ok {
		bad("%s is not ours, not available, not whole, or its names have moved", a.Deployment)
	}
	r, w, p := f.Record, f.Watch, f.Policy
	if r.Paused != nil || r.Skip != nil || r.Rollback != nil || r.ActError != "" || r.SwitchPending {
		bad("against a person, a refusal or another switchover: %+v", r)
	}
	if r.SwitchError != "" && r.SwitchAttempts > p.Retries {
		bad("attempt %d of %d", r.SwitchAttempts+1, p.Retries+1)
	}
	if c := r.Precheck; c == nil || c.Verdict != "ready" || p.PrecheckMaxAge > 0 && f.Now.Sub(c.At) > p.PrecheckMaxAge {
		bad("precheck %+v", c)
	}
	known := p.SQL && w.Lag != nil && w.Lag.Known
	proven := known && w.Lag.Seconds <= p.MaxLag.Seconds() && f.Now.Sub(w.LagOKSince) >= p.LagFor && !w.LagOKSince.IsZero() &&
		(p.LagMaxAge == 0 || f.Now.Sub(w.Lag.At) <= p.LagMaxAge)
	if !proven && (known || r.AllowNoSQL == nil) {
		bad("lag %+v since %s", w.Lag, w.LagOKSince)
	}
	if blue := f.Instances[f.ID]; w.StableReads < p.StableReads || f.Loading != "" || len(f.Hops) == 0 || blue == nil || blue.Status != "available" {
		bad("not verified: %d reads, loading %q, %d hops, blue %+v", w.StableReads, f.Loading, len(f.Hops), blue)
	}
	if st.Queue != SwitchQueue || len(st.Actions) != 1 || a.Timeout < 30*time.Second {
		bad("queue %q, %d actions, timeout %s", st.Queue, len(st.Actions), a.Timeout)
	}
	return broken
}

func judgeDelete(f Facts, a Action) (broken []string) {
	ours := mine(f, a.Deployment)
	if len(ours) == 0 {
		return []string{fmt.Sprintf("deletes %s, which is not ours", a.Deployment)}
	}
	asked := f.Record.Rollback != nil || f.Record.Retry != nil
	if a.DeleteTarget && (!asked || !slices.ContainsFunc(ours, func(d Deployment) bool {
		return !bears(d, f.ID) && d.Status != SwitchoverCompleted && d.Status != SwitchoverInProgress && d.Status != Deleting
	})) {
		broken = append(broken, fmt.Sprintf("deletes the green of %s, asked %v: %+v", a.Deployment, asked, ours))
	}
	if !a.DeleteTarget && !slices.ContainsFunc(ours, func(d Deployment) bool { return d.Status == SwitchoverCompleted }) {
		broken = append(broken, "deletes the shell of a deployment that was not switched")
	}
	return broken
}

func judgeCreate(f Facts, st Step, a Action) (broken []string) {
	bad := func(format string, args ...any) {
		broken = append(broken, "create: "+fmt.Sprintf(format, args...))
	}
	blue, c := f.Instances[f.ID], a.Create
	if c == nil || blue == nil || blue.Status != "available" || len(f.Hops) == 0 || c.SourceARN != blue.ARN || c.Name != DeploymentName("q4", "orders", f.Hops[0].To) ||
		c.Tags[TagCampaign] != "q4" || c.Tags[TagDatabase] != "orders" || st.Queue != BuildQueue {
		bad("%+v of %+v in queue %q", c, blue, st.Queue)
	}
	for _, d := range f.Deployments {
		if strings.TrimPrefix(d.Source, armPrefix) == "orders" && d.Status != SwitchoverCompleted && !(len(mine(f, d.ID)) > 0 && bears(d, f.ID)) {
			bad("%s stands on it, %s", d.ID, d.Status)
		}
	}
	r := f.Record
	if r.Paused != nil || r.Skip != nil || r.Rollback != nil || r.CreateError != "" || r.ActError != "" || !r.RolledBack.IsZero() {
		bad("against a person or a refusal: %+v", r)
	}
	if p := r.Precheck; p == nil || p.Verdict != "ready" || f.Policy.PrecheckMaxAge > 0 && f.Now.Sub(p.At) > f.Policy.PrecheckMaxAge {
		bad("precheck %+v", p)
	}
	if slices.ContainsFunc(f.Issues, func(i Issue) bool { return i.Severity == "block" && i.ID != "instance-not-available" }) || f.Loading != "" || f.RouteError != "" {
		bad("issues %v, loading %q, route %q", f.Issues, f.Loading, f.RouteError)
	}
	return broken
}

// notGreen says why an instance is no green of ours that has not been switched.
func notGreen(f Facts, id string) string {
	green := false
	for _, d := range f.Deployments {
		for _, m := range d.Members {
			if strings.TrimPrefix(m.Source, armPrefix) == id && d.Status != SwitchoverCompleted {
				return id + " is a source of " + d.ID
			}
			if strings.TrimPrefix(m.Target, armPrefix) == id && len(mine(f, d.ID)) > 0 && d.Status != SwitchoverCompleted {
				green = true
			}
		}
	}
	switch {
	case id == f.ID || id == "" || f.Instances[id] == nil:
		return id + " is the database itself, or nothing"
	case !green:
		return id + " is no green of ours"
	}
	return ""
}
