package plantest

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

// actionsOf are the actions that a policy for a command allows.
func actionsOf(t *testing.T, command string) map[string]bool {
	t.Helper()
	list, err := bluegreen.IAMPolicy(bluegreen.PolicyOptions{Commands: []string{command}})
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]bool{}
	for _, s := range list {
		for _, a := range s.Action {
			m[a] = true
		}
	}
	return m
}

// TestPolicyCoversEveryCall: what a campaign calls is what its policy allows.
func TestPolicyCoversEveryCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, roadFleet("", `
parameter_groups: [{name: app57, family: mysql5.7, parameters: {max_connections: "500"}}]
option_groups: [{name: audit57, major_version: "5.7", options: [MARIADB_AUDIT_PLUGIN]}]
databases:
  - {id: orders, parameter_group: app57, proxy: {name: front}, replicas: [{id: orders-r1, storage_type: io1, iops: 1000}]}
  - {id: options, option_group: audit57, roles: ["arn:aws:iam::111122223333:role/export"]}
`), roadPlan(`"8.0"`, `"8.4"`))
		check := func(command string, allowed map[string]bool) {
			t.Helper()
			for action := range w.http.calls {
				if action != "AssumeRole" && action != "GetCallerIdentity" && action != "" && !allowed["rds:"+action] {
					t.Errorf("%s calls rds:%s, which its policy does not allow", command, action)
				}
			}
		}
		w.preview(fleet.PreviewOptions{})
		check("plan", actionsOf(t, "plan"))
		w.mustBeDone(w.run())
		check("run", actionsOf(t, "run"))
		if i := w.instance("options"); !strings.HasPrefix(i.OptionGroup, "road-road-audit57-mysql8-0-") || !strings.Contains(i.OptionGroup, "-mysql8-4-") {
			t.Errorf("after two hops the option group is %s", i.OptionGroup)
		}
	})
}

func TestDiscoverAndDraft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		<-time.After(time.Until(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)))
		w := newWorld(t, roadFleet("", `databases:
  - {id: orders, tags: {env: prod, service: shop, owner: "=cmd"}, replicas: [{id: orders-r1}]}
  - {id: users, tags: {env: staging}, allocated_storage: 50}
  - {id: news, engine_version: 8.0.46}
  - {id: fresh, engine_version: 8.4.10}
`), roadPlan())
		c := w.client("111122223333", "eu-west-1")
		scopes := []fleet.Scope{{Account: "111122223333", Region: "eu-west-1", Cloud: c, Offers: c}}
		o := fleet.DiscoverOptions{ServiceTag: "service", OwnerTag: "owner", Prices: bluegreen.BuiltinPrices()}
		inv, err := fleet.Discover(t.Context(), scopes, time.Now(), o)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range inv.Databases {
			got = append(got, f.ID+" "+f.Version+" "+string(f.Support))
		}
		want := []string{"orders 5.7.44 extended-year-3", "users 5.7.44 extended-year-3", "news 8.0.46 extended-year-1-2"}
		if !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		// Two members of 2 vCPUs at 0.20 USD: 24 * 2 * 2 * 0.2.
		if fee := inv.Databases[0].FeePerDay; !fee.Known || fee.USD < 19.19 || fee.USD > 19.21 {
			t.Errorf("orders pays %+v", fee)
		}
		path := filepath.Join(t.TempDir(), "draft.yaml")
		if err := os.WriteFile(path, []byte(fleet.DraftPlan(inv, fleet.DraftOptions{Name: "draft", Target: "8.4", WaveTag: "env", RoleARN: role("111122223333")})), 0o600); err != nil {
			t.Fatal(err)
		}
		if w.plan, err = plan.Load(path, plan.Now(time.Now())); err != nil {
			t.Fatal(err)
		}
		if pv := w.preview(fleet.PreviewOptions{}); len(pv.Plans) != 3 || len(pv.Unassigned) != 0 {
			t.Errorf("the draft takes %d, leaves %d", len(pv.Plans), len(pv.Unassigned))
		}
	})
}

// meter answers for CloudWatch.
type meter map[string]bluegreen.Load

func (m meter) Loads(context.Context, []string) (map[string]bluegreen.Load, error) { return m, nil }

// TestMeasuredSizing: what was measured sizes the volume, the saving is said,
// and a run that is held to the saved plan uses the same figures.
func TestMeasuredSizing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, roadFleet("", `databases:
  - {id: idle, storage_type: io1, allocated_storage: 1000, iops: 40000}
  - {id: thin, storage_type: io1, allocated_storage: 1000, iops: 40000}
  - {id: huge, storage_type: io1, allocated_storage: 2000, iops: 80000}
`), roadPlan())
		w.meter = meter{"idle": {IOPS: 900, MiBps: 30, Points: 4032}, "thin": {IOPS: 900, MiBps: 30, Points: 12}, "huge": {IOPS: 20000, MiBps: 400, Points: 4000}}
		e, done := w.engine(false)
		defer done()
		pv, err := e.Preview(t.Context(), fleet.PreviewOptions{Measure: true})
		if err != nil {
			t.Fatal(err)
		}
		for id, want := range map[string]string{"idle": "gp3 1000 GiB", "thin": "gp3 1000 GiB 40000 IOPS 4000 MiB/s", "huge": "gp3 2000 GiB 30000 IOPS 600 MiB/s"} {
			d := planOf(pv, id)
			if got := d.Target.Storage.String(); got != want {
				t.Errorf("%s: %s, want %s", id, got, want)
			}
			saves := d.Cost.MeasuredSaving
			if saves == nil || (saves.USD > 0) != (id != "thin") {
				t.Errorf("%s saves %+v", id, saves)
			}
		}
		saved, err := e.Save()
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(w.dir, "saved.json")
		if err := fleet.WriteSaved(path, saved); err != nil {
			t.Fatal(err)
		}
		w.meter = nil
		w.hold(path)
		w.mustBeDone(w.run())
		if i := w.instance("idle"); i.StorageType != "gp3" || i.IOPS > 12000 {
			t.Errorf("idle has %s with %d IOPS", i.StorageType, i.IOPS)
		}
	})
}

