package bluegreen

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// LeftoverState is where a server that the campaign leaves behind stands on its
// way out.
type LeftoverState string

// The states of a leftover.
const (
	LeftKept     LeftoverState = "kept"     // its time is not over
	LeftDue      LeftoverState = "due"      // its time is over; the second key is missing
	LeftHeld     LeftoverState = "held"     // its time is over, and something speaks against it
	LeftRefused  LeftoverState = "refused"  // not provably ours: only a person may remove it, by hand
	LeftRemoving LeftoverState = "removing" // under way
	LeftRemoved  LeftoverState = "removed"  // gone, and its final snapshot was seen available
	LeftGone     LeftoverState = "gone"     // gone, removed by somebody else
	LeftLost     LeftoverState = "lost"     // gone after our call, and its final snapshot is not there
)

// The roles of leftovers.
const (
	RoleOldBlue = "old blue"
	RoleReplica = "replica of old blue"
	RoleAside   = "set aside by a rollback"
)

// Leftover is a server that the campaign leaves behind: the old blue of a hop,
// one of its read replicas, or a server that a rollback set aside.
type Leftover struct {
	Instance     string        `json:"instance"` // its name now, or its last
	ResourceID   string        `json:"resource_id"`
	Role         string        `json:"role"`
	Version      string        `json:"version,omitempty"`
	Class        string        `json:"class,omitempty"`
	AllocatedGiB int           `json:"allocated_gib,omitempty"`
	Since        time.Time     `json:"since,omitzero"` // it serves no more
	KeepUntil    time.Time     `json:"keep_until,omitzero"`
	State        LeftoverState `json:"state"`
	Reason       string        `json:"reason"`
	Next         string        `json:"next_step,omitempty"`
	// Snapshot is its final snapshot's name, "" for a read replica: RDS takes none of one.
	Snapshot string `json:"snapshot,omitempty"`
	// Actions are the calls that remove it, in their order.
	Actions []Action   `json:"actions,omitempty"`
	Removed *time.Time `json:"removed,omitempty"`
}

// CleanupFacts is what decides over a database's leftovers.
type CleanupFacts struct {
	Facts
	State State
	// Keep is how long a server is kept after it stopped serving.
	Keep time.Duration
	// Automatic: the plan is the second key.
	Automatic bool
	// Paused says why nothing may be begun, "" when it may.
	Paused string
	// MemberOf are the deployments by the name of every instance in them.
	MemberOf map[string][]Deployment
	// Readings are by resource id; what is not in it was not read in this look.
	Readings map[string]CleanupReading
}

// CleanupReading is what must be read right before a deletion.
type CleanupReading struct {
	// Clients are connected to the server; ClientsErr says why that is not known.
	Clients    []string
	ClientsErr string
	// Snapshot bears the final snapshot's name, nil when none does.
	Snapshot    *Snapshot
	SnapshotErr string
}

// Cleaning is what there is, and what may be done now.
type Cleaning struct {
	Leftovers []Leftover
	// Actions are the calls to make now.
	Actions []Action
	// Read are the leftovers, by resource id, whose readings are missing.
	Read []string
	// Prove are those that are gone, and whose snapshot must be seen.
	Prove []Leftover
	// Going: it moves by itself, or with the calls of this look.
	Going bool
}

// Cleanup judges every server that the campaign left behind for a database. It
// is pure; a deletion needs both keys (the time is over, and a person's word or
// the plan's policy), and no row of cleanupGuards that speaks against it.
func Cleanup(f CleanupFacts) Cleaning {
	var c Cleaning
	for _, k := range f.leftBehind() {
		l := f.judge(k)
		i := f.byResource(k.ResourceID)
		switch {
		case l.State == LeftRemoving && i == nil:
			c.Prove, c.Going = append(c.Prove, l), true
		case l.State == LeftRemoving && i.Status == "deleting":
			c.Going = true
		case l.State == LeftRemoving && f.lacksReading(k):
			c.Read = append(c.Read, k.ResourceID)
		case l.State == LeftRemoving:
			c.Going = true
			if !k.Replica && f.replicasOf(k) > 0 {
				break // they go first
			}
			c.Actions = append(c.Actions, l.Actions[0])
		}
		c.Leftovers = append(c.Leftovers, l)
	}
	for id, i := range f.strangers() {
		c.Leftovers = append(c.Leftovers, f.stranded(id, i))
	}
	slices.SortFunc(c.Leftovers, func(a, b Leftover) int { return strings.Compare(a.Instance, b.Instance) })
	shells := f.shells()
	c.Actions, c.Going = append(c.Actions, shells...), c.Going || len(shells) > 0
	return c
}

