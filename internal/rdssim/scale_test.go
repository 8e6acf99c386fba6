package rdssim

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/catalog"
)

// Ten thousand databases go to 8.0 in one Region, under virtual time.
func TestTenThousand(t *testing.T) {
	n := 10000
	if raceEnabled {
		n = 1000 // the detector slows this down tenfold and finds no more
	}
	a := newAPI(t, manyFleet(n), Options{Throttle: Throttle{Off: true}})
	ids := make([]string, n)
	for i := range n {
		name := fmt.Sprintf("db-%05d", i)
		ids[i] = a.must("CreateBlueGreenDeployment", "BlueGreenDeploymentName", "up-"+name, "Source", a.arn(name), "TargetEngineVersion", "8.0.46").text("BlueGreenDeployment/BlueGreenDeploymentIdentifier")
	}
	a.clk.Advance(4 * time.Hour)
	for _, id := range ids {
		a.must("SwitchoverBlueGreenDeployment", "BlueGreenDeploymentIdentifier", id)
	}
	a.clk.Advance(10 * time.Minute)
	st := a.sim.State()
	switched := 0
	for _, d := range st.Deployments {
		if d.Status == "SWITCHOVER_COMPLETED" {
			switched++
		}
	}
	if switched != n || len(st.Instances) != 2*n {
		t.Errorf("%d switched, %d instances", switched, len(st.Instances))
	}
}

// The same seed gives the same history, another seed another one; and reading
// often does not change what happens.
func TestDeterminism(t *testing.T) {
	run := func(seed uint64, step time.Duration) State {
		a := newAPI(t, smallFleet, Options{Seed: seed, Throttle: Throttle{Off: true}})
		id := a.create("up", "orders", "TargetEngineVersion", "8.0.46")
		for passed := time.Duration(0); passed < 3*time.Hour; passed += step {
			a.clk.Advance(step)
			a.must("DescribeDBInstances")
		}
		a.must("SwitchoverBlueGreenDeployment", "BlueGreenDeploymentIdentifier", id)
		a.clk.Advance(time.Hour)
		return a.sim.State()
	}
	first := run(5, time.Hour)
	if diff := cmp.Diff(first, run(5, time.Hour)); diff != "" {
		t.Errorf("the same seed differs:\n%s", diff)
	}
	if diff := cmp.Diff(first, run(5, 10*time.Second)); diff != "" {
		t.Errorf("reading often differs:\n%s", diff)
	}
	if diff := cmp.Diff(first.Deployments, run(6, time.Hour).Deployments); diff == "" {
		t.Error("another seed does not differ")
	}
}

