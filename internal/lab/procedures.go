package lab

// procedures are RDS's own, with RDS's arguments, made of the statements that
// they stand for (RDS User Guide, "RDS for MySQL stored procedure reference").
// Lines up to 8.0 speak of masters, newer ones of sources.
func procedures(newer bool) []string {
	const table = "CREATE TABLE IF NOT EXISTS mysql.rds_configuration (name VARCHAR(100) PRIMARY KEY, value VARCHAR(100), description VARCHAR(300)) ENGINE=InnoDB"
	retention := "SET GLOBAL expire_logs_days = CEIL(v / 24);"
	change, stop, start, reset := "CHANGE MASTER TO MASTER_", "STOP SLAVE", "START SLAVE", "RESET SLAVE ALL"
	names := []string{"rds_set_external_master", "rds_reset_external_master"}
	if newer {
		retention = "SET GLOBAL binlog_expire_logs_seconds = v * 3600;"
		change, stop, start, reset = "CHANGE REPLICATION SOURCE TO SOURCE_", "STOP REPLICA", "START REPLICA", "RESET REPLICA ALL"
		names = []string{"rds_set_external_source", "rds_reset_external_source"}
	}
	prefix := "MASTER_"
	if newer {
		prefix = "SOURCE_"
	}
	set := `CREATE PROCEDURE mysql.` + names[0] + `(IN host VARCHAR(255), IN port INT, IN usr VARCHAR(100), IN pw VARCHAR(100), IN log_file VARCHAR(100), IN log_pos BIGINT, IN use_ssl TINYINT)
BEGIN
  SET @rds_statement = CONCAT('` + change + `HOST=', QUOTE(host), ', ` + prefix + `PORT=', port, ', ` + prefix + `USER=', QUOTE(usr), ', ` + prefix + `PASSWORD=', QUOTE(pw),
    ', ` + prefix + `LOG_FILE=', QUOTE(log_file), ', ` + prefix + `LOG_POS=', log_pos, ', ` + prefix + `SSL=', use_ssl, ', ` + prefix + `CONNECT_RETRY=1, ` + prefix + `HEARTBEAT_PERIOD=2');
  PREPARE rds FROM @rds_statement;
  SET @rds_statement = NULL;
  EXECUTE rds;
  DEALLOCATE PREPARE rds;
END`
	configure := `CREATE PROCEDURE mysql.rds_set_configuration(IN n VARCHAR(100), IN v INT)
BEGIN
  INSERT INTO mysql.rds_configuration (name, value) VALUES (n, v) ON DUPLICATE KEY UPDATE value = v;
  IF n = 'binlog retention hours' AND v IS NOT NULL THEN ` + retention + ` END IF;
END`
	return []string{table, set, configure,
		"CREATE PROCEDURE mysql." + names[1] + "() BEGIN " + stop + "; " + reset + "; END",
		"CREATE PROCEDURE mysql.rds_start_replication() BEGIN " + start + "; END",
		"CREATE PROCEDURE mysql.rds_stop_replication() BEGIN " + stop + "; END",
		"CREATE PROCEDURE mysql.rds_show_configuration() BEGIN SELECT name, value, description FROM mysql.rds_configuration; END",
		"INSERT IGNORE INTO mysql.rds_configuration (name, value, description) VALUES ('binlog retention hours', NULL, 'how long binary logs are kept')",
	}
}
