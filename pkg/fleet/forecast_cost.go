package fleet

import (
	"slices"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// DatabaseCost is what a database costs with its replicas. Months have 730
// hours; every figure is an estimate at on-demand prices.
type DatabaseCost struct {
	Before bluegreen.Monthly `json:"before_month"`
	After  bluegreen.Monthly `json:"after_month"`
	// FeeNow and FeeAfter are Extended Support per day, today and on the target;
	// FeeFirstHop is where the road would be left after its first hop.
	FeeNow      bluegreen.Estimate `json:"fee_now_day"`
	FeeFirstHop bluegreen.Estimate `json:"fee_after_first_hop_day"`
	FeeAfter    bluegreen.Estimate `json:"fee_after_day"`
	// GreenPerDay is what a green costs while it lives beside its blue,
	// OldBluePerDay what the old blue goes on costing until it is deleted, fee included.
	GreenPerDay   bluegreen.Estimate `json:"green_day"`
	OldBluePerDay bluegreen.Estimate `json:"old_blue_day"`
	// MeasuredSaving is what sizing by measured load saves in a month against
	// sizing by what is provisioned; nil when it was not measured.
	MeasuredSaving *bluegreen.Estimate `json:"measured_saving_month,omitempty"`
}

// FleetCost sums the databases'. The months are of those databases whose prices
// are known on both sides; Unpriced counts the others, so that a missing price
// never looks like a saving.
type FleetCost struct {
	Unpriced int `json:"unpriced"`
	// UnpricedFor says what has no price, each once: "class db.x2g.large".
	UnpricedFor   []string            `json:"unpriced_for,omitempty"`
	BeforeMonth   bluegreen.Estimate  `json:"before_month"`
	AfterMonth    bluegreen.Estimate  `json:"after_month"`
	FeeNowDay     bluegreen.Estimate  `json:"fee_now_day"`
	FeeFirstDay   bluegreen.Estimate  `json:"fee_after_first_hop_day"`
	FeeAfterDay   bluegreen.Estimate  `json:"fee_after_day"`
	OldBluesDay   bluegreen.Estimate  `json:"old_blues_day"`
	MeasuredMonth *bluegreen.Estimate `json:"measured_saving_month,omitempty"`
	// Reserved is what becomes of reservations, by scope and family.
	Reserved map[string][]bluegreen.ReservedChange `json:"reserved,omitempty"`
	// Source and AsOf are the price file's.
	Source string `json:"source"`
	AsOf   string `json:"as_of"`
}

// perDay turns a month's estimate into a day's.
func perDay(m bluegreen.Estimate) bluegreen.Estimate {
	m.USD *= 24 / bluegreen.HoursPerMonth
	return m
}

func sumMonthly(a, b bluegreen.Monthly) bluegreen.Monthly {
	return bluegreen.Monthly{Instance: a.Instance.Add(b.Instance), Storage: a.Storage.Add(b.Storage), IOPS: a.IOPS.Add(b.IOPS),
		Throughput: a.Throughput.Add(b.Throughput), Total: a.Total.Add(b.Total)}
}

func monthlyOf(members []bluegreen.Instance, p *bluegreen.Prices) bluegreen.Monthly {
	var sum bluegreen.Monthly
	for n, i := range members {
		m := bluegreen.MonthlyCost(i, p)
		if n == 0 {
			sum = m
			continue
		}
		sum = sumMonthly(sum, m)
	}
	return sum
}

// cost is the database's over its road.
func (r road) cost(steps []HopPlan) *DatabaseCost {
	now := append([]bluegreen.Instance{r.blue}, r.replicas...)
	then := r.members(steps)
	cal := r.ref.lifecycles
	c := &DatabaseCost{Before: monthlyOf(now, r.prices), After: monthlyOf(then, r.prices), FeeNow: fee(now, r.now, cal, r.prices)}
	c.FeeFirstHop, c.FeeAfter = c.FeeNow, c.FeeNow
	if len(steps) > 0 {
		c.FeeFirstHop, c.FeeAfter = steps[0].FeePerDay, steps[len(steps)-1].FeePerDay
		c.GreenPerDay = perDay(c.After.Total).Add(c.FeeFirstHop)
		c.OldBluePerDay = perDay(c.Before.Total).Add(c.FeeNow)
	}
	if len(r.in.loads) > 0 && len(steps) > 0 {
		plain := r
		plain.in.loads = nil
		target, _ := bluegreen.ResolveTarget(r.blue, r.replicas, r.hops[0], targetPolicy(r.in.plan, nil), r.in.market(r.hops[0]))
		saving := monthlyOf(plain.members(plain.steps(target)), r.prices).Total
		saving.USD -= c.After.Total.USD
		saving.Known = saving.Known && c.After.Total.Known
		c.MeasuredSaving = &saving
	}
	return c
}

// members are the database's instances at the end of the road.
func (r road) members(steps []HopPlan) []bluegreen.Instance {
	at, replicas := r.blue, r.replicas
	for _, s := range steps {
		at, replicas = after(at, s.Target, true), eachAfter(replicas, s.Target)
	}
	return append([]bluegreen.Instance{at}, replicas...)
}

// fleetCost gathers sums and class uses.
type fleetCost struct {
	sum    FleetCost
	prices *bluegreen.Prices
	// moved are the classes after the campaign of the instances it changes, by
	// scope and id.
	moved map[string]map[string]string
}

func newFleetCost(p *bluegreen.Prices) *fleetCost {
	return &fleetCost{prices: p, sum: FleetCost{Source: p.Source, AsOf: p.AsOf}, moved: map[string]map[string]string{}}
}

func (f *fleetCost) add(scope string, blue bluegreen.Instance, replicas []bluegreen.Instance, d *DatabasePlan) {
	c := d.Cost
	afterTotal, feeFirst, feeAfter := c.After.Total, c.FeeFirstHop, c.FeeAfter
	if d.Blocked() { // it stays as it is until somebody mends it
		afterTotal, feeFirst, feeAfter = c.Before.Total, c.FeeNow, c.FeeNow
	}
	s := &f.sum
	if c.Before.Total.Known && afterTotal.Known {
		s.BeforeMonth, s.AfterMonth = addTo(s.BeforeMonth, c.Before.Total), addTo(s.AfterMonth, afterTotal)
	} else {
		s.Unpriced++
		f.noPrice(c.Before.Total, afterTotal)
	}
	s.FeeNowDay, s.FeeFirstDay, s.FeeAfterDay = addTo(s.FeeNowDay, c.FeeNow), addTo(s.FeeFirstDay, feeFirst), addTo(s.FeeAfterDay, feeAfter)
	if d.Blocked() || len(d.Steps) == 0 {
		return
	}
	s.OldBluesDay = addTo(s.OldBluesDay, c.OldBluePerDay)
	if c.MeasuredSaving != nil {
		sum := *c.MeasuredSaving
		if s.MeasuredMonth != nil {
			sum = s.MeasuredMonth.Add(sum)
		}
		s.MeasuredMonth = &sum
	}
	last := d.Steps[len(d.Steps)-1].Target
	if f.moved[scope] == nil {
		f.moved[scope] = map[string]string{}
	}
	f.moved[scope][blue.ID] = last.Class
	for _, r := range replicas {
		f.moved[scope][r.ID] = last.ReplicaClass[r.ID]
	}
}

// noPrice notes what a database's figures lack.
func (f *fleetCost) noPrice(list ...bluegreen.Estimate) {
	for _, e := range list {
		for _, part := range strings.Split(e.Note, "; ") {
			what, ok := strings.CutPrefix(part, "no price for ")
			if ok && !e.Known && !slices.Contains(f.sum.UnpricedFor, what) {
				f.sum.UnpricedFor = append(f.sum.UnpricedFor, what)
			}
		}
	}
	slices.Sort(f.sum.UnpricedFor)
}

// addTo sums where the zero Estimate means "nothing yet".
func addTo(sum, e bluegreen.Estimate) bluegreen.Estimate {
	if sum == (bluegreen.Estimate{}) {
		return e
	}
	return sum.Add(e)
}

// reservations compares all MySQL instances of the scope, the campaign's and
// the others, with what is reserved.
func (f *fleetCost) reservations(sc Scope, reserved []bluegreen.Reserved, now time.Time, s *sight) {
	if s == nil || s.err != nil {
		return
	}
	var before, after []bluegreen.ClassUse
	for _, id := range sortedKeys(s.instances) {
		i := s.instances[id]
		if i.Engine != "" && i.Engine != "mysql" {
			continue
		}
		before = append(before, bluegreen.ClassUse{Class: i.Class, MultiAZ: i.MultiAZ})
		class := i.Class
		if to := f.moved[sc.Key()][id]; to != "" {
			class = to
		}
		after = append(after, bluegreen.ClassUse{Class: class, MultiAZ: i.MultiAZ})
	}
	if f.sum.Reserved == nil {
		f.sum.Reserved = map[string][]bluegreen.ReservedChange{}
	}
	f.sum.Reserved[sc.Key()] = bluegreen.CompareReservations(reserved, before, after, sc.Region, now, f.prices)
}
