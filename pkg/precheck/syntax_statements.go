package precheck

import (
	"strings"

	"github.com/rdsupgrade/rdsupgrade/pkg/precheck/sqllex"
)

// statement is a run of tokens: a whole statement, or one part of a compound
// one (IF x THEN is a part, and so is every statement inside).
type statement struct {
	from, to int // toks[from:to]; a closing semicolon is not part of it
	head     keyword
}

// statements cuts the tokens into statements. It knows the compound statements
// of stored programs and the headers of CREATE PROCEDURE, FUNCTION, TRIGGER,
// EVENT and VIEW, so that the first word of a statement can be told from a
// column that happens to be called START or RESET.
func (x *sqlText) statements(dst []statement) []statement {
	c := cutter{x: x, out: dst[:0]}
	for c.i < len(x.toks) {
		c.one()
	}
	return c.out
}

type cutter struct {
	x   *sqlText
	i   int
	out []statement
}

// one takes the statement that starts at c.i.
func (c *cutter) one() {
	x := c.x
	for x.at(c.i).Kind.Name() && !x.at(c.i).reserved && x.op(c.i+1, ":") {
		c.i += 2 // a label
	}
	from, head := c.i, x.kw(c.i)
	end := min(c.end(head), len(x.toks)) // headers of cut texts reach beyond
	if end > from || !x.op(end, ";") {
		c.out = append(c.out, statement{from: from, to: end, head: head})
	}
	c.i = end
	if x.op(c.i, ";") {
		c.i++
	}
	if c.i == from { // never stand still, whatever the text is
		c.i++
	}
}

// end is where the statement that starts at c.i ends.
func (c *cutter) end(head keyword) int {
	switch head {
	case kwBegin, kwLoop, kwRepeat, kwElse:
		if !c.x.op(c.i+1, "(") { // REPEAT( and the like are calls
			return c.i + 1
		}
	case kwDeclare:
		if e, ok := c.declareEnd(); ok {
			return e
		}
	case kwCreate, kwAlter:
		if e, ok := c.headerEnd(); ok {
			return e
		}
	}
	return c.plainEnd(c.i, head)
}

// plainEnd runs to the semicolon, or behind the THEN or DO that opens the next
// statement. CASE expressions have a THEN and an ELSE of their own.
func (c *cutter) plainEnd(i int, head keyword) int {
	x, depth := c.x, 0
	for i++; i < len(x.toks); i++ {
		t := x.toks[i]
		if t.Kind == sqllex.Op && t.End == t.Start+1 && x.src[t.Start] == ';' {
			return i
		}
		switch t.kw {
		case kwCase:
			if x.kw(i-1) != kwEnd {
				depth++
			}
		case kwEnd:
			if depth > 0 && x.operand(i-1) {
				depth--
			}
		case kwThen:
			if depth == 0 {
				return i + 1
			}
		case kwElse:
			if depth == 0 {
				return i
			}
		case kwDo:
			if head == kwWhile && depth == 0 {
				return i + 1
			}
		}
	}
	return len(x.toks)
}

// operand tells whether an expression may end at token i. It tells the END of
// a CASE from a column called end.
func (x *sqlText) operand(i int) bool {
	t := x.at(i)
	switch t.Kind {
	case sqllex.Op:
		return x.op(i, ")") || x.op(i, "?")
	case sqllex.Word:
		switch t.kw {
		case kwWhen, kwThen, kwElse, kwCase, kwSelect, kwWhere, kwOn, kwBy, kwIn, kwNot, kwHaving, kwSet, kwReturn:
			return false
		case kwOther:
			return !sqllex.EqualFold(x.text(i), "AND") && !sqllex.EqualFold(x.text(i), "OR") &&
				!sqllex.EqualFold(x.text(i), "BETWEEN") && !sqllex.EqualFold(x.text(i), "DISTINCT")
		}
		return true
	case sqllex.Space:
		return false
	}
	return true
}

