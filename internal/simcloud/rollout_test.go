package simcloud

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim"
	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

// spans are the times in which databases were in one of the stages.
func spans(r *Run, stages ...string) map[string][][2]time.Time {
	out := map[string][][2]time.Time{}
	for _, t := range r.Tracks {
		for n, l := range t.Stages {
			if !slices.Contains(stages, l.Stage) {
				continue
			}
			to := r.End
			if n+1 < len(t.Stages) {
				to = t.Stages[n+1].At
			}
			out[t.Key] = append(out[t.Key], [2]time.Time{l.At, to})
		}
	}
	return out
}

// most is how many of them overlap at most, among the keys that in keeps.
func most(all map[string][][2]time.Time, in func(key string) bool) int {
	best := 0
	for _, list := range all {
		for _, s := range list {
			n := 0
			for key, other := range all {
				for _, o := range other {
					if in(key) && !o[0].After(s[0]) && o[1].After(s[0]) {
						n++
						break
					}
				}
			}
			best = max(best, n)
		}
	}
	return best
}

const oneWave = `  - {name: all, select: {tags: {env: prod}}, limits: {build: 40, switch: 40}, error_budget: 50%, soak: 1h, approval: auto}
`

func TestBatchesGrow(t *testing.T) {
	p := planFor(t, strings.Replace(oneWave, "soak: 1h", "batches: [1, 5, 40%], soak: 1h", 1))
	r := simulate(t, p, 30, nil)
	if r.Done != 30 {
		t.Fatalf("%d done: %v", r.Done, r.Waiting)
	}
	// At every moment those that began to switch are within the batches that
	// those which had soaked by then allow.
	type at struct {
		when  time.Time
		begun bool
	}
	var list []at
	for _, tr := range r.Tracks {
		for _, l := range tr.Stages {
			if l.Stage == "switching" || l.Stage == "done" {
				list = append(list, at{l.At, l.Stage == "switching"})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b at) int { return a.when.Compare(b.when) })
	begun, through := 0, 0
	for i, x := range list {
		if x.begun {
			begun++
		} else {
			through++
		}
		if i+1 < len(list) && list[i+1].when.Equal(x.when) {
			continue
		}
		if allowed := p.Waves[0].Allowed(30, through); begun > allowed {
			t.Fatalf("at %s %d had begun with %d through; %d are allowed", x.when, begun, through, allowed)
		}
	}
}

func TestLimitsByScope(t *testing.T) {
	p := planFor(t, oneWave, "run: {poll: 30s,", "run: {poll: 30s, builds: {account: 9, region: 5, service: 1}, switches: {account: 3, region: 2},")
	r := simulate(t, p, 60, nil)
	if r.Done != 60 {
		t.Fatalf("%d done: %v", r.Done, r.Waiting)
	}
	builds, switches := spans(r, "provisioning", "adjusting"), spans(r, "switching", "switched")
	for _, account := range []string{"111122223333", "444455556666"} {
		of := func(prefix string) func(string) bool {
			return func(k string) bool { return strings.HasPrefix(k, prefix) }
		}
		if n := most(builds, of(account)); n > 9 {
			t.Errorf("%d builds in account %s", n, account)
		}
		if n := most(switches, of(account)); n > 3 {
			t.Errorf("%d switchovers in account %s", n, account)
		}
		for _, region := range []string{"eu-west-1", "us-east-1"} {
			if n := most(builds, of(account+"/"+region)); n > 5 {
				t.Errorf("%d builds in %s of %s", n, region, account)
			}
			if n := most(switches, of(account+"/"+region)); n > 2 {
				t.Errorf("%d switchovers in %s of %s", n, region, account)
			}
		}
	}
}

// Failed builds and failed switchovers have budgets of their own.
func TestBudgetsByKind(t *testing.T) {
	badBuilds := &rdssim.Faults{Faults: []rdssim.Fault{{Kind: rdssim.FaultPrecheck, Rate: 0.3}}}
	badSwitches := &rdssim.Faults{Faults: []rdssim.Fault{{Kind: rdssim.FaultGuardrail, Rate: 0.6}}}
	for _, c := range []struct {
		name, wave, run string
		faults          *rdssim.Faults
		stops           bool
	}{
		{"builds against the builds' budget", "build_error_budget: 2", "", badBuilds, true},
		{"builds against the switchovers' budget", "switch_error_budget: 1", "", badBuilds, false},
		{"switchovers against the switchovers' budget", "switch_error_budget: 2", "", badSwitches, true},
		{"switchovers against the builds' budget", "build_error_budget: 1", "", badSwitches, false},
		{"campaign", "soak: 1h", "error_budget: 2, ", badBuilds, true},
		{"campaign's builds", "soak: 1h", "build_error_budget: 2, ", badBuilds, true},
		{"campaign's switchovers", "soak: 1h", "switch_error_budget: 2, ", badBuilds, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			wave := strings.Replace(oneWave, "soak: 1h", c.wave, 1)
			wave = strings.Replace(wave, "error_budget: 50%", "error_budget: 100%", 1)
			p := planFor(t, strings.Replace(wave, "build: 40", "build: 4", 1), "run: {", "run: {"+c.run)
			r := simulate(t, p, 40, func(o *Options) { o.Faults = c.faults })
			if stopped := r.Status.Waves[0].State == "stopped"; stopped != c.stops {
				t.Errorf("wave is %s (%s), %d done, %d failed", r.Status.Waves[0].State, r.Status.Waves[0].Reason, r.Done, r.Failed)
			}
			if c.stops && r.Failed > 8 {
				t.Errorf("%d failed before it stopped", r.Failed)
			}
		})
	}
}

