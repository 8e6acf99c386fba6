package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/precheck"
)

// Neighbours is whom a server replicates with outside of what RDS shows.
type Neighbours struct {
	// External tells that it has a replication source of its own.
	External bool
	// Readers are those who read its binary log, RDS's own replicas left out.
	Readers []string
	// Objects is what it holds and writes, nil when that is not known.
	Objects *bluegreen.Objects
	// EventScheduler is the variable as the server shows it, "" when not known.
	EventScheduler string
}

// AsksNeighbours is a second face of SQL: asking a server for its Neighbours.
type AsksNeighbours interface {
	Neighbours(context.Context, Endpoint) (Neighbours, error)
}

// rdsReplicationUser is whom RDS's own replicas and greens log in as.
const rdsReplicationUser = "rdsrepladmin"

// Neighbours asks a blue for its replication source and for who reads its binary log.
func (a *Access) Neighbours(ctx context.Context, ep Endpoint) (Neighbours, error) {
	var n Neighbours
	t, err := a.target(ctx, ep)
	if err != nil {
		return n, err
	}
	rows, err := precheck.Ask(ctx, t, "SHOW SLAVE STATUS")
	if precheck.IsSyntaxError(err) { // from 8.4
		rows, err = precheck.Ask(ctx, t, "SHOW REPLICA STATUS")
	}
	if err != nil {
		return n, fmt.Errorf("ask %s for its replication: %w", ep.ID, err)
	}
	n.External = len(rows) > 0
	rows, err = precheck.Ask(ctx, t, "/* rdsupgrade:ask.readers */ SELECT USER AS u, HOST AS h FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%'")
	if err != nil {
		return n, fmt.Errorf("ask %s for the readers of its binary log: %w", ep.ID, err)
	}
	for _, r := range rows {
		if r["u"] != rdsReplicationUser {
			host, _, _ := strings.Cut(r["h"], ":")
			n.Readers = append(n.Readers, r["u"]+" from "+host)
		}
	}
	if rows, err = precheck.Ask(ctx, t, "SELECT @@GLOBAL.event_scheduler AS v"); err == nil && len(rows) == 1 {
		n.EventScheduler = rows[0]["v"]
	}
	n.Objects = a.objects(ctx, t)
	return n, nil
}

// countObjects is limited, because a dictionary of very many tables is slow to
// read in 5.7.
const countObjects = "/* rdsupgrade:ask.objects */ SELECT /*+ MAX_EXECUTION_TIME(20000) */ " +
	"(SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA NOT IN ('mysql','sys','performance_schema','information_schema')) AS t, " +
	"(SELECT COUNT(*) FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA NOT IN ('mysql','sys')) + " +
	"(SELECT COUNT(*) FROM information_schema.EVENTS) AS p"

// objects counts what a server holds and reads how much it writes; nil when it
// does not tell. It is for an estimate only, so no error is one.
func (a *Access) objects(ctx context.Context, t precheck.Target) *bluegreen.Objects {
	rows, err := precheck.Ask(ctx, t, countObjects)
	if err != nil || len(rows) != 1 {
		return nil
	}
	o := &bluegreen.Objects{From: "asked"}
	var terr, perr error
	o.Tables, terr = strconv.Atoi(rows[0]["t"])
	o.Programs, perr = strconv.Atoi(rows[0]["p"])
	if terr != nil || perr != nil {
		return nil
	}
	rows, err = precheck.Ask(ctx, t, "SHOW GLOBAL STATUS WHERE Variable_name IN ('Innodb_os_log_written', 'Uptime')")
	if err != nil {
		return o
	}
	status := map[string]float64{}
	for _, r := range rows {
		if v, err := strconv.ParseFloat(r["Value"], 64); err == nil {
			status[r["Variable_name"]] = v
		}
	}
	// Less than an hour says nothing of a day.
	if up := status["Uptime"]; up >= 3600 {
		o.RedoMiBps, o.RedoKnown = status["Innodb_os_log_written"]/up/(1<<20), true
	}
	return o
}

