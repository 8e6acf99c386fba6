package bluegreen

import (
	"fmt"
	"time"
)

// The works of the road back. Each may be done twice.
const (
	WorkGoBackBegin   Work = "go-back-begin"   // note pairs and groups
	WorkGoBackLook    Work = "go-back-look"    // ask both servers
	WorkGoBackNote    Work = "go-back-note"    // journal what the last look showed
	WorkGoBackArm     Work = "go-back-follow"  // drill: the kept server follows
	WorkGoBackStart   Work = "go-back-start"   // start a replication that a reboot left standing
	WorkGoBackEnd     Work = "go-back-end"     // end the replication on the old server
	WorkGoBackCompare Work = "go-back-compare" // count rows on both
	WorkGoBackVerify  Work = "go-back-verify"  // who answers, and does it take writes
)

const (
	// goBackFresh is how old a look may be to prove something.
	goBackFresh = 30 * time.Second
	// goBackEffect is how long a dynamic parameter may take before the server is
	// rebooted for it: on an old blue a value of 0 did not take effect by itself
	// (vouchercodes' account of going back, 2023).
	goBackEffect = 10 * time.Second
	// goBackReboot is how long RDS may show pending-reboot after a reboot was asked for.
	goBackReboot = time.Minute
	// goBackReads is how many looks in a row may fail before a person is asked:
	// a server that was rebooted is not there at once.
	goBackReads = 20
)

// goBackMove is what comes next on the road back. Without actions and work it waits.
type goBackMove struct {
	reason, next string
	held         bool
	ambiguous    bool
	actions      []Action
	work         []Work
	note         *GoBackNote
}

// goBackRoad is everything that the steps are told from.
type goBackRoad struct {
	f        Facts
	g        *GoBack
	now, old *Instance // the primaries, nil before GoBackBegin
	look     GoBackLook
	fresh    bool
}

// goBackMoves gives each step its rule: nil when the step is done.
var goBackMoves = map[GoBackStep]func(*goBackRoad) *goBackMove{
	GoBackBegin: (*goBackRoad).begin, GoBackShell: (*goBackRoad).shell, GoBackArm: (*goBackRoad).arm,
	GoBackPrepare: (*goBackRoad).prepare, GoBackStop: (*goBackRoad).stop, GoBackCatchUp: (*goBackRoad).catchUp,
	GoBackEnd: (*goBackRoad).end, GoBackCompare: (*goBackRoad).compare, GoBackOpen: (*goBackRoad).open,
	GoBackRename: (*goBackRoad).rename, GoBackVerify: (*goBackRoad).verify,
}

// goingBack tells that an order to go back is under way.
func (f Facts) goingBack() bool { return f.Record.GoBack != nil && f.Record.GoBack.Done.IsZero() }

// goBack tells the step that is under way and what comes next in it. It is
// pure, and the one place that decides.
func (f Facts) goBack() (GoBackStep, goBackMove) {
	r := &goBackRoad{f: f, g: f.Record.GoBack}
	if l := f.Watch.GoBack; l != nil {
		r.look, r.fresh = *l, f.Now.Sub(l.At) <= goBackFresh
	}
	if len(r.g.Pairs) > 0 {
		r.now, r.old = f.byResource(r.g.Pairs[0].New), f.byResource(r.g.Pairs[0].Old)
		if odd := f.goBackOdd(); odd != "" && !r.alone() {
			return r.current(), r.oddNames(odd)
		}
	}
	if f.Record.ActError != "" {
		return r.current(), *r.hold("AWS refused a change: "+f.Record.ActError, "mend the cause, then repeat: rollback "+r.abandonWord()+"--database "+f.ID)
	}
	if r.g.Abandon != nil && !r.moved() {
		return GoBackAbandon, r.abandon()
	}
	for _, row := range GoBackSteps {
		if m := goBackMoves[row.Step](r); m != nil {
			return row.Step, *m
		}
	}
	return GoBackVerify, goBackMove{reason: "all steps are done"}
}

// current is the first step that was not noted as done.
func (r *goBackRoad) current() GoBackStep {
	for _, row := range GoBackSteps {
		if !r.reached(row.Step) && row.Step != GoBackShell && (row.Step != GoBackArm || r.g.Forward) { // AWS tells of the shell
			return row.Step
		}
	}
	return GoBackVerify
}

func (r *goBackRoad) reached(s GoBackStep) bool {
	_, ok := r.g.Reached[s]
	return ok
}

// abandonWord is what a person must repeat to have an abandon go on: without
// it the order would be taken up again.
func (r *goBackRoad) abandonWord() string {
	if r.g.Abandon != nil && !r.moved() {
		return "--abandon "
	}
	return ""
}

