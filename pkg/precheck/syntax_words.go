package precheck

// keyword numbers the words that the recognizers look for; kwNone is any other.
type keyword uint8

const (
	kwNone keyword = iota
	kwAdd
	kwAlter
	kwAnalyse
	kwAs
	kwAsc
	kwBegin
	kwBy
	kwCache
	kwCall
	kwCase
	kwCast
	kwChange
	kwCharacter
	kwCharset
	kwCollate
	kwComment
	kwContains
	kwConvert
	kwCreate
	kwCursor
	kwData
	kwDatabase
	kwDeclare
	kwDelete
	kwDesKeyFile
	kwDesc
	kwDescribe
	kwDeterministic
	kwDirectory
	kwDo
	kwDrop
	kwEach
	kwElse
	kwElseif
	kwEnd
	kwEvent
	kwExecute
	kwExists
	kwExplain
	kwExtended
	kwFlush
	kwFor
	kwFrom
	kwFulltext
	kwFunction
	kwGlobal
	kwGrant
	kwGroup
	kwHandler
	kwHaving
	kwHosts
	kwIdentified
	kwIf
	kwIgnore
	kwIn
	kwIndex
	kwInsert
	kwInto
	kwIterate
	kwJoin
	kwKey
	kwLanguage
	kwLimit
	kwLocal
	kwLock
	kwLogs
	kwLoop
	kwMaster
	kwModifies
	kwName
	kwNo
	kwNot
	kwOn
	kwOrder
	kwPartition
	kwPartitioning
	kwPartitions
	kwPassword
	kwPersist
	kwPersistOnly
	kwPrecedes
	kwPrepare
	kwProcedure
	kwPurge
	kwQuery
	kwReads
	kwReferences
	kwRepeat
	kwReplace
	kwReplication
	kwRequire
	kwReset
	kwReturn
	kwReturns
	kwRow
	kwRows
	kwSchema
	kwSelect
	kwSession
	kwSet
	kwShow
	kwSlave
	kwSource
	kwSpatial
	kwSQL
	kwSQLCache
	kwSQLException
	kwSQLNoCache
	kwSQLState
	kwSQLWarning
	kwStart
	kwStatus
	kwStop
	kwSystem
	kwTable
	kwThen
	kwTo
	kwTrigger
	kwTruncate
	kwUnion
	kwUnique
	kwUntil
	kwUpdate
	kwUpgrade
	kwValue
	kwView
	kwWhen
	kwWhere
	kwWhile
	kwWindow
	kwWith
	kwFollows
	kwFound
	kwLowPriority
	kwHighPriority
	kwDelayed
	kwOther // a reserved word of 5.7 without a number of its own
)

