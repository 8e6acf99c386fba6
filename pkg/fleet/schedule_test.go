package fleet

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

// unitAt is a database of a wave in a stage, with the step that follows from it.
func unitAt(id string, wave int, stage bluegreen.Stage) unit {
	u := unit{key: id, scope: "a/r", wave: wave, instances: 1, size: 100, facts: bluegreen.Facts{ID: id}, state: bluegreen.State{Stage: stage, Reason: "r", NextStep: "n"}}
	switch stage {
	case bluegreen.Checked:
		u.step = bluegreen.Step{Queue: bluegreen.BuildQueue, Actions: []bluegreen.Action{{Kind: bluegreen.CreateDeployment}}}
	case bluegreen.Ready:
		u.step = bluegreen.Step{Queue: bluegreen.SwitchQueue, Actions: []bluegreen.Action{{Kind: bluegreen.Switchover}}, Work: []bluegreen.Work{bluegreen.WorkLag}}
	case bluegreen.RollingBack:
		u.step = bluegreen.Step{Actions: []bluegreen.Action{{Kind: bluegreen.DeleteDeployment}}}
	case bluegreen.Soaking, bluegreen.Done:
		u.facts.Record.ConfirmedAt = time.Unix(1, 0)
	}
	return u
}

// unitsAt reads "0:checked 0:ready 1:done": wave and stage of each database.
func unitsAt(text string) []unit {
	var out []unit
	for n, f := range strings.Fields(text) {
		var wave int
		var stage string
		fmt.Sscanf(strings.Replace(f, ":", " ", 1), "%d %s", &wave, &stage)
		out = append(out, unitAt(fmt.Sprintf("db-%d", n), wave, bluegreen.Stage(stage)))
	}
	return out
}

func twoWaves() scheduleInput {
	wave := func(name string) plan.Wave {
		return plan.Wave{Name: name, BuildLimit: 2, SwitchLimit: 2, Budget: plan.Budget{Count: 1}, Approval: "auto"}
	}
	return scheduleInput{waves: []plan.Wave{wave("one"), wave("two")}, approved: make([]*bluegreen.Human, 2), wavePaused: make([]*bluegreen.Human, 2)}
}

