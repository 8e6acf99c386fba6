package simcloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim"
	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

// Options are one simulated campaign.
type Options struct {
	Plan   *plan.Plan
	Fleet  *rdssim.Fleet
	Faults *rdssim.Faults
	Timing *rdssim.Timing // nil: rdssim's own
	Seed   uint64
	Start  time.Time
	// ApproveAfter is how long a wave that is ready waits for a person's approval.
	ApproveAfter time.Duration
	// Precheck is how long the audit of one server takes; 0 is 20 seconds.
	Precheck time.Duration
	// Longest ends a campaign that does not end by itself; 0 is two years.
	Longest time.Duration
	Prices  *bluegreen.Prices // nil: the built-in ones
	// Frozen plays the plan's freeze signal; nil: it never freezes.
	Frozen func(now time.Time) string
	// watch is called at the end of every tick, entry with every journal entry, by tests.
	watch func(*campaign)
	entry func(*campaign, journal.Entry)
}

// Run is how one simulated campaign went.
type Run struct {
	Seed    uint64        `json:"seed"`
	Outcome fleet.Outcome `json:"outcome"`
	Start   time.Time     `json:"start"`
	End     time.Time     `json:"end"` // of the last soak
	// Bound is before what no schedule could have ended the same work (see Bound);
	// it leaves out failures and approvals.
	Bound time.Time `json:"bound,omitzero"`
	// InTime tells whether every database that could be upgraded was, by the end
	// of the plan's deadline.
	InTime    bool     `json:"in_time"`
	Done      int      `json:"done"`
	Failed    int      `json:"failed"`
	Blocked   int      `json:"blocked"`
	Rest      int      `json:"rest"`
	Waiting   []string `json:"waiting,omitempty"`
	Approvals int      `json:"approvals"`
	// Downtime is how long switchovers kept clients out, by database.
	Downtime     map[string]time.Duration `json:"-"`
	DownMedian   time.Duration            `json:"downtime_median_ns"`
	DownLongest  time.Duration            `json:"downtime_longest_ns"`
	DownTotal    time.Duration            `json:"downtime_total_ns"`
	Calls        int                      `json:"api_calls"`
	CallsByKind  map[string]int           `json:"api_calls_by_action"`
	PeakGreens   int                      `json:"peak_greens"`
	PeakBuilding int                      `json:"peak_building"`
	// Cost is what greens cost beside their blues until the switchover.
	Cost bluegreen.Estimate `json:"cost_of_greens"`
	// Limits are database-hours of waiting, by what was waited for.
	Limits map[fleet.Limit]float64 `json:"waiting_hours"`
	Tracks []Track                 `json:"tracks,omitempty"`
	Status fleet.Status            `json:"-"`
}

// Track is the road of one database in time.
type Track struct {
	ID     string `json:"id"`
	Key    string `json:"key"`
	Wave   string `json:"wave"`
	Stages []Leg  `json:"stages"`
	// asked are, by stage, the times from the call to the look that showed its stage.
	asked [2]time.Duration
}

// Leg is a stage and when it began.
type Leg struct {
	Stage string    `json:"stage"`
	At    time.Time `json:"at"`
}

// stage is what a journal entry says of a move.
type stage struct {
	To string `json:"to"`
}

// campaign is a simulation under way.
type campaign struct {
	Options
	clock  *fleet.VirtualClock
	sim    *rdssim.Sim
	clouds []*Cloud
	store  *fleet.Store
	tracks map[string]*Track
	limits map[fleet.Limit]time.Duration
	asked  map[string]time.Time // the last call to create or to switch, by database
	run    *Run
	blues  map[string]bluegreen.Instance
}

// Simulate plays the plan's campaign on the model of RDS, in virtual time.
func Simulate(ctx context.Context, o Options) (*Run, error) {
	c, err := prepare(o)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	late := false
	c.clock.Late = func() { late = true; cancel() }
	engine := c.engine(c.rest)
	st, err := engine.Run(ctx, ctx)
	if err != nil && !late {
		return nil, fmt.Errorf("simulate: %w", err)
	}
	c.run.Status = st
	c.finish(st, late)
	return c.run, nil
}

