package bluegreen

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// GateHealth is the gate that the samples of a soak are.
const GateHealth = "health of the new server"

// Health is what a server counted since it started, at one moment.
type Health struct {
	At     time.Time     `json:"at"`
	Uptime time.Duration `json:"uptime"`
	// Statements, Errors and Busy are those that ended, those of them that failed,
	// and the time that all took; they count nothing unless Instrumented, which
	// needs performance_schema.
	Instrumented bool          `json:"instrumented"`
	Statements   uint64        `json:"statements"`
	Errors       uint64        `json:"errors"`
	Busy         time.Duration `json:"busy"`
	// Aborted are connects that failed; Threads run now.
	Aborted uint64 `json:"aborted_connects"`
	Threads int    `json:"threads_running"`
}

// HealthRate is how a server did over a time.
type HealthRate struct {
	Over       time.Duration `json:"over"`
	Statements uint64        `json:"statements"`
	// ErrorShare is in percent; it and Latency, the mean time of a statement, mean
	// nothing without Statements.
	ErrorShare float64       `json:"error_share"`
	Latency    time.Duration `json:"latency"`
	// Aborted are connects that failed in a minute.
	Aborted float64 `json:"aborted_per_minute"`
}

// fewStatements are too few to compare; quickStatement is a mean latency that
// is good whatever it was before.
const fewStatements, quickStatement = 100, time.Millisecond

// Since is how the server did since an earlier reading; false when its counters
// began anew in between.
func (h Health) Since(was Health) (HealthRate, bool) {
	over := h.At.Sub(was.At)
	if over <= 0 || h.Uptime < was.Uptime || h.Statements < was.Statements || h.Errors < was.Errors || h.Busy < was.Busy || h.Aborted < was.Aborted {
		return HealthRate{}, false
	}
	return healthRate(over, h.Statements-was.Statements, h.Errors-was.Errors, h.Busy-was.Busy, h.Aborted-was.Aborted), true
}

func healthRate(over time.Duration, statements, errors uint64, busy time.Duration, aborted uint64) HealthRate {
	r := HealthRate{Over: over, Statements: statements}
	if statements > 0 {
		r.ErrorShare = float64(errors) / float64(statements) * 100
		r.Latency = busy / time.Duration(statements)
	}
	if over > 0 {
		r.Aborted = float64(aborted) / over.Minutes()
	}
	return r
}

// Baseline is what blue did before its switchover: between two readings where
// they span enough statements, else over all the time since it started.
func Baseline(first, last Health) HealthRate {
	if r, ok := last.Since(first); ok && r.Over >= time.Minute && r.Statements >= fewStatements {
		return r
	}
	return healthRate(last.Uptime, last.Statements, last.Errors, last.Busy, last.Aborted)
}

// String is the rate in words.
func (r HealthRate) String() string {
	s := fmt.Sprintf("%d statements in %s", r.Statements, r.Over.Round(time.Second))
	if r.Statements > 0 {
		s += fmt.Sprintf(", %.2f %% failed, %s each on average", r.ErrorShare, short(r.Latency))
	}
	return s + fmt.Sprintf(", %.1f aborted connects a minute", r.Aborted)
}

func short(d time.Duration) string { return d.Round(time.Microsecond).String() }

// SoakLimits are the limits of a soak; 0 is no bound but for the counts.
type SoakLimits struct {
	ErrorShare    float64 // percent above the baseline's
	LatencyRatio  float64
	Threads       int
	Aborted       int // a minute, above the baseline's
	ReplicaLag    time.Duration
	ReverseLag    time.Duration
	Failures      int // bad samples in a row
	Inconclusives int // samples in a row that could not be read
}

// HealthSample is one look at the new server.
type HealthSample struct {
	Health Reading[Health]
	// Replicas are the lags of its read replicas, by name.
	Replicas map[string]Lag
	// Reverse is the armed way back, nil when there is none.
	Reverse *Way
}

// Soak follows the samples of one soak. The zero Soak has seen none.
type Soak struct {
	last               *Health
	Samples, Bad       int // of all
	fails, unknown     int // in a row
	slowest            float64
	worst              time.Duration
	statements, failed uint64
}

// Take judges a sample against what blue did before, nil when that is not
// known. stop tells that so many in a row were bad, or could not be read, that
// the soak is over.
func (s *Soak) Take(x HealthSample, base *HealthRate, l SoakLimits) (g Gate, stop bool) {
	g = s.judge(x, base, l)
	s.Samples++
	switch g.Verdict {
	case GatePass:
		s.fails, s.unknown = 0, 0
	case GateFail:
		s.fails, s.Bad = s.fails+1, s.Bad+1
	default:
		s.unknown++
	}
	stop = s.fails >= max(1, l.Failures) || s.unknown >= max(1, l.Inconclusives)
	if stop {
		g.Final = true
		n, what := s.fails, "bad samples in a row"
		if g.Verdict == GateInconclusive {
			n, what = s.unknown, "samples in a row that could not be read"
		}
		g.Evidence = append(g.Evidence, fmt.Sprintf("%d %s", n, what))
	}
	return g, stop
}

