package precheck

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rdsupgrade/rdsupgrade/pkg/precheck/sqllex"
)

func TestParseDSN(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		dsn, password string
		want          Target
		pass          string
	}{
		{"app@tcp(db.example.com:3306)/", "", Target{Address: "db.example.com:3306", User: "app", TLS: TLSPreferred}, ""},
		{"app@tcp(db.example.com)/", "secret", Target{Address: "db.example.com:3306", User: "app", TLS: TLSPreferred}, "secret"},
		{"app:inside@tcp([::1]:3307)/?tls=true", "", Target{Address: "[::1]:3307", User: "app", TLS: TLSVerify}, "inside"},
		{"app:inside@tcp(h:1)/?tls=skip-verify&timeout=3s", "beside", Target{Address: "h:1", User: "app", TLS: TLSRequired, ConnectTimeout: 3 * time.Second}, "beside"},
		{"app@tcp(h:1)/?tls=false", "", Target{Address: "h:1", User: "app", TLS: TLSDisabled}, ""},
		{"app@tcp(h:1)/?tls=preferred&allowCleartextPasswords=true", "", Target{Address: "h:1", User: "app", TLS: TLSPreferred, Cleartext: true}, ""},
	} {
		got, err := ParseDSN(tc.dsn, tc.password)
		if err != nil {
			t.Errorf("%s: %v", tc.dsn, err)
			continue
		}
		pass := ""
		if got.Password != nil {
			pass, _ = got.Password(t.Context())
		}
		got.Password = nil
		if d := cmp.Diff(tc.want, got); d != "" || pass != tc.pass {
			t.Errorf("%s: password %q, (-want +got):\n%s", tc.dsn, pass, d)
		}
	}
}

func TestParseDSNRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ dsn, says string }{
		{"app:hunter2@tcp(h:3306)", "slash"},
		{"mysql://app:hunter2@h:3306/", "URL"},
		{"app:hunter2@tcp h:3306/", "parentheses"},
		{"app:hunter2@unix(/tmp/s.sock)/", "only tcp"},
		{"tcp(h:3306)/", "no user"},
		{"app:hunter2@tcp(h:3306)/?sql_mode=ANSI", "sql_mode"},
		{"app:hunter2@tcp(h:3306)/?tls=perhaps", "tls"},
		{"", "no user"},
	} {
		_, err := ParseDSN(tc.dsn, "")
		var c *ConnectError
		if !errors.As(err, &c) || c.Code != CodeBadDSN {
			t.Errorf("%q: %v", tc.dsn, err)
			continue
		}
		if line := err.Error(); !strings.Contains(line, tc.says) || strings.Contains(line, "hunter2") || strings.Contains(line, "\n") {
			t.Errorf("%q: says %q, want something of %q", tc.dsn, line, tc.says)
		}
	}
}

func TestTargetHidesItsPassword(t *testing.T) {
	t.Parallel()
	x := Target{Address: "h:1", User: "app", Password: StaticPassword("hunter2")}
	for _, s := range []string{fmt.Sprint(x), fmt.Sprintf("%v %+v %#v %s", x, x, x, x)} {
		if strings.Contains(s, "hunter2") || !strings.Contains(s, "app@h:1") {
			t.Errorf("printed as %q", s)
		}
	}
}

