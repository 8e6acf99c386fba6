package awsrds

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// RDS allows pages of 20 to 100 records, and up to 1,000 for orderable options alone.
const (
	pageSize      = 100
	orderablePage = 1000
	maxPages      = 10000
)

// get makes one reading call.
func get[I, O any](ctx context.Context, call func(context.Context, I, ...func(*rds.Options)) (O, error), in I) (O, error) {
	out, err := call(ctx, in)
	if err != nil {
		return out, classify(err, false, true)
	}
	return out, nil
}

// put makes one mutating call and gives AWS's request id.
func put[I, O any](ctx context.Context, call func(context.Context, I, ...func(*rds.Options)) (O, error), in I) (O, string, error) {
	t := new(trail)
	out, err := call(withTrail(ctx, t), in)
	if err != nil {
		f := classify(err, true, t.open)
		if f.RequestID == "" {
			f.RequestID = t.requestID
		}
		return out, f.RequestID, f
	}
	return out, t.requestID, nil
}

// pages calls fetch until there is no next page. A server that repeats itself
// is refused: half a list must not pass for the whole.
func pages(fetch func(marker *string) (next *string, err error)) error {
	var marker *string
	for range maxPages {
		next, err := fetch(marker)
		if err != nil {
			return err
		}
		if aws.ToString(next) == "" {
			return nil
		}
		if aws.ToString(next) == aws.ToString(marker) {
			break
		}
		marker = next
	}
	return &bluegreen.Fault{Code: BadAnswer, Consequence: bluegreen.Fix,
		Message: "the endpoint's pages do not end: marker " + oneLine(aws.ToString(marker)) + " comes again"}
}

// convert maps a list.
func convert[A, B any](in []A, f func(A) B) []B {
	if len(in) == 0 {
		return nil
	}
	out := make([]B, len(in))
	for i := range in {
		out[i] = f(in[i])
	}
	return out
}

func filter(name, value string) []types.Filter {
	return []types.Filter{{Name: aws.String(name), Values: []string{value}}}
}

func tagMap(tags []types.Tag) map[string]string {
	if len(tags) == 0 {
		return nil
	}
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		m[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return m
}

func number(p *int32) int { return int(aws.ToInt32(p)) }

// optional is nil for the zero value: zero fields are not sent.
func optional[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

func optionalInt(v int) *int32 { return optional(int32(v)) }
