package report

import (
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
)

// rollbackModel is what was undone, what can still be, and what it would cost.
type rollbackModel struct {
	Kind        Kind              `json:"kind"`
	Campaign    string            `json:"campaign"`
	GeneratedAt time.Time         `json:"generated_at"`
	ObservedAt  time.Time         `json:"observed_at"`
	Counts      map[undoGroup]int `json:"counts"`
	Databases   []rollbackRow     `json:"databases"`
	// LeftBehind are the servers that go on costing, LeftPerDay what they do.
	LeftBehind  int                `json:"left_behind"`
	LeftPerDay  bluegreen.Estimate `json:"left_behind_cost_day,omitzero"`
	Unassigned  []string           `json:"in_no_wave,omitempty"`
	Unreachable []string           `json:"unreachable,omitempty"`
	// Warnings are what somebody should look at in time.
	Warnings  []string      `json:"warnings,omitempty"`
	Overrides []overrideUse `json:"overrides,omitempty"`
	Journal   JournalRef    `json:"journal"`
}

// rollbackRow is one database's way back.
type rollbackRow struct {
	ID            string     `json:"id"`
	Account       string     `json:"account"`
	Region        string     `json:"region"`
	Service       string     `json:"service"`
	Owner         string     `json:"owner,omitempty"`
	Wave          string     `json:"wave"`
	Stage         string     `json:"stage"`
	Group         undoGroup  `json:"group"`
	EngineVersion string     `json:"engine_version"`
	From          string     `json:"from_version,omitempty"`
	Blue          string     `json:"blue"`
	Green         string     `json:"green,omitempty"`
	OldBlue       string     `json:"old_blue,omitempty"`
	Deployment    string     `json:"deployment,omitempty"`
	Undone        []string   `json:"undone,omitempty"`
	UndoneAt      *time.Time `json:"undone_at,omitempty"`
	UndoneBy      string     `json:"undone_by,omitempty"`
	How           string     `json:"how,omitempty"`
	Commands      []command  `json:"commands,omitempty"`
	Until         *time.Time `json:"until,omitempty"`
	// Loss is what would be lost, LossSince from when, LossFor for how long
	// writes have gone to the new server by now.
	Loss      string     `json:"loss,omitempty"`
	LossSince *time.Time `json:"loss_since,omitempty"`
	LossHours float64    `json:"loss_hours,omitempty"`
	Binlog    string     `json:"binlog,omitempty"`
	// ArmedAt and Reverse are of the armed way back, Downtime of the last
	// switchover, GoBack of the last going back.
	ArmedAt *time.Time     `json:"armed_at,omitempty"`
	Reverse *bluegreen.Way `json:"reverse,omitempty"`
	// Alarm is why somebody must look at once.
	Alarm     string                 `json:"alarm,omitempty"`
	Downtime  *fleet.Downtime        `json:"downtime,omitempty"`
	GoBack    *fleet.GoBackStatus    `json:"go_back,omitempty"`
	Story     *fleet.Story           `json:"story,omitempty"`
	Leftovers []fleet.LeftoverStatus `json:"leftovers,omitempty"`
	Ambiguous bool                   `json:"ambiguous,omitempty"`
	Reason    string                 `json:"reason,omitempty"`
	NextStep  string                 `json:"next_step,omitempty"`
	History   []fleet.HistoryEntry   `json:"history"`

	switchedAt *time.Time
}

type command struct {
	What    string `json:"what"`
	Command string `json:"command"`
}

// undoGroup is what a reader asks of a database after a bad night.
type undoGroup string

const (
	undone      undoGroup = "rolled back"
	undoFree    undoGroup = "can be undone without loss"
	undoArmed   undoGroup = "can go back without loss"
	undoGoing   undoGroup = "is going back right now"
	undoLossy   undoGroup = "can be undone with loss"
	undoLater   undoGroup = "a switchover is going on"
	undoNever   undoGroup = "cannot be undone"
	undoNothing undoGroup = "nothing to undo"
	undoUnknown undoGroup = "not known"
)

// undoGroups is the order of the report: what needs eyes first.
var undoGroups = []undoGroup{undoGoing, undone, undoLater, undoUnknown, undoLossy, undoNever, undoArmed, undoFree, undoNothing}

func undoGroupOf(d fleet.DatabaseStatus) undoGroup {
	if bluegreen.Stage(d.Stage) == bluegreen.Unobservable {
		return undoUnknown
	}
	switch d.WayBack.Kind {
	case "done":
		return undone
	case "delete-green":
		return undoFree
	case "go-back":
		return undoArmed
	case "going-back":
		return undoGoing
	case "rename-with-loss", "snapshot-only":
		return undoLossy
	case "wait":
		return undoLater
	case "impossible":
		return undoNever
	case "none-needed":
		return undoNothing
	}
	return undoUnknown
}

