package bluegreen

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// listed is a version table as DescribeDBEngineVersions with IncludeAll showed
// it in autumn 2026: deprecated minors are listed, later minors of a line are
// reachable only from minors that are not newer than they are.
func listed() []EngineVersion {
	v := func(version, status, targets string) EngineVersion {
		e := EngineVersion{Version: version, Family: "mysql" + version[:3], Status: status}
		for _, t := range strings.Fields(targets) {
			e.UpgradeTargets = append(e.UpgradeTargets, UpgradeTarget{Version: t, Major: t[:3] != version[:3]})
		}
		return e
	}
	const to80 = "8.0.42 8.0.43 8.0.44 8.0.45 8.0.46 8.0.28"
	return []EngineVersion{
		v("5.7.33", "deprecated", "5.7.44 5.7.44-RDS.20260212"),
		v("5.7.38", "deprecated", "5.7.44 5.7.44-RDS.20260212 8.0.28 8.0.42"),
		v("5.7.44", "available", "5.7.44-RDS.20250508 5.7.44-RDS.20260212 "+to80),
		v("5.7.44-RDS.20250508", "available", "5.7.44-RDS.20260212 "+to80),
		v("5.7.44-RDS.20260212", "available", to80),
		v("8.0.28", "deprecated", "8.0.42 8.0.46 8.4.7"),
		v("8.0.42", "available", "8.0.43 8.0.46 8.4.7 8.4.9"),
		v("8.0.45", "available", "8.0.46 8.4.7 8.4.9 8.4.10"),
		v("8.0.46", "available", "8.4.9 8.4.10"),
		v("8.4.7", "available", "8.4.9 8.4.10 9.7.1 9.7.2"),
		v("8.4.9", "available", "8.4.10 9.7.2"),
		v("8.4.10", "available", "9.7.2"),
		v("9.7.1", "available", "9.7.2"),
		v("9.7.2", "available", ""),
		v("no-version", "available", "8.0.46"),
	}
}

