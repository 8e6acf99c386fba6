package precheck

import (
	"fmt"
	"slices"
	"strings"
)

func columnRules() []Rule {
	return []Rule{
		{
			ID: "zeroDates", Title: "Zero dates as defaults, or allowed by sql_mode", Severity: Warning,
			About:  "8.0 refuses a default of 0000-00-00 (or with a zero month or day) in its default sql_mode when the table is created, altered or loaded again.",
			Fix:    "Give the column another default or none, and decide whether the application still writes zero dates.",
			Source: srcShell + "; zero months and days are added, because 9.7.4 refuses them as well (1067, measured)", Doc: docChanges80,
			Needs: []Section{SectionServer, SectionTables, SectionColumns}, Applies: to80, Check: checkZeroDates,
		},
		{
			ID: "zeroDateData", Title: "Zero dates in rows", Severity: Warning,
			About:  "Rows hold zero dates. They survive the upgrade, but rebuilding, copying or loading the table fails under the default sql_mode. The check reads a sample of rows of every temporal column, which costs reads.",
			Fix:    "Update the rows to NULL or to a real date.",
			Source: "hazard that neither MySQL Shell nor RDS looks for", Doc: "https://dev.mysql.com/doc/refman/8.0/en/sql-mode.html#sqlmode_no_zero_date",
			Needs: []Section{SectionZeroData}, OptIn: "--zero-dates", Applies: to80, Check: checkZeroDateData,
		},
		{
			ID: "autoIncrementNearMax", Title: "AUTO_INCREMENT near the end of its type", Severity: Warning,
			About:  "The next value is close to the largest that the column can hold. 8.0 keeps the counter over restarts, so that values once skipped are no longer used again.",
			Fix:    "Change the column to a larger type before the upgrade. " + rebuildWarning,
			Source: "manual, InnoDB AUTO_INCREMENT counter initialization", Doc: "https://dev.mysql.com/doc/refman/8.0/en/innodb-auto-increment-handling.html",
			Once: true, Needs: []Section{SectionTables, SectionColumns, SectionAutoIncrement}, Check: checkAutoIncrement,
		},
		{
			ID: "implicitTimestampDefault", Title: "TIMESTAMP columns under explicit_defaults_for_timestamp=OFF", Severity: Notice,
			About:  "The server runs with explicit_defaults_for_timestamp=OFF, 8.0's default is ON. Existing columns keep their definition, but writing NULL into a NOT NULL TIMESTAMP to get the current time will fail, and new columns get no implicit default.",
			Fix:    "Set explicit_defaults_for_timestamp=0 in the target's parameter group, or write CURRENT_TIMESTAMP instead of NULL.",
			Source: "manual, changed defaults of 8.0", Doc: "https://dev.mysql.com/doc/refman/8.0/en/server-system-variables.html#sysvar_explicit_defaults_for_timestamp",
			Applies: to80, Needs: []Section{SectionTables, SectionColumns, SectionVariables}, Check: checkImplicitTimestamp,
		},
		{
			ID: "collationMismatch", Title: "Columns of one name with different collations", Severity: Notice,
			About:  "Columns that look as if they were joined have different collations. The default of utf8mb4 becomes utf8mb4_0900_ai_ci in 8.0, so that tables made later will add a third one; joins then fail with 'Illegal mix of collations' or cannot use an index.",
			Fix:    "Bring the columns to one collation, and set collation_server in the target's parameter group.",
			Source: "manual, changed defaults of 8.0", Doc: "https://dev.mysql.com/doc/refman/8.0/en/charset-unicode-sets.html",
			Applies: to80, Needs: []Section{SectionTables, SectionColumns, SectionForeignKeys}, Check: checkCollations,
		},
	}
}

// zeroDate tells a date default whose year, month or day is zero.
func zeroDate(s string) bool {
	if len(s) < 10 || s[4] != '-' || s[7] != '-' {
		return false
	}
	return s[:4] == "0000" && s[5:10] == "00-00" || s[5:7] == "00" || s[8:10] == "00"
}

func checkZeroDates(in *Input) ([]Finding, error) {
	var out []Finding
	modes := strings.Split(strings.ToUpper(in.Catalog.Server.SQLMode), ",")
	var lacks []string
	for _, m := range []string{"NO_ZERO_DATE", "NO_ZERO_IN_DATE"} {
		if !slices.Contains(modes, m) && !slices.Contains(modes, "TRADITIONAL") {
			lacks = append(lacks, m)
		}
	}
	if len(lacks) > 0 {
		// RDS's own default for 5.7 lacks both, so this alone is no warning.
		out = append(out, Finding{Object: "sql_mode", Severity: Notice,
			Message: "the global sql_mode lacks " + strings.Join(lacks, " and ") + ", so that applications can store zero dates"})
	}
	fixes := map[nameKey]string{}
	for c := range in.Index.baseColumns() {
		if !hasZeroDefault(c) {
			continue
		}
		k := in.Index.key(c.Schema, c.Table)
		if fixes[k] == "" {
			fixes[k] = soundDefaults(in.Index, c.Schema, c.Table)
		}
		out = append(out, Finding{Object: name(c.Schema, c.Table, c.Name),
			Message: fmt.Sprintf("the column's default is the zero date %s", *c.Default),
			FixSQL:  fixes[k]})
	}
	return out, nil
}

