package rdssim

import (
	"math"
	"strings"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/catalog"
	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/query"
)

func (r *region) deploymentSource(arn string) (*Instance, error) {
	at, kind, name, ok := splitARN(arn)
	switch {
	case !ok || (kind != "db" && kind != "cluster"):
		return nil, query.Fault("InvalidParameterValue", "Invalid resource name for Source: %s", arn)
	case at != r.at:
		return nil, query.Fault("InvalidParameterValue", "The source %s is not in this account and Region", arn)
	case kind == "cluster":
		if _, ok := r.clusters.get(name); !ok {
			return nil, query.NotFound("DBClusterNotFoundFault", "DBCluster %s not found.", name)
		}
		return nil, query.Fault("SourceClusterNotSupportedFault", "Blue/green deployments don't support Multi-AZ DB clusters: %s", name)
	}
	return r.instance(name)
}

// eligible refuses sources and targets that RDS refuses, in one order, and
// returns what green is to become.
func (r *region) eligible(src *Instance, p *query.Params) (greenWish, error) {
	for _, check := range []func(*Instance) error{
		r.refuseState, r.refuseTopology, r.refuseSource, r.refuseSurroundings,
	} {
		if err := check(src); err != nil {
			return greenWish{}, err
		}
	}
	w := greenWish{version: src.EngineVersion, class: or(p.Str("TargetDBInstanceClass"), src.Class)}
	for _, part := range []func(*Instance, *query.Params, *greenWish) error{
		r.wishVersion, r.wishClass, r.wishGroup, r.wishStorage,
	} {
		if err := part(src, p, &w); err != nil {
			return w, err
		}
	}
	gib := w.storage.GiB * (1 + len(src.replicas))
	if err := r.quotaFor(1+len(src.replicas), gib); err != nil {
		return w, err
	}
	w.stuck = r.sim.strikes(FaultStuck, src, "CreateBlueGreenDeployment") != nil
	return w, nil
}

func (r *region) refuseState(src *Instance) error {
	if d := src.deploy; d != nil {
		return query.Fault("SourceDatabaseNotSupportedFault", "The source DB instance %s is already part of the blue/green deployment %s.", src.ID, d.ID)
	}
	for _, i := range append([]*Instance{src}, src.replicas...) {
		switch st := i.Status(); {
		case st != statusAvailable:
			return query.Fault("InvalidDBInstanceState", "DB instance %s is not in available state: %s", i.ID, st)
		case len(i.Pending) > 0:
			return query.Fault("InvalidDBInstanceState", "DB instance %s has pending modifications: %s", i.ID, strings.Join(sortedKeys(i.Pending), ", "))
		case i.ApplyStatus != "in-sync":
			return query.Fault("InvalidDBInstanceState", "The parameter group %s of DB instance %s is not in sync: %s. Reboot the instance first.", i.ParameterGroup, i.ID, i.ApplyStatus)
		}
	}
	return nil
}

func (r *region) refuseSource(src *Instance) error {
	unsupported := func(format string, args ...any) error {
		return query.Fault("SourceDatabaseNotSupportedFault", format, args...)
	}
	switch {
	case src.Cluster != "":
		return unsupported("Blue/green deployments don't support members of Multi-AZ DB clusters: %s", src.ID)
	case src.BackupRetention == 0:
		return query.Fault("InvalidDBInstanceState", "Automated backups are not enabled for this database instance. To enable automated backups, use ModifyDBInstance to set the backup retention period to a non-zero value.")
	case src.ManagedPassword:
		return unsupported("Blue/green deployments don't support DB instances whose master user password is managed with AWS Secrets Manager: %s", src.ID)
	case src.ExternalReplication:
		return unsupported("The source DB instance %s is a replica of an external source. Stop and reset the external replication first.", src.ID)
	case len(src.ID) > 58:
		return query.Fault("InvalidParameterValue", "The identifier of the source DB instance %s is too long to be renamed at switchover.", src.ID)
	}
	return nil
}

func (r *region) refuseTopology(src *Instance) error {
	unsupported := func(format string, args ...any) error {
		return query.Fault("SourceDatabaseNotSupportedFault", format, args...)
	}
	if src.source != nil || src.remote != "" {
		return unsupported("The source DB instance %s is a read replica.", src.ID)
	}
	if len(src.foreign) > 0 {
		return unsupported("Blue/green deployments don't support cross-Region read replicas: %s", src.foreign[0])
	}
	for _, x := range src.replicas {
		if len(x.replicas) > 0 || len(x.foreign) > 0 {
			return unsupported("Blue/green deployments don't support cascading read replicas: %s has replicas of its own", x.ID)
		}
		if x.DedicatedLogVolume != src.DedicatedLogVolume {
			return unsupported("The dedicated log volume (DLV) must be enabled on all DB instances or on none: %s", x.ID)
		}
	}
	return nil
}

