package plantest

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
)

// TestSideConditions: what a switchover must not lose is on the new server as
// it was on blue, over two hops and on replicas: IAM roles, tags, deletion
// protection; the campaign's own marks are on the deployment and its groups only.
func TestSideConditions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, roadFleet("", `databases:
  - {id: orders, deletion_protection: true, roles: ["arn:aws:iam::111122223333:role/export"], tags: {env: prod, owner: "shop team"}, replicas: [{id: orders-r1}]}
  - {id: users, tags: {env: prod}}
`), roadPlan(`"8.0"`, `"8.4"`))
		before := map[string]*bluegreen.Instance{}
		for _, id := range []string{"orders", "orders-r1", "users"} {
			before[id] = w.instance(id)
		}
		w.mustBeDone(w.run())
		for id, was := range before {
			is := w.instance(id)
			if diff := cmp.Diff(was.Tags, is.Tags); diff != "" {
				t.Errorf("tags of %s (-blue +new):\n%s", id, diff)
			}
			if !slices.Equal(was.Roles, is.Roles) || was.Protected != is.Protected || was.MultiAZ != is.MultiAZ || was.BackupDays != is.BackupDays {
				t.Errorf("%s: roles %v > %v, protected %t > %t, Multi-AZ %t > %t, backups %d > %d", id, was.Roles, is.Roles, was.Protected, is.Protected,
					was.MultiAZ, is.MultiAZ, was.BackupDays, is.BackupDays)
			}
			for k := range is.Tags {
				if strings.HasPrefix(k, "rdsupgrade:") {
					t.Errorf("%s carries our tag %s", id, k)
				}
			}
		}
	})
}

// TestGroupQuota: groups that do not fit are told, and refused by RDS.
func TestGroupQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text := strings.Replace(roadFleet("", `parameter_groups: [{name: events57, family: mysql5.7, parameters: {event_scheduler: "ON"}}]
databases: [{id: one, parameter_group: events57}, {id: two, parameter_group: events57}]
`), "DBParameterGroups: 500", "DBParameterGroups: 2", 1)
		w := newWorld(t, text, roadPlan())
		pv := w.preview(fleet.PreviewOptions{})
		told := slices.ContainsFunc(pv.Quotas[0].Issues, func(i bluegreen.Issue) bool {
			return i.ID == "quota-dbparametergroups" && i.Code == "DBParameterGroupQuotaExceeded"
		})
		st := w.run()
		refused := 0
		for _, d := range st.Databases {
			if d.Stage == "held" && strings.Contains(d.Reason, "DBParameterGroupQuotaExceeded") {
				refused++
			}
		}
		if !told || refused != 1 {
			t.Errorf("told %t, refused %d: %+v", told, refused, pv.Quotas[0].Issues)
		}
	})
}
