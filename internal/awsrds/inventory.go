package awsrds

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// Snapshot is a manual DB snapshot.
type Snapshot struct {
	ID       string            `json:"id"`
	ARN      string            `json:"arn"`
	Instance string            `json:"instance"` // its name when the snapshot was taken
	Resource string            `json:"resource_id"`
	Version  string            `json:"version"`
	Status   string            `json:"status"`
	GiB      int               `json:"gib"`
	Created  time.Time         `json:"created,omitzero"`
	Tags     map[string]string `json:"tags,omitempty"`
}

// Snapshots are the manual snapshots of MySQL instances.
func (c *Client) Snapshots(ctx context.Context) ([]Snapshot, error) {
	return c.snapshots(ctx, &rds.DescribeDBSnapshotsInput{SnapshotType: aws.String("manual"),
		MaxRecords: aws.Int32(pageSize)})
}

// snapshot is one snapshot, nil when there is none of that name.
func (c *Client) snapshot(ctx context.Context, id string) (*Snapshot, error) {
	found, err := c.snapshots(ctx, &rds.DescribeDBSnapshotsInput{DBSnapshotIdentifier: aws.String(id)})
	if hasCode(err, "DBSnapshotNotFound") {
		return nil, nil
	}
	for _, s := range found {
		if s.ID == id {
			return &s, err
		}
	}
	return nil, err
}

func (c *Client) snapshots(ctx context.Context, in *rds.DescribeDBSnapshotsInput) ([]Snapshot, error) {
	var all []Snapshot
	err := pages(func(marker *string) (*string, error) {
		in.Marker = marker
		out, err := get(ctx, c.read.DescribeDBSnapshots, in)
		if err != nil {
			return nil, err
		}
		for _, s := range out.DBSnapshots {
			if aws.ToString(s.Engine) != engineMySQL {
				continue
			}
			all = append(all, Snapshot{ID: aws.ToString(s.DBSnapshotIdentifier), ARN: aws.ToString(s.DBSnapshotArn),
				Instance: aws.ToString(s.DBInstanceIdentifier), Resource: aws.ToString(s.DbiResourceId),
				Version: aws.ToString(s.EngineVersion), Status: aws.ToString(s.Status),
				GiB: number(s.AllocatedStorage), Created: aws.ToTime(s.SnapshotCreateTime), Tags: tagMap(s.TagList)})
		}
		return out.Marker, nil
	})
	return all, err
}

// Reserved is a reserved DB instance.
type Reserved struct {
	ID      string        `json:"id"`
	Class   string        `json:"class"`
	Count   int           `json:"count"`
	MultiAZ bool          `json:"multi_az"`
	Product string        `json:"product"` // mysql
	State   string        `json:"state"`
	Started time.Time     `json:"started,omitzero"`
	Term    time.Duration `json:"term"`
}

// ReservedInstances are the reservations for MySQL.
func (c *Client) ReservedInstances(ctx context.Context) ([]Reserved, error) {
	var all []Reserved
	err := pages(func(marker *string) (*string, error) {
		out, err := get(ctx, c.read.DescribeReservedDBInstances, &rds.DescribeReservedDBInstancesInput{
			ProductDescription: aws.String(engineMySQL), MaxRecords: aws.Int32(pageSize), Marker: marker})
		if err != nil {
			return nil, err
		}
		all = append(all, convert(out.ReservedDBInstances, func(r types.ReservedDBInstance) Reserved {
			return Reserved{ID: aws.ToString(r.ReservedDBInstanceId), Class: aws.ToString(r.DBInstanceClass),
				Count: number(r.DBInstanceCount), MultiAZ: aws.ToBool(r.MultiAZ),
				Product: aws.ToString(r.ProductDescription), State: aws.ToString(r.State),
				Started: aws.ToTime(r.StartTime), Term: time.Duration(number(r.Duration)) * time.Second}
		})...)
		return out.Marker, nil
	})
	return all, err
}

// Maintenance is one action that RDS wants to carry out on a resource.
type Maintenance struct {
	Resource    string    `json:"resource"` // ARN
	Action      string    `json:"action"`   // system-update, db-upgrade, ...
	Description string    `json:"description,omitempty"`
	OptIn       string    `json:"opt_in,omitempty"`
	AutoAfter   time.Time `json:"auto_after,omitzero"`
	ForcedAt    time.Time `json:"forced_at,omitzero"`
	At          time.Time `json:"at,omitzero"` // when it will be applied as things stand
}

