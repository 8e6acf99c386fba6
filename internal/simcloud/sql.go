package simcloud

import (
	"context"
	"fmt"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim"
	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/precheck"
)

// SQL answers for the servers of the model. A schema is not simulated: the
// precheck of a database is passed unless Blocked names it.
type SQL struct {
	Sim *rdssim.Sim
	// Blocked says of a database id why its precheck blocks it, "" when it passes.
	Blocked func(id string) string
}

var _ fleet.SQL = (*SQL)(nil)

// Precheck implements fleet.SQL.
func (s *SQL) Precheck(_ context.Context, q fleet.PrecheckQuery) precheck.Report {
	r := precheck.Report{ID: q.Endpoint.ID, ServerVersion: q.From, TargetVersion: q.To, Verdict: precheck.Ready, Checks: []precheck.CheckResult{}}
	if s.Blocked == nil {
		return r
	}
	if why := s.Blocked(q.Endpoint.ID); why != "" {
		r.Verdict, r.Summary.Errors = precheck.Blocked, 1
		r.Checks = []precheck.CheckResult{{ID: why, Severity: precheck.Error, Findings: []precheck.Finding{{Object: q.Endpoint.ID, Message: "blocked in the fleet file"}}}}
	}
	return r
}

func (s *SQL) server(ep fleet.Endpoint) (rdssim.ServerView, error) {
	v, ok := s.Sim.Server(rdssim.Scope{Account: ep.Account, Region: ep.Region}, ep.ID)
	switch {
	case !ok:
		return v, fmt.Errorf("no server is called %s", ep.ID)
	case v.Down || v.Offline:
		return v, fmt.Errorf("%s accepts no connections", ep.ID)
	}
	return v, nil
}

// Lag implements fleet.SQL.
func (s *SQL) Lag(_ context.Context, ep fleet.Endpoint) bluegreen.Lag {
	v, err := s.server(ep)
	switch {
	case err != nil:
		return bluegreen.Lag{Reason: err.Error()}
	case v.Broken != "":
		return bluegreen.Lag{Reason: v.Broken}
	case !v.Replica:
		return bluegreen.Lag{Reason: v.Name + " does not replicate"}
	}
	return bluegreen.Lag{Known: true, Seconds: v.Lag.Seconds()}
}

// Version implements fleet.SQL.
func (s *SQL) Version(_ context.Context, ep fleet.Endpoint) (string, error) {
	v, err := s.server(ep)
	return v.EngineVersion, err
}

var _ fleet.Visitors = (*SQL)(nil)

// Clients implements fleet.Visitors: the model has servers and no clients.
func (s *SQL) Clients(_ context.Context, ep fleet.Endpoint) ([]string, error) {
	_, err := s.server(ep)
	return nil, err
}
