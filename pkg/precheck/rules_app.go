package precheck

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/precheck/sqllex"
)

func appRules() []Rule {
	return []Rule{{
		ID: "applicationSql", Title: "Statements of applications that the new version refuses or answers otherwise", Severity: Warning,
		About: "performance_schema keeps the shapes of the statements that ran, and the latest statements of each thread. They show what applications send that the new version no longer takes: removed functions, clauses, variables and tables, new reserved words without quotes, and groups whose order was never asked for." +
			" A digest proves that a name is used, but not whether it was quoted; only the statement history shows that. What did not run since the server's start is not in it.",
		Fix:    "Change the application before the switchover; run its tests against the green.",
		Source: "hazard that no other check sees; digests of performance_schema", Doc: docDigests,
		Needs: []Section{SectionDigests, SectionStatements}, Check: checkApplications,
	}}
}

// appUse is one trouble in the statements of one schema.
type appUse struct {
	schema  string
	f       fact
	shapes  int
	count   uint64
	users   map[string]bool
	last    time.Time
	example string
}

type appKey struct {
	schema string
	kind   factKind
	name   string
	limit  bool
}

func checkApplications(in *Input) ([]Finding, error) {
	own := storedFunctions(in.Catalog)
	version := versionID(in.Hop.From)
	gone := goneSchemas(in.Catalog)
	var a analyser
	var order []*appUse
	uses := map[appKey]*appUse{}
	for i := range in.Catalog.Digests {
		d := &in.Catalog.Digests[i]
		if isSystemSchema(d.Schema) || strings.HasPrefix(d.User, "rdsadmin") || gone[strings.ToLower(d.Schema)] || judgedAsStored(d.Text) {
			continue
		}
		facts := a.analyse(d.Text, 0, version, !d.FromHistory)
		if len(facts) > 0 && d.Schema == "" && a.namesGoneSchema(in.Catalog) {
			continue
		}
		for _, f := range facts {
			if !crossesSince(in.Hop, f.since) || !concernsApplications(&f) || a.administration(&f) {
				continue
			}
			if f.kind == factCall && own[strings.ToLower(d.Schema+"."+f.name)] {
				continue // the digest cannot tell a call of the schema's own function
			}
			k := appKey{d.Schema, f.kind, f.name, f.limited}
			u := uses[k]
			if u == nil {
				u = &appUse{schema: d.Schema, f: f, users: map[string]bool{}, example: d.Text}
				uses[k] = u
				order = append(order, u)
			}
			u.add(d)
		}
	}
	out := make([]Finding, 0, len(order)+1)
	for _, u := range order {
		out = append(out, u.finding())
	}
	if f, ok := digestCoverage(in.Catalog); ok {
		out = append(out, f)
	}
	return out, nil
}

// goneSchemas are the schemas that statements ran in and that exist no more:
// nothing can run there again.
func goneSchemas(c *Catalog) map[string]bool {
	gone := map[string]bool{}
	if c.Sections[SectionSchemas].Status != SectionRead {
		return gone
	}
	for i := range c.Digests {
		if s := strings.ToLower(c.Digests[i].Schema); s != "" {
			gone[s] = true
		}
	}
	for i := range c.Schemas {
		delete(gone, strings.ToLower(c.Schemas[i].Name))
	}
	return gone
}

// namesGoneSchema tells whether the text, which ran without a default schema,
// names tables or functions of schemas that exist no more, and of no others.
func (a *analyser) namesGoneSchema(c *Catalog) bool {
	if c.Sections[SectionSchemas].Status != SectionRead {
		return false
	}
	gone := false
	for i := range a.toks {
		if !a.name(i) || !a.op(i+1, ".") || !a.at(i+2).Kind.Name() {
			continue
		}
		switch a.kw(i - 1) {
		case kwFrom, kwJoin, kwInto, kwUpdate, kwTable, kwCall:
		default:
			if !a.op(i+3, "(") { // a function of the schema
				continue
			}
		}
		schema := a.ident(i)
		if isSystemSchema(schema) || slices.ContainsFunc(c.Schemas, func(s Schema) bool { return strings.EqualFold(s.Name, schema) }) {
			return false
		}
		gone = true
	}
	return gone
}

// judgedAsStored tells a statement that makes stored code or a table: what is
// in it is judged where it is stored, and it was run by whoever deployed it,
// once. Temporary tables and those made from a SELECT are an application's work.
func judgedAsStored(text string) bool {
	lx := sqllex.New(text, 0, 0)
	table := false
	// The kind stands behind an OR REPLACE, ALGORITHM or DEFINER clause.
	for words := 0; table || words < 16; {
		t, ok := lx.Next()
		if !ok {
			return table
		}
		if t.Kind != sqllex.Word {
			continue
		}
		w := t.Text(text)
		if words++; words == 1 && !sqllex.EqualFold(w, "CREATE") && !sqllex.EqualFold(w, "ALTER") {
			return false
		}
		switch w = strings.ToUpper(w); {
		case table:
			if w == "SELECT" {
				return false
			}
		case w == "TABLE":
			table = true
		case w == "PROCEDURE" || w == "FUNCTION" || w == "TRIGGER" || w == "EVENT" || w == "VIEW" || w == "INDEX":
			return true
		case w == "TEMPORARY" || w == "DATABASE" || w == "SCHEMA" || w == "USER":
			return false
		}
	}
	return false
}

