package rdssim

import (
	"fmt"
	"strings"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/catalog"
)

// upgradeWork upgrades an instance. When RDS's own check finds something, or
// the engine fails, the instance stays on its version, and event and log say
// so; then (which may be nil) learns how it went.
func (r *region) upgradeWork(i *Instance, to, group, options string, then func(err error)) *activity {
	t := r.sim.timing
	major := catalog.MajorOf(to) != catalog.MajorOf(i.EngineVersion)
	took := t.MinorUpgrade
	if major {
		took = perTiB(t.Upgrade, t.UpgradePerTiB, i.Storage.GiB)
	}
	return &activity{status: statusUpgrading, took: took, outage: true, done: func() {
		delete(i.Pending, "EngineVersion")
		if major {
			if err := r.upgradeCheck(i, to); err != nil {
				if then != nil {
					then(err)
				}
				return
			}
			i.ParameterGroup = or(group, catalog.DefaultParameterGroup(to))
			i.OptionGroup = or(options, catalog.DefaultOptionGroup(to))
		}
		i.EngineVersion = to
		i.Profile = i.ProfileAfter
		r.restarted(i)
		r.emitInstance(i, "maintenance", "Database instance has been upgraded to engine version %s", to)
		if then != nil {
			then(nil)
		}
	}}
}

// upgradeCheck is RDS's own check before a major upgrade.
func (r *region) upgradeCheck(i *Instance, to string) error {
	blockers := i.Blockers
	if catalog.MajorOf(i.EngineVersion) != "5.7" {
		blockers = nil // they are about the way from 5.7
	}
	if f := r.sim.strikes(FaultPrecheck, i, "CreateBlueGreenDeployment"); f != nil {
		blockers = append([]string{or(f.Reason, "enumSetElementLength")}, blockers...)
	}
	if len(blockers) == 0 {
		return nil
	}
	i.Logs["PrePatchCompatibility.log"] = precheckLog(i, to, blockers)
	r.emitInstance(i, "maintenance", "Database instance is not upgradeable to engine version %s: the upgrade prechecks found %d error(s). See the log file PrePatchCompatibility.log for details.", to, len(blockers))
	return fmt.Errorf("the DB instance %s has upgrade incompatibilities (%s)", i.ID, strings.Join(blockers, ", "))
}

// precheckTitles are the numbered sections of PrePatchCompatibility.log in
// their order. Sections carry no level; only the footer counts by level.
var precheckTitles = []struct{ id, title, found string }{
	{"oldTemporal", "Usage of old temporal type", "%s.legacy_dates.created_at - column uses a temporal type of the format before MySQL 5.6.4"},
	{"reservedKeywords", "Usage of db objects with names conflicting with new reserved keywords", ""},
	{"utf8mb3", "Usage of utf8mb3 charset", ""},
	{"mysqlSchema", "Table names in the mysql schema conflicting with new tables in the latest MySQL", "mysql.catalogs - Table name used in mysql schema"},
	{"partition", "Partitioned tables using engines with non native partitioning", "%s.audit_log - MyISAM engine does not support native partitioning"},
	{"foreignKeyLength", "Foreign key constraint names longer than 64 characters", "%s.order_items - foreign key name has more than 64 characters"},
	{"maxdb", "Usage of obsolete MAXDB sql_mode flag", ""},
	{"sqlmode", "Usage of obsolete sql_mode flags", ""},
	{"enum", "ENUM/SET column definitions containing elements longer than 255 characters", "%s.catalog_items.attributes - ENUM contains element longer than 255 characters"},
	{"sharedTablespace", "Usage of partitioned tables in shared tablespaces", "%s.metrics - partition p0 is in shared tablespace general1"},
	{"circularDirectory", "Circular directory references in tablespace data file paths", ""},
	{"function", "Usage of removed functions", "%s.v_user_hash - VIEW uses removed function ENCRYPT"},
	{"groupby", "Usage of removed GROUP BY ASC/DESC syntax", "%s.report_daily - PROCEDURE uses removed GROUP BY DESC syntax"},
	{"syslog", "Removed system variables for error logging to the system log configuration", ""},
	{"sysvars", "Removed system variables", ""},
	{"defaults", "System variables with new default values", ""},
	{"schemaInconsistency", "Schema inconsistencies resulting from file removal or corruption", "%s.orphan - present in INFORMATION_SCHEMA's INNODB_SYS_TABLES table but missing from TABLES table"},
	{"checkTable", "Issues reported by 'check table x for upgrade' command", ""},
	{"definer", "The definer column for mysql.events cannot be null or blank", "%s.nightly - event has a blank definer"},
	{"freeDisk", "DB instance must have enough free disk space", "not enough free disk space"},
}

// precheckLog writes the log in the layout of RDS's.
func precheckLog(i *Instance, to string, blockers []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "The upgrade of the DB instance %s to MySQL %s was checked.\nThe MySQL server at version %s was checked for compatibility issues for MySQL %s...\n\n", i.ID, to, i.EngineVersion, to)
	errors := 0
	left := append([]string(nil), blockers...)
	for n, s := range precheckTitles {
		fmt.Fprintf(&b, "%d) %s\n", n+1, s.title)
		found := false
		for k, id := range left {
			if s.found != "" && strings.Contains(strings.ToLower(id), strings.ToLower(s.id)) {
				line := s.found
				if strings.Contains(line, "%s") {
					line = fmt.Sprintf(line, i.Schema)
				}
				fmt.Fprintf(&b, "  %s\n", line)
				left = append(left[:k], left[k+1:]...)
				errors++
				found = true
				break
			}
		}
		if !found {
			b.WriteString("  No issues found\n")
		}
		b.WriteString("\n")
	}
	for n, id := range left {
		fmt.Fprintf(&b, "%d) %s\n  %s - reported by the upgrade check\n\n", len(precheckTitles)+n+1, id, i.Schema)
		errors++
	}
	fmt.Fprintf(&b, "Errors:   %d\nWarnings: 1\nNotices:  1\n\n%d errors were found. Please correct these issues before upgrading to avoid compatibility issues.\n", errors, errors)
	return b.String()
}
