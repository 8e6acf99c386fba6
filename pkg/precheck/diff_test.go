package precheck

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func report(id string, checks ...CheckResult) Report { return Report{ID: id, Checks: checks} }

func check(id string, s Status, findings ...Finding) CheckResult {
	return CheckResult{ID: id, Status: s, Findings: findings}
}

func TestCompare(t *testing.T) {
	older := report("db", check("a", StatusFailed, Finding{Object: "x", Message: "3 rows"}, Finding{Object: "x", Message: "second"}, Finding{Object: "y"}),
		check("b", StatusFailed, Finding{Object: "x"}), check("gone", StatusFailed, Finding{Object: "z"}))
	newer := report("db", check("a", StatusFailed, Finding{Object: "x", Message: "5 rows"}, Finding{Object: "new"}), check("b", StatusError))
	got := Compare(older, newer)
	want := Diff{
		New:       []Change{{"a", Finding{Object: "new"}}},
		Unchanged: []Change{{"a", Finding{Object: "x", Message: "5 rows"}}},
		Resolved:  []Change{{"a", Finding{Object: "x", Message: "3 rows"}}, {"a", Finding{Object: "y"}}},
		// A check that did not run resolves nothing.
		Unknown: []Change{{"b", Finding{Object: "x"}}, {"gone", Finding{Object: "z"}}},
	}
	// Which of two findings of one object is the resolved one cannot be told.
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestGroupBy(t *testing.T) {
	waived := &WaiverRef{Expires: time.Now()}
	reports := []Report{
		report("db1", check("a", StatusFailed, Finding{Object: "s.x", Schema: "s", Severity: Error}, Finding{Object: "v", Severity: Notice}),
			check("b", StatusFailed, Finding{Object: "s.y", Schema: "s", Severity: Warning, Waived: waived})),
		report("db2", check("a", StatusFailed, Finding{Object: "s.x", Schema: "s", Severity: Warning})),
	}
	if d := cmp.Diff([]Group{{Key: "a", Errors: 1, Warnings: 1, Notices: 1, Databases: []string{"db1", "db2"}}, {Key: "b", Waived: 1, Databases: []string{"db1"}}}, GroupBy(reports, ByRule)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]Group{{Key: "db1/s", Errors: 1, Waived: 1, Databases: []string{"db1"}}, {Key: "db2/s", Warnings: 1, Databases: []string{"db2"}}, {Key: "db1", Notices: 1, Databases: []string{"db1"}}},
		GroupBy(reports, BySchema)); d != "" {
		t.Error(d)
	}
	owner := ByOwner(func(db string) string { return map[string]string{"db1": "payments"}[db] })
	if got := GroupBy(reports, owner); len(got) != 2 || got[0].Key != "payments" || got[1].Key != "" {
		t.Errorf("by owner: %+v", got)
	}
}

func TestExplain(t *testing.T) {
	text, err := Explain("reservedKeywords")
	if err != nil || text == "" {
		t.Errorf("Explain: %q, %v", text, err)
	}
	if _, err := Explain("reserved"); err == nil || err.Error() != `no check is called "reserved"; did you mean reservedKeywords?` {
		t.Errorf("Explain of a wrong id: %v", err)
	}
	if _, err := Explain(""); err == nil {
		t.Error("an empty id is explained")
	}
}
