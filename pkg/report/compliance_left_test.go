package report

import (
	"strings"
	"testing"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
)

// What old blues cost stands in the compliance report as long as they are
// there, every hop's and every replica's, and is gone once they are cleaned up.
func TestComplianceLeftBehind(t *testing.T) {
	in := fixture()
	in.Prices = bluegreen.BuiltinPrices()
	db := &in.Status.Databases[2]
	before := newCompliance(in).Summary
	day, fee := bluegreen.Estimate{USD: 60, Known: true}, bluegreen.Estimate{USD: 38, Known: true}
	db.Leftovers = []fleet.LeftoverStatus{
		{Leftover: bluegreen.Leftover{Instance: "catalog-main-old1"}, PerDay: &day, Fee: &fee},
		{Leftover: bluegreen.Leftover{Instance: "catalog-main-r1-old1"}, PerDay: &day, Fee: &fee}}
	m := newCompliance(in)
	if s := m.Summary; s.LeftBehind != 2 || s.LeftPerDay.USD != 120 || s.Twins != before.Twins+1 {
		t.Errorf("%+v", s)
	}
	for _, r := range m.Databases {
		if r.ID == db.ID && (r.Twin != "catalog-main-old1, catalog-main-r1-old1" || r.TwinFee.USD != 76) {
			t.Errorf("%s: %+v", r.Twin, r.TwinFee)
		}
	}
	if got := string(write(t, Compliance, Text, in)); !strings.Contains(got, "Servers left behind, a day") {
		t.Error("the cost of what is left behind is not told")
	}

	db.Stage, db.OldBlue = "cleaned", ""
	for n := range db.Leftovers {
		db.Leftovers[n].PerDay, db.Leftovers[n].Fee, db.Leftovers[n].State = nil, nil, bluegreen.LeftRemoved
	}
	if s := newCompliance(in).Summary; s.LeftBehind != 0 || s.LeftPerDay.USD != 0 || s.Twins != before.Twins-1 {
		t.Errorf("after the clean-up: %+v", s)
	}
}
