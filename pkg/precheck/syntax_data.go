package precheck

import "strings"

// removedFunction is a function of 5.7 that a later version lacks.
type removedFunction struct {
	since   int // 80011 for 8.0.11
	instead string
	// keyword functions are known to 5.7's parser by an unquoted keyword.
	keyword bool
	// refused calls are syntax errors; calls of the others fail when they run.
	refused bool
}

// removedFunctions is MySQL Shell's list, completed by what a real 5.7 has and
// a newer server has not: CONVEXHULL and WAIT_UNTIL_SQL_THREAD_AFTER_GTIDS.
var removedFunctions = buildRemovedFunctions()

func buildRemovedFunctions() map[string]removedFunction {
	m := map[string]removedFunction{
		"ENCODE": {instead: "AES_ENCRYPT"}, "DECODE": {instead: "AES_DECRYPT"},
		"DES_ENCRYPT": {instead: "AES_ENCRYPT"}, "DES_DECRYPT": {instead: "AES_DECRYPT"},
		"ENCRYPT": {instead: "SHA2"}, "PASSWORD": {keyword: true, refused: true},
		"CONTAINS": {instead: "MBRCONTAINS", keyword: true, refused: true}, "DISJOINT": {instead: "MBRDISJOINT"},
		"EQUALS": {instead: "MBREQUALS"}, "MBREQUAL": {instead: "MBREQUALS"}, "GLENGTH": {instead: "ST_LENGTH"},
		"INTERSECTS": {instead: "MBRINTERSECTS"}, "OVERLAPS": {instead: "MBROVERLAPS"},
		"WITHIN": {instead: "MBRWITHIN"}, "SRID": {instead: "ST_SRID", refused: true},
		"WAIT_UNTIL_SQL_THREAD_AFTER_GTIDS": {since: 80400, instead: "WAIT_FOR_EXECUTED_GTID_SET"},
	}
	for _, name := range strings.Fields(`AREA ASBINARY ASTEXT ASWKB ASWKT BUFFER CENTROID CONVEXHULL CROSSES DIMENSION
		DISTANCE ENDPOINT ENVELOPE EXTERIORRING GEOMCOLLFROMTEXT GEOMCOLLFROMWKB GEOMETRYCOLLECTIONFROMTEXT
		GEOMETRYCOLLECTIONFROMWKB GEOMETRYFROMTEXT GEOMETRYFROMWKB GEOMETRYN GEOMETRYTYPE GEOMFROMTEXT GEOMFROMWKB
		INTERIORRINGN ISCLOSED ISEMPTY ISSIMPLE LINEFROMTEXT LINEFROMWKB LINESTRINGFROMTEXT LINESTRINGFROMWKB
		MLINEFROMTEXT MLINEFROMWKB MPOINTFROMTEXT MPOINTFROMWKB MPOLYFROMTEXT MPOLYFROMWKB
		MULTILINESTRINGFROMTEXT MULTILINESTRINGFROMWKB MULTIPOINTFROMTEXT MULTIPOINTFROMWKB
		MULTIPOLYGONFROMTEXT MULTIPOLYGONFROMWKB NUMGEOMETRIES NUMINTERIORRINGS NUMPOINTS POINTFROMTEXT
		POINTFROMWKB POINTN POLYFROMTEXT POLYFROMWKB POLYGONFROMTEXT POLYGONFROMWKB STARTPOINT TOUCHES X Y`) {
		m[name] = removedFunction{instead: "ST_" + name}
	}
	for name, f := range m {
		if f.since == 0 {
			f.since = 80011
			m[name] = f
		}
	}
	return m
}

// lookupFunction finds a removed function without regard to case, and its name
// in upper case.
func lookupFunction(s string) (f removedFunction, name string, ok bool) {
	if len(s) > maxFunction {
		return f, "", false
	}
	var buf [maxFunction]byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		buf[i] = c
	}
	if f, ok = removedFunctions[string(buf[:len(s)])]; !ok {
		return f, "", false
	}
	return f, string(buf[:len(s)]), true
}

// maxFunction is the length of WAIT_UNTIL_SQL_THREAD_AFTER_GTIDS and more.
const maxFunction = 40

type removedTable struct {
	name    string
	since   int
	instead string
}

// removedTables are tables of the server's own schemas that 5.7.30 has and a
// newer server has not, measured against 9.7.4; the versions are the manual's.
var removedTables = map[string][]removedTable{
	"information_schema": {
		{"GLOBAL_STATUS", 80001, "performance_schema.global_status"},
		{"GLOBAL_VARIABLES", 80001, "performance_schema.global_variables"},
		{"SESSION_STATUS", 80001, "performance_schema.session_status"},
		{"SESSION_VARIABLES", 80001, "performance_schema.session_variables"},
		{"INNODB_LOCKS", 80001, "performance_schema.data_locks"},
		{"INNODB_LOCK_WAITS", 80001, "performance_schema.data_lock_waits"},
		{"INNODB_SYS_COLUMNS", 80003, "information_schema.INNODB_COLUMNS"},
		{"INNODB_SYS_DATAFILES", 80003, "information_schema.INNODB_DATAFILES"},
		{"INNODB_SYS_FIELDS", 80003, "information_schema.INNODB_FIELDS"},
		{"INNODB_SYS_FOREIGN", 80003, "information_schema.INNODB_FOREIGN"},
		{"INNODB_SYS_FOREIGN_COLS", 80003, "information_schema.INNODB_FOREIGN_COLS"},
		{"INNODB_SYS_INDEXES", 80003, "information_schema.INNODB_INDEXES"},
		{"INNODB_SYS_TABLES", 80003, "information_schema.INNODB_TABLES"},
		{"INNODB_SYS_TABLESPACES", 80003, "information_schema.INNODB_TABLESPACES"},
		{"INNODB_SYS_TABLESTATS", 80003, "information_schema.INNODB_TABLESTATS"},
		{"INNODB_SYS_VIRTUAL", 80003, "information_schema.INNODB_VIRTUAL"},
		{"TABLESPACES", 80400, "information_schema.INNODB_TABLESPACES"},
	},
	"performance_schema": {{"setup_timers", 80004, ""}},
	"mysql": {
		{"proc", 80000, "information_schema.ROUTINES"},
		{"event", 80000, "information_schema.EVENTS"},
	},
}

// removedModes are the sql_mode values that 8.0 refuses (error 1231).
var removedModes = set("MAXDB", "DB2", "MSSQL", "MYSQL323", "MYSQL40", "NO_AUTO_CREATE_USER", "NO_FIELD_OPTIONS",
	"NO_KEY_OPTIONS", "NO_TABLE_OPTIONS", "ORACLE", "POSTGRESQL")
