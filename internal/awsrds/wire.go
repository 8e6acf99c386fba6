package awsrds

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
)

// maxAnswer bounds one answer. The largest real ones, a page of 1,000
// orderable options, are about 3 MB.
const maxAnswer = 64 << 20

// Call is one HTTP exchange, for the operational log.
type Call struct {
	Service   string // RDS, STS, ...
	Op        string // API action
	Status    int    // HTTP status; 0 without an answer
	RequestID string
	Took      time.Duration
	Err       error // transport failure, or an answer that is not AWS's
}

// wire stands between the SDK and the network. It reads each answer whole, so
// that a broken connection is known for what it is, and refuses answers that
// are not AWS's: the SDK takes an empty answer for an empty list.
type wire struct {
	next  *http.Client
	now   func() time.Time
	trace func(Call)
	// ahead is how far the server's clock is ahead of ours, in nanoseconds.
	ahead atomic.Int64
}

// trail is what the wire learns about one mutating call.
type trail struct {
	open      bool // sent, perhaps, and not answered
	requestID string
}

type trailKey struct{}

func withTrail(ctx context.Context, t *trail) context.Context {
	return context.WithValue(ctx, trailKey{}, t)
}

// foreignAnswer is an answer that no AWS service gives.
type foreignAnswer struct {
	status  int
	what    string // "an HTML page", "nothing", ...
	host    string
	service string // that was asked
}

func (e *foreignAnswer) Error() string {
	return fmt.Sprintf("%s answered HTTP %d with %s", e.host, e.status, e.what)
}

// Do implements the SDK's HTTPClient.
func (w *wire) Do(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	call := Call{Service: awsmiddleware.GetServiceID(ctx), Op: awsmiddleware.GetOperationName(ctx)}
	// Credentials are fetched under the context of the call that needs them;
	// their exchange says nothing about that call.
	t, _ := ctx.Value(trailKey{}).(*trail)
	if t == nil || call.Service != "RDS" {
		t = new(trail)
	}
	start := w.now()
	t.open = true
	resp, body, err := w.exchange(req)
	t.open = err != nil && !neverSent(err)
	if resp != nil {
		call.Status = resp.StatusCode
		call.RequestID = resp.Header.Get("X-Amzn-Requestid")
		t.requestID = call.RequestID
		w.learnClock(resp.Header)
	}
	if err == nil {
		if what := foreign(call.Service, resp.StatusCode, body); what != "" {
			err = &foreignAnswer{status: resp.StatusCode, what: what, host: req.URL.Host, service: call.Service}
		}
	}
	if w.trace != nil {
		call.Took, call.Err = w.now().Sub(start), err
		w.trace(call)
	}
	if err != nil {
		return nil, err
	}
	return resp, nil
}

// exchange sends the request and reads the whole answer.
func (w *wire) exchange(req *http.Request) (*http.Response, []byte, error) {
	resp, err := w.next.Do(req)
	if err != nil {
		return nil, nil, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	closeErr := resp.Body.Close()
	if err == nil && len(body) > maxAnswer {
		err = fmt.Errorf("the answer is larger than %d MiB", maxAnswer>>20)
	}
	if err == nil {
		err = closeErr
	}
	if err != nil {
		return resp, nil, fmt.Errorf("read the answer: %w", err)
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, body, nil
}

// foreign says what an answer is, when it is not the service's own; else "".
func foreign(service string, status int, body []byte) string {
	head := strings.ToLower(strings.TrimSpace(string(body[:min(len(body), 1024)])))
	switch {
	case strings.HasPrefix(head, "<!doctype html"), strings.HasPrefix(head, "<html"),
		strings.HasPrefix(head, "<?xml") && strings.Contains(head, "<html"):
		return "an HTML page"
	case head == "" && (speaksXML(service) || status >= 300):
		return "nothing"
	case head == "":
		return ""
	case speaksXML(service) && head[0] != '<':
		return "something that is not XML"
	case !speaksXML(service) && head[0] == '<':
		return "XML"
	}
	return ""
}

// speaksXML tells the services of the Query protocol; the others that are used answer in JSON or CBOR.
func speaksXML(service string) bool { return service == "RDS" || service == "STS" }

// learnClock notes how far the server's clock is from ours. RDS counts back
// from its own clock when it selects events.
func (w *wire) learnClock(h http.Header) {
	if at, err := http.ParseTime(h.Get("Date")); err == nil {
		w.ahead.Store(int64(at.Sub(w.now())))
	}
}

// serverNow is the time at the server, as far as known.
func (w *wire) serverNow() time.Time {
	return w.now().Add(time.Duration(w.ahead.Load()))
}
