package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim"
	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/simserver"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"rdsupgrade": func() {
		ctx := context.Background()
		os.Exit(Run(ctx, ctx, os.Args, streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}))
	}})
}

// TestScripts plays the stories of testdata/script: plans in, a simulated RDS
// with MySQL endpoints behind, output and exit codes out.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:             "testdata/script",
		ContinueOnError: true,
		Setup: func(env *testscript.Env) error {
			for _, v := range []string{"AWS_ACCESS_KEY_ID=AKIASIM111122223333", "AWS_SECRET_ACCESS_KEY=simulated", "AWS_EC2_METADATA_DISABLED=true",
				"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_MAX_ATTEMPTS=2", "RDSUPGRADE_OPERATOR=anna", "DBPASS=Sesam-9", "TZ=UTC"} {
				name, value, _ := strings.Cut(v, "=")
				env.Setenv(name, value)
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "sim": startSim, "html": startHTML, "json": checkJSON, "flip": flipByte, "hold": holdLock, "lines": countLines,
		},
	})
}

// exits CODE COMMAND...: runs rdsupgrade and wants the exit code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec("rdsupgrade", args[1:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
	both := ts.ReadFile("stdout") + ts.ReadFile("stderr")
	for _, never := range []string{"goroutine ", "panic:", ".go:", "Sesam-9", "Sesam-8"} {
		if strings.Contains(both, never) {
			ts.Fatalf("the output holds %q", never)
		}
	}
}

// sim FLEET [FAULTS]: serves a simulated RDS until the story ends; $RDS is its address.
func startSim(ts *testscript.TestScript, _ bool, args []string) {
	f, err := rdssim.LoadFleet(ts.MkAbs(args[0]))
	ts.Check(err)
	opts := rdssim.Options{Speed: 3000, Seed: 1}
	if len(args) > 1 {
		opts.Faults, err = rdssim.LoadFaults(ts.MkAbs(args[1]))
		ts.Check(err)
	}
	s, err := simserver.Start(simserver.Config{Fleet: f, Options: opts})
	ts.Check(err)
	ts.Defer(func() { s.Close() })
	ts.Setenv("RDS", s.URL)
	for _, n := range s.Sim.Primaries() {
		if addr, ok := s.MySQL(n.At, n.ID); ok {
			ts.Setenv("MYSQL_"+strings.ToUpper(n.ID), addr)
		}
	}
}

// html: something that is not RDS answers at $RDS.
func startHTML(ts *testscript.TestScript, _ bool, _ []string) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<!DOCTYPE html><html><body>Please sign in</body></html>")
	}))
	ts.Defer(s.Close)
	ts.Setenv("RDS", s.URL)
}

// json PATH WANT: looks a value up in the last stdout; PATH is a/0/b, len is a
// list's length, key=value picks from a list. ! json: the value must differ.
func checkJSON(ts *testscript.TestScript, neg bool, args []string) {
	var v any
	dec := json.NewDecoder(bytes.NewBufferString(ts.ReadFile("stdout")))
	if err := dec.Decode(&v); err != nil || dec.More() {
		ts.Fatalf("stdout is not one JSON document: %v", err)
	}
	for _, step := range strings.Split(args[0], "/") {
		v = lookUp(v, step)
	}
	got := fmt.Sprint(v)
	if s, ok := v.(string); ok {
		got = s
	}
	if (got == args[1]) == neg {
		ts.Fatalf("%s is %q, want %q (negated: %v)", args[0], got, args[1], neg)
	}
}

func lookUp(v any, step string) any {
	list, isList := v.([]any)
	switch {
	case isList && step == "len":
		return len(list)
	case isList && strings.Contains(step, "="):
		key, want, _ := strings.Cut(step, "=")
		for _, e := range list {
			if m, ok := e.(map[string]any); ok && fmt.Sprint(m[key]) == want {
				return e
			}
		}
		return "nothing with " + step
	case isList:
		if n, err := strconv.Atoi(step); err == nil && n < len(list) {
			return list[n]
		}
		return "no element " + step
	}
	m, ok := v.(map[string]any)
	if !ok {
		return "no object at " + step
	}
	if _, ok := m[step]; !ok {
		return "no field " + step
	}
	return m[step]
}

// flip FILE: changes one byte in the middle of a file.
func flipByte(ts *testscript.TestScript, _ bool, args []string) {
	b := []byte(ts.ReadFile(args[0]))
	b[len(b)/2] ^= 1
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o600))
}

// hold DIR: another run holds the state directory until the story ends.
func holdLock(ts *testscript.TestScript, _ bool, args []string) {
	h := fleet.Holder("run other.yaml")
	h.Owner = "bert"
	l, err := journal.Acquire(ts.MkAbs(args[0]), h)
	ts.Check(err)
	ts.Defer(func() { l.Release() })
}

// lines FILE N: the file has N lines.
func countLines(ts *testscript.TestScript, neg bool, args []string) {
	if n := strings.Count(ts.ReadFile(args[0]), "\n"); (fmt.Sprint(n) == args[1]) == neg {
		ts.Fatalf("%s has %d lines, want %s (negated: %v)", args[0], n, args[1], neg)
	}
}
