package precheck

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqltest"
	"github.com/rdsupgrade/rdsupgrade/internal/mysqlver"
)

// realCase is an object made on a real 5.7 server. {s} stands for the test's
// schema, {o} for a second one.
type realCase struct {
	// sql makes the object on 5.7, in sql_mode ''.
	sql []string
	// found are the findings as "check object"; an object that no case of a
	// check names must not be found by it.
	found []string
	// refused is the error with which 9.7 refuses the last statement, 0 when
	// it accepts it; skipNew leaves the newer server out.
	refused int
	skipNew bool
}

var realCases = []realCase{
	{sql: []string{"CREATE TABLE clean (id INT PRIMARY KEY, name VARCHAR(50), at DATETIME DEFAULT CURRENT_TIMESTAMP, note TEXT, KEY (name))"}},

	// Names.
	{sql: []string{"CREATE TABLE `rank` (id INT PRIMARY KEY, `groups` INT, `Lead` INT)"}, found: []string{"reservedKeywords {s}.rank", "reservedKeywords {s}.rank.groups", "reservedKeywords {s}.rank.Lead"}},
	{sql: []string{"CREATE TABLE admin (id INT PRIMARY KEY, `array` INT, member INT, persist INT, persist_only INT, full INT, ranks INT, password INT)"}},
	{sql: []string{"CREATE TABLE w1 (id INT PRIMARY KEY, qualify INT, tablesample INT)"}, refused: 1064, found: []string{"reservedKeywords {s}.w1.qualify", "reservedKeywords {s}.w1.tablesample"}},
	// MANUAL and PARALLEL are reserved in 8.4; 9.7 takes them again.
	{sql: []string{"CREATE TABLE w2 (id INT PRIMARY KEY, manual INT, parallel INT)"}, found: []string{"reservedKeywords {s}.w2.manual", "reservedKeywords {s}.w2.parallel"}},
	{sql: []string{"CREATE VIEW `window` AS SELECT 1 AS `of`"}, found: []string{"reservedKeywords {s}.window", "reservedKeywords {s}.window.of"}},
	{sql: []string{"CREATE PROCEDURE lag() SELECT 1"}, refused: 1064, found: []string{"reservedKeywords {s}.lag"}},
	{sql: []string{"CREATE TRIGGER `system` BEFORE INSERT ON clean FOR EACH ROW SET NEW.id = 1"}, found: []string{"reservedKeywords {s}.system"}},
	{sql: []string{"CREATE EVENT `except` ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 1"}, found: []string{"reservedKeywords {s}.except"}},

	// Types.
	{sql: []string{"CREATE TABLE mb3 (id INT PRIMARY KEY, three VARCHAR(10) CHARACTER SET utf8, four VARCHAR(10) CHARACTER SET utf8mb4)"}, found: []string{"utf8mb3 {s}.mb3.three"}},
	{sql: []string{"CREATE TABLE en (id INT PRIMARY KEY, a ENUM('x','" + strings.Repeat("a", 256) + "'))"}, refused: 3505, found: []string{"enumSetElementLength {s}.en.a"}},
	{sql: []string{"CREATE TABLE en2 (id INT PRIMARY KEY, a SET('x','" + strings.Repeat("é", 256) + "') CHARACTER SET utf8mb4)"}, refused: 3505, found: []string{"enumSetElementLength {s}.en2.a"}},
	{sql: []string{"CREATE PROCEDURE en_param(a ENUM('" + strings.Repeat("a", 256) + "')) SELECT 1"}, refused: 3505, found: []string{"enumSetElementLength {s}.en_param"}},
	{sql: []string{"CREATE FUNCTION en_ret() RETURNS SET('" + strings.Repeat("a", 256) + "') DETERMINISTIC RETURN 'x'"}, refused: 3505, found: []string{"enumSetElementLength {s}.en_ret"}},
	{sql: []string{"CREATE TABLE en3 (id INT PRIMARY KEY, a SET('" + strings.Repeat("''", 200) + "'), b ENUM('" + strings.Repeat(`\\\\`, 127) + "'), d ENUM('" + strings.Repeat("é", 255) + "') CHARACTER SET utf8mb4)"}},
	{sql: []string{"CREATE TABLE de (id INT PRIMARY KEY, a JSON NOT NULL DEFAULT '', b POINT NOT NULL DEFAULT '', t TEXT NOT NULL DEFAULT '', d JSON DEFAULT '')"}, refused: 1101,
		found: []string{"columnsWhichCannotHaveDefaults {s}.de.a", "columnsWhichCannotHaveDefaults {s}.de.b"}},
	{sql: []string{"CREATE TABLE fa (id FLOAT AUTO_INCREMENT PRIMARY KEY)"}, refused: 1063, found: []string{"columnDefinition {s}.fa.id"}},
	{sql: []string{"CREATE TABLE da (id DOUBLE(10,2) UNSIGNED AUTO_INCREMENT PRIMARY KEY)"}, refused: 1063, found: []string{"columnDefinition {s}.da.id", "floatMD {s}.da.id"}},
	{sql: []string{"CREATE TABLE fm (id INT PRIMARY KEY, a FLOAT(7,3), b FLOAT, d DECIMAL(10,2), e DOUBLE UNSIGNED)"}, found: []string{"floatMD {s}.fm.a", "floatMD {s}.fm.e"}},
	{sql: []string{"CREATE TABLE zf (id INT PRIMARY KEY, a INT(5) ZEROFILL, b INT(5), d ENUM('int zerofill'))"}, found: []string{"displayWidthZerofill {s}.zf.a"}},
	{sql: []string{"CREATE TABLE zd (id INT PRIMARY KEY, a DATE DEFAULT '0000-00-00', b DATETIME DEFAULT '2010-00-00 00:00:00', d DATE DEFAULT '2010-10-10', e VARCHAR(20) DEFAULT '0000-00-00')"},
		found: []string{"zeroDates {s}.zd.a", "zeroDates {s}.zd.b"}},
	{sql: []string{"CREATE TABLE zt (id INT PRIMARY KEY, a TIMESTAMP NOT NULL DEFAULT '0000-00-00 00:00:00', b DATETIME NOT NULL DEFAULT '0000-00-00', j JSON NOT NULL DEFAULT '' COMMENT 'it''s', c DATE DEFAULT '2010-00-00')"}, refused: 1101,
		found: []string{"zeroDates {s}.zt.a", "zeroDates {s}.zt.b", "zeroDates {s}.zt.c", "columnsWhichCannotHaveDefaults {s}.zt.j"}},
	{sql: []string{"CREATE TABLE nokeys (a INT NOT NULL) ENGINE=CSV"}, found: []string{"nonInnodbEngine {s}.nokeys", "tableWithoutPrimaryKey {s}.nokeys"}},
	{sql: []string{"CREATE TABLE ai (id TINYINT AUTO_INCREMENT PRIMARY KEY) AUTO_INCREMENT=120"}, found: []string{"autoIncrementNearMax {s}.ai.id"}},
	{sql: []string{"CREATE TABLE ai2 (id TINYINT UNSIGNED AUTO_INCREMENT PRIMARY KEY) AUTO_INCREMENT=120"}},
	{sql: []string{"CREATE TABLE dup (id INT PRIMARY KEY, a ENUM('x','X') CHARACTER SET utf8mb4, b ENUM('x','X') CHARACTER SET utf8mb4 COLLATE utf8mb4_bin)"}, found: []string{"duplicateEnumValues {s}.dup.a"}},

	// Tables and partitions.
	{sql: []string{"CREATE TABLE nopk (a INT)"}, found: []string{"tableWithoutPrimaryKey {s}.nopk"}},
	{sql: []string{"CREATE TABLE nopk2 (a INT, UNIQUE (a))"}, found: []string{"tableWithoutPrimaryKey {s}.nopk2"}},
	{sql: []string{"CREATE TABLE pk2 (a INT NOT NULL, UNIQUE (a))"}},
	{sql: []string{"CREATE TABLE my (id INT PRIMARY KEY) ENGINE=MyISAM"}, found: []string{"nonInnodbEngine {s}.my"}},
	{sql: []string{"CREATE TABLE zc (id INT PRIMARY KEY) ROW_FORMAT=COMPRESSED"}, found: []string{"compressedRowFormat {s}.zc", "innodbRowFormat {s}.zc"}},
	{sql: []string{"CREATE TABLE mp (id INT PRIMARY KEY) ENGINE=MyISAM PARTITION BY HASH (id) PARTITIONS 2"}, refused: 1178, found: []string{"nonNativePartitioning {s}.mp", "nonInnodbEngine {s}.mp"}},
	{sql: []string{"CREATE TABLE ip (id INT PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 2"}},
	{sql: []string{"CREATE TABLE sp (id INT PRIMARY KEY) TABLESPACE innodb_system PARTITION BY HASH (id) PARTITIONS 2"}, refused: 1478, found: []string{"partitionedTablesInSharedTablespaces {s}.sp"}},
	{sql: []string{"CREATE TABLE ss (id INT PRIMARY KEY) TABLESPACE innodb_system"}},
	{sql: []string{"CREATE TABLE b1 (d DATE PRIMARY KEY) PARTITION BY RANGE COLUMNS (d) (PARTITION p0 VALUES LESS THAN ('2020/01/01'))"}, refused: 1654, found: []string{"deprecatedTemporalDelimiter {s}.b1"}},
	{sql: []string{"CREATE TABLE b2 (d DATETIME PRIMARY KEY) PARTITION BY LIST COLUMNS (d) (PARTITION p0 VALUES IN ('2020-01-01','2020.01.02'))"}, refused: 1654, found: []string{"deprecatedTemporalDelimiter {s}.b2"}},
	{sql: []string{"CREATE TABLE b3 (d DATETIME PRIMARY KEY) PARTITION BY RANGE COLUMNS (d) (PARTITION p0 VALUES LESS THAN ('2020-01-01  10:00:00'))"}, refused: 1654, found: []string{"deprecatedTemporalDelimiter {s}.b3"}},
	{sql: []string{"CREATE TABLE b4 (d DATETIME PRIMARY KEY) PARTITION BY RANGE COLUMNS (d) (PARTITION p0 VALUES LESS THAN ('2020-01-01'), PARTITION p1 VALUES LESS THAN ('2020-01-02 10:00:00')," +
		" PARTITION p2 VALUES LESS THAN ('2020-01-03T10:00'), PARTITION p3 VALUES LESS THAN ('20200201'), PARTITION p4 VALUES LESS THAN ('2020-2-3 1:2:3.5'), PARTITION p5 VALUES LESS THAN (MAXVALUE))"}},
	{sql: []string{"CREATE TABLE b5 (`we``ird` DATE PRIMARY KEY) PARTITION BY RANGE (TO_DAYS(`we``ird`)) (PARTITION p0 VALUES LESS THAN (TO_DAYS('2020/01/01')))"}},
	{sql: []string{"CREATE TABLE b6 (i INT, d DATETIME, s VARCHAR(20), PRIMARY KEY (i,d,s)) PARTITION BY RANGE COLUMNS (i,d,s) (PARTITION p0 VALUES LESS THAN (1,'2020-01-01','2020/01/01'))"}},
	{sql: []string{"CREATE TABLE b7 (i INT, d DATETIME, s VARCHAR(20), PRIMARY KEY (i,d,s)) PARTITION BY RANGE COLUMNS (i,d,s) (PARTITION p0 VALUES LESS THAN (1,'2020#01#01','x'))"}, refused: 1654, found: []string{"deprecatedTemporalDelimiter {s}.b7"}},
	{sql: []string{"CREATE TABLE k1 (a VARCHAR(300), b VARCHAR(20) PRIMARY KEY, KEY (a(10))) PARTITION BY KEY () PARTITIONS 2"}, refused: 6123, found: []string{"partitionsWithPrefixKeys {s}.k1"}},
	{sql: []string{"CREATE TABLE k2 (a VARCHAR(300), b VARCHAR(20) PRIMARY KEY, KEY (a(10))) PARTITION BY KEY (b) PARTITIONS 2"}},
	{sql: []string{"CREATE TABLE k3 (b VARCHAR(20) PRIMARY KEY, KEY (b(10))) PARTITION BY LINEAR KEY (b) PARTITIONS 2"}, refused: 6123, found: []string{"partitionsWithPrefixKeys {s}.k3"}},
	{sql: []string{"CREATE TABLE k4 (a INT, b VARCHAR(20), PRIMARY KEY (a,b), KEY (b(10))) PARTITION BY RANGE (a) SUBPARTITION BY KEY (b) (PARTITION p0 VALUES LESS THAN (10))"}},

	// Keys.
	{sql: []string{"CREATE TABLE p1 (id INT PRIMARY KEY, a INT, b INT, UNIQUE twin (a), KEY plain (a), KEY ba (b,a), UNIQUE ab (a,b))",
		"CREATE TABLE c1 (id INT PRIMARY KEY, x INT, CONSTRAINT c1_ok FOREIGN KEY (x) REFERENCES p1 (a))"}},
	{sql: []string{"CREATE TABLE c2 (id INT PRIMARY KEY, x INT, CONSTRAINT c2_bad FOREIGN KEY (x) REFERENCES p1 (b))"}, refused: 6125, found: []string{"foreignKeyReferences {s}.c2_bad"}},
	{sql: []string{"CREATE TABLE c3 (id INT PRIMARY KEY, x INT, y INT, CONSTRAINT c3_ok FOREIGN KEY (x,y) REFERENCES p1 (a,b))"}},
	{sql: []string{"CREATE TABLE c4 (id INT PRIMARY KEY, x INT, y INT, CONSTRAINT c4_bad FOREIGN KEY (x,y) REFERENCES p1 (b,a))"}, refused: 6125, found: []string{"foreignKeyReferences {s}.c4_bad"}},
	{sql: []string{"CREATE TABLE {o}.far (id INT PRIMARY KEY, a INT, KEY (a))", "CREATE TABLE c5 (id INT PRIMARY KEY, x INT, CONSTRAINT c5_far FOREIGN KEY (x) REFERENCES {o}.far (a))"}, refused: 6125,
		found: []string{"foreignKeyReferences {s}.c5_far"}},
	{sql: []string{"CREATE TABLE {o}.far2 (id INT PRIMARY KEY)", "CREATE TABLE c6 (id INT PRIMARY KEY, x INT, CONSTRAINT c6_far FOREIGN KEY (x) REFERENCES {o}.far2 (id))"}},
	{sql: []string{"CREATE TABLE `long890123456789012345678901234567890123456789012345678901234é` (id INT PRIMARY KEY, x INT, FOREIGN KEY (x) REFERENCES p1 (id))"}, skipNew: true,
		found: []string{"foreignKeyLength {s}.long890123456789012345678901234567890123456789012345678901234é_ibfk_1"}},
	{sql: []string{"CREATE TABLE `é234567890123456789012345678901234567890123456789012345` (id INT PRIMARY KEY, x INT, FOREIGN KEY (x) REFERENCES p1 (id))"}},
	{sql: []string{"SET foreign_key_checks=0", "CREATE TABLE c7 (id INT PRIMARY KEY, x INT, CONSTRAINT c7_gone FOREIGN KEY (x) REFERENCES nosuch (id))", "SET foreign_key_checks=1"}, skipNew: true,
		found: []string{"invalidEngineForeignKey {s}.c7_gone"}},
	{sql: []string{"CREATE TABLE g1 (id INT PRIMARY KEY, g GEOMETRY NOT NULL, KEY gp (g(20)))"}, refused: 1089, found: []string{"prefixIndexOnGeometry {s}.g1.gp"}},
	{sql: []string{"CREATE TABLE g2 (id INT PRIMARY KEY, g GEOMETRY NOT NULL, SPATIAL KEY gs (g))"}, found: []string{"spatialIndex {s}.g2.gs"}},
	{sql: []string{"CREATE TABLE tt (id INT PRIMARY KEY, a TINYTEXT, KEY (a(200))) CHARACTER SET utf8mb4"}, refused: 0, skipNew: true},

	// InnoDB's own dictionary.
	{sql: []string{"CREATE TABLE ft (id INT PRIMARY KEY, t TEXT, FULLTEXT KEY f (t))", "ALTER TABLE ft DROP KEY f"}, found: []string{"danglingFulltextIndex {s}.ft"}},
	{sql: []string{"CREATE TABLE ft2 (id INT PRIMARY KEY, t TEXT, FULLTEXT KEY f (t))"}},
	{sql: []string{"CREATE TABLE ft3 (FTS_DOC_ID BIGINT UNSIGNED NOT NULL PRIMARY KEY, t TEXT)"}},
	{sql: []string{"CREATE TABLE ft4 (id INT PRIMARY KEY, t TEXT, FULLTEXT KEY f (t))", "ALTER TABLE ft4 DROP KEY f", "ALTER TABLE ft4 FORCE"}},
	{sql: []string{"CREATE TABLE `naïve-tbl #1 @0v` (id INT PRIMARY KEY)"}},
	{sql: []string{"CREATE TABLE `日本語 ß ÿ Ж €` (id INT PRIMARY KEY)"}},
	{sql: []string{"CREATE TABLE MixedCase (Id INT PRIMARY KEY, FooBar INT)"}},

	// Programs.
	{sql: []string{"CREATE DEFINER='nobody_there'@'%' PROCEDURE orphan_definer() SELECT 1"}, found: []string{"missingDefiner {s}.orphan_definer"}},
	{sql: []string{"CREATE EVENT ev ON SCHEDULE EVERY 1 DAY DO SELECT 1"}, found: []string{"enabledEvent {s}.ev"}},
	{sql: []string{"CREATE EVENT ev2 ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 1"}},
	{sql: []string{"CREATE TABLE ts (id INT PRIMARY KEY, lone VARCHAR(10) COLLATE utf8mb4_bin)", "CREATE TABLE ts2 (id INT PRIMARY KEY, coll VARCHAR(10) CHARACTER SET utf8mb4)",
		"CREATE TABLE ts3 (id INT PRIMARY KEY, coll VARCHAR(10) CHARACTER SET utf8mb4)", "CREATE TABLE ts4 (id INT PRIMARY KEY, coll VARCHAR(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci)"},
		found: []string{"collationMismatch {s}.ts4.coll"}},
}