// concernsApplications leaves out what applications may go on doing.
func concernsApplications(f *fact) bool {
	switch f.kind {
	case factDollar, factDynamic, factCast:
		return false
	case factCacheWord:
		return f.name == keywordNames[kwSQLCache] // the server still takes SQL_NO_CACHE
	}
	return true
}

// administration tells what only an administrator's session can do, and RDS
// allows nobody: SET GLOBAL (removedSysVars judges its effect), and writing to
// the server's own tables.
func (a *analyser) administration(f *fact) bool {
	switch f.kind {
	case factSysvar:
		return a.kw(0) == kwSet && (a.kw(1) == kwGlobal || sqllex.EqualFold(a.text(1), "@@global"))
	case factSystemTable:
		switch a.kw(0) {
		case kwUpdate, kwInsert, kwDelete, kwReplace:
			return strings.HasPrefix(f.name, "mysql.") && f.pos <= a.at(2).Start // the table written to
		}
	}
	return false
}

func (u *appUse) add(d *Digest) {
	u.shapes++
	u.count += max(d.Count, 1)
	if d.User != "" {
		u.users[d.User] = true
	}
	if d.LastSeen.After(u.last) {
		u.last = d.LastSeen
	}
}

func (u *appUse) finding() Finding {
	f := Finding{Object: u.schema, Message: u.trouble()}
	if f.Object == "" {
		f.Object = "statements"
	}
	f.Message += fmt.Sprintf("; %s, run %s", counted(u.shapes, "statement shape"), counted(int(min(u.count, 1<<62)), "time"))
	if len(u.users) > 0 {
		names := make([]string, 0, len(u.users))
		for n := range u.users {
			names = append(names, printable(n))
		}
		slices.Sort(names)
		f.Message += " by " + strings.Join(names[:min(len(names), maxListed)], ", ")
	}
	if !u.last.IsZero() {
		f.Message += ", last seen " + u.last.UTC().Format(time.DateOnly)
	}
	f.Message += "; such as: " + shorten(u.example, 160)
	if u.f.instead != "" {
		f.Fix = "Write " + u.f.instead + " instead."
	}
	if u.f.kind == factGroupNoOrder && !u.f.limited {
		f.Severity = Notice
	}
	return f
}

// trouble says in words what is wrong with the statements.
func (u *appUse) trouble() string {
	name := printable(u.f.name)
	switch u.f.kind {
	case factCall:
		return "statements call " + name + "(), which " + sinceString(u.f.since) + " has not"
	case factReserved:
		return "statements use " + name + " as a name without quotes; it is a reserved word since " + sinceString(u.f.since)
	case factGroupSort:
		return "statements sort a GROUP BY with " + name + ", refused since " + sinceString(u.f.since)
	case factGroupNoOrder:
		if u.f.limited {
			return "statements pick groups with LIMIT and no ORDER BY: other rows come back since " + sinceString(u.f.since)
		}
		return "statements group without ORDER BY: rows come back in another order since " + sinceString(u.f.since)
	case factSysvar:
		return "statements use the system variable " + name + ", gone since " + sinceString(u.f.since)
	case factSystemTable:
		return "statements read " + name + ", gone since " + sinceString(u.f.since)
	case factSQLMode:
		return "statements set sql_mode " + name + ", refused since " + sinceString(u.f.since)
	case factEmptyDot:
		return "statements name " + name + " with nothing before the dot, refused since " + sinceString(u.f.since)
	}
	return "statements use " + name + ", refused since " + sinceString(u.f.since)
}

// digestCoverage says what the digests do not show, when there is such a thing.
func digestCoverage(c *Catalog) (Finding, bool) {
	a := &c.Activity
	var parts []string
	if a.DigestsLost > 0 {
		parts = append(parts, fmt.Sprintf("%s were not recorded because the digest table was full", counted(int(min(a.DigestsLost, 1<<62)), "statement")))
	} else if a.DigestSize > 0 && a.DigestRows >= a.DigestSize {
		parts = append(parts, fmt.Sprintf("the digest table is full (%d rows)", a.DigestRows))
	}
	cut := 0
	for i := range c.Digests {
		if c.Digests[i].Truncated {
			cut++
		}
	}
	if cut > 0 {
		parts = append(parts, fmt.Sprintf("the text of %s is cut short", counted(cut, "statement shape")))
	}
	if len(parts) == 0 {
		return Finding{}, false
	}
	return Finding{
		Object: "performance_schema", Severity: Notice,
		Message: "the picture of the applications is not whole: " + strings.Join(parts, "; "),
		Fix:     "Raise performance_schema_digests_size and max_digest_length, or look at the slow log as well.",
	}, true
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// shorten cuts a text at a character's border.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xc0 == 0x80 {
		n--
	}
	return s[:n] + "..."
}
