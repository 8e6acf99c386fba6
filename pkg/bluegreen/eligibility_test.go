package bluegreen

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// cleanFacts are those of a database that nothing stands in the way of.
func cleanFacts() EligibilityFacts {
	no := false
	blue, replica := blueOrders(), replicaOrders()
	pol := TargetPolicy{StorageType: "gp3", ClassMode: "graviton", ParameterGroup: "orders-80"}
	offer := sold("8.0.46", "db.m7g.large", "db.r7g.large", "db.m5.large", "db.r5.large")
	target, _ := ResolveTarget(blue, []Instance{replica}, toEight, pol, Market{Orderable: offer})
	return EligibilityFacts{
		Blue: blue, Replicas: []Instance{replica}, Hop: toEight, Target: target,
		BlueGroup:        &ParameterGroup{Name: "orders-57", Family: "mysql5.7"},
		TargetGroup:      &ParameterGroup{Name: "orders-80", Family: "mysql8.0"},
		BlueParameters:   []Parameter{{Name: "binlog_format", Value: "ROW"}, {Name: "gtid-mode", Value: "ON"}},
		TargetParameters: []Parameter{{Name: "event_scheduler", Value: "OFF"}, {Name: "read_only", Value: "{TrueIfReplica}"}},
		OptionGroup:      &OptionGroup{Name: "default:mysql-5-7"},
		Versions:         listed(), Orderable: offer, OwnDeployment: "q3-orders-8-0-46",
		ProxyKnown: true, ExternalReplica: &no,
	}
}

// cleanNotes are what even a clean database is told.
var cleanNotes = []string{"note resource-id-changes", "note replicas-modified-later"}

func TestEligibilityClean(t *testing.T) {
	want := strings.Join(slices.Sorted(slices.Values(cleanNotes)), ", ")
	if diff := cmp.Diff(want, issueList(Eligibility(cleanFacts()))); diff != "" {
		t.Errorf("a clean database (-want +got):\n%s", diff)
	}
}

