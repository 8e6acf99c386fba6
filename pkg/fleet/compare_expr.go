package fleet

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// column is a column as information_schema tells it.
type column struct {
	name, kind string // kind is DATA_TYPE
	charset    string // by this server's name for it, "" for none
	octets     int64  // longest value in bytes, of strings
}

// lobFrom is the length from which a value goes into a row's text by its own
// hash: the text of a whole row must stay far below max_allowed_packet, above
// which CONCAT answers NULL.
const lobFrom = 1024

// encoded is an expression that gives the column's value in the same bytes on
// every line of MySQL, as long as the values are the same:
//   - FLOAT and DOUBLE as their bits, which a POINT shows: their text has fewer
//     digits than a FLOAT needs, and 5.7 writes 0.0000000001 where later lines
//     write 1e-10;
//   - BIT, ENUM and SET as numbers, which tells an invalid ENUM from ”;
//   - strings in their own bytes, whatever the connection speaks;
//   - JSON numbers that are doubles without fraction: 5.7 writes 1 and later
//     lines 1.0;
//   - GEOMETRY as stored, since ST_AsBinary turns axes around from 8.0 on;
//   - TIMESTAMP under the session's time_zone, which is set to UTC.
//
// MD5 would be shorter than SHA2, but is no longer part of the newest servers.
func (c column) encoded() string {
	n := quoteName(c.name)
	switch c.kind {
	case "float", "double", "real":
		return "CAST(POINT(" + n + ",0) AS BINARY)"
	case "bit", "enum", "set":
		return "(" + n + "+0)"
	case "json":
		return "SHA2(TRIM(TRAILING '.0' FROM REPLACE(REPLACE(REPLACE(CAST(" + n + " AS CHAR),'.0,',','),'.0]',']'),'.0}','}')),256)"
	case "char", "varchar", "binary", "varbinary":
		if c.octets < lobFrom {
			return "CAST(" + n + " AS BINARY)"
		}
		return "SHA2(" + n + ",256)"
	case "tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "year", "date", "datetime", "timestamp", "time":
		return n
	}
	return "SHA2(" + n + ",256)" // texts, blobs, geometries
}

// rowHash is an expression of 64 bits over a whole row. Lengths keep ('a','bc')
// apart from ('ab','c'), and NULL is unlike every value.
func rowHash(columns []column) string {
	parts := make([]string, len(columns))
	for i, c := range columns {
		e := c.encoded()
		parts[i] = "IF(" + quoteName(c.name) + " IS NULL,'~',CONCAT(LENGTH(" + e + "),':'," + e + "))"
	}
	return "CAST(CONV(LEFT(SHA2(CONCAT(" + strings.Join(parts, ",") + "),256),16),16,10) AS UNSIGNED)"
}

// fingerprint is an expression of a single value's hash.
func (c column) fingerprint() string {
	return "IF(" + quoteName(c.name) + " IS NULL,'~',LEFT(SHA2(CONCAT('='," + c.encoded() + "),256),16))"
}

// keyKind is how a column of a key is read and written back.
type keyKind int

const (
	keyNone keyKind = iota // it cannot be walked along
	keyNumber
	keyTime
	keyText
	keyBytes
)

// keyKind: doubles do not compare exactly, and ENUM and SET are ordered by
// number and compared by name.
func (c column) keyKind() keyKind {
	switch c.kind {
	case "tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "year", "bit":
		return keyNumber
	case "date", "datetime", "timestamp", "time":
		return keyTime
	case "char", "varchar":
		return keyText
	case "binary", "varbinary":
		return keyBytes
	}
	return keyNone
}

// keyRead is the expression that reads a key column.
func (c column) keyRead() string {
	n := quoteName(c.name)
	switch {
	case c.kind == "bit":
		return n + "+0"
	case c.keyKind() == keyText || c.keyKind() == keyBytes:
		return "HEX(" + n + ")"
	}
	return n
}

var (
	numberForm = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)
	timeForm   = regexp.MustCompile(`^[-0-9:. ]+$`)
	hexForm    = regexp.MustCompile(`^([0-9A-Fa-f]{2})*$`)
	nameForm   = regexp.MustCompile(`^[A-Za-z0-9_]+$`)
)

