package bluegreen

import (
	"fmt"
	"time"
)

// The steps in which writes are stopped and the data changes hands.

func (r *goBackRoad) catchUp() *goBackMove {
	if r.reached(GoBackCatchUp) || r.moved() {
		return nil
	}
	if !r.g.Armed {
		return r.noted(r.lost("no reverse replication was armed: every write since the switchover", r.g.From))
	}
	now, old := r.look.New, r.look.Old
	switch {
	case !r.known(now) && r.blind(now):
		return r.noted(r.lost("the new server cannot be asked how much old blue lacks", ""))
	case !r.known(now):
		return r.unknown(r.now.ID, now)
	case !r.known(old) && r.blind(old):
		return r.noted(r.lost("old blue cannot be asked how much it lacks", ""))
	case !r.known(old):
		return r.unknown(r.old.ID, old)
	}
	if old.Replication.Configured && appliedTo(old.Replication, now.File, now.Position) {
		return r.noted(GoBackNote{Step: GoBackCatchUp, Place: now.place(),
			Proof: fmt.Sprintf("old blue has applied the new server's log to its end at %s", now.place())})
	}
	bytes, files := behind(old.Replication, now.File, now.Position)
	reason := fmt.Sprintf("old blue lacks %d bytes of binary log", bytes)
	if files > 0 {
		reason += " and " + plural(files, "further file")
	}
	trouble := old.Replication.Trouble()
	switch {
	case trouble == "" || old.Replication.Receiver == "Connecting" && old.Replication.ApplierError == "":
		return r.ask(reason, WorkGoBackLook)
	case r.g.AcceptLoss:
		from := fmt.Sprintf("%s:%d", old.Replication.File, old.Replication.Position)
		if !old.Replication.Configured {
			from = r.g.From
		}
		n := r.lost("the way back is broken ("+wayCause(old.Replication)+"); "+reason, from)
		n.Lost.Bytes = bytes
		return r.noted(n)
	}
	m := r.hold("writes are stopped, and the way back broke ("+wayCause(old.Replication)+"); "+reason+": "+trouble,
		"mend the replication, or give writes back: rollback --abandon --database "+r.f.ID+", or: rollback --accept-loss --database "+r.f.ID)
	m.work = []Work{WorkGoBackLook}
	return m
}

// lost is the note of a catch-up that there is not.
func (r *goBackRoad) lost(why, from string) GoBackNote {
	l := &GoBackLoss{Text: why, From: from}
	if at := r.g.Was.At; !at.IsZero() && !r.g.Armed {
		stopped := r.f.Now
		if t, ok := r.g.Reached[GoBackStop]; ok {
			stopped = t
		}
		l.Seconds = stopped.Sub(at).Seconds()
		l.Text += fmt.Sprintf(", %s long", stopped.Sub(at).Round(time.Second))
	}
	n := GoBackNote{Step: GoBackCatchUp, Lost: l, Proof: "loss accepted by " + r.g.By}
	if r.known(r.look.New) {
		n.Place, l.To = r.look.New.place(), r.look.New.place()
		if l.From != "" {
			l.Text += fmt.Sprintf("; they stand in its binary log from %s to %s", l.From, l.To)
		}
	}
	return n
}

// appliedTo tells whether a replica has applied its source's log to a place.
func appliedTo(r Replication, file string, pos uint64) bool {
	a, b := logNumber(r.File), logNumber(file)
	return r.File != "" && (a > b || a == b && r.Position >= pos)
}

func (r *goBackRoad) end() *goBackMove {
	if r.moved() || r.reached(GoBackEnd) {
		return nil
	}
	old := r.look.Old
	switch {
	case !r.known(old) && r.blind(old) && !r.g.Armed:
		return r.noted(GoBackNote{Step: GoBackEnd, Proof: "not asked: no reverse replication was armed"})
	case !r.known(old):
		return r.unknown(r.old.ID, old)
	case !old.ReadOnly:
		return &goBackMove{ambiguous: true, work: []Work{WorkGoBackLook}, reason: r.old.ID + " takes writes although nobody opened it here", next: r.wayOut()}
	case old.Replication.Configured:
		return r.ask("the replication of "+r.old.ID+" is ended", WorkGoBackEnd, WorkGoBackLook)
	}
	return r.noted(GoBackNote{Step: GoBackEnd, OldPlace: old.place(), OldUUID: old.UUID,
		Proof: fmt.Sprintf("%s does not replicate; its own log ends at %s", r.old.ID, old.place())})
}

// compare counts rows while nobody writes to either.
func (r *goBackRoad) compare() *goBackMove {
	if r.moved() || r.reached(GoBackCompare) {
		return nil
	}
	switch {
	case r.g.Lost != nil:
		return r.noted(GoBackNote{Step: GoBackCompare, Proof: "not compared: writes are lost"})
	case !r.f.Policy.SQL:
		return r.noted(GoBackNote{Step: GoBackCompare, Proof: "not compared: the plan gives no SQL access"})
	case r.g.Failed == GoBackCompare && r.g.AcceptLoss:
		return r.noted(GoBackNote{Step: GoBackCompare, Lost: &GoBackLoss{Text: r.g.Proofs[GoBackCompare]}, Proof: "the difference was accepted by " + r.g.By})
	case r.g.Failed == GoBackCompare:
		return r.hold("the servers differ: "+r.g.Proofs[GoBackCompare],
			"give writes back: rollback --abandon --database "+r.f.ID+", or accept the difference: rollback --accept-loss --database "+r.f.ID)
	}
	return r.ask("rows of small tables are counted on both", WorkGoBackCompare)
}

