package bluegreen

import (
	"fmt"
	"slices"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqlver"
)

const (
	sourceClasses = "RDS user guide, Concepts.DBInstanceClass.Support"
	sourceCreate  = "RDS user guide, blue-green-deployments-creating"
)

// classChoice is the class that an instance shall have, and why.
type classChoice struct {
	class  string
	notes  []string
	issues []Issue
}

// classRequest is what chooseClass decides on.
type classRequest struct {
	inst    Instance
	version string // target
	storage string // target storage type
	pol     TargetPolicy
	offer   []Orderable // nil: unknown
}

// chooseClass finds the class for one instance by the policy: what the map
// says, a Graviton class, or today's where it can be kept. A class that RDS
// does not sell for the version, storage and zones is passed over.
func chooseClass(r classRequest) classChoice {
	switch r.pol.ClassMode {
	case "map":
		if want, ok := r.pol.ClassMap[r.inst.Class]; ok {
			return r.only(want, "class-not-orderable")
		}
		return r.keep("the class map does not name " + r.inst.Class)
	case "graviton":
		return r.graviton()
	}
	return r.keep("")
}

// graviton chooses the first Graviton class of the candidates that is sold.
func (r classRequest) graviton() classChoice {
	if IsGraviton(r.inst.Class) {
		return r.keep("")
	}
	candidates, note := gravitonCandidates(r.inst.Class, r.pol.Generation)
	if len(candidates) == 0 {
		c := r.keep("")
		c.issues = append(c.issues, Issue{
			ID: "no-graviton-class", Severity: "warn",
			Message:  fmt.Sprintf("%s has no Graviton class of its size; %s stays on x86", r.inst.Class, r.inst.ID),
			Evidence: r.inst.ID + " is " + r.inst.Class, Source: sourceClasses,
			WayOut: "name a class in target.instance_class, or keep it",
		})
		return c
	}
	for i, class := range candidates {
		if why := r.refusal(class); why != "" {
			continue
		}
		c := classChoice{class: class}
		if note != "" {
			c.notes = append(c.notes, fmt.Sprintf("%s: %s", r.inst.ID, note))
		}
		if i > 0 {
			c.notes = append(c.notes, fmt.Sprintf("%s: %s is not sold here for %s, taking %s", r.inst.ID, candidates[0], r.version, class))
		}
		if r.offer == nil {
			c.notes = append(c.notes, fmt.Sprintf("%s: whether %s can be ordered for %s was not checked", r.inst.ID, class, r.version))
		}
		return c
	}
	c := r.keep("")
	c.issues = append(c.issues, Issue{
		ID: "graviton-not-orderable", Severity: "warn", Code: "",
		Message:  fmt.Sprintf("none of the Graviton classes for %s can be ordered; %s gets %s", r.inst.Class, r.inst.ID, c.class),
		Evidence: fmt.Sprintf("%s: %s", candidates[0], r.refusal(candidates[0])), Source: "DescribeOrderableDBInstanceOptions",
		WayOut: "another Region's classes, another generation, or a class map",
	})
	return c
}

// keep keeps the class where the target version can have it, else takes the
// current x86 class of the same shape.
func (r classRequest) keep(note string) classChoice {
	var c classChoice
	if note != "" {
		c.notes = append(c.notes, r.inst.ID+": "+note)
	}
	why := r.refusal(r.inst.Class)
	previous := previousGeneration(r.inst.Class)
	if why == "" && !(previous && r.offer == nil) {
		c.class = r.inst.Class
		return c
	}
	if modern := modernX86(r.inst.Class); modern != "" && r.refusal(modern) == "" {
		c.class = modern
		c.issues = append(c.issues, Issue{
			ID: "class-replaced", Severity: "warn",
			Message:  fmt.Sprintf("%s cannot be created for %s; %s gets %s", r.inst.Class, r.version, r.inst.ID, modern),
			Evidence: orElse(why, r.inst.Class+" is of a previous generation"), Source: sourceClasses,
			WayOut: "accept it, or name another class in target.instance_class",
		})
		return c
	}
	c.class = r.inst.Class
	c.issues = append(c.issues, r.notOrderable(r.inst.Class, orElse(why, r.inst.Class+" is of a previous generation")))
	return c
}

// only takes exactly this class, and says so when RDS does not sell it.
func (r classRequest) only(class, id string) classChoice {
	c := classChoice{class: class}
	if why := r.refusal(class); why != "" {
		is := r.notOrderable(class, why)
		is.ID = id
		c.issues = append(c.issues, is)
	}
	return c
}

