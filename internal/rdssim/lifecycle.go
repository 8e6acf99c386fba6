package rdssim

import (
	"maps"
	"slices"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/catalog"
	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/query"
)

func (r *region) rebootInstance(p *query.Params) ([]query.Node, error) {
	i, err := r.instance(p.Str("DBInstanceIdentifier"))
	if err != nil {
		return nil, err
	}
	if err := r.modifiable(i); err != nil {
		return nil, err
	}
	if force, _ := p.Bool("ForceFailover"); force && !i.MultiAZ {
		return nil, query.Fault("InvalidParameterCombination", "Cannot force a failover of a DB instance that is not Multi-AZ")
	}
	r.sim.perform(i, &activity{status: statusRebooting, took: r.sim.timing.Reboot, outage: true, done: func() {
		r.restarted(i)
		r.emitInstance(i, "availability", "DB instance restarted")
	}})
	return []query.Node{r.instanceNode("DBInstance", i)}, nil
}

func (r *region) deleteInstance(p *query.Params) ([]query.Node, error) {
	i, err := r.instance(p.Str("DBInstanceIdentifier"))
	if err != nil {
		return nil, err
	}
	skip, _ := p.Bool("SkipFinalSnapshot")
	final := p.Str("FinalDBSnapshotIdentifier")
	switch {
	case i.DeletionProtection:
		return nil, query.Fault("InvalidParameterCombination", "Cannot delete protected DB Instance, please disable deletion protection and try again.")
	case len(i.work) > 0:
		return nil, query.Fault("InvalidDBInstanceState", "Instance %s is not in a state that can be deleted: %s", i.ID, i.Status())
	case i.deploy != nil && i.deploy.Status == deploySwitching:
		return nil, query.Fault("InvalidDBInstanceState", "Instance %s is being switched over by %s", i.ID, i.deploy.ID)
	case skip && final != "":
		return nil, query.Fault("InvalidParameterCombination", "FinalDBSnapshotIdentifier cannot be specified when SkipFinalSnapshot is enabled.")
	case !skip && final == "":
		return nil, query.Fault("InvalidParameterCombination", "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.")
	case final != "" && i.source != nil:
		return nil, query.Fault("InvalidParameterCombination", "FinalDBSnapshotIdentifier can't be specified when deleting a read replica.")
	}
	took := r.sim.timing.Delete
	if final != "" {
		s, err := r.takeSnapshot(i, final, maps.Clone(i.Tags))
		if err != nil {
			return nil, err
		}
		took += s.took
	}
	r.remove(i, took)
	return []query.Node{r.instanceNode("DBInstance", i)}, nil
}

// remove deletes an instance after the given time.
func (r *region) remove(i *Instance, took time.Duration) {
	i.side = nil
	r.sim.perform(i, &activity{status: statusDeleting, took: took, done: func() { r.vanish(i) }})
}

func (r *region) vanish(i *Instance) {
	r.emitInstance(i, "deletion", "DB instance deleted")
	i.deleted = true
	r.sim.stir(i)
	if i.source != nil {
		r.sim.stir(i.source)
	}
	for _, child := range slices.Clone(i.replicas) {
		child.detach()
		r.sim.stir(child)
	}
	i.detach()
	if cur, ok := r.instances.get(i.ID); ok && cur == i {
		r.instances.remove(i.ID)
		r.gib -= i.Storage.GiB
	}
	r.release(i.ID)
	r.removeData(i)
	if i.deploy != nil {
		i.deploy.memberGone(r, i)
	}
}

func (r *region) promoteReplica(p *query.Params) ([]query.Node, error) {
	i, err := r.instance(p.Str("DBInstanceIdentifier"))
	if err != nil {
		return nil, err
	}
	if err := r.modifiable(i); err != nil {
		return nil, err
	}
	if i.source == nil && i.remote == "" {
		return nil, query.Fault("InvalidDBInstanceState", "DB Instance is not a read replica: %s", i.ID)
	}
	r.sim.perform(i, &activity{status: statusModifying, took: r.sim.timing.Promote, outage: true, done: func() {
		i.detach()
		i.remote = ""
		i.BackupRetention = max(i.BackupRetention, 1)
		r.restarted(i)
		r.emitInstance(i, "notification", "Promoted Read Replica instance to a stand-alone database instance")
		if d := i.deploy; d != nil && d.Status != deployCompleted {
			d.fail(r, "the green DB instance "+i.ID+" was promoted and does not replicate any more")
		}
	}})
	return []query.Node{r.instanceNode("DBInstance", i)}, nil
}

