package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

func auditCommand(ctx contexts, s streams) *cli.Command {
	return &cli.Command{
		Name: "audit", Usage: "work with the journal",
		Subcommands: []*cli.Command{{
			Name: "verify", Usage: "check the journal's hash chain, every byte of it", ArgsUsage: "[JOURNAL]",
			Description: "Reads DIR/" + fleet.JournalFile + " of --state-dir, or the named file. Exits 5 at the first line that was\nchanged, removed, added or reordered.",
			Flags:       withGlobal(),
			Action: func(c *cli.Context) error {
				g, err := readGlobal(c, s)
				if err != nil {
					return err
				}
				if g.state.bucket != "" { // brings the copy on this machine up to date
					if _, err := g.readState(ctx.hard); err != nil {
						return err
					}
				}
				path := filepath.Join(g.stateDir, fleet.JournalFile)
				if a := c.Args().First(); a != "" && filepath.Ext(a) != ".yaml" && filepath.Ext(a) != ".yml" {
					path = a
				}
				return runAuditVerify(s, g, path)
			},
		}},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usage("audit has no command %q; there is: audit verify", c.Args().First())
			}
			return cli.ShowSubcommandHelp(c)
		},
	}
}

func runAuditVerify(s streams, g global, path string) error {
	sum, err := journal.Verify(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &failure{exit: exitFailed, Code: "no-journal", Text: "there is no journal at " + path, Next: "name the campaign's --state-dir"}
	}
	if err != nil {
		return err
	}
	if g.json {
		return printJSON(s.out, map[string]any{"journal": path, "intact": true, "summary": sum})
	}
	fmt.Fprintf(s.out, "%s: %d entries, chain intact, head %s\n", visible(path), sum.Entries, sum.Head)
	if sum.Entries > 0 {
		fmt.Fprintf(s.out, "from %s to %s\n", sum.First.Format("2006-01-02 15:04:05 MST"), sum.Last.Format("2006-01-02 15:04:05 MST"))
	}
	return nil
}
