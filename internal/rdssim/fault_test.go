package rdssim

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func withFaults(t *testing.T, text string) Options {
	t.Helper()
	f, err := ParseFaults(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return Options{Faults: f}
}

func TestPrecheckFailureInsideGreen(t *testing.T) {
	a := newAPI(t, smallFleet, withFaults(t, `faults: [{kind: precheck-failure, database: "us*", reason: enumSetElementLength}]`))
	id := a.create("up", "users", "TargetEngineVersion", "8.0.46")
	a.waitDeployment(id, "INVALID_CONFIGURATION")
	d := a.deployment(id)
	green := last(d.text("Target"))
	if !strings.Contains(d.text("StatusDetails"), "upgrade incompatibilities") {
		t.Errorf("details: %q", d.text("StatusDetails"))
	}
	var tasks []string
	for _, task := range d.at("Tasks").Kids {
		tasks = append(tasks, task.text("Name")+" "+task.text("Status"))
	}
	want := []string{"CREATING_READ_REPLICA_OF_SOURCE COMPLETED", "DB_ENGINE_VERSION_UPGRADE FAILED", "CONFIGURE_BACKUPS PENDING"}
	if diff := cmp.Diff(want, tasks); diff != "" {
		t.Errorf("tasks (-want +got):\n%s", diff)
	}
	a.clk.Advance(3 * time.Second)
	if g := a.instance(green); g.text("EngineVersion") != "5.7.44" || g.text("DBInstanceStatus") != "available" {
		t.Errorf("green is %s, %s", g.text("EngineVersion"), g.text("DBInstanceStatus"))
	}
	events := a.must("DescribeEvents", "SourceType", "db-instance", "SourceIdentifier", green, "Duration", "300").at("Events")
	if msg := events.Kids[len(events.Kids)-1].text("Message"); !strings.Contains(msg, "PrePatchCompatibility.log") {
		t.Errorf("event: %q", msg)
	}
	logs := a.must("DescribeDBLogFiles", "DBInstanceIdentifier", green, "FilenameContains", "PrePatch").at("DescribeDBLogFiles")
	if len(logs.Kids) != 1 {
		t.Fatalf("logs: %+v", logs)
	}
	// Read from the start, a few lines at a time.
	var text strings.Builder
	for marker, pending := "0", true; pending; {
		part := a.must("DownloadDBLogFilePortion", "DBInstanceIdentifier", green, "LogFileName", "PrePatchCompatibility.log", "Marker", marker, "NumberOfLines", "7")
		text.WriteString(part.at("LogFileData").Text)
		marker, pending = part.text("Marker"), part.text("AdditionalDataPending") == "true"
	}
	for _, want := range []string{"9) ENUM/SET column definitions", "ENUM contains element longer than 255 characters", "Errors:   1", "appdb.catalog_items"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, text.String())
		}
	}
	tail := a.must("DownloadDBLogFilePortion", "DBInstanceIdentifier", green, "LogFileName", "PrePatchCompatibility.log", "NumberOfLines", "1")
	if got := tail.text("LogFileData"); !strings.HasPrefix(got, "1 errors were found.") {
		t.Errorf("last line: %q", got)
	}
	a.refused("InvalidBlueGreenDeploymentStateFault", "INVALID_CONFIGURATION", "SwitchoverBlueGreenDeployment", "BlueGreenDeploymentIdentifier", id)
	a.must("DeleteBlueGreenDeployment", "BlueGreenDeploymentIdentifier", id, "DeleteTarget", "true")
}

func TestStuckProvisioning(t *testing.T) {
	a := newAPI(t, smallFleet, withFaults(t, `faults: [{kind: stuck-provisioning, database: users}]`))
	id := a.create("up", "users", "TargetEngineVersion", "8.0.46")
	a.clk.Advance(72 * time.Hour)
	if d := a.deployment(id); d.text("Status") != "PROVISIONING" || d.text("Tasks/member/Status") != "IN_PROGRESS" {
		t.Errorf("after three days: %s, %s", d.text("Status"), d.text("Tasks/member/Status"))
	}
	a.must("DeleteBlueGreenDeployment", "BlueGreenDeploymentIdentifier", id, "DeleteTarget", "true")
	a.clk.Advance(time.Hour)
	if st := a.sim.State(); len(st.Deployments) != 0 || len(st.Instances) != 4 {
		t.Errorf("%d deployments and %d instances are left", len(st.Deployments), len(st.Instances))
	}
}

func TestLostAnswer(t *testing.T) {
	a := newAPI(t, smallFleet, withFaults(t, `faults: [{kind: lost-answer, action: "Create*", count: 1}]`))
	params := []string{"BlueGreenDeploymentName", "up", "Source", a.arn("users"), "TargetEngineVersion", "8.0.46"}
	if _, _, err := a.raw("CreateBlueGreenDeployment", params...); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("error %v", err)
	}
	// The call took effect.
	a.refused("BlueGreenDeploymentAlreadyExistsFault", "", "CreateBlueGreenDeployment", params...)
	history := a.sim.History()
	if len(history) != 2 || history[0].Error != "" || history[1].Error == "" {
		t.Errorf("history %+v", history)
	}
}

