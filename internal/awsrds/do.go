package awsrds

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// maxParameters is how many parameters ModifyDBParameterGroup takes at once.
const maxParameters = 20

// Do carries out one action. An error is always a *bluegreen.Fault. When its
// consequence is Ambiguous, AWS may have done it: look before doing it again.
//
// What already is as the action wants it is no error: the outcome says Already.
// Somebody else's thing under the same name is one.
func (c *Client) Do(ctx context.Context, a bluegreen.Action) (bluegreen.Outcome, error) {
	if what := missing(a); what != "" {
		return bluegreen.Outcome{}, &bluegreen.Fault{Code: "IncompleteAction", Consequence: bluegreen.Fix,
			Message: fmt.Sprintf("%s: %s", a.Kind, what)}
	}
	switch a.Kind {
	case bluegreen.CreateParameterGroup:
		return c.createParameterGroup(ctx, *a.Group)
	case bluegreen.SetParameters:
		return c.setParameters(ctx, *a.Group)
	case bluegreen.CreateDeployment:
		return c.createDeployment(ctx, *a.Create)
	case bluegreen.ModifyInstance:
		if err := c.mustBe(ctx, a); err != nil {
			return bluegreen.Outcome{}, err
		}
		return c.modifyInstance(ctx, a.Instance, *a.Modify)
	case bluegreen.RebootInstance:
		_, id, err := put(ctx, c.change.RebootDBInstance, &rds.RebootDBInstanceInput{
			DBInstanceIdentifier: aws.String(a.Instance)})
		return bluegreen.Outcome{RequestID: id}, err
	case bluegreen.Switchover:
		return c.switchover(ctx, a.Deployment, a.Timeout)
	case bluegreen.DeleteDeployment:
		return c.deleteDeployment(ctx, a.Deployment, a.DeleteTarget)
	case bluegreen.DeleteInstance:
		return c.deleteInstance(ctx, a)
	case bluegreen.CreateSnapshot:
		return c.createSnapshot(ctx, a.Instance, a.Snapshot)
	case bluegreen.CreateOptionGroup:
		return c.createOptionGroup(ctx, *a.Options)
	default: // AddRole; missing refuses what is unknown
		return c.addRole(ctx, a.Instance, a.Role)
	}
}

// missing says what an action lacks, or what no call could carry out.
func missing(a bluegreen.Action) string {
	need := func(ok bool, what string) string {
		if ok {
			return ""
		}
		return what
	}
	switch a.Kind {
	case bluegreen.CreateParameterGroup:
		return need(a.Group != nil && a.Group.Name != "" && a.Group.Family != "", "needs a name and a family")
	case bluegreen.SetParameters:
		if a.Group == nil || a.Group.Name == "" || len(a.Group.Parameters) == 0 {
			return "needs a group and parameters"
		}
		for _, p := range a.Group.Parameters {
			if p.Name == "" || (p.Value == "" && !p.HasValue) {
				return "parameter " + oneLine(p.Name) + " has no value"
			}
		}
		return ""
	case bluegreen.CreateDeployment:
		return need(a.Create != nil && a.Create.Name != "" && a.Create.SourceARN != "", "needs a name and a source")
	case bluegreen.ModifyInstance:
		if a.Instance == "" || a.Modify == nil || *a.Modify == (bluegreen.ModifySpec{}) {
			return "needs an instance and a change"
		}
		return need(a.Modify.Storage == nil || !a.Modify.Storage.UpgradeConfig,
			"the storage configuration can only be upgraded when a deployment is created")
	case bluegreen.RebootInstance:
		return need(a.Instance != "", "needs an instance")
	case bluegreen.Switchover:
		if a.Timeout != 0 && (a.Timeout < 30*time.Second || a.Timeout > time.Hour) {
			return fmt.Sprintf("the timeout must be 30 s to 3600 s, not %s", a.Timeout)
		}
		return need(a.Deployment != "", "needs a deployment")
	case bluegreen.DeleteDeployment:
		return need(a.Deployment != "", "needs a deployment")
	case bluegreen.DeleteInstance:
		if a.Replica {
			return need(a.Instance != "" && a.ResourceID != "" && a.Snapshot == "", "needs a read replica and its resource id, and no snapshot: RDS takes none of a replica")
		}
		return need(a.Instance != "" && a.ResourceID != "" && a.Snapshot != "",
			"needs an instance, its resource id and a final snapshot: nothing is deleted without one")
	case bluegreen.CreateSnapshot:
		return need(a.Instance != "" && a.Snapshot != "", "needs an instance and a snapshot name")
	case bluegreen.CreateOptionGroup:
		return need(a.Options != nil && a.Options.Name != "" && a.Options.Line != "", "needs a name and a version line")
	case bluegreen.AddRole:
		return need(a.Instance != "" && a.Role != "", "needs an instance and a role")
	}
	return "unknown kind of action"
}

func (c *Client) modifyInstance(ctx context.Context, id string, m bluegreen.ModifySpec) (bluegreen.Outcome, error) {
	in := &rds.ModifyDBInstanceInput{
		DBInstanceIdentifier: aws.String(id), ApplyImmediately: aws.Bool(true),
		DBInstanceClass: optional(m.Class), EngineVersion: optional(m.Version),
		DBParameterGroupName: optional(m.ParameterGroup), OptionGroupName: optional(m.OptionGroup),
		NewDBInstanceIdentifier: optional(m.NewID), DeletionProtection: m.Protected, MultiAZ: m.MultiAZ,
	}
	if m.Version != "" {
		in.AllowMajorVersionUpgrade = aws.Bool(true)
	}
	if s := m.Storage; s != nil {
		in.StorageType, in.AllocatedStorage = optional(s.Type), optionalInt(s.AllocatedGiB)
		in.Iops, in.StorageThroughput = optionalInt(s.IOPS), optionalInt(s.ThroughputMiBps)
	}
	_, request, err := put(ctx, c.change.ModifyDBInstance, in)
	return bluegreen.Outcome{RequestID: request}, err
}

