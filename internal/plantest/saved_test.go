package plantest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
)

const savedFleet = `
parameter_groups:
  - {name: app57, family: mysql5.7, parameters: {max_connections: "500"}}
databases:
  - {id: orders, parameter_group: app57, tags: {env: prod}, replicas: [{id: orders-r1}]}
  - {id: users}
`

// save makes and reads back a saved plan.
func (w *world) save() string {
	w.t.Helper()
	e, done := w.engine(false)
	defer done()
	if _, err := e.Preview(w.t.Context(), fleet.PreviewOptions{}); err != nil {
		w.t.Fatal(err)
	}
	s, err := e.Save()
	if err != nil {
		w.t.Fatal(err)
	}
	path := filepath.Join(w.dir, "saved.json")
	if err := fleet.WriteSaved(path, s); err != nil {
		w.t.Fatal(err)
	}
	return path
}

func (w *world) hold(path string) {
	w.t.Helper()
	var err error
	if w.saved, err = fleet.LoadSaved(path, w.plan.Path); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) drifts() []string {
	w.t.Helper()
	e, done := w.engine(false)
	defer done()
	if _, err := e.Survey(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for _, d := range e.Drifts() {
		out = append(out, strings.TrimPrefix(d.Database, "111122223333/eu-west-1/")+" "+d.Field)
	}
	return out
}

func TestSavedPlanIsCarriedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, roadFleet("", savedFleet), roadPlan(`"8.0"`, `"8.4"`))
		w.hold(w.save())
		if d := w.drifts(); len(d) > 0 {
			t.Fatalf("drift without a change: %v", d)
		}
		w.mustBeDone(w.run())
		if d := w.drifts(); len(d) > 0 {
			t.Errorf("the campaign's own work counts as drift: %v", d)
		}
		st := w.run()
		if n := len(st.Saved); n != 1 || st.Saved[0].Fingerprint != w.saved.Fingerprint || st.Saved[0].Path != w.saved.Path || st.Saved[0].Runs != 2 {
			t.Errorf("the journal holds the saved plan as %+v", st.Saved)
		}
		w.saved = nil
		if st := w.run(); len(st.Saved) != 1 || st.Saved[0].Runs != 2 {
			t.Errorf("a run without one counts: %+v", st.Saved)
		}
	})
}

// TestSavedPlanGoesOn: a run that is held to a saved plan may be stopped and
// begun again at any moment: greens in the making are no drift.
func TestSavedPlanGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, roadFleet("", savedFleet), roadPlan())
		w.hold(w.save())
		for rounds := 0; ; rounds++ {
			e, done := w.engine(true)
			soft, stop := context.WithTimeout(t.Context(), 7*time.Minute)
			st, err := e.Run(t.Context(), soft)
			stop()
			done()
			if d := w.drifts(); len(d) > 0 {
				t.Fatalf("drift in round %d: %v", rounds, d)
			}
			if err == nil {
				w.mustBeDone(st)
				if rounds < 3 {
					t.Errorf("done in %d rounds: nothing was interrupted", rounds)
				}
				return
			}
			if !errors.Is(err, fleet.ErrInterrupted) || rounds > 200 {
				t.Fatalf("round %d: %v", rounds, err)
			}
		}
	})
}

