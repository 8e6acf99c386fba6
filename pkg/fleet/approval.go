package fleet

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

// content is what an approval is given for, of one database: which machine,
// and what becomes of it. Sizes are left out, because storage grows by itself.
type content struct {
	Machine  string `json:"machine,omitempty"` // blue's resource id
	Route    string `json:"route,omitempty"`   // "8.0.46 > 8.4.10"
	Class    string `json:"class,omitempty"`
	Storage  string `json:"storage,omitempty"`
	Group    string `json:"parameter_group,omitempty"`
	Replicas string `json:"replicas,omitempty"` // "orders-r1 db.m7g.large gp3"
}

// contentOf is what is known of a road, nil where it is not known.
func contentOf(blue *bluegreen.Instance, res *resolved) *content {
	if blue == nil || res == nil || res.target == nil || res.routeE != "" {
		return nil
	}
	t := res.target
	c := &content{Machine: blue.ResourceID, Route: routeText(res.hops), Class: t.Class, Storage: t.Storage.Type, Group: t.ParameterGroup}
	var replicas []string
	for _, id := range sortedKeys(t.ReplicaClass) {
		replicas = append(replicas, strings.TrimSpace(id+" "+t.ReplicaClass[id]+" "+t.ReplicaStorage[id].Type))
	}
	c.Replicas = strings.Join(replicas, ", ")
	return c
}

func routeText(hops []bluegreen.Hop) string {
	var to []string
	for _, h := range hops {
		to = append(to, h.To)
	}
	return strings.Join(to, " > ")
}

// since says in words what is not as approved, "" when all is. A database that
// was switched over since is further along the approved route.
func (c *content) since(was content, switched bool) string {
	if switched {
		if c.Route != "" && c.Route != was.Route && !strings.HasSuffix(was.Route, " > "+c.Route) {
			return fmt.Sprintf("its route was %s, now %s remains", orNone(was.Route), c.Route)
		}
		return ""
	}
	var out []string
	for _, f := range []struct{ name, was, is string }{{"machine", was.Machine, c.Machine}, {"route", was.Route, c.Route}, {"class", was.Class, c.Class},
		{"storage", was.Storage, c.Storage}, {"parameter group", was.Group, c.Group}, {"replicas", was.Replicas, c.Replicas}} {
		if f.was != f.is {
			out = append(out, fmt.Sprintf("%s was %s, is %s", f.name, orNone(f.was), orNone(f.is)))
		}
	}
	return strings.Join(out, "; ")
}

const (
	factApproved      = "approved-content" // what an approval was given for
	factApprovalVoid  = "approval-void"    // it does not hold any more, or again
	factApprovalOther = "approval-refused" // it was given for something else
)

// approvalData is what the journal holds of an approval's content.
type approvalData struct {
	Name        string             `json:"name"`
	Fingerprint string             `json:"fingerprint,omitempty"`
	Databases   map[string]content `json:"databases,omitempty"`
	Why         string             `json:"why,omitempty"`
}

// foldApproval takes what an approval was given for in. Older journals have
// approvals without: they hold for what the next run finds.
func (m *memory) foldApproval(e journal.Entry) {
	var d approvalData
	if e.Wave == "" || json.Unmarshal(e.Data, &d) != nil {
		return
	}
	w := m.wave(e.Wave)
	switch d.Name {
	case factApproved:
		if w.content == nil {
			w.content = map[string]content{}
		}
		maps.Copy(w.content, d.Databases) // runs of parts write down their own
		w.fingerprint, w.void = d.Fingerprint, ""
	case factApprovalVoid:
		w.void = d.Why
	case factApprovalOther:
		w.approved, w.refused = nil, d.Why
	}
}

// approve begins a wave's approval anew. Runs of parts each have the same one
// in their journals.
func (w *waveMemory) approve(h *bluegreen.Human, r journal.Request) {
	if w.approved != nil && w.approved.By == h.By && w.approved.At.Equal(h.At) {
		return
	}
	w.approved, w.wants, w.content, w.fingerprint, w.void, w.refused = h, r.Fingerprint, nil, "", "", ""
}

// changed says why a database is not what its wave was approved for, "" when
// it is, or when the wave needs no approval.
func (e *Engine) changed(m member, u *unit, c *content) string {
	if m.wave < 0 || e.cfg.Plan.Waves[m.wave].Approval != "manual" {
		return ""
	}
	w := e.cfg.Store.mem.wave(e.cfg.Plan.Waves[m.wave].Name)
	if w.approved == nil || w.content == nil || c == nil || u.facts.Record.SwitchPending {
		return ""
	}
	was, known := w.content[m.key]
	if !known {
		if len(u.facts.Hops) == 0 {
			return ""
		}
		return m.id + " was not in the wave"
	}
	if why := c.since(was, !u.facts.Record.SwitchedAt.IsZero()); why != "" {
		return m.id + ": " + why
	}
	return ""
}

