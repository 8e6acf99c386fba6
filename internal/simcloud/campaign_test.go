package simcloud

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

var monday = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

// planFor is a plan of one or more waves for made-up fleets.
func planFor(t testing.TB, waves string, more ...string) *plan.Plan {
	t.Helper()
	text := `version: 1
name: test
deadline: 2027-06-30
accounts: [{id: "111122223333", regions: [eu-west-1, us-east-1]}, {id: "444455556666", regions: [eu-west-1, us-east-1]}]
target: {engine_version: "8.0", storage: {type: gp3}, instance_class: graviton, parameter_group: translate}
connection: {auth: env, user: u, password_env: LAB_PASSWORD, tls: off}
switchover: {timeout: 300s, max_replica_lag: 5s, lag_for: 1m, retries: 1}
run: {poll: 30s, stable_reads: 3, api_rate: 4}
waves:
` + waves
	for i := 0; i+1 < len(more); i += 2 {
		if !strings.Contains(text, more[i]) {
			t.Fatalf("the plan has no %q", more[i])
		}
		text = strings.ReplaceAll(text, more[i], more[i+1])
	}
	p, problems := plan.Decode("test.yaml", []byte(text))
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return p
}

func twoWaves(build, switching int) string {
	return fmt.Sprintf(`  - {name: canary, select: {tags: {env: staging}}, limits: {build: 5, switch: 1}, error_budget: 2, soak: 1h, approval: auto}
  - {name: rest, select: {tags: {env: prod}}, limits: {build: %d, switch: %d}, error_budget: 20%%, soak: 1h, approval: auto}
`, build, switching)
}

func simulate(t testing.TB, p *plan.Plan, n int, change func(*Options)) *Run {
	t.Helper()
	f, err := MadeUp(p, n, 1)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Plan: p, Fleet: f, Seed: 1, Start: monday}
	if change != nil {
		change(&o)
	}
	r, err := Simulate(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCampaignInVirtualTime(t *testing.T) {
	r := simulate(t, planFor(t, twoWaves(10, 4)), 72, nil)
	if r.Outcome != fleet.OutcomeDone || r.Done != 72 || !r.InTime {
		t.Errorf("outcome %s, %d done, in time %v, waiting for %v", r.Outcome, r.Done, r.InTime, r.Waiting)
	}
	if len(r.Downtime) != 72 || r.DownMedian <= 0 {
		t.Errorf("downtime of %d databases, median %s", len(r.Downtime), r.DownMedian)
	}
	t.Logf("72 databases: %s, %d calls, at most %d greens, %.0f USD, waits %v", r.End.Sub(r.Start), r.Calls, r.PeakGreens, r.Cost.USD, r.Limits)
}

// The same seed gives the same campaign, entry by entry.
func TestSameSeedSameCampaign(t *testing.T) {
	p := planFor(t, twoWaves(10, 4))
	faults := func(o *Options) {
		o.Faults = &rdssim.Faults{Faults: []rdssim.Fault{{Kind: rdssim.FaultThrottle, Rate: 0.2}, {Kind: rdssim.FaultGuardrail, Rate: 0.1}}}
	}
	a, b := simulate(t, p, 40, faults), simulate(t, p, 40, faults)
	if fmt.Sprint(a.Tracks) != fmt.Sprint(b.Tracks) || a.Calls != b.Calls {
		t.Error("two simulations with the same seed differ")
	}
}

func BenchmarkCampaign(b *testing.B) {
	for _, c := range []struct{ n, build, switching int }{{72, 10, 4}, {1000, 50, 25}, {1001, 200, 100}, {10000, 200, 100}} {
		b.Run(fmt.Sprint(c.n), func(b *testing.B) {
			for b.Loop() {
				r := simulate(b, planFor(b, twoWaves(c.build, c.switching)), c.n, nil)
				if r.Done != c.n {
					b.Fatalf("%d of %d done: %s, %v", r.Done, c.n, r.Outcome, r.Waiting)
				}
				b.ReportMetric(r.End.Sub(r.Start).Hours(), "virtual-hours")
				b.ReportMetric(float64(r.End.Sub(r.Start))/float64(r.Bound.Sub(r.Start)), "of-bound")
				b.ReportMetric(float64(r.Calls)/float64(c.n), "calls/db")
				b.ReportMetric(float64(r.PeakGreens), "greens")
			}
		})
	}
}
