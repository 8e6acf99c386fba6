package mysqltest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

var addressEnv = map[Side]string{
	SideOld: "RDSUPGRADE_TEST_MYSQL57",
	SideNew: "RDSUPGRADE_TEST_MYSQL9",
}

// Up returns the shared server of a side, starting it when it does not run.
// The server outlives the process.
func Up(ctx context.Context, side Side) (*Server, error) {
	if dsn := os.Getenv(addressEnv[side]); dsn != "" {
		return fromAddress(ctx, side, dsn)
	}
	c, err := openCache()
	if err != nil {
		return nil, err
	}
	unlock, err := c.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	state, err := c.readState()
	if err != nil {
		return nil, err
	}
	if s := state[side]; s != nil {
		if v, err := s.probe(ctx); err == nil && s.fits(v) == nil {
			return s, nil
		}
		// A server that died, or a state file from before a reboot.
		_ = s.Stop(ctx)
		delete(state, side)
	}
	s, err := start(ctx, c, side, Options{}, "shared-"+string(side))
	if err != nil {
		return nil, err
	}
	state[side] = s
	if err := c.writeState(state); err != nil {
		_ = s.Stop(ctx)
		return nil, err
	}
	return s, nil
}

// Down stops the shared servers that this package started.
func Down(ctx context.Context) error {
	c, err := openCache()
	if err != nil {
		return err
	}
	unlock, err := c.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	state, err := c.readState()
	if err != nil {
		return err
	}
	var errs []error
	for side, s := range state {
		if err := s.Stop(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop %s server: %w", side, err))
		}
	}
	if err := c.writeState(map[Side]*Server{}); err != nil {
		errs = append(errs, err)
	}
	c.endWine(ctx)
	return errors.Join(errs...)
}

// Status returns the shared servers that answer now.
func Status(ctx context.Context) ([]*Server, error) {
	var out []*Server
	c, err := openCache()
	if err != nil {
		return nil, err
	}
	state, err := c.readState()
	if err != nil {
		return nil, err
	}
	for _, side := range []Side{SideOld, SideNew} {
		if dsn := os.Getenv(addressEnv[side]); dsn != "" {
			if s, err := fromAddress(ctx, side, dsn); err == nil {
				out = append(out, s)
			}
			continue
		}
		if s := state[side]; s != nil {
			if _, err := s.probe(ctx); err == nil {
				out = append(out, s)
			}
		}
	}
	return out, nil
}

// StartPrivate starts a server that belongs to the caller, who stops it with Stop.
func StartPrivate(ctx context.Context, side Side, o Options) (*Server, error) {
	c, err := openCache()
	if err != nil {
		return nil, err
	}
	// The lock covers the fetching and the making of templates, which two
	// packages must not do at once.
	unlock, err := c.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	return start(ctx, c, side, o, "private-"+string(side)+"-"+randomHex(5))
}

// start takes the first way that works, and says of each one that does not why.
func start(ctx context.Context, c *cache, side Side, o Options, name string) (*Server, error) {
	why := dockerMissing(ctx)
	if why == nil {
		s, err := startDocker(ctx, side, o, name)
		if err == nil {
			return s, nil
		}
		why = err
	}
	s, err := startRecipe(ctx, c, side, o, name)
	if err != nil {
		return nil, fmt.Errorf("no %s MySQL server: %s is not set; docker: %s; recipe: %w",
			side, addressEnv[side], oneLine(why), err)
	}
	return s, nil
}

func fromAddress(ctx context.Context, side Side, dsn string) (*Server, error) {
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		// The driver's message may quote the DSN, and with it the password.
		return nil, fmt.Errorf("%s is not a DSN of the form user:password@tcp(host:port)/", addressEnv[side])
	}
	s := &Server{Side: side, Way: "address", Addr: cfg.Addr, User: cfg.User, Password: cfg.Passwd, Params: cfg.Params}
	if s.Version, err = s.probe(ctx); err != nil {
		return nil, fmt.Errorf("%s: %w", addressEnv[side], err)
	}
	if err := s.fits(s.Version); err != nil {
		return nil, fmt.Errorf("%s: %w", addressEnv[side], err)
	}
	return s, nil
}

// cache is the directory where downloads, data directories and the state file live.
type cache struct{ dir string }

// openCache finds RDSUPGRADE_CACHE, or .cache in the module's root.
func openCache() (*cache, error) {
	root := os.Getenv("RDSUPGRADE_CACHE")
	if root == "" {
		dir, err := os.Getwd()
		if err != nil {
			return nil, fmt.Errorf("find working directory: %w", err)
		}
		for {
			if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
				break
			}
			up := filepath.Dir(dir)
			if up == dir {
				return nil, errors.New("find cache directory: no go.mod above the working directory and RDSUPGRADE_CACHE is not set")
			}
			dir = up
		}
		root = filepath.Join(dir, ".cache")
	}
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("resolve cache directory: %w", err)
	}
	c := &cache{dir: filepath.Join(abs, "mysqltest")}
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return nil, fmt.Errorf("make cache directory: %w", err)
	}
	return c, nil
}

func (c *cache) path(parts ...string) string {
	return filepath.Join(append([]string{c.dir}, parts...)...)
}

// lock takes the cache's file lock, waiting no longer than the context allows.
func (c *cache) lock(ctx context.Context) (func(), error) {
	f, err := os.OpenFile(c.path("lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open lock file: %w", err)
	}
	err = poll(ctx, startTimeout, func() (bool, error) { return tryFlock(f) })
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("take the lock %s: %w", f.Name(), err)
	}
	return func() { f.Close() }, nil
}

func (c *cache) readState() (map[Side]*Server, error) {
	b, err := os.ReadFile(c.path("state.json"))
	if errors.Is(err, os.ErrNotExist) {
		return map[Side]*Server{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read server state: %w", err)
	}
	state := map[Side]*Server{}
	if err := json.Unmarshal(b, &state); err != nil {
		return nil, fmt.Errorf("read server state %s: %w", c.path("state.json"), err)
	}
	return state, nil
}

func (c *cache) writeState(state map[Side]*Server) error {
	b, err := json.MarshalIndent(state, "", "  ")
	if err != nil {
		return fmt.Errorf("encode server state: %w", err)
	}
	tmp := c.path("state.json.tmp")
	if err := os.WriteFile(tmp, b, 0o600); err != nil {
		return fmt.Errorf("write server state: %w", err)
	}
	if err := os.Rename(tmp, c.path("state.json")); err != nil {
		return fmt.Errorf("write server state: %w", err)
	}
	return nil
}

// poll calls done every 50 ms until it says yes, fails, or the time is over.
func poll(ctx context.Context, limit time.Duration, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := done()
		if err != nil || ok {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited %s in vain: %w", limit, ctx.Err())
		case <-tick.C:
		}
	}
}

func oneLine(err error) string {
	return strings.Join(strings.Fields(err.Error()), " ")
}

// AddressVariable is the environment variable that names a server of a side.
func AddressVariable(side Side) string { return addressEnv[side] }
