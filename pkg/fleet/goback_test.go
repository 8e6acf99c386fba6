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
