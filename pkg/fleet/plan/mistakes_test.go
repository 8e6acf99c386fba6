package plan

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMistakes breaks a good plan in one place and expects exactly the
// problems that follow, with their places.
func TestMistakes(t *testing.T) {
	const list = "want a list of "
	cases := []struct {
		name, old, new string
		want           []string // place, code, text that the line holds
	}{
		{"unknown key", "engine_version: 8.0", "engin_version: 8.0", []string{
			`14:3 unknown-key unknown key "engin_version" in target: did you mean "engine_version"?`,
			`14:3 missing-key target.engine_version is missing`}},
		{"key of another mapping", "service_tag: app", "soak: 3h", []string{`52:1 unknown-key soak belongs in waves[]`}},
		{"unknown key like nothing", "service_tag: app", "zebra: 3h", []string{`52:1 unknown-key want one of version, name,`}},
		{"words left out", "max_replica_lag: 2s", "max_lag: 2s", []string{`41:3 unknown-key did you mean "max_replica_lag"?`}},
		{"duplicate key", "retries: 2", "retries: 2\n  retries: 3", []string{`44:3 duplicate-key key "retries" stands twice: already on line 43`}},
		{"merge key", "retries: 2", "<<: {retries: 2}", []string{`43:3 merge-key merge keys (<<) are not supported`}},
		{"key that is a list", "retries: 2", "? [retries]\n  : 2", []string{`43:5 wrong-type a key is a list`}},
		{"missing name", "name: autumn\n", "", []string{`1:1 missing-key name is missing`}},
		{"bad version", "version: 1\n", "version: 2\n", []string{`1:10 bad-version version: this build reads plans of version 1`}},
		{"empty value", "deadline: 2027-01-31", "deadline:", []string{`3:10 empty-value deadline is empty`}},
		{"bad name", "name: autumn", "name: Autumn_1", []string{`2:7 bad-name name: "Autumn_1" cannot be used`}},
		{"long name", "name: autumn", "name: a23456789-123456789-1", []string{`2:7 bad-name has 21 characters`}},
		{"double hyphen", "name: autumn", "name: a--b", []string{`2:7 bad-name`}},
		{"bad date", "deadline: 2027-01-31", "deadline: 2027-02-31", []string{`3:11 bad-date deadline: "2027-02-31" is not a date: want a day such as 2027-01-31`}},
		{"German date", "deadline: 2027-01-31", "deadline: 31.1.2027", []string{`3:11 bad-date`}},
		{"list where a mapping is due", "run:\n  poll: 15s", "run:\n  - poll: 15s\nx:\n", []string{
			`55:3 wrong-type run is a list: want a mapping with the keys poll`, `56:1 unknown-key`}},

		{"account of 11 digits", "id: 111122223333", "id: 11112222333", []string{`5:9 bad-account "11112222333" cannot be used`}},
		{"same account twice", `id: "044455556666"`, "id: 111122223333", []string{
			`8:9 duplicate-account account 111122223333 stands twice: already on line 5`, `10:15 role-account`}},
		{"same account name twice", "profile: audit", "name: shop", []string{`9:11 duplicate-account two accounts are named "shop"`}},
		{"role that is no ARN", "arn:aws:iam::044455556666:role/ops/upgrade", "upgrade", []string{`10:15 bad-role "upgrade" cannot be used: want arn:aws:iam`}},
		{"role of another account", "arn:aws:iam::044455556666", "arn:aws:iam::999955556666", []string{`10:15 role-account is a role of account 999955556666, and id is 044455556666`}},
		{"external id alone", "    role_arn: arn:aws:iam::044455556666:role/ops/upgrade\n", "", []string{`10:18 needs-key accounts[1].external_id stands without role_arn`}},
		{"no id", "  - id: 111122223333\n    name", "  - name", []string{`5:5 missing-key accounts[0].id is missing: with several accounts`}},
		{"bad Region", "[eu-west-1, us-east-1]", "[eu-west1]", []string{`7:15 bad-region "eu-west1" cannot be used`}},
		{"Region twice", "[eu-west-1, us-east-1]", "[eu-west-1, eu-west-1]", []string{`7:26 duplicate-value accounts[0].regions: "eu-west-1" is listed twice`}},
		{"Region that is no list", "[eu-west-1, us-east-1]", "eu-west-1", []string{`7:14 wrong-type accounts[0].regions is the text "eu-west-1": want a list of Regions`}},
		{"no Regions", "[eu-west-1, us-east-1]", "[]", []string{`7:14 empty-value accounts[0].regions is an empty list`}},

		{"version 5.7", "engine_version: 8.0", "engine_version: 5.7", []string{`14:19 bad-version "5.7" is not newer than 5.7`}},
		{"version of letters", "engine_version: 8.0", "engine_version: lastest", []string{`14:19 bad-version unknown value "lastest": did you mean "latest"?`}},
		{"version of Aurora", "engine_version: 8.0", "engine_version: 8.0.mysql_aurora.3.04.0", []string{`14:19 bad-version is no MySQL version`}},
		{"version 8", "engine_version: 8.0", "engine_version: 8", []string{`14:19 bad-version "8" is no MySQL version`}},
		{"storage type", "type: gp3", "type: gp4", []string{`15:19 bad-storage unknown value "gp4": did you mean "gp3"?`}},
		{"iops of a small volume", "iops: 16000", "iops: 3000", []string{`15:30 out-of-range want a whole number from 12000 to 64000`}},
		{"iops as text", "iops: 16000", "iops: kept", []string{`15:30 wrong-type unknown value "kept": want keep, or a whole number`}},
		{"throughput against iops", "iops: 16000, throughput: keep", "iops: 12000, throughput: 3001", []string{`15:49 out-of-range 3001 MiB/s is too much for 12000 IOPS`}},
		{"iops and keep", "type: gp3", "type: keep", []string{
			`15:31 needs-key target.storage.iops has no meaning with type: keep`, `15:50 needs-key`, `15:70 needs-key`}},
		{"class word", "{mode: graviton, generation: 8}", "gravitron", []string{`16:19 bad-class did you mean "graviton"?`}},
		{"class map", "{mode: graviton, generation: 8}", "{db.m5.large: m7g.large}", []string{`16:33 bad-class "m7g.large" cannot be used`}},
		{"class map key", "{mode: graviton, generation: 8}", "{db.m5.large: db.m7g.large, m5.xlarge: db.m7g.xlarge}", []string{`16:47 bad-class`}},
		{"generation 5", "generation: 8", "generation: 5", []string{`16:48 out-of-range`}},
		{"generation and keep", "mode: graviton", "mode: keep", []string{`16:44 needs-key generation has no meaning with mode: keep`}},
		{"map mode without map", "{mode: graviton, generation: 8}", "{mode: map}", []string{`16:19 needs-key has mode: map and no map`}},
		{"map with graviton", "generation: 8", "map: {db.m5.large: db.m7g.large}", []string{`16:41 needs-key map has no meaning with mode: graviton`}},
		{"empty class", "{mode: graviton, generation: 8}", "{generation: 8}", []string{`16:19 missing-key mode is missing`}},
		{"parameter group", "shared-mysql80", "shared_mysql80", []string{`17:20 bad-name`}},

		{"auth", "auth: env", "auth: enviroment", []string{`19:9 bad-auth unknown value "enviroment": want one of env, secret, iam or none`}},
		{"auth missing", "auth: env\n  user", "user", []string{`19:3 missing-key connection.auth is missing: want env, secret, iam or none`}},
		{"auth env without password", "  password_env: MYSQL_PASSWORD\n", "", []string{`19:9 needs-key connection.password_env is missing`}},
		{"auth env without user", "  user: upgrade\n", "", []string{`19:9 needs-key auth: env needs user or user_env`}},
		{"two users", "user: upgrade", "user: upgrade\n  user_env: X", []string{`21:13 needs-key connection has both user and user_env`}},
		{"auth secret without secret", "auth: env", "auth: secret", []string{`19:9 needs-key connection.secret_id is missing`, `21:17 needs-key connection.password_env has no meaning with auth: secret`}},
		{"auth none with a user", "auth: env", "auth: none", []string{`20:9 needs-key`, `21:17 needs-key`}},
		{"iam without TLS", "auth: env\n  user: upgrade\n  password_env: MYSQL_PASSWORD\n  tls: verify\n  ca_file: certs/rds.pem", "auth: iam\n  user: upgrade\n  tls: off", []string{`21:8 bad-tls IAM authentication needs TLS`}},
		{"password", "user: upgrade", "user: upgrade\n  password: geheim", []string{`21:3 secret-in-plan key "password": a plan never holds a secret`}},
		{"password elsewhere", "run:\n", "x: {y: [{db_passwd: geheim}]}\nrun:\n", []string{`54:1 unknown-key`, `54:10 secret-in-plan key "db_passwd"`}},
		{"password as variable", "MYSQL_PASSWORD", "geheim!", []string{`21:17 secret-in-plan its value is not shown`}},
		{"password in an address", `"127.0.0.1:13306"`, `"root:geheim@127.0.0.1:13306"`, []string{`24:25 secret-in-plan its value is not shown`}},
		{"user with password", "user: upgrade", "user: upgrade:geheim", []string{`20:9 secret-in-plan connection.user is more than a user name`}},
		{"address without port", `"127.0.0.1:13306"`, `localhost`, []string{`24:25 bad-address connection.address_map.orders: "localhost" is not host:port`}},
		{"address with a bad port", `"127.0.0.1:13306"`, `"localhost:70000"`, []string{`24:25 bad-address`}},
		{"address of no id", `{orders: "127`, `{Orders: "127`, []string{`24:17 bad-id did you mean "orders"?`}},
		{"tls", "tls: verify", "tls: verfy", []string{`22:8 bad-tls did you mean "verify"?`}},
		{"connections", "connections: 3", "connections: 0", []string{`25:16 out-of-range`}},
		{"connections as text", "connections: 3", `connections: "3"`, []string{`25:16 wrong-type connections is the text "3": want a whole number`}},
		{"connections octal", "connections: 3", "connections: 03", []string{`25:16 wrong-type`}},

		{"fail level", "fail_level: warning", "fail_level: warn", []string{`28:15 bad-severity unknown value "warn": want one of error, warning or notice`}},
		{"severity", "{utf8mb3: notice}", "{utf8mb3: low}", []string{`29:23 bad-severity unknown value "low"`}},
		{"unknown check", "{utf8mb3: notice}", "{utf8mb4: notice}", []string{`29:14 unknown-check unknown check "utf8mb4": did you mean "utf8mb3"?`}},
		{"waiver of an unknown check", "check: oldTemporal", "check: oldTemporals", []string{`31:14 unknown-check did you mean "oldTemporal"?`}},
		{"waiver without owner", "      owner: dba@example.com\n", "", []string{`31:7 missing-key prechecks.waivers[0].owner is missing`}},
		{"waiver with empty owner", "dba@example.com", `""`, []string{`32:14 empty-value owner is empty: want who answers for it`}},
		{"waiver without reason", "      reason: rebuilt in January\n", "", []string{`31:7 missing-key reason is missing`}},
		{"waiver without expiry", "      expires: 2027-01-10\n", "", []string{`31:7 missing-key expires is missing`}},
		{"waiver's glob", "shop.*", `"shop.["`, []string{`36:17 bad-glob "shop.[" is not a pattern`}},
		{"budget of days", "budget: 5m", "budget: 5d", []string{`38:11 out-of-range want a duration from 1s to 1d`}},

		{"timeout under 30 s", "timeout: 10m", "timeout: 29s", []string{`40:12 out-of-range want a duration from 30s to 1h`}},
		{"timeout over 3600 s", "timeout: 10m", "timeout: 3601s", []string{`40:12 out-of-range`}},
		{"timeout without unit", "timeout: 10m", "timeout: 300", []string{`40:12 bad-duration "300" has no unit: want a unit: 300s, 300m`}},
		{"no duration", "timeout: 10m", "timeout: ten minutes", []string{`40:12 bad-duration "ten minutes" is not a duration`}},
		{"negative duration", "max_replica_lag: 2s", "max_replica_lag: -2s", []string{`41:20 bad-duration`}},
		{"retries", "retries: 2", "retries: -1", []string{`43:12 out-of-range`}},
		{"retries as a fraction", "retries: 2", "retries: 1.5", []string{`43:12 wrong-type is the number "1.5"`}},
		{"day", "[mon, tue]", "[mon, tues]", []string{`45:19 bad-day unknown value "tues": did you mean "tue"?`}},
		{"time", "from: 22:00", "from: 22", []string{`46:13 bad-time "22" is not a time of day`}},
		{"time 25:00", "from: 22:00", "from: 25:00", []string{`46:13 bad-time`}},
		{"from 24:00", "from: 22:00", "from: 24:00", []string{`46:13 bad-time`}},
		{"from is to", "from: 22:00", "from: 04:00", []string{`45:7 empty-window from and to are both 04:00`}},
		{"time zone", "Europe/Berlin", "Europe/Berln", []string{`48:17 bad-timezone unknown time zone "Europe/Berln"`}},
		{"local zone", "Europe/Berlin", "Local", []string{`48:17 bad-timezone`}},
		{"zone as a path", "Europe/Berlin", "../../etc/passwd", []string{`48:17 bad-timezone`}},
		{"too many blackouts", "2026-12-24..2027-01-02", strings.Repeat("2026-12-24\n    - ", 400) + "2026-12-25", []string{`50:5 too-many-values switchover.blackout has 402 entries`}},
		{"reversed blackout", "2026-12-24..2027-01-02", "2027-01-02..2026-12-24", []string{`50:7 reversed-range 2027-01-02 is after 2026-12-24: did you mean 2026-12-24..2027-01-02?`}},
		{"blackout without from", "{from: 2027-01-20, reason: inventory}", "{to: 2027-01-20}", []string{`51:7 missing-key switchover.blackout[1].from is missing`}},
		{"blackout of words", "2026-12-24..2027-01-02", "christmas", []string{`50:7 bad-date "christmas" is not a date`}},

		{"api rate", "api_rate: 2.5", "api_rate: 0", []string{`57:13 out-of-range want a number above 0, up to 1000`}},
		{"api rate infinite", "api_rate: 2.5", "api_rate: .inf", []string{`57:13 wrong-type`}},
		{"build ahead", "build_ahead: false", "build_ahead: no", []string{`59:16 wrong-type build_ahead is the text "no": want true or false`}},

		{"wave name twice", "name: rest", "name: canary", []string{`68:11 duplicate-wave two waves are named "canary": already on line 62`}},
		{"wave without select", "    select: {ids: [orders, billing], accounts: [shop]}\n", "", []string{`62:5 missing-key waves[0].select is missing`}},
		{"wave that selects nothing", "{ids: [orders, billing], accounts: [shop]}", "{}", []string{`63:13 selects-nothing wave "canary" selects nothing: want at least one of`}},
		{"wave whose select is a word", "{ids: [orders, billing], accounts: [shop]}", "all", []string{`63:13 wrong-type`}},
		{"every id excluded", "limits: {build: 4, switch: 2}", "exclude: {ids: [billing], globs: [ord*]}", []string{`63:13 selects-nothing every id and pattern is excluded`}},
		{"selected tag excluded", `tags: {freeze: "*"}`, "tags: {env: prod}", []string{`70:7 selects-nothing tag "env" is selected and excluded`}},
		{"Region excluded", `tags: {freeze: "*"}`, "regions: [eu-west-1]", []string{`70:7 selects-nothing every Region is excluded`}},
		{"everything excluded", `tags: {freeze: "*"}`, `globs: ["*"]`, []string{`70:7 selects-nothing`}},
		{"upper case id", "ids: [orders, billing], acc", "ids: [Orders, billing], acc", []string{`63:20 bad-id did you mean "orders"?`}},
		{"pattern among ids", "ids: [orders, billing], acc", `ids: ["orders-*", billing], acc`, []string{`63:20 bad-id a pattern belongs in globs`}},
		{"id twice", "ids: [orders, billing], acc", `ids: [orders, orders], acc`, []string{`63:28 duplicate-value "orders" is listed twice`}},
		{"glob", `globs: ["*"]`, `globs: ["[a-"]`, []string{`70:15 bad-glob`}},
		{"unknown account", "accounts: [shop]", "accounts: [shops]", []string{`63:49 unknown-account "shops" is none of the plan's accounts: did you mean "shop"?`}},
		{"unknown Region", "      regions: [eu-west-1]\n", "      regions: [eu-west-2]\n", []string{`73:17 unknown-region did you mean "eu-west-1"?`}},
		{"engine version", "engine_versions: [5.7]", "engine_versions: [five]", []string{`72:25 bad-version`}},
		{"tag as a list", "tier: 3", "tier: [3]", []string{`71:31 wrong-type waves[1].select.tags.tier is a list`}},
		{"build limit 0", "{build: 4, switch: 2}", "{build: 0}", []string{`64:21 out-of-range`}},
		{"negative limit", "{build: 4, switch: 2}", "{switch: -2}", []string{`64:22 out-of-range`}},
		{"budget over 100%", "error_budget: 7.5%", "error_budget: 150%", []string{`75:19 out-of-range want more than 0% and at most 100%`}},
		{"budget 0%", "error_budget: 7.5%", "error_budget: 0%", []string{`75:19 out-of-range`}},
		{"budget 0", "error_budget: 7.5%", "error_budget: 0", []string{`75:19 out-of-range want a whole number from 1`}},
		{"budget -1", "error_budget: 7.5%", "error_budget: -1", []string{`75:19 out-of-range`}},
		{"budget of words", "error_budget: 7.5%", "error_budget: few", []string{`75:19 bad-budget`}},
		{"soak", "soak: 2d", "soak: 2 days", []string{`66:11 bad-duration`}},
		{"approval", "approval: auto", "approval: automatic", []string{`67:15 bad-approval did you mean "auto"?`}},
		{"tag of YAML", "soak: 2d", "soak: !!binary aGVsbG8=", []string{`66:11 wrong-type has the YAML tag "!!binary"`}},
		{"own tag of YAML", "soak: 2d", "soak: !secret x", []string{`66:11 wrong-type`}},
		{"waves not a list", "waves:\n  - name: canary", "waves:\n  x:\n  - name: canary", []string{`62:3 wrong-type waves is a mapping: ` + list + "waves"}},
	}
	text := full(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if strings.Count(text, c.old) == 0 {
				t.Fatalf("testdata/full.yaml does not hold %q", c.old)
			}
			p, problems := decode(strings.Replace(text, c.old, c.new, 1))
			if p != nil {
				t.Errorf("a plan is returned although it has problems")
			}
			compareProblems(t, c.want, problems)
			if strings.Contains(problems.Error(), "geheim") {
				t.Errorf("a password is repeated: %v", problems)
			}
		})
	}
}

