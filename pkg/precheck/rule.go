// Package precheck reads a MySQL server's dictionary once into a Catalog and
// judges it by rules for an upgrade. Reading is the only part that talks to a
// server; every rule is a pure function over the Catalog, so that an audit can
// be saved, judged again for another target, and compared with last week's.
package precheck

import "time"

// Severity is how much a finding matters. It is policy: a rule carries a
// default, a plan may override it.
type Severity string

// The severities, in falling order.
const (
	Error   Severity = "error"   // the upgrade is refused, or the application breaks
	Warning Severity = "warning" // works, but a person should decide
	Notice  Severity = "notice"  // good to know
)

// Finding is one object that a rule points at.
type Finding struct {
	// Object is the shortest full name, raw, joined by dots:
	// schema, schema.table, schema.table.column, schema.table.index,
	// schema.constraint, schema.routine (trigger, event), user@host, variable,
	// tablespace.
	Object string `json:"object"`
	// Schema is the schema the object is in, "" for what belongs to the server.
	Schema  string `json:"schema,omitempty"`
	Message string `json:"message"`
	Fix     string `json:"fix,omitempty"`
	// FixSQL is a statement that would mend it, safely quoted; it is never
	// executed by this tool.
	FixSQL string `json:"fix_sql,omitempty"`
	// Severity overrides the rule's default for this finding, "" for none.
	Severity Severity `json:"severity,omitempty"`
	// Hop is the step the finding belongs to, as in "5.7 -> 8.0".
	Hop string `json:"hop,omitempty"`
	// Waived names the waiver that covers the finding.
	Waived *WaiverRef `json:"waived,omitempty"`
}

// WaiverRef is a waiver as shown beside a finding it covers.
type WaiverRef struct {
	Owner   string    `json:"owner"`
	Reason  string    `json:"reason"`
	Expires time.Time `json:"expires"`
	Expired bool      `json:"expired,omitempty"`
}

// Status is how a check ended.
type Status string

// The states of a check. Only StatusPassed is a pass.
const (
	StatusPassed  Status = "passed"
	StatusFailed  Status = "failed"  // has findings
	StatusSkipped Status = "skipped" // does not apply to this hop, or not asked for; Reason says which
	StatusError   Status = "error"   // could not run: inconclusive
)

// CheckResult is one rule's outcome.
type CheckResult struct {
	ID       string    `json:"id"`
	Title    string    `json:"title,omitempty"`
	Severity Severity  `json:"severity"`
	Status   Status    `json:"status"`
	Reason   string    `json:"reason,omitempty"`
	Grant    string    `json:"grant,omitempty"` // what an errored check lacks
	Hops     []string  `json:"hops,omitempty"`
	Findings []Finding `json:"findings"`
	Doc      string    `json:"doc,omitempty"` // manual page
}

// Verdict is the judgement over a server.
type Verdict string

// The verdicts.
const (
	Ready   Verdict = "ready"
	Blocked Verdict = "blocked"
	Unknown Verdict = "unknown" // a check that could block did not run
)

// Summary counts unwaived findings by severity, and what could not be told.
type Summary struct {
	Errors   int `json:"errors"`
	Warnings int `json:"warnings"`
	Notices  int `json:"notices"`
	Waived   int `json:"waived"`
	Unknown  int `json:"unknown"` // checks with StatusError
}

// Report is the judgement of one server for one target.
type Report struct {
	ID            string        `json:"id"`
	ServerVersion string        `json:"server_version"`
	TargetVersion string        `json:"target_version"`
	Verdict       Verdict       `json:"verdict"`
	Checks        []CheckResult `json:"checks"`
	Summary       Summary       `json:"summary"`
	ReadAt        time.Time     `json:"read_at,omitzero"`
	// Error is set when the server could not be read at all; Code is its
	// stable code (unreachable, access-denied, not-mysql, ...).
	Error string `json:"error,omitempty"`
	Code  string `json:"code,omitempty"`
	// Objects counts what the server holds, where whoever read it wants to keep
	// that; nil: not kept.
	Objects *Objects `json:"objects,omitempty"`
}

// Objects is how many tables and programs a server holds: an upgrade takes the
// longer, the more there are.
type Objects struct {
	Tables   int `json:"tables"`
	Programs int `json:"programs"` // views, routines, triggers, events
	// EventScheduler is the variable as the server shows it, "" when not read.
	EventScheduler string `json:"event_scheduler,omitempty"`
}

// Count counts a catalog's objects, nil when its tables were not read.
func (c *Catalog) Count() *Objects {
	if c.Sections[SectionTables].Status != SectionRead {
		return nil
	}
	o := &Objects{Tables: len(c.Tables), Programs: len(c.Programs)}
	for _, v := range c.Variables {
		if v.Name == "event_scheduler" {
			o.EventScheduler = v.Value
		}
	}
	return o
}

// Waiver is a person's decision that findings may stand, for a time.
type Waiver struct {
	Check     string    `json:"check"`
	Owner     string    `json:"owner"`
	Reason    string    `json:"reason"`
	Expires   time.Time `json:"expires"`
	Databases []string  `json:"databases,omitempty"` // globs over database ids, empty: all
	Objects   []string  `json:"objects,omitempty"`   // globs over Finding.Object, empty: all
}

// Policy turns facts into a verdict.
type Policy struct {
	// Severity overrides a rule's default by check id.
	Severity map[string]Severity
	// FailLevel is the lowest severity that blocks; "" is Error.
	FailLevel Severity
	Waivers   []Waiver
	// Now decides which waivers have expired.
	Now time.Time
}
