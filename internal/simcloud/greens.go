package simcloud

import (
	"slices"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
)

// step is one green more or less at a time.
type step struct {
	at    time.Time
	green int
	build int
}

// countGreens finds how many greens were alive and being built at most, and
// what they cost beside their blues.
func (c *campaign) countGreens(st fleet.Status) {
	var steps []step
	status := map[string]fleet.DatabaseStatus{}
	for _, d := range st.Databases {
		status[d.Account+"/"+d.Region+"/"+d.ID] = d
	}
	for _, t := range c.run.Tracks {
		var hours float64
		for n, leg := range t.Stages {
			end := c.run.End
			if n+1 < len(t.Stages) {
				end = t.Stages[n+1].At
			}
			s := bluegreen.Stage(leg.Stage)
			if s.HasGreen() {
				steps = append(steps, step{leg.At, 1, 0}, step{end, -1, 0})
				hours += end.Sub(leg.At).Hours()
			}
			if s == bluegreen.Building || s == bluegreen.Adjusting {
				steps = append(steps, step{leg.At, 0, 1}, step{end, 0, -1})
			}
		}
		if hours > 0 {
			c.run.Cost = addCost(c.run.Cost, c.greenCost(status[t.Key], hours))
		}
	}
	slices.SortFunc(steps, func(a, b step) int {
		if n := a.at.Compare(b.at); n != 0 {
			return n
		}
		return a.green + a.build - b.green - b.build // ends before begins
	})
	green, build := 0, 0
	for _, s := range steps {
		green, build = green+s.green, build+s.build
		c.run.PeakGreens, c.run.PeakBuilding = max(c.run.PeakGreens, green), max(c.run.PeakBuilding, build)
	}
}

// greenCost is what a green and its replicas cost in so many hours.
func (c *campaign) greenCost(d fleet.DatabaseStatus, hours float64) bluegreen.Estimate {
	i := bluegreen.Instance{ARN: "arn:aws:rds:" + d.Region + ":" + d.Account + ":db:" + d.ID, Class: or(d.TargetClass, d.InstanceClass),
		StorageType: or(d.TargetStorage, d.StorageType), AllocatedGiB: d.AllocatedGiB, MultiAZ: d.MultiAZ}
	e := bluegreen.MonthlyCost(i, c.Prices).Total
	e.USD *= hours / bluegreen.HoursPerMonth * float64(1+d.Replicas)
	return e
}

func addCost(sum, e bluegreen.Estimate) bluegreen.Estimate {
	if sum.Source == "" && sum.USD == 0 {
		return e
	}
	return sum.Add(e)
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
