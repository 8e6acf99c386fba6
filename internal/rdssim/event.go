package rdssim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/query"
)

// Event is what DescribeEvents shows. It has no id: RDS-EVENT numbers appear
// in EventBridge and SNS only, so clients have to read the message.
type Event struct {
	Time       time.Time
	Source     string // identifier at the time it was written
	SourceType string
	Category   string
	Message    string
	ARN        string
}

const eventRetention = 14 * 24 * time.Hour

func (r *region) emit(sourceType, source, arn, category, format string, args ...any) {
	e := Event{Time: r.sim.now, Source: source, SourceType: sourceType, Category: category, ARN: arn, Message: fmt.Sprintf(format, args...)}
	if n := len(r.events); n > 1024 && n%512 == 0 {
		old := r.sim.now.Add(-eventRetention)
		r.events = slices.DeleteFunc(r.events, func(e Event) bool { return e.Time.Before(old) })
	}
	r.events = append(r.events, e)
}

func (r *region) emitInstance(i *Instance, category, format string, args ...any) {
	r.emit("db-instance", i.ID, r.arn("db", i.ID), category, format, args...)
}

func (r *region) emitDeployment(d *Deployment, category, format string, args ...any) {
	r.emit("blue-green-deployment", d.ID, r.arn("deployment", d.ID), category, format, args...)
}

var eventSources = []string{"db-instance", "db-parameter-group", "db-security-group", "db-snapshot", "db-cluster",
	"db-cluster-snapshot", "custom-engine-version", "db-proxy", "blue-green-deployment"}

func (r *region) describeEvents(p *query.Params) ([]query.Node, error) {
	source, kind := p.Str("SourceIdentifier"), p.Str("SourceType")
	switch {
	case source != "" && kind == "":
		return nil, query.Fault("InvalidParameterCombination", "The parameter SourceType must be provided when SourceIdentifier is used.")
	case kind != "" && !slices.Contains(eventSources, kind):
		return nil, query.Fault("InvalidParameterValue", "Invalid source type: %s", kind)
	case len(p.Filters()) > 0:
		return nil, query.Fault("InvalidParameterValue", "The parameter Filters is not supported.")
	}
	from, to, err := r.eventWindow(p)
	if err != nil {
		return nil, err
	}
	categories := p.Strings("EventCategories.EventCategory")
	rows := table[Event]{}
	for n, e := range r.events {
		if e.Time.Before(from) || e.Time.After(to) || (kind != "" && e.SourceType != kind) ||
			(source != "" && !strings.EqualFold(e.Source, source)) ||
			(len(categories) > 0 && !slices.Contains(categories, e.Category)) {
			continue
		}
		rows.put(fmt.Sprintf("%d-%08d", e.Time.UnixNano(), n), e)
	}
	return paged(p, "Events", rows.from, limit100, func(_ string, e Event) query.Node {
		return query.E("Event", query.S("SourceIdentifier", e.Source), query.S("SourceType", e.SourceType),
			query.S("Message", e.Message), query.Strings("EventCategories", "EventCategory", []string{e.Category}),
			query.Time("Date", e.Time), query.S("SourceArn", e.ARN))
	})
}

// eventWindow is the asked time span, within the last 14 days. Duration is in
// minutes and defaults to 60.
func (r *region) eventWindow(p *query.Params) (from, to time.Time, err error) {
	from, to = p.Time("StartTime"), p.Time("EndTime")
	minutes, sent := p.Int("Duration")
	if err := p.Err(); err != nil {
		return from, to, err
	}
	if !sent {
		minutes = 60
	}
	span := time.Duration(minutes) * time.Minute
	switch {
	case minutes < 1 || span > eventRetention:
		return from, to, query.Fault("InvalidParameterValue", "Duration must be between 1 and 20160 minutes")
	case from.IsZero() && to.IsZero():
		to = r.sim.now
		from = to.Add(-span)
	case from.IsZero():
		from = to.Add(-span)
	case to.IsZero() && sent:
		to = from.Add(span)
	case to.IsZero():
		to = r.sim.now
	}
	if from.After(to) {
		return from, to, query.Fault("InvalidParameterCombination", "StartTime must be before EndTime")
	}
	if oldest := r.sim.now.Add(-eventRetention); from.Before(oldest) {
		from = oldest
	}
	return from, to, nil
}
