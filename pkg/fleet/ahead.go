package fleet

import (
	"fmt"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// aheadCounts is what the schedule counts so that greens built ahead of their
// wave do not take the quota that the wave before needs.
type aheadCounts struct {
	// need is how many instances the greens that the open wave had yet to build
	// when the tick began add, by scope; nil: nobody has asked yet. taken are
	// those of them that were allowed in this tick.
	need, taken map[string]int
}

// toBuild tells that its green has yet to be built, and will be.
func (u *unit) toBuild() bool {
	return (u.state.Stage == bluegreen.Pending || u.state.Stage == bluegreen.Checked) && u.pinned == nil
}

// unseen is how many instances of a green that is being built do not exist yet:
// RDS makes replicas after the primary, and lists a new one late.
func (u *unit) unseen() int {
	if u.state.Deployment == nil {
		return 0
	}
	n := u.instances
	for _, m := range u.state.Deployment.Members {
		if m.Target != "" && u.facts.Instances[bluegreen.IDFromARN(m.Target)] != nil {
			n--
		}
	}
	return max(0, n)
}

// openNeeds is how many instances the greens that the open wave has yet to build
// will add to a scope.
func (c *counts) openNeeds(scope string) int {
	if c.ahead.need == nil {
		c.ahead.need = map[string]int{}
		for i := range c.units {
			if u := &c.units[i]; u.wave == c.openWave && u.toBuild() {
				c.ahead.need[u.scope] += u.instances
			}
		}
	}
	return max(0, c.ahead.need[scope]-c.ahead.taken[scope])
}

// holdQuota keeps to the quota of an account and Region. An old blue does not
// give its place back at the switchover, so greens built ahead leave free all
// that the open wave has yet to build: else both waves could wait for ever.
func (in scheduleInput) holdQuota(u *unit, c *counts, open int) (Limit, string) {
	left, known := in.quotaLeft[u.scope]
	if !known {
		return NoLimit, ""
	}
	room, first := left-c.claimed[u.scope], 0
	if u.wave != open {
		first = c.openNeeds(u.scope)
	}
	switch {
	case u.instances > room:
		return LimitQuota, fmt.Sprintf("the account's quota leaves room for %d more instances, its green needs %d", max(0, room), u.instances)
	case u.instances > room-first:
		return LimitQuota, fmt.Sprintf("the account's quota leaves room for %d more instances, and wave %s, which comes first, needs %d of them", room, in.waves[open].Name, first)
	}
	return NoLimit, ""
}
