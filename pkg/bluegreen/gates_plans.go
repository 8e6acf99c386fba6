package bluegreen

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// PlanTable is one table of an execution plan.
type PlanTable struct {
	Select int     `json:"select"` // number of the query block
	Table  string  `json:"table"`  // name or alias
	Access string  `json:"access"` // ALL, index, range, ref, eq_ref, const, ...
	Key    string  `json:"key,omitempty"`
	Rows   float64 `json:"rows"` // examined per scan, by estimate
}

// PlanShape is what remains of an EXPLAIN when everything is left out that
// changes from server to server without meaning anything, and every literal.
type PlanShape struct {
	Tables    []PlanTable `json:"tables"` // in the order of the joins
	Filesorts int         `json:"filesorts,omitempty"`
	Temporary int         `json:"temporary,omitempty"`
	// Examined is how many rows are read in all, by estimate.
	Examined float64 `json:"examined"`
}

// ParsePlan reads EXPLAIN FORMAT=JSON in version 1 of its format, which MySQL
// 5.7 and all later lines write (MySQL 9 manual, explain_json_format_version).
func ParsePlan(text []byte) (PlanShape, error) {
	var top map[string]any
	if err := json.Unmarshal(text, &top); err != nil {
		return PlanShape{}, fmt.Errorf("read the plan: %w", err)
	}
	if _, ok := top["query_block"].(map[string]any); !ok {
		return PlanShape{}, fmt.Errorf("read the plan: it has no query_block")
	}
	var p PlanShape
	p.walk(top, 0)
	produced := map[int]float64{}
	for _, t := range p.Tables {
		if n, ok := produced[t.Select]; ok {
			p.Examined += t.Rows * max(n, 1)
			produced[t.Select] = max(n, 1) * max(t.Rows, 1)
		} else {
			p.Examined += t.Rows
			produced[t.Select] = max(t.Rows, 1)
		}
	}
	return p, nil
}

func (p *PlanShape) walk(v any, block int) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			p.walk(e, block)
		}
	case map[string]any:
		if id, ok := v["select_id"].(float64); ok {
			block = int(id)
		}
		if v["using_filesort"] == true {
			p.Filesorts++
		}
		if v["using_temporary_table"] == true {
			p.Temporary++
		}
		p.table(v, block)
		// By name, so that two servers' plans are walked in the same order.
		for _, k := range slices.Sorted(maps.Keys(v)) {
			p.walk(v[k], block)
		}
	}
}

func (p *PlanShape) table(v map[string]any, block int) {
	name, _ := v["table_name"].(string)
	access, _ := v["access_type"].(string)
	if name == "" || access == "" || strings.HasPrefix(name, "<") {
		return // no table, or one that the server makes for itself
	}
	key, _ := v["key"].(string)
	rows, _ := v["rows_examined_per_scan"].(float64)
	p.Tables = append(p.Tables, PlanTable{Select: block, Table: name, Access: access, Key: key, Rows: rows})
}

// Regression is a plan of green that is worse than blue's.
type Regression struct {
	// Serious: an index is not used any more, on a table that is not small.
	Serious bool   `json:"serious"`
	What    string `json:"what"`
}

// Below so many rows by estimate a scan hurts nobody.
const smallScan = 1000

// higherBy is how much an estimate must have grown to be told.
const higherBy = 10

// Regressions compares blue's plan of a statement with green's.
func Regressions(blue, green PlanShape) []Regression {
	var out []Regression
	was := map[string]PlanTable{}
	for _, t := range blue.Tables {
		was[t.name()] = t
	}
	for _, t := range green.Tables {
		if b, ok := was[t.name()]; ok {
			out = append(out, tableRegressions(b, t)...)
		}
	}
	out = append(out, joinOrder(blue, green)...)
	told := slices.ContainsFunc(out, func(r Regression) bool { return r.Serious })
	if !told && green.Examined >= smallScan && green.Examined >= higherBy*max(blue.Examined, 1) {
		out = append(out, Regression{What: fmt.Sprintf("about %.0f rows are examined in all, %.0f before", green.Examined, blue.Examined)})
	}
	large := max(blue.largest(), green.largest()) >= smallScan
	if large && green.Filesorts > blue.Filesorts {
		out = append(out, Regression{What: "a filesort that was not there before"})
	}
	if large && green.Temporary > blue.Temporary {
		out = append(out, Regression{What: "a temporary table that was not there before"})
	}
	return out
}

func (t PlanTable) name() string { return fmt.Sprintf("%d %s", t.Select, t.Table) }

func (p PlanShape) largest() float64 {
	most := 0.0
	for _, t := range p.Tables {
		most = max(most, t.Rows)
	}
	return most
}

// scans tells that the whole table or index is read.
func (t PlanTable) scans() bool { return t.Access == "ALL" || t.Access == "index" }

