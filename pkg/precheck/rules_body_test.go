package precheck

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// ruleFindings runs one body rule over a catalog.
func ruleFindings(t *testing.T, id string, c *Catalog, hop Hop) ([]Finding, error) {
	t.Helper()
	for _, r := range bodyRules() {
		if r.ID == id {
			return r.Check(&Input{Catalog: c, Hop: hop, Index: NewIndex(c)})
		}
	}
	t.Fatalf("no rule %s", id)
	return nil, nil
}

// objects lists findings as object, and severity where it is not the rule's.
func objects(found []Finding) []string {
	var out []string
	for _, f := range found {
		s := f.Object
		if f.Severity != "" {
			s += " " + string(f.Severity)
		}
		out = append(out, s)
	}
	return out
}

func proc(name, body string) Program {
	return Program{Kind: KindProcedure, Schema: "app", Name: name, Body: body, HasBody: true, Exact: true}
}

func TestRulesDescribeThemselves(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range bodyRules() {
		if r.ID == "" || r.Title == "" || r.About == "" || r.Fix == "" || r.Source == "" || r.Doc == "" || len(r.Needs) == 0 || r.Check == nil {
			t.Errorf("%s: something is missing", r.ID)
		}
		if seen[r.ID] {
			t.Errorf("%s: twice", r.ID)
		}
		seen[r.ID] = true
	}
}

