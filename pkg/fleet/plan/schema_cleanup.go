package plan

import "time"

// Cleanup is the policy for old blues, their read replicas, and servers that a
// rollback set aside.
type Cleanup struct {
	// Keep is how long a server is kept after it stopped serving; going back is
	// possible that long. Default 14 days.
	Keep time.Duration
	// Policy is manual (default: a person confirms each removal) or automatic
	// (run removes what is due by itself).
	Policy string
}

// The words of Cleanup.Policy.
const (
	CleanupManual    = "manual"
	CleanupAutomatic = "automatic"
)

// shortKeep is what a plan is warned about: a week's jobs have not run once.
const shortKeep = day

var cleanupFields = []field[Cleanup]{
	{key: "keep_old_blue", read: func(d *decoder, v value, c *Cleanup) {
		t, ok := d.duration(v, 0, longest)
		if !ok {
			return
		}
		if c.Keep = t; t < shortKeep {
			d.warn(v.pos, v.path, "short-keep", v.path+": old servers may be removed "+v.node.Value+" after they stopped serving, and with them the way back", "a week and more lets weekly jobs run first")
		}
	}},
	choice("policy", "bad-policy", func(c *Cleanup) *string { return &c.Policy }, CleanupManual, CleanupAutomatic),
}
