package bluegreen

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqlver"
)

const sourceWayBack = "8.0 to 5.7 replication is unsupported; collations unknown to 5.7 stop it at once"

// lineBefore compares lines such as 5.7 and 8.0; what is no line is before nothing.
func lineBefore(a, b string) bool {
	v, err1 := mysqlver.Parse(a)
	w, err2 := mysqlver.Parse(b)
	return err1 == nil && err2 == nil && v.Before(w)
}

// crosses tells that the translation steps over a line's first release.
func (t *translator) crosses(line string) bool {
	return lineBefore(t.fromLine, line) && !lineBefore(t.toLine, line)
}

// charset decides character set and collation together, because one implies
// the other and the default of both changed in 8.0.
func (t *translator) charset() {
	set, setOK := t.user["character_set_server"]
	coll, collOK := t.user["collation_server"]
	if setOK {
		t.carryPlain(set)
	}
	if collOK {
		t.carryPlain(coll)
	}
	if !t.crosses("8.0") || collOK && setOK {
		return
	}
	charset := orElse(set.Value, orElse(t.from["character_set_server"].Value, "latin1"))
	collation := orElse(t.from["collation_server"].Value, collationBefore8(charset))
	if collOK {
		collation = coll.Value
		charset, _, _ = strings.Cut(collation, "_")
	} else if setOK {
		collation = collationBefore8(charset)
	}
	reason := "the default changed in 8.0 to utf8mb4 and utf8mb4_0900_ai_ci: new tables, literals and comparisons would differ"
	if t.pol.Defaults == TakeDefaults && !t.pol.WayBack {
		t.took("character_set_server", charset, "utf8mb4", reason, !setOK && !collOK && charset != "utf8mb4")
		t.took("collation_server", collation, "utf8mb4_0900_ai_ci", reason, !collOK && (!setOK || charset == "utf8mb4"))
		return
	}
	if t.pol.WayBack {
		reason += "; " + sourceWayBack
	}
	if !setOK {
		t.pinOrWarn("character_set_server", charset, reason)
	}
	if !collOK && collation != "" {
		t.pinOrWarn("collation_server", collation, reason)
	}
}

// collationBefore8 is a character set's default collation in 5.7; "" for the
// ones whose default never changed and that need no pin.
func collationBefore8(charset string) string {
	switch charset {
	case "utf8mb4":
		return "utf8mb4_general_ci"
	case "latin1":
		return "latin1_swedish_ci"
	}
	return ""
}

// took notes a new default that is taken.
func (t *translator) took(name, before, after, reason string, applies bool) {
	target, ok := t.to[normal(name)]
	if applies && ok {
		t.out.Changed = append(t.out.Changed, TranslationNote{From: name, To: target.Name, Value: before, NewValue: after,
			Reason: orElse(reason, "the default changed") + " (default taken)", Source: sourceManual})
	}
}

func (t *translator) pinOrWarn(name, value, reason string) {
	if t.pin(name, value, value, reason) {
		return
	}
	t.warn("default-not-pinned", fmt.Sprintf("%s cannot be set to %s in %s: %s", name, value, t.toFamily, reason),
		name+"="+value, "test the application against the new default")
}

// carryPlain carries a special parameter under its own name.
func (t *translator) carryPlain(p Parameter) {
	note := TranslationNote{From: p.Name, Value: p.Value}
	target, ok := t.to[normal(p.Name)]
	switch {
	case !ok:
		note.Reason, note.Source = t.goneReason(p.Name, renameRule{})
		t.drop(note)
	case !target.Modifiable:
		note.Reason, note.Source = "RDS manages it in "+t.toFamily, "DescribeEngineDefaultParameters"
		t.drop(note)
	default:
		note.To = target.Name
		t.assign(target, note, renameRule{})
	}
}

// tableNames carries lower_case_table_names: from 8.0 on it is fixed when the
// data directory is made, and RDS refuses a green that differs.
func (t *translator) tableNames() {
	const name = "lower_case_table_names"
	value := orElse(t.user[name].Value, orElse(t.from[name].Value, "0"))
	_, userSet := t.user[name]
	target, ok := t.to[name]
	if ok && target.Modifiable && (userSet || value != orElse(target.Value, "0")) {
		if userSet {
			t.carryPlain(t.user[name])
		} else {
			t.pinOrWarn(name, value, "RDS refuses a green that differs from blue")
		}
		return
	}
	if value != orElse(target.Value, "0") {
		t.issues = append(t.issues, Issue{
			ID: "lower-case-table-names-not-settable", Severity: "block", Code: "SourceDatabaseNotSupportedFault",
			Message:  fmt.Sprintf("blue has lower_case_table_names=%s, and %s does not let it be set", value, t.toFamily),
			Evidence: name + "=" + value, Source: "terraform-provider-aws#49132",
			WayOut: "there is none by blue/green; dump and load into an instance made with the other value",
		})
	}
}

