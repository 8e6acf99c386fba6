package awsrds

import (
	"context"
	"math/rand/v2"
	"time"

	"golang.org/x/time/rate"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// How often a call is made in all. A server that nobody reaches is given up
// sooner: the cause is mostly a wrong address, or no way to it, and a person waits.
const (
	maxAttempts            = 6
	maxAttemptsUnreachable = 3
)

// The pause before repetition n is a random part of firstDelay*2^(n-1), at
// most longestDelay (full jitter).
const (
	firstDelay   = 500 * time.Millisecond
	longestDelay = 20 * time.Second
)

// retryer decides over attempts by the same classification that the caller
// sees in the end: what is Retry is repeated, and nothing else is. There is no
// retry quota that could run dry, as the SDK's own would in a large fleet; the
// limiter, which every attempt passes, bounds the rate instead.
type retryer struct {
	limiter *rate.Limiter // nil: none
	delay   func(attempt int) time.Duration
	change  bool // mutating calls
}

// IsErrorRetryable implements aws.RetryerV2.
func (r *retryer) IsErrorRetryable(err error) bool {
	return r.judge(err).Consequence == bluegreen.Retry
}

// judge looks at the error of an attempt whose answer, if it did not come, may
// have been sent.
func (r *retryer) judge(err error) *bluegreen.Fault {
	return classify(err, r.change, true)
}

// MaxAttempts implements aws.RetryerV2.
func (r *retryer) MaxAttempts() int { return maxAttempts }

// RetryDelay implements aws.RetryerV2. Returning the error ends the attempts.
func (r *retryer) RetryDelay(attempt int, err error) (time.Duration, error) {
	if attempt >= maxAttemptsUnreachable {
		if code := r.judge(err).Code; code == Unreachable || code == Timeout {
			return 0, err
		}
	}
	if r.delay != nil {
		return r.delay(attempt), nil
	}
	ceiling := min(firstDelay<<(attempt-1), longestDelay)
	return rand.N(ceiling) + 1, nil
}

// GetAttemptToken implements aws.RetryerV2: it waits for the limiter.
func (r *retryer) GetAttemptToken(ctx context.Context) (func(error) error, error) {
	if r.limiter == nil {
		return free, nil
	}
	if err := r.limiter.Wait(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		// The deadline would pass while waiting.
		return nil, context.DeadlineExceeded
	}
	return free, nil
}

// GetRetryToken implements aws.RetryerV2.
func (r *retryer) GetRetryToken(context.Context, error) (func(error) error, error) {
	return free, nil
}

// GetInitialToken implements aws.Retryer.
func (r *retryer) GetInitialToken() func(error) error { return free }

func free(error) error { return nil }
