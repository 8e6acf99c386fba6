package fleet

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

const (
	// checksAtOnce bounds the databases that are looked at at length at once.
	checksAtOnce = 4
	// checkLength is a turn's: after it others have theirs, and a run that was
	// asked to end ends.
	checkLength = 30 * time.Second
	// checkRest is the time to the next try of a turn that could not be done;
	// checkAgain is how long a check's no counts.
	checkRest, checkAgain = 30 * time.Second, 5 * time.Minute
)

const factCheck = "check"

// checkData is the fact's entry in the journal: a finished check.
type checkData struct {
	Name  string         `json:"name"`
	Green string         `json:"green"`
	Gate  bluegreen.Gate `json:"gate"`
	Data  any            `json:"data,omitempty"`
	At    time.Time      `json:"-"`
}

// foldCheck takes a finished check in.
func (d *dbMemory) foldCheck(e journal.Entry, name string) {
	if name != factCheck {
		return
	}
	var data checkData
	if json.Unmarshal(e.Data, &data) != nil {
		return
	}
	data.At, data.Data = e.At, nil
	if d.checks == nil {
		d.checks = map[string]checkData{}
	}
	d.checks[data.Gate.Name] = data
	d.knowGate(data.Gate.Name)
}

// checkKeeper knows what goes on of checks in this process.
type checkKeeper struct {
	mu       sync.Mutex
	running  map[string]bool
	next     map[string]time.Time
	progress map[string]string // by key and name: how far, or why not
	fault    error
}

// begin tells whether a database's next turn may begin now.
func (k *checkKeeper) begin(key string, now time.Time) (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.running == nil {
		k.running, k.next, k.progress = map[string]bool{}, map[string]time.Time{}, map[string]string{}
	}
	if k.fault != nil {
		return false, &journalError{k.fault}
	}
	if k.running[key] || len(k.running) >= checksAtOnce || now.Before(k.next[key]) {
		return false, nil
	}
	k.running[key] = true
	return true, nil
}

func (k *checkKeeper) end(key, name, progress string, next time.Time, fault error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.running, key)
	k.next[key], k.progress[key+" "+name] = next, progress
	if fault != nil && k.fault == nil {
		k.fault = fault
	}
}

func (k *checkKeeper) busy(key string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.running[key]
}

func (k *checkKeeper) told(key, name string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.progress[key+" "+name]
}

// watchChecks begins turns of the checks of databases whose green is ready.
func (e *Engine) watchChecks(ctx, soft context.Context, units []unit) error {
	checker, ok := e.cfg.SQL.(Checker)
	if !ok || e.cfg.Inline { // nothing goes on beside virtual time
		return nil
	}
	now := e.cfg.Clock.Now()
	for i := range units {
		u := units[i]
		if u.state.Stage != bluegreen.Ready || u.state.Green == "" || u.pinned != nil || u.unread {
			continue
		}
		check, left := e.nextCheck(checker, &u, now)
		if !left {
			continue
		}
		if begin, err := e.checks.begin(u.key, now); err != nil || !begin {
			if err != nil {
				return err
			}
			continue
		}
		e.group.Go(func() { e.takeTurn(ctx, soft, checker, u, check) })
	}
	return nil
}

// nextCheck is the first one that has no answer that counts.
func (e *Engine) nextCheck(checker Checker, u *unit, now time.Time) (WantedCheck, bool) {
	for _, w := range checker.WantedChecks() {
		if _, counts := e.finished(u, w, now); !counts {
			return w, true
		}
	}
	return WantedCheck{}, false
}

// finished is a check's last answer, and whether it counts: it is about this
// green, not too old, and a no was not followed by a person's retry.
func (e *Engine) finished(u *unit, w WantedCheck, now time.Time) (checkData, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	mem := e.cfg.Store.mem.databases[u.key]
	if mem == nil {
		return checkData{}, false
	}
	d, known := mem.checks[w.Name]
	age := now.Sub(d.At)
	switch {
	case !known || d.Green != u.state.Green || age > w.Valid:
		return d, false
	case d.Gate.Verdict == bluegreen.GatePass:
		return d, true
	case mem.Retry != nil && mem.Retry.At.After(d.At):
		return d, false
	}
	return d, age <= checkAgain
}

func (e *Engine) takeTurn(ctx, soft context.Context, checker Checker, u unit, w WantedCheck) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(soft, cancel)()
	blue, green := e.endpoint(u, u.facts.ID), e.endpoint(u, u.state.Green)
	turn := e.cfg.Store.turnOf(u.key, w.Name, u.state.Green, e.cfg.Clock, checkLength)
	out, err := checker.Check(ctx, w.Name, blue, green, turn)
	now := e.cfg.Clock.Now()
	switch {
	case ctx.Err() != nil:
		e.checks.end(u.key, w.Name, out.Progress, now, nil)
	case err != nil:
		e.checks.end(u.key, w.Name, "could not go on: "+err.Error(), now.Add(checkRest), nil)
	case out.Gate == nil:
		e.checks.end(u.key, w.Name, out.Progress, now, nil)
	default:
		// The answer is written before the progress goes: killed in between, the
		// next run finds the answer and does not look for progress.
		err := e.append(u, journal.Fact, "checked ahead: "+out.Gate.String(), checkData{Name: factCheck, Green: u.state.Green, Gate: *out.Gate, Data: out.Data})
		if err == nil {
			err = turn.clear()
		}
		e.checks.end(u.key, w.Name, "", now, err)
	}
}

// checksHold is the check that a switchover waits for, "" when all have an
// answer. What the answers say is the gates' matter.
func (e *Engine) checksHold(u *unit) string {
	checker, ok := e.cfg.SQL.(Checker)
	if !ok {
		return ""
	}
	for _, w := range checker.WantedChecks() {
		if _, counts := e.finished(u, w, e.cfg.Clock.Now()); !counts {
			why := "it waits for a check: " + w.Name
			if p := e.checks.told(u.key, w.Name); p != "" {
				why += " (" + p + ")"
			}
			return why
		}
	}
	return ""
}

// checkGates are the answers that count, as gates. They have looked more than
// once: their first word is their last.
func (e *Engine) checkGates(u *unit) []bluegreen.Gate {
	checker, ok := e.cfg.SQL.(Checker)
	if !ok {
		return nil
	}
	var out []bluegreen.Gate
	for _, w := range checker.WantedChecks() {
		if done, counts := e.finished(u, w, e.cfg.Clock.Now()); counts {
			g := done.Gate
			g.Final = true
			g.Evidence = append([]string{"as of " + done.At.UTC().Format("2006-01-02 15:04 MST")}, g.Evidence...)
			out = append(out, g)
		}
	}
	return out
}

// checkWarnings tell early what will stand in the way of a switchover.
func (d *dbMemory) checkWarnings(id, stage string) []string {
	var out []string
	if stage != string(bluegreen.Ready) {
		return nil
	}
	for _, name := range sortedKeys(d.checks) {
		if g := d.checks[name].Gate; g.Verdict != bluegreen.GatePass {
			out = append(out, id+": a check of its green does not pass: "+clip(g.String(), 400))
		}
	}
	return out
}
