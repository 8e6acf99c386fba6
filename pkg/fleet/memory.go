package fleet

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

// memory is what the journal holds, folded: history and what AWS cannot tell.
type memory struct {
	databases map[string]*dbMemory
	waves     map[string]*waveMemory
	// paused is a pause of the whole campaign.
	paused *bluegreen.Human
	// oneCall is what was learnt per scope about creating 5.7 -> 8.0 and
	// Graviton in one call.
	oneCall map[string]bool
	// preflights are the last looks at permissions, by scope; saved are the saved
	// plans that runs were held to.
	preflights map[string]Preflight
	saved      []SavedUse
	// lastEnd is how the last run ended.
	lastEnd  *RunEnd
	campaign string
	head     string // hash of the last entry
	// touched are the databases of the entries since the engine looked last.
	touched []string
	// forgets: no history is kept.
	forgets bool
}

type dbMemory struct {
	bluegreen.Record
	stage   string
	history []HistoryEntry
	verdict *PrecheckStatus
	// builds are the greens that were measured, building the one under way.
	builds   []built
	building built
	intents  map[int64]bluegreen.Action
	undone   []string
	// first is the version before the campaign's first change.
	first string
	// pinned keeps the database as it stands.
	pinned *bluegreen.Human
	// downtime is what was measured of the last switchover.
	downtime *Downtime
	// unmeasured is why there is none; gaugedAt is when either was written down.
	unmeasured string
	gaugedAt   time.Time
	// gates are the names of those that ever did not pass.
	gates map[string]bool
	// hooks is what is known of its hooks.
	hooks hookMemory
	// baseline is what blue did before its switchover, nil when not measured.
	baseline *bluegreen.HealthRate
	// armed is when the way back was, way its last change of state.
	armed time.Time
	way   *bluegreen.Way
	// backDowntime is what was measured of the last going back; drill how the
	// last drill ended.
	backDowntime *Downtime
	drill        *DrillResult
	told         told
	// moved are the resources that changed places, with the name that only one
	// of them bears.
	moved map[string]string
	// checks are the last answers of the long checks, by name.
	checks map[string]checkData
}

type waveMemory struct {
	approved *bluegreen.Human
	// content is what the approval was given for by database, nil until a run has
	// seen it; wants is the fingerprint that the approver named; void says why it
	// does not hold now, refused why it was not taken.
	content                           map[string]content
	fingerprint, wants, void, refused string
	paused                            *bluegreen.Human
	// stop is a hook that does not let the wave begin, overrides what people
	// said about it.
	stop      *bluegreen.Stop
	overrides []bluegreen.Override
	hooks     hookMemory
}

// RunEnd is how a run left the campaign.
type RunEnd struct {
	Outcome Outcome `json:"outcome"`
	// Resting maps databases that need a person to their stage.
	Resting map[string]string `json:"resting,omitempty"`
}

// SameAs tells whether the campaign stands just as the run left it.
func (r *RunEnd) SameAs(st Status) bool {
	return r.Outcome == st.Outcome && maps.Equal(r.Resting, resting(st))
}

func newMemory() *memory {
	return &memory{databases: map[string]*dbMemory{}, waves: map[string]*waveMemory{}, oneCall: map[string]bool{}, preflights: map[string]Preflight{}}
}

func (m *memory) db(key string) *dbMemory {
	d := m.databases[key]
	if d == nil {
		d = &dbMemory{intents: map[int64]bluegreen.Action{}}
		m.databases[key] = d
	}
	return d
}

func (m *memory) wave(name string) *waveMemory {
	w := m.waves[name]
	if w == nil {
		w = &waveMemory{}
		m.waves[name] = w
	}
	return w
}

