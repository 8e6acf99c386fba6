package precheck

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Exchange is one statement of the reader and the server's answer.
type Exchange struct {
	// Tag names the statement; it stands in the comment that begins its text.
	Tag     string
	SQL     string
	Columns []ExchangeColumn
	Rows    [][]*string
	// Code and Message are the server's error, 0 and "" when there was none.
	Code    int
	Message string
}

// ExchangeColumn is a column of an answer with the driver's name for its type.
type ExchangeColumn struct{ Name, Type string }

// session is one connection, made harmless: read only, bounded in time, and
// without a transaction that would hold back purge.
type session struct {
	r    *reader
	conn *sql.Conn
}

// row is one row in the text protocol; it is valid until the next one.
type row []sql.RawBytes

func (r row) null(i int) bool  { return r[i] == nil }
func (r row) str(i int) string { return string(r[i]) }

func (r row) int(i int) int64 {
	n, err := strconv.ParseInt(string(r[i]), 10, 64)
	if err != nil {
		f, err := strconv.ParseFloat(string(r[i]), 64)
		if err != nil {
			return 0
		}
		return int64(f)
	}
	return n
}

func (r row) uint(i int) uint64 {
	n, err := strconv.ParseUint(string(r[i]), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func (r *reader) open(ctx context.Context) (*session, error) {
	// The driver bounds dialling, not the wait for the server's greeting.
	limit := r.target.ConnectTimeout
	if limit <= 0 {
		limit = defaultConnectTimeout
	}
	login, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	conn, err := r.db.Conn(login)
	if err != nil {
		if ctx.Err() != nil {
			return nil, r.ended(err)
		}
		return nil, connectError(r.target, err, r.dialled.Load())
	}
	s := &session{r: r, conn: conn}
	if err := s.setUp(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return s, nil
}

// setUp makes the session harmless. Read-only is a property of the session's
// single statements, not one long transaction: that would keep a read view
// open and make the history list grow on the very server being checked.
func (s *session) setUp(ctx context.Context) error {
	ms := s.r.opts.StatementTimeout.Milliseconds()
	must := []struct{ tag, sql string }{
		{"session.read_only", "SET SESSION TRANSACTION READ ONLY"},
		{"session.limits", "SET SESSION sql_mode='', time_zone='SYSTEM', group_concat_max_len=1048576, lock_wait_timeout=5, " +
			"net_read_timeout=60, net_write_timeout=60, wait_timeout=900"},
	}
	for _, m := range must {
		if err := s.exec(ctx, m.tag, m.sql); err != nil {
			if isServerError(err) {
				return &ConnectError{Code: CodeServerError, Addr: s.r.target.Address, Err: fmt.Errorf("prepare the session: %w", err)}
			}
			return connectError(s.r.target, err, s.r.dialled.Load())
		}
	}
	may := []struct{ tag, sql string }{
		// The limit is new in 5.7.8; show_old_temporals is gone in 8.4.
		{"session.max_execution_time", fmt.Sprintf("SET SESSION max_execution_time=%d", ms)},
		{"session.show_old_temporals", "SET SESSION show_old_temporals=ON"},
	}
	for _, m := range may {
		if err := s.exec(ctx, m.tag, m.sql); err != nil && !isServerError(err) {
			return connectError(s.r.target, err, s.r.dialled.Load())
		}
	}
	return nil
}

func (s *session) close() { _ = s.conn.Close() }

func (s *session) exec(ctx context.Context, tag, text string) error {
	return s.query(ctx, tag, text, func(row) error { return nil })
}

// query runs one tagged statement and hands over each row. Placeholders are
// never used: the statement as a whole is what a recording knows.
func (s *session) query(ctx context.Context, tag, text string, each func(row) error) (err error) {
	text = "/* rdsupgrade:" + tag + " */ " + text
	ctx, cancel := context.WithTimeout(ctx, s.r.opts.StatementTimeout+20*time.Second)
	defer cancel()
	var seen *Exchange
	if s.r.opts.Observe != nil {
		seen = &Exchange{Tag: tag, SQL: text}
		defer func() {
			var my *mysql.MySQLError
			if errors.As(err, &my) {
				seen.Code, seen.Message = int(my.Number), my.Message
			}
			s.r.observe(*seen)
		}()
	}
	rows, err := s.conn.QueryContext(ctx, text)
	if err != nil {
		return fmt.Errorf("read %s: %w", tag, err)
	}
	defer rows.Close()
	cols, err := rows.ColumnTypes()
	if err != nil {
		return fmt.Errorf("read %s: %w", tag, err)
	}
	if seen != nil {
		for _, c := range cols {
			seen.Columns = append(seen.Columns, ExchangeColumn{Name: c.Name(), Type: c.DatabaseTypeName()})
		}
	}
	values := make(row, len(cols))
	dest := make([]any, len(cols))
	for i := range values {
		dest[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return fmt.Errorf("read %s: %w", tag, err)
		}
		if seen != nil {
			seen.Rows = append(seen.Rows, values.copy())
		}
		if err := each(values); err != nil {
			return fmt.Errorf("read %s: %w", tag, err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read %s: %w", tag, err)
	}
	return nil
}

func (r row) copy() []*string {
	out := make([]*string, len(r))
	for i := range r {
		if r[i] != nil {
			v := string(r[i])
			out[i] = &v
		}
	}
	return out
}

func isServerError(err error) bool {
	var my *mysql.MySQLError
	return errors.As(err, &my)
}

// isLost tells an error of the connection from one of the statement.
func isLost(err error) bool {
	var n net.Error
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, mysql.ErrInvalidConn) || errors.Is(err, sql.ErrConnDone) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &n)
}
