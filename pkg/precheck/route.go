package precheck

import (
	"fmt"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqlver"
)

// ladder are the lines that a server must not jump over: an upgrade goes from
// one long-term line to the next. Source: manual, "Upgrade Paths".
var ladder = []mysqlver.Version{
	mysqlver.MustParse("5.7"), mysqlver.MustParse("8.0"), mysqlver.MustParse("8.4"), mysqlver.MustParse("9.7"),
}

// RouteFor is the hops from a server's version to a target: 5.7 to 8.4 goes
// through the newest 8.0. A newer patch of the same line is one hop, the very
// same version none. A target that is older, or a version whose path is not
// known, is an error.
func RouteFor(source, target mysqlver.Version) ([]Hop, error) {
	first, last := ladder[0], mysqlver.Version{Major: 9, Minor: 1 << 20}
	if source.Before(first) || lineOf(last).Before(lineOf(source)) {
		return nil, fmt.Errorf("no upgrade path is known from MySQL %s", source)
	}
	if lineOf(last).Before(lineOf(target)) {
		return nil, fmt.Errorf("no upgrade path is known to MySQL %s", target)
	}
	if source.SameLine(target) {
		if target.Patch >= 0 && target.Before(source) {
			return nil, fmt.Errorf("MySQL %s is older than the server's %s", target, source)
		}
		if target.Compare(source) == 0 {
			return nil, nil
		}
		return []Hop{{From: source, To: target}}, nil
	}
	if target.Before(source) {
		return nil, fmt.Errorf("MySQL %s is older than the server's %s", target, source)
	}
	var route []Hop
	at := source
	for _, step := range ladder {
		if lineOf(at).Before(lineOf(step)) && lineOf(step).Before(lineOf(target)) {
			route = append(route, Hop{From: at, To: step})
			at = step
		}
	}
	return append(route, Hop{From: at, To: target}), nil
}

func lineOf(v mysqlver.Version) mysqlver.Version {
	return mysqlver.Version{Major: v.Major, Minor: v.Minor, Patch: -1}
}
