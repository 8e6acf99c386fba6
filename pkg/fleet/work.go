package fleet

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
	"github.com/rdsupgrade/rdsupgrade/pkg/precheck"
)

// readAll begins the reads of the chosen units, or does them at once when the
// engine is inline.
func (e *Engine) readAll(ctx, soft context.Context, units []unit, chosen []int) error {
	prechecks := 0
	for _, i := range chosen {
		if !e.cfg.Inline {
			e.startWork(ctx, soft, units[i])
			continue
		}
		for _, w := range units[i].step.Work {
			if w == bluegreen.WorkLag && e.kept[i].tick != e.ticks {
				continue // nothing has changed for it
			}
			if w == bluegreen.WorkPrecheck {
				if prechecks++; e.cfg.PrechecksPerTick > 0 && prechecks > e.cfg.PrechecksPerTick {
					continue
				}
			}
			if err := e.do(ctx, units[i], w); err != nil {
				return err
			}
		}
	}
	return nil
}

// startWork begins the reads of a unit that are not under way yet.
func (e *Engine) startWork(ctx, soft context.Context, u unit) {
	for _, w := range u.step.Work {
		key := u.key + string(w)
		e.mu.Lock()
		// What ended since the unit was derived is not known to it yet.
		already := e.inWork[key] || e.workDone[key] == e.ticks
		if !already {
			e.inWork[key] = true
		}
		e.mu.Unlock()
		if already {
			continue
		}
		slots := e.quick
		if w == bluegreen.WorkPrecheck {
			slots = e.work // long ones must not hold up the reading of lags
		}
		e.group.Go(func() {
			slots <- struct{}{}
			var err error
			if soft.Err() == nil || w != bluegreen.WorkPrecheck {
				err = e.do(ctx, u, w)
			}
			<-slots
			e.mu.Lock()
			defer e.mu.Unlock()
			delete(e.inWork, key)
			e.workDone[key] = e.ticks
			if err != nil && e.fatal == nil && ctx.Err() == nil {
				e.fatal = err
			}
		})
	}
}

// do does one read and journals what it found; its error ends the run.
func (e *Engine) do(ctx context.Context, u unit, w bluegreen.Work) error {
	if ctx.Err() != nil {
		return nil
	}
	switch w {
	case bluegreen.WorkPrecheck:
		return e.precheck(ctx, u)
	case bluegreen.WorkLag:
		e.readLag(ctx, u)
	case bluegreen.WorkConfirm:
		return e.confirm(ctx, u)
	case bluegreen.WorkExplain:
		return e.explain(ctx, u)
	case bluegreen.WorkCompareBlue:
		return e.compareBlue(u)
	case bluegreen.WorkRecordSwitch:
		return e.recordSwitch(ctx, u)
	case bluegreen.WorkEvents:
		return e.lookAtEvents(ctx, u)
	default:
		return e.goBackWork(ctx, u, w)
	}
	return nil
}

func (e *Engine) endpoint(u unit, id string) Endpoint {
	i := u.facts.Instances[id]
	if i == nil {
		return Endpoint{ID: id}
	}
	account, region, _ := strings.Cut(u.scope, "/")
	return Endpoint{ID: id, Address: i.Address, Port: i.Port, Account: account, Region: region}
}

func (e *Engine) precheck(ctx context.Context, u unit) error {
	hop := u.facts.Hops[0]
	var rep precheck.Report
	if e.cfg.SQL == nil {
		rep = precheck.Report{Verdict: precheck.Unknown, Error: "the plan gives no SQL access (connection.auth: none)", Code: "no-access"}
	} else {
		rep = e.cfg.SQL.Precheck(ctx, e.query(u, hop))
	}
	if ctx.Err() != nil {
		return nil
	}
	if err := e.cfg.Store.SavePrecheck(u.key, rep); err != nil {
		return err
	}
	e.learnNeighbours(u.key, rep)
	data := precheckData{From: hop.From, To: hop.To, PrecheckStatus: PrecheckStatus{Verdict: string(rep.Verdict), Errors: rep.Summary.Errors,
		Warnings: rep.Summary.Warnings, Notices: rep.Summary.Notices, Unknown: rep.Summary.Unknown, Top: topFindings(rep, 5)}}
	return e.append(u, journal.Precheck, verdictText(rep), data)
}

