package fleet

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
)

// Returner is an SQL that can go back after a switchover. Everything it does
// may be done twice; no error tells a secret.
type Returner interface {
	// LookBack asks both servers: the new one first, so that what old blue has
	// applied of its log can be compared.
	LookBack(ctx context.Context, now, old Endpoint) bluegreen.GoBackLook
	// StartReverse starts old blue's replication, EndReverse stops and forgets it.
	StartReverse(ctx context.Context, old Endpoint) error
	EndReverse(ctx context.Context, old Endpoint) error
	// CompareRows counts the rows of small tables while nobody writes.
	CompareRows(ctx context.Context, now, old Endpoint) bluegreen.Gate
	// ProveServer asks the server behind an endpoint who it is, and has it take a
	// write where there is the heartbeat table; proof says what was seen.
	ProveServer(ctx context.Context, ep Endpoint) (look bluegreen.ServerLook, proof string, err error)
}

const (
	// goBackPace is how long the engine waits between two looks at AWS while a
	// database goes back, goBackRest before a refused call is made again.
	goBackPace, goBackRest = 2 * time.Second, 5 * time.Second
)

// nameTaken: RDS holds a name for a moment after its owner left it.
func nameTaken(a bluegreen.Action, r resultData) bool {
	return a.Modify != nil && a.Modify.NewID != "" && strings.HasPrefix(r.Code, "DBInstanceAlreadyExists")
}

var errNoSQL = errors.New("the plan gives no SQL access")

func (e *Engine) returner() Returner {
	if r, ok := e.cfg.SQL.(Returner); ok {
		return r
	}
	return noReturner{}
}

// noReturner is who can ask nobody.
type noReturner struct{}

func (noReturner) LookBack(context.Context, Endpoint, Endpoint) bluegreen.GoBackLook {
	no := bluegreen.ServerLook{Err: errNoSQL.Error()}
	return bluegreen.GoBackLook{New: no, Old: no}
}
func (noReturner) StartReverse(context.Context, Endpoint) error { return errNoSQL }
func (noReturner) EndReverse(context.Context, Endpoint) error   { return errNoSQL }
func (noReturner) CompareRows(context.Context, Endpoint, Endpoint) bluegreen.Gate {
	return bluegreen.Gate{Name: "rows", Verdict: bluegreen.GateInconclusive, Evidence: []string{errNoSQL.Error()}}
}
func (noReturner) ProveServer(context.Context, Endpoint) (bluegreen.ServerLook, string, error) {
	return bluegreen.ServerLook{}, "", errNoSQL
}

// goBackWork does one work of the road back.
func (e *Engine) goBackWork(ctx context.Context, u unit, w bluegreen.Work) error {
	g := u.facts.Record.GoBack
	if g == nil {
		return nil
	}
	if w == bluegreen.WorkGoBackBegin {
		if pass, err := e.mayRollBack(ctx, u); !g.Forward && (err != nil || !pass) {
			return err
		}
		return e.beginGoBack(ctx, u, g)
	}
	if w == bluegreen.WorkGoBackNote {
		if n := u.facts.GoBackNoteDue(); n != nil {
			return e.noteGoBack(u, *n)
		}
		return nil
	}
	now, old := e.member(u, g.Pairs[0].New), e.member(u, g.Pairs[0].Old)
	switch w {
	case bluegreen.WorkGoBackLook:
		look := e.returner().LookBack(ctx, now, old)
		if look.At.IsZero() {
			look.At = e.cfg.Clock.Now()
		}
		if ctx.Err() == nil {
			e.watchGoBack(u, func(w *bluegreen.Watch) { w.GoBack = &look }, errors.Join(asError(look.New.Err), asError(look.Old.Err)))
		}
	case bluegreen.WorkGoBackStart:
		return e.tryGoBack(ctx, u, e.returner().StartReverse(ctx, old))
	case bluegreen.WorkGoBackEnd:
		return e.tryGoBack(ctx, u, e.returner().EndReverse(ctx, old))
	case bluegreen.WorkGoBackArm:
		return e.armForward(ctx, u, g, now, old)
	case bluegreen.WorkGoBackCompare:
		return e.compareRows(ctx, u, g, now, old)
	case bluegreen.WorkGoBackVerify:
		return e.verifyGoBack(ctx, u, g)
	}
	return nil
}

