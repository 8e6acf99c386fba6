package precheck

import (
	"fmt"
	"slices"
	"strings"
)

func partitionRules() []Rule {
	return []Rule{
		{
			ID: "nonNativePartitioning", Title: "Partitioned tables outside InnoDB", Severity: Error,
			About:  "8.0 has no generic partitioning any more; a partitioned table of another engine than InnoDB stops the upgrade.",
			Fix:    "Convert the table to InnoDB, or remove its partitions. " + rebuildWarning,
			Source: srcBoth, Doc: docPrepare80, Needs: []Section{SectionTables}, Applies: to80, Check: checkNativePartitioning,
		},
		{
			ID: "partitionedTablesInSharedTablespaces", Title: "Partitions in shared tablespaces", Severity: Error,
			About:  "8.0.13 and newer do not allow partitions in the system tablespace or in a general tablespace.",
			Fix:    "Move the partitions with ALTER TABLE ... REORGANIZE PARTITION ... TABLESPACE innodb_file_per_table. " + rebuildWarning,
			Source: srcBoth + "; the manual's own query asks InnoDB as well", Doc: docPrepare80,
			Needs: []Section{SectionPartitions, SectionInnoTables}, Applies: crosses(v8011, [3]int{8, 0, 13}), Check: checkSharedPartitions,
		},
		{
			ID: "deprecatedTemporalDelimiter", Title: "Partition bounds with unusual date delimiters", Severity: Error,
			About:  "A bound of a RANGE COLUMNS or LIST COLUMNS partition on a DATE, DATETIME or TIMESTAMP column is written with other delimiters than - and :, or with extra blanks. 8.0.29 and newer refuse it.",
			Fix:    "Reorganize the partition with the bound in the form 'YYYY-MM-DD hh:mm:ss'.",
			Source: srcShell + "; a date alone on a DATETIME column, digits without delimiters and TO_DAYS() bounds are fine (measured on 9.7.4)", Doc: docChanges80,
			Needs: []Section{SectionPartitions, SectionColumns}, Applies: crosses([3]int{8, 0, 29}), Check: checkTemporalBounds,
		},
		{
			ID: "partitionsWithPrefixKeys", Title: "KEY partitioning over prefix-indexed columns", Severity: Error,
			About:  "8.4 refuses KEY partitioning where a partitioning column has an index over a prefix; with KEY() any prefix index of the table counts.",
			Fix:    "Index the whole column, or name other columns in PARTITION BY KEY. " + rebuildWarning,
			Source: srcShell + "; 9.7.4 refuses it with error 6123 (measured)", Doc: docNew84,
			Needs: []Section{SectionPartitions, SectionIndexes}, Applies: crosses(v840), Check: checkPrefixPartitions,
		},
	}
}

func checkNativePartitioning(in *Input) ([]Finding, error) {
	var out []Finding
	for t := range in.Index.baseTables() {
		if slices.Contains(words(t.CreateOptions), "partitioned") && !isOneOf(t.Engine, "InnoDB", "ndbcluster", "NDB") {
			out = append(out, Finding{Object: name(t.Schema, t.Name), Message: "the table is partitioned and its engine is " + t.Engine, FixSQL: toInnoDB(t)})
		}
	}
	return out, nil
}

func checkSharedPartitions(in *Input) ([]Finding, error) {
	type hit struct{ full, space string }
	var hits []hit
	seen := map[nameKey]bool{}
	add := func(schema, table, space string) {
		if k := in.Index.key(schema, table); !seen[k] {
			seen[k] = true
			if t := in.Index.Table(schema, table); t != nil {
				schema, table = t.Schema, t.Name
			}
			hits = append(hits, hit{name(schema, table), space})
		}
	}
	for i := range in.Catalog.Partitions {
		p := &in.Catalog.Partitions[i]
		if p.Tablespace != "" && !strings.HasPrefix(p.Tablespace, "innodb_file_per_table") && p.Method != "" {
			add(p.Schema, p.Table, "tablespace "+p.Tablespace)
		}
	}
	for i := range in.Index.inno {
		if e := &in.Index.inno[i]; e.partition && (isOneOf(e.SpaceType, "System", "General") || e.SpaceType == "" && e.Space == 0) {
			add(e.schema, e.table, "a shared tablespace")
		}
	}
	var out []Finding
	for _, h := range hits {
		out = append(out, Finding{Object: h.full, Message: "the table has partitions in " + h.space})
	}
	return out, nil
}

func checkTemporalBounds(in *Input) ([]Finding, error) {
	var out []Finding
	seen := map[string]bool{}
	for i := range in.Catalog.Partitions {
		p := &in.Catalog.Partitions[i]
		if !strings.HasSuffix(strings.ToUpper(p.Method), "COLUMNS") {
			continue
		}
		columns := partitionColumns(p.Expression)
		values := boundValues(p.Description)
		for k, v := range values {
			if len(columns) == 0 || !v.quoted {
				continue
			}
			// LIST COLUMNS over several columns writes tuples in a row.
			c := in.Index.Column(p.Schema, p.Table, columns[k%len(columns)])
			full := name(p.Schema, p.Table)
			if c == nil || !isDate(c.DataType) || standardTemporal(v.text) || seen[full+"\x00"+p.Name] {
				continue
			}
			seen[full+"\x00"+p.Name] = true
			out = append(out, Finding{Object: full, Message: fmt.Sprintf("partition %s has the bound '%s' for column %s", printable(p.Name), printable(v.text), printable(c.Name))})
		}
	}
	return out, nil
}

