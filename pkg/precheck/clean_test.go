package precheck

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqlver"
)

var (
	hop80 = Hop{mysqlver.MustParse("5.7.44"), mysqlver.MustParse("8.0.46")}
	hop84 = Hop{mysqlver.MustParse("8.0"), mysqlver.MustParse("8.4.9")}
	hop97 = Hop{mysqlver.MustParse("8.4"), mysqlver.MustParse("9.7.4")}
)

var allSections = []Section{
	SectionServer, SectionSchemas, SectionTables, SectionColumns, SectionIndexes, SectionForeignKeys, SectionPartitions,
	SectionViews, SectionRoutines, SectionTriggers, SectionEvents, SectionInnoTables, SectionInnoColumns, SectionFiles,
	SectionVariables, SectionAccounts, SectionPlugins, SectionSystem, SectionDigests, SectionStatements, SectionSessions,
	SectionTrx, SectionXA, SectionReplication, SectionEventDefs, SectionAutoIncrement, SectionSizes,
}

// stock57 is what a 5.7 server fresh from its package shows, with the
// variables of a real 5.7.30 and one schema that has nothing to complain of.
func stock57(t testing.TB) *Catalog {
	t.Helper()
	text, err := os.ReadFile("testdata/variables57.txt")
	if err != nil {
		t.Fatal(err)
	}
	c := &Catalog{Format: CatalogFormat, ReadAt: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), Sections: map[Section]SectionState{}, Activity: Activity{FreeBytes: -1}}
	for _, s := range allSections {
		c.Sections[s] = SectionState{Status: SectionRead}
	}
	for line := range strings.Lines(string(text)) {
		n, v, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		c.Variables = append(c.Variables, Variable{Name: n, Value: v})
	}
	c.Server = Server{Version: "5.7.44-log", CharacterSet: "latin1", Collation: "latin1_swedish_ci",
		SQLMode: "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_CREATE_USER,NO_ENGINE_SUBSTITUTION"}
	c.Accounts = []Account{
		{User: "root", Host: "localhost", Plugin: "mysql_native_password", HashLen: 41, Super: true},
		{User: "mysql.session", Host: "localhost", Plugin: "mysql_native_password", HashLen: 41, Locked: true},
		{User: "mysql.sys", Host: "localhost", Plugin: "mysql_native_password", HashLen: 41, Locked: true},
	}
	c.Plugins = []Plugin{{Name: "mysql_native_password", Status: "ACTIVE"}, {Name: "sha256_password", Status: "ACTIVE"}, {Name: "InnoDB", Status: "ACTIVE"}}
	c.SystemTable = []SystemTable{
		{Schema: "mysql", Name: "event", Type: "BASE TABLE"}, {Schema: "mysql", Name: "proc", Type: "BASE TABLE"},
		{Schema: "sys", Name: "sys_config", Type: "BASE TABLE"}, {Schema: "sys", Name: "host_summary", Type: "VIEW", Definer: "mysql.sys@localhost"},
	}
	c.Schemas = []Schema{{Name: "shop", CharacterSet: "utf8mb4", Collation: "utf8mb4_general_ci"}}
	add(c, "shop", "orders", "id int(11) auto_increment", "note varchar(191)", "at datetime")
	return c
}

// rds57 is the same server as Amazon RDS runs it, with AWS asked.
func rds57(t testing.TB) *Catalog {
	c := stock57(t)
	c.Parameters = []Parameter{}
	c.Server.SQLMode = "NO_ENGINE_SUBSTITUTION"
	for k, v := range map[string]string{
		"sql_mode": "NO_ENGINE_SUBSTITUTION", "log_bin": "ON", "binlog_format": "MIXED", "master_info_repository": "TABLE",
		"relay_log_info_repository": "TABLE", "explicit_defaults_for_timestamp": "ON", "innodb_flush_method": "O_DIRECT",
		"expire_logs_days": "1", "log_slave_updates": "ON", "innodb_log_file_size": "134217728", "log_warnings": "2",
	} {
		setVariable(c, k, v)
	}
	c.Accounts = append(c.Accounts, Account{User: "rdsadmin", Host: "localhost", Plugin: "mysql_native_password", HashLen: 41},
		Account{User: "admin", Host: "%", Plugin: "mysql_native_password", HashLen: 41})
	return c
}

