package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
)

func statusCommand(ctx contexts, s streams) *cli.Command {
	return &cli.Command{
		Name: "status", Usage: "where every database stands, read from AWS now; changes nothing", ArgsUsage: "PLAN",
		Description: "Ways back that are armed are read over SQL. Exits 1 when one of them is broken, is not armed although the plan\n" +
			"wants it, or cannot be read: a scheduled job that asks for the status is an alarm.\n\n" + exitHelp,
		Flags: withGlobal(
			&cli.StringSliceFlag{Name: "database", Usage: "only the database `ID`"},
			&cli.StringSliceFlag{Name: "wave", Usage: "only the wave `NAME`"},
			&cli.StringSliceFlag{Name: "stage", Usage: "only databases in `STAGE`"}),
		Action: withPlan(s, func(c *cli.Context, g global, path string) error {
			return runStatus(ctx, s, g, path, filter{ids: splitList(c.StringSlice("database")),
				waves: splitList(c.StringSlice("wave")), stages: splitList(c.StringSlice("stage"))})
		}),
	}
}

// filter narrows what is shown.
type filter struct{ ids, waves, stages []string }

func (f filter) keeps(d fleet.DatabaseStatus) bool {
	in := func(list []string, v string) bool { return len(list) == 0 || slices.Contains(list, v) }
	return in(f.ids, d.ID) && in(f.waves, d.Wave) && in(f.stages, d.Stage)
}

func runStatus(ctx contexts, s streams, g global, path string, f filter) error {
	o, err := openCampaign(ctx, g, path, "")
	if err != nil {
		return err
	}
	defer o.close()
	st, err := o.survey(ctx.hard)
	if err != nil {
		return err
	}
	st.Databases = slices.DeleteFunc(st.Databases, func(d fleet.DatabaseStatus) bool { return !f.keeps(d) })
	if d := o.store.Damage; d != nil {
		fmt.Fprintln(s.err, "rdsupgrade: the journal is damaged, history after that place is missing: "+d.Error())
	}
	if g.json {
		if err := printJSON(s.out, st); err != nil {
			return err
		}
	} else {
		printStatus(s.out, st)
	}
	switch {
	case o.store.Damage != nil:
		return exitWith(exitAmbiguous)
	case len(st.Alarms()) > 0:
		return exitWith(exitFindings)
	}
	return nil
}

// printStatus is the whole campaign as tables.
func printStatus(w io.Writer, st fleet.Status) {
	printSummary(w, st)
	fmt.Fprintln(w)
	var rows [][]string
	for _, d := range st.Databases {
		rows = append(rows, []string{d.ID, d.Wave, d.Stage, d.EngineVersion, d.InstanceClass, d.StorageType, note(d)})
	}
	table(w, []string{"DATABASE", "WAVE", "STAGE", "VERSION", "CLASS", "STORAGE", "NOTE"}, rows, cutAt(w))
	printWays(w, st)
}

// printWays shows the ways back that are armed, or should be, with the loss meter.
func printWays(w io.Writer, st fleet.Status) {
	if !st.Watchable() {
		return
	}
	var rows [][]string
	for _, d := range st.Databases {
		b := d.WayBack
		if b.ArmedAt == nil && b.Alarm == "" {
			continue
		}
		state, cause := "not read", ""
		if b.Reverse != nil {
			state, cause = string(b.Reverse.State), b.Reverse.Cause
		}
		if b.Alarm != "" {
			state = "ALARM: " + state
		}
		rows = append(rows, []string{d.ID, d.OldBlue, state, cause, b.Loss})
	}
	fmt.Fprintln(w)
	table(w, []string{"WAY BACK", "TO", "STATE", "CAUSE", "WOULD BE LOST BY GOING BACK NOW"}, rows, cutAt(w))
}

// note is the reason with the step that follows from it.
func note(d fleet.DatabaseStatus) string {
	if d.WayBack.Alarm != "" {
		return "ALARM: " + d.WayBack.Alarm
	}
	if len(d.Lost) > 0 {
		d.Reason += " (not known any more: " + strings.Join(d.Lost, "; ") + ")"
	}
	if d.NextStep == "" || strings.HasPrefix(d.NextStep, "wait") {
		return d.Reason
	}
	return d.Reason + " -> " + d.NextStep
}

// printSummary is the head: the campaign and its waves.
func printSummary(w io.Writer, st fleet.Status) {
	on := 0
	for _, d := range st.Databases {
		if d.OnTarget {
			on++
		}
	}
	fmt.Fprintf(w, "campaign %s: %d of %d databases on target %s", st.Campaign, on, len(st.Databases), st.Target)
	if st.Deadline != "" {
		fmt.Fprintf(w, ", deadline %s", st.Deadline)
	}
	fmt.Fprintf(w, "\n%s\n\n", totals(st))
	var rows [][]string
	for _, v := range st.Waves {
		rows = append(rows, []string{v.Name, v.State, fmt.Sprintf("%d/%d", v.Done, v.Total), fmt.Sprint(v.Blocked), fmt.Sprint(v.Failed), v.Reason})
	}
	table(w, []string{"WAVE", "STATE", "DONE", "BLOCKED", "FAILED", "NOTE"}, rows, cutAt(w))
	for _, u := range st.Unreachable {
		fmt.Fprintln(w, "could not be read: "+visible(u))
	}
	for _, line := range st.Warnings {
		fmt.Fprintln(w, "warning: "+visible(line))
	}
	if len(st.Unassigned) > 0 {
		fmt.Fprintf(w, "%s on MySQL 5.7 in no wave\n", plural(len(st.Unassigned), "database"))
	}
}
