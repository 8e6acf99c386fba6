package precheck

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqlver"
)

// ruleCase builds a catalog on top of the stock server and says which objects
// one check must find on one hop, and nothing else.
type ruleCase struct {
	name  string
	check string
	hop   Hop
	build func(t *testing.T, c *Catalog)
	want  []string
}

func runRuleCases(t *testing.T, cases []ruleCase) {
	t.Helper()
	for _, tc := range cases {
		t.Run(tc.check+"/"+tc.name, func(t *testing.T) {
			c := stock57(t)
			tc.build(t, c)
			if got := objectsOf(t, c, tc.check, tc.hop); !cmp.Equal(got, tc.want) {
				t.Errorf("findings differ:\n%s", cmp.Diff(tc.want, got))
			}
		})
	}
}

// objectsOf are the objects that a check finds, written with their severity
// where it is not the rule's own.
func objectsOf(t *testing.T, c *Catalog, check string, hop Hop) []string {
	t.Helper()
	rule, ok := RuleByID(check)
	if !ok {
		t.Fatalf("no rule %s", check)
	}
	rep := Judge(c, []Hop{hop}, Policy{}, JudgeOptions{Only: []string{check}})
	var got []string
	for _, f := range rep.Checks[0].Findings {
		o := f.Object
		if f.Severity != rule.Severity {
			o += " (" + string(f.Severity) + ")"
		}
		got = append(got, o)
	}
	if s := rep.Checks[0].Status; (s == StatusFailed) != (len(got) > 0) {
		t.Errorf("status is %s with %d findings (%s)", s, len(got), rep.Checks[0].Reason)
	}
	return got
}

func text(s string) *string { return &s }

func TestNameRules(t *testing.T) {
	runRuleCases(t, []ruleCase{
		{"every kind of object", "reservedKeywords", hop80, func(t *testing.T, c *Catalog) {
			c.Schemas = append(c.Schemas, Schema{Name: "groups"})
			add(c, "shop", "Rank", "id int", "LAG int", "grouping int")
			v := add(c, "shop", "window", "over int")
			v.View = true
			c.Programs = append(c.Programs,
				Program{Kind: KindView, Schema: "shop", Name: "window", HasBody: true},
				Program{Kind: KindFunction, Schema: "shop", Name: "lead", HasBody: true},
				Program{Kind: KindTrigger, Schema: "shop", Name: "of", HasBody: true},
				Program{Kind: KindEvent, Schema: "shop", Name: "system", HasBody: true})
		}, []string{"groups", "shop.Rank", "shop.window", "shop.Rank.LAG", "shop.Rank.grouping", "shop.window.over", "shop.lead", "shop.of", "shop.system"}},
		{"words that 8.0 freed again, and words that only look alike", "reservedKeywords", hop80, func(t *testing.T, c *Catalog) {
			add(c, "shop", "admin", "id int", "array int", "member int", "persist int", "persist_only int", "full int", "ranks int", "password int", "manual int", "groupings int")
			c.index("shop", "admin", "rank", "array")
		}, nil},
		{"8.0.11 still reserves admin", "reservedKeywords", Hop{hop80.From, mysqlver.MustParse("8.0.11")}, func(t *testing.T, c *Catalog) {
			add(c, "shop", "admin", "id int", "array int", "lateral int", "rank int")
		}, []string{"shop.admin", "shop.admin.rank"}},
		{"8.0.17 reserves array", "reservedKeywords", Hop{hop80.From, mysqlver.MustParse("8.0.17")}, func(t *testing.T, c *Catalog) {
			add(c, "shop", "admin", "id int", "array int", "lateral int")
		}, []string{"shop.admin.array", "shop.admin.lateral"}},
		{"8.4's own words", "reservedKeywords", hop84, func(t *testing.T, c *Catalog) {
			add(c, "shop", "manual", "id int", "parallel int", "qualify int", "tablesample int", "rank int", "library int")
		}, []string{"shop.manual", "shop.manual.parallel", "shop.manual.qualify", "shop.manual.tablesample"}},
		{"9.7's own words", "reservedKeywords", hop97, func(t *testing.T, c *Catalog) {
			add(c, "shop", "m", "id int", "library int", "external int", "manual int")
		}, []string{"shop.m.library", "shop.m.external"}},
		{"minor upgrade within 8.0", "reservedKeywords", Hop{mysqlver.MustParse("8.0.30"), mysqlver.MustParse("8.0.46")}, func(t *testing.T, c *Catalog) {
			add(c, "shop", "m", "id int", "intersect int", "rank int")
		}, []string{"shop.m.intersect"}},
		{"dictionary names", "mysqlSchema", hop80, func(t *testing.T, c *Catalog) {
			c.SystemTable = append(c.SystemTable, SystemTable{Schema: "mysql", Name: "Routines"}, SystemTable{Schema: "mysql", Name: "routines_old"},
				SystemTable{Schema: "sys", Name: "tables", Type: "VIEW"})
			add(c, "shop", "catalogs", "id int")
		}, []string{"mysql.Routines"}},
		{"mysql50", "invalid57Names", hop80, func(t *testing.T, c *Catalog) {
			c.Schemas = append(c.Schemas, Schema{Name: "#mysql50#a-b"}, Schema{Name: "mysql50"})
			add(c, "shop", "#mysql50#x.y", "id int")
			add(c, "shop", "a#mysql50#", "id int")
		}, []string{"#mysql50#a-b", "shop.#mysql50#x.y"}},
		{"FTS", "ftsInTablename", Hop{hop80.From, mysqlver.MustParse("8.0.17")}, func(t *testing.T, c *Catalog) {
			add(c, "shop", "giFTS", "id int")
			add(c, "shop", "gifts", "id int")
		}, []string{"shop.giFTS"}},
		{"FTS on Windows", "ftsInTablename", Hop{hop80.From, mysqlver.MustParse("8.0.17")}, func(t *testing.T, c *Catalog) {
			add(c, "shop", "giFTS", "id int")
			setVariable(c, "version_compile_os", "Win64")
		}, nil},
		{"FTS to a current release", "ftsInTablename", hop80, func(t *testing.T, c *Catalog) { add(c, "shop", "giFTS", "id int") }, nil},
		{"under 1", "upperCaseNames", hop80, func(t *testing.T, c *Catalog) {
			c.Server.LowerCaseTableNames = 1
			c.Schemas = append(c.Schemas, Schema{Name: "Big"})
			add(c, "shop", "Orders2", "id int")
			add(c, "shop", "ok", "Id int")
		}, []string{"Big", "shop.Orders2"}},
		{"under 0 and 2", "upperCaseNames", hop80, func(t *testing.T, c *Catalog) {
			c.Server.LowerCaseTableNames = 2
			add(c, "shop", "Orders2", "id int")
		}, nil},
		{"view columns", "viewColumnName", hop80, func(t *testing.T, c *Catalog) {
			add(c, "shop", "v", strings.Repeat("x", 65)+" int", strings.Repeat("é", 64)+" int").View = true
			add(c, "shop", "tb", strings.Repeat("x", 65)+" int")
		}, []string{"shop.v." + strings.Repeat("x", 65)}},
	})
}

