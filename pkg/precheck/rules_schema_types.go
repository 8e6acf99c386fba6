package precheck

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

func typeRules() []Rule {
	return []Rule{
		{
			ID: "oldTemporal", Title: "TIME, DATETIME and TIMESTAMP columns in the format before 5.6.4", Severity: Error,
			About:  "The column is still stored as 5.5 did. 8.0 cannot read the format and refuses to upgrade.",
			Fix:    "Rebuild the table with ALTER TABLE ... FORCE. " + rebuildWarning,
			Source: srcBoth + "; decided by the mark that show_old_temporals puts at the end of the type, not inside it", Doc: docPrepare80,
			Needs: []Section{SectionColumns}, Applies: to80, Check: checkOldTemporal,
		},
		{
			ID: "utf8mb3", Title: "Schemas and columns in utf8mb3", Severity: Warning,
			About:  "utf8 means utf8mb3, holds no four-byte characters, is deprecated, and will change its meaning. The upgrade itself keeps it.",
			Fix:    "Convert to utf8mb4 when there is a quiet time, and check index lengths first. " + rebuildWarning,
			Source: srcBoth + " (as a notice)", Doc: "https://dev.mysql.com/doc/refman/8.0/en/charset-unicode-utf8mb3.html",
			Needs: []Section{SectionSchemas, SectionTables, SectionColumns}, Applies: to80, Check: checkUTF8MB3,
		},
		{
			ID: "enumSetElementLength", Title: "ENUM and SET elements of more than 255 characters", Severity: Error,
			About:  "8.0 allows 255 characters (1020 bytes) for an element of an ENUM or SET; a table or a routine with a longer one cannot be upgraded.",
			Fix:    "Shorten the element in the table and in the data.",
			Source: srcBoth + ", there for routines as well; doubled quotes and escapes count as the one character they stand for", Doc: docPrepare80,
			Needs: []Section{SectionTables, SectionColumns, SectionRoutines}, Applies: to80, Check: checkEnumElements,
		},
		{
			ID: "duplicateEnumValues", Title: "ENUM and SET elements that differ only in case", Severity: Warning,
			About:  "Two elements are equal under the column's collation. A newer server refuses such a definition when the table is created or rebuilt in strict mode; Aurora refuses the upgrade.",
			Fix:    "Merge the two values in the data, then remove one from the type.",
			Source: "Aurora MySQL's precheck for 8.4; 9.7.4 refuses the definition (1291, measured)", Doc: docAurora, Once: true,
			Needs: []Section{SectionColumns}, Check: checkDuplicateElements,
		},
		{
			ID: "columnsWhichCannotHaveDefaults", Title: "BLOB, TEXT, JSON and spatial columns with a default", Severity: Error,
			About:  "These types cannot have a literal default. 5.7 keeps one that was created without strict mode; 8.0.12 and newer refuse the table.",
			Fix:    "Define the column without the default. The statement may copy the table.",
			Source: srcShell, Doc: "https://dev.mysql.com/doc/refman/8.0/en/data-type-defaults.html",
			Needs: []Section{SectionTables, SectionColumns}, Applies: crosses([3]int{8, 0, 12}), Check: checkImpossibleDefaults,
		},
		{
			ID: "columnDefinition", Title: "AUTO_INCREMENT on FLOAT or DOUBLE", Severity: Error,
			About:  "8.4 no longer allows AUTO_INCREMENT on FLOAT and DOUBLE columns, with or without UNSIGNED or a length.",
			Fix:    "Change the column to BIGINT, after looking for values with a fraction. " + rebuildWarning,
			Source: srcBoth + "; decided by the data type, because 9.7.4 refuses UNSIGNED and (M,D) as well (1063, measured)", Doc: docNew84,
			Needs: []Section{SectionTables, SectionColumns}, Applies: crosses(v840), Check: checkFloatAutoIncrement,
		},
		{
			ID: "floatMD", Title: "FLOAT(M,D), DOUBLE(M,D) and UNSIGNED on them", Severity: Notice,
			About:  "FLOAT(M,D), DOUBLE(M,D) and UNSIGNED for FLOAT, DOUBLE and DECIMAL are deprecated since 8.0.17.",
			Fix:    "Use FLOAT, DOUBLE or DECIMAL without them, and a CHECK constraint where negative values must be refused.",
			Source: "manual, 8.0.17 deprecations", Doc: "https://dev.mysql.com/doc/refman/8.0/en/floating-point-types.html",
			Needs: []Section{SectionTables, SectionColumns}, Applies: crosses([3]int{8, 0, 17}), Check: checkFloatMD,
		},
		{
			ID: "displayWidthZerofill", Title: "ZEROFILL and YEAR(2) columns", Severity: Notice,
			About:  "ZEROFILL and display widths are deprecated since 8.0.17 and 8.0.19; clients that rely on padded values will break in a later version. YEAR(2) is gone.",
			Fix:    "Pad in the application or with LPAD(); change YEAR(2) to YEAR.",
			Source: "manual, 8.0.17 and 8.0.19 deprecations; MySQL Shell has such a check only as a comment", Doc: "https://dev.mysql.com/doc/refman/8.0/en/numeric-type-attributes.html",
			Needs: []Section{SectionTables, SectionColumns}, Applies: crosses([3]int{8, 0, 17}), Check: checkZerofill,
		},
		{
			ID: "invalidUtf8mb3Comments", Title: "Comments that are not valid utf8mb3", Severity: Error,
			About:  "A table, column or index comment holds bytes that are no valid utf8mb3; the dictionary of 8.0 cannot store it and the upgrade fails.",
			Fix:    "Write the comment anew in plain characters.",
			Source: "Aurora MySQL's precheck", Doc: docAurora,
			Needs: []Section{SectionTables, SectionColumns, SectionIndexes}, Applies: to80, Check: checkComments,
		},
	}
}

