package enginetest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

// waySQL is a simSQL whose way back does as it is told.
type waySQL struct {
	*simSQL
	mu     sync.Mutex
	refuse int // so many tries to arm fail
	armed  int
	beats  int
	way    func(at time.Time) bluegreen.Way
}

func (s *waySQL) WayBackWanted() bool { return true }

func (s *waySQL) PrepareWayBack(context.Context, fleet.Endpoint, fleet.Endpoint) []bluegreen.Gate {
	return nil
}

func (s *waySQL) ArmWayBack(context.Context, fleet.Endpoint, fleet.Endpoint, string, uint64) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse > 0 {
		s.refuse--
		return "", errors.New("old blue does not answer")
	}
	s.armed++
	return "old blue follows", nil
}

func (s *waySQL) WayBack(context.Context, fleet.Endpoint, fleet.Endpoint) bluegreen.Way {
	return s.way(time.Now())
}

func (s *waySQL) Beat(context.Context, fleet.Endpoint) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.beats++
	return nil
}

func armedWay(at time.Time) bluegreen.Way {
	return bluegreen.Way{At: at, State: bluegreen.WayArmed}
}

func brokenWay(at time.Time) bluegreen.Way {
	return bluegreen.Way{At: at, State: bluegreen.WayBroken, Cause: "ddl", Detail: "the applier stopped: You have an error in your SQL syntax"}
}

// wayLab is a campaign of one database with a way back.
func wayLab(t *testing.T) (*lab, *waySQL) {
	l := newLab(t, fleetOf(1, ""), planOf("\n  - {name: rest, select: {tags: {env: prod}}, limits: {build: 200, switch: 50}, error_budget: 20%, soak: 10m, approval: auto}", ""), "")
	s := &waySQL{simSQL: &simSQL{sim: l.sim}, way: armedWay}
	l.sql = s
	return l, s
}

// said are the times of the journal's entries whose text contains a part.
func (l *lab) said(part string) (at []time.Time) {
	l.t.Helper()
	if err := journal.Read(journalPath(l.dir), func(e journal.Entry) {
		if strings.Contains(e.What, part) {
			at = append(at, e.At)
		}
	}); err != nil {
		l.t.Fatal(err)
	}
	return at
}

func TestRunEndsOnlyWithTheWayBackArmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s := wayLab(t)
		l.plan.Waves[0].Soak = 0
		s.refuse = 7
		st := l.run()
		if d := l.expect("db-0000", "done"); st.Outcome != fleet.OutcomeDone || d.WayBack.ArmedAt == nil || d.WayBack.Alarm != "" {
			t.Errorf("%s, %+v", st.Outcome, d.WayBack)
		}
		if a, b := l.said("ALARM"), l.said("the way back is armed"); len(a) != 1 || len(b) != 1 || s.armed != 1 {
			t.Errorf("alarms at %v, armed at %v, %d times", a, b, s.armed)
		}
	})
}

func TestWayBackThatCannotBeArmedIsAnAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s := wayLab(t)
		l.plan.Waves[0].Soak = 0
		s.refuse = 1 << 30
		l.run()
		d := l.expect("db-0000", "done")
		if !strings.Contains(d.WayBack.Alarm, "old blue does not answer") || !strings.Contains(d.WayBack.Loss, "every write since") {
			t.Errorf("%+v", d.WayBack)
		}
		end, done := l.said("run ended"), l.said("done: ")
		if got := end[0].Sub(done[len(done)-1]); got < time.Minute || got > 5*time.Minute {
			t.Errorf("the run went on trying for %s", got)
		}
		if a := l.said("ALARM"); len(a) != 1 {
			t.Errorf("alarms at %v", a)
		}
		if st := l.look(); len(st.Alarms()) != 1 || !strings.Contains(st.Alarms()[0], "could not be armed") {
			t.Errorf("a later status says %v", st.Alarms())
		}
		s.refuse = 0
		if l.run(); len(l.said("the way back is armed")) != 1 || len(l.last.Alarms()) != 0 {
			t.Errorf("the next run did not arm it: %v", l.last.Alarms())
		}
	})
}

