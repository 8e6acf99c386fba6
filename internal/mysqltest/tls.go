package mysqltest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"

	"github.com/go-sql-driver/mysql"
)

type tlsFiles struct{ ca, cert, key string }

// makeTLS makes an authority and a server certificate for 127.0.0.1 once, so
// that tests can verify a server as strictly as production does.
func (c *cache) makeTLS() (tlsFiles, error) {
	f := tlsFiles{ca: c.path("tls", "ca.pem"), cert: c.path("tls", "server.pem"), key: c.path("tls", "server-key.pem")}
	if _, err := os.Stat(f.key); err == nil {
		return f, nil
	}
	if err := os.MkdirAll(c.path("tls"), 0o755); err != nil {
		return f, fmt.Errorf("make certificate directory: %w", err)
	}
	if err := writeCertificates(f); err != nil {
		return f, fmt.Errorf("make test certificates: %w", err)
	}
	return f, nil
}

func writeCertificates(f tlsFiles) error {
	// RSA because yaSSL builds of 5.7 know nothing else.
	caKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "rdsupgrade test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		return err
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	if err != nil {
		return err
	}
	if err := writePEM(f.ca, "CERTIFICATE", caDER); err != nil {
		return err
	}
	if err := writePEM(f.cert, "CERTIFICATE", der); err != nil {
		return err
	}
	return writePEM(f.key, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))
}

func writePEM(name, kind string, der []byte) error {
	return os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}

func openDB(c *mysql.Config) (*sql.DB, error) {
	conn, err := mysql.NewConnector(c)
	if err != nil {
		return nil, fmt.Errorf("configure connection: %w", err)
	}
	return sql.OpenDB(conn), nil
}
