package precheck

import "github.com/rdsupgrade/rdsupgrade/pkg/precheck/sqllex"

// selectFrame is what is known of the query inside one pair of parentheses.
type selectFrame struct {
	inGroup bool // between GROUP BY and the next clause
	group   int  // the token of GROUP, -1 without one
	order   bool
	limit   bool
	union   bool
	locked  int // the token of a FOR UPDATE or LOCK IN SHARE MODE, -1 without one
	query   bool
	exists  bool // the parentheses of EXISTS
	into    bool // the rows go into variables or a file
}

func newFrame() selectFrame { return selectFrame{group: -1, locked: -1} }

// selects walks over the queries of a statement, parentheses by parentheses.
func (a *analyser) selects(s statement) {
	a.frames = append(a.frames[:0], newFrame())
	for i := s.from; i < s.to; i++ {
		t := &a.toks[i]
		if t.Kind == sqllex.Op && t.End == t.Start+1 {
			switch a.src[t.Start] {
			case '(':
				f := newFrame()
				f.exists = a.kw(i-1) == kwExists
				a.frames = append(a.frames, f)
			case ')':
				if n := len(a.frames); n > 1 {
					a.closeFrame(s, n-1)
					a.frames = a.frames[:n-1]
				}
			}
			continue
		}
		if t.kw != kwNone {
			a.clause(i, t.kw, &a.frames[len(a.frames)-1])
		}
	}
	for n := len(a.frames) - 1; n >= 0; n-- {
		a.closeFrame(s, n)
	}
}

// clause follows the clauses of a query.
func (a *analyser) clause(i int, k keyword, f *selectFrame) {
	switch k {
	case kwSelect:
		f.query = true
	case kwGroup:
		if a.kw(i+1) == kwBy {
			f.inGroup, f.group = true, i
		}
	case kwAsc, kwDesc:
		if f.inGroup {
			a.add(fact{kind: factGroupSort, name: keywordNames[k], since: 80013, refused: true}, i)
		}
	case kwUnion:
		if f.locked >= 0 {
			a.gone(f.locked, "a locking clause before UNION", 80000, "the locked SELECT in parentheses")
		}
		f.union, f.inGroup, f.locked = true, false, -1
	case kwFor:
		f.inGroup = false
		if f.query && a.kw(i+1) == kwUpdate {
			f.locked = i
		}
	case kwLock:
		f.inGroup = false
		if f.query && a.kw(i+1) == kwIn {
			f.locked = i
		}
	case kwOrder:
		f.inGroup = false
		f.order = f.order || a.kw(i+1) == kwBy
	case kwLimit:
		f.inGroup = false
		f.limit = true
	case kwHaving, kwProcedure, kwInto, kwWindow, kwOn:
		if k != kwWindow || a.is(i+2, "AS") { // WINDOW w AS (...)
			f.inGroup = false
		}
		f.into = f.into || k == kwInto
	}
}

// closeFrame judges the frame at depth n, whose query has ended. Without an
// ORDER BY, 5.7 returned groups in the order of the grouping columns; a later
// version does not. It matters where a client or cursor sees the rows, and
// where LIMIT picks some of them.
func (a *analyser) closeFrame(s statement, n int) {
	f := &a.frames[n]
	if f.group < 0 || f.order || f.union || f.exists {
		return
	}
	shown := n == 0 && s.head == kwSelect && !f.into
	if f.limit || shown {
		a.add(fact{kind: factGroupNoOrder, name: "GROUP BY", since: 80013, limited: f.limit}, f.group)
	}
}
