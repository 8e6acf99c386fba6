package report

import (
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/precheck"
)

// evidenceModel is everything of one campaign in one document: what AWS showed,
// what the journal holds, what the prechecks said, and what the two reports
// conclude from it, so that a claim and its proof travel together.
type evidenceModel struct {
	Kind        Kind             `json:"kind"`
	Format      int              `json:"format"`
	Tool        string           `json:"tool"`
	GeneratedAt time.Time        `json:"generated_at"`
	Journal     JournalRef       `json:"journal"`
	Status      fleet.Status     `json:"status"`
	Compliance  complianceModel  `json:"compliance"`
	Rollback    []wayBackSummary `json:"rollback"`
	Prechecks   []auditSummary   `json:"prechecks"`
}

// evidenceFormat is the version of the layout.
const evidenceFormat = 1

type wayBackSummary struct {
	ID    string    `json:"id"`
	Group undoGroup `json:"group"`
}

// auditSummary is one precheck without its findings' fixes: what was judged,
// when, by which checks, and how each ended.
type auditSummary struct {
	ID            string             `json:"id"`
	ServerVersion string             `json:"server_version"`
	TargetVersion string             `json:"target_version"`
	Verdict       precheck.Verdict   `json:"verdict"`
	ReadAt        time.Time          `json:"read_at,omitzero"`
	Summary       precheck.Summary   `json:"summary"`
	Error         string             `json:"error,omitempty"`
	Checks        []auditCheck       `json:"checks"`
	Waived        []precheck.Finding `json:"waived,omitempty"`
}

type auditCheck struct {
	ID       string            `json:"id"`
	Severity precheck.Severity `json:"severity"`
	Status   precheck.Status   `json:"status"`
	Reason   string            `json:"reason,omitempty"`
	Findings int               `json:"findings"`
}

func newEvidence(in Input) evidenceModel {
	m := evidenceModel{Kind: Evidence, Format: evidenceFormat, Tool: or(in.Tool, "rdsupgrade"), GeneratedAt: in.Now,
		Journal: in.Journal, Status: in.Status, Compliance: newCompliance(in), Rollback: []wayBackSummary{}, Prechecks: []auditSummary{}}
	for _, d := range in.Status.Databases {
		m.Rollback = append(m.Rollback, wayBackSummary{d.ID, undoGroupOf(d)})
	}
	for _, r := range in.Prechecks {
		a := auditSummary{ID: r.ID, ServerVersion: r.ServerVersion, TargetVersion: r.TargetVersion, Verdict: r.Verdict,
			ReadAt: r.ReadAt, Summary: r.Summary, Error: r.Error, Checks: []auditCheck{}}
		for _, c := range r.Checks {
			a.Checks = append(a.Checks, auditCheck{c.ID, c.Severity, c.Status, c.Reason, len(c.Findings)})
			for _, f := range c.Findings {
				if f.Waived != nil {
					a.Waived = append(a.Waived, f)
				}
			}
		}
		m.Prechecks = append(m.Prechecks, a)
	}
	return m
}
