package fleet

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

// The verbs of a person's request to go back, and the names of facts about it.
const (
	// VerbGoBack orders to go back after a switchover; VerbAbandonGoBack gives
	// writes to the new server again, as long as old blue has not the name.
	VerbGoBack        = "go-back"
	VerbAbandonGoBack = "go-back-abandon"

	factGoBack = "go-back" // one entry for each step that is done
	ofGoBack   = "go-back" // of a downtime
)

// goBackData is the fact's entry in the journal.
type goBackData struct {
	Name string `json:"name"`
	bluegreen.GoBackNote
}

// GoBackStatus is an order to go back, and how far it got.
type GoBackStatus struct {
	At         time.Time `json:"at"`
	By         string    `json:"by"`
	Why        string    `json:"why,omitempty"`
	AcceptLoss bool      `json:"accept_loss,omitempty"`
	Drill      bool      `json:"drill,omitempty"`
	// Forward: the drill is in its second half, forward again.
	Forward bool `json:"forward,omitempty"`
	// State is under-way, held, done or abandoned.
	State string `json:"state"`
	// Step is the step under way, Does what it does, StepSince since when.
	Step      string     `json:"step,omitempty"`
	Does      string     `json:"does,omitempty"`
	StepSince *time.Time `json:"step_since,omitempty"`
	// Steps are those that are done, in their order.
	Steps []GoBackDone `json:"steps"`
	// WritesStopped is since when writes are or were stopped.
	WritesStopped *time.Time `json:"writes_stopped,omitempty"`
	// Downtime is what clients felt, nil where it was not measured.
	Downtime *Downtime `json:"downtime,omitempty"`
	// Lost is what was lost, nil for nothing.
	Lost *bluegreen.GoBackLoss `json:"lost,omitempty"`
	// Place is the end of the new server's binary log, OldPlace that of old blue's.
	Place    string `json:"place,omitempty"`
	OldPlace string `json:"old_place,omitempty"`
	// Aside is the new server's name after going back, with its version and what
	// it costs in a day while it is kept.
	Aside        string              `json:"aside,omitempty"`
	AsideVersion string              `json:"aside_version,omitempty"`
	AsideDaily   *bluegreen.Estimate `json:"aside_daily,omitempty"`
	// LastDrill is how the last drill ended, nil when there was none.
	LastDrill *DrillResult `json:"last_drill,omitempty"`
}

// GoBackDone is a step that is done.
type GoBackDone struct {
	Step  string    `json:"step"`
	Does  string    `json:"does"`
	At    time.Time `json:"at"`
	Proof string    `json:"proof,omitempty"`
}

// DrillResult is how a drill of the way back ended.
type DrillResult struct {
	At     time.Time `json:"at"`
	Passed bool      `json:"passed"`
	Why    string    `json:"why,omitempty"`
}

// foldGoBackOrder takes a person's order in.
func (d *dbMemory) foldGoBackOrder(r journal.Request, h *bluegreen.Human) {
	g := d.GoBack
	switch r.Verb {
	case VerbGoBack:
		if g != nil && g.Done.IsZero() { // repeated: only more may be permitted
			c := g.Clone()
			c.AcceptLoss = c.AcceptLoss || r.AcceptLoss
			c.Abandon = nil
			d.ActError = ""
			if r.AcceptLoss {
				c.Failed = ""
			}
			d.GoBack = c
			return
		}
		d.GoBack = bluegreen.GoBack{Human: *h, AcceptLoss: r.AcceptLoss, Drill: r.Drill, Armed: !d.armed.IsZero(), From: d.Binlog,
			Was: bluegreen.SwitchedBefore{At: d.SwitchedAt, ConfirmedAt: d.ConfirmedAt, To: d.SwitchedTo, By: d.SwitchedBy, Binlog: d.Binlog}}.Clone()
		d.ActError = ""
	case VerbAbandonGoBack:
		if g != nil && g.Done.IsZero() {
			c := g.Clone()
			c.Abandon = h
			delete(c.Reached, bluegreen.GoBackOpen) // old blue is closed again, and proven open anew before it gets the name
			d.GoBack, d.ActError = c, ""
		}
	case "retry":
		if g != nil && !g.Done.IsZero() {
			d.GoBack = nil
			d.SwitchedAt, d.ConfirmedAt, d.Binlog = time.Time{}, time.Time{}, ""
		}
	}
}

