package main

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqltest"
	"github.com/rdsupgrade/rdsupgrade/pkg/precheck"
)

// profile is a database that the simulator can pretend to be. Its one user
// schema is appdb, the token that the player replaces.
type profile struct {
	name string
	side mysqltest.Side
	// version is what the recording claims: the versions that RDS offers.
	version string
	seed    []string
}

const (
	version57 = "5.7.44-log"
	version80 = "8.0.46"
)

func profiles() []profile {
	old := func(name string, more ...string) profile {
		return profile{name, mysqltest.SideOld, version57, append(shop(), more...)}
	}
	return []profile{
		old("clean"),
		old("warnings",
			"CREATE TABLE legacy_names (id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, title VARCHAR(60) CHARACTER SET utf8 NOT NULL, `rank` INT NOT NULL DEFAULT 0)",
			"CREATE TABLE audit_trail (happened_at DATETIME NOT NULL, what VARCHAR(200) NOT NULL)",
			"SET SESSION sql_mode = ''",
			"CREATE TABLE contracts (id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, ends DATE NOT NULL DEFAULT '0000-00-00')",
			"CREATE TABLE search_log (id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, words VARCHAR(100)) ENGINE=MyISAM",
		),
		old("blocked-enum",
			"CREATE TABLE letters (id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, kind ENUM('short', '"+strings.Repeat("x", 300)+"') NOT NULL)"),
		old("blocked-partition",
			"CREATE TABLE hits (id INT NOT NULL, day DATE NOT NULL, PRIMARY KEY (id, day)) ENGINE=MyISAM PARTITION BY RANGE (TO_DAYS(day)) "+
				"(PARTITION p2025 VALUES LESS THAN (TO_DAYS('2026-01-01')), PARTITION pmax VALUES LESS THAN MAXVALUE)"),
		old("blocked-function",
			"CREATE PROCEDURE hide_card(IN card VARCHAR(20)) BEGIN SELECT ENCODE(card, 'salt'), PASSWORD(card); END",
			"CREATE PROCEDURE best_sellers() BEGIN SELECT product_id, SUM(quantity) FROM order_items GROUP BY product_id DESC; END"),
		{"after-8.0", mysqltest.SideNew, version80, shop()},
	}
}

// shop is a small schema in which no check finds anything.
func shop() []string {
	return []string{
		"CREATE TABLE customers (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, email VARCHAR(120) NOT NULL, full_name VARCHAR(100) NOT NULL, " +
			"created_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP, UNIQUE KEY email (email)) ENGINE=InnoDB",
		"CREATE TABLE products (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, sku VARCHAR(40) NOT NULL, title VARCHAR(200) NOT NULL, " +
			"price DECIMAL(10,2) NOT NULL, description TEXT, UNIQUE KEY sku (sku)) ENGINE=InnoDB",
		"CREATE TABLE orders (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, customer_id BIGINT UNSIGNED NOT NULL, " +
			"state ENUM('new','paid','shipped') NOT NULL DEFAULT 'new', placed_at DATETIME NOT NULL, KEY by_customer (customer_id, placed_at), " +
			"CONSTRAINT orders_customer FOREIGN KEY (customer_id) REFERENCES customers (id)) ENGINE=InnoDB",
		"CREATE TABLE order_items (order_id BIGINT UNSIGNED NOT NULL, product_id BIGINT UNSIGNED NOT NULL, quantity INT NOT NULL DEFAULT 1, " +
			"PRIMARY KEY (order_id, product_id), KEY by_product (product_id), CONSTRAINT items_order FOREIGN KEY (order_id) REFERENCES orders (id), " +
			"CONSTRAINT items_product FOREIGN KEY (product_id) REFERENCES products (id)) ENGINE=InnoDB",
		"CREATE VIEW open_orders AS SELECT o.id, c.email FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.state <> 'shipped'",
		"CREATE PROCEDURE ship_order(IN which BIGINT UNSIGNED) BEGIN UPDATE orders SET state = 'shipped' WHERE id = which; END",
		"CREATE TRIGGER customers_lower BEFORE INSERT ON customers FOR EACH ROW SET NEW.email = LOWER(NEW.email)",
	}
}

