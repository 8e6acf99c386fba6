package awsrds

import (
	"context"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// Instances are the DB instances of the account and Region whose engine is
// mysql or aurora-mysql, in AWS's order: one call per hundred instances of any engine.
func (c *Client) Instances(ctx context.Context) ([]bluegreen.Instance, error) {
	var all []bluegreen.Instance
	err := pages(func(marker *string) (*string, error) {
		out, err := get(ctx, c.read.DescribeDBInstances, &rds.DescribeDBInstancesInput{
			MaxRecords: aws.Int32(pageSize), Marker: marker})
		if err != nil {
			return nil, err
		}
		for _, i := range out.DBInstances {
			if e := aws.ToString(i.Engine); e == "mysql" || e == "aurora-mysql" {
				all = append(all, instance(i))
			}
		}
		return out.Marker, nil
	})
	return all, err
}

func instance(d types.DBInstance) bluegreen.Instance {
	i := bluegreen.Instance{
		ID: aws.ToString(d.DBInstanceIdentifier), ARN: aws.ToString(d.DBInstanceArn),
		ResourceID: aws.ToString(d.DbiResourceId), Engine: aws.ToString(d.Engine),
		Version: aws.ToString(d.EngineVersion), Class: aws.ToString(d.DBInstanceClass),
		Status: aws.ToString(d.DBInstanceStatus),

		StorageType: aws.ToString(d.StorageType), AllocatedGiB: number(d.AllocatedStorage),
		MaxAllocatedGiB: number(d.MaxAllocatedStorage), IOPS: number(d.Iops),
		ThroughputMiBps: number(d.StorageThroughput), DedicatedLog: aws.ToBool(d.DedicatedLogVolume),
		Encrypted: aws.ToBool(d.StorageEncrypted), KMSKey: aws.ToString(d.KmsKeyId),

		MultiAZ: aws.ToBool(d.MultiAZ), AZ: aws.ToString(d.AvailabilityZone),
		ReplicaSource: aws.ToString(d.ReadReplicaSourceDBInstanceIdentifier),
		Replicas:      d.ReadReplicaDBInstanceIdentifiers, ReplicaClusters: d.ReadReplicaDBClusterIdentifiers,
		ClusterID: aws.ToString(d.DBClusterIdentifier), BackupDays: number(d.BackupRetentionPeriod),
		MasterUser: aws.ToString(d.MasterUsername), Protected: aws.ToBool(d.DeletionProtection),
		Pending: pending(d.PendingModifiedValues), Roles: convert(d.AssociatedRoles, role),
		CACertificate: aws.ToString(d.CACertificateIdentifier), Lifecycle: aws.ToString(d.EngineLifecycleSupport),
		StorageUpgrade: aws.ToBool(d.IsStorageConfigUpgradeAvailable), Progress: progress(d),
		StorageOperation:  aws.ToString(d.StorageOperationStatus),
		MaintenanceWindow: aws.ToString(d.PreferredMaintenanceWindow),
		IAMAuth:           aws.ToBool(d.IAMDatabaseAuthenticationEnabled),
		Tags:              tagMap(d.TagList), Created: aws.ToTime(d.InstanceCreateTime),
	}
	if i.ReplicaSource == "" {
		i.ReplicaSource = aws.ToString(d.ReadReplicaSourceDBClusterIdentifier)
	}
	if d.Endpoint != nil {
		i.Address, i.Port = aws.ToString(d.Endpoint.Address), number(d.Endpoint.Port)
	}
	if s := d.MasterUserSecret; s != nil {
		i.ManagedSecret = aws.ToString(s.SecretArn)
		if i.ManagedSecret == "" {
			i.ManagedSecret = "managed"
		}
	}
	if len(d.DBParameterGroups) > 0 {
		i.ParameterGroup = aws.ToString(d.DBParameterGroups[0].DBParameterGroupName)
		i.ParameterStatus = aws.ToString(d.DBParameterGroups[0].ParameterApplyStatus)
	}
	if len(d.OptionGroupMemberships) > 0 {
		i.OptionGroup = aws.ToString(d.OptionGroupMemberships[0].OptionGroupName)
		i.OptionStatus = aws.ToString(d.OptionGroupMemberships[0].Status)
	}
	if d.DBSubnetGroup != nil {
		i.SubnetGroup = aws.ToString(d.DBSubnetGroup.DBSubnetGroupName)
		i.SubnetAZs = subnetAZs(d.DBSubnetGroup.Subnets)
	}
	return i
}

func subnetAZs(subnets []types.Subnet) []string {
	var zones []string
	for _, s := range subnets {
		if s.SubnetAvailabilityZone != nil {
			zones = append(zones, aws.ToString(s.SubnetAvailabilityZone.Name))
		}
	}
	slices.Sort(zones)
	return slices.Compact(zones)
}

// progress is the percentage of storage initialization, or of another storage
// operation, without the sign.
func progress(d types.DBInstance) string {
	if p := aws.ToString(d.PercentProgress); p != "" {
		return p
	}
	if d.StorageOperationPercentProgress != nil {
		return strconv.Itoa(number(d.StorageOperationPercentProgress))
	}
	return ""
}

// pending lists what PendingModifiedValues holds, as Field=value. Nothing of a
// password is shown.
func pending(p *types.PendingModifiedValues) []string {
	if p == nil {
		return nil
	}
	var all []string
	text := func(name string, v *string) {
		if v != nil {
			all = append(all, name+"="+*v)
		}
	}
	num := func(name string, v *int32) {
		if v != nil {
			all = append(all, name+"="+strconv.Itoa(int(*v)))
		}
	}
	flag := func(name string, v *bool) {
		if v != nil {
			all = append(all, name+"="+strconv.FormatBool(*v))
		}
	}
	num("AllocatedStorage", p.AllocatedStorage)
	num("BackupRetentionPeriod", p.BackupRetentionPeriod)
	text("CACertificateIdentifier", p.CACertificateIdentifier)
	text("DBInstanceClass", p.DBInstanceClass)
	text("DBInstanceIdentifier", p.DBInstanceIdentifier)
	text("DBSubnetGroupName", p.DBSubnetGroupName)
	flag("DedicatedLogVolume", p.DedicatedLogVolume)
	text("Engine", p.Engine)
	text("EngineVersion", p.EngineVersion)
	flag("IAMDatabaseAuthenticationEnabled", p.IAMDatabaseAuthenticationEnabled)
	num("Iops", p.Iops)
	text("LicenseModel", p.LicenseModel)
	if p.MasterUserPassword != nil {
		all = append(all, "MasterUserPassword=(hidden)")
	}
	flag("MultiAZ", p.MultiAZ)
	flag("MultiTenant", p.MultiTenant)
	num("Port", p.Port)
	num("StorageThroughput", p.StorageThroughput)
	text("StorageType", p.StorageType)
	if l := p.PendingCloudwatchLogsExports; l != nil && len(l.LogTypesToEnable)+len(l.LogTypesToDisable) > 0 {
		all = append(all, "CloudwatchLogsExports=changing")
	}
	if len(p.ProcessorFeatures) > 0 {
		all = append(all, "ProcessorFeatures=changing")
	}
	if len(p.AdditionalStorageVolumes) > 0 {
		all = append(all, "AdditionalStorageVolumes=changing")
	}
	return all
}

// role is an associated role as Instance.Roles and Action.Role write it: its ARN, and
// its feature, if it has one, after a space and in parentheses.
func role(r types.DBInstanceRole) string {
	s := aws.ToString(r.RoleArn)
	if f := aws.ToString(r.FeatureName); f != "" {
		s += " (" + f + ")"
	}
	return s
}
