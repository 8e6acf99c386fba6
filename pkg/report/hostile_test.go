package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/precheck"
)

// evil are names as a database may hold them, each with what they would do.
var evil = []string{
	`<script>alert(1)</script>`,                                              // HTML
	`"><img src=x onerror=alert(1)>`,                                         // attribute
	`</style><script>alert(2)</script>`,                                      // out of the style
	`]]><x/>`,                                                                // XML
	"a\x1b[31mred\x1b]0;title\x07",                                           // ANSI
	"a\u009b31mC1",                                                           // 8-bit CSI
	"user\u202egnp.exe",                                                      // bidirectional override
	"zero\u200bwidth\ufeff",                                                  // invisible
	"line\nbreak\r\ttab",                                                     // line breaks
	"pipe|cell`code`*bold*_em_[x](http://e.test)",                            // Markdown
	"=HYPERLINK(\"http://e.test\")", "+1+1", "-2", "@SUM(1)", "\t=1", "\r=1", // formulas
	"'; DROP TABLE x; --",
	"$(reboot) `reboot` \\",
	"bad\xff\xfeutf8",
	"nul\x00byte",
	"漢字とemoji🙂",
	"# heading", "1. list", "www.e.test", "javascript:alert(1)",
	strings.Repeat("long", 60),
}

// hostile puts s wherever a string from outside can stand.
func hostile(s string) Input {
	in := fixture()
	in.Plan = s
	st := &in.Status
	st.Campaign, st.Target, st.Unreachable = s, s, []string{s}
	in.Journal = JournalRef{Path: s, Head: s, Error: s}
	for i := range st.Waves {
		w := &st.Waves[i]
		w.Name, w.State, w.Approval, w.ApprovedBy, w.Reason = s, s, s, s, s
	}
	all := append(slices.Clone(st.Databases), st.Unassigned...)
	for i := range all {
		d := &all[i]
		d.ID, d.Account, d.Region, d.Service, d.Owner, d.Wave, d.Reason, d.NextStep = s, s, s, s, s, s, s, s
		d.Route, d.EngineVersion, d.InstanceClass, d.TargetVersion, d.Off = []string{s, s}, s, s, s, []string{s}
		d.Blue, d.Green, d.OldBlue, d.Deployment, d.Binlog = s, s, s, s, s
		d.WayBack.How, d.WayBack.Loss, d.WayBack.Undone = s, s, []string{s}
		d.Precheck = &fleet.PrecheckStatus{Verdict: s, Top: []string{s}}
		d.History = []fleet.HistoryEntry{{Seq: 1, At: in.Now, Kind: "human", What: s, By: s}, {Seq: 2, At: in.Now, Kind: "stage", What: s}}
	}
	st.Databases, st.Unassigned = all[:len(all)-1], all[len(all)-1:]
	// A stage of no known name must not break anything either.
	st.Databases[0].Stage = s
	in.Prechecks = []precheck.Report{{ID: s, ServerVersion: s, TargetVersion: s, Verdict: precheck.Verdict(s), Error: s, Code: s,
		Checks: []precheck.CheckResult{
			{ID: s, Title: s, Severity: precheck.Severity(s), Status: precheck.StatusFailed, Doc: s, Findings: []precheck.Finding{
				{Object: s, Message: s, Fix: s, FixSQL: s, Hop: s, Severity: precheck.Severity(s), Waived: &precheck.WaiverRef{Owner: s, Reason: s}}}},
			{ID: s, Status: precheck.StatusError, Reason: s, Grant: s},
			{ID: s, Status: precheck.StatusSkipped, Reason: s}}}}
	return in
}

// Nothing that acts on a terminal or hides may reach any output as it is.
func TestHostileNamesAreShown(t *testing.T) {
	for _, s := range evil {
		each(t, func(t *testing.T, k Kind, f Format) {
			out := write(t, k, f, hostile(s))
			if !utf8.Valid(out) {
				t.Errorf("%q: output is not UTF-8", s)
			}
			for i, r := range string(out) {
				if r < 0x20 && r != '\n' && !(r == '\r' && f == CSV) || r >= 0x7f && r <= 0x9f || r > 0x7f && hidden(r) {
					t.Fatalf("%q: %U at %d in the output: ...%q", s, r, i, out[max(0, i-30):i])
				}
			}
		})
	}
}

