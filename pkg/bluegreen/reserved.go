package bluegreen

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Reservations for RDS for MySQL are size-flexible: within a class family and
// Region they cover any size by normalized units, a Multi-AZ instance taking
// twice those of its size. Source: RDS user guide,
// USER_WorkingWithReservedDBInstances, "Size-flexible reserved DB instances".
var sizeUnits = map[string]float64{"nano": 0.25, "micro": 0.5, "small": 1, "medium": 2, "large": 4, "xlarge": 8}

// Units is a class's family and its normalized units; false for a class that
// is not understood.
func Units(class string, multiAZ bool) (family string, units float64, ok bool) {
	family, size, ok := splitClass(class)
	if !ok {
		return "", 0, false
	}
	units, ok = sizeUnits[size]
	if n, multiple := strings.CutSuffix(size, "xlarge"); !ok && multiple {
		var k int
		if _, err := fmt.Sscanf(n, "%d", &k); err == nil && k > 1 {
			units, ok = float64(8*k), true
		}
	}
	if multiAZ {
		units *= 2
	}
	return family, units, ok
}

// ReservedChange is what the campaign does to one family's reservations in one Region.
type ReservedChange struct {
	Family string `json:"family"`
	// Reserved, Before and After are normalized units: what is reserved, and
	// what runs before and after the campaign. A large has 4.
	Reserved float64 `json:"reserved_units"`
	Before   float64 `json:"used_before_units"`
	After    float64 `json:"used_after_units"`
	// Stranded is reserved, used today, and used by nothing afterwards.
	Stranded float64 `json:"stranded_units"`
	// Uncovered runs afterwards and is not reserved: what to reserve then.
	Uncovered float64 `json:"uncovered_units"`
	// Ends is the last day of the family's last reservation, "" without one.
	Ends string   `json:"ends,omitempty"`
	IDs  []string `json:"reservations,omitempty"`
	// Saving is what reserving the uncovered part would save in a month.
	Saving Estimate `json:"saving_month"`
}

// Larges is a number of units as instances of size large.
func Larges(units float64) float64 { return units / 4 }

// ClassUse is one instance's class, before or after.
type ClassUse struct {
	Class   string
	MultiAZ bool
}

// CompareReservations tells per family what the class changes strand and what
// is worth reserving afterwards. region is for the price.
func CompareReservations(reserved []Reserved, before, after []ClassUse, region string, now time.Time, p *Prices) []ReservedChange {
	by := map[string]*ReservedChange{}
	at := func(family string) *ReservedChange {
		if by[family] == nil {
			by[family] = &ReservedChange{Family: family}
		}
		return by[family]
	}
	for _, r := range reserved {
		family, units, ok := Units(r.Class, r.MultiAZ)
		ends := r.Ends()
		if !ok || r.State != "" && !strings.EqualFold(r.State, "active") || !ends.IsZero() && ends.Before(now) {
			continue
		}
		c := at(family)
		c.Reserved += units * float64(max(r.Count, 1))
		c.IDs = append(c.IDs, r.ID)
		if !ends.IsZero() {
			c.Ends = max(c.Ends, ends.UTC().Format(time.DateOnly))
		}
	}
	for _, u := range before {
		if family, units, ok := Units(u.Class, u.MultiAZ); ok {
			at(family).Before += units
		}
	}
	for _, u := range after {
		if family, units, ok := Units(u.Class, u.MultiAZ); ok {
			at(family).After += units
		}
	}
	out := make([]ReservedChange, 0, len(by))
	for _, family := range sortedKeys(by) {
		c := by[family]
		c.Stranded = max(0, min(c.Reserved, c.Before)-c.After)
		c.Uncovered = max(0, c.After-c.Reserved)
		c.Saving = p.reservedSaving(family, c.Uncovered, region)
		out = append(out, *c)
	}
	slices.SortStableFunc(out, func(a, b ReservedChange) int { return int(4 * (b.Stranded - a.Stranded)) })
	return out
}

// reservedSaving is what a one-year reservation without upfront payment would save.
func (p *Prices) reservedSaving(family string, units float64, region string) Estimate {
	if units == 0 {
		return p.estimate(0, "")
	}
	r, note, ok := p.region(region)
	hour, known := r.instanceHour("db." + family + ".large")
	if !ok || !known || p.ReservedDiscount <= 0 {
		return p.unknown("no price or no reserved discount for " + family + " in the price file")
	}
	note = strings.Trim(note+"; one year, no upfront, "+fmt.Sprintf("%.0f %% discount", 100*p.ReservedDiscount), "; ")
	return p.estimate(hour*HoursPerMonth*Larges(units)*p.ReservedDiscount, note)
}
