package fleet

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

// unit is one database in the schedule: what it is, where it stands, what it wants.
type unit struct {
	key     string
	scope   string
	service string
	wave    int
	facts   bluegreen.Facts
	state   bluegreen.State
	step    bluegreen.Step
	// size orders the first switchover of a wave: the smallest goes alone.
	size int
	// green is how many minutes its green takes, roughly.
	green int
	// instances is what its green adds to the account's quota.
	instances int
	// busy: reads for it are under way in this process.
	busy bool
	// resting: AWS asked to wait; the next try comes later.
	resting bool
	// content is what an approval of its wave is given for, changed why it is not
	// what was approved.
	content *content
	changed string
	// pinned: a person keeps it as it stands.
	pinned *bluegreen.Human
	// drilled: its way back was gone for real, and forward again.
	drilled bool
	// greenCost is what its green costs in a day.
	greenCost bluegreen.Estimate
	// gateNo is the gate or hook that said "not now" of its next step, "" when none did.
	gateNo string
	// unread: its scope could not be read in this tick; nothing may be decided.
	unread bool
}

// scheduleInput is everything the schedule depends on besides the units.
type scheduleInput struct {
	now        time.Time
	waves      []plan.Wave
	approved   []*bluegreen.Human // by wave; nil: not
	void       []string           // by wave: why an approval does not hold, "" otherwise
	wavePaused []*bluegreen.Human
	waveStops  []string // by wave; why a hook does not let it begin
	paused     *bluegreen.Human
	run        plan.Run
	drill      string // whose drill later waves wait for, "" for nobody's
	frozen     string // why an outside signal stops everything new, "" when none does
	buildAhead bool
	maxGreens  int
	// quotaLeft is how many more instances a scope may hold; absent: unknown.
	quotaLeft map[string]int
	windowErr string // why switchovers may not start now, "" when they may
	nextOpen  time.Time
	only      map[string]bool // rollback runs touch these alone; nil: all
	turns     []int           // order(units), nil: not worked out yet
	briefs    []brief         // of the units, nil: not made yet
}

// schedule is what may happen now, and why the rest waits.
type schedule struct {
	// act and work are indexes into units whose actions may be carried out, and
	// whose reads may be done, now.
	act, work []int
	// wait says why a unit's step is not taken, by index; "" when it is.
	wait  []string
	waves []WaveStatus
	// limits counts the databases that wait for each limit.
	limits map[Limit]int
	// warnings are what nobody has to act on at once.
	warnings []string
	// moving: something goes on by itself (AWS, time, this process).
	moving bool
	// asked: a gate or hook said "not now" of a database and is asked again.
	asked   bool
	outcome Outcome
	waiting []string
}

// Limit is what a database waits for.
type Limit string

// The limits, from what nobody may change to what a plan sets.
const (
	NoLimit       Limit = ""
	LimitUnread   Limit = "unreadable scope"
	LimitResting  Limit = "AWS asked to wait"
	LimitPaused   Limit = "pause"
	LimitPinned   Limit = "pin"
	LimitWave     Limit = "order of the waves"
	LimitBudget   Limit = "error budget"
	LimitBuild    Limit = "limits.build"
	LimitGreens   Limit = "run.max_greens"
	LimitQuota    Limit = "account quota"
	LimitApproval Limit = "approval"
	LimitWindow   Limit = "switchover windows"
	LimitSwitch   Limit = "limits.switch"
	LimitScope    Limit = "run.builds and run.switches"
	LimitCost     Limit = "run.max_green_cost"
	LimitBatch    Limit = "batches"
	LimitDrill    Limit = "drill of the way back"
	LimitFrozen   Limit = "freeze"
	LimitGate     Limit = "gates and hooks"
	LimitFirst    Limit = "first database alone"
	LimitService  Limit = "one database of a service at a time"
)

