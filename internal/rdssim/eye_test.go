package rdssim

import (
	"testing"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/query"
)

// What an eye was shown wrongly is looked at again, although nothing happens
// there: else the wrong status would stand for ever.
func TestEyeSeesThroughFlapping(t *testing.T) {
	a := newAPI(t, smallFleet, withFaults(t, `faults: [{kind: flapping, rate: 0.9}]`))
	at := Scope{Account: "111122223333", Region: "eu-west-1"}
	eye, shown, wrong := Eye{}, map[string]string{}, 0
	for n := range 200 {
		if n%20 == 2 { // something that several looks follow, and that ends
			class := []string{"db.m5.large", "db.m5.xlarge"}[n/20%2]
			a.must("ModifyDBInstance", "DBInstanceIdentifier", "users", "DBInstanceClass", class, "ApplyImmediately", "true")
		}
		s, err := a.sim.Look(at, &eye)
		if err != nil {
			t.Fatal(err)
		}
		looked := map[string]bool{}
		text := func(i query.Node, name string) string {
			for _, k := range i.Kids {
				if k.Name == name {
					return k.Text
				}
			}
			return ""
		}
		for _, i := range s.Instances {
			id := text(i, "DBInstanceIdentifier")
			looked[id] = true
			if was := shown[id]; was != "" && was != "available" {
				wrong++
			}
			shown[id] = text(i, "DBInstanceStatus")
		}
		for id, status := range shown {
			if status != "available" && !looked[id] {
				t.Fatalf("look %d: %s was shown as %s and is not looked at again", n, id, status)
			}
		}
		a.clk.Advance(time.Minute)
	}
	if wrong < 10 {
		t.Errorf("only %d wrong statuses: this proves little", wrong)
	}
}
