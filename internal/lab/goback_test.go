package lab

import (
	"bytes"
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
)

// upgraded is a lab in which the tool has carried orders to the newer server,
// while a load wrote all the time and goes on.
func upgraded(t *testing.T) (*Lab, Story, *Load) {
	t.Helper()
	l := startLab(t, Config{Dark: time.Second})
	s := Story{Program: program(t), Dir: t.TempDir(), Out: testWriter{t}}
	if err := s.prepare(); err != nil {
		t.Fatal(err)
	}
	load, err := StartLoad(l.Endpoint("orders"), App, 200)
	if err != nil {
		t.Fatal(err)
	}
	stop := load.Stop
	t.Cleanup(func() { stop() })
	await(t, "the load writes to blue", func() bool { return load.Acked() > 100 })
	if err := s.Run(t.Context(), l, "run"); err != nil {
		t.Fatalf("run: %v", err)
	}
	onNew := load.Acked()
	await(t, "the load writes to the new server", func() bool { return load.Acked() > onNew+300 })
	return l, s, load
}

// code is the tool's exit code.
func code(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	t.Fatal(err)
	return -1
}

// standing is what the tool's status says of orders.
func (s Story) standing(t *testing.T, l *Lab) fleet.DatabaseStatus {
	t.Helper()
	var out bytes.Buffer
	quiet := s
	quiet.Out = &out
	_ = quiet.Run(t.Context(), l, "status", "--output", "json") // its exit code tells of the campaign
	text := out.Bytes()
	if n := bytes.IndexByte(text, '{'); n > 0 {
		text = text[n:]
	}
	var st fleet.Status
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&st); err != nil || len(st.Databases) != 1 {
		t.Fatalf("%d databases, %v: %s", len(st.Databases), err, out.String())
	}
	return st.Databases[0]
}

// outagesSince adds up how long the load could not write after a moment.
func outagesSince(load *Load, at time.Time) (sum time.Duration) {
	for _, o := range load.Outages() {
		if o.From.After(at) {
			sum += o.Length()
		}
	}
	return sum
}

// TestRollbackLosesNothing: the tool itself goes back, with 200 writes a second
// on the endpoint, and every acknowledged write is there once.
func TestRollbackLosesNothing(t *testing.T) {
	l, s, load := upgraded(t)
	begin := time.Now()
	if got := code(t, s.Run(t.Context(), l, "rollback", "--database", "orders", "--yes")); got != 64 {
		t.Errorf("without the name a second time: exit code %d", got)
	}
	if got := code(t, s.Run(t.Context(), l, "rollback", "--database", "orders", "--yes", "--confirm", "orders", "--reason", "too slow")); got != 0 {
		t.Fatalf("rollback: exit code %d", got)
	}
	back := load.Acked()
	await(t, "the load writes to old blue", func() bool { return load.Acked() > back+200 })
	load.Stop()

	if v, err := l.version(t.Context()); err != nil || !strings.HasPrefix(v, "5.7") {
		t.Errorf("behind orders is %s (%v)", v, err)
	}
	c, err := load.Compare(t.Context(), l, "orders")
	if err != nil {
		t.Fatal(err)
	}
	truth := outagesSince(load, begin)
	t.Logf("%+v; writes failed for %s", c, truth)
	if !c.Good() {
		t.Errorf("after going back: %+v", c)
	}
	d := s.standing(t, l)
	if d.Stage != "rolled-back" || d.GoBack == nil || d.GoBack.State != "done" || d.GoBack.Lost != nil {
		t.Fatalf("the tool says %s, %+v", d.Stage, d.GoBack)
	}
	if d.GoBack.Downtime == nil {
		t.Fatal("no downtime was measured")
	}
	measured := time.Duration(d.GoBack.Downtime.Writes * float64(time.Second))
	if (measured - truth).Abs() > truth/10 {
		t.Errorf("the tool measured %s, the load saw %s", measured, truth)
	}
}

