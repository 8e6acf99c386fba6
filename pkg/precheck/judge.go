package precheck

import (
	"errors"
	"fmt"
	"strings"
)

// JudgeOptions are what Judge needs beside the facts and the policy.
type JudgeOptions struct {
	// ID names the database in the report and for waivers.
	ID string
	// Only restricts the judgement to these check ids; empty means all.
	Only []string
	// Rules replaces Rules(), for tests.
	Rules []Rule
}

// Judge runs every rule over a catalog for every hop of a route, and gives the
// verdict under a policy. It is pure: the same catalog gives the same report.
// A check passes only when all the sections that it needs were read.
func Judge(c *Catalog, route []Hop, p Policy, opts JudgeOptions) Report {
	rep := Report{ID: opts.ID, ServerVersion: c.Server.Version, ReadAt: c.ReadAt, Checks: []CheckResult{}}
	if len(route) > 0 {
		rep.TargetVersion = route[len(route)-1].To.String()
	} else {
		rep.TargetVersion = c.Server.Version
	}
	if p.Now.IsZero() {
		p.Now = c.ReadAt
	}
	rules := opts.Rules
	if rules == nil {
		rules = Rules()
	}
	j := judge{c: c, index: NewIndex(c), route: route, policy: &p, database: opts.ID}
	for i := range rules {
		if len(opts.Only) == 0 || contains(opts.Only, rules[i].ID) {
			rep.Checks = append(rep.Checks, j.check(&rules[i]))
		}
	}
	rep.Verdict, rep.Summary = conclude(rep.Checks, &p)
	return rep
}

type judge struct {
	c        *Catalog
	index    *Index
	route    []Hop
	policy   *Policy
	database string
}

// check runs one rule over the hops it applies to and merges what they say.
func (j *judge) check(r *Rule) CheckResult {
	res := CheckResult{ID: r.ID, Title: r.Title, Severity: j.policy.severityOf(r, nil), Doc: r.Doc, Findings: []Finding{}}
	var hops []Hop
	for _, h := range j.route {
		if r.Applies == nil || r.Applies(h) {
			hops = append(hops, h)
			res.Hops = append(res.Hops, h.String())
		}
	}
	if len(hops) == 0 {
		res.Status, res.Reason = StatusSkipped, "does not apply to "+routeString(j.route)
		return res
	}
	if r.OptIn != "" && j.optInNotRead(r) {
		res.Status, res.Reason = StatusSkipped, "runs only when asked for: "+r.OptIn
		return res
	}
	if r.Once {
		hops = hops[:1]
	}
	m := merger{seen: map[[2]string]int{}}
	var failure error
	for _, h := range hops {
		found, err := runRule(r, &Input{Catalog: j.c, Hop: h, Index: j.index})
		if err != nil && failure == nil {
			failure = err
		}
		m.add(found, h, j.policy, r)
	}
	res.Findings = append(res.Findings, m.findings...)
	j.finish(r, &res, failure)
	return res
}

// optInNotRead tells that the sections of an opt-in rule were not asked for.
func (j *judge) optInNotRead(r *Rule) bool {
	for _, s := range r.Needs {
		if st := j.c.Sections[s].Status; st == SectionNotRead || st == "" {
			return true
		}
	}
	return false
}

// finish fills the findings' common fields and decides the check's status.
func (j *judge) finish(r *Rule, res *CheckResult, failure error) {
	waived := 0
	for i := range res.Findings {
		f := &res.Findings[i]
		if f.Fix == "" {
			f.Fix = r.Fix
		}
		f.Schema, f.Object = j.index.placeOf(f.Object)
		f.Waived = j.policy.waiverFor(j.database, r.ID, f.Object)
		if f.Waived != nil && !f.Waived.Expired {
			waived++
		}
		if i == 0 || f.Severity.rank() > res.Severity.rank() {
			res.Severity = f.Severity
		}
	}
	missing := j.missing(r, failure)
	var skip skipError
	switch {
	case missing != "" || failure != nil && !errors.As(failure, &skip):
		res.Status = StatusError
		// What could not be looked at may be as grave as the rule gets.
		if s := j.policy.severityOf(r, nil); s.rank() > res.Severity.rank() {
			res.Severity = s
		}
		res.Reason, res.Grant = j.whyNot(missing, failure)
	case len(res.Findings) > 0:
		res.Status = StatusFailed
		if waived > 0 {
			res.Reason = fmt.Sprintf("%d of %d findings waived", waived, len(res.Findings))
		}
	case failure != nil:
		res.Status, res.Reason = StatusSkipped, skip.reason
	default:
		res.Status = StatusPassed
	}
}

