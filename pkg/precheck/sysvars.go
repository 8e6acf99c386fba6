package precheck

// removedVar is a system variable or option that a version no longer has.
type removedVar struct {
	name    string
	gone    [3]int // the first version without it
	instead string // "" for none
	// was57 and was80 are the compiled defaults of the two lines, for servers
	// where nobody can tell what was set; "*" cannot be compared because the
	// server changes it by itself or it cannot be set.
	was57, was80 string
	// twin is another variable that shows the same setting, so that a value
	// other than the default does not prove that this name was used.
	twin string
}

// removedVars is the manual's list of removed variables, completed by what a
// real 5.7 has and a newer server has not. profiling and profiling_history_size,
// which MySQL Shell lists, are still there on 9.7.4 and are left out.
// Source: manual, "Server and Status Variables and Options Added, Deprecated,
// or Removed", for 8.0 and 8.4; the Shell's list; measurement.
var removedVars = []removedVar{
	{"date_format", v8011, "", "*", "", ""},
	{"datetime_format", v8011, "", "*", "", ""},
	{"time_format", v8011, "", "*", "", ""},
	{"group_replication_allow_local_disjoint_gtids_join", v8011, "", "OFF", "", ""},
	{"have_crypt", v8011, "", "*", "", ""},
	{"ignore_builtin_innodb", v8011, "", "OFF", "", ""},
	{"ignore_db_dirs", v8011, "", "", "", ""},
	{"innodb_checksums", v8011, "innodb_checksum_algorithm", "ON", "", ""},
	{"innodb_disable_resize_buffer_pool_debug", v8011, "", "*", "", ""},
	{"innodb_file_format", v8011, "", "Barracuda", "", ""},
	{"innodb_file_format_check", v8011, "", "ON", "", ""},
	{"innodb_file_format_max", v8011, "", "*", "", ""},
	{"innodb_large_prefix", v8011, "", "ON", "", ""},
	{"innodb_locks_unsafe_for_binlog", v8011, "", "OFF", "", ""},
	{"innodb_stats_sample_pages", v8011, "innodb_stats_transient_sample_pages", "8", "", "innodb_stats_transient_sample_pages"},
	{"innodb_support_xa", v8011, "", "ON", "", ""},
	{"innodb_undo_logs", v8011, "innodb_rollback_segments", "128", "", "innodb_rollback_segments"},
	{"log_warnings", v8011, "log_error_verbosity", "2", "", "log_error_verbosity"},
	{"log_builtin_as_identified_by_password", v8011, "", "OFF", "", ""},
	{"log_error_filter_rules", v8011, "", "*", "", ""},
	{"max_tmp_tables", v8011, "", "32", "", ""},
	{"multi_range_count", v8011, "", "256", "", ""},
	{"old_passwords", v8011, "", "0", "", ""},
	{"query_cache_limit", v8011, "", "1048576", "", ""},
	{"query_cache_min_res_unit", v8011, "", "4096", "", ""},
	{"query_cache_size", v8011, "", "1048576", "", ""},
	{"query_cache_type", v8011, "", "OFF", "", ""},
	{"query_cache_wlock_invalidate", v8011, "", "OFF", "", ""},
	{"secure_auth", v8011, "", "ON", "", ""},
	{"show_compatibility_56", v8011, "", "OFF", "", ""},
	{"sync_frm", v8011, "", "ON", "", ""},
	{"tx_isolation", v8011, "transaction_isolation", "REPEATABLE-READ", "", "transaction_isolation"},
	{"tx_read_only", v8011, "transaction_read_only", "OFF", "", "transaction_read_only"},
	{"metadata_locks_cache_size", [3]int{8, 0, 13}, "", "1024", "", ""},
	{"metadata_locks_hash_instances", [3]int{8, 0, 13}, "", "8", "", ""},
	{"internal_tmp_disk_storage_engine", [3]int{8, 0, 16}, "", "InnoDB", "", ""},
	{"expire_logs_days", [3]int{8, 2, 0}, "binlog_expire_logs_seconds", "0", "0", ""},
	{"slave_rows_search_algorithms", v830, "", "TABLE_SCAN,INDEX_SCAN", "INDEX_SCAN,HASH_SCAN", ""},
	{"log_bin_use_v1_row_events", v830, "", "OFF", "OFF", ""},
	{"relay_log_info_file", v830, "", "relay-log.info", "relay-log.info", ""},
	{"master_info_file", v830, "", "*", "*", ""},
	{"transaction_write_set_extraction", v830, "", "OFF", "XXHASH64", ""},
	{"relay_log_info_repository", v830, "", "FILE", "TABLE", ""},
	{"master_info_repository", v830, "", "FILE", "TABLE", ""},
	{"group_replication_ip_whitelist", v830, "group_replication_ip_allowlist", "AUTOMATIC", "AUTOMATIC", ""},
	{"old", v840, "", "OFF", "OFF", ""},
	{"new", v840, "", "OFF", "OFF", ""},
	{"binlog_transaction_dependency_tracking", v840, "", "COMMIT_ORDER", "COMMIT_ORDER", ""},
	{"group_replication_recovery_complete_at", v840, "", "TRANSACTIONS_APPLIED", "TRANSACTIONS_APPLIED", ""},
	{"avoid_temporal_upgrade", v840, "", "OFF", "OFF", ""},
	{"show_old_temporals", v840, "", "OFF", "OFF", ""},
	{"default_authentication_plugin", v840, "authentication_policy", "mysql_native_password", "caching_sha2_password", ""},
	{"myisam_repair_threads", v900, "", "1", "1", ""},
	{"innodb_undo_tablespaces", v900, "", "0", "2", ""},
	{"innodb_log_file_size", v900, "innodb_redo_log_capacity", "*", "*", ""},
	{"innodb_log_files_in_group", v900, "innodb_redo_log_capacity", "*", "*", ""},
	{"slave_parallel_type", v900, "", "DATABASE", "LOGICAL_CLOCK", ""},
	{"mysql_native_password_proxy_users", v900, "", "OFF", "OFF", ""},
}

