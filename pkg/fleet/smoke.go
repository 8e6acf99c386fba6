package fleet

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

// Smoker is an SQL that can ask a plan's smoke queries.
type Smoker interface {
	Smoke(context.Context, Endpoint, plan.Smoke) (bluegreen.Answer, error)
}

const (
	// mostRows and mostBytes bound what a smoke query may answer.
	mostRows, mostBytes = 10_000, 4 << 20
	// smokeGrace is how much longer than its limit a query may take until it is
	// given up on this side.
	smokeGrace = 5 * time.Second
	// slowQuery is ER_QUERY_TIMEOUT: the server kept to max_execution_time.
	slowQuery = 3024
)

// smokeGreen asks the plan's queries on green, and on blue where they must agree.
func (e *Engine) smokeGreen(ctx context.Context, blue, green Endpoint) []bluegreen.Gate {
	var gates []bluegreen.Gate
	for _, q := range e.cfg.Plan.Switchover.Smoke {
		w := wanted(q)
		s, ok := e.cfg.SQL.(Smoker)
		if !ok {
			gates = append(gates, bluegreen.GateSmoke("green", w, bluegreen.Reading[bluegreen.Answer]{Err: "the plan gives no SQL access"}))
			continue
		}
		ask := func(at Endpoint) bluegreen.Reading[bluegreen.Answer] {
			read, cancel := context.WithTimeout(ctx, q.MaxTime+smokeGrace)
			defer cancel()
			return reading(s.Smoke(read, at, q))
		}
		gates = append(gates, askSmoke(w, q.SameAsBlue, func() bluegreen.Reading[bluegreen.Answer] { return ask(blue) },
			func() bluegreen.Reading[bluegreen.Answer] { return ask(green) }))
	}
	return gates
}

// askSmoke asks green, between two askings of blue where they must agree: green
// is a moment behind, and blue is written to. Three tries find a still moment.
func askSmoke(w bluegreen.SmokeWant, same bool, blue, green func() bluegreen.Reading[bluegreen.Answer]) bluegreen.Gate {
	if !same {
		return bluegreen.GateSmoke("green", w, green())
	}
	var g bluegreen.Gate
	for range 3 {
		w.Blue = []bluegreen.Reading[bluegreen.Answer]{blue()}
		answer := green()
		w.Blue = append(w.Blue, blue())
		if g = bluegreen.GateSmoke("green", w, answer); g.Verdict == bluegreen.GatePass {
			break
		}
	}
	return g
}

// smokeEndpoint asks the plan's queries through the endpoint, after the switchover.
func (e *Engine) smokeEndpoint(ctx context.Context, u unit) []bluegreen.Gate {
	s, ok := e.cfg.SQL.(Smoker)
	if !ok {
		return nil // a plan with queries has SQL; a stand-in without them asks nothing
	}
	var gates []bluegreen.Gate
	for _, q := range e.cfg.Plan.Switchover.Smoke {
		read, cancel := context.WithTimeout(ctx, q.MaxTime+smokeGrace)
		gates = append(gates, bluegreen.GateSmoke("the new server, through the endpoint", wanted(q), reading(s.Smoke(read, e.endpoint(u, u.facts.ID), q))))
		cancel()
	}
	return gates
}

func wanted(q plan.Smoke) bluegreen.SmokeWant {
	w := bluegreen.SmokeWant{Name: q.Name, MaxTime: q.MaxTime, SameAsBlue: q.SameAsBlue}
	if q.Rows != "" {
		w.Rows, w.RowsText = q.Holds, q.Rows
	}
	if q.HasValue {
		w.Value = &q.Value
	}
	return w
}

