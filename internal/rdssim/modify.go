package rdssim

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/catalog"
	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/query"
)

// change is a checked ModifyDBInstance request: what is applied at once, and
// the work that applies the rest, now or in the maintenance window.
type change struct {
	now     []func()
	work    []*activity
	after   []func() // when the work is done
	pending map[string]string
}

// modifyInstance answers ModifyDBInstance. Nothing changes unless every part of
// the request is acceptable.
func (r *region) modifyInstance(p *query.Params) ([]query.Node, error) {
	i, err := r.instance(p.Str("DBInstanceIdentifier"))
	if err != nil {
		return nil, err
	}
	if err := r.modifiable(i); err != nil {
		return nil, err
	}
	c := &change{pending: map[string]string{}}
	for _, part := range []func(*Instance, *query.Params, *change) error{
		r.changeVersion, r.changeClass, r.changeStorage, r.changeGroups, r.changeSettings, r.changeName,
	} {
		if err := part(i, p, c); err != nil {
			return nil, err
		}
	}
	immediately, _ := p.Bool("ApplyImmediately")
	if err := p.Err(); err != nil {
		return nil, err
	}
	for _, f := range c.now {
		f()
	}
	switch {
	case len(c.work) > 0 && immediately:
		last := c.work[len(c.work)-1]
		done := last.done
		last.done = func() {
			if done != nil {
				done()
			}
			for _, f := range c.after {
				f()
			}
		}
		r.sim.perform(i, c.work...)
	case len(c.pending) > 0:
		for k, v := range c.pending {
			i.Pending[k] = v
		}
	case len(c.now) > 0:
		r.sim.perform(i, &activity{status: statusModifying, took: r.sim.timing.ChangeSettings})
	}
	return []query.Node{r.instanceNode("DBInstance", i)}, nil
}

// modifiable refuses changes while an instance is busy or is switched over.
func (r *region) modifiable(i *Instance) error {
	if d := i.deploy; d != nil && d.Status == deploySwitching {
		return query.Fault("InvalidDBInstanceState", "The DB instance %s can't be modified while the blue/green deployment %s is being switched over.", i.ID, d.ID)
	}
	switch st := i.Status(); {
	case st == statusAvailable, st == statusOptimizing:
		return nil
	case st == statusInitializing && r.account.ModifyWhileInitializing:
		return nil
	default:
		return query.Fault("InvalidDBInstanceState", "Database instance is not in available state. DBInstance %s is in state: %s", i.ID, st)
	}
}

func (r *region) changeVersion(i *Instance, p *query.Params, c *change) error {
	to := p.Str("EngineVersion")
	if to == "" || to == i.EngineVersion {
		return nil
	}
	to, err := r.sim.resolveVersion(i.EngineVersion, to)
	if err != nil {
		return err
	}
	major := catalog.MajorOf(to) != catalog.MajorOf(i.EngineVersion)
	if allow, _ := p.Bool("AllowMajorVersionUpgrade"); major && !allow {
		return query.Fault("InvalidParameterCombination", "The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version.")
	}
	if err := r.upgradeFits(i, p, to); err != nil {
		return err
	}
	group, options := lower(p.Str("DBParameterGroupName")), lower(p.Str("OptionGroupName"))
	c.pending["EngineVersion"] = to
	c.work = append(c.work, r.upgradeWork(i, to, group, options, nil))
	return nil
}

// resolveVersion checks an upgrade path. A major ("8.0") means its newest minor.
func (s *Sim) resolveVersion(from, to string) (string, error) {
	if _, ok := catalog.Find(to); !ok {
		newest := ""
		for _, v := range catalog.Versions {
			if !v.Deprecated && catalog.MajorOf(v.Name) == to {
				newest = v.Name
			}
		}
		if newest == "" {
			return "", query.Fault("InvalidParameterCombination", "Cannot find version %s for mysql", to)
		}
		to = newest
	}
	if to != from && !slices.ContainsFunc(s.upgradeTargets(from), func(v catalog.Version) bool { return v.Name == to }) {
		return "", query.Fault("InvalidParameterCombination", "Cannot upgrade mysql from %s to %s", from, to)
	}
	return to, nil
}

