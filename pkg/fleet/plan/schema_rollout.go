package plan

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"time"
)

// Batch is how many databases a step of a wave switches: a number, or a share
// of the wave rounded up.
type Batch = Budget

// Allowed is how many databases of a wave of total may have begun to switch
// when finished are through: the batches one after the other, the last one
// again and again. Without batches it is all of them.
func (w Wave) Allowed(total, finished int) int {
	if len(w.BatchSizes) == 0 {
		return total
	}
	sum := 0
	for i := 0; sum <= finished && sum < total; i++ {
		sum += w.BatchSizes[min(i, len(w.BatchSizes)-1)].Stops(total)
	}
	return sum
}

// Scoped bounds what goes on at once in one account, in one Region of an
// account, and of one service; 0 is no bound.
type Scoped struct{ Account, Region, Service int }

// Freeze is an outside signal that stops everything new. At most one of File,
// Command and URL is set.
type Freeze struct {
	// File freezes while it exists.
	File string
	// Command freezes unless it exits with 0.
	Command []string
	// URL freezes unless it answers with 200.
	URL string
	// Every is how often the signal is read, Timeout how long one reading may take.
	Every, Timeout time.Duration
}

// Set tells whether there is a signal.
func (f Freeze) Set() bool { return f.File != "" || len(f.Command) > 0 || f.URL != "" }

var freezeFields = []field[Freeze]{
	{key: "file", read: func(d *decoder, v value, f *Freeze) { f.File, _ = d.filled(v, "want the path of a file") }},
	{key: "command", read: func(d *decoder, v value, f *Freeze) {
		f.Command, _ = d.words(v, `want a program and its arguments, such as ["./frozen.sh", "prod"]`)
	}},
	{key: "url", read: func(d *decoder, v value, f *Freeze) {
		const want = "want an address such as https://status.example.com/freeze"
		s, ok := d.filled(v, want)
		if !ok {
			return
		}
		u, err := url.Parse(s)
		switch {
		case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
			d.bad(v, "bad-url", fmt.Sprintf("%s: %s is no address", v.path, quote(s)), want)
		case u.User != nil:
			d.bad(v, codeSecret, v.path+" holds a user or password (its value is not shown)", want)
		default:
			f.URL = s
		}
	}},
	duration("every", time.Second, day, func(f *Freeze) *time.Duration { return &f.Every }),
	duration("timeout", 100*time.Millisecond, 5*time.Minute, func(f *Freeze) *time.Duration { return &f.Timeout }),
}

// words is a list of texts in which one may stand twice.
func (d *decoder) words(v value, want string) ([]string, bool) {
	var out []string
	ok := true
	d.list(v, want, func(e value) {
		s, good := d.filled(e, want)
		ok = ok && good
		out = append(out, s)
	})
	return out, ok
}

func (d *decoder) freeze(p *Plan) {
	n := 0
	for _, set := range []bool{p.Freeze.File != "", len(p.Freeze.Command) > 0, p.Freeze.URL != ""} {
		if set {
			n++
		}
	}
	if d.given("freeze") && n != 1 && len(d.problems) == 0 {
		d.add(d.at("freeze"), "freeze", "needs-key", "freeze needs exactly one of file, command and url", "want one signal; a command can ask several")
	}
	if n > 0 && p.Freeze.Every == 0 {
		p.Freeze.Every = time.Minute
	}
	if n > 0 && p.Freeze.Timeout == 0 {
		p.Freeze.Timeout = 10 * time.Second
	}
	if p.Freeze.File != "" && p.Path != "" && !filepath.IsAbs(p.Freeze.File) {
		p.Freeze.File = filepath.Join(filepath.Dir(p.Path), p.Freeze.File)
	}
}

// scopedFields are the limits by scope; those of switchovers have no service,
// since two of one service never switch together.
func scopedFields(service bool) []field[Scoped] {
	f := []field[Scoped]{
		integer("account", 0, 10000, func(s *Scoped) *int { return &s.Account }),
		integer("region", 0, 10000, func(s *Scoped) *int { return &s.Region }),
	}
	if service {
		f = append(f, integer("service", 0, 10000, func(s *Scoped) *int { return &s.Service }))
	}
	return f
}

// budget is an error budget that may be left out.
func budget[T any](key string, part func(*T) **Budget) field[T] {
	return field[T]{key: key, read: func(d *decoder, v value, out *T) {
		if b, ok := d.budget(v, "want the number of failures that stops it (1 or more), or a share such as 10%"); ok {
			*part(out) = &b
		}
	}}
}

// budget reads a number or a percentage.
func (d *decoder) budget(v value, want string) (Budget, bool) {
	if !v.isScalar() || v.node.ShortTag() == "!!int" {
		n, ok := d.integer(v, 1, 100000)
		return Budget{Count: n}, ok
	}
	s, ok := d.filled(v, want)
	if !ok {
		return Budget{}, false
	}
	m := percentage.FindStringSubmatch(s)
	if m == nil {
		d.bad(v, "bad-budget", fmt.Sprintf("%s: %s is neither a number nor a share", v.path, quote(s)), want)
		return Budget{}, false
	}
	share, err := strconv.ParseFloat(m[1], 64)
	if err != nil || share <= 0 || share > 100 {
		d.bad(v, "out-of-range", fmt.Sprintf("%s: %s is out of range", v.path, quote(s)), "want more than 0% and at most 100%")
		return Budget{}, false
	}
	return Budget{Percent: share, IsPercent: true}, true
}

func readBatches(d *decoder, v value, w *Wave) {
	const want = "want the sizes of the batches, such as [1, 5, 20%]"
	d.list(v, want, func(e value) {
		if b, ok := d.budget(e, want); ok {
			w.BatchSizes = append(w.BatchSizes, b)
		}
	})
	d.atMost(v, len(w.BatchSizes), 100)
}
