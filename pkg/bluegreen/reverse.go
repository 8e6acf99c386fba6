package bluegreen

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// WayState is how the armed way back stands.
type WayState string

// The states of a way back.
const (
	WayArmed   WayState = "armed"   // old blue has, or is getting, every write
	WayBroken  WayState = "broken"  // it gets none any more
	WayUnknown WayState = "unknown" // one of the servers could not be asked
	WayUnarmed WayState = "unarmed" // it was wanted, and could not be armed
)

// Way is one reading of the reverse replication from the new server to old blue.
type Way struct {
	At    time.Time `json:"at"`
	State WayState  `json:"state"`
	// Cause names what broke it: collation, account, connection, purged-binlog,
	// ddl, data, stopped or other; Detail is the server's own words.
	Cause  string `json:"cause,omitempty"`
	Detail string `json:"detail,omitempty"`
	// Seconds is the age of the newest heartbeat known to be on old blue, 0 when
	// it has everything: no write that it lacks is older. Bytes of the new
	// server's binary log have not been applied, in Files further files.
	Seconds float64 `json:"lag_seconds"`
	Bytes   int64   `json:"lag_bytes"`
	Files   int     `json:"lag_files,omitempty"`
}

// MayPass tells that the trouble may be over at the next try without anybody's
// doing: a server that gave no answer, a connection that is being made again.
func (w Way) MayPass() bool {
	return w.State == WayUnknown || w.State == WayBroken && w.Cause == causeConnection
}

// causeConnection: old blue reaches no server at the new server's name.
const causeConnection = "connection"

// Loss says what would be lost if one went back now without waiting.
func (w Way) Loss() string {
	switch {
	case w.State == WayUnknown:
		return "unknown: " + w.Detail
	case w.State == WayUnarmed:
		return "every write since the switchover: reverse replication could not be armed (" + w.Detail + ")"
	case w.State == WayBroken && w.Bytes == 0 && w.Files == 0:
		return fmt.Sprintf("nothing yet, but every write from now on: the way back is broken (%s: %s)", w.Cause, w.Detail)
	case w.State == WayBroken:
		return fmt.Sprintf("writes of at most the last %.0f s, and all that follow: the way back is broken (%s: %s)", w.Seconds, w.Cause, w.Detail)
	case w.Bytes == 0 && w.Files == 0:
		return "nothing: old blue has every write"
	}
	more := ""
	if w.Files > 0 {
		more = fmt.Sprintf(" and %s", plural(w.Files, "further file"))
	}
	return fmt.Sprintf("nothing, once old blue has caught up; at once: at most %.1f s of writes (%d bytes%s of binary log)", w.Seconds, w.Bytes, more)
}

// Alarm is why somebody must look at once, "" when old blue follows.
func (w Way) Alarm() string {
	switch w.State {
	case WayBroken:
		return fmt.Sprintf("the way back is broken (%s): %s", w.Cause, w.Detail)
	case WayUnarmed:
		return "the way back could not be armed: " + w.Detail
	case WayUnknown:
		return "the way back could not be read: " + w.Detail
	}
	return ""
}

// JudgeWay turns what old blue says of its replication, and where the new
// server's log stands, into a reading.
func JudgeWay(now time.Time, r Reading[Replication], file string, pos uint64, newest time.Time) Way {
	w := Way{At: now, State: WayArmed}
	if !newest.IsZero() {
		w.Seconds = max(0, now.Sub(newest).Seconds())
	}
	if r.Err != "" {
		w.State, w.Detail = WayUnknown, r.Err
		return w
	}
	if w.Bytes, w.Files = behind(r.Value, file, pos); w.Bytes == 0 && w.Files == 0 && r.Value.Configured {
		w.Seconds = 0 // nothing is missing, however old the last heartbeat is
	}
	if v := r.Value; v.Receiver == "Connecting" && v.Applier == "Yes" && v.ReceiverError == "" {
		// It has not been told yet whether the new server lets it in.
		w.State, w.Detail = WayUnknown, "old blue is connecting to the new server"
		return w
	}
	if t := r.Value.Trouble(); t != "" {
		w.State, w.Detail = WayBroken, t
		w.Cause = wayCause(r.Value)
	}
	return w
}

