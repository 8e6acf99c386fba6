package fleet

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

// Keeper reads snapshots. Without one no server is ever removed.
type Keeper interface {
	// FinalSnapshot is the snapshot of that name, nil when there is none.
	FinalSnapshot(ctx context.Context, name string) (*bluegreen.Snapshot, error)
}

// Visitors is an SQL that can tell who is connected to a server, besides RDS,
// replication and this program.
type Visitors interface {
	Clients(context.Context, Endpoint) ([]string, error)
}

// cleanup is what there is to clean up after one unit.
func (e *Engine) cleanup(u unit, members map[string][]bluegreen.Deployment, readings map[string]bluegreen.CleanupReading) bluegreen.Cleaning {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.judgeLeft(u, members, readings)
}

// judgeLeft is cleanup for callers that hold the engine's mutex.
func (e *Engine) judgeLeft(u unit, members map[string][]bluegreen.Deployment, readings map[string]bluegreen.CleanupReading) bluegreen.Cleaning {
	f := bluegreen.CleanupFacts{Facts: u.facts, State: u.state, Keep: e.cfg.Plan.Cleanup.Keep, Automatic: e.cfg.Plan.Cleanup.Policy == plan.CleanupAutomatic,
		MemberOf: members, Readings: readings}
	f.Record = e.cfg.Store.mem.record(u.key)
	if _, ok := e.cfg.SQL.(Visitors); !ok {
		f.Policy.SQL = false
	}
	switch {
	case e.cfg.Store.mem.paused != nil:
		f.Paused = "the campaign is paused by " + e.cfg.Store.mem.paused.By
	case u.wave >= 0 && e.cfg.Store.mem.wave(e.cfg.Plan.Waves[u.wave].Name).paused != nil:
		f.Paused = "its wave is paused by " + e.cfg.Store.mem.wave(e.cfg.Plan.Waves[u.wave].Name).paused.By
	case u.pinned != nil:
		f.Paused = "pinned by " + u.pinned.By
	case e.frozen != "":
		f.Paused = e.frozen
	case u.unread:
		f.Paused = "its account and Region could not be read"
	}
	return bluegreen.Cleanup(f)
}

// members are a scope's deployments by the names of the instances in them.
func (s *sight) members() map[string][]bluegreen.Deployment {
	if s == nil {
		return nil
	}
	seen, out := map[string]bool{}, map[string][]bluegreen.Deployment{}
	for _, list := range s.byDatabase {
		for _, d := range list {
			if seen[d.ID] {
				continue
			}
			seen[d.ID] = true
			names := map[string]bool{bluegreen.IDFromARN(d.Source): true, bluegreen.IDFromARN(d.Target): true}
			for _, m := range d.Members {
				names[bluegreen.IDFromARN(m.Source)], names[bluegreen.IDFromARN(m.Target)] = true, true
			}
			for id := range names {
				out[id] = append(out[id], d)
			}
		}
	}
	return out
}

// cleanAll removes what may be removed of what the campaign left behind, one
// call for each server in a tick: what follows is derived from what AWS shows
// then. It reports whether anything goes on by itself.
func (e *Engine) cleanAll(ctx, soft context.Context, units []unit) (bool, error) {
	members := map[string]map[string][]bluegreen.Deployment{}
	var g errgroup.Group
	g.SetLimit(actsAtOnce)
	going := false
	for i := range units {
		if e.cfg.Inline && e.briefs[i].kind == queued || !e.wantsCleaning(&units[i]) {
			continue
		}
		u := e.refreshed(units[i])
		if members[u.scope] == nil {
			members[u.scope] = e.seen[u.scope].members()
		}
		c := e.cleanup(u, members[u.scope], nil)
		going = going || c.Going || len(c.Read) > 0
		if len(c.Read) == 0 && len(c.Actions) == 0 && len(c.Prove) == 0 || soft.Err() != nil || u.resting {
			continue
		}
		work := func() error { return e.clean(ctx, u, members[u.scope], c) }
		if !e.cfg.Inline {
			g.Go(work)
			continue
		}
		if err := work(); err != nil {
			return going, err
		}
	}
	return going, g.Wait()
}

