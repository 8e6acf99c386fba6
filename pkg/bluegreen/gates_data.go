package bluegreen

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// How rows of two servers are compared while one of them is written and the
// other follows. Green never stands where blue stands, and neither may be
// stopped, so there is no moment at which both could simply be read. What can
// be had is an order: blue is read, its place in its binary log is taken after
// that, green is read once it has applied that place, and blue is read again.
// Green then shows something that blue had at the first reading or later. A
// chunk whose checksums agree is equal. Where they do not, rows are read one by
// one, column by column, and:
//
//   - a value of green that blue was seen to have about the same time is equal:
//     the row was only under way;
//   - a value that green has and blue, which held still around the reading, has
//     not, is a suspicion. It becomes a difference when a later round says the
//     same, and when readings of both in quick succession meet in no value: a
//     row that is written to and fro, or faster than it is read, meets;
//   - what never holds still and never meets is open, and told as that.
//
// So what is under way gives no alarm, and a difference that stays is found,
// however busy its table is. The one thing that clears wrongly would be a value
// that blue has for a moment and green for ever, and such a value is the next
// write's to overwrite: replication in row format writes whole values.

// Row is what was read of one row: a fingerprint by column. nil: there is no such row.
type Row map[string]string

// RowRound is one look at a row on both servers. Blue are readings from before
// green's to after them; before the first of Green, green had applied what
// blue's log held at the first of Blue.
type RowRound struct{ Blue, Green []Row }

// RowVerdict is what readings of a row say.
type RowVerdict int

// The verdicts of rows.
const (
	RowSame RowVerdict = iota
	RowOpen
	RowDiffers
)

// rowConfirmations is how many rounds must show a difference, the last one among them.
const rowConfirmations = 2

// JudgeRow judges all rounds of a row. What differs is "missing on green", "on
// green only", or the columns.
func JudgeRow(rounds []RowRound) (RowVerdict, []string) {
	last := rounds[len(rounds)-1]
	if !slices.ContainsFunc(append(slices.Clone(last.Blue), last.Green...), func(r Row) bool { return r != nil }) {
		return RowSame, nil // gone from both meanwhile
	}
	presence := judgeAspect(rounds, func(r Row) (string, bool) {
		if r == nil {
			return "absent", true
		}
		return "there", true
	})
	switch presence {
	case RowDiffers:
		if last.Green[0] == nil {
			return RowDiffers, []string{"missing on green"}
		}
		return RowDiffers, []string{"on green only"}
	case RowOpen:
		return RowOpen, nil
	}
	names := map[string]bool{}
	for _, r := range rounds {
		for _, row := range append(slices.Clone(r.Blue), r.Green...) {
			for c := range row {
				names[c] = true
			}
		}
	}
	verdict := RowSame
	var differ []string
	for _, c := range slices.Sorted(maps.Keys(names)) {
		v := judgeAspect(rounds, func(r Row) (string, bool) { s, ok := r[c]; return s, ok })
		if v == RowDiffers {
			differ = append(differ, c)
		}
		verdict = max(verdict, v)
	}
	return verdict, differ
}

// judgeAspect judges one column, or whether the row is there. A round in which
// a side shows nothing of it says nothing.
func judgeAspect(rounds []RowRound, value func(Row) (string, bool)) RowVerdict {
	seen := func(rows []Row) map[string]bool {
		m := map[string]bool{}
		for _, r := range rows {
			if v, ok := value(r); ok {
				m[v] = true
			}
		}
		return m
	}
	confirmed, last, said := 0, false, false
	for _, r := range rounds {
		blue, green := seen(r.Blue), seen(r.Green)
		if len(blue) == 0 || len(green) == 0 {
			last = false
			continue
		}
		said = true
		for v := range green {
			if blue[v] {
				return RowSame
			}
		}
		if last = len(blue) == 1; last {
			confirmed++
		}
	}
	switch {
	case !said:
		return RowSame
	case last && confirmed >= rowConfirmations:
		return RowDiffers
	}
	return RowOpen
}

// Chunks hold at least and at most so many rows.
const leastChunk, mostChunk = 50, 50_000

// NextChunk is how many rows the next chunk should have, when one of rows took
// took and should take target. It grows slowly, since a large chunk hurts, and
// shrinks at once.
func NextChunk(rows int, took, target time.Duration) int {
	if rows <= 0 {
		return leastChunk
	}
	next := 2 * rows
	if took > 0 {
		next = min(next, int(float64(rows)*float64(target)/float64(took)))
	}
	return min(max(next, leastChunk), mostChunk)
}

// RowDifference is a row that is not the same on both servers.
type RowDifference struct {
	Key  string   `json:"key"`  // made printable
	What []string `json:"what"` // as JudgeRow says it
}

