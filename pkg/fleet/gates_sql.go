package fleet

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/precheck"
)

// server is one server that is asked several things.
type server struct {
	id string
	db *sql.DB
}

// dial opens a server by the plan's connection; the caller closes it.
func (a *Access) dial(ctx context.Context, ep Endpoint) (*server, error) {
	t, err := a.target(ctx, ep)
	if err != nil {
		return nil, err
	}
	db, err := t.Open()
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(2)
	return &server{id: ep.ID, db: db}, nil
}

func (s *server) close() { _ = s.db.Close() } // it was only used for statements of its own

// rows asks for rows by column name, in the newer servers' words; the tag
// tells a DBA, and a recording, what the statement is for.
func (s *server) rows(ctx context.Context, tag, query string) ([]map[string]string, error) {
	rows, err := s.db.QueryContext(ctx, "/* rdsupgrade:gate."+tag+" */ "+query)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", s.id, err)
	}
	defer rows.Close()
	cols, err := rows.Columns()
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", s.id, err)
	}
	values, into := make([]sql.NullString, len(cols)), make([]any, len(cols))
	for i := range values {
		into[i] = &values[i]
	}
	var out []map[string]string
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return nil, fmt.Errorf("ask %s: %w", s.id, err)
		}
		row := map[string]string{}
		for i, c := range cols {
			if values[i].Valid {
				row[newerWords.Replace(c)] = values[i].String
			}
		}
		out = append(out, row)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("ask %s: %w", s.id, err)
	}
	return out, nil
}

var newerWords = strings.NewReplacer("Slave", "Replica", "Master", "Source")

// either asks in the newer words, and where they are not understood in the old ones.
func (s *server) either(ctx context.Context, tag, newer, older string) ([]map[string]string, error) {
	rows, err := s.rows(ctx, tag, newer)
	if precheck.IsSyntaxError(errors.Unwrap(err)) {
		return s.rows(ctx, tag, older)
	}
	return rows, err
}

// reading is a value or the reason why there is none.
func reading[T any](v T, err error) bluegreen.Reading[T] {
	if err != nil {
		return bluegreen.Reading[T]{Err: err.Error()}
	}
	return bluegreen.Reading[T]{Value: v}
}

// transactions are the open ones of clients.
func (s *server) transactions(ctx context.Context) ([]bluegreen.Transaction, error) {
	rows, err := s.rows(ctx, "transactions", "SELECT t.trx_mysql_thread_id AS id, TIMESTAMPDIFF(SECOND, t.trx_started, NOW()) AS secs, t.trx_rows_modified AS modified "+
		"FROM information_schema.INNODB_TRX t JOIN information_schema.PROCESSLIST p ON p.ID = t.trx_mysql_thread_id WHERE p.USER <> 'system user'")
	if err != nil {
		return nil, err
	}
	var out []bluegreen.Transaction
	for _, r := range rows {
		out = append(out, bluegreen.Transaction{Connection: r["id"], For: secondsOf(r["secs"]), Wrote: r["modified"] != "0" && r["modified"] != ""})
	}
	return out, nil
}

// running are the statements of clients that run now.
func (s *server) running(ctx context.Context) ([]bluegreen.Transaction, error) {
	rows, err := s.rows(ctx, "statements", "SELECT ID AS id, TIME AS secs, LEFT(INFO, 40) AS statement FROM information_schema.PROCESSLIST "+
		"WHERE COMMAND = 'Query' AND USER <> 'system user' AND ID <> CONNECTION_ID()")
	if err != nil {
		return nil, err
	}
	var out []bluegreen.Transaction
	for _, r := range rows {
		out = append(out, bluegreen.Transaction{Connection: r["id"], For: secondsOf(r["secs"]), Statement: r["statement"]})
	}
	return out, nil
}

func secondsOf(s string) time.Duration {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second
}

func (s *server) prepared(ctx context.Context) (int, error) {
	rows, err := s.rows(ctx, "xa", "XA RECOVER")
	return len(rows), err
}

func (s *server) history(ctx context.Context) (int64, error) {
	rows, err := s.rows(ctx, "history", "SELECT COUNT AS n FROM information_schema.INNODB_METRICS WHERE NAME = 'trx_rseg_history_len'")
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	n, err := strconv.ParseInt(rows[0]["n"], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read the history list's length: %w", err)
	}
	return n, nil
}

// replication is what the server says of its own.
func (s *server) replication(ctx context.Context) (bluegreen.Replication, error) {
	rows, err := s.either(ctx, "replica", "SHOW REPLICA STATUS", "SHOW SLAVE STATUS")
	if err != nil || len(rows) == 0 {
		return bluegreen.Replication{}, err
	}
	r := rows[0]
	out := bluegreen.Replication{Configured: true, Receiver: r["Replica_IO_Running"], Applier: r["Replica_SQL_Running"],
		ReceiverError: r["Last_IO_Error"], ApplierError: r["Last_SQL_Error"], File: r["Relay_Source_Log_File"]}
	out.Position, _ = strconv.ParseUint(r["Exec_Source_Log_Pos"], 10, 64) // absent on a server that has applied nothing: 0
	out.ReceiverErrno, _ = strconv.Atoi(r["Last_IO_Errno"])
	if sec, err := strconv.ParseFloat(r["Seconds_Behind_Source"], 64); err == nil {
		out.Seconds = &sec
	}
	return out, nil
}

// place is where the server's own binary log stands.
func (s *server) place(ctx context.Context) (file string, pos uint64, err error) {
	rows, err := s.either(ctx, "binlog", "SHOW BINARY LOG STATUS", "SHOW MASTER STATUS")
	if err != nil {
		return "", 0, err
	}
	if len(rows) == 0 || rows[0]["File"] == "" {
		return "", 0, fmt.Errorf("%s writes no binary log", s.id)
	}
	pos, err = strconv.ParseUint(rows[0]["Position"], 10, 64)
	return rows[0]["File"], pos, err
}

// greenWrites is what can be seen of writes on green.
func (s *server) greenWrites(ctx context.Context) (bluegreen.GreenWrites, error) {
	rows, err := s.rows(ctx, "read-only", "SELECT @@global.read_only AS ro")
	if err != nil || len(rows) == 0 {
		return bluegreen.GreenWrites{}, err
	}
	open, err := s.transactions(ctx)
	return bluegreen.GreenWrites{ReadOnly: rows[0]["ro"] == "1", Open: open}, err
}

// arrival takes blue's place in its log and waits until green has applied it.
// It writes nothing: on an idle blue the place is there at once.
func arrival(ctx context.Context, clock Clock, blue, green *server, most time.Duration) (bluegreen.Arrival, error) {
	file, pos, err := blue.place(ctx)
	if err != nil {
		return bluegreen.Arrival{}, err
	}
	a := bluegreen.Arrival{Mark: fmt.Sprintf("blue's write at %s:%d", file, pos)}
	begin := clock.Now()
	for {
		r, err := green.replication(ctx)
		if err != nil {
			return a, err
		}
		a.After = clock.Now().Sub(begin)
		if a.Arrived = reached(r, file, pos); a.Arrived || a.After > most {
			return a, nil
		}
		if err := clock.Sleep(ctx, 50*time.Millisecond); err != nil {
			return a, err
		}
	}
}

// reached tells whether a replica has applied its source's log to a place.
// Names of binary logs end in a number that only grows, with as many digits as
// it needs beyond six.
func reached(r bluegreen.Replication, file string, pos uint64) bool {
	switch {
	case r.File == file:
		return r.Position >= pos
	case len(r.File) != len(file):
		return len(r.File) > len(file)
	}
	return r.File > file
}
