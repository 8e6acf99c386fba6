package rdssim

import "time"

// Timing holds how long things take in simulated time. Durations that depend
// on the volume grow by the PerTiB part.
type Timing struct {
	CreateReplica, CreateReplicaPerTiB time.Duration // snapshot, restore, start of replication
	Upgrade, UpgradePerTiB             time.Duration // major engine upgrade
	MinorUpgrade                       time.Duration
	ConfigureBackups                   time.Duration
	Initialize, InitializePerTiB       time.Duration // lazy load of blocks
	ConfigUpgrade, ConfigUpgradePerTiB time.Duration // file system, Optimized Writes, shrink
	ChangeClass, ChangeClassMultiAZ    time.Duration
	ChangeStorage                      time.Duration
	Optimize, OptimizePerTiB           time.Duration // storage-optimization
	OptimizeCoolDown                   time.Duration // no further storage change after it
	ChangeMultiAZ                      time.Duration
	ChangeSettings                     time.Duration
	Rename                             time.Duration
	Reboot                             time.Duration
	Delete                             time.Duration
	FinalSnapshot, SnapshotPerTiB      time.Duration
	DeleteDeployment                   time.Duration
	Guardrails                         time.Duration // checks before a switchover stops writes
	SwitchDark, SwitchDarkPerReplica   time.Duration // nobody can write
	ApplyParameters                    time.Duration
	Promote                            time.Duration
	Visible                            time.Duration // describe calls lag behind by at most this
	Jitter                             float64       // share by which durations differ
	LagDrain                           float64       // seconds of lag caught up per second
}

// DefaultTiming is the order of magnitude of what practitioners report.
func DefaultTiming() Timing {
	return Timing{
		CreateReplica: 9 * time.Minute, CreateReplicaPerTiB: 12 * time.Minute,
		Upgrade: 10 * time.Minute, UpgradePerTiB: 3 * time.Minute, MinorUpgrade: 4 * time.Minute,
		ConfigureBackups: 5 * time.Minute,
		Initialize:       6 * time.Minute, InitializePerTiB: 25 * time.Minute,
		ConfigUpgrade: 15 * time.Minute, ConfigUpgradePerTiB: 40 * time.Minute,
		ChangeClass: 8 * time.Minute, ChangeClassMultiAZ: 10 * time.Minute,
		ChangeStorage: 2 * time.Minute, Optimize: 8 * time.Minute, OptimizePerTiB: 30 * time.Minute, OptimizeCoolDown: 6 * time.Hour,
		ChangeMultiAZ: 10 * time.Minute, ChangeSettings: 20 * time.Second,
		Rename: 90 * time.Second, Reboot: 40 * time.Second, Delete: 4 * time.Minute,
		FinalSnapshot: 4 * time.Minute, SnapshotPerTiB: 5 * time.Minute, DeleteDeployment: 30 * time.Second,
		Guardrails: 10 * time.Second, SwitchDark: 4 * time.Second, SwitchDarkPerReplica: time.Second,
		ApplyParameters: 20 * time.Second, Promote: 3 * time.Minute,
		Visible: 2 * time.Second, Jitter: 0.15, LagDrain: 5,
	}
}

func perTiB(base, per time.Duration, gib int) time.Duration {
	return base + time.Duration(float64(per)*float64(gib)/1024)
}

// vary spreads a duration by the jitter, the same way for the same names.
func (s *Sim) vary(d time.Duration, parts ...string) time.Duration {
	if s.timing.Jitter == 0 {
		return d
	}
	f := 1 + s.timing.Jitter*(2*s.random(append(parts, d.String())...).Float64()-1)
	return time.Duration(float64(d) * f)
}
