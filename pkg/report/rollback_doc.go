package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
)

func (m rollbackModel) document() document {
	d := document{
		Kind: "Rollback report", Title: m.Campaign,
		Subtitle: fmt.Sprintf("As of %s UTC, AWS read at %s UTC.", stamp(m.GeneratedAt), stamp(m.ObservedAt)),
		Lede:     m.lede(), Figures: m.figures(),
		Bar: &bar{Label: "Databases by way back", Parts: []part{
			{string(undoNothing), m.Counts[undoNothing], toneMute}, {string(undoFree), m.Counts[undoFree], toneGood},
			{string(undoArmed), m.Counts[undoArmed], toneGood},
			{string(undone), m.Counts[undone] + m.Counts[undoGoing], toneBusy}, {string(undoLossy), m.Counts[undoLossy], toneWarn},
			{"cannot be undone, not known or switching", m.Counts[undoNever] + m.Counts[undoUnknown] + m.Counts[undoLater], toneBad},
		}},
	}
	if len(m.Unreachable) > 0 {
		d.Notices = append(d.Notices, notice{toneBad, "Not everything could be read:", strings.Join(m.Unreachable, "; ") + "."})
	}
	for _, w := range m.Warnings {
		d.Notices = append(d.Notices, notice{toneBad, "To look at:", w + "."})
	}
	if m.Journal.Error != "" {
		d.Notices = append(d.Notices, notice{toneBad, "The journal is damaged:", m.Journal.Error + ". The stories below end there."})
	}
	for _, r := range m.Databases {
		if r.Alarm != "" {
			d.Notices = append(d.Notices, notice{toneBad, "Look at " + r.ID + " at once:", r.Alarm + "."})
		}
	}
	d.Sections = append(d.Sections, m.overview())
	for _, g := range undoGroups {
		if m.Counts[g] > 0 || g == undone {
			d.Sections = append(d.Sections, m.section(g))
		}
	}
	d.Sections = withOverrides(d.Sections, m.Overrides)
	d.Foot = []string{
		"Before a switchover the way back is to delete the green: blue was never touched. RDS has no call that switches back afterwards: rdsupgrade stops writes, opens the old server and renames both, which keeps clients out for minutes.",
		"Where no reverse replication is armed, writes made since the switchover stay on the server that is moved away.",
		"Costs of servers that are left behind are estimates at on-demand prices of " + bluegreen.BuiltinPrices().AsOf + ", Extended Support included. rdsupgrade cleanup removes them when their time is over.",
		m.Journal.words(),
	}
	if len(m.Unassigned) > 0 {
		d.Foot = append(d.Foot, fmt.Sprintf("%s in no wave %s not in this report: the campaign changed nothing there.", plural(len(m.Unassigned), "database"), verb(len(m.Unassigned), "is", "are")))
	}
	return d
}

func (m rollbackModel) lede() []string {
	c := m.Counts
	first := fmt.Sprintf("%s rolled back. ", strings.ReplaceAll(plural(c[undone], "database")+verb(c[undone], " was", " were"), "0 databases were", "Nothing was"))
	rest := []string{}
	add := func(n int, one, many string) {
		if n > 0 {
			rest = append(rest, fmt.Sprintf("%d %s", n, verb(n, one, many)))
		}
	}
	add(c[undoGoing], "is going back right now", "are going back right now")
	add(c[undoFree]+c[undoArmed], "can be undone without loss", "can be undone without loss")
	add(c[undoLossy], "can be undone only with loss of writes", "can be undone only with loss of writes")
	add(c[undoNever], "cannot be undone", "cannot be undone")
	add(c[undoLater], "is switching over right now", "are switching over right now")
	add(c[undoUnknown], "is not known", "are not known")
	out := []string{strings.TrimSpace(first)}
	if len(rest) > 0 {
		out = append(out, fmt.Sprintf("Of %s, %s.", plural(len(m.Databases), "database"), strings.Join(rest, "; ")))
	}
	if m.LeftBehind > 0 {
		out = append(out, fmt.Sprintf("%s left behind and %s %s a day until removed.", plural(m.LeftBehind, "server")+verb(m.LeftBehind, " is", " are"), verb(m.LeftBehind, "costs", "cost"), money(m.LeftPerDay)))
	}
	if r := m.longestLoss(); r != nil {
		out = append(out, fmt.Sprintf("The longest run of writes that going back would lose is that of %s: since %s UTC, %s by now.", r.ID, stamp(*r.LossSince), span(r.LossHours)))
	}
	return out
}

