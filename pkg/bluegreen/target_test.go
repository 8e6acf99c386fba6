package bluegreen

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

var toEight = Hop{From: "5.7.44", To: "8.0.46", Family: "mysql8.0"}

func blueOrders() Instance {
	return Instance{
		ID: "orders", ARN: "arn:aws:rds:eu-1:123456789012:db:orders", ResourceID: "db-ORDERS", Engine: "mysql", Version: "5.7.44",
		Class: "db.m5.large", Status: "available", StorageType: "gp2", AllocatedGiB: 500, BackupDays: 7, Encrypted: true,
		ParameterGroup: "orders-57", ParameterStatus: "in-sync", OptionGroup: "default:mysql-5-7", SubnetAZs: []string{"eu-1a", "eu-1b"},
		Replicas: []string{"orders-r1"}, CACertificate: "rds-ca-rsa2048-g1",
	}
}

func replicaOrders() Instance {
	r := blueOrders()
	r.ID, r.ARN, r.Replicas, r.ReplicaSource, r.BackupDays = "orders-r1", "arn:aws:rds:eu-1:123456789012:db:orders-r1", nil, "orders", 0
	r.Class, r.StorageType, r.IOPS = "db.r5.large", "io1", 5000
	return r
}

func TestResolveTarget(t *testing.T) {
	market := Market{Orderable: sold("8.0.46", "db.m7g.large", "db.r7g.large", "db.m5.large", "db.r5.large", "db.m5.2xlarge", "db.m7g.2xlarge")}
	pol := TargetPolicy{StorageType: "gp3", ClassMode: "graviton", ParameterGroup: "shared-80"}
	got, issues := ResolveTarget(blueOrders(), []Instance{replicaOrders()}, toEight, pol, market)
	got.Notes = nil
	want := Target{
		Version: "8.0.46", Family: "mysql8.0", Class: "db.m7g.large", CreateClass: "db.m7g.large", ParameterGroup: "shared-80",
		Storage:        StorageSpec{Type: "gp3", AllocatedGiB: 500, IOPS: 12000, ThroughputMiBps: 512},
		ReplicaClass:   map[string]string{"orders-r1": "db.r7g.large"},
		ReplicaStorage: map[string]StorageSpec{"orders-r1": {Type: "gp3", AllocatedGiB: 500, IOPS: 12000, ThroughputMiBps: 1250}},
	}
	if diff := cmp.Diff(want, got); diff != "" || len(issues) > 0 {
		t.Errorf("target (-want +got):\n%s\nissues %v", diff, issues)
	}
}

func TestResolveTargetReplicaGrowsWithPrimary(t *testing.T) {
	blue, replica := blueOrders(), replicaOrders()
	blue.AllocatedGiB, replica.AllocatedGiB, replica.StorageType, replica.IOPS = 390, 390, "gp2", 0
	got, _ := ResolveTarget(blue, []Instance{replica}, toEight, TargetPolicy{StorageType: "gp3", RaiseTo400: true}, Market{})
	if got.Storage.AllocatedGiB != 400 || got.ReplicaStorage["orders-r1"].AllocatedGiB != 400 {
		t.Errorf("primary %s, replica %s: a green replica has the primary's size", got.Storage, got.ReplicaStorage["orders-r1"])
	}
	replica.AllocatedGiB = 800
	got, _ = ResolveTarget(blue, []Instance{replica}, toEight, TargetPolicy{StorageType: "gp3"}, Market{})
	if s := got.ReplicaStorage["orders-r1"]; s.AllocatedGiB != 800 {
		t.Errorf("replica %s: it had 800 GiB", s)
	}
}

func TestCreateClass(t *testing.T) {
	yes, no := true, false
	graviton := TargetPolicy{ClassMode: "graviton"}
	for _, tc := range []struct {
		name, class, options string
		hop                  Hop
		pol                  TargetPolicy
		oneCall              *bool
		class2, create       string
	}{
		{"not known: try one call", "db.m5.large", "", toEight, graviton, nil, "db.m7g.large", "db.m7g.large"},
		{"accepted", "db.m5.large", "", toEight, graviton, &yes, "db.m7g.large", "db.m7g.large"},
		{"refused: modify later", "db.m5.large", "", toEight, graviton, &no, "db.m7g.large", ""},
		{"refused, previous generation: current x86 first", "db.m4.10xlarge", "", toEight, graviton, &no, "db.m7g.12xlarge", "db.m5.12xlarge"},
		{"t2", "db.t2.medium", "", toEight, graviton, &no, "db.t4g.medium", "db.t3.medium"},
		{"8.0 runs on Graviton: no question", "db.m5.large", "", Hop{From: "8.0.46", To: "8.4.10"}, graviton, &no, "db.m7g.large", "db.m7g.large"},
		{"an old 8.0 does not run on r8g", "db.r5.large", "", Hop{From: "8.0.28", To: "8.4.10"}, TargetPolicy{ClassMode: "graviton", Generation: 8}, &no, "db.r8g.large", ""},
		{"custom option group: green begins on 5.7", "db.m5.large", "audit", toEight, graviton, &yes, "db.m7g.large", ""},
		{"custom option group, previous generation", "db.m4.large", "audit", toEight, graviton, nil, "db.m7g.large", "db.m5.large"},
		{"keep", "db.m5.large", "", toEight, TargetPolicy{ClassMode: "keep"}, nil, "db.m5.large", ""},
		{"keep, previous generation", "db.r3.large", "", toEight, TargetPolicy{ClassMode: "keep"}, nil, "db.r5.large", "db.r5.large"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			blue := blueOrders()
			blue.Class, blue.Version = tc.class, tc.hop.From
			if tc.options != "" {
				blue.OptionGroup = tc.options
			}
			got, _ := ResolveTarget(blue, nil, tc.hop, tc.pol, Market{OneCallClass: tc.oneCall})
			if got.Class != tc.class2 || got.CreateClass != tc.create {
				t.Errorf("class %s, at create %q; want %s, %q", got.Class, got.CreateClass, tc.class2, tc.create)
			}
		})
	}
}

