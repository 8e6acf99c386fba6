package enginetest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
)

// Events tells what the model's server would say of its events.
func (s *simSQL) Events(_ context.Context, ep fleet.Endpoint) (fleet.EventsState, error) {
	v, ok := s.sim.Server(rdssim.Scope{Account: ep.Account, Region: ep.Region}, ep.ID)
	if !ok || v.Down || v.Offline {
		return fleet.EventsState{}, fmt.Errorf("%s is down", ep.ID)
	}
	value := v.Parameters["event_scheduler"]
	return fleet.EventsState{Value: value, Running: value == "ON"}, nil
}

// eventsFleet is two databases whose events run, in one group, and one whose do not.
func eventsFleet() string {
	return `mysql: {user: u, password: p}
accounts: [{id: "` + account + `", regions: [` + region + `], quotas: {DBInstances: 60}}]
parameter_groups:
  - {name: events57, family: mysql5.7, parameters: {event_scheduler: "ON", max_connections: "500"}}
  - {name: quiet57, family: mysql5.7, parameters: {max_connections: "500"}}
defaults: {account: "` + account + `", region: ` + region + `, engine_version: 5.7.44, class: db.m5.large, storage_type: gp2, allocated_storage: 100, backup_retention: 7}
databases:
  - {id: orders, parameter_group: events57, tags: {env: staging}}
  - {id: users, parameter_group: events57, tags: {env: prod}, replicas: [{id: users-r1}]}
  - {id: quiet, parameter_group: quiet57, tags: {env: prod}}
`
}

func (l *lab) events(id string) string {
	l.t.Helper()
	v, ok := l.sim.Server(rdssim.Scope{Account: account, Region: region}, id)
	if !ok {
		l.t.Fatalf("no server %s", id)
	}
	return v.Parameters["event_scheduler"]
}

// onAndOff are the values that event_scheduler was set to, per group, in order.
func (l *lab) onAndOff() map[string][]string {
	sets := map[string][]string{}
	for _, m := range l.sim.History() {
		if m.Action != "ModifyDBParameterGroup" || m.Error != "" {
			continue
		}
		for k, v := range m.Params {
			if v == "event_scheduler" && strings.HasSuffix(k, ".ParameterName") {
				sets[m.Params["DBParameterGroupName"]] = append(sets[m.Params["DBParameterGroupName"]], m.Params[strings.TrimSuffix(k, "Name")+"Value"])
			}
		}
	}
	return sets
}

// TestEventsComeBack: over two hops, events are off on every green and on again
// once its switchover is confirmed; databases that had none share a group and
// keep them off.
func TestEventsComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, eventsFleet(), planOf(`"8.0"`, `"8.4"`), "")
		l.run()
		for _, id := range []string{"orders", "users", "quiet"} {
			l.expect(id, "done")
		}
		for id, want := range map[string]string{"orders": "ON", "users": "ON", "quiet": "OFF", "orders-old1": "ON", "orders-old2": "ON"} {
			if got := l.events(id); got != want {
				t.Errorf("%s has event_scheduler %q, want %q", id, got, want)
			}
		}
		own := 0
		for group, values := range l.onAndOff() {
			got := strings.Join(values, ",")
			switch {
			case strings.Contains(group, "events-on"):
				own++
				if got != "OFF,ON" {
					t.Errorf("%s: event_scheduler was set to %s", group, got)
				}
			case got != "OFF":
				t.Errorf("the shared group %s: event_scheduler was set to %s", group, got)
			}
		}
		if own != 4 { // two databases, two hops
			t.Errorf("%d groups of databases of their own", own)
		}
		said := 0
		for _, h := range l.db("orders").History {
			if strings.HasPrefix(h.What, "events run again") {
				said++
			}
		}
		if said != 2 {
			t.Errorf("the journal says %d times that events run again", said)
		}
		before := len(l.sim.History())
		l.run()
		if n := len(l.sim.History()) - before; n > 0 {
			t.Errorf("a second run made %d calls", n)
		}
	})
}