func (r *region) createReadReplica(p *query.Params) ([]query.Node, error) {
	source, err := r.instance(p.Str("SourceDBInstanceIdentifier"))
	if err != nil {
		return nil, err
	}
	id := lower(p.Str("DBInstanceIdentifier"))
	switch {
	case !idPattern.MatchString(id) || len(id) > 63:
		return nil, query.Fault("InvalidParameterValue", "The parameter DBInstanceIdentifier is not a valid identifier: %q", id)
	case source.BackupRetention == 0:
		return nil, query.Fault("InvalidDBInstanceState", "Automated backups are not enabled for this database instance. To enable automated backups, use ModifyDBInstance to set the backup retention period to a non-zero value.")
	case len(source.work) > 0:
		return nil, query.Fault("InvalidDBInstanceState", "Source DB instance %s is not in available state: %s", source.ID, source.Status())
	case len(source.replicas) >= r.account.quotas["ReadReplicasPerMaster"]:
		return nil, query.Fault("InvalidParameterValue", "The source DB instance %s already has %d read replicas", source.ID, len(source.replicas))
	}
	if _, ok := r.instances.get(id); ok {
		return nil, query.Fault("DBInstanceAlreadyExists", "DB instance already exists: %s", id)
	}
	if err := r.quotaFor(1, source.Storage.GiB); err != nil {
		return nil, err
	}
	class := or(p.Str("DBInstanceClass"), source.Class)
	if cl, ok := catalog.FindClass(class); !ok || !cl.Orderable(source.EngineVersion) {
		return nil, unsupportedClass(class, source.EngineVersion)
	}
	i := r.newInstance(source, id)
	i.Class = class
	i.Tags = tagsOf(p)
	i.attach(source)
	t := r.sim.timing
	r.sim.perform(i, &activity{status: statusCreating, took: perTiB(t.CreateReplica, t.CreateReplicaPerTiB, i.Storage.GiB), done: func() {
		i.ReadOnly = r.bootReadOnly(i)
		i.lag = lagModel{behind: time.Minute, since: r.sim.now}
	}})
	return []query.Node{r.instanceNode("DBInstance", i)}, nil
}

// newInstance makes a copy of an instance under a new name and identity.
func (r *region) newInstance(from *Instance, name string) *Instance {
	rnd := r.sim.random("resource", r.at.Account, r.at.Region, name, r.sim.nextSerial())
	i := from.clone()
	i.ID, i.ResourceID = name, resourceID(rnd.Uint64(), rnd.Uint64())
	i.CreateTime, i.base, i.ApplyStatus = r.sim.now, statusAvailable, "in-sync"
	i.Cluster, i.ManagedPassword, i.ExternalReplication = "", false, false
	i.StorageLockedUntil = time.Time{}
	i.lag = lagModel{since: r.sim.now}
	r.add(i)
	return i
}

// quotaFor refuses what would exceed the account's limits in the Region.
func (r *region) quotaFor(instances, gib int) error {
	if limit := r.account.quotas["DBInstances"]; r.used("DBInstances")+instances > limit {
		return query.Fault("InstanceQuotaExceeded", "Cannot create more than %d DB instances in this Region", limit)
	}
	if limit := r.account.quotas["AllocatedStorage"]; r.used("AllocatedStorage")+gib > limit {
		return query.Fault("StorageQuotaExceeded", "The total allocated storage of %d GiB in this Region would be exceeded", limit)
	}
	return nil
}

func (r *region) addRole(p *query.Params) ([]query.Node, error) {
	i, err := r.instance(p.Str("DBInstanceIdentifier"))
	if err != nil {
		return nil, err
	}
	role := Role{ARN: p.Str("RoleArn"), Feature: p.Str("FeatureName")}
	if slices.Contains(i.Roles, role) {
		return nil, query.Fault("DBInstanceRoleAlreadyExists", "The role %s is already associated with %s", role.ARN, i.ID)
	}
	if limit := r.account.quotas["DBInstanceRoles"]; len(i.Roles) >= limit {
		return nil, query.Fault("DBInstanceRoleQuotaExceeded", "Cannot associate more than %d roles", limit)
	}
	if st := i.Status(); st != statusAvailable {
		return nil, query.Fault("InvalidDBInstanceState", "DB instance %s is not in available state: %s", i.ID, st)
	}
	i.Roles = append(i.Roles, role)
	return nil, nil
}

func (r *region) removeRole(p *query.Params) ([]query.Node, error) {
	i, err := r.instance(p.Str("DBInstanceIdentifier"))
	if err != nil {
		return nil, err
	}
	role := Role{ARN: p.Str("RoleArn"), Feature: p.Str("FeatureName")}
	n := slices.Index(i.Roles, role)
	if n < 0 {
		return nil, query.NotFound("DBInstanceRoleNotFound", "The role %s is not associated with %s", role.ARN, i.ID)
	}
	i.Roles = slices.Delete(i.Roles, n, n+1)
	return nil, nil
}
