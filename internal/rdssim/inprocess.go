package rdssim

import (
	"errors"
	"maps"
	"net/url"
	"slices"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/query"
)

// ErrLostAnswer is what Ask returns when a call took effect and its answer was lost.
var ErrLostAnswer = errors.New("the connection broke before the answer was complete")

// Ask makes one call without HTTP: the children of the result element, or a
// *query.Error as it would stand on the wire. Faults and the throttle strike as
// they do over HTTP.
func (s *Sim) Ask(at Scope, action string, form url.Values) ([]query.Node, error) {
	if form == nil {
		form = url.Values{}
	}
	r := s.call(caller{at: at, unknown: s.accountOf(at.Account) == nil}, action, query.NewParams(form))
	switch {
	case r.dropped:
		return nil, ErrLostAnswer
	case r.html:
		return nil, &query.Error{Code: "NotRDS", Message: "the answer is a web page", Status: 200}
	case r.err != nil:
		return nil, r.err
	}
	return r.nodes, nil
}

// NextEvent is when the model will next change by itself; ok is false when
// nothing is under way.
func (s *Sim) NextEvent() (at time.Time, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		return time.Time{}, false
	}
	return s.queue[0].at, true
}

// Eye remembers what one observer of a Region has seen, so that a look at
// thousands of instances costs what changed. It belongs to one goroutine.
type Eye struct {
	instances map[*Instance]instanceLook
	deploys   map[*Deployment]deploymentLook
	keys      map[string]*Instance
	open      []*Instance // may look different at the next look
	active    []*Deployment
	made      int // how many of the Region's touched deployments were seen
}

// instanceLook is what may change in an instance while nothing is modified by
// hand; progress in percent is left out.
type instanceLook struct {
	id, status, version, class, group, apply, options string
	storage                                           Storage
	side, protected, multiAZ                          bool
	source                                            *Instance
	replicas, pending, roles, tags, logs              int
}

type deploymentLook struct {
	status, details, target string
	members                 int
	hidden                  bool
	statuses                string
}

// Sight is what changed since the eye's last look.
type Sight struct {
	Instances   []query.Node // as DescribeDBInstances shows each
	Gone        []string     // instance names that are no longer there
	Deployments []query.Node // as DescribeBlueGreenDeployments shows each
	Ended       []string     // ids of deployments that are no longer there
}

// Look is a full describe of deployments and instances, and answers only what
// changed. It counts as the calls that the describes would be, page by page,
// and faults strike each of them; after an error the next look tells the same.
func (s *Sim) Look(at Scope, e *Eye) (Sight, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	r := s.regionAt(at)
	if err := s.describes(at, r, "DescribeBlueGreenDeployments", r.deploys.len()); err != nil {
		return Sight{}, err
	}
	if err := s.describes(at, r, "DescribeDBInstances", r.instances.len()); err != nil {
		return Sight{}, err
	}
	if e.instances == nil {
		e.instances, e.deploys, e.keys = map[*Instance]instanceLook{}, map[*Deployment]deploymentLook{}, map[string]*Instance{}
	}
	var out Sight
	r.lookAtInstances(e, &out, r.lookAtDeployments(e, &out))
	return out, nil
}

// describes counts the pages of a describe and lets faults strike.
func (s *Sim) describes(at Scope, r *region, action string, rows int) error {
	c := s.count(at, action)
	for page := 0; page == 0 || page*100 < rows; page++ {
		s.requests++
		c.Calls++
		if page > 0 {
			c.Pages++
		}
		out := reply{}
		if s.before(&out, caller{at: at}, r, occasion{at: at, action: action, elapsed: s.simulated(s.now.Sub(s.started))}) {
			out = s.finish(out, c)
			if out.html {
				return &query.Error{Code: "NotRDS", Message: "the answer is a web page", Status: 200}
			}
			return out.err
		}
	}
	return nil
}

func (r *region) flaps() bool {
	return slices.ContainsFunc(r.sim.faults.list, func(a *armed) bool { return a.Kind == FaultFlapping })
}

func (r *region) lookAtInstances(e *Eye, out *Sight, active []*Deployment) {
	first := len(e.keys) == 0
	before := e.open
	e.open = nil
	looked := map[*Instance]bool{}
	look := func(i *Instance) {
		if i != nil && !looked[i] {
			looked[i] = true
			r.lookAtOne(e, out, i)
		}
	}
	for _, i := range before {
		look(i)
	}
	for _, d := range active {
		for _, m := range d.Members {
			look(m.Blue)
			look(m.Green)
		}
	}
	if first || len(e.keys) != r.instances.len() {
		for _, i := range r.instances.all() {
			look(i)
		}
	}
}

