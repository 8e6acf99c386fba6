package catalog

// StorageRange is what a storage type allows on RDS for MySQL. Zero limits
// mean that the property cannot be provisioned.
type StorageRange struct {
	Type                   string
	MinGiB, MaxGiB         int
	MinIOPS, MaxIOPS       int
	MinIOPSPerGiB          float64
	MaxIOPSPerGiB          float64
	MinThroughput          int // MiB/s
	MaxThroughput          int
	MaxThroughputPerIOPS   float64
	BaselineIOPS, BaseMiBs int // what gp3 has without provisioning
}

// StripeGiB is the size from which RDS stripes a volume over four: gp3 has a
// higher baseline there, and only there can its performance be provisioned.
const StripeGiB = 400

// Storage returns the limits of a storage type for a volume of that size.
func Storage(kind string, gib int) (StorageRange, bool) {
	switch kind {
	case "gp2":
		return StorageRange{Type: kind, MinGiB: 20, MaxGiB: 65536}, true
	case "gp3":
		if gib < StripeGiB {
			return StorageRange{Type: kind, MinGiB: 20, MaxGiB: 65536, BaselineIOPS: 3000, BaseMiBs: 125}, true
		}
		return StorageRange{Type: kind, MinGiB: 20, MaxGiB: 65536, MinIOPS: 12000, MaxIOPS: 64000, MaxIOPSPerGiB: 500,
			MinThroughput: 500, MaxThroughput: 4000, MaxThroughputPerIOPS: 0.25, BaselineIOPS: 12000, BaseMiBs: 500}, true
	case "io1":
		r := StorageRange{Type: kind, MinGiB: 100, MaxGiB: 65536, MinIOPS: 1000, MaxIOPS: 256000, MinIOPSPerGiB: 0.5, MaxIOPSPerGiB: 50}
		if gib < StripeGiB {
			r.MaxIOPS = 19950
		}
		return r, true
	case "io2":
		return StorageRange{Type: kind, MinGiB: 100, MaxGiB: 65536, MinIOPS: 1000, MaxIOPS: 256000, MinIOPSPerGiB: 0.5, MaxIOPSPerGiB: 1000}, true
	case "standard":
		return StorageRange{Type: kind, MinGiB: 20, MaxGiB: 3072}, true
	}
	return StorageRange{}, false
}
