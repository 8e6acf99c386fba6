package fleet

import (
	"context"
	"sort"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// sight is one look at one scope.
type sight struct {
	instances map[string]*bluegreen.Instance
	// byDatabase finds the deployments that concern a database by its id.
	byDatabase map[string][]bluegreen.Deployment
	byName     map[string][]bluegreen.Deployment // by name in lower case
	err        error
	kin        kin

	// Of a cloud that tells changes only: the databases concerned by the last
	// ones, all deployments by id, and whose database an instance belongs to.
	dirty       map[string]bool
	deployments map[string]bluegreen.Deployment
	owner       map[string]string
}

// look reads every scope at once: two describes each, however many databases.
// Deployments are read first, so that what the instances show is never older.
func look(ctx context.Context, scopes []Scope) map[string]*sight {
	seen := make(map[string]*sight, len(scopes))
	var mu sync.Mutex
	var g errgroup.Group
	for _, sc := range scopes {
		g.Go(func() error {
			s := &sight{}
			deps, err := sc.Cloud.Deployments(ctx)
			if err == nil {
				var list []bluegreen.Instance
				if list, err = sc.Cloud.Instances(ctx); err == nil {
					s.index(list, deps)
				}
			}
			s.err = err
			mu.Lock()
			seen[sc.Key()] = s
			mu.Unlock()
			return nil
		})
	}
	_ = g.Wait() // no function returns an error: each sight carries its own
	return seen
}

func (s *sight) index(list []bluegreen.Instance, deps []bluegreen.Deployment) {
	s.instances = make(map[string]*bluegreen.Instance, len(list))
	for i := range list {
		s.instances[list[i].ID] = &list[i]
		s.kin.add(&list[i])
	}
	s.byDatabase = map[string][]bluegreen.Deployment{}
	for _, d := range deps {
		s.name(d)
		for id := range concerned(d) {
			s.byDatabase[id] = append(s.byDatabase[id], d)
		}
	}
}

// concerned are the database ids that a deployment may be about: its source
// and target by name, with -oldN taken off, and what our tag says.
func concerned(d bluegreen.Deployment) map[string]bool {
	ids := map[string]bool{}
	for _, arn := range []string{d.Source, d.Target} {
		if arn == "" {
			continue
		}
		id := bluegreen.IDFromARN(arn)
		ids[id] = true
		if i := strings.LastIndex(id, "-old"); i > 0 && strings.Trim(id[i+4:], "0123456789") == "" {
			ids[id[:i]] = true
		}
	}
	if id := d.Tags[bluegreen.TagDatabase]; id != "" {
		ids[id] = true
	}
	return ids
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
