package rdssim

import (
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/query"
)

func (r *region) describeInstances(p *query.Params) ([]query.Node, error) {
	if err := onlyFilters(p, "db-instance-id", "db-cluster-id", "dbi-resource-id", "domain", "engine"); err != nil {
		return nil, err
	}
	if id := p.Str("DBInstanceIdentifier"); id != "" {
		if _, kind, name, ok := splitARN(id); ok && kind == "db" {
			id = name
		}
		i, err := r.instance(id)
		if err != nil {
			return nil, err
		}
		return []query.Node{query.E("DBInstances", r.instanceNode("DBInstance", i))}, nil
	}
	ids, clusters := filterValues(p, "db-instance-id"), filterValues(p, "db-cluster-id")
	resources, engines := filterValues(p, "dbi-resource-id"), filterValues(p, "engine")
	return paged(p, "DBInstances", r.instances.from, limit100, func(_ string, i *Instance) query.Node {
		if (ids != nil && !ids[i.ID] && !ids[r.arn("db", i.ID)]) || (clusters != nil && !clusters[i.Cluster]) ||
			(resources != nil && !resources[i.ResourceID]) || (engines != nil && !engines["mysql"]) {
			return query.Node{}
		}
		return r.instanceNode("DBInstance", i)
	})
}

// instanceNode is an instance as the describe and modify calls show it.
func (r *region) instanceNode(name string, i *Instance) query.Node {
	now := r.sim.now
	status := i.shown(now)
	if f := r.sim.strikes(FaultFlapping, i, "DescribeDBInstances"); f != nil && status == statusAvailable {
		status = or(f.Status, statusModifying)
	}
	kids := []query.Node{
		query.S("DBInstanceIdentifier", i.ID), query.S("DBInstanceClass", i.Class), query.S("Engine", "mysql"),
		query.S("DBInstanceStatus", status), query.S("MasterUsername", i.MasterUser), query.S("DBName", i.Schema),
		r.endpointNode(i), query.I("AllocatedStorage", i.Storage.GiB), query.Time("InstanceCreateTime", i.CreateTime),
		query.S("PreferredBackupWindow", "03:14-03:44"), query.I("BackupRetentionPeriod", i.BackupRetention),
		query.E("DBSecurityGroups"),
		query.E("VpcSecurityGroups", query.E("VpcSecurityGroupMembership", query.S("VpcSecurityGroupId", "sg-0"+hex8(r.at.Account+r.at.Region)), query.S("Status", "active"))),
		query.E("DBParameterGroups", query.E("DBParameterGroup", query.S("DBParameterGroupName", i.ParameterGroup), query.S("ParameterApplyStatus", i.ApplyStatus))),
		query.S("AvailabilityZone", r.at.Region+"a"), r.subnetGroupNode("DBSubnetGroup"),
		query.S("PreferredMaintenanceWindow", "sun:04:30-sun:05:00"), r.pendingNode(i),
		query.B("MultiAZ", i.MultiAZ), query.S("EngineVersion", i.EngineVersion), query.B("AutoMinorVersionUpgrade", i.AutoMinorUpgrade),
	}
	kids = append(kids, r.replicaNodes(i)...)
	kids = append(kids,
		query.S("LicenseModel", "general-public-license"), query.OptI("Iops", i.Storage.IOPS), query.OptI("StorageThroughput", i.Storage.Throughput),
		query.E("OptionGroupMemberships", query.E("OptionGroupMembership", query.S("OptionGroupName", i.OptionGroup), query.S("Status", "in-sync"))),
		query.B("PubliclyAccessible", false), query.S("StorageType", i.Storage.Type), query.I("DbInstancePort", 0),
		query.Opt("DBClusterIdentifier", i.Cluster), query.B("StorageEncrypted", i.Encrypted), query.S("DbiResourceId", i.ResourceID),
		query.S("CACertificateIdentifier", i.CACertificate), query.E("DomainMemberships"), query.B("CopyTagsToSnapshot", true),
		query.I("MonitoringInterval", 60), query.S("DBInstanceArn", r.arn("db", i.ID)),
		query.B("IAMDatabaseAuthenticationEnabled", i.IAMAuthentication), query.B("PerformanceInsightsEnabled", i.PerformanceInsights),
		query.B("DeletionProtection", i.DeletionProtection), rolesNode(i), query.OptI("MaxAllocatedStorage", i.MaxAllocatedStorage),
		tagList(i.Tags), query.B("CustomerOwnedIpEnabled", false), query.S("NetworkType", "IPV4"), query.S("BackupTarget", "region"),
		query.E("CertificateDetails", query.S("CAIdentifier", i.CACertificate)), query.Opt("PercentProgress", i.progress(now)),
		query.B("DedicatedLogVolume", i.DedicatedLogVolume), query.B("IsStorageConfigUpgradeAvailable", i.ConfigUpgradeNeeded),
		query.S("EngineLifecycleSupport", i.LifecycleSupport), storageOperation(i, i.progress(now)))
	if pct := i.progress(now); pct != "" {
		kids = append(kids, query.S("StorageOperationPercentProgress", pct))
	}
	if i.Encrypted {
		kids = append(kids, query.S("KmsKeyId", "arn:aws:kms:"+r.at.Region+":"+r.at.Account+":key/1a2b3c4d-0000-4000-8000-"+r.at.Account))
	}
	if i.ManagedPassword {
		kids = append(kids, query.E("MasterUserSecret", query.S("SecretArn", "arn:aws:secretsmanager:"+r.at.Region+":"+r.at.Account+":secret:rds!"+strings.ToLower(i.ResourceID)),
			query.S("SecretStatus", "active"), query.S("KmsKeyId", "alias/aws/secretsmanager")))
	}
	return query.Node{Name: name, Kids: kids}
}

