package bluegreen

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestEventsGroupName(t *testing.T) {
	set := []Parameter{{Name: "b", Value: "2"}, {Name: "event_scheduler", Value: "OFF"}}
	name := EventsGroupName("shop", "Orders", "mysql8.0", set)
	if !strings.HasPrefix(name, "shop-orders-mysql8-0-events-on-") || !IsEventsGroup("shop", name) {
		t.Errorf("name %q", name)
	}
	if again := EventsGroupName("shop", "Orders", "mysql8.0", []Parameter{set[1], set[0]}); again != name {
		t.Errorf("the order of parameters changes the name: %s, %s", name, again)
	}
	long := EventsGroupName("shop", strings.Repeat("x", 300), "mysql8.0", set)
	if len(long) > 255 || !IsEventsGroup("shop", long) {
		t.Errorf("long name %q (%d)", long, len(long))
	}
	if EventsGroupName("a-b", "c", "mysql8.0", set) == EventsGroupName("a", "b-c", "mysql8.0", set) {
		t.Error("two databases share a name")
	}
	for _, other := range []string{"default.mysql8.0", "shop-app57-mysql8-0-0123abcd", "other-orders-mysql8-0-events-on-0123abcd", "shop-events-on-x"} {
		if IsEventsGroup("shop", other) {
			t.Errorf("%s counts as ours", other)
		}
	}
}

// TestEventsReturn goes through the moments at which event_scheduler may be
// given back, and those at which it must not.
func TestEventsReturn(t *testing.T) {
	group := EventsGroupName("shop", "orders", "mysql8.0", nil)
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	human := &Human{At: now, By: "anna"}
	base := func() Facts {
		return Facts{Now: now, ID: "orders", Campaign: "shop", Policy: Policy{SQL: true},
			Instances: map[string]*Instance{"orders": {ID: "orders", Version: "8.0.46", Status: "available", ParameterGroup: group}},
			Record:    Record{SwitchedAt: now, SwitchedTo: "8.0.46", ConfirmedAt: now}}
	}
	for _, tc := range []struct {
		name  string
		stage Stage
		with  func(f *Facts)
		acts  bool
		looks bool
	}{
		{"soaking", Soaking, nil, true, false},
		{"done", Done, nil, true, false},
		{"the next hop waits for its precheck", Pending, nil, true, false},
		{"the next hop is blocked", Blocked, nil, true, false},
		{"not confirmed", Soaking, func(f *Facts) { f.Record.ConfirmedAt = time.Time{} }, false, false},
		{"still switching", Switching, nil, false, false},
		{"set already", Soaking, func(f *Facts) { f.Record.EventsGroup, f.Record.EventsValue = group, "ON" }, false, true},
		{"seen", Done, func(f *Facts) {
			f.Record.EventsGroup, f.Record.EventsValue, f.Record.EventsSeenAt = group, "ON", now
		}, false, false},
		{"no SQL", Done, func(f *Facts) { f.Record.EventsGroup, f.Record.EventsValue, f.Policy.SQL = group, "ON", false }, false, false},
		{"turned off by a rollback", Done, func(f *Facts) { f.Record.EventsGroup, f.Record.EventsValue = group, "OFF" }, false, false},
		{"asked to roll back", Done, func(f *Facts) { f.Record.Rollback = human }, false, false},
		{"paused", Soaking, func(f *Facts) { f.Record.Paused = human }, false, false},
		{"refused", Held, func(f *Facts) { f.Record.ActError = "AccessDenied" }, false, false},
		{"a group of somebody else", Soaking, func(f *Facts) { f.Instances["orders"].ParameterGroup = "app80" }, false, false},
		{"a shared group of ours", Soaking, func(f *Facts) { f.Instances["orders"].ParameterGroup = "shop-app57-mysql8-0-0123abcd" }, false, false},
		{"no instance", Held, func(f *Facts) { delete(f.Instances, "orders") }, false, false},
	} {
		f := base()
		if tc.with != nil {
			tc.with(&f)
		}
		step := f.withEvents(State{Stage: tc.stage}, Step{})
		if got := len(step.Actions) == 1; got != tc.acts {
			t.Errorf("%s: actions %v", tc.name, step.Actions)
		}
		if got := len(step.Work) == 1; got != tc.looks {
			t.Errorf("%s: work %v", tc.name, step.Work)
		}
		if tc.acts {
			if v, ok := SetsEvents(step.Actions[0]); !ok || v != "ON" || step.Queue != NoQueue || step.Actions[0].Database != "orders" {
				t.Errorf("%s: %+v", tc.name, step.Actions[0])
			}
		}
	}
	f := base()
	if step := f.withEvents(State{Stage: Soaking, Ambiguous: true}, Step{}); len(step.Actions) > 0 {
		t.Error("acts although nobody knows who owns the name")
	}
	f.Record.ActError = "AccessDenied: no"
	if s := f.holdForEvents(State{Stage: Soaking}); s.Stage != Held || !strings.Contains(s.Reason, "AccessDenied") || !strings.Contains(s.NextStep, group) {
		t.Errorf("a refusal shows as %+v", s)
	}
	f = base()
	f.Record.EventsGroup, f.Record.EventsValue, f.Record.EventsError = group, "ON", "the server says OFF"
	if s := f.holdForEvents(State{Stage: Done}); s.Stage != Held {
		t.Errorf("events that do not run show as %+v", s)
	}
}

// TestEventsBefore: what blue had survives the time in which it is off.
func TestEventsBefore(t *testing.T) {
	group := EventsGroupName("shop", "orders", "mysql8.0", nil)
	off := []Parameter{{Name: "event_scheduler", Value: "OFF", HasValue: true}, {Name: "max_connections", Value: "5", HasValue: true}}
	for _, tc := range []struct {
		group     string
		givenBack bool
		want      string
	}{{group, false, "ON"}, {group, true, "OFF"}, {"app57", false, "OFF"}} {
		if v, _ := parameter(EventsBefore(off, "shop", tc.group, tc.givenBack), "event_scheduler"); v != tc.want {
			t.Errorf("%s, given back %t: %s", tc.group, tc.givenBack, v)
		}
	}
	if v, _ := parameter(off, "event_scheduler"); v != "OFF" {
		t.Error("the list that was read has changed")
	}
}

// TestEventsDefault: from 8.0 on the server runs events unless told otherwise.
func TestEventsDefault(t *testing.T) {
	to := []Parameter{{Name: "event_scheduler", ApplyType: "dynamic", AllowedValues: "ON,OFF", Modifiable: true}}
	for _, tc := range []struct {
		from, to string
		user     []Parameter
		want     bool
	}{
		{"mysql5.7", "mysql8.0", nil, false},
		{"mysql8.0", "mysql8.4", nil, true},
		{"mysql8.0", "mysql8.4", []Parameter{{Name: "event_scheduler", Value: "OFF", HasValue: true}}, false},
		{"mysql5.7", "mysql8.0", []Parameter{{Name: "event_scheduler", Value: "1", HasValue: true}}, true},
	} {
		tr, issues := TranslateParameters(tc.user, nil, to, tc.from, tc.to, TranslatePolicy{})
		told := slices.ContainsFunc(issues, func(i Issue) bool { return i.ID == "event-scheduler-returns" })
		if tr.EventsOn != tc.want || told != tc.want {
			t.Errorf("%s > %s with %v: events %t, issues %v", tc.from, tc.to, tc.user, tr.EventsOn, issues)
		}
		if v, _ := parameter(tr.Set, "event_scheduler"); v != "OFF" {
			t.Errorf("%s > %s: green has event_scheduler %q", tc.from, tc.to, v)
		}
	}
}
