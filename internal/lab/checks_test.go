package lab

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

// checksLab is a lab with a green that replicates and a load on blue.
func checksLab(t *testing.T, rate int) (*Lab, string) {
	t.Helper()
	l := startLab(t, Config{})
	d := l.build(t)
	if rate > 0 {
		load, err := StartLoad(l.Endpoint("orders"), App, rate)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(load.Stop)
		await(t, "the load runs", func() bool { return load.Acked() > rate })
	}
	return l, strings.TrimPrefix(d.Target, "arn:aws:rds:"+Region+":"+AccountID+":db:")
}

// checked takes turns of a check until it has an answer.
func checked(t *testing.T, l *Lab, a *fleet.Access, green, name string) bluegreen.Gate {
	t.Helper()
	g, _, err := fleet.CheckNow(t.Context(), a, name, endpointOf(t, l, "orders"), endpointOf(t, l, green), 2*time.Second, func(p string) { t.Log(p) })
	if err != nil {
		t.Fatal(err)
	}
	t.Log(g)
	return g
}

// zoo is a table with a column of every type that servers might read
// differently, made on blue and brought to green by replication.
var zoo = []string{
	"CREATE TABLE zoo (id INT PRIMARY KEY, f FLOAT, f2 FLOAT(7,4), d DOUBLE, d2 DOUBLE(10,2), dc DECIMAL(30,10), j JSON, b1 BIT(1), b64 BIT(64), " +
		"bin BINARY(8), vb VARBINARY(20), bl LONGBLOB, tx MEDIUMTEXT, g GEOMETRY, p POINT, ts TIMESTAMP(3) NULL, dt DATETIME(6), tm TIME(2), y YEAR, " +
		"e ENUM('a','b','ü'), s SET('x','y','z'), c CHAR(10) CHARACTER SET utf8, l VARCHAR(10) CHARACTER SET latin1, u VARCHAR(10) CHARACTER SET utf8mb4, " +
		"uc VARCHAR(10) CHARACTER SET ucs2, long_text VARCHAR(3000), bu BIGINT UNSIGNED, gv INT AS (id*2) VIRTUAL, gs VARCHAR(20) AS (CONCAT(l,'x')) STORED, " +
		"sj VARCHAR(10) CHARACTER SET sjis, ti TINYINT(1), dz DATE, zf INT(8) ZEROFILL, `a``b \"c` INT) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4",
	"INSERT INTO zoo (id,f,f2,d,d2,dc,j,b1,b64,bin,vb,bl,tx,g,p,ts,dt,tm,y,e,s,c,l,u,uc,long_text,bu,sj,ti,dz,zf,`a``b \"c`) VALUES " +
		`(1,1.1234567,123.45678,1e100/3,12.345,1.5,'{"b":1,"aa":[1.0,2.50,1e20,"x\\u00e9",null,true,-0.0,12345678901234567890,0.1]}',b'1',` +
		"b'1111111111111111111111111111111111111111111111111111111111111111','ab','a ',x'00ff','text',ST_GeomFromText('POINT(1 2)'),ST_GeomFromText('POINT(3 4)',0)," +
		"'2026-03-29 01:30:00.123','2026-01-01 00:00:00.123456','-12:34:56.78',1999,'ü','x,z','é ','ü','😀','ü',REPEAT('é',2999),18446744073709551615,x'8341',1,'0000-00-00',42,7)," +
		"(2,-0.0,NULL,0.1,NULL,-0.0000000001,'[]',b'0',NULL,NULL,'','','',NULL,NULL,'1970-01-01 00:00:01','0000-00-00 00:00:00','838:59:59',0,'nope','','','','','','',0,'',0,'2026-00-00',NULL,NULL)," +
		"(3,3.4e38,NULL,1.7976931348623157e308,NULL,NULL,'\"2020-01-01\"',NULL,b'101',NULL,NULL,NULL,NULL,ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))',4326),NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL)",
	"INSERT INTO zoo (id,f,d,j) VALUES (4,1e-10,123456789.123456789,CAST(CAST('2020-01-01 10:00:00.5' AS DATETIME(6)) AS JSON)), (5,16777216,1e15,JSON_ARRAY(1.5e0, CAST(1.50 AS DECIMAL(5,2)), 1e300, 1e-7, 100000000000000000000e0, 2e0)), (6,0,0,'3.0'), (7,0,0,CAST(3e0 AS JSON))",
	// Keys of every kind, names that must be quoted, and tables without a key.
	"CREATE TABLE `k``1 \"; drop` (a VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_german1_ci NOT NULL, `b``c` DATETIME(3) NOT NULL, v INT, PRIMARY KEY (a, `b``c`)) ENGINE=InnoDB",
	"INSERT INTO `k``1 \"; drop` SELECT CONCAT(HEX(id), CHAR(228 USING latin1), n), CURRENT_TIMESTAMP(3), n FROM writes LIMIT 700",
	"CREATE TABLE k2 (id BINARY(16) NOT NULL, d DECIMAL(20,4) NOT NULL, v VARCHAR(10), PRIMARY KEY (id, d)) ENGINE=InnoDB PARTITION BY KEY () PARTITIONS 4",
	"INSERT INTO k2 SELECT UNHEX(MD5(n)), n/3, n FROM writes LIMIT 700",
	"CREATE TABLE no_key (a INT, b VARCHAR(10)) ENGINE=InnoDB",
	"INSERT INTO no_key VALUES (1,'x'),(1,'x'),(NULL,NULL)",
	"CREATE TABLE enum_key (e ENUM('z','a') NOT NULL PRIMARY KEY, v INT) ENGINE=InnoDB",
	"INSERT INTO enum_key VALUES ('z',1),('a',2)",
	"CREATE TABLE uniq (u INT NOT NULL, v INT, UNIQUE KEY (v), UNIQUE KEY u (u)) ENGINE=InnoDB",
	"INSERT INTO uniq VALUES (1,NULL),(2,2),(-5,NULL)",
	"CREATE TABLE nothing (id INT PRIMARY KEY) ENGINE=InnoDB",
	"CREATE TABLE my (id INT PRIMARY KEY) ENGINE=MyISAM",
}

