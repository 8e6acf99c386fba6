package precheck

import "strings"

// obsoleteModes are the removed sql_modes but MAXDB, which has a check of its own.
var obsoleteModes = func() map[string]bool {
	m := map[string]bool{}
	for mode := range removedModes {
		m[mode] = mode != "MAXDB"
	}
	return m
}()

func settingRules() []Rule {
	modeNeeds := []Section{SectionServer, SectionRoutines, SectionTriggers, SectionEvents}
	return []Rule{
		{
			ID: "maxdbSqlModeFlags", Title: "Objects stored with sql_mode MAXDB", Severity: Warning,
			About:  "8.0 has no sql_mode MAXDB. It made TIMESTAMP a DATETIME; the upgrade drops the mode, and with it that meaning.",
			Fix:    "Create the object again under another sql_mode; take MAXDB out of the global sql_mode.",
			Source: srcBoth, Doc: docSQLMode, Needs: modeNeeds, Applies: to80,
			Check: func(in *Input) ([]Finding, error) { return checkModes(in, map[string]bool{"MAXDB": true}), nil },
		},
		{
			ID: "obsoleteSqlModeFlags", Title: "Objects stored with a removed sql_mode", Severity: Notice,
			About:  "8.0 has removed DB2, MSSQL, MYSQL323, MYSQL40, NO_AUTO_CREATE_USER, NO_FIELD_OPTIONS, NO_KEY_OPTIONS, NO_TABLE_OPTIONS, ORACLE and POSTGRESQL. The upgrade drops them from stored objects; NO_AUTO_CREATE_USER is part of 5.7's default, so most objects have it.",
			Fix:    "Nothing is needed for stored objects. Take the modes out of the parameter group and of what clients set: SET sql_mode with one of them fails on 8.0 (error 1231).",
			Source: srcBoth, Doc: docSQLMode, Needs: modeNeeds, Applies: to80,
			Check: func(in *Input) ([]Finding, error) { return checkModes(in, obsoleteModes), nil },
		},
		{
			ID: "removedSysvarInRoutine", Title: "Bodies that use removed system variables", Severity: Error,
			About:  "Reading or setting a system variable that is gone fails with error 1193: the new server cannot create the body, and one that the upgrade carried over fails when it runs. Local variables and parameters of the same name are not meant.",
			Fix:    "Use the variable's successor, or take the use out.",
			Source: srcMeasured + "; the list of removedSysVars", Doc: "https://dev.mysql.com/doc/refman/8.0/en/added-deprecated-removed.html",
			Needs: programSections, Applies: anyRemovedVariable, Check: checkSysvarsInBodies,
		},
		{
			ID: "removedSystemTableInRoutine", Title: "Bodies that read removed system tables", Severity: Error,
			About:  "The body reads a table of information_schema, performance_schema or mysql that the new version does not have, and fails when it runs (errors 1109, 1146).",
			Fix:    "Read the successor; its columns may have other names.",
			Source: "measured: present on 5.7.30, missing on 9.7.4", Doc: docNoLonger80,
			Needs: programSections, Applies: crosses([3]int{8, 0, 1}, [3]int{8, 0, 3}, v840), Check: checkSystemTables,
		},
		{
			ID: "removedSqlModeInRoutine", Title: "Bodies that set a removed sql_mode", Severity: Error,
			About:  "Assigning a removed mode to sql_mode fails on 8.0 with error 1231. The body is created without complaint and fails when it runs.",
			Fix:    "Take the mode out of the value.",
			Source: "measured: SET fails with 1231 on 9.7.4", Doc: docSQLMode,
			Needs: programSections, Applies: to80, Check: checkModesInBodies,
		},
	}
}

// anyRemovedVariable is the gate of a rule over the whole list of removed variables.
func anyRemovedVariable(h Hop) bool {
	for i := range removedVars {
		if within(removedVars[i].gone, h) {
			return true
		}
	}
	return false
}

// checkModes finds modes in the global sql_mode and in those that programs
// were stored with: one finding per object.
func checkModes(in *Input, modes map[string]bool) []Finding {
	var out []Finding
	if found := modesIn(in.Catalog.Server.SQLMode, modes); found != "" {
		out = append(out, Finding{Object: "sql_mode", Message: "the global sql_mode contains " + found, Fix: "Take " + found + " out of the parameter group's sql_mode."})
	}
	for i := range in.Catalog.Programs {
		p := &in.Catalog.Programs[i]
		if isSystemSchema(p.Schema) {
			continue
		}
		if found := modesIn(p.SQLMode, modes); found != "" {
			out = append(out, Finding{Object: name(p.Schema, p.Name), Message: "the " + string(p.Kind) + " is stored with sql_mode " + found})
		}
	}
	return out
}

// modesIn lists the wanted modes of a sql_mode value.
func modesIn(sqlMode string, modes map[string]bool) string {
	if sqlMode == "" {
		return ""
	}
	var found []string
	for _, m := range strings.Split(sqlMode, ",") {
		if m = strings.ToUpper(strings.TrimSpace(m)); modes[m] {
			found = append(found, m)
		}
	}
	return strings.Join(found, ", ")
}

func checkSysvarsInBodies(in *Input) ([]Finding, error) {
	return bodySearch{
		needs: programSections,
		wants: func(_ *bodyText, f *fact) bool { return f.kind == factSysvar },
		say: func(_ *Input, t *bodyText, facts []fact) Finding {
			return Finding{Message: "the " + t.what + " uses " + listed(t, facts), Fix: instead(facts, "")}
		},
	}.check(in)
}

func checkSystemTables(in *Input) ([]Finding, error) {
	return bodySearch{
		needs: programSections,
		wants: func(_ *bodyText, f *fact) bool { return f.kind == factSystemTable },
		say: func(_ *Input, t *bodyText, facts []fact) Finding {
			return Finding{Message: "the " + t.what + " reads " + listed(t, facts), Fix: instead(facts, "")}
		},
	}.check(in)
}

func checkModesInBodies(in *Input) ([]Finding, error) {
	return bodySearch{
		needs: programSections,
		wants: func(_ *bodyText, f *fact) bool { return f.kind == factSQLMode },
		say: func(_ *Input, t *bodyText, facts []fact) Finding {
			return Finding{Message: "the " + t.what + " sets sql_mode to " + listed(t, facts)}
		},
	}.check(in)
}