// engine is the one that run uses, with the simulation's clock and adapters.
func (c *campaign) engine(rest func(fleet.Status) bool) *fleet.Engine {
	p := *c.Plan
	p.Switchover.WayBack.Drill = "" // people see to it, and it is assumed to pass
	return fleet.New(fleet.Config{Plan: &p, Scopes: c.scopes(), SQL: c.sql(), Store: c.store, Clock: c.clock, By: "simulation",
		Log: zerolog.Nop(), Inline: true, PrechecksPerTick: c.prechecksPerTick(), Rest: rest, Held: c.held,
		Frozen: func(context.Context, plan.Freeze) string {
			if c.Frozen == nil {
				return ""
			}
			return c.Frozen(c.clock.Now())
		}})
}

func prepare(o Options) (*campaign, error) {
	if o.Precheck == 0 {
		o.Precheck = 20 * time.Second
	}
	if o.Longest == 0 {
		o.Longest = 2 * 365 * 24 * time.Hour
	}
	if o.Prices == nil {
		o.Prices = bluegreen.BuiltinPrices()
	}
	c := &campaign{Options: o, tracks: map[string]*Track{}, limits: map[fleet.Limit]time.Duration{}, asked: map[string]time.Time{}, blues: map[string]bluegreen.Instance{},
		run: &Run{Seed: o.Seed, Start: o.Start, Limits: map[fleet.Limit]float64{}, Downtime: map[string]time.Duration{}}}
	c.clock = &fleet.VirtualClock{At: o.Start, Limit: o.Start.Add(o.Longest)}
	var err error
	// AWS's throttle is not simulated: every cloud keeps to the plan's rate.
	c.sim, err = rdssim.New(o.Fleet, rdssim.Options{Clock: c.clock, Seed: o.Seed, Faults: o.Faults, Timing: o.Timing, Throttle: rdssim.Throttle{Off: true}})
	if err != nil {
		return nil, fmt.Errorf("make the model of the fleet: %w", err)
	}
	c.clock.Next, c.clock.Busy = c.sim.NextEvent, c.busy
	c.store = fleet.MemoryStore(c.note)
	return c, nil
}

func (c *campaign) busy() time.Time {
	var t time.Time
	for _, cl := range c.clouds {
		if cl.Busy().After(t) {
			t = cl.Busy()
		}
	}
	return t
}

func (c *campaign) scopes() []fleet.Scope {
	var scopes []fleet.Scope
	for _, a := range c.Plan.Accounts {
		for _, region := range a.Regions {
			id := accountOf(a)
			cl := New(c.sim, id, region, c.Plan.Run.APIRate, c.clock.Now)
			c.clouds = append(c.clouds, cl)
			scopes = append(scopes, fleet.Scope{Account: id, Name: a.Name, Region: region, Cloud: cl, Offers: cl, Groups: cl, Trail: cl})
		}
	}
	return scopes
}

// accountOf is the account's number; a plan with ambient credentials has none.
func accountOf(a plan.Account) string {
	if a.ID == "" {
		return "000000000000"
	}
	return a.ID
}

func (c *campaign) sql() fleet.SQL {
	blocked := map[string]string{}
	for _, d := range c.Fleet.Databases {
		if what, ok := cutPrefix(d.Profile, "blocked-"); ok {
			blocked[d.ID] = what
		}
	}
	return &SQL{Sim: c.sim, Blocked: func(id string) string { return blocked[id] }}
}

func cutPrefix(s, p string) (string, bool) {
	if len(s) > len(p) && s[:len(p)] == p {
		return s[len(p):], true
	}
	return "", false
}

// prechecksPerTick is what eight audits at a time get done in a poll.
func (c *campaign) prechecksPerTick() int {
	return max(1, int(8*c.Plan.Run.Poll/c.Precheck))
}

// note follows the databases through the journal.
func (c *campaign) note(e journal.Entry) {
	if c.entry != nil {
		c.entry(c, e)
	}
	if e.Kind == journal.Intent && (strings.HasPrefix(e.What, "create deployment") || strings.HasPrefix(e.What, "switch over")) {
		c.asked[e.Database] = e.At
	}
	if e.Kind != journal.Stage {
		return
	}
	var s stage
	if json.Unmarshal(e.Data, &s) != nil {
		return
	}
	t := c.tracks[e.Database]
	if t == nil {
		t = &Track{Key: e.Database}
		c.tracks[e.Database] = t
	}
	if at, ok := c.asked[e.Database]; ok && (s.To == string(bluegreen.Building) || s.To == string(bluegreen.Switching)) {
		n := 0
		if s.To == string(bluegreen.Switching) {
			n = 1
		}
		t.asked[n] += e.At.Sub(at)
		delete(c.asked, e.Database)
	}
	t.Stages = append(t.Stages, Leg{Stage: s.To, At: e.At})
}

