package rdssim

import (
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/query"
)

// defaultQuotas are AWS's defaults per Region, by AccountQuotaName.
var defaultQuotas = map[string]int{
	"DBInstances": 40, "AllocatedStorage": 100000, "DBParameterGroups": 50, "OptionGroups": 20, "ManualSnapshots": 100,
	"ReadReplicasPerMaster": 15, "ReservedDBInstances": 40, "DBSubnetGroups": 50, "DBClusters": 40, "DBInstanceRoles": 5,
}

func (r *region) used(quota string) int {
	n := 0
	switch quota {
	case "DBInstances":
		return r.instances.len()
	case "AllocatedStorage":
		return r.gib
	case "DBParameterGroups":
		return r.customGroups()
	case "OptionGroups":
		for name := range r.optGroups.all() {
			if !strings.HasPrefix(name, "default:") {
				n++
			}
		}
	case "ManualSnapshots":
		return r.snapshots.len()
	case "ReservedDBInstances":
		for _, v := range r.account.ReservedInstances {
			n += max(v.Count, 1)
		}
	case "DBSubnetGroups":
		return 1
	case "DBClusters":
		return r.clusters.len()
	}
	return n
}

func (r *region) describeAccountAttributes(*query.Params) ([]query.Node, error) {
	var out []query.Node
	for _, name := range sortedKeys(r.account.quotas) {
		out = append(out, query.E("AccountQuota", query.S("AccountQuotaName", name), query.I("Used", r.used(name)), query.I("Max", r.account.quotas[name])))
	}
	return []query.Node{query.List("AccountQuotas", out)}, nil
}

func (r *region) describeClusters(p *query.Params) ([]query.Node, error) {
	want := p.Str("DBClusterIdentifier")
	if want != "" {
		if _, ok := r.clusters.get(want); !ok {
			return nil, query.NotFound("DBClusterNotFoundFault", "DBCluster %s not found.", want)
		}
	}
	return paged(p, "DBClusters", r.clusters.from, limit100, func(id string, c *Cluster) query.Node {
		if want != "" && want != id {
			return query.Node{}
		}
		var members []query.Node
		for n, m := range c.Members {
			members = append(members, query.E("DBClusterMember", query.S("DBInstanceIdentifier", m.ID), query.B("IsClusterWriter", n == 0),
				query.S("DBClusterParameterGroupStatus", "in-sync"), query.I("PromotionTier", 1)))
		}
		return query.E("DBCluster", query.S("DBClusterIdentifier", id), query.S("Engine", "mysql"), query.S("EngineVersion", c.EngineVersion),
			query.S("Status", "available"), query.B("MultiAZ", true), query.List("DBClusterMembers", members), query.S("DBClusterArn", r.arn("cluster", id)),
			query.S("StorageType", "io1"), query.Time("ClusterCreateTime", c.Created))
	})
}

func (r *region) proxyARN(name string) string { return r.arn("db-proxy", "prx-0"+hex8(name)) }

func (r *region) proxy(name string) (*Proxy, error) {
	x, ok := r.proxies.get(name)
	if !ok {
		return nil, query.NotFound("DBProxyNotFoundFault", "DBProxy %s not found", name)
	}
	return x, nil
}

func (r *region) describeProxies(p *query.Params) ([]query.Node, error) {
	if want := p.Str("DBProxyName"); want != "" {
		x, err := r.proxy(want)
		if err != nil {
			return nil, err
		}
		return []query.Node{query.E("DBProxies", r.proxyNode(x))}, nil
	}
	return paged(p, "DBProxies", r.proxies.from, limit100, func(_ string, x *Proxy) query.Node { return r.proxyNode(x) })
}

func (r *region) proxyNode(x *Proxy) query.Node {
	return query.E("member", query.S("DBProxyName", x.Name), query.S("DBProxyArn", r.proxyARN(x.Name)), query.S("Status", "available"),
		query.S("EngineFamily", "MYSQL"), query.S("Endpoint", x.Name+".proxy-c"+hex8(r.at.Account)+"."+r.at.Region+".rds.amazonaws.com"),
		query.B("RequireTLS", true), query.I("IdleClientTimeout", 1800), query.Time("CreatedDate", x.Created))
}

