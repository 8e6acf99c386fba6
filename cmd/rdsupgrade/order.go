package main

import (
	"errors"
	"fmt"

	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

// carryOrder journals a person's order and sees it through, for the databases
// it names and no others. Where a run holds the state the order is left to it:
// then the campaign is nil, and watch is the command that shows how it goes.
// A campaign that is not nil is the caller's to close, with an error too.
func carryOrder(ctx contexts, s streams, g global, path, command, watch string, reqs []journal.Request) (*open, fleet.Status, error) {
	var st fleet.Status
	c, err := openCampaign(ctx, g, path, command+" "+path)
	var locked *journal.LockedError
	if errors.As(err, &locked) {
		where, err := g.where(ctx.hard)
		if err != nil {
			return nil, st, err
		}
		for _, r := range reqs {
			if err := where.Submit(ctx.hard, r); err != nil {
				return nil, st, err
			}
		}
		fmt.Fprintln(s.err, "handed to the run that is going on ("+locked.Holder.String()+"); "+watch+" shows how it goes")
		return nil, st, nil
	}
	if err != nil {
		return nil, st, err
	}
	only := map[string]bool{}
	for _, r := range reqs {
		only[r.Database] = true
		if err := c.store.Say(r); err != nil {
			return c, st, err
		}
	}
	show := newProgress(s.err)
	st, err = c.drive(ctx, only, show.update)
	show.end()
	return c, st, err
}
