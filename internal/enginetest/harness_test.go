// Package enginetest runs whole campaigns: the real engine and the real AWS SDK
// against the model of RDS, in process and in virtual time.
package enginetest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/rdsupgrade/rdsupgrade/internal/awsrds"
	"github.com/rdsupgrade/rdsupgrade/internal/rdssim"
	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
	"github.com/rdsupgrade/rdsupgrade/pkg/precheck"
)

func TestMain(m *testing.M) {
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "AWS_") {
			os.Unsetenv(name)
		}
	}
	os.Setenv("AWS_ACCESS_KEY_ID", "AKIASIM111122223333")
	os.Setenv("AWS_SECRET_ACCESS_KEY", "simulated")
	os.Setenv("AWS_CONFIG_FILE", os.DevNull)
	os.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	os.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	goleak.VerifyTestMain(m)
}

const (
	account = "111122223333"
	region  = "eu-west-1"
)

// longest is more virtual time than any campaign here needs.
const longest = 24 * time.Hour

// lab is one campaign with everything around it.
type lab struct {
	t     *testing.T
	sim   *rdssim.Sim
	plan  *plan.Plan
	dir   string
	last  fleet.Status
	acted int
	sql   fleet.SQL
	// regions are those that the plan names.
	regions []string
	// clock and now are the machine's own clock, where it is wrong; nil: the model's.
	clock fleet.Clock
	now   func() time.Time
	// refuse answers a call with a fault code instead of the model, "" lets it pass.
	refuse func(action string, form url.Values) string
	// through, when set, stands between the SDK and the model.
	through http.RoundTripper
	rest    func(fleet.Status) bool // fleet.Config.Rest
	hooks   func(context.Context, plan.Hook, fleet.HookCall) fleet.HookAnswer
	// cloud, when set, stands between the engine and the SDK.
	cloud func(*awsrds.Client) fleet.Cloud
}

// fleetOf describes n small databases: two environments, five services.
func fleetOf(n int, more string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "mysql: {user: u, password: p}\naccounts:\n  - id: %q\n    regions: [%s]\n    quotas: {DBInstances: %d, AllocatedStorage: 10000000}\n", account, region, 40+5*n)
	b.WriteString("defaults: {engine_version: 5.7.44, class: db.m5.large, storage_type: gp2, allocated_storage: 100, backup_retention: 7}\ndatabases:\n")
	for i := range n {
		env := "prod"
		if i < 3 {
			env = "staging"
		}
		fmt.Fprintf(&b, "  - {id: db-%04d, account: %q, region: %s, tags: {service: svc-%d, env: %s}}\n", i, account, region, i%max(5, n/10), env)
	}
	b.WriteString(more)
	return b.String()
}

// planOf is a plan of two waves over fleetOf.
func planOf(change ...string) string {
	text := `version: 1
name: test
deadline: 2027-01-31
accounts: [{id: "` + account + `", regions: [` + region + `]}]
target: {engine_version: "8.0", storage: {type: gp3}, instance_class: graviton, parameter_group: translate}
connection: {auth: env, user: u, password_env: LAB_PASSWORD, tls: off}
switchover: {timeout: 300s, max_replica_lag: 5s, lag_for: 1m, retries: 1}
run: {poll: 30s, stable_reads: 3, api_rate: 10}
waves:
  - {name: canary, select: {tags: {env: staging}}, limits: {build: 5, switch: 1}, error_budget: 2, soak: 10m, approval: auto}
  - {name: rest, select: {tags: {env: prod}}, limits: {build: 200, switch: 50}, error_budget: 20%, soak: 10m, approval: auto}
`
	for i := 0; i+1 < len(change); i += 2 {
		if !strings.Contains(text, change[i]) {
			panic("planOf: no " + change[i])
		}
		text = strings.ReplaceAll(text, change[i], change[i+1])
	}
	return text
}

func newLab(t *testing.T, fleetText, planText, faults string) *lab {
	t.Helper()
	return newLabOf(t, fleetText, planText, faults, 7)
}

// newLabOf is newLab with the seed of the model's chance.
func newLabOf(t *testing.T, fleetText, planText, faults string, seed uint64) *lab {
	t.Helper()
	f, err := rdssim.ParseFleet(strings.NewReader(fleetText))
	if err != nil {
		t.Fatal(err)
	}
	opts := rdssim.Options{Seed: seed}
	if faults != "" {
		if opts.Faults, err = rdssim.ParseFaults(strings.NewReader(faults)); err != nil {
			t.Fatal(err)
		}
	}
	l := &lab{t: t, dir: t.TempDir(), regions: []string{region}}
	if l.sim, err = rdssim.New(f, opts); err != nil {
		t.Fatal(err)
	}
	var problems plan.Problems
	if l.plan, problems = plan.Decode("test.yaml", []byte(planText)); problems.Err() != nil {
		t.Fatal(problems)
	}
	l.sql = &simSQL{sim: l.sim}
	return l
}

