package precheck

import (
	"slices"
	"strings"
	"unicode/utf8"
)

func textRules() []Rule {
	return []Rule{
		{
			ID: "dollarSignName", Title: "Names that begin with a dollar sign", Severity: Warning,
			About:  "8.0.32 deprecates unquoted names that begin with $ (and, as MySQL Shell does, names that also end with one are left out). Every statement that uses such a name unquoted warns; a later version will refuse it.",
			Fix:    "Rename the object, or quote its name wherever it is used.",
			Source: srcShell + "; bodies are lexed, so that strings and comments do not count, and triggers and events are covered", Doc: "https://dev.mysql.com/doc/refman/8.0/en/identifiers.html",
			Needs:   append(slices.Clone(programSections), SectionSchemas, SectionTables, SectionColumns, SectionIndexes),
			Applies: crosses([3]int{8, 0, 31}), Check: checkDollarNames,
		},
		{
			ID: "dynamicSql", Title: "Bodies that put statements together", Severity: Notice,
			About:  "PREPARE runs text that is put together at run time; no check can judge it. What the body's own strings hold is named where it looks like something removed.",
			Fix:    "Review the statements that the body prepares, or run it on a green.",
			Source: "hazard that no other check sees", Doc: "https://dev.mysql.com/doc/refman/8.0/en/sql-prepared-statements.html",
			Once: true, Needs: programSections, Check: checkDynamicSQL,
		},
		{
			ID: "groupByWithoutOrder", Title: "GROUP BY without ORDER BY", Severity: Notice,
			About: "5.7 returns groups sorted by the grouping columns; 8.0 returns them in any order. It shows where a client or cursor reads the rows, and changes results where LIMIT picks some of them (a Warning).",
			Fix:   "Add the ORDER BY that is meant; ORDER BY NULL where the order does not matter.", Source: "manual, SQL changes of 8.0.13", Doc: docSQLChanges80,
			Needs: programSections, Applies: crosses([3]int{8, 0, 13}), Check: checkGroupOrder,
		},
		{
			ID: "invalidUtf8mb3InViews", Title: "Views with characters outside utf8mb3", Severity: Error,
			About: "5.7 stores a view's text in utf8mb3. Bytes that are no valid text there, or characters beyond the basic plane, stop Aurora's upgrade, and the view does not survive it as it was." +
				" Where the server shows a question mark in place of such a character, only SHOW CREATE VIEW can tell.",
			Fix:    "Create the view again without these characters.",
			Source: "Aurora MySQL precheck of version 2 to 3", Doc: docAurora,
			Needs: []Section{SectionViews}, Applies: to80, Check: checkViewText,
		},
	}
}

// dollarName tells a name that begins, but does not end, with a dollar sign.
func dollarName(s string) bool {
	return strings.HasPrefix(s, "$") && !strings.HasSuffix(s, "$")
}

func checkDollarNames(in *Input) ([]Finding, error) {
	c := in.Catalog
	var out []Finding
	add := func(what, last string, parts ...string) {
		if dollarName(last) && !isSystemSchema(parts[0]) {
			out = append(out, Finding{Object: name(parts...), Message: "the " + what + "'s name begins with a dollar sign"})
		}
	}
	for i := range c.Schemas {
		add("schema", c.Schemas[i].Name, c.Schemas[i].Name)
	}
	for i := range c.Tables {
		add(tableWord(&c.Tables[i]), c.Tables[i].Name, c.Tables[i].Schema, c.Tables[i].Name)
	}
	for i := range c.Columns {
		add("column", c.Columns[i].Name, c.Columns[i].Schema, c.Columns[i].Table, c.Columns[i].Name)
	}
	for i := range c.Indexes {
		if p := &c.Indexes[i]; p.Seq == 1 {
			add("index", p.Index, p.Schema, p.Table, p.Index)
		}
	}
	for i := range c.Programs {
		if p := &c.Programs[i]; p.Kind != KindView { // views are among the tables
			add(string(p.Kind), p.Name, p.Schema, p.Name)
		}
	}
	found, err := bodySearch{
		needs: programSections,
		wants: func(t *bodyText, f *fact) bool { return f.kind == factDollar && t.program >= 0 },
		say: func(_ *Input, t *bodyText, facts []fact) Finding {
			return Finding{Message: "the " + t.what + " uses unquoted names that begin with a dollar sign: " + listed(t, facts), Fix: "Quote the names in backticks."}
		},
	}.check(in)
	return append(out, found...), err
}

func tableWord(t *Table) string {
	if t.View {
		return "view"
	}
	return "table"
}

func checkDynamicSQL(in *Input) ([]Finding, error) {
	return bodySearch{
		needs: programSections,
		wants: func(_ *bodyText, f *fact) bool { return f.kind == factDynamic },
		say: func(_ *Input, t *bodyText, facts []fact) Finding {
			f := Finding{Message: "the " + t.what + " runs statements that it puts together: " + listed(t, facts)}
			if len(t.hints) > 0 {
				f.Message += "; its strings hold " + strings.Join(mapStrings(t.hints, printable), ", ")
			}
			return f
		},
	}.check(in)
}

func mapStrings(in []string, f func(string) string) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = f(s)
	}
	return out
}

func checkGroupOrder(in *Input) ([]Finding, error) {
	return bodySearch{
		needs: programSections,
		wants: func(_ *bodyText, f *fact) bool { return f.kind == factGroupNoOrder },
		say: func(_ *Input, t *bodyText, facts []fact) Finding {
			f := Finding{Message: "the " + t.what + " returns groups in no order: " + listed(t, facts)}
			if slices.ContainsFunc(facts, func(f fact) bool { return f.limited }) {
				f.Severity = Warning
				f.Message = "the " + t.what + " picks groups with LIMIT and no ORDER BY: " + listed(t, facts)
			}
			return f
		},
	}.check(in)
}

func checkViewText(in *Input) ([]Finding, error) {
	var out []Finding
	for i := range in.Catalog.Programs {
		p := &in.Catalog.Programs[i]
		if p.Kind != KindView || isSystemSchema(p.Schema) {
			continue
		}
		f := outsideUtf8mb3(p.Body)
		if f.Message == "" {
			f = outsideUtf8mb3(p.Create)
		}
		if f.Message != "" {
			f.Object = name(p.Schema, p.Name)
			out = append(out, f)
		}
	}
	return out, bodiesOf(in).unread(in.Catalog, []Section{SectionViews})
}

// outsideUtf8mb3 says what of a text utf8mb3 cannot hold; the message is empty
// for nothing. A replacement character is a fair character, but it also stands
// where a saved catalog had bytes that are no text.
func outsideUtf8mb3(s string) Finding {
	replaced := false
	for i, r := range s {
		switch {
		case r == utf8.RuneError:
			if _, n := utf8.DecodeRuneInString(s[i:]); n <= 1 {
				return Finding{Message: "the view's text holds bytes that are not valid UTF-8"}
			}
			replaced = true
		case r > 0xffff:
			return Finding{Message: "the view's text holds a character of four bytes"}
		}
	}
	if replaced {
		return Finding{Message: "the view's text holds a replacement character, which may stand for bytes that are no text", Severity: Warning}
	}
	return Finding{}
}
