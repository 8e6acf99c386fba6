package bluegreen

import (
	"fmt"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqlver"
)

// switchedHere tells whether the completed deployment explains the version that
// answers now; an older hop's deployment does not speak for the next hop.
func (f Facts) switchedHere(blue *Instance, d *Deployment) bool {
	if f.Record.Rollback != nil && f.Record.Rollback.At.After(f.Record.SwitchedAt) && !f.Record.RolledBack.IsZero() {
		return false
	}
	if len(f.Hops) == 0 {
		return true
	}
	// A hop remains: either this is the road to the next hop, or the name
	// still shows the old server although RDS says completed.
	return d.Name == DeploymentName(f.Campaign, f.ID, f.Hops[0].To) || !f.soaked(blue)
}

// unrecorded tells that the last switchover on record is not this deployment's:
// none, or that of the hop before.
func (f Facts) unrecorded(d *Deployment) bool {
	return f.Record.SwitchedAt.IsZero() || d != nil && f.Record.SwitchedBy != "" && f.Record.SwitchedBy != d.ID
}

// switchedTo tells that the recorded switchover explains what answers now.
func (f Facts) switchedTo(blue *Instance) bool {
	if f.Record.SwitchedAt.IsZero() {
		return false
	}
	now, err1 := mysqlver.Parse(blue.Version)
	to, err2 := mysqlver.Parse(f.Record.SwitchedTo)
	return err1 != nil || err2 != nil || now.SameLine(to)
}

func (f Facts) soaked(*Instance) bool {
	return !f.Record.ConfirmedAt.IsZero() && !f.Now.Before(f.soakEnd()) && f.stopOf(StopSoak) == nil
}

// soakEnd is until when the new server is watched: from the switchover, or from
// when a person had it begin anew.
func (f Facts) soakEnd() time.Time {
	from := f.Record.SwitchedAt
	if f.Record.SoakFrom.After(from) {
		from = f.Record.SoakFrom
	}
	return from.Add(f.Policy.Soak)
}

// soakStopped: the new server was looked at, and is not well. That stops the
// wave as a failed switchover does; what could not be told is a question.
func (f Facts) soakStopped(s State, stop *Stop) State {
	s.Stage = Failed
	if stop.Verdict == GateInconclusive {
		s.Stage = Held
	}
	s.Reason, s.NextStep = f.asked(stop)
	s.NextStep += "; rollback --database " + f.ID + " tells the way back"
	return s
}

func (f Facts) deriveSwitched(blue *Instance, d *Deployment) State {
	s := State{Deployment: d, Green: ""}
	s.OldBlue = f.oldBlue()
	to := f.Record.SwitchedTo
	if len(f.Hops) > 0 && d.Name == DeploymentName(f.Campaign, f.ID, f.Hops[0].To) {
		if f.Watch.Odd < OddReads {
			s.Stage, s.Reason, s.NextStep = Switched, "RDS says completed, but "+f.ID+" still shows "+blue.Version, "wait for the next read"
			return s
		}
		s.Stage, s.Ambiguous = Held, true
		s.Reason = fmt.Sprintf("RDS says the switchover to %s completed, but %s is %s", f.Hops[0].To, f.ID, blue.Version)
		s.NextStep = "find out which instance owns the endpoint of " + f.ID
		return s
	}
	if f.Record.ConfirmedAt.IsZero() || f.unrecorded(d) {
		s.Stage, s.Reason, s.NextStep = Switched, "RDS says completed; version and endpoint are being confirmed", "wait for the confirmation"
		if e := f.Record.ConfirmError; e != "" && !f.unrecorded(d) {
			s.Stage, s.Ambiguous = Held, true
			s.Reason = "the switchover is not confirmed: " + e
			s.NextStep = "find out which server answers at the endpoint of " + f.ID
		}
		return s
	}
	if stop := f.stopOf(StopSoak); stop != nil {
		return f.soakStopped(s, stop)
	}
	until := f.soakEnd()
	if unknown := firstOf(f.RouteError, f.Loading); unknown != "" && !f.Now.Before(until) {
		s.Stage, s.Reason, s.NextStep = Held, "whether a hop remains is not known: "+unknown, "wait for the next read, or mend what cannot be read"
		return s
	}
	if f.Now.Before(until) {
		s.Stage, s.SoakUntil = Soaking, until
		s.Reason = "on " + firstOf(to, blue.Version) + " since " + f.Record.SwitchedAt.UTC().Format("2006-01-02 15:04 MST")
		if !f.Policy.SQL {
			s.Reason += "; it is not measured, since the plan gives no SQL access"
		}
		s.NextStep = "soak until " + until.UTC().Format("2006-01-02 15:04 MST")
		return s
	}
	return f.finished(s, blue)
}

// finished is the end of the road, with or without old servers.
func (f Facts) finished(s State, blue *Instance) State {
	s.Stage, s.Reason = Done, "on "+blue.Version
	if s.OldBlue == "" {
		s.OldBlue = f.oldBlue()
	}
	switch left := f.leftover(); {
	case s.OldBlue != "":
		s.NextStep = "remove " + s.OldBlue + " when its time is over"
	case left != "":
		s.NextStep = "remove " + left + " when its time is over"
	case f.unproven() != "":
		s.Reason += "; " + f.unproven() + " is gone, its final snapshot is being proven"
		s.NextStep = "rdsupgrade cleanup proves it"
	case len(f.Record.OldBlues) > 0:
		s.Stage = Cleaned
	}
	return s
}

// leftover is an old server on record that is still there, "" when none is.
func (f Facts) leftover() string {
	for _, k := range f.Record.Known {
		if i := machine(f.Instances, k.ResourceID, k.ID); i != nil && !k.Since.IsZero() {
			return i.ID
		}
	}
	return ""
}

// unproven is a server that we removed and whose snapshot was not seen yet.
func (f Facts) unproven() string {
	for _, r := range f.Record.Removals {
		if r.Proven.IsZero() && r.Missing == "" {
			return r.Instance
		}
	}
	return ""
}
