package bluegreen

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Inventory is what a server holds besides rows: by kind and name, for example
// "trigger shop.audit", with a definition in which everything is left out that
// an upgrade changes legitimately.
type Inventory map[string]string

// parityShown bounds the differences that stand in the evidence.
const parityShown = 20

// GateParity compares the inventories of blue and green.
func GateParity(blue, green Reading[Inventory]) Gate {
	const name = "parity of blue and green"
	if blue.Err != "" {
		return unread(name, "blue: "+blue.Err)
	}
	if green.Err != "" {
		return unread(name, "green: "+green.Err)
	}
	diff := Differences(blue.Value, green.Value)
	if len(diff) == 0 {
		kinds := map[string]int{}
		for k := range blue.Value {
			kind, _, _ := strings.Cut(k, " ")
			kinds[kind]++
		}
		var counts []string
		for _, k := range slices.Sorted(maps.Keys(kinds)) {
			counts = append(counts, plural(kinds[k], k))
		}
		return gate(name, GatePass, "equal: "+strings.Join(counts, ", "))
	}
	shown := diff
	if len(diff) > parityShown {
		shown = append(slices.Clone(diff[:parityShown]), fmt.Sprintf("and %d more", len(diff)-parityShown))
	}
	return gate(name, GateFail, shown...)
}

// Differences lists what is missing, added or different on green, in order.
func Differences(blue, green Inventory) []string {
	var out []string
	for k, b := range blue {
		g, ok := green[k]
		switch {
		case !ok:
			out = append(out, k+" is missing on green")
		case g != b:
			out = append(out, fmt.Sprintf("%s differs: blue has %q, green %q", k, clipText(b), clipText(g)))
		}
	}
	for k := range green {
		if _, ok := blue[k]; !ok {
			out = append(out, k+" is on green only")
		}
	}
	slices.Sort(out)
	return out
}

// clipText keeps the evidence readable.
func clipText(s string) string {
	const most = 120
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}

var (
	displayWidth = regexp.MustCompile(`\b(tinyint|smallint|mediumint|int|bigint|year)\(\d+\)`)
	oldCharset   = regexp.MustCompile(`\butf8(_[a-z0-9_]+)?\b`)
	introducer   = regexp.MustCompile(`(?i)_(utf8mb4|utf8mb3|utf8|latin1|ascii)(\\?')`)
	spaces       = regexp.MustCompile(`\s+`)
)

// NormalType is a column type as both lines would write it: display widths are
// gone since 8.0.19, except tinyint(1) (MySQL 8.0 manual, "Numeric Type Attributes").
func NormalType(t string) string {
	t = strings.ToLower(t)
	return displayWidth.ReplaceAllStringFunc(t, func(m string) string {
		if m == "tinyint(1)" || strings.Contains(t, "zerofill") {
			return m
		}
		return m[:strings.Index(m, "(")]
	})
}

// NormalCharset is a character set or collation as newer lines call it: what
// 5.7 calls utf8 is utf8mb3 (MySQL 8.0 manual, "The utf8mb3 Character Set").
func NormalCharset(c string) string {
	return oldCharset.ReplaceAllString(strings.ToLower(c), "utf8mb3$1")
}

// NormalExtra leaves out what only newer lines show: DEFAULT_GENERATED.
func NormalExtra(x string) string {
	return strings.TrimSpace(strings.ReplaceAll(strings.ToLower(x), "default_generated", ""))
}

// NormalSQL is the text of a view or routine without what servers write
// differently: white space, and introducers of string literals.
func NormalSQL(s string) string {
	s = introducer.ReplaceAllString(s, "$2")
	return strings.TrimSpace(spaces.ReplaceAllString(normalClauses(s), " "))
}

// normalClauses renames utf8 in CHARSET and COLLATE clauses only: elsewhere
// it may be a name of the user's.
func normalClauses(s string) string {
	return charsetClause.ReplaceAllStringFunc(s, func(m string) string { return oldCharset.ReplaceAllString(strings.ToLower(m), "utf8mb3$1") })
}

var charsetClause = regexp.MustCompile(`(?i)\b(charset|character set|collate|using)\s+utf8(_[a-z0-9_]+)?\b`)

// NormalEventStatus: on a replica events are switched off by replication, and
// the word for it was renamed in 8.4; to people they are enabled.
func NormalEventStatus(s string) string {
	if s = strings.ToUpper(s); strings.HasSuffix(s, "SIDE_DISABLED") {
		return "ENABLED"
	}
	return s
}

// RowCount is a table's number of rows: on blue before green was counted, on
// green, and on blue after it.
type RowCount struct {
	Table               string
	Before, Green, Blue int64
}

// GateRows compares numbers of rows. A table that is being written while it is
// counted may differ by what is under way: that proves nothing either way.
func GateRows(counts Reading[[]RowCount]) Gate {
	const name = "rows of blue and green"
	if counts.Err != "" {
		return unread(name, counts.Err)
	}
	var bad, open []string
	for _, c := range counts.Value {
		low, high := min(c.Before, c.Blue), max(c.Before, c.Blue)
		switch {
		case c.Green >= low && c.Green <= high:
		case low == high:
			bad = append(bad, fmt.Sprintf("%s has %d rows on blue, %d on green", c.Table, c.Blue, c.Green))
		default:
			open = append(open, fmt.Sprintf("%s is being written: %d to %d rows on blue, %d on green", c.Table, low, high, c.Green))
		}
	}
	switch {
	case len(bad) > 0:
		return gate(name, GateFail, append(bad, open...)...)
	case len(open) > 0:
		return gate(name, GateInconclusive, open...)
	}
	return gate(name, GatePass, plural(len(counts.Value), "table")+" counted, all equal")
}
