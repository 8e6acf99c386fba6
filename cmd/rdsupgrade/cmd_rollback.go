package main

import (
	"bufio"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

func rollbackCommand(ctx contexts, s streams) *cli.Command {
	return &cli.Command{
		Name: "rollback", Usage: "take a database or a wave back, by the way that its stage allows", ArgsUsage: "PLAN",
		Description: "Before the switchover: deletes the deployment and its green, and proves that blue is as it was.\n" +
			"After it RDS has no way back of its own: the command says what is possible and what would be lost,\n" +
			"changes nothing, and exits 3.",
		Flags: withGlobal(
			&cli.StringFlag{Name: "database", Usage: "the database `ID`"},
			&cli.StringFlag{Name: "wave", Usage: "the wave `NAME`"},
			&cli.StringFlag{Name: "reason", Usage: "why, for the journal and the reports (`TEXT`)"},
			&cli.BoolFlag{Name: "yes", Usage: "do not ask; needed where no terminal is there"}),
		Action: withPlan(s, func(c *cli.Context, g global, path string) error {
			o := rollbackOptions{global: g, path: path, database: c.String("database"), wave: c.String("wave"), why: c.String("reason"), yes: c.Bool("yes")}
			if (o.database == "") == (o.wave == "") {
				return usage("rollback needs --database ID or --wave NAME")
			}
			return runRollback(ctx, s, o)
		}),
	}
}

type rollbackOptions struct {
	global
	path, database, wave, why string
	yes                       bool
}

func runRollback(ctx contexts, s streams, o rollbackOptions) error {
	look, err := openCampaign(ctx, o.global, o.path, "")
	if err != nil {
		return err
	}
	defer look.close()
	st, err := look.survey(ctx.hard)
	if err != nil {
		return err
	}
	keys := keysOf(st, o.database, o.wave)
	if len(keys) == 0 {
		return usage("the campaign has no database or wave %q", o.database+o.wave)
	}
	if o.database != "" && len(keys) > 1 {
		return usage("%q is ambiguous: %s", o.database, strings.Join(keys, ", "))
	}
	can, cannot := rollable(st, keys)
	showRollback(s, st, can, cannot)
	if len(can) == 0 {
		if o.json {
			if err := printJSON(s.out, rollbackJSON(st, keys)); err != nil {
				return err
			}
		}
		return exitWith(rollbackExit(cannot))
	}
	if err := confirm(s, o.yes, fmt.Sprintf("remove the green of %s?", plural(len(can), "database"))); err != nil {
		return err
	}
	return carryRollback(ctx, s, o, look, can, cannot)
}

// rollable divides databases into those whose green can be removed and the rest.
func rollable(st fleet.Status, keys []string) (can []string, cannot []fleet.DatabaseStatus) {
	want := map[string]bool{}
	for _, k := range keys {
		want[k] = true
	}
	for _, d := range st.Databases {
		key := d.Key()
		switch {
		case !want[key]:
		case d.WayBack.Kind == "delete-green":
			can = append(can, key)
		default:
			cannot = append(cannot, d)
		}
	}
	return can, cannot
}

// rollbackExit: nothing to undo is success; a way back that only a person can
// go waits for one.
func rollbackExit(cannot []fleet.DatabaseStatus) int {
	code := exitDone
	for _, d := range cannot {
		switch d.WayBack.Kind {
		case "none-needed", "done":
		case "unknown":
			return exitAmbiguous
		default:
			code = exitWaiting
		}
	}
	return code
}

func showRollback(s streams, st fleet.Status, can []string, cannot []fleet.DatabaseStatus) {
	for _, k := range can {
		for _, d := range st.Databases {
			if d.Key() == k {
				fmt.Fprintf(s.err, "%s (%s): remove deployment %s and green %s; lost: %s\n", visible(d.ID), d.Stage, d.Deployment, visible(d.Green), d.WayBack.Loss)
			}
		}
	}
	for _, d := range cannot {
		fmt.Fprintf(s.err, "%s (%s): %s\n", visible(d.ID), d.Stage, visible(d.WayBack.How))
		if d.WayBack.Kind != "none-needed" && d.WayBack.Kind != "done" {
			fmt.Fprintf(s.err, "  would be lost: %s\n", visible(d.WayBack.Loss))
		}
	}
}

// confirm asks a person; without a terminal only --yes will do.
func confirm(s streams, yes bool, question string) error {
	if yes {
		return nil
	}
	if !isTerminal(s.err) {
		return &failure{exit: exitUsage, Code: "not-confirmed", Text: "nobody is there to ask", Next: "repeat the command with --yes"}
	}
	fmt.Fprintf(s.err, "%s Type yes: ", question)
	line, err := bufio.NewReader(s.in).ReadString('\n')
	if err != nil || strings.TrimSpace(line) != "yes" {
		return &failure{exit: exitWaiting, Code: "not-confirmed", Text: "not confirmed, nothing was changed"}
	}
	return nil
}

// carryRollback journals the decision and sees it through, or hands it to the
// run that holds the state.
func carryRollback(ctx contexts, s streams, o rollbackOptions, look *open, can []string, cannot []fleet.DatabaseStatus) error {
	only := map[string]bool{}
	var reqs []journal.Request
	for _, k := range can {
		only[k] = true
		reqs = append(reqs, journal.Request{Campaign: look.plan.Name, Verb: "rollback", Database: k, By: fleet.Operator(), Why: o.why, At: time.Now().UTC()})
	}
	c, err := openCampaign(ctx, o.global, o.path, "rollback "+o.path)
	var locked *journal.LockedError
	if errors.As(err, &locked) {
		where, err := o.where(ctx.hard)
		if err != nil {
			return err
		}
		for _, r := range reqs {
			if err := where.Submit(ctx.hard, r); err != nil {
				return err
			}
		}
		fmt.Fprintln(s.err, "handed to the run that is going on ("+locked.Holder.String()+"); status shows how it goes")
		return nil
	}
	if err != nil {
		return err
	}
	defer c.close()
	for _, r := range reqs {
		if err := c.store.Say(r); err != nil {
			return err
		}
	}
	show := newProgress(s.err)
	st, err := c.drive(ctx, only, show.update)
	show.end()
	if err != nil {
		return err
	}
	if o.json {
		if err := printJSON(s.out, rollbackJSON(st, can)); err != nil {
			return err
		}
	}
	for _, d := range st.Databases {
		if only[d.Key()] {
			fmt.Fprintf(s.err, "%s: %s\n", visible(d.ID), d.Stage)
			for _, u := range d.WayBack.Undone {
				fmt.Fprintln(s.err, "  "+visible(u))
			}
			if d.Stage != "rolled-back" {
				return exitWith(exitFindings)
			}
		}
	}
	return exitWith(rollbackExit(cannot))
}

// rollbackJSON is the way back of the chosen databases.
func rollbackJSON(st fleet.Status, keys []string) any {
	want := map[string]bool{}
	for _, k := range keys {
		want[k] = true
	}
	list := []map[string]any{}
	for _, d := range st.Databases {
		if want[d.Key()] {
			list = append(list, map[string]any{"id": d.ID, "account": d.Account, "region": d.Region, "stage": d.Stage, "way_back": d.WayBack})
		}
	}
	return map[string]any{"campaign": st.Campaign, "databases": list}
}
