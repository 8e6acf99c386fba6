// Package simcloud lets the campaign's engine work on the model of RDS without
// HTTP, XML and the AWS SDK in between: what simulate runs on. Limits that AWS
// and the SDK's adapter set are kept: the rate of calls, repeated reads, lost
// answers.
package simcloud

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim"
	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/query"
	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
)

var (
	_ fleet.Cloud   = (*Cloud)(nil)
	_ fleet.Offers  = (*Cloud)(nil)
	_ fleet.Groups  = (*Cloud)(nil)
	_ fleet.Trail   = (*Cloud)(nil)
	_ fleet.Changes = (*Cloud)(nil)
)

// attempts is how often a call that was throttled or failed is made in all; the
// adapter to AWS repeats reads and refusals too.
const attempts = 5

// Cloud is one account and Region of the model.
type Cloud struct {
	sim  *rdssim.Sim
	at   rdssim.Scope
	eye  rdssim.Eye
	now  func() time.Time
	rate float64 // calls a second
	// busy is until when the calls so far take at the rate.
	busy  time.Time
	calls int
	// What Deployments and Instances were, for callers that do not ask for changes.
	instances   map[string]bluegreen.Instance
	deployments map[string]bluegreen.Deployment
}

// New is the cloud of one account and Region; rate is the plan's limit of calls
// a second, and now the virtual clock.
func New(sim *rdssim.Sim, account, region string, rate float64, now func() time.Time) *Cloud {
	return &Cloud{sim: sim, at: rdssim.Scope{Account: account, Region: region}, rate: rate, now: now,
		instances: map[string]bluegreen.Instance{}, deployments: map[string]bluegreen.Deployment{}}
}

// Busy is until when the calls made so far keep the rate limiter busy.
func (c *Cloud) Busy() time.Time { return c.busy }

// spend takes one call's time from the limiter.
func (c *Cloud) spend() {
	c.calls++
	if c.rate <= 0 {
		return
	}
	if now := c.now(); c.busy.Before(now) {
		c.busy = now
	}
	c.busy = c.busy.Add(time.Duration(float64(time.Second) / c.rate))
}

// ask makes a call and repeats what the adapter to AWS would repeat.
func (c *Cloud) ask(action string, change bool, form url.Values) (element, error) {
	var err error
	for range attempts {
		c.spend()
		var nodes []query.Node
		if nodes, err = c.sim.Ask(c.at, action, form); err == nil {
			return of(nodes), nil
		}
		if f := fault(action, err, change); !repeatable(f, change) {
			return element{}, f
		}
	}
	return element{}, fault(action, err, change)
}

// repeatable: a mutating call is repeated only when AWS refused it outright.
func repeatable(f *bluegreen.Fault, change bool) bool {
	return f.Consequence == bluegreen.Retry && (!change || f.Code == "ThrottlingException")
}

// fault classifies as the adapter to AWS does.
func fault(action string, err error, change bool) *bluegreen.Fault {
	f := &bluegreen.Fault{Op: action, Err: err, Consequence: bluegreen.Fix}
	var q *query.Error
	if errors.Is(err, rdssim.ErrLostAnswer) {
		f.Code, f.Message, f.Consequence = "ConnectionLost", err.Error(), bluegreen.Retry
		if change {
			f.Consequence = bluegreen.Ambiguous
		}
		return f
	}
	if !errors.As(err, &q) {
		f.Code, f.Message = "Unclassified", err.Error()
		return f
	}
	f.Code, f.Message = q.Code, q.Message
	code := strings.TrimSuffix(q.Code, "Fault")
	switch {
	case q.Code == "ThrottlingException":
		f.Consequence = bluegreen.Retry
	case q.Status == 403:
		f.Consequence = bluegreen.Fatal
	case q.Status >= 500:
		f.Consequence = bluegreen.Retry
		if change {
			f.Consequence = bluegreen.Ambiguous
		}
	case strings.HasPrefix(code, "Invalid") && strings.HasSuffix(code, "State") || strings.HasSuffix(code, "QuotaExceeded"):
		f.Consequence = bluegreen.Wait
	}
	return f
}

