package fleet

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

// explainLimit bounds one EXPLAIN on the server, explainBudget all of them.
const explainLimit, explainBudget = 5 * time.Second, 2 * time.Minute

// asked is a statement to explain.
type asked struct {
	schema, digest string
	text           string // without literals: what may be told
	sql            string // as it ran, "" when only the digest is known
	from           string
}

// Where statements come from, as the evidence has it.
const (
	fromPlan    = "given by the plan"
	fromSample  = "from blue's sample of the statement"
	fromHistory = "from blue's history of statements"
	fromDigest  = "from digests with values of blue's rows"
	fromWhole   = "from digests without values"
)

// explaining compares execution plans, for Checks. It is done in one turn.
func (a *Access) explaining(ctx context.Context, blue, green *server) (checkOutcome, error) {
	ctx, cancel := context.WithTimeout(ctx, explainBudget)
	defer cancel()
	want := a.Plan.Switchover.Ahead.Explain
	x := explainer{values: map[string]string{}}
	var err error
	if x.know, err = blue.line(ctx, explainLimit); err != nil {
		return checkOutcome{}, err
	}
	defer x.know.close()
	if x.b, err = explainLine(ctx, blue); err != nil {
		return checkOutcome{}, err
	}
	defer x.b.close()
	if x.g, err = explainLine(ctx, green); err != nil {
		return checkOutcome{}, err
	}
	defer x.g.close()
	all, err := x.all(ctx, want)
	if err != nil && serverSaid(err) == 0 && !errors.Is(err, errStatistics) {
		return checkOutcome{}, err
	}
	gate := bluegreen.GatePlans(reading(all, err), bluegreen.PlanPolicy(want.Regressions))
	return checkOutcome{Gate: &gate, Data: all[:min(len(all), tablesTold)]}, nil
}

// explainer explains statements on both servers.
type explainer struct {
	// know asks blue about its statements and values, apart from the connection
	// that explains: what has a schema of its own counts as the application's.
	know   *line
	b, g   *line
	values map[string]string // literals by schema, tables and column
}

// explainLine: digests have a space between a function and its parenthesis.
func explainLine(ctx context.Context, s *server) (*line, error) {
	l, err := s.line(ctx, explainLimit)
	if err != nil {
		return nil, err
	}
	if _, err := l.ask(ctx, "explain.session", "SET SESSION sql_mode='IGNORE_SPACE'"); err != nil {
		l.close()
		return nil, err
	}
	// From 8.3 on; the newest servers have another format by default.
	if _, err := l.ask(ctx, "explain.session", "SET SESSION explain_json_format_version=1"); err != nil && serverSaid(err) == 0 {
		l.close()
		return nil, err
	}
	return l, nil
}

