package plan

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func db(id string, tags ...string) Item {
	it := Item{ID: id, Account: "111122223333", AccountName: "shop", Region: "eu-west-1", EngineVersion: "5.7.44", Engine: "mysql", Tags: map[string]string{}}
	for _, t := range tags {
		k, v, _ := strings.Cut(t, "=")
		it.Tags[k] = v
	}
	return it
}

func with(it Item, change func(*Item)) Item { change(&it); return it }

func TestTakes(t *testing.T) {
	orders := db("orders-1", "env=prod", "tier=1")
	for _, c := range []struct {
		name string
		wave Wave
		want bool
	}{
		{"nothing selected", Wave{}, false},
		{"id", Wave{Select: Selector{IDs: []string{"orders-1"}}}, true},
		{"other id", Wave{Select: Selector{IDs: []string{"orders"}}}, false},
		{"glob", Wave{Select: Selector{Globs: []string{"x*", "orders-?"}}}, true},
		{"id or glob", Wave{Select: Selector{IDs: []string{"billing"}, Globs: []string{"orders-*"}}}, true},
		{"tag", Wave{Select: Selector{Tags: map[string]string{"env": "prod"}}}, true},
		{"two tags, one wrong", Wave{Select: Selector{Tags: map[string]string{"env": "prod", "tier": "2"}}}, false},
		{"tag of any value", Wave{Select: Selector{Tags: map[string]string{"tier": "*"}}}, true},
		{"tag not there", Wave{Select: Selector{Tags: map[string]string{"freeze": "*"}}}, false},
		{"version line", Wave{Select: Selector{EngineVersions: []string{"5.7"}}}, true},
		{"version exact", Wave{Select: Selector{EngineVersions: []string{"5.7.44"}}}, true},
		{"version that only begins alike", Wave{Select: Selector{EngineVersions: []string{"5.7.4"}}}, false},
		{"account by id", Wave{Select: Selector{Accounts: []string{"111122223333"}}}, true},
		{"account by name", Wave{Select: Selector{Accounts: []string{"shop"}}}, true},
		{"other account", Wave{Select: Selector{Accounts: []string{"audit"}}}, false},
		{"Region", Wave{Select: Selector{Regions: []string{"us-east-1", "eu-west-1"}}}, true},
		{"every part must match", Wave{Select: Selector{IDs: []string{"orders-1"}, Regions: []string{"us-east-1"}}}, false},
		{"id and tag, other id", Wave{Select: Selector{IDs: []string{"billing"}, Tags: map[string]string{"env": "prod"}}}, false},
		{"id and tag", Wave{Select: Selector{IDs: []string{"orders-1"}, Tags: map[string]string{"env": "prod"}}}, true},
		{"id and wrong tag", Wave{Select: Selector{IDs: []string{"orders-1"}, Tags: map[string]string{"env": "staging"}}}, false},
		{"excluded by id", Wave{Select: Selector{Globs: []string{"*"}}, Exclude: Selector{IDs: []string{"orders-1"}}}, false},
		{"excluded by one part of two", Wave{Select: Selector{Globs: []string{"*"}},
			Exclude: Selector{IDs: []string{"billing"}, Tags: map[string]string{"tier": "1"}}}, false},
		{"excluded by one tag of two", Wave{Select: Selector{Globs: []string{"*"}},
			Exclude: Selector{Tags: map[string]string{"tier": "1", "env": "staging"}}}, false},
		{"not excluded", Wave{Select: Selector{Globs: []string{"*"}}, Exclude: Selector{Globs: []string{"billing*"}, Regions: []string{"us-east-1"}}}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.wave.Takes(orders); got != c.want {
				t.Errorf("Takes = %v", got)
			}
			if got := compile(c.wave).takes(orders); got != c.want {
				t.Errorf("the compiled wave's takes = %v", got)
			}
		})
	}
	extended := with(orders, func(i *Item) { i.EngineVersion = "5.7.44-rds.20260212" })
	if !(Selector{EngineVersions: []string{"5.7.44"}}).All(extended) {
		t.Error("5.7.44 does not match an Extended Support build of it")
	}
}

