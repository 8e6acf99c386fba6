package awsrds

import (
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

func TestInventory(t *testing.T) {
	answers := map[string]string{
		"DescribeDBSnapshots": "<DBSnapshots><DBSnapshot><DBSnapshotIdentifier>s</DBSnapshotIdentifier><Engine>mysql</Engine>" +
			"<DBInstanceIdentifier>orders</DBInstanceIdentifier><DbiResourceId>db-A</DbiResourceId><Status>available</Status>" +
			"<AllocatedStorage>500</AllocatedStorage><SnapshotCreateTime>2026-11-01T00:00:00Z</SnapshotCreateTime></DBSnapshot>" +
			"<DBSnapshot><DBSnapshotIdentifier>pg</DBSnapshotIdentifier><Engine>postgres</Engine></DBSnapshot></DBSnapshots>",
		"DescribeReservedDBInstances": "<ReservedDBInstances><ReservedDBInstance><ReservedDBInstanceId>r</ReservedDBInstanceId>" +
			"<DBInstanceClass>db.r5.large</DBInstanceClass><DBInstanceCount>3</DBInstanceCount><Duration>31536000</Duration>" +
			"<ProductDescription>mysql</ProductDescription><State>active</State></ReservedDBInstance></ReservedDBInstances>",
		"DescribePendingMaintenanceActions": "<PendingMaintenanceActions><ResourcePendingMaintenanceActions><ResourceIdentifier>" + blueARN +
			"</ResourceIdentifier><PendingMaintenanceActionDetails><PendingMaintenanceAction><Action>system-update</Action>" +
			"<ForcedApplyDate>2026-12-01T00:00:00Z</ForcedApplyDate></PendingMaintenanceAction></PendingMaintenanceActionDetails>" +
			"</ResourcePendingMaintenanceActions></PendingMaintenanceActions>",
		"DescribeDBProxies": "<DBProxies><member><DBProxyName>p</DBProxyName><EngineFamily>MYSQL</EngineFamily><Status>available</Status></member>" +
			"<member><DBProxyName>q</DBProxyName><EngineFamily>POSTGRESQL</EngineFamily></member></DBProxies>",
		"DescribeDBProxyTargets": "<Targets><member><RdsResourceId>orders</RdsResourceId><Type>RDS_INSTANCE</Type>" +
			"<TargetHealth><State>AVAILABLE</State></TargetHealth></member></Targets>",
		"DescribeIntegrations": "<Integrations><Integration><IntegrationName>z</IntegrationName><SourceArn>" + blueARN +
			"</SourceArn><Status>active</Status></Integration></Integrations>",
		"DescribeOptionGroups": "<OptionGroupsList><OptionGroup><OptionGroupName>og</OptionGroupName><EngineName>mysql</EngineName>" +
			"<MajorEngineVersion>5.7</MajorEngineVersion><Options><Option><OptionName>MEMCACHED</OptionName></Option></Options></OptionGroup></OptionGroupsList>",
		"DescribeDBParameterGroups": "<DBParameterGroups><DBParameterGroup><DBParameterGroupName>g</DBParameterGroupName>" +
			"<DBParameterGroupFamily>mysql5.7</DBParameterGroupFamily></DBParameterGroup></DBParameterGroups>",
		"DescribeValidDBInstanceModifications": "<ValidDBInstanceModificationsMessage><Storage><ValidStorageOptions><StorageType>gp3</StorageType>" +
			"<StorageSize><Range><From>20</From><To>65536</To><Step>1</Step></Range></StorageSize><SupportsStorageAutoscaling>true</SupportsStorageAutoscaling>" +
			"</ValidStorageOptions></Storage></ValidDBInstanceModificationsMessage>",
	}
	s := newFake(t, func(f url.Values) (int, string) { return ok(f.Get("Action"), answers[f.Get("Action")]) })
	c, ctx := dial(t, s.scope()), t.Context()
	check := func(want, got any, err error) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v (-want +got)\n%s", err, diff)
		}
	}
	snapshots, err := c.Snapshots(ctx)
	check([]Snapshot{{ID: "s", Instance: "orders", Resource: "db-A", Status: "available", GiB: 500,
		Created: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}}, snapshots, err)
	reserved, err := c.ReservedInstances(ctx)
	check([]Reserved{{ID: "r", Class: "db.r5.large", Count: 3, Product: "mysql", State: "active", Term: 365 * 24 * time.Hour}}, reserved, err)
	pending, err := c.PendingMaintenance(ctx)
	check([]Maintenance{{Resource: blueARN, Action: "system-update", ForcedAt: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)}}, pending, err)
	proxies, err := c.Proxies(ctx)
	check([]Proxy{{Name: "p", Family: "MYSQL", Status: "available",
		Targets: []ProxyTarget{{Resource: "orders", Type: "RDS_INSTANCE", State: "AVAILABLE"}}}}, proxies, err)
	integrations, err := c.Integrations(ctx)
	check([]Integration{{Name: "z", Source: blueARN, Status: "active"}}, integrations, err)
	options, err := c.OptionGroups(ctx)
	check([]bluegreen.OptionGroup{{Name: "og", Engine: "mysql", Line: "5.7", Options: []string{"MEMCACHED"}}}, options, err)
	groups, err := c.ParameterGroups(ctx)
	check([]bluegreen.ParameterGroup{{Name: "g", Family: "mysql5.7"}}, groups, err)
	choices, err := c.ValidModifications(ctx, "orders")
	check([]StorageChoice{{Type: "gp3", GiB: []Range{{From: 20, To: 65536, Step: 1}}, Autoscaling: true}}, choices, err)
}