// declareEnd ends DECLARE ... HANDLER FOR conditions and DECLARE ... CURSOR
// FOR, behind which a statement follows.
func (c *cutter) declareEnd() (int, bool) {
	x, i := c.x, c.i+1
	switch {
	case x.kw(i+1) == kwHandler && x.kw(i+2) == kwFor:
		i += 3
	case x.kw(i+1) == kwCursor && x.kw(i+2) == kwFor:
		return i + 3, true
	default:
		return 0, false
	}
	for i < len(x.toks) {
		switch x.kw(i) {
		case kwNot: // NOT FOUND
			i += 2
		case kwSQLState:
			if i++; x.kw(i) == kwValue {
				i++
			}
			i++
		default:
			i++
		}
		if !x.op(i, ",") {
			return i, true
		}
		i++
	}
	return len(x.toks), true
}

// headerEnd ends the header of a stored program or view, behind which its body
// follows. ok is false for every other CREATE or ALTER.
func (c *cutter) headerEnd() (end int, ok bool) {
	x := c.x
	for i := c.i + 1; i < len(x.toks); i++ {
		switch x.kw(i) {
		case kwProcedure, kwFunction:
			return c.routineHeader(i + 1), true
		case kwTrigger:
			return c.triggerHeader(i), true
		case kwEvent:
			return c.until(i, kwDo), true
		case kwView:
			return c.until(i, kwAs), true
		case kwTable, kwIndex, kwDatabase, kwSchema, kwAdd:
			return 0, false
		}
		if x.op(i, "(") || x.op(i, ";") {
			return 0, false
		}
	}
	return 0, false
}

// until is the place behind the next such keyword, or the semicolon.
func (c *cutter) until(i int, kw keyword) int {
	for ; i < len(c.x.toks) && !c.x.op(i, ";"); i++ {
		if c.x.kw(i) == kw {
			return i + 1
		}
	}
	return i
}

func (c *cutter) triggerHeader(i int) int {
	x := c.x
	for ; i < len(x.toks) && !x.op(i, ";"); i++ {
		if x.kw(i) == kwEach && x.kw(i+1) == kwRow {
			if i += 2; x.kw(i) == kwFollows || x.kw(i) == kwPrecedes {
				i += 2
			}
			return i
		}
	}
	return i
}

// routineHeader goes over name, parameters, return type and characteristics;
// i is the token behind PROCEDURE or FUNCTION.
func (c *cutter) routineHeader(i int) int {
	x := c.x
	for i < len(x.toks) && !x.op(i, "(") {
		if x.op(i, ";") {
			return i
		}
		i++
	}
	i = x.closing(i) + 1
	if x.kw(i) == kwReturns {
		i = c.typeEnd(i + 1)
	}
	for i < len(x.toks) {
		switch x.kw(i) {
		case kwComment, kwLanguage, kwNot, kwContains, kwNo:
			i += 2
		case kwReads, kwModifies, kwSQL: // READS SQL DATA, SQL SECURITY DEFINER
			i += 3
		case kwDeterministic:
			i++
		default:
			return min(i, len(x.toks))
		}
	}
	return min(i, len(x.toks))
}

// typeEnd goes over a data type: its name, what stands in parentheses, and
// attributes, to the first characteristic or the body.
func (c *cutter) typeEnd(i int) int {
	x := c.x
	i++ // the name, which may be SET
	for i < len(x.toks) {
		if x.op(i, "(") {
			i = x.closing(i) + 1
			continue
		}
		switch x.kw(i) {
		case kwCharset, kwCollate:
			i += 2
			continue
		case kwCharacter:
			i++
			if x.kw(i) == kwSet {
				i += 2
			}
			continue
		}
		if typeWords[strings.ToUpper(x.text(i))] {
			i++
			continue
		}
		return i
	}
	return i
}

// typeWords may follow the first word of a data type.
var typeWords = map[string]bool{
	"UNSIGNED": true, "SIGNED": true, "ZEROFILL": true, "BINARY": true, "ASCII": true, "UNICODE": true,
	"PRECISION": true, "VARYING": true, "VARCHAR": true, "CHAR": true, "BYTE": true,
}
