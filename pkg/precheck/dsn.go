package precheck

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// TLSMode is how a connection is protected.
type TLSMode string

// The modes. The zero value means TLSPreferred.
const (
	TLSPreferred TLSMode = "preferred" // TLS where the server offers it, unverified
	TLSRequired  TLSMode = "required"  // TLS or nothing, unverified
	TLSVerify    TLSMode = "verify"    // TLS with a certificate that CAFile or the system vouches for
	TLSDisabled  TLSMode = "disabled"
)

// Target is a server to read and how to log in. Its String form, and every
// error about it, leave the password out.
type Target struct {
	// ID names the database in reports; empty for a single server by address.
	ID string
	// Address is host:port as dialled.
	Address string
	// ServerName is the name the certificate must carry under TLSVerify, where
	// it differs from the dialled host (a tunnel, an address map).
	ServerName string
	User       string
	// Password yields the password when a connection is made, because an IAM
	// token is valid for minutes only. Nil means no password.
	Password func(context.Context) (string, error)
	TLS      TLSMode
	// CAFile holds PEM certificates to trust under TLSVerify; empty: the system's.
	CAFile string
	// Cleartext allows mysql_clear_password, which IAM authentication needs;
	// it is refused without TLS.
	Cleartext bool
	// ConnectTimeout bounds dialling and login; 0 means 10 seconds.
	ConnectTimeout time.Duration
}

// String is the target without its secret.
func (t Target) String() string { return t.User + "@" + t.Address }

// GoString keeps %#v from walking into the password function.
func (t Target) GoString() string { return "precheck.Target{" + t.String() + "}" }

// StaticPassword is a password known in advance.
func StaticPassword(p string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return p, nil }
}

const defaultConnectTimeout = 10 * time.Second

// ParseDSN reads `user[:password]@tcp(host:port)/[?tls=...]`, the Go driver's
// form. A password given beside the DSN wins over one inside. The parameters
// accepted are tls (true, skip-verify, preferred, false), timeout and
// allowCleartextPasswords; others would change the session behind the
// reader's back. Errors have the code "bad-dsn" and never quote the DSN.
func ParseDSN(dsn, password string) (Target, error) {
	bad := func(format string, args ...any) (Target, error) {
		return Target{}, &ConnectError{Code: CodeBadDSN, Err: fmt.Errorf(format, args...)}
	}
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		return bad("the DSN is not of the form user@tcp(host:port)/: %s", dsnMistake(dsn))
	}
	if cfg.Net != "tcp" {
		return bad("the DSN's network is %q, only tcp is supported", cfg.Net)
	}
	if cfg.User == "" {
		return bad("the DSN names no user")
	}
	if _, _, err := net.SplitHostPort(cfg.Addr); err != nil {
		return bad("the DSN's address %q is not host:port", cfg.Addr)
	}
	if len(cfg.Params) > 0 {
		names := make([]string, 0, len(cfg.Params))
		for n := range cfg.Params {
			names = append(names, n)
		}
		sort.Strings(names)
		return bad("the DSN has a parameter that is not accepted here: %s", strings.Join(names, ", "))
	}
	t := Target{Address: cfg.Addr, User: cfg.User, Cleartext: cfg.AllowCleartextPasswords, ConnectTimeout: cfg.Timeout}
	switch strings.ToLower(cfg.TLSConfig) {
	case "":
		t.TLS = TLSPreferred
		if strings.Contains(dsn, "tls=false") {
			t.TLS = TLSDisabled
		}
	case "false":
		t.TLS = TLSDisabled
	case "preferred":
		t.TLS = TLSPreferred
	case "skip-verify":
		t.TLS = TLSRequired
	case "true":
		t.TLS = TLSVerify
	default:
		return bad("the DSN's tls is none of true, skip-verify, preferred, false")
	}
	if password == "" {
		password = cfg.Passwd
	}
	if password != "" {
		t.Password = StaticPassword(password)
	}
	return t, nil
}