func (e *Engine) query(u unit, hop bluegreen.Hop) PrecheckQuery {
	q := PrecheckQuery{Endpoint: e.endpoint(u, u.facts.ID), From: hop.From, To: hop.To}
	blue := u.facts.Instances[u.facts.ID]
	e.mu.Lock()
	ref := e.refs[u.scope]
	e.mu.Unlock()
	if blue == nil || ref == nil {
		return q
	}
	q.Replica = e.replicaOf(u, blue)
	ref.mu.Lock()
	ps, ok := ref.parameters[blue.ParameterGroup]
	ref.mu.Unlock()
	if ok {
		q.Parameters = []precheck.Parameter{}
		for _, p := range ps {
			q.Parameters = append(q.Parameters, precheck.Parameter{Name: p.Name, Value: p.Value})
		}
	}
	if g, ok := ref.optionGroup(blue.OptionGroup); ok && !strings.HasPrefix(g.Name, "default:") {
		q.OptionGroup = g.Name
	}
	return q
}

// replicaOf is the read replica to audit in the primary's place, nil when the
// plan does not want one or none is available.
func (e *Engine) replicaOf(u unit, blue *bluegreen.Instance) *Endpoint {
	if !e.cfg.Plan.Prechecks.PreferReplica {
		return nil
	}
	for _, arn := range blue.Replicas {
		id := bluegreen.IDFromARN(arn)
		if r := u.facts.Instances[id]; r != nil && r.Available() && r.Version == blue.Version {
			ep := e.endpoint(u, id)
			return &ep
		}
	}
	return nil
}

// verdictText is the reason shown as long as the verdict stands.
func verdictText(r precheck.Report) string {
	if r.Error != "" {
		return r.Error
	}
	switch r.Verdict {
	case precheck.Blocked:
		top := topFindings(r, 1)
		if len(top) == 0 {
			return "prechecks found blockers"
		}
		return top[0] + plusMore(r.Summary.Errors-1)
	case precheck.Unknown:
		for _, c := range r.Checks {
			if c.Status == precheck.StatusError {
				return "check " + c.ID + " could not run: " + c.Reason + plusMore(r.Summary.Unknown-1)
			}
		}
	}
	return fmt.Sprintf("%d errors, %d warnings, %d notices", r.Summary.Errors, r.Summary.Warnings, r.Summary.Notices)
}

func plusMore(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf(" (and %d more)", n)
}

// topFindings are the first unwaived findings of the worst severity.
func topFindings(r precheck.Report, most int) []string {
	var out []string
	for _, sev := range []precheck.Severity{precheck.Error, precheck.Warning} {
		for _, c := range r.Checks {
			for _, f := range c.Findings {
				s := c.Severity
				if f.Severity != "" {
					s = f.Severity
				}
				if s == sev && (f.Waived == nil || f.Waived.Expired) && len(out) < most {
					out = append(out, c.ID+": "+f.Object+": "+f.Message)
				}
			}
		}
		if len(out) > 0 {
			return out
		}
	}
	return out
}

func (e *Engine) readLag(ctx context.Context, u unit) {
	l := bluegreen.Lag{Reason: "the plan gives no SQL access"}
	if e.cfg.SQL != nil {
		l = e.cfg.SQL.Lag(ctx, e.endpoint(u, u.state.Green))
	}
	l.At = e.cfg.Clock.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.watch[u.key] = e.watch[u.key].TakeLag(l, u.facts.Policy)
}

// confirm proves after a switchover who answers under the database's name: by
// the API, and by asking the server itself.
func (e *Engine) confirm(ctx context.Context, u unit) error {
	blue := u.facts.Instances[u.facts.ID]
	to := u.facts.Record.SwitchedTo
	if blue == nil || !blue.Available() {
		return nil // the next tick looks again
	}
	if lineOf(blue.Version) != lineOf(to) {
		return e.unconfirmed(u, fmt.Sprintf("RDS shows %s on %s, not %s", u.facts.ID, blue.Version, to))
	}
	if e.cfg.SQL == nil {
		return e.confirmed(u, "confirmed over the API only: "+u.facts.ID+" is "+blue.Version, blue.Version)
	}
	v, err := e.cfg.SQL.Version(ctx, e.endpoint(u, u.facts.ID))
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return e.retryConfirm(u, "the server at the endpoint could not be asked: "+err.Error())
	case lineOf(v) != lineOf(to):
		return e.retryConfirm(u, "the server at the endpoint answers "+v+", not "+to)
	}
	if settled, err := e.smokeAfter(ctx, u); err != nil || !settled {
		return err
	}
	return e.confirmed(u, "confirmed: RDS shows "+blue.Version+", the server at the endpoint answers "+v, v)
}

