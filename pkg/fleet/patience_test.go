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
