package simcloud

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

// Job is what one database takes of a campaign's limits, whatever the order of
// turns: the times of several hops are summed.
type Job struct {
	Wave                     int
	Account, Region, Service string
	Build                    time.Duration // holds a slot of limits.build
	Settle                   time.Duration // catches up and is verified; holds no slot
	Switch                   time.Duration // holds a slot of limits.switch, and its service
	Soak                     time.Duration
}

// tail is what follows the build at the least.
func (j Job) tail() time.Duration { return j.Settle + j.Switch + j.Soak }

// Bound is a moment before which no schedule whatever could end the jobs that
// begin at start within the plan's waves, limits, batches and windows: the
// largest of each database's own road, of what every limit has to carry divided
// by the limit, of each service's switchovers one after another, and of the
// batches' soaks, wave upon wave (Graham, "Bounds on Multiprocessing Timing
// Anomalies", 1969, for a single list). Failures, approvals, prices and the
// quota are not in it, and windows only where a wave's switchovers begin, so a
// campaign may be unable to reach it.
func Bound(p *plan.Plan, jobs []Job, start time.Time) time.Time {
	before, last := start, start // the ends of the wave before the last one, and of the last
	var green time.Duration
	for w := range p.Waves {
		var mine []Job
		for _, j := range jobs {
			if j.Wave == w {
				mine = append(mine, j)
				green += j.Build + j.Settle + j.Switch
			}
		}
		if len(mine) == 0 {
			continue
		}
		from := last
		if p.Run.BuildAhead {
			from = before // its builds may begin with the wave before
		}
		before, last = last, waveBound(p, p.Waves[w], mine, from, last)
	}
	if n := p.Run.MaxGreens; n > 0 {
		last = later(last, start.Add(green/time.Duration(n)))
	}
	return last
}

// waveBound is the bound of one wave, whose builds may begin at builds and its
// switchovers at switches.
func waveBound(p *plan.Plan, w plan.Wave, jobs []Job, builds, switches time.Time) time.Time {
	open := opening(p, switches)
	end := open
	ready := jobs[0].Build + jobs[0].Settle
	for _, j := range jobs {
		ready = min(ready, j.Build+j.Settle)
		end = later(end, opening(p, later(open, builds.Add(j.Build+j.Settle))).Add(j.Switch+j.Soak))
	}
	open = opening(p, later(open, builds.Add(ready)))
	build := func(j Job) (time.Duration, time.Duration) { return j.Build, j.tail() }
	swap := func(j Job) (time.Duration, time.Duration) { return j.Switch, j.Soak }
	one := func(Job) string { return "" }
	account := func(j Job) string { return j.Account }
	region := func(j Job) string { return j.Account + "/" + j.Region }
	service := func(j Job) string { return j.Service }
	for _, l := range []struct {
		limit int
		of    func(Job) string
		cost  func(Job) (time.Duration, time.Duration)
		from  time.Time
		named bool // jobs without a name are not bounded
	}{
		{w.BuildLimit, one, build, builds, false}, {p.Run.Builds.Account, account, build, builds, false},
		{p.Run.Builds.Region, region, build, builds, false}, {p.Run.Builds.Service, service, build, builds, true},
		{w.SwitchLimit, one, swap, open, false}, {p.Run.Switches.Account, account, swap, open, false},
		{p.Run.Switches.Region, region, swap, open, false}, {1, service, swap, open, true},
	} {
		groups := map[string][]load{}
		for _, j := range jobs {
			if name := l.of(j); l.limit > 0 && !(l.named && name == "") {
				work, tail := l.cost(j)
				groups[name] = append(groups[name], load{work, tail})
			}
		}
		for _, g := range groups {
			end = later(end, l.from.Add(carry(g, l.limit)))
		}
	}
	return later(end, open.Add(max(alone(jobs), batches(w, jobs))))
}

// load is work that holds a slot, and what follows it without one.
type load struct{ work, tail time.Duration }

// carry is how long slots need for the loads at the least, tails included: all
// work of those with a tail of at least t, divided by the slots, and t; and, as
// no work is divided, the k+1 shortest of the k*slots+1 longest, which one slot
// must do one after another.
func carry(loads []load, slots int) time.Duration {
	var best, sum time.Duration
	slices.SortFunc(loads, func(a, b load) int { return cmp.Compare(b.tail, a.tail) })
	for _, l := range loads {
		sum += l.work
		best = max(best, sum/time.Duration(slots)+l.tail)
	}
	least := loads[len(loads)-1].tail
	slices.SortFunc(loads, func(a, b load) int { return cmp.Compare(b.work, a.work) })
	for k := 1; k*slots < len(loads); k++ {
		sum = 0
		for i := k*slots - k; i <= k*slots; i++ {
			sum += loads[i].work
		}
		best = max(best, sum+least)
	}
	return best
}

// alone: one database switches before all others.
func alone(jobs []Job) time.Duration {
	if len(jobs) < 2 {
		return 0
	}
	byEnd := slices.SortedFunc(slices.Values(jobs), func(a, b Job) int { return cmp.Compare(b.Switch+b.Soak, a.Switch+a.Soak) })
	// The first is the one with the longest end, or it is not.
	best := byEnd[0].Switch + byEnd[1].Switch + byEnd[1].Soak
	for _, j := range byEnd[1:] {
		best = min(best, j.Switch+byEnd[0].Switch+byEnd[0].Soak)
	}
	return best
}

// batches is how long the wave's batches soak one after another.
func batches(w plan.Wave, jobs []Job) time.Duration {
	least := jobs[0].Switch + jobs[0].Soak
	for _, j := range jobs {
		least = min(least, j.Switch+j.Soak)
	}
	var sum time.Duration
	for through := 0; through < len(jobs); sum += least {
		through = w.Allowed(len(jobs), through)
	}
	return sum
}

// opening is when switchovers may begin at t or after it.
func opening(p *plan.Plan, t time.Time) time.Time {
	if p.Switchover.Open(t) {
		return t
	}
	if next, ok := p.Switchover.NextOpen(t); ok {
		return next
	}
	return t
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// jobs are what the databases of a run took, as the engine saw it: from a call
// to the look that shows its end.
func (c *campaign) jobs() []Job {
	waves := map[string]int{}
	for n, w := range c.Plan.Waves {
		waves[w.Name] = n
	}
	service := map[string]string{}
	for _, d := range c.run.Status.Databases {
		service[d.Key()] = d.Service
	}
	var all []Job
	for _, t := range c.run.Tracks {
		at := strings.Split(t.Key, "/")
		j := Job{Wave: waves[t.Wave], Account: at[0], Region: at[1], Service: service[t.Key], Build: t.asked[0], Switch: t.asked[1]}
		ready := false // parked greens are read again and again; that is no settling
		for n, leg := range t.Stages {
			end := c.run.End
			if n+1 < len(t.Stages) {
				end = t.Stages[n+1].At
			}
			took := end.Sub(leg.At)
			switch bluegreen.Stage(leg.Stage) {
			case bluegreen.Building, bluegreen.Adjusting:
				j.Build += took
				ready = false
			case bluegreen.CatchingUp, bluegreen.Verifying:
				if !ready {
					j.Settle += took
				}
			case bluegreen.Ready:
				ready = true
			case bluegreen.Switching, bluegreen.Switched:
				j.Switch += took
			case bluegreen.Soaking:
				j.Soak += took
			}
		}
		if j.Build > 0 {
			all = append(all, j)
		}
	}
	return all
}
