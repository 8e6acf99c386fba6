package bluegreen

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sold lists classes as orderable with gp2, gp3, io1 and io2 in three zones.
func sold(version string, classes ...string) []Orderable {
	out := []Orderable{}
	for _, c := range classes {
		for _, st := range []string{"gp2", "gp3", "io1", "io2"} {
			out = append(out, Orderable{Version: version, Class: c, StorageType: st, MultiAZ: true, Replicas: true, AZs: []string{"eu-1a", "eu-1b", "eu-1c"}})
		}
	}
	return out
}

func TestGravitonCandidates(t *testing.T) {
	for _, tc := range []struct {
		class      string
		generation int
		want       string // candidates, best first; "": none
	}{
		{"db.t2.micro", 0, "db.t4g.micro"},
		{"db.t2.nano", 0, "db.t4g.micro"},
		{"db.t3.small", 6, "db.t4g.small"},
		{"db.t3.2xlarge", 8, "db.t4g.2xlarge"},
		{"db.m3.medium", 7, "db.t4g.medium db.m7g.large db.m8g.large db.m6g.large"},
		{"db.m3.2xlarge", 6, "db.m6g.2xlarge db.m7g.2xlarge db.m8g.2xlarge"},
		{"db.m4.10xlarge", 7, "db.m7g.12xlarge db.m8g.12xlarge db.m6g.12xlarge"},
		{"db.m4.16xlarge", 7, "db.m7g.16xlarge db.m8g.16xlarge db.m6g.16xlarge"},
		{"db.m5.large", 0, "db.m7g.large db.m8g.large db.m6g.large"},
		{"db.m5.16xlarge", 6, "db.m6g.16xlarge db.m7g.16xlarge db.m8g.16xlarge"},
		{"db.m5.24xlarge", 7, "db.m8g.24xlarge"},
		{"db.m6i.24xlarge", 6, "db.m8g.24xlarge"},
		{"db.m6i.32xlarge", 8, ""},
		{"db.m7i.large", 6, "db.m7g.large db.m8g.large"},
		{"db.m5d.xlarge", 6, "db.m6gd.xlarge db.m8gd.xlarge"},
		{"db.m6id.24xlarge", 7, "db.m8gd.24xlarge"},
		{"db.r3.8xlarge", 7, "db.r7g.8xlarge db.r8g.8xlarge db.r6g.8xlarge"},
		{"db.r4.16xlarge", 8, "db.r8g.16xlarge db.r7g.16xlarge db.r6g.16xlarge"},
		{"db.r5.24xlarge", 7, "db.r8g.24xlarge"},
		{"db.r5b.4xlarge", 6, "db.r8g.4xlarge"},
		{"db.r5d.large", 7, "db.r8gd.large db.r6gd.large"},
		{"db.r6id.32xlarge", 7, ""},
		{"db.x1.16xlarge", 7, "db.x2g.16xlarge"},
		{"db.x1.32xlarge", 7, ""},
		{"db.x1e.xlarge", 7, "db.x2g.2xlarge"},
		{"db.x1e.8xlarge", 7, "db.x2g.16xlarge"},
		{"db.x1e.16xlarge", 7, ""},
		{"db.x1e.32xlarge", 7, ""},
		{"db.z1d.large", 6, "db.r7g.large db.r8g.large"},
		{"db.z1d.3xlarge", 7, "db.r7g.4xlarge db.r8g.4xlarge"},
		{"db.z1d.6xlarge", 8, "db.r8g.8xlarge db.r7g.8xlarge"},
		{"db.z1d.12xlarge", 7, "db.r7g.12xlarge db.r8g.12xlarge"},
		{"db.x2iedn.xlarge", 7, ""},
		{"db.serverless", 7, ""},
		{"m5.large", 7, ""},
		{"", 7, ""},
	} {
		got, _ := gravitonCandidates(tc.class, tc.generation)
		if diff := cmp.Diff(tc.want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s, generation %d (-want +got):\n%s", tc.class, tc.generation, diff)
		}
	}
}

