package fleet

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

func targetPolicy(p *plan.Plan, loads map[string]bluegreen.Load) bluegreen.TargetPolicy {
	return bluegreen.TargetPolicy{StorageType: p.Target.Storage.Type, IOPS: p.Target.Storage.IOPS,
		ThroughputMiBps: p.Target.Storage.ThroughputMiBps, RaiseTo400: p.Target.Storage.RaiseTo400,
		ClassMode: p.Target.Class.Mode, ClassMap: p.Target.Class.Map, Generation: p.Target.Class.Generation,
		ParameterGroup: p.Target.ParameterGroup, Campaign: p.Name, Measured: loads,
		Shrink: p.Target.Storage.Shrink, UpgradeStorage: p.Target.Storage.UpgradeConfig}
}

// resolved is what was computed once for a database from slow-changing facts.
type resolved struct {
	hops   []bluegreen.Hop
	routeE string
	target *bluegreen.Target
	issues []bluegreen.Issue
	group  *bluegreen.GroupState
	trans  *bluegreen.Translation
	// options is the option group to create, nil when there is none or it exists.
	options *bluegreen.OptionSpec
	// minutes are what the green takes, roughly; the order of turns goes by it.
	minutes int
}

// resolver computes and keeps what a database's road is; the key holds
// everything it depends on that may change under way.
type resolver struct {
	plan  *plan.Plan
	cache map[string]resolvedAt
	// loads are measured, by scope and instance id; nil sizes by what is provisioned.
	loads map[string]map[string]bluegreen.Load
	// neighbours is what servers said of their replication, by database.
	neighbours map[string]Neighbours
	// objects is what servers hold and write, by database, for the forecast.
	objects map[string]*bluegreen.Objects
	// saved is what must not have changed, nil without a saved plan; drifts is
	// what has, by database.
	saved  *SavedPlan
	drifts map[string][]Drift
}

func newResolver(cfg Config) *resolver {
	r := &resolver{plan: cfg.Plan, saved: cfg.Saved, cache: map[string]resolvedAt{}, neighbours: map[string]Neighbours{}, objects: map[string]*bluegreen.Objects{}, drifts: map[string][]Drift{}}
	if cfg.Saved != nil {
		r.loads = cfg.Saved.Loads
	}
	return r
}

type resolvedAt struct {
	key resolveKey
	res *resolved
}

// resolveKey is what may change under way of that on which a road depends.
type resolveKey struct {
	resource, version, class, storage, group, groupStatus, options, secret, pending, replicas, looks, saved string
	gib, iops, throughput, backup, foreign, groups                                                          int
	available, twoCalls, measured, eventsBack                                                               bool
}

func (r *resolver) of(m member, s *sight, ref *reference, oneCall *bool, eventsBack bool) *resolved {
	blue := s.instances[m.id]
	if blue == nil {
		if old, ok := r.cache[m.key]; ok {
			return old.res
		}
		return &resolved{}
	}
	blue = withoutGreens(blue, s)
	foreign := 0
	for _, d := range s.byDatabase[m.id] {
		if d.Tags[bluegreen.TagCampaign] != r.plan.Name && d.Status != bluegreen.SwitchoverCompleted {
			foreign++
		}
	}
	key := resolveKey{blue.ResourceID, blue.Version, blue.Class, blue.StorageType, blue.ParameterGroup, blue.ParameterStatus, blue.OptionGroup,
		blue.ManagedSecret, strings.Join(blue.Pending, " "), strings.Join(blue.Replicas, " "), replicaKey(blue, s), r.savedKey(blue), blue.AllocatedGiB, blue.IOPS,
		blue.ThroughputMiBps, blue.BackupDays, foreign, len(ref.groups), blue.Status == "available", oneCall != nil && !*oneCall, r.loads != nil, eventsBack}
	if old, ok := r.cache[m.key]; ok && old.key == key {
		return old.res
	}
	in := resolution{plan: r.plan, blue: blue, sight: s, ref: ref, oneCall: oneCall, loads: r.loads[m.scope], eventsBack: eventsBack}
	if n, ok := r.neighbours[m.key]; ok {
		in.neighbours = &n
	}
	res := in.resolve()
	if m.wave >= 0 {
		res.issues = append(r.savedIssue(m, r.plan.Waves[m.wave].Name, blue, s, ref, res), res.issues...)
	}
	r.cache[m.key] = resolvedAt{key, res}
	return res
}