// At the demonstration's speed a typical green is ready within a few seconds,
// and even the largest within a minute.
func TestDemoSpeed(t *testing.T) {
	const speed = 900
	f, err := LoadFleet(filepath.Join("..", "..", "plans", "demo-fleet.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	clk := &virtualClock{now: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)}
	sim, err := New(f, Options{Clock: clk, Speed: speed, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	a := &api{t: t, sim: sim, clk: clk, acct: acct1, reg: west}
	took := func(source, class string) time.Duration {
		id := a.must("CreateBlueGreenDeployment", "BlueGreenDeploymentName", "up-"+source, "Source", a.arn(source), "TargetEngineVersion", "8.0.46",
			"TargetStorageType", "gp3", "TargetDBInstanceClass", class).text("BlueGreenDeployment/BlueGreenDeploymentIdentifier")
		start := clk.Now()
		for {
			st := sim.State()
			ready := true
			for _, d := range st.Deployments {
				if d.ID == id {
					ready = d.Status == "AVAILABLE"
				}
			}
			for _, i := range st.Instances {
				if i.Origin == source && i.Status != "available" {
					ready = false
				}
			}
			if d := clk.Now().Sub(start); ready || d > time.Minute {
				return d
			}
			clk.Advance(100 * time.Millisecond)
		}
	}
	if d := took("content-cms", "db.m6g.large"); d < time.Second || d > 6*time.Second {
		t.Errorf("a small green took %s", d)
	}
	if d := took("catalog-media", "db.r6g.large"); d < time.Second || d > 6*time.Second {
		t.Errorf("a typical green took %s", d)
	}
	if d := took("payments-ledger", "db.r6g.4xlarge"); d < 5*time.Second || d > 40*time.Second {
		t.Errorf("the largest green took %s", d)
	}
}

// The transport works inside a synctest bubble: no sockets, no goroutines.
func TestVirtualTimeBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, err := ParseFleet(strings.NewReader(smallFleet))
		if err != nil {
			t.Fatal(err)
		}
		sim, err := New(f, Options{})
		if err != nil {
			t.Fatal(err)
		}
		a := &api{t: t, sim: sim, clk: &virtualClock{}, acct: acct1, reg: west}
		id := a.must("CreateBlueGreenDeployment", "BlueGreenDeploymentName", "up", "Source", a.arn("users"), "TargetEngineVersion", "8.0.46").text("BlueGreenDeployment/BlueGreenDeploymentIdentifier")
		time.Sleep(2 * time.Hour) // of the bubble
		if got := a.deployment(id).text("Status"); got != "AVAILABLE" {
			t.Errorf("after two hours: %s", got)
		}
	})
}

func TestFleetErrors(t *testing.T) {
	base := "accounts: [{id: \"111122223333\", regions: [eu-west-1]}]\ndefaults: {account: \"111122223333\", region: eu-west-1}\n"
	for text, want := range map[string]string{
		"":                                   "empty",
		"accounts: []":                       "at least one account",
		"accounts: [{id: abc, regions: []}]": "not twelve digits",
		"accounts: [{id: \"111122223333\", regions: [x], quotas: {Moons: 1}}]":                  `unknown quota "Moons"`,
		base + "databases: [{id: A_b}]":                                                         "not a DB instance identifier",
		base + "databases: [{id: a, region: mars}]":                                             "not among the accounts",
		base + "databases: [{id: a, engine_version: 5.6.1}]":                                    "not a version",
		base + "databases: [{id: a, class: db.huge}]":                                           "not an instance class",
		base + "databases: [{id: a, class: db.m7g.large}]":                                      "does not run 5.7.44",
		base + "databases: [{id: a, storage_type: io1}]":                                        "must specify IOPS",
		base + "databases: [{id: a}, {id: a}]":                                                  "exists twice",
		base + "databases: [{id: a, replicas: [{id: b, source: c}]}]":                           `source "c"`,
		base + "databases: [{id: a, parameter_group: none}]":                                    "not described",
		base + "databases: [{id: a, colour: blue}]":                                             "field colour not found",
		base + "parameter_groups: [{name: g, family: mysql5.7, parameters: {nonsense: \"1\"}}]": `no parameter "nonsense"`,
		base + "parameter_groups: [{name: g, family: mysql3}]":                                  "needs a name and a family",
	} {
		if _, err := ParseFleet(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

func TestParameterTable(t *testing.T) {
	for _, family := range catalog.Families {
		if n := len(catalog.Parameters(family)); n < 180 {
			t.Errorf("%s has %d parameters", family, n)
		}
		for _, p := range catalog.Parameters(family) {
			if err := p.Check(p.Value); err != nil {
				t.Errorf("%s: default of %s: %v", family, p.Name, err)
			}
		}
	}
	for _, c := range []struct {
		name    string
		in, not []string
	}{
		{"tx_isolation", []string{"mysql5.7"}, []string{"mysql8.0", "mysql8.4", "mysql9.7"}},
		{"transaction_isolation", []string{"mysql8.0", "mysql8.4"}, []string{"mysql5.7"}},
		{"query_cache_size", []string{"mysql5.7"}, []string{"mysql8.0"}},
		{"slave_parallel_workers", []string{"mysql5.7", "mysql8.0"}, []string{"mysql8.4"}},
		{"replica_parallel_workers", []string{"mysql8.4", "mysql9.7"}, []string{"mysql5.7"}},
		{"default_authentication_plugin", []string{"mysql8.0"}, []string{"mysql8.4"}},
	} {
		for _, f := range c.in {
			if _, ok := catalog.FindParameter(f, c.name); !ok {
				t.Errorf("%s lacks %s", f, c.name)
			}
		}
		for _, f := range c.not {
			if _, ok := catalog.FindParameter(f, c.name); ok {
				t.Errorf("%s has %s", f, c.name)
			}
		}
	}
}
