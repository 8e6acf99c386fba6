package bluegreen

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqlver"
)

// Derive tells a database's stage from the facts. It is pure and total:
// whatever AWS shows, there is a stage, and what is not understood is held.
func Derive(f Facts) State {
	blue := f.Instances[f.ID]
	active, completed := f.deployments()
	if f.goingBack() {
		return f.deriveGoBack()
	}
	if blue == nil {
		return f.nameless(active)
	}
	var s State
	switch {
	case active != nil:
		s = f.deriveActive(blue, active)
	case completed != nil && f.switchedHere(blue, completed):
		s = f.deriveSwitched(blue, completed)
	default:
		s = f.deriveIdle(blue)
	}
	if s.OldBlue == "" {
		s.OldBlue = f.oldBlue()
	}
	return f.holdForEvents(s)
}

// deployments finds our active deployment and our newest completed one.
func (f Facts) deployments() (active, completed *Deployment) {
	for i := range f.Deployments {
		d := &f.Deployments[i]
		if !f.Ours(*d) || d.Status == Deleting && f.namesMoved(d) {
			continue // the second is the shell of a hop that was switched
		}
		if d.Status == SwitchoverCompleted {
			if completed == nil || d.Created.After(completed.Created) {
				completed = d
			}
			continue
		}
		if active == nil || d.Created.After(active.Created) {
			active = d
		}
	}
	return active, completed
}

// namesMoved tells that what was green bears the database's own name.
func (f Facts) namesMoved(d *Deployment) bool {
	if IDFromARN(d.Target) == f.ID {
		return true
	}
	for _, m := range d.Members {
		if IDFromARN(m.Target) == f.ID {
			return true
		}
	}
	return false
}

// nameless: no instance answers to the database's name.
func (f Facts) nameless(active *Deployment) State {
	if active != nil && active.Status == SwitchoverInProgress {
		return State{Stage: Switching, Deployment: active, Reason: "RDS is renaming the instances", NextStep: "wait for RDS"}
	}
	if f.Watch.Odd < OddReads {
		return State{Stage: Held, Deployment: active, Reason: "no instance is called " + f.ID + " in this read", NextStep: "wait for the next read"}
	}
	reason := "no instance is called " + f.ID
	if near := f.relatives(); len(near) > 0 {
		reason += "; there is " + strings.Join(near, ", ")
	}
	return State{Stage: Held, Ambiguous: true, Deployment: active, Reason: reason,
		NextStep: "find out who owns the name " + f.ID + ", then rename by hand or take it out of the plan"}
}

var relative = regexp.MustCompile(`^-(old[0-9]+|green-[a-z0-9]{6}|rolledback.*)$`)

// relatives are instances whose names RDS or a rollback derives from ours.
func (f Facts) relatives() []string {
	var near []string
	for id := range f.Instances {
		if rest, ok := strings.CutPrefix(id, f.ID); ok && relative.MatchString(rest) {
			near = append(near, id)
		}
	}
	slices.Sort(near)
	return near
}

