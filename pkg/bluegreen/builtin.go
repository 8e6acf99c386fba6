package bluegreen

import (
	"fmt"
	"slices"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqlver"
)

// BuiltinVersionsDate is the day the built-in table of versions was compiled.
const BuiltinVersionsDate = "2026-11-23"

// builtinOffered are the versions that RDS for MySQL offered on
// BuiltinVersionsDate, by line, oldest first (endoflife.date's copy of the AWS
// calendar). 9.7 is left out: its path from 8.4 was not published then.
var builtinOffered = []struct {
	line     string
	versions []string
}{
	{"5.7", []string{"5.7.44", "5.7.44-RDS.20250508", "5.7.44-RDS.20250818", "5.7.44-RDS.20251212", "5.7.44-RDS.20260212"}},
	{"8.0", []string{"8.0.42", "8.0.43", "8.0.44", "8.0.45", "8.0.46"}},
	{"8.4", []string{"8.4.7", "8.4.8", "8.4.9", "8.4.10"}},
}

// BuiltinVersions stands in for DescribeDBEngineVersions where that call is not
// permitted or not implemented: the versions of BuiltinVersionsDate, and those
// that run in the fleet although they are not offered any more. Upgrades go
// forward within a line and one line ahead, as the user guide says; the table
// may lack a version that RDS offers by now, and RDS has the last word.
func BuiltinVersions(running ...string) []EngineVersion {
	var out []EngineVersion
	for n, l := range builtinOffered {
		for i, v := range l.versions {
			e := EngineVersion{Version: v, Family: "mysql" + l.line, Status: "available"}
			e.addTargets(l.versions[i+1:], false)
			e.nextLine(n)
			out = append(out, e)
		}
	}
	for _, v := range running {
		have := slices.ContainsFunc(out, func(e EngineVersion) bool { return e.Version == v })
		if e, ok := runningVersion(v); ok && !have {
			out = append(out, e)
		}
	}
	return out
}

// runningVersion is a version that is not offered any more, with where it leads.
func runningVersion(version string) (EngineVersion, bool) {
	v, err := mysqlver.Parse(version)
	if err != nil {
		return EngineVersion{}, false
	}
	for n, l := range builtinOffered {
		if l.line != v.Line() {
			continue
		}
		e := EngineVersion{Version: version, Family: "mysql" + l.line, Status: "deprecated"}
		for _, o := range l.versions {
			if olderThan(version, o) {
				e.addTargets([]string{o}, false)
			}
		}
		e.nextLine(n)
		return e, true
	}
	return EngineVersion{}, false
}

func (e *EngineVersion) nextLine(n int) {
	if n+1 < len(builtinOffered) {
		e.addTargets(builtinOffered[n+1].versions, true)
	}
}

func (e *EngineVersion) addTargets(versions []string, major bool) {
	for _, v := range versions {
		e.UpgradeTargets = append(e.UpgradeTargets, UpgradeTarget{Version: v, Major: major})
	}
}

// BuiltinVersionsSource is what an output says of the built-in versions.
func BuiltinVersionsSource() string {
	return fmt.Sprintf("built-in table of %s", BuiltinVersionsDate)
}

// BuiltinClassesSource is what an output says where no offer of classes was
// read: Graviton classes then follow AWS's table as this build knows it.
func BuiltinClassesSource() string {
	return fmt.Sprintf("built-in class table of %s, not checked for Region and zones", BuiltinVersionsDate)
}
