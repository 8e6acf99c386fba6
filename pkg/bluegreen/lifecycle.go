package bluegreen

import (
	"time"
)

// Phase is where a major line stands in its support calendar.
type Phase string

// The phases, in order. PhaseUnknown is the answer for a line without dates:
// it is never taken for support.
const (
	PhaseUnknown      Phase = "unknown"
	PhaseStandard     Phase = "standard"
	PhaseExtendedYr12 Phase = "extended-year-1-2" // paid Extended Support, first rate
	PhaseExtendedYr3  Phase = "extended-year-3"   // paid Extended Support, doubled rate
	PhaseEnded        Phase = "ended"             // AWS upgrades by itself
)

// Paid tells whether the phase costs the Extended Support fee.
func (p Phase) Paid() bool { return p == PhaseExtendedYr12 || p == PhaseExtendedYr3 }

// SupportState is a line's support at one moment.
type SupportState struct {
	Line  string `json:"line"`
	Phase Phase  `json:"phase"`
	// Since is the first day of the phase, Until its last; zero when unknown.
	Since time.Time `json:"since,omitzero"`
	Until time.Time `json:"until,omitzero"`
	// StandardEnd and ExtendedEnd are the last days of each kind of support.
	StandardEnd time.Time `json:"standard_end,omitzero"`
	ExtendedEnd time.Time `json:"extended_end,omitzero"`
	// YearThree is the first day of the doubled rate. RDS's API does not tell
	// it: it is two years after paid support begins.
	YearThree time.Time `json:"year_three,omitzero"`
	// Source says where the dates are from.
	Source string `json:"source"`
}

// BuiltinCalendarDate is the day the built-in table was compiled.
const BuiltinCalendarDate = "2026-11-23"

// builtinSource is what every row of the built-in table says of itself.
const builtinSource = "built-in table of " + BuiltinCalendarDate

// BuiltinCalendarSource is what an output says of the built-in calendar.
func BuiltinCalendarSource() string { return builtinSource }

// BuiltinLifecycles is the support calendar of RDS for MySQL as of
// BuiltinCalendarDate, for when DescribeDBMajorEngineVersions is not permitted
// or not implemented. Dates: AWS's announcement of MySQL 9.7 on RDS and the AWS
// calendar as mirrored by endoflife.date. 9.7 is left out: its dates were not
// published when the table was made. First days of standard support are left out:
// nothing depends on them.
func BuiltinLifecycles() []Lifecycle {
	return []Lifecycle{
		{Line: "5.7", StandardEnd: day(2024, 2, 29),
			ExtendedStart: day(2024, 3, 1), ExtendedEnd: day(2029, 6, 30), Source: builtinSource},
		{Line: "8.0", StandardEnd: day(2026, 7, 31),
			ExtendedStart: day(2026, 8, 1), ExtendedEnd: day(2029, 7, 31), Source: builtinSource},
		{Line: "8.4", StandardEnd: day(2029, 7, 31),
			ExtendedStart: day(2029, 8, 1), ExtendedEnd: day(2032, 7, 31), Source: builtinSource},
	}
}

// Support tells the support of a major line at a moment. The given lifecycles
// (from the API) win over the built-in table, line by line. End dates are last
// days: support ends when that day has passed in UTC.
func Support(line string, at time.Time, lifecycles []Lifecycle) SupportState {
	lc, ok := lifecycleOf(line, lifecycles)
	if !ok {
		lc, ok = lifecycleOf(line, BuiltinLifecycles())
	}
	if !ok {
		return SupportState{Line: line, Phase: PhaseUnknown,
			Source: "no dates: neither AWS nor the " + builtinSource + " knows the line"}
	}
	return supportAt(lc, at)
}

// lifecycleOf finds the line's entry that says when standard support ends;
// one without that date is of no use.
func lifecycleOf(line string, list []Lifecycle) (Lifecycle, bool) {
	for _, lc := range list {
		if lc.Line == line && !lc.StandardEnd.IsZero() {
			return lc, true
		}
	}
	return Lifecycle{}, false
}

func supportAt(lc Lifecycle, at time.Time) SupportState {
	s := SupportState{Line: lc.Line, Source: lc.Source, StandardEnd: dayOf(lc.StandardEnd)}
	paid := lc.ExtendedStart
	if paid.IsZero() && !lc.ExtendedEnd.IsZero() {
		paid = nextDay(lc.StandardEnd)
	}
	if !paid.IsZero() {
		paid = dayOf(paid)
		s.YearThree = paid.AddDate(2, 0, 0)
	}
	if !lc.ExtendedEnd.IsZero() {
		s.ExtendedEnd = dayOf(lc.ExtendedEnd)
		if s.YearThree.After(s.ExtendedEnd) {
			s.YearThree = time.Time{}
		}
	}
	switch {
	// A gap between the last standard day and the first paid one is free.
	case at.Before(nextDay(lc.StandardEnd)) || (!paid.IsZero() && at.Before(paid)):
		s.Phase, s.Since, s.Until = PhaseStandard, dayOf(lc.StandardStart), s.StandardEnd
		if !paid.IsZero() && paid.After(nextDay(s.StandardEnd)) {
			s.Until = paid.AddDate(0, 0, -1)
		}
	case paid.IsZero():
		s.Phase, s.Since = PhaseEnded, nextDay(lc.StandardEnd)
	case !s.ExtendedEnd.IsZero() && !at.Before(nextDay(s.ExtendedEnd)):
		s.Phase, s.Since = PhaseEnded, nextDay(s.ExtendedEnd)
	case !s.YearThree.IsZero() && !at.Before(s.YearThree):
		s.Phase, s.Since, s.Until = PhaseExtendedYr3, s.YearThree, s.ExtendedEnd
	default:
		s.Phase, s.Since, s.Until = PhaseExtendedYr12, paid, s.ExtendedEnd
		if !s.YearThree.IsZero() {
			s.Until = s.YearThree.AddDate(0, 0, -1)
		}
	}
	return s
}

func day(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

// dayOf is the UTC day of a moment; AWS sends ends as 23:59:59.999.
func dayOf(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return day(t.UTC().Year(), t.UTC().Month(), t.UTC().Day())
}

func nextDay(t time.Time) time.Time { return dayOf(t).AddDate(0, 0, 1) }
