package report

import (
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet"
	"github.com/rdsupgrade/rdsupgrade/pkg/precheck"
)

func utc(s string) time.Time {
	t, err := time.Parse("2006-01-02 15:04", s)
	if err != nil {
		panic(err)
	}
	return t
}

func ptr[T any](v T) *T { return &v }

// fixture is a campaign in its second week, with a database in every stage.
func fixture() Input {
	now := utc("2026-11-23 09:30")
	return Input{
		Now: now, Plan: "plans/production.yaml", Tool: "1.0.0",
		Journal: JournalRef{Path: ".rdsupgrade/retail-2026/journal.jsonl", Head: "9b1c6f0e5a7d4b3c8e2f1a0d9c8b7a6f5e4d3c2b1a09f8e7d6c5b4a392817061", Entries: 412, Verified: true},
		Status: fleet.Status{
			Campaign: "retail-2026", Deadline: "2027-01-29", At: utc("2026-11-23 09:29"), Target: "8.0.46",
			Outcome: fleet.OutcomeWaiting, Waiting: []string{"wave core waits for approval"},
			Waves: []fleet.WaveStatus{
				{Name: "canary", State: "done", Total: 2, Done: 2, Budget: "0", Approval: "auto"},
				{Name: "web", State: "partial", Total: 6, Done: 3, Failed: 1, Blocked: 1, Budget: "1", Approval: "manual",
					ApprovedBy: "dana", ApprovedAt: ptr(utc("2026-11-16 08:05")), Reason: "1 blocked, 1 failed, 1 rolled back"},
				{Name: "core", State: "awaiting-approval", Total: 6, Blocked: 1, Budget: "10 %", Approval: "manual", Reason: "waits for a person: rdsupgrade approve"},
			},
			Databases: databases(),
			Unassigned: []fleet.DatabaseStatus{{ID: "bi-sandbox", Account: "222233334444", Region: "eu-west-1", Service: "bi", Owner: "data-team",
				Stage: "", EngineVersion: "5.7.44", InstanceClass: "db.t3.medium", StorageType: "gp2", TargetVersion: "8.0.46",
				WayBack: fleet.WayBack{Kind: "none-needed"}}},
			Lifecycles: []bluegreen.Lifecycle{{Line: "5.7", StandardEnd: utc("2024-02-29 23:59"), ExtendedStart: utc("2024-03-01 00:00"),
				ExtendedEnd: utc("2029-06-30 23:59"), Source: "AWS, DescribeDBMajorEngineVersions"}},
		},
		Prechecks: prechecks(),
	}
}

// base is a database of the fixture before its stage is set.
func base(id, service, owner, wave, class string) fleet.DatabaseStatus {
	return fleet.DatabaseStatus{ID: id, Account: "111122223333", Region: "eu-west-1", Service: service, Owner: owner, Wave: wave,
		Route: []string{"5.7.44", "8.0.46"}, EngineVersion: "5.7.44", InstanceClass: class, StorageType: "gp2", Blue: id,
		TargetVersion: "8.0.46", TargetClass: class, TargetStorage: "gp3", Off: []string{"version 5.7.44", "storage gp2", "class " + class},
		WayBack: fleet.WayBack{Kind: "none-needed", How: "nothing was changed", Loss: "nothing"}}
}

func history(entries ...fleet.HistoryEntry) []fleet.HistoryEntry { return entries }

func entry(seq int64, at, kind, what, by string) fleet.HistoryEntry {
	return fleet.HistoryEntry{Seq: seq, At: utc(at), Kind: kind, What: what, By: by}
}

