package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/precheck"
)

func TestSummaryCountsEveryDatabaseOnce(t *testing.T) {
	s := newCompliance(prepared(fixture())).Summary
	sum := s.OnTarget + s.InProgress + s.Waiting + s.Stuck + s.Held + s.RolledBack + s.LeftOut + s.NoWave + s.Unknown
	if sum != s.Total || s.Total != 16 {
		t.Errorf("counts add up to %d of %d: %+v", sum, s.Total, s)
	}
	want := complianceSummary{Total: 16, OnTarget: 5, InProgress: 3, Waiting: 1, Stuck: 3, Held: 1, RolledBack: 1, NoWave: 1, Unknown: 1, NeedPerson: 7, Twins: 5}
	if diff := cmp.Diff(want, s, cmp.FilterPath(func(p cmp.Path) bool {
		return p.Last().Type() == reflectAmount
	}, cmp.Ignore())); diff != "" {
		t.Error(diff)
	}
}

// prepared is the input as Write hands it to a model.
func prepared(in Input) Input {
	in.Prices = bluegreen.BuiltinPrices()
	return in
}

func TestGroupOf(t *testing.T) {
	tests := []struct {
		d        fleet.DatabaseStatus
		assigned bool
		want     group
	}{
		{fleet.DatabaseStatus{Stage: "done", OnTarget: true}, true, groupOnTarget},
		{fleet.DatabaseStatus{Stage: "unknown", OnTarget: true}, true, groupUnknown}, // stale facts prove nothing
		{fleet.DatabaseStatus{Stage: "done", OnTarget: true, Ambiguous: true}, true, groupHeld},
		{fleet.DatabaseStatus{Stage: "done"}, true, groupProgress}, // another hop, or something is off
		{fleet.DatabaseStatus{Stage: "held", OnTarget: true}, true, groupHeld},
		{fleet.DatabaseStatus{Stage: "skipped", OnTarget: true}, true, groupOnTarget},
		{fleet.DatabaseStatus{Stage: "skipped"}, true, groupLeftOut},
		{fleet.DatabaseStatus{Stage: "checked"}, true, groupWaiting},
		{fleet.DatabaseStatus{Stage: "rolling-back"}, true, groupRolled},
		{fleet.DatabaseStatus{Stage: ""}, true, groupUnknown},
		{fleet.DatabaseStatus{Stage: ""}, false, groupNoWave},
		{fleet.DatabaseStatus{Stage: "", OnTarget: true}, false, groupOnTarget},
	}
	for _, tt := range tests {
		if got := groupOf(tt.d, tt.assigned); got != tt.want {
			t.Errorf("groupOf(%+v) = %s, want %s", tt.d, got, tt.want)
		}
	}
}

// One database, whose fees can be worked out by hand: 8 vCPUs with Multi-AZ and
// a Single-AZ replica of 4 make 12 vCPUs.
func TestFees(t *testing.T) {
	d := base("a", "s", "o", "w", "db.r5.xlarge")
	d.Region, d.MultiAZ, d.Replicas, d.Stage = "us-east-1", true, 1, "pending"
	in := prepared(Input{Now: utc("2026-11-23 00:00"), Status: fleet.Status{Target: "8.0.46", Databases: []fleet.DatabaseStatus{d}}})
	s := newCompliance(in).Summary
	if s.FeeNow.USD != 57.6 || s.FeeAfter.USD != 28.8 || s.DelayPerDay.USD != 28.8 || !s.FeeNow.Known {
		t.Errorf("5.7 to 8.0: %+v", s)
	}
	in.Status.Databases[0].TargetVersion = "8.4.10"
	if s = newCompliance(in).Summary; s.FeeAfter.USD != 0 || s.DelayPerDay.USD != 57.6 {
		t.Errorf("5.7 to 8.4: %+v", s)
	}
	done := switchedOver(d, "done", "db.r7g.xlarge", "2026-11-13 00:00", 1)
	in.Status.Databases[0] = done
	s = newCompliance(in).Summary
	if s.SavedPerDay.USD != 28.8 || s.SavedSoFar.USD != 288 || s.TwinsPerDay.USD != 57.6 || s.DelayPerDay.USD != 0 {
		t.Errorf("ten days after: %+v", s)
	}
	in.Status.Databases[0].InstanceClass = "db.serverless"
	if s = newCompliance(in).Summary; s.FeeNow.Known || s.FeeNow.USD != 0 {
		t.Errorf("a class without fixed vCPUs has no known fee: %+v", s.FeeNow)
	}
}

