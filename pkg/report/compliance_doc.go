package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

func (m complianceModel) document() document {
	return document{
		Kind: "Compliance report", Title: m.Campaign,
		Subtitle: fmt.Sprintf("As of %s UTC, AWS read at %s UTC. Target: MySQL %s.", stamp(m.GeneratedAt), stamp(m.ObservedAt), or(m.Target, "as each database's plan says")),
		Lede:     m.lede(), Figures: m.figures(), Bar: m.bar(), Line: m.timeline(), Notices: m.notices(),
		Sections: withOverrides([]section{m.stuckSection(), m.serviceSection(), m.waveSection(), m.databaseSection(), m.calendarSection()}, m.Overrides),
		Foot:     m.foot(),
	}
}

// lede is what a manager reads in ten seconds.
func (m complianceModel) lede() []string {
	s := m.Summary
	out := []string{fmt.Sprintf("%d of %s %s on target.", s.OnTarget, plural(s.Total, "database"), verb(s.OnTarget, "is", "are"))}
	if s.Total > 0 && s.OnTarget == s.Total {
		out[0] = fmt.Sprintf("All %s are on target.", plural(s.Total, "database"))
	}
	if s.Total == 0 {
		out[0] = "The campaign has no database."
	}
	out = append(out, m.deadlineWords()+" "+m.forecastWords())
	if need := s.NeedPerson; need > 0 {
		out = append(out, fmt.Sprintf("%s %s a person: see \"What needs a person\" below.", plural(need, "database"), verb(need, "needs", "need")))
	}
	return out
}

func (m complianceModel) deadlineWords() string {
	switch {
	case m.DaysLeft == nil:
		return "The plan sets no deadline."
	case *m.DaysLeft < 0:
		return fmt.Sprintf("The deadline, %s, passed %s ago.", m.Deadline, plural(-*m.DaysLeft, "day"))
	case *m.DaysLeft == 0:
		return "The deadline is today."
	}
	return fmt.Sprintf("The deadline, %s, is in %s.", m.Deadline, plural(*m.DaysLeft, "day"))
}

func (m complianceModel) forecastWords() string {
	f := m.Forecast
	if !f.Known {
		if f.Remaining == 0 {
			return ""
		}
		return "No forecast: " + f.Why + "."
	}
	w := fmt.Sprintf("At the pace so far, %s a day, the other %d that can move %s on target on %s",
		strconv.FormatFloat(f.PerDay, 'f', -1, 64), f.Remaining, verb(f.Remaining, "is", "are"), date(f.Finish))
	switch {
	case f.Slack == nil:
	case *f.Slack < 0:
		w += fmt.Sprintf(", %s too late", plural(-*f.Slack, "day"))
	default:
		w += fmt.Sprintf(", %s before the deadline", plural(*f.Slack, "day"))
	}
	return w + "."
}

func (m complianceModel) figures() []figure {
	s := m.Summary
	figs := []figure{{"On target", fmt.Sprintf("%d of %d", s.OnTarget, s.Total), percent(s.OnTarget, s.Total), toneGood}}
	d := figure{Label: "Deadline", Value: "none", Tone: toneMute}
	if m.DaysLeft != nil {
		d = figure{"Deadline", plural(*m.DaysLeft, "day"), m.Deadline, toneMute}
		if *m.DaysLeft < 0 {
			d.Value, d.Tone = plural(-*m.DaysLeft, "day")+" over", toneBad
		}
	}
	finish := figure{Label: "Finish at this pace", Value: "no forecast", Note: m.Forecast.Why, Tone: toneMute}
	if m.Forecast.Known {
		finish = figure{finish.Label, date(m.Forecast.Finish), strconv.FormatFloat(m.Forecast.PerDay, 'f', -1, 64) + " a day", toneGood}
		if m.Forecast.Slack != nil && *m.Forecast.Slack < 0 {
			finish.Tone = toneBad
		}
		if m.Forecast.Stuck > 0 {
			finish.Note += fmt.Sprintf(", without the %d that need a person", m.Forecast.Stuck)
		}
	}
	figs = append(figs, d, finish,
		feeFigure("Each day of delay costs", s.DelayPerDay, "Extended Support that ends on target, estimate", toneWarn),
		feeFigure("Extended Support a day, now", s.FeeNow, "for "+plural(s.Total, "database")+", estimate", toneWarn),
		feeFigure("Extended Support a day, on target", s.FeeAfter, m.afterNote(), toneMute))
	if s.Twins > 0 {
		figs = append(figs, feeFigure("Greens and old blues, a day", s.TwinsPerDay, fmt.Sprintf("Extended Support of %d that %s beside", s.Twins, verb(s.Twins, "runs", "run")), toneMute))
	}
	if s.LeftBehind > 0 {
		figs = append(figs, feeFigure("Servers left behind, a day", s.LeftPerDay, fmt.Sprintf("all costs of %s until cleanup, estimate", plural(s.LeftBehind, "server")), toneMute))
	}
	return append(figs, feeFigure("Saved so far", s.SavedSoFar, s.SavedPerDay.String()+" a day, old blues not deducted", toneGood))
}

