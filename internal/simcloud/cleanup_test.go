package simcloud

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim"
	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

// janitor judges every removal as it is announced, from its own knowledge.
type janitor struct {
	t        *testing.T
	c        *campaign
	keep     time.Duration
	rnd      *rand.Rand
	first    map[string]string    // resource ids of the start: the name they had
	primary  map[string]bool      // of those, the primaries
	switched map[string]time.Time // by database key
	confirm  map[string]bool      // resource ids that a person has confirmed
	auto     bool
	precious map[string]bool // resource ids that a stranger gave another name
	deleted  map[string]string
	snapshot map[string]string
	tries    int
	ticks    int
}

func (j *janitor) entry(_ *campaign, e journal.Entry) {
	switch {
	case e.Kind == journal.Fact && strings.HasPrefix(e.What, "switched over:"):
		j.switched[e.Database] = e.At
	case e.Kind == journal.Human:
		var r journal.Request
		if json.Unmarshal(e.Data, &r) == nil {
			for _, id := range r.Resources {
				j.confirm[id] = true
			}
		}
	case e.Kind == journal.Intent:
		var in struct {
			Action bluegreen.Action `json:"action"`
		}
		if json.Unmarshal(e.Data, &in) == nil && in.Action.Kind == bluegreen.DeleteInstance {
			j.judge(e, in.Action)
		}
	}
}

func (j *janitor) judge(e journal.Entry, a bluegreen.Action) {
	j.tries++
	bad := func(format string, args ...any) {
		j.t.Errorf("%s at %s: "+format, append([]any{e.What, e.At.Format(time.DateTime)}, args...)...)
	}
	var at *rdssim.InstanceState
	serves := map[string]string{}
	for _, i := range j.c.sim.State().Instances {
		if i.ID == a.Instance && strings.HasPrefix(e.Database, i.Account+"/"+i.Region+"/") {
			at = &i
		}
		serves[i.Account+"/"+i.Region+"/"+i.ID] = i.ResourceID
	}
	name, known := j.first[a.ResourceID]
	switch {
	case at == nil || at.ResourceID != a.ResourceID:
		bad("the name is another machine's: %+v", at)
	case !known:
		bad("the machine was not there before the campaign")
	case j.precious[a.ResourceID]:
		bad("somebody had given it another name")
	case a.Instance == name || serves[e.Database] == a.ResourceID:
		bad("it serves")
	case j.switched[e.Database].IsZero() || e.At.Before(j.switched[e.Database].Add(j.keep)):
		bad("its time is not over: switched at %s", j.switched[e.Database])
	case !j.auto && !j.confirm[a.ResourceID]:
		bad("nobody confirmed it")
	case j.primary[a.ResourceID] && a.Snapshot == "" || !j.primary[a.ResourceID] && !a.Replica:
		bad("a primary without a final snapshot, or a replica with one")
	}
	j.deleted[a.ResourceID] = name
	if a.Snapshot != "" {
		j.snapshot[a.ResourceID] = a.Snapshot
	}
}

// meddle lets strangers rename old servers, and swap names of two of them.
func (j *janitor) meddle(c *campaign) {
	if j.ticks++; j.ticks > 1500 {
		c.clock.Limit = c.clock.At // over for this test
	}
	if j.rnd.IntN(40) > 0 {
		return
	}
	for _, i := range c.sim.State().Instances {
		if !strings.HasSuffix(i.ID, "-old1") || i.Status != "available" || j.rnd.IntN(4) > 0 || j.deleted[i.ResourceID] != "" {
			continue
		}
		form := url.Values{"DBInstanceIdentifier": {i.ID}, "NewDBInstanceIdentifier": {fmt.Sprintf("precious-%d", len(j.precious))}, "ApplyImmediately": {"true"}}
		if _, err := c.sim.Ask(rdssim.Scope{Account: i.Account, Region: i.Region}, "ModifyDBInstance", form); err == nil {
			j.precious[i.ResourceID] = true
		}
		return
	}
}

