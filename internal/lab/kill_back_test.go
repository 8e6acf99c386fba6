package lab

import (
	"slices"
	"strings"
	"testing"

	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

// goingBack are the moments of a rollback after the switchover, in their order:
// its steps, and any call to RDS between them.
var goingBack = []moment{
	{"the order is given", journal.Human, "", 500 * time.Millisecond},
	{"a call is announced", journal.Intent, "", 20 * time.Millisecond},
	{"a call is answered", journal.Result, "", time.Second},
	{"it has begun", journal.Fact, "going back: begin", 500 * time.Millisecond},
	{"old blue is prepared", journal.Fact, "going back: prepare-old", time.Second},
	{"writes are stopped", journal.Fact, "going back: stop-writes", 500 * time.Millisecond},
	{"old blue has caught up", journal.Fact, "going back: catch-up", 300 * time.Millisecond},
	{"replication is ended", journal.Fact, "going back: end-replication", 300 * time.Millisecond},
	{"the servers are compared", journal.Fact, "going back: compare", 500 * time.Millisecond},
	{"old blue is open", journal.Fact, "going back: open-old", time.Second},
	{"the names are moved", journal.Fact, "going back: rename", 500 * time.Millisecond},
	{"it is verified", journal.Fact, "going back: verify", 200 * time.Millisecond},
}

// TestKilledWhileGoingBack: SIGKILL at random moments of a switchover and of the
// rollback after it. The long form is RDSUPGRADE_SOAK_KILLS=50.
func TestKilledWhileGoingBack(t *testing.T) {
	t.Parallel()
	tormented(t, func(t *testing.T, v *victim, most int) (kills int) {
		kills = v.torment(switching, min(most/2, 2), "run")
		v.settle()
		kills += v.torment(goingBack, most-kills, "rollback", "--database", "orders", "--yes", "--confirm", "orders", "--reason", "a test")
		v.settle()
		v.stop()
		d := v.status()
		if d.Stage != "rolled-back" || d.GoBack == nil || d.GoBack.State != "done" || d.GoBack.Lost != nil {
			t.Errorf("%s, %+v", d.Stage, d.GoBack)
		}
		if version, err := v.l.version(t.Context()); err != nil || !strings.HasPrefix(version, "5.7") {
			t.Errorf("behind orders is %s (%v)", version, err)
		}
		v.checkRows("orders")
		v.checkOnce(map[string]int{"CreateBlueGreenDeployment": 1, "SwitchoverBlueGreenDeployment": 1})
		return kills
	})
}

// again tells that a moment can come again after it has passed.
func (m moment) again() bool {
	return m.prefix == "ready" || m.prefix == "" && slices.Contains([]journal.Kind{journal.Gate, journal.Intent, journal.Result}, m.kind)
}
