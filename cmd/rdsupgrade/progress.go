package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
)

// progress shows a run: on a terminal a board that is redrawn, elsewhere a
// plain line for every move and a summary now and then.
type progress struct {
	w      io.Writer
	tty    bool
	stage  map[string]string
	drawn  int // lines of the board on the screen
	last   time.Time
	began  time.Time
	recent []string
	alarm  map[string]string
}

// summaryEvery is how often plain output repeats the totals.
const summaryEvery = 30 * time.Second

func newProgress(w io.Writer) *progress {
	return &progress{w: w, tty: isTerminal(w), stage: map[string]string{}, alarm: map[string]string{}, began: time.Now()}
}

func (p *progress) update(st fleet.Status) {
	first := len(p.stage) == 0
	for _, d := range st.Databases {
		key := d.Key()
		p.alarmed(key, d)
		was := p.stage[key]
		p.stage[key] = d.Stage
		if was == d.Stage || first && !p.worthSaying(d) {
			continue
		}
		p.moved(d, was)
	}
	if p.tty {
		p.draw(st)
		return
	}
	if time.Since(p.last) >= summaryEvery {
		p.last = time.Now()
		fmt.Fprintf(p.w, "%s  %s\n", time.Now().Format("15:04:05"), totals(st))
	}
}

// worthSaying keeps the first picture short: what stands still is not news.
func (p *progress) worthSaying(d fleet.DatabaseStatus) bool {
	switch bluegreen.Stage(d.Stage) {
	case bluegreen.Pending, bluegreen.Done, bluegreen.Cleaned, bluegreen.Skipped:
		return false
	}
	return true
}

func (p *progress) moved(d fleet.DatabaseStatus, was string) {
	line := fmt.Sprintf("%s  %-28s %s", time.Now().Format("15:04:05"), visible(d.ID), d.Stage)
	switch bluegreen.Stage(d.Stage) {
	case bluegreen.Blocked, bluegreen.Held, bluegreen.Failed, bluegreen.Done, bluegreen.Skipped, bluegreen.RolledBack, bluegreen.Soaking:
		line += ": " + visible(d.Reason)
	case bluegreen.Ready:
		if was == string(bluegreen.Switching) {
			line += ": " + visible(d.Reason)
		}
	}
	p.say(line)
}

// alarmed tells when a way back breaks, why, and when it is mended.
func (p *progress) alarmed(key string, d fleet.DatabaseStatus) {
	was, now := p.alarm[key], d.WayBack.Alarm
	if p.alarm[key] = now; (was == "") == (now == "") {
		return
	}
	line := "the way back stands again"
	if now != "" {
		line = "ALARM: " + visible(now)
	}
	p.say(fmt.Sprintf("%s  %-28s %s", time.Now().Format("15:04:05"), visible(d.ID), line))
}

func (p *progress) say(line string) {
	if !p.tty {
		fmt.Fprintln(p.w, line)
		return
	}
	p.recent = append(p.recent, line)
	if len(p.recent) > 6 {
		p.recent = p.recent[1:]
	}
}

func (p *progress) draw(st fleet.Status) {
	var b strings.Builder
	if p.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\x1b[J", p.drawn)
	}
	cols := width(p.w)
	lines := []string{fmt.Sprintf("campaign %s   %s   %s", st.Campaign, time.Since(p.began).Round(time.Second), totals(st))}
	for _, w := range st.Waves {
		lines = append(lines, fmt.Sprintf("  %-16s %s %3d/%-3d %s", shorten(w.Name, 16), bar(w.Done, w.Failed+w.Blocked, w.Total, 24), w.Done, w.Total, w.State))
	}
	lines = append(lines, p.recent...)
	for _, l := range lines {
		b.WriteString(shorten(l, cols) + "\n")
	}
	p.drawn = len(lines)
	io.WriteString(p.w, b.String())
}

func (p *progress) end() { p.drawn = 0 }

// bar is done, not doable, and the rest, in width characters.
func bar(done, bad, total, width int) string {
	if total == 0 {
		return strings.Repeat("-", width)
	}
	d := done * width / total
	x := (done+bad)*width/total - d
	return strings.Repeat("#", d) + strings.Repeat("x", x) + strings.Repeat("-", width-d-x)
}

// totals counts databases by stage, in the order of the road.
func totals(st fleet.Status) string {
	n := map[string]int{}
	for _, d := range st.Databases {
		n[d.Stage]++
	}
	var parts []string
	for _, row := range bluegreen.Stages {
		if c := n[string(row.Stage)]; c > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c, row.Stage))
		}
	}
	return strings.Join(parts, ", ")
}
