package precheck

import (
	"fmt"
	"strings"
)

func accountRules() []Rule {
	return []Rule{
		{
			ID: "authMethodUsage", Title: "Accounts with deprecated or removed authentication plugins", Severity: Warning,
			About:  "mysql_native_password is deprecated since 8.0.34, off by default in 8.4 and gone in 9.0; sha256_password is deprecated since 8.0.16; authentication_fido is gone in 8.4. RDS keeps mysql_native_password switched on in 8.4.",
			Fix:    "Give the account caching_sha2_password with a new password, after checking that its clients know it.",
			Source: srcBoth + "; the server's own accounts are left out", Doc: "https://dev.mysql.com/doc/refman/8.4/en/native-pluggable-authentication.html",
			Needs: []Section{SectionAccounts}, Check: checkAuthMethods,
		},
		{
			ID: "deprecatedRouterAuthMethod", Title: "MySQL Router accounts with deprecated plugins", Severity: Warning,
			About:  "An account that MySQL Router made for itself uses a plugin that is deprecated or gone.",
			Fix:    "Bootstrap MySQL Router again, or give the account caching_sha2_password.",
			Source: srcShell, Doc: "https://dev.mysql.com/doc/refman/8.4/en/upgrading-from-previous-series.html",
			Applies: crosses([3]int{8, 0, 0}, [3]int{8, 1, 0}, [3]int{8, 2, 0}), Needs: []Section{SectionAccounts}, Check: checkRouterAccounts,
		},
		{
			ID: "weakAccounts", Title: "Accounts that should not be carried along", Severity: Warning,
			About:  "Anonymous accounts, accounts without a plugin and passwords hashed as before 4.1 no longer work or are dangerous; accounts without a password are listed as a notice.",
			Fix:    "Drop the account or give it a password.",
			Source: "hazard that neither MySQL Shell nor RDS looks for", Doc: "https://dev.mysql.com/doc/refman/8.0/en/account-management.html",
			Once: true, Needs: []Section{SectionAccounts}, Check: checkWeakAccounts,
		},
		{
			ID: "invalidPrivileges", Title: "Accounts with privileges that are gone", Severity: Notice,
			About:  "8.4 has no SET_USER_ID. The upgrade turns it into SET_ANY_DEFINER and ALLOW_NONEXISTENT_DEFINER; scripts that grant it fail.",
			Fix:    "Grant the two successors, and change scripts that grant SET_USER_ID.",
			Source: srcBoth, Doc: "https://dev.mysql.com/doc/refman/8.4/en/privileges-provided.html",
			Applies: func(h Hop) bool { return within(v840, h) && h.From.AtLeast(8, 0, 0) }, Needs: []Section{SectionAccounts}, Check: checkPrivileges,
		},
	}
}

// isOwnAccount tells the accounts that the server or RDS makes for itself.
func isOwnAccount(a *Account) bool {
	switch a.User {
	case "mysql.sys", "mysql.session", "mysql.infoschema", "rdsadmin", "rdsrepladmin", "rdstopmgr", "rds_superuser_role":
		return true
	}
	return false
}

func isRouterAccount(a *Account) bool { return strings.HasPrefix(a.User, "mysql_router") }

// authLevel is how much an account's plugin matters to a target.
func authLevel(plugin string, h Hop) (Severity, string) {
	switch plugin {
	case "mysql_native_password":
		if h.To.AtLeast(9, 0, 0) {
			return Error, "which 9.0 no longer has"
		}
		// Every account of a 5.7 server uses it, so below 9.0 it only counts as a notice.
		return Notice, "which is deprecated since 8.0.34 and off by default in 8.4"
	case "sha256_password":
		if h.To.AtLeast(8, 0, 16) {
			return Warning, "which is deprecated since 8.0.16"
		}
		return Notice, "which 8.0.16 deprecates"
	case "authentication_fido":
		switch {
		case h.To.AtLeast(8, 4, 0):
			return Error, "which is removed in 8.4"
		case h.To.AtLeast(8, 2, 0):
			return Warning, "which is deprecated since 8.2"
		}
		return Notice, "which 8.4 removes"
	}
	return "", ""
}

func checkAuthMethods(in *Input) ([]Finding, error) {
	var out []Finding
	for i := range in.Catalog.Accounts {
		a := &in.Catalog.Accounts[i]
		if isOwnAccount(a) || isRouterAccount(a) {
			continue
		}
		for _, plugin := range append([]string{a.Plugin}, a.Factors...) {
			if level, why := authLevel(plugin, in.Hop); level != "" {
				out = append(out, Finding{Object: accountName(a), Severity: level, Message: fmt.Sprintf("uses %s, %s", plugin, why)})
			}
		}
	}
	return out, nil
}

func accountName(a *Account) string { return a.User + "@" + a.Host }

func checkRouterAccounts(in *Input) ([]Finding, error) {
	severity := Warning
	if in.Hop.To.AtLeast(8, 4, 0) {
		severity = Error
	}
	var out []Finding
	for i := range in.Catalog.Accounts {
		a := &in.Catalog.Accounts[i]
		if !isRouterAccount(a) {
			continue
		}
		if level, why := authLevel(a.Plugin, in.Hop); level != "" {
			out = append(out, Finding{Object: accountName(a), Severity: severity, Message: fmt.Sprintf("uses %s, %s", a.Plugin, why)})
		}
	}
	return out, nil
}

func checkWeakAccounts(in *Input) ([]Finding, error) {
	var out []Finding
	for i := range in.Catalog.Accounts {
		a := &in.Catalog.Accounts[i]
		if isOwnAccount(a) {
			continue
		}
		f := Finding{Object: accountName(a)}
		switch {
		case a.User == "":
			f.Message = "the account is anonymous"
		case a.Plugin == "":
			f.Message = "the account has no authentication plugin, and cannot log in"
		case a.Plugin == "mysql_old_password" || a.Plugin == "mysql_native_password" && a.HashLen > 0 && a.HashLen < 41:
			f.Message = "the password is hashed as before 4.1, and cannot be used"
		case a.HashLen == 0 && !a.Locked && isOneOf(a.Plugin, "mysql_native_password", "caching_sha2_password", "sha256_password"):
			f.Message, f.Severity = "the account has no password", Notice
		default:
			continue
		}
		out = append(out, f)
	}
	return out, nil
}

func checkPrivileges(in *Input) ([]Finding, error) {
	var out []Finding
	for i := range in.Catalog.Accounts {
		a := &in.Catalog.Accounts[i]
		if !isOwnAccount(a) && isOneOf("SET_USER_ID", a.Privileges...) {
			out = append(out, Finding{Object: accountName(a), Message: "has SET_USER_ID, which 8.4 no longer has"})
		}
	}
	return out, nil
}
