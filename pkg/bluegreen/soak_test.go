package bluegreen

import (
	"strings"
	"testing"
	"time"
)

var soakBegin = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// counted is a server at a minute, after so many statements, failures, and so
// much time of each in microseconds.
func counted(minute int, statements, errors uint64, each, aborted, threads int) HealthSample {
	return HealthSample{Health: Reading[Health]{Value: Health{At: soakBegin.Add(time.Duration(minute) * time.Minute), Uptime: time.Duration(minute+5) * time.Minute,
		Instrumented: true, Statements: statements, Errors: errors, Busy: time.Duration(statements) * time.Duration(each) * time.Microsecond,
		Aborted: uint64(aborted), Threads: threads}}}
}

func TestSoakJudgesOneSample(t *testing.T) {
	base := &HealthRate{Over: time.Hour, Statements: 100_000, ErrorShare: 0.5, Latency: 2 * time.Millisecond, Aborted: 2}
	limits := SoakLimits{ErrorShare: 1, LatencyRatio: 3, Threads: 20, Aborted: 10, ReplicaLag: time.Minute, ReverseLag: time.Minute, Failures: 3, Inconclusives: 3}
	first := counted(0, 1000, 0, 2000, 0, 3)
	with := func(x HealthSample, change func(*HealthSample)) HealthSample { change(&x); return x }
	well := counted(1, 3000, 30, 2000, 3, 5)
	for name, c := range map[string]struct {
		x    HealthSample
		base *HealthRate
		want GateVerdict
		say  string
	}{
		"well":                  {well, base, GatePass, "2000 statements in 1m0s, 1.50 % failed"},
		"errors":                {counted(1, 3000, 31, 2000, 0, 5), base, GateFail, "1.55 % of 2000 statements failed, 0.50 % on blue"},
		"errors without blue's": {counted(1, 3000, 21, 2000, 0, 5), nil, GateFail, "0.00 % on blue"},
		"slow":                  {with(counted(1, 3000, 0, 0, 0, 5), func(x *HealthSample) { x.Health.Value.Busy = 2*time.Second + 2000*6100*time.Microsecond }), base, GateFail, "6.1ms on average, 3.0"},
		"slow, blue not known":  {with(counted(1, 3000, 0, 0, 0, 5), func(x *HealthSample) { x.Health.Value.Busy = time.Hour }), nil, GatePass, "blue's is not known"},
		"slower but quick":      {with(counted(1, 3000, 0, 0, 0, 5), func(x *HealthSample) { x.Health.Value.Busy = 2*time.Second + 2000*900*time.Microsecond }), &HealthRate{Statements: 1000, Latency: 10 * time.Microsecond}, GatePass, ""},
		"too few to compare":    {counted(1, 1050, 50, 2000, 0, 5), base, GatePass, ""},
		"threads":               {counted(1, 3000, 0, 2000, 0, 21), base, GateFail, "21 threads"},
		"aborted connects":      {counted(1, 3000, 0, 2000, 13, 5), base, GateFail, "13 aborted connects a minute, 2.0 on blue"},
		"restarted":             {counted(1, 30, 0, 2000, 0, 5), base, GateFail, "restarted"},
		"not instrumented": {with(well, func(x *HealthSample) {
			x.Health.Value.Instrumented, x.Health.Value.Statements, x.Health.Value.Errors, x.Health.Value.Busy = false, 3000, 3000, time.Hour
		}), base, GatePass, "performance_schema is off"},
		"no answer":               {HealthSample{Health: Reading[Health]{Err: "refused"}}, base, GateInconclusive, "refused"},
		"replica behind":          {with(well, func(x *HealthSample) { x.Replicas = map[string]Lag{"r1": {Known: true, Seconds: 61}} }), base, GateFail, "r1 is 61 s behind"},
		"replica not known":       {with(well, func(x *HealthSample) { x.Replicas = map[string]Lag{"r1": {Reason: "stopped"}} }), base, GateInconclusive, "r1 is not known: stopped"},
		"bad outweighs not known": {with(counted(1, 3000, 0, 2000, 0, 21), func(x *HealthSample) { x.Replicas = map[string]Lag{"r1": {}} }), base, GateFail, "21 threads"},
		"old blue behind":         {with(well, func(x *HealthSample) { x.Reverse = &Way{State: WayArmed, Seconds: 61} }), base, GateFail, "old blue is 61 s behind"},
		"way back broken":         {with(well, func(x *HealthSample) { x.Reverse = &Way{State: WayBroken, Seconds: 999} }), base, GatePass, ""},
	} {
		var s Soak
		if g, stop := s.Take(first, c.base, limits); g.Verdict != GatePass || stop {
			t.Fatalf("%s: the first sample: %s", name, g)
		}
		g, stop := s.Take(c.x, c.base, limits)
		if g.Verdict != c.want || stop || !strings.Contains(g.String(), c.say) {
			t.Errorf("%s: %s, stop %t, want %s with %q", name, g, stop, c.want, c.say)
		}
	}
}

func TestSoakCountsInARow(t *testing.T) {
	limits := SoakLimits{Threads: 10, Failures: 3, Inconclusives: 2}
	for _, c := range []struct {
		samples string // g good, b bad, u unreadable
		stop    int    // the sample that ends it, -1 for none
		want    GateVerdict
	}{
		{"gggg", -1, GatePass}, {"gbbg", -1, GatePass}, {"gbbb", 3, GateFail}, {"gbbgbbg", -1, GatePass},
		{"uu", 1, GateInconclusive}, {"ugug", -1, GatePass}, {"bubub", 3, GateInconclusive},
	} {
		var s Soak
		stopped, last := -1, Gate{}
		for i, what := range c.samples {
			x := counted(i, uint64(1000*i), 0, 100, 0, 1)
			switch what {
			case 'b':
				x.Health.Value.Threads = 11
			case 'u':
				x = HealthSample{Health: Reading[Health]{Err: "gone"}}
			}
			var stop bool
			if last, stop = s.Take(x, nil, limits); stop {
				stopped = i
				break
			}
		}
		if stopped != c.stop || last.Verdict != c.want {
			t.Errorf("%s: stopped at %d with %s, want %d with %s", c.samples, stopped, last.Verdict, c.stop, c.want)
		}
	}
}

func TestBaseline(t *testing.T) {
	a, b := counted(0, 1000, 100, 1000, 10, 1).Health.Value, counted(10, 3000, 120, 1000, 30, 1).Health.Value
	if r := Baseline(a, b); r.Over != 10*time.Minute || r.Statements != 2000 || r.ErrorShare != 1 || r.Latency != time.Millisecond || r.Aborted != 2 {
		t.Errorf("between two readings: %+v", r)
	}
	if r := Baseline(b, b); r.Over != 15*time.Minute || r.Statements != 3000 || r.ErrorShare != 4 {
		t.Errorf("since the start: %+v", r)
	}
	restarted := counted(-1, 500, 5, 1000, 0, 1).Health.Value
	restarted.At = b.At
	if r := Baseline(a, restarted); r.Statements != 500 {
		t.Errorf("after a restart: %+v", r)
	}
}
