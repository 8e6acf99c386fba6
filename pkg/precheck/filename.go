package precheck

import (
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// fileNameRunes maps the two bytes after @ to the letter they stand for.
var fileNameRunes = sync.OnceValue(func() map[[2]byte]rune {
	m := make(map[[2]byte]rune, 1600)
	for s := fileNameCodes; len(s) > 2; {
		r, size := utf8.DecodeRuneInString(s[2:])
		m[[2]byte{s[0], s[1]}] = r
		s = s[2+size:]
	}
	return m
})

// decodeFileName turns a name as InnoDB and the file system have it into the
// identifier: "caf@0p" is "café", "a@002db" is "a-b". What is no valid escape
// stays as it is, which is what the server does with the names it shows as
// #mysql50#. Source: manual, "Mapping of Identifiers to File Names".
func decodeFileName(s string) string {
	if !strings.Contains(s, "@") {
		return s
	}
	// Names that Windows keeps for devices (con, aux, lpt1) get @@@ appended on
	// every system, and no escape begins with two of them.
	if device, ok := strings.CutSuffix(s, "@@@"); ok && device != "" && !strings.HasSuffix(device, "@") {
		s = device
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); {
		r, n := fileNameEscape(s[i:])
		if n == 0 {
			b.WriteByte(s[i])
			i++
			continue
		}
		b.WriteRune(r)
		i += n
	}
	return b.String()
}

// fileNameEscape reads one escape at the start of s and returns its length,
// 0 where there is none. The two-byte codes come first, as in the server.
func fileNameEscape(s string) (rune, int) {
	if len(s) < 3 || s[0] != '@' {
		return 0, 0
	}
	if r, ok := fileNameRunes()[[2]byte{s[1], s[2]}]; ok {
		return r, 3
	}
	if len(s) < 5 {
		return 0, 0
	}
	v, err := strconv.ParseUint(s[1:5], 16, 16)
	if err != nil {
		return 0, 0
	}
	return rune(v), 5
}

// innoName is an InnoDB table name taken apart.
type innoName struct {
	schema, table string
	// partition tells that the entry is a partition of the table.
	partition bool
	// auxiliary tells a table of InnoDB's own: full-text tables, or the
	// leftover of an ALTER TABLE, which is temporary as well.
	auxiliary, temporary bool
}

// parseInnoName takes apart "schema/table#P#p0#SP#s1"; ok is false for names
// without a schema, which are InnoDB's own tables.
func parseInnoName(name string) (n innoName, ok bool) {
	schema, table, found := strings.Cut(name, "/")
	if !found {
		return innoName{}, false
	}
	n.schema = decodeFileName(schema)
	if strings.HasPrefix(table, "#sql") {
		n.table, n.temporary, n.auxiliary = table, true, true
		return n, true
	}
	if isFullTextTable(table) {
		n.table, n.auxiliary = table, true
		return n, true
	}
	// A # of the identifier itself is written @0023, so this one is a mark.
	if i := strings.IndexByte(table, '#'); i > 0 && (strings.HasPrefix(table[i:], "#P#") || strings.HasPrefix(table[i:], "#p#")) {
		table, n.partition = table[:i], true
	}
	n.table = decodeFileName(table)
	return n, true
}

// isFullTextTable tells InnoDB's auxiliary tables of a FULLTEXT index:
// FTS_ and the table's id as 16 hexadecimal digits, then a suffix.
func isFullTextTable(table string) bool {
	rest, ok := cutPrefixFold(table, "FTS_")
	if !ok || len(rest) < 18 || rest[16] != '_' {
		return false
	}
	_, err := strconv.ParseUint(rest[:16], 16, 64)
	return err == nil
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}
