package fleet

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Clients implements Visitors: the connections that are not RDS's own, not
// replication's, and not this program's. An account that may not see other
// connections proves nothing: it needs PROCESS.
func (a *Access) Clients(ctx context.Context, ep Endpoint) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, wayTimeout)
	defer cancel()
	s, err := a.dial(ctx, ep)
	if err != nil {
		return nil, err
	}
	defer s.close()
	rows, err := s.rows(ctx, "clients", "SELECT ID AS id, USER AS user, HOST AS host, COMMAND AS command, ID = CONNECTION_ID() AS me FROM information_schema.PROCESSLIST")
	if err != nil {
		return nil, err
	}
	total, err := s.rows(ctx, "threads", "SHOW GLOBAL STATUS LIKE 'Threads_connected'")
	if err != nil || len(total) != 1 {
		return nil, errors.Join(errors.New("the number of connections could not be read"), err)
	}
	connected, err := strconv.Atoi(total[0]["Value"])
	if err != nil {
		return nil, fmt.Errorf("the number of connections is %q", total[0]["Value"])
	}
	return clientsOf(rows, connected)
}

// clientsOf picks the clients out of a process list. When it shows fewer
// connections than the server counts, the rest is hidden.
func clientsOf(rows []map[string]string, connected int) ([]string, error) {
	var me map[string]string
	shown := 0
	for _, r := range rows {
		if r["command"] != "Daemon" && r["user"] != "system user" {
			shown++
		}
		if r["me"] == "1" {
			me = r
		}
	}
	if me == nil {
		return nil, errors.New("the list of connections does not show this one")
	}
	if shown < connected { // one may have come between the two questions: the next look tells
		return nil, fmt.Errorf("%d connections, of which the account sees %d: it needs PROCESS", connected, shown)
	}
	var out []string
	for _, r := range rows {
		switch {
		case r["me"] == "1", r["command"] == "Daemon", r["user"] == "system user", r["user"] == "event_scheduler",
			r["user"] == "rdsadmin", r["user"] == "rdsrepladmin":
		case r["user"] == me["user"] && hostOf(r["host"]) == hostOf(me["host"]): // another reading of this program's
		default:
			out = append(out, r["user"]+"@"+hostOf(r["host"]))
		}
	}
	return out, nil
}

// hostOf is a process list's host without its port.
func hostOf(s string) string {
	host, _, _ := strings.Cut(s, ":")
	return host
}