func TestParseGrants(t *testing.T) {
	t.Parallel()
	g := parseGrants([]string{
		"GRANT SELECT, PROCESS ON *.* TO 'a'@'%' WITH GRANT OPTION",
		"GRANT TRIGGER ON `app\\_%`.* TO 'a'@'%'",
		"GRANT ALL PRIVILEGES ON `we``ird`.* TO 'a'@'%'",
		"GRANT EVENT ON `one`.`table` TO 'a'@'%'",
		"GRANT `role`@`%` TO 'a'@'%'",
		"GRANT SHOW_ROUTINE,XA_RECOVER_ADMIN ON *.* TO `a`@`%`",
		"REVOKE PROCESS ON `mysql`.* FROM `a`@`%`",
	})
	for priv, want := range map[string]bool{"SELECT": true, "PROCESS": false, "TRIGGER": false, "SHOW_ROUTINE": true, "XA_RECOVER_ADMIN": true} {
		if g.everywhere(priv) != want {
			t.Errorf("%s everywhere: %v", priv, !want)
		}
	}
	for schema, want := range map[string]bool{"app_shop": true, "appXshop": false, "we`ird": true, "one": false} {
		if g.covers("TRIGGER", []Schema{{Name: schema}}) != want {
			t.Errorf("TRIGGER on %s: %v", schema, !want)
		}
	}
	if parseGrants(nil).read || parseGrants(nil).covers("SELECT", nil) {
		t.Error("no grants at all count as something")
	}
	if !parseGrants([]string{"GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION"}).covers("EVENT", nil) {
		t.Error("ALL PRIVILEGES does not cover EVENT")
	}
}

func TestWithoutLiterals(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		in, want string
		cut      bool
	}{
		{"SELECT  a,\n b FROM `t 1` WHERE x = 'it''s' AND y=12.5e3", "SELECT a, b FROM `t 1` WHERE x = ? AND y=?", false},
		{`SELECT "secret", _utf8mb4'x', N'y', x'ff', 0xff, b'01', -1, \N FROM t1`, `SELECT ?, _utf8mb4?, ?, ?, ?, ?, -?, \N FROM t1`, false},
		{"SELECT 1 -- secret\n, 2 # secret\n, 3 /* secret */", "SELECT ? , ? , ?", false},
		{"/*!40001 SELECT SQL_NO_CACHE */ 'x'", "/*!40001 SELECT SQL_NO_CACHE */ ?", false},
		{"SELECT /*+ NO_INDEX(t) */ rank FROM t", "SELECT /*+ NO_INDEX(t) */ rank FROM t", false},
		{"INSERT INTO t VALUES ('cut here", "INSERT INTO t VALUES (", true},
		{"SELECT 'a\\'secret' FROM t", "SELECT ? FROM t", false},
		{"SET PASSWORD FOR 'bob'@'10.0.0.1' = 'x', @a = 5", "SET PASSWORD FOR ?@? = ?, @a = ?", false},
		{"SET @@session.sql_mode = 'ORACLE,NO_AUTO_CREATE_USER', `sql_mode`:=\"a\", x = 'y'", "SET @@session.sql_mode = 'ORACLE,NO_AUTO_CREATE_USER', `sql_mode`:=\"a\", x = ?", false},
		{"SELECT sql_mode, 'a' WHERE sql_mode = 'it''s' OR sql_mode LIKE 'a'", "SELECT sql_mode, ? WHERE sql_mode = ? OR sql_mode LIKE ?", false},
		{"", "", false},
	} {
		if got, cut := withoutLiterals(tc.in, "", 0); got != tc.want || cut != tc.cut {
			t.Errorf("%q\n got %q, cut %v\nwant %q, cut %v", tc.in, got, cut, tc.want, tc.cut)
		}
	}
}

func FuzzWithoutLiterals(f *testing.F) {
	f.Add("SELECT ", " FROM t")
	f.Add("SELECT x'00', ", "/* c */")
	f.Add("/*! ", " */")
	f.Add("a.", "@x")
	f.Fuzz(func(t *testing.T, before, after string) {
		// Whatever stands around it, a string that the lexer sees as one is gone.
		const secret = "zqxsecretzqx"
		text := before + " '" + secret + "' " + after
		if strings.Contains(before+after, secret) {
			return
		}
		inString := false
		lex := sqllex.New(text, 0, 50744)
		for {
			tok, ok := lex.Next()
			if !ok {
				break
			}
			if tok.Kind == sqllex.String && strings.Contains(tok.Text(text), secret) {
				inString = true
			}
		}
		if got, _ := withoutLiterals(text, "", 0); inString && strings.Contains(got, secret) {
			t.Errorf("%q became %q", text, got)
		}
	})
}