var keywordNames = [...]string{
	kwAdd: "ADD", kwAlter: "ALTER", kwAnalyse: "ANALYSE", kwAs: "AS", kwAsc: "ASC", kwBegin: "BEGIN", kwBy: "BY",
	kwCache: "CACHE", kwCall: "CALL", kwCase: "CASE", kwCast: "CAST", kwChange: "CHANGE", kwCharacter: "CHARACTER",
	kwCharset: "CHARSET", kwCollate: "COLLATE", kwComment: "COMMENT", kwContains: "CONTAINS", kwConvert: "CONVERT",
	kwCreate: "CREATE", kwCursor: "CURSOR", kwData: "DATA", kwDatabase: "DATABASE", kwDeclare: "DECLARE",
	kwDelete: "DELETE", kwDesKeyFile: "DES_KEY_FILE", kwDesc: "DESC", kwDescribe: "DESCRIBE",
	kwDeterministic: "DETERMINISTIC", kwDirectory: "DIRECTORY", kwDo: "DO", kwDrop: "DROP", kwEach: "EACH",
	kwElse: "ELSE", kwElseif: "ELSEIF", kwEnd: "END", kwEvent: "EVENT", kwExecute: "EXECUTE", kwExists: "EXISTS",
	kwExplain: "EXPLAIN", kwExtended: "EXTENDED", kwFlush: "FLUSH", kwFor: "FOR", kwFrom: "FROM",
	kwFulltext: "FULLTEXT", kwFunction: "FUNCTION", kwGlobal: "GLOBAL", kwGrant: "GRANT", kwGroup: "GROUP",
	kwHandler: "HANDLER", kwHaving: "HAVING", kwHosts: "HOSTS", kwIdentified: "IDENTIFIED", kwIf: "IF",
	kwIgnore: "IGNORE", kwIn: "IN", kwIndex: "INDEX", kwInsert: "INSERT", kwInto: "INTO", kwIterate: "ITERATE",
	kwJoin: "JOIN", kwKey: "KEY", kwLanguage: "LANGUAGE", kwLimit: "LIMIT", kwLocal: "LOCAL", kwLock: "LOCK",
	kwLogs: "LOGS", kwLoop: "LOOP", kwMaster: "MASTER", kwModifies: "MODIFIES", kwName: "NAME", kwNo: "NO",
	kwNot: "NOT", kwOn: "ON", kwOrder: "ORDER", kwPartition: "PARTITION", kwPartitioning: "PARTITIONING",
	kwPartitions: "PARTITIONS", kwPassword: "PASSWORD", kwPersist: "PERSIST", kwPersistOnly: "PERSIST_ONLY",
	kwPrecedes: "PRECEDES", kwPrepare: "PREPARE", kwProcedure: "PROCEDURE", kwPurge: "PURGE", kwQuery: "QUERY",
	kwReads: "READS", kwReferences: "REFERENCES", kwRepeat: "REPEAT", kwReplace: "REPLACE",
	kwReplication: "REPLICATION", kwRequire: "REQUIRE", kwReset: "RESET", kwReturn: "RETURN", kwReturns: "RETURNS",
	kwRow: "ROW", kwRows: "ROWS", kwSchema: "SCHEMA", kwSelect: "SELECT", kwSession: "SESSION", kwSet: "SET",
	kwShow: "SHOW", kwSlave: "SLAVE", kwSource: "SOURCE", kwSpatial: "SPATIAL", kwSQL: "SQL",
	kwSQLCache: "SQL_CACHE", kwSQLException: "SQLEXCEPTION", kwSQLNoCache: "SQL_NO_CACHE", kwSQLState: "SQLSTATE",
	kwSQLWarning: "SQLWARNING", kwStart: "START", kwStatus: "STATUS", kwStop: "STOP", kwSystem: "SYSTEM",
	kwTable: "TABLE", kwThen: "THEN", kwTo: "TO", kwTrigger: "TRIGGER", kwTruncate: "TRUNCATE", kwUnion: "UNION",
	kwUnique: "UNIQUE", kwUntil: "UNTIL", kwUpdate: "UPDATE", kwUpgrade: "UPGRADE", kwValue: "VALUE",
	kwView: "VIEW", kwWhen: "WHEN", kwWhere: "WHERE", kwWhile: "WHILE", kwWindow: "WINDOW", kwWith: "WITH",
	kwFollows: "FOLLOWS", kwFound: "FOUND", kwLowPriority: "LOW_PRIORITY", kwHighPriority: "HIGH_PRIORITY",
	kwDelayed: "DELAYED",
}

