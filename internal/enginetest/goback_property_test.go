package enginetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/awsrds"
	"github.com/rdsupgrade/rdsupgrade/internal/rdssim"
	"github.com/rdsupgrade/rdsupgrade/internal/soak"
	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

// TestGoingBackInvariants: random orders to go back, with and without loss
// accepted, drills, orders taken back, upgrades begun anew and servers cleaned
// up; troubles of every kind; processes killed at random moments. Whatever
// happens, the invariants below hold, and in the end every database serves.
func TestGoingBackInvariants(t *testing.T) {
	n, seed := soak.Number(t, "RDSUPGRADE_SOAK_BACK", 2), uint64(soak.Number(t, "RDSUPGRADE_SOAK_SEED", 1))
	sum := map[string]int{}
	for s := seed; s < seed+uint64(n) && !t.Failed(); s++ {
		t.Run(fmt.Sprintf("seed %d", s), func(t *testing.T) {
			inTime(t, func(t *testing.T) { newBackChance(t, s).play(sum) })
		})
	}
	t.Logf("%d campaigns: %v", n, sum)
}

// backChance is a campaign of a few databases that go back and forth by chance.
// It knows what must never happen, without the functions that it judges.
type backChance struct {
	*lab
	s     *servers
	rnd   *rand.Rand // of the story, which one goroutine tells
	ids   []string
	auto  bool // the plan removes old servers by itself
	calls map[string]int

	mu      sync.Mutex // guards what follows
	calm    bool       // no troubles, no kills
	deadly  float64    // chance of a kill at an operation
	kill    context.CancelFunc
	dead    bool
	kept    []byte // the journal when the process was killed
	read    int    // of the journal, by the judge
	open    map[int64]bluegreen.Action
	by      map[int64]string
	back    map[string]*backOrder // going back now, by id
	lossAt  map[string]int        // acknowledged writes until then may be lost, by id
	dark    map[string]time.Time  // servers that answer nobody until then, by resource id
	differ  map[string]bool
	broken  []string
	settled bool
	trail   []string          // what happened to servers, with its time
	seen    map[string]string // a server's state as the trail has it, by resource id
	at      map[string]int    // how often a kind of moment came, for chance
	seed    uint64
}

// backOrder is what the judge knows of an order from the journal.
type backOrder struct {
	loss, drill, forward bool
	pairs                []bluegreen.GoBackPair
	reached              map[bluegreen.GoBackStep]bool
}

func newBackChance(t *testing.T, seed uint64) *backChance {
	rnd := rand.New(rand.NewPCG(seed, 19))
	var fleetText strings.Builder
	fleetText.WriteString("mysql: {user: u, password: p}\naccounts:\n  - {id: \"" + account + "\", regions: [" + region + "], quotas: {DBInstances: 300, AllocatedStorage: 1000000}}\n" +
		"defaults: {engine_version: 5.7.44, class: db.m5.large, storage_type: gp2, allocated_storage: 100, backup_retention: 7, account: \"" + account + "\", region: " + region + "}\n" +
		"parameter_groups:\n  - {name: shared57, family: mysql5.7, parameters: {binlog_format: ROW, event_scheduler: \"ON\"}}\ndatabases:\n")
	var ids []string
	for n := range 2 + rnd.IntN(3) {
		id := fmt.Sprintf("db%d", n)
		ids = append(ids, id)
		replicas := ""
		if rnd.IntN(3) == 0 {
			replicas = fmt.Sprintf(", replicas: [{id: %s-read}]", id)
		}
		fmt.Fprintf(&fleetText, "  - {id: %s, parameter_group: shared57, tags: {service: s%d, env: staging}%s}\n", id, n, replicas)
	}
	b := &backChance{ids: ids, rnd: rnd, calm: true, auto: rnd.IntN(3) == 0,
		open: map[int64]bluegreen.Action{}, by: map[int64]string{}, back: map[string]*backOrder{}, lossAt: map[string]int{},
		dark: map[string]time.Time{}, differ: map[string]bool{}, calls: map[string]int{}, seen: map[string]string{}, at: map[string]int{}, seed: seed}
	cleanup := "cleanup: {keep_old_blue: 3h}\nwaves:\n"
	if b.auto {
		cleanup = "cleanup: {keep_old_blue: 3h, policy: automatic}\nwaves:\n"
	}
	planText := strings.NewReplacer("waves:\n", cleanup, "poll: 5s", "poll: 30s", "soak: 10m", "soak: 0s", "switch: 1", "switch: 4").Replace(backPlan())
	weather := ""
	for _, kind := range []string{"server-error", "throttle", "lost-answer", "flapping"} {
		if rnd.IntN(3) == 0 {
			weather += fmt.Sprintf("\n  - {kind: %s, rate: %.2f}", kind, 0.02+0.2*rnd.Float64())
		}
	}
	if weather != "" {
		weather = "faults:" + strings.ReplaceAll(weather, "flapping, rate: 0.", "flapping, rate: 0.0")
	}
	b.lab = newLabOf(t, fleetText.String(), planText, weather, seed)
	b.s = newServers(b.sim)
	b.sql = backSQL{b.s, b}
	b.cloud = func(c *awsrds.Client) fleet.Cloud { return backCloud{c, b} }
	b.through = alive{b}
	return b
}