func TestChooseClass(t *testing.T) {
	all := sold("8.0.46", "db.m5.large", "db.m5.24xlarge", "db.m6g.large", "db.m7g.large", "db.r5.large", "db.r5.12xlarge", "db.m5.12xlarge",
		"db.x2iedn.16xlarge", "db.t3.small", "db.m8g.24xlarge")
	oneZone := sold("8.0.46", "db.m7g.large", "db.m6g.large")
	for i := range oneZone {
		if oneZone[i].Class == "db.m7g.large" {
			oneZone[i].AZs = []string{"eu-1a"}
		}
	}
	graviton := TargetPolicy{ClassMode: "graviton"}
	for _, tc := range []struct {
		name   string
		inst   Instance
		pol    TargetPolicy
		offer  []Orderable
		want   string
		issues string
	}{
		{"the wanted generation", Instance{Class: "db.m5.large"}, graviton, all, "db.m7g.large", ""},
		{"an older generation", Instance{Class: "db.m5.large"}, TargetPolicy{ClassMode: "graviton", Generation: 6}, all, "db.m6g.large", ""},
		{"a generation that is not sold", Instance{Class: "db.m5.large"}, TargetPolicy{ClassMode: "graviton", Generation: 8}, all, "db.m7g.large", ""},
		{"24xlarge", Instance{Class: "db.m5.24xlarge"}, graviton, all, "db.m8g.24xlarge", ""},
		{"no Graviton sold", Instance{Class: "db.r5.large"}, graviton, all, "db.r5.large", "warn graviton-not-orderable"},
		{"no Graviton sold, previous generation", Instance{Class: "db.m4.10xlarge"}, graviton, all, "db.m5.12xlarge", "warn class-replaced, warn graviton-not-orderable"},
		{"no Graviton of that size", Instance{Class: "db.x1e.16xlarge"}, graviton, all, "db.x2iedn.16xlarge", "warn class-replaced, warn no-graviton-class"},
		{"nothing at all", Instance{Class: "db.r3.large"}, graviton, sold("8.0.46"), "db.r3.large", "block class-not-orderable, warn graviton-not-orderable"},
		{"Graviton already", Instance{Class: "db.m6g.large"}, graviton, all, "db.m6g.large", ""},
		{"nothing known", Instance{Class: "db.r5.large"}, graviton, nil, "db.r7g.large", ""},
		{"too few zones for Multi-AZ", Instance{Class: "db.m5.large", MultiAZ: true, SubnetAZs: []string{"eu-1a", "eu-1b"}}, graviton, oneZone, "db.m6g.large", ""},
		{"one zone is enough for Single-AZ", Instance{Class: "db.m5.large", SubnetAZs: []string{"eu-1a", "eu-1b"}}, graviton, oneZone, "db.m7g.large", ""},
		{"the zone is not in the subnet group", Instance{Class: "db.m5.large", SubnetAZs: []string{"eu-1b"}}, graviton, oneZone, "db.m6g.large", ""},
		{"keep", Instance{Class: "db.m5.large"}, TargetPolicy{ClassMode: "keep"}, all, "db.m5.large", ""},
		{"keep what cannot be kept", Instance{Class: "db.t2.small"}, TargetPolicy{ClassMode: "keep"}, all, "db.t3.small", "warn class-replaced"},
		{"keep a previous generation, nothing known", Instance{Class: "db.r3.large"}, TargetPolicy{ClassMode: "keep"}, nil, "db.r5.large", "warn class-replaced"},
		{"map", Instance{Class: "db.m5.large"}, TargetPolicy{ClassMode: "map", ClassMap: map[string]string{"db.m5.large": "db.m6g.large"}}, all, "db.m6g.large", ""},
		{"map to what is not sold", Instance{Class: "db.m5.large"}, TargetPolicy{ClassMode: "map", ClassMap: map[string]string{"db.m5.large": "db.q1.large"}}, all, "db.q1.large", "block class-not-orderable"},
		{"map without an entry", Instance{Class: "db.m5.large"}, TargetPolicy{ClassMode: "map"}, all, "db.m5.large", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := chooseClass(classRequest{inst: tc.inst, version: "8.0.46", storage: "gp3", pol: tc.pol, offer: tc.offer})
			if got.class != tc.want {
				t.Errorf("class %s, want %s", got.class, tc.want)
			}
			if diff := cmp.Diff(tc.issues, issueList(got.issues)); diff != "" {
				t.Errorf("issues (-want +got):\n%s", diff)
			}
		})
	}
	gp2Only := []Orderable{{Version: "8.0.46", Class: "db.m7g.large", StorageType: "gp2"}}
	if why := (classRequest{version: "8.0.46", storage: "gp3", offer: gp2Only}).refusal("db.m7g.large"); !strings.Contains(why, "gp3") {
		t.Errorf("a class that is not sold with gp3: %q", why)
	}
	if why := (classRequest{inst: Instance{MultiAZ: true}, version: "8.0.46", offer: gp2Only}).refusal("db.m7g.large"); !strings.Contains(why, "Multi-AZ") {
		t.Errorf("a class that cannot be Multi-AZ: %q", why)
	}
}

func TestRunsOn(t *testing.T) {
	for _, tc := range []struct {
		class, version string
		want           bool
	}{
		{"db.m5.large", "5.7.44", true}, {"db.m7g.large", "5.7.44", false}, {"db.m7g.large", "8.0.28", true},
		{"db.r8g.large", "8.0.28", false}, {"db.r8g.large", "8.0.32", true}, {"db.m8gd.large", "8.0.39", false},
		{"db.m8gd.large", "8.4.2", false}, {"db.m8gd.large", "8.4.3", true}, {"db.r6gd.large", "8.4.3", true},
		{"db.t4g.small", "5.7.44-RDS.20260212", false}, {"db.m7g.large", "what", false}, {"db.x2g.large", "9.7.1", true},
	} {
		if got := runsOn(tc.class, tc.version); got != tc.want {
			t.Errorf("runsOn(%s, %s) = %t", tc.class, tc.version, got)
		}
	}
}
