package precheck

import (
	"fmt"
	"slices"
	"strings"
)

func pluginRules() []Rule {
	return []Rule{
		{
			ID: "pluginUsage", Title: "Deprecated or removed plugins in use", Severity: Warning,
			About:  "An active plugin is deprecated, or no longer part of the target. Where it is removed, the server does not start with it.",
			Fix:    "Use the component that replaces the plugin, and remove the plugin.",
			Source: srcBoth, Doc: docNew84, Needs: []Section{SectionPlugins}, Check: checkPlugins,
		},
		{
			ID: "memcached", Title: "The memcached plugin", Severity: Error,
			About:  "The InnoDB memcached plugin is gone in 8.3; RDS for MySQL 8.4 refuses an instance that has it.",
			Fix:    "Move its clients to SQL, then remove the MEMCACHED option or uninstall the plugin.",
			Source: srcRDS, Doc: docRDSMajor, Applies: crosses(v830), Needs: []Section{SectionPlugins}, Check: checkMemcached,
		},
		{
			ID: "sysSchemaObjects", Title: "Foreign or missing objects in schema sys", Severity: Error,
			About:  "The upgrade makes schema sys anew. A table or view there that is not the server's own, or a missing sys_config, stops RDS's upgrade.",
			Fix:    "Move the object to a schema of your own, and recreate schema sys if sys_config is missing.",
			Source: srcRDS + "; Aurora's as well", Doc: docRDSMajor, Once: true, Needs: []Section{SectionSystem}, Check: checkSysSchema,
		},
		{
			ID: "customOptionGroup", Title: "Custom option group", Severity: Warning,
			About:  "A blue/green deployment with a major upgrade cannot be made of an instance that has a custom option group.",
			Fix:    "Take the instance back to the default option group, or upgrade the green by itself after creating it on the old version.",
			Source: "AWS: blue/green limitations", Doc: docBlueGreen, Once: true, Check: checkOptionGroup,
		},
	}
}

// oldPlugin is a plugin that is deprecated and later removed.
type oldPlugin struct {
	name             string
	deprecated, gone [3]int
	instead          string
}

// oldPlugins is from MySQL Shell's list, the two of semi-synchronous
// replication from its newer releases.
var oldPlugins = []oldPlugin{
	{"authentication_fido", [3]int{8, 2, 0}, v840, "authentication_webauthn"},
	{"keyring_file", [3]int{8, 0, 34}, v840, "component_keyring_file"},
	{"keyring_encrypted_file", [3]int{8, 0, 34}, v840, "component_keyring_encrypted_file"},
	{"keyring_oci", [3]int{8, 0, 31}, v840, "component_keyring_oci"},
	{"rpl_semi_sync_master", [3]int{8, 0, 26}, [3]int{9, 5, 0}, "rpl_semi_sync_source"},
	{"rpl_semi_sync_slave", [3]int{8, 0, 26}, [3]int{9, 5, 0}, "rpl_semi_sync_replica"},
}

func checkPlugins(in *Input) ([]Finding, error) {
	var out []Finding
	for _, p := range in.Catalog.Plugins {
		i := slices.IndexFunc(oldPlugins, func(o oldPlugin) bool { return strings.EqualFold(o.name, p.Name) })
		if i < 0 || !strings.EqualFold(p.Status, "ACTIVE") {
			continue
		}
		o, to := &oldPlugins[i], in.Hop.To
		f := Finding{Object: p.Name}
		switch {
		case to.AtLeast(o.gone[0], o.gone[1], o.gone[2]):
			f.Severity, f.Message = Error, "removed in "+versionString(o.gone)
		case to.AtLeast(o.deprecated[0], o.deprecated[1], o.deprecated[2]):
			f.Severity, f.Message = Warning, "deprecated since "+versionString(o.deprecated)
		default:
			f.Severity, f.Message = Notice, "deprecated from "+versionString(o.deprecated)+" on"
		}
		f.Message = fmt.Sprintf("the plugin is %s; %s replaces it", f.Message, o.instead)
		out = append(out, f)
	}
	return out, nil
}

func checkMemcached(in *Input) ([]Finding, error) {
	var out []Finding
	for _, p := range in.Catalog.Plugins {
		if strings.EqualFold(p.Name, "daemon_memcached") && !strings.EqualFold(p.Status, "DELETED") {
			out = append(out, Finding{Object: p.Name, Message: "the memcached plugin is installed"})
		}
	}
	return out, nil
}

func checkSysSchema(in *Input) ([]Finding, error) {
	const config = "sys_config"
	var out []Finding
	any, hasConfig := false, false
	for _, t := range in.Catalog.SystemTable {
		if !strings.EqualFold(t.Schema, "sys") {
			continue
		}
		any = true
		isView := strings.EqualFold(t.Type, "VIEW")
		switch {
		case !isView && strings.EqualFold(t.Name, config):
			hasConfig = true
		case !isView:
			out = append(out, Finding{Object: name(t.Schema, t.Name), Message: "the table does not belong into schema sys"})
		case t.Definer != "" && t.Definer != "mysql.sys@localhost":
			out = append(out, Finding{Object: name(t.Schema, t.Name), Message: "the view's definer is " + printable(t.Definer) + ", not mysql.sys@localhost"})
		}
	}
	if any && !hasConfig {
		out = append(out, Finding{Object: "sys." + config, Message: "the table is missing from schema sys"})
	}
	return out, nil
}

func checkOptionGroup(in *Input) ([]Finding, error) {
	group := in.Catalog.Activity.OptionGroup
	switch {
	case group == "" && in.Catalog.Parameters == nil:
		return nil, skipError{"option groups are known only where AWS can be asked"}
	case group == "" || strings.HasPrefix(group, "default:"):
		return nil, nil
	}
	return []Finding{{Object: group, Message: "the instance has a custom option group"}}, nil
}
