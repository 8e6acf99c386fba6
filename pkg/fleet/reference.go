package fleet

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

// reference is what a scope offers, read once per run and kept.
type reference struct {
	versions   []bluegreen.EngineVersion
	lifecycles []bluegreen.Lifecycle
	quotas     []bluegreen.Quota
	orderable  map[string][]bluegreen.Orderable // by version
	groups     map[string]bluegreen.ParameterGroup
	options    map[string]bluegreen.OptionGroup
	parameters map[string][]bluegreen.Parameter // user-set, by group
	mu         sync.Mutex                       // guards options and parameters: prechecks read them while a tick adds some
	defaults   map[string][]bluegreen.Parameter // by family
	// around is nil when nobody can ask.
	around *bluegreen.Around
	// gaps says what could not be read, and why.
	gaps map[string]string
	// builtin says that versions are the built-in table's.
	builtin bool
	common  common
	// others counts instances of the quota that are not seen here (other engines).
	others *int

	// had are the parts that were read; passing are the gaps that throttling or
	// a server error made, which are read again, the next time at again.
	had, passing map[string]bool
	tries        int
	again        time.Time
	retry        bool // passing gaps are tried again in this read
	// healed counts gaps that were closed since the engine looked.
	healed int
}

// gapReads is how often a Region's offers are read at the start before the run
// goes on with a gap; gapTries how often more in the course of the run before a
// gap that may pass is taken for one that stays.
const gapReads, gapTries = 5, 12

func newReference() *reference {
	return &reference{orderable: map[string][]bluegreen.Orderable{}, groups: map[string]bluegreen.ParameterGroup{},
		options: map[string]bluegreen.OptionGroup{}, parameters: map[string][]bluegreen.Parameter{},
		defaults: map[string][]bluegreen.Parameter{}, gaps: map[string]string{}, had: map[string]bool{}, passing: map[string]bool{}}
}

// part reads a part of what the scope offers, once; what is refused or not
// implemented becomes a gap, not a failure, and is not asked for again. Wrong
// credentials end the run instead.
func (r *reference) part(what string, read func() error) error {
	if r.had[what] || r.gaps[what] != "" && !(r.passing[what] && r.retry) {
		return nil
	}
	if err := read(); err != nil {
		return r.gap(what, err)
	}
	if r.gaps[what] != "" {
		r.healed++
	}
	r.had[what] = true
	delete(r.gaps, what)
	delete(r.passing, what)
	return nil
}

// gap notes what could not be read.
func (r *reference) gap(what string, err error) error {
	f := faultOf(err)
	if f.Consequence == bluegreen.Fatal && f.Code != "AccessDenied" {
		return fmt.Errorf("read %s: %w", what, err)
	}
	r.gaps[what] = f.Error()
	delete(r.passing, what)
	if f.Consequence == bluegreen.Retry {
		r.passing[what] = true
	}
	return nil
}

// loading says what decides over a database's road and is still being read,
// "" when nothing is.
func (r *reference) loading() string {
	if r.tries >= gapTries {
		return ""
	}
	for _, what := range sortedKeys(r.passing) {
		if what != "support calendar" && what != bluegreen.AroundReserved {
			return "the " + what + " could not be read yet: " + r.gaps[what]
		}
	}
	return ""
}

// read reads what is missing of what the scope offers for the databases in it.
func (r *reference) read(ctx context.Context, sc Scope, p *plan.Plan, blues []*bluegreen.Instance) error {
	r.retry = true
	defer func() { r.retry = false }()
	for _, part := range []struct {
		what string
		read func() error
	}{
		{"engine versions", func() error {
			versions, err := sc.Offers.EngineVersions(ctx)
			if r.versions, r.builtin = versions, false; len(versions) == 0 {
				r.versions, r.builtin = bluegreen.BuiltinVersions(versionsOf(blues)...), true
			}
			return err
		}},
		{"support calendar", func() (err error) { r.lifecycles, err = sc.Offers.MajorVersions(ctx); return err }},
		{"account quotas", func() (err error) { r.quotas, err = sc.Offers.Quotas(ctx); return err }},
		{"parameter groups", func() error {
			groups, err := sc.Groups.ParameterGroups(ctx)
			for _, g := range groups {
				r.groups[g.Name] = g
			}
			return err
		}},
		{"option groups", func() error { return r.readOptions(ctx, sc) }},
	} {
		if err := r.part(part.what, part.read); err != nil {
			return err
		}
	}
	if err := r.readAround(ctx, sc); err != nil {
		return err
	}
	return r.readForHops(ctx, sc, p, blues)
}

