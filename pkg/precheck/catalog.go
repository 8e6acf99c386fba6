package precheck

import (
	"time"
)

// Catalog is what one read of a server's dictionary showed: the only input of
// the rules, and the evidence of an audit. It holds names, types and bodies,
// but no rows, no statement literals and no secrets.
type Catalog struct {
	// Format is the version of this layout, see CatalogFormat.
	Format int `json:"format"`
	// ReadAt is when the read began, by this machine's clock.
	ReadAt time.Time `json:"read_at"`
	// Host is host:port as dialled, without user or password.
	Host string `json:"host,omitempty"`
	// Server is what the server says of itself.
	Server Server `json:"server"`
	// Sections tells for every part of the catalog whether it was read. A rule
	// whose section is not SectionRead must not report "passed".
	Sections map[Section]SectionState `json:"sections"`

	Schemas     []Schema     `json:"schemas,omitempty"`
	Tables      []Table      `json:"tables,omitempty"` // base tables and views
	Columns     []Column     `json:"columns,omitempty"`
	Indexes     []IndexPart  `json:"indexes,omitempty"`
	ForeignKeys []ForeignKey `json:"foreign_keys,omitempty"`
	Partitions  []Partition  `json:"partitions,omitempty"`
	// Programs holds the bodies: views, routines, triggers and events.
	Programs    []Program     `json:"programs,omitempty"`
	InnoTables  []InnoTable   `json:"inno_tables,omitempty"`
	InnoColumns []InnoColumn  `json:"inno_columns,omitempty"`
	Files       []Datafile    `json:"files,omitempty"`
	Variables   []Variable    `json:"variables,omitempty"`
	Accounts    []Account     `json:"accounts,omitempty"`
	Plugins     []Plugin      `json:"plugins,omitempty"`
	SystemTable []SystemTable `json:"system_tables,omitempty"` // tables in schemas mysql and sys
	Digests     []Digest      `json:"digests,omitempty"`
	Sessions    []Session     `json:"sessions,omitempty"`
	CheckTables []CheckTable  `json:"check_tables,omitempty"`
	Activity    Activity      `json:"activity"`
	// Parameters are the user-set values of the DB parameter group, filled in
	// by whoever can ask AWS; nil means "not known", empty means "none set".
	Parameters []Parameter `json:"parameters,omitempty"`
	// MyCnf are the settings of an option file given by the user.
	MyCnf []Parameter `json:"my_cnf,omitempty"`
}

// CatalogFormat is the layout version that this build writes.
const CatalogFormat = 1

// Section names a part of the catalog that is read, or fails, as a whole.
type Section string

// The sections of a catalog.
const (
	SectionServer      Section = "server"
	SectionSchemas     Section = "schemas"
	SectionTables      Section = "tables"
	SectionColumns     Section = "columns"
	SectionIndexes     Section = "indexes"
	SectionForeignKeys Section = "foreign_keys"
	SectionPartitions  Section = "partitions"
	SectionViews       Section = "views"
	SectionRoutines    Section = "routines"
	SectionTriggers    Section = "triggers"
	SectionEvents      Section = "events"
	SectionInnoTables  Section = "inno_tables"
	SectionInnoColumns Section = "inno_columns"
	SectionFiles       Section = "files"
	SectionVariables   Section = "variables"
	SectionAccounts    Section = "accounts"
	SectionPlugins     Section = "plugins"
	SectionSystem      Section = "system_tables"
	SectionDigests     Section = "digests"
	SectionStatements  Section = "statements"
	SectionSessions    Section = "sessions"
	SectionTrx         Section = "transactions"
	SectionXA          Section = "xa"
	SectionReplication Section = "replication"
	SectionCheckTable  Section = "check_table"
	SectionParameters  Section = "parameters"
	SectionEventDefs   Section = "event_definers" // mysql.event
	SectionZeroData    Section = "zero_data"
	// SectionAutoIncrement is Table.AutoIncrement of tables whose counter is
	// smaller than BIGINT, SectionSizes is Table.Rows, DataBytes and IndexBytes.
	SectionAutoIncrement Section = "auto_increment"
	SectionSizes         Section = "sizes"
)

// SectionStatus says how reading a section ended.
type SectionStatus string

