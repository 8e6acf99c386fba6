package precheck

import (
	"fmt"
	"strings"
)

func nameRules() []Rule {
	return []Rule{
		{
			ID: "reservedKeywords", Title: "Names that became reserved words", Severity: Warning,
			About:  "A schema, table, column, trigger, view, routine or event has a name that the newer parser reserves. The object itself survives, but SQL that uses the name without quotes fails.",
			Fix:    "Put the name in backticks wherever SQL uses it (after a dot it needs none), or rename the object.",
			Source: srcBoth + "; words that only some releases of 8.0 reserved are judged by the target's release, and 8.4's words are added",
			Doc:    "https://dev.mysql.com/doc/refman/8.4/en/keywords.html",
			Needs:  []Section{SectionSchemas, SectionTables, SectionColumns, SectionViews, SectionRoutines, SectionTriggers, SectionEvents},
			Check:  checkReservedWords,
		},
		{
			ID: "mysqlSchema", Title: "Tables in schema mysql that the data dictionary needs", Severity: Error,
			About:  "The upgrade creates dictionary tables in schema mysql and stops when a table of the same name is there.",
			Fix:    "Rename or drop the table.",
			Source: srcBoth, Doc: docPrepare80, Needs: []Section{SectionSystem}, Applies: to80, Check: checkMySQLSchema,
		},
		{
			ID: "invalid57Names", Title: "Names that 5.7 shows as #mysql50#", Severity: Error,
			About:  "Directories and files whose names do not follow the file-name encoding appear as #mysql50#name. 8.0 no longer knows the prefix and refuses to upgrade.",
			Fix:    "Rename the schema with ALTER DATABASE ... UPGRADE DATA DIRECTORY NAME, the table with RENAME TABLE, or remove the stray file.",
			Source: srcShell, Doc: docChanges80, Needs: []Section{SectionSchemas, SectionTables}, Applies: crosses([3]int{8, 0, 0}), Check: checkMySQL50Names,
		},
		{
			ID: "ftsInTablename", Title: "Table names with FTS in upper case", Severity: Error,
			About:  "8.0.11 to 8.0.17 take a table whose name contains FTS for a full-text table of InnoDB and fail.",
			Fix:    "Rename the table, or upgrade to 8.0.18 or newer.",
			Source: srcShell, Doc: docChanges80, Needs: []Section{SectionTables, SectionVariables},
			Applies: func(h Hop) bool { return within(v8011, h) && !h.To.AtLeast(8, 0, 18) },
			When:    "5.7 to 8.0.11 through 8.0.17, not on Windows", Check: checkFTSNames,
		},
		{
			ID: "upperCaseNames", Title: "Upper-case names under lower_case_table_names=1", Severity: Error,
			About:  "With lower_case_table_names=1 the server looks names up in lower case. A schema or table stored with upper-case letters cannot be found by the upgraded server, and the upgrade fails.",
			Fix:    "Rename the schema or table to lower case under lower_case_table_names=0, or dump, drop and load it.",
			Source: "Amazon RDS and Aurora prechecks (getValueOfVariablelower_case_table_names)", Doc: docRDSMajor,
			Needs: []Section{SectionServer, SectionSchemas, SectionTables}, Applies: to80, Check: checkUpperCaseNames,
		},
		{
			ID: "viewColumnName", Title: "View columns without a valid name", Severity: Error,
			About:  "A view has a column whose name is empty or longer than 64 characters; the newer server refuses the view.",
			Fix:    "Recreate the view with an alias for the column.",
			Source: "Aurora MySQL's precheck of view column names; 9.7.4 refuses them (measured)", Doc: docAurora,
			Needs: []Section{SectionTables, SectionColumns}, Applies: to80, Check: checkViewColumnNames,
		},
	}
}

// newlyReserved tells whether a hop makes a word reserved.
func newlyReserved(word string, h Hop) bool {
	if len(word) < 2 || len(word) > 12 {
		return false
	}
	w := strings.ToUpper(word)
	if v, ok := reservedWords[w]; ok {
		return within(v, h)
	}
	if span, ok := brieflyReserved[w]; ok {
		from, until := span[0], span[1]
		return within(from, h) && !h.To.AtLeast(until[0], until[1], until[2])
	}
	return false
}

