package rdssim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/catalog"
)

func TestModifyInstance(t *testing.T) {
	a := newAPI(t, refusalFleet, Options{})
	mod := func(id string, params ...string) []string {
		return append([]string{"DBInstanceIdentifier", id}, params...)
	}
	a.refused("InvalidParameterCombination", "EngineVersion=5.7.44", "ModifyDBInstance", mod("fine", "DBInstanceClass", "db.m7g.large", "ApplyImmediately", "true")...)
	a.refused("InvalidParameterCombination", "less than 400", "ModifyDBInstance", mod("fine", "StorageType", "gp3", "Iops", "12000")...)
	a.refused("InvalidParameterCombination", "decreased", "ModifyDBInstance", mod("fine", "AllocatedStorage", "50")...)
	a.refused("InvalidParameterCombination", "Cannot upgrade", "ModifyDBInstance", mod("fine", "EngineVersion", "8.4.10", "AllowMajorVersionUpgrade", "true")...)
	a.refused("InvalidDBInstanceState", "maintenance", "ModifyDBInstance", mod("busy", "DBInstanceClass", "db.r5.large")...)
	a.refused("InvalidParameterCombination", "mysql8.0 can't be used", "ModifyDBInstance", mod("fine", "DBParameterGroupName", "target80")...)
	a.refused("InvalidParameterCombination", "DLV", "ModifyDBInstance", mod("logvolume", "StorageType", "gp3")...)
	a.refused("InvalidParameterValue", "between 0 and 35", "ModifyDBInstance", mod("fine", "BackupRetentionPeriod", "36")...)
	a.refused("MalformedInput", "boolean", "ModifyDBInstance", mod("fine", "DeletionProtection", "perhaps")...)

	// In the maintenance window: pending only.
	a.must("ModifyDBInstance", mod("fine", "DBInstanceClass", "db.r5.large")...)
	if i := a.instance("fine"); i.text("DBInstanceClass") != "db.m5.large" || i.text("PendingModifiedValues/DBInstanceClass") != "db.r5.large" || i.text("DBInstanceStatus") != "available" {
		t.Errorf("pending: %s %s", i.text("DBInstanceClass"), i.text("PendingModifiedValues/DBInstanceClass"))
	}
	a.refused("InvalidDBInstanceState", "pending modifications", "CreateBlueGreenDeployment", "BlueGreenDeploymentName", "x", "Source", a.arn("fine"))
	a.must("ModifyDBInstance", mod("fine", "DBInstanceClass", "db.r5.large", "StorageType", "gp3", "ApplyImmediately", "true")...)
	// The describe call still says available for a moment.
	if got := a.instance("fine").text("DBInstanceStatus"); got != "available" {
		t.Errorf("at once: %s", got)
	}
	a.clk.Advance(3 * time.Second)
	if got := a.instance("fine").text("DBInstanceStatus"); got != "modifying" {
		t.Errorf("after a moment: %s", got)
	}
	a.refused("InvalidDBInstanceState", "modifying", "ModifyDBInstance", mod("fine", "BackupRetentionPeriod", "3")...)
	a.waitInstance("fine", "storage-optimization")
	i := a.instance("fine")
	if i.text("DBInstanceClass") != "db.r5.large" || i.text("StorageType") != "gp3" || i.text("Iops") != "3000" || i.text("StorageThroughput") != "125" || len(i.at("PendingModifiedValues").Kids) != 0 {
		t.Errorf("modified: %+v", i.at("PendingModifiedValues"))
	}
	a.refused("InvalidParameterCombination", "being optimized", "ModifyDBInstance", mod("fine", "AllocatedStorage", "400", "ApplyImmediately", "true")...)
	a.waitInstance("fine", "available")
	a.refused("InvalidParameterCombination", "being optimized", "ModifyDBInstance", mod("fine", "AllocatedStorage", "400", "ApplyImmediately", "true")...)
	a.clk.Advance(6*time.Hour + time.Minute)
	a.must("ModifyDBInstance", mod("fine", "AllocatedStorage", "400", "Iops", "20000", "ApplyImmediately", "true")...)

	a.must("ModifyDBInstance", mod("managed", "ManageMasterUserPassword", "false", "MasterUserPassword", "secret-secret")...)
	a.waitInstance("managed", "available")
	a.clk.Advance(time.Minute)
	if got := a.instance("managed").at("MasterUserSecret"); len(got.Kids) != 0 {
		t.Error("the password is still managed")
	}
	for _, m := range a.sim.History() {
		if strings.Contains(fmt.Sprint(m.Params), "secret-secret") {
			t.Error("the history shows a password")
		}
	}
}

