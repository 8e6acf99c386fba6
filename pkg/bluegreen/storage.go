package bluegreen

import "fmt"

// The limits of gp3 on RDS for MySQL. From 400 GiB RDS stripes a volume over
// four: only there can its performance be provisioned. Source: RDS user guide,
// CHAP_Storage.
const (
	stripeGiB        = 400
	gp3SmallIOPS     = 3000
	gp3SmallMiBps    = 125
	gp2SmallMiBps    = 128 // no more than gp3's smallest that anyone would see
	gp3BaseIOPS      = 12000
	gp3BaseMiBps     = 500
	gp3MaxIOPS       = 64000
	gp3MaxMiBps      = 4000
	gp3IOPSPerGiB    = 500
	gp3IOPSPerMiBps  = 4     // throughput is at most a quarter of the IOPS
	gp3AutoRaiseIOPS = 32000 // above, throughput follows IOPS at 16 KiB each
	gp2MaxIOPS       = 64000
	raiseFromGiB     = 300 // the least size from which growing to 400 GiB is cheap

	sourceStorage = "RDS user guide, CHAP_Storage"
)

// storageChoice is the storage that an instance shall have, and why.
type storageChoice struct {
	spec   StorageSpec
	notes  []string
	issues []Issue
}

func (c *storageChoice) note(format string, args ...any) {
	c.notes = append(c.notes, fmt.Sprintf(format, args...))
}

// performance is what a volume gives today: provisioned, or by its size.
type performance struct{ iops, mibps int }

// deliveredToday is the sustained performance of a volume. For gp2 that is
// 3 IOPS per GiB; its throughput is what AWS states per size, the lower figure
// of a range where only bursting reaches the upper one. A provisioned IOPS
// volume moves up to 256 KiB per operation.
func deliveredToday(i Instance) performance {
	switch i.StorageType {
	case "gp2":
		return performance{iops: min(max(3*i.AllocatedGiB, 100), gp2MaxIOPS), mibps: gp2Throughput(i.AllocatedGiB)}
	case "gp3":
		if i.AllocatedGiB < stripeGiB {
			return performance{gp3SmallIOPS, gp3SmallMiBps}
		}
		return performance{max(i.IOPS, gp3BaseIOPS), max(i.ThroughputMiBps, gp3BaseMiBps)}
	case "io1", "io2":
		return performance{i.IOPS, min(i.IOPS/gp3IOPSPerMiBps, gp3MaxMiBps)}
	}
	return performance{iops: 100, mibps: 100} // magnetic
}

func gp2Throughput(gib int) int {
	switch {
	case gib >= 1336:
		return 1000
	case gib >= stripeGiB:
		return min(max(512, gib*3/4), 1000) // 3 IOPS per GiB of 256 KiB each
	case gib >= 334:
		return 250
	}
	return 128
}

// chooseStorage sizes the storage of one instance so that it never gives less
// than today, unless the policy states a number.
// minGiB is the size that it will have at least: a green replica's allocated
// storage is that of the green primary.
func chooseStorage(i Instance, minGiB int, pol TargetPolicy) storageChoice {
	size, shrinks := pol.size(i)
	if size < i.AllocatedGiB && minGiB > 0 {
		size, shrinks = i.AllocatedGiB, "" // a replica follows its primary
	}
	size = max(size, minGiB)
	if pol.StorageType != "gp3" {
		return keepStorage(i, size)
	}
	today, measured, why := pol.demand(i)
	choice := chooseGP3(i, size, today, measured, pol)
	for _, n := range []string{why, shrinks} {
		if n != "" {
			choice.note("%s", n)
		}
	}
	return choice
}

