package rdssim

import (
	"slices"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/query"
)

// Eye remembers what one observer of a Region has seen, so that a look at
// thousands of instances costs what changed. It belongs to one goroutine.
type Eye struct {
	instances map[*Instance]*seenInstance
	deploys   map[*Deployment]*seenDeployment
	keys      map[string]*Instance
	open      []*Instance // may look different at the next look
	active    []*Deployment
	made      int // how many of the Region's touched deployments were seen
	stirred   int // how many of the Region's stirred instances were seen
	round     int // looks so far
}

// seenInstance is how an instance looked, and in which round that was checked.
type seenInstance struct {
	instanceLook
	round int
	shown bool // an observer was told of it
}

// seenDeployment is how a deployment looked.
type seenDeployment struct {
	deploymentLook
	parts []string // statuses and targets of members, statuses of tasks
	round int
	shown bool
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
		e.instances, e.deploys, e.keys = map[*Instance]*seenInstance{}, map[*Deployment]*seenDeployment{}, map[string]*Instance{}
	}
	e.round++
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
	first, flaps := len(e.keys) == 0, r.flaps()
	before := e.open
	e.open = make([]*Instance, 0, len(before))
	for _, i := range before {
		r.lookAtOne(e, out, i, flaps)
	}
	for _, d := range active {
		for _, m := range d.Members {
			r.lookAtOne(e, out, m.Blue, flaps)
			r.lookAtOne(e, out, m.Green, flaps)
		}
	}
	for _, i := range r.stirred[e.stirred:] {
		r.lookAtOne(e, out, i, flaps)
	}
	e.stirred = len(r.stirred)
	if first || len(e.keys) != r.instances.len() {
		for _, i := range r.instances.all() {
			r.lookAtOne(e, out, i, flaps)
		}
	}
}

func (r *region) lookAtOne(e *Eye, out *Sight, i *Instance, flaps bool) {
	if i == nil {
		return
	}
	was := e.instances[i]
	if was == nil {
		if i.deleted {
			return
		}
		was = &seenInstance{}
		e.instances[i] = was
	}
	if was.round == e.round {
		return // looked at in this round
	}
	was.round = e.round
	if was.shown && (i.deleted || was.id != i.ID) {
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
	if was.shown && was.instanceLook == now && !flaps {
		return
	}
	was.instanceLook, was.shown = now, true
	e.keys[i.ID] = i
	node := r.instanceNode("DBInstance", i)
	out.Instances = append(out.Instances, node)
	told := func(k query.Node) bool { return k.Name == "DBInstanceStatus" && k.Text == now.status }
	if flaps && !busy && !slices.ContainsFunc(node.Kids, told) {
		e.open = append(e.open, i) // it flapped: the next look shows the truth
	}
}

// lookAtDeployments returns those that are or were under way since the last look.
func (r *region) lookAtDeployments(e *Eye, out *Sight) (active []*Deployment) {
	flaps := r.flaps()
	candidates := append(e.active, r.touched[e.made:]...)
	e.made, e.active = len(r.touched), make([]*Deployment, 0, len(candidates))
	active = make([]*Deployment, 0, len(candidates))
	for _, d := range candidates {
		seen := e.deploys[d]
		if seen == nil {
			seen = &seenDeployment{}
			e.deploys[d] = seen
		}
		if seen.round == e.round {
			continue
		}
		seen.round = e.round
		active = append(active, d)
		if cur, ok := r.deploys.get(d.ID); !ok || cur != d {
			if seen.shown {
				out.Ended = append(out.Ended, d.ID)
			}
			delete(e.deploys, d)
			continue
		}
		if !seen.shown || seen.status != deployCompleted || d.Status != deployCompleted {
			e.active = append(e.active, d)
		}
		if changed := seen.look(d, r.sim.now); !changed && seen.shown && !flaps {
			continue
		}
		seen.shown = true
		if !seen.hidden {
			out.Deployments = append(out.Deployments, r.deploymentNode("member", d))
		}
	}
	return active
}

// look takes in how the deployment looks now, and tells whether that is new.
func (s *seenDeployment) look(d *Deployment, at time.Time) bool {
	now := deploymentLook{status: d.Status, details: d.Details, target: d.Target, members: len(d.Members), hidden: at.Before(d.visible)}
	if d.prev != "" && at.Before(d.changed) {
		now.status = d.prev
	}
	changed := now != s.deploymentLook || len(s.parts) != 2*len(d.Members)+len(d.Tasks)
	s.deploymentLook = now
	if changed {
		s.parts = make([]string, 2*len(d.Members)+len(d.Tasks))
	}
	part := func(n int, text string) {
		changed = changed || s.parts[n] != text
		s.parts[n] = text
	}
	for n, m := range d.Members {
		part(2*n, m.Status)
		part(2*n+1, m.Target)
	}
	for n, t := range d.Tasks {
		part(2*len(d.Members)+n, t.Status)
	}
	return changed
}
