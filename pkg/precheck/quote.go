package precheck

import "strings"

// quoteIdent quotes an identifier for SQL; a backtick is doubled.
func quoteIdent(parts ...string) string {
	var b strings.Builder
	for i, p := range parts {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteByte('`')
		b.WriteString(strings.ReplaceAll(p, "`", "``"))
		b.WriteByte('`')
	}
	return b.String()
}

// quoteString quotes a string literal by doubling its quotes. It is for text
// that quotable accepts.
func quoteString(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// quotable tells whether a string literal means the same in every sql_mode: a
// backslash does not, and there is no escape for it that NO_BACKSLASH_ESCAPES
// leaves alone and a COMMENT or an account name takes.
func quotable(s string) bool { return !strings.ContainsAny(s, "\\\x00") }

// splitAccount splits user@host at the last @, because a user's name may hold one.
func splitAccount(s string) (user, host string) {
	i := strings.LastIndexByte(s, '@')
	if i < 0 {
		return s, ""
	}
	return s[:i], s[i+1:]
}
