package bluegreen

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqlver"
)

// Translate as a TargetPolicy's parameter group asks for blue's group to be
// carried to the target family.
const Translate = "translate"

// TargetPolicy is what the plan wants of every database.
type TargetPolicy struct {
	StorageType     string // gp3 or keep
	IOPS            int    // 0: keep, never lower than today's
	ThroughputMiBps int    // 0: keep, never lower than today's
	// RaiseTo400 lets a volume grow to 400 GiB, from where gp3 is four times as
	// fast: from 300 GiB, where it costs little, and from any size where the
	// volume's IOPS would not fit otherwise.
	RaiseTo400 bool
	ClassMode  string            // graviton, keep or map
	ClassMap   map[string]string // for map: class today -> class wanted
	Generation int               // Graviton generation: 6, 7 or 8; 0 is 7
	// ParameterGroup is a group's name, or Translate: then ResolveTarget leaves
	// Target.ParameterGroup empty, and ParameterGroupName names it.
	ParameterGroup string
	Campaign       string
	// UpgradeStorage asks for the storage file system upgrade where RDS offers
	// it: only possible at create, hours of I/O, gone are the 32-bit limits.
	UpgradeStorage bool
	// Shrink lets a volume become smaller at create, where its free storage was
	// measured.
	Shrink bool
	// Measured is what the storage had to do, by instance id; nil sizes by what
	// is provisioned.
	Measured map[string]Load
}

// Market is what RDS offers in a Region.
type Market struct {
	Versions  []EngineVersion
	Orderable []Orderable // for the hop's target version; nil: unknown
	// OneCallClass is what the campaign has learnt: does RDS accept 5.7 -> 8.0
	// and a Graviton class in one create call? nil: not known yet.
	OneCallClass *bool
}

// Target is what one hop makes of one database.
type Target struct {
	Version        string      `json:"version"`
	Family         string      `json:"family"`
	Class          string      `json:"class"`
	Storage        StorageSpec `json:"storage"` // zero fields are not sent
	ParameterGroup string      `json:"parameter_group"`
	// OptionGroup is what a custom option group becomes; "": the line's default.
	OptionGroup    string                 `json:"option_group,omitempty"`
	ReplicaClass   map[string]string      `json:"replica_class,omitempty"`   // by blue replica's id
	ReplicaStorage map[string]StorageSpec `json:"replica_storage,omitempty"` // by blue replica's id
	Notes          []string               `json:"notes,omitempty"`
	// CreateClass is the class to send in the create call; "": none, green keeps
	// blue's class and is modified later.
	CreateClass string `json:"create_class,omitempty"`
}

// ResolveTarget decides what a hop makes of a database: version, class and
// storage of the primary and of each replica. The issues say where the policy
// cannot be had; an issue that blocks means that RDS would refuse the target.
func ResolveTarget(blue Instance, replicas []Instance, hop Hop, pol TargetPolicy, m Market) (Target, []Issue) {
	t := Target{Version: hop.To, Family: hop.Family}
	if pol.ParameterGroup != Translate {
		t.ParameterGroup = pol.ParameterGroup
	}
	var issues []Issue
	resolve := func(i Instance, minGiB int) (string, StorageSpec) {
		st := chooseStorage(i, minGiB, pol)
		cl := chooseClass(classRequest{inst: i, version: hop.To, storage: st.spec.Type, pol: pol, offer: m.Orderable})
		t.Notes = append(append(t.Notes, st.notes...), cl.notes...)
		issues = append(append(issues, st.issues...), cl.issues...)
		return cl.class, st.spec
	}
	t.Class, t.Storage = resolve(blue, 0)
	t.Storage.UpgradeConfig = pol.UpgradeStorage && blue.StorageUpgrade
	for _, r := range replicas {
		if t.Storage.AllocatedGiB < blue.AllocatedGiB { // it holds the same data
			r.AllocatedGiB = min(r.AllocatedGiB, t.Storage.AllocatedGiB)
		}
		if t.ReplicaClass == nil {
			t.ReplicaClass, t.ReplicaStorage = map[string]string{}, map[string]StorageSpec{}
		}
		t.ReplicaClass[r.ID], t.ReplicaStorage[r.ID] = resolve(r, t.Storage.AllocatedGiB)
	}
	t.createClass(blue, hop, m)
	return t, issues
}

