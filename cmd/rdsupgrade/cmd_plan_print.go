package main

import (
	"fmt"
	"io"
	"sort"
	"strings"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
)

// printPreview is the plan for people: everything, or with one only what
// concerns the databases that were asked for.
func printPreview(w io.Writer, pv fleet.Preview, actions, one bool) {
	fmt.Fprintf(w, "campaign %s: %s to MySQL %s", pv.Campaign, plural(len(pv.Plans), "database"), pv.Target)
	if pv.Deadline != "" {
		fmt.Fprintf(w, ", deadline %s", pv.Deadline)
	}
	fmt.Fprint(w, "\n\n")
	var rows [][]string
	for i, d := range pv.Plans {
		db := pv.Databases[i]
		class, storage := db.InstanceClass, db.StorageType
		if t := d.Target; t != nil && len(d.Route) > 1 && !d.Blocked() {
			class, storage = arrow(class, t.Class), arrow(storage, t.Storage.Type)
		}
		rows = append(rows, []string{d.ID, d.Wave, strings.Join(d.Route, " > "), class, storage, hours(d.Duration), verdict(d)})
	}
	table(w, []string{"DATABASE", "WAVE", "ROUTE", "CLASS", "STORAGE", "TIME", "VERDICT"}, rows, cutAt(w))
	printIssues(w, pv, actions)
	if !one {
		printQuotas(w, pv)
		printPermissions(w, pv)
		printCost(w, pv)
		printCalendar(w, pv)
	}
	printSources(w, pv)
	printGaps(w, pv, actions)
}

func arrow(from, to string) string {
	if to == "" || to == from {
		return from
	}
	return from + " > " + to
}

// hours is a duration with its range.
func hours(d *bluegreen.Duration) string {
	if d == nil {
		return "-"
	}
	return fmt.Sprintf("%.1f-%.0fh", d.Total().Hours(), d.High().Hours())
}

func verdict(d fleet.DatabasePlan) string {
	if d.Blocked() {
		for _, i := range d.Issues {
			if i.Severity == bluegreen.SeverityBlock {
				return "blocked: " + i.ID
			}
		}
	}
	if len(d.Actions) == 0 {
		return d.Stage
	}
	warn := 0
	for _, i := range d.Issues {
		if i.Severity == bluegreen.SeverityWarn {
			warn++
		}
	}
	if warn > 0 {
		return fmt.Sprintf("%s, %s", plural(len(d.Actions), "call"), plural(warn, "warning"))
	}
	return plural(len(d.Actions), "call")
}

func printIssues(w io.Writer, pv fleet.Preview, actions bool) {
	for _, d := range pv.Plans {
		head := false
		say := func(format string, args ...any) {
			if !head {
				fmt.Fprintf(w, "\n%s\n", visible(d.ID))
				head = true
			}
			fmt.Fprintf(w, format, args...)
		}
		for _, i := range d.Issues {
			if i.Severity == bluegreen.SeverityBlock || actions {
				printIssue(say, "  ", i)
			}
		}
		if !actions {
			continue
		}
		printRoad(say, d)
	}
}

func printIssue(say func(string, ...any), indent string, i bluegreen.Issue) {
	code := ""
	if i.Code != "" {
		code = " (AWS would say " + i.Code + ")"
	}
	say("%s%s: %s: %s%s\n", indent, i.Severity, i.ID, visible(i.Message), code)
	if i.Evidence != "" {
		say("%s       seen: %s\n", indent, visible(i.Evidence))
	}
	if i.WayOut != "" {
		say("%s       way out: %s\n", indent, visible(i.WayOut))
	}
}

