package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

// Warming reads on green what blue's clients read and write most. A green's
// volume is restored from a snapshot: blocks that nobody has read come from far
// away, and its buffer pool is empty. Nothing is asked of blue but which tables
// those are; on green nobody waits but replication.

// warmState is what warming goes on from.
type warmState struct {
	Tables []warmTable   `json:"tables"`
	Spent  time.Duration `json:"spent_ns"`
}

// warmTable is how far one table was read: Index is the place in its list of
// indexes, At the key up to which the current one was.
type warmTable struct {
	Schema string `json:"schema"`
	Name   string `json:"name"`
	bluegreen.WarmTable
	Ended bool     `json:"ended"`
	Index int      `json:"index"`
	At    []string `json:"at,omitempty"`
	Size  int      `json:"size"`
}

func (t *warmTable) quoted() string { return quoteName(t.Schema) + "." + quoteName(t.Name) }

func (s *warmState) summary() bluegreen.WarmSummary {
	out := bluegreen.WarmSummary{Took: s.Spent}
	for i := range s.Tables {
		out.Tables = append(out.Tables, s.Tables[i].WarmTable)
	}
	return out
}

// warmer reads for one turn.
type warmer struct {
	want  plan.Warm
	clock Clock
	green *server
	g     *line
	until time.Time
	state *warmState
	step  func() error
}

// warming is one turn of reading green, for Checks.
func (a *Access) warming(ctx context.Context, blue, green *server, clock Clock, turn checkTurn) (checkOutcome, error) {
	st := &warmState{}
	if err := turn.load(st); err != nil {
		return checkOutcome{}, err
	}
	want := a.Plan.Switchover.Ahead.Warm
	if st.Tables == nil {
		var err error
		if st.Tables, err = busiest(ctx, blue, want.Tables); err != nil {
			return checkOutcome{}, err
		}
	}
	w := &warmer{want: want, clock: clock, green: green, until: turn.until, state: st, step: func() error { return turn.save(st, false) }}
	err := w.run(ctx)
	if serr := turn.save(st, true); serr != nil {
		return checkOutcome{}, serr
	}
	n := 0
	for _, t := range st.Tables {
		if t.Ended {
			n++
		}
	}
	out := checkOutcome{Progress: fmt.Sprintf("%d of %d tables read", n, len(st.Tables))}
	switch {
	case errors.Is(err, errPause):
		return out, nil
	case err != nil:
		return out, err
	}
	gate := bluegreen.GateWarm(st.summary(), want.Least)
	out.Gate, out.Data = &gate, st.summary()
	return out, nil
}

// busiest are blue's tables by the time that their I/O took; where nothing was
// counted, by size.
func busiest(ctx context.Context, blue *server, n int) ([]warmTable, error) {
	l, err := blue.line(ctx, explainLimit)
	if err != nil {
		return nil, err
	}
	defer l.close()
	const sizes = "SELECT t.TABLE_SCHEMA, t.TABLE_NAME, t.DATA_LENGTH + t.INDEX_LENGTH FROM information_schema.TABLES t "
	const which = "WHERE t.TABLE_TYPE='BASE TABLE' AND t.ENGINE='InnoDB' AND t.TABLE_SCHEMA NOT IN " + ours
	limit := " LIMIT " + strconv.Itoa(n)
	rows, err := l.ask(ctx, "warm.tables", sizes+"JOIN performance_schema.table_io_waits_summary_by_table w ON w.OBJECT_SCHEMA=t.TABLE_SCHEMA AND w.OBJECT_NAME=t.TABLE_NAME "+
		which+" AND w.COUNT_STAR > 0 ORDER BY w.SUM_TIMER_WAIT DESC"+limit)
	if err != nil && serverSaid(err) == 0 {
		return nil, err
	}
	if len(rows) == 0 {
		if rows, err = l.ask(ctx, "warm.tables", sizes+which+" ORDER BY t.DATA_LENGTH + t.INDEX_LENGTH DESC"+limit); err != nil {
			return nil, err
		}
	}
	out := []warmTable{}
	for _, r := range rows {
		t := warmTable{Schema: text(r[0]), Name: text(r[1])}
		t.Table, t.Bytes = t.Schema+"."+t.Name, number(r[2])
		out = append(out, t)
	}
	return out, nil
}

func (w *warmer) run(ctx context.Context) error {
	var err error
	if w.g, err = w.green.line(ctx, greenLimit); err != nil {
		return err
	}
	defer w.g.close()
	begin, before := w.clock.Now(), w.state.Spent
	spent := func() { w.state.Spent = before + w.clock.Now().Sub(begin) }
	defer spent()
	for i := range w.state.Tables {
		t := &w.state.Tables[i]
		for !t.Ended {
			if spent(); w.state.Spent > w.want.Budget {
				return nil
			}
			if w.clock.Now().After(w.until) {
				return errPause
			}
			err := w.chunk(ctx, t)
			switch code := serverSaid(err); {
			case code == tookTooLong && t.Size > 50:
				t.Size /= 8
				continue
			case code != 0:
				t.Ended, t.Skipped = true, refusal(w.green.id, err)
			case err != nil:
				return err
			}
			if err := w.step(); err != nil {
				return err
			}
		}
	}
	return nil
}

