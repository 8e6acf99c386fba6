package precheck

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqltest"
	"github.com/rdsupgrade/rdsupgrade/pkg/precheck/sqllex"
)

// refusedBy84 tells whether the recognizer sees anything in the text that a
// parser of 8.4 or newer refuses.
func refusedBy84(p *Program) bool {
	var a analyser
	return slices.ContainsFunc(a.analyse(programText(p), sqllex.ParseMode(p.SQLMode), 50744, false), func(f fact) bool { return f.refused })
}

// compose puts statements of the case table into one body, in compound
// statements of all kinds, with comments and strings between them.
func compose(r *rand.Rand, n int) string {
	var b strings.Builder
	b.WriteString("BEGIN\n DECLARE done, x1 INT DEFAULT 0; -- it's a start\n DECLARE CONTINUE HANDLER FOR SQLEXCEPTION, NOT FOUND SET done = 1;\n")
	for range n {
		body := ""
		for body == "" {
			if c := bodyCases[r.IntN(len(bodyCases))]; c.sqlMode == "" && c.params == "" && c.err == 0 {
				body = strings.TrimSuffix(strings.TrimSpace(c.body), ";")
			}
		}
		body = strings.ReplaceAll(body, "{schema}", "app")
		if strings.Contains(body, "-- ") || strings.Contains(body, "# ") {
			body += "\n"
		}
		switch r.IntN(9) {
		case 0:
			fmt.Fprintf(&b, "IF done = 0 THEN %s; ELSEIF x1 THEN SELECT 'a;b'; ELSE SET x1 = 2; END IF;\n", body)
		case 1:
			fmt.Fprintf(&b, "around: LOOP %s; LEAVE around; END LOOP around;\n", body)
		case 2:
			fmt.Fprintf(&b, "CASE x1 WHEN 1 THEN SET x1 = CASE WHEN x1 > 2 THEN 1 ELSE 2 END; ELSE %s; END CASE;\n", body)
		case 3:
			fmt.Fprintf(&b, "WHILE x1 < 0 DO %s; END WHILE;\n", body)
		case 4:
			fmt.Fprintf(&b, "REPEAT %s; UNTIL REPEAT('a', 2) = 'aa' END REPEAT;\n", body)
		case 5:
			fmt.Fprintf(&b, "k: BEGIN DECLARE EXIT HANDLER FOR SQLSTATE VALUE '23000' BEGIN %s; END; SET x1 = IF(x1, 1, 2); END k;\n", body)
		case 6:
			fmt.Fprintf(&b, "/* %d 'quoted */ %s; # don't\n", r.IntN(9), body)
		case 7:
			fmt.Fprintf(&b, "BEGIN DECLARE EXIT HANDLER FOR 1062 %s; SELECT \"rank\" AS 'desc'; END;\n", body)
		default:
			fmt.Fprintf(&b, "%s;\n", body)
		}
	}
	b.WriteString("END")
	return b.String()
}

// TestComposedBodies compares the recognizer with the newer server's parser on
// bodies put together from the case table.
func TestComposedBodies(t *testing.T) {
	s := newServers(t)
	r := rand.New(rand.NewPCG(8, 4))
	refused := 0
	for i := range 400 {
		p := Program{Kind: KindProcedure, Schema: "app", Name: "p", Body: compose(r, 1+r.IntN(4)), HasBody: true, Exact: true}
		o, err := s.judge.Opinion(t.Context(), &p)
		if err != nil {
			t.Fatal(err)
		}
		if o.Unsure {
			t.Errorf("body %d: the judge is unsure: %s\n%s", i, o.Message, p.Body)
			continue
		}
		if o.Refused {
			refused++
		}
		if got := refusedBy84(&p); got != o.Refused {
			t.Errorf("body %d: recognizer %v, server %v (%s)\n%s", i, got, o.Refused, o.Message, p.Body)
		}
	}
	if refused < 100 || refused > 350 {
		t.Errorf("%d of 400 bodies refused: the mix proves little", refused)
	}
}

// TestServersOwnBodies compares the recognizer with the newer server's parser
// on code that nobody here wrote: the routines, views and triggers of schema
// sys as 5.7 ships it.
func TestServersOwnBodies(t *testing.T) {
	db := mysqltest.Old(t).DB(t, "")
	judge, err := NewServerJudge(t.Context(), mysqltest.New(t).DB(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	defer judge.Close()
	rows, err := db.QueryContext(t.Context(), `
		SELECT LOWER(type), db, name, param_list, returns, body, sql_mode FROM mysql.proc WHERE db = 'sys'
		UNION ALL SELECT 'view', TABLE_SCHEMA, TABLE_NAME, '', '', VIEW_DEFINITION, '' FROM information_schema.VIEWS WHERE TABLE_SCHEMA = 'sys'
		UNION ALL SELECT 'trigger', TRIGGER_SCHEMA, TRIGGER_NAME, '', '', ACTION_STATEMENT, SQL_MODE FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = 'sys'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		p := Program{HasBody: true, Exact: true}
		if err := rows.Scan(&p.Kind, &p.Schema, &p.Name, &p.Params, &p.Returns, &p.Body, &p.SQLMode); err != nil {
			t.Fatal(err)
		}
		o, err := judge.Opinion(t.Context(), &p)
		if err != nil {
			t.Fatal(err)
		}
		n++
		if got := refusedBy84(&p); got != o.Refused && !o.Unsure {
			t.Errorf("%s %s: recognizer %v, server %v (%s)", p.Kind, p.Name, got, o.Refused, o.Message)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if n < 100 {
		t.Errorf("only %d bodies", n)
	}
}
