package plantest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
)

const oneAccount = `mysql: {user: u, password: p}
accounts: [{id: "111122223333", regions: [eu-west-1], quotas: {DBInstances: 2000, AllocatedStorage: 10000000, DBParameterGroups: 500}%s}]
defaults: {account: "111122223333", region: eu-west-1, engine_version: 5.7.44, class: db.m5.large, storage_type: gp2, allocated_storage: 100, backup_retention: 7}
`

func roadFleet(account, rest string) string { return fmt.Sprintf(oneAccount, account) + rest }

func roadPlan(change ...string) string {
	return strings.NewReplacer(change...).Replace(`version: 1
name: road
deadline: 2027-01-31
accounts: [{id: "111122223333", regions: [eu-west-1]}]
target: {engine_version: "8.0", storage: {type: gp3}, instance_class: graviton, parameter_group: translate}
connection: {auth: env, user: u, password_env: NONE, tls: off}
switchover: {timeout: 300s, max_replica_lag: 5s, lag_for: 1m, retries: 1}
run: {poll: 30s, api_rate: 12}
waves:
  - {name: all, select: {globs: ["*"]}, limits: {build: 200, switch: 50}, soak: 10m, approval: auto}
`)
}

func (w *world) instance(id string) *bluegreen.Instance {
	w.t.Helper()
	list, err := w.client("111122223333", "eu-west-1").Instances(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for i := range list {
		if list[i].ID == id {
			return &list[i]
		}
	}
	return nil
}

func (w *world) mustBeDone(st fleet.Status) {
	w.t.Helper()
	if st.Outcome != fleet.OutcomeDone {
		w.t.Errorf("outcome %s: %v", st.Outcome, st.Waiting)
	}
	for _, d := range st.Databases {
		if d.Stage != "done" || !d.OnTarget {
			w.t.Errorf("%s is %s, off target %v: %s", d.ID, d.Stage, d.Off, d.Reason)
		}
	}
}

// TestTwoHops: 5.7 to 8.4 are two deployments of one campaign, and both old
// blues are still there, kept and told of.
func TestTwoHops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		<-time.After(time.Until(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))) // virtual time begins in 2000
		w := newWorld(t, roadFleet("", "databases: [{id: orders, replicas: [{id: orders-r1}]}, {id: users, engine_version: 5.7.44-RDS.20260212}]\n"), roadPlan(`"8.0"`, `"8.4"`))
		pv := w.preview(fleet.PreviewOptions{})
		d := planOf(pv, "orders")
		if !slices.Equal(d.Route, []string{"5.7.44", "8.0.46", "8.4.10"}) || len(d.Steps) != 2 {
			t.Fatalf("route %v, %d steps", d.Route, len(d.Steps))
		}
		first, second := d.Steps[0], d.Steps[1]
		if first.Support != bluegreen.PhaseExtendedYr12 || !first.FeePerDay.Known || first.FeePerDay.USD <= 0 {
			t.Errorf("stopping on 8.0: %+v", first)
		}
		if second.Support != bluegreen.PhaseStandard || second.FeePerDay.USD != 0 || second.Target.Family != "mysql8.4" {
			t.Errorf("the target: %+v", second)
		}
		if d.Cost.FeeNow.USD <= first.FeePerDay.USD {
			t.Errorf("the fee now is %v, after the first hop %v", d.Cost.FeeNow, first.FeePerDay)
		}
		w.mustBeDone(w.run())
		for _, id := range []string{"orders", "orders-r1", "users"} {
			now, mid, old := w.instance(id), w.instance(id+"-old2"), w.instance(id+"-old1")
			if mid == nil { // RDS counts up per name: the first hop's old blue is -old1
				t.Errorf("%s: no second old blue", id)
				continue
			}
			versions := []string{now.Version, mid.Version, old.Version[:6]}
			if want := []string{"8.4.10", "8.0.46", "5.7.44"}; !slices.Equal(versions, want) {
				t.Errorf("%s: %v, want %v", id, versions, want)
			}
		}
	})
}

// TestThreeHops: where RDS offers 9.7, latest leads there.
func TestThreeHops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, roadFleet("", "databases: [{id: orders}]\n"), roadPlan(`"8.0"`, "latest"))
		d := planOf(w.preview(fleet.PreviewOptions{}), "orders")
		if len(d.Steps) != 3 || !strings.HasPrefix(d.Route[3], "9.7.") {
			t.Fatalf("route %v", d.Route)
		}
		w.mustBeDone(w.run())
		if i := w.instance("orders"); !strings.HasPrefix(i.Version, "9.7.") || w.instance("orders-old3") == nil {
			t.Errorf("orders is %s", i.Version)
		}
	})
}