// Random fleets and faults, strangers who rename, people or the plan as second
// key: no server is removed that is not ours, serves, or is not due, and every
// primary that is gone has its final snapshot.
func TestCleanupInvariants(t *testing.T) {
	removed := 0
	for seed := uint64(1); seed <= 12; seed++ {
		rnd := rand.New(rand.NewPCG(seed, 11))
		policy := []string{"automatic", "manual"}[seed%2]
		p := planFor(t, `  - {name: first, select: {tags: {env: staging}}, limits: {build: 5, switch: 3}, error_budget: 100%, soak: 10m, approval: auto}
  - {name: rest, select: {tags: {env: prod}}, limits: {build: 9, switch: 5}, error_budget: 100%, soak: 20m, approval: auto}
`, "waves:\n", "cleanup: {keep_old_blue: 3h, policy: "+policy+"}\nwaves:\n")
		f, err := MadeUp(p, 6+rnd.IntN(10), seed)
		if err != nil {
			t.Fatal(err)
		}
		for n := range f.Databases {
			if rnd.IntN(3) == 0 {
				f.Databases[n].Replicas = []rdssim.ReplicaSpec{{ID: f.Databases[n].ID + "-ro"}}
			}
		}
		j := &janitor{t: t, keep: 3 * time.Hour, rnd: rnd, first: map[string]string{}, primary: map[string]bool{}, switched: map[string]time.Time{}, confirm: map[string]bool{},
			auto: policy == "automatic", precious: map[string]bool{}, deleted: map[string]string{}, snapshot: map[string]string{}}
		c, err := prepare(Options{Plan: p, Fleet: f, Seed: seed, Start: monday, Faults: passingFaults(rnd), Longest: 40 * 24 * time.Hour, entry: j.entry, watch: j.meddle})
		if err != nil {
			t.Fatal(err)
		}
		j.c = c
		for _, i := range c.sim.State().Instances {
			j.first[i.ResourceID], j.primary[i.ResourceID] = i.ID, i.Source == ""
		}
		rests, late := 0, false
		ctx, cancel := context.WithCancel(t.Context())
		c.clock.Late = func() { late = true; cancel() }
		_, err = c.engine(func(st fleet.Status) bool {
			j.say(st)
			rests++
			c.clock.At = c.clock.At.Add(4 * time.Hour)
			return rests < 12
		}).Run(ctx, ctx)
		cancel()
		if late {
			err = nil
		}
		if err != nil && j.tries == 0 {
			continue // a run does not begin while a scope cannot be read
		} else if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		removed += j.kept()
	}
	if removed < 20 {
		t.Errorf("only %d servers were removed: the test proves little", removed)
	}
}

// passingFaults are those that keep no campaign from its end.
func passingFaults(rnd *rand.Rand) *rdssim.Faults {
	f := &rdssim.Faults{}
	for _, k := range []string{rdssim.FaultFlapping, rdssim.FaultServerError, rdssim.FaultThrottle, rdssim.FaultLostAnswer} {
		if rnd.IntN(2) == 0 {
			f.Faults = append(f.Faults, rdssim.Fault{Kind: k, Rate: 0.02 + 0.1*rnd.Float64()})
		}
	}
	return f
}

// say is what people do at rest: they confirm some of what is due, without
// looking twice, and some of what is not.
func (j *janitor) say(st fleet.Status) {
	if j.auto {
		return
	}
	for _, d := range st.Databases {
		var list []fleet.LeftoverStatus
		for _, l := range d.Leftovers {
			if l.State != bluegreen.LeftRemoved && j.rnd.IntN(4) > 0 {
				list = append(list, l)
			}
		}
		if len(list) > 0 {
			if err := j.c.store.Say(fleet.CleanupRequest(j.c.Plan.Name, d.Key(), list, j.rnd.IntN(2) == 0, "anna", "", j.c.clock.Now())); err != nil {
				j.t.Error(err)
			}
		}
	}
}

// kept checks the end: what is gone has its snapshot, and nothing else is gone.
func (j *janitor) kept() (removed int) {
	there, snapshots := map[string]bool{}, map[string]string{}
	st := j.c.sim.State()
	for _, i := range st.Instances {
		there[i.ResourceID] = true
	}
	for _, s := range st.Snapshots {
		snapshots[s.ID] = s.Status
	}
	for id, name := range j.first {
		if there[id] {
			continue
		}
		removed++
		if j.deleted[id] == "" {
			j.t.Errorf("%s (%s) is gone and nobody announced it", name, id)
		}
		if j.primary[id] && snapshots[j.snapshot[id]] != "available" {
			j.t.Errorf("%s (%s) is gone, its snapshot %s is %q", name, id, j.snapshot[id], snapshots[j.snapshot[id]])
		}
	}
	return removed
}
