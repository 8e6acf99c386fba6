package report

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/rdsupgrade/rdsupgrade/pkg/precheck"
)

// mostFindings is how many findings of one rule a page shows; CSV and JSON
// have them all.
const mostFindings = 200

func (m precheckModel) document() document {
	s := m.Summary
	d := document{
		Kind: "Precheck report", Title: or(m.Campaign, "one audit"),
		Subtitle: fmt.Sprintf("As of %s UTC.", stamp(m.GeneratedAt)),
		Lede: []string{
			fmt.Sprintf("%d of %s %s ready, %d blocked, %d not known.", s.Ready, plural(s.Databases, "audited database"), verb(s.Ready, "is", "are"), s.Blocked, s.Unknown),
			fmt.Sprintf("%s, %s and %s that no waiver covers, from %s.", plural(s.Errors, "error"), plural(s.Warnings, "warning"), plural(s.Notices, "notice"), plural(len(m.Rules), "rule")),
		},
		Figures: []figure{
			{"Ready", fmt.Sprint(s.Ready), percent(s.Ready, s.Databases), toneGood},
			{"Blocked", fmt.Sprint(s.Blocked), "", toneBad},
			{"Not known", fmt.Sprint(s.Unknown), "a check that could block did not run", toneWarn},
			{"Waived findings", fmt.Sprint(s.Waived), fmt.Sprintf("%d more under expired waivers", s.ExpiredWaivers), toneMute},
		},
		Bar: &bar{Label: "Databases by verdict", Parts: []part{
			{"ready", s.Ready, toneGood}, {"not known", s.Unknown, toneWarn}, {"blocked", s.Blocked, toneBad}}},
		Foot: []string{"A check that could not run is never a pass: it makes a database \"not known\". Severity is the plan's policy, a finding is a fact."},
	}
	if s.ExpiredWaivers > 0 {
		d.Notices = append(d.Notices, notice{toneBad, "EXPIRED WAIVERS.", fmt.Sprintf("%s %s covered by a waiver that has run out, and %s again: renew the waiver or mend the object.",
			plural(s.ExpiredWaivers, "finding"), verb(s.ExpiredWaivers, "is", "are"), verb(s.ExpiredWaivers, "counts", "count"))})
	}
	if len(m.NotAudited) > 0 {
		d.Notices = append(d.Notices, notice{toneWarn, plural(len(m.NotAudited), "database") + " " + verb(len(m.NotAudited), "was", "were") + " not audited:", strings.Join(m.NotAudited, ", ") + "."})
	}
	d.Sections = append(d.Sections, m.serverSection(), m.notRunSection(), m.waiverSection(), m.ruleSection(),
		groupSection("Findings by owner", "Owner", "(no owner tag)", m.ByOwner), groupSection("Findings by schema", "Schema", "(the server itself)", m.BySchema))
	for _, r := range m.Rules {
		d.Sections = append(d.Sections, r.section())
	}
	return d
}

var verdictTones = map[precheck.Verdict]tone{precheck.Ready: toneGood, precheck.Blocked: toneBad, precheck.Unknown: toneWarn}

var severityTones = map[precheck.Severity]tone{precheck.Error: toneBad, precheck.Warning: toneWarn, precheck.Notice: toneMute}

func (m precheckModel) serverSection() section {
	t := &table{Caption: "Every audited database", Columns: []column{{Title: "Database"}, {Title: "Verdict"}, {Title: "Version"}, {Title: "Target"},
		{Title: "Errors", Right: true}, {Title: "Warnings", Right: true}, {Title: "Notices", Right: true}, {Title: "Waived", Right: true},
		{Title: "Not run", Right: true}, {Title: "Service, owner", Wide: true}, {Title: "Read at (UTC)", Wide: true}}}
	for _, s := range m.Databases {
		n := s.Summary
		c := cells(s.ID, string(s.Verdict), s.ServerVersion, s.TargetVersion, strconv.Itoa(n.Errors), strconv.Itoa(n.Warnings),
			strconv.Itoa(n.Notices), strconv.Itoa(n.Waived), strconv.Itoa(n.Unknown), s.Service, "")
		if s.Error != "" {
			c[0].Sub = "could not be read"
		}
		if !s.ReadAt.IsZero() {
			c[10].Text = stamp(s.ReadAt)
		}
		c[1].Tone, c[9].Sub = verdictTones[s.Verdict], s.Owner
		t.Rows = append(t.Rows, row{Cells: c})
	}
	return section{Title: "Databases", Table: t, Empty: "No database was audited."}
}

func (m precheckModel) notRunSection() section {
	t := &table{Caption: "Checks without an answer", Columns: []column{{Title: "Database"}, {Title: "Check"}, {Title: "Why"}, {Title: "Missing grant"}}}
	for _, n := range m.CouldNotRun {
		t.Rows = append(t.Rows, row{Cells: cells(n.Database, or(n.Check, "all of them"), n.Reason, n.Grant)})
	}
	return section{Title: "Checks that could not run", Table: t, Empty: "Every check that was asked for could run."}
}