// readNeighbours takes what the saved prechecks know of the campaign's
// databases. A file that cannot be read teaches nothing.
func (e *Engine) readNeighbours() {
	for _, m := range e.campaign.members {
		b, err := os.ReadFile(filepath.Join(e.cfg.Store.Dir, "prechecks", strings.ReplaceAll(m.key, "/", "_")+".json"))
		if err != nil {
			continue
		}
		var r precheck.Report
		if json.Unmarshal(b, &r) != nil {
			continue
		}
		e.learnNeighbours(m.key, r)
	}
}

// learnNeighbours takes a precheck's word on external replication in, which
// AWS's API does not show.
func (e *Engine) learnNeighbours(key string, r precheck.Report) {
	if r.Objects != nil {
		e.mu.Lock()
		e.resolver.objects[key] = &bluegreen.Objects{Tables: r.Objects.Tables, Programs: r.Objects.Programs,
			From: "precheck of " + r.ReadAt.UTC().Format(time.DateOnly)}
		if v := r.Objects.EventScheduler; v != "" {
			n := e.resolver.neighbours[key]
			n.EventScheduler = v
			e.resolver.neighbours[key] = n
			delete(e.resolver.cache, key)
		}
		e.mu.Unlock()
	}
	for _, c := range r.Checks {
		if c.ID != "externalReplica" || c.Status != precheck.StatusPassed && len(c.Findings) == 0 {
			continue
		}
		e.mu.Lock()
		n := e.resolver.neighbours[key]
		n.External = len(c.Findings) > 0
		e.resolver.neighbours[key] = n
		delete(e.resolver.cache, key)
		e.mu.Unlock()
	}
}

// askNeighbours asks every blue itself; who does not answer stays unknown.
func (e *Engine) askNeighbours(ctx context.Context) {
	ask, ok := e.cfg.SQL.(AsksNeighbours)
	if !ok {
		return
	}
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(e.cfg.Workers)
	for _, m := range e.campaign.members {
		s := e.seen[m.scope]
		if s == nil || s.instances[m.id] == nil {
			continue
		}
		i := s.instances[m.id]
		g.Go(func() error {
			n, err := ask.Neighbours(ctx, Endpoint{ID: m.id, Address: i.Address, Port: i.Port, Account: m.account, Region: m.region})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				e.gapOf(m.scope)["replication of "+m.id] = err.Error()
				return nil
			}
			e.resolver.neighbours[m.key] = n
			if n.Objects != nil {
				e.resolver.objects[m.key] = n.Objects
			}
			return nil
		})
	}
	_ = g.Wait() // no function returns an error
}

// gapOf is the list of a scope's gaps.
func (e *Engine) gapOf(scope string) map[string]string {
	if ref := e.refs[scope]; ref != nil {
		return ref.gaps
	}
	return map[string]string{}
}

// measure reads the load of every member and replica from CloudWatch, one call
// each. What cannot be read is a gap, and sized by what is provisioned.
func (e *Engine) measure(ctx context.Context) {
	e.resolver.loads = map[string]map[string]bluegreen.Load{}
	var mu sync.Mutex
	var g errgroup.Group
	for _, sc := range e.cfg.Scopes {
		s := e.seen[sc.Key()]
		if s == nil || s.err != nil {
			continue
		}
		var ids []string
		for _, b := range e.blues(sc.Key(), s) {
			ids = append(ids, b.ID)
			for _, r := range b.Replicas {
				ids = append(ids, bluegreen.IDFromARN(r))
			}
		}
		g.Go(func() error {
			loads, why := map[string]bluegreen.Load{}, "this connection cannot ask CloudWatch"
			if sc.Meter != nil {
				var err error
				if loads, err = sc.Meter.Loads(ctx, ids); err != nil {
					why = faultOf(err).Error()
				} else {
					why = ""
				}
			}
			mu.Lock()
			defer mu.Unlock()
			e.resolver.loads[sc.Key()] = loads
			if why != "" {
				e.gapOf(sc.Key())["measured load"] = why
			}
			return nil
		})
	}
	_ = g.Wait() // no function returns an error
}