func checkOldTemporal(in *Input) ([]Finding, error) {
	var out []Finding
	for c := range in.Index.baseColumns() {
		switch strings.ToLower(c.DataType) {
		case "time", "datetime", "timestamp":
			if strings.Contains(c.ColumnType, "5.5 binary format") {
				out = append(out, Finding{Object: name(c.Schema, c.Table, c.Name), Message: "stored in the temporal format before 5.6.4",
					FixSQL: "ALTER TABLE " + quoteIdent(c.Schema, c.Table) + " FORCE"})
			}
		}
	}
	return out, nil
}

func isUTF8MB3(charset string) bool {
	return strings.EqualFold(charset, "utf8") || strings.EqualFold(charset, "utf8mb3")
}

func checkUTF8MB3(in *Input) ([]Finding, error) {
	var out []Finding
	for _, s := range in.Catalog.Schemas {
		if isUTF8MB3(s.CharacterSet) {
			out = append(out, Finding{Object: s.Name, Message: "the schema's default character set is utf8mb3",
				FixSQL: "ALTER DATABASE " + quoteIdent(s.Name) + " CHARACTER SET utf8mb4"})
		}
	}
	seen := map[*tableEntry]bool{}
	for c := range in.Index.baseColumns() {
		if !isUTF8MB3(c.CharacterSet) {
			continue
		}
		seen[in.Index.table[in.Index.key(c.Schema, c.Table)]] = true
		out = append(out, Finding{Object: name(c.Schema, c.Table, c.Name), Message: "the column's character set is utf8mb3",
			FixSQL: convertTable(c.Schema, c.Table)})
	}
	for t := range in.Index.baseTables() {
		charset, _, _ := strings.Cut(t.Collation, "_")
		if isUTF8MB3(charset) && !seen[in.Index.table[in.Index.key(t.Schema, t.Name)]] {
			out = append(out, Finding{Object: name(t.Schema, t.Name), Message: "the table's default character set is utf8mb3, for columns to come",
				FixSQL: "ALTER TABLE " + quoteIdent(t.Schema, t.Name) + " DEFAULT CHARACTER SET utf8mb4"})
		}
	}
	return out, nil
}

func convertTable(schema, table string) string {
	return "ALTER TABLE " + quoteIdent(schema, table) + " CONVERT TO CHARACTER SET utf8mb4"
}

