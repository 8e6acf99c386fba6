package precheck

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqlver"
)

// fixed is a rule that always says the same.
func fixed(id string, s Severity, err error, needs []Section, objects ...string) Rule {
	return Rule{ID: id, Severity: s, Fix: "mend it", Needs: needs, Check: func(*Input) ([]Finding, error) {
		var out []Finding
		for _, o := range objects {
			out = append(out, Finding{Object: o, Message: "bad"})
		}
		return out, err
	}}
}

func TestJudgeStatus(t *testing.T) {
	c := &Catalog{Sections: map[Section]SectionState{
		SectionTables: {Status: SectionRead}, SectionAccounts: {Status: SectionFailed, Code: 1142, Reason: "SELECT command denied", Grant: "SELECT ON mysql.user"},
		SectionRoutines: {Status: SectionPartial, Missing: 3, Grant: "SELECT ON mysql.proc"}, SectionCheckTable: {Status: SectionNotRead},
	}}
	never := fixed("never", Error, nil, nil, "x")
	never.Applies = func(Hop) bool { return false }
	optIn := fixed("optin", Error, nil, []Section{SectionCheckTable}, "x")
	optIn.OptIn = "--check-tables"
	panics := Rule{ID: "panics", Severity: Error, Check: func(*Input) ([]Finding, error) { panic("index out of range") }}
	for _, tc := range []struct {
		rule     Rule
		status   Status
		severity Severity
		reason   string
		grant    string
		verdict  Verdict
	}{
		{fixed("clean", Error, nil, []Section{SectionTables}), StatusPassed, Error, "", "", Ready},
		{fixed("found", Warning, nil, []Section{SectionTables}, "a"), StatusFailed, Warning, "", "", Ready},
		{fixed("bad", Error, nil, []Section{SectionTables}, "a"), StatusFailed, Error, "", "", Blocked},
		{never, StatusSkipped, Error, "does not apply to 5.7 -> 8.0", "", Ready},
		{optIn, StatusSkipped, Error, "runs only when asked for: --check-tables", "", Ready},
		{fixed("denied", Error, nil, []Section{SectionTables, SectionAccounts}), StatusError, Error, "could not read accounts: SELECT command denied (server error 1142)", "SELECT ON mysql.user", Unknown},
		{fixed("denied but mild", Warning, nil, []Section{SectionAccounts}), StatusError, Warning, "could not read accounts: SELECT command denied (server error 1142)", "SELECT ON mysql.user", Ready},
		{fixed("partly", Error, nil, []Section{SectionRoutines}, "a"), StatusError, Error, "routines could be read only in part (3 missing)", "SELECT ON mysql.proc", Blocked},
		{fixed("never read", Error, nil, []Section{SectionXA}), StatusError, Error, "xa was not read", "", Unknown},
		{fixed("own word", Error, errors.New("no idea"), nil), StatusError, Error, "no idea", "", Unknown},
		{fixed("needs late", Error, needError{SectionAccounts}, nil), StatusError, Error, "could not read accounts: SELECT command denied (server error 1142)", "SELECT ON mysql.user", Unknown},
		{fixed("nothing to judge", Error, skipError{"only on RDS"}, []Section{SectionXA}), StatusSkipped, Error, "only on RDS", "", Ready},
		{panics, StatusError, Error, "the check itself failed: index out of range", "", Unknown},
	} {
		rep := Judge(c, []Hop{hop80}, Policy{}, JudgeOptions{Rules: []Rule{tc.rule}})
		ch := rep.Checks[0]
		got := [...]string{string(ch.Status), string(ch.Severity), ch.Reason, ch.Grant, string(rep.Verdict)}
		want := [...]string{string(tc.status), string(tc.severity), tc.reason, tc.grant, string(tc.verdict)}
		if got != want {
			t.Errorf("%s: got %q, want %q", tc.rule.ID, got, want)
		}
		if ch.Findings == nil {
			t.Errorf("%s: findings are null in JSON", tc.rule.ID)
		}
	}
}

