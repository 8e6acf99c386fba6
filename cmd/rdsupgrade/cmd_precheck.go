package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqlver"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/precheck"
	"github.com/rdsupgrade/rdsupgrade/pkg/report"
)

func precheckCommand(ctx contexts, s streams) *cli.Command {
	return &cli.Command{
		Name: "precheck", Usage: "audit databases over SQL for the upgrade; read-only", ArgsUsage: "PLAN | --dsn DSN | --catalog FILE",
		Description: "Audits a plan's databases, or one server without plan or AWS:\n\n" +
			"   rdsupgrade precheck plans/production.yaml\n" +
			"   MYPASS=... rdsupgrade precheck --dsn 'audit@tcp(db1:3306)/' --password-env MYPASS --target 8.0\n\n" +
			"Exits 1 when a database is blocked, or when a check that could block could not run.",
		Flags: withGlobal(precheckFlags()...),
		Action: func(c *cli.Context) error {
			g, err := readGlobal(c, s)
			if err != nil {
				return err
			}
			defer g.closeLog()
			o, err := readPrecheck(c, g)
			if err != nil {
				return err
			}
			return runPrecheck(ctx, s, o)
		},
	}
}

func precheckFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "dsn", Usage: "one server, as `user@tcp(host:port)/`", Category: "What to audit"},
		&cli.StringFlag{Name: "password-env", Usage: "`NAME` of the environment variable that holds the password", Category: "What to audit"},
		&cli.StringFlag{Name: "catalog", Usage: "judge a saved catalog `FILE`, offline", Category: "What to audit"},
		&cli.StringSliceFlag{Name: "database", Usage: "only the plan's database `ID`", Category: "What to audit"},
		&cli.StringSliceFlag{Name: "wave", Usage: "only the plan's wave `NAME`", Category: "What to audit"},
		&cli.StringFlag{Name: "target", Usage: "target `VERSION`: 8.0.46, 8.0, 8.4 (default: the plan's, else 8.0)", Category: "Judging"},
		&cli.StringSliceFlag{Name: "check", Usage: "run only the check `ID`", Category: "Judging"},
		&cli.StringFlag{Name: "my-cnf", Usage: "judge the system variables of an option `FILE`", Category: "Judging"},
		&cli.StringFlag{Name: "judge-dsn", Usage: "a MySQL 8 server, as `DSN`, that has the last word on stored code", Category: "Judging"},
		&cli.StringFlag{Name: "judge-password-env", Usage: "`NAME` of the environment variable with its password", Category: "Judging"},
		&cli.StringFlag{Name: "since", Usage: "compare with the saved catalog `FILE`: new, resolved, unchanged", Category: "Judging"},
		&cli.StringFlag{Name: "explain", Usage: "explain the check `ID` and end", Category: "Judging"},
		&cli.BoolFlag{Name: "check-tables", Usage: "also run CHECK TABLE ... FOR UPGRADE on every table", Category: "Cost to the server"},
		&cli.IntFlag{Name: "zero-dates", Usage: "look for zero dates in `N` rows of every table with dates", Category: "Cost to the server"},
		&cli.IntFlag{Name: "connections", Usage: "connections `N` to one server (default 2)", Category: "Cost to the server"},
		&cli.DurationFlag{Name: "budget", Usage: "the longest `TIME` one audit may take (default 10m)", Category: "Cost to the server"},
		&cli.IntFlag{Name: "max-threads-running", Usage: "stop when the server runs more than `N` threads (default 64)", Category: "Cost to the server"},
		&cli.StringFlag{Name: "save-catalog", Usage: "save what was read: a `FILE`, or a directory for a plan", Category: "What to write"},
		&cli.StringFlag{Name: "fix-sql", Usage: "write one script per database into `DIR`, for a person to review", Category: "What to write"},
		&cli.StringFlag{Name: "format", Usage: "`FORMAT`: text, json, md, html, csv, junit or sarif", Category: "What to write"},
		&cli.StringFlag{Name: "out", Usage: "write the result to `FILE` instead of stdout", Category: "What to write"},
	}
}

