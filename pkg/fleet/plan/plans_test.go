package plan

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	yaml "go.yaml.in/yaml/v3"
)

// TestPlansOfTheRepository: what is offered as an example is a good plan.
func TestPlansOfTheRepository(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "plans")
	waves := map[string]int{"demo.yaml": 4, "precheck-only.yaml": 1, "production.yaml": 3}
	for name, n := range waves {
		p, err := Load(filepath.Join(dir, name), Now(testNow))
		if err != nil {
			t.Error(err)
			continue
		}
		if len(p.Waves) != n || len(p.Warnings) != 0 {
			t.Errorf("%s: %d waves, warnings %v", name, len(p.Waves), p.Warnings)
		}
	}
}

// TestDemoTakesItsFleet: every database of the demo's fleet is in one wave.
func TestDemoTakesItsFleet(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "plans")
	p, err := Load(filepath.Join(dir, "demo.yaml"), Now(testNow))
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "demo-fleet.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var fleet struct {
		MySQL struct {
			User        string `yaml:"user"`
			PasswordEnv string `yaml:"password_env"`
		} `yaml:"mysql"`
		Databases []struct {
			ID, Account, Region string
			Tags                map[string]string
		}
	}
	if err := yaml.Unmarshal(data, &fleet); err != nil {
		t.Fatal(err)
	}
	if fleet.MySQL.User != p.Connection.User || fleet.MySQL.PasswordEnv != p.Connection.PasswordEnv {
		t.Errorf("the fleet's login is not the plan's: %+v", fleet.MySQL)
	}
	var items []Item
	for _, d := range fleet.Databases {
		items = append(items, Item{ID: d.ID, Account: d.Account, Region: d.Region, Engine: "mysql", EngineVersion: "5.7.44", Tags: d.Tags})
	}
	a, problems := Assign(p, items)
	if problems != nil || len(a.Unassigned)+len(a.Aside) > 0 || len(a.WaveOf()) != 72 {
		t.Errorf("%d in waves, unassigned %v, aside %v\n%v", len(a.WaveOf()), a.Unassigned, a.Aside, problems)
	}
}

// TestReferenceIsComplete: every key that the decoder knows is explained.
func TestReferenceIsComplete(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "plan.md"))
	if err != nil {
		t.Fatal(err)
	}
	keys := Keys()
	if len(keys) < 80 {
		t.Errorf("only %d keys are known", len(keys))
	}
	for _, k := range keys {
		if !strings.Contains(string(doc), "| `"+k+"` |") {
			t.Errorf("docs/plan.md has no row for %s", k)
		}
	}
	for line := range strings.Lines(string(doc)) {
		key, ok := strings.CutPrefix(line, "| `")
		if key, _, _ = strings.Cut(key, "`"); ok && !known(keys, key) {
			t.Errorf("docs/plan.md explains %s, which no plan may have", key)
		}
	}
}

func known(keys []string, key string) bool {
	for _, k := range keys {
		if k == key {
			return true
		}
	}
	return false
}

// TestExamplesOfTheReference: the YAML blocks of docs/plan.md, in the order of
// the page, are one good plan.
func TestExamplesOfTheReference(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "plan.md"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	blocks := strings.Split(string(doc), "```yaml\n")
	for _, b := range blocks[1:] {
		text, _, _ := strings.Cut(b, "```")
		all.WriteString(text)
	}
	if _, problems := Decode("docs/plan.md", []byte(all.String()), Now(testNow)); problems != nil {
		t.Errorf("%v\n%s", problems, all.String())
	}
}
