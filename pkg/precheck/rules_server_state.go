package precheck

import (
	"fmt"
	"slices"
	"strings"
)

func stateRules() []Rule {
	return []Rule{
		{
			ID: "preparedXA", Title: "Prepared XA transactions", Severity: Error,
			About:  "A prepared XA transaction holds its locks over a restart, and the upgrade cannot clean the undo logs. Aurora refuses to upgrade.",
			Fix:    "XA COMMIT or XA ROLLBACK, as its transaction manager says.",
			Source: "Aurora MySQL's precheck; manual, upgrade prerequisites", Doc: "https://dev.mysql.com/doc/refman/8.0/en/xa-statements.html",
			Once: true, Needs: []Section{SectionXA}, Check: checkXA,
		},
		{
			ID: "historyListLength", Title: "Long undo history or huge open transactions", Severity: Warning,
			About:  "Before a major upgrade the server must purge all undo logs. With a history list of over a million, or a transaction with over ten million changed rows, the shutdown takes very long.",
			Fix:    "End long transactions, and wait until the history list is short.",
			Source: "Aurora MySQL's prechecks", Doc: docAurora,
			Once: true, Needs: []Section{SectionTrx}, Check: checkHistory,
		},
		{
			ID: "diskSpace", Title: "Free storage", Severity: Error,
			About:  "The upgrade writes its dictionary, undo logs and temporary files beside the data, and stops when storage runs out.",
			Fix:    "Enlarge the storage, or let storage autoscaling do it, before the upgrade.",
			Source: srcRDS + "; the amount is an own estimate: 1 GiB and 64 KiB for every table and partition", Doc: docRDSMajor,
			Once: true, Needs: []Section{SectionTables, SectionPartitions, SectionSizes}, Check: checkDisk,
		},
		{
			ID: "externalReplica", Title: "This server is a replica", Severity: Warning,
			About:  "A blue/green deployment cannot be made of a replica of an external source or of a read replica; its source must be upgraded later than it, or replication be stopped.",
			Fix:    "Deal with the source, or end the replication, before the deployment.",
			Source: "AWS: blue/green limitations", Doc: docBlueGreen,
			Once: true, Needs: []Section{SectionReplication}, Check: checkReplica,
		},
	}
}

func checkXA(in *Input) ([]Finding, error) {
	var out []Finding
	for _, xid := range in.Catalog.Activity.PreparedXA {
		out = append(out, Finding{Object: xid, Message: "the XA transaction is prepared and waits for its end"})
	}
	return out, nil
}

func checkHistory(in *Input) ([]Finding, error) {
	var out []Finding
	a := &in.Catalog.Activity
	if a.HistoryListLength > 1_000_000 {
		out = append(out, Finding{Object: "trx_rseg_history_len", Message: fmt.Sprintf("the history list has %d entries", a.HistoryListLength)})
	}
	if a.TrxRowsModified > 10_000_000 {
		out = append(out, Finding{Object: "trx_rows_modified", Message: fmt.Sprintf("an open transaction has changed %d rows", a.TrxRowsModified)})
	}
	if a.OldestTrxSeconds > 3600 {
		out = append(out, Finding{Object: "innodb_trx", Severity: Notice, Message: fmt.Sprintf("the oldest open transaction is %d minutes old", a.OldestTrxSeconds/60)})
	}
	return out, nil
}

func checkDisk(in *Input) ([]Finding, error) {
	const gib = 1 << 30
	free := in.Catalog.Activity.FreeBytes
	if free <= 0 {
		return nil, skipError{"free storage is known only where AWS can be asked"}
	}
	need := int64(gib) + int64(len(in.Catalog.Tables)+len(in.Catalog.Partitions))<<16
	if free < need {
		return []Finding{{Object: "FreeStorageSpace", Message: fmt.Sprintf("%.1f GiB free, the upgrade needs about %.1f GiB", float64(free)/gib, float64(need)/gib)}}, nil
	}
	var largest *Table
	for t := range in.Index.baseTables() {
		if largest == nil || t.DataBytes+t.IndexBytes > largest.DataBytes+largest.IndexBytes {
			largest = t
		}
	}
	if largest != nil && uint64(free) < largest.DataBytes+largest.IndexBytes {
		return []Finding{{Object: "FreeStorageSpace", Severity: Warning, Message: fmt.Sprintf("%.1f GiB free; rebuilding the largest table, %s, needs %.1f GiB",
			float64(free)/gib, printable(name(largest.Schema, largest.Name)), float64(largest.DataBytes+largest.IndexBytes)/gib)}}, nil
	}
	return nil, nil
}

