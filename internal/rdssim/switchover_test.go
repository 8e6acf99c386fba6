package rdssim

import (
	"strings"
	"testing"
	"time"
)

// ready builds a green of the database and waits until all members are available.
func ready(a *api, name, source string, params ...string) (id, green string) {
	a.t.Helper()
	id = a.create(name, source, append([]string{"TargetEngineVersion", "8.0.46"}, params...)...)
	a.waitDeployment(id, "AVAILABLE")
	green = last(a.deployment(id).text("Target"))
	for _, m := range a.deployment(id).at("SwitchoverDetails").Kids {
		a.waitInstance(last(m.text("TargetMember")), "available")
	}
	return id, green
}

func TestSwitchoverTimeoutRollsBack(t *testing.T) {
	a := newAPI(t, smallFleet, Options{Faults: &Faults{Faults: []Fault{{Kind: FaultSwitchover, Database: "users", Count: 1}}}})
	id, green := ready(a, "up", "users")
	before := a.sim.State()
	a.must("SwitchoverBlueGreenDeployment", "BlueGreenDeploymentIdentifier", id, "SwitchoverTimeout", "60")
	a.refused("InvalidBlueGreenDeploymentStateFault", "SWITCHOVER_IN_PROGRESS", "SwitchoverBlueGreenDeployment", "BlueGreenDeploymentIdentifier", id)
	a.refused("InvalidBlueGreenDeploymentStateFault", "SWITCHOVER_IN_PROGRESS", "DeleteBlueGreenDeployment", "BlueGreenDeploymentIdentifier", id)
	a.clk.Advance(30 * time.Second)
	if v, _ := a.sim.Server(Scope{acct1, west}, "users"); !v.Offline {
		t.Error("blue takes connections during the switchover")
	}
	a.clk.Advance(29 * time.Second)
	if got := a.deployment(id).text("Status"); got != "SWITCHOVER_IN_PROGRESS" {
		t.Errorf("status after 59 of 60 seconds is %s", got)
	}
	a.clk.Advance(10 * time.Second)
	d := a.deployment(id)
	if d.text("Status") != "SWITCHOVER_FAILED" || !strings.Contains(d.text("StatusDetails"), "timeout") || d.text("SwitchoverDetails/member/Status") != "SWITCHOVER_FAILED" {
		t.Errorf("after the timeout: %s, %q", d.text("Status"), d.text("StatusDetails"))
	}
	after := a.sim.State()
	for _, name := range []string{"users", green} {
		x, _ := before.Instance(acct1, west, name)
		y, ok := after.Instance(acct1, west, name)
		if !ok || x.ResourceID != y.ResourceID || y.Status != "available" || x.ReadOnly != y.ReadOnly {
			t.Errorf("%s changed: %+v", name, y)
		}
	}
	events := a.must("DescribeEvents", "SourceType", "blue-green-deployment", "SourceIdentifier", id, "Duration", "300").at("Events")
	var text []string
	for _, e := range events.Kids {
		text = append(text, e.text("Message"))
	}
	all := strings.Join(text, "\n")
	if !strings.Contains(all, "Switchover canceled on blue/green deployment up") || !strings.Contains(all, "was canceled due to the switchover exceeded its timeout") {
		t.Errorf("events:\n%s", all)
	}
	// It can be tried again, and works.
	a.must("SwitchoverBlueGreenDeployment", "BlueGreenDeploymentIdentifier", id, "SwitchoverTimeout", "60")
	a.waitDeployment(id, "SWITCHOVER_COMPLETED")
}

func TestGuardrails(t *testing.T) {
	cases := []struct {
		name, part, database string
		fault                Fault
	}{
		{"long DDL", "data definition language", "users", Fault{Kind: FaultGuardrail}},
		{"writes on green", "writes on green", "users", Fault{Kind: FaultGuardrail, Reason: "active writes on green"}},
		{"lag that never ends", "replication lag", "users", Fault{Kind: FaultEndlessLag}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := newAPI(t, smallFleet, Options{Faults: &Faults{Faults: []Fault{c.fault}}})
			id, green := ready(a, "up", c.database)
			a.clk.Advance(6 * time.Hour)
			endless := c.fault.Kind == FaultEndlessLag
			if v, _ := a.sim.Server(Scope{acct1, west}, green); (v.Lag > time.Hour) != endless {
				t.Errorf("after six hours green is %s behind", v.Lag)
			}
			a.must("SwitchoverBlueGreenDeployment", "BlueGreenDeploymentIdentifier", id)
			a.clk.Advance(time.Minute)
			d := a.deployment(id)
			if d.text("Status") != "AVAILABLE" || !strings.Contains(d.text("StatusDetails"), strings.TrimPrefix(c.part, "writes on ")) {
				t.Errorf("status %s, details %q", d.text("Status"), d.text("StatusDetails"))
			}
			if v, _ := a.sim.Server(Scope{acct1, west}, green); v.Offline || v.EngineVersion != "8.0.46" {
				t.Errorf("green after a canceled switchover: %+v", v)
			}
		})
	}
}

