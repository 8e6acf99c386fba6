package simcloud

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim"
	"github.com/rdsupgrade/rdsupgrade/internal/soak"
	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

// steps is how many ticks of the engine the property test drives: a few
// thousand, or what RDSUPGRADE_SOAK_STEPS says (make soak: 100,000).
func steps(t *testing.T) int {
	return soak.Number(t, "RDSUPGRADE_SOAK_STEPS", 3000)
}

// watcher judges every change that the model accepted.
type watcher struct {
	t       *testing.T
	rnd     *rand.Rand
	steps   int
	most    int
	seen    int // mutations judged
	judged  map[string]int
	open    map[string][]bluegreen.Action // announced and not answered, by key
	stage   map[string]string
	service map[string]string // by key
	byDep   map[string]string // deployment id: key
	broken  []string
}

func (w *watcher) bad(format string, args ...any) {
	if len(w.broken) < 5 {
		w.broken = append(w.broken, fmt.Sprintf(format, args...))
	}
}

// entry follows intents and stages, and judges a switchover as it is announced.
func (w *watcher) entry(c *campaign, e journal.Entry) {
	switch e.Kind {
	case journal.Intent:
		var in struct{ Action bluegreen.Action }
		if err := json.Unmarshal(e.Data, &in); err != nil || in.Action.Kind == "" {
			w.bad("an announcement that says nothing: %s", e.Data)
		}
		w.account(c)
		w.open[e.Database] = append(w.open[e.Database], in.Action)
		if strings.HasPrefix(e.What, "switch over ") {
			w.judgeSwitch(c, e)
		}
	case journal.Result: // calls are made one after the other
		w.account(c)
		delete(w.open, e.Database)
	case journal.Stage:
		to, _, _ := strings.Cut(e.What, ":")
		w.stage[e.Database] = to
	}
}

func (w *watcher) judgeSwitch(c *campaign, e journal.Entry) {
	if s := w.stage[e.Database]; s != string(bluegreen.Ready) {
		w.bad("%s: switched from stage %s", e.Database, s)
	}
	if !c.Plan.Switchover.Open(e.At) {
		w.bad("%s: switched at %s, outside every window", e.Database, e.At)
	}
	parts := strings.SplitN(e.Database, "/", 3)
	for _, d := range c.sim.State().Deployments {
		key := d.Account + "/" + d.Region + "/" + d.Tags[bluegreen.TagDatabase]
		if d.Status == bluegreen.SwitchoverInProgress && key != e.Database && w.service[key] != "" && w.service[key] == w.service[e.Database] {
			w.bad("%s and %s of service %s switch together", key, e.Database, w.service[key])
		}
		if key != e.Database || d.Status != bluegreen.Available && d.Status != bluegreen.SwitchoverFailed {
			continue
		}
		green := d.Members[0].Target[strings.LastIndex(d.Members[0].Target, ":")+1:]
		v, ok := c.sim.Server(rdssim.Scope{Account: parts[0], Region: parts[1]}, green)
		if !ok || !v.Replica || v.Broken != "" || v.Lag > c.Plan.Switchover.MaxLag+c.Plan.Run.Poll {
			w.bad("%s: switched to %s with %+v", e.Database, green, v)
		}
	}
	failed, total := 0, 0
	for key, s := range w.stage {
		if c.tracks[key] != nil {
			total++
		}
		if s == string(bluegreen.Failed) {
			failed++
		}
	}
	if c.Plan.Run.Budget.Exhausted(failed, len(w.service)) && failed > 0 {
		w.bad("%s: switched although %d of %d had failed", e.Database, failed, total)
	}
}

// tick judges the changes since the last one, and lets people interfere.
func (w *watcher) tick(c *campaign) {
	w.steps++
	w.account(c)
	if w.steps >= w.most {
		c.clock.Limit = c.clock.At // the campaign is over for this test
	}
	if w.rnd.IntN(12) > 0 || len(c.Fleet.Databases) == 0 {
		return
	}
	verbs := []string{"pause", "resume", "resume", "skip", "retry", "retry", "pin", "resume", "rollback", "retry"}
	r := journal.Request{Verb: verbs[w.rnd.IntN(len(verbs))], By: "anna", At: c.clock.Now()}
	d := c.Fleet.Databases[w.rnd.IntN(len(c.Fleet.Databases))]
	r.Database = d.Account + "/" + d.Region + "/" + d.ID
	if x := w.rnd.IntN(20); x == 0 && (r.Verb == "pause" || r.Verb == "resume") {
		r.Database = ""
	} else if x == 1 && (r.Verb == "pause" || r.Verb == "resume") {
		r.Database, r.Wave = "", c.Plan.Waves[w.rnd.IntN(len(c.Plan.Waves))].Name
	}
	if err := c.store.Say(r); err != nil {
		w.t.Error(err)
	}
}