func (r *region) lookAtOne(e *Eye, out *Sight, i *Instance) {
	was, known := e.instances[i]
	if known && (i.deleted || was.id != i.ID) {
		if _, taken := r.instances.get(was.id); !taken {
			out.Gone = append(out.Gone, was.id)
			delete(e.keys, was.id)
		}
	}
	if i.deleted {
		delete(e.instances, i)
		return
	}
	busy := len(i.work) > 0 || i.side != nil || r.sim.now.Before(i.visible)
	if busy {
		e.open = append(e.open, i)
	}
	now := instanceLook{id: i.ID, status: i.shown(r.sim.now), version: i.EngineVersion, class: i.Class, group: i.ParameterGroup,
		apply: i.ApplyStatus, options: i.OptionGroup, storage: i.Storage, side: i.side != nil, protected: i.DeletionProtection,
		multiAZ: i.MultiAZ, source: i.source, replicas: len(i.replicas), pending: len(i.Pending), roles: len(i.Roles), tags: len(i.Tags), logs: len(i.Logs)}
	if known && was == now && !r.flaps() {
		return
	}
	e.instances[i] = now
	e.keys[i.ID] = i
	out.Instances = append(out.Instances, r.instanceNode("DBInstance", i))
}

// lookAtDeployments returns those that are or were under way since the last look.
func (r *region) lookAtDeployments(e *Eye, out *Sight) (active []*Deployment) {
	flaps := r.flaps()
	candidates := append(e.active, r.touched[e.made:]...)
	e.made, e.active = len(r.touched), nil
	looked := map[*Deployment]bool{}
	for _, d := range candidates {
		if looked[d] {
			continue
		}
		looked[d] = true
		was, known := e.deploys[d]
		if cur, ok := r.deploys.get(d.ID); !ok || cur != d {
			if known {
				out.Ended = append(out.Ended, d.ID)
				delete(e.deploys, d)
			}
			active = append(active, d)
			continue
		}
		active = append(active, d)
		if !known || was.status != deployCompleted || d.Status != deployCompleted {
			e.active = append(e.active, d)
		}
		now := deploymentLook{status: d.Status, details: d.Details, target: d.Target, members: len(d.Members), hidden: r.sim.now.Before(d.visible)}
		if d.prev != "" && r.sim.now.Before(d.changed) {
			now.status = d.prev
		}
		for _, m := range d.Members {
			now.statuses += m.Status + " " + m.Target + ";"
		}
		for _, t := range d.Tasks {
			now.statuses += t.Status + ";"
		}
		if known && was == now && !flaps {
			continue
		}
		e.deploys[d] = now
		if !now.hidden {
			out.Deployments = append(out.Deployments, r.deploymentNode("member", d))
		}
	}
	return active
}

// EventsOf is DescribeEvents for one source, found by an index: campaigns of
// thousands of databases ask it once for each.
func (s *Sim) EventsOf(at Scope, kind, source string, since time.Time) ([]Event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	r := s.regionAt(at)
	if err := s.describes(at, r, "DescribeEvents", 1); err != nil {
		return nil, err
	}
	x := &r.index
	if len(r.events) < x.taken || x.taken > 0 && !x.first.Equal(r.events[0].Time) {
		*x = eventIndex{}
	}
	if x.by == nil {
		x.by = map[string][]int{}
	}
	for ; x.taken < len(r.events); x.taken++ {
		ev := r.events[x.taken]
		if x.taken == 0 {
			x.first = ev.Time
		}
		k := ev.SourceType + " " + ev.Source
		x.by[k] = append(x.by[k], x.taken)
	}
	var out []Event
	for _, n := range x.by[kind+" "+source] {
		if ev := r.events[n]; !ev.Time.Before(since) {
			out = append(out, ev)
		}
	}
	return out, nil
}

// eventIndex finds events by their source.
type eventIndex struct {
	taken int
	first time.Time
	by    map[string][]int
}

// Requests is how many calls the account made in the Region so far.
func (s *Sim) Requests(at Scope) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for k, c := range s.counters {
		if k.at == at {
			n += c.Calls
		}
	}
	return n
}

// Darkness is for how long switchovers kept clients from each database, in
// simulated time, failed attempts included.
func (s *Sim) Darkness() map[Name]time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.darkness)
}
