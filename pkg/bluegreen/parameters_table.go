package bluegreen

import (
	"strconv"
	"strings"
)

const sourceManual = "MySQL reference manual"

// renameRule is a parameter that lives on under another name.
type renameRule struct {
	to     string
	value  func(string) string // nil: the value stays
	reason string
}

// renames lists the parameters with a successor. It is consulted only when the
// target family has no parameter of the old name.
var renames = map[string]renameRule{
	"tx_isolation":                  {to: "transaction_isolation", reason: "renamed in 8.0"},
	"tx_read_only":                  {to: "transaction_read_only", reason: "renamed in 8.0"},
	"log_warnings":                  {to: "log_error_verbosity", value: verbosity, reason: "replaced in 8.0: 0 is now 1 (errors), 1 is 2 (and warnings), more is 3 (and notes)"},
	"innodb_undo_logs":              {to: "innodb_rollback_segments", reason: "renamed in 8.0"},
	"innodb_stats_sample_pages":     {to: "innodb_stats_transient_sample_pages", reason: "renamed in 8.0"},
	"expire_logs_days":              {to: "binlog_expire_logs_seconds", value: daysToSeconds, reason: "replaced: seconds instead of days"},
	"innodb_checksums":              {to: "innodb_checksum_algorithm", value: checksum, reason: "replaced in 8.0"},
	"default_authentication_plugin": {to: "authentication_policy", value: policyOfPlugin, reason: "replaced in 8.4"},
	"group_replication_ip_whitelist": {to: "group_replication_ip_allowlist",
		reason: "renamed in 8.0.22"},
}

func verbosity(v string) string {
	switch v {
	case "0":
		return "1"
	case "1":
		return "2"
	}
	return "3"
}

func daysToSeconds(v string) string {
	days, err := strconv.Atoi(v)
	if err != nil {
		return v
	}
	return strconv.Itoa(days * 86400)
}

func checksum(v string) string {
	if v == "0" || strings.EqualFold(v, "OFF") {
		return "none"
	}
	return "crc32"
}

// policyOfPlugin writes a default plugin as authentication_policy's first factor.
func policyOfPlugin(v string) string { return "*:" + v + ",," }

// inclusiveName replaces the words of replication that MySQL gave up.
func inclusiveName(name string) string {
	return strings.NewReplacer("slave", "replica", "master", "source").Replace(name)
}

const (
	goneQueryCache = "the query cache was removed in 8.0"
	goneFileFormat = "removed in 8.0: all tables are Barracuda"
	goneRepository = "removed in 8.3: replication metadata is always in tables"
	goneFormat     = "removed in 8.0, never had an effect"
)

// removed says why a parameter without successor is gone.
var removed = map[string]string{
	"query_cache_limit": goneQueryCache, "query_cache_min_res_unit": goneQueryCache, "query_cache_size": goneQueryCache,
	"query_cache_type": goneQueryCache, "query_cache_wlock_invalidate": goneQueryCache,
	"innodb_file_format": goneFileFormat, "innodb_file_format_check": goneFileFormat, "innodb_file_format_max": goneFileFormat,
	"innodb_large_prefix": "removed in 8.0: long index prefixes are always allowed",
	"date_format":         goneFormat, "datetime_format": goneFormat, "time_format": goneFormat, "max_tmp_tables": goneFormat,
	"innodb_locks_unsafe_for_binlog":        "removed in 8.0: READ COMMITTED does what it did",
	"innodb_support_xa":                     "removed in 8.0: two-phase commit is always on",
	"log_builtin_as_identified_by_password": "removed in 8.0",
	"metadata_locks_cache_size":             "removed in 8.0.13, without effect before", "metadata_locks_hash_instances": "removed in 8.0.13, without effect before",
	"multi_range_count":                "removed in 8.0, without effect before",
	"old_passwords":                    "removed in 8.0 with the old password hashes",
	"secure_auth":                      "removed in 8.0: always on",
	"show_compatibility_56":            "removed in 8.0: status variables are read from performance_schema",
	"sync_frm":                         "removed in 8.0: there are no .frm files",
	"ignore_builtin_innodb":            "removed in 8.0",
	"internal_tmp_disk_storage_engine": "removed in 8.0.16: on-disk temporary tables are always InnoDB",
	"master_info_repository":           goneRepository, "relay_log_info_repository": goneRepository,
	"slave_rows_search_algorithms":           "removed in 8.3: index and hash scans are always used",
	"log_bin_use_v1_row_events":              "removed in 8.3: version 2 row events always",
	"transaction_write_set_extraction":       "removed in 8.3: XXHASH64 always",
	"binlog_transaction_dependency_tracking": "removed in 8.4: WRITESET always",
	"avoid_temporal_upgrade":                 "removed in 8.4", "show_old_temporals": "removed in 8.4", "old": "removed in 8.4", "new": "removed in 8.4",
	"binlog_max_flush_queue_time": "removed in 8.4, without effect before",
	"log_syslog":                  "removed in 8.0.13: a log component does it",
	"temptable_use_mmap":          "removed in 8.4: temptable_max_mmap=0 turns it off",
	"innodb_undo_tablespaces":     "without effect since 8.0.14: undo tablespaces are made with SQL",
}

