package fleet

import (
	"fmt"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// brief is what a tick needs of the many databases that are done, or wait for
// their turn to be built. Thousands of them are passed over in every tick; their
// units would have to be fetched from memory one by one.
type brief struct {
	wave int32
	kind briefKind
	// Of a done one: it was switched over by the campaign, and confirmed.
	switched, confirmed bool
}

type briefKind uint8

const (
	inFull briefKind = iota // look at the unit itself
	isDone                  // nothing is done or read for it any more
	queued                  // checked, and nothing but its turn to be built is missing
)

func briefOf(u *unit) brief {
	b := brief{wave: int32(u.wave)}
	if u.unread || u.busy || u.resting || u.pinned != nil || u.state.Ambiguous || len(u.step.Work) > 0 {
		return b
	}
	switch st := u.state.Stage; {
	case st == bluegreen.Checked && u.step.Queue == bluegreen.BuildQueue && len(u.step.Actions) > 0:
		b.kind = queued
	case (st == bluegreen.Done || st == bluegreen.Cleaned || st == bluegreen.Skipped) && len(u.step.Actions) == 0:
		b.kind = isDone
		b.switched = st != bluegreen.Skipped && !u.facts.Record.SwitchedAt.IsZero()
		b.confirmed = st != bluegreen.Skipped && !u.facts.Record.ConfirmedAt.IsZero()
	}
	return b
}

// briefsOf makes the briefs of units, for a schedule whose caller keeps none.
func briefsOf(units []unit) []brief {
	list := make([]brief, len(units))
	for i := range units {
		list[i] = briefOf(&units[i])
	}
	return list
}

// addBrief counts a unit by its brief, as add does in full; false when it must be.
func (c *counts) addBrief(b brief) bool {
	t := &c.tally[b.wave]
	switch b.kind {
	case queued:
		t.total++
		t.moving++
	case isDone:
		t.total++
		t.done++
		if b.switched {
			c.rollout.begun[b.wave]++
			c.rollout.through[b.wave]++
		}
		c.proven[b.wave] = c.proven[b.wave] || b.confirmed
	default:
		return false
	}
	return true
}

// holdQueued says what holds every queued unit of the wave alike, NoLimit when
// it depends on the unit.
func (in scheduleInput) holdQueued(wave int, c *counts, open int) (Limit, string) {
	if limit, why := in.holdAll(wave, bluegreen.BuildQueue); limit != NoLimit {
		return limit, why
	}
	return in.holdBuilds(wave, c, open)
}

// holdAll says what holds everybody of a wave who waits in the queue.
func (in scheduleInput) holdAll(wave int, q bluegreen.Queue) (Limit, string) {
	switch {
	case in.frozen != "" && q != bluegreen.NoQueue:
		return LimitFrozen, in.frozen
	case in.paused != nil:
		return LimitPaused, "the campaign is paused by " + in.paused.By
	case in.wavePaused[wave] != nil:
		return LimitPaused, "the wave is paused by " + in.wavePaused[wave].By
	}
	return NoLimit, ""
}

// holdBuilds says what holds every build of a wave.
func (in scheduleInput) holdBuilds(wave int, c *counts, open int) (Limit, string) {
	w := &in.waves[wave]
	ahead := wave == open+1 && in.buildAhead
	switch {
	case c.spent != "":
		return LimitBudget, "the campaign is stopped: " + c.spent
	case c.stopped[wave]:
		return LimitBudget, "the wave is stopped: its error budget is used up"
	case c.stopped[open]:
		return LimitBudget, "an earlier wave is stopped: its error budget is used up"
	case wave != open && !ahead:
		return LimitWave, "its wave's turn has not come"
	case c.building[wave] >= w.BuildLimit:
		return LimitBuild, c.say(LimitBuild, wave, func() string {
			return fmt.Sprintf("%d greens of the wave are being built, the limit", w.BuildLimit)
		})
	case in.maxGreens > 0 && c.greens >= in.maxGreens:
		return LimitGreens, c.say(LimitGreens, 0, func() string { return fmt.Sprintf("%d greens are alive, the limit", in.maxGreens) })
	}
	return NoLimit, ""
}

// queueHold is what holds the queue of a wave. It is asked for once for all that
// stand in it, and anew after a step was allowed; wave is -1 when it must be asked.
type queueHold struct {
	wave  int32
	limit Limit
	why   string
}

// limitCount counts the databases that wait for each limit; neighbours mostly
// wait for the same.
type limitCount struct {
	all  map[Limit]int
	last Limit
	n    int
}

func (l *limitCount) add(limit Limit) {
	if limit != l.last {
		l.flush()
		l.last = limit
	}
	l.n++
}

func (l *limitCount) flush() {
	if l.n > 0 {
		l.all[l.last] += l.n
	}
	l.n = 0
}