// feeFigure shows a sum; one with unknown parts is marked as a lower bound.
func feeFigure(label string, a amount, note string, t tone) figure {
	f := figure{label, dollars(a.USD), note, t}
	if !a.Known {
		f.Value += "+"
		f.Note = "at least; " + note
	}
	return f
}

// afterNote says why there is still a fee on the target, or that there is none.
func (m complianceModel) afterNote() string {
	if m.Summary.FeeAfter.Known && m.Summary.FeeAfter.USD == 0 {
		return "the target is in standard support"
	}
	return "the target itself is in paid Extended Support"
}

func percent(n, of int) string {
	if of == 0 {
		return ""
	}
	return fmt.Sprintf("%d %%", n*100/of)
}

func (m complianceModel) bar() *bar {
	s := m.Summary
	return &bar{Label: "Databases by state", Parts: []part{
		{string(groupOnTarget), s.OnTarget, toneGood},
		{string(groupProgress), s.InProgress, toneBusy},
		{string(groupWaiting), s.Waiting + s.LeftOut, toneMute},
		{"held, rolled back or in no wave", s.Held + s.RolledBack + s.NoWave, toneWarn},
		{"blocked, failed or not known", s.Stuck + s.Unknown, toneBad},
	}}
}

// timeline sets today, the forecast and the deadline side by side.
func (m complianceModel) timeline() *timeline {
	deadline, err := time.Parse(time.DateOnly, m.Deadline)
	if err != nil {
		return nil
	}
	marks := []mark{{Label: "today", Date: date(m.GeneratedAt), Tone: toneBusy}, {Label: "deadline", Date: m.Deadline, Tone: toneBad}}
	days := []time.Time{m.GeneratedAt, deadline}
	for _, r := range m.Databases {
		if r.SwitchedAt != nil && r.SwitchedAt.Before(days[0]) {
			if len(days) == 2 {
				days = append(days, *r.SwitchedAt)
				marks = append(marks, mark{Label: "first switchover", Tone: toneMute})
			}
			if r.SwitchedAt.Before(days[2]) {
				days[2] = *r.SwitchedAt
			}
			marks[2].Date = date(days[2])
		}
	}
	if m.Forecast.Known {
		days = append(days, m.Forecast.Finish)
		marks = append(marks, mark{Label: "finish at this pace", Date: date(m.Forecast.Finish), Tone: toneGood})
	}
	first, last := slices.MinFunc(days, time.Time.Compare), slices.MaxFunc(days, time.Time.Compare)
	span := last.Sub(first).Hours()
	if span <= 0 {
		return nil
	}
	for i := range marks {
		// 2 percent of margin keep the dots inside the drawing.
		marks[i].At = 2 + 96*days[i].Sub(first).Hours()/span
	}
	slices.SortStableFunc(marks, func(a, b mark) int { return strings.Compare(a.Date, b.Date) })
	return &timeline{Label: "From the first switchover to the deadline", Marks: marks}
}

