package enginetest

import (
	"bytes"
	"context"
	"fmt"
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
	_, found, err := e.SurveyCleanup(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	out := map[string]bluegreen.Leftover{}
	for _, c := range found {
		for _, x := range c.Leftovers {
			out[x.Instance] = x
		}
	}
	return out
}

// confirm is a person's word for what is due.
func (l *lab) confirm() {
	l.t.Helper()
	e, store, done := l.open(nil, nil)
	defer done()
	_, found, err := e.SurveyCleanup(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	for key, c := range found {
		var due []bluegreen.Leftover
		for _, x := range c.Leftovers {
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

func journalLines(t *testing.T, dir string) int {
	b, err := os.ReadFile(journalPath(dir))
	if err != nil {
		t.Error(err)
	}
	return bytes.Count(b, []byte("\n"))
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

// Killed between any two steps, and run again: the same end, nothing twice.
func TestCleanupKilled(t *testing.T) {
	for kill := 1; kill <= 12; kill++ {
		synctest.Test(t, func(t *testing.T) {
			l, _ := left(t)
			time.Sleep(8 * 24 * time.Hour)
			l.confirm()
			before := journalLines(t, l.dir)
			e, _, done := l.open(nil, nil)
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				for ctx.Err() == nil && journalLines(t, l.dir) < before+kill {
					time.Sleep(time.Second)
				}
				cancel()
			}()
			_, err := e.Run(ctx, ctx)
			cancel()
			done()
			if err == nil && kill < 6 {
				t.Fatalf("kill %d: the run ended by itself", kill)
			}
			l.run()
			for _, id := range []string{"orders", "users", "bills"} {
				l.expect(id, "cleaned")
			}
			for id, n := range l.calls("DeleteDBInstance", "DBInstanceIdentifier") {
				if n != 1 {
					t.Errorf("kill %d: %s was deleted %d times", kill, id, n)
				}
			}
			for _, s := range []string{"orders-old1", "users-old1", "bills-old1"} {
				if l.survey()[s].State != bluegreen.LeftRemoved {
					t.Errorf("kill %d: %+v", kill, l.survey()[s])
				}
			}
		})
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
