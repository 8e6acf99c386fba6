package main

import (
	"testing"

	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
)

// Any order that is not over can be taken back, an ambiguous one too: its status
// names that as the next step.
func TestOrdersThatCanBeTakenBack(t *testing.T) {
	for _, c := range []struct {
		name, kind string
		order      *fleet.GoBackStatus
		can        bool
	}{
		{"under way", "going-back", &fleet.GoBackStatus{State: "under-way"}, true},
		{"held and ambiguous", "unknown", &fleet.GoBackStatus{State: "held"}, true},
		{"taken back already", "go-back", &fleet.GoBackStatus{State: "abandoned"}, false},
		{"went back", "done", &fleet.GoBackStatus{State: "done"}, false},
		{"no order", "go-back", nil, false},
	} {
		d := fleet.DatabaseStatus{ID: "orders", WayBack: fleet.WayBack{Kind: c.kind}, GoBack: c.order}
		p := divide(fleet.Status{Databases: []fleet.DatabaseStatus{d}}, []string{d.Key()}, rollbackOptions{abandon: true})
		if (len(p.back) == 1) != c.can || (len(p.cannot) == 1) == c.can {
			t.Errorf("%s: %d can be taken back, %d cannot", c.name, len(p.back), len(p.cannot))
		}
	}
}
