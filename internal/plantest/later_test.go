package plantest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
)

// TestLaterHopsAreForeseen: the parameter and option groups that plan names
// for the second hop are those that the campaign makes then, value for value.
func TestLaterHopsAreForeseen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, roadFleet("", `
parameter_groups:
  - {name: app57, family: mysql5.7, parameters: {max_connections: "500", tx_isolation: READ-COMMITTED, slave_parallel_workers: "4"}}
  - {name: events57, family: mysql5.7, parameters: {event_scheduler: "ON", sql_mode: STRICT_TRANS_TABLES}}
option_groups: [{name: audit57, major_version: "5.7", options: [MARIADB_AUDIT_PLUGIN]}]
databases:
  - {id: plain}
  - {id: orders, parameter_group: app57, replicas: [{id: orders-r1}]}
  - {id: shared, parameter_group: app57}
  - {id: events, parameter_group: events57}
  - {id: options, option_group: audit57}
`), roadPlan(`"8.0"`, `"8.4"`))
		pv := w.preview(fleet.PreviewOptions{})
		w.mustBeDone(w.run())
		for _, d := range pv.Plans {
			first, second := d.Steps[0], d.Steps[1]
			now, mid := w.instance(d.ID), w.instance(d.ID+"-old2")
			if mid.ParameterGroup != first.Target.ParameterGroup || now.ParameterGroup != second.Target.ParameterGroup {
				t.Errorf("%s: groups %s, %s; foreseen were %s, %s", d.ID, mid.ParameterGroup, now.ParameterGroup, first.Target.ParameterGroup, second.Target.ParameterGroup)
			}
			if d.ID == "options" && (now.OptionGroup != second.Target.OptionGroup || !slices.Equal(second.Options, []string{"MARIADB_AUDIT_PLUGIN"})) {
				t.Errorf("options: %s with %v, foreseen was %s", now.OptionGroup, second.Options, second.Target.OptionGroup)
			}
			if second.Group == nil || second.Duration.BuildMinutes == 0 || !second.Month.Known || len(second.Issues) > 0 && bluegreen.HasBlocker(second.Issues) {
				t.Errorf("%s: the second hop is %+v", d.ID, second)
				continue
			}
			set, err := w.client("111122223333", "eu-west-1").Parameters(t.Context(), now.ParameterGroup, "user")
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range second.Group.Set {
				n := slices.IndexFunc(set, func(q bluegreen.Parameter) bool { return q.Name == p.Name })
				want := p.Value
				if d.ID == "events" && p.Name == "event_scheduler" {
					want = "ON" // given back
				}
				if n < 0 || set[n].Value != want {
					t.Errorf("%s: %s is not %s in %s", d.ID, p.Name, want, now.ParameterGroup)
				}
			}
		}
	})
}

// TestLaterHopBlocked: what would stop the second hop is told before the first.
func TestLaterHopBlocked(t *testing.T) {
	for _, tc := range []struct{ name, fleet, plan, say string }{
		{"an option that 8.4 does not have", "option_groups: [{name: cache57, major_version: \"5.7\", options: [MEMCACHED]}]\ndatabases: [{id: one, option_group: cache57}]\n",
			"translate", "MEMCACHED exists for 5.7 and 8.0 only"},
		{"a named group fits one hop only", "parameter_groups: [{name: named80, family: mysql8.0, parameters: {event_scheduler: \"OFF\"}}]\ndatabases: [{id: one}]\n",
			"named80", "this hop needs mysql8.4"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, roadFleet("", tc.fleet), roadPlan(`"8.0"`, `"8.4"`, "parameter_group: translate", "parameter_group: "+tc.plan))
				d := planOf(w.preview(fleet.PreviewOptions{}), "one")
				i := issueOf(*d, "later-hop-blocked")
				if i == nil || i.Severity != bluegreen.SeverityWarn || !strings.Contains(i.Message, tc.say) || d.Blocked() {
					t.Fatalf("plan says %+v", d.Issues)
				}
				st := w.run()
				if got := st.Databases[0]; got.Stage != "blocked" || !strings.HasPrefix(got.EngineVersion, "8.0") {
					t.Errorf("the outcome is %s on %s: %s", got.Stage, got.EngineVersion, got.Reason)
				}
			})
		})
	}
}

// TestPace: what the campaign's own greens took corrects what is expected of
// the rest; a journal without estimates corrects nothing.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, roadFleet("", `databases:
  - {id: one, tags: {env: first}}
  - {id: two, tags: {env: first}}
  - {id: three, tags: {env: first}}
  - {id: big, allocated_storage: 2000, storage_type: gp2, tags: {env: second}}
`), strings.Replace(roadPlan(), `waves:
  - {name: all, select: {globs: ["*"]}, limits: {build: 200, switch: 50}, soak: 10m, approval: auto}`,
			`waves:
  - {name: first, select: {tags: {env: first}}, limits: {build: 200, switch: 50}, soak: 10m, approval: auto}
  - {name: second, select: {tags: {env: second}}, limits: {build: 200, switch: 50}, soak: 10m, approval: manual}`, 1))
		w.plan.Run.BuildAhead = false
		before := w.preview(fleet.PreviewOptions{})
		if d := planOf(before, "big"); before.Pace != nil || d.Duration.RestsOn != "size only" {
			t.Errorf("before anything was built: pace %v, %q", before.Pace, d.Duration.RestsOn)
		}
		// The second wave is only looked at: its green must not be built.
		w.plan.Waves[1].BuildLimit = 1
		e, done := w.engine(true)
		soft, stop := context.WithTimeout(t.Context(), 2*time.Hour)
		_, _ = e.Run(t.Context(), soft)
		stop()
		done()
		after := w.preview(fleet.PreviewOptions{})
		d, was := planOf(after, "big"), planOf(before, "big")
		if after.Pace == nil || after.Pace.Greens != 3 {
			t.Fatalf("pace %+v", after.Pace)
		}
		if f := after.Pace.Factor; f == 1 || d.Duration == nil || (d.Duration.Ready() < was.Duration.Ready()) != (f < 1) || !strings.Contains(d.Duration.RestsOn, "pace of 3 greens") {
			t.Errorf("by pace %+v: %+v, before %+v", after.Pace, d.Duration, was.Duration)
		}
	})
}
