package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

func TestLiteralRefusesWhatIsNoKey(t *testing.T) {
	for _, tt := range []struct {
		c    column
		v    string
		want string // "": refused
	}{
		{column{kind: "int"}, "-5", "-5"},
		{column{kind: "decimal"}, "1.50", "1.50"},
		{column{kind: "int"}, "1 OR 1=1", ""},
		{column{kind: "datetime"}, "2026-01-01 00:00:00.123", "'2026-01-01 00:00:00.123'"},
		{column{kind: "datetime"}, "2026' OR '1", ""},
		{column{kind: "varchar", charset: "latin1"}, "C3A9", "_latin1 x'C3A9'"},
		{column{kind: "varchar", charset: "latin1"}, "", "_latin1 x''"},
		{column{kind: "varchar", charset: "latin1 x"}, "C3A9", ""},
		{column{kind: "varchar", charset: "latin1"}, "C3A", ""},
		{column{kind: "varchar", charset: "latin1"}, "' OR 1=1 -- ", ""},
		{column{kind: "binary"}, "00ff", "x'00ff'"},
		{column{kind: "enum"}, "1", ""},
		{column{kind: "double"}, "1", ""},
	} {
		got, err := tt.c.literal(tt.v)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%s %q: %q, %v; want %q", tt.c.kind, tt.v, got, err, tt.want)
		}
	}
}

func TestRangesOfKeys(t *testing.T) {
	key := []column{{name: "a", kind: "int"}, {name: "b`c", kind: "varchar", charset: "utf8mb4"}, {name: "d", kind: "int"}}
	got, err := within(key, []string{"1", "61", "2"}, []string{"9", "7A", "8"})
	want := "`a`>=1 AND (`a`>1 OR (`a`=1 AND (`b``c`>_utf8mb4 x'61' OR (`b``c`=_utf8mb4 x'61' AND `d`>2)))) AND " +
		"`a`<=9 AND (`a`<9 OR (`a`=9 AND (`b``c`<_utf8mb4 x'7A' OR (`b``c`=_utf8mb4 x'7A' AND `d`<=8))))"
	if err != nil || got != want {
		t.Errorf("%v\n got %s\nwant %s", err, got, want)
	}
	if got, err := within(key[:1], nil, nil); err != nil || got != "TRUE" {
		t.Errorf("without bounds: %q %v", got, err)
	}
	if got, err := these(key[:2], [][]string{{"1", "61"}, {"2", ""}}); err != nil || got != "(`a`=1 AND `b``c`=_utf8mb4 x'61') OR (`a`=2 AND `b``c`=_utf8mb4 x'')" {
		t.Errorf("%q %v", got, err)
	}
	if _, err := within(key, []string{"1"}, nil); err == nil {
		t.Error("a key with too few values is taken")
	}
	if got := showKey(key, []string{"1", "1B5B33316D", "2"}); got != `a=1 b`+"`"+`c="\x1b[31m" d=2` {
		t.Errorf("shown as %s", got)
	}
}

