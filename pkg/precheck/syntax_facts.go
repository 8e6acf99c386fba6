package precheck

import (
	"cmp"
	"slices"
	"strings"

	"github.com/rdsupgrade/rdsupgrade/pkg/precheck/sqllex"
)

// factKind is what a recognizer saw in a piece of SQL.
type factKind uint8

const (
	factCall         factKind = iota // a call of a removed function
	factReserved                     // a word used as a name that a later version reserves
	factGone                         // a statement or clause that a later version refuses
	factGroupSort                    // GROUP BY x ASC or DESC
	factGroupNoOrder                 // GROUP BY without ORDER BY where the order can show
	factEmptyDot                     // .t without a schema before the dot
	factDollar                       // an unquoted name that begins with $
	factCacheWord                    // SQL_CACHE or SQL_NO_CACHE as a select option
	factDynamic                      // PREPARE or EXECUTE
	factSysvar                       // a removed system variable
	factSystemTable                  // a removed table of the server's own
	factSQLMode                      // a removed mode assigned to sql_mode
	factCast                         // CAST or CONVERT
)

// fact is one such sight, once per piece of SQL and name.
type fact struct {
	kind factKind
	// name is the function, word, variable or table as written, in the list's
	// own spelling where there is a list.
	name string
	pos  int32
	line int
	// since is the version from which on the text is refused or means
	// something else, as a number (80013).
	since int
	// instead is what to write from then on, "" when there is nothing.
	instead string
	// quoted says that a called name stands in backticks; limited that a GROUP
	// BY has a LIMIT; refused that the parser itself refuses the text.
	quoted, limited, refused bool
	// replica marks statements that name a MASTER or SLAVE.
	replica bool
}

// analyser looks at one piece of SQL after another. It keeps its buffers, so
// that a catalog's bodies cost no memory of their own; it is not safe for
// concurrent use.
type analyser struct {
	sqlText
	stmts  []statement
	frames []selectFrame
	facts  []fact
	seen   map[factKey]bool
	// current is the statement of the token being looked at.
	current statement
	// locals and aliases remember what declared and aliased found.
	locals, aliases map[string]bool
	// unclosed says that the last text ended inside a string, name or comment.
	unclosed bool
}

type factKey struct {
	kind    factKind
	name    string
	limited bool
}

// analyse returns what the recognizers saw, in the order of the text. version
// is the server that the text was written for: what it takes for a comment is
// not judged.
func (a *analyser) analyse(src string, mode sqllex.Mode, version int, digest bool) []fact {
	a.digest, a.current = digest, statement{}
	a.facts, a.frames = nil, a.frames[:0]
	if a.seen == nil {
		a.seen, a.locals, a.aliases = map[factKey]bool{}, map[string]bool{}, map[string]bool{}
	}
	clear(a.seen)
	clear(a.locals)
	clear(a.aliases)
	a.unclosed = a.lex(src, mode, version)
	a.stmts = a.statements(a.stmts)
	next := 0
	for i := range a.toks {
		for next < len(a.stmts) && a.stmts[next].from <= i {
			a.current = a.stmts[next]
			next++
		}
		a.token(i)
	}
	for _, s := range a.stmts {
		a.goneStatements(s)
		a.assignments(s)
		a.selects(s)
		if s.head == kwPrepare && a.kw(s.from+2) == kwFrom || s.head == kwExecute && a.name(s.from+1) {
			a.add(fact{kind: factDynamic, name: a.text(s.from)}, s.from)
		}
	}
	a.number()
	return a.facts
}

// add keeps a fact seen at token i unless it is known already.
func (a *analyser) add(f fact, i int) {
	if a.known(f) {
		return
	}
	a.seen[factKey{f.kind, f.name, f.limited}] = true
	f.pos = a.at(i).Start
	a.facts = append(a.facts, f)
}

// known tells whether the text showed the fact before.
func (a *analyser) known(f fact) bool { return a.seen[factKey{f.kind, f.name, f.limited}] }

// number sorts the facts by place and gives them line numbers, counting the
// text's lines once.
func (a *analyser) number() {
	slices.SortStableFunc(a.facts, func(x, y fact) int { return cmp.Compare(x.pos, y.pos) })
	n, from := 1, 0
	for i := range a.facts {
		to := int(a.facts[i].pos)
		n += countLines(a.src[from:to])
		a.facts[i].line, from = n, to
	}
}

