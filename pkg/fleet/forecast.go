package fleet

import (
	"context"
	"slices"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// readLaterHops reads orderable classes and defaults for the hops after the
// first, so that the whole road can be shown.
func (e *Engine) readLaterHops(ctx context.Context) error {
	for _, sc := range e.cfg.Scopes {
		s, ref := e.seen[sc.Key()], e.refs[sc.Key()]
		if s == nil || s.err != nil || ref == nil {
			continue
		}
		versions, families := ref.later(e.blues(sc.Key(), s), e.cfg.Plan.Target.EngineVersion)
		for _, v := range versions {
			if _, ok := ref.orderable[v]; ok {
				continue
			}
			o, err := sc.Offers.Orderable(ctx, v)
			if err != nil {
				if stop := ref.gap("orderable classes for "+v, err); stop != nil {
					return stop
				}
				continue
			}
			ref.orderable[v] = o
		}
		for _, f := range families {
			if _, ok := ref.defaults[f]; ok {
				continue
			}
			ps, err := sc.Groups.DefaultParameters(ctx, f)
			if err != nil {
				if stop := ref.gap("defaults of "+f, err); stop != nil {
					return stop
				}
				continue
			}
			ref.defaults[f] = ps
		}
	}
	return nil
}

// later are the versions and parameter families of the hops after the first.
func (r *reference) later(blues []*bluegreen.Instance, want string) (versions, families []string) {
	v, f := map[string]bool{}, map[string]bool{}
	for _, b := range blues {
		hops, err := bluegreen.Route(b.Version, want, r.versions)
		if err != nil || len(hops) < 2 {
			continue
		}
		for _, h := range hops[1:] {
			v[h.To], f[h.Family] = true, true
		}
	}
	return sortedKeys(v), sortedKeys(f)
}

// forecast fills in steps, costs, durations and the calendar.
func (e *Engine) forecast(pv *Preview, units []unit, o PreviewOptions) {
	now := e.cfg.Clock.Now()
	var jobs, slow []job
	cost, pace := newFleetCost(o.Prices), e.cfg.Store.mem.pace()
	pv.Pace = pace
	for i := range units {
		u := &units[i]
		d := &pv.Plans[i]
		blue := u.facts.Instances[u.facts.ID]
		if u.unread || blue == nil || u.facts.Target == nil {
			continue
		}
		ref := e.refs[u.scope]
		r := road{objects: e.resolver.objects[u.key], pace: pace, blue: *blue, hops: u.facts.Hops, now: now, ref: ref, prices: o.Prices,
			in: resolution{plan: e.cfg.Plan, blue: blue, sight: e.seen[u.scope], ref: ref, loads: e.resolver.loads[u.scope]}}
		r.replicas = r.in.replicas()
		if at := e.resolver.cache[e.campaign.members[i].key].res; at != nil {
			r.first = at
		}
		d.Steps = r.steps(*u.facts.Target)
		d.Issues = slices.Concat(d.Issues, laterIssues(d.Steps))
		bluegreen.SortIssues(d.Issues)
		d.Cost = r.cost(d.Steps)
		cost.add(u.scope, *blue, r.replicas, d)
		if len(d.Steps) == 0 || d.Blocked() || u.state.Stage.Terminal() {
			continue
		}
		d.Duration = &d.Steps[0].Duration
		j, s := job{wave: u.wave, service: u.service, size: u.size}, job{wave: u.wave, service: u.service, size: u.size}
		for _, h := range d.Steps {
			call := time.Duration(h.Duration.SwitchMinutes) * time.Minute
			j.ready, j.call = append(j.ready, h.Duration.Ready()), append(j.call, call)
			s.ready, s.call = append(s.ready, h.Duration.High()-call), append(s.call, call)
		}
		jobs, slow = append(jobs, j), append(slow, s)
	}
	for _, sc := range e.cfg.Scopes {
		if ref := e.refs[sc.Key()]; ref != nil && ref.around != nil {
			cost.reservations(sc, ref.around.Reserved, now, e.seen[sc.Key()])
		}
	}
	pv.Cost = cost.sum
	pv.Calendar = calendar(e.cfg.Plan, now, jobs, slow)
}

// road is one database's way over all hops, for the forecast.
type road struct {
	blue     bluegreen.Instance
	replicas []bluegreen.Instance
	hops     []bluegreen.Hop
	now      time.Time
	ref      *reference
	prices   *bluegreen.Prices
	in       resolution
	// first is what was resolved for the first hop.
	first *resolved
	// objects are the database's, pace is the campaign's; nil: not known.
	objects *bluegreen.Objects
	pace    *bluegreen.Pace
}

func (r road) load() *bluegreen.Load {
	if l, ok := r.in.loads[r.blue.ID]; ok {
		return &l
	}
	return nil
}

// after is a member as a hop leaves it.
func after(i bluegreen.Instance, t bluegreen.Target, primary bool) bluegreen.Instance {
	class, st := t.Class, t.Storage
	if !primary {
		class, st = t.ReplicaClass[i.ID], t.ReplicaStorage[i.ID]
	}
	i.Version, i.ParameterGroup = t.Version, t.ParameterGroup
	if i.OptionGroup = t.OptionGroup; i.OptionGroup == "" {
		i.OptionGroup = bluegreen.DefaultOptionGroup(t.Version)
	}
	if class != "" {
		i.Class = class
	}
	if st.Type != "" {
		i.StorageType, i.IOPS, i.ThroughputMiBps = st.Type, st.IOPS, st.ThroughputMiBps
		if st.AllocatedGiB > 0 {
			i.AllocatedGiB = st.AllocatedGiB
		}
	}
	return i
}

func eachAfter(list []bluegreen.Instance, t bluegreen.Target) []bluegreen.Instance {
	out := make([]bluegreen.Instance, len(list))
	for n := range list {
		out[n] = after(list[n], t, false)
	}
	return out
}

// fee is the Extended Support fee per day of members together.
func fee(members []bluegreen.Instance, at time.Time, cal []bluegreen.Lifecycle, p *bluegreen.Prices) bluegreen.Estimate {
	var sum bluegreen.Estimate
	for n, i := range members {
		f := bluegreen.ExtendedSupportPerDay(i, at, cal, p)
		if n == 0 {
			sum = f
			continue
		}
		sum = sum.Add(f)
	}
	return sum
}
