package fleet

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

// factRemoved is a server of the past that is gone, with what proves that its
// data are kept.
const factRemoved = "removed"

// factWayEnded is an armed way back whose server is removed.
const factWayEnded = "way-back-ended"

// removedData is the fact's entry in the journal.
type removedData struct {
	Name       string `json:"name"`
	Instance   string `json:"instance"`
	ResourceID string `json:"resource_id"`
	Snapshot   string `json:"snapshot,omitempty"`
	GiB        int    `json:"gib,omitempty"`
	Missing    string `json:"missing,omitempty"`
}

// The verbs of a person's second key.
const (
	verbCleanup           = "cleanup"
	verbCleanupWithoutSQL = "cleanup-without-sql"
)

// foldKnown takes in who was there before a deployment is created: blue and its
// read replicas. Without their resource ids nothing of them is ever removed.
func (d *dbMemory) foldKnown(in intentData) {
	if in.Blue == nil || in.Blue.ResourceID == "" || in.Action.Create == nil {
		return
	}
	d.know(bluegreen.Known{ID: in.Blue.ID, ResourceID: in.Blue.ResourceID, Version: in.Blue.Version, Deployment: in.Action.Create.Name})
	for _, r := range in.Replicas {
		if r.ResourceID != "" {
			d.know(bluegreen.Known{ID: r.ID, ResourceID: r.ResourceID, Version: r.Version, Deployment: in.Action.Create.Name, Replica: true})
		}
	}
}

// know adds a server to those on record, or replaces what was known of it.
func (d *dbMemory) know(k bluegreen.Known) {
	list := slices.DeleteFunc(slices.Clone(d.Known), func(o bluegreen.Known) bool { return o.ResourceID == k.ResourceID })
	d.Known = append(list, k)
}

// foldLeft: the servers of the deployment that switched serve no more.
func (d *dbMemory) foldLeft(deployment string, at time.Time) {
	list := slices.Clone(d.Known)
	for n := range list {
		if list[n].Deployment == deployment && list[n].Since.IsZero() {
			list[n].Since = at
		}
	}
	d.Known = list
}

// foldAside takes in what a going back set aside once it is done: the new
// servers serve no more, the old ones do. A drill that ended in its second half
// has its sides swapped.
func (d *dbMemory) foldAside() {
	g := d.GoBack
	if g == nil || g.Done.IsZero() || g.Abandon != nil && !g.Forward {
		return
	}
	for n, p := range g.Pairs {
		aside, serves, name, version := p.New, p.Old, p.Aside, g.New.Version
		if g.Forward {
			aside, serves, name, version = p.Old, p.New, p.Kept, g.Old.Version
		}
		if slices.ContainsFunc(d.Known, func(k bluegreen.Known) bool { return k.ResourceID == aside && k.Aside }) {
			continue
		}
		list := slices.Clone(d.Known)
		for i := range list {
			if list[i].ResourceID == serves {
				list[i].Since = time.Time{}
			}
		}
		d.Known = list
		d.know(bluegreen.Known{ID: p.ID, ResourceID: aside, Version: version, Left: name, Deployment: "rollback " + g.At.Format(time.RFC3339),
			Replica: n > 0, Aside: true, Since: g.Done})
	}
}

// foldRemoval takes an announced removal in. One on record whose answer is not
// known, or was a yes, may have happened whatever the new call is answered.
func (d *dbMemory) foldRemoval(e journal.Entry, in intentData) {
	a := in.Action
	r := bluegreen.Removal{ResourceID: a.ResourceID, Instance: a.Instance, Snapshot: a.Snapshot, Asked: e.At, Was: in.Blue}
	list := slices.DeleteFunc(slices.Clone(d.Removals), func(o bluegreen.Removal) bool {
		r.Sent = r.Sent || o.ResourceID == a.ResourceID
		return o.ResourceID == a.ResourceID
	})
	d.Removals = append(list, r)
}

// foldAnswered takes AWS's answer to a removal in: a refusal takes it back,
// unless an earlier call may have been heard.
func (d *dbMemory) foldAnswered(a bluegreen.Action, refused bool) {
	list := slices.Clone(d.Removals)
	for n := range list {
		if list[n].ResourceID == a.ResourceID {
			list[n].Sent = list[n].Sent || !refused
		}
	}
	d.Removals = slices.DeleteFunc(list, func(o bluegreen.Removal) bool { return o.ResourceID == a.ResourceID && !o.Sent })
}

func (d *dbMemory) foldRemoved(e journal.Entry, name string) {
	var data removedData
	if name != factRemoved || json.Unmarshal(e.Data, &data) != nil {
		return
	}
	list := slices.Clone(d.Removals)
	for n := range list {
		if list[n].ResourceID != data.ResourceID {
			continue
		}
		if list[n].Missing = data.Missing; data.Missing == "" {
			list[n].Proven, list[n].Snapshot = e.At, data.Snapshot
		}
	}
	d.Removals = list
}

// foldCleanup takes a person's second key in.
func (d *dbMemory) foldCleanup(r journal.Request, h *bluegreen.Human) {
	if r.Verb != verbCleanup && r.Verb != verbCleanupWithoutSQL {
		return
	}
	d.Cleanups = append(slices.Clone(d.Cleanups), bluegreen.CleanupOrder{Human: *h, Resources: r.Resources, WithoutSQL: r.Verb == verbCleanupWithoutSQL})
}

// CleanupRequest is a person's second key for the servers of one database that
// were due when they were shown.
func CleanupRequest(campaign, key string, due []LeftoverStatus, withoutSQL bool, by, why string, at time.Time) journal.Request {
	r := journal.Request{Campaign: campaign, Verb: verbCleanup, Database: key, By: by, Why: why, At: at}
	if withoutSQL {
		r.Verb = verbCleanupWithoutSQL
	}
	names := make([]string, 0, len(due))
	for _, l := range due {
		r.Resources = append(r.Resources, l.ResourceID)
		names = append(names, l.Instance)
	}
	if r.Why == "" {
		r.Why = fmt.Sprintf("remove %s", strings.Join(names, ", "))
	}
	return r
}
