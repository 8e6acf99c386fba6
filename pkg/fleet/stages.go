package fleet

import (
	"context"
	"slices"
	"strings"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

// journalStages writes every move from one stage to another.
func (e *Engine) journalStages(units []unit) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, i := range e.fresh {
		u := &units[i]
		d := e.cfg.Store.mem.db(u.key)
		now := string(u.state.Stage)
		if err := e.journalGreens(u, d); err != nil {
			return err
		}
		if d.stage == now || u.unread || e.cfg.Only != nil && !e.cfg.Only[u.key] || e.relooking(u, d.stage) {
			continue
		}
		what := now
		if u.state.Reason != "" {
			what += ": " + u.state.Reason
		}
		if _, err := e.cfg.Store.append(journal.Entry{Kind: journal.Stage, Database: u.key, What: what, At: u.facts.Now},
			stageData{From: d.stage, To: now}); err != nil {
			return err
		}
		e.cfg.Log.Info().Str("db", u.key).Str("stage", now).Str("reason", u.state.Reason).Msg("stage")
	}
	return nil
}

// relooking tells that a green which an earlier run found ready is only being
// read again: a new process has no memory of good reads. Nothing has moved
// unless a reading says so.
func (e *Engine) relooking(u *unit, was string) bool {
	st := u.state.Stage
	if st == bluegreen.Ready {
		e.wasReady[u.key] = true
	}
	if was != string(bluegreen.Ready) || e.wasReady[u.key] || st != bluegreen.CatchingUp && st != bluegreen.Verifying {
		return false
	}
	w, p := u.facts.Watch, u.facts.Policy
	return w.LagUnknown == 0 && (w.Lag == nil || w.Lag.Known && w.Lag.Seconds <= p.MaxLag.Seconds())
}

// journalGreens keeps the greens' names as long as RDS tells them: after the
// switchover they are gone, and the event with the binlog position carries them.
func (e *Engine) journalGreens(u *unit, d *dbMemory) error {
	dep := u.state.Deployment
	if dep == nil || dep.Status == bluegreen.SwitchoverCompleted || dep.Status == bluegreen.Deleting || len(dep.Members) == 0 {
		return nil
	}
	greens := []string{}
	for _, m := range dep.Members {
		if m.Target == "" {
			return nil
		}
		id := bluegreen.IDFromARN(m.Target)
		if id == u.facts.ID || baseOfOld(bluegreen.IDFromARN(m.Source)) == id {
			return nil // RDS is moving the names: what is listed is no green's any more
		}
		if bluegreen.IDFromARN(m.Source) == u.facts.ID {
			greens = append([]string{id}, greens...)
		} else {
			greens = append(greens, id)
		}
	}
	if slices.Equal(greens, d.Greens) {
		return nil
	}
	_, err := e.cfg.Store.append(journal.Entry{Kind: journal.Fact, Database: u.key, At: u.facts.Now,
		What: "greens: " + strings.Join(greens, ", ")}, factData{Name: factGreens, Greens: greens})
	return err
}

// note writes an entry about the run itself.
func (e *Engine) note(k journal.Kind, what string, data any) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, err := e.cfg.Store.append(journal.Entry{Kind: k, What: what, By: e.cfg.By, At: e.cfg.Clock.Now()}, data)
	return err
}

// collect takes the requests of second terminals in.
func (e *Engine) collect(ctx context.Context) error {
	return e.cfg.Store.Collect(ctx, func(r journal.Request) error {
		e.mu.Lock()
		defer e.mu.Unlock()
		if r.Campaign != "" && r.Campaign != e.cfg.Plan.Name {
			e.cfg.Log.Warn().Str("campaign", r.Campaign).Str("verb", r.Verb).Msg("a request for another campaign was refused")
			return nil
		}
		return e.cfg.Store.Say(r)
	})
}
