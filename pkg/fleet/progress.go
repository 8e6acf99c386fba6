package fleet

import (
	"fmt"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

// progress is the stall detector: every database that moves on sets the
// deadline anew (Nomad's progress_deadline).
type progress struct {
	since time.Time
	best  map[string]int
}

// judge ends the run when nothing has moved on for too long. Time that databases
// soak, or wait for a window, an approval or a freeze to end, is no stall.
func (p *progress) judge(s *schedule, units []unit, deadline time.Duration, now time.Time) {
	if deadline <= 0 {
		return
	}
	if p.best == nil {
		p.best, p.since = map[string]int{}, now
	}
	waits := false
	stuck := map[bluegreen.Stage]int{}
	for i := range units {
		u := &units[i]
		if o := u.state.Stage.Order(); o > p.best[u.key] {
			p.best[u.key], p.since = o, now
		}
		switch {
		case u.state.Stage == bluegreen.Soaking:
			waits = true
		case movesByItself(u):
			stuck[u.state.Stage]++
		}
	}
	if waits || s.limits[LimitFrozen] > 0 || !s.moving || len(stuck) == 0 {
		p.since = now
		return
	}
	if now.Sub(p.since) <= deadline {
		return
	}
	s.moving, s.outcome = false, OutcomeWaiting
	text := fmt.Sprintf("no database has moved on for %s (run.progress_deadline is %s):", now.Sub(p.since).Round(time.Second), plan.FormatDuration(deadline))
	for _, row := range bluegreen.Stages {
		if n := stuck[row.Stage]; n > 0 {
			text += fmt.Sprintf(" %d %s", n, row.Stage)
		}
	}
	s.waiting = append([]string{text}, s.waiting...)
}
