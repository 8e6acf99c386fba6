package fleet

import (
	"fmt"
	"strings"
	"time"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// steps walks the hops: each starts as the one before left it, with the
// parameter and option group that the one before made.
func (r road) steps(first bluegreen.Target) []HopPlan {
	var out []HopPlan
	at, replicas := r.blue, r.replicas
	left := leftBehind{}
	for n, hop := range r.hops {
		h := HopPlan{From: hop.From, To: hop.To, Target: first}
		if n > 0 {
			r.laterTarget(&h, at, replicas, hop, left)
		} else if r.first != nil {
			h.Group = r.first.trans
		}
		h.Duration = bluegreen.EstimateDuration(bluegreen.DurationFacts{Blue: at, Replicas: replicas, Hop: hop, Target: h.Target,
			Load: r.load(), Objects: r.objects, Pace: r.pace})
		left = r.leaves(&h, at, hop, left)
		at, replicas = after(at, h.Target, true), eachAfter(replicas, h.Target)
		state := bluegreen.Support(lineOf(hop.To), r.now, r.ref.lifecycles)
		h.Support = state.Phase
		if !state.Until.IsZero() {
			h.Until = state.Until.Format(time.DateOnly)
		}
		members := append([]bluegreen.Instance{at}, replicas...)
		h.FeePerDay = fee(members, r.now, r.ref.lifecycles, r.prices)
		h.Month = monthlyOf(members, r.prices).Total
		out = append(out, h)
	}
	return out
}

// leftBehind is what a hop leaves for the next one: the user-set values of its
// parameter group, and its option group.
type leftBehind struct {
	family  string
	set     []bluegreen.Parameter
	options *bluegreen.OptionGroup
}

// leaves is what stands after a hop. The options of the first hop's blue are
// read from AWS, those of a later one are what the hop before made.
func (r road) leaves(h *HopPlan, at bluegreen.Instance, hop bluegreen.Hop, before leftBehind) leftBehind {
	left := leftBehind{family: hop.Family}
	if h.Group != nil {
		left.set = h.Group.Set
	} else if set, ok := r.ref.parameters[h.Target.ParameterGroup]; ok {
		left.set = set
	}
	from := before.options
	if g, ok := r.ref.options[at.OptionGroup]; ok && from == nil {
		from = &g
	}
	if from == nil || !bluegreen.UpgradesAfterCreate(at, hop) {
		return left
	}
	if spec := bluegreen.TranslateOptions(r.in.plan.Name, *from, hop.To); spec != nil {
		g := bluegreen.OptionGroup{Name: spec.Name, Line: spec.Line, Detail: spec.Options}
		for _, o := range spec.Options {
			g.Options = append(g.Options, o.Name)
		}
		left.options = &g
		h.Target.OptionGroup = spec.Name
		h.Options = g.Options
	}
	return left
}

// laterTarget is what a hop after the first makes of the database, by what is
// known today.
func (r road) laterTarget(h *HopPlan, at bluegreen.Instance, replicas []bluegreen.Instance, hop bluegreen.Hop, left leftBehind) {
	p := r.in.plan
	h.Target, h.Issues = bluegreen.ResolveTarget(at, replicas, hop, targetPolicy(p, r.in.loads), r.in.market(hop))
	h.Issues = append(h.Issues, removedOptions(left, hop)...)
	if g := p.Target.ParameterGroup; g != "translate" && g != "" {
		if known, ok := r.ref.groups[g]; ok && known.Family != hop.Family {
			h.Issues = append(h.Issues, bluegreen.Issue{ID: "target-group-family", Severity: bluegreen.SeverityBlock, Code: "InvalidParameterCombination",
				Message: fmt.Sprintf("the parameter group %s is of family %s, this hop needs %s", g, known.Family, hop.Family),
				WayOut:  "target.parameter_group: translate, which makes a group for every hop"})
		}
		return
	}
	user := bluegreen.EventsBefore(left.set, p.Name, at.ParameterGroup, false)
	tr, issues := bluegreen.TranslateParameters(user, r.ref.defaults[left.family], r.ref.defaults[hop.Family], left.family, hop.Family,
		bluegreen.TranslatePolicy{WayBack: true})
	h.Group, h.Issues = &tr, append(h.Issues, issues...)
	switch {
	case bluegreen.HasBlocker(issues):
	case len(tr.Set) == 0:
		h.Target.ParameterGroup = "default." + hop.Family
	default:
		h.Target.ParameterGroup = groupSpec(p.Name, &at, hop.Family, tr).Name
	}
}

// removedOptions are options of the hop before that this hop's version does
// not have.
func removedOptions(left leftBehind, hop bluegreen.Hop) []bluegreen.Issue {
	if left.options == nil {
		return nil
	}
	var out []bluegreen.Issue
	for _, o := range left.options.Options {
		if why := bluegreen.OptionGone(o, hop.To); why != "" {
			out = append(out, bluegreen.Issue{ID: "option-removed", Severity: bluegreen.SeverityBlock, Code: "InvalidParameterCombination",
				Message: why, Evidence: o, WayOut: "take the option out before this hop"})
		}
	}
	return out
}

// laterIssues says of a whole road that a hop after the first would be blocked:
// the database would stay where the hop before left it.
func laterIssues(steps []HopPlan) []bluegreen.Issue {
	var out []bluegreen.Issue
	for n, h := range steps {
		if n == 0 {
			continue
		}
		for _, i := range h.Issues {
			if i.Severity != bluegreen.SeverityBlock || strings.HasSuffix(i.ID, "-unknown") {
				continue
			}
			out = append(out, bluegreen.Issue{ID: "later-hop-blocked", Severity: bluegreen.SeverityWarn, Code: i.Code,
				Message:  fmt.Sprintf("hop %d (%s > %s) would be blocked, and the database would stay on %s: %s", n+1, h.From, h.To, h.From, i.Message),
				Evidence: strings.TrimSuffix(i.ID+": "+i.Evidence, ": "), WayOut: i.WayOut, Source: i.Source})
		}
	}
	return out
}
