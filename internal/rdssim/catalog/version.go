// Package catalog is what RDS for MySQL offers: engine versions and the
// upgrades between them, support calendars, instance classes with the storage
// they can be ordered with, parameters of every family. It is dated data; the
// simulator's answers are made of it.
package catalog

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Version is one engine version of RDS for MySQL.
type Version struct {
	Name       string // "8.0.46", "5.7.44-RDS.20260212"
	Deprecated bool   // runs, but cannot be created; listed with IncludeAll only
}

// Major is a release line with its support calendar.
type Major struct {
	Name          string // "5.7"
	Family        string // parameter group family, "mysql5.7"
	StandardStart time.Time
	StandardEnd   time.Time
	ExtendedStart time.Time
	ExtendedEnd   time.Time
}

func day(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return time.Time{}
	}
	return t
}

// Majors is the support calendar. The dates of 9.7 were not published where we
// could read them: they stand empty and are left out of the answers.
var Majors = []Major{
	{"5.7", "mysql5.7", day("2016-02-22"), day("2024-02-29"), day("2024-03-01"), day("2029-06-30")},
	{"8.0", "mysql8.0", day("2018-10-23"), day("2026-07-31"), day("2026-08-01"), day("2029-07-31")},
	{"8.4", "mysql8.4", day("2024-11-21"), day("2029-07-31"), day("2029-08-01"), day("2032-07-31")},
	{"9.7", "mysql9.7", day("2026-08-20"), time.Time{}, time.Time{}, time.Time{}},
}

// Versions lists all engine versions in ascending order.
var Versions = buildVersions()

func buildVersions() []Version {
	lines := []struct {
		deprecated, available string
	}{
		{"5.7.33 5.7.34 5.7.36 5.7.37 5.7.38 5.7.39 5.7.40 5.7.41 5.7.42 5.7.43",
			"5.7.44 5.7.44-RDS.20250508 5.7.44-RDS.20250818 5.7.44-RDS.20251212 5.7.44-RDS.20260212"},
		{"8.0.28 8.0.30 8.0.32 8.0.33 8.0.34 8.0.35 8.0.36 8.0.37 8.0.39 8.0.40 8.0.41",
			"8.0.42 8.0.43 8.0.44 8.0.45 8.0.46"},
		{"8.4.3 8.4.4 8.4.5 8.4.6", "8.4.7 8.4.8 8.4.9 8.4.10"},
		{"", "9.7.1 9.7.2"},
	}
	var out []Version
	for _, l := range lines {
		for _, v := range strings.Fields(l.deprecated) {
			out = append(out, Version{v, true})
		}
		for _, v := range strings.Fields(l.available) {
			out = append(out, Version{v, false})
		}
	}
	return out
}

// Find returns the version of that exact name.
func Find(name string) (Version, bool) {
	i := slices.IndexFunc(Versions, func(v Version) bool { return v.Name == name })
	if i < 0 {
		return Version{}, false
	}
	return Versions[i], true
}

// MajorOf returns the release line of a version name: "5.7" of "5.7.44-RDS.20260212".
func MajorOf(version string) string {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return version
	}
	return parts[0] + "." + parts[1]
}

// FamilyOf returns the parameter group family of a version.
func FamilyOf(version string) string { return "mysql" + MajorOf(version) }

// DefaultOptionGroup is the name of the option group an instance of that
// version has when nobody chose one.
func DefaultOptionGroup(version string) string {
	return "default:mysql-" + strings.ReplaceAll(MajorOf(version), ".", "-")
}

// DefaultParameterGroup is the name of the family's default group.
func DefaultParameterGroup(version string) string { return "default." + FamilyOf(version) }

// Compare orders version names: numeric parts first, then the build date of
// RDS's own Extended Support builds.
func Compare(a, b string) int {
	na, ra := split(a)
	nb, rb := split(b)
	if c := slices.Compare(na, nb); c != 0 {
		return c
	}
	return strings.Compare(ra, rb)
}

func split(v string) ([]int, string) {
	base, build, _ := strings.Cut(v, "-RDS.")
	var nums []int
	for _, p := range strings.Split(base, ".") {
		n, err := strconv.Atoi(p)
		if err != nil {
			break
		}
		nums = append(nums, n)
	}
	return nums, build
}

// nextMajor is the one major step that RDS offers from each line. There is no
// step over a line: 5.7 never goes to 8.4 at once.
var nextMajor = map[string]string{"5.7": "8.0", "8.0": "8.4", "8.4": "9.7"}

// UpgradeTargets lists the versions that an instance of that version can be
// upgraded to, ascending.
func UpgradeTargets(from string) []Version {
	major := MajorOf(from)
	var out []Version
	for _, v := range Versions {
		if v.Deprecated {
			continue
		}
		m := MajorOf(v.Name)
		if (m == major && Compare(v.Name, from) > 0) || m == nextMajor[major] {
			out = append(out, v)
		}
	}
	return out
}
