package plantest

import (
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/awsrds"
	"github.com/rdsupgrade/rdsupgrade/internal/rdssim"
	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
)

const refusalPlan = `version: 1
name: refusals
deadline: 2027-01-31
accounts:
  - {id: "111122223333", regions: [eu-west-1]}
  - {id: "222233334444", regions: [eu-west-1]}
  - {id: "333344445555", regions: [eu-west-1]}
  - {id: "444455556666", regions: [eu-west-1]}
target: {engine_version: "8.0", storage: {type: gp3}, instance_class: graviton, parameter_group: translate}
connection: {auth: env, user: u, password_env: NONE, tls: off}
run: {api_rate: 100}
waves:
  - {name: all, select: {engine_versions: ["5.7"]}, limits: {build: 100, switch: 100}, soak: 1m, approval: auto}
`

// predictions is the table: what plan says of each database of
// testdata/refusals.yaml, by issue, and the code that AWS answers with.
// Databases that are not listed must be buildable.
var predictions = map[string]struct{ issue, code string }{
	"backups-off":      {"backups-off", "InvalidDBInstanceState"},
	"busy":             {"instance-not-available", "InvalidDBInstanceState"},
	"pending":          {"pending-modifications", "InvalidDBInstanceState"},
	"out-of-sync":      {"parameter-group-pending-reboot", "InvalidDBInstanceState"},
	"managed-password": {"managed-master-password", "SourceDatabaseNotSupportedFault"},
	"options-events":   {"event-scheduler-on", "InvalidParameterCombination"},
	"cascading":        {"cascading-replica", "SourceDatabaseNotSupportedFault"},
	"cross-region":     {"cross-region-replica", "SourceDatabaseNotSupportedFault"},
	"external":         {"external-replication", "SourceDatabaseNotSupportedFault"},
	"old-replica":      {"replica-class-at-create", "InvalidParameterCombination"},
	"mixed-logs":       {"dlv-mixed", "SourceDatabaseNotSupportedFault"},
	"a2345678901234567890123456789012345678901234567890123456789": {"name-too-long-for-old", "InvalidParameterValue"},
	"name-taken":      {"deployment-name-taken", "BlueGreenDeploymentAlreadyExistsFault"},
	"strangers":       {"deployment-of-a-stranger", "SourceDatabaseNotSupportedFault"},
	"quota-instances": {"quota-dbinstances", "InstanceQuotaExceeded"},
	"quota-storage":   {"quota-allocatedstorage", "StorageQuotaExceeded"},
}

// unsure are predictions that AWS's own pages contradict: plan warns with the
// code, and the model answers both ways, by account.
var unsure = map[string]struct{ issue, code, outcome string }{
	"old-proxy":  {"rds-proxy", "SourceDatabaseNotSupportedFault", "SourceDatabaseNotSupportedFault"},
	"fine-proxy": {"rds-proxy", "SourceDatabaseNotSupportedFault", ""},
	// Version and Graviton class in one call: no issue, but a note; the engine falls back.
	"slow-learner": {"", "", "InvalidParameterCombination"},
}

// aside are no databases of their own: plan leaves them out and says why.
var aside = map[string]string{"clustered": "SourceDatabaseNotSupportedFault", "cascading-r1": "SourceDatabaseNotSupportedFault"}

// later are refused after the create: plan says so with the code of that call.
var later = map[string]struct{ issue, code string }{
	"zero-etl":  {"zero-etl", "InvalidBlueGreenDeploymentStateFault"},
	"protected": {"deletion-protection", "InvalidBlueGreenDeploymentStateFault"},
}

func refusalWorld(t *testing.T) *world {
	t.Helper()
	text, err := os.ReadFile("testdata/refusals.yaml")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, string(text), refusalPlan)
	w.prepare()
	return w
}

// prepare makes what a fleet file cannot say: deployments of strangers, and a
// replica without its primary's log volume.
func (w *world) prepare() {
	w.t.Helper()
	c := w.client("111122223333", "eu-west-1")
	for id, name := range map[string]string{"strangers": "somebody-else", "fine-old-class": bluegreen.DeploymentName("refusals", "name-taken", "8.0.46")} {
		class := ""
		if id == "fine-old-class" {
			class = "db.m5.large"
		}
		if _, err := c.Do(w.t.Context(), bluegreen.Action{Kind: bluegreen.CreateDeployment,
			Create: &bluegreen.CreateSpec{Name: name, SourceARN: "arn:aws:rds:eu-west-1:111122223333:db:" + id, Class: class}}); err != nil {
			w.t.Fatalf("create %s: %v", name, err)
		}
	}
	w.raw("ModifyDBInstance", "DBInstanceIdentifier", "mixed-logs-r1", "DedicatedLogVolume", "false", "ApplyImmediately", "true")
	w.pass(20 * time.Minute)
}

// pass lets virtual time pass.
func (w *world) pass(d time.Duration) {
	timer := time.NewTimer(d)
	<-timer.C
}

