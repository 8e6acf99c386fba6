package main

import (
	"bufio"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
)

func rollbackCommand(ctx contexts, s streams) *cli.Command {
	return &cli.Command{
		Name: "rollback", Usage: "take a database or a wave back, by the way that its stage allows", ArgsUsage: "PLAN",
		Description: "Before the switchover: deletes the deployment and its green, and proves that blue is as it was.\n" +
			"After it, where switchover.way_back armed reverse replication and it stands: stops writes on the new server,\n" +
			"lets old blue catch up, opens it, and gives it the name back. The new server is kept aside, nothing is lost.\n" +
			"The steps are shown first, and the name of what goes back is asked for a second time.\n" +
			"Where the way back is broken or was never armed: says what would be lost, changes nothing, and exits 3,\n" +
			"unless --accept-loss. Killed or interrupted, the next run or rollback goes on where it was. Until the\n" +
			"names move, --abandon gives writes back to the new server.\n\n" +
			"Exit codes: 0 gone back; 1 something else became of it; 3 a person must decide (nothing was changed, or\n" +
			"the next step is told); 5 it is not clear which server serves: nobody may touch it.",
		Flags: withGlobal(
			&cli.StringFlag{Name: "database", Usage: "the database `ID`"},
			&cli.StringFlag{Name: "wave", Usage: "the wave `NAME`"},
			&cli.StringFlag{Name: "reason", Usage: "why, for the journal and the reports (`TEXT`)"},
			&cli.BoolFlag{Name: "yes", Usage: "do not ask; needed where no terminal is there"},
			&cli.StringFlag{Name: "confirm", Usage: "after a switchover: the `NAME` of what goes back, instead of typing it"},
			&cli.BoolFlag{Name: "accept-loss", Usage: "go back although writes are lost, or what cannot be proven stays so"},
			&cli.BoolFlag{Name: "drill", Usage: "with --database: go back for real and forward again, and keep the result"},
			&cli.BoolFlag{Name: "abandon", Usage: "take an order to go back that is under way back: writes stay with the new server"}),
		Action: withPlan(s, func(c *cli.Context, g global, path string) error {
			o := rollbackOptions{global: g, path: path, database: c.String("database"), wave: c.String("wave"), why: c.String("reason"), yes: c.Bool("yes"),
				confirm: c.String("confirm"), acceptLoss: c.Bool("accept-loss"), drill: c.Bool("drill"), abandon: c.Bool("abandon")}
			if (o.database == "") == (o.wave == "") {
				return usage("rollback needs --database ID or --wave NAME")
			}
			if err := o.check(); err != nil {
				return err
			}
			return runRollback(ctx, s, o)
		}),
	}
}

type rollbackOptions struct {
	global
	path, database, wave, why, confirm string
	yes, acceptLoss, drill, abandon    bool
}

// check refuses combinations that make no sense.
func (o rollbackOptions) check() error {
	switch {
	case o.drill && o.database == "":
		return usage("--drill goes with --database ID")
	case o.drill && (o.acceptLoss || o.abandon):
		return usage("--drill goes neither with --accept-loss nor with --abandon: a drill loses nothing")
	case o.abandon && o.acceptLoss:
		return usage("--abandon and --accept-loss exclude each other")
	}
	return nil
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
	todo := divide(st, keys, o)
	showRollback(s, st, todo.green, todo.cannot)
	showBack(s, todo, o)
	if len(todo.green)+len(todo.back) == 0 {
		if o.json {
			out := rollbackJSON(st, keys)
			if err := todo.refusal(o); err != nil {
				out["refused"] = classify(err)
			}
			if err := printJSON(s.out, out); err != nil {
				return err
			}
		} else if err := todo.refusal(o); err != nil {
			return err
		}
		return exitWith(rollbackExit(todo.cannot))
	}
	if err := todo.confirm(s, o); err != nil {
		return err
	}
	return carryRollback(ctx, s, o, look, todo)
}

// confirm asks for one key before the switchover, and for two after it.
func (p backPlan) confirm(s streams, o rollbackOptions) error {
	question := fmt.Sprintf("remove the green of %s?", plural(len(p.green), "database"))
	switch {
	case o.abandon:
		question = fmt.Sprintf("leave %s with the new server?", plural(len(p.back), "database"))
	case len(p.back) > 0:
		question = fmt.Sprintf("go back with %s?", plural(len(p.back), "database"))
		if len(p.green) > 0 {
			question = fmt.Sprintf("go back with %s, and remove the green of %s?", plural(len(p.back), "database"), plural(len(p.green), "more"))
		}
	}
	if err := confirm(s, o.yes, question); err != nil || len(p.back) == 0 || o.abandon {
		return err
	}
	return confirmName(s, o)
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
func carryRollback(ctx contexts, s streams, o rollbackOptions, look *open, todo backPlan) error {
	only := map[string]bool{}
	reqs := todo.requests(look.plan.Name, o)
	for _, r := range reqs {
		only[r.Database] = true
	}
	c, st, err := carryOrder(ctx, s, o.global, o.path, "rollback", "status", reqs)
	if c == nil {
		return err
	}
	defer c.close()
	if err != nil {
		return err
	}
	if len(todo.back) > 0 { // what clients felt is written down when the run ends
		if st, err = c.survey(ctx.hard); err != nil {
			return err
		}
	}
	if o.json {
		if err := printJSON(s.out, rollbackJSON(st, slices.Sorted(maps.Keys(only)))); err != nil {
			return err
		}
	}
	code := rollbackExit(todo.cannot)
	if o.abandon {
		code = exitDone
	}
	for _, d := range st.Databases {
		switch {
		case !only[d.Key()]:
		case !slices.Contains(todo.green, d.Key()):
			code = max(code, backExit(s, d, o))
		default:
			fmt.Fprintf(s.err, "%s: %s\n", visible(d.ID), d.Stage)
			for _, u := range d.WayBack.Undone {
				fmt.Fprintln(s.err, "  "+visible(u))
			}
			if d.Stage != "rolled-back" {
				code = max(code, exitFindings)
			}
		}
	}
	return exitWith(code)
}

// rollbackJSON is the way back of the chosen databases.
func rollbackJSON(st fleet.Status, keys []string) map[string]any {
	want := map[string]bool{}
	for _, k := range keys {
		want[k] = true
	}
	list := []map[string]any{}
	for _, d := range st.Databases {
		if want[d.Key()] {
			list = append(list, map[string]any{"id": d.ID, "account": d.Account, "region": d.Region, "stage": d.Stage, "way_back": d.WayBack, "go_back": d.GoBack})
		}
	}
	return map[string]any{"campaign": st.Campaign, "databases": list}
}
