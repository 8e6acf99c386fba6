package precheck

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rdsupgrade/rdsupgrade/pkg/precheck/sqllex"
)

// maxElement is how many characters an element of an ENUM or SET may have.
const maxElement = 255

func checkEnumElements(in *Input) ([]Finding, error) {
	var out []Finding
	for c := range in.Index.baseColumns() {
		if !isEnumOrSet(c) || len(c.ColumnType) < maxElement {
			continue
		}
		longest := 0
		for _, e := range elements(c.ColumnType) {
			longest = max(longest, utf8.RuneCountInString(e))
		}
		if longest > maxElement {
			out = append(out, Finding{Object: name(c.Schema, c.Table, c.Name),
				Message: fmt.Sprintf("an element of the %s has %d characters; %d are allowed", strings.ToUpper(c.DataType), longest, maxElement)})
		}
	}
	for i := range in.Catalog.Programs {
		p := &in.Catalog.Programs[i]
		if p.Kind != KindProcedure && p.Kind != KindFunction {
			continue
		}
		longest := max(longestElement(p.Params, p.SQLMode), longestElement(p.Returns, p.SQLMode), longestElement(p.Body, p.SQLMode))
		if longest > maxElement {
			out = append(out, Finding{Object: name(p.Schema, p.Name),
				Message: fmt.Sprintf("an element of an ENUM or SET in the %s has %d characters; %d are allowed", p.Kind, longest, maxElement)})
		}
	}
	return out, nil
}

// longestElement is the length in characters of the longest element of the
// ENUM and SET types in a piece of SQL, 0 where there are none.
func longestElement(src, sqlMode string) int {
	if len(src) <= maxElement {
		return 0
	}
	mode := sqllex.ParseMode(sqlMode)
	tokens, _ := sqllex.Append(nil, src, mode, 50744)
	longest := 0
	for i := 0; i+2 < len(tokens); i++ {
		word := tokens[i].Text(src)
		if tokens[i].Kind != sqllex.Word || !sqllex.EqualFold(word, "enum") && !sqllex.EqualFold(word, "set") || tokens[i+1].Text(src) != "(" {
			continue
		}
		end := slices.IndexFunc(tokens[i+2:], func(t sqllex.Token) bool { return t.Kind == sqllex.Op && t.Text(src) != "," })
		if end < 0 {
			break
		}
		for _, t := range tokens[i+2 : i+2+end] {
			if t.Kind == sqllex.String {
				longest = max(longest, literalLength(t.Text(src), mode&sqllex.NoBackslashEscapes == 0))
			}
		}
	}
	return longest
}

// literalLength counts the characters that a string literal stands for.
func literalLength(literal string, escapes bool) int {
	open := strings.IndexAny(literal, `'"`)
	if open < 0 || len(literal) < open+2 {
		return 0
	}
	quote, text := literal[open], literal[open+1:len(literal)-1]
	n := 0
	for i := 0; i < len(text); n++ {
		if i+1 < len(text) && (escapes && text[i] == '\\' || text[i] == quote && text[i+1] == quote) {
			i++
		}
		_, size := utf8.DecodeRuneInString(text[i:])
		i += size
	}
	return n
}
