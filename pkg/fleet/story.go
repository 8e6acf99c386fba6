package fleet

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

// Story is what the journal tells of a database beyond its stage, for someone
// who was not there.
type Story struct {
	// Gates are those of the last time they were asked; Refusals are earlier
	// answers that did not let a switchover begin, the last ones; Rounds counts
	// how often they were asked.
	Gates    []GateTold `json:"gates,omitempty"`
	Refusals []GateTold `json:"refusals,omitempty"`
	Rounds   int        `json:"rounds,omitempty"`
	// Attempts are switchovers that were asked for.
	Attempts []AttemptTold `json:"attempts,omitempty"`
	// Arming counts the times in which the way back could not be armed, with the
	// last reason.
	Arming     int    `json:"arming_failed,omitempty"`
	ArmingLast string `json:"arming_last,omitempty"`
	// Alarms are of the armed way back.
	Alarms []AlarmTold `json:"alarms,omitempty"`
	// Unclear are moments at which it was not known what had happened.
	Unclear []UnclearTold `json:"unclear,omitempty"`
	// HistoryLost: AWS shows what the journal does not know of.
	HistoryLost string `json:"history_lost,omitempty"`
}

// GateTold is a gate's answer.
type GateTold struct {
	At time.Time `json:"at"`
	bluegreen.Gate
}

// AttemptTold is a switchover that was asked for: how it ended.
type AttemptTold struct {
	At    time.Time  `json:"at"`
	Until *time.Time `json:"until,omitempty"`
	End   string     `json:"end,omitempty"`
	OK    bool       `json:"ok"`
}

// AlarmTold is a time in which the armed way back was broken or unreadable.
type AlarmTold struct {
	At     time.Time          `json:"at"`
	State  bluegreen.WayState `json:"state"`
	Cause  string             `json:"cause,omitempty"`
	Detail string             `json:"detail"`
	// Mended is when it stood again, nil while it does not.
	Mended *time.Time `json:"mended,omitempty"`
}

// UnclearTold is a question that was open for a while.
type UnclearTold struct {
	At   time.Time `json:"at"`
	What string    `json:"what"`
	// Settled is when it was answered, By what; nil while it is open.
	Settled *time.Time `json:"settled,omitempty"`
	By      string     `json:"by,omitempty"`
}

// told gathers a story while the journal is folded.
type told struct {
	Story
	// announced is a call whose answer has not been read yet.
	announced *journal.Entry
}

// mostTold bounds lists of what repeats; the journal has all of it.
const mostTold = 20

// take follows one entry about the database.
func (t *told) take(e journal.Entry) {
	switch e.Kind {
	case journal.Intent:
		t.intent(e)
	case journal.Result:
		t.result(e)
	case journal.Gate:
		t.gate(e)
	case journal.Stage:
		t.settle(e)
	case journal.Fact:
		t.fact(e)
	}
}

func (t *told) intent(e journal.Entry) {
	if a := t.announced; a != nil {
		t.open(UnclearTold{At: a.At, What: "announced, and no answer is in the journal (the run ended there): " + a.What})
		t.settle(journal.Entry{At: e.At, What: "looked again, then: " + e.What})
	}
	t.announced = &e
	if strings.HasPrefix(e.What, "switch over ") {
		t.Attempts = last(append(t.Attempts, AttemptTold{At: e.At}))
	}
}

func (t *told) result(e journal.Entry) {
	t.announced = nil
	var r resultData
	if json.Unmarshal(e.Data, &r) != nil {
		return
	}
	if r.Consequence == bluegreen.Ambiguous {
		t.open(UnclearTold{At: e.At, What: e.What})
		return
	}
	t.settle(e)
	if !r.OK {
		t.endAttempt(e, false)
	}
}