func TestEligibility(t *testing.T) {
	yes := true
	set := func(list []Parameter, name, value string) []Parameter {
		return append(slices.DeleteFunc(slices.Clone(list), func(p Parameter) bool { return p.Name == name }), Parameter{Name: name, Value: value})
	}
	for _, tc := range []struct {
		id, severity, code string
		spoil              func(f *EligibilityFacts)
	}{
		{"aurora-engine", "block", "SourceDatabaseNotSupportedFault", func(f *EligibilityFacts) { f.Blue.Engine, f.Blue.ClusterID = "aurora-mysql", "c" }},
		{"engine-not-mysql", "block", "", func(f *EligibilityFacts) { f.Blue.Engine = "mariadb" }},
		{"multi-az-cluster", "block", "SourceDatabaseNotSupportedFault", func(f *EligibilityFacts) { f.Blue.ClusterID = "trio" }},
		{"instance-not-available", "block", "InvalidDBInstanceState", func(f *EligibilityFacts) { f.Blue.Status = "backing-up" }},
		{"instance-not-available", "block", "InvalidDBInstanceState", func(f *EligibilityFacts) { f.Replicas[0].Status = "" }},
		{"backups-off", "block", "InvalidDBInstanceState", func(f *EligibilityFacts) { f.Blue.BackupDays = 0 }},
		{"pending-modifications", "block", "InvalidDBInstanceState", func(f *EligibilityFacts) { f.Blue.Pending = []string{"DBInstanceClass=db.m5.xlarge"} }},
		{"pending-maintenance", "warn", "", func(f *EligibilityFacts) { f.PendingMaintenance = []string{"system-update"} }},
		{"parameter-group-pending-reboot", "block", "InvalidDBInstanceState", func(f *EligibilityFacts) { f.Replicas[0].ParameterStatus = "pending-reboot" }},
		{"managed-master-password", "block", "SourceDatabaseNotSupportedFault", func(f *EligibilityFacts) { f.Blue.ManagedSecret = "arn:aws:secretsmanager:eu-1:123456789012:secret:x" }},
		{"custom-option-group", "block", "InvalidParameterCombination", func(f *EligibilityFacts) { f.Blue.OptionGroup = "audit" }},
		{"custom-option-group", "warn", "", func(f *EligibilityFacts) { f.Blue.OptionGroup, f.TwoStepOption = "audit", true }},
		{"name-too-long", "warn", "", func(f *EligibilityFacts) { f.Blue.ID = strings.Repeat("x", 51); own(f) }},
		{"name-too-long", "warn", "", func(f *EligibilityFacts) { f.Blue.ID = strings.Repeat("x", 58); own(f) }},
		{"name-too-long-for-old", "block", "InvalidParameterValue", func(f *EligibilityFacts) { f.Blue.ID = strings.Repeat("x", 59); own(f) }},
		{"cloudformation-managed", "block", "", func(f *EligibilityFacts) { f.Blue.Tags = map[string]string{"aws:cloudformation:stack-name": "s"} }},
		{"ca-certificate", "warn", "", func(f *EligibilityFacts) { f.Blue.CACertificate = "rds-ca-2019" }},
		{"storage-config-upgrade", "warn", "", func(f *EligibilityFacts) { f.Blue.StorageUpgrade = true }},
		{"previous-generation-class", "block", "InvalidParameterCombination", func(f *EligibilityFacts) { f.Blue.Class, f.Target.CreateClass = "db.m4.large", "" }},
		{"magnetic-storage", "warn", "", func(f *EligibilityFacts) { f.Blue.StorageType = "standard" }},
		{"blue-is-a-replica", "block", "SourceDatabaseNotSupportedFault", func(f *EligibilityFacts) { f.Blue.ReplicaSource = "head" }},
		{"cascading-replica", "block", "SourceDatabaseNotSupportedFault", func(f *EligibilityFacts) { f.Replicas[0].Replicas = []string{"orders-r1-r1"} }},
		{"cross-region-replica", "block", "SourceDatabaseNotSupportedFault", func(f *EligibilityFacts) {
			f.Blue.Replicas = append(slices.Clone(f.Blue.Replicas), "arn:aws:rds:us-9:123456789012:db:orders-dr")
		}},
		{"cross-region-replica", "block", "SourceDatabaseNotSupportedFault", func(f *EligibilityFacts) { f.Blue.ReplicaSource = "arn:aws:rds:us-9:123456789012:db:head" }},
		{"replica-cluster", "block", "SourceDatabaseNotSupportedFault", func(f *EligibilityFacts) { f.Blue.ReplicaClusters = []string{"trio"} }},
		{"replica-unknown", "block", "", func(f *EligibilityFacts) { f.Blue.Replicas = append(slices.Clone(f.Blue.Replicas), "orders-r2") }},
		{"external-replication", "block", "SourceDatabaseNotSupportedFault", func(f *EligibilityFacts) { f.ExternalReplica = &yes }},
		{"external-replication-unknown", "warn", "", func(f *EligibilityFacts) { f.ExternalReplica = nil }},
		{"rds-proxy", "warn", "SourceDatabaseNotSupportedFault", func(f *EligibilityFacts) { f.Proxies = []string{"front"} }},
		{"rds-proxy-unknown", "warn", "", func(f *EligibilityFacts) { f.ProxyKnown = false }},
		{"rds-proxy-unreachable", "warn", "", func(f *EligibilityFacts) { f.ProxyDown = []string{"front sees orders as UNAVAILABLE"} }},
		{"zero-etl-unknown", "warn", "", func(f *EligibilityFacts) { f.IntegrationsUnread = true }},
		{"pending-maintenance-unknown", "warn", "", func(f *EligibilityFacts) { f.MaintenanceUnread = true }},
		{"zero-etl", "warn", "InvalidBlueGreenDeploymentStateFault", func(f *EligibilityFacts) { f.Integrations = []string{"to-redshift"} }},
		{"dlv-mixed", "block", "SourceDatabaseNotSupportedFault", func(f *EligibilityFacts) { f.Replicas[0].DedicatedLog = true }},
		{"dlv-needs-provisioned-iops", "block", "InvalidParameterCombination", func(f *EligibilityFacts) { f.Blue.DedicatedLog, f.Replicas[0].DedicatedLog = true, true }},
		{"deployment-name-taken", "block", "BlueGreenDeploymentAlreadyExistsFault", func(f *EligibilityFacts) {
			f.Deployments = []Deployment{{ID: "bgd-1", Name: "Q3-Orders-8-0-46", Source: "arn:aws:rds:eu-1:123456789012:db:other", Status: Available}}
		}},
		{"deployment-of-a-stranger", "block", "SourceDatabaseNotSupportedFault", func(f *EligibilityFacts) {
			f.Deployments = []Deployment{{ID: "bgd-1", Name: "somebody", Source: f.Blue.ARN, Status: Provisioning}}
		}},
		{"cdc-readers", "warn", "", func(f *EligibilityFacts) { f.DumpClients = []string{"dms@10.0.0.9"} }},
		{"version-path", "block", "InvalidParameterCombination", func(f *EligibilityFacts) { f.Hop.To, f.Orderable, f.Target.Class = "8.4.10", nil, "" }},
		{"version-path-unknown", "warn", "", func(f *EligibilityFacts) { f.Versions = nil }},
		{"class-not-available", "block", "InvalidParameterCombination", func(f *EligibilityFacts) { f.Target.Class = "db.r8g.large" }},
		{"class-not-available", "block", "InvalidParameterCombination", func(f *EligibilityFacts) { f.Target.CreateClass = "db.m5.24xlarge" }},
		{"class-not-available", "block", "InvalidParameterCombination", func(f *EligibilityFacts) {
			f.Target.ReplicaClass = map[string]string{"orders-r1": "db.q1.large"}
		}},
		{"replica-class-at-create", "block", "InvalidParameterCombination", func(f *EligibilityFacts) { f.Replicas[0].Class = "db.x1e.large" }},
		{"class-unchecked", "warn", "", func(f *EligibilityFacts) { f.Orderable = nil }},
		{"storage-out-of-range", "block", "InvalidParameterValue", func(f *EligibilityFacts) {
			f.Orderable = slices.Clone(f.Orderable)
			for i := range f.Orderable {
				f.Orderable[i].MinGiB, f.Orderable[i].MaxGiB = 20, 499
			}
		}},
		{"option-removed", "block", "InvalidParameterCombination", func(f *EligibilityFacts) {
			f.Hop.To = "8.0.27"
			f.Versions, f.Orderable = nil, sold("8.0.27", "db.m7g.large", "db.r7g.large", "db.m5.large", "db.r5.large")
			f.OptionGroup = &OptionGroup{Name: "audit", Options: []string{"MARIADB_AUDIT_PLUGIN"}}
		}},
		{"target-group-unnamed", "warn", "", func(f *EligibilityFacts) { f.Target.ParameterGroup = "" }},
		{"target-group-missing", "block", "DBParameterGroupNotFound", func(f *EligibilityFacts) { f.TargetGroup = nil }},
		{"target-group-family", "block", "InvalidParameterCombination", func(f *EligibilityFacts) { f.TargetGroup = f.BlueGroup }},
		{"lower-case-table-names", "block", "SourceDatabaseNotSupportedFault", func(f *EligibilityFacts) {
			f.BlueParameters = set(f.BlueParameters, "lower_case_table_names", "1")
		}},
		{"event-scheduler-on", "block", "InvalidParameterCombination", func(f *EligibilityFacts) {
			f.TargetParameters = set(f.TargetParameters, "event_scheduler", "ON")
		}},
		{"event-scheduler-on", "warn", "", func(f *EligibilityFacts) { f.TargetParameters = set(nil, "read_only", "1") }},
		{"green-writable", "block", "", func(f *EligibilityFacts) { f.TargetParameters = set(f.TargetParameters, "read_only", "0") }},
		{"parameters-unread", "warn", "", func(f *EligibilityFacts) { f.BlueParameters = nil }},
		{"parameters-unread", "warn", "", func(f *EligibilityFacts) { f.TargetParameters = nil }},
		{"binlog-format", "warn", "", func(f *EligibilityFacts) { f.BlueParameters = set(f.BlueParameters, "binlog_format", "MIXED") }},
		{"gtid-off", "note", "", func(f *EligibilityFacts) { f.BlueParameters = set(f.BlueParameters, "gtid-mode", "OFF_PERMISSIVE") }},
		{"iam-roles", "note", "", func(f *EligibilityFacts) { f.Blue.Roles = []string{"arn:aws:iam::123456789012:role/s3"} }},
		{"iam-auth-resource-id", "warn", "", func(f *EligibilityFacts) { f.Blue.IAMAuth = true }},
		{"extended-support-opted-out", "warn", "", func(f *EligibilityFacts) { f.Replicas[0].Lifecycle = "open-source-rds-extended-support-disabled" }},
		{"binlog-retention", "note", "", func(f *EligibilityFacts) { f.NoWayBack = true }},
		{"deletion-protection", "note", "InvalidBlueGreenDeploymentStateFault", func(f *EligibilityFacts) { f.Blue.Protected = true }},
		{"no-storage-initialization", "note", "", func(f *EligibilityFacts) {
			f.Target.Class, f.Orderable = "db.t4g.large", sold("8.0.46", "db.t4g.large", "db.m7g.large", "db.r7g.large", "db.r5.large")
		}},
		{"unencrypted", "note", "", func(f *EligibilityFacts) { f.Blue.Encrypted = false }},
	} {
		t.Run(tc.id, func(t *testing.T) {
			f := cleanFacts()
			tc.spoil(&f)
			got := Eligibility(f)
			rest := slices.DeleteFunc(slices.Clone(got), func(i Issue) bool {
				return slices.Contains(cleanNotes, i.Severity+" "+i.ID) || i.ID == "version-path-unknown" && tc.id == "option-removed"
			})
			if len(rest) != 1 {
				t.Fatalf("issues %q, want %s alone", issueList(rest), tc.id)
			}
			is := rest[0]
			if is.ID != tc.id || is.Severity != tc.severity || is.Code != tc.code {
				t.Errorf("got %s %s %q, want %s %s %q", is.Severity, is.ID, is.Code, tc.severity, tc.id, tc.code)
			}
			if is.Message == "" || is.Evidence == "" || is.WayOut == "" || is.Source == "" {
				t.Errorf("incomplete: %+v", is)
			}
		})
	}
	t.Run("every rule", func(t *testing.T) {
		tested := map[string]bool{"resource-id-changes": true, "replicas-modified-later": true} // TestEligibilityClean
		for _, id := range testedRules(t) {
			tested[id] = true
		}
		for _, r := range eligibilityRules {
			if !tested[r.id] {
				t.Errorf("rule %s has no case", r.id)
			}
		}
	})
}

