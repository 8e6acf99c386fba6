package report

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
)

func sec(s string) time.Time {
	t, err := time.Parse(time.DateTime, s)
	if err != nil {
		panic(err)
	}
	return t
}

func gateTold(at, name string, v bluegreen.GateVerdict, evidence ...string) fleet.GateTold {
	return fleet.GateTold{At: sec(at), Gate: bluegreen.Gate{Name: name, Verdict: v, Evidence: evidence}}
}

func leftover(id, role, version string, since string, state bluegreen.LeftoverState, reason string, day, soFar float64) fleet.LeftoverStatus {
	l := fleet.LeftoverStatus{Leftover: bluegreen.Leftover{Instance: id, ResourceID: "db-" + strings.ToUpper(id), Role: role, Version: version, Class: "db.r5.2xlarge",
		AllocatedGiB: 500, Since: sec(since), KeepUntil: sec(since).AddDate(0, 0, 14), State: state, Reason: reason}}
	if day > 0 {
		l.PerDay = &bluegreen.Estimate{USD: day, Known: true}
	}
	if soFar > 0 {
		l.SoFar = &bluegreen.Estimate{USD: soFar, Known: true}
	}
	return l
}

// stories is a campaign with a database for each kind of story.
func stories() Input {
	in := fixture()
	in.Status.Databases = []fleet.DatabaseStatus{armedStory(), wentBackStory(), goingStory(), lossyStory(), lostJournalStory(), cleanedStory(), stuckDatabases()[0]}
	in.Status.Unassigned = nil
	return in
}

// armedStory: a first attempt that RDS rolled back, a way back that broke and
// was mended, a drill.
func armedStory() fleet.DatabaseStatus {
	d := switchedOver(base("catalog-main", "catalog", "catalog-team", "web", "db.r5.2xlarge"), "done", "db.r7g.2xlarge", "2026-11-17 02:31", 97)
	d.Downtime = &fleet.Downtime{From: sec("2026-11-17 02:30:51"), Writes: 3.4, Reads: 2.9, Within: 0.1, Errors: map[string]int{"read-only": 14, "refused": 9}}
	d.WayBack = fleet.WayBack{Kind: "go-back", How: "rdsupgrade rollback --database catalog-main PLAN", Loss: "nothing: old blue has every write", LossSince: d.SwitchedAt,
		Until: ptr(utc("2026-12-01 02:31")), ArmedAt: ptr(sec("2026-11-17 02:31:20")), Reverse: &bluegreen.Way{At: sec("2026-11-23 09:28:58"), State: bluegreen.WayArmed, Seconds: 0.8}}
	d.Leftovers = []fleet.LeftoverStatus{
		leftover("catalog-main-old1", bluegreen.RoleOldBlue, "5.7.44", "2026-11-17 02:31:00", bluegreen.LeftKept, "kept until 2026-12-01 02:31 UTC", 61.44, 386.1),
		leftover("catalog-main-r1-old1", bluegreen.RoleReplica, "5.7.44", "2026-11-17 02:31:00", bluegreen.LeftKept, "kept until 2026-12-01 02:31 UTC", 61.44, 386.1)}
	d.Leftovers[0].WayBack = true
	d.Story = &fleet.Story{Rounds: 3,
		Gates: []fleet.GateTold{
			gateTold("2026-11-17 02:29:40", "replication", bluegreen.GatePass, "receiver Yes, applier Yes"),
			gateTold("2026-11-17 02:29:41", "schema, routines, triggers, events and grants", bluegreen.GatePass, "412 objects are the same on both"),
			gateTold("2026-11-17 02:29:42", "a write arrives", bluegreen.GatePass, "a heartbeat row arrived after 0.21 s")},
		Refusals: []fleet.GateTold{gateTold("2026-11-17 02:05:12", "transactions", bluegreen.GateFail, "connection 8812 is open for 14 minutes and has written")},
		Attempts: []fleet.AttemptTold{
			{At: sec("2026-11-17 02:10:03"), Until: ptr(sec("2026-11-17 02:12:41")), End: "switchover rolled back by RDS: long-running DDL was found on the source"},
			{At: sec("2026-11-17 02:30:04"), Until: ptr(sec("2026-11-17 02:31:00")), End: "switched over: catalog-main answers as 8.0.46, old blue is catalog-main-old1", OK: true}},
		Alarms: []fleet.AlarmTold{
			{At: sec("2026-11-18 11:02:09"), State: bluegreen.WayBroken, Cause: "collation", Detail: "Error 'Character set '#255' is not a compiled character set' on query", Mended: ptr(sec("2026-11-18 11:19:40"))},
			{At: sec("2026-11-20 03:00:01"), State: bluegreen.WayUnknown, Detail: "dial catalog-main-old1: i/o timeout", Mended: ptr(sec("2026-11-20 03:00:32"))}}}
	d.GoBack = &fleet.GoBackStatus{At: sec("2026-11-18 21:04:00"), Drill: true, State: "done", Steps: []fleet.GoBackDone{}, LastDrill: &fleet.DrillResult{At: sec("2026-11-18 21:22:30"), Passed: true}}
	return d
}

