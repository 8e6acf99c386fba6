package main

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

func cleanupCommand(ctx contexts, s streams) *cli.Command {
	return &cli.Command{
		Name: "cleanup", Usage: "remove the servers left behind whose time is over, with a final snapshot", ArgsUsage: "PLAN",
		Description: "Lists old blues, their read replicas, and what a rollback set aside: until when each is kept, what it\n" +
			"costs, what speaks against removing it, and the calls that would. Without --yes nothing is changed.\n" +
			"With --yes it asks for the campaign's name (or the number of databases), removes what is due, and proves\n" +
			"that each final snapshot is available. Exits 3 while something is due or held.",
		Flags: withGlobal(
			&cli.StringFlag{Name: "database", Usage: "only the database `ID`"},
			&cli.StringFlag{Name: "wave", Usage: "only the wave `NAME`"},
			&cli.BoolFlag{Name: "yes", Usage: "remove what is due, after a confirmation"},
			&cli.StringFlag{Name: "confirm", Usage: "the confirmation where no terminal is there: the campaign's name, or the number of databases (`WORD`)"},
			&cli.BoolFlag{Name: "dry-run", Usage: "only show, whatever else is given"},
			&cli.BoolFlag{Name: "without-sql", Usage: "vouch that nobody is connected where that cannot be read"},
			&cli.StringFlag{Name: "reason", Usage: "why, for the journal and the reports (`TEXT`)"}),
		Action: withPlan(s, func(c *cli.Context, g global, path string) error {
			o := cleanupOptions{global: g, path: path, database: c.String("database"), wave: c.String("wave"), why: c.String("reason"), confirm: c.String("confirm"),
				yes: c.Bool("yes") && !c.Bool("dry-run"), withoutSQL: c.Bool("without-sql")}
			switch {
			case o.database != "" && o.wave != "":
				return usage("--database and --wave exclude each other")
			case o.confirm != "" && !c.Bool("yes"):
				return usage("--confirm goes with --yes")
			}
			return runCleanup(ctx, s, o)
		}),
	}
}

type cleanupOptions struct {
	global
	path, database, wave, why, confirm string
	yes, withoutSQL                    bool
}

// chosen are the databases of a status that the command is about.
func (o cleanupOptions) chosen(st fleet.Status) []fleet.DatabaseStatus {
	var out []fleet.DatabaseStatus
	for _, d := range st.Databases {
		if (o.database == "" || d.ID == o.database || d.Key() == o.database) && (o.wave == "" || d.Wave == o.wave) {
			out = append(out, d)
		}
	}
	return out
}

func runCleanup(ctx contexts, s streams, o cleanupOptions) error {
	look, err := openCampaign(ctx, o.global, o.path, "")
	if err != nil {
		return err
	}
	defer look.close()
	look.engine = fleet.New(look.config())
	st, err := look.engine.SurveyCleanup(ctx.hard)
	if err != nil {
		return err
	}
	chosen := o.chosen(st)
	if len(chosen) == 0 {
		return usage("the campaign has no database or wave %q", o.database+o.wave)
	}
	if o.database != "" && len(chosen) > 1 {
		return usage("%q is ambiguous: give ACCOUNT/REGION/ID", o.database)
	}
	due := dueOf(chosen, o.withoutSQL)
	if !o.yes || len(due) == 0 {
		if err := showCleanup(s, o, st, chosen, look.engine.UnusedGroups()); err != nil {
			return err
		}
		return exitWith(cleanupExit(chosen))
	}
	printLeftovers(s.err, chosen)
	if err := confirmCleanup(s, o, st.Campaign, due); err != nil {
		return err
	}
	return carryCleanup(ctx, s, o, look, due)
}

// dueOf are the servers whose only missing key is a person's, by database key.
func dueOf(list []fleet.DatabaseStatus, withoutSQL bool) map[string][]fleet.LeftoverStatus {
	due := map[string][]fleet.LeftoverStatus{}
	for _, d := range list {
		for _, l := range d.Leftovers {
			if l.State == bluegreen.LeftDue || withoutSQL && l.State == bluegreen.LeftHeld && strings.Contains(l.Next, "--without-sql") {
				due[d.Key()] = append(due[d.Key()], l)
			}
		}
	}
	return due
}

// cleanupExit: a server lost without its snapshot needs eyes; what is due or
// held waits for a person.
func cleanupExit(list []fleet.DatabaseStatus) int {
	code := exitDone
	for _, d := range list {
		for _, l := range d.Leftovers {
			switch l.State {
			case bluegreen.LeftLost:
				return exitAmbiguous
			case bluegreen.LeftDue, bluegreen.LeftHeld, bluegreen.LeftRemoving:
				code = exitWaiting
			}
		}
	}
	return code
}

// confirmCleanup is the second key: the campaign's name or the number of
// databases, typed by a person, or given where no terminal is there.
func confirmCleanup(s streams, o cleanupOptions, campaign string, due map[string][]fleet.LeftoverStatus) error {
	word := o.confirm
	if word == "" {
		if !isTerminal(s.err) {
			return &failure{exit: exitUsage, Code: "not-confirmed", Text: "nobody is there to ask", Next: "repeat the command with --yes --confirm " + campaign}
		}
		fmt.Fprintf(s.err, "Servers of %s are deleted for good; their final snapshots stay. Type the campaign's name, or the number of databases: ", plural(len(due), "database"))
		line, err := bufio.NewReader(s.in).ReadString('\n')
		if err != nil {
			line = ""
		}
		word = strings.TrimSpace(line)
	}
	if word != campaign && word != strconv.Itoa(len(due)) {
		return &failure{exit: exitWaiting, Code: "not-confirmed", Text: fmt.Sprintf("%q is neither the campaign's name nor the number of databases; nothing was changed", word)}
	}
	return nil
}

// carryCleanup journals the order and sees it through, or hands it to the run
// that holds the state.
func carryCleanup(ctx contexts, s streams, o cleanupOptions, look *open, due map[string][]fleet.LeftoverStatus) error {
	var reqs []journal.Request
	for _, key := range sortedMap(due) {
		reqs = append(reqs, fleet.CleanupRequest(look.plan.Name, key, due[key], o.withoutSQL, fleet.Operator(), o.why, time.Now().UTC()))
	}
	c, st, err := carryOrder(ctx, s, o.global, o.path, "cleanup", "cleanup", reqs)
	if c == nil {
		return err
	}
	defer c.close()
	if err != nil {
		return err
	}
	chosen := o.chosen(st)
	if err := showCleanup(s, o, st, chosen, nil); err != nil {
		return err
	}
	return exitWith(cleanupExit(chosen))
}
