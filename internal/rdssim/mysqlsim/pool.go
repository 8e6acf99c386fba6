package mysqlsim

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"sync"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/server"
)

// Options of a pool of endpoints.
type Options struct {
	User, Password string
	Host           string // address to listen on, default 127.0.0.1
	Limit          int    // most listeners at once, default 2048
	Library        *Library
	Now            func() time.Time // default time.Now
}

// Pool serves the endpoints of all simulated databases. A listener is opened
// when its endpoint is first asked for.
type Pool struct {
	opts    Options
	backend Backend
	tls     *tls.Config

	mu        sync.Mutex
	closed    bool
	listeners map[Key]net.Listener
	conns     map[net.Conn]Key
	servers   map[string]*server.Server // by version string
	wg        sync.WaitGroup
}

// NewPool prepares endpoints in front of the backend.
func NewPool(backend Backend, opts Options) (*Pool, error) {
	if opts.Host == "" {
		opts.Host = "127.0.0.1"
	}
	if opts.Limit == 0 {
		opts.Limit = 2048
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Library == nil {
		lib, err := Builtin()
		if err != nil {
			return nil, fmt.Errorf("load recordings: %w", err)
		}
		opts.Library = lib
	}
	conf, err := selfSigned()
	if err != nil {
		return nil, fmt.Errorf("make certificate: %w", err)
	}
	return &Pool{opts: opts, backend: backend, tls: conf, listeners: map[Key]net.Listener{}, conns: map[net.Conn]Key{}, servers: map[string]*server.Server{}}, nil
}

// selfSigned makes a certificate that only tls=skip-verify accepts.
func selfSigned() (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "rdssim"}, NotBefore: now.Add(-time.Hour),
		NotAfter: now.Add(365 * 24 * time.Hour), DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}, nil
}

// Endpoint is the address of a name; ok is false when the pool is closed or
// full.
func (p *Pool) Endpoint(k Key) (host string, port int, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.listeners[k]
	if l == nil {
		if p.closed || len(p.listeners) >= p.opts.Limit {
			return "", 0, false
		}
		var err error
		if l, err = net.Listen("tcp", net.JoinHostPort(p.opts.Host, "0")); err != nil {
			return "", 0, false
		}
		p.listeners[k] = l
		p.wg.Add(1)
		go p.accept(k, l)
	}
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return "", 0, false
	}
	return p.opts.Host, addr.Port, true
}

// Release closes the endpoint of a name that does not exist any more, and its
// connections.
func (p *Pool) Release(k Key) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l := p.listeners[k]; l != nil {
		_ = l.Close() // accept notices
		delete(p.listeners, k)
	}
	for c, key := range p.conns {
		if key == k {
			_ = c.Close() // its goroutine notices
		}
	}
}

// Close closes all endpoints and waits for their goroutines.
func (p *Pool) Close() error {
	p.mu.Lock()
	p.closed = true
	var errs []error
	for k, l := range p.listeners {
		errs = append(errs, l.Close())
		delete(p.listeners, k)
	}
	for c := range p.conns {
		_ = c.Close() // closing twice is no error worth telling
	}
	p.mu.Unlock()
	p.wg.Wait()
	return errors.Join(errs...)
}

// Dial connects to an endpoint in process, without a socket.
func (p *Pool) Dial(k Key) (net.Conn, error) {
	client, srv := net.Pipe()
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, net.ErrClosed
	}
	p.conns[srv] = k
	p.wg.Add(1)
	p.mu.Unlock()
	go p.serve(k, srv)
	return client, nil
}

func (p *Pool) accept(k Key, l net.Listener) {
	defer p.wg.Done()
	for {
		c, err := l.Accept()
		if err != nil {
			return // closed
		}
		p.mu.Lock()
		if p.closed {
			p.mu.Unlock()
			_ = c.Close() // nobody is to be served any more
			return
		}
		p.conns[c] = k
		p.wg.Add(1)
		p.mu.Unlock()
		go p.serve(k, c)
	}
}

// serve speaks with one client until either side ends.
func (p *Pool) serve(k Key, raw net.Conn) {
	defer p.wg.Done()
	defer func() {
		p.mu.Lock()
		delete(p.conns, raw)
		p.mu.Unlock()
		_ = raw.Close() // closing twice is no error worth telling
	}()
	srv, ok := p.backend.Server(k)
	if !ok || srv.Down {
		return
	}
	if srv.Offline {
		_, _ = raw.Write(offlinePacket()) // the client may be gone
		return
	}
	c := &buffered{Conn: raw, w: bufio.NewWriter(raw)}
	h := &handler{pool: p, key: k, bound: srv.ID, conn: c}
	conn, err := p.server(srv.versionString()).NewCustomizedConn(c, credentials{p.opts.User, p.opts.Password}, h)
	if err != nil {
		_ = c.w.Flush() // the refusal; the client may be gone
		return
	}
	conn.SetStatus(mysql.SERVER_STATUS_AUTOCOMMIT)
	h.session = session{connectionID: conn.ConnectionID(), user: conn.GetUser(), schema: h.session.schema}
	for !h.cut {
		if err := conn.HandleCommand(); err != nil {
			return
		}
		if conn.Conn == nil {
			return // the client said goodbye
		}
	}
	_ = c.w.Flush() // the last answer; the client may be gone
}

