package mysqlver

import "testing"

func TestParse(t *testing.T) {
	for _, tc := range []struct {
		in                         string
		major, minor, patch, build int
		line                       string
	}{
		{"5.7", 5, 7, -1, 0, "5.7"},
		{"5.7.44-log", 5, 7, 44, 0, "5.7"},
		{"5.7.44-RDS.20260212", 5, 7, 44, 20260212, "5.7"},
		{"5.7.44-rds.20260212", 5, 7, 44, 20260212, "5.7"},
		{"8.0.46", 8, 0, 46, 0, "8.0"},
		{"9.7.4-1+b1", 9, 7, 4, 0, "9.7"},
		{"5.7.mysql_aurora.2.11.4", 5, 7, -1, 0, "5.7"},
		{"8.4.7", 8, 4, 7, 0, "8.4"},
	} {
		v, err := Parse(tc.in)
		if err != nil {
			t.Errorf("Parse(%q): %v", tc.in, err)
			continue
		}
		if v.Major != tc.major || v.Minor != tc.minor || v.Patch != tc.patch || v.Build != tc.build || v.Line() != tc.line || v.String() != tc.in {
			t.Errorf("Parse(%q) = %#v, line %s", tc.in, v, v.Line())
		}
	}
	for _, bad := range []string{"", "8", "x.y", "8.", "8.0.4.6", "8.0.x", "-8.0", "5.7.44-RDS.x", "8.0.99999999999", "8.+1"} {
		if v, err := Parse(bad); err == nil {
			t.Errorf("Parse(%q) = %v, want an error", bad, v)
		}
	}
}

func TestOrder(t *testing.T) {
	asc := []string{"5.6.51", "5.7", "5.7.30", "5.7.44", "5.7.44-RDS.20250508", "5.7.44-RDS.20260212", "8.0", "8.0.11", "8.0.46", "8.4.7", "9.7.4"}
	for i := range asc {
		for j := range asc {
			if got, want := MustParse(asc[i]).Before(MustParse(asc[j])), i < j; got != want {
				t.Errorf("%s before %s = %v", asc[i], asc[j], got)
			}
		}
	}
	if !MustParse("8.0").AtLeast(8, 0, 46) || MustParse("8.0").AtLeast(8, 4, 0) || MustParse("8.0.13").AtLeast(8, 0, 14) {
		t.Error("AtLeast: a line counts as its newest patch")
	}
}
