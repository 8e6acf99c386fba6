package rdssim

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// virtualClock is moved by the test.
type virtualClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *virtualClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *virtualClock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

const (
	acct1 = "111122223333"
	acct2 = "444455556666"
	west  = "eu-west-1"
	east  = "us-east-1"
)

// element is a parsed XML element.
type element struct {
	XMLName xml.Name
	Text    string    `xml:",chardata"`
	Kids    []element `xml:",any"`
}

// at follows a path of element names; the last of several equal names can be
// chosen as "member#1" (from zero).
func (e element) at(path string) element {
	cur := e
	for _, step := range strings.Split(path, "/") {
		name, want := step, 0
		if n, i, ok := strings.Cut(step, "#"); ok {
			name = n
			fmt.Sscan(i, &want)
		}
		found := false
		for _, k := range cur.Kids {
			if k.XMLName.Local == name {
				if want == 0 {
					cur, found = k, true
					break
				}
				want--
			}
		}
		if !found {
			return element{}
		}
	}
	return cur
}

func (e element) text(path string) string { return strings.TrimSpace(e.at(path).Text) }

// api is a raw client of the simulation.
type api struct {
	t    *testing.T
	sim  *Sim
	clk  *virtualClock
	acct string
	reg  string
	key  string
}

func newAPI(t *testing.T, fleet string, opts Options) *api {
	t.Helper()
	f, err := ParseFleet(strings.NewReader(fleet))
	if err != nil {
		t.Fatalf("fleet: %v", err)
	}
	clk := &virtualClock{now: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)}
	opts.Clock = clk
	sim, err := New(f, opts)
	if err != nil {
		t.Fatal(err)
	}
	return &api{t: t, sim: sim, clk: clk, acct: acct1, reg: west}
}

// raw sends one request and returns status and body.
func (a *api) raw(action string, params ...string) (int, []byte, error) {
	a.t.Helper()
	form := url.Values{"Action": {action}, "Version": {rdsVersion}}
	for i := 0; i+1 < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	req, err := http.NewRequestWithContext(a.t.Context(), http.MethodPost, "http://rds.test/", strings.NewReader(form.Encode()))
	if err != nil {
		a.t.Fatal(err)
	}
	key := a.key
	if key == "" {
		key = longTermKey + a.acct
	}
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+key+"/20261123/"+a.reg+"/rds/aws4_request, SignedHeaders=host, Signature=00")
	resp, err := a.sim.Transport().RoundTrip(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, body, err
}

// try answers the result element, or the code of the refusal.
func (a *api) try(action string, params ...string) (element, string) {
	a.t.Helper()
	_, body, err := a.raw(action, params...)
	if err != nil {
		return element{}, err.Error()
	}
	var root element
	if err := xml.Unmarshal(body, &root); err != nil {
		a.t.Fatalf("%s: answer is not XML: %v\n%s", action, err, body)
	}
	if code := root.text("Error/Code"); code != "" {
		return root, code
	}
	return root.at(action + "Result"), ""
}

// must is try for calls that have to succeed.
func (a *api) must(action string, params ...string) element {
	a.t.Helper()
	res, code := a.try(action, params...)
	if code != "" {
		a.t.Fatalf("%s %v: %s: %s", action, params, code, res.text("Error/Message"))
	}
	return res
}

// refused wants a refusal with that code and a text in its message.
func (a *api) refused(code, part, action string, params ...string) {
	a.t.Helper()
	res, got := a.try(action, params...)
	msg := res.text("Error/Message")
	if got != code || !strings.Contains(msg, part) {
		a.t.Errorf("%s %v: got %q %q, want code %q with %q", action, params, got, msg, code, part)
	}
}

func (a *api) arn(id string) string { return "arn:aws:rds:" + a.reg + ":" + a.acct + ":db:" + id }

func (a *api) instance(id string) element {
	a.t.Helper()
	return a.must("DescribeDBInstances", "DBInstanceIdentifier", id).at("DBInstances/DBInstance")
}

func (a *api) deployment(id string) element {
	a.t.Helper()
	return a.must("DescribeBlueGreenDeployments", "BlueGreenDeploymentIdentifier", id).at("BlueGreenDeployments/member")
}

// wait advances the clock in steps until the condition holds.
func (a *api) wait(what string, limit time.Duration, cond func() bool) time.Duration {
	a.t.Helper()
	for passed := time.Duration(0); passed <= limit; passed += 15 * time.Second {
		if cond() {
			return passed
		}
		a.clk.Advance(15 * time.Second)
	}
	a.t.Fatalf("%s: not within %s", what, limit)
	return 0
}

