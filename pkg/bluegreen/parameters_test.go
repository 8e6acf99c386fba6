package bluegreen

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// families reads testdata/families.txt: family -> its parameters.
func families(t *testing.T) map[string][]Parameter {
	t.Helper()
	names := []string{"mysql5.7", "mysql8.0", "mysql8.4", "mysql9.7"}
	out := map[string][]Parameter{}
	for line := range strings.Lines(sourceOf(t, filepath.Join("testdata", "families.txt"))) {
		f := strings.Split(strings.TrimSpace(line), "|")
		if strings.HasPrefix(line, "#") || len(f) != 5+len(names) {
			continue
		}
		for i, family := range names {
			v := f[5+i]
			if v == "-" {
				continue
			}
			p := Parameter{Name: f[0], ApplyType: f[1], DataType: f[2], Modifiable: f[3] == "y", AllowedValues: f[4], Source: "engine-default"}
			if set, ok := strings.CutPrefix(v, "!"); ok {
				p.Value, p.HasValue, p.Source = set, true, "system"
			}
			out[family] = append(out[family], p)
		}
	}
	return out
}

// readGroup reads a group of the tests: "# from mysql5.7 to mysql8.0 take way-back"
// and name=value lines.
func readGroup(t *testing.T, path string) (user []Parameter, from, to string, pol TranslatePolicy) {
	t.Helper()
	for line := range strings.Lines(sourceOf(t, path)) {
		line = strings.TrimSpace(line)
		if head, ok := strings.CutPrefix(line, "# from "); ok {
			words := strings.Fields(head)
			from, to = words[0], words[2]
			pol.WayBack = slices.Contains(words, "way-back")
			if slices.Contains(words, "take") {
				pol.Defaults = TakeDefaults
			}
		} else if name, value, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
			user = append(user, Parameter{Name: name, Value: value, HasValue: true, Source: "user"})
		}
	}
	if from == "" {
		t.Fatalf("%s has no head line", path)
	}
	return user, from, to, pol
}

// TestTranslateParameters translates the groups of testdata/parameters and
// compares with the .golden files beside them.
func TestTranslateParameters(t *testing.T) {
	fam := families(t)
	groups, err := filepath.Glob(filepath.Join("testdata", "parameters", "*.group"))
	if err != nil || len(groups) < 10 {
		t.Fatalf("%d groups, %v", len(groups), err)
	}
	for _, path := range groups {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".group"), func(t *testing.T) {
			user, from, to, pol := readGroup(t, path)
			tr, issues := TranslateParameters(user, fam[from], fam[to], from, to, pol)
			checkTranslation(t, user, tr, fam[to])
			golden(t, strings.TrimSuffix(path, ".group")+".golden", renderTranslation(tr, issues))
			slices.Reverse(user)
			again, _ := TranslateParameters(user, fam[from], fam[to], from, to, pol)
			if diff := cmp.Diff(tr, again); diff != "" {
				t.Errorf("the order of the input matters (-first +again):\n%s", diff)
			}
		})
	}
}

// checkTranslation holds what is true of every translation.
func checkTranslation(t *testing.T, user []Parameter, tr Translation, to []Parameter) {
	t.Helper()
	target := indexParameters(to)
	for _, p := range tr.Set {
		d, ok := target[normal(p.Name)]
		if !ok || !d.Modifiable {
			t.Errorf("sets %s, which the family does not let", p.Name)
		}
		if fit, _, ok := fitValue(d, p.Value); !ok || fit != p.Value {
			t.Errorf("sets %s=%s, allowed is %s", p.Name, p.Value, d.AllowedValues)
		}
		if want := map[string]string{"static": "pending-reboot", "dynamic": "immediate"}[d.ApplyType]; p.ApplyMethod != want {
			t.Errorf("%s is %s, apply method %s", p.Name, d.ApplyType, p.ApplyMethod)
		}
	}
	if v, _ := parameter(tr.Set, "event_scheduler"); v != "OFF" {
		t.Errorf("event_scheduler=%q on green", v)
	}
	// Every user-set parameter is accounted for: set under its name, or explained.
	explained := map[string]bool{}
	for _, notes := range [][]TranslationNote{tr.Renamed, tr.Dropped, tr.Changed, tr.Pinned} {
		for _, n := range notes {
			explained[normal(n.From)] = true
			if n.Reason == "" || n.Source == "" {
				t.Errorf("note without reason or source: %+v", n)
			}
		}
	}
	for _, p := range user {
		if v, set := parameter(tr.Set, normal(p.Name)); !explained[normal(p.Name)] && (!set || v != p.Value) {
			t.Errorf("%s=%s vanished silently", p.Name, p.Value)
		}
	}
}

