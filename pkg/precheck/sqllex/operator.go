package sqllex

// operator is everything that is no name, number or string: comments that
// begin with - or /, the end of a version comment, \N, and operators, of which
// the longest that the server knows is taken.
func (l *Lexer) operator(c byte) Kind {
	next := l.peek(1)
	switch c {
	case '-':
		if next == '-' && (l.pos+2 >= len(l.src) || class[l.src[l.pos+2]]&isBlank != 0) {
			return l.line()
		}
		if next == '>' {
			return l.op(2 + b2i(l.peek(2) == '>'))
		}
	case '/':
		if next == '*' {
			return l.block()
		}
	case '*':
		if next == '/' && l.inCode {
			l.pos += 2
			l.inCode = false
			return CodeClose
		}
	case '\\':
		if next == 'N' {
			l.pos += 2
			return Null
		}
	case '<':
		if next == '=' {
			return l.op(2 + b2i(l.peek(2) == '>'))
		}
		return l.op(1 + b2i(next == '<' || next == '>'))
	case '>':
		return l.op(1 + b2i(next == '=' || next == '>'))
	case '!', ':':
		return l.op(1 + b2i(next == '='))
	case '&', '|':
		return l.op(1 + b2i(next == c))
	}
	return l.op(1)
}

func (l *Lexer) op(n int) Kind {
	l.pos += n
	return Op
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// block is what begins with /*: a comment, a hint, or code for servers of a
// version.
func (l *Lexer) block() Kind {
	switch l.peek(2) {
	case '!':
		if l.inCode { // the server does not nest version comments
			break
		}
		version, n := l.commentVersion()
		if version <= l.version {
			l.pos += 3 + n
			l.inCode = true
			return CodeOpen
		}
		return l.blockEnd(Comment, true)
	case '+':
		return l.blockEnd(Hint, false)
	}
	return l.blockEnd(Comment, false)
}

// commentVersion reads the five digits, or from 8.0 on six, of /*!NNNNN; 0
// where there are none.
func (l *Lexer) commentVersion() (version, digits int) {
	for digits < 6 {
		c := l.peek(3 + digits)
		if class[c]&isDigit == 0 {
			break
		}
		version = version*10 + int(c-'0')
		digits++
	}
	switch {
	case digits < 5:
		return 0, 0
	case digits == 6 && l.version < 80000:
		return version / 10, 5
	}
	return version, digits
}

// blockEnd finds the */ of a comment. A version comment that is not for this
// server may hold whole comments, which do not end it.
func (l *Lexer) blockEnd(kind Kind, nested bool) Kind {
	for i := l.pos + 2; i+1 < len(l.src); i++ {
		switch {
		case l.src[i] == '*' && l.src[i+1] == '/':
			l.pos = i + 2
			return kind
		case nested && l.src[i] == '/' && l.src[i+1] == '*':
			for i += 2; i+1 < len(l.src) && (l.src[i] != '*' || l.src[i+1] != '/'); {
				i++
			}
			i++
		}
	}
	l.pos = len(l.src)
	return OpenComment
}
