package bluegreen

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqlver"
)

//go:embed prices.json
var builtinPrices []byte

// HoursPerMonth is the month AWS's own price examples use.
const HoursPerMonth = 730

// Prices is a dated price file. The built-in one can be replaced by the user;
// no figure leaves this package without the file's date.
type Prices struct {
	Format   int    `json:"format"`
	AsOf     string `json:"as_of"` // YYYY-MM-DD
	Currency string `json:"currency"`
	Source   string `json:"source"`
	// BaseRegion's prices serve for a Region that the file does not have; the
	// estimate then says so.
	BaseRegion string `json:"base_region"`
	// ReservedDiscount is what a one-year reservation without upfront payment
	// takes off the on-demand price, 0.3 for 30 %; 0: not known.
	ReservedDiscount float64                 `json:"reserved_discount,omitempty"`
	Regions          map[string]RegionPrices `json:"regions"`
}

// RegionPrices are one Region's on-demand prices for RDS for MySQL, Single-AZ.
type RegionPrices struct {
	ExtendedSupport struct {
		Year12 float64 `json:"year_1_2"`
		Year3  float64 `json:"year_3"`
	} `json:"extended_support_vcpu_hour"`
	StorageGiBMonth      map[string]float64 `json:"storage_gib_month"`
	IOPSMonth            map[string]float64 `json:"iops_month"`
	ThroughputMiBpsMonth map[string]float64 `json:"throughput_mibps_month"`
	// InstanceHour is by class. A size that is not listed is derived from the
	// family's large: AWS's prices within a family follow the vCPUs.
	InstanceHour map[string]float64 `json:"instance_hour"`
}

// BuiltinPrices is the price file that this build carries.
func BuiltinPrices() *Prices {
	p, err := ParsePrices(builtinPrices)
	if err != nil {
		// The file is part of the build and parsed in a test; without prices
		// every estimate says "unknown".
		return &Prices{Source: "the built-in price file cannot be read"}
	}
	return p
}

// ParsePrices reads a price file. An unknown key is an error: a misspelled one
// would silently price things at nothing.
func ParsePrices(b []byte) (*Prices, error) {
	var p Prices
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		return nil, fmt.Errorf("read price file: %w", err)
	}
	if p.Format != 1 {
		return nil, fmt.Errorf("read price file: format %d is not known, this build reads 1", p.Format)
	}
	if _, err := time.Parse(time.DateOnly, p.AsOf); err != nil {
		return nil, fmt.Errorf("read price file: as_of: %w", err)
	}
	if _, ok := p.Regions[p.BaseRegion]; !ok {
		return nil, fmt.Errorf("read price file: base_region %q has no prices", p.BaseRegion)
	}
	return &p, nil
}

// Estimate is an amount of money that is an estimate, and why.
type Estimate struct {
	// USD is the amount; it means nothing unless Known.
	USD   float64 `json:"usd"`
	Known bool    `json:"known"`
	// Note says why the amount is not known, or what it rests on beyond the file.
	Note string `json:"note,omitempty"`
	// Source and AsOf are the price file's.
	Source string `json:"source,omitempty"`
	AsOf   string `json:"as_of,omitempty"`
}

// Add sums two estimates. A sum with an unknown part is unknown, its USD is
// what is known of it.
func (e Estimate) Add(o Estimate) Estimate {
	sum := e
	sum.USD += o.USD
	sum.Known = e.Known && o.Known
	if sum.Source == "" {
		sum.Source, sum.AsOf = o.Source, o.AsOf
	}
	if o.Note != "" && !strings.Contains(sum.Note, o.Note) {
		sum.Note = strings.Trim(sum.Note+"; "+o.Note, "; ")
	}
	return sum
}

func (p *Prices) estimate(usd float64, note string) Estimate {
	return Estimate{USD: usd, Known: true, Note: note, Source: p.Source, AsOf: p.AsOf}
}

func (p *Prices) unknown(why string) Estimate {
	return Estimate{Note: why, Source: p.Source, AsOf: p.AsOf}
}

// region finds a Region's prices, or the base Region's with a note.
func (p *Prices) region(name string) (RegionPrices, string, bool) {
	if r, ok := p.Regions[name]; ok {
		return r, "", true
	}
	r, ok := p.Regions[p.BaseRegion]
	return r, fmt.Sprintf("priced as in %s: the price file has no %s", p.BaseRegion, name), ok
}

// extendedSupportDisabled is EngineLifecycleSupport of an instance that opted out.
const extendedSupportDisabled = "open-source-rds-extended-support-disabled"

// ExtendedSupportPerDay is the Extended Support fee of one instance for the
// UTC day that `at` lies in: vCPUs, doubled for Multi-AZ, times the phase's
// rate, times 24 hours. Reserved instances do not lower it. Replicas pay for
// themselves: call it for each.
func ExtendedSupportPerDay(i Instance, at time.Time, cal []Lifecycle, p *Prices) Estimate {
	if i.Engine != "" && i.Engine != "mysql" {
		return p.unknown("no fee rule for engine " + i.Engine)
	}
	if i.Lifecycle == extendedSupportDisabled {
		return p.estimate(0, "opted out of Extended Support: AWS upgrades it by itself past standard support")
	}
	v, err := mysqlver.Parse(i.Version)
	if err != nil {
		return p.unknown(err.Error())
	}
	return ExtendedSupportFee(v.Line(), i.Class, i.MultiAZ, RegionOf(i.ARN), at, cal, p)
}

