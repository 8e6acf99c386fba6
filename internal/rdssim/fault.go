package rdssim

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"
)

// Faults is the content of a fault file. docs/rdssim.md is its reference.
type Faults struct {
	Faults []Fault `yaml:"faults"`
}

// Fault is something that goes wrong. Empty selectors match everything.
type Fault struct {
	Kind     string        `yaml:"kind"`
	Database string        `yaml:"database"` // glob over the primary's name in the fleet or the instance's current name
	Account  string        `yaml:"account"`
	Region   string        `yaml:"region"`
	Action   string        `yaml:"action"` // glob over API actions
	Rate     float64       `yaml:"rate"`   // share of the occasions, 0 means always
	Count    int           `yaml:"count"`  // at most so often in all, 0 means without limit
	Skip     int           `yaml:"skip"`   // the first matching occasions pass
	From     time.Duration `yaml:"from"`   // simulated time since the start
	For      time.Duration `yaml:"for"`    // how long from there, 0 means to the end
	Reason   string        `yaml:"reason"`
	Status   string        `yaml:"status"`
	Code     string        `yaml:"code"` // error code for server-error
}

// Kinds of faults.
const (
	FaultPrecheck     = "precheck-failure"    // green's own upgrade check fails
	FaultEndlessLag   = "endless-lag"         // green never catches up
	FaultSwitchover   = "switchover-timeout"  // switchover times out and is rolled back
	FaultGuardrail    = "guardrail"           // switchover is canceled before it begins
	FaultStuck        = "stuck-provisioning"  // a deployment never leaves PROVISIONING
	FaultFlapping     = "flapping"            // describe calls show a wrong status now and then
	FaultServerError  = "server-error"        // HTTP 500
	FaultThrottle     = "throttle"            // ThrottlingException
	FaultLostAnswer   = "lost-answer"         // the call takes effect, the connection drops
	FaultExpired      = "expired-credentials" // ExpiredToken
	FaultHTML         = "html"                // something that is not RDS answers
	FaultAccessDenied = "access-denied"       // AccessDenied for an action
)

var faultKinds = []string{FaultPrecheck, FaultEndlessLag, FaultSwitchover, FaultGuardrail, FaultStuck, FaultFlapping,
	FaultServerError, FaultThrottle, FaultLostAnswer, FaultExpired, FaultHTML, FaultAccessDenied}

// LoadFaults reads and checks a fault file. Unknown keys are errors.
func LoadFaults(name string) (*Faults, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open faults: %w", err)
	}
	defer f.Close()
	faults, err := ParseFaults(f)
	if err != nil {
		return nil, fmt.Errorf("read faults %s: %w", name, err)
	}
	return faults, nil
}

// ParseFaults is LoadFaults for an open file.
func ParseFaults(r io.Reader) (*Faults, error) {
	var f Faults
	dec := yaml.NewDecoder(r)
	dec.KnownFields(true)
	if err := dec.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if err := f.Validate(); err != nil {
		return nil, err
	}
	return &f, nil
}

// Validate reports everything that is wrong with the faults, joined.
func (f *Faults) Validate() error {
	var errs []error
	for n, fault := range f.Faults {
		bad := func(format string, args ...any) {
			errs = append(errs, fmt.Errorf("faults[%d]: "+format, append([]any{n}, args...)...))
		}
		if !slices.Contains(faultKinds, fault.Kind) {
			bad("unknown kind %q; known are %v", fault.Kind, faultKinds)
		}
		if fault.Rate < 0 || fault.Rate > 1 {
			bad("rate %g is not between 0 and 1", fault.Rate)
		}
		if fault.Count < 0 || fault.Skip < 0 || fault.From < 0 || fault.For < 0 {
			bad("count, skip, from and for must not be negative")
		}
		for _, glob := range []string{fault.Database, fault.Action} {
			if _, err := path.Match(glob, ""); err != nil {
				bad("pattern %q: %w", glob, err)
			}
		}
	}
	return errors.Join(errs...)
}

// occasion is where a fault may strike.
type occasion struct {
	at        Scope
	databases []string // names the database goes by
	action    string
	elapsed   time.Duration // simulated, since the start
}

type armed struct {
	Fault
	seen, fired int
	rnd         *rand.Rand
}

// injector decides whether a fault strikes.
type injector struct{ list []*armed }

func newInjector(f *Faults, seed uint64) *injector {
	in := &injector{}
	if f == nil {
		return in
	}
	for n, fault := range f.Faults {
		in.list = append(in.list, &armed{Fault: fault, rnd: rand.New(rand.NewPCG(seed, uint64(n)+1))})
	}
	return in
}

// strike returns the first fault of the kind that hits the occasion.
func (in *injector) strike(kind string, o occasion) *Fault {
	for _, a := range in.list {
		if a.Kind != kind || !a.matches(o) {
			continue
		}
		a.seen++
		if a.seen <= a.Skip || (a.Count > 0 && a.fired >= a.Count) {
			continue
		}
		if a.Rate > 0 && a.Rate < 1 && a.rnd.Float64() >= a.Rate {
			continue
		}
		a.fired++
		return &a.Fault
	}
	return nil
}

func (a *armed) matches(o occasion) bool {
	if (a.Account != "" && a.Account != o.at.Account) || (a.Region != "" && a.Region != o.at.Region) ||
		o.elapsed < a.From || (a.For > 0 && o.elapsed >= a.From+a.For) || !globbed(a.Action, o.action) {
		return false
	}
	return a.Database == "" || slices.ContainsFunc(o.databases, func(d string) bool { return globbed(a.Database, d) })
}

func globbed(pattern, name string) bool {
	if pattern == "" {
		return true
	}
	ok, err := path.Match(pattern, name)
	return err == nil && ok
}

// strikes asks for a fault of an instance in the model.
func (s *Sim) strikes(kind string, i *Instance, action string) *Fault {
	if len(s.faults.list) == 0 {
		return nil
	}
	return s.faults.strike(kind, occasion{at: i.Scope, databases: []string{i.Origin, i.ID}, action: action, elapsed: s.simulated(s.now.Sub(s.started))})
}

// FaultStatus says how often a fault met an occasion and struck.
type FaultStatus struct {
	Kind  string `json:"kind"`
	Seen  int    `json:"seen"`
	Fired int    `json:"fired"`
}

// FaultStatuses lists the armed faults in the order of their file.
func (s *Sim) FaultStatuses() []FaultStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]FaultStatus, 0, len(s.faults.list))
	for _, a := range s.faults.list {
		out = append(out, FaultStatus{a.Kind, a.seen, a.fired})
	}
	return out
}

// String names the fault for logs.
func (f Fault) String() string { return f.Kind + " " + f.Database + " x" + strconv.Itoa(f.Count) }
