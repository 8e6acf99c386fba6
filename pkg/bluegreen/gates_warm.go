package bluegreen

import (
	"fmt"
	"time"
)

// WarmTable is how far a table was read on green.
type WarmTable struct {
	Table   string `json:"table"`
	Bytes   int64  `json:"bytes"` // rows and indexes, by the server's statistics
	Rows    int64  `json:"rows"`  // read, each index counted
	Indexes int    `json:"indexes"`
	Done    bool   `json:"done"`
	// Skipped is why it was not read.
	Skipped string `json:"skipped,omitempty"`
	// Cold and Warm are how long the same rows took to read at first and again.
	Cold time.Duration `json:"cold_ns"`
	Warm time.Duration `json:"warm_ns"`
}

// WarmSummary is the warming of a green that has ended.
type WarmSummary struct {
	Tables []WarmTable   `json:"tables"` // by how much blue reads and writes them
	Took   time.Duration `json:"took_ns"`
}

// GateNameWarm is the name of the gate that tells how much of green was read.
const GateNameWarm = "green warmed"

// slowestShown bounds the tables whose latencies are told.
const slowestShown = 5

// GateWarm asks whether at least a share of the bytes, 0 to 100, of the tables
// that matter most was read on green.
func GateWarm(s WarmSummary, least float64) Gate {
	var all, read int64
	var rows int64
	var late, skipped, latencies []string
	for _, t := range s.Tables {
		all += t.Bytes
		rows += t.Rows
		switch {
		case t.Done:
			read += t.Bytes
		case t.Skipped != "":
			skipped = append(skipped, printable(t.Table)+" ("+t.Skipped+")")
		default:
			late = append(late, printable(t.Table))
		}
		if t.Cold > 0 && t.Warm > 0 && len(latencies) < slowestShown {
			latencies = append(latencies, fmt.Sprintf("%s: the first rows took %s cold and %s warm", printable(t.Table), brief(t.Cold), brief(t.Warm)))
		}
	}
	share := 100.0
	if all > 0 {
		share = 100 * float64(read) / float64(all)
	}
	evidence := append([]string{fmt.Sprintf("%.0f%% of %.1f MiB in %s was read on green, %d rows in %s", share, float64(all)/(1<<20), plural(len(s.Tables), "table"), rows, s.Took.Round(time.Second))}, latencies...)
	if len(late) > 0 {
		evidence = append(evidence, "not read to the end within the budget: "+few(late))
	}
	if len(skipped) > 0 {
		evidence = append(evidence, "not read: "+few(skipped))
	}
	if share < least {
		return gate(GateNameWarm, GateInconclusive, append([]string{fmt.Sprintf("the plan wants %.0f%%", least)}, evidence...)...)
	}
	return gate(GateNameWarm, GatePass, evidence...)
}

func brief(d time.Duration) time.Duration {
	if d < time.Millisecond {
		return d.Round(time.Microsecond)
	}
	return d.Round(time.Millisecond)
}
