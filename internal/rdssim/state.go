package rdssim

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// State is what exists at one moment, for tests and for people.
type State struct {
	Time        time.Time         `json:"time"`
	Instances   []InstanceState   `json:"instances"`
	Deployments []DeploymentState `json:"deployments"`
	Groups      []GroupState      `json:"parameter_groups"` // custom ones
	Snapshots   []SnapshotState   `json:"snapshots"`
	Events      []Event           `json:"-"`
}

// InstanceState is one instance with its true status.
type InstanceState struct {
	Account            string            `json:"account"`
	Region             string            `json:"region"`
	ID                 string            `json:"id"`
	ResourceID         string            `json:"resource_id"`
	Status             string            `json:"status"`
	EngineVersion      string            `json:"engine_version"`
	Class              string            `json:"class"`
	Storage            Storage           `json:"storage"`
	MultiAZ            bool              `json:"multi_az"`
	ParameterGroup     string            `json:"parameter_group"`
	ApplyStatus        string            `json:"apply_status"`
	OptionGroup        string            `json:"option_group"`
	Source             string            `json:"source,omitempty"`
	ReadOnly           bool              `json:"read_only"`
	DeletionProtection bool              `json:"deletion_protection"`
	Origin             string            `json:"origin"`
	Roles              int               `json:"roles"`
	Tags               map[string]string `json:"tags"`
	LagSeconds         int               `json:"lag_seconds"`
}

// DeploymentState is one deployment with its true status.
type DeploymentState struct {
	Account  string            `json:"account"`
	Region   string            `json:"region"`
	ID       string            `json:"id"`
	Name     string            `json:"name"`
	Status   string            `json:"status"`
	Details  string            `json:"details,omitempty"`
	Source   string            `json:"source"`
	Target   string            `json:"target"`
	Tasks    []Task            `json:"tasks"`
	Members  []MemberState     `json:"members"`
	Tags     map[string]string `json:"tags"`
	Attempts int               `json:"attempts"`
}

// MemberState is one row of SwitchoverDetails.
type MemberState struct {
	Source string `json:"source"`
	Target string `json:"target"`
	Status string `json:"status"`
}

// GroupState is one custom parameter group.
type GroupState struct {
	Account string            `json:"account"`
	Region  string            `json:"region"`
	Name    string            `json:"name"`
	Family  string            `json:"family"`
	User    map[string]string `json:"user"`
}

// SnapshotState is one manual snapshot.
type SnapshotState struct {
	Account  string `json:"account"`
	Region   string `json:"region"`
	ID       string `json:"id"`
	Instance string `json:"instance"`
	Status   string `json:"status"`
}

// State reads everything at the clock's present.
func (s *Sim) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	out := State{Time: s.now}
	scopes := slices.Clone(s.order)
	slices.SortFunc(scopes, func(a, b Scope) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Region, b.Region))
	})
	for _, at := range scopes {
		r := s.regions[at]
		for _, i := range r.instances.all() {
			out.Instances = append(out.Instances, r.instanceState(i))
		}
		for _, d := range r.deploys.all() {
			out.Deployments = append(out.Deployments, r.deploymentState(d))
		}
		for _, g := range r.paramGrps.all() {
			if !isDefaultGroup(g.Name) {
				out.Groups = append(out.Groups, GroupState{at.Account, at.Region, g.Name, g.Family, maps.Clone(g.User)})
			}
		}
		for _, x := range r.snapshots.all() {
			out.Snapshots = append(out.Snapshots, SnapshotState{at.Account, at.Region, x.ID, x.Instance, x.Status})
		}
		out.Events = append(out.Events, r.events...)
	}
	return out
}

func (r *region) instanceState(i *Instance) InstanceState {
	st := InstanceState{Account: r.at.Account, Region: r.at.Region, ID: i.ID, ResourceID: i.ResourceID, Status: i.Status(),
		EngineVersion: i.EngineVersion, Class: i.Class, Storage: i.Storage, MultiAZ: i.MultiAZ, ParameterGroup: i.ParameterGroup,
		ApplyStatus: i.ApplyStatus, OptionGroup: i.OptionGroup, ReadOnly: i.ReadOnly, DeletionProtection: i.DeletionProtection,
		Origin: i.Origin, Roles: len(i.Roles), Tags: maps.Clone(i.Tags), Source: i.remote}
	if i.source != nil {
		st.Source = i.source.ID
		st.LagSeconds = int(i.lag.at(r.sim, r.sim.now).Seconds())
	}
	return st
}

func (r *region) deploymentState(d *Deployment) DeploymentState {
	st := DeploymentState{Account: r.at.Account, Region: r.at.Region, ID: d.ID, Name: d.Name, Status: d.Status, Details: d.Details,
		Source: d.Source, Target: d.Target, Tasks: slices.Clone(d.Tasks), Tags: maps.Clone(d.Tags), Attempts: d.Attempts}
	for _, m := range d.Members {
		st.Members = append(st.Members, MemberState{m.Source, m.Target, m.Status})
	}
	return st
}

// Instance finds an instance by name.
func (st State) Instance(account, region, id string) (InstanceState, bool) {
	for _, i := range st.Instances {
		if i.Account == account && i.Region == region && i.ID == id {
			return i, true
		}
	}
	return InstanceState{}, false
}

// ServerView is the MySQL server behind a name, at this moment.
type ServerView struct {
	ResourceID    string // changes when something else stands behind the name
	EngineVersion string
	Name          string
	Profile       string
	Schema        string
	ReadOnly      bool
	Down          bool // nothing listens (restart, creation)
	Offline       bool // connections are refused by a switchover
	Replica       bool
	Source        string // name of what it replicates from
	Lag           time.Duration
	Broken        string // replication error
	Parameters    map[string]string
}

// Server tells what stands behind a name; ok is false when nothing does.
func (s *Sim) Server(at Scope, name string) (v ServerView, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	r, ok := s.regions[at]
	if !ok {
		return v, false
	}
	i, ok := r.instances.get(lower(name))
	if !ok {
		return v, false
	}
	return r.view(i), true
}

func (r *region) view(i *Instance) ServerView {
	v := ServerView{ResourceID: i.ResourceID, EngineVersion: i.EngineVersion, Name: i.ID, Profile: i.Profile, Schema: i.Schema,
		ReadOnly: i.ReadOnly, Down: i.down(), Offline: i.offline, Replica: i.source != nil || i.remote != "", Parameters: map[string]string{}}
	if i.source != nil {
		v.Source, v.Lag, v.Broken = i.source.ID, i.lag.at(r.sim, r.sim.now), i.lag.broken
	}
	if g, ok := r.paramGrps.get(i.ParameterGroup); ok {
		maps.Copy(v.Parameters, g.User)
	}
	return v
}

// Primaries lists the databases of the fleet file that exist under their own
// name, in order.
func (s *Sim) Primaries() []Name {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	var out []Name
	for _, at := range s.order {
		for _, i := range s.regions[at].instances.all() {
			if i.ID == i.Origin {
				out = append(out, Name{at, i.ID})
			}
		}
	}
	return out
}

// Name is an instance's name and where it lives.
type Name struct {
	At Scope
	ID string
}