func TestTypeRules(t *testing.T) {
	long := strings.Repeat("a", 256)
	runRuleCases(t, []ruleCase{
		{"marker", "oldTemporal", hop80, func(t *testing.T, c *Catalog) {
			add(c, "shop", "old", "id int", "a datetime /* 5.5 binary format */", "b timestamp", "c time /* 5.5 binary format */", "e enum('5.5 binary format')")
		}, []string{"shop.old.a", "shop.old.c"}},
		{"schema, column and a bare table default", "utf8mb3", hop80, func(t *testing.T, c *Catalog) {
			c.Schemas = append(c.Schemas, Schema{Name: "a", CharacterSet: "utf8"}, Schema{Name: "b", CharacterSet: "utf8mb3"}, Schema{Name: "d", CharacterSet: "utf8mb4"})
			add(c, "a", "t", "id int", "n varchar(10)").Collation = "utf8_general_ci"
			c.column(t, "a", "t", "n").CharacterSet = "utf8"
			add(c, "a", "only", "id int").Collation = "utf8_bin"
			add(c, "a", "v", "n varchar(10)").View = true
			c.column(t, "a", "v", "n").CharacterSet = "utf8"
		}, []string{"a", "b", "a.t.n", "a.only"}},
		{"lengths", "enumSetElementLength", hop80, func(t *testing.T, c *Catalog) {
			add(c, "shop", "e", "id int",
				"bad enum('x','"+long+"')", "badset set('"+long+"','y')",
				"edge enum('"+long[1:]+"')", "many set('"+strings.Repeat("ab','", 60)+"c')",
				"quotes set('"+strings.Repeat("''", 200)+"')", "commas set('"+strings.Repeat(",", 255)+"')",
				"slashes enum('"+strings.Repeat(`\\`, 255)+"')", "accents enum('"+strings.Repeat("é", 255)+"')", "wide enum('"+strings.Repeat("é", 256)+"')",
				"inner enum('"+strings.Repeat("a", 200)+"''"+strings.Repeat("b", 55)+"')", "word varchar(300)")
		}, []string{"shop.e.bad", "shop.e.badset", "shop.e.wide", "shop.e.inner"}},
		{"routines", "enumSetElementLength", hop80, func(t *testing.T, c *Catalog) {
			proc := func(n, params, body, mode string) {
				c.Programs = append(c.Programs, Program{Kind: KindProcedure, Schema: "shop", Name: n, Params: params, Body: body, SQLMode: mode, HasBody: true})
			}
			proc("param", "a ENUM('x','"+long+"')", "select 1", "")
			proc("local", "", "begin declare v set ( 'y' , '"+long+"') ; end", "")
			proc("edge", "a ENUM('"+long[1:]+"')", "select '"+long+"', find_in_set('"+long+"', 'x'); set @a = ('"+long+"')", "")
			proc("quotes", "", "begin declare v enum('"+strings.Repeat("''", 200)+"'); end", "")
			proc("slashes", "", `begin declare v enum('`+strings.Repeat(`\\`, 200)+`'); end`, "")
			proc("noescape", "", `begin declare v enum('`+strings.Repeat(`\\`, 200)+`'); end`, "NO_BACKSLASH_ESCAPES")
			proc("comment", "", "begin /* enum('"+long+"') */ end", "")
		}, []string{"shop.param", "shop.local", "shop.noescape"}},
		{"twins", "duplicateEnumValues", hop84, func(t *testing.T, c *Catalog) {
			add(c, "shop", "e", "id int", "a enum('x','X')", "b enum('x','X')", "d enum('x','y')")
			c.column(t, "shop", "e", "b").Collation = "utf8mb4_bin"
		}, []string{"shop.e.a"}},
		{"literals", "columnsWhichCannotHaveDefaults", hop80, func(t *testing.T, c *Catalog) {
			add(c, "shop", "d", "id int", "a text", "b json", "p point", "n text", "v varchar(20)")
			for _, n := range []string{"a", "b", "p", "v"} {
				c.column(t, "shop", "d", n).Default = text("")
			}
		}, []string{"shop.d.a", "shop.d.b", "shop.d.p"}},
		{"floats", "columnDefinition", hop84, func(t *testing.T, c *Catalog) {
			add(c, "shop", "f1", "id float auto_increment")
			add(c, "shop", "f2", "id double(10,2) unsigned auto_increment", "x float")
			add(c, "shop", "f3", "id bigint(20) auto_increment")
		}, []string{"shop.f1.id", "shop.f2.id"}},
		{"not yet in 8.0", "columnDefinition", hop80, func(t *testing.T, c *Catalog) { add(c, "shop", "f1", "id float auto_increment") }, nil},
		{"deprecated", "floatMD", hop80, func(t *testing.T, c *Catalog) {
			add(c, "shop", "f", "id int", "a float(7,3)", "b double unsigned", "d decimal(10,2)", "e decimal(10,2) unsigned", "f float", "g int(10) unsigned")
		}, []string{"shop.f.a", "shop.f.b", "shop.f.e"}},
		{"padding", "displayWidthZerofill", hop80, func(t *testing.T, c *Catalog) {
			add(c, "shop", "z", "id int(11)", "a int(5) unsigned zerofill", "b enum('x zerofill',' zerofill')", "y year(2)", "w year(4)")
		}, []string{"shop.z.a", "shop.z.y (warning)"}},
		{"bytes", "invalidUtf8mb3Comments", hop80, func(t *testing.T, c *Catalog) {
			add(c, "shop", "c", "id int", "a int", "b int").Comment = "bad \xc3\x28"
			c.column(t, "shop", "c", "a").Comment = "four bytes 😀"
			c.column(t, "shop", "c", "b").Comment = "fine é \uFFFD"
			c.index("shop", "c", "k", "a")
			c.Indexes[len(c.Indexes)-1].Comment = "\xff"
		}, []string{"shop.c", "shop.c.a", "shop.c.k"}},
	})
}