// switchedOver is a database on the target with its old blue beside it.
func switchedOver(d fleet.DatabaseStatus, stage, class, at string, seq int64) fleet.DatabaseStatus {
	when := utc(at)
	d.Stage, d.EngineVersion, d.InstanceClass, d.TargetClass, d.StorageType = stage, "8.0.46", class, class, "gp3"
	d.OnTarget, d.Off, d.OldBlue, d.SwitchedAt = true, nil, d.ID+"-old1", &when
	d.Deployment = "bgd-a1b2c3d4e5f6g7h8"
	d.Binlog = "mysql-bin-changelog.000042:157"
	d.WayBack = fleet.WayBack{Kind: "rename-with-loss",
		How:       "by hand: stop the writers; rename " + d.ID + " aside; give " + d.OldBlue + " its own parameter group with read_only=0 and reboot it; rename it to " + d.ID,
		Loss:      "every write since " + at + " UTC: no reverse replication is armed, so " + d.OldBlue + " has none of them",
		LossSince: &when}
	d.History = history(
		entry(seq, at[:11]+"00:10", "precheck", "ready: 0 errors, 2 warnings", ""),
		entry(seq+1, at[:11]+"00:11", "intent", "create deployment rdsu-retail-2026-"+d.ID, ""),
		entry(seq+2, at[:11]+"00:11", "result", "deployment bgd-a1b2c3d4e5f6g7h8 is being built", ""),
		entry(seq+3, at, "result", "switched over in 4 s", ""),
		entry(seq+4, at, "fact", "binary log position mysql-bin-changelog.000042:157", ""),
		entry(seq+5, at, "stage", stage+": version 8.0.46 confirmed over API and SQL", ""))
	return d
}

func databases() []fleet.DatabaseStatus {
	list := []fleet.DatabaseStatus{
		switchedOver(base("search-01", "search", "search-team", "canary", "db.t3.medium"), "cleaned", "db.t4g.medium", "2026-11-11 02:14", 31),
		switchedOver(base("search-02", "search", "search-team", "canary", "db.t3.medium"), "done", "db.t4g.medium", "2026-11-12 02:10", 58),
		switchedOver(base("catalog-main", "catalog", "catalog-team", "web", "db.r5.2xlarge"), "done", "db.r7g.2xlarge", "2026-11-17 02:31", 97),
		switchedOver(base("session-store", "web", "platform", "web", "db.m5.large"), "soaking", "db.m7g.large", "2026-11-23 03:02", 140),
	}
	list[0].OldBlue, list[0].Deployment = "", ""
	list[0].WayBack = fleet.WayBack{Kind: "snapshot-only", How: "restore the last snapshot of the old version as a new instance and rename it",
		Loss: "every write since that snapshot", LossSince: ptr(utc("2026-11-18 04:00")), Until: ptr(utc("2026-12-18 04:00"))}
	list[2].Replicas, list[2].MultiAZ = 2, true
	list[3].SoakUntil = ptr(utc("2026-11-24 03:02"))
	return append(list, stuckDatabases()...)
}

