package bluegreen

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Translation is a user-set parameter group carried to another family.
type Translation struct {
	Set     []Parameter       `json:"set,omitempty"` // what the new group sets, by name
	Renamed []TranslationNote `json:"renamed,omitempty"`
	Dropped []TranslationNote `json:"dropped,omitempty"`
	// Changed lists values that could not stay, and defaults that are taken.
	Changed []TranslationNote `json:"changed,omitempty"`
	// Pinned lists what is set although nobody had set it.
	Pinned []TranslationNote `json:"pinned,omitempty"`
	// EventsOn tells that blue runs events: the scheduler comes back after the
	// switchover, in a group of the database's own.
	EventsOn bool `json:"events_on,omitempty"`
}

// TranslationNote explains one line of a Translation.
type TranslationNote struct {
	From     string `json:"from"`         // parameter in the old family
	To       string `json:"to,omitempty"` // parameter in the new family; "": none
	Value    string `json:"value"`        // before
	NewValue string `json:"new_value"`    // after
	Reason   string `json:"reason"`
	Source   string `json:"source,omitempty"`
}

// What becomes of a default that the database silently relied on.
const (
	PinDefaults  = "pin"
	TakeDefaults = "take"
)

// TranslatePolicy is what the plan wants of a translated group.
type TranslatePolicy struct {
	// Defaults says what becomes of a default that changed between the families
	// and that an application can notice: PinDefaults sets the old value (also
	// the meaning of ""), TakeDefaults takes the new one. Either way the
	// translation says so. Defaults that only tune are always taken.
	Defaults string
	// WayBack keeps what a reverse replica on the old version can read:
	// character set and collation, row format, no compressed transactions.
	WayBack bool
}

// TranslateParameters carries the user-set parameters of a group to another
// family. user may hold a whole group: parameters whose source is not "user"
// are left aside. fromDefaults and toDefaults are the families as
// DescribeEngineDefaultParameters shows them; only what exists and can be
// modified in the target family is set.
//
// Two parameters are set whatever the policy: event_scheduler is OFF, because
// events fired on green and on blue would collide, and lower_case_table_names is
// blue's, because RDS refuses anything else.
func TranslateParameters(user []Parameter, fromDefaults, toDefaults []Parameter, fromFamily, toFamily string, pol TranslatePolicy) (Translation, []Issue) {
	t := translator{
		from: indexParameters(fromDefaults), to: indexParameters(toDefaults), user: map[string]Parameter{},
		fromLine: familyLine(fromFamily), toLine: familyLine(toFamily), toFamily: toFamily,
		pol: pol, set: map[string]Parameter{},
	}
	if len(toDefaults) == 0 {
		return Translation{}, []Issue{{
			ID: "parameter-family-unknown", Severity: "block",
			Message:  "the parameters of family " + toFamily + " could not be read: nothing can be translated",
			Evidence: "DescribeEngineDefaultParameters gave none", WayOut: "allow the call, or name a parameter group in the plan",
			Source: "DescribeEngineDefaultParameters",
		}}
	}
	for _, p := range user {
		if (p.Source == "" || p.Source == "user") && (p.HasValue || p.Value != "") {
			t.user[normal(p.Name)] = p
		}
	}
	for _, name := range sortedKeys(t.user) {
		t.carry(t.user[name])
	}
	t.charset()
	t.tableNames()
	t.scheduler()
	t.redoLog()
	t.defaults()
	t.protocols()
	t.wayBack()
	return t.result()
}

// translator holds one translation while it is made. Names are compared with
// dashes and underscores alike: RDS spells gtid-mode, the server gtid_mode.
type translator struct {
	from, to, user   map[string]Parameter
	fromLine, toLine string
	toFamily         string
	pol              TranslatePolicy
	set              map[string]Parameter // by normal name
	out              Translation
	issues           []Issue
}

// carry takes one user-set parameter over: under its name, under its new name,
// or not at all.
func (t *translator) carry(p Parameter) {
	if specialParameters[normal(p.Name)] {
		return // decided elsewhere, with others
	}
	note := TranslationNote{From: p.Name, Value: p.Value}
	target, rule, ok := t.successor(p.Name)
	if !ok {
		note.Reason, note.Source = t.goneReason(p.Name, rule)
		t.drop(note)
		if normal(p.Name) == "query_cache_size" && p.Value != "0" && t.user["query_cache_type"].Value != "0" {
			t.warn("query-cache-in-use", "the query cache is configured and is gone in "+t.toLine, p.Name+"="+p.Value,
				"measure the read load without it first: SET GLOBAL query_cache_type=OFF on blue")
		}
		return
	}
	note.To = target.Name
	if normal(target.Name) != normal(p.Name) {
		if u, both := t.user[normal(target.Name)]; both {
			note.Reason, note.Source = fmt.Sprintf("%s is set as well (%s) and wins", u.Name, u.Value), sourceManual
			t.drop(note)
			return
		}
	}
	if !target.Modifiable {
		note.To = ""
		note.Reason, note.Source = "RDS manages it in "+t.toFamily, "DescribeEngineDefaultParameters"
		t.drop(note)
		return
	}
	t.assign(target, note, rule)
}

