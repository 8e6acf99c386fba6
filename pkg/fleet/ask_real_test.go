package fleet

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqltest"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

// accessTo is Access to one real server, as plan --ask has it.
func accessTo(t *testing.T, s *mysqltest.Server) (*Access, Endpoint) {
	t.Helper()
	cfg := s.Config("")
	t.Setenv("ASK_PASSWORD", cfg.Passwd)
	host, text, err := net.SplitHostPort(cfg.Addr)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	p := &plan.Plan{Connection: plan.Connection{Auth: "env", User: cfg.User, PasswordEnv: "ASK_PASSWORD", TLS: "off", Timeout: 10 * time.Second}}
	return &Access{Plan: p, Now: time.Now}, Endpoint{ID: "orders", Address: host, Port: port}
}

// TestAskRealServers: external replication, readers of the binary log, events
// and counts are seen before a campaign, on the server that is left behind.
func TestAskRealServers(t *testing.T) {
	s := mysqltest.Private(t, mysqltest.SideOld, mysqltest.Options{Args: []string{"--log-bin=binlog", "--server-id=7", "--event-scheduler=OFF"}})
	db := s.DB(t, "")
	a, ep := accessTo(t, s)
	n, err := a.Neighbours(t.Context(), ep)
	if err != nil || n.External || len(n.Readers) > 0 || n.EventScheduler != "OFF" || n.Objects == nil {
		t.Fatalf("a server alone: %+v, %v", n, err)
	}
	was := *n.Objects
	mysqltest.Exec(t, db, "CREATE DATABASE ask", "CREATE TABLE ask.a (i INT PRIMARY KEY)", "CREATE TABLE ask.b (i INT PRIMARY KEY)",
		"CREATE PROCEDURE ask.p() SELECT 1", "CREATE EVENT ask.awake ON SCHEDULE EVERY 1 DAY DO DO 1",
		"CREATE EVENT ask.sleeper ON SCHEDULE EVERY 1 DAY DISABLE ON SLAVE DO DO 1", "SET GLOBAL event_scheduler = ON",
		"CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=1, MASTER_USER='cdc'",
		"CREATE USER cdc IDENTIFIED WITH mysql_native_password BY 'only here'", "GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO cdc")
	syncer := replication.NewBinlogSyncer(replication.BinlogSyncerConfig{ServerID: 4711, Flavor: "mysql", Host: ep.Address, Port: uint16(ep.Port), User: "cdc", Password: "only here"})
	defer syncer.Close()
	stream, err := syncer.StartSync(gomysql.Position{Name: "binlog.000001", Pos: 4})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.GetEvent(t.Context()); err != nil { // it reads
		t.Fatal(err)
	}
	n, err = a.Neighbours(t.Context(), ep)
	if err != nil || !n.External || !slices.ContainsFunc(n.Readers, func(r string) bool { return strings.HasPrefix(r, "cdc from ") }) || n.EventScheduler != "ON" {
		t.Errorf("a replica with a reader and events: %+v, %v", n, err)
	}
	if o := n.Objects; o == nil || o.Tables != was.Tables+2 || o.Programs != was.Programs+3 {
		t.Errorf("objects %+v, before %+v", o, was)
	}
	st, err := a.Events(t.Context(), ep)
	if err != nil || !st.Running || !slices.Equal(st.Asleep, []string{"ask.sleeper"}) || st.Unlisted != "" {
		t.Errorf("events: %+v, %v", st, err)
	}
	mysqltest.Exec(t, db, "SET GLOBAL event_scheduler = OFF")
	if st, err = a.Events(t.Context(), ep); err != nil || st.Running {
		t.Errorf("events turned off: %+v, %v", st, err)
	}
}

// TestAskNewServer: the words for replication and for sleeping events changed.
func TestAskNewServer(t *testing.T) {
	s := mysqltest.New(t)
	db := s.DB(t, "")
	schema := mysqltest.Schema(t, db)
	mysqltest.Exec(t, db, fmt.Sprintf("CREATE EVENT %s.sleeper ON SCHEDULE EVERY 1 DAY DISABLE ON REPLICA DO DO 1", schema))
	a, ep := accessTo(t, s)
	if n, err := a.Neighbours(t.Context(), ep); err != nil || n.External || n.Objects == nil {
		t.Errorf("%+v, %v", n, err)
	}
	if st, err := a.Events(t.Context(), ep); err != nil || !slices.Contains(st.Asleep, schema+".sleeper") {
		t.Errorf("%+v, %v", st, err)
	}
}
