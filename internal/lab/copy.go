package lab

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// rowsPerInsert bounds the statements that carry copied rows.
const rowsPerInsert = 200

// copier carries the schemas of one server to another, from one consistent point.
type copier struct {
	from, to *sql.Conn
}

// copyData makes to a copy of from and answers the place in from's binary log
// that the copy is of: the lock lasts until the snapshot is open.
func copyData(ctx context.Context, from, to *server) (file string, pos uint64, err error) {
	c := &copier{}
	if c.from, err = from.root.Conn(ctx); err != nil {
		return "", 0, fmt.Errorf("connect to blue: %w", err)
	}
	defer c.from.Close()
	if c.to, err = to.root.Conn(ctx); err != nil {
		return "", 0, fmt.Errorf("connect to green: %w", err)
	}
	defer c.to.Close()
	if err := execAll(ctx, c.to, "SET SESSION sql_log_bin=0, foreign_key_checks=0, unique_checks=0, sql_mode='NO_AUTO_VALUE_ON_ZERO', "+
		"default_collation_for_utf8mb4=utf8mb4_general_ci, time_zone='+00:00'"); err != nil {
		return "", 0, err
	}
	if err := execAll(ctx, c.from, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SET SESSION time_zone='+00:00'", "FLUSH TABLES WITH READ LOCK"); err != nil {
		return "", 0, err
	}
	file, pos, err = from.position(ctx)
	if err = errorsOf(err, execAll(ctx, c.from, "START TRANSACTION WITH CONSISTENT SNAPSHOT"), execAll(ctx, c.from, "UNLOCK TABLES")); err != nil {
		return "", 0, err
	}
	err = c.all(ctx)
	return file, pos, errorsOf(err, execAll(ctx, c.from, "COMMIT"), execAll(ctx, c.to, "SET SESSION sql_log_bin=1"))
}

const foreign = "('mysql','sys','information_schema','performance_schema')"

func (c *copier) all(ctx context.Context) error {
	schemas, err := c.names(ctx, "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME NOT IN "+foreign)
	if err != nil {
		return err
	}
	steps := []func(context.Context, string) error{c.schema, c.tables, c.routines, c.views, c.triggers, c.events}
	for _, step := range steps {
		for _, s := range schemas {
			if err := step(ctx, s); err != nil {
				return fmt.Errorf("copy schema %s: %w", s, err)
			}
		}
	}
	return nil
}

