package rdssim

import (
	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/catalog"
	"github.com/rdsupgrade/rdsupgrade/internal/rdssim/query"
)

// Storage is a volume as it is asked for: zero IOPS or Throughput (MiB/s)
// means "not provisioned".
type Storage struct {
	Type       string
	GiB        int
	IOPS       int
	Throughput int
}

// checkStorage applies the rules of the RDS user guide's storage chapter.
func checkStorage(st Storage) error {
	r, ok := catalog.Storage(st.Type, st.GiB)
	if !ok {
		return query.Fault("InvalidParameterValue", "Invalid storage type: %s", st.Type)
	}
	if st.GiB < r.MinGiB || st.GiB > r.MaxGiB {
		return query.Fault("InvalidParameterValue", "Invalid storage size for engine name mysql and storage type %s: %d", st.Type, st.GiB)
	}
	if err := checkIOPS(st, r); err != nil {
		return err
	}
	return checkThroughput(st, r)
}

func checkIOPS(st Storage, r catalog.StorageRange) error {
	switch {
	case r.MaxIOPS == 0 && st.IOPS != 0 && st.Type == "gp3":
		return query.Fault("InvalidParameterCombination", "You can't specify IOPS or storage throughput for engine mysql and a storage size less than %d.", catalog.StripeGiB)
	case r.MaxIOPS == 0 && st.IOPS != 0:
		return query.Fault("InvalidParameterCombination", "You can't specify IOPS with storage type %s.", st.Type)
	case r.MaxIOPS == 0:
		return nil
	case st.IOPS == 0 && st.Type == "gp3":
		return nil // baseline
	case st.IOPS == 0:
		return query.Fault("InvalidParameterCombination", "You must specify IOPS for storage type %s.", st.Type)
	case st.IOPS < r.MinIOPS || st.IOPS > r.MaxIOPS:
		return query.Fault("InvalidParameterValue", "Invalid iops value for engine name mysql and storage type %s: %d. It must be between %d and %d.", st.Type, st.IOPS, r.MinIOPS, r.MaxIOPS)
	}
	ratio := float64(st.IOPS) / float64(st.GiB)
	if (r.MinIOPSPerGiB > 0 && ratio < r.MinIOPSPerGiB) || (r.MaxIOPSPerGiB > 0 && ratio > r.MaxIOPSPerGiB) {
		return query.Fault("InvalidParameterCombination", "The IOPS to GiB ratio must be between %g and %g for storage type %s, it is %.2f.", r.MinIOPSPerGiB, r.MaxIOPSPerGiB, st.Type, ratio)
	}
	return nil
}

func checkThroughput(st Storage, r catalog.StorageRange) error {
	switch {
	case st.Throughput == 0:
		return nil
	case r.MaxThroughput == 0 && st.Type == "gp3":
		return query.Fault("InvalidParameterCombination", "You can't specify IOPS or storage throughput for engine mysql and a storage size less than %d.", catalog.StripeGiB)
	case r.MaxThroughput == 0:
		return query.Fault("InvalidParameterCombination", "You can't specify storage throughput with storage type %s.", st.Type)
	case st.Throughput < r.MinThroughput || st.Throughput > r.MaxThroughput:
		return query.Fault("InvalidParameterValue", "Invalid storage throughput value for engine name mysql and storage type %s: %d. It must be between %d and %d.", st.Type, st.Throughput, r.MinThroughput, r.MaxThroughput)
	}
	iops := st.IOPS
	if iops == 0 {
		iops = r.BaselineIOPS
	}
	if ratio := float64(st.Throughput) / float64(iops); ratio > r.MaxThroughputPerIOPS {
		return query.Fault("InvalidParameterCombination", "The storage throughput to IOPS ratio must not exceed %g, it is %.3f.", r.MaxThroughputPerIOPS, ratio)
	}
	return nil
}

// effective fills what gp3 has without provisioning, as the describe calls show it.
func (st Storage) effective() Storage {
	if st.Type != "gp3" {
		st.Throughput = 0
		if st.Type != "io1" && st.Type != "io2" {
			st.IOPS = 0
		}
		return st
	}
	r, _ := catalog.Storage("gp3", st.GiB)
	if st.IOPS == 0 {
		st.IOPS = r.BaselineIOPS
	}
	if st.Throughput == 0 {
		st.Throughput = r.BaseMiBs
	}
	// Above 32,000 IOPS the throughput rises on its own: 40,000 need 625 MiB/s.
	if floor := st.IOPS / 64; st.IOPS > 32000 && st.Throughput < floor {
		st.Throughput = floor
	}
	return st
}

// asked is the opposite of effective: what gp3 has without provisioning is
// zero, so that a volume that grows takes the baseline of its new size.
func (st Storage) asked() Storage {
	if st.Type != "gp3" {
		return st
	}
	r, _ := catalog.Storage("gp3", st.GiB)
	if st.IOPS == r.BaselineIOPS {
		st.IOPS = 0
	}
	if st.Throughput == r.BaseMiBs {
		st.Throughput = 0
	}
	return st
}
