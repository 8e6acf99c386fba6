package report

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

func write(t *testing.T, k Kind, f Format, in Input) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, k, f, in); err != nil {
		t.Fatalf("Write(%s, %s): %v", k, f, err)
	}
	return b.Bytes()
}

// each calls f for every kind in every format that it has.
func each(t *testing.T, f func(*testing.T, Kind, Format)) {
	for _, k := range Kinds() {
		for _, fo := range Formats(k) {
			t.Run(string(k)+"/"+string(fo), func(t *testing.T) { f(t, k, fo) })
		}
	}
}

var extension = map[Format]string{Text: "txt", JSON: "json", Markdown: "md", HTML: "html", CSV: "csv", JUnit: "junit.xml", SARIF: "sarif"}

func TestGolden(t *testing.T) {
	each(t, func(t *testing.T, k Kind, f Format) {
		got := write(t, k, f, fixture())
		path := filepath.Join("testdata", string(k)+"."+extension[f])
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
			return
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s differs (-want +got), run with -update if that is meant:\n%s", path, diff)
		}
	})
}