func TestFreezeStopsWhatIsNew(t *testing.T) {
	from, to := monday.Add(time.Hour), monday.Add(9*time.Hour)
	p := planFor(t, oneWave, "waves:", "freeze: {file: /nowhere/frozen, every: 30s}\nwaves:")
	began := map[string]int{}
	r := simulate(t, p, 40, func(o *Options) {
		o.Frozen = func(now time.Time) string {
			if !now.Before(from) && now.Before(to) {
				return "frozen: test"
			}
			return ""
		}
		o.entry = func(c *campaign, e journal.Entry) {
			if e.Kind == journal.Intent && e.At.After(from.Add(time.Minute)) && e.At.Before(to) && (strings.HasPrefix(e.What, "create deployment") || strings.HasPrefix(e.What, "switch over")) {
				began[e.What]++
			}
		}
	})
	if len(began) > 0 {
		t.Errorf("begun in the freeze: %v", began)
	}
	if r.Done != 40 || r.End.Before(to) {
		t.Errorf("%d done by %s: %v", r.Done, r.End, r.Waiting)
	}
}

func TestProgressDeadline(t *testing.T) {
	stuck := &rdssim.Faults{Faults: []rdssim.Fault{{Kind: rdssim.FaultEndlessLag, Rate: 1}}}
	p := planFor(t, oneWave, "run: {", "run: {progress_deadline: 3h, ")
	r := simulate(t, p, 10, func(o *Options) { o.Faults = stuck })
	if r.Outcome != fleet.OutcomeWaiting || len(r.Waiting) == 0 || !strings.Contains(r.Waiting[0], "progress_deadline") || !strings.Contains(r.Waiting[0], "catching-up") {
		t.Errorf("%s: %v", r.Outcome, r.Waiting)
	}
	if d := r.End.Sub(r.Start); d > 12*time.Hour {
		t.Errorf("noticed after %s", d)
	}
	if r = simulate(t, p, 60, nil); r.Done != 60 {
		t.Errorf("a healthy campaign was stopped: %v", r.Waiting)
	}
}

func TestCostCap(t *testing.T) {
	us := []string{"regions: [eu-west-1, us-east-1]", "regions: [us-east-1]"}
	p := planFor(t, strings.Replace(oneWave, "switch: 40", "switch: 1", 1), append(us, "run: {", "run: {max_green_cost: 150, ")...)
	r := simulate(t, p, 40, nil)
	free := simulate(t, planFor(t, strings.Replace(oneWave, "switch: 40", "switch: 1", 1), us...), 40, nil)
	if r.Done != 40 || r.PeakGreens >= free.PeakGreens || r.Limits[fleet.LimitCost] == 0 {
		t.Errorf("%d done with at most %d greens, %d without the cap; waits %v, %v", r.Done, r.PeakGreens, free.PeakGreens, r.Limits, r.Waiting)
	}
}

