package report

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
)

// writeJSON writes the model. Names are raw in JSON, which is for programs; but
// what could act on a terminal or hide there is written as \u escapes, so that
// looking at the file is safe as well.
func writeJSON(w io.Writer, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write json: %w", err)
	}
	out := bufio.NewWriter(w)
	for _, r := range b.String() {
		switch {
		case r > 0xffff && hidden(r):
			fmt.Fprintf(out, `\u%04x\u%04x`, 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff)
		case r >= 0x7f && r <= 0x9f || hidden(r):
			fmt.Fprintf(out, `\u%04x`, r)
		default:
			out.WriteRune(r)
		}
	}
	return out.Flush()
}

// writeCSV writes RFC 4180 with a header row. Text goes through Visible and is
// guarded against spreadsheets that take a cell for a formula.
func writeCSV(w io.Writer, rows [][]any) error {
	c := csv.NewWriter(w)
	c.UseCRLF = true
	for _, r := range rows {
		line := make([]string, len(r))
		for i, v := range r {
			line[i] = csvCell(v)
		}
		if err := c.Write(line); err != nil {
			return fmt.Errorf("write csv: %w", err)
		}
	}
	c.Flush()
	return c.Error()
}

func csvCell(v any) string {
	switch v := v.(type) {
	case string:
		return unformula(v)
	case float64:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return fmt.Sprint(v)
}

// unformula puts an apostrophe before text that a spreadsheet would run: the
// OWASP list of leading characters, looked at before they are made visible.
func unformula(s string) string {
	if s == "" {
		return s
	}
	out := Visible(s)
	switch s[0] {
	case '=', '+', '-', '@', '\t', '\r':
		return "'" + out
	}
	return out
}
