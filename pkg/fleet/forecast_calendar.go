package fleet

import (
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

// Calendar is when the campaign would be done if it began now: approvals given
// at once, nothing failing. Every date is an estimate.
type Calendar struct {
	Start time.Time      `json:"start"`
	Waves []WaveCalendar `json:"waves"`
	// Finish is the expected end, FinishHigh the slow one; zero when a wave can
	// never switch because no window opens.
	Finish     time.Time `json:"finish,omitzero"`
	FinishHigh time.Time `json:"finish_high,omitzero"`
	Deadline   string    `json:"deadline,omitempty"`
	// Spare is the days between Finish and the deadline, negative when it is missed.
	SpareDays     float64 `json:"spare_days,omitempty"`
	SpareHighDays float64 `json:"spare_high_days,omitempty"`
	// Help is what would bring the end nearer, each with its effect.
	Help []string `json:"what_would_help,omitempty"`
	Note string   `json:"note"`
}

// WaveCalendar is one wave's share.
type WaveCalendar struct {
	Wave      string    `json:"wave"`
	Databases int       `json:"databases"`
	Start     time.Time `json:"start,omitzero"`
	Finish    time.Time `json:"finish,omitzero"`
	// GreensAtOnce is the most greens alive at the same time.
	GreensAtOnce int `json:"greens_at_once"`
}

// job is one database in the calendar.
type job struct {
	wave    int
	service string
	size    int
	// ready and call are, per hop, the time to a green that is ready, and of
	// the switchover call.
	ready, call []time.Duration
}

// calendarOf plays the waves' order, limits and windows. It knows no failures.
func calendarOf(p *plan.Plan, start time.Time, jobs []job) ([]WaveCalendar, time.Time) {
	var out []WaveCalendar
	begin, ahead := start, start // when the wave may switch; when it may build
	for w := range p.Waves {
		var mine []job
		for _, j := range jobs {
			if j.wave == w {
				mine = append(mine, j)
			}
		}
		wc := WaveCalendar{Wave: p.Waves[w].Name, Databases: len(mine)}
		if len(mine) == 0 {
			out = append(out, wc)
			continue
		}
		sort.SliceStable(mine, func(a, b int) bool { return mine[a].size < mine[b].size })
		r := waveRun{plan: p, wave: p.Waves[w], services: map[string]time.Time{}}
		end, ok := r.play(mine, ahead, begin)
		wc.Start, wc.GreensAtOnce = ahead, r.most()
		if !ok {
			return append(out, wc), time.Time{}
		}
		wc.Finish = end
		out = append(out, wc)
		ahead = end
		if p.Run.BuildAhead {
			ahead = begin
		}
		begin = end
	}
	return out, begin
}

// waveRun plays one wave.
type waveRun struct {
	plan     *plan.Plan
	wave     plan.Wave
	services map[string]time.Time // until when a service is in a switchover
	alive    [][2]time.Time       // greens, from create to switchover
}

// play runs the wave's jobs hop by hop. The first database goes alone.
func (r *waveRun) play(jobs []job, buildFrom, switchFrom time.Time) (end time.Time, ok bool) {
	builders := slots(r.limit(r.wave.BuildLimit), buildFrom)
	switchers := slots(max(1, r.wave.SwitchLimit), switchFrom)
	end = switchFrom
	from := make([]time.Time, len(jobs))
	for i := range from {
		from[i] = buildFrom
	}
	for hop := 0; ; hop++ {
		any := false
		for i, j := range jobs {
			if hop >= len(j.ready) {
				continue
			}
			any = true
			created := later(from[i], builders.next())
			ready := created.Add(j.ready[hop])
			builders.take(ready)
			at, open := r.switchAt(later(ready, switchers.next()), j.service)
			if !open {
				return end, false
			}
			done := at.Add(j.call[hop])
			switchers.take(done)
			if hop == 0 && i == 0 {
				switchers.notBefore(done) // the others wait for the first one's proof
			}
			r.services[j.service] = done
			r.alive = append(r.alive, [2]time.Time{created, done})
			from[i] = done.Add(r.wave.Soak)
			end = later(end, from[i])
		}
		if !any {
			return end, true
		}
	}
}

func (r *waveRun) limit(n int) int {
	if g := r.plan.Run.MaxGreens; g > 0 && (n <= 0 || g < n) {
		n = g
	}
	return max(1, n)
}

// switchAt is the first moment from t on with an open window and the service free.
func (r *waveRun) switchAt(t time.Time, service string) (time.Time, bool) {
	if service != "" {
		t = later(t, r.services[service])
	}
	return r.plan.Switchover.NextOpen(t)
}

// most counts the greens alive at the same time.
func (r *waveRun) most() int {
	type edge struct {
		at time.Time
		by int
	}
	var edges []edge
	for _, a := range r.alive {
		edges = append(edges, edge{a[0], 1}, edge{a[1], -1})
	}
	slices.SortFunc(edges, func(a, b edge) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return a.by - b.by
	})
	n, most := 0, 0
	for _, e := range edges {
		n += e.by
		most = max(most, n)
	}
	return most
}

