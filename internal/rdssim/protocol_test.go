package rdssim

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// manyFleet has n databases in one Region.
func manyFleet(n int) string {
	var b strings.Builder
	b.WriteString("accounts: [{id: \"111122223333\", regions: [eu-west-1], quotas: {DBInstances: 100000, AllocatedStorage: 100000000}}]\n")
	b.WriteString("defaults: {account: \"111122223333\", region: eu-west-1, class: db.t3.medium, allocated_storage: 20}\ndatabases:\n")
	for i := range n {
		fmt.Fprintf(&b, "  - {id: db-%05d}\n", i)
	}
	return b.String()
}

func TestPagination(t *testing.T) {
	a := newAPI(t, manyFleet(250), Options{})
	var ids []string
	marker, pages := "", 0
	for {
		params := []string{"MaxRecords", "100"}
		if marker != "" {
			params = append(params, "Marker", marker)
		}
		res := a.must("DescribeDBInstances", params...)
		pages++
		for _, i := range res.at("DBInstances").Kids {
			ids = append(ids, i.text("DBInstanceIdentifier"))
		}
		if marker = res.text("Marker"); marker == "" {
			break
		}
		if pages == 1 {
			// A row that goes away must not push another one off the next page.
			a.must("DeleteDBInstance", "DBInstanceIdentifier", "db-00005", "SkipFinalSnapshot", "true")
			a.clk.Advance(time.Hour)
		}
	}
	if pages != 3 || len(ids) != 250 || ids[0] != "db-00000" || ids[249] != "db-00249" {
		t.Errorf("%d pages, %d databases", pages, len(ids))
	}
	for _, n := range []string{"19", "101"} {
		a.refused("InvalidParameterValue", "between 20 and 100", "DescribeDBInstances", "MaxRecords", n)
	}
	a.must("DescribeOrderableDBInstanceOptions", "Engine", "mysql", "MaxRecords", "1000")
	a.refused("InvalidParameterValue", "Marker", "DescribeDBInstances", "Marker", "garbage")
	for _, c := range a.sim.Counters() {
		if c.Action == "DescribeDBInstances" && (c.Calls != 6 || c.Pages != 3) {
			t.Errorf("counted %+v", c)
		}
	}
}

func TestThrottle(t *testing.T) {
	a := newAPI(t, smallFleet, Options{})
	throttled := func(n int) (count int) {
		for range n {
			if _, code := a.try("DescribeAccountAttributes"); code == "ThrottlingException" {
				count++
			}
		}
		return count
	}
	if got := throttled(310); got != 10 {
		t.Errorf("%d of 310 were throttled, want the 10 beyond the burst", got)
	}
	a.clk.Advance(time.Second)
	if got := throttled(20); got != 8 {
		t.Errorf("after a second %d of 20 were throttled, want 8", got)
	}
	a.reg = east // every Region has its own limit
	if got := throttled(300); got != 0 {
		t.Errorf("%d were throttled in another Region", got)
	}
	if status, body, _ := func() (int, []byte, error) { throttled(1); return a.raw("DescribeDBInstances") }(); status != 400 || !strings.Contains(string(body), "Rate exceeded") {
		t.Errorf("throttling answers %d %s", status, body)
	}
}

