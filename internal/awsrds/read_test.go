package awsrds

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

const instanceXML = `<DBInstances><DBInstance>
<DBInstanceIdentifier>orders</DBInstanceIdentifier><DBInstanceArn>` + blueARN + `</DBInstanceArn>
<DbiResourceId>db-ABC</DbiResourceId><Engine>mysql</Engine><EngineVersion>5.7.44-rds.20250508</EngineVersion>
<DBInstanceClass>db.r5.large</DBInstanceClass><DBInstanceStatus>storage-initialization</DBInstanceStatus>
<Endpoint><Address>orders.abc.eu-west-1.rds.amazonaws.com</Address><Port>3306</Port></Endpoint>
<StorageType>io1</StorageType><AllocatedStorage>500</AllocatedStorage><MaxAllocatedStorage>1000</MaxAllocatedStorage>
<Iops>5000</Iops><StorageThroughput>125</StorageThroughput><DedicatedLogVolume>true</DedicatedLogVolume>
<StorageEncrypted>true</StorageEncrypted><KmsKeyId>arn:kms</KmsKeyId><MultiAZ>true</MultiAZ>
<AvailabilityZone>eu-west-1a</AvailabilityZone>
<DBSubnetGroup><DBSubnetGroupName>sn</DBSubnetGroupName><Subnets>
<Subnet><SubnetAvailabilityZone><Name>eu-west-1b</Name></SubnetAvailabilityZone></Subnet>
<Subnet><SubnetAvailabilityZone><Name>eu-west-1a</Name></SubnetAvailabilityZone></Subnet>
<Subnet><SubnetAvailabilityZone><Name>eu-west-1b</Name></SubnetAvailabilityZone></Subnet></Subnets></DBSubnetGroup>
<ReadReplicaSourceDBInstanceIdentifier>src</ReadReplicaSourceDBInstanceIdentifier>
<ReadReplicaDBInstanceIdentifiers><ReadReplicaDBInstanceIdentifier>orders-r1</ReadReplicaDBInstanceIdentifier></ReadReplicaDBInstanceIdentifiers>
<BackupRetentionPeriod>7</BackupRetentionPeriod><MasterUsername>admin</MasterUsername>
<MasterUserSecret><SecretArn>arn:secret</SecretArn></MasterUserSecret><DeletionProtection>true</DeletionProtection>
<DBParameterGroups><DBParameterGroup><DBParameterGroupName>pg57</DBParameterGroupName><ParameterApplyStatus>pending-reboot</ParameterApplyStatus></DBParameterGroup></DBParameterGroups>
<OptionGroupMemberships><OptionGroupMembership><OptionGroupName>og</OptionGroupName><Status>in-sync</Status></OptionGroupMembership></OptionGroupMemberships>
<PendingModifiedValues><DBInstanceClass>db.r6g.large</DBInstanceClass><MasterUserPassword>hunter2</MasterUserPassword><Iops>6000</Iops><MultiAZ>false</MultiAZ></PendingModifiedValues>
<AssociatedRoles><DBInstanceRole><RoleArn>arn:role</RoleArn><FeatureName>S3</FeatureName></DBInstanceRole><DBInstanceRole><RoleArn>arn:role2</RoleArn></DBInstanceRole></AssociatedRoles>
<CACertificateIdentifier>rds-ca-rsa2048-g1</CACertificateIdentifier><EngineLifecycleSupport>open-source-rds-extended-support</EngineLifecycleSupport>
<IsStorageConfigUpgradeAvailable>true</IsStorageConfigUpgradeAvailable><StorageOperationStatus>in-progress</StorageOperationStatus>
<StorageOperationPercentProgress>42</StorageOperationPercentProgress><PreferredMaintenanceWindow>sun:05:00-sun:06:00</PreferredMaintenanceWindow>
<IAMDatabaseAuthenticationEnabled>true</IAMDatabaseAuthenticationEnabled><InstanceCreateTime>2020-01-02T03:04:05.678Z</InstanceCreateTime>
<TagList><Tag><Key>service</Key><Value>shop</Value></Tag></TagList></DBInstance>
<DBInstance><DBInstanceIdentifier>pg</DBInstanceIdentifier><Engine>postgres</Engine></DBInstance>
<DBInstance><DBInstanceIdentifier>au</DBInstanceIdentifier><Engine>aurora-mysql</Engine><DBClusterIdentifier>cl</DBClusterIdentifier></DBInstance>
</DBInstances>`

