package plan

import (
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/precheck/sqllex"
)

var moments = []string{BeforeBuild, AfterBuild, BeforeSwitchover, AfterSwitchover, BeforeRollback, AfterRollback, BeforeWave, AfterWave}

const (
	maxHooks, maxSmokes = 50, 50
	// maxSQL keeps a smoke query readable in the journal.
	maxSQL = 4096
)

var hookName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func defaultHook(pos Pos) Hook {
	return Hook{Timeout: 30 * time.Second, Again: time.Minute, Pos: pos}
}

func readHooks(d *decoder, v value, p *Plan) {
	names := map[string]Pos{}
	d.list(v, "want a list of hooks, each with when and command or url", func(e value) {
		h := defaultHook(e.pos)
		if !object(d, e, hookFields, &h) {
			return
		}
		if (len(h.Command) > 0) == (h.URL != "") && (d.given(e.path+".command") == d.given(e.path+".url")) {
			d.bad(e, "needs-key", e.path+" needs exactly one of command and url", "want one of them; a program can call several addresses")
		}
		for key, idle := range map[string]bool{"hmac_env": h.URL == "" && len(h.Command) > 0, "pass_env": h.URL != ""} {
			if idle && d.given(e.path+"."+key) {
				d.add(d.at(e.path+"."+key), e.path+"."+key, "needs-key", e.path+"."+key+" has no meaning here", "hmac_env goes with url, pass_env with command")
			}
		}
		if h.Name == "" {
			h.Name = hookDefaultName(h)
		}
		key := h.When + " " + h.Name
		if first, dup := names[key]; dup && h.Name != "" {
			d.bad(e, "duplicate-hook", fmt.Sprintf("two hooks %s are named %s", h.When, quote(h.Name)), fmt.Sprintf("already on line %d: give each its name", first.Line))
		}
		names[key] = e.pos
		p.Hooks = append(p.Hooks, h)
	})
	d.atMost(v, len(p.Hooks), maxHooks)
}

// hookDefaultName is the program's name or the address's host.
func hookDefaultName(h Hook) string {
	if len(h.Command) > 0 {
		return path.Base(h.Command[0])
	}
	if u, err := url.Parse(h.URL); err == nil {
		return u.Hostname()
	}
	return ""
}

var hookFields = []field[Hook]{
	word("name", hookName, "bad-name", "want up to 64 letters, digits and . _ -", func(h *Hook) *string { return &h.Name }),
	must(choice("when", "bad-moment", func(h *Hook) *string { return &h.When }, moments...)),
	{key: "command", read: func(d *decoder, v value, h *Hook) {
		h.Command, _ = d.words(v, `want a program and its arguments, such as ["./drain.sh", "orders"]`)
	}},
	{key: "pass_env", read: func(d *decoder, v value, h *Hook) {
		h.PassEnv, _ = d.texts(v, "want a list of environment variables, such as [PAGER_URL]", func(e value) (string, bool) {
			return d.matched(e, envName, "bad-name", "want the name of an environment variable")
		})
	}},
	{key: "url", read: func(d *decoder, v value, h *Hook) {
		h.URL = d.address(v, "want an address such as https://hooks.example.com/drain")
	}},
	environment("hmac_env", func(h *Hook) *string { return &h.HMACEnv }),
	duration("timeout", 100*time.Millisecond, time.Hour, func(h *Hook) *time.Duration { return &h.Timeout }),
	duration("again", time.Second, day, func(h *Hook) *time.Duration { return &h.Again }),
	choice("on_failure", "bad-on-failure", func(h *Hook) *string { return &h.OnFailure }, Veto, Continue),
	{key: "waves", read: func(d *decoder, v value, h *Hook) {
		h.Waves, _ = d.texts(v, "want a list of waves", func(e value) (string, bool) { return d.filled(e, "want a wave's name") })
	}},
	{key: "databases", read: func(d *decoder, v value, h *Hook) { h.Databases, _ = d.globs(v) }},
}

