package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

// preflightAge is how long a passed look at permissions counts: a scheduled job
// that runs every few minutes must not try a campaign's calls every time.
const preflightAge = 24 * time.Hour

const factPreflight = "preflight"

// Preflight is what one scope's credentials may do, as far as it is known.
type Preflight struct {
	Scope    string       `json:"scope"`
	Identity string       `json:"identity,omitempty"`
	Actions  []Permission `json:"actions"`
	// Missing are the actions that are certainly refused, each with AWS's words;
	// Error is why nothing could be tried.
	Missing []Permission `json:"missing,omitempty"`
	Error   string       `json:"error,omitempty"`
	// At is when it was tried; Kept tells that it was in an earlier run.
	At   time.Time `json:"at"`
	Kept bool      `json:"kept,omitempty"`
}

// OK tells that nothing is known to be missing.
func (p Preflight) OK() bool { return len(p.Missing) == 0 && p.Error == "" }

// preflightData is the fact's entry in the journal.
type preflightData struct {
	Name string `json:"name"`
	Preflight
}

// foldPreflight takes the last look at a scope's permissions in.
func (m *memory) foldPreflight(e journal.Entry) {
	var d preflightData
	if json.Unmarshal(e.Data, &d) == nil && d.Name == factPreflight {
		m.preflights[d.Scope] = d.Preflight
	}
}

// Preflight finds out before a run what its credentials are not permitted: who
// they are, and what AWS answers to the campaign's calls on names that do not
// exist. Nothing is changed by it. The result is journaled, and one that passed
// less than a day ago is not repeated. The error is the journal's.
func (e *Engine) Preflight(ctx context.Context) ([]Preflight, error) {
	out := make([]Preflight, len(e.cfg.Scopes))
	var wg sync.WaitGroup
	now := e.cfg.Clock.Now()
	for n, sc := range e.cfg.Scopes {
		old, known := e.cfg.Store.mem.preflights[sc.Key()]
		if known && old.OK() && now.Sub(old.At) < preflightAge {
			old.Kept = true
			out[n] = old
			continue
		}
		if _, ok := sc.Cloud.(Prober); !ok {
			out[n] = Preflight{Scope: sc.Key(), At: now, Kept: true} // nobody can tell
			continue
		}
		wg.Go(func() { out[n] = e.preflight(ctx, sc) })
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, ErrInterrupted
	}
	for _, p := range out {
		if p.Kept {
			continue
		}
		if err := e.note(journal.Fact, "permissions in "+p.Scope+": "+p.words(), preflightData{Name: factPreflight, Preflight: p}); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (e *Engine) preflight(ctx context.Context, sc Scope) Preflight {
	p := Preflight{Scope: sc.Key(), At: e.cfg.Clock.Now()}
	prober := sc.Cloud.(Prober)
	id, err := prober.Identity(ctx)
	if err != nil {
		f := faultOf(err)
		if f.Consequence == bluegreen.Fatal && !isDenied(f.Code) {
			p.Error = f.Error()
			return p
		}
	}
	p.Identity = id
	var all Permissions
	all.probe(ctx, sc, e.cfg.Plan.Name)
	p.Actions = all.Actions
	p.Missing = certainly(all.Actions)
	return p
}

// certainly are the actions that are refused beyond doubt. A policy that asks
// for tags refuses names that do not exist as well, so a refusal proves
// something only where AWS names an explicit deny, or where it permits nothing
// at all that changes anything.
func certainly(actions []Permission) []Permission {
	var denied, explicit []Permission
	allowed := 0
	for _, a := range actions {
		switch {
		case a.State == Allowed:
			allowed++
		case a.State == Refused && strings.Contains(strings.ToLower(a.Why), "explicit deny"):
			explicit = append(explicit, a)
			denied = append(denied, a)
		case a.State == Refused:
			denied = append(denied, a)
		}
	}
	if allowed == 0 && len(denied) == len(actions) {
		return denied
	}
	return explicit
}

// words is the result in a line.
func (p Preflight) words() string {
	who := ""
	if p.Identity != "" {
		who = " as " + p.Identity
	}
	if p.Error != "" {
		return "the credentials are not accepted: " + p.Error
	}
	var names []string
	for _, a := range p.Missing {
		names = append(names, a.Action)
	}
	if len(names) > 0 {
		return "not permitted" + who + ": " + strings.Join(names, ", ")
	}
	unsure := 0
	for _, a := range p.Actions {
		if a.State != Allowed {
			unsure++
		}
	}
	return fmt.Sprintf("nothing is known to be missing%s (%d of %d calls tried are permitted)", who, len(p.Actions)-unsure, len(p.Actions))
}

// MissingPermissions puts what stands in the way of a run into lines for
// people, one account and Region after the other; none when nothing does.
func MissingPermissions(list []Preflight) []string {
	var out []string
	for _, p := range list {
		if p.OK() {
			continue
		}
		out = append(out, p.Scope+": "+p.words())
		for _, a := range p.Missing {
			out = append(out, "  "+a.Action+": "+a.Why)
		}
	}
	return slices.Clip(out)
}
