package precheck

import "testing"

func TestJudgedAsStored(t *testing.T) {
	for text, want := range map[string]bool{
		"CREATE PROCEDURE `p` ( ) SELECT PASSWORD (?)":                        true,
		"create /* x */ definer = `a` @ `b` FUNCTION `f` ( ) RETURNS INTEGER": true,
		"CREATE OR REPLACE ALGORITHM = MERGE VIEW `v` AS SELECT ?":            true,
		"ALTER EVENT `e` DO SELECT ?":                                         true,
		"CREATE TABLE `procedure` ( `a` INTEGER )":                            true,
		"CREATE TABLE `a` ( `select` INTEGER , KEY ( `x` (?) ) )":             true,
		"ALTER TABLE `a` ADD KEY ( `x` (?) )":                                 true,
		"CREATE UNIQUE INDEX `i` ON `a` ( `x` (?) )":                          true,
		"CREATE TABLE `a` SELECT PASSWORD (?)":                                false,
		"CREATE DATABASE `a`":                                                 false,
		"CREATE TEMPORARY TABLE `t` SELECT PASSWORD (?)":                      false,
		"SELECT PASSWORD (?) FROM `view`":                                     false,
		"CALL `create` ( )":                                                   false,
		"":                                                                    false,
	} {
		if got := judgedAsStored(text); got != want {
			t.Errorf("judgedAsStored(%q) = %v", text, got)
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

func TestStatementsThatNameGoneSchemas(t *testing.T) {
	c := &Catalog{Sections: map[Section]SectionState{SectionSchemas: {Status: SectionRead}}, Schemas: []Schema{{Name: "Shop"}}}
	for text, want := range map[string]bool{
		"SELECT `encode` ( `g` . `t` . `b` , ? ) AS `e` FROM `g` . `t`": true,
		"SELECT * FROM `g` . `t` JOIN `shop` . `u`":                     false,
		"SELECT PASSWORD (?) FROM `t`":                                  false,
		"SELECT `g` . `f` ( ) , `encode` (...)":                         true,
		"SELECT `shop` . `f` ( ) , `g` . `f` ( )":                       false,
		"SELECT `g` . `a` , `encode` (...)":                             false,
		"SELECT * FROM `mysql` . `proc`":                                false,
		"INSERT INTO `g` . `t` VALUES ( PASSWORD (?) )":                 true,
	} {
		var a analyser
		a.analyse(text, 0, 50730, true)
		if got := a.namesGoneSchema(c); got != want {
			t.Errorf("namesGoneSchema(%q) = %v", text, got)
		}
	}
}

func TestAdministrationIsNoApplication(t *testing.T) {
	for text, want := range map[string]bool{
		"SET GLOBAL `query_cache_size` = ?":                    false,
		"SET @@global . `query_cache_size` = ?":                false,
		"SET SESSION `query_cache_type` = ?":                   true,
		"SELECT @@global . `query_cache_size`":                 true,
		"UPDATE `mysql` . `event` SET `definer` = ?":           false,
		"SELECT * FROM `mysql` . `event`":                      true,
		"INSERT INTO `mysql` . `proc` SELECT * FROM `a`":       false,
		"INSERT INTO `a` . `t` SELECT * FROM `mysql` . `proc`": true,
	} {
		c := &Catalog{Digests: []Digest{{Text: text}}}
		found, err := checkApplications(&Input{Catalog: c, Hop: hop80, Index: NewIndex(c)})
		if err != nil || len(found) > 0 != want {
			t.Errorf("%s: %v, %v", text, found, err)
		}
	}
}
