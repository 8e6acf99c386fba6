package rdssim

import (
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/query"
)

// action is one API action: it answers the children of its result element,
// nil for actions that answer nothing.
type action struct {
	run     func(*region, *query.Params) ([]query.Node, error)
	mutates bool
}

func reads(f func(*region, *query.Params) ([]query.Node, error)) action { return action{run: f} }
func writes(f func(*region, *query.Params) ([]query.Node, error)) action {
	return action{run: f, mutates: true}
}

var actions = map[string]action{
	"DescribeDBInstances":                  reads((*region).describeInstances),
	"ModifyDBInstance":                     writes((*region).modifyInstance),
	"RebootDBInstance":                     writes((*region).rebootInstance),
	"DeleteDBInstance":                     writes((*region).deleteInstance),
	"CreateDBInstanceReadReplica":          writes((*region).createReadReplica),
	"PromoteReadReplica":                   writes((*region).promoteReplica),
	"DescribeValidDBInstanceModifications": reads((*region).describeValidModifications),
	"CreateBlueGreenDeployment":            writes((*region).createDeployment),
	"DescribeBlueGreenDeployments":         reads((*region).describeDeployments),
	"SwitchoverBlueGreenDeployment":        writes((*region).switchover),
	"DeleteBlueGreenDeployment":            writes((*region).deleteDeployment),
	"CreateDBParameterGroup":               writes((*region).createParameterGroup),
	"CopyDBParameterGroup":                 writes((*region).copyParameterGroup),
	"ModifyDBParameterGroup":               writes((*region).modifyParameterGroup),
	"ResetDBParameterGroup":                writes((*region).resetParameterGroup),
	"DeleteDBParameterGroup":               writes((*region).deleteParameterGroup),
	"DescribeDBParameterGroups":            reads((*region).describeParameterGroups),
	"DescribeDBParameters":                 reads((*region).describeParameters),
	"DescribeEngineDefaultParameters":      reads((*region).describeEngineDefaults),
	"CreateOptionGroup":                    writes((*region).createOptionGroup),
	"ModifyOptionGroup":                    writes((*region).modifyOptionGroup),
	"DeleteOptionGroup":                    writes((*region).deleteOptionGroup),
	"DescribeOptionGroups":                 reads((*region).describeOptionGroups),
	"DescribeOptionGroupOptions":           reads((*region).describeOptionGroupOptions),
	"DescribeDBEngineVersions":             reads((*region).describeEngineVersions),
	"DescribeDBMajorEngineVersions":        reads((*region).describeMajorVersions),
	"DescribeOrderableDBInstanceOptions":   reads((*region).describeOrderable),
	"DescribeEvents":                       reads((*region).describeEvents),
	"DescribeDBLogFiles":                   reads((*region).describeLogFiles),
	"DownloadDBLogFilePortion":             reads((*region).downloadLog),
	"CreateDBSnapshot":                     writes((*region).createSnapshot),
	"DeleteDBSnapshot":                     writes((*region).deleteSnapshot),
	"DescribeDBSnapshots":                  reads((*region).describeSnapshots),
	"AddTagsToResource":                    writes((*region).addTags),
	"RemoveTagsFromResource":               writes((*region).removeTags),
	"ListTagsForResource":                  reads((*region).listTags),
	"AddRoleToDBInstance":                  writes((*region).addRole),
	"RemoveRoleFromDBInstance":             writes((*region).removeRole),
	"DescribeAccountAttributes":            reads((*region).describeAccountAttributes),
	"DescribeDBClusters":                   reads((*region).describeClusters),
	"DescribeDBProxies":                    reads((*region).describeProxies),
	"DescribeDBProxyTargetGroups":          reads((*region).describeProxyTargetGroups),
	"DescribeDBProxyTargets":               reads((*region).describeProxyTargets),
	"RegisterDBProxyTargets":               writes((*region).registerProxyTargets),
	"DescribeIntegrations":                 reads((*region).describeIntegrations),
	"DeleteIntegration":                    writes((*region).deleteIntegration),
	"DescribePendingMaintenanceActions":    reads((*region).describeMaintenance),
	"DescribeReservedDBInstances":          reads((*region).describeReserved),
	"DescribeCertificates":                 reads((*region).describeCertificates),
	"DescribeDBSubnetGroups":               reads((*region).describeSubnetGroups),
}

// Mutation is a changing call that RDS accepted or refused.
type Mutation struct {
	Time    time.Time         `json:"time"`
	Account string            `json:"account"`
	Region  string            `json:"region"`
	Action  string            `json:"action"`
	Params  map[string]string `json:"params"`
	Error   string            `json:"error,omitempty"` // wire code of the refusal
}

// caller is who signed a request.
type caller struct {
	at      Scope
	expired bool
	unknown bool // no credentials, or of an account that does not exist
}

// Reply is an answer of the simulation, before it is put on the wire.
type reply struct {
	nodes     []query.Node
	err       *query.Error
	requestID string
	dropped   bool // the connection is cut instead of an answer
	html      bool // not RDS answers
}