func TestHiddenBodies(t *testing.T) {
	c := catalogOf(
		proc("shown", "SELECT PASSWORD('x')"),
		Program{Kind: KindFunction, Schema: "app", Name: "hidden"},
		Program{Kind: KindEvent, Schema: "app", Name: "cut", Body: "SELECT 'it's'", HasBody: true},
	)
	c.Sections[SectionRoutines] = SectionState{Status: SectionPartial, Grant: "SELECT ON mysql.proc"}
	found, err := ruleFindings(t, "removedFunctions", c, bodyHop80)
	if diff := cmp.Diff([]string{"app.shown"}, objects(found)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	var unread unreadBodies
	if !errors.As(err, &unread) {
		t.Fatalf("error %v, want one that says what is missing", err)
	}
	for _, want := range []string{"1 bodies of routines are hidden", "1 bodies of events", "SELECT ON mysql.proc"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
}

func TestRemovedFunctionsByHopAndPlace(t *testing.T) {
	c := catalogOf(
		proc("p1", "BEGIN\n SELECT ENCODE('a','b');\n SELECT PASSWORD('c');\nEND"),
		proc("p2", "SELECT WAIT_UNTIL_SQL_THREAD_AFTER_GTIDS('')"),
		Program{Kind: KindProcedure, Schema: "sys", Name: "own", Body: "SELECT PASSWORD(1)", HasBody: true, Exact: true},
	)
	c.Columns = []Column{
		{Schema: "app", Table: "t", Name: "g", Generated: "encode(`a`,'x')"},
		{Schema: "app", Table: "t", Name: "h", Generated: "concat(`password`,' x(1)')"},
	}
	found, err := ruleFindings(t, "removedFunctions", c, bodyHop80)
	if err != nil {
		t.Fatal(err)
	}
	want := []Finding{
		{Object: "app.p1", Message: "the procedure calls ENCODE (line 2), PASSWORD (line 3)", Fix: "Write instead: ENCODE: AES_ENCRYPT."},
		{Object: "app.t.g", Message: "the generated column calls ENCODE", Fix: "Write instead: ENCODE: AES_ENCRYPT."},
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("8.0 (-want +got):\n%s", diff)
	}
	found, _ = ruleFindings(t, "removedFunctions", c, bodyHop84)
	if diff := cmp.Diff([]string{"app.p2"}, objects(found)); diff != "" {
		t.Errorf("8.4 (-want +got):\n%s", diff)
	}
}

func TestQuotedTwinIsAWarning(t *testing.T) {
	twin := Program{Kind: KindFunction, Schema: "App", Name: "Area", Body: "RETURN 1", HasBody: true, Exact: true}
	c := catalogOf(twin, proc("quoted", "SELECT `area`(1)"), proc("bare", "SELECT area(1)"), proc("both", "SELECT `area`(1), X(g)"))
	found, _ := ruleFindings(t, "removedFunctions", c, bodyHop80)
	if diff := cmp.Diff([]string{"app.quoted warning", "app.bare", "app.both"}, objects(found)); diff != "" {
		t.Error(diff)
	}
}

func TestStoredModes(t *testing.T) {
	p := proc("p", "SELECT 1")
	p.SQLMode = "PIPES_AS_CONCAT,ANSI_QUOTES,MAXDB,NO_KEY_OPTIONS,NO_AUTO_CREATE_USER"
	q := Program{Kind: KindEvent, Schema: "app", Name: "e", Body: "SELECT 1", HasBody: true, SQLMode: "NO_AUTO_VALUE_ON_ZERO,NO_AUTO_CREATE_USERS"}
	c := catalogOf(p, q)
	c.Server.SQLMode = "STRICT_TRANS_TABLES,NO_AUTO_CREATE_USER"
	found, _ := ruleFindings(t, "obsoleteSqlModeFlags", c, bodyHop80)
	want := []Finding{
		{Object: "sql_mode", Message: "the global sql_mode contains NO_AUTO_CREATE_USER", Fix: "Take NO_AUTO_CREATE_USER out of the parameter group's sql_mode."},
		{Object: "app.p", Message: "the procedure is stored with sql_mode NO_KEY_OPTIONS, NO_AUTO_CREATE_USER"},
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("obsolete (-want +got):\n%s", diff)
	}
	found, _ = ruleFindings(t, "maxdbSqlModeFlags", c, bodyHop80)
	if diff := cmp.Diff([]string{"app.p"}, objects(found)); diff != "" {
		t.Errorf("maxdb (-want +got):\n%s", diff)
	}
}

func TestChangedFunctions(t *testing.T) {
	c := catalogOf()
	c.Columns = []Column{
		{Schema: "app", Table: "t", Name: "A", Generated: "cast(`x` as signed)"},
		{Schema: "app", Table: "t", Name: "b", Generated: "convert(`x` using latin1)"},
		{Schema: "app", Table: "t", Name: "c", Generated: "concat(`cast`,'convert(')"},
		{Schema: "app", Table: "t", Name: "d", Generated: "cast(`x` as char)"},
	}
	for _, col := range []string{"a", "b", "c"} {
		c.Indexes = append(c.Indexes, IndexPart{Schema: "app", Table: "t", Index: "i" + col, Seq: 1, Column: col})
	}
	found, _ := ruleFindings(t, "changedFunctionsInGeneratedColumns", c, bodyHop80)
	if diff := cmp.Diff([]string{"app.t.A", "app.t.b"}, objects(found)); diff != "" {
		t.Error(diff)
	}
}

func TestDollarNames(t *testing.T) {
	c := catalogOf(proc("$p", "SELECT 1"), proc("q", "SELECT '$a', $b$, a$b"), proc("$r$", "SELECT $x"))
	c.Schemas = []Schema{{Name: "$s"}, {Name: "s$"}}
	c.Tables = []Table{{Schema: "app", Name: "$t"}, {Schema: "app", Name: "$t$"}, {Schema: "app", Name: "$v", View: true}}
	c.Columns = []Column{{Schema: "app", Table: "t", Name: "$c"}, {Schema: "app", Table: "t", Name: "a$c"}}
	c.Indexes = []IndexPart{{Schema: "app", Table: "t", Index: "$i", Seq: 1}, {Schema: "app", Table: "t", Index: "$i", Seq: 2}}
	found, _ := ruleFindings(t, "dollarSignName", c, bodyHop80)
	want := []string{"$s", "app.$t", "app.$v", "app.t.$c", "app.t.$i", "app.$p", "app.$r$"}
	if diff := cmp.Diff(want, objects(found)); diff != "" {
		t.Error(diff)
	}
}

func TestDynamicSQL(t *testing.T) {
	c := catalogOf(
		proc("p", "BEGIN SET @q = CONCAT('SELECT PASSWORD(', 1, ') FROM t GROUP BY a DESC'); PREPARE s FROM @q; EXECUTE s USING @x; END"),
		proc("q", "BEGIN GRANT EXECUTE ON *.* TO x; SELECT prepare, execute FROM t; END"),
	)
	found, _ := ruleFindings(t, "dynamicSql", c, bodyHop80)
	want := []Finding{{Object: "app.p", Message: "the procedure runs statements that it puts together: PREPARE, EXECUTE; its strings hold PASSWORD, DESC"}}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Error(diff)
	}
}

func TestViewText(t *testing.T) {
	view := func(name, body string) Program {
		return Program{Kind: KindView, Schema: "app", Name: name, Body: body, HasBody: true, Exact: true}
	}
	c := catalogOf(view("fine", "select 'héllo 世界'"), view("four", "select '😀'"), view("bytes", "select '\xff'"), view("mark", "select '\uFFFD'"), proc("p", "SELECT '😀'"))
	found, _ := ruleFindings(t, "invalidUtf8mb3InViews", c, bodyHop80)
	if diff := cmp.Diff([]string{"app.four", "app.bytes", "app.mark warning"}, objects(found)); diff != "" {
		t.Error(diff)
	}
}

func TestGroupOrderSeverity(t *testing.T) {
	c := catalogOf(proc("shown", "SELECT a FROM t GROUP BY a"), proc("picked", "SELECT a FROM t GROUP BY a LIMIT 1"), proc("kept", "SELECT a INTO @x FROM t GROUP BY a"))
	found, _ := ruleFindings(t, "groupByWithoutOrder", c, bodyHop80)
	if diff := cmp.Diff([]string{"app.shown", "app.picked warning"}, objects(found)); diff != "" {
		t.Error(diff)
	}
}

func TestServerOpinionOverrules(t *testing.T) {
	bad, good := proc("bad", "SELECT 1 AS rank"), proc("good", "SELECT 1")
	tests := []struct {
		name    string
		version string
		refused bool
		unsure  bool
		hop     Hop
		want    []string // of bad, then good
	}{
		{"accepted by the target", "8.0.46", false, false, bodyHop80, nil},
		{"accepted by a newer one", "9.7.4", false, false, bodyHop80, nil},
		{"refused by the target", "8.0.46", true, false, bodyHop80, []string{"app.bad", "app.good"}},
		{"refused by a newer one", "9.7.4", true, false, bodyHop80, []string{"app.bad", "app.good warning"}},
		{"unsure", "9.7.4", true, true, bodyHop80, []string{"app.bad"}},
		{"accepted by an older one", "8.0.46", false, false, bodyHop84, nil},
		{"no version", "", true, false, bodyHop80, []string{"app.bad"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, g := bad, good
			o := &ParseOpinion{Version: tt.version, Refused: tt.refused, Unsure: tt.unsure, Message: "no"}
			b.Parse, g.Parse = o, o
			found, err := ruleFindings(t, "routineSyntax", catalogOf(b, g), tt.hop)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, objects(found)); diff != "" {
				t.Error(diff)
			}
		})
	}
	later := proc("later", "SHOW MASTER STATUS")
	later.Parse = &ParseOpinion{Version: "9.7.4", Refused: true}
	if found, _ := ruleFindings(t, "routineSyntax", catalogOf(later), bodyHop80); len(found) > 0 {
		t.Errorf("what only 8.4 refuses is laid to the step to 8.0: %v", found)
	}
}

