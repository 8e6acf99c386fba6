package bluegreen

import (
	"regexp"
	"slices"
	"strings"
)

// eventScheduler is the parameter that makes events run. It is off on a green,
// where events would run a second time, and goes back to what blue had when the
// switchover is confirmed. Source: RDS user guide,
// blue-green-deployments-considerations.
const eventScheduler = "event_scheduler"

// eventsOn is in the name of a group whose database had events running. The
// name carries it, because it must be known when the journal is lost, and a hop
// later.
const eventsOn = "events-on"

// EventsGroupName is the name of the group of a database whose events run: one
// of its own, since turning the scheduler on in a shared group would turn it on
// under greens that still replicate.
func EventsGroupName(campaign, database, family string, params []Parameter) string {
	return OwnGroupName(campaign, database, family, eventsOn, params)
}

var eventsGroup = regexp.MustCompile(`-` + eventsOn + `-[0-9a-f]{8}$`)

// IsEventsGroup tells that the campaign made the group for a database whose
// events must run again.
func IsEventsGroup(campaign, group string) bool {
	return strings.HasPrefix(group, slug(campaign)+"-") && eventsGroup.MatchString(group)
}

// SetsEvents is the value that an action gives to event_scheduler in a group
// that a campaign made for a database whose events must run again; false when
// it is no such action.
func SetsEvents(a Action) (value string, ok bool) {
	if a.Kind != SetParameters || a.Group == nil || !eventsGroup.MatchString(a.Group.Name) {
		return "", false
	}
	return parameter(a.Group.Parameters, eventScheduler)
}

// EventsAction sets event_scheduler in a database's own group: ON or OFF, at
// once and without a reboot. To set what is set already changes nothing.
func EventsAction(group, value, reason string) Action {
	return Action{Kind: SetParameters, Why: reason, Group: &ParameterSpec{Name: group,
		Parameters: []Parameter{{Name: eventScheduler, Value: value, HasValue: true, Source: "user", ApplyType: "dynamic", ApplyMethod: "immediate"}}}}
}

// ShownEvents is blue's group with what its server says of event_scheduler,
// where the group does not set it: AWS does not tell the server's default.
func ShownEvents(user []Parameter, shown string) []Parameter {
	if _, set := parameter(user, eventScheduler); set || shown == "" {
		return user
	}
	return append(slices.Clip(user), Parameter{Name: eventScheduler, Value: shown, HasValue: true, Source: "user"})
}

// EventsBefore is blue's group as it counts for the next translation: as
// long as event_scheduler has not been given back, it is ON whatever is read.
func EventsBefore(user []Parameter, campaign, group string, givenBack bool) []Parameter {
	if givenBack || !IsEventsGroup(campaign, group) {
		return user
	}
	out := make([]Parameter, 0, len(user)+1)
	for _, p := range user {
		if normal(p.Name) != eventScheduler {
			out = append(out, p)
		}
	}
	return append(out, Parameter{Name: eventScheduler, Value: "ON", HasValue: true, Source: "user"})
}

// eventsDue tells that a switchover is confirmed and event_scheduler is still
// to be given back. What the campaign has set since the switchover is not set
// again: a person may have turned it off on purpose.
func (f Facts) eventsDue() bool {
	blue := f.Instances[f.ID]
	return blue != nil && !f.Record.ConfirmedAt.IsZero() && IsEventsGroup(f.Campaign, blue.ParameterGroup) &&
		f.Record.EventsGroup != blue.ParameterGroup && f.Record.Rollback == nil
}

// eventsUnseen tells that event_scheduler was given back and the server has not
// been asked yet whether it runs events.
func (f Facts) eventsUnseen() bool {
	blue := f.Instances[f.ID]
	return f.Policy.SQL && blue != nil && blue.Available() && f.Record.EventsGroup != "" && f.Record.EventsGroup == blue.ParameterGroup &&
		f.Record.EventsValue == "ON" && f.Record.EventsSeenAt.IsZero() && f.Record.Rollback == nil
}

// withEvents puts the return of event_scheduler before whatever else is next
// for a database that has switched over.
func (f Facts) withEvents(s State, next Step) Step {
	switch s.Stage {
	case Soaking, Done, Cleaned, Pending, Checked, Blocked, Skipped, Held:
	default:
		return next
	}
	if s.Ambiguous || f.Record.Paused != nil || f.Record.ActError != "" {
		return next
	}
	if f.eventsDue() {
		return Step{Actions: f.owned([]Action{EventsAction(f.Instances[f.ID].ParameterGroup, "ON", "the switchover is confirmed: blue's events ran, and run again here")})}
	}
	if f.eventsUnseen() {
		next.Work = append(next.Work, WorkEvents)
	}
	return next
}

// eventsTrouble says why events do not run although they should, "" when
// nothing is known against it.
func (f Facts) eventsTrouble() string {
	switch {
	case f.eventsDue() && f.Record.ActError != "":
		return "events do not run yet: AWS refused to turn event_scheduler on: " + f.Record.ActError
	case f.Record.EventsError != "" && !f.Record.ConfirmedAt.IsZero():
		return "events do not run: " + f.Record.EventsError
	}
	return ""
}

// holdForEvents holds a switched database whose events do not run.
func (f Facts) holdForEvents(s State) State {
	if s.Stage != Soaking && s.Stage != Done && s.Stage != Cleaned {
		return s
	}
	if why := f.eventsTrouble(); why != "" {
		s.Stage, s.Reason = Held, why
		s.NextStep = "set event_scheduler=ON in " + f.Instances[f.ID].ParameterGroup + " by hand, or mend the cause, then: retry --database " + f.ID
	}
	return s
}
