package enginetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/awsrds"
	"github.com/rdsupgrade/rdsupgrade/internal/rdssim"
	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

// cleanupSQL is simSQL that also tells who is connected.
type cleanupSQL struct {
	*simSQL
	clients map[string][]string
}

func (s *cleanupSQL) Clients(_ context.Context, ep fleet.Endpoint) ([]string, error) {
	return s.clients[ep.ID], nil
}

// left is a finished campaign of three databases, one of which has a read
// replica and deletion protection.
func left(t *testing.T, change ...string) (*lab, *cleanupSQL) {
	t.Helper()
	fleetText := fmt.Sprintf(`mysql: {user: u, password: p}
accounts: [{id: %q, regions: [%s], quotas: {DBInstances: 100, AllocatedStorage: 1000000}}]
defaults: {engine_version: 5.7.44, account: %[1]q, region: %[2]s, class: db.m5.large, storage_type: gp2, allocated_storage: 100, backup_retention: 7, tags: {env: staging}}
databases:
  - {id: orders, tags: {env: staging, service: a}, deletion_protection: true, replicas: [{id: orders-r1}]}
  - {id: users, tags: {env: staging, service: b}}
  - {id: bills, tags: {env: prod, service: c}}
`, account, region)
	l := newLab(t, fleetText, planOf(append([]string{"waves:\n", "cleanup: {keep_old_blue: 7d}\nwaves:\n"}, change...)...), "")
	sql := &cleanupSQL{simSQL: &simSQL{sim: l.sim}, clients: map[string][]string{}}
	l.sql = sql
	if st := l.run(); st.Outcome != fleet.OutcomeDone {
		t.Fatalf("%s: %v", st.Outcome, st.Waiting)
	}
	return l, sql
}

// survey is what the cleanup command shows.
func (l *lab) survey() map[string]bluegreen.Leftover {
	l.t.Helper()
	e, _, done := l.open(nil, nil)
	defer done()
	st, err := e.SurveyCleanup(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	out := map[string]bluegreen.Leftover{}
	for _, d := range st.Databases {
		for _, x := range d.Leftovers {
			out[x.Instance] = x.Leftover
		}
	}
	return out
}

// confirm is a person's word for what is due.
func (l *lab) confirm() {
	l.t.Helper()
	e, store, done := l.open(nil, nil)
	defer done()
	st, err := e.SurveyCleanup(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	for _, d := range st.Databases {
		key := d.Key()
		var due []fleet.LeftoverStatus
		for _, x := range d.Leftovers {
			if x.State == bluegreen.LeftDue {
				due = append(due, x)
			}
		}
		if len(due) > 0 {
			if err := store.Say(fleet.CleanupRequest("test", key, due, false, "anna", "", time.Now())); err != nil {
				l.t.Fatal(err)
			}
		}
	}
}

func (l *lab) wantStates(want map[string]bluegreen.LeftoverState) {
	l.t.Helper()
	got := l.survey()
	for id, s := range want {
		if got[id].State != s {
			l.t.Errorf("%s is %q (%s), want %s", id, got[id].State, got[id].Reason, s)
		}
	}
}

// alive tells which servers are there.
func (l *lab) alive(id string) bool {
	_, ok := l.sim.Server(rdssim.Scope{Account: account, Region: region}, id)
	return ok
}

// client is somebody else's hands at AWS.
func (l *lab) client() *awsrds.Client {
	l.t.Helper()
	c, err := awsrds.Dial(l.t.Context(), awsrds.ScopeConfig{AccountID: account, Region: region, EndpointURL: "http://rds.sim", Rate: 10,
		HTTPClient: &http.Client{Transport: l.sim.Transport()}})
	if err != nil {
		l.t.Fatal(err)
	}
	return c
}

func TestCleanup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, sql := left(t)
		const kept, due, held, removed = bluegreen.LeftKept, bluegreen.LeftDue, bluegreen.LeftHeld, bluegreen.LeftRemoved
		l.wantStates(map[string]bluegreen.LeftoverState{"orders-old1": kept, "orders-r1-old1": kept, "users-old1": kept, "bills-old1": kept})
		l.confirm()
		l.run()
		if n := l.calls("DeleteDBInstance", "DBInstanceIdentifier"); len(n) > 0 {
			t.Fatalf("deleted before the time is over: %v", n)
		}
		time.Sleep(8 * 24 * time.Hour)
		l.run()
		if n := l.calls("DeleteDBInstance", "DBInstanceIdentifier"); len(n) > 0 {
			t.Fatalf("deleted without a second key: %v", n)
		}
		sql.clients["users-old1"] = []string{"app@10.0.0.5"}
		l.wantStates(map[string]bluegreen.LeftoverState{"orders-old1": due, "orders-r1-old1": due, "users-old1": held, "bills-old1": due})
		l.confirm()
		st := l.run()
		if st.Outcome != fleet.OutcomeDone {
			t.Errorf("%s %v", st.Outcome, st.Waiting)
		}
		l.expect("orders", "cleaned")
		l.expect("bills", "cleaned")
		l.expect("users", "done")
		for id, want := range map[string]bool{"orders": true, "orders-r1": true, "users": true, "bills": true, "users-old1": true, "orders-old1": false, "orders-r1-old1": false, "bills-old1": false} {
			if l.alive(id) != want {
				t.Errorf("%s there: %v", id, !want)
			}
		}
		l.wantStates(map[string]bluegreen.LeftoverState{"orders-old1": removed, "orders-r1-old1": removed, "bills-old1": removed, "users-old1": held})
		if n := l.calls("DeleteBlueGreenDeployment", "DeleteTarget"); n["true"] > 0 || n[""] != 2 {
			t.Errorf("deployments deleted: %v", n)
		}
		for id, n := range l.calls("DeleteDBInstance", "DBInstanceIdentifier") {
			if n != 1 {
				t.Errorf("%s was deleted %d times", id, n)
			}
		}
		l.run()
		if l.acted != 0 {
			t.Errorf("a further run made %d calls", l.acted)
		}
		if _, err := journal.Verify(journalPath(l.dir)); err != nil {
			t.Error(err)
		}

		delete(sql.clients, "users-old1")
		l.confirm()
		l.run()
		l.expect("users", "cleaned")
	})
}

