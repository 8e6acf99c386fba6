package lab

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// TestSamplesOnRealServers: of tables that are not small a share is compared,
// whatever their key is made of: both ends, and places between. A budget that
// is over is said.
func TestSamplesOnRealServers(t *testing.T) {
	t.Parallel()
	l, green := checksLab(t, 0)
	const rows = 20_000
	fill := l.session(t, "orders")
	keys := map[string]string{"by_int": "n INT|n", "by_negative": "n BIGINT|n * 1000003 - 9000000000", "by_time": "n DATETIME|'2020-01-01' + INTERVAL n MINUTE",
		"by_text": "n VARCHAR(40) CHARACTER SET utf8mb4|MD5(n)", "by_bytes": "n BINARY(16)|UNHEX(MD5(n))", "by_wide": "n VARCHAR(40) CHARACTER SET ucs2|MD5(n)",
		"by_money": "n DECIMAL(12,2)|n * 1.25"}
	stmts := []string{"USE shop", "CREATE TABLE digits (d INT PRIMARY KEY)", "INSERT INTO digits VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)",
		"CREATE TABLE numbers (n INT PRIMARY KEY)", fmt.Sprintf("INSERT INTO numbers SELECT a.d + 10*b.d + 100*c.d + 1000*e.d + 10000*f.d AS n FROM digits a, digits b, digits c, digits e, digits f HAVING n < %d", rows)}
	for name, key := range keys {
		col, expr, _ := strings.Cut(key, "|")
		stmts = append(stmts, "CREATE TABLE "+name+" ("+col+" NOT NULL PRIMARY KEY, v INT) ENGINE=InnoDB", "INSERT INTO "+name+" SELECT "+expr+", n FROM numbers", "ANALYZE TABLE "+name)
	}
	if err := execAll(t.Context(), fill, stmts...); err != nil {
		t.Fatal(err)
	}
	if err := l.CatchUp(t.Context(), "orders", green); err != nil {
		t.Fatal(err)
	}
	a := access(t)
	want := &a.Plan.Switchover.Ahead.Compare
	want.Tables, want.Sample = []string{"shop.by_*"}, 10
	g := checked(t, l, a, green, bluegreen.GateNameData)
	if says := "7 tables compared, 0 of them whole and 7 by samples"; g.Verdict != bluegreen.GatePass || !strings.Contains(g.String(), says) {
		t.Fatalf("on a true copy: want a pass that says %q: %s", says, g)
	}
	var n, chunks int
	if _, err := fmt.Sscanf(g.Evidence[0][strings.Index(g.Evidence[0], ": ")+2:], "%d rows in %d chunks", &n, &chunks); err != nil {
		t.Fatal(err)
	}
	if n < 7*rows/20 || n > 7*rows/4 || chunks < 7*8 {
		t.Errorf("%d rows in %d chunks are no sample of a tenth", n, chunks)
	}
	// Both ends are in every sample.
	change := l.session(t, green)
	for name := range keys {
		if err := execAll(t.Context(), change, "SET SESSION sql_log_bin=0", "UPDATE shop."+name+" SET v = -1 ORDER BY n LIMIT 1", "UPDATE shop."+name+" SET v = -1 ORDER BY n DESC LIMIT 1"); err != nil {
			t.Fatal(err)
		}
	}
	g = checked(t, l, a, green, bluegreen.GateNameData)
	for name := range keys {
		if n := strings.Count(strings.Join(g.Evidence, "\n"), "shop."+name+": row n="); n != 2 {
			t.Errorf("of %s %d rows are named, want both ends: %s", name, n, g)
		}
	}
	want.Budget, want.Incomplete = time.Nanosecond, "hold"
	if g = checked(t, l, a, green, bluegreen.GateNameData); g.Verdict != bluegreen.GateInconclusive || !strings.Contains(g.String(), "not finished within the budget: shop.by_") {
		t.Errorf("without time: %s", g)
	}
}
