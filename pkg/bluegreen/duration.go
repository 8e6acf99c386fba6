package bluegreen

import (
	"fmt"
	"math"
	"slices"
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
	// RestsOn is what was known for them: "size only", or "size, 12000 tables,
	// writes" and what else.
	RestsOn string `json:"rests_on,omitempty"`
	// Basis is how the figures were come by.
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
// user guide (USER_UpgradeDBInstance.MySQL.Major), and 37 hours are reported for
// very many tables (re:Post QUL22jKMeRSnq3xXAyx5_u-A); everything else is ours,
// from public reports of builds, and is replaced by the campaign's own pace.
const (
	snapshotMinutes   = 25   // restore and first replication, whatever the size
	upgradeMinutes    = 10   // of a database with few tables
	tablesPerMinute   = 500  // added to the upgrade
	programsPerMinute = 5000 // added to the upgrade: views, routines, triggers, events
	copyMiBps         = 150  // volume initialization, read from S3
	configMiBps       = 50   // file system upgrade of the storage
	classMinutes      = 15   // one instance class change
	optimizeMinutes   = 30   // one storage change after create
	applyRatio        = 0.3  // of the build's time, for a write rate that is not known
	applyMiBps        = 20   // of redo that a replica replays
	switchCallMinutes = 5
	highFactor        = 3
	surerFactor       = 2 // from surePace measured builds on
	enoughPace        = 3
	surePace          = 10
)

// Objects is what a server holds besides data, and how much it writes.
type Objects struct {
	Tables   int `json:"tables"`
	Programs int `json:"programs"` // views, routines, triggers, events
	// RedoMiBps is the redo log written a second, on average since the server's
	// start; it means nothing unless RedoKnown.
	RedoMiBps float64 `json:"redo_mibps,omitempty"`
	RedoKnown bool    `json:"redo_known,omitempty"`
	// From says who told: a precheck and its day, or the server itself.
	From string `json:"from,omitempty"`
}

// Pace is how long the campaign's own greens took, against what was estimated.
type Pace struct {
	Factor float64 `json:"factor"` // median of measured by estimated
	Greens int     `json:"greens"`
}

// PaceOf is the median of measured against estimated times, each pair one
// green; nil when there are too few to correct by. It is held between a fifth
// and five times, since more tells of something else than pace.
func PaceOf(measured, estimated []time.Duration) *Pace {
	var ratios []float64
	for n := range measured {
		if n < len(estimated) && measured[n] > 0 && estimated[n] > 0 {
			ratios = append(ratios, float64(measured[n])/float64(estimated[n]))
		}
	}
	if len(ratios) < enoughPace {
		return nil
	}
	slices.Sort(ratios)
	mid := ratios[len(ratios)/2]
	if len(ratios)%2 == 0 {
		mid = (mid + ratios[len(ratios)/2-1]) / 2
	}
	return &Pace{Factor: min(5, max(0.2, mid)), Greens: len(ratios)}
}

// DurationFacts is what EstimateDuration needs to know.
type DurationFacts struct {
	Blue     Instance
	Replicas []Instance
	Hop      Hop
	Target   Target
	// Objects are nil when they are not known.
	Objects *Objects
	// Load is what was measured, nil when it was not.
	Load *Load
	// Pace corrects by the campaign's own greens, nil when there are none.
	Pace *Pace
}

// EstimateDuration is pure arithmetic over sizes and what has to be done.
func EstimateDuration(f DurationFacts) Duration {
	d := Duration{RestsOn: f.restsOn()}
	note := func(format string, args ...any) { d.Basis = append(d.Basis, fmt.Sprintf(format, args...)) }
	d.BuildMinutes = snapshotMinutes
	if majorHop(f.Hop) {
		d.BuildMinutes += upgradeMinutes
		if o := f.Objects; o != nil {
			d.BuildMinutes += o.Tables/tablesPerMinute + o.Programs/programsPerMinute
			note("upgrade of %d tables and %d views, routines, triggers and events (%s)", o.Tables, o.Programs, o.From)
		} else {
			note("number of tables not known (plan --ask, or a precheck, tells): very many make the upgrade hours long")
		}
	}
	d.BuildMinutes += len(f.Replicas) * snapshotMinutes / 2
	if f.Target.Storage.UpgradeConfig {
		d.BuildMinutes += minutesFor(f.Blue.AllocatedGiB, configMiBps)
		note("storage configuration upgrade of %d GiB", f.Blue.AllocatedGiB)
	}
	d.AdjustMinutes = f.adjusting(note)
	d.CatchMinutes = catchUp(d.BuildMinutes+d.AdjustMinutes, f, note)
	d.SwitchMinutes = switchCallMinutes
	high := highFactor
	if p := f.Pace; p != nil {
		for _, m := range []*int{&d.BuildMinutes, &d.AdjustMinutes, &d.CatchMinutes} {
			*m = int(math.Ceil(float64(*m) * p.Factor))
		}
		note("times %.2f, the median of this campaign's %d greens", p.Factor, p.Greens)
		if p.Greens >= surePace {
			high = surerFactor
		}
	}
	d.HighMinutes = high * (d.BuildMinutes + d.AdjustMinutes + d.CatchMinutes + d.SwitchMinutes)
	return d
}

// restsOn names in short what was known.
func (f DurationFacts) restsOn() string {
	parts := []string{"size"}
	if o := f.Objects; o != nil && majorHop(f.Hop) {
		parts = append(parts, plural(o.Tables, "table"))
	}
	if f.Load != nil && f.Load.Points > 0 || f.Objects != nil && f.Objects.RedoKnown {
		parts = append(parts, "writes")
	}
	if f.Pace != nil {
		parts = append(parts, "pace of "+plural(f.Pace.Greens, "green"))
	}
	if len(parts) == 1 {
		return "size only"
	}
	return strings.Join(parts, ", ")
}

// adjusting is what comes after the create: initialization, classes, storage.
func (f DurationFacts) adjusting(note func(string, ...any)) int {
	minutes := 0
	if family, _, _ := splitClass(orElse(f.Target.CreateClass, f.Blue.Class)); !strings.HasPrefix(family, "t") {
		minutes = minutesFor(f.Blue.AllocatedGiB, copyMiBps)
		note("initialization of %d GiB at %d MiB/s", f.Blue.AllocatedGiB, copyMiBps)
	}
	if f.Target.Class != orElse(f.Target.CreateClass, f.Blue.Class) {
		minutes += classMinutes
		note("class changed after create")
	}
	if UpgradesAfterCreate(f.Blue, f.Hop) {
		note("upgraded after create, because of the option group")
	}
	for _, r := range f.Replicas {
		if f.Target.ReplicaClass[r.ID] != r.Class {
			minutes += classMinutes
		}
		if st := f.Target.ReplicaStorage[r.ID]; st.Type != "" && st.Type != r.StorageType {
			minutes += optimizeMinutes + minutesFor(r.AllocatedGiB, copyMiBps)
		}
	}
	return minutes
}

// catchUp is how long green replays what blue wrote meanwhile.
func catchUp(behind int, f DurationFacts, note func(string, ...any)) int {
	var ratio float64
	switch {
	case f.Load != nil && f.Load.Points > 0:
		ratio = f.Load.MiBps / copyMiBps
		note("measured p99 of %.0f MiB/s", f.Load.MiBps)
	case f.Objects != nil && f.Objects.RedoKnown:
		ratio = f.Objects.RedoMiBps / applyMiBps
		note("writes %.2f MiB/s of redo since its start, replay taken as %d MiB/s", f.Objects.RedoMiBps, applyMiBps)
	default:
		note("write rate not known: catching up is taken as %d %% of the build", int(applyRatio*100))
		return int(float64(behind) * applyRatio)
	}
	ratio = min(ratio, 0.9)
	return int(float64(behind) * ratio / (1 - ratio))
}

func minutesFor(gib, mibps int) int { return (gib*1024/mibps + 59) / 60 }
