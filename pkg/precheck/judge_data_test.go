package precheck

import (
	"strings"
	"testing"
)

// TestListsOnServers asks both servers about every entry of the lists: 5.7 has
// it, the newer server has not.
func TestListsOnServers(t *testing.T) {
	s := newServers(t)
	const (
		noFunction = 1305 // ER_SP_DOES_NOT_EXIST
		noKnown    = 1630 // ER_FUNC_INEXISTENT_NAME_COLLISION
		wrongValue = 1231 // ER_WRONG_VALUE_FOR_VAR
		noISTable  = 1109 // ER_UNKNOWN_TABLE
	)
	for name, f := range removedFunctions {
		if n := code(t, s.oldDB, "DO "+name+"()"); n == 0 || n == noFunction || n == noKnown {
			t.Errorf("%s: 5.7 has no such function (error %d)", name, n)
		}
		n := code(t, s.newDB, "DO "+name+"(1)")
		if n == 0 && name == "CENTROID" || name == "PASSWORD" && n == errSyntax { // stored functions of the cases
			continue
		}
		if n != noFunction && n != noKnown && n != errSyntax {
			t.Errorf("%s: the newer server answers %d", name, n)
		}
		if (n == errSyntax) != f.refused {
			t.Errorf("%s: syntax error %v, the list says %v", name, n == errSyntax, f.refused)
		}
		if f.instead != "" {
			if n := code(t, s.newDB, "DO "+f.instead+"()"); n == noFunction || n == noKnown {
				t.Errorf("%s: its replacement %s is not there either", name, f.instead)
			}
		}
	}
	for schema, tables := range removedTables {
		for _, table := range tables {
			q := "SELECT 1 FROM " + schema + "." + table.name + " LIMIT 0"
			if schema == "information_schema" && strings.HasPrefix(table.name, "GLOBAL_") || strings.HasPrefix(table.name, "SESSION_") {
				q = "EXPLAIN " + q // reading them needs show_compatibility_56
			}
			if n := code(t, s.oldDB, q); n != 0 && n != 3167 {
				t.Errorf("%s.%s: 5.7 answers %d", schema, table.name, n)
			}
			if n := code(t, s.newDB, q); n != errNoTable && n != noISTable {
				t.Errorf("%s.%s: the newer server answers %d", schema, table.name, n)
			}
			if table.instead != "" {
				if n := code(t, s.newDB, "SELECT 1 FROM "+table.instead+" LIMIT 0"); n != 0 {
					t.Errorf("%s.%s: the newer server answers %d to its replacement", schema, table.name, n)
				}
			}
		}
	}
	for mode := range removedModes {
		if n := code(t, s.oldDB, "SET sql_mode = '"+mode+"'"); n != 0 {
			t.Errorf("%s: 5.7 answers %d", mode, n)
		}
		if n := code(t, s.newDB, "SET sql_mode = '"+mode+"'"); n != wrongValue {
			t.Errorf("%s: the newer server answers %d", mode, n)
		}
	}
}
