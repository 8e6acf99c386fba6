package fleet

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

// Config is what an engine needs.
type Config struct {
	Plan   *plan.Plan
	Scopes []Scope
	SQL    SQL // nil: the plan gives no access
	Store  *Store
	Clock  Clock
	By     string
	Log    zerolog.Logger
	// Report is called after every tick with the campaign as it stands.
	Report func(Status)
	// Only limits a run to these databases (keys), for rollbacks; nil: all.
	Only map[string]bool
	// Saved, when set, is what must be done exactly: a database that is not as
	// it has it is blocked.
	Saved *SavedPlan
	// Workers bounds prechecks and other reads over SQL at once; 0 is 8.
	Workers int
	// Inline does every read and call one after the other, in a fixed order and
	// within the tick: for virtual time, which does not pass meanwhile.
	Inline bool
	// PrechecksPerTick bounds the prechecks that one tick of an Inline engine
	// does, since they take no time there; 0: no bound.
	PrechecksPerTick int
	// Frozen reads the plan's outside signal, nil: there is none to ask.
	Frozen func(context.Context, plan.Freeze) string
	// Hooks calls the plan's hooks; nil: none is called, as in every command that
	// only looks.
	Hooks func(context.Context, plan.Hook, HookCall) HookAnswer
	// Once looks and acts once instead of waiting: for scheduled jobs.
	Once bool
	// Rest is asked when the campaign moves no more by itself: true goes on,
	// after whatever it did. nil ends the run.
	Rest func(Status) bool
	// Held is told, before every pause, how many databases wait for which limit
	// and how long the pause is.
	Held func(limits map[Limit]int, pause time.Duration)
}

// Engine carries a campaign forward: observe, decide, act. It owns its
// goroutines; Run returns only after all of them ended.
type Engine struct {
	cfg      Config
	campaign *campaign
	resolver *resolver

	mu      sync.Mutex // guards what follows, and the store
	refs    map[string]*reference
	seen    map[string]*sight
	watch   map[string]bluegreen.Watch
	resting map[string]rest // after AWS asked to wait
	inWork  map[string]bool // key + work under way
	// workDone is the tick in which work of that key ended last.
	workDone map[string]int
	// patience counts, by key and work, reads that throttling or a passing state kept away.
	patience map[string]int
	ensured  map[string]bool // scope + parameter group known to be complete
	// wasReady are the databases that this run has seen ready itself.
	wasReady map[string]bool
	fatal    error
	// acted counts mutating calls of this run.
	acted int
	// kept are the units of the tick before, by member; epoch counts changes of
	// what all units rest on; fresh are the members derived anew in this tick.
	kept      []kept
	list      []unit
	briefs    []brief // of list
	epoch     int
	ticks     int
	frozen    string // what the outside signal said
	frozenAt  time.Time
	progress  progress
	prices    *bluegreen.Prices
	movers    []int           // were due in the tick before
	failed    map[string]bool // scopes that could not be read in the tick before
	timed     timers          // when kept units change by the clock
	lastEpoch int
	fresh     []int
	left      []string // by wave: a database that was approved and is in it no more
	turns     []int    // order of turns, nil when it must be worked out
	silent    bool     // nobody asked for a report of every tick
	// members are the keys of the campaign's databases; routed are the versions
	// and groups by scope whose references were read.
	members map[string]int
	routed  map[string]bool

	work  chan struct{} // a slot per precheck
	quick chan struct{} // a slot per short read
	group sync.WaitGroup
	locks keyedMutex
	// probes measure the downtime of switchovers under way.
	probes probes
	// gates remembers what the gates before a switchover said.
	gates gateKeeper
	// tells are the hooks that are being told of what has happened.
	tells teller
	// soaks are the databases that are measured while they soak.
	soaks soakKeeper
	// ways are the armed ways back.
	ways wayKeeper
	// checks are the long looks ahead of switchovers.
	checks checkKeeper
}

type rest struct {
	until time.Time
	tries int
}

// quickReads bounds the short questions to servers at once.
const quickReads = 32