// chooseGP3 finds a gp3 volume that gives what is needed, or stays.
func chooseGP3(i Instance, size int, today performance, measured bool, pol TargetPolicy) storageChoice {
	switch need := wanted(pol.IOPS, today.iops); {
	case i.DedicatedLog:
		return stayOn(i, size, "storage-dedicated-log", "a dedicated log volume exists with io1 and io2 only",
			"turn the dedicated log volume off first, or keep the storage type")
	case need > gp3MaxIOPS:
		return stayOn(i, size, "storage-does-not-fit", fmt.Sprintf("%d IOPS are needed, gp3 ends at %d", need, gp3MaxIOPS),
			"state a lower number in target.storage.iops, or keep the storage type")
	}
	c := storageChoice{spec: StorageSpec{Type: "gp3", AllocatedGiB: size}}
	c.raise(i, today, pol)
	if c.spec.AllocatedGiB >= stripeGiB {
		c.provision(i, today, pol)
		return c
	}
	if today.iops > gp3SmallIOPS {
		return stayOn(i, size, "storage-does-not-fit", fmt.Sprintf("%d IOPS on %d GiB: gp3 gives %d below %d GiB", today.iops, i.AllocatedGiB, gp3SmallIOPS, stripeGiB),
			fmt.Sprintf("let it grow to %d GiB (target.storage.raise_to_400), or keep the storage type", stripeGiB))
	}
	c.small(i, today, measured, pol)
	return c
}

// wanted is the policy's number, or today's where it says keep.
func wanted(policy, today int) int {
	if policy > 0 {
		return policy
	}
	return today
}

// keepStorage leaves type and performance as they are.
func keepStorage(i Instance, size int) storageChoice {
	return storageChoice{spec: StorageSpec{Type: i.StorageType, AllocatedGiB: size,
		IOPS: sendableIOPS(i), ThroughputMiBps: sendableThroughput(i)}}
}

// sendableIOPS is the provisioned IOPS where RDS accepts the field.
func sendableIOPS(i Instance) int {
	switch {
	case i.StorageType == "io1", i.StorageType == "io2", i.StorageType == "gp3" && i.AllocatedGiB >= stripeGiB:
		return i.IOPS
	}
	return 0
}

func sendableThroughput(i Instance) int {
	if i.StorageType == "gp3" && i.AllocatedGiB >= stripeGiB {
		return i.ThroughputMiBps
	}
	return 0
}

// stayOn keeps the storage because gp3 cannot do what it does.
func stayOn(i Instance, size int, id, why, wayOut string) storageChoice {
	c := keepStorage(i, size)
	c.issues = append(c.issues, Issue{
		ID: id, Severity: "warn", Message: fmt.Sprintf("%s stays on %s: %s", i.ID, i.StorageType, why),
		Evidence: fmt.Sprintf("%s: %s", i.ID, describeStorage(i)), WayOut: wayOut, Source: sourceStorage,
	})
	return c
}

// raise lets a volume grow to the size from which gp3 is striped: where that is
// cheap, or where the volume would lose performance otherwise.
func (c *storageChoice) raise(i Instance, today performance, pol TargetPolicy) {
	cheap := i.AllocatedGiB >= raiseFromGiB
	needed := today.iops > gp3SmallIOPS
	if c.spec.AllocatedGiB >= stripeGiB || !pol.RaiseTo400 || !cheap && !needed {
		return
	}
	c.spec.AllocatedGiB = stripeGiB
	c.note("%s grows from %d to %d GiB, from where gp3 gives %d IOPS and %d MiB/s", i.ID, i.AllocatedGiB, stripeGiB, gp3BaseIOPS, gp3BaseMiBps)
}