// partitionColumns reads a list of quoted columns: `a`,`b“c`.
func partitionColumns(s string) []string {
	var out []string
	for s != "" {
		s = strings.TrimLeft(s, " ,")
		if !strings.HasPrefix(s, "`") {
			word, rest, _ := strings.Cut(s, ",")
			if word = strings.TrimSpace(word); word != "" {
				out = append(out, word)
			}
			s = rest
			continue
		}
		var b strings.Builder
		i := 1
		for ; i < len(s); i++ {
			if s[i] == '`' {
				if i+1 >= len(s) || s[i+1] != '`' {
					break
				}
				i++
			}
			b.WriteByte(s[i])
		}
		out = append(out, b.String())
		s = s[min(i+1, len(s)):]
	}
	return out
}

type boundValue struct {
	text   string
	quoted bool
}

// boundValues reads a partition description: 1,'2020-01-01',MAXVALUE, or the
// same in parentheses for lists of tuples.
func boundValues(s string) []boundValue {
	var out []boundValue
	for s != "" {
		s = strings.TrimLeft(s, " ,()")
		switch {
		case s == "":
		case s[0] == '\'' || strings.HasPrefix(s, "_") && strings.Contains(s, "'"):
			open := strings.IndexByte(s, '\'')
			text, rest := element(s[open+1:])
			out = append(out, boundValue{text, true})
			s = rest
		default:
			end := strings.IndexAny(s, ",()")
			if end < 0 {
				end = len(s)
			}
			out = append(out, boundValue{strings.TrimSpace(s[:end]), false})
			s = s[end:]
		}
	}
	return out
}

// standardTemporal tells whether newer servers accept a date or datetime
// literal: digits alone, with T and a fraction at most, or parts divided by -
// and :, with one blank or T between date and time, then a fraction of the
// seconds and a time zone. Measured on 9.7.4, see TestTemporalBoundsOnServers.
func standardTemporal(s string) bool {
	if compactTemporal(s) {
		return true
	}
	date, clock, timed := s, "", false
	if i := strings.IndexAny(s, " T"); i >= 0 {
		date, clock, timed = s[:i], s[i+1:], true
	}
	if digitGroups(date, '-', 4) != 3 {
		return false
	}
	if !timed {
		return true
	}
	if i := strings.IndexAny(clock, "+-"); i >= 0 {
		if digitGroups(clock[i+1:], ':', 2) != 2 {
			return false
		}
		clock = clock[:i]
	}
	clock, fraction, seconds := strings.Cut(clock, ".")
	groups := digitGroups(clock, ':', 2)
	return groups == 3 && isDigits(fraction) || groups >= 1 && groups < 3 && !seconds
}

// compactTemporal tells a literal of digits, such as 20200103T100000.5.
func compactTemporal(s string) bool {
	s, fraction, _ := strings.Cut(s, ".")
	date, clock, timed := strings.Cut(s, "T")
	return date != "" && isDigits(date) && isDigits(clock) && isDigits(fraction) && (!timed || clock != "")
}

// digitGroups is how many groups of digits, divided by sep and no longer than
// longest, s consists of; 0 where it holds anything else.
func digitGroups(s string, sep byte, longest int) int {
	groups := strings.Split(s, string(sep))
	if slices.ContainsFunc(groups, func(g string) bool { return g == "" || len(g) > longest || !isDigits(g) }) {
		return 0
	}
	return len(groups)
}

func checkPrefixPartitions(in *Input) ([]Finding, error) {
	var out []Finding
	seen := map[nameKey]bool{}
	for i := range in.Catalog.Partitions {
		p := &in.Catalog.Partitions[i]
		k := in.Index.key(p.Schema, p.Table)
		if seen[k] || !isOneOf(p.Method, "KEY", "LINEAR KEY") {
			continue
		}
		seen[k] = true
		if hit := prefixPart(in.Index.Indexes(p.Schema, p.Table), partitionColumns(p.Expression)); hit != nil {
			out = append(out, Finding{Object: name(p.Schema, p.Table),
				Message: fmt.Sprintf("partitioned by KEY, and index %s covers only a prefix of column %s", printable(hit.Index), printable(hit.Column))})
		}
	}
	return out, nil
}

// prefixPart finds an index over a prefix of one of the columns, or of any
// column when there are none.
func prefixPart(indexes []*TableIndex, columns []string) *IndexPart {
	for _, ix := range indexes {
		if ix.Type == "SPATIAL" || ix.Type == "FULLTEXT" {
			continue
		}
		for _, p := range ix.Parts {
			if p.SubPart > 0 && (len(columns) == 0 || isOneOf(p.Column, columns...)) {
				return p
			}
		}
	}
	return nil
}
