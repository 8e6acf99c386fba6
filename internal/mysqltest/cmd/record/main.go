// Command record asks real MySQL servers everything that the precheck reader
// asks, and writes their answers down for the simulated RDS to replay.
//
//	go run ./internal/mysqltest/cmd/record
//
// It must be run again whenever the reader's statements change; a test of
// pkg/precheck fails until it was.
package main

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqltest"
	"github.com/rdsupgrade/rdsupgrade/pkg/precheck"
)

// recording is the file's layout, which the player of the simulator knows too.
type recording struct {
	Profile string `json:"profile"`
	// ServerVersion is what the recording claims to be, RecordedOn the server
	// that really answered.
	ServerVersion string   `json:"server_version"`
	RecordedOn    string   `json:"recorded_on"`
	Rewritten     []string `json:"rewritten"`
	Queries       []query  `json:"queries"`
}

type query struct {
	Tag     string      `json:"tag"`
	SQL     string      `json:"sql"`
	Columns []column    `json:"columns"`
	Rows    [][]*string `json:"rows"`
	Error   *failure    `json:"error,omitempty"`
}

type column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

type failure struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func main() {
	dir := flag.String("out", filepath.Join("internal", "rdssim", "mysqlsim", "recordings"), "where the recordings go")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, 15*time.Minute)
	err := run(ctx, *dir, os.Stdout)
	cancel()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "record:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dir string, out io.Writer) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	for _, side := range []mysqltest.Side{mysqltest.SideOld, mysqltest.SideNew} {
		if err := recordSide(ctx, side, dir, out); err != nil {
			return fmt.Errorf("record the %s server: %w", side, err)
		}
	}
	return nil
}

func recordSide(ctx context.Context, side mysqltest.Side, dir string, out io.Writer) error {
	s, err := mysqltest.StartPrivate(ctx, side, mysqltest.Options{Args: serverArgs(side)})
	if err != nil {
		return err
	}
	defer func() { _ = s.Stop(context.WithoutCancel(ctx)) }()
	target, err := account(ctx, s)
	if err != nil {
		return err
	}
	for _, p := range profiles() {
		if p.side != side {
			continue
		}
		if err := seed(ctx, s, p, target); err != nil {
			return fmt.Errorf("seed %s: %w", p.name, err)
		}
		rec := &recording{Profile: p.name, ServerVersion: p.version, RecordedOn: s.Version}
		cat, err := read(ctx, target, rec)
		if err != nil {
			return fmt.Errorf("read %s: %w", p.name, err)
		}
		rec.rewrite()
		file := filepath.Join(dir, p.name+".json.gz")
		if err := write(file, rec); err != nil {
			return err
		}
		fmt.Fprintf(out, "%s: %d statements, %d tables, recorded on %s\n", file, len(rec.Queries), len(cat.Tables), s.Version)
		for name, st := range cat.Sections {
			if st.Status == precheck.SectionFailed || st.Status == precheck.SectionPartial {
				fmt.Fprintf(out, "  section %s is %s: %s\n", name, st.Status, st.Reason)
			}
		}
	}
	return nil
}

// read runs the reader with everything it can be asked for, and keeps the first
// answer of every tag.
func read(ctx context.Context, t precheck.Target, rec *recording) (*precheck.Catalog, error) {
	seen := map[string]string{}
	var clash error
	cat, err := precheck.Read(ctx, t, precheck.ReadOptions{CheckTables: true, SampleZeroDates: 1000, Observe: func(x precheck.Exchange) {
		if before, ok := seen[x.Tag]; ok {
			if before != x.SQL {
				clash = fmt.Errorf("two statements share the tag %s", x.Tag)
			}
			return
		}
		seen[x.Tag] = x.SQL
		q := query{Tag: x.Tag, SQL: x.SQL, Columns: []column{}, Rows: [][]*string{}}
		for _, c := range x.Columns {
			q.Columns = append(q.Columns, column(c))
		}
		q.Rows = append(q.Rows, x.Rows...)
		if x.Code != 0 {
			q.Error = &failure{x.Code, x.Message}
		}
		rec.Queries = append(rec.Queries, q)
	}})
	if err != nil {
		return nil, err
	}
	return cat, clash
}

func write(file string, rec *recording) error {
	f, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("write recording: %w", err)
	}
	z := gzip.NewWriter(f)
	enc := json.NewEncoder(z)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(rec); err != nil {
		f.Close()
		return fmt.Errorf("write recording: %w", err)
	}
	if err := z.Close(); err != nil {
		f.Close()
		return fmt.Errorf("write recording: %w", err)
	}
	return f.Close()
}
