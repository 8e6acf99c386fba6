package bluegreen

import (
	"fmt"
	"strconv"
)

// Work is a read or comparison that the engine should do for a database; it
// changes nothing at AWS.
type Work string

// The kinds of work.
const (
	WorkPrecheck     Work = "precheck"      // audit blue over SQL
	WorkLag          Work = "lag"           // read the green's replica lag
	WorkConfirm      Work = "confirm"       // version and endpoint after a switchover
	WorkExplain      Work = "explain"       // events and logs of a failure
	WorkCompareBlue  Work = "compare-blue"  // prove that blue is as before
	WorkRecordSwitch Work = "record-switch" // note the switchover's time and binlog position
	WorkEvents       Work = "events"        // ask the server whether events run again
)

// Queue is the limit that a step counts against.
type Queue string

// The queues. Building is slow and harmless; switching is quick and hurts.
const (
	NoQueue     Queue = ""
	BuildQueue  Queue = "build"
	SwitchQueue Queue = "switch"
)

// Step is what comes next for a database.
type Step struct {
	// Actions are mutating calls, one after the other.
	Actions []Action
	Work    []Work
	Queue   Queue
}

// Next says what comes next. Whether it may happen now (limits, windows,
// approvals, budgets) is the campaign's to say.
func Next(f Facts, s State) Step {
	if f.goingBack() {
		return f.nextGoBack()
	}
	if s.Ambiguous {
		return Step{}
	}
	return f.withEvents(s, f.next(s))
}

func (f Facts) next(s State) Step {
	switch s.Stage {
	case Pending:
		if f.Loading == "" {
			return Step{Work: []Work{WorkPrecheck}}
		}
	case Checked:
		return f.nextBuild()
	case Adjusting:
		if f.Loading != "" {
			return Step{} // the target is not known for certain
		}
		return Step{Actions: f.greenChanges(s.Deployment)}
	case CatchingUp:
		return Step{Work: []Work{WorkLag}}
	case Held: // by an unreadable lag, perhaps: the next reading may let it go on
		if d := s.Deployment; d != nil && (d.Status == Available || d.Status == SwitchoverFailed) && f.Policy.SQL && !f.Record.SwitchPending {
			return Step{Work: []Work{WorkLag}}
		}
	case Verifying:
		if !f.precheckFresh() {
			return Step{Work: []Work{WorkLag, WorkPrecheck}}
		}
		return Step{Work: []Work{WorkLag}}
	case Ready:
		return f.nextSwitch(s)
	case Switching:
		if s.RolledBackByRDS {
			return Step{Work: []Work{WorkExplain}}
		}
	case Switched:
		if d := s.Deployment; d != nil && len(f.Hops) > 0 && d.Name == DeploymentName(f.Campaign, f.ID, f.Hops[0].To) {
			return Step{} // the old version still shows: nothing to write down yet
		}
		w := []Work{WorkConfirm}
		if f.unrecorded(s.Deployment) {
			w = []Work{WorkRecordSwitch}
		}
		return Step{Work: w}
	case Failed:
		return f.nextFailed(s)
	case RollingBack:
		return f.nextRollback(s)
	}
	return Step{}
}

func (f Facts) nextBuild() Step {
	blue := f.Instances[f.ID]
	if blue == nil || f.Target == nil || len(f.Hops) == 0 {
		return Step{}
	}
	if busy, _ := f.busyMembers(blue); busy != "" {
		return Step{}
	}
	// The shell of the hop before keeps the instance inside a deployment, until
	// RDS has deleted it.
	for _, d := range f.Deployments {
		switch {
		case !f.Ours(d):
		case d.Status == Deleting:
			return Step{}
		case d.Status == SwitchoverCompleted:
			return Step{Queue: BuildQueue, Actions: f.owned([]Action{{Kind: DeleteDeployment, Deployment: d.ID, Why: "its switchover is done; old blue stays"}})}
		}
	}
	acts := f.groupActions()
	if f.Options != nil {
		acts = append(acts, Action{Kind: CreateOptionGroup, Options: f.Options, Why: "an option group belongs to one version line"})
	}
	spec := f.Target.DeploymentSpec(DeploymentName(f.Campaign, f.ID, f.Hops[0].To), *blue, f.Hops[0],
		map[string]string{TagCampaign: f.Campaign, TagDatabase: f.ID})
	reason := "build the green for " + f.Hops[0].From + " -> " + f.Hops[0].To
	if spec.Version == "" {
		reason = "build the green on " + f.Hops[0].From + ": with a custom option group it is upgraded to " + f.Hops[0].To + " afterwards"
	}
	acts = append(acts, Action{Kind: CreateDeployment, Why: reason, Create: &spec})
	return Step{Queue: BuildQueue, Actions: f.owned(acts)}
}

