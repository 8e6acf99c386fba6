// Package mysqlver parses and compares MySQL version strings, as servers
// (8.0.46-log, 10.6.1-MariaDB is refused elsewhere) and RDS (5.7.44-RDS.20260212)
// write them.
package mysqlver

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// Version is a MySQL server version. Patch is -1 where only a line such as
// "8.0" was given. Build is RDS's build of an Extended Support release: the
// date of 5.7.44-RDS.20260212, 0 for the community build.
type Version struct {
	Major, Minor, Patch int
	Build               int
	raw                 string
}

// Parse reads "5.7", "8.0.46", "8.0.46-log" or "5.7.44-RDS.20260212".
// Aurora's "5.7.mysql_aurora.2.11.4" parses as 5.7 with no patch.
func Parse(s string) (Version, error) {
	v := Version{Patch: -1, raw: s}
	num, suffix, _ := strings.Cut(s, "-")
	parts := strings.Split(num, ".")
	if len(parts) < 2 {
		return Version{}, fmt.Errorf("version %q is not of the form 8.0 or 8.0.46", s)
	}
	var err error
	if v.Major, err = number(parts[0]); err != nil {
		return Version{}, fmt.Errorf("version %q: major number %w", s, err)
	}
	if v.Minor, err = number(parts[1]); err != nil {
		return Version{}, fmt.Errorf("version %q: minor number %w", s, err)
	}
	if len(parts) > 2 && parts[2] != "mysql_aurora" {
		if v.Patch, err = number(parts[2]); err != nil {
			return Version{}, fmt.Errorf("version %q: patch number %w", s, err)
		}
		if len(parts) > 3 {
			return Version{}, fmt.Errorf("version %q has more than three numbers", s)
		}
	}
	if build, ok := strings.CutPrefix(strings.ToUpper(suffix), "RDS."); ok {
		if v.Build, err = number(build); err != nil {
			return Version{}, fmt.Errorf("version %q: RDS build %w", s, err)
		}
	}
	return v, nil
}

func number(s string) (int, error) {
	if s == "" || len(s) > 9 || strings.Trim(s, "0123456789") != "" {
		return 0, fmt.Errorf("%q is not a number", s)
	}
	return strconv.Atoi(s)
}

// MustParse is Parse for constants in tables; it panics on a bad one.
func MustParse(s string) Version {
	v, err := Parse(s)
	if err != nil {
		panic(err)
	}
	return v
}

// Line is the major line as AWS names it: "5.7", "8.0", "8.4".
func (v Version) Line() string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

// String is the version as it was written, or built from its numbers.
func (v Version) String() string {
	if v.raw != "" {
		return v.raw
	}
	if v.Patch < 0 {
		return v.Line()
	}
	s := fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch)
	if v.Build > 0 {
		s += fmt.Sprintf("-RDS.%d", v.Build)
	}
	return s
}

// IsZero tells the zero Version.
func (v Version) IsZero() bool { return v.Major == 0 && v.Minor == 0 }

// Compare orders versions; a line without a patch sorts before its patches.
func (v Version) Compare(w Version) int {
	return cmp.Or(cmp.Compare(v.Major, w.Major), cmp.Compare(v.Minor, w.Minor),
		cmp.Compare(v.Patch, w.Patch), cmp.Compare(v.Build, w.Build))
}

// Before tells whether v is older than w.
func (v Version) Before(w Version) bool { return v.Compare(w) < 0 }

// AtLeast tells whether v is major.minor.patch or newer. A line without a
// patch counts as its newest patch: a target of "8.0" will be a current 8.0.
func (v Version) AtLeast(major, minor, patch int) bool {
	p := v.Patch
	if p < 0 {
		p = 1 << 20
	}
	return cmp.Or(cmp.Compare(v.Major, major), cmp.Compare(v.Minor, minor), cmp.Compare(p, patch)) >= 0
}

// SameLine tells whether both are of one major line.
func (v Version) SameLine(w Version) bool { return v.Major == w.Major && v.Minor == w.Minor }

// MarshalText writes the version as String does.
func (v Version) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads what Parse reads.
func (v *Version) UnmarshalText(b []byte) error {
	p, err := Parse(string(b))
	if err != nil {
		return err
	}
	*v = p
	return nil
}
