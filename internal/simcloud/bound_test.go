package simcloud

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestBound(t *testing.T) {
	const m = time.Minute
	job := func(build, settle, swap, soak time.Duration) Job {
		return Job{Build: build, Settle: settle, Switch: swap, Soak: soak}
	}
	times := func(n int, j Job, change func(int, *Job)) []Job {
		var all []Job
		for i := range n {
			k := j
			if change != nil {
				change(i, &k)
			}
			all = append(all, k)
		}
		return all
	}
	wave := func(build, swap int) string {
		return strings.NewReplacer("build: 40", fmt.Sprint("build: ", build), "switch: 40", fmt.Sprint("switch: ", swap)).Replace(oneWave)
	}
	for _, c := range []struct {
		name, waves string
		more        []string
		jobs        []Job
		want        time.Duration
	}{
		{"nothing", wave(5, 5), nil, nil, 0},
		{"one database's own road", wave(5, 5), nil, []Job{job(30*m, 5*m, 2*m, 60*m)}, 97 * m},
		{"the first switches alone", wave(5, 5), nil, times(2, job(30*m, 5*m, 2*m, 60*m), nil), 99 * m},
		{"the work of the builds", wave(2, 5), nil, times(8, job(30*m, 0, 2*m, 60*m), nil), 4*30*m + 62*m},
		{"no build is divided", wave(2, 5), nil, times(3, job(30*m, 0, 2*m, 60*m), nil), 2*30*m + 62*m},
		{"long tails weigh more", wave(1, 5), nil, times(2, job(30*m, 0, 2*m, 60*m), func(i int, j *Job) { j.Soak += time.Duration(i) * 50 * m }), 30*m + 112*m},
		{"the switchovers", wave(9, 1), nil, times(9, job(30*m, 0, 5*m, 60*m), nil), 30*m + 45*m + 60*m},
		{"a service's switchovers", wave(9, 9), nil, times(9, job(30*m, 0, 5*m, 60*m), func(_ int, j *Job) { j.Service = "shop" }), 30*m + 45*m + 60*m},
		{"an account's builds", wave(9, 9), []string{"run: {", "run: {builds: {account: 1}, "}, times(9, job(30*m, 0, 5*m, 60*m), nil), 9*30*m + 65*m},
		{"greens alive", wave(9, 9), []string{"run: {", "run: {max_greens: 1, "}, times(9, job(30*m, 0, 30*m, 0), nil), 9 * 60 * m},
		{"batches soak one after another", strings.Replace(wave(9, 9), "soak: 1h", "batches: [1, 3, 5], soak: 1h", 1), nil, times(9, job(30*m, 0, 5*m, 60*m), nil), 30*m + 3*65*m},
		{"a wave after the other, its greens built meanwhile", twoWaves(9, 9), nil, times(2, job(30*m, 0, 5*m, 60*m), func(i int, j *Job) { j.Wave = i }), 30*m + 2*65*m},
		{"a wave after the other, nothing built ahead", twoWaves(9, 9), []string{"run: {", "run: {build_ahead: false, "},
			times(2, job(30*m, 0, 5*m, 60*m), func(i int, j *Job) { j.Wave = i }), 2 * 95 * m},
		{"a window", wave(9, 9), []string{"lag_for: 1m,", `lag_for: 1m, windows: [{days: [mon], from: "12:00", to: "14:00"}],`},
			[]Job{job(30*m, 0, 5*m, 60*m)}, 4*60*m + 65*m},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Bound(planFor(t, c.waves, c.more...), c.jobs, monday).Sub(monday); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// The engine's schedule is near the bound, and never below it.
func TestScheduleIsNearTheBound(t *testing.T) {
	for _, c := range []struct{ n, build, switching int }{{72, 10, 4}, {300, 20, 10}} {
		for seed := range uint64(3) {
			r := simulate(t, planFor(t, twoWaves(c.build, c.switching)), c.n, func(o *Options) { o.Seed = seed + 1 })
			share := float64(r.End.Sub(r.Start)) / float64(r.Bound.Sub(r.Start))
			if share < 1 || share > 1.05 {
				t.Errorf("%d databases, seed %d: %.3f of the bound", c.n, seed+1, share)
			}
		}
	}
}