func TestCallFaults(t *testing.T) {
	cases := []struct {
		name, file string
		code       string
		status     int
	}{
		{"5xx", `faults: [{kind: server-error, count: 1}]`, "InternalFailure", 500},
		{"a 5xx by name", `faults: [{kind: server-error, count: 1, code: ServiceUnavailable}]`, "ServiceUnavailable", 500},
		{"throttling storm", `faults: [{kind: throttle, count: 1}]`, "ThrottlingException", 400},
		{"expired", `faults: [{kind: expired-credentials, count: 1}]`, "ExpiredToken", 403},
		{"denied", `faults: [{kind: access-denied, count: 1, action: DescribeDB*}]`, "AccessDenied", 403},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := newAPI(t, smallFleet, withFaults(t, c.file))
			status, body, err := a.raw("DescribeDBInstances")
			if err != nil || status != c.status || !strings.Contains(string(body), "<Code>"+c.code+"</Code>") {
				t.Errorf("got %d %v %s", status, err, body)
			}
			a.must("DescribeDBInstances") // only once
		})
	}
	a := newAPI(t, smallFleet, withFaults(t, `faults: [{kind: html, count: 1}]`))
	if status, body, _ := a.raw("DescribeDBInstances"); status != 200 || !strings.HasPrefix(string(body), "<!DOCTYPE html>") {
		t.Errorf("got %d %s", status, body)
	}
}

func TestFlapping(t *testing.T) {
	a := newAPI(t, smallFleet, withFaults(t, `
faults:
  - {kind: flapping, database: users, action: DescribeDBInstances, rate: 0.3, status: backing-up}
  - {kind: flapping, database: users, action: DescribeBlueGreenDeployments, rate: 0.3}
`))
	seen := map[string]int{}
	for range 200 {
		seen[a.instance("users").text("DBInstanceStatus")]++
		a.clk.Advance(time.Second)
	}
	if seen["backing-up"] < 30 || seen["backing-up"] > 90 || seen["backing-up"]+seen["available"] != 200 {
		t.Errorf("statuses %v", seen)
	}
	if got := a.instance("orders").text("DBInstanceStatus"); got != "available" {
		t.Errorf("another database is %s", got)
	}
}

// Rates, counts, skips and windows of time.
func TestFaultSelection(t *testing.T) {
	in := newInjector(&Faults{Faults: []Fault{
		{Kind: FaultServerError, Skip: 2, Count: 2},
		{Kind: FaultThrottle, From: time.Hour, For: time.Hour},
		{Kind: FaultHTML, Account: acct2},
		{Kind: FaultExpired, Region: east},
	}}, 1)
	var hits []bool
	for range 6 {
		hits = append(hits, in.strike(FaultServerError, occasion{}) != nil)
	}
	if diff := cmp.Diff([]bool{false, false, true, true, false, false}, hits); diff != "" {
		t.Errorf("skip and count (-want +got):\n%s", diff)
	}
	for elapsed, want := range map[time.Duration]bool{0: false, 59 * time.Minute: false, time.Hour: true, 119 * time.Minute: true, 2 * time.Hour: false} {
		if got := in.strike(FaultThrottle, occasion{elapsed: elapsed}) != nil; got != want {
			t.Errorf("after %s: %v", elapsed, got)
		}
	}
	if in.strike(FaultHTML, occasion{at: Scope{acct1, west}}) != nil || in.strike(FaultHTML, occasion{at: Scope{acct2, west}}) == nil {
		t.Error("account is not looked at")
	}
	if in.strike(FaultExpired, occasion{at: Scope{acct1, west}}) != nil || in.strike(FaultExpired, occasion{at: Scope{acct1, east}}) == nil {
		t.Error("Region is not looked at")
	}
}

func TestFaultFileErrors(t *testing.T) {
	for file, want := range map[string]string{
		"faults: [{kind: meteor}]":                `unknown kind "meteor"`,
		"faults: [{kind: html, rat: 1}]":          "field rat not found",
		"faults: [{kind: html, rate: 2}]":         "not between 0 and 1",
		"faults: [{kind: html, count: -1}]":       "must not be negative",
		"faults: [{kind: html, from: soon}]":      "time.Duration",
		"faults: [{kind: html, database: \"[\"}]": "syntax error in pattern",
		"fault: []": "field fault not found",
		"faults: [{kind: html, from: 1h, for: 2m}]": "",
		"": "",
	} {
		_, err := ParseFaults(strings.NewReader(file))
		switch {
		case want == "" && err != nil:
			t.Errorf("%q: %v", file, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: error %v, want %q", file, err, want)
		}
	}
}