// literal writes a key value that keyRead gave. The value comes from a
// database: what does not have its form is refused.
func (c column) literal(v string) (string, error) {
	switch c.keyKind() {
	case keyNumber:
		if numberForm.MatchString(v) {
			return v, nil
		}
	case keyTime:
		if timeForm.MatchString(v) {
			return "'" + v + "'", nil
		}
	case keyBytes:
		if hexForm.MatchString(v) {
			return "x'" + v + "'", nil
		}
	case keyText:
		if hexForm.MatchString(v) && nameForm.MatchString(c.charset) {
			return "_" + c.charset + " x'" + v + "'", nil
		}
	}
	return "", fmt.Errorf("a value of key column %s is not what its type says", c.name)
}

// keysAfter is the condition for keys beyond a key in the order of the index, and
// upTo for those up to and including one. The leading column stands alone as
// well: 5.7 makes no range of a comparison of rows.
func keysAfter(key []column, values []string) (string, error) { return beside(key, values, ">", ">") }
func keysUpTo(key []column, values []string) (string, error)  { return beside(key, values, "<", "<=") }

func beside(key []column, values []string, op, last string) (string, error) {
	if len(key) != len(values) {
		return "", fmt.Errorf("a key of %d columns has %d values", len(key), len(values))
	}
	cond := ""
	for i, c := range slices.Backward(key) {
		lit, err := c.literal(values[i])
		if err != nil {
			return "", err
		}
		n := quoteName(c.name)
		if cond == "" {
			cond = n + last + lit
			continue
		}
		cond = "(" + n + op + lit + " OR (" + n + "=" + lit + " AND " + cond + "))"
		if i == 0 {
			cond = n + op + "=" + lit + " AND " + cond
		}
	}
	return cond, nil
}

// within is the condition for keys above low and up to high; nil is no bound.
func within(key []column, low, high []string) (string, error) {
	conds := []string{"TRUE"}
	if low != nil {
		s, err := keysAfter(key, low)
		if err != nil {
			return "", err
		}
		conds = append(conds, s)
	}
	if high != nil {
		s, err := keysUpTo(key, high)
		if err != nil {
			return "", err
		}
		conds = append(conds, s)
	}
	if len(conds) > 1 {
		conds = conds[1:]
	}
	return strings.Join(conds, " AND "), nil
}

// these is the condition for exactly some keys.
func these(key []column, keys [][]string) (string, error) {
	var any []string
	for _, values := range keys {
		var all []string
		for i, c := range key {
			lit, err := c.literal(values[i])
			if err != nil {
				return "", err
			}
			all = append(all, quoteName(c.name)+"="+lit)
		}
		any = append(any, "("+strings.Join(all, " AND ")+")")
	}
	return strings.Join(any, " OR "), nil
}

// keyShown bounds how much of a key's value is told.
const keyShown = 60

// showKey makes a key fit for people: printable, and not endless.
func showKey(key []column, values []string) string {
	var parts []string
	for i, c := range key {
		v := values[i]
		if k := c.keyKind(); k == keyText || k == keyBytes {
			v = showBytes(v, k)
		}
		parts = append(parts, fmt.Sprintf("%s=%s", strings.Trim(fmt.Sprintf("%q", c.name), `"`), v))
	}
	return strings.Join(parts, " ")
}

func showBytes(h string, k keyKind) string {
	b, err := hex.DecodeString(h)
	if err == nil && k == keyText && utf8.Valid(b) {
		if len(b) > keyShown {
			return fmt.Sprintf("%q...", strings.ToValidUTF8(string(b[:keyShown]), ""))
		}
		return fmt.Sprintf("%q", b)
	}
	if len(h) > keyShown {
		h = h[:keyShown] + "..."
	}
	return "0x" + h
}

// quotedAll is a list of names for SQL.
func quotedAll(columns []column) string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = quoteName(c.name)
	}
	return strings.Join(out, ",")
}

// descending is ORDER BY's list from the end.
func descending(columns []column) string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = quoteName(c.name) + " DESC"
	}
	return strings.Join(out, ",")
}

// keyReads are the expressions that read a key.
func keyReads(key []column) string {
	out := make([]string, len(key))
	for i, c := range key {
		out[i] = c.keyRead()
	}
	return strings.Join(out, ",")
}
