package report

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
)

// TestOverridesAreInEveryReport: with who, until when and why, over or not.
func TestOverridesAreInEveryReport(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	word := func(gate, why string, until time.Time) []bluegreen.Override {
		return []bluegreen.Override{{Gate: gate, By: "anna", Why: why, At: now.Add(-2 * time.Hour), Until: until}}
	}
	st := fleet.Status{Campaign: "c", At: now,
		Waves:     []fleet.WaveStatus{{Name: "rest", Overrides: word("hook calendar", "CHG-7", now.Add(time.Hour))}},
		Databases: []fleet.DatabaseStatus{{ID: "orders", Wave: "rest", Stage: "done", Overrides: word("parity of blue and green", "a view <b>of</b> old", now.Add(-time.Hour))}}}
	for _, kind := range []Kind{Compliance, Rollback} {
		for _, format := range []Format{"html", "md", "json"} {
			var b bytes.Buffer
			if err := Write(&b, kind, format, Input{Status: st, Now: now, Prices: bluegreen.BuiltinPrices()}); err != nil {
				t.Fatal(err)
			}
			text := b.String()
			for _, want := range []string{"hook calendar", "CHG-7", "anna", "parity of blue and green", "wave rest"} {
				if !strings.Contains(text, want) {
					t.Errorf("%s %s does not tell of %q", kind, format, want)
				}
			}
			if format == "html" && strings.Contains(text, "<b>of</b>") {
				t.Errorf("%s: a reason is taken for HTML", kind)
			}
		}
	}
	if got := overridesOf(st, now); len(got) != 2 || got[0].Over || !got[1].Over {
		t.Errorf("%+v", got)
	}
}
