package mysqltest

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestSharedServersAnswer(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		server *Server
		prefix string
	}{{Old(t), "5.7."}, {New(t), ""}} {
		db := tc.server.DB(t, "")
		schema := Schema(t, db)
		Exec(t, tc.server.DB(t, schema), "CREATE TABLE Kept (id INT PRIMARY KEY)")
		var version, name string
		if err := db.QueryRow("SELECT VERSION(), TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = ?", schema).Scan(&version, &name); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(version, tc.prefix) || version != tc.server.Version || name != "Kept" {
			t.Errorf("%s server: version %q, table %q", tc.server.Side, version, name)
		}
	}
}

// Test packages run at the same time; all of them must get the same server.
func TestUpIsSafeForManyCallers(t *testing.T) {
	t.Parallel()
	var wg sync.WaitGroup
	addresses := make([]string, 4)
	for i := range addresses {
		wg.Go(func() {
			s, err := Up(t.Context(), SideOld)
			if err != nil {
				t.Error(err)
				return
			}
			addresses[i] = s.Addr
		})
	}
	wg.Wait()
	for _, a := range addresses {
		if a != addresses[0] || a == "" {
			t.Errorf("different servers: %q", addresses)
		}
	}
}

func TestPrivateServerIsStopped(t *testing.T) {
	t.Parallel()
	for _, side := range []Side{SideOld, SideNew} {
		t.Run(string(side), func(t *testing.T) {
			t.Parallel()
			s, err := StartPrivate(t.Context(), side, Options{Args: []string{"--max-connections=33"}})
			if err != nil {
				t.Fatal(err)
			}
			var n int
			if err := s.DB(t, "").QueryRow("SELECT @@max_connections").Scan(&n); err != nil || n != 33 {
				t.Errorf("max_connections %d, %v", n, err)
			}
			if err := s.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := s.probe(t.Context()); err == nil {
				t.Error("the server still answers")
			}
			if s.Dir != "" {
				if _, err := os.Stat(s.Dir); !os.IsNotExist(err) {
					t.Errorf("data directory left behind: %v", err)
				}
			}
			if err := s.Stop(t.Context()); err != nil {
				t.Errorf("stopping twice: %v", err)
			}
		})
	}
}

func TestLowerCaseTableNames(t *testing.T) {
	t.Parallel()
	s := Private(t, SideOld, Options{LowerCaseTableNames: 1})
	var n int
	if err := s.DB(t, "").QueryRow("SELECT @@lower_case_table_names").Scan(&n); err != nil || n != 1 {
		t.Errorf("lower_case_table_names %d, %v", n, err)
	}
}

func TestAddressFromTheEnvironment(t *testing.T) {
	s := New(t)
	t.Setenv("RDSUPGRADE_TEST_MYSQL57", s.DSN(""))
	_, err := Up(t.Context(), SideOld)
	if err == nil || !strings.Contains(err.Error(), "is of version") {
		t.Errorf("a server of the wrong release was taken: %v", err)
	}
	t.Setenv("RDSUPGRADE_TEST_MYSQL57", "root:hunter2@nonsense")
	_, err = Up(t.Context(), SideOld)
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
	t.Setenv("RDSUPGRADE_TEST_MYSQL9", s.DSN(""))
	got, err := Up(t.Context(), SideNew)
	if err != nil || got.Way != "address" || got.Addr != s.Addr {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestMachineMirror(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, file, text, want string
	}{
		{"deb822", "sources.list.d/debian.sources", "Types: deb\n# http://old.example/debian\nURIs: http://mirror.example/debian\nSuites: bookworm\n", "http://mirror.example/debian"},
		{"one line", "sources.list", "deb [arch=amd64] https://mirror.example/mirrors/debian/ trixie main\n", "https://mirror.example/mirrors/debian/"},
		{"third party only", "sources.list.d/x.list", "deb https://packages.example/apt stable main\n", ""},
		{"security is no mirror", "sources.list", "deb http://mirror.example/debian-security bookworm main\n", ""},
	} {
		dir := t.TempDir()
		if err := os.MkdirAll(filepath.Join(dir, "sources.list.d"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, tc.file), []byte(tc.text), 0o644); err != nil {
			t.Fatal(err)
		}
		got, _, err := machineMirror(dir)
		if got != tc.want || (tc.want == "") != (err != nil) {
			t.Errorf("%s: %q, %v", tc.name, got, err)
		}
	}
}

func TestUntarStaysInside(t *testing.T) {
	t.Parallel()
	pack := func(name string) string {
		file := filepath.Join(t.TempDir(), "x.tgz")
		f, err := os.Create(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		z := gzip.NewWriter(f)
		w := tar.NewWriter(z)
		if err := errors.Join(w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Size: 2, Mode: 0o644}),
			func() error { _, err := w.Write([]byte("hi")); return err }(), w.Close(), z.Close()); err != nil {
			t.Fatal(err)
		}
		return file
	}
	root := t.TempDir()
	if err := untar(pack("../evil"), filepath.Join(root, "in")); err == nil {
		t.Error("a member outside the directory was unpacked")
	}
	if _, err := os.Stat(filepath.Join(root, "evil")); !os.IsNotExist(err) {
		t.Errorf("a file was written outside: %v", err)
	}
	if err := untar(pack("a/good"), filepath.Join(root, "in")); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(filepath.Join(root, "in", "a", "good")); err != nil || string(b) != "hi" {
		t.Errorf("unpacked %q, %v", b, err)
	}
	if sumOf("no such file") != "" {
		t.Error("a file that is not there has a checksum")
	}
}

func TestPollEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := poll(ctx, time.Hour, func() (bool, error) { return false, nil }); err == nil {
		t.Error("waits for ever")
	}
}