// account judges the changes since it was called last: at every announcement
// and every result, so that it is known what was announced when each was made.
func (w *watcher) account(c *campaign) {
	if c.sim == nil {
		return
	}
	history := c.sim.HistorySince(w.seen)
	w.seen += len(history)
	for _, m := range history {
		w.judge(c, m)
	}
}

// calls are the calls that an action may make.
var calls = map[bluegreen.ActionKind][]string{
	bluegreen.CreateDeployment: {"CreateBlueGreenDeployment"}, bluegreen.Switchover: {"SwitchoverBlueGreenDeployment"},
	bluegreen.DeleteDeployment: {"DeleteBlueGreenDeployment"}, bluegreen.ModifyInstance: {"ModifyDBInstance"},
	bluegreen.RebootInstance: {"RebootDBInstance"}, bluegreen.AddRole: {"AddRoleToDBInstance"},
	bluegreen.CreateParameterGroup: {"CreateDBParameterGroup"}, bluegreen.SetParameters: {"ModifyDBParameterGroup"},
	bluegreen.CreateOptionGroup: {"CreateOptionGroup", "ModifyOptionGroup"},
}

// announced tells that the call is one that stands announced, about the same thing.
func (w *watcher) announced(m rdssim.Mutation) bool {
	of := func(a bluegreen.Action) []string {
		names := []string{a.Instance, a.Deployment}
		if a.Create != nil {
			names = append(names, a.Create.Name)
		}
		if a.Group != nil {
			names = append(names, a.Group.Name)
		}
		if a.Options != nil {
			names = append(names, a.Options.Name)
		}
		return names
	}
	about := m.Params["DBInstanceIdentifier"] + m.Params["BlueGreenDeploymentIdentifier"] + m.Params["BlueGreenDeploymentName"] +
		m.Params["DBParameterGroupName"] + m.Params["OptionGroupName"]
	if m.Action == "ModifyDBInstance" {
		about = m.Params["DBInstanceIdentifier"]
	}
	for key, list := range w.open {
		if !strings.HasPrefix(key, m.Account+"/"+m.Region+"/") {
			continue
		}
		for _, a := range list {
			if slices.Contains(calls[a.Kind], m.Action) && slices.Contains(of(a), about) {
				return true
			}
		}
	}
	return false
}

// judge: whatever changed AWS was announced, and nothing but our greens is deleted.
func (w *watcher) judge(c *campaign, m rdssim.Mutation) {
	w.judged[m.Action]++
	if !w.announced(m) {
		w.bad("%s %v was not announced", m.Action, m.Params)
	}
	switch m.Action {
	case "DeleteDBInstance", "DeleteDBParameterGroup", "DeleteDBSnapshot":
		w.bad("%s %v", m.Action, m.Params)
	case "DeleteBlueGreenDeployment":
		if m.Error == "" && m.Params["DeleteTarget"] == "true" && w.byDep[m.Params["BlueGreenDeploymentIdentifier"]] == "" {
			w.bad("deleted a deployment that is not ours: %v", m.Params)
		}
	case "CreateBlueGreenDeployment":
		id := m.Params["Source"][strings.LastIndex(m.Params["Source"], ":")+1:]
		key := m.Account + "/" + m.Region + "/" + id
		for _, d := range c.sim.State().Deployments {
			if d.Tags[bluegreen.TagCampaign] == c.Plan.Name {
				w.byDep[d.ID] = key
			}
		}
	}
}