// dsnMistake guesses what is wrong without quoting what may hold a password.
func dsnMistake(dsn string) string {
	switch {
	case !strings.Contains(dsn, "/"):
		return "the slash after the address is missing"
	case strings.Contains(dsn, "://"):
		return "it is written as a URL"
	case !strings.Contains(dsn, ")") || !strings.Contains(dsn, "("):
		return "the address is not in parentheses"
	case strings.Contains(dsn, "tls="):
		return "it cannot be read (tls may be true, skip-verify, preferred or false)"
	default:
		return "it cannot be read"
	}
}

// config is the driver's configuration for the target. dialled is told
// whether the TCP connection came about, which tells "unreachable" from "not
// a MySQL server".
func (t Target) config(o ReadOptions, dialled func()) (*mysql.Config, error) {
	c := mysql.NewConfig()
	c.Net, c.Addr, c.User = "tcp", t.Address, t.User
	c.Timeout = t.ConnectTimeout
	if c.Timeout <= 0 {
		c.Timeout = defaultConnectTimeout
	}
	c.ReadTimeout = o.StatementTimeout + 30*time.Second
	c.WriteTimeout = 30 * time.Second
	c.MaxAllowedPacket = 64 << 20
	c.AllowCleartextPasswords = t.Cleartext
	c.ConnectionAttributes = "program_name:rdsupgrade"
	c.Logger = silent{}
	dialer := &net.Dialer{Timeout: c.Timeout, KeepAlive: 30 * time.Second}
	c.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, network, addr)
		if err == nil {
			dialled()
		}
		return conn, err
	}
	if t.Cleartext && (t.TLS == TLSDisabled || t.TLS == TLSPreferred || t.TLS == "") {
		return nil, &ConnectError{Code: CodeBadDSN, Addr: t.Address, Err: errors.New("a clear-text password (IAM authentication) needs TLS")}
	}
	if err := t.setTLS(c); err != nil {
		return nil, &ConnectError{Code: CodeTLSFailed, Addr: t.Address, Err: err}
	}
	if t.Password != nil {
		// Asked for each connection: an IAM token may be too old for the second.
		err := c.Apply(mysql.BeforeConnect(func(ctx context.Context, c *mysql.Config) (err error) {
			if c.Passwd, err = t.Password(ctx); err != nil {
				return &ConnectError{Code: CodeCredentials, Addr: t.Address, Err: fmt.Errorf("get the password of %s: %w", t.User, err)}
			}
			return nil
		}))
		if err != nil {
			return nil, &ConnectError{Code: CodeCredentials, Addr: t.Address, Err: err}
		}
	}
	return c, nil
}

func (t Target) setTLS(c *mysql.Config) error {
	switch t.TLS {
	case TLSDisabled:
	case "", TLSPreferred:
		c.TLSConfig = "preferred"
	case TLSRequired:
		// Encryption without identity is what the mode promises; the mode that
		// checks the certificate is TLSVerify.
		c.TLS = &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}
	case TLSVerify:
		name := t.ServerName
		if name == "" {
			host, _, err := net.SplitHostPort(t.Address)
			if err != nil {
				return fmt.Errorf("read host of %q: %w", t.Address, err)
			}
			name = host
		}
		c.TLS = &tls.Config{ServerName: name, MinVersion: tls.VersionTLS12}
		if t.CAFile != "" {
			pem, err := os.ReadFile(t.CAFile)
			if err != nil {
				return fmt.Errorf("read CA file: %w", err)
			}
			c.TLS.RootCAs = x509.NewCertPool()
			if !c.TLS.RootCAs.AppendCertsFromPEM(pem) {
				return fmt.Errorf("the CA file %s holds no certificate", t.CAFile)
			}
		}
	default:
		return fmt.Errorf("%q is no TLS mode", t.TLS)
	}
	return nil
}

// silent keeps the driver from writing to stderr on its own.
type silent struct{}

func (silent) Print(...any) {}
