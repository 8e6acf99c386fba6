package simcloud

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

// Forecast is what many simulations of the same campaign say together.
type Forecast struct {
	Runs int `json:"runs"`
	// Finish dates: half of the runs were done by P50, nine in ten by P90.
	P10 time.Time `json:"finish_p10"`
	P50 time.Time `json:"finish_p50"`
	P90 time.Time `json:"finish_p90"`
	// Done is the share of runs in which every upgradable database was upgraded,
	// InTime the share that was so by the deadline, with Low and High as the 95 %
	// interval that so many runs allow (Wilson's).
	Done   float64 `json:"share_done"`
	InTime float64 `json:"share_in_time"`
	Low    float64 `json:"share_in_time_low"`
	High   float64 `json:"share_in_time_high"`
	// Failed is the mean number of failed databases.
	Failed     float64     `json:"failed_mean"`
	Bottleneck *Bottleneck `json:"bottleneck,omitempty"`
	// First is the run of the first seed, in full.
	First *Run `json:"first"`
}

// Bottleneck is the limit that databases waited for most, of those that a plan
// or an account may change and whose change makes the campaign shorter, and what
// changing it would bring. When no change of one limit alone brings anything,
// it is the one waited for most.
type Bottleneck struct {
	Limit fleet.Limit `json:"limit"`
	Hours float64     `json:"database_hours"`
	// Change says what was changed; Finish is when the campaign ends then, and
	// Saves how much earlier that is.
	Change string        `json:"change,omitempty"`
	Finish time.Time     `json:"finish,omitzero"`
	Saves  time.Duration `json:"saves_ns,omitempty"`
	// More is how many databases more are upgraded then: a campaign that stands
	// still ends early.
	More int `json:"more_databases,omitempty"`
}