// TableData is how far one table was compared.
type TableData struct {
	Table    string `json:"table"`
	Estimate int64  `json:"estimate"` // rows by the server's statistics
	Rows     int64  `json:"rows"`
	Chunks   int    `json:"chunks"`
	// Whole: every row was compared; else a sample was wanted.
	Whole bool `json:"whole"`
	// Skipped is why nothing of it was compared, "" when something was.
	Skipped string `json:"skipped,omitempty"`
	// Error is why it could not be read.
	Error string `json:"error,omitempty"`
	// Unfinished: the budget was over before it was through.
	Unfinished bool `json:"unfinished,omitempty"`
	// Differences are the first ones; Differing counts all that were found, and
	// Stopped says that looking for more of them was given up.
	Differences []RowDifference `json:"differences,omitempty"`
	Differing   int             `json:"differing,omitempty"`
	Stopped     bool            `json:"stopped,omitempty"`
	// Open are rows that were written too fast to be compared.
	Open int `json:"open,omitempty"`
}

// DataSummary is a comparison of rows that has ended.
type DataSummary struct {
	Tables []TableData   `json:"tables"`
	Took   time.Duration `json:"took_ns"`
}

// Brief keeps of the tables those of which there is something to tell, and no
// more than that many: what goes into a journal.
func (s DataSummary) Brief(most int) DataSummary {
	var told []TableData
	for _, t := range s.Tables {
		if len(told) < most && (t.Differing > 0 || t.Open > 0 || t.Error != "" || t.Skipped != "" || t.Unfinished) {
			told = append(told, t)
		}
	}
	s.Tables = told
	return s
}

// GateNameData is the name of the gate that compares rows.
const GateNameData = "data of blue and green"

// namesShown bounds the tables that one line of evidence names.
const namesShown = 15

// GateData judges a comparison of rows. strict makes tables that were not
// reached, or cannot be compared, inconclusive instead of noted.
func GateData(s DataSummary, strict bool) Gate {
	var bad, open, late, skipped []string
	var rows int64
	whole, part, chunks := 0, 0, 0
	for _, t := range s.Tables {
		rows += t.Rows
		chunks += t.Chunks
		bad = append(bad, t.differences()...)
		switch {
		case t.Error != "":
			open = append(open, printable(t.Table)+" could not be compared: "+printable(t.Error))
		case t.Open > 0:
			open = append(open, fmt.Sprintf("%s: %s written too fast to be compared", printable(t.Table), plural(t.Open, "row")))
		case t.Skipped != "":
			skipped = append(skipped, printable(t.Table)+" ("+t.Skipped+")")
		case t.Unfinished:
			late = append(late, printable(t.Table))
		case t.Whole:
			whole++
		default:
			part++
		}
	}
	said := fmt.Sprintf("%s compared, %d of them whole and %d by samples: %d rows in %s, in %s",
		plural(whole+part, "table"), whole, part, rows, plural(chunks, "chunk"), s.Took.Round(time.Second))
	if len(s.Tables) == 0 {
		return gate(GateNameData, GatePass, "blue has no table that the plan wants compared")
	}
	var notes []string
	if len(late) > 0 {
		notes = append(notes, "not finished within the budget: "+few(late))
	}
	if len(skipped) > 0 {
		notes = append(notes, "not compared: "+few(skipped))
	}
	switch {
	case len(bad) > 0:
		return gate(GateNameData, GateFail, slices.Concat(bad, open, notes, []string{said})...)
	case len(open) > 0 || strict && len(notes) > 0:
		return gate(GateNameData, GateInconclusive, slices.Concat(open, notes, []string{said})...)
	}
	return gate(GateNameData, GatePass, append([]string{said}, notes...)...)
}

// differences says what differs in the table.
func (t TableData) differences() []string {
	if t.Differing == 0 {
		return nil
	}
	var out []string
	for _, d := range t.Differences {
		what := strings.Join(d.What, ", ")
		if what != "missing on green" && what != "on green only" && what != "" {
			what = "differs in " + printable(what)
		}
		out = append(out, fmt.Sprintf("%s: row %s %s", printable(t.Table), d.Key, what))
	}
	if more := t.Differing - len(t.Differences); more > 0 {
		out = append(out, fmt.Sprintf("%s: %d more rows differ", printable(t.Table), more))
	}
	if t.Stopped {
		out = append(out, printable(t.Table)+": there may be more, looking for them was given up")
	}
	return out
}

func few(names []string) string {
	if len(names) <= namesShown {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:namesShown], ", ") + fmt.Sprintf(" and %d more", len(names)-namesShown)
}

// printable keeps a name that somebody chose from steering a terminal.
func printable(s string) string {
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0xfffd {
			return '?'
		}
		return r
	}, s)
	return clipText(clean)
}