// removedSyslogVars went with 8.0.13 in favour of a component.
var removedSyslogVars = []removedVar{
	{"log_syslog", [3]int{8, 0, 13}, "", "*", "", ""},
	{"log_syslog_facility", [3]int{8, 0, 13}, "syseventlog.facility", "daemon", "", ""},
	{"log_syslog_include_pid", [3]int{8, 0, 13}, "syseventlog.include_pid", "ON", "", ""},
	{"log_syslog_tag", [3]int{8, 0, 13}, "syseventlog.tag", "", "", ""},
}

var (
	v8011 = [3]int{8, 0, 11}
	v830  = [3]int{8, 3, 0}
	v840  = [3]int{8, 4, 0}
	v900  = [3]int{9, 0, 0}
)

// rdsManaged are removed variables that RDS sets itself on a server with its
// default parameter group, so that their values say nothing about the user.
// RDS keeps replication metadata in tables, and sizes the redo log.
var rdsManaged = map[string]bool{
	"master_info_repository": true, "relay_log_info_repository": true, "innodb_log_file_size": true,
	"innodb_log_files_in_group": true, "expire_logs_days": true, "slave_rows_search_algorithms": true,
	"default_authentication_plugin": true, "innodb_file_format": true, "innodb_large_prefix": true,
	"relay_log_info_file": true, "log_warnings": true, "slave_parallel_type": true,
	"innodb_undo_tablespaces": true, "binlog_transaction_dependency_tracking": true,
	"transaction_write_set_extraction": true,
}

// newDefault is a variable whose default another version changes.
type newDefault struct {
	name     string
	at       [3]int
	old, now string
	// was are the values of the older line that count as "left alone".
	was []string
	// why says what the new value changes, where it is more than tuning.
	why string
}

