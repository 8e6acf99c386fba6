package plan

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	yaml "go.yaml.in/yaml/v3"
)

// maxValues bounds how many values a plan may have once its aliases are
// followed: a small file of nested aliases can stand for billions.
const maxValues = 200_000

// maxProblems bounds the list of mistakes; nobody reads more.
const maxProblems = 1000

// decoder collects every problem of one file.
type decoder struct {
	options
	file     string
	problems Problems
	// where holds the place of every known key's value, by path.
	where  map[string]Pos
	values int
	keys   []string
}

// value is a node with its place of use (an alias stands elsewhere than what it names).
type value struct {
	node *yaml.Node
	pos  Pos
	path string
}

func (d *decoder) value(n *yaml.Node, path string) value {
	v := value{node: n, pos: Pos{max(n.Line, 1), max(n.Column, 1)}, path: path}
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		v.node = n.Alias
	}
	d.values++
	return v
}

// exhausted tells that following aliases has gone too far to be meant, or that
// there are more problems than anybody reads.
func (d *decoder) exhausted(v value) bool {
	if d.values == maxValues {
		d.values++
		d.add(v.pos, v.path, "too-many-values", fmt.Sprintf("more than %d values once aliases are followed", maxValues), "")
	}
	return d.values > maxValues || len(d.problems) > maxProblems
}

func (d *decoder) add(pos Pos, path, code, what, want string) {
	if len(d.problems) == maxProblems {
		what, want, code = fmt.Sprintf("more than %d problems", maxProblems), "the others are not shown", "too-many-problems"
	}
	if len(d.problems) <= maxProblems {
		d.problems = append(d.problems, Problem{File: d.file, Pos: pos, Path: path, Code: code, What: what, Want: want})
	}
}

func (d *decoder) warn(pos Pos, path, code, what, want string) {
	d.problems = append(d.problems, Problem{File: d.file, Pos: pos, Path: path, Code: code, What: what, Want: want, Warning: true})
}

// bad reports a problem of one value.
func (d *decoder) bad(v value, code, what, want string) { d.add(v.pos, v.path, code, what, want) }

// at is the place of a key's value, or of the nearest thing around it.
func (d *decoder) at(path string) Pos {
	for path != "" {
		if pos, ok := d.where[path]; ok {
			return pos
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return Pos{1, 1}
}

// given tells whether the file has the key.
func (d *decoder) given(path string) bool {
	_, ok := d.where[path]
	return ok
}

func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!null":
		return "empty"
	case "!!int", "!!float":
		return "the number " + quote(n.Value)
	case "!!bool":
		return quote(n.Value)
	case "!!timestamp":
		return "the date " + quote(n.Value)
	}
	return "the text " + quote(n.Value)
}

var plainTags = []string{"!!str", "!!int", "!!float", "!!bool", "!!null", "!!timestamp", "!!map", "!!seq"}

// shape tells whether v is of a kind, and reports it when not.
func (d *decoder) shape(v value, kind yaml.Kind, want string) bool {
	name := v.path
	if name == "" {
		name = "the plan"
	}
	switch {
	case v.node.Kind == yaml.ScalarNode && v.node.ShortTag() == "!!null":
		d.bad(v, "empty-value", name+" is empty", want+", or delete the line")
	case v.node.Style&yaml.TaggedStyle != 0 && !slices.Contains(plainTags, v.node.ShortTag()):
		d.bad(v, "wrong-type", fmt.Sprintf("%s has the YAML tag %s", name, quote(v.node.Tag)), want+" without a tag")
	case v.node.Kind != kind:
		d.bad(v, "wrong-type", fmt.Sprintf("%s is %s", name, kindName(v.node)), want)
	default:
		return true
	}
	return false
}

// text reads a scalar as it is written: 8.0 stays "8.0", 012 stays "012".
func (d *decoder) text(v value, want string) (string, bool) {
	if !d.shape(v, yaml.ScalarNode, want) {
		return "", false
	}
	return strings.TrimSpace(v.node.Value), true
}

// filled is text that may not be empty.
func (d *decoder) filled(v value, want string) (string, bool) {
	s, ok := d.text(v, want)
	if ok && s == "" {
		d.bad(v, "empty-value", v.path+" is empty", want)
		return "", false
	}
	return s, ok
}

// matched is text of a form.
func (d *decoder) matched(v value, form *regexp.Regexp, code, want string) (string, bool) {
	s, ok := d.filled(v, want)
	if ok && !form.MatchString(s) {
		d.bad(v, code, fmt.Sprintf("%s: %s cannot be used", v.path, quote(s)), want)
		return "", false
	}
	return s, ok
}

// choice is one of a few words.
func (d *decoder) choice(v value, code string, words ...string) (string, bool) {
	s, ok := d.filled(v, oneOf(words))
	if ok && !slices.Contains(words, s) {
		d.bad(v, code, fmt.Sprintf("%s: unknown value %s", v.path, quote(s)), didYouMean(s, words))
		return "", false
	}
	return s, ok
}

func (d *decoder) boolean(v value) (bool, bool) {
	const want = "want true or false"
	if !d.shape(v, yaml.ScalarNode, want) {
		return false, false
	}
	if v.node.ShortTag() != "!!bool" {
		d.bad(v, "wrong-type", fmt.Sprintf("%s is %s", v.path, kindName(v.node)), want)
		return false, false
	}
	return strings.EqualFold(v.node.Value, "true"), true
}

var decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)

