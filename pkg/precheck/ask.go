package precheck

import (
	"context"
	"database/sql"
	"errors"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Ask opens one connection, asks one question and closes it, for the few
// things that are no audit (version, replica lag). It returns the rows as text
// by column name; NULL is absent. Connecting fails with a *ConnectError.
func Ask(ctx context.Context, t Target, query string) ([]map[string]string, error) {
	var dialled atomic.Bool
	db, err := t.open(&dialled)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, connectError(t, err, dialled.Load())
	}
	defer conn.Close()
	rows, err := conn.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	return texts(rows)
}

// Open gives a pool on the server; connecting happens at first use.
func (t Target) Open() (*sql.DB, error) { return t.open(new(atomic.Bool)) }

func (t Target) open(dialled *atomic.Bool) (*sql.DB, error) {
	cfg, err := t.config(ReadOptions{StatementTimeout: 30 * time.Second}, func() { dialled.Store(true) })
	if err != nil {
		return nil, err
	}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, connectError(t, err, false)
	}
	return sql.OpenDB(connector), nil
}

func texts(rows *sql.Rows) ([]map[string]string, error) {
	cols, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var out []map[string]string
	for rows.Next() {
		vals := make([]sql.NullString, len(cols))
		ptrs := make([]any, len(cols))
		for i := range vals {
			ptrs[i] = &vals[i]
		}
		if err := rows.Scan(ptrs...); err != nil {
			return nil, err
		}
		row := make(map[string]string, len(cols))
		for i, c := range cols {
			if vals[i].Valid {
				row[c] = vals[i].String
			}
		}
		out = append(out, row)
	}
	return out, rows.Err()
}

// IsSyntaxError tells whether the server did not understand the statement.
func IsSyntaxError(err error) bool {
	var my *mysql.MySQLError
	return errors.As(err, &my) && my.Number == 1064
}
