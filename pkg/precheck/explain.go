package precheck

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqlver"
)

// usualHops are the hops that documentation names; each stands for the current
// releases of its lines.
var usualHops = []Hop{
	{mysqlver.MustParse("5.7.44"), mysqlver.MustParse("8.0.46")},
	{mysqlver.MustParse("8.0.46"), mysqlver.MustParse("8.4.9")},
	{mysqlver.MustParse("8.4.9"), mysqlver.MustParse("9.7.4")},
}

// HopNames are the hops on which a rule runs, as in "5.7 -> 8.0".
func (r *Rule) HopNames() []string {
	var out []string
	for _, h := range usualHops {
		if r.Applies == nil || r.Applies(h) {
			out = append(out, h.String())
		}
	}
	return out
}

// Gate says in words when a rule runs.
func (r *Rule) Gate() string {
	switch hops := r.HopNames(); {
	case r.When != "":
		return r.When
	case len(hops) == len(usualHops):
		return "every hop"
	case len(hops) == 0:
		return "rarely"
	default:
		return strings.Join(hops, ", ")
	}
}

// Explain is the text for a person about one check. It returns an error with
// the nearest ids when there is no such check.
func Explain(id string) (string, error) {
	r, ok := RuleByID(id)
	if !ok {
		return "", fmt.Errorf("no check is called %q%s", id, nearIDs(id))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s)\n%s\n\n%s\n\nWhat to do: %s\n\n", r.ID, r.Severity, r.Title, r.About, r.Fix)
	fmt.Fprintf(&b, "Runs on: %s\n", r.Gate())
	if r.OptIn != "" {
		fmt.Fprintf(&b, "Only with: %s\n", r.OptIn)
	}
	if needs := r.needs(); needs != "" {
		fmt.Fprintf(&b, "Reads: %s\n", needs)
	}
	fmt.Fprintf(&b, "Source: %s\nManual: %s\n", r.Source, r.Doc)
	return b.String(), nil
}

func (r *Rule) needs() string {
	names := make([]string, len(r.Needs))
	for i, s := range r.Needs {
		names[i] = strings.ReplaceAll(string(s), "_", " ")
	}
	return strings.Join(names, ", ")
}

// nearIDs suggests ids that share text with a wrong one.
func nearIDs(id string) string {
	var near []string
	low := strings.ToLower(id)
	for _, r := range Rules() {
		have := strings.ToLower(r.ID)
		if low != "" && (strings.Contains(have, low) || strings.Contains(low, have) || strings.HasPrefix(have, low[:min(4, len(low))])) {
			near = append(near, r.ID)
		}
	}
	if len(near) == 0 {
		return ""
	}
	slices.Sort(near)
	return "; did you mean " + strings.Join(near[:min(5, len(near))], ", ") + "?"
}

// ChecksMarkdown is docs/checks.md.
func ChecksMarkdown() string {
	var b strings.Builder
	b.WriteString("# The checks\n\n")
	b.WriteString("This page is generated from the rules (`go generate ./pkg/precheck`). A check passes only when everything that it reads could be read;\n")
	b.WriteString("otherwise it is inconclusive, and says which grant is lacking. The severity is the default, which a plan may override;\n")
	b.WriteString("a single finding may be graver or milder, as its text says.\n\n")
	rules := Rules()
	fmt.Fprintf(&b, "There are %d checks.\n\n| check | severity | runs on | finds |\n|---|---|---|---|\n", len(rules))
	for i := range rules {
		r := &rules[i]
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s | %s |\n", r.ID, strings.ToLower(r.ID), r.Severity, r.Gate(), cell(r.Title))
	}
	for i := range rules {
		r := &rules[i]
		fmt.Fprintf(&b, "\n## %s\n\n%s. %s\n\n", r.ID, strings.TrimSuffix(r.Title, "."), r.About)
		fmt.Fprintf(&b, "- Severity: %s\n- Runs on: %s\n", r.Severity, r.Gate())
		if r.OptIn != "" {
			fmt.Fprintf(&b, "- Only with: `%s`\n", r.OptIn)
		}
		if needs := r.needs(); needs != "" {
			fmt.Fprintf(&b, "- Reads: %s\n", needs)
		}
		fmt.Fprintf(&b, "- Fix: %s\n- Source: %s\n- Manual: <%s>\n", r.Fix, r.Source, r.Doc)
	}
	return b.String()
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
