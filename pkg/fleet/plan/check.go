package plan

import (
	"fmt"
	"maps"
	"path"
	"slices"
)

// maxWaves bounds the waves of a campaign; each is compared with every other.
const maxWaves = 200

// check reports what single values cannot show: keys that need or contradict
// each other.
func (d *decoder) check(p *Plan) {
	d.checkAccounts(p)
	d.checkConnection(p.Connection)
	d.checkWaves(p)
	d.freeze(p)
	d.checkHooks(p)
}

func (d *decoder) checkAccounts(p *Plan) {
	ids, names := map[string]Pos{}, map[string]Pos{}
	for i, a := range p.Accounts {
		at := fmt.Sprintf("accounts[%d]", i)
		if a.ID == "" && len(p.Accounts) > 1 && !d.given(at+".id") {
			d.add(a.Pos, at+".id", "missing-key", at+".id is missing", "with several accounts each needs its id")
		}
		if first, dup := ids[a.ID]; dup && a.ID != "" {
			d.add(d.at(at+".id"), at+".id", "duplicate-account", fmt.Sprintf("account %s stands twice", a.ID),
				fmt.Sprintf("already on line %d: list all its Regions there", first.Line))
			continue
		}
		if first, dup := names[a.Name]; dup && a.Name != "" {
			d.add(d.at(at+".name"), at+".name", "duplicate-account", fmt.Sprintf("two accounts are named %s", quote(a.Name)),
				fmt.Sprintf("already on line %d", first.Line))
		}
		ids[a.ID], names[a.Name] = d.at(at+".id"), d.at(at+".name")
	}
}

func (d *decoder) checkConnection(c Connection) {
	needs := func(key, why string) {
		d.add(d.at("connection.auth"), "connection."+key, "needs-key", "connection."+key+" is missing", why)
	}
	idle := func(key string) {
		if at := "connection." + key; d.given(at) {
			d.add(d.at(at), at, "needs-key", fmt.Sprintf("%s has no meaning with auth: %s", at, c.Auth), "change auth, or delete the line")
		}
	}
	has := func(key string) bool { return d.given("connection." + key) }
	if has("user") && has("user_env") {
		d.add(d.at("connection.user_env"), "connection.user_env", "needs-key", "connection has both user and user_env", "want one of them")
	}
	noUser := !has("user") && !has("user_env")
	switch c.Auth {
	case AuthEnv:
		if !has("password_env") {
			needs("password_env", "auth: env reads the password from the environment variable that it names")
		}
		if noUser {
			needs("user", "auth: env needs user or user_env")
		}
		idle("secret_id")
	case AuthSecret:
		if !has("secret_id") {
			needs("secret_id", "auth: secret reads user and password from it")
		}
		idle("password_env")
	case AuthIAM:
		if noUser {
			needs("user", "auth: iam needs user or user_env")
		}
		if c.TLS == TLSOff {
			d.add(d.at("connection.tls"), "connection.tls", "bad-tls", "connection.tls is off, and IAM authentication needs TLS", "want verify")
		}
		idle("password_env")
		idle("secret_id")
	case AuthNone:
		if given := d.given("connection"); given && !has("auth") && (has("password_env") || has("secret_id") || !noUser) {
			d.add(d.at("connection"), "connection.auth", "missing-key", "connection.auth is missing", "want env, secret, iam or none")
			return
		}
		for _, key := range []string{"user", "user_env", "password_env", "secret_id"} {
			idle(key)
		}
	}
	if c.TLS == TLSOff && has("ca_file") {
		d.add(d.at("connection.ca_file"), "connection.ca_file", "needs-key", "connection.ca_file has no meaning with tls: off", "want tls: verify")
	}
}

func (d *decoder) checkWaves(p *Plan) {
	if len(p.Waves) > maxWaves {
		d.add(d.at("waves"), "waves", "too-many-waves", fmt.Sprintf("waves: %d waves are too many", len(p.Waves)), fmt.Sprintf("want at most %d", maxWaves))
		return
	}
	names := map[string]Pos{}
	for i, w := range p.Waves {
		at := fmt.Sprintf("waves[%d]", i)
		if first, dup := names[w.Name]; dup && w.Name != "" {
			d.add(d.at(at+".name"), at+".name", "duplicate-wave", fmt.Sprintf("two waves are named %s", quote(w.Name)), fmt.Sprintf("already on line %d", first.Line))
		} else {
			names[w.Name] = d.at(at + ".name")
		}
		d.knownPlaces(p, w.Select, at+".select")
		d.knownPlaces(p, w.Exclude, at+".exclude")
		d.checkEmpty(w, at)
		if w.BuildLimit < w.SwitchLimit && d.given(at+".limits.switch") {
			d.warn(d.at(at+".limits.switch"), at+".limits.switch", "limit-idle",
				fmt.Sprintf("%s: %d databases may switch at once, and only %d greens are built at once", at, w.SwitchLimit, w.BuildLimit), "")
		}
		for j := range i {
			d.checkOverlap(p, j, i)
		}
	}
}