func TestIdentity(t *testing.T) {
	a := newAPI(t, smallFleet, Options{})
	sts := func(key string, form url.Values) string {
		form.Set("Version", stsVersion)
		req := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(form.Encode()))
		if key != "" {
			req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+key+"/20261123/us-east-1/sts/aws4_request, SignedHeaders=host, Signature=0")
		}
		w := httptest.NewRecorder()
		a.sim.Handler().ServeHTTP(w, req)
		return w.Body.String()
	}
	assume := url.Values{"Action": {"AssumeRole"}, "RoleArn": {"arn:aws:iam::444455556666:role/ops/upgrader"}, "RoleSessionName": {"me"}}
	for _, c := range []struct{ got, want string }{
		{sts("AKIASIM444455556666", url.Values{"Action": {"GetCallerIdentity"}}), "<Account>444455556666</Account>"},
		{sts("AKIAIOSFODNN7EXAMPLE", url.Values{"Action": {"GetCallerIdentity"}}), "<Account>111122223333</Account>"},
		{sts("AKIASIM999999999999", url.Values{"Action": {"GetCallerIdentity"}}), "<Code>InvalidClientTokenId</Code>"},
		{sts("AKIASIM111122223333EXPIRED", url.Values{"Action": {"GetCallerIdentity"}}), "<Code>ExpiredToken</Code>"},
		{sts("AKIASIM111122223333", assume), "<AccessKeyId>ASIASIM444455556666</AccessKeyId>"},
		{sts("AKIASIM111122223333", assume), "assumed-role/upgrader/me"},
		{sts("AKIASIM111122223333", url.Values{"Action": {"AssumeRole"}, "RoleArn": {"arn:aws:iam::123456789012:role/x"}}), "<Code>AccessDenied</Code>"},
		{sts("AKIASIM111122223333", url.Values{"Action": {"AssumeRole"}, "RoleArn": {"nonsense"}}), "<Code>ValidationError</Code>"},
		{sts("AKIASIM111122223333", url.Values{"Action": {"GetFederationToken"}}), "<Code>InvalidAction</Code>"},
	} {
		if !strings.Contains(c.got, c.want) {
			t.Errorf("%s\nlacks %s", c.got, c.want)
		}
	}
	for key, code := range map[string]string{"AKIASIM999999999999": "InvalidClientTokenId", "ASIASIM111122223333EXPIRED": "ExpiredToken"} {
		a.key = key
		a.refused(code, "", "DescribeDBInstances")
	}
	// The key of the other account sees the other account.
	a.key, a.reg = "ASIASIM"+acct2, west
	if n := len(a.must("DescribeDBInstances").at("DBInstances").Kids); n != 0 {
		t.Errorf("the other account has %d instances", n)
	}
}

func TestBadRequests(t *testing.T) {
	a := newAPI(t, smallFleet, Options{})
	a.refused("InvalidAction", "DoSomething", "DoSomething")
	for body, code := range map[string]string{
		"":                           "MissingAction",
		"Action=DescribeDBInstances": "NoSuchVersion",
		"Action=DescribeDBInstances&Version=2014-10-31": "MissingAuthenticationToken",
		"Action=%zz": "MalformedInput",
		"Action=x&a=" + strings.Repeat("b", maxBody): "MalformedInput",
	} {
		w := httptest.NewRecorder()
		a.sim.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)))
		if !strings.Contains(w.Body.String(), "<Code>"+code+"</Code>") {
			t.Errorf("%.40q: got %.200s, want %s", body, w.Body.String(), code)
		}
	}
}

func TestAdminPages(t *testing.T) {
	a := newAPI(t, smallFleet, withFaults(t, "faults: [{kind: html, rate: 0.5, account: \"444455556666\"}]"))
	srv := httptest.NewServer(a.sim.Handler())
	defer srv.Close()
	a.must("DescribeDBInstances")
	for path, part := range map[string]string{"counters": "DescribeDBInstances", "state": "orders-r1", "history": "null", "faults": "html"} {
		resp, err := http.Get(srv.URL + "/_sim/" + path)
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		var v any
		if err := json.Unmarshal(raw, &v); err != nil || !strings.Contains(string(raw), part) {
			t.Errorf("%s: %v\n%.300s", path, err, raw)
		}
	}
}

func TestLostAnswerOverHTTP(t *testing.T) {
	a := newAPI(t, smallFleet, withFaults(t, "faults: [{kind: lost-answer}]"))
	srv := httptest.NewServer(a.sim.Handler())
	defer srv.Close()
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL, strings.NewReader("Action=RebootDBInstance&Version=2014-10-31&DBInstanceIdentifier=users"))
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIASIM111122223333/20261123/eu-west-1/rds/aws4_request")
	if resp, err := http.DefaultClient.Do(req); err == nil {
		resp.Body.Close()
		t.Errorf("the connection was not cut: %s", resp.Status)
	}
	if st, _ := a.sim.State().Instance(acct1, west, "users"); st.Status != "rebooting" {
		t.Errorf("the call did not take effect: %s", st.Status)
	}
}

