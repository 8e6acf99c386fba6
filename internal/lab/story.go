package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Story is what `make lab` tells: a campaign of one database by the real
// program, while a load writes to it all the time.
type Story struct {
	Program string // rdsupgrade's binary
	Dir     string // for plan, state and logs; made anew
	Rate    int    // writes a second
	Out     io.Writer
	// Before and After are how long the load writes before the campaign begins
	// and after it has ended.
	Before, After time.Duration
	// Dark is Config.Dark.
	Dark time.Duration
}

// Result is how a story ended.
type Result struct {
	Count   Count
	Outages []Outage
	Before  string // the server's version behind the name
	Now     string
	// Measured is the downtime that the tool itself reports, 0 for none.
	Measured time.Duration
	// Old compares with old blue, to which the way back leads, after it has
	// caught up; Way is what the tool says would be lost by going back.
	Old   Count
	Way   string
	Back  Back
	State string // the tool's state directory
	Plan  string
}

// Truth is how long the load could not write.
func (r Result) Truth() time.Duration {
	var sum time.Duration
	for _, o := range r.Outages {
		sum += o.Length()
	}
	return sum
}

// measuredWell: the tool's figure may be off by a tenth of what the load saw.
func (r Result) measuredWell() bool {
	return (r.Measured - r.Truth()).Abs() <= r.Truth()/10
}

// Good tells that the story ended as it should.
func (r Result) Good() bool {
	return r.Count.Good() && r.Old.Good() && len(r.Outages) == 1 && r.measuredWell() && strings.HasPrefix(r.Before, "5.7") && !strings.HasPrefix(r.Now, "5.7") && r.Back.good(r.Before)
}

const storyDatabase = "orders"

// Tell plays the story. Its error is about the lab; how the story went is in
// the result.
func (s Story) Tell(ctx context.Context) (r Result, err error) {
	begin := time.Now()
	say := func(format string, args ...any) {
		fmt.Fprintf(s.Out, "%6.1f s  %s\n", time.Since(begin).Seconds(), fmt.Sprintf(format, args...))
	}
	say("starting a real MySQL 5.7 behind the name %s", storyDatabase)
	l, err := Start(ctx, Config{Databases: []string{storyDatabase}, Tell: say, Dark: s.Dark})
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if err := l.Shop(ctx, storyDatabase); err != nil {
		return r, err
	}
	if r.Before, err = l.version(ctx); err != nil {
		return r, err
	}
	say("clients of %s dial %s; a load begins to write %d numbered rows a second", storyDatabase, l.Endpoint(storyDatabase), s.Rate)
	load, err := StartLoad(l.Endpoint(storyDatabase), App, s.Rate)
	if err != nil {
		return r, err
	}
	running := true
	defer func() {
		if running {
			load.Stop()
		}
	}()
	if err := pause(ctx, s.Before); err != nil {
		return r, err
	}
	if err := s.prepare(); err != nil {
		return r, err
	}
	r.Plan, r.State = filepath.Join(s.Dir, "plan.yaml"), filepath.Join(s.Dir, "state")
	say("the campaign begins: rdsupgrade run %s", r.Plan)
	if err := s.Run(ctx, l, "run"); err != nil {
		return r, fmt.Errorf("rdsupgrade run: %w", err)
	}
	say("the campaign is over; the load writes on for %s", s.After)
	if err := pause(ctx, s.After); err != nil {
		return r, err
	}
	load.Stop()
	running = false
	if err := s.ask(ctx, l, &r); err != nil {
		return r, err
	}
	r.Outages = load.Outages()
	if r.Now, err = l.version(ctx); err != nil {
		return r, err
	}
	if r.Count, err = load.Compare(ctx, l, storyDatabase); err != nil {
		return r, err
	}
	if err := l.CatchUp(ctx, storyDatabase, storyDatabase+"-old1"); err != nil {
		return r, err
	}
	if r.Old, err = load.Compare(ctx, l, storyDatabase+"-old1"); err != nil {
		return r, err
	}
	s.sum(say, r)
	r.Back, err = s.goBack(ctx, l, load, say)
	return r, err
}

func (l *Lab) version(ctx context.Context) (string, error) {
	row, err := l.Row(ctx, storyDatabase, "SELECT VERSION() AS v")
	return row["v"], err
}

