package bluegreen

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// issueList is severity and id of issues, sorted.
func issueList(list []Issue) string {
	var out []string
	for _, i := range list {
		out = append(out, i.Severity+" "+i.ID)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

func TestChooseStorage(t *testing.T) {
	gp3 := TargetPolicy{StorageType: "gp3"}
	raise := TargetPolicy{StorageType: "gp3", RaiseTo400: true}
	numbers := func(iops, mibps int) TargetPolicy {
		return TargetPolicy{StorageType: "gp3", IOPS: iops, ThroughputMiBps: mibps}
	}
	vol := func(kind string, gib, iops, mibps int) Instance {
		return Instance{ID: "db", StorageType: kind, AllocatedGiB: gib, IOPS: iops, ThroughputMiBps: mibps}
	}
	for _, tc := range []struct {
		name   string
		vol    Instance
		pol    TargetPolicy
		want   string
		issues string
	}{
		{"small gp2", vol("gp2", 20, 0, 0), gp3, "gp3 20 GiB", ""},
		{"small gp2 is not raised", vol("gp2", 100, 0, 0), raise, "gp3 100 GiB", ""},
		{"gp2 170, no faster than 128 MiB/s", vol("gp2", 170, 0, 0), gp3, "gp3 170 GiB", ""},
		{"gp2 171 bursts to 250 MiB/s", vol("gp2", 171, 0, 0), gp3, "gp3 171 GiB", "warn gp3-throughput-lower"},
		{"gp2 299 is not cheap to raise", vol("gp2", 299, 0, 0), raise, "gp3 299 GiB", "warn gp3-throughput-lower"},
		{"gp2 300 is", vol("gp2", 300, 0, 0), raise, "gp3 400 GiB", ""},
		{"gp2 399", vol("gp2", 399, 0, 0), gp3, "gp3 399 GiB", "warn gp3-throughput-lower"},
		{"gp2 399 raised", vol("gp2", 399, 0, 0), raise, "gp3 400 GiB", ""},
		{"gp2 400 has 512 MiB/s", vol("gp2", 400, 0, 0), gp3, "gp3 400 GiB 12000 IOPS 512 MiB/s", ""},
		{"gp2 1000", vol("gp2", 1000, 0, 0), gp3, "gp3 1000 GiB 12000 IOPS 750 MiB/s", ""},
		{"gp2 1335", vol("gp2", 1335, 0, 0), gp3, "gp3 1335 GiB 12000 IOPS 1000 MiB/s", ""},
		{"gp2 1336", vol("gp2", 1336, 0, 0), gp3, "gp3 1336 GiB 12000 IOPS 1000 MiB/s", ""},
		{"gp2 4000", vol("gp2", 4000, 0, 0), gp3, "gp3 4000 GiB 12000 IOPS 1000 MiB/s", ""},
		{"gp2 4001", vol("gp2", 4001, 0, 0), gp3, "gp3 4001 GiB 12003 IOPS 1000 MiB/s", ""},
		{"gp2 10667 has 32,001 IOPS", vol("gp2", 10667, 0, 0), gp3, "gp3 10667 GiB 32001 IOPS 1000 MiB/s", ""},
		{"gp2 30000 is capped", vol("gp2", 30000, 0, 0), gp3, "gp3 30000 GiB 64000 IOPS 1000 MiB/s", ""},
		{"magnetic", vol("standard", 100, 0, 0), gp3, "gp3 100 GiB", ""},
		{"io1 that fits below 400", vol("io1", 200, 500, 0), gp3, "gp3 200 GiB", ""},
		{"io1 3,000 below 400", vol("io1", 200, 3000, 0), gp3, "gp3 200 GiB", "warn gp3-throughput-lower"},
		{"io1 3,001 below 400", vol("io1", 200, 3001, 0), gp3, "io1 200 GiB 3001 IOPS", "warn storage-does-not-fit"},
		{"io1 3,001 below 400, raised", vol("io1", 200, 3001, 0), raise, "gp3 400 GiB 12000 IOPS 750 MiB/s", ""},
		{"io1 1,000 at 400", vol("io1", 400, 1000, 0), gp3, "gp3 400 GiB", ""},
		{"io1 10,000", vol("io1", 1000, 10000, 0), gp3, "gp3 1000 GiB 12000 IOPS 2500 MiB/s", ""},
		{"io1 40,000", vol("io1", 2000, 40000, 0), gp3, "gp3 2000 GiB 40000 IOPS 4000 MiB/s", ""},
		{"io2 64,000", vol("io2", 2000, 64000, 0), gp3, "gp3 2000 GiB 64000 IOPS 4000 MiB/s", ""},
		{"io2 64,001", vol("io2", 2000, 64001, 0), gp3, "io2 2000 GiB 64001 IOPS", "warn storage-does-not-fit"},
		{"io2 100,000, fewer asked for", vol("io2", 2000, 100000, 0), numbers(20000, 500), "gp3 2000 GiB 20000 IOPS 500 MiB/s", "warn storage-below-today, warn storage-below-today"},
		{"gp3 as it is, small", vol("gp3", 100, 3000, 125), gp3, "gp3 100 GiB", ""},
		{"gp3 as it is, striped", vol("gp3", 400, 12000, 500), gp3, "gp3 400 GiB", ""},
		{"gp3 provisioned", vol("gp3", 1000, 20000, 1500), gp3, "gp3 1000 GiB 20000 IOPS 1500 MiB/s", ""},
		{"numbers", vol("gp2", 500, 0, 0), numbers(16000, 1000), "gp3 500 GiB 16000 IOPS 1000 MiB/s", ""},
		{"numbers below 400 GiB are not sent", vol("gp2", 100, 0, 0), numbers(16000, 1000), "gp3 100 GiB", ""},
		{"too few IOPS for the throughput", vol("gp2", 500, 0, 0), numbers(12000, 3200), "gp3 500 GiB 12800 IOPS 3200 MiB/s", ""},
		{"throughput follows IOPS above 32,000", vol("gp2", 500, 0, 0), numbers(40000, 500), "gp3 500 GiB 40000 IOPS 625 MiB/s", "warn storage-below-today"},
		{"at 32,000 it does not", vol("gp2", 500, 0, 0), numbers(32000, 0), "gp3 500 GiB 32000 IOPS 512 MiB/s", ""},
		{"more than gp3 has", vol("gp2", 500, 0, 0), numbers(64001, 0), "gp2 500 GiB", "warn storage-does-not-fit"},
		{"more throughput than gp3 has", vol("gp2", 500, 0, 0), numbers(64000, 9000), "gp3 500 GiB 64000 IOPS 4000 MiB/s", ""},
		{"fewer than the least", vol("io1", 500, 1000, 0), numbers(3000, 0), "gp3 500 GiB", ""},
		{"lower numbers for gp3 are sent", vol("gp3", 500, 20000, 1000), numbers(12000, 500), "gp3 500 GiB 12000 IOPS 500 MiB/s", "warn storage-below-today, warn storage-below-today"},
		{"keep gp2", vol("gp2", 500, 1500, 0), TargetPolicy{StorageType: "keep"}, "gp2 500 GiB", ""},
		{"keep io1", vol("io1", 500, 5000, 0), TargetPolicy{}, "io1 500 GiB 5000 IOPS", ""},
		{"keep gp3", vol("gp3", 500, 15000, 600), TargetPolicy{StorageType: "keep"}, "gp3 500 GiB 15000 IOPS 600 MiB/s", ""},
		{"keep gp3 at 400", vol("gp3", 400, 13000, 600), TargetPolicy{StorageType: "keep"}, "gp3 400 GiB 13000 IOPS 600 MiB/s", ""},
		{"keep small gp3", vol("gp3", 100, 3000, 125), TargetPolicy{StorageType: "keep"}, "gp3 100 GiB", ""},
		{"dedicated log volume", Instance{ID: "db", StorageType: "io2", AllocatedGiB: 500, IOPS: 20000, DedicatedLog: true}, gp3, "io2 500 GiB 20000 IOPS", "warn storage-dedicated-log"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := chooseStorage(tc.vol, 0, tc.pol)
			if diff := cmp.Diff(tc.want, got.spec.String()); diff != "" {
				t.Errorf("storage (-want +got):\n%s\n%v", diff, got.notes)
			}
			if diff := cmp.Diff(tc.issues, issueList(got.issues)); diff != "" {
				t.Errorf("issues (-want +got):\n%s", diff)
			}
		})
	}
}

// TestStorageNeverLess goes through sizes and types: with keep, gp3 never gives
// less than today without an issue that says so, and never breaks RDS's limits.
func TestStorageNeverLess(t *testing.T) {
	for _, raise := range []bool{false, true} {
		for _, kind := range []string{"gp2", "gp3", "io1", "io2", "standard"} {
			for gib := 20; gib <= 65536; gib += max(1, gib/7) {
				for _, iops := range []int{0, 1000, 3000, 12000, 12001, 32000, 33333, 64000, 64001} {
					i := Instance{ID: "db", StorageType: kind, AllocatedGiB: gib, IOPS: iops}
					if kind == "gp3" && (gib < 400 || iops > 0 && iops < 12000 || iops > 64000) {
						i.IOPS = 0
					}
					c := chooseStorage(i, 0, TargetPolicy{StorageType: "gp3", RaiseTo400: raise})
					if bad := gp3Mistake(i, c); bad != "" {
						t.Fatalf("%s: %s -> %s: %s", fmt.Sprint(raise), describeStorage(i), c.spec, bad)
					}
				}
			}
		}
	}
}

func TestChooseStorageNotes(t *testing.T) {
	note := func(kind string, iops int, pol TargetPolicy) string {
		return strings.Join(chooseStorage(Instance{ID: "db", StorageType: kind, AllocatedGiB: 1000, IOPS: iops}, 0, pol).notes, "; ")
	}
	if got := note("io1", 10000, TargetPolicy{StorageType: "gp3"}); !strings.Contains(got, "cheaper") {
		t.Errorf("io1's throughput is paid for without a word: %q", got)
	}
	for _, quiet := range []string{note("io1", 4000, TargetPolicy{StorageType: "gp3"}), note("gp2", 0, TargetPolicy{StorageType: "gp3"}),
		note("io2", 10000, TargetPolicy{StorageType: "gp3", IOPS: 12000, ThroughputMiBps: 3000})} {
		if quiet != "" {
			t.Errorf("a note that says nothing new: %q", quiet)
		}
	}
}

func gp3Mistake(i Instance, c storageChoice) string {
	s := c.spec
	if s.Type != "gp3" {
		if len(c.issues) == 0 {
			return "stays without an issue"
		}
		return ""
	}
	has := performance{gp3SmallIOPS, gp3SmallMiBps}
	if s.AllocatedGiB >= 400 {
		has = performance{max(s.IOPS, 12000), max(s.ThroughputMiBps, 500)}
	} else if s.IOPS != 0 || s.ThroughputMiBps != 0 {
		return "performance provisioned below 400 GiB"
	}
	today := deliveredToday(i)
	switch {
	case (s.IOPS == 0) != (s.ThroughputMiBps == 0):
		return "IOPS and throughput go together"
	case has.iops > 64000 || has.mibps > 4000 || has.mibps*4 > has.iops || has.iops > 500*s.AllocatedGiB && s.IOPS > 0:
		return "outside of gp3's limits"
	case has.iops > 32000 && has.mibps*64 < has.iops:
		return "RDS would raise the throughput"
	case s.AllocatedGiB < i.AllocatedGiB:
		return "shrinks"
	case has.iops < today.iops && i.StorageType != "standard":
		return "fewer IOPS"
	case has.mibps < today.mibps && today.mibps > 128 && len(c.issues) == 0:
		return "less throughput, and nobody says so"
	}
	return ""
}