func (m rollbackModel) longestLoss() *rollbackRow {
	var longest *rollbackRow
	for i, r := range m.Databases {
		if r.Group == undoLossy && r.LossSince != nil && (longest == nil || r.LossHours > longest.LossHours) {
			longest = &m.Databases[i]
		}
	}
	return longest
}

// span says hours to a person.
func span(hours float64) string {
	switch {
	case hours < 1:
		return plural(int(hours*60), "minute")
	case hours < 48:
		return plural(int(hours), "hour")
	}
	return plural(int(hours/24), "day")
}

func (m rollbackModel) figures() []figure {
	n := func(g undoGroup) string { return fmt.Sprint(m.Counts[g]) }
	return []figure{
		{"Rolled back", n(undone), "", toneBusy},
		{"Undo without loss", fmt.Sprint(m.Counts[undoFree] + m.Counts[undoArmed]), "delete the green, or go back by the armed way", toneGood},
		{"Undo with loss", n(undoLossy), "writes since the switchover", toneWarn},
		{"Cannot be undone, or not known", fmt.Sprint(m.Counts[undoNever] + m.Counts[undoUnknown]), "", toneBad},
	}
}

func (m rollbackModel) overview() section {
	t := &table{Caption: "Every database of the campaign by its way back", Columns: []column{
		{Title: "Database"}, {Title: "Stage"}, {Title: "Way back", Keep: true}, {Title: "Until", Keep: true}, {Title: "Would be lost", Wide: true},
		{Title: "Undone", Wide: true}, {Title: "Service, owner", Wide: true}}}
	for _, r := range m.Databases {
		c := cells(r.ID, or(r.Stage, "not known"), string(r.Group), until(r.Until), or(r.Loss, "nothing"), strings.Join(r.Undone, "; "), r.Service)
		if r.Group == undoUnknown || r.Group == undoLater {
			c[4].Text = or(r.Loss, "not known")
		}
		if r.Group != undoFree && r.Group != undoLossy && r.Group != undoArmed {
			c[3].Text = ""
		}
		c[0].Sub = r.Account + " " + r.Region
		c[1].Tone = stageTone(r.Stage, true, false)
		if r.Group == undoLossy && r.LossSince != nil {
			c[4].Sub = "since " + stamp(*r.LossSince)
		}
		if r.UndoneAt != nil {
			c[5].Sub = stamp(*r.UndoneAt)
		}
		c[6].Sub = r.Owner
		t.Rows = append(t.Rows, row{c, r.under()})
	}
	return section{Title: "Overview", Table: t, Empty: "The campaign has no database."}
}

// under is what a reader of the plain table needs beyond its short columns.
func (r rollbackRow) under() string {
	parts := []string{r.Account + " " + r.Region}
	switch r.Group {
	case undone:
		parts = append(parts, r.Undone...)
	case undoLossy, undoNever:
		parts = append(parts, "would be lost: "+or(r.Loss, "not known"))
	}
	return strings.Join(parts, ", ")
}

func until(t *time.Time) string {
	if t == nil {
		return "no end is set"
	}
	return stamp(*t)
}