func TestSplitCreate(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name                  string
		kind                  ProgramKind
		create                string
		body, params, returns string
	}{
		{"procedure", KindProcedure, "CREATE DEFINER=`a`@`%` PROCEDURE `p`(a INT, b ENUM('x)','y'))\n    NO SQL\n    SQL SECURITY INVOKER\n    COMMENT 'one\n    two'\nBEGIN\n  SELECT 1;\nEND",
			"BEGIN\n  SELECT 1;\nEND", "a INT, b ENUM('x)','y')", ""},
		{"no characteristics", KindProcedure, "CREATE DEFINER=`a`@`%` PROCEDURE `procedure (x`()\nSELECT 1", "SELECT 1", "", ""},
		{"body that begins with a comment", KindProcedure, "CREATE DEFINER=`a`@`%` PROCEDURE `p`()\n-- why\nSELECT 1", "-- why\nSELECT 1", "", ""},
		{"body that begins with blanks", KindProcedure, "CREATE DEFINER=`a`@`%` PROCEDURE `p`()\n    READS SQL DATA\n    SELECT 1", "    SELECT 1", "", ""},
		{"function", KindFunction, "CREATE DEFINER=`a`@`%` FUNCTION `f`(x INT) RETURNS enum('a','b') CHARSET utf8\n    DETERMINISTIC\nRETURN 'a'", "RETURN 'a'", "x INT", "enum('a','b') CHARSET utf8"},
		{"function without characteristics", KindFunction, "CREATE DEFINER=`a`@`%` FUNCTION `f`() RETURNS int(11)\nRETURN 1", "RETURN 1", "", "int(11)"},
		{"trigger", KindTrigger, "CREATE DEFINER=`a`@`%` trigger `for` before insert on `each` for each row\n set new.x = 'for each row'", "set new.x = 'for each row'", "", ""},
		{"ordered trigger", KindTrigger, "CREATE DEFINER=`a`@`%` TRIGGER t BEFORE INSERT ON x FOR EACH ROW FOLLOWS `o` SET @a = 1", "SET @a = 1", "", ""},
		{"event", KindEvent, "CREATE DEFINER=`a`@`%` EVENT `do` ON SCHEDULE EVERY 1 DAY STARTS '2026-01-01 00:00:00' ON COMPLETION PRESERVE DISABLE COMMENT 'do it' DO BEGIN DO 1; END", "BEGIN DO 1; END", "", ""},
	} {
		body, params, returns, ok := splitCreate(tc.kind, tc.create, 0, 50744)
		if !ok || body != tc.body || params != tc.params || returns != tc.returns {
			t.Errorf("%s: ok %v\nbody %q\nparams %q\nreturns %q", tc.name, ok, body, params, returns)
		}
	}
	for _, kind := range []ProgramKind{KindProcedure, KindFunction, KindTrigger, KindEvent, KindView} {
		if _, _, _, ok := splitCreate(kind, "CREATE nothing of the kind", 0, 50744); ok {
			t.Errorf("%s: nonsense was accepted", kind)
		}
	}
}

func TestScopes(t *testing.T) {
	t.Parallel()
	r := &reader{opts: ReadOptions{Connections: 2}}
	if got := r.makeScopes(); got != nil {
		t.Errorf("no tables: %+v", got)
	}
	fill := func(schema string, n int) {
		for i := range n {
			r.names = append(r.names, tableName{schema, fmt.Sprintf("t'%04d", i)})
		}
	}
	fill("a'b", 3)
	if got := r.makeScopes(); len(got) != 1 || got[0].where != "TABLE_SCHEMA IN ('a''b')" || got[0].tag("x") != "x" {
		t.Errorf("small server: %+v", got)
	}
	r.names = nil
	fill("big", 2500)
	fill("c", 10)
	fill("d", 20)
	var got []string
	for _, s := range r.makeScopes() {
		got = append(got, s.tag("x")+": "+s.where)
	}
	want := []string{
		"x: TABLE_SCHEMA = 'big' AND TABLE_NAME < 't''1000'",
		"x.2: TABLE_SCHEMA = 'big' AND TABLE_NAME >= 't''1000' AND TABLE_NAME < 't''2000'",
		"x.3: TABLE_SCHEMA = 'big' AND TABLE_NAME >= 't''2000'",
		"x.4: TABLE_SCHEMA IN ('c', 'd')",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("scopes (-want +got):\n%s", d)
	}
}

