package fleet

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/precheck"
)

// wayTimeout bounds what is done for one way back at once.
const wayTimeout = 30 * time.Second

// WayBackWanted implements Reverser.
func (a *Access) WayBackWanted() bool { return a.Plan.Switchover.WayBack.User != "" }

// wayPassword is the replication account's.
func (a *Access) wayPassword() (string, error) {
	env := a.Plan.Switchover.WayBack.PasswordEnv
	pw := os.Getenv(env)
	if pw == "" {
		return "", fmt.Errorf("the environment variable %q (switchover.way_back.password_env) is not set", env)
	}
	return pw, nil
}

// exec runs statements; no error tells the secret.
func (s *server) exec(ctx context.Context, secret string, statements ...string) error {
	for _, q := range statements {
		if _, err := s.db.ExecContext(ctx, "/* rdsupgrade:way-back */ "+q); err != nil {
			text := err.Error()
			if secret != "" {
				text = strings.ReplaceAll(text, secret, "***")
			}
			verb := strings.Join(strings.Fields(q)[:2], " ")
			return fmt.Errorf("%s on %s: %s", verb, s.id, text)
		}
	}
	return nil
}

func sqlText(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", "''").Replace(s) + "'"
}

// heartbeatTable is the one table that rdsupgrade makes.
const heartbeatTable = "CREATE TABLE IF NOT EXISTS rdsupgrade.heartbeat (id INT NOT NULL PRIMARY KEY, token VARCHAR(40) NOT NULL, at BIGINT NOT NULL) ENGINE=InnoDB DEFAULT CHARSET=latin1"

// PrepareWayBack implements Reverser.
func (a *Access) PrepareWayBack(ctx context.Context, blueAt, greenAt Endpoint) []bluegreen.Gate {
	const name = "way back prepared"
	ctx, cancel := context.WithTimeout(ctx, wayTimeout)
	defer cancel()
	blue, green, err := a.dialBoth(ctx, blueAt, greenAt)
	if err != nil {
		return []bluegreen.Gate{{Name: name, Verdict: bluegreen.GateInconclusive, Evidence: []string{err.Error()}}}
	}
	defer blue.close()
	defer green.close()
	if err := a.prepareWay(ctx, blue, green, greenAt); err != nil {
		return []bluegreen.Gate{{Name: name, Verdict: bluegreen.GateFail, Evidence: []string{err.Error()}}}
	}
	hours := int(a.Plan.Switchover.WayBack.Retention.Hours())
	return []bluegreen.Gate{
		{Name: name, Verdict: bluegreen.GatePass, Evidence: []string{"the account " + a.Plan.Switchover.WayBack.User + " can log in to green over TLS",
			"a heartbeat row of blue arrived on green", fmt.Sprintf("green keeps its binary logs for %d hours", hours)}},
		bluegreen.GateReverse(reading(reverseFacts(ctx, blue, green))),
	}
}

func (a *Access) dialBoth(ctx context.Context, x, y Endpoint) (*server, *server, error) {
	first, err := a.dial(ctx, x)
	if err != nil {
		return nil, nil, err
	}
	second, err := a.dial(ctx, y)
	if err != nil {
		first.close()
		return nil, nil, err
	}
	return first, second, nil
}

// prepareWay makes account and table on blue, from where they come to green by
// replication: green takes no writes. sha256_password is the plugin that both
// lines have and that needs no old hash.
func (a *Access) prepareWay(ctx context.Context, blue, green *server, greenAt Endpoint) error {
	pw, err := a.wayPassword()
	if err != nil {
		return err
	}
	user := a.Plan.Switchover.WayBack.User
	who := sqlText(user) + "@'%'"
	known, err := blue.rows(ctx, "way-account", "SELECT GRANTEE AS g FROM information_schema.USER_PRIVILEGES WHERE GRANTEE = "+sqlText("'"+user+"'@'%'")+" LIMIT 1")
	if err != nil {
		return err
	}
	make := "CREATE USER " + who
	if len(known) > 0 {
		make = "ALTER USER " + who
	}
	if err := blue.exec(ctx, pw, make+" IDENTIFIED WITH sha256_password BY "+sqlText(pw)+" REQUIRE SSL", "GRANT REPLICATION SLAVE ON *.* TO "+who,
		"CREATE DATABASE IF NOT EXISTS rdsupgrade DEFAULT CHARACTER SET latin1", heartbeatTable); err != nil {
		return err
	}
	if _, err := heartbeat(ctx, blue, green); err != nil {
		return err
	}
	if err := a.canLogIn(ctx, greenAt, user, pw); err != nil {
		return err
	}
	return retention(ctx, green, int(a.Plan.Switchover.WayBack.Retention.Hours()))
}

