package plan

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rdsupgrade/rdsupgrade/pkg/precheck"
)

var (
	testNow    = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	testChecks = []string{"reservedKeywords", "utf8mb3", "oldTemporal"}
)

func full(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func decode(data string) (*Plan, Problems) {
	return Decode("", []byte(data), Now(testNow), KnownChecks(testChecks))
}

func date(s string) Date {
	d, err := ParseDate(s)
	if err != nil {
		panic(err)
	}
	return d
}

func TestDecodeReadsEveryKey(t *testing.T) {
	p, problems := Decode("plans/x.yaml", []byte(full(t)), Now(testNow), KnownChecks(testChecks))
	if problems != nil {
		t.Fatal(problems)
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	want := &Plan{
		Path: "plans/x.yaml", Version: 1, Name: "autumn", Deadline: date("2027-01-31"),
		Accounts: []Account{
			{ID: "111122223333", Name: "shop", Regions: []string{"eu-west-1", "us-east-1"}, Pos: Pos{5, 5}},
			{ID: "044455556666", Name: "044455556666", Profile: "audit", RoleARN: "arn:aws:iam::044455556666:role/ops/upgrade",
				ExternalID: "x-1", Regions: []string{"eu-west-1"}, Pos: Pos{8, 5}},
		},
		Target: Target{EngineVersion: "8.0", Storage: Storage{Type: "gp3", IOPS: 16000, RaiseTo400: true},
			Class: Class{Mode: Graviton, Generation: 8}, ParameterGroup: "shared-mysql80"},
		Connection: Connection{Auth: AuthEnv, User: "upgrade", PasswordEnv: "MYSQL_PASSWORD", TLS: TLSVerify,
			CAFile: filepath.Join("plans", "certs", "rds.pem"), AddressMap: map[string]string{"orders": "127.0.0.1:13306"},
			Connections: 3, Timeout: 5 * time.Second},
		Prechecks: Prechecks{FailLevel: precheck.Warning, Severity: map[string]precheck.Severity{"utf8mb3": precheck.Notice},
			Waivers: []precheck.Waiver{{Check: "oldTemporal", Owner: "dba@example.com", Reason: "rebuilt in January",
				Expires:   time.Date(2027, 1, 10, 23, 59, 59, 0, time.UTC),
				Databases: []string{"orders-*"}, Objects: []string{"shop.*"}}},
			WaiverPos: []Pos{{31, 7}}, MaxAge: 12 * time.Hour, Budget: 5 * time.Minute},
		Switchover: Switchover{Timeout: 10 * time.Minute, MaxLag: 2 * time.Second, LagFor: 3 * time.Minute, Retries: 2,
			Windows: []Window{{Days: []time.Weekday{time.Monday, time.Tuesday}, From: 22 * 60, To: 4 * 60, Location: berlin, Pos: Pos{45, 7}}},
			Blackout: []DateRange{{From: date("2026-12-24"), To: date("2027-01-02")},
				{From: date("2027-01-20"), To: date("2027-01-20"), Reason: "inventory"}}, WayBack: WayBack{Retention: 72 * time.Hour}, Disk: Disk{MinFree: 10}, Ahead: DefaultAhead()}, Soak: defaultSoak(),
		ServiceTag: "app", OwnerTag: "team", Cleanup: Cleanup{Keep: 30 * 24 * time.Hour, Policy: CleanupAutomatic},
		Run: Run{Poll: 15 * time.Second, StableReads: 4, APIRate: 2.5, MaxGreens: 20, ProgressDeadline: 36 * time.Hour},
		Waves: []Wave{
			{Name: "canary", Select: Selector{IDs: []string{"orders", "billing"}, Accounts: []string{"shop"}, IDPos: []Pos{{63, 20}, {63, 28}}},
				BuildLimit: 4, SwitchLimit: 2, Budget: Budget{Count: 1}, Soak: 48 * time.Hour, Approval: Auto, Pos: Pos{62, 5}},
			{Name: "rest", Select: Selector{Globs: []string{"*"}, Tags: map[string]string{"env": "prod", "tier": "3"},
				EngineVersions: []string{"5.7"}, Regions: []string{"eu-west-1"}, GlobPos: []Pos{{70, 15}}},
				Exclude:    Selector{IDs: []string{"orders", "billing"}, Tags: map[string]string{"freeze": "*"}, IDPos: []Pos{{74, 21}, {74, 29}}},
				BuildLimit: 5, SwitchLimit: 1, Budget: Budget{Percent: 7.5, IsPercent: true}, Soak: time.Hour, Approval: Manual, Pos: Pos{68, 5}},
		},
	}
	if diff := cmp.Diff(want, p, cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() })); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}