func ids(items []Item) string {
	var s []string
	for _, it := range items {
		s = append(s, it.ID)
	}
	return strings.Join(s, " ")
}

func TestAssign(t *testing.T) {
	p := &Plan{Path: "p.yaml", Waves: []Wave{
		{Name: "canary", Select: Selector{IDs: []string{"billing", "legacy-old1"}}, Pos: Pos{10, 3}},
		{Name: "rest", Select: Selector{Tags: map[string]string{"env": "prod"}}, Exclude: Selector{IDs: []string{"billing"}}, Pos: Pos{20, 3}},
	}}
	inventory := []Item{
		db("users", "env=prod"),
		with(db("orders", "env=prod"), func(i *Item) { i.Region = "us-east-1" }),
		db("orders", "env=prod"),
		with(db("orders", "env=prod"), func(i *Item) { i.Account = "0" }),
		db("billing", "env=prod"),
		with(db("orders-replica", "env=prod"), func(i *Item) { i.ReplicaOf = "orders" }),
		with(db("users-old1", "env=prod"), func(i *Item) { i.EngineVersion = "5.7.44" }),
		with(db("users-green-a1b2c3", "env=prod"), func(i *Item) { i.EngineVersion = "8.0.46" }),
		db("gone-old1", "env=prod"), // its blue is not there: a database of this name
		with(db("gone", "env=dev"), func(i *Item) { i.Region, i.EngineVersion = "us-east-1", "8.0.46" }),
		db("legacy"), db("legacy-old1"), // named literally: the operator knows
		with(db("warehouse", "env=prod"), func(i *Item) { i.Engine = "postgres" }),
		with(db("node-1", "env=prod"), func(i *Item) { i.ClusterID = "trio" }),
		with(db("modern"), func(i *Item) { i.EngineVersion = "8.0.46" }),
	}
	got, problems := Assign(p, inventory)
	if problems != nil {
		t.Fatal(problems)
	}
	if w := ids(got.Waves[0]); w != "billing legacy-old1" {
		t.Errorf("canary = %s", w)
	}
	if w := ids(got.Waves[1]); w != "gone-old1 orders orders orders users" {
		t.Errorf("rest = %s", w)
	}
	if o := got.Waves[1]; o[1].Account != "0" || o[2].Region != "eu-west-1" || o[3].Region != "us-east-1" {
		t.Errorf("equal ids are not ordered by account and Region: %v", o)
	}
	if u := ids(got.Unassigned); u != "legacy" {
		t.Errorf("unassigned = %s", u)
	}
	aside := map[string]string{}
	for _, a := range got.Aside {
		aside[a.ID] = a.Why
	}
	want := map[string]string{"orders-replica": "read replica of orders", "users-old1": "old blue of users, by its name",
		"users-green-a1b2c3": "green of users, by its name", "warehouse": "engine is postgres", "node-1": "member of cluster trio"}
	if diff := cmp.Diff(want, aside); diff != "" {
		t.Error(diff)
	}
	if wave, ok := got.WaveOf()["0/eu-west-1/orders"]; !ok || wave != 1 {
		t.Errorf("WaveOf = %v", got.WaveOf())
	}
	if inventory[0].ID != "users" {
		t.Error("the caller's inventory was reordered")
	}
	// The order of the inventory does not matter.
	reversed := make([]Item, len(inventory))
	for i, it := range inventory {
		reversed[len(inventory)-1-i] = it
	}
	again, _ := Assign(p, reversed)
	if diff := cmp.Diff(got, again); diff != "" {
		t.Errorf("another order of the inventory:\n%s", diff)
	}
}

