package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqlver"
	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
)

// complianceModel is where the fleet stands against target and deadline.
type complianceModel struct {
	Kind        Kind      `json:"kind"`
	Campaign    string    `json:"campaign"`
	Target      string    `json:"target"`
	GeneratedAt time.Time `json:"generated_at"`
	ObservedAt  time.Time `json:"observed_at"`
	Deadline    string    `json:"deadline"`
	// DaysLeft is negative when the deadline has passed, absent without one.
	DaysLeft    *int                     `json:"days_left"`
	Summary     complianceSummary        `json:"summary"`
	Forecast    forecast                 `json:"forecast"`
	Services    []serviceSummary         `json:"services"`
	Waves       []fleet.WaveStatus       `json:"waves"`
	Databases   []complianceRow          `json:"databases"`
	Calendar    []bluegreen.SupportState `json:"support_calendar"`
	Unreachable []string                 `json:"unreachable,omitempty"`
	// Warnings are what somebody should look at in time.
	Warnings  []string      `json:"warnings,omitempty"`
	Overrides []overrideUse `json:"overrides,omitempty"`
	Journal   JournalRef    `json:"journal"`
	Prices    priceSource   `json:"prices"`
}

type priceSource struct {
	AsOf   string `json:"as_of"`
	Source string `json:"source"`
	Note   string `json:"note"`
}

// complianceSummary counts every database exactly once, and adds up the fees.
type complianceSummary struct {
	Total      int `json:"total"`
	OnTarget   int `json:"on_target"`
	InProgress int `json:"in_progress"`
	Waiting    int `json:"waiting"`
	Stuck      int `json:"blocked_or_failed"`
	Held       int `json:"held"`
	RolledBack int `json:"rolled_back"`
	LeftOut    int `json:"left_out"`
	NoWave     int `json:"in_no_wave"`
	Unknown    int `json:"unknown"`
	// NeedPerson are those that will not move by themselves: blocked, failed,
	// held, rolled back, in no wave and unknown ones.
	NeedPerson int `json:"need_a_person"`

	FeeNow amount `json:"extended_support_per_day"`
	// FeeAfter is what the same databases pay per day once all are on target.
	FeeAfter amount `json:"extended_support_per_day_on_target"`
	// DelayPerDay is what every further day costs: the fee of those not on
	// target, less what they pay on the target.
	DelayPerDay amount `json:"cost_of_delay_per_day"`
	// TwinsPerDay is the fee of greens and old blues that run beside their database.
	TwinsPerDay amount `json:"extended_support_of_twins_per_day"`
	Twins       int    `json:"twins"`
	// LeftBehind are servers that the campaign left behind and that go on
	// costing, LeftPerDay all that they cost, not Extended Support alone. It ends
	// when they are cleaned up.
	LeftBehind  int    `json:"left_behind"`
	LeftPerDay  amount `json:"left_behind_cost_per_day"`
	SavedPerDay amount `json:"saved_per_day"`
	SavedSoFar  amount `json:"saved_so_far"`
}

// amount is an estimate as JSON shows it.
type amount struct {
	USD   float64 `json:"usd"`
	Known bool    `json:"known"`
	Note  string  `json:"note,omitempty"`
}

func newAmount(e bluegreen.Estimate) amount { return amount{cents(e.USD), e.Known, e.Note} }

func (a amount) String() string {
	return money(bluegreen.Estimate{USD: a.USD, Known: a.Known})
}

type serviceSummary struct {
	Service  string `json:"service"`
	Owner    string `json:"owner,omitempty"`
	Total    int    `json:"total"`
	OnTarget int    `json:"on_target"`
	Stuck    int    `json:"need_a_person"`
	FeeNow   amount `json:"extended_support_per_day"`
	Delay    amount `json:"cost_of_delay_per_day"`
}

// complianceRow is one database.
type complianceRow struct {
	ID            string                 `json:"id"`
	Account       string                 `json:"account"`
	Region        string                 `json:"region"`
	Service       string                 `json:"service"`
	Owner         string                 `json:"owner,omitempty"`
	Wave          string                 `json:"wave"`
	Group         group                  `json:"group"`
	Stage         string                 `json:"stage"`
	EngineVersion string                 `json:"engine_version"`
	TargetVersion string                 `json:"target_version,omitempty"`
	Support       bluegreen.SupportState `json:"support"`
	OnTarget      bool                   `json:"on_target"`
	Off           []string               `json:"off_target,omitempty"`
	FeeNow        amount                 `json:"extended_support_per_day"`
	FeeAfter      amount                 `json:"extended_support_per_day_on_target"`
	TwinFee       amount                 `json:"extended_support_of_twin_per_day"`
	Twin          string                 `json:"twin,omitempty"`
	Reason        string                 `json:"reason,omitempty"`
	NextStep      string                 `json:"next_step,omitempty"`
	Precheck      *fleet.PrecheckStatus  `json:"precheck,omitempty"`
	Waivers       int                    `json:"waivers,omitempty"`
	SwitchedAt    *time.Time             `json:"switched_at,omitempty"`
	Evidence      evidenceRef            `json:"evidence"`

	// before is what the database paid on the version it came from, at today's rates.
	before, now, after, twin bluegreen.Estimate
	twins                    int // servers that Twin names, 0 for one
	from                     string
}

