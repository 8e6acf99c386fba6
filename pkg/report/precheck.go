package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/precheck"
)

// precheckModel is what an audit found across the fleet, grouped by rule, owner
// and schema.
type precheckModel struct {
	Kind        Kind             `json:"kind"`
	Campaign    string           `json:"campaign,omitempty"`
	GeneratedAt time.Time        `json:"generated_at"`
	Summary     precheckSummary  `json:"summary"`
	Databases   []precheckServer `json:"databases"`
	Rules       []ruleGroup      `json:"rules"`
	ByOwner     []findingGroup   `json:"by_owner"`
	BySchema    []findingGroup   `json:"by_schema"`
	CouldNotRun []notRun         `json:"could_not_run"`
	Waivers     []waiverUse      `json:"waivers"`
	// NotAudited are databases of the campaign without a report.
	NotAudited []string `json:"not_audited,omitempty"`

	reports []precheck.Report
}

// precheckSummary counts servers by verdict, and findings that no waiver covers.
type precheckSummary struct {
	Databases      int `json:"databases"`
	Ready          int `json:"ready"`
	Blocked        int `json:"blocked"`
	Unknown        int `json:"unknown"`
	Errors         int `json:"errors"`
	Warnings       int `json:"warnings"`
	Notices        int `json:"notices"`
	Waived         int `json:"waived"`
	ExpiredWaivers int `json:"under_expired_waivers"`
	CouldNotRun    int `json:"checks_that_could_not_run"`
}

// precheckServer is one server's audit in short.
type precheckServer struct {
	ID            string           `json:"id"`
	Service       string           `json:"service,omitempty"`
	Owner         string           `json:"owner,omitempty"`
	ServerVersion string           `json:"server_version"`
	TargetVersion string           `json:"target_version"`
	Verdict       precheck.Verdict `json:"verdict"`
	Summary       precheck.Summary `json:"summary"`
	ReadAt        time.Time        `json:"read_at,omitzero"`
	Error         string           `json:"error,omitempty"`
	Code          string           `json:"code,omitempty"`
}

// ruleGroup is one rule's findings in the whole fleet.
type ruleGroup struct {
	ID       string            `json:"id"`
	Title    string            `json:"title,omitempty"`
	Severity precheck.Severity `json:"severity"`
	Doc      string            `json:"doc,omitempty"`
	Findings int               `json:"findings"`
	// Open are findings that no valid waiver covers.
	Open      int            `json:"open"`
	Databases []ruleDatabase `json:"databases"`
}

type ruleDatabase struct {
	ID       string             `json:"id"`
	Service  string             `json:"service,omitempty"`
	Owner    string             `json:"owner,omitempty"`
	Findings []precheck.Finding `json:"findings"`
}

// notRun is a check that could not tell: never a pass.
type notRun struct {
	Database string `json:"database"`
	Check    string `json:"check"` // "" when the server could not be read at all
	Reason   string `json:"reason"`
	Grant    string `json:"grant,omitempty"`
}

// waiverUse is one waiver and what it covers.
type waiverUse struct {
	Check string `json:"check"`
	precheck.WaiverRef
	Findings  int      `json:"findings"`
	Databases []string `json:"databases"`
}

// severityRank orders severities, the worst first; an unknown one is the worst.
func severityRank(s precheck.Severity) int {
	return slices.Index([]precheck.Severity{precheck.Error, precheck.Warning, precheck.Notice}, s)
}

// open tells that no valid waiver covers the finding.
func open(f precheck.Finding) bool { return f.Waived == nil || f.Waived.Expired }