// New makes an engine; it does nothing before Run or Survey.
func New(cfg Config) *Engine {
	if cfg.Clock == nil {
		cfg.Clock = WallClock{}
	}
	if cfg.Workers == 0 {
		cfg.Workers = 8
	}
	silent := cfg.Report == nil
	if silent {
		cfg.Report = func(Status) {}
	}
	return &Engine{cfg: cfg, silent: silent, prices: bluegreen.BuiltinPrices(), resolver: newResolver(cfg),
		refs: map[string]*reference{}, watch: map[string]bluegreen.Watch{}, resting: map[string]rest{},
		inWork: map[string]bool{}, workDone: map[string]int{}, patience: map[string]int{}, failed: map[string]bool{}, ensured: map[string]bool{},
		wasReady: map[string]bool{}, work: make(chan struct{}, cfg.Workers), quick: make(chan struct{}, quickReads)}
}

// ErrInterrupted says that the run stopped because it was asked to; the state is safe.
var ErrInterrupted = errors.New("interrupted; the state is safe, run again to go on")

// Run carries the campaign forward until it is done, or until only a person or
// a window can. When soft ends it starts nothing new, finishes what is in
// flight and returns ErrInterrupted; when ctx ends it gives up at once.
func (e *Engine) Run(ctx, soft context.Context) (Status, error) {
	if err := e.start(ctx); err != nil {
		return Status{}, err
	}
	if err := e.noteStart(); err != nil {
		return Status{}, err
	}
	carry := e.loop
	if e.cfg.Once {
		carry = e.once
	}
	st, err := carry(ctx, soft)
	e.group.Wait()
	err = errors.Join(err, e.endProbes())
	end := RunEnd{Outcome: st.Outcome, Resting: resting(st)}
	what := "run ended: " + string(st.Outcome)
	if err != nil {
		what = "run ended: " + err.Error()
	}
	return st, errors.Join(err, e.note(journal.RunEnd, what, end))
}

func (e *Engine) loop(ctx, soft context.Context) (Status, error) {
	for {
		units, sch, err := e.tick(ctx, soft)
		if err != nil {
			return e.lastStatus(units, sch), err
		}
		resting := sch.outcome != OutcomeRunning
		var st Status
		if !e.silent || resting || soft.Err() != nil {
			st = e.status(units, sch)
			e.cfg.Report(st)
		}
		switch {
		case soft.Err() != nil:
			return st, ErrInterrupted
		case resting && e.reverser() != nil:
			e.group.Wait() // the ways back are read once more before anything is said
			if e.ways.mayPass(e.cfg.Clock.Now()) {
				break
			}
			if st = e.status(units, sch); e.cfg.Rest == nil || !e.cfg.Rest(st) {
				return st, nil
			}
		case resting && (e.cfg.Rest == nil || !e.cfg.Rest(st)):
			return st, nil
		}
		pause := e.pause(units)
		if e.cfg.Held != nil {
			e.cfg.Held(sch.limits, pause)
		}
		if err := e.rest(ctx, soft, pause, units); err != nil && ctx.Err() != nil {
			return e.status(units, sch), ErrInterrupted
		}
	}
}

// lastStatus is the campaign as it was seen when a tick failed.
func (e *Engine) lastStatus(units []unit, sch schedule) Status {
	if units == nil {
		return Status{}
	}
	return e.status(units, sch)
}

// Survey looks once and changes nothing: for status, plan and reports.
func (e *Engine) Survey(ctx context.Context) (Status, error) {
	if err := e.start(ctx); err != nil {
		return Status{}, err
	}
	e.assumeReady()
	units := e.units()
	e.surveyWays(ctx, units)
	return e.status(units, e.input(nil).decide(units)), nil
}

// start makes the first look, reads what the Regions offer, and enlists.
func (e *Engine) start(ctx context.Context) error {
	if err := e.lookPatiently(ctx); err != nil {
		return err
	}
	var errs []error
	readable := 0
	for _, sc := range e.cfg.Scopes {
		if s := e.seen[sc.Key()]; s.err != nil {
			errs = append(errs, fmt.Errorf("read %s: %w", sc.Key(), s.err))
		} else {
			readable++
		}
	}
	if readable == 0 || len(errs) > 0 && e.cfg.Store.journal != nil && e.cfg.Only == nil {
		return errors.Join(errs...)
	}
	var err error
	if e.campaign, err = enlist(e.cfg.Plan, e.cfg.Scopes, e.seen, e.cfg.Store.mem); err != nil {
		return err
	}
	e.readNeighbours()
	if share := e.cfg.Store.Share; share != "" {
		e.campaign.members = slices.DeleteFunc(e.campaign.members, func(m member) bool { return !takes(share, e.cfg.Plan, m) })
		e.campaign.unassigned = nil
	}
	e.members, e.routed = map[string]int{}, map[string]bool{}
	for n, m := range e.campaign.members {
		e.members[m.key] = n
	}
	e.missed()
	return e.readReferences(ctx)
}