// printRoad is one database in full: hops, parameters, money, calls.
func printRoad(say func(string, ...any), d fleet.DatabasePlan) {
	for n, h := range d.Steps {
		printHop(say, n, h)
	}
	if len(d.Steps) == 0 && d.Target != nil {
		for _, n := range d.Target.Notes {
			say("  note: %s\n", visible(n))
		}
	}
	if c := d.Cost; c != nil && len(d.Steps) > 0 {
		say("  month: instance %s > %s, storage %s > %s, IOPS %s > %s, throughput %s > %s\n", money(c.Before.Instance), money(c.After.Instance),
			money(c.Before.Storage), money(c.After.Storage), money(c.Before.IOPS), money(c.After.IOPS), money(c.Before.Throughput), money(c.After.Throughput))
		say("  day: Extended Support %s now, %s after; green beside blue %s; old blue until deleted %s\n", money(c.FeeNow), money(c.FeeAfter),
			money(c.GreenPerDay), money(c.OldBluePerDay))
		if c.MeasuredSaving != nil {
			say("  measured sizing saves %s a month\n", money(*c.MeasuredSaving))
		}
	}
	for n, a := range d.Actions {
		say("  %d. %s\n", n+1, visible(a.String()))
	}
	if d.Hops > 1 {
		say("  then, after the soak, the same for %s\n", plural(d.Hops-1, "more hop"))
	}
}

// money is an estimate in dollars, with a mark where a part is missing.
func money(e bluegreen.Estimate) string {
	switch {
	case e.Known:
		return fmt.Sprintf("%.2f USD", e.USD)
	case e.USD != 0:
		return fmt.Sprintf("%.2f USD and more", e.USD)
	}
	return "unknown"
}

func printQuotas(w io.Writer, pv fleet.Preview) {
	for _, q := range pv.Quotas {
		fmt.Fprintf(w, "\nquotas of %s: the waves would hold %s at once, %d fit\n", q.Scope, plural(q.AtOnce, "green"), q.Fits)
		for _, i := range q.Issues {
			printIssue(func(f string, a ...any) { fmt.Fprintf(w, f, a...) }, "  ", i)
		}
	}
}

func printPermissions(w io.Writer, pv fleet.Preview) {
	for _, scope := range sortedMap(pv.Permissions) {
		p := pv.Permissions[scope]
		fmt.Fprintf(w, "\npermissions in %s", scope)
		if p.Identity != "" {
			fmt.Fprintf(w, " as %s", visible(p.Identity))
		}
		fmt.Fprintln(w)
		for _, a := range p.Actions {
			if a.State != "allowed" {
				fmt.Fprintf(w, "  %s: %s: %s\n", a.State, a.Action, visible(a.Why))
			}
		}
	}
}

func printCost(w io.Writer, pv fleet.Preview) {
	c := pv.Cost
	fmt.Fprintf(w, "\ncost (estimate; prices of %s, %s)\n", c.AsOf, visible(c.Source))
	fmt.Fprintf(w, "  a month: %s now, %s after\n", money(c.BeforeMonth), money(c.AfterMonth))
	if c.Unpriced > 0 {
		fmt.Fprintf(w, "  not in these sums: %s without a price, for %s\n", plural(c.Unpriced, "database"), visible(strings.Join(c.UnpricedFor, ", ")))
	}
	fmt.Fprintf(w, "  Extended Support a day, blocked databases as they are: %s now, %s after the first hop, %s on the target\n", money(c.FeeNowDay), money(c.FeeFirstDay), money(c.FeeAfterDay))
	if c.OldBluesDay.USD > 0 {
		fmt.Fprintf(w, "  old blues, all kept: %s a day, their Extended Support included\n", money(c.OldBluesDay))
	}
	if c.MeasuredMonth != nil {
		fmt.Fprintf(w, "  sizing by measured load saves %s a month\n", money(*c.MeasuredMonth))
	}
	for _, scope := range sortedMap(c.Reserved) {
		printReserved(w, scope, c.Reserved[scope])
	}
}

