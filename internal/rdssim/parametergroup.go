package rdssim

import (
	"maps"
	"regexp"
	"strings"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/catalog"
	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/query"
)

// ParameterGroup is a DB parameter group: a family and what users set.
type ParameterGroup struct {
	Name        string
	Family      string
	Description string
	User        map[string]string
	Method      map[string]string // ApplyMethod of what users set
	Tags        map[string]string
}

func (r *region) addDefaultGroups() {
	for _, f := range catalog.Families {
		name := "default." + f
		r.paramGrps.put(name, &ParameterGroup{Name: name, Family: f, Description: "Default parameter group for " + f})
	}
	for _, m := range catalog.Majors {
		name := "default:mysql-" + strings.ReplaceAll(m.Name, ".", "-")
		r.optGroups.put(name, &OptionGroup{Name: name, Major: m.Name, Description: "Default option group for mysql " + m.Name})
	}
}

func (r *region) addParameterGroup(g ParameterGroupSpec) *ParameterGroup {
	pg := &ParameterGroup{Name: lower(g.Name), Family: g.Family, Description: or(g.Description, g.Name),
		User: maps.Clone(g.Parameters), Method: map[string]string{}, Tags: map[string]string{}}
	if pg.User == nil {
		pg.User = map[string]string{}
	}
	for name := range pg.User {
		pg.Method[name] = defaultMethod(g.Family, name)
	}
	r.paramGrps.put(pg.Name, pg)
	return pg
}

func defaultMethod(family, name string) string {
	if p, ok := catalog.FindParameter(family, name); ok && p.Static {
		return "pending-reboot"
	}
	return "immediate"
}

// parameter is the value that a group gives to a parameter, empty when the
// engine decides or the family does not have it.
func (r *region) parameter(group, name string) string {
	g, ok := r.paramGrps.get(lower(group))
	if !ok {
		return ""
	}
	if v, ok := g.User[name]; ok {
		return v
	}
	p, _ := catalog.FindParameter(g.Family, name)
	return p.Value
}

func (r *region) group(name string) (*ParameterGroup, error) {
	g, ok := r.paramGrps.get(lower(name))
	if !ok {
		return nil, query.NotFound("DBParameterGroupNotFound", "DBParameterGroup not found: %s", name)
	}
	return g, nil
}

var groupNamePattern = regexp.MustCompile(`^[a-zA-Z](-?[a-zA-Z0-9])*$`)

func (r *region) createParameterGroup(p *query.Params) ([]query.Node, error) {
	name, family := lower(p.Str("DBParameterGroupName")), p.Str("DBParameterGroupFamily")
	switch {
	case !groupNamePattern.MatchString(name) || len(name) > 255:
		return nil, query.Fault("InvalidParameterValue", "The parameter DBParameterGroupName is not a valid identifier. Identifiers must begin with a letter; must contain only ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two consecutive hyphens.")
	case len(catalog.Parameters(family)) == 0:
		return nil, query.Fault("InvalidParameterValue", "ParameterGroupFamily %s is not a valid parameter group family", family)
	case p.Str("Description") == "":
		return nil, query.Fault("MissingParameter", "The request must contain the parameter Description.")
	}
	if _, ok := r.paramGrps.get(name); ok {
		return nil, query.Fault("DBParameterGroupAlreadyExists", "Parameter group %s already exists", name)
	}
	if r.customGroups() >= r.account.quotas["DBParameterGroups"] {
		return nil, query.Fault("DBParameterGroupQuotaExceeded", "You cannot create more than %d DB parameter groups.", r.account.quotas["DBParameterGroups"])
	}
	g := r.addParameterGroup(ParameterGroupSpec{Name: name, Family: family, Description: p.Str("Description")})
	g.Tags = tagsOf(p)
	return []query.Node{r.groupNode("DBParameterGroup", g)}, nil
}

