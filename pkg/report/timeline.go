package report

import (
	"fmt"
	"html"
	"io"
	"strings"
	"time"
)

// TimelineRow is one database in a timeline.
type TimelineRow struct {
	Label string
	Group string // wave
	Spans []TimelineSpan
}

// TimelineSpan is a stage from a moment to another.
type TimelineSpan struct {
	Stage    string
	From, To time.Time
}

// TimelineMark is a moment across all rows, such as a deadline.
type TimelineMark struct {
	At   time.Time
	Text string
}

// timelineColors are the stages that are drawn; others leave the row empty.
var timelineColors = []struct{ stage, color string }{
	{"provisioning", "#4e79a7"}, {"adjusting", "#76b7b2"}, {"catching-up", "#edc948"}, {"verifying", "#f2a541"}, {"ready", "#bab0ac"},
	{"switching", "#e15759"}, {"switched", "#e15759"}, {"soaking", "#8cd17d"}, {"held", "#b07aa1"}, {"blocked", "#9c755f"},
	{"failed", "#7f0000"}, {"rolling-back", "#ff9da7"}, {"rolled-back", "#ff9da7"},
}

const (
	timelineLeft, timelineWide, timelineRow, timelineHead = 190, 960, 12, 60
	// timelineMost rows are drawn; a timeline of thousands shows nothing.
	timelineMost = 400
)

// WriteTimeline draws rows as one SVG document without any reference to
// elsewhere. Labels are shown as they are, escaped.
func WriteTimeline(w io.Writer, title string, rows []TimelineRow, marks []TimelineMark) error {
	var from, to time.Time
	for _, r := range rows {
		for _, s := range r.Spans {
			if from.IsZero() || s.From.Before(from) {
				from = s.From
			}
			if s.To.After(to) {
				to = s.To
			}
		}
	}
	left := 0
	if len(rows) > timelineMost {
		rows, left = rows[:timelineMost], len(rows)-timelineMost
	}
	height := timelineHead + timelineRow*len(rows) + 40
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" font-family="sans-serif" font-size="9" role="img">`+"\n",
		timelineLeft+timelineWide+20, height)
	fmt.Fprintf(&b, "<title>%s</title>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n", escape(title))
	fmt.Fprintf(&b, "<text x=\"8\" y=\"16\" font-size=\"13\">%s</text>\n", escape(title))
	timelineLegend(&b)
	x := func(t time.Time) float64 {
		if !to.After(from) {
			return timelineLeft
		}
		return timelineLeft + timelineWide*float64(t.Sub(from))/float64(to.Sub(from))
	}
	timelineAxis(&b, from, to, height-40, x)
	for n, r := range rows {
		timelineDraw(&b, r, timelineHead+timelineRow*n, x)
	}
	for _, m := range marks {
		if !m.At.Before(from) && !m.At.After(to) {
			fmt.Fprintf(&b, "<line x1=\"%.1f\" x2=\"%[1]f\" y1=\"%d\" y2=\"%d\" stroke=\"#c00\"/><text x=\"%.1f\" y=\"%d\" fill=\"#c00\">%s</text>\n",
				x(m.At), timelineHead, height-40, x(m.At)+3, height-28, escape(m.Text))
		}
	}
	if left > 0 {
		fmt.Fprintf(&b, "<text x=\"8\" y=\"%d\">and %d more databases</text>\n", height-12, left)
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	if err != nil {
		return fmt.Errorf("write the timeline: %w", err)
	}
	return nil
}

func timelineLegend(b *strings.Builder) {
	at := 8
	for _, c := range timelineColors {
		fmt.Fprintf(b, "<rect x=\"%d\" y=\"24\" width=\"9\" height=\"9\" fill=\"%s\"/><text x=\"%d\" y=\"32\">%s</text>\n", at, c.color, at+12, c.stage)
		at += 22 + 6*len(c.stage)
	}
}

// timelineAxis draws about ten lines with their times, in UTC.
func timelineAxis(b *strings.Builder, from, to time.Time, bottom int, x func(time.Time) float64) {
	if !to.After(from) {
		return
	}
	steps := []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour}
	step := 24 * time.Hour
	for _, s := range steps {
		if to.Sub(from)/s <= 12 {
			step = s
			break
		}
	}
	for to.Sub(from)/step > 15 {
		step *= 2
	}
	for t := from.UTC().Truncate(step).Add(step); !t.After(to); t = t.Add(step) {
		fmt.Fprintf(b, "<line x1=\"%.1f\" x2=\"%[1]f\" y1=\"%d\" y2=\"%d\" stroke=\"#ddd\"/><text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n",
			x(t), timelineHead-6, bottom, x(t), timelineHead-9, t.Format("01-02 15:04"))
	}
}

func timelineDraw(b *strings.Builder, r TimelineRow, y int, x func(time.Time) float64) {
	fmt.Fprintf(b, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", timelineLeft-4, y+9, escape(clipText(r.Label, 30)))
	for _, s := range r.Spans {
		for _, c := range timelineColors {
			if c.stage != s.Stage {
				continue
			}
			fmt.Fprintf(b, "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"><title>%s %s %s</title></rect>\n",
				x(s.From), y+1, max(x(s.To)-x(s.From), 0.6), timelineRow-2, c.color, escape(r.Label), s.Stage, s.To.Sub(s.From).Round(time.Second))
		}
	}
}

func clipText(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}

func escape(s string) string { return html.EscapeString(Visible(s)) }

// WriteTimelinePage is the timeline as a page of its own, with facts above it.
func WriteTimelinePage(w io.Writer, title string, facts [][2]string, rows []TimelineRow, marks []TimelineMark) error {
	var b strings.Builder
	fmt.Fprintf(&b, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>%s</title>\n<style>%s</style></head><body><main>\n<h1>%s</h1>\n<table>\n", escape(title), styleSource, escape(title))
	for _, f := range facts {
		fmt.Fprintf(&b, "<tr><th>%s</th><td>%s</td></tr>\n", escape(f[0]), escape(f[1]))
	}
	b.WriteString("</table>\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	if err := WriteTimeline(w, title, rows, marks); err != nil {
		return err
	}
	if _, err := io.WriteString(w, "</main></body></html>\n"); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}
