package precheck

import "strings"

// grantSet is what SHOW GRANTS says the account may do.
type grantSet struct {
	global map[string]bool
	// byDB are grants on schema patterns, as in GRANT ... ON `app\_%`.*.
	byDB []dbGrant
	// read tells that SHOW GRANTS answered at all.
	read bool
}

type dbGrant struct {
	pattern string
	privs   map[string]bool
}

// parseGrants reads SHOW GRANTS lines. Grants on single tables, columns and
// routines are left out: they never make a whole schema visible.
func parseGrants(lines []string) grantSet {
	g := grantSet{global: map[string]bool{}, read: len(lines) > 0}
	for _, line := range lines {
		revoke := strings.HasPrefix(line, "REVOKE ")
		rest, ok := strings.CutPrefix(line, "GRANT ")
		if revoke {
			rest, ok = strings.TrimPrefix(line, "REVOKE "), true
		}
		privs, on, found := strings.Cut(rest, " ON ")
		if !ok || !found {
			continue // a role: its privileges come as lines of their own
		}
		set := map[string]bool{}
		for p := range strings.SplitSeq(privs, ",") {
			set[strings.TrimSpace(p)] = true
		}
		switch {
		case strings.HasPrefix(on, "*.* "):
			for p := range set {
				if revoke {
					delete(g.global, p)
				} else {
					g.global[p] = true
				}
			}
		case revoke:
			// A partial revoke hides a schema from a global grant; which one
			// does not matter, the grant is no longer global.
			for p := range set {
				delete(g.global, p)
			}
		default:
			if schema, ok := schemaPattern(on); ok {
				g.byDB = append(g.byDB, dbGrant{pattern: schema, privs: set})
			}
		}
	}
	return g
}

// schemaPattern takes the schema out of "`app`.* TO ...".
func schemaPattern(on string) (string, bool) {
	if !strings.HasPrefix(on, "`") {
		return "", false
	}
	for i := 1; i < len(on); i++ {
		if on[i] != '`' {
			continue
		}
		if i+1 < len(on) && on[i+1] == '`' {
			i++
			continue
		}
		return strings.ReplaceAll(on[1:i], "``", "`"), strings.HasPrefix(on[i+1:], ".* ")
	}
	return "", false
}

// everywhere tells whether a privilege is granted on *.*.
func (g grantSet) everywhere(priv string) bool {
	return g.global[priv] || g.global["ALL PRIVILEGES"] || g.global["ALL"]
}

// covers tells whether a privilege holds on every one of the schemas.
func (g grantSet) covers(priv string, schemas []Schema) bool {
	if g.everywhere(priv) {
		return true
	}
	for _, s := range schemas {
		if !g.onSchema(priv, s.Name) {
			return false
		}
	}
	return len(schemas) > 0
}

func (g grantSet) onSchema(priv, schema string) bool {
	for _, d := range g.byDB {
		if (d.privs[priv] || d.privs["ALL PRIVILEGES"]) && likeMatch(d.pattern, schema) {
			return true
		}
	}
	return false
}

// likeMatch is SQL's LIKE with \ as escape.
func likeMatch(pattern, s string) bool {
	if pattern == "" {
		return s == ""
	}
	switch c := pattern[0]; {
	case c == '%':
		for i := 0; i <= len(s); i++ {
			if likeMatch(pattern[1:], s[i:]) {
				return true
			}
		}
		return false
	case c == '\\' && len(pattern) > 1:
		return s != "" && s[0] == pattern[1] && likeMatch(pattern[2:], s[1:])
	default:
		return s != "" && (c == '_' || c == s[0]) && likeMatch(pattern[1:], s[1:])
	}
}

// grantFor names the privilege that makes a section readable.
func (r *reader) grantFor(s Section) string {
	switch s {
	case SectionInnoTables, SectionInnoColumns, SectionFiles, SectionTrx, SectionForeignKeys:
		return "PROCESS ON *.*"
	case SectionTriggers:
		return "TRIGGER ON *.*"
	case SectionViews:
		return "SHOW VIEW ON *.*"
	case SectionEvents:
		return "EVENT ON *.*"
	case SectionEventDefs:
		return "SELECT ON mysql.event"
	case SectionRoutines:
		if r.old {
			return "SELECT ON mysql.proc"
		}
		return "SHOW_ROUTINE ON *.*"
	case SectionAccounts:
		return "SELECT ON mysql.user"
	case SectionXA:
		return "XA_RECOVER_ADMIN ON *.*"
	case SectionReplication:
		return "REPLICATION CLIENT ON *.*"
	case SectionDigests, SectionStatements, SectionSessions:
		return "SELECT ON performance_schema.*"
	case SectionSizes:
		return "SELECT ON mysql.innodb_table_stats"
	case SectionSystem:
		return "SELECT ON mysql.*"
	default:
		return "SELECT ON *.*"
	}
}
