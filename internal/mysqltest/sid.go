package mysqltest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"time"
)

// sidLatest runs the mysqld of Debian's unstable suite, unpacked privately and
// started by the C library that came with it: the machine's packages stay as
// they are.
type sidLatest struct{ cache *cache }

func (d *sidLatest) root() string { return d.cache.path("sid", "root") }

func (d *sidLatest) prepare(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(d.root(), "usr/sbin/mysqld")); err == nil {
		return nil
	}
	for _, tool := range []string{"apt-get", "dpkg-deb"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%s is not installed, and the newest server comes as a Debian package", tool)
		}
	}
	mirror, keyring, err := machineMirror("/etc/apt")
	if err != nil {
		return err
	}
	apt := d.cache.path("sid", "apt")
	if err := os.RemoveAll(d.cache.path("sid")); err != nil {
		return fmt.Errorf("clear private apt: %w", err)
	}
	for _, dir := range []string{"state/lists/partial", "cache/archives/partial", "log"} {
		if err := os.MkdirAll(filepath.Join(apt, dir), 0o755); err != nil {
			return fmt.Errorf("make private apt: %w", err)
		}
	}
	source := fmt.Sprintf("deb [signed-by=%s] %s sid main\n", keyring, mirror)
	if err := os.WriteFile(filepath.Join(apt, "sources.list"), []byte(source), 0o644); err != nil {
		return fmt.Errorf("make private apt: %w", err)
	}
	if err := os.WriteFile(filepath.Join(apt, "status"), nil, 0o644); err != nil {
		return fmt.Errorf("make private apt: %w", err)
	}
	opts := aptOptions(apt)
	if err := runTool(ctx, d.cache, 4*time.Minute, apt, nil, "apt-get", append([]string{"update"}, opts...)...); err != nil {
		return fmt.Errorf("read the package list of sid: %w", err)
	}
	get := append([]string{"install", "-d", "-y"}, opts...)
	if err := runTool(ctx, d.cache, 6*time.Minute, apt, nil, "apt-get", append(get, "mysql-server-core")...); err != nil {
		return fmt.Errorf("fetch the newest server: %w", err)
	}
	return d.unpack(ctx, filepath.Join(apt, "cache/archives"))
}

// aptOptions keep a call of apt-get inside a directory.
func aptOptions(dir string) []string {
	var out []string
	for _, o := range []string{
		"Dir::Etc::sourcelist=" + filepath.Join(dir, "sources.list"), "Dir::Etc::sourceparts=/dev/null",
		"Dir::Etc::preferences=/dev/null", "Dir::Etc::preferencesparts=/dev/null",
		"Dir::State=" + filepath.Join(dir, "state"), "Dir::State::status=" + filepath.Join(dir, "status"),
		"Dir::Cache=" + filepath.Join(dir, "cache"), "Dir::Log=" + filepath.Join(dir, "log"),
		"Acquire::Languages=none", "Acquire::Check-Valid-Until=false", "Acquire::Retries=3",
		"APT::Install-Recommends=0", "APT::Sandbox::User=root", "APT::Get::List-Cleanup=0",
	} {
		out = append(out, "-o", o)
	}
	return out
}

func (d *sidLatest) unpack(ctx context.Context, archives string) error {
	debs, err := filepath.Glob(filepath.Join(archives, "*.deb"))
	if err != nil || len(debs) == 0 {
		return errors.New("fetch the newest server: apt-get left no packages")
	}
	tmp := d.root() + ".tmp"
	if err := os.MkdirAll(tmp, 0o755); err != nil {
		return fmt.Errorf("unpack the newest server: %w", err)
	}
	for _, deb := range debs {
		if err := runTool(ctx, d.cache, time.Minute, tmp, nil, "dpkg-deb", "-x", deb, tmp); err != nil {
			return fmt.Errorf("unpack the newest server: %w", err)
		}
		_ = os.Remove(deb)
	}
	if err := os.Rename(tmp, d.root()); err != nil {
		return fmt.Errorf("unpack the newest server: %w", err)
	}
	return nil
}

// machineMirror finds the Debian mirror that the machine itself uses, in both
// formats of apt's sources, and the keyring that vouches for it.
func machineMirror(etc string) (uri, keyring string, err error) {
	files := []string{filepath.Join(etc, "sources.list")}
	for _, glob := range []string{"sources.list.d/*.list", "sources.list.d/*.sources"} {
		more, err := filepath.Glob(filepath.Join(etc, glob))
		if err != nil {
			return "", "", fmt.Errorf("find apt sources: %w", err)
		}
		sort.Strings(more)
		files = append(files, more...)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		for _, word := range strings.Fields(stripComments(string(b))) {
			// Debian's archive proper is served under /debian everywhere;
			// security and third-party archives have other paths.
			if strings.Contains(word, "://") && strings.HasSuffix(strings.TrimRight(word, "/"), "/debian") {
				return word, debianKeyring(), nil
			}
		}
	}
	return "", "", errors.New("apt's sources on this machine name no Debian mirror")
}

func stripComments(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		if !strings.HasPrefix(strings.TrimSpace(line), "#") {
			b.WriteString(line)
		}
	}
	return b.String()
}

func debianKeyring() string {
	for _, ext := range []string{"gpg", "pgp"} {
		p := "/usr/share/keyrings/debian-archive-keyring." + ext
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	return "/usr/share/keyrings/debian-archive-keyring.gpg"
}

func (d *sidLatest) command(args ...string) *exec.Cmd {
	root := d.root()
	loader := filepath.Join(root, "usr/lib64/ld-linux-x86-64.so.2")
	all := append([]string{"--library-path", filepath.Join(root, "usr/lib/x86_64-linux-gnu"),
		filepath.Join(root, "usr/sbin/mysqld")}, args...)
	return exec.Command(loader, all...)
}

func (d *sidLatest) path(p string) string { return p }

func (d *sidLatest) args() []string {
	root := d.root()
	args := []string{"--basedir=" + filepath.Join(root, "usr"),
		"--plugin-dir=" + filepath.Join(root, "usr/lib/mysql/plugin"),
		"--lc-messages-dir=" + filepath.Join(root, "usr/share/mysql"),
		"--secure-file-priv=", "--mysqlx=OFF", "--socket=mysqld.sock", "--pid-file=mysqld.pid",
		"--innodb-use-native-aio=0", "--innodb-buffer-pool-size=64M", "--innodb-redo-log-capacity=32M",
		"--innodb-flush-log-at-trx-commit=2", "--sync-binlog=0",
		"--table-open-cache=400", "--max-connections=150", "--max-allowed-packet=64M", "--server-id=97",
	}
	if os.Geteuid() == 0 {
		args = append(args, "--user=root")
	}
	return args
}

func (d *sidLatest) initDone() string { return "" }
func (d *sidLatest) stopDone() string { return "Shutdown complete" }

// The first zero of lower_case_table_names is also the value RDS gives, so
// that 0 in Options asks for it.
func (d *sidLatest) defaultCase() int { return 0 }
