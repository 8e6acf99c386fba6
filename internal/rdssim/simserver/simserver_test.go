package simserver

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	_ "github.com/go-sql-driver/mysql"
	"go.uber.org/goleak"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const fleet = `
mysql: {user: audit, password: demo, password_env: SIM_PASSWORD}
accounts: [{id: "111122223333", regions: [eu-west-1], quotas: {DBInstances: 100}}]
defaults: {account: "111122223333", region: eu-west-1, class: db.t3.medium, allocated_storage: 20}
databases:
  - {id: orders, replicas: [{id: orders-r1}], tags: {service: shop}}
  - {id: users}
`

func parse(t *testing.T, text string) *rdssim.Fleet {
	t.Helper()
	f, err := rdssim.ParseFleet(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func start(t *testing.T, cfg Config) *Server {
	t.Helper()
	s, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// cli drives the AWS CLI against a simulation.
type cli struct {
	t   *testing.T
	url string
}

// run calls `aws ARGS`; the answer is JSON, failed is what it said on stderr.
func (c cli) run(args ...string) (out map[string]any, failed string) {
	c.t.Helper()
	cmd := exec.CommandContext(c.t.Context(), "aws", append(args, "--output", "json")...)
	home := c.t.TempDir()
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "AWS_") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(cmd.Env, "AWS_ENDPOINT_URL="+c.url, "AWS_ACCESS_KEY_ID=AKIASIM111122223333", "AWS_SECRET_ACCESS_KEY=simulated",
		"AWS_DEFAULT_REGION=eu-west-1", "AWS_REGION=eu-west-1", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE="+filepath.Join(home, "config"), "AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(home, "credentials"), "AWS_MAX_ATTEMPTS=1", "AWS_PAGER=")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, stderr.String() + err.Error()
	}
	if stdout.Len() > 0 {
		if err := json.Unmarshal(stdout.Bytes(), &out); err != nil {
			c.t.Fatalf("aws %v: %v\n%s", args, err, stdout.String())
		}
	}
	return out, ""
}

func (c cli) must(args ...string) map[string]any {
	c.t.Helper()
	out, failed := c.run(args...)
	if failed != "" {
		c.t.Fatalf("aws %v: %s", args, failed)
	}
	return out
}

// dig follows keys and indexes into decoded JSON.
func dig(v any, path ...any) any {
	for _, p := range path {
		switch k := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[k]
		case int:
			l, _ := v.([]any)
			if k >= len(l) {
				return nil
			}
			v = l[k]
		}
	}
	return v
}

// until asks again until the answer is there; the simulation is fast enough
// that a few calls suffice.
func (c cli) until(want string, path []any, args ...string) map[string]any {
	c.t.Helper()
	var out map[string]any
	for range 60 {
		var failed string
		if out, failed = c.run(args...); failed == "" && fmt.Sprint(dig(out, path...)) == want {
			return out
		}
	}
	c.t.Fatalf("aws %v: never %s, last %v", args, want, out)
	return nil
}

