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
// ACCOUNT/REGION/ID, or by its id among those the journal knows.
func resolveKey(ctx context.Context, g global, given string, p *plan.Plan) (string, error) {
	if strings.Count(given, "/") == 2 {
		return given, nil
	}
	store, err := g.readState(ctx)
	if err != nil {
		return "", err
	}
	var found []string
	for _, k := range store.Keys() {
		if strings.HasSuffix(k, "/"+given) {
			found = append(found, k)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return "", usage("%q is ambiguous: %s", given, strings.Join(found, ", "))
	case len(p.Accounts) == 1 && p.Accounts[0].ID != "" && len(p.Accounts[0].Regions) == 1:
		return p.Accounts[0].ID + "/" + p.Accounts[0].Regions[0] + "/" + given, nil
	}
	return "", usage("database %q is not in the journal yet: give ACCOUNT/REGION/ID", given)
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
