package precheck

import (
	"strings"
	"testing"
	"time"
)

// TestFixScript: names cannot leave their comment or their quotes.
func TestFixScript(t *testing.T) {
	c := stock57(t)
	hostile := []string{
		"plain", "with`tick", "new\nline; DROP TABLE x;", "*/ DROP TABLE x; /*", "tail\\", "; DROP TABLE x; -- ", "\x1b[31mred", "'; DROP", "right\u202eleft", "a.b",
	}
	for _, n := range hostile {
		add(c, "shop", n, "id int").Engine = "MyISAM"
	}
	c.Tables[1].Rows, c.Tables[1].DataBytes = 12345, 3<<20
	rep := Judge(c, []Hop{hop80}, Policy{}, JudgeOptions{ID: "db\n1", Only: []string{"nonInnodbEngine"}})
	script := FixScript(rep, c)
	for line := range strings.Lines(script) {
		line = strings.TrimSuffix(line, "\n")
		if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == '\u202e' }) {
			t.Errorf("a line holds a control character: %q", line)
		}
		if !strings.HasPrefix(line, "-- ") && line != "" && strings.Contains(line, "\\") {
			t.Errorf("a statement holds a backslash: %q", line)
		}
		if rest, ok := strings.CutPrefix(line, "ALTER TABLE `shop`.`"); ok && !strings.HasSuffix(rest, "` ENGINE=InnoDB;") {
			t.Errorf("the statement ends elsewhere: %q", line)
		}
		if strings.HasPrefix(line, "DROP") {
			t.Errorf("a name became a statement: %q", line)
		}
	}
	for _, want := range []string{"-- [warning] nonInnodbEngine: shop.plain\n", "about 12345 rows, 3.0 MiB data", "ALTER TABLE `shop`.`with``tick` ENGINE=InnoDB;\n",
		"PREPARE fix FROM @statement;", "rebuilds the table", "lock_wait_timeout"} {
		if !strings.Contains(script, want) {
			t.Errorf("the script lacks %q:\n%s", want, script)
		}
	}
	if n := strings.Count(script, "PREPARE fix FROM"); n != 4 {
		t.Errorf("%d statements are in hexadecimal, want 4", n)
	}
}

func TestFixScriptLeavesOut(t *testing.T) {
	c := stock57(t)
	add(c, "shop", "m", "a int").Engine = "MyISAM"
	add(c, "shop", "u", "id int", "a varchar(5)", "b varchar(5)")
	c.column(t, "shop", "u", "a").CharacterSet = "utf8"
	c.column(t, "shop", "u", "b").CharacterSet = "utf8"
	now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	policy := Policy{Now: now, Waivers: []Waiver{{Check: "nonInnodbEngine", Owner: "ann", Expires: now.Add(time.Hour)}}}
	script := FixScript(Judge(c, []Hop{hop80}, policy, JudgeOptions{}), c)
	if strings.Contains(script, "ENGINE=InnoDB") {
		t.Error("a waived finding is mended")
	}
	if n := strings.Count(script, "CONVERT TO CHARACTER SET utf8mb4;"); n != 1 || !strings.Contains(script, "1 further findings") {
		t.Errorf("the conversion stands %d times:\n%s", n, script)
	}
	if s := FixScript(Judge(stock57(t), []Hop{hop80}, Policy{}, JudgeOptions{}), stock57(t)); s != "" {
		t.Errorf("a clean server gets a script:\n%s", s)
	}
}