// scheduler turns the event scheduler off on green, and says that it comes back.
func (t *translator) scheduler() {
	before := orElse(t.user[eventScheduler].Value, orElse(t.from[eventScheduler].Value, eventsDefault(t.fromLine)))
	if !t.pin(eventScheduler, "OFF", before, "events run on blue and reach green by replication; both running them would collide") {
		t.issues = append(t.issues, Issue{
			ID: "event-scheduler-not-settable", Severity: "block", Message: "event_scheduler cannot be turned off in " + t.toFamily,
			Evidence: eventScheduler + " is not modifiable", WayOut: "turn it off on blue for the time of the deployment",
			Source: sourceLimits,
		})
	}
	if t.out.EventsOn = switchWord(before) == "1"; t.out.EventsOn {
		t.issues = append(t.issues, Issue{
			ID: "event-scheduler-returns", Severity: SeverityNote, Message: "events run on blue; green gets a parameter group of its own with the scheduler off until the switchover is confirmed",
			Evidence: eventScheduler + "=" + before, WayOut: "done by the campaign: event_scheduler=ON in that group after the switchover (dynamic, no reboot)",
			Source: sourceLimits,
		})
	}
}

// eventsDefault is the server's own default of event_scheduler: it changed in 8.0.
func eventsDefault(line string) string {
	if lineBefore(line, "8.0") {
		return "OFF"
	}
	return "ON"
}

// redoLog turns the redo log's file size into the capacity that replaced it:
// with a capacity set, 8.0.30 and later ignore the size.
func (t *translator) redoLog() {
	size, ok := t.user["innodb_log_file_size"]
	files, filesOK := t.user["innodb_log_files_in_group"]
	capacity, has := t.to["innodb_redo_log_capacity"]
	if t.fromLine == t.toLine || !has || !capacity.Modifiable || t.user["innodb_redo_log_capacity"].Value != "" {
		for _, p := range []Parameter{size, files} {
			if p.Name != "" {
				t.carryRedo(p, has && t.fromLine != t.toLine)
			}
		}
		return
	}
	if filesOK {
		t.drop(TranslationNote{From: files.Name, Value: files.Value, Reason: "part of innodb_redo_log_capacity since 8.0.30", Source: sourceManual})
	}
	if !ok {
		return
	}
	n, err1 := strconv.ParseInt(size.Value, 10, 64)
	count, err2 := strconv.ParseInt(orElse(files.Value, "2"), 10, 64)
	note := TranslationNote{From: size.Name, To: capacity.Name, Value: size.Value, Source: sourceManual}
	def, _ := strconv.ParseInt(capacity.Value, 10, 64)
	switch {
	case err1 != nil || err2 != nil:
		note.Reason = "not a number; " + capacity.Name + " keeps its default"
		t.drop(note)
	case n*count <= def:
		note.Reason = fmt.Sprintf("replaced by %s, whose default of %d bytes is no less than %d files of %d", capacity.Name, def, count, n)
		t.drop(note)
	default:
		t.assign(capacity, note, renameRule{
			value:  func(string) string { return strconv.FormatInt(n*count, 10) },
			reason: fmt.Sprintf("replaced in 8.0.30: the size of all files together, there were %d", count),
		})
	}
}

// carryRedo carries one of the redo log's old parameters where no capacity
// replaces it.
func (t *translator) carryRedo(p Parameter, replaced bool) {
	if replaced {
		t.drop(TranslationNote{From: p.Name, Value: p.Value, Reason: "innodb_redo_log_capacity replaces it", Source: sourceManual})
		return
	}
	t.carryPlain(p)
}

// defaults goes through what nobody had set: defaults that the server changed,
// and defaults that RDS itself sets otherwise in the target family.
func (t *translator) defaults() {
	known := map[string]bool{"default_authentication_plugin": true}
	for _, d := range changedDefaults {
		known[d.name] = true
		t.changedDefault(d)
	}
	t.authentication()
	for _, name := range sortedKeys(t.from) {
		was, is := t.from[name], t.to[name]
		if known[name] || specialParameters[name] || was.Value == "" || is.Name == "" || !is.Modifiable || was.Value == is.Value {
			continue
		}
		if _, userSet := t.user[name]; userSet || t.isSet(name) {
			continue
		}
		t.took(name, was.Value, orElse(is.Value, "the server's own"), "RDS sets another default in "+t.toFamily, true)
	}
}