// oldBlue finds the instance that served before the switchover: by its resource
// id where the journal knows it, because names move, else by -oldN.
func (f Facts) oldBlue() string {
	if before := f.Record.BlueBefore; before != nil && before.ResourceID != "" {
		if i := machine(f.Instances, before.ResourceID, f.ID); i != nil {
			return i.ID
		}
	}
	var olds []string
	for _, id := range f.relatives() {
		if strings.HasPrefix(id[len(f.ID):], "-old") {
			olds = append(olds, id)
		}
	}
	if len(olds) == 0 {
		return ""
	}
	slices.SortFunc(olds, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	return olds[len(olds)-1]
}

func (f Facts) deriveActive(blue *Instance, d *Deployment) State {
	s := State{Deployment: d, Green: f.greenOf(d)}
	if d.Status != SwitchoverInProgress && f.namesMoved(d) {
		s.Stage, s.Reason = Held, "RDS says "+d.Status+", but the green already bears the name "+f.ID
		s.NextStep = "wait for the next read"
		if s.Ambiguous = f.Watch.Odd >= OddReads; s.Ambiguous {
			s.NextStep = "find out which instance owns the endpoint of " + f.ID
		}
		return s
	}
	switching := d.Status == SwitchoverInProgress || f.Record.SwitchPending
	if f.Record.ActError != "" && d.Status != Deleting && !switching {
		s.Stage, s.Reason, s.NextStep = Held, "AWS refused a change: "+f.Record.ActError, "mend the cause, then: retry --database "+f.ID
		return s
	}
	// A rollback that comes while RDS switches waits for how that ends.
	if f.Record.Rollback != nil && !switching || d.Status == Deleting {
		s.Stage = RollingBack
		s.Reason = "the green is being removed; blue keeps serving"
		s.NextStep = "wait for RDS"
		return s
	}
	switch d.Status {
	case Provisioning:
		s.Stage, s.Reason, s.NextStep = Building, buildProgress(d), "wait for RDS"
		if f.Policy.MaxBuild > 0 && !d.Created.IsZero() && f.Now.Sub(d.Created) > f.Policy.MaxBuild {
			s.Stage = Held
			s.Reason = fmt.Sprintf("building for %s, longer than %s: %s", f.Now.Sub(d.Created).Round(time.Minute), f.Policy.MaxBuild, buildProgress(d))
			s.NextStep = "look at the green's events; rollback --database " + f.ID + " removes it"
		}
	case SwitchoverInProgress:
		s.Stage, s.Reason, s.NextStep = Switching, "RDS is switching over", "wait for RDS"
	case InvalidConfiguration:
		s.Stage = Failed
		s.Reason = firstOf(f.Record.BuildError, d.Details, "RDS says INVALID_CONFIGURATION and gives no reason yet")
		s.NextStep = "mend the cause on blue, then: retry --database " + f.ID
	case Available, SwitchoverFailed:
		return f.deriveBuilt(s, blue, d)
	default:
		s.Stage = Held
		s.Reason = "RDS says " + d.Status + ", which this build does not know"
		s.NextStep = "look at deployment " + d.ID + " in the console"
	}
	return s
}

// idleReads is how many reads without any sign of an announced switchover mean
// that it is over: RDS shows SWITCHOVER_IN_PROGRESS within seconds.
const idleReads = 4

// deriveBuilt covers a green that exists: from adjusting to ready.
func (f Facts) deriveBuilt(s State, blue *Instance, d *Deployment) State {
	if f.Record.SwitchPending {
		s.Stage, s.Reason, s.NextStep = Switching, "the switchover was asked for; RDS does not show it yet", "wait for RDS"
		if f.Watch.IdleSwitch >= idleReads {
			s.RolledBackByRDS = true
			s.Reason, s.NextStep = "RDS did not complete the switchover; blue keeps serving", "wait for RDS's reason"
		}
		return s
	}
	s.SwitchFailed = f.Record.SwitchError != ""
	hold := func(reason, next string) State {
		s.Stage, s.Reason, s.NextStep = Held, reason, next
		return s
	}
	if f.Record.SwitchAttempts > f.Policy.Retries && s.SwitchFailed {
		s.Stage = Failed
		s.Reason = fmt.Sprintf("%d switchovers were rolled back by RDS, blue keeps serving: %s", f.Record.SwitchAttempts, firstOf(f.Record.SwitchError, d.Details, "no reason given"))
		s.NextStep = "mend the cause, then: retry --database " + f.ID
		return s
	}
	switch {
	case len(f.Hops) == 0: // upgraded by hand, or the versions could not be read
		return hold(firstOf(f.RouteError, "a green stands there, but nothing remains to be done: "+f.ID+" is on "+blue.Version),
			"find out who upgraded it; rollback --database "+f.ID+" removes the green")
	case f.Record.Skip != nil:
		return hold("skipped by "+f.Record.Skip.By+why(f.Record.Skip)+"; its green is kept", "rollback --database "+f.ID+" removes the green, retry takes it in again")
	case f.Record.Paused != nil:
		return hold("paused by "+f.Record.Paused.By+why(f.Record.Paused), "resume --database "+f.ID)
	}
	if stop := f.stopOf(StopSwitchover); stop != nil {
		return hold(f.asked(stop))
	}
	if reason := f.membersMissing(blue, d); reason != "" {
		return hold(reason, "rollback --database "+f.ID+" removes the green; retry builds a whole one")
	}
	if f.Loading != "" {
		s.Stage, s.Reason, s.NextStep = Adjusting, f.Loading, "wait for the next read"
		return s
	}
	if reason := f.membersUnsettled(d); reason != "" {
		s.Stage, s.Reason, s.NextStep = Adjusting, reason, "wait for RDS"
		return s
	}
	if lag := f.lagReason(); lag != "" {
		if f.Watch.LagUnknown >= OddReads || !f.Policy.SQL && f.Record.AllowNoSQL == nil {
			return hold("replica lag is not known: "+lag, "make "+s.Green+" reachable over SQL, or: approve --database "+f.ID+" --without-sql")
		}
		s.Stage, s.Reason, s.NextStep = CatchingUp, lag, "wait for the green to catch up"
		return s
	}
	if f.Watch.StableReads < f.Policy.StableReads {
		s.Stage = Verifying
		s.Reason = fmt.Sprintf("%d of %d good reads in a row", f.Watch.StableReads, f.Policy.StableReads)
		s.NextStep = "wait for the next read"
		return s
	}
	if !f.precheckFresh() {
		s.Stage, s.Reason, s.NextStep = Verifying, "the precheck is older than "+f.Policy.PrecheckMaxAge.String(), "precheck again"
		return s
	}
	if v := f.Record.Precheck; v != nil && v.Verdict != "ready" {
		if v.Verdict == "blocked" {
			s.Stage, s.Reason, s.NextStep = Blocked, "a later precheck found blockers: "+v.Reason, "precheck --database "+f.ID+" shows them"
			return s
		}
		return hold("a later precheck is inconclusive: "+v.Reason, "precheck --database "+f.ID+" shows what could not be read")
	}
	s.Stage, s.Reason, s.NextStep = Ready, "green is available and in step", "switch over in its wave's turn"
	if s.SwitchFailed {
		s.Reason = "RDS rolled a switchover back (" + firstOf(f.Record.SwitchError, d.Details) + "); ready for another try"
	}
	return s
}

// lagReason is empty when lag was low for long enough.
func (f Facts) lagReason() string {
	l := f.Watch.Lag
	unread := !f.Policy.SQL || l == nil || !l.Known
	switch {
	case unread && f.Record.AllowNoSQL != nil:
		return "" // a person vouches for what cannot be read, not against what is read
	case !f.Policy.SQL:
		return "the plan gives no SQL access"
	case l == nil:
		return "replica lag has not been read yet"
	case !l.Known:
		return l.Reason
	case f.Policy.LagMaxAge > 0 && f.Now.Sub(l.At) > f.Policy.LagMaxAge:
		return "the last reading of the replica lag is " + f.Now.Sub(l.At).Round(time.Second).String() + " old"
	case l.Seconds > f.Policy.MaxLag.Seconds():
		return fmt.Sprintf("replica lag %.0f s, limit %s", l.Seconds, f.Policy.MaxLag)
	case f.Watch.LagOKSince.IsZero() || f.Now.Sub(f.Watch.LagOKSince) < f.Policy.LagFor:
		return fmt.Sprintf("replica lag %.0f s; it must stay at or under %s for %s", l.Seconds, f.Policy.MaxLag, f.Policy.LagFor)
	}
	return ""
}

// deriveIdle covers a database without a deployment of ours.
func (f Facts) deriveIdle(blue *Instance) State {
	var s State
	set := func(st Stage, reason, next string) State {
		s.Stage, s.Reason, s.NextStep = st, reason, next
		return s
	}
	if f.switchedTo(blue) && (len(f.Hops) == 0 || !f.soaked(blue)) {
		if f.Record.ConfirmedAt.IsZero() {
			return set(Switched, "the deployment is gone; version and endpoint are being confirmed", "wait for the confirmation")
		}
		if stop := f.stopOf(StopSoak); stop != nil {
			return f.soakStopped(s, stop)
		}
		if until := f.soakEnd(); f.Now.Before(until) {
			s.SoakUntil = until
			return set(Soaking, "on "+blue.Version, "soak until "+until.UTC().Format("2006-01-02 15:04 MST"))
		}
		if unknown := firstOf(f.RouteError, f.Loading); unknown != "" {
			return set(Held, "whether a hop remains is not known: "+unknown, "wait for the next read, or mend what cannot be read")
		}
		return f.finished(s, blue)
	}
	if f.Loading != "" && len(f.Hops) == 0 {
		return set(Pending, f.Loading, "wait for the next read")
	}
	if f.RouteError != "" {
		return set(Blocked, f.RouteError, "change target.engine_version or take it out of the plan")
	}
	if len(f.Hops) == 0 {
		if f.oldBlue() != "" {
			return f.finished(s, blue)
		}
		reason := "already on " + blue.Version
		if f.Target != nil {
			if off := f.Target.OffTarget(*blue, true, f.ID); len(off) > 0 {
				reason += "; " + strings.Join(off, ", ") + " is not changed: no major upgrade to ride on"
			}
		}
		return set(Skipped, reason, "")
	}
	switch {
	case f.Record.Skip != nil:
		return set(Skipped, "skipped by "+f.Record.Skip.By+why(f.Record.Skip), "retry --database "+f.ID+" takes it in again")
	case !f.Record.RolledBack.IsZero() && f.Record.BlueDiff != "":
		return set(Held, "the green was removed, but "+f.ID+" is not as before: "+f.Record.BlueDiff, "find out who changed it; retry --database "+f.ID+" starts again")
	case !f.Record.RolledBack.IsZero() && f.Record.GoBack != nil:
		return set(RolledBack, f.wentBack(blue), "retry --database "+f.ID+" starts again")
	case !f.Record.RolledBack.IsZero():
		return set(RolledBack, "rolled back before the switchover; blue was never touched", "retry --database "+f.ID+" starts again")
	case f.Record.Rollback != nil:
		return set(RollingBack, "the deployment is gone; blue is compared with before", "wait for the comparison")
	case f.Loading != "":
		return set(Pending, f.Loading, "wait for the next read")
	}
	if d := f.stranger(); d != nil {
		return set(Blocked, "blue/green deployment "+d.Name+" on it was made by somebody else", "let its owner finish or delete "+d.ID)
	}
	if unread := unreadable(f.Issues); unread != nil {
		return set(Held, unread.Message, firstOf(unread.WayOut, "make it readable, then run again"))
	}
	busy, lasting := f.busyMembers(blue)
	if blocked := blockers(f.Issues, lasting); len(blocked) > 0 {
		return set(Blocked, blocked[0].Message+more(len(blocked)-1), firstOf(blocked[0].WayOut, "plan shows the way out"))
	}
	if f.Record.ActError != "" {
		return set(Held, "AWS refused a change: "+f.Record.ActError, "mend the cause, then: retry --database "+f.ID)
	}
	if f.Record.CreateError != "" {
		return set(Failed, "AWS refused to build the green: "+f.Record.CreateError, "mend the cause, then: retry --database "+f.ID)
	}
	if f.Record.Deployment != "" && !f.Record.DeploymentGone && f.Record.Deployment == DeploymentName(f.Campaign, f.ID, f.Hops[0].To) {
		if f.Watch.Missing < OddReads {
			return set(Building, "deployment "+f.Record.Deployment+" is not visible in this read", "wait for the next read")
		}
		return set(Held, "deployment "+f.Record.Deployment+" was deleted by somebody else", "find out why, then: retry --database "+f.ID)
	}
	if f.Record.Paused != nil {
		return set(Held, "paused by "+f.Record.Paused.By+why(f.Record.Paused), "resume --database "+f.ID)
	}
	p := f.Record.Precheck
	switch {
	case p == nil || !f.precheckMatches() || !f.precheckFresh():
		return set(Pending, "not prechecked for "+f.Hops[0].From+" -> "+f.Hops[0].To, "precheck")
	case p.Verdict == "blocked":
		return set(Blocked, p.Reason, "mend it or waive it, then: retry --database "+f.ID)
	case p.Verdict != "ready":
		return set(Held, "precheck is inconclusive: "+p.Reason, "make the checks run, then: retry --database "+f.ID)
	case f.stopOf(StopBuild) != nil:
		s.Stage = Held
		s.Reason, s.NextStep = f.asked(f.stopOf(StopBuild))
		return s
	case busy != "":
		return set(Checked, busy, "wait until it is available")
	}
	return set(Checked, "prechecks passed", "build the green in its turn")
}

// stranger finds a deployment on this database that is not ours and not over.
func (f Facts) stranger() *Deployment {
	for i := range f.Deployments {
		d := &f.Deployments[i]
		if !f.Ours(*d) && IDFromARN(d.Source) == f.ID && d.Status != SwitchoverCompleted {
			return d
		}
	}
	return nil
}

func (f Facts) precheckMatches() bool {
	p := f.Record.Precheck
	if p == nil || len(f.Hops) == 0 {
		return false
	}
	from, err1 := mysqlver.Parse(p.From)
	to, err2 := mysqlver.Parse(p.To)
	hf, err3 := mysqlver.Parse(f.Hops[0].From)
	ht, err4 := mysqlver.Parse(f.Hops[0].To)
	return err1 == nil && err2 == nil && err3 == nil && err4 == nil && from.SameLine(hf) && to.SameLine(ht)
}

// precheckFresh: a precheck that blocks is not repeated by age, a person asks.
func (f Facts) precheckFresh() bool {
	p := f.Record.Precheck
	return p != nil && (p.Verdict == "blocked" || f.Policy.PrecheckMaxAge == 0 || f.Now.Sub(p.At) <= f.Policy.PrecheckMaxAge)
}

func (f Facts) greenOf(d *Deployment) string {
	for _, m := range d.Members {
		if IDFromARN(m.Source) == f.ID && m.Target != "" {
			return IDFromARN(m.Target)
		}
	}
	return IDFromARN(d.Target)
}

// unreadable finds a blocker that is none: something could not be read. That
// holds, because a wave does not wait for what is blocked.
func unreadable(issues []Issue) *Issue {
	for i := range issues {
		if issues[i].ID == "parameters-unknown" {
			return &issues[i]
		}
	}
	return nil
}

// blockers leaves a member that is not available out unless that lasts: blue
// and its replicas are backed up every day.
func blockers(issues []Issue, lasting bool) []Issue {
	var b []Issue
	for _, i := range issues {
		if i.Severity == "block" && (i.ID != "instance-not-available" || lasting) {
			b = append(b, i)
		}
	}
	return b
}

func buildProgress(d *Deployment) string {
	for _, t := range d.Tasks {
		if t.Status == "IN_PROGRESS" {
			return "RDS: " + strings.ToLower(strings.ReplaceAll(t.Name, "_", " "))
		}
	}
	return "RDS is building the green"
}

func firstOf(ss ...string) string {
	for _, s := range ss {
		if s != "" {
			return s
		}
	}
	return ""
}

func why(h *Human) string {
	if h.Why == "" {
		return ""
	}
	return ": " + h.Why
}

func more(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf(" (and %d more)", n)
}
