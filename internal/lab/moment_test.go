package lab

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

// application is a connection of the lab's application.
func (l *Lab) application(t *testing.T, name string) *sql.Conn {
	t.Helper()
	db, err := sql.Open("mysql", fmt.Sprintf("%s:%s@tcp(%s)/shop?allowNativePasswords=true", App.User, App.Password, l.Endpoint(name)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// TestMomentOnRealServers: what is read around a switchover means the same on
// an old server and a new one.
func TestMomentOnRealServers(t *testing.T) {
	t.Parallel()
	l := startLab(t, Config{})
	d := l.build(t)
	a := access(t)
	blue, green := endpointOf(t, l, "orders"), endpointOf(t, l, strings.TrimPrefix(d.Target, "arn:aws:rds:"+Region+":"+AccountID+":db:"))

	t.Run("drain", func(t *testing.T) {
		// The lab's own superuser is there besides, with now more, now fewer
		// connections; replication to green, and the tool itself, do not count.
		others := func() (n int) {
			row, err := l.Row(t.Context(), "orders", "SELECT COUNT(*) AS n FROM information_schema.PROCESSLIST WHERE USER='root'")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := fmt.Sscan(row["n"], &n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		load := func(want bluegreen.AppLoad) {
			t.Helper()
			await(t, "the server sees the application's "+want.String(), func() bool {
				got, err := a.AppLoad(t.Context(), blue)
				got.Connections -= others()
				return err == nil && got == want
			})
		}
		load(bluegreen.AppLoad{})
		idle, busy := l.application(t, "orders"), l.application(t, "orders")
		load(bluegreen.AppLoad{Connections: 2})
		for _, q := range []string{"START TRANSACTION", "UPDATE customers SET name = name WHERE id = 1"} {
			if _, err := busy.ExecContext(t.Context(), q); err != nil {
				t.Fatal(err)
			}
		}
		load(bluegreen.AppLoad{Connections: 2, Transactions: 1})
		if err := errors.Join(busy.Close(), idle.Close()); err != nil {
			t.Fatal(err)
		}
	})

	t.Run("smoke", func(t *testing.T) { l.smoke(t, a, blue, green) })

	t.Run("disk", func(t *testing.T) {
		if gib, err := a.BinlogGiB(t.Context(), blue); err != nil || gib <= 0 {
			t.Errorf("binary logs of blue: %g GiB, %v", gib, err)
		}
	})

	for _, at := range []struct {
		name string
		ep   fleet.Endpoint
	}{{"blue", blue}, {"green", green}} {
		t.Run("health of "+at.name, func(t *testing.T) { l.health(t, a, at.ep) })
	}
}

func (l *Lab) smoke(t *testing.T, a *fleet.Access, blue, green fleet.Endpoint) {
	for _, c := range []struct {
		q     plan.Smoke
		at    fleet.Endpoint
		want  bluegreen.Answer
		fails string
	}{
		{q: plan.Smoke{SQL: "SELECT COUNT(*) FROM shop.customers"}, at: green, want: bluegreen.Answer{Rows: 1, First: "3"}},
		{q: plan.Smoke{SQL: "SELECT name FROM customers ORDER BY id", Schema: "shop"}, at: blue, want: bluegreen.Answer{Rows: 3, First: "Ada"}},
		{q: plan.Smoke{SQL: "SELECT email FROM shop.customers WHERE id = 3"}, at: green, want: bluegreen.Answer{Rows: 1, Null: true}},
		{q: plan.Smoke{SQL: "SELECT id FROM shop.customers WHERE id = 99"}, at: green},
		{q: plan.Smoke{SQL: "SELECT COUNT(*) FROM shop.customers a, shop.customers b, information_schema.COLUMNS c, information_schema.COLUMNS d", MaxTime: 50 * time.Millisecond}, at: blue, want: bluegreen.Answer{Slow: true}},
		{q: plan.Smoke{SQL: "SELECT nothing FROM shop.customers"}, at: green, fails: "Unknown column"},
		{q: plan.Smoke{SQL: "SELECT shop.write_down()"}, at: blue, fails: "READ ONLY"},
	} {
		if c.fails == "READ ONLY" {
			if err := l.Root(t.Context(), "orders", "SET GLOBAL log_bin_trust_function_creators=1",
				"CREATE FUNCTION shop.write_down() RETURNS INT BEGIN INSERT INTO shop.audit (what) VALUES ('smoke'); RETURN 1; END"); err != nil {
				t.Fatal(err)
			}
		}
		if c.q.MaxTime == 0 {
			c.q.MaxTime = 10 * time.Second
		}
		got, err := a.Smoke(t.Context(), c.at, c.q)
		if c.fails != "" {
			if err == nil || !strings.Contains(err.Error(), c.fails) {
				t.Errorf("%s: %v, want an error with %q", c.q.SQL, err, c.fails)
			}
			continue
		}
		if err != nil || got.Rows != c.want.Rows || got.First != c.want.First || got.Null != c.want.Null || got.Slow != c.want.Slow {
			t.Errorf("%s: %+v, %v, want %+v", c.q.SQL, got, err, c.want)
		}
	}
	q := plan.Smoke{SQL: "SELECT * FROM shop.orders ORDER BY id", MaxTime: 10 * time.Second}
	onBlue, err1 := a.Smoke(t.Context(), blue, q)
	onGreen, err2 := a.Smoke(t.Context(), green, q)
	if err := errors.Join(err1, err2); err != nil || onBlue.Sum != onGreen.Sum || onBlue.Rows != 3 {
		t.Errorf("the same rows have the checksums %s and %s, %v", onBlue.Sum, onGreen.Sum, err)
	}
}

// health has a server count failing and good statements, and failed connects.
func (l *Lab) health(t *testing.T, a *fleet.Access, ep fleet.Endpoint) {
	read := func() bluegreen.Health {
		t.Helper()
		h, err := a.Health(t.Context(), ep)
		if err != nil {
			t.Fatal(err)
		}
		h.At = time.Now()
		return h
	}
	before := read()
	if !before.Instrumented || before.Uptime <= 0 || before.Threads < 1 {
		t.Fatalf("%+v", before)
	}
	conn := l.application(t, ep.ID)
	for range 60 {
		if _, err := conn.ExecContext(t.Context(), "DO SLEEP(0.003)"); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.ExecContext(t.Context(), "SELECT nothing FROM shop.customers"); err == nil {
			t.Fatal("a column that does not exist was read")
		}
	}
	wrong, err := sql.Open("mysql", fmt.Sprintf("%s:wrong@tcp(%s)/shop?allowNativePasswords=true", App.User, l.Endpoint(ep.ID)))
	if err != nil {
		t.Fatal(err)
	}
	defer wrong.Close()
	if wrong.PingContext(t.Context()) == nil {
		t.Fatal("a wrong password was taken")
	}
	after := read()
	rate, ok := after.Since(before)
	if !ok || rate.Statements < 120 || after.Errors-before.Errors < 60 || after.Aborted-before.Aborted != 1 || after.Busy-before.Busy < 60*time.Millisecond || rate.ErrorShare < 30 {
		t.Errorf("before %+v\nafter %+v\nrate %s", before, after, rate)
	}
	var s bluegreen.Soak
	limits := bluegreen.SoakLimits{ErrorShare: 1, LatencyRatio: 3, Failures: 1, Inconclusives: 1}
	s.Take(bluegreen.HealthSample{Health: bluegreen.Reading[bluegreen.Health]{Value: before}}, nil, limits)
	if g, stop := s.Take(bluegreen.HealthSample{Health: bluegreen.Reading[bluegreen.Health]{Value: after}}, nil, limits); g.Verdict != bluegreen.GateFail || !stop {
		t.Errorf("half of the statements failed, and the soak says %s", g)
	}
}
