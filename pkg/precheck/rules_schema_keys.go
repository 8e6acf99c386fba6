package precheck

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

func keyRules() []Rule {
	return []Rule{
		{
			ID: "foreignKeyLength", Title: "Foreign key names of more than 64 characters", Severity: Error,
			About:  "5.7 itself makes names such as table_ibfk_1 that may be longer than 64 characters; 8.0 refuses them.",
			Fix:    "Drop the foreign key and add it again with a shorter name; under load this needs a quiet time, because both steps lock the table.",
			Source: srcBoth, Doc: docPrepare80, Needs: []Section{SectionForeignKeys}, Applies: to80, Check: checkForeignKeyNames,
		},
		{
			ID: "foreignKeyReferences", Title: "Foreign keys to columns that are no unique key", Severity: Warning,
			About:  "8.4 wants the referenced columns to be, whole and in order, a primary or unique key (restrict_fk_on_non_standard_key). The existing key survives, but creating or loading the table fails.",
			Fix:    "Add a unique key over the referenced columns, or set restrict_fk_on_non_standard_key=OFF on the target while it exists.",
			Source: srcBoth + "; parents in other schemas are looked at, and any exact unique key is enough (both measured on 9.7.4)", Doc: docNew84,
			Needs: []Section{SectionForeignKeys, SectionIndexes}, Applies: crosses(v840), Check: checkForeignKeyReferences,
		},
		{
			ID: "invalidEngineForeignKey", Title: "Foreign keys across engines or to missing tables", Severity: Error,
			About:  "A foreign key between tables of different engines stops the upgrade. One whose parent table is missing is kept, but nothing enforces it.",
			Fix:    "Convert both tables to one engine, or drop the foreign key.",
			Source: srcShell, Doc: docChanges80, Needs: []Section{SectionForeignKeys, SectionTables}, Applies: crosses([3]int{8, 0, 0}), Check: checkForeignKeyEngines,
		},
		{
			ID: "indexTooLarge", Title: "Index entries over 767 bytes in COMPACT or REDUNDANT tables", Severity: Error,
			About:  "Such an index can exist only by a defect of earlier releases; newer ones cannot open the table.",
			Fix:    "Change the table to ROW_FORMAT=DYNAMIC, or shorten the index. " + rebuildWarning,
			Source: srcBoth, Doc: docRDSMajor, Needs: []Section{SectionTables, SectionColumns, SectionIndexes}, Applies: crosses([3]int{8, 0, 0}), Check: checkIndexBytes,
		},
		{
			ID: "prefixIndexOnGeometry", Title: "Prefix indexes on spatial columns", Severity: Error,
			About:  "5.7 allows an ordinary index over the first bytes of a spatial column; 8.0 refuses it.",
			Fix:    "Drop the index, or make it a SPATIAL index.",
			Source: "Aurora MySQL's precheck; 9.7.4 refuses it (1089, measured)", Doc: docAurora,
			Needs: []Section{SectionColumns, SectionIndexes}, Applies: to80, Check: checkGeometryPrefix,
		},
		{
			ID: "indexLengthLimitOnTinyColumns", Title: "Index prefixes over 255 bytes on TINYTEXT and TINYBLOB", Severity: Error,
			About:  "TINYTEXT and TINYBLOB hold 255 bytes; 8.0 refuses an index prefix that is longer.",
			Fix:    "Recreate the index with a shorter prefix.",
			Source: "Aurora MySQL's precheck; 9.7.4 refuses it (1071, measured)", Doc: docAurora,
			Needs: []Section{SectionColumns, SectionIndexes}, Applies: to80, Check: checkTinyPrefix,
		},
		{
			ID: "spatialIndex", Title: "Spatial indexes", Severity: Warning,
			About:  "8.0's optimizer ignores a spatial index on a column without an SRID attribute. InnoDB spatial indexes made by 8.0.3 to 8.0.40 may be damaged and should be rebuilt before the step to 8.4.",
			Fix:    "Drop the index before the upgrade, and create it again afterwards on a column with an SRID.",
			Source: "MySQL Shell 9.7's check, Amazon RDS's precheck for 8.4; manual, 8.0 spatial indexes", Doc: "https://dev.mysql.com/doc/refman/8.0/en/spatial-index-optimization.html",
			Needs: []Section{SectionTables, SectionIndexes},
			Applies: func(h Hop) bool {
				return within([3]int{8, 0, 3}, h) || h.From.AtLeast(8, 0, 3) && !h.From.AtLeast(8, 0, 41)
			},
			When: "to 8.0.3 or newer, and from 8.0.3 through 8.0.40", Check: checkSpatialIndexes,
		},
	}
}

