// Package archtest asserts the house rules that a compiler does not: who may
// import whom (docs/architecture.md), and how large a source file may grow.
package archtest

import (
	"bytes"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/rdsupgrade/rdsupgrade/"

// maxLines is the length at which a source file is probably two things.
const maxLines = 500

// rule forbids imports to the packages below a folder.
type rule struct {
	// from is a folder of the module, "" for all of it.
	from string
	// forbidden are import path prefixes.
	forbidden []string
	// except are folders below from to which the rule does not apply.
	except []string
	why    string
}

var sdk = []string{"github.com/aws/"}

var rules = []rule{
	{from: "", forbidden: sdk, except: []string{"internal/awsrds"}, why: "the AWS SDK belongs in internal/awsrds only"},
	{from: "", forbidden: []string{"github.com/urfave/cli"}, except: []string{"cmd"}, why: "the CLI library belongs in cmd/ only"},
	{from: "pkg/bluegreen", forbidden: []string{module + "pkg/precheck", module + "pkg/fleet", module + "pkg/report", module + "cmd", module + "internal/awsrds", module + "internal/rdssim"},
		why: "bluegreen knows one database and nobody else"},
	{from: "pkg/precheck", forbidden: []string{module + "pkg/bluegreen", module + "pkg/fleet", module + "pkg/report", module + "cmd", module + "internal/awsrds", module + "internal/rdssim"},
		why: "precheck knows servers and nobody else"},
	{from: "pkg/fleet", forbidden: []string{module + "pkg/report", module + "cmd", module + "internal/awsrds", module + "internal/rdssim"}, why: "no upward import"},
	{from: "pkg/report", forbidden: []string{module + "cmd", module + "internal/awsrds", module + "internal/rdssim"}, why: "no upward import"},
	{from: "internal/rdssim", forbidden: []string{module + "pkg"}, why: "the simulator must be able to be wrong independently of what it tests"},
	{from: "internal/awsrds", forbidden: []string{module + "pkg/report", module + "pkg/precheck", module + "cmd", module + "internal/rdssim"}, why: "an adapter knows the facts it fills in"},
}

// sources walks the Go files of the module.
func sources(t *testing.T, visit func(path string)) {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "out" || d.Name() == "bin") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".go") {
			rel, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			visit(filepath.ToSlash(rel))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestImports(t *testing.T) {
	seen := 0
	sources(t, func(path string) {
		if strings.HasSuffix(path, "_test.go") {
			return // tests may put parts together that do not know each other
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join("../..", path), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		seen++
		for _, spec := range f.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range broken(path, imported) {
				t.Errorf("%s imports %s: %s", path, imported, r.why)
			}
		}
	})
	if seen < 50 {
		t.Errorf("only %d files were looked at", seen)
	}
}

// broken are the rules that the import breaks.
func broken(path, imported string) []rule {
	var out []rule
	for _, r := range rules {
		if !below(path, r.from) {
			continue
		}
		exempt := false
		for _, e := range r.except {
			exempt = exempt || below(path, e)
		}
		if exempt {
			continue
		}
		for _, p := range r.forbidden {
			if imported == p || strings.HasPrefix(imported, strings.TrimSuffix(p, "/")+"/") {
				out = append(out, r)
			}
		}
	}
	return out
}

func below(path, folder string) bool { return folder == "" || strings.HasPrefix(path, folder+"/") }

func TestRulesCatch(t *testing.T) {
	for _, tc := range []struct {
		path, imported string
		want           bool
	}{
		{"pkg/fleet/engine.go", "github.com/aws/aws-sdk-go-v2/service/rds", true},
		{"internal/awsrds/client.go", "github.com/aws/aws-sdk-go-v2/service/rds", false},
		{"pkg/report/html.go", "github.com/urfave/cli/v2", true},
		{"cmd/rdsupgrade/app.go", "github.com/urfave/cli/v2", false},
		{"pkg/bluegreen/stage.go", module + "pkg/fleet/plan", true},
		{"pkg/precheck/read.go", module + "pkg/bluegreen", true},
		{"pkg/fleet/engine.go", module + "pkg/report", true},
		{"pkg/report/html.go", module + "pkg/fleet", false},
		{"internal/rdssim/model.go", module + "pkg/bluegreen", true},
	} {
		if got := len(broken(tc.path, tc.imported)) > 0; got != tc.want {
			t.Errorf("%s importing %s: broken = %v, want %v", tc.path, tc.imported, got, tc.want)
		}
	}
}

func TestFileLength(t *testing.T) {
	sources(t, func(path string) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		b, err := os.ReadFile(filepath.Join("../..", path))
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(b, []byte("\n")); n > maxLines {
			t.Errorf("%s has %d lines, more than %d: it is probably two things", path, n, maxLines)
		}
	})
}

func TestMainIsShort(t *testing.T) {
	for _, path := range []string{"cmd/rdsupgrade/main.go", "cmd/rdssim/main.go"} {
		b, err := os.ReadFile(filepath.Join("../..", path))
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(b, []byte("\n")); n >= 40 {
			t.Errorf("%s has %d lines, 40 or more", path, n)
		}
	}
}
