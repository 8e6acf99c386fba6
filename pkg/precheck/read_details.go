package precheck

import (
	"cmp"
	"context"
	"slices"
	"strings"
)

// listSize is how many names one IN list holds at most.
const listSize = 400

// details reads what the dictionary showed to be worth a closer look: bodies
// in their exact text, partitions of partitioned tables, and the few columns
// of the dictionary views for which a 5.7 server opens tables in their engine.
func (r *reader) details() []job {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sortPrograms()
	var views, parted, foreign []tableName
	for _, t := range r.cat.Tables {
		n := tableName{t.Schema, t.Name}
		switch {
		case t.View:
			views = append(views, n)
		case strings.Contains(t.CreateOptions, "partitioned"):
			parted = append(parted, n)
		}
		if !t.View && t.Engine != "InnoDB" {
			foreign = append(foreign, n)
		}
	}
	var jobs []job
	part := func(s Section, names []tableName, read func(context.Context, *session, scope) error) {
		slices.SortFunc(names, compareNames)
		inParts(names, listSize, func(sc scope) {
			jobs = append(jobs, job{s, func(ctx context.Context, s *session) error { return read(ctx, s, sc) }})
		})
	}
	part(SectionViews, views, r.readViews)
	part(SectionPartitions, parted, r.readPartitions)
	if r.old && !r.noInno {
		part(SectionIndexes, foreign, r.readEngineIndexTypes)
	}
	if r.old {
		part(SectionAutoIncrement, r.smallAutoIncrement(), r.readAutoIncrement)
	}
	// The lists came out of the tables: without a table list, none is complete.
	state := r.cat.Sections[SectionTables]
	lists := []Section{SectionViews, SectionPartitions, SectionAutoIncrement}
	if !r.old {
		lists = append(lists, SectionSizes)
	}
	for _, s := range lists {
		if _, ok := r.cat.Sections[s]; ok {
			continue
		}
		switch state.Status {
		case SectionRead, SectionPartial, SectionFailed:
			state.Missing = 0
			r.cat.Sections[s] = state
		}
	}
	if !r.noInno {
		jobs = append(jobs, job{SectionInnoColumns, r.readInnoColumns})
	} else {
		r.cat.Sections[SectionInnoColumns] = r.cat.Sections[SectionInnoTables]
	}
	jobs = append(jobs, r.exactJobs()...)
	if r.opts.CheckTables {
		jobs = append(jobs, r.checkJobs()...)
	}
	if r.opts.SampleZeroDates > 0 {
		jobs = append(jobs, r.zeroDateJobs()...)
	}
	return jobs
}

func compareNames(a, b tableName) int {
	return cmp.Or(cmp.Compare(a.schema, b.schema), cmp.Compare(a.table, b.table))
}

// exactJobs lists the programs whose text may have lost something: the
// dictionary views unescape what stands in quotes, and nothing else.
func (r *reader) exactJobs() []job {
	var jobs []job
	number := map[ProgramKind]int{}
	for i := range r.cat.Programs {
		p := &r.cat.Programs[i]
		if p.Exact || p.Kind == KindView {
			continue
		}
		routine := p.Kind == KindProcedure || p.Kind == KindFunction
		if p.HasBody && !routine && !strings.ContainsAny(p.Body, `'"`) {
			p.Exact = true
			continue
		}
		number[p.Kind]++
		n := number[p.Kind]
		jobs = append(jobs, job{"", func(ctx context.Context, s *session) error { return r.readExact(ctx, s, i, n) }})
	}
	return jobs
}

func (r *reader) readPartitions(ctx context.Context, s *session, sc scope) error {
	text := "SELECT TABLE_SCHEMA, TABLE_NAME, PARTITION_NAME, SUBPARTITION_NAME, PARTITION_METHOD, PARTITION_EXPRESSION, SUBPARTITION_METHOD, " +
		"SUBPARTITION_EXPRESSION, PARTITION_DESCRIPTION, TABLESPACE_NAME FROM information_schema.PARTITIONS rdsupgrade WHERE (" + sc.where +
		") ORDER BY TABLE_SCHEMA, TABLE_NAME, PARTITION_ORDINAL_POSITION, SUBPARTITION_ORDINAL_POSITION"
	var out []Partition
	names := interner{}
	err := s.query(ctx, sc.tag("partitions"), text, func(w row) error {
		out = append(out, Partition{Schema: names.of(w[0]), Table: names.of(w[1]), Name: names.of(w[2]), Subpartition: names.of(w[3]),
			Method: names.of(w[4]), Expression: names.of(w[5]), SubMethod: names.of(w[6]), SubExpression: names.of(w[7]),
			Description: w.str(8), Tablespace: names.of(w[9])})
		return nil
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cat.Partitions = append(r.cat.Partitions, out...)
	return nil
}

// readEngineIndexTypes tells the index types of tables that InnoDB does not know.
func (r *reader) readEngineIndexTypes(ctx context.Context, s *session, sc scope) error {
	text := "SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, INDEX_TYPE FROM information_schema.STATISTICS rdsupgrade " +
		"WHERE SEQ_IN_INDEX = 1 AND (" + sc.where + ")"
	types := map[indexKey]string{}
	err := s.query(ctx, sc.tag("index_types"), text, func(w row) error {
		types[indexKey{w.str(0), w.str(1), w.str(2)}] = w.str(3)
		return nil
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.cat.Indexes {
		x := &r.cat.Indexes[i]
		if t, ok := types[indexKey{x.Schema, x.Table, x.Index}]; ok {
			x.Type = t
		}
	}
	return nil
}

// smallAutoIncrement lists the tables whose AUTO_INCREMENT column can run out
// in a database's life: BIGINT does not.
func (r *reader) smallAutoIncrement() []tableName {
	var out []tableName
	for i := range r.cat.Columns {
		c := &r.cat.Columns[i]
		if strings.Contains(c.Extra, "auto_increment") && c.DataType != "bigint" {
			out = append(out, tableName{c.Schema, c.Table})
		}
	}
	return out
}

func (r *reader) readAutoIncrement(ctx context.Context, s *session, sc scope) error {
	text := "SELECT TABLE_SCHEMA, TABLE_NAME, AUTO_INCREMENT FROM information_schema.TABLES rdsupgrade WHERE " + sc.where
	next := map[tableName]uint64{}
	err := s.query(ctx, sc.tag("auto_increment"), text, func(w row) error {
		next[tableName{w.str(0), w.str(1)}] = w.uint(2)
		return nil
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.cat.Tables {
		t := &r.cat.Tables[i]
		if v, ok := next[tableName{t.Schema, t.Name}]; ok {
			t.AutoIncrement = v
		}
	}
	return nil
}
