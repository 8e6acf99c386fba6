package catalog

import (
	"slices"
	"strings"
)

// family is a group of instance classes that differ in size only.
type family struct {
	name  string
	sizes string // vCPUs per size, "large:2 xlarge:4"
	mem   float64
	// min is the lowest engine version per major line; a line that is absent
	// is not offered.
	min      map[string]string
	graviton bool
	previous bool // previous generation: runs, but cannot be created any more
	io2      bool
	optWrite bool // Optimized Writes capable
	burst    bool
}

// Class is one DB instance class.
type Class struct {
	Name               string // "db.r6g.large"
	VCPU               int
	MemoryGiB          float64
	Graviton           bool
	PreviousGeneration bool
	IO2                bool
	OptimizedWrites    bool
	Burstable          bool
	min                map[string]string
}

const (
	std   = "large:2 xlarge:4 2xlarge:8 4xlarge:16 8xlarge:32 12xlarge:48 16xlarge:64 "
	std24 = std + "24xlarge:96"
)

func floors(pairs ...string) map[string]string {
	m := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return m
}

var (
	anyLine  = floors("5.7", "5.7", "8.0", "8.0", "8.4", "8.4", "9.7", "9.7")
	from80   = floors("8.0", "8.0", "8.4", "8.4", "9.7", "9.7")
	from8032 = floors("8.0", "8.0.32", "8.4", "8.4", "9.7", "9.7")
	from8040 = floors("8.0", "8.0.40", "8.4", "8.4.3", "9.7", "9.7")
	no84     = floors("5.7", "5.7", "8.0", "8.0")
)

var families = []family{
	{name: "t2", sizes: "micro:1 small:1 medium:2 large:2 xlarge:4 2xlarge:8", mem: 2, min: no84, previous: true, burst: true},
	{name: "t3", sizes: "micro:2 small:2 medium:2 large:2 xlarge:4 2xlarge:8", mem: 4, min: anyLine, burst: true},
	{name: "t4g", sizes: "micro:2 small:2 medium:2 large:2 xlarge:4 2xlarge:8", mem: 4, min: from80, graviton: true, burst: true},
	{name: "m3", sizes: "medium:1 large:2 xlarge:4 2xlarge:8", mem: 3.75, min: no84, previous: true},
	{name: "m4", sizes: "large:2 xlarge:4 2xlarge:8 4xlarge:16 10xlarge:40 16xlarge:64", mem: 4, min: no84, previous: true},
	{name: "m5", sizes: std24, mem: 4, min: anyLine, io2: true},
	{name: "m5d", sizes: std24, mem: 4, min: anyLine, io2: true, optWrite: true},
	{name: "m6i", sizes: std24 + " 32xlarge:128", mem: 4, min: anyLine, io2: true, optWrite: true},
	{name: "m6id", sizes: std24 + " 32xlarge:128", mem: 4, min: anyLine, io2: true, optWrite: true},
	{name: "m6g", sizes: std, mem: 4, min: from80, graviton: true, io2: true},
	{name: "m6gd", sizes: std, mem: 4, min: from80, graviton: true, io2: true, optWrite: true},
	{name: "m7g", sizes: std, mem: 4, min: from80, graviton: true, io2: true, optWrite: true},
	{name: "m7i", sizes: std24 + " 48xlarge:192", mem: 4, min: from8032, io2: true, optWrite: true},
	{name: "m8g", sizes: std24 + " 48xlarge:192", mem: 4, min: from8032, graviton: true, io2: true, optWrite: true},
	{name: "m8gd", sizes: std24 + " 48xlarge:192", mem: 4, min: from8040, graviton: true, io2: true, optWrite: true},
	{name: "r3", sizes: "large:2 xlarge:4 2xlarge:8 4xlarge:16 8xlarge:32", mem: 7.625, min: no84, previous: true},
	{name: "r4", sizes: "large:2 xlarge:4 2xlarge:8 4xlarge:16 8xlarge:32 16xlarge:64", mem: 7.625, min: no84, previous: true},
	{name: "r5", sizes: std24, mem: 8, min: anyLine, io2: true},
	{name: "r5b", sizes: std24, mem: 8, min: anyLine, io2: true, optWrite: true},
	{name: "r5d", sizes: std24, mem: 8, min: anyLine, io2: true, optWrite: true},
	{name: "r6i", sizes: std24 + " 32xlarge:128", mem: 8, min: anyLine, io2: true, optWrite: true},
	{name: "r6id", sizes: std24 + " 32xlarge:128", mem: 8, min: anyLine, io2: true, optWrite: true},
	{name: "r6g", sizes: std, mem: 8, min: from80, graviton: true, io2: true, optWrite: true},
	{name: "r6gd", sizes: std, mem: 8, min: from80, graviton: true, io2: true, optWrite: true},
	{name: "r7g", sizes: std, mem: 8, min: from80, graviton: true, io2: true, optWrite: true},
	{name: "r7i", sizes: std24 + " 48xlarge:192", mem: 8, min: from8032, io2: true, optWrite: true},
	{name: "r8g", sizes: std24 + " 48xlarge:192", mem: 8, min: from8032, graviton: true, io2: true, optWrite: true},
	{name: "r8gd", sizes: std24 + " 48xlarge:192", mem: 8, min: from8040, graviton: true, io2: true, optWrite: true},
	{name: "x1", sizes: "16xlarge:64 32xlarge:128", mem: 15.25, min: no84},
	{name: "x1e", sizes: "xlarge:4 2xlarge:8 4xlarge:16 8xlarge:32 16xlarge:64 32xlarge:128", mem: 30.5, min: no84},
	{name: "x2g", sizes: std, mem: 16, min: from80, graviton: true, io2: true, optWrite: true},
	{name: "x2idn", sizes: "16xlarge:64 24xlarge:96 32xlarge:128", mem: 16, min: anyLine, io2: true, optWrite: true},
	{name: "x2iedn", sizes: "xlarge:4 2xlarge:8 4xlarge:16 8xlarge:32 16xlarge:64 24xlarge:96 32xlarge:128", mem: 32, min: anyLine, io2: true, optWrite: true},
	{name: "z1d", sizes: "large:2 xlarge:4 2xlarge:8 3xlarge:12 6xlarge:24 12xlarge:48", mem: 8, min: anyLine, io2: true},
}

