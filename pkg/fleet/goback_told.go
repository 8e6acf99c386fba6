package fleet

import (
	"fmt"
	"strings"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// movedNames are the instances of a scope that changed places with a database
// and are none of their own, and the databases whose name no instance bears
// between two renames.
func (m *memory) movedNames(scope string, s *sight) (hidden map[string]bool, nameless []*bluegreen.Instance) {
	hidden = map[string]bool{}
	for _, key := range sortedKeys(m.databases) {
		d := m.databases[key]
		id, ours := strings.CutPrefix(key, scope+"/")
		if !ours || len(d.moved) == 0 {
			continue
		}
		for resource, name := range d.moved {
			if is := s.kin.byResource[resource]; is != "" && is != name {
				hidden[is] = true
			}
		}
		g := d.GoBack
		if g == nil || len(g.Pairs) == 0 || s.instances[id] != nil {
			continue
		}
		if old := s.instances[s.kin.byResource[g.Pairs[0].Old]]; old != nil {
			i := *old
			i.ID = id
			nameless = append(nameless, &i)
		}
	}
	return hidden, nameless
}

// goingBackNow is what can be undone while a database goes back.
func goingBackNow(w *WayBack, f bluegreen.Facts, s bluegreen.State) {
	g := f.Record.GoBack
	w.Kind, w.How = "going-back", "run goes on with it; "+s.NextStep
	w.Loss = "nothing, if it goes on as it should"
	if g.Lost != nil {
		w.Loss = g.Lost.Text
	}
	if s.Ambiguous {
		w.Kind, w.How, w.Loss = "unknown", s.NextStep, "unknown until then; do not write to either server"
	}
}

// wentBackAlready is what can be undone after going back.
func wentBackAlready(w *WayBack, f bluegreen.Facts) {
	g := f.Record.GoBack
	w.Kind, w.How = "done", "nothing is left to undo; retry --database "+f.ID+" starts the upgrade anew"
	w.Loss = "nothing was lost by going back; every write since then is on the server that serves"
	if g.Lost != nil {
		w.Loss = "lost by going back: " + g.Lost.Text
	}
	if len(g.Pairs) > 0 {
		w.How += fmt.Sprintf("; %s keeps what the newer server had", g.Pairs[0].Aside)
	}
}
