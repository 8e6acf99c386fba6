package simcloud

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim"
	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/query"
	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// element is a node of an answer, read by name.
type element struct{ query.Node }

func of(nodes []query.Node) element { return element{query.Node{Kids: nodes}} }

func (e element) kid(name string) element {
	for _, k := range e.Kids {
		if k.Name == name {
			return element{k}
		}
	}
	return element{}
}

func (e element) kids(name string) []query.Node { return e.kid(name).Kids }

func (e element) text(name string) string { return e.kid(name).Text }

func (e element) number(name string) int {
	n, err := strconv.Atoi(e.text(name))
	if err != nil {
		return 0 // left out
	}
	return n
}

func (e element) yes(name string) bool { return e.text(name) == "true" }

func (e element) time(name string) time.Time {
	t, err := time.Parse(time.RFC3339, e.text(name))
	if err != nil {
		return time.Time{} // left out
	}
	return t
}

func (e element) texts(name string) []string {
	var all []string
	for _, k := range e.kids(name) {
		all = append(all, k.Text)
	}
	return all
}

func (e element) tags(name string) map[string]string {
	m := map[string]string{}
	for _, k := range e.kids(name) {
		m[element{k}.text("Key")] = element{k}.text("Value")
	}
	return m
}

func convert[T any](nodes []query.Node, f func(element) T) []T {
	all := make([]T, 0, len(nodes))
	for _, n := range nodes {
		all = append(all, f(element{n}))
	}
	return all
}

func instanceOf(e element) bluegreen.Instance {
	i := bluegreen.Instance{
		ID: e.text("DBInstanceIdentifier"), ARN: e.text("DBInstanceArn"), ResourceID: e.text("DbiResourceId"),
		Engine: e.text("Engine"), Version: e.text("EngineVersion"), Class: e.text("DBInstanceClass"), Status: e.text("DBInstanceStatus"),
		Address: e.kid("Endpoint").text("Address"), Port: e.kid("Endpoint").number("Port"),
		StorageType: e.text("StorageType"), AllocatedGiB: e.number("AllocatedStorage"), MaxAllocatedGiB: e.number("MaxAllocatedStorage"),
		IOPS: e.number("Iops"), ThroughputMiBps: e.number("StorageThroughput"), DedicatedLog: e.yes("DedicatedLogVolume"),
		Encrypted: e.yes("StorageEncrypted"), KMSKey: e.text("KmsKeyId"), MultiAZ: e.yes("MultiAZ"), AZ: e.text("AvailabilityZone"),
		SubnetGroup: e.kid("DBSubnetGroup").text("DBSubnetGroupName"), ReplicaSource: e.text("ReadReplicaSourceDBInstanceIdentifier"),
		Replicas: e.texts("ReadReplicaDBInstanceIdentifiers"), ClusterID: e.text("DBClusterIdentifier"), BackupDays: e.number("BackupRetentionPeriod"),
		ManagedSecret: e.kid("MasterUserSecret").text("SecretArn"), MasterUser: e.text("MasterUsername"), Protected: e.yes("DeletionProtection"),
		CACertificate: e.text("CACertificateIdentifier"), Lifecycle: e.text("EngineLifecycleSupport"),
		StorageUpgrade: e.yes("IsStorageConfigUpgradeAvailable"), Progress: e.text("PercentProgress"), StorageOperation: e.text("StorageOperationStatus"),
		MaintenanceWindow: e.text("PreferredMaintenanceWindow"), IAMAuth: e.yes("IAMDatabaseAuthenticationEnabled"),
		Tags: e.tags("TagList"), Created: e.time("InstanceCreateTime"),
	}
	for _, g := range e.kids("DBParameterGroups") {
		i.ParameterGroup, i.ParameterStatus = element{g}.text("DBParameterGroupName"), element{g}.text("ParameterApplyStatus")
	}
	for _, g := range e.kids("OptionGroupMemberships") {
		i.OptionGroup, i.OptionStatus = element{g}.text("OptionGroupName"), element{g}.text("Status")
	}
	for _, p := range e.kids("PendingModifiedValues") {
		i.Pending = append(i.Pending, p.Name+"="+p.Text)
	}
	for _, r := range e.kids("AssociatedRoles") {
		role := element{r}.text("RoleArn")
		if f := (element{r}).text("FeatureName"); f != "" {
			role += " (" + f + ")"
		}
		i.Roles = append(i.Roles, role)
	}
	for _, s := range e.kid("DBSubnetGroup").kids("Subnets") {
		i.SubnetAZs = append(i.SubnetAZs, element{s}.kid("SubnetAvailabilityZone").text("Name"))
	}
	slices.Sort(i.SubnetAZs)
	return i
}