// evidenceRef is where a row's claim can be checked.
type evidenceRef struct {
	Seq  int64     `json:"journal_seq,omitempty"`
	At   time.Time `json:"at"`
	What string    `json:"what"`
}

func (e evidenceRef) String() string {
	if e.Seq == 0 {
		return "AWS as read " + stamp(e.At)
	}
	return fmt.Sprintf("journal #%d, %s", e.Seq, stamp(e.At))
}

// group is what a manager asks of a database: is it there, on its way, or stuck.
type group string

const (
	groupOnTarget group = "on target"
	groupProgress group = "in progress"
	groupWaiting  group = "waiting for its turn"
	groupStuck    group = "blocked or failed"
	groupHeld     group = "held for a person"
	groupRolled   group = "rolled back"
	groupLeftOut  group = "left out by a person"
	groupNoWave   group = "in no wave"
	groupUnknown  group = "not known"
)

// needsPerson tells groups that stay where they are until somebody decides.
func (g group) needsPerson() bool {
	switch g {
	case groupStuck, groupHeld, groupRolled, groupNoWave, groupUnknown:
		return true
	}
	return false
}

func groupOf(d fleet.DatabaseStatus, assigned bool) group {
	stage := bluegreen.Stage(d.Stage)
	switch {
	case stage == bluegreen.Unobservable:
		return groupUnknown
	case d.Ambiguous:
		return groupHeld
	case stage == bluegreen.Blocked || stage == bluegreen.Failed:
		return groupStuck
	case stage == bluegreen.Held:
		return groupHeld
	case stage == bluegreen.RolledBack || stage == bluegreen.RollingBack:
		return groupRolled
	case d.OnTarget:
		return groupOnTarget
	case !assigned:
		return groupNoWave
	case stage == bluegreen.Skipped:
		return groupLeftOut
	case stage == bluegreen.Pending || stage == bluegreen.Checked:
		return groupWaiting
	case stage == "":
		return groupUnknown
	}
	return groupProgress
}

func newCompliance(in Input) complianceModel {
	st := in.Status
	m := complianceModel{
		Kind: Compliance, Campaign: st.Campaign, Target: st.Target, GeneratedAt: in.Now,
		ObservedAt: st.At.UTC(), Deadline: st.Deadline, Waves: st.Waves,
		Unreachable: st.Unreachable, Warnings: st.Warnings, Overrides: overridesOf(st, in.Now), Journal: in.Journal,
		Prices: priceSource{in.Prices.AsOf, in.Prices.Source,
			"estimates at on-demand rates; replicas are taken to have their database's class"},
	}
	if deadline, err := time.Parse(time.DateOnly, st.Deadline); err == nil {
		left := daysBetween(in.Now, deadline)
		m.DaysLeft = &left
	}
	for _, d := range st.Databases {
		m.Databases = append(m.Databases, newComplianceRow(in, d, true))
	}
	for _, d := range st.Unassigned {
		m.Databases = append(m.Databases, newComplianceRow(in, d, false))
	}
	m.Summary = summarize(m.Databases, in.Now)
	left, day := leftCost(st.Databases)
	m.Summary.LeftBehind, m.Summary.LeftPerDay = left, newAmount(day)
	m.Services = byService(m.Databases)
	m.Forecast = newForecast(m.Databases, in.Now, m.DaysLeft)
	m.Calendar = calendar(m.Databases, st.Target, in)
	return m
}

