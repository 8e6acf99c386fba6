package fleet

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

var (
	userInfo   = regexp.MustCompile(`://[^\s/@]+@`)
	secretWord = regexp.MustCompile(`(?i)\b(password|passwd|pwd|secret|token|api[_-]?key|authorization)(["']?\s*[=:]\s*)("[^"]*"|'[^']*'|(?:bearer |basic )?[^\s,;&]+)`)
)

// The facts about hooks: each call is journaled before it is made and after
// its answer, and what is owed to a hook until it was told.
const (
	factHookAsked    = "hook-asked"
	factHookAnswered = "hook-answered"
	factHooksDue     = "hooks-due"
	factHookGivenUp  = "hook-given-up"
)

// hookData is the facts' entry in the journal.
type hookData struct {
	Name    string      `json:"name"`
	Hook    string      `json:"hook,omitempty"`
	When    string      `json:"when"`
	ID      string      `json:"id"`
	Attempt int         `json:"attempt,omitempty"`
	Answer  *HookAnswer `json:"answer,omitempty"`
	// Hooks and Outcome are of what is due.
	Hooks   []string `json:"hooks,omitempty"`
	Outcome string   `json:"outcome,omitempty"`
}

// hookMemory is what the journal holds of hooks, of a database or a wave.
type hookMemory struct {
	calls map[string]int      // by id and hook: how often it was called
	due   map[string]hookData // owed: by id and hook
	// open is the id of a switchover that a hook let begin, or may have let begin,
	// and that nobody was told the end of; opened tells that one surely did.
	open   string
	opened bool
	// passed are a wave's hooks that let it begin; stop is why it may not.
	passed map[string]bool
	// owed are the moments that were noted once, by id, moment and outcome.
	owed map[string]bool
	// patient are the due ones that ask for patience; given are the hooks that
	// are not called any more, because they never said yes.
	patient map[string]bool
	given   map[string]hookData
}

func (m *hookMemory) init() {
	if m.calls == nil {
		m.calls, m.due, m.given = map[string]int{}, map[string]hookData{}, map[string]hookData{}
		m.passed, m.owed, m.patient = map[string]bool{}, map[string]bool{}, map[string]bool{}
	}
}

// fold takes one entry about hooks in.
func (m *hookMemory) fold(e journal.Entry) {
	var d hookData
	if json.Unmarshal(e.Data, &d) != nil {
		return
	}
	key := d.ID + " " + d.Hook
	switch d.Name {
	case factHookAsked:
		m.init()
		m.calls[key]++
		if d.When == plan.BeforeSwitchover {
			m.open = d.ID
		}
	case factHookAnswered:
		m.init()
		if d.When == plan.BeforeSwitchover {
			m.opened = m.opened || d.Answer != nil && d.Answer.Verdict == bluegreen.GatePass
			if !m.opened { // it said no: there is nothing to end
				m.open = ""
			}
		}
		m.patient[key] = d.Answer != nil && d.Answer.Later
		if d.Answer != nil && d.Answer.Verdict == bluegreen.GatePass {
			delete(m.due, key)
			delete(m.given, key)
			if d.When == plan.BeforeWave {
				m.passed[d.Hook] = true
			}
		}
	case factHooksDue:
		m.init()
		m.owed[d.ID+" "+d.When+" "+d.Outcome] = true
		if d.When == plan.AfterSwitchover {
			m.open, m.opened = "", false
		}
		for _, name := range d.Hooks {
			one := d
			one.Hook, one.Hooks = name, nil
			m.due[d.ID+" "+name] = one
		}
	case factHookGivenUp:
		m.init()
		delete(m.due, key)
		m.passed[d.Hook] = m.passed[d.Hook] || d.When == plan.BeforeWave
		m.given[key] = d
	}
}

// again makes a hook due once more whose no a person answered with a retry.
func (m *hookMemory) again(gate string) {
	for key, d := range m.given {
		if bluegreen.HookGate(d.Hook) == gate && d.When == plan.AfterSwitchover {
			d.Name = factHooksDue
			m.due[key] = d
			delete(m.given, key)
			delete(m.calls, key)
		}
	}
}

// hooks are the plan's hooks of a moment for a database.
func (e *Engine) hooks(u unit, when string) []plan.Hook {
	if e.cfg.Hooks == nil || len(e.cfg.Plan.Hooks) == 0 {
		return nil
	}
	return e.cfg.Plan.HooksFor(when, e.waveName(u), u.facts.ID)
}

// switchID names one try to switch one deployment over.
func (e *Engine) switchID(u unit) string {
	dep := ""
	if u.state.Deployment != nil {
		dep = u.state.Deployment.ID
	}
	return e.cfg.Plan.Name + "/" + u.key + "/switchover/" + dep + "/" + attempt(u)
}

// askHooks asks the hooks before a moment, one after the other, until one does
// not say yes.
func (e *Engine) askHooks(ctx context.Context, u unit, when string, phase bluegreen.StopPhase) gateAnswer {
	for _, h := range e.hooks(u, when) {
		id := e.switchID(u)
		if when == plan.BeforeBuild {
			id = e.cfg.Plan.Name + "/" + u.key + "/build/" + u.facts.Hops[0].To
		}
		ans, err := e.callHook(ctx, u.key, "", h, e.callFor(u, h, id, ""))
		if err != nil || ctx.Err() != nil {
			return gateAnswer{err: err}
		}
		if a := e.judgeHook(u, h, ans, phase); !a.pass || a.err != nil {
			return a
		}
	}
	return gateAnswer{pass: true}
}

