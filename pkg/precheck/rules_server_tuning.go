package precheck

import (
	"fmt"
	"strconv"
	"strings"
)

func tuningRules() []Rule {
	return []Rule{
		{
			ID: "binlogFormat", Title: "Binary log not ready for a green", Severity: Warning,
			About:  "A blue/green deployment replicates to the green by the binary log. Without one it cannot be made; with STATEMENT, and to a lesser degree MIXED, the two sides can differ, the more so as innodb_autoinc_lock_mode becomes 2.",
			Fix:    "On RDS switch automated backups on, and set binlog_format=ROW in the parameter group.",
			Source: "AWS: blue/green limitations and best practices", Doc: docBlueGreen,
			Once: true, Needs: []Section{SectionVariables}, Check: checkBinlog,
		},
		{
			ID: "queryCacheUse", Title: "Query cache in use", Severity: Notice,
			About:  "8.0 has no query cache. What was answered from it will be computed each time.",
			Fix:    "Switch it off on 5.7 first (query_cache_type=0) and watch the load for a few days.",
			Source: "manual, 8.0 removals", Doc: "https://dev.mysql.com/doc/refman/8.0/en/mysql-nutshell.html",
			Applies: to80, Needs: []Section{SectionVariables}, Check: checkQueryCache,
		},
		{
			ID: "optimizerSwitch", Title: "Custom optimizer switches", Severity: Notice,
			About:  "optimizer_switch differs from the default. What was switched off for one release's optimizer may hurt with the next.",
			Fix:    "Try the default on a green and compare the plans of the slowest statements.",
			Source: "manual, switchable optimizations", Doc: "https://dev.mysql.com/doc/refman/8.0/en/switchable-optimizations.html",
			Once: true, Needs: []Section{SectionVariables}, Check: checkOptimizerSwitch,
		},
	}
}

func checkBinlog(in *Input) ([]Finding, error) {
	x := in.Index
	absent := Notice
	if x.rds() {
		absent = Warning
	}
	if v, ok := x.Variable("log_bin"); ok && sameValue(v, "OFF") {
		return []Finding{{Object: "log_bin", Severity: absent, Message: "the binary log is off, so that no green can follow this server"}}, nil
	}
	switch format, _ := x.Variable("binlog_format"); strings.ToUpper(format) {
	case "STATEMENT":
		return []Finding{{Object: "binlog_format", Message: "binlog_format is STATEMENT"}}, nil
	case "MIXED":
		// RDS's default for 5.7, so no warning by itself.
		return []Finding{{Object: "binlog_format", Severity: Notice, Message: "binlog_format is MIXED; ROW is safer for a green"}}, nil
	}
	return nil, nil
}

func checkQueryCache(in *Input) ([]Finding, error) {
	kind, _ := in.Index.Variable("query_cache_type")
	size, _ := in.Index.Variable("query_cache_size")
	if kind == "" || sameValue(kind, "OFF") || size == "0" {
		return nil, nil
	}
	hits, _ := strconv.ParseUint(statusValue(in.Catalog, "Qcache_hits"), 10, 64)
	selects, _ := strconv.ParseUint(statusValue(in.Catalog, "Com_select"), 10, 64)
	f := Finding{Object: "query_cache_type", Message: "query_cache_type is " + kind}
	if hits > 0 {
		f.Severity = Warning
		f.Message += fmt.Sprintf("; %d of %d reads came from the query cache", hits, hits+selects)
	}
	return []Finding{f}, nil
}

// statusValue is a status counter, whatever the case of its name.
func statusValue(c *Catalog, counter string) string {
	if v, ok := c.Activity.Status[counter]; ok {
		return v
	}
	for k, v := range c.Activity.Status {
		if strings.EqualFold(k, counter) {
			return v
		}
	}
	return ""
}

// offSwitches are the optimizer switches that are off by default; all others are on.
var offSwitches = set("batched_key_access", "use_invisible_indexes", "subquery_to_derived", "hypergraph_optimizer")

func checkOptimizerSwitch(in *Input) ([]Finding, error) {
	v, _ := in.Index.Variable("optimizer_switch")
	var changed []string
	for _, s := range strings.Split(v, ",") {
		flag, value, ok := strings.Cut(strings.TrimSpace(s), "=")
		if ok && (value == "on") == offSwitches[flag] {
			changed = append(changed, flag+"="+value)
		}
	}
	if len(changed) == 0 {
		return nil, nil
	}
	return []Finding{{Object: "optimizer_switch", Message: "differs from the default: " + printable(strings.Join(changed, ", "))}}, nil
}