func TestSwitchoverRefusals(t *testing.T) {
	a := newAPI(t, `
accounts: [{id: "111122223333", regions: [eu-west-1], quotas: {DBInstances: 100}}]
defaults: {account: "111122223333", region: eu-west-1, class: db.t3.medium}
databases: [{id: linked, zero_etl: true}, {id: plain}, {id: behind, proxy: {name: front, registered: false}}]
`, Options{})
	a.refused("BlueGreenDeploymentNotFoundFault", "bgd-none", "SwitchoverBlueGreenDeployment", "BlueGreenDeploymentIdentifier", "bgd-none")
	id := a.create("plain", "plain", "TargetEngineVersion", "8.0.46")
	a.clk.Advance(time.Minute)
	a.refused("InvalidBlueGreenDeploymentStateFault", "PROVISIONING", "SwitchoverBlueGreenDeployment", "BlueGreenDeploymentIdentifier", id)
	a.waitDeployment(id, "AVAILABLE")
	for _, seconds := range []string{"29", "3601"} {
		a.refused("InvalidParameterValue", "between 30 and 3600", "SwitchoverBlueGreenDeployment", "BlueGreenDeploymentIdentifier", id, "SwitchoverTimeout", seconds)
	}
	green := last(a.deployment(id).text("Target"))
	a.must("RebootDBInstance", "DBInstanceIdentifier", green)
	a.refused("InvalidBlueGreenDeploymentStateFault", green+" is not in available state: rebooting", "SwitchoverBlueGreenDeployment", "BlueGreenDeploymentIdentifier", id)

	linked, _ := ready(a, "linked", "linked")
	a.refused("InvalidBlueGreenDeploymentStateFault", "zero-ETL", "SwitchoverBlueGreenDeployment", "BlueGreenDeploymentIdentifier", linked)
	link := a.must("DescribeIntegrations").text("Integrations/Integration/IntegrationArn")
	a.must("DeleteIntegration", "IntegrationIdentifier", link)
	a.must("SwitchoverBlueGreenDeployment", "BlueGreenDeploymentIdentifier", linked)

	behind, _ := ready(a, "behind", "behind")
	a.must("SwitchoverBlueGreenDeployment", "BlueGreenDeploymentIdentifier", behind)
	a.clk.Advance(time.Minute)
	if d := a.deployment(behind).text("StatusDetails"); !strings.Contains(d, "proxy front") {
		t.Errorf("an unreachable proxy did not cancel the switchover: %q", d)
	}
}

func TestDeleteBeforeSwitchover(t *testing.T) {
	a := newAPI(t, `
accounts: [{id: "111122223333", regions: [eu-west-1], quotas: {DBInstances: 100}}]
defaults: {account: "111122223333", region: eu-west-1, class: db.t3.medium}
databases: [{id: guarded, deletion_protection: true}, {id: loose, replicas: [{id: loose-r1}]}]
`, Options{})
	blue, _ := a.sim.State().Instance(acct1, west, "guarded")
	id, green := ready(a, "guarded", "guarded")
	a.refused("InvalidBlueGreenDeploymentStateFault", "deletion protection", "DeleteBlueGreenDeployment", "BlueGreenDeploymentIdentifier", id, "DeleteTarget", "true")
	a.must("ModifyDBInstance", "DBInstanceIdentifier", green, "DeletionProtection", "false", "ApplyImmediately", "true")
	a.must("DeleteBlueGreenDeployment", "BlueGreenDeploymentIdentifier", id, "DeleteTarget", "true")
	a.clk.Advance(3 * time.Second)
	if got := a.deployment(id).text("Status"); got != "DELETING" {
		t.Errorf("status is %s", got)
	}
	a.clk.Advance(time.Hour)
	st := a.sim.State()
	if now, _ := st.Instance(acct1, west, "guarded"); now.ResourceID != blue.ResourceID || now.EngineVersion != blue.EngineVersion || now.ReadOnly {
		t.Errorf("blue changed: %+v", now)
	}
	if _, there := st.Instance(acct1, west, green); there || len(st.Deployments) != 0 {
		t.Error("green or deployment is still there")
	}
	// Without DeleteTarget green stays and goes on replicating.
	id, green = ready(a, "loose", "loose")
	a.must("DeleteBlueGreenDeployment", "BlueGreenDeploymentIdentifier", id)
	a.clk.Advance(time.Hour)
	if g := a.instance(green); g.text("ReadReplicaSourceDBInstanceIdentifier") != "loose" {
		t.Errorf("green replicates from %q", g.text("ReadReplicaSourceDBInstanceIdentifier"))
	}
	// The name is free again, but the kept green is a replica with a replica.
	a.refused("SourceDatabaseNotSupportedFault", "cascading", "CreateBlueGreenDeployment", "BlueGreenDeploymentName", "loose", "Source", a.arn("loose"))
}

