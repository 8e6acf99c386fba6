package rdssim

import (
	"errors"
	"fmt"
	"maps"
	"regexp"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/catalog"
)

var (
	accountPattern = regexp.MustCompile(`^[0-9]{12}$`)
	idPattern      = regexp.MustCompile(`^[a-z](-?[a-z0-9])*$`)
)

// Validate reports everything that is wrong with the fleet, joined.
func (f *Fleet) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(f.Accounts) == 0 {
		bad("accounts: at least one account is needed")
	}
	regions := map[string]map[string]bool{}
	for i, a := range f.Accounts {
		if !accountPattern.MatchString(a.ID) {
			bad("accounts[%d]: id %q is not twelve digits", i, a.ID)
		}
		if len(a.Regions) == 0 {
			bad("accounts[%d] (%s): no regions", i, a.ID)
		}
		regions[a.ID] = map[string]bool{}
		for _, r := range a.Regions {
			regions[a.ID][r] = true
		}
		for name := range a.Quotas {
			if _, ok := defaultQuotas[name]; !ok {
				bad("accounts[%d] (%s): unknown quota %q", i, a.ID, name)
			}
		}
	}
	groups := map[string]bool{}
	for i, g := range f.ParameterGroups {
		groups[g.Name] = true
		if g.Name == "" || len(catalog.Parameters(g.Family)) == 0 {
			bad("parameter_groups[%d]: needs a name and a family of %v, has %q and %q", i, catalog.Families, g.Name, g.Family)
		}
		for name, value := range g.Parameters {
			p, ok := catalog.FindParameter(g.Family, name)
			if !ok {
				bad("parameter_groups[%d] (%s): %s has no parameter %q", i, g.Name, g.Family, name)
			} else if err := p.Check(value); err != nil {
				bad("parameter_groups[%d] (%s): %w", i, g.Name, err)
			}
		}
	}
	seen := map[string]bool{}
	for i := range f.Databases {
		d := f.Databases[i].with(f.Defaults)
		where := fmt.Sprintf("databases[%d] (%s)", i, d.ID)
		for _, err := range d.check(regions) {
			bad("%s: %w", where, err)
		}
		if d.ParameterGroup != "" && !groups[d.ParameterGroup] && !isDefaultGroup(d.ParameterGroup) {
			bad("%s: parameter_group %q is not described", where, d.ParameterGroup)
		}
		for _, id := range d.instanceIDs() {
			key := d.Account + "/" + d.Region + "/" + id
			if seen[key] {
				bad("%s: the instance %q exists twice", where, id)
			}
			seen[key] = true
		}
	}
	return errors.Join(errs...)
}

func isDefaultGroup(name string) bool {
	for _, f := range catalog.Families {
		if name == "default."+f {
			return true
		}
	}
	return false
}

func (d DatabaseSpec) instanceIDs() []string {
	ids := []string{d.ID}
	for _, r := range d.Replicas {
		if r.Region == "" || r.Region == d.Region {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

func (d DatabaseSpec) check(regions map[string]map[string]bool) []error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !idPattern.MatchString(d.ID) || len(d.ID) > 63 {
		bad("id %q is not a DB instance identifier", d.ID)
	}
	if !regions[d.Account][d.Region] {
		bad("account %q with Region %q is not among the accounts", d.Account, d.Region)
	}
	if _, ok := catalog.Find(d.EngineVersion); !ok {
		bad("engine_version %q is not a version of RDS for MySQL", d.EngineVersion)
	}
	class, ok := catalog.FindClass(d.Class)
	if !ok {
		bad("class %q is not an instance class", d.Class)
	} else if !class.Runs(d.EngineVersion) {
		bad("class %q does not run %s", d.Class, d.EngineVersion)
	}
	if err := checkStorage(d.storage()); err != nil {
		bad("%w", err)
	}
	names := map[string]bool{d.ID: true}
	for _, r := range d.Replicas {
		if !idPattern.MatchString(r.ID) {
			bad("replica id %q is not a DB instance identifier", r.ID)
		}
		if r.Source != "" && !names[r.Source] {
			bad("replica %s: source %q is not the database or a replica listed before", r.ID, r.Source)
		}
		if r.Region != "" && !regions[d.Account][r.Region] {
			bad("replica %s: Region %q is not among the account's", r.ID, r.Region)
		}
		names[r.ID] = true
	}
	return errs
}

func (d DatabaseSpec) storage() Storage {
	return Storage{Type: d.StorageType, GiB: d.AllocatedStorage, IOPS: d.IOPS, Throughput: d.Throughput}
}

// with fills what d leaves out from the defaults.
func (d DatabaseSpec) with(def DatabaseSpec) DatabaseSpec {
	pick := func(v *string, defaults ...string) {
		for i := 0; *v == "" && i < len(defaults); i++ {
			*v = defaults[i]
		}
	}
	pickInt := func(v *int, def int) {
		if *v == 0 {
			*v = def
		}
	}
	pick(&d.Account, def.Account)
	pick(&d.Region, def.Region)
	pick(&d.EngineVersion, def.EngineVersion, "5.7.44")
	pick(&d.Class, def.Class, "db.m5.large")
	pick(&d.StorageType, def.StorageType, "gp2")
	pick(&d.OptionGroup, def.OptionGroup)
	pick(&d.Profile, def.Profile, "clean")
	pick(&d.ProfileAfter, def.ProfileAfter, "after-8.0")
	pick(&d.Schema, def.Schema, "appdb")
	pick(&d.CACertificate, def.CACertificate, "rds-ca-rsa2048-g1")
	pick(&d.LifecycleSupport, def.LifecycleSupport, "open-source-rds-extended-support")
	pick(&d.MasterUser, def.MasterUser, "admin")
	if catalog.FamilyOf(def.EngineVersion) == catalog.FamilyOf(d.EngineVersion) {
		pick(&d.ParameterGroup, def.ParameterGroup)
	}
	pickInt(&d.AllocatedStorage, def.AllocatedStorage)
	pickInt(&d.AllocatedStorage, 100)
	pickInt(&d.UsedStoragePercent, def.UsedStoragePercent)
	pickInt(&d.UsedStoragePercent, 60)
	pickInt(&d.LagSeconds, def.LagSeconds)
	pickInt(&d.LagSeconds, 120)
	for _, p := range []struct{ v, def **bool }{
		{&d.MultiAZ, &def.MultiAZ}, {&d.Encrypted, &def.Encrypted},
		{&d.DeletionProtection, &def.DeletionProtection}, {&d.PerformanceInsights, &def.PerformanceInsights},
	} {
		if *p.v == nil {
			*p.v = *p.def
		}
	}
	if d.BackupRetention == nil {
		d.BackupRetention = def.BackupRetention
	}
	tags := maps.Clone(def.Tags)
	if tags == nil {
		tags = map[string]string{}
	}
	maps.Copy(tags, d.Tags)
	d.Tags = tags
	return d
}