// refreshed is the unit with what the last look shows. An inline engine derives
// a unit again only when its own servers change, and old ones are not among them.
func (e *Engine) refreshed(u unit) unit {
	s := e.seen[u.scope]
	if !e.cfg.Inline || u.unread || s == nil || s.err != nil {
		return u
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	u.facts.Now, u.facts.Record = e.cfg.Clock.Now(), e.cfg.Store.mem.record(u.key)
	u.facts.Instances, u.facts.Deployments = s.around(u.facts.ID, u.facts.Record), s.byDatabase[u.facts.ID]
	u.state = bluegreen.Derive(u.facts)
	return u
}

// wantsCleaning tells cheaply whether anything might be removed after a unit:
// a second key is there, and something was left behind.
func (e *Engine) wantsCleaning(u *unit) bool {
	if u.unread || e.cfg.Only != nil && !e.cfg.Only[u.key] || len(u.facts.Record.Known) == 0 {
		return false
	}
	switch u.state.Stage {
	case bluegreen.Done, bluegreen.Cleaned, bluegreen.RolledBack:
	default:
		return false
	}
	return e.cfg.Plan.Cleanup.Policy == plan.CleanupAutomatic || len(u.facts.Record.Cleanups) > 0
}

// clean reads what must be known right before a removal, decides again, and
// makes the calls; it proves the snapshots of what is gone.
func (e *Engine) clean(ctx context.Context, u unit, members map[string][]bluegreen.Deployment, c bluegreen.Cleaning) error {
	if len(c.Read) > 0 {
		c = e.cleanup(u, members, e.cleanupReadings(ctx, u, c.Leftovers, c.Read))
	}
	for _, l := range c.Prove {
		if err := e.prove(ctx, u, l); err != nil {
			return err
		}
	}
	sc := e.scope(u.scope)
	for _, a := range c.Actions {
		if ctx.Err() != nil {
			return nil
		}
		if err := e.endWay(u, a); err != nil {
			return err
		}
		if err := e.act(ctx, sc, u, a); err != nil {
			return e.settle(u, err)
		}
	}
	return nil
}

// endWay notes what the armed way back leaves behind when its server goes.
func (e *Engine) endWay(u unit, a bluegreen.Action) error {
	e.mu.Lock()
	mem := e.cfg.Store.mem.databases[u.key]
	armed := a.Kind == bluegreen.DeleteInstance && mem != nil && !mem.armed.IsZero() && a.Instance == u.state.OldBlue
	e.mu.Unlock()
	if !armed {
		return nil
	}
	return e.append(u, journal.Fact, "the way back ends: "+a.Instance+" is removed, and its replication with it; the account "+
		e.cfg.Plan.Switchover.WayBack.User+", the schema rdsupgrade and the binlog retention stay on "+u.facts.ID, factData{Name: factWayEnded})
}

// cleanupReadings asks who is connected to the servers, and whether their final
// snapshots are there.
func (e *Engine) cleanupReadings(ctx context.Context, u unit, list []bluegreen.Leftover, want []string) map[string]bluegreen.CleanupReading {
	wanted := map[string]bool{}
	for _, r := range want {
		wanted[r] = true
	}
	out := map[string]bluegreen.CleanupReading{}
	for _, l := range list {
		if !wanted[l.ResourceID] {
			continue
		}
		var r bluegreen.CleanupReading
		if v, ok := e.cfg.SQL.(Visitors); ok {
			var err error
			if r.Clients, err = v.Clients(ctx, e.endpoint(u, l.Instance)); err != nil {
				r.ClientsErr = err.Error()
			}
		}
		if l.Snapshot != "" {
			var err error
			if r.Snapshot, err = e.finalSnapshot(ctx, u, l.Snapshot); err != nil {
				r.SnapshotErr = err.Error()
			}
		}
		out[l.ResourceID] = r
	}
	return out
}

func (e *Engine) finalSnapshot(ctx context.Context, u unit, name string) (*bluegreen.Snapshot, error) {
	k, ok := e.scope(u.scope).Cloud.(Keeper)
	if !ok {
		return nil, fmt.Errorf("this build cannot read snapshots here")
	}
	return k.FinalSnapshot(ctx, name)
}

// prove journals that a server is gone, once its final snapshot is seen available.
func (e *Engine) prove(ctx context.Context, u unit, l bluegreen.Leftover) error {
	data := removedData{Name: factRemoved, Instance: l.Instance, ResourceID: l.ResourceID}
	if l.Snapshot == "" {
		return e.append(u, journal.Fact, "removed: "+l.Instance+" ("+l.ResourceID+") is gone; a read replica has no final snapshot", data)
	}
	s, err := e.finalSnapshot(ctx, u, l.Snapshot)
	switch {
	case err != nil: // the next tick asks again
		e.cfg.Log.Warn().Str("db", u.key).Err(err).Msg("a final snapshot could not be read")
		return nil
	case s != nil && s.ResourceID == l.ResourceID && s.Status == "available":
		data.Snapshot, data.GiB = s.ID, s.GiB
		return e.append(u, journal.Fact, fmt.Sprintf("removed: %s (%s) is gone; its final snapshot %s is available (%d GiB)", l.Instance, l.ResourceID, s.ID, s.GiB), data)
	case s != nil && s.ResourceID == l.ResourceID && s.Status == "creating":
		return nil
	case s == nil:
		data.Missing = "there is no final snapshot " + l.Snapshot
	default:
		data.Missing = fmt.Sprintf("its final snapshot %s is %s, of server %s", l.Snapshot, s.Status, s.ResourceID)
	}
	return e.append(u, journal.Fact, "ALARM: "+l.Instance+" ("+l.ResourceID+") is gone, but "+data.Missing, data)
}

// forbidden says why a removal that was decided may not be asked for any more.
// Callers hold the engine's mutex.
func (e *Engine) forbidden(u unit) string {
	mem, rec := e.cfg.Store.mem, e.cfg.Store.mem.record(u.key)
	switch {
	case mem.paused != nil || mem.wave(e.cfg.Plan.Waves[u.wave].Name).paused != nil || rec.Paused != nil:
		return "it was paused"
	case rec.Rollback != nil && u.facts.Record.Rollback == nil, rec.GoBack != nil && rec.GoBack.Done.IsZero():
		return "a person decided otherwise"
	case e.cfg.Clock.Now().Sub(u.facts.Now) > max(time.Minute, 3*e.cfg.Plan.Run.Poll) && !e.cfg.Inline:
		return "the look at AWS is too old"
	}
	return ""
}

// replicas are blue's read replicas as they stand.
func (u *unit) replicas() []bluegreen.Instance {
	var out []bluegreen.Instance
	blue := u.facts.Instances[u.facts.ID]
	if blue == nil {
		return nil
	}
	for _, arn := range blue.Replicas {
		if r := u.facts.Instances[bluegreen.IDFromARN(arn)]; r != nil {
			out = append(out, *r)
		}
	}
	return out
}
