package awsrds

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

const htmlPage = "<!doctype html>\n<html lang=en>\n<title>500 Internal Server Error</title>\n<h1>Oops</h1>"

// verdict is what an operator sees of a failed call, and what it cost.
type verdict struct {
	Code        string
	Consequence bluegreen.Consequence
	Attempts    int
}

// An answer of each kind, as a reading and as a mutating call sees it. What is
// Ambiguous for a mutating call must have been sent exactly once.
func TestAnswers(t *testing.T) {
	of := func(status int, body string) func(url.Values) (int, string) {
		return func(url.Values) (int, string) { return status, body }
	}
	fault := func(status int, code string) func(url.Values) (int, string) {
		return of(refusal(status, code, "text"))
	}
	const (
		retry, wait, fix, ambiguous, fatal = bluegreen.Retry, bluegreen.Wait, bluegreen.Fix, bluegreen.Ambiguous, bluegreen.Fatal
	)
	for name, tt := range map[string]struct {
		answer       func(url.Values) (int, string)
		read, change verdict
	}{
		"throttled": {fault(400, "ThrottlingException"),
			verdict{"ThrottlingException", retry, 6}, verdict{"ThrottlingException", retry, 6}},
		"throttled, older code": {fault(503, "Throttling"),
			verdict{"Throttling", retry, 6}, verdict{"Throttling", retry, 6}},
		"server error": {fault(500, "InternalFailure"),
			verdict{"InternalFailure", retry, 6}, verdict{"InternalFailure", ambiguous, 1}},
		"unavailable": {fault(503, "ServiceUnavailable"),
			verdict{"ServiceUnavailable", retry, 6}, verdict{"ServiceUnavailable", ambiguous, 1}},
		"instance state": {fault(400, "InvalidDBInstanceState"),
			verdict{"InvalidDBInstanceState", wait, 1}, verdict{"InvalidDBInstanceState", wait, 1}},
		"deployment state": {fault(400, "InvalidBlueGreenDeploymentStateFault"),
			verdict{"InvalidBlueGreenDeploymentStateFault", wait, 1}, verdict{"InvalidBlueGreenDeploymentStateFault", wait, 1}},
		"validation": {fault(400, "InvalidParameterCombination"),
			verdict{"InvalidParameterCombination", fix, 1}, verdict{"InvalidParameterCombination", fix, 1}},
		"quota": {fault(400, "InstanceQuotaExceeded"),
			verdict{"InstanceQuotaExceeded", fix, 1}, verdict{"InstanceQuotaExceeded", fix, 1}},
		"unsupported source": {fault(400, "SourceDatabaseNotSupportedFault"),
			verdict{"SourceDatabaseNotSupportedFault", fix, 1}, verdict{"SourceDatabaseNotSupportedFault", fix, 1}},
		"VPC state": {fault(400, "InvalidVPCNetworkStateFault"),
			verdict{"InvalidVPCNetworkStateFault", fix, 1}, verdict{"InvalidVPCNetworkStateFault", fix, 1}},
		"expired": {fault(403, "ExpiredToken"),
			verdict{"ExpiredToken", fatal, 1}, verdict{"ExpiredToken", fatal, 1}},
		"denied": {fault(403, "AccessDenied"),
			verdict{"AccessDenied", fatal, 1}, verdict{"AccessDenied", fatal, 1}},
		"wrong key": {fault(403, "InvalidClientTokenId"),
			verdict{"InvalidClientTokenId", fatal, 1}, verdict{"InvalidClientTokenId", fatal, 1}},
		"wrong Region": {of(refusal(403, "SignatureDoesNotMatch", "Credential should be scoped to a valid region, not 'eu-west-1'.")),
			verdict{"WrongRegion", fatal, 1}, verdict{"WrongRegion", fatal, 1}},
		"call not implemented": {of(500, htmlPage),
			verdict{"NotImplemented", fix, 1}, verdict{"NotImplemented", ambiguous, 1}},
		"gateway error": {of(502, htmlPage),
			verdict{"NotRDS", retry, 6}, verdict{"NotRDS", ambiguous, 1}},
		"login page": {of(200, htmlPage),
			verdict{"NotRDS", fix, 1}, verdict{"NotRDS", ambiguous, 1}},
		"not found page": {of(404, htmlPage),
			verdict{"NotRDS", fix, 1}, verdict{"NotRDS", fix, 1}},
		"redirect": {of(302, htmlPage),
			verdict{"NotRDS", fix, 1}, verdict{"NotRDS", fix, 1}},
		"JSON": {of(403, `{"message":"Missing Authentication Token"}`),
			verdict{"NotRDS", fix, 1}, verdict{"NotRDS", fix, 1}},
		"empty success": {of(200, ""),
			verdict{"NotRDS", fix, 1}, verdict{"NotRDS", ambiguous, 1}},
		"empty server error": {of(503, ""),
			verdict{"NotRDS", retry, 6}, verdict{"NotRDS", ambiguous, 1}},
		"another service's error": {of(405, "<Error><Code>MethodNotAllowed</Code></Error>"),
			verdict{"NotRDS", fix, 1}, verdict{"NotRDS", fix, 1}},
		"another document": {of(200, "<feed><entry/></feed>"),
			verdict{"BadAnswer", retry, 6}, verdict{"BadAnswer", ambiguous, 1}},
		"cut short": {of(200, "<DescribeDBInstancesResponse><DescribeDBInstancesResult><DBInstances>"),
			verdict{"BadAnswer", retry, 6}, verdict{"BadAnswer", ambiguous, 1}},
		"lost": {of(0, ""),
			verdict{"ConnectionLost", retry, 6}, verdict{"ConnectionLost", ambiguous, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newFake(t, tt.answer)
			c := dial(t, s.scope())
			try := func(action string, call func(context.Context, *Client) error) verdict {
				f := faultOf(t, call(t.Context(), c))
				if f.Op != action {
					t.Errorf("op %q, want %q", f.Op, action)
				}
				noNoise(t, f)
				return verdict{f.Code, f.Consequence, s.calls(action)}
			}
			if diff := cmp.Diff(tt.read, try("DescribeDBInstances", readOnce)); diff != "" {
				t.Errorf("read (-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(tt.change, try("RebootDBInstance", changeOnce)); diff != "" {
				t.Errorf("change (-want +got)\n%s", diff)
			}
		})
	}
}

// noNoise refuses what the SDK wraps around a cause.
func noNoise(t *testing.T, f *bluegreen.Fault) {
	t.Helper()
	line := f.Error()
	for _, bad := range []string{"\n", "operation error", "StatusCode", "exceeded maximum", "<", "deserialization", "https response"} {
		if strings.Contains(line, bad) {
			t.Errorf("%q contains %q", line, bad)
		}
	}
}

// No answer at all: whether the request left decides.
func TestNoAnswer(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9}, Err: syscall.ECONNREFUSED}
	for name, tt := range map[string]struct {
		err          error
		read, change verdict
		message      string
	}{
		"refused": {refused, verdict{Unreachable, bluegreen.Retry, 3}, verdict{Unreachable, bluegreen.Retry, 3},
			"cannot connect to 127.0.0.1:9: connection refused"},
		"unknown host": {&net.DNSError{Err: "no such host", Name: "rds.eu-wset-1.amazonaws.com", IsNotFound: true},
			verdict{Unreachable, bluegreen.Fix, 1}, verdict{Unreachable, bluegreen.Fix, 1},
			"cannot find the host rds.eu-wset-1.amazonaws.com: is the Region or the endpoint URL right?"},
		"resolver down": {&net.DNSError{Err: "server misbehaving", Name: "rds.example", IsTemporary: true},
			verdict{Unreachable, bluegreen.Retry, 3}, verdict{Unreachable, bluegreen.Retry, 3},
			"cannot find the host rds.example: is the Region or the endpoint URL right?"},
		"reset": {&net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET},
			verdict{ConnectionLost, bluegreen.Retry, 6}, verdict{ConnectionLost, bluegreen.Ambiguous, 1},
			"the connection broke before the answer was complete: connection reset by peer"},
		"closed": {io.EOF, verdict{ConnectionLost, bluegreen.Retry, 6}, verdict{ConnectionLost, bluegreen.Ambiguous, 1},
			"the connection broke before the answer was complete: EOF"},
		"timeout": {&net.OpError{Op: "read", Net: "tcp", Err: context.DeadlineExceeded},
			verdict{Timeout, bluegreen.Retry, 3}, verdict{Timeout, bluegreen.Ambiguous, 1}, "no answer in time"},
		"certificate": {x509.UnknownAuthorityError{},
			verdict{TLSFailed, bluegreen.Fix, 1}, verdict{TLSFailed, bluegreen.Fix, 1},
			"no trusted TLS connection: x509: certificate signed by unknown authority"},
		"plain HTTP": {errors.New("http: server gave HTTP response to HTTPS client"),
			verdict{TLSFailed, bluegreen.Fix, 1}, verdict{TLSFailed, bluegreen.Fix, 1},
			"no trusted TLS connection: http: server gave HTTP response to HTTPS client"},
	} {
		t.Run(name, func(t *testing.T) {
			attempts := 0
			c := dial(t, ScopeConfig{Region: "eu-west-1", Rate: -1, Delay: func(int) time.Duration { return 0 },
				HTTPClient: &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
					attempts++
					return nil, tt.err
				})}})
			try := func(call func(context.Context, *Client) error) verdict {
				attempts = 0
				f := faultOf(t, call(t.Context(), c))
				if f.Message != tt.message {
					t.Errorf("message %q, want %q", f.Message, tt.message)
				}
				return verdict{f.Code, f.Consequence, attempts}
			}
			if diff := cmp.Diff(tt.read, try(readOnce)); diff != "" {
				t.Errorf("read (-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(tt.change, try(changeOnce)); diff != "" {
				t.Errorf("change (-want +got)\n%s", diff)
			}
		})
	}
}