func TestWalkable(t *testing.T) {
	s := func(parts ...string) []*string {
		var out []*string
		for _, p := range parts {
			if p == "NULL" {
				out = append(out, nil)
			} else {
				out = append(out, &p)
			}
		}
		return out
	}
	known := map[string]column{"i": {name: "i", kind: "int"}, "f": {name: "f", kind: "double"}, "t": {name: "t", kind: "varchar"}}
	for _, tt := range []struct {
		name string
		rows [][]*string
		want string
	}{
		{"primary", [][]*string{s("PRIMARY", "i", "NULL"), s("u", "t", "NULL")}, "PRIMARY"},
		{"a double", [][]*string{s("PRIMARY", "f", "NULL"), s("u", "t", "NULL")}, "u"},
		{"a prefix", [][]*string{s("PRIMARY", "t", "10"), s("u", "i", "NULL")}, "u"},
		{"NULL allowed", [][]*string{s("u", "n", "NULL"), s("v", "i", "NULL"), s("v", "t", "NULL")}, "v"},
		{"half of it", [][]*string{s("u", "i", "NULL"), s("u", "n", "NULL")}, ""},
		{"none", nil, ""},
	} {
		if got, _ := walkable(tt.rows, known); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestMatches(t *testing.T) {
	for _, tt := range []struct {
		pattern, name string
		want          bool
	}{{"*", "a.b", true}, {"*", "a.b/c", true}, {"shop.*", "shop.x/y", true}, {"shop.*", "shopx", false}, {"shop.log_*", "shop.log_1", true}, {"a/?", "a/b", true}} {
		if got := matches([]string{tt.pattern}, tt.name); got != tt.want {
			t.Errorf("%q over %q: %v", tt.pattern, tt.name, got)
		}
	}
}

func TestAsSelect(t *testing.T) {
	for src, want := range map[string]string{
		"SELECT 1":          "SELECT 1",
		"select a from t;;": "it is several statements",
		"UPDATE t SET a=1, b=(SELECT c FROM x WHERE d=2) WHERE e=3 LIMIT 4": "SELECT 1 FROM t WHERE e=3 LIMIT 4",
		"UPDATE IGNORE `s` . `t` AS x SET a=1 WHERE b=2":                    "SELECT 1 FROM `s` . `t` AS x WHERE b=2",
		"UPDATE t SET a=1":                             "it changes every row",
		"UPDATE t, u SET t.a=1 WHERE t.b=u.b":          "it changes several tables",
		"UPDATE t JOIN u USING (a) SET t.a=1 WHERE b":  "it changes several tables",
		"DELETE FROM t WHERE a=1 ORDER BY b LIMIT 3":   "SELECT 1 FROM t WHERE a=1 ORDER BY b LIMIT 3",
		"DELETE t FROM t JOIN u ON t.a=u.a WHERE u.b":  "it changes several tables",
		"SELECT a INTO OUTFILE '/tmp/x' FROM t":        "it writes its result somewhere",
		"INSERT VALUES (1)":                            "it is no SELECT, UPDATE or DELETE",
		"DROP TABLE t":                                 "it is no SELECT, UPDATE or DELETE",
		"SELECT 'cut":                                  "its text is cut off",
		"SELECT 1; DROP TABLE t":                       "it is several statements",
		"SELECT ';' FROM `into` WHERE a = 'x INTO y'":  "SELECT ';' FROM `into` WHERE a = 'x INTO y'",
		"WITH x AS (SELECT 1) SELECT * FROM x":         "WITH x AS (SELECT 1) SELECT * FROM x",
		"DELETE FROM t":                                "it changes every row",
		"UPDATE t SET a = (SELECT b FROM u WHERE c=1)": "it changes every row",
	} {
		s, err := parseStatement(src)
		if err == nil {
			s, err = s.asSelect()
		}
		got := s.src
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s\n got %s\nwant %s", src, got, want)
		}
	}
}

func TestFilled(t *testing.T) {
	of := func(col string) (string, error) {
		if col == "unknown" {
			return "", errUnknownPlace
		}
		return "<" + col + ">", nil
	}
	for src, want := range map[string]string{
		"SELECT `a` FROM `t` WHERE `t` . `b` = ? AND `c` LIKE ?":         "SELECT `a` FROM `t` WHERE `t` . `b` = <b> AND `c` LIKE <c>",
		"SELECT ? FROM `t` WHERE ? < `x` . `b` LIMIT ?":                  "SELECT 1 FROM `t` WHERE <b> < `x` . `b` LIMIT 10",
		"SELECT `a` FROM `t` WHERE `b` IN (...) LIMIT ?, ...":            "SELECT `a` FROM `t` WHERE `b` IN (<b>) LIMIT 0, 10",
		"SELECT `a` FROM `t` WHERE `b` NOT IN (...) LIMIT ? OFFSET ?":    "SELECT `a` FROM `t` WHERE `b` NOT IN (<b>) LIMIT 10 OFFSET 0",
		"SELECT `a` FROM `t` WHERE `b` NOT BETWEEN ? AND ? AND `c` >= ?": "SELECT `a` FROM `t` WHERE `b` NOT BETWEEN <b> AND <b> AND `c` >= <c>",
		"SELECT NOW ( ) - INTERVAL ? SQL_TSI_DAY":                        "SELECT NOW ( ) - INTERVAL 1 SQL_TSI_DAY",
		"SELECT `f` ( ? ) FROM `t`":                                      "",
		"SELECT `a` FROM `t` WHERE `unknown` = ?":                        "",
		"SELECT `a` FROM `t` WHERE `b` = `c` + ?":                        "",
		"SELECT REPEAT (...) FROM `t`":                                   "",
		"SELECT `a` FROM `t` WHERE ( `a` , `b` ) IN ( (...) )":           "",
	} {
		s, err := parseStatement(src)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.filled(of)
		if got != want || want == "" && !errors.Is(err, errUnknownPlace) {
			t.Errorf("%s\n got %s, %v\nwant %s", src, got, err, want)
		}
	}
	s, err := parseStatement("SELECT 'secret', 42, x'00', b'1' FROM t WHERE a = \"x\" -- comment")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.withoutLiterals(), "SELECT ? , ? , ? , ? FROM t WHERE a = ?"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// patientSQL answers checks by a script, and remembers what it was asked.
type patientSQL struct {
	SQL
	wanted []WantedCheck
	check  func(ctx context.Context, name string, turn checkTurn) (checkOutcome, error)
}

func (p *patientSQL) WantedChecks() []WantedCheck { return p.wanted }

func (p *patientSQL) Check(ctx context.Context, name string, _, _ Endpoint, turn checkTurn) (checkOutcome, error) {
	return p.check(ctx, name, turn)
}

// checkEngine is an engine with one database that is ready.
func checkEngine(t *testing.T, sql *patientSQL, dir string) (*Engine, unit, *VirtualClock) {
	t.Helper()
	store := MemoryStore(nil)
	store.Dir = dir
	clock := &VirtualClock{At: time.Date(2026, 11, 23, 20, 0, 0, 0, time.UTC)}
	e := New(Config{SQL: sql, Store: store, Clock: clock})
	u := unit{key: "1/r/db", scope: "1/r", state: bluegreen.State{Stage: bluegreen.Ready, Green: "db-green-a"}}
	u.facts.ID = "db"
	return e, u, clock
}

func tickChecks(t *testing.T, e *Engine, u unit) {
	t.Helper()
	if err := e.watchChecks(t.Context(), t.Context(), []unit{u}); err != nil {
		t.Fatal(err)
	}
	e.group.Wait()
}

func TestSwitchoverWaitsForChecks(t *testing.T) {
	verdict := bluegreen.GateInconclusive
	turns := 0
	sql := &patientSQL{wanted: []WantedCheck{{"data", time.Hour}}}
	sql.check = func(_ context.Context, _ string, turn checkTurn) (checkOutcome, error) {
		var n int
		if err := turn.load(&n); err != nil {
			return checkOutcome{}, err
		}
		turns++
		if n++; n == 3 {
			return checkOutcome{Gate: &bluegreen.Gate{Name: "data", Verdict: verdict, Evidence: []string{"x"}}}, nil
		}
		return checkOutcome{Progress: "some of it"}, turn.save(n, true)
	}
	dir := t.TempDir()
	e, u, clock := checkEngine(t, sql, dir)
	hold := func(want string) {
		t.Helper()
		if got := e.checksHold(&u); !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("held because %q, want %q", got, want)
		}
	}
	hold("it waits for a check: data")
	tickChecks(t, e, u)
	hold("it waits for a check: data (some of it)")
	tickChecks(t, e, u)
	tickChecks(t, e, u)
	hold("")
	gate := func(want bluegreen.GateVerdict, asOf string) {
		t.Helper()
		g := e.checkGates(&u)
		if len(g) != 1 || g[0].Verdict != want || !g[0].Final || !strings.HasPrefix(g[0].Evidence[0], "as of "+asOf) {
			t.Errorf("the gate says %v, want %s as of %s", g, want, asOf)
		}
	}
	gate(bluegreen.GateInconclusive, "2026-11-23 20:00")
	mem := e.cfg.Store.mem.db(u.key)
	if w := mem.checkWarnings("db", "ready"); len(w) != 1 || !strings.Contains(w[0], "db: a check of its green does not pass: data: inconclusive (x)") || !mem.gates["data"] {
		t.Errorf("people are told %v", w)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "checks", "*.json")); len(files) != 0 {
		t.Errorf("progress is left of a check that has ended: %v", files)
	}
	tickChecks(t, e, u)
	if turns != 3 {
		t.Errorf("%d turns: one that said no is asked again at once", turns)
	}
	clock.At = clock.At.Add(checkAgain + time.Second)
	hold("it waits for a check")
	verdict = bluegreen.GateFail
	for range 3 {
		tickChecks(t, e, u)
	}
	hold("")
	gate(bluegreen.GateFail, "2026-11-23 20:05")
	clock.At = clock.At.Add(time.Minute)
	mem.Retry = &bluegreen.Human{At: clock.At} // mended, says somebody
	hold("it waits for a check")
	verdict = bluegreen.GatePass
	for range 3 {
		tickChecks(t, e, u)
	}
	hold("")
	gate(bluegreen.GatePass, "2026-11-23 20:06")
	if w := mem.checkWarnings("db", "ready"); len(w) != 0 {
		t.Errorf("people are told %v", w)
	}
	other := u
	other.state.Green = "db-green-b"
	if why := e.checksHold(&other); why == "" {
		t.Error("what was found of one green counts for another")
	}
	clock.At = clock.At.Add(time.Hour + time.Second)
	hold("it waits for a check")
}

