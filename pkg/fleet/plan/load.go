package plan

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	// Time zones must not depend on what is installed on the machine.
	_ "time/tzdata"

	yaml "go.yaml.in/yaml/v3"
)

// MaxSize bounds a plan file, in bytes.
const MaxSize = 4 << 20

// An Option tells Load and Decode what the file is judged by.
type Option func(*options)

type options struct {
	checks []string
	now    time.Time
}

// KnownChecks makes a check id outside of ids a problem. Without it, ids are
// taken as they are: the plan does not know the rules.
func KnownChecks(ids []string) Option { return func(o *options) { o.checks = ids } }

// Now decides which waivers have expired and whether the deadline has passed;
// the default is the clock.
func Now(t time.Time) Option { return func(o *options) { o.now = t } }

// Load reads a plan file. The error is of type Problems when the file could be
// read but is no good plan.
func Load(path string, opts ...Option) (*Plan, error) {
	data, err := read(path)
	if err != nil {
		return nil, fmt.Errorf("read plan: %w", err)
	}
	p, problems := Decode(path, data, opts...)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return p, nil
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxSize+1))
}

// Decode reads a plan from data; path is for messages, and relative files of
// the plan are looked for beside it. With any problem that is not a warning the
// plan is nil; otherwise the problems are nil, and warnings are in Plan.Warnings.
func Decode(path string, data []byte, opts ...Option) (*Plan, Problems) {
	d := &decoder{file: path, keys: Keys(), where: map[string]Pos{}}
	for _, o := range opts {
		o(&d.options)
	}
	if d.now.IsZero() {
		d.now = time.Now()
	}
	p := defaults(path)
	if root, ok := d.parse(data); ok {
		if object(d, d.value(root, ""), planFields, p) {
			d.check(p)
		}
	}
	d.problems.sort()
	if d.problems.Err() != nil {
		return nil, d.problems
	}
	p.Warnings = d.problems
	if f := p.Connection.CAFile; f != "" && path != "" && !filepath.IsAbs(f) {
		p.Connection.CAFile = filepath.Join(filepath.Dir(path), f)
	}
	return p, nil
}

// parse is the file's one YAML document.
func (d *decoder) parse(data []byte) (*yaml.Node, bool) {
	if len(data) > MaxSize {
		d.add(Pos{1, 1}, "", "too-large", fmt.Sprintf("the file is larger than %d MiB", MaxSize>>20), "a plan is a few hundred lines")
		return nil, false
	}
	if pos, what := unreadable(data); what != "" {
		d.add(pos, "", "bad-encoding", what, "want UTF-8 text")
		return nil, false
	}
	in := &oneByOne{data: data}
	dec := yaml.NewDecoder(in)
	doc, err := document(dec)
	if errors.Is(err, io.EOF) {
		d.add(Pos{1, 1}, "", "empty-file", "the file is empty", "want a plan: see docs/plan.md")
		return nil, false
	}
	if err != nil {
		d.problems = append(d.problems, syntaxProblem(d.file, data, in.used, err))
		return nil, false
	}
	switch next, err := document(dec); {
	case err == nil:
		d.add(d.value(next, "").pos, "", "several-documents", "the file holds more than one YAML document", "delete all but one (documents are separated by ---)")
	case !errors.Is(err, io.EOF):
		d.problems = append(d.problems, syntaxProblem(d.file, data, in.used, err))
	}
	if len(doc.Content) == 0 {
		d.add(Pos{1, 1}, "", "empty-file", "the file is empty", "want a plan: see docs/plan.md")
		return nil, false
	}
	return doc.Content[0], true
}

// document reads the next document. The YAML library panics on inputs that it
// thinks impossible; here they are bad YAML like any other.
func document(dec *yaml.Decoder) (n *yaml.Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("yaml: %v", r)
		}
	}()
	n = &yaml.Node{}
	err = dec.Decode(n)
	return n, err
}