func TestColumnRules(t *testing.T) {
	runRuleCases(t, []ruleCase{
		{"defaults", "zeroDates", hop80, func(t *testing.T, c *Catalog) {
			add(c, "shop", "z", "id int", "a date", "b datetime", "d date", "e timestamp", "v varchar(20)", "ok date", "f date")
			for n, v := range map[string]string{"a": "0000-00-00", "b": "0000-00-00 00:00:00", "d": "2010-00-00", "e": "CURRENT_TIMESTAMP", "v": "0000-00-00", "ok": "2010-10-10", "f": "2010-00-10"} {
				c.column(t, "shop", "z", n).Default = text(v)
			}
		}, []string{"shop.z.a", "shop.z.b", "shop.z.d", "shop.z.f"}},
		{"mode", "zeroDates", hop80, func(t *testing.T, c *Catalog) { c.Server.SQLMode = "NO_ZERO_IN_DATE,STRICT_TRANS_TABLES" }, []string{"sql_mode (notice)"}},
		{"counter", "autoIncrementNearMax", hop80, func(t *testing.T, c *Catalog) {
			add(c, "shop", "a", "id int(11) auto_increment").AutoIncrement = 2147483600
			add(c, "shop", "b", "id int(10) unsigned auto_increment").AutoIncrement = 2147483600
			add(c, "shop", "d", "id tinyint(3) unsigned auto_increment").AutoIncrement = 250
			add(c, "shop", "h", "id tinyint(3) unsigned auto_increment").AutoIncrement = 180
			add(c, "shop", "e", "id bigint(20) unsigned auto_increment").AutoIncrement = 1 << 62
			add(c, "shop", "f", "id bigint(20) unsigned auto_increment").AutoIncrement = 1<<64 - 1
		}, []string{"shop.a.id", "shop.d.id", "shop.f.id"}},
		{"off", "implicitTimestampDefault", hop80, func(t *testing.T, c *Catalog) {
			add(c, "shop", "ts", "id int", "a timestamp", "b timestamp", "d datetime")
			c.column(t, "shop", "ts", "a").Nullable = false
		}, []string{"shop.ts.a"}},
		{"on", "implicitTimestampDefault", hop80, func(t *testing.T, c *Catalog) {
			setVariable(c, "explicit_defaults_for_timestamp", "ON")
			add(c, "shop", "ts", "a timestamp")
			c.column(t, "shop", "ts", "a").Nullable = false
		}, nil},
		{"names and keys", "collationMismatch", hop80, func(t *testing.T, c *Catalog) {
			add(c, "shop", "a", "code varchar(10)")
			add(c, "shop", "b", "code varchar(10)")
			add(c, "shop", "d", "code varchar(10)", "alone varchar(3)")
			c.column(t, "shop", "d", "code").Collation = "utf8mb4_unicode_ci"
			c.ForeignKeys = append(c.ForeignKeys, ForeignKey{Schema: "shop", Table: "d", Name: "fk", RefSchema: "shop", RefTable: "a", Columns: []string{"code"}, RefColumns: []string{"CODE"}})
		}, []string{"shop.fk (warning)", "shop.d.code"}},
	})
	c := stock57(t)
	c.Sections[SectionZeroData] = SectionState{Status: SectionRead}
	c.Activity.ZeroDates = map[string]uint64{"shop.orders.at": 3, "shop.orders.id": 0}
	if got := objectsOf(t, c, "zeroDateData", hop80); !slices.Equal(got, []string{"shop.orders.at"}) {
		t.Errorf("zeroDateData found %q", got)
	}
}

