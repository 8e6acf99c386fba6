package plan

import (
	"testing"
	"time"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func clockAt(s string) Clock {
	c, err := ParseClock(s)
	if err != nil {
		panic(err)
	}
	return c
}

func window(loc *time.Location, from, to string, days ...time.Weekday) Window {
	return Window{Days: days, From: clockAt(from), To: clockAt(to), Location: loc}
}

// utc reads a moment.
func utc(t *testing.T, s string) time.Time {
	t.Helper()
	m, err := time.Parse("2006-01-02 15:04", s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// span is when switchovers are open, in UTC, as "from to".
type span struct{ from, to string }

func TestCalendar(t *testing.T) {
	berlin, newYork, lordHowe := zone(t, "Europe/Berlin"), zone(t, "America/New_York"), zone(t, "Australia/Lord_Howe")
	cases := []struct {
		name string
		s    Switchover
		from string // looked at from here on
		want []span // the next openings; an empty to never closes
	}{
		{"no window", Switchover{}, "2026-11-23 12:00", []span{{"2026-11-23 12:00", ""}}},
		{"whole day, every day", Switchover{Windows: []Window{window(berlin, "00:00", "24:00")}}, "2026-11-23 12:00", []span{{"2026-11-23 12:00", ""}}},
		{"a day of work", Switchover{Windows: []Window{window(berlin, "09:00", "17:00", time.Tuesday, time.Thursday)}}, "2026-11-23 12:00",
			[]span{{"2026-11-24 08:00", "2026-11-24 16:00"}, {"2026-11-26 08:00", "2026-11-26 16:00"}, {"2026-12-01 08:00", "2026-12-01 16:00"}}},
		{"already open", Switchover{Windows: []Window{window(time.UTC, "09:00", "17:00")}}, "2026-11-23 12:00",
			[]span{{"2026-11-23 12:00", "2026-11-23 17:00"}, {"2026-11-24 09:00", "2026-11-24 17:00"}}},
		{"to is not open any more", Switchover{Windows: []Window{window(time.UTC, "09:00", "17:00")}}, "2026-11-23 17:00",
			[]span{{"2026-11-24 09:00", "2026-11-24 17:00"}}},
		{"over midnight belongs to the day it begins", Switchover{Windows: []Window{window(time.UTC, "22:00", "04:00", time.Monday)}}, "2026-11-23 01:00",
			[]span{{"2026-11-23 22:00", "2026-11-24 04:00"}, {"2026-11-30 22:00", "2026-12-01 04:00"}}},
		{"over midnight into Monday", Switchover{Windows: []Window{window(time.UTC, "22:00", "04:00", time.Sunday)}}, "2026-11-23 01:00",
			[]span{{"2026-11-23 01:00", "2026-11-23 04:00"}}},
		{"until midnight", Switchover{Windows: []Window{window(time.UTC, "20:00", "24:00", time.Monday)}}, "2026-11-23 01:00",
			[]span{{"2026-11-23 20:00", "2026-11-24 00:00"}}},
		{"two windows that touch", Switchover{Windows: []Window{window(time.UTC, "20:00", "22:00"), window(time.UTC, "22:00", "23:00")}}, "2026-11-23 01:00",
			[]span{{"2026-11-23 20:00", "2026-11-23 23:00"}}},
		{"two zones", Switchover{Windows: []Window{window(newYork, "03:00", "04:00"), window(lordHowe, "03:00", "04:00")}}, "2026-11-23 00:30",
			[]span{{"2026-11-23 08:00", "2026-11-23 09:00"}, {"2026-11-23 16:00", "2026-11-23 17:00"}, {"2026-11-24 08:00", "2026-11-24 09:00"}}},

		// Berlin, 29 March 2026: 02:00 becomes 03:00 (01:00 UTC).
		{"gap night, window over the gap", Switchover{Windows: []Window{window(berlin, "01:00", "05:00")}}, "2026-03-28 12:00",
			[]span{{"2026-03-29 00:00", "2026-03-29 03:00"}, {"2026-03-29 23:00", "2026-03-30 03:00"}}},
		{"gap night, window inside the gap does not open", Switchover{Windows: []Window{window(berlin, "02:15", "02:45")}}, "2026-03-28 12:00",
			[]span{{"2026-03-30 00:15", "2026-03-30 00:45"}}},
		{"gap night, begins in the gap", Switchover{Windows: []Window{window(berlin, "02:30", "04:00")}}, "2026-03-28 12:00",
			[]span{{"2026-03-29 01:00", "2026-03-29 02:00"}}},
		{"gap night, ends in the gap", Switchover{Windows: []Window{window(berlin, "01:00", "02:30")}}, "2026-03-28 12:00",
			[]span{{"2026-03-29 00:00", "2026-03-29 01:00"}}},
		{"gap night, Sunday only, inside the gap", Switchover{Windows: []Window{window(berlin, "02:15", "02:45", time.Sunday)}}, "2026-03-23 12:00",
			[]span{{"2026-04-05 00:15", "2026-04-05 00:45"}}},
		// Berlin, 25 October 2026: 03:00 becomes 02:00 (01:00 UTC).
		{"overlap night, window over it is an hour longer", Switchover{Windows: []Window{window(berlin, "01:00", "05:00")}}, "2026-10-24 12:00",
			[]span{{"2026-10-24 23:00", "2026-10-25 04:00"}}},
		{"overlap night, window inside opens twice", Switchover{Windows: []Window{window(berlin, "02:15", "02:45")}}, "2026-10-24 12:00",
			[]span{{"2026-10-25 00:15", "2026-10-25 00:45"}, {"2026-10-25 01:15", "2026-10-25 01:45"}, {"2026-10-26 01:15", "2026-10-26 01:45"}}},
		{"overlap night, ends inside", Switchover{Windows: []Window{window(berlin, "01:00", "02:30")}}, "2026-10-24 12:00",
			[]span{{"2026-10-24 23:00", "2026-10-25 00:30"}, {"2026-10-25 01:00", "2026-10-25 01:30"}}},
		{"overlap night, begins inside", Switchover{Windows: []Window{window(berlin, "02:30", "03:30")}}, "2026-10-24 12:00",
			[]span{{"2026-10-25 00:30", "2026-10-25 01:00"}, {"2026-10-25 01:30", "2026-10-25 02:30"}}},
		{"overlap night, over midnight", Switchover{Windows: []Window{window(berlin, "22:00", "04:00", time.Saturday)}}, "2026-10-24 12:00",
			[]span{{"2026-10-24 20:00", "2026-10-25 03:00"}}},
		// Lord Howe shifts by half an hour: 5 April 2026, 02:00 becomes 01:30 (15:00 UTC on the 4th).
		{"half an hour of overlap", Switchover{Windows: []Window{window(lordHowe, "01:40", "01:50")}}, "2026-04-04 12:00",
			[]span{{"2026-04-04 14:40", "2026-04-04 14:50"}, {"2026-04-04 15:10", "2026-04-04 15:20"}, {"2026-04-05 15:10", "2026-04-05 15:20"}}},

		{"blackout counts the days of the window's zone", Switchover{Windows: []Window{window(newYork, "20:00", "02:00")},
			Blackout: []DateRange{{From: date("2026-12-24"), To: date("2026-12-25")}}}, "2026-12-23 12:00",
			[]span{{"2026-12-24 01:00", "2026-12-24 05:00"}, {"2026-12-26 05:00", "2026-12-26 07:00"}, {"2026-12-27 01:00", "2026-12-27 07:00"}}},
		{"blackout in UTC without windows", Switchover{Blackout: []DateRange{{From: date("2026-12-24"), To: date("2027-01-02")}}}, "2026-12-23 12:00",
			[]span{{"2026-12-23 12:00", "2026-12-24 00:00"}, {"2027-01-03 00:00", ""}}},
		{"a long blackout", Switchover{Windows: []Window{window(berlin, "01:00", "02:00", time.Monday)},
			Blackout: []DateRange{{From: date("2026-11-01"), To: date("2028-06-30")}}}, "2026-11-23 12:00",
			[]span{{"2028-07-02 23:00", "2028-07-03 00:00"}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			at := utc(t, c.from)
			for _, want := range c.want {
				opens, ok := c.s.NextOpen(at)
				if !ok || !opens.Equal(utc(t, want.from)) {
					t.Fatalf("NextOpen(%v) = %v, %v; want %v", at, opens.UTC(), ok, want.from)
				}
				if opens.After(at) && c.s.Open(opens.Add(-time.Second)) {
					t.Errorf("open before %v", opens.UTC())
				}
				closes, ok := c.s.Closes(opens)
				if want.to == "" {
					if ok {
						t.Errorf("Closes(%v) = %v, want never", opens, closes)
					}
					return
				}
				if !ok || !closes.Equal(utc(t, want.to)) {
					t.Fatalf("Closes(%v) = %v, %v; want %v", opens.UTC(), closes.UTC(), ok, want.to)
				}
				if c.s.Open(closes) || !c.s.Open(closes.Add(-time.Second)) {
					t.Errorf("%v is not the end", closes.UTC())
				}
				if got := c.s.OpenFor(opens); got != closes.Sub(opens) {
					t.Errorf("OpenFor = %v", got)
				}
				at = closes
			}
		})
	}
}

// TestFarAwayBlackouts would run into the test's time limit if every day of a
// century were looked at closely.
func TestFarAwayBlackouts(t *testing.T) {
	var s Switchover
	for h := range maxWindows {
		s.Windows = append(s.Windows, window(zone(t, "Europe/Berlin"), "00:00", "24:00", time.Weekday(h%7)))
	}
	s.Blackout = []DateRange{{From: date("2028-01-01"), To: date("2045-12-31")}}
	if at, ok := s.Closes(testNow); !ok || !at.Equal(utc(t, "2027-12-31 23:00")) {
		t.Errorf("Closes = %v, %v", at, ok)
	}
	if at, ok := s.NextOpen(utc(t, "2028-01-01 00:00")); !ok || !at.Equal(utc(t, "2045-12-31 23:00")) {
		t.Errorf("NextOpen = %v, %v", at, ok)
	}
}

func TestNeverOpen(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	s := Switchover{Windows: []Window{window(berlin, "01:00", "02:00")}, Blackout: []DateRange{{From: date("2026-01-01"), To: date("2199-12-31")}}}
	if at, ok := s.NextOpen(testNow); ok {
		t.Errorf("NextOpen = %v", at)
	}
	if at, closes := s.Closes(testNow); !closes || !at.Equal(testNow) {
		t.Errorf("Closes of a closed time = %v, %v", at, closes)
	}
	if s.OpenFor(testNow) != 0 {
		t.Error("OpenFor of a closed time is not 0")
	}
}

// TestCalendarAgreesWithTheClock walks a year in steps of five minutes and
// compares the edges that NextOpen and Closes name with Open itself.
func TestCalendarAgreesWithTheClock(t *testing.T) {
	s := Switchover{
		Windows: []Window{
			window(zone(t, "Europe/Berlin"), "22:00", "04:00", time.Friday, time.Saturday),
			window(zone(t, "America/Sao_Paulo"), "02:30", "02:35"),
			window(zone(t, "Pacific/Apia"), "00:00", "24:00", time.Wednesday),
		},
		Blackout: []DateRange{{From: date("2026-03-27"), To: date("2026-03-28")}},
	}
	start := utc(t, "2026-01-01 00:00")
	edge, open := start, s.Open(start)
	for at := start; at.Before(start.AddDate(1, 0, 0)); at = at.Add(5 * time.Minute) {
		if !at.After(edge) && at != start {
			if at.Equal(edge) {
				open = !open
			}
		}
		if s.Open(at) != open {
			t.Fatalf("at %v: open is %v, the named edge was %v", at, s.Open(at), edge)
		}
		if !at.Before(edge) {
			var ok bool
			if open {
				edge, ok = s.Closes(at)
			} else {
				edge, ok = s.NextOpen(at)
			}
			if !ok {
				t.Fatalf("no edge after %v", at)
			}
		}
	}
}
