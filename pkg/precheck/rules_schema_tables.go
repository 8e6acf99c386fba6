package precheck

import (
	"fmt"
	"slices"
	"strings"
)

func tableRules() []Rule {
	return []Rule{
		{
			ID: "tableWithoutPrimaryKey", Title: "Tables without a primary key", Severity: Warning,
			About:  "Without a primary key, or a unique key of NOT NULL columns, every replicated change of a row reads the whole table: a green falls behind and may never catch up.",
			Fix:    "Add a primary key. " + rebuildWarning,
			Source: "blue/green practice: replication by row", Doc: docBlueGreen,
			Once: true, Needs: []Section{SectionTables, SectionIndexes}, Check: checkPrimaryKeys,
		},
		{
			ID: "nonInnodbEngine", Title: "Tables in another engine than InnoDB", Severity: Warning,
			About:  "A green is made from a snapshot: MyISAM tables may come out of it damaged, MEMORY tables arrive empty, and 8.0 keeps its own tables in InnoDB.",
			Fix:    "Convert the table to InnoDB. " + rebuildWarning,
			Source: "AWS: unsupported engines with snapshots and blue/green deployments", Doc: docBlueGreen,
			Once: true, Needs: []Section{SectionTables}, Check: checkEngines,
		},
		{
			ID: "compressedRowFormat", Title: "Tables with ROW_FORMAT=COMPRESSED", Severity: Notice,
			About:  "Compressed tables work in 8.0, but in no shared tablespace, cost CPU on every write, and are refused on some storage.",
			Fix:    "Consider ROW_FORMAT=DYNAMIC when storage allows it. " + rebuildWarning,
			Source: "hazard that neither MySQL Shell nor RDS looks for", Doc: "https://dev.mysql.com/doc/refman/8.0/en/innodb-compression.html",
			Once: true, Needs: []Section{SectionTables}, Check: checkCompressed,
		},
		{
			ID: "innodbRowFormat", Title: "InnoDB tables in another row format than DYNAMIC", Severity: Notice,
			About:  "DYNAMIC is the default since 5.7 and the only format that 8.0's own tables use. The others still work.",
			Fix:    "Change the row format to DYNAMIC when there is a quiet time. " + rebuildWarning,
			Source: "MySQL Shell defines a check of this id (as a warning) and never runs it", Doc: "https://dev.mysql.com/doc/refman/8.0/en/innodb-row-format.html",
			Applies: to80, Needs: []Section{SectionTables}, Check: checkRowFormat,
		},
		{
			ID: "redundantRowFormat", Title: "Tables in ROW_FORMAT=REDUNDANT or COMPACT with long columns", Severity: Notice,
			About:  "These row formats allow index entries of 767 bytes. An index over more can be created by mistake on some releases and makes the table unreadable after the upgrade.",
			Fix:    "Change the row format to DYNAMIC. " + rebuildWarning,
			Source: srcRDS + " (index could be created on a redundant table)", Doc: docRDSMajor,
			Applies: to80, Needs: []Section{SectionTables, SectionColumns}, Check: checkRedundant,
		},
		{
			ID: "checkTableCommand", Title: "CHECK TABLE ... FOR UPGRADE", Severity: Error,
			About:  "The server itself says that a table must be repaired or rebuilt before the upgrade.",
			Fix:    "Follow the message, usually with ALTER TABLE ... FORCE or REPAIR TABLE.",
			Source: srcBoth, Doc: "https://dev.mysql.com/doc/refman/5.7/en/check-table.html",
			Once: true, Needs: []Section{SectionCheckTable}, OptIn: "--check-tables", Check: checkTableAnswers,
		},
		{
			ID: "upgradeDuration", Title: "Estimated duration of the dictionary upgrade", Severity: Notice,
			About:  "The step to 8.0 reads every table, view and routine once to build its dictionary. With very many of them it takes long; the estimate is rough and comes from the counts alone.",
			Fix:    "Try the upgrade on a green and measure; drop what nobody uses.",
			Source: "own estimate", Doc: docChanges80, Applies: to80,
			Needs: []Section{SectionTables, SectionPartitions, SectionViews, SectionRoutines, SectionTriggers, SectionEvents}, Check: checkDuration,
		},
	}
}

func checkPrimaryKeys(in *Input) ([]Finding, error) {
	var out []Finding
	for t := range in.Index.baseTables() {
		// Tables of these engines hold no rows that a replica would look up.
		if isOneOf(t.Engine, "BLACKHOLE", "FEDERATED", "PERFORMANCE_SCHEMA", "MRG_MYISAM") {
			continue
		}
		if hasRowKey(in.Index.Indexes(t.Schema, t.Name)) {
			continue
		}
		out = append(out, Finding{Object: name(t.Schema, t.Name), Message: "the table has no primary key and no unique key of NOT NULL columns",
			FixSQL: addPrimaryKey(in.Index, t)})
	}
	return out, nil
}

// hasRowKey tells whether a unique index over whole NOT NULL columns exists.
func hasRowKey(indexes []*TableIndex) bool {
	return slices.ContainsFunc(indexes, func(ix *TableIndex) bool {
		if strings.EqualFold(ix.Name, "PRIMARY") {
			return true
		}
		return ix.Unique && !slices.ContainsFunc(ix.Parts, func(p *IndexPart) bool { return p.Nullable })
	})
}