func TestInstances(t *testing.T) {
	s := newFake(t, func(url.Values) (int, string) { return ok("DescribeDBInstances", instanceXML) })
	got, err := dial(t, s.scope()).Instances(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []bluegreen.Instance{{
		ID: "orders", ARN: blueARN, ResourceID: "db-ABC", Engine: "mysql", Version: "5.7.44-rds.20250508",
		Class: "db.r5.large", Status: "storage-initialization", Address: "orders.abc.eu-west-1.rds.amazonaws.com", Port: 3306,
		StorageType: "io1", AllocatedGiB: 500, MaxAllocatedGiB: 1000, IOPS: 5000, ThroughputMiBps: 125, DedicatedLog: true,
		Encrypted: true, KMSKey: "arn:kms", MultiAZ: true, AZ: "eu-west-1a", SubnetGroup: "sn",
		SubnetAZs: []string{"eu-west-1a", "eu-west-1b"}, ReplicaSource: "src", Replicas: []string{"orders-r1"},
		BackupDays: 7, ManagedSecret: "arn:secret", MasterUser: "admin", Protected: true, ParameterGroup: "pg57",
		ParameterStatus: "pending-reboot", OptionGroup: "og", OptionStatus: "in-sync",
		Pending: []string{"DBInstanceClass=db.r6g.large", "Iops=6000", "MasterUserPassword=(hidden)", "MultiAZ=false"},
		Roles:   []string{"arn:role (S3)", "arn:role2"}, CACertificate: "rds-ca-rsa2048-g1",
		Lifecycle: "open-source-rds-extended-support", StorageUpgrade: true, Progress: "42", StorageOperation: "in-progress",
		MaintenanceWindow: "sun:05:00-sun:06:00", IAMAuth: true, Tags: map[string]string{"service": "shop"},
		Created: time.Date(2020, 1, 2, 3, 4, 5, 678e6, time.UTC),
	}, {ID: "au", Engine: "aurora-mysql", ClusterID: "cl"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestDeployments(t *testing.T) {
	s := newFake(t, func(url.Values) (int, string) {
		return ok("DescribeBlueGreenDeployments", "<BlueGreenDeployments><member>"+deploymentXML("AVAILABLE", blueARN, ourTags)+
			"<Target>"+blueARN+"-green-a1b2c3</Target><StatusDetails>fine</StatusDetails><CreateTime>2026-11-01T00:00:00Z</CreateTime>"+
			"<SwitchoverDetails><member><SourceMember>s</SourceMember><TargetMember>t</TargetMember><Status>AVAILABLE</Status></member>"+
			"<member><SourceMember>s2</SourceMember><Status>PROVISIONING</Status></member></SwitchoverDetails>"+
			"<Tasks><member><Name>CONFIGURE_BACKUPS</Name><Status>COMPLETED</Status></member></Tasks></member></BlueGreenDeployments>")
	})
	got, err := dial(t, s.scope()).Deployments(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []bluegreen.Deployment{{ID: "bgd-1", Name: "q4-orders-80", Source: blueARN, Target: blueARN + "-green-a1b2c3",
		Status: "AVAILABLE", Details: "fine", Created: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
		Members: []bluegreen.Member{{Source: "s", Target: "t", Status: "AVAILABLE"}, {Source: "s2", Status: "PROVISIONING"}},
		Tasks:   []bluegreen.Task{{Name: "CONFIGURE_BACKUPS", Status: "COMPLETED"}},
		Tags:    map[string]string{"rdsupgrade:campaign": "q4", "rdsupgrade:database": "orders"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// One call per page, and a list that never ends is refused.
func TestPages(t *testing.T) {
	page := func(f url.Values) int { n, _ := strconv.Atoi(f.Get("Marker")); return n }
	endless := false
	s := newFake(t, func(f url.Values) (int, string) {
		n, marker := page(f), ""
		if f.Get("MaxRecords") != "100" {
			t.Errorf("page size %s", f.Get("MaxRecords"))
		}
		switch {
		case endless:
			marker = "<Marker>same</Marker>"
		case n < 2:
			marker = fmt.Sprintf("<Marker>%d</Marker>", n+1)
		}
		return ok("DescribeDBInstances", marker+fmt.Sprintf("<DBInstances><DBInstance><DBInstanceIdentifier>i%d"+
			"</DBInstanceIdentifier><Engine>mysql</Engine></DBInstance></DBInstances>", n))
	})
	c := dial(t, s.scope())
	got, err := c.Instances(t.Context())
	if err != nil || len(got) != 3 || got[2].ID != "i2" || s.calls("DescribeDBInstances") != 3 {
		t.Errorf("%d instances in %d calls, %v", len(got), s.calls("DescribeDBInstances"), err)
	}
	endless = true
	_, err = c.Instances(t.Context())
	if f := faultOf(t, err); f.Code != BadAnswer {
		t.Errorf("endless: %v", f)
	}
	if n := s.calls("DescribeDBInstances"); n != 5 {
		t.Errorf("%d calls, want 5", n)
	}
}

func TestVersionsAndCalendar(t *testing.T) {
	s := newFake(t, func(f url.Values) (int, string) {
		switch a := f.Get("Action"); a {
		case "DescribeDBEngineVersions":
			return ok(a, "<DBEngineVersions><DBEngineVersion><Engine>mysql</Engine><EngineVersion>5.7.44</EngineVersion>"+
				"<DBParameterGroupFamily>mysql5.7</DBParameterGroupFamily><Status>deprecated</Status><ValidUpgradeTarget>"+
				"<UpgradeTarget><Engine>mysql</Engine><EngineVersion>8.0.46</EngineVersion><IsMajorVersionUpgrade>true</IsMajorVersionUpgrade></UpgradeTarget>"+
				"<UpgradeTarget><Engine>aurora-mysql</Engine><EngineVersion>8.0.mysql_aurora.3.10.0</EngineVersion></UpgradeTarget>"+
				"</ValidUpgradeTarget></DBEngineVersion></DBEngineVersions>")
		case "DescribeDBMajorEngineVersions":
			return ok(a, "<DBMajorEngineVersions><DBMajorEngineVersion><Engine>mysql</Engine><MajorEngineVersion>5.7</MajorEngineVersion>"+
				"<SupportedEngineLifecycles><SupportedEngineLifecycle><LifecycleSupportName>open-source-rds-standard-support</LifecycleSupportName>"+
				"<LifecycleSupportStartDate>2016-02-01T00:00:00Z</LifecycleSupportStartDate><LifecycleSupportEndDate>2024-02-29T23:59:59Z</LifecycleSupportEndDate></SupportedEngineLifecycle>"+
				"<SupportedEngineLifecycle><LifecycleSupportName>open-source-rds-extended-support</LifecycleSupportName>"+
				"<LifecycleSupportStartDate>2024-03-01T00:00:00Z</LifecycleSupportStartDate><LifecycleSupportEndDate>2029-06-30T23:59:59Z</LifecycleSupportEndDate></SupportedEngineLifecycle>"+
				"</SupportedEngineLifecycles></DBMajorEngineVersion></DBMajorEngineVersions>")
		case "DescribeOrderableDBInstanceOptions":
			return ok(a, "<OrderableDBInstanceOptions><OrderableDBInstanceOption><EngineVersion>8.0.46</EngineVersion>"+
				"<DBInstanceClass>db.r7g.large</DBInstanceClass><StorageType>gp3</StorageType><MultiAZCapable>true</MultiAZCapable>"+
				"<AvailabilityZones><AvailabilityZone><Name>eu-west-1a</Name></AvailabilityZone></AvailabilityZones>"+
				"<ReadReplicaCapable>true</ReadReplicaCapable><MinStorageSize>20</MinStorageSize><MaxStorageSize>65536</MaxStorageSize>"+
				"<MinIopsPerDbInstance>3000</MinIopsPerDbInstance><MaxIopsPerDbInstance>64000</MaxIopsPerDbInstance>"+
				"<MaxStorageThroughputPerDbInstance>4000</MaxStorageThroughputPerDbInstance></OrderableDBInstanceOption></OrderableDBInstanceOptions>")
		default:
			return ok(a, "<AccountQuotas><AccountQuota><AccountQuotaName>DBInstances</AccountQuotaName><Used>39</Used><Max>40</Max></AccountQuota></AccountQuotas>")
		}
	})
	c := dial(t, s.scope())
	versions, err1 := c.EngineVersions(t.Context())
	lines, err2 := c.MajorVersions(t.Context())
	options, err3 := c.OrderableClass(t.Context(), "8.0.46", "db.r7g.large")
	quotas, err4 := c.Quotas(t.Context())
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if s.sent("DescribeDBEngineVersions")["IncludeAll"] != "true" {
		t.Error("versions that still run but are not offered were not asked for")
	}
	if m := s.sent("DescribeOrderableDBInstanceOptions"); m["MaxRecords"] != "1000" || m["DBInstanceClass"] != "db.r7g.large" {
		t.Errorf("orderable: %v", m)
	}
	day := func(y int, m time.Month, d, h, min, s int) time.Time {
		return time.Date(y, m, d, h, min, s, 0, time.UTC)
	}
	for _, tt := range []struct{ want, got any }{
		{[]bluegreen.EngineVersion{{Version: "5.7.44", Family: "mysql5.7", Status: "deprecated",
			UpgradeTargets: []bluegreen.UpgradeTarget{{Version: "8.0.46", Major: true}}}}, versions},
		{[]bluegreen.Lifecycle{{Line: "5.7", StandardStart: day(2016, 2, 1, 0, 0, 0), StandardEnd: day(2024, 2, 29, 23, 59, 59),
			ExtendedStart: day(2024, 3, 1, 0, 0, 0), ExtendedEnd: day(2029, 6, 30, 23, 59, 59),
			Source: "DescribeDBMajorEngineVersions"}}, lines},
		{[]bluegreen.Orderable{{Version: "8.0.46", Class: "db.r7g.large", StorageType: "gp3", AZs: []string{"eu-west-1a"},
			MultiAZ: true, Replicas: true, MinGiB: 20, MaxGiB: 65536, MinIOPS: 3000, MaxIOPS: 64000, MaxThroughputMiBs: 4000}}, options},
		{[]bluegreen.Quota{{Name: "DBInstances", Used: 39, Max: 40}}, quotas},
	} {
		if diff := cmp.Diff(tt.want, tt.got); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
}

func TestParameters(t *testing.T) {
	const p = "<Parameters><Parameter><ParameterName>sql_mode</ParameterName><ParameterValue></ParameterValue><Source>user</Source>" +
		"<ApplyType>dynamic</ApplyType><ApplyMethod>pending-reboot</ApplyMethod><DataType>string</DataType><AllowedValues>A,B</AllowedValues>" +
		"<IsModifiable>true</IsModifiable></Parameter><Parameter><ParameterName>port</ParameterName></Parameter></Parameters>"
	empty := false
	s := newFake(t, func(f url.Values) (int, string) {
		switch a := f.Get("Action"); {
		case a == "DescribeDBParameters":
			return ok(a, p)
		case empty:
			return ok(a, "")
		case f.Get("Marker") == "":
			return ok(a, "<EngineDefaults><DBParameterGroupFamily>mysql8.0</DBParameterGroupFamily><Marker>2</Marker>"+p+"</EngineDefaults>")
		default:
			return ok(a, "<EngineDefaults>"+p+"</EngineDefaults>")
		}
	})
	c := dial(t, s.scope())
	got, err := c.Parameters(t.Context(), "pg57", "user")
	if err != nil {
		t.Fatal(err)
	}
	want := []bluegreen.Parameter{{Name: "sql_mode", HasValue: true, Source: "user", ApplyType: "dynamic",
		ApplyMethod: "pending-reboot", DataType: "string", AllowedValues: "A,B", Modifiable: true}, {Name: "port"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if m := s.sent("DescribeDBParameters"); m["Source"] != "user" || m["DBParameterGroupName"] != "pg57" {
		t.Errorf("sent %v", m)
	}
	defaults, err := c.DefaultParameters(t.Context(), "mysql8.0")
	if err != nil || len(defaults) != 4 {
		t.Errorf("%d defaults, %v", len(defaults), err)
	}
	empty = true
	if _, err = c.DefaultParameters(t.Context(), "mysql8.0"); err == nil {
		t.Error("a family without defaults passed")
	}
}

// The window is counted back from the server's clock, and what is older than asked is left out.
func TestEvents(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	ahead := 10 * time.Hour // the model's clock runs ahead
	var sent string
	c := dial(t, ScopeConfig{Region: "eu-west-1", Rate: -1, Now: func() time.Time { return now },
		HTTPClient: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			_ = r.ParseForm()
			sent = r.PostForm.Get("Duration") + r.PostForm.Get("SourceIdentifier")
			resp := reply(r, 200, second(ok("DescribeEvents", "<Events>"+
				"<Event><SourceIdentifier>a</SourceIdentifier><SourceType>db-instance</SourceType><Message>old</Message><Date>2026-11-20T09:59:59Z</Date></Event>"+
				"<Event><SourceIdentifier>a</SourceIdentifier><SourceType>db-instance</SourceType><Message>new</Message><Date>2026-11-20T10:00:00Z</Date>"+
				"<EventCategories><EventCategory>notification</EventCategory></EventCategories></Event></Events>")))
			resp.Header.Set("Date", now.Add(ahead).Format(http.TimeFormat))
			return resp, nil
		})}})
	since := now.Add(-2 * time.Hour)
	for _, want := range []string{"180", "780"} { // our clock first, then the server's
		got, err := c.Events(t.Context(), since, "", "")
		if err != nil || len(got) != 1 || got[0].Message != "new" || got[0].Categories[0] != "notification" {
			t.Fatalf("%+v, %v", got, err)
		}
		if sent != want {
			t.Errorf("asked for %s minutes, want %s", sent, want)
		}
	}
	if _, err := c.Events(t.Context(), since, "db-instance", "orders-green-a1b2c3"); err != nil || sent != "20160orders-green-a1b2c3" {
		t.Errorf("one source: %s, %v", sent, err)
	}
	if _, err := c.Events(t.Context(), now.Add(-400*time.Hour), "", ""); err != nil || sent != "20160" {
		t.Errorf("long ago: %s, %v", sent, err)
	}
}

func TestLogText(t *testing.T) {
	big := false
	s := newFake(t, func(f url.Values) (int, string) {
		switch a := f.Get("Action"); {
		case a == "DescribeDBLogFiles":
			return ok(a, "<DescribeDBLogFiles><DescribeDBLogFilesDetails><LogFileName>error/mysql-error.log</LogFileName><LastWritten>9000</LastWritten></DescribeDBLogFilesDetails>"+
				"<DescribeDBLogFilesDetails><LogFileName>PrePatchCompatibility.log.1</LogFileName><LastWritten>1000</LastWritten></DescribeDBLogFilesDetails>"+
				"<DescribeDBLogFilesDetails><LogFileName>PrePatchCompatibility.log</LogFileName><LastWritten>2000</LastWritten></DescribeDBLogFilesDetails></DescribeDBLogFiles>")
		case big:
			return ok(a, "<LogFileData>"+strings.Repeat("ä", maxLog/4)+"</LogFileData><Marker>"+f.Get("Marker")+"1</Marker><AdditionalDataPending>true</AdditionalDataPending>")
		case f.Get("Marker") == "0":
			return ok(a, "<LogFileData>one &lt;two&gt;\n</LogFileData><Marker>1</Marker><AdditionalDataPending>true</AdditionalDataPending>")
		default:
			return ok(a, "<LogFileData>three</LogFileData><Marker>2</Marker><AdditionalDataPending>false</AdditionalDataPending>")
		}
	})
	c := dial(t, s.scope())
	got, err := c.LogText(t.Context(), "green", "PrePatchCompatibility")
	want := Log{File: "PrePatchCompatibility.log", Written: time.UnixMilli(2000).UTC(), Text: "one <two>\nthree"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if got, err := c.LogText(t.Context(), "green", "upgradeFailure"); err != nil || got.File != "" {
		t.Errorf("no such log: %+v, %v", got, err)
	}
	big = true
	if got, err := c.LogText(t.Context(), "green", "PrePatch"); err != nil || !got.Truncated || len(got.Text) > maxLog {
		t.Errorf("%d bytes, truncated %v, %v", len(got.Text), got.Truncated, err)
	}
}
