package bluegreen

// Issue is a blocker or a warning found before AWS hears of the database.
type Issue struct {
	ID       string `json:"id"`             // stable, kebab-case
	Severity string `json:"severity"`       // block, warn or note
	Code     string `json:"code,omitempty"` // the fault code AWS would answer with; "": none
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
	Integrations     []string
	// PendingMaintenance lists the actions that DescribePendingMaintenanceActions shows.
	PendingMaintenance []string
	ExternalReplica    *bool    // nil: not known
	DumpClients        []string // readers of the binary log seen in the process list
	// TwoStepOption allows a custom option group: green is created at the old
	// version and upgraded afterwards.
	TwoStepOption bool
}

// Eligibility lists what stands in the way of a deployment.
func Eligibility(f EligibilityFacts) []Issue { return nil }
