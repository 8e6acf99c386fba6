package lab

import (
	"testing"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim"
)

// switchovers counts those that were asked for, refused ones too, but for the
// harmless one that only tries permissions.
func (l *Lab) switchovers() (n int) {
	for _, m := range l.Sim.History() {
		if m.Action == "SwitchoverBlueGreenDeployment" && m.Error != "BlueGreenDeploymentNotFoundFault" {
			n++
		}
	}
	return n
}

// TestOwnerIsEstablishedFromFacts: the answers to both calls are lost, RDS rolls
// the first switchover back when its time is over, and the load goes on. In the
// end somebody renames the database: then nobody touches it until it is back.
func TestOwnerIsEstablishedFromFacts(t *testing.T) {
	t.Parallel()
	v := newVictim(t, program(t), dice(t),
		rdssim.Fault{Kind: rdssim.FaultLostAnswer, Action: "SwitchoverBlueGreenDeployment", Count: 2},
		rdssim.Fault{Kind: rdssim.FaultSwitchover, Database: "orders", Count: 1})
	if code, out := v.ask("run"); code != 0 {
		t.Fatalf("run exits %d:\n%s", code, out)
	}
	v.settle()
	if n := v.l.switchovers(); n != 2 {
		t.Errorf("%d switchovers were asked for, want the one that RDS rolled back and the one that went through", n)
	}
	for _, want := range []string{"the way back is armed", "switchover rolled back by RDS", "switched over"} {
		if n := v.said(want); n != 1 {
			t.Errorf("%q stands %d times in the journal", want, n)
		}
	}
	if d := v.status(); d.Stage != "done" || d.WayBack.Alarm != "" {
		t.Errorf("%s, %+v", d.Stage, d.WayBack)
	}

	v.l.rename(t, "orders", "orders-elsewhere")
	calls := len(v.l.Sim.History())
	beats := func() string {
		row, err := v.l.Row(t.Context(), "orders-elsewhere", "SELECT CONCAT(token, at) AS b FROM rdsupgrade.heartbeat")
		if err != nil {
			t.Fatal(err)
		}
		return row["b"]
	}
	before := beats()
	for range 2 {
		if code, out := v.ask("run"); code != 5 {
			t.Errorf("without an owner of the name run exits %d, want 5:\n%s", code, out)
		}
	}
	if n := len(v.l.Sim.History()); n != calls || beats() != before {
		t.Errorf("%d calls were made, and heartbeats written: %v", n-calls, beats() != before)
	}
	v.l.rename(t, "orders-elsewhere", "orders")
	// Old blue lost its connection with the name, and finds it again by itself.
	if err := v.l.CatchUp(t.Context(), "orders", "orders-old1"); err != nil {
		t.Fatal(err)
	}
	if code, out := v.ask("run"); code != 0 {
		t.Errorf("with the name back run exits %d:\n%s", code, out)
	}
	v.settle()
	v.stop()
	if err := v.l.CatchUp(t.Context(), "orders", "orders-old1"); err != nil {
		t.Fatal(err)
	}
	v.checkRows("orders", "orders-old1")
}
