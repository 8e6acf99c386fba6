package fleet

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

// Gater is an SQL that can ask both servers, before a switchover, whether it
// would go well.
type Gater interface {
	Gates(ctx context.Context, blue, green Endpoint) []bluegreen.Gate
}

const (
	// longestTransaction and mostHistory are the limits of the gates.
	longestTransaction = 10 * time.Second
	mostHistory        = 1_000_000
	// arrivalLimit is how long a write of blue may take to green.
	arrivalLimit = 5 * time.Second
	// gatesTimeout bounds all gates of one database.
	gatesTimeout = 2 * time.Minute
	// gatesFresh is how long passed gates count; gatesRest is the time between
	// two tries.
	gatesFresh, gatesRest = time.Minute, 30 * time.Second
)

// Gates implements Gater.
func (a *Access) Gates(ctx context.Context, blueAt, greenAt Endpoint) []bluegreen.Gate {
	ctx, cancel := context.WithTimeout(ctx, gatesTimeout)
	defer cancel()
	blue, err := a.dial(ctx, blueAt)
	if err != nil {
		return []bluegreen.Gate{{Name: "connection to blue", Verdict: bluegreen.GateInconclusive, Evidence: []string{err.Error()}}}
	}
	defer blue.close()
	green, err := a.dial(ctx, greenAt)
	if err != nil {
		return []bluegreen.Gate{{Name: "connection to green", Verdict: bluegreen.GateInconclusive, Evidence: []string{err.Error()}}}
	}
	defer green.close()
	return ask(ctx, WallClock{}, blue, green)
}

// ask puts all questions. Those about the moment come last, as they age fastest.
func ask(ctx context.Context, clock Clock, blue, green *server) []bluegreen.Gate {
	settle := func() error {
		a, err := arrival(ctx, clock, blue, green, arrivalLimit)
		if err == nil && !a.Arrived {
			err = fmt.Errorf("%s did not arrive on green", a.Mark)
		}
		return err
	}
	gates := []bluegreen.Gate{bluegreen.GateReplication(reading(green.replication(ctx)))}
	if err := settle(); err != nil {
		// What follows compares the two: it can only be right when green has
		// what blue has.
		return append(gates, bluegreen.GateArrival(reading(arrival(ctx, clock, blue, green, arrivalLimit)), arrivalLimit))
	}
	return append(gates,
		bluegreen.GateParity(reading(blue.inventory(ctx)), reading(green.inventory(ctx))),
		bluegreen.GateRows(reading(rowCounts(ctx, blue, green, settle))),
		bluegreen.GateHistory(reading(blue.history(ctx)), mostHistory),
		bluegreen.GateXA(reading(blue.prepared(ctx))),
		bluegreen.GateGreenWrites(reading(green.greenWrites(ctx))),
		bluegreen.GateDDL(reading(blue.running(ctx))),
		bluegreen.GateTransactions(reading(blue.transactions(ctx)), longestTransaction),
		bluegreen.GateArrival(reading(arrival(ctx, clock, blue, green, arrivalLimit)), arrivalLimit),
	)
}

// gateKeeper remembers what the gates of each database said.
type gateKeeper struct {
	mu      sync.Mutex
	answers map[string]gateAnswer
	asking  map[string]bool
}

type gateAnswer struct {
	at      time.Time
	verdict bluegreen.GateVerdict
	no      string // the first gate that did not let it pass
	err     error  // of the journal
}

// reason is why a switchover does not begin, where a gate is why.
func (k *gateKeeper) reason(key, otherwise string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if a, ok := k.answers[key]; ok && a.no != "" {
		return "a gate before the switchover says no, and is asked again: " + a.no
	}
	return otherwise
}

// mayPass tells whether a switchover may begin now. Where the gates have not
// been asked lately it has them asked, and the switchover waits for the answer.
func (e *Engine) mayPass(ctx context.Context, u unit) (bool, error) {
	gater, ok := e.cfg.SQL.(Gater)
	if !ok {
		return true, nil
	}
	now := e.cfg.Clock.Now()
	k := &e.gates
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.answers == nil {
		k.answers, k.asking = map[string]gateAnswer{}, map[string]bool{}
	}
	a, known := k.answers[u.key]
	age := now.Sub(a.at)
	switch {
	case k.asking[u.key]:
		return false, nil
	case known && a.err != nil:
		return false, &journalError{a.err}
	case known && a.verdict == bluegreen.GatePass && age < gatesFresh:
		delete(k.answers, u.key) // a further attempt asks again
		return true, nil
	case known && a.verdict != bluegreen.GatePass && age < gatesRest:
		return false, nil
	}
	k.asking[u.key] = true
	e.group.Go(func() { e.askGates(ctx, gater, u) })
	return false, nil
}

func (e *Engine) askGates(ctx context.Context, gater Gater, u unit) {
	blue, green := e.endpoint(u, u.facts.ID), e.endpoint(u, u.state.Green)
	var gates []bluegreen.Gate
	if r := e.reverser(); r != nil {
		gates = r.PrepareWayBack(ctx, blue, green)
	}
	gates = append(gates, gater.Gates(ctx, blue, green)...)
	verdict := bluegreen.GatesVerdict(gates)
	var err error
	for _, g := range gates {
		if err == nil && ctx.Err() == nil {
			err = e.append(u, journal.Gate, g.String(), g)
		}
	}
	e.gates.mu.Lock()
	defer e.gates.mu.Unlock()
	delete(e.gates.asking, u.key)
	e.gates.answers[u.key] = gateAnswer{at: e.cfg.Clock.Now(), verdict: verdict, no: firstNo(gates, verdict), err: err}
}

// firstNo is the first gate with the verdict, "" when that is a pass.
func firstNo(gates []bluegreen.Gate, v bluegreen.GateVerdict) string {
	for _, g := range gates {
		if g.Verdict == v && v != bluegreen.GatePass {
			return g.String()
		}
	}
	return ""
}