func checkForeignKeyNames(in *Input) ([]Finding, error) {
	var out []Finding
	for i := range in.Catalog.ForeignKeys {
		fk := &in.Catalog.ForeignKeys[i]
		if n := utf8.RuneCountInString(fk.Name); n > 64 {
			out = append(out, Finding{Object: in.Index.foreignKeyName(fk),
				Message: fmt.Sprintf("the name of the foreign key of table %s has %d characters; 64 are allowed", printable(fk.Table), n)})
		}
	}
	return out, nil
}

func checkForeignKeyReferences(in *Input) ([]Finding, error) {
	var out []Finding
	for i := range in.Catalog.ForeignKeys {
		fk := &in.Catalog.ForeignKeys[i]
		indexes := in.Index.Indexes(fk.RefSchema, fk.RefTable)
		if len(fk.RefColumns) == 0 || in.Index.Table(fk.RefSchema, fk.RefTable) == nil || slices.ContainsFunc(indexes, func(ix *TableIndex) bool { return isExactUnique(ix, fk.RefColumns) }) {
			continue
		}
		out = append(out, Finding{Object: in.Index.foreignKeyName(fk),
			Message: fmt.Sprintf("references %s (%s), which is no primary or unique key", printable(name(fk.RefSchema, fk.RefTable)), printable(strings.Join(fk.RefColumns, ", "))),
			FixSQL:  "ALTER TABLE " + quoteIdent(fk.RefSchema, fk.RefTable) + " ADD UNIQUE KEY (" + quoteColumns(fk.RefColumns) + ")"})
	}
	return out, nil
}

func quoteColumns(columns []string) string {
	quoted := make([]string, len(columns))
	for i, c := range columns {
		quoted[i] = quoteIdent(c)
	}
	return strings.Join(quoted, ", ")
}

// isExactUnique tells whether an index is unique over exactly these whole
// columns in this order.
func isExactUnique(ix *TableIndex, columns []string) bool {
	if !ix.Unique || len(ix.Parts) != len(columns) {
		return false
	}
	for i, p := range ix.Parts {
		if p.SubPart > 0 || !strings.EqualFold(p.Column, columns[i]) {
			return false
		}
	}
	return true
}

func checkForeignKeyEngines(in *Input) ([]Finding, error) {
	var out []Finding
	for i := range in.Catalog.ForeignKeys {
		fk := &in.Catalog.ForeignKeys[i]
		child, parent := in.Index.Table(fk.Schema, fk.Table), in.Index.Table(fk.RefSchema, fk.RefTable)
		ref := printable(name(fk.RefSchema, fk.RefTable))
		drop := "ALTER TABLE " + quoteIdent(fk.Schema, fk.Table) + " DROP FOREIGN KEY " + quoteIdent(fk.Name)
		switch {
		case child == nil:
			// The child's own trouble is schemaInconsistency.
		case parent == nil && !isSystemSchema(fk.RefSchema):
			out = append(out, Finding{Object: in.Index.foreignKeyName(fk), Severity: Warning, FixSQL: drop,
				Message: fmt.Sprintf("the foreign key of table %s references %s, which does not exist", printable(fk.Table), ref)})
		case parent != nil && !parent.View && !strings.EqualFold(child.Engine, parent.Engine):
			out = append(out, Finding{Object: in.Index.foreignKeyName(fk), FixSQL: drop,
				Message: fmt.Sprintf("the foreign key of table %s (%s) references %s (%s)", printable(fk.Table), child.Engine, ref, parent.Engine)})
		}
	}
	return out, nil
}

