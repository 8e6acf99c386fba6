package fleet

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/soak"
	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

// TestRandomSchedules: whatever stands where and whoever says what, no two of a
// service switch at once, nothing switches outside a window, without approval,
// past a budget or a limit, against a person, or where AWS could not be read.
// The rules are written anew, by counting what is under way and what is allowed.
func TestRandomSchedules(t *testing.T) {
	seed := soak.Seed(t)
	steps := soak.Number(t, "RDSUPGRADE_SOAK_FACTS", 100_000)
	rnd := rand.New(rand.NewPCG(seed, 4))
	builds, switches := 0, 0
	for n := range steps {
		in, units := randomSchedule(rnd)
		s := in.decide(units)
		for _, broken := range judgeSchedule(in, units, s) {
			t.Errorf("%s", broken)
		}
		for _, i := range s.act {
			switch units[i].step.Queue {
			case bluegreen.BuildQueue:
				builds++
			case bluegreen.SwitchQueue:
				switches++
			}
		}
		if t.Failed() {
			for _, u := range units {
				t.Logf("%s: wave %d, service %q, %s, unread %v, resting %v, pinned %v", u.key, u.wave, u.service, u.state.Stage, u.unread, u.resting, u.pinned != nil)
			}
			t.Fatalf("seed %d, schedule %d: %+v", seed, n, in)
		}
	}
	t.Logf("seed %d: %d schedules, %d builds and %d switchovers allowed", seed, steps, builds, switches)
	if builds < steps/10 || switches < steps/10 {
		t.Error("the test hardly allows anything")
	}
}

func randomSchedule(rnd *rand.Rand) (scheduleInput, []unit) {
	rare := func(n int) bool { return rnd.IntN(n) == 0 }
	human := func(n int) *bluegreen.Human {
		if rare(n) {
			return &bluegreen.Human{By: "x"}
		}
		return nil
	}
	budget := func() plan.Budget {
		if rare(2) {
			return plan.Budget{Percent: float64(rnd.IntN(100)), IsPercent: true}
		}
		return plan.Budget{Count: rnd.IntN(4)}
	}
	some := func() *plan.Budget {
		if rare(4) {
			b := budget()
			return &b
		}
		return nil
	}
	in := scheduleInput{now: time.Unix(1_000_000, 0), paused: human(20), buildAhead: rare(2), maxGreens: rnd.IntN(3) * rnd.IntN(6), quotaLeft: map[string]int{"a/r": rnd.IntN(20)}}
	in.run = plan.Run{Builds: plan.Scoped{Account: rnd.IntN(5), Service: rnd.IntN(3)}, Switches: plan.Scoped{Account: rnd.IntN(5), Region: rnd.IntN(4)},
		Budget: some(), BuildBudget: some(), SwitchBudget: some()}
	if rare(5) {
		in.windowErr = "shut"
	}
	if rare(20) {
		in.frozen = "frozen"
	}
	for w := range 1 + rnd.IntN(3) {
		wave := plan.Wave{Name: fmt.Sprint("w", w), BuildLimit: 1 + rnd.IntN(4), SwitchLimit: 1 + rnd.IntN(3), Budget: budget(), BuildBudget: some(), SwitchBudget: some(),
			Approval: []string{"auto", "auto", "manual"}[rnd.IntN(3)]}
		for range rnd.IntN(3) {
			wave.BatchSizes = append(wave.BatchSizes, plan.Batch{Count: 1 + rnd.IntN(3)})
		}
		in.waves = append(in.waves, wave)
		in.approved = append(in.approved, human(2))
		in.wavePaused = append(in.wavePaused, human(20))
	}
	stages := []bluegreen.Stage{bluegreen.Checked, bluegreen.Checked, bluegreen.Checked, bluegreen.Ready, bluegreen.Ready, bluegreen.Ready, bluegreen.Done, bluegreen.Done, bluegreen.Soaking,
		bluegreen.Switching, bluegreen.Switched, bluegreen.Building, bluegreen.Adjusting, bluegreen.Failed, bluegreen.Held, bluegreen.Blocked, bluegreen.RollingBack, bluegreen.Pending}
	var units []unit
	for n := range 1 + rnd.IntN(12) {
		wave := min(rnd.IntN(len(in.waves)), rnd.IntN(len(in.waves)))
		u := unitAt(fmt.Sprint("db-", n), wave, stages[rnd.IntN(len(stages))])
		u.scope = []string{"a/r", "a/r", "a/s", "b/r"}[rnd.IntN(4)]
		u.service = []string{"", "web", "pay", "mail"}[rnd.IntN(4)]
		u.size, u.instances = rnd.IntN(5)*100, 1+rnd.IntN(3)
		u.unread, u.resting, u.busy, u.pinned = rare(25), rare(20), rare(10), human(20)
		if u.state.Stage == bluegreen.Held {
			u.state.Ambiguous = rare(4)
		}
		if u.unread {
			u.state, u.step = bluegreen.State{Stage: bluegreen.Unobservable}, bluegreen.Step{}
		}
		units = append(units, u)
	}
	return in, units
}

