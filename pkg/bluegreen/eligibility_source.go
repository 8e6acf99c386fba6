package bluegreen

import (
	"fmt"
	"slices"
	"strings"
)

const (
	sourceLimits    = "RDS user guide, blue-green-deployments-considerations"
	sourceSwitching = "RDS user guide, blue-green-deployments-switching"
	sourceMajor     = "RDS user guide, USER_UpgradeDBInstance.MySQL.Major"

	notSupported   = "SourceDatabaseNotSupportedFault"
	invalidState   = "InvalidDBInstanceState"
	badCombination = "InvalidParameterCombination"

	// greenSuffix is the length of -green-xxxxxx, oldSuffix that of -old1,
	// maxInstanceID the most that an identifier may have.
	greenSuffix   = 13
	oldSuffix     = 5
	maxInstanceID = 63
)

// engineRules say whether the thing is an RDS for MySQL instance at all.
var engineRules = []rule{
	{
		id: "aurora-engine", severity: SeverityBlock, code: notSupported,
		title:  "Aurora is upgraded by cluster deployments, which this tool does not make",
		wayOut: "a blue/green deployment of the cluster, with cluster and instance parameter groups", source: "Aurora user guide, blue-green-deployments-considerations",
		check: func(f *EligibilityFacts) []finding {
			return when(strings.HasPrefix(f.Blue.Engine, "aurora"), "engine "+f.Blue.Engine)
		},
	},
	{
		id: "engine-not-mysql", severity: SeverityBlock,
		title:  "not an RDS for MySQL instance",
		wayOut: "take it out of the plan's selection", source: sourceLimits,
		check: func(f *EligibilityFacts) []finding {
			return when(f.Blue.Engine != "" && f.Blue.Engine != "mysql" && !strings.HasPrefix(f.Blue.Engine, "aurora"), "engine "+f.Blue.Engine)
		},
	},
	{
		id: "multi-az-cluster", severity: SeverityBlock, code: notSupported,
		title:  "a member of a Multi-AZ DB cluster: blue/green deployments do not support it",
		wayOut: "upgrade the cluster in place, or restore it into a Multi-AZ instance first", source: sourceLimits,
		check: func(f *EligibilityFacts) []finding {
			var out []finding
			for _, m := range f.members() {
				if m.ClusterID != "" && !strings.HasPrefix(m.Engine, "aurora") {
					out = append(out, finding{evidence: m.ID + " belongs to cluster " + m.ClusterID})
				}
			}
			return out
		},
	},
}

