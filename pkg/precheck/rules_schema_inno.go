package precheck

import (
	"fmt"
	"strings"
)

func innoRules() []Rule {
	return []Rule{
		{
			ID: "schemaInconsistency", Title: "Tables that only InnoDB knows", Severity: Error,
			About:  "InnoDB's dictionary has a table for which there is no .frm file; the upgrade stops when it finds one.",
			Fix:    "Remove the orphan: create a table of the same name elsewhere, copy its .frm file here, and drop the table; on RDS ask AWS Support.",
			Source: srcBoth + "; file names are decoded whole, so that accented names are no false alarm", Doc: docPrepare80,
			Needs: []Section{SectionInnoTables, SectionTables, SectionSchemas}, Applies: to80, Check: checkOrphanTables,
		},
		{
			ID: "engineMixup", Title: "Tables whose engine the server and InnoDB disagree on", Severity: Error,
			About:  "InnoDB has the table, but the server's own file says that it belongs to another engine. The upgrade stops.",
			Fix:    "Find out which copy holds the data; drop or rebuild the other.",
			Source: srcShell, Doc: docChanges80, Needs: []Section{SectionInnoTables, SectionTables}, Applies: to80, Check: checkEngineMixup,
		},
		{
			ID: "oldGeometryTypes", Title: "Spatial columns stored as BLOB since 5.6", Severity: Error,
			About:  "The column was created by 5.6 or earlier, where InnoDB stored spatial data as BLOB. 8.0.11 to 8.0.23 cannot upgrade it.",
			Fix:    "Rebuild the table with ALTER TABLE ... FORCE, or go to 8.0.24 or newer. " + rebuildWarning,
			Source: srcShell, Doc: docChanges80, Needs: []Section{SectionInnoTables, SectionInnoColumns, SectionColumns},
			Applies: func(h Hop) bool { return within(v8011, h) && !h.To.AtLeast(8, 0, 24) },
			When:    "5.7 to 8.0.11 through 8.0.23", Check: checkOldGeometry,
		},
		{
			ID: "danglingFulltextIndex", Title: "Leftovers of dropped FULLTEXT indexes", Severity: Error,
			About:  "The table had a FULLTEXT index; its hidden column FTS_DOC_ID is still there. Amazon RDS refuses to upgrade such a table.",
			Fix:    "Rebuild the table with ALTER TABLE ... FORCE. " + rebuildWarning,
			Source: srcRDS, Doc: docRDSMajor, Needs: []Section{SectionInnoTables, SectionInnoColumns, SectionColumns, SectionIndexes}, Applies: to80, Check: checkDanglingFulltext,
		},
		{
			ID: "columnCaseMismatch", Title: "Columns that InnoDB and the server spell differently", Severity: Error,
			About:  "A column's name differs in case between InnoDB's dictionary and the server's. The upgrade stops there.",
			Fix:    "Rename the column to another name and back, or rebuild the table. " + rebuildWarning,
			Source: srcRDS + " (getMismatchedMetadata)", Doc: docRDSMajor, Needs: []Section{SectionInnoTables, SectionInnoColumns, SectionColumns}, Applies: to80, Check: checkColumnCase,
		},
		{
			ID: "circularDirectory", Title: "Data files with /../ in their path", Severity: Error,
			About:  "8.0.17 and newer refuse a data file whose path goes up and down again.",
			Fix:    "Move the tablespace: create it anew with a plain path and move its tables.",
			Source: srcBoth, Doc: docPrepare80, Needs: []Section{SectionFiles}, Applies: crosses([3]int{8, 0, 17}), Check: checkCircularPaths,
		},
	}
}

func checkOrphanTables(in *Input) ([]Finding, error) {
	var out []Finding
	seen := map[nameKey]bool{}
	for i := range in.Index.inno {
		e := &in.Index.inno[i]
		// InnoDB has its names in lower case where the server ignores case.
		if e.auxiliary && !e.temporary || in.Index.Table(e.schema, e.table) != nil || in.Index.Table(e.schema, "#mysql50#"+e.table) != nil {
			continue
		}
		k := in.Index.key(e.schema, e.table)
		if seen[k] {
			continue
		}
		seen[k] = true
		msg := "InnoDB has this table, the server does not"
		if e.temporary {
			msg = "left over from an interrupted ALTER TABLE"
		}
		out = append(out, Finding{Object: name(e.schema, e.table), Message: msg})
	}
	return out, nil
}

