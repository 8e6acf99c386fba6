package fleet

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rdsupgrade/rdsupgrade/pkg/precheck/sqllex"
)

// statement is a text in tokens. Digests, as the server writes them, and
// statements that people wrote are the same here: a placeholder is the
// operator ? in both.
type statement struct {
	src    string
	tokens []sqllex.Token
}

// lexVersion is of the newest server: no comment of code is for a newer one.
const lexVersion = 99999

func parseStatement(src string) (statement, error) {
	tokens, unclosed := sqllex.Append(nil, src, sqllex.IgnoreSpace, lexVersion)
	if unclosed || len(tokens) == 0 {
		return statement{}, errors.New("its text is cut off")
	}
	if last := tokens[len(tokens)-1]; last.Text(src) == ";" {
		tokens = tokens[:len(tokens)-1]
	}
	return statement{src, tokens}, nil
}

func (s statement) text(i int) string {
	if i < 0 || i >= len(s.tokens) {
		return ""
	}
	return s.tokens[i].Text(s.src)
}

// is tells whether a token is one of some keywords or signs.
func (s statement) is(i int, words ...string) bool {
	t := s.text(i)
	if i >= 0 && i < len(s.tokens) && s.tokens[i].Kind == sqllex.Quoted {
		return false
	}
	return slices.ContainsFunc(words, func(w string) bool { return sqllex.EqualFold(t, w) })
}

// withoutLiterals is the text as a digest would have it: what may be written down.
func (s statement) withoutLiterals() string {
	out := make([]string, len(s.tokens))
	for i, t := range s.tokens {
		switch t.Kind {
		case sqllex.String, sqllex.Number, sqllex.Hex, sqllex.Bit, sqllex.OpenString:
			out[i] = "?"
		default:
			out[i] = s.text(i)
		}
	}
	return strings.Join(out, " ")
}

// asSelect turns a change of one table into the SELECT that looks for the same
// rows: EXPLAIN of a change is refused in a read-only session, and the way to
// the rows is what matters. It refuses what is no query.
func (s statement) asSelect() (statement, error) {
	for i := range s.tokens {
		if s.is(i, "INTO") {
			return s, errors.New("it writes its result somewhere")
		}
		if s.text(i) == ";" {
			return s, errors.New("it is several statements")
		}
	}
	switch {
	case s.is(0, "SELECT", "WITH", "("):
		return s, nil
	case s.is(0, "UPDATE"):
		at := 1
		for s.is(at, "LOW_PRIORITY", "IGNORE") {
			at++
		}
		set := at
		for set < len(s.tokens) && !s.is(set, "SET") {
			set++
		}
		return s.search(at, set)
	case s.is(0, "DELETE"):
		at := 1
		for s.is(at, "LOW_PRIORITY", "QUICK", "IGNORE") {
			at++
		}
		if !s.is(at, "FROM") {
			return s, errors.New("it changes several tables")
		}
		return s.search(at+1, s.where(at))
	}
	return s, errors.New("it is no SELECT, UPDATE or DELETE")
}

// where is the place of the outermost WHERE, or the end.
func (s statement) where(from int) int {
	depth := 0
	for i := from; i < len(s.tokens); i++ {
		switch {
		case s.text(i) == "(":
			depth++
		case s.text(i) == ")":
			depth--
		case depth == 0 && s.is(i, "WHERE"):
			return i
		}
	}
	return len(s.tokens)
}

// search is SELECT 1 FROM the table between from and to, with the WHERE.
func (s statement) search(from, to int) (statement, error) {
	where := s.where(to)
	if where == len(s.tokens) {
		return s, errors.New("it changes every row")
	}
	for i := from; i < to; i++ {
		if !s.tokens[i].Kind.Name() && s.text(i) != "." || s.is(i, "JOIN", "USING") {
			return s, errors.New("it changes several tables")
		}
	}
	cut := func(a, b int) string { return s.src[s.tokens[a].Start:s.tokens[b-1].End] }
	if from >= to {
		return s, errors.New("its table is not seen")
	}
	return parseStatement("SELECT 1 FROM " + cut(from, to) + " " + cut(where, len(s.tokens)))
}