func (r *region) describeProxyTargetGroups(p *query.Params) ([]query.Node, error) {
	x, err := r.proxy(p.Str("DBProxyName"))
	if err != nil {
		return nil, err
	}
	return []query.Node{query.E("TargetGroups", query.E("member", query.S("DBProxyName", x.Name), query.S("TargetGroupName", "default"),
		query.S("TargetGroupArn", r.arn("target-group", "prx-tg-0"+hex8(x.Name))), query.B("IsDefault", true), query.S("Status", "available"), query.Time("CreatedDate", x.Created)))}, nil
}

func (r *region) describeProxyTargets(p *query.Params) ([]query.Node, error) {
	x, err := r.proxy(p.Str("DBProxyName"))
	if err != nil {
		return nil, err
	}
	var out []query.Node
	for _, t := range x.Targets {
		host, port := r.endpoint(t.Instance)
		state, reason := "AVAILABLE", ""
		if !t.Reachable {
			state, reason = "UNAVAILABLE", "PENDING_PROXY_CAPACITY"
		}
		role := "READ_WRITE"
		if t.Instance.source != nil {
			role = "READ_ONLY"
		}
		out = append(out, query.E("member", query.S("Endpoint", host), query.S("RdsResourceId", t.Instance.ID), query.I("Port", port),
			query.S("Type", "RDS_INSTANCE"), query.S("Role", role), query.E("TargetHealth", query.S("State", state), query.Opt("Reason", reason))))
	}
	return []query.Node{query.List("Targets", out)}, nil
}

func (r *region) registerProxyTargets(p *query.Params) ([]query.Node, error) {
	x, err := r.proxy(p.Str("DBProxyName"))
	if err != nil {
		return nil, err
	}
	for _, id := range p.Strings("DBInstanceIdentifiers.member") {
		i, err := r.instance(id)
		if err != nil {
			return nil, err
		}
		if d := r.deploymentOf(i); d != nil {
			return nil, query.Fault("InvalidDBInstanceState", "The DB instance %s is part of the blue/green deployment %s and can't be registered with a proxy.", id, d.ID)
		}
		x.Targets = append(x.Targets, ProxyTarget{Instance: i, Reachable: true})
	}
	return r.describeProxyTargetsAs("DBProxyTargets", p)
}

func (r *region) describeProxyTargetsAs(name string, p *query.Params) ([]query.Node, error) {
	nodes, err := r.describeProxyTargets(p)
	if err != nil {
		return nil, err
	}
	nodes[0].Name = name
	return nodes, nil
}

func (r *region) describeIntegrations(p *query.Params) ([]query.Node, error) {
	want, sources := p.Str("IntegrationIdentifier"), filterValues(p, "source-arn")
	return paged(p, "Integrations", r.links.from, limit100, func(_ string, l *Integration) query.Node {
		source := r.arn("db", l.Source.ID)
		if (want != "" && want != l.Name && want != r.arn("integration", l.Name)) || (sources != nil && !sources[source]) {
			return query.Node{}
		}
		return r.integrationNode("Integration", l)
	})
}

func (r *region) integrationNode(name string, l *Integration) query.Node {
	return query.E(name, r.integrationFields(l)...)
}

func (r *region) integrationFields(l *Integration) []query.Node {
	return []query.Node{query.S("SourceArn", r.arn("db", l.Source.ID)),
		query.S("TargetArn", "arn:aws:redshift-serverless:"+r.at.Region+":"+r.at.Account+":namespace/analytics"),
		query.S("IntegrationName", l.Name), query.S("IntegrationArn", r.arn("integration", l.Name)), query.S("Status", "active"),
		query.Time("CreateTime", l.Created), query.E("Tags"), query.E("Errors")}
}

