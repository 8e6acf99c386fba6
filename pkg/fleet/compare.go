package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

// The comparison of rows. pkg/bluegreen/gates_data.go argues why it converges;
// here are the statements, their size and their pace. Nothing is written on
// either server, no lock is taken, and no transaction stays open: each
// statement has a snapshot of its own.

// compareState is what a comparison goes on from.
type compareState struct {
	Tables []tableState  `json:"tables"`
	Spent  time.Duration `json:"spent_ns"`
}

// summary is what the gate judges.
func (s *compareState) summary() bluegreen.DataSummary {
	out := bluegreen.DataSummary{Took: s.Spent}
	for i := range s.Tables {
		out.Tables = append(out.Tables, s.Tables[i].TableData)
	}
	return out
}

func (s *compareState) progress() string {
	n := 0
	for i := range s.Tables {
		if s.Tables[i].Done {
			n++
		}
	}
	return fmt.Sprintf("%d of %d tables compared", n, len(s.Tables))
}

// comparer compares tables between two servers for one turn.
type comparer struct {
	want        plan.Compare
	clock       Clock
	blue, green *server
	b, g        *line
	until       time.Time // of the turn
	state       *compareState
	// step is told after every chunk, to save what was reached.
	step func() error
}

const (
	firstChunk = 500
	// statementLimit is when a server stops a statement by itself: far above
	// what a chunk should take, green's storage may be cold.
	blueLimit, greenLimit = 10 * time.Second, time.Minute
	// differencesShown and differencesSought bound what is told of a table, and
	// after how many rows nobody needs more.
	differencesShown, differencesSought = 10, 100
	// tablesTold bounds what the journal gets in full.
	tablesTold = 200
)

// run compares until all is done or the turn is over. It returns errPause then.
func (c *comparer) run(ctx context.Context) error {
	var err error
	if c.b, err = c.blue.line(ctx, max(blueLimit, 4*c.want.ChunkTime)); err != nil {
		return err
	}
	defer c.b.close()
	if c.g, err = c.green.line(ctx, greenLimit); err != nil {
		return err
	}
	defer c.g.close()
	if c.state.Tables == nil {
		if c.state.Tables, err = listed(ctx, c.b, c.want); err != nil {
			return err
		}
		if c.state.Tables == nil {
			c.state.Tables = []tableState{}
		}
	}
	begin, before := c.clock.Now(), c.state.Spent
	spent := func() { c.state.Spent = before + c.clock.Now().Sub(begin) }
	defer spent()
	for i := range c.state.Tables {
		t := &c.state.Tables[i]
		for !t.Done {
			if spent(); c.state.Spent > c.want.Budget {
				t.Unfinished, t.Done = true, true
				break
			}
			if c.clock.Now().After(c.until) {
				return errPause
			}
			if err := c.turn(ctx, t); err != nil {
				return err
			}
			if err := c.step(); err != nil {
				return err
			}
		}
	}
	return nil
}

// turn does one chunk of a table, or finds out that there is none. An error of
// a server about this table is the table's, every other one ends the turn.
func (c *comparer) turn(ctx context.Context, t *tableState) error {
	if err := calmBlue(ctx, c.clock, c.blue, c.want.ThreadsRunning, c.until); err != nil {
		return err
	}
	p, why, err := shapes(ctx, c.b, c.g, t)
	switch {
	case err != nil:
	case why != "":
		t.Skipped, t.Done = why, true
		return nil
	case p.blue.index == "" && t.Estimate > noKeyLimit:
		t.Skipped, t.Done = "it has no key to walk along", true
		return nil
	case p.blue.index == "":
		err = c.keyless(ctx, t, p)
	default:
		err = c.chunks(ctx, t, p)
	}
	switch code := serverSaid(err); {
	case err == nil, code == 0:
		return err
	case code == tookTooLong && t.Size > 50:
		t.Size /= 8
		return nil
	case code == waitedLocked:
		return fmt.Errorf("%w: %w", errPause, err)
	}
	t.Error, t.Done = err.Error(), true
	return nil
}

// chunks works along the table for a while: its shape was read for it, and may
// change under a longer one.
func (c *comparer) chunks(ctx context.Context, t *tableState, p pair) error {
	const atOnce = 20
	for range atOnce {
		next, err := c.next(ctx, t, p)
		if err != nil || t.Done {
			return err
		}
		if next == nil {
			continue // a place of the sample with nothing in it
		}
		took, err := c.chunk(ctx, t, p, *next)
		if err != nil {
			return err
		}
		c.passed(t, *next)
		t.Chunks++
		t.Size = bluegreen.NextChunk(next.size, took, c.want.ChunkTime)
		if t.Done {
			return nil
		}
		if err := c.step(); err != nil {
			return err
		}
		// As much rest as work: at most half a connection's worth of load.
		if err := c.clock.Sleep(ctx, took); err != nil {
			return err
		}
		if c.clock.Now().After(c.until) {
			return errPause
		}
		if err := calmBlue(ctx, c.clock, c.blue, c.want.ThreadsRunning, c.until); err != nil {
			return err
		}
	}
	return nil
}

// stretch is a range of keys: above low and up to high; nil is no bound.
type stretch struct {
	low, high []string
	size      int // rows that were wanted
	last      bool
}