func (r *reference) readOptions(ctx context.Context, sc Scope) error {
	options, err := sc.Groups.OptionGroups(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, g := range options {
		r.options[g.Name] = g
	}
	return err
}

// arounds are the parts that one call of Around reads.
var arounds = []string{bluegreen.AroundProxies, bluegreen.AroundIntegrations, bluegreen.AroundMaintenance, bluegreen.AroundReserved}

// readAround reads proxies, integrations, maintenance and reservations.
func (r *reference) readAround(ctx context.Context, sc Scope) error {
	again := r.around == nil
	for _, what := range arounds {
		again = again || r.passing[what]
	}
	if sc.Around == nil || !again {
		return nil
	}
	a := sc.Around.Around(ctx, true)
	r.around = &a
	for _, what := range arounds {
		if a.Unread[what] == nil {
			delete(r.had, what)
		}
		if err := r.part(what, func() error { return a.Unread[what] }); err != nil {
			return err
		}
	}
	return nil
}

func versionsOf(blues []*bluegreen.Instance) []string {
	var out []string
	for _, b := range blues {
		out = append(out, b.Version)
	}
	return out
}

// readForHops reads what the hops of the databases need: orderable classes by
// target version, user-set parameters by group, defaults by family.
func (r *reference) readForHops(ctx context.Context, sc Scope, p *plan.Plan, blues []*bluegreen.Instance) error {
	versions, groups, families := map[string]bool{}, map[string]bool{}, map[string]bool{}
	if err := r.readNewOptions(ctx, sc, blues); err != nil {
		return err
	}
	for _, b := range blues {
		hops, err := bluegreen.Route(b.Version, p.Target.EngineVersion, r.versions)
		if err != nil || len(hops) == 0 {
			continue
		}
		versions[hops[0].To] = true
		families[hops[0].Family] = true
		if b.ParameterGroup != "" {
			groups[b.ParameterGroup] = true
			if g, ok := r.groups[b.ParameterGroup]; ok {
				families[g.Family] = true
			}
		}
	}
	if g := p.Target.ParameterGroup; g != "translate" && g != "" {
		groups[g] = true
	}
	for _, v := range sortedKeys(versions) {
		if err := r.part("orderable classes for "+v, func() error {
			o, err := sc.Offers.Orderable(ctx, v)
			if err == nil {
				r.orderable[v] = o
			}
			return err
		}); err != nil {
			return err
		}
	}
	for _, g := range sortedKeys(groups) {
		if err := r.part("parameters of "+g, func() error {
			ps, err := sc.Groups.Parameters(ctx, g, "user")
			if err == nil {
				r.mu.Lock()
				r.parameters[g] = append([]bluegreen.Parameter{}, ps...)
				r.mu.Unlock()
			}
			return err
		}); err != nil {
			return err
		}
	}
	for _, f := range sortedKeys(families) {
		if f == "" {
			continue
		}
		if err := r.part("defaults of "+f, func() error {
			ps, err := sc.Groups.DefaultParameters(ctx, f)
			if err == nil {
				r.defaults[f] = ps
			}
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// readNewOptions reads the option groups again when a database has one that was
// not there before: ours, after its first hop.
func (r *reference) readNewOptions(ctx context.Context, sc Scope, blues []*bluegreen.Instance) error {
	unknown := map[string]bool{}
	for _, b := range blues {
		if _, ok := r.options[b.OptionGroup]; !ok && b.OptionGroup != "" && r.had["option groups"] {
			unknown[b.OptionGroup] = true
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	delete(r.had, "option groups")
	if err := r.part("option groups", func() error { return r.readOptions(ctx, sc) }); err != nil || !r.had["option groups"] {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for name := range unknown { // what is in no list is asked for once
		if _, ok := r.options[name]; !ok {
			r.options[name] = bluegreen.OptionGroup{Name: name}
		}
	}
	return nil
}

// optionGroup is safe beside a tick that reads more.
func (r *reference) optionGroup(name string) (bluegreen.OptionGroup, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	g, ok := r.options[name]
	return g, ok
}

// readPatiently reads what a scope offers again while throttling or a server
// error keeps a part of it away.
func (e *Engine) readPatiently(ctx context.Context, sc Scope, s *sight) (*reference, error) {
	ref := newReference()
	for try := 1; ; try++ {
		err := ref.read(ctx, sc, e.cfg.Plan, e.blues(sc.Key(), s))
		if err != nil || len(ref.passing) == 0 || try == gapReads {
			return ref, err
		}
		if err := e.cfg.Clock.Sleep(ctx, min(e.cfg.Plan.Run.Poll, 2*time.Second)); err != nil {
			return ref, err
		}
	}
}

// lookPatiently is the first look, made again while throttling or a server error
// keeps a scope away: a run does not begin without any of them.
func (e *Engine) lookPatiently(ctx context.Context) error {
	for try := 1; ; try++ {
		e.seen = e.lookAgain(ctx)
		passing := false
		for _, s := range e.seen {
			if s.err != nil {
				f := faultOf(s.err)
				passing = passing || f.Consequence == bluegreen.Retry && f.Code != "Unreachable" && f.Code != "Timeout"
			}
		}
		if !passing || try == gapReads {
			return nil
		}
		if err := e.cfg.Clock.Sleep(ctx, min(e.cfg.Plan.Run.Poll, 2*time.Second)); err != nil {
			return err
		}
	}
}

// refresh reads what hops that began since need, and closes gaps that may have
// passed; more and more seldom, and not for ever.
func (e *Engine) refresh(ctx context.Context) error {
	now := e.cfg.Clock.Now()
	for _, sc := range e.cfg.Scopes {
		s, ref := e.seen[sc.Key()], e.refs[sc.Key()]
		if s == nil || s.err != nil || ref == nil {
			continue
		}
		if len(ref.passing) == 0 {
			ref.tries, ref.again = 0, time.Time{}
		}
		var err error
		switch due := len(ref.passing) > 0 && ref.tries < gapTries && !now.Before(ref.again); {
		case due:
			ref.tries++
			ref.again = now.Add(min(5*time.Minute, e.cfg.Plan.Run.Poll<<min(ref.tries, 6)))
			err = ref.read(ctx, sc, e.cfg.Plan, e.blues(sc.Key(), s))
		default:
			if blues := e.freshBlues(sc.Key(), s); len(blues) > 0 {
				err = ref.readForHops(ctx, sc, e.cfg.Plan, blues)
			}
		}
		if err != nil {
			return err
		}
		if ref.healed > 0 || len(ref.passing) > 0 && ref.tries == gapTries {
			ref.healed = 0
			e.forget(sc.Key())
		}
	}
	return nil
}

// forget drops what was worked out for a scope's databases from what was not whole.
func (e *Engine) forget(scope string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for key := range e.resolver.cache {
		if strings.HasPrefix(key, scope+"/") {
			delete(e.resolver.cache, key)
		}
	}
	e.epoch++
}
