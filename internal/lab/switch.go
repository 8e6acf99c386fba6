package lab

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim"
)

// longRunning is how old a transaction that has written may be before the
// guardrails refuse a switchover.
const longRunning = 10 * time.Second

func utoa(n uint64) string { return strconv.FormatUint(n, 10) }

func randomText() string { return rand.Text() }

func splitAddr(addr string) (host, port string) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr, "3306"
	}
	return host, port
}

// Switch implements rdssim.DataPlane in RDS's order: guardrails, writes stopped
// on both, connections cut, catch-up, green writable (RDS User Guide,
// "Switching a blue/green deployment").
func (p *plane) Switch(_ rdssim.Scope, blue, green rdssim.ServerView, limit time.Duration) (rdssim.Coordinates, error) {
	ctx, cancel := context.WithTimeout(p.ctx, limit)
	defer cancel()
	var none rdssim.Coordinates
	from, to := p.server(blue.ResourceID), p.server(green.ResourceID)
	if from == nil || to == nil {
		return none, &rdssim.Canceled{Reason: "a server is missing"}
	}
	if reason := guardrails(ctx, from, to); reason != "" {
		return none, &rdssim.Canceled{Reason: reason}
	}
	begin := time.Now()
	at, err := p.moveWrites(ctx, blue, green, from, to, begin)
	if err != nil {
		undo, stop := context.WithTimeout(p.ctx, sqlTimeout)
		defer stop()
		reason := err.Error()
		if err := from.readOnly(undo, false); err != nil {
			reason += "; blue could not be made writable again: " + err.Error()
		}
		return none, &rdssim.Canceled{Reason: reason, Dark: true}
	}
	p.mu.Lock()
	p.last = at
	p.mu.Unlock()
	p.tell("%s: switched over in %s; %s writes to %s:%d", blue.Name, time.Since(begin).Round(time.Millisecond), green.Name, at.File, at.Position)
	return at, nil
}

func (p *plane) moveWrites(ctx context.Context, blue, green rdssim.ServerView, from, to *server, begin time.Time) (at rdssim.Coordinates, err error) {
	if err := execAll(ctx, from.root, "SET GLOBAL super_read_only=ON"); err != nil {
		return at, fmt.Errorf("stop writes on blue: %w", err)
	}
	p.proxies.cut(blue.ResourceID)
	p.proxies.cut(green.ResourceID)
	file, pos, err := from.position(ctx)
	if err != nil {
		return at, err
	}
	if err := to.awaitSource(ctx, file, pos); err != nil {
		return at, err
	}
	if err := execAll(ctx, to.root, "STOP REPLICA"); err != nil {
		return at, err
	}
	if at.File, at.Position, err = to.position(ctx); err != nil {
		return at, err
	}
	if err := pause(ctx, p.dark-time.Since(begin)); err != nil {
		return at, fmt.Errorf("rename: %w", err)
	}
	// From here on nothing is undone any more.
	if err := execAll(ctx, to.root, "RESET REPLICA ALL"); err != nil {
		return at, err
	}
	if err := to.readOnly(ctx, false); err != nil {
		return at, err
	}
	// Old blue stays read-only, for everybody but the master of masters.
	if err := execAll(ctx, from.root, "SET GLOBAL super_read_only=OFF"); err != nil {
		return at, err
	}
	return at, nil
}

// pause is the time that renaming takes on RDS.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(max(d, 0))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// awaitSource waits until the replica has applied its source's log to a place.
func (s *server) awaitSource(ctx context.Context, file string, pos uint64) error {
	f := "MASTER_POS_WAIT"
	if s.newer {
		f = "SOURCE_POS_WAIT"
	}
	seconds := 300
	if end, ok := ctx.Deadline(); ok {
		seconds = max(1, int(time.Until(end).Seconds()))
	}
	row, err := one(ctx, s.root, "SELECT "+f+"("+quote(file)+","+utoa(pos)+","+strconv.Itoa(seconds)+") AS done")
	switch {
	case err != nil:
		return fmt.Errorf("wait for green: %w", err)
	case row["done"] == "" || row["done"] == "-1":
		return fmt.Errorf("the switchover exceeded its timeout: green did not reach %s:%d", file, pos)
	}
	return nil
}

// guardrails are the reasons for which RDS would not begin.
func guardrails(ctx context.Context, from, to *server) string {
	st, err := to.replication(ctx)
	switch {
	case err != nil:
		return "green's replication could not be read: " + err.Error()
	case st == nil || st["Replica_IO_Running"] != "Yes" || st["Replica_SQL_Running"] != "Yes":
		return "replication of green is not healthy: " + st["Last_SQL_Error"] + st["Last_IO_Error"]
	}
	if row, err := one(ctx, to.root, "SELECT @@global.read_only AS ro"); err != nil || row["ro"] != "1" {
		return "green accepts writes"
	}
	if st, err := from.replication(ctx); err != nil || st != nil {
		return "blue replicates from an external source"
	}
	row, err := one(ctx, from.root, "SELECT trx_mysql_thread_id AS id FROM information_schema.INNODB_TRX WHERE trx_rows_modified > 0 AND trx_started < NOW() - INTERVAL "+
		strconv.Itoa(int(longRunning.Seconds()))+" SECOND LIMIT 1")
	if err != nil {
		return "blue's transactions could not be read: " + err.Error()
	}
	if row != nil {
		return "long-running writes were found on blue: connection " + row["id"]
	}
	return ""
}