// TestRulesOnRealServers makes every object on a real 5.7, reads the server as
// the tool does, and wants exactly the expected findings of every check that
// the cases speak of. The newer server then says whether it really refuses.
func TestRulesOnRealServers(t *testing.T) {
	old := mysqltest.Old(t)
	admin := old.DB(t, "")
	other, schema := mysqltest.Schema(t, admin), mysqltest.Schema(t, admin)
	mysqltest.Exec(t, admin, "ALTER DATABASE "+schema+" CHARACTER SET utf8mb4", "ALTER DATABASE "+other+" CHARACTER SET utf8mb4")
	db := old.DB(t, schema)
	db.SetMaxOpenConns(1)
	mysqltest.Exec(t, db, "SET NAMES utf8mb4", "SET sql_mode=''", "SET explicit_defaults_for_timestamp=1")
	place := strings.NewReplacer("{s}", schema, "{o}", other)
	want := map[string][]string{}
	for _, rc := range realCases {
		for _, s := range rc.sql {
			if _, err := db.Exec(place.Replace(s)); err != nil {
				t.Fatalf("5.7 refuses %s: %v", s, err)
			}
		}
		for _, f := range rc.found {
			check, object, _ := strings.Cut(place.Replace(f), " ")
			want[check] = append(want[check], object)
		}
	}

	c, err := Read(t.Context(), targetOf(old.Config("")), ReadOptions{Schemas: []string{schema, other}, MaxThreadsRunning: -1})
	if err != nil {
		t.Fatal(err)
	}
	route, err := RouteFor(mysqlver.MustParse(c.Server.Version), mysqlver.MustParse("8.4"))
	if err != nil {
		t.Fatal(err)
	}
	rep := Judge(c, route, Policy{}, JudgeOptions{})
	for _, ch := range rep.Checks {
		if ch.Status == StatusError {
			t.Errorf("%s could not run: %s", ch.ID, ch.Reason)
		}
		got := ownObjects(&ch, schema, other)
		expected := slices.Sorted(slices.Values(want[ch.ID]))
		delete(want, ch.ID)
		// Checks about the server speak of no object of ours.
		if !cmp.Equal(got, expected) {
			t.Errorf("%s (-want +got):\n%s", ch.ID, cmp.Diff(expected, got))
		}
	}
	for check := range want {
		t.Errorf("no check is called %s", check)
	}
	mendOnRealServer(t, db, rep, []string{schema, other}, old, route)
}

