package bluegreen

import "slices"

// otherIssues lists the issues that are not eligibility rules, for the
// reference: targets, parameters and quotas find them.
var otherIssues = []Issue{
	{ID: "class-not-orderable", Severity: SeverityBlock, Code: badCombination, Message: "the class cannot be had for the target version", WayOut: "another class, storage type, or more subnets"},
	{ID: "class-replaced", Severity: SeverityWarn, Message: "today's class cannot be created for the target version; a current one of the same shape is taken", WayOut: "accept it, or name another"},
	{ID: "no-graviton-class", Severity: SeverityWarn, Message: "no Graviton class has this size; the database stays on x86", WayOut: "name a class, or keep it"},
	{ID: "graviton-not-orderable", Severity: SeverityWarn, Message: "no Graviton class for this one is sold here", WayOut: "another generation, or a class map"},
	{ID: "storage-dedicated-log", Severity: SeverityWarn, Message: "stays on its storage type because of a dedicated log volume", WayOut: "turn the dedicated log volume off first"},
	{ID: "storage-does-not-fit", Severity: SeverityWarn, Message: "stays on its storage type: gp3 has not the IOPS", WayOut: "let it grow to 400 GiB, state a lower number, or keep it"},
	{ID: "gp3-throughput-lower", Severity: SeverityWarn, Message: "gp3 below 400 GiB moves less than today's volume can", WayOut: "let it grow to 400 GiB, or accept it"},
	{ID: "storage-below-today", Severity: SeverityWarn, Message: "the plan's number is lower than today's", WayOut: "say keep, or accept it after measuring"},
	{ID: "parameter-family-unknown", Severity: SeverityBlock, Message: "the target family's parameters could not be read", WayOut: "allow the call, or name a group"},
	{ID: "parameter-value-not-allowed", Severity: SeverityWarn, Message: "a value cannot be carried to the target family", WayOut: "choose one by hand, or accept the default"},
	{ID: "query-cache-in-use", Severity: SeverityWarn, Message: "the query cache is configured, and is gone in 8.0", WayOut: "measure without it first"},
	{ID: "init-connect-removed-variable", Severity: SeverityBlock, Message: "init_connect uses what the target does not have: every connection would be closed", WayOut: "take it out of init_connect"},
	{ID: "default-not-pinned", Severity: SeverityWarn, Message: "an old default cannot be kept in the target family", WayOut: "test the application against the new one"},
	{ID: "lower-case-table-names-not-settable", Severity: SeverityBlock, Code: notSupported, Message: "blue's lower_case_table_names cannot be set in the target family", WayOut: "dump and load"},
	{ID: "event-scheduler-not-settable", Severity: SeverityBlock, Message: "event_scheduler cannot be turned off in the target family", WayOut: "turn it off on blue"},
	{ID: "event-scheduler-returns", Severity: SeverityNote, Message: "events run on blue; the scheduler is off on green until after the switchover", WayOut: "done by the campaign, in a group of the database's own"},
	{ID: "tls-protocols-lost", Severity: SeverityNote, Message: "clients that speak only TLS 1.0 or 1.1 cannot connect any more", WayOut: "renew those clients"},
	{ID: "way-back-collation", Severity: SeverityNote, Message: "clients without an explicit collation stop a reverse replica on 5.7", WayOut: "name the collation in the connectors while the way back is wanted"},
	{ID: "later-hop-blocked", Severity: SeverityWarn, Message: "a later hop would be blocked, by what is known today: the database would stay where the hop before left it", WayOut: "the hop's own way out, before the campaign begins"},
	{ID: "quota-unknown", Severity: SeverityWarn, Message: "a quota is not listed", WayOut: "allow rds:DescribeAccountAttributes"},
	{ID: "quota-dbinstances", Severity: SeverityWarn, Code: "InstanceQuotaExceeded", Message: "not all greens fit into the instance quota at once; blocks when none does", WayOut: "build fewer at once, or ask for more"},
	{ID: "quota-dbparametergroups", Severity: SeverityWarn, Code: "DBParameterGroupQuotaExceeded", Message: "the parameter groups to be made do not fit into the quota; databases whose events run have one of their own", WayOut: "delete unused ones, or ask for more"},
	{ID: "quota-allocatedstorage", Severity: SeverityWarn, Code: "StorageQuotaExceeded", Message: "not all greens fit into the storage quota at once; blocks when none does", WayOut: "build fewer at once, or ask for more"},
}

// IssueCatalog is every issue that this package can report, once, without
// evidence: the reference in docs/eligibility.md is made of it.
func IssueCatalog() []Issue {
	out := make([]Issue, 0, len(eligibilityRules)+len(otherIssues))
	for _, r := range eligibilityRules {
		out = append(out, Issue{ID: r.id, Severity: r.severity, Code: r.code, Message: r.title, WayOut: r.wayOut, Source: r.source})
	}
	return slices.Concat(out, otherIssues)
}