// The data of entries. Their JSON is part of the journal's format.
type (
	intentData struct {
		Action bluegreen.Action    `json:"action"`
		Blue   *bluegreen.Instance `json:"blue,omitempty"` // before the first change, or before it is deleted
		// Replicas are blue's, at the same moment.
		Replicas []bluegreen.Instance `json:"replicas,omitempty"`
		// EstimatedMinutes is what a green was expected to take when it was begun.
		EstimatedMinutes int `json:"estimated_minutes,omitempty"`
	}
	resultData struct {
		OK          bool                  `json:"ok"`
		Code        string                `json:"code,omitempty"`
		Error       string                `json:"error,omitempty"`
		Consequence bluegreen.Consequence `json:"consequence,omitempty"`
		Already     bool                  `json:"already,omitempty"`
		Deployment  string                `json:"deployment,omitempty"`
		RequestID   string                `json:"request_id,omitempty"`
	}
	factData struct {
		// Name is what the fact is about.
		Name    string   `json:"name"`
		To      string   `json:"to,omitempty"`
		Greens  []string `json:"greens,omitempty"`
		OldBlue string   `json:"old_blue,omitempty"`
		Binlog  string   `json:"binlog,omitempty"`
		Error   string   `json:"error,omitempty"`
		Scope   string   `json:"scope,omitempty"`
		Yes     bool     `json:"yes,omitempty"`
		At      string   `json:"at,omitempty"` // RFC 3339, when it happened by AWS
		Diff    []string `json:"diff,omitempty"`

		Deployment string `json:"deployment,omitempty"` // the one that switched
	}
	precheckData struct {
		PrecheckStatus
		From string `json:"from"`
		To   string `json:"to"`
	}
	startData struct {
		Campaign string `json:"campaign"`
		// Saved and Fingerprint are of the saved plan that the run is held to.
		Saved       string `json:"saved,omitempty"`
		Fingerprint string `json:"saved_fingerprint,omitempty"`
	}
	stageData struct {
		From string `json:"from,omitempty"`
		To   string `json:"to"`
	}
)

// The names of facts.
const (
	factSwitched     = "switched"
	factConfirmed    = "confirmed"
	factUnconfirmed  = "unconfirmed"
	factSwitchFailed = "switch-rolled-back"
	factNotBegun     = "switch-not-begun"
	factBuildFailed  = "build-failed"
	factBlueSame     = "blue-unchanged"
	factOneCall      = "one-call-class"
	factGreens       = "greens"
)

// fold takes one entry in. It must accept every entry that any version wrote:
// what it does not know, it keeps as history only.
func (m *memory) fold(e journal.Entry) {
	m.head = e.Hash
	if e.Database != "" && e.Kind != journal.Human {
		d := m.db(e.Database)
		m.touched = append(m.touched, e.Database)
		m.remember(d, e)
		d.told.take(e)
		m.foldDatabase(d, e)
		return
	}
	switch e.Kind {
	case journal.RunStart:
		var s startData
		if json.Unmarshal(e.Data, &s) == nil && s.Campaign != "" {
			m.campaign = s.Campaign
		}
		m.foldSaved(e, s)
	case journal.RunEnd:
		var end RunEnd
		if json.Unmarshal(e.Data, &end) == nil {
			m.lastEnd = &end
		}
	case journal.Human:
		m.foldHuman(e)
	case journal.Fact:
		var f factData
		switch {
		case json.Unmarshal(e.Data, &f) != nil:
		case e.Wave != "":
			m.wave(e.Wave).foldFact(e, f.Name)
		case f.Name == factOneCall:
			m.oneCall[f.Scope] = f.Yes
		}
		m.foldApproval(e)
		m.foldPreflight(e)
	}
}

func (m *memory) remember(d *dbMemory, e journal.Entry) {
	if m.forgets {
		return
	}
	d.history = append(d.history, HistoryEntry{Seq: e.Seq, At: e.At, Kind: string(e.Kind), What: e.What, By: e.By})
}

