package fleet

import (
	"fmt"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqlver"
	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

// campaign is who takes part: every database with its wave and its scope.
type campaign struct {
	plan       *plan.Plan
	members    []member
	unassigned []member
	aside      []plan.Aside
}

// member is a database of the campaign.
type member struct {
	key     string // account/region/id
	id      string
	scope   string // key of the scope
	account string
	region  string
	wave    int // -1: no wave takes it
	service string
	owner   string
}

// enlist builds the inventory from a first look and assigns it to waves. The
// version that counts for selection is the one before the campaign, so that a
// switched database does not fall out of its wave.
func enlist(p *plan.Plan, scopes []Scope, seen map[string]*sight, mem *memory) (*campaign, error) {
	var items []plan.Item
	where := map[string]Scope{}
	for _, sc := range scopes {
		s := seen[sc.Key()]
		if s == nil || s.err != nil {
			continue
		}
		for _, i := range databases(s) {
			it := plan.Item{ID: i.ID, Account: sc.Account, AccountName: sc.Name, Region: sc.Region, EngineVersion: i.Version,
				Tags: i.Tags, ReplicaOf: i.ReplicaSource, Engine: i.Engine, ClusterID: i.ClusterID}
			if before := mem.record(it.Key()).BlueBefore; before != nil {
				it.EngineVersion = before.Version
			} else if old := s.oldest(i.ID); old != "" {
				it.EngineVersion = old
			}
			items = append(items, it)
			where[it.Key()] = sc
		}
	}
	a, problems := plan.Assign(p, items)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	c := &campaign{plan: p, aside: a.Aside}
	add := func(list *[]member, it plan.Item, wave int) {
		sc := where[it.Key()]
		*list = append(*list, member{key: it.Key(), id: it.ID, scope: sc.Key(), account: sc.Account, region: sc.Region, wave: wave,
			service: it.Tags[p.ServiceTag], owner: it.Tags[p.OwnerTag]})
	}
	for w, list := range a.Waves {
		for _, it := range list {
			add(&c.members, it, w)
		}
	}
	for _, it := range a.Unassigned {
		add(&c.unassigned, it, -1)
	}
	return c, nil
}

// databases are the instances that are databases of their own: not greens, and
// not the old blues of a switchover.
func databases(s *sight) []*bluegreen.Instance {
	greens := map[string]bool{}
	for _, list := range s.byDatabase {
		for _, d := range list {
			if d.Status == bluegreen.SwitchoverCompleted {
				continue
			}
			for _, m := range d.Members {
				if m.Target != "" {
					greens[bluegreen.IDFromARN(m.Target)] = true
				}
			}
		}
	}
	var out []*bluegreen.Instance
	for _, id := range sortedKeys(s.instances) {
		if greens[id] || s.instances[baseOfOld(id)] != nil {
			continue
		}
		out = append(out, s.instances[id])
	}
	return out
}

// baseOfOld is the name before -oldN, "" when id has no such ending.
func baseOfOld(id string) string {
	i := strings.LastIndex(id, "-old")
	if i <= 0 || i+4 >= len(id) || strings.Trim(id[i+4:], "0123456789") != "" {
		return ""
	}
	return id[:i]
}

// oldest is the version of the database's first old blue, "" when there is none.
func (s *sight) oldest(id string) string {
	for n := 1; n < 10; n++ {
		if old := s.instances[fmt.Sprintf("%s-old%d", id, n)]; old != nil {
			return old.Version
		}
	}
	return ""
}

// policy is what the plan says about one database's road.
func policy(p *plan.Plan, wave int, sql bool) bluegreen.Policy {
	pol := bluegreen.Policy{StableReads: p.Run.StableReads, MaxLag: p.Switchover.MaxLag, LagFor: p.Switchover.LagFor,
		LagMaxAge: max(30*time.Second, 5*p.Run.Poll), Retries: p.Switchover.Retries, PrecheckMaxAge: p.Prechecks.MaxAge,
		SwitchTimeout: p.Switchover.Timeout, SQL: sql}
	if wave >= 0 {
		pol.Soak = p.Waves[wave].Soak
	}
	return pol
}

func targetPolicy(p *plan.Plan) bluegreen.TargetPolicy {
	return bluegreen.TargetPolicy{StorageType: p.Target.Storage.Type, IOPS: p.Target.Storage.IOPS,
		ThroughputMiBps: p.Target.Storage.ThroughputMiBps, RaiseTo400: p.Target.Storage.RaiseTo400,
		ClassMode: p.Target.Class.Mode, ClassMap: p.Target.Class.Map, Generation: p.Target.Class.Generation,
		ParameterGroup: p.Target.ParameterGroup, Campaign: p.Name}
}

// resolved is what was computed once for a database from slow-changing facts.
type resolved struct {
	hops   []bluegreen.Hop
	routeE string
	target *bluegreen.Target
	issues []bluegreen.Issue
	group  *bluegreen.GroupState
	trans  *bluegreen.Translation
}

// resolver computes and keeps what a database's road is; the key holds
// everything it depends on that may change under way.
type resolver struct {
	plan  *plan.Plan
	cache map[string]resolvedAt
}

type resolvedAt struct {
	key string
	res *resolved
}

func (r *resolver) of(m member, s *sight, ref *reference, oneCall *bool) *resolved {
	blue := s.instances[m.id]
	if blue == nil {
		if old, ok := r.cache[m.key]; ok {
			return old.res
		}
		return &resolved{}
	}
	foreign := 0
	for _, d := range s.byDatabase[m.id] {
		if d.Tags[bluegreen.TagCampaign] != r.plan.Name && d.Status != bluegreen.SwitchoverCompleted {
			foreign++
		}
	}
	key := fmt.Sprint(blue.ResourceID, blue.Version, blue.Class, blue.StorageType, blue.AllocatedGiB, blue.IOPS, blue.ThroughputMiBps,
		blue.ParameterGroup, blue.ParameterStatus, blue.OptionGroup, blue.ManagedSecret, blue.BackupDays, blue.Pending, blue.Replicas,
		blue.Status == "available", foreign, oneCall != nil && !*oneCall, len(ref.groups))
	if old, ok := r.cache[m.key]; ok && old.key == key {
		return old.res
	}
	res := resolve(r.plan, blue, s, ref, oneCall)
	r.cache[m.key] = resolvedAt{key, res}
	return res
}

// resolve is pure: the road of one database from what was read.
func resolve(p *plan.Plan, blue *bluegreen.Instance, s *sight, ref *reference, oneCall *bool) *resolved {
	res := &resolved{}
	hops, err := bluegreen.Route(blue.Version, p.Target.EngineVersion, ref.versions)
	if err != nil {
		res.routeE = err.Error()
		return res
	}
	res.hops = hops
	var replicas []bluegreen.Instance
	for _, id := range blue.Replicas {
		if i := s.instances[bluegreen.IDFromARN(id)]; i != nil {
			replicas = append(replicas, *i)
		}
	}
	hop := bluegreen.Hop{From: blue.Version, To: blue.Version}
	if len(hops) > 0 {
		hop = hops[0]
	}
	m := bluegreen.Market{Versions: ref.versions, Orderable: ref.orderable[hop.To], OneCallClass: oneCall}
	target, issues := bluegreen.ResolveTarget(*blue, replicas, hop, targetPolicy(p), m)
	res.target, res.issues = &target, issues
	if len(hops) == 0 {
		return res
	}
	res.translate(p, blue, hop, ref)
	res.issues = append(res.issues, eligible(p, blue, replicas, s, ref, hop, res)...)
	return res
}

// translate finds or makes up the target parameter group.
func (res *resolved) translate(p *plan.Plan, blue *bluegreen.Instance, hop bluegreen.Hop, ref *reference) {
	if g := p.Target.ParameterGroup; g != "translate" && g != "" {
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
	tr, issues := bluegreen.TranslateParameters(user, ref.defaults[from], ref.defaults[hop.Family], from, hop.Family, bluegreen.TranslatePolicy{WayBack: true})
	res.trans = &tr
	res.issues = append(res.issues, issues...)
	if len(tr.Set) == 0 {
		res.target.ParameterGroup = "default." + hop.Family
		return
	}
	name := bluegreen.ParameterGroupName(p.Name, blue.ParameterGroup, hop.Family, tr.Set)
	res.target.ParameterGroup = name
	spec := bluegreen.ParameterSpec{Name: name, Family: hop.Family, Parameters: tr.Set,
		Description: "translated from " + blue.ParameterGroup + " by rdsupgrade",
		Tags:        map[string]string{bluegreen.TagCampaign: p.Name}}
	_, exists := ref.groups[name]
	res.group = &bluegreen.GroupState{Spec: spec, Exists: exists}
	if exists {
		res.group.Missing = missingParameters(tr.Set, ref.parameters[name])
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

func eligible(p *plan.Plan, blue *bluegreen.Instance, replicas []bluegreen.Instance, s *sight, ref *reference, hop bluegreen.Hop, res *resolved) []bluegreen.Issue {
	f := bluegreen.EligibilityFacts{Blue: *blue, Replicas: replicas, Hop: hop, Target: *res.target,
		BlueParameters: ref.parameters[blue.ParameterGroup], Versions: ref.versions, Orderable: ref.orderable[hop.To],
		Deployments: s.byDatabase[blue.ID], OwnDeployment: bluegreen.DeploymentName(p.Name, blue.ID, hop.To)}
	if g, ok := ref.groups[blue.ParameterGroup]; ok {
		f.BlueGroup = &g
	}
	if g, ok := ref.groups[res.target.ParameterGroup]; ok {
		f.TargetGroup = &g
		f.TargetParameters = ref.parameters[g.Name]
	} else if res.group != nil {
		f.TargetGroup = &bluegreen.ParameterGroup{Name: res.group.Spec.Name, Family: res.group.Spec.Family}
		f.TargetParameters = res.group.Spec.Parameters
	}
	if g, ok := ref.options[blue.OptionGroup]; ok {
		f.OptionGroup = &g
	}
	return bluegreen.Eligibility(f)
}

func lineOf(version string) string {
	v, err := mysqlver.Parse(version)
	if err != nil {
		return version
	}
	return v.Line()
}
