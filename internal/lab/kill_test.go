package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim"
	"github.com/rdsupgrade/rdsupgrade/internal/soak"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

// moment is an entry of the journal after which the tool is killed, at a
// random time within the span in which what it announces happens.
type moment struct {
	name   string
	kind   journal.Kind
	prefix string
	within time.Duration
}

func (m moment) is(e journal.Entry) bool {
	return e.Kind == m.kind && strings.HasPrefix(e.What, m.prefix)
}

// switching are the moments of a switchover in their order.
var switching = []moment{
	{"the green is ready", journal.Stage, "ready", 2 * time.Second},
	{"a gate has spoken", journal.Gate, "", 300 * time.Millisecond},
	{"the switchover is announced", journal.Intent, "switch over", 10 * time.Millisecond},
	{"RDS has taken it", journal.Result, "done: switch over", 1000 * time.Millisecond},
	{"RDS switches", journal.Stage, "switching", 1300 * time.Millisecond},
	{"RDS has switched", journal.Stage, "switched", 20 * time.Millisecond},
	{"the switchover is recorded", journal.Fact, "switched over", 300 * time.Millisecond},
	{"it is confirmed", journal.Fact, "confirmed", 500 * time.Millisecond},
	{"the way back is armed", journal.Fact, "the way back is armed", 300 * time.Millisecond},
}

// victim is a campaign whose tool is killed again and again, with a load that
// never stops.
type victim struct {
	t     *testing.T
	l     *Lab
	s     Story
	rnd   *rand.Rand
	load  *Load
	kills []string
}

func newVictim(t *testing.T, program string, rnd *rand.Rand, faults ...rdssim.Fault) *victim {
	t.Helper()
	cfg := Config{Dark: time.Second + time.Duration(rnd.IntN(3))*time.Second, Faults: &rdssim.Faults{Faults: faults}}
	v := &victim{t: t, l: startLab(t, cfg), s: Story{Program: program, Dir: t.TempDir(), Out: io.Discard}, rnd: rnd}
	if err := v.s.prepare(); err != nil {
		t.Fatal(err)
	}
	load, err := StartLoad(v.l.Endpoint("orders"), App, 200)
	if err != nil {
		t.Fatal(err)
	}
	v.load = load
	t.Cleanup(v.stop)
	return v
}

func (v *victim) stop() {
	if v.load != nil {
		v.load.Stop()
	}
}

func (v *victim) journalFile() string { return filepath.Join(v.s.Dir, "state", "journal.jsonl") }

// entries are those of the journal that are written in full.
func (v *victim) entries() []journal.Entry {
	b, err := os.ReadFile(v.journalFile())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		v.t.Fatal(err)
	}
	var out []journal.Entry
	for {
		line, rest, whole := bytes.Cut(b, []byte("\n"))
		if !whole {
			return out
		}
		var e journal.Entry
		if err := json.Unmarshal(line, &e); err != nil {
			v.t.Fatalf("the journal holds %q: %v", line, err)
		}
		out, b = append(out, e), rest
	}
}

// reached is the number of the first moment that has not passed for good:
// gates are asked again by every run.
func (v *victim) reached(moments []moment) (at int) {
	for _, e := range v.entries() {
		for n, m := range moments {
			if !m.again() && m.is(e) {
				at = max(at, n+1)
			}
		}
	}
	return at
}

// near is how many moments ahead the next kill may be, so that a campaign
// takes several.
const near = 4

