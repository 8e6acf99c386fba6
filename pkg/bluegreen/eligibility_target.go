package bluegreen

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqlver"
)

// hopRules look at the step and its target.
var hopRules = []rule{
	{
		id: "version-path", severity: SeverityBlock, code: badCombination,
		title:  "RDS offers no upgrade of this version to the target in one step",
		wayOut: "take the hops that the route shows, one deployment each", source: "DescribeDBEngineVersions, ValidUpgradeTarget",
		check: checkPath,
	},
	{
		id: "version-path-unknown", severity: SeverityWarn,
		title:  "whether RDS offers this upgrade is not known",
		wayOut: "allow rds:DescribeDBEngineVersions", source: "DescribeDBEngineVersions, ValidUpgradeTarget",
		check: func(f *EligibilityFacts) []finding {
			return when(!slices.ContainsFunc(f.Versions, func(v EngineVersion) bool { return v.Version == f.Blue.Version }),
				f.Blue.Version+" is not among the versions listed")
		},
	},
	{
		id: "class-not-available", severity: SeverityBlock, code: badCombination,
		title:  "the target class cannot be ordered for the target version",
		wayOut: "another class in target.instance_class, another storage type, or more subnets in the subnet group", source: "DescribeOrderableDBInstanceOptions",
		check: checkClass,
	},
	{
		id: "replica-class-at-create", severity: SeverityBlock, code: badCombination,
		title:  "a green replica starts on its blue twin's class, and the target version cannot have that class",
		wayOut: "give the blue replica a current class first: the create call has no field for it", source: sourceCreate,
		check: checkReplicaStart,
	},
	{
		id: "class-unchecked", severity: SeverityWarn,
		title:  "whether the target class can be ordered is not known",
		wayOut: "allow rds:DescribeOrderableDBInstanceOptions", source: "DescribeOrderableDBInstanceOptions",
		check: func(f *EligibilityFacts) []finding {
			return when(f.Orderable == nil && f.Target.Class != "", f.Target.Class+" for "+f.Hop.To)
		},
	},
	{
		id: "storage-out-of-range", severity: SeverityBlock, code: "InvalidParameterValue",
		title:  "the target storage is outside of what the class offers",
		wayOut: "another size, IOPS or class", source: "DescribeOrderableDBInstanceOptions",
		check: checkStorageRange,
	},
	{
		id: "option-removed", severity: SeverityBlock, code: badCombination,
		title:  "an option of the option group does not exist for the target version",
		wayOut: "take the option out before the upgrade", source: "RDS user guide, Appendix.MySQL.Options",
		check: checkOptions,
	},
}

func checkPath(f *EligibilityFacts) []finding {
	if f.Hop.To == "" {
		return nil
	}
	for _, v := range f.Versions {
		if v.Version != f.Blue.Version {
			continue
		}
		ok := slices.ContainsFunc(v.UpgradeTargets, func(t UpgradeTarget) bool { return t.Version == f.Hop.To })
		return when(!ok, fmt.Sprintf("%s is not among the %d upgrade targets of %s", f.Hop.To, len(v.UpgradeTargets), v.Version))
	}
	return nil
}

func checkClass(f *EligibilityFacts) []finding {
	if f.Orderable == nil {
		return nil
	}
	var out []finding
	check := func(i Instance, class, storage string) {
		r := classRequest{inst: i, version: f.Hop.To, storage: storage, offer: f.Orderable}
		if why := r.refusal(class); class != "" && why != "" {
			out = append(out, finding{evidence: i.ID + ": " + why})
		}
	}
	check(f.Blue, f.Target.Class, f.Target.Storage.Type)
	if c := f.Target.CreateClass; c != "" && c != f.Target.Class {
		check(f.Blue, c, f.Target.Storage.Type)
	}
	for _, r := range f.Replicas {
		check(r, f.Target.ReplicaClass[r.ID], f.Target.ReplicaStorage[r.ID].Type)
	}
	return out
}

