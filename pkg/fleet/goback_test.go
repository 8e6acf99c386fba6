package fleet

import (
	"testing"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

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
