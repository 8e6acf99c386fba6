package awsrds

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

const (
	blueARN = "arn:aws:rds:eu-west-1:123456789012:db:orders"
	ourTags = "<TagList><Tag><Key>rdsupgrade:campaign</Key><Value>q4</Value></Tag>" +
		"<Tag><Key>rdsupgrade:database</Key><Value>orders</Value></Tag></TagList>"
)

func deploymentXML(status, source, tags string) string {
	return "<BlueGreenDeploymentIdentifier>bgd-1</BlueGreenDeploymentIdentifier>" +
		"<BlueGreenDeploymentName>q4-orders-80</BlueGreenDeploymentName><Status>" + status + "</Status>" +
		"<Source>" + source + "</Source>" + tags
}

func createAction() bluegreen.Action {
	return bluegreen.Action{Kind: bluegreen.CreateDeployment, Database: "orders", Create: &bluegreen.CreateSpec{
		Name: "q4-orders-80", SourceARN: blueARN, Version: "8.0.46", ParameterGroup: "orders-80", Class: "db.r7g.large",
		Storage: &bluegreen.StorageSpec{Type: "gp3", AllocatedGiB: 400, IOPS: 12000, ThroughputMiBps: 500, UpgradeConfig: true},
		Tags:    map[string]string{"rdsupgrade:database": "orders", "rdsupgrade:campaign": "q4"}}}
}

