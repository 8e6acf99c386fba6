package awsrds

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim"
	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// These tests drive the simulated RDS through the real SDK.

const simFleet = `
accounts:
  - {id: "111122223333", regions: [eu-west-1], quotas: {DBInstances: 1000}, reserved_instances: [{id: r, region: eu-west-1, class: db.m5.large, count: 2, ends_days: 90}]}
  - {id: "444455556666", regions: [eu-west-1]}
defaults: {account: "111122223333", region: eu-west-1, engine_version: 5.7.44, class: db.m5.large, storage_type: gp2, allocated_storage: 200}
parameter_groups:
  - {name: custom57, account: "111122223333", region: eu-west-1, family: mysql5.7, parameters: {max_connections: "500"}}
databases:
  - {id: orders, tags: {service: shop}, parameter_group: custom57, replicas: [{id: orders-r1}], roles: ["arn:aws:iam::111122223333:role/s3"]}
  - {id: users, class: db.t3.medium, allocated_storage: 50, proxy: {name: front}, pending_maintenance: [system-update]}
  - {id: elsewhere, account: "444455556666"}
`

type testClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *testClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *testClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// world is a simulated RDS with a client of its first account.
type world struct {
	*testing.T
	sim    *rdssim.Sim
	clock  *testClock
	client *Client
}

// newWorld's client repeats after a second of the simulation.
func newWorld(t *testing.T, fleet, faults string, o rdssim.Options) *world {
	t.Helper()
	f, err := rdssim.ParseFleet(strings.NewReader(fleet))
	if err != nil {
		t.Fatal(err)
	}
	if o.Faults, err = rdssim.ParseFaults(strings.NewReader(faults)); err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, clock: &testClock{now: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)}}
	o.Clock, o.Seed = w.clock, 7
	if w.sim, err = rdssim.New(f, o); err != nil {
		t.Fatal(err)
	}
	w.client = dial(t, w.scope())
	return w
}

func (w *world) scope() ScopeConfig {
	return ScopeConfig{Region: "eu-west-1", Rate: -1, Now: w.clock.Now,
		HTTPClient: &http.Client{Transport: w.sim.Transport()},
		Delay:      func(int) time.Duration { w.clock.advance(time.Second); return 0 }}
}

func (w *world) do(a bluegreen.Action) bluegreen.Outcome {
	w.Helper()
	out, err := w.client.Do(w.Context(), a)
	if err != nil {
		w.Fatalf("%s: %v", a, err)
	}
	return out
}

