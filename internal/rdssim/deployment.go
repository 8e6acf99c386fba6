package rdssim

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/catalog"
	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/query"
)

// Deployment statuses.
const (
	deployProvisioning = "PROVISIONING"
	deployAvailable    = "AVAILABLE"
	deploySwitching    = "SWITCHOVER_IN_PROGRESS"
	deployCompleted    = "SWITCHOVER_COMPLETED"
	deployInvalid      = "INVALID_CONFIGURATION"
	deployFailed       = "SWITCHOVER_FAILED"
	deployDeleting     = "DELETING"

	memberMissingSource = "MISSING_SOURCE"
	memberMissingTarget = "MISSING_TARGET"
)

// Tasks of a deployment in the order they are done.
const (
	taskReplica  = "CREATING_READ_REPLICA_OF_SOURCE"
	taskUpgrade  = "DB_ENGINE_VERSION_UPGRADE"
	taskBackups  = "CONFIGURE_BACKUPS"
	taskTopology = "CREATING_TOPOLOGY_OF_SOURCE"
)

// Task is a step of building the green environment.
type Task struct{ Name, Status string }

// Member is a blue instance with its green twin.
type Member struct {
	Blue, Green *Instance
	Source      string // ARNs, as SwitchoverDetails shows them
	Target      string
	Status      string
}

// Deployment is a blue/green deployment.
type Deployment struct {
	ID, Name   string
	Source     string
	Target     string
	Status     string
	Details    string
	Tasks      []Task
	Members    []*Member // the primary first
	Tags       map[string]string
	CreateTime time.Time
	DeleteTime time.Time
	Attempts   int // switchovers begun

	visible time.Time // describe calls do not know it before
	prev    string    // what they still show until changed
	changed time.Time
	wish    greenWish
	at      Coordinates // of green at the switchover, from the data plane

	darkSince time.Time // a switchover refuses connections since
}

// origin is the name in the fleet of the database it is for.
func (d *Deployment) origin() string {
	if b := d.Members[0].Blue; b != nil {
		return b.Origin
	}
	return ""
}

// greenWish is what the create call asked for.
type greenWish struct {
	version, class string
	storage        Storage
	group, options string
	configUpgrade  bool
	stuck          bool
}

func (r *region) deployment(id string) (*Deployment, error) {
	d, ok := r.deploys.get(lower(id))
	if !ok {
		return nil, noDeployment(id)
	}
	return d, nil
}

func noDeployment(id string) error {
	return query.NotFound("BlueGreenDeploymentNotFoundFault", "No blue/green deployment found with identifier %s.", id)
}

// deploymentOf is the deployment that an instance is a member of, if any.
func (r *region) deploymentOf(i *Instance) *Deployment { return i.deploy }

func (d *Deployment) setStatus(s *Sim, status string) {
	if s.timing.Visible > 0 && d.Status != "" {
		d.prev = d.Status
		lag := time.Duration(s.random(d.ID, d.Status, status).Float64() * float64(s.timing.Visible))
		d.changed = s.now.Add(s.scale(lag))
	}
	d.Status = status
}

func (d *Deployment) setMembers(status string) {
	for _, m := range d.Members {
		if m.Status != memberMissingSource && m.Status != memberMissingTarget {
			m.Status = status
		}
	}
}

func (d *Deployment) task(name, status string) {
	for n := range d.Tasks {
		if d.Tasks[n].Name == name {
			d.Tasks[n].Status = status
		}
	}
}

// fail makes the deployment unusable: it can only be deleted.
func (d *Deployment) fail(r *region, reason string) {
	d.setStatus(r.sim, deployInvalid)
	d.Details = "The blue/green deployment has an invalid configuration: " + reason + "."
	r.emitDeployment(d, "failure", "Creation of blue/green deployment failed because %s.", reason)
}

// memberGone notes that a member was deleted by hand.
func (d *Deployment) memberGone(r *region, i *Instance) {
	for n, m := range d.Members {
		switch i {
		case m.Green:
			m.Green, m.Status = nil, memberMissingTarget
		case m.Blue:
			m.Blue, m.Status = nil, memberMissingSource
		default:
			continue
		}
		if n == 0 && d.Status != deployDeleting && d.Status != deployCompleted {
			d.fail(r, "the DB instance "+i.ID+" does not exist any more")
		}
	}
	i.deploy = nil
}