// leftBehind are the servers on record that serve no more.
func (f CleanupFacts) leftBehind() []Known {
	var out []Known
	for _, k := range f.Record.Known {
		i := f.byResource(k.ResourceID)
		if k.Since.IsZero() || i != nil && i.ID == k.ID && !f.removalAsked(k) {
			continue // it serves: never left, or is back after a rollback
		}
		out = append(out, k)
	}
	return out
}

func (f CleanupFacts) removalAsked(k Known) bool { return f.removalOf(k.ResourceID) != nil }

func (f CleanupFacts) removalOf(resource string) *Removal {
	for n := range f.Record.Removals {
		if f.Record.Removals[n].ResourceID == resource {
			return &f.Record.Removals[n]
		}
	}
	return nil
}

func (f CleanupFacts) byResource(resource string) *Instance {
	return machine(f.Instances, resource, "")
}

// judge tells one leftover's state: gone, not ours, kept, held, due, or removing.
func (f CleanupFacts) judge(k Known) Leftover {
	l := Leftover{Instance: k.ID, ResourceID: k.ResourceID, Role: k.role(), Version: k.Version, Since: k.Since, KeepUntil: f.keepUntil(k)}
	if !k.Replica {
		l.Snapshot = FinalSnapshotName(f.Campaign, k)
	}
	i := f.byResource(k.ResourceID)
	if i == nil {
		return f.gone(l)
	}
	l.Instance, l.Version, l.Class, l.AllocatedGiB = i.ID, i.Version, i.Class, i.AllocatedGiB
	l.Actions = f.removalCalls(k, i, l.Snapshot)
	for _, g := range cleanupGuards {
		if why, next := g.no(f, k, i); why != "" {
			l.State, l.Reason, l.Next = g.state, why, next
			return l
		}
	}
	l.State, l.Reason = LeftRemoving, "being removed"
	switch {
	case i.Status == "deleting":
		l.Reason = "RDS is deleting it"
	case !k.Replica && f.replicasOf(k) > 0:
		l.Reason = "its read replicas are removed first"
	}
	return l
}

func (f CleanupFacts) gone(l Leftover) Leftover {
	r := f.removalOf(l.ResourceID)
	switch {
	case r == nil:
		l.State, l.Reason, l.Snapshot = LeftGone, "somebody else has removed it", ""
	case !r.Proven.IsZero():
		at := r.Proven
		l.State, l.Removed, l.Snapshot, l.Reason = LeftRemoved, &at, r.Snapshot, "removed; final snapshot "+r.Snapshot+" is available"
		if r.Snapshot == "" {
			l.Reason = "removed; a read replica has no final snapshot"
		}
	case r.Missing != "":
		l.State, l.Reason, l.Next = LeftLost, "it is gone, but "+r.Missing, "look for the snapshot and the automated backups of "+l.ResourceID+" in the console"
	default:
		l.State, l.Reason = LeftRemoving, "it is gone; its final snapshot is being proven"
	}
	if r != nil && r.Instance != "" {
		l.Instance = r.Instance
	}
	return l
}

// keepUntil is when a leftover's time is over. One that a newer hop stands on
// is kept as long as that hop's: going back twice would need both.
func (f CleanupFacts) keepUntil(k Known) time.Time {
	until := k.Since
	for _, other := range f.Record.Known {
		if other.Since.After(until) && f.byResource(other.ResourceID) != nil {
			until = other.Since
		}
	}
	return until.Add(f.Keep)
}

// removalCalls are the calls that remove an instance. A final snapshot of an
// earlier attempt that is there already is adopted.
func (f CleanupFacts) removalCalls(k Known, i *Instance, snapshot string) []Action {
	var acts []Action
	off := false
	why := k.role() + ", kept until " + f.keepUntil(k).UTC().Format("2006-01-02 15:04 MST")
	if i.Protected {
		acts = append(acts, Action{Kind: ModifyInstance, Instance: i.ID, ResourceID: i.ResourceID, Modify: &ModifySpec{Protected: &off}, Why: why})
	}
	del := Action{Kind: DeleteInstance, Instance: i.ID, ResourceID: i.ResourceID, Snapshot: snapshot, Replica: k.Replica, Why: why}
	if s := f.Readings[k.ResourceID].Snapshot; s != nil && s.holds(k) {
		del.Adopted = true
	}
	return f.owned(append(acts, del))
}