// TestEventsOffByHand: what a person turned off after the campaign had turned
// it on stays off, in this hop and in the next.
func TestEventsOffByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, eventsFleet(), planOf(), "")
		l.run()
		group := ""
		for g := range l.onAndOff() {
			if strings.Contains(g, "orders") {
				group = g
			}
		}
		l.ask("ModifyDBParameterGroup", "DBParameterGroupName", group, "Parameters.Parameter.1.ParameterName", "event_scheduler",
			"Parameters.Parameter.1.ParameterValue", "OFF", "Parameters.Parameter.1.ApplyMethod", "immediate")
		l.run()
		if got := l.events("orders"); got != "OFF" {
			t.Errorf("event_scheduler is %s again", got)
		}
		l.plan.Target.EngineVersion = "8.4"
		l.run()
		if d := l.expect("orders", "done"); !strings.HasPrefix(d.EngineVersion, "8.4") {
			t.Errorf("orders is on %s", d.EngineVersion)
		}
		if got := l.events("orders"); got != "OFF" {
			t.Errorf("after the second hop event_scheduler is %s", got)
		}
		if got := l.events("users"); got != "ON" {
			t.Errorf("after the second hop users has %s", got)
		}
	})
}

// TestEventsRefused: when AWS refuses, the database is held and says so, and a
// person's retry brings the events back.
func TestEventsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, eventsFleet(), planOf("soak: 10m", "soak: 1h"), "")
		no := true
		l.refuse = func(action string, form url.Values) string {
			if no && action == "ModifyDBParameterGroup" && form.Get("Parameters.Parameter.1.ParameterValue") == "ON" {
				return "AccessDenied"
			}
			return ""
		}
		l.run()
		d := l.expect("orders", "held")
		if !strings.Contains(d.Reason, "events do not run") || !strings.Contains(d.NextStep, "events-on") {
			t.Errorf("it says %q, next %q", d.Reason, d.NextStep)
		}
		no = false
		l.say("retry", "orders", "")
		l.run()
		l.expect("orders", "done")
		if got := l.events("orders"); got != "ON" {
			t.Errorf("event_scheduler is %s", got)
		}
	})
}

// TestEventsWithoutJournal: who has lost the journal right after the
// switchover still gets the events back, from what the group's name says.
func TestEventsWithoutJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, eventsFleet(), planOf(), "")
		l.refuse = func(action string, form url.Values) string {
			if action == "ModifyDBParameterGroup" && form.Get("Parameters.Parameter.1.ParameterValue") == "ON" {
				return "AccessDenied"
			}
			return ""
		}
		l.run()
		l.expect("orders", "held")
		l.refuse, l.dir = nil, t.TempDir()
		l.run()
		l.expect("orders", "done")
		if got := l.events("orders"); got != "ON" {
			t.Errorf("event_scheduler is %s", got)
		}
	})
}

// refuser is the way to the model, with calls that a test refuses.
type refuser struct{ l *lab }

func (r refuser) RoundTrip(q *http.Request) (*http.Response, error) {
	if r.l.refuse == nil {
		return r.l.sim.Transport().RoundTrip(q)
	}
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return nil, err
	}
	q.Body = io.NopCloser(bytes.NewReader(body))
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	code := r.l.refuse(form.Get("Action"), form)
	if code == "" {
		return r.l.sim.Transport().RoundTrip(q)
	}
	answer := "<ErrorResponse><Error><Type>Sender</Type><Code>" + code + "</Code><Message>the test says no</Message></Error><RequestId>r</RequestId></ErrorResponse>"
	return &http.Response{StatusCode: http.StatusForbidden, Status: "403 Forbidden", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"text/xml"}}, Body: io.NopCloser(strings.NewReader(answer)), ContentLength: int64(len(answer)), Request: q}, nil
}
