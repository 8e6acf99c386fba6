package rdssim

import (
	"strings"
	"testing"
	"time"
)

const refusalFleet = `
accounts:
  - {id: "111122223333", regions: [eu-west-1, us-east-1], quotas: {DBInstances: 100}}
  - {id: "444455556666", regions: [us-east-1], one_call_graviton: false, proxy_supported: false, quotas: {AllocatedStorage: 1100}}
defaults: {account: "111122223333", region: eu-west-1, class: db.m5.large}
parameter_groups:
  - {name: lower57, family: mysql5.7, parameters: {lower_case_table_names: "1"}}
  - {name: target80, family: mysql8.0}
  - {name: target84, family: mysql8.4}
  - {name: events80, family: mysql8.0, parameters: {event_scheduler: "ON"}}
  - {name: lower80, family: mysql8.0, parameters: {lower_case_table_names: "1"}}
option_groups:
  - {name: audit57, major_version: "5.7", options: [MARIADB_AUDIT_PLUGIN]}
databases:
  - {id: fine}
  - {id: managed, managed_master_password: true}
  - {id: options, option_group: audit57}
  - {id: cascade, replicas: [{id: cascade-r1}, {id: cascade-r2, source: cascade-r1}]}
  - {id: far, replicas: [{id: far-r1, region: us-east-1}]}
  - {id: clustered, cluster: multi}
  - {id: nobackup, backup_retention: 0}
  - {id: busy, status: maintenance}
  - {id: pending, pending_modifications: {DBInstanceClass: db.r5.large}}
  - {id: outofsync, parameter_apply_status: pending-reboot}
  - {id: lowercase, parameter_group: lower57}
  - {id: old, class: db.m4.large}
  - {id: oldreplica, replicas: [{id: oldreplica-r1, class: db.m4.large}]}
  - {id: external, external_replication: true}
  - {id: logvolume, dedicated_log_volume: true, storage_type: io1, allocated_storage: 500, iops: 3000}
  - {id: big, storage_type: io1, allocated_storage: 500, iops: 3000, used_storage_percent: 50}
  - {id: modern, engine_version: 8.0.46}
  - {id: a2345678901234567890123456789012345678901234567890123456789}
  - {id: second, account: "444455556666", region: us-east-1}
  - {id: proxied, account: "444455556666", region: us-east-1, proxy: {name: front}}
  - {id: large, account: "444455556666", region: us-east-1, allocated_storage: 800}
`

