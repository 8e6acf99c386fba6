package lab

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

// access is the tool's SQL by the story's plan.
func access(t *testing.T) *fleet.Access {
	t.Helper()
	p, problems := plan.Decode("plan.yaml", []byte(planText))
	if problems.Err() != nil {
		t.Fatal(problems)
	}
	return fleet.NewAccess(p, nil)
}

func endpointOf(t *testing.T, l *Lab, name string) fleet.Endpoint {
	t.Helper()
	host, port, err := net.SplitHostPort(l.Endpoint(name))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return fleet.Endpoint{ID: name, Address: host, Port: n, Account: AccountID, Region: Region}
}

// said finds the gate of a name.
func said(t *testing.T, gates []bluegreen.Gate, name string) bluegreen.Gate {
	t.Helper()
	for _, g := range gates {
		if g.Name == name {
			return g
		}
	}
	t.Fatalf("there is no gate %q in %v", name, gates)
	return bluegreen.Gate{}
}

// seeds are differences between a blue and its green, made on green and undone
// there, with the words that the evidence must contain.
var seeds = []struct{ make, undo, want string }{
	{"DROP TRIGGER shop.orders_audit", shop[6], "trigger shop.orders_audit is missing"},
	{"DROP PROCEDURE shop.pay", shop[8], "routine shop.pay PROCEDURE is missing"},
	{"DROP FUNCTION shop.vat", shop[7], "routine shop.vat FUNCTION is missing"},
	{"DROP VIEW shop.open_orders", shop[9], "view shop.open_orders is missing"},
	{"DROP EVENT shop.nightly", shop[10], "event shop.nightly is missing"},
	{"ALTER EVENT shop.nightly DISABLE", "ALTER DEFINER=app@`%` EVENT shop.nightly ENABLE", "event shop.nightly differs"},
	{"ALTER PROCEDURE shop.pay SQL SECURITY INVOKER", "ALTER PROCEDURE shop.pay SQL SECURITY DEFINER", "routine shop.pay PROCEDURE differs"},
	{"ALTER TABLE shop.orders DROP INDEX customer, ADD INDEX other (customer)", "ALTER TABLE shop.orders DROP INDEX other, ADD INDEX customer (customer)", "index shop.orders.customer#1 is missing"},
	{"ALTER TABLE shop.customers DROP INDEX email", "ALTER TABLE shop.customers ADD UNIQUE KEY email (email)", "index shop.customers.email#1 is missing"},
	{"ALTER TABLE shop.orders DROP FOREIGN KEY orders_customer", "ALTER TABLE shop.orders ADD CONSTRAINT orders_customer FOREIGN KEY (customer) REFERENCES customers (id)", "constraint shop.orders.orders_customer#1 is missing"},
	{"ALTER TABLE shop.customers MODIFY name VARCHAR(90) NOT NULL", "ALTER TABLE shop.customers MODIFY name VARCHAR(80) NOT NULL", "column shop.customers.name differs"},
	{"ALTER TABLE shop.customers MODIFY name VARCHAR(80) NULL", "ALTER TABLE shop.customers MODIFY name VARCHAR(80) NOT NULL", "column shop.customers.name differs"},
	{"ALTER TABLE shop.customers MODIFY email VARCHAR(120) COLLATE utf8mb4_bin", "ALTER TABLE shop.customers MODIFY email VARCHAR(120)", "column shop.customers.email differs"},
	{"ALTER TABLE shop.orders ALTER state SET DEFAULT 'paid'", "ALTER TABLE shop.orders ALTER state SET DEFAULT 'new'", "column shop.orders.state differs"},
	{"ALTER TABLE shop.audit ADD extra INT", "ALTER TABLE shop.audit DROP extra", "column shop.audit.extra is on green only"},
	{"CREATE TABLE shop.stray (id INT PRIMARY KEY)", "DROP TABLE shop.stray", "table shop.stray is on green only"},
	{"ALTER DATABASE shop CHARACTER SET utf8mb4", "ALTER DATABASE shop CHARACTER SET latin1", "schema shop differs"},
	{"REVOKE DELETE ON *.* FROM app@`%`", "GRANT DELETE ON *.* TO app@`%` WITH GRANT OPTION", "grant 'app'@'%' DELETE ON *.* is missing"},
	{"GRANT SELECT ON shop.audit TO app@`%`", "REVOKE SELECT ON shop.audit FROM app@`%`", "grant 'app'@'%' SELECT ON shop.audit is on green only"},
	{"INSERT INTO shop.customers (id, name) VALUES (99, 'stray')", "DELETE FROM shop.customers WHERE id = 99", "shop.customers has 3 rows on blue, 4 on green"},
	{"DELETE FROM shop.audit WHERE id = 1", "INSERT INTO shop.audit (id, what) VALUES (1, 'order 1')", "shop.audit has 3 rows on blue, 2 on green"},
}

func TestGatesOnRealServers(t *testing.T) {
	t.Parallel()
	l := startLab(t, Config{})
	d := l.build(t)
	green := strings.TrimPrefix(d.Target, "arn:aws:rds:"+Region+":"+AccountID+":db:")
	a := access(t)
	ask := func() []bluegreen.Gate {
		return a.Gates(t.Context(), endpointOf(t, l, "orders"), endpointOf(t, l, green))
	}
	for _, g := range ask() {
		if g.Verdict != bluegreen.GatePass {
			t.Errorf("on a true copy: %s", g)
		}
	}
	for n, s := range seeds {
		t.Run(fmt.Sprint(n, " ", s.make), func(t *testing.T) {
			run := func(q string) {
				if err := l.Root(t.Context(), green, "USE shop", "SET SESSION sql_mode='ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'", q); err != nil {
					t.Fatal(err)
				}
			}
			run(s.make)
			gates := ask()
			run(s.undo)
			if v := bluegreen.GatesVerdict(gates); v != bluegreen.GateFail {
				t.Errorf("the gates say %s", v)
			}
			all := said(t, gates, "parity of blue and green").String() + said(t, gates, "rows of blue and green").String()
			if !strings.Contains(all, s.want) {
				t.Errorf("the evidence does not say %q: %s", s.want, all)
			}
		})
	}
	for _, g := range ask() {
		if g.Verdict != bluegreen.GatePass {
			t.Errorf("after all was undone: %s", g)
		}
	}
}
