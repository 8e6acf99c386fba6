package fleet

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

// sight is one look at one scope.
type sight struct {
	instances map[string]*bluegreen.Instance
	// byDatabase finds the deployments that concern a database by its id.
	byDatabase map[string][]bluegreen.Deployment
	err        error
	kin        kin

	// Of a cloud that tells changes only: the databases concerned by the last
	// ones, all deployments by id, and whose database an instance belongs to.
	dirty       map[string]bool
	deployments map[string]bluegreen.Deployment
	owner       map[string]string
}

// look reads every scope at once: two describes each, however many databases.
// Deployments are read first, so that what the instances show is never older.
func look(ctx context.Context, scopes []Scope) map[string]*sight {
	seen := make(map[string]*sight, len(scopes))
	var mu sync.Mutex
	var g errgroup.Group
	for _, sc := range scopes {
		g.Go(func() error {
			s := &sight{}
			deps, err := sc.Cloud.Deployments(ctx)
			if err == nil {
				var list []bluegreen.Instance
				if list, err = sc.Cloud.Instances(ctx); err == nil {
					s.index(list, deps)
				}
			}
			s.err = err
			mu.Lock()
			seen[sc.Key()] = s
			mu.Unlock()
			return nil
		})
	}
	_ = g.Wait() // no function returns an error: each sight carries its own
	return seen
}

func (s *sight) index(list []bluegreen.Instance, deps []bluegreen.Deployment) {
	s.instances = make(map[string]*bluegreen.Instance, len(list))
	for i := range list {
		s.instances[list[i].ID] = &list[i]
		s.kin.add(&list[i])
	}
	s.byDatabase = map[string][]bluegreen.Deployment{}
	for _, d := range deps {
		for id := range concerned(d) {
			s.byDatabase[id] = append(s.byDatabase[id], d)
		}
	}
}

// concerned are the database ids that a deployment may be about: its source
// and target by name, with -oldN taken off, and what our tag says.
func concerned(d bluegreen.Deployment) map[string]bool {
	ids := map[string]bool{}
	for _, arn := range []string{d.Source, d.Target} {
		if arn == "" {
			continue
		}
		id := bluegreen.IDFromARN(arn)
		ids[id] = true
		if i := strings.LastIndex(id, "-old"); i > 0 && strings.Trim(id[i+4:], "0123456789") == "" {
			ids[id[:i]] = true
		}
	}
	if id := d.Tags[bluegreen.TagDatabase]; id != "" {
		ids[id] = true
	}
	return ids
}

// reference is what a scope offers, read once per run and kept.
type reference struct {
	versions   []bluegreen.EngineVersion
	lifecycles []bluegreen.Lifecycle
	quotas     []bluegreen.Quota
	orderable  map[string][]bluegreen.Orderable // by version
	groups     map[string]bluegreen.ParameterGroup
	options    map[string]bluegreen.OptionGroup
	parameters map[string][]bluegreen.Parameter // user-set, by group
	mu         sync.Mutex                       // guards parameters: prechecks read them while a tick adds some
	defaults   map[string][]bluegreen.Parameter // by family
	// around is nil when nobody can ask.
	around *bluegreen.Around
	// gaps says what could not be read, and why.
	gaps map[string]string
	// passing: a gap came from throttling or a server error.
	passing bool
	// builtin says that versions are the built-in table's.
	builtin bool
	// others counts instances of the quota that are not seen here (other engines).
	others *int
}

// readReference reads what the scope offers for the databases in it. What is
// refused or not implemented becomes a gap, not a failure.
func readReference(ctx context.Context, sc Scope, p *plan.Plan, blues []*bluegreen.Instance) (*reference, error) {
	r := &reference{orderable: map[string][]bluegreen.Orderable{}, groups: map[string]bluegreen.ParameterGroup{},
		options: map[string]bluegreen.OptionGroup{}, parameters: map[string][]bluegreen.Parameter{},
		defaults: map[string][]bluegreen.Parameter{}, gaps: map[string]string{}}
	var err error
	if r.versions, err = sc.Offers.EngineVersions(ctx); err != nil {
		if stop := r.gap("engine versions", err); stop != nil {
			return nil, stop
		}
	}
	if len(r.versions) == 0 {
		r.versions, r.builtin = bluegreen.BuiltinVersions(versionsOf(blues)...), true
	}
	if r.lifecycles, err = sc.Offers.MajorVersions(ctx); err != nil {
		if stop := r.gap("support calendar", err); stop != nil {
			return nil, stop
		}
	}
	if r.quotas, err = sc.Offers.Quotas(ctx); err != nil {
		if stop := r.gap("account quotas", err); stop != nil {
			return nil, stop
		}
	}
	if groups, err := sc.Groups.ParameterGroups(ctx); err != nil {
		if stop := r.gap("parameter groups", err); stop != nil {
			return nil, stop
		}
	} else {
		for _, g := range groups {
			r.groups[g.Name] = g
		}
	}
	if options, err := sc.Groups.OptionGroups(ctx); err != nil {
		if stop := r.gap("option groups", err); stop != nil {
			return nil, stop
		}
	} else {
		for _, g := range options {
			r.options[g.Name] = g
		}
	}
	if err := r.readAround(ctx, sc); err != nil {
		return nil, err
	}
	return r, r.readForHops(ctx, sc, p, blues)
}

