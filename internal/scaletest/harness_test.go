//go:build unix

// Package scaletest measures what large fleets cost this program: CPU time,
// memory and calls, with the real AWS SDK and the simulated RDS in a process of
// its own, so that its work is not counted. docs/performance.md has the numbers.
package scaletest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim"
)

const (
	account  = "111122223333"
	region   = "eu-west-1"
	password = "simulated"
)

// environment is all that the programs get to see.
var environment = []string{"AWS_ACCESS_KEY_ID=AKIASIM" + account, "AWS_SECRET_ACCESS_KEY=simulated", "AWS_EC2_METADATA_DISABLED=true",
	"AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull, "DBPASS=" + password, "RDSUPGRADE_OPERATOR=anna", "TZ=UTC"}

func TestMain(m *testing.M) {
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "AWS_") || strings.HasSuffix(strings.ToLower(name), "_proxy") {
			os.Unsetenv(name)
		}
	}
	for _, v := range environment {
		name, value, _ := strings.Cut(v, "=")
		os.Setenv(name, value)
	}
	code := m.Run()
	if built != "" {
		os.RemoveAll(built)
	}
	os.Exit(code)
}

// built is the folder of the programs, "" while nobody has asked for them.
var built string

// programs builds the programs as they are shipped, once.
var programs = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "scaletest")
	if err != nil {
		return "", err
	}
	built = dir
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", dir+string(filepath.Separator), "../../cmd/rdsupgrade", "../../cmd/rdssim")
	if out, err := build.CombinedOutput(); err != nil {
		return dir, fmt.Errorf("build: %w\n%s", err, out)
	}
	return dir, nil
})

func program(tb testing.TB, name string) string {
	tb.Helper()
	dir, err := programs()
	if err != nil {
		tb.Fatal(err)
	}
	return filepath.Join(dir, name)
}

// world is a simulated RDS in a process of its own, and a campaign over it.
type world struct {
	tb  testing.TB
	url string
	dir string
}

// setting is how a world is made.
type setting struct {
	databases int
	speed     float64 // simulated seconds per second
	// groups is how many parameter groups the databases share.
	groups int
	// mysql: the databases answer over SQL, and the plan gives access.
	mysql bool
	// run replaces the plan's run section; wide is the limits of the second wave.
	run, wide string
}

// start writes fleet and plan, and starts the simulator.
func start(tb testing.TB, s setting) *world {
	tb.Helper()
	w := &world{tb: tb, dir: tb.TempDir()}
	w.write("fleet.yaml", s.fleet())
	w.write("plan.yaml", s.plan())
	args := []string{"--fleet", "fleet.yaml", "--speed", fmt.Sprint(max(s.speed, 1))}
	if !s.mysql {
		args = append(args, "--no-mysql")
	}
	c := exec.Command(program(tb, "rdssim"), args...)
	c.Dir, c.Stderr = w.dir, os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := c.Start(); err != nil {
		tb.Fatal(err)
	}
	lines := bufio.NewReader(out)
	first, err := lines.ReadString('\n')
	rest := make(chan struct{})
	go func() {
		defer close(rest)
		_, _ = io.Copy(io.Discard, lines) // ends with the simulator
	}()
	tb.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM) // an error: it has ended already
		<-rest
		_ = c.Wait()
	})
	url, ok := strings.CutPrefix(strings.TrimSpace(first), "rds: ")
	if err != nil || !ok {
		tb.Fatalf("rdssim said %q: %v", first, err)
	}
	w.url = url
	return w
}

func (w *world) write(name, text string) {
	w.tb.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		w.tb.Fatal(err)
	}
}

// fleet is made of what real fleets have: tags by the half dozen, a read replica
// for one database in ten, parameter groups that some share.
func (s setting) fleet() string {
	var b strings.Builder
	fmt.Fprintf(&b, "mysql: {user: auditor, password: %s}\naccounts: [{id: %q, regions: [%s], quotas: {DBInstances: %d, AllocatedStorage: 100000000, DBParameterGroups: %d}}]\n",
		password, account, region, 40+5*s.databases, 100+2*s.databases)
	fmt.Fprintf(&b, "defaults: {engine_version: 5.7.44, account: %q, region: %s, class: db.m5.large, storage_type: gp2, allocated_storage: 100, backup_retention: 7, profile: clean, lag_seconds: 20}\n", account, region)
	b.WriteString("parameter_groups:\n")
	for i := range max(1, s.groups) {
		fmt.Fprintf(&b, "  - {name: group-%04d, family: mysql5.7, parameters: {max_connections: %q, long_query_time: \"2\"}}\n", i, fmt.Sprint(500+i))
	}
	b.WriteString("databases:\n")
	for i := range s.databases {
		env, more := "prod", ""
		if i < 20 {
			env = "test"
		}
		if i%10 == 3 {
			more = fmt.Sprintf(", replicas: [{id: db-%05d-r1}]", i)
		}
		fmt.Fprintf(&b, "  - {id: db-%05d, parameter_group: group-%04d, tags: {env: %s, service: svc-%d, owner: team-%d@example.com, cost-center: %q, managed-by: terraform, backup: daily}%s}\n",
			i, i%max(1, s.groups), env, i/2, i%40, fmt.Sprint(4000+i%17), more)
	}
	return b.String()
}