// chance draws a number from 0 to 1 of what goroutines meet: it hangs on what
// is met and how often that came, and not on who came first.
func (b *backChance) chance(what string) float64 {
	b.at[what]++
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %s %d", b.seed, what, b.at[what])
	return rand.New(rand.NewPCG(h.Sum64(), 23)).Float64()
}

// told notes what happened, for whoever must explain a failure.
func (b *backChance) told(format string, args ...any) {
	b.trail = append(b.trail, time.Now().Format("01-02 15:04:05.000 ")+fmt.Sprintf(format, args...))
}

// explain writes down what happened to each database that broke an invariant.
func (b *backChance) explain() {
	text, err := os.ReadFile(journalPath(b.dir))
	if err != nil {
		b.t.Log(err)
	}
	for _, id := range b.ids {
		if !strings.Contains(strings.Join(b.broken, " "), id) {
			continue
		}
		lines := slices.DeleteFunc(slices.Clone(b.trail), func(l string) bool { return !strings.Contains(l, id) && !strings.Contains(l, "process") })
		for line := range bytes.Lines(text) {
			var e journal.Entry
			if json.Unmarshal(line, &e) != nil || strings.HasSuffix(e.Database, "/"+id) {
				lines = append(lines, fmt.Sprintf("%s journal %d %s: %s (of %d) %.300s", e.At.Format("01-02 15:04:05.000"), e.Seq, e.Kind, e.What, e.Ref, e.Data))
			}
		}
		slices.SortStableFunc(lines, func(x, y string) int { return strings.Compare(x[:18], y[:18]) })
		b.t.Logf("what happened to %s:\n%s", id, strings.Join(lines, "\n"))
	}
}

func (b *backChance) bad(format string, args ...any) {
	if len(b.broken) < 8 {
		b.broken = append(b.broken, fmt.Sprintf(time.Now().Format(time.DateTime)+": "+format, args...))
	}
}

// play tells the story: the upgrade, rounds of orders and troubles, and a calm
// end in which every question is answered.
func (b *backChance) play(sum map[string]int) {
	for n := 0; b.process(nil) != "" && n < 5; n++ {
	}
	for _, d := range b.last.Databases {
		b.expect(d.ID, "done")
	}
	b.calm, b.deadly = false, 0.05*b.rnd.Float64()*float64(b.rnd.IntN(2))
	for range 4 + b.rnd.IntN(5) {
		for _, id := range b.ids {
			if b.rnd.IntN(3) == 0 {
				b.say(b.word(id))
			}
		}
		b.process(b.only())
		time.Sleep(time.Duration(b.rnd.IntN(90)) * time.Minute)
	}
	b.end()
	for _, e := range b.broken {
		b.t.Error(e)
	}
	if len(b.broken) > 0 {
		b.explain()
		soak.Keep(b.t, journalPath(b.dir), "")
	}
	for what, n := range b.calls {
		sum[what] += n
	}
}

