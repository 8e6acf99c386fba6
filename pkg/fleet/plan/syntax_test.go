package plan

import (
	"strings"
	"testing"
)

// TestSyntax: what is no YAML, or no one document, has a place too.
func TestSyntax(t *testing.T) {
	cases := []struct {
		name, data string
		want       []string
	}{
		{"empty", "", []string{"1:1 empty-file"}},
		{"only a comment", "# nothing\n\n", []string{"1:1 empty-file"}},
		{"only a marker", "---\n", []string{"2:1 empty-value"}},
		{"null", "~\n", []string{"1:1 empty-value the plan is empty"}},
		{"list", "- version: 1\n", []string{"1:1 wrong-type the plan is a list: want a mapping"}},
		{"scalar", "version 1\n", []string{`1:1 wrong-type the plan is the text "version 1"`}},
		{"tab before a key", small + "run:\n\tpoll: 3s\n", []string{"8:1 tab a tab in the indentation: YAML is indented by spaces only"}},
		{"tab after spaces", small + "run:\n  \tpoll: 3s\n", []string{"8:3 tab"}},
		{"tab at the very beginning", "\tversion: 1\n", []string{"1:1 tab"}},
		{"list not closed", strings.Replace(small, "[eu-west-1]", "[eu-west-1", 1), []string{"4:11 bad-yaml a list is opened with [ and not closed"}},
		{"quote not closed", "version: 1\nname: \"x\ndeadline: 2027-01-31\n", []string{"2:7 bad-yaml a quote is opened and not closed"}},
		{"single quote not closed after an apostrophe", "version: 1\n# don't\nname: 'x\n", []string{"3:7 bad-yaml a quote"}},
		{"colon in a text", "version: 1\nname: a: b\n", []string{"2:8 bad-yaml a text with a colon and a space needs quotes"}},
		{"list below a mapping", "version: 1\n- x\n", []string{"2:1 bad-yaml check the indentation of this line"}},
		{"wrong indentation", "waves:\n  - name: a\n    soak: 3h\n   approval: auto\n", []string{"4:4 bad-yaml check the indentation of this line"}},
		{"unknown alias", "version: 1\nname: *x\n", []string{"2:7 bad-yaml alias *x has no anchor before it"}},
		{"percent", "version: %1\n", []string{"1:10 bad-yaml a text that begins with this character needs quotes"}},
		{"at sign", "version: 1\nname: @x\n", []string{"2:7 bad-yaml a text that begins"}},
		{"escape", "name: \"a\\q\"\n", []string{"1:9 bad-yaml found unknown escape character"}},
		{"control character", "version: 1\nname: a\x1b[2J\n", []string{"2:8 bad-encoding control character 0x1b"}},
		{"not UTF-8", "version: 1\nname: ü\xff\n", []string{"2:8 bad-encoding byte 0xff is not UTF-8"}},
		{"UTF-16", "\xff\xfev\x00", []string{"1:1 bad-encoding the file is UTF-16"}},
		{"two documents", small + "---\n" + small, []string{"7:1 several-documents"}},
		{"second document broken", small + "---\n[\n", []string{"8:1 bad-yaml"}},
		{"too large", "# " + strings.Repeat("x", MaxSize), []string{"1:1 too-large"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p, problems := decode(c.data)
			if p != nil {
				t.Error("a plan is returned")
			}
			compareProblems(t, c.want, problems)
		})
	}
}

func TestByteOrderMarkAndLineEndings(t *testing.T) {
	for _, data := range []string{"\ufeff" + small, strings.ReplaceAll(small, "\n", "\r\n"), "---\n" + small + "...\n"} {
		if _, problems := decode(data); problems != nil {
			t.Errorf("%.20q: %v", data, problems)
		}
	}
}

// FuzzDecode: nothing panics, and no problem is without a place in the file.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte("a: &x [*x]\n<<: *x\n? [b]\n: !!binary x\n"))
	f.Add([]byte("waves:\n- &w {name: a, select: {ids: [x]}, error_budget: 3%}\n- *w\n"))
	f.Add([]byte("target: {storage: {iops: keep}, instance_class: {db.m5.large: [}}\n\tx: \"\n"))
	f.Add([]byte("switchover: {windows: [{days: [mon], from: 22:00, to: 24:00}], blackout: [2026-12-24..]}\nconnection: {password: x}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, problems := decode(string(data))
		if (p == nil) != (problems.Err() != nil) {
			t.Fatalf("plan %v with problems %v", p, problems)
		}
		lines := strings.Count(string(data), "\n") + strings.Count(string(data), "\r") + strings.Count(string(data), "\u0085") +
			strings.Count(string(data), "\u2028") + strings.Count(string(data), "\u2029") + 1
		for _, pr := range problems {
			if pr.Line < 1 || pr.Column < 1 || pr.Line > lines+1 || pr.Code == "" || pr.What == "" {
				t.Errorf("problem without a place or words: %+v", pr)
			}
			if strings.ContainsAny(pr.What+pr.Want, "\n\r\x1b") {
				t.Errorf("message with control characters: %q", pr.What+pr.Want)
			}
			Snippet(data, pr)
		}
		if p == nil {
			return
		}
		if _, ps := Assign(p, []Item{{ID: "a", Account: "111122223333", Region: "eu-west-1", Engine: "mysql", EngineVersion: "5.7.44"}}); ps != nil {
			_ = ps.Error()
		}
		p.Switchover.NextOpen(testNow)
		p.Switchover.Closes(testNow)
	})
}