func (r *region) deploymentNode(name string, d *Deployment) query.Node {
	now := r.sim.now
	status := d.Status
	if d.prev != "" && now.Before(d.changed) {
		status = d.prev
	}
	if len(d.Members) > 0 && d.Members[0].Blue != nil && status == deployAvailable {
		if f := r.sim.strikes(FaultFlapping, d.Members[0].Blue, "DescribeBlueGreenDeployments"); f != nil {
			status = or(f.Status, deployProvisioning)
		}
	}
	details, tasks := query.E("SwitchoverDetails"), query.E("Tasks")
	for _, m := range d.Members {
		details.Kids = append(details.Kids, query.E("member", query.Opt("SourceMember", m.Source), query.Opt("TargetMember", m.Target), query.S("Status", m.Status)))
	}
	for _, t := range d.Tasks {
		tasks.Kids = append(tasks.Kids, query.E("member", query.S("Name", t.Name), query.S("Status", t.Status)))
	}
	return query.E(name, query.S("BlueGreenDeploymentIdentifier", d.ID), query.S("BlueGreenDeploymentName", d.Name),
		query.S("Source", d.Source), query.Opt("Target", d.Target), details, tasks, query.S("Status", status),
		query.Opt("StatusDetails", d.Details), query.Time("CreateTime", d.CreateTime), query.Time("DeleteTime", d.DeleteTime), tagList(d.Tags))
}

func (r *region) describeDeployments(p *query.Params) ([]query.Node, error) {
	if err := onlyFilters(p, "blue-green-deployment-identifier", "blue-green-deployment-name", "source", "target"); err != nil {
		return nil, err
	}
	now := r.sim.now
	if id := p.Str("BlueGreenDeploymentIdentifier"); id != "" {
		d, err := r.deployment(id)
		if err != nil {
			return nil, err
		}
		if now.Before(d.visible) {
			return nil, noDeployment(id)
		}
		return []query.Node{query.E("BlueGreenDeployments", r.deploymentNode("member", d))}, nil
	}
	ids, names := filterValues(p, "blue-green-deployment-identifier"), filterValues(p, "blue-green-deployment-name")
	sources, targets := filterValues(p, "source"), filterValues(p, "target")
	return paged(p, "BlueGreenDeployments", r.deploys.from, limit100, func(_ string, d *Deployment) query.Node {
		if now.Before(d.visible) || (ids != nil && !ids[d.ID]) || (names != nil && !names[d.Name]) ||
			(sources != nil && !sources[d.Source]) || (targets != nil && !targets[d.Target]) {
			return query.Node{}
		}
		return r.deploymentNode("member", d)
	})
}

func (r *region) createDeployment(p *query.Params) ([]query.Node, error) {
	name := p.Str("BlueGreenDeploymentName")
	if !groupNamePattern.MatchString(name) || len(name) > 60 {
		return nil, query.Fault("InvalidParameterValue", "The parameter BlueGreenDeploymentName is not a valid identifier. It must have 1 to 60 letters, digits, and hyphens; begin with a letter; and must not end with a hyphen or contain two consecutive hyphens.")
	}
	src, err := r.deploymentSource(p.Str("Source"))
	if err != nil {
		return nil, err
	}
	if _, taken := r.names[lower(name)]; taken {
		return nil, query.Fault("BlueGreenDeploymentAlreadyExistsFault", "A blue/green deployment with the specified name %s already exists.", name)
	}
	wish, err := r.eligible(src, p)
	if err != nil {
		return nil, err
	}
	if err := p.Err(); err != nil {
		return nil, err
	}
	return []query.Node{r.deploymentNode("BlueGreenDeployment", r.startDeployment(name, src, wish, tagsOf(p)))}, nil
}

func (r *region) startDeployment(name string, src *Instance, wish greenWish, tags map[string]string) *Deployment {
	s := r.sim
	rnd := s.random("deployment", r.at.Account, r.at.Region, name, s.nextSerial())
	d := &Deployment{ID: "bgd-" + randomID(rnd, 16), Name: name, Source: r.arn("db", src.ID), Tags: tags, CreateTime: s.now, wish: wish,
		visible: s.now.Add(s.scale(time.Duration(rnd.Float64() * float64(s.timing.Visible))))}
	d.setStatus(s, deployProvisioning)
	d.Tasks = append(d.Tasks, Task{taskReplica, "PENDING"})
	if wish.version != src.EngineVersion {
		d.Tasks = append(d.Tasks, Task{taskUpgrade, "PENDING"})
	}
	d.Tasks = append(d.Tasks, Task{taskBackups, "PENDING"})
	if len(src.replicas) > 0 {
		d.Tasks = append(d.Tasks, Task{taskTopology, "PENDING"})
	}
	for _, blue := range append([]*Instance{src}, src.replicas...) {
		d.Members = append(d.Members, &Member{Blue: blue, Source: r.arn("db", blue.ID), Status: deployProvisioning})
		blue.deploy = d
	}
	r.deploys.put(d.ID, d)
	r.touched = append(r.touched, d)
	r.names[lower(name)] = d
	s.after(20*time.Second, func() { r.buildReplica(d) })
	return d
}