// end mends everything and answers every question, until all databases serve.
func (b *backChance) end() {
	b.mu.Lock()
	b.calm = true
	b.dark, b.differ = map[string]time.Time{}, map[string]bool{}
	b.mu.Unlock()
	for n := range 8 {
		b.process(nil)
		open := 0
		for _, d := range b.last.Databases {
			if d.Stage == "done" || d.Stage == "rolled-back" || d.Stage == "cleaned" {
				continue
			}
			open++
			r := journal.Request{Verb: fleet.VerbGoBack, AcceptLoss: n > 0}
			if d.GoBack == nil {
				r.Verb = "retry"
			} else if n > 3 || b.rnd.IntN(2) == 0 {
				r.Verb = fleet.VerbAbandonGoBack
			}
			r.Database = d.Key()
			b.say(r)
		}
		if open == 0 {
			b.settled = true
			b.process(nil)
			break
		}
	}
	for _, d := range b.last.Databases {
		if !b.settled {
			b.bad("%s does not come to an end: %s: %s (next: %s), %+v", d.ID, d.Stage, d.Reason, d.NextStep, d.GoBack)
		}
		b.serves(d.ID)
	}
	if _, err := journal.Verify(journalPath(b.dir)); err != nil {
		b.t.Error(err)
	}
}

// word is what a person says about a database.
func (b *backChance) word(id string) journal.Request {
	r := journal.Request{Verb: fleet.VerbGoBack, Database: account + "/" + region + "/" + id}
	switch b.rnd.IntN(12) {
	case 0, 1, 2:
		r.AcceptLoss = true
	case 3, 4, 5:
		r.Drill = true
	case 6, 7:
		r.Verb = fleet.VerbAbandonGoBack
	case 8:
		r.Verb = "retry"
	}
	return r
}

func (b *backChance) say(r journal.Request) {
	r.By, r.At = "anna", time.Now()
	b.calls["said "+r.Verb]++
	if err := journal.Submit(b.dir, r); err != nil {
		b.t.Fatal(err)
	}
}

// only is what a rollback command's run is limited to, nil for a run of all.
func (b *backChance) only() map[string]bool {
	if b.rnd.IntN(2) == 0 {
		return nil
	}
	only := map[string]bool{}
	for _, id := range b.ids {
		if b.rnd.IntN(3) > 0 {
			only[account+"/"+region+"/"+id] = true
		}
	}
	return only
}

// process is one process from its beginning to its end, or to its death. It
// returns why it ended, "" when nothing moved any more.
func (b *backChance) process(only map[string]bool) (why string) {
	hard, kill := context.WithCancel(b.t.Context())
	defer kill()
	soft, stop := context.WithTimeout(hard, 12*time.Hour)
	defer stop()
	b.mu.Lock()
	b.told("process of %v begins", only)
	b.kill, b.dead = kill, false
	b.mu.Unlock()
	ticks := 0
	e, _, done := b.lab.open(only, func(st fleet.Status) {
		b.last = st
		if ticks++; ticks > 3000 {
			stop()
		}
		b.tick()
	})
	st, err := e.Run(hard, soft)
	done()
	b.mu.Lock()
	dead := b.dead
	if dead {
		if err := os.WriteFile(journalPath(b.dir), b.kept, 0o600); err != nil {
			b.t.Error(err)
		}
		b.calls["killed"]++
		b.read, b.open, b.by, b.back = 0, map[int64]bluegreen.Action{}, map[int64]string{}, map[string]*backOrder{}
	}
	b.judgeJournal()
	b.judgeServers()
	b.mu.Unlock()
	switch {
	case dead:
		return "killed"
	case errors.Is(err, fleet.ErrInterrupted):
		for _, d := range st.Databases {
			b.bad("after %d ticks nothing has ended: %s is %s: %s", ticks, d.ID, d.Stage, d.Reason)
		}
		return "late"
	case err != nil:
		return err.Error() // a scope that cannot be read: a person runs it again
	}
	b.last = st
	b.judgeEnd(st, only)
	return ""
}

