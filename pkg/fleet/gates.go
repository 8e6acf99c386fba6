package fleet

import (
	"context"
	"fmt"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
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
	return a.both(ctx, blueAt, greenAt, ask)
}

// MomentGates implements MomentGater.
func (a *Access) MomentGates(ctx context.Context, blueAt, greenAt Endpoint) []bluegreen.Gate {
	return a.both(ctx, blueAt, greenAt, func(ctx context.Context, clock Clock, blue, green *server) []bluegreen.Gate {
		return append([]bluegreen.Gate{bluegreen.GateReplication(reading(green.replication(ctx)))}, askMoment(ctx, clock, blue, green)...)
	})
}

// both connects to blue and green and has them asked.
func (a *Access) both(ctx context.Context, blueAt, greenAt Endpoint, questions func(context.Context, Clock, *server, *server) []bluegreen.Gate) []bluegreen.Gate {
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
	return questions(ctx, WallClock{}, blue, green)
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
		g := bluegreen.GateArrival(reading(arrival(ctx, clock, blue, green, arrivalLimit)), arrivalLimit)
		if g.Verdict == bluegreen.GatePass { // too late: nothing was compared
			g.Verdict, g.Evidence = bluegreen.GateFail, append(g.Evidence, "but a moment before "+err.Error())
		}
		return append(gates, g)
	}
	gates = append(gates,
		bluegreen.GateParity(reading(blue.inventory(ctx)), reading(green.inventory(ctx))),
		bluegreen.GateRows(reading(rowCounts(ctx, blue, green, settle))),
		bluegreen.GateHistory(reading(blue.history(ctx)), mostHistory),
	)
	return append(gates, askMoment(ctx, clock, blue, green)...)
}

// askMoment puts the questions whose answers age within seconds.
func askMoment(ctx context.Context, clock Clock, blue, green *server) []bluegreen.Gate {
	return []bluegreen.Gate{
		bluegreen.GateXA(reading(blue.prepared(ctx))),
		bluegreen.GateGreenWrites(reading(green.greenWrites(ctx))),
		bluegreen.GateDDL(reading(blue.running(ctx))),
		bluegreen.GateTransactions(reading(blue.transactions(ctx)), longestTransaction),
		bluegreen.GateArrival(reading(arrival(ctx, clock, blue, green, arrivalLimit)), arrivalLimit),
	}
}