// judgeHook turns a hook's answer into what it means for the database.
func (e *Engine) judgeHook(u unit, h plan.Hook, ans HookAnswer, phase bluegreen.StopPhase) gateAnswer {
	g := hookGate(h, ans)
	now := e.cfg.Clock.Now()
	e.mu.Lock()
	over := e.cfg.Store.mem.record(u.key).Overrides
	e.mu.Unlock()
	if g.Verdict == bluegreen.GatePass || !h.Vetoes() {
		return gateAnswer{pass: true}
	}
	d := bluegreen.Decide([]bluegreen.Gate{g}, over, nil, now)
	a := gateAnswer{pass: d.Pass, no: g.String(), again: now.Add(cmp.Or(ans.After, h.Again))}
	if d.Stop {
		a.err = e.stopUnit(u, phase, g)
	}
	return a
}

// hookGate is a hook's answer as a gate.
func hookGate(h plan.Hook, ans HookAnswer) bluegreen.Gate {
	g := bluegreen.Gate{Name: bluegreen.HookGate(h.Name), Verdict: ans.Verdict, Later: ans.Later, Evidence: []string{cmp.Or(ans.Words, "no words")}}
	if ans.Later {
		g.Evidence = append(g.Evidence, "it asks for patience")
	}
	return g
}

// callHook journals a call, makes it, and journals its answer.
func (e *Engine) callHook(ctx context.Context, key, wave string, h plan.Hook, c HookCall) (HookAnswer, error) {
	e.mu.Lock()
	c.Attempt = e.hookMemory(key, wave).calls[c.ID+" "+h.Name] + 1
	d := hookData{Name: factHookAsked, Hook: h.Name, When: h.When, ID: c.ID, Attempt: c.Attempt}
	_, err := e.cfg.Store.append(journal.Entry{Kind: journal.Fact, Database: key, Wave: wave, At: e.cfg.Clock.Now(),
		What: fmt.Sprintf("hook %s (%s) is called, attempt %d", h.Name, h.When, c.Attempt)}, d)
	e.mu.Unlock()
	if err != nil {
		return HookAnswer{}, err
	}
	ans := e.cfg.Hooks(ctx, h, c)
	if ctx.Err() != nil {
		return ans, nil // nobody heard the answer: it is asked again
	}
	d.Name, d.Answer = factHookAnswered, &ans
	e.mu.Lock()
	defer e.mu.Unlock()
	_, err = e.cfg.Store.append(journal.Entry{Kind: journal.Fact, Database: key, Wave: wave, At: e.cfg.Clock.Now(),
		What: fmt.Sprintf("hook %s (%s) says %s", h.Name, h.When, hookText(h, ans))}, d)
	e.cfg.Log.Info().Str("db", key).Str("wave", wave).Str("hook", h.Name).Str("verdict", string(ans.Verdict)).Bool("later", ans.Later).Msg("hook")
	return ans, err
}

// hookText is an answer in words.
func hookText(h plan.Hook, a HookAnswer) string {
	what := map[bluegreen.GateVerdict]string{bluegreen.GatePass: "go", bluegreen.GateFail: "no", bluegreen.GateInconclusive: "nothing that could be understood"}[a.Verdict]
	if a.Later {
		what = "not now"
	}
	if a.Words != "" {
		what += ": " + a.Words
	}
	if a.Verdict != bluegreen.GatePass && !h.Vetoes() {
		what += " (on_failure: continue)"
	}
	return what
}

// hookMemory is the memory of a database's, or a wave's, hooks.
func (e *Engine) hookMemory(key, wave string) *hookMemory {
	if wave != "" {
		return &e.cfg.Store.mem.wave(wave).hooks
	}
	return &e.cfg.Store.mem.db(key).hooks
}

// callFor is what a hook is told about a database.
func (e *Engine) callFor(u unit, h plan.Hook, id, outcome string) HookCall {
	account, region, _ := strings.Cut(u.scope, "/")
	c := HookCall{Hook: h.Name, When: h.When, ID: id, Campaign: e.cfg.Plan.Name, Wave: e.waveName(u), Database: u.facts.ID, Account: account,
		Region: region, Service: u.service, Stage: string(u.state.Stage), OldBlue: u.oldBlue(), Outcome: outcome, By: e.cfg.By, At: e.cfg.Clock.Now().UTC()}
	e.mu.Lock()
	mem := e.cfg.Store.mem
	if w := mem.wave(c.Wave); w.approved != nil {
		c.ApprovedBy = w.approved.By
	}
	rec := mem.record(u.key)
	e.mu.Unlock()
	if n := e.members[u.key]; n < len(e.campaign.members) && e.campaign.members[n].key == u.key {
		c.Owner = e.campaign.members[n].owner
	}
	c.Greens = slices.Clone(rec.Greens)
	if d := u.state.Deployment; d != nil {
		c.Deployment = d.ID
	}
	if len(u.facts.Hops) > 0 {
		c.FromVersion, c.ToVersion = u.facts.Hops[0].From, u.facts.Hops[0].To
	}
	if !rec.ConfirmedAt.IsZero() && outcome == outcomeSwitched {
		c.ToVersion = rec.SwitchedTo
	}
	if i := u.facts.Instances[u.facts.ID]; i != nil {
		if i.Address != "" {
			c.Endpoint = net.JoinHostPort(i.Address, strconv.Itoa(i.Port))
		}
		if c.FromVersion == "" && rec.BlueBefore != nil {
			c.FromVersion = rec.BlueBefore.Version
		}
	}
	return c
}