func hasZeroDefault(c *Column) bool {
	return c.Default != nil && isDate(c.DataType) && zeroDate(*c.Default)
}

func isDate(dataType string) bool {
	switch strings.ToLower(dataType) {
	case "date", "datetime", "timestamp":
		return true
	}
	return false
}

func checkZeroDateData(in *Input) ([]Finding, error) {
	var out []Finding
	counts := in.Catalog.Activity.ZeroDates
	for c := range in.Index.baseColumns() {
		full := name(c.Schema, c.Table, c.Name)
		if n := counts[full]; n > 0 {
			out = append(out, Finding{Object: full, Message: fmt.Sprintf("%d of the sampled rows hold a zero date", n)})
		}
	}
	return out, nil
}

// maxAutoIncrement is the largest value of an integer type, 0 for others.
func maxAutoIncrement(c *Column) uint64 {
	bits := map[string]uint{"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}[strings.ToLower(c.DataType)]
	switch {
	case bits == 0:
		return 0
	case strings.Contains(strings.ToLower(c.ColumnType), "unsigned"):
		return 1<<(bits-1) - 1 + 1<<(bits-1)
	}
	return 1<<(bits-1) - 1
}

func checkAutoIncrement(in *Input) ([]Finding, error) {
	var out []Finding
	for t := range in.Index.baseTables() {
		if t.AutoIncrement < 2 {
			continue
		}
		for _, c := range in.Index.Columns(t.Schema, t.Name) {
			largest := maxAutoIncrement(c)
			if largest == 0 || !strings.Contains(strings.ToLower(c.Extra), "auto_increment") {
				continue
			}
			// The counter is the next value; 80 percent leaves time to act.
			if t.AutoIncrement-1 >= largest/5*4 {
				out = append(out, Finding{Object: name(c.Schema, c.Table, c.Name),
					Message: fmt.Sprintf("the next value is %d, the largest of %s is %d", t.AutoIncrement, c.ColumnType, largest)})
			}
		}
	}
	return out, nil
}

func checkImplicitTimestamp(in *Input) ([]Finding, error) {
	if v, ok := in.Index.Variable("explicit_defaults_for_timestamp"); ok && sameValue(v, "ON") {
		return nil, nil
	}
	var out []Finding
	for c := range in.Index.baseColumns() {
		if strings.EqualFold(c.DataType, "timestamp") && !c.Nullable {
			out = append(out, Finding{Object: name(c.Schema, c.Table, c.Name),
				Message: "writing NULL into this TIMESTAMP column stores the current time only under explicit_defaults_for_timestamp=OFF"})
		}
	}
	return out, nil
}

func checkCollations(in *Input) ([]Finding, error) {
	out := mismatchedKeys(in)
	type group struct {
		columns    []*Column
		collations map[string]int
	}
	groups := map[nameKey]*group{}
	var order []*group
	for c := range in.Index.baseColumns() {
		if c.Collation == "" || !strings.EqualFold(c.DataType, "char") && !strings.EqualFold(c.DataType, "varchar") {
			continue
		}
		k := nameKey{in.Index.foldName(c.Schema), strings.ToLower(c.Name)}
		g := groups[k]
		if g == nil {
			g = &group{collations: map[string]int{}}
			groups[k] = g
			order = append(order, g)
		}
		g.columns = append(g.columns, c)
		g.collations[c.Collation]++
	}
	for _, g := range order {
		if len(g.collations) < 2 {
			continue
		}
		usual := g.columns[0].Collation
		for _, c := range g.columns {
			if g.collations[c.Collation] > g.collations[usual] {
				usual = c.Collation
			}
		}
		for _, c := range g.columns {
			if c.Collation != usual {
				out = append(out, Finding{Object: name(c.Schema, c.Table, c.Name),
					Message: fmt.Sprintf("has collation %s where columns of the same name in this schema mostly have %s", c.Collation, usual)})
			}
		}
	}
	return out, nil
}

// mismatchedKeys finds foreign keys whose two sides have different collations,
// which only SET foreign_key_checks=0 can make.
func mismatchedKeys(in *Input) []Finding {
	var out []Finding
	for i := range in.Catalog.ForeignKeys {
		fk := &in.Catalog.ForeignKeys[i]
		for k := range min(len(fk.Columns), len(fk.RefColumns)) {
			child := in.Index.Column(fk.Schema, fk.Table, fk.Columns[k])
			parent := in.Index.Column(fk.RefSchema, fk.RefTable, fk.RefColumns[k])
			if child != nil && parent != nil && child.Collation != parent.Collation {
				out = append(out, Finding{Object: in.Index.foreignKeyName(fk), Severity: Warning,
					Message: fmt.Sprintf("the foreign key's columns have collations %s and %s", child.Collation, parent.Collation)})
				break
			}
		}
	}
	return out
}
