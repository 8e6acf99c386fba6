package bluegreen

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestUnits(t *testing.T) {
	for _, tc := range []struct {
		class   string
		multiAZ bool
		family  string
		units   float64
		ok      bool
	}{
		{"db.m5.large", false, "m5", 4, true},
		{"db.m5.large", true, "m5", 8, true},
		{"db.r7g.xlarge", false, "r7g", 8, true},
		{"db.r7g.16xlarge", false, "r7g", 128, true},
		{"db.t4g.micro", false, "t4g", 0.5, true},
		{"db.m5.huge", false, "m5", 0, false},
		{"serverless", false, "", 0, false},
	} {
		family, units, ok := Units(tc.class, tc.multiAZ)
		if family != tc.family || units != tc.units || ok != tc.ok {
			t.Errorf("%s: %s %v %v", tc.class, family, units, ok)
		}
	}
}

func TestCompareReservations(t *testing.T) {
	now := day(2026, 11, 23)
	reserved := []Reserved{
		{ID: "ri-1", Class: "db.m5.xlarge", Count: 2, State: "active", Started: day(2026, 1, 1), Term: 365 * 24 * time.Hour},
		{ID: "gone", Class: "db.m5.xlarge", Count: 9, State: "retired"},
		{ID: "over", Class: "db.m5.xlarge", Count: 9, State: "active", Started: day(2025, 1, 1), Term: 365 * 24 * time.Hour},
		{ID: "stays", Class: "db.r5.large", Count: 1, State: "active"},
	}
	before := []ClassUse{{"db.m5.large", true}, {"db.m5.large", false}, {"db.r5.large", false}}
	after := []ClassUse{{"db.m7g.large", true}, {"db.m5.large", false}, {"db.r5.large", false}}
	got := CompareReservations(reserved, before, after, "us-east-1", now, BuiltinPrices())
	// 16 units of m5 are reserved, 12 used, 4 still used afterwards: 8 stranded.
	want := []ReservedChange{
		{Family: "m5", Reserved: 16, Before: 12, After: 4, Stranded: 8, Ends: "2027-01-01", IDs: []string{"ri-1"}},
		{Family: "m7g", After: 8, Uncovered: 8},
		{Family: "r5", Reserved: 4, Before: 4, After: 4, IDs: []string{"stays"}},
	}
	for i := range got {
		if got[i].Family == "m7g" {
			// two large at 0.168 USD for 730 hours, 30 % off
			if s := got[i].Saving; !s.Known || s.USD < 73.5 || s.USD > 73.7 || !strings.Contains(s.Note, "30 %") {
				t.Errorf("saving %+v", s)
			}
		}
		got[i].Saving = Estimate{}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestEstimateDuration(t *testing.T) {
	blue := Instance{ID: "a", Version: "5.7.44", Class: "db.m5.large", StorageType: "gp2", AllocatedGiB: 1500}
	hop := Hop{From: "5.7.44", To: "8.0.46"}
	target := Target{Version: "8.0.46", Class: "db.m7g.large", CreateClass: "db.m7g.large", Storage: StorageSpec{Type: "gp3"}}
	base := EstimateDuration(DurationFacts{Blue: blue, Hop: hop, Target: target})
	more := func(name string, f DurationFacts) {
		t.Helper()
		if d := EstimateDuration(f); d.Total() <= base.Total() {
			t.Errorf("%s takes %s, without it %s", name, d.Total(), base.Total())
		}
	}
	big, late, upgrade := blue, target, target
	big.AllocatedGiB *= 4
	late.CreateClass = ""
	upgrade.Storage.UpgradeConfig = true
	more("four times the size", DurationFacts{Blue: big, Hop: hop, Target: target})
	more("a class change afterwards", DurationFacts{Blue: blue, Hop: hop, Target: late})
	more("the storage upgrade", DurationFacts{Blue: blue, Hop: hop, Target: upgrade})
	more("100,000 tables", DurationFacts{Blue: blue, Hop: hop, Target: target, Objects: &Objects{Tables: 100_000}})
	more("a replica", DurationFacts{Blue: blue, Hop: hop, Target: target, Replicas: []Instance{blue}})
	more("much writing", DurationFacts{Blue: blue, Hop: hop, Target: target, Load: &Load{MiBps: 100, Points: 4000}})
	small := blue
	small.Class, late.Class = "db.t3.large", "db.t4g.large"
	if d := EstimateDuration(DurationFacts{Blue: small, Hop: hop, Target: Target{Class: "db.t4g.large", CreateClass: "db.t4g.large"}}); d.AdjustMinutes != 0 {
		t.Errorf("t classes are not initialized, yet %d minutes", d.AdjustMinutes)
	}
	if base.High() <= base.Total() || base.Ready() >= base.Total() || len(base.Basis) == 0 {
		t.Errorf("%+v", base)
	}
}

func TestBuiltinVersions(t *testing.T) {
	list := BuiltinVersions("5.7.38", "8.0.28", "nonsense", "5.7.44")
	for _, tc := range []struct{ from, want, route string }{
		{"5.7.38", "8.4", "8.0.46 8.4.10"},
		{"5.7.44", "8.0", "8.0.46"},
		{"5.7.44-RDS.20260212", "8.0", "8.0.46"},
		{"8.0.28", "8.4", "8.4.10"},
		{"8.4.10", "8.4", ""},
	} {
		hops, err := Route(tc.from, tc.want, list)
		var got []string
		for _, h := range hops {
			got = append(got, h.To)
		}
		if err != nil || strings.Join(got, " ") != tc.route {
			t.Errorf("%s to %s: %v, %v", tc.from, tc.want, got, err)
		}
	}
	for _, v := range list {
		if v.Version == "5.7.38" && v.Status != "deprecated" {
			t.Error("a version that is not offered may not be chosen")
		}
	}
}

func TestTranslateOptions(t *testing.T) {
	g := OptionGroup{Name: "audit57", Line: "5.7", Options: []string{"MEMCACHED", "MARIADB_AUDIT_PLUGIN"},
		Detail: []Option{{Name: "MARIADB_AUDIT_PLUGIN", Settings: map[string]string{"SERVER_AUDIT_EVENTS": "CONNECT"}}}}
	to80, to84 := TranslateOptions("q4", g, "8.0.46"), TranslateOptions("q4", g, "8.4.10")
	if len(to80.Options) != 2 || to80.Line != "8.0" || len(to84.Options) != 1 || to84.Options[0].Settings["SERVER_AUDIT_EVENTS"] != "CONNECT" {
		t.Errorf("%+v, %+v", to80, to84)
	}
	g.Detail[0].Settings["SERVER_AUDIT_EVENTS"] = "QUERY"
	if TranslateOptions("q4", g, "8.4.10").Name == to84.Name {
		t.Error("other settings, same name")
	}
	if s := TranslateOptions("q4", OptionGroup{Name: "cache", Options: []string{"MEMCACHED"}}, "8.4.10"); s != nil {
		t.Errorf("nothing is left, yet %+v", s)
	}
}

func TestIAMPolicy(t *testing.T) {
	if _, err := IAMPolicy(PolicyOptions{Commands: []string{"status"}}); err == nil || !strings.Contains(err.Error(), "discover") {
		t.Errorf("an unknown command: %v", err)
	}
	list, err := IAMPolicy(PolicyOptions{Commands: []string{"discover", "plan", "precheck"}, Auth: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		for _, a := range s.Action {
			_, verb, _ := strings.Cut(a, ":")
			if !strings.HasPrefix(verb, "Describe") && !strings.HasPrefix(verb, "Get") && !strings.HasPrefix(verb, "List") {
				t.Errorf("an auditor may %s", a)
			}
		}
	}
	list, err = IAMPolicy(PolicyOptions{Campaign: "q4", TagKey: "env", TagValue: "prod"})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		for _, r := range s.Resource {
			if i := strings.IndexByte(r, '*'); i >= 0 && strings.Contains(r, "-*") {
				t.Errorf("%s: a partial wildcard, %s", s.Sid, r)
			}
		}
		if s.Sid == "Switchover" && s.Condition["StringEquals"]["aws:ResourceTag/"+TagCampaign][0] != "q4" {
			t.Errorf("%+v", s)
		}
		if s.Sid == "DeleteInstances" && s.Condition["StringEquals"]["aws:ResourceTag/env"][0] != "prod" {
			t.Errorf("%+v", s)
		}
	}
	b, err := PolicyJSON(list)
	if err != nil || !json.Valid(b) {
		t.Errorf("JSON: %v", err)
	}
	if tf := string(PolicyTerraform([]PolicyStatement{{Sid: "x", Action: []string{`a"${b}`}, Resource: []string{"*"}}})); !strings.Contains(tf, `"a\"$${b}"`) {
		t.Errorf("not quoted: %s", tf)
	}
}

func TestMeasuredDemand(t *testing.T) {
	io1 := Instance{ID: "a", StorageType: "io1", AllocatedGiB: 300, IOPS: 8000}
	for _, tc := range []struct {
		name string
		load *Load
		want string
	}{
		{"not measured", nil, "io1 300 GiB 8000 IOPS"},
		{"too few samples", &Load{IOPS: 100, MiBps: 5, Points: 100}, "io1 300 GiB 8000 IOPS"},
		{"little used", &Load{IOPS: 1500, MiBps: 40, Points: 4000}, "gp3 300 GiB"},
		{"much used", &Load{IOPS: 7000, MiBps: 40, Points: 4000}, "io1 300 GiB 8000 IOPS"},
	} {
		pol := TargetPolicy{StorageType: "gp3"}
		if tc.load != nil {
			pol.Measured = map[string]Load{"a": *tc.load}
		}
		if got := chooseStorage(io1, 0, pol).spec.String(); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}
