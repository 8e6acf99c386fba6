package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqltest"
	"github.com/rdsupgrade/rdsupgrade/internal/rdssim"
)

// Where the lab's databases live.
const (
	AccountID = "111122223333"
	Region    = "eu-west-1"
)

// The lab's logins: the tool's, with the rights of RDS's master user, and the
// application's.
var (
	Tool = Account{User: "rdsupgrade", Password: "tool-of-the-lab"}
	App  = Account{User: "app", Password: "application-of-the-lab"}
)

var scope = rdssim.Scope{Account: AccountID, Region: Region}

// Config of a lab.
type Config struct {
	Databases []string
	// Speed of the control plane; default 600. What servers do takes its time.
	Speed float64
	// Dark is the least time that a switchover refuses connections; RDS's
	// renaming takes seconds. Default 2.5 s.
	Dark time.Duration
	// Faults of the control plane, nil for none.
	Faults *rdssim.Faults
	// Tell, if given, hears what happens to servers.
	Tell func(format string, args ...any)
}

// Lab is a control plane with real servers. Close ends everything.
type Lab struct {
	Sim *rdssim.Sim
	URL string

	plane   *plane
	proxies *proxies
	http    *http.Server
	served  chan error
	cancel  context.CancelFunc
	beating sync.WaitGroup
}

// Start brings the blue servers up and serves the control plane.
func Start(ctx context.Context, cfg Config) (*Lab, error) {
	if cfg.Speed == 0 {
		cfg.Speed = 600
	}
	if cfg.Dark == 0 {
		cfg.Dark = 2500 * time.Millisecond
	}
	if cfg.Tell == nil {
		cfg.Tell = func(string, ...any) {}
	}
	fleet, err := rdssim.ParseFleet(strings.NewReader(fleetText(cfg.Databases)))
	if err != nil {
		return nil, fmt.Errorf("describe the lab: %w", err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l := &Lab{proxies: newProxies(), served: make(chan error, 1), cancel: cancel}
	l.plane = &plane{ctx: ctx, proxies: l.proxies, accounts: []Account{Tool, App}, dark: cfg.Dark, tell: cfg.Tell, servers: map[string]*server{}}
	l.proxies.lookup = l.lookup
	l.Sim, err = rdssim.New(fleet, rdssim.Options{Speed: cfg.Speed, Seed: 1, Endpoints: l.proxies, Data: l.plane, Faults: cfg.Faults, Leap: map[string]string{"5.7": "9.7"}})
	if err != nil {
		cancel()
		return nil, err
	}
	if err := l.bring(cfg); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// bring starts what listens.
func (l *Lab) bring(cfg Config) error {
	for _, n := range l.Sim.Primaries() {
		v, _ := l.Sim.Server(n.At, n.ID)
		s, err := l.plane.add(v.ResourceID, mysqltest.SideOld)
		if err != nil {
			return fmt.Errorf("start %s: %w", n.ID, err)
		}
		cfg.Tell("%s: MySQL %s (%s)", n.ID, s.mysql.Version, s.mysql.Way)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	l.URL = "http://" + listener.Addr().String()
	l.http = &http.Server{Handler: l.Sim.Handler(), ReadHeaderTimeout: 10 * time.Second}
	go func() { l.served <- l.http.Serve(listener) }()
	l.beating.Go(l.beat)
	return nil
}

// beat keeps the model at the present, also when nobody asks, and cuts
// connections whose name has moved.
func (l *Lab) beat() {
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-l.plane.ctx.Done():
			return
		case <-tick.C:
			l.Sim.Primaries()
			l.proxies.sweep()
		}
	}
}

func (l *Lab) lookup(at rdssim.Scope, name string) route {
	v, ok := l.Sim.Server(at, name)
	if !ok {
		return route{}
	}
	r := route{resource: v.ResourceID, offline: v.Offline}
	if s := l.plane.server(v.ResourceID); s != nil && !(v.Down && !v.Offline) {
		r.addr = s.mysql.Addr
	}
	return r
}

// Endpoint is the address that clients of a name dial.
func (l *Lab) Endpoint(name string) string {
	host, port, ok := l.proxies.Endpoint(scope, name)
	if !ok {
		return ""
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}

// Root runs statements on the server behind a name with all privileges, past
// the proxy.
func (l *Lab) Root(ctx context.Context, name string, statements ...string) error {
	s, err := l.behind(name)
	if err != nil {
		return err
	}
	return execAll(ctx, s.root, statements...)
}

// Row is the first row of a query on the server behind a name, past the proxy;
// nil without one.
func (l *Lab) Row(ctx context.Context, name, query string) (map[string]string, error) {
	s, err := l.behind(name)
	if err != nil {
		return nil, err
	}
	return one(ctx, s.root, query)
}

// CatchUp waits until the server behind one name has applied the other's log
// as it is now.
func (l *Lab) CatchUp(ctx context.Context, from, to string) error {
	source, err := l.behind(from)
	if err != nil {
		return err
	}
	replica, err := l.behind(to)
	if err != nil {
		return err
	}
	file, pos, err := source.position(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sqlTimeout)
	defer cancel()
	return replica.awaitSource(ctx, file, pos)
}

func (l *Lab) behind(name string) (*server, error) {
	v, _ := l.Sim.Server(scope, name)
	if s := l.plane.server(v.ResourceID); s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("no server stands behind %s", name)
}

// Close stops everything and waits for it.
func (l *Lab) Close() error {
	var errs []error
	if l.http != nil {
		errs = append(errs, l.http.Close())
		if err := <-l.served; !errors.Is(err, http.ErrServerClosed) {
			errs = append(errs, err)
		}
	}
	l.cancel()
	l.Sim.Wait()
	l.beating.Wait()
	return errors.Join(append(errs, l.proxies.close(), l.plane.close())...)
}

// fleetText is the control plane's side of the databases.
func fleetText(ids []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "mysql: {user: %s, password: %s}\naccounts:\n  - {id: %q, regions: [%s]}\n", Tool.User, Tool.Password, AccountID, Region)
	fmt.Fprintf(&b, "defaults: {engine_version: 5.7.44, class: db.m5.large, storage_type: gp2, allocated_storage: 100, backup_retention: 7, account: %q, region: %s, tags: {service: lab, env: lab}}\n", AccountID, Region)
	b.WriteString("parameter_groups:\n  - {name: lab57, family: mysql5.7, parameters: {binlog_format: ROW}}\ndatabases:\n")
	for _, id := range ids {
		fmt.Fprintf(&b, "  - {id: %s, parameter_group: lab57}\n", id)
	}
	return b.String()
}