func (e *Engine) readReferences(ctx context.Context) error {
	var wg sync.WaitGroup
	errs := make([]error, len(e.cfg.Scopes))
	for n, sc := range e.cfg.Scopes {
		s := e.seen[sc.Key()]
		if s == nil || s.err != nil {
			continue
		}
		read := func() {
			ref, err := e.readPatiently(ctx, sc, s)
			errs[n] = err
			e.mu.Lock()
			e.refs[sc.Key()] = ref
			e.mu.Unlock()
		}
		if e.cfg.Inline {
			read()
			continue
		}
		wg.Go(read)
	}
	wg.Wait()
	return errors.Join(errs...)
}

// blues are the instances of the campaign's databases in a scope.
func (e *Engine) blues(scope string, s *sight) []*bluegreen.Instance {
	var out []*bluegreen.Instance
	for _, m := range e.campaign.members {
		if m.scope == scope && s.instances[m.id] != nil {
			out = append(out, s.instances[m.id])
		}
	}
	return out
}

// tick is one round: take requests in, look, decide, act.
func (e *Engine) tick(ctx, soft context.Context) ([]unit, schedule, error) {
	if err := e.collect(ctx); err != nil {
		return nil, schedule{}, err
	}
	seen := e.lookAgain(ctx)
	e.mu.Lock()
	e.seen = seen
	err := e.deadScope(seen)
	if err == nil {
		err = e.fatal
	}
	e.mu.Unlock()
	if err != nil {
		return nil, schedule{}, err
	}
	if err := e.refresh(ctx); err != nil {
		return nil, schedule{}, err
	}
	e.readFreeze(ctx)
	units := e.units()
	if err := errors.Join(e.journalStages(units), e.holdApprovals()); err != nil {
		return nil, schedule{}, err
	}
	sch := e.input(units).decide(units)
	e.progress.judge(&sch, units, e.cfg.Plan.Run.ProgressDeadline, e.cfg.Clock.Now())
	if sch.outcome != OutcomeAmbiguous && e.stillArming(units) {
		sch.outcome = OutcomeRunning
	}
	if soft.Err() != nil {
		return units, sch, nil
	}
	if err := errors.Join(e.readAll(ctx, soft, units, sch.work), e.tellHooks(ctx, units, sch)); err != nil {
		return units, sch, err
	}
	if e.tells.waits() && sch.outcome != OutcomeRunning {
		sch.moving, sch.outcome = true, OutcomeRunning
	}
	if err := errors.Join(e.probeAll(ctx, units, sch.act), e.watchWays(ctx, units), e.watchSoaks(ctx, units), e.watchChecks(ctx, soft, units)); err != nil {
		return units, sch, err
	}
	if err := e.carryOut(ctx, soft, units, sch.act); err != nil {
		return units, sch, err
	}
	going, err := e.cleanAll(ctx, soft, units)
	if going && (sch.outcome == OutcomeDone || sch.outcome == OutcomePartial) {
		sch.outcome = OutcomeRunning
	}
	return units, sch, err
}

// units puts together what is known of every database, and derives stages. The
// slice belongs to the engine, and is filled anew by the next call.
func (e *Engine) units() []unit {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.cfg.Clock.Now()
	all := !e.cfg.Inline || len(e.kept) != len(e.campaign.members)
	if all {
		e.kept, e.list = make([]kept, len(e.campaign.members)), make([]unit, len(e.campaign.members))
		e.briefs = make([]brief, len(e.campaign.members))
		e.turns = nil
	}
	e.fresh = e.fresh[:0]
	e.ticks++
	if all || e.epoch != e.lastEpoch {
		e.lastEpoch, e.timed, e.movers = e.epoch, nil, e.movers[:0]
		for n := range e.campaign.members {
			e.derive(n, now)
			e.movers = append(e.movers, n)
		}
	} else {
		for _, n := range e.due(now) {
			e.derive(n, now)
		}
	}
	e.cfg.Store.mem.touched = nil
	if e.turns == nil {
		e.turns = order(e.list)
	}
	return e.list
}

