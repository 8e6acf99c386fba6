package plan

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// More than these are no calendar that anybody meant, and would make every look
// at it slow.
const maxWindows, maxBlackouts = 50, 400

// atMost bounds the length of a list.
func (d *decoder) atMost(v value, n, most int) {
	if n > most {
		d.bad(v, "too-many-values", fmt.Sprintf("%s has %d entries", v.path, n), fmt.Sprintf("want at most %d", most))
	}
}

// RDS accepts 30 s to 3600 s (SwitchoverBlueGreenDeployment, SwitchoverTimeout).
var switchoverFields = append(aheadFields, []field[Switchover]{
	duration("timeout", 30*time.Second, 3600*time.Second, func(s *Switchover) *time.Duration { return &s.Timeout }),
	duration("max_replica_lag", 0, time.Hour, func(s *Switchover) *time.Duration { return &s.MaxLag }),
	duration("lag_for", 0, day, func(s *Switchover) *time.Duration { return &s.LagFor }),
	integer("retries", 0, 10, func(s *Switchover) *int { return &s.Retries }),
	{key: "way_back", sub: below(".", wayBackFields), read: func(d *decoder, v value, s *Switchover) {
		object(d, v, wayBackFields, &s.WayBack)
		if w := s.WayBack; w.User == "" || w.PasswordEnv == "" {
			d.bad(v, "incomplete-way-back", v.path+" needs both user and password_env", "want the account that old blue replicates with")
		}
	}},
	{key: "drain", sub: below(".", drainFields), read: readDrain},
	{key: "smoke", sub: below("[].", smokeFields), read: readSmoke},
	nested("disk", diskFields, func(s *Switchover) *Disk { return &s.Disk }),
	{key: "windows", sub: below("[].", windowFields), read: func(d *decoder, v value, s *Switchover) {
		d.list(v, "want a list of windows, each with from and to", func(e value) {
			w := Window{From: -1, To: -1, Location: time.UTC, Pos: e.pos}
			object(d, e, windowFields, &w)
			if w.From >= 0 && w.From == w.To {
				d.bad(e, "empty-window", fmt.Sprintf("%s: from and to are both %s", e.path, w.From), "want two times; 00:00 to 24:00 is the whole day")
			}
			s.Windows = append(s.Windows, w)
		})
		d.atMost(v, len(s.Windows), maxWindows)
	}},
	{key: "blackout", sub: below("[].", blackoutFields), read: func(d *decoder, v value, s *Switchover) {
		d.list(v, "want a list of days or ranges of days, such as [2026-12-24..2027-01-02]", func(e value) {
			var r DateRange
			if readRange(d, e, &r) {
				s.Blackout = append(s.Blackout, r)
			}
		})
		d.atMost(v, len(s.Blackout), maxBlackouts)
	}},
}...)

var wayBackFields = []field[WayBack]{
	text("user", func(w *WayBack) *string { return &w.User }),
	environment("password_env", func(w *WayBack) *string { return &w.PasswordEnv }),
	duration("binlog_retention", time.Hour, 168*time.Hour, func(w *WayBack) *time.Duration { return &w.Retention }),
	word("drill", drillForm, "bad-drill", "want first, or the id of a database", func(w *WayBack) *string { return &w.Drill }),
}

