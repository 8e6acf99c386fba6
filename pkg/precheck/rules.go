package precheck

import (
	"slices"
	"strings"
)

// Rules are all checks, in the order of reports.
func Rules() []Rule {
	return slices.Concat(schemaRules(), bodyRules(), serverRules())
}

// schemaRules are the checks about what is stored in schemas.
func schemaRules() []Rule {
	return slices.Concat(nameRules(), typeRules(), columnRules(), tableRules(), partitionRules(), keyRules(), innoRules(), programRules())
}

// serverRules are the checks about the server, its accounts and its clients.
func serverRules() []Rule {
	return slices.Concat(variableRules(), tuningRules(), accountRules(), pluginRules(), stateRules(), clientRules())
}

// RuleByID finds a rule.
func RuleByID(id string) (Rule, bool) {
	for _, r := range Rules() {
		if r.ID == id {
			return r, true
		}
	}
	return Rule{}, false
}

// crosses is the gate of most checks: the hop passes one of the versions.
func crosses(versions ...[3]int) func(Hop) bool {
	return func(h Hop) bool {
		return slices.ContainsFunc(versions, func(v [3]int) bool { return h.Crosses(v[0], v[1], v[2]) })
	}
}

// to80 is the gate of what the step to 8.0 refuses.
var to80 = crosses(v8011)

func within(v [3]int, h Hop) bool { return h.Crosses(v[0], v[1], v[2]) }

// name joins the parts of a full name for Finding.Object.
func name(parts ...string) string { return strings.Join(parts, ".") }

// words splits text such as CREATE_OPTIONS at blanks, in lower case.
func words(s string) []string { return strings.Fields(strings.ToLower(s)) }

// The manual's pages that most rules point to.
const (
	docPrepare80 = "https://dev.mysql.com/doc/refman/8.0/en/upgrade-prerequisites.html"
	docChanges80 = "https://dev.mysql.com/doc/refman/8.0/en/upgrading-from-previous-series.html"
	docChanges84 = "https://dev.mysql.com/doc/refman/8.4/en/upgrading-from-previous-series.html"
	docNew84     = "https://dev.mysql.com/doc/refman/8.4/en/mysql-nutshell.html"
	docRDSMajor  = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_UpgradeDBInstance.MySQL.Major.html"
	docAurora    = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraMySQL.upgrade-prechecks.descriptions.html"
	docBlueGreen = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/blue-green-deployments-considerations.html"

	srcShell = "MySQL Shell's check of the same id"
	srcRDS   = "Amazon RDS's own precheck before a major upgrade"
	srcBoth  = "MySQL Shell's check of the same id; Amazon RDS runs it too"

	// rebuildWarning goes with every statement that copies a table.
	rebuildWarning = "The statement rebuilds the table: it needs free storage of the table's size and may block writes; on a large table use an online schema change tool."
)