func (w *world) instance(id string) bluegreen.Instance {
	w.Helper()
	all, err := w.client.Instances(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	for _, i := range all {
		if i.ID == id {
			return i
		}
	}
	return bluegreen.Instance{}
}

func (w *world) deployment(name string) bluegreen.Deployment {
	w.Helper()
	d, found, err := w.client.Deployment(w.Context(), name)
	if err != nil || !found {
		w.Fatalf("deployment %s: %v, %v", name, found, err)
	}
	return d
}

func (w *world) until(what string, done func() bool) {
	w.Helper()
	for range 10000 {
		if done() {
			return
		}
		w.clock.advance(time.Minute)
	}
	w.Fatalf("%s: never", what)
}

func (w *world) untilSettled(id string) {
	w.Helper()
	w.clock.advance(time.Minute) // what was done shows a little later
	w.until(id+" settled", func() bool { return w.instance(id).Settled() })
}

// Every action once, along the road of one database.
func TestSimulatedRoad(t *testing.T) {
	w := newWorld(t, simFleet, "", rdssim.Options{})
	start, blue := w.clock.Now(), w.instance("orders")
	if blue.Version != "5.7.44" || blue.Tags["service"] != "shop" || len(blue.Replicas) != 1 || len(blue.Roles) != 1 || blue.Address == "" {
		t.Fatalf("blue is %+v", blue)
	}
	tags := map[string]string{"rdsupgrade:campaign": "q4", "rdsupgrade:database": "orders"}
	group := &bluegreen.ParameterSpec{Name: "orders-80", Family: "mysql8.0", Tags: tags,
		Parameters: []bluegreen.Parameter{{Name: "max_connections", Value: "500", ApplyType: "dynamic"},
			{Name: "lower_case_table_names", Value: "0", ApplyType: "static"}}}
	makeGroup := bluegreen.Action{Kind: bluegreen.CreateParameterGroup, Group: group}
	if first, again := w.do(makeGroup), w.do(makeGroup); first.Already || !again.Already {
		t.Errorf("group: %+v, then %+v", first, again)
	}
	w.do(bluegreen.Action{Kind: bluegreen.SetParameters, Group: group})
	set, err := w.client.Parameters(t.Context(), "orders-80", "user")
	if err != nil || len(set) != 2 {
		t.Errorf("%+v, %v", set, err)
	}
	create := bluegreen.Action{Kind: bluegreen.CreateDeployment, Create: &bluegreen.CreateSpec{Name: "q4-orders-80",
		SourceARN: blue.ARN, Version: "8.0.46", ParameterGroup: "orders-80", Class: "db.m7g.large",
		Storage: &bluegreen.StorageSpec{Type: "gp3"}, Tags: tags}}
	made := w.do(create)
	// RDS shows a new deployment a little later; until then its name is just taken.
	_, err = w.client.Do(t.Context(), create)
	if f := faultOf(t, err); f.Consequence != bluegreen.Wait {
		t.Errorf("not visible yet: %v, %s", f, f.Consequence)
	}
	w.clock.advance(time.Minute)
	again := w.do(create)
	if made.Already || !again.Already || made.Deployment.ID != again.Deployment.ID || made.RequestID == "" {
		t.Fatalf("create: %+v, then %+v", made, again)
	}
	w.until("available", func() bool { return w.deployment("q4-orders-80").Status == bluegreen.Available })
	d := w.deployment("q4-orders-80")
	if len(d.Members) != 2 || len(d.Tasks) != 4 || d.Tags["rdsupgrade:campaign"] != "q4" {
		t.Errorf("%+v", d)
	}
	green, replica := bluegreen.IDFromARN(d.Members[0].Target), bluegreen.IDFromARN(d.Members[1].Target)
	_, err = w.client.Do(t.Context(), bluegreen.Action{Kind: bluegreen.Switchover, Deployment: d.ID})
	if f := faultOf(t, err); f.Code != "InvalidBlueGreenDeploymentStateFault" || f.Consequence != bluegreen.Wait {
		t.Errorf("too early: %v, %s", f, f.Consequence)
	}
	w.untilSettled(green)
	w.untilSettled(replica)
	w.do(bluegreen.Action{Kind: bluegreen.ModifyInstance, Instance: replica,
		Modify: &bluegreen.ModifySpec{Class: "db.m7g.large", Storage: &bluegreen.StorageSpec{Type: "gp3"}}})
	w.untilSettled(replica)
	w.do(bluegreen.Action{Kind: bluegreen.AddRole, Instance: green, Role: blue.Roles[0]})
	w.untilSettled(green)
	w.do(bluegreen.Action{Kind: bluegreen.RebootInstance, Instance: green})
	w.untilSettled(green)
	w.do(bluegreen.Action{Kind: bluegreen.CreateSnapshot, Instance: "orders", Snapshot: "before"})
	w.untilSettled("orders")
	out := w.do(bluegreen.Action{Kind: bluegreen.Switchover, Deployment: d.ID, Timeout: 5 * time.Minute})
	if out.Deployment == nil || out.Deployment.ID != d.ID {
		t.Errorf("switchover: %+v", out.Deployment)
	}
	w.until("switched", func() bool { return w.deployment("q4-orders-80").Status == bluegreen.SwitchoverCompleted })
	if now := w.instance("orders"); now.Version != "8.0.46" || now.Class != "db.m7g.large" || now.StorageType != "gp3" || now.ResourceID == blue.ResourceID {
		t.Errorf("orders is %+v", now)
	}
	w.checkEvents(start, green)
	drop := bluegreen.Action{Kind: bluegreen.DeleteDeployment, Deployment: d.ID}
	w.do(drop)
	w.clock.advance(time.Hour)
	if out := w.do(drop); !out.Already {
		t.Errorf("delete again: %+v", out)
	}
	follower := w.instance("orders-r1-old1")
	w.do(bluegreen.Action{Kind: bluegreen.DeleteInstance, Instance: follower.ID, ResourceID: follower.ResourceID, Replica: true})
	w.clock.advance(time.Hour)
	old := bluegreen.Action{Kind: bluegreen.DeleteInstance, Instance: "orders-old1", ResourceID: blue.ResourceID, Snapshot: "orders-last"}
	w.do(old)
	w.clock.advance(2 * time.Hour)
	if out := w.do(old); !out.Already {
		t.Errorf("delete again: %+v", out)
	}
	snapshots, err := w.client.Snapshots(t.Context())
	if err != nil || len(snapshots) != 2 {
		t.Errorf("%+v, %v", snapshots, err)
	}
}

// checkEvents looks for the coordinates under green's former name, and for the
// end of the switchover in the deployment's own events.
func (w *world) checkEvents(since time.Time, green string) {
	w.Helper()
	for _, tt := range []struct{ kind, id, part string }{
		{"db-instance", green, "Binary log coordinates"}, {"blue-green-deployment", "", "witchover"},
	} {
		events, err := w.client.Events(w.Context(), since, tt.kind, tt.id)
		found := false
		for _, e := range events {
			found = found || strings.Contains(e.Message, tt.part)
		}
		if err != nil || !found {
			w.Errorf("no %q among %d events of %s, %v", tt.part, len(events), tt.kind, err)
		}
	}
}

// Every reading call is understood by the simulation and answers something.
func TestSimulatedReads(t *testing.T) {
	w := newWorld(t, simFleet, "", rdssim.Options{})
	c, ctx := w.client, t.Context()
	for name, read := range map[string]func() (int, error){
		"instances":      func() (int, error) { v, err := c.Instances(ctx); return len(v), err },
		"engineversions": func() (int, error) { v, err := c.EngineVersions(ctx); return len(v), err },
		"majors":         func() (int, error) { v, err := c.MajorVersions(ctx); return len(v), err },
		"orderable":      func() (int, error) { v, err := c.Orderable(ctx, "8.0.46"); return len(v), err },
		"orderableclass": func() (int, error) { v, err := c.OrderableClass(ctx, "8.0.46", "db.m7g.large"); return len(v), err },
		"quotas":         func() (int, error) { v, err := c.Quotas(ctx); return len(v), err },
		"groups":         func() (int, error) { v, err := c.ParameterGroups(ctx); return len(v), err },
		"parameters":     func() (int, error) { v, err := c.Parameters(ctx, "custom57", ""); return len(v), err },
		"user":           func() (int, error) { v, err := c.Parameters(ctx, "custom57", "user"); return len(v), err },
		"defaults":       func() (int, error) { v, err := c.DefaultParameters(ctx, "mysql8.0"); return len(v), err },
		"options":        func() (int, error) { v, err := c.OptionGroups(ctx); return len(v), err },
		"valid":          func() (int, error) { v, err := c.ValidModifications(ctx, "orders"); return len(v), err },
		"reserved":       func() (int, error) { v, err := c.ReservedInstances(ctx); return len(v), err },
		"maintenance":    func() (int, error) { v, err := c.PendingMaintenance(ctx); return len(v), err },
		"proxies":        func() (int, error) { v, err := c.Proxies(ctx); return len(v), err },
		"tags":           func() (int, error) { v, err := c.Tags(ctx, w.instance("orders").ARN); return len(v), err },
	} {
		if n, err := read(); n == 0 || err != nil {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
	for name, read := range map[string]func() error{ // empty in this fleet
		"deployments":  func() error { _, err := c.Deployments(ctx); return err },
		"snapshots":    func() error { _, err := c.Snapshots(ctx); return err },
		"integrations": func() error { _, err := c.Integrations(ctx); return err },
		"log":          func() error { _, err := c.LogText(ctx, "orders", "upgradeFailure"); return err },
	} {
		if err := read(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	lines, _ := c.MajorVersions(ctx)
	for _, l := range lines {
		if l.Line == "5.7" && (l.StandardEnd.IsZero() || l.ExtendedEnd.IsZero()) {
			t.Errorf("no dates: %+v", l)
		}
	}
	if id, err := c.CheckIdentity(ctx); err != nil || id.Account != "111122223333" {
		t.Errorf("%+v, %v", id, err)
	}
	if _, found, err := c.Deployment(ctx, "none"); found || err != nil {
		t.Errorf("no deployment: %v, %v", found, err)
	}
}

// A role leads into the other account, which shows its own databases.
func TestSimulatedRole(t *testing.T) {
	w := newWorld(t, simFleet, "", rdssim.Options{})
	scope := w.scope()
	scope.AccountID, scope.RoleARN = "444455556666", "arn:aws:iam::444455556666:role/upgrade"
	c := dial(t, scope)
	if _, err := c.CheckIdentity(t.Context()); err != nil {
		t.Error(err)
	}
	if all, err := c.Instances(t.Context()); err != nil || len(all) != 1 || all[0].ID != "elsewhere" {
		t.Errorf("%+v, %v", all, err)
	}
	scope.RoleARN += "-denied"
	_, err := dial(t, scope).Instances(t.Context())
	if f := faultOf(t, err); f.Code != "AccessDenied" || f.Op != "AssumeRole" || f.Consequence != bluegreen.Fatal {
		t.Errorf("%v, %s", f, f.Consequence)
	}
}

// 250 instances are three calls, over a real socket as well.
func TestSimulatedPages(t *testing.T) {
	var fleet strings.Builder
	fleet.WriteString(simFleet)
	for i := range 246 {
		fmt.Fprintf(&fleet, "  - {id: db%03d}\n", i)
	}
	w := newWorld(t, fleet.String(), "", rdssim.Options{})
	s := httptest.NewServer(w.sim.Handler())
	defer s.Close()
	overSocket := dial(t, ScopeConfig{Region: "eu-west-1", EndpointURL: s.URL, Rate: -1})
	for i, c := range []*Client{w.client, overSocket} {
		all, err := c.Instances(t.Context())
		seen := map[string]bool{}
		for _, in := range all {
			seen[in.ID] = true
		}
		if err != nil || len(all) != 249 || len(seen) != 249 {
			t.Errorf("%d instances, %d different, %v", len(all), len(seen), err)
		}
		if n := w.sim.Calls("DescribeDBInstances"); n != 3*(i+1) {
			t.Errorf("%d calls, want %d", n, 3*(i+1))
		}
	}
}

// The account's own throttle: refused calls are repeated until they are let through.
func TestSimulatedThrottle(t *testing.T) {
	w := newWorld(t, simFleet, "", rdssim.Options{Throttle: rdssim.Throttle{Burst: 5, PerSecond: 0.5}})
	for range 12 {
		if err := readOnce(t.Context(), w.client); err != nil {
			t.Fatal(err)
		}
	}
	if n := w.sim.Calls("DescribeDBInstances"); n <= 12 {
		t.Errorf("%d calls: nothing was throttled", n)
	}
}

// The create took effect and its answer was lost: one call, an ambiguous fault,
// and the next create adopts what is there.
func TestSimulatedLostAnswer(t *testing.T) {
	w := newWorld(t, simFleet, "faults: [{kind: lost-answer, action: CreateBlueGreenDeployment, count: 1}]", rdssim.Options{})
	w.do(bluegreen.Action{Kind: bluegreen.CreateParameterGroup, Group: &bluegreen.ParameterSpec{Name: "p80", Family: "mysql8.0"}})
	create := bluegreen.Action{Kind: bluegreen.CreateDeployment, Create: &bluegreen.CreateSpec{Name: "q4-orders-80",
		SourceARN: w.instance("orders").ARN, Version: "8.0.46", ParameterGroup: "p80",
		Tags: map[string]string{"rdsupgrade:campaign": "q4"}}}
	_, err := w.client.Do(t.Context(), create)
	if f := faultOf(t, err); f.Consequence != bluegreen.Ambiguous || f.Code != ConnectionLost || w.sim.Calls("CreateBlueGreenDeployment") != 1 {
		t.Errorf("%v, %s after %d calls", f, f.Consequence, w.sim.Calls("CreateBlueGreenDeployment"))
	}
	w.clock.advance(time.Minute)
	if out := w.do(create); !out.Already {
		t.Errorf("not adopted: %+v", out)
	}
	if all, err := w.client.Deployments(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("%d deployments, %v", len(all), err)
	}
	// Another campaign of the same name is refused it.
	create.Create.Tags = map[string]string{"rdsupgrade:campaign": "q3"}
	_, err = w.client.Do(t.Context(), create)
	if f := faultOf(t, err); f.Consequence != bluegreen.Fix || f.Code != "BlueGreenDeploymentAlreadyExistsFault" {
		t.Errorf("stranger: %v, %s", f, f.Consequence)
	}
}

// The simulation's transport faults, as a reading and as a mutating call sees them.
func TestSimulatedFaults(t *testing.T) {
	for kind, want := range map[string]struct{ read, change bluegreen.Consequence }{
		"server-error":        {bluegreen.Retry, bluegreen.Ambiguous},
		"throttle":            {bluegreen.Retry, bluegreen.Retry},
		"html":                {bluegreen.Fix, bluegreen.Ambiguous},
		"expired-credentials": {bluegreen.Fatal, bluegreen.Fatal},
		"access-denied":       {bluegreen.Fatal, bluegreen.Fatal},
	} {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t, simFleet, "faults: [{kind: "+kind+"}]", rdssim.Options{})
			read, change := faultOf(t, readOnce(t.Context(), w.client)), faultOf(t, changeOnce(t.Context(), w.client))
			if read.Consequence != want.read || change.Consequence != want.change {
				t.Errorf("read: %v, %s; change: %v, %s", read, read.Consequence, change, change.Consequence)
			}
			if n := w.sim.Calls("RebootDBInstance"); change.Consequence == bluegreen.Ambiguous && n != 1 {
				t.Errorf("%d mutating calls", n)
			}
		})
	}
}
