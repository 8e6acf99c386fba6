package plan

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const momentPlan = `version: 1
name: m
deadline: 2027-01-31
accounts: [{id: "111122223333", regions: [eu-west-1]}]
target: {engine_version: "8.0"}
connection: {auth: env, user: u, password_env: PW}
waves: [{name: all, select: {globs: ["*"]}}]
`

func TestMomentKeys(t *testing.T) {
	p, problems := Decode("p.yaml", []byte(momentPlan+`
switchover:
  drain: {max_connections: 3, max_transactions: 0, for: 5s, timeout: 2m, on_timeout: go}
  smoke:
    - {name: a, sql: "SELECT 1", schema: shop, value: "1", max_time: 1s}
    - {sql: "SELECT id FROM t ORDER BY id", expect: same-as-blue}
    - {sql: "SELECT id FROM t", expect: rows>=3}
  disk: {min_free: 20%, required: true}
hooks:
  - {name: drain, when: before-switchover, command: [./d.sh, "on"], pass_env: [X], timeout: 1m, again: 2m, on_failure: continue, waves: [all], databases: ["o*"]}
  - {when: after-wave, url: "https://h.example.com/x", hmac_env: KEY}
health: {measure: false, every: 10s, max_error_rate: 2%, max_latency_ratio: 4, max_threads_running: 9, max_aborted_connects: 8, max_replica_lag: 7s, max_reverse_lag: 6s, failure_limit: 5, inconclusive_limit: 4}
`))
	if problems.Err() != nil {
		t.Fatal(problems)
	}
	value := "1"
	ignore := cmpopts.IgnoreTypes(Pos{})
	if d := cmp.Diff(Drain{Set: true, MaxConnections: 3, For: 5 * time.Second, Timeout: 2 * time.Minute, OnTimeout: Go}, p.Switchover.Drain); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]Smoke{{Name: "a", SQL: "SELECT 1", Schema: "shop", Value: value, HasValue: true, MaxTime: time.Second},
		{Name: "query-2", SQL: "SELECT id FROM t ORDER BY id", SameAsBlue: true, MaxTime: 2 * time.Second},
		{Name: "query-3", SQL: "SELECT id FROM t", Rows: "rows>=3", MaxTime: 2 * time.Second}}, p.Switchover.Smoke, ignore); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(Disk{MinFree: 20, Required: true}, p.Switchover.Disk); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]Hook{{Name: "drain", When: BeforeSwitchover, Command: []string{"./d.sh", "on"}, PassEnv: []string{"X"}, Timeout: time.Minute, Again: 2 * time.Minute,
		OnFailure: Continue, Waves: []string{"all"}, Databases: []string{"o*"}},
		{Name: "h.example.com", When: AfterWave, URL: "https://h.example.com/x", HMACEnv: "KEY", Timeout: 30 * time.Second, Again: time.Minute}}, p.Hooks, ignore); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(SoakPolicy{Every: 10 * time.Second, MaxErrorRate: 2, MaxLatencyRatio: 4, MaxThreads: 9, MaxAborted: 8, MaxReplicaLag: 7 * time.Second,
		MaxReverseLag: 6 * time.Second, FailureLimit: 5, InconclusiveLimit: 4}, p.Soak); d != "" {
		t.Error(d)
	}
	if n := len(p.HooksFor(BeforeSwitchover, "all", "orders")); n != 1 {
		t.Errorf("%d hooks for orders, want 1", n)
	}
	if n := len(p.HooksFor(BeforeSwitchover, "all", "billing")); n != 0 {
		t.Errorf("%d hooks for billing, want none", n)
	}
}

func TestMomentMistakes(t *testing.T) {
	for more, want := range map[string]string{
		`hooks: [{when: before-switchover}]`:                                                                "exactly one of command and url",
		`hooks: [{when: before-switchover, command: [a], url: "https://x.example.com"}]`:                    "exactly one of command and url",
		`hooks: [{when: before-switch, command: [a]}]`:                                                      "before-switchover",
		`hooks: [{when: after-wave, command: [a], waves: [al]}]`:                                            `did you mean "all"?`,
		`hooks: [{when: after-wave, command: [a]}, {when: after-wave, command: [b/a]}]`:                     "two hooks after-wave are named",
		`hooks: [{when: after-wave, url: "https://u:geheim@x.example.com"}]`:                                "not shown",
		`hooks: [{when: after-wave, url: "ftp://x"}]`:                                                       "is no address",
		`hooks: [{when: after-wave, command: [a], hmac_env: K}]`:                                            "goes with url",
		`switchover: {drain: {for: 5s}}`:                                                                    "max_connections or max_transactions",
		`switchover: {smoke: [{sql: "DELETE FROM t"}]}`:                                                     "does not begin with SELECT",
		`switchover: {smoke: [{sql: "SELECT 1; SELECT 2"}]}`:                                                "semicolon",
		`switchover: {smoke: [{sql: "SELECT 1", expect: rows>0, value: 1}]}`:                                "both expect and value",
		`switchover: {smoke: [{sql: "SELECT 1", expect: some}]}`:                                            "same-as-blue",
		`switchover: {disk: {min_free: 10}}`:                                                                "is no share",
		"connection: {auth: none}\nswitchover: {drain: {max_connections: 0}, smoke: [{sql: \"SELECT 1\"}]}": "asks servers over SQL",
	} {
		text := momentPlan + more
		if strings.HasPrefix(more, "connection") {
			text = strings.Replace(momentPlan, "connection: {auth: env, user: u, password_env: PW}\n", "", 1) + more
		}
		_, problems := Decode("p.yaml", []byte(text))
		if got := problems.Error(); !strings.Contains(got, want) || strings.Contains(got, "geheim") {
			t.Errorf("%s\n got %s\nwant %s", more, got, want)
		}
	}
}
