package fleet

import (
	"slices"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// assumeReady lets a look without a run, which reads no replica lag, show as
// ready what the last run found ready; AWS's side of it is seen anew.
func (e *Engine) assumeReady() {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.cfg.Clock.Now()
	for _, m := range e.campaign.members {
		d, s := e.cfg.Store.mem.databases[m.key], e.seen[m.scope]
		if d == nil || d.stage != string(bluegreen.Ready) || s == nil || s.err != nil {
			continue
		}
		pol := policy(e.cfg.Plan, m.wave, e.cfg.SQL != nil)
		for _, dep := range s.byDatabase[m.id] {
			if dep.Name == d.Deployment {
				e.watch[m.key] = bluegreen.Watch{StableReads: pol.StableReads, LagOf: dep.ID, LagOKSince: now.Add(-pol.LagFor), Lag: &bluegreen.Lag{At: now, Known: true}}
			}
		}
	}
}

// status puts the campaign into the form that commands and reports show.
func (e *Engine) status(units []unit, sch schedule) Status {
	e.mu.Lock()
	defer e.mu.Unlock()
	p := e.cfg.Plan
	st := Status{Campaign: p.Name, At: e.cfg.Clock.Now().UTC(), Target: p.Target.EngineVersion, Outcome: sch.outcome,
		Waiting: sch.waiting, Warnings: sch.warnings, Waves: sch.waves, Databases: make([]DatabaseStatus, len(units))}
	if !p.Deadline.IsZero() {
		st.Deadline = p.Deadline.String()
	}
	members := map[string]map[string][]bluegreen.Deployment{}
	for i := range units {
		d := e.databaseStatus(units[i], e.campaign.members[i])
		if scope := units[i].scope; members[scope] == nil {
			members[scope] = e.seen[scope].members()
		}
		d.Leftovers = e.leftovers(units[i], members[units[i].scope], nil)
		d.keepWay(p.Cleanup.Keep)
		st.Warnings = append(st.Warnings, d.cleanupWarnings()...)
		if w := sch.wait[i]; w != "" && d.NextStep != "" && len(units[i].step.Actions) > 0 {
			d.NextStep = w
		}
		st.Databases[i] = d
	}
	st.Warnings = append(st.Warnings, lostWarnings(st.Databases)...)
	for _, m := range e.campaign.unassigned {
		u := e.unit(member{key: m.key, id: m.id, scope: m.scope, wave: -1}, e.cfg.Clock.Now())
		d := e.databaseStatus(u, m)
		d.Stage, d.Reason, d.NextStep = "unassigned", "no wave selects it", "add it to a wave, or leave it out knowingly"
		st.Unassigned = append(st.Unassigned, d)
	}
	e.waveFingerprints(st.Waves)
	st.Saved = slices.Clone(e.cfg.Store.mem.saved)
	e.gateStatus(&st)
	seen := map[string]bool{}
	for _, sc := range e.cfg.Scopes {
		if s := e.seen[sc.Key()]; s != nil && s.err != nil {
			st.Unreachable = append(st.Unreachable, sc.Key()+": "+faultOf(s.err).Error())
		}
		if ref := e.refs[sc.Key()]; ref != nil {
			for _, l := range ref.lifecycles {
				if !seen[l.Line] {
					seen[l.Line] = true
					st.Lifecycles = append(st.Lifecycles, l)
				}
			}
		}
	}
	return st
}

func (e *Engine) databaseStatus(u unit, m member) DatabaseStatus {
	f, s := u.facts, u.state
	d := DatabaseStatus{ID: m.id, Account: m.account, Region: m.region, Service: m.service, Owner: m.owner, Stage: string(s.Stage),
		Reason: s.Reason, NextStep: s.NextStep, Green: s.Green, OldBlue: s.OldBlue, Blue: m.id, Ambiguous: s.Ambiguous, Route: []string{}}
	if m.wave >= 0 {
		d.Wave = e.cfg.Plan.Waves[m.wave].Name
	}
	if s.Deployment != nil {
		d.Deployment = s.Deployment.ID
	}
	blue := f.Instances[m.id]
	if blue != nil {
		d.EngineVersion, d.InstanceClass, d.StorageType = blue.Version, blue.Class, blue.StorageType
		d.AllocatedGiB, d.MultiAZ, d.Replicas = blue.AllocatedGiB, blue.MultiAZ, len(blue.Replicas)
	}
	d.Route = e.route(u, blue)
	if t := f.Target; t != nil {
		d.TargetClass, d.TargetStorage = t.Class, t.Storage.Type
		d.TargetVersion = t.Version
		if n := len(f.Hops); n > 0 {
			d.TargetVersion = f.Hops[n-1].To
			d.Off = append(d.Off, "version "+f.Hops[0].From+", wants "+d.TargetVersion)
		}
		if blue != nil {
			for _, off := range t.OffTarget(*blue, true, m.id) {
				if len(f.Hops) == 0 || !strings.HasPrefix(off, "version ") { // said above, for the whole route
					d.Off = append(d.Off, off)
				}
			}
			for _, arn := range blue.Replicas {
				id := bluegreen.IDFromARN(arn)
				if r := f.Instances[id]; r != nil && len(f.Hops) == 0 {
					for _, off := range t.OffTarget(*r, false, id) {
						d.Off = append(d.Off, "replica "+id+": "+off)
					}
				}
			}
		}
		d.OnTarget = len(d.Off) == 0 && f.RouteError == ""
	}
	if s.Stage == bluegreen.RollingBack {
		d.Reason = e.rollbackReason(m.key, m.id, d.Reason)
	}
	if s.Stage == bluegreen.Ready {
		d.Reason = e.gates.reason(m.key, d.Reason)
	}
	if mem := e.cfg.Store.mem.databases[m.key]; mem != nil {
		d.History, d.Precheck = mem.history, mem.verdict
		d.Binlog, d.Downtime, d.DowntimeUnknown = mem.Binlog, mem.downtime, mem.unmeasured
		if !mem.SwitchedAt.IsZero() {
			at := mem.SwitchedAt
			d.SwitchedAt = &at
		}
		d.Overrides = mem.Overrides
		if mem.Stop.Standing(mem.Overrides, f.Now) {
			d.Stopped = mem.Stop
		}
		d.WayBack = e.withWay(wayBack(f, s, mem.undone), u, mem)
		d.GoBack = e.goBackStatus(u, mem)
		d.Story = e.story(u, mem)
	} else {
		d.Story = e.story(u, nil)
		d.WayBack = wayBack(f, s, nil)
	}
	d.Lost = e.lost(f, s, e.cfg.Store.mem.databases[m.key])
	if !s.SoakUntil.IsZero() {
		until := s.SoakUntil
		d.SoakUntil = &until
	}
	return d
}

// route is the versions from before the campaign to the target.
func (e *Engine) route(u unit, blue *bluegreen.Instance) []string {
	r := []string{}
	add := func(v string) {
		if v != "" && (len(r) == 0 || r[len(r)-1] != v) {
			r = append(r, v)
		}
	}
	if before := u.facts.Record.BlueBefore; before != nil && len(u.facts.Record.OldBlues) > 0 {
		if old := u.facts.Instances[u.facts.Record.OldBlues[0]]; old != nil {
			add(old.Version)
		}
		add(before.Version)
	}
	if blue != nil {
		add(blue.Version)
	}
	for _, h := range u.facts.Hops {
		add(h.To)
	}
	return r
}

// keepWay says until when a way back after a switchover is open: as long as old
// blue is kept.
func (d *DatabaseStatus) keepWay(keep time.Duration) {
	if d.WayBack.Until != nil || d.SwitchedAt == nil || d.OldBlue == "" {
		return
	}
	switch d.WayBack.Kind {
	case "rename-with-loss", "go-back":
		until := d.SwitchedAt.Add(keep).UTC()
		d.WayBack.Until = &until
	}
}
