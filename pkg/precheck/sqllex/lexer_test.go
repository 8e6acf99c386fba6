package sqllex

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var kindNames = map[Kind]string{
	Space: "space", Comment: "comment", Hint: "hint", CodeOpen: "open", CodeClose: "close",
	Word: "word", DotWord: "member", Quoted: "quoted", String: "string", Introducer: "introducer",
	Number: "number", Hex: "hex", Bit: "bit", UserVar: "uservar", SysVar: "sysvar", Null: "null",
	Op: "op", OpenString: "open-string", OpenQuoted: "open-quoted", OpenComment: "open-comment",
}

// lexed writes the tokens of src, space left out, as kind:text.
func lexed(src string, mode Mode, version int) []string {
	var out []string
	l := New(src, mode, version)
	for {
		t, ok := l.Next()
		if !ok {
			return out
		}
		if t.Kind != Space {
			out = append(out, kindNames[t.Kind]+":"+t.Text(src))
		}
	}
}

func TestTokens(t *testing.T) {
	const v57, v80 = 50730, 80046
	tests := []struct {
		name    string
		src     string
		mode    Mode
		version int
		want    string // joined by a blank, space tokens left out
	}{
		{"words and operators", "SELECT a+b FROM t;", 0, v80, "word:SELECT word:a op:+ word:b word:FROM word:t op:;"},
		{"string with doubled quote", "'it''s'", 0, v80, "string:'it''s'"},
		{"string with backslash", `'it\'s' x`, 0, v80, `string:'it\'s' word:x`},
		{"backslash is plain", `'a\' x`, NoBackslashEscapes, v80, `string:'a\' word:x`},
		{"backslash at the end", `'a\`, 0, v80, `open-string:'a\`},
		{"double quotes are a string", `"a\"b"`, 0, v80, `string:"a\"b"`},
		{"double quotes are a name", `"a""b" "a\"`, ANSIQuotes, v80, `quoted:"a""b" quoted:"a\"`},
		{"apostrophe in the other quotes", `"it's" 'say "x"'`, 0, v80, `string:"it's" string:'say "x"'`},
		{"backtick name", "`a``b`.`rank`", 0, v80, "quoted:`a``b` op:. quoted:`rank`"},
		{"backslash in a backtick name", "`a\\`", 0, v80, "quoted:`a\\`"},
		{"dot makes a name", "t.rank .rank t . rank", 0, v80, "member:t op:. member:rank op:. member:rank word:t op:. word:rank"},
		{"a word before a dot is a name too", "SELECT.DESC rank. x FROM`t`", 0, v80, "member:SELECT op:. member:DESC word:rank op:. word:x word:FROM quoted:`t`"},
		{"digits after a name's dot", "t.5 t.1e5 `t`.5", 0, v80, "member:t op:. member:5 member:t op:. member:1e5 quoted:`t` number:.5"},
		{"numbers", "1 1.5 .5 1. 1e5 1.e5 1E+5 1e-5 1.5e3", 0, v80,
			"number:1 number:1.5 number:.5 number:1. number:1e5 number:1.e5 number:1E+5 number:1e-5 number:1.5e3"},
		{"names that start with digits", "1a 1e 2e+a 0xg 0X1F 0b2 0x", 0, v80,
			"word:1a word:1e word:2e op:+ word:a word:0xg word:0X1F word:0b2 word:0x"},
		{"hex and bit", "0x1F x'0f' X'0F' b'01' B'1' 0b01", 0, v80, "hex:0x1F hex:x'0f' hex:X'0F' bit:b'01' bit:B'1' bit:0b01"},
		{"dollar", "$a a$b $", 0, v80, "word:$a word:a$b word:$"},
		{"utf-8 names", "größe 名前 x\u00a0y", 0, v80, "word:größe word:名前 word:x\u00a0y"},
		{"introducers", "_utf8'a' _utf8mb4 'b' _latin1\"c\" _x'a' _binary 'd' N'e' n'f'", 0, v80,
			`introducer:_utf8 string:'a' introducer:_utf8mb4 string:'b' introducer:_latin1 string:"c" word:_x string:'a' introducer:_binary string:'d' string:N'e' string:n'f'`},
		{"name before a string", "an'x' rex'0f'", 0, v80, "word:an string:'x' word:rex string:'0f'"},
		{"user variables", "@x @x.y @`a b` @'c' @\"d\" @", 0, v80, "uservar:@x uservar:@x.y uservar:@`a b` uservar:@'c' uservar:@\"d\" uservar:@"},
		{"system variables", "@@x @@global.rank @@`y`", 0, v80, "sysvar:@@x sysvar:@@global op:. member:rank sysvar:@@`y`"},
		{"account", "root@localhost 'a'@'%' `b`@`10.%`", 0, v80, "word:root uservar:@localhost string:'a' uservar:@'%' quoted:`b` uservar:@`10.%`"},
		{"dash comment", "a -- b\nc", 0, v80, "word:a comment:-- b\n word:c"},
		{"dash comment needs space", "1--1", 0, v80, "number:1 op:- op:- number:1"},
		{"dash comment before control", "a --\tb\nc --\nd --", 0, v80, "word:a comment:--\tb\n word:c comment:--\n word:d comment:--"},
		{"hash comment", "a#b\nc", 0, v80, "word:a comment:#b\n word:c"},
		{"block comment", "a/* ' ` -- */b/**/c/*/d*/", 0, v80, "word:a comment:/* ' ` -- */ word:b comment:/**/ word:c comment:/*/d*/"},
		{"quote in a comment", "-- it's\na", 0, v80, "comment:-- it's\n word:a"},
		{"comment in a string", "'-- /* #' a", 0, v80, "string:'-- /* #' word:a"},
		{"version comment is code", "a /*!50700 b */ c", 0, v57, "word:a open:/*!50700 word:b close:*/ word:c"},
		{"version comment without version", "/*! b */", 0, v57, "open:/*! word:b close:*/"},
		{"version comment for a newer server", "a /*!80000 b /* x */ c */ d", 0, v57, "word:a comment:/*!80000 b /* x */ c */ word:d"},
		{"version comment reached", "a /*!80000 b */", 0, v80, "word:a open:/*!80000 word:b close:*/"},
		{"six digits", "/*!080046 a */ /*!080099 b */ /*!100100 c */", 0, v80, "open:/*!080046 word:a close:*/ comment:/*!080099 b */ comment:/*!100100 c */"},
		{"comment inside a version comment", "/*!50000 a /* b */ c */ d", 0, v57, "open:/*!50000 word:a comment:/* b */ word:c close:*/ word:d"},
		{"string inside a version comment", "/*!50000 '*/' */", 0, v57, "open:/*!50000 string:'*/' close:*/"},
		{"star slash outside", "a */ b", 0, v80, "word:a op:* op:/ word:b"},
		{"hint", "SELECT /*+ MAX_EXECUTION_TIME(1) */ 1", 0, v80, "word:SELECT hint:/*+ MAX_EXECUTION_TIME(1) */ number:1"},
		{"null escape", `SELECT \N`, 0, v57, `word:SELECT null:\N`},
		{"operators", "a<=>b <> != >= <= << >> := && || -> ->> !", 0, v80,
			"word:a op:<=> word:b op:<> op:!= op:>= op:<= op:<< op:>> op::= op:&& op:|| op:-> op:->> op:!"},
		{"open string", "a 'b", 0, v80, "word:a open-string:'b"},
		{"open name", "a `b", 0, v80, "word:a open-quoted:`b"},
		{"open comment", "a /* b", 0, v80, "word:a open-comment:/* b"},
		{"open hex", "x'0", 0, v80, "open-string:x'0"},
		{"open variables", "@'a", 0, v80, "open-string:@'a"},
		{"parameter and control", "? \x00 \x01", 0, v80, "op:? op:\x00 op:\x01"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := strings.Join(lexed(tt.src, tt.mode, tt.version), " ")
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("lexing %q (-want +got):\n%s", tt.src, diff)
			}
		})
	}
}

