package plan

import (
	"fmt"
	"strings"

	yaml "go.yaml.in/yaml/v3"
)

// field is one key of a mapping and how its value is read into a T. The tables
// of fields are the schema: reading, suggestions and Keys all go by them.
type field[T any] struct {
	key      string
	required bool
	// sub are the keys below this one, relative to it.
	sub  []string
	read func(d *decoder, v value, out *T)
}

// nested is a field whose value is a mapping of its own.
func nested[T, U any](key string, fields []field[U], part func(*T) *U) field[T] {
	return field[T]{key: key, sub: below(".", fields), read: func(d *decoder, v value, out *T) {
		object(d, v, fields, part(out))
	}}
}

func must[T any](f field[T]) field[T] {
	f.required = true
	return f
}

// below lists the keys of a table, each with what is below it.
func below[T any](prefix string, fields []field[T]) []string {
	var keys []string
	for _, f := range fields {
		keys = append(keys, prefix+f.key)
		for _, s := range f.sub {
			keys = append(keys, prefix+f.key+s)
		}
	}
	return keys
}

// Keys lists every key that a plan may have: "waves[].select.ids".
func Keys() []string { return below("", planFields) }

// object reads a mapping by its table. It reports whether v is a mapping.
func object[T any](d *decoder, v value, fields []field[T], out *T) bool {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.key
	}
	present := map[string]bool{}
	ok := d.pairs(v, "want a mapping with the keys "+strings.Join(names, ", "), func(key, val value) {
		for _, f := range fields {
			if f.key == key.node.Value {
				present[f.key] = true
				d.where[val.path] = val.pos
				f.read(d, val, out)
				return
			}
		}
		d.unknown(key, val, v.path, names)
	})
	if !ok {
		return false
	}
	for _, f := range fields {
		if f.required && !present[f.key] {
			d.add(v.pos, join(v.path, f.key), "missing-key", fmt.Sprintf("%s is missing", join(v.path, f.key)), "it is required")
		}
	}
	return true
}

// pairs walks a mapping's keys and values, and reports keys that are no plain
// words, that stand twice, or that merge another mapping.
func (d *decoder) pairs(v value, want string, each func(key, val value)) bool {
	if !d.shape(v, yaml.MappingNode, want) {
		return false
	}
	first := map[string]int{}
	for i := 0; i+1 < len(v.node.Content) && !d.exhausted(v); i += 2 {
		key := d.value(v.node.Content[i], v.path)
		switch {
		case key.node.Kind != yaml.ScalarNode || key.node.ShortTag() == "!!null":
			d.bad(key, "wrong-type", fmt.Sprintf("a key is %s", kindName(key.node)), "want a word")
			continue
		case key.node.ShortTag() == "!!merge":
			d.bad(key, "merge-key", "merge keys (<<) are not supported", "repeat the keys, or give a whole value an anchor")
			continue
		}
		name := key.node.Value
		if line, dup := first[name]; dup {
			d.bad(key, "duplicate-key", fmt.Sprintf("key %s stands twice", quote(name)), fmt.Sprintf("already on line %d", line))
			continue
		}
		first[name] = key.pos.Line
		key.path = join(v.path, name)
		each(key, d.value(v.node.Content[i+1], key.path))
	}
	return true
}

// unknown reports a key that the table does not have.
func (d *decoder) unknown(key, val value, parent string, names []string) {
	name := key.node.Value
	if looksSecret(name) {
		d.secret(key)
		return
	}
	what := "unknown key " + quote(name)
	if parent != "" {
		what += " in " + parent
	}
	want := didYouMean(name, names)
	if nearest(name, names) == "" {
		if home := homeOf(d.keys, name); home != "" {
			want = fmt.Sprintf("%s belongs in %s", name, home)
		}
	}
	d.bad(key, "unknown-key", what, want)
	d.secretsBelow(val.node, key.path)
}

// secretsBelow looks for passwords in a part of the file that is not read.
// Aliases are not followed: what they name is in the file once already.
func (d *decoder) secretsBelow(n *yaml.Node, path string) {
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 && c.Kind == yaml.ScalarNode && looksSecret(c.Value) {
			d.secret(d.value(c, join(path, c.Value)))
		}
		d.secretsBelow(c, path)
	}
}

func (d *decoder) secret(key value) {
	d.bad(key, codeSecret, fmt.Sprintf("key %s: a plan never holds a secret", quote(key.node.Value)),
		"give the name of an environment variable in connection.password_env, or a Secrets Manager id in connection.secret_id")
}

func looksSecret(key string) bool {
	k := strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(key))
	switch k {
	case "passwordenv", "secretid", "passwordsenv", "secretids": // mistyped forms of the right keys
		return false
	case "pass", "secret", "credentials":
		return true
	}
	for _, part := range []string{"password", "passwd", "passphrase", "pwd", "secretkey", "accesskey", "token", "secretstring", "privatekey"} {
		if strings.Contains(k, part) && !strings.Contains(k, "passwordenv") {
			return true
		}
	}
	return false
}

// homeOf is the mapping in which a key is known, when there is exactly one.
func homeOf(keys []string, key string) string {
	home := ""
	for _, k := range keys {
		parent, last := "the top level", k
		if i := strings.LastIndexByte(k, '.'); i >= 0 {
			parent, last = k[:i], k[i+1:]
		}
		if strings.TrimSuffix(last, "[]") != key {
			continue
		}
		if home != "" {
			return ""
		}
		home = parent
	}
	return home
}

// join appends a key to a path; keys that are no plain words are quoted.
func join(path, key string) string {
	if strings.Trim(strings.ToLower(key), "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" || key == "" {
		return path + "[" + quote(key) + "]"
	}
	if path == "" {
		return key
	}
	return path + "." + key
}