func checkEngineMixup(in *Input) ([]Finding, error) {
	var out []Finding
	seen := map[*Table]bool{}
	for i := range in.Index.inno {
		e := &in.Index.inno[i]
		if e.auxiliary {
			continue
		}
		t := in.Index.Table(e.schema, e.table)
		if t == nil || t.View || t.Engine == "" || strings.EqualFold(t.Engine, "InnoDB") || seen[t] {
			continue
		}
		seen[t] = true
		out = append(out, Finding{Object: name(t.Schema, t.Name), Message: "InnoDB has this table, the server says that its engine is " + t.Engine})
	}
	return out, nil
}

// innoColumns calls f for InnoDB's columns of user tables; table is nil where
// the server does not have the table.
func innoColumns(in *Input, f func(ic *InnoColumn, e *innoEntry, table *Table)) {
	for i := range in.Catalog.InnoColumns {
		ic := &in.Catalog.InnoColumns[i]
		k, ok := in.Index.innoID[ic.TableID]
		if !ok {
			continue
		}
		e := &in.Index.inno[k]
		if !e.auxiliary {
			f(ic, e, in.Index.Table(e.schema, e.table))
		}
	}
}

func checkOldGeometry(in *Input) ([]Finding, error) {
	const blob = 5 // InnoDB's main type of a BLOB; a spatial column is 14
	var out []Finding
	seen := map[*Column]bool{}
	innoColumns(in, func(ic *InnoColumn, e *innoEntry, t *Table) {
		if ic.MType != blob || t == nil {
			return
		}
		if c := in.Index.Column(t.Schema, t.Name, ic.Name); c != nil && isSpatial(c.DataType) && !seen[c] {
			seen[c] = true
			out = append(out, Finding{Object: name(c.Schema, c.Table, c.Name), Message: "the " + strings.ToUpper(c.DataType) + " column is stored as BLOB",
				FixSQL: "ALTER TABLE " + quoteIdent(c.Schema, c.Table) + " FORCE"})
		}
	})
	return out, nil
}

const hiddenDocID = "FTS_DOC_ID"

func checkDanglingFulltext(in *Input) ([]Finding, error) {
	var out []Finding
	seen := map[*Table]bool{}
	innoColumns(in, func(ic *InnoColumn, e *innoEntry, t *Table) {
		if ic.Name != hiddenDocID || t == nil || seen[t] || in.Index.Column(t.Schema, t.Name, hiddenDocID) != nil {
			return
		}
		for _, ix := range in.Index.Indexes(t.Schema, t.Name) {
			if ix.Type == "FULLTEXT" {
				return
			}
		}
		seen[t] = true
		out = append(out, Finding{Object: name(t.Schema, t.Name), Message: "the table has the hidden column FTS_DOC_ID but no FULLTEXT index any more",
			FixSQL: "ALTER TABLE " + quoteIdent(t.Schema, t.Name) + " FORCE"})
	})
	return out, nil
}

func checkColumnCase(in *Input) ([]Finding, error) {
	var out []Finding
	seen := map[*Column]bool{}
	innoColumns(in, func(ic *InnoColumn, e *innoEntry, t *Table) {
		if t == nil || ic.Name == hiddenDocID {
			return
		}
		c := in.Index.Column(t.Schema, t.Name, ic.Name)
		if c == nil || c.Name == ic.Name || seen[c] {
			return
		}
		seen[c] = true
		out = append(out, Finding{Object: name(c.Schema, c.Table, c.Name), Message: fmt.Sprintf("InnoDB spells the column %s", printable(ic.Name))})
	})
	return out, nil
}

func checkCircularPaths(in *Input) ([]Finding, error) {
	var out []Finding
	for _, f := range in.Catalog.Files {
		if strings.Contains(strings.ReplaceAll(f.Path, `\`, "/"), "/../") {
			out = append(out, Finding{Object: f.Tablespace, Message: "the data file's path is " + printable(f.Path)})
		}
	}
	return out, nil
}
