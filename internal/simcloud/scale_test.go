package simcloud

import (
	"os"
	"runtime"
	"strconv"
	"testing"
)

// What a simulated database costs: so many kilobytes that live at the end, and
// so many bytes of garbage (which is what its time goes into). A benchmark has
// the time; RDSUPGRADE_SCALE=10000 is the size that docs/performance.md promises
// 512 MB for.
func TestCostOfADatabase(t *testing.T) {
	n := 1000
	if s := os.Getenv("RDSUPGRADE_SCALE"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	var before, during, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	ticks := 0
	r := simulate(t, planFor(t, twoWaves(n/50, n/100)), n, func(o *Options) {
		o.watch = func(*campaign) {
			if ticks++; ticks%500 == 0 {
				runtime.GC()
				var m runtime.MemStats
				if runtime.ReadMemStats(&m); m.HeapAlloc > during.HeapAlloc {
					during = m
				}
			}
		}
	})
	runtime.ReadMemStats(&after)
	if r.Done != n {
		t.Fatalf("%d of %d done: %s, %v", r.Done, n, r.Outcome, r.Waiting)
	}
	live := float64(during.HeapAlloc-before.HeapAlloc) / float64(n) / 1024
	garbage := float64(after.TotalAlloc-before.TotalAlloc) / float64(n) / 1024
	t.Logf("%d databases, %d ticks: %.0f KB each live, %.0f KB each allocated", n, ticks, live, garbage)
	if live > 36 { // 10,000 in 360 MB, with room for garbage in 512
		t.Errorf("%.0f KB live per database", live)
	}
	if garbage > 1200 {
		t.Errorf("%.0f KB allocated per database", garbage)
	}
}

// While a single green only builds, or its database soaks, nothing is looked at
// before the model's next event.
func TestLooksFollowWhatIsExpected(t *testing.T) {
	p := planFor(t, oneWave)
	ticks := 0
	r := simulate(t, p, 1, func(o *Options) { o.watch = func(*campaign) { ticks++ } })
	polls := int(r.End.Sub(r.Start) / p.Run.Poll)
	if r.Done != 1 || ticks > polls/4 {
		t.Errorf("%d done with %d looks in %d polls", r.Done, ticks, polls)
	}
}
