package rdssim

import (
	"fmt"
	"sync"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/catalog"
	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/query"
)

func (r *region) describeEngineVersions(p *query.Params) ([]query.Node, error) {
	if err := onlyFilters(p, "db-parameter-group-family", "engine", "engine-mode", "engine-version", "status"); err != nil {
		return nil, err
	}
	engine, version, family := p.Str("Engine"), p.Str("EngineVersion"), p.Str("DBParameterGroupFamily")
	all, _ := p.Bool("IncludeAll")
	defaultOnly, _ := p.Bool("DefaultOnly")
	families, versions := filterValues(p, "db-parameter-group-family"), filterValues(p, "engine-version")
	statuses, engines := filterValues(p, "status"), filterValues(p, "engine")
	rows := table[catalog.Version]{}
	for n, v := range catalog.Versions {
		status := "available"
		if v.Deprecated {
			status = "deprecated"
		}
		f := catalog.FamilyOf(v.Name)
		switch {
		case engine != "" && engine != "mysql", engines != nil && !engines["mysql"],
			version != "" && version != v.Name && version != catalog.MajorOf(v.Name),
			family != "" && family != f, families != nil && !families[f],
			versions != nil && !versions[v.Name], statuses != nil && !statuses[status],
			v.Deprecated && !all && statuses == nil,
			defaultOnly && v.Name != defaultVersion:
			continue
		}
		rows.put(fmt.Sprintf("%05d", n), v)
	}
	return paged(p, "DBEngineVersions", rows.from, limit100, func(_ string, v catalog.Version) query.Node {
		return r.versionNode(v)
	})
}

// defaultVersion is what CreateDBInstance would take without a version.
const defaultVersion = "8.4.10"

func (r *region) versionNode(v catalog.Version) query.Node {
	status := "available"
	if v.Deprecated {
		status = "deprecated"
	}
	var targets []query.Node
	for _, t := range r.sim.upgradeTargets(v.Name) {
		targets = append(targets, query.E("UpgradeTarget", query.S("Engine", "mysql"), query.S("EngineVersion", t.Name),
			query.S("Description", "MySQL "+t.Name), query.B("AutoUpgrade", false),
			query.B("IsMajorVersionUpgrade", catalog.MajorOf(t.Name) != catalog.MajorOf(v.Name))))
	}
	return query.E("DBEngineVersion", query.S("Engine", "mysql"), query.S("MajorEngineVersion", catalog.MajorOf(v.Name)),
		query.S("EngineVersion", v.Name), query.S("DBParameterGroupFamily", catalog.FamilyOf(v.Name)),
		query.S("DBEngineDescription", "MySQL Community Edition"), query.S("DBEngineVersionDescription", "MySQL "+v.Name),
		query.List("ValidUpgradeTarget", targets), query.Strings("ExportableLogTypes", "member", []string{"audit", "error", "general", "slowquery"}),
		query.B("SupportsLogExportsToCloudwatchLogs", true), query.B("SupportsReadReplica", true), query.E("SupportedFeatureNames"),
		query.S("Status", status), query.B("SupportsParallelQuery", false), query.B("SupportsGlobalDatabases", false),
		query.B("SupportsCertificateRotationWithoutRestart", catalog.MajorOf(v.Name) != "5.7"),
		query.Strings("SupportedCACertificateIdentifiers", "member", []string{"rds-ca-ecc384-g1", "rds-ca-rsa4096-g1", "rds-ca-rsa2048-g1"}))
}

func (r *region) describeMajorVersions(p *query.Params) ([]query.Node, error) {
	engine, major := p.Str("Engine"), p.Str("MajorEngineVersion")
	rows := table[catalog.Major]{}
	for n, m := range catalog.Majors {
		if (engine == "" || engine == "mysql") && (major == "" || major == m.Name) {
			rows.put(fmt.Sprintf("%05d", n), m)
		}
	}
	return paged(p, "DBMajorEngineVersions", rows.from, limit100, func(_ string, m catalog.Major) query.Node {
		cycles := query.E("SupportedEngineLifecycles")
		if !m.StandardEnd.IsZero() {
			cycles.Kids = append(cycles.Kids,
				query.E("SupportedEngineLifecycle", query.S("LifecycleSupportName", "open-source-rds-standard-support"),
					query.Time("LifecycleSupportStartDate", m.StandardStart), query.Time("LifecycleSupportEndDate", m.StandardEnd)),
				query.E("SupportedEngineLifecycle", query.S("LifecycleSupportName", "open-source-rds-extended-support"),
					query.Time("LifecycleSupportStartDate", m.ExtendedStart), query.Time("LifecycleSupportEndDate", m.ExtendedEnd)))
		}
		return query.E("DBMajorEngineVersion", query.S("Engine", "mysql"), query.S("MajorEngineVersion", m.Name), cycles)
	})
}

// orderable is one row of DescribeOrderableDBInstanceOptions.
type orderable struct {
	class   catalog.Class
	version string
	storage string
}

// orderables lists all rows, once: they are the same everywhere.
var orderables = sync.OnceValue(func() *table[orderable] {
	t := &table[orderable]{rows: map[string]orderable{}}
	for n, v := range catalog.Versions {
		for _, c := range catalog.Classes {
			if v.Deprecated || !c.Orderable(v.Name) {
				continue
			}
			for _, st := range c.StorageTypes() {
				key := fmt.Sprintf("%05d %s %s", n, c.Name, st)
				t.rows[key] = orderable{c, v.Name, st}
			}
		}
	}
	t.keys = sortedKeys(t.rows)
	return t
})

