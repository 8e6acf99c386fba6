package precheck

import (
	"slices"
	"strings"
)

// bodyRules are the checks about SQL text: the bodies of views, routines,
// triggers and events, generated columns, and what applications sent.
func bodyRules() []Rule {
	return slices.Concat(functionRules(), syntaxRules(), settingRules(), textRules(), appRules())
}

const (
	docSQLChanges80 = "https://dev.mysql.com/doc/refman/8.0/en/upgrading-from-previous-series.html#upgrade-sql-changes"
	docNoLonger80   = "https://dev.mysql.com/doc/refman/8.0/en/mysql-nutshell.html#mysql-nutshell-removals"
	docRemoved84    = "https://dev.mysql.com/doc/refman/8.4/en/mysql-nutshell.html#mysql-nutshell-removals"
	docKeywords     = "https://dev.mysql.com/doc/refman/8.4/en/keywords.html"
	docSQLMode      = "https://dev.mysql.com/doc/refman/8.0/en/sql-mode.html"
	docDigests      = "https://dev.mysql.com/doc/refman/5.7/en/performance-schema-statement-digests.html"
	srcMeasured     = "measured: accepted by 5.7.30, refused by 9.7.4"
)

// withColumns are the needs of a rule that looks at generated columns too.
var withColumns = append(slices.Clip(slices.Clone(programSections)), SectionColumns)

func functionRules() []Rule {
	return []Rule{
		{
			ID: "removedFunctions", Title: "Calls of functions that no longer exist", Severity: Error,
			About: "A view, routine, trigger, event or generated column calls a function that the new version has removed. RDS cancels the upgrade; without that, the call fails when it runs." +
				" A name with a schema before it is a function of your own and is not meant. A quoted name is the server's own function on 5.7, too, unless it is PASSWORD or CONTAINS.",
			Fix:    "Replace the call; PASSWORD has no replacement, and what ENCODE, ENCRYPT or DES_ENCRYPT wrote must be decrypted before the upgrade.",
			Source: srcBoth + "; CONVEXHULL and WAIT_UNTIL_SQL_THREAD_AFTER_GTIDS measured", Doc: docNoLonger80,
			Needs: withColumns, Applies: crosses(v8011, v840), Check: checkRemovedFunctions,
		},
		{
			ID: "changedFunctionsInGeneratedColumns", Title: "Indexed generated columns that use CAST or CONVERT", Severity: Warning,
			About:  "8.0.28 changed what CAST and CONVERT return. Values stored in an index over such a generated column may differ from what is computed now, so that lookups miss rows.",
			Fix:    "Rebuild the index after the upgrade: drop it and add it again.",
			Source: srcShell, Doc: docSQLChanges80,
			Needs: []Section{SectionColumns, SectionIndexes}, Applies: crosses([3]int{8, 0, 28}), Check: checkChangedFunctions,
		},
	}
}

func checkRemovedFunctions(in *Input) ([]Finding, error) {
	own := storedFunctions(in.Catalog)
	return bodySearch{
		needs: withColumns,
		wants: func(_ *bodyText, f *fact) bool { return f.kind == factCall },
		say: func(_ *Input, t *bodyText, facts []fact) Finding {
			f := Finding{Message: "the " + t.what + " calls " + listed(t, facts), Fix: instead(facts, "")}
			if allQuotedTwins(own, t.schema, facts) {
				f.Severity = Warning
				f.Message += ", quoted: 5.7 runs its own function, the new version the schema's stored function of that name"
			}
			return f
		},
	}.check(in)
}

// storedFunctions are the names of stored functions, as schema.name in lower case.
func storedFunctions(c *Catalog) map[string]bool {
	own := map[string]bool{}
	for i := range c.Programs {
		if p := &c.Programs[i]; p.Kind == KindFunction {
			own[strings.ToLower(p.Schema+"."+p.Name)] = true
		}
	}
	return own
}

// allQuotedTwins tells whether every call is written in backticks and would
// find a stored function of the schema on the new server.
func allQuotedTwins(own map[string]bool, schema string, facts []fact) bool {
	for _, f := range facts {
		if !f.quoted || !own[strings.ToLower(schema+"."+f.name)] {
			return false
		}
	}
	return true
}

