package precheck

import (
	"context"
	"strings"
)

type indexKey struct{ schema, table, index string }

// innoView is the name of one of InnoDB's views: 8.0 dropped the SYS_.
func (r *reader) innoView(name string) string {
	if r.old {
		return "information_schema.INNODB_SYS_" + name + " rdsupgrade"
	}
	return "information_schema.INNODB_" + name + " rdsupgrade"
}

func (r *reader) readInnoTables(ctx context.Context, s *session) error {
	var out []InnoTable
	names := interner{}
	err := s.query(ctx, "inno_tables", "SELECT TABLE_ID, NAME, SPACE, ROW_FORMAT, SPACE_TYPE FROM "+r.innoView("TABLES"), func(w row) error {
		out = append(out, InnoTable{ID: w.uint(0), Name: w.str(1), Space: w.uint(2), RowFormat: names.of(w[3]), SpaceType: names.of(w[4])})
		return nil
	})
	if err != nil {
		r.noInno = true
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cat.InnoTables = out
	return nil
}

// readInnoColumns keeps the columns that a rule asks for: spatial ones, those
// of full-text indexes, and those whose name the SQL layer does not have in
// the same letters. All of them would double the catalog.
func (r *reader) readInnoColumns(ctx context.Context, s *session) error {
	where := ""
	if !r.old {
		where = " WHERE NAME = 'FTS_DOC_ID'"
	}
	r.mu.Lock()
	tables := r.cat.InnoTables
	known := make(map[tableName]map[string]bool, len(r.names))
	for i := range r.cat.Columns {
		c := &r.cat.Columns[i]
		k := tableName{strings.ToLower(c.Schema), strings.ToLower(c.Table)}
		if known[k] == nil {
			known[k] = map[string]bool{}
		}
		known[k][c.Name] = !isSpatial(c.DataType)
	}
	r.mu.Unlock()
	byID := make(map[uint64]map[string]bool, len(tables))
	for _, t := range tables {
		n, ok := parseInnoName(t.Name)
		if ok && !n.auxiliary {
			byID[t.ID] = known[tableName{strings.ToLower(n.schema), strings.ToLower(n.table)}]
		}
	}
	var out []InnoColumn
	err := s.query(ctx, "inno_columns", "SELECT TABLE_ID, NAME, MTYPE, POS FROM "+r.innoView("COLUMNS")+where, func(w row) error {
		columns := byID[w.uint(0)]
		if columns == nil || columns[string(w[1])] {
			return nil
		}
		out = append(out, InnoColumn{TableID: w.uint(0), Name: w.str(1), MType: int(w.int(2)), Pos: int(w.int(3))})
		return nil
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cat.InnoColumns = out
	return nil
}

// readInnoForeignKeys reads the constraints without opening a table.
func (r *reader) readInnoForeignKeys(ctx context.Context, s *session) error {
	keys := map[string]*ForeignKey{}
	var order []*ForeignKey
	err := s.query(ctx, "inno_foreign", "SELECT ID, FOR_NAME, REF_NAME FROM "+r.innoView("FOREIGN"), func(w row) error {
		child, ok1 := parseInnoName(w.str(1))
		parent, ok2 := parseInnoName(w.str(2))
		if !ok1 || !ok2 || !r.wanted(child.schema) {
			return nil
		}
		// Only the schema is in file-name form; the constraint's name is plain.
		_, name, _ := strings.Cut(w.str(0), "/")
		fk := &ForeignKey{Schema: child.schema, Table: child.table, Name: name, RefSchema: parent.schema, RefTable: parent.table}
		keys[w.str(0)] = fk
		order = append(order, fk)
		return nil
	})
	if err != nil {
		return err
	}
	err = s.query(ctx, "inno_foreign_cols", "SELECT ID, FOR_COL_NAME, REF_COL_NAME FROM "+r.innoView("FOREIGN_COLS")+" ORDER BY ID, POS", func(w row) error {
		if fk := keys[w.str(0)]; fk != nil {
			fk.Columns = append(fk.Columns, w.str(1))
			fk.RefColumns = append(fk.RefColumns, w.str(2))
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, fk := range order {
		r.cat.ForeignKeys = append(r.cat.ForeignKeys, *fk)
	}
	return nil
}

// readKeyUsage reads the constraints where InnoDB's views are out of reach,
// or cheap to do without.
func (r *reader) readKeyUsage(ctx context.Context, s *session, sc scope) error {
	text := "SELECT TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME, " +
		"REFERENCED_COLUMN_NAME, ORDINAL_POSITION FROM information_schema.KEY_COLUMN_USAGE rdsupgrade WHERE REFERENCED_TABLE_NAME IS NOT NULL AND (" + sc.where +
		") ORDER BY TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION"
	var out []ForeignKey
	err := s.query(ctx, sc.tag("key_usage"), text, func(w row) error {
		fk := ForeignKey{Schema: w.str(0), Table: w.str(1), Name: w.str(2), RefSchema: w.str(4), RefTable: w.str(5)}
		if n := len(out); n == 0 || out[n-1].Schema != fk.Schema || out[n-1].Table != fk.Table || out[n-1].Name != fk.Name {
			out = append(out, fk)
		}
		last := &out[len(out)-1]
		last.Columns = append(last.Columns, w.str(3))
		last.RefColumns = append(last.RefColumns, w.str(6))
		return nil
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cat.ForeignKeys = append(r.cat.ForeignKeys, out...)
	return nil
}

// The bits of INNODB_SYS_INDEXES.TYPE, from the manual's description of the view.
const (
	innoFullText = 32
	innoSpatial  = 64
)

func (r *reader) readInnoIndexTypes(ctx context.Context, s *session) error {
	r.mu.Lock()
	tables := make(map[uint64]innoName, len(r.cat.InnoTables))
	for _, t := range r.cat.InnoTables {
		if n, ok := parseInnoName(t.Name); ok {
			tables[t.ID] = n
		}
	}
	r.mu.Unlock()
	types := map[indexKey]int{}
	err := s.query(ctx, "inno_indexes", "SELECT TABLE_ID, NAME, TYPE FROM "+r.innoView("INDEXES")+" WHERE TYPE & 96", func(w row) error {
		n := tables[w.uint(0)]
		types[indexKey{strings.ToLower(n.schema), strings.ToLower(n.table), strings.ToLower(w.str(1))}] = int(w.int(2))
		return nil
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.innoType = types
	return nil
}

// readSizes takes rows and sizes from InnoDB's persistent statistics, for
// which no table is opened. They are estimates.
func (r *reader) readSizes(ctx context.Context, s *session) error {
	const text = "SELECT database_name, table_name, n_rows, clustered_index_size, sum_of_other_index_sizes " +
		"FROM mysql.innodb_table_stats rdsupgrade WHERE database_name NOT IN " + systemSchemas
	type size struct{ rows, data, index uint64 }
	sizes := map[tableName]size{}
	err := s.query(ctx, "sizes", text, func(w row) error {
		name := w.str(1)
		for _, mark := range []string{"#P#", "#p#"} {
			name, _, _ = strings.Cut(name, mark)
		}
		k := tableName{strings.ToLower(w.str(0)), strings.ToLower(name)}
		v := sizes[k]
		sizes[k] = size{v.rows + w.uint(2), v.data + w.uint(3), v.index + w.uint(4)}
		return nil
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sizes = func(t *Table, page uint64) {
		v := sizes[tableName{strings.ToLower(t.Schema), strings.ToLower(t.Name)}]
		t.Rows, t.DataBytes, t.IndexBytes = v.rows, v.data*page, v.index*page
	}
	return nil
}

func (r *reader) readFiles(ctx context.Context, s *session) error {
	var out []Datafile
	err := s.query(ctx, "files", "SELECT TABLESPACE_NAME, FILE_NAME, FILE_TYPE FROM information_schema.FILES rdsupgrade", func(w row) error {
		out = append(out, Datafile{Tablespace: w.str(0), Path: w.str(1), Type: w.str(2)})
		return nil
	})
	if err != nil {
		return err
	}
	if !r.grants.everywhere("PROCESS") {
		// 5.7 answers with an empty list instead of an error.
		r.settle(SectionFiles, SectionState{Status: SectionFailed, Reason: "the account lacks PROCESS ON *.*", Grant: "PROCESS ON *.*"})
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cat.Files = out
	return nil
}