// approvals gives the approvals that hold, and of those that do not the reason.
// It is called under the engine's mutex.
func (e *Engine) approvals() (approved []*bluegreen.Human, void []string) {
	void = make([]string, len(e.cfg.Plan.Waves))
	for i := range e.list {
		if u := &e.list[i]; u.changed != "" && void[u.wave] == "" {
			void[u.wave] = u.changed
		}
	}
	for n, wave := range e.cfg.Plan.Waves {
		w := e.cfg.Store.mem.wave(wave.Name)
		if void[n] == "" {
			void[n] = e.left[n]
		}
		h := w.approved
		if h != nil && void[n] != "" {
			void[n] = "approved by " + h.By + " on " + h.At.UTC().Format("2006-01-02 15:04 MST") + " for something else: " + void[n]
			h = nil
		} else if h == nil {
			void[n] = w.refused
		}
		approved = append(approved, h)
	}
	return approved, void
}

// holdApprovals writes down what new approvals were given for, as it is seen
// now, and when one holds no more. A wave with a part that could not be read is
// left for later: nothing in it is switched meanwhile.
func (e *Engine) holdApprovals() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	mem := e.cfg.Store.mem
	_, void := e.approvals()
	for n, wave := range e.cfg.Plan.Waves {
		w := mem.wave(wave.Name)
		if wave.Approval != "manual" || w.approved == nil {
			continue
		}
		if w.content == nil {
			if err := e.fixApproval(n, w); err != nil {
				return err
			}
			continue
		}
		if why := void[n]; why != w.void {
			what := "the approval of wave " + wave.Name + " holds again"
			if why != "" {
				what = "the approval of wave " + wave.Name + " does not hold any more: " + why
			}
			if err := e.sayOfWave(wave.Name, what, approvalData{Name: factApprovalVoid, Why: why}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *Engine) sayOfWave(wave, what string, data any) error {
	_, err := e.cfg.Store.append(journal.Entry{Kind: journal.Fact, Wave: wave, What: what, At: e.cfg.Clock.Now()}, data)
	return err
}

// fixApproval ties an approval to what the wave is now, unless it was given for
// another fingerprint.
func (e *Engine) fixApproval(n int, w *waveMemory) error {
	databases, readable := e.contents(n)
	if !readable {
		return nil
	}
	name, now := e.cfg.Plan.Waves[n].Name, fingerprintOf(databases)
	e.epoch++
	if w.wants != "" && (!strings.HasPrefix(now, strings.ToLower(w.wants)) || e.cfg.Store.Share != "") {
		why := fmt.Sprintf("the approval by %s is for %s, the wave is %s", w.approved.By, w.wants, now)
		if e.cfg.Store.Share != "" {
			why = "a run of " + e.cfg.Store.Share + " does not see all of the wave, and cannot compare fingerprints"
		}
		return e.sayOfWave(name, "refused: "+why, approvalData{Name: factApprovalOther, Why: why})
	}
	return e.sayOfWave(name, fmt.Sprintf("the approval of wave %s is for fingerprint %s (databases in it: %d)", name, now, len(databases)),
		approvalData{Name: factApproved, Fingerprint: now, Databases: databases})
}

// contents is what would be approved of a wave now; false while a part of it
// cannot be read.
func (e *Engine) contents(n int) (map[string]content, bool) {
	out := map[string]content{}
	for i, m := range e.campaign.members {
		if m.wave != n {
			continue
		}
		u := &e.list[i]
		if u.unread {
			return nil, false
		}
		out[m.key] = content{}
		if u.content != nil {
			out[m.key] = *u.content
		}
	}
	return out, true
}

// fingerprintOf is the first 12 hex digits of SHA-256 over the wave's databases
// that have something before them, as JSON with sorted keys.
func fingerprintOf(databases map[string]content) string {
	ahead := map[string]content{}
	for k, c := range databases {
		if c.Route != "" {
			ahead[k] = c
		}
	}
	b, err := json.Marshal(ahead)
	if err != nil { // strings only: cannot be
		return ""
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:6])
}

// missed notes per wave a database that was approved and is in it no more. It
// can be told only of a run that sees all of the campaign.
func (e *Engine) missed() {
	e.left = make([]string, len(e.cfg.Plan.Waves))
	if e.cfg.Store.Share != "" {
		return
	}
	in := map[string]int{}
	for _, m := range e.campaign.members {
		in[m.key] = m.wave
	}
	for n, wave := range e.cfg.Plan.Waves {
		for _, key := range sortedKeys(e.cfg.Store.mem.wave(wave.Name).content) {
			if w, ok := in[key]; !ok || w != n {
				e.left[n] = key[strings.LastIndexByte(key, '/')+1:] + " is not in the wave any more"
			}
		}
	}
}

// waveFingerprints puts into a status what an approval would be given for.
func (e *Engine) waveFingerprints(waves []WaveStatus) {
	for n := range waves {
		if waves[n].Approval != "manual" {
			continue
		}
		if databases, ok := e.contents(n); ok && waves[n].State != "done" {
			waves[n].Fingerprint = fingerprintOf(databases)
		}
		if waves[n].State == "awaiting-approval" && waves[n].Fingerprint != "" {
			waves[n].Reason += " (fingerprint " + waves[n].Fingerprint + ")"
		}
		waves[n].ApprovedFor = e.cfg.Store.mem.wave(waves[n].Name).fingerprint
	}
}