func (r *region) copyParameterGroup(p *query.Params) ([]query.Node, error) {
	from := p.Str("SourceDBParameterGroupIdentifier")
	if _, kind, name, ok := splitARN(from); ok && kind == "pg" {
		from = name
	}
	src, err := r.group(from)
	if err != nil {
		return nil, err
	}
	name := lower(p.Str("TargetDBParameterGroupIdentifier"))
	if _, ok := r.paramGrps.get(name); ok {
		return nil, query.Fault("DBParameterGroupAlreadyExists", "Parameter group %s already exists", name)
	}
	if r.customGroups() >= r.account.quotas["DBParameterGroups"] {
		return nil, query.Fault("DBParameterGroupQuotaExceeded", "You cannot create more than %d DB parameter groups.", r.account.quotas["DBParameterGroups"])
	}
	g := r.addParameterGroup(ParameterGroupSpec{Name: name, Family: src.Family, Description: p.Str("TargetDBParameterGroupDescription"), Parameters: src.User})
	g.Tags = tagsOf(p)
	return []query.Node{r.groupNode("DBParameterGroup", g)}, nil
}

func (r *region) customGroups() int {
	return r.paramGrps.len() - len(catalog.Families)
}

func (r *region) modifyParameterGroup(p *query.Params) ([]query.Node, error) {
	g, err := r.changeableGroup(p.Str("DBParameterGroupName"))
	if err != nil {
		return nil, err
	}
	changes := p.Structs("Parameters.Parameter", "ParameterName", "ParameterValue", "ApplyMethod")
	if len(changes) == 0 || len(changes) > 20 {
		return nil, query.Fault("InvalidParameterValue", "A maximum of 20 parameters can be modified in a single request, and at least one is needed.")
	}
	for _, c := range changes {
		if err := checkChange(g.Family, c); err != nil {
			return nil, err
		}
	}
	for _, c := range changes {
		g.User[c["ParameterName"]] = c["ParameterValue"]
		g.Method[c["ParameterName"]] = c["ApplyMethod"]
		r.parameterChanged(g, c["ParameterName"], c["ApplyMethod"])
	}
	return []query.Node{query.S("DBParameterGroupName", g.Name)}, nil
}

func (r *region) resetParameterGroup(p *query.Params) ([]query.Node, error) {
	g, err := r.changeableGroup(p.Str("DBParameterGroupName"))
	if err != nil {
		return nil, err
	}
	changes := p.Structs("Parameters.Parameter", "ParameterName", "ApplyMethod")
	if all, _ := p.Bool("ResetAllParameters"); all {
		changes = nil
		for _, name := range sortedKeys(g.User) {
			changes = append(changes, map[string]string{"ParameterName": name, "ApplyMethod": defaultMethod(g.Family, name)})
		}
	}
	for _, c := range changes {
		delete(g.User, c["ParameterName"])
		r.parameterChanged(g, c["ParameterName"], c["ApplyMethod"])
	}
	return []query.Node{query.S("DBParameterGroupName", g.Name)}, nil
}

func (r *region) changeableGroup(name string) (*ParameterGroup, error) {
	g, err := r.group(name)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(g.Name, "default.") {
		return nil, query.Fault("InvalidDBParameterGroupState", "The parameter group %s is a default parameter group and can't be modified.", g.Name)
	}
	return g, nil
}

func checkChange(family string, c map[string]string) error {
	p, ok := catalog.FindParameter(family, c["ParameterName"])
	switch {
	case !ok:
		return query.Fault("InvalidParameterValue", "Could not find parameter with name: %s", c["ParameterName"])
	case !p.Modifiable:
		return query.Fault("InvalidParameterValue", "The parameter %s cannot be modified", p.Name)
	case c["ApplyMethod"] != "immediate" && c["ApplyMethod"] != "pending-reboot":
		return query.Fault("InvalidParameterValue", "Invalid apply method for parameter %s: %q", p.Name, c["ApplyMethod"])
	case p.Static && c["ApplyMethod"] == "immediate":
		return query.Fault("InvalidParameterCombination", "cannot use immediate apply method for static parameter: %s", p.Name)
	}
	if err := p.Check(c["ParameterValue"]); err != nil {
		return query.Fault("InvalidParameterValue", "%s", err)
	}
	return nil
}

// parameterChanged carries a change to the instances that use the group:
// dynamic ones after a moment, the others at their next reboot.
func (r *region) parameterChanged(g *ParameterGroup, name, method string) {
	for _, i := range r.instances.all() {
		if i.ParameterGroup != g.Name {
			continue
		}
		if method != "immediate" {
			i.ApplyStatus = "pending-reboot"
			continue
		}
		if i.ApplyStatus == "in-sync" {
			i.ApplyStatus = "applying"
		}
		r.sim.after(r.sim.timing.ApplyParameters, func() {
			if i.ApplyStatus == "applying" {
				i.ApplyStatus = "in-sync"
			}
			// A value of 0 for a replica takes effect at once; an old blue keeps
			// refusing writes until it is rebooted.
			if name == "read_only" && !i.oldBlue && i.ParameterGroup == g.Name {
				i.ReadOnly = r.bootReadOnly(i)
			}
		})
	}
}

