package bluegreen

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// PolicyOptions narrow an IAM policy.
type PolicyOptions struct {
	// Commands are those of PolicyCommands; empty: all.
	Commands []string
	// Campaign, when given, limits deployments and parameter groups to those
	// that carry its tag.
	Campaign string
	// TagKey and TagValue, when given, limit databases to those that carry the
	// tag. Greens are copies of their blue, tags included.
	TagKey, TagValue string
	// Auth is the plan's connection.auth: secret and iam need an action of their own.
	Auth string
	// Partition is aws, aws-cn or aws-us-gov; "" is aws.
	Partition string
}

// PolicyCommands are the commands that call AWS, in the order of a campaign.
var PolicyCommands = []string{"discover", "plan", "precheck", "run", "rollback", "cleanup"}

// PolicyStatement is one statement of an IAM policy, in IAM's own words.
type PolicyStatement struct {
	Sid       string                         `json:"Sid"`
	Effect    string                         `json:"Effect"`
	Action    []string                       `json:"Action"`
	Resource  []string                       `json:"Resource"`
	Condition map[string]map[string][]string `json:"Condition,omitempty"`
}

// ReadActions are what every command reads, and what each tells.
var ReadActions = []string{
	"rds:DescribeAccountAttributes", "rds:DescribeBlueGreenDeployments", "rds:DescribeDBEngineVersions", "rds:DescribeDBInstances",
	"rds:DescribeDBMajorEngineVersions", "rds:DescribeDBParameterGroups", "rds:DescribeDBParameters", "rds:DescribeDBProxies",
	"rds:DescribeDBProxyTargets", "rds:DescribeEngineDefaultParameters", "rds:DescribeIntegrations", "rds:DescribeOptionGroups",
	"rds:DescribeOrderableDBInstanceOptions", "rds:DescribePendingMaintenanceActions", "rds:DescribeReservedDBInstances", "rds:ListTagsForResource",
}

// trailActions are what run reads besides: why a build failed, the binlog position.
var trailActions = []string{"rds:DescribeDBLogFiles", "rds:DescribeDBSnapshots", "rds:DescribeEvents", "rds:DownloadDBLogFilePortion"}

// IAMPolicy is the least policy for the commands. Its sources are the RDS user
// guide (blue-green-deployments-authorizing-access) and the service
// authorization reference. Names are never limited by a prefix: AWS warns that
// partial wildcards do not work, because it uses names of its own inside.
func IAMPolicy(o PolicyOptions) ([]PolicyStatement, error) {
	cmds := o.Commands
	if len(cmds) == 0 {
		cmds = PolicyCommands
	}
	for _, c := range cmds {
		if !slices.Contains(PolicyCommands, c) {
			return nil, fmt.Errorf("no command %q calls AWS; there are %s", c, strings.Join(PolicyCommands, ", "))
		}
	}
	p := policy{o: o, has: func(c ...string) bool {
		return slices.ContainsFunc(c, func(x string) bool { return slices.Contains(cmds, x) })
	}}
	p.add("Read", ReadActions, []string{"*"}, nil)
	if p.has("run", "rollback", "cleanup") {
		p.add("ReadTrail", trailActions, []string{"*"}, nil)
	}
	if p.has("plan", "run") {
		p.add("ReadMetrics", []string{"cloudwatch:GetMetricData"}, []string{"*"}, nil)
	}
	p.logins()
	if p.has("run") {
		p.build()
	}
	if p.has("run", "rollback") {
		p.switching()
	}
	if p.has("run", "rollback", "cleanup") {
		p.deleting()
	}
	return p.out, nil
}

// policy is a policy while it is put together.
type policy struct {
	o   PolicyOptions
	has func(...string) bool
	out []PolicyStatement
}

type conditions map[string]map[string][]string

func (p *policy) add(sid string, actions, resources []string, c conditions) {
	a := slices.Clone(actions)
	slices.Sort(a)
	p.out = append(p.out, PolicyStatement{Sid: sid, Effect: "Allow", Action: a, Resource: resources, Condition: c})
}

func (p *policy) rds(kinds ...string) []string {
	var out []string
	for _, k := range kinds {
		out = append(out, fmt.Sprintf("arn:%s:rds:*:*:%s:*", orElse(p.o.Partition, "aws"), k))
	}
	return out
}

// ours asks for the campaign's tag on what exists; asked on what is created.
func (p *policy) ours() conditions  { return p.tagged("aws:ResourceTag/", TagCampaign, p.o.Campaign) }
func (p *policy) asked() conditions { return p.tagged("aws:RequestTag/", TagCampaign, p.o.Campaign) }

// databases asks for the plan's own tag on instances, where one was named.
func (p *policy) databases() conditions {
	if p.o.TagKey == "" {
		return nil
	}
	return p.tagged("aws:ResourceTag/", p.o.TagKey, p.o.TagValue)
}

// tagged asks for a tag's value, or, without a value, that the tag is there.
func (p *policy) tagged(kind, key, value string) conditions {
	if value == "" {
		return conditions{"Null": {kind + key: {"false"}}}
	}
	return conditions{"StringEquals": {kind + key: {value}}}
}

func (p *policy) logins() {
	if !p.has("precheck", "run", "plan", "rollback", "cleanup") {
		return
	}
	switch p.o.Auth {
	case "secret":
		p.add("ReadLogins", []string{"secretsmanager:GetSecretValue"}, []string{fmt.Sprintf("arn:%s:secretsmanager:*:*:secret:*", orElse(p.o.Partition, "aws"))}, nil)
	case "iam":
		p.add("Login", []string{"rds-db:connect"}, []string{fmt.Sprintf("arn:%s:rds-db:*:*:dbuser:*/*", orElse(p.o.Partition, "aws"))}, nil)
	}
}

