package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

func iamPolicyCommand(s streams) *cli.Command {
	return &cli.Command{
		Name: "iam-policy", Usage: "the least IAM policy for the chosen commands", ArgsUsage: "[PLAN]",
		Description: "Prints a policy without asking AWS. With a PLAN, deployments and parameter groups are limited to\n" +
			"its campaign's tag, and its way of logging in is allowed for. See docs/iam.md.",
		Flags: withGlobal(
			&cli.StringSliceFlag{Name: "commands", Usage: "`NAMES` of commands: " + strings.Join(bluegreen.PolicyCommands, ", ") + "; default all"},
			&cli.StringFlag{Name: "format", Value: "json", Usage: "`FORMAT`: json or terraform"},
			&cli.StringFlag{Name: "tag", Usage: "only databases that carry the tag `KEY=VALUE`"},
			&cli.StringFlag{Name: "partition", Value: "aws", Usage: "`NAME`: aws, aws-cn or aws-us-gov"}),
		Action: func(c *cli.Context) error {
			o := bluegreen.PolicyOptions{Commands: splitList(c.StringSlice("commands")), Partition: c.String("partition")}
			if c.Args().Present() {
				path, err := planArg(c)
				if err != nil {
					return err
				}
				p, err := loadPlan(path)
				if err != nil {
					return err
				}
				o.Campaign, o.Auth = p.Name, p.Connection.Auth
				if p.Cleanup.Policy == plan.CleanupAutomatic && slices.Contains(o.Commands, "run") && !slices.Contains(o.Commands, "cleanup") {
					o.Commands = append(o.Commands, "cleanup") // run does it then
				}
			}
			if tag := c.String("tag"); tag != "" {
				var ok bool
				if o.TagKey, o.TagValue, ok = strings.Cut(tag, "="); !ok || o.TagKey == "" {
					return usage("--tag wants KEY=VALUE, not %q", tag)
				}
			}
			return runIAMPolicy(s, o, c.String("format"))
		},
	}
}

func runIAMPolicy(s streams, o bluegreen.PolicyOptions, format string) error {
	list, err := bluegreen.IAMPolicy(o)
	if err != nil {
		return usage("%s", err)
	}
	var out []byte
	switch format {
	case "json":
		if out, err = bluegreen.PolicyJSON(list); err != nil {
			return err
		}
	case "terraform":
		out = bluegreen.PolicyTerraform(list)
	default:
		return usage("--format is json or terraform, not %q", format)
	}
	_, err = s.out.Write(out)
	return err
}
