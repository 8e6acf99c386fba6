package fleet

import (
	"context"
	"fmt"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// PreviewOptions say how far a preview looks.
type PreviewOptions struct {
	// Measure sizes storage by what CloudWatch measured.
	Measure bool
	// Ask asks every database for its replication, over SQL.
	Ask bool
	// Probe tries which changes are permitted.
	Probe bool
	// Prices are for the forecast; nil: the built-in ones.
	Prices *bluegreen.Prices
}

// Preview is what the campaign would do, told before AWS hears of it.
type Preview struct {
	Status
	Plans []DatabasePlan `json:"plans"`
	// Aside are instances that no wave may take, with the reason.
	Aside []Aside `json:"aside,omitempty"`
	// Gaps is what could not be read, by scope, with the reason.
	Gaps map[string]map[string]string `json:"gaps,omitempty"`
	// Sources says by scope where versions, calendar and classes are from.
	Sources map[string]Sources `json:"sources"`
	// Quotas compares every scope's quotas with what the waves would hold.
	Quotas []QuotaForecast `json:"quotas,omitempty"`
	// Permissions is what is refused or unknown, and with Probe what is allowed, by scope.
	Permissions map[string]Permissions `json:"permissions,omitempty"`
	// Cost is the fleet's, before and after.
	Cost FleetCost `json:"cost"`
	// Pace is how long the campaign's own greens took against the estimates, which
	// it corrects; nil before enough were built.
	Pace *bluegreen.Pace `json:"pace,omitempty"`
	// Calendar is when the campaign would be done.
	Calendar Calendar `json:"calendar"`
}

// Sources says where facts are from: an API call, or a built-in table and its date.
type Sources struct {
	Versions string `json:"versions"`
	Calendar string `json:"calendar"`
	Classes  string `json:"classes"`
}

// Aside is an instance that is no database of its own: a replica, a member of a
// cluster, a green.
type Aside struct {
	ID      string `json:"id"`
	Account string `json:"account"`
	Region  string `json:"region"`
	Why     string `json:"why"`
	// Code is what RDS would answer to a deployment of it.
	Code string `json:"code,omitempty"`
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
	// Steps are the hops, each with its target and what support costs there.
	Steps []HopPlan `json:"steps,omitempty"`
	// Cost is the database's with its replicas.
	Cost *DatabaseCost `json:"cost,omitempty"`
	// Duration is what the first hop would take.
	Duration *bluegreen.Duration `json:"duration,omitempty"`
}

// HopPlan is one deployment of a road.
type HopPlan struct {
	From string `json:"from"`
	To   string `json:"to"`
	// Target is the hop's; of later hops it is what would be chosen today.
	Target bluegreen.Target `json:"target"`
	// FeePerDay is the Extended Support fee per day when the road ends here.
	FeePerDay bluegreen.Estimate `json:"fee_per_day"`
	Support   bluegreen.Phase    `json:"support"`
	Until     string             `json:"until,omitempty"` // last day of that phase
	Duration  bluegreen.Duration `json:"duration"`
	// Month is what the database costs in a month when the road ends here.
	Month bluegreen.Estimate `json:"month"`
	// Group is the translation of the group that stands before the hop: of a
	// later hop, of the one that the hop before makes. Options are those of the
	// option group that is made for it.
	Group   *bluegreen.Translation `json:"parameter_changes,omitempty"`
	Options []string               `json:"options,omitempty"`
	// Issues are what is known today against a later hop.
	Issues []bluegreen.Issue `json:"issues,omitempty"`
}

// Blocked tells whether an issue stands in the way.
func (d DatabasePlan) Blocked() bool { return bluegreen.HasBlocker(d.Issues) }

// Preview looks once and works out every database's road. It makes no
// mutating call; databases are asked only when the options say so.
func (e *Engine) Preview(ctx context.Context, o PreviewOptions) (Preview, error) {
	if err := e.start(ctx); err != nil {
		return Preview{}, err
	}
	if o.Ask {
		e.askNeighbours(ctx)
	}
	if o.Measure {
		e.measure(ctx)
	}
	if o.Prices == nil {
		o.Prices = bluegreen.BuiltinPrices()
	}
	if err := e.readLaterHops(ctx); err != nil {
		return Preview{}, err
	}
	units := e.units()
	pv := Preview{Status: e.status(units, e.input(nil).decide(units)), Gaps: map[string]map[string]string{}, Sources: map[string]Sources{}}
	for i, u := range units {
		pv.Plans = append(pv.Plans, e.databasePlan(u, e.campaign.members[i], pv.Databases[i]))
	}
	for _, a := range e.campaign.aside {
		x := Aside{ID: a.ID, Account: a.Account, Region: a.Region, Why: a.Why}
		if a.ClusterID != "" || a.ReplicaOf != "" {
			x.Code = "SourceDatabaseNotSupportedFault"
		}
		pv.Aside = append(pv.Aside, x)
	}
	e.foreseeQuotas(&pv, units)
	e.forecast(&pv, units, o)
	pv.Permissions = e.permissions(ctx, o.Probe)
	for scope, ref := range e.refs {
		if ref == nil {
			continue
		}
		if len(ref.gaps) > 0 {
			pv.Gaps[scope] = ref.gaps
		}
		pv.Sources[scope] = ref.sources()
	}
	return pv, nil
}

func (r *reference) sources() Sources {
	s := Sources{Versions: "DescribeDBEngineVersions", Calendar: "DescribeDBMajorEngineVersions", Classes: "DescribeOrderableDBInstanceOptions"}
	if r.builtin {
		s.Versions = bluegreen.BuiltinVersionsSource()
	}
	if len(r.lifecycles) == 0 {
		s.Calendar = bluegreen.BuiltinCalendarSource()
	}
	for _, o := range r.orderable {
		if len(o) > 0 {
			return s
		}
	}
	s.Classes = bluegreen.BuiltinClassesSource()
	return s
}

func (e *Engine) databasePlan(u unit, m member, st DatabaseStatus) DatabasePlan {
	d := DatabasePlan{ID: m.id, Account: m.account, Region: m.region, Wave: e.cfg.Plan.Waves[m.wave].Name, Stage: string(u.state.Stage),
		Route: st.Route, Target: u.facts.Target, Issues: u.facts.Issues, Hops: len(u.facts.Hops), Actions: []bluegreen.Action{}}
	if u.facts.RouteError != "" {
		d.Issues = append([]bluegreen.Issue{{ID: "no-route", Severity: bluegreen.SeverityBlock, Code: "InvalidParameterCombination",
			Message: u.facts.RouteError, WayOut: "choose a target.engine_version that RDS offers from here"}}, d.Issues...)
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
	return d
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
	all := f.Instances
	f.Instances = map[string]*bluegreen.Instance{f.ID: &ready}
	acts := bluegreen.Next(f, bluegreen.State{Stage: bluegreen.Checked}).Actions
	spec := f.Target.DeploymentSpec("", ready, f.Hops[0], nil)
	green := ready
	if spec.Class != "" {
		green.Class = spec.Class
	}
	if s := f.Target.Storage; s.Type != "" {
		green.StorageType, green.IOPS, green.ThroughputMiBps = s.Type, s.IOPS, s.ThroughputMiBps
		if s.AllocatedGiB > 0 {
			green.AllocatedGiB = s.AllocatedGiB
		}
	}
	add := func(g bluegreen.Instance, primary bool, twin string, why string) {
		if spec.Version != "" {
			g.Version = spec.Version
		}
		if spec.ParameterGroup != "" {
			g.ParameterGroup = spec.ParameterGroup
		}
		for range 2 { // an upgrade after create comes first and on its own
			ch := f.Target.GreenChange(g, primary, twin)
			if ch == nil {
				return
			}
			reason := why
			if ch.Version != "" {
				reason = "a custom option group: the upgrade comes after the create"
				g.Version, g.ParameterGroup = ch.Version, ch.ParameterGroup
			}
			acts = append(acts, bluegreen.Action{Kind: bluegreen.ModifyInstance, Database: f.ID, Instance: twin + "-green-*", Modify: ch, Why: reason})
			if ch.Version == "" {
				return
			}
		}
	}
	for _, r := range blue.Replicas {
		twin := bluegreen.IDFromARN(r)
		if tw := all[twin]; tw != nil {
			rg := *tw
			rg.AllocatedGiB = green.AllocatedGiB
			add(rg, false, twin, "green replicas keep class and storage type of their blue")
		}
	}
	add(green, true, f.ID, "the class could not go into the create call")
	for _, r := range blue.Roles {
		acts = append(acts, bluegreen.Action{Kind: bluegreen.AddRole, Database: f.ID, Instance: f.ID + "-green-*", Role: r, Why: "RDS does not copy IAM roles to green"})
	}
	acts = append(acts, bluegreen.Action{Kind: bluegreen.Switchover, Database: f.ID, Deployment: bluegreen.DeploymentName(f.Campaign, f.ID, f.Hops[0].To),
		Timeout: f.Policy.SwitchTimeout, Why: fmt.Sprintf("when ready, in the turn of its wave, at most %s lag", f.Policy.MaxLag)})
	if g := f.Target.ParameterGroup; bluegreen.IsEventsGroup(f.Campaign, g) {
		back := bluegreen.EventsAction(g, "ON", "when the switchover is confirmed: blue's events ran")
		back.Database = f.ID
		acts = append(acts, back)
	}
	return acts
}
