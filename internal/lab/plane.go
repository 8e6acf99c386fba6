package lab

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqltest"
	"github.com/rdsupgrade/rdsupgrade/internal/rdssim"
)

// plane implements rdssim.DataPlane with real servers.
type plane struct {
	ctx      context.Context // of the lab: its end ends everything under way
	proxies  *proxies
	accounts []Account
	dark     time.Duration // least time that a switchover refuses connections
	tell     func(format string, args ...any)

	mu      sync.Mutex
	serial  int
	servers map[string]*server // by resource id
	last    rdssim.Coordinates // of the last switchover
}

func (p *plane) server(resource string) *server {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.servers[resource]
}

func (p *plane) nextID() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.serial++
	return 100 + p.serial
}

// add starts a server for a resource, with the lab's accounts.
func (p *plane) add(resource string, side mysqltest.Side, more ...string) (*server, error) {
	s, err := startServer(p.ctx, side, p.nextID(), more...)
	if err != nil {
		return nil, err
	}
	for _, a := range p.accounts {
		if err := s.login(p.ctx, a, masterGrants); err != nil {
			return nil, errors.Join(err, s.stop(p.ctx))
		}
	}
	p.mu.Lock()
	p.servers[resource] = s
	p.mu.Unlock()
	return s, nil
}

// Build implements rdssim.DataPlane.
func (p *plane) Build(_ rdssim.Scope, blue, green rdssim.ServerView) error {
	from := p.server(blue.ResourceID)
	if from == nil {
		return fmt.Errorf("no server stands behind %s", blue.Name)
	}
	var more []string
	for _, name := range []string{"collation_server", "character_set_server"} {
		if v := green.Parameters[name]; v != "" {
			more = append(more, "--"+name+"="+v)
		}
	}
	if len(more) == 0 {
		more = []string{"--collation-server=utf8mb4_general_ci"}
	}
	to, err := p.add(green.ResourceID, mysqltest.SideNew, more...)
	if err != nil {
		return fmt.Errorf("start green: %w", err)
	}
	file, pos, err := copyData(p.ctx, from, to)
	if err != nil {
		return fmt.Errorf("copy data: %w", err)
	}
	p.tell("%s: MySQL %s, a copy of %s (MySQL %s) at %s:%d, replicating from there", green.Name, to.mysql.Version, blue.Name, from.mysql.Version, file, pos)
	return p.replicate(from, to, file, pos)
}

// replicate starts the real replication from blue to green.
func (p *plane) replicate(from, to *server, file string, pos uint64) error {
	secret := randomText()
	who := quote(replicationUser) + "@'%'"
	// sha256_password is the one plugin that both releases have.
	if err := execAll(p.ctx, from.root, "DROP USER IF EXISTS "+who, "CREATE USER "+who+" IDENTIFIED WITH sha256_password BY "+quote(secret),
		"GRANT REPLICATION SLAVE ON *.* TO "+who); err != nil {
		return fmt.Errorf("make the replication account: %w", err)
	}
	host, port := splitAddr(from.mysql.Addr)
	return execAll(p.ctx, to.root, "CHANGE REPLICATION SOURCE TO SOURCE_HOST="+quote(host)+", SOURCE_PORT="+port+", SOURCE_USER="+quote(replicationUser)+
		", SOURCE_PASSWORD="+quote(secret)+", SOURCE_LOG_FILE="+quote(file)+", SOURCE_LOG_POS="+utoa(pos)+
		", SOURCE_SSL=1, SOURCE_CONNECT_RETRY=1, SOURCE_HEARTBEAT_PERIOD=2, GET_SOURCE_PUBLIC_KEY=1", "START REPLICA")
}

// Restarted implements rdssim.DataPlane: a start of the server loses its
// connections and sets read_only anew.
func (p *plane) Restarted(_ rdssim.Scope, v rdssim.ServerView) error {
	s := p.server(v.ResourceID)
	if s == nil {
		return nil // not built yet
	}
	p.proxies.cut(v.ResourceID)
	return s.readOnly(p.ctx, v.ReadOnly)
}

// Remove implements rdssim.DataPlane.
func (p *plane) Remove(_ rdssim.Scope, resource string) {
	p.mu.Lock()
	s := p.servers[resource]
	delete(p.servers, resource)
	p.mu.Unlock()
	if s == nil {
		return
	}
	p.proxies.cut(resource)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.ctx), time.Minute)
	defer cancel()
	if err := s.stop(ctx); err != nil {
		p.tell("stop a deleted server: %v", err)
	}
}

// close stops all servers.
func (p *plane) close() error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.ctx), 2*time.Minute)
	defer cancel()
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for id, s := range p.servers {
		errs = append(errs, s.stop(ctx))
		delete(p.servers, id)
	}
	return errors.Join(errs...)
}
