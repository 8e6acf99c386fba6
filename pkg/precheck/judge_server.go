package precheck

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqlver"
	"github.com/rdsupgrade/rdsupgrade/pkg/precheck/sqllex"
)

// ServerJudge lets a MySQL server of 8.0 or newer say whether it can parse a
// body. It asks by preparing a CREATE statement: the server parses all of it,
// and either refuses it as a syntax error, or says that such a statement cannot
// be prepared. Nothing is created, no schema is touched or needed, and text
// that holds more than one statement is refused unexecuted, whatever the
// catalog's bodies are. It uses one connection and is not safe for concurrent use.
type ServerJudge struct {
	conn    *sql.Conn
	version mysqlver.Version
	mode    string // the session's sql_mode, "" as long as none was set
}

// ParseOpinion is a server's answer about one body.
type ParseOpinion struct {
	// Version is the server's.
	Version string `json:"version"`
	// Refused says that the server answered with a syntax error (1064).
	Refused bool `json:"refused,omitempty"`
	// Unsure says that the server stopped for another reason, such as an
	// unknown variable, before it had parsed all of the text.
	Unsure bool `json:"unsure,omitempty"`
	// Message is the server's text for a refused body, shortened.
	Message string `json:"message,omitempty"`
}

// Answers of a server to the preparation of a statement.
const (
	errSyntax        = 1064 // ER_PARSE_ERROR
	errNotPreparable = 1295 // ER_UNSUPPORTED_PS: it parses, but is of a kind that cannot be prepared
	errNoTable       = 1146 // ER_NO_SUCH_TABLE: it parses, and names what is not there
	errNoSchema      = 1049 // ER_BAD_DB_ERROR: the same
)

// judgeSchema is the session's default schema. Without one, the server stops
// at the first table without a schema and parses no further; this one is on
// every server and every account may use it.
const judgeSchema = "performance_schema"

// NewServerJudge takes a connection of db and asks for the server's version.
// It refuses servers older than 8.0, whose parser proves nothing.
func NewServerJudge(ctx context.Context, db *sql.DB) (*ServerJudge, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to the judging server: %w", err)
	}
	var s string
	err = conn.QueryRowContext(ctx, "SELECT VERSION()").Scan(&s)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("ask the judging server for its version: %w", err), conn.Close())
	}
	v, err := mysqlver.Parse(s)
	if err == nil && (!v.AtLeast(8, 0, 0) || strings.Contains(s, "MariaDB")) {
		err = fmt.Errorf("the judging server is %q, need MySQL 8.0 or newer", printable(s))
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if _, err := conn.ExecContext(ctx, "USE "+judgeSchema); err != nil {
		return nil, errors.Join(fmt.Errorf("use %s on the judging server: %w", judgeSchema, err), conn.Close())
	}
	return &ServerJudge{conn: conn, version: v}, nil
}

// Version is the judging server's.
func (j *ServerJudge) Version() mysqlver.Version { return j.version }

// Close gives the connection back.
func (j *ServerJudge) Close() error { return j.conn.Close() }

// Fill asks about every program of the catalog that has a body and keeps the
// answers in Program.Parse, where routineSyntax finds them. It stops at the
// first error that is no answer, such as a lost connection.
func (j *ServerJudge) Fill(ctx context.Context, c *Catalog) error {
	for i := range c.Programs {
		p := &c.Programs[i]
		if isSystemSchema(p.Schema) || !p.HasBody && p.Create == "" || !p.Exact && p.Create == "" {
			continue
		}
		o, err := j.Opinion(ctx, p)
		if err != nil {
			return fmt.Errorf("judge %s %s: %w", p.Kind, printable(name(p.Schema, p.Name)), err)
		}
		p.Parse = &o
	}
	return nil
}

// Opinion asks about one program. A missing table or schema means that the
// body parses; other errors than a syntax error prove nothing.
func (j *ServerJudge) Opinion(ctx context.Context, p *Program) (ParseOpinion, error) {
	o := ParseOpinion{Version: j.version.String()}
	if err := j.setMode(ctx, p.SQLMode); err != nil {
		return o, err
	}
	stmt, err := j.conn.PrepareContext(ctx, judgedStatement(p))
	if err == nil {
		return o, stmt.Close()
	}
	var refusal *mysql.MySQLError
	if !errors.As(err, &refusal) {
		return o, fmt.Errorf("prepare: %w", err)
	}
	switch refusal.Number {
	case errNotPreparable, errNoTable, errNoSchema:
	case errSyntax:
		o.Refused, o.Message = true, shorten(refusal.Message, 300)
	default:
		o.Unsure, o.Message = true, shorten(refusal.Message, 300)
	}
	return o, nil
}

