package precheck

import (
	"compress/gzip"
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// recording is what internal/mysqltest/cmd/record writes and the simulator plays.
type recording struct {
	Profile       string `json:"profile"`
	ServerVersion string `json:"server_version"`
	Queries       []struct {
		Tag     string                  `json:"tag"`
		SQL     string                  `json:"sql"`
		Columns []struct{ Name string } `json:"columns"`
		Rows    [][]*string             `json:"rows"`
		Error   *struct {
			Code    int
			Message string
		} `json:"error"`
	} `json:"queries"`
}

func loadRecording(t *testing.T, file string) *recording {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var rec recording
	if err := json.NewDecoder(z).Decode(&rec); err != nil {
		t.Fatal(err)
	}
	return &rec
}

// TestRecordingsHoldEveryStatement runs the reader against the recordings that
// the simulated databases play. When it fails, the reader's statements have
// changed: go run ./internal/mysqltest/cmd/record
func TestRecordingsHoldEveryStatement(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../internal/rdssim/mysqlsim/recordings/*.json.gz")
	if err != nil || len(files) < 6 {
		t.Fatalf("%d recordings, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json.gz"), func(t *testing.T) {
			t.Parallel()
			rec := loadRecording(t, file)
			p := &player{rec: rec}
			r := &reader{target: Target{Address: "recording:3306"}, opts: ReadOptions{}.withDefaults(), cat: &Catalog{
				Format: CatalogFormat, Sections: map[Section]SectionState{}}}
			r.parent = t.Context()
			c, err := r.read(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			for _, miss := range p.missed {
				t.Errorf("not in the recording (run `go run ./internal/mysqltest/cmd/record`): %s", miss)
			}
			if c.Server.Version != rec.ServerVersion {
				t.Errorf("version %q, want %q", c.Server.Version, rec.ServerVersion)
			}
			if len(c.Schemas) != 1 || c.Schemas[0].Name != "appdb" || len(c.Tables) < 5 || len(c.ForeignKeys) != 3 || len(c.Programs) < 3 {
				t.Errorf("read %d schemas, %d tables, %d foreign keys, %d programs", len(c.Schemas), len(c.Tables), len(c.ForeignKeys), len(c.Programs))
			}
			for name, st := range c.Sections {
				if st.Status == SectionFailed || st.Status == SectionPartial {
					t.Errorf("section %s is %+v", name, st)
				}
			}
		})
	}
}

// player is a driver that answers from a recording.
type player struct {
	rec    *recording
	mu     sync.Mutex
	missed []string
}

func (p *player) Connect(context.Context) (driver.Conn, error) { return playerConn{p}, nil }
func (p *player) Driver() driver.Driver                        { return nil }

type playerConn struct{ p *player }

func (playerConn) Prepare(string) (driver.Stmt, error) {
	return nil, errors.New("the reader prepares nothing")
}
func (playerConn) Close() error              { return nil }
func (playerConn) Begin() (driver.Tx, error) { return nil, errors.New("the reader begins nothing") }

func (c playerConn) QueryContext(_ context.Context, text string, _ []driver.NamedValue) (driver.Rows, error) {
	for _, q := range c.p.rec.Queries {
		if q.SQL != text {
			continue
		}
		if q.Error != nil {
			return nil, &mysql.MySQLError{Number: uint16(q.Error.Code), Message: q.Error.Message}
		}
		r := &playerRows{rows: q.Rows}
		for _, col := range q.Columns {
			r.names = append(r.names, col.Name)
		}
		return r, nil
	}
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	c.p.missed = append(c.p.missed, text)
	return nil, &mysql.MySQLError{Number: 1105, Message: "not recorded"}
}

type playerRows struct {
	names []string
	rows  [][]*string
}

func (r *playerRows) Columns() []string { return r.names }
func (r *playerRows) Close() error      { return nil }

func (r *playerRows) Next(dest []driver.Value) error {
	if len(r.rows) == 0 {
		return io.EOF
	}
	for i, v := range r.rows[0] {
		dest[i] = nil
		if v != nil {
			dest[i] = []byte(*v)
		}
	}
	r.rows = r.rows[1:]
	return nil
}