// moved tells that the new server has lost the name: from there on only the
// way on is open.
func (r *goBackRoad) moved() bool {
	return r.now != nil && r.now.ID != r.g.Pairs[0].ID
}

// deriveGoBack is the stage of a database that is going back.
func (f Facts) deriveGoBack() State {
	step, m := f.goBack()
	s := State{Stage: RollingBack, GoBack: step, Reason: string(step) + ": " + m.reason, NextStep: firstOf(m.next, "wait for the next step"), Ambiguous: m.ambiguous}
	if m.held || m.ambiguous {
		s.Stage = Held
	}
	if g := f.Record.GoBack; len(g.Pairs) > 0 {
		if old := f.byResource(g.Pairs[0].Old); old != nil {
			s.OldBlue = old.ID
		}
	} else {
		s.OldBlue = f.oldBlue()
	}
	return s
}

// wentBack says how a database that went back stands.
func (f Facts) wentBack(blue *Instance) string {
	g := f.Record.GoBack
	s := "went back after the switchover: on " + blue.Version
	if len(g.Pairs) > 0 {
		if kept := f.byResource(g.Pairs[0].New); kept != nil {
			s += "; the newer server is kept as " + kept.ID
		}
	}
	if g.Lost != nil {
		s += "; lost: " + g.Lost.Text
	}
	return s
}

// nextGoBack is what comes next for a database that is going back.
func (f Facts) nextGoBack() Step {
	_, m := f.goBack()
	return Step{Actions: f.owned(m.actions), Work: m.work}
}

// GoBackNoteDue is what the journal should note now: what the last look showed.
func (f Facts) GoBackNoteDue() *GoBackNote {
	if !f.goingBack() {
		return nil
	}
	_, m := f.goBack()
	return m.note
}

func (r *goBackRoad) wait(reason string) *goBackMove { return &goBackMove{reason: reason} }

func (r *goBackRoad) hold(reason, next string) *goBackMove {
	return &goBackMove{reason: reason, next: next, held: true}
}

func (r *goBackRoad) do(reason string, acts ...Action) *goBackMove {
	return &goBackMove{reason: reason, actions: acts}
}

func (r *goBackRoad) ask(reason string, w ...Work) *goBackMove {
	if e := r.f.Watch.GoBackError; e != "" {
		reason += " (" + e + ")"
	}
	return &goBackMove{reason: reason, work: w}
}

func (r *goBackRoad) noted(n GoBackNote) *goBackMove {
	n.Forward = r.g.Forward
	return &goBackMove{reason: n.Proof, work: []Work{WorkGoBackNote}, note: &n}
}

// wayOut is what a person can do while the new server has the name.
func (r *goBackRoad) wayOut() string {
	return "mend it, or: rollback --abandon --database " + r.f.ID + " gives writes back to the new server"
}

func (r *goBackRoad) oddNames(odd string) goBackMove {
	if r.f.Watch.Odd < OddReads {
		return goBackMove{reason: odd, next: "wait for the next read"}
	}
	next := "find out who renamed or removed it, and put the names right by hand"
	if r.old == nil && r.now != nil && !r.moved() {
		next += "; where the old server is gone for good: rollback --abandon --database " + r.f.ID + " gives writes back to the new one"
	}
	return goBackMove{reason: odd, ambiguous: true, next: next}
}

// alone tells that the order is taken back and old blue is gone for good: the
// new server alone is left to serve.
func (r *goBackRoad) alone() bool {
	return r.g.Abandon != nil && r.old == nil && r.now != nil && !r.moved() && r.f.Watch.Odd >= OddReads
}

// known tells that a server was asked, lately, and is the one it should be.
func (r *goBackRoad) known(l ServerLook) bool { return r.unknownWhy(l) == "" }

func (r *goBackRoad) unknownWhy(l ServerLook) string {
	want := r.g.NewUUID
	if l == r.look.Old {
		want = r.g.OldUUID
	}
	switch {
	case !r.fresh:
		return "not asked yet"
	case l.Err != "":
		return l.Err
	case r.look.New.Err == "" && r.look.Old.Err == "" && r.look.New.UUID == r.look.Old.UUID && l.UUID != "":
		return "both addresses lead to the same server"
	case want != "" && l.UUID != want:
		return "another server answers at its address"
	}
	return ""
}

// blind tells that a server cannot be asked, and that a person accepted that.
func (r *goBackRoad) blind(l ServerLook) bool {
	return r.g.AcceptLoss && !r.known(l) && (!r.f.Policy.SQL || r.f.Watch.GoBackUnread >= goBackReads)
}