// TestAWSCLI drives create, describe, modify, switchover and delete through a
// client that nobody here wrote. Where there is no AWS CLI it says so and does
// not count; in CI it has to be there.
func TestAWSCLI(t *testing.T) {
	if _, err := exec.LookPath("aws"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("the AWS CLI is not installed: the simulation was not checked against it")
		}
		t.Log("NOT RUN: the AWS CLI is not installed, the simulation was not checked against it")
		return
	}
	s := start(t, Config{Fleet: parse(t, fleet), NoMySQL: true, Options: rdssim.Options{Speed: 60000, Seed: 3}})
	c := cli{t, s.URL}
	if got := dig(c.must("sts", "get-caller-identity"), "Account"); got != "111122223333" {
		t.Errorf("account %v", got)
	}
	c.must("rds", "create-db-parameter-group", "--db-parameter-group-name", "orders80", "--db-parameter-group-family", "mysql8.0", "--description", "x", "--tags", "Key=a,Value=b")
	c.must("rds", "modify-db-parameter-group", "--db-parameter-group-name", "orders80", "--parameters", "ParameterName=long_query_time,ParameterValue=1,ApplyMethod=immediate")
	arn := fmt.Sprint(dig(c.must("rds", "describe-db-instances", "--db-instance-identifier", "orders"), "DBInstances", 0, "DBInstanceArn"))
	made := c.must("rds", "create-blue-green-deployment", "--blue-green-deployment-name", "up-orders", "--source", arn,
		"--target-engine-version", "8.0.46", "--target-db-parameter-group-name", "orders80", "--target-storage-type", "gp3", "--tags", "Key=wave,Value=1")
	id := fmt.Sprint(dig(made, "BlueGreenDeployment", "BlueGreenDeploymentIdentifier"))
	if got := dig(made, "BlueGreenDeployment", "Tasks", 0, "Name"); got != "CREATING_READ_REPLICA_OF_SOURCE" {
		t.Errorf("first task %v", got)
	}
	if _, failed := c.run("rds", "create-blue-green-deployment", "--blue-green-deployment-name", "up-orders", "--source", arn); !strings.Contains(failed, "BlueGreenDeploymentAlreadyExistsFault") {
		t.Errorf("a second create: %s", failed)
	}
	describe := []string{"rds", "describe-blue-green-deployments", "--filters", "Name=blue-green-deployment-name,Values=up-orders"}
	d := c.until("AVAILABLE", []any{"BlueGreenDeployments", 0, "Status"}, describe...)
	target := fmt.Sprint(dig(d, "BlueGreenDeployments", 0, "SwitchoverDetails", 1, "TargetMember"))
	replica := target[strings.LastIndex(target, ":")+1:]
	c.must("rds", "modify-db-instance", "--db-instance-identifier", replica, "--db-instance-class", "db.t4g.medium", "--storage-type", "gp3", "--apply-immediately")
	c.until("available", []any{"DBInstances", 0, "DBInstanceStatus"}, "rds", "describe-db-instances", "--db-instance-identifier", replica)
	c.must("rds", "switchover-blue-green-deployment", "--blue-green-deployment-identifier", id, "--switchover-timeout", "120")
	c.until("SWITCHOVER_COMPLETED", []any{"BlueGreenDeployments", 0, "Status"}, describe...)
	now := c.must("rds", "describe-db-instances", "--db-instance-identifier", "orders")
	if v := dig(now, "DBInstances", 0, "EngineVersion"); v != "8.0.46" {
		t.Errorf("orders is on %v", v)
	}
	green := fmt.Sprint(dig(d, "BlueGreenDeployments", 0, "Target"))
	events := c.must("rds", "describe-events", "--source-type", "db-instance", "--source-identifier", green[strings.LastIndex(green, ":")+1:], "--duration", "600")
	if text := fmt.Sprint(events); !strings.Contains(text, "Binary log coordinates") {
		t.Errorf("events: %s", text)
	}
	if _, failed := c.run("rds", "delete-blue-green-deployment", "--blue-green-deployment-identifier", id, "--delete-target"); !strings.Contains(failed, "InvalidBlueGreenDeploymentStateFault") {
		t.Errorf("delete target after switchover: %s", failed)
	}
	c.must("rds", "delete-blue-green-deployment", "--blue-green-deployment-identifier", id)
	c.must("rds", "delete-db-instance", "--db-instance-identifier", "orders-r1-old1", "--skip-final-snapshot")
	c.must("rds", "delete-db-instance", "--db-instance-identifier", "orders-old1", "--final-db-snapshot-identifier", "orders-last")
	for _, args := range readActions(arn) {
		if _, failed := c.run(append([]string{"rds"}, args...)...); failed != "" {
			t.Errorf("aws rds %v: %s", args, failed)
		}
	}
}

// readActions are the describe calls that the road above does not take.
func readActions(arn string) [][]string {
	return [][]string{
		{"describe-db-engine-versions", "--engine", "mysql", "--include-all"},
		{"describe-db-major-engine-versions", "--engine", "mysql"},
		{"describe-orderable-db-instance-options", "--engine", "mysql", "--engine-version", "8.0.46", "--db-instance-class", "db.r7g.large"},
		{"describe-valid-db-instance-modifications", "--db-instance-identifier", "users"},
		{"describe-db-parameters", "--db-parameter-group-name", "orders80", "--source", "user"},
		{"describe-account-attributes"},
		{"download-db-log-file-portion", "--db-instance-identifier", "users", "--log-file-name", "error/mysql-error.log"},
		{"describe-certificates"},
		{"list-tags-for-resource", "--resource-name", arn},
	}
}

func TestEndpointsFollowTheName(t *testing.T) {
	s := start(t, Config{Fleet: parse(t, fleet), Options: rdssim.Options{Speed: 60000}, Getenv: func(string) string { return "from-env" }})
	at := rdssim.Scope{Account: "111122223333", Region: "eu-west-1"}
	addr, ok := s.MySQL(at, "users")
	if !ok {
		t.Fatal("no endpoint")
	}
	version := func() (v string) {
		db, err := sql.Open("mysql", "audit:from-env@tcp("+addr+")/")
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if err := db.QueryRowContext(t.Context(), "SELECT VERSION()").Scan(&v); err != nil {
			return err.Error()
		}
		return v
	}
	if got := version(); got != "5.7.44-log" {
		t.Fatalf("before: %s", got)
	}
	c := rawClient{t, s.URL}
	id := c.create("users")
	c.until(s, id, "AVAILABLE")
	c.call("SwitchoverBlueGreenDeployment", "BlueGreenDeploymentIdentifier", id)
	c.until(s, id, "SWITCHOVER_COMPLETED")
	if got := version(); got != "8.0.46" {
		t.Errorf("after: %s", got)
	}
	old, ok := s.MySQL(at, "users-old1")
	if !ok || old == addr {
		t.Errorf("the old blue answers at %s", old)
	}
	addr = old
	if got := version(); got != "5.7.44-log" {
		t.Errorf("old blue: %s", got)
	}
}

