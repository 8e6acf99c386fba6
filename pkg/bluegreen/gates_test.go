package bluegreen

import (
	"testing"
	"time"
)

func TestGates(t *testing.T) {
	sec := 0.0
	good := Replication{Configured: true, Receiver: "Yes", Applier: "Yes", File: "b.000001", Position: 4, Seconds: &sec}
	stopped := good
	stopped.Applier, stopped.ApplierError = "No", "no such table"
	tx := func(wrote bool, d time.Duration, sql string) []Transaction {
		return []Transaction{{Connection: "7", For: d, Wrote: wrote, Statement: sql}}
	}
	tests := []struct {
		name string
		gate Gate
		want GateVerdict
	}{
		{"no transactions", GateTransactions(Reading[[]Transaction]{}, time.Second), GatePass},
		{"short transaction", GateTransactions(Reading[[]Transaction]{Value: tx(true, 0, "")}, time.Second), GatePass},
		{"long transaction", GateTransactions(Reading[[]Transaction]{Value: tx(false, time.Second, "")}, time.Second), GateFail},
		{"transactions unread", GateTransactions(Reading[[]Transaction]{Err: "denied"}, time.Second), GateInconclusive},
		{"select", GateDDL(Reading[[]Transaction]{Value: tx(false, time.Hour, "select 1")}), GatePass},
		{"ddl", GateDDL(Reading[[]Transaction]{Value: tx(false, 0, " alter table x add y int")}), GateFail},
		{"ddl unread", GateDDL(Reading[[]Transaction]{Err: "denied"}), GateInconclusive},
		{"no xa", GateXA(Reading[int]{}), GatePass},
		{"xa", GateXA(Reading[int]{Value: 1}), GateFail},
		{"xa unread", GateXA(Reading[int]{Err: "denied"}), GateInconclusive},
		{"history at the limit", GateHistory(Reading[int64]{Value: 10}, 10), GatePass},
		{"history over it", GateHistory(Reading[int64]{Value: 11}, 10), GateFail},
		{"history unread", GateHistory(Reading[int64]{Err: "denied"}, 10), GateInconclusive},
		{"replicates", GateReplication(Reading[Replication]{Value: good}), GatePass},
		{"applier stopped", GateReplication(Reading[Replication]{Value: stopped}), GateFail},
		{"does not replicate", GateReplication(Reading[Replication]{}), GateFail},
		{"replication unread", GateReplication(Reading[Replication]{Err: "denied"}), GateInconclusive},
		{"arrived", GateArrival(Reading[Arrival]{Value: Arrival{Arrived: true, After: time.Second}}, time.Second), GatePass},
		{"arrived late", GateArrival(Reading[Arrival]{Value: Arrival{Arrived: true, After: 2 * time.Second}}, time.Second), GateFail},
		{"not arrived", GateArrival(Reading[Arrival]{}, time.Second), GateFail},
		{"arrival unread", GateArrival(Reading[Arrival]{Err: "denied"}, time.Second), GateInconclusive},
		{"green quiet", GateGreenWrites(Reading[GreenWrites]{Value: GreenWrites{ReadOnly: true, Open: tx(false, time.Hour, "")}}), GatePass},
		{"green writable", GateGreenWrites(Reading[GreenWrites]{}), GateFail},
		{"green written", GateGreenWrites(Reading[GreenWrites]{Value: GreenWrites{ReadOnly: true, Open: tx(true, 0, "")}}), GateFail},
		{"green unread", GateGreenWrites(Reading[GreenWrites]{Err: "denied"}), GateInconclusive},
		{"parity", GateParity(Reading[Inventory]{Value: Inventory{"table a": "x"}}, Reading[Inventory]{Value: Inventory{"table a": "x"}}), GatePass},
		{"missing", GateParity(Reading[Inventory]{Value: Inventory{"table a": "x"}}, Reading[Inventory]{Value: Inventory{}}), GateFail},
		{"different", GateParity(Reading[Inventory]{Value: Inventory{"table a": "x"}}, Reading[Inventory]{Value: Inventory{"table a": "y"}}), GateFail},
		{"added", GateParity(Reading[Inventory]{Value: Inventory{}}, Reading[Inventory]{Value: Inventory{"table a": "y"}}), GateFail},
		{"blue unread", GateParity(Reading[Inventory]{Err: "denied"}, Reading[Inventory]{}), GateInconclusive},
		{"green's inventory unread", GateParity(Reading[Inventory]{}, Reading[Inventory]{Err: "denied"}), GateInconclusive},
		{"rows equal", GateRows(Reading[[]RowCount]{Value: []RowCount{{"t", 3, 3, 3}, {"u", 3, 4, 5}}}), GatePass},
		{"rows differ", GateRows(Reading[[]RowCount]{Value: []RowCount{{"t", 3, 2, 3}}}), GateFail},
		{"rows in motion", GateRows(Reading[[]RowCount]{Value: []RowCount{{"t", 3, 2, 4}}}), GateInconclusive},
		{"rows unread", GateRows(Reading[[]RowCount]{Err: "denied"}), GateInconclusive},
	}
	for _, tc := range tests {
		if tc.gate.Verdict != tc.want || len(tc.gate.Evidence) == 0 {
			t.Errorf("%s: %s, want %s with evidence", tc.name, tc.gate, tc.want)
		}
	}
}

func TestGatesVerdict(t *testing.T) {
	g := func(vs ...GateVerdict) (out []Gate) {
		for _, v := range vs {
			out = append(out, Gate{Verdict: v})
		}
		return out
	}
	for _, tc := range []struct {
		gates []Gate
		want  GateVerdict
	}{
		{nil, GateInconclusive}, {g(GatePass), GatePass}, {g(GatePass, GateInconclusive), GateInconclusive},
		{g(GateInconclusive, GateFail), GateFail}, {g(GatePass, ""), GateInconclusive},
	} {
		if got := GatesVerdict(tc.gates); got != tc.want {
			t.Errorf("%v: %s, want %s", tc.gates, got, tc.want)
		}
	}
}

func TestNormalForms(t *testing.T) {
	for _, tc := range []struct{ got, want string }{
		{NormalType("int(11) unsigned"), "int unsigned"}, {NormalType("tinyint(1)"), "tinyint(1)"}, {NormalType("year(4)"), "year"},
		{NormalType("int(5) unsigned zerofill"), "int(5) unsigned zerofill"}, {NormalType("varchar(11)"), "varchar(11)"}, {NormalType("tinyint(4)"), "tinyint"},
		{NormalCharset("utf8"), "utf8mb3"}, {NormalCharset("utf8_general_ci"), "utf8mb3_general_ci"}, {NormalCharset("utf8mb4_bin"), "utf8mb4_bin"},
		{NormalExtra("DEFAULT_GENERATED on update CURRENT_TIMESTAMP"), "on update current_timestamp"},
		{NormalEventStatus("SLAVESIDE_DISABLED"), "ENABLED"}, {NormalEventStatus("REPLICA_SIDE_DISABLED"), "ENABLED"}, {NormalEventStatus("DISABLED"), "DISABLED"},
		{NormalSQL("select _utf8'x'  AS `utf8`"), "select 'x' AS `utf8`"}, {NormalSQL("CONVERT(a USING utf8)"), "CONVERT(a using utf8mb3)"},
	} {
		if tc.got != tc.want {
			t.Errorf("got %q, want %q", tc.got, tc.want)
		}
	}
}
