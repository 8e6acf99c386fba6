package precheck

import (
	"fmt"
	"strings"
)

func variableRules() []Rule {
	return []Rule{
		{
			ID: "removedSysLogVars", Title: "Removed variables for logging to syslog", Severity: Error,
			About:  "8.0.13 replaced the log_syslog variables by a component; a server that finds them in its option file does not start.",
			Fix:    "Remove the setting; use the syslog component where it is needed.",
			Source: srcBoth, Doc: docChanges80, Applies: crosses([3]int{8, 0, 13}),
			Check: func(in *Input) ([]Finding, error) { return checkRemoved(in, removedSyslogVars) },
		},
		{
			ID: "removedSysVars", Title: "Removed system variables that are set", Severity: Error,
			About:  "A server that finds a removed variable in its option file does not start, and a parameter group of the new family does not have it. What it did is gone or has another name.",
			Fix:    "Leave the variable out of the target's parameter group or option file, and use its successor where there is one.",
			Source: srcBoth + "; completed by comparing a real 5.7.30 with a real 9.7.4", Doc: "https://dev.mysql.com/doc/refman/8.4/en/added-deprecated-removed.html",
			Applies: func(h Hop) bool { return h.Crosses(8, 0, 11) || h.To.AtLeast(8, 0, 13) },
			Check:   func(in *Input) ([]Finding, error) { return checkRemoved(in, removedVars) },
		},
		{
			ID: "sysVarsNewDefaults", Title: "Variables left at a default that changes", Severity: Notice,
			About:  "The variable is not set, so the new version's default will take its place. Compare the two parameter group families where the answer matters.",
			Fix:    "Set the variable in the target's parameter group if the old value must stay.",
			Source: srcBoth + " (both as a warning, and for variables that the server does not have as well)", Doc: docChanges84,
			Applies: crosses(v8011, v840), Check: checkNewDefaults,
		},
		{
			ID: "sysvarAllowedValues", Title: "TLS ciphers that 8.4 does not allow", Severity: Error,
			About:  "8.4 accepts only a fixed list of ciphers in ssl_cipher, tls_ciphersuites and their admin_ forms; another one keeps the server from starting.",
			Fix:    "Remove the ciphers that the message names.",
			Source: srcShell + "; lists are judged cipher by cipher", Doc: "https://dev.mysql.com/doc/refman/8.4/en/encrypted-connection-protocols-ciphers.html",
			Applies: crosses(v840), Check: checkCiphers,
		},
		{
			ID: "defaultAuthenticationPlugin", Title: "New accounts use caching_sha2_password", Severity: Notice,
			About:  "From 8.0 on a new account gets caching_sha2_password unless told otherwise; clients that do not know it cannot log in. Existing accounts keep their plugin. RDS for MySQL 8.0 keeps mysql_native_password as its default, 8.4 does not.",
			Fix:    "Check that all connectors know caching_sha2_password.",
			Source: srcShell + " (as a warning without any look at the server)", Doc: "https://dev.mysql.com/doc/refman/8.0/en/upgrading-from-previous-series.html#upgrade-caching-sha2-password",
			Applies: to80, Check: checkDefaultPlugin,
		},
		{
			ID: "defaultAuthenticationPluginMds", Title: "New accounts use caching_sha2_password (Oracle's cloud)", Severity: Notice,
			About:  "MySQL Shell's variant of the text for Oracle's own cloud service.",
			Fix:    "Nothing to do outside that service.",
			Source: srcShell + ", off there by default", Doc: docChanges80, Applies: to80,
			Check: func(*Input) ([]Finding, error) { return nil, skipError{"concerns only Oracle's cloud service"} },
		},
		{
			ID: "deprecatedDefaultAuth", Title: "A deprecated default authentication plugin is set", Severity: Warning,
			About:  "default_authentication_plugin or authentication_policy names mysql_native_password, sha256_password or authentication_fido. The first variable is gone in 8.4.",
			Fix:    "Remove the setting, or name caching_sha2_password.",
			Source: srcShell + "; only what somebody has set", Doc: "https://dev.mysql.com/doc/refman/8.4/en/multifactor-authentication.html",
			Applies: crosses([3]int{8, 0, 0}, [3]int{8, 1, 0}, [3]int{8, 2, 0}), Check: checkDefaultAuth,
		},
	}
}

// fromServer says how a value was found out, for messages.
func (x *Index) origin() string {
	if x.settings.from != "" {
		return "is set in " + x.settings.from
	}
	return "differs from its compiled default on the running server"
}

// defaultsOf are the compiled defaults of the server's own line.
func (v *removedVar) defaultsOf(c *Catalog) []string {
	was := v.was57
	if !strings.HasPrefix(c.Server.Version, "5.") {
		was = v.was80
	}
	switch was {
	case "*":
		return nil
	case "INDEX_SCAN,HASH_SCAN":
		return []string{was, "HASH_SCAN,INDEX_SCAN"}
	}
	return []string{was}
}