func (m complianceModel) notices() []notice {
	var out []notice
	for _, s := range m.Calendar {
		n := 0
		for _, r := range m.Databases {
			if line(r.TargetVersion) == s.Line {
				n++
			}
		}
		if n == 0 || s.Phase == bluegreen.PhaseStandard {
			continue
		}
		switch {
		case s.Phase.Paid():
			out = append(out, notice{toneWarn, "MySQL " + s.Line + " does not end the fee.",
				fmt.Sprintf("%s %s is the target of %s, and RDS charges Extended Support for it since %s. It pays at most half of what 5.7 pays in its third year, but only a line in standard support pays nothing.",
					"MySQL", s.Line, plural(n, "database"), date(s.StandardEnd.AddDate(0, 0, 1)))})
		default:
			out = append(out, notice{toneBad, "MySQL " + s.Line + ":", phaseWords(s) + ". It is the target of " + plural(n, "database") + "."})
		}
	}
	if m.Summary.DelayPerDay.Note != "" || m.Summary.FeeNow.Note != "" {
		out = append(out, notice{toneMute, "About the fees:", or(m.Summary.FeeNow.Note, m.Summary.DelayPerDay.Note) + "."})
	}
	if len(m.Unreachable) > 0 {
		out = append(out, notice{toneBad, "Not everything could be read:", strings.Join(m.Unreachable, "; ") + ". What lies there is not known."})
	}
	for _, w := range m.Warnings {
		out = append(out, notice{toneBad, "To look at:", w + "."})
	}
	if m.Journal.Error != "" {
		out = append(out, notice{toneBad, "The journal is damaged:", m.Journal.Error + ". Evidence after that point proves nothing."})
	}
	return out
}

func (m complianceModel) stuckSection() section {
	s := section{Title: "What needs a person", Empty: "Nothing: every database is on target or on its way."}
	for _, r := range m.Databases {
		if !r.Group.needsPerson() {
			continue
		}
		st := story{Title: r.ID, Badge: badge(r), Tone: stageTone(r.Stage, r.OnTarget, true)}
		if r.Group == groupNoWave {
			st.Tone = toneWarn
		}
		add := func(label, v string) {
			if v != "" {
				st.Facts = append(st.Facts, fact{label, v})
			}
		}
		add("Why", or(r.Reason, noReason(r)))
		if r.Precheck != nil {
			for _, f := range r.Precheck.Top {
				add("Finding", f)
			}
		}
		add("Next step", or(r.NextStep, noNextStep(r)))
		add("Where", where(r.Service, r.Owner, r.Account, r.Region))
		switch delay := minus(r.now, r.after); {
		case !delay.Known:
			add("Fee meanwhile", "not known")
		case delay.USD > 0:
			add("Fee meanwhile", r.FeeNow.String()+" a day, of which "+dollars(delay.USD)+" would end on target")
		}
		s.Stories = append(s.Stories, st)
	}
	return s
}

func badge(r complianceRow) string {
	if r.Group == groupNoWave || r.Stage == "" {
		return string(r.Group)
	}
	return r.Stage
}

func noReason(r complianceRow) string {
	if r.Group == groupNoWave {
		return "no wave of the plan selects it, so nothing will happen to it"
	}
	return "no reason was recorded"
}

func noNextStep(r complianceRow) string {
	if r.Group == groupNoWave {
		return "add it to a wave, or say in the plan why it is left out"
	}
	return ""
}

// where places a database: whose it is and where it runs.
func where(service, owner, account, region string) string {
	parts := []string{}
	if service != "" {
		parts = append(parts, "service "+service)
	}
	if owner != "" {
		parts = append(parts, "owner "+owner)
	}
	if place := strings.TrimSpace(account + " " + region); place != "" {
		parts = append(parts, place)
	}
	return strings.Join(parts, ", ")
}

