package precheck

import "time"

// rank orders severities; an unknown one ranks as Notice.
func (s Severity) rank() int {
	switch s {
	case Error:
		return 3
	case Warning:
		return 2
	}
	return 1
}

// AtLeast tells whether a severity is as grave as another.
func (s Severity) AtLeast(t Severity) bool { return s.rank() >= t.rank() }

// severityOf is a finding's severity under the policy: the plan's word for the
// check, the finding's own, the rule's default, in this order.
func (p *Policy) severityOf(r *Rule, f *Finding) Severity {
	if s, ok := p.Severity[r.ID]; ok {
		return s
	}
	if f != nil && f.Severity != "" {
		return f.Severity
	}
	return r.Severity
}

func (p *Policy) failLevel() Severity {
	if p.FailLevel == "" {
		return Error
	}
	return p.FailLevel
}

// waiverFor finds the waiver of a finding: one that still holds before one
// that has expired, nil where there is none.
func (p *Policy) waiverFor(database, check, object string) *WaiverRef {
	var expired *WaiverRef
	for i := range p.Waivers {
		w := &p.Waivers[i]
		if w.Check != check || !anyGlob(w.Databases, database) || !anyGlob(w.Objects, object) {
			continue
		}
		ref := &WaiverRef{Owner: w.Owner, Reason: w.Reason, Expires: w.Expires, Expired: w.expired(p.Now)}
		if !ref.Expired {
			return ref
		}
		expired = ref
	}
	return expired
}

func (w *Waiver) expired(now time.Time) bool {
	return !w.Expires.IsZero() && !now.Before(w.Expires)
}

func anyGlob(globs []string, s string) bool {
	if len(globs) == 0 {
		return true
	}
	for _, g := range globs {
		if glob(g, s) {
			return true
		}
	}
	return false
}

// glob matches * (any text) and ? (one byte). Names of databases are hostile,
// so there are no classes and no escapes that could go wrong.
func glob(pattern, s string) bool {
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
