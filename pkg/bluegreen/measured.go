package bluegreen

import (
	"fmt"
	"math"
)

// Load is what an instance's storage had to do: the 99th percentile of
// five-minute averages over two weeks.
type Load struct {
	IOPS   float64 `json:"iops"`   // reads and writes a second
	MiBps  float64 `json:"mibps"`  // read and written
	Points int     `json:"points"` // five-minute samples with a value; 4,032 are two weeks
	// FreeGiB is the least free storage of late; it means nothing unless FreeKnown.
	FreeGiB   float64 `json:"free_gib,omitempty"`
	FreeKnown bool    `json:"free_known,omitempty"`
}

// enoughPoints is a week of five-minute samples; less is too thin to size by.
const enoughPoints = 2016

// headroom is what sizing by measurement leaves above the 99th percentile: the
// averages of five minutes hide the peaks within them.
const headroom = 1.5

// demand is the performance that a target must give: what the volume delivers
// today, or what was measured of it where that is less. measured tells which.
func (pol TargetPolicy) demand(i Instance) (need performance, measured bool, note string) {
	today := deliveredToday(i)
	l, ok := pol.Measured[i.ID]
	switch {
	case pol.Measured == nil:
		return today, false, ""
	case !ok || l.Points < enoughPoints:
		return today, false, fmt.Sprintf("%s: sized by what it has: CloudWatch holds %d of the %d samples that sizing by measurement needs", i.ID, l.Points, enoughPoints)
	}
	need = performance{iops: min(today.iops, withHeadroom(l.IOPS)), mibps: min(today.mibps, withHeadroom(l.MiBps))}
	return need, true, fmt.Sprintf("%s: measured p99 of 14 days %.0f IOPS and %.0f MiB/s; sized for %d and %d, it has %d and %d",
		i.ID, l.IOPS, l.MiBps, need.iops, need.mibps, today.iops, today.mibps)
}

// RDS shrinks a volume to no less than 1.2 times what is used (user guide,
// blue-green-deployments-creating); we leave a tenth more for what is written
// until the create. A volume keeps its size unless a tenth of it is saved.
const (
	shrinkFactor  = 1.2 * 1.1
	smallestGiB   = 20
	worthShrinkTo = 0.9
)

// size is the allocated storage to ask for: today's, or less where the policy
// wants that and the used part is known. From 400 GiB a volume stays at least
// there when its load needs what gp3 gives only there.
func (pol TargetPolicy) size(i Instance) (gib int, note string) {
	l, known := pol.Measured[i.ID]
	switch {
	case !pol.Shrink:
		return i.AllocatedGiB, ""
	case !known || !l.FreeKnown:
		return i.AllocatedGiB, i.ID + ": is not shrunk, its free storage was not measured"
	}
	used := max(0, float64(i.AllocatedGiB)-l.FreeGiB)
	gib = max(smallestGiB, int(math.Ceil(used*shrinkFactor)))
	if need, _, _ := pol.demand(i); need.iops > gp3SmallIOPS || need.mibps > gp2SmallMiBps {
		gib = max(gib, min(stripeGiB, i.AllocatedGiB))
	}
	if float64(gib) > worthShrinkTo*float64(i.AllocatedGiB) {
		return i.AllocatedGiB, ""
	}
	return gib, fmt.Sprintf("%s: shrinks from %d to %d GiB, %.0f GiB are used; RDS rewrites the storage, which takes hours", i.ID, i.AllocatedGiB, gib, used)
}

func withHeadroom(v float64) int { return int(math.Ceil(v * headroom)) }