// setMode gives the session the program's sql_mode as the upgrade will leave
// it: without the modes that 8.0 has removed.
func (j *ServerJudge) setMode(ctx context.Context, sqlMode string) error {
	var kept []string
	for _, m := range strings.Split(sqlMode, ",") {
		if m = strings.ToUpper(strings.TrimSpace(m)); m != "" && !removedModes[m] {
			kept = append(kept, m)
		}
	}
	mode := quoteString(strings.Join(kept, ","))
	if mode == j.mode {
		return nil
	}
	if _, err := j.conn.ExecContext(ctx, "SET SESSION sql_mode = "+mode); err != nil {
		return fmt.Errorf("set sql_mode: %w", err)
	}
	j.mode = mode
	return nil
}

// judgedStatement is a CREATE statement with the program's body under names of
// our own: the object's name, its definer and its table are left out.
func judgedStatement(p *Program) string {
	body, params, tail := p.Body, p.Params, ""
	if p.Create != "" {
		body, params, tail = splitJudged(p)
	}
	switch p.Kind {
	case KindView:
		return "CREATE VIEW rdsupgrade_judge.v AS " + body
	case KindTrigger:
		return "CREATE TRIGGER rdsupgrade_judge.g BEFORE " + triggerEvent(p.Timing) + " ON rdsupgrade_judge.t FOR EACH ROW " + body
	case KindEvent:
		return "CREATE EVENT rdsupgrade_judge.e ON SCHEDULE EVERY 1 DAY DO " + body
	case KindFunction:
		if p.Create == "" {
			returns := p.Returns
			if returns == "" {
				returns = "INT"
			}
			tail = " RETURNS " + returns + " DETERMINISTIC "
		}
		return "CREATE FUNCTION rdsupgrade_judge.f(" + params + ")" + tail + "\n" + body
	}
	return "CREATE PROCEDURE rdsupgrade_judge.p(" + params + ")" + tail + "\n" + body
}

// triggerEvent keeps OLD and NEW meaningful: OLD is refused in an INSERT
// trigger, though not as a syntax error.
func triggerEvent(timing string) string {
	for _, e := range [...]string{"INSERT", "DELETE"} {
		if strings.HasSuffix(strings.ToUpper(timing), e) {
			return e
		}
	}
	return "UPDATE"
}

// splitJudged cuts SHOW CREATE's text: the body, a routine's parameters, and
// what stands between the two (return type and characteristics).
func splitJudged(p *Program) (body, params, tail string) {
	var a analyser
	a.analyse(p.Create, sqllex.ParseMode(p.SQLMode), 99999, false)
	if len(a.stmts) < 2 {
		return p.Body, p.Params, ""
	}
	start := a.at(a.stmts[1].from).Start
	// A label belongs to the body, but not to the statement behind it.
	if i := a.stmts[0].to; i < a.stmts[1].from {
		start = a.at(i).Start
	}
	body = p.Create[start:]
	if p.Kind != KindProcedure && p.Kind != KindFunction {
		return body, "", ""
	}
	for i := a.stmts[0].from; i < a.stmts[0].to; i++ {
		if a.op(i, "(") {
			end := a.closing(i)
			if end >= a.stmts[0].to {
				break
			}
			return body, p.Create[a.at(i).End:a.at(end).Start], " " + p.Create[a.at(end).End:start]
		}
	}
	return body, p.Params, ""
}

// judged lets a server's answer about a program overrule the recognizer.
// found is the recognizer's finding for the hop, nil without one; later tells
// that it saw something that only a later version refuses.
func judged(p *Program, h Hop, found *Finding, later bool) *Finding {
	if p.Parse == nil || p.Parse.Unsure {
		return found
	}
	v, err := mysqlver.Parse(p.Parse.Version)
	if err != nil {
		return found
	}
	sameLine := v.SameLine(h.To)
	switch {
	case !p.Parse.Refused && (sameLine || h.To.Before(v)):
		return nil // what a newer server takes, the ones between took as well
	case !p.Parse.Refused, found != nil:
		return found
	}
	f := &Finding{Message: fmt.Sprintf("MySQL %s refuses to parse the %s: %s", v, p.Kind, p.Parse.Message)}
	if !sameLine && h.To.Before(v) {
		if later {
			return nil
		}
		f.Severity = Warning
		f.Message += " (that server is newer than this step's target)"
	}
	return f
}
