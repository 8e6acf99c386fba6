package fleet

import (
	"slices"
	"strings"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// kin finds the instances that concern one database, so that judging a
// database does not cost a walk over its whole Region.
type kin struct {
	byBase     map[string][]string // names that RDS or a rollback derives from a name
	byResource map[string]string
}

// baseOf is the name that an instance's name was derived from, or the name itself.
func baseOf(id string) string {
	if b := baseOfOld(id); b != "" {
		return b
	}
	if i := strings.LastIndex(id, "-green-"); i > 0 && len(id) == i+len("-green-")+6 {
		return id[:i]
	}
	if i := strings.Index(id, "-rolledback"); i > 0 {
		return id[:i]
	}
	return id
}

func (k *kin) add(i *bluegreen.Instance) {
	if k.byBase == nil {
		k.byBase, k.byResource = map[string][]string{}, map[string]string{}
	}
	k.byResource[i.ResourceID] = i.ID
	if b := baseOf(i.ID); b != i.ID && !slices.Contains(k.byBase[b], i.ID) {
		k.byBase[b] = append(k.byBase[b], i.ID)
	}
}

func (k *kin) remove(id string) {
	b := baseOf(id)
	k.byBase[b] = slices.DeleteFunc(k.byBase[b], func(s string) bool { return s == id })
	if len(k.byBase[b]) == 0 {
		delete(k.byBase, b)
	}
}

// around are the instances that a database's stage can depend on: itself, what
// its name was given to, its replicas with theirs, the members of its
// deployments, and what served before the campaign, whatever it is called now.
func (s *sight) around(id string, rec bluegreen.Record) map[string]*bluegreen.Instance {
	near := map[string]*bluegreen.Instance{}
	add := func(name string) {
		if i := s.instances[name]; i != nil {
			near[name] = i
		}
	}
	family := func(name string) {
		add(name)
		for _, n := range s.kin.byBase[name] {
			add(n)
		}
	}
	family(id)
	if blue := s.instances[id]; blue != nil {
		for _, r := range blue.Replicas {
			family(bluegreen.IDFromARN(r))
		}
	}
	for _, d := range s.byDatabase[id] {
		for _, m := range d.Members {
			add(bluegreen.IDFromARN(m.Source))
			add(bluegreen.IDFromARN(m.Target))
		}
	}
	if before := rec.BlueBefore; before != nil && before.ResourceID != "" {
		add(s.kin.byResource[before.ResourceID])
		for _, r := range before.Replicas {
			family(bluegreen.IDFromARN(r))
		}
	}
	for _, n := range rec.OldBlues {
		family(n)
		if old := s.instances[n]; old != nil {
			for _, r := range old.Replicas {
				add(bluegreen.IDFromARN(r))
			}
		}
	}
	if g := rec.GoBack; g != nil {
		for _, p := range g.Pairs {
			family(p.ID)
			add(s.kin.byResource[p.New])
			add(s.kin.byResource[p.Old])
		}
	}
	for _, k := range rec.Known {
		add(s.kin.byResource[k.ResourceID])
		family(k.ID)
	}
	return near
}