// call is one request of one caller: faults, throttle, then the action.
func (s *Sim) call(who caller, name string, p *query.Params) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	s.requests++
	out := reply{requestID: s.requestID()}
	if who.unknown {
		out.err = &query.Error{Code: "InvalidClientTokenId", Message: "The security token included in the request is invalid.", Status: 403}
		return out
	}
	c := s.count(who.at, name)
	c.Calls++
	if p.Has("Marker") && p.Str("Marker") != "" {
		c.Pages++
	}
	r := s.regionAt(who.at)
	o := occasion{at: who.at, databases: r.databasesOf(p), action: name, elapsed: s.simulated(s.now.Sub(s.started))}
	if s.before(&out, who, r, o) {
		return s.finish(out, c)
	}
	a, ok := actions[name]
	if !ok {
		out.err = query.Fault("InvalidAction", "The action %s is not valid for this web service.", name)
		return s.finish(out, c)
	}
	nodes, err := a.run(r, p)
	if err == nil {
		err = p.Err()
	}
	out.nodes, out.err = nodes, asFault(err)
	if a.mutates {
		s.record(who.at, name, p, out.err)
		out.dropped = out.err == nil && s.faults.strike(FaultLostAnswer, o) != nil
	}
	return s.finish(out, c)
}

// before answers requests that never reach the action.
func (s *Sim) before(out *reply, who caller, r *region, o occasion) bool {
	switch {
	case who.expired || s.faults.strike(FaultExpired, o) != nil:
		out.err = &query.Error{Code: "ExpiredToken", Message: "The security token included in the request is expired", Status: 403}
	case s.faults.strike(FaultHTML, o) != nil:
		out.html = true
	case !r.throttle.take(s.now, s.opts.Throttle) || s.faults.strike(FaultThrottle, o) != nil:
		out.err = query.Fault("ThrottlingException", "Rate exceeded")
	default:
		return s.brokenOrDenied(out, o)
	}
	return true
}

func (s *Sim) brokenOrDenied(out *reply, o occasion) bool {
	if f := s.faults.strike(FaultServerError, o); f != nil {
		out.err = &query.Error{Code: or(f.Code, "InternalFailure"), Message: or(f.Reason, "An internal error has occurred. Please try your query again at a later time."), Status: 500}
		return true
	}
	if s.faults.strike(FaultAccessDenied, o) != nil {
		out.err = &query.Error{Code: "AccessDenied", Status: 403,
			Message: "User: arn:aws:sts::" + o.at.Account + ":assumed-role/simulated/session is not authorized to perform: rds:" + o.action + " because no identity-based policy allows the rds:" + o.action + " action"}
		return true
	}
	return false
}

func (s *Sim) finish(out reply, c *CallCount) reply {
	if out.err != nil {
		c.Errors[out.err.Code]++
		if out.err.Code == "ThrottlingException" {
			c.Throttled++
		}
	}
	return out
}

func (s *Sim) record(at Scope, name string, p *query.Params, e *query.Error) {
	m := Mutation{Time: s.now, Account: at.Account, Region: at.Region, Action: name, Params: map[string]string{}}
	for k := range p.Form() {
		// Passwords never leave the request.
		if k != "Action" && k != "Version" && !strings.Contains(k, "Password") {
			m.Params[k] = p.Str(k)
		}
	}
	if e != nil {
		m.Error = e.Code
	}
	s.history = append(s.history, m)
}

// History lists the changing calls so far, refused ones included.
func (s *Sim) History() []Mutation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Mutation(nil), s.history...)
}

// HistorySince is History without its first calls.
func (s *Sim) HistorySince(first int) []Mutation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Mutation(nil), s.history[min(first, len(s.history)):]...)
}

// databasesOf names the database that a call is about, as far as it says so.
func (r *region) databasesOf(p *query.Params) []string {
	id := or(p.Str("DBInstanceIdentifier"), p.Str("SourceDBInstanceIdentifier"))
	for _, key := range []string{"Source", "ResourceName"} {
		if _, kind, name, ok := splitARN(p.Str(key)); ok && kind == "db" {
			id = name
		}
	}
	if d, ok := r.deploys.get(lower(p.Str("BlueGreenDeploymentIdentifier"))); ok && len(d.Members) > 0 {
		switch m := d.Members[0]; {
		case m.Blue != nil:
			id = m.Blue.ID
		case m.Green != nil: // old blue was deleted after the switchover
			id = m.Green.ID
		}
	}
	if id == "" {
		return nil
	}
	if i, ok := r.instances.get(lower(id)); ok {
		return []string{i.Origin, i.ID}
	}
	return []string{lower(id)}
}

func asFault(err error) *query.Error {
	if err == nil {
		return nil
	}
	if f, ok := err.(*query.Error); ok {
		return f
	}
	return &query.Error{Code: "InternalFailure", Message: err.Error(), Status: 500}
}