// killAt runs a command and kills it after the first of the moments that comes;
// false: it ended by itself.
func (v *victim) killAt(moments []moment, command string, args ...string) (killed bool, code int, said string) {
	v.t.Helper()
	var out bytes.Buffer
	s := v.s
	s.Out = &out
	c := s.command(context.WithoutCancel(v.t.Context()), v.l, command, args...)
	have := len(v.entries())
	if err := c.Start(); err != nil {
		v.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	var fire <-chan time.Time
	for {
		select {
		case <-ended:
			return c.ProcessState.ExitCode() == -1, c.ProcessState.ExitCode(), out.String()
		case <-fire:
			_ = c.Process.Kill() // it may have ended; Wait tells
			fire = nil
		case <-look.C:
			for _, e := range v.entries()[have:] {
				if n := slices.IndexFunc(moments, func(m moment) bool { return m.is(e) }); n >= 0 && fire == nil {
					fire = time.After(time.Duration(v.rnd.Int64N(int64(moments[n].within))))
					v.kills = append(v.kills, moments[n].name)
					look.Stop()
				}
			}
		}
	}
}

// torment kills the command at most so often at random moments, until it ends by itself.
func (v *victim) torment(moments []moment, most int, command string, args ...string) (kills int) {
	v.t.Helper()
	for {
		at := v.reached(moments)
		if left := len(moments) - at; kills < most && left > 0 {
			at += v.rnd.IntN(min(near, left))
		} else {
			at = len(moments)
		}
		next := slices.Clone(moments[at:])
		// A call to RDS, or its answer, may be what comes first.
		if call := []journal.Kind{journal.Intent, journal.Result, ""}[v.rnd.IntN(3)]; kills < most {
			for _, m := range moments[:at] {
				if m.again() && m.kind == call {
					next = append(next, m)
				}
			}
		}
		killed, code, said := v.killAt(next, command, args...)
		if !killed {
			if code != 0 {
				v.t.Fatalf("%s ended with %d after kills when %s:\n%s", command, code, strings.Join(v.kills, "; "), said)
			}
			return kills
		}
		kills++
	}
}

// status asks the real binary.
func (v *victim) status() fleet.DatabaseStatus {
	v.t.Helper()
	var out bytes.Buffer
	s := v.s
	s.Out = &out
	c := s.command(v.t.Context(), v.l, "status", "--output", "json")
	c.Stderr = io.Discard
	if err := c.Run(); err != nil {
		v.t.Fatalf("status: %v\n%s", err, out.String())
	}
	var st fleet.Status
	if err := json.Unmarshal(out.Bytes(), &st); err != nil || len(st.Databases) != 1 {
		v.t.Fatalf("status: %v\n%s", err, out.String())
	}
	return st.Databases[0]
}

// checkOnce: no change was made twice at RDS, and the journal is whole.
func (v *victim) checkOnce(want map[string]int) {
	v.t.Helper()
	same, byAction := map[string]int{}, map[string]int{}
	for _, m := range v.l.Sim.History() {
		if m.Error == "" {
			same[fmt.Sprint(m.Action, " ", m.Params)]++
			byAction[m.Action]++
		}
	}
	for what, n := range same {
		most := 1
		if strings.HasPrefix(what, "RebootDBInstance") && strings.Contains(what, "orders-old1") {
			most = 2 // closed to everybody, and opened again
		}
		if n > most {
			v.t.Errorf("%d times: %s", n, what)
		}
	}
	for action, n := range want {
		if byAction[action] != n {
			v.t.Errorf("%s: %d times, want %d; all: %v", action, byAction[action], n, byAction)
		}
	}
	if sum, err := journal.Verify(v.journalFile()); err != nil {
		v.t.Error(err)
	} else {
		v.t.Logf("%d journal entries; calls: %v", sum.Entries, byAction)
	}
}

// checkRows: every acknowledged write is on each of the servers once.
func (v *victim) checkRows(names ...string) {
	v.t.Helper()
	for _, name := range names {
		c, err := v.load.Compare(v.t.Context(), v.l, name)
		if err != nil {
			v.t.Fatal(err)
		}
		v.t.Logf("%s: acknowledged %d, lost %d, doubled %d, refused and there %d, without an answer %d (there: %d)", name, c.Acked, len(c.Lost), len(c.Doubled), len(c.Ghosts), c.Unknown, c.Kept)
		if !c.Good() {
			v.t.Errorf("%s: %+v", name, c)
		}
	}
}

// checkDowntime: what was measured is right, and where nobody measured that is said.
func (v *victim) checkDowntime(d fleet.DatabaseStatus) {
	v.t.Helper()
	truth := Result{Outages: v.load.Outages()}.Truth()
	v.t.Logf("the load could not write for %s; the tool says %v %s", truth, d.Downtime, d.DowntimeUnknown)
	switch {
	case d.Downtime == nil:
		if d.DowntimeUnknown == "" {
			v.t.Error("the tool tells no downtime, and not why")
		}
	case d.Downtime.AtLeast:
		if got := d.Downtime.Writes - d.Downtime.Within; got > 1.1*truth.Seconds() {
			v.t.Errorf("it was at least %.2f s by the tool, and %s in truth", got, truth)
		}
	case max(d.Downtime.Writes-truth.Seconds(), truth.Seconds()-d.Downtime.Writes) > truth.Seconds()/10+d.Downtime.Within:
		v.t.Errorf("%.2f s by the tool, %s in truth", d.Downtime.Writes, truth)
	}
}

// dice are random, and can be thrown again: the seed is in the log.
func dice(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(soak.Number(t, "RDSUPGRADE_SEED", int(time.Now().UnixNano())))
	t.Logf("RDSUPGRADE_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// settle lets the load go on for a while.
func (v *victim) settle() {
	v.t.Helper()
	after := v.load.Acked()
	await(v.t, "the load goes on", func() bool { return v.load.Acked() > after+100 })
}

// tormented plays campaigns until there were as many kills as are wanted: in
// the short form a handful.
func tormented(t *testing.T, play func(t *testing.T, v *victim, most int) (kills int)) {
	t.Helper()
	bin, rnd, total := program(t), dice(t), soak.Number(t, "RDSUPGRADE_SOAK_KILLS", 4)
	when := map[string]int{}
	for kills := 0; kills < total && !t.Failed(); {
		t.Run("campaign", func(t *testing.T) {
			v := newVictim(t, bin, rnd)
			defer func() {
				t.Logf("killed when %s", strings.Join(v.kills, "; "))
				for _, k := range v.kills {
					when[k]++
				}
			}()
			kills += play(t, v, total-kills)
		})
		if os.Getenv("RDSUPGRADE_SOAK_KILLS") == "" {
			break // one campaign is enough
		}
	}
	for _, name := range slices.Sorted(maps.Keys(when)) {
		t.Logf("%3d x %s", when[name], name)
	}
}

// TestKilledWhileSwitching: SIGKILL at random moments from a ready green to an
// armed way back. The long form is RDSUPGRADE_SOAK_KILLS=50.
func TestKilledWhileSwitching(t *testing.T) {
	t.Parallel()
	tormented(t, func(t *testing.T, v *victim, most int) int {
		kills := v.torment(switching, most, "run")
		v.settle()
		v.stop()
		if err := v.l.CatchUp(t.Context(), "orders", "orders-old1"); err != nil {
			t.Fatal(err)
		}
		d := v.status()
		if w := d.WayBack; d.Stage != "done" || w.ArmedAt == nil || w.Alarm != "" || w.Loss != "nothing: old blue has every write" {
			t.Errorf("%s, way back %+v", d.Stage, w)
		}
		v.checkDowntime(d)
		v.checkRows("orders", "orders-old1")
		v.checkOnce(map[string]int{"CreateBlueGreenDeployment": 1, "SwitchoverBlueGreenDeployment": 1})
		checkSides(t, v.l)
		return kills
	})
}