func TestPredictionsAreOutcomes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := refusalWorld(t)
		pv := w.preview(fleet.PreviewOptions{Ask: true})
		if len(pv.Gaps) > 0 {
			t.Errorf("gaps: %v", pv.Gaps)
		}
		var table []string
		seen := map[string]bool{}
		for _, d := range pv.Plans {
			if d.ID == "fine-old-class" {
				continue // lends its name to name-taken
			}
			seen[d.ID] = true
			predicted, issue := firstBlock(d)
			outcome := codeOf(w.tryCreate(d))
			if outcome != "" && predicted == "" || predicted != "" && predicted != outcome {
				if u, ok := unsure[d.ID]; !ok || u.outcome != outcome {
					t.Errorf("%s: plan predicts %q (%s), the outcome is %q", d.ID, predicted, issue, outcome)
				}
			}
			table = append(table, fmt.Sprintf("%-24.24s %-30s %-38s %s", d.ID, issue, predicted, outcome))
			if p, ok := predictions[d.ID]; ok {
				if issue != p.issue || predicted != p.code {
					t.Errorf("%s: plan says %s %s, want %s %s", d.ID, issue, predicted, p.issue, p.code)
				}
			} else if d.Blocked() {
				t.Errorf("%s is blocked by %s", d.ID, issue)
			}
			if u, ok := unsure[d.ID]; ok && u.issue != "" {
				if i := issueOf(d, u.issue); i == nil || i.Code != u.code || i.Severity != bluegreen.SeverityWarn {
					t.Errorf("%s: warning %s is %+v", d.ID, u.issue, i)
				}
			}
		}
		for _, x := range pv.Aside {
			want, ok := aside[x.ID]
			if !ok {
				continue
			}
			seen[x.ID] = true
			_, err := w.client(x.Account, x.Region).Do(t.Context(), bluegreen.Action{Kind: bluegreen.CreateDeployment,
				Create: &bluegreen.CreateSpec{Name: "aside-" + x.ID, SourceARN: "arn:aws:rds:" + x.Region + ":" + x.Account + ":db:" + x.ID}})
			if outcome := codeOf(err); x.Code != want || outcome != want {
				t.Errorf("%s is aside with %q, the outcome is %q, want %q", x.ID, x.Code, outcome, want)
			}
			table = append(table, fmt.Sprintf("%-24.24s %-30s %-38s %s", x.ID, "aside", x.Code, codeOf(err)))
		}
		for id := range aside {
			if !seen[id] {
				t.Errorf("%s is not aside", id)
			}
		}
		for id := range predictions {
			if !seen[id] {
				t.Errorf("%s is not in the fleet", id)
			}
		}
		t.Log("\n" + strings.Join(table, "\n"))
	})
}

// firstBlock is the code of the first blocker, and its id.
func firstBlock(d fleet.DatabasePlan) (code, id string) {
	for _, i := range d.Issues {
		if i.Severity == bluegreen.SeverityBlock {
			return i.Code, i.ID
		}
	}
	return "", ""
}

func issueOf(d fleet.DatabasePlan, id string) *bluegreen.Issue {
	for i := range d.Issues {
		if d.Issues[i].ID == id {
			return &d.Issues[i]
		}
	}
	return nil
}

// tryCreate makes the very calls that the plan would make, although it says no.
func (w *world) tryCreate(d fleet.DatabasePlan) error {
	w.t.Helper()
	c := w.client(d.Account, d.Region)
	list, err := c.Instances(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, blue := range list {
		if blue.ID != d.ID {
			continue
		}
		if d.Group != nil && len(d.Group.Set) > 0 {
			w.makeGroup(c, bluegreen.ParameterSpec{Name: d.Target.ParameterGroup, Family: d.Target.Family, Parameters: d.Group.Set})
		}
		hop := bluegreen.Hop{From: blue.Version, To: d.Target.Version, Family: d.Target.Family}
		spec := d.Target.DeploymentSpec(bluegreen.DeploymentName("refusals", d.ID, hop.To), blue, hop,
			map[string]string{bluegreen.TagCampaign: "refusals", bluegreen.TagDatabase: d.ID})
		_, err := c.Do(w.t.Context(), bluegreen.Action{Kind: bluegreen.CreateDeployment, Create: &spec})
		return err
	}
	w.t.Fatalf("no instance %s", d.ID)
	return nil
}

func (w *world) makeGroup(c *awsrds.Client, spec bluegreen.ParameterSpec) {
	for _, a := range bluegreen.GroupActions(spec) {
		if _, err := c.Do(w.t.Context(), a); err != nil {
			w.t.Fatalf("%s: %v", a, err)
		}
	}
}

func TestPredictionsOfLaterCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := refusalWorld(t)
		pv := w.preview(fleet.PreviewOptions{Ask: true})
		c := w.client("111122223333", "eu-west-1")
		for id, want := range later {
			d := planOf(pv, id)
			if i := issueOf(*d, want.issue); d.Blocked() || i == nil || i.Code != want.code {
				t.Errorf("%s: blocked %v, issue %s is %+v", id, d.Blocked(), want.issue, i)
			}
			if err := w.tryCreate(*d); err != nil {
				t.Fatalf("%s: %v", id, err)
			}
		}
		w.pass(12 * time.Hour)
		deployments, err := c.Deployments(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range deployments {
			var err error
			switch bluegreen.IDFromARN(d.Source) {
			case "zero-etl":
				_, err = c.Do(t.Context(), bluegreen.Action{Kind: bluegreen.Switchover, Deployment: d.ID, Timeout: 5 * time.Minute})
			case "protected":
				_, err = c.Do(t.Context(), bluegreen.Action{Kind: bluegreen.DeleteDeployment, Deployment: d.ID, DeleteTarget: true})
			default:
				continue
			}
			if want := later[bluegreen.IDFromARN(d.Source)].code; codeOf(err) != want {
				t.Errorf("%s: outcome %v, want %s", d.Source, err, want)
			}
		}
	})
}

