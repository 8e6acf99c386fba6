package awsrds

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdsupgrade/rdsupgrade/pkg/bluegreen"
)

// Deployments are all blue/green deployments of the account and Region: one
// call per hundred.
func (c *Client) Deployments(ctx context.Context) ([]bluegreen.Deployment, error) {
	return c.deployments(ctx, nil)
}

// Deployment is the deployment of that name; false when there is none.
func (c *Client) Deployment(ctx context.Context, name string) (bluegreen.Deployment, bool, error) {
	found, err := c.deployments(ctx, filter("blue-green-deployment-name", name))
	if err != nil {
		return bluegreen.Deployment{}, false, err
	}
	// Not every endpoint that speaks the API honours filters.
	for _, d := range found {
		if d.Name == name {
			return d, true, nil
		}
	}
	return bluegreen.Deployment{}, false, nil
}

func (c *Client) deployments(ctx context.Context, filters []types.Filter) ([]bluegreen.Deployment, error) {
	var all []bluegreen.Deployment
	err := pages(func(marker *string) (*string, error) {
		// MaxRecords is left out: its default is the largest, 100, and moto,
		// which people practise on, breaks over it.
		out, err := get(ctx, c.read.DescribeBlueGreenDeployments, &rds.DescribeBlueGreenDeploymentsInput{
			Filters: filters, Marker: marker})
		if err != nil {
			return nil, err
		}
		all = append(all, convert(out.BlueGreenDeployments, deployment)...)
		return out.Marker, nil
	})
	return all, err
}

func deployment(d types.BlueGreenDeployment) bluegreen.Deployment {
	return bluegreen.Deployment{
		ID: aws.ToString(d.BlueGreenDeploymentIdentifier), Name: aws.ToString(d.BlueGreenDeploymentName),
		Source: aws.ToString(d.Source), Target: aws.ToString(d.Target),
		Status: aws.ToString(d.Status), Details: aws.ToString(d.StatusDetails),
		Members: convert(d.SwitchoverDetails, func(m types.SwitchoverDetail) bluegreen.Member {
			return bluegreen.Member{Source: aws.ToString(m.SourceMember), Target: aws.ToString(m.TargetMember),
				Status: aws.ToString(m.Status)}
		}),
		Tasks: convert(d.Tasks, func(t types.BlueGreenDeploymentTask) bluegreen.Task {
			return bluegreen.Task{Name: aws.ToString(t.Name), Status: aws.ToString(t.Status)}
		}),
		Created: aws.ToTime(d.CreateTime), Deleted: aws.ToTime(d.DeleteTime), Tags: tagMap(d.TagList),
	}
}

// deploymentOf converts the deployment of a mutating call's answer.
func deploymentOf(d *types.BlueGreenDeployment) *bluegreen.Deployment {
	if d == nil {
		return nil
	}
	out := deployment(*d)
	return &out
}