// TestRollbackOfABrokenWay: a session in a collation that 5.7 does not know
// breaks the way back. The tool refuses, says what would be lost, and goes back
// only when that is accepted; what was lost is what it says.
func TestRollbackOfABrokenWay(t *testing.T) {
	t.Parallel()
	l, s, load := upgraded(t)
	if err := l.CatchUp(t.Context(), "orders", "orders-old1"); err != nil {
		t.Fatal(err)
	}
	l.breakWay(t, []string{"SET NAMES utf8mb4 COLLATE utf8mb4_0900_ai_ci", "INSERT INTO shop.audit (what) VALUES ('x')"})
	await(t, "the way back is found broken", func() bool { d := s.standing(t, l); return d.WayBack.Kind == "rename-with-loss" })
	if got := code(t, s.Run(t.Context(), l, "rollback", "--database", "orders", "--yes", "--confirm", "orders")); got != 3 {
		t.Fatalf("rollback of a broken way: exit code %d", got)
	}
	if v, err := l.version(t.Context()); err != nil || strings.HasPrefix(v, "5.7") {
		t.Fatalf("behind orders is %s (%v)", v, err)
	}
	if got := code(t, s.Run(t.Context(), l, "rollback", "--database", "orders", "--accept-loss", "--yes", "--confirm", "orders")); got != 0 {
		t.Fatalf("rollback --accept-loss: exit code %d", got)
	}
	back := load.Acked()
	await(t, "the load writes to old blue", func() bool { return load.Acked() > back+200 })
	load.Stop()
	c, err := load.Compare(t.Context(), l, "orders")
	if err != nil {
		t.Fatal(err)
	}
	d := s.standing(t, l)
	if d.GoBack == nil || d.GoBack.Lost == nil || d.GoBack.Lost.From == "" || d.GoBack.Lost.To == "" {
		t.Fatalf("what was lost is told as %+v", d.GoBack)
	}
	t.Logf("%d lost of %d; %s", len(c.Lost), c.Acked, d.GoBack.Lost.Text)
	if len(c.Lost) == 0 || len(c.Doubled) > 0 {
		t.Errorf("%+v", c)
	}
	// Every lost write stands on the server that is kept, and none besides.
	kept, err := load.Compare(t.Context(), l, "orders-rolledback")
	if err != nil {
		t.Fatal(err)
	}
	gone := map[int64]bool{}
	for _, n := range kept.Lost {
		gone[n] = true
	}
	for _, n := range c.Lost {
		if gone[n] {
			t.Fatalf("write %d is on neither server", n)
		}
	}
}

// TestDrillOnRealServers goes back and forward again: old blue's own log leads
// the newer server on, and no write is lost on either leg.
func TestDrillOnRealServers(t *testing.T) {
	l, s, load := upgraded(t)
	if got := code(t, s.Run(t.Context(), l, "rollback", "--drill", "--database", "orders", "--yes", "--confirm", "orders")); got != 0 {
		t.Fatalf("rollback --drill: exit code %d", got)
	}
	after := load.Acked()
	await(t, "the load writes to the newer server again", func() bool { return load.Acked() > after+200 })
	if got := code(t, s.Run(t.Context(), l, "run")); got != 0 { // arms the way back again
		t.Fatalf("run: exit code %d", got)
	}
	load.Stop()
	if v, err := l.version(t.Context()); err != nil || strings.HasPrefix(v, "5.7") {
		t.Errorf("behind orders is %s (%v)", v, err)
	}
	if d := s.standing(t, l); d.Stage != "done" || d.GoBack == nil || d.GoBack.LastDrill == nil || !d.GoBack.LastDrill.Passed || d.WayBack.Kind != "go-back" {
		t.Errorf("the tool says %s, %+v, way back %+v", d.Stage, d.GoBack, d.WayBack)
	}
	if err := l.CatchUp(t.Context(), "orders", "orders-old1"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"orders", "orders-old1"} {
		c, err := load.Compare(t.Context(), l, name)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %+v", name, c)
		if !c.Good() {
			t.Errorf("%s after the drill: %+v", name, c)
		}
	}
}
