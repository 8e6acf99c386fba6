package precheck

import (
	"strings"

	"github.com/rdsupgrade/rdsupgrade/pkg/precheck/sqllex"
)

// sysvar notes @@x and @@scope.x of a removed variable.
func (a *analyser) sysvar(i int) {
	a.removedVariable(i, a.sysvarName(i))
}

// sysvarName is the variable that the SysVar token at i and what follows name.
func (a *analyser) sysvarName(i int) string {
	s := strings.Trim(strings.TrimPrefix(a.text(i), "@@"), "`")
	if isScope(s) && a.op(i+1, ".") && a.at(i+2).Kind.Name() {
		return a.ident(i + 2)
	}
	return s
}

func isScope(s string) bool {
	for _, scope := range [...]string{"GLOBAL", "SESSION", "LOCAL", "PERSIST", "PERSIST_ONLY"} {
		if sqllex.EqualFold(s, scope) {
			return true
		}
	}
	return false
}

func (a *analyser) removedVariable(i int, name string) {
	if len(name) > 64 {
		return
	}
	name = strings.ToLower(name)
	v, ok := removedVariables[name]
	if !ok {
		return
	}
	a.add(fact{kind: factSysvar, name: name, since: v.gone[0]*10000 + v.gone[1]*100 + v.gone[2], instead: v.instead}, i)
}

// removedVariables is removedVars by name.
var removedVariables = func() map[string]*removedVar {
	m := make(map[string]*removedVar, len(removedVars))
	for i := range removedVars {
		m[removedVars[i].name] = &removedVars[i]
	}
	return m
}()

// assignments goes through SET a = x, GLOBAL b = y.
func (a *analyser) assignments(s statement) {
	if s.head != kwSet {
		return
	}
	for i := s.from + 1; i < s.to; {
		scoped := isScope(a.text(i)) && a.at(i+1).Kind.Name()
		if scoped {
			i++
		}
		end := a.valueEnd(i, s.to)
		name, value, ok := a.target(i)
		switch {
		case !ok || !a.interesting(name):
		case a.at(i).Kind == sqllex.SysVar, scoped, !a.declared(name):
			if a.at(i).Kind != sqllex.SysVar { // those are noted by sysvar
				a.removedVariable(i, name)
			}
			if sqllex.EqualFold(name, "sql_mode") {
				a.modes(value, end)
			}
		}
		i = end + 1
	}
}

// interesting tells the variables that assignments looks for.
func (a *analyser) interesting(name string) bool {
	if sqllex.EqualFold(name, "sql_mode") {
		return true
	}
	_, ok := removedVariables[strings.ToLower(name)]
	return ok
}

// target is the variable assigned to at i, and the first token of its value.
// NEW.x and other structured names are not system variables.
func (a *analyser) target(i int) (name string, value int, ok bool) {
	t := a.at(i)
	switch {
	case t.Kind == sqllex.SysVar:
		name = a.sysvarName(i)
		if i++; a.op(i, ".") {
			i += 2
		}
	case a.name(i):
		name = a.ident(i)
		i++
	default:
		return "", 0, false
	}
	if !a.op(i, "=") && !a.op(i, ":=") {
		return "", 0, false
	}
	return name, i + 1, true
}

// valueEnd is the comma that ends the assignment at i, or the statement's end.
func (a *analyser) valueEnd(i, to int) int {
	depth := 0
	for ; i < to; i++ {
		switch {
		case a.op(i, "("):
			depth++
		case a.op(i, ")"):
			depth--
		case depth == 0 && a.op(i, ","):
			return i
		}
	}
	return to
}

// modes notes removed modes among the strings of a sql_mode value. What stands
// inside REPLACE( ) is taken out by it, not put in.
func (a *analyser) modes(from, to int) {
	for i := from; i < to; i++ {
		if a.kw(i) == kwReplace && a.op(i+1, "(") {
			i = a.closing(i + 1)
			continue
		}
		var value string
		switch t := a.at(i); {
		case t.Kind == sqllex.String:
			value = sqllex.StringValue(t.Token, a.src, a.mode)
		case a.name(i) && to == from+1: // SET sql_mode = ORACLE
			value = a.ident(i)
		default:
			continue
		}
		for _, m := range strings.Split(value, ",") {
			if m = strings.ToUpper(strings.TrimSpace(m)); removedModes[m] {
				a.add(fact{kind: factSQLMode, name: m, since: 80011}, i)
			}
		}
	}
}

// declared tells whether the text declares a local variable or parameter of
// that name.
func (a *analyser) declared(name string) bool {
	name = strings.ToLower(name)
	yes, ok := a.locals[name]
	if !ok {
		yes = a.declares(name)
		a.locals[name] = yes
	}
	return yes
}

func (a *analyser) declares(name string) bool {
	for _, s := range a.stmts {
		switch s.head {
		case kwDeclare:
			for i := s.from + 1; i < s.to && a.at(i).Kind.Name(); i += 2 {
				if a.is(i, name) {
					return true
				}
				if !a.op(i+1, ",") {
					break // out of the names, which stand before the type
				}
			}
		case kwCreate:
			if a.parameter(s, name) {
				return true
			}
		}
	}
	return false
}

// parameter tells whether the routine header s has such a parameter.
func (a *analyser) parameter(s statement, name string) bool {
	depth := 0
	for i := s.from; i < s.to; i++ {
		switch {
		case a.op(i, "("):
			depth++
		case a.op(i, ")"):
			depth--
		case depth == 1 && a.is(i, name):
			p := a.text(i - 1)
			if p == "(" || p == "," || sqllex.EqualFold(p, "IN") || sqllex.EqualFold(p, "OUT") || sqllex.EqualFold(p, "INOUT") {
				return true
			}
		}
	}
	return false
}
