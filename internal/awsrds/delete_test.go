package awsrds

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// Right before a deletion the machine behind the name is looked at: only the one
// that was decided about is deleted, and only with its data kept.
func TestDelete(t *testing.T) {
	old := bluegreen.Action{Kind: bluegreen.DeleteInstance, Instance: "orders-old1", ResourceID: "db-OLD", Snapshot: "last"}
	replica := bluegreen.Action{Kind: bluegreen.DeleteInstance, Instance: "orders-old1", ResourceID: "db-OLD", Replica: true}
	adopted := old
	adopted.Adopted = true
	off := false
	open := bluegreen.Action{Kind: bluegreen.ModifyInstance, Instance: "orders-old1", ResourceID: "db-OLD", Modify: &bluegreen.ModifySpec{Protected: &off}}
	is := func(resource, source, replicas string) string {
		return "<DBInstances><DBInstance><DBInstanceIdentifier>orders-old1</DBInstanceIdentifier><DbiResourceId>" + resource + "</DbiResourceId>" +
			"<ReadReplicaSourceDBInstanceIdentifier>" + source + "</ReadReplicaSourceDBInstanceIdentifier>" +
			"<ReadReplicaDBInstanceIdentifiers>" + replicas + "</ReadReplicaDBInstanceIdentifiers></DBInstance></DBInstances>"
	}
	snapshot := func(resource, status string) string {
		return "<DBSnapshots><DBSnapshot><DBSnapshotIdentifier>last</DBSnapshotIdentifier><Engine>mysql</Engine><DbiResourceId>" + resource +
			"</DbiResourceId><Status>" + status + "</Status></DBSnapshot></DBSnapshots>"
	}
	for name, tt := range map[string]struct {
		action   bluegreen.Action
		instance string
		snapshot string
		code     string
		sent     map[string]string // nil: nothing was changed
	}{
		"the machine itself":       {old, is("db-OLD", "", ""), "", "", map[string]string{"SkipFinalSnapshot": "false", "FinalDBSnapshotIdentifier": "last"}},
		"another with its name":    {old, is("db-NEW", "", ""), "", "AnotherInstance", nil},
		"a replica hangs on it":    {old, is("db-OLD", "", "<ReadReplicaDBInstanceIdentifier>x</ReadReplicaDBInstanceIdentifier>"), "", "AnotherInstance", nil},
		"a replica":                {replica, is("db-OLD", "orders-old2", ""), "", "", map[string]string{"SkipFinalSnapshot": "true"}},
		"a replica, promoted":      {replica, is("db-OLD", "", ""), "", "AnotherInstance", nil},
		"snapshot there":           {adopted, is("db-OLD", "", ""), snapshot("db-OLD", "available"), "", map[string]string{"SkipFinalSnapshot": "true"}},
		"snapshot not ready":       {adopted, is("db-OLD", "", ""), snapshot("db-OLD", "creating"), "NoFinalSnapshot", nil},
		"snapshot of another":      {adopted, is("db-OLD", "", ""), snapshot("db-NEW", "available"), "NoFinalSnapshot", nil},
		"snapshot gone":            {adopted, is("db-OLD", "", ""), "<DBSnapshots/>", "NoFinalSnapshot", nil},
		"protection of another":    {open, is("db-NEW", "", ""), "", "AnotherInstance", nil},
		"no answer, nothing known": {old, "<DBInstances/>", "", "AnotherInstance", nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := newFake(t, func(f url.Values) (int, string) {
				switch f.Get("Action") {
				case "DescribeDBInstances":
					return ok("DescribeDBInstances", tt.instance)
				case "DescribeDBSnapshots":
					return ok("DescribeDBSnapshots", tt.snapshot)
				}
				return ok(f.Get("Action"), "")
			})
			_, err := dial(t, s.scope()).Do(t.Context(), tt.action)
			if tt.code != "" {
				if f := faultOf(t, err); f.Code != tt.code || f.Consequence != bluegreen.Wait {
					t.Errorf("%v (%s)", f, f.Consequence)
				}
				for _, c := range s.forms {
					if !strings.HasPrefix(c.Get("Action"), "Describe") {
						t.Errorf("sent %v", c)
					}
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]string{"DBInstanceIdentifier": "orders-old1", "DeleteAutomatedBackups": "false"}
			for k, v := range tt.sent {
				want[k] = v
			}
			if diff := cmp.Diff(want, s.sent("DeleteDBInstance")); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestDeleteNeedsProofs(t *testing.T) {
	for _, a := range []bluegreen.Action{
		{Kind: bluegreen.DeleteInstance, Instance: "x", Snapshot: "s"},
		{Kind: bluegreen.DeleteInstance, Instance: "x", ResourceID: "db-X"},
		{Kind: bluegreen.DeleteInstance, Instance: "x", Replica: true},
		{Kind: bluegreen.DeleteInstance, Instance: "x", ResourceID: "db-X", Replica: true, Snapshot: "s"},
	} {
		if missing(a) == "" {
			t.Errorf("%+v would be sent", a)
		}
	}
}