// sum says how it went.
func (s Story) sum(say func(string, ...any), r Result) {
	say("%s was MySQL %s and is MySQL %s", storyDatabase, r.Before, r.Now)
	for _, o := range r.Outages {
		kinds := []string{}
		for k, n := range o.Failures {
			kinds = append(kinds, fmt.Sprintf("%d x %s", n, k))
		}
		slices.Sort(kinds)
		say("the load could not write for %s (%s)", o.Length().Round(time.Millisecond), strings.Join(kinds, ", "))
	}
	say("rdsupgrade measured %s through the endpoint", r.Measured.Round(time.Millisecond))
	c := r.Count
	say("acknowledged writes: %d; lost: %d; doubled: %d; refused and there all the same: %d", c.Acked, len(c.Lost), len(c.Doubled), len(c.Ghosts))
	say("of these on old blue, by the way back: %d; lost: %d; doubled: %d", r.Old.Acked-len(r.Old.Lost), len(r.Old.Lost), len(r.Old.Doubled))
	say("rdsupgrade says would be lost by going back: %s", r.Way)
	say("writes without an answer, because the connection broke: %d, of which %d are there", c.Unknown, c.Kept)
}

// ask reads the tool's status: the downtime that it felt, and how the way back stands.
func (s Story) ask(ctx context.Context, l *Lab, r *Result) error {
	var out bytes.Buffer
	quiet := s
	quiet.Out = &out
	if err := quiet.Run(ctx, l, "status", "--output", "json"); err != nil {
		return fmt.Errorf("rdsupgrade status: %w: %s", err, out.String())
	}
	var st struct {
		Databases []struct {
			Downtime struct {
				Writes float64 `json:"writes_seconds"`
			} `json:"downtime"`
			WayBack struct {
				Loss string `json:"loss"`
			} `json:"way_back"`
		} `json:"databases"`
	}
	if err := json.Unmarshal(out.Bytes(), &st); err != nil || len(st.Databases) != 1 {
		return fmt.Errorf("read the tool's status: %d databases: %w", len(st.Databases), err)
	}
	r.Measured = time.Duration(st.Databases[0].Downtime.Writes * float64(time.Second))
	r.Way = st.Databases[0].WayBack.Loss
	return nil
}

// prepare makes the directory and the plan.
func (s Story) prepare() error {
	if err := os.RemoveAll(s.Dir); err != nil {
		return fmt.Errorf("clear the story's directory: %w", err)
	}
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return fmt.Errorf("make the story's directory: %w", err)
	}
	if err := os.WriteFile(filepath.Join(s.Dir, "plan.yaml"), []byte(planText), 0o644); err != nil {
		return fmt.Errorf("write the plan: %w", err)
	}
	return nil
}

// Run runs one command of the tool against the lab, and passes on what it says.
func (s Story) Run(ctx context.Context, l *Lab, command string, args ...string) error {
	return s.command(ctx, l, command, args...).Run()
}

// command is one command of the tool, ready to start.
func (s Story) command(ctx context.Context, l *Lab, command string, args ...string) *exec.Cmd {
	args = append([]string{command}, args...)
	args = append(args, filepath.Join(s.Dir, "plan.yaml"), "--endpoint-url", l.URL, "--state-dir", filepath.Join(s.Dir, "state"),
		"--log-file", filepath.Join(s.Dir, "rdsupgrade.log"))
	cmd := exec.CommandContext(ctx, s.Program, args...)
	cmd.Env = environment()
	cmd.Stdout, cmd.Stderr = s.Out, s.Out
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 20 * time.Second
	return cmd
}

// wayBackPassword is of the account that old blue replicates with.
const wayBackPassword = "the-way-back-of-the-lab"

// environment is the process's own, with the simulation's credentials instead of AWS's.
func environment() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "AWS_") {
			env = append(env, v)
		}
	}
	return append(env, "AWS_ACCESS_KEY_ID=AKIASIM"+AccountID, "AWS_SECRET_ACCESS_KEY=simulated", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull, "RDSUPGRADE_LAB_PASSWORD="+Tool.Password, "RDSUPGRADE_LAB_WAY_BACK="+wayBackPassword)
}

// planText is the campaign. Its target is 9.7 because that is the newer real
// server there is; the lab's control plane offers the leap.
const planText = `version: 1
name: lab
deadline: 2027-01-31
accounts: [{id: "` + AccountID + `", name: lab, regions: [` + Region + `]}]
target: {engine_version: "9.7", storage: {type: gp3}, instance_class: keep, parameter_group: translate}
connection: {auth: env, user: rdsupgrade, password_env: RDSUPGRADE_LAB_PASSWORD, tls: off, timeout: 5s}
prechecks:
  fail_level: error
  waivers:
    - {check: authMethodUsage, databases: [` + storyDatabase + `], objects: [root@localhost], owner: lab, reason: the lab's own login on the old server, expires: 2027-01-31}
switchover:
  {timeout: 60s, max_replica_lag: 1s, lag_for: 1s, retries: 1, way_back: {user: rds_way_back, password_env: RDSUPGRADE_LAB_WAY_BACK}}
run: {poll: 200ms, stable_reads: 3, api_rate: 10}
waves:
  - {name: lab, select: {tags: {env: lab}}, limits: {build: 1, switch: 1}, error_budget: 1, soak: 1s, approval: auto}
`
