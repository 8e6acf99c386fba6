package plan

import (
	"fmt"
	"net"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rdsupgrade/rdsupgrade/pkg/precheck"
)

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

var connectionFields = []field[Connection]{
	{key: "auth", read: func(d *decoder, v value, c *Connection) {
		// "" after a bad word: what goes with it cannot be judged.
		c.Auth, _ = d.choice(v, "bad-auth", AuthEnv, AuthSecret, AuthIAM, AuthNone)
	}},
	{key: "user", read: func(d *decoder, v value, c *Connection) {
		const want = "want a MySQL user name alone, up to 32 characters"
		s, ok := d.filled(v, want)
		if ok && strings.ContainsAny(s, ":@/") {
			d.bad(v, codeSecret, v.path+" is more than a user name (its value is not shown, in case it holds a password)", want)
			return
		}
		if ok && utf8.RuneCountInString(s) > 32 {
			d.bad(v, "bad-user", fmt.Sprintf("%s: %s is too long", v.path, quote(s)), want)
			return
		}
		c.User = s
	}},
	environment("user_env", func(c *Connection) *string { return &c.UserEnv }),
	environment("password_env", func(c *Connection) *string { return &c.PasswordEnv }),
	{key: "secret_id", read: readSecretID},
	choice("tls", "bad-tls", func(c *Connection) *string { return &c.TLS }, TLSVerify, TLSSkipVerify, TLSOff),
	text("ca_file", func(c *Connection) *string { return &c.CAFile }),
	{key: "address_map", read: readAddressMap},
	integer("connections", 1, 16, func(c *Connection) *int { return &c.Connections }),
	duration("timeout", 100*time.Millisecond, 5*time.Minute, func(c *Connection) *time.Duration { return &c.Timeout }),
}

// environment is a field with the name of an environment variable. A wrong
// value is not repeated: it may be the password itself.
func environment[T any](key string, part func(*T) *string) field[T] {
	return field[T]{key: key, read: func(d *decoder, v value, c *T) {
		s, ok := d.text(v, "want the name of an environment variable")
		if ok && !envName.MatchString(s) {
			d.bad(v, codeSecret, v.path+" is not the name of an environment variable (its value is not shown, in case it is a password)",
				"want a name such as MYSQL_PASSWORD")
			return
		}
		*part(c) = s
	}}
}

func readSecretID(d *decoder, v value, c *Connection) {
	s, ok := d.filled(v, "want the name or ARN of a secret in AWS Secrets Manager")
	if !ok {
		return
	}
	rest := placeholder.ReplaceAllString(s, "")
	if strings.ContainsAny(rest, "{}") {
		d.bad(v, "bad-secret-id", fmt.Sprintf("%s: unknown placeholder in %s", v.path, quote(s)), "want {account}, {region} or {id}")
		return
	}
	if !secretName.MatchString(rest) {
		d.bad(v, codeSecret, v.path+" is not the name of a secret (its value is not shown, in case it is a password)",
			"want the name or ARN of a secret in AWS Secrets Manager")
		return
	}
	c.SecretID = s
}

var (
	placeholder = regexp.MustCompile(`\{(account|region|id)\}`)
	secretName  = regexp.MustCompile(`^[A-Za-z0-9/_+=.@:-]*$`)
)

// SecretFor is the Secrets Manager id of one database's credentials.
func (c Connection) SecretFor(account, region, id string) string {
	return strings.NewReplacer("{account}", account, "{region}", region, "{id}", id).Replace(c.SecretID)
}

func readAddressMap(d *decoder, v value, c *Connection) {
	c.AddressMap = d.stringMap(v, `want a map such as {orders: "127.0.0.1:13306"}`,
		func(key value) bool { return d.databaseID(key.asText()) },
		func(val value) (string, bool) {
			const want = `want host:port, such as "127.0.0.1:13306"`
			s, ok := d.filled(val, want)
			if !ok {
				return "", false
			}
			if strings.Contains(s, "@") {
				d.bad(val, codeSecret, val.path+" is more than host:port (its value is not shown, in case it holds a password)", want)
				return "", false
			}
			if !goodAddress(s) {
				d.bad(val, "bad-address", fmt.Sprintf("%s: %s is not host:port", val.path, quote(s)), want)
				return "", false
			}
			return s, true
		})
}

func goodAddress(s string) bool {
	host, port, err := net.SplitHostPort(s)
	n, perr := strconv.Atoi(port)
	return err == nil && perr == nil && n >= 1 && n <= 65535 && host != "" && !strings.ContainsAny(host, " \t\n/\\?#")
}

var severities = []string{string(precheck.Error), string(precheck.Warning), string(precheck.Notice)}

