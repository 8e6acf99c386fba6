package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"sort"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim"
	"github.com/rdsupgrade/rdsupgrade/internal/simcloud"
	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
	"github.com/rdsupgrade/rdsupgrade/pkg/report"
)

// simulateOptions are what a simulation was asked for.
type simulateOptions struct {
	global
	path, fleet, faults, svg, html, start string
	size, runs                            int
	seed                                  uint64
	rate                                  float64
	approve                               time.Duration
}

func simulateCommand(ctx contexts, s streams) *cli.Command {
	return &cli.Command{
		Name: "simulate", Usage: "play the whole campaign in virtual time against a model of RDS; touches nothing", ArgsUsage: "PLAN",
		Description: "The engine of `run` on a model of RDS and a virtual clock. The inventory is read from AWS, or taken\n" +
			"from --fleet (an rdssim fleet file, or the JSON of discover, plan or status), or made up with --size.\n" +
			"Approvals are assumed to be given --approve-after a wave is ready. Schemas are not simulated.\n" +
			"Exits 1 when the campaign would not end well or not in time.",
		Flags: withGlobal(
			&cli.StringFlag{Name: "fleet", Usage: "inventory from `FILE`"},
			&cli.IntFlag{Name: "size", Usage: "make up an inventory of `N` databases that fits the plan's waves"},
			&cli.StringFlag{Name: "faults", Usage: "fault `FILE` (docs/rdssim.md)"},
			&cli.Float64Flag{Name: "fault-rate", Usage: "a mix of faults at `RATE` (0.05 is 5 %; docs/simulate.md)"},
			&cli.IntFlag{Name: "runs", Value: 1, Usage: "simulate `N` times with different seeds, for confidence"},
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "first `SEED`; the same seed gives the same campaign"},
			&cli.StringFlag{Name: "start", Usage: "virtual `TIME` to start at (RFC 3339); default now"},
			&cli.DurationFlag{Name: "approve-after", Usage: "`DURATION` from a wave being ready to its assumed approval"},
			&cli.StringFlag{Name: "timeline", Usage: "write a timeline as SVG to `FILE`"},
			&cli.StringFlag{Name: "html", Usage: "write figures and timeline as a page to `FILE`"}),
		Action: withPlan(s, func(c *cli.Context, g global, path string) error {
			return runSimulate(ctx, s, simulateOptions{global: g, path: path, fleet: c.String("fleet"), faults: c.String("faults"),
				svg: c.String("timeline"), html: c.String("html"), start: c.String("start"), size: c.Int("size"), runs: c.Int("runs"),
				seed: c.Uint64("seed"), rate: c.Float64("fault-rate"), approve: c.Duration("approve-after")})
		}),
	}
}

// check refuses combinations that make no sense.
func (o simulateOptions) check() error {
	switch {
	case o.fleet != "" && o.size > 0:
		return usage("--fleet and --size exclude each other")
	case o.faults != "" && o.rate > 0:
		return usage("--faults and --fault-rate exclude each other")
	case o.rate < 0 || o.rate > 1:
		return usage("--fault-rate is from 0 to 1, not %g", o.rate)
	case o.size < 0 || o.size > 100_000:
		return usage("--size is from 1 to 100000")
	case o.runs < 1 || o.runs > 100_000:
		return usage("--runs is from 1 to 100000")
	case o.approve < 0:
		return usage("--approve-after is not negative")
	}
	return nil
}

func runSimulate(ctx contexts, s streams, o simulateOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	p, err := loadPlan(o.path)
	if err != nil {
		return err
	}
	so := simcloud.Options{Plan: p, Seed: o.seed, Start: time.Now().UTC().Truncate(time.Minute), ApproveAfter: o.approve, Faults: simcloud.FaultsAt(o.rate)}
	if o.start != "" {
		if so.Start, err = time.Parse(time.RFC3339, o.start); err != nil {
			return usage("--start is a time such as 2026-12-01T08:00:00Z, not %q", o.start)
		}
	}
	if o.faults != "" {
		if so.Faults, err = rdssim.LoadFaults(o.faults); err != nil {
			return err
		}
	}
	if so.Fleet, err = o.inventory(ctx, p); err != nil {
		return err
	}
	began := time.Now()
	boundMemory(len(so.Fleet.Databases))
	f, err := simcloud.Many(ctx.soft, so, o.runs)
	if err != nil {
		return err
	}
	if err := o.write(f, p); err != nil {
		return err
	}
	if o.json {
		err = printJSON(s.out, f)
	} else {
		printForecast(s.out, f, p)
		fmt.Fprintf(s.err, "simulated in %s\n", time.Since(began).Round(time.Millisecond))
	}
	if err == nil && f.InTime < 1 {
		return exitWith(exitFindings)
	}
	return err
}