// compareProblems wants "line:column code words of the message", any of which
// may be left out from the right.
func compareProblems(t *testing.T, want []string, got Problems) {
	t.Helper()
	for i, p := range got {
		text := p.Error()
		place, message, _ := strings.Cut(text, ": ")
		if i >= len(want) {
			t.Errorf("unexpected: %s [%s]", text, p.Code)
			continue
		}
		wantPlace, rest, _ := strings.Cut(want[i], " ")
		code, words, _ := strings.Cut(rest, " ")
		if place != wantPlace || code != "" && p.Code != code || !strings.Contains(message, words) {
			t.Errorf("got  %s [%s]\nwant %s", text, p.Code, want[i])
		}
	}
	for i := len(got); i < len(want); i++ {
		t.Errorf("missing: %s", want[i])
	}
}

// TestAllAtOnce: mistakes all over the file come in one list, in its order.
func TestAllAtOnce(t *testing.T) {
	text := full(t)
	for _, r := range [][2]string{
		{"version: 1\n", "version: 3\n"}, {"deadline: 2027-01-31", "deadline: soon"}, {"regions: [eu-west-1]\ntarget", "regions: [mars]\ntarget"},
		{"auth: env", "auth: env\n  api_token: x"}, {"timeout: 10m", "timeout: 5s"}, {"retries: 2", "retries: two"},
		{"Europe/Berlin", "Berlin"}, {"poll: 15s", "pol: 15s"}, {"error_budget: 1", "error_budget: 101%"}, {"name: rest", "name: canary"},
	} {
		if !strings.Contains(text, r[0]) {
			t.Fatalf("testdata/full.yaml does not hold %q", r[0])
		}
		text = strings.Replace(text, r[0], r[1], 1)
	}
	_, problems := decode(text)
	compareProblems(t, []string{"1:10 bad-version", "3:11 bad-date", "12:15 bad-region", "20:3 secret-in-plan", "41:12 out-of-range", "44:12 wrong-type",
		"49:17 bad-timezone", "56:3 unknown-key", "66:19 out-of-range", "69:11 duplicate-wave"}, problems)
}