// derive works one member's unit out anew.
func (e *Engine) derive(n int, now time.Time) {
	k := &e.kept[n]
	if k.tick == e.ticks {
		return
	}
	u := e.unit(e.campaign.members[n], now)
	if old := &e.list[n]; old.size == 0 && u.size != 0 || k.tick == 0 {
		e.turns = nil
	} else if old.size != 0 {
		u.size, u.green = old.size, old.green // the order of turns does not follow a changed volume
	}
	e.list[n], e.briefs[n] = u, briefOf(&u)
	if e.cfg.Inline {
		*k = keep(&u)
		if !k.until.IsZero() {
			heap.Push(&e.timed, timer{k.until, n})
		}
	}
	k.tick = e.ticks
	e.fresh = append(e.fresh, n)
}

func (e *Engine) unit(m member, now time.Time) unit {
	u := unit{key: m.key, scope: m.scope, service: m.service, wave: m.wave, instances: 1}
	u.facts = bluegreen.Facts{Now: now, ID: m.id, Campaign: e.cfg.Plan.Name, Record: e.cfg.Store.mem.record(m.key),
		Watch: e.watch[m.key], Policy: policy(e.cfg.Plan, m.wave, e.cfg.SQL != nil)}
	s, ref := e.seen[m.scope], e.refs[m.scope]
	if s == nil || s.err != nil || ref == nil {
		u.unread = true
		u.state = bluegreen.State{Stage: bluegreen.Unobservable, Reason: "its account and Region could not be read", NextStep: "wait for the next read"}
		return u
	}
	var oneCall *bool
	if yes, known := e.cfg.Store.mem.oneCall[m.scope]; known {
		oneCall = &yes
	}
	res := e.resolver.of(m, s, ref, oneCall, eventsGivenBack(u.facts.Record, s.instances[m.id]))
	u.facts.Instances, u.facts.Deployments = s.around(m.id, u.facts.Record), s.byDatabase[m.id]
	u.facts.Hops, u.facts.RouteError = res.hops, res.routeE
	u.content = contentOf(s.instances[m.id], res)
	u.changed = e.changed(m, &u, u.content)
	u.facts.Options = res.options
	u.facts.Target, u.facts.Issues, u.facts.Group = res.target, res.issues, e.groupState(m.scope, res.group)
	switch wait := ref.loading(); {
	case len(ref.versions) == 0:
		u.facts.RouteError = ""
		u.facts.Loading = "the engine versions that RDS offers could not be read: " + ref.gaps["engine versions"]
	case wait != "" && (len(res.hops) > 0 || ref.passing["engine versions"]):
		u.facts.RouteError, u.facts.Loading = "", wait
	}
	if blue := s.instances[m.id]; blue != nil {
		u.size, u.green = blue.AllocatedGiB, res.minutes
		u.instances = 1 + len(blue.Replicas)
		if e.cfg.Plan.Run.MaxGreenCost > 0 || e.cfg.Plan.Run.MaxGreenAge > 0 {
			u.greenCost = dailyCost(blue, res.target, e.prices)
		}
	}
	if d := e.cfg.Store.mem.databases[m.key]; d != nil {
		u.pinned, u.drilled = d.pinned, d.drill != nil && d.drill.Passed
		u.busy = e.cfg.Hooks != nil && d.hooks.owes()
	}
	u.facts.Watch = bluegreen.Look(u.facts)
	e.watch[m.key] = u.facts.Watch
	u.state = bluegreen.Derive(u.facts)
	u.step = bluegreen.Next(u.facts, u.state)
	u.gateNo = e.gateNo(&u, now)
	if r, ok := e.resting[m.key]; ok && now.Before(r.until) {
		u.resting = true
	}
	u.busy = e.checks.busy(m.key)
	for _, w := range u.step.Work {
		u.busy = u.busy || w != bluegreen.WorkLag && e.inWork[m.key+string(w)]
	}
	return u
}

// groupState is the group with what this run has completed already.
func (e *Engine) groupState(scope string, g *bluegreen.GroupState) *bluegreen.GroupState {
	if g == nil || !e.ensured[scope+g.Spec.Name] {
		return g
	}
	return &bluegreen.GroupState{Spec: g.Spec, Exists: true}
}

// resting are the databases that nothing moves by itself, with their stage.
func resting(st Status) map[string]string {
	m := map[string]string{}
	for _, d := range st.Databases {
		switch bluegreen.Stage(d.Stage) {
		case bluegreen.Blocked, bluegreen.Held, bluegreen.Failed, bluegreen.RolledBack:
			m[d.Key()] = d.Stage
		}
	}
	return m
}

// Acted is how many mutating calls this run made.
func (e *Engine) Acted() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.acted
}