func (t *translator) isSet(name string) bool {
	_, ok := t.set[name]
	return ok
}

func (t *translator) changedDefault(d changedDefault) {
	target, ok := t.to[d.name]
	if _, userSet := t.user[d.name]; !ok || userSet || t.isSet(d.name) || !t.crosses(d.line) {
		return
	}
	before, after := orElse(t.from[d.name].Value, d.old), orElse(target.Value, d.new)
	if switchWord(before) == switchWord(after) {
		return
	}
	if d.visible && t.pol.Defaults != TakeDefaults {
		t.pinOrWarn(d.name, before, d.reason)
		return
	}
	t.took(d.name, before, after, d.reason, target.Modifiable)
}

// authentication keeps the plugin that new accounts get, where 8.4 replaced
// the parameter for it.
func (t *translator) authentication() {
	const old = "default_authentication_plugin"
	was, had := t.from[old]
	_, userSet := t.user[old]
	target, ok := t.to["authentication_policy"]
	if !had || userSet || !ok || !t.crosses("8.4") || t.isSet("authentication_policy") {
		return
	}
	before := orElse(was.Value, "caching_sha2_password")
	if strings.Contains(target.Value, before) {
		return
	}
	reason := "new accounts get another plugin, which old connectors do not know"
	if t.pol.Defaults == TakeDefaults {
		t.took("authentication_policy", before, target.Value, reason, true)
		return
	}
	if !t.pinFrom(old, "authentication_policy", policyOfPlugin(before), before, reason) {
		t.warn("default-not-pinned", reason, old+"="+before, "test old connectors, or name the plugin in CREATE USER")
	}
}

// protocols says when clients lose the TLS protocol that they may speak.
func (t *translator) protocols() {
	was, is := orElse(t.user["tls_version"].Value, t.from["tls_version"].Value), orElse(t.set["tls_version"].Value, t.to["tls_version"].Value)
	var lost []string
	for v := range strings.SplitSeq(was, ",") {
		if v = strings.TrimSpace(v); v != "" && is != "" && !slices.Contains(strings.Split(is, ","), v) {
			lost = append(lost, v)
		}
	}
	if len(lost) > 0 {
		t.issues = append(t.issues, Issue{
			ID: "tls-protocols-lost", Severity: SeverityNote, Message: "clients that speak nothing newer than " + joined(lost) + " cannot connect any more",
			Evidence: "tls_version=" + was + ", then " + is, Source: sourceManual,
			WayOut: "see which protocols the sessions on blue use (performance_schema, Ssl_version) and renew those clients",
		})
	}
}

// wayBack sets what a reverse replica on the old version needs.
func (t *translator) wayBack() {
	if !t.pol.WayBack {
		return
	}
	rows := []struct{ name, value string }{{"binlog_format", "ROW"}, {"binlog_transaction_compression", "0"}}
	if t.crosses("8.0") {
		rows = append(rows, struct{ name, value string }{"default_collation_for_utf8mb4", "utf8mb4_general_ci"},
			struct{ name, value string }{"default_authentication_plugin", "mysql_native_password"})
	}
	for _, r := range rows {
		target, ok := t.to[r.name]
		now := orElse(t.set[r.name].Value, target.Value)
		if !ok || !target.Modifiable || strings.EqualFold(switchWord(now), switchWord(r.value)) ||
			r.name == "binlog_transaction_compression" && now == "" {
			continue
		}
		t.forget(r.name)
		t.pin(r.name, r.value, now, "kept readable for a reverse replica on "+t.fromLine)
	}
	if t.crosses("8.0") && !t.isSet("default_collation_for_utf8mb4") {
		t.issues = append(t.issues, Issue{
			ID: "way-back-collation", Severity: SeverityNote,
			Message:  "clients that say SET NAMES utf8mb4 without a collation write utf8mb4_0900_ai_ci (id 255) into the binary log, which stops a reverse replica on " + t.fromLine,
			Evidence: "default_collation_for_utf8mb4 cannot be set in " + t.toFamily, Source: sourceWayBack,
			WayOut: "name the collation in the connectors (connectionCollation=utf8mb4_general_ci) or in init_connect while the way back is wanted",
		})
	}
}

// forget takes back what was noted about a parameter that is decided anew.
func (t *translator) forget(name string) {
	t.out.Changed = slices.DeleteFunc(t.out.Changed, func(n TranslationNote) bool { return normal(n.From) == name })
}
