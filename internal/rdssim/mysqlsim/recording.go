// Package mysqlsim gives simulated databases MySQL endpoints. A server answers
// what changes with the model (version, read_only, replication) from the model,
// and everything else with what was recorded from a real server.
package mysqlsim

import (
	"compress/gzip"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

// RecordedSchema is the name of the only user schema in a recording. It is
// replaced by the name of the database's own schema.
const RecordedSchema = "appdb"

// Recording is what one server answered.
type Recording struct {
	Profile       string  `json:"profile"`
	ServerVersion string  `json:"server_version"`
	Queries       []Query `json:"queries"`
}

// Query is a statement with its answer: rows or an error.
type Query struct {
	Tag     string      `json:"tag"`
	SQL     string      `json:"sql"`
	Columns []Column    `json:"columns"`
	Rows    [][]*string `json:"rows"` // null is NULL
	Error   *QueryError `json:"error,omitempty"`
}

// Column is a column of a recorded answer; Type is MySQL's name ("VARCHAR", "BIGINT").
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// QueryError is a recorded refusal.
type QueryError struct {
	Code    uint16 `json:"code"`
	Message string `json:"message"`
}

// Library holds recordings by profile.
type Library struct{ profiles map[string]*profile }

type profile struct {
	bySQL map[string]*Query
	byTag map[string]*Query
}

//go:embed recordings
var builtin embed.FS

// Builtin is the library that the program carries.
func Builtin() (*Library, error) { return LoadLibrary(builtin, "recordings") }

// LoadLibrary reads every *.json and *.json.gz of a directory.
func LoadLibrary(fsys fs.FS, dir string) (*Library, error) {
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return nil, fmt.Errorf("list recordings: %w", err)
	}
	lib := &Library{profiles: map[string]*profile{}}
	for _, e := range entries {
		if e.IsDir() || (!strings.HasSuffix(e.Name(), ".json") && !strings.HasSuffix(e.Name(), ".json.gz")) {
			continue
		}
		rec, err := readRecording(fsys, path.Join(dir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("read recording %s: %w", e.Name(), err)
		}
		lib.Add(rec)
	}
	return lib, nil
}

func readRecording(fsys fs.FS, name string) (*Recording, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		z, err := gzip.NewReader(f)
		if err != nil {
			return nil, err
		}
		defer z.Close()
		r = z
	}
	dec := json.NewDecoder(r)
	var rec Recording
	if err := dec.Decode(&rec); err != nil {
		return nil, err
	}
	for n, q := range rec.Queries {
		for _, row := range q.Rows {
			if len(row) != len(q.Columns) {
				return nil, fmt.Errorf("query %d (%s): a row has %d cells, there are %d columns", n, q.Tag, len(row), len(q.Columns))
			}
		}
	}
	if rec.Profile == "" {
		return nil, fmt.Errorf("no profile")
	}
	return &rec, nil
}

// Add adds the answers of a recording; answers of an earlier recording of the
// same profile are kept unless the statement is the same.
func (l *Library) Add(rec *Recording) {
	p := l.profiles[rec.Profile]
	if p == nil {
		p = &profile{bySQL: map[string]*Query{}, byTag: map[string]*Query{}}
		l.profiles[rec.Profile] = p
	}
	for n := range rec.Queries {
		q := &rec.Queries[n]
		p.bySQL[normalize(q.SQL)] = q
		if q.Tag != "" {
			p.byTag[q.Tag] = q
		}
	}
}

// Has tells whether there is a recording of the profile.
func (l *Library) Has(profile string) bool { return l.profiles[profile] != nil }

// find looks a statement up: by its exact text first, then by its tag.
func (l *Library) find(name, sql, schema string) *Query {
	p := l.profiles[name]
	if p == nil {
		return nil
	}
	if q := p.bySQL[normalize(rename(sql, schema, RecordedSchema))]; q != nil {
		return q
	}
	return p.byTag[tagOf(sql)]
}

var tagPattern = regexp.MustCompile(`/\*\s*rdsupgrade:([A-Za-z0-9_.:-]+)\s*\*/`)

// tagOf is the tag in a statement's comment, empty without one.
func tagOf(sql string) string {
	if m := tagPattern.FindStringSubmatch(sql); m != nil {
		return m[1]
	}
	return ""
}

// normalize drops what does not change a statement's meaning.
func normalize(sql string) string {
	return strings.TrimRight(strings.TrimSpace(sql), "; \t\r\n")
}

// rename replaces a name where it stands as a whole word.
func rename(text, from, to string) string {
	if from == to || from == "" || !strings.Contains(text, from) {
		return text
	}
	var b strings.Builder
	for {
		n := strings.Index(text, from)
		if n < 0 {
			b.WriteString(text)
			return b.String()
		}
		end := n + len(from)
		whole := (n == 0 || !wordByte(text[n-1])) && (end == len(text) || !wordByte(text[end]))
		b.WriteString(text[:n])
		if whole {
			b.WriteString(to)
		} else {
			b.WriteString(from)
		}
		text = text[end:]
	}
}

func wordByte(c byte) bool {
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}
