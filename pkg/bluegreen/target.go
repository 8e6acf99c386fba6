package bluegreen

// TargetPolicy is what the plan wants of every database.
type TargetPolicy struct {
	StorageType     string // gp3 or keep
	IOPS            int    // 0: keep, never lower than today's
	ThroughputMiBps int    // 0: keep, never lower than today's
	// RaiseTo400 lets a volume of 300 to 399 GiB grow to 400 GiB, which is where gp3 is four times as fast.
	RaiseTo400 bool
	ClassMode  string            // graviton, keep or map
	ClassMap   map[string]string // for map: class today -> class wanted
	Generation int               // Graviton generation: 6, 7 or 8; 0 is 7
	// ParameterGroup is a group's name, or "translate".
	ParameterGroup string
	Campaign       string
}

// Market is what RDS offers in a Region.
type Market struct {
	Versions  []EngineVersion
	Orderable []Orderable // for the hop's target version; nil: unknown
	// OneCallClass is what the campaign has learnt: does RDS accept 5.7 -> 8.0
	// and a Graviton class in one create call? nil: not known yet.
	OneCallClass *bool
}

// Target is what one hop makes of one database.
type Target struct {
	Version        string                 `json:"version"`
	Family         string                 `json:"family"`
	Class          string                 `json:"class"`
	Storage        StorageSpec            `json:"storage"` // zero fields are not sent
	ParameterGroup string                 `json:"parameter_group"`
	ReplicaClass   map[string]string      `json:"replica_class,omitempty"`   // by blue replica's id
	ReplicaStorage map[string]StorageSpec `json:"replica_storage,omitempty"` // by blue replica's id
	Notes          []string               `json:"notes,omitempty"`
	// CreateClass is the class to send in the create call; "": none, green keeps
	// blue's class and is modified later.
	CreateClass string `json:"create_class,omitempty"`
}

// ResolveTarget decides what the hop makes of a database.
func ResolveTarget(blue Instance, replicas []Instance, hop Hop, pol TargetPolicy, m Market) (Target, []Issue) {
	return Target{}, nil
}

// OffTarget lists in words what of an instance is not yet as the target wants.
// twin is the id of the blue replica that a green replica mirrors.
func (t Target) OffTarget(i Instance, primary bool, twin string) []string { return nil }

// GreenChange is the one modification that brings a green member to the
// target; nil when there is nothing to do.
func (t Target) GreenChange(green Instance, primary bool, twin string) *ModifySpec { return nil }
