package fleet

import (
	"context"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// pause is how long the engine waits before it looks again: never longer than
// the plan's poll, shorter while clients wait for a switchover, and no longer
// than to the next moment at which time itself moves a database on. In virtual
// time it goes to the first poll at which anything can have changed.
func (e *Engine) pause(units []unit) time.Duration {
	poll, now := e.cfg.Plan.Run.Poll, e.cfg.Clock.Now()
	var next time.Time
	earlier := func(t time.Time) {
		if t.After(now) && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	quiet, switching := true, false
	for i := range units {
		if e.cfg.Inline && e.briefs[i].kind != inFull {
			continue
		}
		u := &units[i]
		switch u.state.Stage {
		case bluegreen.Switching, bluegreen.Switched:
			switching, quiet = true, false
		case bluegreen.RollingBack:
			if u.state.GoBack != "" {
				return min(poll, goBackPace)
			}
		case bluegreen.Soaking:
			earlier(u.state.SoakUntil)
		case bluegreen.CatchingUp, bluegreen.Verifying, bluegreen.Unobservable:
			quiet = false
		case bluegreen.Held:
			quiet = quiet && !movesByItself(u)
		case bluegreen.Pending, bluegreen.Checked:
			quiet = quiet && !asks(u) && u.facts.Loading == ""
		}
		if u.resting {
			quiet = false
		}
	}
	clock, virtual := e.cfg.Clock.(EventClock)
	if virtual && quiet {
		if t, ok := clock.NextEvent(); ok {
			earlier(t)
		}
		if !next.IsZero() {
			return (next.Sub(now) + poll - 1) / poll * poll
		}
		return poll
	}
	earlier(e.soaks.due())
	d := poll
	if switching {
		d = min(poll, max(poll/4, time.Second))
	}
	if e.gates.urgent(now) { // an answer ages, and somebody may be holding still for it
		d = min(d, urgentPause)
	}
	if !next.IsZero() {
		d = min(d, max(next.Sub(now), 100*time.Millisecond))
	}
	return d
}

// urgentPause is the longest pause while a gate or hook is being asked, or its
// answer waits to be acted on.
const urgentPause = 2 * time.Second

// EventClock is a clock that knows when the world will next change by itself.
type EventClock interface {
	Clock
	NextEvent() (time.Time, bool)
}

// VirtualClock is time that passes only while somebody sleeps. It belongs to
// one goroutine.
type VirtualClock struct {
	At time.Time
	// Busy, when set, is until when calls that were made keep their caller
	// waiting: sleeping begins after it.
	Busy func() time.Time
	// Next, when set, is when the world will change.
	Next func() (time.Time, bool)
	// Limit ends every sleep that would go beyond it with context.DeadlineExceeded
	// and calls Late; zero: none.
	Limit time.Time
	Late  func()
}

var _ EventClock = (*VirtualClock)(nil)

// Now is the virtual present.
func (c *VirtualClock) Now() time.Time { return c.At }

// NextEvent is when the world will change.
func (c *VirtualClock) NextEvent() (time.Time, bool) {
	if c.Next == nil {
		return time.Time{}, false
	}
	return c.Next()
}

// Sleep lets d pass at once.
func (c *VirtualClock) Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.Busy != nil {
		if t := c.Busy(); t.After(c.At) {
			c.At = t
		}
	}
	c.At = c.At.Add(d)
	if !c.Limit.IsZero() && c.At.After(c.Limit) {
		if c.Late != nil {
			c.Late()
		}
		return context.DeadlineExceeded
	}
	return nil
}
