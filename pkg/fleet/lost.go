package fleet

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// lost is what nobody knows any more of a database: AWS shows that the campaign
// worked on it, and the journal holds nothing of that, because the state was
// deleted, or is another one. What AWS tells again, or a new run has found out
// since, is not in it.
func (e *Engine) lost(f bluegreen.Facts, s bluegreen.State, mem *dbMemory) []string {
	var ours *bluegreen.Deployment
	for i, d := range f.Deployments {
		if d.Tags[bluegreen.TagCampaign] == e.cfg.Plan.Name && d.Tags[bluegreen.TagDatabase] == f.ID {
			ours = &f.Deployments[i]
		}
	}
	if ours == nil || f.Record.Deployment != "" || f.Record.BlueBefore != nil {
		return nil
	}
	list := []string{"who began it, and when it was approved"}
	if mem == nil || mem.verdict == nil {
		list = append(list, "what its precheck saw")
	}
	if ours.Status != bluegreen.SwitchoverCompleted && s.OldBlue == "" {
		return list
	}
	if mem == nil || mem.downtime == nil {
		list = append(list, "for how long clients were kept out")
	}
	if f.Record.Binlog == "" {
		list = append(list, "its place in the binary log at the switchover")
	}
	return append(list, "when it was switched over, but for what RDS still tells")
}

// lostWarnings tell of the campaign what is lost, once for all its databases.
func lostWarnings(list []DatabaseStatus) []string {
	var ids []string
	for _, d := range list {
		if len(d.Lost) > 0 {
			ids = append(ids, d.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	slices.Sort(ids)
	names := strings.Join(ids[:min(5, len(ids))], ", ")
	if n := len(ids) - 5; n > 0 {
		names += fmt.Sprintf(" and %d more", n)
	}
	return []string{fmt.Sprintf("the journal knows nothing of what AWS shows: the campaign worked on %d of its databases (%s) with another state, or its state was lost. "+
		"Not known any more: approvals (give them again), who did what, what prechecks saw, measured downtime, and what the databases' own lines name. "+
		"Where they stand is read from AWS and is sure", len(ids), names)}
}
