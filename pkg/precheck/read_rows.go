package precheck

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// checkJobs are CHECK TABLE ... FOR UPGRADE, one table each: they wait for
// metadata locks and read data, which is why they run only when asked for.
func (r *reader) checkJobs() []job {
	var jobs []job
	number := 0
	for part := range slices.Chunk(slices.Clone(r.cat.Tables), 50) {
		from := number
		number += len(part)
		jobs = append(jobs, job{SectionCheckTable, func(ctx context.Context, s *session) error { return r.checkTables(ctx, s, part, from) }})
	}
	if len(jobs) == 0 {
		r.cat.Sections[SectionCheckTable] = SectionState{Status: SectionRead}
	}
	return jobs
}

// checkTables checks a part of the tables. Since 8.0 the server refuses the
// statement in a read-only session although it changes nothing, so that the
// session is opened up for this statement alone.
func (r *reader) checkTables(ctx context.Context, s *session, tables []Table, from int) (err error) {
	if !r.old {
		if err := s.exec(ctx, "session.read_write", "SET SESSION TRANSACTION READ WRITE"); err != nil {
			return err
		}
		defer func() {
			err = errors.Join(err, s.exec(ctx, "session.read_only", "SET SESSION TRANSACTION READ ONLY"))
		}()
	}
	// Up to 5.7.39 the server calls some views corrupt when the session has no
	// default schema.
	if err := s.exec(ctx, "use", "USE information_schema"); err != nil && !isServerError(err) {
		return err
	}
	for i, t := range tables {
		if err := r.checkTable(ctx, s, t, from+i+1); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) checkTable(ctx context.Context, s *session, t Table, number int) error {
	var out []CheckTable
	err := s.query(ctx, "check_table."+strconv.Itoa(number), "CHECK TABLE "+quoteIdent(t.Schema, t.Name)+" FOR UPGRADE", func(w row) error {
		if kind, msg := w.str(2), w.str(3); kind != "status" || msg != "OK" {
			out = append(out, CheckTable{Schema: t.Schema, Table: t.Name, MsgType: kind, Msg: msg})
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cat.CheckTables = append(r.cat.CheckTables, out...)
	return nil
}

// zeroDateJobs count zero dates in a sample of rows. No value leaves the
// server, only how many rows of the sample have one.
func (r *reader) zeroDateJobs() []job {
	columns := map[tableName][]string{}
	var order []tableName
	views := map[tableName]bool{}
	for _, t := range r.cat.Tables {
		if t.View {
			views[tableName{t.Schema, t.Name}] = true
		}
	}
	for _, c := range r.cat.Columns {
		k := tableName{c.Schema, c.Table}
		switch c.DataType {
		case "date", "datetime", "timestamp":
		default:
			continue
		}
		if views[k] {
			continue
		}
		if columns[k] == nil {
			order = append(order, k)
		}
		columns[k] = append(columns[k], c.Name)
	}
	var jobs []job
	for i, t := range order {
		jobs = append(jobs, job{SectionZeroData, func(ctx context.Context, s *session) error {
			return r.sampleZeroDates(ctx, s, t, columns[t], i+1)
		}})
	}
	if len(jobs) == 0 {
		r.cat.Sections[SectionZeroData] = SectionState{Status: SectionRead}
	}
	return jobs
}

func (r *reader) sampleZeroDates(ctx context.Context, s *session, t tableName, columns []string, number int) error {
	var sums, names []string
	for _, c := range columns {
		q := quoteIdent(c)
		// MONTH and DAYOFMONTH find 2010-00-00 as well, which sql_mode's
		// NO_ZERO_IN_DATE forbids.
		sums = append(sums, fmt.Sprintf("COALESCE(SUM(MONTH(%s) = 0 OR DAYOFMONTH(%s) = 0), 0)", q, q))
		names = append(names, q)
	}
	text := fmt.Sprintf("SELECT %s FROM (SELECT %s FROM %s LIMIT %d) rdsupgrade", strings.Join(sums, ", "), strings.Join(names, ", "),
		quoteIdent(t.schema, t.table), r.opts.SampleZeroDates)
	found := map[string]uint64{}
	err := s.query(ctx, "zero_dates."+strconv.Itoa(number), text, func(w row) error {
		for i, c := range columns {
			if n := w.uint(i); n > 0 {
				found[t.schema+"."+t.table+"."+c] = n
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cat.Activity.ZeroDates == nil {
		r.cat.Activity.ZeroDates = map[string]uint64{}
	}
	for k, n := range found {
		r.cat.Activity.ZeroDates[k] = n
	}
	return nil
}
