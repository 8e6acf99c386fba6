package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

func runCommand(ctx contexts, s streams) *cli.Command {
	return &cli.Command{
		Name: "run", Usage: "carry the campaign forward; safe to repeat", ArgsUsage: "PLAN",
		Description: "Observes AWS, decides, and acts within the plan's limits, until the campaign is done or only a\n" +
			"person or a window can bring it on. Interrupt it once to finish what is in flight, twice to stop\n" +
			"at once; run it again to go on. A repeated run that finds nothing new to do exits 0. With --watch it stays\n" +
			"as long as a way back is open, and reads every few seconds whether it still leads back; without, it reads\n" +
			"them once more before it ends. A way back that is broken or not armed makes it exit 1.\n\n" + exitHelp,
		Flags: withGlobal(&cli.StringFlag{Name: "saved", Usage: "do exactly what `FILE` (of plan --out) says, or refuse and name what has changed since"},
			&cli.BoolFlag{Name: "assume-permitted", Usage: "begin although a look at permissions says that calls are refused (docs/iam.md)"},
			&cli.BoolFlag{Name: "once", Usage: "look, act and exit instead of waiting: for scheduled jobs (docs/running.md)"},
			&cli.BoolFlag{Name: "watch", Usage: "stay while a way back is open, and watch it (docs/runbooks.md)"},
			&cli.StringFlag{Name: "share", Usage: "only a part of the campaign under a lease of its own: account:ID or wave:NAME (`PART`)"},
			&cli.StringFlag{Name: "take-over", Usage: "break the lease whose `ID` the refusal named; its holder must be dead"}),
		Action: withPlan(s, func(c *cli.Context, g global, path string) error {
			g.state.share, g.state.takeOver = c.String("share"), c.String("take-over")
			return runRun(ctx, s, g, path, runOptions{saved: c.String("saved"), once: c.Bool("once"), watch: c.Bool("watch"), permitted: c.Bool("assume-permitted")})
		}),
	}
}

type runOptions struct {
	saved string
	once  bool
	watch bool
	// permitted goes on whatever the look at permissions says.
	permitted bool
}

func runRun(ctx contexts, s streams, g global, path string, o runOptions) error {
	if g.state.takeOver != "" && g.state.bucket == "" {
		return usage("--take-over goes with a state in S3; the lock of a directory ends with its process")
	}
	if o.once && o.watch {
		return usage("--once ends at once and --watch stays: give one of them")
	}
	c, err := openCampaign(ctx, g, path, "run "+path)
	if err != nil {
		return err
	}
	defer c.close()
	c.once, c.watch = o.once, o.watch
	if o.saved != "" {
		if err := c.holdTo(ctx, o.saved, path); err != nil {
			return err
		}
	}
	if err := c.preflight(ctx, s, path, o.permitted); err != nil {
		return err
	}
	before := c.store.LastEnd()
	show := newProgress(s.err)
	st, err := c.drive(ctx, nil, show.update)
	show.end()
	if err != nil {
		return err
	}
	if err := printOutcome(s, g, st, path); err != nil {
		return err
	}
	return exitWith(runExit(st, c.engine.Acted(), before))
}

// runExit is the exit code of a run. A run that did nothing and found the
// campaign just as the last run left it has nothing to do: a scheduled job
// reports a blocked database once, not every hour.
func runExit(st fleet.Status, acted int, before *fleet.RunEnd) int {
	if len(st.Alarms()) > 0 && st.Outcome != fleet.OutcomeAmbiguous {
		return exitFindings // as often as it is asked: time runs
	}
	switch st.Outcome {
	case fleet.OutcomeDone, fleet.OutcomeRunning: // running: of run --once, the next run goes on
		return exitDone
	case fleet.OutcomeWaiting:
		return exitWaiting
	case fleet.OutcomeAmbiguous:
		return exitAmbiguous
	}
	if acted == 0 && before != nil && before.SameAs(st) {
		return exitDone
	}
	return exitFindings
}

// open is a campaign with everything it needs, its state locked.
type open struct {
	plan   *plan.Plan
	aws    *aws
	store  *fleet.Store
	engine *fleet.Engine
	g      global
	// saved is what the run is held to, nil without --saved.
	saved *fleet.SavedPlan
	once  bool
	// watch keeps the run going while a way back is open.
	watch bool
}

// openCampaign loads the plan, locks the state and connects. With an empty
// command the state is only read.
func openCampaign(ctx contexts, g global, path, command string) (*open, error) {
	p, err := loadPlan(path)
	if err != nil {
		return nil, err
	}
	o := &open{plan: p, g: g}
	if g.state.share != "" {
		if why := fleet.CheckShare(g.state.share, p); why != "" {
			return nil, usage("--share: %s", why)
		}
	}
	if command != "" {
		o.store, err = g.openState(ctx.hard, command)
	} else {
		o.store, err = g.readState(ctx.hard)
	}
	if err == nil {
		err = o.store.Claim(p.Name)
	}
	if err == nil {
		o.aws, err = dial(ctx.hard, p, g.endpoint)
	}
	if err != nil {
		o.close()
		return nil, err
	}
	return o, nil
}

func (o *open) config() fleet.Config {
	cfg := fleet.Config{Plan: o.plan, Scopes: o.aws.scopes, Store: o.store, By: fleet.Operator(), Log: o.g.log, Saved: o.saved}
	if a := fleet.NewAccess(o.plan, o.aws); a != nil {
		cfg.SQL = a
	}
	return cfg
}

// drive runs the engine over the whole campaign, or over some databases.
func (o *open) drive(ctx contexts, only map[string]bool, show func(fleet.Status)) (fleet.Status, error) {
	cfg := o.config()
	cfg.Only, cfg.Report, cfg.Once, cfg.Frozen = only, show, o.once, fleet.Frozen
	if o.watch {
		cfg.Rest = fleet.Status.Watchable
	}
	cfg.Hooks = fleet.CallHook(fleet.SecretNames(o.plan))
	o.engine = fleet.New(cfg)
	return o.engine.Run(ctx.hard, ctx.soft)
}

// survey looks once without changing anything.
func (o *open) survey(ctx context.Context) (fleet.Status, error) {
	o.engine = fleet.New(o.config())
	return o.engine.Survey(ctx)
}

func (o *open) close() {
	if o.store != nil {
		if err := o.store.Close(); err != nil {
			o.g.log.Error().Err(err).Msg("close the state directory")
		}
	}
	if o.aws != nil {
		o.aws.close()
	}
}

// printOutcome is what stands at the end of a run.
func printOutcome(s streams, g global, st fleet.Status, path string) error {
	if g.json {
		return printJSON(s.out, st)
	}
	printSummary(s.out, st)
	for _, a := range st.Alarms() {
		fmt.Fprintln(s.err, "ALARM: "+visible(a))
	}
	switch st.Outcome {
	case fleet.OutcomeDone:
		fmt.Fprintln(s.err, "the campaign is done")
	case fleet.OutcomeWaiting, fleet.OutcomeAmbiguous:
		fmt.Fprintln(s.err, "the campaign waits:")
		for _, w := range st.Waiting {
			fmt.Fprintln(s.err, "  "+visible(w))
		}
	case fleet.OutcomeRunning:
		fmt.Fprintln(s.err, "looked and acted once; run again to go on")
	case fleet.OutcomePartial:
		fmt.Fprintln(s.err, "everything that could be done is done; the rest needs a person (status "+visible(path)+" shows each)")
	}
	return nil
}
