package precheck

import (
	"slices"
	"testing"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqlver"
)

func TestVariableRules(t *testing.T) {
	setTo := func(pairs ...string) func(*testing.T, *Catalog) {
		return func(t *testing.T, c *Catalog) {
			for i := 0; i < len(pairs); i += 2 {
				setVariable(c, pairs[i], pairs[i+1])
			}
		}
	}
	group := func(pairs ...string) func(*testing.T, *Catalog) {
		return func(t *testing.T, c *Catalog) {
			c.Parameters = []Parameter{}
			for i := 0; i < len(pairs); i += 2 {
				c.Parameters = append(c.Parameters, Parameter{pairs[i], pairs[i+1]})
			}
		}
	}
	runRuleCases(t, []ruleCase{
		{"running values", "removedSysVars", hop80, setTo("query_cache_size", "16777216", "query_cache_type", "1", "sync_frm", "ON", "expire_logs_days", "7"), []string{"query_cache_size", "query_cache_type"}},
		{"a twin may have been set", "removedSysVars", hop80, setTo("tx_isolation", "READ-COMMITTED", "transaction_isolation", "READ-COMMITTED", "log_warnings", "1", "log_error_verbosity", "2"),
			[]string{"log_warnings (notice)", "tx_isolation (notice)"}},
		{"what the server changes itself", "removedSysVars", hop80, setTo("innodb_file_format_max", "Antelope", "have_crypt", "YES"), nil},
		{"the step to 8.4", "removedSysVars", hop84, setTo("expire_logs_days", "7", "query_cache_size", "0", "old", "ON", "profiling", "ON", "profiling_history_size", "50", "default_authentication_plugin", "sha256_password"),
			[]string{"expire_logs_days", "old", "default_authentication_plugin"}},
		{"parameter group", "removedSysVars", hop80, group("query_cache_size", "1048576", "innodb_buffer_pool_size", "1", "tx_isolation", "READ-COMMITTED", "max_connections", "100"), []string{"query_cache_size", "tx_isolation"}},
		{"parameter group of RDS's own values", "removedSysVars", hop84, func(t *testing.T, c *Catalog) {
			group()(t, c)
			setTo("master_info_repository", "TABLE", "expire_logs_days", "1")(t, c)
		}, nil},
		{"RDS without AWS", "removedSysVars", hop84, func(t *testing.T, c *Catalog) {
			setTo("basedir", "/rdsdbbin/mysql/", "master_info_repository", "TABLE", "relay_log_info_repository", "TABLE", "log_bin_use_v1_row_events", "ON")(t, c)
		}, []string{"log_bin_use_v1_row_events"}},
		{"option file", "removedSysVars", hop80, func(t *testing.T, c *Catalog) {
			c.MyCnf = []Parameter{{"query-cache-size", "0"}, {"loose-innodb-large-prefix", "ON"}, {"SYNC_FRM", "1"}, {"sort_buffer_size", "1M"}}
		}, []string{"innodb_large_prefix", "query_cache_size", "sync_frm"}},
		{"8.0 says where a value came from", "removedSysVars", Hop{mysqlver.MustParse("8.0.40"), hop84.To}, func(t *testing.T, c *Catalog) {
			c.Server.Version = "8.0.40"
			c.Variables = []Variable{{"expire_logs_days", "0", "COMPILED"}, {"old", "OFF", "GLOBAL"}, {"avoid_temporal_upgrade", "ON", "COMPILED"}}
		}, []string{"old"}},
		{"RDS writes its own option file", "removedSysVars", Hop{mysqlver.MustParse("8.0.40"), hop84.To}, func(t *testing.T, c *Catalog) {
			c.Server.Version = "8.0.40"
			c.Variables = []Variable{{"basedir", "/rdsdbbin/mysql-8.0.40/", "GLOBAL"}, {"avoid_temporal_upgrade", "OFF", "GLOBAL"}, {"old", "ON", "GLOBAL"}, {"master_info_repository", "FILE", "GLOBAL"}}
		}, []string{"old"}},
		{"syslog", "removedSysLogVars", hop80, func(t *testing.T, c *Catalog) { c.MyCnf = []Parameter{{"log_syslog", "ON"}, {"log-syslog-tag", "x"}} }, []string{"log_syslog", "log_syslog_tag"}},
		{"syslog running", "removedSysLogVars", hop80, setTo("log_syslog_tag", "mysqld"), []string{"log_syslog_tag"}},
		{"stock new defaults in 8.4", "sysVarsNewDefaults", hop84, func(t *testing.T, c *Catalog) {
			c.Variables = slices.DeleteFunc(c.Variables, func(v Variable) bool { return v.Name != "innodb_io_capacity" && v.Name != "innodb_log_buffer_size" })
			setVariable(c, "innodb_log_buffer_size", "33554432")
		}, []string{"innodb_io_capacity"}},
		{"set in the group", "sysVarsNewDefaults", hop84, func(t *testing.T, c *Catalog) {
			c.Variables = slices.DeleteFunc(c.Variables, func(v Variable) bool { return v.Name != "innodb_io_capacity" })
			group("innodb_io_capacity", "200")(t, c)
		}, nil},
		{"ciphers", "sysvarAllowedValues", hop84, setTo("ssl_cipher", "ECDHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-CCM", "tls_ciphersuites", "TLS_AES_128_GCM_SHA256:TLS_AES_128_CCM_8_SHA256"), []string{"tls_ciphersuites"}},
		{"bad cipher", "sysvarAllowedValues", hop84, setTo("ssl_cipher", "AES128-SHA:ECDHE-RSA-AES128-GCM-SHA256"), []string{"ssl_cipher"}},
		{"default plugin set", "defaultAuthenticationPlugin", hop80, group("default_authentication_plugin", "mysql_native_password"), nil},
		{"default plugin", "defaultAuthenticationPlugin", hop80, setTo(), []string{"default_authentication_plugin"}},
		{"deprecated default", "deprecatedDefaultAuth", hop80, setTo("default_authentication_plugin", "sha256_password"), []string{"default_authentication_plugin"}},
		{"deprecated default in 8.4", "deprecatedDefaultAuth", hop84, group("default_authentication_plugin", "mysql_native_password"), []string{"default_authentication_plugin (error)"}},
		{"policy", "deprecatedDefaultAuth", Hop{mysqlver.MustParse("8.0.40"), hop84.To}, func(t *testing.T, c *Catalog) {
			c.Server.Version = "8.0.40"
			c.Variables = []Variable{{"authentication_policy", "*:mysql_native_password,,", "GLOBAL"}, {"default_authentication_plugin", "caching_sha2_password", "COMPILED"}}
		}, []string{"authentication_policy (error)"}},
		{"policy as it comes", "deprecatedDefaultAuth", Hop{mysqlver.MustParse("8.0.40"), hop84.To}, func(t *testing.T, c *Catalog) {
			c.Server.Version = "8.0.40"
			c.Variables = []Variable{{"authentication_policy", "*,,", "COMPILED"}, {"default_authentication_plugin", "mysql_native_password", "COMPILED"}}
		}, nil},
		{"statement", "binlogFormat", hop80, setTo("log_bin", "ON", "binlog_format", "STATEMENT"), []string{"binlog_format"}},
		{"mixed", "binlogFormat", hop80, setTo("log_bin", "ON", "binlog_format", "MIXED"), []string{"binlog_format (notice)"}},
		{"row", "binlogFormat", hop80, setTo("log_bin", "ON", "binlog_format", "ROW"), nil},
		{"no backups on RDS", "binlogFormat", hop80, func(t *testing.T, c *Catalog) { c.Parameters = []Parameter{} }, []string{"log_bin"}},
		{"cache", "queryCacheUse", hop80, func(t *testing.T, c *Catalog) {
			setTo("query_cache_type", "ON")(t, c)
			c.Activity.Status = map[string]string{"Qcache_hits": "10", "Com_select": "30"}
		}, []string{"query_cache_type (warning)"}},
		{"cache without size", "queryCacheUse", hop80, setTo("query_cache_type", "ON", "query_cache_size", "0"), nil},
		{"switches", "optimizerSwitch", hop80, setTo("optimizer_switch", "index_merge=on,batched_key_access=off,mrr=off,use_invisible_indexes=on"), []string{"optimizer_switch"}},
	})
}