// An answer that breaks off in its body took effect all the same.
func TestBrokenBodyIsLost(t *testing.T) {
	attempts := 0
	c := dial(t, ScopeConfig{Region: "eu-west-1", Rate: -1, Delay: func(int) time.Duration { return 0 },
		HTTPClient: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			attempts++
			resp := reply(r, 200, "")
			resp.Body = io.NopCloser(io.MultiReader(strings.NewReader("<RebootDBInstanceResponse>"), failing{}))
			return resp, nil
		})}})
	f := faultOf(t, changeOnce(t.Context(), c))
	if f.Consequence != bluegreen.Ambiguous || attempts != 1 {
		t.Errorf("%s, %s after %d attempts", f, f.Consequence, attempts)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// Interrupting a call that is out is ambiguous; interrupting one that waits is not.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	throttle, down := false, false
	c := dial(t, ScopeConfig{Region: "eu-west-1", Rate: -1,
		Delay: func(int) time.Duration { cancel(); return time.Hour },
		HTTPClient: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			if down {
				return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
			}
			if throttle {
				return reply(r, 400, second(refusal(400, "ThrottlingException", "Rate exceeded"))), nil
			}
			cancel()
			return nil, r.Context().Err()
		})}})
	f := faultOf(t, changeOnce(ctx, c))
	if f.Code != Canceled || f.Consequence != bluegreen.Ambiguous || !errors.Is(f, context.Canceled) {
		t.Errorf("in flight: %v, %s", f, f.Consequence)
	}
	f = faultOf(t, changeOnce(ctx, c))
	if f.Code != Canceled || f.Consequence != bluegreen.Retry {
		t.Errorf("before: %v, %s", f, f.Consequence)
	}
	throttle = true
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	f = faultOf(t, changeOnce(ctx, c))
	if f.Code != Canceled || f.Consequence != bluegreen.Retry {
		t.Errorf("between two refused attempts: %v, %s", f, f.Consequence)
	}
	down = true
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	f = faultOf(t, changeOnce(ctx, c))
	if f.Code != Canceled || f.Consequence != bluegreen.Retry {
		t.Errorf("between two attempts without connection: %v, %s", f, f.Consequence)
	}
}