// readAround reads proxies, integrations, maintenance and reservations.
func (r *reference) readAround(ctx context.Context, sc Scope) error {
	if sc.Around == nil {
		return nil
	}
	a := sc.Around.Around(ctx, true)
	r.around = &a
	for _, what := range sortedKeys(a.Unread) {
		if stop := r.gap(what, a.Unread[what]); stop != nil {
			return stop
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
		if _, ok := r.orderable[v]; ok {
			continue
		}
		o, err := sc.Offers.Orderable(ctx, v)
		if err != nil {
			if stop := r.gap("orderable classes for "+v, err); stop != nil {
				return stop
			}
			continue
		}
		r.orderable[v] = o
	}
	for _, g := range sortedKeys(groups) {
		if _, ok := r.parameters[g]; ok {
			continue
		}
		ps, err := sc.Groups.Parameters(ctx, g, "user")
		if err != nil {
			if stop := r.gap("parameters of "+g, err); stop != nil {
				return stop
			}
			continue
		}
		if ps == nil {
			ps = []bluegreen.Parameter{}
		}
		r.mu.Lock()
		r.parameters[g] = ps
		r.mu.Unlock()
	}
	for _, f := range sortedKeys(families) {
		if _, ok := r.defaults[f]; ok || f == "" {
			continue
		}
		ps, err := sc.Groups.DefaultParameters(ctx, f)
		if err != nil {
			if stop := r.gap("defaults of "+f, err); stop != nil {
				return stop
			}
			continue
		}
		r.defaults[f] = ps
	}
	return nil
}

// readNewOptions reads the option groups again when a database has one that was
// not there before: ours, after its first hop.
func (r *reference) readNewOptions(ctx context.Context, sc Scope, blues []*bluegreen.Instance) error {
	unknown := map[string]bool{}
	for _, b := range blues {
		if _, ok := r.options[b.OptionGroup]; !ok && b.OptionGroup != "" && r.gaps["option groups"] == "" {
			unknown[b.OptionGroup] = true
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	options, err := sc.Groups.OptionGroups(ctx)
	if err != nil {
		return r.gap("option groups", err)
	}
	for name := range unknown { // what is in no list is asked for once
		r.options[name] = bluegreen.OptionGroup{Name: name}
	}
	for _, g := range options {
		r.options[g.Name] = g
	}
	return nil
}

// gap notes what could not be read; wrong credentials end the run instead.
func (r *reference) gap(what string, err error) error {
	f := faultOf(err)
	if f.Consequence == bluegreen.Fatal && f.Code != "AccessDenied" {
		return fmt.Errorf("read %s: %w", what, err)
	}
	r.gaps[what] = f.Error()
	r.passing = r.passing || f.Consequence == bluegreen.Retry
	return nil
}

// gapReads is how often a Region's offers are read before a gap that may pass
// is taken for one that stays: what is missing then holds databases all run long.
const gapReads = 5

// readPatiently reads what a scope offers again while throttling or a server
// error keeps a part of it away.
func (e *Engine) readPatiently(ctx context.Context, sc Scope, s *sight) (*reference, error) {
	for try := 1; ; try++ {
		ref, err := readReference(ctx, sc, e.cfg.Plan, e.blues(sc.Key(), s))
		if err != nil || !ref.passing || try == gapReads {
			return ref, err
		}
		if err := e.cfg.Clock.Sleep(ctx, min(e.cfg.Plan.Run.Poll, 2*time.Second)); err != nil {
			return ref, err
		}
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