func TestEngineCatalog(t *testing.T) {
	a := newAPI(t, smallFleet, Options{})
	targets := func(version string) (minor, major []string) {
		res := a.must("DescribeDBEngineVersions", "Engine", "mysql", "EngineVersion", version, "IncludeAll", "true").at("DBEngineVersions/DBEngineVersion")
		for _, u := range res.at("ValidUpgradeTarget").Kids {
			if u.text("IsMajorVersionUpgrade") == "true" {
				major = append(major, u.text("EngineVersion"))
			} else {
				minor = append(minor, u.text("EngineVersion"))
			}
		}
		return minor, major
	}
	minor, major := targets("5.7.44-RDS.20251212")
	if diff := cmp.Diff([]string{"5.7.44-RDS.20260212"}, minor); diff != "" {
		t.Error(diff)
	}
	for _, v := range major {
		if !strings.HasPrefix(v, "8.0.") {
			t.Errorf("5.7 goes to %s", v)
		}
	}
	if _, major = targets("8.0.46"); len(major) == 0 || !strings.HasPrefix(major[0], "8.4.") {
		t.Errorf("8.0 goes to %v", major)
	}
	if _, major = targets("8.4.10"); len(major) == 0 || !strings.HasPrefix(major[0], "9.7.") {
		t.Errorf("8.4 goes to %v", major)
	}
	for _, v := range a.must("DescribeDBEngineVersions", "Engine", "mysql").at("DBEngineVersions").Kids {
		if v.text("Status") != "available" {
			t.Errorf("without IncludeAll there is %s %s", v.text("EngineVersion"), v.text("Status"))
		}
	}
	lines := a.must("DescribeDBMajorEngineVersions", "Engine", "mysql", "MajorEngineVersion", "5.7").at("DBMajorEngineVersions/DBMajorEngineVersion/SupportedEngineLifecycles")
	if len(lines.Kids) != 2 || lines.Kids[1].text("LifecycleSupportEndDate") != "2029-06-30T00:00:00.000Z" {
		t.Errorf("lifecycles of 5.7: %+v", lines)
	}
	orderable := func(version, class string) (types []string) {
		for _, o := range a.must("DescribeOrderableDBInstanceOptions", "Engine", "mysql", "EngineVersion", version, "DBInstanceClass", class).at("OrderableDBInstanceOptions").Kids {
			types = append(types, o.text("StorageType"))
		}
		return types
	}
	for _, c := range []struct {
		version, class string
		want           int
	}{{"5.7.44", "db.m5.large", 4}, {"5.7.44", "db.m6g.large", 0}, {"5.7.44", "db.m4.large", 0}, {"8.0.46", "db.m6g.large", 4},
		{"8.0.46", "db.t4g.medium", 3}, {"8.4.10", "db.r8g.24xlarge", 4}, {"8.0.46", "db.m7g.24xlarge", 0}, {"9.7.2", "db.t2.micro", 0}} {
		if got := orderable(c.version, c.class); len(got) != c.want {
			t.Errorf("%s on %s: %v", c.class, c.version, got)
		}
	}
	// Four valid storage types, gp3 below 400 GiB without provisioning.
	for _, o := range a.must("DescribeValidDBInstanceModifications", "DBInstanceIdentifier", "orders").at("ValidDBInstanceModificationsMessage/Storage").Kids {
		if o.text("StorageType") == "gp3" && len(o.at("ProvisionedIops").Kids) != 0 {
			t.Error("gp3 can be provisioned below 400 GiB")
		}
	}
}

func TestOtherDescribes(t *testing.T) {
	a := newAPI(t, `
accounts: [{id: "111122223333", regions: [eu-west-1], reserved_instances: [{id: ri-1, region: eu-west-1, class: db.r5.large, count: 2, ends_days: 90}]}]
defaults: {account: "111122223333", region: eu-west-1}
databases:
  - {id: one, cluster: multi, pending_maintenance: [system-update], proxy: {name: front}, zero_etl: true}
  - {id: two, cluster: multi}
`, Options{})
	for _, c := range []struct{ action, path, want string }{
		{"DescribeDBClusters", "DBClusters/DBCluster/DBClusterMembers/DBClusterMember#1/DBInstanceIdentifier", "two"},
		{"DescribePendingMaintenanceActions", "PendingMaintenanceActions/ResourcePendingMaintenanceActions/PendingMaintenanceActionDetails/PendingMaintenanceAction/Action", "system-update"},
		{"DescribeReservedDBInstances", "ReservedDBInstances/ReservedDBInstance/DBInstanceCount", "2"},
		{"DescribeCertificates", "Certificates/Certificate#1/CertificateIdentifier", "rds-ca-rsa2048-g1"},
		{"DescribeDBProxies", "DBProxies/member/DBProxyName", "front"},
		{"DescribeIntegrations", "Integrations/Integration/IntegrationName", "one-analytics"},
		{"DescribeDBSubnetGroups", "DBSubnetGroups/DBSubnetGroup/DBSubnetGroupName", "private"},
		{"DescribeOptionGroups", "OptionGroupsList/OptionGroup/OptionGroupName", "default:mysql-5-7"},
		{"DescribeOptionGroupOptions", "OptionGroupOptions/OptionGroupOption/Name", "MARIADB_AUDIT_PLUGIN"},
	} {
		if got := a.must(c.action).text(c.path); got != c.want {
			t.Errorf("%s: %s is %q, want %q", c.action, c.path, got, c.want)
		}
	}
	if got := a.must("DescribeDBProxyTargets", "DBProxyName", "front").text("Targets/member/TargetHealth/State"); got != "AVAILABLE" {
		t.Errorf("proxy target is %q", got)
	}
	if got := a.must("DescribeDBProxyTargetGroups", "DBProxyName", "front").text("TargetGroups/member/TargetGroupName"); got != "default" {
		t.Errorf("target group is %q", got)
	}
	a.refused("DBProxyNotFoundFault", "", "DescribeDBProxyTargets", "DBProxyName", "none")
	a.refused("InvalidParameterValue", "filter", "DescribeDBInstances", "Filters.Filter.1.Name", "color", "Filters.Filter.1.Values.Value.1", "red")
}

