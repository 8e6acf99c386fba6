package fleet

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

// The journal of a bad night, told from its entries.
func TestStory(t *testing.T) {
	at := time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)
	m := newMemory()
	seq := int64(0)
	add := func(k journal.Kind, what string, data any) journal.Entry {
		seq++
		at = at.Add(time.Minute)
		b, err := json.Marshal(data)
		if err != nil {
			t.Fatal(err)
		}
		e := journal.Entry{Seq: seq, At: at, Kind: k, Database: "a/r/orders", What: what, Data: b}
		m.fold(e)
		return e
	}
	gate := func(name string, v bluegreen.GateVerdict) {
		add(journal.Gate, name, bluegreen.Gate{Name: name, Verdict: v, Evidence: []string{"seen"}})
	}
	switchover := intentData{Action: bluegreen.Action{Kind: bluegreen.Switchover, Deployment: "bgd-1"}}
	gate("replication", bluegreen.GatePass)
	gate("parity", bluegreen.GateFail)
	gate("replication", bluegreen.GatePass)
	gate("parity", bluegreen.GatePass)
	in := add(journal.Intent, "switch over bgd-1", switchover)
	res := journal.Entry{Seq: 90, At: at, Kind: journal.Result, Database: "a/r/orders", Ref: in.Seq, What: "answer lost: timeout"}
	res.Data, _ = json.Marshal(resultData{Consequence: bluegreen.Ambiguous})
	m.fold(res)
	add(journal.Fact, "switchover rolled back by RDS: long transaction", factData{Name: factSwitchFailed, Error: "long transaction"})
	add(journal.Intent, "switch over bgd-1", switchover) // and the process is killed
	add(journal.Intent, "switch over bgd-1", switchover)
	add(journal.Fact, "switched over: orders answers as 8.0.46", factData{Name: factSwitched, To: "8.0.46"})
	add(journal.Fact, "could not be armed", wayData{Name: factWay, Way: &bluegreen.Way{State: bluegreen.WayUnarmed, Detail: "no route"}})
	add(journal.Fact, "armed", wayData{Name: factWayArmed})
	add(journal.Fact, "ALARM", wayData{Name: factWay, Way: &bluegreen.Way{State: bluegreen.WayBroken, Cause: "collation", Detail: "#255"}})
	mended := add(journal.Fact, "stands", wayData{Name: factWay, Way: &bluegreen.Way{State: bluegreen.WayArmed}})

	s := m.db("a/r/orders").told.Story
	if s.Rounds != 2 || len(s.Gates) != 2 || len(s.Refusals) != 1 || s.Refusals[0].Name != "parity" {
		t.Errorf("gates: %+v", s)
	}
	ends := []string{}
	for _, a := range s.Attempts {
		ends = append(ends, a.End)
	}
	if diff := cmp.Diff([]string{"switchover rolled back by RDS: long transaction", "", "switched over: orders answers as 8.0.46"}, ends); diff != "" {
		t.Error(diff)
	}
	if len(s.Alarms) != 2 || s.Alarms[1].Cause != "collation" || s.Alarms[1].Mended == nil || !s.Alarms[1].Mended.Equal(mended.At) {
		t.Errorf("alarms: %+v", s.Alarms)
	}
	if s.Arming != 1 || len(s.Unclear) != 2 || s.Unclear[0].By != "switchover rolled back by RDS: long transaction" || s.Unclear[1].Settled == nil {
		t.Errorf("unclear: %+v", s.Unclear)
	}
}
