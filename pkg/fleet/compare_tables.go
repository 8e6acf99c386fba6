package fleet

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

// smallTable is up to how many rows, by estimate, a table is compared whole
// whatever the sample; noKeyLimit the same for one without a key, which can
// only be read in one go.
const smallTable, noKeyLimit = 10_000, 50_000

// tableState is how far one table is: what a restart goes on from.
type tableState struct {
	Schema string `json:"schema"`
	Name   string `json:"name"`
	bluegreen.TableData
	Done bool `json:"done"`
	// Size is the rows of the next chunk. At is the key up to which a walk has
	// come, End the last one when it began. Key values are the application's
	// data: they stay in the state directory.
	Size int      `json:"size"`
	At   []string `json:"at,omitempty"`
	End  []string `json:"end,omitempty"`
	// Jumps are the places of a sample that were tried.
	Jumps int `json:"jumps,omitempty"`
}

func (t *tableState) quoted() string { return quoteName(t.Schema) + "." + quoteName(t.Name) }

// listed are the tables of blue that the plan wants compared, small ones first,
// so that a budget reaches as many as it can.
func listed(ctx context.Context, blue *line, want plan.Compare) ([]tableState, error) {
	rows, err := blue.ask(ctx, "compare.tables", "SELECT TABLE_SCHEMA, TABLE_NAME, ENGINE, TABLE_ROWS FROM information_schema.TABLES WHERE TABLE_TYPE='BASE TABLE' "+
		"AND TABLE_SCHEMA NOT IN "+ours+" AND NOT (TABLE_SCHEMA='rdsupgrade' AND TABLE_NAME='heartbeat')")
	if err != nil {
		return nil, err
	}
	var out []tableState
	for _, r := range rows {
		t := tableState{Schema: text(r[0]), Name: text(r[1])}
		t.Table, t.Estimate = t.Schema+"."+t.Name, number(r[3])
		if !matches(want.Tables, t.Table) || matches(want.Skip, t.Table) {
			continue
		}
		t.Whole = want.Sample >= 100 || t.Estimate <= smallTable
		if engine := text(r[2]); !strings.EqualFold(engine, "InnoDB") {
			// Reading others locks writers out, and MEMORY is empty on a new server.
			t.Skipped, t.Done = "its engine is "+engine, true
		}
		out = append(out, t)
	}
	slices.SortStableFunc(out, func(a, b tableState) int {
		return cmp.Or(cmp.Compare(a.Estimate, b.Estimate), cmp.Compare(a.Table, b.Table))
	})
	return out, nil
}

// matches tells whether a name fits a pattern. Names may hold slashes, which
// patterns of paths treat as a border.
func matches(patterns []string, name string) bool {
	flat := strings.NewReplacer("/", "\x00")
	for _, p := range patterns {
		if ok, err := path.Match(flat.Replace(p), flat.Replace(name)); err == nil && ok {
			return true
		}
	}
	return false
}

// shape is how a table is read on one server.
type shape struct {
	columns []column
	key     []column
	index   string // the key's name, "" without one
}

// shapeOf reads a table's columns and the key to walk along.
func shapeOf(ctx context.Context, l *line, t *tableState) (shape, error) {
	where := " WHERE TABLE_SCHEMA=" + sqlText(t.Schema) + " AND TABLE_NAME=" + sqlText(t.Name)
	rows, err := l.ask(ctx, "compare.columns", "SELECT COLUMN_NAME, DATA_TYPE, CHARACTER_SET_NAME, CHARACTER_OCTET_LENGTH, IS_NULLABLE FROM information_schema.COLUMNS"+where+" ORDER BY ORDINAL_POSITION")
	if err != nil {
		return shape{}, err
	}
	var s shape
	known := map[string]column{}
	for _, r := range rows {
		c := column{name: text(r[0]), kind: strings.ToLower(text(r[1])), charset: text(r[2]), octets: lobFrom}
		if r[3] != nil {
			if n, err := strconv.ParseInt(*r[3], 10, 64); err == nil {
				c.octets = n
			}
		}
		s.columns = append(s.columns, c)
		if text(r[4]) == "NO" {
			known[c.name] = c
		}
	}
	rows, err = l.ask(ctx, "compare.keys", "SELECT INDEX_NAME, COLUMN_NAME, SUB_PART FROM information_schema.STATISTICS"+where+
		" AND NON_UNIQUE=0 AND INDEX_TYPE='BTREE' ORDER BY INDEX_NAME<>'PRIMARY', INDEX_NAME, SEQ_IN_INDEX")
	if err != nil {
		return shape{}, err
	}
	s.index, s.key = walkable(rows, known)
	return s, nil
}

// walkable picks the first index, the primary key before others, whose columns
// are whole, never NULL, and of types that can be written back exactly.
func walkable(rows [][]*string, known map[string]column) (string, []column) {
	for len(rows) > 0 {
		name := text(rows[0][0])
		n := 0
		var key []column
		good := true
		for n < len(rows) && text(rows[n][0]) == name {
			c, ok := known[text(rows[n][1])]
			good = good && ok && rows[n][2] == nil && c.keyKind() != keyNone
			key = append(key, c)
			n++
		}
		if good {
			return name, key
		}
		rows = rows[n:]
	}
	return "", nil
}

// pair is a table as both servers have it.
type pair struct{ blue, green shape }