func setVariable(c *Catalog, name, value string) {
	if i := slices.IndexFunc(c.Variables, func(v Variable) bool { return v.Name == name }); i >= 0 {
		c.Variables[i].Value = value
		return
	}
	c.Variables = append(c.Variables, Variable{Name: name, Value: value})
}

// add adds an InnoDB table whose first column is its primary key. A column is
// written as its name, its type and "auto_increment".
func add(c *Catalog, schema, table string, columns ...string) *Table {
	c.Tables = append(c.Tables, Table{Schema: schema, Name: table, Engine: "InnoDB", RowFormat: "Dynamic", Collation: "utf8mb4_general_ci", AutoIncrement: 1})
	for i, def := range columns {
		n, typ, _ := strings.Cut(def, " ")
		typ, auto := strings.CutSuffix(typ, " auto_increment")
		col := Column{Schema: schema, Table: table, Name: n, Position: i + 1, ColumnType: typ, Nullable: i > 0}
		col.DataType, _, _ = strings.Cut(strings.Fields(typ)[0], "(")
		if auto {
			col.Extra = "auto_increment"
		}
		switch col.DataType {
		case "char", "varchar", "text", "tinytext", "enum", "set":
			col.CharacterSet, col.Collation = "utf8mb4", "utf8mb4_general_ci"
		}
		c.Columns = append(c.Columns, col)
		if i == 0 {
			c.Indexes = append(c.Indexes, IndexPart{Schema: schema, Table: table, Index: "PRIMARY", Seq: 1, Column: n, Type: "BTREE"})
		}
	}
	id := uint64(len(c.InnoTables) + 100)
	c.InnoTables = append(c.InnoTables, InnoTable{ID: id, Name: schema + "/" + table, Space: id, RowFormat: "Dynamic", SpaceType: "Single"})
	return &c.Tables[len(c.Tables)-1]
}

// column is a column of the catalog, to be changed by a test.
func (c *Catalog) column(t testing.TB, schema, table, column string) *Column {
	t.Helper()
	for i := range c.Columns {
		if col := &c.Columns[i]; col.Schema == schema && col.Table == table && col.Name == column {
			return col
		}
	}
	t.Fatalf("no column %s.%s.%s", schema, table, column)
	return nil
}

func (c *Catalog) index(schema, table, index string, columns ...string) {
	for i, col := range columns {
		c.Indexes = append(c.Indexes, IndexPart{Schema: schema, Table: table, Index: index, Seq: i + 1, Column: col, Type: "BTREE", NonUnique: true, Nullable: true})
	}
}

func (c *Catalog) unique(schema, table, index string, columns ...string) {
	c.index(schema, table, index, columns...)
	for i := range c.Indexes {
		if p := &c.Indexes[i]; p.Index == index && p.Table == table {
			p.NonUnique, p.Nullable = false, false
		}
	}
}

// TestCleanServers: a server as it comes must be ready, without a warning, on
// every route that RDS offers.
func TestCleanServers(t *testing.T) {
	for _, server := range []struct {
		name string
		c    *Catalog
	}{{"stock", stock57(t)}, {"rds", rds57(t)}} {
		for _, target := range []string{"8.0.46", "8.0", "8.4.9", "8.4"} {
			route, err := RouteFor(mysqlver.MustParse(server.c.Server.Version), mysqlver.MustParse(target))
			if err != nil {
				t.Fatal(err)
			}
			rep := Judge(server.c, route, Policy{}, JudgeOptions{ID: server.name})
			if rep.Verdict != Ready || rep.Summary.Errors+rep.Summary.Warnings+rep.Summary.Unknown > 0 {
				t.Errorf("%s to %s: verdict %s, %+v", server.name, target, rep.Verdict, rep.Summary)
			}
			for _, ch := range rep.Checks {
				if ch.Status == StatusError || ch.Status == StatusFailed && ch.Severity != Notice {
					t.Errorf("%s to %s: %s is %s (%s) %s %+v", server.name, target, ch.ID, ch.Status, ch.Severity, ch.Reason, ch.Findings)
				}
			}
		}
	}
}