// foldGoBackIntent forgets what a group of its own held: from the announcement
// until AWS has taken the call nobody knows, and after a lost answer or a kill
// for good, so that it is set again.
func (d *dbMemory) foldGoBackIntent(act bluegreen.Action) {
	if d.GoBack == nil || act.Kind != bluegreen.SetParameters || d.GoBack.Set[act.Group.Name] == nil {
		return
	}
	c := d.GoBack.Clone()
	for _, p := range act.Group.Parameters {
		delete(c.Set[act.Group.Name], p.Name)
		if act.Group.Name == c.New.Own && p.Name == "read_only" && p.Value == "0" {
			// Writes are given back: all that was proven while they were stopped is past.
			for _, row := range bluegreen.GoBackSteps {
				if row.Stopped {
					delete(c.Reached, row.Step)
				}
			}
		}
	}
	d.GoBack = c
}

// foldGoBackResult notes what was set and rebooted on the road back.
func (d *dbMemory) foldGoBackResult(e journal.Entry, act bluegreen.Action, r resultData) {
	if d.GoBack == nil || !r.OK {
		return
	}
	switch act.Kind {
	case bluegreen.SetParameters:
		c := d.GoBack.Clone()
		if c.Set[act.Group.Name] == nil {
			c.Set[act.Group.Name] = map[string]string{}
		}
		for _, p := range act.Group.Parameters {
			c.Set[act.Group.Name][p.Name] = p.Value
		}
		c.Touched[act.Group.Name] = e.At
		d.GoBack = c
	case bluegreen.RebootInstance:
		c := d.GoBack.Clone()
		c.Touched[act.Instance] = e.At
		d.GoBack = c
	}
}

// foldGoBack takes a step that is done in.
func (d *dbMemory) foldGoBack(e journal.Entry, name string) {
	if name != factGoBack || d.GoBack == nil {
		return
	}
	var data goBackData
	if json.Unmarshal(e.Data, &data) != nil || data.Forward != d.GoBack.Forward {
		return
	}
	g := d.GoBack.Take(data.GoBackNote, e.At)
	d.GoBack = g
	for _, p := range data.Pairs {
		if d.moved == nil {
			d.moved = map[string]string{}
		}
		d.moved[p.New], d.moved[p.Old] = p.ID, p.ID
	}
	switch {
	case data.Failed:
	case data.Step == bluegreen.GoBackAbandon:
		d.abandoned(g, e)
	case data.Step == bluegreen.GoBackVerify && g.Forward:
		d.wentForward(g, e)
	case data.Step == bluegreen.GoBackVerify:
		d.wentBack(g, e)
	}
}

// wentBack: old blue serves again.
func (d *dbMemory) wentBack(g *bluegreen.GoBack, e journal.Entry) {
	order := g.Human
	d.undone = append(d.undone, e.What)
	d.SwitchedAt, d.ConfirmedAt, d.Binlog = time.Time{}, time.Time{}, ""
	d.armed, d.way = time.Time{}, nil
	d.Rollback, d.RolledBack, d.BlueDiff = &order, e.At, ""
	if g.Drill {
		d.GoBack = g.Turn(e.At)
	}
}

// wentForward: the drill is over, the new server serves again.
func (d *dbMemory) wentForward(g *bluegreen.GoBack, e journal.Entry) {
	d.drill = &DrillResult{At: e.At, Passed: true}
	d.restore(g.Was, g.OldPlace)
}