func TestTableRules(t *testing.T) {
	runRuleCases(t, []ruleCase{
		{"keys", "tableWithoutPrimaryKey", hop80, func(t *testing.T, c *Catalog) {
			add(c, "shop", "none", "a int")
			add(c, "shop", "nullable", "a int")
			add(c, "shop", "whole", "a int")
			add(c, "shop", "v", "a int").View = true
			c.Indexes = slices.DeleteFunc(c.Indexes, func(p IndexPart) bool { return p.Table != "orders" })
			c.unique("shop", "nullable", "u", "a")
			c.Indexes[len(c.Indexes)-1].Nullable = true
			c.unique("shop", "whole", "u", "a")
		}, []string{"shop.none", "shop.nullable"}},
		{"engines", "nonInnodbEngine", hop80, func(t *testing.T, c *Catalog) {
			add(c, "shop", "m", "a int").Engine = "MyISAM"
			add(c, "shop", "h", "a int").Engine = "MEMORY"
			v := add(c, "shop", "v", "a int")
			v.View, v.Engine = true, ""
		}, []string{"shop.m", "shop.h"}},
		{"formats", "compressedRowFormat", hop80, func(t *testing.T, c *Catalog) {
			add(c, "shop", "z", "a int").RowFormat = "Compressed"
			m := add(c, "shop", "m", "a int")
			m.Engine, m.RowFormat = "ARCHIVE", "Compressed"
		}, []string{"shop.z"}},
		{"not dynamic", "innodbRowFormat", hop80, func(t *testing.T, c *Catalog) {
			add(c, "shop", "d", "a int").RowFormat = "Dynamic"
			add(c, "shop", "c", "a int").RowFormat = "Compact"
			add(c, "shop", "z", "a int").RowFormat = "Compressed"
			m := add(c, "shop", "m", "a int")
			m.Engine, m.RowFormat = "ARCHIVE", "Compressed"
		}, []string{"shop.c", "shop.z"}},
		{"redundant", "redundantRowFormat", hop80, func(t *testing.T, c *Catalog) {
			add(c, "shop", "r", "a int", "b varchar(300)").RowFormat = "Redundant"
			c.column(t, "shop", "r", "b").OctetLength = 1200
			add(c, "shop", "s", "a int", "b varchar(100)").RowFormat = "Compact"
			c.column(t, "shop", "s", "b").OctetLength = 400
		}, []string{"shop.r"}},
	})
	c := stock57(t)
	if rep := Judge(c, []Hop{hop80}, Policy{}, JudgeOptions{Only: []string{"checkTableCommand"}}); rep.Checks[0].Status != StatusSkipped {
		t.Errorf("CHECK TABLE that nobody asked for is %s", rep.Checks[0].Status)
	}
	c.Sections[SectionCheckTable] = SectionState{Status: SectionRead}
	c.CheckTables = []CheckTable{
		{"shop", "a", "error", "Table upgrade required"}, {"shop", "a", "status", "Operation failed"}, {"shop", "b", "note", "fine"}, {"shop", "d", "status", "OK"},
		{"shop", "e", "warning", "The partition engine, used by table 'shop.e', is deprecated and will be removed in a future release. Please use native partitioning instead."},
	}
	if got := objectsOf(t, c, "checkTableCommand", hop80); !slices.Equal(got, []string{"shop.a", "shop.a", "shop.b (notice)"}) {
		t.Errorf("checkTableCommand found %q", got)
	}
}