// A green that waits for its window for too long is told of.
func TestParkedGreensAgeOut(t *testing.T) {
	p := planFor(t, oneWave, "run: {", "run: {max_green_age: 2h, ", "lag_for: 1m,", `lag_for: 1m, windows: [{days: [sat], from: "01:00", to: "05:00"}],`)
	var seen []string
	o := Options{Plan: p, Seed: 1, Start: monday}
	var err error
	if o.Fleet, err = MadeUp(p, 5, 1); err != nil {
		t.Fatal(err)
	}
	c, err := prepare(o)
	if err != nil {
		t.Fatal(err)
	}
	e := c.engine(func(st fleet.Status) bool {
		seen = st.Warnings
		if len(seen) > 0 {
			return false
		}
		c.clock.At = c.clock.At.Add(3 * time.Hour)
		return true
	})
	if _, err := e.Run(t.Context(), t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 5 || !strings.Contains(seen[0], "its green is") {
		t.Errorf("warnings %v", seen)
	}
}

func TestPin(t *testing.T) {
	p := planFor(t, oneWave)
	pinned := ""
	r := simulate(t, p, 10, func(o *Options) {
		o.watch = func(c *campaign) {
			if pinned != "" {
				return
			}
			for key, tr := range c.tracks {
				if tr.Stages[len(tr.Stages)-1].Stage == "adjusting" {
					pinned = key
					if err := c.store.Say(journal.Request{Verb: "pin", Database: key, By: "anna", At: c.clock.Now()}); err != nil {
						t.Error(err)
					}
					return
				}
			}
		}
	})
	if pinned == "" || r.Done != 9 || r.Outcome != fleet.OutcomePartial {
		t.Errorf("pinned %s: %d done, %s, %v", pinned, r.Done, r.Outcome, r.Waiting)
	}
	for _, tr := range r.Tracks {
		if tr.Key == pinned && slices.ContainsFunc(tr.Stages, func(l Leg) bool { return l.Stage == "switching" }) {
			t.Error("the pinned database was switched")
		}
	}
}

func TestManyRunsAndBottleneck(t *testing.T) {
	p := planFor(t, twoWaves(4, 4))
	f, err := MadeUp(p, 24, 1)
	if err != nil {
		t.Fatal(err)
	}
	fc, err := Many(t.Context(), Options{Plan: p, Fleet: f, Seed: 1, Start: monday, Faults: FaultsAt(0.03)}, 8)
	if err != nil {
		t.Fatal(err)
	}
	if fc.Runs != 8 || fc.P10.After(fc.P50) || fc.P50.After(fc.P90) || fc.Low > fc.InTime || fc.High < fc.InTime {
		t.Errorf("%+v", fc)
	}
	if b := fc.Bottleneck; b == nil || b.Limit != fleet.LimitBuild || b.Saves <= 0 {
		t.Errorf("bottleneck %+v", b)
	}
	again, err := Many(t.Context(), Options{Plan: p, Fleet: f, Seed: 1, Start: monday, Faults: FaultsAt(0.03)}, 8)
	if err != nil || fmt.Sprint(again.P50, again.InTime) != fmt.Sprint(fc.P50, fc.InTime) {
		t.Errorf("the same seeds forecast otherwise: %v", err)
	}
}

// TestBuildingAheadLeavesRoomInTheQuota: the account has room for the first
// wave's greens and for two more. Were that room taken by greens built ahead, both
// waves would wait for ever.
func TestBuildingAheadLeavesRoomInTheQuota(t *testing.T) {
	p := planFor(t, `  - {name: first, select: {tags: {env: staging}}, limits: {build: 2, switch: 2}, error_budget: 20%, soak: 10m, approval: auto}
  - {name: rest, select: {tags: {env: prod}}, limits: {build: 20, switch: 4}, error_budget: 20%, soak: 10m, approval: auto}
`, `[{id: "111122223333", regions: [eu-west-1, us-east-1]}, {id: "444455556666", regions: [eu-west-1, us-east-1]}]`, `[{id: "111122223333", regions: [eu-west-1]}]`)
	first := 0
	r := simulate(t, p, 200, func(o *Options) {
		room := 2
		for _, d := range o.Fleet.Databases {
			room += 1 + len(d.Replicas)
			if d.Tags["env"] == "staging" {
				room += 1 + len(d.Replicas)
				first++
			}
		}
		o.Fleet.Accounts[0].Quotas["DBInstances"] = room
	})
	done, built := 0, 0
	for _, track := range r.Tracks {
		last := track.Stages[len(track.Stages)-1].Stage
		if track.Wave == "first" && last == string(bluegreen.Done) {
			done++
		} else if track.Wave == "rest" && last != string(bluegreen.Checked) {
			built++
		}
	}
	if first < 5 || done != first || built == 0 {
		t.Errorf("%d of %d of the first wave are done, %d of the next have a green; %s, %v", done, first, built, r.Outcome, r.Waiting)
	}
}