// canLogIn tries the account where old blue will use it.
func (a *Access) canLogIn(ctx context.Context, ep Endpoint, user, pw string) error {
	t, err := a.target(ctx, ep)
	if err != nil {
		return err
	}
	t.User, t.Password = user, precheck.StaticPassword(pw)
	if t.TLS == precheck.TLSDisabled {
		t.TLS = precheck.TLSRequired // the account must not be used without
	}
	if _, err := precheck.Ask(ctx, t, "SELECT 1 AS one"); err != nil {
		return fmt.Errorf("log in to %s as %s: %w", ep.ID, user, err)
	}
	return nil
}

// retention sets how long binary logs are kept, and reads it back.
func retention(ctx context.Context, s *server, hours int) error {
	want := strconv.Itoa(hours)
	if err := s.exec(ctx, "", "CALL mysql.rds_set_configuration('binlog retention hours', "+want+")"); err != nil {
		return err
	}
	rows, err := s.rows(ctx, "retention", "CALL mysql.rds_show_configuration()")
	if err != nil {
		return err
	}
	for _, r := range rows {
		if r["name"] == "binlog retention hours" && r["value"] == want {
			return nil
		}
	}
	return fmt.Errorf("%s does not show the retention of its binary logs that was set", s.id)
}

// heartbeat writes a row with a new token on one server and waits until the
// other has it.
func heartbeat(ctx context.Context, from, to *server) (time.Duration, error) {
	token := rand.Text()
	begin := time.Now()
	if err := from.beat(ctx, token); err != nil {
		return 0, err
	}
	for {
		rows, err := to.rows(ctx, "heartbeat", "SELECT token FROM rdsupgrade.heartbeat WHERE id = 1")
		if err == nil && len(rows) == 1 && rows[0]["token"] == token {
			return time.Since(begin), nil
		}
		if sleep := (WallClock{}).Sleep(ctx, 50*time.Millisecond); sleep != nil {
			return 0, errors.Join(fmt.Errorf("a heartbeat row of %s did not arrive on %s within %s", from.id, to.id, time.Since(begin).Round(time.Second)), err)
		}
	}
}

// beat writes the heartbeat row, with the time by this machine's clock.
func (s *server) beat(ctx context.Context, token string) error {
	return s.exec(ctx, "", "REPLACE INTO rdsupgrade.heartbeat (id, token, at) VALUES (1, "+sqlText(token)+", "+strconv.FormatInt(time.Now().UnixMilli(), 10)+")")
}

// lastBeat is when the newest heartbeat that the server has was written.
func (s *server) lastBeat(ctx context.Context) time.Time {
	rows, err := s.rows(ctx, "heartbeat", "SELECT at FROM rdsupgrade.heartbeat WHERE id = 1")
	if err != nil || len(rows) == 0 {
		return time.Time{}
	}
	ms, err := strconv.ParseInt(rows[0]["at"], 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// ArmWayBack implements Reverser.
func (a *Access) ArmWayBack(ctx context.Context, nowAt, oldAt Endpoint, file string, pos uint64) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, wayTimeout)
	defer cancel()
	now, old, err := a.dialBoth(ctx, nowAt, oldAt)
	if err != nil {
		return "", err
	}
	defer now.close()
	defer old.close()
	pw, err := a.wayPassword()
	if err != nil {
		return "", err
	}
	r, err := old.replication(ctx)
	if err != nil {
		return "", err
	}
	switch {
	case !r.Configured:
		err = a.follow(ctx, nowAt, old, pw, file, pos)
	case r.Receiver == "No" && r.Applier == "No" && r.ReceiverError == "" && r.ApplierError == "":
		// Whoever pointed it there was killed before it was started.
		err = old.exec(ctx, "", "CALL mysql.rds_start_replication()")
	}
	if err != nil {
		return "", err
	}
	took, err := heartbeat(ctx, now, old)
	if err != nil {
		if r, err2 := old.replication(ctx); err2 == nil && r.Trouble() != "" {
			err = fmt.Errorf("%w: %s", err, r.Trouble())
		}
		return "", err
	}
	return fmt.Sprintf("%s follows %s from %s:%d; a heartbeat row arrived after %s", oldAt.ID, nowAt.ID, file, pos, took.Round(time.Millisecond)), nil
}

