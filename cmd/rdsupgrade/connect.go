package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/awsrds"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
	"github.com/rdsupgrade/rdsupgrade/pkg/precheck"
)

// loadPlan reads the plan file; its mistakes are plan.Problems.
func loadPlan(path string) (*plan.Plan, error) {
	var ids []string
	for _, r := range precheck.Rules() {
		ids = append(ids, r.ID)
	}
	p, err := plan.Load(path, plan.KnownChecks(ids), plan.Now(time.Now()))
	var problems plan.Problems
	if err == nil || errors.As(err, &problems) {
		return p, err
	}
	f := &failure{exit: exitBadPlan, Code: "bad-plan", Text: err.Error()}
	if errors.Is(err, fs.ErrNotExist) {
		f.Code, f.Text, f.Next = "no-plan", path+" does not exist", "name an existing plan file; plans/ has examples"
	}
	return nil, f
}

// aws is the adapter side of a campaign: clients by account and Region.
type aws struct {
	factory awsrds.Factory
	clients map[string]*awsrds.Client // by scope key
	scopes  []fleet.Scope
}

// dial makes a client per account and Region. An account without an id gets
// the one that its credentials belong to.
func dial(ctx context.Context, p *plan.Plan, endpoint string) (*aws, error) {
	a := &aws{clients: map[string]*awsrds.Client{}}
	for _, acc := range p.Accounts {
		for _, region := range acc.Regions {
			c, err := a.factory.Client(ctx, awsrds.ScopeConfig{AccountID: acc.ID, AccountName: acc.Name, Profile: acc.Profile,
				RoleARN: acc.RoleARN, ExternalID: acc.ExternalID, Region: region, EndpointURL: endpoint, Rate: p.Run.APIRate})
			if err != nil {
				return nil, fmt.Errorf("connect to account %s in %s: %w", acc.Name, region, err)
			}
			id := acc.ID
			if id == "" {
				who, err := c.CallerIdentity(ctx)
				if err != nil {
					return nil, fmt.Errorf("ask who the credentials belong to: %w", err)
				}
				id = who.Account
			}
			sc := fleet.Scope{Account: id, Name: acc.Name, Region: region, Cloud: c, Offers: c, Groups: c, Trail: awsrds.Trail{Client: c}, Around: c, Meter: c}
			a.scopes = append(a.scopes, sc)
			a.clients[sc.Key()] = c
		}
	}
	return a, nil
}

// Secret reads a database's credentials from Secrets Manager.
func (a *aws) Secret(ctx context.Context, account, region, id string) (user, password string, err error) {
	c := a.clients[account+"/"+region]
	if c == nil {
		return "", "", fmt.Errorf("no client for account %s in %s", account, region)
	}
	return c.Secret(ctx, id)
}

// AuthToken makes an IAM login token.
func (a *aws) AuthToken(ctx context.Context, account, region, endpoint, user string) (string, error) {
	c := a.clients[account+"/"+region]
	if c == nil {
		return "", fmt.Errorf("no client for account %s in %s", account, region)
	}
	return c.AuthToken(ctx, endpoint, user)
}

func (a *aws) close() { a.factory.Close() }