func (m *memory) foldDatabase(d *dbMemory, e journal.Entry) {
	switch e.Kind {
	case journal.Intent:
		var in intentData
		if json.Unmarshal(e.Data, &in) == nil {
			d.foldIntent(e, in)
			d.foldGoBackIntent(in.Action)
		}
	case journal.Result:
		var r resultData
		if json.Unmarshal(e.Data, &r) == nil {
			d.foldResult(e, r)
		}
	case journal.Stage:
		var s stageData
		if json.Unmarshal(e.Data, &s) == nil {
			d.stage = s.To
			d.foldStage(e, s.To)
		}
	case journal.Precheck:
		var p precheckData
		if json.Unmarshal(e.Data, &p) == nil {
			st := p.PrecheckStatus
			st.At = e.At
			d.verdict = &st
			d.Precheck = &bluegreen.PrecheckFact{From: p.From, To: p.To, Verdict: p.Verdict, At: e.At, Reason: e.What}
		}
	case journal.Gate:
		d.foldGate(e)
	case journal.Fact:
		var f factData
		if json.Unmarshal(e.Data, &f) == nil {
			d.foldFact(e, f)
			d.foldEventsFact(e, f)
			d.foldDowntime(e, f.Name)
			d.foldWay(e, f.Name)
			d.foldGoBack(e, f.Name)
			d.foldRemoved(e, f.Name)
			d.foldCheck(e, f.Name)
			d.foldAside()
			d.foldStop(e, f.Name)
			d.hooks.fold(e)
			d.foldBaseline(e, f.Name)
		}
	}
}

func (d *dbMemory) foldIntent(e journal.Entry, in intentData) {
	d.intents[e.Seq] = in.Action
	d.foldBuilt(e, in)
	switch in.Action.Kind {
	case bluegreen.DeleteInstance:
		d.foldRemoval(e, in)
	case bluegreen.CreateDeployment:
		d.foldKnown(in)
		if in.Blue != nil {
			d.BlueBefore = in.Blue
			if d.first == "" {
				d.first = in.Blue.Version
			}
		}
		if in.Action.Create != nil && in.Action.Create.Name != d.Deployment {
			d.SwitchAttempts, d.SwitchError, d.BuildError = 0, "", ""
			// The confirmation of the hop before stands: the call may be refused.
			d.SwitchPending, d.AllowNoSQL, d.Stop = false, nil, nil
		}
	case bluegreen.Switchover:
		d.SwitchPending, d.SwitchAskedAt, d.SwitchAccepted = true, e.At, false
		d.SwitchAttempts++
		d.SwitchError = ""
	}
}

func (d *dbMemory) foldResult(e journal.Entry, r resultData) {
	act, ok := d.intents[e.Ref]
	if !ok {
		return
	}
	delete(d.intents, e.Ref)
	d.foldGoBackResult(e, act, r)
	d.foldEvents(act, r)
	refused := !r.OK && r.Consequence != bluegreen.Ambiguous
	switch act.Kind {
	case bluegreen.CreateDeployment:
		if r.OK {
			d.Deployment, d.DeploymentGone, d.CreateError = act.Create.Name, false, ""
		} else if final(r) {
			d.CreateError = r.Error
		}
	case bluegreen.Switchover:
		if refused { // it never began
			d.SwitchPending = false
			d.SwitchAttempts--
			if final(r) {
				d.ActError = r.Error
			}
		}
		d.SwitchAccepted = r.OK
	case bluegreen.DeleteInstance:
		d.foldAnswered(act, refused)
	case bluegreen.RebootInstance, bluegreen.ModifyInstance, bluegreen.SetParameters, bluegreen.CreateParameterGroup, bluegreen.AddRole, bluegreen.CreateOptionGroup:
		if act.ResourceID != "" { // of a clean-up, which the next hop does not wait for
			break
		}
		if r.OK {
			d.ActError = ""
		} else if final(r) && !nameTaken(act, r) {
			d.ActError = r.Error
		}
	case bluegreen.DeleteDeployment:
		if final(r) {
			d.ActError = r.Error
		}
		if r.OK || r.Consequence == bluegreen.Ambiguous {
			d.DeploymentGone = true
			if act.DeleteTarget {
				d.undone = append(d.undone, fmt.Sprintf("%s: %s", e.At.Format("2006-01-02 15:04 MST"), act.String()))
			}
		}
	}
}

// final tells a refusal that the same call would get again.
func final(r resultData) bool {
	return !r.OK && (r.Consequence == bluegreen.Fix || r.Consequence == bluegreen.Fatal)
}

