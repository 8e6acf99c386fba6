package fleet

import (
	"errors"
	"testing"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

func seenOf(deps []bluegreen.Deployment, ids ...string) *sight {
	var list []bluegreen.Instance
	for _, id := range ids {
		list = append(list, bluegreen.Instance{ID: id, Engine: "mysql", Version: "5.7.44"})
	}
	s := &sight{}
	s.index(list, deps)
	return s
}

func enlisted(s *sight) []string {
	var ids []string
	for _, i := range append(databases(s), s.renamed("test")...) {
		ids = append(ids, i.ID)
	}
	return ids
}

const dbARN = "arn:aws:rds:eu-west-1:111122223333:db:"

func TestWhoIsADatabase(t *testing.T) {
	tags := map[string]string{bluegreen.TagCampaign: "test", bluegreen.TagDatabase: "x"}
	dep := func(status, source, target string) []bluegreen.Deployment {
		return []bluegreen.Deployment{{Status: status, Source: dbARN + source, Target: dbARN + target, Tags: tags,
			Members: []bluegreen.Member{{Source: dbARN + source, Target: dbARN + target}}}}
	}
	for _, tc := range []struct {
		name string
		s    *sight
		want []string
	}{
		{"a green is none", seenOf(dep(bluegreen.Available, "x", "x-green-abc123"), "x", "x-green-abc123"), []string{"x"}},
		{"renamed, not completed", seenOf(dep(bluegreen.SwitchoverInProgress, "x-old1", "x"), "x", "x-old1"), []string{"x"}},
		{"between the renames", seenOf(dep(bluegreen.SwitchoverInProgress, "x-old1", "x-green-abc123"), "x-old1", "x-green-abc123"), []string{"x"}},
		{"the wrapper is being deleted", seenOf(dep(bluegreen.Deleting, "x-old1", "x"), "x", "x-old1"), []string{"x"}},
		{"an old blue is none", seenOf(nil, "x", "x-old1"), []string{"x"}},
		{"a name that only looks like one", seenOf(nil, "y-old1"), []string{"y-old1"}},
	} {
		got := enlisted(tc.s)
		if len(got) != len(tc.want) || got[0] != tc.want[0] {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

func TestUnreadableRegionExplainsMissingDatabases(t *testing.T) {
	scopes := []Scope{{Account: "1", Region: "a"}, {Account: "1", Region: "b"}}
	problems := func() plan.Problems {
		return plan.Problems{{Code: "unknown-database"}, {Code: "selects-nothing"}, {Code: "two-waves"}}
	}
	whole := map[string]*sight{"1/a": seenOf(nil), "1/b": seenOf(nil)}
	if got := known(problems(), scopes, whole); len(got) != 3 {
		t.Errorf("all read: %d problems, want 3", len(got))
	}
	part := map[string]*sight{"1/a": seenOf(nil), "1/b": {err: errors.New("down")}}
	if got := known(problems(), scopes, part); len(got) != 1 || got[0].Code != "two-waves" {
		t.Errorf("one Region down: %v", got)
	}
}

func TestUnreadDatabaseHoldsSwitchovers(t *testing.T) {
	waves := []plan.Wave{{Name: "w", BuildLimit: 9, SwitchLimit: 9, Approval: "auto", Budget: plan.Budget{Count: 9}}}
	in := scheduleInput{waves: waves, approved: []*bluegreen.Human{nil}, wavePaused: []*bluegreen.Human{nil}}
	ready := unit{key: "a", service: "s", state: bluegreen.State{Stage: bluegreen.Ready},
		step: bluegreen.Step{Queue: bluegreen.SwitchQueue, Actions: []bluegreen.Action{{Kind: bluegreen.Switchover}}}}
	soaked := unit{key: "b", state: bluegreen.State{Stage: bluegreen.Done}}
	if s := in.decide([]unit{ready, soaked}); len(s.act) != 1 {
		t.Fatalf("everything read: %d switchovers, want 1", len(s.act))
	}
	unread := unit{key: "c", unread: true, state: bluegreen.State{Stage: bluegreen.Unobservable}}
	s := in.decide([]unit{ready, soaked, unread})
	if len(s.act) != 0 || s.outcome != OutcomeRunning {
		t.Errorf("one unread: %d switchovers, outcome %s; want none, running", len(s.act), s.outcome)
	}
}