func TestTwoWavesInTheFile(t *testing.T) {
	plan := func(a, b string) string {
		return "version: 1\nname: x\ndeadline: 2027-01-31\n" +
			"accounts: [{id: 111122223333, name: shop, regions: [eu-west-1, us-east-1]}, {id: 444455556666, regions: [eu-west-1]}]\n" +
			"target: {engine_version: 8.0}\nwaves:\n- name: a\n  select: " + a + "\n- name: b\n  select: " + b + "\n"
	}
	const two = "two-waves database \"orders\" is in two waves: wave \"a\" takes it on line 8"
	for _, c := range []struct {
		name, a, b string
		want       []string
	}{
		{"literal twice", "{ids: [orders]}", "{ids: [billing, orders]}", []string{"10:27 " + two}},
		{"literal then glob", "{ids: [orders]}", `{globs: ["x*", "or*"]}`, []string{"10:26 " + two}},
		{"glob then literal", `{globs: ["or*"]}`, "{ids: [orders]}", []string{"10:18 " + two}},
		{"glob with tags is not sure", "{ids: [orders]}", `{globs: ["or*"], tags: {tier: 1}}`, nil},
		{"glob excluded", "{ids: [orders]}", "{globs: [\"or*\"]}\n  exclude: {ids: [orders]}", nil},
		{"literal excluded", "{ids: [orders, y]}\n  exclude: {ids: [orders]}", "{globs: [\"or*\"]}", nil},
		{"other Regions", "{ids: [orders], regions: [eu-west-1]}", "{ids: [orders], regions: [us-east-1]}", nil},
		{"overlapping Regions", "{ids: [orders], regions: [eu-west-1]}", "{ids: [orders], regions: [us-east-1, eu-west-1]}", []string{"10:18 " + two}},
		{"same account by name and id", "{ids: [orders], accounts: [shop]}", `{ids: [orders], accounts: ["111122223333"]}`, []string{"10:18 " + two}},
		{"other accounts", "{ids: [orders], accounts: [shop]}", `{ids: [orders], accounts: ["444455556666"]}`, nil},
		{"other tags", "{ids: [orders], tags: {env: prod}}", `{ids: [orders], tags: {env: staging}}`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, problems := decode(plan(c.a, c.b))
			compareProblems(t, c.want, problems)
		})
	}
}

