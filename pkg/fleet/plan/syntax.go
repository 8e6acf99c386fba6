package plan

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"
)

// oneByOne hands the YAML scanner one byte at a time, so that, when it gives
// up, used tells where it stood: the library's own errors name a line that is
// often one off, and no column.
type oneByOne struct {
	data []byte
	used int
}

func (r *oneByOne) Read(p []byte) (int, error) {
	if r.used == len(r.data) {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	p[0] = r.data[r.used]
	r.used++
	return 1, nil
}

// unreadable finds the first byte that is no UTF-8 text, with what it is.
func unreadable(data []byte) (Pos, string) {
	if len(data) >= 2 && (data[0] == 0xff && data[1] == 0xfe || data[0] == 0xfe && data[1] == 0xff) {
		return Pos{1, 1}, "the file is UTF-16"
	}
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		switch {
		case r == utf8.RuneError && size <= 1:
			return posOf(data, i), fmt.Sprintf("byte 0x%02x is not UTF-8", data[i])
		case r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0x7f:
			return posOf(data, i), fmt.Sprintf("control character 0x%02x", r)
		}
		i += size
	}
	return Pos{}, ""
}

// posOf is the place of a byte, with columns in characters.
func posOf(data []byte, offset int) Pos {
	before := data[:min(max(offset, 0), len(data))]
	line := bytes.Count(before, []byte("\n")) + 1
	start := bytes.LastIndexByte(before, '\n') + 1
	return Pos{line, utf8.RuneCount(before[start:]) + 1}
}

var libraryLine = regexp.MustCompile(`^yaml: (?:line \d+: )?`)

// syntaxProblem turns an error of the YAML library into a problem with a
// place. used is how far the scanner had read.
func syntaxProblem(file string, data []byte, used int, err error) Problem {
	text := libraryLine.ReplaceAllString(err.Error(), "")
	p := Problem{File: file, Code: "bad-yaml", What: "bad YAML: " + text, Pos: stoppedAt(data, used)}
	explain(&p, data, text)
	return p
}

// explain replaces what the library says by what a person would, where the
// cause is a common one.
func explain(p *Problem, data []byte, text string) {
	line, _ := lineOf(data, p.Line)
	indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
	switch {
	case strings.Contains(indent, "\t"):
		p.Code, p.What, p.Want = "tab", "a tab in the indentation", "YAML is indented by spaces only"
		p.Column = strings.IndexByte(indent, '\t') + 1
	case strings.HasPrefix(text, "unknown anchor "):
		name := strings.TrimSuffix(strings.TrimPrefix(text, "unknown anchor '"), "' referenced")
		p.What, p.Want = "bad YAML: alias *"+name+" has no anchor before it", "want &"+name+" at the value that is meant, or quotes around the text"
		if i := lastBefore(data, "*"+name, p.Line); i >= 0 {
			p.Pos = posOf(data, i)
		}
	case strings.Contains(text, "unexpected end of stream") || strings.Contains(text, "unexpected document indicator"):
		p.What, p.Want = "bad YAML: a quote is opened and not closed", "close it, or delete it"
		p.Pos = openQuote(data, p.Pos)
	case strings.Contains(text, "expected ',' or ']'"):
		p.What, p.Want = "bad YAML: a list is opened with [ and not closed", "want , or ] before what follows"
		p.Pos = openBracket(data, p.Pos)
	case strings.Contains(text, "expected ',' or '}'"):
		p.What, p.Want = "bad YAML: a mapping is opened with { and not closed", "want , or } before what follows"
		p.Pos = openBracket(data, p.Pos)
	case strings.Contains(text, "mapping values are not allowed"):
		p.Want = "a text with a colon and a space needs quotes; otherwise check the indentation"
		p.backTo(line, ":")
	case strings.Contains(text, "cannot start any token"):
		p.Want = "a text that begins with this character needs quotes"
		p.backTo(line, "@`%")
	case strings.Contains(text, "escape"):
		p.Want = `want \\ for a backslash, or single quotes`
		p.backTo(line, "\\")
	case strings.Contains(text, "did not find expected key"), strings.Contains(text, "expected '-' indicator"):
		p.Want = "check the indentation of this line"
		p.Column = len(indent) + 1
	}
}