func newRollback(in Input) rollbackModel {
	m := rollbackModel{
		Kind: Rollback, Campaign: in.Status.Campaign, GeneratedAt: in.Now, ObservedAt: in.Status.At.UTC(),
		Counts: map[undoGroup]int{}, Unreachable: in.Status.Unreachable, Warnings: in.Status.Warnings, Overrides: overridesOf(in.Status, in.Now), Journal: in.Journal,
	}
	for _, g := range undoGroups {
		for _, d := range in.Status.Databases {
			if undoGroupOf(d) == g {
				m.Counts[g]++
				m.Databases = append(m.Databases, newRollbackRow(in, d, g))
			}
		}
	}
	m.LeftBehind, m.LeftPerDay = leftCost(in.Status.Databases)
	for _, d := range in.Status.Unassigned {
		m.Unassigned = append(m.Unassigned, d.ID)
	}
	return m
}

func newRollbackRow(in Input, d fleet.DatabaseStatus, g undoGroup) rollbackRow {
	r := rollbackRow{
		ID: d.ID, Account: d.Account, Region: d.Region, Service: d.Service, Owner: d.Owner, Wave: d.Wave, Stage: d.Stage,
		Group: g, EngineVersion: d.EngineVersion, Blue: d.Blue, Green: d.Green, OldBlue: d.OldBlue, Deployment: d.Deployment,
		Undone: d.WayBack.Undone, How: d.WayBack.How, Until: d.WayBack.Until, Loss: d.WayBack.Loss, LossSince: d.WayBack.LossSince,
		ArmedAt: d.WayBack.ArmedAt, Reverse: d.WayBack.Reverse, Alarm: d.WayBack.Alarm,
		Binlog: d.Binlog, Reason: d.Reason, NextStep: d.NextStep, History: d.History, switchedAt: d.SwitchedAt,
		Downtime: d.Downtime, GoBack: d.GoBack, Story: d.Story, Leftovers: d.Leftovers, Ambiguous: d.Ambiguous,
	}
	if r.History == nil {
		r.History = []fleet.HistoryEntry{}
	}
	if len(d.Route) > 0 {
		r.From = d.Route[0]
	}
	if g == undoLossy && r.LossSince == nil {
		r.LossSince = d.SwitchedAt
	}
	if r.LossSince != nil {
		r.LossHours = cents(max(0, in.Now.Sub(*r.LossSince).Hours()))
	}
	if g == undone {
		r.UndoneAt, r.UndoneBy = undoneWhen(d.History)
		if g := d.GoBack; g != nil && g.State == "done" && len(g.Steps) > 0 {
			at := g.Steps[len(g.Steps)-1].At.UTC()
			r.UndoneAt, r.UndoneBy = &at, g.By
		}
	}
	r.Commands = undoCommands(in, d)
	return r
}

// undoneWhen finds the end of the way back in the history, and the person who
// asked for it.
func undoneWhen(history []fleet.HistoryEntry) (*time.Time, string) {
	var at *time.Time
	by := ""
	for _, h := range history {
		switch {
		case h.Kind == "human" && h.By != "":
			by = h.By
		case h.Kind == "stage" || h.Kind == "result":
			t := h.At.UTC()
			at = &t
		}
	}
	return at, by
}

// undoCommands are the commands that go back, in order. Before the switchover
// rdsupgrade does it; after it they are AWS's own building blocks, as its user
// guide describes them (switching over blue/green deployments), for a person.
func undoCommands(in Input, d fleet.DatabaseStatus) []command {
	plan := shellQuote(or(in.Plan, "PLAN"))
	id := shellQuote(d.ID)
	switch d.WayBack.Kind {
	case "delete-green":
		return []command{{"Delete the green and its deployment; blue is not touched.",
			"rdsupgrade rollback --database " + id + " " + plan}}
	case "go-back":
		return []command{{"Go back by the armed way: it shows its plan first, and loses nothing.",
			"rdsupgrade rollback --database " + id + " " + plan}}
	case "rename-with-loss":
		if strings.HasPrefix(d.WayBack.How, "rdsupgrade ") {
			return []command{{"Go back, and lose what the server from before does not have: it shows its plan first.",
				"rdsupgrade rollback --accept-loss --database " + id + " " + plan}}
		}
		return renameCommands(d)
	}
	return nil
}

func renameCommands(d fleet.DatabaseStatus) []command {
	if d.OldBlue == "" {
		return nil
	}
	aws := "aws rds "
	if d.Region != "" {
		aws = "aws --region " + shellQuote(d.Region) + " rds "
	}
	id, old, away := shellQuote(d.ID), shellQuote(d.OldBlue), shellQuote(d.ID+"-rolledback")
	var out []command
	if d.Deployment != "" {
		out = append(out, command{"Delete the deployment's record; its instances stay.",
			aws + "delete-blue-green-deployment --blue-green-deployment-identifier " + shellQuote(d.Deployment)})
	}
	return append(out,
		command{"Stop the applications, then move the new server out of the way and wait until it is available.",
			aws + "modify-db-instance --db-instance-identifier " + id + " --new-db-instance-identifier " + away + " --apply-immediately"},
		command{"Open the old blue for writes: give it a parameter group of its own with read_only=0 (its name in the place of GROUP).",
			aws + "modify-db-instance --db-instance-identifier " + old + " --db-parameter-group-name GROUP --apply-immediately"},
		command{"Reboot it once the group is pending-reboot.",
			aws + "reboot-db-instance --db-instance-identifier " + old},
		command{"Give it the name that the applications use.",
			aws + "modify-db-instance --db-instance-identifier " + old + " --new-db-instance-identifier " + id + " --apply-immediately"},
	)
}
