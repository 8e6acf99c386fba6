package precheck

import (
	"strings"

	"github.com/rdsupgrade/rdsupgrade/pkg/precheck/sqllex"
)

// reserved notes a name that a later version reserves.
func (a *analyser) reserved(i int) {
	name := strings.ToUpper(a.text(i))
	v := reservedWords[name]
	a.add(fact{kind: factReserved, name: name, since: v[0]*10000 + v[1]*100 + v[2], refused: !softReserved[name]}, i)
}

// usedAsName tells a name from the few grammatical uses that 5.7 already had
// for a word that was reserved only later. A source of 8.0 uses all of these
// words as keywords, but only words of a later version matter to it.
func (a *analyser) usedAsName(i int) bool {
	switch text := a.text(i); {
	case a.toks[i].kw == kwFunction:
		return !a.functionKeyword(i)
	case a.toks[i].kw == kwRow:
		return a.kw(i-1) != kwEach && !a.op(i+1, "(") && !a.settingValue(i)
	case a.toks[i].kw == kwRows:
		// LOAD DATA ... IGNORE 1 ROWS, LOAD XML ... ROWS IDENTIFIED BY
		return a.kw(i-2) != kwIgnore && a.kw(i+1) != kwIdentified
	case a.toks[i].kw == kwSystem:
		return !a.settingValue(i)
	case sqllex.EqualFold(text, "GROUPING"):
		return !a.op(i+1, "(") // now a function of the server's own: accepted
	case sqllex.EqualFold(text, "CUBE"):
		return a.kw(i-1) != kwWith
	}
	return true
}

// functionKeyword tells FUNCTION in CREATE FUNCTION f, SHOW FUNCTION STATUS,
// GRANT EXECUTE ON FUNCTION f and the like from a name.
func (a *analyser) functionKeyword(i int) bool {
	next := a.at(i + 1)
	if !next.Kind.Name() {
		return false
	}
	switch a.kw(i - 1) {
	case kwCreate, kwDrop, kwAlter:
		return true
	case kwShow:
		return true
	case kwOn: // GRANT ... ON FUNCTION f, but not JOIN t ON function IN (...)
		return !next.reserved
	}
	// CREATE DEFINER=`a`@`b` FUNCTION f, CREATE AGGREGATE FUNCTION f
	for j := i - 1; j >= 0 && j >= i-8; j-- {
		if a.kw(j) == kwCreate {
			return !next.reserved || a.kw(i+1) == kwIf
		}
	}
	return false
}

// settingValue tells whether the word is the whole value of a system variable
// or local variable in a SET statement, where 8.0 takes ROW and SYSTEM as
// plain values: SET binlog_format = ROW. After a user variable it does not.
func (a *analyser) settingValue(i int) bool {
	if !a.op(i-1, "=") && !a.op(i-1, ":=") {
		return false
	}
	if i+1 < len(a.toks) && !a.op(i+1, ",") && !a.op(i+1, ";") {
		return false
	}
	if a.at(i-2).Kind == sqllex.UserVar {
		return false
	}
	// Only at the top level of a SET: not in SET a = IF(b = row, 1, 2).
	depth := 0
	for j := i - 2; j > a.current.from && depth >= 0 && j > i-maxLookBack; j-- {
		switch {
		case a.op(j, ")"):
			depth++
		case a.op(j, "("):
			depth--
		}
	}
	return a.current.head == kwSet && depth >= 0
}

// maxLookBack bounds searches against the text's direction, so that no text
// costs more than its length.
const maxLookBack = 64

// call notes a call of a removed function. 5.7 takes a call without a schema
// for its own function even when the name is quoted (measured), save for the
// ones that its parser knows by keyword. A space before the parenthesis changes
// nothing for any of them (measured).
func (a *analyser) call(i int) {
	if !a.op(i+1, "(") || a.op(i-1, ".") {
		return
	}
	t := a.toks[i]
	s := a.text(i)
	if t.Kind == sqllex.Quoted {
		s = a.ident(i)
	}
	f, canonical, ok := lookupFunction(s)
	if !ok || t.Kind == sqllex.Quoted && f.keyword || a.naming(i) {
		return
	}
	a.add(fact{
		kind: factCall, name: canonical, since: f.since, instead: f.instead,
		quoted: t.Kind == sqllex.Quoted && !a.digest, refused: f.refused && t.Kind != sqllex.Quoted,
	}, i)
}

// naming tells whether the name at i, with a parenthesis behind it, is a
// table, index or routine that is named there, and not a call: INSERT INTO
// area (id), KEY distance (a), CALL contains (1).
func (a *analyser) naming(i int) bool {
	switch a.kw(i - 1) {
	case kwInto, kwTable, kwReferences, kwProcedure, kwFunction, kwCall, kwIndex, kwKey, kwExists, kwView,
		kwTrigger, kwEvent, kwJoin, kwUnique, kwFulltext, kwSpatial, kwPartition, kwInsert, kwReplace,
		kwIgnore, kwLowPriority, kwHighPriority, kwDelayed, kwUpdate:
		return true
	case kwOn: // CREATE INDEX i ON area (a)
		for j := i - 2; j > i-8; j-- {
			if a.kw(j) == kwIndex {
				return true
			}
		}
	}
	return a.keyPart(i)
}

// keyPart tells whether the name at i, with a parenthesis behind it, is a
// column of an index of which only a prefix is indexed: KEY k (x(10)).
func (a *analyser) keyPart(i int) bool {
	if a.current.head != kwCreate && a.current.head != kwAlter || !a.op(i+3, ")") || !a.op(i-1, "(") && !a.op(i-1, ",") {
		return false
	}
	open, depth := i-1, 0
	for ; open > a.current.from && (depth > 0 || !a.op(open, "(")); open-- {
		switch {
		case i-open > 4*maxKeyParts:
			return false
		case a.op(open, ")"):
			depth++
		case a.op(open, "("):
			depth--
		}
	}
	for j := open - 1; j > open-maxKeyHead && !a.op(j, ",") && !a.op(j, "(") && !a.op(j, ")"); j-- {
		switch a.kw(j) {
		case kwKey, kwIndex, kwUnique:
			return true
		}
	}
	return false
}

// An index has at most 16 columns, each at most x(10) DESC and a comma; its
// list stands at most this far behind KEY or INDEX (i USING BTREE ON s.t).
const (
	maxKeyParts = 24
	maxKeyHead  = 10
)

// systemTable notes tables of the server's own that a later version lacks.
func (a *analyser) systemTable(i int) {
	if !a.op(i+1, ".") || !a.at(i+2).Kind.Name() || a.op(i-1, ".") {
		return
	}
	n := a.at(i).End - a.at(i).Start
	for schema, tables := range removedTables {
		if d := n - int32(len(schema)); d != 0 && d != 2 || !a.is(i, schema) { // bare or quoted
			continue
		}
		for _, t := range tables {
			if !a.is(i+2, t.name) {
				continue
			}
			f := fact{kind: factSystemTable, name: schema + "." + t.name, since: t.since, instead: t.instead}
			if !a.known(f) && !a.aliased(schema) {
				a.add(f, i)
			}
		}
	}
}

// aliased tells whether the text uses the name of a schema as something else,
// such as a table's alias.
func (a *analyser) aliased(name string) bool {
	if yes, ok := a.aliases[name]; ok {
		return yes
	}
	yes := a.namedAlone(name)
	a.aliases[name] = yes
	return yes
}

func (a *analyser) namedAlone(name string) bool {
	for i := range a.toks {
		if a.is(i, name) && !a.op(i+1, ".") && !a.op(i-1, ".") {
			return true
		}
	}
	return false
}