// retryConfirm gives DNS and the server some reads before it is a question.
func (e *Engine) retryConfirm(u unit, why string) error {
	e.mu.Lock()
	w := e.watch[u.key]
	w.ConfirmTries++
	e.watch[u.key] = w
	e.mu.Unlock()
	if w.ConfirmTries < bluegreen.OddReads {
		return nil
	}
	return e.unconfirmed(u, why)
}

func (e *Engine) unconfirmed(u unit, why string) error {
	return e.append(u, journal.Fact, "not confirmed: "+why, factData{Name: factUnconfirmed, Error: why})
}

// explain fetches why a build or a switchover failed, while RDS still knows.
func (e *Engine) explain(ctx context.Context, u unit) error {
	sc := e.scope(u.scope)
	d := u.state.Deployment
	reason := d.Details
	since := e.cfg.Clock.Now().Add(-24 * time.Hour)
	asked := u.facts.Record.SwitchAskedAt
	if u.state.Stage == bluegreen.Switching && !asked.IsZero() {
		since = asked.Add(-clockSkew)
		if told := u.facts.Record.SwitchFailedAt; !told.Before(since) { // an earlier attempt's failure does not explain this one
			since = told.Add(time.Millisecond)
		}
	}
	failure, heard := "", false
	var last time.Time
	events, err := sc.Trail.Events(ctx, since, "blue-green-deployment", d.ID)
	if e.later(u, bluegreen.WorkExplain, err) {
		return nil // an attempt that nobody can explain would count as a failed one
	}
	if err == nil {
		failure, last = lastFailure(events)
		heard = true
		reason = cmp.Or(failure, reason)
	}
	if u.state.Stage == bluegreen.Switching {
		// SWITCHOVER_FAILED may still be an earlier attempt's word.
		idle := d.Status == bluegreen.Available || u.facts.Record.SwitchAttempts > 1
		if heard && failure == "" && !u.facts.Record.SwitchAccepted && idle {
			return e.append(u, journal.Fact, "the switchover never began: RDS answered nothing and tells of none", factData{Name: factNotBegun})
		}
		if reason == "" {
			reason = "RDS gave no reason"
		}
		return e.append(u, journal.Fact, "switchover rolled back by RDS: "+reason, factData{Name: factSwitchFailed, Error: reason, At: stamp(last)})
	}
	if log, err := sc.Trail.LogText(ctx, u.state.Green, "PrePatchCompatibility"); err == nil && log != "" {
		if first := firstLogError(log); first != "" {
			reason = strings.TrimSpace(reason + " " + first)
		}
		if err := e.append(u, journal.Gate, "RDS's own precheck log", map[string]string{"log": clip(log, 64<<10)}); err != nil {
			return err
		}
	}
	if reason == "" {
		reason = "RDS says INVALID_CONFIGURATION and gives no reason"
	}
	return e.append(u, journal.Fact, "the green could not be built: "+reason, factData{Name: factBuildFailed, Error: reason})
}

// clockSkew is how far this clock may be ahead of AWS's.
const clockSkew = time.Minute

// stamp writes a moment into a fact, "" when it is not known.
func stamp(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339Nano)
}

// lastFailure is the newest event that tells of a failure; of those of one
// minute the first that gives a reason, which RDS follows up with a summary.
// The time is that of the newest of all.
func lastFailure(events []bluegreen.Event) (what string, at time.Time) {
	var last bluegreen.Event
	reason := func(ev bluegreen.Event) bool { return strings.Contains(ev.Message, " due to ") }
	for _, ev := range events {
		m := strings.ToLower(ev.Message)
		bad := strings.Contains(m, "cancel") || strings.Contains(m, "fail") || strings.Contains(m, "incompatib")
		for _, c := range ev.Categories {
			bad = bad || c == "failure"
		}
		if bad && ev.At.After(at) {
			at = ev.At
		}
		near := ev.At.Sub(last.At).Abs() <= time.Minute
		if bad && (ev.At.After(last.At) && !(near && reason(last) && !reason(ev)) || near && reason(ev) && !reason(last)) {
			last = ev
		}
	}
	return last.Message, at
}

