package plan

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAhead(t *testing.T) {
	p, problems := decode(small + `switchover:
  compare: {tables: ["shop.*"], skip: ["shop.log"], sample: 12.5%, budget: 1h, chunk_time: 1s, threads_running: 10, valid: 2d, incomplete: hold}
  explain: {top: 5, statements: [{schema: shop, sql: SELECT 1}], regressions: fail, valid: 1h}
  warm: {tables: 3, least: 80%, budget: 2h, chunk_time: 100ms, valid: 6h}
`)
	if problems != nil {
		t.Fatal(problems)
	}
	want := Ahead{
		Compare: Compare{Enabled: true, Tables: []string{"shop.*"}, Skip: []string{"shop.log"}, Sample: 12.5, Budget: time.Hour, ChunkTime: time.Second,
			ThreadsRunning: 10, Valid: 48 * time.Hour, Incomplete: Hold},
		Explain: Explain{Enabled: true, Top: 5, Statements: []Statement{{"shop", "SELECT 1"}}, Regressions: Fail, Valid: time.Hour},
		Warm:    Warm{Enabled: true, Tables: 3, Least: 80, Budget: 2 * time.Hour, ChunkTime: 100 * time.Millisecond, Valid: 6 * time.Hour},
	}
	if diff := cmp.Diff(want, p.Switchover.Ahead); diff != "" {
		t.Error(diff)
	}
	if p, problems := decode(small + "switchover: {compare: {enabled: false}, warm: {enabled: false}}\n"); problems != nil || p.Switchover.Ahead.Compare.Enabled || p.Switchover.Ahead.Warm.Enabled {
		t.Errorf("%+v %v", p.Switchover.Ahead, problems)
	}
	for text, code := range map[string]string{
		"compare: {sample: 5}":               "bad-percentage",
		"compare: {sample: 101%}":            "bad-percentage",
		"compare: {incomplete: ignore}":      "bad-policy",
		"compare: {tables: [\"a[\"]}":        "bad-glob",
		"explain: {regressions: warn}":       "bad-policy",
		"explain: {statements: [{sql: x}]}":  "missing-key",
		"warm: {budget: 10ms}":               "",
		"warm: {password: x}":                codeSecret,
		"compare: {chunk_tiem: 1s}":          "unknown-key",
		"explain: {top: -1}":                 "",
		"compare: {threads_running: 100000}": "",
	} {
		_, problems := decode(small + "switchover: {" + text + "}\n")
		if problems.Err() == nil || code != "" && !strings.Contains(codes(problems), code) {
			t.Errorf("%s: %v, want %s", text, problems, code)
		}
	}
}

func codes(ps Problems) string {
	var out []string
	for _, p := range ps {
		out = append(out, p.Code)
	}
	return strings.Join(out, " ")
}
