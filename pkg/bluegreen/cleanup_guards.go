package bluegreen

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Known is a server as the journal recorded it before the campaign touched it,
// or when a rollback set it aside. Names move; the resource id does not.
type Known struct {
	// ID is its name at that time, ResourceID what AWS calls the machine.
	ID         string `json:"id"`
	ResourceID string `json:"resource_id"`
	Version    string `json:"version,omitempty"`
	// Deployment is the name of the one that replaced it.
	Deployment string `json:"deployment,omitempty"`
	Replica    bool   `json:"replica,omitempty"`
	// Aside: a rollback set it aside, under the name Left.
	Aside bool   `json:"aside,omitempty"`
	Left  string `json:"left,omitempty"`
	// Since is when it stopped serving, zero while it serves.
	Since time.Time `json:"since,omitzero"`
}

func (k Known) role() string {
	switch {
	case k.Aside:
		return RoleAside
	case k.Replica:
		return RoleReplica
	}
	return RoleOldBlue
}

// CleanupOrder is a person's word that servers may be removed: those, by
// resource id, that were due when they were shown.
type CleanupOrder struct {
	Human
	Resources []string
	// WithoutSQL vouches that nobody is connected where that cannot be read.
	WithoutSQL bool
}

// Removal is what the journal holds of a server's removal.
type Removal struct {
	ResourceID string
	Instance   string
	Snapshot   string
	Asked      time.Time
	// Sent: AWS may have heard the call.
	Sent bool
	// Was is the server as it was then.
	Was *Instance
	// Proven is when it was seen gone and its snapshot available; Missing says
	// that it is gone without.
	Proven  time.Time
	Missing string
}

// Snapshot is a DB snapshot.
type Snapshot struct {
	ID         string    `json:"id"`
	ResourceID string    `json:"resource_id"`
	Status     string    `json:"status"` // creating, available, failed
	GiB        int       `json:"gib,omitempty"`
	Created    time.Time `json:"created,omitzero"`
}

// holds tells that the snapshot is of the server, from after it stopped serving,
// and complete.
func (s *Snapshot) holds(k Known) bool {
	return s.ResourceID == k.ResourceID && s.Status == "available" && !s.Created.Before(k.Since)
}

// cleanupGuards is the table of what speaks against removing a server, in the
// order in which it is said. The state is what a "no" makes of it: a refusal
// can only be overcome by hand.
var cleanupGuards = []struct {
	name  string
	state LeftoverState
	no    func(f CleanupFacts, k Known, i *Instance) (why, next string)
}{
	{"serves", LeftRefused, guardServes},
	{"name", LeftRefused, guardName},
	{"time", LeftKept, guardTime},
	{"ambiguous", LeftHeld, guardAmbiguous},
	{"stage", LeftHeld, guardStage},
	{"people", LeftHeld, guardPeople},
	{"deployment", LeftHeld, guardDeployment},
	{"source", LeftHeld, guardSource},
	{"replicas", LeftHeld, guardReplicas},
	{"status", LeftHeld, guardStatus},
	{"clients", LeftHeld, guardClients},
	{"snapshot", LeftHeld, guardSnapshot},
	{"second key", LeftDue, guardSecondKey},
}

func guardServes(f CleanupFacts, k Known, i *Instance) (string, string) {
	now := f.Instances[f.ID]
	if i.ID == f.ID {
		return "it serves under the database's name", "nothing is to be removed"
	}
	if now != nil {
		for _, r := range now.Replicas {
			if IDFromARN(r) == i.ID {
				return "it is a read replica of what serves now", "nothing is to be removed"
			}
		}
	}
	return "", ""
}

var oldNumber = regexp.MustCompile(`^-old[0-9]+$`)

// guardName: RDS names old servers <id>-oldN, a rollback <id>-rolledback.
// Whoever gave one another name wants to keep it.
func guardName(_ CleanupFacts, k Known, i *Instance) (string, string) {
	rest, ok := strings.CutPrefix(i.ID, k.ID)
	if k.Aside && i.ID == k.Left && i.ID != "" || ok && !k.Aside && oldNumber.MatchString(rest) {
		return "", ""
	}
	return fmt.Sprintf("it was renamed to %s: somebody wants it", i.ID), byHand(i.ID)
}

func guardTime(f CleanupFacts, k Known, _ *Instance) (string, string) {
	until := f.keepUntil(k)
	if f.Now.Before(until) {
		day := until.UTC().Format("2006-01-02 15:04 MST")
		return "kept until " + day, "it can be removed from " + day
	}
	return "", ""
}

func guardAmbiguous(f CleanupFacts, _ Known, _ *Instance) (string, string) {
	if f.State.Ambiguous {
		return "it is not clear who owns the endpoint of " + f.ID + ": " + f.State.Reason, f.State.NextStep
	}
	return "", ""
}

func guardStage(f CleanupFacts, k Known, _ *Instance) (string, string) {
	s := f.State.Stage
	if s == Done || s == Cleaned || k.Aside && s == RolledBack {
		return "", ""
	}
	return "its database is " + string(s) + ": " + f.State.Reason, firstOf(f.State.NextStep, "wait until it is done")
}