func TestSchedule(t *testing.T) {
	anna := &bluegreen.Human{By: "anna"}
	tests := []struct {
		name   string
		units  string
		change func(*scheduleInput, []unit)
		act    []int
		wait   string // part of the first reason to wait
	}{
		{"builds up to the limit", "0:checked 0:checked 0:checked", nil, []int{0, 1}, "the limit"},
		{"greens under way count", "0:provisioning 0:adjusting 0:checked", nil, nil, "the limit"},
		{"greens that are ready do not", "0:ready 0:ready 0:checked", func(in *scheduleInput, _ []unit) { in.windowErr = "shut" }, []int{2}, "shut"},
		{"the smallest first, then the largest", "0:checked 0:checked 0:checked", func(_ *scheduleInput, us []unit) { us[0].size, us[2].size = 300, 10 }, []int{0, 2}, "the limit"},
		{"the later wave waits", "0:checked 1:checked", nil, []int{0}, "turn has not come"},
		{"or builds ahead", "0:checked 1:checked", func(in *scheduleInput, _ []unit) { in.buildAhead = true }, []int{0, 1}, ""},
		{"not in the quota that its wave needs", "0:provisioning 0:provisioning 0:checked 0:pending 1:checked", func(in *scheduleInput, _ []unit) {
			in.buildAhead, in.quotaLeft = true, map[string]int{"a/r": 2}
		}, nil, "the limit"},
		{"in the quota that is left", "0:provisioning 0:provisioning 0:checked 0:pending 1:checked", func(in *scheduleInput, _ []unit) {
			in.buildAhead, in.quotaLeft = true, map[string]int{"a/r": 3}
		}, []int{4}, "the limit"},
		{"of both in one tick", "0:checked 0:checked 1:checked", func(in *scheduleInput, _ []unit) {
			in.buildAhead, in.quotaLeft = true, map[string]int{"a/r": 3}
		}, []int{0, 1, 2}, ""},
		{"but never switches ahead", "0:provisioning 1:ready", func(in *scheduleInput, _ []unit) { in.buildAhead = true }, nil, "turn has not come"},
		{"the later wave's turn", "0:done 0:skipped 0:blocked 1:checked", nil, []int{3}, ""},
		{"a held database keeps its wave open", "0:held 1:checked", nil, nil, "turn has not come"},
		{"the first of a wave switches alone", "0:ready 0:ready 0:ready", nil, []int{0}, "switches alone"},
		{"then up to the limit", "0:done 0:ready 0:ready 0:ready", nil, []int{1, 2}, "the limit"},
		{"while one soaks, too", "0:soaking 0:ready", nil, []int{1}, ""},
		{"one under way counts", "0:done 0:switching 0:switched 0:ready", nil, nil, "the limit"},
		{"one that nobody understands counts", "0:done 0:held 0:ready", func(in *scheduleInput, us []unit) {
			in.waves[0].SwitchLimit, in.waves[0].Budget.Count, us[1].state.Ambiguous = 1, 5, true
		}, nil, "the limit"},
		{"never two of one service", "0:done 0:ready 0:ready", func(_ *scheduleInput, us []unit) { us[1].service, us[2].service = "web", "web" }, []int{1}, "service web"},
		{"whatever the wave", "0:done 0:ready 1:switching", func(_ *scheduleInput, us []unit) { us[1].service, us[2].service = "web", "web" }, nil, "service web"},
		{"no window", "0:ready", func(in *scheduleInput, _ []unit) { in.windowErr = "no window is open" }, nil, "no window"},
		{"greens are built without a window", "0:checked", func(in *scheduleInput, _ []unit) { in.windowErr = "no window is open" }, []int{0}, ""},
		{"not approved", "0:ready", func(in *scheduleInput, _ []unit) { in.waves[0].Approval = "manual" }, nil, "approve --wave one"},
		{"approved", "0:ready", func(in *scheduleInput, _ []unit) { in.waves[0].Approval, in.approved[0] = "manual", anna }, []int{0}, ""},
		{"another wave's approval", "0:ready", func(in *scheduleInput, _ []unit) { in.waves[0].Approval, in.approved[1] = "manual", anna }, nil, "approve --wave one"},
		{"the campaign is paused", "0:checked", func(in *scheduleInput, _ []unit) { in.paused = anna }, nil, "paused by anna"},
		{"the wave is paused", "0:ready", func(in *scheduleInput, _ []unit) { in.wavePaused[0] = anna }, nil, "wave is paused by anna"},
		{"a way back waits for nothing", "0:rolling-back", func(in *scheduleInput, _ []unit) { in.paused, in.windowErr = anna, "shut" }, []int{0}, ""},
		{"the budget is used up", "0:failed 0:failed 0:ready 0:checked", nil, nil, "budget"},
		{"and stops the waves after it", "0:failed 0:failed 1:checked", func(in *scheduleInput, _ []unit) { in.buildAhead = true }, nil, "budget"},
		{"quota for no green", "0:checked", func(in *scheduleInput, _ []unit) { in.quotaLeft = map[string]int{"a/r": 0} }, nil, "quota"},
		{"quota for one of two", "0:checked 0:checked", func(in *scheduleInput, _ []unit) { in.quotaLeft = map[string]int{"a/r": 1} }, []int{0}, "quota"},
		{"replicas take quota, too", "0:checked", func(in *scheduleInput, us []unit) { in.quotaLeft, us[0].instances = map[string]int{"a/r": 2}, 3 }, nil, "needs 3"},
		{"another scope's quota", "0:checked", func(in *scheduleInput, _ []unit) { in.quotaLeft = map[string]int{"b/r": 0} }, []int{0}, ""},
		{"greens alive", "0:checked 0:ready", func(in *scheduleInput, _ []unit) { in.maxGreens, in.windowErr = 1, "shut" }, nil, "greens are alive"},
		{"AWS asked to wait", "0:checked", func(_ *scheduleInput, us []unit) { us[0].resting = true }, nil, "AWS asked to wait"},
		{"not read in this tick", "0:ready", func(_ *scheduleInput, us []unit) { us[0].unread = true }, nil, "could not be read"},
		{"a rollback touches its own alone", "0:rolling-back 0:checked", func(in *scheduleInput, _ []unit) { in.only = map[string]bool{"db-0": true} }, []int{0}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in, us := twoWaves(), unitsAt(tt.units)
			if tt.change != nil {
				tt.change(&in, us)
			}
			s := in.decide(us)
			got := slices.Sorted(slices.Values(s.act))
			if d := cmp.Diff(tt.act, got); d != "" {
				t.Errorf("acts (-want +got):\n%s\nwaits: %q", d, s.wait)
			}
			if reasons := strings.Join(s.wait, "|"); tt.wait != "" && !strings.Contains(reasons, tt.wait) || tt.wait == "" && strings.Trim(reasons, "|") != "" {
				t.Errorf("waits %q, want %q", reasons, tt.wait)
			}
		})
	}
}

