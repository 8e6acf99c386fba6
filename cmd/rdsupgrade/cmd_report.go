package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
	"github.com/rdsupgrade/rdsupgrade/pkg/report"
)

func reportCommand(ctx contexts, s streams) *cli.Command {
	return &cli.Command{
		Name: "report", Usage: "compliance, rollback, precheck or evidence report; changes nothing", ArgsUsage: "PLAN",
		Flags: withGlobal(
			&cli.StringFlag{Name: "kind", Value: "compliance", Usage: "`KIND`: " + kindNames()},
			&cli.StringFlag{Name: "format", Usage: "`FORMAT`: text, json, md, html, csv, junit or sarif (default: by --out's ending, else text)"},
			&cli.StringFlag{Name: "out", Usage: "write to `FILE` instead of stdout"}),
		Action: withPlan(s, func(c *cli.Context, g global, path string) error {
			o := reportOptions{global: g, path: path, kind: report.Kind(c.String("kind")), format: report.Format(c.String("format")), out: c.String("out")}
			if err := o.complete(); err != nil {
				return err
			}
			return runReport(ctx, s, o)
		}),
	}
}

type reportOptions struct {
	global
	path   string
	kind   report.Kind
	format report.Format
	out    string
}

func kindNames() string {
	var names []string
	for _, k := range report.Kinds() {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}

// complete fills the format in and refuses what does not exist, before
// anything is read.
func (o *reportOptions) complete() error {
	formats := report.Formats(o.kind)
	if formats == nil {
		return usage("there is no report of kind %q; there are %s", o.kind, kindNames())
	}
	if o.format == "" {
		o.format = formats[0]
		ext := report.Format(strings.TrimPrefix(filepath.Ext(o.out), "."))
		switch {
		case o.json:
			o.format = report.JSON
		case slices.Contains(formats, ext):
			o.format = ext
		case ext == "xml" && slices.Contains(formats, report.JUnit):
			o.format = report.JUnit
		}
	}
	if !slices.Contains(formats, o.format) {
		return usage("the %s report has no format %q; it has %v", o.kind, o.format, formats)
	}
	return nil
}

func runReport(ctx contexts, s streams, o reportOptions) error {
	c, err := openCampaign(ctx, o.global, o.path, "")
	if err != nil {
		return err
	}
	defer c.close()
	st, err := c.survey(ctx.hard)
	if err != nil {
		return err
	}
	in := report.Input{Status: st, Now: time.Now(), Plan: o.path, Tool: version, Journal: journalRef(o.stateDir)}
	if in.Prechecks, err = c.store.Prechecks(); err != nil {
		return err
	}
	var b bytes.Buffer
	if err := report.Write(&b, o.kind, o.format, in); err != nil {
		return err
	}
	if o.out == "" {
		_, err = s.out.Write(b.Bytes())
		return err
	}
	if err := os.WriteFile(o.out, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	fmt.Fprintf(s.err, "%s report written to %s\n", o.kind, visible(o.out))
	return nil
}

// journalRef checks the journal and says so in the report.
func journalRef(dir string) report.JournalRef {
	ref := report.JournalRef{Path: filepath.Join(dir, fleet.JournalFile)}
	sum, err := journal.Verify(ref.Path)
	ref.Head, ref.Entries, ref.Verified = sum.Head, sum.Entries, err == nil
	if errors.Is(err, os.ErrNotExist) {
		ref.Error = "there is no journal yet"
	} else if err != nil {
		ref.Error = err.Error()
	}
	return ref
}