// follow points old blue at the new server. The procedure's name depends on
// the server where it runs (RDS User Guide, "mysql.rds_set_external_master").
func (a *Access) follow(ctx context.Context, nowAt Endpoint, old *server, pw, file string, pos uint64) error {
	older, err := old.speaksOfMasters(ctx)
	if err != nil {
		return err
	}
	call := "rds_set_external_source"
	if older {
		call = "rds_set_external_master"
	}
	return old.exec(ctx, pw, fmt.Sprintf("CALL mysql.%s(%s, %d, %s, %s, %s, %d, 1)", call, sqlText(nowAt.Address), nowAt.Port,
		sqlText(a.Plan.Switchover.WayBack.User), sqlText(pw), sqlText(file), pos), "CALL mysql.rds_start_replication()")
}

// WayBack implements Reverser.
func (a *Access) WayBack(ctx context.Context, nowAt, oldAt Endpoint) bluegreen.Way {
	ctx, cancel := context.WithTimeout(ctx, wayTimeout)
	defer cancel()
	at := a.Now()
	unknown := func(err error) bluegreen.Way {
		return bluegreen.Way{At: at, State: bluegreen.WayUnknown, Detail: err.Error()}
	}
	now, old, err := a.dialBoth(ctx, nowAt, oldAt)
	if err != nil {
		return unknown(err)
	}
	defer now.close()
	defer old.close()
	file, pos, err := now.place(ctx)
	if err != nil {
		return unknown(err)
	}
	w := bluegreen.JudgeWay(a.Now(), reading(old.replication(ctx)), file, pos, old.lastBeat(ctx))
	if w.State == bluegreen.WayArmed {
		a.tryAccount(ctx, nowAt, &w)
	}
	return w
}

// Beat implements Reverser. A server whose writes were stopped needs none.
func (a *Access) Beat(ctx context.Context, nowAt Endpoint) error {
	ctx, cancel := context.WithTimeout(ctx, wayTimeout)
	defer cancel()
	now, err := a.dial(ctx, nowAt)
	if err != nil {
		return err
	}
	defer now.close()
	if err := now.beat(ctx, rand.Text()); err != nil && !strings.Contains(err.Error(), "Error 1290") {
		return err
	}
	return nil
}

// tryAccount finds out before the next broken connection does, that old blue
// would not be let in again.
func (a *Access) tryAccount(ctx context.Context, nowAt Endpoint, w *bluegreen.Way) {
	pw, err := a.wayPassword()
	if err != nil {
		return // status may be asked where the password is not known
	}
	err = a.canLogIn(ctx, nowAt, a.Plan.Switchover.WayBack.User, pw)
	var refused *precheck.ConnectError
	if errors.As(err, &refused) && refused.Code == precheck.CodeAccessDenied {
		w.State, w.Cause, w.Detail = bluegreen.WayBroken, "account", err.Error()
	}
}

// reverseVariables decide whether the old line can read what the new one logs.
var reverseVariables = []string{"log_bin", "binlog_format", "binlog_row_value_options", "binlog_transaction_compression",
	"collation_server", "default_collation_for_utf8mb4", "gtid_mode"}

// reverseFacts reads what GateReverse judges.
func reverseFacts(ctx context.Context, blue, green *server) (bluegreen.ReverseFacts, error) {
	f := bluegreen.ReverseFacts{Variables: map[string]string{}}
	var quoted []string
	for _, v := range reverseVariables {
		quoted = append(quoted, sqlText(v))
	}
	rows, err := green.rows(ctx, "reverse.variables", "SHOW GLOBAL VARIABLES WHERE Variable_name IN ("+strings.Join(quoted, ",")+")")
	if err != nil {
		return f, err
	}
	for _, r := range rows {
		f.Variables[strings.ToLower(r["Variable_name"])] = r["Value"]
	}
	rows, err = blue.rows(ctx, "reverse.gtid", "SELECT @@global.gtid_mode AS mode")
	if err != nil || len(rows) != 1 {
		return f, errors.Join(errors.New("blue's gtid_mode could not be read"), err)
	}
	f.OldGTID = rows[0]["mode"]
	rows, err = green.rows(ctx, "reverse.collations", "SELECT CONCAT('column ',TABLE_SCHEMA,'.',TABLE_NAME,'.',COLUMN_NAME,' with collation ',COLLATION_NAME) AS what FROM information_schema.COLUMNS "+
		"WHERE (COLLATION_NAME LIKE '%0900%' OR EXTRA LIKE '%INVISIBLE%') AND TABLE_SCHEMA NOT IN "+ours+" LIMIT 20")
	for _, r := range rows {
		f.NewOnly = append(f.NewOnly, r["what"])
	}
	return f, err
}
