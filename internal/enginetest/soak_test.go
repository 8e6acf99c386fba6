package enginetest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
)

// healthSQL counts a hundred statements a second of a millisecond each, of a
// server that began with the test; sick makes db-0000 other after its switchover.
type healthSQL struct {
	*simSQL
	begin time.Time
	mu    sync.Mutex
	sick  func(*bluegreen.Health) error
	reads map[string]int
}

func (s *healthSQL) Health(ctx context.Context, ep fleet.Endpoint) (bluegreen.Health, error) {
	v, err := s.Version(ctx, ep)
	if err != nil {
		return bluegreen.Health{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	up := time.Since(s.begin) + time.Hour
	n := uint64(up.Seconds() * 100)
	h := bluegreen.Health{Uptime: up, Instrumented: true, Statements: n, Busy: time.Duration(n) * time.Millisecond, Threads: 2}
	if strings.HasPrefix(v, "8.") && ep.ID == "db-0000" {
		s.reads["new"]++
		if s.sick != nil {
			return h, s.sick(&h)
		}
		return h, nil
	}
	s.reads["other"]++
	return h, nil
}

func soakLab(t *testing.T, change ...string) (*lab, *healthSQL) {
	l := newLab(t, fleetOf(4, ""), planOf(change...), "")
	s := &healthSQL{simSQL: &simSQL{sim: l.sim}, begin: time.Now(), reads: map[string]int{}}
	l.sql = s
	return l, s
}

func TestSoakMeasures(t *testing.T) {
	inTime(t, func(t *testing.T) {
		l, s := soakLab(t)
		l.run()
		l.expectAll("done")
		l.expectOutcome(fleet.OutcomeDone)
		l.expectHistory("db-0000", "blue before the switchover: ")
		l.expectHistory("db-0000", "the soak was measured: ")
		if n := s.reads["new"]; n < 18 || n > 30 { // ten minutes, every 30 seconds
			t.Errorf("%d samples of the new server", n)
		}
		gates := 0
		for _, h := range l.db("db-0000").History {
			if strings.HasPrefix(h.What, "while it soaks") {
				gates++
			}
		}
		if gates != 1 {
			t.Errorf("%d samples were journaled of a soak in which nothing changed", gates)
		}
	})
}

func TestSoakThatFailsStopsTheWave(t *testing.T) {
	inTime(t, func(t *testing.T) {
		l, s := soakLab(t, "error_budget: 2,", "error_budget: 1,")
		slow := func(h *bluegreen.Health) error { h.Busy += time.Duration(h.Statements) * time.Second; return nil }
		s.sick = slow
		l.run()
		d := l.expect("db-0000", "failed")
		if w := l.last.Waves[0]; w.State != "stopped" || d.SwitchedAt == nil || !strings.Contains(d.Reason, "times as long as on blue") || !strings.Contains(d.NextStep, "rollback --database db-0000") {
			t.Errorf("wave %+v\nreason %s\nnext step %s", w, d.Reason, d.NextStep)
		}
		if d := l.db("db-0003"); d.SwitchedAt != nil {
			t.Error("the next wave went on")
		}
		reads := s.reads["new"]
		l.run()
		l.expect("db-0000", "failed")
		if s.reads["new"] != reads {
			t.Error("a soak that failed was measured on without a person")
		}
		// A person mends it: the soak begins anew, and is as long.
		s.sick = nil
		l.say("retry", "db-0000", "")
		again := time.Now()
		l.until("db-0000", "done")
		if took := time.Since(again); took < 10*time.Minute {
			t.Errorf("the second soak took %s", took)
		}
		l.run()
		l.expectOutcome(fleet.OutcomeDone)
		l.expectOnce()
	})
}

func TestSoakThatCannotTellHoldsAndRecovers(t *testing.T) {
	inTime(t, func(t *testing.T) {
		l, s := soakLab(t)
		away := true
		s.sick = func(*bluegreen.Health) error {
			if away {
				return errors.New("no route to host")
			}
			return nil
		}
		l.run()
		l.expect("db-0000", "held")
		l.expectReason("db-0000", "no route to host")
		l.expectOutcome(fleet.OutcomeWaiting)
		away = false
		l.run() // the first good sample ends it
		l.run()
		l.expectOutcome(fleet.OutcomeDone)
		l.expectAll("done")
	})
}

func TestSoakOverridden(t *testing.T) {
	inTime(t, func(t *testing.T) {
		l, s := soakLab(t)
		s.sick = func(h *bluegreen.Health) error { h.Busy += time.Duration(h.Statements) * time.Second; return nil }
		l.run()
		l.expect("db-0000", "failed")
		l.override("db-0000", "", bluegreen.GateHealth, 24*time.Hour)
		l.run()
		l.expectAll("done")
	})
}