// open makes an engine over the lab, as a new process would.
func (l *lab) open(only map[string]bool, report func(fleet.Status)) (*fleet.Engine, *fleet.Store, func()) {
	l.t.Helper()
	store, err := fleet.OpenStore(l.dir, fleet.Holder("test"), journal.Options{NoSync: true})
	if err != nil {
		l.t.Fatal(err)
	}
	var scopes []fleet.Scope
	for _, r := range l.regions {
		client, err := awsrds.Dial(l.t.Context(), awsrds.ScopeConfig{AccountID: account, Region: r, EndpointURL: "http://rds.sim",
			Rate: l.plan.Run.APIRate, HTTPClient: &http.Client{Transport: l.transport()}, Now: l.now})
		if err != nil {
			l.t.Fatal(err)
		}
		l.t.Cleanup(client.Close)
		var cloud fleet.Cloud = client
		if l.cloud != nil {
			cloud = l.cloud(client)
		}
		scopes = append(scopes, fleet.Scope{Account: account, Region: r, Cloud: cloud, Offers: client, Groups: client, Trail: awsrds.Trail{Client: client}, Around: client})
	}
	e := fleet.New(fleet.Config{Plan: l.plan, Scopes: scopes, Clock: l.clock, SQL: l.sql, Store: store, By: "test", Log: zerolog.Nop(), Only: only, Report: report, Rest: l.rest, Hooks: l.hooks})
	return e, store, func() {
		if err := store.Close(); err != nil {
			l.t.Error(err)
		}
	}
}

func (l *lab) transport() http.RoundTripper {
	if l.through != nil {
		return l.through
	}
	return refuser{l}
}

// run carries the campaign forward once.
func (l *lab) run() fleet.Status {
	l.t.Helper()
	e, _, done := l.open(nil, nil)
	defer done()
	soft, stop := context.WithTimeout(l.t.Context(), longest)
	defer stop()
	st, err := e.Run(l.t.Context(), soft)
	l.last, l.acted = st, e.Acted()
	if err != nil {
		for _, d := range st.Databases {
			l.t.Logf("%s: %s (%s)", d.ID, d.Stage, d.Reason)
		}
		l.t.Fatalf("run: %v", err)
	}
	return st
}

// say journals a person's decision.
func (l *lab) say(verb, db, wave string) {
	l.t.Helper()
	store, err := fleet.OpenStore(l.dir, fleet.Holder("test"), journal.Options{NoSync: true})
	if err != nil {
		l.t.Fatal(err)
	}
	defer store.Close()
	if db != "" {
		db = account + "/" + region + "/" + db
	}
	if err := store.Say(journal.Request{Verb: verb, Database: db, Wave: wave, By: "anna", Why: "test", At: time.Now()}); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) db(id string) fleet.DatabaseStatus {
	l.t.Helper()
	for _, d := range l.last.Databases {
		if d.ID == id {
			return d
		}
	}
	l.t.Fatalf("no database %s", id)
	return fleet.DatabaseStatus{}
}

// expect checks the stage of a database.
func (l *lab) expect(id, stage string) fleet.DatabaseStatus {
	l.t.Helper()
	d := l.db(id)
	if d.Stage != stage {
		l.t.Errorf("%s is %s (%s), want %s", id, d.Stage, d.Reason, stage)
	}
	return d
}

// calls counts successful mutations of an action by a parameter.
func (l *lab) calls(action, param string) map[string]int {
	n := map[string]int{}
	for _, m := range l.sim.History() {
		if m.Action == action && m.Error == "" {
			n[m.Params[param]]++
		}
	}
	return n
}

// simSQL stands in for SQL, which virtual time cannot carry over sockets: it
// asks the model what the server would answer. The process-level tests use
// the real driver.
type simSQL struct {
	sim     *rdssim.Sim
	verdict func(id string) precheck.Verdict
	behind  map[string]float64 // a green's lag in seconds, by the name of its blue
}

func (s *simSQL) Precheck(_ context.Context, q fleet.PrecheckQuery) precheck.Report {
	v := precheck.Ready
	if s.verdict != nil {
		v = s.verdict(q.Endpoint.ID)
	}
	return precheck.Report{ID: q.Endpoint.ID, ServerVersion: q.From, TargetVersion: q.To, Verdict: v, Checks: []precheck.CheckResult{}}
}

func (s *simSQL) Lag(_ context.Context, ep fleet.Endpoint) bluegreen.Lag {
	v, ok := s.sim.Server(rdssim.Scope{Account: ep.Account, Region: ep.Region}, ep.ID)
	if !ok {
		return bluegreen.Lag{Reason: "no server " + ep.ID}
	}
	for id, sec := range s.behind {
		if strings.HasPrefix(ep.ID, id+"-green-") {
			return bluegreen.Lag{Known: true, Seconds: sec}
		}
	}
	return lagOf(v)
}

func (s *simSQL) Version(_ context.Context, ep fleet.Endpoint) (string, error) {
	v, ok := s.sim.Server(rdssim.Scope{Account: ep.Account, Region: ep.Region}, ep.ID)
	if !ok {
		return "", &net.OpError{Op: "dial", Err: fmt.Errorf("no server %s", ep.ID)}
	}
	if v.Down || v.Offline {
		return "", &net.OpError{Op: "dial", Err: fmt.Errorf("%s is down", ep.ID)}
	}
	return v.EngineVersion, nil
}

func lagOf(v rdssim.ServerView) bluegreen.Lag {
	switch {
	case v.Down || v.Offline:
		return bluegreen.Lag{Reason: v.Name + " is down"}
	case v.Broken != "":
		return bluegreen.Lag{Reason: v.Broken}
	case !v.Replica:
		return bluegreen.Lag{Reason: v.Name + " does not replicate"}
	}
	return bluegreen.Lag{Known: true, Seconds: v.Lag.Seconds()}
}

func journalPath(dir string) string { return filepath.Join(dir, fleet.JournalFile) }