func TestMainProgram(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "fleet.yaml")
	if err := os.WriteFile(file, []byte(fleet), 0o600); err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(dir, "bad.yaml")
	if err := os.WriteFile(bad, []byte("accounts: []\nsurprise: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	r, w := io.Pipe()
	code := make(chan int, 1)
	go func() { code <- Main(ctx, []string{"--fleet", file, "--speed", "900"}, w, io.Discard) }()
	lines := bufio.NewScanner(r)
	var got []string
	for len(got) < 3 && lines.Scan() {
		got = append(got, lines.Text())
	}
	if !strings.HasPrefix(got[0], "rds: http://127.0.0.1:") || !strings.HasPrefix(got[1], "mysql: orders 127.0.0.1:") || !strings.HasPrefix(got[2], "mysql: users 127.0.0.1:") {
		t.Errorf("printed %q", got)
	}
	stop()
	if c := <-code; c != 0 {
		t.Errorf("exit code %d", c)
	}
	for _, c := range []struct {
		args []string
		code int
		part string
	}{
		{nil, 64, "--fleet FILE is required"},
		{[]string{"--fleet", file, "--speed", "0"}, 64, "--speed"},
		{[]string{"--nonsense"}, 64, "nonsense"},
		{[]string{"--fleet", file, "extra"}, 64, "no other arguments"},
		{[]string{"--fleet", filepath.Join(dir, "none")}, 78, "open fleet"},
		{[]string{"--fleet", bad}, 78, "surprise"},
		{[]string{"--fleet", file, "--faults", bad}, 78, "surprise"},
		{[]string{"--fleet", file, "--listen", "256.0.0.1:1"}, 2, "listen"},
		{[]string{"--help"}, 0, "usage:"},
	} {
		var errs bytes.Buffer
		if code := Main(ctx, c.args, io.Discard, &errs); code != c.code || !strings.Contains(errs.String(), c.part) {
			t.Errorf("%v: exit %d, %q; want %d with %q", c.args, code, errs.String(), c.code, c.part)
		}
	}
}

// The demonstration: 72 databases, and a typical green that is ready within a
// few seconds at the speed of the demonstration.
func TestDemoFleet(t *testing.T) {
	f, err := rdssim.LoadFleet(filepath.Join("..", "..", "..", "plans", "demo-fleet.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rdssim.LoadFaults(filepath.Join("..", "..", "..", "plans", "demo-faults.yaml")); err != nil {
		t.Fatal(err)
	}
	s := start(t, Config{Fleet: f})
	names := s.Sim.Primaries()
	if len(names) != 72 {
		t.Errorf("%d primaries, want 72", len(names))
	}
	kinds, scopes, services := map[string]int{}, map[rdssim.Scope]int{}, map[string]int{}
	for _, d := range f.Databases {
		kinds["on "+strings.Join(strings.SplitN(or(d.EngineVersion, "5.7.44"), ".", 3)[:2], ".")]++
		if strings.HasPrefix(d.Profile, "blocked-") {
			kinds["blocked profile"]++
		}
		if d.Profile == "warnings" {
			kinds["warnings"]++
		}
		if d.ManagedMasterPassword {
			kinds["managed"]++
		}
		if d.OptionGroup != "" {
			kinds["options"]++
		}
		services[d.Tags["service"]]++
		for _, tag := range []string{"service", "env", "tier", "owner"} {
			if d.Tags[tag] == "" {
				t.Errorf("%s has no tag %s", d.ID, tag)
			}
		}
	}
	for _, n := range names {
		scopes[n.At]++
	}
	if kinds["on 8.0"] != 4 || kinds["on 5.7"] != 68 || kinds["blocked profile"] != 3 || kinds["warnings"] < 5 || kinds["managed"] != 1 || kinds["options"] != 1 || len(scopes) != 4 || len(services) != 20 {
		t.Errorf("kinds %v, scopes %v, %d services", kinds, scopes, len(services))
	}
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// rawClient sends form posts.
type rawClient struct {
	t   *testing.T
	url string
}

func (c rawClient) call(action string, params ...string) string {
	c.t.Helper()
	form := url.Values{"Action": {action}, "Version": {"2014-10-31"}}
	for i := 0; i+1 < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.url, strings.NewReader(form.Encode()))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIASIM111122223333/20261123/eu-west-1/rds/aws4_request")
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		c.t.Fatalf("%s: %s %v %s", action, resp.Status, err, body)
	}
	return string(body)
}

func (c rawClient) create(source string) string {
	c.t.Helper()
	body := c.call("CreateBlueGreenDeployment", "BlueGreenDeploymentName", "up", "Source", "arn:aws:rds:eu-west-1:111122223333:db:"+source, "TargetEngineVersion", "8.0.46")
	_, rest, _ := strings.Cut(body, "<BlueGreenDeploymentIdentifier>")
	id, _, _ := strings.Cut(rest, "<")
	return id
}

// until reads the state until the deployment has the status; it gives up when
// the test's time is over.
func (c rawClient) until(s *Server, id, status string) {
	c.t.Helper()
	for c.t.Context().Err() == nil {
		for _, d := range s.Sim.State().Deployments {
			if d.ID == id && d.Status == status {
				return
			}
		}
		runtime.Gosched()
	}
	c.t.Fatalf("never %s", status)
}
