package main

import (
	"io"
	"os"
	"slices"
	"strings"

	"github.com/rs/zerolog"
	"github.com/urfave/cli/v2"
)

// global are the options that every command takes.
type global struct {
	endpoint string
	stateDir string // of a state in S3, its copy on this machine
	state    stateRef
	json     bool
	log      zerolog.Logger
	closeLog func()
}

func globalFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Value: "text", Usage: "`FORMAT` of data on stdout: text or json", Category: "Common"},
		&cli.StringFlag{Name: "state-dir", Value: ".rdsupgrade", EnvVars: []string{"RDSUPGRADE_STATE_DIR"}, Usage: "`DIR` of the campaign's journal and lock", Category: "Common"},
		&cli.StringFlag{Name: "state", EnvVars: []string{"RDSUPGRADE_STATE"}, Usage: "the campaign's state: file:DIR, or s3://BUCKET/PREFIX that a team shares (`URL`)", Category: "Common"},
		&cli.StringFlag{Name: "endpoint-url", Usage: "`URL` of an endpoint that speaks the RDS API, instead of AWS", Category: "Common"},
		&cli.StringFlag{Name: "log-level", Value: "warn", Usage: "`LEVEL` of the operational log: debug, info, warn, error, off", Category: "Common"},
		&cli.StringFlag{Name: "log-file", Usage: "write the operational log to `FILE` instead of stderr", Category: "Common"},
	}
}

// withGlobal adds the common flags to a command's own.
func withGlobal(own ...cli.Flag) []cli.Flag { return append(own, globalFlags()...) }

func readGlobal(c *cli.Context, s streams) (global, error) {
	g := global{endpoint: c.String("endpoint-url"), stateDir: c.String("state-dir"), closeLog: func() {}}
	if err := g.setState(c.String("state")); err != nil {
		return g, err
	}
	switch c.String("output") {
	case "text":
	case "json":
		g.json = true
	default:
		return g, usage("--output is text or json, not %q", c.String("output"))
	}
	level := c.String("log-level")
	if level == "off" {
		level = "disabled"
	}
	lv, err := zerolog.ParseLevel(level)
	if err != nil || !slices.Contains([]string{"trace", "debug", "info", "warn", "error", "disabled"}, level) {
		return g, usage("--log-level is debug, info, warn, error or off, not %q", c.String("log-level"))
	}
	var w io.Writer = zerolog.ConsoleWriter{Out: s.err, NoColor: true, TimeFormat: "15:04:05"}
	if path := c.String("log-file"); path != "" {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return g, &failure{exit: exitFailed, Code: "log-file", Text: "open the log file: " + err.Error()}
		}
		w, g.closeLog = f, func() { f.Close() }
		if lv == zerolog.WarnLevel && !c.IsSet("log-level") {
			lv = zerolog.InfoLevel
		}
	}
	g.log = zerolog.New(w).Level(lv).With().Timestamp().Logger()
	return g, nil
}

// splitList reads "a,b" and repeated flags alike.
func splitList(values []string) []string {
	var out []string
	for _, v := range values {
		for _, p := range strings.Split(v, ",") {
			if p = strings.TrimSpace(p); p != "" {
				out = append(out, p)
			}
		}
	}
	return out
}

// withPlan is the frame of a command that takes one PLAN: the common flags, the
// log, and the argument.
func withPlan(s streams, run func(c *cli.Context, g global, path string) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		g, err := readGlobal(c, s)
		if err != nil {
			return err
		}
		defer g.closeLog()
		path, err := planArg(c)
		if err != nil {
			return err
		}
		return run(c, g, path)
	}
}