// partBytes is how many bytes an index entry takes for one column at most, 0
// where the column's type has a small fixed size.
func partBytes(c *Column, p *IndexPart) int64 {
	per := int64(max(1, charsetBytes[strings.ToLower(c.CharacterSet)]))
	if p.SubPart > 0 {
		return int64(p.SubPart) * per
	}
	return c.OctetLength
}

func checkIndexBytes(in *Input) ([]Finding, error) {
	var out []Finding
	for t := range in.Index.baseTables() {
		if !strings.EqualFold(t.Engine, "InnoDB") || !isOneOf(t.RowFormat, "Compact", "Redundant") {
			continue
		}
		for _, ix := range in.Index.Indexes(t.Schema, t.Name) {
			if ix.Type == "FULLTEXT" || ix.Type == "SPATIAL" {
				continue
			}
			for _, p := range ix.Parts {
				c := in.Index.Column(t.Schema, t.Name, p.Column)
				if c == nil || isEnumOrSet(c) || partBytes(c, p) <= 767 {
					continue
				}
				out = append(out, Finding{Object: name(t.Schema, t.Name, ix.Name),
					Message: fmt.Sprintf("column %s takes up to %d bytes in the index; row format %s allows 767", printable(c.Name), partBytes(c, p), strings.ToUpper(t.RowFormat)),
					FixSQL:  "ALTER TABLE " + quoteIdent(t.Schema, t.Name) + " ROW_FORMAT=DYNAMIC"})
				break
			}
		}
	}
	return out, nil
}

// prefixes calls f for every index part over a prefix of a column of the given types.
func prefixes(in *Input, of func(dataType string) bool, f func(*Column, *IndexPart)) {
	for i := range in.Catalog.Indexes {
		p := &in.Catalog.Indexes[i]
		if p.SubPart == 0 || isOneOf(p.Type, "SPATIAL", "FULLTEXT") {
			continue
		}
		if c := in.Index.Column(p.Schema, p.Table, p.Column); c != nil && of(c.DataType) {
			f(c, p)
		}
	}
}

func dropIndex(p *IndexPart) string {
	return "ALTER TABLE " + quoteIdent(p.Schema, p.Table) + " DROP INDEX " + quoteIdent(p.Index)
}

func checkGeometryPrefix(in *Input) ([]Finding, error) {
	var out []Finding
	prefixes(in, isSpatial, func(c *Column, p *IndexPart) {
		out = append(out, Finding{Object: name(p.Schema, p.Table, p.Index), FixSQL: dropIndex(p),
			Message: fmt.Sprintf("the index covers the first %d bytes of the %s column %s", p.SubPart, strings.ToUpper(c.DataType), printable(c.Name))})
	})
	return out, nil
}

func checkTinyPrefix(in *Input) ([]Finding, error) {
	var out []Finding
	tiny := func(dataType string) bool { return isOneOf(dataType, "tinytext", "tinyblob") }
	prefixes(in, tiny, func(c *Column, p *IndexPart) {
		if n := partBytes(c, p); n > 255 {
			out = append(out, Finding{Object: name(p.Schema, p.Table, p.Index), FixSQL: dropIndex(p),
				Message: fmt.Sprintf("the index covers %d bytes of the %s column %s, which holds 255", n, strings.ToUpper(c.DataType), printable(c.Name))})
		}
	})
	return out, nil
}

func checkSpatialIndexes(in *Input) ([]Finding, error) {
	var out []Finding
	for i := range in.Catalog.Indexes {
		p := &in.Catalog.Indexes[i]
		t := in.Index.Table(p.Schema, p.Table)
		if !strings.EqualFold(p.Type, "SPATIAL") || t != nil && !strings.EqualFold(t.Engine, "InnoDB") {
			continue
		}
		msg := "an InnoDB spatial index made by this release may be damaged"
		if !in.Hop.From.AtLeast(8, 0, 3) {
			msg = "8.0 uses a spatial index only on a column with an SRID, which 5.7 cannot give"
		}
		out = append(out, Finding{Object: name(p.Schema, p.Table, p.Index), Message: msg, FixSQL: dropIndex(p)})
	}
	return out, nil
}