// mendOnRealServer runs every statement that the findings propose and reads
// again: what had a statement must be gone, and nothing new have come.
func mendOnRealServer(t *testing.T, db *sql.DB, rep Report, schemas []string, server *mysqltest.Server, route []Hop) {
	t.Helper()
	mysqltest.Exec(t, db, "SET sql_mode=DEFAULT", "SET explicit_defaults_for_timestamp=DEFAULT") // as whoever runs a fix script
	mended := map[string]bool{}
	for _, ch := range rep.Checks {
		for _, f := range ch.Findings {
			if f.FixSQL == "" || !slices.Contains(schemas, f.Schema) {
				continue
			}
			if _, err := db.Exec(f.FixSQL); err != nil && !mended[f.FixSQL] {
				t.Errorf("%s: %s: %v", ch.ID, f.FixSQL, err)
			}
			mended[f.FixSQL] = true
		}
	}
	c, err := Read(t.Context(), targetOf(server.Config("")), ReadOptions{Schemas: schemas, MaxThreadsRunning: -1})
	if err != nil {
		t.Fatal(err)
	}
	diff := Compare(rep, Judge(c, route, Policy{}, JudgeOptions{}))
	for _, ch := range diff.Unchanged {
		if ch.Finding.FixSQL != "" && slices.Contains(schemas, ch.Finding.Schema) {
			t.Errorf("%s still finds %s after %s", ch.Check, ch.Finding.Object, ch.Finding.FixSQL)
		}
	}
	for _, ch := range diff.New {
		if slices.Contains(schemas, ch.Finding.Schema) {
			t.Errorf("after mending, %s finds %s: %s", ch.Check, ch.Finding.Object, ch.Finding.Message)
		}
	}
}

