package mysqlsim

import (
	"hash/fnv"
	"strconv"
	"strings"
	"time"
)

// Key names an endpoint: it belongs to a name, not to an instance.
type Key struct{ Account, Region, Name string }

// Server is what stands behind an endpoint at one moment.
type Server struct {
	ID        string // of the physical instance: another one cuts connections
	Version   string // RDS engine version
	Name      string
	Profile   string
	Schema    string
	ReadOnly  bool
	Down      bool // nothing answers
	Offline   bool // a switchover refuses connections
	Replica   bool
	Source    string
	Lag       time.Duration
	Broken    string            // replication error
	Variables map[string]string // set by users in its parameter group
}

// Backend knows the servers.
type Backend interface {
	// Server is what stands behind the endpoint now; ok is false when the name
	// does not exist.
	Server(k Key) (s Server, ok bool)
}

// atLeast compares the engine version with "8.0.22" or "8.4".
func (s Server) atLeast(version string) bool {
	have, want := numbers(s.Version), numbers(version)
	for i, w := range want {
		if i >= len(have) || have[i] != w {
			return i < len(have) && have[i] > w
		}
	}
	return true
}

func numbers(version string) []int {
	version, _, _ = strings.Cut(version, "-")
	var out []int
	for _, p := range strings.Split(version, ".") {
		n, err := strconv.Atoi(p)
		if err != nil {
			break
		}
		out = append(out, n)
	}
	return out
}

// versionString is what VERSION() says: 5.7 with the "-log" of a server that
// writes binary logs, 8.0 and later without.
func (s Server) versionString() string {
	v := strings.ToLower(s.Version)
	if !s.atLeast("8.0") {
		v += "-log"
	}
	return v
}

func hash32(text string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(text)) // a hash never fails
	return h.Sum32()
}

func onOff(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// identity is what tells one server from another: it always comes from the
// model, also where a recording has an older value.
func (s Server) identity() map[string]string {
	id := hash32(s.ID)
	hex := strconv.FormatUint(uint64(id)|1<<32, 16)[1:]
	return map[string]string{
		"version":         s.versionString(),
		"read_only":       onOff(s.ReadOnly),
		"super_read_only": "0",
		"hostname":        "ip-10-" + strconv.Itoa(int(id>>16&255)) + "-" + strconv.Itoa(int(id>>8&255)) + "-" + strconv.Itoa(int(id&255)),
		"server_id":       strconv.FormatUint(uint64(id%2000000000+1), 10),
		"server_uuid":     hex + "-" + hex[:4] + "-11ee-" + hex[4:] + "-0a" + hex + "ff",
	}
}

// defaults are the variables that a client may ask for without a recording.
func (s Server) defaults() map[string]string {
	v := map[string]string{
		"version_comment": "Source distribution", "version_compile_os": "Linux", "version_compile_machine": "x86_64",
		"innodb_read_only": "0", "lower_case_table_names": "0", "log_bin": "1", "binlog_format": "MIXED", "gtid_mode": "OFF_PERMISSIVE",
		"autocommit": "1", "max_allowed_packet": "67108864", "time_zone": "UTC", "system_time_zone": "UTC", "wait_timeout": "28800",
		"interactive_timeout": "28800", "net_write_timeout": "60", "character_set_server": "latin1", "collation_server": "latin1_swedish_ci",
		"character_set_client": "utf8mb4", "character_set_connection": "utf8mb4", "character_set_results": "utf8mb4",
		"collation_connection": "utf8mb4_general_ci", "collation_database": "latin1_swedish_ci", "init_connect": "", "event_scheduler": "OFF",
		"sql_mode": "NO_ENGINE_SUBSTITUTION", "datadir": "/rdsdbdata/db/", "basedir": "/rdsdbbin/mysql-" + s.Version + ".R1/", "port": "3306",
		"transaction_isolation": "REPEATABLE-READ", "performance_schema": "0", "have_ssl": "YES", "license": "GPL", "ssl_cipher": "",
		"max_execution_time": "0", "innodb_flush_log_at_trx_commit": "1", "sync_binlog": "1", "local_infile": "1", "offline_mode": "0",
	}
	if s.atLeast("8.0") {
		v["character_set_server"], v["collation_server"], v["collation_database"] = "utf8mb4", "utf8mb4_0900_ai_ci", "utf8mb4_0900_ai_ci"
		v["default_authentication_plugin"] = "mysql_native_password"
	} else {
		v["tx_isolation"], v["query_cache_size"], v["query_cache_type"] = "REPEATABLE-READ", "1048576", "OFF"
	}
	return v
}

// variable is the value of a system variable, ok is false when it is unknown.
func (s Server) variable(name string) (string, bool) {
	name = strings.ToLower(name)
	if v, ok := s.identity()[name]; ok {
		return v, true
	}
	if v, ok := s.Variables[name]; ok {
		return v, true
	}
	v, ok := s.defaults()[name]
	return v, ok
}