func TestApplicationSQL(t *testing.T) {
	day := time.Date(2026, 3, 4, 5, 0, 0, 0, time.UTC)
	c := catalogOf(Program{Kind: KindFunction, Schema: "shop", Name: "distance", Body: "RETURN 1", HasBody: true, Exact: true})
	c.Schemas = []Schema{{Name: "shop"}}
	c.Digests = []Digest{
		{Schema: "shop", Text: "SELECT PASSWORD (?)", Count: 5, LastSeen: day},
		{Schema: "shop", Text: "SELECT PASSWORD (?) , `a` FROM `t`", Count: 2, User: "web"},
		{Schema: "shop", Text: "SELECT `password` (?) , `distance` ( ... ) , `own` . `area` (?)", Count: 1},
		{Schema: "shop", Text: "INSERT INTO `area` ( `id` ) VALUES (...) /* , ... */", Count: 1},
		{Schema: "shop", Text: "SELECT `x` ( `g` ) FROM `t` WHERE `rank` = ?", Count: 1},
		{Schema: "shop", Text: "SELECT a AS rank FROM t", FromHistory: true, User: "cron", Count: 1},
		{Schema: "shop", Text: "SELECT `a` FROM `t` GROUP BY `a` DESC LIMIT ?", Count: 1},
		{Schema: "shop", Text: "SELECT `a` , COUNT ( * ) FROM `t` GROUP BY `a` ORDER BY `a` DESC", Count: 1},
		{Schema: "", Text: "SET SESSION `tx_isolation` = ?", Count: 1},
		{Schema: "", Text: "SELECT @@SESSION . `tx_read_only`", Count: 1},
		{Schema: "shop", Text: "SELECT ?, ... FROM . `area`", Count: 1},
		{Schema: "shop", Text: "SELECT SQL_NO_CACHE * FROM `t`", Count: 1},
		{Schema: "shop", Text: "GRANT SELECT ON `shop` . * TO ? @? IDENTIFIED BY ?", Count: 1},
		{Schema: "shop", Text: "SELECT * FROM `information_schema` . `INNODB_LOCKS`", Count: 1, Truncated: true},
		{Schema: "mysql", Text: "SELECT PASSWORD (?)", Count: 1},
	}
	c.Activity.DigestsLost = 7
	found, err := ruleFindings(t, "applicationSql", c, bodyHop80)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range found {
		first, _, _ := strings.Cut(f.Message, ";")
		got = append(got, strings.TrimSpace(f.Object+" "+string(f.Severity))+": "+first)
	}
	want := []string{
		"shop: statements call PASSWORD(), which 8.0.11 has not",
		"shop: statements call X(), which 8.0.11 has not",
		"shop: statements use RANK as a name without quotes",
		"shop: statements pick groups with LIMIT and no ORDER BY: other rows come back since 8.0.13",
		"shop: statements sort a GROUP BY with DESC, refused since 8.0.13",
		"statements: statements use the system variable tx_isolation, gone since 8.0.11",
		"statements: statements use the system variable tx_read_only, gone since 8.0.11",
		"shop: statements name .area with nothing before the dot, refused since 8.0",
		"shop: statements use GRANT ... IDENTIFIED, refused since 8.0.11",
		"shop: statements read information_schema.INNODB_LOCKS, gone since 8.0.1",
		"performance_schema notice: the picture of the applications is not whole: 7 statements were not recorded because the digest table was full",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if m := found[0].Message; !strings.Contains(m, "2 statement shapes, run 7 times by web, last seen 2026-03-04") {
		t.Errorf("the message %q does not say who, how often and when", m)
	}
	if m := found[len(found)-1].Message; !strings.Contains(m, "1 statement shape is cut short") {
		t.Errorf("coverage %q", m)
	}
}
