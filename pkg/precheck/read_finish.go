package precheck

import (
	"cmp"
	"slices"
	"strings"
)

// finish joins what several statements told of the same object and puts the
// catalog in an order that does not depend on which connection was faster.
func (r *reader) finish() {
	r.joinInno()
	r.checkCompleteness()
	c := r.cat
	slices.SortFunc(c.Tables, func(a, b Table) int {
		return cmp.Or(cmp.Compare(a.Schema, b.Schema), cmp.Compare(a.Name, b.Name))
	})
	slices.SortFunc(c.Columns, func(a, b Column) int {
		return cmp.Or(cmp.Compare(a.Schema, b.Schema), cmp.Compare(a.Table, b.Table), cmp.Compare(a.Position, b.Position))
	})
	slices.SortFunc(c.Indexes, func(a, b IndexPart) int {
		return cmp.Or(cmp.Compare(a.Schema, b.Schema), cmp.Compare(a.Table, b.Table), cmp.Compare(a.Index, b.Index), cmp.Compare(a.Seq, b.Seq))
	})
	slices.SortFunc(c.ForeignKeys, func(a, b ForeignKey) int {
		return cmp.Or(cmp.Compare(a.Schema, b.Schema), cmp.Compare(a.Table, b.Table), cmp.Compare(a.Name, b.Name))
	})
	slices.SortStableFunc(c.Partitions, func(a, b Partition) int {
		return cmp.Or(cmp.Compare(a.Schema, b.Schema), cmp.Compare(a.Table, b.Table))
	})
	slices.SortFunc(c.SystemTable, func(a, b SystemTable) int {
		return cmp.Or(cmp.Compare(a.Schema, b.Schema), cmp.Compare(a.Name, b.Name))
	})
	slices.SortFunc(c.CheckTables, func(a, b CheckTable) int {
		return cmp.Or(cmp.Compare(a.Schema, b.Schema), cmp.Compare(a.Table, b.Table), cmp.Compare(a.Msg, b.Msg))
	})
	r.sortPrograms()
	for _, s := range []Section{SectionParameters, SectionCheckTable, SectionZeroData} {
		if _, ok := c.Sections[s]; !ok {
			c.Sections[s] = SectionState{Status: SectionNotRead, Reason: "not asked for"}
		}
	}
}

func (r *reader) sortPrograms() {
	slices.SortFunc(r.cat.Programs, func(a, b Program) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Schema, b.Schema), cmp.Compare(a.Name, b.Name))
	})
}

// joinInno fills in, on 5.7, what InnoDB told without any table being opened.
func (r *reader) joinInno() {
	if !r.old {
		return
	}
	c := r.cat
	formats := map[tableName]string{}
	for _, t := range c.InnoTables {
		if n, ok := parseInnoName(t.Name); ok && !n.auxiliary {
			formats[tableName{strings.ToLower(n.schema), strings.ToLower(n.table)}] = t.RowFormat
		}
	}
	page := uint64(number(c.Activity.Status["Innodb_page_size"]))
	if page == 0 {
		page = 16384
	}
	for i := range c.Tables {
		t := &c.Tables[i]
		if t.View {
			continue
		}
		if f := formats[tableName{strings.ToLower(t.Schema), strings.ToLower(t.Name)}]; f != "" && t.RowFormat == "" {
			t.RowFormat = f
		}
		if r.sizes != nil {
			r.sizes(t, page)
		}
	}
	for i := range c.Indexes {
		x := &c.Indexes[i]
		if x.Type != "" {
			continue
		}
		switch k := r.innoType[indexKey{strings.ToLower(x.Schema), strings.ToLower(x.Table), strings.ToLower(x.Index)}]; {
		case k&innoFullText != 0:
			x.Type = "FULLTEXT"
		case k&innoSpatial != 0:
			x.Type = "SPATIAL"
		default:
			x.Type = "BTREE"
		}
	}
}

// checkCompleteness finds the tables that were listed by name but of which no
// column came: a table locked by DDL is left out by the server with no more
// than a warning.
func (r *reader) checkCompleteness() {
	c := r.cat
	if c.Sections[SectionColumns].Status != SectionRead || c.Sections[SectionTables].Status == SectionFailed {
		return
	}
	have := make(map[tableName]bool, len(r.names))
	for i := range c.Columns {
		have[tableName{c.Columns[i].Schema, c.Columns[i].Table}] = true
	}
	missing := 0
	for i := range c.Tables {
		t := &c.Tables[i]
		if !t.View && !have[tableName{t.Schema, t.Name}] {
			missing++
		}
	}
	if missing > 0 {
		r.lacking(SectionColumns, missing, "the server showed no columns of some tables (damaged, locked by DDL, or no privilege)", "")
	}
}