func deploymentOf(e element) bluegreen.Deployment {
	return bluegreen.Deployment{ID: e.text("BlueGreenDeploymentIdentifier"), Name: e.text("BlueGreenDeploymentName"), Source: e.text("Source"),
		Target: e.text("Target"), Status: e.text("Status"), Details: e.text("StatusDetails"), Created: e.time("CreateTime"),
		Deleted: e.time("DeleteTime"), Tags: e.tags("TagList"),
		Members: convert(e.kids("SwitchoverDetails"), func(m element) bluegreen.Member {
			return bluegreen.Member{Source: m.text("SourceMember"), Target: m.text("TargetMember"), Status: m.text("Status")}
		}),
		Tasks: convert(e.kids("Tasks"), func(t element) bluegreen.Task {
			return bluegreen.Task{Name: t.text("Name"), Status: t.text("Status")}
		})}
}

func versionOf(e element) bluegreen.EngineVersion {
	return bluegreen.EngineVersion{Version: e.text("EngineVersion"), Family: e.text("DBParameterGroupFamily"), Status: e.text("Status"),
		UpgradeTargets: convert(e.kids("ValidUpgradeTarget"), func(t element) bluegreen.UpgradeTarget {
			return bluegreen.UpgradeTarget{Version: t.text("EngineVersion"), Major: t.yes("IsMajorVersionUpgrade")}
		})}
}

func lifecycleOf(e element) bluegreen.Lifecycle {
	l := bluegreen.Lifecycle{Line: e.text("MajorEngineVersion"), Source: "the model of RDS"}
	for _, n := range e.kids("SupportedEngineLifecycles") {
		c := element{n}
		from, to := c.time("LifecycleSupportStartDate"), c.time("LifecycleSupportEndDate")
		switch c.text("LifecycleSupportName") {
		case "open-source-rds-standard-support":
			l.StandardStart, l.StandardEnd = from, to
		case "open-source-rds-extended-support":
			l.ExtendedStart, l.ExtendedEnd = from, to
		}
	}
	return l
}

func orderableOf(e element) bluegreen.Orderable {
	return bluegreen.Orderable{Version: e.text("EngineVersion"), Class: e.text("DBInstanceClass"), StorageType: e.text("StorageType"),
		AZs:     convert(e.kids("AvailabilityZones"), func(z element) string { return z.text("Name") }),
		MultiAZ: e.yes("MultiAZCapable"), Replicas: e.yes("ReadReplicaCapable"), MinGiB: e.number("MinStorageSize"), MaxGiB: e.number("MaxStorageSize"),
		MinIOPS: e.number("MinIopsPerDbInstance"), MaxIOPS: e.number("MaxIopsPerDbInstance"), MaxThroughputMiBs: e.number("MaxStorageThroughputPerDbInstance")}
}

func parameterOf(e element) bluegreen.Parameter {
	return bluegreen.Parameter{Name: e.text("ParameterName"), Value: e.text("ParameterValue"), HasValue: e.kid("ParameterValue").Name != "",
		Source: e.text("Source"), ApplyType: e.text("ApplyType"), ApplyMethod: e.text("ApplyMethod"), DataType: e.text("DataType"),
		AllowedValues: e.text("AllowedValues"), Modifiable: e.yes("IsModifiable")}
}

func eventOf(e rdssim.Event) bluegreen.Event {
	return bluegreen.Event{SourceID: e.Source, SourceType: e.SourceType, ARN: e.ARN, Message: e.Message,
		Categories: strings.Fields(e.Category), At: e.Time}
}