func TestForecast(t *testing.T) {
	now := utc("2026-11-21 12:00")
	done := func(days ...int) []complianceRow {
		var rows []complianceRow
		for _, d := range days {
			at := now.AddDate(0, 0, -d)
			rows = append(rows, complianceRow{Group: groupOnTarget, OnTarget: true, SwitchedAt: &at})
		}
		return rows
	}
	left := func(rows []complianceRow, n int, g group) []complianceRow {
		for range n {
			rows = append(rows, complianceRow{Group: g})
		}
		return rows
	}
	tests := []struct {
		name     string
		rows     []complianceRow
		daysLeft *int
		finish   string
		slack    *int
		why      string
	}{
		{"one a day", left(done(10, 9, 8, 7, 6, 5, 4, 3, 2, 1), 5, groupWaiting), ptr(8), "2026-11-26", ptr(3), ""},
		{"too late", left(done(10, 9, 8, 7, 6, 5, 4, 3, 2, 1), 20, groupWaiting), ptr(8), "2026-12-11", ptr(-12), ""},
		{"a stall counts", left(done(10, 10, 10, 10, 10), 5, groupProgress), nil, "2026-12-01", nil, ""},
		{"blocked ones do not move", left(done(10, 5, 1), 9, groupStuck), ptr(8), "", nil, "moves by itself"},
		{"two are no pace", left(done(10, 5), 9, groupWaiting), ptr(8), "", nil, "2 switchovers so far"},
		{"one night is no pace", left(done(1, 1, 1, 1), 9, groupWaiting), ptr(8), "", nil, "less than two days ago"},
		{"done before the campaign counts for nothing", left(left(nil, 9, groupOnTarget), 5, groupWaiting), ptr(8), "", nil, "0 switchovers"},
	}
	for _, tt := range tests {
		f := newForecast(tt.rows, now, tt.daysLeft)
		if date(f.Finish) != tt.finish || !cmp.Equal(f.Slack, tt.slack) || f.Known != (tt.finish != "") || !strings.Contains(f.Why, tt.why) {
			t.Errorf("%s: %+v", tt.name, f)
		}
	}
}

// The plain note that 8.0 does not end the fee stands in every prose format
// when the target is 8.0, and not when it is 8.4.
func TestTargetStillPaid(t *testing.T) {
	in := fixture()
	for _, f := range []Format{Text, Markdown, HTML} {
		if out := string(write(t, Compliance, f, in)); !strings.Contains(out, "2026-08-01") || !strings.Contains(out, "does not end the fee") {
			t.Errorf("%s does not say that 8.0 is itself in paid support", f)
		}
	}
	for i := range in.Status.Databases {
		in.Status.Databases[i].TargetVersion = "8.4.10"
	}
	in.Status.Unassigned = nil
	if out := string(write(t, Compliance, Text, in)); strings.Contains(out, "does not end the fee") {
		t.Error("8.4 is in standard support")
	}
}

func TestDeadlineWords(t *testing.T) {
	in := fixture()
	for deadline, want := range map[string]string{
		"2026-11-24": "is in 1 day.", "2026-11-23": "The deadline is today.",
		"2026-11-20": "passed 3 days ago.", "": "sets no deadline",
	} {
		in.Status.Deadline = deadline
		if out := string(write(t, Compliance, Text, in)); !strings.Contains(strings.Join(strings.Fields(out), " "), want) {
			t.Errorf("deadline %q: %q not said", deadline, want)
		}
	}
}