func (p *policy) build() {
	p.add("CreateDeployment", []string{"rds:CreateBlueGreenDeployment"}, p.rds("deployment"), p.asked())
	p.add("CreateDeploymentOf", []string{"rds:CreateBlueGreenDeployment"}, p.rds("db"), p.databases())
	p.add("CreateDeploymentWith", []string{"rds:CreateBlueGreenDeployment"}, p.rds("pg", "og", "subgrp"), nil)
	// RDS makes the green under names of its own, with blue's tags.
	p.add("CreateGreen", []string{"rds:CreateDBInstance", "rds:CreateDBInstanceReadReplica"}, p.rds("db", "pg", "og", "subgrp"), nil)
	p.add("Tag", []string{"rds:AddTagsToResource"}, p.rds("db", "deployment", "pg", "snapshot"), nil)
	p.add("CreateParameterGroup", []string{"rds:CreateDBParameterGroup"}, p.rds("pg"), p.asked())
	p.add("FillParameterGroup", []string{"rds:ModifyDBParameterGroup"}, p.rds("pg"), p.ours())
	p.add("CreateOptionGroup", []string{"rds:CreateOptionGroup"}, p.rds("og"), p.asked())
	p.add("FillOptionGroup", []string{"rds:ModifyOptionGroup"}, p.rds("og"), p.ours())
	p.add("RolesOfGreen", []string{"rds:AddRoleToDBInstance"}, p.rds("db"), p.databases())
	p.add("PassRole", []string{"iam:PassRole"}, []string{fmt.Sprintf("arn:%s:iam::*:role/*", orElse(p.o.Partition, "aws"))},
		conditions{"StringEquals": {"iam:PassedToService": {"rds.amazonaws.com", "monitoring.rds.amazonaws.com"}}})
	p.add("Keys", []string{"kms:CreateGrant", "kms:DescribeKey"}, []string{fmt.Sprintf("arn:%s:kms:*:*:key/*", orElse(p.o.Partition, "aws"))},
		conditions{"StringLike": {"kms:ViaService": {"rds.*.amazonaws.com"}}})
}

func (p *policy) switching() {
	change := []string{"rds:ModifyDBInstance", "rds:RebootDBInstance"}
	if p.has("run") {
		p.add("Switchover", []string{"rds:SwitchoverBlueGreenDeployment"}, p.rds("deployment"), p.ours())
		p.add("SwitchoverOf", []string{"rds:SwitchoverBlueGreenDeployment"}, p.rds("db"), p.databases())
		change = append(change, "rds:PromoteReadReplica")
	}
	if p.has("rollback") && !p.has("run") { // a server that goes back, or makes room, gets a group of its own
		p.add("Tag", []string{"rds:AddTagsToResource"}, p.rds("pg"), nil)
		p.add("CreateParameterGroup", []string{"rds:CreateDBParameterGroup"}, p.rds("pg"), p.asked())
		p.add("FillParameterGroup", []string{"rds:ModifyDBParameterGroup"}, p.rds("pg"), p.ours())
	}
	p.add("ChangeInstances", change, p.rds("db"), p.databases())
	p.add("UseGroups", []string{"rds:ModifyDBInstance"}, p.rds("pg", "og"), nil)
}

func (p *policy) deleting() {
	p.add("DeleteDeployment", []string{"rds:DeleteBlueGreenDeployment"}, p.rds("deployment"), p.ours())
	p.add("DeleteDeploymentOf", []string{"rds:DeleteBlueGreenDeployment"}, p.rds("db"), p.databases())
	p.add("DeleteInstances", []string{"rds:DeleteDBInstance", "rds:PromoteReadReplica", "rds:ModifyDBInstance"}, p.rds("db"), p.databases())
	if p.has("cleanup", "rollback") {
		p.add("Snapshots", []string{"rds:AddTagsToResource", "rds:CreateDBSnapshot"}, p.rds("db", "snapshot"), nil)
	}
}

// PolicyJSON is the policy as an IAM policy document.
func PolicyJSON(list []PolicyStatement) ([]byte, error) {
	b, err := json.MarshalIndent(struct {
		Version   string            `json:"Version"`
		Statement []PolicyStatement `json:"Statement"`
	}{"2012-10-17", list}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the policy: %w", err)
	}
	return append(b, '\n'), nil
}

// PolicyTerraform is the policy as a Terraform data source.
func PolicyTerraform(list []PolicyStatement) []byte {
	var b strings.Builder
	b.WriteString("data \"aws_iam_policy_document\" \"rdsupgrade\" {\n")
	for n, s := range list {
		if n > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "  statement {\n    sid       = %s\n    effect    = \"Allow\"\n    actions   = %s\n    resources = %s\n", hcl(s.Sid), hclList(s.Action), hclList(s.Resource))
		for _, test := range sortedKeys(s.Condition) {
			for _, variable := range sortedKeys(s.Condition[test]) {
				fmt.Fprintf(&b, "\n    condition {\n      test     = %s\n      variable = %s\n      values   = %s\n    }\n", hcl(test), hcl(variable), hclList(s.Condition[test][variable]))
			}
		}
		b.WriteString("  }\n")
	}
	b.WriteString("}\n")
	return []byte(b.String())
}

// hcl quotes a string: Terraform would take ${ and %{ for templates.
func hcl(s string) string {
	q := strings.NewReplacer("${", "$${", "%{", "%%{").Replace(s)
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(q) + `"`
}

func hclList(list []string) string {
	if len(list) == 1 {
		return "[" + hcl(list[0]) + "]"
	}
	var b strings.Builder
	b.WriteString("[\n")
	for _, s := range list {
		b.WriteString("      " + hcl(s) + ",\n")
	}
	return b.String() + "    ]"
}
