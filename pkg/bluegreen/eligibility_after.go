package bluegreen

import (
	"fmt"
	"strings"
)

// afterRules say what a deployment leaves to be done. They never block.
var afterRules = []rule{
	{
		id: "iam-roles", severity: SeverityNote,
		title:  "IAM roles are not copied to green and are attached again",
		wayOut: "done by the campaign before the switchover", source: sourceLimits,
		check: func(f *EligibilityFacts) []finding {
			return when(len(f.Blue.Roles) > 0, joined(f.Blue.Roles))
		},
	},
	{
		id: "iam-auth-resource-id", severity: SeverityWarn,
		title:  "IAM database authentication: policies for rds-db:connect name the resource id, which changes with the switchover",
		wayOut: "add green's resource id to the policies before the switchover", source: sourceLimits,
		check: func(f *EligibilityFacts) []finding {
			return when(f.Blue.IAMAuth, "resource id "+f.Blue.ResourceID)
		},
	},
	{
		id: "resource-id-changes", severity: SeverityNote,
		title:  "things keyed by the resource id follow the old machine: AWS Backup plans, point-in-time restore, Performance Insights history, CloudTrail filters, infrastructure-as-code state",
		wayOut: "update them after the switchover; old blue's backups are found by its resource id", source: sourceLimits,
		check: func(f *EligibilityFacts) []finding {
			return when(f.Blue.ResourceID != "", f.Blue.ResourceID)
		},
	},
	{
		id: "deletion-protection", severity: SeverityNote, code: "InvalidBlueGreenDeploymentStateFault",
		title:  "deletion protection is on, and green is a copy: it is turned off on a green, and on old blue, before these are deleted",
		wayOut: "done by the campaign", source: "RDS user guide, blue-green-deployments-deleting",
		check: func(f *EligibilityFacts) []finding {
			return when(f.Blue.Protected, f.Blue.ID+" is protected")
		},
	},
	{
		id: "no-storage-initialization", severity: SeverityNote,
		title:  "t classes get no background storage initialization: the first read of each block is slow after the switchover",
		wayOut: "read the hot tables once on green before the switchover", source: sourceCreate,
		check: func(f *EligibilityFacts) []finding {
			family, _, _ := splitClass(orElse(f.Target.Class, f.Blue.Class))
			return when(strings.HasPrefix(family, "t"), orElse(f.Target.Class, f.Blue.Class))
		},
	},
	{
		id: "extended-support-opted-out", severity: SeverityWarn,
		title:  "opted out of Extended Support: past the end of standard support AWS upgrades it by itself, at a time of its own",
		wayOut: "opt in (ModifyDBInstance, EngineLifecycleSupport) until the campaign has come by, or take it into the first wave", source: "RDS user guide, extended-support",
		check: func(f *EligibilityFacts) []finding {
			var out []finding
			for _, m := range f.members() {
				if m.Lifecycle == extendedSupportDisabled {
					out = append(out, finding{evidence: m.ID + ": " + m.Lifecycle})
				}
			}
			return out
		},
	},
	{
		id: "binlog-retention", severity: SeverityNote,
		title:  "without a way back nothing is set: RDS purges the new server's binary logs as soon as it can, and writes since the switchover cannot be carried back or looked up in them",
		wayOut: "switchover.way_back in the plan, or CALL mysql.rds_set_configuration('binlog retention hours', 72) on green before the switchover",
		source: "RDS user guide, mysql-stored-proc-configuring",
		check: func(f *EligibilityFacts) []finding {
			return when(f.NoWayBack, "the plan has no switchover.way_back; while green replicates, RDS keeps on blue what it needs")
		},
	},
	{
		id: "unencrypted", severity: SeverityNote,
		title:  "the storage is not encrypted; organizations sometimes deny CreateBlueGreenDeployment then",
		wayOut: "encrypt it with another tool, or ask the owners of the organization's policies", source: "RDS API, TargetResourceConfigurations",
		check: func(f *EligibilityFacts) []finding {
			return when(!f.Blue.Encrypted, f.Blue.ID+" is unencrypted")
		},
	},
	{
		id: "replicas-modified-later", severity: SeverityNote,
		title:  "green replicas start on their twin's class and storage and are modified afterwards",
		wayOut: "done by the campaign; storage cannot be changed again for hours", source: sourceCreate,
		check: func(f *EligibilityFacts) []finding {
			var out []finding
			for _, r := range f.Replicas {
				if off := f.Target.OffTarget(memberOnly(r, f.Target), false, r.ID); len(off) > 0 {
					out = append(out, finding{evidence: fmt.Sprintf("%s: %s", r.ID, strings.Join(off, "; "))})
				}
			}
			return out
		},
	},
}

// memberOnly is a replica as green will have it after create: version and
// parameter group apply to all members, class and storage to the primary only.
func memberOnly(r Instance, t Target) Instance {
	r.Version, r.ParameterStatus = t.Version, ""
	if t.ParameterGroup != "" {
		r.ParameterGroup = t.ParameterGroup
	}
	r.AllocatedGiB = max(r.AllocatedGiB, t.Storage.AllocatedGiB)
	return r
}