// ownObjects are the sorted objects of a check in the test's schemas.
func ownObjects(ch *CheckResult, schemas ...string) []string {
	var out []string
	for _, f := range ch.Findings {
		if slices.Contains(schemas, f.Schema) && !slices.Contains(out, f.Object) {
			out = append(out, f.Object)
		}
	}
	slices.Sort(out)
	return out
}

// TestCasesOnNewServer asks the newer server whether it refuses what the cases
// say, so that no finding rests on a list alone.
func TestRealCasesOnNewServer(t *testing.T) {
	server := mysqltest.New(t)
	admin := server.DB(t, "")
	other, schema := mysqltest.Schema(t, admin), mysqltest.Schema(t, admin)
	db := server.DB(t, schema)
	db.SetMaxOpenConns(1)
	mysqltest.Exec(t, db, "SET NAMES utf8mb4", "SET sql_mode=''")
	place := strings.NewReplacer("{s}", schema, "{o}", other)
	for _, rc := range realCases {
		if rc.skipNew {
			continue
		}
		for i, s := range rc.sql {
			_, err := db.Exec(place.Replace(s))
			code, last := 0, i == len(rc.sql)-1
			var me *mysql.MySQLError
			switch {
			case errors.As(err, &me):
				code = int(me.Number)
			case err != nil:
				t.Fatal(err)
			}
			if want := map[bool]int{true: rc.refused}[last]; code != want {
				t.Errorf("9.7 answers %d (%v) to %s, the case says %d", code, err, fmt.Sprintf("%.150s", s), want)
			}
		}
	}
}

