package sqllex

// Bits of class: what a byte may be part of.
const (
	isIdent    uint8 = 1 << iota // letters, digits, _, $, and every byte beyond ASCII
	isDigit                      // 0-9
	isHexDigit                   // 0-9 a-f A-F
	isBitDigit                   // 0 1
	isHost                       // what may follow @ unquoted: names and dots
	isBlank                      // what must follow -- to make it a comment: space or control
)

// What a token that starts with a byte is.
const (
	onOp uint8 = iota
	onSpace
	onWord
	onDigit
	onSingle
	onDouble
	onBacktick
	onHash
	onDot
	onAt
)

var (
	class = classTable()
	start = startTable()
)

func classTable() (t [256]uint8) {
	for i := range t {
		c := byte(i)
		digit := '0' <= c && c <= '9'
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if digit || letter || c == '_' || c == '$' || c >= 0x80 {
			t[i] |= isIdent | isHost
		}
		if digit {
			t[i] |= isDigit
		}
		if digit || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F' {
			t[i] |= isHexDigit
		}
		if c == '0' || c == '1' {
			t[i] |= isBitDigit
		}
		if c == '.' {
			t[i] |= isHost
		}
		if c <= ' ' || c == 0x7f {
			t[i] |= isBlank
		}
	}
	return t
}

func startTable() (t [256]uint8) {
	for i := range t {
		switch c := byte(i); {
		case c == ' ' || '\t' <= c && c <= '\r':
			t[i] = onSpace
		case class[i]&isDigit != 0:
			t[i] = onDigit
		case class[i]&isIdent != 0:
			t[i] = onWord
		}
	}
	t['\''], t['"'], t['`'] = onSingle, onDouble, onBacktick
	t['#'], t['.'], t['@'] = onHash, onDot, onAt
	return t
}

func identEnd(s string, i int) int {
	for i < len(s) && class[s[i]]&isIdent != 0 {
		i++
	}
	return i
}

// isCharset tells the character sets that may introduce a string, in 5.7 or
// later: _latin1'x' is one string, while _x is a name.
func isCharset(name string) bool {
	if len(name) < 3 || len(name) > 8 {
		return false
	}
	var buf [8]byte
	for i := 0; i < len(name); i++ {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		buf[i] = c
	}
	switch string(buf[:len(name)]) {
	case "armscii8", "ascii", "big5", "binary", "cp1250", "cp1251", "cp1256", "cp1257",
		"cp850", "cp852", "cp866", "cp932", "dec8", "eucjpms", "euckr", "gb18030", "gb2312",
		"gbk", "geostd8", "greek", "hebrew", "hp8", "keybcs2", "koi8r", "koi8u", "latin1",
		"latin2", "latin5", "latin7", "macce", "macroman", "sjis", "swe7", "tis620", "ucs2",
		"ujis", "utf16", "utf16le", "utf32", "utf8", "utf8mb3", "utf8mb4":
		return true
	}
	return false
}