func TestJudgePolicy(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	c := &Catalog{Server: Server{Version: "5.7.44"}}
	rules := []Rule{fixed("bad", Error, nil, nil, "shop.a", "shop.b", "hr.a"), fixed("mild", Notice, nil, nil, "x")}
	waiver := func(check, db, object string, expires time.Time) Waiver {
		return Waiver{Check: check, Owner: "ann", Reason: "known", Expires: expires, Databases: []string{db}, Objects: []string{object}}
	}
	later, earlier := now.Add(time.Hour), now.Add(-time.Hour)
	for _, tc := range []struct {
		name    string
		policy  Policy
		verdict Verdict
		summary Summary
		reason  string
	}{
		{"default", Policy{}, Blocked, Summary{Errors: 3, Notices: 1}, ""},
		{"milder", Policy{Severity: map[string]Severity{"bad": Warning}}, Ready, Summary{Warnings: 3, Notices: 1}, ""},
		{"stricter", Policy{FailLevel: Notice, Severity: map[string]Severity{"bad": Notice}}, Blocked, Summary{Notices: 4}, ""},
		{"part waived", Policy{Waivers: []Waiver{waiver("bad", "db-*", "shop.*", later)}}, Blocked, Summary{Errors: 1, Notices: 1, Waived: 2}, "2 of 3 findings waived"},
		{"all waived", Policy{Waivers: []Waiver{{Check: "bad", Expires: later}}}, Ready, Summary{Notices: 1, Waived: 3}, "3 of 3 findings waived"},
		{"expired", Policy{Waivers: []Waiver{{Check: "bad", Expires: earlier}}}, Blocked, Summary{Errors: 3, Notices: 1}, ""},
		{"expires now", Policy{Waivers: []Waiver{{Check: "bad", Expires: now}}}, Blocked, Summary{Errors: 3, Notices: 1}, ""},
		{"another database", Policy{Waivers: []Waiver{waiver("bad", "db-2", "*", later)}}, Blocked, Summary{Errors: 3, Notices: 1}, ""},
		{"another check", Policy{Waivers: []Waiver{waiver("mild", "*", "*", later)}}, Blocked, Summary{Errors: 3, Waived: 1}, ""},
		{"a valid one beside an expired one", Policy{Waivers: []Waiver{{Check: "bad", Expires: earlier}, {Check: "bad", Expires: later}}}, Ready, Summary{Notices: 1, Waived: 3}, "3 of 3 findings waived"},
	} {
		tc.policy.Now = now
		rep := Judge(c, []Hop{hop80}, tc.policy, JudgeOptions{ID: "db-1", Rules: rules})
		if rep.Verdict != tc.verdict || rep.Summary != tc.summary || rep.Checks[0].Reason != tc.reason {
			t.Errorf("%s: verdict %s, summary %+v, reason %q; want %s, %+v, %q", tc.name, rep.Verdict, rep.Summary, rep.Checks[0].Reason, tc.verdict, tc.summary, tc.reason)
		}
	}
	rep := Judge(c, []Hop{hop80}, Policy{Now: now, Waivers: []Waiver{{Check: "bad", Owner: "ann", Expires: earlier}}}, JudgeOptions{Rules: rules})
	if w := rep.Checks[0].Findings[0].Waived; w == nil || !w.Expired || w.Owner != "ann" {
		t.Errorf("an expired waiver is shown as %+v", w)
	}
}

func TestJudgeHops(t *testing.T) {
	rule := Rule{ID: "r", Severity: Warning, Check: func(in *Input) ([]Finding, error) {
		f := []Finding{{Object: "a", Message: "same"}}
		if in.Hop.To.Line() == "8.4" {
			f[0].Severity = Error
			f = append(f, Finding{Object: "b", Message: "only here"})
		}
		return f, nil
	}}
	rep := Judge(&Catalog{}, []Hop{hop80, hop84}, Policy{}, JudgeOptions{Rules: []Rule{rule}})
	want := []Finding{
		{Object: "a", Message: "same", Severity: Error, Hop: "8.0 -> 8.4"},
		{Object: "b", Message: "only here", Severity: Warning, Hop: "8.0 -> 8.4"},
	}
	if d := cmp.Diff(want, rep.Checks[0].Findings); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"5.7 -> 8.0", "8.0 -> 8.4"}, rep.Checks[0].Hops); d != "" {
		t.Error(d)
	}
}

func TestRouteFor(t *testing.T) {
	for _, tc := range []struct{ source, target, want string }{
		{"5.7.44", "8.0.46", "5.7 -> 8.0"},
		{"5.7.44-RDS.20260212", "8.0", "5.7 -> 8.0"},
		{"5.7.30", "8.4.9", "5.7 -> 8.0 -> 8.4"},
		{"5.7.30", "9.7.4", "5.7 -> 8.0 -> 8.4 -> 9.7"},
		{"8.0.40", "8.4", "8.0 -> 8.4"},
		{"8.0.40", "8.0.46", "8.0 -> 8.0"},
		{"8.0.40", "8.0", "8.0 -> 8.0"},
		{"8.0.40", "9.1.0", "8.0 -> 8.4 -> 9.1"},
		{"8.1.0", "9.7", "8.1 -> 8.4 -> 9.7"},
		{"5.7.44", "5.7.44-RDS.20260212", "5.7 -> 5.7"},
		{"8.0.46", "8.0.46", ""},
		{"8.0.46", "8.0.40", "error"},
		{"8.4.1", "8.0", "error"},
		{"5.6.51", "8.0", "error"},
		{"10.6.1", "10.11.2", "error"},
		{"8.0.40", "10.0", "error"},
	} {
		route, err := RouteFor(mysqlver.MustParse(tc.source), mysqlver.MustParse(tc.target))
		got := ""
		if err != nil {
			got = "error"
		} else if len(route) > 0 {
			got = routeString(route)
		}
		if got != tc.want {
			t.Errorf("from %s to %s: %q (%v), want %q", tc.source, tc.target, got, err, tc.want)
		}
	}
}

