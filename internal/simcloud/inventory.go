package simcloud

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"

	"github.com/rdsupgrade/rdsupgrade/internal/rdssim"
	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
	"github.com/rdsupgrade/rdsupgrade/pkg/fleet/plan"
)

// MadeUp is a fleet of n databases that fits the plan's waves: the first wave
// holds one in twenty and at most 25, the others share the rest.
func MadeUp(p *plan.Plan, n int, seed uint64) (*rdssim.Fleet, error) {
	rnd := rand.New(rand.NewPCG(seed, 1))
	f := newFleet(p, n)
	per := make([]int, len(p.Waves))
	for i := range n {
		w := 0
		if len(per) > 1 && i >= min(max(1, n/20), 25) {
			w = 1 + i%(len(per)-1)
		}
		d, err := fitting(p, w, per[w])
		if err != nil {
			return nil, err
		}
		per[w]++
		d.EngineVersion = versionFor(p.Waves[w])
		size := 20 * math.Pow(100, rnd.Float64()) // 20 GiB to 2 TiB, as many small as large ones by their logarithm
		d.AllocatedStorage, d.StorageType = int(size), "gp2"
		d.Class = classFor(size, rnd)
		multi := rnd.IntN(2) == 0
		d.MultiAZ = &multi
		d.LagSeconds = 30 + rnd.IntN(120)
		if p.ServiceTag != "" {
			d.Tags[p.ServiceTag] = fmt.Sprintf("service-%d", i*10/13)
		}
		if rnd.IntN(10) == 0 {
			d.Replicas = []rdssim.ReplicaSpec{{ID: d.ID + "-r1"}}
		}
		f.Databases = append(f.Databases, d)
	}
	return f, f.Validate()
}

func newFleet(p *plan.Plan, n int) *rdssim.Fleet {
	f := &rdssim.Fleet{}
	days := 7
	f.Defaults.BackupRetention = &days
	for _, a := range p.Accounts {
		f.Accounts = append(f.Accounts, rdssim.AccountSpec{ID: accountOf(a), Regions: a.Regions,
			Quotas: map[string]int{"DBInstances": 40 + 4*n, "AllocatedStorage": 10_000_000}})
	}
	return f
}

func classFor(gib float64, rnd *rand.Rand) string {
	family := []string{"db.m5", "db.r5"}[rnd.IntN(2)]
	switch {
	case gib < 100:
		return family + ".large"
	case gib < 500:
		return family + ".xlarge"
	}
	return family + ".2xlarge"
}

func versionFor(w plan.Wave) string {
	for _, v := range w.Select.EngineVersions {
		if strings.HasPrefix(v, "8.0") {
			return "8.0.40"
		}
	}
	return "5.7.44"
}

// fitting makes up a database that the wave selects and no earlier one does.
func fitting(p *plan.Plan, wave, n int) (rdssim.DatabaseSpec, error) {
	s := p.Waves[wave].Select
	id := fmt.Sprintf("%s-%05d", nameOf(p.Waves[wave].Name), n)
	switch {
	case len(s.Globs) > 0:
		id = strings.NewReplacer("*", id, "?", "x").Replace(s.Globs[n%len(s.Globs)])
	case len(s.IDs) > n:
		id = s.IDs[n]
	}
	d := rdssim.DatabaseSpec{ID: id, Tags: map[string]string{}}
	for k, v := range s.Tags {
		if v == "*" {
			v = fmt.Sprintf("any-%d", n)
		}
		d.Tags[k] = v
	}
	type place struct{ account, region string }
	var places []place
	for _, a := range p.Accounts {
		if len(s.Accounts) > 0 && !slices.Contains(s.Accounts, a.ID) && !slices.Contains(s.Accounts, a.Name) {
			continue
		}
		for _, r := range a.Regions {
			if len(s.Regions) == 0 || slices.Contains(s.Regions, r) {
				places = append(places, place{accountOf(a), r})
			}
		}
	}
	if len(places) == 0 {
		return d, fmt.Errorf("wave %s selects no account and Region of the plan", p.Waves[wave].Name)
	}
	at := places[n%len(places)]
	d.Account, d.Region = at.account, at.region
	return d, nil
}

// nameOf makes an RDS identifier out of a wave's name.
func nameOf(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '-'
	}, strings.ToLower(s))
	return strings.Trim("db-"+strings.Trim(s, "-"), "-")
}