func stuckDatabases() []fleet.DatabaseStatus {
	rolled := base("web-cms", "web", "platform", "web", "db.m5.xlarge")
	rolled.Stage, rolled.Reason, rolled.NextStep = "rolled-back", "dana asked for it: the CMS vendor does not support 8.0 yet", "rdsupgrade retry when the vendor does"
	rolled.WayBack = fleet.WayBack{Kind: "done", How: "nothing is left to undo", Loss: "nothing: clients never left blue",
		Undone: []string{"deployment bgd-0c0c0c0c0c0c0c0c deleted with its green web-cms-green-x7k2p1"}}
	rolled.History = history(
		entry(151, "2026-11-17 08:20", "result", "deployment bgd-0c0c0c0c0c0c0c0c is being built", ""),
		entry(163, "2026-11-17 10:02", "stage", "ready: three good reads in a row, lag 0 s", ""),
		entry(170, "2026-11-17 11:40", "human", "rollback asked for: the CMS vendor does not support 8.0 yet", "dana"),
		entry(171, "2026-11-17 11:40", "intent", "delete deployment bgd-0c0c0c0c0c0c0c0c and its green", ""),
		entry(172, "2026-11-17 11:41", "result", "deployment deleted", ""),
		entry(175, "2026-11-17 11:49", "stage", "rolled-back: green is gone, blue is unchanged in 14 of 14 attributes", ""))

	blocked := base("billing-core", "billing", "finance-it", "core", "db.r5.4xlarge")
	blocked.MultiAZ, blocked.Replicas = true, 1
	blocked.Stage, blocked.Reason, blocked.NextStep = "blocked", "3 precheck errors", "mend them, then rdsupgrade precheck; billing-core goes on by itself"
	blocked.Precheck = &fleet.PrecheckStatus{Verdict: "blocked", Errors: 3, Warnings: 4, At: utc("2026-11-22 21:00"),
		Top: []string{"reservedKeywords: billing.rank is a reserved word in 8.0", "groupbyAscSyntax: billing.monthly_report uses GROUP BY ... DESC"}}
	blocked.History = history(entry(201, "2026-11-22 21:00", "precheck", "blocked: 3 errors, 4 warnings", ""))

	secret := base("mail-queue", "mail", "platform", "web", "db.t3.large")
	secret.Stage, secret.Reason = "blocked", "its master password is managed by Secrets Manager: RDS refuses the deployment (SourceDatabaseNotSupportedFault)"
	secret.NextStep = "aws rds modify-db-instance --no-manage-master-user-password, with a password of your own"

	failed := base("reviews", "catalog", "catalog-team", "web", "db.m5.large")
	failed.Stage, failed.Reason, failed.NextStep = "failed", "green's own precheck failed: PrePatchCompatibility.log names reviews.tmp_old", "rdsupgrade rollback --database reviews, drop the table, rdsupgrade retry"
	failed.Green, failed.Deployment = "reviews-green-q1w2e3", "bgd-ffffffffffffffff"
	failed.WayBack = fleet.WayBack{Kind: "delete-green", How: "rdsupgrade rollback --database reviews PLAN", Loss: "nothing: blue serves and was not changed; the green's build time is lost"}
	failed.History = history(entry(188, "2026-11-18 03:12", "result", "deployment bgd-ffffffffffffffff: INVALID_CONFIGURATION", ""))

	held := base("orders-eu", "orders", "orders-team", "core", "db.r5.xlarge")
	held.Stage, held.Reason, held.NextStep = "held", "replica lag could not be read 3 times in a row: unknown is not a pass", "look at the green's replication, then rdsupgrade resume --database orders-eu"
	held.Green, held.Deployment = "orders-eu-green-a8d3k1", "bgd-1234123412341234"
	held.WayBack = fleet.WayBack{Kind: "delete-green", How: "rdsupgrade rollback --database orders-eu PLAN", Loss: "nothing: blue serves and was not changed; the green's build time is lost"}
	held.History = history(entry(230, "2026-11-23 06:40", "gate", "lag: inconclusive, SHOW SLAVE STATUS refused", ""))

	return append([]fleet.DatabaseStatus{rolled, blocked, secret, failed, held}, movingDatabases()...)
}

func movingDatabases() []fleet.DatabaseStatus {
	free := func(d fleet.DatabaseStatus, stage, green string) fleet.DatabaseStatus {
		d.Stage, d.Green, d.Deployment = stage, green, "bgd-00000000"+d.ID
		d.WayBack = fleet.WayBack{Kind: "delete-green", How: "rdsupgrade rollback --database " + d.ID + " PLAN", Loss: "nothing: blue serves and was not changed; the green's build time is lost"}
		d.NextStep = "nothing: the engine moves it on"
		return d
	}
	building := free(base("orders-us", "orders", "orders-team", "core", "db.r5.xlarge"), "provisioning", "")
	ready := free(base("loyalty", "loyalty", "crm-team", "core", "db.m5.large"), "ready", "loyalty-green-z9y8x7")
	ready.NextStep = "waits for approval of wave core"
	switching := base("shipping", "shipping", "logistics", "core", "db.m5.2xlarge")
	switching.Stage, switching.Green, switching.Deployment = "switching", "shipping-green-l0l0l0", "bgd-5555555555555555"
	switching.WayBack = fleet.WayBack{Kind: "wait", How: "RDS is switching; if it does not succeed it rolls back by itself", Loss: "nothing, if RDS rolls back"}
	pending := base("pricing", "pricing", "catalog-team", "core", "db.m5.large")
	pending.Stage, pending.NextStep = "pending", "prechecked when wave core is approved"
	gone := base("legacy-crm", "loyalty", "crm-team", "core", "db.m3.medium")
	gone.Account, gone.Stage, gone.EngineVersion, gone.Off = "555566667777", "unknown", "", []string{"not known"}
	gone.Reason, gone.NextStep = "account 555566667777 in eu-west-1 could not be read: AccessDenied", "give the role rds:DescribeDBInstances there"
	gone.WayBack = fleet.WayBack{Kind: "unknown", How: "its account and Region could not be read", Loss: "unknown"}
	skipped := base("status-page", "web", "platform", "web", "db.t3.medium")
	skipped.Stage, skipped.EngineVersion, skipped.StorageType, skipped.InstanceClass, skipped.TargetClass = "skipped", "8.0.46", "gp3", "db.t4g.medium", "db.t4g.medium"
	skipped.Route, skipped.OnTarget, skipped.Off, skipped.Reason = []string{"8.0.46"}, true, nil, "already on target"
	return []fleet.DatabaseStatus{building, ready, switching, pending, gone, skipped}
}

