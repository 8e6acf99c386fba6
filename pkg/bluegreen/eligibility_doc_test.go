package bluegreen

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write golden files and docs/eligibility.md anew")

const eligibilityHead = `# What plan finds before AWS hears of it

` + "`rdsupgrade plan`" + ` and ` + "`run`" + ` judge every database from read-only calls before a deployment is
created. **block** stops the database, **warn** asks a person to look, **note** says what follows from
the deployment anyway. The fault code is the one that RDS would answer with; where there is none, RDS
would accept the call and the harm would come later. What could not be read is a warning, never a pass.

This file is written by the tests of ` + "`pkg/bluegreen`" + ` from the rules themselves
(` + "`go test ./pkg/bluegreen -run EligibilityDoc -update`" + `).
`

func eligibilityDoc() string {
	var b strings.Builder
	b.WriteString(eligibilityHead)
	section := func(title string, issues []Issue) {
		fmt.Fprintf(&b, "\n## %s\n\n| id | severity | fault code | what | way out | source |\n|---|---|---|---|---|---|\n", title)
		for _, i := range issues {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s |\n", i.ID, i.Severity, i.Code, cell(i.Message), cell(i.WayOut), cell(i.Source))
		}
	}
	all := IssueCatalog()
	section("Eligibility", all[:len(eligibilityRules)])
	section("Target, parameters and quotas", all[len(eligibilityRules):])
	return b.String()
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

func TestEligibilityDoc(t *testing.T) {
	golden(t, filepath.Join("..", "..", "docs", "eligibility.md"), eligibilityDoc())
}

// golden compares with a file, or writes it with -update.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("read golden file (make it with -update): %v", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func sourceOf(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestIssueCatalog: every id that the code can report is in the catalog, once,
// in kebab case.
func TestIssueCatalog(t *testing.T) {
	known := map[string]int{}
	for _, i := range IssueCatalog() {
		known[i.ID]++
		if !regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`).MatchString(i.ID) || i.Message == "" || i.WayOut == "" || severityRank(i.Severity) < 0 {
			t.Errorf("incomplete entry %+v", i)
		}
		if known[i.ID] > 1 {
			t.Errorf("%s is listed twice", i.ID)
		}
	}
	ids := regexp.MustCompile(`(?:\bID: |t\.warn\(|stayOn\(i, size, |r\.only\(want, )"([a-z0-9-]+)"`)
	for _, pattern := range []string{"class*.go", "storage*.go", "parameters*.go", "quota*.go", "target*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no files %s: %v", pattern, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, m := range ids.FindAllStringSubmatch(sourceOf(t, file), -1) {
				if known[m[1]] == 0 && m[1] != "quota-" {
					t.Errorf("%s reports %s, which the catalog does not have", file, m[1])
				}
			}
		}
	}
}
