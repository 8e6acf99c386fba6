package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqlver"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/precheck"
)

// precheckServer audits one server by DSN, or judges one saved catalog.
func precheckServer(ctx contexts, s streams, o precheckOptions) error {
	cat, id, err := o.catalogOf(ctx.soft)
	if err != nil {
		return err
	}
	if o.saveCatalog != "" {
		if err := precheck.SaveFile(o.saveCatalog, cat); err != nil {
			return err
		}
	}
	judge, err := o.judge(ctx.hard)
	if err != nil {
		return err
	}
	if judge != nil {
		defer judge.close()
		if err := judge.Fill(ctx.soft, cat); err != nil {
			return err
		}
	}
	rep, err := o.judgeCatalog(cat, id)
	if err != nil {
		return err
	}
	diff, err := o.compare(rep, id)
	if err != nil {
		return err
	}
	reports := []precheck.Report{rep}
	if err := o.writeFixes(s, reports, map[string]*precheck.Catalog{id: cat}); err != nil {
		return err
	}
	if err := o.show(s, reports, fleet.Status{}, diff); err != nil {
		return err
	}
	return exitWith(precheckExit(reports))
}

// catalogOf is the server's or the file's, with the option file's settings.
func (o precheckOptions) catalogOf(ctx context.Context) (*precheck.Catalog, string, error) {
	cat, id, err := o.readCatalog(ctx)
	if err == nil && o.myCnf != "" {
		cat.MyCnf, err = precheck.ReadMyCnf(o.myCnf)
	}
	return cat, id, err
}

// readCatalog reads the server, or the file.
func (o precheckOptions) readCatalog(ctx context.Context) (*precheck.Catalog, string, error) {
	if o.catalog != "" {
		c, err := precheck.LoadFile(o.catalog)
		if err != nil {
			return nil, "", &failure{exit: exitFailed, Code: "bad-catalog", Text: err.Error()}
		}
		return c, c.Host, nil
	}
	t, err := target(o.dsn, o.passwordEnv)
	if err != nil {
		return nil, "", err
	}
	c, err := precheck.Read(ctx, t, o.read)
	return c, t.Address, err
}

// target reads a DSN with its password from the environment.
func target(dsn, passwordEnv string) (precheck.Target, error) {
	password := ""
	if passwordEnv != "" {
		var ok bool
		if password, ok = os.LookupEnv(passwordEnv); !ok {
			return precheck.Target{}, usage("the environment variable %s (--password-env) is not set", passwordEnv)
		}
	}
	t, err := precheck.ParseDSN(dsn, password)
	if err != nil {
		return t, usage("%s", err)
	}
	return t, nil
}

// judgeCatalog judges for the wanted target over the whole route.
func (o precheckOptions) judgeCatalog(cat *precheck.Catalog, id string) (precheck.Report, error) {
	from, err := mysqlver.Parse(cat.Server.Version)
	if err != nil {
		return precheck.Report{}, fmt.Errorf("read the server's version: %w", err)
	}
	want := o.target
	if want == "" {
		want = "8.0"
	}
	to, err := mysqlver.Parse(want)
	if err != nil {
		return precheck.Report{}, usage("--target: %s", err)
	}
	route, err := precheck.RouteFor(from, to)
	if err != nil {
		return precheck.Report{}, usage("%s", err)
	}
	opts := precheck.JudgeOptions{ID: id, Only: o.checks}
	return precheck.Judge(cat, route, precheck.Policy{Now: time.Now()}, opts), nil
}

// judging is a connection to the server that has the last word on syntax.
type judging struct {
	*precheck.ServerJudge
	db *sql.DB
	mu sync.Mutex
}

// judge connects to that server, nil when none was named.
func (o precheckOptions) judge(ctx context.Context) (*judging, error) {
	if o.judgeDSN == "" {
		return nil, nil
	}
	t, err := target(o.judgeDSN, o.judgePasswordEnv)
	if err != nil {
		return nil, err
	}
	db, err := t.Open()
	if err != nil {
		return nil, err
	}
	j, err := precheck.NewServerJudge(ctx, db)
	if err != nil {
		db.Close()
		return nil, &failure{exit: exitFailed, Code: "judge", Text: err.Error(), Next: "--judge-dsn names any MySQL 8 server, production or not: it only parses"}
	}
	return &judging{ServerJudge: j, db: db}, nil
}

// fill lets the judge speak about one catalog at a time.
func (j *judging) fill(ctx context.Context, c *precheck.Catalog) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.Fill(ctx, c)
}

func (j *judging) close() {
	_ = j.Close() // only parsing was asked of it
	_ = j.db.Close()
}