// TestFineDatabasesArrive: what plan lets through, arrives; the account that
// refuses version and class in one call is learnt from.
func TestFineDatabasesArrive(t *testing.T) {
	for _, account := range []string{"", ", one_call_graviton: false", ", modify_while_initializing: true"} {
		t.Run("account"+account, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, roadFleet(account, `
parameter_groups:
  - {name: lower57, family: mysql5.7, parameters: {lower_case_table_names: "1", event_scheduler: "ON"}}
option_groups:
  - {name: audit57, major_version: "5.7", options: [MARIADB_AUDIT_PLUGIN]}
databases:
  - {id: plain}
  - {id: lower, parameter_group: lower57}
  - {id: replicas, replicas: [{id: replicas-r1}, {id: replicas-r2, storage_type: io1, iops: 1000}]}
  - {id: options, option_group: audit57, replicas: [{id: options-r1}]}
  - {id: old-class, class: db.m4.large}
  - {id: logvolume, dedicated_log_volume: true, storage_type: io1, allocated_storage: 500, iops: 3000}
  - {id: roles, roles: ["arn:aws:iam::111122223333:role/export"]}
  - {id: protected, deletion_protection: true}
`), roadPlan())
				pv := w.preview(fleet.PreviewOptions{})
				for _, d := range pv.Plans {
					if d.Blocked() {
						code, id := firstBlock(d)
						t.Errorf("%s is blocked: %s %s", d.ID, id, code)
					}
				}
				w.mustBeDone(w.run())
				if i := w.instance("roles"); !slices.Equal(i.Roles, w.instance("roles-old1").Roles) || len(i.Roles) != 1 {
					t.Errorf("roles: %v, old blue has %v", i.Roles, w.instance("roles-old1").Roles)
				}
				if i := w.instance("options-r1"); i.Version != "8.0.46" || !strings.HasPrefix(i.OptionGroup, "road-audit57-mysql8-0-") {
					t.Errorf("options-r1: %s with %s", i.Version, i.OptionGroup)
				}
				if i := w.instance("protected"); !i.Protected {
					t.Error("protected lost its deletion protection")
				}
				w.foreseen(pv)
			})
		})
	}
}

// foreseen compares the kinds of calls that plan printed with those made.
func (w *world) foreseen(pv fleet.Preview) {
	w.t.Helper()
	kinds := map[bluegreen.ActionKind]string{bluegreen.CreateDeployment: "CreateBlueGreenDeployment", bluegreen.Switchover: "SwitchoverBlueGreenDeployment",
		bluegreen.AddRole: "AddRoleToDBInstance"}
	want, got := map[string]int{}, map[string]int{}
	for _, d := range pv.Plans {
		for _, a := range d.Actions {
			if k := kinds[a.Kind]; k != "" {
				want[k]++
			}
		}
	}
	for _, m := range w.sim.History() {
		if m.Error == "" && want[m.Action] > 0 {
			got[m.Action]++
		}
	}
	for k, n := range want {
		if got[k] != n {
			w.t.Errorf("plan foresaw %d %s, there were %d", n, k, got[k])
		}
	}
}

// TestThousandDatabases: within RDS's 12 calls a second, in seconds.
func TestThousandDatabases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b strings.Builder
		b.WriteString("parameter_groups:\n")
		for g := range 20 {
			fmt.Fprintf(&b, "  - {name: group-%d, family: mysql5.7, parameters: {max_connections: \"%d\"}}\n", g, 100+g)
		}
		b.WriteString("databases:\n")
		for i := range 1000 {
			fmt.Fprintf(&b, "  - {id: db-%04d, parameter_group: group-%d, replicas: [{id: db-%04d-r1}]}\n", i, i%20, i)
		}
		w := newWorld(t, roadFleet("", b.String()), roadPlan("quotas", "quotas", `"8.0"`, `"8.4"`))
		began := time.Now()
		pv := w.preview(fleet.PreviewOptions{})
		took := time.Since(began)
		calls := 0
		for action, n := range w.http.calls {
			if action != "AssumeRole" {
				calls += n
			}
		}
		if len(pv.Plans) != 1000 || len(pv.Gaps) > 0 {
			t.Errorf("%d plans, gaps %v", len(pv.Plans), pv.Gaps)
		}
		if rate := float64(calls-12) / took.Seconds(); rate > 12.01 {
			t.Errorf("%d calls in %s: %.1f a second", calls, took, rate)
		}
		if took > 20*time.Second {
			t.Errorf("took %s of virtual time for %d calls", took, calls)
		}
		t.Logf("%d calls in %s of virtual time: %v", calls, took, w.http.calls)
		throttled := 0
		for _, m := range w.sim.History() {
			if m.Error != "" {
				throttled++
			}
		}
		if throttled > 0 || len(w.sim.History()) > 0 {
			t.Errorf("%d calls were refused, %d changed something", throttled, len(w.sim.History()))
		}
	})
}
