package bluegreen

import (
	"slices"
	"strings"
)

// The severities of an Issue.
const (
	SeverityBlock = "block" // RDS would refuse, or the deployment would end in nothing
	SeverityWarn  = "warn"  // a person should know and decide
	SeverityNote  = "note"  // follows from the deployment, nothing to decide
)

// Issue is a blocker or a warning found before AWS hears of the database.
type Issue struct {
	ID       string `json:"id"`       // stable, kebab-case
	Severity string `json:"severity"` // block, warn or note
	// Code is the fault code that AWS would answer with, at create for what
	// blocks, at switchover for a warning; "": none.
	Code     string `json:"code,omitempty"`
	Message  string `json:"message"`
	Evidence string `json:"evidence,omitempty"`
	WayOut   string `json:"way_out,omitempty"`
	Source   string `json:"source,omitempty"`
}

// EligibilityFacts is everything that Eligibility judges.
type EligibilityFacts struct {
	Blue             Instance
	Replicas         []Instance
	Hop              Hop
	Target           Target
	BlueGroup        *ParameterGroup
	TargetGroup      *ParameterGroup
	BlueParameters   []Parameter
	TargetParameters []Parameter
	OptionGroup      *OptionGroup
	Versions         []EngineVersion
	Orderable        []Orderable
	Deployments      []Deployment
	OwnDeployment    string // our deterministic name
	Proxies          []string
	ProxyKnown       bool
	// ProxyDown lists proxies that do not reach the instance now.
	ProxyDown    []string
	Integrations []string
	// IntegrationsUnread and MaintenanceUnread: the list could not be read.
	IntegrationsUnread, MaintenanceUnread bool
	// PendingMaintenance lists the actions that DescribePendingMaintenanceActions shows.
	PendingMaintenance []string
	ExternalReplica    *bool    // nil: not known
	DumpClients        []string // readers of the binary log seen in the process list
	// NoWayBack: the plan arms no reverse replication.
	NoWayBack bool
	// TwoStepOption allows a custom option group: green is created at the old
	// version and upgraded afterwards.
	TwoStepOption bool
}

// rule is one entry of the eligibility table. check gives what it found, nil
// when all is well.
type rule struct {
	id, severity, code string
	title              string // what is wrong, without particulars
	wayOut, source     string
	check              func(f *EligibilityFacts) []finding
}

// finding is one thing that a rule found. message is empty where the rule's
// title says it all; severity is empty where it is the rule's.
type finding struct{ message, evidence, severity string }

func found(evidence string) []finding { return []finding{{evidence: evidence}} }

// when is a finding under a condition.
func when(cond bool, evidence string) []finding {
	if !cond {
		return nil
	}
	return found(evidence)
}

// eligibilityRules holds all rules in the order in which they are shown.
var eligibilityRules = slices.Concat(engineRules, deploymentRules, instanceRules, topologyRules, hopRules, groupRules, afterRules)

// Eligibility lists what stands in the way of a deployment, and what a person
// should know before, as far as read-only calls can tell. Blockers come first.
// What could not be read is a warning, never a pass.
func Eligibility(f EligibilityFacts) []Issue {
	var out []Issue
	for _, r := range eligibilityRules {
		for _, x := range r.check(&f) {
			severity := orElse(x.severity, r.severity)
			is := Issue{ID: r.id, Severity: severity, Code: r.code, Message: orElse(x.message, r.title),
				Evidence: x.evidence, WayOut: r.wayOut, Source: r.source}
			if severity != r.severity {
				is.Code = "" // a milder finding is one that AWS does not refuse
			}
			out = append(out, is)
		}
	}
	SortIssues(out)
	return out
}

// SortIssues puts blockers before warnings before notes and leaves the order
// otherwise.
func SortIssues(list []Issue) {
	slices.SortStableFunc(list, func(a, b Issue) int { return severityRank(a.Severity) - severityRank(b.Severity) })
}

func severityRank(s string) int {
	return slices.Index([]string{SeverityBlock, SeverityWarn, SeverityNote}, s)
}

// HasBlocker tells whether any issue blocks.
func HasBlocker(list []Issue) bool {
	return slices.ContainsFunc(list, func(i Issue) bool { return i.Severity == SeverityBlock })
}

// members lists blue and its replicas.
func (f *EligibilityFacts) members() []Instance { return append([]Instance{f.Blue}, f.Replicas...) }

// parameter looks a value up in a group's parameters; known is false when the
// group was not read or does not have it.
func parameter(list []Parameter, name string) (value string, known bool) {
	for _, p := range list {
		if normal(p.Name) == name {
			return p.Value, true
		}
	}
	return "", false
}

func joined(items []string) string { return strings.Join(items, ", ") }
