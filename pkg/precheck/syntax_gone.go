package precheck

import (
	"strings"

	"github.com/rdsupgrade/rdsupgrade/pkg/precheck/sqllex"
)

// goneStatements notes statements and clauses that a later version's parser
// refuses. Each was accepted by 5.7.30 and refused by 9.7.4.
func (a *analyser) goneStatements(s statement) {
	i := s.from
	switch s.head {
	case kwFlush, kwReset:
		a.flushOrReset(s)
	case kwExplain, kwDescribe, kwDesc:
		if k := a.kw(i + 1); (k == kwExtended || k == kwPartitions) && a.explainable(i+2) {
			a.gone(i, "EXPLAIN "+keywordNames[k], 80012, "EXPLAIN")
		}
	case kwGrant:
		a.grant(s)
	case kwAlter:
		a.alter(s)
	case kwShow, kwChange, kwStart, kwStop, kwPurge:
		a.replication(s)
	}
	for ; i < s.to; i++ {
		switch {
		case a.kw(i) == kwIdentified && a.kw(i+1) == kwBy && a.kw(i+2) == kwPassword && a.literal(i+3):
			a.gone(i, "IDENTIFIED BY PASSWORD", 80011, "IDENTIFIED WITH plugin AS 'hash'")
		case a.kw(i) == kwProcedure && a.kw(i+1) == kwAnalyse && a.op(i+2, "(") && !defines(s.head):
			a.gone(i, "PROCEDURE ANALYSE", 80000, "")
		case a.op(i, "(") && a.op(i+1, "("):
			a.wrappedDerived(i)
		case s.head == kwCreate && a.is(i, "COLUMNS") && a.op(i+1, "(") && a.op(i+2, ")"):
			a.gone(i, "PARTITION BY RANGE COLUMNS ()", 80000, "")
		}
	}
}

// wrappedDerived finds a derived table alone in parentheses of its own, as in
// FROM ((SELECT 1) AS d): 8.0's grammar has parentheses for tables and joins,
// and none for that (measured).
func (a *analyser) wrappedDerived(i int) {
	if a.kw(i+2) != kwSelect && !a.op(i+2, "(") {
		return
	}
	k := a.closing(i+1) + 1
	if a.kw(k) == kwAs {
		k++
	}
	if a.name(k) && a.op(k+1, ")") {
		a.gone(i, "a derived table in parentheses of its own", 80000, "the derived table without them")
	}
}

// defines tells the statements that name procedures.
func defines(head keyword) bool {
	switch head {
	case kwCreate, kwDrop, kwAlter, kwShow, kwGrant, kwCall:
		return true
	}
	return false
}

func (a *analyser) gone(i int, name string, since int, instead string) {
	a.add(fact{kind: factGone, name: name, since: since, instead: instead, refused: true}, i)
}

// literal tells whether token i is a literal, or stands for one in a digest.
func (a *analyser) literal(i int) bool { return a.at(i).Kind == sqllex.String || a.op(i, "?") }

// explainable tells EXPLAIN EXTENDED SELECT from DESCRIBE extended, a table.
func (a *analyser) explainable(i int) bool {
	switch a.kw(i) {
	case kwSelect, kwInsert, kwUpdate, kwDelete, kwReplace:
		return true
	}
	return a.op(i, "(")
}

// flushOrReset goes through the options of FLUSH and RESET.
func (a *analyser) flushOrReset(s statement) {
	i := s.from + 1
	if a.kw(i) == kwLocal || a.is(i, "NO_WRITE_TO_BINLOG") {
		i++
	}
	if a.kw(i) == kwTable || a.is(i, "TABLES") { // table names follow
		return
	}
	for ; i < s.to; i++ {
		if p := a.at(i - 1); i > s.from+2 && !a.op(i-1, ",") || p.Kind == sqllex.Space {
			continue
		}
		verb := keywordNames[s.head]
		switch k := a.kw(i); {
		case k == kwQuery && a.kw(i+1) == kwCache:
			a.gone(i, verb+" QUERY CACHE", 80003, "")
		case k == kwDesKeyFile:
			a.gone(i, "FLUSH DES_KEY_FILE", 80003, "")
		case k == kwHosts && s.head == kwFlush:
			a.gone(i, "FLUSH HOSTS", 80400, "TRUNCATE TABLE performance_schema.host_cache")
		case k == kwMaster && s.head == kwReset:
			a.replica(i, "RESET MASTER", "RESET BINARY LOGS AND GTIDS")
		case k == kwSlave && s.head == kwReset:
			a.replica(i, "RESET SLAVE", "RESET REPLICA")
		}
	}
}

