package fleet

import (
	"strings"
	"testing"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqltest"
)

// On a real server: this program's own readings are no clients, another
// account's connection is one, and an account that may not see it proves nothing.
func TestClientsOnARealServer(t *testing.T) {
	s := mysqltest.Private(t, mysqltest.SideOld, mysqltest.Options{})
	db := s.DB(t, "")
	mysqltest.Exec(t, db, "CREATE USER app@'%' IDENTIFIED BY 'Sesam-9'", "CREATE USER blind@'%' IDENTIFIED BY 'Sesam-9'")
	a, ep := accessTo(t, s)
	for range 2 {
		if got, err := a.Clients(t.Context(), ep); err != nil || len(got) > 0 {
			t.Fatalf("alone: %v, %v", got, err)
		}
	}
	app := *a.Plan
	app.Connection.User = "app"
	t.Setenv("APP_PASSWORD", "Sesam-9")
	app.Connection.PasswordEnv = "APP_PASSWORD"
	other := &Access{Plan: &app, Now: a.Now}
	line, err := other.dial(t.Context(), ep)
	if err != nil {
		t.Fatal(err)
	}
	defer line.close()
	if _, err := line.rows(t.Context(), "hold", "SELECT 1 AS one"); err != nil {
		t.Fatal(err)
	}
	got, err := a.Clients(t.Context(), ep)
	if err != nil || len(got) != 1 || !strings.HasPrefix(got[0], "app@") {
		t.Errorf("with a client: %v, %v", got, err)
	}
	blind := app
	blind.Connection.User = "blind"
	if got, err := (&Access{Plan: &blind, Now: a.Now}).Clients(t.Context(), ep); err == nil {
		t.Errorf("an account without PROCESS says %v", got)
	}
}