// elements reads the elements of "enum('a','b”c')" or "set(...)". 5.7 writes
// a quote doubled, and backslash, newline, carriage return and NUL escaped.
func elements(columnType string) []string {
	open := strings.IndexByte(columnType, '(')
	if open < 0 {
		return nil
	}
	var out []string
	s := columnType[open+1:]
	for {
		i := strings.IndexByte(s, '\'')
		if i < 0 {
			return out
		}
		element, rest := element(s[i+1:])
		out = append(out, element)
		s = rest
	}
}

// element reads one element whose opening quote has gone, and what follows it.
func element(s string) (text, rest string) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && strings.IndexByte(`\nr0'`, s[i+1]) >= 0:
			i++
			b.WriteByte(unescape(s[i]))
		case s[i] == '\'' && i+1 < len(s) && s[i+1] == '\'':
			b.WriteByte('\'')
			i++
		case s[i] == '\'':
			return b.String(), s[i+1:]
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), ""
}

func unescape(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case '0':
		return 0
	}
	return c
}

func isEnumOrSet(c *Column) bool {
	return strings.EqualFold(c.DataType, "enum") || strings.EqualFold(c.DataType, "set")
}

func checkDuplicateElements(in *Input) ([]Finding, error) {
	var out []Finding
	for c := range in.Index.baseColumns() {
		if !isEnumOrSet(c) {
			continue
		}
		fold := strings.HasSuffix(strings.ToLower(c.Collation), "_ci")
		seen := map[string]bool{}
		for _, e := range elements(c.ColumnType) {
			k := strings.TrimRight(e, " ")
			if fold {
				k = strings.ToLower(k)
			}
			if seen[k] {
				out = append(out, Finding{Object: name(c.Schema, c.Table, c.Name),
					Message: fmt.Sprintf("the element %q of the %s is there twice under collation %s", printable(e), strings.ToUpper(c.DataType), c.Collation)})
				break
			}
			seen[k] = true
		}
	}
	return out, nil
}

// printable shortens hostile text for a message.
func printable(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "..."
	}
	return s
}

func checkImpossibleDefaults(in *Input) ([]Finding, error) {
	var out []Finding
	fixes := map[nameKey]string{}
	for c := range in.Index.baseColumns() {
		if !hasImpossibleDefault(c) {
			continue
		}
		k := in.Index.key(c.Schema, c.Table)
		if fixes[k] == "" {
			fixes[k] = soundDefaults(in.Index, c.Schema, c.Table)
		}
		out = append(out, Finding{Object: name(c.Schema, c.Table, c.Name), FixSQL: fixes[k],
			Message: strings.ToUpper(c.DataType) + " columns cannot have a default value"})
	}
	return out, nil
}

func hasImpossibleDefault(c *Column) bool { return c.Default != nil && isBlobLike(c.DataType) }

// soundDefaults mends all defaults of a table that a newer server refuses in
// one statement: 5.7 refuses every ALTER TABLE that leaves a default of a BLOB
// or JSON column (1101, and DROP DEFAULT as well) or, in its default sql_mode,
// a zero date (1067; both measured).
func soundDefaults(x *Index, schema, table string) string {
	var parts []string
	for _, c := range x.Columns(schema, table) {
		switch {
		case hasZeroDefault(c):
			parts = append(parts, "ALTER COLUMN "+quoteIdent(c.Name)+soundDate(c))
		case hasImpossibleDefault(c):
			def, ok := withoutDefault(c)
			if !ok {
				return ""
			}
			parts = append(parts, def)
		}
	}
	return "ALTER TABLE " + quoteIdent(schema, table) + " " + strings.Join(parts, ", ")
}

// withoutDefault defines a column anew; ok is false where its comment cannot be quoted.
func withoutDefault(c *Column) (def string, ok bool) {
	def = "MODIFY COLUMN " + quoteIdent(c.Name) + " " + c.ColumnType
	if c.CharacterSet != "" {
		def += " CHARACTER SET " + c.CharacterSet + " COLLATE " + c.Collation
	}
	if !c.Nullable {
		def += " NOT NULL"
	}
	if c.Comment != "" {
		def += " COMMENT " + quoteString(c.Comment)
	}
	return def, quotable(c.Comment)
}

