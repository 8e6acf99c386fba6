package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
)

// second is how a story writes a moment in which seconds matter.
const second = "2006-01-02 15:04:05"

func stampSecond(t time.Time) string { return t.UTC().Format(second) }

// chapters tell a database's story to someone who was not there, in the order
// in which it happened. A chapter without anything to tell is left out.
func (r rollbackRow) chapters() []chapter {
	var out []chapter
	for _, c := range []chapter{r.gatesChapter(), r.switchChapter(), r.wayChapter(), r.backChapter(), r.drillChapter(), r.unclearChapter(), r.leftChapter()} {
		if len(c.Text)+len(c.Facts)+len(c.Events) > 0 {
			out = append(out, c)
		}
	}
	return out
}

func (r rollbackRow) told() fleet.Story {
	if r.Story == nil {
		return fleet.Story{}
	}
	return *r.Story
}

func (r rollbackRow) gatesChapter() chapter {
	s := r.told()
	c := chapter{Title: "What was asked before the switchover"}
	if len(s.Gates) == 0 {
		return c
	}
	var no []string
	for _, g := range s.Gates {
		if g.Verdict != bluegreen.GatePass {
			no = append(no, g.Name)
		}
		c.Events = append(c.Events, event{stampSecond(g.At), string(g.Verdict) + ": " + g.Name + ": " + strings.Join(g.Evidence, "; "), ""})
	}
	verdict := "all passed"
	if len(no) > 0 {
		verdict = "no pass from " + strings.Join(no, ", ")
	}
	c.Text = []string{fmt.Sprintf("%s, asked %s; the last time %s.", plural(len(s.Gates), "gate"), times(s.Rounds), verdict)}
	for _, g := range s.Refusals {
		c.Facts = append(c.Facts, fact{"Had said " + string(g.Verdict), stampSecond(g.At) + " UTC, " + g.Name + ": " + strings.Join(g.Evidence, "; ")})
	}
	return c
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func (r rollbackRow) switchChapter() chapter {
	s := r.told()
	c := chapter{Title: "The switchover"}
	add := c.adder()
	for n, a := range s.Attempts {
		label := "Asked for"
		if len(s.Attempts) > 1 {
			label = fmt.Sprintf("Attempt %d of %d", n+1, len(s.Attempts))
		}
		switch {
		case a.Until == nil && n+1 < len(s.Attempts):
			add(label, stampSecond(a.At)+" UTC; how it ended is not in the journal")
		case a.Until == nil:
			add(label, stampSecond(a.At)+" UTC; its end was not seen yet")
		default:
			add(label, fmt.Sprintf("%s UTC; after %s: %s", stampSecond(a.At), took(a.Until.Sub(a.At)), a.End))
		}
	}
	if r.switchedAt == nil && r.Downtime == nil {
		return c
	}
	if r.switchedAt != nil {
		add("Seen completed", stampSecond(*r.switchedAt)+" UTC")
	}
	addDowntime(add, r.Downtime)
	add("Binary log position", r.Binlog)
	return c
}

// addDowntime says what clients felt, or that nobody measured it.
func addDowntime(add func(label, v string), d *fleet.Downtime) {
	if d == nil {
		add("Downtime", "not measured")
		return
	}
	add("Clients kept out", fmt.Sprintf("no writes for %.1f s (within %.1f s) from %s UTC, no reads for %.1f s", d.Writes, d.Within, stampSecond(d.From), d.Reads))
	var kinds []string
	for _, k := range slices.Sorted(maps.Keys(d.Errors)) {
		kinds = append(kinds, fmt.Sprintf("%s %d", k, d.Errors[k]))
	}
	add("Errors the probe saw", or(strings.Join(kinds, ", "), "none"))
	add("Limits of that", d.Note)
}

func (r rollbackRow) wayChapter() chapter {
	s := r.told()
	c := chapter{Title: "The armed way back"}
	add := c.adder()
	if r.ArmedAt != nil {
		add("Armed", stampSecond(*r.ArmedAt)+" UTC: writes on the new server go to old blue as well")
	}
	if s.Arming > 0 {
		add("Could not be armed", fmt.Sprintf("%s, the last time: %s", times(s.Arming), s.ArmingLast))
	}
	if w := r.Reverse; w != nil {
		state := map[bluegreen.WayState]string{bluegreen.WayArmed: "stands", bluegreen.WayBroken: "BROKEN (" + w.Cause + ")", bluegreen.WayUnknown: "not known", bluegreen.WayUnarmed: "not armed"}[w.State]
		add("Now", fmt.Sprintf("%s, read %s UTC, %s behind", state, stampSecond(w.At), took(time.Duration(w.Seconds*float64(time.Second)))))
	}
	broken := 0
	for _, a := range s.Alarms {
		what := map[bluegreen.WayState]string{bluegreen.WayUnarmed: "could not be armed"}[a.State]
		what = or(what, "could not be read")
		if a.State == bluegreen.WayBroken {
			broken++
			what = "BROKEN (" + or(a.Cause, "other") + ")"
		}
		end := "not mended yet"
		if a.Mended != nil {
			end = fmt.Sprintf("ended %s UTC, after %s", stampSecond(*a.Mended), took(a.Mended.Sub(a.At)))
		}
		c.Events = append(c.Events, event{stampSecond(a.At), what + ": " + a.Detail + "; " + end, ""})
	}
	if len(c.Events) > 0 {
		c.Text = []string{fmt.Sprintf("It broke %s; every alarm with its cause is below.", times(broken))}
		if broken == 0 {
			c.Text = []string{"It did not break; at times it could not be read."}
		}
	}
	return c
}

func (r rollbackRow) backChapter() chapter {
	c := chapter{Title: "Going back"}
	g := r.GoBack
	if g == nil || g.By == "" && len(g.Steps) == 0 {
		return c
	}
	add := c.adder()
	what := "to go back"
	if g.Drill {
		what = "a drill: to go back, and forward again"
	}
	c.Text = []string{fmt.Sprintf("%s asked %s at %s UTC%s. %s", or(g.By, "Somebody"), what, stampSecond(g.At), because(g.Why), goBackState(*g))}
	if g.AcceptLoss {
		add("Losses", "were accepted beforehand")
	}
	if g.Lost != nil {
		add("Lost", g.Lost.Text)
		if g.Lost.From != "" {
			add("They stand", "in the new server's binary log from "+g.Lost.From+" to "+or(g.Lost.To, "its end"))
		}
	} else if g.State == "done" {
		add("Lost", "nothing: old blue had every write before it was opened")
	}
	if g.WritesStopped != nil {
		add("Writes stopped", stampSecond(*g.WritesStopped)+" UTC")
	}
	if g.Downtime != nil || g.State == "done" {
		addDowntime(add, g.Downtime)
	}
	before := g.At
	for _, s := range g.Steps {
		c.Events = append(c.Events, event{stampSecond(s.At), fmt.Sprintf("%s, after %s: %s", s.Does, took(s.At.Sub(before)), or(s.Proof, "done")), ""})
		before = s.At
	}
	if g.Step != "" {
		c.Events = append(c.Events, event{stampSecond(or2(g.StepSince, g.At)), "under way: " + or(g.Does, g.Step), ""})
	}
	if g.Aside != "" && g.State == "done" {
		add("The new server", g.Aside+" (MySQL "+g.AsideVersion+") is set aside: writes that old blue does not have stand there")
	}
	return c
}

func or2(t *time.Time, otherwise time.Time) time.Time {
	if t == nil {
		return otherwise
	}
	return *t
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return ", because: " + why
}

func goBackState(g fleet.GoBackStatus) string {
	switch g.State {
	case "done":
		return "It is done."
	case "abandoned":
		return "It was abandoned: writes were given back to the new server."
	case "held":
		return "It is held: a person must decide."
	}
	return "It is under way."
}

func (r rollbackRow) drillChapter() chapter {
	c := chapter{Title: "Drill of the way back"}
	if r.GoBack == nil || r.GoBack.LastDrill == nil {
		return c
	}
	d := r.GoBack.LastDrill
	result := "passed: it went back and forward again"
	if !d.Passed {
		result = "did not pass: " + or(d.Why, "no reason is known")
	}
	c.Facts = []fact{{"Last drill", stampSecond(d.At) + " UTC, " + result}}
	return c
}

func (r rollbackRow) unclearChapter() chapter {
	s := r.told()
	c := chapter{Title: "What was not clear"}
	if s.HistoryLost != "" {
		c.Text = append(c.Text, "History is lost: "+s.HistoryLost+".")
	}
	for _, u := range s.Unclear {
		end := "not settled yet"
		if u.Settled != nil {
			end = fmt.Sprintf("settled after %s by: %s", took(u.Settled.Sub(u.At)), u.By)
		}
		c.Events = append(c.Events, event{stampSecond(u.At), u.What + "; " + end, ""})
	}
	return c
}

func (r rollbackRow) leftChapter() chapter {
	c := chapter{Title: "What is left, and what it costs"}
	add := c.adder()
	for _, l := range r.Leftovers {
		parts := []string{l.Role, "MySQL " + or(l.Version, "not known")}
		if !l.Since.IsZero() {
			parts = append(parts, "served until "+stamp(l.Since)+" UTC")
		}
		if l.PerDay != nil {
			parts = append(parts, money(*l.PerDay)+" a day")
		}
		if l.SoFar != nil {
			parts = append(parts, money(*l.SoFar)+" so far")
		}
		parts = append(parts, l.Reason)
		if l.WayBack {
			parts = append(parts, "the armed way back leads to it")
		}
		if l.Next != "" && l.State != bluegreen.LeftKept {
			parts = append(parts, "next: "+l.Next)
		}
		add(l.Instance+" ("+string(l.State)+")", strings.Join(parts, "; "))
	}
	return c
}

// took says a duration as precisely as it matters.
func took(d time.Duration) string {
	switch {
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	case d < time.Hour:
		return d.Round(time.Second).String()
	}
	return span(d.Hours())
}

// adder adds facts that say something.
func (c *chapter) adder() func(label, v string) {
	return func(label, v string) {
		if v != "" {
			c.Facts = append(c.Facts, fact{label, v})
		}
	}
}

// leftCost sums what the servers that are left behind cost in a day.
func leftCost(list []fleet.DatabaseStatus) (n int, day bluegreen.Estimate) {
	for _, d := range list {
		for _, l := range d.Leftovers {
			if l.PerDay == nil {
				continue
			}
			if n++; n == 1 {
				day = *l.PerDay
			} else {
				day = day.Add(*l.PerDay)
			}
		}
	}
	return n, day
}