func (a *api) waitDeployment(id, status string) {
	a.t.Helper()
	a.wait("deployment "+status, 24*time.Hour, func() bool { return a.deployment(id).text("Status") == status })
}

func (a *api) waitInstance(id, status string) {
	a.t.Helper()
	a.wait("instance "+id+" "+status, 24*time.Hour, func() bool { return a.instance(id).text("DBInstanceStatus") == status })
}

// create makes a deployment and returns its identifier.
func (a *api) create(name, source string, params ...string) string {
	a.t.Helper()
	all := append([]string{"BlueGreenDeploymentName", name, "Source", a.arn(source)}, params...)
	id := a.must("CreateBlueGreenDeployment", all...).text("BlueGreenDeployment/BlueGreenDeploymentIdentifier")
	a.clk.Advance(3 * time.Second) // describe calls lag behind
	return id
}

func last(arn string) string { return arn[strings.LastIndex(arn, ":")+1:] }

const smallFleet = `
accounts:
  - {id: "111122223333", regions: [eu-west-1, us-east-1], quotas: {DBInstances: 100}}
  - {id: "444455556666", regions: [us-east-1], one_call_graviton: false}
defaults: {account: "111122223333", region: eu-west-1, engine_version: 5.7.44, class: db.m5.large, storage_type: gp2, allocated_storage: 200}
databases:
  - {id: orders, tags: {service: shop, env: prod}, replicas: [{id: orders-r1, class: db.m5.xlarge}, {id: orders-r2, storage_type: io1, iops: 2000}], roles: ["arn:aws:iam::111122223333:role/s3"]}
  - {id: users, class: db.t3.medium, allocated_storage: 50}
`