// TestChecksGoOnAfterARestart: another process finds progress, and answers.
func TestChecksGoOnAfterARestart(t *testing.T) {
	dir := t.TempDir()
	var loaded []int
	sql := &patientSQL{wanted: []WantedCheck{{"data", time.Hour}}}
	sql.check = func(ctx context.Context, _ string, turn checkTurn) (checkOutcome, error) {
		var n int
		if err := turn.load(&n); err != nil {
			return checkOutcome{}, err
		}
		loaded = append(loaded, n)
		return checkOutcome{}, turn.save(n+1, true)
	}
	for range 3 {
		e, u, _ := checkEngine(t, sql, dir)
		tickChecks(t, e, u)
	}
	e, u, _ := checkEngine(t, sql, dir)
	u.state.Green = "db-green-b" // another green: from the start
	tickChecks(t, e, u)
	if diff := cmp.Diff([]int{0, 1, 2, 0}, loaded); diff != "" {
		t.Error(diff)
	}
	files, err := filepath.Glob(filepath.Join(dir, "checks", "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v %v", files, err)
	}
	if info, err := os.Stat(files[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("keys of rows lie open: %v %v", info.Mode(), err)
	}
	if err := os.WriteFile(files[0], []byte(`{"green":"db-green-b","state":"half`), 0o600); err != nil {
		t.Fatal(err)
	}
	tickChecks(t, e, u)
	if last := loaded[len(loaded)-1]; last != 0 {
		t.Errorf("a broken file is taken for progress %d", last)
	}
}

func TestCheckThatCannotGoOnRests(t *testing.T) {
	turns := 0
	sql := &patientSQL{wanted: []WantedCheck{{"data", time.Hour}}}
	sql.check = func(context.Context, string, checkTurn) (checkOutcome, error) {
		turns++
		return checkOutcome{}, errors.New("connection refused")
	}
	e, u, clock := checkEngine(t, sql, t.TempDir())
	for range 3 {
		tickChecks(t, e, u)
	}
	if why := e.checksHold(&u); turns != 1 || !strings.Contains(why, "could not go on: connection refused") {
		t.Errorf("%d turns; %s", turns, why)
	}
	clock.At = clock.At.Add(checkRest)
	tickChecks(t, e, u)
	if turns != 2 {
		t.Errorf("%d turns after a rest", turns)
	}
	u.state.Stage = bluegreen.CatchingUp
	clock.At = clock.At.Add(checkRest)
	tickChecks(t, e, u)
	if turns != 2 {
		t.Error("a green that is not ready is looked at")
	}
}

func TestCheckIsFoldedFromTheJournal(t *testing.T) {
	b, err := json.Marshal(checkData{Name: factCheck, Green: "g", Gate: bluegreen.Gate{Name: "data", Verdict: bluegreen.GatePass}})
	if err != nil {
		t.Fatal(err)
	}
	m := newMemory()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	m.fold(journal.Entry{Kind: journal.Fact, Database: "1/r/db", Data: b, At: at})
	if got := m.db("1/r/db").checks["data"]; got.Green != "g" || !got.At.Equal(at) {
		t.Errorf("%+v", got)
	}
}
