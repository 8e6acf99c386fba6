package mysqlsim

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// rows is an answer before it is encoded; a nil cell is NULL.
type rows struct {
	columns []Column
	cells   [][]*string
}

func text(s string) *string { return &s }

// reply is the answer to a statement: rows, or OK when rows is nil.
type reply struct {
	rows *rows
	err  error
	use  string // schema that the session uses from now on
}

// session is what a statement's answer may depend on besides the server.
type session struct {
	connectionID uint32
	user         string
	schema       string
	now          time.Time
}

// answer answers one statement: recordings first, then what the model knows.
func (l *Library) answer(sql string, srv Server, ses session) reply {
	if q := l.find(srv.Profile, sql, srv.Schema); q != nil {
		return l.play(q, sql, srv, ses)
	}
	bare := normalize(stripComments(sql))
	if r, ok := harmless(bare, srv); ok {
		return r
	}
	if r, ok := alone(tagOf(sql), ses); ok {
		return r
	}
	if r, ok := show(bare, srv); ok {
		return r
	}
	if r, ok := scalars(bare, srv, ses); ok {
		return r
	}
	if srv.ReadOnly && writePattern.MatchString(bare) {
		return reply{err: mysql.NewDefaultError(mysql.ER_OPTION_PREVENTS_STATEMENT, "--read-only")}
	}
	// The gates before a switchover look for trouble and for differences, plan
	// for readers of the binary log: the model's servers have none of it.
	if tag := tagOf(sql); strings.HasPrefix(tag, "gate.") || strings.HasPrefix(tag, "ask.") {
		return reply{rows: &rows{columns: named("nothing")}}
	}
	return reply{err: l.unknown(sql, bare, srv)}
}

// alone answers who is connected: nobody but the one who asks.
func alone(tag string, ses session) (reply, bool) {
	switch tag {
	case "gate.clients":
		return reply{rows: &rows{columns: named("id", "user", "host", "command", "me"),
			cells: [][]*string{{text(strconv.Itoa(int(ses.connectionID))), text(ses.user), text("10.0.0.1:50000"), text("Query"), text("1")}}}}, true
	case "gate.health": // a day old, and nobody uses it
		return reply{rows: &rows{columns: named("Variable_name", "Value"), cells: [][]*string{{text("Uptime"), text("86400")},
			{text("Aborted_connects"), text("0")}, {text("Threads_running"), text("1")}}}}, true
	case "gate.threads":
		return reply{rows: &rows{columns: named("Variable_name", "Value"), cells: [][]*string{{text("Threads_connected"), text("1")}}}}, true
	}
	return reply{}, false
}

func (l *Library) unknown(sql, bare string, srv Server) error {
	near := bare
	if len(near) > 80 {
		near = near[:80]
	}
	why := "no recorded answer"
	if tag := tagOf(sql); tag != "" {
		why += " for the tag " + tag
	}
	if !l.Has(srv.Profile) {
		why = "no recording of the profile " + srv.Profile + ", so " + why
	}
	return mysql.NewError(mysql.ER_PARSE_ERROR, "You have an error in your SQL syntax; check the manual that corresponds to your MySQL server version for the right syntax to use near '"+near+"' at line 1 (simulated server: "+why+")")
}

// play gives a recorded answer, with the database's own schema and identity.
func (l *Library) play(q *Query, sql string, srv Server, ses session) reply {
	if q.Error != nil {
		return reply{err: mysql.NewError(q.Error.Code, rename(q.Error.Message, RecordedSchema, srv.Schema))}
	}
	out := &rows{columns: q.Columns}
	identity := srv.identity()
	named := len(q.Columns) == 2 && strings.EqualFold(q.Columns[0].Name, "variable_name")
	for _, cells := range q.Rows {
		row := make([]*string, len(cells))
		for i, c := range cells {
			if c != nil {
				row[i] = text(rename(*c, RecordedSchema, srv.Schema))
			}
		}
		if named && row[0] != nil {
			row[1] = override(strings.ToLower(*row[0]), row[1], srv, identity)
		}
		out.cells = append(out.cells, row)
	}
	if len(out.cells) == 1 && !named {
		overrideScalars(out, normalize(stripComments(sql)), srv, ses)
	}
	return reply{rows: out}
}