// PendingMaintenance is what RDS wants to do, of all resources.
func (c *Client) PendingMaintenance(ctx context.Context) ([]Maintenance, error) {
	var all []Maintenance
	err := pages(func(marker *string) (*string, error) {
		out, err := get(ctx, c.read.DescribePendingMaintenanceActions, &rds.DescribePendingMaintenanceActionsInput{
			MaxRecords: aws.Int32(pageSize), Marker: marker})
		if err != nil {
			return nil, err
		}
		for _, r := range out.PendingMaintenanceActions {
			for _, a := range r.PendingMaintenanceActionDetails {
				all = append(all, Maintenance{Resource: aws.ToString(r.ResourceIdentifier), Action: aws.ToString(a.Action),
					Description: aws.ToString(a.Description), OptIn: aws.ToString(a.OptInStatus),
					AutoAfter: aws.ToTime(a.AutoAppliedAfterDate), ForcedAt: aws.ToTime(a.ForcedApplyDate),
					At: aws.ToTime(a.CurrentApplyDate)})
			}
		}
		return out.Marker, nil
	})
	return all, err
}

// Proxy is an RDS Proxy with what stands behind it.
type Proxy struct {
	Name    string        `json:"name"`
	Family  string        `json:"family"` // MYSQL
	Status  string        `json:"status"`
	Targets []ProxyTarget `json:"targets,omitempty"`
}

// ProxyTarget is an instance or cluster behind a proxy.
type ProxyTarget struct {
	Resource string `json:"resource"` // instance or cluster id
	Type     string `json:"type"`     // RDS_INSTANCE, TRACKED_CLUSTER, ...
	State    string `json:"state,omitempty"`
}

// Proxies are the RDS Proxies for MySQL: one call per hundred, and one per proxy.
func (c *Client) Proxies(ctx context.Context) ([]Proxy, error) {
	var all []Proxy
	err := pages(func(marker *string) (*string, error) {
		out, err := get(ctx, c.read.DescribeDBProxies, &rds.DescribeDBProxiesInput{
			MaxRecords: aws.Int32(pageSize), Marker: marker})
		if err != nil {
			return nil, err
		}
		for _, p := range out.DBProxies {
			if f := aws.ToString(p.EngineFamily); f == "MYSQL" {
				all = append(all, Proxy{Name: aws.ToString(p.DBProxyName), Family: f, Status: string(p.Status)})
			}
		}
		return out.Marker, nil
	})
	for i := range all {
		if err == nil {
			all[i].Targets, err = c.proxyTargets(ctx, all[i].Name)
		}
	}
	return all, err
}

func (c *Client) proxyTargets(ctx context.Context, proxy string) ([]ProxyTarget, error) {
	var all []ProxyTarget
	err := pages(func(marker *string) (*string, error) {
		out, err := get(ctx, c.read.DescribeDBProxyTargets, &rds.DescribeDBProxyTargetsInput{
			DBProxyName: aws.String(proxy), MaxRecords: aws.Int32(pageSize), Marker: marker})
		if err != nil {
			return nil, err
		}
		for _, t := range out.Targets {
			target := ProxyTarget{Resource: aws.ToString(t.RdsResourceId), Type: string(t.Type)}
			if t.TargetHealth != nil {
				target.State = string(t.TargetHealth.State)
			}
			all = append(all, target)
		}
		return out.Marker, nil
	})
	return all, err
}

// Integration is a zero-ETL integration. One on a blue has to be deleted
// before switchover and made again.
type Integration struct {
	Name   string `json:"name"`
	ARN    string `json:"arn"`
	Source string `json:"source"` // ARN
	Target string `json:"target"` // ARN
	Status string `json:"status"`
}

// Integrations are the zero-ETL integrations of the account and Region.
func (c *Client) Integrations(ctx context.Context) ([]Integration, error) {
	var all []Integration
	err := pages(func(marker *string) (*string, error) {
		out, err := get(ctx, c.read.DescribeIntegrations, &rds.DescribeIntegrationsInput{
			MaxRecords: aws.Int32(pageSize), Marker: marker})
		if err != nil {
			return nil, err
		}
		all = append(all, convert(out.Integrations, func(i types.Integration) Integration {
			return Integration{Name: aws.ToString(i.IntegrationName), ARN: aws.ToString(i.IntegrationArn),
				Source: aws.ToString(i.SourceArn), Target: aws.ToString(i.TargetArn), Status: string(i.Status)}
		})...)
		return out.Marker, nil
	})
	return all, err
}