// Changed implements fleet.Changes.
func (c *Cloud) Changed(context.Context) (fleet.Change, error) {
	var err error
	for range attempts {
		before := c.sim.Requests(c.at)
		var s rdssim.Sight
		s, err = c.sim.Look(c.at, &c.eye)
		for range c.sim.Requests(c.at) - before {
			c.spend()
		}
		if err == nil {
			return fleet.Change{Instances: convert(s.Instances, instanceOf), Gone: s.Gone,
				Deployments: convert(s.Deployments, deploymentOf), Ended: s.Ended}, nil
		}
		if f := fault("Describe", err, false); f.Consequence != bluegreen.Retry {
			return fleet.Change{}, f
		}
	}
	return fleet.Change{}, fault("Describe", err, false)
}

// Deployments are all deployments, as one look finds them.
func (c *Cloud) Deployments(ctx context.Context) ([]bluegreen.Deployment, error) {
	ch, err := c.Changed(ctx)
	if err != nil {
		return nil, err
	}
	for _, i := range ch.Instances {
		c.instances[i.ID] = i
	}
	for _, id := range ch.Gone {
		delete(c.instances, id)
	}
	for _, d := range ch.Deployments {
		c.deployments[d.ID] = d
	}
	for _, id := range ch.Ended {
		delete(c.deployments, id)
	}
	var all []bluegreen.Deployment
	for _, id := range slices.Sorted(maps.Keys(c.deployments)) {
		all = append(all, c.deployments[id])
	}
	return all, nil
}

// Instances are all instances as the look of Deployments found them.
func (c *Cloud) Instances(context.Context) ([]bluegreen.Instance, error) {
	var all []bluegreen.Instance
	for _, id := range slices.Sorted(maps.Keys(c.instances)) {
		all = append(all, c.instances[id])
	}
	return all, nil
}

// list reads every page of a describe.
func list[T any](c *Cloud, action, name string, form url.Values, f func(element) T) ([]T, error) {
	var all []T
	for {
		e, err := c.ask(action, false, form)
		if err != nil {
			return nil, err
		}
		all = append(all, convert(e.kids(name), f)...)
		marker := e.text("Marker")
		if marker == "" {
			return all, nil
		}
		if form == nil {
			form = url.Values{}
		}
		form.Set("Marker", marker)
	}
}

// EngineVersions implements fleet.Offers.
func (c *Cloud) EngineVersions(context.Context) ([]bluegreen.EngineVersion, error) {
	return list(c, "DescribeDBEngineVersions", "DBEngineVersions", url.Values{"Engine": {"mysql"}, "IncludeAll": {"true"}}, versionOf)
}

// MajorVersions implements fleet.Offers.
func (c *Cloud) MajorVersions(context.Context) ([]bluegreen.Lifecycle, error) {
	return list(c, "DescribeDBMajorEngineVersions", "DBMajorEngineVersions", url.Values{"Engine": {"mysql"}}, lifecycleOf)
}

// Orderable implements fleet.Offers.
func (c *Cloud) Orderable(_ context.Context, version string) ([]bluegreen.Orderable, error) {
	return list(c, "DescribeOrderableDBInstanceOptions", "OrderableDBInstanceOptions",
		url.Values{"Engine": {"mysql"}, "EngineVersion": {version}, "MaxRecords": {"1000"}}, orderableOf)
}

// Quotas implements fleet.Offers.
func (c *Cloud) Quotas(context.Context) ([]bluegreen.Quota, error) {
	return list(c, "DescribeAccountAttributes", "AccountQuotas", nil, func(e element) bluegreen.Quota {
		return bluegreen.Quota{Name: e.text("AccountQuotaName"), Used: int64(e.number("Used")), Max: int64(e.number("Max"))}
	})
}

