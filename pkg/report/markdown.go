package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// writeMarkdown writes GitHub-flavoured Markdown.
func writeMarkdown(w io.Writer, d document) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "# %s: %s\n", md(d.Kind), md(d.Title))
	if d.Subtitle != "" {
		fmt.Fprintf(b, "\n%s\n", md(d.Subtitle))
	}
	for _, l := range d.Lede {
		fmt.Fprintf(b, "\n**%s**\n", md(l))
	}
	if len(d.Figures) > 0 {
		b.WriteString("\n| Figure | Value | |\n| --- | --- | --- |\n")
		for _, f := range d.Figures {
			fmt.Fprintf(b, "| %s | **%s** | %s |\n", md(f.Label), md(f.Value), md(f.Note))
		}
	}
	if d.Bar != nil && d.Bar.total() > 0 {
		b.WriteString("\n")
		for _, p := range d.Bar.Parts {
			if p.Count > 0 {
				fmt.Fprintf(b, "- %d %s\n", p.Count, md(p.Label))
			}
		}
	}
	if d.Line != nil {
		b.WriteString("\n")
		for _, m := range d.Line.Marks {
			fmt.Fprintf(b, "- %s: %s\n", md(m.Date), md(m.Label))
		}
	}
	for _, n := range d.Notices {
		fmt.Fprintf(b, "\n> **%s** %s\n", md(n.Head), md(n.Text))
	}
	for _, s := range d.Sections {
		mdSection(b, s)
	}
	if len(d.Foot) > 0 {
		b.WriteString("\n---\n")
		for _, f := range d.Foot {
			fmt.Fprintf(b, "\n%s\n", md(f))
		}
	}
	return b.Flush()
}

func mdSection(b *bufio.Writer, s section) {
	fmt.Fprintf(b, "\n## %s\n", md(s.Title))
	if s.Intro != "" {
		fmt.Fprintf(b, "\n%s\n", md(s.Intro))
	}
	if l := webLink(s.Link); l != "" {
		fmt.Fprintf(b, "\n<%s>\n", l)
	}
	if len(s.Stories) == 0 && (s.Table == nil || len(s.Table.Rows) == 0) {
		if s.Empty != "" {
			fmt.Fprintf(b, "\n%s\n", md(s.Empty))
		}
		return
	}
	if s.Table != nil && len(s.Table.Rows) > 0 {
		mdTable(b, *s.Table)
	}
	for _, st := range s.Stories {
		mdStory(b, st)
	}
}

func mdTable(b *bufio.Writer, t table) {
	b.WriteString("\n|")
	for _, c := range t.Columns {
		b.WriteString(" " + md(c.Title) + " |")
	}
	b.WriteString("\n|")
	for _, c := range t.Columns {
		if c.Right {
			b.WriteString(" ---: |")
		} else {
			b.WriteString(" --- |")
		}
	}
	b.WriteString("\n")
	line := func(cs []cell, strong bool) {
		b.WriteString("|")
		for _, c := range cs {
			text := md(c.Text)
			if strong && text != "" {
				text = "**" + text + "**"
			}
			if c.Sub != "" {
				text += "<br>" + md(c.Sub)
			}
			b.WriteString(" " + text + " |")
		}
		b.WriteString("\n")
	}
	for _, r := range t.Rows {
		line(r.Cells, false)
	}
	if t.Total != nil {
		line(t.Total, true)
	}
}

func mdStory(b *bufio.Writer, s story) {
	fmt.Fprintf(b, "\n### %s", md(s.Title))
	if s.Badge != "" {
		fmt.Fprintf(b, " (%s)", md(s.Badge))
	}
	b.WriteString("\n")
	for _, p := range s.Text {
		fmt.Fprintf(b, "\n%s\n", md(p))
	}
	mdFacts(b, s.Facts)
	for _, c := range s.Chapters {
		fmt.Fprintf(b, "\n#### %s\n", md(c.Title))
		for _, p := range c.Text {
			fmt.Fprintf(b, "\n%s\n", md(p))
		}
		mdFacts(b, c.Facts)
		mdEvents(b, c.Events)
	}
	if len(s.Chapters) > 0 && len(s.Events) > 0 {
		b.WriteString("\n#### From the journal\n")
	}
	mdEvents(b, s.Events)
	for _, st := range s.Steps {
		fmt.Fprintf(b, "\n%s\n\n%s\n", md(st.What), mdCode(st.Command))
	}
}

func mdFacts(b *bufio.Writer, list []fact) {
	if len(list) > 0 {
		b.WriteString("\n")
	}
	for _, f := range list {
		fmt.Fprintf(b, "- %s: %s\n", md(f.Label), md(f.Value))
	}
}

func mdEvents(b *bufio.Writer, list []event) {
	if len(list) == 0 {
		return
	}
	b.WriteString("\n| When (UTC) | What happened | Who |\n| --- | --- | --- |\n")
	for _, e := range list {
		fmt.Fprintf(b, "| %s | %s | %s |\n", md(e.At), md(e.Text), md(e.By))
	}
}

// mdCode is an indented code block: unlike a fence, nothing in its line can end it.
func mdCode(s string) string { return "    " + Visible(s) }

// md makes text safe for Markdown, in a paragraph and in a table cell: nothing
// in it can become markup, HTML, a link or another cell. An underscore inside
// a word is left alone: it cannot open emphasis there.
func md(s string) string {
	s = Visible(s)
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '&':
			b.WriteString("&amp;")
		case r == '_' && i > 0 && i+1 < len(s) && wordByte(s[i-1]) && wordByte(s[i+1]):
			b.WriteByte('_')
		case strings.ContainsRune("\\`*_[]|~", r):
			b.WriteByte('\\')
			b.WriteRune(r)
		case i == 0 && strings.ContainsRune("#+-=", r):
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == ':' && strings.HasPrefix(s[i:], "://"):
			b.WriteString("&#58;")
		case r == '.' && i >= 3 && strings.EqualFold(s[i-3:i], "www"):
			b.WriteString("&#46;")
		default:
			b.WriteRune(r)
		}
	}
	return mdOrdered(b.String())
}

// mdOrdered keeps a leading "1." or "1)" from opening a list.
func mdOrdered(s string) string {
	digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
	if digits > 0 && digits < len(s) && (s[digits] == '.' || s[digits] == ')') &&
		(digits+1 == len(s) || s[digits+1] == ' ') {
		return s[:digits] + `\` + s[digits:]
	}
	return s
}

func wordByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
