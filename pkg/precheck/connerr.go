package precheck

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// The stable codes of a ConnectError.
const (
	CodeBadDSN       = "bad-dsn"
	CodeUnknownHost  = "unknown-host"
	CodeUnreachable  = "unreachable"
	CodeTimeout      = "timeout"
	CodeAccessDenied = "access-denied"
	CodeCredentials  = "credentials" // the password could not be fetched
	CodeTLSRequired  = "tls-required"
	CodeTLSFailed    = "tls-failed"
	CodeNotMySQL     = "not-mysql"
	CodeTooMany      = "too-many-connections"
	CodeHostBlocked  = "host-blocked"
	CodeUnsupported  = "unsupported-server" // MariaDB, or older than 5.7
	CodeServerBusy   = "server-busy"        // Threads_running rose above the limit
	CodeLost         = "connection-lost"
	CodeCanceled     = "canceled"
	CodeServerError  = "server-error"
)

// ConnectError says in one line why a server cannot be read at all.
type ConnectError struct {
	// Code is one of the Code constants and does not change between releases.
	Code string
	Addr string
	Err  error
}

// Error is the line for a person; it holds no password.
func (e *ConnectError) Error() string {
	if e.Addr == "" {
		return e.Err.Error()
	}
	return fmt.Sprintf("connect to %s: %v", e.Addr, e.Err)
}

// Unwrap gives the cause.
func (e *ConnectError) Unwrap() error { return e.Err }

// connectError classifies what the driver said about a login.
func connectError(t Target, err error, dialled bool) error {
	var already *ConnectError
	if errors.As(err, &already) {
		return err
	}
	code, line := classify(t, err, dialled)
	return &ConnectError{Code: code, Addr: t.Address, Err: &said{line: line, cause: err}}
}

// said is a plain sentence that still unwraps to its cause.
type said struct {
	line  string
	cause error
}

func (s *said) Error() string { return s.line }
func (s *said) Unwrap() error { return s.cause }

func classify(t Target, err error, dialled bool) (code, line string) {
	var my *mysql.MySQLError
	var dns *net.DNSError
	var cert *tls.CertificateVerificationError
	var host x509.HostnameError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	switch {
	case errors.As(err, &my):
		return serverRefusal(t, my)
	case errors.Is(err, context.Canceled):
		return CodeCanceled, "interrupted"
	case errors.As(err, &dns):
		if dns.IsNotFound {
			return CodeUnknownHost, "no host of this name"
		}
		return CodeUnknownHost, "the name cannot be resolved: " + dns.Err
	case errors.Is(err, mysql.ErrNoTLS):
		return CodeTLSFailed, "TLS is asked for, but the server offers none"
	case errors.As(err, &cert), errors.As(err, &host):
		return CodeTLSFailed, "the server's certificate is not accepted: " + plain(err)
	case errors.As(err, &record), errors.As(err, &alert), strings.Contains(err.Error(), "tls: "):
		return CodeTLSFailed, "no TLS connection: " + plain(err)
	case !dialled && timedOut(err):
		return CodeTimeout, "no answer in time (security group, routing, or the host is down)"
	case !dialled:
		return CodeUnreachable, "cannot be reached: " + plain(err)
	case errors.Is(err, mysql.ErrCleartextPassword), errors.Is(err, mysql.ErrNativePassword),
		errors.Is(err, mysql.ErrOldPassword), errors.Is(err, mysql.ErrUnknownPlugin):
		return CodeAccessDenied, "the account's authentication method is not usable: " + plain(err)
	case timedOut(err):
		return CodeNotMySQL, "something accepts the connection but does not greet as a MySQL server in time"
	default:
		return CodeNotMySQL, "what answers does not speak the MySQL protocol: " + plain(err)
	}
}

func timedOut(err error) bool {
	var n net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) ||
		(errors.As(err, &n) && n.Timeout())
}

// serverRefusal classifies an error that the server itself sent at login.
func serverRefusal(t Target, my *mysql.MySQLError) (code, line string) {
	switch my.Number {
	case 1045, 1698, 1862, 3118, 3955:
		line = fmt.Sprintf("access denied for user %q (wrong user or password, or the account wants TLS)", t.User)
		if my.Number == 1862 {
			line = fmt.Sprintf("the password of user %q has expired", t.User)
		}
		if my.Number == 3118 {
			line = fmt.Sprintf("the account of user %q is locked", t.User)
		}
		return CodeAccessDenied, line
	case 1044, 1049:
		return CodeAccessDenied, plain(my)
	case 3159:
		return CodeTLSRequired, "the server wants TLS (require_secure_transport), and the connection has none"
	case 1040, 1203, 1226:
		return CodeTooMany, "the server has no connection left: " + plain(my)
	case 1129, 1130:
		return CodeHostBlocked, "the server does not let this host connect: " + plain(my)
	default:
		return CodeServerError, plain(my)
	}
}

// plain is an error's text on one line without control characters; a server
// in a stranger's hands may say anything.
func plain(err error) string {
	s := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return ' '
		}
		return r
	}, err.Error())
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + "..."
	}
	return s
}