func (t *told) gate(e journal.Entry) {
	var g bluegreen.Gate
	if json.Unmarshal(e.Data, &g) != nil || g.Name == "" {
		return
	}
	for _, old := range t.Gates {
		if old.Name != g.Name {
			continue
		}
		for _, o := range t.Gates {
			if o.Verdict != bluegreen.GatePass {
				t.Refusals = last(append(t.Refusals, o))
			}
		}
		t.Gates = nil
		break
	}
	if len(t.Gates) == 0 {
		t.Rounds++
	}
	t.Gates = append(t.Gates, GateTold{e.At, g})
}

func (t *told) fact(e journal.Entry) {
	var f factData
	if json.Unmarshal(e.Data, &f) != nil {
		return
	}
	switch f.Name {
	case factSwitched:
		t.endAttempt(e, true)
	case factSwitchFailed, factNotBegun:
		t.endAttempt(e, false)
	case factUnconfirmed:
		t.open(UnclearTold{At: e.At, What: e.What})
		return
	case factWayArmed, factWay:
		t.way(e)
		return
	case factGreens, factDowntime:
		return
	}
	t.settle(e)
}

// way follows the alarms: a new cause ends the one before.
func (t *told) way(e journal.Entry) {
	var d wayData
	if json.Unmarshal(e.Data, &d) != nil {
		return
	}
	if n := len(t.Alarms); n > 0 && t.Alarms[n-1].Mended == nil {
		at := e.At
		t.Alarms[n-1].Mended = &at
	}
	if d.Way != nil && d.Way.State == bluegreen.WayUnarmed {
		t.Arming++
		t.ArmingLast = d.Way.Detail
	}
	if d.Way != nil && d.Way.State != bluegreen.WayArmed {
		t.Alarms = last(append(t.Alarms, AlarmTold{At: e.At, State: d.Way.State, Cause: d.Way.Cause, Detail: d.Way.Detail}))
	}
}

func (t *told) endAttempt(e journal.Entry, ok bool) {
	if n := len(t.Attempts); n > 0 && t.Attempts[n-1].Until == nil {
		at := e.At
		t.Attempts[n-1].Until, t.Attempts[n-1].End, t.Attempts[n-1].OK = &at, e.What, ok
	}
}

func (t *told) open(u UnclearTold) { t.Unclear = last(append(t.Unclear, u)) }

// settle answers what is open with what is known now.
func (t *told) settle(e journal.Entry) {
	for n := range t.Unclear {
		if t.Unclear[n].Settled == nil {
			at := e.At
			t.Unclear[n].Settled, t.Unclear[n].By = &at, e.What
		}
	}
}

// last keeps the newest of what repeats.
func last[T any](list []T) []T { return list[max(0, len(list)-mostTold):] }

// story is the database's story, nil when there is nothing to tell. Callers hold
// the engine's mutex.
func (e *Engine) story(u unit, mem *dbMemory) *Story {
	var s Story
	if mem != nil {
		s = mem.told.Story
		s.Gates, s.Refusals, s.Attempts = append([]GateTold(nil), s.Gates...), append([]GateTold(nil), s.Refusals...), append([]AttemptTold(nil), s.Attempts...)
		s.Alarms, s.Unclear = append([]AlarmTold(nil), s.Alarms...), append([]UnclearTold(nil), s.Unclear...)
		if a := mem.told.announced; a != nil {
			s.Unclear = append(s.Unclear, UnclearTold{At: a.At, What: "announced, and no answer is in the journal yet: " + a.What})
		}
	}
	switched := mem != nil && (!mem.SwitchedAt.IsZero() || len(mem.OldBlues) > 0)
	if old := u.state.OldBlue; old != "" && !switched {
		s.HistoryLost = "AWS shows " + old + ", the server from before a switchover, of which the journal knows nothing: when it was, what was checked before it, and the place in the binary log are lost"
	}
	if s.Rounds == 0 && s.Arming == 0 && s.HistoryLost == "" && len(s.Attempts)+len(s.Alarms)+len(s.Unclear) == 0 {
		return nil
	}
	return &s
}