// createClass decides which class goes into the create call. Green starts on
// blue's version and is upgraded afterwards, so a class that this version
// cannot run on may be refused: whether it is was not documented, so the first
// database tries it and OneCallClass remembers the answer.
func (t *Target) createClass(blue Instance, hop Hop, m Market) {
	if t.Class == blue.Class {
		return
	}
	if runsOn(t.Class, hop.From) {
		t.CreateClass = t.Class
		return
	}
	twoStep := UpgradesAfterCreate(blue, hop)
	if !twoStep && (m.OneCallClass == nil || *m.OneCallClass) {
		t.CreateClass = t.Class
		if m.OneCallClass == nil {
			t.Notes = append(t.Notes, fmt.Sprintf("%s: %s goes into the create call; should RDS refuse it from %s, green is created on x86 and modified", blue.ID, t.Class, hop.From))
		}
		return
	}
	if modern := modernX86(blue.Class); modern != "" {
		t.CreateClass = modern
	}
	t.Notes = append(t.Notes, fmt.Sprintf("%s: green is created as %s and modified to %s before the switchover", blue.ID, orElse(t.CreateClass, blue.Class), t.Class))
}

// UpgradesAfterCreate tells that green must be created on blue's version and
// upgraded then: RDS takes no major upgrade at create with a custom option group.
func UpgradesAfterCreate(blue Instance, hop Hop) bool {
	return customOptionGroup(blue.OptionGroup) && majorHop(hop)
}

func customOptionGroup(name string) bool {
	return name != "" && !strings.HasPrefix(name, "default:")
}

func majorHop(h Hop) bool {
	from, err1 := mysqlver.Parse(h.From)
	to, err2 := mysqlver.Parse(h.To)
	return err1 != nil || err2 != nil || !from.SameLine(to)
}

// CreateStorage is the storage to send in the create call: only what changes,
// nil when nothing does.
func (t Target) CreateStorage(blue Instance) *StorageSpec {
	s := storageChange(t.Storage, blue)
	if n := t.Storage.AllocatedGiB; n > 0 && n < blue.AllocatedGiB {
		if s == nil {
			s = &StorageSpec{}
		}
		s.AllocatedGiB = n
	}
	if t.Storage.UpgradeConfig {
		if s == nil {
			s = &StorageSpec{}
		}
		s.UpgradeConfig = true
	}
	return s
}

// DeploymentSpec is the create call. Where green must be upgraded after it is
// created (UpgradesAfterCreate), neither the version nor the parameter group of
// the new family may be sent: GreenChange brings both.
func (t Target) DeploymentSpec(name string, blue Instance, hop Hop, tags map[string]string) CreateSpec {
	s := CreateSpec{Name: name, SourceARN: blue.ARN, Class: t.CreateClass, Storage: t.CreateStorage(blue), Tags: tags}
	if !UpgradesAfterCreate(blue, hop) {
		s.Version, s.ParameterGroup = hop.To, t.ParameterGroup
	}
	return s
}

// want is the class and storage of one member; false when the target does not
// know a replica by that twin.
func (t Target) want(primary bool, twin string) (class string, st StorageSpec, ok bool) {
	if primary {
		return t.Class, t.Storage, true
	}
	class, ok = t.ReplicaClass[twin]
	return class, t.ReplicaStorage[twin], ok
}

