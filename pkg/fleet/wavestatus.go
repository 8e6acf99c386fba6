package fleet

import (
	"fmt"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

func (in scheduleInput) waveStatus(w int, c *counts) WaveStatus {
	t, wv := c.tally[w], in.waves[w]
	st := WaveStatus{Name: wv.Name, Total: t.total, Done: t.done, Failed: t.failed, Blocked: t.blocked, Budget: wv.Budget.String(), Approval: wv.Approval}
	if h := in.approved[w]; h != nil {
		st.ApprovedBy, st.ApprovedAt = h.By, &h.At
	}
	ready := t.ready
	switch {
	case t.done == t.total:
		st.State = "done"
	case c.stopped[w] && (c.spent != "" || in.spent(c.rollout, w, t) != ""):
		st.State, st.Reason = "stopped", c.spent+in.spent(c.rollout, w, t)
	case c.stopped[w]:
		st.State, st.Reason = "stopped", fmt.Sprintf("%d failed, the error budget is %s", t.failed, wv.Budget)
	case t.done+t.failed+t.blocked == t.total:
		st.State, st.Reason = "partial", fmt.Sprintf("%d blocked or rolled back, %d failed", t.blocked, t.failed)
	case w > c.openWave:
		st.State = "pending"
		if c.stopped[c.openWave] {
			st.Reason = "wave " + in.waves[c.openWave].Name + " is stopped"
		}
	case in.paused != nil || in.wavePaused[w] != nil:
		st.State = "paused"
	case ready > 0 && wv.Approval == "manual" && in.approved[w] == nil:
		st.State, st.Reason = "awaiting-approval", fmt.Sprintf("%s ready; %s", greensAre(ready), in.asksApproval(w))
	case ready > 0 && in.windowErr != "" && c.switching[w] == 0:
		st.State, st.Reason = "waiting-for-window", in.windowErr
	default:
		st.State = "running"
	}
	return st
}

// asksApproval is what a wave that needs a person's word shows.
func (in scheduleInput) asksApproval(w int) string {
	ask := "approve --wave " + in.waves[w].Name
	if w < len(in.void) && in.void[w] != "" {
		return in.void[w] + "; look at it again, then: " + ask
	}
	return "the wave waits for approval: " + ask
}

func greensAre(n int) string {
	if n == 1 {
		return "1 green is"
	}
	return fmt.Sprintf("%d greens are", n)
}

// waitingFor lists what the campaign rests on, each line once.
func (in scheduleInput) waitingFor(s *schedule, units []unit, c *counts) []string {
	if s.moving {
		return nil
	}
	var lines []string
	seen := map[string]bool{}
	add := func(line string) {
		if line != "" && !seen[line] {
			seen[line] = true
			lines = append(lines, line)
		}
	}
	for i := range units {
		u := &units[i]
		if in.only != nil && !in.only[u.key] {
			continue
		}
		if u.state.Ambiguous || u.state.Stage == bluegreen.Held {
			add(u.facts.ID + ": " + u.state.Reason + " -> " + u.state.NextStep)
		}
	}
	for i := range units {
		if u := &units[i]; u.wave == c.openWave && !u.state.Stage.Terminal() && u.state.Stage != bluegreen.Held {
			add(s.wait[i])
		}
	}
	return lines
}