// TestDrift: whatever has changed since is named, field by field, and nothing
// is done to a database that is not as the saved plan has it.
func TestDrift(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(w *world)
		want   string
	}{
		{"class", func(w *world) {
			w.raw("ModifyDBInstance", "DBInstanceIdentifier", "orders", "DBInstanceClass", "db.m5.xlarge", "ApplyImmediately", "true")
		}, "orders class,orders target.class"},
		{"storage", func(w *world) {
			w.raw("ModifyDBInstance", "DBInstanceIdentifier", "users", "AllocatedStorage", "500", "ApplyImmediately", "true")
		}, "users storage,users target.storage"},
		{"parameters", func(w *world) {
			w.raw("ModifyDBParameterGroup", "DBParameterGroupName", "app57", "Parameters.Parameter.1.ParameterName", "max_connections",
				"Parameters.Parameter.1.ParameterValue", "900", "Parameters.Parameter.1.ApplyMethod", "immediate")
		}, "orders parameters,orders replica.orders-r1.parameters,orders target.parameter_group"},
		{"version", func(w *world) {
			w.raw("ModifyDBInstance", "DBInstanceIdentifier", "users", "EngineVersion", "5.7.44-RDS.20260212", "ApplyImmediately", "true")
		}, "users version"},
		{"replicas", func(w *world) {
			w.raw("CreateDBInstanceReadReplica", "DBInstanceIdentifier", "users-r1", "SourceDBInstanceIdentifier", "users")
		}, "users replica.users-r1.class,users replica.users-r1.multi_az,users replica.users-r1.option_group,users replica.users-r1.parameter_group,users replica.users-r1.parameters,users replica.users-r1.resource_id,users replica.users-r1.storage,users replica.users-r1.version,users target.replica.users-r1.class,users target.replica.users-r1.storage"},
		{"tags", func(w *world) {
			w.raw("AddTagsToResource", "ResourceName", "arn:aws:rds:eu-west-1:111122223333:db:orders", "Tags.Tag.1.Key", "env", "Tags.Tag.1.Value", "staging")
		}, "orders tag.env"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, roadFleet("", savedFleet), roadPlan())
				w.hold(w.save())
				tc.change(w)
				w.pass(24 * time.Hour)
				got := strings.Join(w.drifts(), ",")
				if got != tc.want {
					t.Errorf("drift %s, want %s", got, tc.want)
				}
				id, _, _ := strings.Cut(tc.want, " ")
				for _, d := range w.run().Databases {
					if blocked := d.Stage == "blocked"; blocked != (d.ID == id) {
						t.Errorf("%s is %s: %s", d.ID, d.Stage, d.Reason)
					}
				}
			})
		})
	}
}

func TestSavedPlanIsGuarded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, roadFleet("", savedFleet), roadPlan())
		path := w.save()
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		forged := strings.Replace(string(b), "db.m7g.large", "db.m7g.xlarge", 1)
		if err := os.WriteFile(path+".forged", []byte(forged), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := fleet.LoadSaved(path+".forged", w.plan.Path); err == nil || !strings.Contains(err.Error(), "fingerprint") {
			t.Errorf("a forged plan: %v", err)
		}
		if err := os.WriteFile(w.plan.Path, []byte(roadPlan("10m", "20m")), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := fleet.LoadSaved(path, w.plan.Path); err == nil || !strings.Contains(err.Error(), "not the one") {
			t.Errorf("another plan file: %v", err)
		}
	})
}

// TestReadsThatFail: whichever read is refused or not implemented, plan says
// so and goes on.
func TestReadsThatFail(t *testing.T) {
	reads := []string{"DescribeAccountAttributes", "DescribeDBEngineVersions", "DescribeDBMajorEngineVersions", "DescribeDBParameterGroups",
		"DescribeDBParameters", "DescribeDBProxies", "DescribeEngineDefaultParameters", "DescribeIntegrations", "DescribeOptionGroups",
		"DescribeOrderableDBInstanceOptions", "DescribePendingMaintenanceActions", "DescribeReservedDBInstances"}
	kinds := map[string]func() (int, string){
		"denied": func() (int, string) {
			return 403, `<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not authorized</Message></Error><RequestId>r</RequestId></ErrorResponse>`
		},
		"not implemented": func() (int, string) { return 500, "<html><body>not here</body></html>" },
	}
	for kind, answer := range kinds {
		for _, action := range reads {
			t.Run(kind+" "+action, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, roadFleet("", savedFleet), roadPlan())
					w.http.broken = only(action, answer)
					pv := w.preview(fleet.PreviewOptions{})
					gaps := pv.Gaps["111122223333/eu-west-1"]
					if len(gaps) == 0 || len(pv.Plans) != 2 {
						t.Errorf("%d plans, gaps %v", len(pv.Plans), pv.Gaps)
					}
					src := pv.Sources["111122223333/eu-west-1"]
					for a, s := range map[string]string{"DescribeDBEngineVersions": src.Versions, "DescribeDBMajorEngineVersions": src.Calendar, "DescribeOrderableDBInstanceOptions": src.Classes} {
						if builtin := strings.HasPrefix(s, "built-in"); builtin != (a == action) {
							t.Errorf("%s: source %q", a, s)
						}
					}
					if p := planOf(pv, "users"); len(p.Route) != 2 || p.Target == nil || p.Target.Class != "db.m7g.large" {
						t.Errorf("road without %s: %+v", action, p)
					}
				})
			})
		}
	}
}
