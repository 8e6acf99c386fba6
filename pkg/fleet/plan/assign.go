package plan

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Assignment says which wave every database of the inventory is in.
type Assignment struct {
	// Waves are aligned with Plan.Waves; each is ordered by id, then account
	// and Region.
	Waves [][]Item
	// Unassigned are the MySQL 5.7 databases that no wave takes, in the same
	// order: the compliance report must show them.
	Unassigned []Item
	// Aside are instances that are no databases of their own, with the reason.
	Aside []Aside
}

// Aside is an instance that no wave may take, and why.
type Aside struct {
	Item
	Why string
}

// WaveOf maps every assigned database's Key to its wave's index.
func (a Assignment) WaveOf() map[string]int {
	m := map[string]int{}
	for i, items := range a.Waves {
		for _, it := range items {
			m[it.Key()] = i
		}
	}
	return m
}

// Assign puts every database into at most one wave. Problems are: a database
// that two waves take, a wave that takes none, and a literal id that is no
// database. The assignment is complete even then, the first wave winning, so
// that a read-only command can show it.
//
// Replicas belong to their primary, cluster members to their cluster; greens
// and old blues are recognised by AWS's naming when their blue is there too,
// and are taken only by a wave that names them literally.
func Assign(p *Plan, inventory []Item) (Assignment, Problems) {
	a := &assigner{plan: p, byID: map[string][]int{}, items: slices.Clone(inventory)}
	slices.SortStableFunc(a.items, func(x, y Item) int {
		return cmp.Or(cmp.Compare(x.ID, y.ID), cmp.Compare(x.Account, y.Account), cmp.Compare(x.Region, y.Region))
	})
	for i, it := range a.items {
		a.byID[it.ID] = append(a.byID[it.ID], i)
	}
	for _, w := range p.Waves {
		a.waves = append(a.waves, compile(w))
	}
	out := Assignment{Waves: make([][]Item, len(p.Waves))}
	for _, it := range a.items {
		a.place(it, &out)
	}
	for i, w := range p.Waves {
		at := fmt.Sprintf("waves[%d].select", i)
		a.literals(w.Select, at+".ids", "wave "+quote(w.Name)+" names", true)
		a.literals(w.Exclude, fmt.Sprintf("waves[%d].exclude.ids", i), "wave "+quote(w.Name)+" excludes", false)
		if len(out.Waves[i]) == 0 {
			a.add(w.Pos, at, "selects-nothing", fmt.Sprintf("wave %s takes none of the %d instances of the inventory", quote(w.Name), len(a.items)), "correct select, or delete the wave")
		}
	}
	a.problems.sort()
	return out, a.problems
}

type assigner struct {
	plan     *Plan
	items    []Item
	byID     map[string][]int
	waves    []matcher
	problems Problems
	searches int
}

func (a *assigner) add(pos Pos, path, code, what, want string) {
	a.problems = append(a.problems, Problem{File: a.plan.Path, Pos: pos, Path: path, Code: code, What: what, Want: want})
}

// place puts one instance where it belongs.
func (a *assigner) place(it Item, out *Assignment) {
	why := notOwn(it)
	leftover := ""
	if why == "" {
		leftover = a.leftover(it)
	}
	first := -1
	for i := range a.waves {
		if why != "" || !a.waves[i].takes(it) || leftover != "" && !a.waves[i].ids[it.ID] {
			continue
		}
		if first < 0 {
			first = i
			out.Waves[i] = append(out.Waves[i], it)
			continue
		}
		w, v := a.plan.Waves[first], a.plan.Waves[i]
		a.add(v.placeOf(it.ID), fmt.Sprintf("waves[%d].select", i), "two-waves",
			fmt.Sprintf("database %s is in two waves, %s and %s", quote(it.Key()), quote(w.Name), quote(v.Name)),
			fmt.Sprintf("%s takes it on line %d: exclude it from one of them", quote(w.Name), w.placeOf(it.ID).Line))
	}
	switch {
	case first >= 0:
	case why != "" || leftover != "":
		out.Aside = append(out.Aside, Aside{it, cmp.Or(why, leftover)})
	case Selector{EngineVersions: []string{"5.7"}}.versions(it.EngineVersion):
		out.Unassigned = append(out.Unassigned, it)
	}
}

