package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/rdsupgrade/rdsupgrade/pkg/report"
)

// visible makes control characters and escapes of hostile names harmless.
func visible(s string) string { return report.Visible(s) }

// printJSON writes data for programs.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// isTerminal tells whether a person is likely watching the stream.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// width is the terminal's width, 80 where there is none.
func width(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n >= 40 {
			return n
		}
	}
	return 80
}

// table lines up rows under their heads; the last column takes what room is
// left and is cut with an ellipsis on a terminal only.
func table(w io.Writer, head []string, rows [][]string, cut int) {
	cols := make([]int, len(head))
	for i, h := range head {
		cols[i] = utf8.RuneCountInString(h)
	}
	for _, r := range rows {
		for i := range head {
			r[i] = visible(r[i])
			cols[i] = max(cols[i], utf8.RuneCountInString(r[i]))
		}
	}
	line := func(r []string) {
		var b strings.Builder
		for i, c := range r {
			if i == len(r)-1 {
				b.WriteString(c)
				break
			}
			b.WriteString(c)
			b.WriteString(strings.Repeat(" ", cols[i]-utf8.RuneCountInString(c)+2))
		}
		out := strings.TrimRight(b.String(), " ")
		if cut > 0 {
			out = shorten(out, cut)
		}
		fmt.Fprintln(w, out)
	}
	line(head)
	for _, r := range rows {
		line(r)
	}
}

// shorten cuts to n runes, with an ellipsis.
func shorten(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	r := []rune(s)
	return string(r[:n-1]) + "…"
}

// cutAt is the width to cut lines at: none where nobody watches.
func cutAt(w io.Writer) int {
	if isTerminal(w) {
		return width(w)
	}
	return 0
}

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