func TestAssignProblems(t *testing.T) {
	plan := "version: 1\nname: x\ndeadline: 2027-01-31\naccounts: [{regions: [eu-west-1]}]\ntarget: {engine_version: 8.0}\nwaves:\n" +
		"- name: a\n  select:\n    ids: [ordres, orders-replica, billing, warehouse]\n" +
		"- name: b\n  select: {globs: [\"zzz*\"]}\n" +
		"- name: c\n  select: {tags: {env: prod}}\n  exclude: {ids: [biling]}\n"
	p, problems := Decode("p.yaml", []byte(plan), Now(testNow))
	if problems != nil {
		t.Fatal(problems)
	}
	a, problems := Assign(p, []Item{
		db("orders"), with(db("orders-replica"), func(i *Item) { i.ReplicaOf = "orders" }), db("billing", "env=prod"),
		with(db("warehouse"), func(i *Item) { i.Engine = "postgres" }),
	})
	want := strings.Join([]string{
		`p.yaml:9:11: wave "a" names "ordres", which is not in the inventory: did you mean "orders"?`,
		`p.yaml:9:19: wave "a" names "orders-replica": read replica of orders: name its primary: a replica goes with "orders"`,
		`p.yaml:9:44: wave "a" names "warehouse": engine is postgres: remove it`,
		`p.yaml:10:3: wave "b" takes none of the 4 instances of the inventory: correct select, or delete the wave`,
		`p.yaml:12:3: database "111122223333/eu-west-1/billing" is in two waves, "a" and "c": "a" takes it on line 9: exclude it from one of them`,
		`p.yaml:14:19: wave "c" excludes "biling", which is not in the inventory: did you mean "billing"?`,
		`p.yaml:12:3: wave "c" takes none of the 4 instances of the inventory: correct select, or delete the wave`,
	}, "\n")
	// c has nothing left, since a won billing: both are told.
	lines := strings.Split(want, "\n")
	lines[5], lines[6] = lines[6], lines[5]
	if diff := cmp.Diff(strings.Join(lines, "\n"), problems.Error()); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if w := ids(a.Waves[0]); w != "billing" {
		t.Errorf("the first wave does not win: %q", w)
	}
	if u := ids(a.Unassigned); u != "orders" {
		t.Errorf("unassigned = %q", u)
	}
}

// TestAssignIsFast: ten thousand databases, two hundred waves of literal ids
// and patterns. There is no time in the assertion; a quadratic search would
// run into the test's own limit.
func TestAssignIsFast(t *testing.T) {
	const n, waves = 10_000, 200
	p := &Plan{}
	var items []Item
	for w := range waves {
		wave := Wave{Name: fmt.Sprint(w), Select: Selector{Globs: []string{fmt.Sprintf("glob-%d-*", w)}}}
		for i := range n / waves {
			id := fmt.Sprintf("db-%d-%d", w, i)
			if i%2 == 0 {
				id = fmt.Sprintf("glob-%d-%d", w, i)
			} else {
				wave.Select.IDs = append(wave.Select.IDs, id)
			}
			items = append(items, db(id))
		}
		p.Waves = append(p.Waves, wave)
	}
	a, problems := Assign(p, items)
	if problems != nil || len(a.WaveOf()) != n {
		t.Errorf("%d assigned, problems %v", len(a.WaveOf()), problems)
	}
}

func BenchmarkAssign(b *testing.B) {
	p := &Plan{Waves: []Wave{
		{Name: "a", Select: Selector{Tags: map[string]string{"tier": "1"}}}, {Name: "b", Select: Selector{Tags: map[string]string{"tier": "2"}}},
		{Name: "c", Select: Selector{Globs: []string{"db-9*"}, Tags: map[string]string{"tier": "3"}}, Exclude: Selector{Tags: map[string]string{"freeze": "*"}}}}}
	var items []Item
	for i := range 10_000 {
		items = append(items, db(fmt.Sprintf("db-%05d", i), fmt.Sprintf("tier=%d", i%3+1)))
	}
	for b.Loop() {
		Assign(p, items)
	}
}