func TestWholeRoad(t *testing.T) {
	a := newAPI(t, smallFleet, Options{Seed: 7})
	blue := a.instance("orders")
	a.must("CreateDBParameterGroup", "DBParameterGroupName", "orders80", "DBParameterGroupFamily", "mysql8.0", "Description", "orders on 8.0")
	id := a.create("up-orders", "orders", "TargetEngineVersion", "8.0.46", "TargetDBInstanceClass", "db.m7g.large",
		"TargetStorageType", "gp3", "TargetDBParameterGroupName", "orders80", "Tags.Tag.1.Key", "campaign", "Tags.Tag.1.Value", "q4")

	var order []string
	a.wait("build", 6*time.Hour, func() bool {
		a.clk.Advance(3 * time.Second) // beyond the describe lag
		d := a.deployment(id)
		for _, task := range d.at("Tasks").Kids {
			s := task.text("Name") + " " + task.text("Status")
			if len(order) == 0 || !contains(order, s) {
				order = append(order, s)
			}
		}
		return d.text("Status") == "AVAILABLE"
	})
	var finished []string
	for _, s := range order {
		if n, ok := strings.CutSuffix(s, " COMPLETED"); ok {
			finished = append(finished, n)
		}
	}
	if got, want := strings.Join(finished, " "), "CREATING_READ_REPLICA_OF_SOURCE DB_ENGINE_VERSION_UPGRADE CONFIGURE_BACKUPS CREATING_TOPOLOGY_OF_SOURCE"; got != want {
		t.Errorf("tasks finished in the order %s", got)
	}
	d := a.deployment(id)
	if n := len(d.at("SwitchoverDetails").Kids); n != 3 {
		t.Fatalf("%d switchover details, want 3", n)
	}
	green := last(d.text("Target"))
	if !strings.HasPrefix(green, "orders-green-") || len(green) != len("orders-green-")+6 {
		t.Errorf("green is called %q", green)
	}
	// AVAILABLE, yet the members are still initializing: no switchover yet.
	g := a.instance(green)
	if g.text("DBInstanceStatus") != "storage-initialization" || g.text("PercentProgress") == "" {
		t.Errorf("green is %s at %q %%", g.text("DBInstanceStatus"), g.text("PercentProgress"))
	}
	a.refused("InvalidBlueGreenDeploymentStateFault", "not in available state", "SwitchoverBlueGreenDeployment", "BlueGreenDeploymentIdentifier", id)
	if g.text("DBInstanceClass") != "db.m7g.large" || g.text("StorageType") != "gp3" || g.text("EngineVersion") != "8.0.46" ||
		g.text("DBParameterGroups/DBParameterGroup/DBParameterGroupName") != "orders80" || g.text("DBParameterGroups/DBParameterGroup/ParameterApplyStatus") != "in-sync" {
		t.Errorf("green is %+v", g)
	}
	if len(g.at("AssociatedRoles").Kids) != 0 {
		t.Error("roles were copied to green")
	}
	r1, r2 := a.instance(last(d.text("SwitchoverDetails/member#1/TargetMember"))), a.instance(last(d.text("SwitchoverDetails/member#2/TargetMember")))
	if r1.text("DBInstanceClass") != "db.m5.xlarge" || r1.text("StorageType") != "gp2" || r2.text("StorageType") != "io1" || r2.text("Iops") != "2000" {
		t.Errorf("green replicas are not like their twins: %v %v", r1.text("DBInstanceClass"), r2.text("StorageType"))
	}
	if r1.text("EngineVersion") != "8.0.46" || r1.text("ReadReplicaSourceDBInstanceIdentifier") != green {
		t.Errorf("green replica: %s of %s", r1.text("EngineVersion"), r1.text("ReadReplicaSourceDBInstanceIdentifier"))
	}
	// Adjust the replicas.
	for _, r := range []element{r1, r2} {
		name := r.text("DBInstanceIdentifier")
		a.waitInstance(name, "available")
		a.must("ModifyDBInstance", "DBInstanceIdentifier", name, "DBInstanceClass", "db.m7g.xlarge", "StorageType", "gp3", "ApplyImmediately", "true")
		a.waitInstance(name, "storage-optimization")
		a.waitInstance(name, "available")
	}
	a.waitInstance(green, "available")
	a.must("AddTagsToResource", "ResourceName", a.arn(green), "Tags.Tag.1.Key", "only-green", "Tags.Tag.1.Value", "x")

	a.must("SwitchoverBlueGreenDeployment", "BlueGreenDeploymentIdentifier", id, "SwitchoverTimeout", "300")
	a.refused("InvalidDBInstanceState", "switched over", "ModifyDBInstance", "DBInstanceIdentifier", "orders", "BackupRetentionPeriod", "3")
	a.waitDeployment(id, "SWITCHOVER_COMPLETED")
	now := a.instance("orders")
	if now.text("EngineVersion") != "8.0.46" || now.text("DbiResourceId") != g.text("DbiResourceId") || now.text("ReadReplicaSourceDBInstanceIdentifier") != "" {
		t.Errorf("orders is now %s %s", now.text("EngineVersion"), now.text("DbiResourceId"))
	}
	if now.text("Endpoint/Address") != blue.text("Endpoint/Address") {
		t.Error("the endpoint did not stay with the name")
	}
	if tags := now.at("TagList"); len(tags.Kids) != 2 {
		t.Errorf("blue's tags did not replace green's: %+v", tags)
	}
	if got := now.at("ReadReplicaDBInstanceIdentifiers"); len(got.Kids) != 2 || got.Kids[0].Text != "orders-r1" {
		t.Errorf("replicas are %+v", got)
	}
	old := a.instance("orders-old1")
	if old.text("DbiResourceId") != blue.text("DbiResourceId") || old.text("EngineVersion") != "5.7.44" {
		t.Errorf("orders-old1 is %s", old.text("DbiResourceId"))
	}
	if st, _ := a.sim.State().Instance(acct1, west, "orders-old1"); !st.ReadOnly {
		t.Error("old blue takes writes")
	}
	if got := a.deployment(id); last(got.text("Source")) != "orders-old1" || last(got.text("Target")) != "orders" {
		t.Errorf("deployment names %s and %s", got.text("Source"), got.text("Target"))
	}
	events := a.must("DescribeEvents", "SourceType", "db-instance", "SourceIdentifier", green, "Duration", "20160").at("Events")
	if msg := events.Kids[len(events.Kids)-1].text("Message"); !strings.Contains(msg, "Binary log coordinates in green environment after switchover: file mysql-bin-changelog.") {
		t.Errorf("no coordinates under green's name: %s", msg)
	}
	a.refused("InvalidBlueGreenDeploymentStateFault", "DeleteTarget", "DeleteBlueGreenDeployment", "BlueGreenDeploymentIdentifier", id, "DeleteTarget", "true")
	a.must("DeleteBlueGreenDeployment", "BlueGreenDeploymentIdentifier", id)
	a.clk.Advance(10 * time.Minute)
	a.refused("BlueGreenDeploymentNotFoundFault", "", "DescribeBlueGreenDeployments", "BlueGreenDeploymentIdentifier", id)
	a.must("DeleteDBInstance", "DBInstanceIdentifier", "orders-old1", "FinalDBSnapshotIdentifier", "orders-last")
	a.clk.Advance(time.Hour)
	a.refused("DBInstanceNotFound", "", "DescribeDBInstances", "DBInstanceIdentifier", "orders-old1")
	if s := a.must("DescribeDBSnapshots", "DBSnapshotIdentifier", "orders-last").text("DBSnapshots/DBSnapshot/Status"); s != "available" {
		t.Errorf("final snapshot is %q", s)
	}
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
