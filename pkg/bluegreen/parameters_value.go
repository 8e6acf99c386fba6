package bluegreen

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// fitValue brings a value into what the target family allows: as it stands,
// spelled otherwise (ON for 1, utf8mb3 for utf8), without the items of a list
// that are gone, or at the nearer end of a range. reason says what changed or,
// when ok is false, why nothing fits. Formulas are left to RDS.
func fitValue(p Parameter, value string) (fit, reason string, ok bool) {
	if p.AllowedValues == "" || value == "" || strings.Contains(value, "{") {
		return value, "", true
	}
	if ranges := parseRanges(p.AllowedValues); ranges != nil {
		return fitRange(ranges, switchWord(value), p.AllowedValues)
	}
	allowed := strings.Split(p.AllowedValues, ",")
	for i := range allowed {
		allowed[i] = strings.TrimSpace(allowed[i])
	}
	for _, spelled := range []string{value, switchWord(value), switchNumber(value), mb3(value)} {
		if i := slices.IndexFunc(allowed, func(a string) bool { return strings.EqualFold(a, spelled) }); i >= 0 {
			if strings.EqualFold(spelled, value) {
				return value, "", true
			}
			return allowed[i], "", true
		}
	}
	var keep, gone []string
	for _, item := range strings.Split(value, ",") {
		if item = strings.TrimSpace(item); slices.ContainsFunc(allowed, func(a string) bool { return strings.EqualFold(a, item) }) {
			keep = append(keep, item)
		} else {
			gone = append(gone, item)
		}
	}
	switch {
	case len(keep) == 0:
		return "", fmt.Sprintf("%s is not among the values allowed: %s", value, p.AllowedValues), false
	case len(gone) > 0:
		return strings.Join(keep, ","), strings.Join(gone, ", ") + " is no longer allowed", true
	}
	return value, "", true
}

// switchWord and switchNumber spell a switch the other way.
func switchWord(v string) string {
	switch strings.ToUpper(v) {
	case "ON", "TRUE", "YES":
		return "1"
	case "OFF", "FALSE", "NO":
		return "0"
	}
	return v
}

func switchNumber(v string) string {
	switch v {
	case "0":
		return "OFF"
	case "1":
		return "ON"
	}
	return v
}

// mb3 is the name that utf8 has where the alias is gone.
func mb3(v string) string {
	if v == "utf8" {
		return "utf8mb3"
	}
	if rest, ok := strings.CutPrefix(v, "utf8_"); ok {
		return "utf8mb3_" + rest
	}
	return v
}

type valueRange struct {
	low, high   float64
	lows, highs string
}

var rangeForm = regexp.MustCompile(`^(-?[0-9]+(?:\.[0-9]+)?)-(-?[0-9]+(?:\.[0-9]+)?)$`)

// parseRanges reads "1-65535" or "0-1,5-10"; nil when the text is no list of
// ranges and numbers with at least one range.
func parseRanges(allowed string) []valueRange {
	var out []valueRange
	isRange := false
	for part := range strings.SplitSeq(allowed, ",") {
		lows, highs := strings.TrimSpace(part), strings.TrimSpace(part)
		if m := rangeForm.FindStringSubmatch(lows); m != nil {
			lows, highs, isRange = m[1], m[2], true
		}
		low, err1 := strconv.ParseFloat(lows, 64)
		high, err2 := strconv.ParseFloat(highs, 64)
		if err1 != nil || err2 != nil {
			return nil
		}
		out = append(out, valueRange{low, high, lows, highs})
	}
	if !isRange {
		return nil
	}
	return out
}

func fitRange(ranges []valueRange, value, allowed string) (fit, reason string, ok bool) {
	v, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return "", fmt.Sprintf("%s is no number, allowed is %s", value, allowed), false
	}
	for _, r := range ranges {
		if v >= r.low && v <= r.high {
			return value, "", true
		}
	}
	reason = "outside of what is allowed: " + allowed
	if first := ranges[0]; v < first.low {
		return first.lows, reason, true
	}
	return ranges[len(ranges)-1].highs, reason, true
}

// revise changes values whose meaning changed, beyond what the allowed values
// tell. When ok is false the parameter must not be carried.
func (t *translator) revise(p Parameter, value string) (revised, reason string, ok bool) {
	switch normal(p.Name) {
	case "sql_mode":
		return reviseSQLMode(value, t.toLine)
	case "init_connect":
		return t.reviseInitConnect(value)
	case "tls_version":
		return reviseTLS(value, t.toLine)
	case "read_only", "super_read_only":
		if switchWord(value) == "0" {
			return "", "green would accept writes while it replicates, and RDS's own default opens it at switchover", false
		}
	case "binlog_row_value_options":
		if t.pol.WayBack && value != "" {
			return "", "partial JSON cannot be read by a reverse replica on " + t.fromLine, false
		}
	}
	return value, "", true
}

