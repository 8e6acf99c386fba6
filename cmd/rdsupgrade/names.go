package main

import (
	"context"
	"slices"
	"strings"

	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

func hasWave(waves []plan.Wave, name string) bool {
	return slices.ContainsFunc(waves, func(w plan.Wave) bool { return w.Name == name })
}

func waveNames(waves []plan.Wave) string {
	var names []string
	for _, w := range waves {
		names = append(names, w.Name)
	}
	return strings.Join(names, ", ")
}

// resolveKey finds the one database a person means: by its whole name
// ACCOUNT/REGION/ID, or by its id among those that a run has seen. A name that
// cannot be one of the plan's is refused: a decision about a database that does
// not exist would stand in the journal and change nothing.
func resolveKey(ctx context.Context, g global, given string, p *plan.Plan) (string, error) {
	store, err := g.readState(ctx)
	if err != nil {
		return "", err
	}
	known := store.Seen()
	if slices.Contains(known, given) {
		return given, nil
	}
	if strings.Count(given, "/") == 2 {
		return wholeKey(given, known, p)
	}
	var found, ids []string
	for _, k := range known {
		id := k[strings.LastIndexByte(k, '/')+1:]
		if id == given {
			found = append(found, k)
		}
		ids = append(ids, id)
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return "", usage("%q is ambiguous: %s", given, strings.Join(found, ", "))
	case len(known) > 0:
		return "", usage("no database %q in the campaign%s; one that no run has seen yet needs its whole name ACCOUNT/REGION/ID", given, didYouMean(given, ids))
	}
	return unseenKey(given, p)
}

// wholeKey accepts a whole name that no run has seen, when it may be the plan's.
func wholeKey(given string, known []string, p *plan.Plan) (string, error) {
	part := strings.Split(given, "/")
	for _, a := range p.Accounts {
		if (a.ID == part[0] || a.ID == "") && slices.Contains(a.Regions, part[1]) && part[2] != "" {
			if !p.MayTake(part[2]) {
				return "", usage("no wave of the plan takes %q%s", given, didYouMean(given, known))
			}
			return given, nil
		}
	}
	return "", usage("the plan has no account and Region of %q%s", given, didYouMean(given, known))
}

// unseenKey is of a campaign that has not run yet.
func unseenKey(given string, p *plan.Plan) (string, error) {
	if len(p.Accounts) != 1 || p.Accounts[0].ID == "" || len(p.Accounts[0].Regions) != 1 {
		return "", usage("database %q is not in the journal yet: give ACCOUNT/REGION/ID", given)
	}
	if !p.MayTake(given) {
		return "", usage("no wave of the plan takes a database %q%s", given, didYouMean(given, p.NamedIDs()))
	}
	return p.Accounts[0].ID + "/" + p.Accounts[0].Regions[0] + "/" + given, nil
}

// didYouMean is the nearest name as the end of a sentence, "" without one.
func didYouMean(given string, names []string) string {
	if near := plan.Nearest(given, names); near != "" {
		return "; did you mean \"" + near + "\"?"
	}
	return ""
}

// keysOf are the databases of a status that ids or a wave name.
func keysOf(st fleet.Status, database, wave string) []string {
	var keys []string
	for _, d := range st.Databases {
		key := d.Key()
		if database != "" && (d.ID == database || key == database) || wave != "" && d.Wave == wave {
			keys = append(keys, key)
		}
	}
	return keys
}