// The states of a section. The zero value counts as SectionNotRead.
const (
	SectionRead    SectionStatus = "read"
	SectionNotRead SectionStatus = "not-read" // not asked for, or does not exist on this server
	SectionFailed  SectionStatus = "failed"   // the server refused or the read broke
	SectionPartial SectionStatus = "partial"  // some rows or bodies are missing, see Reason
)

// SectionState is one section's outcome.
type SectionState struct {
	Status SectionStatus `json:"status"`
	// Code is the server's error number, 0 where there was none.
	Code int `json:"code,omitempty"`
	// Reason is one line for a person.
	Reason string `json:"reason,omitempty"`
	// Grant is the privilege that would make the read work, "" when unknown.
	Grant string `json:"grant,omitempty"`
	// Missing counts rows that could not be read whole (NULL bodies and the like).
	Missing int `json:"missing,omitempty"`
}

// Server identifies the server.
type Server struct {
	Version        string `json:"version"` // @@version as it stands
	VersionComment string `json:"version_comment,omitempty"`
	// LowerCaseTableNames is @@lower_case_table_names: 0, 1 or 2.
	LowerCaseTableNames int    `json:"lower_case_table_names"`
	SQLMode             string `json:"sql_mode"` // @@global.sql_mode
	CharacterSet        string `json:"character_set"`
	Collation           string `json:"collation"`
	Aurora              string `json:"aurora_version,omitempty"` // @@aurora_version, "" elsewhere
	ReadOnly            bool   `json:"read_only"`
	// User is CURRENT_USER(), Grants what SHOW GRANTS said of it, one a line,
	// without any authentication clause.
	User   string   `json:"user,omitempty"`
	Grants []string `json:"grants,omitempty"`
}

// Schema is a user schema.
type Schema struct {
	Name         string `json:"name"`
	CharacterSet string `json:"character_set"`
	Collation    string `json:"collation"`
}

// Table is a base table or a view.
type Table struct {
	Schema        string `json:"schema"`
	Name          string `json:"name"`
	View          bool   `json:"view,omitempty"`
	Engine        string `json:"engine,omitempty"`
	RowFormat     string `json:"row_format,omitempty"`
	CreateOptions string `json:"create_options,omitempty"`
	Collation     string `json:"collation,omitempty"`
	Comment       string `json:"comment,omitempty"`
	// Rows is the engine's estimate; DataBytes and IndexBytes are its sizes.
	Rows          uint64 `json:"rows,omitempty"`
	DataBytes     uint64 `json:"data_bytes,omitempty"`
	IndexBytes    uint64 `json:"index_bytes,omitempty"`
	AutoIncrement uint64 `json:"auto_increment,omitempty"`
}

// Column is a column of a base table or view.
type Column struct {
	Schema   string `json:"schema"`
	Table    string `json:"table"`
	Name     string `json:"name"`
	Position int    `json:"position"`
	// Default is nil where the column has none (or NULL).
	Default      *string `json:"default,omitempty"`
	Nullable     bool    `json:"nullable,omitempty"`
	DataType     string  `json:"data_type"`
	ColumnType   string  `json:"column_type"` // with show_old_temporals=ON where it exists
	CharLength   int64   `json:"char_length,omitempty"`
	OctetLength  int64   `json:"octet_length,omitempty"`
	CharacterSet string  `json:"character_set,omitempty"`
	Collation    string  `json:"collation,omitempty"`
	Key          string  `json:"key,omitempty"`
	Extra        string  `json:"extra,omitempty"`
	Generated    string  `json:"generated,omitempty"` // generation expression
	Comment      string  `json:"comment,omitempty"`
}

// IndexPart is one column of an index.
type IndexPart struct {
	Schema    string `json:"schema"`
	Table     string `json:"table"`
	Index     string `json:"index"`
	Seq       int    `json:"seq"`
	Column    string `json:"column"`
	SubPart   int    `json:"sub_part,omitempty"` // 0: whole column
	NonUnique bool   `json:"non_unique,omitempty"`
	Type      string `json:"type"` // BTREE, FULLTEXT, SPATIAL, HASH
	Nullable  bool   `json:"nullable,omitempty"`
	Comment   string `json:"comment,omitempty"`
}

// ForeignKey is one constraint with its columns in order. Names are decoded
// from InnoDB's file-name form where they were read from INNODB_SYS_FOREIGN.
type ForeignKey struct {
	Schema     string   `json:"schema"`
	Table      string   `json:"table"`
	Name       string   `json:"name"`
	RefSchema  string   `json:"ref_schema"`
	RefTable   string   `json:"ref_table"`
	Columns    []string `json:"columns,omitempty"`
	RefColumns []string `json:"ref_columns,omitempty"`
}