func prechecks() []precheck.Report {
	waived := &precheck.WaiverRef{Owner: "dana", Reason: "converted in January, see CHG-1881", Expires: utc("2027-02-01 00:00")}
	expired := &precheck.WaiverRef{Owner: "lee", Reason: "only used by a cron job", Expires: utc("2026-10-01 00:00"), Expired: true}
	reserved := func(findings ...precheck.Finding) precheck.CheckResult {
		c := precheck.CheckResult{ID: "reservedKeywords", Title: "names that are reserved words in the target", Severity: precheck.Error,
			Status: precheck.StatusPassed, Findings: findings, Doc: "https://dev.mysql.com/doc/refman/8.0/en/keywords.html"}
		if len(findings) > 0 {
			c.Status = precheck.StatusFailed
		}
		return c
	}
	utf8 := precheck.CheckResult{ID: "utf8mb3", Title: "objects in the deprecated character set utf8mb3", Severity: precheck.Warning, Status: precheck.StatusFailed,
		Findings: []precheck.Finding{
			{Object: "catalog.products.title", Schema: "catalog", Message: "column uses utf8mb3", Fix: "convert the table to utf8mb4", FixSQL: "ALTER TABLE `catalog`.`products` CONVERT TO CHARACTER SET utf8mb4", Hop: "5.7 -> 8.0", Waived: waived},
			{Object: "catalog.products.sku", Schema: "catalog", Message: "column uses utf8mb3", Fix: "convert the table to utf8mb4", Hop: "5.7 -> 8.0"}}}
	return []precheck.Report{
		{ID: "billing-core", ServerVersion: "5.7.44", TargetVersion: "8.0.46", Verdict: precheck.Blocked, ReadAt: utc("2026-11-22 21:00"),
			Checks: []precheck.CheckResult{
				reserved(precheck.Finding{Object: "billing.rank", Schema: "billing", Message: "table name is a reserved word since 8.0.2", Fix: "rename it, or quote it everywhere", FixSQL: "RENAME TABLE `billing`.`rank` TO `billing`.`rank_`", Hop: "5.7 -> 8.0"}),
				{ID: "groupbyAscSyntax", Title: "GROUP BY with ASC or DESC", Severity: precheck.Error, Status: precheck.StatusFailed, Findings: []precheck.Finding{
					{Object: "billing.monthly_report", Schema: "billing", Message: "view uses GROUP BY ... DESC", Fix: "move the direction to ORDER BY", Hop: "5.7 -> 8.0"},
					{Object: "billing.old_report", Schema: "billing", Message: "routine uses GROUP BY ... ASC", Fix: "move the direction to ORDER BY", Hop: "5.7 -> 8.0", Waived: expired}}},
				{ID: "weakAccounts", Title: "accounts without a password", Severity: precheck.Warning, Status: precheck.StatusError, Reason: "mysql.user could not be read (error 1142)", Grant: "SELECT on mysql.user", Findings: []precheck.Finding{}},
				{ID: "checkTables", Title: "CHECK TABLE ... FOR UPGRADE", Severity: precheck.Error, Status: precheck.StatusSkipped, Reason: "not asked for (--check-tables)", Findings: []precheck.Finding{}}},
			Summary: precheck.Summary{Errors: 3, Unknown: 1}},
		{ID: "catalog-main", ServerVersion: "5.7.44", TargetVersion: "8.0.46", Verdict: precheck.Ready, ReadAt: utc("2026-11-16 21:00"),
			Checks: []precheck.CheckResult{reserved(), utf8}, Summary: precheck.Summary{Warnings: 1, Waived: 1}},
		{ID: "pricing", ServerVersion: "5.7.44", TargetVersion: "8.0.46", Verdict: precheck.Ready, ReadAt: utc("2026-11-22 21:03"),
			Checks: []precheck.CheckResult{reserved()}},
		{ID: "legacy-crm", TargetVersion: "8.0.46", Verdict: precheck.Unknown, Error: "connect to 10.2.0.17:3306: i/o timeout", Code: "unreachable", Checks: []precheck.CheckResult{}},
	}
}
