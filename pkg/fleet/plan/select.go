package plan

import (
	"path"
	"slices"
	"strings"
)

// Item is a database of the inventory, as far as selection needs it.
type Item struct {
	ID          string
	Account     string // id
	AccountName string
	Region      string
	// EngineVersion is as RDS writes it: 5.7.44-rds.20240808.
	EngineVersion string
	Tags          map[string]string
	// ReplicaOf is the primary's id or ARN, "" for a database of its own.
	ReplicaOf string
	Engine    string // "mysql"
	// ClusterID is the DB cluster that the instance is a member of, "" for none.
	ClusterID string
}

// Key names a database in the whole fleet: account/region/id.
func (it Item) Key() string { return it.Account + "/" + it.Region + "/" + it.ID }

// Empty tells a selector without any part.
func (s Selector) Empty() bool {
	return len(s.IDs)+len(s.Globs)+len(s.Tags)+len(s.EngineVersions)+len(s.Accounts)+len(s.Regions) == 0
}

// names tells whether ids or globs name the id.
func (s Selector) names(id string) bool {
	return slices.Contains(s.IDs, id) || slices.ContainsFunc(s.Globs, func(g string) bool {
		ok, err := path.Match(g, id)
		return ok && err == nil
	})
}

func (s Selector) versions(v string) bool {
	return slices.ContainsFunc(s.EngineVersions, func(prefix string) bool {
		rest, ok := strings.CutPrefix(strings.ToLower(v), strings.ToLower(prefix))
		return ok && (rest == "" || rest[0] == '.' || rest[0] == '-')
	})
}

func (s Selector) account(it Item) bool {
	return slices.ContainsFunc(s.Accounts, func(a string) bool { return a == it.Account || a == it.AccountName && a != "" })
}

func tagMatches(it Item, key, want string) bool {
	v, ok := it.Tags[key]
	return ok && (v == want || want == "*")
}

// All tells whether every non-empty part of the selector matches.
func (s Selector) All(it Item) bool {
	for k, v := range s.Tags {
		if !tagMatches(it, k, v) {
			return false
		}
	}
	return !s.Empty() &&
		(len(s.IDs)+len(s.Globs) == 0 || s.names(it.ID)) &&
		(len(s.EngineVersions) == 0 || s.versions(it.EngineVersion)) &&
		(len(s.Accounts) == 0 || s.account(it)) &&
		(len(s.Regions) == 0 || slices.Contains(s.Regions, it.Region))
}

// Any tells whether some part of the selector matches.
func (s Selector) Any(it Item) bool {
	for k, v := range s.Tags {
		if tagMatches(it, k, v) {
			return true
		}
	}
	return s.names(it.ID) || s.versions(it.EngineVersion) || s.account(it) || slices.Contains(s.Regions, it.Region)
}

// Takes tells whether the wave selects the database and does not exclude it.
func (w Wave) Takes(it Item) bool { return w.Select.All(it) && !w.Exclude.Any(it) }

// MayTake tells whether some wave may take a database of this id, as far as the
// file alone can tell: its tags and version are not known.
func (p *Plan) MayTake(id string) bool {
	return slices.ContainsFunc(p.Waves, func(w Wave) bool {
		return (len(w.Select.IDs)+len(w.Select.Globs) == 0 || w.Select.names(id)) && !w.Exclude.names(id)
	})
}

// NamedIDs are the ids that the waves name, in the order of the file.
func (p *Plan) NamedIDs() []string {
	var ids []string
	for _, w := range p.Waves {
		ids = append(ids, w.Select.IDs...)
	}
	return ids
}
