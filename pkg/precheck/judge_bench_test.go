package precheck

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqlver"
)

// largeCatalog has 100,000 columns in 5,000 tables, with an index, a foreign
// key and InnoDB's own entry each, and a hundred findings among them.
func largeCatalog(t testing.TB) *Catalog {
	c := stock57(t)
	c.Server.LowerCaseTableNames = 1
	for s := range 10 {
		schema := fmt.Sprintf("schema_%d", s)
		c.Schemas = append(c.Schemas, Schema{Name: schema, CharacterSet: "utf8mb4"})
		for i := range 500 {
			table := fmt.Sprintf("table_%d", i)
			columns := []string{"id bigint(20) auto_increment", "parent_id bigint(20)"}
			for k := range 18 {
				columns = append(columns, fmt.Sprintf("column_%d %s", k, []string{"varchar(100)", "datetime", "int(11)", "decimal(10,2)", "enum('new','paid','sent')", "text"}[k%6]))
			}
			if i%50 == 0 {
				columns[3] = "rank float(7,3)"
			}
			add(c, schema, table, columns...)
			c.index(schema, table, "k_parent", "parent_id", "column_1")
			c.ForeignKeys = append(c.ForeignKeys, ForeignKey{Schema: schema, Table: table, Name: table + "_ibfk_1", RefSchema: schema, RefTable: "table_0", Columns: []string{"parent_id"}, RefColumns: []string{"id"}})
		}
	}
	return c
}

// TestJudgeLarge bounds the memory that a judgement of 100,000 columns keeps
// and allocates; its time is the benchmark's.
func TestJudgeLarge(t *testing.T) {
	c := largeCatalog(t)
	route, err := RouteFor(mysqlver.MustParse("5.7.44"), mysqlver.MustParse("8.4"))
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	rep := Judge(c, route, Policy{}, JudgeOptions{})
	runtime.ReadMemStats(&after)
	const limit = 150 << 20
	if got := after.TotalAlloc - before.TotalAlloc; got > limit {
		t.Errorf("judging %d columns allocates %d MiB in all", len(c.Columns), got>>20)
	}
	if len(c.Columns) < 100_000 || rep.Summary.Warnings < 100 {
		t.Errorf("%d columns, %+v", len(c.Columns), rep.Summary)
	}
}

func BenchmarkJudge100kColumns(b *testing.B) {
	c := largeCatalog(b)
	route, err := RouteFor(mysqlver.MustParse("5.7.44"), mysqlver.MustParse("8.4"))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		Judge(c, route, Policy{}, JudgeOptions{})
	}
}
