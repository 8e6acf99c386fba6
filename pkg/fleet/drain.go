package fleet

import (
	"context"
	"fmt"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// Drainer is an SQL that can tell what an application still does on a server.
type Drainer interface {
	AppLoad(context.Context, Endpoint) (bluegreen.AppLoad, error)
}

// drainEvery is the time between two readings while blue drains.
const drainEvery = time.Second

// drain waits until blue is quiet, as the plan says. It ends early when the
// window closes or a person speaks: nothing would follow it.
func (e *Engine) drain(ctx context.Context, u unit, blue Endpoint) bluegreen.Gate {
	p := e.cfg.Plan.Switchover.Drain
	limit := bluegreen.DrainLimit{Connections: p.MaxConnections, Transactions: p.MaxTransactions, For: p.For, Timeout: p.Timeout}
	asker, ok := e.cfg.SQL.(Drainer)
	if !ok {
		return bluegreen.Gate{Name: "drain of blue", Verdict: bluegreen.GateInconclusive, Evidence: []string{"the plan gives no SQL access"}}
	}
	var d bluegreen.Drain
	for {
		now := e.cfg.Clock.Now()
		g, done := bluegreen.GateDrained(d, now, limit, p.OnTimeout == "go")
		if done || ctx.Err() != nil {
			return g
		}
		if why := e.nothingFollows(u); why != "" {
			g.Verdict, g.Later = bluegreen.GateFail, true
			g.Evidence = append([]string{why + " while it was waited for"}, g.Evidence...)
			return g
		}
		read, cancel := context.WithTimeout(ctx, 10*time.Second)
		r := reading(asker.AppLoad(read, blue))
		cancel()
		d.Take(e.cfg.Clock.Now(), r, limit)
		if g, done := bluegreen.GateDrained(d, e.cfg.Clock.Now(), limit, p.OnTimeout == "go"); done {
			return g
		}
		if e.cfg.Clock.Sleep(ctx, drainEvery) != nil {
			return g
		}
	}
}

// nothingFollows says why a switchover would not be asked for after a wait.
func (e *Engine) nothingFollows(u unit) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	u.facts.Now = e.cfg.Clock.Now() // the next tick looks anew; the look's age is no reason here
	return e.overtaken(u)
}

// AppLoad implements Drainer. information_schema.INNODB_TRX refuses an account
// without PROCESS, so that a list of its own sessions alone is never taken for
// all of them.
func (a *Access) AppLoad(ctx context.Context, ep Endpoint) (bluegreen.AppLoad, error) {
	s, err := a.dial(ctx, ep)
	if err != nil {
		return bluegreen.AppLoad{}, err
	}
	defer s.close()
	return s.appLoad(ctx)
}

// notTheApp leaves out replication, RDS's own accounts, and every session of
// rdsupgrade's account.
const notTheApp = "p.USER NOT IN ('system user','event_scheduler','unauthenticated user','rdsadmin','rdsrepladmin','rdstopmgr') AND p.COMMAND NOT LIKE 'Binlog Dump%' AND p.COMMAND <> 'Daemon' " +
	"AND p.USER <> SUBSTRING_INDEX(USER(),'@',1)"

func (s *server) appLoad(ctx context.Context) (bluegreen.AppLoad, error) {
	var l bluegreen.AppLoad
	rows, err := s.rows(ctx, "drain", "SELECT COUNT(*) AS n FROM information_schema.INNODB_TRX t JOIN information_schema.PROCESSLIST p ON p.ID = t.trx_mysql_thread_id WHERE "+notTheApp)
	if err != nil {
		return l, err
	}
	if l.Transactions, err = oneCount(rows); err != nil {
		return l, err
	}
	if rows, err = s.rows(ctx, "drain", "SELECT COUNT(*) AS n FROM information_schema.PROCESSLIST p WHERE "+notTheApp); err != nil {
		return l, err
	}
	l.Connections, err = oneCount(rows)
	return l, err
}

func oneCount(rows []map[string]string) (n int, err error) {
	if len(rows) != 1 {
		return 0, fmt.Errorf("the server gave no count")
	}
	_, err = fmt.Sscan(rows[0]["n"], &n)
	return n, err
}
