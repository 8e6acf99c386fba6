package bluegreen

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// GateVerdict is the answer of a gate. Only a pass lets a switchover begin.
type GateVerdict string

// The verdicts. Inconclusive is what could not be read or decided.
const (
	GatePass         GateVerdict = "pass"
	GateFail         GateVerdict = "fail"
	GateInconclusive GateVerdict = "inconclusive"
)

// Gate is one question asked before a switchover, with what the answer rests on.
type Gate struct {
	Name     string      `json:"name"`
	Verdict  GateVerdict `json:"verdict"`
	Evidence []string    `json:"evidence"`
	// Later: somebody asks for patience rather than saying no.
	Later bool `json:"later,omitempty"`
	// Final: the verdict needs no second look.
	Final bool `json:"final,omitempty"`
}

// String is the gate in one line.
func (g Gate) String() string {
	return g.Name + ": " + string(g.Verdict) + " (" + strings.Join(g.Evidence, "; ") + ")"
}

// GatesVerdict is the worst of several gates: a fail before an inconclusive
// before a pass. No gate at all proves nothing.
func GatesVerdict(gates []Gate) GateVerdict {
	worst := GatePass
	for _, g := range gates {
		switch g.Verdict {
		case GatePass:
		case GateFail:
			return GateFail
		default:
			worst = GateInconclusive
		}
	}
	if len(gates) == 0 {
		return GateInconclusive
	}
	return worst
}

// Reading is something asked of a server: its value, or why there is none.
type Reading[T any] struct {
	Value T
	Err   string // "" when it was read
}

// Transaction is an open transaction, or a statement that runs.
type Transaction struct {
	Connection string
	For        time.Duration
	Wrote      bool
	Statement  string
}

func gate(name string, v GateVerdict, evidence ...string) Gate {
	return Gate{Name: name, Verdict: v, Evidence: evidence}
}

func unread(name, err string) Gate { return gate(name, GateInconclusive, "could not be read: "+err) }

// GateTransactions looks for transactions that RDS would wait for, or cancel
// the switchover because of: those that have written, and any that is old
// (RDS User Guide, "Switchover guardrails": long-running writes).
func GateTransactions(open Reading[[]Transaction], longest time.Duration) Gate {
	const name = gateOpen
	if open.Err != "" {
		return unread(name, open.Err)
	}
	var bad []string
	for _, t := range open.Value {
		if t.For >= longest {
			what := "has only read"
			if t.Wrote {
				what = "has written"
			}
			bad = append(bad, fmt.Sprintf("connection %s has a transaction open for %s, which %s", t.Connection, t.For, what))
		}
	}
	if len(bad) > 0 {
		return gate(name, GateFail, bad...)
	}
	return gate(name, GatePass, fmt.Sprintf("%s open, none for %s or longer", plural(len(open.Value), "transaction"), longest))
}

// ddlVerbs begin statements that RDS's guardrail calls data definition.
var ddlVerbs = []string{"ALTER", "CREATE", "DROP", "RENAME", "TRUNCATE", "OPTIMIZE", "REPAIR", "ANALYZE"}

// GateDDL looks for data definition under way (RDS User Guide, "Switchover
// guardrails": long-running DDL).
func GateDDL(running Reading[[]Transaction]) Gate {
	const name = gateDDL
	if running.Err != "" {
		return unread(name, running.Err)
	}
	var bad []string
	for _, t := range running.Value {
		verb, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(t.Statement)), " ")
		if slices.Contains(ddlVerbs, verb) {
			bad = append(bad, fmt.Sprintf("connection %s runs %s for %s", t.Connection, verb, t.For))
		}
	}
	if len(bad) > 0 {
		return gate(name, GateFail, bad...)
	}
	return gate(name, GatePass, plural(len(running.Value), "statement")+" running, none of them DDL")
}

// GateXA looks for prepared XA transactions: they hold locks until somebody
// decides, and do not survive to green.
func GateXA(prepared Reading[int]) Gate {
	const name = gateXA
	switch {
	case prepared.Err != "":
		return unread(name, prepared.Err)
	case prepared.Value > 0:
		return gate(name, GateFail, plural(prepared.Value, "transaction")+" prepared and not decided (XA RECOVER)")
	}
	return gate(name, GatePass, "XA RECOVER lists none")
}