func (r *goBackRoad) open() *goBackMove {
	// Who took the order back while the first rename was under way has had old
	// blue set closed, and it gets the name all the same.
	closed := r.known(r.look.Old) && r.look.Old.ReadOnly || r.g.Set[r.g.Old.Own]["read_only"] == "1"
	if r.reached(GoBackOpen) && !closed {
		return nil
	}
	m, proof := r.turn(r.g.Old, r.old, r.look.Old, true)
	if m == nil && r.reached(GoBackOpen) {
		return nil
	}
	if m == nil || len(m.actions) > 0 {
		if no := r.mayOpen(); no != nil {
			return no
		}
	}
	if m != nil {
		return m
	}
	return r.noted(GoBackNote{Step: GoBackOpen, Proof: proof, Lost: r.since()})
}

// mayOpen is nil when the new server was just seen closed, with no write more
// than old blue has. That it was noted once is no proof: a process may have died
// since, or the order been taken back and given again.
func (r *goBackRoad) mayOpen() *goBackMove {
	now := r.look.New
	switch {
	case r.moved():
		return nil
	case r.blind(now) && r.g.Set[r.g.New.Own]["read_only"] == "1":
		return nil
	case !r.known(now):
		return r.unknown(r.now.ID, now)
	case !now.ReadOnly || r.since() != nil && !r.g.AcceptLoss:
		return &goBackMove{ambiguous: true, work: []Work{WorkGoBackLook},
			reason: fmt.Sprintf("the new server's log ended at %s when old blue had everything, and ends at %s: it took writes or was restarted", r.g.Place, now.place()),
			next:   "rollback --abandon --database " + r.f.ID + " goes on with the new server, or: rollback --accept-loss --database " + r.f.ID}
	}
	return nil
}

// since is what the new server's log holds after the place that old blue has
// applied or that was given up, nil for nothing and where the names have moved.
func (r *goBackRoad) since() *GoBackLoss {
	now := r.look.New
	if r.moved() || r.g.Place == "" || !r.known(now) || now.place() == r.g.Place {
		return nil
	}
	l := GoBackLoss{From: r.g.Place}
	if r.g.Lost != nil {
		l = *r.g.Lost
		l.Text += "; and "
	}
	l.Text, l.To = l.Text+"what the new server wrote after "+r.g.Place+", to "+now.place(), now.place()
	return &l
}

// rename moves the names. What was proven before is proven again right before
// the first of them: a process may have died and another one gone on much later.
func (r *goBackRoad) rename() *goBackMove {
	acts, waits := r.f.renames()
	if len(acts) == 0 && len(waits) == 0 {
		return nil
	}
	if len(acts) > 0 && acts[0].Instance == r.g.Pairs[0].ID {
		now, old := r.look.New, r.look.Old
		switch {
		case !r.known(now) && !r.blind(now):
			return r.unknown(r.now.ID, now)
		case !r.known(old) && !r.blind(old):
			return r.unknown(r.old.ID, old)
		case r.known(old) && old.Replication.Configured:
			return &goBackMove{ambiguous: true, work: []Work{WorkGoBackLook}, reason: r.old.ID + " replicates again although that was ended", next: r.wayOut()}
		}
	}
	if len(acts) == 0 {
		return r.wait(waits[0])
	}
	return r.do(acts[0].String(), acts...)
}

// verify is done by the work itself, which ends the order.
func (r *goBackRoad) verify() *goBackMove {
	if r.reached(GoBackVerify) {
		return nil
	}
	if !r.old.Available() {
		return r.wait(r.old.ID + " is " + r.old.Status)
	}
	m := r.ask("the server behind "+r.f.ID+" is asked who it is", WorkGoBackVerify)
	if r.f.Watch.GoBackUnread >= goBackReads {
		m.held, m.next = true, "make "+r.f.ID+" reachable over SQL; the names have moved already"
	}
	return m
}

// abandon gives writes back to the new server. Old blue is closed first, and
// must not have taken a write.
func (r *goBackRoad) abandon() goBackMove {
	if len(r.g.Pairs) == 0 {
		return *r.noted(GoBackNote{Step: GoBackAbandon, Proof: "the order was taken back before anything was changed"})
	}
	// Once opening may have begun, that it was set closed again is no proof: an
	// old blue goes on taking writes until it is rebooted.
	if r.old != nil && (r.reached(GoBackPrepare) && r.g.Set[r.g.Old.Own]["read_only"] != "1" || r.reached(GoBackCompare) && r.old.ParameterGroup == r.g.Old.Own) {
		if m, _ := r.turn(r.g.Old, r.old, r.look.Old, false); m != nil {
			return *m
		}
	}
	if r.old != nil && r.reached(GoBackEnd) && r.g.OldPlace != "" {
		switch {
		case !r.known(r.look.Old):
			return *r.unknown(r.old.ID, r.look.Old)
		case r.look.Old.place() != r.g.OldPlace:
			return goBackMove{ambiguous: true, work: []Work{WorkGoBackLook}, next: "find out who wrote to " + r.old.ID + ", and which of the two shall serve",
				reason: fmt.Sprintf("%s has taken writes: its log ended at %s and ends at %s", r.old.ID, r.g.OldPlace, r.look.Old.place())}
		}
	}
	proof := "writes had not been stopped"
	if r.now.ParameterGroup == r.g.New.Own {
		var m *goBackMove
		if m, proof = r.turn(r.g.New, r.now, r.look.New, true); m != nil {
			return *m
		}
	}
	return *r.noted(GoBackNote{Step: GoBackAbandon, Proof: "writes are with the new server: " + proof})
}