// Many simulates the campaign with runs seeds from o.Seed on.
func Many(ctx context.Context, o Options, runs int) (*Forecast, error) {
	all := make([]*Run, max(runs, 1))
	g, each := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for n := range all {
		g.Go(func() error {
			one := o
			one.Seed += uint64(n)
			r, err := Simulate(each, one)
			if err == nil && n > 0 {
				r.Tracks, r.Status = nil, fleet.Status{} // thousands of runs are not kept whole
			}
			all[n] = r
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	f := summarize(all)
	var err error
	f.Bottleneck, err = bottleneck(ctx, o, all[0])
	return f, err
}

func summarize(all []*Run) *Forecast {
	f := &Forecast{Runs: len(all), First: all[0]}
	ends := make([]time.Time, 0, len(all))
	var inTime, done int
	for _, r := range all {
		ends = append(ends, r.End)
		if r.InTime {
			inTime++
		}
		if r.Failed == 0 && r.Rest == 0 {
			done++
		}
		f.Failed += float64(r.Failed) / float64(len(all))
	}
	slices.SortFunc(ends, time.Time.Compare)
	at := func(share float64) time.Time { return ends[min(len(ends)-1, int(share*float64(len(ends))))] }
	f.P10, f.P50, f.P90 = at(0.1), at(0.5), at(0.9)
	f.Done, f.InTime = float64(done)/float64(len(all)), float64(inTime)/float64(len(all))
	f.Low, f.High = wilson(inTime, len(all))
	return f
}

// wilson is the 95 % interval of a share seen k times in n.
func wilson(k, n int) (low, high float64) {
	const z = 1.96
	p, m := float64(k)/float64(n), float64(n)
	mid := p + z*z/(2*m)
	half := z * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	d := 1 + z*z/m
	return max(0, (mid-half)/d), min(1, (mid+half)/d)
}

// changes are the limits that somebody may change, and how it is tried here.
var changes = map[fleet.Limit]struct {
	what string
	do   func(*plan.Plan, *rdssim.Fleet)
}{
	fleet.LimitBuild: {"limits.build doubled in every wave", func(p *plan.Plan, _ *rdssim.Fleet) {
		for i := range p.Waves {
			p.Waves[i].BuildLimit *= 2
		}
	}},
	fleet.LimitSwitch: {"limits.switch doubled in every wave", func(p *plan.Plan, _ *rdssim.Fleet) {
		for i := range p.Waves {
			p.Waves[i].SwitchLimit *= 2
		}
	}},
	fleet.LimitGreens: {"run.max_greens doubled", func(p *plan.Plan, _ *rdssim.Fleet) { p.Run.MaxGreens *= 2 }},
	fleet.LimitWindow: {"switchovers at any time", func(p *plan.Plan, _ *rdssim.Fleet) { p.Switchover.Windows, p.Switchover.Blackout = nil, nil }},
	fleet.LimitQuota: {"the account's quota of DB instances doubled", func(_ *plan.Plan, f *rdssim.Fleet) {
		for i := range f.Accounts {
			q := map[string]int{}
			for k, v := range f.Accounts[i].Quotas {
				q[k] = v
			}
			q["DBInstances"] = 2 * max(q["DBInstances"], 40)
			f.Accounts[i].Quotas = q
		}
	}},
}

// tried is how many limits are tried at most before one makes the campaign shorter.
const tried = 3

// bottleneck finds what databases waited for most, and tries what changing it
// brings. A limit that many wait for and whose change brings nothing is not
// the bottleneck as long as changing another one brings something: databases
// wait for a limit within a wave that waits for the wave before it, too.
func bottleneck(ctx context.Context, o Options, r *Run) (*Bottleneck, error) {
	var limits []fleet.Limit
	for l, hours := range r.Limits {
		if _, ok := changes[l]; ok && hours > 0 {
			limits = append(limits, l)
		}
	}
	slices.SortFunc(limits, func(a, b fleet.Limit) int {
		return cmp.Or(cmp.Compare(r.Limits[b], r.Limits[a]), cmp.Compare(a, b))
	})
	var best *Bottleneck
	for _, l := range limits[:min(tried, len(limits))] {
		b, err := whatIf(ctx, o, r, l)
		if err != nil {
			return nil, err
		}
		if best == nil || b.helps() {
			best = b
		}
		if b.helps() {
			break
		}
	}
	return best, nil
}

// helps tells whether the change brings anything.
func (b *Bottleneck) helps() bool { return b.More > 0 || b.More == 0 && b.Saves > 0 }

// whatIf simulates the campaign once more with one limit changed.
func whatIf(ctx context.Context, o Options, r *Run, l fleet.Limit) (*Bottleneck, error) {
	p, f := *o.Plan, *o.Fleet
	p.Waves = slices.Clone(p.Waves)
	f.Accounts = slices.Clone(f.Accounts)
	changes[l].do(&p, &f)
	o.Plan, o.Fleet = &p, &f
	other, err := Simulate(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("try what changing %s brings: %w", l, err)
	}
	return &Bottleneck{Limit: l, Hours: r.Limits[l], Change: changes[l].what, Finish: other.End, Saves: r.End.Sub(other.End), More: other.Done - r.Done}, nil
}

// FaultsAt is the mix of faults that --fault-rate stands for: of a hundred
// calls so many are throttled, a sixth of them answered with a 5xx and a
// fifteenth with a lost answer, a thirtieth of the describes show a wrong
// status, and that share of switchovers is rolled back by a guardrail; a fifth
// of it fails the engine's own checks in the green.
func FaultsAt(rate float64) *rdssim.Faults {
	if rate <= 0 {
		return nil
	}
	return &rdssim.Faults{Faults: []rdssim.Fault{
		{Kind: rdssim.FaultThrottle, Rate: rate}, {Kind: rdssim.FaultServerError, Rate: rate / 6},
		{Kind: rdssim.FaultLostAnswer, Rate: rate / 15}, {Kind: rdssim.FaultFlapping, Rate: rate / 30},
		{Kind: rdssim.FaultGuardrail, Rate: rate}, {Kind: rdssim.FaultPrecheck, Rate: rate / 5},
	}}
}
