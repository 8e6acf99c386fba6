package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
)

// textWidth is the width of plain text reports: an 80-column terminal.
const textWidth = 80

// textWriter lays a document out in plain text.
type textWriter struct {
	*bufio.Writer
}

func writeText(w io.Writer, d document) error {
	t := textWriter{bufio.NewWriter(w)}
	t.head(d)
	for _, s := range d.Sections {
		t.section(s)
	}
	if len(d.Foot) > 0 {
		t.WriteString("\n" + strings.Repeat("-", textWidth) + "\n")
		for _, f := range d.Foot {
			t.para("", f)
		}
	}
	return t.Flush()
}

func (t textWriter) head(d document) {
	t.para("", strings.ToUpper(d.Kind)+": "+Visible(d.Title))
	if d.Subtitle != "" {
		t.para("", d.Subtitle)
	}
	t.WriteString(strings.Repeat("=", textWidth) + "\n")
	for _, l := range d.Lede {
		t.para("", l)
	}
	if len(d.Figures) > 0 {
		t.WriteString("\n")
	}
	label := 0
	for _, f := range d.Figures {
		label = max(label, columns(f.Label))
	}
	for _, f := range d.Figures {
		value := f.Value
		if f.Note != "" {
			value += "  (" + f.Note + ")"
		}
		t.hanging("  "+pad(f.Label, label, false)+"  ", value)
	}
	if d.Bar != nil {
		t.bar(d.Bar)
	}
	if d.Line != nil {
		t.WriteString("\n")
		for _, m := range d.Line.Marks {
			t.hanging("  "+pad(m.Date, 12, false), m.Label)
		}
	}
	for _, n := range d.Notices {
		t.WriteString("\n")
		t.hanging("! ", n.Head+" "+n.Text)
	}
}

// bar draws a whole of 60 columns and its legend.
func (t textWriter) bar(b *bar) {
	const wide = 60
	total := b.total()
	if total == 0 {
		return
	}
	signs := map[tone]string{toneGood: "#", toneBusy: ">", toneWarn: "~", toneBad: "!", toneMute: "."}
	var line strings.Builder
	var legend []string
	drawn, seen := 0, 0
	for _, p := range b.Parts {
		if p.Count == 0 {
			continue
		}
		seen += p.Count
		upTo := seen * wide / total
		line.WriteString(strings.Repeat(signs[p.Tone], max(0, upTo-drawn)))
		drawn = upTo
		legend = append(legend, fmt.Sprintf("%s %d %s", signs[p.Tone], p.Count, p.Label))
	}
	t.WriteString("\n  [" + line.String() + "]\n")
	t.hanging("   ", strings.Join(legend, ", "))
}

func (t textWriter) section(s section) {
	title := Visible(s.Title)
	t.WriteString("\n")
	t.para("", title)
	t.WriteString(strings.Repeat("-", min(columns(title), textWidth)) + "\n")
	if s.Intro != "" {
		t.para("", s.Intro)
	}
	if l := webLink(s.Link); l != "" {
		t.WriteString(l + "\n")
	}
	empty := len(s.Stories) == 0 && (s.Table == nil || len(s.Table.Rows) == 0)
	if empty {
		if s.Empty != "" {
			t.para("", s.Empty)
		}
		return
	}
	if s.Table != nil && len(s.Table.Rows) > 0 {
		if s.Intro != "" {
			t.WriteString("\n")
		}
		t.table(*s.Table)
	}
	for i, st := range s.Stories {
		if i > 0 || s.Table != nil || s.Intro != "" {
			t.WriteString("\n")
		}
		t.story(st)
	}
}

func (t textWriter) story(s story) {
	head := Visible(s.Title)
	if s.Badge != "" {
		head += "  [" + Visible(s.Badge) + "]"
	}
	t.hanging("* ", head)
	for _, p := range s.Text {
		t.para("  ", p)
	}
	t.facts("  ", s.Facts)
	for _, c := range s.Chapters {
		t.WriteString("\n")
		t.para("  ", c.Title+":")
		for _, p := range c.Text {
			t.para("    ", p)
		}
		t.facts("    ", c.Facts)
		t.events("    ", c.Events)
	}
	if len(s.Chapters) > 0 && len(s.Events) > 0 {
		t.WriteString("\n")
		t.para("  ", "From the journal:")
	}
	t.events("  ", s.Events)
	for i, st := range s.Steps {
		if i == 0 {
			t.WriteString("\n")
		}
		t.para("  ", st.What)
		// A command is never wrapped: it is there to be copied.
		t.WriteString("      " + Visible(st.Command) + "\n")
	}
}