func checkRemoved(in *Input, vars []removedVar) ([]Finding, error) {
	var out []Finding
	x := in.Index
	for i := range vars {
		v := &vars[i]
		if !within(v.gone, in.Hop) {
			continue
		}
		s, err := x.setting(v.name, v.defaultsOf(in.Catalog))
		if err != nil {
			return nil, err
		}
		fromServer := x.settings.from == ""
		if !s.set || fromServer && x.rds() && rdsManaged[v.name] {
			continue
		}
		f := Finding{Object: v.name, Message: fmt.Sprintf("%s is removed in %s and %s", v.name, versionString(v.gone), x.origin())}
		if v.instead != "" {
			f.Message += "; " + v.instead + " replaces it"
		}
		if fromServer && v.twin != "" && x.vars[v.twin] != nil && x.vars[v.name].Source == "" {
			f.Severity = Notice
			f.Message = fmt.Sprintf("%s is removed in %s; its value differs from the default, but may have been set as %s, which stays", v.name, versionString(v.gone), v.twin)
		}
		out = append(out, f)
	}
	return out, nil
}

func versionString(v [3]int) string { return fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2]) }

func checkNewDefaults(in *Input) ([]Finding, error) {
	var out []Finding
	x := in.Index
	read := in.Catalog.Sections[SectionVariables].Status == SectionRead
	for i := range newDefaults {
		d := &newDefaults[i]
		if !within(d.at, in.Hop) {
			continue
		}
		s, err := x.setting(d.name, d.was)
		if err != nil {
			return nil, err
		}
		if s.set || !s.known {
			continue
		}
		if v := x.vars[d.name]; read && (v == nil || !leftAlone(v, d)) {
			continue
		}
		f := Finding{Object: d.name, Message: fmt.Sprintf("not set; its default changes from %s to %s", orEmpty(d.old), d.now)}
		if d.why != "" {
			f.Message += ": " + d.why
		}
		out = append(out, f)
	}
	return out, nil
}

// leftAlone tells whether a running value is the old default, which RDS or an
// operating system's own option file may have changed unseen.
func leftAlone(v *Variable, d *newDefault) bool {
	for _, w := range d.was {
		if sameValue(w, v.Value) {
			return true
		}
	}
	return strings.EqualFold(v.Source, "COMPILED")
}

func orEmpty(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

func checkCiphers(in *Input) ([]Finding, error) {
	var out []Finding
	for _, v := range []struct {
		name string
		good map[string]bool
	}{
		{"ssl_cipher", cipherNames}, {"admin_ssl_cipher", cipherNames}, {"tls_ciphersuites", cipherSuites}, {"admin_tls_ciphersuites", cipherSuites},
	} {
		s, err := in.Index.setting(v.name, []string{""})
		if err != nil {
			return nil, err
		}
		if !s.set || in.Index.settings.from == "" && in.Index.rds() {
			continue
		}
		var bad []string
		for _, c := range strings.Split(strings.Trim(s.value, `"' `), ":") {
			if c = strings.TrimSpace(c); c != "" && !v.good[c] {
				bad = append(bad, printable(c))
			}
		}
		if len(bad) > 0 {
			out = append(out, Finding{Object: v.name, Message: v.name + " holds what 8.4 does not allow: " + strings.Join(bad, ", ")})
		}
	}
	return out, nil
}

func checkDefaultPlugin(in *Input) ([]Finding, error) {
	s, err := in.Index.setting("default_authentication_plugin", []string{"mysql_native_password"})
	if err != nil {
		return nil, err
	}
	if s.set {
		return nil, skipError{"default_authentication_plugin is set"}
	}
	return []Finding{{Object: "default_authentication_plugin", Message: "not set; new accounts will use caching_sha2_password"}}, nil
}

func checkDefaultAuth(in *Input) ([]Finding, error) {
	old := set("mysql_native_password", "sha256_password", "authentication_fido")
	severity := Warning
	if in.Hop.To.AtLeast(8, 4, 0) {
		severity = Error
	}
	defaults := []string{"mysql_native_password"}
	if in.Hop.From.AtLeast(8, 0, 0) && !strings.HasPrefix(in.Catalog.Server.Version, "5.") {
		defaults = []string{"caching_sha2_password"}
	}
	var out []Finding
	for _, v := range []string{"default_authentication_plugin", "authentication_policy"} {
		s, err := in.Index.setting(v, append(defaults, "*,,", "*:caching_sha2_password,,"))
		if err != nil {
			return nil, err
		}
		if !s.set || in.Index.settings.from == "" && in.Index.rds() {
			continue
		}
		for _, factor := range strings.FieldsFunc(strings.ToLower(s.value), func(r rune) bool { return r == ',' || r == ':' || r == ' ' || r == '*' }) {
			if old[factor] {
				out = append(out, Finding{Object: v, Severity: severity, Message: v + " names the deprecated plugin " + factor})
				break
			}
		}
	}
	return out, nil
}
