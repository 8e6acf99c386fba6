package lab

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

// breaks are what ends a way back, with the cause that must be named.
var breaks = []struct {
	name, cause string
	statements  []string
}{
	{"a collation that 5.7 does not know", "collation", []string{"SET NAMES utf8mb4 COLLATE utf8mb4_0900_ai_ci", "INSERT INTO shop.audit (what) VALUES ('x')"}},
	{"the account is gone", "account", []string{"SET SESSION sql_log_bin=0", "DROP USER rds_way_back@`%`"}},
	{"the account has another password, and the connection broke", "account", []string{"SET SESSION sql_log_bin=0", "ALTER USER rds_way_back@`%` IDENTIFIED BY 'other'", "KILLDUMP"}},
	{"binary logs are gone", "purged-binlog", []string{"STOPOLD", "FLUSH BINARY LOGS", "INSERT INTO shop.audit (what) VALUES ('x')", "FLUSH BINARY LOGS", "PURGEALL", "STARTOLD"}},
	{"a table that 5.7 cannot make", "ddl", []string{"CREATE TABLE shop.newer (id INT PRIMARY KEY, v INT, KEY k ((v + 1)))"}},
}

// mostReads is how many readings of the way back may pass before the alarm:
// the servers themselves notice some breaks only when they reconnect.
const mostReads = 6

// reads is how often the tool has read the way back so far: after each reading
// it writes a heartbeat on the new server.
func (l *Lab) reads(t *testing.T) int {
	t.Helper()
	row, err := l.Row(t.Context(), "orders", "SHOW GLOBAL STATUS LIKE 'Com_replace'")
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(row["Value"])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// mend lets old blue follow again, from where the new server is now.
func (l *Lab) mend(t *testing.T) {
	t.Helper()
	now, err := l.behind("orders")
	if err != nil {
		t.Fatal(err)
	}
	who := "rds_way_back@`%`"
	if err := l.Root(t.Context(), "orders", "DROP TABLE IF EXISTS shop.newer", "DROP USER IF EXISTS "+who,
		"CREATE USER "+who+" IDENTIFIED WITH sha256_password BY "+quote(wayBackPassword)+" REQUIRE SSL", "GRANT REPLICATION SLAVE ON *.* TO "+who); err != nil {
		t.Fatal(err)
	}
	// Stopped first: what old blue applies after the place was read, it would
	// get a second time.
	if err := l.Root(t.Context(), "orders-old1", "CALL mysql.rds_stop_replication()", "CALL mysql.rds_reset_external_master()"); err != nil {
		t.Fatal(err)
	}
	file, pos, err := now.position(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ep := endpointOf(t, l, "orders")
	if err := l.Root(t.Context(), "orders-old1",
		fmt.Sprintf("CALL mysql.rds_set_external_master(%s, %d, 'rds_way_back', %s, %s, %d, 1)", quote(ep.Address), ep.Port, quote(wayBackPassword), quote(file), pos),
		"CALL mysql.rds_start_replication()"); err != nil {
		t.Fatal(err)
	}
}

// said counts the entries of the journal that begin so.
func (v *victim) said(prefix string) (n int) {
	for _, e := range v.entries() {
		if e.Kind == journal.Fact && strings.HasPrefix(e.What, prefix) {
			n++
		}
	}
	return n
}

// ask runs a command to its end and answers its exit code and standard output.
func (v *victim) ask(command string, args ...string) (code int, out string) {
	v.t.Helper()
	var b bytes.Buffer
	c := v.s.command(v.t.Context(), v.l, command, args...)
	c.Stdout, c.Stderr = &b, io.Discard
	var exit *exec.ExitError
	if err := c.Run(); err != nil && !errors.As(err, &exit) {
		v.t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), b.String()
}

// shows: every face of the tool tells that the way back is broken, and why.
func (v *victim) shows(cause string) {
	v.t.Helper()
	want := "the way back is broken (" + cause + ")"
	faces := []struct {
		code int
		args []string
		want []string
	}{
		{1, []string{"status"}, []string{"ALARM: " + want, "ALARM: broken"}},
		{1, []string{"status", "--output", "json"}, []string{`"alarm": "` + want, `"state": "broken"`, `"cause": "` + cause + `"`}},
		{0, []string{"report", "--kind", "rollback", "--format", "html"}, []string{want, "Reverse replication", "Look at orders at once:"}},
		{0, []string{"report", "--kind", "rollback", "--format", "md"}, []string{want, "Look at orders at once:"}},
		{0, []string{"report", "--kind", "rollback", "--format", "json"}, []string{`"alarm": "` + want, `"cause": "` + cause + `"`}},
	}
	for _, f := range faces {
		code, out := v.ask(f.args[0], f.args[1:]...)
		for _, w := range f.want {
			if !strings.Contains(out, w) {
				v.t.Errorf("%v does not say %q:\n%s", f.args, w, out)
			}
		}
		if code != f.code {
			v.t.Errorf("%v: exit %d, want %d", f.args, code, f.code)
		}
	}
}

// TestBrokenWayBackIsNoticedNamedAndShown: the real program watches a way back
// that is broken on purpose again and again.
func TestBrokenWayBackIsNoticedNamedAndShown(t *testing.T) {
	t.Parallel()
	v := newVictim(t, program(t), dice(t))
	watching := v.s.command(t.Context(), v.l, "run", "--watch")
	var said bytes.Buffer
	watching.Stdout, watching.Stderr = &said, &said
	if err := watching.Start(); err != nil {
		t.Fatal(err)
	}
	over := false
	t.Cleanup(func() {
		if !over {
			_ = watching.Process.Kill() // the test has failed
			_ = watching.Wait()
		}
	})
	await(t, "the campaign is done", func() bool { return v.said("the way back is armed") == 1 && v.said("downtime") == 1 })
	for n, b := range breaks {
		t.Run(b.name, func(t *testing.T) {
			alarm := "ALARM: the way back is broken (" + b.cause + ")"
			alarms, before := v.said(alarm), v.l.reads(t)
			v.l.breakWay(t, b.statements)
			await(t, "the alarm is in the journal", func() bool { return v.said(alarm) == alarms+1 })
			if n := v.l.reads(t) - before; n > mostReads {
				t.Errorf("noticed after %d readings", n)
			}
			v.shows(b.cause)
			if n < len(breaks)-1 {
				clear := v.said("the way back stands")
				v.l.mend(t)
				await(t, "the all-clear is in the journal", func() bool { return v.said("the way back stands") > clear })
				if code, out := v.ask("status"); code != 0 || strings.Contains(out, "ALARM") || !strings.Contains(out, "armed") {
					t.Errorf("status exits %d after the repair:\n%s", code, out)
				}
			}
		})
	}
	_ = watching.Process.Signal(os.Interrupt) // Wait tells
	err := watching.Wait()
	over = true
	if code := watching.ProcessState.ExitCode(); code != 130 || !strings.Contains(said.String(), "ALARM: the way back is broken (ddl)") {
		t.Errorf("the watching run ended with %d, %v:\n%s", code, err, said.String())
	}
	// A scheduled job says it as often as it comes, and journals it once.
	alarms := v.said("ALARM")
	for _, args := range [][]string{{"run", "--once"}, {"run"}} {
		if code, out := v.ask(args[0], args[1:]...); code != 1 || v.said("ALARM") != alarms {
			t.Errorf("%v exits %d, and %d more alarms are in the journal:\n%s", args, code, v.said("ALARM")-alarms, out)
		}
	}
}
