package bluegreen

import (
	"maps"
	"slices"
	"strings"

	"github.com/rdsupgrade/rdsupgrade/internal/mysqlver"
)

// Option is one option of an option group, with the settings that somebody chose.
type Option struct {
	Name     string            `json:"name"`
	Settings map[string]string `json:"settings,omitempty"`
}

// OptionSpec is an option group to create.
type OptionSpec struct {
	Name        string            `json:"name"`
	Line        string            `json:"line"` // "8.0"
	Description string            `json:"description,omitempty"`
	Options     []Option          `json:"options"`
	Tags        map[string]string `json:"tags,omitempty"`
}

// TranslateOptions carries a custom option group to another version: a group
// belongs to one line and cannot be moved. nil means that none of its options
// is left, and the line's default group serves. What the target does not have
// is an issue of its own (option-removed).
func TranslateOptions(campaign string, g OptionGroup, toVersion string) *OptionSpec {
	v, err := mysqlver.Parse(toVersion)
	if err != nil {
		return nil
	}
	spec := &OptionSpec{Line: v.Line(), Description: "carried over from " + g.Name + " by rdsupgrade", Tags: map[string]string{TagCampaign: campaign}}
	detail := map[string]Option{}
	for _, o := range g.Detail {
		detail[o.Name] = o
	}
	parts := []string{"line=" + spec.Line}
	for _, name := range slices.Sorted(slices.Values(g.Options)) {
		if optionGone(name, v) != "" {
			continue
		}
		o := Option{Name: name, Settings: detail[name].Settings}
		parts = append(parts, "option="+name)
		for _, k := range slices.Sorted(maps.Keys(o.Settings)) {
			parts = append(parts, k+"="+o.Settings[k])
		}
		spec.Options = append(spec.Options, o)
	}
	if len(spec.Options) == 0 {
		return nil
	}
	sum := shortHash(parts...)
	name := slug(strings.Join([]string{campaign, g.Name, "mysql" + spec.Line}, "-"))
	spec.Name = strings.TrimRight(name[:min(len(name), maxGroupName-len(sum)-1)], "-") + "-" + sum
	return spec
}

// OptionGone says why a version does not have an option, "" when it does or
// when the version cannot be read.
func OptionGone(option, version string) string {
	v, err := mysqlver.Parse(version)
	if err != nil {
		return ""
	}
	return optionGone(option, v)
}

// optionGone says why a version does not have an option, "" when it does.
// Source: RDS user guide, Appendix.MySQL.Options.
func optionGone(option string, to mysqlver.Version) string {
	switch {
	case option == "MEMCACHED" && to.AtLeast(8, 4, 0):
		return "MEMCACHED exists for 5.7 and 8.0 only"
	case option == "MARIADB_AUDIT_PLUGIN" && to.Line() == "8.0" && !to.AtLeast(8, 0, 28):
		return "MARIADB_AUDIT_PLUGIN needs 8.0.28"
	}
	return ""
}
