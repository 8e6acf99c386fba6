package precheck

import "testing"

func TestDecodeFileName(t *testing.T) {
	for in, want := range map[string]string{
		"orders": "orders", "a@002db": "a-b", "caf@0p": "café", "na@0vve": "naïve", "@0V": "Ï", "@65e5@672c": "日本", "@0@": "@0@",
		"x@": "x@", "x@00": "x@00", "@@@@": "@@@@", "@1jx@0023": "ßx#", "@zzzz": "@zzzz", "": "", "@0ve": "ïe", "@00e9": "é", "@0040": "@",
		"con@@@": "con", "LPT1@@@": "LPT1", "clock@0024@@@": "clock$", "@@@": "@@@",
	} {
		if got := decodeFileName(in); got != want {
			t.Errorf("decodeFileName(%q) = %q, want %q", in, got, want)
		}
	}
	if n := len(fileNameRunes()); n != 1510 {
		t.Errorf("the table has %d letters, want 1510", n)
	}
}

func TestParseInnoName(t *testing.T) {
	for in, want := range map[string]innoName{
		"shop/orders":                      {schema: "shop", table: "orders"},
		"sh@002dop/caf@0p#P#p0":            {schema: "sh-op", table: "café", partition: true},
		"shop/t#p#p0#sp#s1":                {schema: "shop", table: "t", partition: true},
		"shop/a@0023P@0023b":               {schema: "shop", table: "a#P#b"},
		"shop/#sql-ib12-34":                {schema: "shop", table: "#sql-ib12-34", auxiliary: true, temporary: true},
		"shop/FTS_0000000000000062_CONFIG": {schema: "shop", table: "FTS_0000000000000062_CONFIG", auxiliary: true},
		"shop/FTS_orders":                  {schema: "shop", table: "FTS_orders"},
	} {
		if got, ok := parseInnoName(in); !ok || got != want {
			t.Errorf("parseInnoName(%q) = %+v, %v, want %+v", in, got, ok, want)
		}
	}
	if _, ok := parseInnoName("SYS_FOREIGN"); ok {
		t.Error("InnoDB's own tables have no schema")
	}
}
