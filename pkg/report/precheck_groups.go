package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/rdsupgrade/rdsupgrade/pkg/precheck"
)

// findingGroup sums the findings of one owner, or of one schema name, over the
// fleet. Waived findings are counted apart.
type findingGroup struct {
	// Name is the owner tag or the schema; "" is for what has none.
	Name      string   `json:"name"`
	Databases []string `json:"databases"`
	Rules     []string `json:"rules"`
	Errors    int      `json:"errors"`
	Warnings  int      `json:"warnings"`
	Notices   int      `json:"notices"`
	Waived    int      `json:"waived"`
}

// groupFindings sums findings by the name that key gives them, those with the
// most grave findings first.
func groupFindings(m *precheckModel, key func(precheckServer, precheck.Finding) string) []findingGroup {
	groups := map[string]*findingGroup{}
	for i, r := range m.reports {
		for _, c := range r.Checks {
			for _, f := range c.Findings {
				name := key(m.Databases[i], f)
				g := groups[name]
				if g == nil {
					g = &findingGroup{Name: name}
					groups[name] = g
				}
				g.add(r.ID, &c, f)
			}
		}
	}
	out := []findingGroup{}
	for _, g := range groups {
		out = append(out, *g)
	}
	slices.SortFunc(out, func(a, b findingGroup) int {
		return cmp.Or(cmp.Compare(b.Errors, a.Errors), cmp.Compare(b.Warnings, a.Warnings), cmp.Compare(b.Notices, a.Notices), cmp.Compare(a.Name, b.Name))
	})
	return out
}

func (g *findingGroup) add(database string, c *precheck.CheckResult, f precheck.Finding) {
	if !slices.Contains(g.Databases, database) {
		g.Databases = append(g.Databases, database)
	}
	if !slices.Contains(g.Rules, c.ID) {
		g.Rules = append(g.Rules, c.ID)
	}
	if !open(f) {
		g.Waived++
		return
	}
	switch cmp.Or(f.Severity, c.Severity) {
	case precheck.Error:
		g.Errors++
	case precheck.Warning:
		g.Warnings++
	default:
		g.Notices++
	}
}

// groupSection shows the first mostFindings groups in a table.
func groupSection(title, what, none string, groups []findingGroup) section {
	t := &table{Caption: title, Columns: []column{{Title: what}, {Title: "Databases", Right: true}, {Title: "Rules", Right: true},
		{Title: "Errors", Right: true}, {Title: "Warnings", Right: true}, {Title: "Notices", Right: true}, {Title: "Waived", Right: true}}}
	for _, g := range groups[:min(len(groups), mostFindings)] {
		t.Rows = append(t.Rows, row{Cells: cells(or(g.Name, none), strconv.Itoa(len(g.Databases)), strconv.Itoa(len(g.Rules)),
			strconv.Itoa(g.Errors), strconv.Itoa(g.Warnings), strconv.Itoa(g.Notices), strconv.Itoa(g.Waived))})
	}
	s := section{Title: title, Table: t, Empty: "Nothing was found."}
	if left := len(groups) - len(t.Rows); left > 0 {
		s.Intro = fmt.Sprintf("%d more are left out here; the JSON format has them all.", left)
	}
	return s
}
