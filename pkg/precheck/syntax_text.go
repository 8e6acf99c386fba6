package precheck

import (
	"slices"
	"strings"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqlver"
	"github.com/rdsupgrade/rdsupgrade/pkg/precheck/sqllex"
)

// sqlToken is a significant token with what the word table says of it. Only
// sqllex.Word tokens can be keywords.
type sqlToken struct {
	sqllex.Token
	wordInfo
}

// sqlText is one piece of SQL under analysis.
type sqlText struct {
	src  string
	mode sqllex.Mode
	toks []sqlToken
	// digest says that the text is a statement digest: names always stand in
	// backticks, and literals are question marks.
	digest bool
	pairs  []int32 // the closing parenthesis of each opening one, see closing
}

// lex fills the tokens, reusing the buffer. It returns whether the text ended
// inside a string, name or comment.
func (x *sqlText) lex(src string, mode sqllex.Mode, version int) (unclosed bool) {
	x.src, x.mode, x.toks, x.pairs = src, mode, x.toks[:0], x.pairs[:0]
	l := sqllex.New(src, mode, version)
	for {
		t, ok := l.Next()
		if !ok {
			return unclosed || l.InCode()
		}
		unclosed = unclosed || t.Kind.Broken()
		if !t.Kind.Significant() {
			continue
		}
		st := sqlToken{Token: t}
		if t.Kind == sqllex.Word {
			st.wordInfo = lookupWord(t.Text(src))
		}
		x.toks = append(x.toks, st)
	}
}

// at is the token at i, a zero token (kind Space) outside.
func (x *sqlText) at(i int) sqlToken {
	if i < 0 || i >= len(x.toks) {
		return sqlToken{}
	}
	return x.toks[i]
}

func (x *sqlText) kw(i int) keyword {
	if uint(i) >= uint(len(x.toks)) {
		return kwNone
	}
	return x.toks[i].kw
}

// op tells whether the token at i is the operator s.
func (x *sqlText) op(i int, s string) bool {
	if uint(i) >= uint(len(x.toks)) {
		return false
	}
	t := &x.toks[i]
	return t.Kind == sqllex.Op && x.src[t.Start:t.End] == s
}

// name tells whether the token at i can be an identifier.
func (x *sqlText) name(i int) bool {
	t := x.at(i)
	return t.Kind.Name() && !(t.Kind == sqllex.Word && t.reserved)
}

func (x *sqlText) text(i int) string { return x.at(i).Text(x.src) }

// ident is the name that the token at i stands for.
func (x *sqlText) ident(i int) string { return sqllex.Ident(x.at(i).Token, x.src) }

// is tells whether the token at i is the word or quoted name s, in any case.
func (x *sqlText) is(i int, s string) bool {
	t := x.at(i)
	if !t.Kind.Name() {
		return false
	}
	if t.Kind != sqllex.Quoted {
		return sqllex.EqualFold(t.Text(x.src), s)
	}
	return sqllex.EqualFold(x.ident(i), s)
}

// glued tells whether token i follows the one before it without a gap.
func (x *sqlText) glued(i int) bool { return i > 0 && x.at(i).Start == x.at(i-1).End }

// closing is the index of the parenthesis that closes the one at i, or the end
// of the text. All pairs are found in one pass, when the first is asked for.
func (x *sqlText) closing(i int) int {
	if len(x.pairs) == 0 {
		x.pair()
	}
	if i < 0 || i >= len(x.toks) || x.pairs[i] == 0 {
		return len(x.toks)
	}
	return int(x.pairs[i])
}

func (x *sqlText) pair() {
	x.pairs = slices.Grow(x.pairs, len(x.toks))[:len(x.toks)]
	clear(x.pairs)
	var open []int32
	for i := range x.toks {
		switch {
		case x.op(i, "("):
			open = append(open, int32(i))
		case x.op(i, ")") && len(open) > 0:
			x.pairs[open[len(open)-1]] = int32(i)
			open = open[:len(open)-1]
		}
	}
}

func countLines(s string) int { return strings.Count(s, "\n") }

// versionID is a version as MySQL writes it in numbers: 80046. A line without
// a patch counts as its newest.
func versionID(v mysqlver.Version) int {
	patch := v.Patch
	if patch < 0 || patch > 99 {
		patch = 99
	}
	return v.Major*10000 + v.Minor*100 + patch
}