// boundMemory lets the heap grow up to a limit before garbage is collected
// often: it keeps 10,000 databases within 512 MB, and leaves larger fleets the
// room that they need. Whoever sets GOMEMLIMIT or GOGC knows the machine better.
func boundMemory(databases int) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(max(430<<20, int64(databases)*(44<<10)*int64(runtime.GOMAXPROCS(0))/2))
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}

// inventory is made up, from a file, or what AWS shows now.
func (o simulateOptions) inventory(ctx contexts, p *plan.Plan) (*rdssim.Fleet, error) {
	switch {
	case o.size > 0:
		return simcloud.MadeUp(p, o.size, o.seed)
	case o.fleet != "":
		return simcloud.FromFile(p, o.fleet)
	}
	a, err := dial(ctx.hard, p, o.endpoint)
	if err != nil {
		return nil, err
	}
	defer a.close()
	found, quotas := map[rdssim.Scope][]bluegreen.Instance{}, map[rdssim.Scope][]bluegreen.Quota{}
	for _, sc := range a.scopes {
		at := rdssim.Scope{Account: sc.Account, Region: sc.Region}
		if found[at], err = sc.Cloud.Instances(ctx.hard); err != nil {
			return nil, fmt.Errorf("read %s: %w", sc.Key(), err)
		}
		if quotas[at], err = sc.Offers.Quotas(ctx.hard); err != nil {
			quotas[at] = nil // the model's own defaults serve
		}
	}
	for i := range p.Accounts { // ambient credentials: now the account is known
		if p.Accounts[i].ID == "" && len(a.scopes) > 0 {
			p.Accounts[i].ID = a.scopes[0].Account
		}
	}
	return simcloud.FromInstances(p, found, quotas)
}

// write draws the timeline where it was asked for.
func (o simulateOptions) write(f *simcloud.Forecast, p *plan.Plan) error {
	rows := timelineRows(f.First)
	var marks []report.TimelineMark
	if !p.Deadline.IsZero() {
		marks = append(marks, report.TimelineMark{At: p.Deadline.AddDate(0, 0, 1), Text: "deadline"})
	}
	title := "simulation of campaign " + p.Name
	if o.svg != "" {
		if err := writeFile(o.svg, func(w io.Writer) error { return report.WriteTimeline(w, title, rows, marks) }); err != nil {
			return err
		}
	}
	if o.html == "" {
		return nil
	}
	return writeFile(o.html, func(w io.Writer) error { return report.WriteTimelinePage(w, title, forecastFacts(f, p), rows, marks) })
}

func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	err = write(f)
	if cerr := f.Close(); err == nil && cerr != nil {
		err = fmt.Errorf("write %s: %w", path, cerr)
	}
	return err
}

// timelineRows are the databases in the order in which they were built.
func timelineRows(r *simcloud.Run) []report.TimelineRow {
	tracks := r.Tracks
	began := func(t simcloud.Track) time.Time {
		for _, l := range t.Stages {
			if bluegreen.Stage(l.Stage) == bluegreen.Building {
				return l.At
			}
		}
		return r.End
	}
	sort.SliceStable(tracks, func(i, j int) bool { return began(tracks[i]).Before(began(tracks[j])) })
	rows := make([]report.TimelineRow, 0, len(tracks))
	for _, t := range tracks {
		row := report.TimelineRow{Label: t.ID, Group: t.Wave}
		for n, l := range t.Stages {
			to := r.End
			if n+1 < len(t.Stages) {
				to = t.Stages[n+1].At
			}
			row.Spans = append(row.Spans, report.TimelineSpan{Stage: l.Stage, From: l.At, To: to})
		}
		rows = append(rows, row)
	}
	return rows
}