// unknown waits for a server that could not be asked, and asks a person when
// that lasts.
func (r *goBackRoad) unknown(id string, l ServerLook) *goBackMove {
	if i := r.f.Instances[id]; i != nil && !i.Available() {
		return r.ask(id+" is "+i.Status, WorkGoBackLook)
	}
	m := r.ask(id+" could not be asked: "+r.unknownWhy(l), WorkGoBackLook)
	if m.held = !r.f.Policy.SQL || r.f.Watch.GoBackUnread >= goBackReads; m.held {
		m.next = "make it reachable over SQL, or: rollback --accept-loss --database " + r.f.ID
		if !r.moved() {
			m.next += ", or: rollback --abandon --database " + r.f.ID
		}
	}
	return m
}

func (r *goBackRoad) begin() *goBackMove {
	if len(r.g.Pairs) > 0 {
		return nil
	}
	if _, refusal := r.f.GoBackPairs(r.g.AcceptLoss); refusal != "" {
		return r.hold(refusal, "rollback --abandon --database "+r.f.ID+" takes the order back; nothing was changed")
	}
	if !r.g.Armed && !r.g.AcceptLoss {
		return r.hold("no reverse replication was armed: every write since the switchover would be lost",
			"rollback --accept-loss --database "+r.f.ID+", or --abandon takes the order back; nothing was changed")
	}
	return r.ask("names, resource ids and parameter groups are noted", WorkGoBackBegin)
}

// shell deletes what is left of the deployment. Its target is never deleted
// with it: that is the server which serves.
func (r *goBackRoad) shell() *goBackMove {
	for _, d := range r.f.Deployments {
		switch {
		case !r.f.Ours(d) && d.Status == SwitchoverCompleted:
		case d.Status == Deleting:
			return r.wait("deployment " + d.Name + " is being deleted")
		case r.f.Ours(d) && d.Status == SwitchoverCompleted:
			return r.do("delete the record of deployment "+d.Name, Action{Kind: DeleteDeployment, Deployment: d.ID,
				Why: "its switchover is taken back; its instances stay"})
		case IDFromARN(d.Source) == r.f.ID:
			return r.hold("deployment "+d.Name+" stands on "+r.f.ID, "let its owner delete it")
		}
	}
	return nil
}

// arm lets the server that was kept follow the one that serves.
func (r *goBackRoad) arm() *goBackMove {
	if !r.g.Forward || r.reached(GoBackArm) || r.moved() {
		return nil
	}
	m := r.ask("the kept server is set to follow from "+r.g.From, WorkGoBackArm)
	if r.f.Watch.GoBackUnread >= goBackReads {
		m.held, m.next = true, r.wayOut()
	}
	return m
}

func (r *goBackRoad) prepare() *goBackMove {
	if r.reached(GoBackPrepare) || r.moved() {
		return nil
	}
	m, proof := r.turn(r.g.Old, r.old, r.look.Old, false)
	if m != nil {
		return m
	}
	return r.noted(GoBackNote{Step: GoBackPrepare, Proof: proof, OldUUID: r.look.Old.UUID})
}

// intact asks, before anything hurts, whether old blue still follows; nil when
// it does, or when that was waived.
func (r *goBackRoad) intact() *goBackMove {
	if r.g.AcceptLoss {
		return nil
	}
	switch {
	case !r.known(r.look.Old):
		return r.unknown(r.old.ID, r.look.Old)
	case !r.known(r.look.New):
		return r.unknown(r.now.ID, r.look.New)
	}
	rep := r.look.Old.Replication
	switch t := rep.Trouble(); {
	case t == "":
		return nil
	case rep.Configured && rep.ReceiverError == "" && rep.ApplierError == "" && rep.Receiver == "Connecting":
		return r.ask(r.old.ID+" is connecting to the new server", WorkGoBackLook)
	case rep.Configured && rep.ReceiverError == "" && rep.ApplierError == "":
		return r.ask("the replication of "+r.old.ID+" stands still", WorkGoBackStart, WorkGoBackLook)
	default:
		m := r.hold(fmt.Sprintf("the way back is broken, and old blue lacks what was written since (%s): %s", wayCause(rep), t),
			"mend the replication, or: rollback --accept-loss --database "+r.f.ID+", or --abandon takes the order back")
		m.work = []Work{WorkGoBackLook}
		return m
	}
}

