package main

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

func approveCommand(ctx contexts, s streams) *cli.Command {
	c := humanCommand(ctx, s, "approve", "let a wave's switchovers begin, on record", "approve")
	c.Description += "\n\nAn approval holds for the wave's databases and targets as they are: when a version, a class, a parameter\n" +
		"group or a member changes afterwards, it is asked for again. --fingerprint ties it to what plan or status showed."
	c.Flags = append(c.Flags, &cli.StringFlag{Name: "fingerprint", Usage: "with --wave: only for what plan or status showed under `HEX`"},
		&cli.BoolFlag{Name: "without-sql", Usage: "with --database: switch although replica lag cannot be read over SQL"},
		&cli.StringFlag{Name: "override-gate", Usage: "go on although this gate or hook does not pass (`NAME`, as status shows it); needs --reason"},
		&cli.StringFlag{Name: "for", Value: "24h", Usage: "how long --override-gate holds (`DURATION`, at most 30d)"})
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
	gate, span                          string // --override-gate and how long it holds
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
				why: c.String("reason"), by: c.String("by"), withoutSQL: c.Bool("without-sql"), fingerprint: c.String("fingerprint"), gate: c.String("override-gate"), span: c.String("for")})
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
	if o.gate != "" {
		if err := o.override(ctx.hard, &req); err != nil {
			return err
		}
	}
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
	case o.gate != "" && o.database == "" && o.wave == "":
		return usage("--override-gate goes with --database or --wave")
	case o.gate != "" && (o.why == "" || o.withoutSQL):
		return usage("--override-gate needs --reason TEXT, and stands alone")
	case o.verb == "approve" && o.database != "" && !o.withoutSQL && o.gate == "":
		return usage("approve takes --wave NAME, or --database ID --without-sql, or --database ID --override-gate NAME")
	case o.verb == "approve" && o.wave == "" && o.database == "":
		return usage("approve needs --wave NAME")
	case (o.verb == "skip" || o.verb == "retry" || o.verb == "pin") && o.database == "":
		return usage("%s needs --database ID", o.verb)
	}
	return nil
}

// longestOverride bounds how long a gate may be overridden.
const longestOverride = 30 * 24 * time.Hour

// override turns an approval into a person's word about one gate, which must be
// one that did not pass: a mistyped name would override nothing.
func (o humanOptions) override(ctx context.Context, req *journal.Request) error {
	span, err := plan.ParseDuration(o.span)
	if err != nil || span <= 0 || span > longestOverride {
		return usage("--for wants a duration up to 30d, such as 24h")
	}
	store, err := o.readState(ctx)
	if err != nil {
		return err
	}
	names := store.WaveGates(o.wave)
	if req.Database != "" {
		names = store.Gates(req.Database)
	}
	gate := ""
	for _, n := range names {
		if strings.EqualFold(n, o.gate) || bluegreen.HookGate(o.gate) == n {
			gate = n
		}
	}
	switch {
	case len(names) == 0:
		return usage("no gate has stopped it: there is nothing to override")
	case gate == "":
		return usage("no gate %q has stopped it%s; there were: %s", o.gate, didYouMean(o.gate, names), strings.Join(names, ", "))
	case !bluegreen.Overridable(gate):
		return usage("the gate %q cannot be overridden: without it writes could be lost, or the others could not be asked", gate)
	}
	req.Verb, req.Gate, req.Until = fleet.VerbOverride, gate, req.At.Add(span)
	return nil
}