func TestBudget(t *testing.T) {
	for _, c := range []struct {
		b     Budget
		total int
		stops int
	}{
		{Budget{Count: 1}, 20, 1}, {Budget{Count: 3}, 2, 3},
		{Budget{Percent: 10, IsPercent: true}, 20, 2}, {Budget{Percent: 10, IsPercent: true}, 25, 3},
		{Budget{Percent: 10, IsPercent: true}, 3, 1}, {Budget{Percent: 7, IsPercent: true}, 100, 7},
		{Budget{Percent: 100, IsPercent: true}, 7, 7}, {Budget{Percent: 0.5, IsPercent: true}, 1000, 5},
		{Budget{}, 10, 1}, {Budget{Percent: 10, IsPercent: true}, 0, 1},
	} {
		if got := c.b.Stops(c.total); got != c.stops {
			t.Errorf("%v of %d stops at %d, want %d", c.b, c.total, got, c.stops)
		}
		if c.b.Exhausted(c.stops-1, c.total) || !c.b.Exhausted(c.stops, c.total) {
			t.Errorf("%v of %d is not exhausted exactly at %d", c.b, c.total, c.stops)
		}
	}
	if got := (Budget{Percent: 7.5, IsPercent: true}).Text(1, 40); got != "1 of 40 failed, the wave stops at 3 (7.5% of 40)" {
		t.Error(got)
	}
	if got := (Budget{Count: 1}).Text(1, 40); got != "error budget exhausted: 1 of 40 failed, the budget is 1" {
		t.Error(got)
	}
}

func TestBatches(t *testing.T) {
	p := &Plan{ServiceTag: "service"}
	items := []Item{db("a", "service=x"), db("b", "service=y"), db("c", "service=y"), db("d"), db("e"), db("f", "service=y")}
	var got []string
	for _, b := range (Wave{SwitchLimit: 3}).Batches(items, p.Service) {
		got = append(got, ids(b))
	}
	if diff := cmp.Diff([]string{"a", "b d e", "c", "f"}, got); diff != "" {
		t.Error(diff)
	}
	p.ServiceTag = ""
	if b := (Wave{SwitchLimit: 5}).Batches(items, p.Service); len(b) != 2 {
		t.Errorf("without grouping: %d batches", len(b))
	}
	if b := (Wave{}).Batches(nil, p.Service); b != nil {
		t.Errorf("no items: %v", b)
	}
}

func TestScalars(t *testing.T) {
	for in, want := range map[string]time.Duration{"0": 0, "7d": 7 * day, "1d12h": 36 * time.Hour, "0d1s": time.Second, "1.5h": 90 * time.Minute} {
		if got, err := ParseDuration(in); err != nil || got != want {
			t.Errorf("ParseDuration(%q) = %v, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "d", "1.5d", "-1d", "1d-1h", "-3s", "1d+1h", "3", "1w", "999999d", "1h1d", "36500d9000000h", "36500d2562047h"} {
		if got, err := ParseDuration(in); err == nil {
			t.Errorf("ParseDuration(%q) = %v", in, got)
		}
	}
	for d, want := range map[time.Duration]string{0: "0s", 90 * time.Second: "1m30s", 36 * time.Hour: "1d12h", 7 * day: "7d", 100 * time.Millisecond: "100ms"} {
		if got := FormatDuration(d); got != want {
			t.Errorf("FormatDuration = %q, want %q", got, want)
		}
	}
	var d Date
	if err := d.UnmarshalText([]byte("2027-01-31")); err != nil || d.String() != "2027-01-31" {
		t.Errorf("date = %v, %v", d, err)
	}
	if err := d.UnmarshalText(nil); err != nil || d.String() != "" {
		t.Errorf("no date = %v, %v", d, err)
	}
	if c := Clock(65).String(); c != "01:05" {
		t.Error(c)
	}
}