// ParameterGroups implements fleet.Groups.
func (c *Cloud) ParameterGroups(context.Context) ([]bluegreen.ParameterGroup, error) {
	return list(c, "DescribeDBParameterGroups", "DBParameterGroups", nil, func(e element) bluegreen.ParameterGroup {
		return bluegreen.ParameterGroup{Name: e.text("DBParameterGroupName"), ARN: e.text("DBParameterGroupArn"),
			Family: e.text("DBParameterGroupFamily"), Description: e.text("Description")}
	})
}

// Parameters implements fleet.Groups.
func (c *Cloud) Parameters(_ context.Context, group, source string) ([]bluegreen.Parameter, error) {
	return list(c, "DescribeDBParameters", "Parameters", url.Values{"DBParameterGroupName": {group}, "Source": {source}}, parameterOf)
}

// DefaultParameters implements fleet.Groups.
func (c *Cloud) DefaultParameters(_ context.Context, family string) ([]bluegreen.Parameter, error) {
	var all []bluegreen.Parameter
	form := url.Values{"DBParameterGroupFamily": {family}}
	for {
		e, err := c.ask("DescribeEngineDefaultParameters", false, form)
		if err != nil {
			return nil, err
		}
		e = e.kid("EngineDefaults")
		all = append(all, convert(e.kids("Parameters"), parameterOf)...)
		marker := e.text("Marker")
		if marker == "" {
			return all, nil
		}
		form.Set("Marker", marker)
	}
}

// OptionGroups implements fleet.Groups.
func (c *Cloud) OptionGroups(context.Context) ([]bluegreen.OptionGroup, error) {
	return list(c, "DescribeOptionGroups", "OptionGroupsList", nil, func(e element) bluegreen.OptionGroup {
		return bluegreen.OptionGroup{Name: e.text("OptionGroupName"), Engine: e.text("EngineName"), Line: e.text("MajorEngineVersion"),
			Options: convert(e.kids("Options"), func(o element) string { return o.text("OptionName") })}
	})
}

// Events implements fleet.Trail.
func (c *Cloud) Events(_ context.Context, since time.Time, sourceType, sourceID string) ([]bluegreen.Event, error) {
	var err error
	for range attempts {
		c.spend()
		var events []rdssim.Event
		if events, err = c.sim.EventsOf(c.at, sourceType, sourceID, since); err == nil {
			all := make([]bluegreen.Event, len(events))
			for i, e := range events {
				all[i] = eventOf(e)
			}
			return all, nil
		}
	}
	return nil, fault("DescribeEvents", err, false)
}

// LogText implements fleet.Trail.
func (c *Cloud) LogText(_ context.Context, instance, contains string) (string, error) {
	files, err := list(c, "DescribeDBLogFiles", "DescribeDBLogFiles",
		url.Values{"DBInstanceIdentifier": {instance}, "FilenameContains": {contains}}, func(e element) string { return e.text("LogFileName") })
	if err != nil || len(files) == 0 {
		return "", err
	}
	e, err := c.ask("DownloadDBLogFilePortion", false, url.Values{"DBInstanceIdentifier": {instance}, "LogFileName": {files[len(files)-1]}, "Marker": {"0"}})
	return e.text("LogFileData"), err
}

func set(form url.Values, key, value string) {
	if value != "" {
		form.Set(key, value)
	}
}

func setInt(form url.Values, key string, n int) {
	if n != 0 {
		form.Set(key, strconv.Itoa(n))
	}
}

func setTags(form url.Values, tags map[string]string) {
	for n, k := range slices.Sorted(maps.Keys(tags)) {
		p := fmt.Sprintf("Tags.Tag.%d.", n+1)
		form.Set(p+"Key", k)
		form.Set(p+"Value", tags[k])
	}
}