func (p *Pool) server(version string) *server.Server {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.servers[version]
	if s == nil {
		s = server.NewServer(version, charsetUTF8MB4, mysql.AUTH_NATIVE_PASSWORD, nil, p.tls)
		p.servers[version] = s
	}
	return s
}

// offlinePacket is error 3032 as the first packet of a connection, where it has
// no SQL state yet.
func offlinePacket() []byte {
	const code = 3032
	msg := "The server is currently in offline mode"
	body := append([]byte{0xff, code & 0xff, code >> 8}, msg...)
	return append([]byte{byte(len(body)), 0, 0, 0}, body...)
}

// credentials know one account. An unknown user gets a password that nobody
// knows, so that it is refused like a wrong password, with error 1045.
type credentials struct{ user, password string }

// CheckUsername implements server.CredentialProvider.
func (c credentials) CheckUsername(string) (bool, error) { return true, nil }

// GetCredential implements server.CredentialProvider.
func (c credentials) GetCredential(name string) (string, bool, error) {
	if name == c.user {
		return c.password, true, nil
	}
	return string(mysql.RandomBuf(20)), true, nil
}

// buffered collects the packets of an answer: the server writes every row on
// its own. It is flushed before the server waits for the client.
type buffered struct {
	net.Conn
	w *bufio.Writer
}

// Write implements net.Conn.
func (b *buffered) Write(p []byte) (int, error) { return b.w.Write(p) }

// Read implements net.Conn.
func (b *buffered) Read(p []byte) (int, error) {
	if err := b.w.Flush(); err != nil {
		return 0, err
	}
	return b.Conn.Read(p)
}

// Close implements net.Conn.
func (b *buffered) Close() error {
	_ = b.w.Flush() // the client may be gone
	return b.Conn.Close()
}

// handler answers the commands of one connection.
type handler struct {
	pool    *Pool
	key     Key
	bound   string // physical server it is connected to
	conn    net.Conn
	session session
	cut     bool
}

// current is the server of this connection; it ends when another one stands
// behind the name, as connections do at a switchover.
func (h *handler) current() (Server, error) {
	srv, ok := h.pool.backend.Server(h.key)
	switch {
	case !ok || srv.Down || srv.ID != h.bound:
		h.cut = true
		_ = h.conn.Close() // the client sees a lost connection
		return srv, mysql.ErrBadConn
	case srv.Offline:
		h.cut = true
		return srv, mysql.NewError(3032, "The server is currently in offline mode")
	}
	h.session.now = h.pool.opts.Now()
	return srv, nil
}

func (h *handler) run(sql string, binary bool) (*mysql.Result, error) {
	srv, err := h.current()
	if err != nil {
		return nil, err
	}
	r := h.pool.opts.Library.answer(sql, srv, h.session)
	if r.err != nil {
		return nil, r.err
	}
	if r.use != "" {
		h.session.schema = r.use
	}
	return encode(r.rows, binary), nil
}

// UseDB implements server.Handler.
func (h *handler) UseDB(name string) error {
	srv, err := h.current()
	if err != nil {
		return err
	}
	if err := checkSchema(name, srv); err != nil {
		return err
	}
	h.session.schema = name
	return nil
}

// HandleQuery implements server.Handler.
func (h *handler) HandleQuery(sql string) (*mysql.Result, error) {
	return h.run(string([]byte(sql)), false)
}

// HandleFieldList implements server.Handler.
func (h *handler) HandleFieldList(string, string) ([]*mysql.Field, error) {
	return nil, mysql.NewError(mysql.ER_UNKNOWN_COM_ERROR, "Unknown command")
}

// HandleStmtPrepare implements server.Handler.
func (h *handler) HandleStmtPrepare(sql string) (int, int, any, error) {
	_, err := h.current()
	return placeholders(sql), 0, string([]byte(sql)), err
}

// HandleStmtExecute implements server.Handler. Arguments do not change a
// recorded answer.
func (h *handler) HandleStmtExecute(context any, sql string, _ []any) (*mysql.Result, error) {
	if kept, ok := context.(string); ok {
		sql = kept
	}
	return h.run(sql, true)
}

// HandleStmtClose implements server.Handler.
func (h *handler) HandleStmtClose(any) error { return nil }

// HandleOtherCommand implements server.Handler.
func (h *handler) HandleOtherCommand(cmd byte, _ []byte) error {
	const resetConnection = 0x1f
	if cmd == resetConnection || cmd == mysql.COM_SET_OPTION {
		return nil
	}
	return mysql.NewError(mysql.ER_UNKNOWN_COM_ERROR, fmt.Sprintf("Unknown command %d", cmd))
}

// placeholders counts the question marks outside quotes and comments.
func placeholders(sql string) int {
	n := 0
	var quote byte
	for _, c := range []byte(stripComments(sql)) {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"' || c == '`':
			quote = c
		case c == '?':
			n++
		}
	}
	return n
}