// integer is a plain whole number within bounds, both included.
func (d *decoder) integer(v value, low, high int) (int, bool) {
	want := fmt.Sprintf("want a whole number from %d to %d", low, high)
	if !d.shape(v, yaml.ScalarNode, want) {
		return 0, false
	}
	if v.node.ShortTag() != "!!int" || !decimal.MatchString(v.node.Value) {
		d.bad(v, "wrong-type", fmt.Sprintf("%s is %s", v.path, kindName(v.node)), want)
		return 0, false
	}
	n, err := strconv.Atoi(v.node.Value)
	if err != nil || n < low || n > high {
		d.bad(v, "out-of-range", fmt.Sprintf("%s: %s is out of range", v.path, v.node.Value), want)
		return 0, false
	}
	return n, true
}

// number is a number above 0, up to high.
func (d *decoder) number(v value, high float64) (float64, bool) {
	want := fmt.Sprintf("want a number above 0, up to %g", high)
	if !d.shape(v, yaml.ScalarNode, want) {
		return 0, false
	}
	f, err := strconv.ParseFloat(v.node.Value, 64)
	if tag := v.node.ShortTag(); tag != "!!int" && tag != "!!float" || err != nil || math.IsNaN(f) {
		d.bad(v, "wrong-type", fmt.Sprintf("%s is %s", v.path, kindName(v.node)), want)
		return 0, false
	}
	if f <= 0 || f > high {
		d.bad(v, "out-of-range", fmt.Sprintf("%s: %s is out of range", v.path, quote(v.node.Value)), want)
		return 0, false
	}
	return f, true
}

// duration is a Go duration with days, within bounds, both included.
func (d *decoder) duration(v value, low, high time.Duration) (time.Duration, bool) {
	want := fmt.Sprintf("want a duration from %s to %s, such as 90s, 30m, 24h or 7d", FormatDuration(low), FormatDuration(high))
	s, ok := d.filled(v, want)
	if !ok {
		return 0, false
	}
	t, err := ParseDuration(s)
	switch {
	case err != nil && decimal.MatchString(s):
		d.bad(v, "bad-duration", fmt.Sprintf("%s: %s has no unit", v.path, quote(s)), fmt.Sprintf("want a unit: %[1]ss, %[1]sm, %[1]sh or %[1]sd", s))
	case err != nil:
		d.bad(v, "bad-duration", fmt.Sprintf("%s: %s is not a duration", v.path, quote(s)), want)
	case t < low || t > high:
		d.bad(v, "out-of-range", fmt.Sprintf("%s: %s is out of range", v.path, quote(s)), want)
	default:
		return t, true
	}
	return 0, false
}

// date is a calendar day.
func (d *decoder) date(v value) (Date, bool) {
	const want = "want a day such as 2027-01-31"
	s, ok := d.filled(v, want)
	if !ok {
		return Date{}, false
	}
	day, err := ParseDate(s)
	if err != nil {
		d.bad(v, "bad-date", fmt.Sprintf("%s: %s is not a date", v.path, quote(s)), want)
		return Date{}, false
	}
	return day, true
}

// list calls each for every element of a list that may not be empty.
func (d *decoder) list(v value, want string, each func(value)) {
	if !d.shape(v, yaml.SequenceNode, want) {
		return
	}
	if len(v.node.Content) == 0 {
		d.bad(v, "empty-value", v.path+" is an empty list", want+", or delete the line")
	}
	for i, n := range v.node.Content {
		if d.exhausted(v) {
			return
		}
		e := d.value(n, fmt.Sprintf("%s[%d]", v.path, i))
		d.where[e.path] = e.pos
		each(e)
	}
}

// texts reads a list of words without repetitions. read returns false for a
// word that it has reported.
func (d *decoder) texts(v value, want string, read func(value) (string, bool)) (words []string, places []Pos) {
	seen := map[string]Pos{}
	d.list(v, want, func(e value) {
		s, ok := read(e)
		if !ok {
			return
		}
		if first, dup := seen[s]; dup {
			d.bad(e, "duplicate-value", fmt.Sprintf("%s: %s is listed twice", v.path, quote(s)), fmt.Sprintf("already on line %d", first.Line))
			return
		}
		seen[s] = e.pos
		words, places = append(words, s), append(places, e.pos)
	})
	return words, places
}

func (v value) isScalar() bool {
	return v.node.Kind == yaml.ScalarNode && v.node.ShortTag() != "!!null"
}

// hasKey tells whether v is a mapping with such a key.
func (v value) hasKey(is func(string) bool) bool {
	if v.node.Kind != yaml.MappingNode {
		return false
	}
	for i := 0; i < len(v.node.Content); i += 2 {
		if is(v.node.Content[i].Value) {
			return true
		}
	}
	return false
}

// stringMap reads a mapping of names that the file chooses. goodKey and read
// return false for what they have reported.
func (d *decoder) stringMap(v value, want string, goodKey func(value) bool, read func(value) (string, bool)) map[string]string {
	m := map[string]string{}
	ok := d.pairs(v, want, func(key, val value) {
		if goodKey != nil && !goodKey(key) {
			return
		}
		if s, ok := read(val); ok {
			m[key.node.Value] = s
		}
	})
	if ok && len(v.node.Content) == 0 {
		d.bad(v, "empty-value", v.path+" is an empty mapping", want+", or delete the line")
	}
	return m
}

// as is the value with another text.
func (v value) as(text string) value {
	v.node = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
	return v
}

// asText is a key or number taken as text.
func (v value) asText() value { return v.as(v.node.Value) }