// intros tell each group to someone who was not there.
var intros = map[undoGroup]string{
	undone:      "These were brought back to where they were before the campaign touched them.",
	undoFree:    "Their green is being built or stands ready. Users are still on blue; deleting the green loses nothing but the time to build it.",
	undoLossy:   "Users are on the new server. The old one, or a snapshot of it, is still there. Without reverse replication it has none of the writes made since: going back loses them, unless somebody merges them by hand. Where reverse replication is armed, each database says below what would be lost.",
	undoArmed:   "Users are on the new server, and old blue gets every write by reverse replication: going back loses nothing, and keeps clients out for minutes.",
	undoGoing:   "The steps back are being taken at this moment. Do not touch either server.",
	undoLater:   "RDS is switching over at this moment. It ends by itself or is rolled back by RDS; nothing may be changed until then.",
	undoNever:   "The old server is gone.",
	undoNothing: "The campaign has changed nothing here.",
	undoUnknown: "It could not be told what can be undone here. Treat them as not undoable until someone has looked.",
}

var undoTones = map[undoGroup]tone{undone: toneBusy, undoFree: toneGood, undoArmed: toneGood, undoGoing: toneBusy, undoLossy: toneWarn, undoLater: toneBad,
	undoNever: toneBad, undoNothing: toneMute, undoUnknown: toneBad}

func (m rollbackModel) section(g undoGroup) section {
	s := section{Title: upperFirst(string(g)), Empty: "None."}
	var names []string
	for _, r := range m.Databases {
		if r.Group == g {
			s.Stories = append(s.Stories, r.story())
			names = append(names, r.ID)
		}
	}
	if len(names) > 0 {
		s.Intro = intros[g]
	}
	if g == undoNothing {
		// There is no story where nothing happened.
		s.Stories, s.Empty = nil, strings.Join(names, ", ")
	}
	return s
}

// story tells one database from its beginning to what can be done now.
func (r rollbackRow) story() story {
	st := story{Title: r.ID, Badge: r.Stage, Tone: undoTones[r.Group], Text: r.text()}
	add := func(label, v string) {
		if v != "" {
			st.Facts = append(st.Facts, fact{label, v})
		}
	}
	for _, u := range r.Undone {
		add("Undone", u)
	}
	if r.UndoneAt != nil {
		add("Undone at", strings.TrimSpace(stamp(*r.UndoneAt)+" UTC "+by(r.UndoneBy)))
	}
	add("Why", r.Reason)
	if r.Group != undone && !(len(r.Commands) > 0 && strings.HasPrefix(r.How, "rdsupgrade ")) {
		add("How to go back", r.How)
	}
	switch r.Group {
	case undoFree, undoLossy, undoArmed:
		add("Possible until", until(r.Until))
		add("Would be lost", or(r.Loss, "nothing"))
		if r.Group == undoLossy {
			add("Reverse replication", r.reverse())
			add("Binlog position", r.Binlog)
		}
	}
	if r.Group == undone || r.Group == undoUnknown || r.Group == undoLater || r.Group == undoNever {
		add("Next step", r.NextStep)
	}
	add("Where", where(r.Service, r.Owner, r.Account, r.Region))
	st.Chapters = r.chapters()
	st.Events = events(r.History)
	for i, c := range r.Commands {
		if len(r.Commands) > 1 {
			c.What = fmt.Sprintf("Step %d of %d: %s", i+1, len(r.Commands), c.What)
		}
		st.Steps = append(st.Steps, step(c))
	}
	return st
}

// reverse says how the way back by replication stands.
func (r rollbackRow) reverse() string {
	text := ""
	if r.ArmedAt != nil {
		text = "armed since " + stamp(*r.ArmedAt) + " UTC"
	}
	switch w := r.Reverse; {
	case r.Alarm != "":
		text = strings.TrimPrefix(text+"; "+r.Alarm, "; ")
	case w != nil && w.Bytes == 0 && w.Files == 0:
		text += "; old blue has every write"
	case w != nil:
		text += fmt.Sprintf("; old blue is at most %.1f s (%d bytes) behind", w.Seconds, w.Bytes)
	}
	return text
}