// placeOf is where the wave speaks of an id: its literal, its pattern, or the wave.
func (w Wave) placeOf(id string) Pos {
	if i := slices.Index(w.Select.IDs, id); i >= 0 && i < len(w.Select.IDPos) {
		return w.Select.IDPos[i]
	}
	for i, g := range w.Select.Globs {
		if (Selector{Globs: []string{g}}).names(id) && i < len(w.Select.GlobPos) {
			return w.Select.GlobPos[i]
		}
	}
	return w.Pos
}

// notOwn is why an instance can be in no wave at all, or "".
func notOwn(it Item) string {
	switch {
	case it.Engine != "mysql":
		return "engine is " + cmp.Or(it.Engine, "unknown")
	case it.ReplicaOf != "":
		return "read replica of " + it.ReplicaOf
	case it.ClusterID != "":
		return "member of cluster " + it.ClusterID
	}
	return ""
}

var (
	oldBlue = regexp.MustCompile(`^(.+)-old[0-9]+$`)
	green   = regexp.MustCompile(`^(.+)-green-[a-z0-9]{6}$`)
)

// leftover tells a green or an old blue by the name that AWS gives it, as long
// as its blue stands beside it.
func (a *assigner) leftover(it Item) string {
	for _, kind := range []struct {
		form *regexp.Regexp
		what string
	}{{oldBlue, "old blue of "}, {green, "green of "}} {
		m := kind.form.FindStringSubmatch(it.ID)
		if m != nil && slices.ContainsFunc(a.byID[m[1]], func(i int) bool {
			return a.items[i].Account == it.Account && a.items[i].Region == it.Region
		}) {
			return kind.what + m[1] + ", by its name"
		}
	}
	return ""
}

// literals reports the ids of a selector that are not there, and those that a
// wave selects although they are no databases of their own.
func (a *assigner) literals(s Selector, path, does string, selects bool) {
	for i, id := range s.IDs {
		var pos Pos
		if i < len(s.IDPos) {
			pos = s.IDPos[i]
		}
		at := fmt.Sprintf("%s[%d]", path, i)
		found := a.byID[id]
		if len(found) == 0 {
			a.add(pos, at, "unknown-database", fmt.Sprintf("%s %s, which is not in the inventory", does, quote(id)), a.suggest(id))
			continue
		}
		why := ""
		for _, j := range found {
			if why = notOwn(a.items[j]); why == "" {
				break
			}
		}
		if why != "" && selects {
			want := "remove it"
			if primary, ok := strings.CutPrefix(why, "read replica of "); ok {
				want = "name its primary: a replica goes with " + quote(primary)
			}
			a.add(pos, at, "no-database", fmt.Sprintf("%s %s: %s", does, quote(id), why), want)
		}
	}
}

// suggest is the nearest id of the inventory. Comparing is slow, so only the
// first mistakes are compared with a whole fleet.
func (a *assigner) suggest(id string) string {
	const most = 50
	if a.searches++; a.searches > most {
		return ""
	}
	ids := make([]string, 0, len(a.items))
	for _, it := range a.items {
		if notOwn(it) == "" {
			ids = append(ids, it.ID)
		}
	}
	if n := nearest(id, slices.Compact(ids)); n != "" {
		return fmt.Sprintf("did you mean %q?", n)
	}
	return "check the name, the accounts and the Regions"
}

// matcher is a wave with its literal ids in sets: lists of thousands of ids
// over fleets of thousands would be slow otherwise.
type matcher struct {
	wave              Wave
	ids, excluded     map[string]bool
	selects, excludes Selector // without their ids
}

func compile(w Wave) matcher {
	m := matcher{wave: w, ids: set(w.Select.IDs), excluded: set(w.Exclude.IDs), selects: w.Select, excludes: w.Exclude}
	m.selects.IDs, m.excludes.IDs = nil, nil
	return m
}

func (m matcher) takes(it Item) bool {
	if m.excluded[it.ID] || m.excludes.Any(it) {
		return false
	}
	rest := m.selects
	if m.ids[it.ID] {
		if rest.Globs = nil; rest.Empty() {
			return true
		}
		return rest.All(it)
	}
	if len(m.ids) > 0 && len(rest.Globs) == 0 {
		return false
	}
	return rest.All(it)
}

func set(list []string) map[string]bool {
	m := make(map[string]bool, len(list))
	for _, s := range list {
		m[s] = true
	}
	return m
}
