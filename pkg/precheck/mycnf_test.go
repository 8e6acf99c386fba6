package precheck

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseMyCnf(t *testing.T) {
	got, err := parseMyCnf(strings.NewReader(`# comment
[client]
password = never-read
[mysqld]
query-cache-size = 16M   # trailing
loose-log-warnings=2
init_connect='SET NAMES utf8 # not a comment'
log-bin
disable-sync-frm
; other comment
[mysqldump]
old_passwords=1
[server]
secure_auth = 1
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []Parameter{{"query_cache_size", "16M"}, {"log_warnings", "2"}, {"init_connect", "SET NAMES utf8 # not a comment"},
		{"log_bin", "ON"}, {"sync_frm", "OFF"}, {"secure_auth", "1"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for _, bad := range []string{"[mysqld]\n!include /etc/other.cnf\n", "[mysqld\n"} {
		if _, err := parseMyCnf(strings.NewReader(bad)); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}
