package sqllex

// Kind tells what a token is.
type Kind uint8

// The kinds of tokens. Space, Comment, Hint, CodeOpen and CodeClose carry no
// meaning of their own; all others are significant.
const (
	Space      Kind = iota
	Comment         // -- x, # x, /* x */, and /*!99999 x */ for a newer server
	Hint            // /*+ x */
	CodeOpen        // /*! or /*!50700: what follows is code for this server
	CodeClose       // the */ that ends it
	Word            // unquoted identifier or keyword
	DotWord         // unquoted identifier glued to a dot before it: never a keyword
	Quoted          // `x`, or "x" under ANSI_QUOTES
	String          // 'x', "x", N'x'
	Introducer      // _utf8mb4 and its like
	Number          // 1, 1.5, .5, 1., 1e5
	Hex             // x'0f', 0x0f
	Bit             // b'01', 0b01
	UserVar         // @x, @`x`, @'x'; also the host part of an account name
	SysVar          // @@x; a scope and dot come as further tokens
	Null            // \N
	Op              // operators and punctuation
	// The kinds below mean that the text ended inside the token.
	OpenString
	OpenQuoted
	OpenComment
)

// Significant tells whether a parser would see the token.
func (k Kind) Significant() bool { return k > CodeClose && k != OpenComment }

// Broken tells whether the text ended inside the token.
func (k Kind) Broken() bool { return k >= OpenString }

// Name tells whether the token can be an identifier: a word or a quoted name.
func (k Kind) Name() bool { return k == Word || k == DotWord || k == Quoted }

// Token is a piece of the text, Start and End being byte offsets into it.
type Token struct {
	Start, End int32
	Kind       Kind
}

// Text is the token as written.
func (t Token) Text(src string) string { return src[t.Start:t.End] }

// Mode is what of a session's sql_mode matters to the lexer.
type Mode uint8

// The modes.
const (
	ANSIQuotes         Mode = 1 << iota // "x" is an identifier
	NoBackslashEscapes                  // \ is an ordinary character in strings
	IgnoreSpace                         // f (x) is a call of a built-in function
)

// ParseMode reads a sql_mode value. The combination modes of 5.7 that switch
// ANSI_QUOTES on count as such, should a server not have spelt them out.
func ParseMode(sqlMode string) Mode {
	var m Mode
	for rest := sqlMode; rest != ""; {
		var one string
		one, rest = cutComma(rest)
		switch {
		case EqualFold(one, "ANSI_QUOTES"):
			m |= ANSIQuotes
		case EqualFold(one, "NO_BACKSLASH_ESCAPES"):
			m |= NoBackslashEscapes
		case EqualFold(one, "IGNORE_SPACE"):
			m |= IgnoreSpace
		case EqualFold(one, "ANSI"), EqualFold(one, "DB2"), EqualFold(one, "MAXDB"),
			EqualFold(one, "MSSQL"), EqualFold(one, "ORACLE"), EqualFold(one, "POSTGRESQL"):
			m |= ANSIQuotes | IgnoreSpace
		}
	}
	return m
}

func cutComma(s string) (first, rest string) {
	for i := 0; i < len(s); i++ {
		if s[i] == ',' {
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// EqualFold compares ASCII case-insensitively, as MySQL compares keywords:
// strings.EqualFold would take the Kelvin sign for a K.
func EqualFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		if upper(a[i]) != upper(b[i]) {
			return false
		}
	}
	return true
}

func upper(c byte) byte {
	if 'a' <= c && c <= 'z' {
		return c - 'a' + 'A'
	}
	return c
}

// Ident is the name that a Word, DotWord or Quoted token stands for: quotes
// taken off and doubled quotes halved.
func Ident(t Token, src string) string {
	s := t.Text(src)
	if t.Kind != Quoted || len(s) < 2 {
		return s
	}
	return undouble(s[1:len(s)-1], s[0])
}

// StringValue is what a String token stands for, with escapes resolved.
func StringValue(t Token, src string, mode Mode) string {
	s := t.Text(src)
	if len(s) > 0 && (s[0] == 'N' || s[0] == 'n') {
		s = s[1:]
	}
	if len(s) < 2 {
		return ""
	}
	quote, s := s[0], s[1:len(s)-1]
	if mode&NoBackslashEscapes != 0 {
		return undouble(s, quote)
	}
	return unescape(s, quote)
}

func undouble(s string, quote byte) string {
	for i := 0; i < len(s); i++ {
		if s[i] != quote {
			continue
		}
		out := make([]byte, 0, len(s))
		for j := 0; j < len(s); j++ {
			out = append(out, s[j])
			if s[j] == quote {
				j++
			}
		}
		return string(out)
	}
	return s
}

// unescape follows the manual's table of string escapes; \% and \_ keep their
// backslash.
func unescape(s string, quote byte) string {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == quote:
			i++ // the second of a doubled quote
		case c == '\\' && i+1 < len(s):
			i++
			switch c = s[i]; c {
			case 'n':
				c = '\n'
			case 't':
				c = '\t'
			case 'r':
				c = '\r'
			case 'b':
				c = '\b'
			case '0':
				c = 0
			case 'Z':
				c = 26
			case '%', '_':
				out = append(out, '\\')
			}
		}
		out = append(out, c)
	}
	return string(out)
}
