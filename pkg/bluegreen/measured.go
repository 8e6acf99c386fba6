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

func withHeadroom(v float64) int { return int(math.Ceil(v * headroom)) }