func TestGlob(t *testing.T) {
	for _, tc := range []struct {
		pattern, s string
		want       bool
	}{
		{"*", "", true}, {"shop.*", "shop.a.b", true}, {"*.tmp_*", "a.tmp_1", true}, {"a?c", "abc", true}, {"a?c", "ac", false},
		{"a*b*c", "aXbYbZc", true}, {"a*b*c", "aXbYbZ", false}, {"[a]", "a", false}, {"[a]", "[a]", true}, {"", "", true}, {"", "a", false},
	} {
		if got := glob(tc.pattern, tc.s); got != tc.want {
			t.Errorf("glob(%q, %q) = %v", tc.pattern, tc.s, got)
		}
	}
}

// TestRulesAreWhole: each rule has all that a report and the page of checks show.
func TestRulesAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Rules() {
		if seen[r.ID] {
			t.Errorf("%s is there twice", r.ID)
		}
		seen[r.ID] = true
		for what, v := range map[string]string{"title": r.Title, "about": r.About, "fix": r.Fix, "source": r.Source, "doc": r.Doc} {
			if v == "" {
				t.Errorf("%s has no %s", r.ID, what)
			}
		}
		if r.Check == nil || r.Severity == "" {
			t.Errorf("%s has no check or severity", r.ID)
		}
		if len(r.HopNames()) == 0 && r.When == "" {
			t.Errorf("%s runs on no usual hop and does not say when", r.ID)
		}
	}
	for _, id := range issueChecks {
		if !seen[id] {
			t.Errorf("the check %s is missing", id)
		}
	}
}

// issueChecks are the ids that others rely on: MySQL Shell's and our own.
var issueChecks = []string{
	"oldTemporal", "reservedKeywords", "routineSyntax", "utf8mb3", "mysqlSchema", "nonNativePartitioning", "foreignKeyLength",
	"maxdbSqlModeFlags", "obsoleteSqlModeFlags", "enumSetElementLength", "partitionedTablesInSharedTablespaces", "circularDirectory",
	"removedFunctions", "groupbyAscSyntax", "removedSysLogVars", "removedSysVars", "sysVarsNewDefaults", "zeroDates", "schemaInconsistency",
	"ftsInTablename", "engineMixup", "oldGeometryTypes", "checkTableCommand", "defaultAuthenticationPlugin", "defaultAuthenticationPluginMds",
	"changedFunctionsInGeneratedColumns", "columnsWhichCannotHaveDefaults", "invalid57Names", "orphanedObjects", "dollarSignName",
	"indexTooLarge", "emptyDotTableSyntax", "invalidEngineForeignKey", "foreignKeyReferences", "authMethodUsage", "pluginUsage",
	"deprecatedDefaultAuth", "deprecatedRouterAuthMethod", "deprecatedTemporalDelimiter", "columnDefinition", "sysvarAllowedValues",
	"invalidPrivileges", "partitionsWithPrefixKeys", "innodbRowFormat",
	"routinesWithDeprecatedKeywords", "nonInclusiveLanguage", "eventDefiner", "triggerDefiner", "duplicateTriggers", "danglingFulltextIndex",
	"columnCaseMismatch", "upperCaseNames", "diskSpace", "sysSchemaObjects", "memcached", "spatialIndex", "preparedXA", "historyListLength",
	"prefixIndexOnGeometry", "indexLengthLimitOnTinyColumns", "invalidUtf8mb3InViews", "invalidUtf8mb3Comments", "tableWithoutPrimaryKey",
	"nonInnodbEngine", "groupByWithoutOrder", "floatMD", "displayWidthZerofill", "compressedRowFormat", "autoIncrementNearMax",
	"implicitTimestampDefault", "enabledEvent", "missingDefiner", "dynamicSql", "removedSysvarInRoutine", "removedSystemTableInRoutine",
	"removedSqlModeInRoutine", "zeroDateData", "collationMismatch", "binlogFormat", "externalReplica", "customOptionGroup", "tlsClients",
	"oldConnectors", "weakAccounts", "queryCacheUse", "optimizerSwitch", "applicationSql", "upgradeDuration",
}

// TestObjectsAreSpelledAsListed: where the server ignores case, it has the
// schemas of routines in lower case; names with dots stay whole.
func TestObjectsAreSpelledAsListed(t *testing.T) {
	c := &Catalog{Server: Server{LowerCaseTableNames: 2}, Schemas: []Schema{{Name: "Shop"}, {Name: "Shop.Old"}}}
	rule := fixed("found", Warning, nil, nil, "shop.Rank", "shop.old.P", "Shop", "app@%", "other.p")
	rep := Judge(c, []Hop{hop80}, Policy{}, JudgeOptions{Rules: []Rule{rule}})
	var got [][2]string
	for _, f := range rep.Checks[0].Findings {
		got = append(got, [2]string{f.Schema, f.Object})
	}
	want := [][2]string{{"Shop", "Shop.Rank"}, {"Shop.Old", "Shop.Old.P"}, {"Shop", "Shop"}, {"", "app@%"}, {"", "other.p"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