func (a *analyser) replica(i int, name, instead string) {
	a.add(fact{kind: factGone, name: name, since: 80400, instead: instead, refused: true, replica: true}, i)
}

// grant looks behind TO, where 5.7 could create and change accounts.
func (a *analyser) grant(s statement) {
	i := s.from
	for i < s.to && a.kw(i) != kwTo {
		i++
	}
	with := false
	for ; i < s.to; i++ {
		switch k := a.kw(i); {
		case k == kwIdentified && (a.kw(i+1) == kwBy || a.kw(i+1) == kwWith):
			a.gone(i, "GRANT ... IDENTIFIED", 80011, "CREATE USER or ALTER USER before the GRANT")
		case k == kwRequire:
			a.gone(i, "GRANT ... REQUIRE", 80011, "CREATE USER or ALTER USER before the GRANT")
		case k == kwWith:
			with = true
		case with && a.toks[i].Kind == sqllex.Word && strings.HasPrefix(strings.ToUpper(a.text(i)), "MAX_"):
			a.gone(i, "GRANT ... WITH "+strings.ToUpper(a.text(i)), 80011, "CREATE USER or ALTER USER before the GRANT")
		}
	}
}

func (a *analyser) alter(s statement) {
	for i := s.from + 1; i < s.to; i++ {
		if a.kw(i) != kwUpgrade {
			continue
		}
		switch {
		case a.kw(i+1) == kwPartitioning:
			a.gone(i, "ALTER TABLE ... UPGRADE PARTITIONING", 80000, "")
		case a.kw(i+1) == kwData && a.kw(i+2) == kwDirectory && a.kw(i+3) == kwName:
			a.gone(i, "UPGRADE DATA DIRECTORY NAME", 80000, "")
		}
	}
}

// replication notes the statements whose MASTER and SLAVE 8.4 no longer knows.
func (a *analyser) replication(s statement) {
	i, next := s.from, a.kw(s.from+1)
	switch {
	case s.head == kwShow && next == kwMaster && a.kw(i+2) == kwStatus:
		a.replica(i, "SHOW MASTER STATUS", "SHOW BINARY LOG STATUS")
	case s.head == kwShow && next == kwMaster && a.kw(i+2) == kwLogs:
		a.replica(i, "SHOW MASTER LOGS", "SHOW BINARY LOGS")
	case s.head == kwShow && next == kwSlave && a.kw(i+2) == kwStatus:
		a.replica(i, "SHOW SLAVE STATUS", "SHOW REPLICA STATUS")
	case s.head == kwShow && next == kwSlave && a.kw(i+2) == kwHosts:
		a.replica(i, "SHOW SLAVE HOSTS", "SHOW REPLICAS")
	case s.head == kwChange && next == kwMaster:
		a.replica(i, "CHANGE MASTER TO", "CHANGE REPLICATION SOURCE TO")
	case s.head == kwStart && next == kwSlave:
		a.replica(i, "START SLAVE", "START REPLICA")
	case s.head == kwStop && next == kwSlave:
		a.replica(i, "STOP SLAVE", "STOP REPLICA")
	case s.head == kwPurge && next == kwMaster:
		a.replica(i, "PURGE MASTER LOGS", "PURGE BINARY LOGS")
	case s.head == kwChange && next == kwReplication && a.kw(i+2) == kwSource, s.head == kwStart && a.is(i+1, "REPLICA"):
		for j := i + 2; j < s.to; j++ {
			if t := a.toks[j]; t.Kind == sqllex.Word && strings.HasPrefix(strings.ToUpper(a.text(j)), "MASTER_") {
				a.replica(j, strings.ToUpper(a.text(j)), "SOURCE_"+strings.ToUpper(a.text(j))[len("MASTER_"):])
			}
		}
	}
}
