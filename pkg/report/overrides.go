package report

import (
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
)

// overrideUse is a person's word that a gate should not stop something: shown
// in every report, when it is over too, since what was done under it stands.
type overrideUse struct {
	// Of is the database's id, or the wave's name with "wave" before it.
	Of   string `json:"of"`
	Over bool   `json:"over"`
	bluegreen.Override
}

// overridesOf gathers what people overrode, in the status's order.
func overridesOf(st fleet.Status, now time.Time) []overrideUse {
	var out []overrideUse
	add := func(of string, list []bluegreen.Override) {
		for _, o := range list {
			out = append(out, overrideUse{Of: of, Over: !now.Before(o.Until), Override: o})
		}
	}
	for _, w := range st.Waves {
		add("wave "+w.Name, w.Overrides)
	}
	for _, d := range st.Databases {
		add(d.ID, d.Overrides)
	}
	return out
}

// withOverrides adds them to a report's sections, where there are any.
func withOverrides(sections []section, uses []overrideUse) []section {
	if len(uses) == 0 {
		return sections
	}
	t := &table{Caption: "Gates that people overrode", Columns: []column{{Title: "Database"}, {Title: "Gate"}, {Title: "State"}, {Title: "Until, UTC"},
		{Title: "By"}, {Title: "When, UTC"}, {Title: "Reason", Wide: true}}}
	for _, o := range uses {
		c := cells(o.Of, o.Gate, "holds", stamp(o.Until), o.By, stamp(o.At), o.Why)
		if o.Over {
			c[2] = cell{Text: "over"}
		}
		t.Rows = append(t.Rows, row{Cells: c})
	}
	return append(sections, section{Title: "Overridden gates", Intro: "A gate did not pass, and a person went on all the same.", Table: t})
}
