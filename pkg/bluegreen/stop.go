package bluegreen

import (
	"strings"
	"time"
)

// StopPhase is the part of the road that a stop stands on.
type StopPhase string

// The phases.
const (
	StopBuild      StopPhase = "build"
	StopSwitchover StopPhase = "switchover"
	StopSoak       StopPhase = "soak"
	StopRollback   StopPhase = "rollback"
)

// Stop is a gate, a hook or a soak that does not let a database go on, as the
// journal holds it. A stop that says no stands until a person retries or
// overrides it; one that could not tell is asked again by itself, at growing
// distances.
type Stop struct {
	Gate    string      `json:"gate"`
	Verdict GateVerdict `json:"verdict"`
	Reason  string      `json:"reason"`
	Phase   StopPhase   `json:"phase"`
	At      time.Time   `json:"at"`
	// Times counts stops of the same gate with the same verdict in a row.
	Times int `json:"times"`
}

// Override is a person's word that a gate which does not pass shall not stop a
// database. It ends by itself.
type Override struct {
	Gate  string    `json:"gate"`
	By    string    `json:"by"`
	Why   string    `json:"why"`
	At    time.Time `json:"at"`
	Until time.Time `json:"until"`
}

// What could not be told is asked again after stopRest, then after twice as
// long, up to stopRestMost.
const stopRest, stopRestMost = 5 * time.Minute, time.Hour

// Again is when the gate is asked again without a person, zero for never.
func (s Stop) Again() time.Time {
	if s.Verdict != GateInconclusive || s.Phase == StopSoak {
		return time.Time{}
	}
	return s.At.Add(min(stopRestMost, stopRest<<min(max(s.Times-1, 0), 10)))
}

// Standing tells that the stop holds at a moment, in spite of what was overridden.
func (s *Stop) Standing(over []Override, now time.Time) bool {
	if s == nil || Overridden(over, s.Gate, now) != nil {
		return false
	}
	again := s.Again()
	return again.IsZero() || now.Before(again)
}

// Overridden finds the override of a gate that holds at a moment, the last one
// given; nil when there is none.
func Overridden(over []Override, gate string, now time.Time) *Override {
	for i := len(over) - 1; i >= 0; i-- {
		if o := over[i]; o.Gate == gate && !o.At.After(now) && now.Before(o.Until) {
			return &over[i]
		}
	}
	return nil
}

// stopOf is the stop of a phase that holds now, nil when there is none.
func (f Facts) stopOf(p StopPhase) *Stop {
	if s := f.Record.Stop; s != nil && s.Phase == p && s.Standing(f.Record.Overrides, f.Now) {
		return s
	}
	return nil
}

// asked words a stop as the question that a person must answer, and the step
// that answers it.
func (f Facts) asked(s *Stop) (reason, next string) {
	reason = s.Gate + " says no: " + s.Reason
	if s.Verdict == GateInconclusive {
		reason = s.Gate + " could not tell: " + s.Reason
	}
	next = "mend it, then: retry --database " + f.ID
	if again := s.Again(); !again.IsZero() {
		next = "it is asked again at " + again.UTC().Format("15:04 MST") + "; at once by: retry --database " + f.ID
	}
	if Overridable(s.Gate) {
		next += "; or on your word: approve --database " + f.ID + " --override-gate \"" + s.Gate + "\" --reason WHY"
	}
	return reason, next
}

// The gates that others speak of by name.
const (
	gateToBlue      = "connection to blue"
	gateToGreen     = "connection to green"
	gateReplication = "replication of green"
	gateArrival     = "writes of blue arrive on green"
	gateWrites      = "no writes on green"
	gateXA          = "prepared XA transactions on blue"
	gateHistory     = "history list of blue"
	gateDDL         = "running DDL on blue"
	gateOpen        = "long transactions on blue"
)

// passing gates ask about a state that goes away by itself: they are asked
// again, and the green stays ready meanwhile.
var passing = map[string]bool{gateReplication: true, gateArrival: true, gateXA: true, gateHistory: true, gateDDL: true, gateOpen: true, gateWrites: true}

// Overridable tells whether a person may override a gate. Those without which
// the others cannot even be asked, or without which writes would be lost, may not.
func Overridable(gate string) bool {
	switch gate {
	case gateToBlue, gateToGreen, gateReplication, gateArrival, gateWrites:
		return false
	}
	return true
}

// HookGate is the name of the gate that a hook is.
func HookGate(name string) string { return hookPrefix + name }

const hookPrefix = "hook "

// patience is how often in a row a gate may give its verdict before it stops
// the database: a hook has spoken with its first word, a lasting no is looked
// at twice, and what could not be read three times.
func (g Gate) patience() int {
	switch {
	case g.Verdict == GateFail && (g.Later || passing[g.Name]):
		return 0 // never: it is asked again
	case strings.HasPrefix(g.Name, hookPrefix), g.Final:
		return 1
	case g.Verdict == GateFail:
		return 2
	}
	return 3
}

// Decision is what several gates together mean.
type Decision struct {
	// Pass: nothing is in the way.
	Pass bool
	// Gate is what is in the way.
	Gate Gate
	// Stop: a person must decide; otherwise it is asked again soon.
	Stop bool
}

// Decide judges gates. seen counts, by gate, how often each gave just this
// verdict in the askings before. A lasting no outweighs one that passes by
// itself, and that what could not be told. No gate at all is a pass: whoever
// asks knows which ones there must be.
func Decide(gates []Gate, over []Override, seen map[string]int, now time.Time) Decision {
	d, worst := Decision{Pass: true}, 0
	for _, g := range gates {
		if g.Verdict == GatePass || Overridable(g.Name) && Overridden(over, g.Name, now) != nil {
			continue
		}
		weight := 1
		if g.Verdict == GateFail {
			weight = 2
			if g.patience() > 0 {
				weight = 3
			}
		}
		if weight > worst {
			p := g.patience()
			d, worst = Decision{Gate: g, Stop: p > 0 && seen[g.Name+string(g.Verdict)]+1 >= p}, weight
		}
	}
	return d
}

// Seen counts verdicts on from one asking to the next.
func Seen(before map[string]int, gates []Gate) map[string]int {
	now := map[string]int{}
	for _, g := range gates {
		if g.Verdict != GatePass {
			k := g.Name + string(g.Verdict)
			now[k] = before[k] + 1
		}
	}
	return now
}
