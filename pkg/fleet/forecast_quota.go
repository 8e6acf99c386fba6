package fleet

import (
	"fmt"
	"strings"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// QuotaForecast compares a scope's quotas with the greens that the waves would
// hold in it at once.
type QuotaForecast struct {
	Scope string `json:"scope"`
	// AtOnce is how many greens the plan's limits would hold at once.
	AtOnce int `json:"greens_at_once"`
	// Fits is the largest number that the quotas hold, taking the largest first.
	Fits int `json:"fits"`
	// KeptInstances and KeptGiB are what old blues add until they are deleted:
	// an old blue counts like any instance.
	KeptInstances int               `json:"kept_instances"`
	KeptGiB       int               `json:"kept_gib"`
	Issues        []bluegreen.Issue `json:"issues"`
}

// foreseeQuotas compares the quotas, and blocks the databases whose own green
// does not fit into what is left.
func (e *Engine) foreseeQuotas(pv *Preview, units []unit) {
	for _, sc := range e.cfg.Scopes {
		ref := e.refs[sc.Key()]
		if ref == nil {
			continue
		}
		q := QuotaForecast{Scope: sc.Key(), Issues: []bluegreen.Issue{}}
		byWave, groups := map[int][]bluegreen.GreenNeed{}, map[string]bool{}
		for i := range units {
			u := &units[i]
			if u.scope != sc.Key() || u.unread || len(u.facts.Hops) == 0 || pv.Plans[i].Blocked() || u.state.Stage.HasGreen() {
				continue
			}
			if g := u.facts.Group; g != nil && !g.Exists {
				groups[g.Spec.Name] = true
			}
			need := greenNeed(u)
			byWave[u.wave] = append(byWave[u.wave], need)
			hops := len(u.facts.Hops)
			q.KeptInstances += need.Instances * hops
			q.KeptGiB += need.StorageGiB * hops
			alone, issues := bluegreen.QuotaLimit(ref.quotas, []bluegreen.GreenNeed{need})
			if alone == 0 {
				pv.Plans[i].Issues = append(blockersOf(issues), pv.Plans[i].Issues...)
				pv.Plans[i].Actions = []bluegreen.Action{}
			}
		}
		needs := e.heldAtOnce(byWave)
		q.AtOnce = len(needs)
		fits, issues := bluegreen.QuotaLimit(ref.quotas, needs)
		q.Fits = fits
		q.Issues = append(q.Issues, issues...)
		q.Issues = append(q.Issues, keptIssues(ref.quotas, q)...)
		q.Issues = append(q.Issues, bluegreen.GroupQuota(ref.quotas, len(groups))...)
		if q.AtOnce > 0 {
			pv.Quotas = append(pv.Quotas, q)
		}
	}
}

func greenNeed(u *unit) bluegreen.GreenNeed {
	n := bluegreen.GreenNeed{Database: u.facts.ID, Instances: 1}
	gib := u.size
	if t := u.facts.Target; t != nil {
		gib = max(gib, t.Storage.AllocatedGiB)
	}
	if blue := u.facts.Instances[u.facts.ID]; blue != nil {
		n.Instances += len(blue.Replicas)
	}
	n.StorageGiB = gib * n.Instances // a green replica's storage is the green primary's
	return n
}

func blockersOf(list []bluegreen.Issue) []bluegreen.Issue {
	var out []bluegreen.Issue
	for _, i := range list {
		if i.Severity == bluegreen.SeverityBlock {
			out = append(out, i)
		}
	}
	return out
}

// heldAtOnce are the greens of the wave, with the one after it where greens are
// built ahead, that together take the most; max_greens cuts them.
func (e *Engine) heldAtOnce(byWave map[int][]bluegreen.GreenNeed) []bluegreen.GreenNeed {
	var most []bluegreen.GreenNeed
	p := e.cfg.Plan
	for w := range p.Waves {
		held := append([]bluegreen.GreenNeed{}, byWave[w]...)
		if p.Run.BuildAhead {
			held = append(held, byWave[w+1]...)
		}
		if len(held) > len(most) {
			most = held
		}
	}
	if limit := p.Run.MaxGreens; limit > 0 && len(most) > limit {
		most = most[:limit]
	}
	return most
}

// keptIssues warns where old blues, kept to the end, would fill a quota.
func keptIssues(quotas []bluegreen.Quota, q QuotaForecast) []bluegreen.Issue {
	var out []bluegreen.Issue
	for _, x := range quotas {
		need, what := 0, ""
		switch {
		case strings.EqualFold(x.Name, "DBInstances"):
			need, what = q.KeptInstances, "instances"
		case strings.EqualFold(x.Name, "AllocatedStorage"):
			need, what = q.KeptGiB, "GiB"
		}
		if free := x.Max - x.Used; what != "" && int64(need) > free {
			out = append(out, bluegreen.Issue{ID: "quota-old-blues", Severity: bluegreen.SeverityWarn,
				Message:  fmt.Sprintf("old blues that are kept to the end need %d %s more, %d are free", need, what, max(free, 0)),
				Evidence: fmt.Sprintf("%s: %d of %d used", x.Name, x.Used, x.Max),
				WayOut:   "remove old blues wave by wave (cleanup), or ask for a higher quota", Source: "DescribeAccountAttributes"})
		}
	}
	return out
}
