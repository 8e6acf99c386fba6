package fleet

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

// The facts about gates that stand in the way.
const (
	factStopped  = "stopped"
	factStopOver = "stop-over"
)

// VerbOverride is the verb of a person who takes a gate's no on his word.
const VerbOverride = "override-gate"

// stopData is the facts' entry in the journal.
type stopData struct {
	Name string          `json:"name"`
	Stop *bluegreen.Stop `json:"stop,omitempty"`
}

// foldStop takes what stands in the way in. A completed switchover leaves
// everything behind that stood before it.
func (d *dbMemory) foldStop(e journal.Entry, name string) {
	switch name {
	case factStopped:
		if s := stopOf(e); s != nil {
			d.Stop = s
			d.knowGate(s.Gate)
		}
	case factStopOver, factSwitched:
		d.Stop = nil
	}
}

// stopOf reads a stop, nil when there is none.
func stopOf(e journal.Entry) *bluegreen.Stop {
	var data stopData
	if json.Unmarshal(e.Data, &data) != nil {
		return nil
	}
	return data.Stop
}

// foldGate keeps the names of gates that did not pass: those that a person may
// have to speak of.
func (d *dbMemory) foldGate(e journal.Entry) {
	var g struct {
		Name    string                `json:"name"`
		Verdict bluegreen.GateVerdict `json:"verdict"`
	}
	if json.Unmarshal(e.Data, &g) == nil && g.Name != "" && g.Verdict != "" && g.Verdict != bluegreen.GatePass {
		d.knowGate(g.Name)
	}
}

func (d *dbMemory) knowGate(name string) {
	if d.gates == nil {
		d.gates = map[string]bool{}
	}
	d.gates[name] = true
}

// foldWord takes in what people say about gates. A retry of a database that a
// gate stopped asks that gate again, and keeps everything else that is known.
func (d *dbMemory) foldWord(r journal.Request, h *bluegreen.Human) (taken bool) {
	switch {
	case r.Verb == VerbOverride:
		d.Overrides = append(d.Overrides, overrideOf(r))
		return true
	case r.Verb == "retry" && d.Stop.Standing(d.Overrides, h.At) && d.Rollback == nil && d.Skip == nil:
		if d.Stop.Phase == bluegreen.StopSoak { // the new server is confirmed anew, with the queries of the plan
			d.ConfirmedAt = time.Time{}
			d.SoakFrom = h.At
			d.hooks.again(d.Stop.Gate)
		}
		d.Stop, d.Retry = nil, h
		return true
	}
	return false
}

func overrideOf(r journal.Request) bluegreen.Override {
	return bluegreen.Override{Gate: r.Gate, By: r.By, Why: r.Why, At: r.At, Until: r.Until}
}

// stopUnit journals that a gate stands in a database's way.
func (e *Engine) stopUnit(u unit, phase bluegreen.StopPhase, g bluegreen.Gate) error {
	e.mu.Lock()
	rec := e.cfg.Store.mem.record(u.key)
	e.mu.Unlock()
	s := bluegreen.Stop{Gate: g.Name, Verdict: g.Verdict, Reason: clip(strings.Join(g.Evidence, "; "), 600), Phase: phase, At: e.cfg.Clock.Now().UTC(), Times: 1}
	if was := rec.Stop; was != nil && was.Gate == s.Gate && was.Verdict == s.Verdict && was.Phase == phase {
		s.Times = was.Times + 1
	}
	what := "stopped by the gate \"" + g.Name + "\", which says no: "
	if g.Verdict == bluegreen.GateInconclusive {
		what = "held by the gate \"" + g.Name + "\", which could not tell: "
	}
	e.cfg.Log.Warn().Str("db", u.key).Str("gate", g.Name).Str("verdict", string(g.Verdict)).Msg("stopped")
	return e.append(u, journal.Fact, what+s.Reason, stopData{Name: factStopped, Stop: &s})
}

// unstop journals that nothing stands in a database's way any more.
func (e *Engine) unstop(u unit) error {
	e.mu.Lock()
	stopped := e.cfg.Store.mem.record(u.key).Stop
	e.mu.Unlock()
	if stopped == nil {
		return nil
	}
	return e.append(u, journal.Fact, "the gate \""+stopped.Gate+"\" stands in the way no more", stopData{Name: factStopOver})
}

// Gates are the names of the gates that a database's journal tells of, of all
// when the key is "".
func (s *Store) Gates(key string) []string {
	seen := map[string]bool{}
	for k, d := range s.mem.databases {
		if key != "" && k != key {
			continue
		}
		for g := range d.gates {
			seen[g] = true
		}
	}
	return sortedKeys(seen)
}

// WaveGates are the names of the hooks that kept a wave from beginning.
func (s *Store) WaveGates(wave string) []string {
	seen := map[string]bool{}
	if w := s.mem.waves[wave]; w != nil && w.stop != nil {
		seen[w.stop.Gate] = true
	}
	return sortedKeys(seen)
}

// gateStatus adds to a status what stands in the way of waves, and which hooks
// were called in vain.
func (e *Engine) gateStatus(st *Status) {
	now := e.cfg.Clock.Now()
	st.Warnings = slices.Clone(st.Warnings)
	for i := range st.Waves {
		w := e.cfg.Store.mem.wave(st.Waves[i].Name)
		st.Waves[i].Overrides = w.overrides
		if w.stop.Standing(w.overrides, now) {
			st.Waves[i].Stopped = w.stop
			if st.Waves[i].Reason == "" {
				st.Waves[i].Reason = w.stop.Gate + " does not let it begin: " + w.stop.Reason
			}
		}
		st.Warnings = append(st.Warnings, w.hooks.vain("wave "+st.Waves[i].Name)...)
	}
	for _, d := range st.Databases {
		if mem := e.cfg.Store.mem.databases[d.Key()]; mem != nil {
			st.Warnings = append(st.Warnings, mem.hooks.vain(d.ID)...)
			st.Warnings = append(st.Warnings, mem.checkWarnings(d.ID, d.Stage)...)
		}
	}
}
