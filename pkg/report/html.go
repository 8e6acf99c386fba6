package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"strings"
)

//go:embed report.html.tmpl
var pageSource string

//go:embed report.css
var styleSource string

// page is parsed once; html/template escapes by context, and every string goes
// through Visible first so that what HTML allows to hide is shown as well.
var page = template.Must(template.New("report").Funcs(template.FuncMap{
	"v":       Visible,
	"slug":    slug,
	"link":    webLink,
	"align":   align,
	"barBits": barBits,
	"lineX":   func(at float64) string { return strconv.FormatFloat(min(max(at, 0), 100), 'f', 2, 64) },
}).Parse(pageSource))

// writeHTML writes one self-contained page: no script, no image, no font and
// no address is fetched.
func writeHTML(w io.Writer, d document) error {
	var b bytes.Buffer
	err := page.Execute(&b, struct {
		document
		// Style is our own file, not input.
		Style template.CSS
	}{d, template.CSS(styleSource)})
	if err != nil {
		return fmt.Errorf("write html: %w", err)
	}
	_, err = b.WriteTo(w)
	return err
}

// slug is an element id out of a heading; headings are our own words.
func slug(s string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(s)), "-")
}

func align(c column) string {
	switch {
	case c.Right:
		return "n"
	case c.Keep:
		return "k"
	}
	return ""
}

// barBit is one part of the bar in percent of its width.
type barBit struct {
	X, Width string
	Tone     tone
	Label    string
	Count    int
}

func barBits(b *bar) []barBit {
	total := b.total()
	var bits []barBit
	seen := 0
	for _, p := range b.Parts {
		if p.Count == 0 {
			continue
		}
		bits = append(bits, barBit{
			X:     strconv.FormatFloat(100*float64(seen)/float64(total), 'f', 3, 64),
			Width: strconv.FormatFloat(100*float64(p.Count)/float64(total), 'f', 3, 64),
			Tone:  p.Tone, Label: p.Label, Count: p.Count,
		})
		seen += p.Count
	}
	return bits
}
