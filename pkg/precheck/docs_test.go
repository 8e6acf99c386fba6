package precheck

//go:generate go test -run TestChecksPage -update

import (
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write generated files anew")

// TestChecksPage fails when docs/checks.md does not say what the rules say.
func TestChecksPage(t *testing.T) {
	const path = "../../docs/checks.md"
	want := ChecksMarkdown()
	if *update {
		if err := os.MkdirAll("../../docs", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is stale: run go generate ./pkg/precheck", path)
	}
}