// abandoned: writes were given back, before any name was moved.
func (d *dbMemory) abandoned(g *bluegreen.GoBack, e journal.Entry) {
	if g.Drill {
		d.drill = &DrillResult{At: e.At, Why: e.What}
	}
	if g.Forward { // old blue went on to serve
		c := g.Clone()
		c.Done = e.At
		d.GoBack = c
		return
	}
	if g.Place != "" && g.Lost == nil {
		// Old blue has everything up to there. Whether the replication was ended
		// may not have been noted before a kill, so it is armed anew in any case:
		// one that stands is left as it is. After an accepted loss it would hide it.
		d.Binlog, d.armed, d.way = g.Place, time.Time{}, nil
	}
	d.GoBack = nil
}

// restore makes the switchover the last word again; the way back is armed anew
// from a place in the new server's log.
func (d *dbMemory) restore(was bluegreen.SwitchedBefore, place string) {
	d.SwitchedAt, d.ConfirmedAt, d.SwitchedTo, d.SwitchedBy, d.Binlog = was.At, was.ConfirmedAt, was.To, was.By, place
	d.armed, d.way = time.Time{}, nil
	d.Rollback, d.RolledBack, d.GoBack = nil, time.Time{}, nil
}

// goBackStatus tells how far an order to go back got.
func (e *Engine) goBackStatus(u unit, mem *dbMemory) *GoBackStatus {
	g := mem.GoBack
	if g == nil {
		if mem.drill == nil {
			return nil
		}
		return &GoBackStatus{At: mem.drill.At, Drill: true, State: "done", Steps: []GoBackDone{}, LastDrill: mem.drill, Downtime: mem.backDowntime}
	}
	st := &GoBackStatus{At: g.At, By: g.By, Why: g.Why, AcceptLoss: g.AcceptLoss, Drill: g.Drill, Forward: g.Forward, State: "under-way",
		Steps: []GoBackDone{}, Downtime: mem.backDowntime, Lost: g.Lost, Place: g.Place, OldPlace: g.OldPlace, LastDrill: mem.drill}
	since := g.At
	for _, row := range bluegreen.GoBackSteps {
		at, ok := g.Reached[row.Step]
		if !ok {
			continue
		}
		st.Steps = append(st.Steps, GoBackDone{Step: string(row.Step), Does: row.Does, At: at, Proof: g.Proofs[row.Step]})
		if at.After(since) {
			since = at
		}
		if row.Step == bluegreen.GoBackStop {
			stopped := at
			st.WritesStopped = &stopped
		}
	}
	switch {
	case !g.Done.IsZero() && g.Reached[bluegreen.GoBackVerify].IsZero():
		st.State = "abandoned"
	case !g.Done.IsZero():
		st.State = "done"
	case u.state.Stage == bluegreen.Held:
		st.State = "held"
	}
	if g.Done.IsZero() {
		st.StepSince, st.Step = &since, string(u.state.GoBack)
		for _, row := range bluegreen.GoBackSteps {
			if row.Step == u.state.GoBack {
				st.Does = row.Does
			}
		}
	}
	e.aside(u, g, st)
	return st
}

// aside tells of the server that was or will be renamed away.
func (e *Engine) aside(u unit, g *bluegreen.GoBack, st *GoBackStatus) {
	if len(g.Pairs) == 0 {
		return
	}
	st.Aside, st.AsideVersion = g.Pairs[0].Aside, g.New.Version
	sum := bluegreen.Estimate{}
	found := false
	for _, p := range g.Pairs {
		for _, i := range u.facts.Instances {
			if i.ResourceID == p.New {
				cost := bluegreen.MonthlyCost(*i, e.prices).Total
				cost.USD = cost.USD * 24 / bluegreen.HoursPerMonth
				if found {
					cost = sum.Add(cost)
				}
				sum, found = cost, true
			}
		}
	}
	if found {
		st.AsideDaily = &sum
	}
}

// goBackText is a step for the journal.
func goBackText(n bluegreen.GoBackNote) string {
	way := "going back"
	if n.Forward {
		way = "drill, going forward again"
	}
	what := fmt.Sprintf("%s: %s: %s", way, n.Step, n.Proof)
	if n.Lost != nil {
		what += "; lost: " + n.Lost.Text
	}
	return what
}