func TestPartitionRules(t *testing.T) {
	part := func(c *Catalog, table, part, method, expr, bound string) {
		c.Partitions = append(c.Partitions, Partition{Schema: "shop", Table: table, Name: part, Method: method, Expression: expr, Description: bound})
	}
	runRuleCases(t, []ruleCase{
		{"engines", "nonNativePartitioning", hop80, func(t *testing.T, c *Catalog) {
			m := add(c, "shop", "m", "a int")
			m.Engine, m.CreateOptions = "MyISAM", "max_rows=10 partitioned"
			add(c, "shop", "i", "a int").CreateOptions = "partitioned"
			add(c, "shop", "n", "a int").Engine = "MyISAM"
		}, []string{"shop.m"}},
		{"spaces", "partitionedTablesInSharedTablespaces", hop80, func(t *testing.T, c *Catalog) {
			add(c, "shop", "a", "id int")
			part(c, "a", "p0", "HASH", "id", "")
			c.Partitions[0].Tablespace = "innodb_system"
			add(c, "shop", "b", "id int")
			part(c, "b", "p0", "HASH", "id", "")
			c.Partitions[1].Tablespace = "innodb_file_per_table"
			add(c, "shop", "d", "id int")
			c.InnoTables = append(c.InnoTables, InnoTable{ID: 900, Name: "shop/d#P#p0", SpaceType: "General", Space: 40}, InnoTable{ID: 901, Name: "shop/b#p#p0", SpaceType: "Single", Space: 41},
				InnoTable{ID: 902, Name: "shop/orders", SpaceType: "System"})
		}, []string{"shop.a", "shop.d"}},
		{"bounds", "deprecatedTemporalDelimiter", hop80, func(t *testing.T, c *Catalog) {
			add(c, "shop", "a", "d datetime", "s varchar(10)", "i int")
			for i, b := range []string{"'2020-01-01'", "'2020-01-01 10:00:00'", "'2020-01-01T10:00:00'", "'20200101'", "'20200101100000'", "'21-2-4'", "'2020-01-01 10:00'",
				"'2020-01-01 10:00:00.5'", "'2020-01-01 10:00:00+00:00'", "MAXVALUE"} {
				part(c, "a", "p"+string(rune('a'+i)), "RANGE COLUMNS", "`d`", b)
			}
			part(c, "b", "p0", "RANGE COLUMNS", "`d`", "'2020/01/01'")
			part(c, "e", "p0", "LIST COLUMNS", "`d`", "'2020-01-01',NULL,'2020.01.02'")
			part(c, "f", "p0", "RANGE COLUMNS", "`i`,`d`,`s`", "1,'2020-01-01 10.00.00','x''/,y'")
			part(c, "g", "p0", "RANGE COLUMNS", "`i`,`d`,`s`", "1,'2020-01-01','2020/01/01'")
			part(c, "h", "p0", "RANGE", "to_days(`d`)", "737792")
			part(c, "i", "p0", "RANGE COLUMNS", "`we``ird`", "'2020-01-01  10:00:00'")
			part(c, "j", "p0", "RANGE COLUMNS", "`d`", "'2020-01-01t10:00:00'")
			part(c, "k", "p0", "RANGE COLUMNS", "`d`", "' 2020-01-01'")
			part(c, "l", "p0", "RANGE COLUMNS", "`d`", "'2020-01-01 100000'")
			for _, n := range []string{"b", "e", "f", "g", "h", "i", "j", "k", "l"} {
				add(c, "shop", n, "d datetime", "s varchar(10)", "i int", "we`ird date")
			}
		}, []string{"shop.b", "shop.e", "shop.f", "shop.i", "shop.j", "shop.k", "shop.l"}},
		{"prefixes", "partitionsWithPrefixKeys", hop84, func(t *testing.T, c *Catalog) {
			for _, n := range []string{"bad", "anykey", "other", "hash", "whole", "sub"} {
				add(c, "shop", n, "b varchar(20)", "a varchar(300)")
				c.index("shop", n, "k", "a")
				c.Indexes[len(c.Indexes)-1].SubPart = 10
			}
			c.index("shop", "bad", "k2", "b")
			c.Indexes[len(c.Indexes)-1].SubPart = 5
			part(c, "bad", "p0", "KEY", "`b`", "")
			part(c, "bad", "p1", "KEY", "`b`", "")
			part(c, "anykey", "p0", "LINEAR KEY", "", "")
			part(c, "other", "p0", "KEY", "`b`", "")
			part(c, "hash", "p0", "HASH", "a", "")
			part(c, "sub", "p0", "RANGE", "b", "1")
			c.Partitions[len(c.Partitions)-1].SubMethod = "KEY"
		}, []string{"shop.bad", "shop.anykey"}},
	})
}