func renderTranslation(tr Translation, issues []Issue) string {
	var b strings.Builder
	for _, p := range tr.Set {
		fmt.Fprintf(&b, "set      %s=%s (%s)\n", p.Name, p.Value, p.ApplyMethod)
	}
	for _, part := range []struct {
		name  string
		notes []TranslationNote
	}{{"renamed", tr.Renamed}, {"dropped", tr.Dropped}, {"changed", tr.Changed}, {"pinned", tr.Pinned}} {
		for _, n := range part.notes {
			fmt.Fprintf(&b, "%-8s %s=%s -> %s=%s: %s\n", part.name, n.From, n.Value, n.To, n.NewValue, n.Reason)
		}
	}
	for _, i := range issues {
		fmt.Fprintf(&b, "%-8s %s: %s [%s]\n", i.Severity, i.ID, i.Message, i.Evidence)
	}
	return b.String()
}

func TestTranslateUnknownFamily(t *testing.T) {
	_, issues := TranslateParameters(nil, nil, nil, "mysql5.7", "mysql8.0", TranslatePolicy{})
	if diff := cmp.Diff("block parameter-family-unknown", issueList(issues)); diff != "" {
		t.Error(diff)
	}
}

func TestTranslateIgnoresWhatTheUserDidNotSet(t *testing.T) {
	fam := families(t)
	whole := slices.Clone(fam["mysql5.7"])
	whole = append(whole, Parameter{Name: "sort_buffer_size", Value: "524288", HasValue: true, Source: "user"})
	got, _ := TranslateParameters(whole, fam["mysql5.7"], fam["mysql8.0"], "mysql5.7", "mysql8.0", TranslatePolicy{})
	if _, set := parameter(got.Set, "max_binlog_size"); set {
		t.Error("a system value was carried as if the user had set it")
	}
	if v, _ := parameter(got.Set, "sort_buffer_size"); v != "524288" {
		t.Errorf("sort_buffer_size=%q", v)
	}
}

func TestTranslateForReverseReplica(t *testing.T) {
	fam := families(t)
	user := []Parameter{{Name: "binlog_row_value_options", Value: "PARTIAL_JSON", HasValue: true, Source: "user"}}
	for _, way := range []bool{false, true} {
		got, _ := TranslateParameters(user, fam["mysql8.0"], fam["mysql8.4"], "mysql8.0", "mysql8.4", TranslatePolicy{WayBack: way})
		if _, set := parameter(got.Set, "binlog_row_value_options"); set == way {
			t.Errorf("way back %t: partial JSON carried %t", way, set)
		}
	}
}

// A target family that does not let special parameters be set blocks rather
// than leaving them to chance.
func TestTranslateUnsettable(t *testing.T) {
	fam := families(t)
	to := slices.Clone(fam["mysql8.0"])
	for i := range to {
		switch to[i].Name {
		case "event_scheduler", "lower_case_table_names", "collation_server":
			to[i].Modifiable = false
		}
	}
	user := []Parameter{{Name: "lower_case_table_names", Value: "1", HasValue: true, Source: "user"}}
	got, issues := TranslateParameters(user, fam["mysql5.7"], to, "mysql5.7", "mysql8.0", TranslatePolicy{})
	want := "block event-scheduler-not-settable, block lower-case-table-names-not-settable, note tls-protocols-lost, warn default-not-pinned"
	if diff := cmp.Diff(want, issueList(issues)); diff != "" {
		t.Errorf("issues (-want +got):\n%s", diff)
	}
	for _, p := range got.Set {
		if slices.Contains([]string{"event_scheduler", "lower_case_table_names", "collation_server"}, p.Name) {
			t.Errorf("sets %s, which cannot be modified", p.Name)
		}
	}
}