func guardPeople(f CleanupFacts, _ Known, _ *Instance) (string, string) {
	switch {
	case f.Paused != "":
		return f.Paused, "resume"
	case f.Record.Paused != nil:
		return "paused by " + f.Record.Paused.By, "resume --database " + f.ID
	case f.Record.GoBack != nil && f.Record.GoBack.Done.IsZero():
		return f.Record.GoBack.By + " asked to go back", "see how that ends"
	case f.Record.Rollback != nil && f.Record.Rollback.At.After(f.Record.SwitchedAt) && f.State.Stage != RolledBack:
		return f.Record.Rollback.By + " asked to roll back", "see how that ends"
	}
	return "", ""
}

// guardDeployment: what is in a blue/green deployment that is not over, or in
// one of somebody else, is not removed.
func guardDeployment(f CleanupFacts, k Known, i *Instance) (string, string) {
	for _, d := range f.MemberOf[i.ID] {
		switch {
		case d.Status != SwitchoverCompleted && d.Status != Deleting:
			return "it is in blue/green deployment " + d.Name + ", which is " + d.Status, "wait until that is over"
		case !f.Ours(d) && d.Name != k.Deployment:
			return "it is in blue/green deployment " + d.Name + " of somebody else", "ask its owner"
		}
	}
	return "", ""
}

// guardSource: a primary that follows another instance, or a replica that does
// not follow its old primary any more, has got a new purpose.
func guardSource(f CleanupFacts, k Known, i *Instance) (string, string) {
	switch {
	case !k.Replica && i.ReplicaSource != "":
		return "it is a read replica of " + IDFromARN(i.ReplicaSource) + " now", "find out who made it one"
	case k.Replica && i.ReplicaSource == "":
		return "it was promoted and is a database of its own now", "find out who did that"
	case !k.Replica:
		return "", ""
	}
	source := f.Instances[IDFromARN(i.ReplicaSource)]
	for _, other := range f.Record.Known {
		if source != nil && source.ResourceID == other.ResourceID && !other.Since.IsZero() {
			return "", ""
		}
	}
	return "it follows " + IDFromARN(i.ReplicaSource) + ", which is no old server of this campaign", "find out who made it follow"
}

func guardReplicas(f CleanupFacts, _ Known, i *Instance) (string, string) {
	for _, r := range append(i.Replicas[:len(i.Replicas):len(i.Replicas)], i.ReplicaClusters...) {
		known := false
		if at := f.Instances[IDFromARN(r)]; at != nil {
			for _, k := range f.Record.Known {
				known = known || k.Replica && k.ResourceID == at.ResourceID
			}
		}
		if !known {
			return "read replica " + IDFromARN(r) + " hangs on it, which the campaign did not know", "remove or promote that first"
		}
	}
	return "", ""
}

func guardSecondKey(f CleanupFacts, k Known, i *Instance) (string, string) {
	if f.Automatic || f.order(k) != nil || i.Status == "deleting" {
		return "", ""
	}
	return "its time is over; a person must confirm", "rdsupgrade cleanup --yes"
}

// order is the last word of a person about a server, nil when there is none
// from after it stopped serving.
func (f CleanupFacts) order(k Known) *CleanupOrder {
	for n := len(f.Record.Cleanups) - 1; n >= 0; n-- {
		o := &f.Record.Cleanups[n]
		for _, r := range o.Resources {
			if r == k.ResourceID && o.At.After(k.Since) {
				return o
			}
		}
	}
	return nil
}

func guardStatus(_ CleanupFacts, _ Known, i *Instance) (string, string) {
	if i.Status != "available" && i.Status != "deleting" {
		return i.ID + " is " + i.Status, "wait until it is available"
	}
	return "", ""
}

// guardClients: a server that somebody is connected to is not removed. Where
// that cannot be read, only a person may vouch.
func guardClients(f CleanupFacts, k Known, i *Instance) (string, string) {
	if i.Status == "deleting" {
		return "", ""
	}
	order := f.order(k)
	if !f.Policy.SQL {
		if order == nil && f.Automatic {
			return "the plan gives no SQL access: whether somebody is connected is not known", "rdsupgrade cleanup --yes, by a person who knows"
		}
		return "", ""
	}
	r, read := f.Readings[k.ResourceID]
	switch {
	case !read:
		return "", ""
	case r.ClientsErr != "" && (order == nil || !order.WithoutSQL):
		return "whether somebody is connected is not known: " + r.ClientsErr, "make it readable, or: rdsupgrade cleanup --yes --without-sql"
	case len(r.Clients) > 0:
		return plural(len(r.Clients), "client") + " on it: " + strings.Join(r.Clients[:min(3, len(r.Clients))], ", "), "find out who still uses it, and move them"
	}
	return "", ""
}

func guardSnapshot(f CleanupFacts, k Known, i *Instance) (string, string) {
	r, read := f.Readings[k.ResourceID]
	if !read || k.Replica || i.Status == "deleting" {
		return "", ""
	}
	name := FinalSnapshotName(f.Campaign, k)
	switch s := r.Snapshot; {
	case r.SnapshotErr != "":
		return "whether snapshot " + name + " is there already is not known: " + r.SnapshotErr, "mend that; the next look tries again"
	case s == nil || s.holds(k):
		return "", ""
	case s.ResourceID != k.ResourceID:
		return "a snapshot " + name + " is there already, of another server (" + s.ResourceID + ")", "find out whose it is"
	case s.Status == "creating":
		return "snapshot " + name + " is being made", "wait for the next look"
	default:
		return "snapshot " + name + " is there and is of no use: " + s.Status + ", made " + s.Created.UTC().Format("2006-01-02 15:04 MST"), "remove that snapshot by hand"
	}
}