func TestDeleteInstance(t *testing.T) {
	a := newAPI(t, refusalFleet, Options{})
	a.must("ModifyDBInstance", "DBInstanceIdentifier", "fine", "DeletionProtection", "true", "ApplyImmediately", "true")
	a.clk.Advance(time.Minute)
	a.refused("InvalidParameterCombination", "Cannot delete protected DB Instance", "DeleteDBInstance", "DBInstanceIdentifier", "fine", "SkipFinalSnapshot", "true")
	a.refused("InvalidParameterCombination", "is required", "DeleteDBInstance", "DBInstanceIdentifier", "big")
	a.refused("InvalidParameterCombination", "cannot be specified", "DeleteDBInstance", "DBInstanceIdentifier", "big", "SkipFinalSnapshot", "true", "FinalDBSnapshotIdentifier", "x")
	a.refused("InvalidParameterCombination", "read replica", "DeleteDBInstance", "DBInstanceIdentifier", "cascade-r2", "FinalDBSnapshotIdentifier", "x")
	a.must("CreateDBSnapshot", "DBInstanceIdentifier", "big", "DBSnapshotIdentifier", "taken")
	a.waitInstance("big", "backing-up")
	a.waitInstance("big", "available")
	a.refused("DBSnapshotAlreadyExists", "taken", "DeleteDBInstance", "DBInstanceIdentifier", "big", "FinalDBSnapshotIdentifier", "taken")
	a.must("DeleteDBInstance", "DBInstanceIdentifier", "big", "SkipFinalSnapshot", "true")
	a.refused("InvalidDBInstanceState", "deleting", "DeleteDBInstance", "DBInstanceIdentifier", "big", "SkipFinalSnapshot", "true")
	a.must("DeleteDBInstance", "DBInstanceIdentifier", "cascade-r1", "SkipFinalSnapshot", "true")
	a.clk.Advance(time.Hour)
	if got := a.instance("cascade-r2").text("ReadReplicaSourceDBInstanceIdentifier"); got != "" {
		t.Errorf("an orphan replicates from %q", got)
	}
}

func TestReplicasAndRoles(t *testing.T) {
	a := newAPI(t, refusalFleet, Options{})
	a.must("CreateDBInstanceReadReplica", "DBInstanceIdentifier", "fine-r1", "SourceDBInstanceIdentifier", "fine")
	a.waitInstance("fine-r1", "available")
	if got := a.instance("fine").text("ReadReplicaDBInstanceIdentifiers/ReadReplicaDBInstanceIdentifier"); got != "fine-r1" {
		t.Errorf("replicas: %q", got)
	}
	a.refused("InvalidDBInstanceState", "Automated backups", "CreateDBInstanceReadReplica", "DBInstanceIdentifier", "x", "SourceDBInstanceIdentifier", "nobackup")
	a.refused("DBInstanceAlreadyExists", "fine-r1", "CreateDBInstanceReadReplica", "DBInstanceIdentifier", "fine-r1", "SourceDBInstanceIdentifier", "fine")
	a.refused("InvalidDBInstanceState", "not a read replica", "PromoteReadReplica", "DBInstanceIdentifier", "fine")
	a.must("PromoteReadReplica", "DBInstanceIdentifier", "fine-r1")
	a.clk.Advance(10 * time.Minute)
	if st, _ := a.sim.State().Instance(acct1, west, "fine-r1"); st.Source != "" || st.ReadOnly {
		t.Errorf("after the promotion: %+v", st)
	}
	role := []string{"DBInstanceIdentifier", "fine", "RoleArn", "arn:aws:iam::111122223333:role/s3", "FeatureName", "s3Import"}
	a.must("AddRoleToDBInstance", role...)
	a.refused("DBInstanceRoleAlreadyExists", "", "AddRoleToDBInstance", role...)
	a.must("RemoveRoleFromDBInstance", role...)
	a.refused("DBInstanceRoleNotFound", "", "RemoveRoleFromDBInstance", role...)
}