// backTo moves the place back over the scanner's lookahead to one of some
// characters, when the line has one before it.
func (p *Problem) backTo(line, chars string) {
	before := []rune(line)
	before = before[:min(p.Column, len(before))]
	for i := len(before) - 1; i >= 0; i-- {
		if strings.ContainsRune(chars, before[i]) {
			p.Column = i + 1
			return
		}
	}
}

// stoppedAt goes back from where the scanner had read to the last character
// that is neither space nor line end: its lookahead goes over those.
func stoppedAt(data []byte, used int) Pos {
	i := min(used, len(data)) - 1
	for i > 0 && strings.IndexByte(" \r\n", data[i]) >= 0 {
		i--
	}
	for i > 0 && !utf8.RuneStart(data[i]) {
		i--
	}
	return posOf(data, i)
}

// lastBefore is the offset of the last occurrence of s up to a line's end, or -1.
func lastBefore(data []byte, s string, line int) int {
	end := 0
	for ; line > 0 && end < len(data); line-- {
		i := bytes.IndexByte(data[end:], '\n')
		if i < 0 {
			end = len(data)
			break
		}
		end += i + 1
	}
	return bytes.LastIndex(data[:end], []byte(s))
}

// openQuote guesses the line on which a quote was opened and never closed: the
// first one with an odd number of a kind of quotes.
func openQuote(data []byte, fallback Pos) Pos {
	offset := 0
	for line := range bytes.Lines(data) {
		for _, q := range []byte{'"', '\''} {
			text, _, _ := bytes.Cut(line, []byte(" #"))
			if i := bytes.IndexByte(text, q); i >= 0 && bytes.Count(text, []byte{q})%2 == 1 && opens(text[:i]) {
				return posOf(data, offset+i)
			}
		}
		offset += len(line)
	}
	return fallback
}

// opens tells whether a quote after this text begins a value, and is no apostrophe.
func opens(before []byte) bool {
	t := bytes.TrimRight(before, " \t")
	return len(t) == 0 || len(t) < len(before) || strings.IndexByte("[{,\n\r", t[len(t)-1]) >= 0
}

// openBracket finds the innermost bracket that is open at a place, as far as
// that can be told without the grammar that has just given up.
func openBracket(data []byte, stop Pos) Pos {
	end := offsetOf(data, stop)
	var open []int
	var quoted byte
	for i := 0; i < end; i++ {
		c := data[i]
		switch {
		case quoted != 0:
			if c == quoted {
				quoted = 0
			}
		case c == '#' && (i == 0 || data[i-1] == ' ' || data[i-1] == '\n'):
			for i+1 < end && data[i+1] != '\n' {
				i++
			}
		case (c == '"' || c == '\'') && opens(data[:i]):
			quoted = c
		case (c == '[' || c == '{') && opens(data[:i]):
			open = append(open, i)
		case (c == ']' || c == '}') && len(open) > 0:
			open = open[:len(open)-1]
		}
	}
	if len(open) == 0 {
		return stop
	}
	return posOf(data, open[len(open)-1])
}

// offsetOf is posOf's inverse, the end of the data for places beyond it.
func offsetOf(data []byte, pos Pos) int {
	offset, line := 0, 1
	for ; line < pos.Line; line++ {
		i := bytes.IndexByte(data[offset:], '\n')
		if i < 0 {
			return len(data)
		}
		offset += i + 1
	}
	for column := 1; column < pos.Column && offset < len(data); column++ {
		_, size := utf8.DecodeRune(data[offset:])
		offset += size
	}
	return offset
}
