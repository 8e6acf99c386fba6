package precheck

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqltest"
	"github.com/rdsupgrade/rdsupgrade/internal/mysqlver"
)

// cleanSchema is an application's schema with nothing to complain of, and with
// much that looks like it.
var cleanSchema = []string{
	"CREATE DATABASE app CHARACTER SET utf8mb4",
	"USE app",
	"CREATE TABLE customer (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, email VARCHAR(190) NOT NULL, password VARCHAR(100), status ENUM('new','it''s','rank') NOT NULL DEFAULT 'new'," +
		" created TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, born DATE, balance DECIMAL(12,2) NOT NULL DEFAULT '0.00', ratio DOUBLE, doc JSON, note TEXT, UNIQUE KEY (email), FULLTEXT KEY (note))",
	"CREATE TABLE `ordér-line` (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, customer_id BIGINT UNSIGNED NOT NULL, qty INT(11) NOT NULL, flag TINYINT(1)," +
		" total DECIMAL(12,2) GENERATED ALWAYS AS (qty * 2) VIRTUAL, KEY (customer_id), CONSTRAINT fk_customer FOREIGN KEY (customer_id) REFERENCES customer (id))",
	"CREATE TABLE log (id BIGINT NOT NULL, at DATETIME(3) NOT NULL, msg VARCHAR(255), PRIMARY KEY (id, at)) PARTITION BY RANGE COLUMNS (at) (PARTITION p0 VALUES LESS THAN ('2026-01-01'), PARTITION p1 VALUES LESS THAN (MAXVALUE))",
	"CREATE VIEW recent AS SELECT c.email, COUNT(*) AS n FROM customer c JOIN `ordér-line` l ON l.customer_id = c.id GROUP BY c.email ORDER BY n DESC",
	"CREATE PROCEDURE tidy(IN days INT) BEGIN DELETE FROM log WHERE at < NOW() - INTERVAL days DAY; SELECT 'GROUP BY x DESC, PASSWORD(1)' AS note; END",
	"CREATE FUNCTION twice(x INT) RETURNS INT DETERMINISTIC RETURN 2 * x",
	"CREATE TRIGGER customer_bi BEFORE INSERT ON customer FOR EACH ROW SET NEW.email = LOWER(NEW.email)",
}

// TestServerOnRealServer changes what belongs to the server on one of its own:
// clean, it is ready without a warning; then each change must be found.
func TestServerOnRealServer(t *testing.T) {
	server := mysqltest.Private(t, mysqltest.SideOld, mysqltest.Options{LowerCaseTableNames: 1})
	db := server.DB(t, "")
	db.SetMaxOpenConns(1)
	mysqltest.Exec(t, db, "SET NAMES utf8mb4")
	mysqltest.Exec(t, db, cleanSchema...)

	judge := func(target string) Report {
		t.Helper()
		c, err := Read(t.Context(), targetOf(server.Config("")), ReadOptions{CheckTables: true, SampleZeroDates: 100, MaxThreadsRunning: -1})
		if err != nil {
			t.Fatal(err)
		}
		route, err := RouteFor(mysqlver.MustParse(c.Server.Version), mysqlver.MustParse(target))
		if err != nil {
			t.Fatal(err)
		}
		return Judge(c, route, Policy{}, JudgeOptions{})
	}
	dir := dataDir(t, server)
	clean := map[string][]string{}
	for _, target := range []string{"8.0.46", "8.4"} {
		rep := judge(target)
		if rep.Verdict != Ready {
			t.Errorf("the clean server to %s: %s %+v", target, rep.Verdict, rep.Summary)
		}
		for _, ch := range rep.Checks {
			if ch.Status == StatusError || ch.Status == StatusFailed && ch.Severity != Notice {
				t.Errorf("the clean server to %s: %s is %s (%s) %s %+v", target, ch.ID, ch.Status, ch.Severity, ch.Reason, ch.Findings)
			}
			clean[ch.ID] = allObjects(&ch)
		}
	}

	mysqltest.Exec(t, db,
		"CREATE TABLE mysql.routines (id INT)", "CREATE TABLE mysql.routines_of_mine (id INT)",
		"CREATE TABLE sys.mine (id INT PRIMARY KEY)", "CREATE VIEW sys.my_view AS SELECT 1",
		"CREATE DATABASE gone CHARACTER SET utf8mb4", "CREATE PROCEDURE gone.p() SELECT 1", "CREATE EVENT gone.e ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 1",
		"UPDATE mysql.proc SET db = 'went' WHERE db = 'gone'", "UPDATE mysql.event SET db = 'went' WHERE db = 'gone'",
		"CREATE EVENT app.blank ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 1", "UPDATE mysql.event SET definer = '' WHERE name = 'blank'",
		"CREATE TABLESPACE general ADD DATAFILE 'general.ibd' ENGINE=InnoDB",
		"CREATE TABLE app.shared (id INT PRIMARY KEY) PARTITION BY HASH (id) (PARTITION p0 TABLESPACE general, PARTITION p1)",
		"CREATE TABLESPACE circle ADD DATAFILE '../"+dir+"/../"+dir+"/circle.ibd' ENGINE=InnoDB",
		"CREATE USER ''@'nowhere'", "CREATE USER 'sha'@'%' IDENTIFIED WITH sha256_password BY 'x-1-Y-2'", "CREATE USER 'mysql_router9'@'%' IDENTIFIED BY 'x'",
		"SET GLOBAL query_cache_size = 8388608", "SET GLOBAL expire_logs_days = 7", "SET GLOBAL tx_isolation = 'READ-COMMITTED'", "SET GLOBAL internal_tmp_disk_storage_engine = 'MYISAM'",
		"SET GLOBAL optimizer_switch = 'mrr=off'", "SET GLOBAL sql_mode = 'STRICT_TRANS_TABLES'", "SET GLOBAL innodb_io_capacity = 900",
		"SET SESSION sql_mode = ''", "CREATE TABLE app.zero (id INT PRIMARY KEY, d DATE)", "INSERT INTO app.zero VALUES (1, '0000-00-00'), (2, '2020-01-01')",
		"XA START 'one'", "INSERT INTO app.zero VALUES (3, NULL)", "XA END 'one'", "XA PREPARE 'one'")
	rep := judge("8.4")
	mysqltest.Exec(t, db, "XA ROLLBACK 'one'")

	want := map[string][]string{
		"mysqlSchema":                          {"mysql.routines"},
		"sysSchemaObjects":                     {"sys.mine", "sys.my_view"},
		"orphanedObjects":                      {"went.e", "went.p"},
		"eventDefiner":                         {"app.blank"},
		"partitionedTablesInSharedTablespaces": {"app.shared"},
		"circularDirectory":                    {"circle"},
		"weakAccounts":                         {"@nowhere"},
		"authMethodUsage":                      {"@nowhere", "sha@%"},
		"deprecatedRouterAuthMethod":           {"mysql_router9@%"},
		"removedSysVars":                       {"expire_logs_days", "internal_tmp_disk_storage_engine", "query_cache_size", "tx_isolation"},
		"optimizerSwitch":                      {"optimizer_switch"},
		"zeroDates":                            {"sql_mode"},
		"zeroDateData":                         {"app.zero.d"},
		"preparedXA":                           {"0x6F6E65 (format 1)"},
	}
	for _, ch := range rep.Checks {
		if ch.Status == StatusError {
			t.Errorf("%s could not run: %s", ch.ID, ch.Reason)
		}
		var more []string
		for _, o := range allObjects(&ch) {
			if !slices.Contains(clean[ch.ID], o) {
				more = append(more, o)
			}
		}
		if _, named := want[ch.ID]; !named && bodyChecks[ch.ID] {
			continue
		}
		if d := cmp.Diff(want[ch.ID], more); d != "" {
			t.Errorf("%s (-want +got):\n%s", ch.ID, d)
		}
		if ch.ID == "sysVarsNewDefaults" && slices.Contains(allObjects(&ch), "innodb_io_capacity") {
			t.Error("a variable that was set counts as left alone")
		}
	}
}

