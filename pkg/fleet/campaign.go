package fleet

import (
	"fmt"
	"regexp"
	"slices"
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
		hidden, nameless := mem.movedNames(sc.Key(), s)
		for _, i := range append(append(databases(s), s.renamed(p.Name)...), nameless...) {
			if hidden[i.ID] {
				continue
			}
			it := plan.Item{ID: i.ID, Account: sc.Account, AccountName: sc.Name, Region: sc.Region, EngineVersion: i.Version,
				Tags: i.Tags, ReplicaOf: i.ReplicaSource, Engine: i.Engine, ClusterID: i.ClusterID}
			if first := mem.firstVersion(it.Key()); first != "" {
				it.EngineVersion = first
			} else if old := s.oldest(i.ID); old != "" {
				it.EngineVersion = old
			}
			items = append(items, it)
			where[it.Key()] = sc
		}
	}
	a, problems := plan.Assign(p, items)
	if err := known(problems, scopes, seen).Err(); err != nil {
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

// known leaves out the problems that an unreadable account and Region explains:
// what is in it is not missing.
func known(problems plan.Problems, scopes []Scope, seen map[string]*sight) plan.Problems {
	whole := true
	for _, sc := range scopes {
		s := seen[sc.Key()]
		whole = whole && s != nil && s.err == nil
	}
	if whole {
		return problems
	}
	return slices.DeleteFunc(problems, func(p plan.Problem) bool {
		return p.Code == "unknown-database" || p.Code == "selects-nothing"
	})
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
				// The target of a deployment whose names have moved serves.
				if id := bluegreen.IDFromARN(m.Target); greenName.MatchString(id) {
					greens[id] = true
				}
				if id := bluegreen.IDFromARN(m.Source); baseOfOld(id) != "" {
					greens[id] = true // old blue, while its successor is being renamed
				}
			}
		}
	}
	var out []*bluegreen.Instance
	for _, id := range sortedKeys(s.instances) {
		if greens[id] || s.instances[baseOfOld(id)] != nil || baseOf(id) != id && strings.Contains(id, "-rolledback") && s.instances[baseOf(id)] != nil {
			continue
		}
		out = append(out, s.instances[id])
	}
	return out
}

// greenName is how RDS names greens.
var greenName = regexp.MustCompile(`-green-[a-z0-9]{6}$`)

// renamed are the campaign's databases that no instance answers for at this
// moment, because RDS is between two renames: the deployment's tag names them.
func (s *sight) renamed(campaign string) []*bluegreen.Instance {
	var out []*bluegreen.Instance
	seen := map[string]bool{}
	for _, list := range s.byDatabase {
		for _, d := range list {
			id := d.Tags[bluegreen.TagDatabase]
			if d.Tags[bluegreen.TagCampaign] != campaign || id == "" || s.instances[id] != nil || seen[id] {
				continue
			}
			if old := s.instances[bluegreen.IDFromARN(d.Source)]; old != nil {
				seen[id] = true
				i := *old
				i.ID = id
				out = append(out, &i)
			}
		}
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

// maxBuild is when a green that is still being built becomes a question: four
// hours and more are reported (terraform-provider-aws#46837), a day is not.
const maxBuild = 24 * time.Hour

// policy is what the plan says about one database's road.
func policy(p *plan.Plan, wave int, sql bool) bluegreen.Policy {
	pol := bluegreen.Policy{StableReads: p.Run.StableReads, MaxLag: p.Switchover.MaxLag, LagFor: p.Switchover.LagFor,
		LagMaxAge: max(30*time.Second, 5*p.Run.Poll), Retries: p.Switchover.Retries, PrecheckMaxAge: p.Prechecks.MaxAge,
		SwitchTimeout: p.Switchover.Timeout, SQL: sql, MaxBuild: maxBuild}
	if wave >= 0 {
		pol.Soak = p.Waves[wave].Soak
	}
	return pol
}

func lineOf(version string) string {
	v, err := mysqlver.Parse(version)
	if err != nil {
		return version
	}
	return v.Line()
}