func TestHostileHTML(t *testing.T) {
	for _, s := range evil {
		for _, k := range []Kind{Compliance, Rollback, Precheck} {
			checkHTML(t, write(t, k, HTML, hostile(s)))
		}
	}
}

func TestHTMLWellFormed(t *testing.T) {
	for _, k := range []Kind{Compliance, Rollback, Precheck} {
		checkHTML(t, write(t, k, HTML, fixture()))
		checkHTML(t, write(t, k, HTML, Input{Now: fixture().Now}))
	}
}

var metaTag = regexp.MustCompile(`(<meta [^>]*)>`)

// checkHTML tokenises a page: only our elements and attributes, every element
// closed, nothing fetched, nothing run.
func checkHTML(t *testing.T, page []byte) {
	t.Helper()
	elements := strings.Fields(`html head meta title style body header main footer section article figure figcaption a p h1 h2 h3 h4 dl dt dd div span b
		svg rect circle line ul ol li table caption thead tbody tfoot tr th td pre code`)
	attrs := strings.Fields(`lang charset name content class id href aria-label aria-labelledby aria-hidden role tabindex scope width height
		preserveAspectRatio x y x1 x2 y1 y2 cx cy r`)
	// The strict decoder invents no end tags; meta is the only void element.
	d := xml.NewDecoder(bytes.NewReader(metaTag.ReplaceAll(page, []byte("$1/>"))))
	var stack []string
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not well formed: %v", err)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			name := tok.Name.Local
			if !slices.Contains(elements, name) {
				t.Fatalf("element <%s> is not ours", name)
			}
			stack = append(stack, name)
			for _, a := range tok.Attr {
				if !slices.Contains(attrs, a.Name.Local) {
					t.Fatalf("attribute %s of <%s> is not ours", a.Name.Local, name)
				}
				if a.Name.Local == "href" && a.Value != "#main" && webLink(a.Value) == "" {
					t.Fatalf("link to %q", a.Value)
				}
			}
		case xml.EndElement:
			if len(stack) == 0 || stack[len(stack)-1] != tok.Name.Local {
				t.Fatalf("</%s> closes nothing, open: %v", tok.Name.Local, stack)
			}
			stack = stack[:len(stack)-1]
		}
	}
	if len(stack) > 0 {
		t.Fatalf("never closed: %v", stack)
	}
	if i := bytes.Index(page, []byte("url(")); i >= 0 {
		t.Fatal("the style fetches something")
	}
}

func TestHostileJSONAndXML(t *testing.T) {
	for _, s := range evil {
		for _, k := range Kinds() {
			var v any
			if err := json.Unmarshal(write(t, k, JSON, hostile(s)), &v); err != nil {
				t.Errorf("%s %q: %v", k, s, err)
			}
			if !slices.Contains(Formats(k), JUnit) {
				continue
			}
			var suites junitSuites
			if err := xml.Unmarshal(write(t, k, JUnit, hostile(s)), &suites); err != nil {
				t.Errorf("%s %q: %v", k, s, err)
			}
		}
	}
}

// JSON keeps names as they are, whatever it takes to write them safely.
func TestJSONKeepsNames(t *testing.T) {
	for _, s := range evil {
		var v struct{ Databases []struct{ ID string } }
		if err := json.Unmarshal(write(t, Compliance, JSON, hostile(s)), &v); err != nil {
			t.Fatal(err)
		}
		if want := strings.ToValidUTF8(s, "\ufffd"); v.Databases[0].ID != want && s != "bad\xff\xfeutf8" {
			t.Errorf("id %q, want %q", v.Databases[0].ID, want)
		}
	}
}