// bodyChecks depend on sql_mode and bodies, which other tests judge.
var bodyChecks = set("obsoleteSqlModeFlags", "applicationSql", "groupByWithoutOrder")

func allObjects(ch *CheckResult) []string {
	var out []string
	for _, f := range ch.Findings {
		if !slices.Contains(out, f.Object) {
			out = append(out, f.Object)
		}
	}
	slices.Sort(out)
	return out
}

// dataDir is the last element of the server's data directory.
func dataDir(t *testing.T, s *mysqltest.Server) string {
	t.Helper()
	var dir string
	if err := s.DB(t, "").QueryRow("SELECT SUBSTRING_INDEX(SUBSTRING_INDEX(TRIM(TRAILING '/' FROM REPLACE(@@datadir, '\\\\', '/')), '/', -1), '/', 1)").Scan(&dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestJudgeWithSelectOnly: what an account with SELECT alone cannot see is
// inconclusive and names its grant; the rest is judged.
func TestJudgeWithSelectOnly(t *testing.T) {
	server := mysqltest.Old(t)
	account := server.Account(t, "SELECT ON *.*")
	c, err := Read(t.Context(), targetOf(account), ReadOptions{Schemas: []string{"nosuch"}, MaxThreadsRunning: -1})
	if err != nil {
		t.Fatal(err)
	}
	route, err := RouteFor(mysqlver.MustParse(c.Server.Version), mysqlver.MustParse("8.4"))
	if err != nil {
		t.Fatal(err)
	}
	rep := Judge(c, route, Policy{}, JudgeOptions{})
	if rep.Verdict != Unknown {
		t.Errorf("the verdict is %s", rep.Verdict)
	}
	status := map[string]Status{}
	for _, ch := range rep.Checks {
		status[ch.ID] = ch.Status
		if ch.Status == StatusError && (ch.Grant == "" || ch.Reason == "") {
			t.Errorf("%s is inconclusive without a grant: %q", ch.ID, ch.Reason)
		}
	}
	for id, want := range map[string]Status{
		"schemaInconsistency": StatusError, "circularDirectory": StatusError, "historyListLength": StatusError, "triggerDefiner": StatusError,
		"oldTemporal": StatusPassed, "mysqlSchema": StatusPassed, "eventDefiner": StatusPassed, "removedSysVars": StatusPassed,
	} {
		if status[id] != want {
			t.Errorf("%s is %s, want %s", id, status[id], want)
		}
	}
}
