package fleet

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"

	"github.com/go-sql-driver/mysql"
)

// Pulse implements Pulser over the plan's connection. A line is one
// connection at a time, so that a broken one is felt as clients feel it.
func (a *Access) Pulse(ctx context.Context, ep Endpoint) (PulseLine, error) {
	t, err := a.target(ctx, ep)
	if err != nil {
		return nil, err
	}
	t.ConnectTimeout = pulseTimeout
	db, err := t.Open()
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	db.SetMaxIdleConns(1)
	return pulseLine{db}, nil
}

type pulseLine struct{ db *sql.DB }

// Ask implements PulseLine. read_only is what stops an application's writes;
// the tool itself must not write into anybody's tables.
func (l pulseLine) Ask(ctx context.Context) (writable bool, kind string, err error) {
	var ro string
	if err := l.db.QueryRowContext(ctx, "SELECT @@global.read_only").Scan(&ro); err != nil {
		return false, failureKind(err), err
	}
	return ro == "0" || ro == "OFF", "", nil
}

// Close implements PulseLine.
func (l pulseLine) Close() error { return l.db.Close() }

// failureKind names an error in a word or two.
func failureKind(err error) string {
	var my *mysql.MySQLError
	var op *net.OpError
	var late net.Error
	switch {
	case errors.As(err, &my):
		return fmt.Sprintf("error %d", my.Number)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &late) && late.Timeout():
		return "no answer in time"
	case errors.As(err, &op) && op.Op == "dial":
		return "connection refused"
	}
	return "connection lost"
}
