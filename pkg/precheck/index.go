package precheck

import (
	"iter"
	"slices"
	"strings"
)

// Index is what rules look up in a catalog; built once and shared. Lookups of
// schemas and tables follow the server's lower_case_table_names, lookups of
// columns never mind the case, as in the server. It is read-only once built.
type Index struct {
	c      *Catalog
	fold   bool
	schema map[string]*Schema
	table  map[nameKey]*tableEntry
	// colTable is the table of each of the catalog's columns.
	colTable []*Table
	inno     []innoEntry
	innoID   map[uint64]int
	vars     map[string]*Variable
	// accounts by user@host in the form of mysql.user.
	accounts map[nameKey]*Account
	settings settings
	bodies   bodyCache // filled on first use by the rules over SQL text
}

type nameKey struct{ a, b string }

type tableEntry struct {
	table   *Table
	columns []*Column
	indexes []*TableIndex
	parts   []*Partition
}

// TableIndex is an index with its columns in order.
type TableIndex struct {
	Name   string
	Type   string // BTREE, FULLTEXT, SPATIAL, HASH
	Unique bool
	Parts  []*IndexPart
}

type innoEntry struct {
	*InnoTable
	innoName
}

// NewIndex builds the lookups over a catalog, which must not change afterwards.
func NewIndex(c *Catalog) *Index {
	x := &Index{
		c:        c,
		fold:     c.Server.LowerCaseTableNames != 0,
		schema:   make(map[string]*Schema, len(c.Schemas)),
		table:    make(map[nameKey]*tableEntry, len(c.Tables)),
		vars:     make(map[string]*Variable, len(c.Variables)),
		accounts: make(map[nameKey]*Account, len(c.Accounts)),
	}
	for i := range c.Schemas {
		x.schema[x.foldName(c.Schemas[i].Name)] = &c.Schemas[i]
	}
	for i := range c.Tables {
		x.entry(c.Tables[i].Schema, c.Tables[i].Name).table = &c.Tables[i]
	}
	x.addColumns()
	x.addIndexes()
	for i := range c.Partitions {
		e := x.entry(c.Partitions[i].Schema, c.Partitions[i].Table)
		e.parts = append(e.parts, &c.Partitions[i])
	}
	for i := range c.Variables {
		x.vars[strings.ToLower(c.Variables[i].Name)] = &c.Variables[i]
	}
	for i := range c.Accounts {
		a := &c.Accounts[i]
		x.accounts[nameKey{a.User, strings.ToLower(a.Host)}] = a
	}
	x.addInno()
	x.settings = x.readSettings()
	return x
}

func (x *Index) foldName(s string) string {
	if x.fold {
		return strings.ToLower(s)
	}
	return s
}

func (x *Index) key(schema, table string) nameKey {
	return nameKey{x.foldName(schema), x.foldName(table)}
}

func (x *Index) entry(schema, table string) *tableEntry {
	k := x.key(schema, table)
	e := x.table[k]
	if e == nil {
		e = &tableEntry{}
		x.table[k] = e
	}
	return e
}

// addColumns groups columns by table. Catalogs come grouped, so the entry of
// the column before is tried first.
func (x *Index) addColumns() {
	var last *tableEntry
	var lastCol *Column
	x.colTable = make([]*Table, len(x.c.Columns))
	for i := range x.c.Columns {
		col := &x.c.Columns[i]
		if lastCol == nil || col.Table != lastCol.Table || col.Schema != lastCol.Schema {
			last = x.entry(col.Schema, col.Table)
		}
		last.columns = append(last.columns, col)
		x.colTable[i] = last.table
		lastCol = col
	}
}

func (x *Index) addIndexes() {
	for i := range x.c.Indexes {
		p := &x.c.Indexes[i]
		e := x.entry(p.Schema, p.Table)
		j := slices.IndexFunc(e.indexes, func(t *TableIndex) bool { return strings.EqualFold(t.Name, p.Index) })
		if j < 0 {
			e.indexes = append(e.indexes, &TableIndex{Name: p.Index, Type: strings.ToUpper(p.Type), Unique: !p.NonUnique})
			j = len(e.indexes) - 1
		}
		e.indexes[j].Parts = append(e.indexes[j].Parts, p)
	}
	for _, e := range x.table {
		for _, t := range e.indexes {
			slices.SortStableFunc(t.Parts, func(a, b *IndexPart) int { return a.Seq - b.Seq })
		}
	}
}

