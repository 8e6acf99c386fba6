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
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim"
	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/simserver"
	"github.com/rdsupgrade/rdsupgrade/internal/soak"
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

// season is a campaign and what goes wrong around it.
type season struct {
	name   string
	target string // version
	faults string // of rdssim
}

// weather is what transport and API do to every call.
const weather = `
  - {kind: throttle, rate: 0.1}
  - {kind: server-error, rate: 0.05}
  - {kind: lost-answer, rate: 0.15}
  - {kind: flapping, action: DescribeDBInstances, rate: 0.01}
  - {kind: flapping, action: DescribeBlueGreenDeployments, rate: 0.01}`

// trouble is what goes wrong at RDS with single databases.
const trouble = `
  - {kind: switchover-timeout, database: db-05, count: 1}
  - {kind: switchover-timeout, database: db-06, count: 2, status: AVAILABLE}
  - {kind: guardrail, database: db-09, count: 1}
  - {kind: precheck-failure, database: db-10, count: 1, reason: oldTemporalCheck}`

var (
	calm      = season{"calm", "8.0", ""}
	allAtOnce = season{"all at once", "8.0", weather + trouble}
	seasons   = []season{calm, {"weather", "8.0", weather}, {"trouble", "8.0", trouble}, allAtOnce, {"two hops", "8.4", weather + trouble}}
)

// world is a simulated RDS with a campaign over it.
type world struct {
	t     *testing.T
	sim   *simserver.Server
	dir   string
	state string
}

// fleet is 20 databases: plain ones, with replicas, parameter and option groups.
func fleet() string {
	var b strings.Builder
	b.WriteString(`mysql: {user: auditor, password: simulated}
accounts: [{id: "111122223333", regions: [eu-west-1], quotas: {DBInstances: 300, OptionGroups: 100}}]
defaults: {engine_version: 5.7.44, account: "111122223333", region: eu-west-1, profile: clean, lag_seconds: 20}
parameter_groups: [{name: shared57, family: mysql5.7, parameters: {max_connections: "700", long_query_time: "2"}}]
option_groups: [{name: audit57, major_version: "5.7", options: [MARIADB_AUDIT_PLUGIN]}]
databases:
`)
	for i := range databases {
		env := "prod"
		if i < 4 {
			env = "test"
		}
		more := ""
		switch i % 8 {
		case 3:
			more = ", parameter_group: shared57"
		case 4:
			more = fmt.Sprintf(", replicas: [{id: db-%02d-r1}]", i)
		case 7:
			more = ", option_group: audit57"
		}
		fmt.Fprintf(&b, "  - {id: db-%02d, tags: {env: %s, service: svc-%d}%s}\n", i, env, i%10, more)
	}
	return b.String()
}

