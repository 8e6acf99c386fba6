package fleet

import (
	"context"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// LeftoverStatus is a server that the campaign left behind, and what it costs.
type LeftoverStatus struct {
	bluegreen.Leftover
	// PerDay is what it costs in a day, Extended Support included; nil when it is
	// gone. SoFar is what it has cost since it stopped serving. Both are
	// estimates at on-demand prices.
	PerDay *bluegreen.Estimate `json:"cost_day,omitempty"`
	// Fee is the part of PerDay that is Extended Support.
	Fee   *bluegreen.Estimate `json:"extended_support_day,omitempty"`
	SoFar *bluegreen.Estimate `json:"cost_so_far,omitempty"`
	// WayBack tells that the armed way back leads to it.
	WayBack bool `json:"way_back,omitempty"`
}

// leftovers are what is left behind of a unit. Callers hold the engine's mutex.
func (e *Engine) leftovers(u unit, members map[string][]bluegreen.Deployment, readings map[string]bluegreen.CleanupReading) []LeftoverStatus {
	if len(u.facts.Record.Known) == 0 && u.state.OldBlue == "" {
		return nil
	}
	var out []LeftoverStatus
	mem := e.cfg.Store.mem.databases[u.key]
	for _, l := range e.judgeLeft(u, members, readings).Leftovers {
		s := LeftoverStatus{Leftover: l}
		s.WayBack = mem != nil && !mem.armed.IsZero() && l.Role == bluegreen.RoleOldBlue && l.Instance == u.state.OldBlue
		e.costLeft(&s, u)
		out = append(out, s)
	}
	return out
}

// cleanupWarnings say what of a database's leftovers somebody should look at: a
// removal that does not come to its end, and a server lost without its snapshot.
func (d *DatabaseStatus) cleanupWarnings() []string {
	var out []string
	for _, l := range d.Leftovers {
		switch l.State {
		case bluegreen.LeftHeld, bluegreen.LeftLost:
			out = append(out, "cleanup of "+l.Instance+" is "+string(l.State)+": "+l.Reason)
		}
	}
	return out
}

// costLeft fills in what a server costs and has cost.
func (e *Engine) costLeft(s *LeftoverStatus, u unit) {
	was, to := u.facts.Instances[s.Instance], u.facts.Now
	there := was != nil && was.ResourceID == s.ResourceID
	if !there {
		was = nil
		for _, r := range u.facts.Record.Removals {
			if r.ResourceID == s.ResourceID {
				was, to = r.Was, r.Asked
			}
		}
	}
	if was == nil {
		return
	}
	var cal []bluegreen.Lifecycle
	if ref := e.refs[u.scope]; ref != nil {
		cal = ref.lifecycles
	}
	instance := perDay(bluegreen.MonthlyCost(*was, e.prices).Total)
	if there {
		fee := bluegreen.ExtendedSupportPerDay(*was, to, cal, e.prices)
		day := instance.Add(fee)
		s.PerDay, s.Fee = &day, &fee
	}
	if s.Since.IsZero() {
		return
	}
	sum := instance
	sum.USD *= to.Sub(s.Since).Hours() / 24
	const day = 24 * time.Hour
	for at := s.Since; at.Before(to); at = at.Add(day) {
		fee := bluegreen.ExtendedSupportPerDay(*was, at, cal, e.prices)
		fee.USD *= min(to.Sub(at), day).Hours() / 24
		sum = sum.Add(fee)
	}
	s.SoFar = &sum
}

// SurveyCleanup looks once at everything the campaign left behind, with the
// readings that a removal would ask for; it changes nothing.
func (e *Engine) SurveyCleanup(ctx context.Context) (Status, error) {
	st, err := e.Survey(ctx)
	if err != nil {
		return st, err
	}
	members := map[string]map[string][]bluegreen.Deployment{}
	for i := range e.list {
		u := e.list[i]
		var want []string
		var list []bluegreen.Leftover
		for _, l := range st.Databases[i].Leftovers {
			list = append(list, l.Leftover)
			if l.State == bluegreen.LeftDue || l.State == bluegreen.LeftRemoving {
				want = append(want, l.ResourceID)
			}
		}
		if len(want) == 0 {
			continue
		}
		if members[u.scope] == nil {
			members[u.scope] = e.seen[u.scope].members()
		}
		readings := e.cleanupReadings(ctx, u, list, want)
		e.mu.Lock()
		st.Databases[i].Leftovers = e.leftovers(u, members[u.scope], readings)
		e.mu.Unlock()
	}
	return st, nil
}

// UnusedGroups are the parameter groups, by scope, that campaigns of this
// program made and no instance uses, as the last look shows. They cost nothing
// but their place in the quota; greens' groups stay in use.
func (e *Engine) UnusedGroups() map[string][]string {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := map[string][]string{}
	for scope, ref := range e.refs {
		s := e.seen[scope]
		if ref == nil || s == nil || s.err != nil {
			continue
		}
		used := map[string]bool{}
		for _, i := range s.instances {
			used[i.ParameterGroup] = true
		}
		for _, name := range sortedKeys(ref.groups) {
			if bluegreen.OurGroup(e.cfg.Plan.Name, ref.groups[name]) && !used[name] {
				out[scope] = append(out[scope], name)
			}
		}
	}
	return out
}