func TestCreateRefusals(t *testing.T) {
	cases := []struct {
		name, code, part, source string
		params                   []string
		other                    bool // in the second account
	}{
		{"no such source", "DBInstanceNotFound", "not found", "nobody", nil, false},
		{"managed master password", "SourceDatabaseNotSupportedFault", "Secrets Manager", "managed", nil, false},
		{"custom option group with a major upgrade", "InvalidParameterCombination", "custom option group", "options", []string{"TargetEngineVersion", "8.0.46"}, false},
		{"cascading replica", "SourceDatabaseNotSupportedFault", "cascading", "cascade", nil, false},
		{"cross-Region replica", "SourceDatabaseNotSupportedFault", "cross-Region", "far", nil, false},
		{"a replica as source", "SourceDatabaseNotSupportedFault", "read replica", "cascade-r1", nil, false},
		{"member of a Multi-AZ DB cluster", "SourceDatabaseNotSupportedFault", "Multi-AZ DB cluster", "clustered", nil, false},
		{"backups off", "InvalidDBInstanceState", "Automated backups", "nobackup", nil, false},
		{"not available", "InvalidDBInstanceState", "maintenance", "busy", nil, false},
		{"pending modifications", "InvalidDBInstanceState", "pending modifications: DBInstanceClass", "pending", nil, false},
		{"pending reboot", "InvalidDBInstanceState", "not in sync", "outofsync", nil, false},
		{"external replication", "SourceDatabaseNotSupportedFault", "external", "external", nil, false},
		{"group of the wrong family", "InvalidParameterCombination", "mysql8.4 can't be used", "fine", []string{"TargetEngineVersion", "8.0.46", "TargetDBParameterGroupName", "target84"}, false},
		{"no such group", "DBParameterGroupNotFound", "nowhere", "fine", []string{"TargetEngineVersion", "8.0.46", "TargetDBParameterGroupName", "nowhere"}, false},
		{"event scheduler on", "InvalidParameterCombination", "event_scheduler", "fine", []string{"TargetEngineVersion", "8.0.46", "TargetDBParameterGroupName", "events80"}, false},
		{"case of names, blue differs", "SourceDatabaseNotSupportedFault", "lower_case_table_names", "lowercase", []string{"TargetEngineVersion", "8.0.46", "TargetDBParameterGroupName", "target80"}, false},
		{"case of names, default group", "SourceDatabaseNotSupportedFault", "default.mysql8.0", "lowercase", []string{"TargetEngineVersion", "8.0.46"}, false},
		{"case of names, green differs", "SourceDatabaseNotSupportedFault", "lower_case_table_names", "fine", []string{"TargetEngineVersion", "8.0.46", "TargetDBParameterGroupName", "lower80"}, false},
		{"5.7 to 8.4 at once", "InvalidParameterCombination", "Cannot upgrade mysql from 5.7.44 to 8.4.10", "fine", []string{"TargetEngineVersion", "8.4.10"}, false},
		{"backwards", "InvalidParameterCombination", "Cannot upgrade", "modern", []string{"TargetEngineVersion", "5.7.44"}, false},
		{"unknown version", "InvalidParameterCombination", "Cannot find version", "fine", []string{"TargetEngineVersion", "8.0.99"}, false},
		{"previous generation", "InvalidParameterCombination", "db.m4.large", "old", []string{"TargetEngineVersion", "8.0.46"}, false},
		{"previous generation without upgrade", "InvalidParameterCombination", "db.m4.large", "old", nil, false},
		{"replica of a previous generation", "InvalidParameterCombination", "db.m4.large", "oldreplica", []string{"TargetEngineVersion", "8.0.46"}, false},
		{"Graviton on 5.7", "InvalidParameterCombination", "EngineVersion=5.7.44", "fine", []string{"TargetDBInstanceClass", "db.m7g.large"}, false},
		{"unknown class", "InvalidParameterValue", "db.z9.huge", "fine", []string{"TargetDBInstanceClass", "db.z9.huge"}, false},
		{"Graviton in one call where it is refused", "InvalidParameterCombination", "EngineVersion=5.7.44", "second", []string{"TargetEngineVersion", "8.0.46", "TargetDBInstanceClass", "db.m7g.large"}, true},
		{"proxy where it is not supported", "SourceDatabaseNotSupportedFault", "RDS Proxy", "proxied", nil, true},
		{"storage quota", "StorageQuotaExceeded", "1100", "second", []string{"TargetAllocatedStorage", "101"}, true},
		{"DLV with gp3", "InvalidParameterCombination", "DLV", "logvolume", []string{"TargetStorageType", "gp3"}, false},
		{"IOPS under 400 GiB", "InvalidParameterCombination", "less than 400", "fine", []string{"TargetStorageType", "gp3", "TargetIops", "12000"}, false},
		{"throughput under 400 GiB", "InvalidParameterCombination", "less than 400", "fine", []string{"TargetStorageType", "gp3", "TargetStorageThroughput", "500"}, false},
		{"IOPS below the range", "InvalidParameterValue", "between 12000", "big", []string{"TargetStorageType", "gp3", "TargetIops", "6000"}, false},
		{"throughput ratio", "InvalidParameterCombination", "ratio", "big", []string{"TargetStorageType", "gp3", "TargetIops", "12000", "TargetStorageThroughput", "3500"}, false},
		{"shrunk too far", "InvalidParameterValue", "minimum for big is 300", "big", []string{"TargetStorageType", "gp3", "TargetAllocatedStorage", "200"}, false},
		{"instance name too long", "InvalidParameterValue", "too long", "a2345678901234567890123456789012345678901234567890123456789", nil, false},
		{"not a number", "MalformedInput", "integer", "fine", []string{"TargetIops", "many"}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := newAPI(t, refusalFleet, Options{})
			if c.other {
				a.acct, a.reg = acct2, east
			}
			a.refused(c.code, c.part, "CreateBlueGreenDeployment", append([]string{"BlueGreenDeploymentName", "try", "Source", a.arn(c.source)}, c.params...)...)
			if st := a.sim.State(); len(st.Deployments) != 0 {
				t.Errorf("a refused call left %+v", st.Deployments)
			}
		})
	}
}

func TestCreateNames(t *testing.T) {
	a := newAPI(t, refusalFleet, Options{})
	for _, name := range []string{"", "1abc", "a--b", "a-", "ä", strings.Repeat("a", 61)} {
		a.refused("InvalidParameterValue", "valid identifier", "CreateBlueGreenDeployment", "BlueGreenDeploymentName", name, "Source", a.arn("fine"))
	}
	a.refused("SourceClusterNotSupportedFault", "multi", "CreateBlueGreenDeployment", "BlueGreenDeploymentName", "x", "Source", "arn:aws:rds:eu-west-1:111122223333:cluster:multi")
	a.refused("DBClusterNotFoundFault", "none", "CreateBlueGreenDeployment", "BlueGreenDeploymentName", "x", "Source", "arn:aws:rds:eu-west-1:111122223333:cluster:none")
	a.refused("InvalidParameterValue", "account and Region", "CreateBlueGreenDeployment", "BlueGreenDeploymentName", "x", "Source", "arn:aws:rds:us-east-1:111122223333:db:fine")
	a.must("CreateBlueGreenDeployment", "BlueGreenDeploymentName", "taken", "Source", a.arn("fine"), "TargetEngineVersion", "8.0.46")
	if n := len(a.must("DescribeBlueGreenDeployments").at("BlueGreenDeployments").Kids); n != 0 {
		t.Errorf("a new deployment is listed at once")
	}
	// The name decides before the source: a repeated call gets this answer,
	// also while the first one's deployment is not listed yet.
	a.refused("BlueGreenDeploymentAlreadyExistsFault", "Taken", "CreateBlueGreenDeployment", "BlueGreenDeploymentName", "Taken", "Source", a.arn("fine"))
	a.refused("SourceDatabaseNotSupportedFault", "already part", "CreateBlueGreenDeployment", "BlueGreenDeploymentName", "second", "Source", a.arn("fine"))
}

