package precheck

// reservedWords are the words that the parser of a version no longer takes as
// a bare identifier, by the version that reserved them. ADMIN, PERSIST,
// PERSIST_ONLY, ARRAY, MEMBER (freed again within 8.0) and FULL (never
// reserved) are not here, though MySQL Shell warns about them.
// Source: manual, "Keywords and Reserved Words", 8.0, 8.4 and 9; bug 114874
// for the four of 8.4; EXTERNAL and LIBRARY measured on 9.7.4.
var reservedWords = map[string][3]int{
	"CUBE": v8011, "CUME_DIST": v8011, "DENSE_RANK": v8011, "EMPTY": v8011, "EXCEPT": v8011,
	"FIRST_VALUE": v8011, "FUNCTION": v8011, "GROUPING": v8011, "GROUPS": v8011, "JSON_TABLE": v8011,
	"LAG": v8011, "LAST_VALUE": v8011, "LEAD": v8011, "NTH_VALUE": v8011, "NTILE": v8011, "OF": v8011,
	"OVER": v8011, "PERCENT_RANK": v8011, "RANK": v8011, "RECURSIVE": v8011, "ROW": v8011, "ROWS": v8011,
	"ROW_NUMBER": v8011, "SYSTEM": v8011, "WINDOW": v8011,
	"LATERAL": {8, 0, 14}, "INTERSECT": {8, 0, 31},
	"MANUAL": v840, "PARALLEL": v840, "QUALIFY": v840, "TABLESAMPLE": v840,
	"EXTERNAL": {9, 4, 0}, "LIBRARY": {9, 4, 0},
}

// brieflyReserved are words that some releases of 8.0 reserved and later ones
// freed again: from the first version up to, but not including, the second.
var brieflyReserved = map[string][2][3]int{
	"ADMIN":        {v8011, {8, 0, 12}},
	"PERSIST":      {v8011, {8, 0, 16}},
	"PERSIST_ONLY": {v8011, {8, 0, 16}},
	"ARRAY":        {{8, 0, 17}, {8, 0, 19}},
	"MEMBER":       {{8, 0, 17}, {8, 0, 19}},
}

// dictionaryTables are names in schema mysql that the 8.0 data dictionary needs.
// Source: manual, "Preparing Your Installation for Upgrade".
var dictionaryTables = set(
	"catalogs", "character_sets", "collations", "column_type_elements", "columns", "dd_properties", "events",
	"foreign_key_column_usage", "foreign_keys", "index_column_usage", "index_partitions", "index_stats", "indexes",
	"parameter_type_elements", "parameters", "routines", "schemata", "st_spatial_reference_systems",
	"table_partition_values", "table_partitions", "table_stats", "tables", "tablespace_files", "tablespaces",
	"triggers", "view_routine_usage", "view_table_usage", "component", "default_roles", "global_grants",
	"innodb_ddl_log", "innodb_dynamic_metadata", "password_history", "role_edges")

// charsetBytes is the longest character of a character set; one byte where it
// is not listed.
var charsetBytes = map[string]int{
	"utf8": 3, "utf8mb3": 3, "utf8mb4": 4, "ucs2": 2, "utf16": 4, "utf16le": 4, "utf32": 4,
	"gbk": 2, "big5": 2, "sjis": 2, "cp932": 2, "euckr": 2, "gb2312": 2, "ujis": 3, "eucjpms": 3, "gb18030": 4,
}
