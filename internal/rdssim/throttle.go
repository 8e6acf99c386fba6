package rdssim

import (
	"cmp"
	"slices"
	"time"
)

// Throttle is AWS's limit per account and Region, for all callers together.
type Throttle struct {
	Burst     int
	PerSecond float64
	Off       bool
}

func (t Throttle) withDefaults() Throttle {
	if t.Burst == 0 {
		t.Burst = 300
	}
	if t.PerSecond == 0 {
		t.PerSecond = 12
	}
	return t
}

// bucket is a token bucket that is refilled when it is asked.
type bucket struct {
	tokens float64
	at     time.Time
}

func (b *bucket) take(now time.Time, t Throttle) bool {
	if t.Off {
		return true
	}
	b.tokens = min(float64(t.Burst), b.tokens+now.Sub(b.at).Seconds()*t.PerSecond)
	b.at = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

type callKey struct {
	at     Scope
	action string
}

// CallCount says how often an action was called in one account and Region.
type CallCount struct {
	Account   string         `json:"account"`
	Region    string         `json:"region"`
	Action    string         `json:"action"`
	Calls     int            `json:"calls"`     // all requests, refused ones included
	Pages     int            `json:"pages"`     // requests that carried a Marker: second and later pages
	Throttled int            `json:"throttled"` // refused with ThrottlingException
	Errors    map[string]int `json:"errors,omitempty"`
}

func (s *Sim) count(at Scope, action string) *CallCount {
	k := callKey{at, action}
	c := s.counters[k]
	if c == nil {
		c = &CallCount{Account: at.Account, Region: at.Region, Action: action, Errors: map[string]int{}}
		s.counters[k] = c
	}
	return c
}

// Counters lists the calls so far by account, Region and action.
func (s *Sim) Counters() []CallCount {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]CallCount, 0, len(s.counters))
	for _, c := range s.counters {
		d := *c
		d.Errors = map[string]int{}
		for k, v := range c.Errors {
			d.Errors[k] = v
		}
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b CallCount) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Region, b.Region), cmp.Compare(a.Action, b.Action))
	})
	return out
}

// Calls is the number of requests of one action over all accounts and Regions.
func (s *Sim) Calls(action string) int {
	n := 0
	for _, c := range s.Counters() {
		if c.Action == action {
			n += c.Calls
		}
	}
	return n
}