func TestCSVGuardsFormulas(t *testing.T) {
	for _, s := range evil {
		for _, k := range []Kind{Compliance, Rollback, Precheck} {
			out := write(t, k, CSV, hostile(s))
			rows, err := csv.NewReader(bytes.NewReader(out)).ReadAll()
			if err != nil {
				t.Fatalf("%s %q: %v", k, s, err)
			}
			for _, r := range rows {
				for _, c := range r {
					if c != "" && strings.ContainsRune("=+-@\t\r", rune(c[0])) {
						t.Fatalf("%s: cell %q", k, c)
					}
				}
			}
		}
	}
	for in, want := range map[string]string{"=1": "'=1", "\t=1": `'\t=1`, "\r=1": `'\r=1`, "a=1": "a=1", "": ""} {
		if got := csvCell(in); got != want {
			t.Errorf("csvCell(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestMarkdownEscapes(t *testing.T) {
	tests := map[string]string{
		"a|b":                  `a\|b`,
		"a\nb":                 `a\\nb`,
		"<b>&":                 "&lt;b&gt;&amp;",
		"snake_case_name":      "snake_case_name",
		"_em_":                 `\_em\_`,
		"*x* [y](z) `c`":       "\\*x\\* \\[y\\](z) \\`c\\`",
		"# h":                  `\# h`,
		"12. x":                `12\. x`,
		"5.7.44":               "5.7.44",
		"see https://e.test/x": "see https&#58;//e.test/x",
		"www.e.test":           "www&#46;e.test",
		"user\u202egnp":        "user&lt;U+202E&gt;gnp",
		"- item":               `\- item`,
	}
	for in, want := range tests {
		if got := md(in); got != want {
			t.Errorf("md(%q) = %s, want %s", in, got, want)
		}
	}
	for _, s := range evil {
		out := string(write(t, Precheck, Markdown, hostile(s)))
		cells := -1
		for _, l := range strings.Split(out, "\n") {
			if !strings.HasPrefix(l, "|") {
				cells = -1
				continue
			}
			n := strings.Count(strings.ReplaceAll(l, `\|`, ""), "|")
			if cells >= 0 && n != cells {
				t.Fatalf("%q: a row has %d bars, the row above %d: %s", s, n, cells, l)
			}
			cells = n
		}
	}
}

func TestVisible(t *testing.T) {
	tests := map[string]string{
		"plain-name_01": "plain-name_01",
		"é 漢字 🙂":        "é 漢字 🙂",
		"\x1b[2J":       `\x1b[2J`,
		"a\u009bm":      `a\x9bm`,
		"a\x00\x7f":     `a\x00\x7f`,
		"\u202e\u2066":  "<U+202E><U+2066>",
		"a\u00a0b":      "a<U+00A0>b",
		"a\u3164":       "a<U+3164>",
		"\xff":          `\xff`,
		"\U000e0041":    "<U+E0041>",
	}
	for in, want := range tests {
		if got := Visible(in); got != want {
			t.Errorf("Visible(%q) = %s, want %s", in, got, want)
		}
	}
}

// No line of a text report is wider than a terminal, but for commands, which
// are there to be copied.
func TestTextIs80Columns(t *testing.T) {
	inputs := []Input{fixture()}
	for _, s := range evil {
		inputs = append(inputs, hostile(s))
	}
	for _, in := range inputs {
		for _, k := range []Kind{Compliance, Rollback, Precheck} {
			for _, l := range strings.Split(string(write(t, k, Text, in)), "\n") {
				if columns(l) > textWidth && !strings.HasPrefix(l, "      ") && webLink(l) == "" {
					t.Fatalf("%s: %d columns: %s", k, columns(l), l)
				}
			}
		}
	}
}

func TestShellQuote(t *testing.T) {
	tests := map[string]string{"db-1": "db-1", "": "''", "a b": "'a b'", "it's": `'it'\''s'`, "$(x)": "'$(x)'", "a;b": "'a;b'"}
	for in, want := range tests {
		if got := shellQuote(in); got != want {
			t.Errorf("shellQuote(%q) = %s, want %s", in, got, want)
		}
	}
}
