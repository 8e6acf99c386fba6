package bluegreen

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// GreenNeed is what one green takes of the account's quotas while it lives.
type GreenNeed struct {
	Database   string `json:"database"`
	Instances  int    `json:"instances"`   // 1 and its replicas
	StorageGiB int    `json:"storage_gib"` // of all of them
}

const sourceQuotas = "DescribeAccountAttributes; RDS user guide, CHAP_Limits"

// QuotaLimit is the largest number of greens that the account's quotas hold at
// once, whichever they are: the needs are taken largest first. An old blue goes
// on counting until it is deleted, so a caller subtracts those it keeps by
// raising Used. An issue says which quota is the tightest when not all fit, and
// blocks when not even one does. A quota that is not listed limits nothing and
// is a warning.
func QuotaLimit(q []Quota, greens []GreenNeed) (int, []Issue) {
	if len(greens) == 0 {
		return 0, nil
	}
	limit := len(greens)
	var issues []Issue
	for _, kind := range []struct {
		quota, what, code string
		need              func(GreenNeed) int64
	}{
		{"DBInstances", "instances", "InstanceQuotaExceeded", func(g GreenNeed) int64 { return int64(g.Instances) }},
		{"AllocatedStorage", "GiB of storage", "StorageQuotaExceeded", func(g GreenNeed) int64 { return int64(g.StorageGiB) }},
	} {
		i := slices.IndexFunc(q, func(x Quota) bool { return strings.EqualFold(x.Name, kind.quota) })
		if i < 0 {
			issues = append(issues, Issue{ID: "quota-unknown", Severity: SeverityWarn, Message: "the quota " + kind.quota + " is not known",
				Evidence: kind.quota, WayOut: "allow rds:DescribeAccountAttributes", Source: sourceQuotas})
			continue
		}
		free := q[i].Max - q[i].Used
		n, all := howMany(greens, free, kind.need)
		limit = min(limit, n)
		if n == len(greens) {
			continue
		}
		is := Issue{ID: "quota-" + strings.ToLower(kind.quota), Severity: SeverityWarn, Code: "",
			Message:  fmt.Sprintf("%d greens need %d %s at once, %d are free: %d fit", len(greens), all, kind.what, max(free, 0), n),
			Evidence: fmt.Sprintf("%s: %d of %d used", kind.quota, q[i].Used, q[i].Max),
			WayOut:   fmt.Sprintf("build at most %d at once, delete old blues earlier, or ask for a higher quota", n), Source: sourceQuotas}
		if n == 0 {
			is.Severity, is.Code = SeverityBlock, kind.code
			is.WayOut = "ask for a higher quota, or delete what is no longer needed: nothing can be built"
		}
		issues = append(issues, is)
	}
	return limit, issues
}

// howMany counts how many of the largest needs fit, and what all of them need.
func howMany(greens []GreenNeed, free int64, need func(GreenNeed) int64) (n int, all int64) {
	sorted := slices.SortedFunc(slices.Values(greens), func(a, b GreenNeed) int { return cmp.Compare(need(b), need(a)) })
	var sum int64
	for _, g := range sorted {
		all += need(g)
		if sum += need(g); sum <= free {
			n++
		}
	}
	return n, all
}

// GroupQuota compares the parameter groups that a campaign would make with the
// quota. RDS refuses each group that does not fit any more.
func GroupQuota(q []Quota, needed int) []Issue {
	i := slices.IndexFunc(q, func(x Quota) bool { return strings.EqualFold(x.Name, "DBParameterGroups") })
	if i < 0 || int64(needed) <= q[i].Max-q[i].Used {
		return nil
	}
	return []Issue{{ID: "quota-dbparametergroups", Severity: SeverityWarn, Code: "DBParameterGroupQuotaExceeded",
		Message:  fmt.Sprintf("%d parameter groups are to be made, %d are free: what comes after them is refused", needed, max(q[i].Max-q[i].Used, 0)),
		Evidence: fmt.Sprintf("DBParameterGroups: %d of %d used", q[i].Used, q[i].Max),
		WayOut:   "delete groups that nothing uses, or ask for a higher quota", Source: sourceQuotas}}
}