// shapes reads both, and says why they cannot be compared, "" when they can.
func shapes(ctx context.Context, blue, green *line, t *tableState) (p pair, why string, err error) {
	if p.blue, err = shapeOf(ctx, blue, t); err != nil {
		return p, "", err
	}
	if p.green, err = shapeOf(ctx, green, t); err != nil {
		return p, "", err
	}
	switch {
	case len(p.blue.columns) == 0:
		return p, "it is gone from blue", nil
	case len(p.green.columns) == 0:
		return p, "it is not on green", nil
	case !slices.EqualFunc(p.blue.columns, p.green.columns, func(a, b column) bool { return a.name == b.name && a.kind == b.kind }):
		return p, "its columns are not the same on both", nil
	}
	// Blue's key and blue's way of hashing, with green's names of character sets.
	p.green.key = nil
	for _, k := range p.blue.key {
		i := slices.IndexFunc(p.green.columns, func(c column) bool { return c.name == k.name })
		p.green.key = append(p.green.key, p.green.columns[i])
	}
	p.green.columns = p.blue.columns
	return p, "", nil
}

// force makes a statement keep to the key's index where the server has it.
func (s shape) force(index string) string {
	if s.index == index && index != "" {
		return " FORCE INDEX (" + quoteName(index) + ")"
	}
	return ""
}

// sum is what a range of rows adds up to.
type sum struct {
	rows int64
	text string
}

// checksum adds up the hashes of a range. The derived table with a limit keeps
// 5.7 from merging it into the outer query, where each hash would be made twice.
func (s shape) checksum(ctx context.Context, l *line, t *tableState, index, where string) (sum, error) {
	rows, err := l.ask(ctx, "compare.sum", "SELECT COUNT(*), COUNT(h), SUM(h) FROM (SELECT "+rowHash(s.columns)+" AS h FROM "+t.quoted()+s.force(index)+" WHERE "+where+
		" LIMIT 18446744073709551615) AS chunk")
	if err != nil {
		return sum{}, err
	}
	if len(rows) != 1 || text(rows[0][0]) != text(rows[0][1]) {
		return sum{}, fmt.Errorf("%s could not hash every row of %s", l.s.id, t.Table)
	}
	return sum{rows: number(rows[0][0]), text: text(rows[0][0]) + " " + text(rows[0][2])}, nil
}

// rowsListed bounds what one listing of a chunk's rows may bring.
const rowsListed = 200_000

// list reads key and hash of the rows of a range: by the key's text, with the key.
func (s shape) list(ctx context.Context, l *line, t *tableState, index, where string) (map[string]string, error) {
	rows, err := l.ask(ctx, "compare.rows", "SELECT "+keyReads(s.key)+","+rowHash(s.columns)+" FROM "+t.quoted()+s.force(index)+" WHERE "+where+
		" ORDER BY "+quotedAll(s.key)+" LIMIT "+strconv.Itoa(rowsListed))
	if err != nil {
		return nil, err
	}
	out := make(map[string]string, len(rows))
	for _, r := range rows {
		out[joinKey(r[:len(s.key)])] = text(r[len(s.key)])
	}
	return out, nil
}

// fingerprints reads rows by their keys, column by column.
func (s shape) fingerprints(ctx context.Context, l *line, t *tableState, index string, keys [][]string) (map[string]bluegreen.Row, error) {
	where, err := these(s.key, keys)
	if err != nil {
		return nil, err
	}
	exprs := make([]string, len(s.columns))
	for i, c := range s.columns {
		exprs[i] = c.fingerprint()
	}
	rows, err := l.ask(ctx, "compare.row", "SELECT "+keyReads(s.key)+","+strings.Join(exprs, ",")+" FROM "+t.quoted()+s.force(index)+" WHERE "+where)
	if err != nil {
		return nil, err
	}
	out := map[string]bluegreen.Row{}
	for _, r := range rows {
		row := bluegreen.Row{}
		for i, c := range s.columns {
			if v := r[len(s.key)+i]; v != nil {
				row[c.name] = *v
			}
		}
		out[joinKey(r[:len(s.key)])] = row
	}
	return out, nil
}

// keySeparator is in no number, time or hexadecimal text.
const keySeparator = "|"

func joinKey(parts []*string) string {
	out := make([]string, len(parts))
	for i, p := range parts {
		out[i] = text(p)
	}
	return strings.Join(out, keySeparator)
}

func splitKey(s string) []string { return strings.Split(s, keySeparator) }

// edge is the last key of a range in the order of the index, or the first one
// with first; nil when the range is empty.
func (s shape) edge(ctx context.Context, l *line, t *tableState, where string, first bool) ([]string, error) {
	order := descending(s.key)
	if first {
		order = quotedAll(s.key)
	}
	return s.oneKey(ctx, l, "SELECT "+keyReads(s.key)+" FROM "+t.quoted()+s.force(s.index)+" WHERE "+where+" ORDER BY "+order+" LIMIT 1")
}

// boundary is the key with which a chunk of n rows of the range ends; from the
// end of the range when backward. It reads the index only, along the key.
func (s shape) boundary(ctx context.Context, l *line, t *tableState, where string, n int, backward bool) ([]string, error) {
	inner, outer := quotedAll(s.key), descending(s.key)
	if backward {
		inner, outer = outer, inner
	}
	return s.oneKey(ctx, l, "SELECT "+keyReads(s.key)+" FROM (SELECT "+quotedAll(s.key)+" FROM "+t.quoted()+s.force(s.index)+" WHERE "+where+" ORDER BY "+inner+
		" LIMIT "+strconv.Itoa(n)+") AS chunk ORDER BY "+outer+" LIMIT 1")
}

func (s shape) oneKey(ctx context.Context, l *line, query string) ([]string, error) {
	rows, err := l.ask(ctx, "compare.edge", query)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return splitKey(joinKey(rows[0])), nil
}