// tick is what the world does between two looks: clients write, servers break
// and are mended, people speak.
func (b *backChance) tick() {
	b.mu.Lock()
	b.judgeJournal()
	b.judgeServers()
	calm := b.calm
	b.mu.Unlock()
	for _, id := range b.ids {
		b.s.write(id)
		b.s.catchUp(id + "-old1")
	}
	if calm {
		return
	}
	b.meets("tick")
	if b.rnd.IntN(15) == 0 {
		id := b.ids[b.rnd.IntN(len(b.ids))]
		if _, going := b.order(id); going || b.rnd.IntN(10) == 0 {
			b.say(b.word(id))
		}
	}
	if b.rnd.IntN(12) == 0 {
		b.trouble()
	}
}

func (b *backChance) order(id string) (backOrder, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if o := b.back[id]; o != nil {
		return *o, true
	}
	return backOrder{}, false
}

// trouble breaks something, or mends it.
func (b *backChance) trouble() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	var all []string
	for r := range b.s.m {
		all = append(all, r)
	}
	slices.Sort(all)
	if len(all) == 0 {
		return
	}
	r := all[b.rnd.IntN(len(all))]
	srv := b.s.m[r]
	what := b.rnd.IntN(8)
	b.told("%s: %s has trouble %d", b.seen[r], r, what)
	switch what {
	case 0:
		srv.broken = "Duplicate entry '7' for key 'PRIMARY'"
	case 1, 2:
		srv.broken = ""
	case 3:
		srv.stands = srv.from != ""
	case 4, 5:
		b.dark[r] = time.Now().Add(time.Duration(b.rnd.IntN(int(5 * time.Minute))))
	case 6:
		id := b.ids[b.rnd.IntN(len(b.ids))]
		b.differ[id] = !b.differ[id]
	}
}

// meets is a moment at which the process may be killed; true: it is dead.
func (b *backChance) meets(what string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.dead && !b.calm && b.chance(what) < b.deadly {
		var err error
		if b.kept, err = os.ReadFile(journalPath(b.dir)); err != nil {
			b.t.Error(err)
		}
		b.dead = true
		b.told("process killed at %s", what)
		b.calls["killed at "+what]++
		b.kill()
	}
	return b.dead
}

// alive lets no call of a dead process reach AWS.
type alive struct{ b *backChance }

func (a alive) RoundTrip(q *http.Request) (*http.Response, error) {
	a.b.mu.Lock()
	dead := a.b.dead
	a.b.mu.Unlock()
	if dead {
		return nil, errDead
	}
	return a.b.sim.Transport().RoundTrip(q)
}

var errDead = errors.New("the process is dead")

// backCloud judges every change before and after it is made.
type backCloud struct {
	*awsrds.Client
	b *backChance
}

func (c backCloud) Do(ctx context.Context, a bluegreen.Action) (bluegreen.Outcome, error) {
	if c.b.meets("a call") {
		return bluegreen.Outcome{}, errDead
	}
	c.b.mu.Lock()
	c.b.judgeJournal()
	c.b.judgeCall(a)
	c.b.mu.Unlock()
	out, err := c.Client.Do(ctx, a)
	if c.b.meets("an answer") {
		return out, errDead
	}
	c.b.mu.Lock()
	c.b.calls[string(a.Kind)]++
	c.b.judgeServers()
	c.b.mu.Unlock()
	return out, err
}

// judgeJournal reads on in the journal: what stands announced, and how far who went back.
func (b *backChance) judgeJournal() {
	text, err := os.ReadFile(journalPath(b.dir))
	if err != nil {
		b.t.Error(err)
		return
	}
	for {
		line, _, whole := bytes.Cut(text[min(b.read, len(text)):], []byte("\n"))
		if !whole {
			return
		}
		b.read += len(line) + 1
		var e journal.Entry
		if err := json.Unmarshal(line, &e); err != nil {
			b.bad("the journal holds %q: %v", line, err)
			continue
		}
		id := e.Database[strings.LastIndexByte(e.Database, '/')+1:]
		switch e.Kind {
		case journal.Intent:
			var in struct{ Action bluegreen.Action }
			if err := json.Unmarshal(e.Data, &in); err != nil {
				b.bad("an announcement says %s", e.Data)
			}
			b.open[e.Seq], b.by[e.Seq] = in.Action, id
		case journal.Result:
			delete(b.open, e.Ref)
		case journal.RunEnd, journal.RunStart:
			clear(b.open)
		case journal.Human:
			b.heard(id, e)
		case journal.Fact:
			b.noted(id, e)
		}
	}
}