// precheckOptions is everything the command was asked for.
type precheckOptions struct {
	global
	path, dsn, passwordEnv, catalog, target, myCnf, judgeDSN, judgePasswordEnv, since, explain string
	saveCatalog, fixSQL, out                                                                   string
	format                                                                                     report.Format
	checks                                                                                     []string
	keep                                                                                       filter
	read                                                                                       precheck.ReadOptions
}

func readPrecheck(c *cli.Context, g global) (precheckOptions, error) {
	o := precheckOptions{global: g, dsn: c.String("dsn"), passwordEnv: c.String("password-env"), catalog: c.String("catalog"),
		target: c.String("target"), myCnf: c.String("my-cnf"), judgeDSN: c.String("judge-dsn"), judgePasswordEnv: c.String("judge-password-env"),
		since: c.String("since"), explain: c.String("explain"), saveCatalog: c.String("save-catalog"), fixSQL: c.String("fix-sql"),
		out: c.String("out"), format: report.Format(c.String("format")), checks: splitList(c.StringSlice("check")),
		keep: filter{ids: splitList(c.StringSlice("database")), waves: splitList(c.StringSlice("wave"))},
		read: precheck.ReadOptions{CheckTables: c.Bool("check-tables"), SampleZeroDates: c.Int("zero-dates"),
			Connections: c.Int("connections"), Budget: c.Duration("budget"), MaxThreadsRunning: c.Int("max-threads-running")}}
	if o.explain != "" {
		return o, nil
	}
	ways := 0
	for _, given := range []bool{o.dsn != "", o.catalog != "", c.Args().Present()} {
		if given {
			ways++
		}
	}
	if ways != 1 {
		return o, usage("precheck needs exactly one of a PLAN file, --dsn and --catalog")
	}
	if c.Args().Present() {
		var err error
		if o.path, err = planArg(c); err != nil {
			return o, err
		}
	}
	return o, o.check()
}

func (o *precheckOptions) check() error {
	for _, id := range o.checks {
		if _, ok := precheck.RuleByID(id); !ok {
			_, err := precheck.Explain(id)
			return usage("%s", err)
		}
	}
	if o.target != "" {
		if _, err := mysqlver.Parse(o.target); err != nil {
			return usage("--target: %s", err)
		}
	}
	if o.format == "" && o.json {
		o.format = "json-contract"
	}
	if o.format == "" && o.out != "" {
		if ext := report.Format(strings.TrimPrefix(filepath.Ext(o.out), ".")); slices.Contains(report.Formats(report.Precheck), ext) {
			o.format = ext
		}
	}
	if o.format != "" && o.format != "json-contract" && !slices.Contains(report.Formats(report.Precheck), o.format) {
		return usage("--format is one of %v, not %q", report.Formats(report.Precheck), o.format)
	}
	if o.format == report.JSON {
		o.format = "json-contract"
	}
	if o.path != "" && (o.since != "" || o.myCnf != "") {
		return usage("--since and --my-cnf go with --dsn or --catalog")
	}
	return nil
}

func runPrecheck(ctx contexts, s streams, o precheckOptions) error {
	if o.explain != "" {
		text, err := precheck.Explain(o.explain)
		if err != nil {
			return usage("%s", err)
		}
		fmt.Fprint(s.out, text)
		return nil
	}
	if o.path != "" {
		return precheckPlan(ctx, s, o)
	}
	return precheckServer(ctx, s, o)
}