// token looks at what a single token and its neighbours tell.
func (a *analyser) token(i int) {
	t := &a.toks[i]
	switch t.Kind {
	case sqllex.Word:
		a.word(i)
	case sqllex.DotWord:
		a.dollar(i)
		if !a.op(i-1, ".") || !a.glued(i) {
			a.dollarQuote(i)
		}
		a.systemTable(i)
	case sqllex.Quoted:
		a.call(i)
		a.systemTable(i)
	case sqllex.SysVar:
		a.sysvar(i)
	case sqllex.Null:
		a.add(fact{kind: factGone, name: `\N`, since: 80011, instead: "NULL", refused: true}, i)
	case sqllex.Op:
		if t.End == t.Start+1 && a.src[t.Start] == '.' {
			a.emptyDot(i)
		}
	}
}

func (a *analyser) word(i int) {
	t := &a.toks[i]
	if t.fresh && !a.digest && a.usedAsName(i) {
		a.reserved(i)
	}
	switch t.kw {
	case kwSQLCache, kwSQLNoCache:
		a.cacheWord(i)
	case kwCast, kwConvert:
		if a.op(i+1, "(") {
			a.add(fact{kind: factCast, name: keywordNames[t.kw]}, i)
		}
	}
	a.dollar(i)
	a.dollarQuote(i)
	a.call(i)
	a.systemTable(i)
}

// dollar finds names such as $x. A name that also ends with a dollar sign is
// left alone, as in MySQL Shell.
func (a *analyser) dollar(i int) {
	t := a.toks[i]
	if a.src[t.Start] == '$' && a.src[t.End-1] != '$' {
		a.add(fact{kind: factDollar, name: a.text(i)}, i)
	}
}

// dollarQuote finds names such as $x$ or $a$b, whose beginning 8.1 and newer
// take for the quote of a dollar-quoted string (measured on 9.7.4). After a
// dot they stay names.
func (a *analyser) dollarQuote(i int) {
	s := a.text(i)
	if s[0] == '$' && strings.IndexByte(s[1:], '$') >= 0 {
		a.add(fact{kind: factGone, name: s + " as a name", since: 80100, instead: "the name in backticks", refused: true}, i)
	}
}

// emptyDot finds a dot with a name behind it and none before it. 5.7 reads
// .t as t and .t.c as t.c.
func (a *analyser) emptyDot(i int) {
	if !a.at(i + 1).Kind.Name() {
		return
	}
	p := a.at(i - 1)
	switch p.Kind {
	case sqllex.Op:
		if s := a.text(i - 1); s == ")" || s == "." || s == "?" {
			return
		}
	case sqllex.Word:
		opens := p.kw == kwTruncate || p.kw == kwView && a.kw(i-2) != kwNone || p.kw == kwDo
		if !p.reserved && !opens || a.op(i-2, ".") && a.name(i-3) {
			return
		}
	default:
		return
	}
	a.add(fact{kind: factEmptyDot, name: "." + a.ident(i+1), since: 80000, refused: true}, i)
}

// cacheWord finds SQL_CACHE and SQL_NO_CACHE among a SELECT's options; anywhere
// else they are names. 8.0 reads SQL_CACHE as a column's name, so SELECT
// SQL_CACHE a is accepted as a column with an alias and fails only when run.
func (a *analyser) cacheWord(i int) {
	j := i - 1
	for j > i-maxLookBack && selectOption(a.kw(j), a.text(j)) {
		j--
	}
	if a.kw(j) != kwSelect {
		return
	}
	f := fact{kind: factCacheWord, name: keywordNames[a.toks[i].kw], since: 80003}
	if a.toks[i].kw == kwSQLCache {
		alias := a.name(i+1) || a.at(i+1).Kind == sqllex.String
		f.refused = !alias || !a.endsItem(i+2)
	}
	a.add(f, i)
}

func selectOption(k keyword, text string) bool {
	switch k {
	case kwSQLCache, kwSQLNoCache, kwHighPriority:
		return true
	case kwOther:
		for _, s := range [...]string{"ALL", "DISTINCT", "DISTINCTROW", "STRAIGHT_JOIN", "SQL_SMALL_RESULT", "SQL_BIG_RESULT", "SQL_CALC_FOUND_ROWS"} {
			if sqllex.EqualFold(text, s) {
				return true
			}
		}
	case kwNone:
		return sqllex.EqualFold(text, "SQL_BUFFER_RESULT")
	}
	return false
}

// endsItem tells whether a select item ends before token i.
func (a *analyser) endsItem(i int) bool {
	if i >= len(a.toks) || a.op(i, ",") || a.op(i, ";") || a.op(i, ")") {
		return true
	}
	switch a.kw(i) {
	case kwFrom, kwInto, kwUnion, kwLimit, kwOrder, kwGroup, kwHaving, kwWhere, kwFor, kwLock:
		return true
	}
	return false
}
