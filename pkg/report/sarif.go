package report

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/url"

	"github.com/rdsupgrade/rdsupgrade/pkg/precheck"
)

// SARIF 2.1.0 (OASIS, https://docs.oasis-open.org/sarif/sarif/v2.1.0/): the
// parts that an audit of servers has. A database has no file; its artifact is a
// relative URI "db/<id>", and the object is a logical location.
type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool        sarifTool         `json:"tool"`
	Invocations []sarifInvocation `json:"invocations"`
	Results     []sarifResult     `json:"results"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name    string      `json:"name"`
	Version string      `json:"version,omitempty"`
	Rules   []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID      string       `json:"id"`
	Short   sarifMessage `json:"shortDescription"`
	HelpURI string       `json:"helpUri,omitempty"`
	Default sarifConfig  `json:"defaultConfiguration"`
}

type sarifConfig struct {
	Level string `json:"level"`
}

type sarifMessage struct {
	Text string `json:"text"`
}

type sarifInvocation struct {
	// Successful is false when a check could not run: the results are not all.
	Successful    bool                `json:"executionSuccessful"`
	EndTime       string              `json:"endTimeUtc"`
	Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
}

type sarifNotification struct {
	Level     string          `json:"level"`
	Message   sarifMessage    `json:"message"`
	Locations []sarifLocation `json:"locations,omitempty"`
	Rule      *sarifRuleRef   `json:"associatedRule,omitempty"`
}

type sarifRuleRef struct {
	ID string `json:"id"`
}

type sarifResult struct {
	RuleID       string             `json:"ruleId"`
	RuleIndex    int                `json:"ruleIndex"`
	Level        string             `json:"level"`
	Message      sarifMessage       `json:"message"`
	Locations    []sarifLocation    `json:"locations"`
	Fingerprints map[string]string  `json:"partialFingerprints"`
	Suppressions []sarifSuppression `json:"suppressions,omitempty"`
}

type sarifLocation struct {
	Physical *sarifPhysical `json:"physicalLocation,omitempty"`
	Logical  []sarifLogical `json:"logicalLocations,omitempty"`
}

type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"`
}

type sarifArtifact struct {
	URI string `json:"uri"`
}

type sarifLogical struct {
	Name          string `json:"name"`
	QualifiedName string `json:"fullyQualifiedName"`
}

type sarifSuppression struct {
	Kind          string `json:"kind"`
	Status        string `json:"status"`
	Justification string `json:"justification"`
}

var sarifLevels = map[precheck.Severity]string{precheck.Error: "error", precheck.Warning: "warning", precheck.Notice: "note"}

// sarifLevel takes a severity that it does not know for the worst.
func sarifLevel(s precheck.Severity) string { return or(sarifLevels[s], "error") }

func writeSARIF(w io.Writer, m precheckModel, tool string) error {
	run := sarifRun{
		Tool:    sarifTool{sarifDriver{Name: "rdsupgrade", Version: tool, Rules: []sarifRule{}}},
		Results: []sarifResult{},
	}
	inv := sarifInvocation{Successful: len(m.CouldNotRun) == 0, EndTime: m.GeneratedAt.Format("2006-01-02T15:04:05Z")}
	for _, n := range m.CouldNotRun {
		text := n.Reason
		if n.Grant != "" {
			text += "; missing grant: " + n.Grant
		}
		note := sarifNotification{Level: "error", Message: sarifMessage{Visible(or(text, "could not run"))}, Locations: []sarifLocation{sarifDB(n.Database)}}
		if n.Check != "" {
			note.Rule = &sarifRuleRef{n.Check}
		}
		inv.Notifications = append(inv.Notifications, note)
	}
	run.Invocations = []sarifInvocation{inv}
	for i, r := range m.Rules {
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{ID: r.ID, Short: sarifMessage{Visible(or(r.Title, r.ID))},
			HelpURI: webLink(r.Doc), Default: sarifConfig{sarifLevel(r.Severity)}})
		for _, d := range r.Databases {
			for _, f := range d.Findings {
				run.Results = append(run.Results, sarifFinding(i, r, d.ID, f))
			}
		}
	}
	return writeJSON(w, sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run}})
}

func sarifFinding(index int, r ruleGroup, id string, f precheck.Finding) sarifResult {
	sev := r.Severity
	if f.Severity != "" {
		sev = f.Severity
	}
	loc := sarifDB(id)
	loc.Logical = []sarifLogical{{Name: Visible(f.Object), QualifiedName: Visible(id + "/" + f.Object)}}
	text := id + ": " + f.Object + ": " + f.Message
	if f.Fix != "" {
		text += " Fix: " + f.Fix
	}
	// The same finding in next week's run has the same fingerprint.
	sum := sha256.Sum256([]byte(id + "\x00" + r.ID + "\x00" + f.Object + "\x00" + f.Hop + "\x00" + f.Message))
	out := sarifResult{RuleID: r.ID, RuleIndex: index, Level: sarifLevel(sev), Message: sarifMessage{Visible(text)},
		Locations: []sarifLocation{loc}, Fingerprints: map[string]string{"finding/v1": hex.EncodeToString(sum[:16])}}
	if w := f.Waived; w != nil {
		status := "accepted"
		if w.Expired {
			status = "rejected"
		}
		out.Suppressions = []sarifSuppression{{"external", status, Visible(waiverWords(*w))}}
	}
	return out
}

func sarifDB(id string) sarifLocation {
	return sarifLocation{Physical: &sarifPhysical{sarifArtifact{"db/" + url.PathEscape(id)}}}
}