// printReserved is what becomes of a scope's reservations: those that nothing
// would use, and in one line what to reserve.
func printReserved(w io.Writer, scope string, list []bluegreen.ReservedChange) {
	var wanted []string
	var saves bluegreen.Estimate
	for _, r := range list {
		if r.Stranded > 0 {
			fmt.Fprintf(w, "  %s: reservations of %s for %.3g large (until %s) would be used by nothing: %s\n", scope, r.Family,
				bluegreen.Larges(r.Stranded), orDash(r.Ends), visible(strings.Join(r.IDs, ", ")))
		}
		if r.Uncovered > 0 && r.After > r.Before {
			if len(wanted) == 0 {
				saves = r.Saving
			} else {
				saves = saves.Add(r.Saving)
			}
			wanted = append(wanted, fmt.Sprintf("%.3g of %s", bluegreen.Larges(r.Uncovered), r.Family))
		}
	}
	if len(wanted) > 0 {
		fmt.Fprintf(w, "  %s: to reserve after the campaign, as large: %s\n    saves %s a month (%s)\n", scope, strings.Join(wanted, ", "), money(saves), visible(saves.Note))
	}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func printCalendar(w io.Writer, pv fleet.Preview) {
	c := pv.Calendar
	fmt.Fprintf(w, "\ncalendar (%s)\n", c.Note)
	printTimes(w, pv)
	for _, wv := range c.Waves {
		switch {
		case wv.Databases == 0:
			fmt.Fprintf(w, "  %s: nothing to do\n", visible(wv.Wave))
		case wv.Finish.IsZero():
			fmt.Fprintf(w, "  %s: no window ever opens\n", visible(wv.Wave))
		default:
			fmt.Fprintf(w, "  %s: %s, done by %s, at most %s at once\n", visible(wv.Wave), plural(wv.Databases, "database"),
				wv.Finish.Format("2006-01-02 15:04"), plural(wv.GreensAtOnce, "green"))
		}
	}
	if !c.Finish.IsZero() {
		fmt.Fprintf(w, "  campaign done by %s", c.Finish.Format("2006-01-02"))
		if !c.FinishHigh.IsZero() {
			fmt.Fprintf(w, ", slow end %s", c.FinishHigh.Format("2006-01-02"))
		}
		if c.Deadline != "" {
			fmt.Fprintf(w, "; deadline %s: %.1f days to spare, slow end %.1f", c.Deadline, c.SpareDays, c.SpareHighDays)
		}
		fmt.Fprintln(w)
	}
	for _, h := range c.Help {
		fmt.Fprintf(w, "  would help: %s\n", h)
	}
}

func printSources(w io.Writer, pv fleet.Preview) {
	fmt.Fprintln(w)
	for _, scope := range sortedMap(pv.Sources) {
		s := pv.Sources[scope]
		fmt.Fprintf(w, "sources in %s: versions from %s; calendar from %s; classes from %s\n", scope, s.Versions, s.Calendar, s.Classes)
	}
}

func sortedMap[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

func printGaps(w io.Writer, pv fleet.Preview, actions bool) {
	var lines []string
	for scope, gaps := range pv.Gaps {
		for what, why := range gaps {
			lines = append(lines, fmt.Sprintf("%s: %s could not be read: %s", scope, what, why))
		}
	}
	lines = append(lines, pv.Unreachable...)
	sort.Strings(lines)
	for i, l := range lines {
		if i == 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintln(w, visible(l))
	}
	if actions {
		for _, a := range pv.Aside {
			fmt.Fprintf(w, "left aside: %s: %s\n", visible(a.ID), visible(a.Why))
		}
	} else if n := len(pv.Aside); n > 0 {
		fmt.Fprintf(w, "\n%s left aside: no databases of their own (--actions lists them)\n", plural(n, "instance"))
	}
	if n := len(pv.Unassigned); n > 0 {
		fmt.Fprintf(w, "\n%s on MySQL 5.7 in no wave:", plural(n, "database"))
		for _, d := range pv.Unassigned {
			fmt.Fprint(w, " ", visible(d.ID))
		}
		fmt.Fprintln(w)
	}
}
