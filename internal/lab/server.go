package lab

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqltest"
)

// server is one real server: the physical instance that names point to.
type server struct {
	mysql *mysqltest.Server
	root  *sql.DB // an account that may do everything; never through a proxy
	newer bool    // speaks of sources and replicas
}

// Account is a login that the lab makes on every server, in each server's own way.
type Account struct{ User, Password string }

// masterGrants are what RDS's master user has; SUPER is not among them
// (RDS User Guide, "Master user account privileges").
const masterGrants = "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, RELOAD, PROCESS, REFERENCES, INDEX, ALTER, SHOW DATABASES, " +
	"CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, REPLICATION SLAVE, REPLICATION CLIENT, CREATE VIEW, SHOW VIEW, " +
	"CREATE ROUTINE, ALTER ROUTINE, CREATE USER, EVENT, TRIGGER ON *.*"

const replicationUser = "rdsrepladmin"

// startServer starts a server with binary log, steered like one of RDS.
func startServer(ctx context.Context, side mysqltest.Side, id int, more ...string) (*server, error) {
	args := []string{"--log-bin=mysql-bin-changelog", "--binlog-format=ROW", "--server-id=" + strconv.Itoa(id), "--gtid-mode=OFF",
		"--enforce-gtid-consistency=OFF", "--slave-net-timeout=10"}
	if side == mysqltest.SideNew {
		args = append(args[:len(args)-1], "--replica-net-timeout=10", "--skip-replica-start", "--read-only=ON", "--event-scheduler=OFF",
			"--character-set-server=utf8mb4", "--performance-schema=ON", "--innodb-buffer-pool-size=32M")
	} else {
		args = append(args, "--collation-server=latin1_swedish_ci")
	}
	m, err := mysqltest.StartPrivate(ctx, side, mysqltest.Options{Args: append(args, more...)})
	if err != nil {
		return nil, err
	}
	s := &server{mysql: m, newer: side == mysqltest.SideNew}
	cfg := m.Config("")
	cfg.Params["foreign_key_checks"] = "0"
	cfg.MultiStatements = false
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		_ = m.Stop(ctx)
		return nil, fmt.Errorf("configure connection: %w", err)
	}
	s.root = sql.OpenDB(connector)
	if err := s.prepare(ctx); err != nil {
		s.stop(ctx)
		return nil, err
	}
	return s, nil
}

func (s *server) stop(ctx context.Context) error {
	_ = s.root.Close() // the server goes with it
	return s.mysql.Stop(ctx)
}

// prepare makes what every RDS server has: the procedures and their table.
func (s *server) prepare(ctx context.Context) error {
	conn, err := s.root.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", s.mysql.Addr, err)
	}
	defer conn.Close()
	stmts := append([]string{"SET SESSION sql_log_bin=0"}, procedures(s.newer)...)
	if s.newer {
		stmts = append(stmts, "SET GLOBAL default_collation_for_utf8mb4=utf8mb4_general_ci")
	}
	return execAll(ctx, conn, append(stmts, "SET SESSION sql_log_bin=1")...)
}

// login makes an account on this server only: accounts of a newer server have
// another plugin, so that the statement cannot come by replication.
func (s *server) login(ctx context.Context, a Account, grants string) error {
	conn, err := s.root.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", s.mysql.Addr, err)
	}
	defer conn.Close()
	who, plugin := quote(a.User)+"@'%'", ""
	if !s.newer {
		// The newest release knows no mysql_native_password any more.
		plugin = "WITH sha256_password "
	}
	return execAll(ctx, conn, "SET SESSION sql_log_bin=0", "CREATE USER IF NOT EXISTS "+who+" IDENTIFIED "+plugin+"BY "+quote(a.Password),
		"GRANT "+grants+" TO "+who+" WITH GRANT OPTION", "SET SESSION sql_log_bin=1")
}

type execer interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}

func execAll(ctx context.Context, db execer, statements ...string) error {
	for _, q := range statements {
		if _, err := db.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("run %q: %w", brief(q), err)
		}
	}
	return nil
}

// brief keeps the verb of a statement: what follows may hold a password.
func brief(q string) string {
	words := strings.Fields(q)
	return strings.Join(words[:min(4, len(words))], " ")
}

func quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", "''").Replace(s) + "'"
}

func ident(s string) string { return "`" + strings.ReplaceAll(s, "`", "``") + "`" }

// one answers the first row of a query by column name; nil without a row.
func one(ctx context.Context, db interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}, q string) (map[string]string, error) {
	rows, err := db.QueryContext(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("run %q: %w", brief(q), err)
	}
	defer rows.Close()
	cols, err := rows.Columns()
	if err != nil || !rows.Next() {
		return nil, errorsOf(err, rows.Err())
	}
	values, into := make([]sql.NullString, len(cols)), make([]any, len(cols))
	for i := range values {
		into[i] = &values[i]
	}
	if err := rows.Scan(into...); err != nil {
		return nil, fmt.Errorf("run %q: %w", brief(q), err)
	}
	out := map[string]string{}
	for i, c := range cols {
		// A newer server says Replica and Source where an older one says
		// Slave and Master.
		out[strings.NewReplacer("Slave", "Replica", "Master", "Source").Replace(c)] = values[i].String
	}
	return out, nil
}

func errorsOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// position is where the server's own binary log stands.
func (s *server) position(ctx context.Context) (file string, pos uint64, err error) {
	q := "SHOW MASTER STATUS"
	if s.newer {
		q = "SHOW BINARY LOG STATUS"
	}
	row, err := one(ctx, s.root, q)
	if err != nil {
		return "", 0, err
	}
	pos, err = strconv.ParseUint(row["Position"], 10, 64)
	return row["File"], pos, err
}

// replication is SHOW REPLICA STATUS, in the newer words; nil without any.
func (s *server) replication(ctx context.Context) (map[string]string, error) {
	q := "SHOW SLAVE STATUS"
	if s.newer {
		q = "SHOW REPLICA STATUS"
	}
	return one(ctx, s.root, q)
}

func (s *server) readOnly(ctx context.Context, on bool) error {
	if on {
		return execAll(ctx, s.root, "SET GLOBAL read_only=ON")
	}
	return execAll(ctx, s.root, "SET GLOBAL super_read_only=OFF", "SET GLOBAL read_only=OFF")
}

const sqlTimeout = 30 * time.Second
