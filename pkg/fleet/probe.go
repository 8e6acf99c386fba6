package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

// Pulser is an SQL that can hold a line to an endpoint, to feel whether
// clients could read and write through it.
type Pulser interface {
	Pulse(context.Context, Endpoint) (PulseLine, error)
}

// PulseLine is such a line: a connection that is made anew when it breaks.
type PulseLine interface {
	// Ask tells whether the server takes writes; an error means that not even
	// reads go through. kind names the error in a word or two, for counting.
	Ask(context.Context) (writable bool, kind string, err error)
	Close() error
}

const (
	// pulseEvery is the pace while all is well, pulseFast while it is not: the
	// end of a downtime is looked for more closely.
	pulseEvery, pulseFast = 100 * time.Millisecond, 20 * time.Millisecond
	// pulseTimeout is when a client would give up.
	pulseTimeout = time.Second
	// calm is how long writes must go through before a downtime counts as over.
	calm = time.Second
	// patience bounds the measuring after RDS says that it is done.
	patience = 2 * time.Minute
	// refusedAfter is when a switchover that RDS never began is not waited for.
	refusedAfter = 30 * time.Second
)

// Downtime is what clients of a database felt of a switchover, measured
// through its endpoint.
type Downtime struct {
	// From is when writes stopped, UTC.
	From time.Time `json:"from"`
	// Writes and Reads are how long neither went through, in seconds. Writes
	// are felt by read_only: nothing is written.
	Writes float64 `json:"writes_seconds"`
	Reads  float64 `json:"reads_seconds"`
	// Within is by how much Writes may be off, either way, in seconds.
	Within float64 `json:"within_seconds"`
	// Errors counts what a client saw, by kind.
	Errors map[string]int `json:"errors"`
	// AtLeast tells that the figures are lower bounds: nobody looked all the time.
	AtLeast bool `json:"at_least,omitempty"`
	// Note says what limits the measurement, if anything does.
	Note string `json:"note,omitempty"`
}

const factDowntime = "downtime"

// downtimeData is the fact's entry in the journal.
type downtimeData struct {
	Name string `json:"name"`
	// Of is what it was felt of: "" a switchover, go-back the way back.
	Of string `json:"of,omitempty"`
	Downtime
	// Unknown is why there is no measurement.
	Unknown string `json:"unknown,omitempty"`
}

// foldDowntime takes the measurement of the last switchover in.
func (d *dbMemory) foldDowntime(e journal.Entry, name string) {
	if name != factDowntime {
		return
	}
	var data downtimeData
	if json.Unmarshal(e.Data, &data) != nil {
		return
	}
	if data.Of == ofGoBack {
		d.backDowntime = &data.Downtime
		return
	}
	d.downtime, d.unmeasured, d.gaugedAt = &data.Downtime, data.Unknown, e.At
	if data.Unknown != "" {
		d.downtime = nil
	}
}

// gauge adds up the times in which something did not go through. It is pure:
// it knows only what it is told.
type gauge struct {
	lastGood, firstBad, lastBad time.Time
	began                       time.Time // the first downtime's beginning
	total, within               time.Duration
}

// take takes one observation in. Between a good and a bad one the truth lies
// anywhere, so the middle is taken, and half the gap is the error.
func (g *gauge) take(at time.Time, good bool) {
	switch {
	case good && g.firstBad.IsZero():
		g.lastGood = at
	case good:
		from, slack := g.start()
		half := at.Sub(g.lastBad) / 2
		g.total += g.lastBad.Add(half).Sub(from)
		g.within += slack + half
		g.firstBad, g.lastBad, g.lastGood = time.Time{}, time.Time{}, at
	default:
		if g.firstBad.IsZero() {
			g.firstBad = at
			if g.began.IsZero() {
				g.began, _ = g.start()
			}
		}
		g.lastBad = at
	}
}

func (g *gauge) start() (at time.Time, slack time.Duration) {
	if g.lastGood.IsZero() {
		return g.firstBad, 0
	}
	half := g.firstBad.Sub(g.lastGood) / 2
	return g.lastGood.Add(half), half
}

// sofar is the total with a downtime that is still going on.
func (g *gauge) sofar() time.Duration {
	if g.firstBad.IsZero() {
		return g.total
	}
	from, _ := g.start()
	return g.total + g.lastBad.Sub(from)
}

// down tells that a downtime is going on.
func (g *gauge) down() bool { return !g.firstBad.IsZero() }

// probe feels one endpoint's pulse during a switchover.
type probe struct {
	begun  time.Time
	late   bool // the switchover was under way already
	of     string
	left   time.Time
	cancel context.CancelFunc
	done   chan struct{}

	mu            sync.Mutex
	writes, reads gauge
	wellSince     time.Time
	errors        map[string]int
	pulses        int
}

// take takes one answer in.
func (p *probe) take(at time.Time, writable bool, kind string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pulses++
	answered := kind == ""
	if answered && !writable {
		kind = "read-only"
	}
	if kind != "" {
		p.errors[kind]++
	}
	p.reads.take(at, answered)
	p.writes.take(at, writable)
	switch {
	case !writable:
		p.wellSince = time.Time{}
	case p.wellSince.IsZero():
		p.wellSince = at
	}
}

// well tells that writes have gone through for a while.
func (p *probe) well(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.wellSince.IsZero() && now.Sub(p.wellSince) >= calm
}

// downtime is what was measured; ok is false when there was nothing.
func (p *probe) downtime() (d Downtime, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	d = Downtime{From: p.writes.began.UTC(), Writes: seconds(p.writes.sofar()), Reads: seconds(p.reads.sofar()),
		Within: seconds(p.writes.within), Errors: maps.Clone(p.errors)}
	switch {
	case p.writes.down():
		d.Note, d.AtLeast = "writes had not come back when the measuring ended", true
	case p.late:
		d.Note, d.AtLeast = "the measuring began when the switchover was under way", true
	}
	return d, p.pulses > 0 && !p.writes.began.IsZero()
}

func seconds(d time.Duration) float64 { return d.Round(time.Millisecond).Seconds() }

// String is the measurement for people.
func (d Downtime) String() string {
	var kinds []string
	for _, k := range slices.Sorted(maps.Keys(d.Errors)) {
		kinds = append(kinds, fmt.Sprintf("%d x %s", d.Errors[k], k))
	}
	least := ""
	if d.AtLeast {
		least = "at least "
	}
	s := fmt.Sprintf("downtime measured through the endpoint: no writes for %s%.2f s (within %.2f s), no reads for %.2f s; clients saw %s",
		least, d.Writes, d.Within, d.Reads, strings.Join(kinds, ", "))
	if d.Note != "" {
		s += "; " + d.Note
	}
	return s
}

// run feels the pulse until its context ends.
func (p *probe) run(ctx context.Context, clock Clock, line PulseLine) {
	defer close(p.done)
	defer line.Close() // it was only read from
	for ctx.Err() == nil {
		limit, cancel := context.WithTimeout(ctx, pulseTimeout)
		writable, kind, err := line.Ask(limit)
		cancel()
		if ctx.Err() != nil {
			return // the error is our own
		}
		if err != nil {
			writable = false
		}
		p.take(clock.Now(), writable, kind)
		pace := pulseEvery
		if !writable {
			pace = pulseFast
		}
		if clock.Sleep(ctx, pace) != nil {
			return
		}
	}
}
