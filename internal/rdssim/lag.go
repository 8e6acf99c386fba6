package rdssim

import "time"

// lagModel is the replication lag of one replica: it is caught up at a steady
// rate, or it never ends.
type lagModel struct {
	behind  time.Duration // simulated, at the time since
	since   time.Time
	endless bool
	broken  string // replication error, empty while it runs
}

// at is the simulated lag at a time.
func (l lagModel) at(s *Sim, now time.Time) time.Duration {
	passed := s.simulated(now.Sub(l.since))
	if passed < 0 {
		passed = 0
	}
	if l.endless {
		return l.behind + passed/4
	}
	left := l.behind - time.Duration(float64(passed)*s.timing.LagDrain)
	return max(left, 0)
}

// add puts the replica further behind, after it stood still.
func (l *lagModel) add(s *Sim, d time.Duration) {
	l.behind = l.at(s, s.now) + d
	l.since = s.now
}

// until is how long, simulated, it takes to catch up; ok is false when never.
func (l lagModel) until(s *Sim, now time.Time) (d time.Duration, ok bool) {
	if l.endless || l.broken != "" {
		return 0, false
	}
	return time.Duration(float64(l.at(s, now)) / s.timing.LagDrain), true
}