func (r classRequest) notOrderable(class, why string) Issue {
	code := badCombination
	if family, _, _ := splitClass(class); !knownFamily(family) {
		code = "InvalidParameterValue" // RDS does not know the class at all
	}
	return Issue{
		ID: "class-not-orderable", Severity: "block", Code: code,
		Message:  fmt.Sprintf("%s cannot be had for %s with %s storage", class, r.version, r.storage),
		Evidence: r.inst.ID + ": " + why, Source: "DescribeOrderableDBInstanceOptions",
		WayOut: "another class in target.instance_class, another storage type, or more subnets in the subnet group",
	}
}

// refusal tells why RDS does not sell the class for this instance, "" when it
// does or nothing is known.
func (r classRequest) refusal(class string) string {
	if r.offer == nil {
		return ""
	}
	why := fmt.Sprintf("no orderable option for %s with MySQL %s", class, r.version)
	for _, o := range r.offer {
		if o.Class != class || o.Version != "" && o.Version != r.version {
			continue
		}
		switch zones := commonZones(o.AZs, r.inst.SubnetAZs); {
		case r.storage != "" && o.StorageType != "" && o.StorageType != r.storage:
			why = fmt.Sprintf("%s is not sold with %s storage for MySQL %s", class, r.storage, r.version)
		case r.inst.MultiAZ && !o.MultiAZ:
			why = fmt.Sprintf("%s cannot be Multi-AZ with MySQL %s", class, r.version)
		case zones >= 0 && zones < r.zonesNeeded():
			why = fmt.Sprintf("%s is sold in %d of the subnet group's zones %v, %d needed", class, zones, r.inst.SubnetAZs, r.zonesNeeded())
		default:
			return ""
		}
	}
	return why
}

func (r classRequest) zonesNeeded() int {
	if r.inst.MultiAZ {
		return 2
	}
	return 1
}

// commonZones counts the zones in both lists; -1 when either is unknown.
func commonZones(sold, subnets []string) int {
	if len(sold) == 0 || len(subnets) == 0 {
		return -1
	}
	n := 0
	for _, z := range slices.Compact(slices.Sorted(slices.Values(subnets))) {
		if slices.Contains(sold, z) {
			n++
		}
	}
	return n
}

// gravitonCandidates lists the Graviton classes that are not smaller than an
// x86 class, the wanted generation first, then newer ones, then older ones.
func gravitonCandidates(class string, generation int) (out []string, note string) {
	family, size, ok := splitClass(class)
	move, known := familyMoves[family]
	if !ok || !known {
		return nil, ""
	}
	if class == "db.m3.medium" {
		// 1 vCPU and 3.75 GiB: t4g.medium is the nearest, no m class is that small.
		out = append(out, "db.t4g.medium")
		note = burstableNote + "; an m class of size large is the alternative"
	}
	if to, renamed := move.sizes[size]; renamed {
		size = to
	}
	for _, g := range generationOrder(generation) {
		to := move.graviton[g-generationFirst]
		if name := "db." + to + "." + size; to != "" && hasSize(to, size) && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out, orElse(note, move.note)
}

func generationOrder(want int) []int {
	switch want {
	case 6:
		return []int{6, 7, 8}
	case 8:
		return []int{8, 7, 6}
	}
	return []int{7, 8, 6}
}

// previousGeneration tells a class that runs but can no longer be created.
func previousGeneration(class string) bool {
	family, _, _ := splitClass(class)
	return familyMoves[family].previous
}

// modernX86 is the current x86 class of the same shape, "" when the class is
// current itself or nothing fits.
func modernX86(class string) string {
	family, size, _ := splitClass(class)
	move := familyMoves[family]
	if move.x86 == "" {
		return ""
	}
	if to, renamed := move.x86Sizes[size]; renamed {
		size = to
	}
	return "db." + move.x86 + "." + size
}

// runsOn tells whether a version can run on a class, by AWS's table: 5.7 runs
// on no Graviton, the youngest families want recent patches.
func runsOn(class, version string) bool {
	v, err := mysqlver.Parse(version)
	if err != nil || !IsGraviton(class) {
		return err == nil
	}
	if !v.AtLeast(8, 0, 0) {
		return false
	}
	family, _, _ := splitClass(class)
	return v.AtLeast(v.Major, v.Minor, gravitonFloor[family][v.Line()])
}

func orElse(s, fallback string) string {
	if s != "" {
		return s
	}
	return fallback
}