// knownPlaces reports accounts and Regions that the plan does not have.
func (d *decoder) knownPlaces(p *Plan, s Selector, at string) {
	var accounts, regions []string
	for _, a := range p.Accounts {
		accounts = append(accounts, a.ID)
		if a.Name != a.ID {
			accounts = append(accounts, a.Name)
		}
		regions = append(regions, a.Regions...)
	}
	slices.Sort(regions)
	regions = slices.Compact(regions)
	for i, a := range s.Accounts {
		if key := fmt.Sprintf("%s.accounts[%d]", at, i); !slices.Contains(accounts, a) {
			d.add(d.at(key), key, "unknown-account", fmt.Sprintf("%s: %s is none of the plan's accounts", key, quote(a)), didYouMean(a, accounts))
		}
	}
	for i, r := range s.Regions {
		if key := fmt.Sprintf("%s.regions[%d]", at, i); !slices.Contains(regions, r) {
			d.add(d.at(key), key, "unknown-region", fmt.Sprintf("%s: %s is none of the plan's Regions", key, quote(r)), didYouMean(r, regions))
		}
	}
}

// checkEmpty reports a wave that excludes all it selects.
func (d *decoder) checkEmpty(w Wave, at string) {
	if w.Select.Empty() {
		return // missing, empty or unreadable: reported where it was read
	}
	if why := w.excludesAll(); why != "" {
		d.add(d.at(at+".select"), at+".select", "selects-nothing", fmt.Sprintf("wave %s selects nothing: %s", quote(w.Name), why), "remove one of the two")
	}
}

// excludesAll is why the exclusion leaves nothing of the selection, or "".
func (w Wave) excludesAll() string {
	s, e := w.Select, w.Exclude
	names := len(s.IDs) + len(s.Globs)
	if names > 0 && !slices.ContainsFunc(s.IDs, func(id string) bool { return !e.names(id) }) &&
		!slices.ContainsFunc(s.Globs, func(g string) bool { return !slices.Contains(e.Globs, g) }) || slices.Contains(e.Globs, "*") {
		return "every id and pattern is excluded"
	}
	if contains(e.Regions, s.Regions) {
		return "every Region is excluded"
	}
	if contains(e.Accounts, s.Accounts) {
		return "every account is excluded"
	}
	if contains(e.EngineVersions, s.EngineVersions) {
		return "every engine version is excluded"
	}
	for k, v := range s.Tags {
		if x, ok := e.Tags[k]; ok && (x == v || x == "*") {
			return fmt.Sprintf("tag %s is selected and excluded", quote(k))
		}
	}
	return ""
}

// contains tells whether all of a non-empty part is in whole.
func contains(whole, part []string) bool {
	return len(part) > 0 && !slices.ContainsFunc(part, func(s string) bool { return !slices.Contains(whole, s) })
}

// checkOverlap reports ids that a wave names and an earlier wave takes too, as
// far as the file alone can tell; Assign sees the rest.
func (d *decoder) checkOverlap(p *Plan, first, second int) {
	a, b := p.Waves[first], p.Waves[second]
	const tooMany = 10_000_000 // comparisons: leave it to Assign
	if p.apart(a, b) || len(a.Select.IDs)*len(b.Select.Globs) > tooMany || len(b.Select.IDs)*len(a.Select.Globs) > tooMany {
		return
	}
	named := map[string]Pos{}
	for i, id := range a.Select.IDs {
		if !a.Exclude.names(id) {
			named[id] = a.Select.IDPos[i]
		}
	}
	for i, id := range b.Select.IDs {
		if b.Exclude.names(id) {
			continue
		}
		if pos, ok := named[id]; ok {
			d.twoWaves(b.Select.IDPos[i], second, id, a.Name, pos)
			delete(named, id)
		} else if pos, ok := a.surelyMatches(id); ok {
			d.twoWaves(b.Select.IDPos[i], second, id, a.Name, pos)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(named)) {
		if pos, ok := b.surelyMatches(id); ok {
			d.twoWaves(pos, second, id, a.Name, named[id])
		}
	}
}

func (d *decoder) twoWaves(pos Pos, wave int, id, other string, otherPos Pos) {
	at := fmt.Sprintf("waves[%d].select", wave)
	d.add(pos, at, "two-waves", fmt.Sprintf("database %s is in two waves", quote(id)),
		fmt.Sprintf("wave %s takes it on line %d: exclude it from one of them", quote(other), otherPos.Line))
}

// surelyMatches tells whether one of the wave's patterns takes the id, whatever
// its tags and version are, and which one.
func (w Wave) surelyMatches(id string) (Pos, bool) {
	if len(w.Select.Tags) > 0 || len(w.Select.EngineVersions) > 0 || w.Exclude.names(id) {
		return Pos{}, false
	}
	for i, g := range w.Select.Globs {
		if ok, err := path.Match(g, id); ok && err == nil {
			return w.Select.GlobPos[i], true
		}
	}
	return Pos{}, false
}

// apart tells whether two waves look at different accounts, Regions or tags, so
// that one id may be two databases.
func (p *Plan) apart(a, b Wave) bool {
	for k, v := range a.Select.Tags {
		if w, ok := b.Select.Tags[k]; ok && v != w && v != "*" && w != "*" {
			return true
		}
	}
	regions := func(w Wave) []string { return w.Select.Regions }
	accounts := func(w Wave) []string {
		var ids []string
		for _, ref := range w.Select.Accounts {
			for _, acc := range p.Accounts {
				if ref == acc.ID || ref == acc.Name {
					ids = append(ids, acc.ID)
				}
			}
		}
		return ids
	}
	return disjoint(regions(a), regions(b)) || disjoint(accounts(a), accounts(b)) ||
		contains(b.Exclude.Regions, a.Select.Regions) || contains(a.Exclude.Regions, b.Select.Regions) ||
		contains(b.Exclude.Accounts, a.Select.Accounts) || contains(a.Exclude.Accounts, b.Select.Accounts)
}

func disjoint(a, b []string) bool {
	return len(a) > 0 && len(b) > 0 && !slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}