func TestParameterGroups(t *testing.T) {
	a := newAPI(t, smallFleet, Options{})
	a.must("CreateDBParameterGroup", "DBParameterGroupName", "Shop-80", "DBParameterGroupFamily", "mysql8.0", "Description", "x")
	a.refused("DBParameterGroupAlreadyExists", "shop-80", "CreateDBParameterGroup", "DBParameterGroupName", "shop-80", "DBParameterGroupFamily", "mysql8.0", "Description", "x")
	a.refused("InvalidParameterValue", "identifier", "CreateDBParameterGroup", "DBParameterGroupName", "a--b", "DBParameterGroupFamily", "mysql8.0", "Description", "x")
	a.refused("InvalidParameterValue", "mysql6.0", "CreateDBParameterGroup", "DBParameterGroupName", "a", "DBParameterGroupFamily", "mysql6.0", "Description", "x")
	set := func(triples ...string) []string {
		out := []string{"DBParameterGroupName", "shop-80"}
		for i := 0; i+2 < len(triples); i += 3 {
			p := fmt.Sprintf("Parameters.Parameter.%d.", i/3+1)
			out = append(out, p+"ParameterName", triples[i], p+"ParameterValue", triples[i+1], p+"ApplyMethod", triples[i+2])
		}
		return out
	}
	for _, c := range []struct{ part, name, value, method string }{
		{"Could not find parameter with name: tx_isolation", "tx_isolation", "READ-COMMITTED", "immediate"},
		{"cannot be modified", "port", "3307", "pending-reboot"},
		{"allowed values are: 1-31536000", "wait_timeout", "0", "immediate"},
		{"allowed values are: ROW,STATEMENT,MIXED", "binlog_format", "LINES", "immediate"},
	} {
		a.refused("InvalidParameterValue", c.part, "ModifyDBParameterGroup", set(c.name, c.value, c.method)...)
	}
	a.refused("InvalidParameterCombination", "static parameter", "ModifyDBParameterGroup", set("innodb_page_cleaners", "8", "immediate")...)
	var many []string
	for range 21 {
		many = append(many, "wait_timeout", "600", "immediate")
	}
	a.refused("InvalidParameterValue", "maximum of 20", "ModifyDBParameterGroup", set(many...)...)
	a.must("ModifyDBParameterGroup", set("binlog_format", "row", "immediate", "innodb_page_cleaners", "8", "pending-reboot", "max_connections", "{DBInstanceClassMemory/9000000}", "pending-reboot")...)
	user := a.must("DescribeDBParameters", "DBParameterGroupName", "shop-80", "Source", "user").at("Parameters")
	if len(user.Kids) != 3 || user.Kids[0].text("ParameterValue") != "row" || user.Kids[0].text("Source") != "user" {
		t.Errorf("user parameters: %+v", user)
	}
	system := a.must("DescribeDBParameters", "DBParameterGroupName", "shop-80", "Source", "system").at("Parameters")
	for _, p := range system.Kids {
		if p.text("ParameterName") == "binlog_format" {
			t.Error("a user's value is listed as the system's")
		}
	}
	n := 0
	for marker := ""; ; {
		params := []string{"DBParameterGroupName", "shop-80"}
		if marker != "" {
			params = append(params, "Marker", marker)
		}
		res := a.must("DescribeDBParameters", params...)
		n += len(res.at("Parameters").Kids)
		if marker = res.text("Marker"); marker == "" {
			break
		}
	}
	if n != len(catalog.Parameters("mysql8.0")) {
		t.Errorf("%d parameters on all pages, want %d", n, len(catalog.Parameters("mysql8.0")))
	}
	res := a.must("DescribeEngineDefaultParameters", "DBParameterGroupFamily", "mysql8.4")
	if len(res.at("EngineDefaults/Parameters").Kids) != 100 || res.text("EngineDefaults/Marker") == "" || res.text("Marker") != "" {
		t.Error("engine defaults do not carry their own marker")
	}
	a.refused("InvalidDBParameterGroupState", "default", "ModifyDBParameterGroup", "DBParameterGroupName", "default.mysql8.0", "Parameters.Parameter.1.ParameterName", "wait_timeout", "Parameters.Parameter.1.ParameterValue", "1", "Parameters.Parameter.1.ApplyMethod", "immediate")
	a.must("CopyDBParameterGroup", "SourceDBParameterGroupIdentifier", "shop-80", "TargetDBParameterGroupIdentifier", "copy", "TargetDBParameterGroupDescription", "x")
	a.must("ResetDBParameterGroup", "DBParameterGroupName", "copy", "ResetAllParameters", "true")
	if got := a.must("DescribeDBParameters", "DBParameterGroupName", "copy", "Source", "user").at("Parameters"); len(got.Kids) != 0 {
		t.Errorf("after the reset: %+v", got)
	}
	a.must("DeleteDBParameterGroup", "DBParameterGroupName", "copy")
	a.refused("DBParameterGroupNotFound", "copy", "DescribeDBParameters", "DBParameterGroupName", "copy")
}

