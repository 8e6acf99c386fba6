package bluegreen

// Hop is one deployment of a route: one step from a version to another.
type Hop struct {
	From   string `json:"from"`
	To     string `json:"to"`
	Family string `json:"family"` // target parameter group family, mysql8.0
}

// Route finds the hops from one version to a wanted one.
func Route(from, want string, versions []EngineVersion) ([]Hop, error) { return nil, nil }