const small = `version: 1
name: small
deadline: 2027-01-31
accounts: [{regions: [eu-west-1]}]
target: {engine_version: "8.4"}
waves: [{name: all, select: {globs: ["*"]}}]
`

func TestDefaults(t *testing.T) {
	p, problems := decode(small)
	if problems != nil {
		t.Fatal(problems)
	}
	want := &Plan{
		Version: 1, Name: "small", Deadline: date("2027-01-31"),
		Accounts:   []Account{{Regions: []string{"eu-west-1"}, Pos: Pos{4, 12}}},
		Target:     Target{EngineVersion: "8.4", Storage: Storage{Type: Keep}, Class: Class{Mode: Keep}, ParameterGroup: Translate},
		Connection: Connection{Auth: AuthNone, TLS: TLSVerify, Connections: 2, Timeout: 10 * time.Second},
		Prechecks:  Prechecks{FailLevel: precheck.Error, MaxAge: 24 * time.Hour, Budget: 10 * time.Minute},
		Switchover: Switchover{Timeout: 5 * time.Minute, MaxLag: 5 * time.Second, LagFor: time.Minute, Retries: 1, WayBack: WayBack{Retention: 72 * time.Hour}, Disk: Disk{MinFree: 10}, Ahead: DefaultAhead()}, Soak: defaultSoak(),
		ServiceTag: "service", OwnerTag: "owner", Cleanup: Cleanup{Keep: 14 * 24 * time.Hour, Policy: CleanupManual},
		Run: Run{Poll: 30 * time.Second, StableReads: 3, APIRate: 4, BuildAhead: true},
		Waves: []Wave{{Name: "all", Select: Selector{Globs: []string{"*"}, GlobPos: []Pos{{6, 38}}}, BuildLimit: 5, SwitchLimit: 1,
			Budget: Budget{Count: 1}, Soak: time.Hour, Approval: Manual, Pos: Pos{6, 9}}},
	}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}

// TestForms are other ways to write the same things.
func TestForms(t *testing.T) {
	replace := func(old, new string) *Plan {
		t.Helper()
		text := full(t)
		if !strings.Contains(text, old) {
			t.Fatalf("testdata/full.yaml does not hold %q", old)
		}
		p, problems := decode(strings.Replace(text, old, new, 1))
		if problems != nil {
			t.Fatalf("%q: %v", new, problems)
		}
		return p
	}
	check := func(what string, got, want any) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	const storage = "storage: {type: gp3, iops: 16000, throughput: keep, raise_to_400: true}"
	check("storage word", replace(storage, "storage: gp3").Target.Storage, Storage{Type: "gp3"})
	check("storage keep", replace(storage, "storage: keep").Target.Storage, Storage{Type: Keep})
	check("storage without type", replace(storage, "storage: {raise_to_400: true}").Target.Storage, Storage{Type: "gp3", RaiseTo400: true})

	const class = "instance_class: {mode: graviton, generation: 8}"
	check("class word", replace(class, "instance_class: graviton").Target.Class, Class{Mode: Graviton})
	byMap := Class{Mode: ByMap, Map: map[string]string{"db.m5.large": "db.m7g.large"}}
	check("class map", replace(class, "instance_class: {db.m5.large: db.m7g.large}").Target.Class, byMap)
	check("class long map", replace(class, "instance_class: {mode: map, map: {db.m5.large: db.m7g.large}}").Target.Class, byMap)
	check("class map without mode", replace(class, "instance_class: {map: {db.m5.large: db.m7g.large}}").Target.Class, byMap)

	check("latest", replace("engine_version: 8.0", "engine_version: latest").Target.EngineVersion, Latest)
	check("exact", replace("engine_version: 8.0", "engine_version: 8.0.46").Target.EngineVersion, "8.0.46")
	check("two digits", replace("engine_version: 8.0", "engine_version: 8.10").Target.EngineVersion, "8.10")
	check("one day", replace("2026-12-24..2027-01-02", "2026-12-24").Switchover.Blackout[0], DateRange{From: date("2026-12-24"), To: date("2026-12-24")})
	check("role names its account", replace("  - id: \"044455556666\"\n    profile", "  - profile").Accounts[1].ID, "044455556666")
	check("end of day", replace("to: 04:00", "to: 24:00").Switchover.Windows[0].To, Clock(24*60))
	check("no service tag", replace("service_tag: app", `service_tag: ""`).ServiceTag, "")
	check("secret", replace("auth: env\n  user: upgrade\n  password_env: MYSQL_PASSWORD", "auth: secret\n  secret_id: rds/{account}/{region}/{id}").
		Connection.SecretFor("1", "eu-west-1", "orders"), "rds/1/eu-west-1/orders")
	check("alias", replace("select: {ids: [orders, billing], accounts: [shop]}\n    limits: {build: 4, switch: 2}",
		"select: {ids: &first [orders, billing], accounts: [shop]}\n    limits: {build: 4, switch: 2}\n    exclude: {ids: [other]}").Waves[0].Select.IDs, []string{"orders", "billing"})
}