// killer ends the process at one mutating call: before it is made, or when it
// was made and its answer is lost. What the journal held then is all that is kept.
type killer struct {
	http.RoundTripper
	at     int
	made   bool // the call is made
	kill   func()
	seen   int
	killed bool
}

func (k *killer) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if k.killed {
		return nil, errors.New("the process is dead")
	}
	if !bytes.Contains(body, []byte("Action=Describe")) && !bytes.Contains(body, []byte("Action=List")) {
		if k.seen++; k.seen == k.at {
			if k.made {
				if _, err := k.RoundTripper.RoundTrip(r); err != nil {
					return nil, err
				}
			}
			k.killed = true
			k.kill()
			return nil, errors.New("the process is dead")
		}
	}
	return k.RoundTripper.RoundTrip(r)
}

// Killed at any call, and run again: the same end, nothing twice, every
// snapshot proven. The calls are: protection off, three deletions of primaries,
// one of a replica, three shells.
func TestCleanupKilled(t *testing.T) {
	for at := 1; at <= 8; at++ {
		for _, made := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) { cleanKilled(t, at, made) })
		}
	}
}

func cleanKilled(t *testing.T, at int, made bool) {
	l, _ := left(t)
	time.Sleep(8 * 24 * time.Hour)
	l.confirm()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var kept []byte
	k := &killer{RoundTripper: l.sim.Transport(), at: at, made: made, kill: func() {
		var err error
		if kept, err = os.ReadFile(journalPath(l.dir)); err != nil {
			t.Error(err)
		}
		cancel()
	}}
	l.through = k
	e, _, done := l.open(nil, nil)
	if _, err := e.Run(ctx, ctx); err == nil {
		t.Errorf("kill at %d: the run ended by itself", at)
	}
	done()
	if !k.killed {
		t.Fatalf("there was no call %d", at)
	}
	if err := os.WriteFile(journalPath(l.dir), kept, 0o600); err != nil {
		t.Fatal(err)
	}
	l.through = nil
	l.run()
	left := l.survey()
	for _, id := range []string{"orders", "users", "bills"} {
		l.expect(id, "cleaned")
		if x := left[id+"-old1"]; x.State != bluegreen.LeftRemoved || x.Snapshot == "" {
			t.Errorf("kill at %d (made: %v): %+v", at, made, x)
		}
	}
	for id, n := range l.calls("DeleteDBInstance", "DBInstanceIdentifier") {
		if n != 1 {
			t.Errorf("kill at %d (made: %v): %s was deleted %d times", at, made, id, n)
		}
	}
	if _, err := journal.Verify(journalPath(l.dir)); err != nil {
		t.Error(err)
	}
}