// behind is the distance of an applier from a place in its source's log.
func behind(r Replication, file string, pos uint64) (bytes int64, files int) {
	if r.File == file {
		return max(0, int64(pos)-int64(r.Position)), 0
	}
	return int64(pos), max(0, logNumber(file)-logNumber(r.File))
}

// logNumber is the number at the end of a binary log's name.
func logNumber(file string) int {
	n := 0
	for _, c := range file[strings.LastIndexByte(file, '.')+1:] {
		if c < '0' || c > '9' {
			return 0
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// wayCauses name causes by what MySQL 5.7 says when it cannot follow a newer
// server; every text was seen on a real pair (docs/lab.md).
var wayCauses = []struct {
	cause string
	texts []string
}{
	{"collation", []string{"compiled character set", "Unknown collation", "Unknown character set"}},
	{"purged-binlog", []string{"purged", "Could not find first log file", "could not find next log"}},
	{"account", []string{"Access denied", "error connecting to master", "error reconnecting to master", "REPLICATION SLAVE privilege", "Authentication"}},
	{"ddl", []string{"You have an error in your SQL syntax", "Unknown table", "doesn't exist", "already exists", "Unknown column", "Can't DROP", "cannot be converted from type", "Duplicate column"}},
	{"data", []string{"Duplicate entry", "Can't find record", "foreign key constraint"}},
}

func wayCause(r Replication) string {
	if r.Reconnecting() {
		return causeConnection // its text is the one of a refused account
	}
	said := cmp.Or(r.ApplierError, r.ReceiverError) // of two troubles the one that is told
	for _, c := range wayCauses {
		if slices.ContainsFunc(c.texts, func(t string) bool { return strings.Contains(strings.ToLower(said), strings.ToLower(t)) }) {
			return c.cause
		}
	}
	if strings.TrimSpace(said) == "" {
		return "stopped"
	}
	return "other"
}

// ReverseFacts is what decides whether the old line can follow the new one.
type ReverseFacts struct {
	// Variables of green, by name.
	Variables map[string]string
	// OldGTID is blue's gtid_mode.
	OldGTID string
	// NewOnly are things on green that the old line does not know: columns
	// with collations of 8.0, invisible columns, functional indexes, roles.
	NewOnly []string
}

// GateReverse asks whether blue could replicate from green: what 5.7 cannot
// read would stop it at the first write (MySQL bug reports and Percona's
// account of replicating from 8.0 to 5.7; measured from 9.7 to 5.7).
func GateReverse(r Reading[ReverseFacts]) Gate {
	const name = "old blue will be able to follow"
	if r.Err != "" {
		return unread(name, r.Err)
	}
	v := r.Value.Variables
	var bad, good []string
	want := func(variable string, ok func(string) bool, rule string) {
		value, known := v[variable]
		switch {
		case !known: // the release does not have it
		case ok(value):
			good = append(good, variable+"="+value)
		default:
			bad = append(bad, fmt.Sprintf("%s is %q: %s", variable, value, rule))
		}
	}
	is := func(w string) func(string) bool { return func(s string) bool { return strings.EqualFold(s, w) } }
	old := func(s string) bool { return !strings.Contains(s, "0900") }
	want("log_bin", func(s string) bool { return s == "1" || strings.EqualFold(s, "ON") }, "without a binary log there is nothing to follow")
	want("binlog_format", is("ROW"), "statements are executed by old rules on old blue")
	want("binlog_row_value_options", is(""), "partial JSON is unknown to 5.7")
	want("binlog_transaction_compression", func(s string) bool { return s == "0" || strings.EqualFold(s, "OFF") }, "compressed transactions are unknown to 5.7")
	want("collation_server", old, "5.7 stops at it; set one that it knows in green's parameter group")
	want("default_collation_for_utf8mb4", old, "clients that say SET NAMES utf8mb4 would stop 5.7")
	want("gtid_mode", is(r.Value.OldGTID), "blue has "+r.Value.OldGTID+", and both must be the same")
	for _, n := range r.Value.NewOnly {
		bad = append(bad, n+" is unknown to the old line")
	}
	if len(bad) > 0 {
		return gate(name, GateFail, bad...)
	}
	return gate(name, GatePass, strings.Join(good, ", "))
}