func TestInstanceQuota(t *testing.T) {
	a := newAPI(t, `
accounts: [{id: "111122223333", regions: [eu-west-1], quotas: {DBInstances: 3}}]
defaults: {account: "111122223333", region: eu-west-1}
databases: [{id: one}, {id: two}]
`, Options{})
	id := a.create("first", "one", "TargetEngineVersion", "8.0.46")
	a.clk.Advance(time.Minute)
	a.refused("InstanceQuotaExceeded", "more than 3", "CreateBlueGreenDeployment", "BlueGreenDeploymentName", "next", "Source", a.arn("two"))
	quotas := a.must("DescribeAccountAttributes").at("AccountQuotas")
	for _, q := range quotas.Kids {
		if q.text("AccountQuotaName") == "DBInstances" && (q.text("Used") != "3" || q.text("Max") != "3") {
			t.Errorf("DBInstances: %s of %s", q.text("Used"), q.text("Max"))
		}
	}
	a.must("DeleteBlueGreenDeployment", "BlueGreenDeploymentIdentifier", id, "DeleteTarget", "true")
	a.clk.Advance(time.Hour)
	a.create("next", "two")
}

// Whatever combination of storage is asked for, the same rules answer on
// create and on modify.
func TestStorageRules(t *testing.T) {
	cases := []struct {
		name string
		st   Storage
		code string // empty: allowed
	}{
		{"gp2", Storage{Type: "gp2", GiB: 100}, ""},
		{"gp2 with IOPS", Storage{Type: "gp2", GiB: 100, IOPS: 3000}, "InvalidParameterCombination"},
		{"gp3 baseline below the stripe", Storage{Type: "gp3", GiB: 399}, ""},
		{"gp3 with IOPS at 399", Storage{Type: "gp3", GiB: 399, IOPS: 3000}, "InvalidParameterCombination"},
		{"gp3 with IOPS at 400", Storage{Type: "gp3", GiB: 400, IOPS: 12000}, ""},
		{"gp3 top", Storage{Type: "gp3", GiB: 400, IOPS: 64000, Throughput: 4000}, ""},
		{"gp3 over the top", Storage{Type: "gp3", GiB: 400, IOPS: 64001}, "InvalidParameterValue"},
		{"gp3 throughput over the top", Storage{Type: "gp3", GiB: 400, IOPS: 64000, Throughput: 4001}, "InvalidParameterValue"},
		{"gp3 throughput of the baseline", Storage{Type: "gp3", GiB: 400, Throughput: 3000}, ""},
		{"gp3 throughput ratio", Storage{Type: "gp3", GiB: 400, Throughput: 3001}, "InvalidParameterCombination"},
		{"gp3 too small", Storage{Type: "gp3", GiB: 19}, "InvalidParameterValue"},
		{"io1 without IOPS", Storage{Type: "io1", GiB: 100}, "InvalidParameterCombination"},
		{"io1 ratio", Storage{Type: "io1", GiB: 100, IOPS: 5001}, "InvalidParameterCombination"},
		{"io1 at its ratio", Storage{Type: "io1", GiB: 100, IOPS: 5000}, ""},
		{"io1 below the stripe", Storage{Type: "io1", GiB: 399, IOPS: 19951}, "InvalidParameterValue"},
		{"io2 ratio", Storage{Type: "io2", GiB: 100, IOPS: 100000}, ""},
		{"unknown", Storage{Type: "tape", GiB: 100}, "InvalidParameterValue"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			if err := asFault(checkStorage(c.st)); err != nil {
				got = err.Code
			}
			if got != c.code {
				t.Errorf("got %q, want %q", got, c.code)
			}
		})
	}
	if got := (Storage{Type: "gp3", GiB: 1000, IOPS: 40000}).effective(); got.Throughput != 625 {
		t.Errorf("40,000 IOPS have %d MiB/s, want 625", got.Throughput)
	}
}