// walk is an index of a table with the columns that it can be walked along:
// its own and, since InnoDB keeps them in every index, the primary key's.
type walk struct {
	index string
	key   []column
	rows  bool // the clustered index: reading along it reads the rows
}

// walks are the indexes of a table that chunks can be made of; other says how
// many there are besides.
func walks(ctx context.Context, l *line, t *warmTable) (out []walk, other int, err error) {
	where := " WHERE TABLE_SCHEMA=" + sqlText(t.Schema) + " AND TABLE_NAME=" + sqlText(t.Name)
	rows, err := l.ask(ctx, "warm.columns", "SELECT COLUMN_NAME, DATA_TYPE, CHARACTER_SET_NAME, IS_NULLABLE FROM information_schema.COLUMNS"+where)
	if err != nil {
		return nil, 0, err
	}
	known := map[string]column{}
	for _, r := range rows {
		if text(r[3]) == "NO" {
			known[text(r[0])] = column{name: text(r[0]), kind: strings.ToLower(text(r[1])), charset: text(r[2])}
		}
	}
	rows, err = l.ask(ctx, "warm.keys", "SELECT INDEX_NAME, COLUMN_NAME, SUB_PART FROM information_schema.STATISTICS"+where+
		" AND INDEX_TYPE='BTREE' ORDER BY INDEX_NAME<>'PRIMARY', INDEX_NAME, SEQ_IN_INDEX")
	if err != nil {
		return nil, 0, err
	}
	var primary []column
	for len(rows) > 0 {
		n := slices.IndexFunc(rows, func(r []*string) bool { return text(r[0]) != text(rows[0][0]) })
		if n < 0 {
			n = len(rows)
		}
		name, key := walkable(rows[:n], known)
		rows = rows[n:]
		switch {
		case name == "PRIMARY":
			primary = key
			out = append(out, walk{name, key, true})
		case name == "" || primary == nil:
			other++
		default:
			for _, c := range primary {
				if !slices.ContainsFunc(key, func(k column) bool { return k.name == c.name }) {
					key = append(key, c)
				}
			}
			out = append(out, walk{name, key, false})
		}
	}
	return out, other, nil
}

// chunk reads the next rows of the table's current index, and rests as long.
func (w *warmer) chunk(ctx context.Context, t *warmTable) error {
	list, other, err := walks(ctx, w.g, t)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		t.Ended, t.Skipped = true, "it has no primary key to walk along"
		return nil
	}
	if t.Index >= len(list) {
		t.Ended, t.Done, t.Indexes = true, other == 0, t.Index
		if other > 0 {
			t.Skipped = fmt.Sprintf("%d of its indexes hold NULL or cannot be walked along", other)
		}
		return nil
	}
	p := list[t.Index]
	size := t.Size
	if size == 0 {
		size = firstChunk
	}
	begin := w.clock.Now()
	n, last, err := w.read(ctx, t, p, size)
	if err != nil {
		return err
	}
	took := w.clock.Now().Sub(begin)
	if t.Cold == 0 && p.rows && n > 0 {
		begin := w.clock.Now()
		if _, _, err := w.read(ctx, t, p, size); err != nil {
			return err
		}
		t.Cold, t.Warm = took, w.clock.Now().Sub(begin)
	}
	t.Rows += n
	t.Size = bluegreen.NextChunk(size, took, w.want.ChunkTime)
	if t.At = last; last == nil || n < int64(size) {
		t.Index, t.At = t.Index+1, nil
	}
	return w.clock.Sleep(ctx, took)
}

// read reads so many rows beyond the place along an index: the pages of the
// index, which for the primary key are the rows themselves.
func (w *warmer) read(ctx context.Context, t *warmTable, p walk, size int) (n int64, last []string, err error) {
	where, err := within(p.key, t.At, nil)
	if err != nil {
		return 0, nil, err
	}
	rows, err := w.g.ask(ctx, "warm.read", "SELECT "+keyReads(p.key)+" FROM "+t.quoted()+" FORCE INDEX ("+quoteName(p.index)+") WHERE "+where+
		" ORDER BY "+quotedAll(p.key)+" LIMIT "+strconv.Itoa(size))
	if err != nil || len(rows) == 0 {
		return 0, nil, err
	}
	return int64(len(rows)), splitKey(joinKey(rows[len(rows)-1])), nil
}
