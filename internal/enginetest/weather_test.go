package enginetest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rdsupgrade/rdsupgrade/internal/soak"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/journal"
	"github.com/rdsupgrade/rdsupgrade/pkg/precheck"
)

// roughWeather is what a campaign must end in the same way under as without:
// 30 % throttling, 5 % server errors, 2 % lost answers, 1 % wrong statuses.
const roughWeather = `faults:
  - {kind: throttle, rate: 0.3}
  - {kind: server-error, rate: 0.05}
  - {kind: lost-answer, rate: 0.02}
  - {kind: flapping, action: DescribeDBInstances, rate: 0.01}
  - {kind: flapping, action: DescribeBlueGreenDeployments, rate: 0.01}
`

// mixedFleet is n databases of every kind that a campaign meets: replicas,
// parameter and option groups, roles, protection, all storage types, some that
// must stay blocked, and one whose precheck is inconclusive.
func mixedFleet(n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `mysql: {user: u, password: p}
accounts:
  - {id: %q, regions: [%s], quotas: {DBInstances: %d, AllocatedStorage: 10000000, OptionGroups: 100}}
defaults: {account: %q, region: %s, engine_version: 5.7.44, class: db.m5.large, storage_type: gp2, allocated_storage: 100, backup_retention: 7}
parameter_groups:
  - {name: shared57, family: mysql5.7, parameters: {tx_isolation: READ-COMMITTED, max_connections: "700"}}
  - {name: big57, family: mysql5.7, parameters: {innodb_buffer_pool_size: "1073741824", query_cache_size: "0", long_query_time: "2"}}
option_groups:
  - {name: audit57, major_version: "5.7", options: [MARIADB_AUDIT_PLUGIN]}
databases:
`, account, region, 60+6*n, account, region)
	for i := range n {
		env := "prod"
		switch {
		case i < 3:
			env = "staging"
		case i%3 == 0:
			env = "late"
		}
		more := []string{"", ", parameter_group: shared57", ", replicas: [{id: db-%[1]d-r1, class: db.r5.large}]", ", deletion_protection: true",
			", parameter_group: big57, replicas: [{id: db-%[1]d-r1}, {id: db-%[1]d-r2}]", ", storage_type: io1, iops: 3000, allocated_storage: 400, multi_az: true",
			", option_group: audit57", ", roles: ['arn:aws:iam::" + account + ":role/s3']", ", class: db.t3.medium, allocated_storage: 20"}[i%9]
		if i%9 == 2 || i%9 == 4 {
			more = fmt.Sprintf(more, i)
		}
		switch i {
		case 10: // RDS would refuse a deployment without backups
			more += ", backup_retention: 0"
		case 13:
			more += ", upgrade_blockers: [oldTemporalCheck]"
		}
		fmt.Fprintf(&b, "  - {id: db-%d, tags: {service: svc-%d, env: %s}%s}\n", i, i%max(5, n/4), env, more)
	}
	return b.String()
}

// mixedPlan is three waves over mixedFleet.
func mixedPlan(version string) string {
	plan := planOf(`"8.0"`, `"`+version+`"`,
		"limits: {build: 200, switch: 50}, error_budget: 20%, soak: 10m, approval: auto}", "limits: {build: 10, switch: 4}, batches: [1, 4, 50%], error_budget: 20%, soak: 10m, approval: auto}\n"+
			"  - {name: late, select: {tags: {env: late}}, limits: {build: 6, switch: 3}, error_budget: 30%, soak: 5m, approval: auto}")
	return plan
}

// verdicts are what prechecks find in mixedFleet.
func verdicts(id string) precheck.Verdict {
	switch id {
	case "db-5", "db-16":
		return precheck.Blocked
	case "db-21":
		return precheck.Unknown
	}
	return precheck.Ready
}

// ending is how a campaign ended, without what is random by nature: times,
// positions, the identifiers that RDS makes up.
type ending struct {
	Outcome   string
	Databases []string
	Instances []string
	Deployed  []string
	Groups    []string
	Facts     []string
	Twice     []string
}

var (
	greenName = regexp.MustCompile(`-green-[a-z0-9]{6}`)
	madeUp    = regexp.MustCompile(`bgd-[a-z0-9]{16}`)
)

func plain(s string) string {
	return madeUp.ReplaceAllString(greenName.ReplaceAllString(s, "-green"), "bgd")
}

