package bluegreen

import "time"

// Stage is where a database stands in its upgrade. It is derived from AWS on
// every tick, never stored.
type Stage string

// The stages, in order, and those aside.
const (
	Pending      Stage = "pending"
	Checked      Stage = "checked"
	Building     Stage = "provisioning"
	Adjusting    Stage = "adjusting"
	CatchingUp   Stage = "catching-up"
	Verifying    Stage = "verifying"
	Ready        Stage = "ready"
	Switching    Stage = "switching"
	Switched     Stage = "switched"
	Soaking      Stage = "soaking"
	Done         Stage = "done"
	Cleaned      Stage = "cleaned"
	Blocked      Stage = "blocked"
	Held         Stage = "held"
	Failed       Stage = "failed"
	RollingBack  Stage = "rolling-back"
	RolledBack   Stage = "rolled-back"
	Skipped      Stage = "skipped"
	Unobservable Stage = "unknown" // its account and Region could not be read
)

// Stages is the table of stages: their order, what each means, and who moves
// a database on from it.
var Stages = []struct {
	Stage   Stage
	Order   int // rising along the road; 0 for the stages aside
	Meaning string
	MovedBy string // engine, AWS, time, person, or nobody
}{
	{Pending, 1, "not yet prechecked for its next hop", "engine"},
	{Checked, 2, "prechecks passed; waits for its turn to be built", "engine"},
	{Building, 3, "AWS builds the green", "AWS"},
	{Adjusting, 4, "greens get their class and storage, volumes initialize", "AWS"},
	{CatchingUp, 5, "the green's replica lag is above the limit", "AWS"},
	{Verifying, 6, "available everywhere; waits for consecutive good reads", "time"},
	{Ready, 7, "may be switched over in its wave's turn", "engine"},
	{Switching, 8, "RDS switches over", "AWS"},
	{Switched, 9, "RDS says completed; waits for confirmation", "engine"},
	{Soaking, 10, "confirmed; watched for the wave's soak time", "time"},
	{Done, 11, "on the target; old blue is kept", "nobody"},
	{Cleaned, 12, "on the target; old blue is gone", "nobody"},
	{Blocked, 0, "a check or rule says no", "person"},
	{Held, 0, "something is inconclusive, or a person paused it", "person"},
	{Failed, 0, "building or switching failed for good", "person"},
	{RollingBack, 0, "its green is being removed, or after a switchover the steps back are being taken", "AWS, engine"},
	{RolledBack, 0, "back to where it was", "person"},
	{Skipped, 0, "already on target, or left out by a person", "nobody"},
	{Unobservable, 0, "its account and Region could not be read", "engine"},
}

// Order is the stage's place on the road, 0 for the stages aside.
func (s Stage) Order() int {
	for _, row := range Stages {
		if row.Stage == s {
			return row.Order
		}
	}
	return 0
}

// Terminal tells that nothing more happens to the database by itself.
func (s Stage) Terminal() bool {
	switch s {
	case Done, Cleaned, Blocked, Failed, RolledBack, Skipped:
		return true
	}
	return false
}

// HasGreen tells that a green exists or is being made, and costs money.
func (s Stage) HasGreen() bool {
	switch s {
	case Building, Adjusting, CatchingUp, Verifying, Ready, Switching, RollingBack:
		return true
	}
	return false
}

// Policy is what a plan says about one database's road.
type Policy struct {
	StableReads    int           // consecutive good reads that make a green ready
	MaxLag         time.Duration // highest replica lag
	LagFor         time.Duration // how long lag must have been at or under MaxLag
	LagMaxAge      time.Duration // a reading older than this proves nothing; 0: no limit
	Retries        int           // switchovers to try again after RDS rolled one back
	Soak           time.Duration
	PrecheckMaxAge time.Duration
	SwitchTimeout  time.Duration
	// SQL tells that databases are reachable over SQL by the plan, so that
	// lag and version must be read; without it both gates are inconclusive
	// and only a person's word lets them pass.
	SQL bool
	// MaxBuild is how long a green may take before a person is asked; 0: never.
	MaxBuild time.Duration
}

