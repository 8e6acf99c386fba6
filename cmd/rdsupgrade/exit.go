package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
	"github.com/rdsupgrade/rdsupgrade/pkg/precheck"
)

// The exit codes: they are part of the command line contract.
const (
	exitDone        = 0
	exitFindings    = 1 // findings, or part of the fleet blocked or failed
	exitFailed      = 2
	exitWaiting     = 3 // a person or a window must come first
	exitLocked      = 4
	exitAmbiguous   = 5
	exitUsage       = 64
	exitBadPlan     = 78
	exitInterrupted = 130
)

// failure is an error with its exit code, stable code and next step.
type failure struct {
	exit int
	Code string `json:"code"`
	Text string `json:"error"`
	Next string `json:"next_step,omitempty"`
	// silent: everything was said already.
	silent bool
	// Issues are the single mistakes of a plan.
	Issues any `json:"issues,omitempty"`
}

func (f *failure) Error() string { return f.Text }

func usage(format string, args ...any) error {
	return &failure{exit: exitUsage, Code: "usage", Text: fmt.Sprintf(format, args...), Next: "rdsupgrade COMMAND --help"}
}

// exitWith ends with a code after everything was said.
func exitWith(code int) error {
	if code == exitDone {
		return nil
	}
	return &failure{exit: code, silent: true}
}

// classify gives every error its exit code and the operator's next step.
func classify(err error) *failure {
	var f *failure
	var problems plan.Problems
	var locked *journal.LockedError
	var lease *journal.LeaseError
	var damage *journal.Damage
	var fault *bluegreen.Fault
	var conn *precheck.ConnectError
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &problems):
		return &failure{exit: exitBadPlan, Code: "bad-plan", Text: problems.Error(), Next: "mend the plan, then: rdsupgrade validate PLAN", Issues: problems}
	case errors.As(err, &lease):
		return &failure{exit: exitLocked, Code: "locked", Text: lease.Error(),
			Next: "wait for that run, or stop it there; when its host is dead: run --take-over " + lease.ID}
	case errors.As(err, &locked):
		return &failure{exit: exitLocked, Code: "locked", Text: locked.Error(), Next: "wait for that run, or stop it there"}
	case errors.As(err, &damage):
		return &failure{exit: exitAmbiguous, Code: "journal-damaged", Text: damage.Error(),
			Next: "look at the journal; restore it from a backup, or move it aside and start with an empty history"}
	case errors.Is(err, fleet.ErrInterrupted), errors.Is(err, context.Canceled):
		return &failure{exit: exitInterrupted, Code: "interrupted", Text: "interrupted; the state is safe", Next: "run again to go on"}
	case errors.As(err, &fault):
		return &failure{exit: exitFailed, Code: fault.Code, Text: err.Error(), Next: nextStepOf(fault)}
	case errors.As(err, &conn):
		return &failure{exit: exitFailed, Code: conn.Code, Text: conn.Error()}
	}
	return &failure{exit: exitFailed, Code: "failed", Text: err.Error()}
}

func nextStepOf(f *bluegreen.Fault) string {
	switch {
	case strings.HasPrefix(f.Code, "ExpiredToken"):
		return "renew the credentials, then run again: the campaign goes on where it was"
	case f.Consequence == bluegreen.Fatal:
		return "check the credentials and their permissions"
	case f.Consequence == bluegreen.Retry:
		return "run again in a moment"
	}
	return ""
}

// report prints an error once: a line for people on stderr, and the same as
// JSON on stdout when JSON was asked for.
func (s streams) report(err error, asJSON bool) int {
	f := classify(err)
	if f.silent {
		return f.exit
	}
	for _, line := range strings.Split(strings.TrimRight(f.Text, "\n"), "\n") {
		fmt.Fprintln(s.err, "rdsupgrade: "+visible(line))
	}
	if f.Next != "" {
		fmt.Fprintln(s.err, "next step: "+f.Next)
	}
	if asJSON {
		enc := json.NewEncoder(s.out)
		enc.SetIndent("", "  ")
		_ = enc.Encode(map[string]any{"error": f, "exit": f.exit})
	}
	return f.exit
}