// instanceRules look at blue itself.
var instanceRules = []rule{
	{
		id: "instance-not-available", severity: SeverityBlock, code: invalidState,
		title:  "a member is not available",
		wayOut: "wait until it is, or mend it", source: sourceCreate,
		check: func(f *EligibilityFacts) []finding {
			var out []finding
			for _, m := range f.members() {
				if !m.Available() {
					out = append(out, finding{evidence: m.ID + " is " + orElse(m.Status, "of unknown status")})
				}
			}
			return out
		},
	},
	{
		id: "backups-off", severity: SeverityBlock, code: invalidState,
		title:  "automated backups are off: green is made from a backup and needs the binary log",
		wayOut: "set the backup retention to at least one day, best with a snapshot first", source: sourceCreate,
		check: func(f *EligibilityFacts) []finding {
			return when(f.Blue.BackupDays < 1, fmt.Sprintf("%s keeps backups for %d days", f.Blue.ID, f.Blue.BackupDays))
		},
	},
	{
		id: "pending-modifications", severity: SeverityBlock, code: invalidState,
		title:  "modifications wait for the maintenance window",
		wayOut: "apply or withdraw them first", source: sourceCreate,
		check: func(f *EligibilityFacts) []finding {
			var out []finding
			for _, m := range f.members() {
				if len(m.Pending) > 0 {
					out = append(out, finding{evidence: m.ID + ": " + joined(m.Pending)})
				}
			}
			return out
		},
	},
	{
		id: "pending-maintenance", severity: SeverityWarn,
		title:  "maintenance is pending: operating system updates come before a major upgrade",
		wayOut: "apply it, or make sure that it does not run in the maintenance window while green is built", source: sourceMajor,
		check: func(f *EligibilityFacts) []finding {
			return when(len(f.PendingMaintenance) > 0, joined(f.PendingMaintenance))
		},
	},
	{
		id: "pending-maintenance-unknown", severity: SeverityWarn,
		title:  "whether maintenance is pending is not known",
		wayOut: "allow rds:DescribePendingMaintenanceActions", source: sourceMajor,
		check: func(f *EligibilityFacts) []finding {
			return when(f.MaintenanceUnread, "pending maintenance could not be listed")
		},
	},
	{
		id: "parameter-group-pending-reboot", severity: SeverityBlock, code: invalidState,
		title:  "the parameter group is not in sync: values wait for a reboot",
		wayOut: "reboot the instance, or take the static change back", source: sourceCreate,
		check: func(f *EligibilityFacts) []finding {
			var out []finding
			for _, m := range f.members() {
				if m.ParameterStatus != "" && m.ParameterStatus != "in-sync" {
					out = append(out, finding{evidence: m.ID + ": " + m.ParameterGroup + " is " + m.ParameterStatus})
				}
			}
			return out
		},
	},
	{
		id: "managed-master-password", severity: SeverityBlock, code: notSupported,
		title:  "the master password is managed by Secrets Manager",
		wayOut: "set a password of your own (ModifyDBInstance with ManageMasterUserPassword=false) and manage it again after the switchover", source: sourceLimits,
		check: func(f *EligibilityFacts) []finding {
			return when(f.Blue.ManagedSecret != "", "secret "+f.Blue.ManagedSecret)
		},
	},
	{
		id: "custom-option-group", severity: SeverityBlock, code: badCombination,
		title:  "a custom option group: no major upgrade can be asked for at create",
		wayOut: "let green be created on the old version and upgraded then (two steps), or move blue to the default option group", source: sourceLimits,
		check: checkOptionGroup,
	},
	{
		id: "name-too-long", severity: SeverityWarn,
		title:  "the name leaves no room for green's suffix: RDS cuts it",
		wayOut: "rename the instance, or check the name that green gets", source: "RDS user guide, blue-green-deployments-overview",
		check: func(f *EligibilityFacts) []finding {
			var out []finding
			for _, m := range f.members() {
				if len(m.ID)+greenSuffix > maxInstanceID && len(m.ID)+oldSuffix <= maxInstanceID {
					out = append(out, finding{evidence: fmt.Sprintf("%s has %d characters, %d are possible with -green-xxxxxx", m.ID, len(m.ID), maxInstanceID-greenSuffix)})
				}
			}
			return out
		},
	},
	{
		id: "name-too-long-for-old", severity: SeverityBlock, code: "InvalidParameterValue",
		title:  "the name leaves no room for -old1, which blue gets at the switchover",
		wayOut: "rename the instance first", source: sourceSwitching,
		check: func(f *EligibilityFacts) []finding {
			var out []finding
			for _, m := range f.members() {
				if len(m.ID)+oldSuffix > maxInstanceID {
					out = append(out, finding{evidence: fmt.Sprintf("%s has %d characters, %d are possible with -old1", m.ID, len(m.ID), maxInstanceID-oldSuffix)})
				}
			}
			return out
		},
	},
	{
		id: "cloudformation-managed", severity: SeverityBlock,
		title:  "managed by CloudFormation: the stack would keep pointing at the old machine and may replace or delete the new one",
		wayOut: "take the instance out of the stack with DeletionPolicy Retain, and import it again afterwards", source: sourceLimits,
		check: func(f *EligibilityFacts) []finding {
			return when(f.Blue.Tags["aws:cloudformation:stack-name"] != "", "stack "+f.Blue.Tags["aws:cloudformation:stack-name"])
		},
	},
	{
		id: "ca-certificate", severity: SeverityWarn,
		title:  "the certificate authority has expired",
		wayOut: "change the CA certificate before the campaign, and the trust stores with it", source: "RDS user guide, UsingWithRDS.SSL",
		check: func(f *EligibilityFacts) []finding {
			return when(slices.Contains([]string{"rds-ca-2015", "rds-ca-2019"}, f.Blue.CACertificate), f.Blue.CACertificate)
		},
	},
	{
		id: "storage-config-upgrade", severity: SeverityWarn,
		title:  "RDS offers to upgrade the storage configuration, which is possible at create only and takes hours of I/O",
		wayOut: "leave time for it in the build when it is asked for; without it green keeps the old configuration and its limits", source: sourceCreate,
		check: func(f *EligibilityFacts) []finding {
			return when(f.Blue.StorageUpgrade, fmt.Sprintf("%s has an old storage configuration, upgrade asked for: %t", f.Blue.ID, f.Target.Storage.UpgradeConfig))
		},
	},
	{
		id: "previous-generation-class", severity: SeverityBlock, code: badCombination,
		title:  "a class of a previous generation cannot be created any more",
		wayOut: "give green a current class at create", source: sourceClasses,
		check: checkPreviousGeneration,
	},
	{
		id: "magnetic-storage", severity: SeverityWarn,
		title:  "magnetic storage, which RDS no longer recommends and which cannot change its size",
		wayOut: "target.storage.type gp3", source: sourceStorage,
		check: func(f *EligibilityFacts) []finding {
			return when(f.Blue.StorageType == "standard", f.Blue.ID+" has standard storage")
		},
	},
}

func checkOptionGroup(f *EligibilityFacts) []finding {
	if !UpgradesAfterCreate(f.Blue, f.Hop) {
		return nil
	}
	evidence := "option group " + f.Blue.OptionGroup
	if f.OptionGroup != nil && len(f.OptionGroup.Options) > 0 {
		evidence += " with " + joined(f.OptionGroup.Options)
	}
	if f.TwoStepOption {
		return []finding{{evidence: evidence, severity: SeverityWarn,
			message: "a custom option group: green is created on " + f.Hop.From + ", then upgraded to " + f.Hop.To + " with option group " + orElse(f.Target.OptionGroup, DefaultOptionGroup(f.Hop.To))}}
	}
	return found(evidence)
}

func checkPreviousGeneration(f *EligibilityFacts) []finding {
	c := orElse(f.Target.CreateClass, f.Blue.Class)
	return when(previousGeneration(c), f.Blue.ID+" would be created as "+c)
}