// OffTarget lists in words what of an instance is not yet as the target wants.
// twin is the id of the blue replica that a green replica mirrors. A parameter
// group that waits for a reboot is off target too.
func (t Target) OffTarget(i Instance, primary bool, twin string) []string {
	class, st, ok := t.want(primary, twin)
	var off []string
	differs := func(what, has, wants string) {
		if wants != "" && has != wants {
			off = append(off, fmt.Sprintf("%s %s, wants %s", what, orElse(has, "none"), wants))
		}
	}
	if olderThan(i.Version, t.Version) {
		differs("version", i.Version, t.Version)
	}
	if ok {
		differs("class", i.Class, class)
		if change := storageChange(st, i); change != nil {
			off = append(off, fmt.Sprintf("storage %s, wants %s", describeStorage(i), st))
		}
	}
	differs("parameter group", i.ParameterGroup, t.ParameterGroup)
	if i.ParameterStatus == "pending-reboot" {
		off = append(off, "parameter group "+i.ParameterGroup+" waits for a reboot")
	}
	return off
}

// GreenChange is the one modification that brings a green member to the
// target; nil when there is nothing to do. Class and storage travel together
// because RDS refuses further storage changes for hours after one. A green that
// is still on the old version is upgraded first and on its own, with the new
// parameter group and the default option group: what the target wants may not
// run on the old one.
func (t Target) GreenChange(green Instance, primary bool, twin string) *ModifySpec {
	var m ModifySpec
	if t.ParameterGroup != "" && green.ParameterGroup != t.ParameterGroup {
		m.ParameterGroup = t.ParameterGroup
	}
	if olderThan(green.Version, t.Version) {
		m.Version = t.Version
		if customOptionGroup(green.OptionGroup) && majorHop(Hop{From: green.Version, To: t.Version}) {
			m.OptionGroup = orElse(t.OptionGroup, DefaultOptionGroup(t.Version))
		}
		return &m
	}
	class, st, ok := t.want(primary, twin)
	if ok {
		if class != "" && class != green.Class {
			m.Class = class
		}
		m.Storage = storageChange(st, green)
	}
	if m == (ModifySpec{}) {
		return nil
	}
	return &m
}

// DefaultOptionGroup is the name RDS gives a version's default option group.
func DefaultOptionGroup(version string) string {
	v, err := mysqlver.Parse(version)
	if err != nil {
		return ""
	}
	return "default:mysql-" + strings.ReplaceAll(v.Line(), ".", "-")
}

func olderThan(version, target string) bool {
	v, err1 := mysqlver.Parse(version)
	t, err2 := mysqlver.Parse(target)
	return err1 == nil && err2 == nil && v.Before(t)
}

// storageChange is what to send so that an instance gets the wanted storage;
// nil when it has it. Storage never shrinks here: a green that RDS grew by
// itself is on target. RDS wants the size with the IOPS, and both IOPS and
// throughput of a striped gp3 volume.
func storageChange(want StorageSpec, i Instance) *StorageSpec {
	typeOff := want.Type != "" && want.Type != i.StorageType
	sizeOff := want.AllocatedGiB > i.AllocatedGiB
	iopsOff := want.IOPS > 0 && want.IOPS != i.IOPS
	// Above 32,000 IOPS RDS raises the throughput itself.
	speedOff := want.ThroughputMiBps > i.ThroughputMiBps ||
		want.ThroughputMiBps > 0 && want.ThroughputMiBps < i.ThroughputMiBps && want.IOPS <= gp3AutoRaiseIOPS
	if !slices.Contains([]bool{typeOff, sizeOff, iopsOff, speedOff}, true) {
		return nil
	}
	s := &StorageSpec{IOPS: want.IOPS, ThroughputMiBps: want.ThroughputMiBps}
	if typeOff {
		s.Type = want.Type
	}
	if sizeOff || s.IOPS > 0 {
		s.AllocatedGiB = max(want.AllocatedGiB, i.AllocatedGiB)
	}
	return s
}
