package precheck

import (
	"context"
	"slices"
	"strconv"
	"strings"
)

type tableName struct{ schema, table string }

// scope is what one dictionary statement covers: whole schemas, or a range of
// tables of one schema.
type scope struct {
	where string
	// number distinguishes the tags of several scopes; the first has none.
	number int
}

func (s scope) tag(name string) string {
	if s.number == 0 {
		return name
	}
	return name + "." + strconv.Itoa(s.number+1)
}

const (
	systemSchemas = "('mysql', 'sys', 'information_schema', 'performance_schema')"
	// scopeTables is how many tables one statement opens on a 5.7 server at
	// most: the reader can stop between two statements only.
	scopeTables = 1000
	// smallServer is the number of tables below which one scope is enough.
	smallServer = 200
)

// outline reads what later phases are planned by.
func (r *reader) outline() []job {
	return []job{
		{SectionSchemas, r.readSchemas},
		{SectionVariables, r.readVariables},
		{SectionInnoTables, r.readInnoTables},
		{SectionServer, r.readStatus},
	}
}

// dictionary reads every view whose cost grows with the number of tables, once.
func (r *reader) dictionary() []job {
	r.scopes = r.makeScopes()
	var jobs []job
	for _, sc := range r.scopes {
		jobs = append(jobs,
			job{SectionColumns, func(ctx context.Context, s *session) error { return r.readColumns(ctx, s, sc) }},
			job{SectionTables, func(ctx context.Context, s *session) error { return r.readTables(ctx, s, sc) }},
			job{SectionIndexes, func(ctx context.Context, s *session) error { return r.readIndexes(ctx, s, sc) }},
			job{SectionTriggers, func(ctx context.Context, s *session) error { return r.readTriggers(ctx, s, sc) }},
		)
		if !r.old || r.noInno {
			jobs = append(jobs, job{SectionForeignKeys, func(ctx context.Context, s *session) error { return r.readKeyUsage(ctx, s, sc) }})
		}
	}
	if r.old && !r.noInno {
		jobs = append(jobs,
			job{SectionForeignKeys, r.readInnoForeignKeys},
			job{SectionIndexes, r.readInnoIndexTypes})
	}
	if r.old {
		jobs = append(jobs, job{SectionSizes, r.readSizes})
	}
	if len(r.scopes) == 0 {
		// No user table at all, and the sections are read and empty; or no
		// list of tables, and they share its fate.
		state := r.cat.Sections[SectionSchemas]
		for _, s := range []Section{SectionColumns, SectionTables, SectionIndexes, SectionTriggers, SectionForeignKeys} {
			r.settle(s, state)
		}
	}
	return append(jobs, r.others()...)
}