// TestShrink: smaller volumes at create, replicas with them, held by RDS's minimum.
func TestShrink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, roadFleet("", `databases:
  - {id: empty, allocated_storage: 300, used_storage_percent: 20, replicas: [{id: empty-r1}]}
  - {id: full, allocated_storage: 300, used_storage_percent: 80}
  - {id: unknown, allocated_storage: 300, used_storage_percent: 20}
  - {id: wide, allocated_storage: 2000, used_storage_percent: 5}
  - {id: options, allocated_storage: 300, used_storage_percent: 20}
`), roadPlan("storage: {type: gp3}", "storage: {type: gp3, shrink: true}"))
		w.meter = meter{"empty": {FreeGiB: 240, FreeKnown: true}, "full": {FreeGiB: 60, FreeKnown: true}, "wide": {FreeGiB: 1900, FreeKnown: true},
			"options": {FreeGiB: 240, FreeKnown: true}}
		e, done := w.engine(false)
		defer done()
		pv, err := e.Preview(t.Context(), fleet.PreviewOptions{Measure: true})
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]int{"empty": 80, "full": 300, "unknown": 300, "wide": 400, "options": 80}
		for id, gib := range want {
			if got := planOf(pv, id).Target.Storage.AllocatedGiB; got != gib {
				t.Errorf("%s: %d GiB, want %d", id, got, gib)
			}
		}
		saved, err := e.Save()
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(w.dir, "saved.json")
		if err := fleet.WriteSaved(path, saved); err != nil {
			t.Fatal(err)
		}
		w.hold(path)
		st := w.run()
		want["empty-r1"] = 80
		for id, gib := range want {
			if i := w.instance(id); i.AllocatedGiB != gib || i.Version != "8.0.46" || i.StorageType != "gp3" {
				t.Errorf("%s has %d GiB on %s, want %d", id, i.AllocatedGiB, i.Version, gib)
			}
		}
		if st.Outcome != fleet.OutcomeDone {
			t.Errorf("outcome %s: %v", st.Outcome, st.Waiting)
		}
	})
}

// TestCalendar: a deadline that is missed says what would help.
func TestCalendar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		<-time.After(time.Until(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)))
		var b strings.Builder
		b.WriteString("databases:\n")
		for i := range 30 {
			b.WriteString("  - {id: db-" + string(rune('a'+i%26)) + string(rune('a'+i/26)) + "}\n")
		}
		w := newWorld(t, roadFleet("", b.String()), roadPlan("build: 200, switch: 50", "build: 2, switch: 1", "deadline: 2027-01-31", "deadline: 2026-11-25",
			"retries: 1}", `retries: 1, windows: [{days: [sat], from: "22:00", to: "23:00", timezone: UTC}]}`))
		c := w.preview(fleet.PreviewOptions{}).Calendar
		if c.Finish.Weekday() != time.Sunday && c.Finish.Weekday() != time.Saturday {
			t.Errorf("switchovers on %s", c.Finish.Format("Mon 15:04"))
		}
		if c.SpareDays >= 0 || c.FinishHigh.Before(c.Finish) {
			t.Errorf("spare %v, slow end %v after %v", c.SpareDays, c.FinishHigh, c.Finish)
		}
		text := strings.Join(c.Help, "\n")
		for _, want := range []string{"switchovers at once", "every day", "no windows", "earlier start"} {
			if !strings.Contains(text, want) {
				t.Errorf("help lacks %q:\n%s", want, text)
			}
		}
		if c.Waves[0].Databases != 30 || c.Waves[0].GreensAtOnce == 0 {
			t.Errorf("wave: %+v", c.Waves[0])
		}
	})
}

// TestQuotas: the waves' greens against what is free, and what fits.
func TestQuotas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text := strings.Replace(roadFleet("", "databases: [{id: a}, {id: b}, {id: c}, {id: d}, {id: e, replicas: [{id: e-r1}]}]\n"), "DBInstances: 2000", "DBInstances: 9", 1)
		w := newWorld(t, text, roadPlan())
		pv := w.preview(fleet.PreviewOptions{})
		q := pv.Quotas[0]
		if q.AtOnce != 5 || q.Fits != 2 || q.KeptInstances != 6 {
			t.Errorf("%+v", q)
		}
		ids := ""
		for _, i := range q.Issues {
			ids += i.ID + " "
		}
		if ids != "quota-dbinstances quota-old-blues " {
			t.Errorf("issues %s", ids)
		}
	})
}

// TestPreviewIsData: everything that plan shows survives JSON.
func TestPreviewIsData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, roadFleet(", reserved_instances: [{id: ri, region: eu-west-1, class: db.m5.2xlarge, count: 1, ends_days: 100}]", savedFleet), roadPlan())
		pv := w.preview(fleet.PreviewOptions{Probe: true})
		b, err := json.Marshal(pv)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{`"stranded_units":12`, `"reservations":["ri"]`, `"rds:SwitchoverBlueGreenDeployment","state":"allowed"`, `"as_of":"2026-11-23"`} {
			if !strings.Contains(string(b), want) {
				t.Errorf("no %s in %s", want, b)
			}
		}
	})
}
