package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

// Reverser is an SQL that can arm the way back and read how it stands. It is
// off unless the plan asks for it (switchover.way_back).
type Reverser interface {
	WayBackWanted() bool
	// PrepareWayBack does before the switchover what must be there at it:
	// account, heartbeat table and retention; and says whether blue could follow.
	PrepareWayBack(ctx context.Context, blue, green Endpoint) []bluegreen.Gate
	// ArmWayBack starts the replication from the new server to old blue, at a
	// place in the new server's log, and returns when a row has arrived. To arm
	// what is armed already changes nothing.
	ArmWayBack(ctx context.Context, now, old Endpoint, file string, pos uint64) (what string, err error)
	// WayBack reads how it stands, and writes nothing.
	WayBack(ctx context.Context, now, old Endpoint) bluegreen.Way
	// Beat writes a heartbeat row on the new server, by whose arrival on old
	// blue the age of its newest write is known.
	Beat(ctx context.Context, now Endpoint) error
}

const (
	factWayArmed = "way-back-armed"
	factWay      = "way-back"
	factPlace    = "binlog-place"
)

// wayData is the fact's entry in the journal.
type wayData struct {
	Name string         `json:"name"`
	Way  *bluegreen.Way `json:"way,omitempty"`
}

// foldWay takes what was armed, and the last change of how it stands, in.
func (d *dbMemory) foldWay(e journal.Entry, name string) {
	switch name {
	case factSwitched: // another hop: its way back is another one
		d.armed, d.way = time.Time{}, nil
	case factWayArmed:
		d.armed, d.way = e.At, nil
	case factWay:
		var data wayData
		if json.Unmarshal(e.Data, &data) == nil {
			d.way = data.Way
		}
	}
}

// hasWay: a switchover was recorded, both servers are there, and who owns the
// endpoint is no question. Nothing is written where it is one.
func (u *unit) hasWay() bool {
	switch u.state.Stage {
	case bluegreen.RollingBack, bluegreen.RolledBack:
		return false
	}
	rec := u.facts.Record
	if rec.GoBack != nil {
		return false // whoever goes back reads it himself, and ends it
	}
	old := u.facts.Instances[u.oldBlue()]
	return !u.state.Ambiguous && !rec.SwitchedAt.IsZero() && old != nil && old.Status != "deleting" && u.facts.Instances[u.facts.ID] != nil
}

// oldBlue is the blue of the last hop.
func (u *unit) oldBlue() string {
	if u.state.OldBlue != "" {
		return u.state.OldBlue
	}
	if n := len(u.facts.Record.OldBlues); n > 0 {
		return u.facts.Record.OldBlues[n-1]
	}
	return ""
}

// armWay arms a way back, and journals that it could not once, however often
// it is tried.
func (e *Engine) armWay(ctx context.Context, r Reverser, u unit, before *bluegreen.Way) error {
	what, err := e.tryArm(ctx, r, &u)
	var broken *journalError
	switch {
	case errors.As(err, &broken):
		return err
	case ctx.Err() != nil:
		return nil
	case err == nil:
		e.ways.forget(u.key)
		return e.append(u, journal.Fact, "the way back is armed: "+what, wayData{Name: factWayArmed})
	}
	w := bluegreen.Way{At: e.cfg.Clock.Now(), State: bluegreen.WayUnarmed, Detail: err.Error()}
	if !e.ways.take(u.key, w, before) {
		return nil
	}
	return e.append(u, journal.Fact, "ALARM: the way back could not be armed, it is tried again: "+w.Detail, wayData{Name: factWay, Way: &w})
}

func (e *Engine) tryArm(ctx context.Context, r Reverser, u *unit) (what string, err error) {
	place := u.facts.Record.Binlog
	if place == "" {
		if place, err = e.findPlace(ctx, u); err != nil {
			return "", err
		}
	}
	file, pos, err := parsePlace(place)
	if err != nil {
		return "", err
	}
	return r.ArmWayBack(ctx, e.endpoint(*u, u.facts.ID), e.endpoint(*u, u.oldBlue()), file, pos)
}

// findPlace asks RDS again for the place in the new server's binary log: its
// event may come later than the switchover's end, and is kept for 14 days.
func (e *Engine) findPlace(ctx context.Context, u *unit) (string, error) {
	events, err := e.greenEvents(ctx, e.scope(u.scope), *u, u.facts.Record.SwitchedAt.Add(-24*time.Hour))
	if err != nil {
		return "", fmt.Errorf("read RDS's event with the place in the new server's binary log: %w", err)
	}
	place := placeOf(events)
	if place == "" {
		return "", errors.New("RDS has told no place in the new server's binary log from which old blue could follow")
	}
	err = e.append(*u, journal.Fact, "RDS told the place in the new server's binary log: "+place, factData{Name: factPlace, Binlog: place})
	if err != nil {
		return "", &journalError{err}
	}
	return place, nil
}

// placeOf is the last place in a binary log that events tell, "" when they tell none.
func placeOf(events []bluegreen.Event) (place string) {
	for _, ev := range events {
		if m := coordinates.FindStringSubmatch(ev.Message); m != nil {
			place = m[1] + ":" + m[2]
		}
	}
	return place
}

// withWay puts the armed way back into what can still be undone.
func (e *Engine) withWay(w WayBack, u unit, mem *dbMemory) WayBack {
	r, ok := e.cfg.SQL.(Reverser)
	wanted := ok && r.WayBackWanted()
	if w.Kind != "rename-with-loss" || !wanted && mem.armed.IsZero() {
		return w
	}
	last, read := e.ways.of(u.key)
	if !read && mem.way != nil {
		last = *mem.way
	}
	if mem.armed.IsZero() {
		switch {
		case last.State == bluegreen.WayUnarmed:
			w.Reverse, w.Alarm = &last, last.Alarm()
		case !u.facts.Record.SwitchedAt.IsZero() && u.facts.Now.Sub(u.facts.Record.SwitchedAt) > armPatience:
			w.Alarm = "reverse replication is not armed: no run has done it yet"
		}
		return w
	}
	at := mem.armed
	w.ArmedAt = &at
	if !read {
		w.Loss = "reverse replication was armed; it was not read now, so what would be lost is not known"
		if mem.way != nil {
			w.Reverse, w.Alarm = &last, last.Alarm()
		}
		return w
	}
	w.Reverse, w.Loss, w.Alarm = &last, last.Loss(), last.Alarm()
	if last.State == bluegreen.WayArmed {
		w.Kind, w.How = "go-back", "rdsupgrade rollback --database "+u.facts.ID+" PLAN"
	}
	return w
}

// parsePlace reads file:position.
func parsePlace(s string) (file string, pos uint64, err error) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return "", 0, fmt.Errorf("%q is no place in a binary log", s)
	}
	if _, err := fmt.Sscan(s[i+1:], &pos); err != nil {
		return "", 0, fmt.Errorf("%q is no place in a binary log", s)
	}
	return s[:i], pos, nil
}
