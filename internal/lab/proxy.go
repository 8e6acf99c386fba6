package lab

import (
	"errors"
	"io"
	"net"
	"strconv"
	"sync"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim"
)

// route is what stands behind a name at this moment.
type route struct {
	resource string // the physical instance
	addr     string // "" when nothing listens
	offline  bool   // a switchover refuses connections
}

// proxies gives every name an address of its own, which stays while the name
// moves from one server to another.
type proxies struct {
	lookup func(rdssim.Scope, string) route

	mu        sync.Mutex
	closed    bool
	listeners map[rdssim.Name]net.Listener
	conns     map[net.Conn]link
	wg        sync.WaitGroup
}

// link is one client's connection: where it goes and its other half.
type link struct {
	name     rdssim.Name
	resource string
	backend  net.Conn
}

func newProxies() *proxies {
	return &proxies{listeners: map[rdssim.Name]net.Listener{}, conns: map[net.Conn]link{}}
}

// Endpoint implements rdssim.Endpoints.
func (p *proxies) Endpoint(at rdssim.Scope, name string) (string, int, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := rdssim.Name{At: at, ID: name}
	l := p.listeners[key]
	if l == nil {
		if p.closed {
			return "", 0, false
		}
		var err error
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return "", 0, false
		}
		p.listeners[key] = l
		p.wg.Go(func() { p.accept(key, l) })
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return "", 0, false
	}
	n, err := strconv.Atoi(port)
	return "127.0.0.1", n, err == nil
}

// Release implements rdssim.Endpoints. The address stays, as a DNS name is the
// same when it comes back: after a rename another server may take the name.
func (p *proxies) Release(rdssim.Scope, string) {}

func (p *proxies) accept(name rdssim.Name, l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return // closed
		}
		p.wg.Go(func() { p.serve(name, c) })
	}
}

// serve joins one client with the server behind the name, until either ends or
// the connection is cut.
func (p *proxies) serve(name rdssim.Name, client net.Conn) {
	defer client.Close()
	to := p.lookup(name.At, name.ID)
	switch {
	case to.offline:
		_, _ = client.Write(offlinePacket()) // the client may be gone
		return
	case to.addr == "":
		return
	}
	backend, err := net.Dial("tcp", to.addr)
	if err != nil {
		return // the client sees a lost connection, as with a server that is down
	}
	defer backend.Close()
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.conns[client] = link{name: name, resource: to.resource, backend: backend}
	p.mu.Unlock()
	// The route may have changed between the look and the note.
	if now := p.lookup(name.At, name.ID); now != to {
		_ = client.Close() // the copying below ends at once
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(backend, client) // either side may end at any time
		_ = backend.Close()
	}()
	_, _ = io.Copy(client, backend)
	_ = client.Close()
	<-done
	p.mu.Lock()
	delete(p.conns, client)
	p.mu.Unlock()
}

// sweep cuts the connections of names behind which something else stands now,
// or nothing.
func (p *proxies) sweep() {
	p.mu.Lock()
	links := make(map[net.Conn]link, len(p.conns))
	for c, l := range p.conns {
		links[c] = l
	}
	p.mu.Unlock()
	seen := map[rdssim.Name]route{}
	for c, l := range links {
		now, ok := seen[l.name]
		if !ok {
			now = p.lookup(l.name.At, l.name.ID)
			seen[l.name] = now
		}
		if now.offline || now.addr == "" || now.resource != l.resource {
			_, _ = c.Close(), l.backend.Close() // their copiers notice
		}
	}
}

// cut ends all connections to a server.
func (p *proxies) cut(resource string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c, l := range p.conns {
		if l.resource == resource {
			_, _ = c.Close(), l.backend.Close() // their copiers notice
		}
	}
}

func (p *proxies) close() error {
	p.mu.Lock()
	p.closed = true
	var errs []error
	for key, l := range p.listeners {
		errs = append(errs, l.Close())
		delete(p.listeners, key)
	}
	for c, l := range p.conns {
		_, _ = c.Close(), l.backend.Close() // their copiers notice
	}
	p.mu.Unlock()
	p.wg.Wait()
	return errors.Join(errs...)
}

// offlinePacket is error 3032 as the first packet of a connection, where it has
// no SQL state yet.
func offlinePacket() []byte {
	const code = 3032
	msg := "The server is currently in offline mode"
	body := append([]byte{0xff, code & 0xff, code >> 8}, msg...)
	return append([]byte{byte(len(body)), 0, 0, 0}, body...)
}
