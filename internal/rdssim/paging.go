package rdssim

import (
	"encoding/base64"
	"iter"
	"strings"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/query"
)

// pageLimit is what MaxRecords may be.
type pageLimit struct{ low, high, standard int }

var (
	limit100  = pageLimit{20, 100, 100}
	limit1000 = pageLimit{20, 1000, 100}
)

// records is MaxRecords checked against its bounds.
func (l pageLimit) records(p *query.Params) (int, error) {
	n, sent := p.Int("MaxRecords")
	if err := p.Err(); err != nil {
		return 0, err
	}
	if !sent {
		return l.standard, nil
	}
	if n < l.low || n > l.high {
		return 0, query.Fault("InvalidParameterValue", "Invalid value %d for MaxRecords. Must be between %d and %d", n, l.low, l.high)
	}
	return n, nil
}

func marker(p *query.Params) (string, error) {
	m := p.Str("Marker")
	if m == "" {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(m)
	if err != nil || !strings.HasPrefix(string(raw), "after:") {
		return "", query.Fault("InvalidParameterValue", "Invalid or expired Marker")
	}
	return string(raw[len("after:"):]), nil
}

func markerAfter(key string) string {
	return base64.RawURLEncoding.EncodeToString([]byte("after:" + key))
}

// paged answers one page of a list: a row whose node has no name is left out.
// The marker names the last row shown, so rows that come or go between two
// pages are neither shown twice nor push others out.
func paged[T any](p *query.Params, name string, from func(after string) iter.Seq2[string, T], l pageLimit, node func(string, T) query.Node) ([]query.Node, error) {
	limit, err := l.records(p)
	if err != nil {
		return nil, err
	}
	after, err := marker(p)
	if err != nil {
		return nil, err
	}
	var items []query.Node
	last, more := "", false
	for key, row := range from(after) {
		n := node(key, row)
		if n.Name == "" {
			continue
		}
		if len(items) == limit {
			more = true
			break
		}
		items, last = append(items, n), key
	}
	out := []query.Node{query.List(name, items)}
	if more {
		out = append(out, query.S("Marker", markerAfter(last)))
	}
	return out, nil
}

// filterValues is the set of values of a filter, nil when it was not sent.
func filterValues(p *query.Params, name string) map[string]bool {
	for _, f := range p.Filters() {
		if f.Name == name {
			set := map[string]bool{}
			for _, v := range f.Values {
				set[v] = true
			}
			return set
		}
	}
	return nil
}

// onlyFilters refuses filters that the call does not know.
func onlyFilters(p *query.Params, known ...string) error {
	for _, f := range p.Filters() {
		ok := false
		for _, k := range known {
			ok = ok || k == f.Name
		}
		if !ok {
			return query.Fault("InvalidParameterValue", "Unrecognized filter name: %s", f.Name)
		}
	}
	return nil
}