func TestBrokenWayBackIsToldAtOnceAndOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s := wayLab(t)
		var breaks time.Time // in the middle of the soak
		s.way = func(at time.Time) bluegreen.Way {
			if breaks.IsZero() {
				breaks = at.Add(77 * time.Second)
			}
			if at.Before(breaks) {
				return armedWay(at)
			}
			return brokenWay(at)
		}
		l.run()
		if at := l.said("ALARM: the way back is broken (ddl)"); len(at) != 1 || at[0].Sub(breaks) > 6*time.Second {
			t.Errorf("it broke at %s, alarms at %s", breaks, at)
		}
		// Another process neither repeats the alarm nor forgets it.
		st := l.run()
		if at := l.said("ALARM"); len(at) != 1 || len(st.Alarms()) != 1 {
			t.Errorf("alarms %v, journaled at %v", st.Alarms(), at)
		}
		s.way = armedWay
		if st := l.run(); len(l.said("the way back stands")) != 1 || len(st.Alarms()) != 0 {
			t.Errorf("no all-clear: %v", st.Alarms())
		}
	})
}

// A connection that is being made again when the run would end is no alarm
// yet; one that stays away is.
func TestTroubleThatMayPassIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s := wayLab(t)
		l.plan.Waves[0].Soak = 0
		l.run()
		lost := func(back time.Time) func(time.Time) bluegreen.Way {
			return func(at time.Time) bluegreen.Way {
				if at.After(back) {
					return armedWay(at)
				}
				return bluegreen.Way{At: at, State: bluegreen.WayBroken, Cause: "connection", Detail: "error reconnecting to master"}
			}
		}
		s.way = lost(time.Now().Add(70 * time.Second))
		if st := l.run(); len(st.Alarms()) != 0 {
			t.Errorf("back after 70 s, and the run ended with %v", st.Alarms())
		}
		began := time.Now()
		s.way = lost(began.Add(time.Hour))
		if st := l.run(); len(st.Alarms()) != 1 {
			t.Error("gone for an hour, and no alarm")
		}
		if took := time.Since(began); took < 80*time.Second || took > 4*time.Minute {
			t.Errorf("the run waited for %s", took)
		}
	})
}

// look is what the status command does.
func (l *lab) look() fleet.Status {
	l.t.Helper()
	e, _, done := l.open(nil, nil)
	defer done()
	st, err := e.Survey(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	return st
}

func TestLooksWriteNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s := wayLab(t)
		e, _, done := l.open(nil, func(st fleet.Status) {
			if a := st.Alarms(); len(a) != 0 {
				t.Errorf("an alarm where all is well: %v", a)
			}
		})
		if _, err := e.Run(t.Context(), t.Context()); err != nil {
			t.Fatal(err)
		}
		done()
		beats, entries := s.beats, len(l.said(""))
		if beats == 0 {
			t.Error("the run wrote no heartbeats")
		}
		asked := 0
		s.way = func(at time.Time) bluegreen.Way {
			asked++
			if asked < 3 {
				return bluegreen.Way{At: at, State: bluegreen.WayUnknown, Detail: "old blue is connecting"}
			}
			return armedWay(at)
		}
		if st := l.look(); len(st.Alarms()) != 0 || st.Databases[0].WayBack.Loss != "nothing: old blue has every write" {
			t.Errorf("after %d questions: %+v", asked, st.Databases[0].WayBack)
		}
		s.way = brokenWay
		if st := l.look(); len(st.Alarms()) != 1 {
			t.Errorf("a broken way back shows as %+v", st.Databases[0].WayBack)
		}
		if s.beats != beats || len(l.said("")) != entries {
			t.Errorf("%d heartbeats were written, %d entries", s.beats-beats, len(l.said(""))-entries)
		}
	})
}

// TestWatchStays: a run that watches ends when nobody has a way back to watch
// any more, here because it was told to stop.
func TestWatchStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s := wayLab(t)
		l.rest = fleet.Status.Watchable
		var breaks time.Time
		s.way = func(at time.Time) bluegreen.Way {
			if breaks.IsZero() {
				breaks = at.Add(3 * time.Hour) // long after the campaign is done
			}
			if at.Before(breaks) {
				return armedWay(at)
			}
			return brokenWay(at)
		}
		e, _, done := l.open(nil, nil)
		defer done()
		soft, stop := context.WithTimeout(t.Context(), longest)
		defer stop()
		st, err := e.Run(t.Context(), soft)
		if !errors.Is(err, fleet.ErrInterrupted) || len(st.Alarms()) != 1 {
			t.Errorf("%v, %v", err, st.Alarms())
		}
		if at := l.said("ALARM"); len(at) != 1 || at[0].Sub(breaks) > 6*time.Second {
			t.Errorf("it broke at %s, alarms at %s", breaks, at)
		}
	})
}
