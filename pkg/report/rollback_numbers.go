package report

import (
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
)

// storyNumbers is a story in the numbers that a table wants.
type storyNumbers struct{ fleet.Story }

func (s storyNumbers) notPassed() int {
	n := 0
	for _, g := range s.Gates {
		if g.Verdict != bluegreen.GatePass {
			n++
		}
	}
	return n
}

// alarmOpen is the cause of an alarm that goes on, "" when none does.
func (s storyNumbers) alarmOpen() string {
	if n := len(s.Alarms); n > 0 && s.Alarms[n-1].Mended == nil {
		return or(s.Alarms[n-1].Cause, string(s.Alarms[n-1].State))
	}
	return ""
}

func (s storyNumbers) unclearOpen() int {
	n := 0
	for _, u := range s.Unclear {
		if u.Settled == nil {
			n++
		}
	}
	return n
}

// downtimeSeconds is "" where it was not measured: a zero would be a claim.
func (r rollbackRow) downtimeSeconds() any {
	if r.Downtime == nil {
		return ""
	}
	return cents(r.Downtime.Writes)
}

func (r rollbackRow) wentBackAt() string {
	if g := r.GoBack; g != nil && g.State == "done" && len(g.Steps) > 0 {
		return g.Steps[len(g.Steps)-1].At.UTC().Format(time.RFC3339)
	}
	return ""
}

func (r rollbackRow) wentBackBy() string {
	if r.GoBack == nil {
		return ""
	}
	return r.GoBack.By
}

func (r rollbackRow) lost() string {
	if r.GoBack == nil || r.GoBack.Lost == nil {
		return ""
	}
	return r.GoBack.Lost.Text
}

func (r rollbackRow) drill() string {
	switch {
	case r.GoBack == nil || r.GoBack.LastDrill == nil:
		return ""
	case r.GoBack.LastDrill.Passed:
		return "passed"
	}
	return "did not pass"
}

// leftNumbers are the servers that a database's upgrade left behind.
type leftNumbers struct {
	names      []string
	day, soFar any // "" where there is none or no price
	until      *time.Time
}

func (r rollbackRow) left() leftNumbers {
	out := leftNumbers{day: "", soFar: ""}
	var day, sum float64
	priced, summed := true, true
	for _, l := range r.Leftovers {
		if l.PerDay != nil {
			out.names = append(out.names, l.Instance)
			day, priced = day+l.PerDay.USD, priced && l.PerDay.Known
			if until := l.KeepUntil; !until.IsZero() && (out.until == nil || until.After(*out.until)) {
				out.until = &until
			}
		}
		if l.SoFar != nil {
			sum, summed = sum+l.SoFar.USD, summed && l.SoFar.Known
		}
	}
	if len(out.names) > 0 && priced {
		out.day = cents(day)
	}
	if sum > 0 && summed {
		out.soFar = cents(sum)
	}
	return out
}