// TestTemporalBoundsOnServers: of the bounds that 5.7 takes, the rule flags
// just those that the newer server refuses.
func TestTemporalBoundsOnServers(t *testing.T) {
	oldDB, newDB := mysqltest.Old(t).DB(t, ""), mysqltest.New(t).DB(t, "")
	schemas := map[*sql.DB]string{oldDB: mysqltest.Schema(t, oldDB), newDB: mysqltest.Schema(t, newDB)}
	accepts := func(db *sql.DB, bound string, n int) bool {
		_, err := db.Exec(fmt.Sprintf("CREATE TABLE %s.b%d (d DATETIME) PARTITION BY RANGE COLUMNS (d) (PARTITION p0 VALUES LESS THAN (%s))", schemas[db], n, quoteString(bound)))
		var me *mysql.MySQLError
		if err != nil && (!errors.As(err, &me) || me.Number != 1654) {
			t.Fatalf("bound %q: %v", bound, err)
		}
		return err == nil
	}
	var bounds []string
	for _, date := range []string{"2020-01-03", "2020-1-3", "20-01-03", "20200103", "2020/01/03", "2020.01.03", "2020-01/03", "2020--01-03", " 2020-01-03", "2020:01:03", "200103"} {
		for _, clock := range []string{"", " ", " 10", " 10:00", " 10:00:00", " 1:2:3", "T10:00:00", "t10:00:00", "  10:00:00", " 10.00.00", " 10:00:00.5", " 10:00:00.", " 10:00.5", " 100000", "T100000", " 10:00:00 ", "-10:00:00", " 10-00-00", "\t10:00:00", "100000", "100000.5"} {
			bounds = append(bounds, date+clock)
		}
	}
	taken := 0
	for i, b := range bounds {
		if !accepts(oldDB, b, i) {
			continue
		}
		taken++
		if got, want := standardTemporal(b), accepts(newDB, b, i); got != want {
			t.Errorf("the rule accepts %q: %v, the newer server: %v", b, got, want)
		}
	}
	if taken < 50 {
		t.Errorf("5.7 takes only %d bounds", taken)
	}
}