// Random fleets, faults and human commands; the invariants of a campaign hold
// in every tick.
func TestInvariants(t *testing.T) {
	want := steps(t)
	judged := map[string]int{}
	for seed, done := uint64(1), 0; done < want && !t.Failed(); seed++ {
		rnd := rand.New(rand.NewPCG(seed, 7))
		windows := `windows: [{from: "20:00", to: "04:00"}], `
		if seed%2 == 0 {
			windows = ""
		}
		p := planFor(t, fmt.Sprintf(`  - {name: canary, select: {tags: {env: staging}}, limits: {build: 3, switch: 2}, error_budget: 100%%, soak: 30m, approval: auto}
  - {name: rest, select: {tags: {env: prod}}, limits: {build: %d, switch: %d}, batches: [1, 3, 40%%], error_budget: 60%%, soak: 20m, approval: auto}
`, 2+rnd.IntN(8), 1+rnd.IntN(6)), "lag_for: 1m,", "lag_for: 1m, "+windows, "run: {", "run: {error_budget: 40%, ")
		w := &watcher{t: t, rnd: rnd, most: min(want-done, 1500), open: map[string][]bluegreen.Action{}, judged: judged, stage: map[string]string{}, service: map[string]string{}, byDep: map[string]string{}}
		fleet, err := MadeUp(p, 6+rnd.IntN(14), seed)
		if err != nil {
			t.Fatal(err)
		}
		for i := range fleet.Databases {
			d := &fleet.Databases[i]
			d.Tags["service"] = fmt.Sprintf("s%d", rnd.IntN(5))
			w.service[d.Account+"/"+d.Region+"/"+d.ID] = d.Tags["service"]
		}
		o := Options{Plan: p, Fleet: fleet, Seed: seed, Start: monday.Add(time.Duration(rnd.IntN(48)) * time.Hour), Faults: randomFaults(rnd),
			entry: w.entry, watch: w.tick, Longest: 60 * 24 * time.Hour}
		var f *bluegreen.Fault
		if _, err := Simulate(t.Context(), o); errors.As(err, &f) && f.Consequence == bluegreen.Retry && w.steps == 0 {
			done++ // a run does not begin while a scope cannot be read
			continue
		} else if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for _, b := range w.broken {
			t.Errorf("seed %d: %s", seed, b)
		}
		done += max(w.steps, 1)
	}
	t.Logf("%d ticks, changes at RDS: %v", want, judged)
}

func randomFaults(rnd *rand.Rand) *rdssim.Faults {
	kinds := []string{rdssim.FaultPrecheck, rdssim.FaultEndlessLag, rdssim.FaultSwitchover, rdssim.FaultGuardrail, rdssim.FaultFlapping,
		rdssim.FaultServerError, rdssim.FaultThrottle, rdssim.FaultLostAnswer}
	f := &rdssim.Faults{}
	for _, k := range kinds {
		if rnd.IntN(2) == 0 {
			f.Faults = append(f.Faults, rdssim.Fault{Kind: k, Rate: 0.02 + 0.25*rnd.Float64()})
		}
	}
	return f
}

// While a Region is down nothing of a wave with databases there is switched:
// its limits and budgets cannot be told. After it the campaign ends well.
func TestRegionDown(t *testing.T) {
	p := planFor(t, oneWave)
	down := &rdssim.Faults{Faults: []rdssim.Fault{{Kind: rdssim.FaultServerError, Region: "us-east-1", From: 20 * time.Minute, For: 5 * time.Hour}}}
	r := simulate(t, p, 20, func(o *Options) { o.Faults = down })
	if r.Done != 20 {
		t.Errorf("%d done: %s %v", r.Done, r.Outcome, r.Waiting)
	}
	for key, list := range spans(r, "switching") {
		for _, s := range list {
			if s[0].After(monday.Add(21*time.Minute)) && s[0].Before(monday.Add(5*time.Hour+20*time.Minute)) {
				t.Errorf("%s switched while the Region of others in its wave could not be read", key)
			}
		}
	}
}

// Credentials that end in the middle stop the run at once; the state is safe.
func TestCredentialsEnd(t *testing.T) {
	p := planFor(t, oneWave)
	f, err := MadeUp(p, 10, 1)
	if err != nil {
		t.Fatal(err)
	}
	expired := &rdssim.Faults{Faults: []rdssim.Fault{{Kind: rdssim.FaultExpired, From: time.Hour}}}
	var last time.Time
	_, err = Simulate(t.Context(), Options{Plan: p, Fleet: f, Seed: 1, Start: monday, Faults: expired, entry: func(_ *campaign, e journal.Entry) { last = e.At }})
	if err == nil || !strings.Contains(err.Error(), "ExpiredToken") {
		t.Fatalf("got %v", err)
	}
	if d := last.Sub(monday); d > time.Hour+5*time.Minute {
		t.Errorf("it went on for %s", d)
	}
}