// address is an http or https URL without user and password.
func (d *decoder) address(v value, want string) string {
	s, ok := d.filled(v, want)
	if !ok {
		return ""
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		d.bad(v, "bad-url", fmt.Sprintf("%s: %s is no address", v.path, quote(s)), want)
	case u.User != nil:
		d.bad(v, codeSecret, v.path+" holds a user or password (its value is not shown)", want)
	default:
		return s
	}
	return ""
}

// checkHooks reports hooks that name waves the plan does not have.
func (d *decoder) checkHooks(p *Plan) {
	var waves []string
	for _, w := range p.Waves {
		waves = append(waves, w.Name)
	}
	for i, h := range p.Hooks {
		for j, w := range h.Waves {
			if at := fmt.Sprintf("hooks[%d].waves[%d]", i, j); !slices.Contains(waves, w) {
				d.add(d.at(at), at, "unknown-wave", fmt.Sprintf("%s: %s is none of the plan's waves", at, quote(w)), didYouMean(w, waves))
			}
		}
	}
	needSQL := p.Connection.Auth == AuthNone
	for key, set := range map[string]bool{"switchover.drain": p.Switchover.Drain.Set, "switchover.smoke": len(p.Switchover.Smoke) > 0} {
		if set && needSQL {
			d.add(d.at(key), key, "needs-sql", key+" asks servers over SQL, and the plan gives no access", "want a connection, or delete it")
		}
	}
}

var drainFields = []field[Drain]{
	integer("max_connections", 0, 100000, func(g *Drain) *int { return &g.MaxConnections }),
	integer("max_transactions", 0, 100000, func(g *Drain) *int { return &g.MaxTransactions }),
	duration("for", 0, time.Hour, func(g *Drain) *time.Duration { return &g.For }),
	duration("timeout", time.Second, day, func(g *Drain) *time.Duration { return &g.Timeout }),
	choice("on_timeout", "bad-on-timeout", func(g *Drain) *string { return &g.OnTimeout }, Hold, Go),
}

// noBound is what is not compared.
const noBound = -1

func readDrain(d *decoder, v value, s *Switchover) {
	g := Drain{Set: true, MaxConnections: noBound, MaxTransactions: noBound, For: 10 * time.Second, Timeout: 5 * time.Minute, OnTimeout: Hold}
	if object(d, v, drainFields, &g) && g.MaxConnections < 0 && g.MaxTransactions < 0 {
		d.bad(v, "needs-key", v.path+" needs max_connections or max_transactions", "want how much may be left, such as max_connections: 0")
	}
	s.Drain = g
}

var rowsForm = regexp.MustCompile(`^rows(>=|>|=)(0|[1-9][0-9]{0,8})$`)

var smokeFields = []field[Smoke]{
	word("name", hookName, "bad-name", "want up to 64 letters, digits and . _ -", func(s *Smoke) *string { return &s.Name }),
	must(field[Smoke]{key: "sql", read: func(d *decoder, v value, s *Smoke) {
		const want = "want a single SELECT that reads only, such as SELECT COUNT(*) FROM shop.orders"
		text, ok := d.filled(v, want)
		if !ok {
			return
		}
		if len(text) > maxSQL {
			d.bad(v, "bad-sql", fmt.Sprintf("%s has %d characters", v.path, len(text)), fmt.Sprintf("want at most %d", maxSQL))
			return
		}
		if why := sqllex.NotPlainSelect(text); why != "" {
			d.bad(v, "bad-sql", v.path+": "+why, want)
			return
		}
		s.SQL = text
	}}),
	word("schema", regexp.MustCompile("^[^`\\x00]{1,64}$"), "bad-name", "want a schema's name", func(s *Smoke) *string { return &s.Schema }),
	{key: "expect", read: func(d *decoder, v value, s *Smoke) {
		const want = "want rows>0, rows=N, rows>=N or same-as-blue; a value goes into value"
		text, ok := d.filled(v, want)
		switch {
		case !ok:
		case text == "same-as-blue":
			s.SameAsBlue = true
		case rowsForm.MatchString(text):
			s.Rows = text
		default:
			d.bad(v, "bad-expect", fmt.Sprintf("%s: unknown value %s", v.path, quote(text)), want)
		}
	}},
	{key: "value", read: func(d *decoder, v value, s *Smoke) {
		s.Value, s.HasValue = d.text(v, "want the value that the query must answer")
		if len(s.Value) > 200 {
			d.bad(v, "bad-expect", v.path+" is too long to compare", "want at most 200 characters")
		}
	}},
	duration("max_time", 10*time.Millisecond, 5*time.Minute, func(s *Smoke) *time.Duration { return &s.MaxTime }),
}

