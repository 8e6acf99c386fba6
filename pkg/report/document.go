package report

// A document is what every kind of report becomes before a format writes it:
// the formats know headings, figures, tables and stories, and nothing of
// databases. All strings in it are as they came; each writer makes them safe.
type document struct {
	Kind     string // overline: "Compliance report"
	Title    string
	Subtitle string
	// Lede is the answer in one to three sentences.
	Lede     []string
	Figures  []figure
	Bar      *bar
	Line     *timeline
	Notices  []notice
	Sections []section
	// Foot says where the figures are from.
	Foot []string
}

// tone colours a thing; it never stands alone, the words say the same.
type tone string

const (
	toneGood tone = "good"
	toneBusy tone = "busy"
	toneWarn tone = "warn"
	toneBad  tone = "bad"
	toneMute tone = "mute"
)

// figure is one number a reader takes home.
type figure struct {
	Label, Value, Note string
	Tone               tone
}

// bar is a whole split into parts.
type bar struct {
	Label string
	Parts []part
}

type part struct {
	Label string
	Count int
	Tone  tone
}

func (b *bar) total() int {
	n := 0
	for _, p := range b.Parts {
		n += p.Count
	}
	return n
}

// timeline is a few marks between a first and a last day, at 0 to 100 percent.
type timeline struct {
	Label string
	Marks []mark
}

type mark struct {
	At    float64
	Label string
	Date  string
	Tone  tone
}

// notice is a sentence that must not be overlooked.
type notice struct {
	Tone tone
	Head string
	Text string
}

// section is a heading with a table, stories, or both.
type section struct {
	Title string
	Intro string
	// Link is a page to read on; writers drop what is no plain https address.
	Link string
	// Empty is said when there is neither a row nor a story.
	Empty   string
	Table   *table
	Stories []story
}

// table is rows under headed columns. The first cell of a row names it.
type table struct {
	Caption string
	Columns []column
	Rows    []row
	// Total is a last row that sums up; nil for none.
	Total []cell
}

type column struct {
	Title string
	Right bool // numbers
	// Wide columns are left out of 80-column text, where the stories, or the
	// other formats, tell them.
	Wide bool
	// Keep values in one line: dates and versions.
	Keep bool
}

type row struct {
	Cells []cell
	// Under replaces the cells' second lines in plain text: one line across,
	// where a narrow column would make five.
	Under string
}

// cell is one value: its text, an optional tone that makes it a badge, and an
// optional second line.
type cell struct {
	Text string
	Sub  string
	Tone tone
}

// story is one database, or one finding, told at length.
type story struct {
	Title  string
	Badge  string
	Tone   tone
	Text   []string
	Facts  []fact
	Events []event
	// Chapters tell it in parts, in their order.
	Chapters []chapter
	// Steps are commands to run, each with what it does.
	Steps []step
}

// chapter is a part of a story under a small heading.
type chapter struct {
	Title  string
	Text   []string
	Facts  []fact
	Events []event
}

type fact struct{ Label, Value string }

type event struct{ At, Text, By string }

type step struct{ What, Command string }

func cells(texts ...string) []cell {
	out := make([]cell, len(texts))
	for i, t := range texts {
		out[i].Text = t
	}
	return out
}