// next finds the next chunk. Without one the table is done, or a place of the
// sample was empty.
func (c *comparer) next(ctx context.Context, t *tableState, p pair) (*stretch, error) {
	size := cmp.Or(t.Size, firstChunk)
	if !t.Whole {
		return c.sample(ctx, t, p, size)
	}
	if t.End == nil {
		end, err := p.blue.edge(ctx, c.b, t, "TRUE", false)
		if err != nil {
			return nil, err
		}
		if end == nil {
			return &stretch{size: size, last: true}, nil // empty on blue; green may have rows
		}
		t.End = end
	}
	where, err := within(p.blue.key, t.At, t.End)
	if err != nil {
		return nil, err
	}
	high, err := p.blue.boundary(ctx, c.b, t, where, size, false)
	if err != nil {
		return nil, err
	}
	// The last chunk has no upper bound: rows that only green has may lie there.
	return &stretch{low: t.At, high: high, size: size, last: high == nil}, nil
}

// passed notes that a stretch was compared.
func (c *comparer) passed(t *tableState, s stretch) {
	if t.Whole {
		t.At = s.high
		t.Done = t.Done || s.last
		return
	}
	if float64(t.Rows) >= c.want.Sample/100*float64(t.Estimate) && t.Jumps >= 3 {
		t.Done = true
	}
}

// chunk compares one stretch; took is how long the longer of both servers worked.
func (c *comparer) chunk(ctx context.Context, t *tableState, p pair, s stretch) (took time.Duration, err error) {
	whereB, err := within(p.blue.key, s.low, s.high)
	if err != nil {
		return 0, err
	}
	whereG, err := within(p.green.key, s.low, s.high)
	if err != nil {
		return 0, err
	}
	begin := c.clock.Now()
	b, err := p.blue.checksum(ctx, c.b, t, p.blue.index, whereB)
	if err != nil {
		return 0, err
	}
	took = c.clock.Now().Sub(begin)
	if err := settled(ctx, c.clock, c.blue, c.green); err != nil {
		return 0, err
	}
	begin = c.clock.Now()
	g, err := p.green.checksum(ctx, c.g, t, p.blue.index, whereG)
	if err != nil {
		return 0, err
	}
	// Green is nobody's yet: it may be slower, its storage is cold.
	took = max(took, c.clock.Now().Sub(begin)/4)
	t.Rows += b.rows
	if b.text == g.text {
		return took, nil
	}
	return took, c.narrow(ctx, t, p, whereB, whereG)
}

// keyless compares a table that has no key to walk along: all of it at once,
// several times when it does not agree.
func (c *comparer) keyless(ctx context.Context, t *tableState, p pair) error {
	var rounds []bluegreen.RowRound
	for n := range 4 {
		if n > 0 {
			if err := c.clock.Sleep(ctx, time.Duration(n)*300*time.Millisecond); err != nil {
				return err
			}
		}
		before, err := p.blue.checksum(ctx, c.b, t, "", "TRUE")
		if err != nil {
			return err
		}
		if err := settled(ctx, c.clock, c.blue, c.green); err != nil {
			return err
		}
		g, err := p.green.checksum(ctx, c.g, t, "", "TRUE")
		if err != nil {
			return err
		}
		behind, err := p.blue.checksum(ctx, c.b, t, "", "TRUE")
		if err != nil {
			return err
		}
		t.Rows = behind.rows
		row := func(s sum) bluegreen.Row { return bluegreen.Row{"rows": s.text} }
		rounds = append(rounds, bluegreen.RowRound{Blue: []bluegreen.Row{row(before), row(behind)}, Green: []bluegreen.Row{row(g)}})
		v, _ := bluegreen.JudgeRow(rounds)
		if v == bluegreen.RowSame {
			break
		}
	}
	t.Chunks, t.Done, t.Whole = 1, true, true
	switch v, _ := bluegreen.JudgeRow(rounds); v {
	case bluegreen.RowDiffers:
		t.Differing = 1
		t.Differences = []bluegreen.RowDifference{{Key: "(the table has no key to name it by)"}}
	case bluegreen.RowOpen:
		t.Open = 1
	}
	return nil
}

// Comparison is one turn of comparing rows, for Checks.
func (a *Access) comparison(ctx context.Context, blue, green *server, clock Clock, turn checkTurn) (checkOutcome, error) {
	st := &compareState{}
	if err := turn.load(st); err != nil {
		return checkOutcome{}, err
	}
	want := a.Plan.Switchover.Ahead.Compare
	c := &comparer{want: want, clock: clock, blue: blue, green: green, until: turn.until, state: st, step: func() error { return turn.save(st, false) }}
	err := c.run(ctx)
	if serr := turn.save(st, true); serr != nil {
		return checkOutcome{}, serr
	}
	out := checkOutcome{Progress: st.progress()}
	if errors.Is(err, errPause) {
		if err != errPause {
			out.Progress += "; " + err.Error()
		}
		return out, nil
	}
	if err != nil {
		return out, err
	}
	gate := bluegreen.GateData(st.summary(), want.Incomplete == plan.Hold)
	out.Gate, out.Data = &gate, st.summary().Brief(tablesTold)
	return out, nil
}