func TestOutcome(t *testing.T) {
	tests := []struct {
		name   string
		units  string
		change func(*scheduleInput, []unit)
		want   Outcome
		state  string // of the first wave
	}{
		{"done", "0:done 0:skipped 1:cleaned", nil, OutcomeDone, "done"},
		{"blocked", "0:done 0:blocked 1:done", nil, OutcomePartial, "partial"},
		{"failed within the budget", "0:done 0:failed 1:done", func(in *scheduleInput, _ []unit) { in.waves[0].Budget.Count = 2 }, OutcomePartial, "partial"},
		{"rolled back", "0:rolled-back", nil, OutcomePartial, "partial"},
		{"stopped by its budget", "0:failed 0:failed 0:ready 1:checked", nil, OutcomePartial, "stopped"},
		{"held", "0:done 0:held", nil, OutcomeWaiting, "running"},
		{"waits for approval", "0:ready", func(in *scheduleInput, _ []unit) { in.waves[0].Approval = "manual" }, OutcomeWaiting, "awaiting-approval"},
		{"waits for a window", "0:ready", func(in *scheduleInput, _ []unit) { in.windowErr = "shut" }, OutcomeWaiting, "waiting-for-window"},
		{"paused", "0:checked", func(in *scheduleInput, _ []unit) { in.paused = &bluegreen.Human{By: "anna"} }, OutcomeWaiting, "paused"},
		{"ambiguous", "0:done 0:held", func(_ *scheduleInput, us []unit) { us[1].state.Ambiguous = true }, OutcomeAmbiguous, ""},
		{"ambiguous, but others move", "0:provisioning 0:held", func(_ *scheduleInput, us []unit) { us[1].state.Ambiguous = true }, OutcomeRunning, ""},
		{"building", "0:provisioning 0:held", nil, OutcomeRunning, "running"},
		{"may build", "0:checked", nil, OutcomeRunning, "running"},
		{"soaking", "0:soaking", nil, OutcomeRunning, "running"},
		{"AWS asked to wait", "0:checked", func(_ *scheduleInput, us []unit) { us[0].resting = true }, OutcomeRunning, "running"},
		{"not read", "0:unknown", func(_ *scheduleInput, us []unit) { us[0].unread = true }, OutcomeRunning, "running"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in, us := twoWaves(), unitsAt(tt.units)
			if tt.change != nil {
				tt.change(&in, us)
			}
			s := in.decide(us)
			if s.outcome != tt.want || tt.state != "" && s.waves[0].State != tt.state {
				t.Errorf("%s, first wave %s (%s); want %s, %s; waiting %v", s.outcome, s.waves[0].State, s.waves[0].Reason, tt.want, tt.state, s.waiting)
			}
			if s.outcome == OutcomeWaiting && len(s.waiting) == 0 {
				t.Error("waits, and does not say for what")
			}
		})
	}
}
