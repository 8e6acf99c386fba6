package main

import (
	"sort"
	"strings"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqltest"
)

// rewritten are the values in which the recorded server cannot look like an
// RDS instance: what it is, where its files lie, and the letter case of table
// names, which is 0 on RDS and cannot be 0 on Windows.
var rewritten = map[string]string{
	"version_comment": "Source distribution", "version_compile_os": "Linux", "version_compile_machine": "x86_64",
	"lower_case_table_names": "0", "lower_case_file_system": "OFF",
	"hostname": "ip-10-0-0-10", "basedir": "/rdsdbbin/mysql/", "datadir": "/rdsdbdata/db/", "tmpdir": "/rdsdbdata/tmp/",
	"slave_load_tmpdir": "/rdsdbdata/tmp", "replica_load_tmpdir": "/rdsdbdata/tmp", "plugin_dir": "/rdsdbbin/mysql/lib/plugin/",
	"character_sets_dir": "/rdsdbbin/mysql/share/charsets/", "lc_messages_dir": "/rdsdbbin/mysql/share/",
	"pid_file": "/rdsdbdata/log/mysql.pid", "log_error": "/rdsdbdata/log/error/mysql-error.log", "socket": "/tmp/mysql.sock",
	"general_log_file": "/rdsdbdata/log/general/mysql-general.log", "slow_query_log_file": "/rdsdbdata/log/slowquery/mysql-slowquery.log",
	"ssl_ca": "/rdsdbdata/rds-metadata/ca-cert.pem", "ssl_cert": "/rdsdbdata/rds-metadata/server-cert.pem",
	"ssl_key": "/rdsdbdata/rds-metadata/server-key.pem", "log_bin_basename": "/rdsdbdata/log/binlog/mysql-bin-changelog",
	"log_bin_index": "/rdsdbdata/log/binlog/mysql-bin-changelog.index", "relay_log_basename": "/rdsdbdata/log/relaylog/relaylog",
	"relay_log_index": "/rdsdbdata/log/relaylog/relaylog.index", "port": "3306", "report_port": "3306", "bind_address": "*",
	"innodb_flush_method": "O_DIRECT", "innodb_use_native_aio": "ON", "shared_memory": "", "named_pipe": "",
}

// rewrite replaces those values in the recorded answers and notes which.
func (rec *recording) rewrite() {
	changed := map[string]bool{"version": true}
	set := func(name string, cell **string) {
		if v, ok := rewritten[name]; ok {
			*cell = &v
			changed[name] = true
		}
		if name == "version" {
			v := rec.ServerVersion
			*cell = &v
		}
	}
	for i := range rec.Queries {
		q := &rec.Queries[i]
		switch q.Tag {
		case "server":
			for _, row := range q.Rows {
				for c := range row {
					set(strings.ToLower(strings.TrimPrefix(strings.TrimSuffix(q.Columns[c].Name, "()"), "@@")), &row[c])
				}
			}
		case "variables":
			for _, row := range q.Rows {
				set(strings.ToLower(*row[0]), &row[1])
			}
		case "files":
			for _, row := range q.Rows {
				if row[1] != nil {
					v := strings.ReplaceAll(strings.TrimPrefix(*row[1], `.\`), `\`, "/")
					row[1] = &v
				}
			}
		}
	}
	for name := range changed {
		rec.Rewritten = append(rec.Rewritten, name)
	}
	sort.Strings(rec.Rewritten)
}

// serverArgs make the server as close to an RDS instance as start options can.
func serverArgs(side mysqltest.Side) []string {
	args := []string{"--log-bin=mysql-bin-changelog", "--binlog-format=ROW", "--character-set-server=utf8mb4",
		"--local-infile=ON", "--log-bin-trust-function-creators=ON", "--max-allowed-packet=64M",
		"--sql-mode=ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"}
	if side == mysqltest.SideOld {
		return append(args, "--collation-server=utf8mb4_general_ci", "--master-info-repository=TABLE", "--relay-log-info-repository=TABLE", "--log-slave-updates=ON")
	}
	return append(args, "--gtid-mode=OFF_PERMISSIVE", "--enforce-gtid-consistency=OFF")
}