// ExtendedSupportFee is the fee per day that an instance of the class would
// pay on a major line, such as the one it is going to.
func ExtendedSupportFee(line, class string, multiAZ bool, region string, at time.Time, cal []Lifecycle, p *Prices) Estimate {
	s := Support(line, at, cal)
	switch s.Phase {
	case PhaseStandard:
		return p.estimate(0, "")
	case PhaseEnded:
		return p.estimate(0, "support has ended: AWS upgrades it by itself")
	case PhaseUnknown:
		return p.unknown(s.Source)
	}
	r, note, ok := p.region(region)
	if !ok {
		return p.unknown("no Extended Support rate in the price file")
	}
	rate := r.ExtendedSupport.Year12
	if s.Phase == PhaseExtendedYr3 {
		rate = r.ExtendedSupport.Year3
	}
	if rate <= 0 {
		return p.unknown("no Extended Support rate in the price file")
	}
	n, ok := VCPUs(class)
	if !ok {
		return p.unknown("vCPUs of class " + class + " are not known")
	}
	if multiAZ {
		n *= 2
	}
	return p.estimate(float64(n)*rate*24, note)
}

// Monthly is what an instance costs in a month at on-demand prices, without
// backups, data transfer and Extended Support.
type Monthly struct {
	Instance   Estimate `json:"instance"`
	Storage    Estimate `json:"storage"`
	IOPS       Estimate `json:"iops"`
	Throughput Estimate `json:"throughput"`
	Total      Estimate `json:"total"`
}

// MonthlyCost estimates an instance as it stands, in the Region of its ARN.
func MonthlyCost(i Instance, p *Prices) Monthly {
	return monthly(i.Class, StorageSpec{Type: i.StorageType, AllocatedGiB: i.AllocatedGiB,
		IOPS: i.IOPS, ThroughputMiBps: i.ThroughputMiBps}, i.MultiAZ, RegionOf(i.ARN), p)
}

// MonthlyCostAfter estimates the instance with a target class and storage; an
// empty class or a nil storage keeps what there is.
func MonthlyCostAfter(i Instance, class string, s *StorageSpec, p *Prices) Monthly {
	if class != "" {
		i.Class = class
	}
	if s != nil {
		if s.AllocatedGiB > 0 {
			i.AllocatedGiB = s.AllocatedGiB
		}
		if s.Type != "" && s.Type != i.StorageType {
			i.StorageType, i.IOPS, i.ThroughputMiBps = s.Type, 0, 0
		}
		if s.IOPS > 0 {
			i.IOPS = s.IOPS
		}
		if s.ThroughputMiBps > 0 {
			i.ThroughputMiBps = s.ThroughputMiBps
		}
	}
	return MonthlyCost(i, p)
}

func monthly(class string, s StorageSpec, multiAZ bool, region string, p *Prices) Monthly {
	var m Monthly
	r, note, ok := p.region(region)
	if !ok {
		none := p.unknown("no prices for Region " + region)
		return Monthly{Instance: none, Storage: none, IOPS: none, Throughput: none, Total: none}
	}
	times := 1.0
	if multiAZ {
		times = 2
	}
	if hour, ok := r.instanceHour(class); ok {
		m.Instance = p.estimate(hour*HoursPerMonth*times, note)
	} else {
		m.Instance = p.unknown("no price for class " + class)
	}
	if gib, ok := r.StorageGiBMonth[s.Type]; ok {
		m.Storage = p.estimate(gib*float64(s.AllocatedGiB)*times, note)
	} else {
		m.Storage = p.unknown("no price for storage " + s.Type)
	}
	iops, mibps := beyondBaseline(s)
	m.IOPS = p.perUnit(r.IOPSMonth, s.Type, iops, times, "IOPS of "+s.Type, note)
	m.Throughput = p.perUnit(r.ThroughputMiBpsMonth, s.Type, mibps, times, "throughput of "+s.Type, note)
	m.Total = m.Instance.Add(m.Storage).Add(m.IOPS).Add(m.Throughput)
	return m
}

func (p *Prices) perUnit(table map[string]float64, key string, units int, times float64, what, note string) Estimate {
	if units == 0 {
		return p.estimate(0, "")
	}
	price, ok := table[key]
	if !ok {
		return p.unknown("no price for " + what)
	}
	return p.estimate(price*float64(units)*times, note)
}

// beyondBaseline is what is charged apart from the GiB: everything provisioned
// on io1 and io2, what exceeds the included baseline on gp3 (3,000 IOPS and
// 125 MiB/s, from 400 GiB 12,000 and 500), nothing on gp2.
func beyondBaseline(s StorageSpec) (iops, mibps int) {
	switch s.Type {
	case "io1", "io2":
		return s.IOPS, 0
	case "gp3":
		baseIOPS, baseMiBps := 3000, 125
		if s.AllocatedGiB >= 400 {
			baseIOPS, baseMiBps = 12000, 500
		}
		return max(0, s.IOPS-baseIOPS), max(0, s.ThroughputMiBps-baseMiBps)
	}
	return 0, 0
}

// instanceHour is a class's price, derived from the family's large when the
// size is not listed. Sizes below large do not follow from it.
func (r RegionPrices) instanceHour(class string) (float64, bool) {
	if h, ok := r.InstanceHour[class]; ok {
		return h, true
	}
	dot := strings.LastIndexByte(class, '.')
	if dot < 0 || !strings.HasSuffix(class, "large") {
		return 0, false
	}
	large, ok := r.InstanceHour[class[:dot]+".large"]
	n, known := VCPUs(class)
	if !ok || !known {
		return 0, false
	}
	return large * float64(n) / 2, true
}

// RegionOf is the Region in an ARN, "" when it is none.
func RegionOf(arn string) string {
	parts := strings.SplitN(arn, ":", 5)
	if len(parts) < 5 || parts[0] != "arn" {
		return ""
	}
	return parts[3]
}