func TestVariablesUnread(t *testing.T) {
	c := stock57(t)
	c.Sections[SectionVariables] = SectionState{Status: SectionFailed, Code: 1142, Reason: "denied", Grant: "SELECT ON performance_schema.*"}
	c.Variables = nil
	for _, id := range []string{"removedSysVars", "sysVarsNewDefaults", "queryCacheUse", "binlogFormat"} {
		ch := Judge(c, []Hop{hop80}, Policy{}, JudgeOptions{Only: []string{id}}).Checks[0]
		if ch.Status != StatusError || ch.Grant == "" {
			t.Errorf("%s is %s, reason %q, grant %q", id, ch.Status, ch.Reason, ch.Grant)
		}
	}
	// The parameter group answers what the server would not.
	c.Parameters = []Parameter{{"query_cache_size", "1"}}
	if got := objectsOf(t, c, "removedSysVars", hop80); !slices.Equal(got, []string{"query_cache_size"}) {
		t.Errorf("removedSysVars found %q", got)
	}
}

func TestAccountRules(t *testing.T) {
	acct := func(c *Catalog, a ...Account) { c.Accounts = append(c.Accounts, a...) }
	mixed := func(t *testing.T, c *Catalog) {
		c.Accounts = nil
		acct(c, Account{User: "app", Host: "%", Plugin: "mysql_native_password", HashLen: 41}, Account{User: "sha", Host: "10.0.0.%", Plugin: "sha256_password", HashLen: 60},
			Account{User: "new", Host: "%", Plugin: "caching_sha2_password", HashLen: 70}, Account{User: "key", Host: "%", Plugin: "caching_sha2_password", HashLen: 70, Factors: []string{"authentication_fido"}},
			Account{User: "mysql.sys", Host: "localhost", Plugin: "mysql_native_password"}, Account{User: "mysql_router1_x", Host: "%", Plugin: "mysql_native_password", HashLen: 41})
	}
	runRuleCases(t, []ruleCase{
		{"8.0", "authMethodUsage", hop80, mixed, []string{"app@% (notice)", "sha@10.0.0.%", "key@% (notice)"}},
		{"8.4", "authMethodUsage", hop84, mixed, []string{"app@% (notice)", "sha@10.0.0.%", "key@% (error)"}},
		{"9.7", "authMethodUsage", hop97, mixed, []string{"app@% (error)", "sha@10.0.0.%", "key@% (error)"}},
		{"8.0", "deprecatedRouterAuthMethod", hop80, mixed, []string{"mysql_router1_x@%"}},
		{"8.4", "deprecatedRouterAuthMethod", hop84, mixed, []string{"mysql_router1_x@% (error)"}},
		{"kinds", "weakAccounts", hop80, func(t *testing.T, c *Catalog) {
			acct(c, Account{Host: "%", Plugin: "mysql_native_password", HashLen: 41}, Account{User: "noplugin", Host: "%"}, Account{User: "short", Host: "%", Plugin: "mysql_native_password", HashLen: 16},
				Account{User: "open", Host: "%", Plugin: "mysql_native_password"}, Account{User: "locked", Host: "%", Plugin: "mysql_native_password", Locked: true},
				Account{User: "pam", Host: "%", Plugin: "auth_socket"})
		}, []string{"@%", "noplugin@%", "short@%", "open@% (notice)"}},
		{"grant", "invalidPrivileges", hop84, func(t *testing.T, c *Catalog) {
			acct(c, Account{User: "dba", Host: "%", Privileges: []string{"BACKUP_ADMIN", "SET_USER_ID"}}, Account{User: "x", Host: "%", Privileges: []string{"SET_ANY_DEFINER"}})
		}, []string{"dba@%"}},
	})
}

