package enginetest

import (
	"strings"
	"testing"

	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
)

// TestReadyGreensStayReadyOverRestarts: a new process reads every green's lag
// again; as long as no reading is bad, nothing has happened.
func TestReadyGreensStayReadyOverRestarts(t *testing.T) {
	inTime(t, func(t *testing.T) {
		l := newLab(t, fleetOf(4, ""), planOf("approval: auto", "approval: manual"), "")
		l.run()
		l.expectAll("ready")
		stages := func() (n int) {
			for _, h := range l.db("db-0000").History {
				if h.Kind == "stage" {
					n++
				}
			}
			return n
		}
		before := stages()
		for range 3 {
			l.run()
			l.expectAll("ready")
		}
		if n := stages(); n != before {
			t.Errorf("three restarts journaled %d changes of stage, want none", n-before)
		}
		// A green that really has fallen behind is another matter.
		l.sql = &simSQL{sim: l.sim, behind: map[string]float64{"db-0000": 600}}
		err := l.runWith(func(st fleet.Status) bool { return l.db("db-0000").Stage == "catching-up" && stages() > before })
		if n := stages(); n != before+1 {
			t.Errorf("a lag of ten minutes journaled %d changes of stage, want one; %v", n-before, err)
		}
		if h := l.db("db-0000").History; !strings.Contains(h[len(h)-1].What, "600 s") {
			t.Errorf("the last entry is %q", h[len(h)-1].What)
		}
	})
}