// firstLogError is the first error line of an RDS precheck log.
func firstLogError(log string) string {
	for _, line := range strings.Split(log, "\n") {
		if l := strings.TrimSpace(line); strings.HasPrefix(strings.ToLower(l), "error") || strings.Contains(l, " - Error") {
			return clip(l, 400)
		}
	}
	return ""
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "..."
}

// compareBlue proves after a rollback that blue is as it was.
func (e *Engine) compareBlue(u unit) error {
	blue := u.facts.Instances[u.facts.ID]
	if blue == nil {
		return nil
	}
	what := "rolled back: the green is gone; " + u.facts.ID + " was never changed (no earlier record to compare with)"
	var diff []string
	if before := u.facts.Record.BlueBefore; before != nil {
		if before.Status != blue.Status && e.later(u, bluegreen.WorkCompareBlue, errUnsettled) {
			return nil // a backup or a moment's change is no difference
		}
		diff = bluegreen.BlueChanges(*before, *blue)
		what = fmt.Sprintf("rolled back: the green is gone; %s is as before: %s, %s, %s %d GiB, same endpoint and parameter group",
			u.facts.ID, blue.Version, blue.Class, blue.StorageType, blue.AllocatedGiB)
		if len(diff) > 0 {
			what = "rolled back: the green is gone; on " + u.facts.ID + " changed meanwhile: " + strings.Join(diff, "; ")
		}
	}
	return e.append(u, journal.Fact, what, factData{Name: factBlueSame, Diff: diff})
}

// coordinates is RDS's event text after a switchover (User Guide, "Switching a
// blue/green deployment"): it speaks of the file and of the position.
var coordinates = regexp.MustCompile(`(?i)binary log coordinates.*?file\s+(\S+)\s+and\s+position\s+([0-9]+)`)

// recordSwitch writes down what RDS will forget: when, what was green, what is
// old blue now, and green's binary log position.
func (e *Engine) recordSwitch(ctx context.Context, u unit) error {
	blue := u.facts.Instances[u.facts.ID]
	if blue == nil {
		return nil
	}
	f := factData{Name: factSwitched, To: blue.Version, OldBlue: u.state.OldBlue, Greens: u.facts.Record.Greens}
	if u.state.Deployment != nil {
		f.Deployment = u.state.Deployment.ID
	}
	events, err := e.greenEvents(ctx, e.scope(u.scope), u, e.cfg.Clock.Now().Add(-24*time.Hour))
	if e.later(u, bluegreen.WorkRecordSwitch, err) {
		return nil // without the position there is no way back by replication
	}
	f.Binlog = placeOf(events)
	what := "switched over: " + u.facts.ID + " answers as " + blue.Version
	if f.OldBlue != "" {
		what += ", old blue is " + f.OldBlue
	}
	return e.append(u, journal.Fact, what, f)
}

// greenEvents are the events of what was the green primary. RDS keeps them under
// its name of then; where the journal that knew the name is lost, the form of
// the name finds them.
func (e *Engine) greenEvents(ctx context.Context, sc Scope, u unit, since time.Time) ([]bluegreen.Event, error) {
	if greens := u.facts.Record.Greens; len(greens) > 0 {
		return sc.Trail.Events(ctx, since, "db-instance", greens[0])
	}
	all, err := sc.Trail.Events(ctx, since, "db-instance", "")
	form := greenOf(u.facts.ID)
	return slices.DeleteFunc(all, func(ev bluegreen.Event) bool { return !form.MatchString(ev.SourceID) }), err
}

// greenOf is the form of the names that RDS gives a database's greens.
func greenOf(id string) *regexp.Regexp {
	return regexp.MustCompile("^" + regexp.QuoteMeta(id) + "-green-[a-z0-9]{6}$")
}

// errUnsettled is a state that passes.
var errUnsettled = &bluegreen.Fault{Code: "Unsettled", Consequence: bluegreen.Retry}

// later tells that work failed for a reason that passes, and is done again in
// the next tick; so often in a row that nobody waits for ever.
func (e *Engine) later(u unit, w bluegreen.Work, err error) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	key := u.key + string(w)
	if err == nil || faultOf(err).Consequence != bluegreen.Retry || e.patience[key] >= bluegreen.OddReads {
		delete(e.patience, key)
		return false
	}
	e.patience[key]++
	return true
}

// append journals an entry about a unit.
func (e *Engine) append(u unit, k journal.Kind, what string, data any) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, err := e.cfg.Store.append(journal.Entry{Kind: k, Database: u.key, What: what, At: e.cfg.Clock.Now()}, data)
	return err
}
