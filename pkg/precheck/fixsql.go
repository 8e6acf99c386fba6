package precheck

import (
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
)

// FixScript writes the statements that would mend a report's findings, for a
// person to read, choose from and run; nothing in this program runs them. Each
// comes with what it mends, its warning, and the table's size. Names in it are
// hostile: comments are reduced to printable characters, and a statement with
// a backslash or an unprintable character in it is written in hexadecimal,
// because the mysql client would misread where it ends. It returns "" when no
// finding has a statement.
func FixScript(rep Report, c *Catalog) string {
	var b strings.Builder
	x := NewIndex(c)
	done := map[string]bool{}
	statements := 0
	for _, ch := range rep.Checks {
		rule, _ := RuleByID(ch.ID)
		for i := range ch.Findings {
			f := &ch.Findings[i]
			if f.FixSQL == "" || done[f.FixSQL] || f.Waived != nil && !f.Waived.Expired {
				continue
			}
			done[f.FixSQL] = true
			statements++
			writeFix(&b, &ch, &rule, i, x)
		}
	}
	if statements == 0 {
		return ""
	}
	return fixHeader(rep, statements) + b.String()
}

func fixHeader(rep Report, statements int) string {
	var b strings.Builder
	comment(&b, "Statements that would mend findings of "+orServer(rep.ID)+", "+rep.ServerVersion+" to "+rep.TargetVersion+".")
	comment(&b, fmt.Sprintf("%d statements, none of which has been run. Read each one, try it on a copy, and take a snapshot first.", statements))
	comment(&b, "ALTER TABLE waits for running transactions and blocks new ones meanwhile; set lock_wait_timeout low:")
	b.WriteString("SET SESSION lock_wait_timeout = 5;\n\n")
	return b.String()
}

func orServer(id string) string {
	if id == "" {
		return "the server"
	}
	return id
}

// writeFix writes one statement with everything that it mends.
func writeFix(b *strings.Builder, ch *CheckResult, rule *Rule, first int, x *Index) {
	f := &ch.Findings[first]
	comment(b, fmt.Sprintf("[%s] %s: %s", f.Severity, ch.ID, f.Object))
	comment(b, f.Message)
	more := 0
	for i := first + 1; i < len(ch.Findings); i++ {
		if ch.Findings[i].FixSQL == f.FixSQL {
			more++
		}
	}
	if more > 0 {
		comment(b, fmt.Sprintf("The statement mends %d further findings of this check.", more))
	}
	if t := x.tableOf(f.Object); t != nil && !t.View {
		comment(b, fmt.Sprintf("Size: about %d rows, %.1f MiB data, %.1f MiB indexes.", t.Rows, float64(t.DataBytes)/(1<<20), float64(t.IndexBytes)/(1<<20)))
	}
	warning := f.Fix
	if warning == "" {
		warning = rule.Fix
	}
	comment(b, warning)
	writeStatement(b, f.FixSQL)
	b.WriteByte('\n')
}

// comment writes one line comment that holds nothing but printable characters.
func comment(b *strings.Builder, s string) {
	b.WriteString("-- ")
	b.WriteString(visible(s))
	b.WriteByte('\n')
}

// visible replaces what a terminal or a client could act upon by its code.
func visible(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		fmt.Fprintf(&b, "<U+%04X>", r)
	}
	return b.String()
}

// isPlain tells whether a statement means the same to the mysql client and to a
// reader as to the server.
func isPlain(sql string) bool {
	return !strings.ContainsFunc(sql, func(r rune) bool { return r == '\\' || !unicode.IsPrint(r) || r == unicode.ReplacementChar })
}

func writeStatement(b *strings.Builder, sql string) {
	switch {
	case isPlain(sql):
		b.WriteString(sql + ";\n")
	case strings.HasPrefix(sql, "ALTER TABLE ") || strings.HasPrefix(sql, "GRANT "):
		comment(b, "In hexadecimal, because a name has unprintable characters: "+sql)
		b.WriteString("SET @statement = CONVERT(x'" + hex.EncodeToString([]byte(sql)) + "' USING utf8mb4);\n")
		b.WriteString("PREPARE fix FROM @statement;\nEXECUTE fix;\nDEALLOCATE PREPARE fix;\n")
	default:
		comment(b, "Not written out, because a name has unprintable characters: "+sql)
	}
}