func TestGreenTouchedByHand(t *testing.T) {
	a := newAPI(t, smallFleet, Options{})
	id, green := ready(a, "up", "users")
	a.must("PromoteReadReplica", "DBInstanceIdentifier", green)
	a.clk.Advance(10 * time.Minute)
	if d := a.deployment(id); d.text("Status") != "INVALID_CONFIGURATION" || !strings.Contains(d.text("StatusDetails"), "promoted") {
		t.Errorf("after promoting green: %s %q", d.text("Status"), d.text("StatusDetails"))
	}
	id, _ = ready(a, "other", "orders")
	member := a.deployment(id).at("SwitchoverDetails/member#1")
	a.must("DeleteDBInstance", "DBInstanceIdentifier", last(member.text("TargetMember")), "SkipFinalSnapshot", "true")
	a.clk.Advance(time.Hour)
	if got := a.deployment(id).text("SwitchoverDetails/member#1/Status"); got != "MISSING_TARGET" {
		t.Errorf("row of the deleted green replica: %s", got)
	}
	a.must("SwitchoverBlueGreenDeployment", "BlueGreenDeploymentIdentifier", id)
	a.waitDeployment(id, "SWITCHOVER_COMPLETED")
	// The blue replica whose twin is gone keeps its name and its version.
	if got := a.instance(last(member.text("SourceMember"))); got.text("EngineVersion") != "5.7.44" {
		t.Errorf("the blue replica without a twin is %s", got.text("EngineVersion"))
	}
}

func TestRenameBack(t *testing.T) {
	a := newAPI(t, smallFleet, Options{})
	id, _ := ready(a, "up", "users")
	a.must("SwitchoverBlueGreenDeployment", "BlueGreenDeploymentIdentifier", id)
	a.waitDeployment(id, "SWITCHOVER_COMPLETED")
	oldID := a.instance("users-old1").text("DbiResourceId")
	a.refused("DBInstanceAlreadyExists", "users", "ModifyDBInstance", "DBInstanceIdentifier", "users-old1", "NewDBInstanceIdentifier", "users", "ApplyImmediately", "true")
	a.must("ModifyDBInstance", "DBInstanceIdentifier", "users", "NewDBInstanceIdentifier", "users-rolledback", "ApplyImmediately", "true")
	a.wait("first rename", time.Hour, func() bool {
		_, code := a.try("DescribeDBInstances", "DBInstanceIdentifier", "users-rolledback")
		return code == ""
	})
	a.must("ModifyDBInstance", "DBInstanceIdentifier", "users-old1", "NewDBInstanceIdentifier", "users", "ApplyImmediately", "true")
	a.wait("second rename", time.Hour, func() bool {
		_, code := a.try("DescribeDBInstances", "DBInstanceIdentifier", "users")
		return code == ""
	})
	if got := a.instance("users"); got.text("DbiResourceId") != oldID || got.text("EngineVersion") != "5.7.44" {
		t.Errorf("users is %s", got.text("DbiResourceId"))
	}
	// It is still read-only: {TrueIfReplica} stays 1 on an old blue. Only an
	// explicit 0 in a group of its own and a reboot open it.
	readOnly := func() bool { v, _ := a.sim.Server(Scope{acct1, west}, "users"); return v.ReadOnly }
	a.waitInstance("users", "available")
	a.must("RebootDBInstance", "DBInstanceIdentifier", "users")
	a.clk.Advance(5 * time.Minute)
	if !readOnly() {
		t.Error("a reboot alone opened the old blue")
	}
	a.must("CreateDBParameterGroup", "DBParameterGroupName", "way-back", "DBParameterGroupFamily", "mysql5.7", "Description", "x")
	a.must("ModifyDBParameterGroup", "DBParameterGroupName", "way-back", "Parameters.Parameter.1.ParameterName", "read_only", "Parameters.Parameter.1.ParameterValue", "0", "Parameters.Parameter.1.ApplyMethod", "immediate")
	a.must("ModifyDBInstance", "DBInstanceIdentifier", "users", "DBParameterGroupName", "way-back", "ApplyImmediately", "true")
	a.clk.Advance(5 * time.Minute)
	if !readOnly() || a.instance("users").text("DBParameterGroups/DBParameterGroup/ParameterApplyStatus") != "pending-reboot" {
		t.Error("the new group took effect without a reboot")
	}
	a.must("RebootDBInstance", "DBInstanceIdentifier", "users")
	a.clk.Advance(5 * time.Minute)
	if readOnly() {
		t.Error("the old blue still refuses writes")
	}
}

