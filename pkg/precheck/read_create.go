package precheck

import (
	"strings"

	"github.com/rdsupgrade/rdsupgrade/pkg/precheck/sqllex"
)

// splitCreate takes the body out of what SHOW CREATE printed, and a routine's
// parameters and return type. ok is false when the statement does not look as
// the server writes it.
func splitCreate(kind ProgramKind, create string, mode sqllex.Mode, version int) (body, params, returns string, ok bool) {
	c := createText{src: create, lex: sqllex.New(create, mode, version)}
	switch kind {
	case KindTrigger:
		for _, w := range []string{"FOR", "EACH", "ROW"} {
			if !c.seek(w) {
				return "", "", "", false
			}
		}
		body = create[c.end:]
		if first, rest, found := c.order(); found {
			_ = first
			body = rest
		}
		return strings.TrimLeft(body, " \t\r\n"), "", "", true
	case KindEvent:
		if !c.seek("EVENT") || !c.seek("DO") {
			return "", "", "", false
		}
		return strings.TrimLeft(create[c.end:], " \t\r\n"), "", "", true
	case KindProcedure, KindFunction:
		return c.routine(kind)
	}
	return "", "", "", false
}

type createText struct {
	src string
	lex sqllex.Lexer
	end int // offset behind the last token
}

func (c *createText) next() (sqllex.Token, string, bool) {
	t, ok := c.lex.Next()
	if !ok {
		return t, "", false
	}
	c.end = int(t.End)
	return t, t.Text(c.src), true
}

// seek goes on to an unquoted word.
func (c *createText) seek(word string) bool {
	for {
		t, text, ok := c.next()
		if !ok {
			return false
		}
		if t.Kind == sqllex.Word && sqllex.EqualFold(text, word) {
			return true
		}
	}
}

// order skips FOLLOWS or PRECEDES and a trigger's name.
func (c *createText) order() (word, rest string, found bool) {
	for {
		t, text, ok := c.next()
		if !ok {
			return "", "", false
		}
		if !t.Kind.Significant() {
			continue
		}
		if word == "" {
			if t.Kind != sqllex.Word || !(sqllex.EqualFold(text, "FOLLOWS") || sqllex.EqualFold(text, "PRECEDES")) {
				return "", "", false
			}
			word = text
			continue
		}
		return word, c.src[c.end:], t.Kind.Name()
	}
}

// routine follows the layout of SHOW CREATE PROCEDURE and FUNCTION: the
// parameters in parentheses, each characteristic on a line of its own that
// begins with four blanks, then a line break and the body as it was written.
func (c *createText) routine(kind ProgramKind) (body, params, returns string, ok bool) {
	if !c.seek(strings.ToUpper(string(kind))) {
		return "", "", "", false
	}
	depth, open, closed := 0, 0, 0
	for closed == 0 {
		t, text, more := c.next()
		if !more {
			return "", "", "", false
		}
		switch {
		case t.Kind == sqllex.Op && text == "(":
			if depth++; depth == 1 {
				open = c.end
			}
		case t.Kind == sqllex.Op && text == ")":
			if depth--; depth == 0 {
				closed = int(t.Start)
			}
		}
	}
	params = c.src[open:closed]
	head, from := c.end, -1
	for {
		t, text, more := c.next()
		if !more {
			return "", "", "", false
		}
		if from >= 0 && t.Kind != sqllex.Space {
			if t.Kind == sqllex.Word && characteristic[strings.ToUpper(text)] && c.src[from:t.Start] == "    " {
				from = -1
				continue
			}
			if returns != "" || kind == KindProcedure {
				return c.src[from:], params, returns, true
			}
			return c.src[from:], params, returnType(c.src[head:from]), true
		}
		if t.Kind == sqllex.Space && from < 0 {
			if i := strings.IndexByte(text, '\n'); i >= 0 {
				from = int(t.Start) + i + 1
				if kind == KindFunction && returns == "" {
					returns = returnType(c.src[head:t.Start])
				}
			}
		}
	}
}

var characteristic = map[string]bool{"LANGUAGE": true, "DETERMINISTIC": true, "NOT": true, "CONTAINS": true, "NO": true,
	"READS": true, "MODIFIES": true, "SQL": true, "COMMENT": true}

func returnType(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > 8 && strings.EqualFold(s[:8], "RETURNS ") {
		return strings.TrimSpace(s[8:])
	}
	return ""
}
