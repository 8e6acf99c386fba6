package fleet

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// Inventory is what runs in the accounts and Regions.
type Inventory struct {
	At        time.Time `json:"at"`
	Databases []Found   `json:"databases"`
	// Unreachable are the scopes that could not be read, with the reason.
	Unreachable []string `json:"unreachable,omitempty"`
	// Sources says by scope where the calendar is from.
	Sources map[string]string `json:"sources"`
}

// Found is one database with its replicas counted.
type Found struct {
	Account      string             `json:"account"`
	AccountName  string             `json:"account_name,omitempty"`
	Region       string             `json:"region"`
	ID           string             `json:"id"`
	Version      string             `json:"version"`
	Class        string             `json:"class"`
	StorageType  string             `json:"storage_type"`
	AllocatedGiB int                `json:"allocated_gib"`
	IOPS         int                `json:"iops,omitempty"`
	MultiAZ      bool               `json:"multi_az"`
	Replicas     int                `json:"replicas"`
	Status       string             `json:"status"`
	Service      string             `json:"service,omitempty"`
	Owner        string             `json:"owner,omitempty"`
	Support      bluegreen.Phase    `json:"support"`
	Until        string             `json:"support_until,omitempty"`
	FeePerDay    bluegreen.Estimate `json:"extended_support_day"`
	// Deployment is the status of a deployment that it is in, whoever made it.
	Deployment string            `json:"deployment,omitempty"`
	Tags       map[string]string `json:"tags,omitempty"`
}

// DiscoverOptions name the tags and prices.
type DiscoverOptions struct {
	ServiceTag, OwnerTag string
	Prices               *bluegreen.Prices
	// All takes databases in that are not on an old line, too.
	All bool
}

// Discover lists the RDS for MySQL databases of the scopes, oldest line first.
// It reads three lists per scope and changes nothing. It is an error when no
// scope could be read.
func Discover(ctx context.Context, scopes []Scope, now time.Time, o DiscoverOptions) (Inventory, error) {
	inv := Inventory{At: now.UTC(), Databases: []Found{}, Sources: map[string]string{}}
	seen := look(ctx, scopes)
	var errs []error
	for _, sc := range scopes {
		s := seen[sc.Key()]
		if s.err != nil {
			inv.Unreachable = append(inv.Unreachable, sc.Key()+": "+faultOf(s.err).Error())
			errs = append(errs, fmt.Errorf("read %s: %w", sc.Key(), s.err))
			continue
		}
		calendar, err := sc.Offers.MajorVersions(ctx)
		inv.Sources[sc.Key()] = "DescribeDBMajorEngineVersions"
		if err != nil || len(calendar) == 0 {
			inv.Sources[sc.Key()] = bluegreen.BuiltinCalendarSource()
		}
		for _, i := range databases(s) {
			if i.Engine != "" && i.Engine != "mysql" || i.ReplicaSource != "" {
				continue
			}
			f := foundOf(sc, i, s, now, calendar, o)
			if o.All || f.Support != bluegreen.PhaseStandard {
				inv.Databases = append(inv.Databases, f)
			}
		}
	}
	sort.SliceStable(inv.Databases, func(a, b int) bool {
		x, y := inv.Databases[a], inv.Databases[b]
		if lx, ly := lineOf(x.Version), lineOf(y.Version); lx != ly {
			return lx < ly
		}
		return x.Account+x.Region+x.ID < y.Account+y.Region+y.ID
	})
	if len(errs) == len(scopes) {
		return inv, errors.Join(errs...)
	}
	return inv, nil
}

func foundOf(sc Scope, i *bluegreen.Instance, s *sight, now time.Time, calendar []bluegreen.Lifecycle, o DiscoverOptions) Found {
	f := Found{Account: sc.Account, AccountName: sc.Name, Region: sc.Region, ID: i.ID, Version: i.Version, Class: i.Class, StorageType: i.StorageType,
		AllocatedGiB: i.AllocatedGiB, IOPS: i.IOPS, MultiAZ: i.MultiAZ, Replicas: len(i.Replicas), Status: i.Status,
		Service: i.Tags[o.ServiceTag], Owner: i.Tags[o.OwnerTag], Tags: i.Tags}
	state := bluegreen.Support(lineOf(i.Version), now, calendar)
	f.Support = state.Phase
	if !state.Until.IsZero() {
		f.Until = state.Until.Format(time.DateOnly)
	}
	members := []bluegreen.Instance{*i}
	for _, r := range i.Replicas {
		if x := s.instances[bluegreen.IDFromARN(r)]; x != nil {
			members = append(members, *x)
		}
	}
	f.FeePerDay = fee(members, now, calendar, o.Prices)
	for _, d := range s.byDatabase[i.ID] {
		if d.Status != bluegreen.SwitchoverCompleted {
			f.Deployment = d.Status
		}
	}
	return f
}

