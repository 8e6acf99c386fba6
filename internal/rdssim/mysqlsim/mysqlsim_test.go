package mysqlsim

import (
	"compress/gzip"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a Backend that tests change.
type world struct {
	mu      sync.Mutex
	servers map[string]Server
}

func (w *world) Server(k Key) (Server, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, ok := w.servers[k.Name]
	return s, ok
}

func (w *world) set(name string, s Server) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.servers[name] = s
}

const password = "right"

func newPool(t *testing.T) (*Pool, *world) {
	t.Helper()
	lib, err := LoadLibrary(os.DirFS("."), "testdata")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{servers: map[string]Server{
		"orders":  {ID: "db-A", Version: "5.7.44", Name: "orders", Profile: "clean", Schema: "shop"},
		"replica": {ID: "db-B", Version: "5.7.44", Name: "replica", Profile: "clean", Schema: "shop", ReadOnly: true, Replica: true, Source: "orders", Lag: 42 * time.Second},
		"modern":  {ID: "db-C", Version: "8.4.10", Name: "modern", Profile: "after-8.0", Schema: "shop", Replica: true, Source: "orders", Broken: "Could not execute Write_rows event"},
	}}
	p, err := NewPool(w, Options{User: "audit", Password: password, Library: lib})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return p, w
}

