package precheck

import (
	"context"
	"slices"
	"strings"
)

// suspects are what only looks damaged where somebody creates and drops
// objects while the server is read: the sections are read one after another.
type suspects struct {
	inno     map[uint64]innoName // tables that InnoDB has and the server has not
	programs map[tableName]bool  // routines and events without a schema
	blank    map[tableName]bool  // tables without columns
}

// recheck looks a second time at what contradicts itself, and takes out of the
// catalog what has come or gone meanwhile. On a quiet server it asks nothing;
// where it cannot ask, the contradiction stands.
func (r *reader) recheck(ctx context.Context) {
	x := NewIndex(r.cat)
	sus := r.suspects(x)
	if len(sus.inno)+len(sus.programs)+len(sus.blank) == 0 || len(r.sessions) == 0 || r.sessions[0] == nil {
		return
	}
	s := r.sessions[0]
	if len(sus.inno)+len(sus.blank) > 0 {
		r.recheckTables(ctx, s, x, sus)
	}
	// DROP DATABASE takes the routines away last, and so they are asked for last.
	if len(sus.programs) > 0 {
		r.recheckPrograms(ctx, s, x, sus.programs)
	}
}

func (r *reader) suspects(x *Index) suspects {
	sus := suspects{inno: map[uint64]innoName{}, programs: map[tableName]bool{}, blank: map[tableName]bool{}}
	for i := range x.inno {
		e := &x.inno[i]
		if r.wanted(e.schema) && (!e.auxiliary || e.temporary) && x.Table(e.schema, e.table) == nil && x.Table(e.schema, "#mysql50#"+e.table) == nil {
			sus.inno[e.ID] = e.innoName
		}
	}
	for i := range r.cat.Programs {
		p := &r.cat.Programs[i]
		if (p.Kind == KindEvent || p.Kind == KindProcedure || p.Kind == KindFunction) && !isSystemSchema(p.Schema) && x.Schema(p.Schema) == nil {
			sus.programs[tableName{p.Schema, p.Name}] = true
		}
	}
	for t := range x.baseTables() {
		if len(x.Columns(t.Schema, t.Name)) == 0 {
			sus.blank[tableName{t.Schema, t.Name}] = true
		}
	}
	return sus
}

// recheckPrograms drops the routines and events that are gone, or whose schema
// has come.
func (r *reader) recheckPrograms(ctx context.Context, s *session, x *Index, suspect map[tableName]bool) {
	still := map[tableName]bool{}
	note := func(w row) error {
		if n := (tableName{w.str(0), w.str(1)}); suspect[n] {
			still[n] = true
		}
		return nil
	}
	events := "SELECT EVENT_SCHEMA, EVENT_NAME FROM information_schema.EVENTS rdsupgrade"
	if r.old && r.cat.Sections[SectionEventDefs].Status == SectionRead {
		events = "SELECT db, name FROM mysql.event rdsupgrade"
	}
	if s.query(ctx, "recheck_routines", "SELECT ROUTINE_SCHEMA, ROUTINE_NAME FROM information_schema.ROUTINES rdsupgrade WHERE ROUTINE_SCHEMA NOT IN "+systemSchemas, note) != nil ||
		s.query(ctx, "recheck_events", events, note) != nil {
		return
	}
	schemas := map[string]bool{}
	if s.query(ctx, "recheck_schemas", "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA rdsupgrade", func(w row) error {
		schemas[x.foldName(w.str(0))] = true
		return nil
	}) != nil {
		return
	}
	r.cat.Programs = slices.DeleteFunc(r.cat.Programs, func(p Program) bool {
		n := tableName{p.Schema, p.Name}
		return suspect[n] && (p.Kind != KindView && p.Kind != KindTrigger) && (!still[n] || schemas[x.foldName(p.Schema)])
	})
}

// recheckTables drops InnoDB's tables that are gone or that the server has by
// now, and the server's tables that are gone. It asks for names alone, for
// which no table is opened.
func (r *reader) recheckTables(ctx context.Context, s *session, x *Index, sus suspects) {
	listed := map[nameKey]bool{}
	asked := map[string]bool{}
	ask := func(schema string) bool {
		if asked[schema] {
			return true
		}
		asked[schema] = true
		if !quotable(schema) {
			return false
		}
		return s.query(ctx, "recheck_tables", "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES rdsupgrade WHERE TABLE_SCHEMA = "+quoteString(schema), func(w row) error {
			listed[x.key(w.str(0), w.str(1))] = true
			return nil
		}) == nil
	}
	for _, n := range sus.inno {
		if !ask(n.schema) {
			return
		}
	}
	for n := range sus.blank {
		if !ask(n.schema) {
			return
		}
	}
	r.cat.Tables = slices.DeleteFunc(r.cat.Tables, func(t Table) bool {
		return sus.blank[tableName{t.Schema, t.Name}] && !listed[x.key(t.Schema, t.Name)]
	})
	if len(sus.inno) == 0 {
		return
	}
	names := map[uint64]string{}
	if s.query(ctx, "recheck_inno", "SELECT TABLE_ID, NAME FROM "+r.innoView("TABLES"), func(w row) error {
		names[w.uint(0)] = w.str(1)
		return nil
	}) != nil {
		return
	}
	r.cat.InnoTables = slices.DeleteFunc(r.cat.InnoTables, func(t InnoTable) bool {
		n, suspect := sus.inno[t.ID]
		return suspect && (names[t.ID] != t.Name || !strings.HasPrefix(n.table, "#sql") && listed[x.key(n.schema, n.table)])
	})
}
