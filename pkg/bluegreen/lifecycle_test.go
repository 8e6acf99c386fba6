package bluegreen

import (
	"strings"
	"testing"
	"time"
)

func at(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

func TestSupport(t *testing.T) {
	tests := []struct {
		line, at     string
		phase        Phase
		since, until string
	}{
		{"5.7", "2024-02-29", PhaseStandard, "", "2024-02-29"},
		{"5.7", "2024-03-01", PhaseExtendedYr12, "2024-03-01", "2026-02-28"},
		{"5.7", "2026-02-28", PhaseExtendedYr12, "2024-03-01", "2026-02-28"},
		{"5.7", "2026-03-01", PhaseExtendedYr3, "2026-03-01", "2029-06-30"},
		{"5.7", "2029-06-30", PhaseExtendedYr3, "2026-03-01", "2029-06-30"},
		{"5.7", "2029-07-01", PhaseEnded, "2029-07-01", ""},
		{"8.0", "2026-07-31", PhaseStandard, "", "2026-07-31"},
		{"8.0", "2026-08-01", PhaseExtendedYr12, "2026-08-01", "2028-07-31"},
		{"8.0", "2028-08-01", PhaseExtendedYr3, "2028-08-01", "2029-07-31"},
		{"8.4", "2026-11-23", PhaseStandard, "", "2029-07-31"},
		{"9.7", "2026-11-23", PhaseUnknown, "", ""},
	}
	for _, tt := range tests {
		s := Support(tt.line, at(tt.at), nil)
		if s.Phase != tt.phase || dateOrNone(s.Since) != tt.since || dateOrNone(s.Until) != tt.until {
			t.Errorf("Support(%s, %s) = %s, %s to %s; want %s, %s to %s", tt.line, tt.at,
				s.Phase, dateOrNone(s.Since), dateOrNone(s.Until), tt.phase, tt.since, tt.until)
		}
	}
}

func dateOrNone(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateOnly)
}

// The API's dates win, and its ends are the last millisecond of a day.
func TestSupportFromAPI(t *testing.T) {
	api := []Lifecycle{
		{Line: "5.7", StandardEnd: at("2024-03-01").Add(-time.Millisecond),
			ExtendedStart: at("2024-03-01"), ExtendedEnd: at("2027-03-01").Add(-time.Millisecond), Source: "AWS"},
		{Line: "9.7", StandardEnd: at("2031-10-31"), Source: "AWS"},
	}
	if s := Support("5.7", at("2027-03-01"), api); s.Phase != PhaseEnded || s.Source != "AWS" {
		t.Errorf("5.7 after the API's end: %+v", s)
	}
	if s := Support("5.7", at("2024-03-01").Add(-time.Hour), api); s.Phase != PhaseStandard {
		t.Errorf("the last hour of standard support: %+v", s)
	}
	if s := Support("9.7", at("2026-11-23"), api); s.Phase != PhaseStandard {
		t.Errorf("9.7 known to the API: %+v", s)
	}
	if s := Support("9.7", at("2031-11-01"), api); s.Phase != PhaseEnded {
		t.Errorf("9.7 without Extended Support dates: %+v", s)
	}
	if s := Support("8.0", at("2026-11-23"), api); !strings.Contains(s.Source, "built-in") {
		t.Errorf("8.0 is not in the API's answer, source must say built-in: %+v", s)
	}
}

// Between the end of standard support and the first paid day AWS asks nothing.
func TestSupportGapIsFree(t *testing.T) {
	gap := []Lifecycle{{Line: "5.7", StandardEnd: at("2024-10-31"), ExtendedStart: at("2024-12-01"), ExtendedEnd: at("2029-06-30")}}
	s := Support("5.7", at("2024-11-15"), gap)
	if s.Phase != PhaseStandard || dateOrNone(s.Until) != "2024-11-30" {
		t.Errorf("gap: %+v", s)
	}
}