func TestPluginRules(t *testing.T) {
	plugins := func(t *testing.T, c *Catalog) {
		c.Plugins = append(c.Plugins, Plugin{Name: "keyring_file", Status: "ACTIVE"}, Plugin{Name: "rpl_semi_sync_master", Status: "ACTIVE"}, Plugin{Name: "authentication_fido", Status: "DISABLED"},
			Plugin{Name: "daemon_memcached", Status: "ACTIVE"})
	}
	runRuleCases(t, []ruleCase{
		{"8.0", "pluginUsage", hop80, plugins, []string{"keyring_file", "rpl_semi_sync_master"}},
		{"8.4", "pluginUsage", hop84, plugins, []string{"keyring_file (error)", "rpl_semi_sync_master"}},
		{"8.4", "memcached", hop84, plugins, []string{"daemon_memcached"}},
		{"sys", "sysSchemaObjects", hop84, func(t *testing.T, c *Catalog) {
			c.SystemTable = append(c.SystemTable, SystemTable{Schema: "sys", Name: "mine", Type: "BASE TABLE"}, SystemTable{Schema: "sys", Name: "view", Type: "VIEW", Definer: "root@localhost"})
		}, []string{"sys.mine", "sys.view"}},
		{"sys_config gone", "sysSchemaObjects", hop84, func(t *testing.T, c *Catalog) { c.SystemTable = slices.Delete(c.SystemTable, 2, 3) }, []string{"sys.sys_config"}},
		{"group", "customOptionGroup", hop80, func(t *testing.T, c *Catalog) { c.Activity.OptionGroup = "memcached-57" }, []string{"memcached-57"}},
		{"default group", "customOptionGroup", hop80, func(t *testing.T, c *Catalog) { c.Activity.OptionGroup = "default:mysql-5-7" }, nil},
	})
}

