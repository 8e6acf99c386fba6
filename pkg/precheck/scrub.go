package precheck

import (
	"strings"

	"github.com/rdsupgrade/rdsupgrade/pkg/precheck/sqllex"
)

// withoutLiterals rewrites a statement so that no data is left in it: strings,
// numbers and hexadecimal or bit literals become ?, ordinary comments go, and
// blanks shrink to one. Identifiers stand as the client wrote them, which is
// what the statement history is read for, and so do the modes that sql_mode is
// set to. A double-quoted text counts as data unless the mode says ANSI_QUOTES.
// What follows an unclosed quote is dropped (the server cuts long statements):
// cut is then true.
func withoutLiterals(s, sqlMode string, version int) (text string, cut bool) {
	if version == 0 {
		version = 50744
	}
	lex := sqllex.New(s, sqllex.ParseMode(sqlMode), version)
	var b strings.Builder
	var setting modeSetting
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
			if !setting.names(t.Kind, out) {
				out = "?"
			}
		case sqllex.UserVar:
			// @'x' after a name is the host of an account; the name of a
			// variable is no data, a quoted host may be.
			if strings.ContainsAny(out, "'\"") {
				out = "@?"
			}
		case sqllex.OpenString, sqllex.OpenQuoted, sqllex.OpenComment:
			return strings.TrimRight(b.String(), " "), true
		}
		setting.see(out)
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteString(out)
	}
}

// modeSetting follows sql_mode = '...'. Its value is a list of modes and no
// data, and a client that sets a removed one fails on the newer server.
type modeSetting struct{ variable, value bool }

func (m *modeSetting) see(token string) {
	m.value = m.variable && (token == "=" || token == ":=")
	name := strings.Trim(token, "`@")
	m.variable = sqllex.EqualFold(name, "sql_mode")
}

// names tells whether a literal stands for modes, and holds nothing else.
func (m *modeSetting) names(kind sqllex.Kind, literal string) bool {
	return m.value && kind == sqllex.String && len(literal) > 2 && len(literal) < 500 &&
		strings.Trim(literal[1:len(literal)-1], "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_, ") == ""
}
