package main

import (
	"fmt"
	"io"
	"sort"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
)

func planCommand(ctx contexts, s streams) *cli.Command {
	return &cli.Command{
		Name: "plan", Usage: "what would happen: route, target, blockers and calls per database; changes nothing", ArgsUsage: "PLAN",
		Description: "Reads AWS only. Exits 1 when a database cannot go the planned way, with the reason and the way out.",
		Flags: withGlobal(
			&cli.StringSliceFlag{Name: "database", Usage: "only the database `ID`, in full detail"},
			&cli.StringSliceFlag{Name: "wave", Usage: "only the wave `NAME`"},
			&cli.BoolFlag{Name: "actions", Usage: "print every call"}),
		Action: func(c *cli.Context) error {
			g, err := readGlobal(c, s)
			if err != nil {
				return err
			}
			defer g.closeLog()
			path, err := planArg(c)
			if err != nil {
				return err
			}
			return runPlan(ctx, s, g, path, c.Bool("actions"), filter{ids: splitList(c.StringSlice("database")), waves: splitList(c.StringSlice("wave"))})
		},
	}
}

func runPlan(ctx contexts, s streams, g global, path string, actions bool, f filter) error {
	o, err := openCampaign(ctx, g, path, "")
	if err != nil {
		return err
	}
	defer o.close()
	pv, err := fleet.New(o.config()).Preview(ctx.hard)
	if err != nil {
		return err
	}
	f.preview(&pv)
	if g.json {
		err = printJSON(s.out, pv)
	} else {
		printPreview(s.out, pv, actions || len(f.ids) > 0)
	}
	if err != nil {
		return err
	}
	for _, d := range pv.Plans {
		if d.Blocked() {
			return exitWith(exitFindings)
		}
	}
	if len(pv.Gaps) > 0 || len(pv.Unreachable) > 0 {
		return exitWith(exitFindings)
	}
	return nil
}

func (f filter) preview(pv *fleet.Preview) {
	var plans []fleet.DatabasePlan
	var dbs []fleet.DatabaseStatus
	for i, d := range pv.Databases {
		if f.keeps(d) {
			plans, dbs = append(plans, pv.Plans[i]), append(dbs, d)
		}
	}
	pv.Plans, pv.Databases = plans, dbs
}

func printPreview(w io.Writer, pv fleet.Preview, actions bool) {
	fmt.Fprintf(w, "campaign %s: %s to MySQL %s", pv.Campaign, plural(len(pv.Plans), "database"), pv.Target)
	if pv.Deadline != "" {
		fmt.Fprintf(w, ", deadline %s", pv.Deadline)
	}
	fmt.Fprint(w, "\n\n")
	var rows [][]string
	for i, d := range pv.Plans {
		db := pv.Databases[i]
		class, storage := db.InstanceClass, db.StorageType
		if t := d.Target; t != nil && len(d.Route) > 1 && !d.Blocked() {
			class, storage = arrow(class, t.Class), arrow(storage, t.Storage.Type)
		}
		rows = append(rows, []string{d.ID, d.Wave, strings.Join(d.Route, " > "), class, storage, verdict(d)})
	}
	table(w, []string{"DATABASE", "WAVE", "ROUTE", "CLASS", "STORAGE", "VERDICT"}, rows, cutAt(w))
	printIssues(w, pv, actions)
	printGaps(w, pv)
}

func arrow(from, to string) string {
	if to == "" || to == from {
		return from
	}
	return from + " > " + to
}

func verdict(d fleet.DatabasePlan) string {
	if d.Blocked() {
		for _, i := range d.Issues {
			if i.Severity == "block" {
				return "blocked: " + i.ID
			}
		}
	}
	if len(d.Actions) == 0 {
		return d.Stage
	}
	warn := 0
	for _, i := range d.Issues {
		if i.Severity == "warn" {
			warn++
		}
	}
	if warn > 0 {
		return fmt.Sprintf("%s, %s", plural(len(d.Actions), "call"), plural(warn, "warning"))
	}
	return plural(len(d.Actions), "call")
}

func printIssues(w io.Writer, pv fleet.Preview, actions bool) {
	for _, d := range pv.Plans {
		head := false
		say := func(format string, args ...any) {
			if !head {
				fmt.Fprintf(w, "\n%s\n", visible(d.ID))
				head = true
			}
			fmt.Fprintf(w, format, args...)
		}
		for _, i := range d.Issues {
			if i.Severity != "block" && !actions {
				continue
			}
			code := ""
			if i.Code != "" {
				code = " (AWS would say " + i.Code + ")"
			}
			say("  %s: %s: %s%s\n", i.Severity, i.ID, visible(i.Message), code)
			if i.WayOut != "" {
				say("         way out: %s\n", visible(i.WayOut))
			}
		}
		if !actions {
			continue
		}
		if d.Target != nil {
			for _, n := range d.Target.Notes {
				say("  note: %s\n", visible(n))
			}
		}
		for n, a := range d.Actions {
			say("  %d. %s\n", n+1, visible(a.String()))
		}
		if d.Hops > 1 {
			say("  then, after the soak, %s more\n", plural(d.Hops-1, "hop"))
		}
	}
}

func printGaps(w io.Writer, pv fleet.Preview) {
	var lines []string
	for scope, gaps := range pv.Gaps {
		for what, why := range gaps {
			lines = append(lines, fmt.Sprintf("%s: %s could not be read: %s", scope, what, why))
		}
	}
	for _, u := range pv.Unreachable {
		lines = append(lines, u)
	}
	sort.Strings(lines)
	for i, l := range lines {
		if i == 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintln(w, visible(l))
	}
	if n := len(pv.Unassigned); n > 0 {
		fmt.Fprintf(w, "\n%s on MySQL 5.7 in no wave:", plural(n, "database"))
		for _, d := range pv.Unassigned {
			fmt.Fprint(w, " ", visible(d.ID))
		}
		fmt.Fprintln(w)
	}
}
