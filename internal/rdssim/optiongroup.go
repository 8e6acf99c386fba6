package rdssim

import (
	"slices"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/catalog"
	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/query"
)

// OptionGroup is an option group of one major version.
type OptionGroup struct {
	Name        string
	Major       string
	Description string
	Options     []string
	Tags        map[string]string
}

// optionMajors says where each option of MySQL exists.
var optionMajors = map[string][]string{
	"MARIADB_AUDIT_PLUGIN": {"5.7", "8.0", "8.4"},
	"MEMCACHED":            {"5.7", "8.0"},
}

func (r *region) optionGroup(name string) (*OptionGroup, error) {
	g, ok := r.optGroups.get(lower(name))
	if !ok {
		return nil, query.NotFound("OptionGroupNotFoundFault", "Specified OptionGroupName: %s not found.", name)
	}
	return g, nil
}

func (r *region) optionGroupNode(name string, g *OptionGroup) query.Node {
	var options []query.Node
	for _, o := range g.Options {
		options = append(options, query.E("Option", query.S("OptionName", o), query.B("Persistent", false), query.B("Permanent", false)))
	}
	return query.E(name, query.S("OptionGroupName", g.Name), query.S("OptionGroupDescription", g.Description),
		query.S("EngineName", "mysql"), query.S("MajorEngineVersion", g.Major), query.List("Options", options),
		query.B("AllowsVpcAndNonVpcInstanceMemberships", true), query.S("OptionGroupArn", r.arn("og", g.Name)))
}

func (r *region) describeOptionGroups(p *query.Params) ([]query.Node, error) {
	if name := p.Str("OptionGroupName"); name != "" {
		g, err := r.optionGroup(name)
		if err != nil {
			return nil, err
		}
		return []query.Node{query.E("OptionGroupsList", r.optionGroupNode("OptionGroup", g))}, nil
	}
	engine, major := p.Str("EngineName"), p.Str("MajorEngineVersion")
	return paged(p, "OptionGroupsList", r.optGroups.from, limit100, func(_ string, g *OptionGroup) query.Node {
		if (engine != "" && engine != "mysql") || (major != "" && major != g.Major) {
			return query.Node{}
		}
		return r.optionGroupNode("OptionGroup", g)
	})
}

func (r *region) createOptionGroup(p *query.Params) ([]query.Node, error) {
	name, major := lower(p.Str("OptionGroupName")), p.Str("MajorEngineVersion")
	if !groupNamePattern.MatchString(name) {
		return nil, query.Fault("InvalidParameterValue", "The option group name %q is not a valid identifier.", name)
	}
	if p.Str("EngineName") != "mysql" || len(catalog.Parameters("mysql"+major)) == 0 {
		return nil, query.Fault("InvalidParameterCombination", "Cannot find major version %s for %s", major, p.Str("EngineName"))
	}
	if _, ok := r.optGroups.get(name); ok {
		return nil, query.Fault("OptionGroupAlreadyExistsFault", "An option group named %s already exists.", name)
	}
	if r.optGroups.len()-len(catalog.Majors) >= r.account.quotas["OptionGroups"] {
		return nil, query.Fault("OptionGroupQuotaExceededFault", "Cannot create more than %d option groups", r.account.quotas["OptionGroups"])
	}
	g := &OptionGroup{Name: name, Major: major, Description: p.Str("OptionGroupDescription"), Tags: tagsOf(p)}
	r.optGroups.put(name, g)
	return []query.Node{r.optionGroupNode("OptionGroup", g)}, nil
}

func (r *region) modifyOptionGroup(p *query.Params) ([]query.Node, error) {
	g, err := r.optionGroup(p.Str("OptionGroupName"))
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(g.Name, "default:") {
		return nil, query.Fault("InvalidOptionGroupStateFault", "The option group %s is a default option group and cannot be modified", g.Name)
	}
	for _, add := range p.Structs("OptionsToInclude.OptionConfiguration", "OptionName") {
		if !optionExists(add["OptionName"], g.Major) {
			return nil, query.Fault("InvalidParameterCombination", "The option %s is not available for mysql %s", add["OptionName"], g.Major)
		}
		if !slices.Contains(g.Options, add["OptionName"]) { // one that is there is modified
			g.Options = append(g.Options, add["OptionName"])
		}
	}
	for _, drop := range p.Strings("OptionsToRemove.member") {
		for n, o := range g.Options {
			if o == drop {
				g.Options = append(g.Options[:n], g.Options[n+1:]...)
				break
			}
		}
	}
	return []query.Node{r.optionGroupNode("OptionGroup", g)}, nil
}

func optionExists(option, major string) bool {
	for _, m := range optionMajors[option] {
		if m == major {
			return true
		}
	}
	return false
}

func (r *region) deleteOptionGroup(p *query.Params) ([]query.Node, error) {
	g, err := r.optionGroup(p.Str("OptionGroupName"))
	if err != nil {
		return nil, err
	}
	for _, i := range r.instances.all() {
		if i.OptionGroup == g.Name {
			return nil, query.Fault("InvalidOptionGroupStateFault", "The option group %s cannot be deleted because it is in use.", g.Name)
		}
	}
	if strings.HasPrefix(g.Name, "default:") {
		return nil, query.Fault("InvalidOptionGroupStateFault", "The option group %s is a default option group and cannot be deleted", g.Name)
	}
	r.optGroups.remove(g.Name)
	return nil, nil
}

func (r *region) describeOptionGroupOptions(p *query.Params) ([]query.Node, error) {
	list := table[query.Node]{}
	for name, majors := range optionMajors {
		for _, m := range majors {
			if want := p.Str("MajorEngineVersion"); want != "" && want != m {
				continue
			}
			list.put(m+name, query.E("OptionGroupOption", query.S("Name", name), query.S("EngineName", "mysql"),
				query.S("MajorEngineVersion", m), query.B("Persistent", false), query.B("Permanent", false)))
		}
	}
	return paged(p, "OptionGroupOptions", list.from, limit100, func(_ string, n query.Node) query.Node { return n })
}

// Proxy is an RDS Proxy with its targets.
type Proxy struct {
	Name    string
	Created time.Time
	Targets []ProxyTarget
}

// ProxyTarget is a database behind a proxy.
type ProxyTarget struct {
	Instance  *Instance
	Reachable bool
}

// Integration is a zero-ETL integration.
type Integration struct {
	Name    string
	Source  *Instance
	Created time.Time
}

// Cluster is a Multi-AZ DB cluster.
type Cluster struct {
	ID            string
	EngineVersion string
	Created       time.Time
	Members       []*Instance
}
