package precheck

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// others reads what does not grow with the number of tables.
func (r *reader) others() []job {
	jobs := []job{
		{SectionRoutines, r.readRoutines},
		{SectionEvents, r.readEvents},
		{SectionAccounts, r.readAccounts},
		{SectionPlugins, r.readPlugins},
		{SectionSystem, r.readSystemTables},
		{SectionFiles, r.readFiles},
		{SectionTrx, r.readTransactions},
		{SectionXA, r.readXA},
		{SectionReplication, r.readReplication},
	}
	if r.pfs {
		return append(jobs, job{SectionDigests, r.readDigests}, job{SectionStatements, r.readStatements}, job{SectionSessions, r.readClients})
	}
	for _, s := range []Section{SectionDigests, SectionStatements, SectionSessions} {
		r.settle(s, SectionState{Status: SectionNotRead, Reason: "performance_schema is off on this server"})
	}
	return jobs
}

// readAccounts never lets an authentication string leave the server: its
// length is enough to tell a missing password and an old hash.
func (r *reader) readAccounts(ctx context.Context, s *session) error {
	factors := "NULL"
	if r.version.AtLeast(8, 0, 27) {
		factors = "JSON_EXTRACT(User_attributes, '$.multi_factor_authentication[*].plugin')"
	}
	text := "SELECT User, Host, plugin, LENGTH(authentication_string), account_locked, password_expired, Super_priv, ssl_type, " + factors +
		" FROM mysql.user rdsupgrade ORDER BY User, Host"
	var out []Account
	err := s.query(ctx, "accounts", text, func(w row) error {
		a := Account{User: w.str(0), Host: w.str(1), Plugin: w.str(2), HashLen: int(w.int(3)), Locked: w.str(4) == "Y",
			Expired: w.str(5) == "Y", Super: w.str(6) == "Y", SSLType: w.str(7)}
		for p := range strings.SplitSeq(strings.Trim(w.str(8), "[]"), ",") {
			if p = strings.Trim(p, ` "`); p != "" {
				a.Factors = append(a.Factors, p)
			}
		}
		out = append(out, a)
		return nil
	})
	if err != nil {
		return err
	}
	if !r.old {
		if err := r.readDynamicPrivileges(ctx, s, out); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cat.Accounts = out
	return nil
}

// readDynamicPrivileges adds what accounts hold directly or through roles.
func (r *reader) readDynamicPrivileges(ctx context.Context, s *session, accounts []Account) error {
	type who struct{ user, host string }
	held, roles := map[who][]string{}, map[who][]who{}
	err := s.query(ctx, "global_grants", "SELECT USER, HOST, PRIV FROM mysql.global_grants rdsupgrade ORDER BY USER, HOST, PRIV", func(w row) error {
		k := who{w.str(0), w.str(1)}
		held[k] = append(held[k], w.str(2))
		return nil
	})
	if err != nil {
		return err
	}
	err = s.query(ctx, "role_edges", "SELECT TO_USER, TO_HOST, FROM_USER, FROM_HOST FROM mysql.role_edges rdsupgrade", func(w row) error {
		k := who{w.str(0), w.str(1)}
		roles[k] = append(roles[k], who{w.str(2), w.str(3)})
		return nil
	})
	if err != nil {
		return err
	}
	for i := range accounts {
		seen := map[who]bool{}
		var walk func(who)
		walk = func(k who) {
			if seen[k] {
				return
			}
			seen[k] = true
			accounts[i].Privileges = append(accounts[i].Privileges, held[k]...)
			for _, role := range roles[k] {
				walk(role)
			}
		}
		walk(who{accounts[i].User, accounts[i].Host})
		slices.Sort(accounts[i].Privileges)
		accounts[i].Privileges = slices.Compact(accounts[i].Privileges)
	}
	return nil
}

func (r *reader) readPlugins(ctx context.Context, s *session) error {
	var out []Plugin
	const text = "SELECT PLUGIN_NAME, PLUGIN_STATUS, PLUGIN_TYPE, PLUGIN_LIBRARY FROM information_schema.PLUGINS rdsupgrade"
	err := s.query(ctx, "plugins", text, func(w row) error {
		out = append(out, Plugin{Name: w.str(0), Status: w.str(1), Type: w.str(2), Library: w.str(3)})
		return nil
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cat.Plugins = out
	return nil
}

func (r *reader) readSystemTables(ctx context.Context, s *session) error {
	var out []SystemTable
	at := map[tableName]int{}
	err := s.query(ctx, "system_tables", "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE FROM information_schema.TABLES rdsupgrade "+
		"WHERE TABLE_SCHEMA IN ('mysql', 'sys')", func(w row) error {
		at[tableName{w.str(0), w.str(1)}] = len(out)
		out = append(out, SystemTable{Schema: w.str(0), Name: w.str(1), Type: w.str(2), Engine: w.str(3)})
		return nil
	})
	if err != nil {
		return err
	}
	err = s.query(ctx, "system_views", "SELECT TABLE_SCHEMA, TABLE_NAME, DEFINER FROM information_schema.VIEWS rdsupgrade "+
		"WHERE TABLE_SCHEMA IN ('mysql', 'sys')", func(w row) error {
		if i, ok := at[tableName{w.str(0), w.str(1)}]; ok {
			out[i].Definer = w.str(2)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if !r.grants.everywhere("SELECT") {
		r.lacking(SectionSystem, 0, "the account lacks SELECT ON mysql.* and does not see every system table", "SELECT ON mysql.*")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cat.SystemTable = out
	return nil
}

func (r *reader) readTransactions(ctx context.Context, s *session) error {
	var oldest, modified, history int64
	err := s.query(ctx, "transactions", "SELECT COALESCE(MAX(TIMESTAMPDIFF(SECOND, trx_started, NOW())), 0), COALESCE(MAX(trx_rows_modified), 0) "+
		"FROM information_schema.INNODB_TRX rdsupgrade", func(w row) error {
		oldest, modified = w.int(0), w.int(1)
		return nil
	})
	if err != nil {
		return err
	}
	err = s.query(ctx, "history", "SELECT `COUNT` FROM information_schema.INNODB_METRICS rdsupgrade WHERE NAME = 'trx_rseg_history_len'", func(w row) error {
		history = w.int(0)
		return nil
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	a := &r.cat.Activity
	// trx_started is in the system's time zone, and so is the session; only the
	// hour of a clock change can make an age negative.
	a.OldestTrxSeconds, a.TrxRowsModified, a.HistoryListLength = max(oldest, 0), modified, history
	return nil
}

func (r *reader) readXA(ctx context.Context, s *session) error {
	var out []string
	err := s.query(ctx, "xa", "XA RECOVER CONVERT XID", func(w row) error {
		out = append(out, fmt.Sprintf("%s (format %d)", w.str(3), w.int(0)))
		return nil
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cat.Activity.PreparedXA = out
	return nil
}

// readReplication asks performance_schema first: SHOW SLAVE STATUS of our own
// would stand among the application's statements.
func (r *reader) readReplication(ctx context.Context, s *session) error {
	source := ""
	found := false
	text := "SELECT HOST FROM performance_schema.replication_connection_configuration rdsupgrade WHERE HOST <> '' ORDER BY CHANNEL_NAME"
	err := s.query(ctx, "replication", text, func(w row) error {
		source, found = w.str(0), true
		return nil
	})
	if err != nil || !r.pfs {
		// The channel, here the default one, tells our statement from others in
		// the digests.
		show := "SHOW SLAVE STATUS FOR CHANNEL ''"
		if r.version.AtLeast(8, 0, 22) {
			show = "SHOW REPLICA STATUS"
		}
		err = s.query(ctx, "replica_status", show, func(w row) error {
			source, found = w.str(1), true
			return nil
		})
		if err != nil {
			return err
		}
	}
	dumps := 0
	err = s.query(ctx, "binlog_dumps", "SELECT COUNT(*) FROM information_schema.PROCESSLIST rdsupgrade WHERE COMMAND LIKE 'Binlog Dump%'", func(w row) error {
		dumps = int(w.int(0))
		return nil
	})
	if err != nil {
		return err
	}
	if !r.grants.everywhere("PROCESS") {
		r.lacking(SectionReplication, 0, "the account lacks PROCESS ON *.* and does not see who reads the binary log", "PROCESS ON *.*")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	a := &r.cat.Activity
	a.Replica, a.ReplicaOf, a.BinlogDumps = found, source, dumps
	return nil
}

// readDigests reads the statements that applications ran, without literals.
func (r *reader) readDigests(ctx context.Context, s *session) error {
	sample, ours := "NULL", ""
	if !r.old {
		sample, ours = "QUERY_SAMPLE_TEXT", "AND COALESCE(QUERY_SAMPLE_TEXT, '') NOT LIKE '/* rdsupgrade:%' "
	}
	text := "SELECT SCHEMA_NAME, DIGEST_TEXT, COUNT_STAR, UNIX_TIMESTAMP(FIRST_SEEN), UNIX_TIMESTAMP(LAST_SEEN), SUM_ROWS_SENT, SUM_NO_INDEX_USED, " + sample +
		" FROM performance_schema.events_statements_summary_by_digest rdsupgrade " +
		"WHERE DIGEST_TEXT IS NOT NULL AND (SCHEMA_NAME IS NULL OR SCHEMA_NAME NOT IN " + systemSchemas + ") AND DIGEST_TEXT NOT LIKE '%rdsupgrade%' " + ours +
		fmt.Sprintf("ORDER BY COUNT_STAR DESC LIMIT %d", r.opts.MaxDigests)
	var out []Digest
	limit := r.digestLength()
	err := s.query(ctx, "digests", text, func(w row) error {
		d := Digest{Schema: w.str(0), Text: w.str(1), Count: w.uint(2), FirstSeen: unix(w.str(3)), LastSeen: unix(w.str(4)),
			Rows: w.uint(5), NoIndex: w.uint(6)}
		d.Truncated = strings.HasSuffix(d.Text, "...") || len(d.Text) >= limit
		if ownStatement(d.Text) {
			return nil
		}
		out = append(out, d)
		if !w.null(7) {
			d.Text, d.Truncated = withoutLiterals(w.str(7), "", r.versionNumber())
			d.FromHistory = true
			out = append(out, d)
		}
		return nil
	})
	if err != nil {
		return err
	}
	rows := 0
	err = s.query(ctx, "digest_rows", "SELECT COUNT(*) FROM performance_schema.events_statements_summary_by_digest rdsupgrade", func(w row) error {
		rows = int(w.int(0))
		return nil
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cat.Digests = append(r.cat.Digests, out...)
	r.cat.Activity.DigestRows = rows
	return nil
}

func (r *reader) digestLength() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	limit := 1024
	for _, v := range r.cat.Variables {
		switch v.Name {
		case "max_digest_length", "performance_schema_max_digest_length":
			if n := int(number(v.Value)); n > 0 {
				limit = n
			}
		case "performance_schema_digests_size":
			r.cat.Activity.DigestSize = int(number(v.Value))
		}
	}
	return limit
}

// ownStatement tells, on 5.7, the reader's statements that have no alias to be
// known by. None of them is one that an application's upgrade depends on.
func ownStatement(digest string) bool {
	for _, own := range []string{"SET SESSION TRANSACTION READ", "SET SESSION `sql_mode`", "SET SESSION `max_execution_time`",
		"SET SESSION `show_old_temporals`", "SHOW SLAVE STATUS FOR CHANNEL", "XA RECOVER", "SHOW GRANTS", "SHOW GLOBAL VARIABLES", "SHOW GLOBAL STATUS",
		"SELECT `VERSION` ( ) , @@`version_comment` , @@`lower_case_table_names`"} {
		if strings.HasPrefix(digest, own) {
			return true
		}
	}
	return false
}

// readStatements reads the last statements of live sessions, in which
// identifiers stand as clients write them; literals are taken out at once.
func (r *reader) readStatements(ctx context.Context, s *session) error {
	const text = "SELECT t.PROCESSLIST_USER, h.CURRENT_SCHEMA, h.SQL_TEXT FROM performance_schema.events_statements_history h " +
		"JOIN performance_schema.threads t ON t.THREAD_ID = h.THREAD_ID " +
		"WHERE h.SQL_TEXT IS NOT NULL AND h.SQL_TEXT NOT LIKE '%rdsupgrade:%' AND t.PROCESSLIST_ID <> CONNECTION_ID() " +
		"AND COALESCE(t.PROCESSLIST_USER, '') NOT IN ('rdsadmin') AND (h.CURRENT_SCHEMA IS NULL OR h.CURRENT_SCHEMA NOT IN " + systemSchemas + ")"
	type key struct{ user, schema, text string }
	counted := map[key]int{}
	var out []Digest
	err := s.query(ctx, "statements", text, func(w row) error {
		clean, cut := withoutLiterals(w.str(2), "", r.versionNumber())
		k := key{w.str(0), w.str(1), clean}
		if i, ok := counted[k]; ok {
			out[i].Count++
			return nil
		}
		counted[k] = len(out)
		out = append(out, Digest{User: k.user, Schema: k.schema, Text: clean, FromHistory: true, Count: 1,
			Truncated: cut || strings.HasSuffix(clean, "..."), LastSeen: r.cat.ReadAt})
		return nil
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cat.Digests = append(r.cat.Digests, out...)
	return nil
}

func unix(s string) time.Time {
	n := number(s)
	if n <= 0 {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}