func (c *Client) switchover(ctx context.Context, id string, timeout time.Duration) (bluegreen.Outcome, error) {
	out, request, err := put(ctx, c.change.SwitchoverBlueGreenDeployment, &rds.SwitchoverBlueGreenDeploymentInput{
		BlueGreenDeploymentIdentifier: aws.String(id), SwitchoverTimeout: optionalInt(int(timeout.Seconds()))})
	if err != nil {
		return bluegreen.Outcome{RequestID: request}, err
	}
	return bluegreen.Outcome{Deployment: deploymentOf(out.BlueGreenDeployment), RequestID: request}, nil
}

func (c *Client) deleteDeployment(ctx context.Context, id string, target bool) (bluegreen.Outcome, error) {
	// DeleteTarget is left out when false: after switchover RDS refuses it.
	out, request, err := put(ctx, c.change.DeleteBlueGreenDeployment, &rds.DeleteBlueGreenDeploymentInput{
		BlueGreenDeploymentIdentifier: aws.String(id), DeleteTarget: optional(target)})
	switch {
	case hasCode(err, "BlueGreenDeploymentNotFoundFault"):
		return bluegreen.Outcome{RequestID: request, Already: true}, nil
	case err != nil:
		return bluegreen.Outcome{RequestID: request}, err
	}
	return bluegreen.Outcome{Deployment: deploymentOf(out.BlueGreenDeployment), RequestID: request}, nil
}

func (c *Client) createSnapshot(ctx context.Context, id, snapshot string) (bluegreen.Outcome, error) {
	_, request, err := put(ctx, c.change.CreateDBSnapshot, &rds.CreateDBSnapshotInput{
		DBInstanceIdentifier: aws.String(id), DBSnapshotIdentifier: aws.String(snapshot)})
	if !hasCode(err, "DBSnapshotAlreadyExists") {
		return bluegreen.Outcome{RequestID: request}, err
	}
	found, lookErr := c.snapshot(ctx, snapshot)
	switch {
	case lookErr != nil:
		return bluegreen.Outcome{RequestID: request}, lookErr
	case found == nil || found.Instance != id:
		return bluegreen.Outcome{RequestID: request}, err
	}
	return bluegreen.Outcome{RequestID: request, Already: true}, nil
}

// addRole takes a role as Instance.Roles writes it: an ARN, and a feature in
// parentheses if it has one.
func (c *Client) addRole(ctx context.Context, id, role string) (bluegreen.Outcome, error) {
	arn, feature, _ := strings.Cut(role, " (")
	_, request, err := put(ctx, c.change.AddRoleToDBInstance, &rds.AddRoleToDBInstanceInput{
		DBInstanceIdentifier: aws.String(id), RoleArn: aws.String(arn),
		FeatureName: aws.String(strings.TrimSuffix(feature, ")"))})
	if hasCode(err, "DBInstanceRoleAlreadyExists") {
		return bluegreen.Outcome{RequestID: request, Already: true}, nil
	}
	return bluegreen.Outcome{RequestID: request}, err
}

// setParameters sends what is not set yet, in lots of twenty, and may stop
// between two lots. Setting a static parameter to the value that it has would
// leave every instance of the group waiting for a reboot.
func (c *Client) setParameters(ctx context.Context, g bluegreen.ParameterSpec) (bluegreen.Outcome, error) {
	have, err := c.Parameters(ctx, g.Name, "user")
	var f *bluegreen.Fault
	if errors.As(err, &f) && f.Consequence == bluegreen.Retry {
		return bluegreen.Outcome{}, err
	}
	rest := slices.DeleteFunc(slices.Clone(g.Parameters), func(p bluegreen.Parameter) bool {
		return slices.ContainsFunc(have, func(h bluegreen.Parameter) bool { return h.Name == p.Name && h.HasValue && h.Value == p.Value })
	})
	if len(rest) == 0 {
		return bluegreen.Outcome{Already: true}, nil
	}
	var last string
	for lot := range slices.Chunk(rest, maxParameters) {
		_, request, err := put(ctx, c.change.ModifyDBParameterGroup, &rds.ModifyDBParameterGroupInput{
			DBParameterGroupName: aws.String(g.Name),
			Parameters: convert(lot, func(p bluegreen.Parameter) types.Parameter {
				return types.Parameter{ParameterName: aws.String(p.Name), ParameterValue: aws.String(p.Value),
					ApplyMethod: applyMethod(p)}
			})})
		last = request
		if err != nil {
			return bluegreen.Outcome{RequestID: last}, err
		}
	}
	return bluegreen.Outcome{RequestID: last}, nil
}

// applyMethod is pending-reboot unless the parameter is known to be dynamic:
// RDS refuses immediate for static ones, and accepts pending-reboot for all.
func applyMethod(p bluegreen.Parameter) types.ApplyMethod {
	if p.ApplyType != "dynamic" {
		return types.ApplyMethodPendingReboot
	}
	if p.ApplyMethod != "" {
		return types.ApplyMethod(p.ApplyMethod)
	}
	return types.ApplyMethodImmediate
}

// hasCode tells that RDS refused with the code; the wire's codes come with and
// without "Fault".
func hasCode(err error, code string) bool {
	var f *bluegreen.Fault
	return errors.As(err, &f) &&
		strings.EqualFold(strings.TrimSuffix(f.Code, "Fault"), strings.TrimSuffix(code, "Fault"))
}