func (r *region) refuseSurroundings(src *Instance) error {
	if isTrue(r.account.ProxySupported, true) {
		return nil
	}
	for _, x := range r.proxies.all() {
		for _, t := range x.Targets {
			if t.Instance == src {
				return query.Fault("SourceDatabaseNotSupportedFault", "Blue/green deployments don't support DB instances behind RDS Proxy: %s is a target of %s", src.ID, x.Name)
			}
		}
	}
	return nil
}

func (r *region) wishVersion(src *Instance, p *query.Params, w *greenWish) error {
	asked := p.Str("TargetEngineVersion")
	if asked == "" {
		return nil
	}
	to, err := r.sim.resolveVersion(src.EngineVersion, asked)
	if err != nil {
		return err
	}
	if catalog.MajorOf(to) != catalog.MajorOf(src.EngineVersion) && !isDefaultOptions(src.OptionGroup) {
		return query.Fault("InvalidParameterCombination", "You can't specify a major engine version upgrade for the source DB instance %s because it uses the custom option group %s. Create the blue/green deployment without an engine version and upgrade the green environment.", src.ID, src.OptionGroup)
	}
	w.version = to
	return nil
}

func (r *region) wishClass(src *Instance, p *query.Params, w *greenWish) error {
	c, ok := catalog.FindClass(w.class)
	if !ok {
		return query.Fault("InvalidParameterValue", "Invalid DB Instance class: %s", w.class)
	}
	if !c.Orderable(w.version) {
		return unsupportedClass(w.class, w.version)
	}
	// Green begins as a replica on blue's version. Whether AWS looks at that
	// version as well is not established: the account's option says.
	if !c.Orderable(src.EngineVersion) && !isTrue(r.account.OneCallGraviton, true) {
		return unsupportedClass(w.class, src.EngineVersion)
	}
	for _, x := range src.replicas {
		if xc := x.class(); !xc.Orderable(w.version) {
			return unsupportedClass(x.Class, w.version)
		}
	}
	return nil
}

func (r *region) wishGroup(src *Instance, p *query.Params, w *greenWish) error {
	w.group, w.options = lower(p.Str("TargetDBParameterGroupName")), src.OptionGroup
	major := catalog.MajorOf(w.version) != catalog.MajorOf(src.EngineVersion)
	if major {
		w.options = catalog.DefaultOptionGroup(w.version)
	}
	switch {
	case w.group != "":
		if err := r.familyFits(w.group, w.version); err != nil {
			return err
		}
	case major:
		w.group = catalog.DefaultParameterGroup(w.version)
	default:
		w.group = src.ParameterGroup
	}
	if r.nameCase(src.ParameterGroup) != r.nameCase(w.group) {
		return query.Fault("SourceDatabaseNotSupportedFault", "The value of the lower_case_table_names parameter of the target parameter group %s must match that of the source parameter group %s.", w.group, src.ParameterGroup)
	}
	if v := r.parameter(w.group, "event_scheduler"); strings.EqualFold(v, "ON") || v == "1" {
		return query.Fault("InvalidParameterCombination", "The event_scheduler parameter must be disabled in the target parameter group %s.", w.group)
	}
	return nil
}

// nameCase is lower_case_table_names of a group; RDS's default is 0.
func (r *region) nameCase(group string) string {
	return or(r.parameter(group, "lower_case_table_names"), "0")
}

func (r *region) wishStorage(src *Instance, p *query.Params, w *greenWish) error {
	w.storage = src.Storage.asked()
	if v := p.Str("TargetStorageType"); v != "" && v != src.Storage.Type {
		w.storage = Storage{Type: v, GiB: src.Storage.GiB}
	}
	resized := false
	for _, f := range []struct {
		name string
		to   *int
	}{{"TargetAllocatedStorage", &w.storage.GiB}, {"TargetIops", &w.storage.IOPS}, {"TargetStorageThroughput", &w.storage.Throughput}} {
		if v, sent := p.Int(f.name); sent {
			resized = resized || f.name == "TargetAllocatedStorage"
			*f.to = v
		}
	}
	if src.DedicatedLogVolume && w.storage.Type != "io1" && w.storage.Type != "io2" {
		return query.Fault("InvalidParameterCombination", "A dedicated log volume (DLV) is supported with storage types io1 and io2 only, not with %s.", w.storage.Type)
	}
	if err := checkStorage(w.storage); err != nil {
		return err
	}
	shrinks := w.storage.GiB < src.Storage.GiB
	if least := minimumSize(src); resized && shrinks && w.storage.GiB < least {
		return query.Fault("InvalidParameterValue", "The target allocated storage of %d GiB is too small. The minimum for %s is %d GiB.", w.storage.GiB, src.ID, least)
	}
	upgrade, _ := p.Bool("UpgradeTargetStorageConfig")
	c, _ := catalog.FindClass(w.class)
	w.configUpgrade = upgrade && src.ConfigUpgradeNeeded || shrinks || upgrade && c.OptimizedWrites && !src.class().OptimizedWrites
	return nil
}

// minimumSize is how far a volume can shrink: what is used, and a fifth more.
func minimumSize(i *Instance) int {
	return int(math.Ceil(float64(i.Storage.GiB) * float64(i.UsedPercent) / 100 * 1.2))
}