// wentBackStory: back after the switchover, with a loss that was accepted.
func wentBackStory() fleet.DatabaseStatus {
	d := base("payments", "payments", "pay-team", "web", "db.r5.xlarge")
	d.Stage, d.Reason = "rolled-back", "went back after the switchover; old blue serves"
	d.Downtime = &fleet.Downtime{From: sec("2026-11-19 02:14:02"), Writes: 4.1, Reads: 3.8, Within: 0.1, Errors: map[string]int{"refused": 21}}
	d.WayBack = fleet.WayBack{Kind: "done", How: "nothing is left to undo", Loss: "12.4 s of writes (18311 bytes of binary log)", Undone: []string{"went back: payments is served by 5.7.44 again"}}
	d.GoBack = &fleet.GoBackStatus{At: sec("2026-11-19 08:40:10"), By: "dana", Why: "checkout latency doubled", AcceptLoss: true, State: "done", Place: "mysql-bin-changelog.000051:99120",
		Lost:          &bluegreen.GoBackLoss{Text: "12.4 s of writes (18311 bytes of binary log)", From: "mysql-bin-changelog.000051:80809", To: "mysql-bin-changelog.000051:99120", Seconds: 12.4, Bytes: 18311},
		WritesStopped: ptr(sec("2026-11-19 08:42:31")), Aside: "payments-rolledback", AsideVersion: "8.0.46",
		Downtime: &fleet.Downtime{From: sec("2026-11-19 08:42:31"), Writes: 311.2, Reads: 190.5, Within: 0.1, Errors: map[string]int{"read-only": 410, "unknown host": 77}},
		Steps: []fleet.GoBackDone{
			{Step: "begin", Does: "note names, resource ids and parameter groups of both servers", At: sec("2026-11-19 08:40:12"), Proof: "payments is db-NEW, payments-old1 is db-OLD"},
			{Step: "stop-writes", Does: "stop writes on the new server", At: sec("2026-11-19 08:42:31"), Proof: "read_only is ON on db-NEW"},
			{Step: "catch-up", Does: "wait until old blue has the new server's last write", At: sec("2026-11-19 08:43:40"), Proof: "old blue stands at mysql-bin-changelog.000051:80809, the rest is given up"},
			{Step: "rename", Does: "rename the new server aside, and old blue to the name that clients use", At: sec("2026-11-19 08:47:20"), Proof: "payments is db-OLD"},
			{Step: "verify", Does: "ask the server behind the name who it is, and write a row", At: sec("2026-11-19 08:47:42"), Proof: "5.7.44 answers and took a row"}}}
	d.Leftovers = []fleet.LeftoverStatus{leftover("payments-rolledback", bluegreen.RoleAside, "8.0.46", "2026-11-19 08:47:42", bluegreen.LeftKept, "kept until 2026-12-03 08:47 UTC", 18.2, 73.4)}
	d.History = history(entry(300, "2026-11-19 08:40", "human", "go-back database payments: checkout latency doubled", "dana"))
	return d
}

