package lab

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Load writes numbered rows through an endpoint and knows which of them the
// server acknowledged. A number is sent once and never again.
type Load struct {
	db   *sql.DB
	rate int

	cancel context.CancelFunc
	wg     sync.WaitGroup
	next   chan int64

	mu      sync.Mutex
	acked   []Ack
	unknown map[int64]bool // the connection broke before the answer
	refused map[int64]bool // the server said no
	errs    []Failure
}

// Ack is a write that the server acknowledged, and when.
type Ack struct {
	N  int64
	At time.Time
}

// Failure is a write that was not acknowledged.
type Failure struct {
	N    int64
	At   time.Time
	Kind string // what the client saw, in a word or two
}

// loadTable has no unique key on n, so that a row that came twice would show.
const loadTable = "CREATE TABLE IF NOT EXISTS shop.writes (id BIGINT PRIMARY KEY AUTO_INCREMENT, n BIGINT NOT NULL, at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6), KEY (n)) ENGINE=InnoDB DEFAULT CHARSET=latin1"

// loadWorkers is how many connections write.
const loadWorkers = 8

// StartLoad writes rate rows a second to shop.writes until Stop.
func StartLoad(addr string, a Account, rate int) (*Load, error) { return startLoad(addr, a, rate, 1) }

// startLoad begins with a number of its own, so that two loads can be told apart.
func startLoad(addr string, a Account, rate int, first int64) (*Load, error) {
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User, cfg.Passwd, cfg.DBName = "tcp", addr, a.User, a.Password, "shop"
	cfg.Timeout, cfg.ReadTimeout, cfg.WriteTimeout = time.Second, 5*time.Second, 5*time.Second
	cfg.AllowNativePasswords = true
	cfg.Logger = &mysql.NopLogger{} // broken connections are what is measured here
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, fmt.Errorf("configure connection: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	l := &Load{db: sql.OpenDB(connector), rate: rate, cancel: cancel, next: make(chan int64, loadWorkers),
		unknown: map[int64]bool{}, refused: map[int64]bool{}}
	l.db.SetMaxIdleConns(loadWorkers)
	l.wg.Go(func() { l.number(ctx, first) })
	for range loadWorkers {
		l.wg.Go(func() { l.write(ctx) })
	}
	return l, nil
}

// number hands out the numbers at the given rate; what nobody can take is
// late, not lost.
func (l *Load) number(ctx context.Context, first int64) {
	defer close(l.next)
	tick := time.NewTicker(time.Second / time.Duration(l.rate))
	defer tick.Stop()
	for n := first; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		select {
		case <-ctx.Done():
			return
		case l.next <- n:
		}
	}
}

func (l *Load) write(ctx context.Context) {
	for n := range l.next {
		// Not the load's context: a write under way is seen through.
		_, err := l.db.ExecContext(context.WithoutCancel(ctx), "INSERT INTO writes (n) VALUES (?)", n)
		l.note(n, time.Now(), err)
	}
}

func (l *Load) note(n int64, at time.Time, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		l.acked = append(l.acked, Ack{n, at})
		return
	}
	kind, said := kindOf(err)
	l.errs = append(l.errs, Failure{n, at, kind})
	if said {
		l.refused[n] = true
	} else {
		l.unknown[n] = true
	}
}

// kindOf names an error, and tells whether the server itself refused.
func kindOf(err error) (kind string, refused bool) {
	var my *mysql.MySQLError
	if errors.As(err, &my) {
		return fmt.Sprintf("error %d", my.Number), true
	}
	if strings.Contains(err.Error(), "refused") {
		return "connection refused", false
	}
	return "connection lost", false
}

// Stop ends the load after the writes that are under way.
func (l *Load) Stop() {
	l.cancel()
	l.wg.Wait()
	_ = l.db.Close() // its connections are idle
}

// Acked is how many writes were acknowledged so far.
func (l *Load) Acked() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acked)
}

// Outage is a time in which writes failed: from the last acknowledged one
// before a failure to the first one after it.
type Outage struct {
	From, To time.Time
	Failures map[string]int // by kind
}

// Length of the outage.
func (o Outage) Length() time.Duration { return o.To.Sub(o.From) }

// Outages finds the outages of what was written so far.
func (l *Load) Outages() []Outage {
	l.mu.Lock()
	acked, errs := slices.Clone(l.acked), slices.Clone(l.errs)
	l.mu.Unlock()
	return outages(acked, errs)
}

func outages(acked []Ack, errs []Failure) []Outage {
	slices.SortFunc(acked, func(a, b Ack) int { return a.At.Compare(b.At) })
	slices.SortFunc(errs, func(a, b Failure) int { return a.At.Compare(b.At) })
	var out []Outage
	for _, e := range errs {
		if n := len(out); n > 0 && !e.At.After(out[n-1].To) {
			out[n-1].Failures[e.Kind]++
			continue
		}
		after, _ := slices.BinarySearchFunc(acked, e.At, func(a Ack, t time.Time) int { return a.At.Compare(t) })
		if after == 0 || after == len(acked) {
			continue // before the first or after the last write that went through
		}
		out = append(out, Outage{From: acked[after-1].At, To: acked[after].At, Failures: map[string]int{e.Kind: 1}})
	}
	return out
}

// Count compares what the load knows with the rows that a server has.
type Count struct {
	Acked   int
	Rows    int
	Lost    []int64 // acknowledged, and not there
	Doubled []int64 // there more than once
	Ghosts  []int64 // refused by the server, and there all the same
	Unknown int     // nobody knows: the connection broke before the answer
	Kept    int     // of those, how many are there
}

// Good tells that nothing was lost, doubled or made up.
func (c Count) Good() bool {
	return c.Acked > 0 && len(c.Lost)+len(c.Doubled)+len(c.Ghosts) == 0
}

// Compare reads the rows of the server behind a name. Stop the load first.
func (l *Load) Compare(ctx context.Context, lab *Lab, name string) (Count, error) {
	s, err := lab.behind(name)
	if err != nil {
		return Count{}, err
	}
	rows, err := s.root.QueryContext(ctx, "SELECT n, COUNT(*) FROM shop.writes GROUP BY n")
	if err != nil {
		return Count{}, fmt.Errorf("read the rows of %s: %w", name, err)
	}
	defer rows.Close()
	there := map[int64]int{}
	for rows.Next() {
		var n int64
		var times int
		if err := rows.Scan(&n, &times); err != nil {
			return Count{}, fmt.Errorf("read the rows of %s: %w", name, err)
		}
		there[n] = times
	}
	if err := rows.Err(); err != nil {
		return Count{}, fmt.Errorf("read the rows of %s: %w", name, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return compare(l.acked, l.refused, l.unknown, there), nil
}

func compare(acked []Ack, refused, unknown map[int64]bool, there map[int64]int) Count {
	c := Count{Acked: len(acked), Unknown: len(unknown)}
	for _, a := range acked {
		if there[a.N] == 0 {
			c.Lost = append(c.Lost, a.N)
		}
	}
	for n, times := range there {
		c.Rows += times
		switch {
		case times > 1:
			c.Doubled = append(c.Doubled, n)
		case refused[n]:
			c.Ghosts = append(c.Ghosts, n)
		case unknown[n]:
			c.Kept++
		}
	}
	slices.Sort(c.Doubled)
	slices.Sort(c.Ghosts)
	return c
}