// Classes lists all instance classes, sorted by name.
var Classes = buildClasses()

func buildClasses() []Class {
	var out []Class
	for _, f := range families {
		for _, s := range strings.Fields(f.sizes) {
			size, cpus, _ := strings.Cut(s, ":")
			n := atoi(cpus)
			out = append(out, Class{
				Name: "db." + f.name + "." + size, VCPU: n, MemoryGiB: memory(f, size, n),
				Graviton: f.graviton, PreviousGeneration: f.previous, IO2: f.io2,
				OptimizedWrites: f.optWrite, Burstable: f.burst, min: f.min,
			})
		}
	}
	slices.SortFunc(out, func(a, b Class) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// memory is GiB per vCPU, except for the small burstable sizes.
func memory(f family, size string, vcpu int) float64 {
	if small := map[string]float64{"micro": 1, "small": 2, "medium": 4}[size]; f.burst && small > 0 {
		return small
	}
	return f.mem * float64(vcpu)
}

func atoi(s string) int {
	n := 0
	for _, c := range s {
		n = n*10 + int(c-'0')
	}
	return n
}

// FindClass returns the class of that name.
func FindClass(name string) (Class, bool) {
	i, ok := slices.BinarySearchFunc(Classes, name, func(c Class, n string) int { return strings.Compare(c.Name, n) })
	if !ok {
		return Class{}, false
	}
	return Classes[i], true
}

// Runs tells whether the class can run the version at all.
func (c Class) Runs(version string) bool {
	floor, ok := c.min[MajorOf(version)]
	return ok && Compare(version, floor) >= 0
}

// Orderable tells whether an instance of that class and version can be created.
func (c Class) Orderable(version string) bool { return !c.PreviousGeneration && c.Runs(version) }

// StorageTypes lists what the class can be ordered with.
func (c Class) StorageTypes() []string {
	if c.IO2 {
		return []string{"gp2", "gp3", "io1", "io2"}
	}
	return []string{"gp2", "gp3", "io1"}
}