// ending reads how the campaign stands.
func (l *lab) ending() ending {
	l.t.Helper()
	e := ending{Outcome: string(l.last.Outcome)}
	for _, d := range l.last.Databases {
		e.Databases = append(e.Databases, plain(fmt.Sprintf("%s %s: %s %s %s %s %d GiB, %s, old blue %q, on target %v %v", d.ID, d.Wave, d.Stage,
			d.EngineVersion, d.InstanceClass, d.StorageType, d.AllocatedGiB, reasonOf(d.Stage, d.Reason), d.OldBlue, d.OnTarget, d.Off)))
	}
	st := l.sim.State()
	for _, i := range st.Instances {
		e.Instances = append(e.Instances, plain(fmt.Sprintf("%s %s %s %s %+v %s %s %s of %q read-only %v protected %v roles %d", i.ID, i.Status, i.EngineVersion,
			i.Class, i.Storage, i.ParameterGroup, i.ApplyStatus, i.OptionGroup, i.Source, i.ReadOnly, i.DeletionProtection, i.Roles)))
	}
	for _, d := range st.Deployments {
		e.Deployed = append(e.Deployed, plain(fmt.Sprintf("%s %s from %s to %s %v", d.Name, d.Status, d.Source, d.Target, d.Members)))
	}
	for _, g := range st.Groups {
		e.Groups = append(e.Groups, fmt.Sprintf("%s %s %v", g.Name, g.Family, g.User))
	}
	e.Facts = l.facts()
	for what, param := range map[string]string{"CreateBlueGreenDeployment": "BlueGreenDeploymentName", "SwitchoverBlueGreenDeployment": "BlueGreenDeploymentIdentifier",
		"CreateDBParameterGroup": "DBParameterGroupName", "CreateOptionGroup": "OptionGroupName", "DeleteBlueGreenDeployment": "BlueGreenDeploymentIdentifier"} {
		for name, n := range l.calls(what, param) {
			if n > 1 {
				e.Twice = append(e.Twice, fmt.Sprintf("%s of %s: %d times", what, name, n))
			}
		}
	}
	for _, list := range []*[]string{&e.Instances, &e.Deployed, &e.Groups, &e.Facts, &e.Twice} {
		slices.Sort(*list)
	}
	return e
}

// reasonOf leaves out reasons that tell a time.
func reasonOf(stage, reason string) string {
	if stage == "done" {
		return ""
	}
	return reason
}

// facts are those that the journal must hold whatever the weather.
func (l *lab) facts() []string {
	l.t.Helper()
	var out []string
	j, err := journal.Open(journalPath(l.dir), journal.Options{NoSync: true}, func(e journal.Entry) {
		if e.Kind != journal.Fact {
			return
		}
		var f struct {
			Name, To, Error string
			Greens          []string
			OldBlue         string `json:"old_blue"`
			Binlog          string
		}
		if err := json.Unmarshal(e.Data, &f); err != nil {
			l.t.Error(err)
		}
		if f.Name == "switch-not-begun" { // the memory of a lost question, not of a change
			return
		}
		for _, g := range f.Greens {
			if !greenName.MatchString(g) {
				l.t.Errorf("%s: %s names %s as green", e.Database, f.Name, g)
			}
		}
		if f.Name == "switched" && f.Binlog == "" {
			l.t.Errorf("%s: the binary log position of the switchover is lost", e.Database)
		}
		out = append(out, plain(fmt.Sprintf("%s %s to %q, greens %v, old blue %q, binlog %v %s", e.Database, f.Name, f.To, f.Greens, f.OldBlue, f.Binlog != "", f.Error)))
	})
	if err != nil {
		l.t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		l.t.Error(err)
	}
	return out
}

// soakRuns is how many seeds and databases the weather test takes on; by default
// few, of lost answers that strike more often.
func soakRuns(t *testing.T) (seeds, databases int, faults string) {
	if n := soak.Number(t, "RDSUPGRADE_SOAK_WEATHER", 0); n > 0 {
		return n, 72, roughWeather
	}
	return 1, 18, strings.Replace(roughWeather, "lost-answer, rate: 0.02", "lost-answer, rate: 0.2", 1)
}

// TestSameEndInAnyWeather: throttling, server errors, lost answers and wrong
// statuses delay a campaign and change nothing of how it ends.
func TestSameEndInAnyWeather(t *testing.T) {
	seeds, databases, faults := soakRuns(t)
	for _, version := range []string{"8.0", "8.4"} {
		run := func(t *testing.T, seed uint64, faults string) (out ending) {
			inTime(t, func(t *testing.T) {
				l := newLabOf(t, mixedFleet(databases), mixedPlan(version), faults, seed)
				l.sql = &simSQL{sim: l.sim, verdict: verdicts}
				l.run()
				if _, err := journal.Verify(journalPath(l.dir)); err != nil {
					t.Error(err)
				}
				out = l.ending()
				for _, f := range l.sim.FaultStatuses() {
					t.Logf("%s struck %d of %d times", f.Kind, f.Fired, f.Seen)
				}
			})
			return out
		}
		var calm ending
		t.Run(version+"/calm", func(t *testing.T) { calm = run(t, 1, "") })
		for seed := range uint64(seeds) {
			t.Run(fmt.Sprintf("%s/seed %d", version, seed+1), func(t *testing.T) {
				if diff := cmp.Diff(calm, run(t, seed+1, faults)); diff != "" {
					t.Errorf("the end differs (-calm +rough):\n%s", diff)
				}
			})
		}
	}
}

// A second attempt that RDS answered with a server error, and that never
// began, is no second failure: SWITCHOVER_FAILED and its event are the first's.
func TestServerErrorAtTheSecondAttempt(t *testing.T) {
	for _, status := range []string{"SWITCHOVER_FAILED", "AVAILABLE"} {
		for _, poll := range []string{"5s", "30s"} {
			t.Run(status+" "+poll, func(t *testing.T) {
				inTime(t, func(t *testing.T) {
					l := newLab(t, fleetOf(4, ""), planOf("poll: 30s", "poll: "+poll, "lag_for: 1m", "lag_for: 5s"), `faults:
  - {kind: switchover-timeout, database: db-0001, count: 1, status: `+status+`}
  - {kind: server-error, database: db-0001, action: SwitchoverBlueGreenDeployment, skip: 1, count: 1}
`)
					l.run()
					l.expectAll("done")
					l.expectHistory("db-0001", "exceeded its timeout")
					l.expectHistory("db-0001", "never began")
				})
			})
		}
	}
}
