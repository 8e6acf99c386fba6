package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// streams are the three ends of the process, replaced in tests.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// version is set by the linker.
var version = "devel"

// contexts are the two lives of a command: soft ends at the first interrupt,
// hard at the second.
type contexts struct{ hard, soft context.Context }

// Run is the whole program: arguments in, exit code out.
func Run(hard, soft context.Context, args []string, s streams) int {
	ctx := contexts{hard, soft}
	app := newApp(ctx, s)
	args, err := reorder(app, args)
	asJSON := wantsJSON(args)
	if err == nil {
		err = app.RunContext(hard, args)
	}
	if err == nil {
		return exitDone
	}
	return s.report(asUsage(err), asJSON)
}

// asUsage marks the CLI library's own complaints as wrong usage.
func asUsage(err error) error {
	var f *failure
	if errors.As(err, &f) {
		return err
	}
	text := err.Error()
	for _, p := range []string{"flag provided but not defined", "flag needs an argument", "invalid value", "Required flag", "invalid boolean", "could not parse"} {
		if strings.Contains(text, p) {
			return usage("%s", text)
		}
	}
	return err
}

func wantsJSON(args []string) bool {
	for i, a := range args {
		if a == "--output=json" || a == "-output=json" || (a == "--output" || a == "-o") && i+1 < len(args) && args[i+1] == "json" {
			return true
		}
	}
	return false
}

func newApp(ctx contexts, s streams) *cli.App {
	app := &cli.App{
		Name:            "rdsupgrade",
		Usage:           "carry a fleet of RDS for MySQL databases to MySQL 8, in waves, with a way back",
		UsageText:       "rdsupgrade COMMAND [flags] PLAN [flags]",
		Version:         version,
		Writer:          s.out,
		ErrWriter:       s.err,
		HideHelpCommand: true,
		Description: "A plan file names accounts, targets, policies and waves. Start with `validate`, look with `plan`\n" +
			"and `precheck`, then `run`. Every command may be interrupted and repeated.\n\n" + exitHelp,
		Commands:       commands(ctx, s),
		ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError:   func(_ *cli.Context, err error, _ bool) error { return usage("%s", err) },
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usage("there is no command %q", c.Args().First())
			}
			return cli.ShowAppHelp(c)
		},
	}
	for _, c := range app.Commands {
		silenceUsage(c)
	}
	return app
}

const exitHelp = `Exit codes: 0 done or nothing to do; 1 findings, or part of the fleet blocked or
failed; 2 failed; 3 waits for a person or a window; 4 another run holds the lock;
5 ambiguous, a person must look; 64 wrong usage; 78 bad plan; 130 interrupted.`

func silenceUsage(c *cli.Command) {
	c.OnUsageError = func(_ *cli.Context, err error, _ bool) error { return usage("%s", err) }
	c.HideHelpCommand = true
	for _, sub := range c.Subcommands {
		silenceUsage(sub)
	}
}

// reorder moves flags in front of the arguments and behind their command, so
// that they may stand anywhere; urfave/cli v2 stops at the first argument.
func reorder(app *cli.App, args []string) ([]string, error) {
	if len(args) < 2 {
		return args, nil
	}
	all := allFlags(app.Commands)
	var flags, words []string
	rest := args[1:]
	for len(rest) > 0 {
		a := rest[0]
		rest = rest[1:]
		if a == "--" {
			words = append(words, rest...)
			break
		}
		if len(a) < 2 || a[0] != '-' {
			words = append(words, a)
			continue
		}
		flags = append(flags, a)
		name := strings.TrimLeft(a, "-")
		if strings.Contains(name, "=") || !all[name] {
			continue
		}
		if len(rest) == 0 {
			return nil, usage("flag %s needs a value", a)
		}
		flags = append(flags, rest[0])
		rest = rest[1:]
	}
	path, words := commandPath(app.Commands, words)
	out := append([]string{args[0]}, path...)
	out = append(out, flags...)
	if slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, "-") && w != "-" }) {
		out = append(out, "--")
	}
	return append(out, words...), nil
}

// commandPath splits the command and its subcommand off the words.
func commandPath(cmds []*cli.Command, words []string) (path, rest []string) {
	for len(words) > 0 {
		i := slices.IndexFunc(cmds, func(c *cli.Command) bool { return c.HasName(words[0]) })
		if i < 0 {
			break
		}
		path, words, cmds = append(path, words[0]), words[1:], cmds[i].Subcommands
	}
	return path, words
}

// allFlags are the names of all flags; true for those that take a value.
func allFlags(cmds []*cli.Command) map[string]bool {
	m := map[string]bool{}
	for _, c := range cmds {
		for _, f := range c.Flags {
			_, isBool := f.(*cli.BoolFlag)
			for _, n := range f.Names() {
				m[n] = !isBool
			}
		}
		for n, v := range allFlags(c.Subcommands) {
			m[n] = v
		}
	}
	return m
}

// planArg is the one PLAN argument of a command.
func planArg(c *cli.Context) (string, error) {
	switch c.Args().Len() {
	case 0:
		return "", usage("%s needs a PLAN file", c.Command.FullName())
	case 1:
		return c.Args().First(), nil
	}
	return "", usage("%s takes one PLAN file, got %s", c.Command.FullName(), fmt.Sprintf("%q", c.Args().Slice()))
}
