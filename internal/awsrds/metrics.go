package awsrds

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// maxQueries is how many metrics GetMetricData takes at once.
const maxQueries = 500

// Query asks for one CloudWatch metric of one DB instance. Expression, when
// set, is metric math instead, over other queries of the same call by their place: q0, q1, ...
type Query struct {
	Instance   string
	Metric     string // ReplicaLag, FreeStorageSpace, ReadIOPS, ...
	Stat       string // Average, Maximum, ...
	Period     time.Duration
	Expression string
}

// Point is one value of a series.
type Point struct {
	At    time.Time
	Value float64
}

// Metrics reads the queries' points between from and to, oldest first, in the order of the
// queries. No points means that CloudWatch has none, which is not zero.
func (c *Client) Metrics(ctx context.Context, queries []Query, from, to time.Time) ([][]Point, error) {
	if len(queries) > maxQueries {
		return nil, &bluegreen.Fault{Code: "TooManyQueries", Op: "GetMetricData", Consequence: bluegreen.Fix,
			Message: fmt.Sprintf("%d queries in one call; CloudWatch takes %d", len(queries), maxQueries)}
	}
	all := make([][]Point, len(queries))
	place := make(map[string]int, len(queries))
	in := &cloudwatch.GetMetricDataInput{StartTime: aws.Time(from), EndTime: aws.Time(to),
		ScanBy: types.ScanByTimestampAscending}
	for i, q := range queries {
		id := fmt.Sprintf("q%d", i)
		place[id] = i
		in.MetricDataQueries = append(in.MetricDataQueries, metricQuery(id, q))
	}
	err := pages(func(next *string) (*string, error) {
		in.NextToken = next
		out, err := c.metrics.GetMetricData(ctx, in)
		if err != nil {
			return nil, classify(err, false, true)
		}
		for _, r := range out.MetricDataResults {
			i, ok := place[aws.ToString(r.Id)]
			if !ok {
				continue
			}
			for n := range min(len(r.Timestamps), len(r.Values)) {
				all[i] = append(all[i], Point{At: r.Timestamps[n], Value: r.Values[n]})
			}
		}
		return out.NextToken, nil
	})
	return all, err
}

func metricQuery(id string, q Query) types.MetricDataQuery {
	period := aws.Int32(int32(q.Period.Seconds()))
	if q.Expression != "" {
		return types.MetricDataQuery{Id: aws.String(id), Expression: aws.String(q.Expression), Period: period}
	}
	return types.MetricDataQuery{Id: aws.String(id), MetricStat: &types.MetricStat{
		Period: period, Stat: aws.String(q.Stat),
		Metric: &types.Metric{Namespace: aws.String("AWS/RDS"), MetricName: aws.String(q.Metric),
			Dimensions: []types.Dimension{{Name: aws.String("DBInstanceIdentifier"), Value: aws.String(q.Instance)}}},
	}}
}

// ReplicaLags is the newest replica lag of each instance within the last five
// minutes. An instance without a value is missing: its lag is unknown. A value
// below zero is CloudWatch's way to say that replication is not running.
func (c *Client) ReplicaLags(ctx context.Context, instances []string) (map[string]Point, error) {
	return c.newest(ctx, instances, "ReplicaLag")
}

// FreeStorage is the newest free storage of each instance in bytes, within the last five minutes.
func (c *Client) FreeStorage(ctx context.Context, instances []string) (map[string]Point, error) {
	return c.newest(ctx, instances, "FreeStorageSpace")
}

func (c *Client) newest(ctx context.Context, instances []string, metric string) (map[string]Point, error) {
	found := make(map[string]Point, len(instances))
	to := c.scope.Now()
	for lot := range slices.Chunk(instances, maxQueries) {
		series, err := c.Metrics(ctx, convert(lot, func(id string) Query {
			return Query{Instance: id, Metric: metric, Stat: "Maximum", Period: time.Minute}
		}), to.Add(-5*time.Minute), to)
		if err != nil {
			return nil, err
		}
		for i, points := range series {
			if len(points) > 0 {
				found[lot[i]] = points[len(points)-1]
			}
		}
	}
	return found, nil
}

// Load is what an instance's storage had to do.
type Load struct {
	P99IOPS            float64 // reads and writes a second, average of five minutes
	P99ThroughputMiBps float64
	Points             int // five-minute samples with a value; 4,032 are two weeks
}

// StorageLoad is the 99th percentile of the last two weeks, in one call per
// instance. Points tells how much of the two weeks it rests on.
func (c *Client) StorageLoad(ctx context.Context, instance string) (Load, error) {
	const period = 5 * time.Minute
	queries := []Query{{Expression: "q2+q3", Period: period}, {Expression: "(q4+q5)/1048576", Period: period}}
	for _, m := range []string{"ReadIOPS", "WriteIOPS", "ReadThroughput", "WriteThroughput"} {
		queries = append(queries, Query{Instance: instance, Metric: m, Stat: "Average", Period: period})
	}
	to := c.scope.Now()
	series, err := c.Metrics(ctx, queries, to.Add(-eventsKept), to)
	if err != nil {
		return Load{}, err
	}
	return Load{P99IOPS: p99(series[0]), P99ThroughputMiBps: p99(series[1]), Points: len(series[0])}, nil
}

// p99 is the smallest value that 99 of 100 do not exceed; 0 of none.
func p99(points []Point) float64 {
	if len(points) == 0 {
		return 0
	}
	values := convert(points, func(p Point) float64 { return p.Value })
	slices.Sort(values)
	return values[int(math.Ceil(0.99*float64(len(values))))-1]
}

// FreeGiB is FreeStorage in GiB, for those instances that have a value.
func (c *Client) FreeGiB(ctx context.Context, instances []string) (map[string]float64, error) {
	points, err := c.FreeStorage(ctx, instances)
	if err != nil {
		return nil, err
	}
	free := make(map[string]float64, len(points))
	for id, p := range points {
		free[id] = p.Value / (1 << 30)
	}
	return free, nil
}
