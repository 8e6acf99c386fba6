package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/rdsupgrade/rdsupgrade/pkg/precheck"
)

// tester is a model with something that passes or fails.
type tester interface {
	suites() []junitSuite
}

// The JUnit XML that CI servers read: suites of cases, each with at most one of
// failure, error and skipped. There is no standard; these are the elements that
// the widespread schema has.
type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name      string      `xml:"name,attr"`
	Tests     int         `xml:"tests,attr"`
	Failures  int         `xml:"failures,attr"`
	Errors    int         `xml:"errors,attr"`
	Skipped   int         `xml:"skipped,attr"`
	Timestamp string      `xml:"timestamp,attr,omitempty"`
	Cases     []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name      string       `xml:"name,attr"`
	ClassName string       `xml:"classname,attr"`
	Failure   *junitResult `xml:"failure"`
	Error     *junitResult `xml:"error"`
	Skipped   *junitResult `xml:"skipped"`
	Out       string       `xml:"system-out,omitempty"`
}

type junitResult struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

// result makes its strings visible: XML 1.0 has no way to write most control
// characters at all.
func result(kind, message string, lines ...string) *junitResult {
	for i := range lines {
		lines[i] = Visible(lines[i])
	}
	return &junitResult{Visible(message), Visible(kind), strings.Join(lines, "\n")}
}

func writeJUnit(w io.Writer, suites []junitSuite) error {
	all := junitSuites{Name: "rdsupgrade", Suites: suites}
	for i := range suites {
		s := &suites[i]
		s.Name = Visible(s.Name)
		for j := range s.Cases {
			c := &s.Cases[j]
			c.Name, c.ClassName = Visible(c.Name), Visible(c.ClassName)
			s.Tests++
			switch {
			case c.Failure != nil:
				s.Failures++
			case c.Error != nil:
				s.Errors++
			case c.Skipped != nil:
				s.Skipped++
			}
		}
		all.Tests += s.Tests
		all.Failures += s.Failures
		all.Errors += s.Errors
		all.Skipped += s.Skipped
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return fmt.Errorf("write junit: %w", err)
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(all); err != nil {
		return fmt.Errorf("write junit: %w", err)
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// suites of the precheck report: a suite per database, a case per check. A
// check with an open finding of severity error fails; open warnings and notices
// stand in system-out; a check that could not run is an error.
func (m precheckModel) suites() []junitSuite {
	var out []junitSuite
	for _, r := range m.reports {
		s := junitSuite{Name: r.ID}
		if !r.ReadAt.IsZero() {
			s.Timestamp = r.ReadAt.UTC().Format("2006-01-02T15:04:05")
		}
		if r.Error != "" {
			s.Cases = append(s.Cases, junitCase{Name: "audit", ClassName: r.ID, Error: result(or(r.Code, "unreadable"), r.Error)})
		}
		for _, c := range r.Checks {
			s.Cases = append(s.Cases, checkCase(r.ID, c))
		}
		out = append(out, s)
	}
	return out
}

func checkCase(id string, c precheck.CheckResult) junitCase {
	jc := junitCase{Name: c.ID, ClassName: id}
	var bad, rest []string
	for _, f := range c.Findings {
		sev := c.Severity
		if f.Severity != "" {
			sev = f.Severity
		}
		text := fmt.Sprintf("%s: %s: %s", sev, f.Object, f.Message)
		if f.Waived != nil {
			text += " [" + waiverWords(*f.Waived) + "]"
		}
		if open(f) && sev == precheck.Error {
			bad = append(bad, text)
		} else {
			rest = append(rest, Visible(text))
		}
	}
	switch {
	case c.Status == precheck.StatusError:
		why := c.Reason
		if c.Grant != "" {
			why += "; missing grant: " + c.Grant
		}
		jc.Error = result("could-not-run", or(why, "the check could not run"))
	case len(bad) > 0:
		jc.Failure = result(string(precheck.Error), plural(len(bad), "finding")+": "+or(c.Title, c.ID), bad...)
	case c.Status == precheck.StatusSkipped:
		jc.Skipped = result("", or(c.Reason, "skipped"))
	}
	jc.Out = strings.Join(rest, "\n")
	return jc
}

// suites of the compliance report: a suite per wave, a case per database, which
// passes when it is on target. One left out by a person is skipped; one that
// could not be observed is an error.
func (m complianceModel) suites() []junitSuite {
	var out []junitSuite
	place := map[string]int{}
	for _, r := range m.Databases {
		wave := or(r.Wave, "in no wave")
		i, ok := place[wave]
		if !ok {
			i = len(out)
			place[wave] = i
			out = append(out, junitSuite{Name: wave, Timestamp: m.GeneratedAt.Format("2006-01-02T15:04:05")})
		}
		c := junitCase{Name: r.ID, ClassName: strings.Trim(r.Account+"."+r.Region, ".")}
		why := string(r.Group) + ": " + or(r.Reason, strings.Join(r.Off, ", "), "not on target")
		switch r.Group {
		case groupOnTarget:
		case groupUnknown:
			c.Error = result("not-known", why)
		case groupLeftOut:
			c.Skipped = result("", why)
		default:
			c.Failure = result(strings.ReplaceAll(string(r.Group), " ", "-"), why, r.NextStep)
		}
		out[i].Cases = append(out[i].Cases, c)
	}
	return out
}
