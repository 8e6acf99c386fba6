// Package report turns a campaign's status into what people hand on: where the
// fleet stands against the deadline, what can be undone, what the prechecks
// found, and the evidence of it all. A kind builds a model (typed, what JSON
// shows) and a document (headings, figures, tables, stories); a format writes
// one of the two. Nothing here calls anything, and the same Input gives the
// same bytes.
package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/precheck"
)

// Kind is what a report is about.
type Kind string

// The kinds of reports.
const (
	Compliance Kind = "compliance" // every database against target and deadline
	Rollback   Kind = "rollback"   // what was undone, what can be, and the price
	Precheck   Kind = "precheck"   // findings across the fleet
	Evidence   Kind = "evidence"   // everything of one campaign, for the change ticket
)

// Format is how a report is written.
type Format string

// The formats.
const (
	Text     Format = "text" // 80 columns
	JSON     Format = "json"
	Markdown Format = "md"
	HTML     Format = "html" // one self-contained file
	CSV      Format = "csv"
	JUnit    Format = "junit" // for CI: one test case per database or check
	SARIF    Format = "sarif" // 2.1.0, for code scanning
)

// Kinds lists the kinds in the order people are told of them.
func Kinds() []Kind { return []Kind{Compliance, Rollback, Precheck, Evidence} }

// Formats lists what a kind can be written as, nil for an unknown kind.
// Evidence is for machines and archives, and JSON only; JUnit and SARIF need
// something that passes or fails at a place.
func Formats(k Kind) []Format {
	switch k {
	case Compliance:
		return []Format{Text, JSON, Markdown, HTML, CSV, JUnit}
	case Rollback:
		return []Format{Text, JSON, Markdown, HTML, CSV}
	case Precheck:
		return []Format{Text, JSON, Markdown, HTML, CSV, JUnit, SARIF}
	case Evidence:
		return []Format{JSON}
	}
	return nil
}

// Input is everything a report may say.
type Input struct {
	Status fleet.Status
	// Prechecks are the reports of the last audit; the precheck report is made
	// of them, evidence includes them.
	Prechecks []precheck.Report
	// Now is the time the report is of; the same Input gives the same bytes.
	Now time.Time
	// Plan is the plan's path, for the commands a reader may copy; "" is "PLAN".
	Plan string
	// Prices are for estimates; nil: the built-in file.
	Prices *bluegreen.Prices
	// Journal is where the evidence lies.
	Journal JournalRef
	// Tool is the version of rdsupgrade, for SARIF and evidence.
	Tool string
}

// JournalRef names a journal and what audit verify said of it.
type JournalRef struct {
	Path string `json:"path,omitempty"`
	// Head is the hash of the last line, Entries the number of lines.
	Head    string `json:"head_hash,omitempty"`
	Entries int64  `json:"entries,omitempty"`
	// Verified is whether the chain was checked for this report and is whole;
	// Error is what was wrong with it.
	Verified bool   `json:"verified"`
	Error    string `json:"error,omitempty"`
}

// Write writes a report. A format that the kind does not have is an error that
// names those it has; nothing is written then.
func Write(w io.Writer, kind Kind, format Format, in Input) error {
	formats := Formats(kind)
	if formats == nil {
		return fmt.Errorf("no report of kind %q: there are %s", kind, join(Kinds()))
	}
	if !slices.Contains(formats, format) {
		return fmt.Errorf("the %s report has no format %q: it has %s", kind, format, join(formats))
	}
	if in.Prices == nil {
		in.Prices = bluegreen.BuiltinPrices()
	}
	in.Now = in.Now.UTC()
	if kind == Evidence {
		return writeJSON(w, newEvidence(in))
	}
	m := build(kind, in)
	switch format {
	case JSON:
		return writeJSON(w, m)
	case CSV:
		return writeCSV(w, m.rows())
	case JUnit:
		return writeJUnit(w, m.(tester).suites())
	case SARIF:
		return writeSARIF(w, m.(precheckModel), in.Tool)
	case Markdown:
		return writeMarkdown(w, m.document())
	case HTML:
		return writeHTML(w, m.document())
	}
	return writeText(w, m.document())
}

// model is a report before a format is chosen; as JSON it is the JSON format.
type model interface {
	document() document
	// rows are the CSV: a header, then one row each.
	rows() [][]any
}

func build(kind Kind, in Input) model {
	switch kind {
	case Compliance:
		return newCompliance(in)
	case Rollback:
		return newRollback(in)
	}
	return newPrecheck(in)
}

func join[T ~string](list []T) string {
	s := make([]string, len(list))
	for i, v := range list {
		s[i] = string(v)
	}
	return strings.Join(s, ", ")
}
