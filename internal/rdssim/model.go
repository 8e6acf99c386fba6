package rdssim

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"sync"
	"time"
)

// Scope is where a resource lives.
type Scope struct{ Account, Region string }

// Endpoints gives every instance name an address that can be dialled. Without
// it the model answers with names like those of RDS, which resolve nowhere.
type Endpoints interface {
	// Endpoint is the address of a name. It is asked on every describe and
	// must answer the same as long as the name is not released; ok is false
	// when no address can be given.
	Endpoint(at Scope, name string) (host string, port int, ok bool)
	// Release is called when the name does not exist any more.
	Release(at Scope, name string)
}

// Options steer a simulation. The zero value is a real-time simulation with
// AWS's published throttle.
type Options struct {
	Clock     Clock   // default SystemClock
	Speed     float64 // simulated seconds per second of the clock, default 1
	Seed      uint64  // the same seed, fleet and calls give the same history
	Faults    *Faults
	Endpoints Endpoints
	Throttle  Throttle // requests, in the clock's time
	Timing    *Timing  // default DefaultTiming
	// Data, if given, does for real what happens to servers.
	Data DataPlane
	// Leap adds upgrade targets that RDS does not offer: from a major to
	// another, for servers that are not of the versions they stand for.
	Leap map[string]string
}

// Sim is the simulated RDS. Its methods may be called from many goroutines.
type Sim struct {
	opts   Options
	timing Timing

	mu       sync.Mutex
	started  time.Time
	now      time.Time
	queue    schedule
	seq      int
	serial   int // of resources, for identifiers
	requests int
	accounts []*account
	regions  map[Scope]*region
	order    []Scope
	faults   *injector
	counters map[callKey]*CallCount
	history  []Mutation
	jobs     sync.WaitGroup // of the data plane
	darkness map[Name]time.Duration
}

type account struct {
	AccountSpec
	quotas map[string]int
}

// region is everything of one account in one Region.
type region struct {
	sim       *Sim
	at        Scope
	account   *account
	instances table[*Instance]
	deploys   table[*Deployment]
	touched   []*Deployment          // made or being deleted, in order
	stirred   []*Instance            // something began with it, in order
	names     map[string]*Deployment // by lower-case name: the idempotency key
	gib       int                    // allocated to all instances
	paramGrps table[*ParameterGroup]
	optGroups table[*OptionGroup]
	snapshots table[*DBSnapshot]
	proxies   table[*Proxy]
	links     table[*Integration]
	clusters  table[*Cluster]
	events    []Event
	index     eventIndex
	throttle  bucket
}

// New builds the simulation. The fleet must have been validated (LoadFleet and
// ParseFleet do).
func New(fleet *Fleet, opts Options) (*Sim, error) {
	if opts.Clock == nil {
		opts.Clock = SystemClock{}
	}
	if opts.Speed == 0 {
		opts.Speed = 1
	}
	if opts.Speed < 0 {
		return nil, fmt.Errorf("speed %g is negative", opts.Speed)
	}
	opts.Throttle = opts.Throttle.withDefaults()
	s := &Sim{opts: opts, timing: DefaultTiming(), regions: map[Scope]*region{}, counters: map[callKey]*CallCount{}, darkness: map[Name]time.Duration{}}
	if opts.Timing != nil {
		s.timing = *opts.Timing
	}
	s.now = opts.Clock.Now()
	s.started = s.now
	s.faults = newInjector(opts.Faults, opts.Seed)
	if err := s.build(fleet); err != nil {
		return nil, fmt.Errorf("build fleet: %w", err)
	}
	return s, nil
}

// random is a generator that depends on the seed and the given names only, so
// that the order of calls does not change what happens to one database.
func (s *Sim) random(parts ...string) *rand.Rand {
	h := fnv.New64a()
	for _, p := range parts {
		_, _ = h.Write([]byte(p)) // a hash never fails
		_, _ = h.Write([]byte{0})
	}
	return rand.New(rand.NewPCG(s.opts.Seed, h.Sum64()))
}

const idAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789"

func randomID(r *rand.Rand, n int) string {
	var b strings.Builder
	for range n {
		b.WriteByte(idAlphabet[r.IntN(len(idAlphabet))])
	}
	return b.String()
}

// nextSerial numbers new resources.
func (s *Sim) nextSerial() string {
	s.serial++
	return fmt.Sprint(s.serial)
}

func (s *Sim) accountOf(id string) *account {
	for _, a := range s.accounts {
		if a.ID == id {
			return a
		}
	}
	return nil
}

// regionAt returns the account's Region; one that the fleet does not name is
// empty, as a Region that nobody uses is.
func (s *Sim) regionAt(at Scope) *region {
	if r, ok := s.regions[at]; ok {
		return r
	}
	r := &region{sim: s, at: at, account: s.accountOf(at.Account), names: map[string]*Deployment{}}
	r.throttle = bucket{tokens: float64(s.opts.Throttle.Burst), at: s.now}
	r.addDefaultGroups()
	s.regions[at] = r
	s.order = append(s.order, at)
	return r
}

// arn is the name of a resource: kind is "db", "pg", "og", "deployment", ...
func (r *region) arn(kind, name string) string {
	return fmt.Sprintf("arn:aws:rds:%s:%s:%s:%s", r.at.Region, r.at.Account, kind, name)
}

// splitARN returns kind and name of an ARN of RDS.
func splitARN(arn string) (at Scope, kind, name string, ok bool) {
	p := strings.SplitN(arn, ":", 7)
	if len(p) != 7 || p[0] != "arn" || p[2] != "rds" {
		return Scope{}, "", "", false
	}
	return Scope{Account: p[4], Region: p[3]}, p[5], p[6], true
}
