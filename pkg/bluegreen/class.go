package bluegreen

// DeploymentName is the deterministic name of a database's deployment, and
// with it the idempotency key: CreateBlueGreenDeployment has no client token.
func DeploymentName(campaign, database, toVersion string) string { return "" }
