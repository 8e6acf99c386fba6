package main

import "github.com/urfave/cli/v2"

// commands is the list a reader sees in --help, in the order of a campaign.
func commands(ctx contexts, s streams) []*cli.Command {
	return []*cli.Command{
		discoverCommand(ctx, s),
		validateCommand(s),
		planCommand(ctx, s),
		precheckCommand(ctx, s),
		simulateCommand(ctx, s),
		runCommand(ctx, s),
		statusCommand(ctx, s),
		approveCommand(ctx, s),
		pauseCommand(ctx, s),
		resumeCommand(ctx, s),
		pinCommand(ctx, s),
		skipCommand(ctx, s),
		retryCommand(ctx, s),
		rollbackCommand(ctx, s),
		cleanupCommand(ctx, s),
		reportCommand(ctx, s),
		auditCommand(ctx, s),
		iamPolicyCommand(s),
	}
}
