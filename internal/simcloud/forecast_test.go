package simcloud

import (
	"testing"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
)

// What is named as the bottleneck is it: with the plan changed as told, by hand,
// the campaign ends when it was told.
func TestBottleneckIsTrue(t *testing.T) {
	wide := oneWave // 40 builds, 40 switchovers
	for _, c := range []struct {
		name  string
		plan  []string // replacements that make the limit tight
		more  []string // replacements that change it as told, instead
		quota int
		want  fleet.Limit
	}{
		{"builds", []string{"build: 40", "build: 3"}, []string{"build: 40", "build: 6"}, 0, fleet.LimitBuild},
		{"switchovers", []string{"switch: 40", "switch: 1", "timeout: 300s", "timeout: 300s"}, []string{"switch: 40", "switch: 2"}, 0, fleet.LimitSwitch},
		{"greens", []string{"run: {", "run: {max_greens: 4, "}, []string{"run: {", "run: {max_greens: 8, "}, 0, fleet.LimitGreens},
		{"windows", []string{"lag_for: 1m,", `lag_for: 1m, windows: [{days: [sat], from: "01:00", to: "05:00"}],`}, []string{"lag_for: 1m,", "lag_for: 1m,"}, 0, fleet.LimitWindow},
		{"quota", nil, nil, 9, fleet.LimitQuota},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := Options{Plan: planFor(t, wide, c.plan...), Seed: 1, Start: monday}
			var err error
			if o.Fleet, err = MadeUp(o.Plan, 30, 1); err != nil {
				t.Fatal(err)
			}
			quota := func(n int) {
				for i := range o.Fleet.Accounts {
					o.Fleet.Accounts[i].Quotas["DBInstances"] = n
				}
			}
			if c.quota > 0 {
				quota(c.quota)
			}
			f, err := Many(t.Context(), o, 1)
			if err != nil {
				t.Fatal(err)
			}
			b := f.Bottleneck
			if b == nil || b.Limit != c.want || !b.helps() || c.want == fleet.LimitQuota && b.More < 1 || !f.First.End.Add(-b.Saves).Equal(b.Finish) {
				t.Fatalf("bottleneck %+v, want %s; waits %v", b, c.want, f.First.Limits)
			}
			o.Plan = planFor(t, wide, c.more...)
			if c.quota > 0 {
				quota(2 * max(c.quota, 40))
			}
			other, err := Simulate(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if !other.End.Equal(b.Finish) {
				t.Errorf("with the change it ends %s, told was %s", other.End.Format(time.DateTime), b.Finish.Format(time.DateTime))
			}
		})
	}
}
