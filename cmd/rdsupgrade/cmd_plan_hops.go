package main

import (
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
	say("    time: %s; build %d min, adjust %d, catch up %d\n", hours(&t), t.BuildMinutes, t.AdjustMinutes, t.CatchMinutes)
	say("      from %s\n", visible(strings.Join(t.Basis, "; ")))
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