func by(who string) string {
	if who == "" {
		return ""
	}
	return "(asked for by " + who + ")"
}

// text is the database in one or two sentences.
func (r rollbackRow) text() []string {
	was := or(r.From, "its old version")
	switch r.Group {
	case undone:
		return []string{fmt.Sprintf("Users are on MySQL %s, on the instance they had before.", or(r.EngineVersion, was))}
	case undoGoing:
		return []string{fmt.Sprintf("Users are being brought back to MySQL %s.", was)}
	case undoArmed:
		return []string{fmt.Sprintf("Users are on MySQL %s. The server they came from, MySQL %s, is kept as %s and gets every write.", or(r.EngineVersion, "(not known)"), was, or(r.OldBlue, "(not known)"))}
	case undoFree:
		return []string{fmt.Sprintf("Users are on MySQL %s. The green %s is not used by anybody.", or(r.EngineVersion, was), or(r.Green, "being built"))}
	case undoLossy:
		since := ""
		if r.switchedAt != nil {
			since = " since " + stamp(*r.switchedAt) + " UTC"
		}
		return []string{fmt.Sprintf("Users are on MySQL %s%s. The server they came from, MySQL %s, is kept as %s.", or(r.EngineVersion, "(not known)"), since, was, or(r.OldBlue, "a snapshot"))}
	case undoNever:
		return []string{fmt.Sprintf("Users are on MySQL %s.", or(r.EngineVersion, "(not known)"))}
	}
	return nil
}

// mostEvents is how much of a history a report tells; evidence has it all.
const mostEvents = 30

// events is the timeline: announcements are left out once their result is
// there, and the oldest when there are too many.
func events(history []fleet.HistoryEntry) []event {
	var out []event
	for i, h := range history {
		if h.Kind == "intent" && i+1 < len(history) {
			continue
		}
		out = append(out, event{stamp(h.At), h.What, h.By})
	}
	if n := len(out) - mostEvents; n > 0 {
		out = append([]event{{out[0].At, fmt.Sprintf("%d earlier entries are left out here; the evidence report has them", n), ""}}, out[n:]...)
	}
	return out
}

func (m rollbackModel) rows() [][]any {
	out := [][]any{{"database", "account", "region", "service", "owner", "wave", "stage", "group", "engine_version", "from_version",
		"undone", "undone_at", "undone_by", "how", "commands", "until", "would_be_lost", "loss_since", "loss_hours", "old_blue", "green", "deployment", "binlog",
		"downtime_writes_seconds", "switch_attempts", "gates_asked", "gates_not_passed", "armed_at", "alarms", "alarm_open", "unclear", "unclear_open", "history_lost",
		"went_back_at", "went_back_by", "lost", "drill", "left_behind", "left_behind_cost_day_usd", "left_behind_cost_so_far_usd", "kept_until"}}
	for _, r := range m.Databases {
		var cmds []string
		for _, c := range r.Commands {
			cmds = append(cmds, c.Command)
		}
		s, left := storyNumbers{r.told()}, r.left()
		out = append(out, []any{r.ID, r.Account, r.Region, r.Service, r.Owner, r.Wave, r.Stage, string(r.Group), r.EngineVersion, r.From,
			strings.Join(r.Undone, "; "), rfc(r.UndoneAt), r.UndoneBy, r.How, strings.Join(cmds, " && "), rfc(r.Until), r.Loss, rfc(r.LossSince), r.LossHours, r.OldBlue, r.Green, r.Deployment, r.Binlog,
			r.downtimeSeconds(), len(s.Attempts), len(s.Gates), s.notPassed(), rfc(r.ArmedAt), len(s.Alarms), s.alarmOpen(), len(s.Unclear), s.unclearOpen(), s.HistoryLost,
			r.wentBackAt(), r.wentBackBy(), r.lost(), r.drill(), strings.Join(left.names, "; "), left.day, left.soFar, rfc(left.until)})
	}
	return out
}

func rfc(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
