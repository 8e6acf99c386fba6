package enginetest

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

func TestCampaignReachesTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, fleetOf(20, ""), planOf(), "")
		began := time.Now()
		st := l.run()
		if st.Outcome != fleet.OutcomeDone {
			t.Errorf("outcome %s, waiting for %v", st.Outcome, st.Waiting)
		}
		for _, d := range st.Databases {
			if d.Stage != "done" || !d.OnTarget {
				t.Errorf("%s: %s, off target: %v (%s)", d.ID, d.Stage, d.Off, d.Reason)
			}
		}
		for name, n := range l.calls("CreateBlueGreenDeployment", "BlueGreenDeploymentName") {
			if n != 1 {
				t.Errorf("deployment %s was created %d times", name, n)
			}
		}
		for id, n := range l.calls("SwitchoverBlueGreenDeployment", "BlueGreenDeploymentIdentifier") {
			if n != 1 {
				t.Errorf("deployment %s was switched %d times", id, n)
			}
		}
		if _, err := journal.Verify(journalPath(l.dir)); err != nil {
			t.Error(err)
		}
		t.Logf("20 databases in %s of virtual time", time.Since(began).Round(time.Minute))

		l.run()
		if l.last.Outcome != fleet.OutcomeDone || l.acted != 0 {
			t.Errorf("second run: %s with %d calls, want done with none", l.last.Outcome, l.acted)
		}
	})
}
