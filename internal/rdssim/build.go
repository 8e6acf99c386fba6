package rdssim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/catalog"
)

// build turns the fleet file into the initial state.
func (s *Sim) build(f *Fleet) error {
	for _, spec := range f.Accounts {
		a := &account{AccountSpec: spec, quotas: maps.Clone(defaultQuotas)}
		maps.Copy(a.quotas, spec.Quotas)
		s.accounts = append(s.accounts, a)
	}
	for _, a := range s.accounts {
		for _, name := range a.Regions {
			s.regionAt(Scope{a.ID, name})
		}
	}
	for _, at := range s.order {
		r := s.regions[at]
		for _, g := range f.ParameterGroups {
			if (g.Account == "" || g.Account == at.Account) && (g.Region == "" || g.Region == at.Region) {
				r.addParameterGroup(g)
			}
		}
		for _, g := range f.OptionGroups {
			if (g.Account == "" || g.Account == at.Account) && (g.Region == "" || g.Region == at.Region) {
				r.optGroups.put(lower(g.Name), &OptionGroup{Name: lower(g.Name), Major: g.MajorVersion, Options: g.Options, Description: g.Name})
			}
		}
	}
	for i := range f.Databases {
		if err := s.addDatabase(f.Databases[i].with(f.Defaults)); err != nil {
			return fmt.Errorf("database %s: %w", f.Databases[i].ID, err)
		}
	}
	return nil
}

func isTrue(b *bool, otherwise bool) bool {
	if b == nil {
		return otherwise
	}
	return *b
}

func (s *Sim) addDatabase(d DatabaseSpec) error {
	r := s.regionAt(Scope{d.Account, d.Region})
	if d.ParameterGroup != "" {
		if _, ok := r.paramGrps.get(lower(d.ParameterGroup)); !ok {
			return fmt.Errorf("parameter group %q does not exist in %s of %s", d.ParameterGroup, d.Region, d.Account)
		}
	}
	if d.OptionGroup != "" {
		if _, ok := r.optGroups.get(lower(d.OptionGroup)); !ok {
			return fmt.Errorf("option group %q does not exist in %s of %s", d.OptionGroup, d.Region, d.Account)
		}
	}
	primary := s.instanceOf(r, d)
	r.add(primary)
	r.addSurroundings(d, primary)
	named := map[string]*Instance{primary.ID: primary}
	for _, spec := range d.Replicas {
		source := primary
		if spec.Source != "" {
			source = named[spec.Source]
		}
		named[spec.ID] = s.addReplica(source, d, spec)
	}
	return nil
}

func (s *Sim) instanceOf(r *region, d DatabaseSpec) *Instance {
	id := lower(d.ID)
	rnd := s.random("resource", r.at.Account, r.at.Region, id)
	i := &Instance{
		ID: id, Scope: r.at, ResourceID: resourceID(rnd.Uint64(), rnd.Uint64()),
		EngineVersion: d.EngineVersion, Class: d.Class, Storage: d.storage().effective(),
		MaxAllocatedStorage: d.MaxAllocatedStorage, UsedPercent: d.UsedStoragePercent,
		MultiAZ: isTrue(d.MultiAZ, false), BackupRetention: 7,
		ParameterGroup: lower(d.ParameterGroup), ApplyStatus: "in-sync", OptionGroup: lower(d.OptionGroup),
		Tags: maps.Clone(d.Tags), Pending: map[string]string{}, DeletionProtection: isTrue(d.DeletionProtection, false),
		ManagedPassword: d.ManagedMasterPassword, Encrypted: isTrue(d.Encrypted, true),
		DedicatedLogVolume: d.DedicatedLogVolume, Cluster: d.Cluster,
		CACertificate: d.CACertificate, LifecycleSupport: d.LifecycleSupport,
		ConfigUpgradeNeeded: d.StorageConfigUpgrade, IAMAuthentication: d.IAMAuthentication,
		PerformanceInsights: isTrue(d.PerformanceInsights, true), AutoMinorUpgrade: d.AutoMinorVersionUpgrade,
		MasterUser: d.MasterUser,
		CreateTime: s.now.Add(-time.Duration(200+rnd.IntN(1500)) * 24 * time.Hour).Truncate(time.Second),
		Profile:    d.Profile, ProfileAfter: d.ProfileAfter, Schema: d.Schema,
		ExternalReplication: d.ExternalReplication, Maintenance: d.PendingMaintenance,
		Blockers: d.UpgradeBlockers, Origin: id, Logs: map[string]string{}, base: statusAvailable,
	}
	if d.BackupRetention != nil {
		i.BackupRetention = *d.BackupRetention
	}
	if i.ParameterGroup == "" {
		i.ParameterGroup = catalog.DefaultParameterGroup(d.EngineVersion)
	}
	if i.OptionGroup == "" {
		i.OptionGroup = catalog.DefaultOptionGroup(d.EngineVersion)
	}
	if d.Status != "" {
		i.base = d.Status
	}
	if d.ParameterApplyStatus != "" {
		i.ApplyStatus = d.ParameterApplyStatus
	}
	maps.Copy(i.Pending, d.PendingModifications)
	if len(i.Blockers) == 0 {
		if what, ok := strings.CutPrefix(d.Profile, "blocked-"); ok {
			i.Blockers = []string{what}
		}
	}
	for _, role := range d.Roles {
		i.Roles = append(i.Roles, Role{ARN: role})
	}
	i.lag.behind = time.Duration(d.LagSeconds) * time.Second // what a green of it starts with
	i.ReadOnly = r.bootReadOnly(i)
	i.Logs["error/mysql-error.log"] = fmt.Sprintf("%s 0 [Note] /rdsdbbin/mysql/bin/mysqld: ready for connections. Version: '%s'\n", i.CreateTime.UTC().Format(time.RFC3339), i.EngineVersion)
	return i
}