func checkChangedFunctions(in *Input) ([]Finding, error) {
	indexed := map[[3]string]bool{}
	for i := range in.Catalog.Indexes {
		p := &in.Catalog.Indexes[i]
		indexed[[3]string{p.Schema, p.Table, strings.ToLower(p.Column)}] = true
	}
	var out []Finding
	for i := range in.Catalog.Columns {
		c := &in.Catalog.Columns[i]
		if c.Generated == "" || isSystemSchema(c.Schema) || !indexed[[3]string{c.Schema, c.Table, strings.ToLower(c.Name)}] {
			continue
		}
		var a analyser
		var used []string
		for _, f := range a.analyse(c.Generated, 0, versionID(in.Hop.From), false) {
			if f.kind == factCast {
				used = append(used, f.name)
			}
		}
		if len(used) > 0 {
			out = append(out, Finding{
				Object:  name(c.Schema, c.Table, c.Name),
				Message: "the column is indexed and computed with " + strings.Join(used, " and "),
			})
		}
	}
	return out, nil
}

func syntaxRules() []Rule {
	return []Rule{
		{
			ID: "routineSyntax", Title: "Bodies that the new parser refuses", Severity: Error,
			About: "A routine, trigger, event or view uses syntax that the new version no longer has, or an unquoted name that has become a reserved word. The upgrade of the data dictionary fails on it." +
				" The check knows what was measured to differ (docs/prechecks-syntax.md); with --judge-dsn a real server has the last word.",
			Fix:    "Quote the name in backticks, or rewrite the statement, and create the object again.",
			Source: srcBoth + "; " + srcMeasured, Doc: docKeywords,
			Needs: programSections, Applies: crosses(v8011, [3]int{8, 0, 14}, [3]int{8, 0, 31}, v840), Check: checkRoutineSyntax,
		},
		{
			ID: "groupbyAscSyntax", Title: "GROUP BY with ASC or DESC", Severity: Error,
			About:  "8.0.13 removed ASC and DESC from GROUP BY; a body that has them no longer parses.",
			Fix:    "Take ASC or DESC out of the GROUP BY and add an ORDER BY.",
			Source: srcBoth, Doc: docSQLChanges80,
			Needs: programSections, Applies: crosses([3]int{8, 0, 13}), Check: checkGroupSort,
		},
		{
			ID: "emptyDotTableSyntax", Title: "A dot without a schema before it", Severity: Error,
			About:  "5.7 reads .t as t in the current schema; 8.0 refuses it.",
			Fix:    "Write the table's name without the dot, or with its schema.",
			Source: srcShell + "; Aurora runs it too", Doc: docSQLChanges80,
			Needs: programSections, Applies: crosses([3]int{8, 0, 0}), Check: checkEmptyDot,
		},
		{
			ID: "routinesWithDeprecatedKeywords", Title: "Query cache keywords", Severity: Error,
			About:  "RDS cancels the upgrade when a routine holds QUERY CACHE, SQL_CACHE or SQL_NO_CACHE. The server itself still takes SQL_NO_CACHE, and reads SQL_CACHE as the name of a column.",
			Fix:    "Take the keyword out; the query cache is gone.",
			Source: srcRDS + "; Aurora's depreciatedSyntaxCheck", Doc: docRDSMajor,
			Needs: programSections, Applies: to80, Check: checkCacheWords,
		},
		{
			ID: "nonInclusiveLanguage", Title: "Replication statements with MASTER or SLAVE", Severity: Error,
			About:  "8.4 removed the statements that name a MASTER or SLAVE; a body that uses one no longer parses, and RDS cancels the upgrade. REPLICATION SLAVE, the privilege, keeps its name.",
			Fix:    "Use the statements with SOURCE, REPLICA or BINARY LOG.",
			Source: "Amazon RDS's own precheck before the upgrade to 8.4; " + srcMeasured, Doc: docRemoved84,
			Needs: programSections, Applies: crosses(v840), Check: checkReplicaWords,
		},
	}
}