// checkReplicaStart looks at the class that green replicas are created with.
func checkReplicaStart(f *EligibilityFacts) []finding {
	var out []finding
	for _, i := range f.Replicas {
		why := classRequest{inst: i, version: f.Hop.To, offer: f.Orderable}.refusal(i.Class)
		if f.Orderable == nil && previousGeneration(i.Class) {
			why = i.Class + " is of a previous generation"
		}
		if why != "" {
			out = append(out, finding{evidence: i.ID + ": " + why})
		}
	}
	return out
}

// checkStorageRange compares size, IOPS and throughput with what RDS lists for
// the class and storage type.
func checkStorageRange(f *EligibilityFacts) []finding {
	s := f.Target.Storage
	for _, o := range f.Orderable {
		if o.Class != f.Target.Class || o.StorageType != s.Type || o.Version != "" && o.Version != f.Hop.To {
			continue
		}
		outside := func(what string, v, low, high int) []finding {
			return when(v > 0 && (v < low || high > 0 && v > high), fmt.Sprintf("%s %d is outside of %d to %d for %s %s", what, v, low, high, o.Class, o.StorageType))
		}
		return slices.Concat(outside("GiB", s.AllocatedGiB, o.MinGiB, o.MaxGiB), outside("IOPS", s.IOPS, o.MinIOPS, o.MaxIOPS),
			outside("MiB/s", s.ThroughputMiBps, 0, o.MaxThroughputMiBs))
	}
	return nil
}

// checkOptions knows the two options of RDS for MySQL that come and go.
func checkOptions(f *EligibilityFacts) []finding {
	to, err := mysqlver.Parse(f.Hop.To)
	if err != nil || f.OptionGroup == nil {
		return nil
	}
	var out []finding
	for _, o := range f.OptionGroup.Options {
		if why := optionGone(o, to); why != "" {
			out = append(out, finding{evidence: why})
		}
	}
	return out
}

