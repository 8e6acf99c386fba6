package lab

import (
	"net/url"
	"strings"
	"testing"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
)

// wayLab is a lab in which orders has switched over with its way back armed.
func wayLab(t *testing.T) (*Lab, *fleet.Access) {
	t.Helper()
	l := startLab(t, Config{Dark: 1})
	d := l.build(t)
	a := access(t)
	green := strings.TrimPrefix(d.Target, "arn:aws:rds:"+Region+":"+AccountID+":db:")
	for _, g := range a.PrepareWayBack(t.Context(), endpointOf(t, l, "orders"), endpointOf(t, l, green)) {
		if g.Verdict != bluegreen.GatePass {
			t.Fatal(g)
		}
	}
	l.switchOver(t, d.ID)
	at := l.plane.last
	// A tool that was killed in between arms what is armed already, or what was
	// only pointed at the new server.
	for _, left := range []string{"", "", "STOP SLAVE"} {
		if left != "" {
			if err := l.Root(t.Context(), "orders-old1", left); err != nil {
				t.Fatal(err)
			}
		}
		what, err := a.ArmWayBack(t.Context(), endpointOf(t, l, "orders"), endpointOf(t, l, "orders-old1"), at.File, at.Position)
		if err != nil {
			t.Fatal(err)
		}
		t.Log(what)
	}
	return l, a
}

// breakWay runs statements on the new server, in one session; words in capitals
// without spaces stand for what concerns both servers.
func (l *Lab) breakWay(t *testing.T, statements []string) {
	t.Helper()
	now, err := l.behind("orders")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := now.root.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// The session goes back to the pool.
	defer execAll(t.Context(), conn, "SET SESSION sql_log_bin=1", "SET NAMES utf8mb4 COLLATE utf8mb4_general_ci")
	for _, q := range statements {
		switch q {
		case "KILLDUMP":
			row, err := one(t.Context(), conn, "SELECT ID AS id FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%'")
			if err != nil || row == nil {
				t.Fatalf("nobody reads the binary log: %v", err)
			}
			q = "KILL " + row["id"]
		case "PURGEALL":
			file, _, err := now.position(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			q = "PURGE BINARY LOGS TO " + quote(file)
		case "STOPOLD", "STARTOLD":
			if err := l.Root(t.Context(), "orders-old1", map[string]string{"STOPOLD": "STOP SLAVE", "STARTOLD": "START SLAVE"}[q]); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := execAll(t.Context(), conn, q); err != nil {
			t.Fatal(err)
		}
	}
}

// call makes one call of the RDS API.
func (l *Lab) call(t *testing.T, action string, params ...string) {
	t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	if _, err := l.Sim.Ask(scope, action, form); err != nil {
		t.Fatalf("%s: %v", action, err)
	}
}

// settled waits until an instance of that name is available.
func (l *Lab) settled(t *testing.T, name string) {
	t.Helper()
	await(t, name+" is available", func() bool {
		i, ok := l.Sim.State().Instance(AccountID, Region, name)
		return ok && i.Status == "available"
	})
}

// reboot gives an instance a group of its own with a value of read_only, and
// reboots it.
func (l *Lab) reboot(t *testing.T, name, family, readOnly string) {
	t.Helper()
	group := name + "-own"
	l.call(t, "CreateDBParameterGroup", "DBParameterGroupName", group, "DBParameterGroupFamily", family, "Description", "going back")
	l.call(t, "ModifyDBParameterGroup", "DBParameterGroupName", group, "Parameters.Parameter.1.ParameterName", "read_only",
		"Parameters.Parameter.1.ParameterValue", readOnly, "Parameters.Parameter.1.ApplyMethod", "immediate")
	l.call(t, "ModifyDBInstance", "DBInstanceIdentifier", name, "DBParameterGroupName", group, "ApplyImmediately", "true")
	l.settled(t, name)
	l.call(t, "RebootDBInstance", "DBInstanceIdentifier", name)
	l.settled(t, name)
	await(t, name+" has read_only="+readOnly, func() bool {
		row, err := l.Row(t.Context(), name, "SELECT @@global.read_only AS ro")
		return err == nil && row["ro"] == readOnly
	})
}

func (l *Lab) rename(t *testing.T, from, to string) {
	t.Helper()
	l.call(t, "ModifyDBInstance", "DBInstanceIdentifier", from, "NewDBInstanceIdentifier", to, "ApplyImmediately", "true")
	l.settled(t, to)
}

// TestGoingBackLosesNothing goes the way back by the steps that the tool tells
// (writers stopped, caught up, replication ended, own group and reboot, renamed),
// while the load writes all the time: to blue, to the new server, and to old
// blue again.
func TestGoingBackLosesNothing(t *testing.T) {
	l, a := wayLab(t)
	load, err := StartLoad(l.Endpoint("orders"), App, 200)
	if err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop := func() {
		if !stopped {
			load.Stop()
			stopped = true
		}
	}
	defer stop()
	await(t, "the load writes to the new server", func() bool { return load.Acked() > 300 })

	l.reboot(t, "orders", "mysql9.7", "1")
	onNew := load.Acked()
	await(t, "old blue has every write", func() bool {
		w := a.WayBack(t.Context(), endpointOf(t, l, "orders"), endpointOf(t, l, "orders-old1"))
		return w.Loss() == "nothing: old blue has every write"
	})
	if err := l.CatchUp(t.Context(), "orders", "orders-old1"); err != nil {
		t.Fatal(err)
	}
	if err := l.Root(t.Context(), "orders-old1", "CALL mysql.rds_stop_replication()", "CALL mysql.rds_reset_external_master()"); err != nil {
		t.Fatal(err)
	}
	l.reboot(t, "orders-old1", "mysql5.7", "0")
	l.rename(t, "orders", "orders-aside")
	l.rename(t, "orders-old1", "orders")
	await(t, "the load writes to old blue", func() bool { return load.Acked() > onNew+200 })
	stop()

	v, err := l.version(t.Context())
	if err != nil || !strings.HasPrefix(v, "5.7") {
		t.Errorf("behind orders is %s (%v)", v, err)
	}
	c, err := load.Compare(t.Context(), l, "orders")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v; writes failed for %s", c, Result{Outages: load.Outages()}.Truth())
	if !c.Good() {
		t.Errorf("after going back: %+v", c)
	}
}
