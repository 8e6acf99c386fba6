package fleet

import (
	"testing"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

// Writes were given back: the way back is armed anew from where old blue is,
// however far the road was noted, and never past writes that old blue lacks.
func TestAbandonedWayIsArmedAnew(t *testing.T) {
	armed := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name  string
		g     bluegreen.GoBack
		from  string
		armed bool
	}{
		{"before it had caught up", bluegreen.GoBack{}, "log.1:4", true},
		{"caught up; whether the replication was ended is not known", bluegreen.GoBack{Place: "log.1:900"}, "log.1:900", false},
		{"ended", bluegreen.GoBack{Place: "log.1:900", Reached: map[bluegreen.GoBackStep]time.Time{bluegreen.GoBackEnd: armed}}, "log.1:900", false},
		{"ended, with a loss accepted", bluegreen.GoBack{Place: "log.1:900", Lost: &bluegreen.GoBackLoss{},
			Reached: map[bluegreen.GoBackStep]time.Time{bluegreen.GoBackEnd: armed}}, "log.1:4", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &dbMemory{armed: armed}
			d.Binlog, d.GoBack = "log.1:4", &c.g
			d.abandoned(&c.g, journal.Entry{At: armed.Add(time.Hour)})
			if d.GoBack != nil || d.Binlog != c.from || d.armed.IsZero() == c.armed {
				t.Errorf("from %s, armed %v; want from %s, armed %v", d.Binlog, !d.armed.IsZero(), c.from, c.armed)
			}
		})
	}
}

// TestDrillIsAGate: waves after the first wait until one has passed.
func TestDrillIsAGate(t *testing.T) {
	cases := []struct {
		name, drill, units string
		drilled            int // index of the unit whose drill has passed, -1: none
		want               string
	}{
		{"nobody asks", "", "0:done 1:ready", -1, ""},
		{"not the first wave itself", "first", "0:ready 1:checked", -1, ""},
		{"none passed", "first", "0:done 1:ready", -1, "no drill of the way back has passed: rollback --drill --database db-0"},
		{"one of the first wave passed", "first", "0:done 0:done 1:ready", 1, ""},
		{"one of a later wave does not count", "first", "0:done 1:done 1:ready", 1, "no drill of the way back has passed: rollback --drill --database db-0"},
		{"another than the one named", "db-1", "0:done 0:done 1:ready", 0, "no drill of the way back has passed: rollback --drill --database db-1"},
		{"the one named", "db-1", "0:done 0:done 1:ready", 1, ""},
		{"nobody bears the name", "gone", "0:done 1:ready", -1, "switchover.way_back.drill names gone, which is no database of the campaign"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			in, units := twoWaves(), unitsAt(c.units)
			in.drill = c.drill
			if c.drilled >= 0 {
				units[c.drilled].drilled = true
			}
			last := len(units) - 1
			if units[last].state.Stage != bluegreen.Ready {
				last = 0
			}
			s := in.decide(units)
			if s.wait[last] != c.want {
				t.Errorf("waits for %q, want %q", s.wait[last], c.want)
			}
			if c.want != "" && (s.limits[LimitDrill] != 1 || s.outcome != OutcomeWaiting) {
				t.Errorf("limits %v, outcome %s", s.limits, s.outcome)
			}
		})
	}
}

// What a server's own group holds is known only from an answer of AWS, and an
// order that is taken back has to prove anew that old blue is open.
func TestWhatIsSetIsKnownFromAnAnswer(t *testing.T) {
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	set := bluegreen.Action{Kind: bluegreen.SetParameters, Group: &bluegreen.ParameterSpec{Name: "own", Parameters: []bluegreen.Parameter{{Name: "read_only", Value: "0"}}}}
	for _, c := range []struct {
		name   string
		answer *resultData
		want   string
	}{
		{"killed before the answer", nil, ""},
		{"the answer was lost", &resultData{Consequence: bluegreen.Ambiguous}, ""},
		{"refused", &resultData{}, ""},
		{"done", &resultData{OK: true}, "0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := &bluegreen.GoBack{Set: map[string]map[string]string{"own": {"read_only": "1"}}}
			d := &dbMemory{}
			d.GoBack = before
			d.foldGoBackIntent(set)
			if c.answer != nil {
				d.foldGoBackResult(journal.Entry{At: at}, set, *c.answer)
			}
			if got := d.GoBack.Set["own"]["read_only"]; got != c.want {
				t.Errorf("read_only is taken for %q, want %q", got, c.want)
			}
			if before.Set["own"]["read_only"] != "1" {
				t.Error("the order was changed in place")
			}
		})
	}
	d := &dbMemory{}
	d.GoBack = bluegreen.GoBack{}.Take(bluegreen.GoBackNote{Step: bluegreen.GoBackOpen}, at)
	d.foldGoBackOrder(journal.Request{Verb: VerbAbandonGoBack}, &bluegreen.Human{At: at})
	d.foldGoBackOrder(journal.Request{Verb: VerbGoBack}, &bluegreen.Human{At: at})
	if _, open := d.GoBack.Reached[bluegreen.GoBackOpen]; open {
		t.Error("old blue counts as proven open after it was to be closed")
	}
}

// Giving writes back ends what was proven while they were stopped; closing, and
// opening old blue, do not.
func TestGivingWritesBackEndsWhatWasProven(t *testing.T) {
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	while := []bluegreen.GoBackStep{bluegreen.GoBackStop, bluegreen.GoBackCatchUp, bluegreen.GoBackEnd, bluegreen.GoBackCompare, bluegreen.GoBackOpen}
	for _, c := range []struct {
		group, value string
		past         bool
	}{{"new", "0", true}, {"new", "1", false}, {"old", "0", false}, {"old", "1", false}} {
		d := &dbMemory{}
		g := bluegreen.GoBack{New: bluegreen.GoBackSide{Own: "new"}, Old: bluegreen.GoBackSide{Own: "old"}}.Clone()
		g.Set["new"], g.Set["old"] = map[string]string{"read_only": "1"}, map[string]string{"read_only": "1"}
		g.Reached[bluegreen.GoBackPrepare] = at
		for _, s := range while {
			g.Reached[s] = at
		}
		d.GoBack = g
		d.foldGoBackIntent(bluegreen.Action{Kind: bluegreen.SetParameters, Group: &bluegreen.ParameterSpec{Name: c.group, Parameters: []bluegreen.Parameter{{Name: "read_only", Value: c.value}}}})
		for _, s := range while {
			if _, ok := d.GoBack.Reached[s]; ok == c.past {
				t.Errorf("read_only=%s in %s: %s counts: %v", c.value, c.group, s, ok)
			}
		}
		if _, ok := d.GoBack.Reached[bluegreen.GoBackPrepare]; !ok || len(g.Reached) != len(while)+1 {
			t.Error("the preparation is gone, or the order was changed in place")
		}
	}
}