// judgeSchedule counts what would be under way if everything allowed were done.
func judgeSchedule(in scheduleInput, units []unit, s schedule) (broken []string) {
	bad := func(format string, args ...any) { broken = append(broken, fmt.Sprintf(format, args...)) }
	allowed := map[int]bool{}
	for _, i := range s.act {
		if allowed[i] {
			bad("%s is allowed twice", units[i].key)
		}
		allowed[i] = true
	}
	switching, failed, total := map[string][]string{}, map[int]int{}, map[int]int{}
	count := func(where string, u *unit) { switching[where] = append(switching[where], u.key) }
	built, builtIn, claimed, greens := map[int]int{}, map[string]int{}, map[string]int{}, 0
	for i := range units {
		u := &units[i]
		st := u.state.Stage
		total[u.wave]++
		if st == bluegreen.Failed || u.state.Ambiguous {
			failed[u.wave]++
		}
		if st == bluegreen.Switching || st == bluegreen.Switched || u.state.Ambiguous || allowed[i] && u.step.Queue == bluegreen.SwitchQueue {
			account, _, _ := strings.Cut(u.scope, "/")
			count("wave "+fmt.Sprint(u.wave), u)
			count("account "+account, u)
			count("region "+u.scope, u)
			if u.service != "" {
				count("service "+u.service, u)
			}
		}
		if st.HasGreen() {
			greens++
		}
		if st == bluegreen.Building || st == bluegreen.Adjusting || allowed[i] && u.step.Queue == bluegreen.BuildQueue {
			account, _, _ := strings.Cut(u.scope, "/")
			built[u.wave]++
			builtIn["account "+account]++
			builtIn["service "+u.service]++
		}
		if allowed[i] && u.step.Queue == bluegreen.BuildQueue {
			greens++
			claimed[u.scope] += u.instances
		}
	}
	for _, ahead := range s.act { // a green built ahead takes nothing that the wave before has yet to build
		a := &units[ahead]
		if a.step.Queue != bluegreen.BuildQueue {
			continue
		}
		yet := 0
		for i := range units {
			u := &units[i]
			if u.wave < a.wave && u.scope == a.scope && !allowed[i] && u.pinned == nil && (u.state.Stage == bluegreen.Checked || u.state.Stage == bluegreen.Pending) {
				yet += u.instances
			}
		}
		if left, known := in.quotaLeft[a.scope]; known && claimed[a.scope]+yet > left {
			bad("%s is built ahead in quota that the wave before needs: %d claimed, %d to come, %d left", a.key, claimed[a.scope], yet, left)
		}
	}
	for _, i := range s.act {
		u := &units[i]
		who := fmt.Sprintf("%s (%s)", u.key, u.step.Queue)
		if u.state.Stage == bluegreen.RollingBack {
			continue // a way back waits for nothing
		}
		if u.unread || u.resting || u.pinned != nil || in.paused != nil || in.wavePaused[u.wave] != nil || in.frozen != "" && u.step.Queue != bluegreen.NoQueue {
			bad("%s although it is unread, resting, pinned, paused or frozen", who)
		}
		if u.step.Queue == bluegreen.NoQueue {
			continue
		}
		if b := in.waves[u.wave].Budget; failed[u.wave] > 0 && b.Exhausted(failed[u.wave], total[u.wave]) {
			bad("%s past its wave's budget: %d of %d failed, %s", who, failed[u.wave], total[u.wave], b.String())
		}
		all, sum := 0, 0
		for w := range in.waves {
			all, sum = all+failed[w], sum+total[w]
		}
		if b := in.run.Budget; b != nil && all > 0 && b.Exhausted(all, sum) {
			bad("%s past the campaign's budget: %d of %d failed", who, all, sum)
		}
		if u.step.Queue == bluegreen.BuildQueue {
			broken = append(broken, judgeBuild(in, u, who, built, builtIn, claimed, greens)...)
			continue
		}
		if in.windowErr != "" || in.waves[u.wave].Approval == "manual" && in.approved[u.wave] == nil {
			bad("%s outside the windows or without approval", who)
		}
		account, _, _ := strings.Cut(u.scope, "/")
		for _, at := range []struct {
			where string
			most  int
		}{{"service " + u.service, 1}, {"wave " + fmt.Sprint(u.wave), in.waves[u.wave].SwitchLimit}, {"account " + account, in.run.Switches.Account}, {"region " + u.scope, in.run.Switches.Region}} {
			if at.most > 0 && len(switching[at.where]) > at.most {
				bad("%s together with %v of %s, at most %d", who, switching[at.where], at.where, at.most)
			}
		}
		for j := range units {
			o := &units[j]
			if o.wave < u.wave && !o.state.Stage.Terminal() && !o.state.Ambiguous && o.pinned == nil { // who fails or is not understood counts against the budget
				bad("%s before %s of an earlier wave, which is %s", who, o.key, o.state.Stage)
			}
			if o.unread && (o.wave == u.wave || o.service != "" && o.service == u.service) {
				bad("%s although %s of its wave or service could not be read", who, o.key)
			}
		}
	}
	return broken
}

func judgeBuild(in scheduleInput, u *unit, who string, built map[int]int, builtIn, claimed map[string]int, greens int) (broken []string) {
	bad := func(format string, args ...any) { broken = append(broken, fmt.Sprintf(format, args...)) }
	account, _, _ := strings.Cut(u.scope, "/")
	if n := built[u.wave]; n > in.waves[u.wave].BuildLimit {
		bad("%s is one of %d of the wave, at most %d", who, n, in.waves[u.wave].BuildLimit)
	}
	if most := in.run.Builds.Account; most > 0 && builtIn["account "+account] > most {
		bad("%s is one of %d of its account, at most %d", who, builtIn["account "+account], most)
	}
	if most := in.run.Builds.Service; most > 0 && u.service != "" && builtIn["service "+u.service] > most {
		bad("%s is one of %d of its service, at most %d", who, builtIn["service "+u.service], most)
	}
	if in.maxGreens > 0 && greens > in.maxGreens {
		bad("%s is one of %d greens, at most %d", who, greens, in.maxGreens)
	}
	if left, known := in.quotaLeft[u.scope]; known && claimed[u.scope] > left {
		bad("%s claims %d instances of %d", who, claimed[u.scope], left)
	}
	return broken
}
