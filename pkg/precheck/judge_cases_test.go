package precheck

import (
	"database/sql"
	"errors"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqltest"
)

// servers are a schema on each of the two real servers, with one connection
// each, so that session variables stay.
type servers struct {
	oldDB, newDB         *sql.DB
	oldSchema, newSchema string
	judge                *ServerJudge
}

func newServers(t *testing.T) *servers {
	t.Helper()
	s := &servers{oldDB: mysqltest.Old(t).DB(t, ""), newDB: mysqltest.New(t).DB(t, "")}
	s.oldSchema, s.newSchema = mysqltest.Schema(t, s.oldDB), mysqltest.Schema(t, s.newDB)
	s.oldDB.SetMaxOpenConns(1)
	s.newDB.SetMaxOpenConns(1)
	mysqltest.Exec(t, s.oldDB, "USE "+s.oldSchema)
	mysqltest.Exec(t, s.newDB, "USE "+s.newSchema)
	mysqltest.Exec(t, s.oldDB, caseTables...)
	mysqltest.Exec(t, s.newDB, caseTables...)
	judge, err := NewServerJudge(t.Context(), mysqltest.New(t).DB(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := judge.Close(); err != nil {
			t.Error(err)
		}
	})
	s.judge = judge
	return s
}

// code runs a statement and gives the server's error number, 0 for none.
func code(t *testing.T, db *sql.DB, statement string) int {
	t.Helper()
	_, err := db.ExecContext(t.Context(), statement)
	var me *mysql.MySQLError
	if errors.As(err, &me) {
		return int(me.Number)
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0
}

// TestCasesOnServers holds the case table against real servers: 5.7 creates
// every body, the newer server refuses just those that say so, the judge says
// the same without creating anything, and what SHOW CREATE prints is judged
// like the body alone.
func TestCasesOnServers(t *testing.T) {
	s := newServers(t)
	for _, c := range bodyCases {
		t.Run(c.name, func(t *testing.T) {
			prepare := []string{"SET sql_mode = '" + c.sqlMode + "'", "DROP PROCEDURE IF EXISTS p"}
			mysqltest.Exec(t, s.oldDB, prepare...)
			mysqltest.Exec(t, s.newDB, prepare...)
			create := "CREATE PROCEDURE p(" + c.params + ") " + c.body
			if n := code(t, s.oldDB, strings.ReplaceAll(create, "{schema}", s.oldSchema)); n != 0 {
				t.Fatalf("5.7 does not create the case: error %d", n)
			}
			want := c.err
			if c.refused {
				want = errSyntax
			}
			if n := code(t, s.newDB, strings.ReplaceAll(create, "{schema}", s.newSchema)); n != want {
				t.Errorf("the newer server answers %d, the case says %d", n, want)
			}
			p := c.program()
			s.opinion(t, &p, c.refused)
			p.Create, p.Body = s.showCreate(t, "PROCEDURE", "p"), ""
			s.opinion(t, &p, c.refused)
			own := Program{Kind: KindFunction, Schema: "app", Name: "centroid", Body: "RETURN 1", HasBody: true, Exact: true}
			if got := strings.Join(foundIDs(t, catalogOf(p, own), c.hop(), "dynamicSql"), " "); got != c.want {
				t.Errorf("with SHOW CREATE's text %q\n got  %s\n want %s", p.Create, got, c.want)
			}
		})
	}
}

func (s *servers) opinion(t *testing.T, p *Program, refused bool) {
	t.Helper()
	o, err := s.judge.Opinion(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if o.Refused != refused {
		t.Errorf("the judge says refused=%v (%s) to %q, want %v", o.Refused, o.Message, judgedStatement(p), refused)
	}
}

// showCreate is the text that SHOW CREATE gives on the old server.
func (s *servers) showCreate(t *testing.T, kind, name string) string {
	t.Helper()
	rows, err := s.oldDB.QueryContext(t.Context(), "SHOW CREATE "+kind+" "+name)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	values := make([]sql.NullString, len(columns))
	into := make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	text := ""
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		for i, c := range columns {
			if strings.HasPrefix(c, "Create ") || c == "SQL Original Statement" {
				text = values[i].String
			}
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return text
}

// TestOtherProgramsOnServers covers functions, triggers, events and views:
// the whole CREATE statement, and what follows the header.
func TestOtherProgramsOnServers(t *testing.T) {
	tests := []struct {
		name    string
		kind    ProgramKind
		create  string // as the client sends it, with o as the object's name
		want    string
		refused bool
	}{
		{"function returning a set", KindFunction, "CREATE FUNCTION o(x INT) RETURNS SET('a','b') CHARACTER SET utf8 COLLATE utf8_bin DETERMINISTIC COMMENT 'PASSWORD(1)' RETURN 'a'", "", false},
		{"function that flushes", KindFunction, "CREATE FUNCTION o() RETURNS VARCHAR(10) CHARSET utf8 NO SQL SQL SECURITY INVOKER BEGIN IF 1 THEN SET sql_mode = 'DB2'; END IF; RETURN 1; END", "removedSqlModeInRoutine", false},
		{"function without block", KindFunction, "CREATE FUNCTION o(rank INT) RETURNS INT(10) UNSIGNED DETERMINISTIC RETURN rank", "routineSyntax", true},
		{"function parameter of a variable's name", KindFunction, "CREATE FUNCTION o(tx_isolation INT) RETURNS INT DETERMINISTIC BEGIN SET tx_isolation = 2; RETURN tx_isolation; END", "", false},
		{"function with a cursor", KindFunction, "CREATE FUNCTION o() RETURNS INT READS SQL DATA BEGIN DECLARE done INT; DECLARE c CURSOR FOR SELECT a FROM t GROUP BY a; DECLARE CONTINUE HANDLER FOR NOT FOUND SET done = TRUE; RETURN 1; END", "groupByWithoutOrder", false},
		{"trigger sets NEW.old", KindTrigger, "CREATE TRIGGER o BEFORE UPDATE ON t FOR EACH ROW SET NEW.a = OLD.a", "", false},
		{"trigger with a block", KindTrigger, "CREATE TRIGGER o AFTER INSERT ON t FOR EACH ROW BEGIN SET @x = PASSWORD(NEW.s); END", "removedFunctions routineSyntax", true},
		{"trigger with a reserved word", KindTrigger, "CREATE TRIGGER o BEFORE INSERT ON t FOR EACH ROW SET NEW.b = (SELECT MAX(rank) FROM (SELECT 1 AS `rank`) d)", "routineSyntax", true},
		{"event", KindEvent, "CREATE EVENT o ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01' ON COMPLETION PRESERVE DISABLE COMMENT 'FLUSH QUERY CACHE' DO RESET QUERY CACHE", "routineSyntax routinesWithDeprecatedKeywords", true},
		{"event with a block", KindEvent, "CREATE EVENT o ON SCHEDULE EVERY 1 DAY DISABLE DO BEGIN DELETE FROM .t; END", "emptyDotTableSyntax routineSyntax", true},
		{"event on schedule only", KindEvent, "CREATE EVENT o ON SCHEDULE AT '2037-01-01' DISABLE DO DELETE FROM t WHERE a < .5", "", false},
		{"view with a removed function", KindView, "CREATE VIEW o AS SELECT ENCODE('a', 'it''s \"b\" \\\\ c') AS c", "removedFunctions", false},
		{"view whose function is rewritten", KindView, "CREATE VIEW o AS SELECT X(g) AS x, AREA(g) AS y FROM area", "", false},
		{"view with a stored function", KindView, "CREATE VIEW o AS SELECT centroid(1) AS c, own(2) AS d", "", false},
		{"view with sql_cache", KindView, "CREATE VIEW o AS SELECT SQL_CACHE a FROM t", "routineSyntax routinesWithDeprecatedKeywords", true},
		{"view with sql_no_cache", KindView, "CREATE VIEW o AS SELECT SQL_NO_CACHE a FROM t", "", false},
		{"view with group by desc", KindView, "CREATE VIEW o AS SELECT a FROM t GROUP BY a DESC ORDER BY NULL", "groupbyAscSyntax", true},
		{"view with order by desc", KindView, "CREATE VIEW o AS SELECT a, GROUP_CONCAT(b ORDER BY b DESC) AS d FROM t GROUP BY a ORDER BY a DESC", "", false},
		{"view with reserved names", KindView, "CREATE VIEW o AS SELECT rank, t.groups AS `window`, 'PASSWORD(' AS lead FROM t", "", false},
		{"view of a system table", KindView, "CREATE VIEW o AS SELECT name FROM mysql.proc", "removedSystemTableInRoutine", false},
	}
	s := newServers(t)
	mysqltest.Exec(t, s.oldDB, "SET sql_mode = ''")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			word := strings.ToUpper(string(tt.kind))
			if n := code(t, s.oldDB, tt.create); n != 0 {
				t.Fatalf("5.7 does not create the case: error %d", n)
			}
			defer mysqltest.Exec(t, s.oldDB, "DROP "+word+" o")
			p := Program{Kind: tt.kind, Schema: "app", Name: "o", HasBody: true, Exact: true, Create: s.showCreate(t, word, "o"), Timing: "BEFORE UPDATE"}
			got := strings.Join(foundIDs(t, catalogOf(p), bodyHop80), " ")
			if got != tt.want {
				t.Errorf("%s\n got  %s\n want %s", p.Create, got, tt.want)
			}
			s.opinion(t, &p, tt.refused)
		})
	}
}