// TestProxyDownIsForeseen: the guardrail has no fault code; RDS cancels the
// switchover, and plan warned.
func TestProxyDownIsForeseen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := refusalWorld(t)
		d := planOf(w.preview(fleet.PreviewOptions{}), "proxy-down")
		if i := issueOf(*d, "rds-proxy-unreachable"); i == nil || !strings.Contains(i.Evidence, "back") {
			t.Errorf("no warning: %+v", d.Issues)
		}
		if err := w.tryCreate(*d); err != nil {
			t.Fatal(err)
		}
		w.pass(12 * time.Hour)
		c := w.client("111122223333", "eu-west-1")
		dep, found, err := c.Deployment(t.Context(), bluegreen.DeploymentName("refusals", "proxy-down", "8.0.46"))
		if err != nil || !found {
			t.Fatal(found, err)
		}
		if _, err := c.Do(t.Context(), bluegreen.Action{Kind: bluegreen.Switchover, Deployment: dep.ID, Timeout: 5 * time.Minute}); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Hour)
		events, err := c.Events(t.Context(), time.Now().Add(-2*time.Hour), "blue-green-deployment", dep.ID)
		if err != nil || !strings.Contains(fmt.Sprint(events), "proxy back") {
			t.Errorf("events %v, %v", events, err)
		}
	})
}

// TestTargetRefusals: what the plan itself asks for in vain.
func TestTargetRefusals(t *testing.T) {
	const groups = `
parameter_groups:
  - {name: target84, family: mysql8.4}
  - {name: events80, family: mysql8.0, parameters: {event_scheduler: "ON"}}
  - {name: lower80, family: mysql8.0, parameters: {lower_case_table_names: "1", event_scheduler: "OFF"}}
`
	for _, tc := range []struct{ name, from, to, issue, code string }{
		{"group of another family", "parameter_group: translate", "parameter_group: target84", "target-group-family", "InvalidParameterCombination"},
		{"no such group", "parameter_group: translate", "parameter_group: nowhere", "target-group-missing", "DBParameterGroupNotFound"},
		{"event scheduler on", "parameter_group: translate", "parameter_group: events80", "event-scheduler-on", "InvalidParameterCombination"},
		{"case of table names", "parameter_group: translate", "parameter_group: lower80", "lower-case-table-names", "SourceDatabaseNotSupportedFault"},
		{"unknown class", "instance_class: graviton", "instance_class: {db.m5.large: db.z9.huge}", "class-not-orderable", "InvalidParameterValue"},
		{"class not for the version", "instance_class: graviton", "instance_class: {db.m5.large: db.m4.large}", "class-not-orderable", "InvalidParameterCombination"},
		{"unknown version", `engine_version: "8.0"`, `engine_version: "8.0.99"`, "no-route", "InvalidParameterCombination"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				text := "mysql: {user: u, password: p}\naccounts: [{id: \"111122223333\", regions: [eu-west-1]}]\n" + groups +
					"databases: [{id: one, account: \"111122223333\", region: eu-west-1, engine_version: 5.7.44, class: db.m5.large, storage_type: gp2, allocated_storage: 100, backup_retention: 1}]\n"
				p := strings.Replace(refusalPlan, tc.from, tc.to, 1)
				p = strings.NewReplacer("  - {id: \"222233334444\", regions: [eu-west-1]}\n", "", "  - {id: \"333344445555\", regions: [eu-west-1]}\n", "", "  - {id: \"444455556666\", regions: [eu-west-1]}\n", "").Replace(p)
				w := newWorld(t, text, p)
				d := planOf(w.preview(fleet.PreviewOptions{}), "one")
				if code, issue := firstBlock(*d); issue != tc.issue || code != tc.code {
					t.Errorf("plan says %s %s, want %s %s", issue, code, tc.issue, tc.code)
				}
				if d.Target == nil {
					d.Target = &bluegreen.Target{Version: "8.0.99"}
				}
				if got := codeOf(w.tryCreate(*d)); got != tc.code {
					t.Errorf("the outcome is %q, want %q", got, tc.code)
				}
			})
		})
	}
}

// raw makes a call that no action of ours makes.
func (w *world) raw(action string, params ...string) {
	w.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	if _, err := w.sim.Ask(rdssim.Scope{Account: "111122223333", Region: "eu-west-1"}, action, form); err != nil {
		w.t.Fatalf("%s: %v", action, err)
	}
}