func TestStateRules(t *testing.T) {
	runRuleCases(t, []ruleCase{
		{"xa", "preparedXA", hop80, func(t *testing.T, c *Catalog) { c.Activity.PreparedXA = []string{"x-1"} }, []string{"x-1"}},
		{"long", "historyListLength", hop80, func(t *testing.T, c *Catalog) {
			c.Activity.HistoryListLength, c.Activity.TrxRowsModified, c.Activity.OldestTrxSeconds = 1_000_001, 10_000_001, 7200
		}, []string{"trx_rseg_history_len", "trx_rows_modified", "innodb_trx (notice)"}},
		{"short", "historyListLength", hop80, func(t *testing.T, c *Catalog) {
			c.Activity.HistoryListLength, c.Activity.TrxRowsModified = 1_000_000, 10_000_000
		}, nil},
		{"full", "diskSpace", hop80, func(t *testing.T, c *Catalog) { c.Activity.FreeBytes = 1 << 29 }, []string{"FreeStorageSpace"}},
		{"no room for a rebuild", "diskSpace", hop80, func(t *testing.T, c *Catalog) {
			c.Activity.FreeBytes = 10 << 30
			c.Tables[0].DataBytes = 11 << 30
		}, []string{"FreeStorageSpace (warning)"}},
		{"room", "diskSpace", hop80, func(t *testing.T, c *Catalog) { c.Activity.FreeBytes = 10 << 30 }, nil},
		{"source", "externalReplica", hop80, func(t *testing.T, c *Catalog) { c.Activity.Replica, c.Activity.ReplicaOf = true, "10.1.2.3" }, []string{"10.1.2.3"}},
		{"no source", "externalReplica", hop80, func(t *testing.T, c *Catalog) { c.Activity.BinlogDumps = 3 }, nil},
		{"tls", "tlsClients", hop80, func(t *testing.T, c *Catalog) {
			c.Sessions = []Session{{User: "a", Host: "h", TLSVersion: "TLSv1"}, {User: "a", Host: "h", TLSVersion: "TLSv1", Program: "x"}, {User: "b", Host: "h", TLSVersion: "TLSv1.1"},
				{User: "c", Host: "h", TLSVersion: "TLSv1.2"}, {User: "d", Host: "h"}, {User: "e", Host: "localhost"}}
		}, []string{"a@h", "b@h", "d@h (notice)"}},
		{"connectors", "oldConnectors", hop80, func(t *testing.T, c *Catalog) {
			c.Sessions = []Session{{User: "a", Host: "h", ClientName: "libmysql", ClientVersion: "5.6.40"}, {User: "b", Host: "h", ClientName: "libmysql", ClientVersion: "8.0.33"},
				{User: "c", Host: "h", ClientName: "mysqlnd", ClientVersion: "mysqlnd 5.0.12-dev - 20150407"}, {User: "d", Host: "h", ClientName: "mysqlnd", ClientVersion: "mysqlnd 8.1.2"},
				{User: "e", Host: "h", ClientName: "MySQL Connector Java", ClientVersion: "5.1.40"}, {User: "f", Host: "h", ClientName: "Go-MySQL-Driver", ClientVersion: "1.0"},
				{User: "g", Host: "h", ClientName: "libmysql", ClientVersion: "unknown"}}
		}, []string{"a@h", "c@h", "e@h"}},
		{"many tables", "upgradeDuration", hop80, func(t *testing.T, c *Catalog) { c.Tables = append(c.Tables, make([]Table, 40000)...) }, []string{"dictionary"}},
		{"few tables", "upgradeDuration", hop80, func(t *testing.T, c *Catalog) {}, nil},
	})
}