// slotTimes are the moments from which each of some workers is free.
type slotTimes []time.Time

func slots(n int, from time.Time) slotTimes {
	s := make(slotTimes, n)
	for i := range s {
		s[i] = from
	}
	return s
}

func (s slotTimes) next() time.Time { return slices.MinFunc(s, time.Time.Compare) }

func (s slotTimes) take(until time.Time) {
	least := 0
	for i := range s {
		if s[i].Before(s[least]) {
			least = i
		}
	}
	s[least] = until
}

func (s slotTimes) notBefore(t time.Time) {
	for i := range s {
		s[i] = later(s[i], t)
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// calendar is the forecast with its slow end and what would help.
func calendar(p *plan.Plan, now time.Time, jobs, slow []job) Calendar {
	c := Calendar{Start: now.UTC(), Note: "estimate: begun now, approvals given at once, nothing failing; the slow end takes every build three times as long"}
	c.Waves, c.Finish = calendarOf(p, now.UTC(), jobs)
	_, c.FinishHigh = calendarOf(p, now.UTC(), slow)
	if len(jobs) == 0 || p.Deadline.IsZero() {
		return c
	}
	c.Deadline = p.Deadline.String()
	end := p.Deadline.AddDate(0, 0, 1)
	if !c.Finish.IsZero() {
		c.SpareDays = days(end.Sub(c.Finish))
	}
	if !c.FinishHigh.IsZero() {
		c.SpareHighDays = days(end.Sub(c.FinishHigh))
	}
	if c.Finish.IsZero() || c.FinishHigh.IsZero() || c.FinishHigh.After(end) {
		c.Help = help(p, now.UTC(), slow, c.FinishHigh, end)
	}
	return c
}

func days(d time.Duration) float64 { return float64(int(d.Hours()/24*10)) / 10 }

// help plays the same campaign with one thing changed and says what that
// brings at the slow end.
func help(p *plan.Plan, now time.Time, jobs []job, finish, deadline time.Time) []string {
	var out []string
	try := func(what string, change func(*plan.Plan)) {
		q := *p
		q.Waves = slices.Clone(p.Waves)
		change(&q)
		_, end := calendarOf(&q, now, jobs)
		switch {
		case end.IsZero():
		case finish.IsZero():
			out = append(out, fmt.Sprintf("%s: done by %s, never otherwise", what, end.Format("2006-01-02")))
		case finish.Sub(end) >= time.Hour:
			out = append(out, fmt.Sprintf("%s: %.1f days sooner, done by %s", what, days(finish.Sub(end)), end.Format("2006-01-02")))
		}
	}
	try("twice as many greens at once", func(q *plan.Plan) {
		q.Run.MaxGreens *= 2
		for i := range q.Waves {
			q.Waves[i].BuildLimit *= 2
		}
	})
	try("twice as many switchovers at once", func(q *plan.Plan) {
		for i := range q.Waves {
			q.Waves[i].SwitchLimit *= 2
		}
	})
	try("the same windows on every day", func(q *plan.Plan) {
		q.Switchover.Windows = slices.Clone(q.Switchover.Windows)
		for i := range q.Switchover.Windows {
			q.Switchover.Windows[i].Days = nil
		}
	})
	try("no windows at all", func(q *plan.Plan) { q.Switchover.Windows = nil })
	if !p.Run.BuildAhead {
		try("building ahead (run.build_ahead)", func(q *plan.Plan) { q.Run.BuildAhead = true })
	}
	if finish.After(deadline) {
		out = append(out, fmt.Sprintf("an earlier start: to be sure it should have begun %.0f days ago", days(finish.Sub(deadline))+1))
	}
	return out
}
