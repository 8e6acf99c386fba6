package fleet

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// ours are schemas of the servers themselves, which an upgrade replaces.
const ours = "('mysql','sys','information_schema','performance_schema')"

// inventoryQuery reads one kind of object. Its first column is the name; the
// others make the definition, each through its normal form.
type inventoryQuery struct {
	kind, sql string
	normal    func(column, value string) string
}

func plainly(_, v string) string { return v }

var inventoryQueries = []inventoryQuery{
	{"schema", "SELECT SCHEMA_NAME AS name, DEFAULT_CHARACTER_SET_NAME AS charset, DEFAULT_COLLATION_NAME AS collation FROM information_schema.SCHEMATA WHERE SCHEMA_NAME NOT IN " + ours, normalColumn},
	{"table", "SELECT CONCAT(TABLE_SCHEMA,'.',TABLE_NAME) AS name, ENGINE AS engine, TABLE_COLLATION AS collation, TABLE_COMMENT AS comment FROM information_schema.TABLES WHERE TABLE_TYPE='BASE TABLE' AND TABLE_SCHEMA NOT IN " + ours, normalColumn},
	{"column", "SELECT CONCAT(c.TABLE_SCHEMA,'.',c.TABLE_NAME,'.',c.COLUMN_NAME) AS name, c.ORDINAL_POSITION AS place, c.COLUMN_TYPE AS type, c.IS_NULLABLE AS nullable, c.COLUMN_DEFAULT AS preset, c.CHARACTER_SET_NAME AS charset, c.COLLATION_NAME AS collation, c.EXTRA AS extra, c.COLUMN_COMMENT AS comment " +
		"FROM information_schema.COLUMNS c JOIN information_schema.TABLES t ON t.TABLE_SCHEMA=c.TABLE_SCHEMA AND t.TABLE_NAME=c.TABLE_NAME WHERE t.TABLE_TYPE='BASE TABLE' AND c.TABLE_SCHEMA NOT IN " + ours, normalColumn},
	{"index", "SELECT CONCAT(TABLE_SCHEMA,'.',TABLE_NAME,'.',INDEX_NAME,'#',SEQ_IN_INDEX) AS name, NON_UNIQUE AS many, COLUMN_NAME AS col, SUB_PART AS part, INDEX_TYPE AS type FROM information_schema.STATISTICS WHERE TABLE_SCHEMA NOT IN " + ours, plainly},
	{"constraint", "SELECT CONCAT(k.TABLE_SCHEMA,'.',k.TABLE_NAME,'.',k.CONSTRAINT_NAME,'#',k.ORDINAL_POSITION) AS name, k.COLUMN_NAME AS col, k.REFERENCED_TABLE_SCHEMA AS rs, k.REFERENCED_TABLE_NAME AS rt, k.REFERENCED_COLUMN_NAME AS rc, r.UPDATE_RULE AS u, r.DELETE_RULE AS d " +
		"FROM information_schema.KEY_COLUMN_USAGE k LEFT JOIN information_schema.REFERENTIAL_CONSTRAINTS r ON r.CONSTRAINT_SCHEMA=k.CONSTRAINT_SCHEMA AND r.CONSTRAINT_NAME=k.CONSTRAINT_NAME AND r.TABLE_NAME=k.TABLE_NAME WHERE k.TABLE_SCHEMA NOT IN " + ours, normalRule},
	{"view", "SELECT CONCAT(TABLE_SCHEMA,'.',TABLE_NAME) AS name, VIEW_DEFINITION AS body, CHECK_OPTION AS checked, DEFINER AS definer, SECURITY_TYPE AS security FROM information_schema.VIEWS WHERE TABLE_SCHEMA NOT IN " + ours, normalBody},
	{"routine", "SELECT CONCAT(ROUTINE_SCHEMA,'.',ROUTINE_NAME,' ',ROUTINE_TYPE) AS name, DTD_IDENTIFIER AS returns, ROUTINE_DEFINITION AS body, IS_DETERMINISTIC AS det, SQL_DATA_ACCESS AS access, SECURITY_TYPE AS security, DEFINER AS definer FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA NOT IN " + ours, normalBody},
	{"parameter", "SELECT CONCAT(SPECIFIC_SCHEMA,'.',SPECIFIC_NAME,' ',ROUTINE_TYPE,'#',ORDINAL_POSITION) AS name, PARAMETER_MODE AS mode, PARAMETER_NAME AS param, DTD_IDENTIFIER AS type FROM information_schema.PARAMETERS WHERE SPECIFIC_SCHEMA NOT IN " + ours, normalColumn},
	{"trigger", "SELECT CONCAT(TRIGGER_SCHEMA,'.',TRIGGER_NAME) AS name, EVENT_OBJECT_TABLE AS tab, ACTION_TIMING AS at, EVENT_MANIPULATION AS ev, ACTION_ORDER AS ord, ACTION_STATEMENT AS body, DEFINER AS definer FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA NOT IN " + ours, normalBody},
	{"event", "SELECT CONCAT(EVENT_SCHEMA,'.',EVENT_NAME) AS name, EVENT_TYPE AS type, INTERVAL_VALUE AS n, INTERVAL_FIELD AS unit, EXECUTE_AT AS once, STATUS AS status, ON_COMPLETION AS done, EVENT_DEFINITION AS body, DEFINER AS definer FROM information_schema.EVENTS WHERE EVENT_SCHEMA NOT IN " + ours, normalBody},
	{"grant", "SELECT CONCAT(GRANTEE,' ',PRIVILEGE_TYPE,' ON *.*') AS name, IS_GRANTABLE AS g FROM information_schema.USER_PRIVILEGES WHERE GRANTEE NOT LIKE '''mysql.%' AND GRANTEE NOT LIKE '''rds%' AND PRIVILEGE_TYPE IN (" + oldPrivileges + ")", plainly},
	{"grant", "SELECT CONCAT(GRANTEE,' ',PRIVILEGE_TYPE,' ON ',TABLE_SCHEMA,'.*') AS name, IS_GRANTABLE AS g FROM information_schema.SCHEMA_PRIVILEGES WHERE GRANTEE NOT LIKE '''mysql.%'", plainly},
	{"grant", "SELECT CONCAT(GRANTEE,' ',PRIVILEGE_TYPE,' ON ',TABLE_SCHEMA,'.',TABLE_NAME) AS name, IS_GRANTABLE AS g FROM information_schema.TABLE_PRIVILEGES WHERE GRANTEE NOT LIKE '''mysql.%'", plainly},
	{"grant", "SELECT CONCAT(GRANTEE,' ',PRIVILEGE_TYPE,'(',COLUMN_NAME,') ON ',TABLE_SCHEMA,'.',TABLE_NAME) AS name, IS_GRANTABLE AS g FROM information_schema.COLUMN_PRIVILEGES WHERE GRANTEE NOT LIKE '''mysql.%'", plainly},
}

