package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqlver"
	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
	"github.com/rdsupgrade/rdsupgrade/pkg/precheck"
)

// Secrets hands out what AWS keeps: database credentials and login tokens.
type Secrets interface {
	Secret(ctx context.Context, account, region, id string) (user, password string, err error)
	AuthToken(ctx context.Context, account, region, endpoint, user string) (string, error)
}

// Access is SQL by the plan's connection section.
type Access struct {
	Plan    *plan.Plan
	Secrets Secrets
	Now     func() time.Time
	// Read tunes the audits of this command; the plan's own settings win where
	// they are stricter.
	Read precheck.ReadOptions
	// Checks restricts the judgement to these check ids; empty: all.
	Checks []string
	// OnCatalog is told of every catalog that was read, before it is judged.
	OnCatalog func(id string, c *precheck.Catalog) error
}

// NewAccess is nil when the plan gives no SQL access.
func NewAccess(p *plan.Plan, s Secrets) *Access {
	if p.Connection.Auth == "none" {
		return nil
	}
	return &Access{Plan: p, Secrets: s, Now: time.Now}
}

// target puts together how to reach one server.
func (a *Access) target(ctx context.Context, ep Endpoint) (precheck.Target, error) {
	c := a.Plan.Connection
	t := precheck.Target{ID: ep.ID, Address: net.JoinHostPort(ep.Address, strconv.Itoa(ep.Port)), ServerName: ep.Address,
		User: c.User, CAFile: c.CAFile, ConnectTimeout: c.Timeout}
	if mapped := cmp.Or(c.AddressMap[ep.Account+"/"+ep.Region+"/"+ep.ID], c.AddressMap[ep.ID]); mapped != "" {
		t.Address = mapped
	} else if ep.Address == "" || ep.Port == 0 {
		return t, fmt.Errorf("%s has no endpoint yet", ep.ID)
	}
	switch c.TLS {
	case "off":
		t.TLS = precheck.TLSDisabled
	case "skip-verify":
		t.TLS = precheck.TLSRequired
	default:
		t.TLS = precheck.TLSVerify
	}
	if c.UserEnv != "" {
		t.User = os.Getenv(c.UserEnv)
		if t.User == "" {
			return t, fmt.Errorf("the environment variable %s (connection.user_env) is not set", c.UserEnv)
		}
	}
	return t, a.credentials(ctx, ep, &t)
}

func (a *Access) credentials(ctx context.Context, ep Endpoint, t *precheck.Target) error {
	c := a.Plan.Connection
	switch c.Auth {
	case "env":
		pw, ok := os.LookupEnv(c.PasswordEnv)
		if !ok {
			return fmt.Errorf("the environment variable %s (connection.password_env) is not set", c.PasswordEnv)
		}
		t.Password = precheck.StaticPassword(pw)
	case "secret":
		user, pw, err := a.Secrets.Secret(ctx, ep.Account, ep.Region, c.SecretFor(ep.Account, ep.Region, ep.ID))
		if err != nil {
			return fmt.Errorf("read the secret of %s: %w", ep.ID, err)
		}
		if t.User == "" {
			t.User = user
		}
		t.Password = precheck.StaticPassword(pw)
	case "iam":
		user, addr := t.User, net.JoinHostPort(ep.Address, strconv.Itoa(ep.Port))
		t.Cleartext = true
		t.Password = func(ctx context.Context) (string, error) {
			return a.Secrets.AuthToken(ctx, ep.Account, ep.Region, addr, user)
		}
	default:
		return fmt.Errorf("connection.auth %q is not known", c.Auth)
	}
	return nil
}

// Precheck audits one server and judges it for the hop.
func (a *Access) Precheck(ctx context.Context, q PrecheckQuery) precheck.Report {
	failed := func(err error) precheck.Report {
		code := "no-access"
		var ce *precheck.ConnectError
		if errors.As(err, &ce) {
			code = ce.Code
		}
		return precheck.Report{ID: q.Endpoint.ID, ServerVersion: q.From, TargetVersion: q.To, Verdict: precheck.Unknown,
			Checks: []precheck.CheckResult{}, Error: err.Error(), Code: code}
	}
	server := q.Endpoint
	if q.Replica != nil {
		server = *q.Replica
	}
	t, err := a.target(ctx, server)
	if err != nil {
		return failed(err)
	}
	opts := a.Read
	opts.Connections, opts.Budget = a.Plan.Connection.Connections, a.Plan.Prechecks.Budget
	cat, err := precheck.Read(ctx, t, opts)
	if err != nil {
		return failed(err)
	}
	if q.Replica != nil {
		// AWS knows it as our own replica; the primary's state is AWS's to tell.
		cat.Activity.Replica, cat.Activity.ReplicaOf = false, ""
	}
	cat.Parameters = q.Parameters
	if q.Parameters != nil {
		cat.Sections[precheck.SectionParameters] = precheck.SectionState{Status: precheck.SectionRead}
	}
	cat.Activity.OptionGroup = q.OptionGroup
	if a.OnCatalog != nil {
		if err := a.OnCatalog(q.Endpoint.ID, cat); err != nil {
			return failed(err)
		}
	}
	return a.judge(cat, q, failed)
}

