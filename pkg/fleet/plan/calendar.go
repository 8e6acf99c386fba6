package plan

import (
	"slices"
	"time"
)

// Open tells whether a switchover may start at t. Windows go by the clock on
// the wall of their zone: a window is open whenever that clock shows a time
// from From up to To. In the night that skips an hour, a window inside that
// hour does not open; in the night that repeats one, it opens twice. Without
// windows it is always open, except on blackout days (then counted in UTC).
func (s Switchover) Open(t time.Time) bool {
	if len(s.Windows) == 0 {
		return !s.blackedOut(t.UTC())
	}
	return slices.ContainsFunc(s.Windows, func(w Window) bool {
		local := t.In(w.location())
		return w.shows(local) && !s.blackedOut(local)
	})
}

// NextOpen is the first moment from t on at which Open is true, t itself when
// it is open now. It is false when there is none: every window of the coming
// week is blacked out for good, or in the gap of a changing clock.
func (s Switchover) NextOpen(t time.Time) (time.Time, bool) {
	if s.Open(t) {
		return t, true
	}
	return s.next(t, true)
}

// Closes is the first moment after t at which Open is false: the end of the
// window that is open at t. It is false when it never closes. When t is not
// open it is t itself.
func (s Switchover) Closes(t time.Time) (time.Time, bool) {
	if !s.Open(t) {
		return t, true
	}
	return s.next(t, false)
}

// OpenFor is how long switchovers may still start from t on: 0 when closed,
// and a very long time when never closed. It looks two weeks ahead to say
// "never": ask once per tick, not once per database.
func (s Switchover) OpenFor(t time.Time) time.Duration {
	end, closes := s.Closes(t)
	if !closes {
		return 1<<63 - 1
	}
	return end.Sub(t)
}

func (w Window) location() *time.Location {
	if w.Location == nil {
		return time.UTC
	}
	return w.Location
}

// shows tells whether the local clock shows a time of the window.
func (w Window) shows(local time.Time) bool {
	minute := Clock(local.Hour()*60 + local.Minute())
	today := w.on(local.Weekday())
	if w.From < w.To {
		return today && minute >= w.From && minute < w.To
	}
	yesterday := w.on((local.Weekday() + 6) % 7)
	return today && minute >= w.From || yesterday && minute < w.To
}

func (w Window) on(d time.Weekday) bool { return len(w.Days) == 0 || slices.Contains(w.Days, d) }

func (s Switchover) blackedOut(local time.Time) bool {
	y, m, d := local.Date()
	today := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	return slices.ContainsFunc(s.Blackout, func(r DateRange) bool {
		return !today.Before(r.From.Time) && !today.After(r.To.Time)
	})
}

// next is the first moment after t at which Open becomes what is wanted. Open
// changes only at the edges of a local day: its midnight, From and To of a
// window, and where the zone's clock is changed; so those are tried in order,
// one day's length at a time.
func (s Switchover) next(t time.Time, want bool) (time.Time, bool) {
	for ahead := range s.horizon(t) {
		from := t.Add(time.Duration(ahead) * day)
		if s.nothingOn(from, ahead, want) {
			continue
		}
		var edges []time.Time
		for _, w := range s.windows() {
			// Zones differ in what day it is, and changing clocks in how long
			// a day is, so the neighbours are looked at too.
			for n := ahead - 1; n <= ahead+2; n++ {
				edges = append(edges, w.edges(t, n)...)
			}
		}
		slices.SortFunc(edges, time.Time.Compare)
		for _, e := range edges {
			if e.After(from) && !e.After(from.Add(day)) && s.Open(e) == want {
				return e, true
			}
		}
	}
	return time.Time{}, false
}

// nothingOn skips days that need no closer look, so that a freeze of years is
// cheap: days blacked out in every zone do not open; and what has stayed open
// for the first two weeks is closed by a blackout only.
func (s Switchover) nothingOn(from time.Time, ahead int, want bool) bool {
	black := 0
	for n := -1; n <= 2; n++ { // the dates that some zone may show within the day that begins at from
		if s.blackedOut(from.UTC().AddDate(0, 0, n)) {
			black++
		}
	}
	return want && black == 4 || !want && ahead >= settled && black == 0
}

// settled is how many days show all that recurs weekly, a night with a changing
// clock between them included.
const settled = 15

// windows are the plan's, or one that is always open.
func (s Switchover) windows() []Window {
	if len(s.Windows) > 0 {
		return s.Windows
	}
	return []Window{{To: 24 * 60, Location: time.UTC}}
}

// horizon is how many days to look ahead: what has not opened or closed within
// two weeks of the last blackout's end never will.
func (s Switchover) horizon(t time.Time) int {
	const longestSearch = 20 * 366
	end := t
	for _, r := range s.Blackout {
		if r.To.After(end) {
			end = r.To.Time
		}
	}
	return min(int(end.Sub(t)/day)+settled, longestSearch)
}

// edges are the moments of the local day, counted from t's, at which the
// window or a blackout may begin or end.
func (w Window) edges(t time.Time, ahead int) []time.Time {
	loc := w.location()
	y, m, d := t.In(loc).Date()
	var edges []time.Time
	for _, c := range []Clock{0, w.From, w.To} {
		guess := time.Date(y, m, d+ahead, int(c)/60, int(c)%60, 0, 0, loc)
		// Around a change of the clock the same reading has two moments, or
		// none; then the change itself is the edge.
		start, end := guess.ZoneBounds()
		edges = append(edges, guess)
		for _, change := range []time.Time{start, end} {
			if change.IsZero() || change.Sub(guess).Abs() > 2*day {
				continue
			}
			edges = append(edges, change)
			_, before := change.Add(-time.Second).Zone()
			_, after := change.Zone()
			shift := time.Duration(after-before) * time.Second
			edges = append(edges, guess.Add(shift), guess.Add(-shift))
		}
	}
	return edges
}
