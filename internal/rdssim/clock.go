package rdssim

import (
	"container/heap"
	"time"
)

// Clock tells the present. It is read once per call.
type Clock interface{ Now() time.Time }

// SystemClock is the machine's clock.
type SystemClock struct{}

// Now implements Clock.
func (SystemClock) Now() time.Time { return time.Now() }

// transition is something that will happen at a known time.
type transition struct {
	at  time.Time
	seq int // keeps the order of what was scheduled for the same instant
	run func()
}

// schedule is the queue of transitions, earliest first.
type schedule []transition

func (s schedule) Len() int { return len(s) }
func (s schedule) Less(i, j int) bool {
	if !s[i].at.Equal(s[j].at) {
		return s[i].at.Before(s[j].at)
	}
	return s[i].seq < s[j].seq
}
func (s schedule) Swap(i, j int) { s[i], s[j] = s[j], s[i] }

// Push implements heap.Interface.
func (s *schedule) Push(x any) { *s = append(*s, x.(transition)) }

// Pop implements heap.Interface.
func (s *schedule) Pop() any {
	old := *s
	last := old[len(old)-1]
	old[len(old)-1] = transition{}
	*s = old[:len(old)-1]
	return last
}

// after schedules run at the model's present plus a simulated duration.
func (s *Sim) after(d time.Duration, run func()) time.Time {
	at := s.now.Add(s.scale(d))
	s.seq++
	heap.Push(&s.queue, transition{at: at, seq: s.seq, run: run})
	return at
}

// scale turns a simulated duration into one of the clock.
func (s *Sim) scale(d time.Duration) time.Duration {
	return time.Duration(float64(d) / s.opts.Speed)
}

// simulated turns a duration of the clock into a simulated one.
func (s *Sim) simulated(d time.Duration) time.Duration {
	return time.Duration(float64(d) * s.opts.Speed)
}

// advance plays everything that is due at the clock's present. During each
// transition the model's present is that transition's own time, so a late call
// sees the same history as many early ones.
func (s *Sim) advance() {
	now := s.opts.Clock.Now()
	for len(s.queue) > 0 && !s.queue[0].at.After(now) {
		t := heap.Pop(&s.queue).(transition)
		if t.at.After(s.now) {
			s.now = t.at
		}
		t.run()
	}
	if now.After(s.now) {
		s.now = now
	}
}
