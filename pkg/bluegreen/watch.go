package bluegreen

import "time"

// Look takes one read of AWS into the short memory: counters of consecutive
// good, odd and missing reads. It is pure; the engine keeps the result.
func Look(f Facts) Watch {
	w := f.Watch
	active, completed := f.deployments()
	blue := f.Instances[f.ID]

	if active != nil && active.ID != w.LagOf {
		if w.LagOf != "" { // a reading of another green says nothing of this one
			w.Lag, w.LagOKSince, w.LagUnknown = nil, time.Time{}, 0
		}
		w.LagOf = active.ID
	}
	w.StableReads = counting(w.StableReads, active != nil && blue != nil &&
		(active.Status == Available || active.Status == SwitchoverFailed) && f.membersUnsettled(active) == "")
	w.IdleSwitch = counting(w.IdleSwitch, f.Record.SwitchPending && active != nil &&
		(active.Status == Available || active.Status == SwitchoverFailed))
	w.Missing = counting(w.Missing, active == nil && f.Record.Deployment != "" && !f.Record.DeploymentGone && len(f.Hops) > 0)

	odd := blue == nil && (active == nil || active.Status != SwitchoverInProgress)
	if blue != nil && active == nil && completed != nil && len(f.Hops) > 0 &&
		completed.Name == DeploymentName(f.Campaign, f.ID, f.Hops[0].To) {
		odd = true // completed, but the old version answers
	}
	if active != nil && active.Status != SwitchoverInProgress && f.namesMoved(active) {
		odd = true // not completed, but the names have moved
	}
	if f.goingBack() { // names move by our own hand
		odd = f.goBackOdd() != ""
	}
	w.Odd = counting(w.Odd, odd)
	return w
}

// TakeLag takes one lag reading in.
func (w Watch) TakeLag(l Lag, p Policy) Watch {
	if w.Lag != nil && p.LagMaxAge > 0 && l.At.Sub(w.Lag.At) > p.LagMaxAge {
		w.LagOKSince = time.Time{} // nobody looked in between
	}
	w.Lag = &l
	switch {
	case !l.Known:
		w.LagUnknown++
		w.LagOKSince = time.Time{}
	case l.Seconds > p.MaxLag.Seconds():
		w.LagUnknown, w.LagOKSince = 0, time.Time{}
	default:
		w.LagUnknown = 0
		if w.LagOKSince.IsZero() {
			w.LagOKSince = l.At
		}
	}
	return w
}

func counting(n int, yes bool) int {
	if !yes {
		return 0
	}
	return n + 1
}
