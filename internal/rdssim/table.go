package rdssim

import (
	"iter"
	"slices"
	"sort"
)

// table is a map that is listed in the order of its keys, so that pages stay
// stable while entries come and go between two calls.
type table[T any] struct {
	rows map[string]T
	keys []string
}

func (t *table[T]) get(key string) (T, bool) {
	v, ok := t.rows[key]
	return v, ok
}

func (t *table[T]) put(key string, v T) {
	if t.rows == nil {
		t.rows = map[string]T{}
	}
	if _, ok := t.rows[key]; !ok {
		i := sort.SearchStrings(t.keys, key)
		t.keys = slices.Insert(t.keys, i, key)
	}
	t.rows[key] = v
}

func (t *table[T]) remove(key string) {
	if _, ok := t.rows[key]; !ok {
		return
	}
	delete(t.rows, key)
	i := sort.SearchStrings(t.keys, key)
	t.keys = slices.Delete(t.keys, i, i+1)
}

func (t *table[T]) len() int { return len(t.keys) }

// all lists the rows in order of their keys.
func (t *table[T]) all() iter.Seq2[string, T] {
	return func(yield func(string, T) bool) {
		for _, k := range t.keys {
			if !yield(k, t.rows[k]) {
				return
			}
		}
	}
}

// from is all, beginning behind the key.
func (t *table[T]) from(after string) iter.Seq2[string, T] {
	return func(yield func(string, T) bool) {
		i := 0
		if after != "" {
			i = sort.Search(len(t.keys), func(i int) bool { return t.keys[i] > after })
		}
		for ; i < len(t.keys); i++ {
			if !yield(t.keys[i], t.rows[t.keys[i]]) {
				return
			}
		}
	}
}