func readSmoke(d *decoder, v value, s *Switchover) {
	names := map[string]Pos{}
	d.list(v, "want a list of queries, each with sql and expect", func(e value) {
		q := Smoke{MaxTime: 2 * time.Second, Pos: e.pos, Name: "query-" + strconv.Itoa(len(s.Smoke)+1)}
		if !object(d, e, smokeFields, &q) {
			return
		}
		if d.given(e.path+".expect") && d.given(e.path+".value") {
			d.bad(e, "needs-key", e.path+" has both expect and value", "want one of them")
		}
		if !d.given(e.path+".expect") && !q.HasValue {
			q.Rows = "rows>0"
		}
		if first, dup := names[q.Name]; dup {
			d.bad(e, "duplicate-smoke", fmt.Sprintf("two queries are named %s", quote(q.Name)), fmt.Sprintf("already on line %d", first.Line))
		}
		names[q.Name] = e.pos
		s.Smoke = append(s.Smoke, q)
	})
	d.atMost(v, len(s.Smoke), maxSmokes)
}

// Holds tells whether a number of rows is what Rows asks for.
func (s Smoke) Holds(rows int) bool {
	m := rowsForm.FindStringSubmatch(s.Rows)
	if m == nil {
		return false
	}
	n, err := strconv.Atoi(m[2])
	switch {
	case err != nil:
		return false
	case m[1] == ">":
		return rows > n
	case m[1] == ">=":
		return rows >= n
	}
	return rows == n
}

var diskFields = []field[Disk]{
	{key: "min_free", read: func(d *decoder, v value, k *Disk) {
		if b, ok := d.budget(v, "want a share such as 10%"); ok {
			if !b.IsPercent {
				d.bad(v, "wrong-type", v.path+" is no share", "want a share such as 10%")
			}
			k.MinFree = b.Percent
		}
	}},
	boolean("required", func(k *Disk) *bool { return &k.Required }),
}

var soakFields = []field[SoakPolicy]{
	boolean("measure", func(s *SoakPolicy) *bool { return &s.Measure }),
	duration("every", time.Second, time.Hour, func(s *SoakPolicy) *time.Duration { return &s.Every }),
	{key: "max_error_rate", read: func(d *decoder, v value, s *SoakPolicy) {
		if b, ok := d.budget(v, "want a share such as 1%"); ok {
			if !b.IsPercent {
				d.bad(v, "wrong-type", v.path+" is no share", "want a share such as 1%")
			}
			s.MaxErrorRate = b.Percent
		}
	}},
	{key: "max_latency_ratio", read: func(d *decoder, v value, s *SoakPolicy) {
		if f, ok := d.number(v, 1e6); ok {
			s.MaxLatencyRatio = f
		}
	}},
	integer("max_threads_running", 0, 100000, func(s *SoakPolicy) *int { return &s.MaxThreads }),
	integer("max_aborted_connects", 0, 1000000, func(s *SoakPolicy) *int { return &s.MaxAborted }),
	duration("max_replica_lag", 0, day, func(s *SoakPolicy) *time.Duration { return &s.MaxReplicaLag }),
	duration("max_reverse_lag", 0, day, func(s *SoakPolicy) *time.Duration { return &s.MaxReverseLag }),
	integer("failure_limit", 1, 1000, func(s *SoakPolicy) *int { return &s.FailureLimit }),
	integer("inconclusive_limit", 1, 1000, func(s *SoakPolicy) *int { return &s.InconclusiveLimit }),
}

func defaultSoak() SoakPolicy {
	return SoakPolicy{Measure: true, Every: 30 * time.Second, MaxErrorRate: 1, MaxLatencyRatio: 3, MaxAborted: 60,
		MaxReplicaLag: time.Minute, MaxReverseLag: 5 * time.Minute, FailureLimit: 3, InconclusiveLimit: 6}
}
