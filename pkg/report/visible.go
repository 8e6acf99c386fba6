package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// Visible makes a name or message from a database safe to show on a terminal,
// in a file or in a page: one line, nothing hidden. Control characters and ANSI
// escapes become \n, \t or \x1b, invalid bytes \xff, and everything that
// reorders or hides text (bidirectional overrides, zero-width characters, line
// separators, tags, private use) becomes <U+202E>. Other text stays as it is.
// It does not quote for HTML, Markdown or CSV; the writers of those formats do.
func Visible(s string) string {
	if plain(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r < 0x20 || (r >= 0x7f && r <= 0x9f):
			fmt.Fprintf(&b, `\x%02x`, r)
		case hidden(r):
			fmt.Fprintf(&b, "<U+%04X>", r)
		default:
			b.WriteRune(r)
		}
		i += n
	}
	return b.String()
}

// plain is the quick way out: printable ASCII only.
func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

// hidden tells characters that do not show themselves, or that change where
// others show: Unicode's format, line and paragraph separator, private use and
// surrogate classes, variation selectors, other spaces, and fillers that draw
// as nothing.
func hidden(r rune) bool {
	switch {
	case r < 0xa0:
		return false
	case unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs, unicode.Variation_Selector):
		return true
	case unicode.Is(unicode.Zs, r):
		return true
	case r == 0x034f, r == 0x115f, r == 0x1160, r == 0x3164, r == 0xffa0, r == 0x2800:
		return true
	}
	return false
}

// columns is how many terminal columns a visible string takes.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	switch {
	case r < 0xa0:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// wrap breaks a visible string into lines of at most n columns, at spaces
// where there are any, inside a word where one is too long.
func wrap(s string, n int) []string {
	n = max(n, 2)
	var lines []string
	var line strings.Builder
	used := 0
	flush := func() {
		lines = append(lines, line.String())
		line.Reset()
		used = 0
	}
	for _, word := range strings.Fields(s) {
		if used > 0 && used+1+columns(word) > n {
			flush()
		}
		if used > 0 {
			line.WriteByte(' ')
			used++
		}
		for _, r := range word {
			c := runeColumns(r)
			if used+c > n {
				flush()
			}
			line.WriteRune(r)
			used += c
		}
	}
	if used > 0 || len(lines) == 0 {
		flush()
	}
	return lines
}

// shellQuote makes a value one word of a POSIX shell command.
func shellQuote(s string) string {
	safe := s != ""
	for _, r := range s {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@%+=,", r) {
			safe = false
		}
	}
	if safe {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// webLink is an https address of harmless characters, or nothing.
func webLink(s string) string {
	rest, ok := strings.CutPrefix(s, "https://")
	if !ok || rest == "" {
		return ""
	}
	for _, r := range rest {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./#%=?&+~", r) {
			return ""
		}
	}
	return s
}