// Partition is one partition of a partitioned table.
type Partition struct {
	Schema        string `json:"schema"`
	Table         string `json:"table"`
	Name          string `json:"name"`
	Subpartition  string `json:"subpartition,omitempty"`
	Method        string `json:"method,omitempty"`
	Expression    string `json:"expression,omitempty"`
	SubMethod     string `json:"sub_method,omitempty"`
	SubExpression string `json:"sub_expression,omitempty"`
	Description   string `json:"description,omitempty"`
	Tablespace    string `json:"tablespace,omitempty"`
}

// ProgramKind tells the kinds of stored code apart.
type ProgramKind string

// The kinds of stored code.
const (
	KindView      ProgramKind = "view"
	KindProcedure ProgramKind = "procedure"
	KindFunction  ProgramKind = "function"
	KindTrigger   ProgramKind = "trigger"
	KindEvent     ProgramKind = "event"
)

// Program is stored code with the context it runs in.
type Program struct {
	Kind   ProgramKind `json:"kind"`
	Schema string      `json:"schema"`
	Name   string      `json:"name"`
	Table  string      `json:"table,omitempty"` // of a trigger
	// Body is the code: a view's SELECT, a routine's or event's body, a
	// trigger's statement. HasBody is false where the server would not show it.
	Body    string `json:"body,omitempty"`
	HasBody bool   `json:"has_body"`
	// Exact is false when the text came from an information_schema view that
	// loses backslashes.
	Exact bool `json:"exact"`
	// Create is the whole CREATE statement where it was read by SHOW CREATE.
	Create string `json:"create,omitempty"`
	// Params is a routine's parameter list and Returns a function's return
	// type, as written, "" when not known.
	Params  string `json:"params,omitempty"`
	Returns string `json:"returns,omitempty"`
	SQLMode string `json:"sql_mode,omitempty"`
	Definer string `json:"definer"` // user@host, "" when blank
	// Status is ENABLED, DISABLED or SLAVESIDE_DISABLED (events).
	Status            string `json:"status,omitempty"`
	CharacterSet      string `json:"character_set,omitempty"`
	Collation         string `json:"collation,omitempty"`
	DatabaseCollation string `json:"database_collation,omitempty"`
	Timing            string `json:"timing,omitempty"` // of a trigger: BEFORE UPDATE
	// Parse is what a newer server said of the text when it was asked to (ServerJudge).
	Parse *ParseOpinion `json:"parse,omitempty"`
}

// InnoTable is InnoDB's own view of a table.
type InnoTable struct {
	ID uint64 `json:"id"`
	// Name is InnoDB's own form, schema/table with file-name escapes, and
	// #p#, #P# or #sql suffixes as they stand.
	Name      string `json:"name"`
	Space     uint64 `json:"space"`
	RowFormat string `json:"row_format,omitempty"`
	SpaceType string `json:"space_type,omitempty"`
}

// InnoColumn is InnoDB's own view of a column; only those that a rule needs.
type InnoColumn struct {
	TableID uint64 `json:"table_id"`
	Name    string `json:"name"`
	MType   int    `json:"mtype"`
	Pos     int    `json:"pos"`
}

// Datafile is a row of information_schema.FILES.
type Datafile struct {
	Tablespace string `json:"tablespace"`
	Path       string `json:"path"`
	Type       string `json:"type,omitempty"`
}

// Variable is a global system variable. Values of variables that may hold a
// secret are replaced by "***" when read.
type Variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	// Source is performance_schema.variables_info's on 8.0 and newer ("COMPILED", ...).
	Source string `json:"source,omitempty"`
}

// Account is a row of mysql.user without its secret.
type Account struct {
	User    string `json:"user"`
	Host    string `json:"host"`
	Plugin  string `json:"plugin"`
	HashLen int    `json:"hash_len"` // length of authentication_string, 0: no password
	Locked  bool   `json:"locked,omitempty"`
	Expired bool   `json:"expired,omitempty"`
	Super   bool   `json:"super,omitempty"`
	SSLType string `json:"ssl_type,omitempty"`
	// Factors are the plugins of further authentication factors (8.0.27 and newer).
	Factors []string `json:"factors,omitempty"`
	// Privileges are dynamic privileges (8.0 and newer), direct or through roles.
	Privileges []string `json:"privileges,omitempty"`
}

