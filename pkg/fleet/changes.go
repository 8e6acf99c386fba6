package fleet

import (
	"container/heap"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// Changes is a Cloud that tells what is different since it was asked last, so
// that a look at thousands of databases costs what changed. After an error
// the next answer must tell the same again. An engine that uses it must be
// Inline: what it saw is updated in place.
type Changes interface {
	Changed(context.Context) (Change, error)
}

// Change is what is different since the look before.
type Change struct {
	Instances   []bluegreen.Instance
	Gone        []string // instance names
	Deployments []bluegreen.Deployment
	Ended       []string // deployment ids
}

// update brings a sight up to date, and notes which databases are concerned.
func (s *sight) update(ch Change) {
	if s.instances == nil {
		s.instances, s.byDatabase = map[string]*bluegreen.Instance{}, map[string][]bluegreen.Deployment{}
		s.deployments, s.owner = map[string]bluegreen.Deployment{}, map[string]string{}
	}
	s.dirty = map[string]bool{}
	for _, id := range ch.Gone {
		s.touch(id)
		delete(s.instances, id)
		s.kin.remove(id)
	}
	for _, id := range ch.Ended {
		s.drop(id)
	}
	for _, d := range ch.Deployments {
		s.drop(d.ID)
		s.deployments[d.ID] = d
		s.name(d)
		source := bluegreen.IDFromARN(d.Source)
		for _, m := range d.Members {
			s.owner[bluegreen.IDFromARN(m.Target)], s.owner[bluegreen.IDFromARN(m.Source)] = source, source
		}
		for id := range concerned(d) {
			s.byDatabase[id] = append(s.byDatabase[id], d)
			s.dirty[id] = true
		}
	}
	for i := range ch.Instances {
		in := ch.Instances[i]
		s.instances[in.ID] = &in
		s.kin.add(&in)
		s.touch(in.ID)
		if in.ReplicaSource != "" {
			s.touch(bluegreen.IDFromARN(in.ReplicaSource))
		}
	}
}

// touch marks the databases that an instance belongs to.
func (s *sight) touch(id string) {
	s.dirty[id] = true
	s.dirty[baseOf(id)] = true
	if owner := s.owner[id]; owner != "" {
		s.dirty[owner] = true
		if base := baseOfOld(owner); base != "" {
			s.dirty[base] = true
		}
	}
}

// drop takes a deployment out.
func (s *sight) drop(id string) {
	d, ok := s.deployments[id]
	if !ok {
		return
	}
	delete(s.deployments, id)
	s.unname(d)
	for db := range concerned(d) {
		s.dirty[db] = true
		var rest []bluegreen.Deployment
		for _, o := range s.byDatabase[db] {
			if o.ID != id {
				rest = append(rest, o)
			}
		}
		if s.byDatabase[db] = rest; rest == nil {
			delete(s.byDatabase, db)
		}
	}
}

// lookAgain reads every scope: what changed where the cloud can tell it, else everything.
func (e *Engine) lookAgain(ctx context.Context) map[string]*sight {
	var rest []Scope
	seen := map[string]*sight{}
	for _, sc := range e.cfg.Scopes {
		c, ok := sc.Cloud.(Changes)
		if !ok || !e.cfg.Inline {
			rest = append(rest, sc)
			continue
		}
		s := e.seen[sc.Key()]
		if s == nil {
			s = &sight{}
		}
		ch, err := c.Changed(ctx)
		if s.err = err; err == nil {
			s.update(ch)
		}
		seen[sc.Key()] = s
	}
	if len(rest) > 0 {
		for k, s := range look(ctx, rest) {
			seen[k] = s
		}
	}
	return seen
}

// kept says how long a unit's derivation stays true while nothing changes.
type kept struct {
	until time.Time // it changes by the clock then; zero: never
	moves bool      // it changes with every read
	tick  int       // it was derived in
}

// timer is when a member's unit is due.
type timer struct {
	at time.Time
	n  int
}

// timers is a heap, the earliest first.
type timers []timer

func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, j int) bool { return t[i].at.Before(t[j].at) }
func (t timers) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }

// Push implements heap.Interface.
func (t *timers) Push(x any) { *t = append(*t, x.(timer)) }

// Pop implements heap.Interface.
func (t *timers) Pop() any {
	old := *t
	last := old[len(old)-1]
	*t = old[:len(old)-1]
	return last
}

// due are the members whose unit may have changed since the tick before: their
// instances or deployments did, the journal took something in, time passed, or
// they change with every read.
func (e *Engine) due(now time.Time) []int {
	var list []int
	for _, n := range e.movers {
		if e.kept[n].moves {
			list = append(list, n)
		}
	}
	for _, sc := range e.cfg.Scopes {
		s := e.seen[sc.Key()]
		if s == nil || s.dirty == nil || s.err != nil || e.failed[sc.Key()] {
			for n := range e.campaign.members {
				if e.campaign.members[n].scope == sc.Key() {
					list = append(list, n)
				}
			}
			e.failed[sc.Key()] = s == nil || s.err != nil
			continue
		}
		for _, id := range sortedKeys(s.dirty) {
			if n, ok := e.members[sc.Key()+"/"+id]; ok {
				list = append(list, n)
			}
		}
	}
	for _, key := range e.cfg.Store.mem.touched {
		if n, ok := e.members[key]; ok {
			list = append(list, n)
		}
	}
	for len(e.timed) > 0 && !e.timed[0].at.After(now) {
		list = append(list, heap.Pop(&e.timed).(timer).n)
	}
	e.movers = slices.Compact(slices.Sorted(slices.Values(list)))
	return e.movers
}

// freshBlues are the campaign's databases in a scope whose version or parameter
// group was not seen yet: only those can need references that were not read.
func (e *Engine) freshBlues(scope string, s *sight) []*bluegreen.Instance {
	if s.dirty == nil {
		return e.blues(scope, s)
	}
	var out []*bluegreen.Instance
	for id := range s.dirty {
		b := s.instances[id]
		if _, ours := e.members[scope+"/"+id]; b == nil || !ours {
			continue
		}
		if k := scope + " " + b.Version + " " + b.ParameterGroup; !e.routed[k] {
			e.routed[k] = true
			out = append(out, b)
		}
	}
	return out
}

// keep works out how long a unit's derivation stays true while nothing changes.
func keep(u *unit) kept {
	k := kept{}
	w := u.facts.Watch
	k.moves = u.unread || u.busy || u.resting || w.Odd > 0 || w.Missing > 0 || w.IdleSwitch > 0 || slices.Contains(u.step.Work, bluegreen.WorkEvents)
	switch u.state.Stage {
	case bluegreen.Pending, bluegreen.Building, bluegreen.Adjusting, bluegreen.Done, bluegreen.Cleaned, bluegreen.Blocked,
		bluegreen.Failed, bluegreen.RolledBack, bluegreen.Skipped:
	case bluegreen.Checked:
		if p := u.facts.Record.Precheck; p != nil && u.facts.Policy.PrecheckMaxAge > 0 {
			k.until = p.At.Add(u.facts.Policy.PrecheckMaxAge + time.Second)
		}
	case bluegreen.Soaking:
		k.until = u.state.SoakUntil
	case bluegreen.Ready:
		// Its replica lag is read again in time to stay a proof.
		k.moves = k.moves || w.Lag == nil
		if p := u.facts.Policy; w.Lag != nil && p.LagMaxAge > 0 {
			k.until = w.Lag.At.Add(p.LagMaxAge / 2)
		}
	default:
		k.moves = true
	}
	return k
}

// deadScope: wrong or expired credentials will not get better by polling.
func (e *Engine) deadScope(seen map[string]*sight) error {
	for _, sc := range e.cfg.Scopes {
		if s := seen[sc.Key()]; s.err != nil {
			if f := faultOf(s.err); f.Consequence == bluegreen.Fatal {
				return fmt.Errorf("read %s: %w", sc.Key(), s.err)
			}
			e.cfg.Log.Warn().Str("scope", sc.Key()).Err(s.err).Msg("could not be read in this tick")
		}
	}
	return nil
}