// names are the identifiers of the statement: among them its tables.
func (s statement) names() []string {
	seen := map[string]bool{}
	for _, t := range s.tokens {
		if t.Kind.Name() {
			seen[sqllex.Ident(t, s.src)] = true
		}
	}
	return sortedKeys(seen)
}

// unknownPlace refuses a placeholder of which nothing tells what stood there.
var errUnknownPlace = errors.New("a value is missing where nothing tells its type")

var comparisons = []string{"=", "<", ">", "<=", ">=", "<>", "!=", "<=>", "LIKE"}

// filled puts values where a digest has none. of gives a literal for a column.
func (s statement) filled(of func(column string) (string, error)) (string, error) {
	var out strings.Builder
	for i := 0; i < len(s.tokens); i++ {
		if i > 0 {
			out.WriteByte(' ')
		}
		n, text, err := s.place(i, of)
		if err != nil {
			return "", err
		}
		if n == 0 {
			out.WriteString(s.text(i))
			continue
		}
		out.WriteString(text)
		i += n - 1
	}
	return out.String(), nil
}

// place is what stands for the tokens from i on; n is 0 when they are no placeholder.
func (s statement) place(i int, of func(string) (string, error)) (n int, text string, err error) {
	rest := s.dots(i + 1)
	switch {
	case s.text(i) == "(" && rest > 0 && s.text(i+1+rest) == ")": // (...)
		col := i - 2
		if !s.is(i-1, "IN") {
			return 0, "", errUnknownPlace
		}
		if s.is(col, "NOT") {
			col--
		}
		v, err := s.value(col, of)
		return rest + 2, "(" + v + ")", err
	case s.text(i) != "?":
		return 0, "", nil
	}
	n = 1
	if s.text(i+1) == "," && s.dots(i+2) > 0 { // ?, ...
		if !s.is(i-1, "LIMIT") {
			return 0, "", errUnknownPlace
		}
		return 2 + s.dots(i+2), "0, 10", nil
	}
	switch {
	case s.is(i-1, "LIMIT"):
		return n, "10", nil
	case s.is(i-1, "OFFSET"):
		return n, "0", nil
	case s.is(i-1, "INTERVAL") || s.is(i-1, "SELECT"):
		return n, "1", nil
	case s.is(i-1, comparisons...):
		text, err = s.value(i-2, of)
	case s.is(i-1, "BETWEEN"):
		col := i - 2
		if s.is(col, "NOT") {
			col--
		}
		text, err = s.value(col, of)
	case s.is(i-1, "AND") && s.text(i-2) == "?" && s.is(i-3, "BETWEEN"):
		col := i - 4
		if s.is(col, "NOT") {
			col--
		}
		text, err = s.value(col, of)
	case s.is(i+1, comparisons...):
		at := i + 2
		for s.text(at+1) == "." {
			at += 2
		}
		text, err = s.value(at, of)
	default:
		err = errUnknownPlace
	}
	return n, text, err
}

// dots counts the tokens of an ellipsis at i, 0 when there is none.
func (s statement) dots(i int) int {
	n, have := 0, 0
	for have < 3 && i+n < len(s.tokens) && strings.Trim(s.text(i+n), ".") == "" {
		have += len(s.text(i + n))
		n++
	}
	if have < 3 {
		return 0
	}
	return n
}

// value is a literal for the column that a token names.
func (s statement) value(i int, of func(string) (string, error)) (string, error) {
	if i < 0 || i >= len(s.tokens) || !s.tokens[i].Kind.Name() {
		return "", errUnknownPlace
	}
	return of(sqllex.Ident(s.tokens[i], s.src))
}

// holed tells that a statement still has placeholders.
func (s statement) holed() bool {
	for i := range s.tokens {
		if s.text(i) == "?" || s.dots(i) > 0 {
			return true
		}
	}
	return false
}

// refusal is a server's no in few words: its message could quote values.
func refusal(id string, err error) string {
	if code := serverSaid(err); code != 0 {
		return fmt.Sprintf("%s refuses it with error %d", id, code)
	}
	return ""
}