func (x *Index) addInno() {
	x.innoID = make(map[uint64]int, len(x.c.InnoTables))
	for i := range x.c.InnoTables {
		t := &x.c.InnoTables[i]
		n, ok := parseInnoName(t.Name)
		if !ok || isSystemSchema(n.schema) {
			continue
		}
		x.innoID[t.ID] = len(x.inno)
		x.inno = append(x.inno, innoEntry{t, n})
	}
}

// Schema finds a user schema, nil where the catalog has none of that name.
func (x *Index) Schema(name string) *Schema { return x.schema[x.foldName(name)] }

// Table finds a table or view, nil where the catalog has none.
func (x *Index) Table(schema, table string) *Table {
	if e := x.table[x.key(schema, table)]; e != nil {
		return e.table
	}
	return nil
}

// Columns are a table's columns in the catalog's order.
func (x *Index) Columns(schema, table string) []*Column {
	if e := x.table[x.key(schema, table)]; e != nil {
		return e.columns
	}
	return nil
}

// Column finds a column by name, whatever its case; nil where there is none.
func (x *Index) Column(schema, table, column string) *Column {
	for _, c := range x.Columns(schema, table) {
		if strings.EqualFold(c.Name, column) {
			return c
		}
	}
	return nil
}

// Indexes are a table's indexes.
func (x *Index) Indexes(schema, table string) []*TableIndex {
	if e := x.table[x.key(schema, table)]; e != nil {
		return e.indexes
	}
	return nil
}

// Partitions are a table's partitions, in order.
func (x *Index) Partitions(schema, table string) []*Partition {
	if e := x.table[x.key(schema, table)]; e != nil {
		return e.parts
	}
	return nil
}

// Account finds an account by exact user and host pattern, nil where there is none.
func (x *Index) Account(user, host string) *Account {
	return x.accounts[nameKey{user, strings.ToLower(host)}]
}

// Variable is a global variable's value by lower-case name; ok is false where
// the server has no such variable or it was not read.
func (x *Index) Variable(name string) (value string, ok bool) {
	if v := x.vars[name]; v != nil {
		return v.Value, true
	}
	return "", false
}

// foreignKeyName is a foreign key's full name. InnoDB has the schema's name in
// lower case where lower_case_table_names is 2, the server as it was written.
func (x *Index) foreignKeyName(fk *ForeignKey) string {
	if s := x.Schema(fk.Schema); s != nil {
		return name(s.Name, fk.Name)
	}
	return name(fk.Schema, fk.Name)
}

// schemaOf is the schema of an object's full name, "" where it is in none.
func (x *Index) schemaOf(object string) string {
	schema, _ := x.placeOf(object)
	return schema
}

// placeOf is the schema of an object's full name, "" where it is in none, and
// the name with the schema spelled as the server lists it: where
// lower_case_table_names is 2, routines and events have it in lower case.
// Names may hold dots themselves, so the longest schema that fits is taken.
func (x *Index) placeOf(object string) (schema, full string) {
	for end := len(object); end > 0; end = strings.LastIndexByte(object[:end], '.') {
		if s := x.Schema(object[:end]); s != nil {
			return s.Name, s.Name + object[end:]
		}
	}
	return "", object
}

// tableOf is the table of an object's full name, nil where it is of none.
func (x *Index) tableOf(object string) *Table {
	schema := x.schemaOf(object)
	if schema == "" || len(object) <= len(schema)+1 {
		return nil
	}
	rest := object[len(schema)+1:]
	for end := len(rest); end > 0; end = strings.LastIndexByte(rest[:end], '.') {
		if t := x.Table(schema, rest[:end]); t != nil {
			return t
		}
	}
	return nil
}

// baseColumns are the columns of base tables, in the catalog's order. A view's
// columns only repeat what the tables below it are.
func (x *Index) baseColumns() iter.Seq[*Column] {
	return func(yield func(*Column) bool) {
		for i := range x.c.Columns {
			if t := x.colTable[i]; t != nil && t.View {
				continue
			}
			if !yield(&x.c.Columns[i]) {
				return
			}
		}
	}
}

// baseTables are the tables that are no views, in the catalog's order.
func (x *Index) baseTables() iter.Seq[*Table] {
	return func(yield func(*Table) bool) {
		for i := range x.c.Tables {
			if !x.c.Tables[i].View && !yield(&x.c.Tables[i]) {
				return
			}
		}
	}
}

// isSystemSchema tells the server's own schemas.
func isSystemSchema(name string) bool {
	switch strings.ToLower(name) {
	case "mysql", "sys", "performance_schema", "information_schema":
		return true
	}
	return false
}