func (b *backChance) heard(id string, e journal.Entry) {
	var r journal.Request
	if err := json.Unmarshal(e.Data, &r); err != nil {
		b.bad("%s: %v", e.What, err)
	}
	o := b.back[id]
	if r.Verb != fleet.VerbGoBack {
		return
	}
	if o == nil {
		o = &backOrder{drill: r.Drill, reached: map[bluegreen.GoBackStep]bool{}}
		b.back[id] = o
	}
	o.loss = o.loss || r.AcceptLoss
}

func (b *backChance) noted(id string, e journal.Entry) {
	var n struct {
		Name string `json:"name"`
		bluegreen.GoBackNote
	}
	if json.Unmarshal(e.Data, &n) != nil || n.Name != "go-back" {
		return
	}
	o := b.back[id]
	if o == nil {
		b.bad("%s: %s, and nobody had asked for it", id, e.What)
		return
	}
	if n.Failed {
		return
	}
	b.calls[string(n.Step)]++
	if n.Lost != nil {
		if !o.loss {
			b.bad("%s: %s, which nobody had accepted", id, e.What)
		}
		b.s.mu.Lock()
		b.lossAt[id] = b.s.next
		b.s.mu.Unlock()
	}
	o.reached[n.Step] = true
	if len(n.Pairs) > 0 {
		o.pairs = n.Pairs
	}
	switch {
	case n.Step == bluegreen.GoBackAbandon, n.Step == bluegreen.GoBackVerify && (!o.drill || o.forward):
		delete(b.back, id)
	case n.Step == bluegreen.GoBackVerify:
		next := &backOrder{loss: o.loss, drill: true, forward: true, reached: map[bluegreen.GoBackStep]bool{}}
		for _, p := range o.pairs {
			next.pairs = append(next.pairs, bluegreen.GoBackPair{ID: p.ID, Kept: p.Aside, Aside: p.Kept, New: p.Old, Old: p.New})
		}
		b.back[id] = next
	}
}

// judgeCall: a change is announced; nothing is deleted that somebody may go back
// to or that serves; a name is taken from a server only when it is closed and
// its counterpart open with every write, or a loss was accepted.
func (b *backChance) judgeCall(a bluegreen.Action) {
	id, announced := "", false
	want, err := json.Marshal(a)
	if err != nil {
		b.t.Fatal(err)
	}
	for seq, in := range b.open {
		if got, err := json.Marshal(in); err == nil && string(got) == string(want) {
			id, announced = b.by[seq], true
		}
	}
	if !announced {
		b.bad("%s was not announced", a)
		return
	}
	o := b.back[id]
	switch {
	case a.Kind == bluegreen.DeleteDeployment && a.DeleteTarget:
		b.bad("%s: %s with its target", id, a)
	case a.Kind == bluegreen.DeleteInstance && o != nil:
		b.bad("%s: %s while it goes back: %+v", id, a, *o)
	case a.Kind == bluegreen.DeleteInstance && (a.Instance == id || a.Instance == id+"-read"):
		b.bad("%s: %s, which serves", id, a)
	case a.Kind == bluegreen.ModifyInstance && a.Modify.NewID != "" && a.Instance == id:
		b.judgeLeaving(id, a, o)
	}
}

