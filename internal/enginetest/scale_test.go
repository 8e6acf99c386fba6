package enginetest

import (
	"testing"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/simcloud"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

// TestCallsPerTick: a tick costs one page of DescribeDBInstances per hundred
// instances and one of deployments per hundred, not a call per database.
func TestCallsPerTick(t *testing.T) {
	inTime(t, func(t *testing.T) {
		l := newLab(t, fleetOf(60, ""), planOf(), "")
		ticks, instances, deployments := 0, 0, 0
		var pagesI, pagesD int
		if err := l.runWith(func(fleet.Status) bool {
			nowI, nowD := l.sim.Calls("DescribeDBInstances"), l.sim.Calls("DescribeBlueGreenDeployments")
			if ticks++; ticks > 1 {
				state := l.sim.State()
				most := (max(len(state.Instances), instances)+99)/100 + 1 // one more where a page ends on the last instance
				if n := nowI - pagesI; n > most {
					t.Errorf("tick %d: %d calls for %d instances", ticks, n, len(state.Instances))
				}
				if n, most := nowD-pagesD, (max(len(state.Deployments), deployments)+99)/100+1; n > most {
					t.Errorf("tick %d: %d calls for %d deployments", ticks, n, len(state.Deployments))
				}
				instances, deployments = len(state.Instances), len(state.Deployments)
			}
			pagesI, pagesD = nowI, nowD
			return false
		}); err != nil {
			t.Fatal(err)
		}
		l.expectAll("done")
		if ticks < 20 || instances < 120 {
			t.Errorf("%d ticks over %d instances prove little", ticks, instances)
		}
	})
}

// TestThousandDatabases: a campaign of a size that nobody has yet, over the
// model without HTTP in between.
func TestThousandDatabases(t *testing.T) {
	p, problems := plan.Decode("test.yaml", []byte(planOf("build: 200", "build: 100", "switch: 50", "switch: 25")))
	if problems.Err() != nil {
		t.Fatal(problems)
	}
	f, err := simcloud.MadeUp(p, 1000, 1)
	if err != nil {
		t.Fatal(err)
	}
	r, err := simcloud.Simulate(t.Context(), simcloud.Options{Plan: p, Fleet: f, Seed: 1, Start: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	if r.Outcome != fleet.OutcomeDone || r.Done != 1000 {
		t.Errorf("outcome %s, %d done, waiting for %v", r.Outcome, r.Done, r.Waiting)
	}
	t.Logf("1,000 databases in %s of virtual time, %d calls, at most %d greens", r.End.Sub(r.Start).Round(time.Minute), r.Calls, r.PeakGreens)
}