func asError(s string) error {
	if s == "" {
		return nil
	}
	return errors.New(s)
}

// member is the endpoint of an instance under the name that it has now.
func (e *Engine) member(u unit, resource string) Endpoint {
	for id, i := range u.facts.Instances {
		if i.ResourceID == resource {
			return e.endpoint(u, id)
		}
	}
	return Endpoint{}
}

// watchGoBack keeps what a work brought, and counts failures in a row.
func (e *Engine) watchGoBack(u unit, take func(*bluegreen.Watch), err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	w := e.watch[u.key]
	if take != nil {
		take(&w)
	}
	if err != nil {
		w.GoBackUnread++
		w.GoBackError = err.Error()
	} else {
		w.GoBackUnread, w.GoBackError = 0, ""
	}
	e.watch[u.key] = w
}

// tryGoBack keeps a work's error for the status; the work is done again.
func (e *Engine) tryGoBack(ctx context.Context, u unit, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	e.watchGoBack(u, nil, err)
	return nil
}

// noteGoBack journals a step that is done, once.
func (e *Engine) noteGoBack(u unit, n bluegreen.GoBackNote) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	g := e.cfg.Store.mem.db(u.key).GoBack
	if g == nil || !g.Done.IsZero() || g.Forward != n.Forward || g.At != u.facts.Record.GoBack.At {
		return nil // it was decided on what is history by now
	}
	if _, done := g.Reached[n.Step]; done {
		return nil
	}
	w := e.watch[u.key]
	w.GoBackUnread, w.GoBackError = 0, ""
	e.watch[u.key] = w
	_, err := e.cfg.Store.append(journal.Entry{Kind: journal.Fact, Database: u.key, What: goBackText(n), At: e.cfg.Clock.Now()},
		goBackData{Name: factGoBack, GoBackNote: n})
	return err
}

// beginGoBack notes who changes places with whom, and what is set in the
// groups of both primaries.
func (e *Engine) beginGoBack(ctx context.Context, u unit, g *bluegreen.GoBack) error {
	pairs, refusal := u.facts.GoBackPairs(g.AcceptLoss)
	if refusal != "" {
		return nil
	}
	var sides [2]bluegreen.GoBackSide
	for n, resource := range []string{pairs[0].New, pairs[0].Old} {
		for _, i := range u.facts.Instances {
			if i.ResourceID != resource {
				continue
			}
			side, err := e.goBackSide(ctx, u, i)
			if err != nil {
				return e.tryGoBack(ctx, u, err)
			}
			sides[n] = side
		}
	}
	var names []string
	for _, p := range pairs {
		names = append(names, fmt.Sprintf("%s (%s) makes room as %s for %s (%s)", p.ID, p.New, p.Aside, p.Kept, p.Old))
	}
	return e.noteGoBack(u, bluegreen.GoBackNote{Step: bluegreen.GoBackBegin, Pairs: pairs, New: &sides[0], Old: &sides[1], Proof: strings.Join(names, "; ")})
}

func (e *Engine) goBackSide(ctx context.Context, u unit, i *bluegreen.Instance) (bluegreen.GoBackSide, error) {
	side := bluegreen.GoBackSide{Version: i.Version, Group: i.ParameterGroup, Family: "mysql" + lineOf(i.Version),
		Own: bluegreen.GoBackGroupName(e.cfg.Plan.Name, u.facts.ID, i.ResourceID)}
	ps, err := e.scope(u.scope).Groups.Parameters(ctx, i.ParameterGroup, "user")
	if err != nil {
		return side, fmt.Errorf("read the parameters of %s: %w", i.ParameterGroup, err)
	}
	for _, p := range ps {
		if p.HasValue || p.Value != "" {
			side.Parameters = append(side.Parameters, p)
		}
	}
	return side, nil
}