// DraftOptions are what a drafted plan cannot know from the inventory.
type DraftOptions struct {
	Name, Target string
	// WaveTag is the tag whose values make waves.
	WaveTag string
	// Profile, RoleARN and ExternalID are how the accounts were reached.
	Profile, RoleARN, ExternalID string
}

// draftDays is how far ahead a drafted deadline lies.
const draftDays = 90

// DraftPlan writes a plan that takes all databases of the inventory: the
// smallest first as a canary, the others in waves by the tag's values, or in
// one. It is a draft: deadline, windows and limits are for a person to decide.
func DraftPlan(inv Inventory, o DraftOptions) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Drafted from what runs in the accounts; decide on deadline, waves, windows and\n# limits, then: rdsupgrade validate PLAN\nversion: 1\nname: %s\ndeadline: %s\n\naccounts:\n",
		o.Name, inv.At.AddDate(0, 0, draftDays).Format(time.DateOnly))
	for _, account := range byAccount(inv) {
		fmt.Fprintf(&b, "  - id: %q\n    regions: [%s]\n", account.id, strings.Join(account.regions, ", "))
		for _, line := range [][2]string{{"profile", o.Profile}, {"role_arn", o.RoleARN}, {"external_id", o.ExternalID}} {
			if line[1] != "" {
				fmt.Fprintf(&b, "    %s: %q\n", line[0], line[1])
			}
		}
	}
	fmt.Fprintf(&b, "\ntarget:\n  engine_version: %q\n  storage: {type: gp3, raise_to_400: true}\n  instance_class: graviton\n  parameter_group: translate\n\n", o.Target)
	b.WriteString("connection: {auth: none}        # prechecks and replica lag need SQL: say how, see docs/plan.md\n\nwaves:\n")
	ids, canary := uniqueIDs(inv), map[string]bool{}
	for _, id := range smallest(inv) {
		canary[id] = true
	}
	wave := func(name string, list []string) {
		if len(list) > 0 {
			fmt.Fprintf(&b, "  - name: %s\n    select: {ids: [%s]}\n    limits: {build: 5, switch: 1}\n    error_budget: 1\n    soak: 24h\n    approval: manual\n", name, strings.Join(list, ", "))
		}
	}
	groups := map[string][]string{}
	for _, f := range inv.Databases {
		if canary[f.ID] || !ids[f.ID] {
			continue
		}
		ids[f.ID] = false
		groups[f.Tags[o.WaveTag]] = append(groups[f.Tags[o.WaveTag]], f.ID)
	}
	wave("canary", sortedKeys(canary))
	for n, v := range sortedKeys(groups) {
		sort.Strings(groups[v])
		wave(fmt.Sprintf("wave-%d", n+1), groups[v])
	}
	return b.String()
}

type draftAccount struct {
	id      string
	regions []string
}

func byAccount(inv Inventory) []draftAccount {
	regions := map[string]map[string]bool{}
	for _, f := range inv.Databases {
		if regions[f.Account] == nil {
			regions[f.Account] = map[string]bool{}
		}
		regions[f.Account][f.Region] = true
	}
	var out []draftAccount
	for _, a := range sortedKeys(regions) {
		out = append(out, draftAccount{a, sortedKeys(regions[a])})
	}
	return out
}

func uniqueIDs(inv Inventory) map[string]bool {
	ids := map[string]bool{}
	for _, f := range inv.Databases {
		ids[f.ID] = true
	}
	return ids
}

// smallest are the ids of a twentieth of the databases, one at least, of those
// with least storage and no replicas.
func smallest(inv Inventory) []string {
	list := append([]Found{}, inv.Databases...)
	sort.SliceStable(list, func(a, b int) bool {
		if list[a].Replicas != list[b].Replicas {
			return list[a].Replicas < list[b].Replicas
		}
		return list[a].AllocatedGiB < list[b].AllocatedGiB
	})
	var out []string
	for _, f := range list[:(len(list)+19)/20] {
		out = append(out, f.ID)
	}
	return out
}