func TestUnclosed(t *testing.T) {
	for src, want := range map[string]bool{
		"SELECT 1": false, "'a": true, "`a": true, "/* a": true, "/*!50000 a": true, "/*!50000 a */": false, "-- a": false,
	} {
		if _, got := Append(nil, src, 0, 80000); got != want {
			t.Errorf("Append(%q): unclosed %v, want %v", src, got, want)
		}
	}
}

func TestParseMode(t *testing.T) {
	for s, want := range map[string]Mode{
		"": 0, "STRICT_TRANS_TABLES,NO_ZERO_DATE": 0,
		"STRICT_TRANS_TABLES,ANSI_QUOTES":   ANSIQuotes,
		"no_backslash_escapes,IGNORE_SPACE": NoBackslashEscapes | IgnoreSpace,
		"ORACLE":                            ANSIQuotes | IgnoreSpace,
		"XANSI_QUOTES,":                     0,
	} {
		if got := ParseMode(s); got != want {
			t.Errorf("ParseMode(%q) = %v, want %v", s, got, want)
		}
	}
}

func TestValues(t *testing.T) {
	tests := []struct {
		src  string
		mode Mode
		want string
	}{
		{"`a``b`", 0, "a`b"},
		{`"a""b"`, ANSIQuotes, `a"b`},
		{`plain`, 0, "plain"},
		{`'it''s'`, 0, "it's"},
		{`'a\'b\\c\nd\%'`, 0, "a'b\\c\nd\\%"},
		{`'a\n'`, NoBackslashEscapes, `a\n`},
		{`N'x'`, 0, "x"},
	}
	for _, tt := range tests {
		l := New(tt.src, tt.mode, 80000)
		tok, _ := l.Next()
		got := Ident(tok, tt.src)
		if tok.Kind == String {
			got = StringValue(tok, tt.src, tt.mode)
		}
		if got != tt.want {
			t.Errorf("value of %s = %q, want %q", tt.src, got, tt.want)
		}
	}
}