func goingStory() fleet.DatabaseStatus {
	d := switchedOver(base("ledger", "ledger", "finance-it", "core", "db.r5.xlarge"), "rolling-back", "db.r7g.xlarge", "2026-11-23 03:10", 340)
	d.Reason = "wait until old blue has the new server's last write"
	d.WayBack = fleet.WayBack{Kind: "going-back", How: "wait", Loss: "nothing so far"}
	d.GoBack = &fleet.GoBackStatus{At: sec("2026-11-23 09:21:00"), By: "lee", State: "under-way", Step: "catch-up", Does: "wait until old blue has the new server's last write",
		StepSince: ptr(sec("2026-11-23 09:26:00")), WritesStopped: ptr(sec("2026-11-23 09:26:00")),
		Steps: []fleet.GoBackDone{{Step: "stop-writes", Does: "stop writes on the new server", At: sec("2026-11-23 09:26:00"), Proof: "read_only is ON"}}}
	return d
}

// lossyStory: a lost answer that was settled, a way back that is broken now.
func lossyStory() fleet.DatabaseStatus {
	d := switchedOver(base("session-store", "web", "platform", "web", "db.m5.large"), "soaking", "db.m7g.large", "2026-11-23 03:02", 140)
	d.WayBack.How = "rdsupgrade rollback --accept-loss --database session-store PLAN: stops writes, opens session-store-old1 and gives it the name"
	d.WayBack.Until, d.WayBack.ArmedAt = ptr(utc("2026-12-07 03:02")), ptr(sec("2026-11-23 03:02:31"))
	d.WayBack.Alarm = "the way back is broken (account): Access denied for user 'repl'"
	d.WayBack.Reverse = &bluegreen.Way{At: sec("2026-11-23 09:28:59"), State: bluegreen.WayBroken, Cause: "account", Detail: "Access denied for user 'repl'", Seconds: 7140}
	d.Story = &fleet.Story{Arming: 2, ArmingLast: "dial tcp: i/o timeout",
		Attempts: []fleet.AttemptTold{{At: sec("2026-11-23 03:01:10"), Until: ptr(sec("2026-11-23 03:02:02")), End: "switched over: session-store answers as 8.0.46", OK: true}},
		Alarms:   []fleet.AlarmTold{{At: sec("2026-11-23 07:30:00"), State: bluegreen.WayBroken, Cause: "account", Detail: "Access denied for user 'repl'"}},
		Unclear:  []fleet.UnclearTold{{At: sec("2026-11-23 03:01:41"), What: "answer lost: SwitchoverBlueGreenDeployment: timeout", Settled: ptr(sec("2026-11-23 03:02:02")), By: "switched over: session-store answers as 8.0.46"}}}
	return d
}

// lostJournalStory: AWS shows an old blue that the journal does not know.
func lostJournalStory() fleet.DatabaseStatus {
	d := base("reporting", "bi", "data-team", "web", "db.m5.large")
	d.Stage, d.EngineVersion, d.OnTarget, d.Off, d.OldBlue = "done", "8.0.46", true, nil, "reporting-old1"
	d.WayBack = fleet.WayBack{Kind: "rename-with-loss", How: "rdsupgrade rollback --accept-loss --database reporting PLAN: ...", Loss: "every write since the switchover: no reverse replication is armed"}
	d.Story = &fleet.Story{HistoryLost: "AWS shows reporting-old1, the server from before a switchover, of which the journal knows nothing"}
	l := leftover("reporting-old1", bluegreen.RoleOldBlue, "5.7.44", "2026-11-17 02:31:00", bluegreen.LeftRefused, "the journal has no record of db-REPORTING-OLD1 from before the campaign touched it: it may be somebody else's", 9.6, 0)
	l.Since, l.KeepUntil, l.Next = time.Time{}, time.Time{}, "if it is yours, remove it by hand"
	d.Leftovers = []fleet.LeftoverStatus{l}
	return d
}