func open(t *testing.T, p *Pool, name, dsn string) *sql.DB {
	t.Helper()
	host, port, ok := p.Endpoint(Key{Name: name})
	if !ok {
		t.Fatal("no endpoint")
	}
	db, err := sql.Open("mysql", fmt.Sprintf(dsn, net.JoinHostPort(host, fmt.Sprint(port))))
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

const normalDSN = "audit:right@tcp(%s)/shop?tls=skip-verify"

// rowsOf reads a result as text.
func rowsOf(t *testing.T, db *sql.DB, query string, args ...any) [][]string {
	t.Helper()
	res, err := db.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer res.Close()
	cols, _ := res.Columns()
	var out [][]string
	for res.Next() {
		cells := make([]sql.NullString, len(cols))
		ptrs := make([]any, len(cols))
		for i := range cells {
			ptrs[i] = &cells[i]
		}
		if err := res.Scan(ptrs...); err != nil {
			t.Fatal(err)
		}
		row := make([]string, len(cols))
		for i, c := range cells {
			row[i] = c.String
			if !c.Valid {
				row[i] = "NULL"
			}
		}
		out = append(out, row)
	}
	if err := res.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func code(err error) uint16 {
	var e *driver.MySQLError
	if errors.As(err, &e) {
		return e.Number
	}
	return 0
}

func TestAnswers(t *testing.T) {
	p, _ := newPool(t)
	for _, dsn := range []string{normalDSN, "audit:right@tcp(%s)/", "audit:right@tcp(%s)/?interpolateParams=true"} {
		db := open(t, p, "orders", dsn)
		for _, c := range []struct {
			sql  string
			want [][]string
		}{
			{"SELECT VERSION()", [][]string{{"5.7.44-log"}}},
			{"select @@version, @@global.read_only AS ro, 1, 'x, y', NULL", [][]string{{"5.7.44-log", "0", "1", "x, y", "NULL"}}},
			{"SHOW SLAVE STATUS", nil},
			{"SHOW GLOBAL VARIABLES LIKE 'version'", [][]string{{"version", "5.7.44-log"}}},
			// Exactly as recorded, in the name of the own schema.
			{"SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_ROWS, CREATE_OPTIONS FROM information_schema.TABLES /* rdsupgrade:tables */ WHERE TABLE_SCHEMA = 'shop'",
				[][]string{{"shop", "orders", "12", "NULL"}, {"shop", "appdb_log", "0", "partitioned"}}},
			{"SHOW CREATE TABLE `shop`.`orders`;", [][]string{{"shop.orders"}}},
			// By its tag.
			{"SELECT something else /* rdsupgrade:innodb */", [][]string{{"shop/orders"}}},
			// The version is the model's, not the recorded server's.
			{"/* rdsupgrade:server */ SELECT VERSION(), @@global.sql_mode, @@read_only", [][]string{{"5.7.44-log", "STRICT_TRANS_TABLES", "0"}}},
		} {
			if diff := cmp.Diff(c.want, rowsOf(t, db, c.sql)); diff != "" {
				t.Errorf("%s %s (-want +got):\n%s", dsn, c.sql, diff)
			}
		}
		for _, ok := range []string{"SET SESSION max_execution_time = 5000", "START TRANSACTION READ ONLY", "COMMIT", "USE shop", "CALL mysql.rds_set_configuration('binlog retention hours', 168)"} {
			if _, err := db.ExecContext(t.Context(), ok); err != nil {
				t.Errorf("%s: %v", ok, err)
			}
		}
	}
}

func TestPreparedStatements(t *testing.T) {
	p, _ := newPool(t)
	db := open(t, p, "orders", normalDSN)
	got := rowsOf(t, db, "SELECT ? FROM information_schema.TABLES /* rdsupgrade:tables */ WHERE a = '?' -- ?", "shop")
	if diff := cmp.Diff([][]string{{"shop", "orders", "12", "NULL"}, {"shop", "appdb_log", "0", "partitioned"}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var n sql.NullInt64
	if err := db.QueryRowContext(t.Context(), "SELECT @@server_id").Scan(&n); err != nil || n.Int64 == 0 {
		t.Errorf("server id %v, %v", n, err)
	}
}

func TestOverrides(t *testing.T) {
	p, w := newPool(t)
	w.set("orders", Server{ID: "db-A", Version: "5.7.44-RDS.20260212", Profile: "clean", Schema: "shop", ReadOnly: true,
		Variables: map[string]string{"slow_query_log": "1", "tx_isolation": "READ-COMMITTED", "max_connections": "{Formula}"}})
	db := open(t, p, "orders", normalDSN)
	want := [][]string{{"version", "5.7.44-rds.20260212-log"}, {"read_only", "ON"}, {"slow_query_log", "ON"}, {"tx_isolation", "READ-COMMITTED"}, {"datadir", "/data/"}}
	if diff := cmp.Diff(want, rowsOf(t, db, "SHOW GLOBAL VARIABLES /* rdsupgrade:variables */")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRefusals(t *testing.T) {
	p, w := newPool(t)
	query := func(name, dsn, sql string) error {
		db := open(t, p, name, dsn)
		rows, err := db.QueryContext(t.Context(), sql)
		if err == nil {
			rows.Close()
		}
		return err
	}
	w.set("offline", Server{ID: "db-O", Version: "5.7.44", Offline: true})
	w.set("locked", Server{ID: "db-L", Version: "5.7.44", Profile: "clean", Schema: "shop", ReadOnly: true})
	for _, c := range []struct {
		name, dsn, sql string
		code           uint16
		part           string
	}{
		{"orders", "audit:wrong@tcp(%s)/", "SELECT 1", 1045, "Access denied for user 'audit'"},
		{"orders", "nobody:right@tcp(%s)/", "SELECT 1", 1045, "Access denied for user 'nobody'"},
		{"orders", "audit:right@tcp(%s)/elsewhere", "SELECT 1", 1049, "elsewhere"},
		{"orders", normalDSN, "SELECT a FROM b /* rdsupgrade:unheard-of */", 1064, "tag unheard-of"},
		{"orders", normalDSN, "SELECT a FROM b", 1064, "no recorded answer"},
		{"modern", normalDSN, "SELECT a FROM b", 1064, "no recording of the profile after-8.0"},
		{"orders", normalDSN, "SELECT 1 FROM mysql.user /* rdsupgrade:denied */", 1142, "in shop"},
		{"orders", normalDSN, "SHOW REPLICA STATUS", 1064, "replica status"},
		{"modern", normalDSN, "SHOW SLAVE STATUS", 1064, "slave status"},
		{"modern", normalDSN, "SHOW MASTER STATUS", 1064, "master status"},
		{"locked", normalDSN, "INSERT INTO t VALUES (1)", 1290, "--read-only"},
		{"offline", normalDSN, "SELECT 1", 3032, "offline mode"},
	} {
		if err := query(c.name, c.dsn, c.sql); code(err) != c.code || !strings.Contains(err.Error(), c.part) {
			t.Errorf("%s on %s: %v, want %d %q", c.sql, c.name, err, c.code, c.part)
		}
	}
	w.set("down", Server{ID: "db-D", Down: true})
	for _, name := range []string{"down", "unknown"} {
		if err := query(name, normalDSN, "SELECT 1"); err == nil || code(err) != 0 {
			t.Errorf("%s answers: %v", name, err)
		}
	}
}

func TestReplicaStatus(t *testing.T) {
	p, _ := newPool(t)
	read := func(name, sql string) map[string]string {
		db := open(t, p, name, normalDSN)
		res, err := db.QueryContext(t.Context(), sql)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Close()
		cols, _ := res.Columns()
		cells, ptrs := make([]nullText, len(cols)), make([]any, len(cols))
		for i := range cells {
			ptrs[i] = &cells[i]
		}
		out := map[string]string{}
		for res.Next() {
			if err := res.Scan(ptrs...); err != nil {
				t.Fatal(err)
			}
			for i, c := range cols {
				out[c] = "NULL"
				if cells[i].Valid {
					out[c] = cells[i].String
				}
			}
		}
		return out
	}
	if s := read("replica", "SHOW SLAVE STATUS"); s["Seconds_Behind_Master"] != "42" || s["Slave_SQL_Running"] != "Yes" || s["Last_SQL_Error"] != "" {
		t.Errorf("replica: %v", s)
	}
	if s := read("modern", "SHOW REPLICA STATUS"); s["Seconds_Behind_Source"] != "NULL" || s["Replica_SQL_Running"] != "No" || s["Last_SQL_Errno"] != "1062" {
		t.Errorf("broken replica: %v", s)
	}
	if s := read("modern", "SHOW BINARY LOG STATUS"); !strings.HasPrefix(s["File"], "mysql-bin-changelog.") {
		t.Errorf("binary log: %v", s)
	}
}

type nullText = sql.NullString

// At a switchover another server stands behind the name: open connections are
// lost, new ones reach the new server at the same address.
func TestSwitchover(t *testing.T) {
	p, w := newPool(t)
	host, port, _ := p.Endpoint(Key{Name: "orders"})
	db := open(t, p, "orders", "audit:right@tcp(%s)/")
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.set("orders", Server{ID: "db-A", Version: "5.7.44", Schema: "shop", Offline: true})
	if _, err := conn.ExecContext(t.Context(), "SET @a = 1"); code(err) != 3032 {
		t.Errorf("in the dark: %v", err)
	}
	_ = conn.Close() // it is lost anyway
	w.set("orders", Server{ID: "db-A", Version: "5.7.44", Schema: "shop"})
	idle, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	w.set("orders", Server{ID: "db-Z", Version: "8.0.46", Schema: "shop"})
	if _, err := idle.ExecContext(t.Context(), "SET @a = 1"); err == nil || code(err) != 0 {
		t.Errorf("a connection to the server that left: %v", err)
	}
	if h, pt, _ := p.Endpoint(Key{Name: "orders"}); h != host || pt != port {
		t.Error("the address changed")
	}
	if got := rowsOf(t, open(t, p, "orders", "audit:right@tcp(%s)/"), "SELECT VERSION()"); got[0][0] != "8.0.46" {
		t.Errorf("after the switchover: %v", got)
	}
	p.Release(Key{Name: "orders"})
	if c, err := net.Dial("tcp", net.JoinHostPort(host, fmt.Sprint(port))); err == nil {
		c.Close()
		t.Error("a released address still accepts")
	}
}

func TestInProcess(t *testing.T) {
	p, _ := newPool(t)
	driver.RegisterDialContext("mysqlsim", func(_ context.Context, addr string) (net.Conn, error) { return p.Dial(Key{Name: addr}) })
	db, err := sql.Open("mysql", "audit:right@mysqlsim(replica)/shop")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if diff := cmp.Diff([][]string{{"5.7.44-log", "1"}}, rowsOf(t, db, "SELECT VERSION(), @@read_only")); diff != "" {
		t.Error(diff)
	}
}

func TestLimit(t *testing.T) {
	p, w := newPool(t)
	p.opts.Limit = 2
	for n := range 3 {
		name := fmt.Sprintf("db-%d", n)
		w.set(name, Server{ID: name})
		if _, _, ok := p.Endpoint(Key{Name: name}); ok != (n < 2) {
			t.Errorf("endpoint %d: %v", n, ok)
		}
	}
}

func TestBadRecordings(t *testing.T) {
	for text, want := range map[string]string{
		`{"profile":""}`: "no profile",
		`{"profile":"x","queries":[{"tag":"a","columns":[{"name":"b"}],"rows":[["1","2"]]}]}`: "2 cells",
		`{`: "unexpected EOF",
	} {
		dir := t.TempDir()
		f, err := os.Create(filepath.Join(dir, "x.json.gz"))
		if err != nil {
			t.Fatal(err)
		}
		z := gzip.NewWriter(f)
		_, _ = z.Write([]byte(text))
		_ = z.Close()
		_ = f.Close()
		if _, err := LoadLibrary(os.DirFS(dir), "."); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	if _, err := Builtin(); err != nil {
		t.Errorf("the built-in recordings: %v", err)
	}
}

func TestRename(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"appdb", "shop"}, {"`appdb`.`t`", "`shop`.`t`"}, {"appdb/orders", "shop/orders"}, {"appdb_log myappdb appdb2", "appdb_log myappdb appdb2"},
		{"appdb.appdb", "shop.shop"}, {"", ""},
	} {
		if got := rename(c.text, "appdb", "shop"); got != c.want {
			t.Errorf("%q became %q, want %q", c.text, got, c.want)
		}
	}
}