func TestAliasBombs(t *testing.T) {
	var b strings.Builder
	b.WriteString("x0: &x0 [" + strings.Repeat("a, ", 20) + "a]\n")
	for i := 1; i < 10; i++ {
		c := string(rune('0' + i))
		ref := "*x" + string(rune('0'+i-1))
		b.WriteString("x" + c + ": &x" + c + " [" + strings.Repeat(ref+", ", 20) + ref + "]\n")
	}
	if _, problems := decode(small + b.String()); len(problems) != 10 { // ten unknown keys
		t.Errorf("nested aliases: %d problems", len(problems))
	}

	ids := "\n- &w\n  name: w\n  select: {ids: [" + strings.Repeat("Aa, ", 2000) + "a]}\n" + strings.Repeat("- *w\n", 5000)
	_, problems := decode(strings.Replace(small, "[{name: all, select: {globs: [\"*\"]}}]", ids, 1))
	if len(problems) != maxProblems+1 || problems.Err() == nil {
		t.Errorf("wide aliases: %d problems", len(problems))
	}
	_, problems = decode(strings.Replace(small, "[{name: all, select: {globs: [\"*\"]}}]",
		"\n- &w\n  name: w\n  select: {globs: &g ["+strings.Repeat("a, ", 2000)+"a]}\n"+strings.Repeat("- *w\n", 5000), 1))
	if problems.Err() == nil {
		t.Error("wide aliases of equal values pass")
	}
	if _, problems := decode("x: &x\n  y: *x\n"); problems.Err() == nil {
		t.Error("an alias within itself passes")
	}
}

