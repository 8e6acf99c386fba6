package fleet

import (
	"context"
	"sync"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// gateKeeper remembers what was asked before each step that may not be taken
// unasked, by key.
type gateKeeper struct {
	mu      sync.Mutex
	answers map[string]gateAnswer
	asking  map[string]bool
	// seen counts verdicts in a row, said is the last one, by key.
	seen map[string]map[string]int
	said map[string]map[string]bluegreen.GateVerdict
	// waits are checks that steps wait for.
	waits map[string]string
}

// gateAnswer is what came of one asking.
type gateAnswer struct {
	at   time.Time
	pass bool
	no   string // why not, when it did not pass
	// again is when to ask again.
	again time.Time
	err   error // of the journal
}

func (k *gateKeeper) init() {
	if k.answers == nil {
		k.answers, k.asking = map[string]gateAnswer{}, map[string]bool{}
		k.seen, k.said = map[string]map[string]int{}, map[string]map[string]bluegreen.GateVerdict{}
	}
}

// reason is why a switchover does not begin, where a gate is why.
func (k *gateKeeper) reason(key, otherwise string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if why := k.waits[key]; why != "" {
		return why
	}
	if a, ok := k.answers[key]; ok && a.no != "" {
		return "a gate before the switchover says no, and is asked again: " + a.no
	}
	return otherwise
}

// waitFor notes which check a step waits for, "" for none, and tells whether it does.
func (k *gateKeeper) waitFor(key, check string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.waits == nil {
		k.waits = map[string]string{}
	}
	k.waits[key] = check
	return check != ""
}

// resting is why a step must not be tried at a moment, "" when it may be: a
// gate said no, and its time has not come again. A person who spoke since has
// it asked anew.
func (k *gateKeeper) resting(key string, now time.Time, spoke *bluegreen.Human) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if a, ok := k.answers[key]; ok && spoke != nil && spoke.At.After(a.at) && !a.pass && a.err == nil {
		delete(k.answers, key)
	}
	if a, ok := k.answers[key]; ok && !a.pass && a.err == nil && !k.asking[key] && now.Before(a.again) {
		return a.no
	}
	return ""
}

// active tells that somebody is being asked, or said yes and is not acted on yet.
func (k *gateKeeper) active(key string, now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	a, ok := k.answers[key]
	return k.asking[key] || ok && a.pass && now.Sub(a.at) < gatesFresh
}

// urgent tells that an answer is being waited for, or waits to be acted on.
func (k *gateKeeper) urgent(now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, a := range k.answers {
		if a.pass && now.Sub(a.at) < gatesFresh {
			return true
		}
	}
	return len(k.asking) > 0
}

// gateNo is what keeps a unit's next step from being tried now.
func (e *Engine) gateNo(u *unit, now time.Time) string {
	switch u.step.Queue {
	case bluegreen.SwitchQueue:
		return e.gates.resting(u.key, now, u.facts.Record.Retry)
	case bluegreen.BuildQueue:
		return e.gates.resting(buildKey(u.key), now, u.facts.Record.Retry)
	}
	return ""
}

// mayGo tells whether a step may be taken now. Where nobody has been asked
// lately it has ask do so, and the step waits for the answer.
func (e *Engine) mayGo(ctx context.Context, key string, ask func(context.Context) gateAnswer) (bool, error) {
	now := e.cfg.Clock.Now()
	k := &e.gates
	k.mu.Lock()
	defer k.mu.Unlock()
	k.init()
	a, known := k.answers[key]
	switch {
	case k.asking[key]:
		return false, nil
	case known && a.err != nil:
		return false, &journalError{a.err}
	case known && a.pass && now.Sub(a.at) < gatesFresh:
		delete(k.answers, key) // a further attempt asks again
		return true, nil
	case known && !a.pass && now.Before(a.again):
		return false, nil
	}
	k.asking[key] = true
	e.group.Go(func() {
		a := ask(ctx)
		a.at = e.cfg.Clock.Now()
		k.mu.Lock()
		defer k.mu.Unlock()
		delete(k.asking, key)
		if ctx.Err() == nil {
			k.answers[key] = a
		}
	})
	return false, nil
}

// news are the gates of which people have not read yet: those whose verdict is
// another than last time, and all when all passed.
func (k *gateKeeper) news(key string, gates []bluegreen.Gate, pass bool) []bluegreen.Gate {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.init()
	was, is := k.said[key], map[string]bluegreen.GateVerdict{}
	var out []bluegreen.Gate
	for _, g := range gates {
		is[g.Name] = g.Verdict
		if v, known := was[g.Name]; pass || !known || v != g.Verdict {
			out = append(out, g)
		}
	}
	k.said[key] = is
	return out
}

// count counts verdicts on, and hands out how often each was given before.
func (k *gateKeeper) count(key string, gates []bluegreen.Gate) (before map[string]int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.init()
	before = k.seen[key]
	k.seen[key] = bluegreen.Seen(before, gates)
	return before
}