func newComplianceRow(in Input, d fleet.DatabaseStatus, assigned bool) complianceRow {
	r := complianceRow{
		ID: d.ID, Account: d.Account, Region: d.Region, Service: d.Service, Owner: d.Owner, Wave: d.Wave,
		Group: groupOf(d, assigned), Stage: d.Stage, EngineVersion: d.EngineVersion,
		TargetVersion: targetVersion(in.Status, d), Off: d.Off, Reason: d.Reason, NextStep: d.NextStep,
		Precheck: d.Precheck, Waivers: d.Waivers, SwitchedAt: d.SwitchedAt,
		Support: bluegreen.Support(line(d.EngineVersion), in.Now, in.Status.Lifecycles),
	}
	r.OnTarget = r.Group == groupOnTarget
	fee := func(version, class string) bluegreen.Estimate {
		return databaseFee(in, d, version, class)
	}
	r.now = fee(d.EngineVersion, d.InstanceClass)
	r.after = fee(r.TargetVersion, or(d.TargetClass, d.InstanceClass))
	r.from = d.EngineVersion
	if len(d.Route) > 0 {
		r.from = d.Route[0]
	}
	r.before = fee(r.from, d.InstanceClass)
	switch {
	case len(d.Leftovers) > 0:
		r.Twin, r.twin, r.twins = leftFee(d)
	case d.OldBlue != "" && bluegreen.Stage(d.Stage) != bluegreen.Cleaned:
		r.Twin, r.twin = d.OldBlue, fee(r.from, d.InstanceClass)
	case d.Green != "" && bluegreen.Stage(d.Stage).HasGreen():
		r.Twin, r.twin = d.Green, fee(r.TargetVersion, or(d.TargetClass, d.InstanceClass))
	default:
		r.twin = bluegreen.Estimate{Known: true}
	}
	r.FeeNow, r.FeeAfter, r.TwinFee = newAmount(r.now), newAmount(r.after), newAmount(r.twin)
	r.Evidence = evidenceOf(in, d)
	return r
}

// leftFee is the Extended Support fee of the servers that were left behind and
// are still there; without any it is nothing.
func leftFee(d fleet.DatabaseStatus) (names string, fee bluegreen.Estimate, n int) {
	fee.Known = true
	var list []string
	for _, l := range d.Leftovers {
		if l.PerDay == nil {
			continue
		}
		list = append(list, l.Instance)
		if l.Fee == nil {
			fee.Known = false
		} else {
			fee = fee.Add(*l.Fee)
		}
	}
	return strings.Join(list, ", "), fee, len(list)
}

// databaseFee is the Extended Support fee per day of a database with its
// replicas on a version. Status does not carry the replicas' classes: they are
// taken to be the primary's, Single-AZ.
func databaseFee(in Input, d fleet.DatabaseStatus, version, class string) bluegreen.Estimate {
	if line(version) == "" {
		return bluegreen.Estimate{Note: "a version is not known", Source: in.Prices.Source, AsOf: in.Prices.AsOf}
	}
	one := func(multiAZ bool) bluegreen.Estimate {
		return bluegreen.ExtendedSupportFee(line(version), class, multiAZ, d.Region, in.Now, in.Status.Lifecycles, in.Prices)
	}
	sum := one(d.MultiAZ)
	for range d.Replicas {
		sum = sum.Add(one(false))
	}
	return sum
}

// line is a version's major line, "" when it is not understood.
func line(version string) string {
	v, err := mysqlver.Parse(version)
	if err != nil {
		return ""
	}
	return v.Line()
}

// targetVersion is what the database should end on.
func targetVersion(st fleet.Status, d fleet.DatabaseStatus) string {
	switch {
	case d.TargetVersion != "":
		return d.TargetVersion
	case len(d.Route) > 0:
		return d.Route[len(d.Route)-1]
	}
	return st.Target
}

// evidenceOf is the last thing the journal saw happen to the database. Notes
// and announcements prove nothing; without anything else AWS's answer stands.
func evidenceOf(in Input, d fleet.DatabaseStatus) evidenceRef {
	for _, h := range slices.Backward(d.History) {
		if h.Kind != "intent" && h.Kind != "note" {
			return evidenceRef{h.Seq, h.At.UTC(), h.What}
		}
	}
	return evidenceRef{At: in.Status.At.UTC(), What: "AWS's own answer"}
}

func summarize(rows []complianceRow, now time.Time) complianceSummary {
	zero := bluegreen.Estimate{Known: true}
	fee, after, delay, twins, savedDay, saved := zero, zero, zero, zero, zero, zero
	s := complianceSummary{Total: len(rows)}
	counts := map[group]*int{groupOnTarget: &s.OnTarget, groupProgress: &s.InProgress, groupWaiting: &s.Waiting,
		groupStuck: &s.Stuck, groupHeld: &s.Held, groupRolled: &s.RolledBack, groupLeftOut: &s.LeftOut,
		groupNoWave: &s.NoWave, groupUnknown: &s.Unknown}
	for _, r := range rows {
		*counts[r.Group]++
		if r.Group.needsPerson() {
			s.NeedPerson++
		}
		fee, after, twins = fee.Add(r.now), after.Add(r.after), twins.Add(r.twin)
		if r.Twin != "" {
			s.Twins += max(1, r.twins)
		}
		if !r.OnTarget {
			delay = delay.Add(minus(r.now, r.after))
		} else if r.SwitchedAt != nil && line(r.from) != line(r.EngineVersion) {
			day := minus(r.before, r.now)
			savedDay = savedDay.Add(day)
			day.USD *= max(0, now.Sub(*r.SwitchedAt).Hours()/24)
			saved = saved.Add(day)
		}
	}
	s.FeeNow, s.FeeAfter, s.DelayPerDay = newAmount(fee), newAmount(after), newAmount(delay)
	s.TwinsPerDay, s.SavedPerDay, s.SavedSoFar = newAmount(twins), newAmount(savedDay), newAmount(saved)
	return s
}

