package plan

import (
	"fmt"
	"math"
	"strconv"
)

// Stops is how many failures of a wave of total databases stop it, at least 1.
// A percentage is rounded up: 10% of 25 are 3.
func (b Budget) Stops(total int) int {
	n := b.Count
	if b.IsPercent {
		// Rounded to millionths first: 7% of 100 must be 7, whatever binary
		// fractions make of 0.07.
		n = int(math.Ceil(math.Round(b.Percent*float64(total)*1e4) / 1e6))
	}
	return max(n, 1)
}

// Exhausted tells whether failed of total databases stop the wave.
func (b Budget) Exhausted(failed, total int) bool { return failed >= b.Stops(total) }

// String is the budget as the file has it: "2" or "10%".
func (b Budget) String() string {
	if b.IsPercent {
		return strconv.FormatFloat(b.Percent, 'f', -1, 64) + "%"
	}
	return strconv.Itoa(b.Count)
}

// Text is the budget's state for a person.
func (b Budget) Text(failed, total int) string {
	stops := b.Stops(total)
	s := fmt.Sprintf("%d of %d failed, the wave stops at %d", failed, total, stops)
	if b.IsPercent {
		s += fmt.Sprintf(" (%s of %d)", b, total)
	}
	if failed >= stops {
		s = fmt.Sprintf("error budget exhausted: %d of %d failed, the budget is %s", failed, total, b)
	}
	return s
}
