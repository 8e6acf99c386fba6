package bluegreen

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// recorded is a plan that a real server gave: MySQL 5.7.30 or 9.7.4, with
// explain_json_format_version=1 there.
func recorded(t *testing.T, name string) PlanShape {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "plans", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := ParsePlan(b)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return p
}

func what(rs []Regression) []string {
	var out []string
	for _, r := range rs {
		s := r.What
		if r.Serious {
			s = "SERIOUS " + s
		}
		out = append(out, s)
	}
	return out
}

func TestRegressionsOfRecordedPlans(t *testing.T) {
	for _, tt := range []struct {
		name, blue, green string
		want              []string
	}{
		{"join", "join.57", "join.97", nil},
		{"group", "group.57", "group.97", nil},
		{"semijoin", "semijoin.57", "semijoin.97", nil},
		{"union", "union.57", "union.97", nil},
		{"lookup", "lookup.57", "lookup.97", nil},
		{"derived", "derived.57", "derived.97", nil},
		{"impossible", "impossible.57", "impossible.97", nil},
		{"index lost", "lookup.57", "lookup-noindex.97", []string{"SERIOUS orders is scanned in full (about 19397 rows) where ref read by index customer"}},
		{"index lost in a join", "join.57", "join-noindex.97", []string{"SERIOUS o is scanned in full (about 19397 rows) where ref read by index state"}},
		{"index lost in a group", "group.57", "group-noindex.97", []string{"SERIOUS o is scanned in full (about 19397 rows) where ref read by index customer", "a temporary table that was not there before"}},
		{"no index on either", "lookup-noindex.57", "lookup-noindex.97", nil},
		{"better", "lookup-noindex.57", "lookup.97", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := what(Regressions(recorded(t, tt.blue), recorded(t, tt.green)))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestParsePlanKeepsNoLiteral(t *testing.T) {
	p := recorded(t, "union.57")
	for _, x := range p.Tables {
		if strings.Contains(x.Table+x.Key+x.Access, "@") {
			t.Errorf("%+v", x)
		}
	}
	for _, bad := range []string{"", "{", "[]", "{}", `{"query":"v2"}`} {
		if _, err := ParsePlan([]byte(bad)); err == nil {
			t.Errorf("%q is taken for a plan", bad)
		}
	}
}

func TestRegressions(t *testing.T) {
	ref := PlanTable{1, "a", "ref", "k", 10}
	b := PlanTable{1, "b", "eq_ref", "PRIMARY", 1}
	change := func(t PlanTable, f func(*PlanTable)) PlanTable { f(&t); return t }
	shape := func(ts ...PlanTable) PlanShape {
		p := PlanShape{Tables: ts}
		for _, t := range ts {
			p.Examined += t.Rows
		}
		return p
	}
	for _, tt := range []struct {
		name        string
		blue, green PlanShape
		want        []string
	}{
		{"the same", shape(ref, b), shape(ref, b), nil},
		{"other order", shape(ref, b), shape(b, ref), []string{"tables are joined in the order b, a, before in the order a, b"}},
		{"a small scan is not serious", shape(ref), shape(change(ref, func(t *PlanTable) { t.Access, t.Key, t.Rows = "ALL", "", 500 })),
			[]string{"a is scanned in full (about 500 rows) where ref read by index k"}},
		{"a scan of an index", shape(ref), shape(change(ref, func(t *PlanTable) { t.Access, t.Rows = "index", 5000 })),
			[]string{"SERIOUS a: index k is scanned in full (about 5000 rows) where ref read by index k"}},
		{"another index", shape(ref), shape(change(ref, func(t *PlanTable) { t.Key = "k2" })), []string{"a is read by index k2 where it was k"}},
		{"estimates", shape(ref), shape(change(ref, func(t *PlanTable) { t.Rows = 1000 })),
			[]string{"a: about 1000 rows are read at a time, 10 before", "about 1000 rows are examined in all, 10 before"}},
		{"higher, but little", shape(ref), shape(change(ref, func(t *PlanTable) { t.Rows = 999 })), nil},
		{"higher, but not ten times", shape(change(ref, func(t *PlanTable) { t.Rows = 200 })), shape(change(ref, func(t *PlanTable) { t.Rows = 1999 })), nil},
		{"sorted now", PlanShape{Tables: []PlanTable{change(ref, func(t *PlanTable) { t.Rows = 2000 })}},
			PlanShape{Tables: []PlanTable{change(ref, func(t *PlanTable) { t.Rows = 2000 })}, Filesorts: 1, Temporary: 1},
			[]string{"a filesort that was not there before", "a temporary table that was not there before"}},
		{"hostile names", shape(PlanTable{1, "a\x1b[2J", "ref", "k\u202e", 1}), shape(PlanTable{1, "a\x1b[2J", "ALL", "", 1}),
			[]string{"a?[2J is scanned in full (about 1 rows) where ref read by index k?"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, what(Regressions(tt.blue, tt.green))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestGatePlans(t *testing.T) {
	good := Explained{Text: "SELECT ?", Schema: "shop", From: "given by the plan"}
	light, serious, missing := good, good, good
	light.Regressions = []Regression{{false, "a filesort"}}
	serious.Regressions = []Regression{{true, "a scan"}}
	missing.Missing = "its text is cut off"
	read := func(e ...Explained) Reading[[]Explained] { return Reading[[]Explained]{Value: e} }
	for _, tt := range []struct {
		name   string
		all    Reading[[]Explained]
		policy PlanPolicy
		want   GateVerdict
		says   string
	}{
		{"good", read(good), PlansFail, GatePass, "1 statement explained on both, 1 given by the plan"},
		{"light", read(good, light), PlansFail, GatePass, "shop: a filesort (SELECT ?)"},
		{"serious, noted", read(serious), PlansNote, GatePass, "shop: a scan (SELECT ?)"},
		{"serious, held", read(serious), PlansHold, GateInconclusive, "a scan"},
		{"serious, failed", read(serious), PlansFail, GateFail, "a scan"},
		{"some missing", read(good, missing), PlansFail, GatePass, "not explained: 1 its text is cut off"},
		{"all missing", read(missing), PlansFail, GateInconclusive, "not explained: 1 its text is cut off"},
		{"all missing, noted", read(missing), PlansNote, GatePass, "not explained: 1 its text is cut off"},
		{"unread", Reading[[]Explained]{Err: "off"}, PlansHold, GateInconclusive, "nothing could be explained: off"},
		{"unread, noted", Reading[[]Explained]{Err: "off"}, PlansNote, GatePass, "nothing could be explained: off"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if g := GatePlans(tt.all, tt.policy); g.Verdict != tt.want || !strings.Contains(g.String(), tt.says) {
				t.Errorf("want %s saying %q: %s", tt.want, tt.says, g)
			}
		})
	}
}

func TestGateWarm(t *testing.T) {
	s := WarmSummary{Tables: []WarmTable{{Table: "shop.a", Bytes: 3 << 20, Rows: 10, Done: true, Cold: 800 * time.Millisecond, Warm: 20 * time.Millisecond},
		{Table: "shop.b", Bytes: 1 << 20}, {Table: "shop.c", Skipped: "no primary key"}}, Took: time.Minute}
	for _, tt := range []struct {
		least float64
		want  GateVerdict
	}{{0, GatePass}, {75, GatePass}, {76, GateInconclusive}} {
		g := GateWarm(s, tt.least)
		if g.Verdict != tt.want {
			t.Errorf("least %v: %s", tt.least, g)
		}
		for _, says := range []string{"75% of 4.0 MiB in 3 tables", "shop.a: the first rows took 800ms cold and 20ms warm", "within the budget: shop.b", "not read: shop.c (no primary key)"} {
			if !strings.Contains(g.String(), says) {
				t.Errorf("%s does not say %q", g, says)
			}
		}
	}
	if g := GateWarm(WarmSummary{}, 100); g.Verdict != GatePass {
		t.Errorf("without tables: %s", g)
	}
}