func (r *region) upgradeFits(i *Instance, p *query.Params, to string) error {
	class := or(p.Str("DBInstanceClass"), i.Class)
	if cl, ok := catalog.FindClass(class); ok && !cl.Runs(to) {
		return unsupportedClass(class, to)
	}
	if catalog.MajorOf(to) == catalog.MajorOf(i.EngineVersion) {
		return nil
	}
	if name := p.Str("DBParameterGroupName"); name != "" {
		if err := r.familyFits(name, to); err != nil {
			return err
		}
	}
	if name := or(p.Str("OptionGroupName"), i.OptionGroup); !isDefaultOptions(name) {
		g, err := r.optionGroup(name)
		if err != nil {
			return err
		}
		if g.Major != catalog.MajorOf(to) {
			return query.Fault("InvalidParameterCombination", "The option group %s is associated with mysql %s and can't be used for mysql %s. Specify an option group of the new major version.", name, g.Major, catalog.MajorOf(to))
		}
	}
	return r.hopFits(i, to)
}

// hopFits keeps blue and green within what replication allows.
func (r *region) hopFits(i *Instance, to string) error {
	d := i.deploy
	if d == nil || d.Status == deployCompleted {
		return nil
	}
	for _, m := range d.Members {
		if m.Blue == i && m.Green != nil && catalog.Compare(to, m.Green.EngineVersion) > 0 {
			return query.Fault("InvalidDBInstanceState", "The DB instance %s is the source of blue/green deployment %s and can't be upgraded past its green environment.", i.ID, d.ID)
		}
		if m.Green == i && m.Blue != nil && !r.account.TwoHopGreen && catalog.MajorOf(m.Blue.EngineVersion) != catalog.MajorOf(i.EngineVersion) &&
			catalog.MajorOf(i.EngineVersion) != catalog.MajorOf(to) {
			return query.Fault("InvalidParameterCombination", "The DB instance %s replicates from %s (mysql %s) and can't be upgraded to mysql %s.", i.ID, m.Blue.ID, m.Blue.EngineVersion, to)
		}
	}
	return nil
}

func isDefaultOptions(name string) bool { return len(name) > 8 && name[:8] == "default:" }

func unsupportedClass(class, version string) error {
	return query.Fault("InvalidParameterCombination", "RDS does not support creating a DB instance with the following combination: DBInstanceClass=%s, Engine=mysql, EngineVersion=%s, LicenseModel=general-public-license. For supported combinations of instance class and database engine version, see the documentation.", class, version)
}

func (r *region) familyFits(group, version string) error {
	g, err := r.group(group)
	if err != nil {
		return err
	}
	if want := catalog.FamilyOf(version); g.Family != want {
		return query.Fault("InvalidParameterCombination", "The parameter group %s with DBParameterGroupFamily %s can't be used for this instance. Please use a parameter group with DBParameterGroupFamily %s.", g.Name, g.Family, want)
	}
	return nil
}

func (r *region) changeClass(i *Instance, p *query.Params, c *change) error {
	name := p.Str("DBInstanceClass")
	if name == "" || name == i.Class {
		return nil
	}
	cl, ok := catalog.FindClass(name)
	if !ok {
		return query.Fault("InvalidParameterValue", "Invalid DB Instance class: %s", name)
	}
	version := or(c.pending["EngineVersion"], i.EngineVersion)
	if !cl.Orderable(version) {
		return unsupportedClass(name, version)
	}
	took := r.sim.timing.ChangeClass
	if i.MultiAZ {
		took = r.sim.timing.ChangeClassMultiAZ
	}
	const restart = time.Minute
	c.pending["DBInstanceClass"] = name
	c.work = append(c.work, &activity{status: statusModifying, took: took - restart},
		&activity{status: statusModifying, took: restart, outage: true, done: func() {
			i.Class = name
			delete(i.Pending, "DBInstanceClass")
			r.restarted(i)
			r.emitInstance(i, "configuration change", "Finished applying modification to DB instance class")
		}})
	return nil
}