func TestUndoGroups(t *testing.T) {
	tests := []struct {
		kind, stage string
		want        undoGroup
	}{
		{"none-needed", "pending", undoNothing}, {"delete-green", "ready", undoFree}, {"wait", "switching", undoLater},
		{"rename-with-loss", "done", undoLossy}, {"snapshot-only", "cleaned", undoLossy}, {"done", "rolled-back", undone},
		{"impossible", "cleaned", undoNever}, {"unknown", "held", undoUnknown}, {"", "done", undoUnknown},
		{"none-needed", "unknown", undoUnknown}, // unread is not unchanged
	}
	for _, tt := range tests {
		if got := undoGroupOf(fleet.DatabaseStatus{Stage: tt.stage, WayBack: fleet.WayBack{Kind: tt.kind}}); got != tt.want {
			t.Errorf("%s in stage %s: %s, want %s", tt.kind, tt.stage, got, tt.want)
		}
	}
}

func TestUndoneWhenAndBy(t *testing.T) {
	for _, r := range newRollback(fixture()).Databases {
		if r.ID == "web-cms" && (r.UndoneBy != "dana" || r.UndoneAt == nil || !r.UndoneAt.Equal(utc("2026-11-17 11:49"))) {
			t.Errorf("web-cms: undone at %v by %q", r.UndoneAt, r.UndoneBy)
		}
	}
}

func TestCommandsAreQuoted(t *testing.T) {
	d := switchedOver(base("it's", "s", "o", "w", "db.m5.large"), "done", "db.m7g.large", "2026-11-13 00:00", 1)
	for _, c := range undoCommands(Input{}, d) {
		if strings.Contains(c.Command, " it's") || !strings.Contains(c.Command, `'it'\''s`) && !strings.Contains(c.Command, "bgd-") {
			t.Errorf("not quoted: %s", c.Command)
		}
	}
}

func TestLongHistoryIsShortened(t *testing.T) {
	var h []fleet.HistoryEntry
	for i := range 100 {
		h = append(h, fleet.HistoryEntry{Seq: int64(i), At: utc("2026-11-01 00:00").Add(time.Duration(i) * time.Minute), Kind: "stage", What: "x"})
	}
	ev := events(h)
	if len(ev) != mostEvents+1 || !strings.HasPrefix(ev[0].Text, "70 earlier entries") {
		t.Errorf("%d events, the first: %+v", len(ev), ev[0])
	}
	if ev = events([]fleet.HistoryEntry{{Kind: "intent", What: "a"}, {Kind: "result", What: "b"}, {Kind: "intent", What: "c"}}); len(ev) != 2 || ev[1].Text != "c" {
		t.Errorf("an announcement without its result must stay: %+v", ev)
	}
}

func TestPrecheckExpiredWaiversCount(t *testing.T) {
	m := newPrecheck(fixture())
	if m.Summary.ExpiredWaivers != 1 || m.Summary.CouldNotRun != 2 || len(m.Waivers) != 2 || !m.Waivers[0].Expired {
		t.Errorf("summary %+v, waivers %+v", m.Summary, m.Waivers)
	}
	if out := string(write(t, Precheck, Text, fixture())); !strings.Contains(out, "EXPIRED WAIVERS") || !strings.Contains(out, "SELECT on mysql.user") {
		t.Error("expired waivers and missing grants must be shown")
	}
}

func TestJUnitCounts(t *testing.T) {
	var s junitSuites
	if err := xml.Unmarshal(write(t, Precheck, JUnit, fixture()), &s); err != nil {
		t.Fatal(err)
	}
	if s.Tests != 8 || s.Failures != 2 || s.Errors != 2 || s.Skipped != 1 {
		t.Errorf("precheck: %d tests, %d failures, %d errors, %d skipped", s.Tests, s.Failures, s.Errors, s.Skipped)
	}
	s = junitSuites{}
	if err := xml.Unmarshal(write(t, Compliance, JUnit, fixture()), &s); err != nil {
		t.Fatal(err)
	}
	if s.Tests != 16 || s.Failures != 10 || s.Errors != 1 {
		t.Errorf("compliance: %d tests, %d failures, %d errors", s.Tests, s.Failures, s.Errors)
	}
}

