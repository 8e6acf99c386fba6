package sqllex

import "strings"

// sideEffects are built-in functions that wait, lock, or read the server's
// files; a read-only transaction does not refuse them.
var sideEffects = map[string]bool{"SLEEP": true, "BENCHMARK": true, "GET_LOCK": true, "RELEASE_LOCK": true, "RELEASE_ALL_LOCKS": true,
	"LOAD_FILE": true, "MASTER_POS_WAIT": true, "SOURCE_POS_WAIT": true, "WAIT_FOR_EXECUTED_GTID_SET": true, "WAIT_UNTIL_SQL_THREAD_AFTER_GTIDS": true}

// NotPlainSelect says why a text is not a single SELECT that only reads, ""
// when it is one: no second statement, no INTO, no locks, no assignments, no
// hints and no version comments, which would make it mean different things to
// different servers. It goes by the lexer alone, under an sql_mode without
// ANSI_QUOTES and NO_BACKSLASH_ESCAPES; the caller runs it under such a mode and
// in a read-only transaction, which catches what stored functions would write.
func NotPlainSelect(src string) string {
	// Every lexing has to agree: version comments are code for some servers only.
	l := New(src, 0, 0)
	var toks []Token
	for {
		t, ok := l.Next()
		if !ok {
			break
		}
		switch text := t.Text(src); {
		case t.Kind.Broken():
			return "the text ends inside a string, name or comment"
		case t.Kind == CodeOpen, strings.HasPrefix(text, "/*!"), t.Kind == Comment && strings.HasPrefix(text, "/*M!"):
			return "a version comment is code for some servers only"
		case t.Kind == Hint, strings.HasPrefix(text, "/*+"):
			return "optimizer hints may lift the time limit"
		case t.Kind.Significant():
			toks = append(toks, t)
		}
	}
	if len(toks) == 0 || toks[0].Kind != Word || !EqualFold(toks[0].Text(src), "SELECT") {
		return "it does not begin with SELECT"
	}
	for i, t := range toks {
		next := ""
		if i+1 < len(toks) {
			next = toks[i+1].Text(src)
		}
		if why := forbidden(t, t.Text(src), next); why != "" {
			return why
		}
	}
	return ""
}

// forbidden says what is wrong with one token, given the one after it.
func forbidden(t Token, text, next string) string {
	upper := strings.ToUpper(strings.Trim(text, "`"))
	switch {
	case t.Kind == Op && text == ";":
		return "there is a semicolon: one statement, without an end mark"
	case t.Kind == Op && text == ":=":
		return "it assigns a variable"
	case t.Kind.Name() && next == "(" && sideEffects[upper]:
		return "it calls " + upper
	case t.Kind != Word:
		return ""
	case upper == "INTO":
		return "it writes somewhere (INTO)"
	case upper == "FOR" && (EqualFold(next, "UPDATE") || EqualFold(next, "SHARE")), upper == "LOCK" && EqualFold(next, "IN"):
		return "it takes locks"
	case upper == "PROCEDURE":
		return "it calls PROCEDURE ANALYSE"
	}
	return ""
}
