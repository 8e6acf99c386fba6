package bluegreen

import (
	"fmt"
	"strings"
	"time"
)

// Duration is what one hop of one database would take, roughly. RDS promises
// nothing: builds of tens of minutes and of more than four hours are reported
// for databases of the same size. The figures say so by their range.
type Duration struct {
	BuildMinutes  int `json:"build_minutes"`    // until RDS says AVAILABLE
	AdjustMinutes int `json:"adjust_minutes"`   // class, storage and initialization afterwards
	CatchMinutes  int `json:"catch_up_minutes"` // until the replica lag is gone
	SwitchMinutes int `json:"switch_minutes"`   // the call, not the outage
	// HighMinutes is the whole with what is usually slower than expected.
	HighMinutes int `json:"high_minutes"`
	// Basis is what the figures rest on.
	Basis []string `json:"basis,omitempty"`
}

// Total is the sum of the parts.
func (d Duration) Total() time.Duration {
	return time.Duration(d.BuildMinutes+d.AdjustMinutes+d.CatchMinutes+d.SwitchMinutes) * time.Minute
}

// High is the slow end of the range.
func (d Duration) High() time.Duration { return time.Duration(d.HighMinutes) * time.Minute }

// Ready is the time from create to a green that may be switched over.
func (d Duration) Ready() time.Duration {
	return d.Total() - time.Duration(d.SwitchMinutes)*time.Minute
}

// What the estimate assumes. The engine upgrade is "about 10 minutes" by the
// user guide (USER_UpgradeDBInstance.MySQL.Major); everything else is ours,
// from public reports of builds, to be replaced by the campaign's own history.
const (
	snapshotMinutes   = 25  // restore and first replication, whatever the size
	upgradeMinutes    = 10  // of a database with few tables
	tablesPerMinute   = 500 // added to the upgrade
	copyMiBps         = 150 // volume initialization, read from S3
	configMiBps       = 50  // file system upgrade of the storage
	classMinutes      = 15  // one instance class change
	optimizeMinutes   = 30  // one storage change after create
	applyRatio        = 0.3 // of the build's time, for a write rate that is not known
	switchCallMinutes = 5
	highFactor        = 3
)

// DurationFacts is what Estimate needs to know.
type DurationFacts struct {
	Blue     Instance
	Replicas []Instance
	Hop      Hop
	Target   Target
	// Tables is the number of tables, 0 when it is not known.
	Tables int
	// Load is what was measured, nil when it was not.
	Load *Load
}

// EstimateDuration is pure arithmetic over sizes and what has to be done.
func EstimateDuration(f DurationFacts) Duration {
	var d Duration
	note := func(format string, args ...any) { d.Basis = append(d.Basis, fmt.Sprintf(format, args...)) }
	d.BuildMinutes = snapshotMinutes
	if majorHop(f.Hop) {
		d.BuildMinutes += upgradeMinutes + f.Tables/tablesPerMinute
		if f.Tables == 0 {
			note("number of tables not known: very many make the upgrade hours long")
		}
	}
	d.BuildMinutes += len(f.Replicas) * snapshotMinutes / 2
	if f.Target.Storage.UpgradeConfig {
		d.BuildMinutes += minutesFor(f.Blue.AllocatedGiB, configMiBps)
		note("storage configuration upgrade of %d GiB", f.Blue.AllocatedGiB)
	}
	if family, _, _ := splitClass(orElse(f.Target.CreateClass, f.Blue.Class)); !strings.HasPrefix(family, "t") {
		d.AdjustMinutes = minutesFor(f.Blue.AllocatedGiB, copyMiBps)
		note("initialization of %d GiB at %d MiB/s", f.Blue.AllocatedGiB, copyMiBps)
	}
	if f.Target.Class != orElse(f.Target.CreateClass, f.Blue.Class) {
		d.AdjustMinutes += classMinutes
		note("class changed after create")
	}
	if UpgradesAfterCreate(f.Blue, f.Hop) {
		note("upgraded after create, because of the option group")
	}
	for _, r := range f.Replicas {
		if f.Target.ReplicaClass[r.ID] != r.Class {
			d.AdjustMinutes += classMinutes
		}
		if st := f.Target.ReplicaStorage[r.ID]; st.Type != "" && st.Type != r.StorageType {
			d.AdjustMinutes += optimizeMinutes + minutesFor(r.AllocatedGiB, copyMiBps)
		}
	}
	d.CatchMinutes = catchUp(d.BuildMinutes+d.AdjustMinutes, f, note)
	d.SwitchMinutes = switchCallMinutes
	d.HighMinutes = highFactor * (d.BuildMinutes + d.AdjustMinutes + d.CatchMinutes + d.SwitchMinutes)
	return d
}

// catchUp is how long green replays what blue wrote meanwhile.
func catchUp(behind int, f DurationFacts, note func(string, ...any)) int {
	if f.Load == nil || f.Load.Points == 0 {
		note("write rate not known: catching up is taken as %d %% of the build", int(applyRatio*100))
		return int(float64(behind) * applyRatio)
	}
	ratio := min(f.Load.MiBps/copyMiBps, 0.9)
	note("measured p99 of %.0f MiB/s", f.Load.MiBps)
	return int(float64(behind) * ratio / (1 - ratio))
}

func minutesFor(gib, mibps int) int { return (gib*1024/mibps + 59) / 60 }