// groupRules look at green's parameter group.
var groupRules = []rule{
	{
		id: "target-group-unnamed", severity: SeverityWarn,
		title:  "no parameter group is passed: RDS then takes the family's default, whose lower_case_table_names may differ",
		wayOut: "name one in the plan, or translate", source: "terraform-provider-aws#49132",
		check: func(f *EligibilityFacts) []finding {
			return when(f.Target.ParameterGroup == "" && majorHop(f.Hop), "target parameter group is empty")
		},
	},
	{
		id: "target-group-missing", severity: SeverityBlock, code: "DBParameterGroupNotFound",
		title:  "the target parameter group does not exist",
		wayOut: "create it, or let the plan translate blue's", source: sourceCreate,
		check: func(f *EligibilityFacts) []finding {
			return when(f.Target.ParameterGroup != "" && f.TargetGroup == nil, f.Target.ParameterGroup)
		},
	},
	{
		id: "target-group-family", severity: SeverityBlock, code: badCombination,
		title:  "the target parameter group is of another family than the target version",
		wayOut: "a group of the right family: a family cannot be changed, nor does a copy change it", source: sourceCreate,
		check: func(f *EligibilityFacts) []finding {
			return when(f.TargetGroup != nil && f.Hop.Family != "" && f.TargetGroup.Family != f.Hop.Family,
				fmt.Sprintf("%s is of %s, %s needs %s", groupName(f.TargetGroup), groupFamily(f.TargetGroup), f.Hop.To, f.Hop.Family))
		},
	},
	{
		id: "lower-case-table-names", severity: SeverityBlock, code: notSupported,
		title:  "lower_case_table_names differs between blue and the target parameter group",
		wayOut: "give the target group blue's value", source: "terraform-provider-aws#49132",
		check: func(f *EligibilityFacts) []finding {
			if f.BlueParameters == nil || f.TargetParameters == nil {
				return nil
			}
			blue, _ := parameter(f.BlueParameters, "lower_case_table_names")
			green, _ := parameter(f.TargetParameters, "lower_case_table_names")
			blue, green = orElse(blue, "0"), orElse(green, "0")
			return when(blue != green, "blue "+blue+", target "+green)
		},
	},
	{
		id: "event-scheduler-on", severity: SeverityBlock, code: badCombination,
		title:  "the event scheduler would run on green: its events would write while green replicates",
		wayOut: "set event_scheduler=OFF in the target group, and ON after the switchover", source: sourceLimits,
		check: checkScheduler,
	},
	{
		id: "green-writable", severity: SeverityBlock,
		title:  "the target parameter group opens green for writing while it replicates",
		wayOut: "leave read_only at RDS's default {TrueIfReplica}", source: "RDS user guide, blue-green-deployments-overview",
		check: func(f *EligibilityFacts) []finding {
			v, _ := parameter(f.TargetParameters, "read_only")
			return when(switchWord(v) == "0", "read_only="+v)
		},
	},
	{
		id: "parameters-unread", severity: SeverityWarn,
		title:  "a parameter group could not be read: lower_case_table_names and event_scheduler were not compared",
		wayOut: "allow rds:DescribeDBParameters", source: "DescribeDBParameters",
		check: func(f *EligibilityFacts) []finding {
			var out []finding
			if f.BlueParameters == nil {
				out = append(out, finding{evidence: "blue's group " + orElse(f.Blue.ParameterGroup, "(unknown)")})
			}
			if f.TargetParameters == nil && f.Target.ParameterGroup != "" {
				out = append(out, finding{evidence: "target group " + f.Target.ParameterGroup})
			}
			return out
		},
	},
	{
		id: "binlog-format", severity: SeverityWarn,
		title:  "binlog_format is not ROW: statements that are not deterministic can make green differ from blue",
		wayOut: "set binlog_format=ROW on blue (dynamic) and let the sessions reconnect before green is built", source: "RDS user guide, blue-green-deployments-best-practices",
		check: func(f *EligibilityFacts) []finding {
			v, known := parameter(f.BlueParameters, "binlog_format")
			return when(known && v != "" && !strings.EqualFold(v, "ROW"), "binlog_format="+v)
		},
	},
	{
		id: "gtid-off", severity: SeverityNote,
		title:  "GTIDs are off; AWS recommends them, and parallel replication, before green is built",
		wayOut: "turn gtid-mode on in steps if old blue shall replicate back easily", source: "RDS user guide, blue-green-deployments-best-practices",
		check: func(f *EligibilityFacts) []finding {
			v, known := parameter(f.BlueParameters, "gtid_mode")
			return when(known && v != "" && !strings.EqualFold(v, "ON"), "gtid-mode="+v)
		},
	},
}

// checkScheduler wants the scheduler off in the target group. A group that does
// not say so gets the server's default, which is on from 8.0.
func checkScheduler(f *EligibilityFacts) []finding {
	if blue, _ := parameter(f.BlueParameters, "event_scheduler"); UpgradesAfterCreate(f.Blue, f.Hop) && switchWord(blue) == "1" {
		return found("blue's own group, which green is created with before it is upgraded: event_scheduler=" + blue)
	}
	if f.TargetParameters == nil {
		return nil
	}
	v, _ := parameter(f.TargetParameters, "event_scheduler")
	to, err := mysqlver.Parse(f.Hop.To)
	if v == "" && err == nil && to.AtLeast(8, 0, 0) {
		return []finding{{severity: SeverityWarn, evidence: "not set in the target group",
			message: "event_scheduler is not set in the target group, and the server's default is ON from 8.0"}}
	}
	return when(switchWord(v) == "1", "event_scheduler="+v)
}

func groupName(g *ParameterGroup) string {
	if g == nil {
		return ""
	}
	return g.Name
}

func groupFamily(g *ParameterGroup) string {
	if g == nil {
		return ""
	}
	return g.Family
}