func TestKeyRules(t *testing.T) {
	fk := func(c *Catalog, n, table, ref string, cols, refCols []string) {
		schema, parent, _ := strings.Cut(ref, ".")
		c.ForeignKeys = append(c.ForeignKeys, ForeignKey{Schema: "shop", Table: table, Name: n, RefSchema: schema, RefTable: parent, Columns: cols, RefColumns: refCols})
	}
	runRuleCases(t, []ruleCase{
		{"length", "foreignKeyLength", hop80, func(t *testing.T, c *Catalog) {
			fk(c, strings.Repeat("é", 64), "orders", "shop.orders", nil, nil)
			fk(c, strings.Repeat("x", 65), "orders", "shop.orders", nil, nil)
		}, []string{"shop." + strings.Repeat("x", 65)}},
		{"targets", "foreignKeyReferences", hop84, func(t *testing.T, c *Catalog) {
			c.Schemas = append(c.Schemas, Schema{Name: "other"})
			add(c, "other", "p", "id int", "a int", "b int")
			c.index("other", "p", "plain", "a")
			add(c, "shop", "p", "id int", "a int", "b int", "t varchar(20)")
			c.index("shop", "p", "plain", "a")
			c.unique("shop", "p", "twin", "a")
			c.unique("shop", "p", "pair", "a", "b")
			c.unique("shop", "p", "pre", "t")
			c.Indexes[len(c.Indexes)-1].SubPart = 10
			fk(c, "pk", "orders", "shop.p", []string{"id"}, []string{"ID"})
			fk(c, "twin", "orders", "shop.p", []string{"x"}, []string{"a"})
			fk(c, "pair", "orders", "shop.p", []string{"x", "y"}, []string{"a", "b"})
			fk(c, "swapped", "orders", "shop.p", []string{"x", "y"}, []string{"b", "a"})
			fk(c, "part", "orders", "shop.p", []string{"x"}, []string{"b"})
			fk(c, "prefix", "orders", "shop.p", []string{"x"}, []string{"t"})
			fk(c, "far", "orders", "other.p", []string{"x"}, []string{"a"})
			fk(c, "gone", "orders", "shop.nosuch", []string{"x"}, []string{"a"})
		}, []string{"shop.swapped", "shop.part", "shop.prefix", "shop.far"}},
		{"engines", "invalidEngineForeignKey", hop80, func(t *testing.T, c *Catalog) {
			add(c, "shop", "m", "id int").Engine = "MyISAM"
			add(c, "shop", "p", "id int")
			fk(c, "fine", "orders", "shop.p", []string{"x"}, []string{"id"})
			fk(c, "mixed", "orders", "shop.m", []string{"x"}, []string{"id"})
			fk(c, "gone", "orders", "shop.nosuch", []string{"x"}, []string{"id"})
		}, []string{"shop.mixed", "shop.gone (warning)"}},
		{"names in lower case", "foreignKeyLength", hop80, func(t *testing.T, c *Catalog) {
			c.Server.LowerCaseTableNames = 2
			c.Schemas = append(c.Schemas, Schema{Name: "Shop2"})
			c.ForeignKeys = append(c.ForeignKeys, ForeignKey{Schema: "shop2", Table: "t", Name: strings.Repeat("x", 65)})
		}, []string{"Shop2." + strings.Repeat("x", 65)}},
		{"bytes", "indexTooLarge", hop80, func(t *testing.T, c *Catalog) {
			for _, n := range []string{"r", "d"} {
				add(c, "shop", n, "id int", "b varchar(300)", "s varchar(100)", "x text")
				c.column(t, "shop", n, "b").OctetLength = 1200
				c.column(t, "shop", n, "s").OctetLength = 400
				c.index("shop", n, "big", "b")
				c.index("shop", n, "small", "s")
				c.index("shop", n, "cut", "x")
				c.Indexes[len(c.Indexes)-1].SubPart = 191
				c.index("shop", n, "cutlong", "x")
				c.Indexes[len(c.Indexes)-1].SubPart = 192
			}
			for i := range c.Tables {
				if c.Tables[i].Name == "r" {
					c.Tables[i].RowFormat = "Redundant"
				}
			}
		}, []string{"shop.r.big", "shop.r.cutlong"}},
		{"geometry", "prefixIndexOnGeometry", hop80, func(t *testing.T, c *Catalog) {
			add(c, "shop", "g", "id int", "p point", "t text")
			for n, typ := range map[string]string{"b": "BTREE"} {
				c.Indexes = append(c.Indexes, IndexPart{Schema: "shop", Table: "g", Index: n, Seq: 1, Column: "p", SubPart: 25, Type: typ})
			}
			c.Indexes = append(c.Indexes, IndexPart{Schema: "shop", Table: "g", Index: "s", Seq: 1, Column: "p", SubPart: 32, Type: "SPATIAL"},
				IndexPart{Schema: "shop", Table: "g", Index: "t", Seq: 1, Column: "t", SubPart: 32, Type: "BTREE"})
		}, []string{"shop.g.b"}},
		{"tiny", "indexLengthLimitOnTinyColumns", hop80, func(t *testing.T, c *Catalog) {
			add(c, "shop", "g", "id int", "a tinytext", "b tinyblob", "t text")
			for col, n := range map[string]int{"a": 64, "b": 255, "t": 100} {
				c.Indexes = append(c.Indexes, IndexPart{Schema: "shop", Table: "g", Index: "k" + col, Seq: 1, Column: col, SubPart: n, Type: "BTREE"})
			}
		}, []string{"shop.g.ka"}},
		{"spatial", "spatialIndex", hop80, func(t *testing.T, c *Catalog) {
			add(c, "shop", "g", "id int", "p point")
			c.Indexes = append(c.Indexes, IndexPart{Schema: "shop", Table: "g", Index: "s", Seq: 1, Column: "p", SubPart: 32, Type: "SPATIAL"})
		}, []string{"shop.g.s"}},
		{"spatial from a fixed 8.0", "spatialIndex", hop84, func(t *testing.T, c *Catalog) {
			add(c, "shop", "g", "id int", "p point")
			c.Indexes = append(c.Indexes, IndexPart{Schema: "shop", Table: "g", Index: "s", Seq: 1, Column: "p", SubPart: 32, Type: "SPATIAL"})
		}, nil},
		{"spatial from 8.0.40", "spatialIndex", Hop{mysqlver.MustParse("8.0.40"), hop84.To}, func(t *testing.T, c *Catalog) {
			add(c, "shop", "g", "id int", "p point")
			c.Indexes = append(c.Indexes, IndexPart{Schema: "shop", Table: "g", Index: "s", Seq: 1, Column: "p", SubPart: 32, Type: "SPATIAL"})
		}, []string{"shop.g.s"}},
	})
}