// facts writes labels and their values; a label that leaves too little room
// has a line of its own.
func (t textWriter) facts(indent string, list []fact) {
	label := 0
	for _, f := range list {
		label = max(label, columns(Visible(f.Label)))
	}
	for _, f := range list {
		if label > textWidth/3 {
			t.para(indent, f.Label+":")
			t.para(indent+"  ", f.Value)
			continue
		}
		t.hanging(indent+pad(Visible(f.Label), label, false)+"  ", f.Value)
	}
}

func (t textWriter) events(indent string, list []event) {
	for _, e := range list {
		text := e.Text
		if e.By != "" {
			text += " (" + e.By + ")"
		}
		t.hanging(indent+pad(e.At, max(18, columns(e.At)+2), false), text)
	}
}

// table sets columns side by side. Cells that do not fit are wrapped, never cut.
func (t textWriter) table(tb table) {
	var show []int
	for i, c := range tb.Columns {
		if !c.Wide {
			show = append(show, i)
		}
	}
	widths := tableWidths(tb, show)
	heads := make([]cell, len(tb.Columns))
	for i, c := range tb.Columns {
		heads[i].Text = c.Title
	}
	t.tableRow(tb, show, widths, row{Cells: heads})
	rule := make([]string, len(show))
	for k := range show {
		rule[k] = strings.Repeat("-", widths[k])
	}
	t.WriteString(strings.Join(rule, "  ") + "\n")
	for _, r := range tb.Rows {
		t.tableRow(tb, show, widths, r)
		if r.Under != "" {
			t.hanging("  ", r.Under)
		}
	}
	if tb.Total != nil {
		t.WriteString(strings.Join(rule, "  ") + "\n")
		t.tableRow(tb, show, widths, row{Cells: tb.Total})
	}
}

func (t textWriter) tableRow(tb table, show, widths []int, r row) {
	lines := make([][]string, len(show))
	tall := 0
	for k, i := range show {
		lines[k] = wrap(Visible(r.Cells[i].Text), widths[k])
		if r.Cells[i].Sub != "" && r.Under == "" {
			lines[k] = append(lines[k], wrap(Visible(r.Cells[i].Sub), widths[k])...)
		}
		tall = max(tall, len(lines[k]))
	}
	for n := range tall {
		var b strings.Builder
		for k, i := range show {
			if k > 0 {
				b.WriteString("  ")
			}
			s := ""
			if n < len(lines[k]) {
				s = lines[k][n]
			}
			b.WriteString(pad(s, widths[k], tb.Columns[i].Right))
		}
		t.WriteString(strings.TrimRight(b.String(), " ") + "\n")
	}
}

// tableWidths gives every shown column what it wants. When the line is too
// long the widest columns give way, first down to their longest word, then,
// where even words do not fit, below it.
func tableWidths(tb table, show []int) []int {
	widths, least := make([]int, len(show)), make([]int, len(show))
	sum := 2 * (len(show) - 1)
	want := func(k int, s string) {
		widths[k] = max(widths[k], columns(s))
		for _, word := range strings.Fields(s) {
			least[k] = max(least[k], min(columns(word), textWidth/3))
		}
	}
	for k, i := range show {
		want(k, tb.Columns[i].Title)
		for _, r := range append(slices.Clone(tb.Rows), row{Cells: tb.Total}) {
			if r.Cells != nil {
				want(k, Visible(r.Cells[i].Text))
				if r.Under == "" {
					want(k, Visible(r.Cells[i].Sub))
				}
			}
		}
		sum += widths[k]
	}
	for _, floor := range [][]int{least, make([]int, len(show))} {
		for sum > textWidth {
			widest := -1
			for k := range widths {
				if widths[k] > max(floor[k], 6) && (widest < 0 || widths[k] > widths[widest]) {
					widest = k
				}
			}
			if widest < 0 {
				break
			}
			widths[widest]--
			sum--
		}
	}
	return widths
}

// para writes a wrapped paragraph under an indent.
func (t textWriter) para(indent, s string) {
	for _, l := range wrap(Visible(s), textWidth-len(indent)) {
		t.WriteString(indent + l + "\n")
	}
}

// hanging writes a wrapped paragraph whose first line begins with a label.
func (t textWriter) hanging(label, s string) {
	n := columns(label)
	for i, l := range wrap(Visible(s), textWidth-n) {
		if i > 0 {
			label = strings.Repeat(" ", n)
		}
		t.WriteString(strings.TrimRight(label+l, " ") + "\n")
	}
}

func pad(s string, n int, right bool) string {
	fill := strings.Repeat(" ", max(0, n-columns(s)))
	if right {
		return fill + s
	}
	return s + fill
}