// missing names the first needed section that was not read whole.
func (j *judge) missing(r *Rule, failure error) Section {
	var need needError
	if errors.As(failure, &need) {
		return need.section
	}
	var skip skipError
	if errors.As(failure, &skip) {
		return ""
	}
	for _, s := range r.Needs {
		if j.c.Sections[s].Status != SectionRead {
			return s
		}
	}
	return ""
}

func (j *judge) whyNot(missing Section, failure error) (reason, grant string) {
	if missing == "" {
		return failure.Error(), ""
	}
	st := j.c.Sections[missing]
	name := strings.ReplaceAll(string(missing), "_", " ")
	switch {
	case st.Reason != "":
		reason = fmt.Sprintf("could not read %s: %s", name, st.Reason)
	case st.Status == SectionPartial:
		reason = fmt.Sprintf("%s could be read only in part", name)
	case st.Status == SectionFailed:
		reason = fmt.Sprintf("could not read %s", name)
	default:
		reason = fmt.Sprintf("%s was not read", name)
	}
	if st.Missing > 0 {
		reason += fmt.Sprintf(" (%d missing)", st.Missing)
	}
	if st.Code > 0 {
		reason += fmt.Sprintf(" (server error %d)", st.Code)
	}
	return reason, st.Grant
}

// merger collects the findings of several hops: the same statement about the
// same object is one finding, at its gravest.
type merger struct {
	findings []Finding
	seen     map[[2]string]int
}

func (m *merger) add(found []Finding, h Hop, p *Policy, r *Rule) {
	for _, f := range found {
		f.Severity = p.severityOf(r, &f)
		f.Hop = h.String()
		k := [2]string{f.Object, f.Message}
		if i, ok := m.seen[k]; ok {
			if f.Severity.rank() > m.findings[i].Severity.rank() {
				m.findings[i] = f
			}
			continue
		}
		m.seen[k] = len(m.findings)
		m.findings = append(m.findings, f)
	}
}

// runRule calls a rule; a panic over a catalog nobody thought of becomes an
// inconclusive check, because it must not pass and must not end the audit.
func runRule(r *Rule, in *Input) (found []Finding, err error) {
	defer func() {
		if v := recover(); v != nil {
			found, err = nil, fmt.Errorf("the check itself failed: %v", v)
		}
	}()
	return r.Check(in)
}

// conclude gives the verdict and counts.
func conclude(checks []CheckResult, p *Policy) (Verdict, Summary) {
	var s Summary
	blocked, unknown := false, false
	for i := range checks {
		ch := &checks[i]
		if ch.Status == StatusError {
			s.Unknown++
			unknown = unknown || ch.Severity.AtLeast(p.failLevel())
		}
		for k := range ch.Findings {
			f := &ch.Findings[k]
			if f.Waived != nil && !f.Waived.Expired {
				s.Waived++
				continue
			}
			switch f.Severity {
			case Error:
				s.Errors++
			case Warning:
				s.Warnings++
			default:
				s.Notices++
			}
			blocked = blocked || f.Severity.AtLeast(p.failLevel())
		}
	}
	switch {
	case blocked:
		return Blocked, s
	case unknown:
		return Unknown, s
	}
	return Ready, s
}

func routeString(route []Hop) string {
	if len(route) == 0 {
		return "a server that is on its target"
	}
	var b strings.Builder
	b.WriteString(route[0].From.Line())
	for _, h := range route {
		b.WriteString(" -> ")
		b.WriteString(h.To.Line())
	}
	return b.String()
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

// needError is returned by a rule that finds out only while judging which
// section it lacks.
type needError struct{ section Section }

func (e needError) Error() string {
	return strings.ReplaceAll(string(e.section), "_", " ") + " was not read"
}

// skipError is returned by a rule that has nothing to judge on this server.
type skipError struct{ reason string }

func (e skipError) Error() string { return e.reason }
