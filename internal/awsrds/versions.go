package awsrds

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

const engineMySQL = "mysql"

// EngineVersions are the versions of RDS for MySQL, with those that can no
// longer be created but still run.
func (c *Client) EngineVersions(ctx context.Context) ([]bluegreen.EngineVersion, error) {
	var all []bluegreen.EngineVersion
	err := pages(func(marker *string) (*string, error) {
		out, err := get(ctx, c.read.DescribeDBEngineVersions, &rds.DescribeDBEngineVersionsInput{
			Engine: aws.String(engineMySQL), IncludeAll: aws.Bool(true),
			MaxRecords: aws.Int32(pageSize), Marker: marker})
		if err != nil {
			return nil, err
		}
		all = append(all, convert(out.DBEngineVersions, engineVersion)...)
		return out.Marker, nil
	})
	return all, err
}

// engineVersion leaves out upgrades to another engine (Aurora).
func engineVersion(v types.DBEngineVersion) bluegreen.EngineVersion {
	e := bluegreen.EngineVersion{Version: aws.ToString(v.EngineVersion),
		Family: aws.ToString(v.DBParameterGroupFamily), Status: aws.ToString(v.Status)}
	for _, t := range v.ValidUpgradeTarget {
		if to := aws.ToString(t.Engine); to == "" || to == engineMySQL {
			e.UpgradeTargets = append(e.UpgradeTargets, bluegreen.UpgradeTarget{
				Version: aws.ToString(t.EngineVersion), Major: aws.ToBool(t.IsMajorVersionUpgrade)})
		}
	}
	return e
}

// MajorVersions is the support calendar of RDS for MySQL as AWS gives it. It
// does not hold the day from which Extended Support costs more.
func (c *Client) MajorVersions(ctx context.Context) ([]bluegreen.Lifecycle, error) {
	var all []bluegreen.Lifecycle
	err := pages(func(marker *string) (*string, error) {
		out, err := get(ctx, c.read.DescribeDBMajorEngineVersions, &rds.DescribeDBMajorEngineVersionsInput{
			Engine: aws.String(engineMySQL), MaxRecords: aws.Int32(pageSize), Marker: marker})
		if err != nil {
			return nil, err
		}
		all = append(all, convert(out.DBMajorEngineVersions, lifecycle)...)
		return out.Marker, nil
	})
	return all, err
}

func lifecycle(v types.DBMajorEngineVersion) bluegreen.Lifecycle {
	l := bluegreen.Lifecycle{Line: aws.ToString(v.MajorEngineVersion), Source: "DescribeDBMajorEngineVersions"}
	for _, s := range v.SupportedEngineLifecycles {
		from, to := aws.ToTime(s.LifecycleSupportStartDate), aws.ToTime(s.LifecycleSupportEndDate)
		switch s.LifecycleSupportName {
		case types.LifecycleSupportNameOpenSourceRdsStandardSupport:
			l.StandardStart, l.StandardEnd = from, to
		case types.LifecycleSupportNameOpenSourceRdsExtendedSupport:
			l.ExtendedStart, l.ExtendedEnd = from, to
		}
	}
	return l
}

// Orderable are the classes and storage types that RDS sells for a version.
func (c *Client) Orderable(ctx context.Context, version string) ([]bluegreen.Orderable, error) {
	return c.OrderableClass(ctx, version, "")
}

// OrderableClass is Orderable of one class only; "" is every class.
func (c *Client) OrderableClass(ctx context.Context, version, class string) ([]bluegreen.Orderable, error) {
	var all []bluegreen.Orderable
	err := pages(func(marker *string) (*string, error) {
		out, err := get(ctx, c.read.DescribeOrderableDBInstanceOptions, &rds.DescribeOrderableDBInstanceOptionsInput{
			Engine: aws.String(engineMySQL), EngineVersion: optional(version), DBInstanceClass: optional(class),
			MaxRecords: aws.Int32(orderablePage), Marker: marker})
		if err != nil {
			return nil, err
		}
		all = append(all, convert(out.OrderableDBInstanceOptions, orderable)...)
		return out.Marker, nil
	})
	return all, err
}

func orderable(o types.OrderableDBInstanceOption) bluegreen.Orderable {
	return bluegreen.Orderable{
		Version: aws.ToString(o.EngineVersion), Class: aws.ToString(o.DBInstanceClass),
		StorageType: aws.ToString(o.StorageType),
		AZs: convert(o.AvailabilityZones, func(z types.AvailabilityZone) string {
			return aws.ToString(z.Name)
		}),
		MultiAZ: aws.ToBool(o.MultiAZCapable), Replicas: aws.ToBool(o.ReadReplicaCapable),
		MinGiB: number(o.MinStorageSize), MaxGiB: number(o.MaxStorageSize),
		MinIOPS: number(o.MinIopsPerDbInstance), MaxIOPS: number(o.MaxIopsPerDbInstance),
		MaxThroughputMiBs: number(o.MaxStorageThroughputPerDbInstance),
	}
}

// Quotas are the account's quotas in the Region, with their use
// (DBInstances, AllocatedStorage in GiB, ...).
func (c *Client) Quotas(ctx context.Context) ([]bluegreen.Quota, error) {
	out, err := get(ctx, c.read.DescribeAccountAttributes, &rds.DescribeAccountAttributesInput{})
	if err != nil {
		return nil, err
	}
	return convert(out.AccountQuotas, func(q types.AccountQuota) bluegreen.Quota {
		return bluegreen.Quota{Name: aws.ToString(q.AccountQuotaName),
			Used: aws.ToInt64(q.Used), Max: aws.ToInt64(q.Max)}
	}), nil
}

// StorageChoice is one storage type that an instance could change to.
type StorageChoice struct {
	Type            string  `json:"type"`
	GiB             []Range `json:"gib,omitempty"`
	IOPS            []Range `json:"iops,omitempty"`
	ThroughputMiBps []Range `json:"throughput_mibps,omitempty"`
	Autoscaling     bool    `json:"autoscaling,omitempty"`
}

// Range is From to To, both included.
type Range struct {
	From int `json:"from"`
	To   int `json:"to"`
	Step int `json:"step,omitempty"`
}

// ValidModifications are the storage types and sizes that RDS would accept for
// the instance as it stands.
func (c *Client) ValidModifications(ctx context.Context, instance string) ([]StorageChoice, error) {
	out, err := get(ctx, c.read.DescribeValidDBInstanceModifications, &rds.DescribeValidDBInstanceModificationsInput{
		DBInstanceIdentifier: aws.String(instance)})
	if err != nil {
		return nil, err
	}
	if out.ValidDBInstanceModificationsMessage == nil {
		return nil, nil
	}
	return convert(out.ValidDBInstanceModificationsMessage.Storage, func(s types.ValidStorageOptions) StorageChoice {
		return StorageChoice{Type: aws.ToString(s.StorageType), GiB: convert(s.StorageSize, span),
			IOPS: convert(s.ProvisionedIops, span), ThroughputMiBps: convert(s.ProvisionedStorageThroughput, span),
			Autoscaling: aws.ToBool(s.SupportsStorageAutoscaling)}
	}), nil
}

func span(r types.Range) Range {
	return Range{From: number(r.From), To: number(r.To), Step: number(r.Step)}
}