func TestOffTargetAndGreenChange(t *testing.T) {
	target := Target{
		Version: "8.0.46", Class: "db.m7g.large", ParameterGroup: "new",
		Storage:        StorageSpec{Type: "gp3", AllocatedGiB: 500, IOPS: 12000, ThroughputMiBps: 512},
		ReplicaClass:   map[string]string{"orders-r1": "db.r7g.large"},
		ReplicaStorage: map[string]StorageSpec{"orders-r1": {Type: "gp3", AllocatedGiB: 100}},
	}
	green := func(change func(*Instance)) Instance {
		i := Instance{ID: "orders-green-abcdef", Status: "available", Version: "8.0.46", Class: "db.m7g.large", StorageType: "gp3", AllocatedGiB: 500,
			IOPS: 12000, ThroughputMiBps: 512, ParameterGroup: "new", ParameterStatus: "in-sync", OptionGroup: "default:mysql-8-0"}
		if change != nil {
			change(&i)
		}
		return i
	}
	for _, tc := range []struct {
		name    string
		green   Instance
		primary bool
		twin    string
		off     []string
		change  string
	}{
		{"on target", green(nil), true, "", nil, ""},
		{"grown by RDS itself", green(func(i *Instance) { i.AllocatedGiB = 550 }), true, "", nil, ""},
		{"a newer patch", green(func(i *Instance) { i.Version = "8.0.47" }), true, "", nil, ""},
		{"class and storage in one call", green(func(i *Instance) { i.Class, i.StorageType, i.IOPS, i.ThroughputMiBps = "db.m5.large", "gp2", 0, 0 }), true, "",
			[]string{"class db.m5.large, wants db.m7g.large", "storage gp2 500 GiB, wants gp3 500 GiB 12000 IOPS 512 MiB/s"},
			"class db.m7g.large, storage gp3 500 GiB 12000 IOPS 512 MiB/s"},
		{"throughput alone brings size and IOPS along", green(func(i *Instance) { i.ThroughputMiBps = 500 }), true, "",
			[]string{"storage gp3 500 GiB 12000 IOPS 500 MiB/s, wants gp3 500 GiB 12000 IOPS 512 MiB/s"}, "storage 500 GiB 12000 IOPS 512 MiB/s"},
		{"another group", green(func(i *Instance) { i.ParameterGroup = "old" }), true, "", []string{"parameter group old, wants new"}, "parameter group new"},
		{"a reboot is no modification", green(func(i *Instance) { i.ParameterStatus = "pending-reboot" }), true, "", []string{"parameter group new waits for a reboot"}, ""},
		{"old version: upgraded first, alone", green(func(i *Instance) {
			i.Version, i.Class, i.ParameterGroup, i.OptionGroup = "5.7.44", "db.m5.large", "old", "audit"
		}), true, "",
			[]string{"version 5.7.44, wants 8.0.46", "class db.m5.large, wants db.m7g.large", "parameter group old, wants new"},
			"version 8.0.46, parameter group new, option group default:mysql-8-0"},
		{"old version, default options follow by themselves", green(func(i *Instance) { i.Version, i.OptionGroup = "5.7.44", "default:mysql-5-7" }), true, "",
			[]string{"version 5.7.44, wants 8.0.46"}, "version 8.0.46"},
		{"replica", green(func(i *Instance) {
			i.Class, i.StorageType, i.AllocatedGiB, i.IOPS, i.ThroughputMiBps = "db.r5.large", "gp2", 100, 0, 0
		}), false, "orders-r1",
			[]string{"class db.r5.large, wants db.r7g.large", "storage gp2 100 GiB, wants gp3 100 GiB"}, "class db.r7g.large, storage gp3"},
		{"an unknown replica is left alone", green(func(i *Instance) { i.Class = "db.r5.large" }), false, "orders-r9", nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.off, target.OffTarget(tc.green, tc.primary, tc.twin)); diff != "" {
				t.Errorf("off target (-want +got):\n%s", diff)
			}
			got := ""
			if m := target.GreenChange(tc.green, tc.primary, tc.twin); m != nil {
				got = m.String()
			}
			if diff := cmp.Diff(tc.change, got); diff != "" {
				t.Errorf("change (-want +got):\n%s", diff)
			}
		})
	}
	least := Target{Storage: StorageSpec{Type: "gp3", AllocatedGiB: 500, IOPS: 32000, ThroughputMiBps: 512}}
	if m := least.GreenChange(Instance{StorageType: "gp3", AllocatedGiB: 500, IOPS: 32000, ThroughputMiBps: 700}, true, ""); m == nil {
		t.Error("up to 32,000 IOPS nothing raises the throughput: too much is a change")
	}
	fast := Target{Storage: StorageSpec{Type: "gp3", AllocatedGiB: 500, IOPS: 40000, ThroughputMiBps: 625}}
	if m := fast.GreenChange(Instance{StorageType: "gp3", AllocatedGiB: 500, IOPS: 40000, ThroughputMiBps: 700}, true, ""); m != nil {
		t.Errorf("RDS raises throughput above 32,000 IOPS itself, change %s", m)
	}
}

