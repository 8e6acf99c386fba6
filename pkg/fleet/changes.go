package fleet

import (
	"context"
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
	}
	for _, id := range ch.Ended {
		s.drop(id)
	}
	for _, d := range ch.Deployments {
		s.drop(d.ID)
		s.deployments[d.ID] = d
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
		s.touch(in.ID)
		if in.ReplicaSource != "" {
			s.touch(bluegreen.IDFromARN(in.ReplicaSource))
		}
	}
}

// touch marks the databases that an instance belongs to.
func (s *sight) touch(id string) {
	s.dirty[id] = true
	if base := baseOfOld(id); base != "" {
		s.dirty[base] = true
	}
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

// kept is a unit of the tick before, and what it rested on.
type kept struct {
	unit
	version int       // of the database's memory
	epoch   int       // of what all databases rest on
	until   time.Time // the unit changes by the clock then; zero: never
	moves   bool      // it changes with every read
}

// holds tells that nothing the unit rests on has changed.
func (k *kept) holds(s *sight, m member, version, epoch int, now time.Time) bool {
	return k != nil && s != nil && s.dirty != nil && s.err == nil && !s.dirty[m.id] && !k.moves &&
		k.version == version && k.epoch == epoch && (k.until.IsZero() || now.Before(k.until))
}

// keep works out how long a unit's derivation stays true while nothing changes.
func keep(u unit, version, epoch int) *kept {
	k := &kept{unit: u, version: version, epoch: epoch}
	w := u.facts.Watch
	k.moves = u.unread || u.busy || u.resting || w.Odd > 0 || w.Missing > 0 || w.IdleSwitch > 0
	switch u.state.Stage {
	case bluegreen.Pending, bluegreen.Building, bluegreen.Adjusting, bluegreen.Done, bluegreen.Cleaned, bluegreen.Blocked,
		bluegreen.Failed, bluegreen.RolledBack, bluegreen.Skipped:
	case bluegreen.Checked:
		if p := u.facts.Record.Precheck; p != nil && u.facts.Policy.PrecheckMaxAge > 0 {
			k.until = p.At.Add(u.facts.Policy.PrecheckMaxAge + time.Second)
		}
	case bluegreen.Soaking:
		k.until = u.state.SoakUntil
	default:
		k.moves = true
	}
	return k
}
