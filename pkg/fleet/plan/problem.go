package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Problem is one mistake in a plan: where, what is wrong, what would be right.
type Problem struct {
	File string `json:"file,omitempty"`
	Pos
	// Path names the value by its keys: waves[1].soak; "" for the file as a whole.
	Path string `json:"path,omitempty"`
	// Code is stable, for programs: unknown-key, wrong-type, bad-duration, ...
	Code string `json:"code"`
	// Warning tells that the plan can be used as it is.
	Warning bool `json:"warning,omitempty"`
	// What is wrong, and Want, what would be right; both are one printable line.
	What string `json:"what"`
	Want string `json:"want,omitempty"`
}

// Error is the problem as compilers print theirs: file:line:column: what: want.
func (p Problem) Error() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File + ":")
	}
	if p.Line > 0 {
		fmt.Fprintf(&b, "%d:%d:", p.Line, p.Column)
	}
	if b.Len() > 0 {
		b.WriteByte(' ')
	}
	if p.Warning {
		b.WriteString("warning: ")
	}
	b.WriteString(p.What)
	if p.Want != "" {
		b.WriteString(": " + p.Want)
	}
	return b.String()
}

// Problems are all mistakes of one plan, in the order of the file.
type Problems []Problem

// Error is one line per problem.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Err is nil unless one of the problems is more than a warning.
func (ps Problems) Err() error {
	if slices.ContainsFunc(ps, func(p Problem) bool { return !p.Warning }) {
		return ps
	}
	return nil
}

// sort orders by place; problems of one place stay as they were found.
func (ps Problems) sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// codeSecret marks a problem whose line may show a password.
const codeSecret = "secret-in-plan"

// snippetWidth is how much of a line a snippet shows.
const snippetWidth = 100

// Snippet is the problem's line of the file with a caret below the place, or
// "" when the file has no such line. A line that may hold a password is cut
// off after its key.
func Snippet(data []byte, p Problem) string {
	line, ok := lineOf(data, p.Line)
	if !ok || p.Column < 1 || strings.TrimSpace(line) == "" {
		return ""
	}
	text := []rune(line)
	col := min(p.Column-1, len(text))
	if p.Code == codeSecret {
		text = append(text[:keyEnd(text, col)], []rune(" ***")...)
	}
	start := 0
	if col > snippetWidth*3/4 {
		start = col - snippetWidth/2
	}
	text = text[start:min(len(text), start+snippetWidth)]
	for i, r := range text {
		if !unicode.IsPrint(r) {
			text[i] = ' '
		}
	}
	number := strconv.Itoa(p.Line)
	return fmt.Sprintf("%s | %s\n%s | %s^\n", number, strings.TrimRight(string(text), " "),
		strings.Repeat(" ", len(number)), strings.Repeat(" ", col-start))
}

// keyEnd is where the key that starts at col ends, its colon included.
func keyEnd(text []rune, col int) int {
	for i := col; i < len(text); i++ {
		if text[i] == ':' {
			return i + 1
		}
	}
	return col
}

func lineOf(data []byte, n int) (string, bool) {
	if n < 1 {
		return "", false
	}
	rest := string(data)
	for ; n > 1; n-- {
		_, after, found := strings.Cut(rest, "\n")
		if !found {
			return "", false
		}
		rest = after
	}
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSuffix(line, "\r"), true
}

// quote makes a value from the file safe and short enough for a message.
func quote(s string) string {
	const most = 60
	if utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:most]) + "..."
	}
	return strconv.Quote(s)
}
