package precheck

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqlver"
)

// readServer asks what kind of server this is. Nothing else can be read
// before that is known, so that an error here ends the read.
func (r *reader) readServer(ctx context.Context, s *session) error {
	srv := &r.cat.Server
	const text = "SELECT VERSION(), @@version_comment, @@lower_case_table_names, @@global.sql_mode, " +
		"@@character_set_server, @@collation_server, @@global.read_only, @@performance_schema, CURRENT_USER()"
	err := s.query(ctx, "server", text, func(w row) error {
		srv.Version, srv.VersionComment = w.str(0), w.str(1)
		srv.LowerCaseTableNames = int(w.int(2))
		srv.SQLMode, srv.CharacterSet, srv.Collation = w.str(3), w.str(4), w.str(5)
		srv.ReadOnly, r.pfs, srv.User = w.int(6) != 0, w.int(7) != 0, w.str(8)
		return nil
	})
	if err != nil {
		return r.ended(err)
	}
	if err := r.setVersion(srv.Version, srv.VersionComment); err != nil {
		return err
	}
	if err := r.readGrants(ctx, s); err != nil {
		return r.ended(err)
	}
	r.settle(SectionServer, SectionState{Status: SectionRead})
	if err := r.throttle(ctx, s); err != nil {
		return err
	}
	return nil
}

func (r *reader) setVersion(version, comment string) error {
	unsupported := func(format string, args ...any) error {
		return &ConnectError{Code: CodeUnsupported, Addr: r.target.Address, Err: fmt.Errorf(format, args...)}
	}
	if strings.Contains(version, "MariaDB") || strings.Contains(comment, "MariaDB") {
		return unsupported("the server is MariaDB (%s), not MySQL", plain(errors.New(version)))
	}
	v, err := mysqlver.Parse(version)
	if err != nil {
		return unsupported("the server's version is not understood: %w", err)
	}
	if !v.AtLeast(5, 7, 0) {
		return unsupported("the server is MySQL %s; 5.7 is the oldest that can be checked", v.Line())
	}
	r.version, r.old = v, !v.AtLeast(8, 0, 0)
	return nil
}

// readGrants learns what the account may see, because the dictionary views
// leave out in silence what it may not.
func (r *reader) readGrants(ctx context.Context, s *session) error {
	show := "SHOW GRANTS"
	if !r.old {
		roles := ""
		err := s.query(ctx, "roles", "SELECT CURRENT_ROLE()", func(w row) error { roles = w.str(0); return nil })
		if err != nil && !isServerError(err) {
			return err
		}
		if roles != "" && roles != "NONE" {
			show = "SHOW GRANTS FOR CURRENT_USER() USING " + roles
		}
	}
	var lines []string
	err := s.query(ctx, "grants", show, func(w row) error {
		line, _, _ := strings.Cut(w.str(0), " IDENTIFIED BY ")
		lines = append(lines, line)
		return nil
	})
	if err != nil && !isServerError(err) {
		return err
	}
	r.cat.Server.Grants = lines
	r.grants = parseGrants(lines)
	return nil
}

// secretVariables may hold credentials or key material in their values.
var secretVariables = []string{"password", "pwd", "secret", "private_key", "auth_string", "_token", "init_connect", "init_slave", "init_replica"}

func (r *reader) readVariables(ctx context.Context, s *session) error {
	var vars []Variable
	err := s.query(ctx, "variables", "SHOW GLOBAL VARIABLES", func(w row) error {
		v := Variable{Name: strings.ToLower(w.str(0)), Value: w.str(1)}
		v.Value = redact(v.Name, v.Value)
		vars = append(vars, v)
		return nil
	})
	if err != nil {
		return err
	}
	source := map[string]string{}
	if !r.old && r.pfs {
		err := s.query(ctx, "variables_info", "SELECT VARIABLE_NAME, VARIABLE_SOURCE FROM performance_schema.variables_info", func(w row) error {
			source[strings.ToLower(w.str(0))] = w.str(1)
			return nil
		})
		if err != nil && !isServerError(err) {
			return err
		}
	}
	for i := range vars {
		vars[i].Source = source[vars[i].Name]
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cat.Variables = vars
	for _, v := range vars {
		if v.Name == "aurora_version" {
			r.cat.Server.Aurora = v.Value
		}
	}
	return nil
}

// redact keeps secrets out of the catalog. init_connect is SQL that a rule
// wants to read, so that only its literals go.
func redact(name, value string) string {
	for _, s := range secretVariables {
		if !strings.Contains(name, s) || value == "" {
			continue
		}
		switch {
		case strings.HasPrefix(name, "init_"):
			text, _ := withoutLiterals(value, "", 0)
			return text
		case value == "ON" || value == "OFF" || isDigits(value) || strings.HasPrefix(name, "validate_password") ||
			strings.HasPrefix(name, "caching_sha2_password") || strings.HasPrefix(name, "sha256_password"):
			return value // switches and limits
		}
		return "***"
	}
	return value
}

func isDigits(s string) bool { return strings.Trim(s, "0123456789") == "" }

// statusNames are the counters that rules look at.
var statusNames = []string{"Uptime", "Threads_running", "Threads_connected", "Qcache_hits", "Qcache_inserts", "Com_select",
	"Ssl_accepts", "Ssl_finished_accepts", "Connections", "Questions", "Performance_schema_digest_lost", "Innodb_page_size"}

func (r *reader) readStatus(ctx context.Context, s *session) error {
	quoted := make([]string, len(statusNames))
	for i, n := range statusNames {
		quoted[i] = quoteString(n)
	}
	status := map[string]string{}
	err := s.query(ctx, "status", "SHOW GLOBAL STATUS WHERE Variable_name IN ("+strings.Join(quoted, ", ")+")", func(w row) error {
		status[w.str(0)] = w.str(1)
		return nil
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	a := &r.cat.Activity
	a.Status = status
	a.UptimeSeconds = number(status["Uptime"])
	a.ThreadsRunning = max(a.ThreadsRunning, number(status["Threads_running"]))
	a.DigestsLost = uint64(number(status["Performance_schema_digest_lost"]))
	return nil
}

func number(s string) int64 { return row{[]byte(s)}.int(0) }