var drillForm = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9-]{0,62}$`)

var windowFields = []field[Window]{
	{key: "days", read: readDays},
	must(clock("from", false, func(w *Window) *Clock { return &w.From })),
	must(clock("to", true, func(w *Window) *Clock { return &w.To })),
	{key: "timezone", read: func(d *decoder, v value, w *Window) {
		const want = "want an IANA name such as Europe/Berlin or UTC"
		s, ok := d.filled(v, want)
		if !ok {
			return
		}
		// "Local" would mean another time on every machine.
		loc, err := time.LoadLocation(s)
		if err != nil || s == "Local" {
			d.bad(v, "bad-timezone", fmt.Sprintf("%s: unknown time zone %s", v.path, quote(s)), want)
			return
		}
		w.Location = loc
	}},
}

func clock(key string, endOfDay bool, part func(*Window) *Clock) field[Window] {
	return field[Window]{key: key, read: func(d *decoder, v value, w *Window) {
		const want = `want a time of day such as "22:00"`
		s, ok := d.filled(v, want)
		if !ok {
			return
		}
		c, err := ParseClock(s)
		if err != nil || c == 24*60 && !endOfDay {
			d.bad(v, "bad-time", fmt.Sprintf("%s: %s is not a time of day", v.path, quote(s)), want)
			return
		}
		*part(w) = c
	}}
}

var dayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

func readDays(d *decoder, v value, w *Window) {
	names, _ := d.texts(v, "want a list of days, such as [mon, tue]", func(e value) (string, bool) {
		return d.choice(e, "bad-day", dayNames...)
	})
	for _, n := range names {
		for i, known := range dayNames {
			if n == known {
				w.Days = append(w.Days, time.Weekday(i))
			}
		}
	}
}

var blackoutFields = []field[DateRange]{
	must(field[DateRange]{key: "from", read: func(d *decoder, v value, r *DateRange) { r.From, _ = d.date(v) }}),
	{key: "to", read: func(d *decoder, v value, r *DateRange) { r.To, _ = d.date(v) }},
	sentence("reason", "want a reason", func(r *DateRange) *string { return &r.Reason }),
}

// readRange takes a day, FROM..TO, or a mapping.
func readRange(d *decoder, v value, r *DateRange) bool {
	if !v.isScalar() {
		before := len(d.problems)
		if !object(d, v, blackoutFields, r) || len(d.problems) > before {
			return false
		}
	} else {
		from, to, isRange := strings.Cut(v.node.Value, "..")
		first, ok := d.date(v.as(strings.TrimSpace(from)))
		if !ok {
			return false
		}
		r.From = first
		if isRange {
			if r.To, ok = d.date(v.as(strings.TrimSpace(to))); !ok {
				return false
			}
		}
	}
	if r.To.IsZero() {
		r.To = r.From
	}
	if r.To.Before(r.From.Time) {
		d.bad(v, "reversed-range", fmt.Sprintf("%s: %s is after %s", v.path, r.From, r.To), fmt.Sprintf("did you mean %s..%s?", r.To, r.From))
		return false
	}
	return true
}

var waveFields = []field[Wave]{
	must(word("name", regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$`), "bad-name", "want up to 40 letters, digits and . _ -",
		func(w *Wave) *string { return &w.Name })),
	must(field[Wave]{key: "select", sub: below(".", selectorFields), read: func(d *decoder, v value, w *Wave) {
		if object(d, v, selectorFields, &w.Select) && len(v.node.Content) == 0 {
			d.bad(v, "selects-nothing", fmt.Sprintf("wave %s selects nothing", quote(w.Name)),
				`want at least one of ids, globs, tags, engine_versions, accounts, regions; globs: ["*"] is every database`)
		}
	}}),
	nested("exclude", selectorFields, func(w *Wave) *Selector { return &w.Exclude }),
	nested("limits", limitFields, func(w *Wave) *Wave { return w }),
	{key: "error_budget", read: readBudget},
	budget("build_error_budget", func(w *Wave) **Budget { return &w.BuildBudget }),
	budget("switch_error_budget", func(w *Wave) **Budget { return &w.SwitchBudget }),
	{key: "batches", read: readBatches},
	duration("soak", 0, longest, func(w *Wave) *time.Duration { return &w.Soak }),
	choice("approval", "bad-approval", func(w *Wave) *string { return &w.Approval }, Manual, Auto),
}

var limitFields = []field[Wave]{
	integer("build", 1, 1000, func(w *Wave) *int { return &w.BuildLimit }),
	integer("switch", 1, 1000, func(w *Wave) *int { return &w.SwitchLimit }),
}

var percentage = regexp.MustCompile(`^(-?[0-9]+(?:\.[0-9]+)?) ?%$`)

func readBudget(d *decoder, v value, w *Wave) {
	if b, ok := d.budget(v, "want the number of failures that stops the wave (1 or more), or a share of it such as 10%"); ok {
		w.Budget = b
	}
}

var selectorFields = []field[Selector]{
	{key: "ids", read: func(d *decoder, v value, s *Selector) {
		s.IDs, s.IDPos = d.texts(v, "want a list of database ids, such as [orders, billing]", func(e value) (string, bool) {
			id, ok := d.filled(e, "want a database id")
			return id, ok && d.databaseID(e.as(id))
		})
	}},
	{key: "globs", read: func(d *decoder, v value, s *Selector) { s.Globs, s.GlobPos = d.globs(v) }},
	{key: "tags", read: func(d *decoder, v value, s *Selector) {
		s.Tags = d.stringMap(v, "want a map such as {env: staging}", nil, func(val value) (string, bool) {
			return d.text(val, `want the tag's value, or "*" for any`)
		})
	}},
	{key: "engine_versions", read: func(d *decoder, v value, s *Selector) {
		s.EngineVersions, _ = d.texts(v, `want a list such as ["5.7"]`, func(e value) (string, bool) {
			return d.matched(e, versionPrefix, "bad-version", "want a version or its beginning, such as 5.7 or 5.7.44")
		})
	}},
	{key: "accounts", read: func(d *decoder, v value, s *Selector) {
		s.Accounts, _ = d.texts(v, "want a list of account ids or names", func(e value) (string, bool) {
			return d.filled(e, "want an account's id or name")
		})
	}},
	{key: "regions", read: func(d *decoder, v value, s *Selector) {
		s.Regions, _ = d.texts(v, "want a list of Regions, such as [eu-west-1]", func(e value) (string, bool) {
			return d.matched(e, regionPattern, "bad-region", "want a Region such as eu-west-1")
		})
	}},
}

// databaseID tells whether RDS could have a database of this name: letters,
// digits and single hyphens, a letter first; RDS keeps names in lower case.
func (d *decoder) databaseID(v value) bool {
	id := v.node.Value
	if idPattern.MatchString(id) && len(id) <= 63 {
		return true
	}
	want := "want an RDS identifier: up to 63 lower-case letters, digits and single hyphens"
	if lower := strings.ToLower(id); lower != id && idPattern.MatchString(lower) {
		want = fmt.Sprintf("did you mean %q?", lower)
	} else if strings.ContainsAny(id, "*?[") {
		want = "a pattern belongs in globs"
	}
	d.bad(v, "bad-id", fmt.Sprintf("%s: %s is no database id", v.path, quote(id)), want)
	return false
}