// What every action puts on the wire; fields of value zero are left out.
func TestActionsOnTheWire(t *testing.T) {
	yes, no := true, false
	for name, tt := range map[string]struct {
		action bluegreen.Action
		call   string
		want   map[string]string
	}{
		"create": {createAction(), "CreateBlueGreenDeployment", map[string]string{
			"BlueGreenDeploymentName": "q4-orders-80", "Source": blueARN, "TargetEngineVersion": "8.0.46",
			"TargetDBParameterGroupName": "orders-80", "TargetDBInstanceClass": "db.r7g.large",
			"TargetStorageType": "gp3", "TargetAllocatedStorage": "400", "TargetIops": "12000",
			"TargetStorageThroughput": "500", "UpgradeTargetStorageConfig": "true",
			"Tags.Tag.1.Key": "rdsupgrade:campaign", "Tags.Tag.1.Value": "q4",
			"Tags.Tag.2.Key": "rdsupgrade:database", "Tags.Tag.2.Value": "orders"}},
		"create, as little as possible": {bluegreen.Action{Kind: bluegreen.CreateDeployment,
			Create: &bluegreen.CreateSpec{Name: "n", SourceARN: blueARN, Storage: &bluegreen.StorageSpec{Type: "gp3"}}},
			"CreateBlueGreenDeployment",
			map[string]string{"BlueGreenDeploymentName": "n", "Source": blueARN, "TargetStorageType": "gp3"}},
		"modify": {bluegreen.Action{Kind: bluegreen.ModifyInstance, Instance: "g", Modify: &bluegreen.ModifySpec{
			Class: "db.r7g.large", Storage: &bluegreen.StorageSpec{Type: "gp3", IOPS: 12000}, Version: "8.4.10",
			ParameterGroup: "p", OptionGroup: "o", NewID: "n", Protected: &no, MultiAZ: &yes}},
			"ModifyDBInstance", map[string]string{"DBInstanceIdentifier": "g", "ApplyImmediately": "true",
				"AllowMajorVersionUpgrade": "true", "DBInstanceClass": "db.r7g.large", "StorageType": "gp3", "Iops": "12000",
				"EngineVersion": "8.4.10", "DBParameterGroupName": "p", "OptionGroupName": "o",
				"NewDBInstanceIdentifier": "n", "DeletionProtection": "false", "MultiAZ": "true"}},
		"modify one thing": {bluegreen.Action{Kind: bluegreen.ModifyInstance, Instance: "g",
			Modify: &bluegreen.ModifySpec{Class: "db.r7g.large"}}, "ModifyDBInstance",
			map[string]string{"DBInstanceIdentifier": "g", "ApplyImmediately": "true", "DBInstanceClass": "db.r7g.large"}},
		"reboot": {reboot, "RebootDBInstance", map[string]string{"DBInstanceIdentifier": "orders"}},
		"switchover": {bluegreen.Action{Kind: bluegreen.Switchover, Deployment: "bgd-1", Timeout: 5 * time.Minute},
			"SwitchoverBlueGreenDeployment",
			map[string]string{"BlueGreenDeploymentIdentifier": "bgd-1", "SwitchoverTimeout": "300"}},
		"delete deployment": {bluegreen.Action{Kind: bluegreen.DeleteDeployment, Deployment: "bgd-1"},
			"DeleteBlueGreenDeployment", map[string]string{"BlueGreenDeploymentIdentifier": "bgd-1"}},
		"delete deployment and green": {bluegreen.Action{Kind: bluegreen.DeleteDeployment, Deployment: "bgd-1", DeleteTarget: true},
			"DeleteBlueGreenDeployment", map[string]string{"BlueGreenDeploymentIdentifier": "bgd-1", "DeleteTarget": "true"}},
		"snapshot": {bluegreen.Action{Kind: bluegreen.CreateSnapshot, Instance: "orders", Snapshot: "s"},
			"CreateDBSnapshot", map[string]string{"DBInstanceIdentifier": "orders", "DBSnapshotIdentifier": "s"}},
		"role": {bluegreen.Action{Kind: bluegreen.AddRole, Instance: "g", Role: "arn:aws:iam::1:role/r (S3_INTEGRATION)"},
			"AddRoleToDBInstance", map[string]string{"DBInstanceIdentifier": "g", "RoleArn": "arn:aws:iam::1:role/r",
				"FeatureName": "S3_INTEGRATION"}},
		"role without feature": {bluegreen.Action{Kind: bluegreen.AddRole, Instance: "g", Role: "arn:aws:iam::1:role/r"},
			"AddRoleToDBInstance", map[string]string{"DBInstanceIdentifier": "g", "RoleArn": "arn:aws:iam::1:role/r",
				"FeatureName": ""}},
		"parameter group": {bluegreen.Action{Kind: bluegreen.CreateParameterGroup, Group: &bluegreen.ParameterSpec{
			Name: "orders-80", Family: "mysql8.0", Tags: map[string]string{"rdsupgrade:campaign": "q4"}}},
			"CreateDBParameterGroup", map[string]string{"DBParameterGroupName": "orders-80",
				"DBParameterGroupFamily": "mysql8.0", "Description": "made by rdsupgrade",
				"Tags.Tag.1.Key": "rdsupgrade:campaign", "Tags.Tag.1.Value": "q4"}},
		"parameters": {bluegreen.Action{Kind: bluegreen.SetParameters, Group: &bluegreen.ParameterSpec{Name: "orders-80",
			Parameters: []bluegreen.Parameter{
				{Name: "sql_mode", HasValue: true, ApplyType: "dynamic"},
				{Name: "lower_case_table_names", Value: "1", ApplyType: "static", ApplyMethod: "immediate"},
				{Name: "max_connections", Value: "500", ApplyType: "dynamic", ApplyMethod: "pending-reboot"},
				{Name: "event_scheduler", Value: "OFF"}}}},
			"ModifyDBParameterGroup", map[string]string{"DBParameterGroupName": "orders-80",
				"Parameters.Parameter.1.ParameterName": "sql_mode", "Parameters.Parameter.1.ParameterValue": "",
				"Parameters.Parameter.1.ApplyMethod":   "immediate",
				"Parameters.Parameter.2.ParameterName": "lower_case_table_names", "Parameters.Parameter.2.ParameterValue": "1",
				"Parameters.Parameter.2.ApplyMethod":   "pending-reboot",
				"Parameters.Parameter.3.ParameterName": "max_connections", "Parameters.Parameter.3.ParameterValue": "500",
				"Parameters.Parameter.3.ApplyMethod":   "pending-reboot",
				"Parameters.Parameter.4.ParameterName": "event_scheduler", "Parameters.Parameter.4.ParameterValue": "OFF",
				"Parameters.Parameter.4.ApplyMethod": "pending-reboot"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newFake(t, func(f url.Values) (int, string) {
				result := ""
				if strings.HasSuffix(f.Get("Action"), "BlueGreenDeployment") {
					result = "<BlueGreenDeployment>" + deploymentXML("PROVISIONING", blueARN, "") + "</BlueGreenDeployment>"
				}
				return ok(f.Get("Action"), result)
			})
			out, err := dial(t, s.scope()).Do(t.Context(), tt.action)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, s.sent(tt.call)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if out.RequestID != "req-1" || out.Already {
				t.Errorf("outcome %+v", out)
			}
			if strings.HasSuffix(tt.call, "BlueGreenDeployment") && (out.Deployment == nil || out.Deployment.ID != "bgd-1") {
				t.Errorf("deployment %+v", out.Deployment)
			}
			if !strings.Contains(s.auth[0], "/eu-west-1/rds/aws4_request") {
				t.Errorf("not signed for RDS in eu-west-1: %s", s.auth[0])
			}
		})
	}
}