// decide tells, without side effects, which steps may be taken now: the waves'
// order, approvals, windows, limits, budgets, services and quota.
func (in scheduleInput) decide(units []unit) schedule {
	s := schedule{wait: make([]string, len(units)), limits: map[Limit]int{}}
	if in.briefs == nil {
		in.briefs = briefsOf(units)
	}
	c := newCounts(in, units)
	open := c.openWave
	if in.turns == nil {
		in.turns = order(units)
	}
	limits := limitCount{all: s.limits}
	held := queueHold{wave: -1}
	for _, i := range in.turns {
		switch b := in.briefs[i]; b.kind {
		case isDone:
			continue
		case queued:
			if held.wave != b.wave {
				held.wave = b.wave
				held.limit, held.why = in.holdQueued(int(b.wave), c, open)
			}
			if held.limit != NoLimit && in.only == nil {
				s.wait[i] = held.why
				limits.add(held.limit)
				continue
			}
		}
		u := &units[i]
		if in.only != nil && !in.only[u.key] {
			continue
		}
		if len(u.step.Work) > 0 && !u.unread && !u.resting && (u.pinned == nil || !asks(u)) {
			s.work = append(s.work, i)
		}
		if len(u.step.Actions) == 0 {
			continue
		}
		if limit, why := in.hold(u, c, open); limit != NoLimit {
			s.wait[i] = why
			limits.add(limit)
			s.asked = s.asked || limit == LimitGate && u.gateNo != ""
			continue
		}
		s.act = append(s.act, i)
		c.take(u)
		held.wave = -1
	}
	limits.flush()
	in.conclude(&s, units, c)
	return s
}

// order is the order of turns: wave by wave; within a wave the smallest
// database first, so that the one that goes alone is the least painful, and
// then those whose greens take longest: a wave is over when its last green is.
func order(units []unit) []int {
	idx := make([]int, len(units))
	for i := range idx {
		idx[i] = i
	}
	smallest := map[int]*unit{}
	for i := range units {
		u := &units[i]
		if s := smallest[u.wave]; s == nil || u.size < s.size || u.size == s.size && u.key < s.key {
			smallest[u.wave] = u
		}
	}
	sort.Slice(idx, func(a, b int) bool {
		ua, ub := &units[idx[a]], &units[idx[b]]
		if ua.wave != ub.wave {
			return ua.wave < ub.wave
		}
		if fa, fb := smallest[ua.wave] == ua, smallest[ub.wave] == ub; fa != fb {
			return fa
		}
		if ua.green != ub.green {
			return ua.green > ub.green
		}
		if ua.size != ub.size {
			return ua.size > ub.size
		}
		return ua.key < ub.key
	})
	return idx
}

// hold says for what limit a unit's step must wait, and why in words; NoLimit
// when it may be taken.
func (in scheduleInput) hold(u *unit, c *counts, open int) (Limit, string) {
	switch {
	case u.unread:
		return LimitUnread, "its account and Region could not be read"
	case u.resting:
		return LimitResting, "AWS asked to wait; the next try comes in a moment"
	case u.state.Stage == bluegreen.RollingBack:
		return NoLimit, "" // a way back never waits for anything
	case u.pinned != nil:
		return LimitPinned, "pinned by " + u.pinned.By + "; resume --database " + u.facts.ID + " ends it"
	}
	if limit, why := in.holdAll(u.wave, u.step.Queue); limit != NoLimit {
		return limit, why
	}
	if u.gateNo != "" {
		return LimitGate, "not now, it is asked again: " + u.gateNo
	}
	switch u.step.Queue {
	case bluegreen.BuildQueue:
		return in.holdBuild(u, c, open)
	case bluegreen.SwitchQueue:
		return in.holdSwitch(u, c, open)
	}
	return NoLimit, ""
}

func (in scheduleInput) holdBuild(u *unit, c *counts, open int) (Limit, string) {
	if limit, why := in.holdBuilds(u.wave, c, open); limit != NoLimit {
		return limit, why
	}
	if limit, why := holdScoped(in.run.Builds, c.rollout.builds, u, "being built"); limit != NoLimit {
		return limit, why
	}
	if limit, why := in.holdCost(u, c.rollout); limit != NoLimit {
		return limit, why
	}
	return in.holdQuota(u, c, open)
}