// replicaKey is what the road depends on of blue's replicas.
func replicaKey(blue *bluegreen.Instance, s *sight) string {
	key := ""
	for _, id := range blue.Replicas {
		if i := s.instances[bluegreen.IDFromARN(id)]; i != nil {
			key += fmt.Sprintln(i.Version, i.Class, i.StorageType, i.AllocatedGiB, i.IOPS, i.ParameterGroup, i.ParameterStatus, i.Pending, i.Available())
		}
	}
	return key
}

// withoutGreens is blue as it is without our deployment: while a green
// replicates from it, RDS lists the green among its replicas.
func withoutGreens(blue *bluegreen.Instance, s *sight) *bluegreen.Instance {
	greens := map[string]bool{}
	for _, d := range s.byDatabase[blue.ID] {
		for _, m := range d.Members {
			if d.Status != bluegreen.SwitchoverCompleted && m.Target != "" && m.Target != m.Source {
				greens[bluegreen.IDFromARN(m.Target)] = true
			}
		}
	}
	if !slices.ContainsFunc(blue.Replicas, func(r string) bool { return greens[bluegreen.IDFromARN(r)] }) {
		return blue
	}
	b := *blue
	b.Replicas = slices.DeleteFunc(slices.Clone(blue.Replicas), func(r string) bool { return greens[bluegreen.IDFromARN(r)] })
	return &b
}

// savedKey is what only a saved plan looks at.
func (r *resolver) savedKey(blue *bluegreen.Instance) string {
	if r.saved == nil {
		return ""
	}
	return fmt.Sprint(blue.Tags, blue.MultiAZ)
}

// resolution is everything that a database's road is made from.
type resolution struct {
	plan       *plan.Plan
	blue       *bluegreen.Instance
	sight      *sight
	ref        *reference
	oneCall    *bool
	loads      map[string]bluegreen.Load
	neighbours *Neighbours // nil: the server was not asked
	eventsBack bool        // event_scheduler was given back in blue's own group
}

// resolve is pure: the road of one database from what was read.
func (in resolution) resolve() *resolved {
	res := &resolved{}
	hops, err := in.ref.route(in.blue.Version, in.plan.Target.EngineVersion)
	if err != nil {
		res.routeE = err.Error()
		return res
	}
	res.hops = hops
	replicas := in.replicas()
	hop := bluegreen.Hop{From: in.blue.Version, To: in.blue.Version}
	if len(hops) > 0 {
		hop = hops[0]
	}
	target, issues := bluegreen.ResolveTarget(*in.blue, replicas, hop, targetPolicy(in.plan, in.loads), in.market(hop))
	res.target, res.issues = &target, issues
	if len(hops) == 0 {
		return res
	}
	takes := bluegreen.EstimateDuration(bluegreen.DurationFacts{Blue: *in.blue, Replicas: replicas, Hop: hop, Target: target})
	res.minutes = takes.BuildMinutes + takes.AdjustMinutes
	in.translate(res, hop)
	res.carryOptions(in.plan, in.blue, hop, in.ref)
	res.issues = append(res.issues, in.eligible(replicas, hop, res)...)
	bluegreen.SortIssues(res.issues)
	return res
}

func (in resolution) market(hop bluegreen.Hop) bluegreen.Market {
	return bluegreen.Market{Versions: in.ref.versions, Orderable: in.ref.orderable[hop.To], OneCallClass: in.oneCall}
}

// replicas are blue's replicas that are in sight.
func (in resolution) replicas() []bluegreen.Instance {
	var out []bluegreen.Instance
	for _, id := range in.blue.Replicas {
		if i := in.sight.instances[bluegreen.IDFromARN(id)]; i != nil {
			out = append(out, *i)
		}
	}
	return out
}

// translate finds or makes up the target parameter group.
func (in resolution) translate(res *resolved, hop bluegreen.Hop) {
	p, blue, ref := in.plan, in.blue, in.ref
	if g := p.Target.ParameterGroup; g != plan.Translate && g != "" {
		res.target.ParameterGroup = g
		return
	}
	user, known := ref.parameters[blue.ParameterGroup]
	from := ref.groups[blue.ParameterGroup].Family
	if from == "" {
		from = "mysql" + lineOf(blue.Version)
	}
	if !known {
		res.issues = append(res.issues, bluegreen.Issue{ID: "parameters-unknown", Severity: "block",
			Message: "the parameters of " + blue.ParameterGroup + " could not be read, so they cannot be translated",
			WayOut:  "allow rds:DescribeDBParameters, or name target.parameter_group in the plan"})
		return
	}
	tr, issues := ref.translation(in, user, from, hop.Family)
	res.trans = &tr
	res.issues = append(res.issues, issues...)
	if bluegreen.HasBlocker(issues) {
		return
	}
	if len(tr.Set) == 0 {
		res.target.ParameterGroup = "default." + hop.Family
		return
	}
	spec := groupSpec(p.Name, blue, hop.Family, tr)
	res.target.ParameterGroup = spec.Name
	_, exists := ref.groups[spec.Name]
	res.group = &bluegreen.GroupState{Spec: spec, Exists: exists}
	if exists {
		res.group.Missing = missingParameters(tr.Set, ref.parameters[spec.Name])
	}
}

