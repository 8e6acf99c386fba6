package plan

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqlver"
)

// Words of the file that other packages compare with.
const (
	Keep      = "keep"      // storage type, instance class
	Graviton  = "graviton"  // instance class
	ByMap     = "map"       // instance class: Class.Map decides
	Translate = "translate" // parameter group
	Latest    = "latest"    // engine version

	AuthEnv    = "env"
	AuthSecret = "secret"
	AuthIAM    = "iam"
	AuthNone   = "none"

	TLSVerify     = "verify"
	TLSSkipVerify = "skip-verify"
	TLSOff        = "off"

	Manual = "manual"
	Auto   = "auto"
)

const (
	longest = 365 * day // bounds every duration of the file

)

var (
	namePattern   = regexp.MustCompile(`^[a-z]([a-z0-9]|-[a-z0-9])*$`)
	accountID     = regexp.MustCompile(`^[0-9]{12}$`)
	regionPattern = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$`)
	rolePattern   = regexp.MustCompile(`^arn:aws[a-z-]*:iam::([0-9]{12}):role/[A-Za-z0-9+=,.@_/-]{1,576}$`)
	idPattern     = regexp.MustCompile(`^[a-z]([a-z0-9]|-[a-z0-9])*$`)
	groupPattern  = regexp.MustCompile(`^[A-Za-z]([A-Za-z0-9]|-[A-Za-z0-9])*$`)
	classPattern  = regexp.MustCompile(`^db\.[a-z0-9]+(-[a-z0-9]+)*\.[a-z0-9-]+$`)
	versionPrefix = regexp.MustCompile(`^[0-9]+(\.[0-9]+){0,2}(-(RDS|rds)\.[0-9]+)?$`)
)

// defaults is a plan before anything of the file is known.
func defaults(path string) *Plan {
	return &Plan{
		Path:       path,
		Target:     Target{Storage: Storage{Type: Keep}, Class: Class{Mode: Keep}, ParameterGroup: Translate},
		Connection: Connection{Auth: AuthNone, TLS: TLSVerify, Connections: 2, Timeout: 10 * time.Second},
		Prechecks:  Prechecks{FailLevel: "error", MaxAge: day, Budget: 10 * time.Minute},
		Switchover: Switchover{Timeout: 300 * time.Second, MaxLag: 5 * time.Second, LagFor: time.Minute, Retries: 1, WayBack: WayBack{Retention: 72 * time.Hour}, Disk: Disk{MinFree: 10}, Ahead: DefaultAhead()},
		ServiceTag: "service", OwnerTag: "owner", Soak: defaultSoak(), Cleanup: Cleanup{Keep: 14 * day, Policy: CleanupManual},
		Run: Run{Poll: 30 * time.Second, StableReads: 3, APIRate: 4, BuildAhead: true},
	}
}

func defaultWave(pos Pos) Wave {
	return Wave{BuildLimit: 5, SwitchLimit: 1, Budget: Budget{Count: 1}, Soak: time.Hour, Approval: Manual, Pos: pos}
}

var planFields = []field[Plan]{
	must(field[Plan]{key: "version", read: func(d *decoder, v value, p *Plan) {
		if v.node.Value != "1" {
			d.bad(v, "bad-version", "version: this build reads plans of version 1", "want version: 1")
		}
		p.Version = 1
	}}),
	must(field[Plan]{key: "name", read: func(d *decoder, v value, p *Plan) {
		const want = "want 1 to 20 lower-case letters, digits and single hyphens, a letter first: it becomes part of deployment names"
		if s, ok := d.matched(v, namePattern, "bad-name", want); ok {
			if len(s) > 20 {
				d.bad(v, "bad-name", fmt.Sprintf("name: %s has %d characters", quote(s), len(s)), want)
			}
			p.Name = s
		}
	}}),
	must(field[Plan]{key: "deadline", read: func(d *decoder, v value, p *Plan) {
		day, ok := d.date(v)
		if p.Deadline = day; ok && day.AddDate(0, 0, 1).Before(d.now) {
			d.warn(v.pos, v.path, "deadline-passed", fmt.Sprintf("deadline: %s has passed", day), "")
		}
	}}),
	must(field[Plan]{key: "accounts", sub: below("[].", accountFields), read: func(d *decoder, v value, p *Plan) {
		d.list(v, "want a list of accounts, each with its regions", func(e value) {
			a := Account{Pos: e.pos}
			if object(d, e, accountFields, &a) {
				d.account(e, &a)
			}
			p.Accounts = append(p.Accounts, a)
		})
	}}),
	must(nested("target", targetFields, func(p *Plan) *Target { return &p.Target })),
	nested("connection", connectionFields, func(p *Plan) *Connection { return &p.Connection }),
	nested("prechecks", precheckFields, func(p *Plan) *Prechecks { return &p.Prechecks }),
	nested("switchover", switchoverFields, func(p *Plan) *Switchover { return &p.Switchover }),
	text("service_tag", func(p *Plan) *string { return &p.ServiceTag }),
	text("owner_tag", func(p *Plan) *string { return &p.OwnerTag }),
	nested("run", runFields, func(p *Plan) *Run { return &p.Run }),
	nested("freeze", freezeFields, func(p *Plan) *Freeze { return &p.Freeze }),
	nested("cleanup", cleanupFields, func(p *Plan) *Cleanup { return &p.Cleanup }),
	{key: "hooks", sub: below("[].", hookFields), read: readHooks},
	nested("health", soakFields, func(p *Plan) *SoakPolicy { return &p.Soak }),
	must(field[Plan]{key: "waves", sub: below("[].", waveFields), read: func(d *decoder, v value, p *Plan) {
		d.list(v, "want a list of waves, each with name and select", func(e value) {
			w := defaultWave(e.pos)
			object(d, e, waveFields, &w)
			p.Waves = append(p.Waves, w)
		})
	}}),
}

// text is a field of any text, which may be empty.
func text[T any](key string, part func(*T) *string) field[T] {
	return field[T]{key: key, read: func(d *decoder, v value, out *T) {
		if s, ok := d.text(v, "want a text"); ok {
			*part(out) = s
		}
	}}
}

// word is a field of text in a form.
func word[T any](key string, form *regexp.Regexp, code, want string, part func(*T) *string) field[T] {
	return field[T]{key: key, read: func(d *decoder, v value, out *T) {
		if s, ok := d.matched(v, form, code, want); ok {
			*part(out) = s
		}
	}}
}

func choice[T any](key, code string, part func(*T) *string, words ...string) field[T] {
	return field[T]{key: key, read: func(d *decoder, v value, out *T) {
		if s, ok := d.choice(v, code, words...); ok {
			*part(out) = s
		}
	}}
}

func integer[T any](key string, low, high int, part func(*T) *int) field[T] {
	return field[T]{key: key, read: func(d *decoder, v value, out *T) {
		if n, ok := d.integer(v, low, high); ok {
			*part(out) = n
		}
	}}
}

func boolean[T any](key string, part func(*T) *bool) field[T] {
	return field[T]{key: key, read: func(d *decoder, v value, out *T) {
		if b, ok := d.boolean(v); ok {
			*part(out) = b
		}
	}}
}

func duration[T any](key string, low, high time.Duration, part func(*T) *time.Duration) field[T] {
	return field[T]{key: key, read: func(d *decoder, v value, out *T) {
		if t, ok := d.duration(v, low, high); ok {
			*part(out) = t
		}
	}}
}

var accountFields = []field[Account]{
	word("id", accountID, "bad-account", "want the account's 12 digits", func(a *Account) *string { return &a.ID }),
	word("name", regexp.MustCompile(`^[\pL\pN][\pL\pN ._-]{0,63}$`), "bad-name", "want up to 64 letters, digits, spaces and . _ -",
		func(a *Account) *string { return &a.Name }),
	text("profile", func(a *Account) *string { return &a.Profile }),
	word("role_arn", rolePattern, "bad-role", "want arn:aws:iam::123456789012:role/NAME", func(a *Account) *string { return &a.RoleARN }),
	text("external_id", func(a *Account) *string { return &a.ExternalID }),
	must(field[Account]{key: "regions", read: func(d *decoder, v value, a *Account) {
		const want = "want a list of Regions, such as [eu-west-1]"
		a.Regions, _ = d.texts(v, want, func(e value) (string, bool) {
			return d.matched(e, regionPattern, "bad-region", "want a Region such as eu-west-1")
		})
	}}),
}

// account checks what one account's keys say together, and fills its names.
func (d *decoder) account(v value, a *Account) {
	if m := rolePattern.FindStringSubmatch(a.RoleARN); m != nil {
		switch {
		case a.ID == "" && !d.given(v.path+".id"):
			a.ID = m[1]
		case a.ID != "" && a.ID != m[1]:
			d.add(d.at(v.path+".role_arn"), v.path+".role_arn", "role-account",
				fmt.Sprintf("%s.role_arn is a role of account %s, and id is %s", v.path, m[1], a.ID), "want a role of the same account")
		}
	}
	if a.ExternalID != "" && !d.given(v.path+".role_arn") {
		d.add(d.at(v.path+".external_id"), v.path+".external_id", "needs-key", v.path+".external_id stands without role_arn", "it goes with a role to assume")
	}
	if a.Name == "" {
		a.Name = a.ID
	}
}

var targetFields = []field[Target]{
	must(field[Target]{key: "engine_version", read: readVersion}),
	{key: "storage", sub: below(".", storageFields), read: func(d *decoder, v value, t *Target) {
		if v.isScalar() {
			if s, ok := d.choice(v, "bad-storage", "gp3", Keep); ok {
				t.Storage.Type = s
			}
			return
		}
		t.Storage.Type = "gp3"
		if object(d, v, storageFields, &t.Storage) {
			d.storage(v, t.Storage)
		}
	}},
	{key: "instance_class", sub: below(".", classFields), read: readClass},
	word("parameter_group", groupPattern, "bad-name", "want translate, or a group's name of letters, digits and single hyphens",
		func(t *Target) *string { return &t.ParameterGroup }),
}

func readVersion(d *decoder, v value, t *Target) {
	const want = `want an exact version such as 8.0.46, a line such as 8.0 or 8.4, or latest`
	s, ok := d.filled(v, want)
	if !ok || s == Latest {
		t.EngineVersion = s
		return
	}
	ver, err := mysqlver.Parse(s)
	switch {
	case err != nil || !versionPrefix.MatchString(s):
		if n := nearest(s, []string{Latest}); n != "" {
			d.bad(v, "bad-version", fmt.Sprintf("%s: unknown value %s", v.path, quote(s)), `did you mean "latest"?`)
			return
		}
		d.bad(v, "bad-version", fmt.Sprintf("%s: %s is no MySQL version", v.path, quote(s)), want)
	case !ver.AtLeast(8, 0, 0):
		d.bad(v, "bad-version", fmt.Sprintf("%s: %s is not newer than 5.7", v.path, quote(s)), "want 8.0, 8.4 or newer")
	default:
		t.EngineVersion = s
	}
}

// RDS's own bounds for gp3 volumes of 400 GiB and more; smaller ones take
// neither (Amazon RDS User Guide, "gp3 storage").
var storageFields = []field[Storage]{
	choice("type", "bad-storage", func(s *Storage) *string { return &s.Type }, "gp3", Keep),
	keepOr("iops", 12000, 64000, func(s *Storage) *int { return &s.IOPS }),
	keepOr("throughput", 500, 4000, func(s *Storage) *int { return &s.ThroughputMiBps }),
	boolean("raise_to_400", func(s *Storage) *bool { return &s.RaiseTo400 }),
	boolean("shrink", func(s *Storage) *bool { return &s.Shrink }),
	boolean("upgrade_config", func(s *Storage) *bool { return &s.UpgradeConfig }),
}

// keepOr is a number, or "keep" for 0.
func keepOr[T any](key string, low, high int, part func(*T) *int) field[T] {
	return field[T]{key: key, read: func(d *decoder, v value, out *T) {
		if v.isScalar() && v.node.Value == Keep {
			*part(out) = 0
			return
		}
		if v.isScalar() && v.node.ShortTag() == "!!str" {
			d.bad(v, "wrong-type", fmt.Sprintf("%s: unknown value %s", v.path, quote(v.node.Value)),
				fmt.Sprintf("want keep, or a whole number from %d to %d", low, high))
			return
		}
		if n, ok := d.integer(v, low, high); ok {
			*part(out) = n
		}
	}}
}

func (d *decoder) storage(v value, s Storage) {
	if s.Type == Keep {
		for _, key := range []string{"iops", "throughput", "raise_to_400", "shrink"} {
			if path := v.path + "." + key; d.given(path) {
				d.add(d.at(path), path, "needs-key", path+" has no meaning with type: keep", "want type: gp3, or delete the line")
			}
		}
	}
	if s.IOPS > 0 && s.ThroughputMiBps*4 > s.IOPS {
		d.add(d.at(v.path+".throughput"), v.path+".throughput", "out-of-range",
			fmt.Sprintf("%s.throughput: %d MiB/s is too much for %d IOPS", v.path, s.ThroughputMiBps, s.IOPS), "RDS allows a quarter of a MiB/s per IOPS")
	}
}

var classFields = []field[Class]{
	choice("mode", "bad-class", func(c *Class) *string { return &c.Mode }, Graviton, Keep, ByMap),
	integer("generation", 6, 8, func(c *Class) *int { return &c.Generation }),
	{key: "map", read: readClassMap},
}

// readClass takes a word, a bare map of classes, or the long form.
func readClass(d *decoder, v value, t *Target) {
	if v.isScalar() {
		if s, ok := d.choice(v, "bad-class", Graviton, Keep); ok {
			t.Class.Mode = s
		}
		return
	}
	if v.hasKey(func(k string) bool { return strings.HasPrefix(k, "db.") }) {
		t.Class.Mode = ByMap
		readClassMap(d, v, &t.Class)
		return
	}
	if !object(d, v, classFields, &t.Class) {
		return
	}
	if len(t.Class.Map) > 0 && !d.given(v.path+".mode") {
		t.Class.Mode = ByMap
	}
	switch c := t.Class; {
	case !d.given(v.path+".mode") && !d.given(v.path+".map"):
		d.bad(v, "missing-key", v.path+".mode is missing", "want graviton, keep or map")
	case c.Mode == ByMap && !d.given(v.path+".map"):
		d.bad(v, "needs-key", v.path+" has mode: map and no map", "want map: {db.m5.large: db.m7g.large}")
	case c.Mode != ByMap && d.given(v.path+".map"):
		d.add(d.at(v.path+".map"), v.path+".map", "needs-key", v.path+".map has no meaning with mode: "+c.Mode, "want mode: map, or delete the map")
	case c.Mode != Graviton && d.given(v.path+".generation"):
		d.add(d.at(v.path+".generation"), v.path+".generation", "needs-key", v.path+".generation has no meaning with mode: "+c.Mode, "want mode: graviton")
	}
}

func readClassMap(d *decoder, v value, c *Class) {
	const want = "want a class such as db.m7g.large"
	c.Map = d.stringMap(v, "want a map such as {db.m5.large: db.m7g.large}",
		func(key value) bool { _, ok := d.matched(key.asText(), classPattern, "bad-class", want); return ok },
		func(val value) (string, bool) { return d.matched(val, classPattern, "bad-class", want) })
}