// override replaces what the model or the parameter group knows better.
func override(name string, recorded *string, srv Server, identity map[string]string) *string {
	if v, ok := identity[name]; ok {
		if name == "read_only" && v == "1" {
			v = "ON"
		} else if strings.HasSuffix(name, "read_only") {
			v = "OFF"
		}
		return text(v)
	}
	if v, ok := srv.Variables[name]; ok && !strings.HasPrefix(v, "{") {
		return text(likeRecorded(v, recorded))
	}
	return recorded
}

// likeRecorded writes a parameter's 0 or 1 as the server shows a switch.
func likeRecorded(v string, recorded *string) string {
	if recorded != nil && (*recorded == "ON" || *recorded == "OFF") {
		switch v {
		case "0":
			return "OFF"
		case "1":
			return "ON"
		}
	}
	return v
}

// overrideScalars does the same for SELECT @@version, @@read_only, ...
func overrideScalars(out *rows, bare string, srv Server, ses session) {
	exprs, ok := selectList(bare)
	if !ok || len(exprs) != len(out.columns) {
		return
	}
	identity := srv.identity()
	for i, e := range exprs {
		name := strings.ToLower(variableName(e.expr))
		if strings.EqualFold(e.expr, "version()") {
			name = "version"
		}
		if v, ok := identity[name]; ok {
			out.cells[0][i] = text(v)
		}
	}
}

var (
	writePattern = regexp.MustCompile(`(?i)^(insert|update|delete|replace|create|alter|drop|truncate|rename|grant|revoke|load|optimize|call mysql\.rds_(set|start|stop|reset))\b`)
	okPattern    = regexp.MustCompile(`(?i)^(set|start transaction|begin|commit|rollback|flush|kill|do|lock instance|unlock)\b`)
	usePattern   = regexp.MustCompile("(?i)^use\\s+`?([^`;]+?)`?$")
	callPattern  = regexp.MustCompile(`(?i)^call\s+mysql\.rds_`)
)

// harmless statements are accepted and change nothing that is modelled.
func harmless(bare string, srv Server) (reply, bool) {
	if m := usePattern.FindStringSubmatch(bare); m != nil {
		if err := checkSchema(m[1], srv); err != nil {
			return reply{err: err}, true
		}
		return reply{use: m[1]}, true
	}
	return reply{}, bare == "" || okPattern.MatchString(bare) || callPattern.MatchString(bare)
}

func checkSchema(name string, srv Server) error {
	switch strings.ToLower(name) {
	case "", "mysql", "information_schema", "performance_schema", "sys", strings.ToLower(srv.Schema):
		return nil
	}
	return mysql.NewDefaultError(mysql.ER_BAD_DB_ERROR, name)
}

type selected struct{ expr, alias string }

var aliasPattern = regexp.MustCompile("(?is)^(.*?)(?:\\s+as)?\\s+[`'\"]?([A-Za-z_][A-Za-z0-9_]*)[`'\"]?$")

// selectList splits "SELECT a, b AS c" without FROM into its expressions.
func selectList(bare string) ([]selected, bool) {
	if len(bare) < 7 || !strings.EqualFold(bare[:6], "select") || strings.ContainsAny(bare[6:7], "_") {
		return nil, false
	}
	var out []selected
	for _, part := range splitList(bare[6:]) {
		part = strings.TrimSpace(part)
		if part == "" {
			return nil, false
		}
		s := selected{expr: part, alias: part}
		// An odd quote before the alias: the match is inside a string.
		if m := aliasPattern.FindStringSubmatch(part); m != nil && strings.Count(m[1], "'")%2 == 0 {
			s = selected{expr: strings.TrimSpace(m[1]), alias: m[2]}
		}
		out = append(out, s)
	}
	return out, true
}

