package fleet

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

// askWave asks the hooks before a wave, before its first switchover. Each lets
// the wave begin once; what it said stands in the journal.
func (e *Engine) askWave(ctx context.Context, u unit) gateAnswer {
	name := e.waveName(u)
	if e.cfg.Hooks == nil {
		return gateAnswer{pass: true}
	}
	hooks := e.cfg.Plan.HooksFor(plan.BeforeWave, name, "")
	if len(hooks) == 0 {
		return gateAnswer{pass: true}
	}
	unlock := e.locks.lock("wave " + name)
	defer unlock()
	for _, h := range hooks {
		e.mu.Lock()
		w := e.cfg.Store.mem.wave(name)
		passed, stopped := w.hooks.passed[h.Name], w.stop.Standing(w.overrides, e.cfg.Clock.Now())
		e.mu.Unlock()
		switch {
		case stopped: // another database of the wave has heard the no
			return gateAnswer{no: "the wave may not begin", again: e.cfg.Clock.Now().Add(gatesRest)}
		case passed:
			continue
		}
		ans, err := e.callHook(ctx, "", name, h, e.callForWave(h, name, e.cfg.Plan.Name+"/wave/"+name+"/begin", ""))
		if err != nil || ctx.Err() != nil {
			return gateAnswer{err: err}
		}
		if a := e.judgeWave(name, h, ans); !a.pass || a.err != nil {
			return a
		}
	}
	return gateAnswer{pass: true}
}

// judgeWave turns a hook's answer into what it means for the wave.
func (e *Engine) judgeWave(wave string, h plan.Hook, ans HookAnswer) gateAnswer {
	if ans.Verdict == bluegreen.GatePass {
		return gateAnswer{pass: true}
	}
	now, g := e.cfg.Clock.Now(), hookGate(h, ans)
	e.mu.Lock()
	defer e.mu.Unlock()
	w := e.cfg.Store.mem.wave(wave)
	if !h.Vetoes() || bluegreen.Overridden(w.overrides, g.Name, now) != nil {
		return gateAnswer{pass: true, err: e.noteWave(wave, fmt.Sprintf("wave %s begins in spite of hook %s", wave, h.Name),
			hookData{Name: factHookGivenUp, Hook: h.Name, When: h.When, ID: e.cfg.Plan.Name + "/wave/" + wave + "/begin"})}
	}
	a := gateAnswer{no: g.String(), again: now.Add(cmp.Or(ans.After, h.Again))}
	if ans.Later {
		return a
	}
	s := bluegreen.Stop{Gate: g.Name, Verdict: g.Verdict, Reason: strings.Join(g.Evidence, "; "), Phase: bluegreen.StopSwitchover, At: now.UTC(), Times: 1}
	if was := w.stop; was != nil && was.Gate == s.Gate && was.Verdict == s.Verdict {
		s.Times = was.Times + 1
	}
	a.err = e.noteWave(wave, "the wave may not begin: "+g.String(), stopData{Name: factStopped, Stop: &s})
	return a
}

// noteWave journals a fact about a wave; the engine's mutex is held.
func (e *Engine) noteWave(wave, what string, data any) error {
	_, err := e.cfg.Store.append(journal.Entry{Kind: journal.Fact, Wave: wave, At: e.cfg.Clock.Now(), What: what}, data)
	return err
}

// callForWave is what a hook is told about a wave.
func (e *Engine) callForWave(h plan.Hook, wave, id, outcome string) HookCall {
	c := HookCall{Hook: h.Name, When: h.When, ID: id, Campaign: e.cfg.Plan.Name, Wave: wave, Outcome: outcome, By: e.cfg.By, At: e.cfg.Clock.Now().UTC()}
	e.mu.Lock()
	defer e.mu.Unlock()
	if w := e.cfg.Store.mem.wave(wave); w.approved != nil {
		c.ApprovedBy = w.approved.By
	}
	return c
}

// tellWaves tells hooks of waves that have ended.
func (e *Engine) tellWaves(ctx context.Context, units []unit, sch schedule) error {
	switched := map[int]bool{}
	for i := range units {
		switched[units[i].wave] = switched[units[i].wave] || !units[i].facts.Record.SwitchedAt.IsZero()
	}
	for n, w := range sch.waves {
		hooks := e.cfg.Plan.HooksFor(plan.AfterWave, w.Name, "")
		if (w.State == "done" || w.State == "partial") && switched[n] && len(hooks) > 0 {
			if err := e.oweWave(w, hooks); err != nil {
				return err
			}
		}
		if err := e.tellDue(ctx, "", w.Name, func(d hookData, h plan.Hook) HookCall { return e.callForWave(h, w.Name, d.ID, d.Outcome) },
			func(hookData, plan.Hook, HookAnswer) error { return nil }); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) oweWave(w WaveStatus, hooks []plan.Hook) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	id := e.cfg.Plan.Name + "/wave/" + w.Name + "/end"
	if e.hookMemory("", w.Name).owed[id+" "+plan.AfterWave+" "+w.State] {
		return nil
	}
	var names []string
	for _, h := range hooks {
		names = append(names, h.Name)
	}
	return e.noteWave(w.Name, "wave "+w.Name+" is over: "+w.State, hookData{Name: factHooksDue, When: plan.AfterWave, ID: id, Hooks: names, Outcome: w.State})
}

// foldFact takes a fact about a wave in.
func (w *waveMemory) foldFact(e journal.Entry, name string) {
	switch name {
	case factStopped:
		w.stop = stopOf(e)
	case factStopOver:
		w.stop = nil
	default:
		w.hooks.fold(e)
	}
}

// stopWave notes for a wave why it may not begin, "" when it may.
func (in *scheduleInput) stopWave(w *waveMemory, name string) {
	why := ""
	if w.stop.Standing(w.overrides, in.now) {
		why = fmt.Sprintf("%s does not let the wave begin: %s; approve --wave %s has it asked again, approve --wave %s --override-gate \"%s\" --reason WHY goes on",
			w.stop.Gate, w.stop.Reason, name, name, w.stop.Gate)
	}
	in.waveStops = append(in.waveStops, why)
}