const master = "admin"

// account makes the accounts of an RDS instance: AWS's own in the place of
// root, and a user with what an RDS master user may do.
func account(ctx context.Context, s *mysqltest.Server) (precheck.Target, error) {
	db, err := open(s.Config(""))
	if err != nil {
		return precheck.Target{}, err
	}
	defer db.Close()
	const password = "recorder"
	s.Password = "recorder-admin"
	statements := []string{
		"CREATE USER '" + master + "'@'%' IDENTIFIED BY '" + password + "'",
		"GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, RELOAD, PROCESS, REFERENCES, INDEX, ALTER, SHOW DATABASES, CREATE TEMPORARY TABLES, " +
			"LOCK TABLES, EXECUTE, REPLICATION SLAVE, REPLICATION CLIENT, CREATE VIEW, SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE, CREATE USER, EVENT, TRIGGER " +
			"ON *.* TO '" + master + "'@'%' WITH GRANT OPTION",
	}
	if s.Side == mysqltest.SideNew {
		statements = append(statements, "GRANT XA_RECOVER_ADMIN, SHOW_ROUTINE ON *.* TO '"+master+"'@'%'")
	}
	statements = append(statements, "RENAME USER 'root'@'localhost' TO 'rdsadmin'@'localhost'",
		"ALTER USER 'rdsadmin'@'localhost' IDENTIFIED BY '"+s.Password+"'")
	s.User = "rdsadmin"
	db.SetMaxOpenConns(1) // a second connection could not log in as root any more
	for _, q := range statements {
		if _, err := db.ExecContext(ctx, q); err != nil {
			return precheck.Target{}, fmt.Errorf("make the recording account: %w", err)
		}
	}
	return precheck.Target{Address: s.Addr, User: master, Password: precheck.StaticPassword(password), TLS: precheck.TLSPreferred}, nil
}

// seed makes appdb anew as the profile wants it, and lets the application run
// a few statements, so that the statement digests are not empty.
func seed(ctx context.Context, s *mysqltest.Server, p profile, owner precheck.Target) error {
	admin, err := open(s.Config(""))
	if err != nil {
		return err
	}
	defer admin.Close()
	for _, q := range []string{"DROP DATABASE IF EXISTS appdb", "CREATE DATABASE appdb CHARACTER SET utf8mb4"} {
		if _, err := admin.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("make the schema: %w", err)
		}
	}
	// The definer of every object is the master user, as on RDS.
	login := s.Config("appdb")
	login.User = owner.User
	if login.Passwd, err = owner.Password(ctx); err != nil {
		return err
	}
	login.TLSConfig = "skip-verify"
	app, err := open(login)
	if err != nil {
		return err
	}
	defer app.Close()
	app.SetMaxOpenConns(1) // a profile may set its session's sql_mode
	for _, q := range p.seed {
		if _, err := app.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("run %.60q: %w", q, err)
		}
	}
	if _, err := admin.ExecContext(ctx, "TRUNCATE TABLE performance_schema.events_statements_summary_by_digest"); err != nil {
		return fmt.Errorf("forget the seeding's statements: %w", err)
	}
	for _, q := range []string{
		"INSERT INTO customers (email, full_name) VALUES ('a@example.com', 'A')",
		"SELECT id, email FROM customers WHERE email = 'a@example.com'",
		"SELECT state, COUNT(*) FROM orders WHERE customer_id = 1 GROUP BY state ORDER BY state",
	} {
		if _, err := app.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("run %.60q: %w", q, err)
		}
	}
	return nil
}

func open(config *mysql.Config) (*sql.DB, error) {
	c, err := mysql.NewConnector(config)
	if err != nil {
		return nil, fmt.Errorf("configure connection: %w", err)
	}
	return sql.OpenDB(c), nil
}
