package mysqltest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

func image(side Side) string {
	env, def := "RDSUPGRADE_TEST_IMAGE57", "mysql:5.7"
	if side == SideNew {
		env, def = "RDSUPGRADE_TEST_IMAGE9", "mysql:8.4"
	}
	if v := os.Getenv(env); v != "" {
		return v
	}
	return def
}

// docker runs the Docker client and returns what it printed.
func docker(ctx context.Context, limit time.Duration, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.WaitDelay = time.Second
	var errOut strings.Builder
	cmd.Stderr = &errOut
	out, err := cmd.Output()
	if err != nil {
		said := strings.TrimSpace(errOut.String())
		if said == "" {
			said = "no message"
		}
		return "", fmt.Errorf("docker %s: %w: %s", args[0], err, said)
	}
	return strings.TrimSpace(string(out)), nil
}

// dockerMissing tells why Docker cannot be used, or nil.
func dockerMissing(ctx context.Context) error {
	if _, err := exec.LookPath("docker"); err != nil {
		return fmt.Errorf("no docker client")
	}
	_, err := docker(ctx, 10*time.Second, "version", "--format", "{{.Server.Version}}")
	return err
}

func startDocker(ctx context.Context, side Side, o Options, name string) (*Server, error) {
	container := "rdsupgrade-test-" + name
	if strings.HasPrefix(name, "shared-") {
		container += "-" + randomHex(4)
	}
	args := []string{"run", "-d", "--rm", "--name", container, "-p", "127.0.0.1::3306",
		"-e", "MYSQL_ALLOW_EMPTY_PASSWORD=yes", "-e", "MYSQL_ROOT_HOST=%", image(side),
		"--innodb-buffer-pool-size=64M", "--table-open-cache=400", "--max-allowed-packet=64M",
		"--innodb-flush-log-at-trx-commit=2", "--sync-binlog=0", "--explicit-defaults-for-timestamp=ON",
	}
	if side == SideOld {
		args = append(args, "--server-id=57", "--character-set-server=latin1", "--collation-server=latin1_swedish_ci")
	} else {
		args = append(args, "--server-id=97")
	}
	if o.LowerCaseTableNames != 0 {
		args = append(args, "--lower-case-table-names="+strconv.Itoa(o.LowerCaseTableNames))
	}
	if _, err := docker(ctx, 5*time.Minute, append(args, o.Args...)...); err != nil {
		return nil, err
	}
	s := &Server{Side: side, Way: "docker", User: "root", Container: container}
	err := s.awaitDocker(ctx)
	if err == nil {
		err = s.fits(s.Version)
	}
	if err != nil {
		_ = stopDocker(ctx, s)
		return nil, err
	}
	return s, nil
}

func (s *Server) awaitDocker(ctx context.Context) error {
	port, err := docker(ctx, 10*time.Second, "port", s.Container, "3306/tcp")
	if err != nil {
		return err
	}
	s.Addr, _, _ = strings.Cut(port, "\n")
	err = poll(ctx, 2*time.Minute, func() (bool, error) {
		v, err := s.probe(ctx)
		s.Version = v
		return err == nil, nil
	})
	if err != nil {
		return fmt.Errorf("start container %s: %w", s.Container, err)
	}
	return nil
}

func stopDocker(ctx context.Context, s *Server) error {
	_, err := docker(ctx, time.Minute, "rm", "-f", s.Container)
	return err
}