// groupSpec is the group to make of a translation: one that all share whose
// group and content are the same, or the database's own where its events must
// run again after the switchover.
func groupSpec(campaign string, blue *bluegreen.Instance, family string, tr bluegreen.Translation) bluegreen.ParameterSpec {
	spec := bluegreen.ParameterSpec{Family: family, Parameters: tr.Set,
		Name:        bluegreen.ParameterGroupName(campaign, blue.ParameterGroup, family, tr.Set),
		Description: "translated from " + blue.ParameterGroup + " by rdsupgrade",
		Tags:        map[string]string{bluegreen.TagCampaign: campaign}}
	if tr.EventsOn {
		spec.Name = bluegreen.EventsGroupName(campaign, blue.ID, family, tr.Set)
		spec.Description += " for " + blue.ID + " alone: its events run again after the switchover"
		spec.Tags[bluegreen.TagDatabase] = blue.ID
	}
	return spec
}

// carryOptions finds or makes up the option group of a blue that has a custom one.
func (res *resolved) carryOptions(p *plan.Plan, blue *bluegreen.Instance, hop bluegreen.Hop, ref *reference) {
	g, known := ref.options[blue.OptionGroup]
	if !known || !bluegreen.UpgradesAfterCreate(*blue, hop) {
		return
	}
	spec := bluegreen.TranslateOptions(p.Name, g, hop.To)
	if spec == nil {
		return
	}
	res.target.OptionGroup = spec.Name
	if have, exists := ref.options[spec.Name]; !exists || len(have.Options) < len(spec.Options) {
		res.options = spec
	}
}

// missingParameters are those of want that have not their value yet.
func missingParameters(want, have []bluegreen.Parameter) []bluegreen.Parameter {
	set := map[string]string{}
	for _, p := range have {
		set[p.Name] = p.Value
	}
	var out []bluegreen.Parameter
	for _, p := range want {
		if v, ok := set[p.Name]; !ok || v != p.Value {
			out = append(out, p)
		}
	}
	return out
}

// eligible judges the database by everything that was read about it.
func (in resolution) eligible(replicas []bluegreen.Instance, hop bluegreen.Hop, res *resolved) []bluegreen.Issue {
	blue, ref := in.blue, in.ref
	f := bluegreen.EligibilityFacts{Blue: *blue, Replicas: replicas, Hop: hop, Target: *res.target,
		BlueParameters: ref.parameters[blue.ParameterGroup], Versions: ref.versions, Orderable: ref.orderable[hop.To],
		OwnDeployment: bluegreen.DeploymentName(in.plan.Name, blue.ID, hop.To), TwoStepOption: true,
		NoWayBack: in.plan.Switchover.WayBack.User == ""}
	f.Deployments = in.deployments(f.OwnDeployment)
	if g, ok := ref.groups[blue.ParameterGroup]; ok {
		f.BlueGroup = &g
	}
	if g, ok := ref.groups[res.target.ParameterGroup]; ok {
		f.TargetGroup = &g
		f.TargetParameters = ref.parameters[g.Name]
	} else if res.group != nil {
		f.TargetGroup = &bluegreen.ParameterGroup{Name: res.group.Spec.Name, Family: res.group.Spec.Family}
	} else if family, ok := strings.CutPrefix(res.target.ParameterGroup, "default."); ok {
		// RDS lists a family's default group once an instance has used it, and makes it when needed.
		f.TargetGroup = &bluegreen.ParameterGroup{Name: res.target.ParameterGroup, Family: family}
	}
	if res.group != nil { // whatever it holds now, this is what it is made to
		f.TargetParameters = res.group.Spec.Parameters
	}
	if g, ok := ref.options[blue.OptionGroup]; ok {
		f.OptionGroup = &g
	}
	ref.around.Into(&f)
	if n := in.neighbours; n != nil {
		f.ExternalReplica, f.DumpClients = &n.External, n.Readers
	}
	return bluegreen.Eligibility(f)
}

// deployments are those that concern blue, and one that has our name although
// it is another database's.
func (in resolution) deployments(own string) []bluegreen.Deployment {
	out := in.sight.byDatabase[in.blue.ID]
	if d := in.sight.stranger(own, in.blue.ID); d != nil {
		return append(slices.Clone(out), *d)
	}
	return out
}
