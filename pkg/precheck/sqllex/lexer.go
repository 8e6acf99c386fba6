// Package sqllex cuts MySQL text into tokens the way the server's own lexer
// does: by the sql_mode the text was stored with, with the server's rules for
// numbers that start names, dots that make keywords names, and comments that
// are code. It allocates nothing while it runs, never panics, and its tokens
// cover the text without gap or overlap, whatever the text is.
package sqllex

import "math"

// MaxText is the longest text that offsets can address.
const MaxText = math.MaxInt32

// Lexer walks over one text. The zero value lexes nothing; use New.
type Lexer struct {
	src     string
	pos     int
	version int
	mode    Mode
	inCode  bool // inside /*! ... */
	// glued says that a dot right here separates names: the token before it was
	// an unquoted name or a system variable.
	glued bool
	// member says that the last token was a dot with a name right behind it.
	member bool
}

// New is a lexer over src for a server of the given version (80046 for
// 8.0.46; it decides which /*!NNNNN comments are code). Text beyond MaxText is
// not looked at.
func New(src string, mode Mode, version int) Lexer {
	if len(src) > MaxText {
		src = src[:MaxText]
	}
	return Lexer{src: src, mode: mode, version: version}
}

// InCode tells whether the text so far is inside a version comment. At the end
// of the text it means that the comment was never closed.
func (l *Lexer) InCode() bool { return l.inCode }

// Next is the next token, false at the end of the text.
func (l *Lexer) Next() (Token, bool) {
	if l.pos >= len(l.src) {
		return Token{}, false
	}
	start := l.pos
	glued, member := l.glued, l.member
	l.glued, l.member = false, false
	kind := l.scan(glued, member)
	if kind == Word || kind == DotWord || kind == SysVar {
		l.glued = true
	}
	return Token{Start: int32(start), End: int32(l.pos), Kind: kind}, true
}

// Append lexes all of src and appends the significant tokens to dst; comments
// and space are left out. Unclosed tells that the text ended inside a string,
// quoted name or comment.
func Append(dst []Token, src string, mode Mode, version int) (tokens []Token, unclosed bool) {
	l := New(src, mode, version)
	for {
		t, ok := l.Next()
		if !ok {
			return dst, unclosed || l.inCode
		}
		if t.Kind.Significant() {
			dst = append(dst, t)
		}
		unclosed = unclosed || t.Kind.Broken()
	}
}

// peek is the byte n places ahead, 0 at the end: the server's buffer ends with
// a zero byte too, and its rules are written for it.
func (l *Lexer) peek(n int) byte {
	if l.pos+n < len(l.src) {
		return l.src[l.pos+n]
	}
	return 0
}

func (l *Lexer) scan(glued, member bool) Kind {
	c := l.src[l.pos]
	if member && class[c]&isIdent != 0 {
		l.pos = identEnd(l.src, l.pos)
		return DotWord
	}
	switch start[c] {
	case onSpace:
		return l.space()
	case onWord:
		return l.word(c)
	case onDigit:
		return l.number()
	case onSingle:
		return l.str(c, String)
	case onDouble:
		if l.mode&ANSIQuotes != 0 {
			return l.quoted(c)
		}
		return l.str(c, String)
	case onBacktick:
		return l.quoted(c)
	case onHash:
		return l.line()
	case onDot:
		return l.dot(glued)
	case onAt:
		return l.at()
	}
	return l.operator(c)
}

func (l *Lexer) space() Kind {
	i := l.pos + 1
	for i < len(l.src) && start[l.src[i]] == onSpace {
		i++
	}
	l.pos = i
	return Space
}

// line is a comment to the end of the line, the line end included.
func (l *Lexer) line() Kind {
	i := l.pos
	for i < len(l.src) && l.src[i] != '\n' {
		i++
	}
	l.pos = min(i+1, len(l.src))
	return Comment
}

// str is a string whose quote stands at pos. A doubled quote belongs to it.
func (l *Lexer) str(quote byte, kind Kind) Kind {
	escapes := l.mode&NoBackslashEscapes == 0
	for i := l.pos + 1; i < len(l.src); i++ {
		c := l.src[i]
		if c == '\\' && escapes {
			i++
			continue
		}
		if c != quote {
			continue
		}
		if i+1 < len(l.src) && l.src[i+1] == quote {
			i++
			continue
		}
		l.pos = i + 1
		return kind
	}
	l.pos = len(l.src)
	return OpenString
}

func (l *Lexer) quoted(quote byte) Kind {
	for i := l.pos + 1; i < len(l.src); i++ {
		if l.src[i] != quote {
			continue
		}
		if i+1 < len(l.src) && l.src[i+1] == quote {
			i++
			continue
		}
		l.pos = i + 1
		return Quoted
	}
	l.pos = len(l.src)
	return OpenQuoted
}

// word is a name, or what only looks like one at first: N'x', x'0f', b'01'.
func (l *Lexer) word(c byte) Kind {
	if l.peek(1) == '\'' {
		switch c {
		case 'n', 'N':
			l.pos++
			return l.str('\'', String)
		case 'x', 'X':
			return l.digits(Hex)
		case 'b', 'B':
			return l.digits(Bit)
		}
	}
	begin := l.pos
	l.pos = identEnd(l.src, begin)
	if l.peek(0) == '.' && class[l.peek(1)]&isIdent != 0 {
		return DotWord
	}
	if c == '_' && isCharset(l.src[begin+1:l.pos]) {
		return Introducer
	}
	return Word
}

// digits is x'..' or b'..', where backslashes mean nothing.
func (l *Lexer) digits(kind Kind) Kind {
	for i := l.pos + 2; i < len(l.src); i++ {
		if l.src[i] == '\'' {
			l.pos = i + 1
			return kind
		}
	}
	l.pos = len(l.src)
	return OpenString
}

// dot is a separator of names, or the start of a number such as .5. After an
// unquoted name a dot always separates when a name character follows: t.5 is
// column 5 of t.
func (l *Lexer) dot(glued bool) Kind {
	next := l.peek(1)
	if class[next]&isDigit != 0 && !glued {
		l.pos++
		return l.fraction()
	}
	l.pos++
	l.member = class[next]&isIdent != 0
	return Op
}

// at is a user variable or the beginning of a system variable.
func (l *Lexer) at() Kind {
	switch c := l.peek(1); {
	case c == '@':
		l.pos = identEnd(l.src, l.pos+2)
		if l.peek(0) == '`' && l.src[l.pos-1] == '@' {
			if l.quoted('`') == OpenQuoted {
				return OpenQuoted
			}
		}
		return SysVar
	case c == '`', c == '"' && l.mode&ANSIQuotes != 0:
		l.pos++
		if l.quoted(c) == OpenQuoted {
			return OpenQuoted
		}
		return UserVar
	case c == '\'', c == '"':
		l.pos++
		return l.str(c, UserVar)
	}
	i := l.pos + 1
	for i < len(l.src) && class[l.src[i]]&isHost != 0 {
		i++
	}
	l.pos = i
	return UserVar
}