func newWorld(t *testing.T, speed float64, in season) *world {
	t.Helper()
	f, err := rdssim.ParseFleet(strings.NewReader(fleet()))
	if err != nil {
		t.Fatal(err)
	}
	o := rdssim.Options{Speed: speed, Seed: 3, Throttle: rdssim.Throttle{Burst: 100_000, PerSecond: 10_000}}
	if in.faults != "" {
		if o.Faults, err = rdssim.ParseFaults(strings.NewReader("faults:" + in.faults)); err != nil {
			t.Fatal(err)
		}
	}
	s, err := simserver.Start(simserver.Config{Fleet: f, Options: o})
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
target: {engine_version: "` + in.target + `", storage: {type: gp3}, instance_class: graviton, parameter_group: translate}
connection: {auth: env, user: auditor, password_env: DBPASS, tls: off, timeout: 5s}
switchover: {timeout: 300s, max_replica_lag: 5s, lag_for: 1s, retries: 1}
run: {poll: 100ms, stable_reads: 2, api_rate: 50}
waves:
  - {name: test, select: {tags: {env: test}}, limits: {build: 4, switch: 2}, error_budget: 1, soak: 0s, approval: auto}
  - {name: prod, select: {tags: {env: prod}}, limits: {build: 10, switch: 4}, error_budget: 30%, soak: 0s, approval: auto}
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

var madeUp = regexp.MustCompile(`-green-[a-z0-9]{6}|bgd-[a-z0-9]{16}`)

// final is how the account stands: instances, deployments, groups; what RDS
// makes up of names is left out.
func (w *world) final() string {
	var b strings.Builder
	st := w.sim.Sim.State()
	for _, i := range st.Instances {
		fmt.Fprintf(&b, "%s %s %s %s %+v %s %s %s of %q read-only %v\n", i.ID, i.Status, i.EngineVersion, i.Class, i.Storage, i.ParameterGroup, i.ApplyStatus, i.OptionGroup, i.Source, i.ReadOnly)
	}
	for _, d := range st.Deployments {
		fmt.Fprintf(&b, "%s %s of %s to %s %v\n", d.Name, d.Status, d.Source, d.Target, d.Members)
	}
	for _, g := range st.Groups {
		fmt.Fprintf(&b, "%s %s %v\n", g.Name, g.Family, g.User)
	}
	lines := strings.Split(madeUp.ReplaceAllString(b.String(), "-x"), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// once lists what must not be done twice.
var once = map[string]string{"CreateBlueGreenDeployment": "BlueGreenDeploymentName", "SwitchoverBlueGreenDeployment": "BlueGreenDeploymentIdentifier",
	"CreateDBParameterGroup": "DBParameterGroupName", "CreateOptionGroup": "OptionGroupName", "DeleteBlueGreenDeployment": "BlueGreenDeploymentIdentifier"}

// changes counts what was done how often, by what it was done to. A deployment
// goes by its name: its identifier is made up.
func (w *world) changes() map[string]int {
	names := map[string]string{}
	times := map[string]int{}
	for _, m := range w.sim.Sim.History() {
		if m.Error != "" {
			continue
		}
		if p, ok := once[m.Action]; ok {
			times[m.Action+" "+m.Params[p]]++
		}
		if id := m.Params["NewDBInstanceIdentifier"]; id != "" {
			times["rename to "+id]++
		}
	}
	for _, d := range w.sim.Sim.State().Deployments {
		names[d.ID] = d.Name
	}
	for what, n := range times {
		action, id, _ := strings.Cut(what, " ")
		if name := names[id]; name != "" {
			delete(times, what)
			times[action+" "+name] = n
		} else if strings.HasPrefix(id, "bgd-") { // a hop's shell that is gone
			delete(times, what)
			times[fmt.Sprintf("%s of those gone, %d times", action, n)]++
		}
	}
	return times
}

// checkOnce checks that everything was done once, and the journal is whole.
func (w *world) checkOnce() {
	w.t.Helper()
	created, switched := 0, 0
	for what, n := range w.changes() {
		if n != 1 {
			w.t.Errorf("%s: %d times", what, n)
		}
		switch action, _, _ := strings.Cut(what, " "); action {
		case "CreateBlueGreenDeployment":
			created++
		case "SwitchoverBlueGreenDeployment":
			switched++
		case "DeleteBlueGreenDeployment":
			w.t.Error(what)
		}
	}
	if created != databases || switched != databases {
		w.t.Errorf("%d created and %d switched of %d", created, switched, databases)
	}
	w.checkJournal()
}

// ended tells that the run that was killed last had come to its end already: a
// further one has nothing new to tell, and says so by its exit code.
func (w *world) ended() bool {
	w.t.Helper()
	last := journal.Kind("")
	j, err := journal.Open(w.journal(), journal.Options{}, func(e journal.Entry) { last = e.Kind })
	if err != nil {
		w.t.Fatal(err)
	}
	j.Close()
	return last == journal.RunEnd
}

func (w *world) checkJournal() {
	w.t.Helper()
	if sum, err := journal.Verify(w.journal()); err != nil {
		w.t.Error(err)
	} else {
		w.t.Logf("%d journal entries", sum.Entries)
	}
}

// journal is the path of the campaign's journal.
func (w *world) journal() string { return filepath.Join(w.state, "journal.jsonl") }

// kills is how many moments a test kills at: 40, or what RDSUPGRADE_SOAK_KILLS
// says (make soak: 500), then over every season.
func kills(t *testing.T) (int, []season) {
	if n := soak.Number(t, "RDSUPGRADE_SOAK_KILLS", 0); n > 0 {
		return n, seasons
	}
	return 40, []season{allAtOnce}
}

// TestKilledAtRandomMoments: SIGKILL at random moments spread over campaigns
// with all kinds of faults, and the end is that of an undisturbed run.
func TestKilledAtRandomMoments(t *testing.T) {
	all, in := kills(t)
	seed := soak.Seed(t)
	t.Logf("seed %d", seed)
	for k, s := range in {
		t.Run(s.name, func(t *testing.T) {
			quiet := newWorld(t, 900, s)
			want, out := quiet.run("run")
			if want > 1 {
				t.Fatalf("undisturbed run: exit %d\n%s", want, out)
			}
			if s == calm {
				quiet.checkOnce()
			}
			rnd := rand.New(rand.NewPCG(seed, uint64(k)))
			campaigns := 0
			for n := 0; n < all/len(in); campaigns++ { // a campaign that ends early makes room for another
				w := newWorld(t, 900, s)
				var at []string
				for n < all/len(in) && w.killOnce(rnd) {
					n++
					at = append(at, fmt.Sprint(w.moved()))
				}
				t.Logf("killed after so many changes at RDS: %s", strings.Join(at, " "))
				ended := w.ended()
				if code, out := w.run("run"); code != want && !(code == 0 && ended) {
					t.Errorf("last run: exit %d, undisturbed %d\n%s", code, want, out)
				}
				if diff := cmp.Diff(quiet.final(), w.final()); diff != "" {
					t.Errorf("the end differs (-undisturbed +killed):\n%s", diff)
				}
				if diff := cmp.Diff(quiet.changes(), w.changes()); diff != "" {
					t.Errorf("what was done differs (-undisturbed +killed):\n%s", diff)
				}
				w.checkJournal()
				if t.Failed() {
					soak.Keep(t, quiet.journal(), "-undisturbed")
					soak.Keep(t, w.journal(), "-killed")
					return
				}
			}
			t.Logf("%d kills over %d campaigns", all/len(in), campaigns)
		})
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
	switch rnd.IntN(10) { // long enough to get past what every start repeats
	case 0, 1, 2:
		lines = rnd.IntN(40)
	case 3:
		lines = rnd.IntN(150)
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
	w := newWorld(t, 900, calm)
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
	w := newWorld(t, 100, calm)
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
