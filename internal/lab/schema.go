package lab

import (
	"context"
	"fmt"
)

// shop is a small application: what an upgrade carries besides rows. Event,
// routines and trigger belong to the application's account.
var shop = []string{
	"CREATE DATABASE shop DEFAULT CHARACTER SET latin1",
	"USE shop",
	loadTable,
	"CREATE TABLE customers (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(80) NOT NULL, email VARCHAR(120), prefs JSON, photo BLOB, UNIQUE KEY (email)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4",
	"CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, customer INT NOT NULL, placed DATETIME NOT NULL, total DECIMAL(10,2) NOT NULL, " +
		"state ENUM('new','paid','sent') NOT NULL DEFAULT 'new', net DECIMAL(10,2) AS (total / 1.2) STORED, KEY (customer), CONSTRAINT orders_customer FOREIGN KEY (customer) REFERENCES customers (id)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4",
	"CREATE TABLE audit (id INT PRIMARY KEY AUTO_INCREMENT, what VARCHAR(100), at TIMESTAMP DEFAULT CURRENT_TIMESTAMP) ENGINE=InnoDB DEFAULT CHARSET=latin1",
	"CREATE DEFINER=app@`%` TRIGGER orders_audit AFTER INSERT ON orders FOR EACH ROW INSERT INTO audit (what) VALUES (CONCAT('order ', NEW.id))",
	"CREATE DEFINER=app@`%` FUNCTION vat(x DECIMAL(10,2)) RETURNS DECIMAL(10,2) DETERMINISTIC RETURN x / 6",
	"CREATE DEFINER=app@`%` PROCEDURE pay(IN o INT) UPDATE orders SET state = 'paid' WHERE id = o",
	"CREATE DEFINER=app@`%` VIEW open_orders AS SELECT o.id, c.name, o.total FROM orders o JOIN customers c ON c.id = o.customer WHERE o.state = 'new'",
	"CREATE DEFINER=app@`%` EVENT nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM audit WHERE at < NOW() - INTERVAL 90 DAY",
	"INSERT INTO customers (name, email, prefs, photo) VALUES ('Ada', 'ada@example.com', '{\"news\": true}', x'00ff10'), ('Grete', 'grete@example.com', NULL, NULL), ('Zoë', NULL, '[1, 2]', '')",
	"INSERT INTO orders (customer, placed, total) VALUES (1, '2026-01-02 03:04:05', 12.00), (2, '2026-02-03 04:05:06', 99.95), (3, '2026-03-04 05:06:07', 0.10)",
}

// Shop makes the application's schema on the server behind a name.
func (l *Lab) Shop(ctx context.Context, name string) error {
	s, err := l.behind(name)
	if err != nil {
		return err
	}
	conn, err := s.root.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", name, err)
	}
	defer conn.Close()
	return execAll(ctx, conn, append([]string{"SET NAMES utf8mb4"}, shop...)...)
}