func (in scheduleInput) holdSwitch(u *unit, c *counts, open int) (Limit, string) {
	w := &in.waves[u.wave]
	switch {
	case u.wave != open:
		return LimitWave, "its wave's turn has not come"
	case c.spent != "":
		return LimitBudget, "the campaign is stopped: " + c.spent
	case c.unread[u.wave]:
		return LimitUnread, "an account and Region of its wave could not be read: its limits and budget cannot be told"
	case u.service != "" && c.unreadService[u.service]:
		return LimitUnread, "another database of service " + u.service + " could not be read"
	case c.stopped[u.wave]:
		return LimitBudget, "the wave is stopped: its error budget is used up"
	case w.Approval == "manual" && in.approved[u.wave] == nil:
		return LimitApproval, c.say(LimitApproval, u.wave, func() string { return in.asksApproval(u.wave) })
	case u.wave > 0 && c.undrilled != "":
		return LimitDrill, c.undrilled
	case in.windowErr != "":
		return LimitWindow, in.windowErr
	case in.waveStops != nil && in.waveStops[u.wave] != "":
		return LimitGate, in.waveStops[u.wave]
	case c.switching[u.wave] >= w.SwitchLimit:
		return LimitSwitch, c.say(LimitSwitch, u.wave, func() string {
			return fmt.Sprintf("%d databases of the wave are switching, the limit", w.SwitchLimit)
		})
	case !c.proven[u.wave] && c.switching[u.wave] > 0:
		return LimitFirst, "the wave's first database switches alone"
	case u.service != "" && c.services[u.service] > 0:
		return LimitService, "another database of service " + u.service + " is switching"
	}
	if limit, why := in.holdBatch(u, c); limit != NoLimit {
		return limit, why
	}
	return holdScoped(in.run.Switches, c.rollout.switches, u, "switching")
}

// counts is what the limits are measured against.
type counts struct {
	units     []unit
	openWave  int
	building  []int
	switching []int
	proven    []bool // a database of the wave was switched and confirmed
	stopped   []bool
	services  map[string]int
	greens    int
	claimed   map[string]int // instances claimed in this tick, by scope
	tally     []tally
	said      map[saying]string
	rollout   *rollout
	spent     string // the campaign's error budget that is used up, "" when none is
	// unread are waves and services with a database that could not be read: it
	// may be switching, or have failed.
	unread []bool
	// undrilled says whose drill of the way back is missing, "" when none is.
	undrilled     string
	unreadService map[string]bool
	ahead         aheadCounts
}

type saying struct {
	limit Limit
	wave  int
}

// say makes a reason once for the many databases that wait for the same.
func (c *counts) say(l Limit, wave int, text func() string) string {
	k := saying{l, wave}
	s, ok := c.said[k]
	if !ok {
		s = text()
		c.said[k] = s
	}
	return s
}

type tally struct{ total, done, failed, blocked, held, moving, ready int }

func newCounts(in scheduleInput, units []unit) *counts {
	n := len(in.waves)
	c := &counts{building: make([]int, n), switching: make([]int, n), proven: make([]bool, n), stopped: make([]bool, n),
		services: map[string]int{}, claimed: map[string]int{}, tally: make([]tally, n), said: map[saying]string{}, rollout: newRollout(n),
		unread: make([]bool, n), unreadService: map[string]bool{}, units: units, ahead: aheadCounts{taken: map[string]int{}}}
	for i, b := range in.briefs {
		if !c.addBrief(b) {
			c.add(&units[i])
		}
	}
	c.undrilled = in.undrilled(units)
	c.openWave = n
	c.spent = in.campaignSpent(c.rollout, c.tally)
	for w := range in.waves {
		t := c.tally[w]
		c.stopped[w] = t.failed > 0 && in.waves[w].Budget.Exhausted(t.failed, t.total) || in.spent(c.rollout, w, t) != "" || c.spent != "" && t.done+t.failed+t.blocked < t.total
		finished := t.done+t.failed+t.blocked == t.total
		if c.openWave == n && (!finished || c.stopped[w]) {
			c.openWave = w
		}
	}
	if c.openWave == n {
		c.openWave = n - 1
	}
	return c
}

