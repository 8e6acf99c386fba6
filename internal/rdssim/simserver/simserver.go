// Package simserver puts a simulation on the network: the Query protocol over
// HTTP, and a MySQL endpoint for every simulated instance.
package simserver

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim"
	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/mysqlsim"
)

// Config says what to serve.
type Config struct {
	Fleet   *rdssim.Fleet
	Options rdssim.Options    // Endpoints is set by Start
	Listen  string            // default 127.0.0.1:0
	Library *mysqlsim.Library // default: the built-in recordings
	NoMySQL bool              // leave the MySQL endpoints out: addresses like those of RDS
	Getenv  func(string) string
}

// Server is a simulation on the network.
type Server struct {
	Sim  *rdssim.Sim
	Pool *mysqlsim.Pool // nil with Config.NoMySQL
	URL  string         // of the RDS and STS endpoint

	http   *http.Server
	served chan error
}

// endpoints joins model and pool, which do not know each other.
type endpoints struct{ pool *mysqlsim.Pool }

// Endpoint implements rdssim.Endpoints.
func (e *endpoints) Endpoint(at rdssim.Scope, name string) (string, int, bool) {
	return e.pool.Endpoint(mysqlsim.Key{Account: at.Account, Region: at.Region, Name: name})
}

// Release implements rdssim.Endpoints.
func (e *endpoints) Release(at rdssim.Scope, name string) {
	e.pool.Release(mysqlsim.Key{Account: at.Account, Region: at.Region, Name: name})
}

// Backend answers the pool's questions from the model.
type Backend struct{ Sim *rdssim.Sim }

// Server implements mysqlsim.Backend.
func (b *Backend) Server(k mysqlsim.Key) (mysqlsim.Server, bool) {
	v, ok := b.Sim.Server(rdssim.Scope{Account: k.Account, Region: k.Region}, k.Name)
	if !ok {
		return mysqlsim.Server{}, false
	}
	return mysqlsim.Server{ID: v.ResourceID, Version: v.EngineVersion, Name: v.Name, Profile: v.Profile, Schema: v.Schema,
		ReadOnly: v.ReadOnly, Down: v.Down && !v.Offline, Offline: v.Offline, Replica: v.Replica, Source: v.Source, Lag: v.Lag,
		Broken: v.Broken, Variables: v.Parameters}, true
}

// Start builds the simulation and serves it until Close.
func Start(cfg Config) (*Server, error) {
	if cfg.Getenv == nil {
		cfg.Getenv = os.Getenv
	}
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	s := &Server{served: make(chan error, 1)}
	opts := cfg.Options
	backend := &Backend{}
	if !cfg.NoMySQL {
		pool, err := mysqlsim.NewPool(backend, mysqlsim.Options{User: cfg.Fleet.MySQL.User, Password: cfg.Fleet.MySQL.Secret(cfg.Getenv), Library: cfg.Library})
		if err != nil {
			return nil, fmt.Errorf("prepare mysql endpoints: %w", err)
		}
		s.Pool = pool
		opts.Endpoints = &endpoints{pool}
	}
	sim, err := rdssim.New(cfg.Fleet, opts)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.Sim, backend.Sim = sim, sim
	l, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listen: %w", err), s.Close())
	}
	s.URL = "http://" + l.Addr().String()
	s.http = &http.Server{Handler: sim.Handler(), ReadHeaderTimeout: 10 * time.Second}
	go func() { s.served <- s.http.Serve(l) }()
	return s, nil
}

// MySQL is the address of a database's endpoint.
func (s *Server) MySQL(at rdssim.Scope, name string) (string, bool) {
	if s.Pool == nil {
		return "", false
	}
	host, port, ok := s.Pool.Endpoint(mysqlsim.Key{Account: at.Account, Region: at.Region, Name: name})
	return net.JoinHostPort(host, fmt.Sprint(port)), ok
}

// Close stops everything and waits for it.
func (s *Server) Close() error {
	var errs []error
	if s.http != nil {
		errs = append(errs, s.http.Close())
		if err := <-s.served; !errors.Is(err, http.ErrServerClosed) {
			errs = append(errs, err)
		}
	}
	if s.Pool != nil {
		errs = append(errs, s.Pool.Close())
	}
	return errors.Join(errs...)
}

// Main is the program rdssim: it serves until the context ends, and returns the
// exit code.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cfg, err := configure(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprintln(stderr, "rdssim:", err)
		return 64
	case err != nil:
		fmt.Fprintln(stderr, "rdssim:", err)
		return 78
	}
	s, err := Start(cfg)
	if err != nil {
		fmt.Fprintln(stderr, "rdssim:", err)
		return 2
	}
	fmt.Fprintln(stdout, "rds:", s.URL)
	for _, n := range s.Sim.Primaries() {
		if addr, ok := s.MySQL(n.At, n.ID); ok {
			fmt.Fprintln(stdout, "mysql:", n.ID, addr)
		}
	}
	<-ctx.Done()
	if err := s.Close(); err != nil {
		fmt.Fprintln(stderr, "rdssim: stop:", err)
		return 2
	}
	return 0
}

var errUsage = errors.New("wrong usage")

func configure(args []string, stderr io.Writer) (Config, error) {
	var cfg Config
	var fleet, faults string
	fs := flag.NewFlagSet("rdssim", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&fleet, "fleet", "", "fleet `file` (required)")
	fs.StringVar(&faults, "faults", "", "fault `file`")
	fs.StringVar(&cfg.Listen, "listen", "127.0.0.1:0", "`address` of the RDS endpoint")
	fs.Float64Var(&cfg.Options.Speed, "speed", 600, "simulated seconds per second")
	fs.Uint64Var(&cfg.Options.Seed, "seed", 1, "seed of names and durations")
	fs.BoolVar(&cfg.NoMySQL, "no-mysql", false, "no MySQL endpoints; addresses like those of RDS")
	fs.Usage = func() {
		fmt.Fprintln(stderr, "usage: rdssim --fleet FILE [--listen ADDR] [--speed N] [--faults FILE] [--seed N]")
		fs.PrintDefaults()
	}
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return cfg, err
		}
		return cfg, fmt.Errorf("%w: %w", errUsage, err)
	}
	if fleet == "" || fs.NArg() > 0 || cfg.Options.Speed <= 0 {
		return cfg, fmt.Errorf("%w: --fleet FILE is required, --speed is positive, and there are no other arguments", errUsage)
	}
	var err error
	if cfg.Fleet, err = rdssim.LoadFleet(fleet); err != nil {
		return cfg, err
	}
	if faults != "" {
		if cfg.Options.Faults, err = rdssim.LoadFaults(faults); err != nil {
			return cfg, err
		}
	}
	return cfg, nil
}