// precheckPlan audits the plan's databases.
func precheckPlan(ctx contexts, s streams, o precheckOptions) error {
	c, err := openCampaign(ctx, o.global, o.path, "")
	if err != nil {
		return err
	}
	defer c.close()
	cfg := c.config()
	catalogs := map[string]*precheck.Catalog{}
	if a, ok := cfg.SQL.(*fleet.Access); ok {
		a.Read = o.read
		a.Checks = o.checks
		judge, err := o.judge(ctx.hard)
		if err != nil {
			return err
		}
		if judge != nil {
			defer judge.close()
		}
		a.OnCatalog = o.onCatalog(ctx.soft, judge, catalogs)
	}
	say := newCounter(s.err, "audited")
	reports, st, err := fleet.New(cfg).Audit(ctx.soft, fleet.AuditOptions{Keep: o.keep.keeps, Target: o.target, Done: func(precheck.Report) { say.one() }})
	say.end()
	if err != nil {
		return err
	}
	if err := o.writeFixes(s, reports, catalogs); err != nil {
		return err
	}
	if err := o.show(s, reports, st, nil); err != nil {
		return err
	}
	return exitWith(precheckExit(reports))
}

// show prints the result in the chosen form.
func (o precheckOptions) show(s streams, reports []precheck.Report, st fleet.Status, diff *precheck.Diff) error {
	w := s.out
	if o.out != "" {
		f, err := os.Create(o.out)
		if err != nil {
			return fmt.Errorf("write the result: %w", err)
		}
		defer f.Close()
		w = f
	}
	switch o.format {
	case "":
		printPrechecks(w, reports)
		if diff != nil {
			printDiff(w, *diff)
		}
		return nil
	case "json-contract":
		doc := map[string]any{"databases": reports}
		if diff != nil {
			doc["since"] = diff
		}
		return printJSON(w, doc)
	}
	return report.Write(w, report.Precheck, o.format, report.Input{Status: st, Prechecks: reports, Now: time.Now(), Plan: o.path, Tool: version})
}

// precheckExit: unknown is not a pass.
func precheckExit(reports []precheck.Report) int {
	for _, r := range reports {
		if r.Verdict != precheck.Ready {
			return exitFindings
		}
	}
	return exitDone
}

// onCatalog saves catalogs and keeps those that fix scripts need.
func (o precheckOptions) onCatalog(ctx context.Context, judge *judging, kept map[string]*precheck.Catalog) func(string, *precheck.Catalog) error {
	var m keeper
	return func(id string, c *precheck.Catalog) error {
		if judge != nil {
			if err := judge.fill(ctx, c); err != nil {
				return err
			}
		}
		if o.fixSQL != "" {
			m.keep(kept, id, c)
		}
		if o.saveCatalog == "" {
			return nil
		}
		if err := os.MkdirAll(o.saveCatalog, 0o700); err != nil {
			return fmt.Errorf("make the catalog directory: %w", err)
		}
		return precheck.SaveFile(filepath.Join(o.saveCatalog, id+".catalog.gz"), c)
	}
}

// writeFixes writes a script per database; nothing of it is ever executed.
func (o precheckOptions) writeFixes(s streams, reports []precheck.Report, catalogs map[string]*precheck.Catalog) error {
	if o.fixSQL == "" {
		return nil
	}
	if err := os.MkdirAll(o.fixSQL, 0o755); err != nil {
		return fmt.Errorf("make the directory for scripts: %w", err)
	}
	for _, r := range reports {
		c := catalogs[r.ID]
		if c == nil {
			continue
		}
		name := filepath.Join(o.fixSQL, fileName(r.ID)+".sql")
		if err := os.WriteFile(name, []byte(precheck.FixScript(r, c)), 0o644); err != nil {
			return fmt.Errorf("write the fix script: %w", err)
		}
		fmt.Fprintln(s.err, "fix script: "+visible(name))
	}
	return nil
}

// fileName keeps an id from leaving its directory.
func fileName(id string) string {
	clean := strings.Map(func(r rune) rune {
		if r == '-' || r == '.' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, id)
	if strings.Trim(clean, ".") == "" {
		return "server"
	}
	return clean
}
