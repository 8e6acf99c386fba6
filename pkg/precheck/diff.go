package precheck

import (
	"cmp"
	"maps"
	"slices"
)

// Change is a finding in the comparison of two reports.
type Change struct {
	Check   string  `json:"check"`
	Finding Finding `json:"finding"`
}

// Diff is what changed between two reports of one server. Unknown holds the
// old findings of checks that the newer report could not run: nobody can say
// that they are resolved.
type Diff struct {
	New       []Change `json:"new"`
	Resolved  []Change `json:"resolved"`
	Unchanged []Change `json:"unchanged"`
	Unknown   []Change `json:"unknown,omitempty"`
}

// Compare tells which findings are new, resolved and unchanged. A finding is
// known again by its check and object, so that a message with a changed count
// is the same finding.
func Compare(old, new Report) Diff {
	d := Diff{New: []Change{}, Resolved: []Change{}, Unchanged: []Change{}}
	type key struct{ check, object string }
	before := map[key]int{}
	for _, ch := range old.Checks {
		for _, f := range ch.Findings {
			before[key{ch.ID, f.Object}]++
		}
	}
	ran := map[string]bool{}
	for _, ch := range new.Checks {
		ran[ch.ID] = ch.Status == StatusPassed || ch.Status == StatusFailed
		for _, f := range ch.Findings {
			k := key{ch.ID, f.Object}
			if before[k] > 0 {
				before[k]--
				d.Unchanged = append(d.Unchanged, Change{ch.ID, f})
			} else {
				d.New = append(d.New, Change{ch.ID, f})
			}
		}
	}
	for _, ch := range old.Checks {
		for _, f := range ch.Findings {
			k := key{ch.ID, f.Object}
			if before[k] == 0 {
				continue
			}
			before[k]--
			if ran[ch.ID] {
				d.Resolved = append(d.Resolved, Change{ch.ID, f})
			} else {
				d.Unknown = append(d.Unknown, Change{ch.ID, f})
			}
		}
	}
	return d
}

// Group counts the findings that share a rule, schema or owner over a fleet.
type Group struct {
	Key       string   `json:"key"`
	Errors    int      `json:"errors"`
	Warnings  int      `json:"warnings"`
	Notices   int      `json:"notices"`
	Waived    int      `json:"waived"`
	Databases []string `json:"databases"`
}

// GroupBy groups the findings of a fleet by a key, gravest group first. The
// key function may use ByRule, BySchema or ByOwner.
func GroupBy(reports []Report, key func(rep *Report, ch *CheckResult, f *Finding) string) []Group {
	groups := map[string]*Group{}
	for r := range reports {
		rep := &reports[r]
		for c := range rep.Checks {
			ch := &rep.Checks[c]
			for i := range ch.Findings {
				k := key(rep, ch, &ch.Findings[i])
				g := groups[k]
				if g == nil {
					g = &Group{Key: k}
					groups[k] = g
				}
				g.count(rep.ID, &ch.Findings[i])
			}
		}
	}
	out := make([]Group, 0, len(groups))
	for _, k := range slices.Sorted(maps.Keys(groups)) {
		out = append(out, *groups[k])
	}
	slices.SortStableFunc(out, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Errors, a.Errors), cmp.Compare(b.Warnings, a.Warnings), cmp.Compare(b.Notices, a.Notices))
	})
	return out
}

func (g *Group) count(database string, f *Finding) {
	if !slices.Contains(g.Databases, database) {
		g.Databases = append(g.Databases, database)
	}
	switch {
	case f.Waived != nil && !f.Waived.Expired:
		g.Waived++
	case f.Severity == Error:
		g.Errors++
	case f.Severity == Warning:
		g.Warnings++
	default:
		g.Notices++
	}
}

// ByRule groups by check id.
func ByRule(_ *Report, ch *CheckResult, _ *Finding) string { return ch.ID }

// BySchema groups by database and schema.
func BySchema(rep *Report, _ *CheckResult, f *Finding) string {
	if f.Schema == "" {
		return rep.ID
	}
	return rep.ID + "/" + f.Schema
}

// ByOwner groups by what a function says of the database, such as its owner tag.
func ByOwner(owner func(database string) string) func(*Report, *CheckResult, *Finding) string {
	return func(rep *Report, _ *CheckResult, _ *Finding) string { return owner(rep.ID) }
}
