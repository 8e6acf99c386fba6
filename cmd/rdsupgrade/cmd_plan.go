package main

import (
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
)

// planOptions are the flags of plan.
type planOptions struct {
	actions, measure, ask, probe bool
	out, prices                  string
	filter                       filter
}

func planCommand(ctx contexts, s streams) *cli.Command {
	return &cli.Command{
		Name: "plan", Usage: "what would happen: route, target, blockers, cost, dates and calls per database; changes nothing", ArgsUsage: "PLAN",
		Description: "Reads AWS only, unless --ask lets it ask the databases. Exits 1 when a database cannot go the\n" +
			"planned way, with the reason and the way out, or when something could not be read.",
		Flags: withGlobal(
			&cli.StringSliceFlag{Name: "database", Usage: "only the database `ID`, in full detail"},
			&cli.StringSliceFlag{Name: "wave", Usage: "only the wave `NAME`"},
			&cli.BoolFlag{Name: "actions", Usage: "print every call"},
			&cli.BoolFlag{Name: "measure", Usage: "size storage by the p99 of 14 days that CloudWatch has, one call per instance"},
			&cli.BoolFlag{Name: "ask", Usage: "ask every database for external replication and readers of its binary log"},
			&cli.BoolFlag{Name: "probe", Usage: "try which changes are permitted, on names that do not exist"},
			&cli.StringFlag{Name: "prices", Usage: "price `FILE` instead of the built-in one"},
			&cli.StringFlag{Name: "out", Usage: "save everything resolved to `FILE`, with a fingerprint, for run --saved"}),
		Action: withPlan(s, func(c *cli.Context, g global, path string) error {
			return runPlan(ctx, s, g, path, planOptions{actions: c.Bool("actions"), measure: c.Bool("measure"), ask: c.Bool("ask"), probe: c.Bool("probe"),
				out: c.String("out"), prices: c.String("prices"),
				filter: filter{ids: splitList(c.StringSlice("database")), waves: splitList(c.StringSlice("wave"))}})
		}),
	}
}

// loadPrices reads a price file, or gives the built-in one.
func loadPrices(path string) (*bluegreen.Prices, error) {
	if path == "" {
		return bluegreen.BuiltinPrices(), nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, usage("--prices: %s", err)
	}
	p, err := bluegreen.ParsePrices(b)
	if err != nil {
		return nil, usage("--prices: %s: %s", path, err)
	}
	return p, nil
}

func runPlan(ctx contexts, s streams, g global, path string, opt planOptions) error {
	prices, err := loadPrices(opt.prices)
	if err != nil {
		return err
	}
	o, err := openCampaign(ctx, g, path, "")
	if err != nil {
		return err
	}
	defer o.close()
	e := fleet.New(o.config())
	pv, err := e.Preview(ctx.hard, fleet.PreviewOptions{Measure: opt.measure, Ask: opt.ask, Probe: opt.probe, Prices: prices})
	if err != nil {
		return err
	}
	if opt.out != "" {
		if err := savePlan(s, e, opt.out); err != nil {
			return err
		}
	}
	opt.filter.preview(&pv)
	if len(pv.Plans) == 0 && len(opt.filter.ids)+len(opt.filter.waves) > 0 {
		return usage("no database of the campaign is called %s", strings.Join(append(opt.filter.ids, opt.filter.waves...), ", "))
	}
	if g.json {
		err = printJSON(s.out, pv)
	} else {
		printPreview(s.out, pv, opt.actions || len(opt.filter.ids) > 0, len(opt.filter.ids) > 0)
	}
	if err != nil {
		return err
	}
	return exitWith(planExit(pv))
}

// planExit is 1 when a database cannot go the planned way, or when something
// that the plan rests on could not be read.
func planExit(pv fleet.Preview) int {
	for _, d := range pv.Plans {
		if d.Blocked() {
			return exitFindings
		}
	}
	if len(pv.Gaps) > 0 || len(pv.Unreachable) > 0 {
		return exitFindings
	}
	return exitDone
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