// Smoke implements Smoker: one query in a read-only transaction of its own
// session, ended by the server at the plan's time limit.
func (a *Access) Smoke(ctx context.Context, ep Endpoint, q plan.Smoke) (bluegreen.Answer, error) {
	s, err := a.dial(ctx, ep)
	if err != nil {
		return bluegreen.Answer{}, err
	}
	defer s.close()
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return bluegreen.Answer{}, fmt.Errorf("ask %s: %w", s.id, err)
	}
	defer conn.Close()
	// The lexer that found it to be a plain SELECT knows the text under this sql_mode.
	before := []string{"SET SESSION sql_mode = '', SESSION max_execution_time = " + strconv.FormatInt(q.MaxTime.Milliseconds(), 10)}
	if q.Schema != "" {
		before = append(before, "USE "+quoteName(q.Schema))
	}
	for _, stmt := range append(before, "START TRANSACTION READ ONLY") {
		if _, err := conn.ExecContext(ctx, stmt); err != nil {
			return bluegreen.Answer{}, fmt.Errorf("ask %s: %w", s.id, err)
		}
	}
	begin := time.Now()
	ans, err := smokeRows(ctx, conn, q.SQL)
	ans.Took = time.Since(begin)
	var my *mysql.MySQLError
	if errors.As(err, &my) && my.Number == slowQuery {
		ans.Slow, err = true, nil
	}
	_, rerr := conn.ExecContext(ctx, "ROLLBACK") // nothing was written; the session ends with it
	return ans, errors.Join(err, rerr)
}

// smokeRows reads an answer into its number of rows, first value and checksum.
func smokeRows(ctx context.Context, conn *sql.Conn, query string) (bluegreen.Answer, error) {
	var a bluegreen.Answer
	rows, err := conn.QueryContext(ctx, "/* rdsupgrade:smoke */ "+query)
	if err != nil {
		return a, err
	}
	defer rows.Close()
	cols, err := rows.Columns()
	if err != nil {
		return a, err
	}
	values, into := make([]sql.RawBytes, len(cols)), make([]any, len(cols))
	for i := range values {
		into[i] = &values[i]
	}
	sum, size := sha256.New(), 0
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return a, err
		}
		for i, v := range values {
			if size += len(v); size > mostBytes || a.Rows >= mostRows {
				return a, fmt.Errorf("the answer is longer than %d rows or %d MiB", mostRows, mostBytes>>20)
			}
			fmt.Fprintf(sum, "%t %d ", v == nil, len(v))
			sum.Write(v)
			if a.Rows == 0 && i == 0 {
				a.First, a.Null = string(v), v == nil
			}
		}
		a.Rows++
	}
	a.Sum = hex.EncodeToString(sum.Sum(nil))
	return a, rows.Err()
}

// smokeAfter asks the plan's queries through the endpoint as part of the
// confirmation. What fails there stops the database as a soak that fails does:
// the switchover itself is done, and is confirmed all the same. settled is
// false while what could not be read is tried again.
func (e *Engine) smokeAfter(ctx context.Context, u unit) (settled bool, err error) {
	gates := e.smokeEndpoint(ctx, u)
	if len(gates) == 0 || ctx.Err() != nil {
		return ctx.Err() == nil, nil
	}
	key := u.key + "#after"
	e.mu.Lock()
	over := e.cfg.Store.mem.record(u.key).Overrides
	e.mu.Unlock()
	d := bluegreen.Decide(gates, over, e.gates.count(key, gates), e.cfg.Clock.Now())
	for _, g := range e.gates.news(key, gates, d.Pass) {
		if err := e.append(u, journal.Gate, "after the switchover: "+g.String(), g); err != nil {
			return false, err
		}
	}
	if d.Pass || !d.Stop {
		return d.Pass, nil
	}
	return true, e.stopUnit(u, bluegreen.StopSoak, d.Gate)
}

// confirmed notes who must be told, and then that the switchover is confirmed.
func (e *Engine) confirmed(u unit, what, version string) error {
	if err := e.oweSwitched(u); err != nil {
		return err
	}
	return e.append(u, journal.Fact, what, factData{Name: factConfirmed, To: version})
}