func TestDeploymentSpec(t *testing.T) {
	target := Target{Version: "8.0.46", Class: "db.m7g.large", CreateClass: "db.m7g.large", ParameterGroup: "new",
		Storage: StorageSpec{Type: "gp2", AllocatedGiB: 500}}
	blue := blueOrders()
	got := target.DeploymentSpec("n", blue, toEight, nil)
	if diff := cmp.Diff(CreateSpec{Name: "n", SourceARN: blue.ARN, Version: "8.0.46", ParameterGroup: "new", Class: "db.m7g.large"}, got); diff != "" {
		t.Errorf("one step (-want +got):\n%s", diff)
	}
	blue.OptionGroup, target.CreateClass = "audit", ""
	target.Storage = StorageSpec{Type: "gp3", AllocatedGiB: 500, UpgradeConfig: true}
	got = target.DeploymentSpec("n", blue, toEight, nil)
	if diff := cmp.Diff(CreateSpec{Name: "n", SourceARN: blue.ARN, Storage: &StorageSpec{Type: "gp3", UpgradeConfig: true}}, got); diff != "" {
		t.Errorf("two steps (-want +got):\n%s", diff)
	}
	target.Storage = StorageSpec{Type: "gp2", AllocatedGiB: 500, UpgradeConfig: true}
	if s := target.CreateStorage(blue); s == nil || !s.UpgradeConfig {
		t.Errorf("the storage upgrade alone is not sent: %v", s)
	}
}

func TestQuotaLimit(t *testing.T) {
	needs := []GreenNeed{{"a", 1, 100}, {"b", 3, 900}, {"c", 2, 200}}
	quotas := func(instances, storage int64) []Quota {
		return []Quota{{"DBInstances", 30, 30 + instances}, {"AllocatedStorage", 5000, 5000 + storage}}
	}
	for _, tc := range []struct {
		name   string
		q      []Quota
		needs  []GreenNeed
		want   int
		issues string
	}{
		{"all fit", quotas(6, 1200), needs, 3, ""},
		{"one instance short", quotas(5, 1200), needs, 2, "warn quota-dbinstances"},
		{"any two fit, the largest too", quotas(5, 5000), needs, 2, "warn quota-dbinstances"},
		{"not any two", quotas(4, 5000), needs, 1, "warn quota-dbinstances"},
		{"storage is tighter", quotas(5, 1099), needs, 1, "warn quota-allocatedstorage, warn quota-dbinstances"},
		{"the largest alone does not fit", quotas(2, 5000), needs, 0, "block quota-dbinstances"},
		{"used more than there is", quotas(-3, 5000), needs, 0, "block quota-dbinstances"},
		{"no storage", quotas(6, 0), needs, 0, "block quota-allocatedstorage"},
		{"unknown", nil, needs, 3, "warn quota-unknown, warn quota-unknown"},
		{"nothing to build", quotas(0, 0), nil, 0, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, issues := QuotaLimit(tc.q, tc.needs)
			if got != tc.want || issueList(issues) != tc.issues {
				t.Errorf("limit %d, issues %q; want %d, %q", got, issueList(issues), tc.want, tc.issues)
			}
			for _, i := range issues {
				if (i.Severity == SeverityBlock) != (i.Code != "") {
					t.Errorf("%s %s has fault code %q", i.Severity, i.ID, i.Code)
				}
			}
		})
	}
}