func TestSecondHopAndOldNumbers(t *testing.T) {
	a := newAPI(t, smallFleet, Options{})
	id, _ := ready(a, "hop1", "users")
	a.must("SwitchoverBlueGreenDeployment", "BlueGreenDeploymentIdentifier", id)
	a.waitDeployment(id, "SWITCHOVER_COMPLETED")
	a.refused("SourceDatabaseNotSupportedFault", "already part", "CreateBlueGreenDeployment", "BlueGreenDeploymentName", "hop2", "Source", a.arn("users"))
	a.must("DeleteBlueGreenDeployment", "BlueGreenDeploymentIdentifier", id)
	a.clk.Advance(10 * time.Minute)
	id, _ = ready(a, "hop2", "users", "TargetEngineVersion", "8.4.10")
	a.must("SwitchoverBlueGreenDeployment", "BlueGreenDeploymentIdentifier", id)
	a.waitDeployment(id, "SWITCHOVER_COMPLETED")
	for name, want := range map[string]string{"users": "8.4.10", "users-old1": "5.7.44", "users-old2": "8.0.46"} {
		if got := a.instance(name).text("EngineVersion"); got != want {
			t.Errorf("%s is on %s, want %s", name, got, want)
		}
	}
}

// A custom option group: green is created on 5.7 and upgraded before the
// switchover.
func TestTwoStepUpgrade(t *testing.T) {
	a := newAPI(t, refusalFleet, Options{})
	id := a.create("two-step", "options")
	a.waitDeployment(id, "AVAILABLE")
	green := last(a.deployment(id).text("Target"))
	a.waitInstance(green, "available")
	upgrade := []string{"DBInstanceIdentifier", green, "EngineVersion", "8.0.46", "ApplyImmediately", "true"}
	a.refused("InvalidParameterCombination", "AllowMajorVersionUpgrade", "ModifyDBInstance", upgrade...)
	upgrade = append(upgrade, "AllowMajorVersionUpgrade", "true")
	a.refused("InvalidParameterCombination", "option group audit57", "ModifyDBInstance", upgrade...)
	a.refused("InvalidParameterCombination", "mysql8.4 can't be used", "ModifyDBInstance", append(upgrade, "OptionGroupName", "default:mysql-8-0", "DBParameterGroupName", "target84")...)
	a.must("ModifyDBInstance", append(upgrade, "OptionGroupName", "default:mysql-8-0", "DBParameterGroupName", "target80")...)
	a.waitInstance(green, "upgrading")
	a.waitInstance(green, "available")
	g := a.instance(green)
	if g.text("EngineVersion") != "8.0.46" || g.text("OptionGroupMemberships/OptionGroupMembership/OptionGroupName") != "default:mysql-8-0" ||
		g.text("DBParameterGroups/DBParameterGroup/DBParameterGroupName") != "target80" {
		t.Errorf("green is %s with %s", g.text("EngineVersion"), g.text("OptionGroupMemberships/OptionGroupMembership/OptionGroupName"))
	}
	a.refused("InvalidParameterCombination", "can't be upgraded to mysql 8.4", "ModifyDBInstance", "DBInstanceIdentifier", green, "EngineVersion", "8.4.10", "AllowMajorVersionUpgrade", "true", "ApplyImmediately", "true")
	a.must("SwitchoverBlueGreenDeployment", "BlueGreenDeploymentIdentifier", id)
	a.waitDeployment(id, "SWITCHOVER_COMPLETED")
}