// splitList splits at commas outside parentheses and quotes.
func splitList(s string) []string {
	var out []string
	depth, start := 0, 0
	var quote byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote != 0:
			if c == '\\' {
				i++
			} else if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"' || c == '`':
			quote = c
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			out, start = append(out, s[start:i]), i+1
		}
	}
	return append(out, s[start:])
}

var variablePattern = regexp.MustCompile(`(?i)^@@(?:global\.|session\.|local\.)?([a-z0-9_]+)$`)

func variableName(expr string) string {
	if m := variablePattern.FindStringSubmatch(strings.ReplaceAll(expr, "`", "")); m != nil {
		return m[1]
	}
	return ""
}

// scalars answers SELECT of variables, functions and literals that the model
// knows. One unknown expression, and the statement is not answered here.
func scalars(bare string, srv Server, ses session) (reply, bool) {
	exprs, ok := selectList(bare)
	if !ok {
		return reply{}, false
	}
	out := &rows{cells: [][]*string{nil}}
	for _, e := range exprs {
		v, ok := scalar(e.expr, srv, ses)
		if !ok {
			return reply{}, false
		}
		kind := "VARCHAR"
		if v != nil && isNumber(*v) {
			kind = "BIGINT"
		}
		out.columns = append(out.columns, Column{Name: e.alias, Type: kind})
		out.cells[0] = append(out.cells[0], v)
	}
	return reply{rows: out}, true
}

func isNumber(s string) bool {
	_, err := strconv.ParseInt(s, 10, 64)
	return err == nil
}

func scalar(expr string, srv Server, ses session) (*string, bool) {
	switch strings.ToLower(strings.ReplaceAll(expr, " ", "")) {
	case "version()":
		return text(srv.versionString()), true
	case "database()", "schema()":
		if ses.schema == "" {
			return nil, true
		}
		return text(ses.schema), true
	case "connection_id()":
		return text(strconv.FormatUint(uint64(ses.connectionID), 10)), true
	case "current_user()", "current_user", "user()", "session_user()", "system_user()":
		return text(ses.user + "@%"), true
	case "now()", "now(6)", "utc_timestamp()", "current_timestamp()", "current_timestamp", "sysdate()":
		return text(ses.now.UTC().Format(time.DateTime)), true
	case "unix_timestamp()":
		return text(strconv.FormatInt(ses.now.Unix(), 10)), true
	case "null":
		return nil, true
	}
	if isNumber(expr) {
		return text(expr), true
	}
	if n := len(expr); n >= 2 && expr[0] == '\'' && expr[n-1] == '\'' && !strings.Contains(expr[1:n-1], "'") {
		return text(expr[1 : n-1]), true
	}
	if name := variableName(expr); name != "" {
		if v, ok := srv.variable(name); ok {
			return text(v), true
		}
	}
	return nil, false
}

// stripComments removes /* */ and -- comments outside quotes; what /*! */
// contains stays.
func stripComments(sql string) string {
	var b strings.Builder
	var quote byte
	for i := 0; i < len(sql); i++ {
		c := sql[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
			b.WriteByte(c)
		case c == '\'' || c == '"' || c == '`':
			quote = c
			b.WriteByte(c)
		case strings.HasPrefix(sql[i:], "/*"):
			end := strings.Index(sql[i+2:], "*/")
			if end < 0 {
				return b.String()
			}
			if inner := sql[i+2 : i+2+end]; strings.HasPrefix(inner, "!") {
				b.WriteString(strings.TrimLeft(inner[1:], "0123456789"))
			}
			i += end + 3
		case strings.HasPrefix(sql[i:], "-- "):
			end := strings.IndexByte(sql[i:], '\n')
			if end < 0 {
				return b.String()
			}
			i += end
			b.WriteByte(' ')
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