// specialParameters are decided together with others, not one by one.
var specialParameters = map[string]bool{
	"event_scheduler": true, "lower_case_table_names": true, "character_set_server": true, "collation_server": true,
	"innodb_log_file_size": true, "innodb_log_files_in_group": true,
}

// changedDefault is a default of the server that changed at a line. RDS may
// set its own: what the families say by API goes first.
type changedDefault struct {
	name     string
	line     string // first line with the new default
	old, new string
	// visible tells that an application can notice, beyond speed.
	visible bool
	reason  string
}

// changedDefaults lists the server's changed defaults that matter on RDS.
// Sources: MySQL reference manual, "What is new in MySQL 8.0" and "in 8.4".
var changedDefaults = []changedDefault{
	{name: "explicit_defaults_for_timestamp", line: "8.0", old: "0", new: "1", visible: true, reason: "TIMESTAMP columns without DEFAULT become nullable, NULL no longer means now"},
	{name: "innodb_autoinc_lock_mode", line: "8.0", old: "1", new: "2", visible: true, reason: "AUTO_INCREMENT values of concurrent INSERT ... SELECT interleave; unsafe with statement-based binary logs"},
	{name: "local_infile", line: "8.0", old: "1", new: "0", visible: true, reason: "LOAD DATA LOCAL is refused"},
	{name: "max_error_count", line: "8.0", old: "64", new: "1024"},
	{name: "max_allowed_packet", line: "8.0", old: "4194304", new: "67108864"},
	{name: "table_open_cache", line: "8.0", old: "2000", new: "4000"},
	{name: "log_error_verbosity", line: "8.0", old: "3", new: "2"},
	{name: "innodb_flush_neighbors", line: "8.0", old: "1", new: "0"},
	{name: "innodb_max_dirty_pages_pct", line: "8.0", old: "75", new: "90"},
	{name: "innodb_max_dirty_pages_pct_lwm", line: "8.0", old: "0", new: "10"},
	{name: "innodb_undo_log_truncate", line: "8.0", old: "0", new: "1"},
	{name: "restrict_fk_on_non_standard_key", line: "8.4", old: "0", new: "1", visible: true, reason: "a foreign key may no longer reference a non-unique or partial key"},
	{name: "innodb_adaptive_hash_index", line: "8.4", old: "1", new: "0"},
	{name: "innodb_change_buffering", line: "8.4", old: "all", new: "none"},
	{name: "innodb_io_capacity", line: "8.4", old: "200", new: "10000"},
	{name: "innodb_log_buffer_size", line: "8.4", old: "16777216", new: "67108864"},
	{name: "innodb_purge_threads", line: "8.4", old: "4", new: "1"},
}
