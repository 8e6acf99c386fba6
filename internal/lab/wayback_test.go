package lab

import (
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
	// Twice: a tool that was killed in between arms what is armed already.
	for range 2 {
		what, err := a.ArmWayBack(t.Context(), endpointOf(t, l, "orders"), endpointOf(t, l, "orders-old1"), at.File, at.Position)
		if err != nil {
			t.Fatal(err)
		}
		t.Log(what)
	}
	return l, a
}

func TestBrokenWayBackIsNoticedAndNamed(t *testing.T) {
	read := func(l *Lab, a *fleet.Access) bluegreen.Way {
		return a.WayBack(t.Context(), endpointOf(t, l, "orders"), endpointOf(t, l, "orders-old1"))
	}
	breaks := []struct {
		name, cause string
		statements  []string
	}{
		{"a collation that 5.7 does not know", "collation", []string{"SET NAMES utf8mb4 COLLATE utf8mb4_0900_ai_ci", "INSERT INTO shop.audit (what) VALUES ('x')"}},
		{"the account is gone", "account", []string{"SET SESSION sql_log_bin=0", "DROP USER rds_way_back@`%`"}},
		{"the account has another password, and the connection broke", "account", []string{"SET SESSION sql_log_bin=0", "ALTER USER rds_way_back@`%` IDENTIFIED BY 'other'", "KILLDUMP"}},
		{"binary logs are gone", "purged-binlog", []string{"STOPOLD", "FLUSH BINARY LOGS", "INSERT INTO shop.audit (what) VALUES ('x')", "FLUSH BINARY LOGS", "PURGEALL", "STARTOLD"}},
		{"a table that 5.7 cannot make", "ddl", []string{"CREATE TABLE shop.newer (id INT PRIMARY KEY, v INT, KEY k ((v + 1)))"}},
	}
	for _, b := range breaks {
		t.Run(b.name, func(t *testing.T) {
			l, a := wayLab(t)
			if w := read(l, a); w.State != bluegreen.WayArmed {
				t.Fatalf("before: %+v", w)
			}
			l.breakWay(t, b.statements)
			var w bluegreen.Way
			await(t, "the way back is found broken", func() bool { w = read(l, a); return w.State == bluegreen.WayBroken })
			if w.Cause != b.cause {
				t.Errorf("cause %q, want %q: %s", w.Cause, b.cause, w.Detail)
			}
			if !strings.Contains(w.Loss(), "broken") {
				t.Errorf("the loss is told as %q", w.Loss())
			}
			t.Logf("%s: %s", w.Cause, w.Detail)
		})
	}
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
