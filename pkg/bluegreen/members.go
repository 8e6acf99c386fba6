package bluegreen

import (
	"slices"
	"strings"
)

// membersUnsettled says what of the greens is not yet as it must be.
func (f Facts) membersUnsettled(d *Deployment) string {
	if len(d.Members) == 0 {
		return "RDS does not list the members yet"
	}
	var todo []string
	for _, m := range d.Members {
		if m.Target == "" {
			return IDFromARN(m.Source) + " has no green yet"
		}
		id := IDFromARN(m.Target)
		g := f.Instances[id]
		twin := IDFromARN(m.Source)
		switch {
		case g == nil:
			todo = append(todo, id+" is not visible yet")
		case !g.Settled():
			todo = append(todo, id+" is "+settleText(g))
		case m.Status != Available && m.Status != SwitchoverFailed:
			todo = append(todo, id+" is "+m.Status+" in the deployment")
		case f.Target != nil && f.Target.GreenChange(*g, twin == f.ID, twin) != nil:
			todo = append(todo, id+" needs "+f.Target.GreenChange(*g, twin == f.ID, twin).String())
		case f.Instances[twin] == nil || !f.Instances[twin].Available():
			todo = append(todo, twin+" is not available")
		case g.ParameterStatus == "pending-reboot":
			todo = append(todo, id+" must be rebooted for its parameter group")
		case len(rolesMissing(f.Instances[twin], g)) > 0:
			todo = append(todo, id+" lacks role "+strings.Join(rolesMissing(f.Instances[twin], g), ", "))
		}
	}
	return strings.Join(todo, "; ")
}

// membersMissing says what will never come by itself: a pair that RDS reports
// as broken, or a replica of blue that was added after the green was built and
// would follow the read-only old blue after the switchover.
func (f Facts) membersMissing(blue *Instance, d *Deployment) string {
	if len(d.Members) == 0 {
		return ""
	}
	pairs := map[string]bool{}
	for _, m := range d.Members {
		if m.Status == "MISSING_SOURCE" || m.Status == "MISSING_TARGET" {
			return "RDS reports " + m.Status + " for " + IDFromARN(m.Source)
		}
		pairs[IDFromARN(m.Source)], pairs[IDFromARN(m.Target)] = true, true
	}
	for _, r := range blue.Replicas {
		if id := IDFromARN(r); !pairs[id] {
			return "replica " + id + " has no green: it came after the deployment was created"
		}
	}
	return ""
}

// ends are statuses that do not pass by themselves (user guide,
// accessing-monitoring, "DB instance status").
var ends = []string{"stop", "fail", "delet", "storage-full", "incompatible", "inaccessible", "insufficient", "restore-error", "suspend"}

// busyMembers says which of blue and its replicas is not available now, and
// whether one of them will not be by itself.
func (f Facts) busyMembers(blue *Instance) (reason string, lasting bool) {
	var busy []string
	for _, m := range append([]string{blue.ID}, blue.Replicas...) {
		i := f.Instances[IDFromARN(m)]
		if i == nil || i.Available() || i.ID != blue.ID && f.isTarget(i.ID) {
			continue
		}
		busy = append(busy, i.ID+" is "+i.Status)
		lasting = lasting || slices.ContainsFunc(ends, func(s string) bool { return strings.Contains(i.Status, s) })
	}
	return strings.Join(busy, "; "), lasting
}

// isTarget tells a green, which RDS lists among blue's replicas.
func (f Facts) isTarget(id string) bool {
	for _, d := range f.Deployments {
		for _, m := range d.Members {
			if IDFromARN(m.Target) == id && d.Status != SwitchoverCompleted {
				return true
			}
		}
	}
	return false
}

func settleText(i *Instance) string {
	t := i.Status
	if i.StorageOperation != "" && i.Status == "available" {
		t = i.StorageOperation
	}
	if len(i.Pending) > 0 && i.Status == "available" {
		t = "waiting for " + strings.Join(i.Pending, ", ")
	}
	if i.Progress != "" {
		t += " (" + i.Progress + " %)"
	}
	return t
}

// rolesMissing are blue's IAM roles that green does not have: RDS copies none
// (user guide, blue-green-deployments-considerations). They are attached to
// green before the switchover, so that there is no moment without them.
func rolesMissing(blue, green *Instance) []string {
	if blue == nil {
		return nil
	}
	var out []string
	for _, r := range blue.Roles {
		if r != "" && !slices.Contains(green.Roles, r) {
			out = append(out, r)
		}
	}
	return out
}

// greenChanges brings members to their class and storage, all in one call each
// because RDS allows no second storage change for hours, and gives them blue's
// IAM roles. Where greens must still be upgraded, the replicas go first, as RDS
// asks for (user guide, USER_UpgradeDBInstance.MySQL): a replica may be newer
// than its source, never older.
func (f Facts) greenChanges(d *Deployment) []Action {
	if d == nil || f.Target == nil {
		return nil
	}
	var acts []Action
	for _, m := range d.Members {
		g := f.Instances[IDFromARN(m.Target)]
		twin := IDFromARN(m.Source)
		if m.Target == "" || g == nil || !g.Settled() || !f.isGreen(g.ID) {
			continue
		}
		switch change := f.Target.GreenChange(*g, twin == f.ID, twin); {
		case change == nil && g.ParameterStatus == "pending-reboot":
			acts = append(acts, Action{Kind: RebootInstance, Instance: g.ID, Why: "static parameters of the green's group take effect"})
		case change == nil:
			for _, r := range rolesMissing(f.Instances[twin], g) {
				acts = append(acts, Action{Kind: AddRole, Instance: g.ID, Role: r, Why: "RDS does not copy IAM roles to green"})
			}
		case change.Version == "":
			acts = append(acts, Action{Kind: ModifyInstance, Instance: g.ID, Modify: change, Why: "bring the green to its target"})
		case twin != f.ID || !f.replicasBehind(d):
			acts = append(acts, Action{Kind: ModifyInstance, Instance: g.ID, Modify: change,
				Why: "upgrade the green, which was created on blue's version because of its option group"})
		}
	}
	if slices.ContainsFunc(acts, func(a Action) bool {
		return a.Modify != nil && a.Modify.ParameterGroup == f.Target.ParameterGroup && a.Modify.ParameterGroup != ""
	}) {
		// Blue's group was changed since the create: the translation is another one.
		acts = append(f.groupActions(), acts...)
	}
	return f.owned(acts)
}

// isGreen tells that an instance is not one that serves: whatever AWS lists as
// a target, blue and its replicas are never modified. Blue's list of replicas
// cannot tell, because the green replicates from blue and stands in it.
func (f Facts) isGreen(id string) bool {
	for _, d := range f.Deployments {
		for _, m := range d.Members {
			if IDFromARN(m.Source) == id && d.Status != SwitchoverCompleted {
				return false
			}
		}
	}
	return id != f.ID && id != ""
}

// replicasBehind tells that a green replica is not on the target version yet.
func (f Facts) replicasBehind(d *Deployment) bool {
	for _, m := range d.Members {
		if IDFromARN(m.Source) == f.ID {
			continue
		}
		if g := f.Instances[IDFromARN(m.Target)]; g == nil || olderThan(g.Version, f.Target.Version) || !g.Settled() {
			return true
		}
	}
	return false
}
