package main

import (
	"bufio"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

// backPlan is what rollback would do with each of the chosen databases.
type backPlan struct {
	green  []string // the green is removed: before the switchover
	back   []fleet.DatabaseStatus
	cannot []fleet.DatabaseStatus
}

// divide tells for each database what its stage and the flags allow.
func divide(st fleet.Status, keys []string, o rollbackOptions) backPlan {
	var p backPlan
	for _, d := range st.Databases {
		switch {
		case !slices.Contains(keys, d.Key()):
		case o.abandon && d.GoBack != nil && (d.GoBack.State == "under-way" || d.GoBack.State == "held"): // ambiguous ones, too
			p.back = append(p.back, d)
		case o.abandon:
			p.cannot = append(p.cannot, d)
		case d.WayBack.Kind == "delete-green" && !o.drill:
			p.green = append(p.green, d.Key())
		case d.WayBack.Kind == "go-back", d.WayBack.Kind == "going-back" && !o.drill,
			o.acceptLoss && !o.drill && d.OldBlue != "" && (d.WayBack.Kind == "rename-with-loss" || d.WayBack.Kind == "done"):
			p.back = append(p.back, d)
		default:
			p.cannot = append(p.cannot, d)
		}
	}
	return p
}

// lossy are databases that can go back only with a loss that nobody accepted.
func (p backPlan) lossy() []fleet.DatabaseStatus {
	var out []fleet.DatabaseStatus
	for _, d := range p.cannot {
		if d.WayBack.Kind == "rename-with-loss" {
			out = append(out, d)
		}
	}
	return out
}

// refusal is the error when nothing may be done because writes would be lost.
func (p backPlan) refusal(o rollbackOptions) error {
	lossy := p.lossy()
	if len(lossy) == 0 || len(p.back)+len(p.green) > 0 || o.abandon {
		return nil
	}
	f := &failure{exit: exitWaiting, Code: "would-lose-writes", Text: "going back would lose writes: " + lossy[0].ID + ": " + lossy[0].WayBack.Loss,
		Next: "mend the way back, or accept the loss: rollback --accept-loss"}
	if o.drill {
		f.Code, f.Next = "no-way-back", "a drill needs an armed way back that stands (switchover.way_back)"
	}
	return f
}

// showBack tells the road before it is taken: the steps, how long clients
// cannot write, what would be lost, and what stays aside.
func showBack(s streams, p backPlan, o rollbackOptions) {
	for _, d := range p.back {
		if o.abandon {
			fmt.Fprintf(s.err, "%s (%s): give writes back to the new server; the way back is armed again\n", visible(d.ID), d.Stage)
			continue
		}
		fmt.Fprintf(s.err, "%s (%s): goes back from MySQL %s to %s\n", visible(d.ID), d.Stage, d.EngineVersion, visible(d.OldBlue))
		fmt.Fprintf(s.err, "  would be lost: %s\n", visible(d.WayBack.Loss))
		fmt.Fprintf(s.err, "  kept aside: the new server, as %s, with every write; it goes on costing until somebody deletes it\n", visible(d.ID+"-rolledback"))
		if n := d.Replicas; n > 0 {
			fmt.Fprintf(s.err, "  its %s change places likewise\n", plural(n, "read replica"))
		}
		if g := d.GoBack; g != nil && g.State == "under-way" {
			fmt.Fprintf(s.err, "  under way since %s, at %s; it goes on\n", g.At.UTC().Format("15:04 MST"), g.Step)
		}
		if dt := lastBack(d); dt != nil {
			fmt.Fprintf(s.err, "  no writes for about %.0f s, as the last time\n", dt.Writes)
		}
	}
	if len(p.back) == 0 || o.abandon {
		return
	}
	fmt.Fprintln(s.err, "The steps; with * clients cannot write. Nothing is deleted but the deployment's record.")
	n := 0
	for _, row := range bluegreen.GoBackSteps {
		if row.Step == bluegreen.GoBackArm && !o.drill {
			continue
		}
		n++
		mark := " "
		if row.Stopped {
			mark = "*"
		}
		fmt.Fprintf(s.err, "  %2d %s %s\n", n, mark, row.Does)
	}
	fmt.Fprintln(s.err, "Expect 3 to 15 minutes without writes: a reboot (20 s to 2 min), what old blue has still to catch up, up to one\nmore reboot, and two renames of 1 to 5 minutes each. AWS promises no times; --drill measures them.")
	if o.drill {
		fmt.Fprintln(s.err, "A drill does it for real and goes forward again by the same steps: clients cannot write twice.")
	}
}

func lastBack(d fleet.DatabaseStatus) *fleet.Downtime {
	if d.GoBack == nil {
		return nil
	}
	return d.GoBack.Downtime
}

// confirmName is the second key: the name of what goes back, typed or given.
func confirmName(s streams, o rollbackOptions) error {
	name := o.database + o.wave
	if o.confirm != "" {
		if o.confirm != name {
			return usage("--confirm %q does not name what goes back: %q", o.confirm, name)
		}
		return nil
	}
	if !isTerminal(s.err) {
		return &failure{exit: exitUsage, Code: "not-confirmed", Text: "going back after a switchover wants its name a second time, and nobody is there to type it",
			Next: "repeat the command with --yes --confirm " + name}
	}
	fmt.Fprintf(s.err, "Type %s to begin: ", visible(name))
	line, err := bufio.NewReader(s.in).ReadString('\n')
	if err != nil || strings.TrimSpace(line) != name {
		return &failure{exit: exitWaiting, Code: "not-confirmed", Text: "not confirmed, nothing was changed"}
	}
	return nil
}

// requests are the decisions to journal.
func (p backPlan) requests(campaign string, o rollbackOptions) []journal.Request {
	r := journal.Request{Campaign: campaign, By: fleet.Operator(), Why: o.why, At: time.Now().UTC()}
	var out []journal.Request
	for _, k := range p.green {
		r.Verb, r.Database = "rollback", k
		out = append(out, r)
	}
	r.Verb, r.AcceptLoss, r.Drill = fleet.VerbGoBack, o.acceptLoss, o.drill
	if o.abandon {
		r.Verb, r.AcceptLoss, r.Drill = fleet.VerbAbandonGoBack, false, false
	}
	for _, d := range p.back {
		r.Database = d.Key()
		out = append(out, r)
	}
	return out
}

// backExit is the exit code of what became of one database, and tells it.
func backExit(s streams, d fleet.DatabaseStatus, o rollbackOptions) int {
	fmt.Fprintf(s.err, "%s: %s: %s\n", visible(d.ID), d.Stage, visible(d.Reason))
	g := d.GoBack
	if g != nil {
		for _, step := range g.Steps {
			fmt.Fprintf(s.err, "  %s %s: %s\n", step.At.UTC().Format("15:04:05"), step.Step, visible(step.Proof))
		}
		if g.Downtime != nil {
			fmt.Fprintln(s.err, "  "+visible(g.Downtime.String()))
		}
		if g.Lost != nil {
			fmt.Fprintln(s.err, "  lost: "+visible(g.Lost.Text))
		}
		if g.AsideDaily != nil && g.State == "done" && g.AsideDaily.Known {
			fmt.Fprintf(s.err, "  %s is kept and costs about %.2f USD a day; retry --database %s starts the upgrade anew\n", visible(g.Aside), g.AsideDaily.USD, visible(d.ID))
		}
	}
	switch {
	case d.Ambiguous:
		return exitAmbiguous
	case d.Stage == string(bluegreen.Held) || d.Stage == string(bluegreen.RollingBack):
		fmt.Fprintln(s.err, "  next step: "+visible(d.NextStep))
		return exitWaiting
	case o.drill && (g == nil || g.LastDrill == nil || !g.LastDrill.Passed):
		return exitFindings
	case !o.drill && !o.abandon && d.Stage != string(bluegreen.RolledBack):
		return exitFindings
	}
	return exitDone
}
