package bluegreen

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// maxInstanceName is RDS's limit (API reference, CreateDBInstance).
const maxInstanceName = 63

var oldName = regexp.MustCompile(`^(.+)-old[0-9]+$`)

// GoBackPairs are the instances that change places: the primary, and every read
// replica of old blue whose name the switchover gave to a replica of the new
// server. refusal says why nobody may go back, "" when one may.
func (f Facts) GoBackPairs(acceptLoss bool) (pairs []GoBackPair, refusal string) {
	now, old := f.Instances[f.ID], f.blueBefore(acceptLoss)
	active, _ := f.deployments()
	switch {
	case now == nil:
		return nil, "no instance is called " + f.ID
	case active != nil:
		return nil, "deployment " + active.Name + " stands on " + f.ID + ": roll its green back first"
	case f.Record.SwitchedAt.IsZero() && !acceptLoss:
		return nil, "the journal knows of no switchover of " + f.ID
	case old == nil:
		return nil, "the server from before the switchover is not there any more"
	case !olderThan(old.Version, now.Version):
		return nil, fmt.Sprintf("%s is on %s and %s on %s: there is nothing to go back to", f.ID, now.Version, old.ID, old.Version)
	}
	pairs = []GoBackPair{f.pair(now, old)}
	for _, arn := range old.Replicas {
		o := f.Instances[IDFromARN(arn)]
		if o == nil {
			continue
		}
		m := oldName.FindStringSubmatch(o.ID)
		if m == nil {
			continue
		}
		if n := f.Instances[m[1]]; n != nil && slices.ContainsFunc(now.Replicas, func(r string) bool { return IDFromARN(r) == n.ID }) {
			pairs = append(pairs, f.pair(n, o))
		}
	}
	return pairs, ""
}

func (f Facts) pair(now, old *Instance) GoBackPair {
	return GoBackPair{ID: now.ID, Kept: old.ID, Aside: f.asideName(now.ID), New: now.ResourceID, Old: old.ResourceID}
}

// blueBefore is the instance that the last switchover took the name from. Only
// who accepts losses may go by its name alone.
func (f Facts) blueBefore(byName bool) *Instance {
	if before := f.Record.BlueBefore; before != nil && before.ResourceID != "" {
		for id, i := range f.Instances {
			if i.ResourceID == before.ResourceID && id != f.ID {
				return i
			}
		}
	}
	if byName {
		return f.Instances[f.oldBlue()]
	}
	return nil
}

// asideName is a free name for the server that makes room.
func (f Facts) asideName(id string) string {
	const suffix = "-rolledback"
	base := id
	if len(base)+len(suffix)+2 > maxInstanceName {
		sum := shortHash(id)
		base = strings.TrimRight(base[:maxInstanceName-len(suffix)-len(sum)-3], "-") + "-" + sum
	}
	for n := 1; ; n++ {
		name := base + suffix
		if n > 1 {
			name += itoa(n)
		}
		if f.Instances[name] == nil {
			return name
		}
	}
}

// byResource finds an instance by what stays when names move.
func (f Facts) byResource(resource string) *Instance {
	for _, i := range f.Instances {
		if i.ResourceID == resource {
			return i
		}
	}
	return nil
}

// goBackOdd says what of the names nobody would have expected, "" for nothing:
// somebody else renames, or the answers of one read do not fit together.
func (f Facts) goBackOdd() string {
	g := f.Record.GoBack
	for n, p := range g.Pairs {
		now, old := f.byResource(p.New), f.byResource(p.Old)
		if n > 0 && (now == nil || old == nil) {
			continue // a replica that somebody removed keeps nobody from going back
		}
		owner := f.Instances[p.ID]
		switch {
		case now == nil:
			return fmt.Sprintf("the new server (%s) is not there", p.New)
		case old == nil:
			return fmt.Sprintf("the old server (%s) is not there", p.Old)
		case owner != nil && owner != now && owner != old:
			return fmt.Sprintf("the name %s belongs to %s, which is neither the new nor the old server", p.ID, owner.ResourceID)
		}
		switch [2]string{now.ID, old.ID} {
		case [2]string{p.ID, p.Kept}, [2]string{p.Aside, p.Kept}, [2]string{p.Aside, p.ID}:
		default:
			return fmt.Sprintf("the new server is called %s and the old one %s, which are not the names of any step", now.ID, old.ID)
		}
	}
	return ""
}

// renames are the calls that bring every pair's names to where they belong,
// each as soon as its name is free and its instance takes changes.
func (f Facts) renames() (acts []Action, waits []string) {
	for n, p := range f.Record.GoBack.Pairs {
		now, old := f.byResource(p.New), f.byResource(p.Old)
		switch {
		case now == nil || old == nil || old.ID == p.ID: // removed, or done
		case now.ID == p.ID && now.Available():
			acts = append(acts, renaming(now.ID, p.Aside, "make room for the server from before the switchover"))
		case now.ID == p.ID:
			waits = append(waits, now.ID+" is "+now.Status)
		case f.Instances[p.ID] == nil && old.Available():
			acts = append(acts, renaming(old.ID, p.ID, "the name that clients use goes back"))
		default:
			waits = append(waits, old.ID+" is "+old.Status)
		}
		if n == 0 && len(acts) > 0 && acts[0].Instance == p.ID {
			return acts, nil // replicas follow once the primary's call was taken
		}
	}
	return acts, waits
}

func renaming(from, to, why string) Action {
	return Action{Kind: ModifyInstance, Instance: from, Modify: &ModifySpec{NewID: to}, Why: why}
}