func cleanedStory() fleet.DatabaseStatus {
	d := switchedOver(base("search-01", "search", "search-team", "canary", "db.t3.medium"), "cleaned", "db.t4g.medium", "2026-11-01 02:14", 31)
	d.OldBlue, d.Deployment = "", ""
	d.WayBack = fleet.WayBack{Kind: "snapshot-only", How: "restore the final snapshot as a new instance and rename it", Loss: "every write since that snapshot", LossSince: d.SwitchedAt}
	l := leftover("search-01-old1", bluegreen.RoleOldBlue, "5.7.44", "2026-11-01 02:14:00", bluegreen.LeftRemoved, "removed; final snapshot rdsupgrade-retail-2026-search-01-5-7-44-abc is available", 0, 134.4)
	d.Leftovers = []fleet.LeftoverStatus{l}
	return d
}

// TestStories keeps each kind of story as each format tells it.
func TestStories(t *testing.T) {
	for _, f := range Formats(Rollback) {
		got := write(t, Rollback, f, stories())
		path := filepath.Join("testdata", "stories."+extension[f])
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s differs (-want +got), run with -update if that is meant:\n%s", path, diff)
		}
	}
}

// What must be told stands in every format that has prose.
func TestStoriesTell(t *testing.T) {
	for _, f := range []Format{Text, Markdown, HTML} {
		got := strings.Join(strings.Fields(string(write(t, Rollback, f, stories()))), " ")
		for _, want := range []string{"long-running DDL was found", "3.4 s", "14 minutes and has written", "not a compiled character set", "after 17m31s",
			"12.4 s of writes", "311.2 s", "mysql-bin-changelog.000051:80809", "passed: it went back and forward again", "payments-rolledback",
			"History is lost", "answer lost", "settled after 21s", "not mended yet", "is available", "a day"} {
			if !strings.Contains(strings.NewReplacer("&#39;", "'", `\`, "", "&#34;", `"`).Replace(got), want) {
				t.Errorf("%s does not tell %q", f, want)
			}
		}
	}
}

// Names and texts that servers and strangers choose stay inert in the stories.
func TestStoriesHostile(t *testing.T) {
	const evil = "<script>alert(1)</script>\x1b[31m`|=HYPERLINK(\"x\")"
	in := stories()
	for n := range in.Status.Databases {
		d := &in.Status.Databases[n]
		if d.GoBack != nil {
			d.GoBack.By, d.GoBack.Why, d.GoBack.Aside = evil, evil, evil
			for i := range d.GoBack.Steps {
				d.GoBack.Steps[i].Proof = evil
			}
			if d.GoBack.Lost != nil {
				d.GoBack.Lost.Text = evil
			}
		}
		if s := d.Story; s != nil {
			s.HistoryLost, s.ArmingLast = evil, evil
			for i := range s.Gates {
				s.Gates[i].Name, s.Gates[i].Evidence = evil, []string{evil}
			}
			for i := range s.Alarms {
				s.Alarms[i].Cause, s.Alarms[i].Detail = evil, evil
			}
			for i := range s.Unclear {
				s.Unclear[i].What, s.Unclear[i].By = evil, evil
			}
		}
		if d.Downtime != nil {
			d.Downtime.Errors, d.Downtime.Note = map[string]int{evil: 1}, evil
		}
		for i := range d.Leftovers {
			d.Leftovers[i].Instance, d.Leftovers[i].Reason = evil, evil
		}
	}
	for _, f := range Formats(Rollback) {
		got := write(t, Rollback, f, in)
		if bytes.Contains(got, []byte("\x1b")) {
			t.Errorf("%s holds an escape", f)
		}
		if f == HTML || f == Markdown {
			if bytes.Contains(got, []byte("<script>alert")) {
				t.Errorf("%s holds the script", f)
			}
		}
		if f == CSV {
			for _, line := range bytes.Split(got, []byte("\n")) {
				for _, c := range bytes.Split(line, []byte(",")) {
					if bytes.HasPrefix(bytes.Trim(c, `"`), []byte("=")) {
						t.Errorf("a formula: %s", c)
					}
				}
			}
		}
	}
}