func (m precheckModel) waiverSection() section {
	t := &table{Caption: "Waivers in use, expired ones first", Columns: []column{{Title: "Check"}, {Title: "State"}, {Title: "Expires"}, {Title: "Owner"},
		{Title: "Reason"}, {Title: "Findings", Right: true}, {Title: "Databases", Wide: true}}}
	for _, w := range m.Waivers {
		c := cells(w.Check, "valid", date(w.Expires), w.Owner, w.Reason, strconv.Itoa(w.Findings), strings.Join(w.Databases, ", "))
		c[1].Tone = toneGood
		if w.Expired {
			c[1] = cell{Text: "EXPIRED", Tone: toneBad}
		}
		t.Rows = append(t.Rows, row{Cells: c})
	}
	return section{Title: "Waivers", Table: t, Empty: "No waiver covers a finding."}
}

func (m precheckModel) ruleSection() section {
	t := &table{Caption: "Rules with findings, the worst first", Columns: []column{{Title: "Rule"}, {Title: "Severity"}, {Title: "Databases", Right: true},
		{Title: "Findings", Right: true}, {Title: "Open", Right: true}, {Title: "What it is about"}}}
	for _, r := range m.Rules {
		c := cells(r.ID, string(r.Severity), strconv.Itoa(len(r.Databases)), strconv.Itoa(r.Findings), strconv.Itoa(r.Open), r.Title)
		c[1].Tone = severityTones[r.Severity]
		t.Rows = append(t.Rows, row{Cells: c})
	}
	return section{Title: "Findings by rule", Table: t, Empty: "No rule found anything."}
}

// section is one rule, database by database.
func (r ruleGroup) section() section {
	t := &table{Caption: r.ID + ": findings by database", Columns: []column{{Title: "Database"}, {Title: "Object"}, {Title: "Finding"}, {Title: "Fix", Wide: true}}}
	for _, d := range r.Databases {
		for _, f := range d.Findings {
			if len(t.Rows) == mostFindings {
				break
			}
			c := cells(d.ID, f.Object, f.Message, or(f.FixSQL, f.Fix))
			c[0].Sub = f.Hop
			c[1].Sub = string(f.Severity)
			if w := f.Waived; w != nil {
				c[2].Sub = waiverWords(*w)
			}
			if f.FixSQL != "" {
				c[3].Sub = f.Fix
			}
			t.Rows = append(t.Rows, row{Cells: c})
		}
	}
	intro := []string{fmt.Sprintf("%s, %s in %s.", upperFirst(string(r.Severity)), plural(r.Findings, "finding"), plural(len(r.Databases), "database"))}
	if r.Title != "" {
		intro = append([]string{strings.TrimRight(upperFirst(r.Title), ".") + "."}, intro...)
	}
	if left := r.Findings - len(t.Rows); left > 0 {
		intro = append(intro, fmt.Sprintf("%d more are left out here; the CSV and JSON formats have them all.", left))
	}
	return section{Title: r.ID, Intro: strings.Join(intro, " "), Link: r.Doc, Table: t}
}

func waiverWords(w precheck.WaiverRef) string {
	if w.Expired {
		return fmt.Sprintf("WAIVER EXPIRED on %s (%s): %s", date(w.Expires), w.Owner, w.Reason)
	}
	return fmt.Sprintf("waived by %s until %s: %s", w.Owner, date(w.Expires), w.Reason)
}

func (m precheckModel) rows() [][]any {
	out := [][]any{{"database", "service", "owner", "server_version", "target_version", "verdict", "check", "severity", "status", "hop", "object",
		"message", "fix", "fix_sql", "waived", "waiver_owner", "waiver_reason", "waiver_expires", "grant"}}
	for i, r := range m.reports {
		s := m.Databases[i]
		add := func(check string, sev precheck.Severity, status precheck.Status, rest ...any) {
			out = append(out, append([]any{r.ID, s.Service, s.Owner, r.ServerVersion, r.TargetVersion, string(r.Verdict), check, string(sev), string(status)}, rest...))
		}
		if r.Error != "" {
			add("", "", precheck.StatusError, "", "", r.Error, "", "", "", "", "", "", "")
		}
		for _, c := range r.Checks {
			if c.Status == precheck.StatusError {
				add(c.ID, c.Severity, c.Status, "", "", c.Reason, "", "", "", "", "", "", c.Grant)
			}
			for _, f := range c.Findings {
				sev := c.Severity
				if f.Severity != "" {
					sev = f.Severity
				}
				w, owner, reason, expires := "no", "", "", ""
				if f.Waived != nil {
					w, owner, reason, expires = "yes", f.Waived.Owner, f.Waived.Reason, date(f.Waived.Expires)
					if f.Waived.Expired {
						w = "expired"
					}
				}
				add(c.ID, sev, c.Status, f.Hop, f.Object, f.Message, f.Fix, f.FixSQL, w, owner, reason, expires, "")
			}
		}
	}
	return out
}
