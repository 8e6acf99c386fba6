package main

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

func approveCommand(ctx contexts, s streams) *cli.Command {
	c := humanCommand(ctx, s, "approve", "let a wave's switchovers begin, on record", "approve")
	c.Description += "\n\nAn approval holds for the wave's databases and targets as they are: when a version, a class, a parameter\n" +
		"group or a member changes afterwards, it is asked for again. --fingerprint ties it to what plan or status showed."
	c.Flags = append(c.Flags, &cli.StringFlag{Name: "fingerprint", Usage: "with --wave: only for what plan or status showed under `HEX`"}, &cli.BoolFlag{Name: "without-sql", Usage: "with --database: switch although replica lag cannot be read over SQL"})
	return c
}

func pauseCommand(ctx contexts, s streams) *cli.Command {
	return humanCommand(ctx, s, "pause", "start nothing new for a database, a wave, or the whole campaign", "pause")
}

func resumeCommand(ctx contexts, s streams) *cli.Command {
	return humanCommand(ctx, s, "resume", "take a pause back", "resume")
}

func pinCommand(ctx contexts, s streams) *cli.Command {
	return humanCommand(ctx, s, "pin", "keep a database just as it stands; its wave does not wait for it, resume ends it", "pin")
}

func skipCommand(ctx contexts, s streams) *cli.Command {
	return humanCommand(ctx, s, "skip", "leave a database out of the campaign", "skip")
}

func retryCommand(ctx contexts, s streams) *cli.Command {
	return humanCommand(ctx, s, "retry", "start a blocked, held, failed, skipped or rolled-back database again", "retry")
}

// humanOptions is one decision of a person.
type humanOptions struct {
	global
	path, verb, database, wave, why, by string
	withoutSQL                          bool
	fingerprint                         string
}

func humanCommand(ctx contexts, s streams, name, about, verb string) *cli.Command {
	return &cli.Command{
		Name: name, Usage: about, ArgsUsage: "PLAN",
		Description: "Works while a run is going on: the run takes it over within a poll. The decision is journaled with\nyour name (RDSUPGRADE_OPERATOR, else the system user) and reason.",
		Flags: withGlobal(
			&cli.StringFlag{Name: "database", Usage: "the database `ID`, or ACCOUNT/REGION/ID where an id is not unique"},
			&cli.StringFlag{Name: "wave", Usage: "the wave `NAME`"},
			&cli.StringFlag{Name: "reason", Usage: "why, for the journal and the reports (`TEXT`)"},
			&cli.StringFlag{Name: "by", Usage: "who decides (`NAME`)"}),
		Action: withPlan(s, func(c *cli.Context, g global, path string) error {
			return runHuman(ctx, s, humanOptions{global: g, path: path, verb: verb, database: c.String("database"), wave: c.String("wave"),
				why: c.String("reason"), by: c.String("by"), withoutSQL: c.Bool("without-sql"), fingerprint: c.String("fingerprint")})
		}),
	}
}

func runHuman(ctx contexts, s streams, o humanOptions) error {
	p, err := loadPlan(o.path)
	if err != nil {
		return err
	}
	if o.wave != "" && !hasWave(p.Waves, o.wave) {
		return usage("the plan has no wave %q; it has %s", o.wave, waveNames(p.Waves))
	}
	if err := o.check(); err != nil {
		return err
	}
	key := ""
	if o.database != "" {
		if key, err = resolveKey(ctx.hard, o.global, o.database, p); err != nil {
			return err
		}
	}
	if o.by == "" {
		o.by = fleet.Operator()
	}
	verb := o.verb
	if o.withoutSQL {
		verb = "allow-no-sql"
	}
	req := journal.Request{Campaign: p.Name, Verb: verb, Database: key, Wave: o.wave, By: o.by, Why: o.why, At: time.Now().UTC(), Fingerprint: o.fingerprint}
	taken, err := o.deliver(ctx.hard, p.Name, req)
	if err != nil {
		return err
	}
	if o.json {
		return printJSON(s.out, map[string]any{"request": req, "journaled": taken})
	}
	where := "recorded; the next run acts on it"
	if !taken {
		where = "handed to the run that is going on"
	}
	fmt.Fprintf(s.err, "%s: %s\n", strings.TrimSpace(o.verb+" "+visible(o.database+o.wave)), where)
	return nil
}

var fingerprintForm = regexp.MustCompile(`^[0-9a-fA-F]{6,12}$`)

// check refuses combinations that make no sense.
func (o humanOptions) check() error {
	switch {
	case o.database != "" && o.wave != "":
		return usage("--database and --wave exclude each other")
	case o.fingerprint != "" && (o.wave == "" || !fingerprintForm.MatchString(o.fingerprint)):
		return usage("--fingerprint takes 6 to 12 hex digits and goes with --wave")
	case o.withoutSQL && o.database == "":
		return usage("--without-sql goes with --database")
	case o.verb == "approve" && o.database != "" && !o.withoutSQL:
		return usage("approve takes --wave NAME, or --database ID --without-sql")
	case o.verb == "approve" && o.wave == "" && o.database == "":
		return usage("approve needs --wave NAME")
	case (o.verb == "skip" || o.verb == "retry" || o.verb == "pin") && o.database == "":
		return usage("%s needs --database ID", o.verb)
	}
	return nil
}