func TestGroupInUse(t *testing.T) {
	a := newAPI(t, refusalFleet, Options{})
	status := func() string {
		return a.instance("lowercase").text("DBParameterGroups/DBParameterGroup/ParameterApplyStatus")
	}
	a.refused("InvalidDBParameterGroupState", "still members", "DeleteDBParameterGroup", "DBParameterGroupName", "lower57")
	param := func(name, value, method string) {
		a.must("ModifyDBParameterGroup", "DBParameterGroupName", "lower57", "Parameters.Parameter.1.ParameterName", name, "Parameters.Parameter.1.ParameterValue", value, "Parameters.Parameter.1.ApplyMethod", method)
	}
	param("wait_timeout", "600", "immediate")
	if status() != "applying" {
		t.Errorf("right after a dynamic change: %s", status())
	}
	a.clk.Advance(time.Minute)
	if status() != "in-sync" {
		t.Errorf("a minute after: %s", status())
	}
	param("innodb_purge_threads", "8", "pending-reboot")
	if status() != "pending-reboot" {
		t.Errorf("after a static change: %s", status())
	}
	a.must("RebootDBInstance", "DBInstanceIdentifier", "lowercase")
	a.clk.Advance(5 * time.Minute)
	if status() != "in-sync" {
		t.Errorf("after the reboot: %s", status())
	}
	a.refused("InvalidOptionGroupStateFault", "in use", "DeleteOptionGroup", "OptionGroupName", "audit57")
	a.must("CreateOptionGroup", "OptionGroupName", "audit84", "EngineName", "mysql", "MajorEngineVersion", "8.4", "OptionGroupDescription", "x")
	a.must("ModifyOptionGroup", "OptionGroupName", "audit84", "OptionsToInclude.OptionConfiguration.1.OptionName", "MARIADB_AUDIT_PLUGIN")
	a.refused("InvalidParameterCombination", "MEMCACHED", "ModifyOptionGroup", "OptionGroupName", "audit84", "OptionsToInclude.OptionConfiguration.1.OptionName", "MEMCACHED")
}
