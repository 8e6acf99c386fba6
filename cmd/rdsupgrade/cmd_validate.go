package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

func validateCommand(s streams) *cli.Command {
	return &cli.Command{
		Name: "validate", Usage: "check the plan file alone, offline: every mistake with line and column", ArgsUsage: "PLAN",
		Flags: withGlobal(),
		Action: func(c *cli.Context) error {
			g, err := readGlobal(c, s)
			if err != nil {
				return err
			}
			path, err := planArg(c)
			if err != nil {
				return err
			}
			return runValidate(s, g, path)
		},
	}
}

func runValidate(s streams, g global, path string) error {
	p, err := loadPlan(path)
	var problems plan.Problems
	if errors.As(err, &problems) {
		return showProblems(s, g, path, problems)
	}
	if err != nil {
		return err
	}
	if g.json {
		return printJSON(s.out, map[string]any{"plan": path, "valid": true, "problems": []plan.Problem{}})
	}
	fmt.Fprintf(s.out, "%s is valid: campaign %s, %s, target MySQL %s, %s\n", visible(path), p.Name, plural(len(p.Accounts), "account"),
		p.Target.EngineVersion, plural(len(p.Waves), "wave"))
	return nil
}

// showProblems prints every mistake with the line it stands on.
func showProblems(s streams, g global, path string, problems plan.Problems) error {
	if g.json {
		if err := printJSON(s.out, map[string]any{"plan": path, "valid": false, "problems": problems}); err != nil {
			return err
		}
		return exitWith(exitBadPlan)
	}
	data, readErr := os.ReadFile(path)
	for _, p := range problems {
		fmt.Fprintln(s.err, visible(p.Error()))
		if readErr == nil {
			fmt.Fprint(s.err, plan.Snippet(data, p))
		}
	}
	fmt.Fprintf(s.err, "%s in %s\n", plural(len(problems), "problem"), visible(path))
	return exitWith(exitBadPlan)
}
