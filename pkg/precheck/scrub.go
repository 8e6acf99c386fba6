package precheck

import (
	"strings"

	"github.com/rdsupgrade/rdsupgrade/pkg/precheck/sqllex"
)

// withoutLiterals rewrites a statement so that no data is left in it: strings,
// numbers and hexadecimal or bit literals become ?, ordinary comments go, and
// blanks shrink to one. Identifiers stand as the client wrote them, which is
// what the statement history is read for. A double-quoted text counts as data
// unless the mode says ANSI_QUOTES. What follows an unclosed quote is dropped
// (the server cuts long statements): cut is then true.
func withoutLiterals(s, sqlMode string, version int) (text string, cut bool) {
	if version == 0 {
		version = 50744
	}
	lex := sqllex.New(s, sqllex.ParseMode(sqlMode), version)
	var b strings.Builder
	space := false
	for {
		t, ok := lex.Next()
		if !ok {
			return b.String(), cut || lex.InCode()
		}
		out := t.Text(s)
		switch t.Kind {
		case sqllex.Space, sqllex.Comment:
			space = b.Len() > 0
			continue
		case sqllex.String, sqllex.Number, sqllex.Hex, sqllex.Bit:
			out = "?"
		case sqllex.UserVar:
			// @'x' after a name is the host of an account; the name of a
			// variable is no data, a quoted host may be.
			if strings.ContainsAny(out, "'\"") {
				out = "@?"
			}
		case sqllex.OpenString, sqllex.OpenQuoted, sqllex.OpenComment:
			return strings.TrimRight(b.String(), " "), true
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteString(out)
	}
}
