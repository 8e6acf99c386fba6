package precheck

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqltest"
)

func targetOf(c *mysql.Config) Target {
	return Target{Address: c.Addr, User: c.User, Password: StaticPassword(c.Passwd), TLS: TLSPreferred}
}

func readSchema(t *testing.T, s *mysqltest.Server, schema string, o ReadOptions) *Catalog {
	t.Helper()
	if schema != "" {
		o.Schemas = []string{schema}
	}
	// Other packages' tests load the shared server as well.
	o.MaxThreadsRunning = -1
	c, err := Read(t.Context(), targetOf(s.Config("")), o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const hostileTable = "'; DROP TABLE x; -- \x1b[31m\n`\"\\"

// seedObjects makes what both releases accept.
func seedObjects(t *testing.T, s *mysqltest.Server) string {
	t.Helper()
	admin := s.DB(t, "")
	schema := mysqltest.Schema(t, admin)
	db := s.DB(t, schema)
	db.SetMaxOpenConns(1)
	mysqltest.Exec(t, db,
		"SET SESSION sql_mode=''",
		"CREATE TABLE parent (id INT PRIMARY KEY, `ï x` INT NOT NULL, KEY k (`ï x`)) ENGINE=InnoDB",
		"CREATE TABLE `c-hild` (id INT AUTO_INCREMENT PRIMARY KEY, p INT, q INT, t TEXT, g GEOMETRY NOT NULL, e ENUM('a','b') DEFAULT 'b', "+
			"FULLTEXT KEY ft (t), SPATIAL KEY sp (g), KEY pre (t(10)), CONSTRAINT `ñ fk` FOREIGN KEY (p) REFERENCES parent (id), "+
			"FOREIGN KEY (q) REFERENCES parent (id)) ENGINE=InnoDB COMMENT 'kept'",
		"CREATE TABLE mine (id INT PRIMARY KEY, t TEXT, FULLTEXT KEY mft (t)) ENGINE=MyISAM",
		"CREATE TABLE parts (id INT PRIMARY KEY) ENGINE=InnoDB PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE)",
		"CREATE TABLE "+quoteIdent(hostileTable)+" (id INT PRIMARY KEY, `a``\nb` INT) ENGINE=InnoDB",
		"CREATE VIEW v1 AS SELECT 'a\\\\b' AS x, id FROM parent",
		`CREATE PROCEDURE p1(a INT, b VARCHAR(10)) COMMENT 'no \n body' SELECT 'a\\b', "x\ty", _latin1'\xe9', 'é' -- end`,
		`CREATE FUNCTION f1(x INT) RETURNS VARCHAR(5) CHARSET utf8mb4 DETERMINISTIC RETURN CONCAT('\\', x)`,
		`CREATE TRIGGER t1 BEFORE INSERT ON parent FOR EACH ROW SET NEW.id = IF('\\' = 'for each row', 1, NEW.id)`,
		"CREATE TRIGGER t2 BEFORE UPDATE ON parent FOR EACH ROW FOLLOWS_X: BEGIN END",
		`CREATE EVENT e1 ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 'do \\ it'`,
	)
	return schema
}

func TestReadRealServers(t *testing.T) {
	t.Parallel()
	for _, side := range []mysqltest.Side{mysqltest.SideOld, mysqltest.SideNew} {
		t.Run(string(side), func(t *testing.T) {
			t.Parallel()
			s := mysqltest.Old(t)
			if side == mysqltest.SideNew {
				s = mysqltest.New(t)
			}
			schema := seedObjects(t, s)
			c := readSchema(t, s, schema, ReadOptions{CheckTables: true, SampleZeroDates: 10})
			for name, st := range c.Sections {
				if st.Status != SectionRead && name != SectionParameters && name != SectionSessions {
					t.Errorf("section %s is %+v", name, st)
				}
			}
			checkTables(t, c, schema)
			checkIndexesAndKeys(t, c, schema)
			checkPrograms(t, c)
		})
	}
}

func checkTables(t *testing.T, c *Catalog, schema string) {
	t.Helper()
	var names []string
	for _, x := range c.Tables {
		names = append(names, x.Name)
		if x.Name == "c-hild" && (x.Comment != "kept" || x.Engine != "InnoDB" || x.RowFormat != "Dynamic" || x.AutoIncrement > 1) {
			t.Errorf("table c-hild read as %+v", x)
		}
	}
	want := []string{hostileTable, "c-hild", "mine", "parent", "parts", "v1"}
	slices.Sort(want)
	if d := cmp.Diff(want, names); d != "" {
		t.Errorf("tables (-want +got):\n%s", d)
	}
	var columns []string
	for _, x := range c.Columns {
		if x.Table == hostileTable || x.Name == "ï x" || x.Name == "e" {
			columns = append(columns, x.Name)
		}
		if x.Name == "e" && (x.Default == nil || *x.Default != "b" || x.CharLength != 1 || x.ColumnType != "enum('a','b')") {
			t.Errorf("column e read as %+v", x)
		}
	}
	if d := cmp.Diff([]string{"id", "a`\nb", "e", "ï x"}, columns); d != "" {
		t.Errorf("columns (-want +got):\n%s", d)
	}
	if len(c.Partitions) != 2 || c.Partitions[0].Name != "p0" || c.Partitions[0].Method != "RANGE" {
		t.Errorf("partitions read as %+v", c.Partitions)
	}
	if len(c.InnoTables) < 5 {
		t.Errorf("only %d InnoDB tables", len(c.InnoTables))
	}
	for _, x := range c.CheckTables {
		t.Errorf("unexpected answer of CHECK TABLE: %+v", x)
	}
	_ = schema
}

func checkIndexesAndKeys(t *testing.T, c *Catalog, schema string) {
	t.Helper()
	types := map[string]string{}
	for _, x := range c.Indexes {
		types[x.Index] = x.Type
		if x.Index == "pre" && x.SubPart != 10 {
			t.Errorf("prefix index read as %+v", x)
		}
	}
	want := map[string]string{"PRIMARY": "BTREE", "k": "BTREE", "ft": "FULLTEXT", "sp": "SPATIAL", "mft": "FULLTEXT",
		"pre": "BTREE", "ñ fk": "BTREE", "q": "BTREE"}
	if d := cmp.Diff(want, types); d != "" {
		t.Errorf("index types (-want +got):\n%s", d)
	}
	keys := []ForeignKey{
		{Schema: schema, Table: "c-hild", Name: "c-hild_ibfk_1", RefSchema: schema, RefTable: "parent", Columns: []string{"q"}, RefColumns: []string{"id"}},
		{Schema: schema, Table: "c-hild", Name: "ñ fk", RefSchema: schema, RefTable: "parent", Columns: []string{"p"}, RefColumns: []string{"id"}},
	}
	if d := cmp.Diff(keys, c.ForeignKeys); d != "" {
		t.Errorf("foreign keys (-want +got):\n%s", d)
	}
}

func checkPrograms(t *testing.T, c *Catalog) {
	t.Helper()
	want := map[string]string{
		"view v1":      "",
		"procedure p1": `SELECT 'a\\b', "x\ty", _latin1'\xe9', 'é'`,
		"function f1":  `RETURN CONCAT('\\', x)`,
		"trigger t1":   `SET NEW.id = IF('\\' = 'for each row', 1, NEW.id)`,
		"trigger t2":   "FOLLOWS_X: BEGIN END",
		"event e1":     `SELECT 'do \\ it'`,
	}
	got := map[string]string{}
	for _, p := range c.Programs {
		name := string(p.Kind) + " " + p.Name
		got[name] = strings.TrimSpace(strings.TrimSuffix(p.Body, " -- end"))
		if p.Kind == KindView {
			if !strings.Contains(p.Body, `'a\\b'`) {
				t.Errorf("the view's text lost a backslash: %s", p.Body)
			}
			got[name] = ""
		}
		if !p.Exact || !p.HasBody || p.Definer == "" {
			t.Errorf("%s: exact %v, body %v, definer %q", name, p.Exact, p.HasBody, p.Definer)
		}
		switch p.Name {
		case "p1":
			if p.Params != "a INT, b VARCHAR(10)" {
				t.Errorf("parameters %q", p.Params)
			}
		case "f1":
			if !strings.HasPrefix(strings.ToLower(p.Returns), "varchar(5) charset utf8mb4") {
				t.Errorf("returns %q", p.Returns)
			}
		case "t1":
			if p.Table != "parent" || p.Timing != "BEFORE INSERT" {
				t.Errorf("trigger read as %+v", p)
			}
		case "e1":
			if p.Status != "DISABLED" {
				t.Errorf("event is %q", p.Status)
			}
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("programs (-want +got):\n%s", d)
	}
}

// The dictionary views that make a 5.7 server open its tables: reading one of
// them twice is what makes other checkers starve production.
var openingViews = []string{"TABLES", "COLUMNS", "STATISTICS", "KEY_COLUMN_USAGE", "REFERENTIAL_CONSTRAINTS", "TABLE_CONSTRAINTS",
	"PARTITIONS", "TRIGGERS", "VIEWS", "PARAMETERS"}

func TestDictionaryIsScannedOnce(t *testing.T) {
	t.Parallel()
	s := mysqltest.Private(t, mysqltest.SideOld, mysqltest.Options{})
	db := s.DB(t, "")
	const tables = 230 // more than one scope
	mysqltest.Exec(t, db, "CREATE DATABASE one", "CREATE DATABASE two")
	for i := range tables {
		mysqltest.Exec(t, db, fmt.Sprintf("CREATE TABLE %s.t%d (id BIGINT PRIMARY KEY, v VARCHAR(10) COLLATE utf8_bin) ENGINE=InnoDB", []string{"one", "two"}[i%2], i))
	}
	mysqltest.Exec(t, db, "FLUSH TABLES")
	before := openedTables(t, s)
	scans := map[string]int{}
	rows := map[string]int{}
	c := readSchema(t, s, "", ReadOptions{Observe: func(x Exchange) {
		base, _, _ := strings.Cut(x.Tag, ".")
		rows[base] += len(x.Rows)
		for _, v := range openingViews {
			// The list of names and the system schemas' tables open nothing of the user's.
			if strings.Contains(x.SQL, "information_schema."+v+" ") && base != "table_names" && !strings.HasPrefix(base, "system_") {
				scans[v+" by "+base]++
			}
		}
		// The server looks at these two columns before it opens a table, and at
		// TRIGGER_SCHEMA afterwards: by that one, every scope would open everything.
		if _, where, _ := strings.Cut(x.SQL, " WHERE "); base == "triggers" && !strings.HasPrefix(where, "EVENT_OBJECT_SCHEMA") {
			t.Errorf("triggers are chosen by %s", where)
		}
	}})
	// Two connections, so two halves of each.
	want := map[string]int{"TABLES by tables": 2, "COLUMNS by columns": 2, "STATISTICS by indexes": 2, "TRIGGERS by triggers": 2}
	if d := cmp.Diff(want, scans); d != "" {
		t.Errorf("scans (-want +got):\n%s", d)
	}
	if rows["tables"] != tables || rows["columns"] != 2*tables || rows["indexes"] != tables {
		t.Errorf("rows: %d tables, %d columns, %d indexes", rows["tables"], rows["columns"], rows["indexes"])
	}
	if len(c.Tables) != tables {
		t.Errorf("%d tables in the catalog", len(c.Tables))
	}
	// TRIGGERS alone makes the server open the tables themselves; the schemas
	// mysql and sys add some 140.
	if opened := openedTables(t, s) - before; opened > tables+200 {
		t.Errorf("the server opened %d tables for a read of %d", opened, tables)
	}
}

func openedTables(t *testing.T, s *mysqltest.Server) int {
	t.Helper()
	var name string
	var n int
	if err := s.DB(t, "").QueryRow("SHOW GLOBAL STATUS LIKE 'Opened_table_definitions'").Scan(&name, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestReadWithSelectOnly(t *testing.T) {
	t.Parallel()
	type state struct {
		Status SectionStatus
		Grant  string
	}
	lacks := func(grant string) state { return state{SectionFailed, grant} }
	part := func(grant string) state { return state{SectionPartial, grant} }
	for _, tc := range []struct {
		side mysqltest.Side
		want map[Section]state
	}{
		{mysqltest.SideOld, map[Section]state{
			SectionInnoTables: lacks("PROCESS ON *.*"), SectionInnoColumns: lacks("PROCESS ON *.*"), SectionFiles: lacks("PROCESS ON *.*"),
			SectionTrx: lacks("PROCESS ON *.*"), SectionViews: part("SHOW VIEW ON *.*"), SectionTriggers: part("TRIGGER ON *.*"),
			SectionReplication: part("PROCESS ON *.*")}},
		{mysqltest.SideNew, map[Section]state{
			SectionInnoTables: lacks("PROCESS ON *.*"), SectionInnoColumns: lacks("PROCESS ON *.*"), SectionFiles: lacks("PROCESS ON *.*"),
			SectionTrx: lacks("PROCESS ON *.*"), SectionViews: part("SHOW VIEW ON *.*"), SectionTriggers: part("TRIGGER ON *.*"),
			SectionReplication: part("PROCESS ON *.*"), SectionXA: lacks("XA_RECOVER_ADMIN ON *.*"), SectionEvents: part("EVENT ON *.*"),
			SectionEventDefs: part("EVENT ON *.*")}},
	} {
		t.Run(string(tc.side), func(t *testing.T) {
			t.Parallel()
			s := mysqltest.Old(t)
			if tc.side == mysqltest.SideNew {
				s = mysqltest.New(t)
			}
			schema := seedObjects(t, s)
			c, err := Read(t.Context(), targetOf(s.Account(t, "SELECT ON *.*")), ReadOptions{Schemas: []string{schema}, MaxThreadsRunning: -1})
			if err != nil {
				t.Fatal(err)
			}
			got := map[Section]state{}
			for name, st := range c.Sections {
				if st.Status != SectionRead && st.Status != SectionNotRead && name != SectionSessions {
					got[name] = state{st.Status, st.Grant}
				}
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Errorf("sections (-want +got):\n%s", d)
			}
			if len(c.ForeignKeys) != 2 {
				t.Errorf("without PROCESS %d foreign keys were read, not 2", len(c.ForeignKeys))
			}
		})
	}
}

func TestReadWithOneSchemaOnly(t *testing.T) {
	t.Parallel()
	s := mysqltest.Old(t)
	schema := mysqltest.Schema(t, s.DB(t, ""))
	mysqltest.Exec(t, s.DB(t, schema), "CREATE TABLE x (id INT PRIMARY KEY)")
	c, err := Read(t.Context(), targetOf(s.Account(t, "SELECT ON `"+schema+"`.*")), ReadOptions{MaxThreadsRunning: -1})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []Section{SectionSchemas, SectionTables, SectionColumns, SectionIndexes} {
		if st := c.Sections[name]; st.Status != SectionPartial || st.Grant != "SELECT ON *.*" {
			t.Errorf("section %s is %+v, although other schemas are out of sight", name, st)
		}
	}
	if st := c.Sections[SectionAccounts]; st.Status != SectionFailed || st.Code != 1142 || st.Grant != "SELECT ON mysql.user" {
		t.Errorf("accounts: %+v", st)
	}
	if st := c.Sections[SectionSizes]; st.Status != SectionFailed || st.Grant != "SELECT ON mysql.innodb_table_stats" {
		t.Errorf("sizes: %+v", st)
	}
	if st := c.Sections[SectionEventDefs]; st.Status != SectionFailed || st.Grant != "SELECT ON mysql.event" {
		t.Errorf("event definers: %+v", st)
	}
	if st := c.Sections[SectionRoutines]; st.Status != SectionPartial || st.Grant != "SELECT ON mysql.proc" {
		t.Errorf("routines: %+v", st)
	}
	if len(c.Tables) != 1 {
		t.Errorf("tables: %+v", c.Tables)
	}
}

func TestBlankEventDefiner(t *testing.T) {
	t.Parallel()
	s := mysqltest.Private(t, mysqltest.SideOld, mysqltest.Options{})
	db := s.DB(t, "")
	mysqltest.Exec(t, db, "CREATE DATABASE app", "CREATE EVENT app.good ON SCHEDULE EVERY 1 DAY DO SELECT 1",
		"CREATE EVENT app.bad ON SCHEDULE EVERY 1 DAY DO SELECT 2", "UPDATE mysql.event SET definer = '' WHERE name = 'bad'")
	var n int
	var my *mysql.MySQLError
	if err := db.QueryRow("SELECT COUNT(*) FROM information_schema.EVENTS").Scan(&n); !errors.As(err, &my) || my.Number != 1728 {
		t.Fatalf("the view should be blind (1728), but: %d events, %v", n, err)
	}
	c := readSchema(t, s, "", ReadOptions{})
	definers := map[string]string{}
	for _, p := range c.Programs {
		if p.Kind == KindEvent {
			definers[p.Name] = p.Definer
		}
	}
	if d := cmp.Diff(map[string]string{"good": "root@localhost", "bad": ""}, definers); d != "" {
		t.Errorf("definers (-want +got):\n%s", d)
	}
	for _, name := range []Section{SectionEvents, SectionEventDefs} {
		if c.Sections[name].Status != SectionRead {
			t.Errorf("section %s is %+v", name, c.Sections[name])
		}
	}
}

func TestHugeView(t *testing.T) {
	t.Parallel()
	s := mysqltest.Old(t)
	schema := mysqltest.Schema(t, s.DB(t, ""))
	mysqltest.Exec(t, s.DB(t, schema), "CREATE VIEW big AS SELECT '"+strings.Repeat("x", 4<<20)+"' AS x")
	c := readSchema(t, s, schema, ReadOptions{})
	if len(c.Programs) != 1 || len(c.Programs[0].Body) < 4<<20 {
		t.Fatalf("%d programs, sections %+v", len(c.Programs), c.Sections[SectionViews])
	}
}

func TestCatalogHoldsNoDataAndNoSecrets(t *testing.T) {
	t.Parallel()
	for _, side := range []mysqltest.Side{mysqltest.SideOld, mysqltest.SideNew} {
		t.Run(string(side), func(t *testing.T) {
			t.Parallel()
			s := mysqltest.Old(t)
			if side == mysqltest.SideNew {
				s = mysqltest.New(t)
			}
			schema := mysqltest.Schema(t, s.DB(t, ""))
			account := s.Account(t, "SELECT, PROCESS ON *.*")
			db := s.DB(t, schema)
			conn, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			for _, q := range []string{
				"CREATE TABLE x (id INT PRIMARY KEY, v VARCHAR(50))",
				"INSERT INTO x VALUES (918273645, 'SECRETROW')",
				"SELECT id AS visible_name FROM x WHERE v = 'SECRETLITERAL' OR v = \"SECRETDOUBLE\" /* SECRETCOMMENT */ AND id <> 918273645",
			} {
				if _, err := conn.ExecContext(t.Context(), q); err != nil {
					t.Fatal(err)
				}
			}
			var hash string
			if err := db.QueryRow("SELECT COALESCE(authentication_string, '') FROM mysql.user WHERE User = ?", account.User).Scan(&hash); err != nil {
				t.Fatal(err)
			}
			target := targetOf(account)
			c, err := Read(t.Context(), target, ReadOptions{Schemas: []string{schema}, MaxThreadsRunning: -1})
			if err != nil {
				t.Fatal(err)
			}
			saved := unpacked(t, c)
			for _, secret := range []string{"SECRET", "918273645", hash, account.Passwd} {
				if secret != "" && strings.Contains(saved, secret) {
					t.Errorf("the saved catalog holds %q", secret)
				}
			}
			if !strings.Contains(saved, "SELECT id AS visible_name FROM x WHERE v = ? OR v = ?") {
				t.Error("the saved catalog lacks the statement as the client wrote it")
			}
		})
	}
}

func unpacked(t *testing.T, c *Catalog) string {
	t.Helper()
	var b bytes.Buffer
	if err := Save(&b, c); err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestConnectErrors(t *testing.T) {
	t.Parallel()
	s := mysqltest.Old(t)
	admin := s.DB(t, "")
	tlsOnly := s.Account(t, "SELECT ON *.*")
	mysqltest.Exec(t, admin, "ALTER USER '"+tlsOnly.User+"'@'%' REQUIRE SSL")
	root := targetOf(s.Config(""))
	const password = "hunter2-never-shown"
	with := func(change func(*Target)) Target {
		x := root
		x.Password = StaticPassword(password)
		change(&x)
		return x
	}
	closed := listen(t, nil)
	closedAddr := closed.Addr().String()
	closed.Close()
	web := listen(t, func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n"); c.Close() })
	mute := listen(t, func(net.Conn) {})
	for _, tc := range []struct {
		name   string
		target Target
		code   string
	}{
		{"closed port", with(func(x *Target) { x.Address = closedAddr }), CodeUnreachable},
		{"unknown host", with(func(x *Target) { x.Address = "no-such-host.invalid:3306" }), CodeUnknownHost},
		{"wrong password", with(func(*Target) {}), CodeAccessDenied},
		{"no MySQL server", with(func(x *Target) { x.Address = web.Addr().String() }), CodeNotMySQL},
		{"silent server", with(func(x *Target) { x.Address, x.ConnectTimeout = mute.Addr().String(), 200*time.Millisecond }), CodeNotMySQL},
		{"unknown authority", with(func(x *Target) { x.TLS = TLSVerify }), CodeTLSFailed},
		{"account wants TLS", Target{Address: root.Address, User: tlsOnly.User, Password: StaticPassword(tlsOnly.Passwd), TLS: TLSDisabled}, CodeAccessDenied},
		{"clear-text password without TLS", with(func(x *Target) { x.Cleartext = true }), CodeBadDSN},
		{"no credentials", with(func(x *Target) {
			x.Password = func(context.Context) (string, error) { return "", errors.New("secret not found") }
		}), CodeCredentials},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := Read(t.Context(), tc.target, ReadOptions{MaxThreadsRunning: -1})
			var c *ConnectError
			if !errors.As(err, &c) || c.Code != tc.code {
				t.Fatalf("got %v (%T), want code %s", err, err, tc.code)
			}
			if line := err.Error(); strings.Contains(line, "\n") || strings.Contains(line, password) || len(line) > 400 {
				t.Errorf("not one clean line: %q", line)
			}
		})
	}
}

func listen(t *testing.T, answer func(net.Conn)) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	if answer != nil {
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				t.Cleanup(func() { c.Close() })
				answer(c)
			}
		}()
	}
	return l
}

func TestReadOverVerifiedTLS(t *testing.T) {
	t.Parallel()
	s := mysqltest.Old(t)
	if s.CACert == "" {
		t.Logf("the server by way of %s brings no certificate of ours", s.Way)
		return
	}
	x := targetOf(s.Config(""))
	x.TLS, x.CAFile = TLSVerify, s.CACert
	if _, err := Read(t.Context(), x, ReadOptions{Schemas: []string{"none"}, MaxThreadsRunning: -1}); err != nil {
		t.Fatal(err)
	}
	x.ServerName = "other.example.com"
	var c *ConnectError
	if _, err := Read(t.Context(), x, ReadOptions{MaxThreadsRunning: -1}); !errors.As(err, &c) || c.Code != CodeTLSFailed {
		t.Fatalf("a certificate for another name was accepted: %v", err)
	}
}

func TestReadStopsOnABusyServer(t *testing.T) {
	t.Parallel()
	s := mysqltest.Private(t, mysqltest.SideOld, mysqltest.Options{})
	db := s.DB(t, "")
	holder, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	if _, err := holder.ExecContext(t.Context(), "DO GET_LOCK('busy', 0)"); err != nil {
		t.Fatal(err)
	}
	waiting := make(chan struct{})
	go func() {
		defer close(waiting)
		_, _ = db.Exec("DO GET_LOCK('busy', 120)")
	}()
	for running := 0; running == 0; {
		if err := db.QueryRow("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE = 'User lock'").Scan(&running); err != nil {
			t.Fatal(err)
		}
	}
	_, err = Read(t.Context(), targetOf(s.Config("")), ReadOptions{MaxThreadsRunning: 1})
	var c *ConnectError
	if !errors.As(err, &c) || c.Code != CodeServerBusy {
		t.Errorf("got %v, want code %s", err, CodeServerBusy)
	}
	if _, err := holder.ExecContext(t.Context(), "DO RELEASE_LOCK('busy')"); err != nil {
		t.Fatal(err)
	}
	<-waiting
}

func TestReadEndsWithItsContextAndItsBudget(t *testing.T) {
	t.Parallel()
	s := mysqltest.Old(t)
	ctx, cancel := context.WithCancel(t.Context())
	var c *ConnectError
	_, err := Read(ctx, targetOf(s.Config("")), ReadOptions{MaxThreadsRunning: -1, Observe: func(x Exchange) {
		if x.Tag == "schemas" {
			cancel()
		}
	}})
	if !errors.As(err, &c) || c.Code != CodeCanceled || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	_, err = Read(t.Context(), targetOf(s.Config("")), ReadOptions{MaxThreadsRunning: -1, Budget: time.Nanosecond})
	if !errors.As(err, &c) {
		t.Errorf("without time: %v", err)
	}
}

func TestAudit(t *testing.T) {
	t.Parallel()
	old, fresh := targetOf(mysqltest.Old(t).Config("")), targetOf(mysqltest.New(t).Config(""))
	closed := listen(t, nil)
	gone := Target{ID: "gone", Address: closed.Addr().String(), User: "x"}
	closed.Close()
	old.ID, fresh.ID = "old", "new"
	twin := old
	twin.ID = "twin"
	var told []string
	results := Audit(t.Context(), []Target{old, gone, fresh, twin}, AuditOptions{
		Read: ReadOptions{Schemas: []string{"none"}, MaxThreadsRunning: -1},
		Done: func(r AuditResult) { told = append(told, r.Target.ID) },
	})
	for i, want := range []string{"5.7", "", "9.", "5.7"} {
		r := results[i]
		if (want == "") != (r.Err != nil) || (r.Err == nil) != (r.Catalog != nil) {
			t.Errorf("%s: catalog %v, error %v", r.Target.ID, r.Catalog != nil, r.Err)
			continue
		}
		if r.Catalog != nil && !strings.HasPrefix(r.Catalog.Server.Version, want) {
			t.Errorf("%s is of version %s", r.Target.ID, r.Catalog.Server.Version)
		}
	}
	slices.Sort(told)
	if d := cmp.Diff([]string{"gone", "new", "old", "twin"}, told); d != "" {
		t.Errorf("told (-want +got):\n%s", d)
	}
}

func TestReadSurvivesAKilledConnection(t *testing.T) {
	t.Parallel()
	s := mysqltest.Old(t)
	schema := mysqltest.Schema(t, s.DB(t, ""))
	mysqltest.Exec(t, s.DB(t, schema), "CREATE TABLE x (id INT PRIMARY KEY)")
	admin := s.DB(t, "")
	account := s.Account(t, "SELECT, PROCESS, SHOW VIEW, TRIGGER ON *.*")
	killed := false
	c, err := Read(t.Context(), targetOf(account), ReadOptions{Schemas: []string{schema}, MaxThreadsRunning: -1, Connections: 1, Observe: func(x Exchange) {
		if x.Tag != "columns" || killed {
			return
		}
		killed = true
		var id int
		if err := admin.QueryRow("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = ?", account.User).Scan(&id); err != nil {
			t.Error(err)
			return
		}
		if _, err := admin.Exec("KILL ?", id); err != nil {
			t.Error(err)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	lost := 0
	for name, st := range c.Sections {
		if strings.Contains(st.Reason, "connection was lost") {
			lost++
		} else if st.Status != SectionRead && st.Status != SectionNotRead && name != SectionSessions {
			t.Errorf("section %s is %+v", name, st)
		}
	}
	if !killed || lost == 0 || c.Sections[SectionColumns].Status != SectionRead || c.Sections[SectionAccounts].Status != SectionRead {
		t.Errorf("killed %v, %d sections lost: %+v", killed, lost, c.Sections)
	}
}
