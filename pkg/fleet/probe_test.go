package fleet

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// moment is an observation in milliseconds.
type moment struct {
	ms   int
	good bool
}

func TestGauge(t *testing.T) {
	tests := []struct {
		name          string
		seen          []moment
		total, within time.Duration
		down          bool
	}{
		{"nothing", nil, 0, 0, false},
		{"all well", []moment{{0, true}, {100, true}}, 0, 0, false},
		{"one downtime", []moment{{0, true}, {100, true}, {200, false}, {220, false}, {1200, false}, {1220, true}, {1320, true}}, 1060 * time.Millisecond, 60 * time.Millisecond, false},
		{"two are added, what lay between is not", []moment{{0, true}, {100, false}, {200, true}, {5000, true}, {5100, false}, {5200, true}}, 200 * time.Millisecond, 200 * time.Millisecond, false},
		{"not over yet", []moment{{0, true}, {100, false}, {300, false}}, 250 * time.Millisecond, 0, true},
		{"began under way", []moment{{100, false}, {300, false}, {320, true}}, 210 * time.Millisecond, 10 * time.Millisecond, false},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			var g gauge
			for _, m := range tc.seen {
				g.take(time.UnixMilli(int64(m.ms)), m.good)
			}
			if g.sofar() != tc.total || g.within != tc.within || g.down() != tc.down {
				t.Errorf("total %s within %s down %v, want %s, %s, %v", g.sofar(), g.within, g.down(), tc.total, tc.within, tc.down)
			}
		})
	}
}

// script is a line whose server changes with time.
type script struct {
	start  time.Time
	closed chan struct{}
	once   sync.Once
}

func (s *script) Ask(context.Context) (bool, string, error) {
	switch at := time.Since(s.start); {
	case at < 2*time.Second, at > 5*time.Second:
		return true, "", nil
	case at < 3*time.Second:
		return false, "", nil // read-only
	}
	return false, "error 3032", errors.New("offline")
}

func (s *script) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

func TestProbeMeasuresWritesAndReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := &script{start: time.Now(), closed: make(chan struct{})}
		ctx, cancel := context.WithCancel(t.Context())
		p := &probe{begun: time.Now(), cancel: cancel, done: make(chan struct{}), errors: map[string]int{}}
		go p.run(ctx, WallClock{}, line)
		time.Sleep(4 * time.Second)
		if p.well(time.Now()) {
			t.Error("well while writes fail")
		}
		time.Sleep(1500 * time.Millisecond)
		if p.well(time.Now()) {
			t.Error("well at once after writes came back")
		}
		time.Sleep(4 * time.Second)
		if !p.well(time.Now()) {
			t.Error("not well long after writes came back")
		}
		cancel()
		<-p.done
		<-line.closed
		d, ok := p.downtime()
		if !ok || d.Writes < 2.9 || d.Writes > 3.1 || d.Reads < 1.95 || d.Reads > 2.05 || d.Within > 0.1 {
			t.Errorf("%v %+v", ok, d)
		}
		if d.Errors["read-only"] < 40 || d.Errors["error 3032"] < 90 || d.Note != "" {
			t.Errorf("%+v", d)
		}
	})
}