// own lets green's replica stay where a test renames blue.
func own(f *EligibilityFacts) { f.OwnDeployment = "q3-" + f.Blue.ID }

// testedRules reads the ids of the cases above out of this file.
func testedRules(t *testing.T) []string {
	t.Helper()
	var ids []string
	for _, line := range strings.Split(sourceOf(t, "eligibility_test.go"), "\n") {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), `{"`); ok {
			id, _, _ := strings.Cut(rest, `"`)
			ids = append(ids, id)
		}
	}
	return ids
}

// TestEligibilityBoundaries: values that are just still good.
func TestEligibilityBoundaries(t *testing.T) {
	f := cleanFacts()
	f.Blue.BackupDays = 1
	f.Blue.ID = strings.Repeat("x", 50)
	own(&f)
	f.BlueParameters = append(f.BlueParameters, Parameter{Name: "lower_case_table_names", Value: "1"})
	f.TargetParameters = append(f.TargetParameters, Parameter{Name: "lower_case_table_names", Value: "1"})
	want := strings.Join(slices.Sorted(slices.Values(cleanNotes)), ", ")
	if diff := cmp.Diff(want, issueList(Eligibility(f))); diff != "" {
		t.Errorf("issues (-want +got):\n%s", diff)
	}
	// One group unread: no comparison with what is not known.
	f.TargetParameters = nil
	for _, i := range Eligibility(f) {
		if i.ID == "lower-case-table-names" {
			t.Errorf("compared with an unread group: %s", i.Evidence)
		}
	}
}

