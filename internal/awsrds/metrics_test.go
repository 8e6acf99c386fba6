package awsrds

import (
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
	"github.com/google/go-cmp/cmp"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim"
)

// series is CloudWatch's answer to one query.
func series(id string, at time.Time, values ...float64) cbor.Value {
	var times, numbers cbor.List
	for i, v := range values {
		seconds := at.Add(time.Duration(i) * time.Minute).Unix()
		times = append(times, &cbor.Tag{ID: 1, Value: cbor.Float64(seconds)})
		numbers = append(numbers, cbor.Float64(v))
	}
	return cbor.Map{"Id": cbor.String(id), "Timestamps": times, "Values": numbers}
}

// cloudWatch answers one page after another, and keeps the queries it was asked.
func cloudWatch(t *testing.T, now time.Time, pages ...cbor.Map) (*Client, *[]cbor.Map) {
	var asked []cbor.Map
	return dial(t, ScopeConfig{Region: "eu-west-1", Now: func() time.Time { return now },
		HTTPClient: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			in, err := cbor.Decode(body)
			if err != nil {
				return nil, err
			}
			asked = append(asked, in.(cbor.Map))
			resp := reply(r, 200, string(cbor.Encode(pages[len(asked)-1])))
			resp.Header.Set("Smithy-Protocol", "rpc-v2-cbor")
			resp.Header.Set("Content-Type", "application/cbor")
			return resp, nil
		})}}), &asked
}

// The newest value counts, over all pages; an instance without one is missing.
func TestReplicaLags(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	from := now.Add(-3 * time.Minute)
	c, asked := cloudWatch(t, now,
		cbor.Map{"NextToken": cbor.String("2"), "MetricDataResults": cbor.List{series("q0", from, 9, 1), series("q1", from)}},
		cbor.Map{"MetricDataResults": cbor.List{series("q2", from, -1), series("q7", from, 5)}})
	got, err := c.ReplicaLags(t.Context(), []string{"a", "b", "c"})
	want := map[string]Point{"a": {At: from.Add(time.Minute), Value: 1}, "c": {At: from, Value: -1}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	if len(*asked) != 2 || (*asked)[1]["NextToken"] != cbor.String("2") {
		t.Errorf("asked %v", *asked)
	}
}

func TestStorageLoad(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	var rising []float64
	for i := range 200 {
		rising = append(rising, float64(200-i))
	}
	c, asked := cloudWatch(t, now, cbor.Map{"MetricDataResults": cbor.List{series("q0", now, rising...), series("q1", now, 3)}})
	got, err := c.StorageLoad(t.Context(), "orders")
	if diff := cmp.Diff(Load{P99IOPS: 198, P99ThroughputMiBps: 3, Points: 200}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	queries := (*asked)[0]["MetricDataQueries"].(cbor.List)
	if len(queries) != 6 || fmt.Sprint(queries[0].(cbor.Map)["Expression"]) != "q2+q3" {
		t.Errorf("asked %v", queries)
	}
	if _, err := c.Metrics(t.Context(), make([]Query, 501), now, now); faultOf(t, err).Code != "TooManyQueries" {
		t.Errorf("501 queries: %v", err)
	}
	if p99(nil) != 0 {
		t.Error("p99 of nothing")
	}
}

// An endpoint that serves RDS alone says so for the other services, at once.
func TestServicesNextToRDS(t *testing.T) {
	w := newWorld(t, simFleet, "", rdssim.Options{})
	_, lagErr := w.client.ReplicaLags(t.Context(), []string{"orders"})
	_, _, secretErr := w.client.Secret(t.Context(), "orders")
	for _, err := range []error{lagErr, secretErr} {
		if f := faultOf(t, err); f.Code != NotImplemented || !Unsupported(err) {
			t.Errorf("%v, %s", f, f.Consequence)
		}
	}
}

// Bytes become GiB; an instance without a value is missing, not full.
func TestFreeGiB(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	c, _ := cloudWatch(t, now, cbor.Map{"MetricDataResults": cbor.List{series("q0", now, 3<<30), series("q1", now)}})
	got, err := c.FreeGiB(t.Context(), []string{"a", "b"})
	if diff := cmp.Diff(map[string]float64{"a": 3}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}