func minus(a, b bluegreen.Estimate) bluegreen.Estimate {
	b.USD = -b.USD
	return a.Add(b)
}

// byService groups by service and owner, those with the most still to do first.
func byService(rows []complianceRow) []serviceSummary {
	type key struct{ service, owner string }
	type sums struct {
		serviceSummary
		fee, delay bluegreen.Estimate
	}
	found := map[key]*sums{}
	for _, r := range rows {
		k := key{r.Service, r.Owner}
		s := found[k]
		if s == nil {
			s = &sums{serviceSummary{Service: r.Service, Owner: r.Owner}, bluegreen.Estimate{Known: true}, bluegreen.Estimate{Known: true}}
			found[k] = s
		}
		s.Total++
		s.fee = s.fee.Add(r.now)
		if r.OnTarget {
			s.OnTarget++
			continue
		}
		if r.Group.needsPerson() {
			s.Stuck++
		}
		s.delay = s.delay.Add(minus(r.now, r.after))
	}
	var out []serviceSummary
	for _, s := range found {
		s.FeeNow, s.Delay = newAmount(s.fee), newAmount(s.delay)
		out = append(out, s.serviceSummary)
	}
	slices.SortFunc(out, func(a, b serviceSummary) int {
		return cmp.Or(cmp.Compare(b.Total-b.OnTarget, a.Total-a.OnTarget),
			cmp.Compare(a.Service, b.Service), cmp.Compare(a.Owner, b.Owner))
	})
	return out
}

// calendar is the support of every line in the fleet and of the target's.
func calendar(rows []complianceRow, target string, in Input) []bluegreen.SupportState {
	lines := map[string]bool{}
	for _, r := range rows {
		lines[line(r.EngineVersion)] = true
		lines[line(r.TargetVersion)] = true
	}
	lines[line(target)] = true
	delete(lines, "")
	var out []bluegreen.SupportState
	for l := range lines {
		out = append(out, bluegreen.Support(l, in.Now, in.Status.Lifecycles))
	}
	slices.SortFunc(out, func(a, b bluegreen.SupportState) int { return cmp.Compare(a.Line, b.Line) })
	return out
}

// forecast is when the campaign ends if it goes on as it did.
type forecast struct {
	Known bool `json:"known"`
	// Why is why there is no forecast.
	Why string `json:"why,omitempty"`
	// PerDay is databases brought to the target per day since the first.
	PerDay float64 `json:"per_day,omitempty"`
	// Remaining are those that can still move; Stuck need a person first and
	// are not in the forecast.
	Remaining int       `json:"remaining"`
	Stuck     int       `json:"not_in_forecast"`
	Finish    time.Time `json:"finish,omitzero"`
	// Slack is days from finish to deadline, negative when it is missed.
	Slack *int `json:"days_before_deadline,omitempty"`
}

// A pace needs at least this many switchovers, over at least this time:
// below, one busy night would promise a year.
const (
	forecastLeast = 3
	forecastSpan  = 48 * time.Hour
)

func newForecast(rows []complianceRow, now time.Time, daysLeft *int) forecast {
	var f forecast
	var first time.Time
	done := 0
	for _, r := range rows {
		switch r.Group {
		case groupOnTarget:
			if r.SwitchedAt == nil {
				continue
			}
			done++
			if first.IsZero() || r.SwitchedAt.Before(first) {
				first = *r.SwitchedAt
			}
		case groupWaiting, groupProgress:
			f.Remaining++
		}
		if r.Group.needsPerson() {
			f.Stuck++
		}
	}
	switch {
	case f.Remaining == 0:
		f.Why = "nothing is left that moves by itself"
	case done < forecastLeast:
		f.Why = fmt.Sprintf("not enough data: %s so far, a pace needs %d", plural(done, "switchover"), forecastLeast)
	case now.Sub(first) < forecastSpan:
		f.Why = fmt.Sprintf("not enough data: the first of %s was less than two days ago", plural(done, "switchover"))
	default:
		f.Known = true
		f.PerDay = math.Round(100*float64(done)/(now.Sub(first).Hours()/24)) / 100
		days := math.Ceil(float64(f.Remaining) * now.Sub(first).Hours() / 24 / float64(done))
		f.Finish = now.Truncate(24*time.Hour).AddDate(0, 0, int(days))
		if daysLeft != nil {
			slack := *daysLeft - int(days)
			f.Slack = &slack
		}
	}
	return f
}