func (a *Access) judge(cat *precheck.Catalog, q PrecheckQuery, failed func(error) precheck.Report) precheck.Report {
	from, err1 := mysqlver.Parse(cat.Server.Version)
	to, err2 := mysqlver.Parse(q.To)
	if err := errors.Join(err1, err2); err != nil {
		return failed(err)
	}
	route, err := precheck.RouteFor(from, to)
	if err != nil {
		return failed(err)
	}
	rep := precheck.Judge(cat, route, PrecheckPolicy(a.Plan, a.Now()), precheck.JudgeOptions{ID: q.Endpoint.ID, Only: a.Checks})
	rep.Objects = cat.Count()
	return rep
}

// handledByGroup are the checks about system variables. RDS takes none of them
// from blue: the green gets a parameter group of its own family, which the plan
// names or has translated, so what they find informs and does not block.
var handledByGroup = []string{"removedSysVars", "removedSysLogVars", "sysVarsNewDefaults"}

// PrecheckPolicy is the plan's policy over findings.
func PrecheckPolicy(p *plan.Plan, now time.Time) precheck.Policy {
	severity := map[string]precheck.Severity{}
	for _, id := range handledByGroup {
		severity[id] = precheck.Notice
	}
	maps.Copy(severity, p.Prechecks.Severity)
	return precheck.Policy{Severity: severity, FailLevel: p.Prechecks.FailLevel, Waivers: p.Prechecks.Waivers, Now: now}
}

// Lag asks a green how far it is behind its blue. Both applier and receiver
// must run: Seconds_Behind_Source 0 of a stopped replica proves nothing.
func (a *Access) Lag(ctx context.Context, ep Endpoint) bluegreen.Lag {
	t, err := a.target(ctx, ep)
	if err != nil {
		return bluegreen.Lag{Reason: err.Error()}
	}
	rows, err := precheck.Ask(ctx, t, "SHOW REPLICA STATUS")
	if precheck.IsSyntaxError(err) { // before 8.0.22
		rows, err = precheck.Ask(ctx, t, "SHOW SLAVE STATUS")
	}
	if err != nil {
		return bluegreen.Lag{Reason: "ask " + ep.ID + " for its replication: " + err.Error()}
	}
	if len(rows) == 0 {
		return bluegreen.Lag{Reason: ep.ID + " does not replicate"}
	}
	return lagOf(ep.ID, rows[0])
}

// lagOf reads one row of SHOW REPLICA STATUS, in its old or new words.
func lagOf(id string, row map[string]string) bluegreen.Lag {
	either := func(a, b string) (string, bool) {
		if v, ok := row[a]; ok {
			return v, true
		}
		v, ok := row[b]
		return v, ok
	}
	io, _ := either("Replica_IO_Running", "Slave_IO_Running")
	applier, _ := either("Replica_SQL_Running", "Slave_SQL_Running")
	if io != "Yes" || applier != "Yes" {
		reason := fmt.Sprintf("replication of %s is not running (receiver %s, applier %s)", id, io, applier)
		for _, k := range []string{"Last_SQL_Error", "Last_IO_Error"} {
			if row[k] != "" {
				reason += ": " + row[k]
				break
			}
		}
		return bluegreen.Lag{Reason: reason}
	}
	text, ok := either("Seconds_Behind_Source", "Seconds_Behind_Master")
	if !ok {
		return bluegreen.Lag{Reason: "replica lag of " + id + " is NULL"}
	}
	sec, err := strconv.ParseFloat(text, 64)
	if err != nil || sec < 0 {
		return bluegreen.Lag{Reason: fmt.Sprintf("replica lag of %s is %q", id, text)}
	}
	return bluegreen.Lag{Known: true, Seconds: sec}
}

// Version asks the server that answers at an endpoint for its version.
func (a *Access) Version(ctx context.Context, ep Endpoint) (string, error) {
	t, err := a.target(ctx, ep)
	if err != nil {
		return "", err
	}
	rows, err := precheck.Ask(ctx, t, "SELECT VERSION() AS v")
	if err != nil {
		return "", err
	}
	if len(rows) != 1 || rows[0]["v"] == "" {
		return "", errors.New("the server gave no version")
	}
	return rows[0]["v"], nil
}
