package awsrds

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// ownTags is how the keys of the tags begin that say whose a thing is.
const ownTags = "rdsupgrade:"

// createDeployment creates, or adopts what an earlier run created: RDS offers
// no idempotency token, so the name stands for one.
func (c *Client) createDeployment(ctx context.Context, s bluegreen.CreateSpec) (bluegreen.Outcome, error) {
	out, request, err := put(ctx, c.change.CreateBlueGreenDeployment, createInput(s))
	if err == nil {
		return bluegreen.Outcome{Deployment: deploymentOf(out.BlueGreenDeployment), RequestID: request}, nil
	}
	if !hasCode(err, "BlueGreenDeploymentAlreadyExistsFault") {
		return bluegreen.Outcome{RequestID: request}, err
	}
	d, found, lookErr := c.Deployment(ctx, s.Name)
	if lookErr != nil {
		return bluegreen.Outcome{RequestID: request}, lookErr
	}
	var f *bluegreen.Fault
	errors.As(err, &f)
	switch {
	case !found:
		// Just deleted, or not visible yet.
		f.Consequence = bluegreen.Wait
		f.Message = "the name " + oneLine(s.Name) + " is taken by a deployment that RDS does not show"
	case d.Status == bluegreen.Deleting:
		f.Consequence = bluegreen.Wait
		f.Message = "a deployment named " + oneLine(s.Name) + " is being deleted"
	case d.Source != s.SourceARN:
		f.Message = fmt.Sprintf("the name %s belongs to deployment %s of another source, %s",
			oneLine(s.Name), oneLine(d.ID), oneLine(d.Source))
	case !carries(d.Tags, s.Tags):
		f.Message = fmt.Sprintf("deployment %s (%s) has our name and source but not our tags: somebody else made it",
			oneLine(s.Name), oneLine(d.ID))
	default:
		return bluegreen.Outcome{Deployment: &d, RequestID: request, Already: true}, nil
	}
	return bluegreen.Outcome{RequestID: request}, f
}

func createInput(s bluegreen.CreateSpec) *rds.CreateBlueGreenDeploymentInput {
	in := &rds.CreateBlueGreenDeploymentInput{
		BlueGreenDeploymentName: aws.String(s.Name), Source: aws.String(s.SourceARN),
		TargetEngineVersion: optional(s.Version), TargetDBParameterGroupName: optional(s.ParameterGroup),
		TargetDBInstanceClass: optional(s.Class), Tags: tagList(s.Tags),
	}
	if st := s.Storage; st != nil {
		in.TargetStorageType, in.TargetAllocatedStorage = optional(st.Type), optionalInt(st.AllocatedGiB)
		in.TargetIops, in.TargetStorageThroughput = optionalInt(st.IOPS), optionalInt(st.ThroughputMiBps)
		in.UpgradeTargetStorageConfig = optional(st.UpgradeConfig)
	}
	return in
}

// createParameterGroup creates, or adopts our own of the same family.
func (c *Client) createParameterGroup(ctx context.Context, g bluegreen.ParameterSpec) (bluegreen.Outcome, error) {
	description := g.Description
	if description == "" {
		description = "made by rdsupgrade" // AWS wants one
	}
	_, request, err := put(ctx, c.change.CreateDBParameterGroup, &rds.CreateDBParameterGroupInput{
		DBParameterGroupName: aws.String(g.Name), DBParameterGroupFamily: aws.String(g.Family),
		Description: aws.String(description), Tags: tagList(g.Tags)})
	if !hasCode(err, "DBParameterGroupAlreadyExists") {
		return bluegreen.Outcome{RequestID: request}, err
	}
	why, lookErr := c.notOurGroup(ctx, g, description)
	if lookErr != nil {
		return bluegreen.Outcome{RequestID: request}, lookErr
	}
	if why != "" {
		var f *bluegreen.Fault
		errors.As(err, &f)
		f.Message = "parameter group " + oneLine(g.Name) + " " + why
		return bluegreen.Outcome{RequestID: request}, f
	}
	return bluegreen.Outcome{RequestID: request, Already: true}, nil
}

// notOurGroup says why the group that has the name is not the wanted one; "" if it is.
// Without tags to compare, the description has to be ours.
func (c *Client) notOurGroup(ctx context.Context, want bluegreen.ParameterSpec, description string) (string, error) {
	groups, err := c.parameterGroups(ctx, want.Name)
	if err != nil {
		return "", err
	}
	// RDS stores the name in lower case.
	at := slices.IndexFunc(groups, func(g bluegreen.ParameterGroup) bool { return strings.EqualFold(g.Name, want.Name) })
	if at < 0 {
		return "is taken, but RDS does not show it", nil
	}
	is := groups[at]
	if is.Family != want.Family {
		return fmt.Sprintf("is of family %s, not %s", oneLine(is.Family), want.Family), nil
	}
	if !marked(want.Tags) {
		if is.Description != description {
			return "was made by somebody else", nil
		}
		return "", nil
	}
	tags, err := c.Tags(ctx, is.ARN)
	if err != nil {
		return "", err
	}
	if !carries(tags, want.Tags) {
		return "does not carry our tags: somebody else made it", nil
	}
	return "", nil
}

// carries tells that every tag of want that says whose a thing is stands in is too.
func carries(is, want map[string]string) bool {
	for k, v := range want {
		if got, ok := is[k]; strings.HasPrefix(k, ownTags) && (!ok || got != v) {
			return false
		}
	}
	return true
}

func marked(tags map[string]string) bool {
	for k := range tags {
		if strings.HasPrefix(k, ownTags) {
			return true
		}
	}
	return false
}

// tagList is in the order of the keys, so that equal actions send equal requests.
func tagList(tags map[string]string) []types.Tag {
	var list []types.Tag
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, types.Tag{Key: aws.String(k), Value: aws.String(tags[k])})
	}
	return list
}
