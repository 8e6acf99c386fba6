package rdssim

import (
	"errors"
	"maps"
	"net/url"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/query"
)

// ErrLostAnswer is what Ask returns when a call took effect and its answer was lost.
var ErrLostAnswer = errors.New("the connection broke before the answer was complete")

// Ask makes one call without HTTP: the children of the result element, or a
// *query.Error as it would stand on the wire. Faults and the throttle strike as
// they do over HTTP.
func (s *Sim) Ask(at Scope, action string, form url.Values) ([]query.Node, error) {
	if form == nil {
		form = url.Values{}
	}
	r := s.call(caller{at: at, unknown: s.accountOf(at.Account) == nil}, action, query.NewParams(form))
	switch {
	case r.dropped:
		return nil, ErrLostAnswer
	case r.html:
		return nil, &query.Error{Code: "NotRDS", Message: "the answer is a web page", Status: 200}
	case r.err != nil:
		return nil, r.err
	}
	return r.nodes, nil
}

// NextEvent is when the model will next change by itself; ok is false when
// nothing is under way.
func (s *Sim) NextEvent() (at time.Time, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		return time.Time{}, false
	}
	return s.queue[0].at, true
}

// EventsOf is DescribeEvents for one source, found by an index: campaigns of
// thousands of databases ask it once for each.
func (s *Sim) EventsOf(at Scope, kind, source string, since time.Time) ([]Event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	r := s.regionAt(at)
	if err := s.describes(at, r, "DescribeEvents", 1); err != nil {
		return nil, err
	}
	x := &r.index
	if len(r.events) < x.taken || x.taken > 0 && !x.first.Equal(r.events[0].Time) {
		*x = eventIndex{}
	}
	if x.by == nil {
		x.by = map[string][]int{}
	}
	for ; x.taken < len(r.events); x.taken++ {
		ev := r.events[x.taken]
		if x.taken == 0 {
			x.first = ev.Time
		}
		k := ev.SourceType + " " + ev.Source
		x.by[k] = append(x.by[k], x.taken)
	}
	var out []Event
	for _, n := range x.by[kind+" "+source] {
		if ev := r.events[n]; !ev.Time.Before(since) {
			out = append(out, ev)
		}
	}
	return out, nil
}

// eventIndex finds events by their source.
type eventIndex struct {
	taken int
	first time.Time
	by    map[string][]int
}

// Requests is how many calls the account made in the Region so far.
func (s *Sim) Requests(at Scope) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for k, c := range s.counters {
		if k.at == at {
			n += c.Calls
		}
	}
	return n
}

// Darkness is for how long switchovers kept clients from each database, in
// simulated time, failed attempts included.
func (s *Sim) Darkness() map[Name]time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.darkness)
}
