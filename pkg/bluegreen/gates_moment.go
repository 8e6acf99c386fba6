package bluegreen

import (
	"fmt"
	"strings"
	"time"
)

// AppLoad is what an application still does on a server: its connections, and
// which of them have a transaction open. Replication, RDS's own sessions and
// rdsupgrade's do not count.
type AppLoad struct {
	Connections, Transactions int
}

// String is the load in words.
func (l AppLoad) String() string {
	return plural(l.Connections, "connection") + " and " + plural(l.Transactions, "open transaction")
}

// DrainLimit is when a server counts as drained; a limit below zero is not asked.
type DrainLimit struct {
	Connections, Transactions int
	For, Timeout              time.Duration
}

// within tells whether a load is within the limits.
func (d DrainLimit) within(l AppLoad) bool {
	return (d.Connections < 0 || l.Connections <= d.Connections) && (d.Transactions < 0 || l.Transactions <= d.Transactions)
}

func (d DrainLimit) String() string {
	var parts []string
	if d.Connections >= 0 {
		parts = append(parts, plural(d.Connections, "connection"))
	}
	if d.Transactions >= 0 {
		parts = append(parts, plural(d.Transactions, "open transaction"))
	}
	return fmt.Sprintf("at most %s for %s", strings.Join(parts, " and "), d.For)
}

// Drain follows a server while its application lets go. The zero Drain has seen
// nothing.
type Drain struct {
	Begun       time.Time
	First, Last Reading[AppLoad]
	// quietSince is since when every reading was within the limits.
	quietSince time.Time
	reads      int
}

// Take takes one reading in. A reading that failed proves nothing, and begins
// the quiet time anew.
func (d *Drain) Take(at time.Time, r Reading[AppLoad], limit DrainLimit) {
	if d.reads == 0 {
		d.Begun, d.First = at, r
	}
	d.reads++
	d.Last = r
	switch {
	case r.Err != "" || !limit.within(r.Value):
		d.quietSince = time.Time{}
	case d.quietSince.IsZero():
		d.quietSince = at
	}
}

// GateDrained is the drain as a gate; done tells that there is nothing more to
// wait for. goOn lets a switchover begin when the time is over.
func GateDrained(d Drain, now time.Time, limit DrainLimit, goOn bool) (g Gate, done bool) {
	const name = "drain of blue"
	waited := now.Sub(d.Begun).Round(time.Second)
	switch {
	case !d.quietSince.IsZero() && now.Sub(d.quietSince) >= limit.For:
		return gate(name, GatePass, fmt.Sprintf("%s are left after %s, wanted %s; there were %s", d.Last.Value, waited, limit, told(d.First))), true
	case d.reads == 0 || now.Sub(d.Begun) < limit.Timeout:
		return gate(name, GateInconclusive, "waiting: "+told(d.Last)+" are left, wanted "+limit.String()), false
	case goOn:
		return gate(name, GatePass, fmt.Sprintf("%s are left after %s, and the plan says to go on (on_timeout: go); wanted %s", told(d.Last), waited, limit)), true
	case d.Last.Err != "":
		g = unread(name, d.Last.Err)
	default:
		g = gate(name, GateFail, fmt.Sprintf("%s are left after %s, wanted %s; there were %s", d.Last.Value, waited, limit, told(d.First)))
	}
	g.Final = true
	return g, true
}

func told(r Reading[AppLoad]) string {
	if r.Err != "" {
		return "what cannot be read (" + r.Err + ")"
	}
	return r.Value.String()
}

// Answer is what a query answered: the number of rows, the first column of the
// first row, and a checksum over all of them.
type Answer struct {
	Rows  int
	First string
	Null  bool // the first value is NULL
	Sum   string
	Took  time.Duration
	// Slow: the server ended it at its time limit.
	Slow bool
}

// SmokeWant is what a smoke query must answer.
type SmokeWant struct {
	Name    string
	MaxTime time.Duration
	// Rows says whether a number of rows will do, in words RowsText; nil: not asked.
	Rows     func(int) bool
	RowsText string
	Value    *string
	// Blue is blue's answer before and after green's, when they must be the same.
	Blue []Reading[Answer]
	// SameAsBlue without Blue: blue is not there any more, an answer will do.
	SameAsBlue bool
}