func checkReservedWords(in *Input) ([]Finding, error) {
	var out []Finding
	add := func(kind, word string, full ...string) {
		if newlyReserved(word, in.Hop) {
			out = append(out, Finding{Object: name(full...),
				Message: fmt.Sprintf("the %s's name is a reserved word in %s", kind, in.Hop.To.Line())})
		}
	}
	c := in.Catalog
	for i := range c.Schemas {
		add("schema", c.Schemas[i].Name, c.Schemas[i].Name)
	}
	for i := range c.Tables {
		t := &c.Tables[i]
		add(tableKind(t), t.Name, t.Schema, t.Name)
	}
	for i := range c.Columns {
		col := &c.Columns[i]
		add("column", col.Name, col.Schema, col.Table, col.Name)
	}
	for i := range c.Programs {
		if p := &c.Programs[i]; p.Kind != KindView || in.Index.Table(p.Schema, p.Name) == nil {
			add(string(p.Kind), p.Name, p.Schema, p.Name)
		}
	}
	return out, nil
}

func tableKind(t *Table) string {
	if t.View {
		return "view"
	}
	return "table"
}

func checkMySQLSchema(in *Input) ([]Finding, error) {
	var out []Finding
	for _, t := range in.Catalog.SystemTable {
		if strings.EqualFold(t.Schema, "mysql") && dictionaryTables[strings.ToLower(t.Name)] {
			out = append(out, Finding{Object: name(t.Schema, t.Name),
				Message: "the 8.0 data dictionary needs this name in schema mysql"})
		}
	}
	return out, nil
}

func checkMySQL50Names(in *Input) ([]Finding, error) {
	const prefix = "#mysql50#"
	var out []Finding
	for _, s := range in.Catalog.Schemas {
		if strings.HasPrefix(s.Name, prefix) {
			out = append(out, Finding{Object: s.Name, Message: "the schema's directory name is not encoded as 5.1 and newer do",
				FixSQL: "ALTER DATABASE " + quoteIdent(s.Name) + " UPGRADE DATA DIRECTORY NAME"})
		}
	}
	for i := range in.Catalog.Tables {
		if t := &in.Catalog.Tables[i]; strings.HasPrefix(t.Name, prefix) {
			out = append(out, Finding{Object: name(t.Schema, t.Name), Message: "the table's file name is not encoded as 5.1 and newer do"})
		}
	}
	return out, nil
}

func checkFTSNames(in *Input) ([]Finding, error) {
	if os, _ := in.Index.Variable("version_compile_os"); strings.HasPrefix(strings.ToLower(os), "win") {
		return nil, skipError{"does not concern servers on Windows"}
	}
	var out []Finding
	for t := range in.Index.baseTables() {
		if strings.Contains(t.Name, "FTS") {
			out = append(out, Finding{Object: name(t.Schema, t.Name), Message: "the table's name contains FTS in upper case"})
		}
	}
	return out, nil
}

func checkUpperCaseNames(in *Input) ([]Finding, error) {
	if in.Catalog.Server.LowerCaseTableNames != 1 {
		return nil, nil
	}
	var out []Finding
	for _, s := range in.Catalog.Schemas {
		if s.Name != strings.ToLower(s.Name) {
			out = append(out, Finding{Object: s.Name, Message: "the schema's name has upper-case letters although lower_case_table_names is 1"})
		}
	}
	for i := range in.Catalog.Tables {
		if t := &in.Catalog.Tables[i]; t.Name != strings.ToLower(t.Name) {
			out = append(out, Finding{Object: name(t.Schema, t.Name),
				Message: "the " + tableKind(t) + "'s name has upper-case letters although lower_case_table_names is 1"})
		}
	}
	return out, nil
}

func checkViewColumnNames(in *Input) ([]Finding, error) {
	var out []Finding
	for i := range in.Catalog.Columns {
		c, t := &in.Catalog.Columns[i], in.Index.colTable[i]
		if t == nil || !t.View {
			continue
		}
		if n := len([]rune(c.Name)); n == 0 || n > 64 {
			out = append(out, Finding{Object: name(c.Schema, c.Table, c.Name),
				Message: fmt.Sprintf("the view's column has a name of %d characters; 1 to 64 are allowed", n)})
		}
	}
	return out, nil
}
