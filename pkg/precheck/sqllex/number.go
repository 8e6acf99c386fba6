package sqllex

// number is a token that begins with a digit. Names may begin with digits too,
// so 1a is a name and 1e5 is not; only lower-case 0x and 0b begin a literal.
func (l *Lexer) number() Kind {
	if l.src[l.pos] == '0' {
		switch l.peek(1) {
		case 'x':
			if l.radix(isHexDigit) {
				return Hex
			}
			return l.numericName()
		case 'b':
			if l.radix(isBitDigit) {
				return Bit
			}
			return l.numericName()
		}
	}
	i := l.pos
	for i < len(l.src) && class[l.src[i]]&isDigit != 0 {
		i++
	}
	c := byteAt(l.src, i)
	if class[c]&isIdent == 0 {
		l.pos = i
		if c == '.' {
			l.pos++
			return l.fraction()
		}
		return Number
	}
	if c == 'e' || c == 'E' {
		j := i + 1
		if s := byteAt(l.src, j); s == '+' || s == '-' {
			j++
		}
		if class[byteAt(l.src, j)]&isDigit != 0 {
			l.pos = skipDigits(l.src, j)
			return Number
		}
	}
	return l.numericName()
}

// radix takes 0x.. or 0b.. when the digits end where a name would end too.
func (l *Lexer) radix(digit uint8) bool {
	i := l.pos + 2
	for i < len(l.src) && class[l.src[i]]&digit != 0 {
		i++
	}
	if i == l.pos+2 || class[byteAt(l.src, i)]&isIdent != 0 {
		return false
	}
	l.pos = i
	return true
}

func (l *Lexer) numericName() Kind {
	l.pos = identEnd(l.src, l.pos)
	return Word
}

// fraction is what follows a number's dot; pos is behind the dot.
func (l *Lexer) fraction() Kind {
	i := skipDigits(l.src, l.pos)
	if c := byteAt(l.src, i); c == 'e' || c == 'E' {
		j := i + 1
		if s := byteAt(l.src, j); s == '+' || s == '-' {
			j++
		}
		if class[byteAt(l.src, j)]&isDigit != 0 {
			i = skipDigits(l.src, j)
		}
	}
	l.pos = i
	return Number
}

func skipDigits(s string, i int) int {
	for i < len(s) && class[s[i]]&isDigit != 0 {
		i++
	}
	return i
}

func byteAt(s string, i int) byte {
	if i < len(s) {
		return s[i]
	}
	return 0
}
