package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
)

// printHop is one deployment of a road: what it makes, in which groups, what
// it takes, and what it would cost to stop there.
func printHop(say func(string, ...any), n int, h fleet.HopPlan) {
	say("  hop %d: %s > %s, %s, %s\n", n+1, h.From, h.To, h.Target.Class, h.Target.Storage)
	for _, note := range h.Target.Notes {
		say("    note: %s\n", visible(note))
	}
	if n > 0 {
		for _, i := range h.Issues {
			printIssue(say, "    ", i)
		}
	}
	if g := h.Target.ParameterGroup; g != "" {
		say("    parameter group %s", visible(g))
		if h.Group != nil {
			say(": %s", plural(len(h.Group.Set), "value"))
		}
		say("\n")
	}
	printParameters(say, h.Group)
	if len(h.Options) > 0 {
		say("    option group %s with %s\n", visible(h.Target.OptionGroup), visible(strings.Join(h.Options, ", ")))
	}
	t := h.Duration
	say("    time: %s from %s; build %d min, adjust %d, catch up %d\n", hours(&t), t.RestsOn, t.BuildMinutes, t.AdjustMinutes, t.CatchMinutes)
	say("      %s\n", visible(strings.Join(t.Basis, "; ")))
	until := ""
	if h.Until != "" {
		until = " until " + h.Until
	}
	say("    stopping there: %s a month, Extended Support %s a day (%s%s)\n", money(h.Month), money(h.FeePerDay), h.Support, until)
}

// printParameters is the translation as a diff.
func printParameters(say func(string, ...any), t *bluegreen.Translation) {
	if t == nil {
		return
	}
	for _, kind := range []struct {
		sign  string
		notes []bluegreen.TranslationNote
	}{{"~", t.Renamed}, {"-", t.Dropped}, {"~", t.Changed}, {"+", t.Pinned}} {
		for _, n := range kind.notes {
			switch {
			case n.To == "":
				say("    %s %s=%s: %s\n", kind.sign, visible(n.From), visible(n.Value), visible(n.Reason))
			case n.Value == n.NewValue && (n.From == "" || n.From == n.To):
				say("    %s %s=%s: %s\n", kind.sign, visible(n.To), visible(n.NewValue), visible(n.Reason))
			case n.From == "" || n.From == n.To:
				say("    %s %s: %s > %s: %s\n", kind.sign, visible(n.To), visible(n.Value), visible(n.NewValue), visible(n.Reason))
			default:
				say("    %s %s=%s > %s=%s: %s\n", kind.sign, visible(n.From), visible(n.Value), visible(n.To), visible(n.NewValue), visible(n.Reason))
			}
		}
	}
}

// printTimes says what the times rest on, and by what they are corrected.
func printTimes(w io.Writer, pv fleet.Preview) {
	from := map[string]int{}
	for _, d := range pv.Plans {
		if d.Duration != nil {
			kind, _, _ := strings.Cut(d.Duration.RestsOn, ", pace")
			if kind == "size" {
				kind = "size only"
			}
			if strings.Contains(kind, "table") {
				kind = "size and number of tables"
				if strings.Contains(d.Duration.RestsOn, "writes") {
					kind += " and writes"
				}
			}
			from[kind]++
		}
	}
	var parts []string
	for _, kind := range sortedMap(from) {
		parts = append(parts, fmt.Sprintf("%s for %s", kind, plural(from[kind], "database")))
	}
	if len(parts) > 0 {
		fmt.Fprintf(w, "  times rest on: %s\n", strings.Join(parts, "; "))
	}
	if p := pv.Pace; p != nil {
		fmt.Fprintf(w, "  corrected by this campaign's own pace: %.2f times what was expected (%s)\n", p.Factor, plural(p.Greens, "green"))
	}
}