// forecastFacts are the figures, one per line.
func forecastFacts(f *simcloud.Forecast, p *plan.Plan) [][2]string {
	r := f.First
	const day = "Mon 2006-01-02 15:04 MST"
	out := [][2]string{{"databases", fmt.Sprintf("%d: %d done, %d failed, %d blocked, %d not finished", r.Done+r.Failed+r.Blocked+r.Rest, r.Done, r.Failed, r.Blocked, r.Rest)},
		{"start", r.Start.Format(day)}}
	if f.Runs == 1 {
		out = append(out, [2]string{"finish", fmt.Sprintf("%s (%s after the start)", r.End.Format(day), r.End.Sub(r.Start).Round(time.Minute))})
	} else {
		out = append(out, [2]string{"finish", fmt.Sprintf("half of %d runs by %s, nine in ten by %s", f.Runs, f.P50.Format(day), f.P90.Format(day))})
	}
	if most := r.Bound.Sub(r.Start); most > 0 {
		out = append(out, [2]string{"shortest by any schedule", fmt.Sprintf("%s within these limits, by what builds and switchovers took", most.Round(time.Minute))})
	}
	if !p.Deadline.IsZero() {
		out = append(out, [2]string{"in time for " + p.Deadline.String(), fmt.Sprintf("%.0f %% of the runs (95 %% interval %.0f to %.0f %%)", 100*f.InTime, 100*f.Low, 100*f.High)})
	}
	out = append(out, [2]string{"everything upgraded", fmt.Sprintf("%.0f %% of the runs; %.1f databases fail on average", 100*f.Done, f.Failed)},
		[2]string{"clients kept out", fmt.Sprintf("median %s, longest %s, %s in all (the model's switchovers)", r.DownMedian.Round(100*time.Millisecond), r.DownLongest.Round(100*time.Millisecond), r.DownTotal.Round(time.Second))},
		[2]string{"API calls", fmt.Sprintf("%d, %.0f per database", r.Calls, float64(r.Calls)/float64(max(1, len(r.Tracks))))},
		[2]string{"greens alive at once", fmt.Sprintf("%d at most, %d of them being built", r.PeakGreens, r.PeakBuilding)},
		[2]string{"cost of greens until the switchover", costText(r.Cost)},
		[2]string{"approvals assumed", fmt.Sprint(r.Approvals)})
	if b := f.Bottleneck; b != nil {
		text := fmt.Sprintf("%s (%.0f database-hours of waiting)", b.Limit, b.Hours)
		switch {
		case b.More > 0:
			text += fmt.Sprintf("; with %s %d more databases would be upgraded, the last by %s", b.Change, b.More, b.Finish.Format(day))
		case b.Saves > 0:
			text += fmt.Sprintf("; with %s it would end %s earlier, %s", b.Change, b.Saves.Round(time.Minute), b.Finish.Format(day))
		default:
			text += "; " + b.Change + " would not make it end earlier"
		}
		out = append(out, [2]string{"bottleneck", text})
	}
	for _, w := range r.Waiting {
		out = append(out, [2]string{"stands at", w})
	}
	return out
}

func costText(e bluegreen.Estimate) string {
	if !e.Known {
		return fmt.Sprintf("at least %.2f USD by the price file of %s; not known: %s", e.USD, e.AsOf, e.Note)
	}
	return fmt.Sprintf("%.2f USD, an estimate by the price file of %s", e.USD, e.AsOf)
}

func printForecast(w io.Writer, f *simcloud.Forecast, p *plan.Plan) {
	fmt.Fprintf(w, "campaign %s, simulated: %s\n\n", p.Name, f.First.Outcome)
	for _, kv := range forecastFacts(f, p) {
		fmt.Fprintf(w, "%-36s %s\n", kv[0], visible(kv[1]))
	}
	var waits []fleet.Limit
	for l := range f.First.Limits {
		waits = append(waits, l)
	}
	sort.Slice(waits, func(i, j int) bool { return f.First.Limits[waits[i]] > f.First.Limits[waits[j]] })
	var parts []string
	for _, l := range waits {
		parts = append(parts, fmt.Sprintf("%s %.1f", l, f.First.Limits[l]))
	}
	if len(parts) > 0 {
		fmt.Fprintf(w, "%-36s %s\n", "database-hours of waiting", strings.Join(parts, ", "))
	}
}