func TestInnoRules(t *testing.T) {
	inno := func(c *Catalog, names ...string) {
		for _, n := range names {
			c.InnoTables = append(c.InnoTables, InnoTable{ID: uint64(1000 + len(c.InnoTables)), Name: n, Space: 9, SpaceType: "Single"})
		}
	}
	runRuleCases(t, []ruleCase{
		{"orphans", "schemaInconsistency", hop80, func(t *testing.T, c *Catalog) {
			for _, n := range []string{"café", "naïve-1", "日本", "a#b", "part", "Ÿ", "em@il"} {
				c.Tables = append(c.Tables, Table{Schema: "shop", Name: n, Engine: "InnoDB"})
			}
			inno(c, "shop/caf@0p", "shop/na@0vve@002d1", "shop/@65e5@672c", "shop/a@0023b", "shop/part#P#p0", "shop/part#P#p1", "shop/part#p#p0#sp#s0", "shop/@0178", "shop/em@0040il",
				"shop/FTS_0000000000000062_CONFIG", "shop/fts_0000000000000062_0000000000000095_index_1", "mysql/innodb_table_stats", "sys/sys_config", "SYS_FOREIGN",
				"shop/gone", "shop/gone2#P#p0", "shop/gone2#P#p1", "lost/t@0v", "shop/#sql-ib21-33", "shop/FTS_gone")
		}, []string{"shop.gone", "shop.gone2", "lost.tï", "shop.#sql-ib21-33", "shop.FTS_gone"}},
		{"case ignored", "schemaInconsistency", hop80, func(t *testing.T, c *Catalog) {
			c.Server.LowerCaseTableNames = 2
			c.Tables = append(c.Tables, Table{Schema: "shop", Name: "ORDERS2", Engine: "InnoDB"})
			inno(c, "shop/orders2")
		}, nil},
		{"case counts", "schemaInconsistency", hop80, func(t *testing.T, c *Catalog) {
			c.Tables = append(c.Tables, Table{Schema: "shop", Name: "ORDERS2", Engine: "InnoDB"})
			inno(c, "shop/orders2")
		}, []string{"shop.orders2"}},
		{"engines", "engineMixup", hop80, func(t *testing.T, c *Catalog) {
			add(c, "shop", "m", "id int").Engine = "MyISAM"
			add(c, "shop", "b", "id int").Engine = ""
			c.Tables = append(c.Tables, Table{Schema: "shop", Name: "plain", Engine: "MyISAM"})
		}, []string{"shop.m"}},
		{"fulltext", "danglingFulltextIndex", hop80, func(t *testing.T, c *Catalog) {
			for _, n := range []string{"gone", "has", "own"} {
				add(c, "shop", n, "id int", "b text")
				c.InnoColumns = append(c.InnoColumns, InnoColumn{TableID: c.InnoTables[len(c.InnoTables)-1].ID, Name: "FTS_DOC_ID", MType: 6})
			}
			c.Indexes = append(c.Indexes, IndexPart{Schema: "shop", Table: "has", Index: "b", Seq: 1, Column: "b", Type: "FULLTEXT"})
			c.Columns = append(c.Columns, Column{Schema: "shop", Table: "own", Name: "FTS_DOC_ID", DataType: "bigint"})
		}, []string{"shop.gone"}},
		{"case", "columnCaseMismatch", hop80, func(t *testing.T, c *Catalog) {
			add(c, "shop", "x", "Id int", "b int")
			id := c.InnoTables[len(c.InnoTables)-1].ID
			c.InnoColumns = append(c.InnoColumns, InnoColumn{TableID: id, Name: "ID"}, InnoColumn{TableID: id, Name: "b"}, InnoColumn{TableID: id, Name: "FTS_DOC_ID"})
		}, []string{"shop.x.Id"}},
		{"geometry", "oldGeometryTypes", Hop{hop80.From, mysqlver.MustParse("8.0.23")}, func(t *testing.T, c *Catalog) {
			add(c, "shop", "x", "id int", "g geometry", "h point", "b blob")
			id := c.InnoTables[len(c.InnoTables)-1].ID
			c.InnoColumns = append(c.InnoColumns, InnoColumn{TableID: id, Name: "g", MType: 5}, InnoColumn{TableID: id, Name: "h", MType: 14}, InnoColumn{TableID: id, Name: "b", MType: 5})
		}, []string{"shop.x.g"}},
		{"paths", "circularDirectory", hop80, func(t *testing.T, c *Catalog) {
			c.Files = []Datafile{{Tablespace: "a", Path: "./x/../a.ibd"}, {Tablespace: "b", Path: `..\data\..\b.ibd`}, {Tablespace: "c", Path: "../c.ibd"}, {Tablespace: "d", Path: "./x..y/d.ibd"}}
		}, []string{"a", "b"}},
	})
}

