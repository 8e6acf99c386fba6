// Package plan is the campaign's YAML file: its types, its strict decoding with
// every mistake at once, and the selection of databases into waves.
package plan

import (
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/precheck"
)

// Plan is a whole campaign as the user wrote it, defaults filled in.
type Plan struct {
	// Path is where the file was read, for messages; "" when not from a file.
	Path     string
	Version  int
	Name     string // part of deployment names: lower-case letters, digits, hyphens; at most 20
	Deadline Date
	Accounts []Account
	Target   Target
	// Connection says how to reach databases over SQL.
	Connection Connection
	Prechecks  Prechecks
	Switchover Switchover
	// ServiceTag groups databases: never two of one service switch at once.
	// Default "service"; "" switches grouping off.
	ServiceTag string
	// OwnerTag names the tag that holds the owner. Default "owner".
	OwnerTag string
	Run      Run
	// Freeze is an outside signal, not set by default.
	Freeze Freeze
	// Cleanup is what becomes of the servers that the campaign leaves behind.
	Cleanup Cleanup
	// Hooks are asked before, or told after, a moment; Soak is how switched
	// databases are measured.
	Hooks []Hook
	Soak  SoakPolicy
	Waves []Wave
	// Warnings do not keep the plan from being used.
	Warnings Problems
}

// Account is one AWS account with its Regions.
type Account struct {
	ID      string // 12 digits; "" in a plan with one account and ambient credentials
	Name    string // for people; default: the id
	Profile string // shared config profile; "": ambient credentials
	RoleARN string // role to assume; "": none
	// ExternalID goes with RoleARN.
	ExternalID string
	Regions    []string
	Pos        Pos
}

// Target is where every database should end.
type Target struct {
	// EngineVersion is exact ("8.0.46"), a line ("8.0", "8.4": its newest), or "latest".
	EngineVersion string
	Storage       Storage
	Class         Class
	// ParameterGroup is a group's name, or "translate".
	ParameterGroup string
}

// Storage is the storage target.
type Storage struct {
	// Type is "gp3" or "keep".
	Type string
	// IOPS and Throughput (MiB/s) are 0 for "keep": never lower than today's.
	IOPS, ThroughputMiBps int
	// RaiseTo400 lets volumes of 300 to 399 GiB grow to 400 GiB, where gp3 stripes.
	RaiseTo400 bool
	// Shrink lets volumes become smaller where their free storage was measured.
	Shrink bool
	// UpgradeConfig asks for the upgrade of an old storage configuration.
	UpgradeConfig bool
}

// Class is the instance class target: "graviton", "keep", or an explicit map.
type Class struct {
	Mode string // graviton, keep, map
	// Map goes from today's class to the wanted one; classes not named are kept.
	Map map[string]string
	// Generation prefers a Graviton generation (6, 7, 8); 0 is 7.
	Generation int
}

// Connection says how to reach databases over SQL. It never holds a password.
type Connection struct {
	// Auth is env, secret, iam or none. "none" means: no SQL at all, and then
	// gates that need SQL are inconclusive.
	Auth        string
	User        string
	UserEnv     string
	PasswordEnv string
	// SecretID may hold {account}, {region} and {id}: see SecretFor.
	SecretID string
	// TLS is verify (default), skip-verify or off. CAFile adds certificates.
	TLS    string
	CAFile string
	// AddressMap goes from a database id to host:port.
	AddressMap  map[string]string
	Connections int           // per server, default 2
	Timeout     time.Duration // to connect, default 10 s
}

// Prechecks is the policy over findings.
type Prechecks struct {
	FailLevel precheck.Severity
	Severity  map[string]precheck.Severity
	Waivers   []precheck.Waiver
	// MaxAge is how old a passed precheck may be when its switchover starts. Default 24 h.
	MaxAge time.Duration
	// Budget bounds one server's audit. Default 10 min.
	Budget time.Duration
	// PreferReplica audits a database on one of its read replicas where there is
	// one, which spares the primary the dictionary scans.
	PreferReplica bool
	// WaiverPos is aligned with Waivers: their places in the file.
	WaiverPos []Pos
}