// A valid waiver lets a check pass, an expired one does not.
func TestWaiversAndFailures(t *testing.T) {
	check := func(w *precheck.WaiverRef) precheck.CheckResult {
		return precheck.CheckResult{ID: "x", Severity: precheck.Error, Status: precheck.StatusFailed, Findings: []precheck.Finding{{Object: "a.b", Message: "m", Waived: w}}}
	}
	for _, tt := range []struct {
		name   string
		waived *precheck.WaiverRef
		fails  bool
	}{
		{"no waiver", nil, true},
		{"valid", &precheck.WaiverRef{Owner: "dana"}, false},
		{"expired", &precheck.WaiverRef{Owner: "dana", Expired: true}, true},
	} {
		c := check(tt.waived)
		if jc := checkCase("db", c); (jc.Failure != nil) != tt.fails {
			t.Errorf("%s: JUnit failure %v", tt.name, jc.Failure)
		}
		m := newPrecheck(Input{Prechecks: []precheck.Report{{ID: "db", Checks: []precheck.CheckResult{c}}}})
		if (m.Rules[0].Open == 1) != tt.fails {
			t.Errorf("%s: %d open", tt.name, m.Rules[0].Open)
		}
		if tt.waived != nil {
			status := sarifFinding(0, m.Rules[0], "db", c.Findings[0]).Suppressions[0].Status
			if (status == "rejected") != tt.fails {
				t.Errorf("%s: SARIF suppression %s", tt.name, status)
			}
		}
	}
}

// The fields that SARIF 2.1.0 requires, and the links between them.
func TestSARIF(t *testing.T) {
	var log sarifLog
	dec := json.NewDecoder(bytes.NewReader(write(t, Precheck, SARIF, fixture())))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&log); err != nil {
		t.Fatal(err)
	}
	if log.Version != "2.1.0" || len(log.Runs) != 1 || log.Runs[0].Tool.Driver.Name == "" {
		t.Fatalf("log: %+v", log)
	}
	run := log.Runs[0]
	seen := map[string]bool{}
	if len(run.Results) != 5 {
		t.Errorf("%d results", len(run.Results))
	}
	for _, r := range run.Results {
		if r.Message.Text == "" || run.Tool.Driver.Rules[r.RuleIndex].ID != r.RuleID || len(r.Locations) == 0 {
			t.Errorf("result %+v", r)
		}
		fp := r.Fingerprints["finding/v1"]
		if fp == "" || seen[fp] {
			t.Errorf("fingerprint %q of %s is missing or not unique", fp, r.Message.Text)
		}
		seen[fp] = true
	}
	if run.Invocations[0].Successful || len(run.Invocations[0].Notifications) != 2 {
		t.Errorf("checks that could not run must show: %+v", run.Invocations[0])
	}
	empty := string(write(t, Precheck, SARIF, Input{Now: fixture().Now}))
	if !strings.Contains(empty, `"results": []`) || !strings.Contains(empty, `"rules": []`) {
		t.Error("an empty run must hold empty lists, not null")
	}
}

func TestWriteRefuses(t *testing.T) {
	for _, tt := range []struct {
		k    Kind
		f    Format
		want string
	}{
		{"weather", Text, "compliance, rollback, precheck, evidence"},
		{Rollback, SARIF, "text, json, md, html, csv"},
		{Evidence, HTML, "it has json"},
	} {
		var b bytes.Buffer
		err := Write(&b, tt.k, tt.f, fixture())
		if err == nil || !strings.Contains(err.Error(), tt.want) || b.Len() > 0 {
			t.Errorf("Write(%s, %s): %v, %d bytes", tt.k, tt.f, err, b.Len())
		}
	}
}

func TestDeterministicAndEmpty(t *testing.T) {
	each(t, func(t *testing.T, k Kind, f Format) {
		first := write(t, k, f, fixture())
		for range 2 {
			if !bytes.Equal(first, write(t, k, f, fixture())) {
				t.Fatal("two runs differ")
			}
		}
		write(t, k, f, Input{}) // an empty campaign is no reason to fail
	})
}

func TestMoney(t *testing.T) {
	for usd, want := range map[float64]string{0: "$0.00", 4.8: "$4.80", 99.99: "$99.99", 100: "$100", 1234.5: "$1,235", 1234567: "$1,234,567", -12: "$-12.00"} {
		if got := dollars(usd); got != want {
			t.Errorf("dollars(%v) = %s, want %s", usd, got, want)
		}
	}
	if got := money(bluegreen.Estimate{}); got != "not known" {
		t.Errorf("unknown money is %q", got)
	}
}

var reflectAmount = reflect.TypeFor[amount]()