// reserved57 are the reserved words of 5.7.30, measured there: each was
// refused unquoted as an alias.
const reserved57 = `ACCESSIBLE ADD ALL ALTER ANALYZE AND AS ASC ASENSITIVE BEFORE BETWEEN BIGINT BINARY BLOB BOTH BY CALL
CASCADE CASE CHANGE CHAR CHARACTER CHECK COLLATE COLUMN CONDITION CONSTRAINT CONTINUE CONVERT CREATE CROSS
CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER CURSOR DATABASE DATABASES DAY_HOUR DAY_MICROSECOND
DAY_MINUTE DAY_SECOND DEC DECIMAL DECLARE DEFAULT DELAYED DELETE DESC DESCRIBE DETERMINISTIC DISTINCT DISTINCTROW
DIV DOUBLE DROP DUAL EACH ELSE ELSEIF ENCLOSED ESCAPED EXISTS EXIT EXPLAIN FALSE FETCH FLOAT FLOAT4 FLOAT8 FOR
FORCE FOREIGN FROM FULLTEXT GENERATED GET GRANT GROUP HAVING HIGH_PRIORITY HOUR_MICROSECOND HOUR_MINUTE HOUR_SECOND
IF IGNORE IN INDEX INFILE INNER INOUT INSENSITIVE INSERT INT INT1 INT2 INT3 INT4 INT8 INTEGER INTERVAL INTO
IO_AFTER_GTIDS IO_BEFORE_GTIDS IS ITERATE JOIN KEY KEYS KILL LEADING LEAVE LEFT LIKE LIMIT LINEAR LINES LOAD
LOCALTIME LOCALTIMESTAMP LOCK LONG LONGBLOB LONGTEXT LOOP LOW_PRIORITY MASTER_BIND MASTER_SSL_VERIFY_SERVER_CERT
MATCH MAXVALUE MEDIUMBLOB MEDIUMINT MEDIUMTEXT MIDDLEINT MINUTE_MICROSECOND MINUTE_SECOND MOD MODIFIES NATURAL NOT
NO_WRITE_TO_BINLOG NULL NUMERIC ON OPTIMIZE OPTIMIZER_COSTS OPTION OPTIONALLY OR ORDER OUT OUTER OUTFILE PARTITION
PRECISION PRIMARY PROCEDURE PURGE RANGE READ READS READ_WRITE REAL REFERENCES REGEXP RELEASE RENAME REPEAT REPLACE
REQUIRE RESIGNAL RESTRICT RETURN REVOKE RIGHT RLIKE SCHEMA SCHEMAS SECOND_MICROSECOND SELECT SENSITIVE SEPARATOR SET
SHOW SIGNAL SMALLINT SPATIAL SPECIFIC SQL SQLEXCEPTION SQLSTATE SQLWARNING SQL_BIG_RESULT SQL_CALC_FOUND_ROWS
SQL_SMALL_RESULT SSL STARTING STORED STRAIGHT_JOIN TABLE TERMINATED THEN TINYBLOB TINYINT TINYTEXT TO TRAILING
TRIGGER TRUE UNDO UNION UNIQUE UNLOCK UNSIGNED UPDATE USAGE USE USING UTC_DATE UTC_TIME UTC_TIMESTAMP VALUES
VARBINARY VARCHAR VARCHARACTER VARYING VIRTUAL WHEN WHERE WHILE WITH WRITE XOR YEAR_MONTH ZEROFILL`

// softReserved are words that 8.4's manual reserves, while the newest server
// at hand (9.7.4) takes them as names.
var softReserved = set("MANUAL", "PARALLEL")

type wordInfo struct {
	kw       keyword
	reserved bool // in 5.7
	fresh    bool // in reservedWords
}

var wordTable = buildWords()

func buildWords() map[string]wordInfo {
	m := make(map[string]wordInfo, 400)
	for k, name := range keywordNames {
		if name != "" {
			m[name] = wordInfo{kw: keyword(k)}
		}
	}
	for name := range reservedWords {
		w := m[name]
		w.fresh = true
		m[name] = w
	}
	begin := -1
	for i := 0; i <= len(reserved57); i++ {
		if i < len(reserved57) && reserved57[i] != ' ' && reserved57[i] != '\n' {
			if begin < 0 {
				begin = i
			}
			continue
		}
		if begin >= 0 {
			name := reserved57[begin:i]
			w := m[name]
			w.reserved = true
			if w.kw == kwNone {
				w.kw = kwOther
			}
			m[name] = w
			begin = -1
		}
	}
	return m
}

// lookupWord finds a word's entry without regard to case and without
// allocating.
func lookupWord(s string) wordInfo {
	if len(s) > maxWord || len(s) < 2 {
		return wordInfo{}
	}
	var buf [maxWord]byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		buf[i] = c
	}
	return wordTable[string(buf[:len(s)])]
}

// maxWord is the length of the longest word in the table, generously.
const maxWord = 32