func TestInList(t *testing.T) {
	t.Parallel()
	got := inList([]tableName{{"a", "x"}, {"a", "y'"}, {"b", "z"}})
	want := "(TABLE_SCHEMA = 'a' AND TABLE_NAME IN ('x', 'y''')) OR (TABLE_SCHEMA = 'b' AND TABLE_NAME IN ('z'))"
	if got != want {
		t.Errorf("got %s", got)
	}
}

func TestRedact(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, value, want string }{
		{"init_connect", "SET NAMES utf8; SET @p = 'x'", "SET NAMES utf8; SET @p = ?"},
		{"keyring_secret", "abc", "***"},
		{"authentication_ldap_simple_bind_root_pwd", "hunter2", "***"},
		{"report_password", "hunter2", "***"},
		{"validate_password_policy", "MEDIUM", "MEDIUM"},
		{"default_password_lifetime", "0", "0"},
		{"old_passwords", "0", "0"},
		{"sha256_password_private_key_path", "private_key.pem", "private_key.pem"},
		{"log_builtin_as_identified_by_password", "OFF", "OFF"},
		{"sql_mode", "ANSI", "ANSI"},
	} {
		if got := redact(tc.name, tc.value); got != tc.want {
			t.Errorf("%s = %q became %q, want %q", tc.name, tc.value, got, tc.want)
		}
	}
}

func TestDecodeText(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		in      string
		charset string
		want    string
		ok      bool
	}{
		{"plain", "koi8r", "plain", true},
		{"caf\xc3\xa9", "utf8mb4", "café", true},
		{"caf\xe9", "latin1", "café", true},
		{"caf\xe9", "utf8", "caf\uFFFD", false},
		{"caf\xe9", "cp850", "caf\uFFFD", false},
	} {
		if got, ok := decodeText([]byte(tc.in), tc.charset); got != tc.want || ok != tc.ok {
			t.Errorf("%q in %s: %q, %v", tc.in, tc.charset, got, ok)
		}
	}
}

func TestPlainErrors(t *testing.T) {
	t.Parallel()
	got := plain(errors.New("a\x1b[31m\nb\u009b" + strings.Repeat("x", 500)))
	if strings.ContainsAny(got, "\x1b\n\u009b") || len(got) > 320 {
		t.Errorf("%q", got)
	}
}

func TestSaveAndLoad(t *testing.T) {
	t.Parallel()
	def := "x"
	c := &Catalog{Format: CatalogFormat, ReadAt: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), Host: "h:3306",
		Sections: map[Section]SectionState{SectionTables: {Status: SectionRead}, SectionXA: {Status: SectionFailed, Code: 1227, Grant: "PROCESS"}},
		Columns:  []Column{{Schema: "s\n'\"<", Table: "\x1b", Name: "c", Default: &def}},
		Digests:  []Digest{{Text: "SELECT ?", LastSeen: time.Unix(1e9, 0).UTC()}},
	}
	name := filepath.Join(t.TempDir(), "catalog.gz")
	if err := SaveFile(name, c); err != nil {
		t.Fatal(err)
	}
	got, err := LoadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(c, got); d != "" {
		t.Errorf("loaded (-saved +loaded):\n%s", d)
	}
	if st, err := os.Stat(name); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		data []byte
	}{
		{"empty", nil},
		{"no gzip", []byte("{}")},
		{"cut short", whole[:len(whole)-6]},
		{"no format", packed(t, "{}")},
		{"newer format", packed(t, fmt.Sprintf(`{"format":%d}`, CatalogFormat+1))},
		{"no JSON", packed(t, "hello")},
		{"wrong types", packed(t, `{"format":1,"tables":7}`)},
	} {
		if _, err := Load(bytes.NewReader(tc.data)); !errors.Is(err, ErrCatalogFormat) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

func packed(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