func tableRegressions(b, g PlanTable) []Regression {
	var out []Regression
	name := printable(g.Table)
	large := g.Rows >= smallScan
	switch {
	case g.Access == "ALL" && !b.scans():
		out = append(out, Regression{Serious: large, What: fmt.Sprintf("%s is scanned in full (about %.0f rows) where %s read by index %s", name, g.Rows, b.Access, printable(b.Key))})
	case g.Access == "index" && !b.scans():
		out = append(out, Regression{Serious: large, What: fmt.Sprintf("%s: index %s is scanned in full (about %.0f rows) where %s read by index %s", name, printable(g.Key), g.Rows, b.Access, printable(b.Key))})
	case b.Key != "" && g.Key == "":
		out = append(out, Regression{Serious: large && g.scans(), What: fmt.Sprintf("%s does without index %s", name, printable(b.Key))})
	case b.Key != g.Key && b.Key != "" && !strings.HasPrefix(b.Key, "<"):
		out = append(out, Regression{What: fmt.Sprintf("%s is read by index %s where it was %s", name, printable(g.Key), printable(b.Key))})
	}
	scan := len(out) > 0 && g.scans() && !b.scans() // more rows are no news then
	if !scan && g.Rows >= smallScan && g.Rows >= higherBy*max(b.Rows, 1) {
		out = append(out, Regression{What: fmt.Sprintf("%s: about %.0f rows are read at a time, %.0f before", name, g.Rows, b.Rows)})
	}
	return out
}

// joinOrder compares the orders of the tables that both plans have, block by block.
func joinOrder(blue, green PlanShape) []Regression {
	order := func(p, other PlanShape) map[int][]string {
		has := map[string]bool{}
		for _, t := range other.Tables {
			has[t.name()] = true
		}
		m := map[int][]string{}
		for _, t := range p.Tables {
			if has[t.name()] {
				m[t.Select] = append(m[t.Select], printable(t.Table))
			}
		}
		return m
	}
	was, is := order(blue, green), order(green, blue)
	var out []Regression
	for _, block := range slices.Sorted(maps.Keys(is)) {
		if !slices.Equal(was[block], is[block]) {
			out = append(out, Regression{What: fmt.Sprintf("tables are joined in the order %s, before in the order %s", strings.Join(is[block], ", "), strings.Join(was[block], ", "))})
		}
	}
	return out
}

// Explained is one statement of the application with what both servers say of it.
type Explained struct {
	// Text is the statement without its literals.
	Text   string `json:"text"`
	Schema string `json:"schema"`
	// From is where the statement that was explained came from.
	From string `json:"from"`
	// Missing is why it could not be explained, "" when it was.
	Missing     string       `json:"missing,omitempty"`
	Blue        PlanShape    `json:"blue"`
	Green       PlanShape    `json:"green"`
	Regressions []Regression `json:"regressions,omitempty"`
}

// GateNamePlans is the name of the gate over execution plans.
const GateNamePlans = "plans of statements"

// PlanPolicy is what a serious regression does to a switchover.
type PlanPolicy string

// The policies: note lets it pass and names it.
const (
	PlansNote PlanPolicy = "note"
	PlansHold PlanPolicy = "hold"
	PlansFail PlanPolicy = "fail"
)

// statementsShown bounds the statements that stand in the evidence one by one.
const statementsShown = 20

// GatePlans judges the plans of the application's statements. A reading with
// an error says why there are none.
func GatePlans(all Reading[[]Explained], policy PlanPolicy) Gate {
	weaker := GatePass
	if policy != PlansNote {
		weaker = GateInconclusive
	}
	if all.Err != "" {
		return gate(GateNamePlans, weaker, "nothing could be explained: "+all.Err)
	}
	done, missing, serious := 0, map[string]int{}, false
	from := map[string]int{}
	var worse []string
	for _, x := range all.Value {
		if x.Missing != "" {
			missing[x.Missing]++
			continue
		}
		done++
		from[x.From]++
		for _, r := range x.Regressions {
			serious = serious || r.Serious
			worse = append(worse, fmt.Sprintf("%s: %s (%s)", printable(x.Schema), r.What, printable(x.Text)))
		}
	}
	said := []string{fmt.Sprintf("%s explained on both%s", plural(done, "statement"), tallied(from, ", "))}
	if len(missing) > 0 {
		said = append(said, "not explained"+tallied(missing, ": "))
	}
	if len(worse) > statementsShown {
		worse = append(worse[:statementsShown], fmt.Sprintf("and %d more", len(worse)-statementsShown))
	}
	verdict := GatePass
	switch {
	case serious && policy == PlansFail:
		verdict = GateFail
	case serious && policy == PlansHold, done == 0 && len(missing) > 0:
		verdict = weaker
	}
	return gate(GateNamePlans, verdict, append(worse, said...)...)
}

// tallied lists what was counted, after a separator when there is anything.
func tallied(m map[string]int, before string) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, fmt.Sprintf("%d %s", m[k], k))
	}
	if len(out) == 0 {
		return ""
	}
	return before + strings.Join(out, ", ")
}