var precheckFields = []field[Prechecks]{
	{key: "fail_level", read: func(d *decoder, v value, p *Prechecks) {
		if s, ok := d.choice(v, "bad-severity", severities...); ok {
			p.FailLevel = precheck.Severity(s)
		}
	}},
	{key: "severity", read: func(d *decoder, v value, p *Prechecks) {
		p.Severity = map[string]precheck.Severity{}
		const want = "want a map from check to severity, such as {utf8mb3: notice}"
		for id, s := range d.stringMap(v, want, d.checkID,
			func(val value) (string, bool) { return d.choice(val, "bad-severity", severities...) }) {
			p.Severity[id] = precheck.Severity(s)
		}
	}},
	{key: "waivers", sub: below("[].", waiverFields), read: func(d *decoder, v value, p *Prechecks) {
		d.list(v, "want a list of waivers, each with check, owner, reason and expires", func(e value) {
			var w precheck.Waiver
			object(d, e, waiverFields, &w)
			p.Waivers, p.WaiverPos = append(p.Waivers, w), append(p.WaiverPos, e.pos)
		})
	}},
	duration("max_age", time.Minute, longest, func(p *Prechecks) *time.Duration { return &p.MaxAge }),
	boolean("prefer_replica", func(p *Prechecks) *bool { return &p.PreferReplica }),
	duration("budget", time.Second, day, func(p *Prechecks) *time.Duration { return &p.Budget }),
}

var waiverFields = []field[precheck.Waiver]{
	must(field[precheck.Waiver]{key: "check", read: func(d *decoder, v value, w *precheck.Waiver) {
		if s, ok := d.filled(v, "want the id of a check"); ok && d.checkID(v.as(s)) {
			w.Check = s
		}
	}}),
	must(sentence("owner", "want who answers for it", func(w *precheck.Waiver) *string { return &w.Owner })),
	must(sentence("reason", "want why the findings may stand", func(w *precheck.Waiver) *string { return &w.Reason })),
	must(field[precheck.Waiver]{key: "expires", read: func(d *decoder, v value, w *precheck.Waiver) {
		last, ok := d.date(v)
		if !ok {
			return
		}
		// The day itself still counts.
		w.Expires = last.Add(day - time.Second)
		if w.Expires.Before(d.now) {
			d.warn(v.pos, v.path, "waiver-expired", fmt.Sprintf("%s: the waiver of %s expired on %s and covers nothing", v.path, quote(w.Check), last), "renew it or delete it")
		}
	}}),
	{key: "databases", read: func(d *decoder, v value, w *precheck.Waiver) { w.Databases, _ = d.globs(v) }},
	{key: "objects", read: func(d *decoder, v value, w *precheck.Waiver) { w.Objects, _ = d.globs(v) }},
}

// sentence is text that may not be empty.
func sentence[T any](key, want string, part func(*T) *string) field[T] {
	return field[T]{key: key, read: func(d *decoder, v value, out *T) {
		if s, ok := d.filled(v, want); ok {
			*part(out) = s
		}
	}}
}

// checkID tells whether the plan may speak of a check, and reports it when not.
func (d *decoder) checkID(v value) bool {
	id := v.node.Value
	if len(d.checks) == 0 {
		return true
	}
	for _, c := range d.checks {
		if c == id {
			return true
		}
	}
	want := "want the id of a check: rdsupgrade precheck lists them"
	if n := nearest(id, d.checks); n != "" {
		want = fmt.Sprintf("did you mean %q?", n)
	}
	d.bad(v, "unknown-check", "unknown check "+quote(id), want)
	return false
}

// globs reads a list of patterns.
func (d *decoder) globs(v value) ([]string, []Pos) {
	return d.texts(v, `want a list of patterns, such as ["orders-*"]`, func(e value) (string, bool) {
		s, ok := d.filled(e, `want a pattern such as "orders-*"`)
		if !ok {
			return "", false
		}
		if _, err := path.Match(s, "x"); err != nil {
			d.bad(e, "bad-glob", fmt.Sprintf("%s: %s is not a pattern", e.path, quote(s)), "close every [ and end with no backslash")
			return "", false
		}
		return s, true
	})
}

var runFields = []field[Run]{
	duration("poll", 100*time.Millisecond, time.Hour, func(r *Run) *time.Duration { return &r.Poll }),
	integer("stable_reads", 1, 100, func(r *Run) *int { return &r.StableReads }),
	{key: "api_rate", read: func(d *decoder, v value, r *Run) {
		if f, ok := d.number(v, 1000); ok {
			r.APIRate = f
		}
	}},
	integer("max_greens", 0, 10000, func(r *Run) *int { return &r.MaxGreens }),
	boolean("build_ahead", func(r *Run) *bool { return &r.BuildAhead }),
	duration("max_green_age", 0, longest, func(r *Run) *time.Duration { return &r.MaxGreenAge }),
	{key: "max_green_cost", read: func(d *decoder, v value, r *Run) {
		if f, ok := d.number(v, 1e6); ok {
			r.MaxGreenCost = f
		}
	}},
	nested("builds", scopedFields(true), func(r *Run) *Scoped { return &r.Builds }),
	nested("switches", scopedFields(false), func(r *Run) *Scoped { return &r.Switches }),
	budget("error_budget", func(r *Run) **Budget { return &r.Budget }),
	budget("build_error_budget", func(r *Run) **Budget { return &r.BuildBudget }),
	budget("switch_error_budget", func(r *Run) **Budget { return &r.SwitchBudget }),
	duration("progress_deadline", 0, longest, func(r *Run) *time.Duration { return &r.ProgressDeadline }),
}