// combinedModes are the sql_modes removed in 8.0 and what they stood for.
var combinedModes = map[string][]string{
	"POSTGRESQL": {"PIPES_AS_CONCAT", "ANSI_QUOTES", "IGNORE_SPACE"}, "ORACLE": {"PIPES_AS_CONCAT", "ANSI_QUOTES", "IGNORE_SPACE"},
	"MSSQL": {"PIPES_AS_CONCAT", "ANSI_QUOTES", "IGNORE_SPACE"}, "DB2": {"PIPES_AS_CONCAT", "ANSI_QUOTES", "IGNORE_SPACE"},
	"MAXDB": {"PIPES_AS_CONCAT", "ANSI_QUOTES", "IGNORE_SPACE"}, "MYSQL323": {"HIGH_NOT_PRECEDENCE"}, "MYSQL40": {"HIGH_NOT_PRECEDENCE"},
	"NO_AUTO_CREATE_USER": nil, "NO_FIELD_OPTIONS": nil, "NO_KEY_OPTIONS": nil, "NO_TABLE_OPTIONS": nil,
}

// reviseSQLMode takes the modes out that 8.0 refuses, which would keep it from
// starting, and puts in what they stood for.
func reviseSQLMode(value, line string) (string, string, bool) {
	if value == "" || lineBefore(line, "8.0") {
		return value, "", true
	}
	var modes, gone []string
	for mode := range strings.SplitSeq(value, ",") {
		mode = strings.TrimSpace(mode)
		stands, removed := combinedModes[strings.ToUpper(mode)]
		if !removed {
			stands = []string{mode}
		} else {
			gone = append(gone, mode)
		}
		for _, m := range stands {
			if m != "" && !slices.Contains(modes, m) {
				modes = append(modes, m)
			}
		}
	}
	if len(gone) == 0 {
		return value, "", true
	}
	reason := strings.Join(gone, ", ") + " is no mode any more in 8.0"
	if len(modes) == 0 {
		// Unset would mean the strict default; this is the mildest mode there is.
		return "NO_ENGINE_SUBSTITUTION", reason + "; NO_ENGINE_SUBSTITUTION keeps the strict default away", true
	}
	return strings.Join(modes, ","), reason, true
}

var (
	oldIsolation    = regexp.MustCompile(`(?i)\btx_(isolation|read_only)\b`)
	removedInScript = regexp.MustCompile(`(?i)\b(query_cache_\w+|log_warnings|innodb_large_prefix|sync_frm|NO_AUTO_CREATE_USER|old_passwords|max_tmp_tables)\b`)
)

// reviseInitConnect looks at the statements every connection begins with: one
// that fails closes each connection of an ordinary user.
func (t *translator) reviseInitConnect(value string) (string, string, bool) {
	if lineBefore(t.toLine, "8.0") {
		return value, "", true
	}
	out := oldIsolation.ReplaceAllString(value, "transaction_$1")
	if m := removedInScript.FindString(out); m != "" {
		t.issues = append(t.issues, Issue{
			ID: "init-connect-removed-variable", Severity: "block",
			Message:  fmt.Sprintf("init_connect uses %s, which %s does not have: every connection would be closed", m, t.toLine),
			Evidence: "init_connect=" + value, WayOut: "take it out of init_connect on blue", Source: sourceManual,
		})
		return "", m + " is gone in " + t.toLine, false
	}
	if out != value {
		return out, "variables renamed in 8.0", true
	}
	return value, "", true
}

// reviseTLS takes the protocols out that 8.0.28 removed.
func reviseTLS(value, line string) (string, string, bool) {
	if lineBefore(line, "8.0") {
		return value, "", true
	}
	var keep []string
	for v := range strings.SplitSeq(value, ",") {
		if v = strings.TrimSpace(v); v != "TLSv1" && v != "TLSv1.1" {
			keep = append(keep, v)
		}
	}
	if len(keep) == 0 {
		return "", "TLS 1.0 and 1.1 were removed in 8.0.28", false
	}
	if out := strings.Join(keep, ","); out != value {
		return out, "TLS 1.0 and 1.1 were removed in 8.0.28", true
	}
	return value, "", true
}
