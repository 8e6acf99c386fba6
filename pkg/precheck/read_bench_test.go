package precheck

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqltest"
	"github.com/rdsupgrade/rdsupgrade/internal/mysqlver"
)

// shellScans says how often MySQL Shell's row-returning upgrade checks scan
// each dictionary view, and an expression that touches the columns they read.
// The statements are ours; they do more work per scan than the Shell's own.
var shellScans = []struct {
	view    string
	times   int
	touches string
}{
	{"ROUTINES", 20, "ROUTINE_DEFINITION"},
	{"EVENTS", 17, "EVENT_DEFINITION"},
	{"TRIGGERS", 16, "CONCAT(TRIGGER_SCHEMA, ACTION_STATEMENT)"},
	{"TABLES", 14, "CONCAT(TABLE_SCHEMA, TABLE_NAME, ENGINE, ROW_FORMAT, CREATE_OPTIONS)"},
	{"COLUMNS", 14, "CONCAT(TABLE_SCHEMA, COLUMN_NAME, COLUMN_TYPE, EXTRA)"},
	{"STATISTICS", 6, "CONCAT(TABLE_SCHEMA, INDEX_NAME, COLUMN_NAME)"},
	{"SCHEMATA", 6, "SCHEMA_NAME"},
	{"PARTITIONS", 4, "CONCAT(TABLE_SCHEMA, PARTITION_DESCRIPTION)"},
	{"INNODB_SYS_TABLES", 4, "NAME"},
	{"VIEWS", 3, "VIEW_DEFINITION"},
	{"REFERENTIAL_CONSTRAINTS", 2, "CONCAT(CONSTRAINT_SCHEMA, UNIQUE_CONSTRAINT_NAME)"},
	{"KEY_COLUMN_USAGE", 2, "CONCAT(TABLE_SCHEMA, CONSTRAINT_NAME)"},
	{"INNODB_SYS_FOREIGN", 2, "ID"},
	{"INNODB_SYS_FOREIGN_COLS", 1, "ID"},
	{"INNODB_SYS_COLUMNS", 1, "NAME"},
	{"PLUGINS", 1, "PLUGIN_NAME"},
	{"FILES", 1, "FILE_NAME"},
}

// shellShare turns the time of shellScans into that of the Shell's own
// statements: on the same server with 1,000 tables those took 16.3 s where
// ours took 25.3 s.
const shellShare = 0.64

// BenchmarkAuditAgainstShell reads and judges a real 5.7 server, and then runs
// the scans of the Shell's checks on it, both on cold table caches:
//
//	RDSUPGRADE_BENCH_TABLES=5000 go test ./pkg/precheck -run '^$' -bench AuditAgainstShell -benchtime 1x -timeout 60m
func BenchmarkAuditAgainstShell(b *testing.B) {
	tables := 1000
	if v := os.Getenv("RDSUPGRADE_BENCH_TABLES"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			b.Fatalf("RDSUPGRADE_BENCH_TABLES: %v", err)
		}
		tables = n
	}
	s := mysqltest.Private(b, mysqltest.SideOld, mysqltest.Options{})
	db := s.DB(b, "")
	fillServer(b, db, tables)
	hops := []Hop{{From: mysqlver.MustParse("5.7.44"), To: mysqlver.MustParse("8.0.46")}}
	var read, judge, shell time.Duration
	for b.Loop() {
		mysqltest.Exec(b, db, "FLUSH TABLES")
		begin := time.Now()
		c, err := Read(b.Context(), targetOf(s.Config("")), ReadOptions{})
		if err != nil {
			b.Fatal(err)
		}
		read += time.Since(begin)
		if len(c.Tables) < tables {
			b.Fatalf("%d tables read, not %d", len(c.Tables), tables)
		}
		begin = time.Now()
		rep := Judge(c, hops, Policy{}, JudgeOptions{})
		judge += time.Since(begin)
		if rep.Verdict == "" {
			b.Fatal("no verdict")
		}
		mysqltest.Exec(b, db, "FLUSH TABLES")
		begin = time.Now()
		if err := scanLikeShell(b.Context(), db); err != nil {
			b.Fatal(err)
		}
		shell += time.Since(begin)
	}
	n := float64(b.N)
	ours, theirs := (read+judge).Seconds()/n, shell.Seconds()*shellShare/n
	b.ReportMetric(read.Seconds()/n, "read-s")
	b.ReportMetric(judge.Seconds()/n, "judge-s")
	b.ReportMetric(theirs, "shell-s")
	b.ReportMetric(theirs/ours, "times-faster")
	b.ReportMetric(0, "ns/op")
}

func scanLikeShell(ctx context.Context, db *sql.DB) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, s := range shellScans {
		for i := range s.times {
			q := fmt.Sprintf("SELECT COUNT(*) FROM information_schema.%s WHERE %s LIKE '%%no such text %d%%'", s.view, s.touches, i)
			var n int
			if err := conn.QueryRowContext(ctx, q).Scan(&n); err != nil {
				return fmt.Errorf("scan %s: %w", s.view, err)
			}
		}
	}
	return nil
}

// fillServer makes tables of 16 columns in ten schemas, over several connections.
func fillServer(b *testing.B, db *sql.DB, tables int) {
	b.Helper()
	const schemas = 10
	types := []string{"int", "bigint unsigned", "varchar(64)", "datetime", "decimal(10,2)", "text", "enum('a','b')"}
	for i := range schemas {
		mysqltest.Exec(b, db, fmt.Sprintf("CREATE DATABASE shop%02d DEFAULT CHARSET utf8", i))
	}
	work := make(chan int)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range work {
				q := fmt.Sprintf("CREATE TABLE shop%02d.t%05d (id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, c0 int", i%schemas, i)
				for c := 1; c < 14; c++ {
					q += fmt.Sprintf(", c%d %s", c, types[(i+c*3)%len(types)])
				}
				q += ", created_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, KEY k1 (c0)) ENGINE=InnoDB"
				if _, err := db.ExecContext(b.Context(), q); err != nil {
					b.Errorf("create table %d: %v", i, err)
				}
			}
		})
	}
	for i := range tables {
		work <- i
	}
	close(work)
	wg.Wait()
}