func newPrecheck(in Input) precheckModel {
	m := precheckModel{Kind: Precheck, Campaign: in.Status.Campaign, GeneratedAt: in.Now,
		Databases: []precheckServer{}, Rules: []ruleGroup{}, CouldNotRun: []notRun{}, Waivers: []waiverUse{}, reports: in.Prechecks}
	known := map[string]fleet.DatabaseStatus{}
	for _, d := range in.Status.Databases {
		known[d.ID] = d
	}
	g := grouping{rules: map[string]*ruleGroup{}, waivers: map[waiverKey]*waiverUse{}}
	audited := map[string]bool{}
	for _, r := range in.Prechecks {
		audited[r.ID] = true
		d := known[r.ID]
		m.Databases = append(m.Databases, precheckServer{r.ID, d.Service, d.Owner, r.ServerVersion, r.TargetVersion,
			r.Verdict, r.Summary, r.ReadAt, r.Error, r.Code})
		m.Summary.count(r)
		if r.Error != "" {
			m.CouldNotRun = append(m.CouldNotRun, notRun{Database: r.ID, Reason: r.Error})
		}
		for _, c := range r.Checks {
			if c.Status == precheck.StatusError {
				m.CouldNotRun = append(m.CouldNotRun, notRun{r.ID, c.ID, c.Reason, c.Grant})
			}
			g.add(r.ID, d, c)
		}
	}
	for _, d := range in.Status.Databases {
		if !audited[d.ID] {
			m.NotAudited = append(m.NotAudited, d.ID)
		}
	}
	m.Summary.CouldNotRun = len(m.CouldNotRun)
	m.Rules, m.Waivers = g.sorted()
	m.ByOwner = groupFindings(&m, func(d precheckServer, _ precheck.Finding) string { return d.Owner })
	m.BySchema = groupFindings(&m, func(_ precheckServer, f precheck.Finding) string { return f.Schema })
	for _, w := range m.Waivers {
		if w.Expired {
			m.Summary.ExpiredWaivers += w.Findings
		}
	}
	return m
}

func (s *precheckSummary) count(r precheck.Report) {
	s.Databases++
	switch r.Verdict {
	case precheck.Ready:
		s.Ready++
	case precheck.Blocked:
		s.Blocked++
	default:
		s.Unknown++
	}
	s.Errors += r.Summary.Errors
	s.Warnings += r.Summary.Warnings
	s.Notices += r.Summary.Notices
	s.Waived += r.Summary.Waived
}

// grouping turns reports by server into rules by fleet.
type grouping struct {
	rules   map[string]*ruleGroup
	waivers map[waiverKey]*waiverUse
}

type waiverKey struct {
	check, owner, reason string
	expires              int64
}

func (g grouping) add(id string, d fleet.DatabaseStatus, c precheck.CheckResult) {
	if len(c.Findings) == 0 {
		return
	}
	rg := g.rules[c.ID]
	if rg == nil {
		rg = &ruleGroup{ID: c.ID, Title: c.Title, Severity: c.Severity, Doc: c.Doc}
		g.rules[c.ID] = rg
	}
	if severityRank(c.Severity) < severityRank(rg.Severity) {
		rg.Severity = c.Severity
	}
	rg.Findings += len(c.Findings)
	rg.Databases = append(rg.Databases, ruleDatabase{id, d.Service, d.Owner, c.Findings})
	for _, f := range c.Findings {
		if open(f) {
			rg.Open++
		}
		if f.Waived == nil {
			continue
		}
		k := waiverKey{c.ID, f.Waived.Owner, f.Waived.Reason, f.Waived.Expires.Unix()}
		w := g.waivers[k]
		if w == nil {
			w = &waiverUse{Check: c.ID, WaiverRef: *f.Waived}
			g.waivers[k] = w
		}
		w.Findings++
		if !slices.Contains(w.Databases, id) {
			w.Databases = append(w.Databases, id)
		}
	}
}

// sorted puts the worst and most frequent rules first, and expired waivers
// before the others.
func (g grouping) sorted() ([]ruleGroup, []waiverUse) {
	rules, waivers := []ruleGroup{}, []waiverUse{}
	for _, r := range g.rules {
		slices.SortStableFunc(r.Databases, func(a, b ruleDatabase) int { return cmp.Compare(a.ID, b.ID) })
		rules = append(rules, *r)
	}
	slices.SortFunc(rules, func(a, b ruleGroup) int {
		return cmp.Or(cmp.Compare(severityRank(a.Severity), severityRank(b.Severity)),
			cmp.Compare(len(b.Databases), len(a.Databases)), cmp.Compare(b.Open, a.Open), cmp.Compare(a.ID, b.ID))
	})
	for _, w := range g.waivers {
		waivers = append(waivers, *w)
	}
	slices.SortFunc(waivers, func(a, b waiverUse) int {
		return cmp.Or(-boolCompare(a.Expired, b.Expired), a.Expires.Compare(b.Expires),
			cmp.Compare(a.Check, b.Check), cmp.Compare(a.Owner, b.Owner), cmp.Compare(a.Reason, b.Reason))
	})
	return rules, waivers
}

func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}