// session is one connection with all rights, past the proxy.
func (l *Lab) session(t *testing.T, name string) *sql.Conn {
	t.Helper()
	s, err := l.behind(name)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := s.root.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// grow makes the zoo on blue, and a table of some size.
func (l *Lab) grow(t *testing.T, green string) {
	t.Helper()
	conn := l.session(t, "orders")
	if err := execAll(t.Context(), conn, append([]string{"USE shop", "SET NAMES utf8mb4", "SET SESSION sql_mode='', time_zone='+02:00'"}, zoo...)...); err != nil {
		t.Fatal(err)
	}
	if err := l.CatchUp(t.Context(), "orders", green); err != nil {
		row, _ := l.Row(t.Context(), green, "SELECT GROUP_CONCAT(LAST_ERROR_MESSAGE) AS m FROM performance_schema.replication_applier_status_by_worker")
		t.Fatal(err, row["m"])
	}
}

// rowSeeds are differences made on green, in a session that writes no binary
// log, and rowFindings what the evidence must name, neither more nor less.
var rowSeeds = []string{
	"UPDATE zoo SET f = 1.1234568 WHERE id = 1",
	"UPDATE zoo SET d = d * (1 + 3e-16) WHERE id = 2",
	"UPDATE zoo SET j = '{\"b\":1,\"aa\":[1.0,2.50,1e20,\"x\\u00e9\",null,true,-0.0,12345678901234567890,0.2]}' WHERE id = 1",
	"UPDATE zoo SET tx = NULL WHERE id = 2",
	"UPDATE zoo SET vb = 'a' WHERE id = 1",
	"UPDATE zoo SET u = 'X' WHERE id = 2",
	"UPDATE zoo SET bl = x'00fe' WHERE id = 1",
	"UPDATE zoo SET e = 'a' WHERE id = 2",
	"UPDATE zoo SET ts = ts + INTERVAL 1 HOUR WHERE id = 1",
	"UPDATE zoo SET g = ST_GeomFromText('POINT(2 1)') WHERE id = 1",
	"UPDATE zoo SET long_text = CONCAT(REPEAT('é',2998),'e') WHERE id = 1",
	"UPDATE zoo SET `a``b \"c` = 8 WHERE id = 1",
	"DELETE FROM zoo WHERE id = 5",
	"INSERT INTO zoo (id) VALUES (1000)",
	"INSERT INTO nothing VALUES (-3)",
	"UPDATE no_key SET b = 'y' WHERE a = 1 LIMIT 1",
	"UPDATE uniq SET v = 3 WHERE u = -5",
	"UPDATE k2 SET v = 'z' WHERE id = x'28DD2C7955CE926456240B2FF0100BDE'",
	"UPDATE writes SET n = -1 WHERE id = 50",
	"DELETE FROM writes WHERE id = 60",
	"UPDATE hot SET note = 'other' WHERE id = 1",
}

var rowFindings = []string{
	"shop.nothing: row id=-3 on green only",
	"shop.no_key: row (the table has no key to name it by) ",
	"shop.uniq: row u=-5 differs in v",
	"shop.zoo: row id=1 differs in a`b \"c, bl, f, g, j, long_text, ts, vb",
	"shop.zoo: row id=2 differs in d, e, tx, u",
	"shop.zoo: row id=5 missing on green",
	"shop.zoo: row id=1000 on green only",
	"shop.k2: row id=0x28DD2C7955CE926456240B2FF0100BDE d=25.6667 differs in v",
	"shop.writes: row id=50 differs in n",
	"shop.writes: row id=60 missing on green",
}

// TestCompareOnRealServers: with a load on blue and rows that are rewritten all
// the time there is no false alarm, and every difference is found and named.
func TestCompareOnRealServers(t *testing.T) {
	t.Parallel()
	l, green := checksLab(t, 100)
	l.grow(t, green)
	l.rewrite(t)
	a := access(t)
	g := checked(t, l, a, green, bluegreen.GateNameData)
	if g.Verdict != bluegreen.GatePass {
		t.Fatalf("on a true copy: %s", g)
	}
	if want := "shop.my (its engine is MyISAM)"; !strings.Contains(g.String(), want) {
		t.Errorf("the evidence lacks %q", want)
	}
	conn := l.session(t, green)
	if err := execAll(t.Context(), conn, "USE shop", "SET NAMES utf8mb4", "SET SESSION sql_log_bin=0, sql_mode='', time_zone='+00:00'"); err != nil {
		t.Fatal(err)
	}
	for _, q := range rowSeeds {
		if err := execAll(t.Context(), conn, q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	g = checked(t, l, a, green, bluegreen.GateNameData)
	if g.Verdict != bluegreen.GateFail || len(g.Evidence) < 2 {
		t.Fatalf("with %d differences: %s", len(rowSeeds), g.Verdict)
	}
	if diff := cmp.Diff(rowFindings, g.Evidence[:len(g.Evidence)-2]); diff != "" {
		t.Errorf("differences (-want +got):\n%s", diff)
	}
}

// rewrite changes the same few rows all the time: counters, a flag to and fro,
// rows that come and go, and a delete and insert of the same key.
func (l *Lab) rewrite(t *testing.T) {
	t.Helper()
	setup := l.session(t, "orders")
	if err := execAll(t.Context(), setup, "USE shop", "CREATE TABLE hot (id INT PRIMARY KEY, n INT NOT NULL, flag INT NOT NULL, note VARCHAR(10)) ENGINE=InnoDB",
		"INSERT INTO hot VALUES (1,0,0,'a'),(2,0,0,'b'),(3,0,0,'c')"); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for id := 1; id <= 3; id++ {
		conn := l.session(t, "orders")
		if err := execAll(t.Context(), conn, "USE shop"); err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			tick := time.NewTicker(3 * time.Millisecond)
			defer tick.Stop()
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				case <-tick.C:
				}
				q := fmt.Sprintf("UPDATE hot SET n = n + 1, flag = 1 - flag WHERE id = %d", id)
				if id == 3 {
					q = []string{"DELETE FROM hot WHERE id = 3", "INSERT INTO hot VALUES (3,0,0,'c')"}[n%2]
				}
				if err := execAll(context.Background(), conn, q); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	t.Cleanup(func() { close(stop); wg.Wait() })
}

// TestPlansAndWarmingOnRealServers: statements that ran on blue are explained
// on both, an index that green lacks is told, and green is read.
func TestPlansAndWarmingOnRealServers(t *testing.T) {
	t.Parallel()
	l, green := checksLab(t, 0)
	fill := l.session(t, "orders")
	if err := execAll(t.Context(), fill, "USE shop",
		"INSERT INTO writes (n) VALUES (1),(2),(3),(4),(5),(6),(7),(8)",
		"INSERT INTO writes (n) SELECT x.n FROM writes x, writes y, writes z, writes w",
		"INSERT INTO writes (n) SELECT n + 10 FROM writes", "INSERT INTO writes (n) SELECT n + 20 FROM writes", "ANALYZE TABLE writes"); err != nil {
		t.Fatal(err)
	}
	if err := l.CatchUp(t.Context(), "orders", green); err != nil {
		t.Fatal(err)
	}
	if err := l.Root(t.Context(), green, "ANALYZE NO_WRITE_TO_BINLOG TABLE shop.writes"); err != nil {
		t.Fatal(err)
	}
	// The application's statements; the last two leave no text behind, since
	// their connection is gone: only their digests are known.
	for _, end := range []bool{true, false} {
		conn := l.session(t, "orders")
		queries := []string{"SELECT o.id, c.name FROM orders o JOIN customers c ON c.id = o.customer WHERE c.email = 'ada@example.com'", "SELECT at FROM writes WHERE n = 3 LIMIT 5"}
		if end {
			queries = []string{"SELECT id FROM writes WHERE n IN (17, 3) AND id BETWEEN 5 AND 900 ORDER BY id DESC LIMIT 2, 10", "UPDATE writes SET at = at WHERE n = 4711"}
		}
		for _, q := range append([]string{"USE shop"}, queries...) {
			if err := execAll(t.Context(), conn, q); err != nil {
				t.Fatal(err)
			}
		}
		if end { // a connection that goes back to its pool keeps its history
			if err := conn.Raw(func(any) error { return driver.ErrBadConn }); !errors.Is(err, driver.ErrBadConn) {
				t.Fatal(err)
			}
		}
	}
	a := access(t)
	a.Plan.Switchover.Ahead.Explain.Statements = []plan.Statement{{Schema: "shop", SQL: "SELECT COUNT(*) FROM writes WHERE n = 5"}, {Schema: "shop", SQL: "SELECT nothing FROM writes"}}
	a.Plan.Switchover.Ahead.Explain.Regressions = plan.Fail
	g := checked(t, l, a, green, bluegreen.GateNamePlans)
	if g.Verdict != bluegreen.GatePass {
		t.Errorf("on a true copy: %s", g)
	}
	for _, want := range []string{"given by the plan", "from blue's history of statements", "from digests with values of blue's rows", "1 orders refuses it with error 1054"} {
		if !strings.Contains(g.String(), want) {
			t.Errorf("the evidence lacks %q", want)
		}
	}
	if strings.Contains(g.String(), "ada@") || strings.Contains(g.String(), "4711") {
		t.Errorf("a value of the application stands in the evidence: %s", g)
	}
	if err := l.Root(t.Context(), green, "ALTER TABLE shop.writes DROP INDEX n", "ANALYZE NO_WRITE_TO_BINLOG TABLE shop.writes"); err != nil {
		t.Fatal(err)
	}
	g = checked(t, l, a, green, bluegreen.GateNamePlans)
	if want := "writes is scanned in full"; g.Verdict != bluegreen.GateFail || !strings.Contains(g.String(), want) {
		t.Errorf("without its index: want a fail that says %q: %s", want, g)
	}

	a.Plan.Switchover.Ahead.Warm.Enabled, a.Plan.Switchover.Ahead.Warm.Least = true, 90
	g = checked(t, l, a, green, bluegreen.GateNameWarm)
	if g.Verdict != bluegreen.GatePass || !strings.Contains(g.String(), "shop.writes: the first rows took") {
		t.Errorf("after reading green: %s", g)
	}
}