func TestAliasesKeepTheirPlaces(t *testing.T) {
	text := strings.Replace(full(t), "exclude: {ids: [orders, billing]", "exclude: {ids: *first", 1)
	text = strings.Replace(text, "{ids: [orders, billing], acc", "{ids: &first [orders, billing], acc", 1)
	p, problems := decode(text)
	if problems != nil {
		t.Fatal(problems)
	}
	if diff := cmp.Diff([]string{"orders", "billing"}, p.Waves[1].Exclude.IDs); diff != "" {
		t.Error(diff)
	}
	_, problems = decode(strings.Replace(text, "ids: *first", "regions: *first", 1))
	// The elements stand where the anchor is; nothing better is known of them.
	if len(problems) != 2 || problems[0].Line != 63 || problems[0].Code != "bad-region" {
		t.Errorf("problems = %v", problems)
	}
}

func TestWarnings(t *testing.T) {
	text := strings.Replace(full(t), "expires: 2027-01-10", "expires: 2026-11-22", 1)
	text = strings.Replace(text, "deadline: 2027-01-31", "deadline: 2026-11-22", 1)
	text = strings.Replace(text, "{build: 4, switch: 2}", "{build: 1, switch: 2}", 1)
	p, problems := decode(text)
	if problems != nil {
		t.Fatal(problems)
	}
	want := "3:11: warning: deadline: 2026-11-22 has passed\n" +
		"34:16: warning: prechecks.waivers[0].expires: the waiver of \"oldTemporal\" expired on 2026-11-22 and covers nothing: renew it or delete it\n" +
		"64:32: warning: waves[0]: 2 databases may switch at once, and only 1 greens are built at once"
	if diff := cmp.Diff(want, p.Warnings.Error()); diff != "" {
		t.Error(diff)
	}
	later, _ := Decode("", []byte(full(t)), Now(testNow.AddDate(20, 0, 0)))
	if later == nil || len(later.Warnings) != 2 {
		t.Errorf("twenty years later: %v", later)
	}
	// The last day still counts.
	p, _ = decode(strings.Replace(full(t), "expires: 2027-01-10", "expires: 2026-11-23", 1))
	if p == nil || len(p.Warnings) != 0 {
		t.Errorf("a waiver that expires today: %v", p.Warnings)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good.yaml"), filepath.Join(dir, "bad.yaml")
	for name, text := range map[string]string{good: small, bad: "version: 2\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p, err := Load(good, Now(testNow))
	if err != nil || p.Path != good {
		t.Errorf("Load = %v, %v", p, err)
	}
	if _, err := Load(bad); err == nil || !strings.HasPrefix(err.Error(), bad+":1:1: ") {
		t.Errorf("Load of a bad plan: %v", err)
	}
	if _, err := Load(filepath.Join(dir, "none.yaml")); !os.IsNotExist(unwrap(err)) {
		t.Errorf("Load of no file: %v", err)
	}
	if _, err := Load(dir); err == nil {
		t.Error("Load of a directory succeeds")
	}
}

func unwrap(err error) error {
	if u, ok := err.(interface{ Unwrap() error }); ok {
		return u.Unwrap()
	}
	return err
}

func TestWayBack(t *testing.T) {
	with := func(text string) (*Plan, Problems) { return decode(small + "switchover: {way_back: " + text + "}\n") }
	p, problems := with("{user: back, password_env: BACK_PASSWORD, binlog_retention: 24h, drill: first}")
	if problems != nil || p.Switchover.WayBack != (WayBack{User: "back", PasswordEnv: "BACK_PASSWORD", Retention: 24 * time.Hour, Drill: DrillFirst}) {
		t.Errorf("%+v %v", p.Switchover.WayBack, problems)
	}
	for _, bad := range []string{"{}", "{user: back}", "{password_env: BACK}", "{user: back, password_env: not a name}", "{user: back, password_env: BACK, binlog_retention: 200h}", "{user: back, password_env: BACK, drill: 1st}"} {
		if _, problems := with(bad); problems.Err() == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}
