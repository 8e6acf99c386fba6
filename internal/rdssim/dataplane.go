package rdssim

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/catalog"
)

// DataPlane does for real what the model otherwise only tells: it stands for
// the servers behind the instances. Its methods may take as long as they need;
// they are called without the model's lock and never twice at once for the
// same deployment. A model with a DataPlane needs the real clock.
type DataPlane interface {
	// Build makes the green of a blue: a copy that replicates from it.
	Build(at Scope, blue, green ServerView) error
	// Switch checks the guardrails, stops writes on both, cuts connections,
	// waits until green has everything, and makes it writable. Until it
	// returns the model refuses connections to both names, and gives blue's
	// name to green afterwards. A *Canceled error leaves everything as it was.
	Switch(at Scope, blue, green ServerView, limit time.Duration) (Coordinates, error)
	// Restarted follows a start of the server, with the value of read_only
	// that its parameter group gives it.
	Restarted(at Scope, v ServerView) error
	// Remove ends the server of an instance that was deleted.
	Remove(at Scope, resourceID string)
}

// Coordinates is a place in a binary log.
type Coordinates struct {
	File     string
	Position uint64
}

// Canceled says why a switchover was not carried out.
type Canceled struct {
	Reason string
	// Dark tells that writes had been stopped already: a timeout, where
	// otherwise a guardrail said no.
	Dark bool
}

func (c *Canceled) Error() string { return "switchover canceled: " + c.Reason }

// await runs a job outside the lock and what follows from it inside, at the
// model's present. Without a data plane there is no job and then runs at once.
func (s *Sim) await(job func(DataPlane) error, then func(error)) {
	plane := s.opts.Data
	if plane == nil {
		then(nil)
		return
	}
	s.jobs.Go(func() {
		err := job(plane)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.advance()
		then(err)
	})
}

// Wait returns when no work of the data plane is under way any more.
func (s *Sim) Wait() { s.jobs.Wait() }

// buildData has the green filled and replicating before the next task begins.
func (r *region) buildData(d *Deployment, g *Instance, then func()) {
	blue, green := r.view(d.Members[0].Blue), r.view(g)
	green.EngineVersion = d.wish.version
	if set, ok := r.paramGrps.get(d.wish.group); ok {
		for name, value := range set.User {
			green.Parameters[name] = value
		}
	}
	r.sim.await(func(p DataPlane) error { return p.Build(r.at, blue, green) }, func(err error) {
		switch {
		case !d.live(r):
		case err != nil:
			d.task(taskReplica, "FAILED")
			d.fail(r, "the replica could not be made: "+err.Error())
		default:
			then()
		}
	})
}

// switchData is a switchover by the data plane; it takes as long as it takes.
func (r *region) switchData(d *Deployment, deadline time.Time) {
	blue, green := r.view(d.Members[0].Blue), r.view(d.Members[0].Green)
	r.darken(d, true)
	// Real servers are not sped up: the timeout is meant in real seconds.
	limit := r.sim.simulated(deadline.Sub(r.sim.now))
	var at Coordinates
	r.sim.await(func(p DataPlane) (err error) {
		at, err = p.Switch(r.at, blue, green, limit)
		return err
	}, func(err error) {
		var no *Canceled
		switch {
		case errors.As(err, &no) && !no.Dark:
			r.cancelSwitchover(d, no.Reason, deployAvailable)
		case err != nil:
			reason := err.Error()
			if no != nil {
				reason = no.Reason
			}
			r.cancelSwitchover(d, reason, deployFailed)
		default:
			d.at = at
			r.completeSwitchover(d)
		}
	})
}

// coordinates is where green's binary log stood when it became the primary:
// the data plane's truth, or something of the right form.
func (r *region) coordinates(d *Deployment) Coordinates {
	if d.at.File != "" {
		return d.at
	}
	rnd := r.sim.random("binlog", d.ID)
	return Coordinates{fmt.Sprintf("mysql-bin-changelog.%06d", 3+rnd.IntN(400)), uint64(157 + rnd.IntN(1<<26))}
}

// settleData carries read_only to the real server after a start.
func (r *region) settleData(i *Instance) {
	if r.sim.opts.Data == nil || i.ID == "" {
		return
	}
	v := r.view(i)
	r.sim.await(func(p DataPlane) error { return p.Restarted(r.at, v) }, func(err error) {
		if err != nil {
			r.emitInstance(i, "failure", "The DB instance could not be restarted: %s", err)
		}
	})
}

// removeData ends the server of an instance that is gone.
func (r *region) removeData(i *Instance) {
	id := i.ResourceID
	if r.sim.opts.Data != nil {
		r.sim.await(func(p DataPlane) error { p.Remove(r.at, id); return nil }, func(error) {})
	}
}

// upgradeTargets are the catalog's, and the leaps of Options.
func (s *Sim) upgradeTargets(from string) []catalog.Version {
	out := catalog.UpgradeTargets(from)
	to, ok := s.opts.Leap[catalog.MajorOf(from)]
	if !ok {
		return out
	}
	for _, v := range catalog.Versions {
		if !v.Deprecated && catalog.MajorOf(v.Name) == to && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}