func (c *counts) add(u *unit) {
	t := &c.tally[u.wave]
	t.total++
	c.rollout.add(u)
	if u.unread {
		c.unread[u.wave] = true
		c.unreadService[u.service] = true
	}
	st := u.state.Stage
	switch {
	case u.state.Ambiguous:
		t.failed++
	case st == bluegreen.Done || st == bluegreen.Cleaned || st == bluegreen.Skipped:
		t.done++
	case st == bluegreen.Failed:
		t.failed++
	case st == bluegreen.Blocked || st == bluegreen.RolledBack || u.pinned != nil && st != bluegreen.Switching && st != bluegreen.Switched:
		t.blocked++
	case st == bluegreen.Held:
		t.held++
	default:
		t.moving++
	}
	if st == bluegreen.Ready {
		t.ready++
	}
	if st.HasGreen() || st == bluegreen.Held && u.state.Deployment != nil && u.state.Green != "" {
		c.greens++
	}
	if st == bluegreen.Building || st == bluegreen.Adjusting {
		c.building[u.wave]++
		c.claimed[u.scope] += u.unseen()
	}
	if st == bluegreen.Switching || st == bluegreen.Switched || u.state.Ambiguous {
		c.switching[u.wave]++
		if u.service != "" {
			c.services[u.service]++
		}
	}
	if (st == bluegreen.Soaking || st == bluegreen.Done || st == bluegreen.Cleaned) && !u.facts.Record.ConfirmedAt.IsZero() {
		c.proven[u.wave] = true
	}
}

// take counts a step that was just allowed.
func (c *counts) take(u *unit) {
	c.rollout.take(u)
	switch u.step.Queue {
	case bluegreen.BuildQueue:
		c.building[u.wave]++
		c.greens++
		c.claimed[u.scope] += u.instances
		if u.wave == c.openWave {
			c.ahead.taken[u.scope] += u.instances
		}
	case bluegreen.SwitchQueue:
		c.switching[u.wave]++
		if u.service != "" {
			c.services[u.service]++
		}
	}
}

// conclude tells how the campaign stands.
func (in scheduleInput) conclude(s *schedule, units []unit, c *counts) {
	var held, rest int
	ambiguous := false
	for i, b := range in.briefs {
		if in.only == nil && b.kind != inFull {
			if b.kind == queued {
				rest++
			}
			continue
		}
		u := &units[i]
		if in.only != nil && !in.only[u.key] {
			continue
		}
		ambiguous = ambiguous || u.state.Ambiguous
		switch {
		case u.pinned != nil && u.state.Stage.Order() < bluegreen.Switching.Order() && !u.state.Ambiguous:
			// it counts as blocked, and nobody waits for it
		case u.unread, u.busy, u.resting, movesByItself(u), asks(u):
			s.moving = true
		case u.state.Stage == bluegreen.Held:
			held++
		case !u.state.Stage.Terminal():
			rest++
		}
	}
	s.moving = s.moving || len(s.act) > 0 || s.limits[LimitFrozen] > 0 || s.asked // a freeze thaws by itself
	s.warnings = in.parked(units)
	for w := range in.waves {
		s.waves = append(s.waves, in.waveStatus(w, c))
	}
	s.waiting = in.waitingFor(s, units, c)
	bad := 0
	for _, t := range c.tally {
		bad += t.failed + t.blocked
	}
	switch {
	case s.moving:
		s.outcome = OutcomeRunning
	case ambiguous:
		s.outcome = OutcomeAmbiguous
	case c.stopped[c.openWave] && held == 0:
		s.outcome = OutcomePartial
	case held+rest > 0:
		s.outcome = OutcomeWaiting
	case bad > 0:
		s.outcome = OutcomePartial
	default:
		s.outcome = OutcomeDone
	}
}

// asks: a read is due whose answer may move it on. Replica lag is read as long
// as a green stands ready, and moves nothing.
func asks(u *unit) bool {
	for _, w := range u.step.Work {
		if w != bluegreen.WorkLag && !(w == bluegreen.WorkGoBackLook && u.state.Stage == bluegreen.Held) {
			return true
		}
	}
	return false
}

// movesByItself: AWS or time moves it on, or it changes with the next reads.
func movesByItself(u *unit) bool {
	switch u.state.Stage {
	case bluegreen.Building, bluegreen.Adjusting, bluegreen.CatchingUp, bluegreen.Verifying, bluegreen.Switching,
		bluegreen.Switched, bluegreen.Soaking, bluegreen.RollingBack:
		return true
	case bluegreen.Pending:
		return true
	case bluegreen.Checked:
		return len(u.step.Actions) == 0 // blue is not available yet
	case bluegreen.Held:
		return strings.HasPrefix(u.state.NextStep, "wait for the next read")
	}
	return false
}