// A database of ours that is being built is adopted, and a completed deployment
// is only a wrapper.
func TestEligibilityAdopts(t *testing.T) {
	f := cleanFacts()
	f.Deployments = []Deployment{
		{ID: "bgd-1", Name: "q3-orders-8-0-46", Source: f.Blue.ARN, Status: Provisioning},
		{ID: "bgd-2", Name: "last-year", Source: f.Blue.ARN, Status: SwitchoverCompleted},
		{ID: "bgd-3", Name: "other", Source: "arn:aws:rds:eu-1:123456789012:db:other", Status: Available},
	}
	if got := Eligibility(f); HasBlocker(got) {
		t.Errorf("blocked: %s", issueList(got))
	}
}

func TestEligibilityOrder(t *testing.T) {
	f := cleanFacts()
	f.Blue.Encrypted, f.ProxyKnown, f.Blue.BackupDays, f.Blue.Roles = false, false, 0, []string{"r"}
	got := Eligibility(f)
	if !slices.IsSortedFunc(got, func(a, b Issue) int { return severityRank(a.Severity) - severityRank(b.Severity) }) || !HasBlocker(got) {
		t.Errorf("order %s", issueList(got))
	}
}

// Nothing known at all must not panic, and must not be clean.
func TestEligibilityUnknown(t *testing.T) {
	got := Eligibility(EligibilityFacts{})
	if !HasBlocker(got) {
		t.Errorf("empty facts: %s", issueList(got))
	}
	ResolveTarget(Instance{}, []Instance{{}}, Hop{}, TargetPolicy{}, Market{})
	ResolveTarget(Instance{}, nil, Hop{}, TargetPolicy{StorageType: "gp3", ClassMode: "graviton"}, Market{Orderable: []Orderable{}})
}
