package report

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// minute is how reports write a moment, always UTC.
const minute = "2006-01-02 15:04"

func stamp(t time.Time) string { return t.UTC().Format(minute) }

func date(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}

// plural is "1 database", "2 databases".
func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// verb picks the verb for a count.
func verb(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// or is the first non-empty string.
func or(list ...string) string { return cmp.Or(list...) }

// money writes an estimate in dollars; an unknown part makes it "at least".
func money(e bluegreen.Estimate) string {
	switch {
	case e.Known:
		return dollars(e.USD)
	case e.USD > 0:
		return "at least " + dollars(e.USD)
	}
	return "not known"
}

// Money is an estimate as reports write it.
func Money(e bluegreen.Estimate) string { return money(e) }

// dollars writes cents below 100 dollars and whole, grouped dollars above.
func dollars(usd float64) string {
	if math.Abs(usd) < 100 {
		return "$" + strconv.FormatFloat(usd, 'f', 2, 64)
	}
	digits := strconv.FormatFloat(math.Round(usd), 'f', 0, 64)
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + "$" + digits
}

// cents rounds an amount for JSON and CSV.
func cents(usd float64) float64 { return math.Round(usd*100) / 100 }

// daysBetween counts midnights (UTC) from a to b.
func daysBetween(a, b time.Time) int {
	day := func(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }
	return int(day(b).Sub(day(a)).Hours() / 24)
}

// phaseWords says a support phase to someone who does not know AWS's terms.
func phaseWords(s bluegreen.SupportState) string {
	switch s.Phase {
	case bluegreen.PhaseStandard:
		return "standard support"
	case bluegreen.PhaseExtendedYr12:
		return "paid Extended Support, year 1-2 rate"
	case bluegreen.PhaseExtendedYr3:
		return "paid Extended Support, year 3 rate"
	case bluegreen.PhaseEnded:
		return "support has ended"
	}
	return "support dates not known"
}

// phaseShort is phaseWords for a table cell; the calendar has the full words.
func phaseShort(s bluegreen.SupportState) string {
	switch s.Phase {
	case bluegreen.PhaseStandard:
		return "standard"
	case bluegreen.PhaseExtendedYr12:
		return "paid, year 1-2"
	case bluegreen.PhaseExtendedYr3:
		return "paid, year 3"
	case bluegreen.PhaseEnded:
		return "ended"
	}
	return "not known"
}

func phaseTone(p bluegreen.Phase) tone {
	switch p {
	case bluegreen.PhaseStandard:
		return toneGood
	case bluegreen.PhaseExtendedYr12:
		return toneWarn
	}
	return toneBad
}

// stageTone colours a stage.
func stageTone(stage string, onTarget, ambiguous bool) tone {
	switch bluegreen.Stage(stage) {
	case bluegreen.Blocked, bluegreen.Failed, bluegreen.Unobservable:
		return toneBad
	case bluegreen.Held, bluegreen.RollingBack, bluegreen.RolledBack:
		return toneWarn
	case bluegreen.Pending, bluegreen.Checked, "":
		return toneMute
	case bluegreen.Done, bluegreen.Cleaned:
		return toneGood
	case bluegreen.Skipped:
		if onTarget {
			return toneGood
		}
		return toneMute
	}
	if ambiguous {
		return toneBad
	}
	return toneBusy
}