// findings are what speaks against a sample, what could not be told, and the rest.
type findings struct{ bad, unknown, fine []string }

func (s *Soak) judge(x HealthSample, base *HealthRate, l SoakLimits) Gate {
	var f findings
	if x.Health.Err != "" {
		f.unknown = append(f.unknown, "it does not answer: "+x.Health.Err)
	} else {
		s.counters(&f, x.Health.Value, base, l)
	}
	f.lags(x, l)
	switch {
	case len(f.bad) > 0:
		return gate(GateHealth, GateFail, append(f.bad, f.unknown...)...)
	case len(f.unknown) > 0:
		return gate(GateHealth, GateInconclusive, f.unknown...)
	}
	return gate(GateHealth, GatePass, f.fine...)
}

// counters compares what the server counted since the last sample.
func (s *Soak) counters(f *findings, h Health, base *HealthRate, l SoakLimits) {
	was := s.last
	s.last = &h
	if l.Threads > 0 && h.Threads > l.Threads {
		f.bad = append(f.bad, fmt.Sprintf("%d threads run, the limit is %d", h.Threads, l.Threads))
	}
	if was == nil {
		f.fine = append(f.fine, "it answers; the first sample has nothing to count from")
		return
	}
	r, ok := h.Since(*was)
	if !ok {
		f.bad = append(f.bad, fmt.Sprintf("its counters began anew: it was restarted %s ago", h.Uptime.Round(time.Second)))
		return
	}
	f.fine = append(f.fine, r.String())
	s.statements += r.Statements
	s.failed += h.Errors - was.Errors
	before := HealthRate{}
	if base != nil {
		before = *base
	}
	if l.Aborted > 0 && r.Aborted > before.Aborted+float64(l.Aborted) {
		f.bad = append(f.bad, fmt.Sprintf("%.0f aborted connects a minute, %.1f on blue, the limit is %d more", r.Aborted, before.Aborted, l.Aborted))
	}
	if !h.Instrumented {
		f.fine = append(f.fine, "errors and latency are not known: performance_schema is off")
		return
	}
	if r.Statements < fewStatements {
		return
	}
	if l.ErrorShare > 0 && r.ErrorShare > before.ErrorShare+l.ErrorShare {
		f.bad = append(f.bad, fmt.Sprintf("%.2f %% of %d statements failed, %.2f %% on blue, the limit is %g %% more", r.ErrorShare, r.Statements, before.ErrorShare, l.ErrorShare))
	}
	s.latency(f, r, before, l)
}

// latency compares mean times: of blue where it was measured.
func (s *Soak) latency(f *findings, r, before HealthRate, l SoakLimits) {
	if before.Statements < fewStatements || before.Latency <= 0 {
		f.fine = append(f.fine, "latency is not compared: blue's is not known")
		return
	}
	ratio := float64(r.Latency) / float64(before.Latency)
	s.slowest, s.worst = max(s.slowest, ratio), max(s.worst, r.Latency)
	if l.LatencyRatio > 0 && ratio > l.LatencyRatio && r.Latency > quickStatement {
		f.bad = append(f.bad, fmt.Sprintf("a statement takes %s on average, %.1f times as long as on blue (%s), the limit is %g times", short(r.Latency), ratio, short(before.Latency), l.LatencyRatio))
	}
}

// lags judges the new server's read replicas, and old blue. A way back that is
// broken has an alarm of its own: the new server is none the worse for it.
func (f *findings) lags(x HealthSample, l SoakLimits) {
	for _, id := range slices.Sorted(maps.Keys(x.Replicas)) {
		switch lag := x.Replicas[id]; {
		case l.ReplicaLag <= 0:
		case !lag.Known:
			f.unknown = append(f.unknown, "the lag of its read replica "+id+" is not known: "+lag.Reason)
		case lag.Seconds > l.ReplicaLag.Seconds():
			f.bad = append(f.bad, fmt.Sprintf("its read replica %s is %.0f s behind, the limit is %s", id, lag.Seconds, l.ReplicaLag))
		}
	}
	if w := x.Reverse; w != nil && w.State == WayArmed && l.ReverseLag > 0 && w.Seconds > l.ReverseLag.Seconds() {
		f.bad = append(f.bad, fmt.Sprintf("old blue is %.0f s behind, the limit is %s", w.Seconds, l.ReverseLag))
	}
}

// Summary is the whole soak in one line.
func (s *Soak) Summary() string {
	parts := []string{fmt.Sprintf("%s, %d of them bad", plural(s.Samples, "sample"), s.Bad)}
	if s.statements > 0 {
		parts = append(parts, fmt.Sprintf("%s, %d failed", plural(int(s.statements), "statement"), s.failed))
	}
	if s.slowest > 0 {
		parts = append(parts, fmt.Sprintf("at worst %s a statement, %.1f times blue's", short(s.worst), s.slowest))
	}
	return strings.Join(parts, "; ")
}