// A redirect is an answer that is not RDS's: followed, the call would arrive
// as a GET elsewhere, with its signature.
func TestRedirectsAreNotFollowed(t *testing.T) {
	n := 0
	c := dial(t, ScopeConfig{Region: "eu-west-1", Rate: -1,
		HTTPClient: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			n++
			resp := reply(r, http.StatusFound, htmlPage)
			resp.Header.Set("Location", "https://rds.us-east-1.amazonaws.com/")
			return resp, nil
		})}})
	if f := faultOf(t, changeOnce(t.Context(), c)); f.Code != NotRDS || n != 1 {
		t.Errorf("%v after %d requests", f, n)
	}
}

func second(_ int, s string) string { return s }

// Throttling passes: the call is repeated until it is let through, mutating or not.
func TestThrottledThenDone(t *testing.T) {
	n := 0
	s := newFake(t, func(f url.Values) (int, string) {
		if n++; n < 4 {
			return refusal(400, "ThrottlingException", "Rate exceeded")
		}
		return ok("RebootDBInstance", "<DBInstance/>")
	})
	if err := changeOnce(t.Context(), dial(t, s.scope())); err != nil {
		t.Fatal(err)
	}
	if got := s.calls("RebootDBInstance"); got != 4 {
		t.Errorf("%d calls, want 4", got)
	}
}