func (f CleanupFacts) lacksReading(k Known) bool {
	_, ok := f.Readings[k.ResourceID]
	return !ok
}

// replicasOf counts the read replicas on record of a leftover that are still there.
func (f CleanupFacts) replicasOf(k Known) int {
	n := 0
	for _, r := range f.Record.Known {
		if r.Replica && r.Deployment == k.Deployment && f.byResource(r.ResourceID) != nil {
			n++
		}
	}
	return n
}

// strangers are instances named as if the campaign had left them behind, which
// the journal does not know.
func (f CleanupFacts) strangers() map[string]*Instance {
	bases := map[string]bool{f.ID: true}
	if now := f.Instances[f.ID]; now != nil {
		for _, r := range now.Replicas {
			bases[IDFromARN(r)] = true
		}
	}
	for _, k := range f.Record.Known {
		bases[k.ID] = true
	}
	out := map[string]*Instance{}
	for id, i := range f.Instances {
		at := leftName.FindStringSubmatch(id)
		if at == nil || !bases[at[1]] || bases[id] || slices.ContainsFunc(f.Record.Known, func(k Known) bool { return k.ResourceID == i.ResourceID }) {
			continue
		}
		out[id] = i
	}
	return out
}

// leftName is how RDS and a rollback name what is left behind.
var leftName = regexp.MustCompile(`^(.+)-(old[0-9]+|rolledback.*)$`)

func (f CleanupFacts) stranded(id string, i *Instance) Leftover {
	return Leftover{Instance: id, ResourceID: i.ResourceID, Role: RoleOldBlue, Version: i.Version, Class: i.Class, AllocatedGiB: i.AllocatedGiB,
		State: LeftRefused, Reason: "the journal has no record of " + i.ResourceID + " from before the campaign touched it: it may be somebody else's", Next: byHand(id)}
}

func byHand(id string) string {
	return "if it is yours, remove it by hand: aws rds delete-db-instance --db-instance-identifier " + id + " --final-db-snapshot-identifier NAME --no-delete-automated-backups"
}

// shells are the completed deployments whose old servers we removed: only the
// wrapper is deleted, never a target.
func (f CleanupFacts) shells() []Action {
	var acts []Action
	if f.Paused != "" || f.State.Ambiguous || f.State.Stage != Done && f.State.Stage != Cleaned {
		return nil
	}
	for _, d := range f.Deployments {
		if d.Status != SwitchoverCompleted || !f.Ours(d) {
			continue
		}
		ours, left := false, false
		for _, k := range f.Record.Known {
			if k.Deployment != d.Name {
				continue
			}
			r := f.removalOf(k.ResourceID)
			ours = ours || r != nil
			left = left || f.byResource(k.ResourceID) != nil || r != nil && r.Proven.IsZero()
		}
		if ours && !left {
			acts = append(acts, Action{Kind: DeleteDeployment, Deployment: d.ID, Why: "its old servers are gone; the record is all that is left of it"})
		}
	}
	return f.owned(acts)
}

// FinalSnapshotName is the name of a leftover's final snapshot: the same for
// the same machine, so that a repeated attempt finds it.
func FinalSnapshotName(campaign string, k Known) string {
	id := strings.ToLower(strings.TrimPrefix(k.ResourceID, "db-"))
	name := fmt.Sprintf("rdsupgrade-%s-%s-%s-%s", campaign, k.ID, k.Version, id[:min(len(id), 10)])
	return strings.Trim(notInName.ReplaceAllString(strings.ToLower(name), "-"), "-")
}

// notInName: RDS takes letters, digits and single hyphens.
var notInName = regexp.MustCompile(`[^a-z0-9]+`)

// OurGroup tells that a parameter group bears a name that the campaign gives.
func OurGroup(campaign string, g ParameterGroup) bool {
	return strings.HasPrefix(g.Name, slug(campaign)+"-") && groupHash.MatchString(g.Name)
}

var groupHash = regexp.MustCompile(`-[0-9a-f]{8}$`)