// GateHistory looks at InnoDB's history list: a long one makes shutdown and
// catching up slow.
func GateHistory(length Reading[int64], most int64) Gate {
	const name = gateHistory
	switch {
	case length.Err != "":
		return unread(name, length.Err)
	case length.Value > most:
		return gate(name, GateFail, fmt.Sprintf("%d undo records wait to be purged, the limit is %d", length.Value, most))
	}
	return gate(name, GatePass, fmt.Sprintf("%d undo records wait to be purged", length.Value))
}

// Replication is what a replica says about itself.
type Replication struct {
	Configured        bool
	Receiver, Applier string // Yes, No, Connecting
	ReceiverError     string
	ApplierError      string
	// ReceiverErrno is the number of ReceiverError, 0 when it is not known.
	ReceiverErrno int
	// File and Position are how far the applier is in the source's binary log.
	File     string
	Position uint64
	// Seconds is the lag that the server computes; nil when it says NULL.
	Seconds *float64
}

// Reconnecting tells that the receiver found nobody at the source's address, and
// goes on trying: every 60 s by itself (MySQL manual, "CHANGE REPLICATION SOURCE
// TO", SOURCE_CONNECT_RETRY). Errors of the client's side are numbered from 2000 to 2999.
func (r Replication) Reconnecting() bool {
	return r.Receiver == "Connecting" && r.Applier == "Yes" && r.ReceiverErrno >= 2000 && r.ReceiverErrno < 3000
}

// Running tells that both halves run.
func (r Replication) Running() bool { return r.Receiver == "Yes" && r.Applier == "Yes" }

// Trouble says what is wrong, "" when nothing is.
func (r Replication) Trouble() string {
	switch {
	case !r.Configured:
		return "it does not replicate"
	case r.ApplierError != "":
		return "the applier stopped: " + r.ApplierError
	case r.ReceiverError != "":
		return "the receiver has no connection: " + r.ReceiverError
	case !r.Running():
		return fmt.Sprintf("replication is not running (receiver %s, applier %s)", r.Receiver, r.Applier)
	}
	return ""
}

// GateReplication asks whether green replicates without error.
func GateReplication(r Reading[Replication]) Gate {
	const name = gateReplication
	if r.Err != "" {
		return unread(name, r.Err)
	}
	if t := r.Value.Trouble(); t != "" {
		return gate(name, GateFail, t)
	}
	return gate(name, GatePass, fmt.Sprintf("receiver and applier run, at %s:%d of blue's log", r.Value.File, r.Value.Position))
}

// Arrival is a mark that was set on blue, and when green was seen to have it.
type Arrival struct {
	Mark    string // what it is: a row's token, or a place in the log
	Arrived bool
	After   time.Duration // until it was there, or until nobody waited any longer
}

// GateArrival asks whether something that blue had really reached green.
// Seconds_Behind_Source=0 alone proves nothing: it is 0 as well while the
// receiver sees nothing of a source that is gone.
func GateArrival(a Reading[Arrival], most time.Duration) Gate {
	const name = gateArrival
	switch {
	case a.Err != "":
		return unread(name, a.Err)
	case !a.Value.Arrived:
		return gate(name, GateFail, fmt.Sprintf("%s was not on green after %s", a.Value.Mark, a.Value.After.Round(time.Millisecond)))
	case a.Value.After > most:
		return gate(name, GateFail, fmt.Sprintf("%s took %s to green, the limit is %s", a.Value.Mark, a.Value.After.Round(time.Millisecond), most))
	}
	return gate(name, GatePass, fmt.Sprintf("%s was on green after %s", a.Value.Mark, a.Value.After.Round(time.Millisecond)))
}

// GreenWrites is what can be seen of writes on green.
type GreenWrites struct {
	ReadOnly bool
	// Open are transactions of clients, not of replication.
	Open []Transaction
}

// GateGreenWrites asks whether anybody writes to green (RDS User Guide,
// "Switchover guardrails": no active writes on green).
func GateGreenWrites(w Reading[GreenWrites]) Gate {
	const name = gateWrites
	if w.Err != "" {
		return unread(name, w.Err)
	}
	var bad []string
	if !w.Value.ReadOnly {
		bad = append(bad, "green is not read_only")
	}
	for _, t := range w.Value.Open {
		if t.Wrote {
			bad = append(bad, fmt.Sprintf("connection %s has written in a transaction open for %s", t.Connection, t.For))
		}
	}
	if len(bad) > 0 {
		return gate(name, GateFail, bad...)
	}
	return gate(name, GatePass, "green is read_only, and no client has written in an open transaction")
}