func (r *region) describeOrderable(p *query.Params) ([]query.Node, error) {
	if p.Str("Engine") == "" {
		return nil, query.Fault("MissingParameter", "The request must contain the parameter Engine.")
	}
	version, class := p.Str("EngineVersion"), p.Str("DBInstanceClass")
	return paged(p, "OrderableDBInstanceOptions", orderables().from, limit1000, func(_ string, o orderable) query.Node {
		if p.Str("Engine") != "mysql" || (version != "" && version != o.version && version != catalog.MajorOf(o.version)) ||
			(class != "" && class != o.class.Name) {
			return query.Node{}
		}
		return r.orderableNode(o)
	})
}

func (r *region) orderableNode(o orderable) query.Node {
	large, _ := catalog.Storage(o.storage, 65536)
	small, _ := catalog.Storage(o.storage, large.MinGiB)
	n := query.E("OrderableDBInstanceOption", query.S("Engine", "mysql"), query.S("EngineVersion", o.version),
		query.S("DBInstanceClass", o.class.Name), query.S("LicenseModel", "general-public-license"), r.zonesNode(o.class),
		query.B("MultiAZCapable", true), query.B("ReadReplicaCapable", true), query.B("Vpc", true), query.B("SupportsStorageEncryption", true),
		query.S("StorageType", o.storage), query.B("SupportsIops", large.MaxIOPS > 0), query.B("SupportsStorageThroughput", o.storage == "gp3"),
		query.B("SupportsEnhancedMonitoring", true), query.B("SupportsIAMDatabaseAuthentication", true), query.B("SupportsPerformanceInsights", true),
		query.I("MinStorageSize", large.MinGiB), query.I("MaxStorageSize", large.MaxGiB))
	if large.MaxIOPS > 0 {
		n.Kids = append(n.Kids, query.I("MinIopsPerDbInstance", max(small.MinIOPS, large.MinIOPS)), query.I("MaxIopsPerDbInstance", large.MaxIOPS),
			query.F("MinIopsPerGib", large.MinIOPSPerGiB), query.F("MaxIopsPerGib", large.MaxIOPSPerGiB))
	}
	if large.MaxThroughput > 0 {
		n.Kids = append(n.Kids, query.I("MinStorageThroughputPerDbInstance", large.MinThroughput), query.I("MaxStorageThroughputPerDbInstance", large.MaxThroughput),
			query.F("MinStorageThroughputPerIops", 0), query.F("MaxStorageThroughputPerIops", large.MaxThroughputPerIOPS))
	}
	n.Kids = append(n.Kids, query.B("SupportsStorageAutoscaling", true), query.B("SupportsKerberosAuthentication", true), query.B("OutpostCapable", false),
		query.B("SupportsGlobalDatabases", false), query.Strings("SupportedNetworkTypes", "member", []string{"IPV4", "DUAL"}),
		query.B("SupportsClusters", false), query.B("SupportsDedicatedLogVolume", dlvSupported(o)))
	return n
}

// dlvSupported: a dedicated log volume needs io1 or io2 and a recent engine.
func dlvSupported(o orderable) bool {
	return (o.storage == "io1" || o.storage == "io2") && catalog.Compare(o.version, "8.0.28") >= 0
}

// zonesNode: the eighth generation is not in the third zone yet, so that a
// client has to look at the zones of its subnets.
func (r *region) zonesNode(c catalog.Class) query.Node {
	n := query.E("AvailabilityZones")
	for i, z := range zones {
		if i == 2 && len(c.Name) > 5 && c.Name[4] == '8' {
			continue
		}
		n.Kids = append(n.Kids, query.E("AvailabilityZone", query.S("Name", r.at.Region+z)))
	}
	return n
}

func (r *region) describeValidModifications(p *query.Params) ([]query.Node, error) {
	i, err := r.instance(p.Str("DBInstanceIdentifier"))
	if err != nil {
		return nil, err
	}
	var storage []query.Node
	for _, kind := range i.class().StorageTypes() {
		s, _ := catalog.Storage(kind, i.Storage.GiB)
		n := query.E("ValidStorageOptions", query.S("StorageType", kind),
			query.E("StorageSize", rangeNode("Range", max(i.Storage.GiB, s.MinGiB), s.MaxGiB)))
		if s.MaxIOPS > 0 {
			n.Kids = append(n.Kids, query.E("ProvisionedIops", rangeNode("Range", s.MinIOPS, s.MaxIOPS)),
				query.E("IopsToStorageRatio", query.E("DoubleRange", query.F("From", s.MinIOPSPerGiB), query.F("To", s.MaxIOPSPerGiB))))
		}
		if s.MaxThroughput > 0 {
			n.Kids = append(n.Kids, query.E("ProvisionedStorageThroughput", rangeNode("Range", s.MinThroughput, s.MaxThroughput)),
				query.E("StorageThroughputToIopsRatio", query.E("DoubleRange", query.F("From", 0), query.F("To", s.MaxThroughputPerIOPS))))
		}
		n.Kids = append(n.Kids, query.B("SupportsStorageAutoscaling", true))
		storage = append(storage, n)
	}
	return []query.Node{query.E("ValidDBInstanceModificationsMessage", query.List("Storage", storage), query.E("ValidProcessorFeatures"),
		query.B("SupportsDedicatedLogVolume", catalog.Compare(i.EngineVersion, "8.0.28") >= 0))}, nil
}

func rangeNode(name string, from, to int) query.Node {
	return query.E(name, query.I("From", from), query.I("To", to), query.I("Step", 1))
}
