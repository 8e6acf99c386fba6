package bluegreen

import (
	"math"
	"strings"
	"testing"
)

func TestBuiltinPricesParse(t *testing.T) {
	if _, err := ParsePrices(builtinPrices); err != nil {
		t.Fatal(err)
	}
}

func TestParsePricesRefuses(t *testing.T) {
	tests := map[string]string{
		"unknown key":  `{"format":1,"as_of":"2026-11-23","base_region":"x","regions":{"x":{"instance_hours":{}}}}`,
		"bad date":     `{"format":1,"as_of":"last week","base_region":"x","regions":{"x":{}}}`,
		"other format": `{"format":2}`,
		"no base":      `{"format":1,"as_of":"2026-11-23","base_region":"y","regions":{"x":{}}}`,
	}
	for name, in := range tests {
		if _, err := ParsePrices([]byte(in)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestVCPUs(t *testing.T) {
	tests := map[string]int{
		"db.t2.micro": 1, "db.t2.large": 2, "db.t3.micro": 2, "db.t4g.2xlarge": 8, "db.m3.medium": 1,
		"db.m4.10xlarge": 40, "db.r5.large": 2, "db.r5.xlarge": 4, "db.r5.24xlarge": 96,
		"db.m8g.48xlarge": 192, "db.z1d.3xlarge": 12, "db.x1.32xlarge": 128, "db.m2.4xlarge": 8,
	}
	for class, want := range tests {
		if got, ok := VCPUs(class); !ok || got != want {
			t.Errorf("VCPUs(%s) = %d, %v; want %d", class, got, ok, want)
		}
	}
	for _, class := range []string{"db.serverless", "", "db.r5", "r5.large", "db.r5.1xlarge", "db.m2.large", "db.r5.metal", "db.r7g.medium"} {
		if got, ok := VCPUs(class); ok {
			t.Errorf("VCPUs(%s) = %d, want unknown", class, got)
		}
	}
}

func TestExtendedSupportPerDay(t *testing.T) {
	p := BuiltinPrices()
	r5 := Instance{ARN: "arn:aws:rds:us-east-1:1:db:a", Engine: "mysql", Version: "5.7.44-RDS.20260212", Class: "db.r5.xlarge", MultiAZ: true}
	with := func(f func(*Instance)) Instance { i := r5; f(&i); return i }
	tests := []struct {
		name  string
		in    Instance
		day   string
		usd   float64
		known bool
		note  string
	}{
		{"8 vCPUs at 0.200", r5, "2026-11-23", 38.4, true, ""},
		{"year 2", r5, "2026-02-28", 19.2, true, ""},
		{"standard", r5, "2024-02-01", 0, true, ""},
		{"ended", r5, "2029-07-01", 0, true, "has ended"},
		{"single", with(func(i *Instance) { i.MultiAZ = false }), "2026-11-23", 19.2, true, ""},
		{"8.0", with(func(i *Instance) { i.Version = "8.0.46" }), "2026-11-23", 19.2, true, ""},
		{"8.4", with(func(i *Instance) { i.Version = "8.4.10" }), "2026-11-23", 0, true, ""},
		{"9.7", with(func(i *Instance) { i.Version = "9.7.1" }), "2026-11-23", 0, false, "no dates"},
		{"serverless", with(func(i *Instance) { i.Class = "db.serverless" }), "2026-11-23", 0, false, "vCPUs"},
		{"opted out", with(func(i *Instance) { i.Lifecycle = extendedSupportDisabled }), "2026-11-23", 0, true, "opted out"},
		{"other engine", with(func(i *Instance) { i.Engine = "aurora-mysql" }), "2026-11-23", 0, false, "engine"},
		{"garbage", with(func(i *Instance) { i.Version = "x" }), "2026-11-23", 0, false, "version"},
		{"other region", with(func(i *Instance) { i.ARN = "arn:aws:rds:sa-east-1:1:db:a" }), "2026-11-23", 38.4, true, "no sa-east-1"},
	}
	for _, tt := range tests {
		got := ExtendedSupportPerDay(tt.in, at(tt.day), nil, p)
		if math.Abs(got.USD-tt.usd) > 1e-9 || got.Known != tt.known || !strings.Contains(got.Note, tt.note) {
			t.Errorf("%s: %+v, want %.2f known=%v note %q", tt.name, got, tt.usd, tt.known, tt.note)
		}
		if got.AsOf == "" {
			t.Errorf("%s: no date", tt.name)
		}
	}
}

func TestMonthlyCost(t *testing.T) {
	p := BuiltinPrices()
	arn := "arn:aws:rds:us-east-1:1:db:a"
	tests := []struct {
		name                         string
		in                           Instance
		instance, storage, iops, thr float64
		known                        bool
	}{
		{"io1 multi-az", Instance{ARN: arn, Class: "db.r5.xlarge", StorageType: "io1", AllocatedGiB: 1000, IOPS: 10000, MultiAZ: true},
			0.480 * 730 * 2, 250, 2000, 0, true},
		{"gp3 at its baseline", Instance{ARN: arn, Class: "db.r7g.large", StorageType: "gp3", AllocatedGiB: 400, IOPS: 12000, ThroughputMiBps: 500},
			0.234 * 730, 46, 0, 0, true},
		{"gp3 above", Instance{ARN: arn, Class: "db.r7g.large", StorageType: "gp3", AllocatedGiB: 400, IOPS: 13000, ThroughputMiBps: 600},
			0.234 * 730, 46, 20, 8, true},
		{"small gp3", Instance{ARN: arn, Class: "db.t4g.medium", StorageType: "gp3", AllocatedGiB: 20, IOPS: 3000, ThroughputMiBps: 125},
			0.065 * 730, 2.3, 0, 0, true},
		{"class without price", Instance{ARN: arn, Class: "db.x2g.large", StorageType: "gp2", AllocatedGiB: 100}, 0, 11.5, 0, 0, false},
		{"small size is not derived", Instance{ARN: arn, Class: "db.t3.nano", StorageType: "gp2", AllocatedGiB: 100}, 0, 11.5, 0, 0, false},
	}
	for _, tt := range tests {
		m := MonthlyCost(tt.in, p)
		for what, pair := range map[string][2]float64{"instance": {m.Instance.USD, tt.instance}, "storage": {m.Storage.USD, tt.storage},
			"iops": {m.IOPS.USD, tt.iops}, "throughput": {m.Throughput.USD, tt.thr}} {
			if math.Abs(pair[0]-pair[1]) > 1e-6 {
				t.Errorf("%s: %s %.2f, want %.2f", tt.name, what, pair[0], pair[1])
			}
		}
		if m.Total.Known != tt.known {
			t.Errorf("%s: total known %v", tt.name, m.Total.Known)
		}
	}
}

func TestMonthlyCostAfter(t *testing.T) {
	blue := Instance{ARN: "arn:aws:rds:us-east-1:1:db:a", Class: "db.r5.xlarge", StorageType: "io1", AllocatedGiB: 1000, IOPS: 10000}
	after := MonthlyCostAfter(blue, "db.r7g.xlarge", &StorageSpec{Type: "gp3"}, BuiltinPrices())
	if after.IOPS.USD != 0 || math.Abs(after.Storage.USD-115) > 1e-9 || math.Abs(after.Instance.USD-0.468*730) > 1e-9 {
		t.Errorf("after: %+v", after)
	}
}