// groupActions make the target parameter group, or what is missing of it.
func (f Facts) groupActions() []Action {
	g := f.Group
	switch {
	case g == nil || g.Exists && len(g.Missing) == 0:
		return nil
	case !g.Exists:
		return GroupActions(g.Spec)
	}
	rest := g.Spec
	rest.Parameters = g.Missing
	return GroupActions(rest)[1:]
}

func (f Facts) nextSwitch(s State) Step {
	return Step{Queue: SwitchQueue, Work: []Work{WorkLag}, Actions: f.owned([]Action{{
		Kind: Switchover, Deployment: s.Deployment.ID, Timeout: f.Policy.SwitchTimeout,
		Why: "green " + s.Green + " is available, in step, and read good " + plural(f.Watch.StableReads, "time"),
	}})}
}

func (f Facts) nextFailed(s State) Step {
	if s.Deployment == nil || s.Deployment.Status != InvalidConfiguration {
		return Step{}
	}
	if f.Record.Retry != nil && f.Record.Retry.At.After(s.Deployment.Created) {
		return Step{Actions: f.removal(s.Deployment, "a person asked to start again")}
	}
	if f.Record.BuildError == "" {
		return Step{Work: []Work{WorkExplain}}
	}
	return Step{}
}

func (f Facts) nextRollback(s State) Step {
	if s.Deployment == nil {
		return Step{Work: []Work{WorkCompareBlue}}
	}
	if s.Deployment.Status == Deleting {
		return Step{}
	}
	return Step{Actions: f.removal(s.Deployment, "roll back before the switchover")}
}

// removal deletes a deployment with its greens. Deletion protection was copied
// from blue and would refuse it; it is taken off the greens only.
func (f Facts) removal(d *Deployment, reason string) []Action {
	if f.namesMoved(d) {
		return nil // it would delete the database itself
	}
	off := false
	var acts []Action
	for _, m := range d.Members {
		g := f.Instances[IDFromARN(m.Target)]
		if m.Target == "" || g == nil || !f.isGreen(g.ID) {
			continue
		}
		if g.Protected {
			acts = append(acts, Action{Kind: ModifyInstance, Instance: g.ID, Modify: &ModifySpec{Protected: &off}, Why: reason})
		}
	}
	acts = append(acts, Action{Kind: DeleteDeployment, Deployment: d.ID, DeleteTarget: true, Why: reason})
	return f.owned(acts)
}

func (f Facts) owned(acts []Action) []Action {
	for i := range acts {
		acts[i].Database = f.ID
	}
	return acts
}

// BlueChanges lists what differs between blue before the campaign touched it
// and now, in words; empty proves that a rollback left it as it was.
func BlueChanges(before, now Instance) []string {
	var diff []string
	cmp := func(what, a, b string) {
		if a != b {
			diff = append(diff, what+" was "+a+", is "+b)
		}
	}
	cmp("resource id", before.ResourceID, now.ResourceID)
	cmp("version", before.Version, now.Version)
	cmp("class", before.Class, now.Class)
	cmp("storage type", before.StorageType, now.StorageType)
	cmp("allocated storage", itoa(before.AllocatedGiB), itoa(now.AllocatedGiB))
	cmp("IOPS", itoa(before.IOPS), itoa(now.IOPS))
	cmp("endpoint", before.Address, now.Address)
	cmp("parameter group", before.ParameterGroup, now.ParameterGroup)
	cmp("option group", before.OptionGroup, now.OptionGroup)
	cmp("deletion protection", boolText(before.Protected), boolText(now.Protected))
	cmp("status", before.Status, now.Status)
	return diff
}

func itoa(n int) string { return strconv.Itoa(n) }

func boolText(b bool) string { return map[bool]string{true: "on", false: "off"}[b] }

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
