package fleet

import (
	"strings"
	"sync"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// common keeps what many databases of a scope share: routes by version, and
// translations by parameter group. Thousands of databases have a handful of both.
type common struct {
	mu           sync.Mutex
	versions     []bluegreen.EngineVersion // that routes were made from
	routes       map[[2]string]routed
	translations map[translationKey]translated
}

type routed struct {
	hops []bluegreen.Hop
	err  error
}

type translationKey struct {
	group, from, to string
	eventsBack      bool
	events          string // event_scheduler as the server shows it
}

// translated is a translation with what it was made from.
type translated struct {
	user, from, to []bluegreen.Parameter
	translation    bluegreen.Translation
	issues         []bluegreen.Issue
}

// same tells whether two slices are one; what a scope offers is read once and
// then replaced, never changed in place.
func same[T any](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// route is bluegreen.Route over what the scope offers. The hops are not to be changed.
func (r *reference) route(from, want string) ([]bluegreen.Hop, error) {
	c := &r.common
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.routes == nil || !same(c.versions, r.versions) {
		c.versions, c.routes = r.versions, map[[2]string]routed{}
	}
	k := [2]string{from, want}
	found, ok := c.routes[k]
	if !ok {
		found.hops, found.err = bluegreen.Route(from, want, r.versions)
		c.routes[k] = found
	}
	return found.hops, found.err
}

// translation is bluegreen.TranslateParameters for a group of the scope.
func (r *reference) translation(in resolution, user []bluegreen.Parameter, from, to string) (bluegreen.Translation, []bluegreen.Issue) {
	c := &r.common
	c.mu.Lock()
	defer c.mu.Unlock()
	shown := ""
	if in.neighbours != nil {
		shown = in.neighbours.EventScheduler
	}
	k, now := translationKey{in.blue.ParameterGroup, from, to, in.eventsBack, shown}, translated{user: user, from: r.defaults[from], to: r.defaults[to]}
	if old, ok := c.translations[k]; ok && same(old.user, now.user) && same(old.from, now.from) && same(old.to, now.to) {
		return old.translation, old.issues
	}
	user = bluegreen.EventsBefore(bluegreen.ShownEvents(user, shown), in.plan.Name, in.blue.ParameterGroup, in.eventsBack)
	now.translation, now.issues = bluegreen.TranslateParameters(user, now.from, now.to, from, to, bluegreen.TranslatePolicy{WayBack: true})
	if c.translations == nil {
		c.translations = map[translationKey]translated{}
	}
	c.translations[k] = now
	return now.translation, now.issues
}

// name makes a deployment findable by its name, which RDS compares without case.
func (s *sight) name(d bluegreen.Deployment) {
	if s.byName == nil {
		s.byName = map[string][]bluegreen.Deployment{}
	}
	k := strings.ToLower(d.Name)
	s.byName[k] = append(s.byName[k], d)
}

// unname takes a deployment out of the names.
func (s *sight) unname(d bluegreen.Deployment) {
	k := strings.ToLower(d.Name)
	var rest []bluegreen.Deployment
	for _, o := range s.byName[k] {
		if o.ID != d.ID {
			rest = append(rest, o)
		}
	}
	if s.byName[k] = rest; rest == nil {
		delete(s.byName, k)
	}
}

// stranger is a deployment with the name that we would give to one of the
// database's, made for another; nil when there is none.
func (s *sight) stranger(name, id string) *bluegreen.Deployment {
	for _, d := range s.byName[strings.ToLower(name)] {
		if bluegreen.IDFromARN(d.Source) != id {
			return &d
		}
	}
	return nil
}