// A stranger that took over an old blue's name is never touched, whatever the
// policy; and with the journal lost nothing is.
func TestCleanupNotOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _ := left(t, "keep_old_blue: 7d", "keep_old_blue: 7d, policy: automatic")
		c := l.client()
		if _, err := c.Do(t.Context(), bluegreen.Action{Kind: bluegreen.ModifyInstance, Instance: "users-old1", Modify: &bluegreen.ModifySpec{NewID: "precious"}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if _, err := c.Do(t.Context(), bluegreen.Action{Kind: bluegreen.ModifyInstance, Instance: "bills-old1", Modify: &bluegreen.ModifySpec{NewID: "users-old1"}}); err != nil {
			t.Fatal(err)
		}
		c.Close()
		time.Sleep(8 * 24 * time.Hour)
		l.run()
		l.expect("orders", "cleaned")
		if !l.alive("precious") || !l.alive("users-old1") {
			t.Error("a server that somebody renamed was removed")
		}
		l.wantStates(map[string]bluegreen.LeftoverState{"precious": bluegreen.LeftRefused, "users-old1": bluegreen.LeftRefused})
	})
	synctest.Test(t, func(t *testing.T) {
		l, _ := left(t, "keep_old_blue: 7d", "keep_old_blue: 7d, policy: automatic")
		l.dir = t.TempDir()
		time.Sleep(30 * 24 * time.Hour)
		l.run()
		if n := l.calls("DeleteDBInstance", "DBInstanceIdentifier"); len(n) > 0 {
			t.Errorf("deleted without a record: %v", n)
		}
		for id, x := range l.survey() {
			if x.State != bluegreen.LeftRefused || !strings.Contains(x.Next, "by hand") {
				t.Errorf("%s: %+v", id, x)
			}
		}
	})
}

// The plan's policy removes what is due by itself, run after run.
func TestCleanupAutomatic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _ := left(t, "keep_old_blue: 7d", "keep_old_blue: 7d, policy: automatic")
		l.run()
		if l.acted != 0 {
			t.Errorf("%d calls before the time is over", l.acted)
		}
		time.Sleep(8 * 24 * time.Hour)
		l.run()
		for _, id := range []string{"orders", "users", "bills"} {
			l.expect(id, "cleaned")
		}
	})
}

// The final snapshot of an attempt that RDS did not finish is adopted; one that
// another server's snapshot bears the name of holds the removal.
func TestCleanupSnapshotThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _ := left(t)
		time.Sleep(8 * 24 * time.Hour)
		list := l.survey()
		c := l.client()
		defer c.Close()
		for of, name := range map[string]string{"users-old1": list["users-old1"].Snapshot, "users": list["bills-old1"].Snapshot} {
			if _, err := c.Do(t.Context(), bluegreen.Action{Kind: bluegreen.CreateSnapshot, Instance: of, Snapshot: name}); err != nil {
				t.Fatal(err)
			}
		}
		l.wantStates(map[string]bluegreen.LeftoverState{"users-old1": bluegreen.LeftHeld, "bills-old1": bluegreen.LeftHeld})
		time.Sleep(4 * time.Hour)
		l.confirm()
		l.run()
		l.expect("users", "cleaned")
		l.expect("bills", "done")
		l.wantStates(map[string]bluegreen.LeftoverState{"users-old1": bluegreen.LeftRemoved, "bills-old1": bluegreen.LeftHeld})
		for _, m := range l.sim.History() {
			if m.Action == "DeleteDBInstance" && m.Error == "" && m.Params["DBInstanceIdentifier"] == "users-old1" && m.Params["SkipFinalSnapshot"] != "true" {
				t.Errorf("%v", m.Params)
			}
			if m.Action == "DeleteDBInstance" && m.Params["DeleteAutomatedBackups"] != "false" {
				t.Errorf("automated backups are not kept: %v", m.Params)
			}
		}
	})
}

// What a going back sets aside is kept its time, confirmed and removed, its
// read replica first; the server that serves again is left alone. A drill
// leaves nothing aside.
func TestCleanupAfterGoingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s := backLab(t, nil)
		l.order(journal.Request{Drill: true})
		l.goOn(s, nil)
		for id, x := range l.survey() {
			if x.Role == bluegreen.RoleAside {
				t.Errorf("after a drill %s is set aside: %+v", id, x)
			}
		}
		l.order(journal.Request{})
		l.goOn(s, nil)
		expectBack(t, l, s)
		l.wantStates(map[string]bluegreen.LeftoverState{"orders-rolledback": bluegreen.LeftKept, "orders-read-rolledback": bluegreen.LeftKept})
		for id := range l.survey() {
			if id == "orders" || id == "orders-read" {
				t.Errorf("%s serves, and is listed as left behind", id)
			}
		}
		time.Sleep(15 * 24 * time.Hour)
		l.confirm()
		l.run()
		if l.alive("orders-rolledback") || l.alive("orders-read-rolledback") || !l.alive("orders") || !l.alive("orders-read") {
			t.Errorf("%+v", l.survey())
		}
		l.expect("orders", "rolled-back")
		l.wantStates(map[string]bluegreen.LeftoverState{"orders-rolledback": bluegreen.LeftRemoved, "orders-read-rolledback": bluegreen.LeftRemoved})
	})
}