// stop stops writes on the new server, once everything that must follow was
// proven to be able to.
func (r *goBackRoad) stop() *goBackMove {
	reopened := r.known(r.look.New) && !r.look.New.ReadOnly
	// Who took the order back may have had the new server set open, which has
	// yet to show: what was set last is known, or it is set again.
	given := r.now != nil && r.now.ParameterGroup == r.g.New.Own && r.g.Set[r.g.New.Own]["read_only"] != "1"
	if r.moved() || r.reached(GoBackStop) && !reopened && !given {
		return nil
	}
	if reopened && r.reached(GoBackEnd) {
		return &goBackMove{ambiguous: true, work: []Work{WorkGoBackLook}, next: "find out who opened it; rollback --abandon --database " + r.f.ID + " goes on with the new server",
			reason: "the new server takes writes again although the replication to old blue was ended: old blue lacks them"}
	}
	shut := r.reached(GoBackStop) && r.known(r.look.New) && !reopened // to be set so once more, which hurts nobody
	if begun := r.now.ParameterGroup == r.g.New.Own && r.g.has(r.g.New.Own, r.g.New.switches(false)); !begun && !shut && r.now.Available() {
		if m := r.intact(); m != nil {
			return m
		}
	}
	m, proof := r.turn(r.g.New, r.now, r.look.New, false)
	if m != nil || r.reached(GoBackStop) {
		return m
	}
	return r.noted(GoBackNote{Step: GoBackStop, Proof: proof, NewUUID: r.look.New.UUID})
}

// turn opens or closes a server by a parameter group of its own. It is done
// when the server says so itself; then the text is the proof.
func (r *goBackRoad) turn(side GoBackSide, i *Instance, l ServerLook, open bool) (*goBackMove, string) {
	word := "closed to writes"
	if open {
		word = "open for writes"
	}
	reboot := Action{Kind: RebootInstance, Instance: i.ID, Why: "its own parameter group takes effect: " + word}
	switch {
	case !i.Available():
		return r.wait(i.ID + " is " + i.Status), ""
	case i.ParameterGroup != side.Own:
		return r.do("give "+i.ID+" a parameter group of its own, "+word, append(r.ownGroup(side, open),
			Action{Kind: ModifyInstance, Instance: i.ID, Modify: &ModifySpec{ParameterGroup: side.Own}, Why: "opening and closing it must not touch other instances"})...), ""
	case !r.g.has(side.Own, side.switches(open)):
		return r.do("set "+i.ID+" "+word, Action{Kind: SetParameters, Group: &ParameterSpec{Name: side.Own, Family: side.Family, Parameters: side.switches(open)}, Why: i.ID + " is " + word}), ""
	case i.ParameterStatus == "pending-reboot" && r.f.Now.Sub(r.g.Touched[i.ID]) < goBackReboot:
		return r.wait("RDS does not show the reboot of " + i.ID + " yet"), ""
	case i.ParameterStatus == "pending-reboot":
		return r.do("reboot "+i.ID+" for its group", reboot), ""
	}
	set, booted := r.g.Touched[side.Own], r.g.Touched[i.ID]
	switch {
	case r.known(l) && l.ReadOnly && !open && r.look.At.Before(later(set, booted)):
		return r.ask(i.ID+" is asked again, because it was set or rebooted since", WorkGoBackLook), ""
	case r.known(l) && l.ReadOnly != open:
		return nil, fmt.Sprintf("%s says read_only=%s", i.ID, map[bool]string{true: "0", false: "1"}[open])
	case r.known(l) && r.look.At.Before(later(set, booted).Add(goBackEffect)):
		return r.ask(i.ID+" is set "+word+"; it does not say so yet", WorkGoBackLook), ""
	case r.known(l) && booted.After(set):
		m := r.hold(fmt.Sprintf("%s was set %s in %s and rebooted, and still says otherwise", i.ID, word, side.Own), r.wayOut())
		m.work = []Work{WorkGoBackLook}
		return m, ""
	case r.known(l), r.blind(l) && !booted.After(set):
		return r.do("reboot "+i.ID+", because the setting alone took no effect", reboot), ""
	case r.blind(l):
		return nil, "not proven over SQL: RDS shows " + i.ID + " rebooted with " + side.Own + ", " + word
	}
	return r.unknown(i.ID, l), ""
}

// ownGroup makes a side's own group with everything that was set before.
func (r *goBackRoad) ownGroup(side GoBackSide, open bool) []Action {
	acts := GroupActions(ParameterSpec{Name: side.Own, Family: side.Family, Parameters: side.settings(open), Description: "of " + r.f.ID + " alone, made by rdsupgrade to go back",
		Tags: map[string]string{TagCampaign: r.f.Campaign, TagDatabase: r.f.ID}})
	acts[0].Why = "opening and closing one server must not touch others"
	return acts
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
