package bluegreen

import (
	"fmt"
	"strings"
)

// deploymentRules look at the deployments there are. They come before the
// state of the instance, which a deployment changes.
var deploymentRules = []rule{
	{
		id: "deployment-name-taken", severity: SeverityBlock, code: "BlueGreenDeploymentAlreadyExistsFault",
		title:  "our deployment's name is taken by a deployment of another database",
		wayOut: "find out whose it is; another campaign name gives other deployment names", source: "CreateBlueGreenDeployment",
		check: func(f *EligibilityFacts) []finding {
			for _, d := range f.Deployments {
				if strings.EqualFold(d.Name, f.OwnDeployment) && IDFromARN(d.Source) != f.Blue.ID {
					return found(fmt.Sprintf("%s (%s) is of %s", d.Name, d.ID, IDFromARN(d.Source)))
				}
			}
			return nil
		},
	},
	{
		id: "deployment-of-a-stranger", severity: SeverityBlock, code: notSupported,
		title:  "blue is in a deployment that is not ours",
		wayOut: "finish or delete that deployment; this tool never touches it", source: "CreateBlueGreenDeployment",
		check: checkStranger,
	},
}

// topologyRules look at what hangs together with blue.
var topologyRules = []rule{
	{
		id: "blue-is-a-replica", severity: SeverityBlock, code: notSupported,
		title:  "blue is itself a read replica",
		wayOut: "deploy its primary; the replica comes with it", source: sourceLimits,
		check: func(f *EligibilityFacts) []finding {
			return when(f.Blue.ReplicaSource != "" && !crossRegion(f.Blue.ARN, f.Blue.ReplicaSource), f.Blue.ID+" replicates from "+f.Blue.ReplicaSource)
		},
	},
	{
		id: "cascading-replica", severity: SeverityBlock, code: notSupported,
		title:  "a replica has replicas of its own",
		wayOut: "hang the lower replicas onto the primary, or delete them and make them anew afterwards", source: sourceLimits,
		check: func(f *EligibilityFacts) []finding {
			var out []finding
			for _, r := range f.Replicas {
				if len(r.Replicas) > 0 {
					out = append(out, finding{evidence: r.ID + " feeds " + joined(r.Replicas)})
				}
			}
			return out
		},
	},
	{
		id: "cross-region-replica", severity: SeverityBlock, code: notSupported,
		title:  "a replica in another Region",
		wayOut: "delete it and make it anew after the switchover (without it in the meantime), or upgrade in place", source: sourceLimits,
		check: checkCrossRegion,
	},
	{
		id: "replica-cluster", severity: SeverityBlock, code: notSupported,
		title:  "a Multi-AZ DB cluster replicates from blue",
		wayOut: "delete the cluster replica and make it anew afterwards", source: sourceLimits,
		check: func(f *EligibilityFacts) []finding {
			return when(len(f.Blue.ReplicaClusters) > 0, joined(f.Blue.ReplicaClusters))
		},
	},
	{
		id: "replica-unknown", severity: SeverityBlock,
		title:  "blue names a replica that was not found",
		wayOut: "wait until it is gone or there, and make sure that the credentials may see it", source: "DescribeDBInstances",
		check: checkReplicasKnown,
	},
	{
		id: "external-replication", severity: SeverityBlock, code: notSupported,
		title:  "blue replicates from a server outside RDS",
		wayOut: "stop and reset the replication first", source: sourceLimits,
		check: func(f *EligibilityFacts) []finding {
			return when(f.ExternalReplica != nil && *f.ExternalReplica, f.Blue.ID+" has a replication source of its own")
		},
	},
	{
		id: "external-replication-unknown", severity: SeverityWarn,
		title:  "whether blue replicates from outside RDS is not known",
		wayOut: "let the precheck read SHOW SLAVE STATUS, or look by hand", source: sourceLimits,
		check: func(f *EligibilityFacts) []finding {
			return when(f.ExternalReplica == nil, "the server was not asked")
		},
	},
	{
		// Newer pages support proxies, older ones do not: AWS's answer decides.
		id: "rds-proxy", severity: SeverityWarn, code: notSupported,
		title:  "an RDS Proxy: blue must be its target before the deployment is created, and it adds guardrails at switchover",
		wayOut: "see that blue is registered as the proxy's target; older pages say that proxies are not supported: try one database first", source: "RDS user guide, rds-proxy-blue-green",
		check: func(f *EligibilityFacts) []finding {
			return when(len(f.Proxies) > 0, joined(f.Proxies))
		},
	},
	{
		id: "rds-proxy-unknown", severity: SeverityWarn,
		title:  "whether an RDS Proxy serves this database is not known",
		wayOut: "allow rds:DescribeDBProxies and rds:DescribeDBProxyTargets", source: "RDS user guide, rds-proxy-blue-green",
		check: func(f *EligibilityFacts) []finding {
			return when(!f.ProxyKnown && len(f.Proxies) == 0, "proxies could not be listed")
		},
	},
	{
		id: "rds-proxy-unreachable", severity: SeverityWarn,
		title:  "a proxy does not reach blue: the switchover's guardrails would cancel it",
		wayOut: "mend the proxy's target (credentials, security groups) before the switchover", source: "RDS user guide, rds-proxy-blue-green",
		check: func(f *EligibilityFacts) []finding {
			return when(len(f.ProxyDown) > 0, joined(f.ProxyDown))
		},
	},
	{
		id: "zero-etl-unknown", severity: SeverityWarn,
		title:  "whether a zero-ETL integration reads this database is not known",
		wayOut: "allow rds:DescribeIntegrations", source: sourceLimits,
		check: func(f *EligibilityFacts) []finding {
			return when(f.IntegrationsUnread, "integrations could not be listed")
		},
	},
	{
		id: "zero-etl", severity: SeverityWarn, code: "InvalidBlueGreenDeploymentStateFault",
		title:  "a zero-ETL integration must be deleted before the switchover, which is refused otherwise",
		wayOut: "delete the integration when green is ready, and make it anew afterwards", source: sourceLimits,
		check: func(f *EligibilityFacts) []finding {
			return when(len(f.Integrations) > 0, joined(f.Integrations))
		},
	},
	{
		id: "dlv-mixed", severity: SeverityBlock, code: notSupported,
		title:  "a dedicated log volume must be on for all members or for none",
		wayOut: "turn it on or off everywhere", source: sourceStorage,
		check: checkDedicatedLogs,
	},
	{
		id: "dlv-needs-provisioned-iops", severity: SeverityBlock, code: badCombination,
		title:  "a dedicated log volume exists with io1 and io2 only",
		wayOut: "turn the dedicated log volume off first, or keep io1 or io2", source: sourceStorage,
		check: func(f *EligibilityFacts) []finding {
			to := f.Target.Storage.Type
			return when(f.Blue.DedicatedLog && to != "" && to != "io1" && to != "io2", f.Blue.ID+" has a dedicated log volume, target is "+to)
		},
	},
	{
		id: "cdc-readers", severity: SeverityWarn,
		title:  "somebody reads the binary log: change data capture goes on reading old blue after the switchover, and DMS tasks cannot resume",
		wayOut: "drain the reader before the switchover and start it anew from the coordinates of the switchover event", source: sourceLimits,
		check: func(f *EligibilityFacts) []finding {
			return when(len(f.DumpClients) > 0, joined(f.DumpClients))
		},
	},
}

