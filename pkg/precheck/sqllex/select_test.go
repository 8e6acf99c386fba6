package sqllex

import (
	"strings"
	"testing"
)

func TestNotPlainSelect(t *testing.T) {
	for sql, want := range map[string]string{
		"SELECT 1": "",
		"select count(*) from shop.orders where note = 'for update; into'": "",
		"SELECT SUBSTRING(a FROM 1 FOR 2) FROM t -- the end":               "",
		"SELECT `sleep`, into_date FROM t.for":                             "",
		"SELECT 1; DROP TABLE t":                                           "semicolon",
		"SELECT 1;":                                                        "semicolon",
		"SELECT * FROM t INTO OUTFILE '/tmp/x'":                            "INTO",
		"SELECT 1 into @x":                                                 "INTO",
		"SELECT * FROM t FOR UPDATE":                                       "locks",
		"SELECT * FROM t LOCK IN SHARE MODE":                               "locks",
		"SELECT @x:=1":                                                     "assigns",
		"SELECT SLEEP(100)":                                                "SLEEP",
		"SELECT `sleep` (100)":                                             "SLEEP",
		"SELECT 1 /*!50000 INTO OUTFILE '/tmp/x' */":                       "version comment",
		"SELECT 1 /*!99999 INTO OUTFILE '/tmp/x' */":                       "version comment",
		"SELECT /*+ MAX_EXECUTION_TIME(0) */ 1":                            "hints",
		"SELECT 'open":                                                     "ends inside",
		"SELECT 1 /* open":                                                 "ends inside",
		"DELETE FROM t":                                                    "begin with SELECT",
		"WITH x AS (SELECT 1) DELETE FROM t":                               "begin with SELECT",
		"":                                                                 "begin with SELECT",
		"/* SELECT */ CALL p()":                                            "begin with SELECT",
		"`SELECT` 1":                                                       "begin with SELECT",
		"SELECT * FROM t PROCEDURE ANALYSE()":                              "PROCEDURE",
	} {
		got := NotPlainSelect(sql)
		if (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", sql, got, want)
		}
	}
}
