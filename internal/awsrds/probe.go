package awsrds

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// Names that nothing has: no id of RDS's looks like the deployment's, and the
// others would have to be chosen on purpose.
const (
	noDeployment = "bgd-0000000000000000"
	noInstance   = "rdsupgrade-probe-of-permissions-no-such-instance"
	noGroup      = "rdsupgrade-probe-of-permissions-no-such-group"
)

// Identity is the ARN that AWS takes us for.
func (c *Client) Identity(ctx context.Context) (string, error) {
	id, err := c.CallerIdentity(ctx)
	return id.ARN, err
}

// Probe makes the mutating calls of a campaign on names that do not exist, and
// gives each one's answer. AWS checks permissions before it looks a name up, so
// that "not found" tells that the call is permitted. Nothing can be changed by
// it; CloudTrail shows the failed calls. Where a policy asks for the campaign's
// tag on what is created, the probe has it.
func (c *Client) Probe(ctx context.Context, campaign string) map[string]error {
	source := "arn:aws:rds:" + c.scope.Region + ":" + c.account(ctx) + ":db:" + noInstance
	out := map[string]error{}
	_, _, out["rds:CreateBlueGreenDeployment"] = put(ctx, c.change.CreateBlueGreenDeployment, &rds.CreateBlueGreenDeploymentInput{
		BlueGreenDeploymentName: aws.String("rdsupgrade-probe"), Source: aws.String(source),
		Tags: []types.Tag{{Key: aws.String(bluegreen.TagCampaign), Value: aws.String(campaign)}}})
	_, _, out["rds:SwitchoverBlueGreenDeployment"] = put(ctx, c.change.SwitchoverBlueGreenDeployment, &rds.SwitchoverBlueGreenDeploymentInput{
		BlueGreenDeploymentIdentifier: aws.String(noDeployment)})
	_, _, out["rds:DeleteBlueGreenDeployment"] = put(ctx, c.change.DeleteBlueGreenDeployment, &rds.DeleteBlueGreenDeploymentInput{
		BlueGreenDeploymentIdentifier: aws.String(noDeployment)})
	_, _, out["rds:ModifyDBInstance"] = put(ctx, c.change.ModifyDBInstance, &rds.ModifyDBInstanceInput{DBInstanceIdentifier: aws.String(noInstance)})
	_, _, out["rds:RebootDBInstance"] = put(ctx, c.change.RebootDBInstance, &rds.RebootDBInstanceInput{DBInstanceIdentifier: aws.String(noInstance)})
	_, _, out["rds:ModifyDBParameterGroup"] = put(ctx, c.change.ModifyDBParameterGroup, &rds.ModifyDBParameterGroupInput{
		DBParameterGroupName: aws.String(noGroup), Parameters: []types.Parameter{{ParameterName: aws.String("event_scheduler"),
			ParameterValue: aws.String("OFF"), ApplyMethod: types.ApplyMethodPendingReboot}}})
	_, _, out["rds:AddTagsToResource"] = put(ctx, c.change.AddTagsToResource, &rds.AddTagsToResourceInput{
		ResourceName: aws.String(source), Tags: []types.Tag{{Key: aws.String(bluegreen.TagCampaign), Value: aws.String(campaign)}}})
	return out
}

func (c *Client) account(ctx context.Context) string {
	if c.scope.AccountID != "" {
		return c.scope.AccountID
	}
	id, err := c.CallerIdentity(ctx)
	if err != nil {
		return "000000000000"
	}
	return id.Account
}