func (r *region) deleteIntegration(p *query.Params) ([]query.Node, error) {
	want := p.Str("IntegrationIdentifier")
	for name, l := range r.links.all() {
		if want == name || want == r.arn("integration", name) {
			r.links.remove(name)
			return r.integrationFields(l), nil
		}
	}
	return nil, query.NotFound("IntegrationNotFoundFault", "The integration %s does not exist.", want)
}

func (r *region) describeMaintenance(p *query.Params) ([]query.Node, error) {
	want := p.Str("ResourceIdentifier")
	return paged(p, "PendingMaintenanceActions", r.instances.from, limit100, func(_ string, i *Instance) query.Node {
		arn := r.arn("db", i.ID)
		if len(i.Maintenance) == 0 || (want != "" && want != arn) {
			return query.Node{}
		}
		var list []query.Node
		for _, m := range i.Maintenance {
			list = append(list, query.E("PendingMaintenanceAction", query.S("Action", m), query.S("Description", "Pending "+m),
				query.Time("CurrentApplyDate", r.sim.started.Add(7*24*time.Hour))))
		}
		return query.E("ResourcePendingMaintenanceActions", query.S("ResourceIdentifier", arn), query.List("PendingMaintenanceActionDetails", list))
	})
}

func (r *region) describeReserved(p *query.Params) ([]query.Node, error) {
	rows := table[ReservedInstanceSpec]{}
	for _, v := range r.account.ReservedInstances {
		if v.Region == r.at.Region && (p.Str("DBInstanceClass") == "" || p.Str("DBInstanceClass") == v.Class) &&
			(p.Str("ReservedDBInstanceId") == "" || p.Str("ReservedDBInstanceId") == v.ID) {
			rows.put(v.ID, v)
		}
	}
	return paged(p, "ReservedDBInstances", rows.from, limit100, func(_ string, v ReservedInstanceSpec) query.Node {
		year := 365 * 24 * time.Hour
		start := r.sim.started.Add(time.Duration(v.EndsDays)*24*time.Hour - year)
		return query.E("ReservedDBInstance", query.S("ReservedDBInstanceId", v.ID), query.S("DBInstanceClass", v.Class),
			query.Time("StartTime", start), query.I("Duration", int(year.Seconds())), query.F("FixedPrice", 0), query.F("UsagePrice", 0),
			query.S("CurrencyCode", "USD"), query.I("DBInstanceCount", max(v.Count, 1)), query.S("ProductDescription", "mysql"),
			query.S("OfferingType", or(v.Offering, "No Upfront")), query.B("MultiAZ", v.MultiAZ), query.S("State", "active"),
			query.E("RecurringCharges"), query.S("ReservedDBInstanceArn", r.arn("ri", v.ID)))
	})
}

var certificates = []struct{ id, from, till string }{
	{"rds-ca-ecc384-g1", "2021-05-20", "2121-05-20"},
	{"rds-ca-rsa2048-g1", "2021-05-20", "2061-05-20"},
	{"rds-ca-rsa4096-g1", "2021-05-20", "2121-05-20"},
	{"rds-ca-2019", "2019-08-22", "2024-08-22"},
}

func (r *region) describeCertificates(p *query.Params) ([]query.Node, error) {
	var out []query.Node
	for _, c := range certificates {
		if want := p.Str("CertificateIdentifier"); want != "" && want != c.id {
			continue
		}
		out = append(out, query.E("Certificate", query.S("CertificateIdentifier", c.id), query.S("CertificateType", "CA"),
			query.S("Thumbprint", strings.Repeat(hex8(c.id), 5)), query.S("ValidFrom", c.from+"T00:00:00Z"), query.S("ValidTill", c.till+"T00:00:00Z"),
			query.S("CertificateArn", "arn:aws:rds:"+r.at.Region+"::cert:"+c.id), query.B("CustomerOverride", false)))
	}
	if len(out) == 0 {
		return nil, query.NotFound("CertificateNotFound", "Certificate %s not found.", p.Str("CertificateIdentifier"))
	}
	return []query.Node{query.S("DefaultCertificateForNewLaunches", "rds-ca-rsa2048-g1"), query.List("Certificates", out)}, nil
}
