package precheck

import "testing"

func TestDefinesCode(t *testing.T) {
	for text, want := range map[string]bool{
		"CREATE PROCEDURE `p` ( ) SELECT PASSWORD (?)":                        true,
		"create /* x */ definer = `a` @ `b` FUNCTION `f` ( ) RETURNS INTEGER": true,
		"CREATE OR REPLACE ALGORITHM = MERGE VIEW `v` AS SELECT ?":            true,
		"ALTER EVENT `e` DO SELECT ?":                                         true,
		"CREATE TABLE `procedure` ( `a` INTEGER )":                            false,
		"CREATE TEMPORARY TABLE `t` SELECT PASSWORD (?)":                      false,
		"SELECT PASSWORD (?) FROM `view`":                                     false,
		"CALL `create` ( )":                                                   false,
		"":                                                                    false,
	} {
		if got := definesCode(text); got != want {
			t.Errorf("definesCode(%q) = %v", text, got)
		}
	}
}

func TestStatementsOfGoneSchemas(t *testing.T) {
	c := &Catalog{Sections: map[Section]SectionState{SectionSchemas: {Status: SectionRead}}, Schemas: []Schema{{Name: "Shop"}},
		Digests: []Digest{{Schema: "shop", Text: "SELECT ?"}, {Schema: "dropped", Text: "SELECT ?"}, {Text: "SELECT ?"}}}
	gone := goneSchemas(c)
	if !gone["dropped"] || gone["shop"] || gone[""] {
		t.Errorf("gone: %v", gone)
	}
	c.Sections[SectionSchemas] = SectionState{Status: SectionFailed}
	if len(goneSchemas(c)) != 0 {
		t.Error("without the list of schemas nothing can be called gone")
	}
}
