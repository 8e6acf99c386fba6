package fleet

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/go-sql-driver/mysql"
)

// line is one connection for long work: read only, bounded in time per
// statement, and the same in everything that changes how values look.
type line struct {
	s    *server
	conn *sql.Conn
}

// line opens one. limit bounds each statement, by the server itself.
func (s *server) line(ctx context.Context, limit time.Duration) (*line, error) {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", s.id, err)
	}
	l := &line{s: s, conn: conn}
	for _, q := range []string{
		"SET NAMES utf8mb4",
		"SET SESSION TRANSACTION READ ONLY",
		"SET SESSION sql_mode='', time_zone='+00:00', lock_wait_timeout=5",
		"SET SESSION max_execution_time=" + strconv.FormatInt(limit.Milliseconds(), 10),
	} {
		if _, err := l.ask(ctx, "session", q); err != nil {
			l.close()
			return nil, err
		}
	}
	return l, nil
}

func (l *line) close() { _ = l.conn.Close() } // nothing of it is awaited

// ask runs one statement and answers its rows by position; NULL is nil.
func (l *line) ask(ctx context.Context, tag, query string) ([][]*string, error) {
	rows, err := l.conn.QueryContext(ctx, "/* rdsupgrade:gate."+tag+" */ "+query)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", l.s.id, err)
	}
	defer rows.Close()
	cols, err := rows.Columns()
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", l.s.id, err)
	}
	values, into := make([]sql.NullString, len(cols)), make([]any, len(cols))
	for i := range values {
		into[i] = &values[i]
	}
	var out [][]*string
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return nil, fmt.Errorf("ask %s: %w", l.s.id, err)
		}
		row := make([]*string, len(cols))
		for i := range values {
			if values[i].Valid {
				v := values[i].String
				row[i] = &v
			}
		}
		out = append(out, row)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("ask %s: %w", l.s.id, err)
	}
	return out, nil
}

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

func number(p *string) int64 {
	n, err := strconv.ParseInt(text(p), 10, 64)
	if err != nil {
		return 0 // estimates only: NULL and what is beyond int64 count as unknown
	}
	return n
}

// serverSaid is the number of the server's own error, 0 when the error is of
// the connection or of this program.
func serverSaid(err error) uint16 {
	var my *mysql.MySQLError
	if errors.As(err, &my) {
		return my.Number
	}
	return 0
}

// Errors of servers: ER_QUERY_TIMEOUT (max_execution_time), ER_LOCK_WAIT_TIMEOUT.
const (
	tookTooLong  = 3024
	waitedLocked = 1205
)

// errPause ends a turn of long work; it goes on with the next.
var errPause = errors.New("the turn is over")

// busyRest is how long work waits before it looks again whether blue is less busy.
const busyRest = time.Second

// calmBlue waits until blue has at most so many threads running, or the turn is over.
func calmBlue(ctx context.Context, clock Clock, blue *server, most int, until time.Time) error {
	for {
		rows, err := blue.rows(ctx, "load", "SHOW GLOBAL STATUS LIKE 'Threads_running'")
		if err != nil {
			return err
		}
		n := 0
		if len(rows) == 1 {
			if n, err = strconv.Atoi(rows[0]["Value"]); err != nil {
				return fmt.Errorf("read how many threads of %s run: %w", blue.id, err)
			}
		}
		if n <= most {
			return nil
		}
		if clock.Now().After(until) {
			return fmt.Errorf("%w: %s has %d threads running, more than %d", errPause, blue.id, n, most)
		}
		if err := clock.Sleep(ctx, busyRest); err != nil {
			return err
		}
	}
}

// settleLimit is how long green may take to what blue has before a turn is ended.
const settleLimit = 20 * time.Second

// settled waits until green has applied what blue's log holds now.
func settled(ctx context.Context, clock Clock, blue, green *server) error {
	a, err := arrival(ctx, clock, blue, green, settleLimit)
	if err == nil && !a.Arrived {
		err = fmt.Errorf("%w: %s is behind: %s was not there after %s", errPause, green.id, a.Mark, a.After.Round(time.Second))
	}
	return err
}