// held adds up what databases waited for.
func (c *campaign) held(limits map[fleet.Limit]int, pause time.Duration) {
	for l, n := range limits {
		c.limits[l] += time.Duration(n) * pause
	}
	if c.watch != nil {
		c.watch(c)
	}
}

// rest does what people and the calendar would do: it approves a wave that is
// ready, or lets time pass to the next window.
func (c *campaign) rest(st fleet.Status) bool {
	approved := false
	for _, w := range st.Waves {
		if w.State == "awaiting-approval" {
			c.clock.At = c.clock.At.Add(c.ApproveAfter)
			if c.store.Say(journal.Request{Verb: "approve", Wave: w.Name, By: "simulation", Why: "assumed", At: c.clock.At}) == nil {
				approved = true
				c.run.Approvals++
			}
		}
	}
	if approved {
		return true
	}
	for _, w := range st.Waves {
		if w.State != "waiting-for-window" {
			continue
		}
		next, ok := c.Plan.Switchover.NextOpen(c.clock.At)
		if !ok || !next.After(c.clock.At) {
			return false
		}
		c.clock.At = next
		return c.clock.At.Before(c.clock.Limit)
	}
	return false
}

func (c *campaign) finish(st fleet.Status, late bool) {
	r := c.run
	r.Outcome, r.Waiting, r.End = st.Outcome, st.Waiting, c.clock.At
	if late {
		r.Waiting = append(r.Waiting, fmt.Sprintf("the campaign did not end within %s", c.Longest))
	}
	last := r.Start
	for _, d := range st.Databases {
		key := d.Account + "/" + d.Region + "/" + d.ID
		switch bluegreen.Stage(d.Stage) {
		case bluegreen.Done, bluegreen.Cleaned, bluegreen.Skipped:
			r.Done++
		case bluegreen.Failed:
			r.Failed++
		case bluegreen.Blocked, bluegreen.RolledBack:
			r.Blocked++
		default:
			r.Rest++
		}
		if t := c.tracks[key]; t != nil {
			t.ID, t.Wave = d.ID, d.Wave
			r.Tracks = append(r.Tracks, *t)
			if n := len(t.Stages); n > 0 && t.Stages[n-1].At.After(last) {
				last = t.Stages[n-1].At
			}
		}
	}
	if r.Outcome == fleet.OutcomeDone || r.Outcome == fleet.OutcomePartial {
		r.End = last
	}
	r.InTime = r.Outcome == fleet.OutcomeDone || r.Outcome == fleet.OutcomePartial && r.Failed == 0 && r.Rest == 0
	if d := c.Plan.Deadline; !d.IsZero() {
		r.InTime = r.InTime && r.End.Before(d.AddDate(0, 0, 1))
	}
	for l, d := range c.limits {
		r.Limits[l] = d.Hours()
	}
	if jobs := c.jobs(); len(jobs) > 0 {
		r.Bound = Bound(c.Plan, jobs, r.Start)
	}
	c.countCalls()
	c.countDowntime()
	c.countGreens(st)
}

func (c *campaign) countCalls() {
	c.run.CallsByKind = map[string]int{}
	for _, n := range c.sim.Counters() {
		c.run.Calls += n.Calls
		c.run.CallsByKind[n.Action] += n.Calls
	}
}

func (c *campaign) countDowntime() {
	var all []time.Duration
	for name, d := range c.sim.Darkness() {
		c.run.Downtime[name.At.Account+"/"+name.At.Region+"/"+name.ID] = d
		all = append(all, d)
		c.run.DownTotal += d
	}
	if len(all) == 0 {
		return
	}
	slices.Sort(all)
	c.run.DownMedian, c.run.DownLongest = all[len(all)/2], all[len(all)-1]
}

// errNoFleet says that there is nothing to simulate.
var errNoFleet = errors.New("the inventory holds no database")