// FuzzLexer asserts what every rule relies on: no panic, progress, and tokens
// that cover the text exactly.
func FuzzLexer(f *testing.F) {
	for _, s := range []string{
		"SELECT 'a\\'b', \"x\", `y``z` FROM t.1a /*!50700 x */ -- c\n#d\n/*+ h */ /*!99999 /* */ */",
		"@@global.x @`a` @'b' _utf8'x' N'y' x'0f' 0xg 1e+ 1.e5 .5 \\N <=> ->>", "'", "`", "/*", "/*!", "@", "@@", "0x", "x'", "1.", "--", "\x00\xff",
	} {
		f.Add(s, uint8(0), 80046)
		f.Add(s, uint8(7), 50730)
	}
	f.Fuzz(func(t *testing.T, src string, mode uint8, version int) {
		l := New(src, Mode(mode), version)
		var end int32
		for {
			tok, ok := l.Next()
			if !ok {
				break
			}
			if tok.Start != end || tok.End <= tok.Start {
				t.Fatalf("token %v after offset %d in %q", tok, end, src)
			}
			if tok.Kind.Broken() && int(tok.End) != len(src) {
				t.Fatalf("broken token %v does not reach the end of %q", tok, src)
			}
			end = tok.End
			Ident(tok, src)
			if tok.Kind == String {
				StringValue(tok, src, Mode(mode))
			}
		}
		if int(end) != len(src) {
			t.Fatalf("tokens end at %d of %d in %q", end, len(src), src)
		}
	})
}

// benchText is what bodies look like: keywords, names, strings, comments.
func benchText(size int) string {
	var b strings.Builder
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "  -- step %d: move the customer's open orders\n", i)
		fmt.Fprintf(&b, "  UPDATE `orders` o JOIN customers AS c ON c.id = o.customer_id /* all of them */\n")
		fmt.Fprintf(&b, "     SET o.status = 'it\\'s moved', o.total = o.total * 1.%d + 0x1F, o.note = CONCAT(o.note, \"%d\")\n", i, i)
		fmt.Fprintf(&b, "   WHERE c.region_code IN ('EU','US') AND o.created_at >= DATE_SUB(NOW(), INTERVAL %d DAY);\n", i)
		fmt.Fprintf(&b, "  IF ROW_COUNT() > 0 THEN SET @moved := @moved + 1; END IF;\n")
	}
	return b.String()
}

func BenchmarkLexer(b *testing.B) {
	src := benchText(1 << 20)
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		l := New(src, 0, 80046)
		for {
			if _, ok := l.Next(); !ok {
				break
			}
		}
	}
}

func TestLexerDoesNotAllocate(t *testing.T) {
	src := benchText(1 << 14)
	if n := testing.AllocsPerRun(10, func() {
		l := New(src, 0, 80046)
		for {
			if _, ok := l.Next(); !ok {
				break
			}
		}
	}); n != 0 {
		t.Errorf("lexing allocates %v times", n)
	}
}
