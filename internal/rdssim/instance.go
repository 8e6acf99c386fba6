package rdssim

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/catalog"
	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/query"
)

// Instance statuses used by the model.
const (
	statusAvailable     = "available"
	statusCreating      = "creating"
	statusModifying     = "modifying"
	statusUpgrading     = "upgrading"
	statusRebooting     = "rebooting"
	statusRenaming      = "renaming"
	statusDeleting      = "deleting"
	statusBackingUp     = "backing-up"
	statusInitializing  = "storage-initialization"
	statusOptimizing    = "storage-optimization"
	statusConfigUpgrade = "storage-config-upgrade"
)

// Instance is one DB instance: the physical thing. Its name can move to
// another one; its ResourceID cannot.
type Instance struct {
	ID         string
	ResourceID string
	Scope      Scope

	EngineVersion       string
	Class               string
	Storage             Storage
	MaxAllocatedStorage int
	UsedPercent         int
	MultiAZ             bool
	BackupRetention     int
	ParameterGroup      string
	ApplyStatus         string // "in-sync", "pending-reboot", "applying"
	OptionGroup         string
	Tags                map[string]string
	Pending             map[string]string // PendingModifiedValues
	DeletionProtection  bool
	ManagedPassword     bool
	Encrypted           bool
	DedicatedLogVolume  bool
	Cluster             string
	Roles               []Role
	CACertificate       string
	LifecycleSupport    string
	ConfigUpgradeNeeded bool // 32-bit file system
	IAMAuthentication   bool
	PerformanceInsights bool
	AutoMinorUpgrade    bool
	MasterUser          string
	CreateTime          time.Time
	Profile             string // recorded answers of its MySQL endpoint
	ProfileAfter        string
	Schema              string
	ReadOnly            bool
	ExternalReplication bool
	Maintenance         []string
	Blockers            []string // upgrade checks that fail
	Origin              string   // name of the fleet's database it descends from
	Logs                map[string]string
	StorageLockedUntil  time.Time // no storage change before

	deploy   *Deployment // it is a member of
	source   *Instance   // it replicates from, nil for a primary
	remote   string      // ARN of a source in another Region
	replicas []*Instance
	foreign  []string // ARNs of replicas in other Regions
	lag      lagModel
	oldBlue  bool
	offline  bool // a switchover refuses connections
	deleted  bool

	base     string // status when nothing goes on
	work     []*activity
	side     *activity // storage work that does not close the instance
	previous string    // what describe calls still show until visibleAt
	visible  time.Time
}

// Role is an IAM role attached to an instance.
type Role struct{ ARN, Feature string }

// activity is a piece of work on an instance.
type activity struct {
	status string
	took   time.Duration
	start  time.Time
	end    time.Time
	outage bool // the server is down meanwhile
	done   func()
	begun  bool
}

// Status is the instance's true status.
func (i *Instance) Status() string {
	switch {
	case len(i.work) > 0:
		return i.work[0].status
	case i.side != nil:
		return i.side.status
	}
	return i.base
}

// shown is the status that a describe call sees at the time.
func (i *Instance) shown(now time.Time) string {
	if i.previous != "" && now.Before(i.visible) {
		return i.previous
	}
	return i.Status()
}

// progress is the PercentProgress text of storage work, empty without any.
func (i *Instance) progress(now time.Time) string {
	if len(i.work) > 0 || i.side == nil {
		return ""
	}
	total := i.side.end.Sub(i.side.start)
	if total <= 0 {
		return "0"
	}
	pct := int(100 * now.Sub(i.side.start) / total)
	return strconv.Itoa(min(max(pct, 0), 99))
}

// noting remembers the status before a change, so that describe calls lag.
func (s *Sim) noting(i *Instance, change func()) {
	before := i.Status()
	change()
	if i.Status() != before && s.timing.Visible > 0 && i.Status() != statusCreating {
		i.previous = before
		d := time.Duration(s.random(i.ResourceID, before, i.Status()).Float64() * float64(s.timing.Visible))
		i.visible = s.now.Add(s.scale(d))
	}
}