// The limiter holds back every attempt, repetitions too: after a burst of 4, four a second.
func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		c := dial(t, ScopeConfig{Region: "eu-west-1", Delay: func(int) time.Duration { return 0 },
			HTTPClient: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				if n++; n%2 == 1 {
					return reply(r, 400, second(refusal(400, "ThrottlingException", "Rate exceeded"))), nil
				}
				return reply(r, 200, second(ok("DescribeDBInstances", ""))), nil
			})}})
		start := time.Now()
		for range 12 {
			if err := readOnce(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); n != 24 || took != 5*time.Second {
			t.Errorf("%d attempts took %s, want 24 in 5s", n, took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if f := faultOf(t, changeOnce(ctx, c)); f.Code != Timeout || f.Consequence != bluegreen.Retry {
			t.Errorf("deadline while waiting: %v, %s", f, f.Consequence)
		}
	})
}

func TestOneLine(t *testing.T) {
	for in, want := range map[string]string{
		"plain text":                                 "plain text",
		"two\r\nlines\tand  spaces ":                 "two lines and spaces",
		"\x1b[31mred\x1b[0m \x1b]0;title\x07end":     "red end",
		"a\x00b\u202ec\u200bd\x7fe":                  "abcde",
		"<h1>Internal <b>Server</b> Error</h1>":      "Internal Server Error",
		"must be < 5 and > 3":                        "must be < 5 and > 3",
		"bad \xff byte":                              "bad byte",
		strings.Repeat("ä", maxMessage) + "too long": strings.Repeat("ä", maxMessage) + "…",
	} {
		if got := oneLine(in); got != want {
			t.Errorf("oneLine(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestUnsupported(t *testing.T) {
	for code, want := range map[string]bool{NotImplemented: true, "InvalidAction": true, "AccessDenied": false} {
		if got := Unsupported(&bluegreen.Fault{Code: code}); got != want {
			t.Errorf("%s: %v", code, got)
		}
	}
	if Unsupported(errors.New("x")) {
		t.Error("any error is unsupported")
	}
}