func (r *reader) readSchemas(ctx context.Context, s *session) error {
	const text = "SELECT SCHEMA_NAME, DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA rdsupgrade " +
		"WHERE SCHEMA_NAME NOT IN " + systemSchemas + " ORDER BY SCHEMA_NAME"
	err := s.query(ctx, "schemas", text, func(w row) error {
		if name := w.str(0); r.wanted(name) {
			r.cat.Schemas = append(r.cat.Schemas, Schema{Name: name, CharacterSet: w.str(1), Collation: w.str(2)})
		}
		return nil
	})
	if err != nil {
		return err
	}
	// On 5.7 the two names alone come from the directory: no table is opened.
	const names = "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES rdsupgrade " +
		"WHERE TABLE_SCHEMA NOT IN " + systemSchemas + " ORDER BY TABLE_SCHEMA, TABLE_NAME"
	err = s.query(ctx, "table_names", names, func(w row) error {
		if schema := w.str(0); r.wanted(schema) {
			r.names = append(r.names, tableName{schema, w.str(1)})
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.invisible()
	return nil
}

func (r *reader) wanted(schema string) bool {
	switch strings.ToLower(schema) {
	case "mysql", "sys", "information_schema", "performance_schema":
		return false
	}
	return len(r.opts.Schemas) == 0 || slices.Contains(r.opts.Schemas, schema)
}

// invisible marks the sections of which the account sees only a part: the
// dictionary views show no more than one has privileges on, and say nothing.
func (r *reader) invisible() {
	grants := r.grants
	// Of a read restricted to some schemas, the others may stay invisible.
	chosen := len(r.opts.Schemas) > 0 && len(r.cat.Schemas) == len(r.opts.Schemas)
	reason := "the account lacks %s and does not see the objects of other schemas"
	if !grants.read {
		reason = "the account's grants cannot be read, so that it is not known whether it sees everything (%s is needed)"
	}
	mark := func(priv string, sections ...Section) {
		if !grants.everywhere(priv) {
			for _, s := range sections {
				g := priv + " ON *.*"
				r.lacking(s, 0, strings.Replace(reason, "%s", g, 1), g)
			}
		}
	}
	if !chosen || !grants.covers("SELECT", r.cat.Schemas) {
		mark("SELECT", SectionSchemas, SectionTables, SectionColumns, SectionIndexes, SectionForeignKeys)
	}
	if !grants.covers("TRIGGER", r.cat.Schemas) {
		mark("TRIGGER", SectionTriggers)
	}
}

// makeScopes cuts the dictionary into statements of bounded size that several
// connections can share.
func (r *reader) makeScopes() []scope {
	var out []scope
	add := func(where string) { out = append(out, scope{where, len(out)}) }
	limit := scopeTables
	if n := len(r.names); n > smallServer {
		limit = min(limit, (n+r.opts.Connections-1)/r.opts.Connections)
	}
	var schemas []string
	held := 0
	flush := func() {
		if len(schemas) > 0 {
			add("TABLE_SCHEMA IN (" + strings.Join(schemas, ", ") + ")")
		}
		schemas, held = nil, 0
	}
	for i := 0; i < len(r.names); {
		j := i
		for j < len(r.names) && r.names[j].schema == r.names[i].schema {
			j++
		}
		name := quoteString(r.names[i].schema)
		if j-i > limit {
			flush()
			r.splitSchema(name, i, j, limit, add)
		} else {
			if held+j-i > limit {
				flush()
			}
			schemas = append(schemas, name)
			held += j - i
		}
		i = j
	}
	flush()
	return out
}

// splitSchema cuts one big schema into ranges of names. The ranges meet at
// names compared by the server in its own order, so that none is read twice or missed.
func (r *reader) splitSchema(name string, from, to, limit int, add func(string)) {
	for i := from; i < to; i += limit {
		where := "TABLE_SCHEMA = " + name
		if i > from {
			where += " AND TABLE_NAME >= " + quoteString(r.names[i].table)
		}
		if i+limit < to {
			where += " AND TABLE_NAME < " + quoteString(r.names[i+limit].table)
		}
		add(where)
	}
}

// readTables leaves out, on 5.7, every column for which the server would have
// to open the table in its engine and not only its definition.
func (r *reader) readTables(ctx context.Context, s *session, sc scope) error {
	engine := "NULL, NULL, NULL, NULL, NULL"
	if !r.old {
		engine = "ROW_FORMAT, TABLE_ROWS, DATA_LENGTH, INDEX_LENGTH, AUTO_INCREMENT"
	}
	text := "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE, CREATE_OPTIONS, TABLE_COLLATION, TABLE_COMMENT, " + engine +
		" FROM information_schema.TABLES rdsupgrade WHERE " + sc.where
	var out []Table
	names := interner{}
	broken := 0
	err := s.query(ctx, sc.tag("tables"), text, func(w row) error {
		t := Table{Schema: names.of(w[0]), Name: w.str(1), View: strings.HasSuffix(w.str(2), "VIEW"),
			Engine: names.of(w[3]), CreateOptions: names.of(w[4]), Collation: names.of(w[5]), RowFormat: names.of(w[7]),
			Rows: w.uint(8), DataBytes: w.uint(9), IndexBytes: w.uint(10), AutoIncrement: w.uint(11)}
		if !t.View {
			t.Comment = w.str(6)
			if w.null(3) {
				broken++
			}
		}
		out = append(out, t)
		return nil
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.cat.Tables = append(r.cat.Tables, out...)
	r.mu.Unlock()
	if broken > 0 {
		r.lacking(SectionTables, broken, "the server cannot open some tables (damaged, or locked by DDL)", "")
	}
	return nil
}

func (r *reader) readColumns(ctx context.Context, s *session, sc scope) error {
	text := "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, ORDINAL_POSITION, COLUMN_DEFAULT, IS_NULLABLE, DATA_TYPE, COLUMN_TYPE, " +
		"CHARACTER_MAXIMUM_LENGTH, CHARACTER_OCTET_LENGTH, CHARACTER_SET_NAME, COLLATION_NAME, COLUMN_KEY, EXTRA, " +
		"GENERATION_EXPRESSION, COLUMN_COMMENT FROM information_schema.COLUMNS rdsupgrade WHERE " + sc.where
	var out []Column
	names := interner{}
	err := s.query(ctx, sc.tag("columns"), text, func(w row) error {
		c := Column{Schema: names.of(w[0]), Table: names.of(w[1]), Name: names.of(w[2]), Position: int(w.int(3)),
			Nullable: w.str(5) == "YES", DataType: names.of(w[6]), ColumnType: names.of(w[7]),
			CharLength: w.int(8), OctetLength: w.int(9), CharacterSet: names.of(w[10]), Collation: names.of(w[11]),
			Key: names.of(w[12]), Extra: names.of(w[13]), Generated: w.str(14), Comment: names.of(w[15])}
		if !w.null(4) {
			d := names.of(w[4])
			c.Default = &d
		}
		out = append(out, c)
		return nil
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cat.Columns = append(r.cat.Columns, out...)
	return nil
}

func (r *reader) readIndexes(ctx context.Context, s *session, sc scope) error {
	// INDEX_TYPE makes a 5.7 server open the table in its engine; InnoDB's own
	// view tells the few that are no B-trees.
	kind := "INDEX_TYPE"
	if r.old && !r.noInno {
		kind = "''"
	}
	text := "SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX, COLUMN_NAME, SUB_PART, NON_UNIQUE, NULLABLE, " + kind +
		", INDEX_COMMENT FROM information_schema.STATISTICS rdsupgrade WHERE " + sc.where
	var out []IndexPart
	names := interner{}
	err := s.query(ctx, sc.tag("indexes"), text, func(w row) error {
		out = append(out, IndexPart{Schema: names.of(w[0]), Table: names.of(w[1]), Index: names.of(w[2]), Seq: int(w.int(3)),
			Column: names.of(w[4]), SubPart: int(w.int(5)), NonUnique: w.int(6) != 0, Nullable: w.str(7) == "YES",
			Type: names.of(w[8]), Comment: names.of(w[9])})
		return nil
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cat.Indexes = append(r.cat.Indexes, out...)
	return nil
}

// interner keeps one copy of strings that repeat over thousands of rows.
type interner map[string]string

func (n interner) of(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if s, ok := n[string(b)]; ok {
		return s
	}
	s := string(b)
	n[s] = s
	return s
}

// inList writes a condition for a set of tables, "(TABLE_SCHEMA = 'a' AND
// TABLE_NAME IN (...)) OR ...", on which 5.7 opens no other table.
func inList(tables []tableName) string {
	var b strings.Builder
	for i := 0; i < len(tables); {
		if i > 0 {
			b.WriteString(" OR ")
		}
		b.WriteString("(TABLE_SCHEMA = " + quoteString(tables[i].schema) + " AND TABLE_NAME IN (")
		for j := i; ; {
			b.WriteString(quoteString(tables[j].table))
			j++
			if j == len(tables) || tables[j].schema != tables[i].schema {
				i = j
				break
			}
			b.WriteString(", ")
		}
		b.WriteString("))")
	}
	return b.String()
}

// inParts cuts a list of tables into statements of bounded size.
func inParts(tables []tableName, size int, each func(scope)) {
	n := 0
	for part := range slices.Chunk(tables, size) {
		each(scope{inList(part), n})
		n++
	}
}
