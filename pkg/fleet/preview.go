package fleet

import (
	"context"
	"fmt"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// Preview is what the campaign would do, told before AWS hears of it.
type Preview struct {
	Status
	Plans []DatabasePlan `json:"plans"`
	// Gaps is what could not be read, by scope, with the reason.
	Gaps map[string]map[string]string `json:"gaps,omitempty"`
}

// DatabasePlan is the road of one database.
type DatabasePlan struct {
	ID      string                 `json:"id"`
	Account string                 `json:"account"`
	Region  string                 `json:"region"`
	Wave    string                 `json:"wave"`
	Stage   string                 `json:"stage"`
	Route   []string               `json:"route"`
	Target  *bluegreen.Target      `json:"target,omitempty"`
	Issues  []bluegreen.Issue      `json:"issues"`
	Actions []bluegreen.Action     `json:"actions"`
	Group   *bluegreen.Translation `json:"parameter_changes,omitempty"`
	// Hops tells how many deployments the road takes; actions are those of the first.
	Hops int `json:"hops"`
}

// Blocked tells whether an issue stands in the way.
func (d DatabasePlan) Blocked() bool {
	for _, i := range d.Issues {
		if i.Severity == "block" {
			return true
		}
	}
	return false
}

// Preview looks once and works out every database's road. It makes no
// mutating call and asks no database.
func (e *Engine) Preview(ctx context.Context) (Preview, error) {
	st, err := e.Survey(ctx)
	if err != nil {
		return Preview{}, err
	}
	pv := Preview{Status: st, Gaps: map[string]map[string]string{}}
	units := e.units()
	for i, u := range units {
		m := e.campaign.members[i]
		d := DatabasePlan{ID: m.id, Account: m.account, Region: m.region, Wave: e.cfg.Plan.Waves[m.wave].Name, Stage: string(u.state.Stage),
			Route: st.Databases[i].Route, Target: u.facts.Target, Issues: u.facts.Issues, Hops: len(u.facts.Hops), Actions: []bluegreen.Action{}}
		if u.facts.RouteError != "" {
			d.Issues = append([]bluegreen.Issue{{ID: "no-route", Severity: "block", Message: u.facts.RouteError,
				WayOut: "choose a target.engine_version that RDS offers from here"}}, d.Issues...)
		}
		if d.Issues == nil {
			d.Issues = []bluegreen.Issue{}
		}
		if res := e.resolver.cache[m.key].res; res != nil {
			d.Group = res.trans
		}
		if !d.Blocked() && len(u.facts.Hops) > 0 {
			d.Actions = foreseen(u)
		}
		pv.Plans = append(pv.Plans, d)
	}
	for scope, ref := range e.refs {
		if ref != nil && len(ref.gaps) > 0 {
			pv.Gaps[scope] = ref.gaps
		}
	}
	return pv, nil
}

// foreseen are the calls of the next hop as far as they are known beforehand:
// the greens' names are RDS's to give.
func foreseen(u unit) []bluegreen.Action {
	f := u.facts
	f.Record.Rollback = nil
	blue := f.Instances[f.ID]
	if blue == nil || f.Target == nil {
		return nil
	}
	ready := *blue
	ready.Status = "available"
	f.Instances = map[string]*bluegreen.Instance{f.ID: &ready}
	acts := bluegreen.Next(f, bluegreen.State{Stage: bluegreen.Checked}).Actions
	green := ready
	green.Version = f.Hops[0].To
	if c := f.Target.CreateClass; c != "" {
		green.Class = c
	}
	if s := f.Target.Storage; s.Type != "" {
		green.StorageType, green.IOPS, green.ThroughputMiBps = s.Type, s.IOPS, s.ThroughputMiBps
		if s.AllocatedGiB > 0 {
			green.AllocatedGiB = s.AllocatedGiB
		}
	}
	if ch := f.Target.GreenChange(green, true, f.ID); ch != nil && ch.Class != "" {
		acts = append(acts, bluegreen.Action{Kind: bluegreen.ModifyInstance, Database: f.ID, Instance: f.ID + "-green-*", Modify: ch,
			Why: "the class could not go into the create call"})
	}
	for _, r := range blue.Replicas {
		twin := bluegreen.IDFromARN(r)
		tw := u.facts.Instances[twin]
		if tw == nil {
			continue
		}
		rg := *tw
		rg.AllocatedGiB = green.AllocatedGiB
		if ch := f.Target.GreenChange(rg, false, twin); ch != nil {
			acts = append(acts, bluegreen.Action{Kind: bluegreen.ModifyInstance, Database: f.ID, Instance: twin + "-green-*", Modify: ch,
				Why: "green replicas keep class and storage type of their blue"})
		}
	}
	return append(acts, bluegreen.Action{Kind: bluegreen.Switchover, Database: f.ID, Deployment: bluegreen.DeploymentName(f.Campaign, f.ID, f.Hops[0].To),
		Timeout: f.Policy.SwitchTimeout, Why: fmt.Sprintf("when ready, in the turn of its wave, at most %s lag", f.Policy.MaxLag)})
}