// soundDate is the default in place of a zero date. A TIMESTAMP that is NOT
// NULL goes back to the zero date when its default is dropped (measured), so
// it gets a real one.
func soundDate(c *Column) string {
	switch {
	case c.Nullable:
		return " SET DEFAULT NULL"
	case strings.EqualFold(c.DataType, "timestamp"):
		return " SET DEFAULT '1971-01-01 00:00:00'"
	}
	return " DROP DEFAULT"
}

func isBlobLike(dataType string) bool {
	switch strings.ToLower(dataType) {
	case "tinyblob", "blob", "mediumblob", "longblob", "tinytext", "text", "mediumtext", "longtext", "json":
		return true
	}
	return isSpatial(dataType)
}

func isSpatial(dataType string) bool {
	switch strings.ToLower(dataType) {
	case "geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection", "geomcollection":
		return true
	}
	return false
}

func isFloat(c *Column) bool {
	return strings.EqualFold(c.DataType, "float") || strings.EqualFold(c.DataType, "double")
}

func checkFloatAutoIncrement(in *Input) ([]Finding, error) {
	var out []Finding
	for c := range in.Index.baseColumns() {
		if isFloat(c) && strings.Contains(strings.ToLower(c.Extra), "auto_increment") {
			out = append(out, Finding{Object: name(c.Schema, c.Table, c.Name),
				Message: "AUTO_INCREMENT on " + c.ColumnType + " is refused"})
		}
	}
	return out, nil
}

func checkFloatMD(in *Input) ([]Finding, error) {
	var out []Finding
	for c := range in.Index.baseColumns() {
		isDecimal := strings.EqualFold(c.DataType, "decimal")
		if !isFloat(c) && !isDecimal {
			continue
		}
		t := strings.ToLower(c.ColumnType)
		if !isDecimal && strings.Contains(t, "(") || strings.Contains(t, "unsigned") {
			out = append(out, Finding{Object: name(c.Schema, c.Table, c.Name), Message: "the type " + c.ColumnType + " is deprecated"})
		}
	}
	return out, nil
}

func checkZerofill(in *Input) ([]Finding, error) {
	var out []Finding
	for c := range in.Index.baseColumns() {
		t := strings.ToLower(c.ColumnType)
		switch {
		case isEnumOrSet(c):
		case strings.HasPrefix(t, "year(2)"):
			out = append(out, Finding{Object: name(c.Schema, c.Table, c.Name), Message: "YEAR(2) is no longer supported", Severity: Warning})
		case strings.HasSuffix(t, " zerofill"):
			out = append(out, Finding{Object: name(c.Schema, c.Table, c.Name), Message: "the attribute ZEROFILL is deprecated (" + c.ColumnType + ")"})
		}
	}
	return out, nil
}

// validUTF8MB3 tells whether text fits utf8mb3: valid, at most three bytes a character.
func validUTF8MB3(s string) bool {
	for i, r := range s {
		if r > 0xFFFF {
			return false
		}
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(s[i:]); size <= 1 {
				return false
			}
		}
	}
	return true
}

func checkComments(in *Input) ([]Finding, error) {
	var out []Finding
	const msg = "the %s's comment is not valid utf8mb3"
	for t := range in.Index.baseTables() {
		if !validUTF8MB3(t.Comment) {
			out = append(out, Finding{Object: name(t.Schema, t.Name), Message: fmt.Sprintf(msg, "table"),
				FixSQL: "ALTER TABLE " + quoteIdent(t.Schema, t.Name) + " COMMENT = ''"})
		}
	}
	for c := range in.Index.baseColumns() {
		if !validUTF8MB3(c.Comment) {
			out = append(out, Finding{Object: name(c.Schema, c.Table, c.Name), Message: fmt.Sprintf(msg, "column")})
		}
	}
	for i := range in.Catalog.Indexes {
		if p := &in.Catalog.Indexes[i]; p.Seq <= 1 && !validUTF8MB3(p.Comment) {
			out = append(out, Finding{Object: name(p.Schema, p.Table, p.Index), Message: fmt.Sprintf(msg, "index")})
		}
	}
	return out, nil
}