// names answers the first column.
func (c *copier) names(ctx context.Context, q string, args ...any) ([]string, error) {
	rows, err := c.from.QueryContext(ctx, q, args...)
	if err != nil {
		return nil, fmt.Errorf("run %q: %w", brief(q), err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

func (c *copier) schema(ctx context.Context, schema string) error {
	return c.recreate(ctx, "SHOW CREATE DATABASE "+ident(schema), "Create Database", "")
}

// recreate runs on green what blue says an object was made of.
func (c *copier) recreate(ctx context.Context, show, column, schema string) error {
	row, err := one(ctx, c.from, show)
	if err != nil {
		return err
	}
	mode := strings.ReplaceAll(row["sql_mode"], "NO_AUTO_CREATE_USER", "")
	stmts := []string{"SET SESSION sql_mode=" + quote(strings.Trim(strings.ReplaceAll(mode, ",,", ","), ","))}
	if mode == "" {
		stmts = []string{"SET SESSION sql_mode='NO_AUTO_VALUE_ON_ZERO'"}
	}
	if schema != "" {
		stmts = append(stmts, "USE "+ident(schema))
	}
	return execAll(ctx, c.to, append(stmts, row[column])...)
}

func (c *copier) tables(ctx context.Context, schema string) error {
	tables, err := c.names(ctx, "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA=? AND TABLE_TYPE='BASE TABLE'", schema)
	for _, t := range tables {
		if err = c.recreate(ctx, "SHOW CREATE TABLE "+ident(schema)+"."+ident(t), "Create Table", schema); err == nil {
			err = c.rows(ctx, schema, t)
		}
		if err != nil {
			return fmt.Errorf("table %s: %w", t, err)
		}
	}
	return err
}

// rows copies a table's rows; generated columns make themselves.
func (c *copier) rows(ctx context.Context, schema, table string) error {
	cols, err := c.names(ctx, "SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA=? AND TABLE_NAME=? AND EXTRA NOT LIKE '%GENERATED%' ORDER BY ORDINAL_POSITION", schema, table)
	if err != nil {
		return err
	}
	for i := range cols {
		cols[i] = ident(cols[i])
	}
	list, name := strings.Join(cols, ","), ident(schema)+"."+ident(table)
	rows, err := c.from.QueryContext(ctx, "SELECT "+list+" FROM "+name)
	if err != nil {
		return fmt.Errorf("read rows: %w", err)
	}
	defer rows.Close()
	one := "(" + strings.TrimSuffix(strings.Repeat("?,", len(cols)), ",") + ")"
	var batch []any
	flush := func() error {
		n := len(batch) / len(cols)
		if n == 0 {
			return nil
		}
		_, err := c.to.ExecContext(ctx, "INSERT INTO "+name+" ("+list+") VALUES "+strings.TrimSuffix(strings.Repeat(one+",", n), ","), batch...)
		batch = batch[:0]
		return err
	}
	for rows.Next() {
		values, into := make([]*string, len(cols)), make([]any, len(cols))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return fmt.Errorf("read rows: %w", err)
		}
		for _, v := range values {
			if v == nil {
				batch = append(batch, nil)
			} else {
				batch = append(batch, *v)
			}
		}
		if len(batch) >= rowsPerInsert*len(cols) {
			if err := flush(); err != nil {
				return fmt.Errorf("write rows: %w", err)
			}
		}
	}
	if err := errorsOf(rows.Err(), flush()); err != nil {
		return fmt.Errorf("copy rows: %w", err)
	}
	return nil
}

func (c *copier) routines(ctx context.Context, schema string) error {
	for _, kind := range []string{"PROCEDURE", "FUNCTION"} {
		names, err := c.names(ctx, "SELECT ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA=? AND ROUTINE_TYPE=?", schema, kind)
		if err != nil {
			return err
		}
		column := "Create " + kind[:1] + strings.ToLower(kind[1:])
		for _, n := range names {
			if err := c.recreate(ctx, "SHOW CREATE "+kind+" "+ident(schema)+"."+ident(n), column, schema); err != nil {
				return fmt.Errorf("%s %s: %w", strings.ToLower(kind), n, err)
			}
		}
	}
	return nil
}

func (c *copier) views(ctx context.Context, schema string) error {
	names, err := c.names(ctx, "SELECT TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA=?", schema)
	if err != nil {
		return err
	}
	// A view may read another one that is not there yet: those are tried again
	// as long as a round makes at least one.
	for len(names) > 0 {
		var left []string
		var last error
		for _, n := range names {
			if err := c.recreate(ctx, "SHOW CREATE VIEW "+ident(schema)+"."+ident(n), "Create View", schema); err != nil {
				left, last = append(left, n), fmt.Errorf("view %s: %w", n, err)
			}
		}
		if len(left) == len(names) {
			return last
		}
		names = left
	}
	return nil
}

func (c *copier) triggers(ctx context.Context, schema string) error {
	names, err := c.names(ctx, "SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA=? ORDER BY EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION, ACTION_ORDER", schema)
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := c.recreate(ctx, "SHOW CREATE TRIGGER "+ident(schema)+"."+ident(n), "SQL Original Statement", schema); err != nil {
			return fmt.Errorf("trigger %s: %w", n, err)
		}
	}
	return nil
}

// events keep their state: green's scheduler is off until after the switchover,
// as RDS demands.
func (c *copier) events(ctx context.Context, schema string) error {
	names, err := c.names(ctx, "SELECT EVENT_NAME FROM information_schema.EVENTS WHERE EVENT_SCHEMA=?", schema)
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := c.recreate(ctx, "SHOW CREATE EVENT "+ident(schema)+"."+ident(n), "Create Event", schema); err != nil {
			return fmt.Errorf("event %s: %w", n, err)
		}
	}
	return nil
}
