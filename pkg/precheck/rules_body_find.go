package precheck

import (
	"fmt"
	"slices"
	"strings"
)

// bodySearch is a rule over facts: which texts, which facts, and what to say
// about an object's facts in one finding.
type bodySearch struct {
	needs []Section
	// wants tells whether a fact of a text concerns the rule; the hop has been
	// compared with the fact's version already.
	wants func(*bodyText, *fact) bool
	say   func(*Input, *bodyText, []fact) Finding
}

// programSections are where bodies come from.
var programSections = []Section{SectionViews, SectionRoutines, SectionTriggers, SectionEvents}

func (s bodySearch) check(in *Input) ([]Finding, error) {
	bodies := bodiesOf(in)
	var out []Finding
	for i := range bodies.texts {
		if f := s.find(in, &bodies.texts[i]); f != nil {
			out = append(out, *f)
		}
	}
	return out, bodies.unread(in.Catalog, s.needs)
}

// find is the finding about one text, nil for none.
func (s bodySearch) find(in *Input, t *bodyText) *Finding {
	var hits []fact
	for k := range t.facts {
		f := &t.facts[k]
		if crossesSince(in.Hop, f.since) && s.wants(t, f) {
			hits = append(hits, *f)
		}
	}
	if len(hits) == 0 {
		return nil
	}
	f := s.say(in, t, hits)
	f.Object = t.object
	return &f
}

// crossesSince tells whether the hop passes a version given as a number; facts
// without one concern every hop.
func crossesSince(h Hop, since int) bool {
	return since == 0 || h.Crosses(since/10000, since/100%100, since%100)
}

// sinceString writes 80011 as 8.0.11, and the first version of a line as the line.
func sinceString(since int) string {
	if since%100 == 0 {
		return fmt.Sprintf("%d.%d", since/10000, since/100%100)
	}
	return fmt.Sprintf("%d.%d.%d", since/10000, since/100%100, since%100)
}

// listed names facts with their lines: "PASSWORD (line 3), ENCODE (line 9)".
func listed(t *bodyText, facts []fact) string {
	var b strings.Builder
	for i, f := range facts {
		if i == maxListed {
			fmt.Fprintf(&b, " and %d more", len(facts)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(printable(f.name))
		if t.lines > 1 {
			fmt.Fprintf(&b, " (line %d)", f.line)
		}
	}
	return b.String()
}

// maxListed bounds how many things one message names.
const maxListed = 10

// replacements says what to write instead: "ENCODE: AES_ENCRYPT".
func replacements(facts []fact) string {
	var out []string
	for _, f := range facts {
		if f.instead == "" || len(out) == maxListed {
			continue
		}
		if s := f.name + ": " + f.instead; !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return strings.Join(out, "; ")
}

// instead is the fix that names replacements, or the general one where there
// are none.
func instead(facts []fact, general string) string {
	if r := replacements(facts); r != "" {
		return "Write instead: " + r + "."
	}
	return general
}
