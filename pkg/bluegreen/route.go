package bluegreen

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqlver"
)

// Hop is one deployment of a route: one step from a version to another.
type Hop struct {
	From   string `json:"from"`
	To     string `json:"to"`
	Family string `json:"family"` // target parameter group family, mysql8.0
}

// Latest asks Route for the newest line that can be reached.
const Latest = "latest"

// The ways in which Route finds no route.
var (
	// ErrUnknownVersion: RDS does not list the version. Deprecated minors that
	// still run are listed only when DescribeDBEngineVersions asks for all.
	ErrUnknownVersion = errors.New("version is not listed by RDS")
	// ErrNoRoute: no chain of valid upgrade targets leads there.
	ErrNoRoute = errors.New("no upgrade path")
)

// Route finds the fewest hops from one version to the wanted one along
// ValidUpgradeTarget, and among equally short routes the one over the newest
// patches. want is an exact version ("8.0.46"), a line ("8.4": its newest
// version that is offered and can be reached), or Latest (the same for the
// newest line that can be reached).
//
// A database that is there already, on the wanted line or on anything newer has
// an empty route: a campaign neither patches within a line that was asked for as
// a line, nor goes back. The errors are ErrUnknownVersion, ErrNoRoute, and
// strings that are no version.
func Route(from, want string, versions []EngineVersion) ([]Hop, error) {
	g := newVersionGraph(versions)
	start, err := mysqlver.Parse(from)
	if err != nil {
		return nil, fmt.Errorf("read the database's version: %w", err)
	}
	if want == Latest {
		return g.latest(start, from)
	}
	goal, err := mysqlver.Parse(want)
	if err != nil {
		return nil, fmt.Errorf("read the wanted version: %w", err)
	}
	wantsLine := goal.Patch < 0
	if wantsLine && (start.SameLine(goal) || goal.Before(start)) || !wantsLine && !start.Before(goal) {
		return nil, nil
	}
	if g.byName[from] == nil {
		return nil, fmt.Errorf("%s: %w", from, ErrUnknownVersion)
	}
	if wantsLine {
		return g.toLine(from, want)
	}
	if g.byName[want] == nil {
		return nil, fmt.Errorf("%s: %w%s", want, ErrUnknownVersion, g.offeredHint(goal))
	}
	if !g.offered(want) {
		return nil, fmt.Errorf("%s is deprecated, RDS does not create it any more%s: %w", want, g.offeredHint(goal), ErrNoRoute)
	}
	if hops := g.path(from)(want); hops != nil {
		return hops, nil
	}
	return nil, fmt.Errorf("from %s to %s: %w", from, want, ErrNoRoute)
}

// versionGraph is what RDS lists, ready to be searched.
type versionGraph struct {
	byName map[string]*EngineVersion
	// newest holds the parsable versions, newest first.
	newest []mysqlver.Version
}

func newVersionGraph(versions []EngineVersion) versionGraph {
	g := versionGraph{byName: make(map[string]*EngineVersion, len(versions))}
	for i := range versions {
		v, err := mysqlver.Parse(versions[i].Version)
		if err != nil {
			continue // a spelling we cannot order cannot be chosen either
		}
		if g.byName[versions[i].Version] == nil {
			g.newest = append(g.newest, v)
		}
		g.byName[versions[i].Version] = &versions[i]
	}
	slices.SortFunc(g.newest, func(a, b mysqlver.Version) int { return b.Compare(a) })
	return g
}

// offered tells that RDS would create the version today.
func (g versionGraph) offered(name string) bool {
	v := g.byName[name]
	return v != nil && !strings.EqualFold(v.Status, "deprecated")
}

// offeredHint names the newest version of a line, for an error text.
func (g versionGraph) offeredHint(of mysqlver.Version) string {
	for _, v := range g.newest {
		if v.SameLine(of) && g.offered(v.String()) {
			return fmt.Sprintf(" (the newest %s it offers is %s)", v.Line(), v)
		}
	}
	return ""
}

// latest routes to the newest line that can be reached.
func (g versionGraph) latest(start mysqlver.Version, from string) ([]Hop, error) {
	if g.byName[from] == nil {
		return nil, fmt.Errorf("%s: %w", from, ErrUnknownVersion)
	}
	to := g.path(from)
	for _, v := range g.newest {
		if v.SameLine(start) || v.Before(start) {
			break
		}
		if hops := to(v.String()); hops != nil {
			return hops, nil
		}
	}
	return nil, nil
}

// toLine routes to the newest version of a line that can be reached.
func (g versionGraph) toLine(from, line string) ([]Hop, error) {
	to := g.path(from)
	listed := false
	for _, v := range g.newest {
		if v.Line() != line {
			continue
		}
		listed = true
		if hops := to(v.String()); hops != nil {
			return hops, nil
		}
	}
	if !listed {
		return nil, fmt.Errorf("%s: %w", line, ErrUnknownVersion)
	}
	return nil, fmt.Errorf("from %s to %s: %w", from, line, ErrNoRoute)
}

// path searches breadth first from a version; the function it returns gives
// the hops to any version, nil when it was not reached.
func (g versionGraph) path(from string) func(to string) []Hop {
	parent := map[string]string{from: ""}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		for _, next := range g.targets(queue[0]) {
			if _, seen := parent[next]; !seen {
				parent[next] = queue[0]
				queue = append(queue, next)
			}
		}
	}
	return func(to string) []Hop {
		if _, ok := parent[to]; !ok {
			return nil
		}
		var hops []Hop
		for v := to; v != from; v = parent[v] {
			hops = append(hops, Hop{From: parent[v], To: v, Family: g.byName[v].Family})
		}
		slices.Reverse(hops)
		return hops
	}
}

// targets lists the versions that one deployment can reach, newest first.
func (g versionGraph) targets(from string) []string {
	v := g.byName[from]
	if v == nil {
		return nil
	}
	var out []mysqlver.Version
	for _, t := range v.UpgradeTargets {
		if p, err := mysqlver.Parse(t.Version); err == nil && g.offered(t.Version) {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b mysqlver.Version) int { return b.Compare(a) })
	names := make([]string, len(out))
	for i, p := range out {
		names[i] = p.String()
	}
	return names
}
