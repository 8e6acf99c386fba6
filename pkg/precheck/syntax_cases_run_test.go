package precheck

import (
	"slices"
	"strings"
	"testing"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqlver"
)

var (
	bodyHop80 = Hop{From: mysqlver.MustParse("5.7.44"), To: mysqlver.MustParse("8.0.46")}
	bodyHop84 = Hop{From: mysqlver.MustParse("8.0.46"), To: mysqlver.MustParse("8.4.9")}
)

func (c bodyCase) hop() Hop {
	if c.hop84 {
		return bodyHop84
	}
	return bodyHop80
}

// catalogOf is a catalog whose sections were all read, with programs.
func catalogOf(programs ...Program) *Catalog {
	c := &Catalog{Sections: map[Section]SectionState{}, Programs: programs}
	for _, s := range []Section{SectionServer, SectionSchemas, SectionTables, SectionColumns, SectionIndexes,
		SectionViews, SectionRoutines, SectionTriggers, SectionEvents, SectionDigests, SectionStatements} {
		c.Sections[s] = SectionState{Status: SectionRead}
	}
	return c
}

func (c bodyCase) program() Program {
	return Program{
		Kind: KindProcedure, Schema: "app", Name: "p", Params: c.params, SQLMode: c.sqlMode, Definer: "root@localhost",
		Body: strings.ReplaceAll(c.body, "{schema}", "app"), HasBody: true, Exact: true,
	}
}

// foundIDs are the ids of the body rules that find something, sorted.
func foundIDs(t *testing.T, c *Catalog, hop Hop, except ...string) []string {
	t.Helper()
	var ids []string
	in := &Input{Catalog: c, Hop: hop, Index: NewIndex(c)}
	for _, r := range bodyRules() {
		if r.Applies != nil && !r.Applies(hop) || slices.Contains(except, r.ID) {
			continue
		}
		found, err := r.Check(in)
		if err != nil {
			t.Fatalf("%s: %v", r.ID, err)
		}
		if len(found) > 0 {
			ids = append(ids, r.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

func TestBodyCases(t *testing.T) {
	own := Program{Kind: KindFunction, Schema: "app", Name: "centroid", Body: "RETURN 1", HasBody: true, Exact: true}
	for _, tt := range bodyCases {
		t.Run(tt.name, func(t *testing.T) {
			got := strings.Join(foundIDs(t, catalogOf(tt.program(), own), tt.hop(), "dynamicSql"), " ")
			if got != tt.want {
				t.Errorf("%s\n got  %s\n want %s", tt.body, got, tt.want)
			}
		})
	}
}