// Human is something a person said about a database.
type Human struct {
	At  time.Time `json:"at"`
	By  string    `json:"by"`
	Why string    `json:"why,omitempty"`
}

// PrecheckFact is the last precheck that the journal holds.
type PrecheckFact struct {
	From, To string
	Verdict  string // ready, blocked, unknown
	At       time.Time
	Reason   string
}

// Record is what the journal remembers of a database and AWS cannot tell.
// The zero Record is a database nobody touched, or a lost journal: the stage is
// still right then, only history is missing.
type Record struct {
	// BlueBefore is the instance before the campaign's first change to it.
	BlueBefore *Instance
	Precheck   *PrecheckFact
	// Deployment is the name of the last deployment that AWS confirmed as
	// created; DeploymentGone is set once the engine deleted it.
	Deployment     string
	DeploymentGone bool
	// SwitchAttempts counts switchovers announced for Deployment since the
	// last retry, SwitchError what RDS said of the last one.
	SwitchAttempts int
	SwitchError    string
	// SwitchPending: a switchover was announced, and how it ended is not known.
	SwitchPending bool
	// SwitchAskedAt is when the last one was announced; SwitchAccepted that RDS
	// took the call. Without its word the call may never have left.
	SwitchAskedAt time.Time
	// SwitchFailedAt is when RDS told of the last failure that was taken in.
	SwitchFailedAt time.Time
	SwitchAccepted bool
	// CreateError is AWS's refusal to create, which only a person can mend.
	CreateError string
	// ActError is AWS's refusal of another change, which only a person can mend.
	ActError string
	// SwitchedAt and SwitchedTo are of the last completed switchover, SwitchedBy
	// is its deployment's id.
	SwitchedAt time.Time
	SwitchedTo string
	SwitchedBy string
	// ConfirmedAt is when version and endpoint were confirmed after it;
	// ConfirmError why they could not be.
	ConfirmedAt  time.Time
	ConfirmError string
	Binlog       string
	// EventsGroup and EventsValue are where and to what the campaign has set
	// event_scheduler since the last switchover; EventsSeenAt is when the server
	// said that events run, EventsError why they do not.
	EventsGroup, EventsValue string
	EventsSeenAt             time.Time
	EventsError              string
	// BuildError is the explanation fetched for a failed build.
	BuildError string
	Greens     []string
	OldBlues   []string
	// Known are the servers of every hop as they were before the campaign
	// touched them, Cleanups people's words that old ones may go, Removals what
	// became of that. They are replaced, never changed in place.
	Known    []Known
	Cleanups []CleanupOrder
	Removals []Removal

	Paused   *Human
	Skip     *Human
	Rollback *Human
	Retry    *Human
	// GoBack is the last order to go back after a switchover, nil for none; it
	// is under way as long as its Done is zero.
	GoBack *GoBack
	// AllowNoSQL is a person's word that lag and version need no SQL proof.
	AllowNoSQL *Human
	// Stop is the last gate, hook or soak that did not let it go on, nil when
	// nothing stands in the way; Overrides are what people said about them.
	Stop      *Stop
	Overrides []Override
	// SoakFrom is when a person had the soak begin anew, zero for never.
	SoakFrom   time.Time
	RolledBack time.Time
	// BlueDiff is how blue differed from before when it was rolled back, "" for not at all.
	BlueDiff string
}

// Lag is one reading of a green's replica lag.
type Lag struct {
	At time.Time
	// Known is false when it could not be read; Reason says why.
	Known   bool
	Seconds float64
	Reason  string
}