func checkRoutineSyntax(in *Input) ([]Finding, error) {
	search := bodySearch{needs: programSections, wants: breaksParser, say: saySyntax}
	bodies := bodiesOf(in)
	var out []Finding
	for i := range bodies.texts {
		t := &bodies.texts[i]
		if t.program < 0 {
			continue
		}
		later := slices.ContainsFunc(t.facts, func(f fact) bool {
			return f.refused && !in.Hop.To.AtLeast(f.since/10000, f.since/100%100, f.since%100)
		})
		if f := judged(&in.Catalog.Programs[t.program], in.Hop, search.find(in, t), later); f != nil {
			f.Object = t.object
			out = append(out, *f)
		}
	}
	return out, bodies.unread(in.Catalog, search.needs)
}

func breaksParser(t *bodyText, f *fact) bool {
	switch {
	case t.program < 0:
		return false
	case f.kind == factReserved:
		return t.kind != KindView
	case f.kind == factGone, f.kind == factCacheWord:
		return f.refused
	}
	// A view's other troubles have checks of their own.
	return f.refused && t.kind != KindView
}

func saySyntax(_ *Input, t *bodyText, facts []fact) Finding {
	f := Finding{Message: "the " + t.what + " does not parse: " + syntaxList(t, facts), Fix: syntaxFix(facts)}
	if !slices.ContainsFunc(facts, func(f fact) bool { return f.refused }) {
		f.Severity = Warning
		f.Message = "the " + t.what + " may not parse, by the manual's list of reserved words: " + syntaxList(t, facts)
	}
	return f
}

// syntaxList names facts in the words of a person.
func syntaxList(t *bodyText, facts []fact) string {
	named := slices.Clone(facts)
	for i := range named {
		switch f := &named[i]; f.kind {
		case factReserved:
			f.name += " as a name"
		case factGroupSort:
			f.name = "GROUP BY ... " + f.name
		case factCall:
			f.name += "()"
		}
	}
	return listed(t, named)
}

func syntaxFix(facts []fact) string {
	if slices.ContainsFunc(facts, func(f fact) bool { return f.kind != factReserved }) {
		return instead(facts, "")
	}
	return "Quote the name in backticks: `" + strings.ToLower(facts[0].name) + "`."
}

func checkGroupSort(in *Input) ([]Finding, error) {
	return bodySearch{
		needs: programSections,
		wants: func(_ *bodyText, f *fact) bool { return f.kind == factGroupSort },
		say: func(_ *Input, t *bodyText, facts []fact) Finding {
			return Finding{Message: "the " + t.what + " sorts a GROUP BY with " + listed(t, facts)}
		},
	}.check(in)
}

func checkEmptyDot(in *Input) ([]Finding, error) {
	return bodySearch{
		needs: programSections,
		wants: func(_ *bodyText, f *fact) bool { return f.kind == factEmptyDot },
		say: func(_ *Input, t *bodyText, facts []fact) Finding {
			return Finding{Message: "the " + t.what + " names " + listed(t, facts) + " with nothing before the dot"}
		},
	}.check(in)
}

func checkCacheWords(in *Input) ([]Finding, error) {
	return bodySearch{
		needs: programSections,
		wants: func(t *bodyText, f *fact) bool {
			routine := t.kind == KindProcedure || t.kind == KindFunction
			switch f.kind {
			case factCacheWord:
				return routine || f.name == keywordNames[kwSQLCache]
			case factGone:
				return strings.HasSuffix(f.name, "QUERY CACHE")
			}
			return false
		},
		say: func(_ *Input, t *bodyText, facts []fact) Finding {
			return Finding{Message: "the " + t.what + " uses " + listed(t, facts)}
		},
	}.check(in)
}

func checkReplicaWords(in *Input) ([]Finding, error) {
	return bodySearch{
		needs: programSections,
		wants: func(_ *bodyText, f *fact) bool { return f.replica },
		say: func(_ *Input, t *bodyText, facts []fact) Finding {
			return Finding{Message: "the " + t.what + " uses " + listed(t, facts), Fix: instead(facts, "")}
		},
	}.check(in)
}
