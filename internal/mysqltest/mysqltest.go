package mysqltest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Side tells the two kinds of server apart.
type Side string

// The sides: a 5.7 server, and the newest release there is.
const (
	SideOld Side = "old"
	SideNew Side = "new"
)

// Server is a running MySQL server with an account that may do everything.
type Server struct {
	Side Side `json:"side"`
	// Way is how the server was had: "address", "docker" or "recipe".
	Way string `json:"way"`
	// Addr is host:port over TCP.
	Addr     string `json:"addr"`
	User     string `json:"user"`
	Password string `json:"password,omitempty"`
	// Version is the answer to SELECT VERSION().
	Version string `json:"version"`
	// Params are the driver parameters that came with an address way.
	Params map[string]string `json:"params,omitempty"`
	// CACert is the file of the authority that signed the server's
	// certificate ("" where the server made its own).
	CACert string `json:"ca_cert,omitempty"`

	PID       int    `json:"pid,omitempty"`
	Dir       string `json:"dir,omitempty"`
	Container string `json:"container,omitempty"`
}

// Options of a private server.
type Options struct {
	// Args are further mysqld arguments, such as "--gtid-mode=ON".
	Args []string
	// LowerCaseTableNames is the server's lower_case_table_names. The zero
	// value means the shared servers' value. On the recipe's 5.7 only 1 and 2
	// are possible.
	LowerCaseTableNames int
}

const (
	startTimeout = 12 * time.Minute
	pingTimeout  = 5 * time.Second
)

var shared struct {
	sync.Mutex
	servers map[Side]*Server
	errs    map[Side]error
}

// Old returns the shared 5.7 server, starting it when it does not run.
func Old(t testing.TB) *Server { t.Helper(); return get(t, SideOld) }

// New returns the shared server of the newest release, starting it when it does not run.
func New(t testing.TB) *Server { t.Helper(); return get(t, SideNew) }

func get(t testing.TB, side Side) *Server {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if s := shared.servers[side]; s != nil {
		return s
	}
	// The first failure is kept: waiting minutes again in each test of a
	// package would not make a missing server appear.
	if err := shared.errs[side]; err != nil {
		t.Fatalf("mysqltest: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	s, err := Up(ctx, side)
	if err != nil {
		if shared.errs == nil {
			shared.errs = map[Side]error{}
		}
		shared.errs[side] = err
		t.Fatalf("mysqltest: %v", err)
	}
	if shared.servers == nil {
		shared.servers = map[Side]*Server{}
	}
	shared.servers[side] = s
	t.Logf("mysqltest: %s server %s at %s (%s)", side, s.Version, s.Addr, s.Way)
	return s
}

// Config returns the driver's configuration for a schema ("" for none), free to change.
func (s *Server) Config(schema string) *mysql.Config {
	c := mysql.NewConfig()
	c.Net, c.Addr, c.User, c.Passwd, c.DBName = "tcp", s.Addr, s.User, s.Password, schema
	c.Timeout = pingTimeout
	c.MaxAllowedPacket = 0
	c.AllowNativePasswords = true
	c.Params = map[string]string{}
	for k, v := range s.Params {
		c.Params[k] = v
	}
	return c
}

// DSN returns the server's address in the Go driver's form, for a schema ("" for none).
func (s *Server) DSN(schema string) string { return s.Config(schema).FormatDSN() }

// DB opens a pool on the server for the length of the test.
func (s *Server) DB(t testing.TB, schema string) *sql.DB {
	t.Helper()
	return OpenConfig(t, s.Config(schema))
}

// OpenConfig opens a pool for the length of the test.
func OpenConfig(t testing.TB, c *mysql.Config) *sql.DB {
	t.Helper()
	db, err := openDB(c)
	if err != nil {
		t.Fatalf("mysqltest: %v", err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// Schema makes a schema with a name of its own and drops it when the test ends.
func Schema(t testing.TB, db *sql.DB) string {
	t.Helper()
	name := "t_" + randomHex(6)
	Exec(t, db, "CREATE DATABASE `"+name+"`")
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if _, err := db.ExecContext(ctx, "DROP DATABASE IF EXISTS `"+name+"`"); err != nil {
			t.Errorf("mysqltest: drop schema: %v", err)
		}
	})
	return name
}

// Exec runs statements one after another and fails the test at the first error.
func Exec(t testing.TB, db *sql.DB, statements ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for _, s := range statements {
		if _, err := db.ExecContext(ctx, s); err != nil {
			if len(s) > 300 {
				s = s[:300] + "..."
			}
			t.Fatalf("mysqltest: run %q: %v", s, err)
		}
	}
}

// Account makes an account with a random name and password and the given grants
// (such as "SELECT ON *.*"), and drops it when the test ends. It returns the
// server's configuration for that account.
func (s *Server) Account(t testing.TB, grants ...string) *mysql.Config {
	t.Helper()
	db := s.DB(t, "")
	name, pass := "u_"+randomHex(5), randomHex(12)
	account := "'" + name + "'@'%'"
	Exec(t, db, "CREATE USER "+account+" IDENTIFIED BY '"+pass+"'")
	t.Cleanup(func() {
		if _, err := db.Exec("DROP USER IF EXISTS " + account); err != nil {
			t.Errorf("mysqltest: drop user: %v", err)
		}
	})
	for _, g := range grants {
		Exec(t, db, "GRANT "+g+" TO "+account)
	}
	c := s.Config("")
	c.User, c.Passwd = name, pass
	// A caching_sha2_password account's first login needs TLS or the server's key.
	c.TLSConfig = "skip-verify"
	return c
}

// Private starts a server of the test's own and stops it when the test ends,
// for tests that change global variables or the schema mysql.
func Private(t testing.TB, side Side, o Options) *Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	s, err := StartPrivate(ctx, side, o)
	if err != nil {
		t.Fatalf("mysqltest: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Errorf("mysqltest: stop private server: %v", err)
		}
	})
	return s
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

// probe connects and asks for the version.
func (s *Server) probe(ctx context.Context) (string, error) {
	db, err := openDB(s.Config(""))
	if err != nil {
		return "", err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	var v string
	if err := db.QueryRowContext(ctx, "SELECT VERSION()").Scan(&v); err != nil {
		return "", fmt.Errorf("ask %s for its version: %w", s.Addr, err)
	}
	return v, nil
}

func (s *Server) fits(version string) error {
	old := strings.HasPrefix(version, "5.7.")
	if (s.Side == SideOld) != old {
		return fmt.Errorf("the %s server at %s is of version %s", s.Side, s.Addr, version)
	}
	return nil
}
