package precheck

import (
	"fmt"
	"strings"
	"sync"

	"github.com/rdsupgrade/rdsupgrade/pkg/precheck/sqllex"
)

// bodyText is a body, or a generated column's expression, with what the
// recognizers saw in it.
type bodyText struct {
	object  string
	what    string // procedure, view, ..., generated column
	kind    ProgramKind
	schema  string
	lines   int
	facts   []fact
	hints   []string // what string literals of a body with dynamic SQL hold
	program int      // index in Catalog.Programs, -1 for a generated column
}

// bodySet is what one pass over all bodies found.
type bodySet struct {
	texts []bodyText
	// hidden counts, by section, the bodies that the server did not show;
	// garbled those whose text lost its backslashes and cannot be cut into tokens.
	hidden, garbled map[Section]int
}

// bodyCache keeps the pass for the rules of one hop, so that every body is
// lexed once per hop and not once per rule. The zero value is ready.
type bodyCache struct {
	mu   sync.Mutex
	sets map[int]*bodySet
}

// bodiesOf is the pass over the catalog's bodies for the hop's source version.
func bodiesOf(in *Input) *bodySet {
	version := versionID(in.Hop.From)
	if in.Index == nil {
		return readBodies(in.Catalog, version)
	}
	c := &in.Index.bodies
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sets == nil {
		c.sets = map[int]*bodySet{}
	}
	if c.sets[version] == nil {
		c.sets[version] = readBodies(in.Catalog, version)
	}
	return c.sets[version]
}

func readBodies(c *Catalog, version int) *bodySet {
	b := &bodySet{hidden: map[Section]int{}, garbled: map[Section]int{}}
	var a analyser
	for i := range c.Programs {
		p := &c.Programs[i]
		if isSystemSchema(p.Schema) {
			continue
		}
		section := programSection(p.Kind)
		if !p.HasBody && p.Create == "" {
			b.hidden[section]++
			continue
		}
		src := programText(p)
		t := bodyText{object: name(p.Schema, p.Name), what: string(p.Kind), kind: p.Kind, schema: p.Schema, program: i}
		mode := sqllex.ParseMode(p.SQLMode)
		t.facts = a.analyse(src, mode, version, false)
		if a.unclosed && !p.Exact && p.Create == "" {
			b.garbled[section]++
			continue
		}
		t.lines = 1 + countLines(src)
		if hasFact(t.facts, factDynamic) {
			t.hints = literalHints(src, mode, version)
		}
		b.texts = append(b.texts, t)
	}
	for i := range c.Columns {
		col := &c.Columns[i]
		if col.Generated == "" || isSystemSchema(col.Schema) {
			continue
		}
		b.texts = append(b.texts, bodyText{
			object: name(col.Schema, col.Table, col.Name), what: "generated column", schema: col.Schema,
			lines: 1, facts: a.analyse(col.Generated, 0, version, false), program: -1,
		})
	}
	return b
}

func programSection(k ProgramKind) Section {
	switch k {
	case KindView:
		return SectionViews
	case KindTrigger:
		return SectionTriggers
	case KindEvent:
		return SectionEvents
	}
	return SectionRoutines
}

// programText is the text to analyse: SHOW CREATE's where there is one. A
// routine that came in parts gets a header, because its parameters can be
// named by a reserved word and can hide a system variable.
func programText(p *Program) string {
	if p.Create != "" {
		return p.Create
	}
	if p.Params == "" && p.Returns == "" || p.Kind != KindProcedure && p.Kind != KindFunction {
		return p.Body
	}
	var b strings.Builder
	b.Grow(len(p.Params) + len(p.Returns) + len(p.Body) + 64)
	b.WriteString("CREATE " + strings.ToUpper(string(p.Kind)) + " p(")
	b.WriteString(p.Params)
	b.WriteString(")")
	if p.Returns != "" {
		b.WriteString(" RETURNS " + p.Returns)
	}
	b.WriteString("\n" + p.Body)
	return b.String()
}

func hasFact(facts []fact, k factKind) bool {
	for i := range facts {
		if facts[i].kind == k {
			return true
		}
	}
	return false
}

// literalHints looks into the strings of a body that prepares statements: they
// are often pieces of SQL.
func literalHints(src string, mode sqllex.Mode, version int) []string {
	var a analyser
	var out []string
	seen := map[string]bool{}
	l := sqllex.New(src, mode, version)
	for {
		t, ok := l.Next()
		if !ok || len(out) >= maxHints {
			return out
		}
		if t.Kind != sqllex.String {
			continue
		}
		for _, f := range a.analyse(sqllex.StringValue(t, src, mode), mode, version, false) {
			switch f.kind {
			case factCall, factGone, factGroupSort, factSysvar, factSystemTable:
				if !seen[f.name] {
					seen[f.name] = true
					out = append(out, f.name)
				}
			}
		}
	}
}

// maxHints bounds what a message lists.
const maxHints = 8

// unread is the error of a rule that could not see some bodies of the sections
// it needs; nil when it saw all.
func (b *bodySet) unread(c *Catalog, needs []Section) error {
	var parts []string
	grant := ""
	for _, s := range needs {
		if n := b.hidden[s]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d bodies of %s are hidden", n, s))
			if g := c.Sections[s].Grant; g != "" {
				grant = g
			}
		}
		if n := b.garbled[s]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d bodies of %s came without their backslashes and cannot be told apart from their strings", n, s))
			if g := c.Sections[s].Grant; g != "" {
				grant = g
			}
		}
	}
	if len(parts) == 0 {
		return nil
	}
	return unreadBodies{strings.Join(parts, ", "), grant}
}

// unreadBodies says that a check is inconclusive because bodies are missing.
type unreadBodies struct{ what, grant string }

func (e unreadBodies) Error() string {
	if e.grant == "" {
		return e.what
	}
	return e.what + "; the account lacks " + e.grant
}

// Grant is the privilege that would show the bodies, "" when not known.
func (e unreadBodies) Grant() string { return e.grant }