// perform queues work that closes the instance for other modifications; the
// pieces run one after the other.
func (s *Sim) perform(i *Instance, work ...*activity) {
	idle := len(i.work) == 0
	s.stir(i)
	s.noting(i, func() { i.work = append(i.work, work...) })
	if idle && len(i.work) > 0 {
		s.begin(i)
	}
}

// stir lets observers of changes look at an instance again.
func (s *Sim) stir(i *Instance) {
	if r := s.regions[i.Scope]; r != nil {
		r.stirred = append(r.stirred, i)
	}
}

func (s *Sim) begin(i *Instance) {
	a := i.work[0]
	if a.begun {
		return // done() of the piece before queued it and found the instance idle
	}
	a.begun, a.start = true, s.now
	a.end = s.after(s.vary(a.took, i.ResourceID, a.status), func() {
		if i.deleted || len(i.work) == 0 || i.work[0] != a {
			return
		}
		if a.outage {
			i.lag.add(s, a.took)
		}
		s.noting(i, func() {
			i.work = i.work[1:]
			if a.done != nil {
				a.done()
			}
		})
		if len(i.work) > 0 {
			s.begin(i)
		}
	})
}

// background starts storage work beside which the instance can be used.
func (s *Sim) background(i *Instance, a *activity) {
	s.noting(i, func() { i.side = a })
	a.start = s.now
	a.end = s.after(s.vary(a.took, i.ResourceID, a.status), func() {
		if i.deleted || i.side != a {
			return
		}
		s.noting(i, func() {
			i.side = nil
			if a.done != nil {
				a.done()
			}
		})
	})
}

// down tells whether the server behind the instance refuses connections.
func (i *Instance) down() bool {
	return i.offline || i.deleted || (len(i.work) > 0 && (i.work[0].outage || i.work[0].status == statusCreating || i.work[0].status == statusDeleting))
}

// bootReadOnly is the value of read_only after a start of the server.
func (r *region) bootReadOnly(i *Instance) bool {
	switch r.parameter(i.ParameterGroup, "read_only") {
	case "0", "OFF":
		return false
	case "1", "ON":
		return true
	}
	// {TrueIfReplica} still evaluates to 1 on an old blue.
	return i.source != nil || i.remote != "" || i.oldBlue
}

// detach ends the replication of an instance.
func (i *Instance) detach() {
	if i.source == nil {
		return
	}
	i.source.replicas = slices.DeleteFunc(i.source.replicas, func(o *Instance) bool { return o == i })
	i.source = nil
}

func (i *Instance) attach(source *Instance) {
	i.source = source
	source.replicas = append(source.replicas, i)
}

// clone copies the value, not the relations.
func (i *Instance) clone() *Instance {
	c := *i
	c.Tags = maps.Clone(i.Tags)
	c.Pending = map[string]string{}
	c.Roles = slices.Clone(i.Roles)
	c.Blockers = slices.Clone(i.Blockers)
	c.Logs = map[string]string{}
	c.Maintenance = nil
	c.deploy, c.source, c.replicas, c.foreign, c.remote = nil, nil, nil, nil, ""
	c.work, c.side, c.previous = nil, nil, ""
	c.oldBlue, c.offline = false, false
	return &c
}

func (r *region) instance(id string) (*Instance, error) {
	i, ok := r.instances.get(lower(id))
	if !ok {
		return nil, query.NotFound("DBInstanceNotFound", "DBInstance %s not found.", id)
	}
	return i, nil
}

// add makes an instance exist.
func (r *region) add(i *Instance) {
	r.instances.put(i.ID, i)
	r.gib += i.Storage.GiB
}

// setStorage changes a volume and keeps the account of what is allocated.
func (r *region) setStorage(i *Instance, st Storage) {
	r.gib += st.GiB - i.Storage.GiB
	i.Storage = st
}

func (i *Instance) class() catalog.Class {
	c, _ := catalog.FindClass(i.Class)
	return c
}