// greenName is <id>-green-<six random>, cut to the 63 characters of an identifier.
func (r *region) greenName(d *Deployment, blue *Instance) string {
	base := blue.ID
	if len(base) > 50 {
		base = strings.TrimRight(base[:50], "-")
	}
	for {
		name := base + "-green-" + randomID(r.sim.random("green", d.ID, blue.ID, r.sim.nextSerial()), 6)
		if _, taken := r.instances.get(name); !taken {
			return name
		}
	}
}

// live tells whether a step of building still has its subject.
func (d *Deployment) live(r *region) bool {
	cur, ok := r.deploys.get(d.ID)
	return ok && cur == d && d.Status == deployProvisioning && d.Members[0].Green != nil
}

func (r *region) newGreen(d *Deployment, m *Member) *Instance {
	g := r.newInstance(m.Blue, r.greenName(d, m.Blue))
	g.Roles = nil // IAM roles are not copied
	g.ReadOnly = true
	g.deploy = d
	m.Green, m.Target = g, r.arn("db", g.ID)
	return g
}

// buildReplica makes the green primary: a restored replica on blue's version.
func (r *region) buildReplica(d *Deployment) {
	m := d.Members[0]
	if cur, ok := r.deploys.get(d.ID); !ok || cur != d || d.Status != deployProvisioning || m.Blue == nil {
		return
	}
	d.task(taskReplica, "IN_PROGRESS")
	g := r.newGreen(d, m)
	d.Target = m.Target
	w := d.wish
	r.setStorage(g, w.storage.effective())
	if c, ok := catalog.FindClass(w.class); ok && c.Runs(g.EngineVersion) {
		g.Class = w.class // otherwise with the upgrade, from which on it exists
	}
	g.attach(m.Blue)
	r.emitInstance(g, "creation", "DB instance created")
	if w.stuck {
		r.sim.perform(g, &activity{status: statusCreating, took: 1000 * time.Hour})
		return
	}
	t := r.sim.timing
	r.sim.perform(g, &activity{status: statusCreating, took: perTiB(t.CreateReplica, t.CreateReplicaPerTiB, g.Storage.GiB), done: func() {
		g.lag = lagModel{behind: m.Blue.lag.behind, since: r.sim.now, endless: g.lag.endless}
		r.buildData(d, g, func() {
			d.task(taskReplica, "COMPLETED")
			r.buildUpgrade(d, g)
		})
	}})
}

func (r *region) buildUpgrade(d *Deployment, g *Instance) {
	if !d.live(r) {
		return
	}
	w, t := d.wish, r.sim.timing
	var work []*activity
	finish := func() {
		g.Class, g.ParameterGroup = w.class, or(w.group, g.ParameterGroup)
		r.restarted(g)
		r.buildBackups(d, g)
	}
	if w.version != g.EngineVersion {
		d.task(taskUpgrade, "IN_PROGRESS")
		up := r.upgradeWork(g, w.version, w.group, w.options, func(err error) {
			if err != nil {
				g.work = nil // nothing that was to follow
				d.task(taskUpgrade, "FAILED")
				d.fail(r, err.Error())
				return
			}
			d.task(taskUpgrade, "COMPLETED")
		})
		work = append(work, up)
	}
	if w.configUpgrade {
		work = append(work, &activity{status: statusConfigUpgrade, took: perTiB(t.ConfigUpgrade, t.ConfigUpgradePerTiB, g.Storage.GiB), outage: true,
			done: func() { g.ConfigUpgradeNeeded = false }})
	}
	if len(work) == 0 {
		finish()
		return
	}
	last := work[len(work)-1]
	inner := last.done
	last.done = func() {
		if inner != nil {
			inner()
		}
		if d.live(r) {
			finish()
		}
	}
	r.sim.perform(g, work...)
}

func (r *region) buildBackups(d *Deployment, g *Instance) {
	d.task(taskBackups, "IN_PROGRESS")
	took := r.sim.timing.ConfigureBackups
	r.sim.perform(g, &activity{status: statusBackingUp, took: took, done: func() {
		d.task(taskBackups, "COMPLETED")
		r.buildTopology(d, g)
	}})
}

