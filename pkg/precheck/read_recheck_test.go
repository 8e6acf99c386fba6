package precheck

import (
	"strings"
	"sync"
	"testing"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqltest"
)

// TestReadWhileSchemasComeAndGo drops, or creates, a schema right behind each
// statement of the read: whatever was read before and after, nothing of it is
// called damaged, and no section is incomplete.
func TestReadWhileSchemasComeAndGo(t *testing.T) {
	s := mysqltest.Old(t)
	db := s.DB(t, "")
	for _, drop := range []bool{true, false} {
		for _, tag := range []string{"schemas", "table_names", "routines", "inno_tables", "files"} {
			keep, moving := mysqltest.Schema(t, db), mysqltest.Schema(t, db)
			fill := []string{
				"CREATE TABLE " + moving + ".t (id INT PRIMARY KEY, a TEXT, FULLTEXT (a))",
				"CREATE TABLE " + moving + ".p (id INT PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 2",
				"CREATE PROCEDURE " + moving + ".r() SELECT 1",
				"CREATE EVENT " + moving + ".e ON SCHEDULE EVERY 1 YEAR DISABLE DO SELECT 1",
			}
			if drop {
				mysqltest.Exec(t, db, fill...)
			} else {
				mysqltest.Exec(t, db, "DROP DATABASE "+moving)
			}
			var once sync.Once
			moved := false
			c, err := Read(t.Context(), targetOf(s.Config("")), ReadOptions{Schemas: []string{keep, moving}, MaxThreadsRunning: -1, Observe: func(x Exchange) {
				if !strings.HasPrefix(x.Tag, tag) {
					return
				}
				once.Do(func() {
					moved = true
					if drop {
						mysqltest.Exec(t, db, "DROP DATABASE "+moving)
						return
					}
					mysqltest.Exec(t, db, append([]string{"CREATE DATABASE " + moving}, fill...)...)
				})
			}})
			if err != nil {
				t.Fatalf("%s: %v", tag, err)
			}
			if !moved {
				t.Errorf("no statement is called %s", tag)
			}
			for _, ch := range Judge(c, []Hop{hop80}, Policy{}, JudgeOptions{Only: []string{"schemaInconsistency", "orphanedObjects", "utf8mb3", "engineMixup"}}).Checks {
				if ch.Status == StatusError {
					t.Errorf("drop %v behind %s: %s could not run: %s", drop, tag, ch.ID, ch.Reason)
				}
				for _, f := range ch.Findings {
					if strings.HasPrefix(f.Object, moving+".") {
						t.Errorf("drop %v behind %s: %s: %s: %s", drop, tag, ch.ID, f.Object, f.Message)
					}
				}
			}
		}
	}
}
