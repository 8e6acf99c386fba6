package mysqltest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

const (
	initTimeout = 2 * time.Minute
	bootTimeout = time.Minute
	stopTimeout = 30 * time.Second
)

// recipe is how one side's server is run from its files.
type recipe interface {
	// prepare fetches what is missing; it runs under the cache's lock.
	prepare(ctx context.Context) error
	// command is mysqld with the recipe's fixed arguments; paths in args have
	// gone through path.
	command(args ...string) *exec.Cmd
	// path is how the server wants a path of this machine written.
	path(string) string
	// args are the server arguments of this side.
	args() []string
	// initDone is the line in the log that ends the making of a data
	// directory, "" where the process ends by itself.
	initDone() string
	// stopDone is the same for the end of a server.
	stopDone() string
	// defaultCase is lower_case_table_names of the shared server.
	defaultCase() int
}

// startRecipe runs a server from the recipe of its side on a fresh copy of a
// data directory that is made once.
func startRecipe(ctx context.Context, c *cache, side Side, o Options, name string) (*Server, error) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return nil, fmt.Errorf("the recipes need linux/amd64, this is %s/%s", runtime.GOOS, runtime.GOARCH)
	}
	var r recipe
	if side == SideOld {
		r = &wine57{cache: c}
	} else {
		r = &sidLatest{cache: c}
	}
	if err := r.prepare(ctx); err != nil {
		return nil, err
	}
	lctn := o.LowerCaseTableNames
	if lctn == 0 {
		lctn = r.defaultCase()
	}
	template, err := makeTemplate(ctx, c, r, side, lctn)
	if err != nil {
		return nil, err
	}
	dir := c.path("data", name)
	if err := os.RemoveAll(dir); err != nil {
		return nil, fmt.Errorf("clear data directory: %w", err)
	}
	if err := copyData(template, dir); err != nil {
		return nil, err
	}
	s := &Server{Side: side, Way: "recipe", User: "root", Dir: dir, CACert: c.path("tls", "ca.pem")}
	if err := s.boot(ctx, c, r, o, lctn); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	return s, nil
}

// makeTemplate initializes a data directory once; every server starts from a copy of it.
func makeTemplate(ctx context.Context, c *cache, r recipe, side Side, lctn int) (string, error) {
	dir := c.path("data", fmt.Sprintf("template-%s-%d", side, lctn))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	tmp := dir + ".tmp"
	if err := os.RemoveAll(tmp); err != nil {
		return "", fmt.Errorf("clear template: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(tmp), 0o755); err != nil {
		return "", fmt.Errorf("make data directory: %w", err)
	}
	log, err := os.Create(tmp + ".log")
	if err != nil {
		return "", fmt.Errorf("make log: %w", err)
	}
	defer log.Close()
	args := append([]string{"--no-defaults", "--initialize-insecure", "--log-error-verbosity=3",
		"--datadir=" + r.path(tmp), "--lower-case-table-names=" + strconv.Itoa(lctn)}, r.args()...)
	cmd := r.command(args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("initialize %s server: %w", side, err)
	}
	if err := awaitEnd(ctx, cmd, log.Name(), r.initDone(), initTimeout); err != nil {
		return "", fmt.Errorf("initialize %s server: %w (log: %s)", side, err, lastLine(log.Name()))
	}
	// Servers that replicate from each other must not share a UUID.
	_ = os.Remove(filepath.Join(tmp, "auto.cnf"))
	if err := os.Rename(tmp, dir); err != nil {
		return "", fmt.Errorf("keep template: %w", err)
	}
	return dir, nil
}

// awaitEnd waits for a process to end, or, with a marker, for that line in its
// log and then kills it: mysqld under wine finishes its work and hangs at exit.
func awaitEnd(ctx context.Context, cmd *exec.Cmd, log, marker string, limit time.Duration) error {
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var exit error
	done := false
	err := poll(ctx, limit, func() (bool, error) {
		select {
		case exit = <-ended:
			done = true
			return true, nil
		default:
		}
		return marker != "" && logHas(log, marker), nil
	})
	if !done {
		_ = cmd.Process.Kill()
		<-ended
	}
	if err != nil {
		return err
	}
	if done && exit != nil && (marker == "" || !logHas(log, marker)) {
		return exit
	}
	return nil
}

// boot starts mysqld on the data directory and waits until it answers.
func (s *Server) boot(ctx context.Context, c *cache, r recipe, o Options, lctn int) error {
	tls, err := c.makeTLS()
	if err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	s.Addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	logName := s.Dir + ".log"
	log, err := os.Create(logName)
	if err != nil {
		return fmt.Errorf("make log: %w", err)
	}
	defer log.Close()
	args := append([]string{"--no-defaults", "--datadir=" + r.path(s.Dir), "--port=" + strconv.Itoa(port),
		"--bind-address=127.0.0.1", "--lower-case-table-names=" + strconv.Itoa(lctn),
		"--ssl-ca=" + r.path(tls.ca), "--ssl-cert=" + r.path(tls.cert), "--ssl-key=" + r.path(tls.key),
	}, r.args()...)
	cmd := r.command(append(args, o.Args...)...)
	cmd.Stdout, cmd.Stderr = log, log
	detach(cmd)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s server: %w", s.Side, err)
	}
	s.PID = cmd.Process.Pid
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	err = poll(ctx, bootTimeout, func() (bool, error) {
		select {
		case err := <-ended:
			return false, fmt.Errorf("server ended: %w", errors.Join(err, errors.New(lastLine(logName))))
		default:
		}
		v, err := s.probe(ctx)
		s.Version = v
		return err == nil, nil
	})
	if err == nil {
		err = s.fits(s.Version)
	}
	if err != nil {
		_ = cmd.Process.Kill()
		return fmt.Errorf("start %s server: %w", s.Side, err)
	}
	return nil
}