// newDefaults is the manual's list of changed defaults for 8.0 and 8.4, without
// variables that exist on no server of the older line.
// Source: manual, "Changes in MySQL 8.0" and "What Is New in MySQL 8.4"; the
// last group is measured, 5.7.30 against 9.7.4.
var newDefaults = []newDefault{
	{"character_set_server", v8011, "latin1", "utf8mb4", []string{"latin1"}, "new schemas get utf8mb4"},
	{"collation_server", v8011, "latin1_swedish_ci", "utf8mb4_0900_ai_ci", []string{"latin1_swedish_ci"}, "new tables sort and compare differently"},
	{"explicit_defaults_for_timestamp", v8011, "OFF", "ON", []string{"OFF"}, "TIMESTAMP columns no longer get a default of their own"},
	{"optimizer_trace_max_mem_size", v8011, "16384", "1048576", []string{"16384"}, ""},
	{"max_allowed_packet", v8011, "4194304", "67108864", []string{"4194304"}, ""},
	{"max_error_count", v8011, "64", "1024", []string{"64"}, ""},
	{"event_scheduler", v8011, "OFF", "ON", []string{"OFF"}, "enabled events begin to run"},
	{"table_open_cache", v8011, "2000", "4000", []string{"2000"}, ""},
	{"log_error_verbosity", v8011, "3", "2", []string{"3"}, "notes are no longer logged"},
	{"innodb_undo_tablespaces", v8011, "0", "2", []string{"0"}, ""},
	{"innodb_undo_log_truncate", v8011, "OFF", "ON", []string{"OFF"}, ""},
	{"innodb_flush_method", v8011, "", "fsync", []string{""}, ""},
	{"innodb_autoinc_lock_mode", v8011, "1", "2", []string{"1"}, "AUTO_INCREMENT values of one statement need not be consecutive; unsafe with binlog_format=STATEMENT"},
	{"innodb_flush_neighbors", v8011, "1", "0", []string{"1"}, ""},
	{"innodb_max_dirty_pages_pct_lwm", v8011, "0", "10", []string{"0", "0.000000"}, ""},
	{"innodb_max_dirty_pages_pct", v8011, "75", "90", []string{"75", "75.000000"}, ""},
	{"log_bin", v8011, "OFF", "ON", []string{"OFF"}, ""},
	{"server_id", v8011, "0", "1", []string{"0"}, ""},
	{"log_slave_updates", v8011, "OFF", "ON", []string{"OFF"}, ""},
	{"master_info_repository", v8011, "FILE", "TABLE", []string{"FILE"}, ""},
	{"relay_log_info_repository", v8011, "FILE", "TABLE", []string{"FILE"}, ""},
	{"transaction_write_set_extraction", v8011, "OFF", "XXHASH64", []string{"OFF"}, ""},
	{"slave_rows_search_algorithms", v8011, "TABLE_SCAN,INDEX_SCAN", "INDEX_SCAN,HASH_SCAN", []string{"TABLE_SCAN,INDEX_SCAN"}, ""},
	{"local_infile", v8011, "ON", "OFF", []string{"ON"}, "LOAD DATA LOCAL is refused"},

	{"innodb_buffer_pool_instances", v840, "8, or 1", "by memory and CPUs", []string{"1", "8"}, ""},
	{"innodb_page_cleaners", v840, "4", "innodb_buffer_pool_instances", []string{"1", "4"}, ""},
	{"innodb_numa_interleave", v840, "OFF", "ON", []string{"OFF"}, ""},
	{"innodb_purge_threads", v840, "4", "1 up to 16 CPUs", []string{"4"}, ""},
	{"innodb_read_io_threads", v840, "4", "half the CPUs, at least 4", []string{"4"}, ""},
	{"innodb_parallel_read_threads", v840, "4", "an eighth of the CPUs, at least 4", []string{"4"}, ""},
	{"innodb_io_capacity", v840, "200", "10000", []string{"200"}, "more background writes on small storage"},
	{"innodb_io_capacity_max", v840, "2000", "twice innodb_io_capacity", []string{"2000"}, ""},
	{"innodb_flush_method", v840, "fsync", "O_DIRECT", []string{"", "fsync"}, ""},
	{"innodb_log_buffer_size", v840, "16777216", "67108864", []string{"16777216"}, ""},
	{"innodb_log_writer_threads", v840, "ON", "OFF up to 32 CPUs", []string{"ON"}, ""},
	{"innodb_doublewrite_files", v840, "twice the buffer pool instances", "2", []string{"2", "16"}, ""},
	{"innodb_doublewrite_pages", v840, "innodb_write_io_threads", "128", []string{"0", "4"}, ""},
	{"innodb_change_buffering", v840, "all", "none", []string{"all"}, "more reads where secondary indexes change"},
	{"innodb_adaptive_hash_index", v840, "ON", "OFF", []string{"ON"}, "point lookups may need more CPU"},
	{"innodb_buffer_pool_in_core_file", v840, "ON", "OFF", []string{"ON"}, ""},
	{"innodb_redo_log_capacity", v840, "104857600", "by CPUs", []string{"104857600"}, ""},
	{"group_replication_consistency", v840, "EVENTUAL", "BEFORE_ON_PRIMARY_FAILOVER", []string{"EVENTUAL"}, ""},
	{"group_replication_exit_state_action", v840, "READ_ONLY", "OFFLINE_MODE", []string{"READ_ONLY"}, ""},
	{"binlog_transaction_dependency_tracking", v840, "COMMIT_ORDER", "WRITESET", []string{"COMMIT_ORDER"}, ""},
}

// cipherNames are the ciphers that 8.4 accepts in ssl_cipher and admin_ssl_cipher.
// Source: manual, "Encrypted Connection TLS Protocols and Ciphers", 8.4.
var cipherNames = set(
	"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384",
	"ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES256-CCM", "ECDHE-ECDSA-AES128-CCM",
	"DHE-RSA-AES128-GCM-SHA256", "DHE-RSA-AES256-GCM-SHA384", "DHE-RSA-AES256-CCM", "DHE-RSA-AES128-CCM", "DHE-RSA-CHACHA20-POLY1305")

// cipherSuites are the same for TLS 1.3, in tls_ciphersuites and admin_tls_ciphersuites.
var cipherSuites = set("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_CCM_SHA256")

func set(words ...string) map[string]bool {
	m := make(map[string]bool, len(words))
	for _, w := range words {
		m[w] = true
	}
	return m
}
