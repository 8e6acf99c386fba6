package lab

import (
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim"
)

// startLab is a lab of one database with the shop's schema.
// TestMain gives the tool's passwords to every test, since tests that run side
// by side cannot set them for themselves.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{"RDSUPGRADE_LAB_PASSWORD": Tool.Password, "RDSUPGRADE_LAB_WAY_BACK": wayBackPassword} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

func startLab(t *testing.T, cfg Config) *Lab {
	t.Helper()
	cfg.Databases, cfg.Tell = []string{"orders"}, t.Logf
	l, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := l.Shop(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	return l
}

// await asks until it is so.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	end := time.NewTimer(90 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer end.Stop()
	defer tick.Stop()
	for !so() {
		select {
		case <-end.C:
			t.Fatalf("waited in vain: %s", what)
		case <-tick.C:
		}
	}
}

func (l *Lab) deployment(t *testing.T) rdssim.DeploymentState {
	t.Helper()
	all := l.Sim.State().Deployments
	if len(all) != 1 {
		t.Fatalf("there are %d deployments", len(all))
	}
	return all[0]
}

// build makes the green of orders, and returns when it may be switched to.
func (l *Lab) build(t *testing.T) rdssim.DeploymentState {
	t.Helper()
	if _, err := l.Sim.Ask(scope, "CreateBlueGreenDeployment", url.Values{"BlueGreenDeploymentName": {"lab"},
		"Source": {"arn:aws:rds:" + Region + ":" + AccountID + ":db:orders"}, "TargetEngineVersion": {"9.7.2"}}); err != nil {
		t.Fatal(err)
	}
	await(t, "the green is built", func() bool {
		d := l.deployment(t)
		if d.Status == "INVALID_CONFIGURATION" {
			t.Fatal(d.Details)
		}
		for _, i := range l.Sim.State().Instances {
			if i.Status != "available" {
				return false
			}
		}
		return d.Status == "AVAILABLE"
	})
	return l.deployment(t)
}

// switchOver has RDS switch over, and returns when it has.
func (l *Lab) switchOver(t *testing.T, id string) (d rdssim.DeploymentState) {
	t.Helper()
	if _, err := l.Sim.Ask(scope, "SwitchoverBlueGreenDeployment", url.Values{"BlueGreenDeploymentIdentifier": {id}, "SwitchoverTimeout": {"300"}}); err != nil {
		t.Fatal(err)
	}
	await(t, "switched over", func() bool {
		d = l.deployment(t)
		if d.Status == "SWITCHOVER_FAILED" || d.Status == "AVAILABLE" {
			t.Fatal(d.Details)
		}
		return d.Status == "SWITCHOVER_COMPLETED"
	})
	return d
}

func TestSwitchoverKeepsEveryAcknowledgedWrite(t *testing.T) {
	l := startLab(t, Config{Dark: time.Second})
	load, err := StartLoad(l.Endpoint("orders"), App, 200)
	if err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop := func() {
		if !stopped {
			load.Stop()
			stopped = true
		}
	}
	defer stop()
	d := l.build(t)
	await(t, "the load runs", func() bool { return load.Acked() > 200 })
	d = l.switchOver(t, d.ID)
	after := load.Acked()
	await(t, "the load goes on", func() bool { return load.Acked() > after+200 })
	stop()

	c, err := load.Compare(t.Context(), l, "orders")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", c)
	if !c.Good() {
		t.Errorf("after the switchover: %+v", c)
	}
	if out := load.Outages(); len(out) != 1 || out[0].Length() < time.Second {
		t.Errorf("the load saw %+v, want one outage of a second or more", out)
	}
	checkSides(t, l)
	checkCoordinates(t, l, d.Members[0])
}

// checkSides: the newer server answers and takes writes, old blue does neither.
func checkSides(t *testing.T, l *Lab) {
	t.Helper()
	for name, want := range map[string]string{"orders": "9", "orders-old1": "5"} {
		row, err := l.Row(t.Context(), name, "SELECT VERSION() AS v, @@global.read_only AS ro, (SELECT COUNT(*) FROM shop.open_orders) AS open")
		if err != nil {
			t.Fatal(err)
		}
		ro := map[string]string{"9": "0", "5": "1"}[want]
		if row["v"][:1] != want || row["ro"] != ro || row["open"] != "3" {
			t.Errorf("%s: %v", name, row)
		}
	}
}

// checkCoordinates: the event names the place before the first write on green,
// and nothing that green did before it came from a client.
func checkCoordinates(t *testing.T, l *Lab, m rdssim.MemberState) {
	t.Helper()
	var text string
	for _, e := range l.Sim.State().Events {
		if e.SourceType == "db-instance" && e.Message != "" && len(e.Message) > 30 && e.Message[:10] == "Binary log" {
			text = e.Message
		}
	}
	at := l.plane.last
	if text != "Binary log coordinates in green environment after switchover: file "+at.File+" and position "+utoa(at.Position) {
		t.Errorf("the event says %q, the server was at %+v", text, at)
	}
	row, err := l.Row(t.Context(), "orders", "SHOW BINLOG EVENTS IN "+quote(at.File)+" FROM "+utoa(at.Position)+" LIMIT 1")
	if err != nil || row == nil {
		t.Errorf("nothing stands at the coordinates: %v %v", row, err)
	}
	if s := m.Source; s != "arn:aws:rds:"+Region+":"+AccountID+":db:orders-old1" {
		t.Errorf("the source is %s", s)
	}
}
