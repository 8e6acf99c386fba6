package fleet

import (
	"fmt"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

// rollout is what the schedule counts for batches, budgets by kind, limits by
// scope and the cost of greens.
type rollout struct {
	builds, switches placeCount
	// begun and through count, by wave, switchovers that began and those that soaked.
	begun, through            []int
	failedBuild, failedSwitch []int
	cost                      float64 // USD a day of the greens alive
}

func newRollout(waves int) *rollout {
	return &rollout{builds: newPlaceCount(), switches: newPlaceCount(), begun: make([]int, waves), through: make([]int, waves),
		failedBuild: make([]int, waves), failedSwitch: make([]int, waves)}
}

// places are what a unit counts for: its account, its Region, its service.
func (u *unit) places() [3]string {
	account, _, _ := strings.Cut(u.scope, "/")
	return [3]string{account, u.scope, u.service}
}

func (r *rollout) add(u *unit) {
	st := u.state.Stage
	switch {
	case st == bluegreen.Building || st == bluegreen.Adjusting:
		r.builds.add(u)
	case st == bluegreen.Switching || st == bluegreen.Switched || u.state.Ambiguous:
		r.switches.add(u)
	}
	switch {
	case st == bluegreen.Switching || st == bluegreen.Switched || st == bluegreen.Soaking || u.state.Ambiguous:
		r.begun[u.wave]++
	case (st == bluegreen.Done || st == bluegreen.Cleaned) && !u.facts.Record.SwitchedAt.IsZero():
		r.begun[u.wave]++
		r.through[u.wave]++
	case st == bluegreen.Failed && (u.facts.Record.SwitchAttempts > 0 || u.facts.Record.SwitchError != "" || !u.facts.Record.SwitchedAt.IsZero()):
		r.failedSwitch[u.wave]++
	case st == bluegreen.Failed:
		r.failedBuild[u.wave]++
	}
	if u.state.Ambiguous {
		r.failedSwitch[u.wave]++
	}
	if st.HasGreen() && u.greenCost.Known {
		r.cost += u.greenCost.USD
	}
}

// placeCount counts by account, by account/region, and by service.
type placeCount [3]map[string]int

func newPlaceCount() placeCount {
	return placeCount{{}, {}, {}}
}

func (p placeCount) add(u *unit) {
	for n, name := range u.places() {
		p[n][name]++
	}
}

// take counts a step that was just allowed.
func (r *rollout) take(u *unit) {
	switch u.step.Queue {
	case bluegreen.BuildQueue:
		r.builds.add(u)
		r.cost += u.greenCost.USD
	case bluegreen.SwitchQueue:
		r.switches.add(u)
		r.begun[u.wave]++
	}
}

// spent says which budget by kind is used up for a wave, or for the campaign.
func (in scheduleInput) spent(r *rollout, w int, t tally) string {
	kind := func(b *plan.Budget, failed, total int, what string) string {
		if b == nil || failed == 0 || !b.Exhausted(failed, total) {
			return ""
		}
		return fmt.Sprintf("%d %s, the error budget is %s", failed, what, b)
	}
	wave := in.waves[w]
	if s := kind(wave.BuildBudget, r.failedBuild[w], t.total, "builds failed"); s != "" {
		return s
	}
	return kind(wave.SwitchBudget, r.failedSwitch[w], t.total, "switchovers failed")
}

// campaignSpent says which budget of the whole campaign is used up.
func (in scheduleInput) campaignSpent(r *rollout, tallies []tally) string {
	var total, failed, builds, switches int
	for w, t := range tallies {
		total, failed = total+t.total, failed+t.failed
		builds, switches = builds+r.failedBuild[w], switches+r.failedSwitch[w]
	}
	for _, c := range []struct {
		b      *plan.Budget
		failed int
		what   string
	}{{in.run.Budget, failed, "databases failed"}, {in.run.BuildBudget, builds, "builds failed"}, {in.run.SwitchBudget, switches, "switchovers failed"}} {
		if c.b != nil && c.failed > 0 && c.b.Exhausted(c.failed, total) {
			return fmt.Sprintf("%d %s, the campaign's error budget is %s", c.failed, c.what, c.b)
		}
	}
	return ""
}

// holdScoped says which limit of account, Region or service is reached.
func holdScoped(limits plan.Scoped, counts placeCount, u *unit, doing string) (Limit, string) {
	places := u.places()
	for n, most := range []int{limits.Account, limits.Region, limits.Service} {
		if n == 2 && u.service == "" {
			break
		}
		if most > 0 && counts[n][places[n]] >= most {
			return LimitScope, fmt.Sprintf("%d databases of %s are %s, the limit", most, []string{"", "", "service "}[n]+places[n], doing)
		}
	}
	return NoLimit, ""
}

// holdCost keeps greens within the cost cap; a price that is not known does not pass.
func (in scheduleInput) holdCost(u *unit, r *rollout) (Limit, string) {
	most := in.run.MaxGreenCost
	switch {
	case most <= 0:
		return NoLimit, ""
	case !u.greenCost.Known:
		return LimitCost, "what its green costs is not known (" + u.greenCost.Note + "), and run.max_green_cost is set"
	case r.cost+u.greenCost.USD > most:
		return LimitCost, fmt.Sprintf("greens cost %.2f USD a day, its own would add %.2f, the cap is %.2f", r.cost, u.greenCost.USD, most)
	}
	return NoLimit, ""
}

// holdBatch keeps a wave to its batches.
func (in scheduleInput) holdBatch(u *unit, c *counts) (Limit, string) {
	allowed := in.waves[u.wave].Allowed(c.tally[u.wave].total, c.rollout.through[u.wave])
	if c.rollout.begun[u.wave] < allowed {
		return NoLimit, ""
	}
	return LimitBatch, c.say(LimitBatch, u.wave, func() string {
		return fmt.Sprintf("the wave's batch of %d must soak first; %d are through", allowed, c.rollout.through[u.wave])
	})
}

// parked warns of greens that have been ready for too long.
func (in scheduleInput) parked(units []unit) []string {
	if in.run.MaxGreenAge <= 0 {
		return nil
	}
	var old []string
	for i := range units {
		u := &units[i]
		if d := u.state.Deployment; u.state.Stage == bluegreen.Ready && d != nil && in.now.Sub(d.Created) > in.run.MaxGreenAge {
			text := fmt.Sprintf("%s: its green is %s old, more than %s", u.facts.ID, in.now.Sub(d.Created).Round(time.Minute), plan.FormatDuration(in.run.MaxGreenAge))
			if u.greenCost.Known {
				text += fmt.Sprintf("; it costs about %.2f USD a day", u.greenCost.USD)
			}
			old = append(old, text)
		}
	}
	return old
}

// dailyCost is what a green and its replicas cost in a day.
func dailyCost(blue *bluegreen.Instance, t *bluegreen.Target, p *bluegreen.Prices) bluegreen.Estimate {
	if blue == nil || t == nil {
		return bluegreen.Estimate{Note: "its target is not known"}
	}
	e := bluegreen.MonthlyCostAfter(*blue, t.Class, &t.Storage, p).Total
	e.USD *= float64(1+len(blue.Replicas)) * 24 / bluegreen.HoursPerMonth
	return e
}

// undrilled says why later waves wait for a drill of the way back, "" when
// the plan wants none or one has passed.
func (in scheduleInput) undrilled(units []unit) string {
	if in.drill == "" {
		return ""
	}
	first := ""
	for i := range units {
		u := &units[i]
		if in.drill == plan.DrillFirst && u.wave > 0 || in.drill != plan.DrillFirst && u.facts.ID != in.drill {
			continue
		}
		if u.drilled {
			return ""
		}
		if first == "" || u.facts.ID < first {
			first = u.facts.ID
		}
	}
	if first == "" {
		return "switchover.way_back.drill names " + in.drill + ", which is no database of the campaign"
	}
	return "no drill of the way back has passed: rollback --drill --database " + first
}
