package fleet

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestClientsOf(t *testing.T) {
	row := func(user, host, command, me string) map[string]string {
		return map[string]string{"user": user, "host": host, "command": command, "me": me}
	}
	me := row("auditor", "10.0.0.9:4711", "Query", "1")
	for _, tt := range []struct {
		name      string
		rows      []map[string]string
		connected int
		want      []string
		err       string
	}{
		{"nobody", []map[string]string{me}, 1, nil, ""},
		{"RDS and replication", []map[string]string{me, row("rdsadmin", "localhost", "Sleep", "0"), row("system user", "", "Connect", "0"),
			row("event_scheduler", "localhost", "Daemon", "0"), row("rdsrepladmin", "10.0.0.7:1", "Binlog Dump", "0")}, 3, nil, ""},
		{"another reading of ours", []map[string]string{me, row("auditor", "10.0.0.9:4712", "Sleep", "0")}, 2, nil, ""},
		{"our account elsewhere", []map[string]string{me, row("auditor", "10.0.0.8:1", "Sleep", "0")}, 2, []string{"auditor@10.0.0.8"}, ""},
		{"a client", []map[string]string{me, row("app", "10.0.0.5:33000", "Sleep", "0")}, 2, []string{"app@10.0.0.5"}, ""},
		{"a reader of the binary log", []map[string]string{me, row("debezium", "10.0.0.6:1", "Binlog Dump GTID", "0")}, 2, []string{"debezium@10.0.0.6"}, ""},
		{"without PROCESS the others are hidden", []map[string]string{me}, 2, nil, "needs PROCESS"},
		{"not even this one", nil, 1, nil, "does not show this one"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := clientsOf(tt.rows, tt.connected)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%v, want %q", err, tt.err)
			}
		})
	}
}