func TestRoute(t *testing.T) {
	for _, tc := range []struct {
		name, from, want, route string
		err                     error
	}{
		{"one hop to a line", "5.7.44", "8.0", "5.7.44>8.0.46", nil},
		{"one hop to an exact version", "5.7.44", "8.0.42", "5.7.44>8.0.42", nil},
		{"an Extended Support build", "5.7.44-RDS.20260212", "8.0", "5.7.44-RDS.20260212>8.0.46", nil},
		{"two hops over the newest patch", "5.7.44", "8.4", "5.7.44>8.0.46>8.4.10", nil},
		{"an exact version that the newest patch does not reach", "5.7.44", "8.4.7", "5.7.44>8.0.45>8.4.7", nil},
		{"three hops", "5.7.44", "9.7", "5.7.44>8.0.46>8.4.10>9.7.2", nil},
		{"latest is the newest line", "5.7.44", "latest", "5.7.44>8.0.46>8.4.10>9.7.2", nil},
		{"latest from 8.0", "8.0.46", "latest", "8.0.46>8.4.10>9.7.2", nil},
		{"latest from the newest line", "9.7.1", "latest", "", nil},
		{"a minor that must be patched first", "5.7.33", "8.0", "5.7.33>5.7.44-RDS.20260212>8.0.46", nil},
		{"a minor that reaches older patches only goes on to the newest", "5.7.38", "8.0", "5.7.38>8.0.42>8.0.46", nil},
		{"a minor hop, asked for exactly", "8.0.42", "8.0.46", "8.0.42>8.0.46", nil},
		{"on the line", "8.0.28", "8.0", "", nil},
		{"on the version", "8.0.46", "8.0.46", "", nil},
		{"an Extended Support build, on its line", "5.7.44-RDS.20250508", "5.7", "", nil},
		{"newer than asked", "8.4.9", "8.0", "", nil},
		{"newer patch than asked", "8.0.46", "8.0.42", "", nil},
		{"not listed, but there already", "8.4.99", "8.4", "", nil},
		{"source not listed", "5.7.22", "8.0", "", ErrUnknownVersion},
		{"source not listed, latest", "5.7.22", "latest", "", ErrUnknownVersion},
		{"target not listed", "5.7.44", "8.0.99", "", ErrUnknownVersion},
		{"line not listed", "5.7.44", "10.1", "", ErrUnknownVersion},
		{"target deprecated", "5.7.44", "8.0.28", "", ErrNoRoute},
		{"no path", "9.7.1", "9.8", "", ErrUnknownVersion},
		{"a listed version without a path", "8.0.46", "8.4.7", "", ErrNoRoute},
	} {
		t.Run(tc.name, func(t *testing.T) {
			hops, err := Route(tc.from, tc.want, listed())
			if !errors.Is(err, tc.err) || (err == nil) != (tc.err == nil) {
				t.Fatalf("Route(%s, %s) error = %v, want %v", tc.from, tc.want, err, tc.err)
			}
			var got []string
			for i, h := range hops {
				if i == 0 {
					got = append(got, h.From)
				}
				if h.From != got[len(got)-1] {
					t.Errorf("hop %d begins at %s, the one before ended at %s", i, h.From, got[len(got)-1])
				}
				if want := "mysql" + h.To[:3]; h.Family != want {
					t.Errorf("hop to %s has family %q, want %q", h.To, h.Family, want)
				}
				got = append(got, h.To)
			}
			if diff := cmp.Diff(tc.route, strings.Join(got, ">")); diff != "" {
				t.Errorf("route (-want +got):\n%s", diff)
			}
		})
	}
	for _, bad := range [][2]string{{"x", "8.0"}, {"5.7.44", "eight"}, {"", "8.0"}, {"5.7.44", ""}} {
		if _, err := Route(bad[0], bad[1], listed()); err == nil {
			t.Errorf("Route(%q, %q) gave no error", bad[0], bad[1])
		}
	}
	if _, err := Route("5.7.44", "8.0.28", listed()); err == nil || !strings.Contains(err.Error(), "8.0.46") {
		t.Errorf("a deprecated target: error %v does not name the newest", err)
	}
	if _, err := Route("5.7.44", "8.0", nil); !errors.Is(err, ErrUnknownVersion) {
		t.Errorf("nothing listed: error %v", err)
	}
}

func TestDeploymentName(t *testing.T) {
	for _, tc := range []struct{ campaign, db, version, want string }{
		{"q3", "orders-1", "8.0.46", "q3-orders-1-8-0-46"},
		{"Q3", "Orders", "8.0.46", "q3-orders-8-0-46"},
	} {
		if got := DeploymentName(tc.campaign, tc.db, tc.version); got != tc.want {
			t.Errorf("DeploymentName(%q, %q, %q) = %q, want %q", tc.campaign, tc.db, tc.version, got, tc.want)
		}
	}
	long := strings.Repeat("a-very-long-name", 3) + "-"
	seen := map[string]bool{}
	for _, campaign := range []string{"q3", "7.5 (prod)", "été", "", "-", long, "a.b", "a_b", "a-b"} {
		for _, db := range []string{"db-1", "db-2", long + "a", long + "b", "9lives"} {
			name := DeploymentName(campaign, db, "8.0.46")
			if !validDeploymentName(name) {
				t.Errorf("DeploymentName(%q, %q) = %q is not valid", campaign, db, name)
			}
			if seen[name] {
				t.Errorf("DeploymentName(%q, %q) = %q was given before", campaign, db, name)
			}
			seen[name] = true
			if again := DeploymentName(campaign, db, "8.0.46"); again != name {
				t.Errorf("DeploymentName(%q, %q) = %q, then %q", campaign, db, name, again)
			}
		}
	}
}

// validDeploymentName is AWS's rule: 1 to 60 letters, digits and single
// hyphens, a letter first, no hyphen last.
func validDeploymentName(s string) bool {
	if len(s) < 1 || len(s) > 60 || strings.Contains(s, "--") || strings.HasSuffix(s, "-") || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}