// small says what a gp3 volume below 400 GiB does not do.
func (c *storageChoice) small(i Instance, today performance, measured bool, pol TargetPolicy) {
	if pol.IOPS > 0 || pol.ThroughputMiBps > 0 {
		c.note("%s: below %d GiB IOPS and throughput cannot be provisioned, gp3 gives %d and %d MiB/s", i.ID, stripeGiB, gp3SmallIOPS, gp3SmallMiBps)
	}
	reach := today.mibps
	if !measured && i.StorageType == "gp2" && i.AllocatedGiB > 170 {
		reach = 250 // by bursting up to 333 GiB, always from 334
	}
	if reach <= gp2SmallMiBps {
		return
	}
	c.issues = append(c.issues, Issue{
		ID: "gp3-throughput-lower", Severity: "warn",
		Message:  fmt.Sprintf("%s: gp3 below %d GiB moves %d MiB/s, today's %s up to %d", i.ID, stripeGiB, gp3SmallMiBps, i.StorageType, reach),
		Evidence: fmt.Sprintf("%s: %s", i.ID, describeStorage(i)), Source: sourceStorage,
		WayOut: fmt.Sprintf("let it grow to %d GiB (target.storage.raise_to_400), keep the storage type, or accept it", stripeGiB),
	})
}

// provision sets IOPS and throughput of a striped volume, both or neither, and
// neither where the baseline is enough.
func (c *storageChoice) provision(i Instance, today performance, pol TargetPolicy) {
	iops, mibps := max(today.iops, gp3BaseIOPS), max(today.mibps, gp3BaseMiBps)
	if pol.IOPS > 0 {
		iops = max(pol.IOPS, gp3BaseIOPS)
		c.lowerThanToday(i, "IOPS", iops, today.iops)
	}
	if pol.ThroughputMiBps > 0 {
		mibps = max(pol.ThroughputMiBps, gp3BaseMiBps)
		c.lowerThanToday(i, "MiB/s", mibps, today.mibps)
	}
	if mibps > gp3MaxMiBps {
		c.note("%s: %d MiB/s asked for, gp3 ends at %d", i.ID, mibps, gp3MaxMiBps)
		mibps = gp3MaxMiBps
	}
	if need := mibps * gp3IOPSPerMiBps; need > iops {
		c.note("%s: %d MiB/s need %d IOPS, a throughput is at most a quarter of them", i.ID, mibps, need)
		iops = need
	}
	if follows := (iops + 63) / 64; iops > gp3AutoRaiseIOPS && follows > mibps {
		c.note("%s: RDS raises the throughput to %d MiB/s above %d IOPS", i.ID, follows, gp3AutoRaiseIOPS)
		mibps = follows
	}
	if limit := c.spec.AllocatedGiB * gp3IOPSPerGiB; iops > limit {
		c.note("%s: %d GiB carry at most %d IOPS", i.ID, c.spec.AllocatedGiB, limit)
		iops = limit
	}
	if iops > gp3BaseIOPS || mibps > gp3BaseMiBps || i.StorageType == "gp3" && (i.IOPS > iops || i.ThroughputMiBps > mibps) {
		c.spec.IOPS, c.spec.ThroughputMiBps = iops, mibps
	}
	if pol.ThroughputMiBps == 0 && mibps > 1000 && (i.StorageType == "io1" || i.StorageType == "io2") {
		c.note("%s: %d MiB/s is the most that %d IOPS of %s can move; where less is used, a number in target.storage.throughput is cheaper", i.ID, mibps, i.IOPS, i.StorageType)
	}
}

func (c *storageChoice) lowerThanToday(i Instance, unit string, want, today int) {
	if want < today {
		c.issues = append(c.issues, Issue{
			ID: "storage-below-today", Severity: "warn",
			Message:  fmt.Sprintf("%s: the plan's %d %s are fewer than today's %d", i.ID, want, unit, today),
			Evidence: fmt.Sprintf("%s: %s", i.ID, describeStorage(i)), Source: sourceStorage,
			WayOut: "say keep instead of a number, or accept it after measuring",
		})
	}
}

func describeStorage(i Instance) string {
	return StorageSpec{Type: i.StorageType, AllocatedGiB: i.AllocatedGiB, IOPS: i.IOPS, ThroughputMiBps: i.ThroughputMiBps}.String()
}
