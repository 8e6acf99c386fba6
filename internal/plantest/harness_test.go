// Package plantest holds what plan predicts against what the model of RDS
// answers, in virtual time and through the real AWS SDK.
package plantest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/rdsupgrade/rdsupgrade/internal/awsrds"
	"github.com/rdsupgrade/rdsupgrade/internal/rdssim"
	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
	"github.com/rdsupgrade/rdsupgrade/pkg/precheck"
)

func TestMain(m *testing.M) {
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "AWS_") {
			os.Unsetenv(name)
		}
	}
	os.Setenv("AWS_ACCESS_KEY_ID", "AKIASIM111122223333")
	os.Setenv("AWS_SECRET_ACCESS_KEY", "simulated")
	os.Setenv("AWS_CONFIG_FILE", os.DevNull)
	os.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	os.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	os.Exit(m.Run())
}

// world is a model of RDS with a plan over it.
type world struct {
	t    *testing.T
	sim  *rdssim.Sim
	plan *plan.Plan
	dir  string
	sql  fleet.SQL
	http transport
	// meter answers instead of CloudWatch, which the model does not have.
	meter fleet.Meter
	// saved holds runs to a saved plan.
	saved *fleet.SavedPlan
}

// transport reaches the model, counts calls, and breaks those that it is told to.
type transport struct {
	next  http.RoundTripper
	mu    sync.Mutex
	calls map[string]int
	// break answers for an action; nil: the model does.
	broken func(action string) *http.Response
}

func (tr *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	form, _ := url.ParseQuery(string(body))
	action := form.Get("Action")
	tr.mu.Lock()
	tr.calls[action]++
	tr.mu.Unlock()
	if tr.broken != nil {
		if res := tr.broken(action); res != nil {
			res.Request = r
			return res, nil
		}
	}
	return tr.next.RoundTrip(r)
}

func newWorld(t *testing.T, fleetText, planText string) *world {
	t.Helper()
	f, err := rdssim.ParseFleet(strings.NewReader(fleetText))
	if err != nil {
		t.Fatal(err)
	}
	sim, err := rdssim.New(f, rdssim.Options{Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, sim: sim, dir: t.TempDir()}
	w.http = transport{next: sim.Transport(), calls: map[string]int{}}
	path := filepath.Join(w.dir, "plan.yaml")
	if err := os.WriteFile(path, []byte(planText), 0o600); err != nil {
		t.Fatal(err)
	}
	if w.plan, err = plan.Load(path, plan.Now(time.Now())); err != nil {
		t.Fatal(err)
	}
	w.sql = simSQL{sim}
	return w
}

func (w *world) client(account, region string) *awsrds.Client {
	w.t.Helper()
	c, err := awsrds.Dial(w.t.Context(), awsrds.ScopeConfig{AccountID: account, Region: region, EndpointURL: "http://rds.sim",
		RoleARN: role(account), Rate: w.plan.Run.APIRate, HTTPClient: &http.Client{Transport: &w.http}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(c.Close)
	return c
}

// role is how the model tells accounts apart: the credentials' own account is
// the first one.
func role(account string) string { return "arn:aws:iam::" + account + ":role/rdsupgrade" }

func (w *world) engine(write bool) (*fleet.Engine, func()) {
	w.t.Helper()
	var store *fleet.Store
	var err error
	if write {
		store, err = fleet.OpenStore(filepath.Join(w.dir, "state"), fleet.Holder("test"), journal.Options{NoSync: true})
	} else {
		store, err = fleet.ReadStore(filepath.Join(w.dir, "state"))
	}
	if err != nil {
		w.t.Fatal(err)
	}
	var scopes []fleet.Scope
	for _, a := range w.plan.Accounts {
		for _, r := range a.Regions {
			c := w.client(a.ID, r)
			scopes = append(scopes, fleet.Scope{Account: a.ID, Region: r, Cloud: c, Offers: c, Groups: c, Trail: awsrds.Trail{Client: c}, Around: c, Meter: w.meter})
		}
	}
	e := fleet.New(fleet.Config{Plan: w.plan, Scopes: scopes, SQL: w.sql, Store: store, By: "test", Log: zerolog.Nop(), Saved: w.saved})
	return e, func() {
		if err := store.Close(); err != nil {
			w.t.Error(err)
		}
	}
}

func (w *world) preview(o fleet.PreviewOptions) fleet.Preview {
	w.t.Helper()
	e, done := w.engine(false)
	defer done()
	pv, err := e.Preview(w.t.Context(), o)
	if err != nil {
		w.t.Fatalf("preview: %v", err)
	}
	return pv
}

func (w *world) run() fleet.Status {
	w.t.Helper()
	e, done := w.engine(true)
	defer done()
	st, err := e.Run(w.t.Context(), w.t.Context())
	if err != nil {
		w.t.Fatalf("run: %v", err)
	}
	return st
}

func planOf(pv fleet.Preview, id string) *fleet.DatabasePlan {
	for i := range pv.Plans {
		if pv.Plans[i].ID == id {
			return &pv.Plans[i]
		}
	}
	return nil
}

func codeOf(err error) string {
	var f *bluegreen.Fault
	if err == nil || !errors.As(err, &f) {
		return ""
	}
	return f.Code
}

// simSQL answers for the servers of the model, which virtual time cannot reach
// over sockets.
type simSQL struct{ sim *rdssim.Sim }

func (s simSQL) view(ep fleet.Endpoint) (rdssim.ServerView, bool) {
	return s.sim.Server(rdssim.Scope{Account: ep.Account, Region: ep.Region}, ep.ID)
}

func (s simSQL) Precheck(_ context.Context, q fleet.PrecheckQuery) precheck.Report {
	return precheck.Report{ID: q.Endpoint.ID, ServerVersion: q.From, TargetVersion: q.To, Verdict: precheck.Ready, Checks: []precheck.CheckResult{}}
}

func (s simSQL) Lag(_ context.Context, ep fleet.Endpoint) bluegreen.Lag {
	v, ok := s.view(ep)
	if !ok || v.Down || v.Offline || v.Broken != "" || !v.Replica {
		return bluegreen.Lag{Reason: "not replicating"}
	}
	return bluegreen.Lag{Known: true, Seconds: v.Lag.Seconds()}
}

func (s simSQL) Version(_ context.Context, ep fleet.Endpoint) (string, error) {
	v, ok := s.view(ep)
	if !ok {
		return "", errors.New("no server " + ep.ID)
	}
	return v.EngineVersion, nil
}

// external names the database that replicates from outside, as its server would.
func (s simSQL) Neighbours(_ context.Context, ep fleet.Endpoint) (fleet.Neighbours, error) {
	return fleet.Neighbours{External: ep.ID == "external"}, nil
}

// only breaks one action.
func only(action string, answer func() (int, string)) func(string) *http.Response {
	return func(a string) *http.Response {
		if a != action {
			return nil
		}
		status, body := answer()
		kind := "text/xml"
		if strings.HasPrefix(body, "<html") {
			kind = "text/html"
		}
		return &http.Response{StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
	}
}