// Watch is the engine's short memory between ticks. Losing it only delays.
type Watch struct {
	// StableReads counts consecutive reads with everything available.
	StableReads int
	// LagOKSince is since when every reading was at or under the limit.
	LagOKSince time.Time
	Lag        *Lag
	// LagOf is the deployment that the lag is of.
	LagOf string
	// LagUnknown counts consecutive unreadable lags.
	LagUnknown int
	// Odd counts consecutive reads in which AWS's answers contradict each
	// other: eventual consistency at first, ambiguity when it lasts.
	Odd int
	// Missing counts consecutive reads without the deployment the journal
	// says was created.
	Missing int
	// IdleSwitch counts consecutive reads that show no switchover although one
	// was announced: it was rolled back, or never began.
	IdleSwitch int
	// ConfirmTries counts failed attempts to confirm a switchover over SQL.
	ConfirmTries int
	// GoBack is the last look at both servers while going back; GoBackUnread
	// counts consecutive looks at which one could not be asked, GoBackError is
	// why the last work of a step failed.
	GoBack       *GoBackLook
	GoBackUnread int
	GoBackError  string
	// EventsTries counts looks at a server whose events should run again.
	EventsTries int
}

// OddReads is how many contradicting reads in a row count as ambiguous, rather
// than as RDS's eventual consistency (terraform-provider-aws#36241).
const OddReads = 8

// Facts is everything known of one database at one moment.
type Facts struct {
	Now      time.Time
	ID       string // the database's id in the plan: the name its clients use
	Campaign string
	// Instances are the instances of its account and Region, by id.
	Instances map[string]*Instance
	// Deployments are those whose source or target is the database or one of
	// its greens, and those with our name for it.
	Deployments []Deployment
	// Hops is what remains to be done from the version that answers under ID
	// now; RouteError says why there is no route.
	Hops       []Hop
	RouteError string
	// Target is the target of Hops[0], or of the final version when no hop remains.
	Target *Target
	Issues []Issue
	// Group is the target parameter group, nil when none is managed.
	Group *GroupState
	// Options is the option group to create for the target, nil when there is
	// none or it exists.
	Options *OptionSpec
	// Loading says what is still missing to decide, "" when nothing is.
	Loading string

	Record Record
	Watch  Watch
	Policy Policy
}

// GroupState is a managed parameter group as it stands.
type GroupState struct {
	Spec   ParameterSpec
	Exists bool
	// Missing are the parameters of Spec that are not set yet.
	Missing []Parameter
}

// TagCampaign and TagDatabase mark what rdsupgrade made. They are put on the
// deployment, because tags of greens are overwritten at switchover.
const (
	TagCampaign = "rdsupgrade:campaign"
	TagDatabase = "rdsupgrade:database"
)

// Ours tells whether the campaign made the deployment for this database.
func (f Facts) Ours(d Deployment) bool {
	if d.Tags[TagCampaign] == f.Campaign && d.Tags[TagDatabase] == f.ID {
		return true
	}
	if d.Name == f.Record.Deployment && d.Name != "" {
		return true
	}
	for _, h := range f.Hops {
		if d.Name == DeploymentName(f.Campaign, f.ID, h.To) {
			return IDFromARN(d.Source) == f.ID
		}
	}
	return false
}

// State is a database's stage with its reason and what comes next.
type State struct {
	Stage  Stage
	Reason string
	// NextStep is the one thing to do or to wait for, for a person.
	NextStep string
	// Ambiguous: nobody may touch the database before a person has looked.
	Ambiguous bool
	// Deployment is ours, active or completed, nil when there is none.
	Deployment *Deployment
	// Green is the green primary's id, OldBlue the old blue's.
	Green   string
	OldBlue string
	// SoakUntil is set while soaking.
	SoakUntil time.Time
	// SwitchFailed: the last switchover was rolled back by RDS.
	SwitchFailed bool
	// RolledBackByRDS: an announced switchover has ended without success, and
	// the reason is still to be fetched.
	RolledBackByRDS bool
	// GoBack is the step of the road back that is under way, "" for none.
	GoBack GoBackStep
}