// assign sets a carried value after fitting it to the target family.
func (t *translator) assign(target Parameter, note TranslationNote, rule renameRule) {
	value := note.Value
	if rule.value != nil {
		value = rule.value(value)
	}
	before := len(t.issues)
	value, revised, ok := t.revise(target, value)
	var fitted string
	if ok {
		value, fitted, ok = fitValue(target, value)
	}
	why := orElse(fitted, revised)
	if !ok {
		note.Reason, note.Source = why, sourceManual
		t.drop(note)
		if len(t.issues) > before {
			return // revise said it better
		}
		t.warn("parameter-value-not-allowed", fmt.Sprintf("%s=%s cannot be carried to %s: %s", note.From, note.Value, t.toFamily, why),
			note.From+"="+note.Value, "choose a value for "+target.Name+" by hand, or accept the default")
		return
	}
	note.NewValue, note.Source = value, sourceManual
	switch {
	case normal(target.Name) != normal(note.From):
		note.Reason = orElse(rule.reason, "renamed")
		if why != "" {
			note.Reason += "; " + why
		}
		t.out.Renamed = append(t.out.Renamed, note)
	case value != note.Value:
		note.Reason = orElse(why, "spelled as RDS allows it in "+t.toFamily)
		t.out.Changed = append(t.out.Changed, note)
	}
	t.put(target, value)
}

// successor finds the parameter of the target family that a name lives on as.
func (t *translator) successor(name string) (Parameter, renameRule, bool) {
	if p, ok := t.to[normal(name)]; ok {
		return p, renameRule{}, true
	}
	rule := renames[normal(name)]
	if rule.to == "" {
		rule = renameRule{to: inclusiveName(normal(name)), reason: "renamed: replica and source are the words since 8.0.26"}
	}
	if p, ok := t.to[normal(rule.to)]; ok {
		return p, rule, true
	}
	return Parameter{}, rule, false
}

// goneReason tells why a parameter has no place in the target family.
func (t *translator) goneReason(name string, rule renameRule) (reason, source string) {
	if r, ok := removed[normal(name)]; ok {
		return r, sourceManual
	}
	if rule.to != "" && rule.to != normal(name) {
		return fmt.Sprintf("its successor %s cannot be set in %s", rule.to, t.toFamily), "DescribeEngineDefaultParameters"
	}
	return t.toFamily + " does not have it", "DescribeEngineDefaultParameters"
}

func (t *translator) drop(n TranslationNote) {
	n.To, n.NewValue = "", ""
	t.out.Dropped = append(t.out.Dropped, n)
}

func (t *translator) warn(id, message, evidence, wayOut string) {
	t.issues = append(t.issues, Issue{ID: id, Severity: "warn", Message: message, Evidence: evidence, WayOut: wayOut, Source: sourceManual})
}

// put sets a parameter of the target family.
func (t *translator) put(target Parameter, value string) {
	method := "immediate"
	if target.ApplyType == "static" {
		method = "pending-reboot"
	}
	t.set[normal(target.Name)] = Parameter{Name: target.Name, Value: value, HasValue: true, Source: "user",
		ApplyType: target.ApplyType, ApplyMethod: method, DataType: target.DataType, Modifiable: true}
}

// pin sets what nobody had set. It tells whether the target family lets it.
func (t *translator) pin(name, value, was, reason string) bool {
	return t.pinFrom(name, name, value, was, reason)
}

// pinFrom pins a parameter that stands for another one of the old family.
func (t *translator) pinFrom(from, name, value, was, reason string) bool {
	target, ok := t.to[normal(name)]
	if !ok || !target.Modifiable {
		return false
	}
	fitted, _, ok := fitValue(target, value)
	if !ok {
		return false
	}
	t.put(target, fitted)
	t.out.Pinned = append(t.out.Pinned, TranslationNote{From: from, To: target.Name, Value: was, NewValue: fitted, Reason: reason, Source: sourceManual})
	return true
}

func (t *translator) result() (Translation, []Issue) {
	for _, name := range sortedKeys(t.set) {
		t.out.Set = append(t.out.Set, t.set[name])
	}
	for _, notes := range [][]TranslationNote{t.out.Renamed, t.out.Dropped, t.out.Changed, t.out.Pinned} {
		slices.SortStableFunc(notes, func(a, b TranslationNote) int { return cmp.Compare(a.From, b.From) })
	}
	return t.out, t.issues
}

func indexParameters(list []Parameter) map[string]Parameter {
	m := make(map[string]Parameter, len(list))
	for _, p := range list {
		m[normal(p.Name)] = p
	}
	return m
}

func normal(name string) string { return strings.ReplaceAll(strings.ToLower(name), "-", "_") }

// familyLine is the line of a family: 8.0 of mysql8.0.
func familyLine(family string) string { return strings.TrimPrefix(family, "mysql") }

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