// restarted is what every start of the server brings.
func (r *region) restarted(i *Instance) {
	i.ApplyStatus = "in-sync"
	i.ReadOnly = r.bootReadOnly(i)
	r.settleData(i)
}

func (r *region) changeStorage(i *Instance, p *query.Params, c *change) error {
	want, changed := storageWish(i.Storage, p)
	if !changed || p.Err() != nil {
		return p.Err()
	}
	if dlv, sent := p.Bool("DedicatedLogVolume"); i.DedicatedLogVolume && (!sent || dlv) && want.Type != "io1" && want.Type != "io2" {
		return query.Fault("InvalidParameterCombination", "A dedicated log volume (DLV) is supported with storage types io1 and io2 only, not with %s.", want.Type)
	}
	if want.GiB < i.Storage.GiB {
		return query.Fault("InvalidParameterCombination", "Invalid storage size: the allocated storage can't be decreased from %d to %d GiB.", i.Storage.GiB, want.GiB)
	}
	if least := i.Storage.GiB + (i.Storage.GiB+9)/10; want.GiB > i.Storage.GiB && want.GiB < least {
		want.GiB = least // RDS rounds an increase up to ten percent
	}
	if err := checkStorage(want); err != nil {
		return err
	}
	if i.side != nil || r.sim.now.Before(i.StorageLockedUntil) {
		return query.Fault("InvalidParameterCombination", "You can't currently modify the storage of this DB instance because the previous storage change is being optimized.")
	}
	c.pending["StorageType"] = want.Type
	c.pending["AllocatedStorage"] = strconv.Itoa(want.GiB)
	t := r.sim.timing
	c.work = append(c.work, &activity{status: statusModifying, took: t.ChangeStorage, done: func() {
		r.setStorage(i, want.effective())
		delete(i.Pending, "StorageType")
		delete(i.Pending, "AllocatedStorage")
		r.emitInstance(i, "configuration change", "Finished applying modification to storage type")
	}})
	c.after = append(c.after, func() {
		took := perTiB(t.Optimize, t.OptimizePerTiB, want.GiB)
		r.sim.background(i, &activity{status: statusOptimizing, took: took, done: func() {
			i.StorageLockedUntil = r.sim.now.Add(r.sim.scale(t.OptimizeCoolDown))
		}})
	})
	return nil
}

// storageWish is the storage that a request asks for, and whether that differs
// from what there is.
func storageWish(have Storage, p *query.Params) (want Storage, changed bool) {
	want = have.asked()
	if v := p.Str("StorageType"); v != "" && v != have.Type {
		want = Storage{Type: v, GiB: have.GiB}
	}
	for _, f := range []struct {
		name string
		to   *int
	}{{"AllocatedStorage", &want.GiB}, {"Iops", &want.IOPS}, {"StorageThroughput", &want.Throughput}} {
		if v, sent := p.Int(f.name); sent {
			*f.to = v
		}
	}
	return want, want.effective() != have.effective()
}

func (r *region) changeGroups(i *Instance, p *query.Params, c *change) error {
	version := or(c.pending["EngineVersion"], i.EngineVersion)
	if name := lower(p.Str("DBParameterGroupName")); name != "" && name != i.ParameterGroup {
		if err := r.familyFits(name, version); err != nil {
			return err
		}
		if catalog.MajorOf(version) == catalog.MajorOf(i.EngineVersion) {
			c.now = append(c.now, func() { i.ParameterGroup, i.ApplyStatus = name, "pending-reboot" })
		}
	}
	if name := lower(p.Str("OptionGroupName")); name != "" && name != i.OptionGroup {
		g, err := r.optionGroup(name)
		if err != nil {
			return err
		}
		if g.Major != catalog.MajorOf(version) {
			return query.Fault("InvalidParameterCombination", "The option group %s can't be used with mysql %s.", name, version)
		}
		if catalog.MajorOf(version) == catalog.MajorOf(i.EngineVersion) {
			c.now = append(c.now, func() { i.OptionGroup = name })
		}
	}
	return nil
}