func TestProgramRules(t *testing.T) {
	prog := func(c *Catalog, kind ProgramKind, schema, n, definer string) {
		c.Programs = append(c.Programs, Program{Kind: kind, Schema: schema, Name: n, Definer: definer, HasBody: true, Body: "begin end", Status: "DISABLED"})
	}
	runRuleCases(t, []ruleCase{
		{"schemas", "orphanedObjects", hop80, func(t *testing.T, c *Catalog) {
			prog(c, KindProcedure, "gone", "p", "root@localhost")
			prog(c, KindEvent, "gone", "e", "root@localhost")
			prog(c, KindFunction, "shop", "f", "root@localhost")
			prog(c, KindProcedure, "sys", "s", "mysql.sys@localhost")
		}, []string{"gone.p", "gone.e"}},
		{"events", "eventDefiner", hop80, func(t *testing.T, c *Catalog) {
			prog(c, KindEvent, "shop", "blank", "")
			prog(c, KindEvent, "shop", "at", "@")
			prog(c, KindEvent, "shop", "fine", "root@localhost")
			prog(c, KindTrigger, "shop", "tr", "")
		}, []string{"shop.blank", "shop.at"}},
		{"triggers", "triggerDefiner", hop80, func(t *testing.T, c *Catalog) {
			prog(c, KindTrigger, "shop", "tr", "")
			prog(c, KindTrigger, "shop", "ok", "root@localhost")
		}, []string{"shop.tr"}},
		{"case", "duplicateTriggers", hop80, func(t *testing.T, c *Catalog) {
			c.Schemas = append(c.Schemas, Schema{Name: "b"})
			prog(c, KindTrigger, "shop", "ins", "root@localhost")
			prog(c, KindTrigger, "shop", "INS", "root@localhost")
			prog(c, KindTrigger, "b", "ins", "root@localhost")
		}, []string{"shop.ins", "shop.INS"}},
		{"accounts", "missingDefiner", hop80, func(t *testing.T, c *Catalog) {
			c.Accounts = append(c.Accounts, Account{User: "app@x", Host: "10.%", Plugin: "caching_sha2_password", HashLen: 70})
			prog(c, KindProcedure, "shop", "gone", "left@%")
			prog(c, KindView, "shop", "ok", "root@localhost")
			prog(c, KindView, "shop", "at", "app@x@10.%")
			prog(c, KindTrigger, "shop", "host", "root@%")
			prog(c, KindEvent, "shop", "blank", "")
		}, []string{"shop.gone", "shop.host"}},
		{"events", "enabledEvent", hop80, func(t *testing.T, c *Catalog) {
			prog(c, KindEvent, "shop", "on", "root@localhost")
			c.Programs[len(c.Programs)-1].Status = "ENABLED"
			prog(c, KindEvent, "shop", "off", "root@localhost")
		}, []string{"shop.on"}},
	})
}