func TestProblemJSON(t *testing.T) {
	got, err := json.Marshal(Problem{File: "p.yaml", Pos: Pos{3, 4}, Path: "run.poll", Code: "bad-duration", What: "w", Want: "x"})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"file":"p.yaml","line":3,"column":4,"path":"run.poll","code":"bad-duration","what":"w","want":"x"}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestSnippet(t *testing.T) {
	data := []byte("a: 1\r\n  paßwort: \tx\n" + strings.Repeat("y", 300) + "\nkey: geheim\n")
	for _, c := range []struct {
		p    Problem
		want string
	}{
		{Problem{Pos: Pos{1, 4}}, "1 | a: 1\n  |    ^\n"},
		{Problem{Pos: Pos{2, 13}}, "2 |   paßwort:  x\n  |             ^\n"},
		{Problem{Pos: Pos{3, 200}}, "3 | " + strings.Repeat("y", 100) + "\n  | " + strings.Repeat(" ", 50) + "^\n"},
		{Problem{Pos: Pos{4, 1}, Code: codeSecret}, "4 | key: ***\n  | ^\n"},
		{Problem{Pos: Pos{4, 6}, Code: codeSecret}, "4 | key:  ***\n  |      ^\n"},
		{Problem{Pos: Pos{9, 1}}, ""},
		{Problem{}, ""},
	} {
		if diff := cmp.Diff(c.want, Snippet(data, c.p)); diff != "" {
			t.Errorf("%v:\n%s", c.p.Pos, diff)
		}
	}
}

func TestNearest(t *testing.T) {
	words := []string{"engine_version", "storage", "instance_class", "max_replica_lag", "ids", "id", "soak"}
	for in, want := range map[string]string{
		"engin_version": "engine_version", "engine-version": "engine_version", "Storage": "storage", "sotrage": "storage", "max_lag": "max_replica_lag",
		"iddd": "", "soka": "soak", "completely": "", "x": "", "": "",
	} {
		if got := nearest(in, words); got != want {
			t.Errorf("nearest(%q) = %q, want %q", in, got, want)
		}
	}
}