func checkReplica(in *Input) ([]Finding, error) {
	a := &in.Catalog.Activity
	if !a.Replica {
		return nil, nil
	}
	object := a.ReplicaOf
	if object == "" {
		object = "replication"
	}
	return []Finding{{Object: object, Message: "this server replicates from another one"}}, nil
}

func clientRules() []Rule {
	return []Rule{
		{
			ID: "tlsClients", Title: "Clients with TLS 1.0, TLS 1.1 or no TLS", Severity: Warning,
			About:  "8.0.28 and newer speak no TLS 1.0 and 1.1, so that such a client can no longer connect by TLS. Clients without TLS are a notice: they fail where require_secure_transport is on, as in newer parameter groups. Only clients that were connected when the catalog was read are seen.",
			Fix:    "Update the client's TLS library or its settings.",
			Source: "manual, removed TLS versions in 8.0.28", Doc: "https://dev.mysql.com/doc/refman/8.0/en/encrypted-connection-protocols-ciphers.html",
			Applies: crosses([3]int{8, 0, 28}), Needs: []Section{SectionSessions}, Check: checkTLSClients,
		},
		{
			ID: "oldConnectors", Title: "Connectors too old for the target", Severity: Warning,
			About:  "The connector does not know caching_sha2_password or utf8mb4's new collations, or asks for variables that are gone (query_cache_size, tx_isolation). Only clients that were connected when the catalog was read, and said who they are, are seen.",
			Fix:    "Update the connector before the upgrade.",
			Source: "release notes of the connectors", Doc: "https://dev.mysql.com/doc/refman/8.0/en/upgrading-from-previous-series.html#upgrade-caching-sha2-password-compatible-connectors",
			Applies: to80, Needs: []Section{SectionSessions}, Check: checkConnectors,
		},
	}
}

func checkTLSClients(in *Input) ([]Finding, error) {
	var out []Finding
	seen := map[[2]string]bool{}
	for _, s := range in.Catalog.Sessions {
		f := Finding{Object: s.User + "@" + s.Host}
		switch strings.ToUpper(s.TLSVersion) {
		case "TLSV1", "TLSV1.0", "TLSV1.1":
			f.Message = "connected with " + s.TLSVersion
		case "":
			// A connection over the server's own socket has no need of TLS.
			if s.Host == "localhost" || s.Host == "" {
				continue
			}
			f.Message, f.Severity = "connected without TLS", Notice
		default:
			continue
		}
		if k := [2]string{f.Object, f.Message}; !seen[k] {
			seen[k] = true
			out = append(out, f)
		}
	}
	return out, nil
}

// connector is the first good version of a client library, by its own name.
type connector struct {
	name  string
	least [3]int
}

// connectors know caching_sha2_password and 8.0's collations from these
// versions on. Sources: MySQL's list of compatible connectors; PHP 7.4's
// release notes for mysqlnd.
var connectors = []connector{
	{"libmysql", [3]int{5, 7, 23}},
	{"libmysqlclient", [3]int{5, 7, 23}},
	{"MySQL Connector Java", [3]int{5, 1, 46}},
	{"MySQL Connector/J", [3]int{5, 1, 46}},
	{"mysql-connector-python", [3]int{8, 0, 5}},
	{"mysql-connector-net", [3]int{8, 0, 10}},
	{"mysql-connector-odbc", [3]int{8, 0, 11}},
	{"mysqlnd", [3]int{7, 4, 0}},
}

func checkConnectors(in *Input) ([]Finding, error) {
	var out []Finding
	seen := map[[2]string]bool{}
	for _, s := range in.Catalog.Sessions {
		i := slices.IndexFunc(connectors, func(c connector) bool { return strings.EqualFold(c.name, s.ClientName) })
		if i < 0 {
			continue
		}
		version, ok := leadingVersion(s.ClientVersion)
		if !ok || slices.Compare(version[:], connectors[i].least[:]) >= 0 {
			continue
		}
		f := Finding{Object: s.User + "@" + s.Host, Message: fmt.Sprintf("uses %s %s; %s or newer is needed",
			printable(s.ClientName), printable(s.ClientVersion), versionString(connectors[i].least))}
		if k := [2]string{f.Object, f.Message}; !seen[k] {
			seen[k] = true
			out = append(out, f)
		}
	}
	return out, nil
}

// leadingVersion finds the first a.b.c in text such as "mysqlnd 5.0.12-dev - 20150407".
func leadingVersion(s string) (v [3]int, ok bool) {
	i := strings.IndexAny(s, "0123456789")
	if i < 0 {
		return v, false
	}
	n, err := fmt.Sscanf(s[i:], "%d.%d.%d", &v[0], &v[1], &v[2])
	return v, n >= 2 || err == nil
}
