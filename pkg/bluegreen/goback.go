package bluegreen

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Going back after a switchover: RDS has no call for it (User Guide, "Switching
// a blue/green deployment"), so it is a road of steps of its own. Every step is
// told from AWS and from what the journal noted, and can be taken twice.

// GoBackStep is one step of the road back.
type GoBackStep string

// The steps, in their order.
const (
	GoBackBegin   GoBackStep = "begin"
	GoBackShell   GoBackStep = "delete-deployment"
	GoBackArm     GoBackStep = "follow"
	GoBackPrepare GoBackStep = "prepare-old"
	GoBackStop    GoBackStep = "stop-writes"
	GoBackCatchUp GoBackStep = "catch-up"
	GoBackEnd     GoBackStep = "end-replication"
	GoBackCompare GoBackStep = "compare"
	GoBackOpen    GoBackStep = "open-old"
	GoBackRename  GoBackStep = "rename"
	GoBackVerify  GoBackStep = "verify"
	// GoBackAbandon is not on the road: writes are given back to the new server.
	GoBackAbandon GoBackStep = "abandon"
)

// GoBackSteps is the table of steps: what each does, and whether writes are
// stopped meanwhile. Until old blue has the name, the way forward is open
// (GoBackAbandon).
var GoBackSteps = []struct {
	Step    GoBackStep
	Does    string
	Stopped bool
}{
	{GoBackBegin, "note names, resource ids and parameter groups of both servers", false},
	{GoBackShell, "delete the completed deployment's record; its instances stay", false},
	{GoBackArm, "drill only: let the server that was kept follow the one that serves", false},
	{GoBackPrepare, "give old blue a parameter group of its own, closed to writes, and reboot it: it only replicates", false},
	{GoBackStop, "stop writes on the new server: a group of its own with read_only=1, a reboot, proven over SQL", true},
	{GoBackCatchUp, "wait until old blue has the new server's last write", true},
	{GoBackEnd, "end the reverse replication", true},
	{GoBackCompare, "count the rows of small tables on both servers", true},
	{GoBackOpen, "let old blue take writes: read_only=0 in its own group, proven over SQL", true},
	{GoBackRename, "rename the new server aside, and old blue to the name that clients use", true},
	{GoBackVerify, "ask the server behind the name who it is, and write a row", true},
}

// GoBackPair is an instance of the new side with its counterpart of the old one:
// the primary first, then each read replica. Names move, resource ids do not.
type GoBackPair struct {
	ID    string `json:"id"`    // the name that clients use
	Kept  string `json:"kept"`  // the old instance's name while the new one serves (ID-old1)
	Aside string `json:"aside"` // the new instance's name after going back (ID-rolledback)
	New   string `json:"new_resource"`
	Old   string `json:"old_resource"`
}

// GoBackSide is a primary's parameter groups: the one it had, with what was set
// in it, and the one of its own that opens and closes it.
type GoBackSide struct {
	Version    string      `json:"version"`
	Group      string      `json:"group"`
	Own        string      `json:"own_group"`
	Family     string      `json:"family"`
	Parameters []Parameter `json:"parameters,omitempty"`
}

// GoBackLoss is what was lost by going back, as far as it could be told.
type GoBackLoss struct {
	Text string `json:"text"`
	// From and To are places in the new server's binary log between which the
	// lost writes stand; To is "" where it could not be read.
	From    string  `json:"from,omitempty"`
	To      string  `json:"to,omitempty"`
	Seconds float64 `json:"seconds,omitempty"`
	Bytes   int64   `json:"bytes,omitempty"`
}

// GoBackNote is what the journal keeps of a step that is done.
type GoBackNote struct {
	Step GoBackStep `json:"step"`
	// Proof is what showed that it is done, in words.
	Proof string `json:"proof,omitempty"`
	// Pairs, New and Old are of GoBackBegin.
	Pairs []GoBackPair `json:"pairs,omitempty"`
	New   *GoBackSide  `json:"new,omitempty"`
	Old   *GoBackSide  `json:"old,omitempty"`
	// Place is the end of the new server's binary log, of GoBackCatchUp;
	// OldPlace the end of old blue's, of GoBackEnd: where the way forward begins.
	Place    string `json:"place,omitempty"`
	OldPlace string `json:"old_place,omitempty"`
	// NewUUID and OldUUID are the servers' own names, which no renaming changes.
	NewUUID string `json:"new_uuid,omitempty"`
	OldUUID string `json:"old_uuid,omitempty"`
	// Lost is what is lost, nil for nothing.
	Lost *GoBackLoss `json:"lost,omitempty"`
	// Failed: the step's answer is no, and a person must decide.
	Failed bool `json:"failed,omitempty"`
	// Forward is the second half of a drill.
	Forward bool `json:"forward,omitempty"`
}

// GoBack is a person's order to go back after a switchover, and what the journal
// holds of how far it got. It is never changed in place.
type GoBack struct {
	Human
	AcceptLoss bool
	Drill      bool
	// Forward is the second half of a drill: the same road with the sides swapped.
	Forward bool
	// Armed: reverse replication was armed when the order came.
	Armed bool
	// Abandon is a person's word to give writes back to the new server.
	Abandon *Human

	Pairs    []GoBackPair
	New, Old GoBackSide
	Place    string
	OldPlace string
	NewUUID  string
	OldUUID  string
	Lost     *GoBackLoss
	// Reached is when each step was noted as done, Proofs what showed it.
	Reached map[GoBackStep]time.Time
	Proofs  map[GoBackStep]string
	// Failed is the step whose answer was no, "" for none.
	Failed GoBackStep
	// Set is what was set in the groups of their own, by group and parameter;
	// Touched when a group was last set, and an instance last rebooted, by name.
	Set     map[string]map[string]string
	Touched map[string]time.Time
	// From is the place in the new server's log from which the old side would
	// follow, or has followed.
	From string
	// Was is the switchover that is undone, for the way forward.
	Was SwitchedBefore
	// Done is when it was verified that old blue serves, zero before.
	Done time.Time
}

// SwitchedBefore is what the record holds of a switchover.
type SwitchedBefore struct {
	At, ConfirmedAt time.Time
	To, By, Binlog  string
}

// Clone is a copy that shares nothing that changes.
func (g GoBack) Clone() *GoBack {
	g.Reached, g.Proofs, g.Touched = cloneMap(g.Reached), cloneMap(g.Proofs), cloneMap(g.Touched)
	set := map[string]map[string]string{}
	for group, values := range g.Set {
		set[group] = cloneMap(values)
	}
	g.Set = set
	return &g
}

func cloneMap[K comparable, V any](m map[K]V) map[K]V {
	if m == nil {
		return map[K]V{}
	}
	return maps.Clone(m)
}

// Take is the order after a step was noted at a time.
func (g GoBack) Take(n GoBackNote, at time.Time) *GoBack {
	c := g.Clone()
	c.Failed = ""
	if n.Failed {
		c.Failed = n.Step
	} else {
		c.Reached[n.Step] = at
	}
	c.Proofs[n.Step] = n.Proof
	if len(n.Pairs) > 0 {
		c.Pairs = n.Pairs
	}
	if n.New != nil && n.Old != nil {
		c.New, c.Old = *n.New, *n.Old
	}
	c.Place, c.OldPlace = firstOf(n.Place, c.Place), firstOf(n.OldPlace, c.OldPlace)
	c.NewUUID, c.OldUUID = firstOf(n.NewUUID, c.NewUUID), firstOf(n.OldUUID, c.OldUUID)
	if n.Lost != nil {
		c.Lost = n.Lost
	}
	if n.Step == GoBackVerify && !n.Failed {
		c.Done = at
	}
	return c
}

// Turn is the second half of a drill: the way forward again, begun at a time.
// What went back is kept as Was.
func (g GoBack) Turn(at time.Time) *GoBack {
	next := GoBack{Human: g.Human, Drill: true, Forward: true, Armed: true, New: g.Old, Old: g.New, From: g.OldPlace, Was: g.Was,
		Set: g.Set, Touched: g.Touched, NewUUID: g.OldUUID, OldUUID: g.NewUUID}
	for _, p := range g.Pairs {
		next.Pairs = append(next.Pairs, GoBackPair{ID: p.ID, Kept: p.Aside, Aside: p.Kept, New: p.Old, Old: p.New})
	}
	n := next.Clone()
	n.Reached[GoBackBegin] = at
	return n
}

// has tells that the values were set in a group of its own.
func (g *GoBack) has(group string, want []Parameter) bool {
	for _, p := range want {
		if g.Set[group][p.Name] != p.Value {
			return false
		}
	}
	return true
}

// settings are the values of a side's own group: those it had, with writes
// open or closed. Events run only where writes are open.
func (s GoBackSide) settings(open bool) []Parameter {
	out := slices.Clone(s.Parameters)
	set := func(name, value string) {
		p := Parameter{Name: name, Value: value, HasValue: true, ApplyType: "dynamic", ApplyMethod: "immediate"}
		if n := slices.IndexFunc(out, func(q Parameter) bool { return q.Name == name }); n >= 0 {
			out[n] = p
			return
		}
		out = append(out, p)
	}
	if open {
		set("read_only", "0")
		return out
	}
	set("read_only", "1")
	set("event_scheduler", "OFF")
	return out
}

// switches are those settings that opening and closing change.
func (s GoBackSide) switches(open bool) []Parameter {
	var out []Parameter
	for _, p := range s.settings(open) {
		if p.Name == "read_only" || p.Name == "event_scheduler" {
			out = append(out, p)
		}
	}
	if open && len(out) == 1 { // it was not set before, and is closed explicitly
		out = append(out, Parameter{Name: "event_scheduler", Value: s.eventDefault(), HasValue: true, ApplyType: "dynamic", ApplyMethod: "immediate"})
	}
	return out
}

// eventDefault is the server's own default (MySQL 8.0 reference manual,
// "event_scheduler": ON from 8.0, OFF before).
func (s GoBackSide) eventDefault() string {
	if olderThan(s.Version, "8.0.0") {
		return "OFF"
	}
	return "ON"
}

// GoBackGroupName is the deterministic name of a server's own group.
func GoBackGroupName(campaign, database, resource string) string {
	name := slug(campaign + "-" + database + "-own")
	return name[:min(len(name), 200)] + "-" + shortHash(campaign, database, resource)
}

// ServerLook is what a server says of itself.
type ServerLook struct {
	Err      string // why it could not be asked, "" when it was
	Version  string
	UUID     string // @@server_uuid: the same server under every name
	ReadOnly bool
	// File and Position are the end of its own binary log.
	File        string
	Position    uint64
	Replication Replication
}

func (l ServerLook) place() string { return fmt.Sprintf("%s:%d", l.File, l.Position) }

// GoBackLook is one reading of both servers. The new one's place is read before
// the old one's replication: what the old one has applied by then, it has.
type GoBackLook struct {
	At       time.Time
	New, Old ServerLook
}
