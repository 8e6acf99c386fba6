package bluegreen

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

const (
	// parametersPerCall is the most that one ModifyDBParameterGroup takes.
	parametersPerCall = 20
	maxGroupName      = 255
	maxDeployment     = 60
)

// ParameterGroupName is the deterministic name of a translated group. It holds
// a hash of the content: databases that share a group share its translation,
// and a group is never changed under those who use it, because other content
// has another name.
func ParameterGroupName(campaign, sourceGroup, family string, params []Parameter) string {
	lines := make([]string, 0, len(params)+1)
	for _, p := range params {
		lines = append(lines, p.Name+"="+p.Value)
	}
	slices.Sort(lines)
	sum := shortHash(append(lines, "family="+family)...)
	name := slug(strings.Join([]string{campaign, sourceGroup, family}, "-"))
	return strings.TrimRight(name[:min(len(name), maxGroupName-len(sum)-1)], "-") + "-" + sum
}

// OwnGroupName is the deterministic name of a group that one database has for
// itself, where a change must touch nobody else. purpose says why in a word or
// two, and stands at the end where no cut reaches it.
func OwnGroupName(campaign, database, family, purpose string, params []Parameter) string {
	lines := make([]string, 0, len(params)+1)
	for _, p := range params {
		lines = append(lines, p.Name+"="+p.Value)
	}
	slices.Sort(lines)
	end := "-" + slug(purpose) + "-" + shortHash(append(lines, "family="+family, "campaign="+campaign, "database="+database)...)
	name := slug(strings.Join([]string{campaign, database, family}, "-"))
	return strings.TrimRight(name[:min(len(name), maxGroupName-len(end))], "-") + end
}

// DeploymentName is the deterministic name of a database's deployment, and with
// it the idempotency key: CreateBlueGreenDeployment has no client token. It is
// 1 to 60 letters, digits and single hyphens and begins with a letter; where
// that meant cutting or replacing, a hash of the original keeps it unique.
func DeploymentName(campaign, database, toVersion string) string {
	whole := strings.Join([]string{campaign, database, toVersion}, "-")
	name := slug(whole)
	plain := strings.ReplaceAll(strings.ToLower(campaign+"-"+database), ".", "_") + "-" + strings.ReplaceAll(strings.ToLower(toVersion), ".", "-")
	if name == plain && len(name) <= maxDeployment {
		return name
	}
	sum := shortHash(campaign, database, toVersion)
	return strings.TrimRight(name[:min(len(name), maxDeployment-len(sum)-1)], "-") + "-" + sum
}

// slug keeps letters, digits and single hyphens, lower-case, letter first.
func slug(s string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(s) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	out := strings.Trim(b.String(), "-")
	if out == "" || out[0] < 'a' {
		out = strings.TrimRight("c-"+out, "-")
	}
	return out
}

// shortHash is the first eight hex digits over parts that cannot run together.
func shortHash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s;", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil))[:8]
}

// GroupActions are the calls that create a group and fill it, 20 parameters at
// a time.
func GroupActions(spec ParameterSpec) []Action {
	create := spec
	create.Parameters = nil
	out := []Action{{Kind: CreateParameterGroup, Group: &create, Why: "a group of family " + spec.Family + " for green"}}
	for chunk := range slices.Chunk(spec.Parameters, parametersPerCall) {
		out = append(out, Action{Kind: SetParameters, Group: &ParameterSpec{Name: spec.Name, Family: spec.Family, Parameters: chunk},
			Why: fmt.Sprintf("%d of %d parameters", len(chunk), len(spec.Parameters))})
	}
	return out
}