// Stop ends a server that this package started and removes its data.
func (s *Server) Stop(ctx context.Context) error {
	switch s.Way {
	case "docker":
		return stopDocker(ctx, s)
	case "recipe":
		return s.stopRecipe(ctx)
	}
	return nil
}

func (s *Server) stopRecipe(ctx context.Context) error {
	proc, ours := s.process()
	if ours {
		marker := (&sidLatest{}).stopDone()
		if s.Side == SideOld {
			marker = (&wine57{}).stopDone()
		}
		s.shutdown(ctx)
		err := poll(ctx, stopTimeout, func() (bool, error) {
			if _, alive := s.process(); !alive {
				return true, nil
			}
			return logHas(s.Dir+".log", marker), nil
		})
		// Killing is right both after the marker, where a server under wine
		// hangs, and when it did not come: the data is thrown away.
		if kill := proc.Kill(); kill != nil && !errors.Is(kill, os.ErrProcessDone) {
			err = errors.Join(err, kill)
		}
		if err != nil {
			return fmt.Errorf("end server %d: %w", s.PID, err)
		}
	}
	// The killed process may write for another moment.
	return poll(ctx, stopTimeout, func() (bool, error) {
		err := os.RemoveAll(s.Dir)
		_ = os.Remove(s.Dir + ".log")
		return err == nil, nil
	})
}

// process finds the server's process, and makes sure by its command line that
// the number does not belong to another program by now.
func (s *Server) process() (*os.Process, bool) {
	if s.PID <= 0 || s.Dir == "" {
		return nil, false
	}
	line, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(s.PID), "cmdline"))
	if err != nil || !strings.Contains(string(line), filepath.Base(s.Dir)) {
		return nil, false
	}
	p, err := os.FindProcess(s.PID)
	return p, err == nil
}

func (s *Server) shutdown(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	db, err := openDB(s.Config(""))
	if err != nil {
		return
	}
	defer db.Close()
	// The answer may be lost with the connection; the process tells the truth.
	_, _ = db.ExecContext(ctx, "SHUTDOWN")
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func copyData(from, to string) error {
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return fmt.Errorf("copy data directory: %w", err)
	}
	return nil
}

func logHas(file, marker string) bool {
	b, err := os.ReadFile(file)
	return err == nil && marker != "" && strings.Contains(string(b), marker)
}

// lastLine is the last line of a log that names an error, or the last at all.
func lastLine(file string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return "no log"
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		if strings.Contains(lines[i], "[ERROR]") {
			return strings.TrimSpace(lines[i])
		}
	}
	return strings.TrimSpace(lines[len(lines)-1])
}

// runTool runs a helper program with a time limit. Its output goes to a file:
// with a pipe, a background process that inherits it would keep us waiting.
func runTool(ctx context.Context, c *cache, limit time.Duration, dir string, env []string, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	log, err := os.OpenFile(c.path("tools.log"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return fmt.Errorf("make log: %w", err)
	}
	defer log.Close()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.Env = append(os.Environ(), env...)
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("run %s %s: %w (%s)", filepath.Base(name), strings.Join(args[:min(2, len(args))], " "), err, lastLine(log.Name()))
	}
	return nil
}
