package main

import (
	"fmt"

	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
)

// holdTo loads a saved plan and refuses when the fleet is not as it has it.
func (o *open) holdTo(ctx contexts, saved, path string) error {
	s, err := fleet.LoadSaved(saved, path)
	if err != nil {
		return &failure{exit: exitFailed, Code: "saved-plan", Text: err.Error(), Next: "rdsupgrade plan " + path + " --out FILE"}
	}
	if s.Campaign != o.plan.Name {
		return &failure{exit: exitFailed, Code: "saved-plan", Text: fmt.Sprintf("%s is of campaign %s, not %s", saved, s.Campaign, o.plan.Name)}
	}
	o.saved = s
	e := fleet.New(o.config())
	if _, err := e.Survey(ctx.hard); err != nil {
		return err
	}
	drifts := e.Drifts()
	if len(drifts) == 0 {
		return nil
	}
	f := &failure{exit: exitWaiting, Code: "saved-plan-drift", Issues: drifts, Next: "undo the changes, or save the plan anew: plan " + path + " --out FILE",
		Text: fmt.Sprintf("nothing was done: the fleet is not as %s of %s has it", saved, s.Made.Format("2006-01-02 15:04 MST"))}
	for _, d := range drifts {
		f.Text += "\n  " + d.String()
	}
	return f
}

// savePlan writes what the preview resolved.
func savePlan(s streams, e *fleet.Engine, path string) error {
	saved, err := e.Save()
	if err != nil {
		return err
	}
	if err := fleet.WriteSaved(path, saved); err != nil {
		return err
	}
	fmt.Fprintf(s.err, "saved %s in %s, fingerprint %s\n", plural(len(saved.Databases), "database"), visible(path), saved.Fingerprint)
	return nil
}