// Whose deployment it is that has the name already.
func TestAdoption(t *testing.T) {
	const taken = "BlueGreenDeploymentAlreadyExistsFault"
	for name, tt := range map[string]struct {
		found       string // DescribeBlueGreenDeployments' list
		already     bool
		consequence bluegreen.Consequence
		message     string
	}{
		"ours": {deploymentXML("AVAILABLE", blueARN, ourTags), true, "", ""},
		"other source": {deploymentXML("AVAILABLE", blueARN+"2", ourTags), false, bluegreen.Fix,
			"the name q4-orders-80 belongs to deployment bgd-1 of another source, " + blueARN + "2"},
		"other campaign": {deploymentXML("AVAILABLE", blueARN, strings.Replace(ourTags, "q4", "q3", 1)), false, bluegreen.Fix,
			"deployment q4-orders-80 (bgd-1) has our name and source but not our tags: somebody else made it"},
		"no tags": {deploymentXML("AVAILABLE", blueARN, ""), false, bluegreen.Fix,
			"deployment q4-orders-80 (bgd-1) has our name and source but not our tags: somebody else made it"},
		"on its way out": {deploymentXML("DELETING", blueARN, ourTags), false, bluegreen.Wait,
			"a deployment named q4-orders-80 is being deleted"},
		"not to be seen": {"", false, bluegreen.Wait, "the name q4-orders-80 is taken by a deployment that RDS does not show"},
		"another name": {strings.Replace(deploymentXML("AVAILABLE", blueARN, ourTags), "q4-orders-80", "x", 1), false, bluegreen.Wait,
			"the name q4-orders-80 is taken by a deployment that RDS does not show"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newFake(t, func(f url.Values) (int, string) {
				if f.Get("Action") == "CreateBlueGreenDeployment" {
					return refusal(400, taken, "A blue/green deployment with the name already exists.")
				}
				list := "<BlueGreenDeployments/>"
				if tt.found != "" {
					list = "<BlueGreenDeployments><member>" + tt.found + "</member></BlueGreenDeployments>"
				}
				return ok("DescribeBlueGreenDeployments", list)
			})
			out, err := dial(t, s.scope()).Do(t.Context(), createAction())
			want := map[string]string{"Filters.Filter.1.Name": "blue-green-deployment-name",
				"Filters.Filter.1.Values.Value.1": "q4-orders-80"}
			if diff := cmp.Diff(want, s.sent("DescribeBlueGreenDeployments")); diff != "" {
				t.Errorf("lookup (-want +got)\n%s", diff)
			}
			if tt.already {
				if err != nil || !out.Already || out.Deployment == nil || out.Deployment.ID != "bgd-1" {
					t.Fatalf("%+v, %v", out, err)
				}
				return
			}
			f := faultOf(t, err)
			got := []string{f.Code, f.Op, string(f.Consequence), f.Message}
			if diff := cmp.Diff([]string{taken, "CreateBlueGreenDeployment", string(tt.consequence), tt.message}, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// A refusal that means that the thing is there, or gone, already.
func TestAlready(t *testing.T) {
	group := func(tags map[string]string) bluegreen.Action {
		return bluegreen.Action{Kind: bluegreen.CreateParameterGroup,
			Group: &bluegreen.ParameterSpec{Name: "Orders-80", Family: "mysql8.0", Tags: tags}}
	}
	groups := func(family, description string) string {
		return "<DBParameterGroups><DBParameterGroup><DBParameterGroupName>orders-80</DBParameterGroupName>" +
			"<DBParameterGroupFamily>" + family + "</DBParameterGroupFamily><DBParameterGroupArn>arn:pg</DBParameterGroupArn>" +
			"<Description>" + description + "</Description></DBParameterGroup></DBParameterGroups>"
	}
	snapshots := func(instance string) string {
		return "<DBSnapshots><DBSnapshot><DBSnapshotIdentifier>s</DBSnapshotIdentifier><Engine>mysql</Engine>" +
			"<DbiResourceId>db-" + instance + "</DbiResourceId><DBInstanceIdentifier>" + instance + "</DBInstanceIdentifier></DBSnapshot></DBSnapshots>"
	}
	ours := map[string]string{"rdsupgrade:campaign": "q4"}
	drop := bluegreen.Action{Kind: bluegreen.DeleteInstance, Instance: "orders-old1", ResourceID: "db-orders-old1", Snapshot: "s"}
	snap := bluegreen.Action{Kind: bluegreen.CreateSnapshot, Instance: "orders", Snapshot: "s"}
	for name, tt := range map[string]struct {
		action  bluegreen.Action
		code    string
		answers map[string]string
		message string // of the fault; "": already
	}{
		"deployment gone": {bluegreen.Action{Kind: bluegreen.DeleteDeployment, Deployment: "bgd-1"},
			"BlueGreenDeploymentNotFoundFault", nil, ""},
		"role there": {bluegreen.Action{Kind: bluegreen.AddRole, Instance: "g", Role: "arn:r"},
			"DBInstanceRoleAlreadyExists", nil, ""},
		"instance gone, snapshot kept": {drop, "DBInstanceNotFound",
			map[string]string{"DescribeDBSnapshots": snapshots("orders-old1")}, ""},
		"instance gone without snapshot": {drop, "DBInstanceNotFound",
			map[string]string{"DescribeDBSnapshots": "<DBSnapshots/>"},
			"instance orders-old1 is gone, and there is no final snapshot s of it"},
		"instance gone, snapshot of another": {drop, "DBInstanceNotFound",
			map[string]string{"DescribeDBSnapshots": snapshots("users")},
			"instance orders-old1 is gone, and there is no final snapshot s of it"},
		"snapshot there":           {snap, "DBSnapshotAlreadyExists", map[string]string{"DescribeDBSnapshots": snapshots("orders")}, ""},
		"snapshot of another":      {snap, "DBSnapshotAlreadyExists", map[string]string{"DescribeDBSnapshots": snapshots("users")}, "taken"},
		"group of the description": {group(nil), "DBParameterGroupAlreadyExists", map[string]string{"DescribeDBParameterGroups": groups("mysql8.0", "made by rdsupgrade")}, ""},
		"group of somebody": {group(nil), "DBParameterGroupAlreadyExists",
			map[string]string{"DescribeDBParameterGroups": groups("mysql8.0", "theirs")},
			"parameter group Orders-80 was made by somebody else"},
		"group of another family": {group(ours), "DBParameterGroupAlreadyExists",
			map[string]string{"DescribeDBParameterGroups": groups("mysql5.7", "")},
			"parameter group Orders-80 is of family mysql5.7, not mysql8.0"},
		"group with our tags": {group(ours), "DBParameterGroupAlreadyExists",
			map[string]string{"DescribeDBParameterGroups": groups("mysql8.0", ""), "ListTagsForResource": ourTags}, ""},
		"group without our tags": {group(ours), "DBParameterGroupAlreadyExists",
			map[string]string{"DescribeDBParameterGroups": groups("mysql8.0", ""), "ListTagsForResource": "<TagList/>"},
			"parameter group Orders-80 does not carry our tags: somebody else made it"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newFake(t, func(f url.Values) (int, string) {
				if body, ok_ := tt.answers[f.Get("Action")]; ok_ {
					return ok(f.Get("Action"), body)
				}
				return refusal(404, tt.code, "taken")
			})
			out, err := dial(t, s.scope()).Do(t.Context(), tt.action)
			if tt.message == "" {
				if err != nil || !out.Already {
					t.Fatalf("%+v, %v", out, err)
				}
				return
			}
			if f := faultOf(t, err); f.Message != tt.message || f.Consequence != bluegreen.Fix || out.Already {
				t.Errorf("%+v, %v (%s)", out, f, f.Consequence)
			}
		})
	}
}

// Twenty parameters at a time, none that is set already, and none after a lot that failed.
func TestParameterLots(t *testing.T) {
	a := bluegreen.Action{Kind: bluegreen.SetParameters, Group: &bluegreen.ParameterSpec{Name: "g"}}
	for i := range 45 {
		a.Group.Parameters = append(a.Group.Parameters, bluegreen.Parameter{Name: fmt.Sprint("p", i), Value: "1"})
	}
	var lots []int
	fail := false
	s := newFake(t, func(f url.Values) (int, string) {
		if f.Get("Action") == "DescribeDBParameters" {
			return ok("DescribeDBParameters", "<Parameters><Parameter><ParameterName>p7</ParameterName><ParameterValue>1</ParameterValue></Parameter>"+
				"<Parameter><ParameterName>p8</ParameterName><ParameterValue>2</ParameterValue></Parameter></Parameters>")
		}
		n := 0
		for k := range f {
			if strings.HasSuffix(k, ".ParameterName") {
				n++
			}
		}
		if lots = append(lots, n); fail {
			return refusal(400, "InvalidParameterValue", "no")
		}
		return ok("ModifyDBParameterGroup", "")
	})
	c := dial(t, s.scope())
	if _, err := c.Do(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{20, 20, 4}, lots); diff != "" {
		t.Error(diff)
	}
	lots, fail = nil, true
	if _, err := c.Do(t.Context(), a); err == nil || len(lots) != 1 {
		t.Errorf("%v after %d lots", err, len(lots))
	}
	lots, fail = nil, false
	a.Group.Parameters = a.Group.Parameters[7:8]
	if out, err := c.Do(t.Context(), a); err != nil || !out.Already || len(lots) != 0 {
		t.Errorf("%+v, %v, %d lots of what is set already", out, err, len(lots))
	}
}

// An action that no call could carry out right is refused before any call.
func TestIncompleteActions(t *testing.T) {
	s := newFake(t, func(f url.Values) (int, string) { return ok(f.Get("Action"), "") })
	c := dial(t, s.scope())
	storage := &bluegreen.ModifySpec{Storage: &bluegreen.StorageSpec{Type: "gp3", UpgradeConfig: true}}
	for _, a := range []bluegreen.Action{
		{}, {Kind: "drop-everything"},
		{Kind: bluegreen.CreateDeployment}, {Kind: bluegreen.CreateDeployment, Create: &bluegreen.CreateSpec{Name: "n"}},
		{Kind: bluegreen.CreateParameterGroup}, {Kind: bluegreen.SetParameters, Group: &bluegreen.ParameterSpec{Name: "g"}},
		{Kind: bluegreen.SetParameters, Group: &bluegreen.ParameterSpec{Name: "g", Parameters: []bluegreen.Parameter{{Name: "p"}}}},
		{Kind: bluegreen.ModifyInstance, Instance: "g"}, {Kind: bluegreen.ModifyInstance, Instance: "g", Modify: &bluegreen.ModifySpec{}},
		{Kind: bluegreen.ModifyInstance, Instance: "g", Modify: storage}, {Kind: bluegreen.RebootInstance},
		{Kind: bluegreen.Switchover}, {Kind: bluegreen.Switchover, Deployment: "b", Timeout: 29 * time.Second},
		{Kind: bluegreen.Switchover, Deployment: "b", Timeout: 2 * time.Hour}, {Kind: bluegreen.DeleteDeployment},
		{Kind: bluegreen.DeleteInstance, Instance: "orders-old1"}, {Kind: bluegreen.CreateSnapshot, Instance: "orders"},
		{Kind: bluegreen.AddRole, Instance: "g"},
	} {
		_, err := c.Do(t.Context(), a)
		if f := faultOf(t, err); f.Code != "IncompleteAction" || f.Consequence != bluegreen.Fix {
			t.Errorf("%s: %v", a.Kind, f)
		}
	}
	if len(s.forms) != 0 {
		t.Errorf("%d calls were made", len(s.forms))
	}
}
