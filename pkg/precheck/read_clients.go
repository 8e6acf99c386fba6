package precheck

import (
	"context"
	"strings"
)

// readClients counts the kinds of clients that are connected right now: who,
// from where, over which TLS version, with which connector.
func (r *reader) readClients(ctx context.Context, s *session) error {
	const threads = "SELECT THREAD_ID, PROCESSLIST_ID, PROCESSLIST_USER, PROCESSLIST_HOST, PROCESSLIST_COMMAND FROM performance_schema.threads rdsupgrade " +
		"WHERE TYPE = 'FOREGROUND' AND PROCESSLIST_USER IS NOT NULL AND PROCESSLIST_ID IS NOT NULL AND PROCESSLIST_COMMAND <> 'Daemon'"
	const tls = "SELECT THREAD_ID, VARIABLE_NAME, VARIABLE_VALUE FROM performance_schema.status_by_thread rdsupgrade " +
		"WHERE VARIABLE_NAME IN ('Ssl_version', 'Ssl_cipher')"
	const attrs = "SELECT PROCESSLIST_ID, ATTR_NAME, ATTR_VALUE FROM performance_schema.session_connect_attrs rdsupgrade " +
		"WHERE ATTR_NAME IN ('_client_name', '_client_version', 'program_name')"
	type client struct {
		Session
		thread string
		tls    bool
	}
	byThread, byID := map[string]*client{}, map[string]*client{}
	var order []*client
	err := s.query(ctx, "clients", threads, func(w row) error {
		c := &client{Session: Session{User: w.str(2), Host: w.str(3), Command: command(w.str(4))}, thread: w.str(0)}
		byThread[w.str(0)], byID[w.str(1)] = c, c
		order = append(order, c)
		return nil
	})
	if err != nil {
		return err
	}
	told := false
	err = s.query(ctx, "client_tls", tls, func(w row) error {
		told = true
		if c := byThread[w.str(0)]; c != nil {
			c.tls = true
			if strings.EqualFold(w.str(1), "Ssl_version") {
				c.TLSVersion = w.str(2)
			} else {
				c.TLSCipher = w.str(2)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = s.query(ctx, "client_attrs", attrs, func(w row) error {
		c := byID[w.str(0)]
		if c == nil {
			return nil
		}
		switch w.str(1) {
		case "_client_name":
			c.ClientName = w.str(2)
		case "_client_version":
			c.ClientVersion = w.str(2)
		case "program_name":
			c.Program = w.str(2)
		}
		return nil
	})
	if err != nil {
		return err
	}
	var out []Session
	at := map[Session]int{}
	unknown := 0
	for _, c := range order {
		if c.Program == "rdsupgrade" || c.User == "rdsadmin" {
			continue // this tool, and AWS's own agent
		}
		if !c.tls {
			unknown++
			continue
		}
		if i, ok := at[c.Session]; ok {
			out[i].Count++
			continue
		}
		at[c.Session] = len(out)
		c.Count = 1
		out = append(out, c.Session)
	}
	// Where others are told of, such a session has ended meanwhile.
	if unknown > 0 && !told {
		r.lacking(SectionSessions, unknown, "the server does not tell the sessions' TLS versions; show_compatibility_56=ON hides them", "")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cat.Sessions = out
	return nil
}

// command keeps only what tells a reader of the binary log from other clients.
func command(c string) string {
	if strings.HasPrefix(c, "Binlog Dump") {
		return c
	}
	return ""
}