// GateSmoke judges a query of the plan. No value of a row stands in the
// evidence but the one that the plan itself expects, and the one found in its place.
func GateSmoke(where string, w SmokeWant, a Reading[Answer]) Gate {
	name := "smoke query " + w.Name
	took := fmt.Sprintf("on %s, in %s", where, a.Value.Took.Round(time.Millisecond))
	switch {
	case a.Err != "":
		return unread(name, a.Err)
	case a.Value.Slow || a.Value.Took > w.MaxTime:
		return gate(name, GateFail, fmt.Sprintf("it took longer than %s on %s", w.MaxTime, where))
	case w.Rows != nil && !w.Rows(a.Value.Rows):
		return gate(name, GateFail, fmt.Sprintf("%s, wanted %s, %s", plural(a.Value.Rows, "row"), w.RowsText, took))
	case w.Value != nil:
		return smokeValue(name, *w.Value, took, a.Value)
	case len(w.Blue) > 0:
		return smokeSame(name, took, w.Blue, a.Value)
	}
	return gate(name, GatePass, plural(a.Value.Rows, "row")+" "+took)
}

// maxShown bounds a value in the evidence.
const maxShown = 100

func smokeValue(name, want, took string, a Answer) Gate {
	shown := []rune(a.First)
	if len(shown) > maxShown {
		shown = append(shown[:maxShown], '.', '.', '.')
	}
	switch {
	case a.Rows != 1:
		return gate(name, GateFail, fmt.Sprintf("%s, wanted one with the value %q, %s", plural(a.Rows, "row"), want, took))
	case a.Null:
		return gate(name, GateFail, fmt.Sprintf("NULL, wanted %q, %s", want, took))
	case a.First != want:
		return gate(name, GateFail, fmt.Sprintf("%q, wanted %q, %s", string(shown), want, took))
	}
	return gate(name, GatePass, fmt.Sprintf("%q %s", want, took))
}

// smokeSame compares with blue, which was asked before and after green: when
// its own answers differ, nothing can be compared.
func smokeSame(name, took string, blue []Reading[Answer], green Answer) Gate {
	first := blue[0]
	for _, b := range blue {
		switch {
		case b.Err != "":
			return unread(name, "on blue: "+b.Err)
		case b.Value.Slow:
			return gate(name, GateInconclusive, "blue did not answer in time")
		case b.Value.Sum == green.Sum && b.Value.Rows == green.Rows:
			return gate(name, GatePass, plural(green.Rows, "row")+" as on blue "+took)
		case b.Value.Sum != first.Value.Sum:
			return gate(name, GateInconclusive, "blue's own answer changes from one moment to the next: ask for something that stands still")
		}
	}
	if first.Value.Rows != green.Rows {
		return gate(name, GateFail, fmt.Sprintf("%s, %d on blue, %s", plural(green.Rows, "row"), first.Value.Rows, took))
	}
	return gate(name, GateFail, fmt.Sprintf("%s as on blue, but with other contents (their order counts: does the query have ORDER BY?), %s", plural(green.Rows, "row"), took))
}

// Disk is a server's storage as far as it could be read.
type Disk struct {
	ID           string
	AllocatedGiB int
	Operation    string // storage work that RDS does on it, "" for none
	FreeGiB      Reading[float64]
	// BinlogGiB is what binary logs take; a switchover keeps them.
	BinlogGiB Reading[float64]
}

// GateDisk asks whether a server has room. What cannot be read is a question
// only where the plan asks for it; otherwise it is said. Storage work under way
// slows the very moment of the switchover (RDS User Guide, "Modifying a DB
// instance's storage": storage-optimization takes hours and degrades latency).
func GateDisk(role string, d Disk, minFree float64, required bool) Gate {
	name := "free storage of " + role
	var notes []string
	if d.BinlogGiB.Err == "" {
		notes = append(notes, fmt.Sprintf("binary logs take %.1f GiB", d.BinlogGiB.Value))
	}
	if op := d.Operation; op != "" && !strings.EqualFold(op, "completed") {
		if role == "green" {
			return gate(name, GateFail, append(notes, d.ID+" is in "+op+": its volume is slow until that ends")...)
		}
		notes = append(notes, d.ID+" is in "+op)
	}
	switch {
	case d.FreeGiB.Err != "" && required:
		return gate(name, GateInconclusive, append(notes, "could not be read: "+d.FreeGiB.Err)...)
	case d.FreeGiB.Err != "":
		return gate(name, GatePass, append(notes, "not read, and the plan does not ask for it (switchover.disk.required): "+d.FreeGiB.Err)...)
	case d.AllocatedGiB <= 0:
		return gate(name, GateInconclusive, append(notes, "its size is not known")...)
	}
	share := d.FreeGiB.Value / float64(d.AllocatedGiB) * 100
	notes = append([]string{fmt.Sprintf("%.1f of %d GiB are free (%.0f %%), the least is %g %%", d.FreeGiB.Value, d.AllocatedGiB, share, minFree)}, notes...)
	if share < minFree {
		return gate(name, GateFail, notes...)
	}
	return gate(name, GatePass, notes...)
}
