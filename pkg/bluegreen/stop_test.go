package bluegreen

import (
	"strings"
	"testing"
	"time"
)

var stopNow = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func TestDecide(t *testing.T) {
	pass, parity := Gate{Name: "rows of blue and green", Verdict: GatePass}, Gate{Name: "parity of blue and green", Verdict: GateFail}
	ddl, blind := Gate{Name: gateDDL, Verdict: GateFail}, Gate{Name: "history list of blue", Verdict: GateInconclusive}
	veto := Gate{Name: HookGate("h"), Verdict: GateFail}
	later := Gate{Name: HookGate("h"), Verdict: GateFail, Later: true}
	word := func(gate string) []Override {
		return []Override{{Gate: gate, At: stopNow.Add(-time.Hour), Until: stopNow.Add(time.Hour)}}
	}
	for name, c := range map[string]struct {
		gates []Gate
		over  []Override
		times int // verdicts before this one
		want  Decision
	}{
		"all pass":                   {[]Gate{pass, pass}, nil, 0, Decision{Pass: true}},
		"none":                       {nil, nil, 0, Decision{Pass: true}},
		"lasting no, first time":     {[]Gate{pass, parity}, nil, 0, Decision{Gate: parity}},
		"lasting no, again":          {[]Gate{pass, parity}, nil, 1, Decision{Gate: parity, Stop: true}},
		"passing no, for long":       {[]Gate{ddl}, nil, 999, Decision{Gate: ddl}},
		"cannot tell, second time":   {[]Gate{blind}, nil, 1, Decision{Gate: blind}},
		"cannot tell, third time":    {[]Gate{blind}, nil, 2, Decision{Gate: blind, Stop: true}},
		"veto of a hook":             {[]Gate{veto}, nil, 0, Decision{Gate: veto, Stop: true}},
		"patience of a hook":         {[]Gate{later}, nil, 99, Decision{Gate: later}},
		"a no before what is blind":  {[]Gate{blind, ddl}, nil, 5, Decision{Gate: ddl}},
		"a lasting no before others": {[]Gate{blind, ddl, parity}, nil, 1, Decision{Gate: parity, Stop: true}},
		"overridden":                 {[]Gate{parity}, word(parity.Name), 5, Decision{Pass: true}},
		"another overridden":         {[]Gate{parity}, word(blind.Name), 5, Decision{Gate: parity, Stop: true}},
		"not to be overridden":       {[]Gate{{Name: gateArrival, Verdict: GateFail}}, word(gateArrival), 5, Decision{Gate: Gate{Name: gateArrival, Verdict: GateFail}}},
	} {
		seen := map[string]int{}
		for _, g := range c.gates {
			seen[g.Name+string(g.Verdict)] = c.times
		}
		got := Decide(c.gates, c.over, seen, stopNow)
		if got.Pass != c.want.Pass || got.Stop != c.want.Stop || got.Gate.Name != c.want.Gate.Name {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestSeenCountsInARow(t *testing.T) {
	no, yes := Gate{Name: "a", Verdict: GateFail}, Gate{Name: "a", Verdict: GatePass}
	seen := Seen(Seen(nil, []Gate{no}), []Gate{no})
	if n := seen["afail"]; n != 2 {
		t.Errorf("two in a row are %d", n)
	}
	if seen = Seen(Seen(seen, []Gate{yes}), []Gate{no}); seen["afail"] != 1 {
		t.Errorf("after a pass it is %d", seen["afail"])
	}
}

func TestStopStands(t *testing.T) {
	no := &Stop{Gate: "g", Verdict: GateFail, Phase: StopSwitchover, At: stopNow, Times: 1}
	blind := func(times int) *Stop {
		return &Stop{Gate: "g", Verdict: GateInconclusive, Phase: StopSwitchover, At: stopNow, Times: times}
	}
	soak := &Stop{Gate: "g", Verdict: GateInconclusive, Phase: StopSoak, At: stopNow, Times: 1}
	over := []Override{{Gate: "g", At: stopNow.Add(time.Minute), Until: stopNow.Add(time.Hour)}}
	for name, c := range map[string]struct {
		stop  *Stop
		over  []Override
		after time.Duration
		want  bool
	}{
		"none":                                {nil, nil, 0, false},
		"a no":                                {no, nil, 1000 * time.Hour, true},
		"a no before the word of a person":    {no, over, 59 * time.Second, true},
		"a no during it":                      {no, over, time.Minute, false},
		"a no after it":                       {no, over, time.Hour, true},
		"what could not be told":              {blind(1), nil, 4 * time.Minute, true},
		"what could not be told, later":       {blind(1), nil, 5 * time.Minute, false},
		"for the third time":                  {blind(3), nil, 19 * time.Minute, true},
		"for the third time, later":           {blind(3), nil, 20 * time.Minute, false},
		"for the hundredth time":              {blind(100), nil, 59 * time.Minute, true},
		"for the hundredth time, later":       {blind(100), nil, time.Hour, false},
		"of a soak, which measures by itself": {soak, nil, 100 * time.Hour, true},
	} {
		if got := c.stop.Standing(c.over, stopNow.Add(c.after)); got != c.want {
			t.Errorf("%s: stands %t, want %t", name, got, c.want)
		}
	}
}

// TestDeriveStops: each stop shows at its place on the road, as a question with
// the step that answers it.
func TestDeriveStops(t *testing.T) {
	for _, c := range []struct {
		phase   StopPhase
		verdict GateVerdict
		made    func(*Facts)
		want    Stage
	}{
		{StopSwitchover, GateFail, func(f *Facts) { f.Deployments = []Deployment{greenFor(Available)} }, Held},
		{StopBuild, GateFail, func(*Facts) {}, Held},
		{StopSoak, GateFail, soakingFacts, Failed},
		{StopSoak, GateInconclusive, soakingFacts, Held},
	} {
		f := stopFacts()
		c.made(&f)
		plain := Derive(f)
		f.Record.Stop = &Stop{Gate: "hook h", Verdict: c.verdict, Reason: "month end", Phase: c.phase, At: f.Now, Times: 1}
		s := Derive(f)
		if s.Stage != c.want || !strings.Contains(s.Reason, "month end") || !strings.Contains(s.NextStep, "retry --database orders") || !strings.Contains(s.NextStep, `--override-gate "hook h"`) {
			t.Errorf("%s %s: %s (%s) -> %s", c.phase, c.verdict, s.Stage, s.Reason, s.NextStep)
		}
		if step := Next(f, s); len(step.Actions) > 0 {
			t.Errorf("%s: a stopped database would act: %v", c.phase, step.Actions)
		}
		f.Record.Overrides = []Override{{Gate: "hook h", At: f.Now.Add(-time.Second), Until: f.Now.Add(time.Hour)}}
		if s := Derive(f); s.Stage != plain.Stage {
			t.Errorf("%s overridden: %s, without a stop it is %s", c.phase, s.Stage, plain.Stage)
		}
	}
}

// stopFacts is a database that is prechecked.
func stopFacts() Facts {
	f := Facts{Now: stopNow, ID: "orders", Campaign: "c", Instances: map[string]*Instance{"orders": {ID: "orders", Status: "available", Version: "5.7.44"}},
		Hops: []Hop{{From: "5.7.44", To: "8.0.46"}}, Policy: Policy{SQL: true, Soak: time.Hour}}
	f.Record.Precheck = &PrecheckFact{From: "5.7.44", To: "8.0.46", Verdict: "ready", At: stopNow}
	return f
}

func greenFor(status string) Deployment {
	return Deployment{ID: "bgd-1", Name: DeploymentName("c", "orders", "8.0.46"), Status: status, Source: "arn:aws:rds:eu-west-1:1:db:orders", Target: "arn:aws:rds:eu-west-1:1:db:orders-green-abc123"}
}

func soakingFacts(f *Facts) {
	f.Hops, f.Instances["orders"].Version = nil, "8.0.46"
	f.Record.SwitchedAt, f.Record.ConfirmedAt, f.Record.SwitchedTo, f.Record.SwitchedBy = stopNow.Add(-time.Minute), stopNow, "8.0.46", "bgd-1"
	f.Deployments = []Deployment{greenFor(SwitchoverCompleted)}
}

func TestDrain(t *testing.T) {
	limit := DrainLimit{Connections: 2, Transactions: -1, For: 10 * time.Second, Timeout: time.Minute}
	load := func(n int) Reading[AppLoad] { return Reading[AppLoad]{Value: AppLoad{Connections: n, Transactions: 9}} }
	blind := Reading[AppLoad]{Err: "refused"}
	for name, c := range map[string]struct {
		every []Reading[AppLoad] // a reading every five seconds, the last one again and again
		goOn  bool
		want  GateVerdict
		after time.Duration
	}{
		"quiet":                       {[]Reading[AppLoad]{load(2)}, false, GatePass, 10 * time.Second},
		"quiet later":                 {[]Reading[AppLoad]{load(9), load(5), load(0)}, false, GatePass, 20 * time.Second},
		"noise in between":            {[]Reading[AppLoad]{load(0), load(3), load(0)}, false, GatePass, 20 * time.Second},
		"blindness in between":        {[]Reading[AppLoad]{load(0), blind, load(0)}, false, GatePass, 20 * time.Second},
		"never quiet":                 {[]Reading[AppLoad]{load(3)}, false, GateFail, time.Minute},
		"never quiet, and goes on":    {[]Reading[AppLoad]{load(3)}, true, GatePass, time.Minute},
		"never read":                  {[]Reading[AppLoad]{blind}, false, GateInconclusive, time.Minute},
		"not quiet for long enough":   {append(make([]Reading[AppLoad], 0), load(0), load(3), load(0), load(3), load(0), load(3), load(0), load(3), load(0), load(3), load(0), load(3)), false, GateFail, time.Minute},
		"quiet at the very last time": {append(make([]Reading[AppLoad], 0), load(9), load(9), load(9), load(9), load(9), load(9), load(9), load(9), load(9), load(9), load(0)), false, GatePass, time.Minute},
	} {
		var d Drain
		for i := 0; ; i++ {
			at := stopNow.Add(time.Duration(i) * 5 * time.Second)
			d.Take(at, c.every[min(i, len(c.every)-1)], limit)
			g, done := GateDrained(d, at, limit, c.goOn)
			if !done && i < 100 {
				continue
			}
			if g.Verdict != c.want || at.Sub(stopNow) != c.after {
				t.Errorf("%s: after %s %s, want %s after %s", name, at.Sub(stopNow), g, c.want, c.after)
			}
			break
		}
	}
}

func TestGateSmoke(t *testing.T) {
	value := "42"
	answer := func(rows int, first, sum string) Reading[Answer] {
		return Reading[Answer]{Value: Answer{Rows: rows, First: first, Sum: sum, Took: time.Millisecond}}
	}
	many := func(n int) bool { return n > 0 }
	for name, c := range map[string]struct {
		w    SmokeWant
		a    Reading[Answer]
		want GateVerdict
		say  string
	}{
		"rows":               {SmokeWant{Rows: many}, answer(3, "", ""), GatePass, "3 rows"},
		"no rows":            {SmokeWant{Rows: many, RowsText: "rows>0"}, answer(0, "", ""), GateFail, "0 rows, wanted rows>0"},
		"value":              {SmokeWant{Value: &value}, answer(1, "42", ""), GatePass, `"42"`},
		"other value":        {SmokeWant{Value: &value}, answer(1, "43", ""), GateFail, `"43", wanted "42"`},
		"long value":         {SmokeWant{Value: &value}, answer(1, strings.Repeat("ü", 500), ""), GateFail, strings.Repeat("ü", maxShown) + `..."`},
		"several values":     {SmokeWant{Value: &value}, answer(2, "42", ""), GateFail, "2 rows"},
		"NULL":               {SmokeWant{Value: &value}, Reading[Answer]{Value: Answer{Rows: 1, Null: true}}, GateFail, "NULL, wanted"},
		"no answer":          {SmokeWant{Rows: many}, Reading[Answer]{Err: "refused"}, GateInconclusive, "refused"},
		"ended by server":    {SmokeWant{Rows: many}, Reading[Answer]{Value: Answer{Rows: 1, Slow: true}}, GateFail, "longer than 1s"},
		"slow":               {SmokeWant{Rows: many}, Reading[Answer]{Value: Answer{Rows: 1, Took: 2 * time.Second}}, GateFail, "longer than 1s"},
		"as on blue":         {SmokeWant{SameAsBlue: true, Blue: []Reading[Answer]{answer(3, "", "a"), answer(3, "", "b")}}, answer(3, "", "b"), GatePass, "as on blue"},
		"not as on blue":     {SmokeWant{SameAsBlue: true, Blue: []Reading[Answer]{answer(3, "", "a"), answer(3, "", "a")}}, answer(3, "", "b"), GateFail, "ORDER BY"},
		"fewer than on blue": {SmokeWant{SameAsBlue: true, Blue: []Reading[Answer]{answer(3, "", "a"), answer(3, "", "a")}}, answer(2, "", "b"), GateFail, "2 rows, 3 on blue"},
		"blue moves":         {SmokeWant{SameAsBlue: true, Blue: []Reading[Answer]{answer(3, "", "a"), answer(4, "", "c")}}, answer(3, "", "b"), GateInconclusive, "changes"},
		"blue is away":       {SmokeWant{SameAsBlue: true, Blue: []Reading[Answer]{{Err: "gone"}}}, answer(3, "", "b"), GateInconclusive, "gone"},
		"blue is no more":    {SmokeWant{SameAsBlue: true}, answer(3, "", "b"), GatePass, "3 rows"},
	} {
		c.w.Name, c.w.MaxTime = "q", time.Second
		if g := GateSmoke("green", c.w, c.a); g.Verdict != c.want || !strings.Contains(g.String(), c.say) {
			t.Errorf("%s: %s, want %s with %q", name, g, c.want, c.say)
		}
	}
}

func TestGateDisk(t *testing.T) {
	read := func(free float64) Disk {
		return Disk{ID: "x", AllocatedGiB: 100, FreeGiB: Reading[float64]{Value: free}, BinlogGiB: Reading[float64]{Err: "-"}}
	}
	blind := Disk{ID: "x", AllocatedGiB: 100, FreeGiB: Reading[float64]{Err: "no right"}, BinlogGiB: Reading[float64]{Value: 2}}
	busy := read(50)
	busy.Operation = "storage-optimization"
	for name, c := range map[string]struct {
		role     string
		d        Disk
		required bool
		want     GateVerdict
	}{
		"room":                {"green", read(10), false, GatePass},
		"no room":             {"green", read(9.9), false, GateFail},
		"not read":            {"green", blind, false, GatePass},
		"not read, but asked": {"green", blind, true, GateInconclusive},
		"green is optimized":  {"green", busy, false, GateFail},
		"blue is optimized":   {"blue", busy, false, GatePass},
		"size not known":      {"green", Disk{FreeGiB: Reading[float64]{Value: 5}}, false, GateInconclusive},
	} {
		if g := GateDisk(c.role, c.d, 10, c.required); g.Verdict != c.want {
			t.Errorf("%s: %s, want %s", name, g, c.want)
		}
	}
}
