package plan

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// ParseDuration reads a Go duration that may begin with whole days: 7d, 1d12h,
// 90s. Negative durations are refused.
func ParseDuration(s string) (time.Duration, error) {
	days, rest, hasDays := strings.Cut(s, "d")
	if !hasDays {
		days, rest = "0", s
	}
	n, err := strconv.ParseUint(days, 10, 16)
	if err != nil || hasDays && n > 36500 {
		return 0, fmt.Errorf("duration %q: %q is no number of days", s, days)
	}
	total := time.Duration(n) * day
	if rest == "" && hasDays {
		return total, nil
	}
	d, err := time.ParseDuration(rest)
	if err != nil {
		return 0, fmt.Errorf("duration %q is not of the form 30s, 5m, 24h or 7d", s)
	}
	if d < 0 || strings.HasPrefix(rest, "+") || total+d < total {
		return 0, fmt.Errorf("duration %q is out of range", s)
	}
	return total + d, nil
}

// FormatDuration writes a duration as ParseDuration reads it, without empty parts.
func FormatDuration(d time.Duration) string {
	if d == 0 {
		return "0s"
	}
	var b strings.Builder
	if d >= day {
		fmt.Fprintf(&b, "%dd", d/day)
		d %= day
	}
	if d >= time.Hour {
		fmt.Fprintf(&b, "%dh", d/time.Hour)
		d %= time.Hour
	}
	if d >= time.Minute {
		fmt.Fprintf(&b, "%dm", d/time.Minute)
		d %= time.Minute
	}
	if d != 0 {
		b.WriteString(d.String())
	}
	return b.String()
}

// ParseDate reads a calendar day, 2027-01-31.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Date{}, fmt.Errorf("date %q is not of the form 2027-01-31", s)
	}
	if t.Year() < 2000 || t.Year() > 2200 {
		return Date{}, fmt.Errorf("date %q is not within 2000 to 2200", s)
	}
	return Date{t}, nil
}

// String is the day as ParseDate reads it, "" for none.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return d.Format(time.DateOnly)
}

// MarshalText writes what String does.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what ParseDate reads, and "" as no date.
func (d *Date) UnmarshalText(b []byte) (err error) {
	*d = Date{}
	if len(b) > 0 {
		*d, err = ParseDate(string(b))
	}
	return err
}

// ParseClock reads a time of day, 22:00; 24:00 is the end of the day.
func ParseClock(s string) (Clock, error) {
	if s == "24:00" {
		return 24 * 60, nil
	}
	if len(s) != len("22:00") {
		return 0, errClock
	}
	t, err := time.Parse("15:04", s)
	if err != nil {
		return 0, errClock
	}
	return Clock(t.Hour()*60 + t.Minute()), nil
}

var errClock = errors.New("a time of day is written 22:00")

// String is the time as ParseClock reads it.
func (c Clock) String() string { return fmt.Sprintf("%02d:%02d", int(c)/60, int(c)%60) }