// saved is a database as commands write it: discover's instances, or the
// databases of plan and status.
type saved struct {
	bluegreen.Instance
	Account       string `json:"account"`
	Region        string `json:"region"`
	Wave          string `json:"wave"`
	Service       string `json:"service"`
	EngineVersion string `json:"engine_version"`
	InstanceClass string `json:"instance_class"`
	// Replicas is a number in a status, a list in an inventory.
	Replicas json.RawMessage `json:"replicas"`
}

// FromFile reads an inventory: a fleet file of rdssim, or the JSON that
// discover, plan or status wrote.
func FromFile(p *plan.Plan, path string) (*rdssim.Fleet, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the inventory: %w", err)
	}
	text := strings.TrimSpace(string(b))
	if !strings.HasPrefix(text, "{") && !strings.HasPrefix(text, "[") {
		return rdssim.LoadFleet(path)
	}
	var doc struct {
		Databases []saved `json:"databases"`
		Instances []saved `json:"instances"`
	}
	if strings.HasPrefix(text, "[") {
		err = json.Unmarshal(b, &doc.Databases)
	} else {
		err = json.Unmarshal(b, &doc)
	}
	if err != nil {
		return nil, fmt.Errorf("read the inventory %s: %w", path, err)
	}
	return fromSaved(p, append(doc.Databases, doc.Instances...))
}

func fromSaved(p *plan.Plan, list []saved) (*rdssim.Fleet, error) {
	f := newFleet(p, len(list))
	per := map[string]int{}
	for _, s := range list {
		if s.ReplicaSource != "" {
			continue
		}
		d := rdssim.DatabaseSpec{ID: s.ID, Account: s.Account, Region: s.Region, EngineVersion: or(s.EngineVersion, s.Version), Class: or(s.InstanceClass, s.Class),
			StorageType: s.StorageType, AllocatedStorage: s.AllocatedGiB, IOPS: s.IOPS, Throughput: s.ThroughputMiBps, MultiAZ: &s.MultiAZ, Tags: s.Tags}
		place(p, &d, s, per)
		var n int
		var ids []string
		if json.Unmarshal(s.Replicas, &n) != nil && json.Unmarshal(s.Replicas, &ids) == nil {
			n = len(ids)
		}
		for k := range n {
			d.Replicas = append(d.Replicas, rdssim.ReplicaSpec{ID: fmt.Sprintf("%s-sim%d", d.ID, k+1)})
		}
		f.Databases = append(f.Databases, d)
	}
	if len(f.Databases) == 0 {
		return nil, errNoFleet
	}
	return f, f.Validate()
}

// place fills in account and Region from the ARN, and tags that put a database
// into the wave that a status names, since a status holds no tags.
func place(p *plan.Plan, d *rdssim.DatabaseSpec, s saved, per map[string]int) {
	if parts := strings.Split(s.ARN, ":"); len(parts) >= 6 {
		d.Region, d.Account = or(d.Region, parts[3]), or(d.Account, parts[4])
	}
	if d.Account == "" && len(p.Accounts) > 0 {
		d.Account = accountOf(p.Accounts[0])
	}
	if d.Tags == nil {
		d.Tags = map[string]string{}
		for w := range p.Waves {
			if p.Waves[w].Name != s.Wave {
				continue
			}
			if like, err := fitting(p, w, per[s.Wave]); err == nil {
				d.Tags = like.Tags
			}
			per[s.Wave]++
		}
	}
	if s.Service != "" && p.ServiceTag != "" {
		d.Tags[p.ServiceTag] = s.Service
	}
}

// FromInstances is a fleet out of what AWS shows, by account and Region.
func FromInstances(p *plan.Plan, found map[rdssim.Scope][]bluegreen.Instance, quotas map[rdssim.Scope][]bluegreen.Quota) (*rdssim.Fleet, error) {
	var list []saved
	for at, instances := range found {
		for _, i := range instances {
			if i.Engine != "mysql" || i.ClusterID != "" {
				continue
			}
			s := saved{Instance: i, Account: at.Account, Region: at.Region}
			s.Replicas, _ = json.Marshal(len(i.Replicas)) // a number always marshals
			if s.Tags == nil {
				s.Tags = map[string]string{}
			}
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b saved) int { return strings.Compare(a.Account+a.Region+a.ID, b.Account+b.Region+b.ID) })
	f, err := fromSaved(p, list)
	if err != nil {
		return nil, err
	}
	for at, qs := range quotas {
		for n := range f.Accounts {
			for _, q := range qs {
				if f.Accounts[n].ID == at.Account && (q.Name == "DBInstances" || q.Name == "AllocatedStorage") {
					f.Accounts[n].Quotas[q.Name] = int(q.Max)
				}
			}
		}
	}
	return f, nil
}
