package bluegreen

import (
	"slices"
	"strings"
)

// familyMove is where a family of instance classes goes: an entry of the
// hardware equalities that AWS publishes (vCPU and memory per size). It only
// proposes; what RDS sells (Orderable) decides.
type familyMove struct {
	// graviton is the target family per generation, index 0 is generation 6;
	// "" where that generation has none.
	graviton [3]string
	// x86 is the current-generation family with the same shape, for a
	// previous-generation blue that must leave its class at create.
	x86 string
	// sizes renames sizes that the target family does not have.
	sizes map[string]string
	// x86Sizes renames sizes for x86.
	x86Sizes map[string]string
	// previous: the family runs, but cannot be created any more.
	previous bool
	note     string
}

const generationFirst = 6

var (
	general  = [3]string{"m6g", "m7g", "m8g"}
	memory   = [3]string{"r6g", "r7g", "r8g"}
	generalD = [3]string{"m6gd", "", "m8gd"}
	memoryD  = [3]string{"r6gd", "", "r8gd"}
)

// familyMoves maps the families of RDS for MySQL. Sources: the tables of DB
// instance classes in the RDS user guide (Concepts.DBInstanceClass.Summary and
// .Support).
var familyMoves = map[string]familyMove{
	"t2": {graviton: [3]string{"t4g", "t4g", "t4g"}, x86: "t3", sizes: map[string]string{"nano": "micro"}, previous: true,
		note: burstableNote},
	"t3": {graviton: [3]string{"t4g", "t4g", "t4g"}, sizes: map[string]string{"nano": "micro"}, note: burstableNote},
	"m3": {graviton: general, x86: "m5", sizes: map[string]string{"medium": "large"}, x86Sizes: map[string]string{"medium": "large"}, previous: true},
	"m4": {graviton: general, x86: "m5", sizes: map[string]string{"10xlarge": "12xlarge"}, x86Sizes: map[string]string{"10xlarge": "12xlarge"}, previous: true,
		note: ""},
	"m5":   {graviton: general},
	"m6i":  {graviton: general},
	"m7i":  {graviton: [3]string{"", "m7g", "m8g"}},
	"m5d":  {graviton: generalD},
	"m6id": {graviton: generalD},
	"r3":   {graviton: memory, x86: "r5", previous: true},
	"r4":   {graviton: memory, x86: "r5", previous: true},
	"r5":   {graviton: memory},
	"r6i":  {graviton: memory},
	"r7i":  {graviton: [3]string{"", "r7g", "r8g"}},
	"r5b": {graviton: [3]string{"", "", "r8g"},
		note: "r5b has up to 60 Gbit/s to its storage, r8g up to 40: compare with the IOPS that are used"},
	"r5d":  {graviton: memoryD},
	"r6id": {graviton: memoryD},
	"x1":   {graviton: [3]string{"x2g", "x2g", "x2g"}, x86: "x2idn", sizes: map[string]string{"32xlarge": ""}},
	"x1e": {graviton: [3]string{"x2g", "x2g", "x2g"}, x86: "x2iedn",
		sizes: map[string]string{"xlarge": "2xlarge", "2xlarge": "4xlarge", "4xlarge": "8xlarge", "8xlarge": "16xlarge", "16xlarge": "", "32xlarge": ""},
		note:  "x1e has 30.5 GiB of memory per vCPU, x2g 16: one size up keeps the memory"},
	"z1d": {graviton: [3]string{"", "r7g", "r8g"}, sizes: map[string]string{"3xlarge": "4xlarge", "6xlarge": "8xlarge"},
		note: "z1d's high single-core clock is lost: measure a latency-bound workload first"},
}

const burstableNote = "t4g runs with unlimited CPU credits by default, and RDS initializes no storage in the background on t classes"

// largestSize is the biggest size of a Graviton family in vCPU, where it is
// smaller than what x86 families reach.
var largestSize = map[string]int{
	"t4g": 8, "m6g": 64, "m7g": 64, "m6gd": 64, "r6g": 64, "r7g": 64, "r6gd": 64, "x2g": 64,
	"m8g": 192, "r8g": 192, "m8gd": 192, "r8gd": 192,
}

// sizeCPU is the vCPU count of a size name, the same in every current family.
var sizeCPU = map[string]int{
	"micro": 2, "small": 2, "medium": 2, "large": 2, "xlarge": 4, "2xlarge": 8, "4xlarge": 16,
	"8xlarge": 32, "12xlarge": 48, "16xlarge": 64, "24xlarge": 96, "48xlarge": 192,
}

// onlyBurstable are the sizes that only t families have.
var onlyBurstable = map[string]bool{"micro": true, "small": true, "medium": true}

// gravitonFloor is the first version of each line that runs on a Graviton
// family; 5.7 runs on none. Source: RDS user guide, Concepts.DBInstanceClass.Support.
var gravitonFloor = map[string]map[string]int{
	"m8g": {"8.0": 32}, "r8g": {"8.0": 32},
	"m8gd": {"8.0": 40, "8.4": 3}, "r8gd": {"8.0": 40, "8.4": 3},
}

// splitClass cuts db.m5.2xlarge into m5 and 2xlarge.
func splitClass(class string) (family, size string, ok bool) {
	rest, ok := strings.CutPrefix(class, "db.")
	if !ok {
		return "", "", false
	}
	family, size, ok = strings.Cut(rest, ".")
	return family, size, ok && family != "" && size != "" && !strings.Contains(size, ".")
}

// IsGraviton tells a class on an Arm processor: db.r6g.large, db.m8gd.xlarge.
func IsGraviton(class string) bool {
	family, _, ok := splitClass(class)
	return ok && (strings.HasSuffix(family, "g") || strings.HasSuffix(family, "gd"))
}

// hasSize tells whether a family of today is built in that size.
func hasSize(family, size string) bool {
	cpu := sizeCPU[size]
	if cpu == 0 {
		return false
	}
	if limit := largestSize[family]; limit > 0 && cpu > limit {
		return false
	}
	return !onlyBurstable[size] || strings.HasPrefix(family, "t")
}

// knownFamily tells a family that RDS for MySQL has or had.
func knownFamily(family string) bool {
	if _, ok := familyMoves[family]; ok || largestSize[family] > 0 {
		return true
	}
	return slices.Contains([]string{"m1", "m2", "t1", "m7i", "r7i", "x2idn", "x2iedn", "r6id", "c6gd", "r8gb", "m8gb"}, family)
}
