package query

import (
	"fmt"
	"net/url"
	"strconv"
	"time"
)

// Error is a refusal with the code that stands on the wire.
type Error struct {
	Code    string
	Message string
	Status  int // HTTP status
}

// Error implements error.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Fault is a refusal with HTTP status 400, as nearly all RDS errors are.
func Fault(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Status: 400}
}

// NotFound is a refusal with HTTP status 404.
func NotFound(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Status: 404}
}

// Params are the flat parameters of one call. A typed getter remembers the
// first malformed value; Err returns it after all have been read.
type Params struct {
	form url.Values
	err  *Error
}

// NewParams wraps a parsed form.
func NewParams(form url.Values) *Params { return &Params{form: form} }

// Err is the first malformed value met by a getter, nil when there was none.
func (p *Params) Err() error {
	if p.err == nil {
		return nil
	}
	return p.err
}

// Has tells whether the parameter was sent, even if empty.
func (p *Params) Has(name string) bool { return p.form.Has(name) }

// Str is a text parameter, empty when not sent.
func (p *Params) Str(name string) string { return p.form.Get(name) }

// Int is an integer parameter and whether it was sent.
func (p *Params) Int(name string) (int, bool) {
	if !p.form.Has(name) {
		return 0, false
	}
	v, err := strconv.Atoi(p.form.Get(name))
	if err != nil {
		p.fail("MalformedInput", "The value of %s must be an integer: %q", name, p.form.Get(name))
		return 0, false
	}
	return v, true
}

// Bool is a boolean parameter and whether it was sent.
func (p *Params) Bool(name string) (value, sent bool) {
	if !p.form.Has(name) {
		return false, false
	}
	v, err := strconv.ParseBool(p.form.Get(name))
	if err != nil {
		p.fail("MalformedInput", "The value of %s must be a boolean: %q", name, p.form.Get(name))
		return false, false
	}
	return v, true
}

// Time is an ISO-8601 parameter, the zero time when not sent.
func (p *Params) Time(name string) time.Time {
	raw := p.form.Get(name)
	if raw == "" {
		return time.Time{}
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04Z", "2006-01-02"} {
		if t, err := time.Parse(layout, raw); err == nil {
			return t
		}
	}
	p.fail("InvalidParameterValue", "The value of %s is not a valid time: %q", name, raw)
	return time.Time{}
}

func (p *Params) fail(code, format string, args ...any) {
	if p.err == nil {
		p.err = Fault(code, format, args...)
	}
}

// count is the number of consecutive entries prefix.1, prefix.2, ...: an entry
// exists when prefix.N itself or any given prefix.N.field was sent.
func (p *Params) count(prefix string, fields ...string) int {
	for n := 1; ; n++ {
		key := prefix + "." + strconv.Itoa(n)
		found := p.form.Has(key)
		for _, f := range fields {
			found = found || p.form.Has(key+"."+f)
		}
		if !found {
			return n - 1
		}
	}
}

// Strings is a list of texts: prefix.1, prefix.2, ...
func (p *Params) Strings(prefix string) []string {
	n := p.count(prefix)
	out := make([]string, 0, n)
	for i := 1; i <= n; i++ {
		out = append(out, p.form.Get(prefix+"."+strconv.Itoa(i)))
	}
	return out
}

// Structs is a list of flat structures: prefix.1.Field, prefix.2.Field, ...
func (p *Params) Structs(prefix string, fields ...string) []map[string]string {
	n := p.count(prefix, fields...)
	out := make([]map[string]string, 0, n)
	for i := 1; i <= n; i++ {
		m := map[string]string{}
		for _, f := range fields {
			key := prefix + "." + strconv.Itoa(i) + "." + f
			if p.form.Has(key) {
				m[f] = p.form.Get(key)
			}
		}
		out = append(out, m)
	}
	return out
}

// Filter is one entry of the Filters parameter.
type Filter struct {
	Name   string
	Values []string
}

// Filters reads Filters.Filter.N.Name and .Values.Value.M.
func (p *Params) Filters() []Filter {
	var out []Filter
	for i := 1; ; i++ {
		key := "Filters.Filter." + strconv.Itoa(i)
		if !p.form.Has(key + ".Name") {
			return out
		}
		out = append(out, Filter{Name: p.form.Get(key + ".Name"), Values: p.Strings(key + ".Values.Value")})
	}
}

// Form is the raw form, for tests and the call history.
func (p *Params) Form() url.Values { return p.form }