func (s *Sim) addReplica(source *Instance, d DatabaseSpec, spec ReplicaSpec) *Instance {
	d.ID, d.Replicas, d.Proxy, d.ZeroETL, d.ExternalReplication = spec.ID, nil, nil, false, false
	d.ManagedMasterPassword, d.Cluster, d.PendingModifications, d.Status = false, "", nil, ""
	d.Class, d.EngineVersion = source.Class, source.EngineVersion
	st := source.Storage
	if spec.StorageType != "" || spec.AllocatedStorage != 0 || spec.IOPS != 0 || spec.Throughput != 0 {
		st = Storage{Type: or(spec.StorageType, st.Type), GiB: st.GiB, IOPS: spec.IOPS, Throughput: spec.Throughput}
		if spec.AllocatedStorage != 0 {
			st.GiB = spec.AllocatedStorage
		}
	}
	d.StorageType, d.AllocatedStorage, d.IOPS, d.Throughput = st.Type, st.GiB, st.IOPS, st.Throughput
	d.Class = or(spec.Class, d.Class)
	d.EngineVersion = or(spec.EngineVersion, d.EngineVersion)
	d.ParameterGroup = or(spec.ParameterGroup, d.ParameterGroup)
	multi, zero := spec.MultiAZ, 0
	d.MultiAZ, d.BackupRetention = &multi, &zero
	at := Scope{d.Account, or(spec.Region, source.Scope.Region)}
	r := s.regionAt(at)
	i := s.instanceOf(r, d)
	i.Origin = source.Origin
	i.lag = lagModel{since: s.now}
	if at == source.Scope {
		i.attach(source)
	} else {
		i.remote = s.regions[source.Scope].arn("db", source.ID)
		source.foreign = append(source.foreign, r.arn("db", i.ID))
	}
	i.ReadOnly = r.bootReadOnly(i)
	r.add(i)
	return i
}

// addSurroundings adds what stands around a database: proxy, zero-ETL
// integration, Multi-AZ DB cluster.
func (r *region) addSurroundings(d DatabaseSpec, i *Instance) {
	if d.Proxy != nil {
		p, ok := r.proxies.get(d.Proxy.Name)
		if !ok {
			p = &Proxy{Name: d.Proxy.Name, Created: i.CreateTime}
			r.proxies.put(p.Name, p)
		}
		p.Targets = append(p.Targets, ProxyTarget{Instance: i, Reachable: isTrue(d.Proxy.Registered, true)})
	}
	if d.ZeroETL {
		name := i.ID + "-analytics"
		r.links.put(name, &Integration{Name: name, Source: i, Created: i.CreateTime})
	}
	if d.Cluster != "" {
		c, ok := r.clusters.get(d.Cluster)
		if !ok {
			c = &Cluster{ID: d.Cluster, Created: i.CreateTime, EngineVersion: i.EngineVersion}
			r.clusters.put(c.ID, c)
		}
		c.Members = append(c.Members, i)
	}
}

func resourceID(a, b uint64) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	out := []byte("db-")
	for _, v := range []uint64{a, b} {
		for range 13 {
			out = append(out, digits[v%32])
			v /= 32
		}
	}
	return string(out)
}

func lower(s string) string { return strings.ToLower(s) }

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// sortedKeys lists the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