// crossRegion tells whether two ARNs are of different Regions; ids are of the same.
func crossRegion(a, b string) bool {
	ra, rb := regionOf(a), regionOf(b)
	return rb != "" && ra != "" && ra != rb || rb != "" && ra == ""
}

// regionOf is the Region of an ARN, "" of an id.
func regionOf(arn string) string {
	parts := strings.Split(arn, ":")
	if len(parts) < 6 || parts[0] != "arn" {
		return ""
	}
	return parts[3]
}

func checkCrossRegion(f *EligibilityFacts) []finding {
	var out []finding
	if crossRegion(f.Blue.ARN, f.Blue.ReplicaSource) {
		out = append(out, finding{evidence: f.Blue.ID + " replicates from " + f.Blue.ReplicaSource})
	}
	for _, r := range f.Blue.Replicas {
		if crossRegion(f.Blue.ARN, r) {
			out = append(out, finding{evidence: r})
		}
	}
	return out
}

func checkReplicasKnown(f *EligibilityFacts) []finding {
	have := map[string]bool{}
	for _, r := range f.Replicas {
		have[r.ID] = true
	}
	var out []finding
	for _, r := range f.Blue.Replicas {
		if !crossRegion(f.Blue.ARN, r) && !have[IDFromARN(r)] {
			out = append(out, finding{evidence: r})
		}
	}
	return out
}

func checkDedicatedLogs(f *EligibilityFacts) []finding {
	var with, without []string
	for _, m := range f.members() {
		if m.DedicatedLog {
			with = append(with, m.ID)
		} else {
			without = append(without, m.ID)
		}
	}
	return when(len(with) > 0 && len(without) > 0, "on: "+joined(with)+"; off: "+joined(without))
}

// checkStranger finds a live deployment of blue under another name. A completed
// one is only a wrapper; old blue's own belongs to its history.
func checkStranger(f *EligibilityFacts) []finding {
	for _, d := range f.Deployments {
		live := d.Status != SwitchoverCompleted
		if live && IDFromARN(d.Source) == f.Blue.ID && !strings.EqualFold(d.Name, f.OwnDeployment) {
			return found(fmt.Sprintf("%s (%s) is %s", d.Name, d.ID, d.Status))
		}
	}
	return nil
}