// compare judges an older catalog by the same rules and tells the difference.
func (o precheckOptions) compare(now precheck.Report, id string) (*precheck.Diff, error) {
	if o.since == "" {
		return nil, nil
	}
	old, err := precheck.LoadFile(o.since)
	if err != nil {
		return nil, &failure{exit: exitFailed, Code: "bad-catalog", Text: err.Error()}
	}
	before, err := o.judgeCatalog(old, id)
	if err != nil {
		return nil, err
	}
	d := precheck.Compare(before, now)
	return &d, nil
}

// printPrechecks is the audit for a person: what blocks first.
func printPrechecks(w io.Writer, reports []precheck.Report) {
	for i, r := range reports {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s: %s -> %s: %s", visible(r.ID), r.ServerVersion, r.TargetVersion, r.Verdict)
		if r.Error != "" {
			fmt.Fprintf(w, " (%s)\n", visible(r.Error))
			continue
		}
		fmt.Fprintf(w, " (%d errors, %d warnings, %d notices, %d waived, %d could not run)\n", r.Summary.Errors, r.Summary.Warnings, r.Summary.Notices, r.Summary.Waived, r.Summary.Unknown)
		for _, sev := range []precheck.Severity{precheck.Error, precheck.Warning, precheck.Notice} {
			for _, c := range r.Checks {
				printCheck(w, c, sev)
			}
		}
	}
}

// shownFindings bounds the lines of one check; JSON has them all.
const shownFindings = 20

func printCheck(w io.Writer, c precheck.CheckResult, sev precheck.Severity) {
	if c.Status == precheck.StatusError && c.Severity == sev {
		fmt.Fprintf(w, "  %-8s%s could not run: %s\n", "unknown", c.ID, visible(c.Reason))
		if c.Grant != "" {
			fmt.Fprintf(w, "          lacks: %s\n", visible(c.Grant))
		}
	}
	n := 0
	for _, f := range c.Findings {
		s := c.Severity
		if f.Severity != "" {
			s = f.Severity
		}
		if s != sev {
			continue
		}
		if n++; n == 1 {
			fmt.Fprintf(w, "  %-8s%s\n", sev, c.ID)
		}
		if n > shownFindings {
			continue
		}
		mark := ""
		if f.Waived != nil {
			mark = " [waived by " + visible(f.Waived.Owner) + " until " + f.Waived.Expires.Format("2006-01-02") + "]"
			if f.Waived.Expired {
				mark = " [WAIVER EXPIRED " + f.Waived.Expires.Format("2006-01-02") + "]"
			}
		}
		fmt.Fprintf(w, "          %s: %s%s\n", visible(f.Object), visible(f.Message), mark)
		if f.Fix != "" && n <= 3 {
			fmt.Fprintf(w, "            fix: %s\n", visible(f.Fix))
		}
	}
	if n > shownFindings {
		fmt.Fprintf(w, "          and %d more (--output json has all)\n", n-shownFindings)
	}
}

func printDiff(w io.Writer, d precheck.Diff) {
	fmt.Fprintf(w, "\nsince the older catalog: %d new, %d resolved, %d unchanged, %d unknown\n", len(d.New), len(d.Resolved), len(d.Unchanged), len(d.Unknown))
	for _, part := range []struct {
		mark string
		list []precheck.Change
	}{{"new", d.New}, {"resolved", d.Resolved}, {"unknown", d.Unknown}} {
		for _, c := range part.list {
			fmt.Fprintf(w, "  %-9s %s: %s\n", part.mark, c.Check, visible(c.Finding.Object))
		}
	}
}

// keeper guards the catalogs that concurrent audits hand over.
type keeper struct{ mu sync.Mutex }

func (k *keeper) keep(m map[string]*precheck.Catalog, id string, c *precheck.Catalog) {
	k.mu.Lock()
	m[id] = c
	k.mu.Unlock()
}

// counter shows how many of something are done.
type counter struct {
	w    io.Writer
	what string
	n    int
	last time.Time
}

func newCounter(w io.Writer, what string) *counter {
	return &counter{w: w, what: what, last: time.Now()}
}

func (c *counter) one() {
	c.n++
	if isTerminal(c.w) {
		fmt.Fprintf(c.w, "\r%d %s", c.n, c.what)
	} else if time.Since(c.last) > 2*time.Second {
		c.last = time.Now()
		fmt.Fprintf(c.w, "%d %s\n", c.n, c.what)
	}
}

func (c *counter) end() {
	if c.n > 0 && isTerminal(c.w) {
		fmt.Fprint(c.w, "\r"+strings.Repeat(" ", 40)+"\r")
	}
}