// oldPrivileges are the global ones that 5.7 has, without SUPER, which newer
// lines split up (MySQL 8.0 manual, "Migrating Accounts from SUPER to Dynamic Privileges").
const oldPrivileges = "'ALTER','ALTER ROUTINE','CREATE','CREATE ROUTINE','CREATE TABLESPACE','CREATE TEMPORARY TABLES','CREATE USER','CREATE VIEW','DELETE','DROP','EVENT','EXECUTE','FILE','INDEX','INSERT','LOCK TABLES','PROCESS','REFERENCES','RELOAD','REPLICATION CLIENT','REPLICATION SLAVE','SELECT','SHOW DATABASES','SHOW VIEW','SHUTDOWN','TRIGGER','UPDATE','USAGE'"

func normalColumn(column, v string) string {
	switch column {
	case "charset", "collation":
		return bluegreen.NormalCharset(v)
	case "type", "returns":
		return bluegreen.NormalCharset(bluegreen.NormalType(v))
	case "extra":
		return bluegreen.NormalExtra(v)
	}
	return v
}

// normalRule: NO ACTION and RESTRICT are the same to InnoDB, and the lines do
// not agree on what they show.
func normalRule(column, v string) string {
	if (column == "u" || column == "d") && v == "RESTRICT" {
		return "NO ACTION"
	}
	return v
}

func normalBody(column, v string) string {
	switch column {
	case "body":
		return bluegreen.NormalSQL(v)
	case "status":
		return bluegreen.NormalEventStatus(v)
	}
	return normalColumn(column, v)
}

// inventory reads everything but rows.
func (s *server) inventory(ctx context.Context) (bluegreen.Inventory, error) {
	inv := bluegreen.Inventory{}
	for n, q := range inventoryQueries {
		rows, err := s.rows(ctx, "inventory."+strconv.Itoa(n), q.sql)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			name := r["name"]
			delete(r, "name")
			var parts []string
			for _, k := range sortedKeys(r) {
				parts = append(parts, k+"="+q.normal(k, r[k]))
			}
			inv[q.kind+" "+name] = strings.Join(parts, " ")
		}
	}
	return inv, nil
}

// countLimit is up to how many rows, by the server's estimate, a table is
// counted: counting reads the whole index.
const countLimit = 200_000

// rowCounts counts the rows of small tables on both sides. Between blue and
// green it waits until green has what blue had.
func rowCounts(ctx context.Context, blue, green *server, settle func() error) ([]bluegreen.RowCount, error) {
	tables, err := blue.rows(ctx, "tables", "SELECT TABLE_SCHEMA AS s, TABLE_NAME AS t FROM information_schema.TABLES WHERE TABLE_TYPE='BASE TABLE' AND TABLE_ROWS <= "+
		strconv.Itoa(countLimit)+" AND TABLE_SCHEMA NOT IN "+ours)
	if err != nil {
		return nil, err
	}
	var out []bluegreen.RowCount
	for _, t := range tables {
		name := quoteName(t["s"]) + "." + quoteName(t["t"])
		c := bluegreen.RowCount{Table: t["s"] + "." + t["t"]}
		if c.Before, err = blue.count(ctx, name); err != nil {
			return nil, err
		}
		if err := settle(); err != nil {
			return nil, err
		}
		if c.Green, err = green.count(ctx, name); err != nil {
			return nil, err
		}
		if c.Blue, err = blue.count(ctx, name); err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

func (s *server) count(ctx context.Context, name string) (int64, error) {
	rows, err := s.rows(ctx, "count", "SELECT COUNT(*) AS n FROM "+name)
	if err != nil {
		return 0, err
	}
	if len(rows) != 1 {
		return 0, fmt.Errorf("%s gave no count", s.id)
	}
	return strconv.ParseInt(rows[0]["n"], 10, 64)
}

func quoteName(n string) string { return "`" + strings.ReplaceAll(n, "`", "``") + "`" }