func TestFitValue(t *testing.T) {
	for _, tc := range []struct {
		allowed, value, want string
		ok                   bool
	}{
		{"", "anything", "anything", true},
		{"0,1", "1", "1", true}, {"0,1", "ON", "1", true}, {"0,1", "off", "0", true}, {"ON,OFF", "1", "ON", true}, {"0,1", "2", "", false},
		{"ROW,STATEMENT,MIXED", "row", "row", true}, {"ROW,STATEMENT", "MIXED", "", false},
		{"1-65535", "0", "1", true}, {"1-65535", "70000", "65535", true}, {"1-65535", "12", "12", true}, {"1-65535", "x", "", false},
		{"-1-1048576", "-1", "-1", true}, {"-1-1048576", "-2", "-1", true}, {"0-1,5-10", "7", "7", true}, {"0-18446744073709551615", "18446744073709551615", "18446744073709551615", true},
		{"1-100000", "{DBInstanceClassMemory/12582880}", "{DBInstanceClassMemory/12582880}", true},
		{"TLSv1.2,TLSv1.3", "TLSv1.1,TLSv1.2", "TLSv1.2", true}, {"utf8mb3,utf8mb4", "utf8", "utf8mb3", true},
		{"utf8mb3_general_ci", "utf8_general_ci", "utf8mb3_general_ci", true}, {"TABLE,FILE,NONE", "FILE,TABLE", "FILE,TABLE", true}, {"0,1", "", "", true},
		{"0-31536000", "0.5", "0.5", true},
	} {
		got, reason, ok := fitValue(Parameter{AllowedValues: tc.allowed}, tc.value)
		if got != tc.want || ok != tc.ok || !ok && reason == "" {
			t.Errorf("fitValue(%q, %q) = %q, %q, %t; want %q, %t", tc.allowed, tc.value, got, reason, ok, tc.want, tc.ok)
		}
	}
}

func TestParameterGroupName(t *testing.T) {
	params := []Parameter{{Name: "a", Value: "1"}, {Name: "b", Value: "2"}}
	name := ParameterGroupName("Q3", "default.mysql5.7", "mysql8.0", params)
	if !strings.HasPrefix(name, "q3-default-mysql5-7-mysql8-0-") {
		t.Errorf("name %q", name)
	}
	if other := ParameterGroupName("Q3", "default.mysql5.7", "mysql8.0", []Parameter{params[1], params[0]}); other != name {
		t.Errorf("the order of parameters makes another name: %q, %q", name, other)
	}
	seen := map[string]bool{name: true}
	for _, params := range [][]Parameter{nil, params[:1], {{Name: "a", Value: "1"}, {Name: "b", Value: "3"}}, {{Name: "a", Value: "1b=2"}}} {
		n := ParameterGroupName("Q3", "default.mysql5.7", "mysql8.0", params)
		if seen[n] {
			t.Errorf("%v has the name of other content: %s", params, n)
		}
		seen[n] = true
	}
	long := ParameterGroupName(strings.Repeat("long-", 40), strings.Repeat("group-", 40), "mysql8.0", params)
	if len(long) > 255 || strings.Contains(long, "--") || strings.HasSuffix(long, "-") {
		t.Errorf("long name %q", long)
	}
}

func TestGroupActions(t *testing.T) {
	var params []Parameter
	for i := range 45 {
		params = append(params, Parameter{Name: fmt.Sprintf("p%02d", i), Value: "1"})
	}
	acts := GroupActions(ParameterSpec{Name: "g", Family: "mysql8.0", Description: "d", Parameters: params, Tags: map[string]string{"k": "v"}})
	var got []string
	for _, a := range acts {
		got = append(got, fmt.Sprintf("%s %s %d", a.Kind, a.Group.Name, len(a.Group.Parameters)))
	}
	want := []string{"create-parameter-group g 0", "set-parameters g 20", "set-parameters g 20", "set-parameters g 5"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("actions (-want +got):\n%s", diff)
	}
	if acts[0].Group.Tags["k"] != "v" || acts[0].Group.Description != "d" {
		t.Errorf("create %+v", acts[0].Group)
	}
	if one := GroupActions(ParameterSpec{Name: "g"}); len(one) != 1 {
		t.Errorf("an empty group takes %d calls", len(one))
	}
}

// TestGoldenFilesHaveGroups finds golden files whose group is gone.
func TestGoldenFilesHaveGroups(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join("testdata", "parameters", "*.golden"))
	for _, f := range files {
		if _, err := os.Stat(strings.TrimSuffix(f, ".golden") + ".group"); err != nil {
			t.Error(err)
		}
	}
}