func TestEventWindows(t *testing.T) {
	a := newAPI(t, smallFleet, Options{})
	a.must("RebootDBInstance", "DBInstanceIdentifier", "users")
	a.clk.Advance(10 * time.Minute)
	count := func(params ...string) int { return len(a.must("DescribeEvents", params...).at("Events").Kids) }
	if count() != 1 || count("SourceType", "db-instance", "SourceIdentifier", "USERS") != 1 || count("SourceType", "db-cluster") != 0 {
		t.Error("the reboot's event is not where it belongs")
	}
	if count("EventCategories.EventCategory.1", "availability") != 1 || count("EventCategories.EventCategory.1", "failure") != 0 {
		t.Error("categories are not looked at")
	}
	a.clk.Advance(61 * time.Minute)
	if count() != 0 {
		t.Error("the default window is longer than an hour")
	}
	if count("Duration", "120") != 1 || count("StartTime", "2026-11-23T08:00:00Z") != 1 || count("EndTime", "2026-11-23T08:00:30Z") != 0 {
		t.Error("windows are not looked at")
	}
	a.refused("InvalidParameterCombination", "SourceType", "DescribeEvents", "SourceIdentifier", "users")
	a.refused("InvalidParameterValue", "source type", "DescribeEvents", "SourceType", "planet")
	a.refused("InvalidParameterValue", "Duration", "DescribeEvents", "Duration", "20161")
	a.clk.Advance(15 * 24 * time.Hour)
	if count("StartTime", "2026-11-20T00:00:00Z") != 0 {
		t.Error("an event is older than 14 days")
	}
}

func TestTags(t *testing.T) {
	a := newAPI(t, smallFleet, Options{})
	id := a.create("up", "users", "Tags.Tag.1.Key", "owner", "Tags.Tag.1.Value", "me & <you>")
	arn := "arn:aws:rds:eu-west-1:111122223333:deployment:" + id
	a.must("AddTagsToResource", "ResourceName", arn, "Tags.Tag.1.Key", "wave", "Tags.Tag.1.Value", "1")
	list := func() (out []string) {
		for _, tag := range a.must("ListTagsForResource", "ResourceName", arn).at("TagList").Kids {
			out = append(out, tag.text("Key")+"="+tag.text("Value"))
		}
		return out
	}
	if diff := cmp.Diff([]string{"owner=me & <you>", "wave=1"}, list()); diff != "" {
		t.Error(diff)
	}
	a.must("RemoveTagsFromResource", "ResourceName", arn, "TagKeys.member.1", "owner")
	if diff := cmp.Diff([]string{"wave=1"}, list()); diff != "" {
		t.Error(diff)
	}
	a.refused("InvalidParameterValue", "not valid", "AddTagsToResource", "ResourceName", arn, "Tags.Tag.1.Key", "aws:x", "Tags.Tag.1.Value", "1")
	a.refused("DBInstanceNotFound", "", "ListTagsForResource", "ResourceName", a.arn("nobody"))
	a.refused("InvalidParameterValue", "resource", "ListTagsForResource", "ResourceName", "users")
}