// buildTopology makes the green replicas. They take class and storage type of
// their blue twin, and the size of the green primary.
func (r *region) buildTopology(d *Deployment, g *Instance) {
	if !d.live(r) {
		return
	}
	waiting := 0
	for _, m := range d.Members[1:] {
		if m.Blue == nil {
			continue
		}
		waiting++
		x := r.newGreen(d, m)
		x.EngineVersion, x.ParameterGroup, x.OptionGroup, x.Profile = g.EngineVersion, g.ParameterGroup, g.OptionGroup, g.Profile
		r.setStorage(x, resized(x.Storage, g.Storage.GiB))
		x.attach(g)
		r.emitInstance(x, "creation", "DB instance created")
		t := r.sim.timing
		r.sim.perform(x, &activity{status: statusCreating, took: perTiB(t.CreateReplica, t.CreateReplicaPerTiB, x.Storage.GiB), done: func() {
			r.restarted(x)
			x.lag = lagModel{behind: 30 * time.Second, since: r.sim.now}
			if waiting--; waiting == 0 {
				r.buildDone(d)
			}
		}})
	}
	if waiting == 0 {
		r.buildDone(d)
		return
	}
	d.task(taskTopology, "IN_PROGRESS")
}

// resized is a volume with another size; performance that does not fit the new
// size any more becomes gp3's baseline.
func resized(st Storage, gib int) Storage {
	st = st.asked()
	st.GiB = gib
	if st.Type == "gp3" && checkStorage(st) != nil {
		st.IOPS, st.Throughput = 0, 0
	}
	return st.effective()
}

// buildDone makes the deployment AVAILABLE, while its members may still be
// initializing their volumes.
func (r *region) buildDone(d *Deployment) {
	if !d.live(r) {
		return
	}
	d.task(taskTopology, "COMPLETED")
	d.setStatus(r.sim, deployAvailable)
	d.setMembers(deployAvailable)
	r.emitDeployment(d, "creation", "Blue/green deployment tasks completed. You can make more modifications to the green environment databases or switch over the deployment.")
	t, pending := r.sim.timing, 0
	for _, m := range d.Members {
		g := m.Green
		if g == nil {
			continue
		}
		if m == d.Members[0] {
			g.lag.endless = r.sim.strikes(FaultEndlessLag, m.Blue, "CreateBlueGreenDeployment") != nil
		}
		if g.class().Burstable {
			continue
		}
		pending++
		r.sim.background(g, &activity{status: statusInitializing, took: perTiB(t.Initialize, t.InitializePerTiB, g.Storage.GiB), done: func() {
			if pending--; pending == 0 {
				r.emitDeployment(d, "notification", "Storage volumes for the green environment of the blue/green deployment have been initialized.")
			}
		}})
	}
	if pending > 0 {
		r.emitDeployment(d, "notification", "Storage volumes for the green environment of the blue/green deployment are being initialized.")
	}
}

func (r *region) deleteDeployment(p *query.Params) ([]query.Node, error) {
	d, err := r.deployment(p.Str("BlueGreenDeploymentIdentifier"))
	if err != nil {
		return nil, err
	}
	target, _ := p.Bool("DeleteTarget")
	switch {
	case d.Status == deploySwitching || d.Status == deployDeleting:
		return nil, query.Fault("InvalidBlueGreenDeploymentStateFault", "The blue/green deployment %s is in the %s state and can't be deleted.", d.ID, d.Status)
	case d.Status == deployCompleted && target:
		return nil, query.Fault("InvalidBlueGreenDeploymentStateFault", "You can't specify DeleteTarget for the blue/green deployment %s because its switchover is completed.", d.ID)
	}
	var greens []*Instance
	for _, m := range d.Members {
		if m.Green != nil && target {
			if m.Green.DeletionProtection {
				return nil, query.Fault("InvalidBlueGreenDeploymentStateFault", "The DB instance %s of the green environment has deletion protection enabled. Disable it and try again.", m.Green.ID)
			}
			greens = append(greens, m.Green)
		}
	}
	d.setStatus(r.sim, deployDeleting)
	r.touched = append(r.touched, d)
	d.DeleteTime = r.sim.now
	took := r.sim.timing.DeleteDeployment
	slices.Reverse(greens) // replicas before their source
	for _, g := range greens {
		g.work, g.side = nil, nil // whatever was going on ends here
		r.remove(g, r.sim.timing.Delete)
		took = r.sim.timing.Delete + r.sim.timing.DeleteDeployment + time.Duration(float64(r.sim.timing.Delete)*r.sim.timing.Jitter)
	}
	r.sim.after(took, func() {
		for _, m := range d.Members {
			for _, i := range []*Instance{m.Blue, m.Green} {
				if i != nil && i.deploy == d {
					i.deploy = nil
				}
			}
		}
		r.deploys.remove(d.ID)
		delete(r.names, lower(d.Name))
		r.emitDeployment(d, "deletion", "Blue/green deployment deleted.")
	})
	return []query.Node{r.deploymentNode("BlueGreenDeployment", d)}, nil
}

// copyTags gives an instance another one's tags and nothing else.
func copyTags(to, from *Instance) { to.Tags = maps.Clone(from.Tags) }