func addPrimaryKey(x *Index, t *Table) string {
	free := "id"
	for _, c := range x.Columns(t.Schema, t.Name) {
		if strings.Contains(strings.ToLower(c.Extra), "auto_increment") {
			return "ALTER TABLE " + quoteIdent(t.Schema, t.Name) + " ADD PRIMARY KEY (" + quoteIdent(c.Name) + ")"
		}
		if strings.EqualFold(c.Name, free) {
			free = "pk_id"
		}
	}
	if x.Column(t.Schema, t.Name, free) != nil {
		return ""
	}
	engine := ""
	if strings.EqualFold(t.Engine, "CSV") { // which has no keys
		engine = "ENGINE=InnoDB, "
	}
	return "ALTER TABLE " + quoteIdent(t.Schema, t.Name) + " " + engine + "ADD COLUMN " + quoteIdent(free) + " BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY"
}

func isOneOf(s string, list ...string) bool {
	return slices.ContainsFunc(list, func(l string) bool { return strings.EqualFold(l, s) })
}

func checkEngines(in *Input) ([]Finding, error) {
	var out []Finding
	for t := range in.Index.baseTables() {
		if t.Engine == "" || isOneOf(t.Engine, "InnoDB", "ndbcluster") {
			continue
		}
		f := Finding{Object: name(t.Schema, t.Name), Message: "the table's engine is " + t.Engine}
		switch strings.ToUpper(t.Engine) {
		case "MEMORY":
			f.Message += "; its rows do not come along to a green"
		case "BLACKHOLE", "FEDERATED", "MRG_MYISAM":
			out = append(out, f)
			continue
		}
		f.FixSQL = toInnoDB(t)
		out = append(out, f)
	}
	return out, nil
}

func toInnoDB(t *Table) string {
	return "ALTER TABLE " + quoteIdent(t.Schema, t.Name) + " ENGINE=InnoDB"
}

func checkCompressed(in *Input) ([]Finding, error) {
	var out []Finding
	for t := range in.Index.baseTables() {
		if strings.EqualFold(t.Engine, "InnoDB") && strings.EqualFold(t.RowFormat, "Compressed") {
			out = append(out, Finding{Object: name(t.Schema, t.Name), Message: "the table's row format is COMPRESSED",
				FixSQL: "ALTER TABLE " + quoteIdent(t.Schema, t.Name) + " ROW_FORMAT=DYNAMIC KEY_BLOCK_SIZE=0"})
		}
	}
	return out, nil
}

func checkRowFormat(in *Input) ([]Finding, error) {
	var out []Finding
	for t := range in.Index.baseTables() {
		if strings.EqualFold(t.Engine, "InnoDB") && isOneOf(t.RowFormat, "Compact", "Redundant", "Compressed") {
			out = append(out, Finding{Object: name(t.Schema, t.Name), Message: "the table's row format is " + strings.ToUpper(t.RowFormat)})
		}
	}
	return out, nil
}

func checkRedundant(in *Input) ([]Finding, error) {
	var out []Finding
	for t := range in.Index.baseTables() {
		if !strings.EqualFold(t.Engine, "InnoDB") || !isOneOf(t.RowFormat, "Redundant", "Compact") {
			continue
		}
		for _, c := range in.Index.Columns(t.Schema, t.Name) {
			if c.OctetLength > 767 {
				out = append(out, Finding{Object: name(t.Schema, t.Name),
					Message: fmt.Sprintf("the row format %s allows no index over all of column %s", strings.ToUpper(t.RowFormat), printable(c.Name)),
					FixSQL:  "ALTER TABLE " + quoteIdent(t.Schema, t.Name) + " ROW_FORMAT=DYNAMIC"})
				break
			}
		}
	}
	return out, nil
}

func checkTableAnswers(in *Input) ([]Finding, error) {
	var out []Finding
	for _, a := range in.Catalog.CheckTables {
		f := Finding{Object: name(a.Schema, a.Table), Message: a.Msg}
		switch strings.ToLower(a.MsgType) {
		case "error":
			f.Severity = Error
		case "warning":
			f.Severity = Warning
		case "status":
			if strings.EqualFold(a.Msg, "OK") {
				continue
			}
			f.Severity = Error
		default:
			f.Severity = Notice
		}
		// 5.7 says this of every partitioned MyISAM table; nonNativePartitioning
		// has it as an error of its own.
		if strings.Contains(a.Msg, "native partitioning") {
			continue
		}
		out = append(out, f)
	}
	return out, nil
}

func checkDuration(in *Input) ([]Finding, error) {
	c := in.Catalog
	// Seconds of a dictionary upgrade on a small instance: a base for the two
	// restarts, then about twenty tables or partitions and a hundred programs a second.
	seconds := 120 + (len(c.Tables)+len(c.Partitions))/20 + len(c.Programs)/100
	if seconds < 15*60 {
		return nil, nil
	}
	return []Finding{{Object: "dictionary", Message: fmt.Sprintf("about %d minutes for %d tables and views, %d partitions and %d stored programs",
		(seconds+59)/60, len(c.Tables), len(c.Partitions), len(c.Programs))}}, nil
}