func (m complianceModel) serviceSection() section {
	t := &table{Caption: "Services, those with the most left to do first", Columns: []column{
		{Title: "Service"}, {Title: "Owner"}, {Title: "On target", Right: true}, {Title: "Of", Right: true},
		{Title: "Stuck", Right: true}, {Title: "Fee a day", Right: true}, {Title: "Delay a day", Right: true}}}
	for _, s := range m.Services {
		t.Rows = append(t.Rows, row{Cells: cells(or(s.Service, "(no service tag)"), s.Owner, strconv.Itoa(s.OnTarget),
			strconv.Itoa(s.Total), strconv.Itoa(s.Stuck), s.FeeNow.String(), s.Delay.String())})
	}
	t.Total = cells("All", "", strconv.Itoa(m.Summary.OnTarget), strconv.Itoa(m.Summary.Total), strconv.Itoa(m.Summary.NeedPerson),
		m.Summary.FeeNow.String(), m.Summary.DelayPerDay.String())
	return section{Title: "By service and owner", Table: t}
}

func (m complianceModel) waveSection() section {
	t := &table{Caption: "Waves in their order", Columns: []column{{Title: "Wave"}, {Title: "State"},
		{Title: "Done", Right: true}, {Title: "Failed", Right: true}, {Title: "Blocked", Right: true}, {Title: "Approval"}, {Title: "Why", Wide: true}}}
	for _, w := range m.Waves {
		approval := w.Approval
		if w.ApprovedBy != "" {
			approval = "by " + w.ApprovedBy
			if w.ApprovedAt != nil {
				approval += ", " + stamp(*w.ApprovedAt)
			}
		}
		c := cells(w.Name, w.State, fmt.Sprintf("%d of %d", w.Done, w.Total), strconv.Itoa(w.Failed), strconv.Itoa(w.Blocked), approval, w.Reason)
		c[1].Tone = map[string]tone{"done": toneGood, "running": toneBusy, "stopped": toneBad, "partial": toneWarn, "paused": toneWarn}[w.State]
		t.Rows = append(t.Rows, row{Cells: c})
	}
	return section{Title: "Waves", Table: t, Empty: "The plan has no wave."}
}

func (m complianceModel) databaseSection() section {
	t := &table{Caption: "Every database of the campaign and those that no wave selects", Columns: []column{
		{Title: "Database"}, {Title: "Stage"}, {Title: "Version", Keep: true}, {Title: "Its support", Keep: true},
		{Title: "On target"}, {Title: "Service, owner", Wide: true}, {Title: "Fee a day", Right: true}, {Title: "Evidence", Wide: true}}}
	for _, r := range m.Databases {
		t.Rows = append(t.Rows, m.databaseRow(r))
	}
	return section{Title: "Every database", Intro: m.deadlineWords(), Table: t, Empty: "There is none."}
}

func (m complianceModel) databaseRow(r complianceRow) row {
	c := cells(r.ID, or(r.Stage, "not known"), or(r.EngineVersion, "not known"), phaseShort(r.Support), "yes",
		or(r.Service, "(no service tag)"), r.FeeNow.String(), r.Evidence.String())
	c[0].Sub = strings.TrimSpace(r.Account + " " + r.Region)
	c[1].Tone = stageTone(r.Stage, r.OnTarget, r.Group == groupHeld)
	c[1].Sub = "in no wave"
	if r.Wave != "" {
		c[1].Sub = "wave " + r.Wave
	}
	if !r.OnTarget && r.TargetVersion != "" && r.TargetVersion != r.EngineVersion {
		c[2].Sub = "to " + r.TargetVersion
	}
	if u := r.Support.Until; !u.IsZero() {
		c[3].Sub = "until " + date(u)
	}
	if !r.OnTarget {
		c[4] = cell{Text: "no", Sub: "off: " + or(strings.Join(r.Off, ", "), string(r.Group))}
		if m.DaysLeft != nil {
			c[4].Sub = daysLeft(*m.DaysLeft) + ", " + c[4].Sub
		}
	}
	c[5].Sub = r.Owner
	if r.FeeAfter.Known && !r.OnTarget {
		c[6].Sub = dollars(r.FeeAfter.USD) + " on target"
	}
	if r.Evidence.Seq != 0 {
		c[7].Sub = r.Evidence.What
	}
	var under []string
	for _, k := range []int{0, 1, 2, 3, 4} {
		if s := c[k].Sub; s != "" {
			under = append(under, strings.Replace(s, "until ", "support until ", 1))
		}
	}
	return row{c, strings.Join(under, ", ")}
}