func (b *backChance) judgeLeaving(id string, a bluegreen.Action, o *backOrder) {
	if o == nil || len(o.pairs) == 0 {
		b.bad("%s: %s, and nobody goes back", id, a)
		return
	}
	p := o.pairs[0]
	now, ok1 := b.byResource(p.New)
	old, ok2 := b.byResource(p.Old)
	switch {
	case !ok1 || !ok2:
		b.bad("%s: %s, and a server is not there", id, a)
	case now.ID != id:
		return // the call was made already, and RDS knows no such name
	case !now.ReadOnly:
		b.bad("%s: %s while it takes writes", id, a)
	case old.ReadOnly && !o.loss:
		b.bad("%s: %s before %s takes writes", id, a, old.ID)
	case a.Modify.NewID != p.Aside:
		b.bad("%s: %s, not as %s", id, a, p.Aside)
	case !o.loss:
		if lost := b.s.wrongOf(id, p.Old, b.lossAt[id]); len(lost) > 0 {
			b.bad("%s: %s, and %s lacks %v", id, a, old.ID, lost)
		}
	}
	for _, s := range []bluegreen.GoBackStep{bluegreen.GoBackStop, bluegreen.GoBackCatchUp, bluegreen.GoBackEnd, bluegreen.GoBackCompare, bluegreen.GoBackOpen} {
		if !o.reached[s] {
			b.bad("%s: %s before %s", id, a, s)
		}
	}
}

func (b *backChance) byResource(r string) (rdssim.InstanceState, bool) {
	for _, i := range b.sim.State().Instances {
		if i.ResourceID == r {
			return i, true
		}
	}
	return rdssim.InstanceState{}, false
}

var ofFamily = regexp.MustCompile(`^(db[0-9])(-old[0-9]+|-rolledback[0-9]*|-green-[a-z0-9]{6})?$`)

// familyOf is the database that a server belongs to, by its name.
func familyOf(name string) string {
	if m := ofFamily.FindStringSubmatch(name); m != nil {
		return m[1]
	}
	return ""
}

// judgeServers: of the servers of a database at most one takes writes, unless
// RDS itself is switching over.
func (b *backChance) judgeServers() {
	st := b.sim.State()
	switching := map[string]bool{}
	for _, d := range st.Deployments {
		if d.Status == bluegreen.SwitchoverInProgress {
			switching[d.Tags[bluegreen.TagDatabase]] = true
		}
	}
	open := map[string][]string{}
	for _, i := range st.Instances {
		id := familyOf(i.ID)
		if id == "" {
			continue
		}
		now := fmt.Sprintf("%s %s is %s, read_only %v, group %s (%s), source %q", i.ResourceID, i.ID, i.Status, i.ReadOnly, i.ParameterGroup, i.ApplyStatus, i.Source)
		if b.seen[i.ResourceID] != now {
			b.seen[i.ResourceID] = now
			b.told("%s: %s", id, now)
		}
		if !i.ReadOnly && i.Source == "" && i.Status != "deleting" && i.Status != "creating" {
			open[id] = append(open[id], i.ID)
		}
	}
	for id, list := range open {
		if len(list) > 1 && !switching[id] {
			b.bad("%s take writes at the same time", strings.Join(list, " and "))
		}
	}
}

// judgeEnd: a run that ended by itself left nothing half done without a question.
func (b *backChance) judgeEnd(st fleet.Status, only map[string]bool) {
	b.calls["ended "+string(st.Outcome)]++
	for _, d := range st.Databases {
		if only != nil && !only[d.Key()] {
			continue
		}
		o, going := b.order(d.ID)
		switch {
		case going && d.Stage != "held":
			b.bad("%s: the run ended while it goes back: %s: %s, %+v", d.ID, d.Stage, d.Reason, o)
		case d.Stage == "held" && (d.Reason == "" || d.NextStep == "" || strings.HasPrefix(d.NextStep, "wait")):
			b.bad("%s is held without a question: %s (next: %s)", d.ID, d.Reason, d.NextStep)
		}
		if going {
			b.calls["held at "+d.GoBack.Step]++
		}
		if !going {
			b.serves(d.ID)
		}
	}
}

