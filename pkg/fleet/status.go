// Package fleet is the campaign: who is in which wave, what may happen now, and
// the engine that observes AWS, decides with pure functions, and acts.
package fleet

import (
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// Status is the campaign at one moment: the answer of the status command, and
// what the reports are made of.
type Status struct {
	Campaign string    `json:"campaign"`
	Deadline string    `json:"deadline"` // YYYY-MM-DD
	At       time.Time `json:"at"`
	Target   string    `json:"target"`
	Outcome  Outcome   `json:"outcome"`
	// Waiting is why the run would stop now, one line each.
	Waiting []string `json:"waiting,omitempty"`
	// Warnings are what somebody should look at in time, one line each.
	Warnings  []string         `json:"warnings,omitempty"`
	Waves     []WaveStatus     `json:"waves"`
	Databases []DatabaseStatus `json:"databases"`
	// Unassigned are databases that no wave selects, so that a report does not forget them.
	Unassigned []DatabaseStatus `json:"unassigned,omitempty"`
	// Lifecycles is the support calendar used.
	Lifecycles []bluegreen.Lifecycle `json:"lifecycles,omitempty"`
	// Unreachable are the account and Region scopes that could not be read.
	Unreachable []string `json:"unreachable,omitempty"`
	// Saved are the saved plans that runs were held to, oldest first.
	Saved []SavedUse `json:"saved_plans,omitempty"`
}

// Outcome is how the campaign stands, and gives the exit code.
type Outcome string

// The outcomes.
const (
	OutcomeRunning   Outcome = "running"
	OutcomeDone      Outcome = "done"
	OutcomePartial   Outcome = "partial"   // the rest is blocked or failed
	OutcomeWaiting   Outcome = "waiting"   // for a person or a window
	OutcomeAmbiguous Outcome = "ambiguous" // a person must look
)

// WaveStatus is one wave.
type WaveStatus struct {
	Name string `json:"name"`
	// State is pending, awaiting-approval, waiting-for-window, running,
	// paused, stopped (error budget), done or partial.
	State      string     `json:"state"`
	Total      int        `json:"total"`
	Done       int        `json:"done"`
	Failed     int        `json:"failed"`
	Blocked    int        `json:"blocked"`
	Budget     string     `json:"error_budget"`
	Approval   string     `json:"approval"` // manual or auto
	ApprovedBy string     `json:"approved_by,omitempty"`
	ApprovedAt *time.Time `json:"approved_at,omitempty"`
	Reason     string     `json:"reason,omitempty"`
	// Fingerprint is of the wave's databases and targets as they are now, which
	// an approval would be given for; ApprovedFor is the one that was approved.
	Fingerprint string `json:"fingerprint,omitempty"`
	ApprovedFor string `json:"approved_for,omitempty"`
	// Stopped is the hook that does not let the wave begin.
	Stopped   *bluegreen.Stop      `json:"stopped,omitempty"`
	Overrides []bluegreen.Override `json:"overrides,omitempty"`
}

// DatabaseStatus is one database.
type DatabaseStatus struct {
	ID      string   `json:"id"`
	Account string   `json:"account"`
	Region  string   `json:"region"`
	Service string   `json:"service"`
	Owner   string   `json:"owner,omitempty"`
	Wave    string   `json:"wave"`
	Stage   string   `json:"stage"`
	Route   []string `json:"route"`
	// Engine, class and storage of what answers under the database's name now.
	EngineVersion string `json:"engine_version"`
	InstanceClass string `json:"instance_class"`
	StorageType   string `json:"storage_type"`
	AllocatedGiB  int    `json:"allocated_gib,omitempty"`
	MultiAZ       bool   `json:"multi_az,omitempty"`
	Replicas      int    `json:"replicas,omitempty"`
	Blue          string `json:"blue"`
	Green         string `json:"green"`
	OldBlue       string `json:"old_blue"`
	Deployment    string `json:"deployment"`
	Reason        string `json:"reason"`
	NextStep      string `json:"next_step"`
	// OnTarget tells that version, storage type and class are the target's;
	// Off lists what is not.
	OnTarget      bool     `json:"on_target"`
	Off           []string `json:"off_target,omitempty"`
	TargetVersion string   `json:"target_version,omitempty"`
	TargetClass   string   `json:"target_class,omitempty"`
	TargetStorage string   `json:"target_storage,omitempty"`
	// Precheck is the last verdict, its counts and time.
	Precheck *PrecheckStatus `json:"precheck,omitempty"`
	// History is what the journal holds of the database, oldest first.
	History []HistoryEntry `json:"history,omitempty"`
	// SwitchedAt is when the switchover was seen completed.
	SwitchedAt *time.Time `json:"switched_at,omitempty"`
	SoakUntil  *time.Time `json:"soak_until,omitempty"`
	// Binlog is green's position at the switchover, from the RDS event.
	Binlog string `json:"binlog,omitempty"`
	// Downtime is what clients felt of the last switchover, where it was measured.
	Downtime *Downtime `json:"downtime,omitempty"`
	// DowntimeUnknown is why the last switchover's downtime is not known.
	DowntimeUnknown string `json:"downtime_unknown,omitempty"`
	// WayBack is what can still be undone.
	WayBack WayBack `json:"way_back"`
	// GoBack is the last order to go back after a switchover, nil for none.
	GoBack  *GoBackStatus `json:"go_back,omitempty"`
	Waivers int           `json:"waivers,omitempty"`
	// Lost is what nobody knows any more, because the journal that held it is
	// not there.
	Lost []string `json:"not_known_any_more,omitempty"`
	// Story is what the journal tells besides; nil for nothing.
	Story *Story `json:"story,omitempty"`
	// Leftovers are the servers that the campaign left behind: old blues, their
	// read replicas, and what a rollback set aside.
	Leftovers []LeftoverStatus `json:"leftovers,omitempty"`
	// Stopped is the gate, hook or soak that does not let it go on; Overrides are
	// what people said about gates, those that are over too.
	Stopped   *bluegreen.Stop      `json:"stopped,omitempty"`
	Overrides []bluegreen.Override `json:"overrides,omitempty"`
	// Ambiguous: nobody may touch it before a person has looked.
	Ambiguous bool `json:"ambiguous,omitempty"`
}

// Key names the database in the journal: account/region/id.
func (d DatabaseStatus) Key() string { return d.Account + "/" + d.Region + "/" + d.ID }

// PrecheckStatus is a precheck in short.
type PrecheckStatus struct {
	Verdict  string    `json:"verdict"`
	Errors   int       `json:"errors"`
	Warnings int       `json:"warnings"`
	Notices  int       `json:"notices"`
	Unknown  int       `json:"unknown"`
	At       time.Time `json:"at"`
	// Top are the first blocking findings, one line each.
	Top []string `json:"top,omitempty"`
}

// HistoryEntry is one journaled fact about a database.
type HistoryEntry struct {
	Seq  int64     `json:"seq"`
	At   time.Time `json:"at"`
	Kind string    `json:"kind"` // intent, result, stage, gate, precheck, fact, human, note
	What string    `json:"what"`
	By   string    `json:"by,omitempty"`
}

// WayBack says what can still be undone for a database, how, until when, and
// what would be lost.
type WayBack struct {
	// Kind is none-needed (nothing was changed), delete-green (before the
	// switchover), wait (a switchover is in progress), go-back (after it: reverse
	// replication stands, rollback loses nothing), rename-with-loss (old blue is
	// there, writes since would be lost: rollback --accept-loss), going-back
	// (under way), snapshot-only, done (already rolled back) or impossible.
	Kind  string     `json:"kind"`
	How   string     `json:"how"`
	Until *time.Time `json:"until,omitempty"`
	// Loss is what would be lost, in words; LossSince is from when.
	Loss      string     `json:"loss"`
	LossSince *time.Time `json:"loss_since,omitempty"`
	// ArmedAt is when reverse replication to old blue was armed, Reverse how it
	// stands now.
	ArmedAt *time.Time     `json:"armed_at,omitempty"`
	Reverse *bluegreen.Way `json:"reverse,omitempty"`
	// Alarm is why somebody must look at once: reverse replication is broken,
	// could not be armed, or could not be read. "" is all well.
	Alarm string `json:"alarm,omitempty"`
	// Undone is what was undone already.
	Undone []string `json:"undone,omitempty"`
}