func (d *dbMemory) foldFact(e journal.Entry, f factData) {
	switch f.Name {
	case factSwitched:
		d.SwitchedAt, d.SwitchedTo, d.SwitchedBy = factTime(e, f), f.To, f.Deployment
		d.ConfirmedAt, d.ConfirmError, d.SwitchError = time.Time{}, "", ""
		d.foldLeft(d.Deployment, d.SwitchedAt)
		d.SwitchPending, d.Binlog = false, f.Binlog
		if d.Rollback != nil {
			d.undone = append(d.undone, d.Rollback.By+" asked to roll back too late: the switchover had completed")
			d.Rollback = nil
		}
		if f.OldBlue != "" {
			d.OldBlues = append(d.OldBlues, f.OldBlue)
		}
	case factConfirmed:
		d.ConfirmedAt, d.ConfirmError = e.At, ""
	case factUnconfirmed:
		d.ConfirmError = f.Error
	case factNotBegun:
		d.SwitchPending = false
		d.SwitchAttempts = max(0, d.SwitchAttempts-1)
	case factSwitchFailed:
		d.SwitchPending = false
		d.SwitchError = f.Error
		if at, err := time.Parse(time.RFC3339, f.At); err == nil {
			d.SwitchFailedAt = at
		}
	case factBuildFailed:
		d.BuildError = f.Error
	case factBlueSame:
		d.RolledBack, d.BlueDiff = e.At, strings.Join(f.Diff, "; ")
		d.undone = append(d.undone, e.What)
	case factGreens:
		d.Greens = f.Greens
	case factPlace:
		d.Binlog = f.Binlog
	}
}

func factTime(e journal.Entry, f factData) time.Time {
	if t, err := time.Parse(time.RFC3339, f.At); err == nil {
		return t
	}
	return e.At
}

// foldHuman takes a person's decision in.
func (m *memory) foldHuman(e journal.Entry) {
	h := &bluegreen.Human{At: e.At, By: e.By}
	var r journal.Request
	if json.Unmarshal(e.Data, &r) != nil {
		return
	}
	h.Why = r.Why
	if m.campaign == "" {
		m.campaign = r.Campaign
	}
	switch {
	case e.Database != "":
		d := m.db(e.Database)
		m.touched = append(m.touched, e.Database)
		m.remember(d, e)
		if !d.foldWord(r, h) {
			d.foldHuman(r.Verb, h)
		}
		d.foldGoBackOrder(r, h)
		d.foldCleanup(r, h)
	case e.Wave != "":
		w := m.wave(e.Wave)
		switch r.Verb {
		case "approve":
			w.approve(h, r)
			w.stop = nil
		case VerbOverride:
			w.overrides = append(w.overrides, overrideOf(r))
		case "pause":
			w.paused = h
		case "resume":
			w.paused = nil
		}
	case r.Verb == "pause":
		m.paused = h
	case r.Verb == "resume":
		m.paused = nil
	}
}

func (d *dbMemory) foldHuman(verb string, h *bluegreen.Human) {
	switch verb {
	case "pause":
		d.Paused = h
	case "resume":
		d.Paused, d.pinned = nil, nil
	case "pin":
		d.pinned = h
	case "skip":
		d.Skip = h
	case "rollback":
		d.Rollback, d.ActError = h, ""
	case "allow-no-sql":
		d.AllowNoSQL = h
	case "retry":
		d.Skip, d.Rollback, d.Retry = nil, nil, h
		d.RolledBack, d.BlueDiff = time.Time{}, ""
		d.SwitchAttempts, d.SwitchError, d.CreateError, d.ActError, d.ConfirmError, d.BuildError = 0, "", "", "", "", ""
		d.Precheck, d.verdict = nil, nil
		d.DeploymentGone = true
	}
}

// firstVersion is the database's version before the campaign, "" when not known.
func (m *memory) firstVersion(key string) string {
	if d := m.databases[key]; d != nil {
		return d.first
	}
	return ""
}

// record is the database's record, a copy safe to hand to pure functions.
func (m *memory) record(key string) bluegreen.Record {
	if d := m.databases[key]; d != nil {
		return d.Record
	}
	return bluegreen.Record{}
}
