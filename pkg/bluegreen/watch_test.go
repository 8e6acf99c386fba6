package bluegreen

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestLook: each counter rises while its sign lasts and falls to zero at once.
func TestLook(t *testing.T) {
	three := Watch{StableReads: 2, Missing: 2, Odd: 2, IdleSwitch: 2}
	tests := []struct {
		name   string
		base   func() Facts
		change func(*Facts)
		want   Watch
	}{
		{"untouched", idleFacts, func(*Facts) {}, Watch{}},
		{"all good", builtFacts, func(*Facts) {}, Watch{StableReads: 3}},
		{"green is modifying", builtFacts, func(f *Facts) { f.Instances[greenID].Status = "modifying" }, Watch{}},
		{"replica's green is modifying", builtFacts, func(f *Facts) { f.Instances[greenR1].Status = "modifying" }, Watch{}},
		{"deployment is provisioning", builtFacts, func(f *Facts) { f.Deployments[0].Status = Provisioning }, Watch{}},
		{"a failed switchover leaves a good green", builtFacts, func(f *Facts) { f.Deployments[0].Status = SwitchoverFailed }, Watch{StableReads: 3}},
		{"announced, no sign", builtFacts, func(f *Facts) { f.Record.SwitchPending = true }, Watch{StableReads: 3, IdleSwitch: 3}},
		{"announced, under way", builtFacts, func(f *Facts) { f.Record.SwitchPending, f.Deployments[0].Status = true, SwitchoverInProgress }, Watch{}},
		{"our deployment is missing", builtFacts, func(f *Facts) { f.Deployments = nil }, Watch{Missing: 3}},
		{"we deleted it", builtFacts, func(f *Facts) { f.Deployments, f.Record.DeploymentGone = nil, true }, Watch{}},
		{"it is not needed any more", builtFacts, func(f *Facts) { f.Deployments, f.Hops = nil, nil }, Watch{}},
		{"blue is missing", builtFacts, func(f *Facts) { delete(f.Instances, "orders") }, Watch{Odd: 3}},
		{"blue is missing while RDS renames", builtFacts, func(f *Facts) { delete(f.Instances, "orders"); f.Deployments[0].Status = SwitchoverInProgress }, Watch{}},
		{"completed, old version answers", switchedFacts, func(f *Facts) { f.Hops, f.Record.DeploymentGone = []Hop{toEight}, true }, Watch{Odd: 3}},
		{"not completed, but the names have moved", switchedFacts, func(f *Facts) { f.Deployments[0].Status = Available }, Watch{Odd: 3}},
		{"completed, new version answers", switchedFacts, func(*Facts) {}, Watch{}},
		{"completed, a further hop remains", switchedFacts, func(f *Facts) {
			f.Hops, f.Record.DeploymentGone = []Hop{{From: "8.0.46", To: "8.4.7"}}, true
		}, Watch{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := tt.base()
			f.Watch = three
			tt.change(&f)
			got := Look(f)
			got.LagOf = "" // TestLagBelongsToItsDeployment looks at it
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("watch (-want +got):\n%s", d)
			}
		})
	}
}

func TestLagBelongsToItsDeployment(t *testing.T) {
	f := builtFacts()
	f.Watch = Look(f).TakeLag(Lag{At: today, Known: true}, Policy{})
	if w := Look(f); w.Lag == nil || w.LagOKSince.IsZero() {
		t.Errorf("the reading was forgotten: %+v", w)
	}
	f.Deployments[0].ID = "bgd-other"
	if w := Look(f); w.Lag != nil || !w.LagOKSince.IsZero() {
		t.Errorf("the reading of another green counts: %+v", w)
	}
}

func TestTakeLagAfterAPause(t *testing.T) {
	p := Policy{MaxLag: 5 * time.Second, LagMaxAge: time.Minute}
	w := Watch{}.TakeLag(Lag{At: today, Known: true}, p)
	later := today.Add(time.Hour)
	if w = w.TakeLag(Lag{At: later, Known: true}, p); !w.LagOKSince.Equal(later) {
		t.Errorf("in step since %s, though nobody looked for an hour", w.LagOKSince)
	}
}

func TestTakeLag(t *testing.T) {
	p := Policy{MaxLag: 5 * time.Second}
	at := func(s int) time.Time { return today.Add(time.Duration(s) * time.Second) }
	var w Watch
	steps := []struct {
		lag     Lag
		okSince time.Time
		unknown int
	}{
		{Lag{At: at(0), Known: true, Seconds: 100}, time.Time{}, 0},
		{Lag{At: at(10), Known: true, Seconds: 5}, at(10), 0},
		{Lag{At: at(20), Known: true, Seconds: 0}, at(10), 0},
		{Lag{At: at(30), Reason: "lost"}, time.Time{}, 1},
		{Lag{At: at(40), Reason: "lost"}, time.Time{}, 2},
		{Lag{At: at(50), Known: true, Seconds: 1}, at(50), 0},
		{Lag{At: at(60), Known: true, Seconds: 5.1}, time.Time{}, 0},
	}
	for i, s := range steps {
		w = w.TakeLag(s.lag, p)
		if !w.LagOKSince.Equal(s.okSince) || w.LagUnknown != s.unknown || w.Lag.At != s.lag.At {
			t.Errorf("reading %d: low since %v, %d unknown; want %v, %d", i, w.LagOKSince, w.LagUnknown, s.okSince, s.unknown)
		}
	}
}
