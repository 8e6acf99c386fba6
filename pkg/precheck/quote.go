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

// quoteString quotes a string literal so that it means the same with and
// without NO_BACKSLASH_ESCAPES: quotes are doubled, and text with a backslash
// is written in hexadecimal.
func quoteString(s string) string {
	if !strings.ContainsAny(s, "\\\x00") {
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
	const digits = "0123456789abcdef"
	b := make([]byte, 0, 2*len(s)+12)
	b = append(b, "_utf8mb4 x'"...)
	for i := range len(s) {
		b = append(b, digits[s[i]>>4], digits[s[i]&15])
	}
	return string(append(b, '\''))
}

// quoteAccount quotes a definer or account as 'user'@'host'.
func quoteAccount(user, host string) string { return quoteString(user) + "@" + quoteString(host) }

// splitAccount splits user@host at the last @, because a user's name may hold one.
func splitAccount(s string) (user, host string) {
	i := strings.LastIndexByte(s, '@')
	if i < 0 {
		return s, ""
	}
	return s[:i], s[i+1:]
}