// Switchover is the policy of the moment itself.
type Switchover struct {
	// Timeout is RDS's own, 30 s to 3600 s; default 300 s.
	Timeout time.Duration
	// MaxLag and LagFor: green's replica lag must be at or under MaxLag for LagFor.
	MaxLag, LagFor time.Duration
	// Retries is how often a switchover that RDS rolled back is tried again by
	// itself. Default 1.
	Retries  int
	Windows  []Window
	Blackout []DateRange
	WayBack  WayBack
	Drain    Drain
	Smoke    []Smoke
	Disk     Disk
	// Ahead are the long checks before a switchover.
	Ahead Ahead
}

// WayBack asks for a reverse replication from the new server to old blue. It
// needs SQL, and writes: an account for replication, and the schema rdsupgrade
// with one table, both made on blue before the switchover.
type WayBack struct {
	// User is the account that old blue replicates with; "": no way back is armed.
	User string
	// PasswordEnv names the environment variable that holds its password.
	PasswordEnv string
	// Retention is how long the new server keeps its binary logs, in whole
	// hours; default 72 h, RDS keeps at most 168 h.
	Retention time.Duration
	// Drill is whose way back must have been gone for real before waves after
	// the first switch over: DrillFirst, a database's id, or "" for nobody's.
	Drill string
}

// DrillFirst asks for a drill of any database of the first wave.
const DrillFirst = "first"

// Window is a recurring time in which switchovers may start.
type Window struct {
	Days     []time.Weekday // empty: every day
	From, To Clock          // To at or before From ends the next day
	Location *time.Location
	Pos      Pos
}

// Clock is a time of day in minutes since midnight.
type Clock int

// Date is a calendar day, UTC midnight.
type Date struct{ time.Time }

// DateRange is a run of days, both ends included, in the location of the
// windows, or UTC without any.
type DateRange struct {
	From, To Date
	Reason   string
}

// Run tunes the engine.
type Run struct {
	// Poll is the longest time between two looks at AWS. Default 30 s.
	Poll time.Duration
	// StableReads is how many consecutive good reads make a green ready. Default 3.
	StableReads int
	// APIRate is calls per second per account and Region. Default 4.
	APIRate float64
	// MaxGreens bounds greens alive at once over the campaign, 0: no bound.
	MaxGreens int
	// BuildAhead lets the next wave's greens be built while the current wave
	// is not finished. Default true.
	BuildAhead bool
	// MaxGreenAge is how long a ready green may wait before a warning. 0: none.
	MaxGreenAge time.Duration
	// MaxGreenCost bounds what greens cost in a day, in USD by the price file. 0: none.
	MaxGreenCost float64
	// Builds and Switches bound what goes on at once by scope.
	Builds, Switches Scoped
	// Budget, BuildBudget and SwitchBudget stop the whole campaign; nil: none.
	Budget, BuildBudget, SwitchBudget *Budget
	// ProgressDeadline is the longest time without any database moving on. 0: none.
	ProgressDeadline time.Duration
}

// Wave is an ordered group of databases.
type Wave struct {
	Name    string
	Select  Selector
	Exclude Selector
	// BuildLimit and SwitchLimit bound what goes on at once in the wave.
	BuildLimit, SwitchLimit int
	// Budget is how many failures stop the wave.
	Budget Budget
	// BuildBudget and SwitchBudget count failures of one kind alone; nil: none.
	BuildBudget, SwitchBudget *Budget
	// Batches are the sizes of the wave's steps; none: one step.
	BatchSizes []Batch
	// Soak is how long a switched database is watched before it counts as done.
	Soak     time.Duration
	Approval string // manual (default) or auto
	Pos      Pos
}

// Selector picks databases. Wave.Select takes a database when every non-empty
// part matches, where IDs and Globs are one part: either of them names it.
// Wave.Exclude leaves a database out when any part matches, since leaving out
// too much can be mended and upgrading too much can not.
type Selector struct {
	IDs   []string // exact ids
	Globs []string // path.Match patterns over ids
	// Tags are exact; the value "*" asks for the tag with any value.
	Tags           map[string]string
	EngineVersions []string // prefixes: "5.7" matches 5.7.44
	Accounts       []string // ids or names
	Regions        []string
	// IDPos and GlobPos are the places of IDs and Globs in the file.
	IDPos, GlobPos []Pos
}

// Budget is an error budget: a number of databases or a percentage of the wave.
// The wave stops when that many have failed, so 1 stops it at the first failure.
type Budget struct {
	Count   int
	Percent float64
	// IsPercent tells which one holds.
	IsPercent bool
}

// Pos is a place in the file, 1-based; zero when unknown. Columns count characters.
type Pos struct {
	Line   int `json:"line"`
	Column int `json:"column"`
}