// storageOperation names the storage work that goes on beside normal use.
func storageOperation(i *Instance, progress string) query.Node {
	if progress == "" {
		return query.Node{}
	}
	return query.S("StorageOperationStatus", i.side.status)
}

func hex8(s string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(s)) // a hash never fails
	return strconv.FormatUint(uint64(h.Sum32())|1<<31, 16)
}

func (r *region) endpointNode(i *Instance) query.Node {
	if i.Status() == statusCreating {
		return query.Node{}
	}
	host, port := r.endpoint(i)
	return query.E("Endpoint", query.S("Address", host), query.I("Port", port), query.S("HostedZoneId", "Z29XKXDKYMONMX"))
}

// endpoint belongs to the name, not to the instance: after a switchover the
// same address leads to the former green.
func (r *region) endpoint(i *Instance) (string, int) {
	if r.sim.opts.Endpoints != nil {
		if host, port, ok := r.sim.opts.Endpoints.Endpoint(r.at, i.ID); ok {
			return host, port
		}
	}
	return i.ID + ".c" + hex8(r.at.Account+r.at.Region) + "." + r.at.Region + ".rds.amazonaws.com", 3306
}

func (r *region) replicaNodes(i *Instance) []query.Node {
	var out []query.Node
	switch {
	case i.source != nil:
		out = append(out, query.S("ReadReplicaSourceDBInstanceIdentifier", i.source.ID))
	case i.remote != "":
		out = append(out, query.S("ReadReplicaSourceDBInstanceIdentifier", i.remote))
	}
	var names []string
	for _, x := range i.replicas {
		names = append(names, x.ID)
	}
	out = append(out, query.Strings("ReadReplicaDBInstanceIdentifiers", "ReadReplicaDBInstanceIdentifier", append(names, i.foreign...)),
		query.E("ReadReplicaDBClusterIdentifiers"))
	if i.source == nil && i.remote == "" {
		return append(out, query.E("StatusInfos"))
	}
	state, normal, message := "replicating", true, ""
	if i.lag.broken != "" {
		state, normal, message = "error", false, i.lag.broken
	}
	return append(out, query.E("StatusInfos", query.E("DBInstanceStatusInfo", query.S("StatusType", "read replication"),
		query.B("Normal", normal), query.S("Status", state), query.Opt("Message", message))))
}

func (r *region) pendingNode(i *Instance) query.Node {
	n := query.E("PendingModifiedValues")
	for _, k := range sortedKeys(i.Pending) {
		n.Kids = append(n.Kids, query.S(k, i.Pending[k]))
	}
	return n
}

func rolesNode(i *Instance) query.Node {
	n := query.E("AssociatedRoles")
	for _, role := range i.Roles {
		n.Kids = append(n.Kids, query.E("DBInstanceRole", query.S("RoleArn", role.ARN), query.Opt("FeatureName", role.Feature), query.S("Status", "ACTIVE")))
	}
	return n
}

var zones = []string{"a", "b", "c"}

func (r *region) subnetGroupNode(name string) query.Node {
	var subnets []query.Node
	for _, z := range zones {
		subnets = append(subnets, query.E("Subnet", query.S("SubnetIdentifier", "subnet-0"+hex8(r.at.Region+z)),
			query.E("SubnetAvailabilityZone", query.S("Name", r.at.Region+z)), query.S("SubnetStatus", "Active")))
	}
	return query.E(name, query.S("DBSubnetGroupName", "private"), query.S("DBSubnetGroupDescription", "private subnets"),
		query.S("VpcId", "vpc-0"+hex8(r.at.Account+r.at.Region)), query.S("SubnetGroupStatus", "Complete"),
		query.List("Subnets", subnets), query.S("DBSubnetGroupArn", r.arn("subgrp", "private")))
}

func (r *region) describeSubnetGroups(p *query.Params) ([]query.Node, error) {
	if name := p.Str("DBSubnetGroupName"); name != "" && name != "private" {
		return nil, query.NotFound("DBSubnetGroupNotFoundFault", "DB subnet group %q does not exist.", name)
	}
	return []query.Node{query.E("DBSubnetGroups", r.subnetGroupNode("DBSubnetGroup"))}, nil
}
