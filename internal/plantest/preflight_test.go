package plantest

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
)

func fault(code, message string) func() (int, string) {
	return func() (int, string) {
		return 403, "<ErrorResponse><Error><Type>Sender</Type><Code>" + code + "</Code><Message>" + message + "</Message></Error><RequestId>r</RequestId></ErrorResponse>"
	}
}

func (w *world) preflight() []fleet.Preflight {
	w.t.Helper()
	e, done := w.engine(true)
	defer done()
	list, err := e.Preflight(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

// TestPreflight: what is certainly refused is named with AWS's words, what a
// policy with tags would refuse too is none of it, and what passed is not tried
// again for a day.
func TestPreflight(t *testing.T) {
	changes := []string{"CreateBlueGreenDeployment", "SwitchoverBlueGreenDeployment", "DeleteBlueGreenDeployment", "ModifyDBInstance",
		"RebootDBInstance", "ModifyDBParameterGroup", "AddTagsToResource"}
	const implicit = "User: arn:aws:iam::111122223333:user/x is not authorized to perform this because no identity-based policy allows it"
	for _, tc := range []struct {
		name    string
		refused []string
		say     string
		missing []string
	}{
		{"everything allowed", nil, "", nil},
		{"a service control policy", []string{"CreateBlueGreenDeployment"}, "not authorized with an explicit deny in a service control policy", []string{"rds:CreateBlueGreenDeployment"}},
		{"a policy with tags", changes[1:4], implicit, nil},
		{"read only", changes, implicit, []string{"rds:AddTagsToResource", "rds:CreateBlueGreenDeployment", "rds:DeleteBlueGreenDeployment",
			"rds:ModifyDBInstance", "rds:ModifyDBParameterGroup", "rds:RebootDBInstance", "rds:SwitchoverBlueGreenDeployment"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, roadFleet("", savedFleet), roadPlan())
				w.http.broken = func(action string) *http.Response {
					if !slices.Contains(tc.refused, action) {
						return nil
					}
					return only(action, fault("AccessDenied", tc.say))(action)
				}
				p := w.preflight()[0]
				var missing []string
				for _, a := range p.Missing {
					missing = append(missing, a.Action)
				}
				if !slices.Equal(missing, tc.missing) || p.OK() != (tc.missing == nil) {
					t.Errorf("missing %v, want %v; %+v", missing, tc.missing, p)
				}
				lines := strings.Join(fleet.MissingPermissions([]fleet.Preflight{p}), "\n")
				if (lines != "") != (tc.missing != nil) || tc.missing != nil && !strings.Contains(lines, tc.say) {
					t.Errorf("people are told %q", lines)
				}
				if n := len(w.sim.History()); n != countRefused(w) {
					t.Errorf("%d calls changed something", n-countRefused(w))
				}
				before := w.http.calls["RebootDBInstance"]
				again := w.preflight()[0]
				if tried := w.http.calls["RebootDBInstance"] > before; tried != (tc.missing != nil) || again.Kept == tried {
					t.Errorf("tried again: %t, kept %t", tried, again.Kept)
				}
				w.pass(25 * time.Hour)
				if w.preflight(); w.http.calls["RebootDBInstance"] == before {
					t.Error("a look of yesterday still counts")
				}
			})
		})
	}
}

func countRefused(w *world) int {
	n := 0
	for _, m := range w.sim.History() {
		if m.Error != "" {
			n++
		}
	}
	return n
}
