package mysqlsim

import (
	"regexp"
	"sort"
	"strconv"
	"strings"

	"github.com/go-mysql-org/go-mysql/mysql"
)

var (
	showReplica   = regexp.MustCompile(`(?i)^show\s+(slave|replica)\s+status(?:\s+for\s+channel\s+'')?$`)
	showBinlog    = regexp.MustCompile(`(?i)^show\s+(master|binary\s+log)\s+status$`)
	showVariables = regexp.MustCompile(`(?i)^show\s+(?:global\s+|session\s+)?variables(?:\s+like\s+'([^']*)')?$`)
	showWarnings  = regexp.MustCompile(`(?i)^show\s+(warnings|errors)$`)
	showDatabases = regexp.MustCompile(`(?i)^show\s+(databases|schemas)$`)
)

// show answers the SHOW statements about what the model knows.
func show(bare string, srv Server) (reply, bool) {
	if m := showReplica.FindStringSubmatch(bare); m != nil {
		return replicaStatus(strings.EqualFold(m[1], "replica"), srv), true
	}
	if m := showBinlog.FindStringSubmatch(bare); m != nil {
		return binlogStatus(!strings.EqualFold(m[1], "master"), srv), true
	}
	if m := showVariables.FindStringSubmatch(bare); m != nil {
		return variables(m[1], srv), true
	}
	switch {
	case showWarnings.MatchString(bare):
		return reply{rows: &rows{columns: named("Level", "Code", "Message")}}, true
	case showDatabases.MatchString(bare):
		out := &rows{columns: named("Database")}
		for _, n := range []string{"information_schema", srv.Schema, "mysql", "performance_schema", "sys"} {
			out.cells = append(out.cells, []*string{text(n)})
		}
		return reply{rows: out}, true
	}
	return reply{}, false
}

func named(names ...string) []Column {
	out := make([]Column, len(names))
	for i, n := range names {
		out[i] = Column{Name: n, Type: "VARCHAR"}
	}
	return out
}

func syntax(near string) error {
	return mysql.NewError(mysql.ER_PARSE_ERROR, "You have an error in your SQL syntax; check the manual that corresponds to your MySQL server version for the right syntax to use near '"+near+"' at line 1")
}

// replicaStatus knows both sets of column names: SHOW SLAVE STATUS is gone in
// 8.4, SHOW REPLICA STATUS came with 8.0.22.
func replicaStatus(modern bool, srv Server) reply {
	if modern && !srv.atLeast("8.0.22") {
		return reply{err: syntax("replica status")}
	}
	if !modern && srv.atLeast("8.4") {
		return reply{err: syntax("slave status")}
	}
	running, behind, errno, message := "Yes", text(strconv.Itoa(int(srv.Lag.Seconds()))), "0", ""
	if srv.Broken != "" {
		running, behind, errno, message = "No", nil, "1062", srv.Broken
	}
	file, at := binlogPlace(srv.Source)
	// A replica that is behind has not come as far as its source.
	pos := strconv.Itoa(max(4, at-int(srv.Lag.Seconds())*100))
	fields := []struct {
		name  string
		value *string
	}{
		{"Slave_IO_State", text("Waiting for master to send event")}, {"Master_Host", text("10.0.0.1")}, {"Master_User", text("rdsrepladmin")},
		{"Master_Port", text("3306")}, {"Connect_Retry", text("60")}, {"Master_Log_File", text(file)}, {"Read_Master_Log_Pos", text(pos)},
		{"Relay_Log_File", text("relaylog.000002")}, {"Relay_Log_Pos", text("4")}, {"Relay_Master_Log_File", text(file)},
		{"Slave_IO_Running", text("Yes")}, {"Slave_SQL_Running", text(running)}, {"Replicate_Do_DB", text("")}, {"Replicate_Ignore_DB", text("")},
		{"Last_Errno", text(errno)}, {"Last_Error", text(message)}, {"Skip_Counter", text("0")}, {"Exec_Master_Log_Pos", text(pos)},
		{"Relay_Log_Space", text("4096")}, {"Until_Condition", text("None")}, {"Master_SSL_Allowed", text("No")}, {"Seconds_Behind_Master", behind},
		{"Last_IO_Errno", text("0")}, {"Last_IO_Error", text("")}, {"Last_SQL_Errno", text(errno)}, {"Last_SQL_Error", text(message)},
		{"Master_Server_Id", text(Server{ID: srv.Source}.identity()["server_id"])}, {"SQL_Delay", text("0")}, {"SQL_Remaining_Delay", nil},
		{"Slave_SQL_Running_State", text("Slave has read all relay log; waiting for more updates")}, {"Retrieved_Gtid_Set", text("")},
		{"Executed_Gtid_Set", text("")}, {"Auto_Position", text("0")}, {"Channel_Name", text("")},
	}
	out := &rows{}
	var row []*string
	for _, f := range fields {
		name := f.name
		if modern {
			name = strings.NewReplacer("Slave", "Replica", "Master", "Source").Replace(name)
		}
		out.columns = append(out.columns, Column{Name: name, Type: "VARCHAR"})
		row = append(row, f.value)
	}
	if srv.Replica {
		out.cells = append(out.cells, row)
	}
	return reply{rows: out}
}

func pad(n uint32) string {
	s := strconv.FormatUint(uint64(n), 10)
	return strings.Repeat("0", max(0, 6-len(s))) + s
}

func binlogStatus(modern bool, srv Server) reply {
	if modern && !srv.atLeast("8.2") {
		return reply{err: syntax("binary log status")}
	}
	if !modern && srv.atLeast("8.4") {
		return reply{err: syntax("master status")}
	}
	file, pos := binlogPlace(srv.Name)
	return reply{rows: &rows{columns: named("File", "Position", "Binlog_Do_DB", "Binlog_Ignore_DB", "Executed_Gtid_Set"),
		cells: [][]*string{{text(file), text(strconv.Itoa(pos)), text(""), text(""), text("")}}}}
}

// binlogPlace is where the log of a name stands, so that a replica and its
// source agree.
func binlogPlace(name string) (file string, pos int) {
	return "mysql-bin-changelog." + pad(1+hash32(name)%4000), 1000154 + int(hash32(name+"pos")%100000000)
}

// variables answers SHOW VARIABLES LIKE with what the model knows.
func variables(like string, srv Server) reply {
	all := srv.defaults()
	for k, v := range srv.Variables {
		all[k] = v
	}
	for k, v := range srv.identity() {
		all[k] = v
	}
	names := make([]string, 0, len(all))
	for n := range all {
		if like == "" || likeMatch(like, n) {
			names = append(names, n)
		}
	}
	sort.Strings(names)
	out := &rows{columns: named("Variable_name", "Value")}
	for _, n := range names {
		v := all[n]
		if strings.HasSuffix(n, "read_only") {
			v = map[string]string{"0": "OFF", "1": "ON"}[v]
		}
		out.cells = append(out.cells, []*string{text(n), text(v)})
	}
	return reply{rows: out}
}

func likeMatch(pattern, s string) bool {
	re := regexp.QuoteMeta(strings.ToLower(pattern))
	re = strings.NewReplacer(`\\_`, `_`, "%", ".*", "_", ".").Replace(re)
	ok, err := regexp.MatchString("^"+re+"$", s)
	return err == nil && ok
}