func (r *region) changeSettings(i *Instance, p *query.Params, c *change) error {
	set := func(name string, to *bool) {
		if v, sent := p.Bool(name); sent && v != *to {
			c.now = append(c.now, func() { *to = v })
		}
	}
	set("DeletionProtection", &i.DeletionProtection)
	set("AutoMinorVersionUpgrade", &i.AutoMinorUpgrade)
	set("EnableIAMDatabaseAuthentication", &i.IAMAuthentication)
	set("EnablePerformanceInsights", &i.PerformanceInsights)
	if v, sent := p.Int("BackupRetentionPeriod"); sent && v != i.BackupRetention {
		if v < 0 || v > 35 {
			return query.Fault("InvalidParameterValue", "Invalid backup retention period: %d. Retention period must be between 0 and 35", v)
		}
		c.now = append(c.now, func() { i.BackupRetention = v })
	}
	if v, sent := p.Int("MaxAllocatedStorage"); sent && v != i.MaxAllocatedStorage {
		c.now = append(c.now, func() { i.MaxAllocatedStorage = v })
	}
	for name, to := range map[string]*string{"CACertificateIdentifier": &i.CACertificate, "EngineLifecycleSupport": &i.LifecycleSupport} {
		if v := p.Str(name); v != "" && v != *to {
			c.now = append(c.now, func() { *to = v })
		}
	}
	if v, sent := p.Bool("ManageMasterUserPassword"); sent && v != i.ManagedPassword {
		if !v && p.Str("MasterUserPassword") == "" {
			return query.Fault("InvalidParameterCombination", "You must specify MasterUserPassword when ManageMasterUserPassword is turned off.")
		}
		c.now = append(c.now, func() { i.ManagedPassword = v })
	}
	if v, sent := p.Bool("DedicatedLogVolume"); sent && v != i.DedicatedLogVolume {
		c.pending["DedicatedLogVolume"] = fmt.Sprint(v)
		c.work = append(c.work, &activity{status: statusModifying, took: r.sim.timing.ChangeStorage, outage: true, done: func() { i.DedicatedLogVolume = v }})
	}
	if v, sent := p.Bool("MultiAZ"); sent && v != i.MultiAZ {
		c.pending["MultiAZ"] = fmt.Sprint(v)
		c.work = append(c.work, &activity{status: statusModifying, took: r.sim.timing.ChangeMultiAZ, done: func() {
			i.MultiAZ = v
			delete(i.Pending, "MultiAZ")
		}})
	}
	return nil
}

func (r *region) changeName(i *Instance, p *query.Params, c *change) error {
	name := lower(p.Str("NewDBInstanceIdentifier"))
	if name == "" || name == i.ID {
		return nil
	}
	if !idPattern.MatchString(name) || len(name) > 63 {
		return query.Fault("InvalidParameterValue", "The parameter NewDBInstanceIdentifier is not a valid identifier: %q", name)
	}
	if _, taken := r.instances.get(name); taken {
		return query.Fault("DBInstanceAlreadyExists", "DB instance already exists: %s", name)
	}
	if d := i.deploy; d != nil && d.Status != deployCompleted {
		return query.Fault("InvalidDBInstanceState", "The DB instance %s is part of the blue/green deployment %s and can't be renamed.", i.ID, d.ID)
	}
	c.pending["DBInstanceIdentifier"] = name
	c.work = append(c.work, &activity{status: statusRenaming, took: r.sim.timing.Rename, outage: true, done: func() {
		if _, taken := r.instances.get(name); taken {
			r.emitInstance(i, "failure", "The DB instance could not be renamed: %s exists", name)
			return
		}
		old := i.ID
		r.rename(i, name)
		r.release(old)
		delete(i.Pending, "DBInstanceIdentifier")
	}})
	return nil
}

// rename moves an instance to another name; whoever had that name has left.
func (r *region) rename(i *Instance, name string) {
	if cur, ok := r.instances.get(i.ID); ok && cur == i {
		r.instances.remove(i.ID)
	}
	i.ID = name
	r.instances.put(name, i)
}

// release gives up the address of a name that does not exist any more.
func (r *region) release(name string) {
	if _, ok := r.instances.get(name); !ok && r.sim.opts.Endpoints != nil {
		r.sim.opts.Endpoints.Release(r.at, name)
	}
}