func (r *region) deleteParameterGroup(p *query.Params) ([]query.Node, error) {
	g, err := r.changeableGroup(p.Str("DBParameterGroupName"))
	if err != nil {
		return nil, err
	}
	for _, i := range r.instances.all() {
		if i.ParameterGroup == g.Name {
			return nil, query.Fault("InvalidDBParameterGroupState", "One or more database instances are still members of this parameter group %s, so the group cannot be deleted", g.Name)
		}
	}
	r.paramGrps.remove(g.Name)
	return nil, nil
}

func (r *region) groupNode(name string, g *ParameterGroup) query.Node {
	return query.E(name, query.S("DBParameterGroupName", g.Name), query.S("DBParameterGroupFamily", g.Family),
		query.S("Description", g.Description), query.S("DBParameterGroupArn", r.arn("pg", g.Name)))
}

func (r *region) describeParameterGroups(p *query.Params) ([]query.Node, error) {
	if name := p.Str("DBParameterGroupName"); name != "" {
		g, err := r.group(name)
		if err != nil {
			return nil, err
		}
		return []query.Node{query.E("DBParameterGroups", r.groupNode("DBParameterGroup", g))}, nil
	}
	return paged(p, "DBParameterGroups", r.paramGrps.from, limit100, func(_ string, g *ParameterGroup) query.Node {
		return r.groupNode("DBParameterGroup", g)
	})
}

func (r *region) describeParameters(p *query.Params) ([]query.Node, error) {
	g, err := r.group(p.Str("DBParameterGroupName"))
	if err != nil {
		return nil, err
	}
	source, only := p.Str("Source"), filterValues(p, "parameter-name")
	if source != "" && source != "user" && source != "system" && source != "engine-default" {
		return nil, query.Fault("InvalidParameterValue", "Invalid value %q for Source. Allowed: user, system, engine-default", source)
	}
	list := table[query.Node]{}
	for _, def := range catalog.Parameters(g.Family) {
		node, from := parameterNode(def, g)
		if (source == "" || source == from) && (only == nil || only[def.Name]) {
			list.put(def.Name, node)
		}
	}
	return paged(p, "Parameters", list.from, limit100, func(_ string, n query.Node) query.Node { return n })
}

func parameterNode(def catalog.Parameter, g *ParameterGroup) (query.Node, string) {
	value, source, method := def.Value, def.Source, "pending-reboot"
	if g != nil {
		if v, ok := g.User[def.Name]; ok {
			value, source, method = v, "user", g.Method[def.Name]
		}
	}
	return query.E("Parameter", query.S("ParameterName", def.Name), query.Opt("ParameterValue", value),
		query.S("Description", strings.ReplaceAll(def.Name, "_", " ")), query.S("Source", source),
		query.S("ApplyType", def.ApplyType()), query.S("DataType", def.DataType), query.Opt("AllowedValues", def.Allowed),
		query.B("IsModifiable", def.Modifiable), query.S("ApplyMethod", method)), source
}

func (r *region) describeEngineDefaults(p *query.Params) ([]query.Node, error) {
	family := p.Str("DBParameterGroupFamily")
	defs := catalog.Parameters(family)
	if len(defs) == 0 {
		return nil, query.Fault("InvalidParameterValue", "ParameterGroupFamily %s is not a valid parameter group family", family)
	}
	list := table[query.Node]{}
	only := filterValues(p, "parameter-name")
	for _, def := range defs {
		if only == nil || only[def.Name] {
			node, _ := parameterNode(def, nil)
			list.put(def.Name, node)
		}
	}
	kids, err := paged(p, "Parameters", list.from, limit100, func(_ string, n query.Node) query.Node { return n })
	if err != nil {
		return nil, err
	}
	return []query.Node{query.E("EngineDefaults", append(kids, query.S("DBParameterGroupFamily", family))...)}, nil
}