// armForward lets the kept server follow the one that serves, in a drill.
func (e *Engine) armForward(ctx context.Context, u unit, g *bluegreen.GoBack, now, old Endpoint) error {
	rev, ok := e.cfg.SQL.(Reverser)
	file, pos, err := parsePlace(g.From)
	if !ok {
		err = errNoSQL
	}
	if err != nil {
		return e.tryGoBack(ctx, u, err)
	}
	what, err := rev.ArmWayBack(ctx, now, old, file, pos)
	if ctx.Err() != nil || err != nil {
		return e.tryGoBack(ctx, u, err)
	}
	return e.noteGoBack(u, bluegreen.GoBackNote{Step: bluegreen.GoBackArm, Proof: what, Forward: true})
}

// compareRows lets a difference stop the road, and nothing else: what could not
// be counted in time is told, since clients wait.
func (e *Engine) compareRows(ctx context.Context, u unit, g *bluegreen.GoBack, now, old Endpoint) error {
	gate := e.returner().CompareRows(ctx, now, old)
	if ctx.Err() != nil {
		return nil
	}
	return e.noteGoBack(u, bluegreen.GoBackNote{Step: bluegreen.GoBackCompare, Proof: gate.String(), Failed: gate.Verdict == bluegreen.GateFail, Forward: g.Forward})
}

// verifyGoBack asks the server behind the name who it is.
func (e *Engine) verifyGoBack(ctx context.Context, u unit, g *bluegreen.GoBack) error {
	serves := u.facts.Instances[u.facts.ID]
	if serves == nil || serves.ResourceID != g.Pairs[0].Old {
		return nil // the next tick looks again
	}
	note := bluegreen.GoBackNote{Step: bluegreen.GoBackVerify, Forward: g.Forward}
	look, proof, err := e.returner().ProveServer(ctx, e.endpoint(u, u.facts.ID))
	if ctx.Err() != nil {
		return nil
	}
	asked := err == nil
	if asked {
		switch {
		case lineOf(look.Version) != lineOf(serves.Version):
			err = fmt.Errorf("the server at the endpoint answers %s, not %s", look.Version, serves.Version)
		case g.OldUUID != "" && look.UUID != g.OldUUID:
			err = errors.New("another server answers at the endpoint")
		case look.ReadOnly:
			err = errors.New("the server at the endpoint says read_only=1")
		case look.Replication.Configured:
			err = errors.New("the server at the endpoint replicates")
		}
	}
	note.Proof = fmt.Sprintf("%s is %s (%s): RDS says so, the server answers %s", u.facts.ID, g.Pairs[0].Old, serves.Version, proof)
	if err != nil {
		blind := e.cfg.SQL == nil || g.AcceptLoss && u.facts.Watch.GoBackUnread >= bluegreen.OddReads
		if asked || !blind {
			return e.tryGoBack(ctx, u, err)
		}
		note.Proof = fmt.Sprintf("%s is %s (%s): RDS says so; not proven over SQL: %v", u.facts.ID, g.Pairs[0].Old, serves.Version, err)
	}
	note.Proof += "; " + g.New.Version + " is kept as " + g.Pairs[0].Aside
	return e.noteGoBack(u, note)
}

// writesStop tells that going back stops writes, or has stopped them: what
// clients feel is measured.
func (u *unit) writesStop() bool {
	for _, row := range bluegreen.GoBackSteps {
		if row.Step == u.state.GoBack {
			return row.Stopped
		}
	}
	return u.state.GoBack == bluegreen.GoBackAbandon
}

// measures is what a probe begun now is of.
func (u *unit) measures() string {
	if u.state.GoBack != "" {
		return ofGoBack
	}
	return ""
}