func daysLeft(n int) string {
	if n < 0 {
		return plural(-n, "day") + " over"
	}
	return plural(n, "day") + " left"
}

func (m complianceModel) calendarSection() section {
	t := &table{Caption: "Support calendar of the lines in this fleet", Columns: []column{{Title: "Line", Keep: true}, {Title: "Now"},
		{Title: "Standard until", Keep: true}, {Title: "Year 3 rate from", Keep: true}, {Title: "Paid until", Keep: true}, {Title: "Source of the dates"}}}
	for _, s := range m.Calendar {
		c := cells("MySQL "+s.Line, phaseWords(s), or(date(s.StandardEnd), "not known"), or(date(s.YearThree), "none known"), or(date(s.ExtendedEnd), "none known"), s.Source)
		c[1].Tone = phaseTone(s.Phase)
		t.Rows = append(t.Rows, row{Cells: c})
	}
	return section{Title: "Support calendar", Intro: "Days are the last day of each, UTC. AWS does not publish the day of the year 3 rate by API: it is taken as two years after paid support begins.", Table: t}
}

func (m complianceModel) foot() []string {
	out := []string{
		fmt.Sprintf("Fees are estimates: vCPUs (twice for Multi-AZ) times the hourly rate, prices of %s (%s). %s.", m.Prices.AsOf, m.Prices.Source, upperFirst(m.Prices.Note)),
		"\"On target\" means version, storage type and instance class as the plan wants them, as AWS showed them when it was read.",
	}
	return append(out, m.Journal.words())
}

// words says what the evidence column rests on.
func (j JournalRef) words() string {
	switch {
	case j.Head == "":
		return "No journal was given: what happened is told by AWS alone."
	case j.Verified:
		return fmt.Sprintf("Journal %s: %d entries, hash chain verified, head %s.", j.Path, j.Entries, j.Head)
	}
	return fmt.Sprintf("Journal %s: %d entries, head %s; its chain was not verified for this report (rdsupgrade audit verify).", j.Path, j.Entries, j.Head)
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func (m complianceModel) rows() [][]any {
	out := [][]any{{"database", "account", "region", "service", "owner", "wave", "stage", "group", "engine_version", "target_version",
		"support_phase", "support_until", "support_source", "on_target", "off_target", "deadline", "days_left", "days_overdue",
		"fee_per_day_usd_estimate", "fee_per_day_on_target_usd_estimate", "twin", "twin_fee_per_day_usd_estimate", "price_date",
		"reason", "next_step", "evidence_seq", "evidence_at", "evidence"}}
	left, over := any(""), any("")
	if m.DaysLeft != nil {
		left, over = max(0, *m.DaysLeft), max(0, -*m.DaysLeft)
	}
	for _, r := range m.Databases {
		seq := any("")
		if r.Evidence.Seq != 0 {
			seq = r.Evidence.Seq
		}
		out = append(out, []any{r.ID, r.Account, r.Region, r.Service, r.Owner, r.Wave, r.Stage, string(r.Group), r.EngineVersion, r.TargetVersion,
			string(r.Support.Phase), date(r.Support.Until), r.Support.Source, yes(r.OnTarget), strings.Join(r.Off, "; "), m.Deadline, left, over,
			r.FeeNow.csv(), r.FeeAfter.csv(), r.Twin, r.TwinFee.csv(), m.Prices.AsOf,
			r.Reason, r.NextStep, seq, r.Evidence.At.Format(time.RFC3339), r.Evidence.What})
	}
	return out
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// csv is the amount, or nothing when it is not known: never a zero for it.
func (a amount) csv() any {
	if !a.Known {
		return ""
	}
	return a.USD
}