func (x *explainer) all(ctx context.Context, want plan.Explain) ([]bluegreen.Explained, error) {
	var list []asked
	for _, s := range want.Statements {
		q := asked{schema: s.Schema, sql: s.SQL, from: fromPlan}
		if st, err := parseStatement(s.SQL); err == nil {
			q.text = st.withoutLiterals()
		}
		list = append(list, q)
	}
	top, err := x.top(ctx, want.Top)
	if err != nil {
		return nil, err
	}
	out := []bluegreen.Explained{}
	for _, q := range append(list, top...) {
		e, err := x.one(ctx, q)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// top are blue's statements that took the most time in all, with a text that
// ran where the server has kept one.
func (x *explainer) top(ctx context.Context, n int) ([]asked, error) {
	if n == 0 {
		return nil, nil
	}
	on, err := x.know.ask(ctx, "explain.on", "SELECT @@performance_schema")
	if err != nil {
		return nil, err
	}
	if len(on) == 1 && text(on[0][0]) == "0" {
		return nil, errStatistics
	}
	query := func(sample string) string {
		return "SELECT SCHEMA_NAME, DIGEST, DIGEST_TEXT, " + sample + " FROM performance_schema.events_statements_summary_by_digest WHERE SCHEMA_NAME IS NOT NULL AND SCHEMA_NAME NOT IN " + ours +
			" AND (DIGEST_TEXT LIKE 'UPDATE%' OR DIGEST_TEXT LIKE '% FROM %' AND (DIGEST_TEXT LIKE 'SELECT%' OR DIGEST_TEXT LIKE '(%' OR DIGEST_TEXT LIKE 'WITH%' OR DIGEST_TEXT LIKE 'DELETE%'))" +
			" ORDER BY SUM_TIMER_WAIT DESC LIMIT " + strconv.Itoa(n)
	}
	rows, err := x.know.ask(ctx, "explain.top", query("QUERY_SAMPLE_TEXT"))
	if serverSaid(err) != 0 { // before 8.0
		rows, err = x.know.ask(ctx, "explain.top", query("NULL"))
	}
	if err != nil {
		return nil, err
	}
	var out []asked
	for _, r := range rows {
		q := asked{schema: text(r[0]), digest: text(r[1]), text: strings.TrimSpace(text(r[2]))}
		if s := text(r[3]); complete(s) {
			q.sql, q.from = s, fromSample
		}
		out = append(out, q)
	}
	return out, x.history(ctx, out)
}

// errStatistics: without performance_schema nobody knows what runs.
var errStatistics = errors.New("performance_schema is off on blue, so nobody knows what runs there")

// textKept is performance_schema_max_sql_text_length's default: a text of this
// length was cut.
const textKept = 1024

func complete(sql string) bool {
	return sql != "" && len(sql) < textKept-4 && !strings.HasSuffix(sql, "...")
}

// history looks for texts that ran among the last statements of blue's threads:
// what 5.7 has in place of a sample.
func (x *explainer) history(ctx context.Context, list []asked) error {
	for i := range list {
		q := &list[i]
		if q.sql != "" || q.digest == "" {
			continue
		}
		for _, table := range []string{"events_statements_history", "events_statements_history_long"} {
			rows, err := x.know.ask(ctx, "explain.history", "SELECT SQL_TEXT FROM performance_schema."+table+" WHERE DIGEST="+sqlText(q.digest)+
				" AND CURRENT_SCHEMA="+sqlText(q.schema)+" AND SQL_TEXT IS NOT NULL LIMIT 1")
			if err != nil {
				return err
			}
			if len(rows) == 1 && complete(text(rows[0][0])) {
				q.sql, q.from = text(rows[0][0]), fromHistory
				break
			}
		}
	}
	return nil
}

// one explains a statement on both. Its error is of the connections; what a
// server says is in the answer.
func (x *explainer) one(ctx context.Context, q asked) (bluegreen.Explained, error) {
	out := bluegreen.Explained{Text: clip(q.text, textKept), Schema: q.schema, From: q.from}
	sql, from, err := x.runnable(ctx, q)
	if err != nil {
		if serverSaid(err) == 0 && ctx.Err() != nil {
			return out, err
		}
		if out.Missing = refusal(x.b.s.id, err); out.Missing == "" {
			out.Missing = err.Error()
		}
		return out, nil
	}
	out.From = from
	if out.Blue, err = x.b.explain(ctx, q.schema, sql); err != nil {
		if out.Missing = refusal(x.b.s.id, err); out.Missing == "" {
			return out, err
		}
		return out, nil
	}
	if out.Green, err = x.g.explain(ctx, q.schema, sql); err != nil {
		what := refusal(x.g.s.id, err)
		if what == "" {
			return out, err
		}
		// Blue runs it, so it is not the text that is wrong.
		out.Regressions = []bluegreen.Regression{{Serious: true, What: what}}
		return out, nil
	}
	out.Regressions = bluegreen.Regressions(out.Blue, out.Green)
	return out, nil
}

// runnable is a SELECT that can be explained. Where only the digest is known,
// or a text with placeholders, values of rows fill them: the same on both
// servers, so that the comparison is fair, though perhaps not typical.
func (x *explainer) runnable(ctx context.Context, q asked) (sql, from string, err error) {
	src := q.sql
	if src == "" {
		src = q.text
		if strings.HasSuffix(src, "...") && !strings.HasSuffix(src, ", ...") {
			return "", "", errors.New("its text is cut off")
		}
	}
	s, err := parseStatement(src)
	if err == nil {
		s, err = s.asSelect()
	}
	if err != nil {
		return "", "", err
	}
	if !s.holed() {
		return s.src, cmp.Or(q.from, fromWhole), nil
	}
	sql, err = s.filled(func(col string) (string, error) { return x.literal(ctx, q.schema, s.names(), col) })
	return sql, fromDigest, err
}

// literal is a value of a column of one of the statement's tables.
func (x *explainer) literal(ctx context.Context, schema string, names []string, col string) (string, error) {
	var in []string
	for _, n := range names {
		in = append(in, sqlText(n))
	}
	memo := schema + "\x00" + strings.Join(in, ",") + "\x00" + col
	if v, ok := x.values[memo]; ok {
		return v, nil
	}
	rows, err := x.know.ask(ctx, "explain.column", "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, CHARACTER_SET_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA="+sqlText(schema)+
		" AND COLUMN_NAME="+sqlText(col)+" AND TABLE_NAME IN ("+strings.Join(in, ",")+") ORDER BY TABLE_NAME LIMIT 1")
	if err != nil {
		return "", err
	}
	if len(rows) == 0 {
		return "", errUnknownPlace
	}
	c := column{name: text(rows[0][1]), kind: strings.ToLower(text(rows[0][2])), charset: text(rows[0][3])}
	v := "1"
	if k := c.keyKind(); k == keyText || k == keyBytes {
		v = "'a'"
	} else if k == keyTime {
		v = "'2020-01-01'"
	} else if c.charset != "" { // enums and texts
		v = "'a'"
	}
	if c.keyKind() != keyNone {
		rows, err := x.know.ask(ctx, "explain.value", "SELECT "+c.keyRead()+" FROM "+quoteName(schema)+"."+quoteName(text(rows[0][0]))+" LIMIT 1")
		if err != nil {
			return "", err
		}
		if len(rows) == 1 && rows[0][0] != nil {
			if v, err = c.literal(*rows[0][0]); err != nil {
				return "", err
			}
		}
	}
	x.values[memo] = v
	return v, nil
}

// explain asks for a plan. The schema is the session's for it: names in
// statements are seldom qualified.
func (l *line) explain(ctx context.Context, schema, sql string) (bluegreen.PlanShape, error) {
	if _, err := l.ask(ctx, "explain.use", "USE "+quoteName(schema)); err != nil {
		return bluegreen.PlanShape{}, err
	}
	rows, err := l.ask(ctx, "explain", "EXPLAIN FORMAT=JSON "+sql)
	if err != nil {
		return bluegreen.PlanShape{}, err
	}
	if len(rows) == 0 {
		return bluegreen.PlanShape{}, errors.New("the server explained nothing")
	}
	return bluegreen.ParsePlan([]byte(text(rows[0][0])))
}
