package bluegreen

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestJudgeRow(t *testing.T) {
	a, b, c := Row{"v": "a", "w": "1"}, Row{"v": "b", "w": "1"}, Row{"v": "c", "w": "1"}
	rows := func(r ...Row) []Row { return r }
	round := func(before, green, behind Row) RowRound { return RowRound{rows(before, behind), rows(green)} }
	tests := []struct {
		name   string
		rounds []RowRound
		want   RowVerdict
		what   []string
	}{
		{"equal", []RowRound{round(a, a, a)}, RowSame, nil},
		{"under way, seen before", []RowRound{round(a, a, b)}, RowSame, nil},
		{"under way, seen after", []RowRound{round(a, b, b)}, RowSame, nil},
		{"one look is no difference", []RowRound{round(a, b, a)}, RowOpen, nil},
		{"it stays", []RowRound{round(a, b, a), round(a, b, a)}, RowDiffers, []string{"v"}},
		{"it was equal once", []RowRound{round(a, b, a), round(a, a, a), round(a, b, a)}, RowSame, nil},
		{"to and fro meets in a chase", []RowRound{round(a, b, a), round(a, b, a), {rows(a, b, a), rows(b, a)}}, RowSame, nil},
		{"blue never holds still", []RowRound{round(a, c, b), round(b, c, a)}, RowOpen, nil},
		{"the last look must say it", []RowRound{round(a, c, a), round(a, c, a), round(a, c, b)}, RowOpen, nil},
		{"another value each time", []RowRound{round(a, b, a), round(a, c, a)}, RowDiffers, []string{"v"}},
		{"missing", []RowRound{round(a, nil, a), round(a, nil, a)}, RowDiffers, []string{"missing on green"}},
		{"missing, though it changes", []RowRound{round(a, nil, b), round(b, nil, c)}, RowDiffers, []string{"missing on green"}},
		{"only on green", []RowRound{round(nil, a, nil), round(nil, a, nil)}, RowDiffers, []string{"on green only"}},
		{"inserted meanwhile", []RowRound{round(nil, a, a)}, RowSame, nil},
		{"deleted meanwhile", []RowRound{round(a, nil, nil)}, RowSame, nil},
		{"gone on both", []RowRound{round(a, b, a), round(nil, nil, nil)}, RowSame, nil},
		{"gone, and come again as it was", []RowRound{round(a, a, a), round(nil, nil, nil)}, RowSame, nil},
		{"a busy column beside one that differs", []RowRound{round(Row{"n": "1", "x": "a"}, Row{"n": "1", "x": "b"}, Row{"n": "2", "x": "a"}),
			round(Row{"n": "5", "x": "a"}, Row{"n": "4", "x": "b"}, Row{"n": "6", "x": "a"})}, RowDiffers, []string{"x"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, what := JudgeRow(tt.rounds)
			if got != tt.want || cmp.Diff(tt.what, what) != "" {
				t.Errorf("got %d %v, want %d %v", got, what, tt.want, tt.what)
			}
		})
	}
}

func TestNextChunk(t *testing.T) {
	for _, tt := range []struct {
		rows         int
		took, target time.Duration
		want         int
	}{
		{1000, 250 * time.Millisecond, 500 * time.Millisecond, 2000},
		{1000, 10 * time.Millisecond, 500 * time.Millisecond, 2000}, // no faster than double
		{1000, 5 * time.Second, 500 * time.Millisecond, 100},        // shrinks at once
		{1000, time.Minute, 500 * time.Millisecond, 50},
		{40_000, 0, time.Second, 50_000},
		{0, time.Second, time.Second, 50},
	} {
		if got := NextChunk(tt.rows, tt.took, tt.target); got != tt.want {
			t.Errorf("NextChunk(%d, %s, %s) = %d, want %d", tt.rows, tt.took, tt.target, got, tt.want)
		}
	}
}

func TestGateData(t *testing.T) {
	whole := TableData{Table: "shop.a", Rows: 10, Chunks: 1, Whole: true}
	with := func(change func(*TableData)) TableData {
		x := TableData{Table: "shop.b", Rows: 5, Chunks: 2}
		change(&x)
		return x
	}
	for _, tt := range []struct {
		name   string
		table  TableData
		strict bool
		want   GateVerdict
		says   string
	}{
		{"all is well", with(func(*TableData) {}), true, GatePass, "2 tables compared, 1 of them whole and 1 by samples: 15 rows in 3 chunks"},
		{"a difference", with(func(x *TableData) {
			x.Differing, x.Stopped, x.Differences = 3, true, []RowDifference{{"id=1", []string{"v", "w"}}, {"id=2", []string{"missing on green"}}}
		}), false, GateFail, "shop.b: row id=1 differs in v, w; shop.b: row id=2 missing on green; shop.b: 1 more rows differ; shop.b: there may be more"},
		{"too fast", with(func(x *TableData) { x.Open = 2 }), false, GateInconclusive, "2 rows written too fast"},
		{"an error", with(func(x *TableData) { x.Error = "denied" }), false, GateInconclusive, "shop.b could not be compared: denied"},
		{"budget, noted", with(func(x *TableData) { x.Unfinished = true }), false, GatePass, "not finished within the budget: shop.b"},
		{"budget, held", with(func(x *TableData) { x.Unfinished = true }), true, GateInconclusive, "not finished within the budget: shop.b"},
		{"no key, noted", with(func(x *TableData) { x.Skipped = "no key" }), false, GatePass, "not compared: shop.b (no key)"},
		{"no key, held", with(func(x *TableData) { x.Skipped = "no key" }), true, GateInconclusive, "not compared: shop.b (no key)"},
		{"hostile names", with(func(x *TableData) { x.Table, x.Skipped = "a\x1b[31m\u202eb", "no key" }), false, GatePass, "a?[31m?b"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := GateData(DataSummary{Tables: []TableData{whole, tt.table}}, tt.strict)
			if g.Verdict != tt.want || !strings.Contains(g.String(), tt.says) {
				t.Errorf("want %s saying %q: %s", tt.want, tt.says, g)
			}
		})
	}
	if g := GateData(DataSummary{}, true); g.Verdict != GatePass {
		t.Errorf("without tables: %s", g)
	}
}
