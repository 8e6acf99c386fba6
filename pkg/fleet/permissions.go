package fleet

import (
	"context"
	"strings"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// Permissions is what the credentials may do in a scope, as far as it can be
// known without doing it.
type Permissions struct {
	Identity string       `json:"identity,omitempty"`
	Actions  []Permission `json:"actions"`
}

// Permission is one action's: allowed, refused or unknown. A policy that asks
// for tags refuses names that do not exist, so a probe's refusal is a hint.
type Permission struct {
	Action string `json:"action"`
	State  string `json:"state"`
	Why    string `json:"why,omitempty"`
}

// The states of a Permission.
const (
	Allowed = "allowed"
	Refused = "refused"
	Unknown = "unknown"
)

// Prober tries changes on names that do not exist: AWS looks at permissions
// first, so that "not found" means "allowed". Nothing is changed.
type Prober interface {
	Identity(context.Context) (string, error)
	// Probe tries with the tag that the campaign gives to what it makes.
	Probe(ctx context.Context, campaign string) map[string]error
}

// gapActions says which action each gap is about.
var gapActions = map[string]string{
	"engine versions": "rds:DescribeDBEngineVersions", "support calendar": "rds:DescribeDBMajorEngineVersions",
	"account quotas": "rds:DescribeAccountAttributes", "parameter groups": "rds:DescribeDBParameterGroups",
	"option groups": "rds:DescribeOptionGroups", "measured load": "cloudwatch:GetMetricData",
	bluegreen.AroundProxies: "rds:DescribeDBProxies", bluegreen.AroundIntegrations: "rds:DescribeIntegrations",
	bluegreen.AroundMaintenance: "rds:DescribePendingMaintenanceActions", bluegreen.AroundReserved: "rds:DescribeReservedDBInstances",
}

// gapPrefixes are the gaps that name what they are about.
var gapPrefixes = map[string]string{"orderable classes for ": "rds:DescribeOrderableDBInstanceOptions",
	"parameters of ": "rds:DescribeDBParameters", "defaults of ": "rds:DescribeEngineDefaultParameters"}

func gapAction(what string) string {
	if a := gapActions[what]; a != "" {
		return a
	}
	for prefix, a := range gapPrefixes {
		if strings.HasPrefix(what, prefix) {
			return a
		}
	}
	return ""
}

// permissions puts together what the reads showed and, when asked, the probes.
func (e *Engine) permissions(ctx context.Context, probe bool) map[string]Permissions {
	out := map[string]Permissions{}
	for _, sc := range e.cfg.Scopes {
		var p Permissions
		ref := e.refs[sc.Key()]
		if ref != nil {
			said := map[string]bool{}
			for _, what := range sortedKeys(ref.gaps) {
				if a := gapAction(what); a != "" && !said[a] {
					said[a] = true
					p.Actions = append(p.Actions, Permission{Action: a, State: stateOf(ref.gaps[what]), Why: ref.gaps[what]})
				}
			}
		}
		if probe {
			p.probe(ctx, sc, e.cfg.Plan.Name)
		}
		if len(p.Actions) > 0 {
			out[sc.Key()] = p
		}
	}
	return out
}

func (p *Permissions) probe(ctx context.Context, sc Scope, campaign string) {
	pr, ok := sc.Cloud.(Prober)
	if !ok {
		return
	}
	if id, err := pr.Identity(ctx); err == nil {
		p.Identity = id
	}
	tried := pr.Probe(ctx, campaign)
	for _, action := range sortedKeys(tried) {
		x := Permission{Action: action, State: Unknown}
		switch f := faultOf(orNothing(tried[action])); {
		case tried[action] == nil, strings.Contains(f.Code, "NotFound"):
			x.State = Allowed
		case isDenied(f.Code):
			x.State, x.Why = Refused, f.Error()+" (on a name that does not exist: a policy that asks for tags may still allow it)"
		default:
			x.Why = f.Error()
		}
		p.Actions = append(p.Actions, x)
	}
}

func orNothing(err error) error {
	if err == nil {
		return &bluegreen.Fault{}
	}
	return err
}

func isDenied(code string) bool {
	return strings.HasPrefix(code, "AccessDenied") || strings.HasPrefix(code, "Unauthorized") || code == "NotAuthorized"
}

func stateOf(why string) string {
	if strings.Contains(why, "AccessDenied") || strings.Contains(why, "not authorized") {
		return Refused
	}
	return Unknown
}
