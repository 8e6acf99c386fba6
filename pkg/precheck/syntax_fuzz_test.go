package precheck

import (
	"strings"
	"testing"

	"github.com/rdsupgrade/rdsupgrade/pkg/precheck/sqllex"
)

// FuzzAnalyser asserts that no text makes a recognizer panic or point outside
// of the text, and that a reused analyser sees what a fresh one sees.
func FuzzAnalyser(f *testing.F) {
	for _, c := range bodyCases {
		f.Add(c.body, uint8(sqllex.ParseMode(c.sqlMode)), false)
	}
	f.Add("CREATE PROCEDURE p(IN a INT) COMMENT 'x' BEGIN END", uint8(0), false)
	f.Add("CREATE FUNCTION f(", uint8(0), false)
	f.Add("CREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW", uint8(0), false)
	f.Add("DECLARE EXIT HANDLER FOR NOT", uint8(0), false)
	f.Add("SELECT ? , ... FROM . `t` ((((", uint8(0), true)
	var used analyser
	f.Fuzz(func(t *testing.T, src string, mode uint8, digest bool) {
		var fresh analyser
		want := fresh.analyse(src, sqllex.Mode(mode), 50744, digest)
		got := used.analyse(src, sqllex.Mode(mode), 50744, digest)
		if len(got) != len(want) {
			t.Fatalf("%d facts with used buffers, %d with fresh ones", len(got), len(want))
		}
		for i, fact := range got {
			if fact != want[i] || int(fact.pos) >= len(src) || fact.line < 1 {
				t.Fatalf("fact %d: %+v, fresh %+v", i, fact, want[i])
			}
		}
		for _, s := range used.stmts {
			if s.from < 0 || s.to < s.from || s.to > len(used.toks) {
				t.Fatalf("statement %+v of %d tokens", s, len(used.toks))
			}
		}
		literalHints(src, sqllex.Mode(mode), 50744)
	})
}

func BenchmarkAnalyser(b *testing.B) {
	var text strings.Builder
	for text.Len() < 1<<20 {
		for _, c := range bodyCases {
			text.WriteString("  IF @x > 1 THEN " + c.body + ";\n END IF; UPDATE orders o JOIN customers AS c ON c.id = o.customer_id SET o.status = 'moved' WHERE o.region_code IN ('EU','US');\n")
		}
	}
	var a analyser
	src := text.String()
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		a.analyse(src, 0, 50744, false)
	}
}
