package plan

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Ahead are the checks that read both servers at length, while a green is
// ready and before its switchover. They need SQL.
type Ahead struct {
	Compare Compare
	Explain Explain
	Warm    Warm
}

// Compare is the comparison of rows of blue and green.
type Compare struct {
	Enabled bool
	// Tables are patterns over schema.table; Skip leaves out of them.
	Tables, Skip []string
	// Sample is the share of a large table's rows that is compared, in percent;
	// 100 is all. Small tables are compared whole.
	Sample float64
	// Budget is how long it may go on for one database, ChunkTime how long one
	// statement should take.
	Budget, ChunkTime time.Duration
	// ThreadsRunning is how busy blue may be; above it the comparison waits.
	ThreadsRunning int
	// Valid is how long a finished comparison counts.
	Valid time.Duration
	// Incomplete says what becomes of tables that were not reached: note or hold.
	Incomplete string
}

// Explain is the comparison of execution plans.
type Explain struct {
	Enabled bool
	// Top is how many of blue's statements by time are explained.
	Top int
	// Statements are further ones that the plan itself gives.
	Statements []Statement
	// Regressions says what a serious one does: note, hold or fail.
	Regressions string
	Valid       time.Duration
}

// Statement is a query of the application.
type Statement struct{ Schema, SQL string }

// Warm is the reading of green ahead of its switchover.
type Warm struct {
	Enabled bool
	// Tables is how many of blue's tables by I/O are read.
	Tables int
	// Least is the share of their bytes, in percent, without which the gate holds.
	Least             float64
	Budget, ChunkTime time.Duration
	Valid             time.Duration
}

// What Incomplete and Regressions may say besides Hold.
const (
	Note = "note"
	Fail = "fail"
)

// DefaultAhead is what a plan means that says nothing of it: a small sample
// is compared, plans are compared and told, nothing is warmed.
func DefaultAhead() Ahead {
	return Ahead{
		Compare: Compare{Enabled: true, Tables: []string{"*"}, Sample: 5, Budget: 10 * time.Minute, ChunkTime: 500 * time.Millisecond,
			ThreadsRunning: 25, Valid: day, Incomplete: Note},
		Explain: Explain{Enabled: true, Top: 20, Regressions: Note, Valid: day},
		Warm:    Warm{Tables: 20, Budget: 30 * time.Minute, ChunkTime: 500 * time.Millisecond, Valid: 12 * time.Hour},
	}
}

var compareFields = []field[Compare]{
	boolean("enabled", func(c *Compare) *bool { return &c.Enabled }),
	{key: "tables", read: func(d *decoder, v value, c *Compare) { c.Tables, _ = d.globs(v) }},
	{key: "skip", read: func(d *decoder, v value, c *Compare) { c.Skip, _ = d.globs(v) }},
	percent("sample", func(c *Compare) *float64 { return &c.Sample }),
	duration("budget", time.Second, day, func(c *Compare) *time.Duration { return &c.Budget }),
	duration("chunk_time", 10*time.Millisecond, 10*time.Second, func(c *Compare) *time.Duration { return &c.ChunkTime }),
	integer("threads_running", 1, 10000, func(c *Compare) *int { return &c.ThreadsRunning }),
	duration("valid", time.Minute, longest, func(c *Compare) *time.Duration { return &c.Valid }),
	choice("incomplete", "bad-policy", func(c *Compare) *string { return &c.Incomplete }, Note, Hold),
}

var explainFields = []field[Explain]{
	boolean("enabled", func(x *Explain) *bool { return &x.Enabled }),
	integer("top", 0, 1000, func(x *Explain) *int { return &x.Top }),
	{key: "statements", sub: below("[].", statementFields), read: func(d *decoder, v value, x *Explain) {
		d.list(v, "want a list of statements, each with schema and sql", func(e value) {
			var s Statement
			if object(d, e, statementFields, &s) {
				x.Statements = append(x.Statements, s)
			}
		})
		d.atMost(v, len(x.Statements), 1000)
	}},
	choice("regressions", "bad-policy", func(x *Explain) *string { return &x.Regressions }, Note, Hold, Fail),
	duration("valid", time.Minute, longest, func(x *Explain) *time.Duration { return &x.Valid }),
}

var statementFields = []field[Statement]{
	must(sentence("schema", "want the schema in which the statement runs", func(s *Statement) *string { return &s.Schema })),
	must(sentence("sql", "want a SELECT", func(s *Statement) *string { return &s.SQL })),
}

var warmFields = []field[Warm]{
	boolean("enabled", func(w *Warm) *bool { return &w.Enabled }),
	integer("tables", 1, 10000, func(w *Warm) *int { return &w.Tables }),
	percent("least", func(w *Warm) *float64 { return &w.Least }),
	duration("budget", time.Second, day, func(w *Warm) *time.Duration { return &w.Budget }),
	duration("chunk_time", 10*time.Millisecond, 10*time.Second, func(w *Warm) *time.Duration { return &w.ChunkTime }),
	duration("valid", time.Minute, longest, func(w *Warm) *time.Duration { return &w.Valid }),
}

var percentPattern = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?%$`)

// percent is a share, 0% to 100%.
func percent[T any](key string, part func(*T) *float64) field[T] {
	return field[T]{key: key, read: func(d *decoder, v value, out *T) {
		const want = "want a percentage from 0% to 100%, such as 5%"
		s, ok := d.matched(v, percentPattern, "bad-percentage", want)
		if !ok {
			return
		}
		f, err := strconv.ParseFloat(strings.TrimSuffix(s, "%"), 64)
		if err != nil || f > 100 {
			d.bad(v, "bad-percentage", fmt.Sprintf("%s: %s is too much", v.path, quote(s)), want)
			return
		}
		*part(out) = f
	}}
}

// aheadFields are keys of switchover. A mapping that is given switches its
// check on, unless it says otherwise.
var aheadFields = []field[Switchover]{
	nested("compare", compareFields, func(s *Switchover) *Compare { return &s.Ahead.Compare }),
	nested("explain", explainFields, func(s *Switchover) *Explain { return &s.Ahead.Explain }),
	nested("warm", warmFields, func(s *Switchover) *Warm {
		s.Ahead.Warm.Enabled = true
		return &s.Ahead.Warm
	}),
}
