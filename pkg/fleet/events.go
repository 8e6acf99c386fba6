package fleet

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
	"github.com/rdsupgrade/rdsupgrade/pkg/precheck"
)

// EventsState is what a server says of its events.
type EventsState struct {
	// Running tells that event_scheduler is ON.
	Running bool
	// Value is event_scheduler as the server shows it.
	Value string
	// Asleep are enabled events that replication switched off: they were made
	// on blue while green replicated, and do not run before ALTER EVENT.
	Asleep []string
	// Unlisted says why sleeping events could not be listed, "" when they were.
	Unlisted string
}

// AsksEvents is a second face of SQL: whether a server runs its events.
type AsksEvents interface {
	Events(context.Context, Endpoint) (EventsState, error)
}

// The facts about events after a switchover.
const (
	factEventsOn  = "events-on"
	factEventsOff = "events-off"
)

// Events asks a server for event_scheduler and for events that sleep.
func (a *Access) Events(ctx context.Context, ep Endpoint) (EventsState, error) {
	var st EventsState
	t, err := a.target(ctx, ep)
	if err != nil {
		return st, err
	}
	rows, err := precheck.Ask(ctx, t, "SELECT @@GLOBAL.event_scheduler AS v")
	if err != nil {
		return st, fmt.Errorf("ask %s for event_scheduler: %w", ep.ID, err)
	}
	for _, r := range rows {
		st.Value = r["v"]
	}
	st.Running = strings.EqualFold(st.Value, "ON") || st.Value == "1"
	// The word is SLAVESIDE_DISABLED until 8.4, REPLICA_SIDE_DISABLED from there.
	rows, err = precheck.Ask(ctx, t, "/* rdsupgrade:ask.events */ SELECT EVENT_SCHEMA AS s, EVENT_NAME AS e FROM information_schema.EVENTS WHERE STATUS LIKE '%SIDE\\_DISABLED' ORDER BY 1, 2 LIMIT 200")
	if err != nil {
		st.Unlisted = err.Error()
	}
	for _, r := range rows {
		st.Asleep = append(st.Asleep, r["s"]+"."+r["e"])
	}
	return st, nil
}

// lookAtEvents proves that events run again after event_scheduler was given
// back, or says why not. The group's change takes a moment to reach the server.
func (e *Engine) lookAtEvents(ctx context.Context, u unit) error {
	ask, ok := e.cfg.SQL.(AsksEvents)
	if !ok {
		return e.append(u, journal.Fact, "event_scheduler is ON in "+u.facts.Record.EventsGroup+"; the server was not asked", factData{Name: factEventsOn})
	}
	st, err := ask.Events(ctx, e.endpoint(u, u.facts.ID))
	switch {
	case ctx.Err() != nil:
		return nil
	case err == nil && st.Running:
		return e.append(u, journal.Fact, eventsRun(st), factData{Name: factEventsOn, Diff: st.Asleep})
	}
	why := "the server could not be asked"
	if err == nil {
		why = fmt.Sprintf("event_scheduler is ON in %s, but the server says %q", u.facts.Record.EventsGroup, st.Value)
	} else {
		why += ": " + err.Error()
	}
	e.mu.Lock()
	w := e.watch[u.key]
	w.EventsTries++
	e.watch[u.key] = w
	e.mu.Unlock()
	if w.EventsTries < bluegreen.OddReads {
		return nil
	}
	return e.append(u, journal.Fact, "events do not run again: "+why, factData{Name: factEventsOff, Error: why})
}

func eventsRun(st EventsState) string {
	s := "events run again: the server says event_scheduler=" + st.Value
	if n := len(st.Asleep); n > 0 {
		s += fmt.Sprintf("; %d sleep, because replication made them, until somebody says ALTER DEFINER=... EVENT ... ENABLE: %s",
			n, strings.Join(st.Asleep[:min(n, 10)], ", ")+plusMore(n-10))
	}
	if st.Unlisted != "" {
		s += "; whether some sleep is not known: " + st.Unlisted
	}
	return s
}

// foldEvents takes in what the campaign set event_scheduler to.
func (d *dbMemory) foldEvents(act bluegreen.Action, r resultData) {
	if v, ok := bluegreen.SetsEvents(act); ok && r.OK {
		d.EventsGroup, d.EventsValue, d.EventsError = act.Group.Name, v, ""
		d.EventsSeenAt = time.Time{}
	}
}

// foldEventsFact takes in what the server said, and forgets with the next hop.
func (d *dbMemory) foldEventsFact(e journal.Entry, f factData) {
	switch f.Name {
	case factSwitched:
		d.EventsGroup, d.EventsValue, d.EventsError, d.EventsSeenAt = "", "", "", time.Time{}
	case factEventsOn:
		d.EventsSeenAt, d.EventsError = e.At, ""
	case factEventsOff:
		d.EventsSeenAt, d.EventsError = e.At, f.Error
	}
}

// groupChanged keeps what is known of a parameter group true after a call that
// set parameters in it.
func (e *Engine) groupChanged(scope string, a bluegreen.Action) {
	if a.Kind != bluegreen.SetParameters {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	ref := e.refs[scope]
	if ref == nil {
		return
	}
	if alone(a) {
		delete(e.ensured, scope+a.Group.Name) // it is not what a green needs any more
	}
	ref.mu.Lock()
	defer ref.mu.Unlock()
	have, known := ref.parameters[a.Group.Name]
	if !known {
		return
	}
	have = slices.Clone(have)
	for _, p := range a.Group.Parameters {
		if i := slices.IndexFunc(have, func(x bluegreen.Parameter) bool { return x.Name == p.Name }); i >= 0 {
			have[i].Value = p.Value
		} else {
			have = append(have, p)
		}
	}
	ref.parameters[a.Group.Name] = have
	e.epoch++
}

// alone tells that an action sets event_scheduler and nothing else, in a
// database's own group: ON and OFF by turns, so it is not made once per run only.
func alone(a bluegreen.Action) bool {
	_, events := bluegreen.SetsEvents(a)
	return events && len(a.Group.Parameters) == 1
}

// eventsGivenBack tells that the campaign has set event_scheduler in the group
// that blue has now, since its last switchover.
func eventsGivenBack(rec bluegreen.Record, blue *bluegreen.Instance) bool {
	return blue != nil && rec.EventsGroup != "" && rec.EventsGroup == blue.ParameterGroup
}
