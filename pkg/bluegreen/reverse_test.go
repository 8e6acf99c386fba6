package bluegreen

import (
	"strings"
	"testing"
	"time"
)

func TestJudgeWay(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	running := Replication{Configured: true, Receiver: "Yes", Applier: "Yes", File: "b.000009", Position: 400}
	with := func(change func(*Replication)) Reading[Replication] {
		r := running
		change(&r)
		return Reading[Replication]{Value: r}
	}
	tests := []struct {
		name  string
		r     Reading[Replication]
		state WayState
		cause string
		bytes int64
		files int
		loss  string
	}{
		{"in step", with(func(r *Replication) { r.Position = 1000 }), WayArmed, "", 0, 0, "nothing: old blue has every write"},
		{"behind", with(func(*Replication) {}), WayArmed, "", 600, 0, "at most 2.0 s of writes (600 bytes of binary log)"},
		{"a file behind", with(func(r *Replication) { r.File = "b.000008" }), WayArmed, "", 1000, 1, "(1000 bytes and 1 further file of binary log)"},
		{"unread", Reading[Replication]{Err: "down"}, WayUnknown, "", 0, 0, "unknown: down"},
		{"connecting", with(func(r *Replication) { r.Receiver = "Connecting" }), WayUnknown, "", 600, 0, "unknown: old blue is connecting"},
		{"in step, and broken", with(func(r *Replication) { r.Position, r.Applier = 1000, "No" }), WayBroken, "stopped", 0, 0, "nothing yet, but every write from now on"},
		{"gone", Reading[Replication]{}, WayBroken, "stopped", 1000, 9, "broken"},
		{"collation", with(func(r *Replication) {
			r.Applier, r.ApplierError = "No", "Error 'Character set '#255' is not a compiled character set and is not specified in the 'Index.xml' file' on query."
		}), WayBroken, "collation", 600, 0, "at most the last 2 s, and all that follow"},
		{"account", with(func(r *Replication) {
			r.Receiver, r.ReceiverError = "Connecting", "error connecting to master 'x@127.0.0.1:3' - retry-time: 1  retries: 5"
		}), WayBroken, "account", 600, 0, "broken"},
		{"nobody at the name", with(func(r *Replication) {
			r.Receiver, r.ReceiverErrno, r.ReceiverError = "Connecting", 2003, "error reconnecting to master 'x@127.0.0.1:3' - retry-time: 60  retries: 1"
		}), WayBroken, "connection", 600, 0, "broken"},
		{"refused, by its number", with(func(r *Replication) {
			r.Receiver, r.ReceiverErrno, r.ReceiverError = "Connecting", 1045, "error reconnecting to master 'x@127.0.0.1:3' - retry-time: 60  retries: 1"
		}), WayBroken, "account", 600, 0, "broken"},
		{"nobody at the name, and stopped", with(func(r *Replication) {
			r.Receiver, r.ReceiverErrno, r.ReceiverError = "Connecting", 2003, "error reconnecting to master"
			r.Applier, r.ApplierError = "No", "Could not execute: Duplicate entry '1'"
		}), WayBroken, "data", 600, 0, "broken"},
		{"purged", with(func(r *Replication) {
			r.Receiver, r.ReceiverError = "No", "Got fatal error 1236 from master when reading data from binary log: 'Could not find first log file name in binary log index file'"
		}), WayBroken, "purged-binlog", 600, 0, "broken"},
		{"ddl", with(func(r *Replication) {
			r.Applier, r.ApplierError = "No", "Error 'You have an error in your SQL syntax; check the manual' on query."
		}), WayBroken, "ddl", 600, 0, "broken"},
		{"data", with(func(r *Replication) { r.Applier, r.ApplierError = "No", "Could not execute: Duplicate entry '1'" }), WayBroken, "data", 600, 0, "broken"},
		{"new words", with(func(r *Replication) { r.Applier, r.ApplierError = "No", "something else" }), WayBroken, "other", 600, 0, "broken"},
		{"stopped", with(func(r *Replication) { r.Applier = "No" }), WayBroken, "stopped", 600, 0, "broken"},
	}
	for _, tc := range tests {
		w := JudgeWay(now, tc.r, "b.000009", 1000, now.Add(-2*time.Second))
		if alarm := w.Alarm(); (alarm == "") != (tc.state == WayArmed) || !strings.Contains(alarm, tc.cause) {
			t.Errorf("%s: the alarm is %q", tc.name, alarm)
		}
		if complete := w.Bytes == 0 && w.Files == 0; tc.r.Err == "" && complete != (w.Seconds == 0) {
			t.Errorf("%s: %d bytes are missing, and the oldest is %.0f s old", tc.name, w.Bytes, w.Seconds)
		}
		if passes := tc.state == WayUnknown || tc.cause == "connection"; w.MayPass() != passes {
			t.Errorf("%s: may pass: %v", tc.name, w.MayPass())
		}
		if w.State != tc.state || w.Cause != tc.cause || w.Bytes != tc.bytes || w.Files != tc.files || !strings.Contains(w.Loss(), tc.loss) {
			t.Errorf("%s: %+v, loss %q", tc.name, w, w.Loss())
		}
	}
}

func TestGateReverse(t *testing.T) {
	good := map[string]string{"log_bin": "1", "binlog_format": "ROW", "binlog_row_value_options": "", "collation_server": "utf8mb4_general_ci",
		"default_collation_for_utf8mb4": "utf8mb4_general_ci", "gtid_mode": "OFF", "binlog_transaction_compression": "0"}
	ask := func(variable, value string, newOnly ...string) GateVerdict {
		v := map[string]string{}
		for k, x := range good {
			v[k] = x
		}
		if variable != "" {
			v[variable] = value
		}
		return GateReverse(Reading[ReverseFacts]{Value: ReverseFacts{Variables: v, OldGTID: "OFF", NewOnly: newOnly}}).Verdict
	}
	if v := ask("", ""); v != GatePass {
		t.Errorf("all good: %s", v)
	}
	for variable, value := range map[string]string{"log_bin": "0", "binlog_format": "MIXED", "binlog_row_value_options": "PARTIAL_JSON",
		"collation_server": "utf8mb4_0900_ai_ci", "default_collation_for_utf8mb4": "utf8mb4_0900_ai_ci", "gtid_mode": "ON", "binlog_transaction_compression": "1"} {
		if v := ask(variable, value); v != GateFail {
			t.Errorf("%s=%s: %s", variable, value, v)
		}
	}
	if v := ask("", "", "invisible column a.b.c"); v != GateFail {
		t.Errorf("new things: %s", v)
	}
	if v := GateReverse(Reading[ReverseFacts]{Err: "denied"}).Verdict; v != GateInconclusive {
		t.Errorf("unread: %s", v)
	}
}