// Plugin is an installed plugin.
type Plugin struct {
	Name    string `json:"name"`
	Status  string `json:"status"`
	Type    string `json:"type"`
	Library string `json:"library,omitempty"`
}

// SystemTable is a table or view in schema mysql or sys.
type SystemTable struct {
	Schema  string `json:"schema"`
	Name    string `json:"name"`
	Type    string `json:"type"` // BASE TABLE, VIEW
	Engine  string `json:"engine,omitempty"`
	Definer string `json:"definer,omitempty"` // of a view
}

// Digest is one statement shape that applications ran, from
// performance_schema; Text never holds literals.
type Digest struct {
	Schema string `json:"schema,omitempty"`
	Text   string `json:"text"`
	// FromHistory says that Text came from the statement history with its
	// literals taken out, so that identifiers stand as the client wrote them;
	// a digest's own text always quotes them.
	FromHistory bool      `json:"from_history,omitempty"`
	User        string    `json:"user,omitempty"`
	Count       uint64    `json:"count,omitempty"`
	FirstSeen   time.Time `json:"first_seen,omitzero"`
	LastSeen    time.Time `json:"last_seen,omitzero"`
	Truncated   bool      `json:"truncated,omitempty"`
	Rows        uint64    `json:"rows,omitempty"` // rows sent in all
	NoIndex     uint64    `json:"no_index,omitempty"`
}

// Session is a kind of client seen at reading time: sessions of the same
// user, host, TLS version and connector are counted together.
type Session struct {
	User          string `json:"user"`
	Host          string `json:"host"`
	TLSVersion    string `json:"tls_version"` // "" is plain text
	TLSCipher     string `json:"tls_cipher,omitempty"`
	ClientName    string `json:"client_name,omitempty"`
	ClientVersion string `json:"client_version,omitempty"`
	Program       string `json:"program,omitempty"`
	Count         int    `json:"count"`
	Command       string `json:"command,omitempty"` // "Binlog Dump" for a replica or CDC reader
}

// CheckTable is an answer of CHECK TABLE ... FOR UPGRADE other than "OK".
type CheckTable struct {
	Schema  string `json:"schema"`
	Table   string `json:"table"`
	MsgType string `json:"msg_type"` // error, warning, note, status
	Msg     string `json:"msg"`
}

// Activity is what was going on when the catalog was read.
type Activity struct {
	UptimeSeconds     int64 `json:"uptime_seconds,omitempty"`
	ThreadsRunning    int64 `json:"threads_running,omitempty"`
	HistoryListLength int64 `json:"history_list_length,omitempty"`
	// OldestTrxSeconds is the age of the oldest open transaction.
	OldestTrxSeconds int64 `json:"oldest_trx_seconds,omitempty"`
	TrxRowsModified  int64 `json:"trx_rows_modified,omitempty"` // largest among open ones
	// PreparedXA are the transactions XA RECOVER lists, printable.
	PreparedXA []string `json:"prepared_xa,omitempty"`
	// Replica tells that this server replicates from another one, ReplicaOf
	// is its host; an RDS read replica's source is named too.
	Replica     bool   `json:"replica,omitempty"`
	ReplicaOf   string `json:"replica_of,omitempty"`
	BinlogDumps int    `json:"binlog_dumps,omitempty"`
	// Status are the SHOW GLOBAL STATUS counters that rules use.
	Status map[string]string `json:"status,omitempty"`
	// DigestsLost counts statements that found the digest table full;
	// DigestRows and DigestSize tell how full it is.
	DigestsLost uint64 `json:"digests_lost,omitempty"`
	DigestRows  int    `json:"digest_rows,omitempty"`
	DigestSize  int    `json:"digest_size,omitempty"`
	// ZeroDates counts sampled rows with zero dates, by schema.table.column.
	ZeroDates map[string]uint64 `json:"zero_dates,omitempty"`
	// FreeBytes is free storage as AWS reports it, -1 when not known.
	FreeBytes int64 `json:"free_bytes"`
	// OptionGroup is a custom option group's name as AWS reports it, "" when
	// none or not known.
	OptionGroup string `json:"option_group,omitempty"`
}

// Parameter is a setting from a DB parameter group or an option file.
type Parameter struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}
