package plan

import (
	"path"
	"slices"
	"time"
)

// The moments at which hooks are called.
const (
	BeforeBuild      = "before-build"
	AfterBuild       = "after-build"
	BeforeSwitchover = "before-switchover"
	AfterSwitchover  = "after-switchover"
	BeforeRollback   = "before-rollback"
	AfterRollback    = "after-rollback"
	BeforeWave       = "before-wave"
	AfterWave        = "after-wave"
)

// What a failing hook, or a drain that takes too long, does.
const (
	Veto     = "veto"
	Continue = "continue"
	Hold     = "hold"
	Go       = "go"
)

// Hook is a program or an address that is told of a moment, and asked before
// it. Exactly one of Command and URL is set.
type Hook struct {
	// Name is how people and overrides speak of it.
	Name string
	When string
	// Command is a program with its arguments; no shell is between.
	Command []string
	// PassEnv are environment variables that the program gets besides PATH, HOME,
	// LANG, TZ and TMPDIR.
	PassEnv []string
	URL     string
	// HMACEnv names the variable that holds the key for signing requests.
	HMACEnv string
	// Timeout bounds one call; Again is how long to wait after "not now".
	Timeout, Again time.Duration
	// OnFailure is veto or continue; "" is veto before a moment, continue after it.
	OnFailure string
	// Waves and Databases restrict it; empty: all. Databases are patterns.
	Waves, Databases []string
	Pos              Pos
}

// Vetoes tells whether the hook's no stops something.
func (h Hook) Vetoes() bool {
	if h.OnFailure == "" {
		return h.Before()
	}
	return h.OnFailure == Veto
}

// Before tells that the hook is asked before its moment.
func (h Hook) Before() bool {
	switch h.When {
	case BeforeBuild, BeforeSwitchover, BeforeRollback, BeforeWave:
		return true
	}
	return false
}

// HooksFor are the hooks of a moment of a database in a wave, in the file's
// order; id is "" for a wave's own moments.
func (p *Plan) HooksFor(when, wave, id string) []Hook {
	var out []Hook
	for _, h := range p.Hooks {
		if h.When == when && (len(h.Waves) == 0 || slices.Contains(h.Waves, wave)) && h.takes(id) {
			out = append(out, h)
		}
	}
	return out
}

func (h Hook) takes(id string) bool {
	if len(h.Databases) == 0 || id == "" {
		return true
	}
	return slices.ContainsFunc(h.Databases, func(g string) bool {
		ok, err := path.Match(g, id)
		return ok && err == nil
	})
}

// Drain waits before a switchover until blue is quiet.
type Drain struct {
	// Set tells that the plan asks for it.
	Set bool
	// MaxConnections and MaxTransactions are how many of the application's
	// connections, and of its open transactions, may be left.
	MaxConnections, MaxTransactions int
	// For is how long it must be so; Timeout ends the wait.
	For, Timeout time.Duration
	// OnTimeout is hold or go.
	OnTimeout string
}

// Smoke is a query that must answer on green before the switchover, and through
// the endpoint after it.
type Smoke struct {
	Name string
	// SQL is a single SELECT.
	SQL string
	// Schema is the default schema, "" for none.
	Schema string
	// Rows compares the number of rows: "rows>0"; "" when Value or SameAsBlue is asked.
	Rows string
	// Value is the first column of the only row, where HasValue.
	Value    string
	HasValue bool
	// SameAsBlue compares all rows with blue's, before the switchover; after it
	// the query must answer.
	SameAsBlue bool
	// MaxTime bounds the query.
	MaxTime time.Duration
	Pos     Pos
}

// Disk is the gate of free storage.
type Disk struct {
	// MinFree is the least free share of the storage, in percent.
	MinFree float64
	// Required: what cannot be read is a question, instead of a note.
	Required bool
}

// SoakPolicy says how a switched database is measured while it soaks.
type SoakPolicy struct {
	// Measure switches measuring on; it needs SQL.
	Measure bool
	Every   time.Duration
	// MaxErrorRate is the largest share of statements that may fail, above what
	// failed on blue; in percent.
	MaxErrorRate float64
	// MaxLatencyRatio is by how much the mean latency may be above blue's; 0: not compared.
	MaxLatencyRatio float64
	// MaxThreads bounds the threads running; 0: no bound.
	MaxThreads int
	// MaxAborted bounds aborted connects per minute, above blue's; 0: no bound.
	MaxAborted int
	// MaxReplicaLag is of the new server's read replicas, MaxReverseLag of old
	// blue while the way back is armed; 0: no bound.
	MaxReplicaLag, MaxReverseLag time.Duration
	// FailureLimit and InconclusiveLimit are how many samples in a row fail or hold it.
	FailureLimit, InconclusiveLimit int
}
