package awsrds

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// said is a transport that answers everything alike.
type said struct {
	status int
	kind   string
	body   []byte
	calls  int
}

func (s *said) RoundTrip(req *http.Request) (*http.Response, error) {
	if s.calls++; req.Body != nil {
		_, _ = io.Copy(io.Discard, req.Body) // a bytes.Reader
		_ = req.Body.Close()
	}
	return &http.Response{StatusCode: s.status, Status: http.StatusText(s.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
		Header: http.Header{"Content-Type": {s.kind}, "X-Amzn-Requestid": {"req-1"}}, Body: io.NopCloser(bytes.NewReader(s.body)), ContentLength: int64(len(s.body))}, nil
}

// asks are the calls that read, and changes those that change.
var asks = []func(context.Context, *Client) error{
	func(ctx context.Context, c *Client) error { // what was understood must do no harm where it is judged
		deps, err := c.Deployments(ctx)
		list, err2 := c.Instances(ctx)
		f := bluegreen.Facts{Now: time.Unix(1_800_000_000, 0), ID: "orders", Campaign: "q4", Instances: map[string]*bluegreen.Instance{}, Deployments: deps}
		for i := range list {
			f.Instances[list[i].ID] = &list[i]
		}
		f.Watch = bluegreen.Look(f)
		bluegreen.Next(f, bluegreen.Derive(f))
		if err == nil {
			return err2
		}
		return err
	},
	func(ctx context.Context, c *Client) error { _, err := c.Deployments(ctx); return err },
	func(ctx context.Context, c *Client) error { _, err := c.Instances(ctx); return err },
	func(ctx context.Context, c *Client) error { _, err := c.EngineVersions(ctx); return err },
	func(ctx context.Context, c *Client) error { _, err := c.MajorVersions(ctx); return err },
	func(ctx context.Context, c *Client) error { _, err := c.Orderable(ctx, "8.0.46"); return err },
	func(ctx context.Context, c *Client) error { _, err := c.Quotas(ctx); return err },
	func(ctx context.Context, c *Client) error { _, err := c.ParameterGroups(ctx); return err },
	func(ctx context.Context, c *Client) error { _, err := c.Parameters(ctx, "g", "user"); return err },
	func(ctx context.Context, c *Client) error { _, err := c.DefaultParameters(ctx, "mysql8.0"); return err },
	func(ctx context.Context, c *Client) error { _, err := c.OptionGroups(ctx); return err },
	func(ctx context.Context, c *Client) error {
		_, err := c.Events(ctx, time.Unix(0, 0), "db-instance", "orders")
		return err
	},
	func(ctx context.Context, c *Client) error { _, err := c.LogText(ctx, "orders", "x"); return err },
	func(ctx context.Context, c *Client) error {
		_, err := c.Tags(ctx, "arn:aws:rds:eu-west-1:1:pg:g")
		return err
	},
	func(ctx context.Context, c *Client) error { _, err := c.Identity(ctx); return err },
	func(ctx context.Context, c *Client) error {
		for _, err := range c.Around(ctx, true).Unread {
			return err
		}
		return nil
	},
}

var changes = []bluegreen.Action{
	{Kind: bluegreen.CreateDeployment, Create: &bluegreen.CreateSpec{Name: "q4-orders", SourceARN: "arn:aws:rds:eu-west-1:1:db:orders", Version: "8.0.46"}},
	{Kind: bluegreen.Switchover, Deployment: "bgd-1", Timeout: time.Minute}, {Kind: bluegreen.DeleteDeployment, Deployment: "bgd-1", DeleteTarget: true},
	{Kind: bluegreen.ModifyInstance, Instance: "orders-green", Modify: &bluegreen.ModifySpec{Class: "db.m7g.large"}},
	{Kind: bluegreen.CreateParameterGroup, Group: &bluegreen.ParameterSpec{Name: "g", Family: "mysql8.0"}},
	{Kind: bluegreen.SetParameters, Group: &bluegreen.ParameterSpec{Name: "g", Parameters: []bluegreen.Parameter{{Name: "a", Value: "1"}}}},
	{Kind: bluegreen.CreateOptionGroup, Options: &bluegreen.OptionSpec{Name: "o", Line: "8.0", Options: []bluegreen.Option{{Name: "X"}}}},
}

// ask makes the nth of all calls.
func ask(ctx context.Context, c *Client, n int) (change bool, err error) {
	if n %= len(asks) + len(changes); n < len(asks) {
		return false, asks[n](ctx, c)
	}
	_, err = c.Do(ctx, changes[n-len(asks)])
	return true, err
}

// FuzzAnswer: whatever stands in RDS's place, nothing panics, and what comes
// out is either an answer or a fault that says what a person may do, in one line.
func FuzzAnswer(f *testing.F) {
	xml := func(action, result string) []byte {
		_, s := ok(action, result)
		return []byte(s)
	}
	wrong := func(code, message string) []byte { _, s := refusal(400, code, message); return []byte(s) }
	instance := `<DBInstances><DBInstance><DBInstanceIdentifier>orders</DBInstanceIdentifier><DBInstanceStatus>available</DBInstanceStatus><EngineVersion>5.7.44</EngineVersion>` +
		`<AllocatedStorage>100</AllocatedStorage><DBInstanceArn>arn:aws:rds:eu-west-1:1:db:orders</DBInstanceArn><InstanceCreateTime>2026-01-01T00:00:00.000Z</InstanceCreateTime></DBInstance></DBInstances>`
	deployment := `<BlueGreenDeployments><member>` + deploymentXML("AVAILABLE", blueARN, "") + `</member></BlueGreenDeployments>`
	for _, seed := range []struct {
		status int
		kind   string
		body   []byte
	}{
		{200, "text/xml", xml("DescribeDBInstances", instance)},
		{200, "text/xml", xml("DescribeBlueGreenDeployments", deployment)},
		{200, "text/xml", xml("DescribeDBInstances", "<DBInstances/><Marker>again</Marker>")},
		{200, "text/xml", xml("DescribeDBInstances", strings.Replace(instance, ">100<", ">99999999999999999999<", 1))},
		{200, "text/xml", xml("DescribeDBInstances", strings.Replace(instance, "2026-01-01T00:00:00.000Z", "yesterday", 1))},
		{200, "text/xml", xml("DescribeDBInstances", strings.Replace(instance, ">orders<", ">&#27;]0;x&#7;'; DROP TABLE y--&lt;script&gt;<", 1))},
		{200, "text/xml", xml("DescribeDBInstances", instance)[:200]},
		{200, "text/xml", wrong("Throttling", "an error that says it is an answer")},
		{400, "text/xml", wrong("InvalidDBInstanceState", "line one\nline two\x1b[31m")},
		{400, "text/xml", wrong("BlueGreenDeploymentAlreadyExistsFault", "")},
		{400, "text/xml", wrong("OptionGroupAlreadyExistsFault", "")},
		{403, "text/xml", wrong("ExpiredToken", "")},
		{500, "text/html", []byte("<html><body>oops</body></html>")},
		{200, "text/html", []byte("<!DOCTYPE html><title>Sign in</title>")},
		{200, "application/json", []byte(`{"a":1}`)},
		{200, "text/xml", nil},
		{302, "text/xml", nil},
		{200, "text/xml", []byte("<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b \"" + strings.Repeat("c", 100) + "\">]><a>&b;</a>")},
		{200, "text/xml", []byte(strings.Repeat("<a>", 2000))},
	} {
		for n := range len(asks) + len(changes) {
			f.Add(n, seed.status, seed.kind, seed.body)
		}
	}
	answer := &said{}
	c, err := Dial(context.Background(), ScopeConfig{Region: "eu-west-1", EndpointURL: "http://rds.fuzz", Rate: -1, HTTPClient: &http.Client{Transport: answer}, Delay: func(int) time.Duration { return 0 }})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, n, status int, kind string, body []byte) {
		if n < 0 || status < 200 || status > 599 || len(body) > 1<<16 {
			return
		}
		answer.status, answer.kind, answer.body, answer.calls = status, kind, body, 0
		change, err := ask(t.Context(), c, n)
		if answer.calls > 100 {
			t.Errorf("%d calls", answer.calls)
		}
		if err == nil {
			return
		}
		var fault *bluegreen.Fault
		if !errors.As(err, &fault) || fault.Code == "" {
			t.Fatalf("no fault: %v", err)
		}
		switch fault.Consequence {
		case bluegreen.Retry, bluegreen.Wait, bluegreen.Fix, bluegreen.Fatal:
		case bluegreen.Ambiguous:
			if !change {
				t.Errorf("a read is never ambiguous: %v", err)
			}
		default:
			t.Errorf("%q is no consequence", fault.Consequence)
		}
		if m := fault.Error(); len(m) > 4096 || strings.ContainsAny(m, "\n\r\x1b\x07") || !utf8.ValidString(m) {
			t.Errorf("not one clean line: %.300q", m)
		}
	})
}
