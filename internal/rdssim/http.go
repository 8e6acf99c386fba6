package rdssim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/query"
)

const (
	rdsNamespace = "http://rds.amazonaws.com/doc/2014-10-31/"
	rdsVersion   = "2014-10-31"
	maxBody      = 1 << 20
)

// answer is what goes over the wire.
type answer struct {
	status      int
	contentType string
	requestID   string
	body        []byte
	dropped     bool
}

// Handler serves the Query protocol of RDS and STS, and /_sim/ for tests.
func (s *Sim) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_sim/counters", s.serveJSON(func() any { return s.Counters() }))
	mux.HandleFunc("GET /_sim/state", s.serveJSON(func() any { return s.State() }))
	mux.HandleFunc("GET /_sim/history", s.serveJSON(func() any { return s.History() }))
	mux.HandleFunc("GET /_sim/faults", s.serveJSON(func() any { return s.FaultStatuses() }))
	mux.HandleFunc("/", func(w http.ResponseWriter, req *http.Request) {
		a := s.serve(req)
		if a.dropped {
			cut(w)
			return
		}
		w.Header().Set("Content-Type", a.contentType)
		w.Header().Set("x-amzn-RequestId", a.requestID)
		w.WriteHeader(a.status)
		_, _ = w.Write(a.body) // the client is gone; nobody is left to tell
	})
	return mux
}

// cut closes the connection without an answer.
func cut(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		// HTTP/2 cannot be hijacked; net/http's own way to abort is this panic.
		panic(http.ErrAbortHandler)
	}
	_ = conn.Close()
}

func (s *Sim) serveJSON(value func() any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		_ = enc.Encode(value()) // the client is gone; nobody is left to tell
	}
}

// transport answers requests in process.
type transport struct{ sim *Sim }

// Transport serves an SDK client in process: no sockets, so it works with
// virtual time. A lost answer appears as io.ErrUnexpectedEOF.
func (s *Sim) Transport() http.RoundTripper { return transport{s} }

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	a := t.sim.serve(req)
	if req.Body != nil {
		_ = req.Body.Close() // RoundTrip must close it; it was read already
	}
	if a.dropped {
		return nil, io.ErrUnexpectedEOF
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)), StatusCode: a.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req, ContentLength: int64(len(a.body)),
		Header: http.Header{"Content-Type": {a.contentType}, "X-Amzn-Requestid": {a.requestID}},
		Body:   io.NopCloser(bytes.NewReader(a.body)),
	}, nil
}

// serve answers one HTTP request.
func (s *Sim) serve(req *http.Request) answer {
	form, err := readForm(req)
	if err != nil {
		return fail("", query.Fault("MalformedInput", "The request could not be read: %s", err))
	}
	name := form.Get("Action")
	if name == "" {
		return fail("", query.Fault("MissingAction", "The request is missing an action or a required parameter."))
	}
	who := s.identify(req.Header.Get("Authorization"))
	if v := form.Get("Version"); v == stsVersion {
		return s.serveSTS(who, name, form)
	} else if v != rdsVersion {
		return fail("", query.Fault("NoSuchVersion", "The requested version (%s) of service AmazonRDS does not exist", v))
	}
	if req.Header.Get("Authorization") == "" {
		return fail("", &query.Error{Code: "MissingAuthenticationToken", Message: "Request is missing Authentication Token", Status: 403})
	}
	r := s.call(who, name, query.NewParams(form))
	switch {
	case r.dropped:
		return answer{dropped: true}
	case r.html:
		return answer{status: 200, contentType: "text/html; charset=utf-8", body: []byte("<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>Welcome to the corporate proxy</h1></body></html>")}
	case r.err != nil:
		return fail(r.requestID, r.err)
	}
	return answer{status: 200, contentType: "text/xml", requestID: r.requestID, body: query.Response(rdsNamespace, name, r.requestID, r.nodes)}
}

func fail(requestID string, e *query.Error) answer {
	return answer{status: e.Status, contentType: "text/xml", requestID: requestID, body: query.ErrorResponse(rdsNamespace, requestID, e)}
}

func readForm(req *http.Request) (url.Values, error) {
	if req.Body == nil {
		return req.URL.Query(), nil
	}
	raw, err := io.ReadAll(io.LimitReader(req.Body, maxBody+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > maxBody {
		return nil, fmt.Errorf("more than %d bytes", maxBody)
	}
	form, err := url.ParseQuery(string(raw))
	if err != nil {
		return nil, err
	}
	for k, v := range req.URL.Query() {
		form[k] = append(form[k], v...)
	}
	return form, nil
}

// requestID has the form of AWS's.
func (s *Sim) requestID() string {
	r := s.random("request", fmt.Sprint(s.requests))
	a, b := r.Uint64(), r.Uint64()
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", uint32(a), uint16(a>>32), uint16(a>>48), uint16(b), b>>16)
}

// Key prefixes that carry the account's number, by which a client says whose
// credentials it uses: AKIASIM111122223333.
const (
	longTermKey = "AKIASIM"
	sessionKey  = "ASIASIM"
)

// identify reads the credential scope of a version 4 signature. Signatures are
// not verified: the simulation has no secrets.
func (s *Sim) identify(authorization string) caller {
	who := caller{at: Scope{Account: s.accounts[0].ID, Region: "us-east-1"}}
	_, rest, ok := strings.Cut(authorization, "Credential=")
	if !ok {
		return who
	}
	credential, _, _ := strings.Cut(rest, ",")
	parts := strings.Split(strings.TrimSpace(credential), "/")
	if len(parts) >= 5 {
		who.at.Region = parts[2]
	}
	key := parts[0]
	who.expired = strings.HasSuffix(key, "EXPIRED")
	for _, prefix := range []string{longTermKey, sessionKey} {
		if number, ok := strings.CutPrefix(key, prefix); ok && len(number) >= 12 {
			who.at.Account = number[:12]
			who.unknown = s.accountOf(number[:12]) == nil
		}
	}
	return who
}
