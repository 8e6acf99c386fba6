package enginetest

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

// asks is the plan with a second wave that needs approval.
func asks(change ...string) string {
	return planOf(append([]string{`error_budget: 20%, soak: 10m, approval: auto`, `error_budget: 20%, soak: 10m, approval: manual`}, change...)...)
}

func (l *lab) wave(name string) fleet.WaveStatus {
	l.t.Helper()
	for _, w := range l.last.Waves {
		if w.Name == name {
			return w
		}
	}
	l.t.Fatalf("no wave %s", name)
	return fleet.WaveStatus{}
}

func (l *lab) approve(fingerprint string) {
	l.t.Helper()
	store, err := fleet.OpenStore(l.dir, fleet.Holder("test"), journal.Options{NoSync: true})
	if err != nil {
		l.t.Fatal(err)
	}
	defer store.Close()
	if err := store.Say(journal.Request{Verb: "approve", Wave: "rest", By: "anna", At: time.Now(), Fingerprint: fingerprint}); err != nil {
		l.t.Fatal(err)
	}
}

// replan reads the plan anew with something changed, as the next run would.
func (l *lab) replan(text string) {
	l.t.Helper()
	p, problems := plan.Decode("test.yaml", []byte(text))
	if problems.Err() != nil {
		l.t.Fatal(problems)
	}
	l.plan = p
}

// TestApprovalIsForAContent: what changes after an approval is asked for
// again, with the reason; what the campaign itself does is no change.
func TestApprovalIsForAContent(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(l *lab)
		why    string // "": the approval still holds
	}{
		{"nothing", func(*lab) {}, ""},
		{"another soak", func(l *lab) { l.replan(asks("soak: 10m", "soak: 20m")) }, ""},
		{"another version", func(l *lab) { l.replan(asks(`"8.0"`, `"8.4"`)) }, "route was 8.0.46, is 8.0.46 > 8.4"},
		{"another class", func(l *lab) { l.replan(asks("instance_class: graviton", "instance_class: keep")) }, "class was db.m7g.large, is db.m5.large"},
		{"another storage", func(l *lab) { l.replan(asks("storage: {type: gp3}", "storage: keep")) }, "storage was gp3"},
		{"a member more", func(l *lab) {
			l.ask("AddTagsToResource", "ResourceName", "arn:aws:rds:eu-west-1:111122223333:db:db-0005", "Tags.Tag.1.Key", "env", "Tags.Tag.1.Value", "prod")
		}, "db-0005 was not in the wave"},
		{"a member less", func(l *lab) {
			l.replan(asks("select: {tags: {env: prod}}", "select: {tags: {env: prod}}, exclude: {ids: [db-0004]}"))
		}, "db-0004 is not in the wave any more"},
		{"its group was changed", func(l *lab) {
			l.ask("ModifyDBParameterGroup", "DBParameterGroupName", "app57", "Parameters.Parameter.1.ParameterName", "max_connections",
				"Parameters.Parameter.1.ParameterValue", "900", "Parameters.Parameter.1.ApplyMethod", "immediate")
		}, "parameter group was"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				more := "parameter_groups: [{name: app57, family: mysql5.7, parameters: {max_connections: \"500\"}}]\n"
				text := strings.Replace(fleetOf(6, more), "env: prod}}\n  - {id: db-0004", "env: prod}, parameter_group: app57}\n  - {id: db-0004", 1)
				text = strings.Replace(text, "id: db-0005, account: \"111122223333\", region: eu-west-1, tags: {service: svc-0, env: prod}", "id: db-0005, account: \"111122223333\", region: eu-west-1, tags: {service: svc-0, env: other}", 1)
				l := newLab(t, text, asks(), "")
				l.run()
				if w := l.wave("rest"); w.State != "awaiting-approval" || len(w.Fingerprint) != 12 {
					t.Fatalf("before the approval: %+v", w)
				}
				// The approval is tied to what a run sees: one that is stopped at once.
				l.approve("")
				e, _, done := l.open(nil, nil)
				soft, stop := context.WithCancel(t.Context())
				stop()
				_, _ = e.Run(t.Context(), soft)
				done()
				tc.change(l)
				l.run()
				w := l.wave("rest")
				if tc.why == "" {
					l.expect("db-0004", "done")
					if w.ApprovedFor == "" {
						t.Errorf("what was approved is not told: %+v", w)
					}
					return
				}
				if w.State != "awaiting-approval" || !strings.Contains(w.Reason, tc.why) || !strings.Contains(w.Reason, "anna") {
					t.Errorf("the wave is %s: %s", w.State, w.Reason)
				}
				if n := len(l.calls("SwitchoverBlueGreenDeployment", "BlueGreenDeploymentIdentifier")); n != 3 && tc.name != "another version" {
					t.Errorf("%d switchovers, only the first wave's 3 were allowed", n)
				}
				if !strings.Contains(l.journalText(), "does not hold any more") {
					t.Error("the journal does not say that the approval was lost")
				}
				l.approve("")
				l.run()
				l.expect("db-0003", "done")
			})
		})
	}
}

func (l *lab) journalText() string {
	l.t.Helper()
	b, err := os.ReadFile(journalPath(l.dir))
	if err != nil {
		l.t.Fatal(err)
	}
	return string(b)
}

// TestApprovalForAFingerprint: an approver who names what was seen is held to it.
func TestApprovalForAFingerprint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, fleetOf(5, ""), asks(), "")
		l.run()
		seen := l.wave("rest").Fingerprint
		l.approve("abcdef")
		l.run()
		if w := l.wave("rest"); w.State != "awaiting-approval" || !strings.Contains(w.Reason, "abcdef") || w.Fingerprint != seen {
			t.Errorf("another fingerprint: %+v", w)
		}
		l.approve(strings.ToUpper(seen[:8]))
		l.run()
		l.expectOutcome(fleet.OutcomeDone)
		if w := l.wave("rest"); w.ApprovedBy != "anna" {
			t.Errorf("approved by %q", w.ApprovedBy)
		}
	})
}

// TestApprovalOfOldJournal: an approval that was written before approvals had a
// content holds for what the next run finds.
func TestApprovalOfOldJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, fleetOf(5, ""), asks(`"8.0"`, `"8.4"`), "")
		l.run()
		l.say("approve", "", "rest")
		l.run()
		l.expectOutcome(fleet.OutcomeDone)
		if d := l.expect("db-0004", "done"); !strings.HasPrefix(d.EngineVersion, "8.4") {
			t.Errorf("after both hops: %s", d.EngineVersion)
		}
		for _, line := range strings.Split(l.journalText(), "\n") {
			var e journal.Entry
			if json.Unmarshal([]byte(line), &e) == nil && strings.Contains(e.What, "does not hold") {
				t.Errorf("the campaign's own hops count as a change: %s", e.What)
			}
		}
	})
}