// serves: one server bears the name and takes writes, and has every write that
// was acknowledged, once.
func (b *backChance) serves(id string) {
	v, ok := b.sim.Server(rdssim.Scope{Account: account, Region: region}, id)
	if !ok || v.ReadOnly {
		b.bad("%s does not serve: %+v", id, v)
		return
	}
	b.s.write(id)
	b.mu.Lock()
	after := b.lossAt[id]
	b.mu.Unlock()
	if lost := b.s.wrongOf(id, v.ResourceID, after); len(lost) > 0 {
		b.bad("%s (%s %s) lacks or doubles %v of %d writes, those until %d may be lost", id, v.ResourceID, v.EngineVersion, lost, len(b.s.acked), after)
	}
}

// backSQL are the servers with bad days, and moments at which the process dies.
type backSQL struct {
	*servers
	b *backChance
}

// at tells whether a question reaches a server.
func (s backSQL) at(what string, eps ...fleet.Endpoint) error {
	if s.b.meets(what) {
		return errDead
	}
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	for _, ep := range eps {
		v, _ := s.sim.Server(rdssim.Scope{Account: ep.Account, Region: ep.Region}, ep.ID)
		if time.Now().Before(s.b.dark[v.ResourceID]) || !s.b.calm && s.b.chance(what+" "+v.ResourceID) < 0.025 {
			s.b.told("%s: %s %s cannot be reached for %s", familyOf(ep.ID), v.ResourceID, ep.ID, what)
			return fmt.Errorf("dial %s: i/o timeout", ep.ID)
		}
	}
	return nil
}

func (s backSQL) Clients(_ context.Context, ep fleet.Endpoint) ([]string, error) {
	return nil, s.at("clients", ep)
}

func (s backSQL) ArmWayBack(ctx context.Context, now, old fleet.Endpoint, file string, pos uint64) (string, error) {
	if err := s.at("arming", now, old); err != nil {
		return "", err
	}
	what, err := s.servers.ArmWayBack(ctx, now, old, file, pos)
	if s.b.meets("armed") {
		return "", errDead
	}
	return what, err
}

func (s backSQL) WayBack(ctx context.Context, now, old fleet.Endpoint) bluegreen.Way {
	return wayOf(s.LookBack(ctx, now, old))
}

func (s backSQL) LookBack(ctx context.Context, now, old fleet.Endpoint) bluegreen.GoBackLook {
	newErr, oldErr := s.at("a look", now), s.at("a look", old)
	l := s.servers.LookBack(ctx, now, old)
	if newErr != nil {
		l.New = bluegreen.ServerLook{Err: newErr.Error()}
	}
	if oldErr != nil {
		l.Old = bluegreen.ServerLook{Err: oldErr.Error()}
	}
	return l
}

func (s backSQL) StartReverse(ctx context.Context, old fleet.Endpoint) error {
	return errors.Join(s.at("a start", old), s.servers.StartReverse(ctx, old))
}

func (s backSQL) EndReverse(ctx context.Context, old fleet.Endpoint) error {
	if err := s.at("ending", old); err != nil {
		return err
	}
	err := s.servers.EndReverse(ctx, old)
	if s.b.meets("ended") {
		return errDead
	}
	return err
}

func (s backSQL) CompareRows(ctx context.Context, now, old fleet.Endpoint) bluegreen.Gate {
	if err := s.at("comparing", now, old); err != nil {
		return bluegreen.Gate{Name: "rows", Verdict: bluegreen.GateInconclusive, Evidence: []string{err.Error()}}
	}
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	if s.b.differ[now.ID] {
		return bluegreen.Gate{Name: "rows", Verdict: bluegreen.GateFail, Evidence: []string{"shop.t has 3 rows on the new server, 2 on the old one"}}
	}
	return s.servers.CompareRows(ctx, now, old)
}

func (s backSQL) ProveServer(ctx context.Context, ep fleet.Endpoint) (bluegreen.ServerLook, string, error) {
	if err := s.at("proving", ep); err != nil {
		return bluegreen.ServerLook{}, "", err
	}
	return s.servers.ProveServer(ctx, ep)
}

var (
	_ fleet.Returner = backSQL{}
	_ fleet.Visitors = backSQL{}
)
