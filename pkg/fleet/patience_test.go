package fleet

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

// offers answers after some refusals.
type offers struct {
	refusals int
	code     bluegreen.Consequence
	calls    int
}

func (o *offers) EngineVersions(context.Context) ([]bluegreen.EngineVersion, error) {
	if o.calls++; o.calls <= o.refusals {
		return nil, &bluegreen.Fault{Code: "x", Consequence: o.code}
	}
	return []bluegreen.EngineVersion{{Version: "8.0.46"}}, nil
}
func (o *offers) MajorVersions(context.Context) ([]bluegreen.Lifecycle, error) { return nil, nil }
func (o *offers) Quotas(context.Context) ([]bluegreen.Quota, error)            { return nil, nil }
func (o *offers) Orderable(context.Context, string) ([]bluegreen.Orderable, error) {
	return nil, nil
}

type noGroups struct{}

func (noGroups) ParameterGroups(context.Context) ([]bluegreen.ParameterGroup, error) { return nil, nil }
func (noGroups) Parameters(context.Context, string, string) ([]bluegreen.Parameter, error) {
	return nil, nil
}
func (noGroups) DefaultParameters(context.Context, string) ([]bluegreen.Parameter, error) {
	return nil, nil
}
func (noGroups) OptionGroups(context.Context) ([]bluegreen.OptionGroup, error) { return nil, nil }

func TestPassingGapsAreReadAgain(t *testing.T) {
	for _, tc := range []struct {
		name  string
		o     offers
		calls int
		gaps  int
	}{
		{"throttled twice", offers{refusals: 2, code: bluegreen.Retry}, 3, 0},
		{"throttled for ever", offers{refusals: 99, code: bluegreen.Retry}, gapReads, 1},
		{"not implemented", offers{refusals: 99, code: bluegreen.Fix}, 1, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := New(Config{Plan: &plan.Plan{Run: plan.Run{Poll: 30 * time.Second}}})
				e.campaign = &campaign{}
				ref, err := e.readPatiently(t.Context(), Scope{Offers: &tc.o, Groups: noGroups{}}, &sight{})
				if err != nil {
					t.Fatal(err)
				}
				if tc.o.calls != tc.calls || len(ref.gaps) != tc.gaps {
					t.Errorf("%d calls, gaps %v; want %d calls, %d gaps", tc.o.calls, ref.gaps, tc.calls, tc.gaps)
				}
			})
		})
	}
}

// What throttling keeps away for longer than the start is read again in the
// course of the run, ever more seldom, and given up in the end; meanwhile
// nothing is decided from what is not whole.
func TestGapsCloseInTheCourseOfTheRun(t *testing.T) {
	for _, tc := range []struct {
		name    string
		o       offers
		ticks   int
		loading bool
		healed  bool
		most    int
	}{
		{"still throttled", offers{refusals: 99, code: bluegreen.Retry}, 10, true, false, gapReads + 5},
		{"it passes", offers{refusals: gapReads + 3, code: bluegreen.Retry}, 100, false, true, gapReads + 4},
		{"it lasts", offers{refusals: 999, code: bluegreen.Retry}, 1000, false, false, gapReads + gapTries},
		{"it is refused", offers{refusals: 999, code: bluegreen.Fix}, 100, false, false, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sc := Scope{Account: "1", Region: "r", Offers: &tc.o, Groups: noGroups{}}
				e := New(Config{Plan: &plan.Plan{Run: plan.Run{Poll: 30 * time.Second}}, Scopes: []Scope{sc}})
				e.campaign = &campaign{}
				e.seen = map[string]*sight{sc.Key(): {}}
				ref, err := e.readPatiently(t.Context(), sc, e.seen[sc.Key()])
				if err != nil {
					t.Fatal(err)
				}
				e.refs[sc.Key()] = ref
				e.resolver.cache[sc.Key()+"/db"] = resolvedAt{}
				for range tc.ticks {
					if err := e.refresh(t.Context()); err != nil {
						t.Fatal(err)
					}
					time.Sleep(e.cfg.Plan.Run.Poll)
				}
				if got := ref.loading() != ""; got != tc.loading {
					t.Errorf("loading %v: %q", got, ref.loading())
				}
				if _, kept := e.resolver.cache[sc.Key()+"/db"]; kept != (!tc.healed && tc.name != "it lasts") {
					t.Errorf("what was worked out before is kept: %v", kept)
				}
				if got := len(ref.versions) > 0 && ref.versions[0].Version == "8.0.46" && !ref.builtin; got != tc.healed {
					t.Errorf("versions are RDS's: %v", got)
				}
				if tc.o.calls > tc.most {
					t.Errorf("%d calls, at most %d wanted", tc.o.calls, tc.most)
				}
			})
		})
	}
}