func (s setting) plan() string {
	run, wide, connection := s.run, s.wide, ""
	if run == "" {
		run = "{poll: 30s, stable_reads: 3, api_rate: 1000}"
	}
	if wide == "" {
		wide = "{build: 100, switch: 50}"
	}
	if s.mysql {
		connection = "connection: {auth: env, user: auditor, password_env: DBPASS, tls: off, timeout: 10s}\n"
	}
	return `version: 1
name: scale
deadline: 2027-06-30
accounts: [{id: "` + account + `", regions: [` + region + `]}]
target: {engine_version: "8.0", storage: {type: gp3}, instance_class: graviton, parameter_group: translate}
` + connection + `switchover: {timeout: 300s, max_replica_lag: 5s, lag_for: 1s, retries: 1}
run: ` + run + `
waves:
  - {name: test, select: {tags: {env: test}}, limits: {build: 20, switch: 10}, error_budget: 2, soak: 0s, approval: auto}
  - {name: prod, select: {tags: {env: prod}}, limits: ` + wide + `, error_budget: 20%, soak: 0s, approval: auto}
`
}

// calls is how many calls the simulator has answered.
func (w *world) calls() (all int) {
	w.tb.Helper()
	resp, err := http.Get(w.url + "/_sim/counters")
	if err != nil {
		w.tb.Fatal(err)
	}
	defer resp.Body.Close()
	var counters []rdssim.CallCount
	if err := json.NewDecoder(resp.Body).Decode(&counters); err != nil {
		w.tb.Fatal(err)
	}
	for _, c := range counters {
		all += c.Calls
	}
	return all
}

// cost is what something took. CPU is user and system time: work of others on
// the machine makes it a little larger, and wall time much.
type cost struct {
	cpu, wall time.Duration
	resident  float64 // maximum, MB
	allocated float64 // MB, in process only
	calls     int
}

// command is the real program on the world's plan.
func (w *world) command(args ...string) *exec.Cmd {
	c := exec.Command(program(w.tb, "rdsupgrade"), args...)
	c.Dir = w.dir
	c.Env = append([]string{"HOME=" + w.dir, "PATH=" + os.Getenv("PATH")}, environment...)
	return c
}

// at appends what leads a command to the world.
func (w *world) at(args ...string) []string {
	return append(args, "plan.yaml", "--endpoint-url", w.url, "--state-dir", filepath.Join(w.dir, "state"))
}

// run runs the real program to its end; exit codes of findings and of waiting are no failure.
func (w *world) run(args ...string) (cost, []byte) {
	w.tb.Helper()
	var out, errs bytes.Buffer
	c := w.command(args...)
	c.Stdout, c.Stderr = &out, &errs
	before := 0
	if w.url != "" {
		before = w.calls()
	}
	begun := time.Now()
	err := c.Run()
	k := cost{wall: time.Since(begun)}
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() > 3 || exit.ExitCode() == 2) {
		w.tb.Fatalf("%v: %v\n%s", args, err, errs.String())
	}
	u := c.ProcessState.SysUsage().(*syscall.Rusage)
	k.cpu, k.resident = cpuOf(u), residentOf(u)
	if w.url != "" {
		k.calls = w.calls() - before
	}
	return k, out.Bytes()
}

func cpuOf(u *syscall.Rusage) time.Duration {
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// residentOf is the resident maximum in MB; Linux counts in kB, macOS in bytes.
func residentOf(u *syscall.Rusage) float64 {
	if runtime.GOOS == "darwin" {
		return float64(u.Maxrss) / 1e6
	}
	return float64(u.Maxrss) / 1e3
}

// measure is the cost of something in this process.
func (w *world) measure(do func()) cost {
	w.tb.Helper()
	var a, b runtime.MemStats
	calls := w.calls()
	var before, after syscall.Rusage
	runtime.ReadMemStats(&a)
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before) // fails for a wrong argument only
	begun := time.Now()
	do()
	k := cost{wall: time.Since(begun)}
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	runtime.ReadMemStats(&b)
	k.cpu, k.resident = cpuOf(&after)-cpuOf(&before), residentOf(&after)
	k.allocated = float64(b.TotalAlloc-a.TotalAlloc) / 1e6
	k.calls = w.calls() - calls
	return k
}

// add sums up; of the resident maxima it keeps the largest.
func (k *cost) add(o cost) {
	k.cpu, k.wall, k.allocated, k.calls = k.cpu+o.cpu, k.wall+o.wall, k.allocated+o.allocated, k.calls+o.calls
	k.resident = max(k.resident, o.resident)
}

// tell reports the mean over the benchmark's rounds.
func (k cost) tell(b *testing.B) {
	n := float64(b.N)
	b.ReportMetric(float64(k.cpu.Microseconds())/1e3/n, "cpu-ms/op")
	b.ReportMetric(k.resident, "max-resident-MB")
	b.ReportMetric(float64(k.calls)/n, "calls/op")
	if k.allocated > 0 {
		b.ReportMetric(k.allocated/n, "allocated-MB/op")
	}
}
