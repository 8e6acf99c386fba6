package plan

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const rolloutPlan = `version: 1
name: test
deadline: 2099-01-31
accounts: [{id: "111122223333", regions: [eu-west-1]}]
target: {engine_version: "8.0"}
RUN
waves:
  - {name: all, select: {globs: ["*"]}, WAVE}
`

func rollout(run, wave string) (*Plan, Problems) {
	return Decode("/plans/p.yaml", []byte(strings.NewReplacer("RUN", run, "WAVE", wave).Replace(rolloutPlan)))
}

func TestRolloutKeys(t *testing.T) {
	p, problems := rollout(`run: {max_green_age: 7d, max_green_cost: 250.5, builds: {account: 9, region: 5, service: 2}, switches: {account: 3, region: 1},
  error_budget: 5, build_error_budget: 10%, switch_error_budget: 2}
freeze: {command: ["./frozen", "x", "x"], every: 30s}`, `batches: [1, 5, 20%], build_error_budget: 3, switch_error_budget: 1`)
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	r := p.Run
	want := Run{Poll: r.Poll, StableReads: r.StableReads, APIRate: r.APIRate, BuildAhead: true, MaxGreenAge: 7 * day, MaxGreenCost: 250.5,
		Builds: Scoped{9, 5, 2}, Switches: Scoped{Account: 3, Region: 1}, Budget: &Budget{Count: 5},
		BuildBudget: &Budget{Percent: 10, IsPercent: true}, SwitchBudget: &Budget{Count: 2}}
	if d := cmp.Diff(want, r); d != "" {
		t.Errorf("run (-want +got):\n%s", d)
	}
	if d := cmp.Diff(Freeze{Command: []string{"./frozen", "x", "x"}, Every: 30 * time.Second, Timeout: 10 * time.Second}, p.Freeze); d != "" {
		t.Errorf("freeze (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]Batch{{Count: 1}, {Count: 5}, {Percent: 20, IsPercent: true}}, p.Waves[0].BatchSizes); d != "" {
		t.Errorf("batches (-want +got):\n%s", d)
	}
}

func TestRolloutMistakes(t *testing.T) {
	for _, c := range []struct{ run, wave, code string }{
		{"freeze: {every: 1m}", "soak: 1h", "needs-key"},
		{"freeze: {file: a, url: 'https://x.example'}", "soak: 1h", "needs-key"},
		{"freeze: {url: 'ftp://x'}", "soak: 1h", "bad-url"},
		{"freeze: {url: 'https://me:secret@x.example'}", "soak: 1h", codeSecret},
		{"run: {switches: {service: 2}}", "soak: 1h", "unknown-key"},
		{"run: {error_budget: 0}", "soak: 1h", "out-of-range"},
		{"run: {poll: 30s}", "batches: [1, 0]", "out-of-range"},
		{"run: {poll: 30s}", "batches: [all]", "bad-budget"},
		{"run: {poll: 30s}", "switch_error_budget: 101%", "out-of-range"},
	} {
		_, problems := rollout(c.run, c.wave)
		found := false
		for _, p := range problems {
			found = found || p.Code == c.code
			if strings.Contains(p.Error(), "secret@") {
				t.Errorf("the password is shown: %s", p.Error())
			}
		}
		if !found {
			t.Errorf("%s %s: want %s, got %v", c.run, c.wave, c.code, problems)
		}
	}
}

func TestBatchesAllow(t *testing.T) {
	w := Wave{BatchSizes: []Batch{{Count: 1}, {Count: 5}, {Percent: 20, IsPercent: true}}}
	for _, c := range []struct{ total, finished, want int }{
		{50, 0, 1}, {50, 1, 6}, {50, 5, 6}, {50, 6, 16}, {50, 15, 16}, {50, 16, 26}, {50, 46, 56}, {3, 1, 6}, {1, 0, 1}, {0, 0, 0},
	} {
		if got := w.Allowed(c.total, c.finished); got != c.want {
			t.Errorf("of %d with %d finished: %d allowed, want %d", c.total, c.finished, got, c.want)
		}
	}
	if got := (Wave{}).Allowed(7, 0); got != 7 {
		t.Errorf("without batches %d of 7", got)
	}
}
