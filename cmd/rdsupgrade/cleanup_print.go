package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/report"
)

// showCleanup prints the list as data, or for a person.
func showCleanup(s streams, o cleanupOptions, st fleet.Status, list []fleet.DatabaseStatus, groups map[string][]string) error {
	if !o.json {
		printLeftovers(s.out, list)
		printCalls(s.out, list)
		for _, scope := range sortedMap(groups) {
			fmt.Fprintf(s.out, "parameter groups of this campaign that nothing uses in %s: %s\n", scope, visible(strings.Join(groups[scope], ", ")))
		}
		return nil
	}
	out := []map[string]any{}
	for _, d := range list {
		if len(d.Leftovers) > 0 {
			out = append(out, map[string]any{"id": d.ID, "account": d.Account, "region": d.Region, "wave": d.Wave, "stage": d.Stage, "leftovers": d.Leftovers})
		}
	}
	return printJSON(s.out, map[string]any{"campaign": st.Campaign, "at": st.At, "databases": out, "unused_parameter_groups": groups,
		"prices_as_of": bluegreen.BuiltinPrices().AsOf})
}

// printLeftovers is the list of servers with what speaks for and against each.
func printLeftovers(w io.Writer, list []fleet.DatabaseStatus) {
	var rows [][]string
	var sum bluegreen.Estimate
	there := 0
	for _, d := range list {
		for _, l := range d.Leftovers {
			day, so := "", ""
			if l.PerDay != nil {
				day = report.Money(*l.PerDay)
				if there++; there == 1 {
					sum = *l.PerDay
				} else {
					sum = sum.Add(*l.PerDay)
				}
			}
			if l.SoFar != nil {
				so = report.Money(*l.SoFar)
			}
			note := l.Role + ": " + l.Reason
			if l.WayBack {
				note += "; the armed way back leads to it"
			}
			if l.Next != "" && l.State != bluegreen.LeftKept {
				note += " -> " + l.Next
			}
			rows = append(rows, []string{d.ID, l.Instance, string(l.State), ageOf(l.Since), dayOf(l.KeepUntil), day, so, note})
		}
	}
	if len(rows) == 0 {
		fmt.Fprintln(w, "the campaign has left nothing behind")
		return
	}
	table(w, []string{"DATABASE", "SERVER", "STATE", "AGE", "KEPT UNTIL", "A DAY", "SO FAR", "NOTE"}, rows, cutAt(w))
	if there > 0 {
		fmt.Fprintf(w, "%s cost %s a day (estimate at on-demand prices of %s, Extended Support included)\n", plural(there, "server"), report.Money(sum), bluegreen.BuiltinPrices().AsOf)
	}
}

// printCalls lists exactly the calls that removing what is due takes.
func printCalls(w io.Writer, list []fleet.DatabaseStatus) {
	first := true
	for _, d := range list {
		// Read replicas go first.
		for _, replica := range []bool{true, false} {
			for _, l := range d.Leftovers {
				if l.State != bluegreen.LeftDue && l.State != bluegreen.LeftRemoving || (l.Snapshot == "") != replica {
					continue
				}
				for _, a := range l.Actions {
					if first {
						fmt.Fprintln(w, "\ncleanup --yes makes these calls, and then deletes the completed deployments' records:")
						first = false
					}
					fmt.Fprintf(w, "  %s: %s\n", visible(d.ID), visible(a.String()))
				}
			}
		}
	}
}

func ageOf(since time.Time) string {
	if since.IsZero() {
		return ""
	}
	switch d := time.Since(since); {
	case d < time.Hour:
		return plural(int(d.Minutes()), "minute")
	case d < 48*time.Hour:
		return plural(int(d.Hours()), "hour")
	default:
		return plural(int(d.Hours()/24), "day")
	}
}

func dayOf(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04")
}
