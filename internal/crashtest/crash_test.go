// Package crashtest kills the real binary, again and again, over a whole
// campaign against a simulated RDS on sockets.
package crashtest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim"
	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/simserver"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "crashtest")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "rdsupgrade")
	build := exec.Command("go", "build", "-o", binary, "github.com/rdsupgrade/rdsupgrade/cmd/rdsupgrade")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		panic(fmt.Sprintf("build the binary: %v", err))
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

const databases = 20

// world is a simulated RDS with a campaign over it.
type world struct {
	t     *testing.T
	sim   *simserver.Server
	dir   string
	state string
}

func newWorld(t *testing.T, speed float64) *world {
	t.Helper()
	var b strings.Builder
	b.WriteString(`mysql: {user: auditor, password: simulated}
accounts: [{id: "111122223333", regions: [eu-west-1], quotas: {DBInstances: 200}}]
defaults: {engine_version: 5.7.44, account: "111122223333", region: eu-west-1, profile: clean, lag_seconds: 20}
databases:
`)
	for i := range databases {
		env := "prod"
		if i < 4 {
			env = "test"
		}
		fmt.Fprintf(&b, "  - {id: db-%02d, tags: {env: %s, service: svc-%d}}\n", i, env, i%10)
	}
	f, err := rdssim.ParseFleet(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	s, err := simserver.Start(simserver.Config{Fleet: f, Options: rdssim.Options{Speed: speed, Seed: 3, Throttle: rdssim.Throttle{Burst: 100_000, PerSecond: 10_000}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	w := &world{t: t, sim: s, dir: t.TempDir()}
	w.state = filepath.Join(w.dir, "state")
	plan := `version: 1
name: crash
deadline: 2027-01-31
accounts: [{id: "111122223333", regions: [eu-west-1]}]
target: {engine_version: "8.0", storage: {type: gp3}, instance_class: graviton, parameter_group: translate}
connection: {auth: env, user: auditor, password_env: DBPASS, tls: off, timeout: 5s}
switchover: {timeout: 300s, max_replica_lag: 5s, lag_for: 1s, retries: 1}
run: {poll: 100ms, stable_reads: 2, api_rate: 50}
waves:
  - {name: test, select: {tags: {env: test}}, limits: {build: 4, switch: 2}, error_budget: 1, soak: 0s, approval: auto}
  - {name: prod, select: {tags: {env: prod}}, limits: {build: 10, switch: 4}, error_budget: 10%, soak: 0s, approval: auto}
`
	if err := os.WriteFile(filepath.Join(w.dir, "plan.yaml"), []byte(plan), 0o600); err != nil {
		t.Fatal(err)
	}
	return w
}

// command is the binary with the world's environment.
func (w *world) command(args ...string) *exec.Cmd {
	c := exec.Command(binary, append(args, "plan.yaml", "--endpoint-url", w.sim.URL, "--state-dir", w.state)...)
	c.Dir = w.dir
	c.Env = []string{"AWS_ACCESS_KEY_ID=AKIASIM111122223333", "AWS_SECRET_ACCESS_KEY=simulated", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "DBPASS=simulated", "RDSUPGRADE_OPERATOR=anna", "HOME=" + w.dir, "PATH=" + os.Getenv("PATH")}
	return c
}

// run runs the binary to its end.
func (w *world) run(args ...string) (code int, out string) {
	w.t.Helper()
	c := w.command(args...)
	b, err := c.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		w.t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), string(b)
}

// moved counts what was done at RDS so far.
func (w *world) moved() int { return len(w.sim.Sim.History()) }

// final is how the fleet stands: what answers to each name, on what.
func (w *world) final() string {
	var b strings.Builder
	for _, i := range w.sim.Sim.State().Instances {
		fmt.Fprintf(&b, "%s %s %s\n", i.ID, i.EngineVersion, i.Class)
	}
	return b.String()
}

// checkOnce checks that everything was done once, and the journal is whole.
func (w *world) checkOnce() {
	w.t.Helper()
	times := map[string]int{}
	created, switched := 0, 0
	for _, m := range w.sim.Sim.History() {
		if m.Error != "" {
			continue
		}
		switch m.Action {
		case "CreateBlueGreenDeployment":
			created++
			times["create "+m.Params["BlueGreenDeploymentName"]]++
		case "SwitchoverBlueGreenDeployment":
			switched++
			times["switch "+m.Params["BlueGreenDeploymentIdentifier"]]++
		case "DeleteBlueGreenDeployment":
			w.t.Errorf("deleted %v", m.Params)
		}
	}
	for what, n := range times {
		if n != 1 {
			w.t.Errorf("%s: %d times", what, n)
		}
	}
	if created != databases || switched != databases {
		w.t.Errorf("%d created and %d switched of %d", created, switched, databases)
	}
	if sum, err := journal.Verify(filepath.Join(w.state, "journal.jsonl")); err != nil {
		w.t.Error(err)
	} else {
		w.t.Logf("%d journal entries", sum.Entries)
	}
}

// TestKilledAtRandomMoments: SIGKILL at 50 random moments spread over the
// campaign, and the end is that of an undisturbed run.
func TestKilledAtRandomMoments(t *testing.T) {
	quiet := newWorld(t, 900)
	if code, out := quiet.run("run"); code != 0 {
		t.Fatalf("undisturbed run: exit %d\n%s", code, out)
	}
	quiet.checkOnce()

	const kills = 50
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	for n := 0; n < kills; { // a campaign that ends early makes room for another
		w := newWorld(t, 900)
		var at []string
		for n < kills && w.killOnce(rnd) {
			n++
			at = append(at, fmt.Sprint(w.moved()))
		}
		t.Logf("killed after so many changes at RDS: %s", strings.Join(at, " "))
		if code, out := w.run("run"); code != 0 {
			t.Fatalf("last run: exit %d\n%s", code, out)
		}
		if got, want := w.final(), quiet.final(); got != want {
			t.Errorf("final state:\n%s\nundisturbed:\n%s", got, want)
		}
		w.checkOnce()
	}
}

// killOnce runs until the log has told of some random number of moves, and
// kills a random moment after. It reports false when the run ended by itself.
func (w *world) killOnce(rnd *rand.Rand) bool {
	w.t.Helper()
	c := w.command("run", "--log-level", "info")
	log, err := c.StderrPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		w.t.Fatal(err)
	}
	// The log tells of every stage and call: kill in the middle of that.
	lines := rnd.IntN(8)
	if rnd.IntN(3) == 0 { // long enough to get past what every start repeats
		lines = rnd.IntN(40)
	}
	in := bufio.NewScanner(log)
	for lines > 0 && in.Scan() {
		if strings.Contains(in.Text(), " INF ") {
			lines--
		}
	}
	for range rnd.IntN(5_000_000) { // a moment that no line marks
	}
	err = c.Process.Kill()
	ended := errors.Is(err, os.ErrProcessDone)
	io.Copy(io.Discard, log)
	c.Wait()
	return !ended && c.ProcessState.ExitCode() == -1
}

// TestInterrupt: once finishes what is in flight and ends with 130; the run goes on after.
func TestInterrupt(t *testing.T) {
	w := newWorld(t, 900)
	for _, twice := range []bool{false, true} {
		c := w.command("run")
		var out bytes.Buffer
		log, err := c.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		in := bufio.NewScanner(log)
		for in.Scan() && !strings.Contains(in.Text(), "provisioning") && !strings.Contains(in.Text(), "adjusting") && !strings.Contains(in.Text(), "catching-up") {
		}
		c.Process.Signal(os.Interrupt)
		for in.Scan() {
			out.WriteString(in.Text() + "\n")
			if twice && strings.Contains(in.Text(), "interrupted") {
				c.Process.Signal(os.Interrupt)
				twice = false
			}
		}
		c.Wait()
		if code := c.ProcessState.ExitCode(); code != 130 {
			t.Errorf("exit %d, want 130\n%s", code, out.String())
		}
		if !strings.Contains(out.String(), "interrupt again to stop at once") {
			t.Errorf("a person learns nothing:\n%s", out.String())
		}
	}
	if code, out := w.run("run"); code != 0 {
		t.Fatalf("run after interrupts: exit %d\n%s", code, out)
	}
	w.checkOnce()
}

// TestTwoRuns: the second run ends with 4 and names the first.
func TestTwoRuns(t *testing.T) {
	w := newWorld(t, 100)
	c := w.command("run")
	log, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewScanner(log)
	if !in.Scan() {
		t.Fatal("the first run says nothing")
	}
	code, out := w.run("run")
	if code != 4 || !strings.Contains(out, "anna on ") || !strings.Contains(out, fmt.Sprintf("pid %d", c.Process.Pid)) {
		t.Errorf("second run: exit %d\n%s", code, out)
	}
	c.Process.Signal(syscall.SIGTERM)
	io.Copy(io.Discard, log)
	c.Wait()
	if got := c.ProcessState.ExitCode(); got != 130 {
		t.Errorf("SIGTERM: exit %d, want 130", got)
	}
}
